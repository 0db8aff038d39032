//! What one entry says of itself: everything that can be found out without looking at another, so that many are examined
//! at once.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::super::append::{index_row, review_row, verdict_row};
use super::super::chain;
use super::super::records::{
    self, Event, FORMAT, GENERATION, GapRecord, HoldRecord, PolicyRecord, REVIEW, Record, RetentionRecord,
    Run, SERVE, SERVES, Unreadable, VERDICT,
};
use super::{Fault, FaultKind};
use crate::store::log::{Entry, EntryBeside, PayloadRow};

/// An entry that was examined.
pub(super) struct Examined {
    pub(super) seq: i64,
    pub(super) at: Timestamp,
    pub(super) prev: String,
    pub(super) hash: String,
    /// The record's id, as far as it can be told.
    pub(super) id: Option<String>,
    /// Whether its bytes have its hash. Said of those that are gone, too: they cannot be asked.
    pub(super) hashed: bool,
    /// What it says, or the first thing that is wrong with it.
    pub(super) said: Result<Said, Fault>,
}

/// What an entry says that is in order, as far as the whole log must know it.
pub(super) struct Said {
    pub(super) what: What,
    /// Whether the payload that it was written with is blank.
    pub(super) blank: bool,
}

/// What an entry is.
pub(super) enum What {
    /// Its bytes are gone.
    Emptied,
    Generation,
    Serves {
        serves: u64,
        /// Their texts by hash, each with the id of the first serve that has it.
        texts: BTreeMap<String, String>,
    },
    Gap(GapRecord),
    Erasure(Vec<Run>),
    Retention(RetentionRecord),
    Policy(PolicyRecord),
    Hold(HoldRecord),
    /// Nothing that anything else depends on.
    Other,
    /// Of a type that a later version writes.
    Unknown(String),
}

/// Examines an entry.
pub(super) fn examine(beside: EntryBeside) -> Examined {
    let entry = &beside.entry;
    let hashed = entry.bytes.is_empty() || chain::hash(&entry.prev, &entry.bytes) == entry.hash;
    // Of an entry that is not what was written nothing is said but its name, for those who look for it.
    let said = if hashed { said(&beside) } else { Ok(Said { what: What::Other, blank: false }) };
    let id = id(&entry.bytes).or_else(|| Some(beside.index.as_ref()?.id.clone()));
    let Entry { seq, at, prev, hash, .. } = beside.entry;
    Examined { seq, at, prev, hash, id, hashed, said }
}

/// The id of a record, where it has one that can be read.
fn id(bytes: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        id: String,
    }
    serde_json::from_slice(bytes).ok().map(|Named { id }| id)
}

