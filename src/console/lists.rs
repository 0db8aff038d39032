//! What the lists of generations and of serves share: the search in the address, its form, and the searches that people keep.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::Deserialize;

use super::page::{Failed, page_or};
use super::say;
use super::session::{Form, Reader};
use crate::app::Shared;
use crate::audit::search::{Asked, Misasked, SearchError};
use crate::store::StoreError;
use crate::store::filters::{self, FilterRow};
use crate::words::new_id;

/// How many records a page lists.
pub(super) const ROWS: u32 = 50;
/// The most characters of a field of a search.
const LONGEST: usize = 300;
/// The most characters of the name of a search that is kept.
const LONGEST_NAME: usize = 60;
/// The most of a policy's names that a field suggests.
const MOST_NAMES: usize = 500;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/console/filters", post(keep)).route("/console/filters/{id}/delete", post(forget))
}

/// A list's search as it stands in its address: the fields that are known and say something, in the order of the form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Search(Vec<(&'static str, String)>);

/// What of an address is not part of the search: which page of it, and which row is marked.
const BESIDES: [&str; 2] = ["cursor", "at"];

impl Search {
    /// Reads an address. What is not known is left out, of what stands there twice the last counts.
    pub(super) fn read(known: &[&'static str], query: Option<&str>) -> Self {
        let pairs: Vec<(String, String)> =
            serde_urlencoded::from_str(query.unwrap_or_default()).unwrap_or_default();
        let value = |name: &str| {
            let (_, value) = pairs.iter().rev().find(|(named, _)| named == name)?;
            let value: String = value.trim().chars().take(LONGEST).collect();
            (!value.is_empty()).then_some(value)
        };
        Self(known.iter().chain(&BESIDES).filter_map(|name| Some((*name, value(name)?))).collect())
    }

    /// The address that says the same without what a form sends of fields that nobody filled in; `None` of one that is such.
    pub(super) fn tidied(&self, page: &str, query: Option<&str>) -> Option<String> {
        let is_untidy = query.is_some_and(|query| query.split('&').any(|pair| pair.ends_with('=')));
        is_untidy.then(|| format!("/console/{page}?{}", self.with(&[])))
    }

    /// What a field says; empty where it says nothing.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(named, _)| *named == name).map_or("", |(_, value)| value.as_str())
    }

    /// The same, or nothing.
    pub(super) fn some(&self, name: &str) -> Option<String> {
        Some(self.get(name)).filter(|value| !value.is_empty()).map(str::to_owned)
    }

    /// Whether it asks for anything in particular.
    pub(super) fn is_narrow(&self) -> bool {
        self.0.iter().any(|(name, _)| !BESIDES.contains(name))
    }

    /// Whether any of these fields says something.
    pub(super) fn asks(&self, names: &[&str]) -> bool {
        names.iter().any(|name| !self.get(name).is_empty())
    }

    /// As it stands in an address, with these fields in place of what they said; an empty one is left out.
    pub(super) fn with(&self, fields: &[(&str, &str)]) -> String {
        let kept = self.0.iter().map(|(name, value)| (*name, value.as_str()));
        let kept = kept.filter(|(name, _)| !fields.iter().any(|(named, _)| named == name));
        let all = kept.chain(fields.iter().copied().filter(|(_, value)| !value.is_empty()));
        serde_urlencoded::to_string(all.collect::<Vec<_>>()).unwrap_or_default()
    }

    /// The search alone, as it is kept under a name.
    pub(super) fn alone(&self) -> String {
        self.with(&BESIDES.map(|name| (name, "")))
    }

    /// What both lists are asked for. Times that people write are the reader's, and the end of a time is within it.
    pub(super) fn asked(&self, zone: &TimeZone) -> Result<Asked, String> {
        let time = |name: &'static str, end: bool| match self.get(name) {
            "" => Ok(None),
            written => instant(written, zone, end).map(Some).ok_or_else(|| {
                format!(
                    "“{}” is no time; write a day or a minute, such as 2026-11-20 or 2026-11-20T14:30.",
                    written
                )
            }),
        };
        let generation = match self.get("generation") {
            "" => None,
            id => Some(id.parse().map_err(|_| format!("“{id}” is no id of a generation."))?),
        };
        Ok(Asked {
            placement: self.some("placement"),
            product: self.some("product"),
            segment: self.some("segment"),
            template: self.some("template"),
            revision: self.some("revision"),
            outcome: self.some("outcome"),
            reason: self.some("reason"),
            rule: self.some("rule"),
            locale: self.some("locale"),
            model: self.some("model"),
            state: self.some("state"),
            tier: self.some("tier"),
            source: self.some("source"),
            generation,
            user: self.some("user"),
            user_hash: None,
            words: self.some("words"),
            since: time("from", false)?,
            until: time("until", true)?,
        })
    }
}

