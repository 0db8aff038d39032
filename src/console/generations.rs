//! The list of generations: searched, filtered, read and decided on by keyboard.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use uuid::Uuid;

use super::generation;
use super::lists::{self, Field, Kept, REASONS, ROWS, Search, known};
use super::page::{Failed, Frame, Place, page_or, show};
use super::review::generation_id;
use super::say::{self, Safe};
use super::session::Reader;
use crate::app::Shared;
use crate::audit::index::text_of;
use crate::audit::search::{self, Generation};
use crate::audit::{Decision, GenerationRecord, Holding, Outcome, ReviewAction};
use crate::store::StoreError;

/// The fields of the search, in the order of its form.
pub(super) const FIELDS: [&str; 15] = [
    "words",
    "state",
    "outcome",
    "placement",
    "segment",
    "product",
    "rule",
    "template",
    "reason",
    "model",
    "locale",
    "user",
    "revision",
    "from",
    "until",
];
/// Those of them that are seen without being asked for.
const FIRST: [&str; 5] = ["words", "state", "outcome", "placement", "product"];
/// The most characters of a text in its row.
const LONG: usize = 700;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/console/generations", get(page)).route("/console/generations/{id}/row", get(row))
}

/// How something stands, in a word and its meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Badge {
    pub(super) class: &'static str,
    pub(super) said: &'static str,
}

impl Badge {
    /// How a generation ended.
    pub(super) fn of(outcome: Outcome) -> Self {
        let (class, said) = match outcome {
            Outcome::Passed => ("pass", "passed"),
            Outcome::Blocked => ("block", "blocked"),
            Outcome::Failed => ("repair", "failed"),
            Outcome::Abandoned => ("repair", "abandoned"),
        };
        Self { class, said }
    }

    /// How it stands with those who review; empty where nobody has anything to do with it.
    pub(super) fn reviewed(generation: &Generation) -> Vec<Self> {
        let holding = Holding::of(generation.reviews.iter().map(|review| &review.record));
        let decided = holding.decided().map(|(review, decision)| match decision {
            Decision::Approved => ("pass", "approved"),
            _ if review.action == ReviewAction::Takedown => ("block", "taken down"),
            _ => ("block", "rejected"),
        });
        let record = &generation.record;
        let waits = decided.is_none() && record.approval && record.outcome == Outcome::Passed;
        let flagged = holding.is_flagged().then_some(("note", "flagged"));
        let all = decided.into_iter().chain(waits.then_some(("note", "waiting"))).chain(flagged);
        all.map(|(class, said)| Self { class, said }).collect()
    }
}

/// What a reader may do with a generation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Acts {
    pub(super) approve: bool,
    pub(super) reject: bool,
    pub(super) flag: bool,
    pub(super) take_down: bool,
    pub(super) edit: bool,
    pub(super) undo: bool,
    /// Whether it was taken down: then its stop is lifted first.
    pub(super) stopped: bool,
}

impl Acts {
    pub(super) fn of(generation: &Generation, reader: &Reader) -> Self {
        if !reader.reviews() {
            return Self::default();
        }
        let holding = Holding::of(generation.reviews.iter().map(|review| &review.record));
        let decided = holding.decided();
        let is = |decision| decided.is_some_and(|(_, decided)| decided == decision);
        let stopped = decided.is_some_and(|(review, _)| review.action == ReviewAction::Takedown);
        let passed = generation.record.outcome == Outcome::Passed;
        let written = generation.payload.as_ref().is_some_and(|payload| !text_of(payload).is_empty());
        Self {
            approve: passed && !stopped && !is(Decision::Approved),
            reject: written && !is(Decision::Rejected),
            flag: !holding.is_flagged(),
            take_down: written && !stopped,
            edit: passed && written,
            undo: holding.undoing(&reader.name).is_ok(),
            stopped,
        }
    }
}

/// One generation in the list.
#[derive(Template)]
#[template(path = "generation_row.html")]
struct Row {
    id: Uuid,
    badge: Badge,
    text: Safe,
    /// What stands in place of a text.
    missing: &'static str,
    placement: String,
    segment: String,
    product: String,
    at: Safe,
    acts: Acts,
    token: String,
    is_marked: bool,
    /// The list's address without what is marked, for addresses of rows; ends so that a field can follow.
    list: String,
    /// The list's address with this one marked.
    here: String,
    /// The same as where an edit leads back to.
    back: String,
}

