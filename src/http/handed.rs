//! Answers that hold copy, on their way out: each body carries what says that its text may leave until its bytes are handed to
//! the connection, so that whoever sets a stop can wait for them.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use hyper::body::{Frame, SizeHint};
use serde::Serialize;

use super::Problem;

/// The JSON of something, which holds `leave` until it is handed over.
pub(super) fn json<L: Send + Sync + 'static>(
    value: &impl Serialize,
    leave: &Arc<L>,
) -> Result<Response, Problem> {
    let bytes = serde_json::to_vec(value).map_err(|error| {
        tracing::error!(%error, "an answer cannot be written");
        Problem::internal()
    })?;
    Ok(written(bytes.into(), Arc::clone(leave)))
}

/// The same of JSON that is written already.
pub(super) fn written<L: Send + Sync + 'static>(json: Bytes, leave: Arc<L>) -> Response {
    let body = Body::new(Handed { json: Some(json), _leave: leave });
    let mut response = body.into_response();
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// A body of one piece. What it holds beside its bytes goes when the connection is done with it.
struct Handed<L> {
    json: Option<Bytes>,
    _leave: Arc<L>,
}

impl<L: Send + Sync + 'static> HttpBody for Handed<L> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.json.take().map(|json| Ok(Frame::data(json))))
    }

    fn is_end_stream(&self) -> bool {
        self.json.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.json.as_ref().map_or(0, |json| json.len() as u64))
    }
}
