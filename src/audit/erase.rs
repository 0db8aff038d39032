//! A person's data is erased: what was written for them alone is blanked, and nobody can tell any more which records are
//! theirs. The chain stays as it is, and a receipt in it says what is gone.
//!
//! Each erasure is noted in a file beside the store before it is carried out, by the user's digest alone: a store that was
//! killed halfway, or restored from a backup, has it carried out again before anybody is served from it. Nothing leads from
//! a note to its receipt, neither an id nor a time nor an order: whoever has both, and the key that digests are made with,
//! knows who was erased and what was blanked, and not which of it was whose.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::append::{self, Appending};
use super::hold::{InForce, Subject};
use super::index;
use super::person::{self, Own, Trace};
use super::records::{self, ErasureRecord, Event, Record, Run, VERDICT};
use crate::store::forget::Look;
use crate::store::log::{Append, Snapshot};
use crate::store::{Store, StoreError};
use crate::words::new_id;

/// How many generations one transaction blanks.
const TOGETHER: usize = 64;
/// How often an erasure begins anew because the user was named anew meanwhile.
const ROUNDS: usize = 8;
/// The file beside the store in which erasures are noted.
const NOTES: &str = "erasures.jsonl";
/// The format of its lines, as `v`.
const NOTE: u32 = 1;
/// Who asked for an erasure that is carried out from its note, which does not say.
const RESUMED: &str = "resumed";
/// How long between attempts to shorten the write-ahead log.
const BETWEEN_SWEEPS: Duration = Duration::from_millis(50);

/// An erasure that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    note: Note,
    at: Timestamp,
    by: String,
    reference: Option<String>,
}

/// An erasure as it is noted outside the store: all that is needed to carry it out again. There is one for each user, that
/// of the newest order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Note {
    v: u32,
    /// Random, so that it tells of no time. The store keeps those that were carried out.
    id: Uuid,
    /// The user's digest, in hex: see [`UserKey::hash`](super::UserKey::hash).
    digest: String,
}

/// What an erasure would come to, or came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Extent {
    /// Serves to the user.
    pub serves: u64,
    /// Those of them that name the user as older versions did: their link stays until retention deletes them.
    pub older_serves: u64,
    /// When the newest of those was.
    pub newest_older: Option<Timestamp>,
    /// Generations that are the user's alone.
    pub own: u64,
    /// Generations for one user that others were shown too who were not erased.
    pub shared: u64,
    /// Corrected texts of the user's alone.
    pub texts: u64,
    /// Answers kept for those who ask again.
    pub answers: u64,
}

/// What an erasure came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Erased {
    /// The receipt, as it stands in the log.
    pub receipt: ErasureRecord,
    /// When the newest serve was that names the user as older versions did.
    pub newest_older: Option<Timestamp>,
}

/// Why nothing was erased, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// A legal hold covers some of it.
    #[error("legal hold {id} covers this: {reason}")]
    Held {
        /// The hold.
        id: Uuid,
        /// Why it was placed.
        reason: String,
    },
    /// The file of erasures cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file of erasures holds something else.
    #[error("{} line {line} is no erasure: {said}; mend it from a copy, for an erasure that is not carried out again would bring a person's data back", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        said: String,
    },
    /// The store failed. What was noted is carried out when the service starts next.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Order {
    /// An order of this instant, by whoever has this name, who may call it something, such as a ticket's number.
    pub fn new(digest: &[u8; 32], by: &str, reference: Option<&str>, now: Timestamp) -> Self {
        let id = uuid::Builder::from_random_bytes(rand::random()).into_uuid();
        let note = Note { v: NOTE, id, digest: person::older_name(digest) };
        Self { note, at: now, by: by.to_owned(), reference: reference.map(str::to_owned) }
    }

    /// One that was noted, to be carried out now.
    fn resumed(note: Note, now: Timestamp) -> Self {
        Self { note, at: now, by: RESUMED.to_owned(), reference: None }
    }
}

impl Note {
    fn digest(&self) -> Result<[u8; 32], StoreError> {
        let digest = blake3::Hash::from_hex(&self.digest);
        digest.map(|digest| *digest.as_bytes()).map_err(|error| StoreError::Corrupt(error.to_string()))
    }
}

