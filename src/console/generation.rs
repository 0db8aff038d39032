//! One generation, and one answer to a page, told whole: the copy with what was found in it and what vouches for it, what
//! people decided, and how it came to be.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use uuid::Uuid;

use super::copy::{MarkedCopy, Note, Shown, Vouch, shown, value_said};
use super::page::{Failed, Frame, Place, show};
use super::say::{Safe, ago, id as short, number, when};
use super::session::Reader;
use crate::app::Shared;
use crate::audit::search::{self, Generation, SearchError};
use crate::audit::{Decision, Holding, Outcome, ServeRecord};
use crate::casefile::{self, words};
use crate::replay::{FactsOf, RulesOf, Told, Vouched, vouched};

/// How often a text was shown is counted up to here.
const MOST_SHOWN: u32 = 10_000;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/console/generations/{id}", get(page))
}

/// The text, and all that stands beside it.
pub(super) struct Look {
    /// The text with its marks; `None` where there is none.
    pub(super) copy: Option<MarkedCopy>,
    /// Why there is none: a sentence.
    pub(super) missing: Option<String>,
    /// What rules found.
    pub(super) notes: Vec<Note>,
    /// What something vouches for.
    pub(super) vouches: Vec<Vouch>,
    /// By whose rules and which facts, where that has to be said: sentences.
    pub(super) grounds: Vec<String>,
}

/// What may be done with a text, and what stands in the way.
pub(super) struct Actions {
    id: Uuid,
    token: String,
    /// The page to go to afterwards, without script.
    next: String,
    may: bool,
    approve: bool,
    reject: bool,
    /// What is asked before it is taken down.
    takedown: Option<String>,
}

/// How a generation ended, and what was decided on it.
pub(super) struct Stand {
    class: &'static str,
    outcome: &'static str,
    /// Why it did not pass.
    reason: Option<&'static str>,
    /// What was decided: a word, its class.
    decision: Option<(&'static str, &'static str)>,
    decided: Option<Safe>,
    note: Option<String>,
    flagged: bool,
}

/// The short story of a generation, beside a list or in a queue.
#[derive(Template)]
#[template(path = "generation_part.html")]
struct Part {
    id: Uuid,
    /// The product's id, or what else it is of.
    product: String,
    placement: String,
    segment: String,
    locale: String,
    when: Safe,
    short: Safe,
    ago: String,
    shown: String,
    look: Look,
    stand: Stand,
    actions: Actions,
}

impl From<SearchError> for Failed {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Store(error) => error.into(),
            other => {
                tracing::error!(error = %other, "a page cannot search the log");
                Self::Store
            }
        }
    }
}

/// The short story of a generation, as HTML to stand beside a list or in a queue. Its actions lead on to `next`.
pub(super) async fn part(shared: &Shared, reader: &Reader, id: Uuid, next: &str) -> Result<Safe, Failed> {
    let found = search::generation(&shared.store, id).await?;
    let found = found.ok_or_else(|| Failed::Missing("The log holds no such generation.".to_owned()))?;
    let shown = search::times_shown(&shared.store, id, MOST_SHOWN).await?;
    let look = look(shared, &found, None).await?;
    let now = (shared.parts.now)();
    let record = &found.record;
    let part = Part {
        id,
        product: record.product.clone().unwrap_or_default(),
        placement: record.placement.to_string(),
        segment: record.segment.to_string(),
        locale: record.locale.clone(),
        when: when(record.finished, &reader.zone),
        short: short(id),
        ago: ago(record.finished, now),
        shown: times(shown),
        stand: stand(reader, &found),
        actions: actions(reader, &found, shown, next),
        look,
    };
    part.render().map(Safe).map_err(|error| {
        tracing::error!(%error, "a part of a page cannot be written");
        Failed::Store
    })
}

/// `shown once`, `shown 1,204 times`.
fn times(shown: u64) -> String {
    match shown {
        0 => "not shown in the time that serves are kept".to_owned(),
        1 => "shown once".to_owned(),
        n if n >= u64::from(MOST_SHOWN) => format!("shown {} times or more", number(n)),
        n => format!("shown {} times", number(n)),
    }
}

/// The text of a generation as reviewers judge it: the one that passed, else the last that an attempt wrote.
fn text_of(generation: &Generation) -> Option<(String, Option<usize>)> {
    let payload = generation.payload.as_ref()?;
    if let Some(text) = &payload.text {
        return Some((text.clone(), None));
    }
    let attempts = casefile::attempts(generation);
    let last = attempts.into_iter().rev().find_map(|attempt| Some((attempt.copy.or(attempt.raw)?, attempt.number)))?;
    Some((last.0, Some(last.1)))
}

