//! Finding generations and serves in the log, and all that stands beside a generation.

mod asked;
mod filter;
mod find;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::chain;
use super::records::{
    self, Decision, GenerationPayload, GenerationRecord, Outcome, Record, ReviewPayload, ReviewRecord,
    StoredGeneration, StoredReview, StoredVerdict, VerdictPayload, VerdictRecord,
};
use crate::store::log::{self, EntryBytes, PassedRow, PayloadRow, Snapshot};
use crate::store::{Store, StoreError};
use crate::words::Micros;

/// The most records on a page.
pub const MAX_PAGE: u32 = 500;

pub use asked::{Asked, Misasked};
pub use filter::{Filter, NoWords, ServeFilter, Words};
pub use find::{
    Serve, entry_of_serve, generations, serve, serves, serves_around, times_shown, times_shown_since,
};

/// How a generation stands with those who review.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReviewState {
    /// It passed, a person must approve it, and no approval or rejection holds.
    Awaiting,
    /// The decision that holds is an approval.
    Approved,
    /// The decision that holds is a rejection or a takedown.
    Rejected,
    /// Somebody flagged it, and no decision since then holds.
    Flagged,
}

/// How many generations stand like this, as far as they are indexed.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn standing(store: &Store, state: ReviewState) -> Result<u64, StoreError> {
    let word = match state {
        ReviewState::Awaiting => "awaiting",
        ReviewState::Approved => "approved",
        ReviewState::Rejected => "rejected",
        ReviewState::Flagged => "flagged",
    };
    let count = Snapshot::begin(store).await?.standing(word).await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// One page of what was found.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Page<T = GenerationRecord> {
    /// What was found, newest first.
    pub items: Vec<T>,
    /// What to ask the next page with; `None` on the last. It stays good while the log grows.
    pub next_cursor: Option<String>,
}

/// A generation with what stands beside it. As JSON: the record's fields, `payload`, `verdicts` and `reviews`.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Generation {
    /// The evidence.
    #[serde(flatten)]
    pub record: GenerationRecord,
    /// Prompt and texts; `None` once they were erased.
    pub payload: Option<GenerationPayload>,
    /// What rules made of second models' answers on its text, oldest first.
    pub verdicts: Vec<SecondVerdict>,
    /// What people did with it, oldest first.
    pub reviews: Vec<Review>,
}

impl Generation {
    /// The decision that holds, with the entry that says so; `None` when nobody ever decided.
    pub fn decided(&self) -> Option<(i64, Decision)> {
        self.reviews.iter().rev().find_map(|review| Some((review.seq, review.record.decision()?)))
    }
}

/// A verdict by a second model with what stands beside it. As JSON: the record's fields, and `reason`.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct SecondVerdict {
    /// The evidence.
    #[serde(flatten)]
    pub record: VerdictRecord,
    /// Why, in the second model's words; `None` when it gave no reason, or once that was erased.
    pub reason: Option<String>,
}

/// A review with what stands beside it. As JSON: the record's fields, and `note`.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Review {
    /// Its place in the chain: of two reviews the later one has the greater.
    #[serde(skip)]
    pub seq: i64,
    /// The evidence.
    #[serde(flatten)]
    pub record: ReviewRecord,
    /// What they said of it; `None` when nothing, or once it was erased.
    pub note: Option<String>,
}

/// A decision on a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// Its place in the chain.
    pub seq: i64,
    /// On which generation.
    pub generation: Uuid,
    /// What was decided.
    pub decision: Decision,
    /// The key of the question that the generation answered.
    pub cache_key: String,
}

/// Copy that passed, as it may be judged again and served.
#[derive(Clone, Debug, PartialEq)]
pub struct PassedGeneration {
    /// Which generation wrote it.
    pub id: Uuid,
    /// When that finished.
    pub finished: Timestamp,
    /// The text.
    pub text: String,
    /// All that is known of the generation.
    pub generation: Generation,
}

