//! `POST /v1/erasures`: what the log holds of a person is erased.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::Problem;
use super::auth::Caller;
use super::body::Body;
use crate::app::Shared;
use crate::audit::erase::EraseError;

/// The most characters of what the request is called.
const MAX_REFERENCE: usize = 200;

/// Whom to erase, as sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Erasure {
    user: String,
    #[serde(default)]
    reference: Option<String>,
}

/// Erases, and answers with the receipt.
pub(super) async fn erase(
    State(shared): State<Arc<Shared>>,
    Caller(by): Caller,
    Body(Erasure { user, reference }): Body<Erasure>,
) -> Result<Response, Problem> {
    if user.is_empty() {
        return Err(Problem::malformed("`user`: write the id that pages send as `user.id`"));
    }
    if reference.as_ref().is_some_and(|reference| reference.chars().count() > MAX_REFERENCE) {
        return Err(Problem::malformed(format!("`reference`: write at most {MAX_REFERENCE} characters")));
    }
    // Whoever asked may hang up: what has begun is finished all the same.
    let erasing = tokio::spawn(async move { shared.erase(&user, &by, reference.as_deref()).await });
    match erasing.await {
        Ok(Ok(erased)) => Ok((StatusCode::CREATED, Json(erased.receipt)).into_response()),
        Ok(Err(EraseError::Held { id, reason })) => Err(Problem::held(id, &reason)),
        Ok(Err(error)) => {
            tracing::error!(%error, "an erasure could not be carried out");
            Err(Problem::not_erased())
        }
        Err(_) => Err(Problem::internal()),
    }
}
