//! `GET /v1/generations` and `GET /v1/generations/{id}`: the log, for reviewers; `POST /v1/generations/{id}/reviews`: what
//! they decide.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::auth::Caller;
use super::body::Body;
use super::{Pinned, Problem};
use crate::app::Shared;
use crate::audit::ReviewAction;
use crate::audit::search::{self, Asked, Misasked, SearchError};
use crate::pipeline::{self, EditError, MOST_NOTE, ReviewError};

/// The most records of one page.
const MAX_PAGE: u32 = 200;

/// What to search for, as sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    placement: Option<String>,
    product: Option<String>,
    segment: Option<String>,
    template: Option<String>,
    revision: Option<String>,
    outcome: Option<String>,
    reason: Option<String>,
    rule: Option<String>,
    locale: Option<String>,
    model: Option<String>,
    #[serde(alias = "review")]
    state: Option<String>,
    user: Option<String>,
    user_hash: Option<String>,
    words: Option<String>,
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
        outcome: search.outcome,
        reason: search.reason,
        rule: search.rule,
        locale: search.locale,
        model: search.model,
        state: search.state,
        user: search.user,
        user_hash: search.user_hash,
        words: search.words,
        since: search.since,
        until: search.until,
        ..Asked::default()
    };
    let filter = asked.generations(&shared.store, &shared.parts.user_key).await.map_err(misasked)?;
    let limit = page_size(search.limit);
    let page = search::generations(&shared.store, &filter, limit, search.cursor.as_deref()).await;
    page.map(|page| Json(page).into_response()).map_err(failed)
}

/// The size of a page.
pub(super) fn page_size(limit: Option<u32>) -> u32 {
    limit.unwrap_or(50).clamp(1, MAX_PAGE)
}

/// Why a search cannot be meant.
pub(super) fn misasked(error: Misasked) -> Problem {
    match error {
        Misasked::Field { .. } => Problem::malformed(error.to_string()),
        Misasked::Store(error) => failed(error.into()),
    }
}

/// Why a search could not be made.
pub(super) fn failed(error: SearchError) -> Problem {
    match error {
        SearchError::Cursor(_) => Problem::malformed("`cursor`: send the `next_cursor` of the page before"),
        error => {
            tracing::error!(%error, "the log cannot be searched");
            Problem::store_unavailable()
        }
    }
}

/// Why a query cannot be read, from what its reader says: the parameter, a colon, what is wrong with it.
pub(super) fn unreadable(said: &str) -> Problem {
    let said = said.rsplit_once("query string: ").map_or(said, |(_, said)| said);
    let (parameter, wrong) = said.split_once(": ").unwrap_or(("query", said));
    // Which one it is says the reader's sentence, and not always what stands before it.
    let named = wrong.split('`').nth(1).unwrap_or(parameter);
    if wrong.starts_with("unknown field") {
        let named: String = named.chars().filter(|c| !c.is_control()).take(80).collect();
        let known = wrong.split_once(", expected one of ").map_or("nothing", |(_, known)| known);
        return Problem::malformed(format!("`{named}` is no parameter of this call; it takes {known}"));
    }
    if wrong.starts_with("duplicate field") {
        return Problem::malformed(format!("`{named}`: send it once"));
    }
    let what = match parameter {
        "since" | "until" | "at" => "write an instant, such as `2026-11-20T10:00:00Z`",
        "limit" => "write a whole number of 1 to 200",
        "generation" => "write the id of a generation",
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

/// An edit, as sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EditRequest {
    text: String,
    #[serde(default)]
    note: Option<String>,
}

/// Puts a person's text in the place of a generation's, once it passes; 201 with the id that it is recorded under.
pub(super) async fn edit(
    State(shared): State<Arc<Shared>>,
    Pinned(policy): Pinned,
    Caller(by): Caller,
    Path(id): Path<String>,
    Body(EditRequest { text, note }): Body<EditRequest>,
) -> Result<Response, Problem> {
    let id = read_id(&id)?;
    let note = read_note(note)?;
    let editing =
        tokio::spawn(
            async move { pipeline::edit(&shared.parts, &policy, id, (&text, note), (by, None)).await },
        );
    match editing.await.map_err(|_| Problem::internal())? {
        Ok(edit) => {
            let said = json!({"id": edit.id, "edited": id, "text": edit.text, "findings": edit.findings});
            Ok((StatusCode::CREATED, Json(said)).into_response())
        }
        Err(EditError::NoText(why)) => Err(Problem::malformed(format!("`text`: {why}"))),
        Err(EditError::Refused(judgement)) => Err(Problem::does_not_pass(judgement.findings)),
        Err(error @ (EditError::NothingToEdit(_) | EditError::Decided { .. })) => {
            Err(Problem::not_now(format!("{error}.")))
        }
        Err(EditError::Review(error)) => Err(unreviewed(error, id)),
    }
}

/// What a person says of what they decide.
fn read_note(note: Option<String>) -> Result<Option<String>, Problem> {
    let note = note.filter(|note| !note.is_empty());
    match note.as_ref().is_some_and(|note| note.chars().count() > MOST_NOTE) {
        true => Err(Problem::malformed(format!("`note`: write at most {MOST_NOTE} characters"))),
        false => Ok(note),
    }
}

/// Records what a person decided on a generation; the latest of `approve`, `reject` and `takedown` holds, `flag` and
/// `note` decide nothing. It has its effect on this node before it is answered, and within two seconds on others.
/// `takedown` bans the wording itself too, wherever it is generated next. `undo` voids the latest approval, rejection or flag
/// of the same person; what held before it holds again.
pub(super) async fn review(
    State(shared): State<Arc<Shared>>,
    Caller(by): Caller,
    Path(id): Path<String>,
    Body(ReviewRequest { action, note }): Body<ReviewRequest>,
) -> Result<Response, Problem> {
    let id = read_id(&id)?;
    let note = read_note(note)?;
    // Whoever asked may hang up: what has begun is finished all the same.
    let reviewing =
        tokio::spawn(async move { pipeline::review(&shared.parts, id, (action, note), by).await });
    let reviewed = reviewing.await.map_err(|_| Problem::internal())?;
    let reviewed = reviewed.map_err(|error| unreviewed(error, id))?;
    Ok((StatusCode::CREATED, Json(reviewed)).into_response())
}

/// Why a review was not taken.
fn unreviewed(error: ReviewError, generation: Uuid) -> Problem {
    match error {
        ReviewError::Unknown(id) => no_such_generation(id),
        ReviewError::NothingToApprove(outcome) => Problem::nothing_to_approve(outcome.as_str()),
        ReviewError::Stopped(stop) => Problem::stopped(stop),
        ReviewError::NotUndone(why) => Problem::nothing_to_undo(&why.to_string()),
        error @ ReviewError::Overtaken => Problem::not_now(format!("{error}; look at it again.")),
        error @ ReviewError::Unreadable(_) => {
            tracing::error!(%error, "a generation cannot be read");
            Problem::store_unavailable()
        }
        error @ ReviewError::Unwritable(_) => {
            tracing::error!(%error, %generation, "a review could not be recorded and has no effect");
            Problem::log_unavailable()
        }
    }
}
