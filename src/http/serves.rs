//! `GET /v1/serves` and `GET /v1/serves/{id}`: what was shown where and when, for reviewers; and why.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Problem;
use super::generations::{failed, misasked, page_size, unreadable};
use crate::app::Shared;
use crate::audit::search::{self, Asked, Page, Serve};
use crate::casefile::{self, Why};

/// What to search for, as sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    placement: Option<String>,
    product: Option<String>,
    segment: Option<String>,
    template: Option<String>,
    revision: Option<String>,
    tier: Option<String>,
    source: Option<String>,
    reason: Option<String>,
    locale: Option<String>,
    user: Option<String>,
    user_hash: Option<String>,
    generation: Option<Uuid>,
    words: Option<String>,
    at: Option<Timestamp>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    limit: Option<u32>,
    cursor: Option<String>,
}

pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<Search>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(search) = query.map_err(|error| unreadable(&error.body_text()))?;
    let asked = Asked {
        placement: search.placement,
        product: search.product,
        segment: search.segment,
        template: search.template,
        revision: search.revision,
        tier: search.tier,
        source: search.source,
        reason: search.reason,
        locale: search.locale,
        user: search.user,
        user_hash: search.user_hash,
        generation: search.generation,
        words: search.words,
        since: search.since,
        until: search.until,
        ..Asked::default()
    };
    let filter = asked.serves(&shared.store, &shared.parts.user_key).await.map_err(misasked)?;
    let limit = page_size(search.limit);
    let page = match (search.at, search.cursor.as_deref()) {
        (Some(_), Some(_)) => {
            return Err(Problem::malformed("`cursor`: a search by `at` has one page; leave it out"));
        }
        (Some(at), None) => search::serves_around(&shared.store, &filter, at, limit).await,
        (None, cursor) => search::serves(&shared.store, &filter, limit, cursor).await,
    };
    let page = page.map_err(failed)?;
    // Who asks what somebody saw at a moment asks why as well; a list is told of one by one.
    let mut why = if search.at.is_some() { MOST_WHY } else { 0 };
    let mut items = Vec::with_capacity(page.items.len());
    for serve in page.items {
        items.push(if why > 0 { told(&shared, serve).await? } else { Told { serve, why: None } });
        why = why.saturating_sub(1);
    }
    Ok(Json(Page { items, next_cursor: page.next_cursor }).into_response())
}

/// Of how many serves around a moment it is told why; the nearest stand first.
const MOST_WHY: usize = 20;

/// A serve, and why the page showed that.
#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    serve: Serve,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Why>,
}

async fn told(shared: &Shared, serve: Serve) -> Result<Told, Problem> {
    let why = casefile::why(&shared.store, &shared.editions, &serve.record).await;
    let why = why.map_err(|error| failed(error.into()))?;
    Ok(Told { serve, why: Some(why) })
}

pub(super) async fn one(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let read = Uuid::try_parse(&id);
    let id = read.map_err(|_| {
        Problem::malformed(
            "the path ends with the id of a serve, such as `0192f3c1-7a2b-7c3d-8e4f-5a6b7c8d9e0f`",
        )
    })?;
    match search::serve(&shared.store, id).await.map_err(failed)? {
        Some(serve) => Ok(Json(told(&shared, serve).await?).into_response()),
        None => Err(Problem::no_such_record(format!("The log holds no serve {id}."))),
    }
}
