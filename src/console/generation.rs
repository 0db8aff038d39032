//! One generation, and one answer to a page, told whole: the copy with what was found in it and what vouches for it, what
//! people decided, and how it came to be.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::compare::changes;
use super::copy::{MarkedCopy, Note, Shown, Vouch, path_part, rule_link, value_said};
use super::page::{Failed, Frame, Place, show};
use super::say::{Safe, ago, exactly, id as short, money, number, took, visible, when};
use super::session::Reader;
use crate::app::Shared;
use crate::audit::search::{self, Generation, SearchError};
use crate::audit::{Decision, Holding, Outcome, ReviewAction, ServeRecord};
use crate::casefile::{self, Asked, Case, CaseError, PolicyThen, RuleThen, SegmentThen, ShownThen, words};
use crate::replay::{FactsOf, RulesOf, Told, Vouched, vouched};
use crate::words::{Micros, Source};

/// How often a text was shown is counted up to here.
const MOST_SHOWN: u32 = 10_000;
/// How many facts or inputs are listed.
const MOST_ROWS: usize = 400;
/// The longest name of a product in a heading, in characters.
const LONGEST_NAME: usize = 80;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/console/generations/{id}", get(page))
        .route("/console/generations/{id}/part", get(beside))
        .route("/console/generations/{id}/case.html", get(case_file))
        .route("/console/serves/{id}", get(serve))
        .route("/console/serves/{id}/case.html", get(case_file))
}

/// The text, and all that stands beside it.
#[derive(Default)]
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
    /// The product's facts that it was held against: path and value.
    pub(super) facts: Vec<(String, Safe)>,
    /// What the product is called in them.
    pub(super) name: Option<String>,
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
    /// Where it is edited.
    edit: Option<String>,
    /// Whether the latest review is this reader's own, and one that can be undone.
    undo: bool,
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
    /// Where its actions lead on to, as a part of an address.
    next: String,
    /// At which event of the page it is asked for anew.
    refresh: String,
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
    let look = look(shared, &found, None, !reader.reviews()).await?;
    let now = (shared.parts.now)();
    let record = &found.record;
    let part = Part {
        id,
        next: path_part(next),
        refresh: refresh(id),
        product: match (look.name.clone(), record.product.clone()) {
            (Some(name), Some(id)) => format!("{name} ({id})"),
            (name, id) => name.or(id).unwrap_or_default(),
        },
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

/// The event that tells of a review of a generation.
fn refresh(id: Uuid) -> String {
    format!("reviewed-{id} from:body")
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
    let last = attempts
        .into_iter()
        .rev()
        .find_map(|attempt| Some((attempt.copy.or(attempt.raw)?, attempt.number)))?;
    Some((last.0, Some(last.1)))
}

/// The text of a generation with what rules found and what vouches for it; of an answer the text that it showed. What went into
/// the prompt is not told where it is masked.
pub(super) async fn look(
    shared: &Shared,
    generation: &Generation,
    serve: Option<(&ServeRecord, &str)>,
    masked: bool,
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
            ..Look::default()
        });
    };
    let shown = attempt.map_or(Shown::Passed(&text), Shown::Attempt);
    let notes: Vec<Note> = findings.iter().map(|finding| Note::of_record(finding, shown)).collect();
    let told = Told { text: &text, generation: Some(generation), serve: serve.map(|(serve, _)| serve) };
    let vouched = vouched(&shared.store, &shared.editions, &shared.desk.pin(), &shared.judging, told).await?;
    Ok(Look {
        copy: Some(MarkedCopy::of(&text, &generation.record.locale, &notes, &vouched.supported)),
        missing: None,
        notes,
        vouches: vouched.supported.iter().map(Vouch::of).collect(),
        grounds: grounds(&vouched, masked),
        name: name_in(&vouched.of_product),
        facts: if masked && vouched.facts == FactsOf::Prompt {
            Vec::new()
        } else {
            rows(&Value::Object(vouched.of_product))
        },
    })
}

/// What facts call a product, at no great length.
fn name_in(facts: &Map<String, Value>) -> Option<String> {
    let name = facts.get("name")?.as_str()?;
    let short: String = name.chars().take(LONGEST_NAME).collect();
    Some(if short.len() < name.len() { format!("{short}…") } else { short })
}

