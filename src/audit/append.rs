//! Records made ready to be written, and one transaction that chains them on.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::chain::{self, GENESIS};
use super::records::{
    self, Decision, Event, GENERATION, GenerationPayload, GenerationRecord, REVIEW, ReviewPayload,
    ReviewRecord, SERVE, SERVES, ServeRecord, StoredGeneration, StoredReview, StoredVerdict, VERDICT,
    VerdictPayload, VerdictRecord,
};
use crate::store::log::{Append, Entry, Head, IndexRow, PayloadRow, ReviewRow, VerdictRow};
use crate::store::{Store, StoreError};

/// A record that must be durable before somebody goes on. All but its place in the chain is settled.
pub(super) struct Sealed {
    kind: &'static str,
    at: Timestamp,
    bytes: Vec<u8>,
    index: Option<Index>,
    payload: Option<Payload>,
}

/// What an entry is found by.
enum Index {
    Generation(IndexRow),
    Review(ReviewRow),
    Verdict(VerdictRow),
}

/// What stands beside an entry, and can be erased.
struct Payload {
    salt: [u8; 32],
    bytes: Vec<u8>,
}

impl Payload {
    /// Under a new salt.
    fn seal(payload: &impl serde::Serialize) -> Result<Self, serde_json::Error> {
        Ok(Self { salt: rand::random(), bytes: serde_json::to_vec(payload)? })
    }

    fn hash(&self) -> String {
        chain::payload_hash(&self.salt, &self.bytes)
    }
}

/// One serve as a line of its block.
pub(super) struct ServeLine {
    pub(super) at: Timestamp,
    line: Vec<u8>,
    text: Option<(String, Arc<str>)>,
}

/// Seals a generation.
pub(super) fn generation(
    record: GenerationRecord,
    payload: &GenerationPayload,
) -> Result<Sealed, serde_json::Error> {
    let payload = Payload::seal(payload)?;
    let stored = StoredGeneration { payload_hash: payload.hash(), record };
    Ok(Sealed {
        kind: GENERATION,
        at: stored.record.finished,
        bytes: records::encode(GENERATION, &stored)?,
        index: Some(Index::Generation(index_row(0, &stored.record))),
        payload: Some(payload),
    })
}

/// Seals a review.
pub(super) fn review(record: ReviewRecord, note: Option<String>) -> Result<Sealed, serde_json::Error> {
    let payload = note.map(|note| Payload::seal(&ReviewPayload { note })).transpose()?;
    let stored = StoredReview { payload_hash: payload.as_ref().map(Payload::hash), record };
    Ok(Sealed {
        kind: REVIEW,
        at: stored.record.at,
        bytes: records::encode(REVIEW, &stored)?,
        index: Some(Index::Review(review_row(0, &stored.record))),
        payload,
    })
}

/// Seals what rules made of a second model's answer.
pub(super) fn verdict(record: VerdictRecord, reason: Option<String>) -> Result<Sealed, serde_json::Error> {
    let payload = reason.map(|reason| Payload::seal(&VerdictPayload { reason })).transpose()?;
    let stored = StoredVerdict { payload_hash: payload.as_ref().map(Payload::hash), record };
    Ok(Sealed {
        kind: VERDICT,
        at: stored.record.at,
        bytes: records::encode(VERDICT, &stored)?,
        index: Some(Index::Verdict(verdict_row(0, &stored.record))),
        payload,
    })
}

/// Seals an event.
pub(super) fn event(event: &Event) -> Result<Sealed, serde_json::Error> {
    Ok(Sealed { kind: event.kind(), at: event.at(), bytes: event.encode()?, index: None, payload: None })
}

/// Writes a serve down as a line, with the hash of its text.
pub(super) fn serve(mut record: ServeRecord, text: Option<Arc<str>>) -> Result<ServeLine, serde_json::Error> {
    let text = text.map(|text| (chain::text_hash(&text), text));
    record.text_hash = text.as_ref().map(|(hash, _)| hash.clone());
    let mut line = records::encode(SERVE, &record)?;
    line.push(b'\n');
    Ok(ServeLine { at: record.at, line, text })
}

/// What the search index says of a record: the one place that decides it, for writing and for verifying.
pub(super) fn index_row(seq: i64, record: &GenerationRecord) -> IndexRow {
    IndexRow {
        seq,
        id: record.id.to_string(),
        at: record.finished,
        cache_key: record.cache_key.clone(),
        placement: record.placement.to_string(),
        segment: record.segment.to_string(),
        product: record.product.clone(),
        template: record.template.to_string(),
        revision: record.revision.to_string(),
        outcome: record.outcome.as_str().to_owned(),
        cost_micros: i64::try_from(record.cost.0).unwrap_or(i64::MAX),
    }
}

/// What the index says of a review, likewise.
pub(super) fn review_row(seq: i64, record: &ReviewRecord) -> ReviewRow {
    let decision = record.action.decision().map(Decision::as_str).map(str::to_owned);
    ReviewRow { seq, generation: record.generation_id.to_string(), decision }
}

