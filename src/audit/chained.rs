//! Entries of the chain as they stand, byte for byte, and the receipts of what was taken out of it on purpose.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::chain;
use super::records::{
    self, ErasureRecord, Event, PolicyRecord, Record, Retained, RetentionRecord, Run, ServeRecord,
};
use super::search;
use crate::store::log;
use crate::store::{Store, StoreError};

/// One entry of the chain, and what stands beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chained {
    /// Its number, from 1.
    pub seq: i64,
    /// What it is: `generation`, `serves`, `review` and so on.
    pub kind: String,
    /// When.
    pub at: Timestamp,
    /// The hash of the entry before it.
    pub prev: String,
    /// Its own.
    pub hash: String,
    /// The exact bytes that were hashed; empty once retention deleted them.
    pub bytes: Vec<u8>,
    /// What stands beside it, when anything ever did.
    pub beside: Option<Beside>,
}

/// What stands beside an entry. Both are `None` once it was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// What is hashed before the payload.
    pub salt: Option<Vec<u8>>,
    /// The payload's exact bytes.
    pub bytes: Option<Vec<u8>>,
}

impl Chained {
    /// Whether its bytes hash to what it says, from the hash before it.
    pub fn holds(&self) -> bool {
        chain::hash(&self.prev, &self.bytes) == self.hash
    }

    pub(super) fn of(entry: log::Entry, payload: Option<log::PayloadRow>) -> Self {
        let log::Entry { seq, kind, at, prev, hash, bytes } = entry;
        let beside = payload.map(|log::PayloadRow { salt, bytes }| Beside { salt, bytes });
        Self { seq, kind, at, prev, hash, bytes, beside }
    }
}

impl Beside {
    /// Whether it was erased, or deleted for its age.
    pub fn is_blank(&self) -> bool {
        self.salt.is_none() || self.bytes.is_none()
    }
}

/// The entries of a generation: its own, and those of the verdicts and reviews on it, in order. None when there is none.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn of_generation(store: &Store, id: Uuid) -> Result<Vec<Chained>, StoreError> {
    let found = log::entries_of_generation(store, &id.to_string()).await?;
    Ok(found.into_iter().map(|(entry, payload)| Chained::of(entry, payload)).collect())
}

/// The entry with this number. `None` when there is none.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn entry(store: &Store, seq: i64) -> Result<Option<Chained>, StoreError> {
    Ok(log::entry(store, seq).await?.map(|(entry, payload)| Chained::of(entry, payload)))
}

/// What became of edits of the policy, the newest first, at most `limit`. What this version cannot read is left out.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn edits(store: &Store, limit: u32) -> Result<Vec<PolicyRecord>, StoreError> {
    let edit = |entry: log::Entry| match records::decode(&entry.bytes) {
        Ok(Record::Event(Event::Policy(record))) => Some(record),
        _ => None,
    };
    Ok(log::edits(store, limit).await?.into_iter().filter_map(edit).collect())
}

/// A serve as it stands in the chain.
#[derive(Clone, Debug)]
pub struct ChainedServe {
    /// The record.
    pub record: ServeRecord,
    /// The number of the block that it stands in.
    pub seq: i64,
    /// Its line there, from 1.
    pub line: usize,
    /// How many lines the block has.
    pub of: usize,
}

/// The serve with this id. `None` when there is none, or it was deleted for its age.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn serve(store: &Store, id: Uuid) -> Result<Option<ChainedServe>, StoreError> {
    let Some(seq) = search::entry_of_serve(store, id).await? else { return Ok(None) };
    let entry = log::entry(store, seq).await?;
    Ok(entry.and_then(|(entry, _)| in_block(seq, &entry.bytes, id)))
}

/// A serve among the lines of a block; only a line that holds the id is decoded.
fn in_block(seq: i64, bytes: &[u8], id: Uuid) -> Option<ChainedServe> {
    let text = std::str::from_utf8(bytes).ok()?;
    let wanted = id.to_string();
    let of = text.lines().count();
    text.lines().enumerate().filter(|(_, line)| line.contains(&wanted)).find_map(|(index, line)| {
        match records::decode(line.as_bytes()) {
            Ok(Record::Serve(record)) if record.id == id => {
                Some(ChainedServe { record: *record, seq, line: index + 1, of })
            }
            _ => None,
        }
    })
}

/// What the serves of a block name their texts by: a hash, or a generation. Each pair once.
pub(super) fn in_texts(bytes: &[u8]) -> Vec<(Option<String>, Option<String>)> {
    #[derive(serde::Deserialize)]
    struct Named {
        text_hash: Option<String>,
        generation_id: Option<String>,
    }
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let named = lines.filter_map(|line| serde_json::from_slice::<Named>(line).ok());
    let mut named: Vec<_> = named.map(|named| (named.text_hash, named.generation_id)).collect();
    named.sort_unstable();
    named.dedup();
    named
}

/// Why something is not in the log any more: the receipt that says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// The entry that says it.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// The hash of that entry.
    pub hash: String,
    /// Whether a person's data was erased, or it was too old to be kept.
    #[serde(flatten)]
    pub why: ReceiptKind,
}

/// What a receipt is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum ReceiptKind {
    /// A person's data was erased.
    Erasure {
        /// Who asked for it.
        by: String,
        /// What they call the request.
        reference: Option<String>,
    },
    /// It was too old to be kept.
    Retention {
        /// All that was older than this was deleted.
        before: Timestamp,
    },
}

/// What a receipt is looked for of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone<'a> {
    /// What stood beside this entry.
    Payload(i64),
    /// The bytes of this entry.
    Entry(i64),
    /// The text with this hash, which stood beside serves.
    Text(&'a str),
}

/// The receipt that says why something is gone; `None` when none does, and then it should be there.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn receipt(store: &Store, gone: Gone<'_>) -> Result<Option<Receipt>, StoreError> {
    for (entry, _) in log::receipts(store).await? {
        let Ok(Record::Event(event)) = records::decode(&entry.bytes) else { continue };
        let why = match event {
            Event::Erasure(record) if erased(&record, gone) => {
                ReceiptKind::Erasure { by: record.by, reference: record.reference }
            }
            Event::Retention(record) if retained(&record, gone) => {
                ReceiptKind::Retention { before: record.before }
            }
            _ => continue,
        };
        return Ok(Some(Receipt { seq: entry.seq, at: entry.at, hash: entry.hash, why }));
    }
    Ok(None)
}

fn erased(record: &ErasureRecord, gone: Gone<'_>) -> bool {
    match gone {
        Gone::Payload(seq) => holds(&record.payloads, seq),
        Gone::Entry(_) => false,
        Gone::Text(hash) => record.texts.iter().any(|text| text == hash),
    }
}

fn retained(record: &RetentionRecord, gone: Gone<'_>) -> bool {
    match (gone, record.what) {
        (Gone::Payload(seq), Retained::Payload)
        | (Gone::Entry(seq), Retained::Serves | Retained::Generations) => holds(&record.entries, seq),
        _ => false,
    }
}

fn holds(runs: &[Run], seq: i64) -> bool {
    runs.iter().any(|(first, last)| (*first..=*last).contains(&seq))
}
