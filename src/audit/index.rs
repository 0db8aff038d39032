//! What records are found by, and the indexes that say so: made behind the recorder's back from the chain, and evidence of
//! nothing. A search judges by the records themselves what an index finds.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::counts::{self, Tally};
use super::holding::Holding;
use super::records::{
    self, GENERATION, GenerationPayload, GenerationRecord, Outcome, REVIEW, Record, ReviewAction,
    ReviewRecord, SERVES, ServeRecord,
};
use super::waiting;
use crate::store::forget::{AboutEntry, Look};
use crate::store::index::{Indexable, Reach, reach};
use crate::store::log::Append;
use crate::store::{Store, StoreError};

/// How the indexes are made: to be raised with any change to the terms of a record or to its words, for what was indexed
/// otherwise can be neither found nor forgotten.
const FORMAT: i64 = 2;
/// How many rows one block of serves has in the index: more than it has lines.
pub(super) const LINES: i64 = 8_192;
/// How many entries are read at once.
const ENTRIES: u32 = 64;

/// How much is indexed in one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Little: others write too, and must not be held up.
    Beside,
    /// Much: nobody serves from this store. Should a service start meanwhile, it does not take the store for one that fails.
    Alone,
}

impl Pace {
    /// How long a transaction goes on taking entries.
    fn most(self) -> Duration {
        Duration::from_millis(match self {
            Pace::Beside => 30,
            Pace::Alone => 250,
        })
    }
}

/// A field that records are found by, as the letter that its terms begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Placement,
    Segment,
    Product,
    Template,
    Revision,
    Outcome,
    Reason,
    Rule,
    Locale,
    User,
    Model,
    Tier,
    Source,
    Generation,
    Text,
}

impl Field {
    fn letter(self) -> char {
        match self {
            Field::Placement => 'p',
            Field::Segment => 's',
            Field::Product => 'i',
            Field::Template => 't',
            Field::Revision => 'r',
            Field::Outcome => 'o',
            Field::Reason => 'y',
            Field::Rule => 'f',
            Field::Locale => 'l',
            Field::User => 'u',
            Field::Model => 'm',
            Field::Tier => 'k',
            Field::Source => 'w',
            Field::Generation => 'g',
            Field::Text => 'x',
        }
    }

    /// What a record with this value in the field is found by: 64 bits of a hash, in hex, after the letter.
    pub(super) fn term(self, value: &str) -> String {
        let hash = blake3::hash(value.as_bytes()).to_hex();
        std::iter::once(self.letter()).chain(hash.chars().take(16)).collect()
    }
}

/// Up to which entry the indexes can be asked; 0 when not at all.
pub(super) async fn reaches(look: &mut Look<'_>) -> Result<i64, StoreError> {
    Ok(known(look.reach().await?).indexed)
}

/// The minute of a time, since 1970.
pub(super) fn minute(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}

/// The rules that found something in a generation.
pub(super) fn rules(record: &GenerationRecord) -> impl Iterator<Item = &str> {
    record.findings.as_array().into_iter().flatten().filter_map(|finding| finding.get("rule")?.as_str())
}

/// The text of a generation that its words are of: the one that passed, or the last one that was written. Empty when
/// there is none.
pub fn text_of(payload: &GenerationPayload) -> &str {
    let raw = || payload.raw_texts.iter().rev().find_map(Option::as_deref);
    payload.text.as_deref().or_else(raw).unwrap_or_default()
}

fn terms<'v>(values: impl IntoIterator<Item = (Field, Option<&'v str>)>) -> String {
    let terms: BTreeSet<String> =
        values.into_iter().filter_map(|(field, value)| Some(field.term(value?))).collect();
    terms.into_iter().collect::<Vec<_>>().join(" ")
}

