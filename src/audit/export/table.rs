//! Records as rows: which columns there are, and what stands in them.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::Value;

use super::super::chained::Chained;
use super::super::index::word;
use super::super::records::{
    self, Event, GenerationPayload, Record, ReviewPayload, ServeRecord, StoredGeneration, VerdictPayload,
};
use super::{ExportError, Scope, What};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// A text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Real,
    /// Yes or no.
    Yes,
    /// A time in UTC, to the microsecond.
    Time,
}

/// One column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub of: Of,
    /// Whether it may hold personal data, and is left out unless that is asked for.
    pub payload: bool,
}

/// What stands in a row's column.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A text.
    Text(Option<String>),
    /// A whole number.
    Integer(Option<i64>),
    /// A number.
    Real(Option<f64>),
    /// Yes or no.
    Yes(Option<bool>),
    /// A time.
    Time(Option<Timestamp>),
}

/// What an entry gave.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) rows: u64,
    pub(super) unread: u64,
}

const fn text(name: &'static str) -> Column {
    Column { name, of: Of::Text, payload: false }
}
const fn integer(name: &'static str) -> Column {
    Column { name, of: Of::Integer, payload: false }
}
const fn time(name: &'static str) -> Column {
    Column { name, of: Of::Time, payload: false }
}
const fn personal(name: &'static str) -> Column {
    Column { name, of: Of::Text, payload: true }
}

/// Before every record's own columns: the entry that it stands in.
const ENTRY: &[Column] = &[integer("seq"), text("hash")];

const GENERATIONS: &[Column] = &[
    text("id"),
    time("started"),
    time("finished"),
    text("placement"),
    text("segment"),
    text("template"),
    text("product"),
    text("locale"),
    text("outcome"),
    text("reason"),
    text("model"),
    text("provider"),
    integer("attempts"),
    integer("prompt_tokens"),
    integer("output_tokens"),
    integer("latency_ms"),
    integer("cost_micros"),
    Column { name: "cost", of: Of::Real, payload: false },
    integer("findings"),
    text("rules"),
    text("evidence"),
    text("purpose"),
    text("user"),
    text("revision"),
    text("guardrails"),
    text("trace_id"),
    text("payload_hash"),
    // A hash over the inputs, against which guesses can be tried.
    personal("cache_key"),
    personal("text"),
    personal("prompt"),
    personal("inputs"),
    personal("raw_texts"),
    personal("matches"),
];

const SERVES: &[Column] = &[
    integer("line"),
    text("id"),
    time("at"),
    text("placement"),
    text("segment"),
    text("product"),
    text("user"),
    text("tier"),
    text("source"),
    text("reason"),
    text("generation_id"),
    text("text_hash"),
    integer("latency_us"),
    text("locale"),
    text("template"),
    Column { name: "pending", of: Of::Yes, payload: false },
    text("repeats"),
    text("instead_of"),
    text("conditions"),
    text("revision"),
    personal("text"),
];

const REVIEWS: &[Column] = &[
    text("id"),
    text("generation_id"),
    text("action"),
    time("at"),
    text("by"),
    text("payload_hash"),
    personal("note"),
];

const VERDICTS: &[Column] = &[
    text("id"),
    text("generation_id"),
    time("at"),
    text("service"),
    text("question"),
    text("guardrails"),
    text("rules"),
    text("opinion"),
    text("error"),
    integer("attempts"),
    integer("cost_micros"),
    Column { name: "cost", of: Of::Real, payload: false },
    text("payload_hash"),
    personal("reason"),
];

const EVENTS: &[Column] = &[text("kind"), time("at"), text("by"), text("record")];

/// The columns of a kind of record; none of everything at once, which fits no table.
pub(super) fn columns(what: What, payload: bool) -> Vec<Column> {
    let own = match what {
        What::All => return Vec::new(),
        What::Generations => GENERATIONS,
        What::Serves => SERVES,
        What::Reviews => REVIEWS,
        What::Verdicts => VERDICTS,
        What::Events => EVENTS,
    };
    ENTRY.iter().chain(own).filter(|column| payload || !column.payload).copied().collect()
}

