//! Spans sent to a collector, as OTLP over HTTP.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider,
};
use opentelemetry::{Array, Context, KeyValue, StringValue, Value};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use super::ExportError;

/// How long one batch of spans may take to be sent.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long what is left may take when the service ends.
const LAST: Duration = Duration::from_secs(5);
/// The most bytes read of a collector's answer.
const MAX_ANSWER: usize = 64 * 1024;

/// The way to a collector.
pub(super) struct Export(SdkTracerProvider);

impl Export {
    /// Sends spans to the collector at `endpoint`, such as `http://127.0.0.1:4318`, in batches. Call it inside a tokio
    /// runtime.
    pub(super) fn start(endpoint: &str) -> Result<Self, ExportError> {
        // Another part of the process may have installed a provider of cryptography already; either will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never());
        if endpoint.starts_with("http://") {
            // Then no certificate is ever looked at, and a machine that has none can still be used.
            http = http.tls_certs_only([]);
        }
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .with_timeout(TIMEOUT)
            .with_http_client(Http { client: http.build()?, runtime: Handle::current() })
            .build()?;
        let resource = Resource::builder_empty()
            .with_attributes([
                KeyValue::new("service.name", "copyrail"),
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            ])
            .build();
        Ok(Self(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build()))
    }

    /// Takes the service's own spans, and no events: log lines stay where the log is.
    pub(super) fn layer<S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync>(
        &self,
    ) -> impl Layer<S> + Send + Sync + use<S> {
        let ours = |metadata: &Metadata<'_>| metadata.is_span() && metadata.target().starts_with("copyrail");
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("copyrail"))
            .with_location(false)
            .with_target(false)
            .with_threads(false)
            .with_level(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(ours).with_max_level_hint(LevelFilter::DEBUG))
    }

    /// Sends what is left; blocks meanwhile.
    pub(super) fn end(&self) {
        if let Err(error) = self.0.shutdown_with_timeout(LAST) {
            tracing::warn!(%error, "the last spans could not be sent");
        }
    }
}

/// Makes a span a part of the trace that `traceparent` names, with the caller's span as its parent.
pub(super) fn adopt(span: &Span, traceparent: &str) {
    let mut parts = traceparent.split('-').skip(1);
    let mut next = || parts.next().unwrap_or_default();
    let (Ok(trace), Ok(parent)) = (TraceId::from_hex(next()), SpanId::from_hex(next())) else { return };
    let flags = TraceFlags::new(u8::from_str_radix(next(), 16).unwrap_or_default());
    let caller = SpanContext::new(trace, parent, flags, true, TraceState::default());
    // It fails where the span goes nowhere, and then it has no parent to miss.
    let _ = span.set_parent(Context::new().with_remote_span_context(caller));
}

/// Sets an attribute that is a list, which `tracing` does not have.
pub(super) fn list(span: &Span, name: &'static str, words: &[&str]) {
    let words = words.iter().map(|word| StringValue::from((*word).to_owned())).collect();
    span.set_attribute(name, Value::Array(Array::String(words)));
}

/// Sends over the service's own runtime: the exporter's thread has none.
struct Http {
    client: reqwest::Client,
    runtime: Handle,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Http")
    }
}

type Sent = Result<Response<Bytes>, HttpError>;

impl HttpClient for Http {
    fn send_bytes<'life0, 'async_trait>(
        &'life0 self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Sent> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move {
            let request = reqwest::Request::try_from(request)?;
            let mut answer = client.execute(request).await?;
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = answer.status();
            *response.headers_mut() = answer.headers().clone();
            let mut body = Vec::new();
            while let Some(chunk) = answer.chunk().await? {
                if body.len() + chunk.len() > MAX_ANSWER {
                    break;
                }
                body.extend_from_slice(&chunk);
            }
            *response.body_mut() = body.into();
            Ok(response)
        });
        Box::pin(async move { sent.await.unwrap_or_else(|error| Err(error.into())) })
    }
}
