//! `/metrics`, on a listener of its own, which asks for no key.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::policy::healthz;
use crate::app::Shared;
use crate::generate::{self, BreakerState, Generator, Spent};
use crate::pipeline::Parts;
use crate::policy::Set;
use crate::telemetry::{ProviderStanding, Standing};
use crate::words::{Micros, Purpose, utc_day};

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the listener of the metrics answers.
pub fn router(shared: Arc<Shared>) -> Router {
    Router::new().route("/metrics", get(metrics)).route("/healthz", get(healthz)).with_state(shared)
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    match shared.parts.metrics.render(standing(&shared)) {
        Ok(text) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// How things stand now.
fn standing(shared: &Shared) -> Standing {
    let parts = &shared.parts;
    let gate = parts.gate.fullness();
    let (cache_entries, cache_bytes) = parts.memory.size();
    let refused = shared.desk.refused();
    let log = parts.recorder.condition();
    let (spent, budget) = budget(parts);
    Standing {
        running: gate.running,
        waiting: gate.waiting,
        concurrency: gate.concurrency,
        queue: gate.queue,
        flights: parts.flights.len(),
        cache_entries,
        cache_bytes,
        providers: providers(parts),
        spent,
        budget,
        recorder_healthy: parts.recorder.healthy(),
        recorder_lost: parts.recorder.lost(),
        recorder_queue: parts.recorder.queued(),
        recorder_spooled: log.spooled,
        recorder_spool_bytes: log.spool_bytes,
        recorder_spool_limit: log.spool_limit,
        refused: [Set::Guardrails, Set::Prompts]
            .map(|set| (set.as_str(), refused.iter().any(|refusal| refusal.set == set)))
            .to_vec(),
        policy_since: shared.desk.pin().since.as_duration().as_secs_f64(),
        policy_hanging: shared.hanging().is_some(),
        alerts: shared.alerts.counts(),
        revision: shared.desk.pin().revision.to_string(),
    }
}

/// How each provider does.
fn providers(parts: &Parts) -> Vec<ProviderStanding> {
    let standing = parts.generator.as_ref().map(Generator::standing).unwrap_or_default();
    let told = |provider: generate::ProviderStanding| ProviderStanding {
        name: provider.name,
        breaker: match provider.breaker {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open => 2,
        },
        in_flight: provider.in_flight,
    };
    standing.into_iter().map(told).collect()
}

/// What is spent of the day's budget, for whom, and its limit.
fn budget(parts: &Parts) -> (Vec<(&'static str, f64)>, Option<f64>) {
    let Some(budget) = parts.generator.as_ref().map(Generator::budget) else { return (Vec::new(), None) };
    // A day on which nothing was asked yet has cost nothing, whatever the one before did.
    let (day, spent) = budget.ledger();
    let spent = if day == utc_day((parts.now)()) { spent } else { Spent::default() };
    let spent = Purpose::ALL.map(|purpose| (purpose.as_str(), spent.on(purpose).units()));
    (spent.to_vec(), budget.per_day().map(Micros::units))
}
