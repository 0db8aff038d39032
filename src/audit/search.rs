//! Finding generations in the log, newest first.

use jiff::Timestamp;
use uuid::Uuid;

use super::chain;
use super::records::{self, GenerationPayload, GenerationRecord, Outcome, Record, StoredGeneration};
use crate::store::log::{self, EntryBytes, PayloadRow, Query};
use crate::store::{Store, StoreError};
use crate::words::{Micros, PlacementId, SegmentId};

/// The most generations on a page.
pub const MAX_PAGE: u32 = 500;

/// What to find; absent fields find all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// For this placement.
    pub placement: Option<PlacementId>,
    /// For the product with this id.
    pub product: Option<String>,
    /// For this segment.
    pub segment: Option<SegmentId>,
    /// That ended like this.
    pub outcome: Option<Outcome>,
    /// That finished at this time or later.
    pub since: Option<Timestamp>,
    /// That finished before this time.
    pub until: Option<Timestamp>,
}

/// One page of what was found.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Page {
    /// The generations, newest first.
    pub items: Vec<GenerationRecord>,
    /// What to ask the next page with; `None` on the last. It stays good while the log grows.
    pub next_cursor: Option<String>,
}

/// A generation with what stands beside it. As JSON: the record's fields, and `payload`.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Generation {
    /// The evidence.
    #[serde(flatten)]
    pub record: GenerationRecord,
    /// Prompt and texts; `None` once they were erased.
    pub payload: Option<GenerationPayload>,
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

/// Why a search could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The cursor is none that a page gave.
    #[error("`{0}` is no cursor; leave it out for the first page, or give a page's `next_cursor`")]
    Cursor(String),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Finds generations, newest first: `limit` of them, 1 to [`MAX_PAGE`], from `cursor` on.
///
/// # Errors
///
/// When the cursor is none, or the store cannot be read.
pub async fn generations(
    store: &Store,
    filter: &Filter,
    limit: u32,
    cursor: Option<&str>,
) -> Result<Page, SearchError> {
    let limit = limit.clamp(1, MAX_PAGE);
    let query = Query {
        placement: filter.placement.as_ref().map(PlacementId::as_str),
        product: filter.product.as_deref(),
        segment: filter.segment.as_ref().map(SegmentId::as_str),
        outcome: filter.outcome.map(Outcome::as_str),
        since: filter.since,
        until: filter.until,
        before: cursor.map(read_cursor).transpose()?,
    };
    // One more than asked for tells whether there is another page.
    let mut rows = log::generations(store, &query, limit + 1).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next_cursor = rows.last().filter(|_| more).map(|(seq, _)| format!("{seq:016x}"));
    let items = rows.iter().map(|(_, bytes)| Ok(stored(bytes)?.record)).collect::<Result<_, StoreError>>()?;
    Ok(Page { items, next_cursor })
}

/// A generation by its id, with its payload. `None` when there is none.
///
/// # Errors
///
/// When the store cannot be read, or holds a payload other than the one that was recorded.
pub async fn generation(store: &Store, id: Uuid) -> Result<Option<Generation>, StoreError> {
    log::generation(store, &id.to_string()).await?.map(read).transpose()
}

/// The newest copy that passed for this cache key, unless it was erased.
///
/// # Errors
///
/// When the store cannot be read, or holds a payload other than the one that was recorded.
pub async fn latest_passed_for_key(
    store: &Store,
    cache_key: &str,
) -> Result<Option<PassedGeneration>, StoreError> {
    let Some(found) = log::latest_passed(store, cache_key).await? else { return Ok(None) };
    let generation = read(found)?;
    // The index found it; the chained record is what counts.
    if generation.record.outcome != Outcome::Passed || generation.record.cache_key != cache_key {
        return Err(StoreError::Corrupt("the index of generations says what the log does not".to_owned()));
    }
    let text = generation.payload.as_ref().and_then(|payload| payload.text.clone());
    let (id, finished) = (generation.record.id, generation.record.finished);
    Ok(text.map(|text| PassedGeneration { id, finished, text, generation }))
}

/// What the generations that finished at `since` or later have cost.
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

fn read_cursor(cursor: &str) -> Result<i64, SearchError> {
    i64::from_str_radix(cursor, 16).map_err(|_| SearchError::Cursor(cursor.to_owned()))
}

fn stored(bytes: &[u8]) -> Result<Box<StoredGeneration>, StoreError> {
    match records::decode(bytes) {
        Ok(Record::Generation(stored)) => Ok(stored),
        Ok(_) => Err(StoreError::Corrupt("an entry is listed as a generation and is none".to_owned())),
        Err(error) => Err(StoreError::Corrupt(format!("a generation's entry: {error}"))),
    }
}

fn read(found: EntryBytes) -> Result<Generation, StoreError> {
    let stored = stored(&found.bytes)?;
    let payload = match found.payload {
        Some(PayloadRow { salt: Some(salt), bytes: Some(bytes) }) => {
            let id = stored.record.id;
            if chain::payload_hash(&salt, &bytes) != stored.payload_hash {
                return Err(StoreError::Corrupt(format!("the payload of generation {id} was changed")));
            }
            let payload = serde_json::from_slice(&bytes);
            Some(payload.map_err(|error| StoreError::Corrupt(format!("the payload of {id}: {error}")))?)
        }
        _ => None,
    };
    Ok(Generation { record: stored.record, payload })
}