/// The rows of an entry, in the order of its columns.
pub(super) fn rows(
    entry: &Chained,
    scope: Scope,
    texts: &HashMap<String, Option<String>>,
    mut put: impl FnMut(Vec<Cell>) -> Result<(), ExportError>,
) -> Result<Rows, ExportError> {
    let mut told = Rows::default();
    if entry.bytes.is_empty() {
        return Ok(told);
    }
    let lines: Vec<&[u8]> = match scope.what {
        What::Serves => entry.bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect(),
        _ => vec![&entry.bytes],
    };
    for (line, bytes) in (1..).zip(lines) {
        let Ok(record) = records::decode(bytes) else {
            told.unread += 1;
            continue;
        };
        let Some((at, own)) = cells(record, entry, bytes, line, texts, scope) else {
            told.unread += 1;
            continue;
        };
        let within =
            scope.since.is_none_or(|since| at >= since) && scope.until.is_none_or(|until| at < until);
        if within {
            let mut row = vec![Cell::Integer(Some(entry.seq)), some(&entry.hash)];
            row.extend(own);
            put(row)?;
            told.rows += 1;
        }
    }
    Ok(told)
}

/// The record's time, and its own cells; `None` for a record of another kind.
fn cells(
    record: Record,
    entry: &Chained,
    bytes: &[u8],
    line: i64,
    texts: &HashMap<String, Option<String>>,
    scope: Scope,
) -> Option<(Timestamp, Vec<Cell>)> {
    Some(match (scope.what, record) {
        (What::Generations, Record::Generation(stored)) => {
            (stored.record.finished, generation(*stored, beside(entry), scope.payload))
        }
        (What::Serves, Record::Serve(record)) => (record.at, serve(*record, line, texts, scope.payload)),
        (What::Reviews, Record::Review(stored)) => {
            let record = stored.record;
            let mut row = vec![
                some(record.id),
                some(record.generation_id),
                some(word(record.action)),
                Cell::Time(Some(record.at)),
                some(record.by),
                Cell::Text(stored.payload_hash),
            ];
            if scope.payload {
                row.push(Cell::Text(beside(entry).map(|payload: ReviewPayload| payload.note)));
            }
            (record.at, row)
        }
        (What::Verdicts, Record::Verdict(stored)) => {
            let record = stored.record;
            let mut row = vec![
                some(record.id),
                some(record.generation_id),
                Cell::Time(Some(record.at)),
                some(record.service),
                some(record.question),
                some(record.guardrails),
                json(&serde_json::to_value(&record.rules).unwrap_or_default()),
                json(&record.opinion),
                Cell::Text(record.error),
                count(record.attempts.as_array().map_or(0, Vec::len)),
                amount(record.cost.0),
                Cell::Real(Some(record.cost.units())),
                Cell::Text(stored.payload_hash),
            ];
            if scope.payload {
                row.push(Cell::Text(beside(entry).map(|payload: VerdictPayload| payload.reason)));
            }
            (record.at, row)
        }
        (What::Events, Record::Event(event)) => {
            let at = event.at();
            let record = if scope.payload { raw(bytes) } else { masked(&event, bytes) };
            (at, vec![some(event.kind()), Cell::Time(Some(at)), Cell::Text(by(&event)), record])
        }
        _ => return None,
    })
}

fn generation(stored: StoredGeneration, payload: Option<GenerationPayload>, with_payload: bool) -> Vec<Cell> {
    let StoredGeneration { record, payload_hash } = stored;
    let attempts = record.attempts.as_array().map(Vec::as_slice).unwrap_or_default();
    let findings = record.findings.as_array().map(Vec::as_slice).unwrap_or_default();
    let sum = |pointer: &str| {
        let each = attempts.iter().filter_map(|attempt| attempt.pointer(pointer)?.as_i64());
        each.reduce(i64::saturating_add)
    };
    let listed = |values: &[Value], field: Option<&str>| {
        let word =
            |value: &Value| field.map_or(Some(value), |field| value.get(field))?.as_str().map(str::to_owned);
        let mut words: Vec<String> = values.iter().filter_map(word).collect();
        words.dedup();
        Cell::Text(Some(words.join(" ")))
    };
    let provider = attempts.last().and_then(|attempt| attempt.get("provider")?.as_str().map(str::to_owned));
    let mut row = vec![
        some(record.id),
        Cell::Time(Some(record.started)),
        Cell::Time(Some(record.finished)),
        some(record.placement),
        some(record.segment),
        some(record.template),
        Cell::Text(record.product),
        some(record.locale),
        some(record.outcome.as_str()),
        Cell::Text(record.reason.map(word)),
        Cell::Text(record.model),
        Cell::Text(provider),
        count(attempts.len()),
        Cell::Integer(sum("/usage/input")),
        Cell::Integer(sum("/usage/output")),
        Cell::Integer(sum("/latency_ms")),
        amount(record.cost.0),
        Cell::Real(Some(record.cost.units())),
        count(findings.len()),
        listed(findings, Some("rule")),
        listed(record.evidence.as_array().map(Vec::as_slice).unwrap_or_default(), None),
        Cell::Text(record.purpose.map(|purpose| purpose.as_str().to_owned())),
        Cell::Text(record.user),
        some(record.revision),
        some(record.guardrails),
        Cell::Text(record.trace_id),
        some(payload_hash),
    ];
    if with_payload {
        row.push(some(record.cache_key));
        row.extend(match payload {
            Some(payload) => [
                Cell::Text(payload.text),
                json(&payload.messages),
                json(&payload.inputs),
                json(&serde_json::to_value(&payload.raw_texts).unwrap_or_default()),
                json(&payload.matches),
            ],
            None => [const { Cell::Text(None) }; 5],
        });
    }
    row
}

