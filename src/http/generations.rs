//! `GET /v1/generations` and `GET /v1/generations/{id}`: the log, for reviewers.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use uuid::Uuid;

use super::Problem;
use crate::app::Shared;
use crate::audit::search::{self, Filter, SearchError};
use crate::words::{PlacementId, SegmentId};

/// The most generations of one page.
const MAX_PAGE: u32 = 200;

/// What to search for, as sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    placement: Option<String>,
    product: Option<String>,
    segment: Option<String>,
    outcome: Option<String>,
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
    let filter = Filter {
        placement: search.placement.map(PlacementId::new),
        product: search.product,
        segment: search.segment.map(SegmentId::new),
        outcome: outcome.transpose()?,
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
    let id: Uuid = id
        .parse()
        .map_err(|_| Problem::malformed("A generation's id is a UUID, as `generation_id` gives it."))?;
    match search::generation(&shared.store, id).await {
        Ok(Some(generation)) => Ok(Json(generation).into_response()),
        Ok(None) => Err(Problem::no_such_record(format!("The log holds no generation {id}."))),
        Err(error) => {
            tracing::error!(%error, "a generation cannot be read");
            Err(Problem::store_unavailable())
        }
    }
}