/// What the index says of a verdict, likewise.
pub(super) fn verdict_row(seq: i64, record: &VerdictRecord) -> VerdictRow {
    let cost_micros = i64::try_from(record.cost.0).unwrap_or(i64::MAX);
    VerdictRow { seq, generation: record.generation_id.to_string(), at: record.at, cost_micros }
}

/// A transaction on the chain. The head is read inside it rather than remembered: other processes append too.
/// Records are chained as they come and written all at once by [`insert`](Self::insert).
pub(super) struct Appending {
    append: Append,
    head: Head,
    entries: Vec<Entry>,
    index: Vec<IndexRow>,
    reviews: Vec<ReviewRow>,
    verdicts: Vec<VerdictRow>,
    payloads: Vec<(i64, PayloadRow)>,
}

impl Appending {
    pub(super) async fn begin(store: &Store) -> Result<Self, StoreError> {
        let mut append = Append::begin(store).await?;
        let head = append.head().await?.unwrap_or_else(|| Head { seq: 0, hash: GENESIS.to_owned() });
        let (entries, index, reviews, verdicts, payloads) = Default::default();
        Ok(Self { append, head, entries, index, reviews, verdicts, payloads })
    }

    /// Whether this very entry is in the chain.
    pub(super) async fn holds(&mut self, entry: &Head) -> Result<bool, StoreError> {
        self.append.holds(entry).await
    }

    /// Adds a record of its own.
    pub(super) fn record(&mut self, sealed: &Sealed) {
        self.entry(sealed.kind, sealed.at, sealed.bytes.clone());
        let seq = self.head.seq;
        match &sealed.index {
            Some(Index::Generation(row)) => self.index.push(IndexRow { seq, ..row.clone() }),
            Some(Index::Review(row)) => self.reviews.push(ReviewRow { seq, ..row.clone() }),
            Some(Index::Verdict(row)) => self.verdicts.push(VerdictRow { seq, ..row.clone() }),
            None => {}
        }
        if let Some(Payload { salt, bytes }) = &sealed.payload {
            self.payloads.push((seq, PayloadRow { salt: Some(salt.to_vec()), bytes: Some(bytes.clone()) }));
        }
    }

    /// Adds serves as one entry, and those of their texts that `known` does not hold. No entry for no serves.
    pub(super) async fn serves(
        &mut self,
        serves: &[ServeLine],
        known: &KnownTexts,
    ) -> Result<(), StoreError> {
        let Some(at) = serves.iter().map(|serve| serve.at).max() else { return Ok(()) };
        let lines: Vec<&[u8]> = serves.iter().map(|serve| serve.line.as_slice()).collect();
        self.entry(SERVES, at, lines.concat());
        let texts: BTreeMap<_, _> = serves.iter().filter_map(|serve| serve.text.as_ref()).cloned().collect();
        for (hash, text) in texts.iter().filter(|(hash, _)| !known.0.contains(*hash)) {
            self.append.text(hash, text).await?;
        }
        Ok(())
    }

    fn entry(&mut self, kind: &str, at: Timestamp, bytes: Vec<u8>) {
        let prev = self.head.hash.clone();
        let (seq, hash) = (self.head.seq + 1, chain::hash(&prev, &bytes));
        self.head = Head { seq, hash: hash.clone() };
        self.entries.push(Entry { seq, kind: kind.to_owned(), at, prev, hash, bytes });
    }

    /// The last entry, the ones of this transaction included.
    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    /// Inserts what was added. The transaction is still open: only [`commit`](Self::commit) makes it durable.
    pub(super) async fn insert(&mut self) -> Result<(), StoreError> {
        self.append.entries(&std::mem::take(&mut self.entries)).await?;
        self.append.index(&std::mem::take(&mut self.index)).await?;
        self.append.reviews(&std::mem::take(&mut self.reviews)).await?;
        self.append.verdicts(&std::mem::take(&mut self.verdicts)).await?;
        self.append.payloads(&std::mem::take(&mut self.payloads)).await
    }

    /// Makes it durable. After an error it may be so or not.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        self.append.commit().await
    }
}

/// Hashes of texts that are known to be durable, so that pre-written copy is not written again with every flush.
/// Whoever comes to delete texts must make running recorders forget them.
#[derive(Default)]
pub(super) struct KnownTexts(HashSet<String>);

impl KnownTexts {
    /// How many are remembered, at about 150 bytes each; then it starts anew.
    const MOST: usize = 10_000;

    /// Learns the texts of serves that were committed.
    pub(super) fn learn(&mut self, serves: &[ServeLine]) {
        if self.0.len() > Self::MOST {
            self.0.clear();
        }
        self.0.extend(serves.iter().filter_map(|serve| serve.text.as_ref()).map(|(hash, _)| hash.clone()));
    }
}
