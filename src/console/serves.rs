//! The list of serves: what was shown where, when, to whom and why.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use uuid::Uuid;

use super::lists::{self, Field, Kept, REASONS, ROWS, Search, instant, known};
use super::page::{Failed, Frame, Place, page_or, show};
use super::say::{self, Safe};
use super::session::Reader;
use crate::app::Shared;
use crate::audit::index::word;
use crate::audit::search::{self, Page, Serve};
use crate::casefile::{self, words};

/// The fields of the search, in the order of its form.
pub(super) const FIELDS: [&str; 15] = [
    "words",
    "user",
    "moment",
    "placement",
    "product",
    "segment",
    "tier",
    "source",
    "reason",
    "template",
    "locale",
    "from",
    "until",
    "generation",
    "revision",
];
/// Those of them that are seen without being asked for.
const FIRST: [&str; 5] = ["words", "user", "moment", "placement", "product"];
/// The most characters of a text in its row.
const LONG: usize = 700;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/console/serves", get(page)).route("/console/serves/{id}/beside", get(beside))
}

/// One serve in the list.
#[derive(Template)]
#[template(path = "serve_row.html")]
struct Row {
    id: Uuid,
    tier: String,
    text: Safe,
    missing: &'static str,
    placement: String,
    segment: String,
    product: String,
    reason: String,
    at: Safe,
    is_marked: bool,
    here: String,
}

impl Row {
    fn of(serve: &Serve, reader: &Reader, search: &Search, is_marked: bool, now: Timestamp) -> Self {
        let record = &serve.record;
        let id = record.id.to_string();
        Self {
            id: record.id,
            tier: tier(serve).to_owned(),
            text: serve.text.as_deref().map(|text| say::visible(&say::cut(text, LONG))).unwrap_or_default(),
            missing: missing(serve),
            placement: record.placement.to_string(),
            segment: record.segment.to_string(),
            product: record.product.clone().unwrap_or_default(),
            reason: record.reason.map(word).unwrap_or_default().replace('_', " "),
            at: say::briefly(record.at, now, &reader.zone),
            is_marked,
            here: format!("/console/serves?{}", search.with(&[("at", &id)])),
        }
    }
}

/// The kind of copy, in a word.
fn tier(serve: &Serve) -> &'static str {
    use crate::words::Tier;
    match serve.record.tier {
        Tier::User => "user",
        Tier::Segment => "segment",
        Tier::Prewritten => "pre-written",
        Tier::None => "nothing",
    }
}

fn missing(serve: &Serve) -> &'static str {
    match serve {
        Serve { text_erased: true, .. } => "The text was erased.",
        Serve { text_changed: true, .. } => {
            "The text was changed in the store; `copyrail audit verify` says more."
        }
        Serve { text: Some(text), .. } if !text.is_empty() => "",
        _ => "Nothing was shown: the place stayed empty.",
    }
}