fn said(beside: &EntryBeside) -> Result<Said, Fault> {
    let entry = &beside.entry;
    let nothing_beside = |except: &str| match stranger(beside, except) {
        Some((what, explanation)) => {
            Err(Fault::of(entry.seq, what, format!("entry {}: {explanation}", entry.seq)))
        }
        None => Ok(()),
    };
    if entry.bytes.is_empty() {
        nothing_beside("")?;
        let kept = |payload: &PayloadRow| payload.salt.is_some() || payload.bytes.is_some();
        if beside.payload.as_ref().is_some_and(kept) {
            let explanation = format!("entry {} was emptied, and its payload was not", entry.seq);
            return Err(Fault::of(entry.seq, FaultKind::Payload, explanation));
        }
        return Ok(Said { what: What::Emptied, blank: false });
    }
    if entry.kind == SERVES {
        nothing_beside(SERVES)?;
        return Ok(Said { what: serves(entry)?, blank: false });
    }
    let named = |id: String, found: Result<bool, (FaultKind, &str)>, kind: &str| {
        found.map_err(|(what, explanation)| {
            let explanation = format!("{kind} {id} in entry {}: {explanation}", entry.seq);
            Fault { record: Some(id), ..Fault::of(entry.seq, what, explanation) }
        })
    };
    let (kind, at, what, blank) = match records::decode(&entry.bytes) {
        Ok(Record::Generation(stored)) => {
            let mut expected = index_row(entry.seq, &stored.record);
            expected.at = whole_micros(expected.at);
            let found = match &beside.index {
                None => Err((FaultKind::Index, "the search index does not list it")),
                Some(index) if *index != expected => {
                    Err((FaultKind::Index, "the search index says something else of it"))
                }
                Some(_) => is_blank(beside.payload.as_ref(), Some(&stored.payload_hash)),
            };
            let blank = named(stored.record.id.to_string(), found, GENERATION)?;
            (GENERATION, stored.record.finished, What::Generation, blank)
        }
        Ok(Record::Review(stored)) => {
            let expected = review_row(entry.seq, &stored.record);
            let found = match beside.review.as_ref() == Some(&expected) {
                true => is_blank(beside.payload.as_ref(), stored.payload_hash.as_deref()),
                false => Err((FaultKind::Index, "the index of reviews does not say the same of it")),
            };
            let blank = named(stored.record.id.to_string(), found, REVIEW)?;
            (REVIEW, stored.record.at, What::Other, blank)
        }
        Ok(Record::Verdict(stored)) => {
            let mut expected = verdict_row(entry.seq, &stored.record);
            expected.at = whole_micros(expected.at);
            let found = match beside.verdict.as_ref() == Some(&expected) {
                true => is_blank(beside.payload.as_ref(), stored.payload_hash.as_deref()),
                false => Err((FaultKind::Index, "the index of verdicts does not say the same of it")),
            };
            let blank = named(stored.record.id.to_string(), found, VERDICT)?;
            (VERDICT, stored.record.at, What::Other, blank)
        }
        Ok(Record::Event(event)) => {
            let (kind, at) = (event.kind(), event.at());
            let what = match event {
                Event::Gap(gap) => What::Gap(gap),
                Event::Erasure(record) => What::Erasure(record.payloads),
                Event::Retention(record) => What::Retention(record),
                Event::Policy(record) => What::Policy(record),
                Event::Hold(record) => What::Hold(record),
                _ => What::Other,
            };
            (kind, at, what, false)
        }
        Ok(Record::Serve(_)) => return Err(wrong_kind(entry)),
        // A later version may write what this one does not know: whole it is all the same.
        Err(Unreadable::Type(kind)) if kind == entry.kind => {
            return Ok(Said { what: What::Unknown(kind), blank: false });
        }
        Err(Unreadable::Type(_)) => return Err(wrong_kind(entry)),
        Err(error) => return Err(unreadable(entry, &error)),
    };
    if entry.kind != kind {
        return Err(wrong_kind(entry));
    }
    if !is_of(entry, at) {
        return Err(wrong_time(entry));
    }
    nothing_beside(kind)?;
    Ok(Said { what, blank })
}

/// What stands beside an entry of this kind and does not belong there.
fn stranger(beside: &EntryBeside, kind: &str) -> Option<(FaultKind, String)> {
    let listed = [
        (GENERATION, beside.index.as_ref().map(|row| &row.id), "the search index lists it as generation"),
        (
            REVIEW,
            beside.review.as_ref().map(|row| &row.generation),
            "the index lists it as a review of generation",
        ),
        (
            VERDICT,
            beside.verdict.as_ref().map(|row| &row.generation),
            "the index lists it as a verdict on generation",
        ),
    ];
    let row = listed.into_iter().find_map(|(of, row, says)| Some((says, row.filter(|_| of != kind)?)));
    if let Some((says, generation)) = row {
        return Some((FaultKind::Index, format!("{says} {generation}, which it is not")));
    }
    let has_payload = ["", GENERATION, REVIEW, VERDICT].contains(&kind);
    let payload = beside.payload.as_ref().filter(|_| !has_payload)?;
    let _: &PayloadRow = payload;
    Some((FaultKind::Payload, "it was written without a payload, and has one".to_owned()))
}