impl PassedGeneration {
    /// Whether a person approved it.
    pub fn is_approved(&self) -> bool {
        self.generation.decided().is_some_and(|(_, decision)| decision == Decision::Approved)
    }
}

impl Generation {
    /// What models wrote for it, as far as they came to an end: as they gave it, the first one first.
    pub fn whole_texts(&self) -> impl DoubleEndedIterator<Item = &str> {
        let attempts = self.record.attempts.as_array().into_iter().flatten();
        let texts = self.payload.iter().flat_map(|payload| &payload.raw_texts);
        let said =
            |attempt: &Value, field: &str| attempt.get(field).and_then(Value::as_str).map(str::to_owned);
        let whole = attempts.zip(texts).filter_map(move |(attempt, text)| {
            let stopped = said(attempt, "finish_reason").as_deref() == Some("stop");
            text.as_deref().filter(|_| stopped && said(attempt, "error").is_none())
        });
        whole.collect::<Vec<_>>().into_iter()
    }
}

/// Why a search could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The cursor is none that a page gave.
    #[error("`{0}` is no cursor; leave it out for the first page, or give a page's `next_cursor`")]
    Cursor(String),
    /// An index is not what copyrail makes.
    #[error("an index of the log is broken; make it anew with `copyrail audit search --rebuild-index`")]
    Index,
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A generation by its id, with its payload and its reviews. `None` when there is none.
///
/// # Errors
///
/// When the store cannot be read, or holds a payload other than the one that was recorded.
pub async fn generation(store: &Store, id: Uuid) -> Result<Option<Generation>, StoreError> {
    match log::generation(store, &id.to_string()).await? {
        Some(found) => read(store, found).await.map(Some),
        None => Ok(None),
    }
}

/// How a generation ended, by its id. `None` when there is none.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn outcome(store: &Store, id: Uuid) -> Result<Option<Outcome>, StoreError> {
    let Some(found) = log::generation(store, &id.to_string()).await? else { return Ok(None) };
    Ok(Some(stored(&found.bytes)?.record.outcome))
}

/// The newest copy that passed for this cache key and that nobody rejected, unless it was erased.
///
/// # Errors
///
/// When the store cannot be read, or holds a payload other than the one that was recorded.
pub async fn latest_passed_for_key(
    store: &Store,
    cache_key: &str,
) -> Result<Option<PassedGeneration>, StoreError> {
    let Some(found) = log::latest_passed(store, cache_key).await? else { return Ok(None) };
    passed_generation(store, found, cache_key).await
}

async fn passed_generation(
    store: &Store,
    found: EntryBytes,
    cache_key: &str,
) -> Result<Option<PassedGeneration>, StoreError> {
    let generation = read(store, found).await?;
    let rejected = generation.decided().is_some_and(|(_, decision)| decision == Decision::Rejected);
    // The index found it; the chained record is what counts.
    if generation.record.outcome != Outcome::Passed || generation.record.cache_key != cache_key || rejected {
        return Err(StoreError::Corrupt("the index of generations says what the log does not".to_owned()));
    }
    let text = generation.payload.as_ref().and_then(|payload| payload.text.clone());
    let (id, finished) = (generation.record.id, generation.record.finished);
    Ok(text.map(|text| PassedGeneration { id, finished, text, generation }))
}

/// The most texts that are looked at for one question that a person approves the answer of.
const MOST_STANDING: u32 = 16;

/// Copy that passed for this cache key and that nobody rejected or erased: what a person approved first, the newest of it
/// first.
///
/// # Errors
///
/// As [`latest_passed_for_key`].
pub async fn standing_for_key(store: &Store, cache_key: &str) -> Result<Vec<PassedGeneration>, StoreError> {
    let mut standing = Vec::new();
    for found in log::standing(store, cache_key, MOST_STANDING).await? {
        standing.extend(passed_generation(store, found, cache_key).await?);
    }
    Ok(standing)
}