impl Row {
    fn of(generation: &Generation, reader: &Reader, search: &Search, now: Timestamp) -> Self {
        let record = &generation.record;
        let id = record.id.to_string();
        let (text, missing) = text(generation, LONG);
        let here = format!("/console/generations?{}", search.with(&[("at", &id)]));
        Self {
            id: record.id,
            badge: Badge::reviewed(generation).pop().unwrap_or_else(|| Badge::of(record.outcome)),
            text,
            missing,
            placement: record.placement.to_string(),
            segment: record.segment.to_string(),
            product: record.product.clone().unwrap_or_default(),
            at: say::briefly(record.finished, now, &reader.zone),
            acts: Acts::of(generation, reader),
            token: reader.token.clone(),
            is_marked: search.get("at") == id,
            list: search.with(&[("at", "")]),
            back: serde_urlencoded::to_string([("next", &here)]).unwrap_or_default(),
            here,
        }
    }
}

/// A generation's text, or what stands in its place.
fn text(generation: &Generation, most: usize) -> (Safe, &'static str) {
    let written = generation.payload.as_ref().map(text_of);
    match (written, generation.record.outcome) {
        (Some(text), _) if !text.is_empty() => (say::visible(&say::cut(text, most)), ""),
        (None, _) => (Safe::default(), "The text was erased."),
        (Some(_), Outcome::Abandoned) => (Safe::default(), "It was given up before there was a text."),
        (Some(_), _) => (Safe::default(), "No text was written."),
    }
}

/// The page of the list.
#[derive(Template)]
#[template(path = "generations.html")]
struct Generations {
    frame: Frame,
    list: &'static str,
    kept: Vec<Kept>,
    first: Vec<Field>,
    more: Vec<Field>,
    is_open: bool,
    /// What is wrong with the search.
    wrong: Option<String>,
    rows: Vec<Row>,
    /// The marked one, in short.
    beside: Option<Safe>,
    /// The address of what comes after.
    older: Option<String>,
    /// Whether the search gave up before it had a page full.
    gave_up: bool,
    /// The address of the first page, where this is none.
    newest: Option<String>,
    is_narrow: bool,
    /// The search, to be kept.
    alone: String,
    token: String,
    reviews: bool,
}

async fn page(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery, reader: Reader) -> Response {
    let made = async {
        let search = Search::read(&FIELDS, query.as_deref());
        if let Some(tidied) = search.tidied("generations", query.as_deref()) {
            return Ok(Redirect::to(&tidied).into_response());
        }
        let (page, wrong) = match found(&shared, &reader, &search).await? {
            Ok(page) => (page, None),
            Err(wrong) => (search::Page { items: Vec::new(), next_cursor: None }, Some(wrong)),
        };
        let now = (shared.parts.now)();
        let mut rows = Vec::with_capacity(page.items.len());
        for record in page.items {
            let generation = whole(&shared, record).await?;
            rows.push(Row::of(&generation, &reader, &search, now));
        }
        let beside = match search.get("at").parse() {
            Ok(id) => {
                let here = format!("/console/generations?{}", search.with(&[]));
                beside(&shared, &reader, id, &here).await?
            }
            Err(_) => None,
        };
        let mut kept = always(&shared, &reader, &search);
        kept.extend(Kept::of(&shared, &reader, "generations", &search).await?);
        let fields = fields(&shared, &search, &reader.zone);
        let (first, more) = fields.into_iter().partition(|field: &Field| FIRST.contains(&field.name));
        let to =
            |cursor: &str| format!("/console/generations?{}", search.with(&[("at", ""), ("cursor", cursor)]));
        let more_named: Vec<&str> = FIELDS.into_iter().filter(|name| !FIRST.contains(name)).collect();
        Ok(show(&Generations {
            frame: Frame::of(&reader, Place::Generations, "Generations"),
            list: "generations",
            kept,
            first,
            more,
            is_open: search.asks(&more_named),
            wrong,
            gave_up: page.next_cursor.is_some() && rows.len() < ROWS as usize,
            older: page.next_cursor.as_deref().map(to),
            newest: (!search.get("cursor").is_empty()).then(|| to("")),
            rows,
            beside,
            is_narrow: search.is_narrow(),
            alone: search.alone(),
            token: reader.token.clone(),
            reviews: reader.reviews(),
        }))
    };
    page_or(&reader, made.await)
}