fn serve(
    record: ServeRecord,
    line: i64,
    texts: &HashMap<String, Option<String>>,
    with_payload: bool,
) -> Vec<Cell> {
    let generation = record.generation_id.map(|id| id.to_string());
    // A text beside the serve is the one shown, whoever wrote it.
    let shown =
        record.text_hash.as_ref().or(generation.as_ref()).and_then(|key| texts.get(key).cloned().flatten());
    let mut row = vec![
        Cell::Integer(Some(line)),
        some(record.id),
        Cell::Time(Some(record.at)),
        some(record.placement),
        some(record.segment),
        Cell::Text(record.product),
        Cell::Text(record.user),
        some(word(record.tier)),
        some(word(record.source)),
        Cell::Text(record.reason.map(word)),
        Cell::Text(generation),
        Cell::Text(record.text_hash),
        amount(record.latency_us),
        some(record.locale),
        Cell::Text(record.template.map(|template| template.to_string())),
        Cell::Yes(Some(record.pending)),
        Cell::Text(record.repeats.map(|id| id.to_string())),
        Cell::Text(record.instead_of.map(|id| id.to_string())),
        some(record.conditions.get()),
        some(record.revision),
    ];
    if with_payload {
        row.push(Cell::Text(shown));
    }
    row
}

/// Whoever did it, where a record says so.
fn by(event: &Event) -> Option<String> {
    match event {
        Event::Policy(record) => Some(record.by.clone()),
        Event::Erasure(record) => Some(record.by.clone()),
        Event::Hold(record) => Some(record.by.clone()),
        Event::Export(record) => Some(record.by.clone()),
        Event::Stop(record) => Some(record.by.clone()),
        Event::Purge(record) => Some(record.by.clone()),
        Event::Step(record) => Some(record.by.clone()),
        Event::Key(_) | Event::Gap(_) | Event::Retention(_) => None,
    }
}

/// What stands beside an entry; `None` once it was erased, and where nothing ever stood.
fn beside<T: serde::de::DeserializeOwned>(entry: &Chained) -> Option<T> {
    serde_json::from_slice(entry.beside.as_ref()?.bytes.as_deref()?).ok()
}

fn some(value: impl ToString) -> Cell {
    Cell::Text(Some(value.to_string()))
}

fn raw(bytes: &[u8]) -> Cell {
    Cell::Text(Some(String::from_utf8_lossy(bytes).into_owned()))
}

/// A record without what people wrote in their own words, which may name somebody.
fn masked(event: &Event, bytes: &[u8]) -> Cell {
    let own = match event {
        Event::Hold(_) | Event::Stop(_) => "reason",
        Event::Step(_) => "note",
        Event::Erasure(_) => "reference",
        _ => return raw(bytes),
    };
    let mut record: Value = serde_json::from_slice(bytes).unwrap_or_default();
    if let Some(fields) = record.as_object_mut() {
        fields.remove(own);
    }
    json(&record)
}

/// A value as JSON; nothing for null.
fn json(value: &Value) -> Cell {
    Cell::Text((!value.is_null()).then(|| value.to_string()))
}

fn count(number: usize) -> Cell {
    Cell::Integer(i64::try_from(number).ok())
}

fn amount(number: u64) -> Cell {
    Cell::Integer(i64::try_from(number).ok())
}
