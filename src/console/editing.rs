//! Edit and approve: a person's own words in place of a text, judged as they type.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use uuid::Uuid;

use super::approvals::{self, Notes};
use super::copy::{MarkedCopy, Note};
use super::page::{Failed, Frame, Place, led, page_or, show};
use super::say::Safe;
use super::session::{Form, Reader};
use crate::app::Shared;
use crate::audit::search::Generation;
use crate::guardrail::{Approved, Finding, Judgement};
use crate::pipeline::{self, EditError, LONGEST_EDIT};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/console/generations/{id}/edit", get(page).post(edit))
        .route("/console/generations/{id}/edit/check", post(check))
}

#[derive(Template)]
#[template(path = "editing.html")]
struct Page {
    frame: Frame,
    form: Safe,
}

#[derive(Template)]
#[template(path = "editing_form.html")]
struct Editing {
    id: Uuid,
    token: String,
    next: String,
    /// Up to where whoever reads it knows what others decided.
    known: i64,
    /// The address of the text as it stands in the queue.
    cancel: String,
    /// Whether it stands within the queue's page.
    within: bool,
    refused: Option<String>,
    placement: String,
    locale: String,
    most: usize,
    text: String,
    note: String,
    findings: Safe,
}

#[derive(Template)]
#[template(path = "editing_findings.html")]
struct Findings {
    /// Why it can be no text at all.
    fault: Option<String>,
    passes: bool,
    asks: bool,
    corrected: Option<String>,
    copy: Safe,
    look: Notes,
}

fn notes(findings: &[Finding]) -> Notes {
    Notes { notes: Note::all_judged(findings), vouches: Vec::new(), grounds: Vec::new() }
}

fn copy(text: &str, findings: &[Finding]) -> Safe {
    MarkedCopy::of(text, "", &Note::all_judged(findings), &[]).small().html()
}

/// What rules make of a text, as it stands beside the form.
fn told(text: &str, judged: Result<Result<Approved, Judgement>, EditError>) -> Result<Safe, Failed> {
    let none = Findings {
        fault: None,
        passes: false,
        asks: false,
        corrected: None,
        copy: Safe::default(),
        look: notes(&[]),
    };
    let view = match judged {
        Ok(Ok(approved)) => Findings {
            passes: true,
            corrected: Some(approved.text().to_owned()).filter(|corrected| corrected != text.trim()),
            copy: copy(approved.text(), approved.findings()),
            look: notes(approved.findings()),
            ..none
        },
        Ok(Err(judgement)) => Findings {
            asks: judgement.wants_answers(),
            copy: copy(judgement.fixed.as_deref().unwrap_or(text.trim()), &judgement.findings),
            look: notes(&judgement.findings),
            ..none
        },
        Err(EditError::NoText(why)) => Findings { fault: Some(why), ..none },
        Err(error) => return Err(failed(error)),
    };
    view.render().map(Safe).map_err(|error| {
        tracing::error!(%error, "what rules make of a text cannot be written");
        Failed::Store
    })
}

fn failed(error: EditError) -> Failed {
    match error {
        EditError::NoText(why) => Failed::Malformed(why),
        EditError::Refused(_) => Failed::NotNow("The rules in force do not let it pass.".to_owned()),
        EditError::NothingToEdit(_) => {
            Failed::NotNow("The text of this generation is not there any more.".to_owned())
        }
        error @ EditError::Decided { .. } => Failed::NotNow(format!("{error}.")),
        EditError::Review(error) => approvals::unreviewed(error),
    }
}

async fn judged(shared: &Arc<Shared>, generation: &Generation, text: &str) -> Result<Safe, Failed> {
    let place = shared.judging.enter();
    let place = place.ok_or_else(|| Failed::NotNow("Too many texts wait to be judged.".to_owned()))?;
    let _permit = place.wait().await;
    let policy = shared.desk.pin();
    told(text, pipeline::edit_judged(&shared.parts, &policy, generation, text).await)
}

async fn generation(shared: &Shared, id: Uuid) -> Result<Generation, Failed> {
    let found = shared.parts.reviews.generation(id).await?;
    found.ok_or_else(|| Failed::Missing(format!("The log holds no generation {id}.")))
}

/// Where an edit leads back to: a page of the console.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Back {
    next: String,
}

fn back(next: &str, id: Uuid) -> String {
    let is_ours = next.starts_with("/console/") && !next.contains(['\\', '\r', '\n']);
    if is_ours { next.to_owned() } else { format!("/console/generations/{id}") }
}

struct Written<'w> {
    text: &'w str,
    note: &'w str,
    refused: Option<String>,
}