/// Generations with this cache key on which a rejection or a takedown holds, the newest first.
///
/// # Errors
///
/// As [`latest_passed_for_key`].
pub async fn rejected_for_key(store: &Store, cache_key: &str) -> Result<Vec<Generation>, StoreError> {
    let mut rejected = Vec::new();
    for found in log::rejected(store, cache_key, MOST_STANDING).await? {
        rejected.push(read(store, found).await?);
    }
    Ok(rejected)
}

/// The newest generation whose text was not let pass for this cache key, unless somebody rejected it.
///
/// # Errors
///
/// As [`latest_passed_for_key`].
pub async fn latest_blocked_for_key(
    store: &Store,
    cache_key: &str,
) -> Result<Option<Generation>, StoreError> {
    let Some(found) = log::latest_blocked(store, cache_key).await? else { return Ok(None) };
    let generation = read(store, found).await?;
    let rejected = generation.decided().is_some_and(|(_, decision)| decision == Decision::Rejected);
    if generation.record.outcome != Outcome::Blocked || generation.record.cache_key != cache_key || rejected {
        return Err(StoreError::Corrupt("the index of generations says what the log does not".to_owned()));
    }
    Ok(Some(generation))
}

/// Copy that passed, found without its question being asked.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Passed {
    /// The evidence.
    pub(super) record: GenerationRecord,
    /// The text; `None` once it was erased.
    pub(super) text: Option<String>,
    /// Whether a person decided on it.
    pub(super) decided: bool,
}

/// The next generations before an entry of the chain that passed and that nobody rejected, newest first, and how far back
/// they reach; `None` when there are none. What cannot be read is left out: `audit verify` says what is wrong with it.
///
/// # Errors
///
/// When the store cannot be read.
pub(super) async fn passed(
    store: &Store,
    before: i64,
    limit: u32,
) -> Result<Option<(Vec<Passed>, i64)>, StoreError> {
    let rows = log::passed(store, before, limit).await?;
    let Some(last) = rows.last().map(|row| row.seq) else { return Ok(None) };
    let read = |PassedRow { seq, found, decided }: PassedRow| {
        let StoredGeneration { record, payload_hash } = *stored(&found.bytes)?;
        if record.outcome != Outcome::Passed {
            let what = format!("the index lists entry {seq} as a generation that passed");
            return Err(StoreError::Corrupt(what));
        }
        let payload: Option<GenerationPayload> = payload(found.payload, &payload_hash, record.id)?;
        Ok(Passed { record, text: payload.and_then(|payload| payload.text), decided })
    };
    // Hashing and reading take their time, and those who answer pages have none to give.
    let read = move || {
        let read =
            |row| read(row).inspect_err(|error| tracing::error!(%error, "a generation is left out")).ok();
        rows.into_iter().filter_map(read).collect()
    };
    let read = tokio::task::spawn_blocking(read).await;
    read.map(|read| Some((read, last))).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// The next decisions after an entry of the chain, in order, and how far they reach; `None` when there are none.
///
/// # Errors
///
/// When the store cannot be read.
pub(super) async fn decisions(
    store: &Store,
    after: i64,
    limit: u32,
) -> Result<Option<(Vec<Decided>, i64)>, StoreError> {
    let rows = log::decisions(store, after, limit).await?;
    let Some(last) = rows.last().map(|(seq, ..)| *seq) else { return Ok(None) };
    let decided = |(seq, bytes, cache_key): (i64, Vec<u8>, String)| match stored_review(&bytes) {
        Ok(StoredReview { record, .. }) => {
            Some(Decided { seq, generation: record.generation_id, decision: record.decision()?, cache_key })
        }
        // One that was tampered with does not hold up those that come after it.
        Err(error) => {
            tracing::error!(%error, seq, "a review cannot be read and has no effect");
            None
        }
    };
    Ok(Some((rows.into_iter().filter_map(decided).collect(), last)))
}

/// What the generations that finished at `since` or later, and second models asked since, have cost.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn spent_since(store: &Store, since: Timestamp) -> Result<Micros, StoreError> {
    Ok(Micros(u64::try_from(log::cost_since(store, since).await?).unwrap_or(0)))
}

