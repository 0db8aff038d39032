//! `idempotency-key`: the same answer again to whoever sends the same request again, for a day.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts as Head;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;

use super::auth::KeyId;
use super::{Problem, handed};
use crate::app::Shared;
use crate::pipeline::{Request, Ticket};
use crate::stops::Leave;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// The longest value of the header, in characters.
const MAX_LENGTH: usize = 255;

/// The `idempotency-key` of a request with the id of its API key; `None` without the header.
pub(super) struct Idempotency(Option<(String, String)>);

impl Idempotency {
    /// The ticket that the request asks with.
    pub(super) fn ticket(&self, request: &Request) -> Option<Ticket> {
        self.0.as_ref().map(|(key_id, header)| Ticket::of(key_id, header, request))
    }
}

impl FromRequestParts<Arc<Shared>> for Idempotency {
    type Rejection = Problem;

    async fn from_request_parts(head: &mut Head, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let mut values = head.headers.get_all(IDEMPOTENCY_KEY).iter();
        let Some(value) = values.next() else { return Ok(Self(None)) };
        let value = value.to_str().unwrap_or_default();
        let well_formed =
            (1..=MAX_LENGTH).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_graphic());
        if !well_formed || values.next().is_some() {
            return Err(Problem::malformed(
                "`idempotency-key`: send it once, with 1 to 255 visible ASCII characters and no space",
            ));
        }
        let value = value.to_owned();
        let KeyId(id) = KeyId::from_request_parts(head, shared).await?;
        Ok(Self(Some((id, value))))
    }
}

/// An answer as it was sent before.
pub(super) fn replayed(answer: &str, leave: Arc<Leave>) -> Response {
    let mut response = handed::written(answer.to_owned().into(), leave);
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