/// What a generation is found by.
fn generation_terms(record: &GenerationRecord) -> String {
    let reason = record.reason.map(word);
    let values = [
        (Field::Placement, Some(record.placement.as_str())),
        (Field::Segment, Some(record.segment.as_str())),
        (Field::Product, record.product.as_deref()),
        (Field::Template, Some(record.template.as_str())),
        (Field::Revision, Some(record.revision.as_str())),
        (Field::Outcome, Some(record.outcome.as_str())),
        (Field::Reason, reason.as_deref()),
        (Field::Locale, Some(record.locale.as_str())),
        (Field::User, record.user.as_deref()),
        (Field::Model, record.model.as_deref()),
    ];
    terms(values.into_iter().chain(rules(record).map(|rule| (Field::Rule, Some(rule)))))
}

/// What a serve is found by.
fn serve_terms(record: &ServeRecord) -> String {
    let reason = record.reason.map(word);
    let (tier, source) = (word(record.tier), word(record.source));
    let generation = record.generation_id.map(|id| id.to_string());
    terms([
        (Field::Placement, Some(record.placement.as_str())),
        (Field::Segment, Some(record.segment.as_str())),
        (Field::Product, record.product.as_deref()),
        (Field::Template, record.template.as_ref().map(|template| template.as_str())),
        (Field::Revision, Some(record.revision.as_str())),
        (Field::Tier, Some(tier.as_str())),
        (Field::Source, Some(source.as_str())),
        (Field::Reason, reason.as_deref()),
        (Field::User, record.user.as_deref()),
        (Field::Generation, generation.as_deref()),
        (Field::Text, record.text_hash.as_deref()),
        (Field::Locale, Some(record.locale.as_str())),
    ])
}

/// The contract's word for a value that is one of a few, as records have it; empty for what is none.
pub fn word(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// The serves of a block, each after its line's number. What cannot be read is passed over.
pub(super) fn serves(bytes: &[u8]) -> impl Iterator<Item = (i64, Box<ServeRecord>)> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    (0..LINES).zip(lines).filter_map(|(number, line)| Some((number, records::decode_serve(line)?)))
}

/// What an entry says, read once for all that is made of it.
pub(super) enum Told {
    /// A block of serves, each after its line's number.
    Serves(Vec<(i64, Box<ServeRecord>)>),
    /// One record.
    One(Box<Record>),
    /// Nothing that can be read: it was deleted for its age, or a later version wrote it.
    Nothing,
}

impl Told {
    fn by(entry: &Indexable) -> Self {
        if entry.kind == SERVES {
            return Self::Serves(serves(&entry.bytes).collect());
        }
        records::decode(&entry.bytes).map_or(Self::Nothing, |record| Self::One(Box::new(record)))
    }
}

/// Indexes what the chain holds beyond the last time, in short transactions. Answers how many entries that were.
///
/// # Errors
///
/// When the store cannot be read or written. What was indexed until then stays.
pub async fn catch_up(store: &Store) -> Result<u64, StoreError> {
    catch_up_as(store, Pace::Beside, |_| {}).await
}

/// The same at this pace. `progress` is told after every transaction how many entries are done.
///
/// # Errors
///
/// As [`catch_up`].
pub async fn catch_up_as(
    store: &Store,
    pace: Pace,
    mut progress: impl FnMut(u64),
) -> Result<u64, StoreError> {
    let mut entries = 0;
    while behind(store).await? > 0 {
        entries += step(store, pace.most()).await?;
        progress(entries);
    }
    Ok(entries)
}

/// How many entries are not indexed and counted yet: searches look through those that are not indexed one by one.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn behind(store: &Store) -> Result<u64, StoreError> {
    let at = known(reach(store).await?);
    Ok(u64::try_from(at.last.saturating_sub(at.indexed.min(at.counted))).unwrap_or(0))
}

/// How far the indexes reach, as far as they are made in the way that is known here.
pub(super) fn known(at: Reach) -> Reach {
    if at.format == FORMAT { at } else { Reach { indexed: 0, ..at } }
}