/// By whose rules and which facts a text was looked at, where that has to be said.
fn grounds(vouched: &Vouched, masked: bool) -> Vec<String> {
    let mut said = Vec::new();
    if vouched.busy {
        said.push(
            "Much is being judged at the moment. Load the page again to see what the facts support."
                .to_owned(),
        );
    }
    match &vouched.facts {
        FactsOf::Catalogue(_) if masked => {}
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
            said.push(
                "The product is not in the catalogue: the facts are those that the prompt held.".to_owned(),
            );
        }
        FactsOf::None => said.push(
            "The product's facts are not known any more, so nothing can be said to support the text."
                .to_owned(),
        ),
    }
    if vouched.rules == RulesOf::Now {
        said.push(
            "The rules of that day cannot be read any more: claims are told by those in force.".to_owned(),
        );
    }
    said
}

impl Stand {
    /// What the one who decided said of it.
    fn note_shown(&self) -> Option<Safe> {
        self.note.as_deref().map(visible)
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
    let held = holding.decided();
    let decisive =
        held.and_then(|(held, _)| generation.reviews.iter().find(|review| review.record.id == held.id));
    let decision = match held.map(|(_, decision)| decision) {
        Some(Decision::Approved) => Some(("approved", "pass")),
        Some(Decision::Rejected) if held.is_some_and(|(held, _)| held.action == ReviewAction::Takedown) => {
            Some(("taken down", "block"))
        }
        Some(Decision::Rejected) => Some(("rejected", "block")),
        Some(Decision::Undecided) | None if record.approval && record.outcome == Outcome::Passed => {
            Some(("awaits approval", "note"))
        }
        Some(Decision::Undecided) | None => None,
    };
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
        flagged: holding.is_flagged(),
    }
}

/// What this reader may do with it.
fn actions(reader: &Reader, generation: &Generation, shown: u64, next: &str) -> Actions {
    let passed = generation.record.outcome == Outcome::Passed;
    let decided = generation.decided().map(|(_, decision)| decision);
    let has_text = generation.payload.is_some();
    let asked = match shown {
        0 => "Take this text down on every page? No answer is known to have shown it; its wording is banned until the stop is lifted.".to_owned(),
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
        edit: has_text
            .then(|| format!("/console/generations/{}/edit?next={}", generation.record.id, path_part(next))),
        undo: Holding::of(generation.reviews.iter().map(|review| &review.record))
            .undoing(&reader.name)
            .is_ok(),
    }
}

/// One call to a model, beside the others.
struct Attempt {
    number: usize,
    provider: String,
    model: String,
    answering: Option<String>,
    finish: Option<String>,
    status: Option<u16>,
    tokens: Option<String>,
    cost: Option<String>,
    took: String,
    request: Option<String>,
    error: Option<Safe>,
    /// To mend the text before it.
    repair: bool,
    copy: Option<MarkedCopy>,
    /// Whether it wrote the very text that stands above.
    is_above: bool,
    /// What changed from the one before, where both wrote something.
    changed: Option<Safe>,
    /// What was written, where the copy in it is something else.
    raw: Option<Safe>,
}

/// Something that happened to a text.
struct Event {
    at: Timestamp,
    when: Safe,
    what: Safe,
    note: Option<Safe>,
}

/// The whole story of a generation, or of an answer to a page.
#[derive(Template)]
#[template(path = "generation.html")]
struct Page {
    frame: Frame,
    zone: TimeZone,
    title: String,
    /// What it is of, in short.
    of: String,
    id: Uuid,
    short: Safe,
    /// The address that the page is at.
    address: String,
    /// At which event of the page it is asked for anew.
    refresh: String,
    case: Case,
    in_short: Vec<Safe>,
    look: Look,
    stand: Option<Stand>,
    actions: Option<Actions>,
    shown: String,
    segments: Vec<SegmentThen>,
    /// Of which answer the segments are, where a generation is looked at.
    segments_of: Option<ShownThen>,
    attempts: Vec<Attempt>,
    messages: Vec<(String, Safe)>,
    inputs: Vec<(String, Safe)>,
    events: Vec<Event>,
}

impl Page {
    fn when(&self, at: &Timestamp) -> Safe {
        exactly(*at, &self.zone)
    }

    fn link(&self, rule: &str) -> Option<String> {
        rule_link(rule)
    }

    fn hash(&self, hash: &str) -> Safe {
        short(hash)
    }