/// Reads a block of serves no further than the proof needs: its hash says already that the lines are those that were
/// written.
fn serves(entry: &Entry) -> Result<What, Fault> {
    #[derive(Deserialize)]
    struct Line<'a> {
        v: u32,
        #[serde(borrow)]
        r#type: Cow<'a, str>,
        #[serde(borrow)]
        id: Cow<'a, str>,
        #[serde(borrow)]
        at: Cow<'a, str>,
        #[serde(borrow)]
        text_hash: Option<Cow<'a, str>>,
    }
    let (mut serves, mut last) = (0, None);
    let mut texts: BTreeMap<Cow<'_, str>, Cow<'_, str>> = BTreeMap::new();
    for line in entry.bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let line: Line<'_> =
            serde_json::from_slice(line).map_err(|error| unreadable(entry, &error.into()))?;
        if line.v != FORMAT {
            return Err(unreadable(entry, &Unreadable::Version(line.v)));
        }
        if line.r#type != SERVE {
            return Err(wrong_kind(entry));
        }
        let at: Timestamp = line.at.parse().map_err(|error: jiff::Error| {
            let explanation = format!("entry {} is whole, but its time cannot be read: {error}", entry.seq);
            Fault::of(entry.seq, FaultKind::Unreadable, explanation)
        })?;
        last = last.max(Some(at));
        if let Some(hash) = line.text_hash {
            texts.entry(hash).or_insert(line.id);
        }
        serves += 1;
    }
    if !last.is_some_and(|last| is_of(entry, last)) {
        return Err(wrong_time(entry));
    }
    let texts = texts.into_iter().map(|(hash, id)| (hash.into_owned(), id.into_owned())).collect();
    Ok(What::Serves { serves, texts })
}

/// Whether a payload was blanked; a fault when it is neither that nor what was hashed. `hash` is what the entry keeps of
/// it, where it was written with one.
fn is_blank(payload: Option<&PayloadRow>, hash: Option<&str>) -> Result<bool, (FaultKind, &'static str)> {
    let (payload, hash) = match (payload, hash) {
        (Some(payload), Some(hash)) => (payload, hash),
        (None, None) => return Ok(false),
        (None, Some(_)) => return Err((FaultKind::Payload, "its payload is gone")),
        (Some(_), None) => return Err((FaultKind::Payload, "it was written without a payload, and has one")),
    };
    match (&payload.salt, &payload.bytes) {
        (None, None) => Ok(true),
        (Some(salt), Some(bytes)) if chain::payload_hash(salt, bytes) == hash => Ok(false),
        _ => Err((FaultKind::Payload, "its payload was changed")),
    }
}

/// The runs that a receipt lists, of payload and of bytes.
pub(super) fn listed(bytes: &[u8]) -> Option<(Vec<Run>, Vec<Run>)> {
    match records::decode(bytes).ok()? {
        Record::Event(Event::Erasure(record)) => Some((record.payloads, Vec::new())),
        Record::Event(Event::Retention(record)) => match record.what {
            records::Retained::Payload => Some((record.entries, Vec::new())),
            records::Retained::Serves | records::Retained::Generations => Some((Vec::new(), record.entries)),
        },
        _ => None,
    }
}

/// Whether entries of this kind are what a retention deletes.
pub(super) fn may_delete(what: records::Retained, kind: &str) -> bool {
    match what {
        records::Retained::Serves => kind == SERVES,
        records::Retained::Payload | records::Retained::Generations => {
            kind != SERVES && !records::KEPT.contains(&kind)
        }
    }
}

fn unreadable(entry: &Entry, error: &Unreadable) -> Fault {
    let explanation = format!("entry {} is whole, but {error}", entry.seq);
    Fault::of(entry.seq, FaultKind::Unreadable, explanation)
}

fn wrong_kind(entry: &Entry) -> Fault {
    let explanation = format!("entry {} is not of the kind `{}` that its row says", entry.seq, entry.kind);
    Fault::of(entry.seq, FaultKind::Index, explanation)
}

/// Whether a row says the time of its record: tables keep microseconds, records more.
fn is_of(entry: &Entry, at: Timestamp) -> bool {
    entry.at.as_microsecond() == at.as_microsecond()
}

fn wrong_time(entry: &Entry) -> Fault {
    let explanation = format!("entry {} is not of the time that its row says", entry.seq);
    Fault::of(entry.seq, FaultKind::Index, explanation)
}

/// A time as precise as the tables keep it.
fn whole_micros(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}