/// Empties the indexes and makes them anew from the chain.
///
/// # Errors
///
/// As [`catch_up`].
pub async fn rebuild(store: &Store, pace: Pace) -> Result<u64, StoreError> {
    let mut append = Append::begin(store).await?;
    append.clear_indexes(FORMAT).await?;
    append.commit().await?;
    catch_up_as(store, pace, |_| {}).await
}

/// One transaction: an entry where there is one, and more until `most` has passed.
async fn step(store: &Store, most: Duration) -> Result<u64, StoreError> {
    let mut append = Append::begin(store).await?;
    let at = append.reach().await?;
    let mut indexed = at.indexed;
    if at.format != FORMAT {
        append.clear_indexes(FORMAT).await?;
        indexed = 0;
    }
    let mut counted = at.counted;
    let mut tally = Tally::default();
    let (began, mut entries) = (Instant::now(), 0);
    'full: loop {
        let page = append.indexable(indexed.min(counted), ENTRIES).await?;
        if page.is_empty() {
            break;
        }
        for entry in page {
            let told = Told::by(&entry);
            if entry.seq > indexed {
                index(&mut append, &entry, &told).await?;
            }
            if entry.seq > counted {
                counts::count(&mut append, entry.seq, &told, &mut tally).await?;
                waiting::follow(&mut append, &entry, &told).await?;
            }
            (indexed, counted) = (indexed.max(entry.seq), counted.max(entry.seq));
            entries += 1;
            if began.elapsed() >= most {
                break 'full;
            }
        }
    }
    tally.write(&mut append).await?;
    append.indexed(indexed).await?;
    append.counted(counted).await?;
    append.commit().await?;
    Ok(entries)
}

async fn index(append: &mut Append, entry: &Indexable, told: &Told) -> Result<(), StoreError> {
    let Indexable { seq, payload, .. } = entry;
    let record = match told {
        Told::Serves(serves) => return index_serves(append, *seq, serves).await,
        Told::One(record) => record.as_ref(),
        Told::Nothing => return Ok(()),
    };
    match record {
        Record::Generation(stored) => {
            let record = &stored.record;
            let payload = payload.as_ref().and_then(|payload| payload.bytes.as_deref());
            let payload: GenerationPayload =
                payload.and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default();
            append.index_minute(minute(record.finished), *seq).await?;
            append.index_generation(*seq, &generation_terms(record), text_of(&payload)).await?;
            if waits(record) {
                append.index_state(*seq, Some("awaiting")).await?;
            }
            Ok(())
        }
        Record::Review(stored) => {
            let ReviewRecord { action, generation_id, .. } = &stored.record;
            if *action == ReviewAction::Note {
                return Ok(());
            }
            let id = generation_id.to_string();
            let Some(generation) = append.generation_entry(&id).await? else {
                return Ok(());
            };
            match (*action, action.decision()) {
                (ReviewAction::Undo, _) => restate(append, generation, &id, *seq).await,
                (_, Some(decision)) => append.index_state(generation, Some(decision.as_str())).await,
                (_, None) => append.index_state_too(generation, "flagged").await,
            }
        }
        // Other kinds are found by their kind.
        _ => Ok(()),
    }
}

/// Whether the text of a generation waits for a person until one decides.
pub(super) fn waits(record: &GenerationRecord) -> bool {
    record.approval && record.outcome == Outcome::Passed
}

/// The reviews of a generation up to this entry, oldest first. What cannot be read is passed over.
pub(super) async fn reviews(
    look: &mut Look<'_>,
    generation: &str,
    up_to: i64,
) -> Result<Vec<ReviewRecord>, StoreError> {
    let about = look.about(generation).await?;
    let reviews = about.iter().filter(|entry| entry.seq <= up_to && entry.kind == REVIEW);
    let read = |entry: &AboutEntry| match records::decode(&entry.bytes) {
        Ok(Record::Review(stored)) => Some(stored.record),
        _ => None,
    };
    Ok(reviews.filter_map(read).collect())
}

