//! `GET /v1/policy`, `/healthz` and `/readyz`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::Pinned;
use crate::app::Shared;
use crate::diagnostic::Diagnostic;
use crate::policy::{Refusal, Set, Standing, withdrawn};
use crate::words::Revision;

/// One fault of an edit that was refused.
#[derive(Serialize)]
struct Refused {
    set: Set,
    since: Timestamp,
    hash: Option<Revision>,
    #[serde(flatten)]
    diagnostic: Diagnostic,
}

/// What is in force, since when, which edits were refused, which pre-written copy the rules have withdrawn, and
/// what somebody should look at.
pub(super) async fn policy(State(shared): State<Arc<Shared>>, Pinned(policy): Pinned) -> Json<Value> {
    let refused: Vec<Refused> = shared
        .desk
        .refused()
        .into_iter()
        .flat_map(|Refusal { set, hash, since, diagnostics }| {
            let errors = diagnostics.into_iter().filter(Diagnostic::is_error);
            errors.map(move |diagnostic| Refused { set, since, hash: hash.clone(), diagnostic })
        })
        .collect();
    let proposals = super::desk::waiting(&shared).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "the proposals cannot be read");
        Vec::new()
    });
    Json(json!({
        "revision": policy.revision,
        "since": policy.since,
        "guardrails": policy.guardrails.hash(),
        "prompts": policy.copy.revision,
        "nodes": shared.nodes().await,
        "refused": refused,
        "rolled_back": shared.desk.rolled_back(),
        "proposals": proposals,
        "unread_since": shared.hanging(),
        "alerts": shared.alerts.standing(),
        "shadow": shared.parts.shadows.told(),
        "withdrawn": withdrawn(&policy.copy.prompts, &policy.guardrails, Standing::InForce, (shared.parts.now)()),
    }))
}

/// Live: touches nothing.
pub(super) async fn healthz() -> Json<Value> {
    Json(json!({"status": "live"}))
}

/// Ready, and which parts are degraded; 503 only when requests should go elsewhere.
pub(super) async fn readyz(State(shared): State<Arc<Shared>>) -> Response {
    if shared.stopping.load(Ordering::SeqCst) {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"status": "stopping"}))).into_response();
    }
    let degraded = shared.degraded();
    let status = if degraded.is_empty() { "ready" } else { "degraded" };
    Json(json!({"status": status, "degraded": degraded})).into_response()
}
