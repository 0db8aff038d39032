//! Records made ready to be written, and one transaction that chains them on.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::ser::Error;
use tokio::sync::oneshot;

use super::chain::{self, GENESIS};
use super::records::{
    self, Decision, Event, GENERATION, GenerationPayload, GenerationRecord, REVIEW, ReviewPayload,
    ReviewRecord, SERVE, SERVES, ServeRecord, StoredGeneration, StoredReview, StoredVerdict, VERDICT,
    VerdictPayload, VerdictRecord,
};
use super::user;
use crate::store::log::{Append, Entry, Head, IndexRow, Meta, PayloadRow, ReviewRow, VerdictRow};
use crate::store::{Store, StoreError};

/// A record that must be durable before somebody goes on. All but its place in the chain is settled.
pub(super) struct Sealed {
    kind: &'static str,
    at: Timestamp,
    bytes: Vec<u8>,
    user: Option<Named>,
    index: Option<Index>,
    payload: Option<Payload>,
}

/// A user in the bytes of a record: where their digest stands in hex. The name under a key of their own, which has the same
/// length, takes its place when the record is chained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Named {
    at: usize,
    digest: [u8; 32],
}

impl Named {
    /// What stands before the digest. In a text of a record the quotes would have backslashes before them, and after `user`
    /// come texts, numbers and nothing that has fields: its last place is the field's own.
    const FIELD: &[u8] = br#","user":""#;

    fn find(bytes: &[u8], user: Option<&str>) -> Result<Option<Self>, serde_json::Error> {
        let Some(user) = user else { return Ok(None) };
        let digest = blake3::Hash::from_hex(user).map_err(Error::custom)?;
        // Most windows are out by their first byte, which is cheaper to look at.
        let is_field = |window: &[u8]| window.first() == Self::FIELD.first() && window == Self::FIELD;
        let field = bytes.windows(Self::FIELD.len()).rposition(is_field);
        let at = field.map(|field| field + Self::FIELD.len());
        let at = at.filter(|at| bytes.get(*at..).is_some_and(|rest| rest.starts_with(user.as_bytes())));
        let at = at.ok_or_else(|| Error::custom("the user does not stand where it should"))?;
        Ok(Some(Self { at, digest: *digest.as_bytes() }))
    }

    /// Puts the user's name in place of the digest.
    fn rename(&self, bytes: &mut [u8], names: &Names) -> Result<(), StoreError> {
        let name = names.0.get(&self.digest).map(String::as_bytes);
        let place = bytes.get_mut(self.at..).and_then(|rest| rest.get_mut(..self.digest.len() * 2));
        let (Some(name), Some(place)) = (name, place) else {
            return Err(StoreError::Corrupt("a user has no name".into()));
        };
        place.copy_from_slice(name);
        Ok(())
    }
}

/// What the users of a transaction are named in the log. Never kept beyond it: should a user's key be erased, whatever is
/// chained afterwards names them anew.
#[derive(Default)]
struct Names(HashMap<[u8; 32], String>);

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
    user: Option<Named>,
    /// Its text after that's hash, where no generation holds it.
    pub(super) text: Option<(String, Arc<str>)>,
    /// Who waits until it is durable.
    pub(super) done: Option<oneshot::Sender<()>>,
}

impl ServeLine {
    /// The record in JSON, with the digest of its user.
    pub(super) fn line(&self) -> &[u8] {
        self.line.strip_suffix(b"\n").unwrap_or(&self.line)
    }

    /// About how many bytes of memory it takes. Texts of people are there once for all.
    pub(super) fn size(&self) -> usize {
        self.line.len() + 200
    }
}