/// An instant that a person wrote: a day or a minute of theirs, or an instant as machines write it. Of an end, the first
/// moment after what was written.
pub(super) fn instant(written: &str, zone: &TimeZone, end: bool) -> Option<Timestamp> {
    if let Ok(at) = written.parse::<Timestamp>() {
        return Some(at);
    }
    let (civil, unit) = match written.parse::<Date>() {
        Ok(date) if !written.contains([':', 'T']) => {
            (date.to_datetime(jiff::civil::Time::midnight()), 1.day())
        }
        _ => (written.parse::<DateTime>().ok()?, 1.minute()),
    };
    let civil = if end { civil.checked_add(unit).ok()? } else { civil };
    zone.to_ambiguous_zoned(civil).compatible().ok().map(|zoned| zoned.timestamp())
}

/// Why a search cannot be meant: a sentence for whoever wrote it.
pub(super) fn misasked(error: Misasked) -> Result<String, Failed> {
    match error {
        Misasked::Field { field, write } => Ok(format!("{}: {write}.", label(field))),
        Misasked::Store(error) => Err(error.into()),
    }
}

/// Why a search could not be made.
pub(super) fn failed(error: SearchError) -> Failed {
    match error {
        SearchError::Cursor(_) => {
            Failed::Malformed("This address leads nowhere any more. Search again.".to_owned())
        }
        error @ SearchError::Index => Failed::NotNow(format!("{error}.")),
        SearchError::Store(error) => error.into(),
    }
}

/// What a field is called.
fn label(field: &str) -> &'static str {
    match field {
        "words" => "Words",
        "state" => "Review",
        "outcome" => "Outcome",
        "placement" => "Placement",
        "segment" => "Segment",
        "product" => "Product id",
        "template" => "Template",
        "rule" => "Rule",
        "reason" => "Reason",
        "model" => "Model",
        "locale" => "Locale",
        "user" => "Customer reference",
        "tier" => "Tier",
        "source" => "Source",
        "generation" => "Generation",
        "revision" => "Revision",
        "moment" => "Around",
        "from" => "From",
        "until" => "Until",
        _ => "This",
    }
}

/// A field of the form.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) value: String,
    /// What may be chosen: a word, and what it is called. Empty where anything may be written.
    pub(super) choices: Vec<(String, String)>,
    /// What is suggested.
    pub(super) names: Vec<String>,
    /// Whether it is a time.
    pub(super) is_time: bool,
}

impl Field {
    /// Where anything may be written.
    pub(super) fn free(search: &Search, name: &'static str) -> Self {
        let value = search.get(name).to_owned();
        let (choices, names) = Default::default();
        Self { name, label: label(name), value, choices, names, is_time: false }
    }

    /// Where these are suggested.
    pub(super) fn suggested(
        search: &Search,
        name: &'static str,
        names: impl IntoIterator<Item = String>,
    ) -> Self {
        let names: BTreeSet<String> = names.into_iter().collect();
        Self { names: names.into_iter().take(MOST_NAMES).collect(), ..Self::free(search, name) }
    }

    /// Where one of a few words is chosen.
    pub(super) fn chosen(search: &Search, name: &'static str, words: &[&str]) -> Self {
        let mut choices: Vec<(String, String)> =
            words.iter().map(|word| ((*word).to_owned(), word.replace('_', " "))).collect();
        let value = search.get(name);
        if !value.is_empty() && !words.contains(&value) {
            // What an address asks for stands in its form, however it is meant.
            choices.push((value.to_owned(), value.to_owned()));
        }
        Self { choices, ..Self::free(search, name) }
    }

