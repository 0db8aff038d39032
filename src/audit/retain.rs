//! What is too old to be kept is deleted: blocks of serves, what stands beside entries, generations. Hashes stay, a receipt
//! says what is gone, and nothing goes that a legal hold covers.
//!
//! It goes in short transactions, each with its receipt, so that the recorder gets its turn between them and the log is whole
//! at every moment.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::append::{self, Appending};
use super::chain;
use super::erase::runs;
use super::hold::{InForce, Subject};
use super::index::{self, Field};
use super::person::{Needles, Trace};
use super::records::{
    self, Decision, Event, GENERATION, GenerationRecord, Record, Retained, RetentionRecord, SERVES,
};
use crate::config::Retention;
use crate::store::forget::{Look, OldEntry};
use crate::store::log::{Append, Snapshot};
use crate::store::{Store, StoreError};
use crate::words::new_id;

/// How many bytes one transaction frees, save where one entry has more: it must not hold up the recorder.
const TOGETHER: i64 = 128 * 1024;
/// How long one transaction should hold the store at most; fewer entries go together where it takes longer.
const TURN: Duration = Duration::from_millis(20);
/// How many entries behind the index a text is looked for; beyond, it is kept.
const UNINDEXED: i64 = 2_000;
/// How long the recorder has the store for itself between two transactions at least.
const BREATH: Duration = Duration::from_millis(20);
/// The most entries of one transaction.
const MOST: usize = 256;

/// How much was deleted, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Deleted {
    /// Blocks of serves.
    pub blocks: u64,
    /// What stood beside entries.
    pub payloads: u64,
    /// Generations.
    pub generations: u64,
    /// Texts that no serve refers to any more; not told beforehand.
    pub texts: u64,
    /// Bytes that are free to be used again, about.
    pub bytes: u64,
    /// Entries that are too old and held.
    pub held: u64,
}

/// Has the next run look at everything again.
pub(super) async fn begin_anew(append: &mut Append) -> Result<(), StoreError> {
    for what in [Retained::Serves, Retained::Payload, Retained::Generations] {
        append.keep_number(place(what), 0).await?;
    }
    Ok(())
}

/// Under which name the store keeps up to which entry everything was looked at.
fn place(what: Retained) -> &'static str {
    match what {
        Retained::Serves => "retained_serves",
        Retained::Payload => "retained_payload",
        Retained::Generations => "retained_generations",
    }
}

/// Deletes what is too old at `now`; with `dry_run` it is only counted.
///
/// # Errors
///
/// When the store cannot be read or written. What was deleted until then is, and has its receipts.
pub async fn run(
    store: &Store,
    retention: &Retention,
    now: Timestamp,
    dry_run: bool,
) -> Result<Deleted, StoreError> {
    let (mut deleted, mut gone) = (Deleted::default(), HashSet::new());
    // Payload goes with its generation, so what is deleted whole is not looked at twice.
    for (what, kept) in [
        (Retained::Serves, retention.serves),
        (Retained::Generations, retention.generations),
        (Retained::Payload, retention.payload),
    ] {
        let Some(kept) = kept.and_then(|kept| SignedDuration::try_from(kept).ok()) else { continue };
        let Ok(before) = now.checked_sub(kept) else { continue };
        let mut sweep = Sweep { what, before, now, dry_run, deleted: &mut deleted, gone: &mut gone };
        sweep.run(store).await?;
    }
    Ok(deleted)
}

/// What is held while a run goes on.
struct Held {
    holds: InForce,
    /// The held users, each by all of their names.
    users: HashMap<String, Vec<String>>,
    /// What they were shown.
    generations: HashSet<Uuid>,
}