/// The text of a generation with what rules found and what vouches for it; of an answer the text that it showed.
pub(super) async fn look(
    shared: &Shared,
    generation: &Generation,
    serve: Option<(&ServeRecord, &str)>,
) -> Result<Look, Failed> {
    let found = match serve {
        Some((_, text)) => Some((text.to_owned(), None)),
        None => text_of(generation),
    };
    let findings = casefile::findings(generation);
    let Some((text, attempt)) = found else {
        let shown = Shown::Attempt(0);
        let missing = match (&generation.payload, generation.record.outcome) {
            (None, _) => "The text was erased, or deleted for its age.",
            (Some(_), _) => "No text was written.",
        };
        return Ok(Look {
            copy: None,
            missing: Some(missing.to_owned()),
            notes: findings.iter().map(|finding| Note::of_record(finding, shown)).collect(),
            vouches: Vec::new(),
            grounds: Vec::new(),
        });
    };
    let shown = attempt.map_or(Shown::Passed(&text), Shown::Attempt);
    let notes: Vec<Note> = findings.iter().map(|finding| Note::of_record(finding, shown)).collect();
    let told = Told { text: &text, generation: Some(generation), serve: serve.map(|(serve, _)| serve) };
    let vouched =
        vouched(&shared.store, &shared.editions, &shared.desk.pin(), &shared.judging, told).await?;
    Ok(Look {
        copy: Some(MarkedCopy::of(&text, &generation.record.locale, &notes, &vouched.supported)),
        missing: None,
        notes,
        vouches: vouched.supported.iter().map(Vouch::of).collect(),
        grounds: grounds(&vouched),
    })
}

/// By whose rules and which facts a text was looked at, where that has to be said.
fn grounds(vouched: &Vouched) -> Vec<String> {
    let mut said = Vec::new();
    if vouched.busy {
        said.push("Much is being judged at the moment. Load the page again to see what the facts support.".to_owned());
    }
    match &vouched.facts {
        FactsOf::Catalogue(changed) => {
            said.extend(changed.iter().take(5).map(|(name, then, now)| {
                format!(
                    "{name} was {} when it was written, and is {} in the catalogue now.",
                    value_said(then),
                    value_said(now)
                )
            }));
        }
        FactsOf::Prompt => {
            said.push("The product is not in the catalogue: the facts are those that the prompt held.".to_owned());
        }
        FactsOf::None => said.push(
            "The product's facts are not known any more, so nothing can be said to support the text.".to_owned(),
        ),
    }
    if vouched.rules == RulesOf::Now {
        said.push("The rules of that day cannot be read any more: claims are told by those in force.".to_owned());
    }
    said
}

impl Stand {
    /// What the one who decided said of it.
    fn note_shown(&self) -> Option<Safe> {
        self.note.as_deref().map(shown)
    }
}

/// How it ended and what was decided.
pub(super) fn stand(reader: &Reader, generation: &Generation) -> Stand {
    let record = &generation.record;
    let (class, outcome) = match record.outcome {
        Outcome::Passed => ("pass", "passed"),
        Outcome::Blocked => ("block", "blocked"),
        Outcome::Failed => ("repair", "no text"),
        Outcome::Abandoned => ("repair", "given up"),
    };
    let holding = Holding::of(generation.reviews.iter().map(|review| &review.record));
    let decisive = holding.decided().and_then(|(decided, decision)| {
        let review = generation.reviews.iter().find(|review| review.record.id == decided.id)?;
        Some((review, decision))
    });
    let decision = match decisive {
        Some((_, Decision::Approved)) => Some(("approved", "pass")),
        Some((_, Decision::Rejected)) => Some(("rejected", "block")),
        _ if record.approval && record.outcome == Outcome::Passed => Some(("awaits approval", "note")),
        _ => None,
    };
    let flagged = holding.is_flagged();
    let decisive = decisive.map(|(review, _)| review);
    let decided = decisive.map(|review| {
        let by = super::say::escape(words::by(&review.record.by));
        Safe(format!("by {by}, {}", when(review.record.at, &reader.zone)))
    });
    Stand {
        class,
        outcome,
        reason: record.reason.map(words::reason),
        decision,
        decided,
        note: decisive.and_then(|review| review.note.clone()),
        flagged,
    }
}

/// What this reader may do with it.
fn actions(reader: &Reader, generation: &Generation, shown: u64, next: &str) -> Actions {
    let passed = generation.record.outcome == Outcome::Passed;
    let decided = generation.decided().map(|(_, decision)| decision);
    let has_text = generation.payload.is_some();
    let asked = match shown {
        0 => "Take this text down on every page? It was not shown yet; its wording is banned until the stop is lifted.".to_owned(),
        n => format!(
            "Take this text down on every page? It was {}; its wording is banned until the stop is lifted.",
            times(n)
        ),
    };
    Actions {
        id: generation.record.id,
        token: reader.token.clone(),
        next: next.to_owned(),
        may: reader.reviews(),
        approve: passed && has_text && decided != Some(Decision::Approved),
        reject: has_text && decided != Some(Decision::Rejected),
        takedown: has_text.then_some(asked),
    }
}

#[derive(Template)]
#[template(path = "generation.html")]
struct Page {
    frame: Frame,
}

async fn page(State(shared): State<Arc<Shared>>, reader: Reader, Path(id): Path<Uuid>) -> Response {
    if reader.part {
        let next = format!("/console/generations/{id}");
        return match part(&shared, &reader, id, &next).await {
            Ok(html) => Html(html.0).into_response(),
            Err(failed) => failed.into_response(),
        };
    }
    show(&Page { frame: Frame::of(&reader, Place::Generations, "Generation") })
}