    /// Segments that were asked: the one that matched, or those that did not.
    fn asked(&self, chosen: &bool) -> Vec<&SegmentThen> {
        self.segments.iter().filter(|segment| (segment.outcome == "true") == *chosen).collect()
    }

    fn is_matched(&self) -> bool {
        !self.asked(&true).is_empty()
    }

    fn source(&self, source: &Source) -> &'static str {
        words::source(*source)
    }

    fn marked(&self, sentence: &str) -> Safe {
        code(sentence)
    }

    fn text(&self, text: &str) -> Safe {
        visible(text)
    }

    /// Rules of a policy: those that found something, and the others.
    fn rules<'p>(&self, policy: &'p PolicyThen, found: &bool) -> Vec<&'p RuleThen> {
        let has_found = |rule: &&RuleThen| (rule.matches > 0 || rule.second.is_some()) == *found;
        policy.rules.iter().filter(has_found).collect()
    }
}

/// A sentence of ours, with what stands between its backquotes as code.
fn code(sentence: &str) -> Safe {
    let parts = sentence.split('`').enumerate().map(|(index, part)| match index % 2 {
        1 => format!("<code>{}</code>", visible(part)),
        _ => visible(part).0,
    });
    Safe(parts.collect())
}

/// The values in some facts or inputs, each with its path.
fn rows(value: &Value) -> Vec<(String, Safe)> {
    let mut rows = Vec::new();
    flatten(String::new(), value, 8, &mut rows);
    rows
}

fn flatten(path: String, value: &Value, depth: usize, rows: &mut Vec<(String, Safe)>) {
    if rows.len() >= MOST_ROWS {
        return;
    }
    match value {
        Value::Object(map) if depth > 0 => map.iter().for_each(|(name, value)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            flatten(path, value, depth - 1, rows);
        }),
        Value::Null if path.is_empty() => {}
        value => rows.push((path, visible(&value_said(value)))),
    }
}

/// Calls to models, each with what was found in what it wrote.
fn attempts(case: &Case, above: Option<&str>) -> Vec<Attempt> {
    let Some(generation) = &case.generation else { return Vec::new() };
    let locale = &generation.record.locale;
    let mut before: Option<&str> = None;
    let mut told = Vec::new();
    for attempt in &generation.attempts {
        let text = attempt.copy.as_deref().or(attempt.raw.as_deref());
        let notes: Vec<Note> = generation
            .findings
            .iter()
            .filter(|finding| finding.attempt == Some(attempt.number))
            .map(|finding| Note::of_record(finding, Shown::Attempt(attempt.number)))
            .collect();
        let other = attempt.raw.as_deref().filter(|raw| Some(raw.trim()) != attempt.copy.as_deref());
        let is_above = text.is_some() && text == above && generation.attempts.len() == 1;
        told.push(Attempt {
            number: attempt.number,
            provider: attempt.provider.clone(),
            model: attempt.model_asked.clone(),
            answering: attempt.model_answering.clone().filter(|model| *model != attempt.model_asked),
            finish: attempt.finish_reason.clone(),
            status: attempt.status,
            tokens: attempt.tokens.map(|(read, wrote)| format!("{} in, {} out", number(read), number(wrote))),
            cost: (attempt.cost_micros > 0).then(|| money(Micros(attempt.cost_micros))),
            took: took(attempt.latency_ms.saturating_mul(1_000)),
            request: attempt.upstream_request_id.clone(),
            error: attempt.error.as_deref().map(visible),
            repair: attempt.repair,
            is_above,
            copy: text.filter(|_| !is_above).map(|text| MarkedCopy::of(text, locale, &notes, &[]).small()),
            changed: before
                .zip(text)
                .filter(|(one, other)| one != other)
                .map(|(one, other)| changes(one, other)),
            raw: other.filter(|_| attempt.copy.is_some()).map(visible),
        });
        before = text.or(before);
    }
    told
}