impl Held {
    async fn read(look: &mut Look<'_>) -> Result<Self, StoreError> {
        let holds = InForce::read(look).await?;
        let (mut users, mut generations) = (HashMap::new(), HashSet::new());
        for (_, names) in holds.users(look).await? {
            let mut trace = Trace::of(names.clone(), false);
            trace.extend(look).await?;
            let covered =
                trace.serves.iter().filter(|serve| holds.over([Subject::serve(serve, &names)]).is_some());
            generations.extend(covered.filter_map(|serve| serve.generation_id));
            users.extend(names.iter().map(|name| (name.clone(), names.clone())));
        }
        Ok(Self { holds, users, generations })
    }

    fn users(&self, user: Option<&String>) -> &[String] {
        user.and_then(|user| self.users.get(user)).map(Vec::as_slice).unwrap_or_default()
    }

    fn generation(&self, record: &GenerationRecord) -> bool {
        let subject = Subject::generation(record, self.users(record.user.as_ref())).and_shown_since();
        self.generations.contains(&record.id) || self.holds.over([subject]).is_some()
    }

    /// Whether an entry is held. What cannot be read is.
    async fn covers(&self, look: &mut Look<'_>, entry: &OldEntry) -> Result<bool, StoreError> {
        if self.holds.is_empty() {
            return Ok(false);
        }
        let bytes = look.bytes(entry.seq).await?.unwrap_or_default();
        if entry.kind == SERVES {
            let mut lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            return Ok(lines.any(|line| match records::decode(line) {
                Ok(Record::Serve(serve)) => {
                    let users = self.users(serve.user.as_ref());
                    self.holds.over([Subject::serve(&serve, users)]).is_some()
                }
                _ => true,
            }));
        }
        let generation = match records::decode(&bytes) {
            Ok(Record::Generation(stored)) => return Ok(self.generation(&stored.record)),
            Ok(Record::Review(stored)) => stored.record.generation_id,
            Ok(Record::Verdict(stored)) => stored.record.generation_id,
            _ => return Ok(true),
        };
        let Some(found) = look.generation(&generation.to_string()).await? else { return Ok(false) };
        match records::decode(&found.bytes) {
            Ok(Record::Generation(stored)) => Ok(self.generation(&stored.record)),
            _ => Ok(true),
        }
    }
}

/// Whether a payload holds a text that a person had to approve and did, of copy that is nobody's alone: their approval has no
/// end, and without the text it would.
async fn is_approved(look: &mut Look<'_>, entry: &OldEntry) -> Result<bool, StoreError> {
    if entry.kind != GENERATION {
        return Ok(false);
    }
    let bytes = look.bytes(entry.seq).await?.unwrap_or_default();
    let Ok(Record::Generation(stored)) = records::decode(&bytes) else { return Ok(false) };
    let record = stored.record;
    if !record.approval || record.user.is_some() {
        return Ok(false);
    }
    let about = look.about(&record.id.to_string()).await?;
    let latest = about.iter().rev().find_map(|about| match records::decode(&about.bytes) {
        Ok(Record::Review(stored)) => stored.record.decision(),
        _ => None,
    });
    Ok(latest == Some(Decision::Approved))
}

/// One kind of what is deleted.
struct Sweep<'d> {
    what: Retained,
    before: Timestamp,
    now: Timestamp,
    dry_run: bool,
    deleted: &'d mut Deleted,
    /// The entries that a dry run found to be deleted whole: what stands beside them goes with them.
    gone: &'d mut HashSet<i64>,
}

/// How many entries go in one transaction, by how long the last one took.
struct Pace {
    entries: usize,
}

impl Pace {
    /// Learns how long a transaction held the store, and answers how long to leave it alone now.
    fn after(&mut self, took: Duration) -> Duration {
        if took > TURN {
            self.entries = (self.entries / 2).max(1);
        } else if took < TURN / 2 {
            self.entries = (self.entries * 2).min(MOST);
        }
        took.max(BREATH)
    }
}