/// What would be erased of the user with this digest, and the first hold that stands in the way.
///
/// # Errors
///
/// When the store cannot be read, or a hold covers some of it.
pub async fn preview(store: &Store, digest: &[u8; 32]) -> Result<Extent, EraseError> {
    let mut snapshot = Snapshot::begin(store).await?;
    let look = &mut snapshot.look();
    let mut trace = Trace::of(person::names(look, digest).await?, false);
    trace.extend(look).await?;
    let mut own = Vec::new();
    for id in trace.own().collect::<Vec<_>>() {
        own.extend(person::read_own(look, id).await?);
    }
    refuse_held(look, &trace, &own).await?;
    let answers = trace.answers(look).await?.len();
    Ok(Extent { answers: count(answers), own: count(own.len()), ..extent(&trace, digest) })
}

/// Erases the data of the user with this digest: notes it in `dir`, then carries it out. What was noted before of others
/// and not carried out is carried out first.
///
/// # Errors
///
/// When a hold covers some of it: then nothing is erased. When the store or the file fails: what was noted is carried out
/// when the service starts next.
pub async fn erase(store: &Store, dir: &Path, order: &Order) -> Result<Erased, EraseError> {
    resume_but(store, dir, Some(&order.note.digest), order.at).await?;
    carry_out(store, order, Some(dir)).await
}

/// Carries out every erasure noted in `dir` that was not carried out in this store, and answers how many there were: those
/// that were cut off halfway, and those since the backup that was restored. Holds do not stand in their way: they were not
/// in force when the erasure was asked for.
///
/// # Errors
///
/// When the store or the file fails, or the file holds something else. Then nobody may be served from this store.
pub async fn resume(store: &Store, dir: &Path, now: Timestamp) -> Result<usize, EraseError> {
    resume_but(store, dir, None, now).await
}

/// The same, but for the user with one digest.
async fn resume_but(
    store: &Store,
    dir: &Path,
    but: Option<&String>,
    now: Timestamp,
) -> Result<usize, EraseError> {
    let path = dir.join(NOTES);
    let notes = tokio::task::spawn_blocking(move || noted(&path)).await.map_err(cut_off(dir))??;
    if notes.is_empty() {
        return Ok(0);
    }
    let done = Snapshot::begin(store).await?.look().erased().await?;
    let mut resumed = 0;
    for note in notes {
        if Some(&note.digest) != but && !done.contains(&note.id.to_string()) {
            carry_out(store, &Order::resumed(note, now), None).await?;
            resumed += 1;
        }
    }
    Ok(resumed)
}

/// Brings the store's files into a state in which nothing that was erased stands in any of them; tries for so long. Answers
/// whether that came about.
///
/// # Errors
///
/// When the store cannot be written.
pub async fn sweep(store: &Store, patience: Duration) -> Result<bool, StoreError> {
    let until = tokio::time::Instant::now() + patience;
    loop {
        if store.shorten_log().await? {
            return Ok(true);
        }
        if tokio::time::Instant::now() >= until {
            return Ok(false);
        }
        tokio::time::sleep(BETWEEN_SWEEPS).await;
    }
}

/// A receipt as it stands in the chain.
pub(super) fn receipt(seq: i64, bytes: &[u8]) -> Result<ErasureRecord, StoreError> {
    match records::decode(bytes) {
        Ok(Record::Event(Event::Erasure(receipt))) => Ok(receipt),
        _ => Err(StoreError::Corrupt(format!("entry {seq} is no erasure"))),
    }
}

