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
use crate::audit::heads::Keeper;
use crate::audit::{self, Condition, Recorder};
use crate::diagnostic::Diagnostic;
use crate::generate::{BreakerState, FaultKind, ProviderStanding};
use crate::policy::{Refusal, Set, Standing, withdrawn};
use crate::words::{Revision, utc_day};

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
    let parts = &shared.parts;
    let mut degraded = Vec::new();
    degraded.extend(log(&parts.recorder).into_iter().map(|detail| json!({"part": "log", "detail": detail})));
    if let Some(error) = shared.heads.as_ref().and_then(Keeper::trouble) {
        let detail = format!("the log's signed head cannot be written: {error}");
        degraded.push(json!({"part": "heads", "detail": detail}));
    }
    match &parts.generator {
        Some(generator) => {
            let left_alone = generator.standing().into_iter().filter_map(left_alone);
            degraded.extend(left_alone.map(|detail| json!({"part": "llm", "detail": detail})));
        }
        None => degraded.push(
            json!({"part": "llm", "detail": "no provider is configured: pre-written copy alone is served"}),
        ),
    }
    degraded.extend(parts.trouble.told().map(|detail| json!({"part": "llm", "detail": detail})));
    if let Some(generator) = &parts.generator {
        let budget = generator.budget();
        for purpose in budget.refuses(utc_day((parts.now)())) {
            let (purpose, spent) = (purpose.as_str(), budget.spent().units());
            let detail = format!(
                "the day's budget allows no further call for purpose `{purpose}`; {spent:.2} are spent or set aside"
            );
            degraded.push(json!({"part": "budget", "detail": detail}));
        }
    }
    if let Some(since) = shared.hanging() {
        let detail =
            format!("the disk of the policy's files does not answer since {since}, so no edit is seen");
        degraded.push(json!({"part": "policy", "detail": detail}));
    }
    for refusal in shared.desk.refused() {
        let errors: Vec<_> = refusal.diagnostics.iter().filter(|d| d.is_error()).collect();
        let first = errors.first().map(|first| format!(": {}: {}", first.place(), first.message));
        let detail = format!(
            "an edit of the {} is refused since {} ({}){}",
            refusal.set.as_str(),
            refusal.since,
            if errors.len() == 1 { "1 fault".to_owned() } else { format!("{} faults", errors.len()) },
            first.unwrap_or_default()
        );
        degraded.push(json!({"part": "policy", "detail": detail}));
    }
    let status = if degraded.is_empty() { "ready" } else { "degraded" };
    Json(json!({"status": status, "degraded": degraded})).into_response()
}

/// What is to be said of the log.
fn log(recorder: &Recorder) -> Vec<String> {
    let Condition { failing, spooled, spool_bytes, spool_limit } = recorder.condition();
    let full = (spool_bytes * 100).checked_div(spool_limit);
    let full = full.map_or_else(|| "there is no spool".into(), |full| format!("the spool is {full} % full"));
    let mut told = Vec::new();
    if let Some((since, error)) = failing {
        let follows = match recorder.standing() {
            audit::Standing::Counting => {
                "pre-written copy alone is served, and answers whose records find no room are counted"
            }
            _ => "nothing new is generated, and the records of answers go to the spool",
        };
        told.push(format!(
            "cannot be written since {since}: {error}; {follows}; {spooled} records are in the spool, {full}"
        ));
    } else if spooled > 0 {
        told.push(format!("{spooled} records are in the spool, which is being written to the log; {full}"));
    }
    if recorder.lost() > 0 {
        told.push(format!("{} serves could not be recorded since the start", recorder.lost()));
    }
    told
}

/// What is to be said of a provider that is not asked like the others.
fn left_alone(provider: ProviderStanding) -> Option<String> {
    let ProviderStanding { name, breaker, fault, open_for, .. } = provider;
    let fault = fault.map_or("unknown", FaultKind::as_str);
    match breaker {
        BreakerState::Closed => None,
        BreakerState::Open => {
            let seconds = open_for.unwrap_or_default().as_secs_f64().ceil();
            Some(format!("provider `{name}` is left alone for another {seconds} s: {fault}"))
        }
        BreakerState::HalfOpen => Some(format!("provider `{name}` is about to be tried again: {fault}")),
    }
}