/// Says anew how a generation stands after all its reviews up to this entry.
async fn restate(append: &mut Append, generation: i64, id: &str, up_to: i64) -> Result<(), StoreError> {
    let reviews = reviews(&mut append.look(), id, up_to).await?;
    let holding = Holding::of(&reviews);
    let state = match holding.decided() {
        Some((_, decision)) => Some(decision.as_str()),
        None => {
            let bytes = append.look().bytes(generation).await?.unwrap_or_default();
            let record = records::decode(&bytes);
            matches!(record, Ok(Record::Generation(stored)) if waits(&stored.record)).then_some("awaiting")
        }
    };
    append.index_state(generation, state).await?;
    if holding.is_flagged() { append.index_state_too(generation, "flagged").await } else { Ok(()) }
}

async fn index_serves(
    append: &mut Append,
    seq: i64,
    serves: &[(i64, Box<ServeRecord>)],
) -> Result<(), StoreError> {
    let (mut rows, mut minutes, mut texts) =
        (Vec::with_capacity(serves.len()), BTreeSet::new(), BTreeSet::new());
    for (line, record) in serves {
        rows.push((seq * LINES + line, serve_terms(record)));
        minutes.insert(minute(record.at));
        texts.extend(record.text_hash.as_deref());
    }
    for minute in minutes {
        append.index_minute(minute, seq).await?;
    }
    for hash in texts {
        append.index_text(hash).await?;
    }
    append.index_serves(&rows).await
}

/// Takes the words of a generation out of the index, within the transaction that erases its payload: `payload` is what
/// stood beside it until then. What was not indexed yet never will be.
///
/// # Errors
///
/// When the store cannot be read or written.
pub(super) async fn forget_words(
    append: &mut Append,
    seq: i64,
    record: &GenerationRecord,
    payload: &GenerationPayload,
) -> Result<(), StoreError> {
    // What is erased can be shown no more, whoever approves it.
    waiting::forget(append, record.id).await?;
    let at = append.reach().await?;
    if at.format != FORMAT {
        // It was indexed in a way that is not known here: all of it goes, and is made anew.
        return append.clear_indexes(FORMAT).await;
    }
    let words = text_of(payload);
    if seq <= at.indexed && !words.is_empty() {
        let terms = generation_terms(record);
        append.unindex_generation(seq, &terms, words).await?;
        append.index_generation(seq, &terms, "").await?;
    }
    Ok(())
}

/// Takes the words of a text that is no generation's out of the index, within the transaction that erases it.
///
/// # Errors
///
/// When the store cannot be read or written.
pub(super) async fn forget_text(append: &mut Append, hash: &str, text: &str) -> Result<(), StoreError> {
    append.unindex_text(hash, text).await
}

/// Takes an entry out of the indexes, within the transaction that deletes its bytes, and before it does. A generation's
/// payload must be given as it is by then: `None` once it was erased.
///
/// # Errors
///
/// When the store cannot be read or written.
pub(super) async fn forget(
    append: &mut Append,
    seq: i64,
    kind: &str,
    bytes: &[u8],
    payload: Option<&GenerationPayload>,
) -> Result<(), StoreError> {
    if kind == GENERATION
        && let Ok(Record::Generation(stored)) = records::decode(bytes)
    {
        waiting::forget_whole(append, stored.record.id).await?;
    }
    let at = append.reach().await?;
    if at.format != FORMAT {
        return append.clear_indexes(FORMAT).await;
    }
    if seq > at.indexed {
        return Ok(());
    }
    match kind {
        GENERATION => {
            if let Ok(Record::Generation(stored)) = records::decode(bytes) {
                let words = payload.map(text_of).unwrap_or_default();
                append.unindex_generation(seq, &generation_terms(&stored.record), words).await?;
            }
            append.index_state(seq, None).await
        }
        SERVES => {
            let rows: Vec<_> =
                serves(bytes).map(|(line, record)| (seq * LINES + line, serve_terms(&record))).collect();
            append.unindex_serves(&rows).await
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