    /// Where a time is written: shown as a minute of the reader's, however the address says it.
    pub(super) fn time(search: &Search, name: &'static str, zone: &TimeZone) -> Self {
        let is_end = name == "until";
        let minute = instant(search.get(name), zone, is_end).and_then(|at| {
            // What is asked for ends with the minute that is shown.
            let at = if is_end { at.checked_sub(1.nanosecond()).ok()? } else { at };
            Some(at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M").to_string())
        });
        Self { is_time: true, value: minute.unwrap_or_default(), ..Self::free(search, name) }
    }
}

/// The words for why a lower tier was served.
pub(super) const REASONS: [&str; 16] = [
    "mode",
    "rollout",
    "holdout",
    "no_consent",
    "unknown_product",
    "deadline",
    "guardrail",
    "upstream",
    "breaker_open",
    "rate_limited",
    "budget",
    "overload",
    "store_unavailable",
    "awaiting_approval",
    "stopped",
    "not_admitted",
];

/// The fields of both lists that suggest what the policy in force knows.
pub(super) fn known(shared: &Shared, search: &Search) -> [Field; 3] {
    let policy = shared.desk.pin();
    let prompts = &policy.copy.prompts;
    let placements = prompts.placements().map(|placement| placement.id.to_string());
    let segments = policy.copy.segments.iter().map(|segment| segment.id.to_string());
    let templates = prompts.placements().flat_map(|placement| prompts.templates(&placement.id));
    [
        Field::suggested(search, "placement", placements),
        Field::suggested(search, "segment", segments.chain(["default".to_owned()])),
        Field::suggested(search, "template", templates.map(|template| template.id.to_string())),
    ]
}

/// A search that somebody keeps, or that is always there.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) name: String,
    pub(super) address: String,
    /// Whether it is the one that is shown.
    pub(super) is_shown: bool,
    /// By which it is forgotten; `None` of one that is always there.
    pub(super) id: Option<String>,
}

impl Kept {
    /// One that is always there.
    pub(super) fn always(page: &str, name: &str, search: &Search, fields: &[(&str, &str)]) -> Self {
        let query = serde_urlencoded::to_string(fields).unwrap_or_default();
        let (name, address) = (name.to_owned(), format!("/console/{page}?{query}"));
        Self { name, address, is_shown: search.alone() == query, id: None }
    }

    /// Those of a person.
    pub(super) async fn of(
        shared: &Shared,
        reader: &Reader,
        page: &str,
        search: &Search,
    ) -> Result<Vec<Self>, StoreError> {
        let rows = filters::of(&shared.store, &reader.name, page).await?;
        let alone = search.alone();
        let kept = rows.into_iter().map(|row| Self {
            address: format!("/console/{page}?{}", row.query),
            is_shown: row.query == alone,
            name: row.name,
            id: Some(row.id),
        });
        Ok(kept.collect())
    }
}

