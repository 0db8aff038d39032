//! What reviewers do with a generation, from whichever page: decide, flag, take down, undo.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use jiff::{Timestamp, ToSpan};
use serde::Deserialize;
use uuid::Uuid;

use super::page::{Failed, Frame, Place, events, led, page_or, show};
use super::say;
use super::session::{Form, Reader};
use crate::app::Shared;
use crate::audit::search::{self, Generation};
use crate::audit::{Decision, NotUndone, Outcome, ReviewAction};
use crate::pipeline::{self, MOST_NOTE, ReviewError, Reviewed};

/// Up to how many serves of a text are counted.
const MOST_SERVES: u32 = 1_000;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/console/generations/{id}/reviews", post(review))
        .route("/console/generations/{id}/reviews/undo", post(undo))
        .route("/console/generations/{id}/takedown", get(takedown))
}

/// A review, as a page's form sends it.
#[derive(Debug, Deserialize)]
struct Sent {
    action: ReviewAction,
    #[serde(default)]
    note: String,
    #[serde(default)]
    next: String,
    /// Whether whoever takes a text down was asked whether they are sure.
    #[serde(default)]
    sure: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Back {
    next: String,
}

/// The id of a generation in an address.
pub(super) fn generation_id(id: &str) -> Result<Uuid, Failed> {
    id.parse().map_err(|_| unknown())
}

fn unknown() -> Failed {
    Failed::Missing("The log holds no generation with this id.".to_owned())
}

/// Where a form leads back to: a page of the console, wherever the form was made.
fn back(next: &str, id: Uuid) -> String {
    let is_ours = next.starts_with("/console/") && !next.contains(|c: char| c.is_control() || c == '\\');
    if is_ours { next.to_owned() } else { format!("/console/generations/{id}") }
}

async fn review(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Form(reader, sent): Form<Sent>,
) -> Response {
    let made = async {
        let id = generation_id(&id)?;
        reader.must_review()?;
        let note = sent.note.trim();
        if note.chars().count() > MOST_NOTE {
            return Err(Failed::Malformed(format!("A note has at most {MOST_NOTE} characters.")));
        }
        if sent.action == ReviewAction::Takedown && !reader.part && sent.sure.is_empty() {
            // A form that nothing asked for: the page that asks comes in between.
            let next = serde_urlencoded::to_string([("next", &sent.next)]).unwrap_or_default();
            return Ok(Redirect::to(&format!("/console/generations/{id}/takedown?{next}")).into_response());
        }
        let note = (!note.is_empty()).then(|| note.to_owned());
        let reviewed = taken(&shared, &reader, id, (sent.action, note)).await?;
        Ok(answer(&reader, &reviewed, &back(&sent.next, id)))
    };
    page_or(&reader, made.await)
}

async fn undo(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Form(reader, Back { next }): Form<Back>,
) -> Response {
    let made = async {
        let id = generation_id(&id)?;
        reader.must_review()?;
        let reviewed = taken(&shared, &reader, id, (ReviewAction::Undo, None)).await?;
        Ok(answer(&reader, &reviewed, &back(&next, id)))
    };
    page_or(&reader, made.await)
}

/// A review that was taken, or in plain words why it was not.
async fn taken(
    shared: &Arc<Shared>,
    reader: &Reader,
    id: Uuid,
    what: (ReviewAction, Option<String>),
) -> Result<Reviewed, Failed> {
    let (parts, by) = (Arc::clone(&shared.parts), reader.name.clone());
    // Whoever asked may go away: what has begun is finished all the same.
    let reviewing = tokio::spawn(async move { pipeline::review(&parts, id, what, by).await });
    let reviewed = reviewing.await.map_err(|error| Failed::NotNow(error.to_string()))?;
    reviewed.map_err(|error| match error {
        ReviewError::Unknown(_) => unknown(),
        ReviewError::NothingToApprove(outcome) => Failed::NotNow(format!(
            "Only a text that passed can be approved. {}",
            match outcome {
                Outcome::Blocked => "The guardrails blocked this one.",
                _ => "This generation has none.",
            }
        )),
        ReviewError::Stopped(_) => Failed::NotNow(
            "This wording was taken down, and a stop bans it. Lift that stop under Compliance, Stops, then approve it."
                .to_owned(),
        ),
        ReviewError::NotUndone(NotUndone::Nothing) => Failed::NotNow(
            "There is nothing of yours to undo here: you have neither decided on this text nor flagged it.".to_owned(),
        ),
        ReviewError::NotUndone(NotUndone::Overtaken(by)) => {
            Failed::NotNow(format!("{by} has decided on this text since. Decide otherwise instead of undoing."))
        }
        ReviewError::NotUndone(NotUndone::Takedown) => Failed::NotNow(
            "A takedown is not undone. Lift its stop under Compliance, Stops, then approve the text.".to_owned(),
        ),
        ReviewError::Overtaken => {
            Failed::NotNow("Others reviewed this text at the same moment. Look at it again.".to_owned())
        }
        ReviewError::Unreadable(error) => error.into(),
        ReviewError::Unwritable(error) => {
            tracing::error!(%error, generation = %id, "a review could not be recorded and has no effect");
            Failed::NotNow("The log cannot be written at the moment, so this has no effect. Try again later.".to_owned())
        }
    })
}

/// What was done, in a sentence.
fn said(reviewed: &Reviewed) -> String {
    let done = match (reviewed.record.action, &reviewed.record.undoes) {
        (ReviewAction::Approve, _) => "Approved.",
        (ReviewAction::Reject, _) => "Rejected. No page shows this text any more.",
        (ReviewAction::Takedown, _) => {
            "Taken down on every page. Its wording stays banned until its stop is lifted."
        }
        (ReviewAction::Flag, _) => "Flagged for somebody to look at.",
        (ReviewAction::Note, _) => "Noted.",
        (ReviewAction::Undo, undone) => match undone.as_ref().and_then(|undone| undone.holds) {
            Some(Decision::Approved) => "Undone. It is approved, as before.",
            Some(Decision::Rejected) => "Undone. It is rejected, as before.",
            Some(Decision::Undecided) => "Undone. It stands as if nobody had decided.",
            None => "Undone. It is not flagged by you any more.",
        },
    };
    match reviewed.warning {
        // What the API advises is said for pages where it differs.
        Some(warning) if reviewed.record.action != ReviewAction::Takedown => format!("{done} {warning}"),
        Some(_) => "Rejected. The log holds no text of it, so no wording is banned.".to_owned(),
        None => done.to_owned(),
    }
}

/// Tells a page's script what was done, or leads a browser back.
fn answer(reader: &Reader, reviewed: &Reviewed, back: &str) -> Response {
    let record = &reviewed.record;
    let id = record.generation_id;
    let undo = matches!(record.action, ReviewAction::Approve | ReviewAction::Reject | ReviewAction::Flag)
        .then(|| format!("/console/generations/{id}/reviews/undo"));
    if !reader.part {
        return led(back, &said(reviewed), undo.as_deref());
    }
    let told = serde_json::json!({
        "said": {"text": said(reviewed), "undo": undo},
        "reviewed": {"id": id, "action": record.action},
        (format!("reviewed-{id}")): {},
    });
    events(StatusCode::NO_CONTENT.into_response(), &told)
}

/// The question before a takedown, as a page of its own.
#[derive(Template)]
#[template(path = "takedown.html")]
struct Takedown {
    frame: Frame,
    id: Uuid,
    asked: String,
    text: say::Safe,
    next: String,
    token: String,
}

/// What a takedown does, with how often the text was shown today: a question.
async fn question(shared: &Shared, reader: &Reader, generation: &Generation) -> Result<String, Failed> {
    let now = (shared.parts.now)();
    let today = now.to_zoned(reader.zone.clone()).start_of_day().map_or(now, |day| day.timestamp());
    let month = now.checked_sub((24 * 30).hours()).unwrap_or(Timestamp::MIN);
    let times = async |since| {
        search::times_shown_since(&shared.store, generation.record.id, since, MOST_SERVES + 1).await
    };
    let often = |times: u64| match times {
        1 => "once".to_owned(),
        n if n > u64::from(MOST_SERVES) => format!("more than {} times", say::number(u64::from(MOST_SERVES))),
        n => format!("{} times", say::number(n)),
    };
    let served = match times(today).await.map_err(super::lists::failed)? {
        0 => match times(month).await.map_err(super::lists::failed)? {
            0 => "It was not served in the last 30 days.".to_owned(),
            n => format!("It was served {} in the last 30 days, and not today.", often(n)),
        },
        n => format!("It was served {} today.", often(n)),
    };
    Ok(format!("Take this text down on every page? {served}"))
}

async fn takedown(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Query(Back { next }): Query<Back>,
    reader: Reader,
) -> Response {
    let made = async {
        let id = generation_id(&id)?;
        reader.must_review()?;
        let found = search::generation(&shared.store, id).await?.ok_or_else(unknown)?;
        let asked = question(&shared, &reader, &found).await?;
        if reader.part {
            return Ok(Html(say::escape(&asked)).into_response());
        }
        let text = found.payload.as_ref().map(crate::audit::index::text_of).unwrap_or_default();
        Ok(show(&Takedown {
            frame: Frame::of(&reader, Place::Generations, "Take down"),
            id,
            asked,
            text: say::visible(&say::cut(text, 2_000)),
            next: back(&next, id),
            token: reader.token.clone(),
        }))
    };
    page_or(&reader, made.await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_leads_back_into_the_console_alone() {
        let id = Uuid::nil();
        let own = format!("/console/generations/{id}");
        for (next, goes) in [
            ("/console/generations?state=flagged&at=1", "/console/generations?state=flagged&at=1"),
            ("", own.as_str()),
            ("//elsewhere.example/console/", &own),
            ("https://elsewhere.example/console/", &own),
            ("/console/\r\nset-cookie: a=b", &own),
            ("/console/\\elsewhere.example", &own),
        ] {
            assert_eq!(back(next, id), goes, "{next:?}");
        }
    }
}