/// What happened to a text, the first thing first.
fn events(case: &Case, zone: &TimeZone) -> Vec<Event> {
    let mut events = Vec::new();
    let mut add = |at: Timestamp, what: Safe, note: Option<&str>| {
        events.push(Event { at, when: exactly(at, zone), what, note: note.map(visible) });
    };
    if let Some(serve) = &case.serve {
        add(serve.record.at, Safe("Shown in this answer.".to_owned()), None);
    }
    if let Some(generation) = &case.generation {
        let record = &generation.record;
        add(record.started, Safe("Asked for.".to_owned()), None);
        add(record.finished, visible(&generation.outcome), None);
        for verdict in &generation.verdicts {
            let said = match (
                &verdict.record.error,
                verdict.record.rules.iter().any(|rule| rule.passed == Some(false)),
            ) {
                (Some(_), _) => "gave no answer",
                (None, true) => "spoke against it",
                (None, false) => "had nothing against it",
            };
            let what = format!("A second model ({}) {said}.", visible(&verdict.record.service));
            add(verdict.record.at, Safe(what), verdict.reason.as_deref().or(verdict.record.error.as_deref()));
        }
        for review in &generation.reviews {
            let by = visible(words::by(&review.record.by));
            let what = format!("<strong>{by}</strong> {}.", words::review(review.record.action));
            add(review.record.at, Safe(what), review.note.as_deref());
        }
        if let Some(missing) = &generation.missing {
            add(case.made, Safe(code(missing).0), None);
        }
    }
    events.sort_by_key(|event| event.at);
    events
}

async fn page(State(shared): State<Arc<Shared>>, reader: Reader, Path(id): Path<Uuid>) -> Response {
    whole(&shared, &reader, id, Asked::Generation(id)).await.unwrap_or_else(|failed| failed.page(&reader))
}

async fn serve(State(shared): State<Arc<Shared>>, reader: Reader, Path(id): Path<Uuid>) -> Response {
    whole(&shared, &reader, id, Asked::Serve(id)).await.unwrap_or_else(|failed| failed.page(&reader))
}

#[derive(Debug, serde::Deserialize)]
struct Beside {
    #[serde(default)]
    next: Option<String>,
}

async fn beside(
    State(shared): State<Arc<Shared>>,
    reader: Reader,
    Path(id): Path<Uuid>,
    Query(beside): Query<Beside>,
) -> Response {
    let next = beside.next.unwrap_or_else(|| format!("/console/generations/{id}"));
    match part(&shared, &reader, id, &next).await {
        Ok(html) => Html(html.0).into_response(),
        Err(failed) => failed.into_response(),
    }
}

impl From<CaseError> for Failed {
    fn from(error: CaseError) -> Self {
        match error {
            CaseError::Store(error) => error.into(),
            CaseError::Unknown(_) => Self::Missing(
                "The log holds no such record: it may have been deleted for its age, or be of another shop."
                    .to_owned(),
            ),
        }
    }
}