/// Carries an order out. With a folder it is a new one: holds stand in its way, and it is noted there first.
async fn carry_out(store: &Store, order: &Order, mut new: Option<&Path>) -> Result<Erased, EraseError> {
    let digest = order.note.digest()?;
    for _ in 0..ROUNDS {
        // Most of the looking is done before anybody has to wait.
        let mut snapshot = Snapshot::begin(store).await?;
        let look = &mut snapshot.look();
        let mut trace = Trace::of(person::names(look, &digest).await?, false);
        trace.extend(look).await?;
        let answers = trace.answers(look).await?.into_iter().map(|(slot, _)| slot).collect::<Vec<_>>();
        drop(snapshot);
        let mut done = BTreeSet::new();
        loop {
            let mut appending = Appending::begin(store).await?;
            let within = appending.within();
            if person::names(&mut within.look(), &digest).await? != trace.names {
                break;
            }
            trace.extend(&mut within.look()).await?;
            let mut own = Vec::new();
            // Whether a hold covers any of it must be known before the first of it is gone.
            let most = if new.is_some() { usize::MAX } else { TOGETHER + 1 };
            for id in trace.own().filter(|id| !done.contains(id)).take(most).collect::<Vec<_>>() {
                own.extend(person::read_own(&mut within.look(), id).await?);
            }
            if let Some(dir) = new {
                refuse_held(&mut within.look(), &trace, &own).await?;
                note(dir, order.note.clone()).await?;
                new = None;
            }
            let rest = own.split_off(own.len().min(TOGETHER));
            let mut receipt = ErasureRecord {
                id: new_id(order.at),
                at: order.at,
                by: order.by.clone(),
                reference: order.reference.clone(),
                payloads: blank(within, &own).await?,
                texts: Vec::new(),
                serves: 0,
                older_serves: 0,
                shared: 0,
            };
            done.extend(own.iter().map(|own| own.record.id));
            let last = rest.is_empty();
            if last {
                within.forget_answers(&answers).await?;
                unlink(within, &trace, &digest, &mut receipt).await?;
                within.keep_erased(order.note.id.to_string()).await?;
            }
            within.count_erasure().await?;
            let sealed = append::event(&Event::Erasure(receipt.clone()));
            appending.record(&sealed.map_err(|error| StoreError::Corrupt(error.to_string()))?)?;
            appending.insert().await?;
            appending.commit().await?;
            if last {
                forget_late_answers(store, &trace).await?;
                let newest_older = extent(&trace, &digest).newest_older;
                return Ok(Erased { receipt, newest_older });
            }
        }
    }
    Err(StoreError::Corrupt("the user was named anew again and again".to_owned()).into())
}

/// Blanks what stands beside these generations and beside what was said of them; answers where anything stood.
async fn blank(append: &mut Append, own: &[Own]) -> Result<Vec<Run>, StoreError> {
    let (mut seqs, mut questions) = (BTreeSet::new(), Vec::new());
    for own in own {
        if let Some(bytes) = own.entry.payload.as_ref().and_then(|payload| payload.bytes.as_ref()) {
            let payload = serde_json::from_slice(bytes).unwrap_or_default();
            index::forget_words(append, own.seq, &own.record, &payload).await?;
            seqs.insert(own.seq);
        }
        seqs.extend(own.about.iter().filter(|about| about.payload).map(|about| about.seq));
        for about in own.about.iter().filter(|about| about.kind == VERDICT) {
            if let Ok(Record::Verdict(stored)) = records::decode(&about.bytes) {
                questions.push(stored.record.question);
            }
        }
    }
    let seqs: Vec<i64> = seqs.into_iter().collect();
    append.blank_payloads(&seqs).await?;
    append.forget_opinions(&questions).await?;
    Ok(runs(&seqs))
}

/// Deletes what says which records are the user's, and the texts that are theirs alone.
async fn unlink(
    append: &mut Append,
    trace: &Trace,
    digest: &[u8; 32],
    receipt: &mut ErasureRecord,
) -> Result<(), StoreError> {
    for (hash, _) in trace.texts.iter().filter(|(_, others)| !**others) {
        if let Some(text) = append.look().text(hash).await?.filter(|text| !text.is_empty()) {
            index::forget_text(append, hash, &text).await?;
            receipt.texts.push(hash.clone());
        }
    }
    append.blank_texts(&receipt.texts).await?;
    append.forget_user(digest).await?;
    let extent = extent(trace, digest);
    receipt.serves = extent.serves - extent.older_serves;
    receipt.older_serves = extent.older_serves;
    receipt.shared = extent.shared;
    Ok(())
}

