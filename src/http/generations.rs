//! `GET /v1/generations` and `GET /v1/generations/{id}`: the log, for reviewers; `POST /v1/generations/{id}/reviews`: what
//! they decide.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use uuid::Uuid;

use super::Problem;
use super::auth::Caller;
use super::body::Body;
use crate::app::Shared;
use crate::audit::search::{self, Filter, SearchError};
use crate::audit::{Outcome, ReviewAction, ReviewRecord};
use crate::words::{PlacementId, SegmentId, new_id};

/// The most generations of one page.
const MAX_PAGE: u32 = 200;
/// The most characters of a note.
const MAX_NOTE: usize = 2_000;

/// What to search for, as sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    placement: Option<String>,
    product: Option<String>,
    segment: Option<String>,
    outcome: Option<String>,
    review: Option<String>,
    since: Option<jiff::Timestamp>,
    until: Option<jiff::Timestamp>,
    limit: Option<u32>,
    cursor: Option<String>,
}

pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<Search>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(search) = query.map_err(|error| unreadable(&error.body_text()))?;
    let outcome = search.outcome.map(|outcome| {
        serde_json::from_value(outcome.into())
            .map_err(|_| Problem::malformed("`outcome`: write `passed`, `blocked`, `failed` or `abandoned`"))
    });
    let review = search.review.map(|review| {
        serde_json::from_value(review.into())
            .map_err(|_| Problem::malformed("`review`: write `awaiting`, `approved` or `rejected`"))
    });
    let filter = Filter {
        placement: search.placement.map(PlacementId::new),
        product: search.product,
        segment: search.segment.map(SegmentId::new),
        outcome: outcome.transpose()?,
        review: review.transpose()?,
        since: search.since,
        until: search.until,
    };
    let limit = search.limit.unwrap_or(50).clamp(1, MAX_PAGE);
    let page = search::generations(&shared.store, &filter, limit, search.cursor.as_deref()).await;
    match page {
        Ok(page) => Ok(Json(page).into_response()),
        Err(SearchError::Cursor(_)) => {
            Err(Problem::malformed("`cursor`: send the `next_cursor` of the page before"))
        }
        Err(SearchError::Store(error)) => {
            tracing::error!(%error, "the log cannot be searched");
            Err(Problem::store_unavailable())
        }
    }
}

/// Why a query cannot be read, from what its reader says: the parameter, a colon, what is wrong with it.
fn unreadable(said: &str) -> Problem {
    let said = said.rsplit_once("query string: ").map_or(said, |(_, said)| said);
    let (parameter, wrong) = said.split_once(": ").unwrap_or(("query", said));
    let what = match parameter {
        "since" | "until" => "write an instant, such as `2026-11-20T10:00:00Z`",
        "limit" => "write a whole number of 1 to 200",
        _ => wrong,
    };
    Problem::malformed(format!("`{parameter}`: {what}"))
}

pub(super) async fn one(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = read_id(&id)?;
    match search::generation(&shared.store, id).await {
        Ok(Some(generation)) => Ok(Json(generation).into_response()),
        Ok(None) => Err(no_such_generation(id)),
        Err(error) => {
            tracing::error!(%error, "a generation cannot be read");
            Err(Problem::store_unavailable())
        }
    }
}

fn read_id(id: &str) -> Result<Uuid, Problem> {
    id.parse().map_err(|_| Problem::malformed("A generation's id is a UUID, as `generation_id` gives it."))
}

fn no_such_generation(id: Uuid) -> Problem {
    Problem::no_such_record(format!("The log holds no generation {id}."))
}

/// A review, as sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReviewRequest {
    action: ReviewAction,
    #[serde(default)]
    note: Option<String>,
}

/// Records what a person decided on a generation; the latest of `approve`, `reject` and `takedown` holds, `flag` and
/// `note` decide nothing. It has its effect on this node before it is answered, and within two seconds on others.
/// `takedown` does what `reject` does: a ban on a wording itself, wherever it is generated next, is not part of this
/// version.
pub(super) async fn review(
    State(shared): State<Arc<Shared>>,
    Caller(by): Caller,
    Path(id): Path<String>,
    Body(ReviewRequest { action, note }): Body<ReviewRequest>,
) -> Result<Response, Problem> {
    let id = read_id(&id)?;
    let note = note.filter(|note| !note.is_empty());
    if note.as_ref().is_some_and(|note| note.chars().count() > MAX_NOTE) {
        return Err(Problem::malformed(format!("`note`: write at most {MAX_NOTE} characters")));
    }
    let found = search::outcome(&shared.store, id).await.map_err(|error| {
        tracing::error!(%error, "a generation cannot be read");
        Problem::store_unavailable()
    })?;
    let outcome = found.ok_or_else(|| no_such_generation(id))?;
    if action == ReviewAction::Approve && outcome != Outcome::Passed {
        return Err(Problem::nothing_to_approve(outcome.as_str()));
    }
    let at = (shared.parts.now)();
    let record = ReviewRecord { id: new_id(at), generation_id: id, action, at, by };
    shared.parts.recorder.review(record.clone(), note).await.map_err(|error| {
        tracing::error!(%error, generation = %id, "a review could not be recorded and has no effect");
        Problem::log_unavailable()
    })?;
    shared.refresh_reviews().await;
    Ok((StatusCode::CREATED, Json(record)).into_response())
}
