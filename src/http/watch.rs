//! Around every request: when its headers were read, its id, its trace, how long it took; and it is counted.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::app::Shared;
use crate::telemetry::{adopt, names};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Stands for the path of requests that no route is for.
const NO_ROUTE: &str = "none";

/// The methods that go into traces under their own name.
const KNOWN: [&Method; 7] = [
    &Method::GET,
    &Method::POST,
    &Method::PUT,
    &Method::PATCH,
    &Method::DELETE,
    &Method::HEAD,
    &Method::OPTIONS,
];

/// Set on answers to publishable keys: they carry no id, no trace and no time.
#[derive(Clone, Copy)]
pub(super) struct Plain;

/// When the headers of a request were read: deadlines count from here.
#[derive(Clone, Copy)]
pub(super) struct Received(pub(super) Instant);

pub(super) async fn watch(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let received = Instant::now();
    request.extensions_mut().insert(Received(received));
    // The pattern, never the path itself: that is whatever somebody sent.
    let route = request.extensions().get::<MatchedPath>().map_or(NO_ROUTE, MatchedPath::as_str);
    let counted = shared.parts.metrics.http_request(route);
    let id = request.headers().get(REQUEST_ID).filter(|id| is_plain(id)).cloned().or_else(|| {
        let random: u128 = rand::random();
        HeaderValue::from_str(&format!("{random:032x}")).ok()
    });
    let trace = traceparent(request.headers()).cloned();
    let span = span(request.method(), route, trace.as_ref());
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    span.record(names::HTTP_STATUS, status);
    counted.answered(status);
    if response.extensions().get::<Plain>().is_some() {
        return response;
    }
    let headers = response.headers_mut();
    headers.extend(id.map(|id| (REQUEST_ID, id)));
    headers.extend(trace.map(|trace| (TRACEPARENT, trace)));
    let timing = format!("app;dur={:.3}", received.elapsed().as_secs_f64() * 1e3);
    headers.extend(HeaderValue::from_str(&timing).ok().map(|timing| (SERVER_TIMING, timing)));
    response
}

/// A request's span: of the trace that its sender named, if any.
fn span(method: &Method, route: &str, trace: Option<&HeaderValue>) -> Span {
    let method = KNOWN.into_iter().find(|known| *known == method).map_or("_OTHER", Method::as_str);
    let span = tracing::debug_span!(
        "request",
        { names::SPAN_NAME } = Empty,
        { names::SPAN_KIND } = "server",
        { names::HTTP_METHOD } = method,
        { names::HTTP_ROUTE } = route,
        { names::HTTP_STATUS } = Empty,
    );
    if !span.is_disabled() {
        span.record(names::SPAN_NAME, format!("{method} {route}"));
        if let Some(trace) = trace.and_then(|trace| trace.to_str().ok()) {
            adopt(&span, trace);
        }
    }
    span
}

/// The W3C trace context of a request, when it is well-formed: small hexadecimal digits, a version that exists, ids that are
/// not all zero.
pub(super) fn traceparent(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.get(TRACEPARENT).filter(|value| {
        let parts: Vec<&str> = value.to_str().unwrap_or_default().split('-').collect();
        let hex = |part: &&str| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let some = |part: &str| part.bytes().any(|b| b != b'0');
        let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
        lengths == [2, 32, 16, 2]
            && parts.iter().all(hex)
            && matches!(parts.as_slice(), [version, trace, parent, _] if *version != "ff" && some(trace) && some(parent))
    })
}

fn is_plain(value: &HeaderValue) -> bool {
    let text = value.to_str().unwrap_or_default();
    (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}