/// The whole story.
async fn whole(shared: &Shared, reader: &Reader, id: Uuid, asked: Asked) -> Result<Response, Failed> {
    let now = (shared.parts.now)();
    let mut case = Case::brief(&shared.store, &shared.editions, id, !reader.reviews(), now).await?;
    if std::mem::discriminant(&case.asked) != std::mem::discriminant(&asked) {
        // The id is of the other kind, which has a page of its own.
        let kind = if matches!(case.asked, Asked::Serve(_)) { "serves" } else { "generations" };
        return Ok(Redirect::to(&format!("/console/{kind}/{id}")).into_response());
    }
    let written = case.generation.as_ref().map(|generation| generation.record.id);
    let generation = match written {
        Some(id) => search::generation(&shared.store, id).await?,
        None => None,
    };
    let times_shown = match written {
        Some(id) => search::times_shown(&shared.store, id, MOST_SHOWN).await?,
        None => 0,
    };
    let answer = case.serve.as_ref().map(|serve| &serve.record);
    let mut look = match (&generation, answer, &case.text.text) {
        (Some(generation), None, _) => look(shared, generation, None, !reader.reviews()).await?,
        (Some(generation), Some(serve), Some(text)) => {
            look(shared, generation, Some((serve, text.as_str())), !reader.reviews()).await?
        }
        (None, Some(serve), Some(text)) => own(shared, serve, text).await?,
        (_, _, None) | (None, None, _) => Look::default(),
    };
    if look.copy.is_none() {
        look.missing = case.text.missing.clone().or(look.missing);
    }
    let (kind, place) = match asked {
        Asked::Serve(_) => ("Serve", Place::Serves),
        Asked::Generation(_) => ("Generation", Place::Generations),
    };
    let (placement, product) = match (&case.serve, &case.generation) {
        (Some(serve), _) => (serve.record.placement.to_string(), serve.record.product.clone()),
        (None, Some(generation)) => {
            (generation.record.placement.to_string(), generation.record.product.clone())
        }
        (None, None) => Default::default(),
    };
    let of = match (product, &look.name) {
        (Some(id), Some(name)) => format!("{name} ({id}), {placement}"),
        (Some(id), None) => format!("product {id}, {placement}"),
        (None, Some(name)) => format!("{name}, {placement}"),
        (None, None) => placement,
    };
    let segments_of = match &case.serve {
        Some(_) => None,
        None => case.shown.first().cloned(),
    };
    let segments = match (&mut case.serve, &segments_of) {
        (Some(serve), _) => std::mem::take(&mut serve.segments),
        (None, Some(shown)) => {
            let found = search::serve(&shared.store, shown.id).await?;
            found.map(|serve| casefile::segments(&serve.record)).unwrap_or_default()
        }
        (None, None) => Vec::new(),
    };
    let address = format!("/console/{}/{id}", if place == Place::Serves { "serves" } else { "generations" });
    let messages = case.generation.iter().flat_map(|generation| &generation.messages).map(|message| {
        let by = match message.role.as_str() {
            "system" => "The house's instructions",
            "user" => "What was asked",
            _ => "What the model had said",
        };
        let why = if message.repair { ", added to have the first text mended" } else { "" };
        (format!("{by}{why}"), visible(&message.content))
    });
    let above = match &case.serve {
        Some(_) => case.text.text.clone(),
        None => generation.as_ref().and_then(text_of).map(|(text, _)| text),
    };
    let page = Page {
        frame: Frame::of(reader, place, format!("{kind}: {of}")),
        zone: reader.zone.clone(),
        title: kind.to_owned(),
        of,
        id,
        short: short(id),
        address: address.clone(),
        refresh: refresh(written.unwrap_or(id)),
        in_short: case.in_short.iter().map(|sentence| code(sentence)).collect(),
        look,
        stand: generation.as_ref().map(|generation| stand(reader, generation)),
        actions: generation.as_ref().map(|generation| actions(reader, generation, times_shown, &address)),
        shown: times(times_shown),
        segments,
        segments_of,
        attempts: attempts(&case, above.as_deref()),
        messages: messages.collect(),
        inputs: case.generation.as_ref().map(|generation| rows(&generation.inputs)).unwrap_or_default(),
        events: events(&case, &reader.zone),
        case,
    };
    Ok(show(&page))
}

/// Copy that people wrote, as an answer showed it.
async fn own(shared: &Shared, serve: &ServeRecord, text: &str) -> Result<Look, Failed> {
    let told = Told { text, generation: None, serve: Some(serve) };
    let vouched = vouched(&shared.store, &shared.editions, &shared.desk.pin(), &shared.judging, told).await?;
    Ok(Look {
        copy: Some(MarkedCopy::of(text, &serve.locale, &[], &vouched.supported)),
        vouches: vouched.supported.iter().map(Vouch::of).collect(),
        grounds: grounds(&vouched, false),
        name: name_in(&vouched.of_product),
        facts: rows(&Value::Object(vouched.of_product)),
        ..Look::default()
    })
}

/// The case file: a page that stands for itself, to be kept and not to be opened as a page of this service.
async fn case_file(State(shared): State<Arc<Shared>>, reader: Reader, Path(id): Path<Uuid>) -> Response {
    let told = async {
        let now = (shared.parts.now)();
        let case = Case::of(&shared.store, &shared.editions, id, !reader.reviews(), now).await?;
        let page = tokio::task::spawn_blocking(move || casefile::page(&case)).await;
        match page {
            Ok(Ok(page)) => Ok(page),
            Ok(Err(error)) => {
                tracing::error!(%error, "a case file cannot be written");
                Err(Failed::Store)
            }
            Err(error) => {
                tracing::error!(%error, "a case file cannot be written");
                Err(Failed::Store)
            }
        }
    };
    match told.await {
        Ok(page) => {
            let named = format!("attachment; filename=\"case-{id}.html\"");
            let headers = [
                (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
                (header::CONTENT_DISPOSITION, named),
                (header::CONTENT_SECURITY_POLICY, "sandbox".to_owned()),
            ];
            (headers, page).into_response()
        }
        Err(failed) => failed.page(&reader),
    }
}