/// Seals a generation.
pub(super) fn generation(
    record: GenerationRecord,
    payload: &GenerationPayload,
) -> Result<Sealed, serde_json::Error> {
    let payload = Payload::seal(payload)?;
    let stored = StoredGeneration { payload_hash: payload.hash(), record };
    let bytes = records::encode(GENERATION, &stored)?;
    Ok(Sealed {
        kind: GENERATION,
        at: stored.record.finished,
        user: Named::find(&bytes, stored.record.user.as_deref())?,
        bytes,
        index: Some(Index::Generation(index_row(0, &stored.record))),
        payload: Some(payload),
    })
}

/// Seals a generation whose record names its user as another record of the log does already.
pub(super) fn generation_named(
    record: GenerationRecord,
    payload: &GenerationPayload,
) -> Result<Sealed, serde_json::Error> {
    let user = record.user.clone();
    let sealed = generation(GenerationRecord { user: None, ..record.clone() }, payload)?;
    let Some(stood) = &sealed.payload else { return Ok(sealed) };
    let stored = StoredGeneration { payload_hash: stood.hash(), record: GenerationRecord { user, ..record } };
    Ok(Sealed { bytes: records::encode(GENERATION, &stored)?, ..sealed })
}

/// Seals a review.
pub(super) fn review(record: ReviewRecord, note: Option<String>) -> Result<Sealed, serde_json::Error> {
    let payload = note.map(|note| Payload::seal(&ReviewPayload { note })).transpose()?;
    let stored = StoredReview { payload_hash: payload.as_ref().map(Payload::hash), record };
    Ok(Sealed {
        kind: REVIEW,
        at: stored.record.at,
        bytes: records::encode(REVIEW, &stored)?,
        user: None,
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
        user: None,
        index: Some(Index::Verdict(verdict_row(0, &stored.record))),
        payload,
    })
}

/// Seals an event.
pub(super) fn event(event: &Event) -> Result<Sealed, serde_json::Error> {
    let (user, index, payload) = Default::default();
    Ok(Sealed { kind: event.kind(), at: event.at(), bytes: event.encode()?, user, index, payload })
}

/// Writes a serve down as a line, with the hash of its text.
pub(super) fn serve(mut record: ServeRecord, text: Option<Arc<str>>) -> Result<ServeLine, serde_json::Error> {
    let text = text.map(|text| (chain::text_hash(&text), text));
    record.text_hash = text.as_ref().map(|(hash, _)| hash.clone());
    let mut line = records::encode(SERVE, &record)?;
    let user = Named::find(&line, record.user.as_deref())?;
    line.push(b'\n');
    Ok(ServeLine { at: record.at, line, user, text, done: None })
}

/// The same again from its JSON, its bytes as they are. `text` may be missing: then it is kept already.
pub(super) fn spooled(json: &str, text: Option<Arc<str>>) -> Result<ServeLine, serde_json::Error> {
    let record: ServeRecord = serde_json::from_str(json)?;
    let text = text.map(|text| (chain::text_hash(&text), text));
    if text.as_ref().is_some_and(|(hash, _)| record.text_hash.as_ref() != Some(hash)) {
        return Err(Error::custom("the text is another one"));
    }
    let mut line = json.as_bytes().to_vec();
    let user = Named::find(&line, record.user.as_deref())?;
    line.push(b'\n');
    Ok(ServeLine { at: record.at, line, user, text, done: None })
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
    let decision = record.decision().map(Decision::as_str).map(str::to_owned);
    ReviewRow { seq, generation: record.generation_id.to_string(), decision }
}

/// What the index says of a verdict, likewise.
pub(super) fn verdict_row(seq: i64, record: &VerdictRecord) -> VerdictRow {
    let cost_micros = i64::try_from(record.cost.0).unwrap_or(i64::MAX);
    VerdictRow { seq, generation: record.generation_id.to_string(), at: record.at, cost_micros }
}

/// The most lines of a block: those who look for serves count on it.
pub(super) const MOST_LINES: usize = 4_096;