/// A text that was served and is no generation's, by its hash. `None` when there is none.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn text(store: &Store, hash: &str) -> Result<Option<String>, StoreError> {
    log::text(store, hash).await
}

fn stored(bytes: &[u8]) -> Result<Box<StoredGeneration>, StoreError> {
    match records::decode(bytes) {
        Ok(Record::Generation(stored)) => Ok(stored),
        Ok(_) => Err(StoreError::Corrupt("an entry is listed as a generation and is none".to_owned())),
        Err(error) => Err(StoreError::Corrupt(format!("a generation's entry: {error}"))),
    }
}

fn stored_review(bytes: &[u8]) -> Result<StoredReview, StoreError> {
    match records::decode(bytes) {
        Ok(Record::Review(stored)) => Ok(stored),
        Ok(_) => Err(StoreError::Corrupt("an entry is listed as a review and is none".to_owned())),
        Err(error) => Err(StoreError::Corrupt(format!("a review's entry: {error}"))),
    }
}

async fn read(store: &Store, found: EntryBytes) -> Result<Generation, StoreError> {
    let StoredGeneration { record, payload_hash } = *stored(&found.bytes)?;
    let payload = payload(found.payload, &payload_hash, record.id)?;
    let rows = log::reviews(store, &record.id.to_string()).await?;
    let reviews = rows.into_iter().map(|(seq, found)| review(seq, found)).collect::<Result<_, _>>()?;
    let rows = log::verdicts(store, &record.id.to_string()).await?;
    let verdicts = rows.into_iter().map(|(_, found)| verdict(found)).collect::<Result<_, _>>()?;
    Ok(Generation { record, payload, verdicts, reviews })
}

fn verdict(found: EntryBytes) -> Result<SecondVerdict, StoreError> {
    let StoredVerdict { record, payload_hash } = match records::decode(&found.bytes) {
        Ok(Record::Verdict(stored)) => *stored,
        Ok(_) => return Err(StoreError::Corrupt("an entry is listed as a verdict and is none".to_owned())),
        Err(error) => return Err(StoreError::Corrupt(format!("a verdict's entry: {error}"))),
    };
    let payload: Option<VerdictPayload> =
        payload(found.payload, payload_hash.as_deref().unwrap_or_default(), record.id)?;
    Ok(SecondVerdict { record, reason: payload.map(|payload| payload.reason) })
}

fn review(seq: i64, found: EntryBytes) -> Result<Review, StoreError> {
    let StoredReview { record, payload_hash } = stored_review(&found.bytes)?;
    let payload: Option<ReviewPayload> =
        payload(found.payload, payload_hash.as_deref().unwrap_or_default(), record.id)?;
    Ok(Review { seq, record, note: payload.map(|payload| payload.note) })
}

/// What stands beside a record; `None` once it was erased, and when there was never anything.
pub(super) fn payload<T: serde::de::DeserializeOwned>(
    found: Option<PayloadRow>,
    hash: &str,
    record: Uuid,
) -> Result<Option<T>, StoreError> {
    let Some(PayloadRow { salt: Some(salt), bytes: Some(bytes) }) = found else { return Ok(None) };
    if chain::payload_hash(&salt, &bytes) != hash {
        return Err(StoreError::Corrupt(format!("the payload of {record} was changed")));
    }
    let payload = serde_json::from_slice(&bytes);
    payload.map(Some).map_err(|error| StoreError::Corrupt(format!("the payload of {record}: {error}")))
}

#[cfg(test)]
mod tests;