async fn form(
    shared: &Arc<Shared>,
    reader: &Reader,
    generation: &Generation,
    next: &str,
    written: Written<'_>,
) -> Result<Safe, Failed> {
    let (id, record) = (generation.record.id, &generation.record);
    let known = pipeline::known_of(&shared.parts, generation).await.map_err(approvals::unreviewed)?;
    let findings = judged(shared, generation, written.text).await?;
    let next = back(next, id);
    let glue = if next.contains('?') { '&' } else { '?' };
    let view = Editing {
        id,
        token: reader.token.clone(),
        known,
        cancel: format!("{next}{glue}at={id}"),
        next,
        within: reader.part,
        refused: written.refused,
        placement: record.placement.to_string(),
        locale: record.locale.clone(),
        most: LONGEST_EDIT,
        text: written.text.to_owned(),
        note: written.note.to_owned(),
        findings,
    };
    view.render().map(Safe).map_err(|error| {
        tracing::error!(%error, "a form cannot be written");
        Failed::Store
    })
}

async fn page(
    State(shared): State<Arc<Shared>>,
    reader: Reader,
    Path(id): Path<Uuid>,
    RawQuery(query): RawQuery,
) -> Response {
    let made = async {
        reader.must_review()?;
        let query = serde_urlencoded::from_str(&query.unwrap_or_default());
        let Back { next } = query.unwrap_or_default();
        let generation = generation(&shared, id).await?;
        let text =
            generation.payload.as_ref().map(|payload| crate::audit::index::text_of(payload).to_owned());
        let text = text.filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| Failed::NotNow("This generation has no text to edit.".to_owned()))?;
        let written = Written { text: &text, note: "", refused: None };
        let form = form(&shared, &reader, &generation, &next, written).await?;
        if reader.part {
            return Ok(Html(form.0).into_response());
        }
        let frame = Frame::of(&reader, Place::Approvals, "Edit and approve");
        Ok(show(&Page { frame, form }))
    };
    page_or(&reader, made.await)
}

/// A text, as the form says it.
#[derive(Debug, Deserialize)]
struct Sent {
    text: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    next: String,
    #[serde(default)]
    known: Option<i64>,
}

async fn check(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<Uuid>,
    Form(reader, sent): Form<Sent>,
) -> Response {
    let made = async {
        reader.must_review()?;
        let generation = generation(&shared, id).await?;
        Ok::<_, Failed>(Html(judged(&shared, &generation, &sent.text).await?.0).into_response())
    };
    made.await.unwrap_or_else(IntoResponse::into_response)
}

async fn edit(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<Uuid>,
    Form(reader, sent): Form<Sent>,
) -> Response {
    let seen = reader.clone();
    // Whoever sent it may be gone before the end: what has begun is finished all the same.
    let edited = tokio::spawn(async move { edited(&shared, &reader, id, &sent).await });
    page_or(&seen, edited.await.unwrap_or(Err(Failed::Store)))
}

async fn edited(shared: &Arc<Shared>, reader: &Reader, id: Uuid, sent: &Sent) -> Result<Response, Failed> {
    reader.must_review()?;
    let note = approvals::note(&sent.note)?;
    let policy = shared.desk.pin();
    let by = (reader.name.clone(), sent.known);
    let (status, refused) = match pipeline::edit(&shared.parts, &policy, id, (&sent.text, note), by).await {
        Ok(edit) => {
            let said = "Your text is approved. Pages get it from now on.";
            let next = back(&sent.next, edit.id);
            let response = approvals::after_edit(shared, reader, &next, edit.id, said).await?;
            let undo = format!("/console/generations/{}/reviews/undo", edit.id);
            return Ok(response.unwrap_or_else(|| led(&next, said, Some(&undo))));
        }
        Err(EditError::NoText(why)) => (StatusCode::UNPROCESSABLE_ENTITY, why),
        Err(EditError::Refused(_)) => {
            (StatusCode::UNPROCESSABLE_ENTITY, "The rules in force do not let this text pass.".to_owned())
        }
        Err(error @ EditError::Decided { .. }) => {
            let said = format!("{error}. Approve yours once more if it is to hold all the same.");
            (StatusCode::CONFLICT, said)
        }
        Err(error) => return Err(failed(error)),
    };
    let generation = generation(shared, id).await?;
    let written = Written { text: &sent.text, note: &sent.note, refused: Some(refused) };
    let form = form(shared, reader, &generation, &sent.next, written).await?;
    if reader.part {
        let mut response = Html(form.0).into_response();
        response
            .headers_mut()
            .insert(HeaderName::from_static("hx-retarget"), HeaderValue::from_static("#item"));
        return Ok(response);
    }
    let frame = Frame::of(reader, Place::Approvals, "Edit and approve");
    Ok((status, show(&Page { frame, form })).into_response())
}