/// A transaction on the chain. The head is read inside it rather than remembered: other processes append too.
/// Records are chained as they come and written all at once by [`insert`](Self::insert).
pub(super) struct Appending {
    append: Append,
    head: Head,
    names: Names,
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
        let (names, entries, index, reviews, verdicts, payloads) = Default::default();
        Ok(Self { append, head, names, entries, index, reviews, verdicts, payloads })
    }

    /// Looks up what the users of these records are named, and gives those a key who have none.
    pub(super) async fn users(
        &mut self,
        records: impl Iterator<Item = &Sealed>,
        serves: impl Iterator<Item = &ServeLine>,
    ) -> Result<(), StoreError> {
        let records = records.map(|record| (record.at, record.user));
        let named = records.chain(serves.map(|serve| (serve.at, serve.user)));
        let named: Vec<_> = named.filter_map(|(at, user)| Some((at, user?.digest))).collect();
        let Some(since) = named.iter().map(|(at, _)| *at).max() else { return Ok(()) };
        let digests: BTreeSet<_> = named.into_iter().map(|(_, digest)| digest).collect();
        let digests: Vec<_> = digests.into_iter().collect();
        let keys = self.append.user_keys(&digests, since, rand::random).await?;
        self.names.0 = keys.iter().map(|(digest, key)| (*digest, user::reference(key, digest))).collect();
        Ok(())
    }

    /// What the store keeps by name, as it is now.
    pub(super) async fn meta(&mut self) -> Result<Meta, StoreError> {
        self.append.meta().await
    }

    /// Keeps numbers by name.
    pub(super) async fn keep_meta(&mut self, numbers: &[(&str, i64)]) -> Result<(), StoreError> {
        self.append.keep_meta(numbers).await
    }

    /// When the last record of the chain was made.
    pub(super) async fn last_at(&mut self) -> Result<Option<Timestamp>, StoreError> {
        self.append.last_at().await
    }

    /// Whether this very entry is in the chain.
    pub(super) async fn holds(&mut self, entry: &Head) -> Result<bool, StoreError> {
        self.append.holds(entry).await
    }

    /// The transaction itself, for what goes along with the records.
    pub(super) fn within(&mut self) -> &mut Append {
        &mut self.append
    }

    /// Adds a record of its own. The user that it names must be among those [looked up](Self::users).
    pub(super) fn record(&mut self, sealed: &Sealed) -> Result<(), StoreError> {
        let mut bytes = sealed.bytes.clone();
        if let Some(user) = sealed.user {
            user.rename(&mut bytes, &self.names)?;
        }
        self.entry(sealed.kind, sealed.at, bytes);
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
        Ok(())
    }

    /// Adds serves as one entry, or several when they are many, and those of their texts that `known` does not hold. Users
    /// as of [`record`](Self::record).
    pub(super) async fn serves(
        &mut self,
        serves: &[&ServeLine],
        known: &KnownTexts,
    ) -> Result<(), StoreError> {
        for serves in serves.chunks(MOST_LINES) {
            let Some(at) = serves.iter().map(|serve| serve.at).max() else { continue };
            let mut bytes = Vec::with_capacity(serves.iter().map(|serve| serve.line.len()).sum());
            for ServeLine { line, user, .. } in serves.iter().copied() {
                let begins = bytes.len();
                bytes.extend_from_slice(line);
                if let (Some(user), Some(line)) = (user, bytes.get_mut(begins..)) {
                    user.rename(line, &self.names)?;
                }
            }
            self.entry(SERVES, at, bytes);
        }
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
#[derive(Default)]
pub(super) struct KnownTexts(HashSet<String>);

impl KnownTexts {
    /// How many are remembered, at about 150 bytes each; then it starts anew.
    const MOST: usize = 10_000;

    /// Learns the texts of serves that were committed.
    pub(super) fn learn<'s>(&mut self, serves: impl Iterator<Item = &'s ServeLine>) {
        if self.0.len() > Self::MOST {
            self.0.clear();
        }
        self.0.extend(serves.filter_map(|serve| serve.text.as_ref()).map(|(hash, _)| hash.clone()));
    }
}