/// What is found, or what is wrong with the search.
async fn found(
    shared: &Shared,
    reader: &Reader,
    search: &Search,
) -> Result<Result<search::Page, String>, Failed> {
    let asked = match search.asked(&reader.zone) {
        Ok(asked) => asked,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let filter = match asked.generations(&shared.store, &shared.parts.user_key).await {
        Ok(filter) => filter,
        Err(error) => return lists::misasked(error).map(Err),
    };
    let cursor = search.some("cursor");
    let page = search::generations(&shared.store, &filter, ROWS, cursor.as_deref()).await;
    page.map(Ok).map_err(lists::failed)
}

/// A record with what stands beside it. What was changed behind the log's back is listed all the same.
async fn whole(shared: &Shared, record: GenerationRecord) -> Result<Generation, Failed> {
    match search::generation(&shared.store, record.id).await {
        Ok(Some(generation)) => Ok(generation),
        Ok(None) | Err(StoreError::Corrupt(_)) => {
            let (payload, verdicts, reviews) = Default::default();
            Ok(Generation { record, payload, verdicts, reviews })
        }
        Err(error) => Err(error.into()),
    }
}

/// The searches that are there for everybody.
fn always(shared: &Shared, reader: &Reader, search: &Search) -> Vec<Kept> {
    let today = (shared.parts.now)().to_zoned(reader.zone.clone()).strftime("%Y-%m-%dT00:00").to_string();
    [
        ("Waiting for approval", vec![("state", "awaiting")]),
        ("Blocked today", vec![("outcome", "blocked"), ("from", today.as_str())]),
        ("Flagged", vec![("state", "flagged")]),
    ]
    .map(|(name, fields)| Kept::always("generations", name, search, &fields))
    .into()
}

fn fields(shared: &Shared, search: &Search, zone: &TimeZone) -> Vec<Field> {
    let policy = shared.desk.pin();
    let rules = policy.guardrails.rules().iter().map(|rule| rule.id().to_owned());
    let [placement, segment, template] = known(shared, search);
    let mut fields = vec![
        Field::free(search, "words"),
        Field::chosen(search, "state", &["awaiting", "approved", "rejected", "flagged"]),
        Field::chosen(search, "outcome", &["passed", "blocked", "failed", "abandoned"]),
        placement,
        Field::free(search, "product"),
        segment,
        Field::suggested(search, "rule", rules),
        template,
        Field::chosen(search, "reason", &REASONS),
        Field::free(search, "model"),
        Field::free(search, "locale"),
        Field::free(search, "user"),
        Field::time(search, "from", zone),
        Field::time(search, "until", zone),
    ];
    // What other pages ask for by their links.
    fields.extend((!search.get("revision").is_empty()).then(|| Field::free(search, "revision")));
    fields
}

async fn one(shared: &Shared, id: &str) -> Result<Generation, Failed> {
    let found = search::generation(&shared.store, generation_id(id)?).await?;
    found.ok_or_else(|| Failed::Missing("The log holds no generation with this id.".to_owned()))
}

async fn row(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    reader: Reader,
) -> Response {
    let made = async {
        let search = Search::read(&FIELDS, query.as_deref());
        Ok(show(&Row::of(&one(&shared, &id).await?, &reader, &search, (shared.parts.now)())))
    };
    page_or(&reader, made.await)
}

/// The short story of a generation; `None` where there is no such one.
async fn beside(shared: &Shared, reader: &Reader, id: Uuid, here: &str) -> Result<Option<Safe>, Failed> {
    match generation::part(shared, reader, id, here).await {
        Ok(part) => Ok(Some(part)),
        Err(Failed::Missing(_)) => Ok(None),
        Err(failed) => Err(failed),
    }
}