/// The serve that is marked, and why it was as it was.
#[derive(Template)]
#[template(path = "serve_beside.html")]
struct Beside {
    id: Uuid,
    tier: &'static str,
    text: Safe,
    missing: &'static str,
    locale: String,
    said: Vec<String>,
    segments: Vec<Segment>,
    facts: Vec<(&'static str, String)>,
    generation: Option<Uuid>,
    at: Safe,
}

/// How one segment came out.
#[derive(Clone, Debug)]
struct Segment {
    id: String,
    said: String,
    conditions: Vec<String>,
}

impl Beside {
    async fn of(shared: &Shared, reader: &Reader, serve: Serve) -> Result<Self, Failed> {
        let why = casefile::why(&shared.store, &shared.editions, &serve.record).await?;
        let segments = why.segments.into_iter().map(|segment| Segment {
            id: segment.segment,
            said: segment.said,
            conditions: segment.conditions,
        });
        let record = &serve.record;
        let facts = [
            ("Placement", record.placement.to_string()),
            ("Segment", record.segment.to_string()),
            ("Product", record.product.clone().unwrap_or_default()),
            ("Template", record.template.as_ref().map(ToString::to_string).unwrap_or_default()),
            ("Locale", record.locale.clone()),
            ("Source", words::source(record.source).to_owned()),
        ];
        Ok(Self {
            id: record.id,
            tier: tier(&serve),
            text: serve.text.as_deref().map(|text| say::visible(&say::cut(text, 10_000))).unwrap_or_default(),
            missing: missing(&serve),
            locale: record.locale.clone(),
            said: why.said,
            segments: segments.collect(),
            facts: facts.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
            generation: record.generation_id,
            at: say::exactly(record.at, &reader.zone),
        })
    }
}

/// The page of the list.
#[derive(Template)]
#[template(path = "serves.html")]
struct Serves {
    frame: Frame,
    list: &'static str,
    kept: Vec<Kept>,
    first: Vec<Field>,
    more: Vec<Field>,
    is_open: bool,
    wrong: Option<String>,
    rows: Vec<Row>,
    beside: Option<Beside>,
    older: Option<String>,
    gave_up: bool,
    newest: Option<String>,
    is_narrow: bool,
    /// Whether it lists what is around a moment, nearest first.
    around: bool,
    alone: String,
    token: String,
}

async fn page(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery, reader: Reader) -> Response {
    let made = async {
        let search = Search::read(&FIELDS, query.as_deref());
        if let Some(tidied) = search.tidied("serves", query.as_deref()) {
            return Ok(Redirect::to(&tidied).into_response());
        }
        let around = !search.get("moment").is_empty();
        let (page, wrong) = match found(&shared, &reader, &search).await? {
            Ok(page) => (page, None),
            Err(wrong) => (Page { items: Vec::new(), next_cursor: None }, Some(wrong)),
        };
        let marked = search.get("at").parse::<Uuid>().ok();
        // Who asks what somebody saw at a moment asks why as well: the nearest is shown.
        let marked = marked.or_else(|| page.items.first().filter(|_| around).map(|serve| serve.record.id));
        let now = (shared.parts.now)();
        let rows: Vec<Row> = page
            .items
            .iter()
            .map(|serve| Row::of(serve, &reader, &search, marked == Some(serve.record.id), now))
            .collect();
        let listed = page.items.into_iter().find(|serve| Some(serve.record.id) == marked);
        let serve = match (listed, marked) {
            (None, Some(id)) => search::serve(&shared.store, id).await.map_err(lists::failed)?,
            (listed, _) => listed,
        };
        let beside = match serve {
            Some(serve) => Some(Beside::of(&shared, &reader, serve).await?),
            None => None,
        };
        let mut kept = always(&shared, &reader, &search);
        kept.extend(Kept::of(&shared, &reader, "serves", &search).await?);
        let (first, more) = fields(&shared, &search, &reader.zone)
            .into_iter()
            .partition(|field: &Field| FIRST.contains(&field.name));
        let to = |cursor: &str| format!("/console/serves?{}", search.with(&[("at", ""), ("cursor", cursor)]));
        let more_named: Vec<&str> = FIELDS.into_iter().filter(|name| !FIRST.contains(name)).collect();
        Ok(show(&Serves {
            frame: Frame::of(&reader, Place::Serves, "Serves"),
            list: "serves",
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
            around,
            alone: search.alone(),
            token: reader.token.clone(),
        }))
    };
    page_or(&reader, made.await)
}

async fn found(
    shared: &Shared,
    reader: &Reader,
    search: &Search,
) -> Result<Result<Page<Serve>, String>, Failed> {
    let asked = match search.asked(&reader.zone) {
        Ok(asked) => asked,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let filter = match asked.serves(&shared.store, &shared.parts.user_key).await {
        Ok(filter) => filter,
        Err(error) => return lists::misasked(error).map(Err),
    };
    let page = match search.get("moment") {
        "" => search::serves(&shared.store, &filter, ROWS, search.some("cursor").as_deref()).await,
        written => match instant(written, &reader.zone, false) {
            Some(at) => search::serves_around(&shared.store, &filter, at, ROWS).await,
            None => return Ok(Err(format!("“{written}” is no moment; write one such as 2026-11-20T14:30."))),
        },
    };
    page.map(Ok).map_err(lists::failed)
}

/// The searches that are there for everybody.
fn always(shared: &Shared, reader: &Reader, search: &Search) -> Vec<Kept> {
    let today = (shared.parts.now)().to_zoned(reader.zone.clone()).strftime("%Y-%m-%dT00:00").to_string();
    [
        ("Today", vec![("from", today.as_str())]),
        ("Waiting for approval", vec![("reason", "awaiting_approval")]),
        ("Stopped", vec![("reason", "stopped")]),
    ]
    .map(|(name, fields)| Kept::always("serves", name, search, &fields))
    .into()
}

fn fields(shared: &Shared, search: &Search, zone: &TimeZone) -> Vec<Field> {
    let [placement, segment, template] = known(shared, search);
    let mut fields = vec![
        Field::free(search, "words"),
        Field::free(search, "user"),
        Field::time(search, "moment", zone),
        placement,
        Field::free(search, "product"),
        segment,
        Field::chosen(search, "tier", &["user", "segment", "prewritten", "none"]),
        Field::chosen(search, "source", &["generated", "cache", "prewritten", "none"]),
        Field::chosen(search, "reason", &REASONS),
        template,
        Field::free(search, "locale"),
        Field::time(search, "from", zone),
        Field::time(search, "until", zone),
    ];
    // What other pages ask for by their links.
    let linked = ["generation", "revision"].into_iter().filter(|name| !search.get(name).is_empty());
    fields.extend(linked.map(|name| Field::free(search, name)));
    fields
}

async fn beside(State(shared): State<Arc<Shared>>, Path(id): Path<String>, reader: Reader) -> Response {
    let made = async {
        let unknown = || Failed::Missing("The log holds no serve with this id.".to_owned());
        let id = id.parse().map_err(|_| unknown())?;
        let serve = search::serve(&shared.store, id).await.map_err(lists::failed)?.ok_or_else(unknown)?;
        Ok(show(&Beside::of(&shared, &reader, serve).await?))
    };
    page_or(&reader, made.await)
}