/// A list's page by its name, with the fields of its search.
fn fields_of(page: &str) -> Option<(&'static str, &'static [&'static str])> {
    match page {
        "generations" => Some(("generations", &super::generations::FIELDS)),
        "serves" => Some(("serves", &super::serves::FIELDS)),
        _ => None,
    }
}

/// A search to be kept.
#[derive(Debug, Deserialize)]
struct Keep {
    page: String,
    name: String,
    query: String,
}

async fn keep(State(shared): State<Arc<Shared>>, Form(reader, sent): Form<Keep>) -> Response {
    let made = async {
        let nothing = || Failed::Malformed("There is no search here to keep.".to_owned());
        let (page, fields) = fields_of(&sent.page).ok_or_else(nothing)?;
        let search = Search::read(fields, Some(&sent.query));
        if !search.is_narrow() {
            return Err(nothing());
        }
        let name: String = sent.name.split_whitespace().collect::<Vec<_>>().join(" ");
        if name.is_empty() || name.chars().count() > LONGEST_NAME {
            return Err(Failed::Malformed(format!("Give it a name of at most {LONGEST_NAME} characters.")));
        }
        if !search.get("user").is_empty() {
            let why = "A search for one customer cannot be kept: their reference would outlive its erasure. Take it out and keep the rest.";
            return Err(Failed::Malformed(why.to_owned()));
        }
        let (now, query) = ((shared.parts.now)(), search.alone());
        let row = FilterRow {
            id: new_id(now).to_string(),
            owner: reader.name.clone(),
            page: page.to_owned(),
            name,
            query: query.clone(),
        };
        match filters::keep(&shared.store, &row, now).await? {
            true => Ok(Redirect::to(&format!("/console/{page}?{query}")).into_response()),
            false => Err(Failed::NotNow(format!(
                "You keep {} searches, which is as many as there is room for. Forget one first.",
                say::number(filters::MOST.unsigned_abs())
            ))),
        }
    };
    page_or(&reader, made.await)
}

/// Nothing is asked of the form but that it is the reader's.
#[derive(Debug, Deserialize)]
struct Nothing {}

async fn forget(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Form(reader, Nothing {}): Form<Nothing>,
) -> Response {
    let made = async {
        let page = filters::forget(&shared.store, &reader.name, &id).await?;
        let page = page.as_deref().and_then(fields_of).map(|(page, _)| page);
        let page = page.ok_or_else(|| Failed::Missing("You keep no such search.".to_owned()))?;
        Ok(Redirect::to(&format!("/console/{page}")).into_response())
    };
    page_or(&reader, made.await)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: [&str; 3] = ["words", "product", "from"];

    #[test]
    fn an_address_is_read_and_written_alike() {
        for (query, alone) in [
            ("", ""),
            ("words=oak+lamp&product=a%2Fb%26c", "words=oak+lamp&product=a%2Fb%26c"),
            ("product=1&words=x&utm=9&at=7&cursor=g1", "words=x&product=1"),
            ("words=&product=%20", ""),
            ("words=one&words=two", "words=two"),
            ("product=%3Cscript%3E%22", "product=%3Cscript%3E%22"),
            ("words=%FF%FE", "words=%EF%BF%BD%EF%BF%BD"),
        ] {
            assert_eq!(Search::read(&FIELDS, Some(query)).alone(), alone, "{query}");
        }
        let search = Search::read(&FIELDS, Some("words=x&at=7&cursor=g1"));
        assert_eq!(search.with(&[("at", "8"), ("cursor", "")]), "words=x&at=8");
        assert!(search.is_narrow() && !Search::read(&FIELDS, Some("at=7")).is_narrow());
        assert_eq!(
            Search::read(&FIELDS, Some(&format!("words={}", "a".repeat(900)))).get("words").len(),
            300
        );
    }

    #[test]
    fn times_are_the_readers() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let read = |written, end| instant(written, &zone, end).map(|at| at.to_string());
        for (written, end, at) in [
            ("2026-07-01T10:00", false, Some("2026-07-01T08:00:00Z")),
            ("2026-07-01 10:00", true, Some("2026-07-01T08:01:00Z")),
            ("2026-12-01", false, Some("2026-11-30T23:00:00Z")),
            ("2026-12-01", true, Some("2026-12-01T23:00:00Z")),
            ("2026-12-01T10:00:00Z", true, Some("2026-12-01T10:00:00Z")),
            // The hour that does not exist, and the one that exists twice.
            ("2026-03-29T02:30", false, Some("2026-03-29T01:30:00Z")),
            ("2026-10-25T02:30", false, Some("2026-10-25T00:30:00Z")),
            ("yesterday", false, None),
            ("9999-12-31", true, None),
        ] {
            assert_eq!(read(written, end).as_deref(), at, "{written}");
        }
    }

    #[test]
    fn a_form_shows_the_times_of_its_address() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        for (name, written, shown) in [
            ("from", "2026-07-01T10:00", "2026-07-01T10:00"),
            ("until", "2026-07-01T10:00", "2026-07-01T10:00"),
            ("from", "2026-07-01", "2026-07-01T00:00"),
            ("until", "2026-07-01", "2026-07-01T23:59"),
            ("from", "2026-07-01T10:00:00Z", "2026-07-01T12:00"),
            ("moment", "soon", ""),
        ] {
            let search = Search::read(&["from", "until", "moment"], Some(&format!("{name}={written}")));
            assert_eq!(Field::time(&search, name, &zone).value, shown, "{name}={written}");
        }
    }
}
