//! `/v1/stops`: what is banned at once, over any policy; `POST /v1/purge`: cached copy that is dropped.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::auth::Caller;
use super::body::Body;
use super::generations::unreadable;
use super::{Pinned, Problem};
use crate::app::Shared;
use crate::audit::{PurgeScope, StopKind};
use crate::policy::Policy;
use crate::stops::{MAX_REASON, Order, StopError, check_scope};

/// A stop, as sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StopRequest {
    phrase: Option<String>,
    product: Option<String>,
    placement: Option<String>,
    segment: Option<String>,
    template: Option<String>,
    model: Option<String>,
    reason: String,
    prewritten: Option<bool>,
}

impl StopRequest {
    fn into_order(self, by: String) -> Result<Order, Problem> {
        let named = [
            (StopKind::Phrase, self.phrase),
            (StopKind::Product, self.product),
            (StopKind::Placement, self.placement),
            (StopKind::Segment, self.segment),
            (StopKind::Template, self.template),
            (StopKind::Model, self.model),
        ];
        let mut named = named.into_iter().filter_map(|(kind, value)| Some((kind, value?)));
        let (Some((kind, value)), None) = (named.next(), named.next()) else {
            return Err(Problem::malformed(
                "Name one thing to stop: `phrase`, `product`, `placement`, `segment`, `template` or `model`.",
            ));
        };
        Order::read(kind, &value, self.prewritten, &self.reason, &by).map_err(Problem::malformed)
    }
}

/// An answer about something that holds by now.
#[derive(Serialize)]
struct Holds<T> {
    #[serde(flatten)]
    what: T,
    /// Whether the store has it, and its record; if not it will, once the store can be written.
    recorded: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
}

/// Sets a stop. It holds on this node before it is answered.
pub(super) async fn set(
    State(shared): State<Arc<Shared>>,
    Caller(by): Caller,
    Pinned(policy): Pinned,
    Body(request): Body<StopRequest>,
) -> Result<Response, Problem> {
    let order = request.into_order(by)?;
    let warning = unknown(&shared, &policy, order.kind, &order.value).await;
    let now = (shared.parts.now)();
    // Whoever asked may hang up: what has begun is finished all the same.
    let done = tokio::spawn(async move { shared.parts.stops.set(order, now).await });
    let done = done.await.map_err(|_| Problem::internal())?.map_err(refused)?;
    let holds = Holds { what: done.what, recorded: done.recorded, warning };
    Ok((StatusCode::CREATED, Json(holds)).into_response())
}

fn refused(error: StopError) -> Problem {
    match error {
        StopError::Full => Problem::too_many_stops(&error.to_string()),
        error => {
            tracing::error!(%error, "a stop could not be set");
            Problem::not_stopped()
        }
    }
}

/// That nothing of that name is there now: the stop holds all the same, and for whatever comes under that name.
pub(crate) async fn unknown(shared: &Shared, policy: &Policy, kind: StopKind, name: &str) -> Option<String> {
    let prompts = &policy.copy.prompts;
    let (is_known, there) = match kind {
        StopKind::Phrase | StopKind::Text => return None,
        StopKind::Placement => (prompts.placement(name).is_some(), "The policy in force has no placement"),
        StopKind::Segment => {
            let known = name == crate::words::DEFAULT_SEGMENT || policy.copy.segments.contains(name);
            (known, "The policy in force has no segment")
        }
        StopKind::Template => {
            let mut templates = prompts.placements().flat_map(|placement| prompts.templates(&placement.id));
            let known = templates.any(|template| template.id.as_str() == name);
            (known, "The policy in force has no template")
        }
        StopKind::Product => {
            let patience = std::time::Duration::from_millis(500);
            let found = tokio::time::timeout(patience, shared.parts.catalogue.look_up(name)).await;
            (!matches!(found, Ok(Ok(None))), "The catalogue has no product")
        }
        StopKind::Model => {
            let providers = shared.parts.generator.as_ref().map(|generator| generator.providers());
            let known = providers.unwrap_or_default().iter().any(|p| p.model.eq_ignore_ascii_case(name));
            (known, "No provider is set to ask a model")
        }
    };
    (!is_known).then(|| format!("{there} `{name}`; the stop holds all the same, for whatever has that name."))
}

/// Which stops to list, as sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    #[serde(default)]
    all: bool,
}

/// The stops in force, or all.
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<Which>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(Which { all }) = query.map_err(|error| unreadable(&error.body_text()))?;
    Ok(Json(json!({ "stops": shared.parts.stops.list(all) })).into_response())
}

/// Why a stop is lifted, as sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    #[serde(default)]
    reason: String,
}

/// Lifts a stop.
pub(super) async fn lift(
    State(shared): State<Arc<Shared>>,
    Caller(by): Caller,
    Path(id): Path<String>,
    query: Result<Query<Why>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(Why { reason }) = query.map_err(|error| unreadable(&error.body_text()))?;
    if reason.chars().count() > MAX_REASON {
        return Err(Problem::malformed(format!("`reason`: write at most {MAX_REASON} characters")));
    }
    let id: Uuid = id.parse().map_err(|_| {
        Problem::malformed("A stop's id is a UUID, as `id` in the answer to `POST /v1/stops`.")
    })?;
    let now = (shared.parts.now)();
    let done = tokio::spawn(async move { shared.parts.stops.lift(id, (&by, &reason), now).await });
    match done.await.map_err(|_| Problem::internal())?.map_err(refused)? {
        Some(done) => {
            Ok(Json(Holds { what: done.what, recorded: done.recorded, warning: None }).into_response())
        }
        None => Err(Problem::no_such_record(format!("No stop {id} is in force."))),
    }
}

/// Drops cached copy.
pub(super) async fn purge(
    State(shared): State<Arc<Shared>>,
    Caller(by): Caller,
    Body(scope): Body<PurgeScope>,
) -> Result<Response, Problem> {
    check_scope(&scope).map_err(Problem::malformed)?;
    let now = (shared.parts.now)();
    let done = tokio::spawn(async move { shared.parts.stops.purge(scope, &by, now).await });
    let done = done.await.map_err(|_| Problem::internal())?.map_err(refused)?;
    let holds = Holds { what: done.what, recorded: done.recorded, warning: None };
    Ok((StatusCode::CREATED, Json(holds)).into_response())
}