impl Sweep<'_> {
    async fn run(&mut self, store: &Store) -> Result<(), StoreError> {
        let mut snapshot = Snapshot::begin(store).await?;
        let mut held = Held::read(&mut snapshot.look()).await?;
        let mut cursor = snapshot.look().number(place(self.what)).await?;
        drop(snapshot);
        // Up to where all is done: what is still young must be looked at again.
        let (mut done, mut young) = (cursor, false);
        let mut pace = Pace { entries: if self.dry_run { MOST } else { 1 } };
        loop {
            let mut snapshot = Snapshot::begin(store).await?;
            let page = self.page(&mut snapshot.look(), cursor).await?;
            if !page.iter().any(|entry| entry.at < self.before) {
                return Ok(());
            }
            let (mut chosen, mut size, mut kept) = (Vec::new(), 0, 0);
            for entry in page {
                if entry.at >= self.before {
                    young = true;
                } else if self.gone.contains(&entry.seq) {
                    // Counted with its generation.
                } else if self.what == Retained::Payload && is_approved(&mut snapshot.look(), &entry).await? {
                    // It stays as long as its generation does.
                } else if held.covers(&mut snapshot.look(), &entry).await? {
                    kept += 1;
                } else if !chosen.is_empty() && (size + entry.size > TOGETHER || chosen.len() >= pace.entries)
                {
                    break;
                } else {
                    size += entry.size;
                    chosen.push(entry.clone());
                }
                cursor = entry.seq;
                done = if young { done } else { cursor };
            }
            if self.dry_run {
                self.note_gone(&mut snapshot.look(), &chosen).await?;
                self.count(&chosen, size, kept);
                continue;
            }
            drop(snapshot);
            let Some((texts, took)) = self.delete(store, &chosen, &held, done).await? else {
                // A hold was placed or lifted meanwhile: once more with what is held now.
                let mut snapshot = Snapshot::begin(store).await?;
                held = Held::read(&mut snapshot.look()).await?;
                cursor = snapshot.look().number(place(self.what)).await?;
                (done, young) = (cursor, false);
                continue;
            };
            self.count(&chosen, size, kept);
            self.deleted.texts += texts;
            tokio::time::sleep(pace.after(took)).await;
        }
    }

    /// Notes what would go whole with generations: they, and what is said about them.
    async fn note_gone(&mut self, look: &mut Look<'_>, chosen: &[OldEntry]) -> Result<(), StoreError> {
        if self.what != Retained::Generations {
            return Ok(());
        }
        for entry in chosen {
            self.gone.insert(entry.seq);
            let bytes = look.bytes(entry.seq).await?.unwrap_or_default();
            if let Ok(Record::Generation(stored)) = records::decode(&bytes) {
                let about = look.about(&stored.record.id.to_string()).await?;
                self.gone.extend(about.iter().map(|about| about.seq));
            }
        }
        Ok(())
    }

    fn count(&mut self, chosen: &[OldEntry], size: i64, kept: u64) {
        let number = u64::try_from(chosen.len()).unwrap_or(u64::MAX);
        let deleted = &mut *self.deleted;
        *match self.what {
            Retained::Serves => &mut deleted.blocks,
            Retained::Payload => &mut deleted.payloads,
            Retained::Generations => &mut deleted.generations,
        } += number;
        deleted.bytes += u64::try_from(size).unwrap_or(0);
        deleted.held += kept;
    }

    async fn page(&self, look: &mut Look<'_>, after: i64) -> Result<Vec<OldEntry>, StoreError> {
        match self.what {
            Retained::Serves => look.old_serves(after).await,
            Retained::Payload => look.old_payloads(after).await,
            Retained::Generations => look.old_generations(after).await,
        }
    }

    /// One transaction: deletes entries with their receipt and answers how many texts went with them, and how long it held
    /// the store; `None` when the holds are others than those that the entries were chosen by, and nothing is deleted.
    async fn delete(
        &self,
        store: &Store,
        chosen: &[OldEntry],
        held: &Held,
        done: i64,
    ) -> Result<Option<(u64, Duration)>, StoreError> {
        let mut appending = Appending::begin(store).await?;
        let began = Instant::now();
        let within = appending.within();
        if !held.holds.are(&mut within.look()).await? {
            return Ok(None);
        }
        within.keep_number(place(self.what), done).await?;
        let (mut seqs, mut texts) = (BTreeSet::new(), BTreeSet::new());
        for entry in chosen {
            seqs.insert(entry.seq);
            let bytes = within.look().bytes(entry.seq).await?.unwrap_or_default();
            match self.what {
                Retained::Serves => {
                    texts.extend(index::serves(&bytes).filter_map(|(_, serve)| serve.text_hash));
                    index::forget(within, entry.seq, SERVES, &bytes, None).await?;
                }
                Retained::Payload => {
                    if let Ok(Record::Generation(stored)) = records::decode(&bytes) {
                        let payload = within.look().payload(entry.seq).await?.unwrap_or_default();
                        let payload = serde_json::from_slice(&payload).unwrap_or_default();
                        index::forget_words(within, entry.seq, &stored.record, &payload).await?;
                    }
                }
                Retained::Generations => {
                    let payload = within.look().payload(entry.seq).await?;
                    let payload = payload.and_then(|payload| serde_json::from_slice(&payload).ok());
                    index::forget(within, entry.seq, GENERATION, &bytes, payload.as_ref()).await?;
                    if let Ok(Record::Generation(stored)) = records::decode(&bytes) {
                        let about = within.look().about(&stored.record.id.to_string()).await?;
                        seqs.extend(about.iter().map(|about| about.seq));
                    }
                }
            }
        }
        let seqs: Vec<i64> = seqs.into_iter().collect();
        match self.what {
            Retained::Payload => within.blank_payloads(&seqs).await?,
            Retained::Serves | Retained::Generations => within.empty(&seqs).await?,
        }
        let texts = delete_texts(within, texts).await?;
        if !seqs.is_empty() {
            let receipt = self.receipt(within, &seqs).await?;
            let sealed = append::event(&Event::Retention(receipt));
            appending.record(&sealed.map_err(|error| StoreError::Corrupt(error.to_string()))?)?;
        }
        appending.insert().await?;
        appending.commit().await?;
        Ok(Some((texts, began.elapsed())))
    }

    async fn receipt(&self, append: &mut Append, seqs: &[i64]) -> Result<RetentionRecord, StoreError> {
        let mut digest = Sha256::new();
        for seq in seqs {
            let hash = append.look().hash(*seq).await?.unwrap_or_default();
            digest.update(format!("{seq} {hash}\n"));
        }
        Ok(RetentionRecord {
            id: new_id(self.now),
            at: self.now,
            what: self.what,
            before: self.before,
            entries: runs(seqs),
            count: u64::try_from(seqs.len()).unwrap_or(u64::MAX),
            digest: chain::hex(&digest.finalize()),
        })
    }
}

/// Deletes those texts that no serve refers to any more, as far as the index can tell, and answers how many those were.
async fn delete_texts(append: &mut Append, texts: BTreeSet<String>) -> Result<u64, StoreError> {
    let (indexed, last) = (index::reaches(&mut append.look()).await?, append.look().last().await?);
    if texts.is_empty() || last - indexed > UNINDEXED {
        return Ok(0);
    }
    let mut shown = HashSet::new();
    let needles = Needles::new(texts.iter().cloned().collect())?;
    let note = |_, record| {
        if let Record::Serve(serve) = record {
            shown.extend(serve.text_hash);
        }
    };
    needles.scan(&mut append.look(), indexed, note).await?;
    let mut deleted = 0;
    for hash in texts {
        if shown.contains(&hash) || append.look().serve_with(&Field::Text.term(&hash)).await?.is_some() {
            continue;
        }
        let Some(text) = append.look().text(&hash).await? else { continue };
        index::forget_text(append, &hash, &text).await?;
        append.delete_text(&hash).await?;
        deleted += 1;
    }
    if deleted > 0 {
        // Whoever believes that one of them is kept must write it again.
        append.count_erasure().await?;
    }
    Ok(deleted)
}

#[cfg(test)]
mod tests;