/// Answers that were being given while the erasure was under way are forgotten too.
async fn forget_late_answers(store: &Store, trace: &Trace) -> Result<(), StoreError> {
    let late = trace.answers(&mut Snapshot::begin(store).await?.look()).await?;
    if late.is_empty() {
        return Ok(());
    }
    let mut append = Append::begin(store).await?;
    append.forget_answers(&late.into_iter().map(|(slot, _)| slot).collect::<Vec<_>>()).await?;
    append.commit().await
}

async fn refuse_held(look: &mut Look<'_>, trace: &Trace, own: &[Own]) -> Result<(), EraseError> {
    let holds = InForce::read(look).await?;
    if holds.is_empty() {
        return Ok(());
    }
    let serves = trace.serves.iter().map(|serve| Subject::serve(serve, &trace.names));
    let generations = own.iter().map(|own| Subject::generation(&own.record, &trace.names));
    let held = holds.on_user(&trace.names).or_else(|| holds.over(serves.chain(generations)));
    match held {
        Some(hold) => Err(EraseError::Held { id: hold.id, reason: hold.reason.clone() }),
        None => Ok(()),
    }
}

fn extent(trace: &Trace, digest: &[u8; 32]) -> Extent {
    let older = person::older_name(digest);
    let older = trace.serves.iter().filter(|serve| serve.user.as_ref() == Some(&older));
    Extent {
        serves: count(trace.serves.len()),
        older_serves: count(older.clone().count()),
        newest_older: older.map(|serve| serve.at).max(),
        own: count(trace.own().count()),
        shared: count(trace.shared()),
        texts: count(trace.texts.values().filter(|others| !**others).count()),
        answers: 0,
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Numbers in order as runs.
pub(super) fn runs(seqs: &[i64]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for seq in seqs {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *seq => *last = *seq,
            _ => runs.push((*seq, *seq)),
        }
    }
    runs
}

/// Notes an order in place of an earlier one of the same user, durably. Whoever does that holds the right to write to the
/// store, so that no two do at once.
async fn note(dir: &Path, note: Note) -> Result<(), EraseError> {
    let (path, place) = (dir.join(NOTES), dir.to_owned());
    let write = move || {
        let mut notes = noted(&path)?;
        notes.retain(|earlier| earlier.digest != note.digest);
        notes.push(note);
        // By their random ids: which came first, nobody can tell.
        notes.sort_unstable();
        write_notes(&place, &path, &notes).map_err(|source| EraseError::File { path, source })
    };
    tokio::task::spawn_blocking(write).await.map_err(cut_off(dir))?
}

/// Writes the file anew, whole or not at all, for its owner alone.
fn write_notes(dir: &Path, path: &Path, notes: &[Note]) -> io::Result<()> {
    let mut lines = Vec::new();
    for note in notes {
        serde_json::to_writer(&mut lines, note)?;
        lines.push(b'\n');
    }
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(&lines)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|failed| failed.error)?;
    std::fs::File::open(dir)?.sync_all()
}

/// The orders noted in a file; none where there is no file.
fn noted(path: &Path) -> Result<Vec<Note>, EraseError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(EraseError::File { path: path.to_owned(), source }),
    };
    let lines = text.split(|byte| *byte == b'\n').enumerate();
    let read = |(number, line): (usize, &[u8])| {
        let fault = |said: String| EraseError::Line { path: path.to_owned(), line: number + 1, said };
        let note: Note = serde_json::from_slice(line).map_err(|error| fault(error.to_string()))?;
        if note.v != NOTE {
            return Err(fault(format!("its format {} is not known to this version", note.v)));
        }
        note.digest().map_err(|_| fault("its `digest` is not 64 characters of hex".to_owned()))?;
        Ok(note)
    };
    lines.filter(|(_, line)| !line.trim_ascii().is_empty()).map(read).collect()
}

/// The runtime went down while a file was used.
fn cut_off(dir: &Path) -> impl Fn(tokio::task::JoinError) -> EraseError {
    let path = dir.join(NOTES);
    move |error| EraseError::File { path: path.clone(), source: io::Error::other(error) }
}

#[cfg(test)]
mod tests;
