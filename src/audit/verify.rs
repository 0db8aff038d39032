//! Proving the log: every hash computed anew, in order, and everything beside the chain compared with it.

use std::collections::HashSet;

use super::append::{index_row, review_row, verdict_row};
use super::chain::{self, GENESIS};
use super::records::{self, GENERATION, REVIEW, Record, SERVES, VERDICT};
use crate::store::log::{Entry, EntryBeside, PayloadRow, Snapshot};
use crate::store::{Store, StoreError};

/// How many entries are read at once; a block of serves may have a megabyte.
const PAGE: u32 = 100;
const TEXTS_PAGE: u32 = 1_000;

/// What a log was found to hold, up to the first fault.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Entries of the chain that were checked.
    pub records: u64,
    /// Serves in them.
    pub serves: u64,
    /// Generations among them.
    pub generations: u64,
    /// Generations whose payload was erased.
    pub erased: u64,
    /// The hash of the last entry checked: keep it elsewhere, and the next check will notice if the log loses its end.
    /// `None` when the log is empty.
    pub head: Option<String>,
    /// The first fault. `None` when the log is whole.
    pub fault: Option<Fault>,
}

/// Where a log stops being what was written.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// The entry's number. `None` when the fault is of no one entry.
    pub seq: Option<i64>,
    /// The record's id, where it has one.
    pub record: Option<String>,
    /// What kind of fault.
    pub what: FaultKind,
    /// What is wrong, in a sentence.
    pub explanation: String,
}

/// The kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// An entry's bytes are not those that were hashed.
    Changed,
    /// Entries are gone.
    Missing,
    /// An entry stands before the one that it follows.
    Reordered,
    /// Two entries follow the same one.
    Forked,
    /// The head that was kept elsewhere is not in the log.
    Truncated,
    /// An entry is whole but not of a format that this version knows.
    Unreadable,
    /// What stands beside an entry is not what it was written with.
    Payload,
    /// The search index does not agree with the chain.
    Index,
    /// A text that was served is gone or changed.
    Text,
}

/// Checks the whole log as it is at this instant. `expect_head` is a head that was kept elsewhere: it must be in the
/// log, which may have grown since. `progress` is told how many entries are done, and of how many.
///
/// # Errors
///
/// When the store cannot be read. A log that is not in order is no error: see [`Report::fault`].
pub async fn verify(
    store: &Store,
    expect_head: Option<&str>,
    mut progress: impl FnMut(u64, u64),
) -> Result<Report, StoreError> {
    let mut snapshot = Snapshot::begin(store).await?;
    let total = u64::try_from(snapshot.entries().await?).unwrap_or(0);
    let head = None;
    let mut check = Check {
        report: Report { records: 0, serves: 0, generations: 0, erased: 0, head, fault: None },
        seq: 0,
        prev: GENESIS.to_owned(),
        met: expect_head == Some(GENESIS),
        texts: HashSet::new(),
    };
    check.report.fault =
        check.whole(&mut snapshot, expect_head, &mut |done| progress(done, total)).await?.err();
    Ok(check.report)
}

/// How far a check has come.
struct Check {
    report: Report,
    seq: i64,
    prev: String,
    /// Whether the head that was kept elsewhere has been met.
    met: bool,
    /// The hashes of all texts, each found to be its text's.
    texts: HashSet<String>,
}

/// A fault found, inside the error of not being able to look.
type Found = Result<Result<(), Fault>, StoreError>;

impl Check {
    async fn whole(
        &mut self,
        snapshot: &mut Snapshot,
        expect_head: Option<&str>,
        progress: &mut impl FnMut(u64),
    ) -> Found {
        if let Err(fault) = self.texts(snapshot).await? {
            return Ok(Err(fault));
        }
        loop {
            let page = snapshot.page(self.seq, PAGE).await?;
            if page.is_empty() {
                break;
            }
            for beside in &page {
                if let Err(mut fault) = self.entry(beside) {
                    // Only where the chain breaks is it worth asking where the entry belongs.
                    if fault.what == FaultKind::Missing && self.seq + 1 == beside.entry.seq {
                        fault = misplaced(&beside.entry, snapshot.find(&beside.entry.prev).await?);
                    }
                    return Ok(Err(fault));
                }
                self.met |= expect_head == Some(beside.entry.hash.as_str());
            }
            progress(self.report.records);
        }
        if let Some((seq, id)) = snapshot.stray_index_row().await? {
            let explanation = format!("the search index lists generation {id} as entry {seq}, which is none");
            return Ok(Err(Fault { record: Some(id), ..fault(seq, FaultKind::Index, explanation) }));
        }
        if let Some((seq, id)) = snapshot.stray_review().await? {
            let explanation =
                format!("the index lists a review of generation {id} as entry {seq}, which is none");
            return Ok(Err(Fault { record: Some(id), ..fault(seq, FaultKind::Index, explanation) }));
        }
        if let Some((seq, id)) = snapshot.stray_verdict().await? {
            let explanation =
                format!("the index lists a verdict on generation {id} as entry {seq}, which is none");
            return Ok(Err(Fault { record: Some(id), ..fault(seq, FaultKind::Index, explanation) }));
        }
        match expect_head {
            Some(head) if !self.met => {
                let what = FaultKind::Truncated;
                let explanation = format!(
                    "the head {head} is not in the log, which ends with entry {}: its end was cut off or rewritten",
                    self.seq
                );
                Ok(Err(Fault { seq: None, record: None, what, explanation }))
            }
            _ => Ok(Ok(())),
        }
    }

    async fn texts(&mut self, snapshot: &mut Snapshot) -> Found {
        let mut after = String::new();
        loop {
            let page = snapshot.texts(&after, TEXTS_PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(Ok(())) };
            after.clone_from(last);
            for (hash, text) in page {
                if chain::text_hash(&text) != hash {
                    let explanation = format!("the text kept under the hash {hash} was changed");
                    let what = FaultKind::Text;
                    return Ok(Err(Fault { seq: None, record: None, what, explanation }));
                }
                self.texts.insert(hash);
            }
        }
    }

    /// Checks one entry and goes on to the next. A break of the chain is told as `Missing`.
    fn entry(&mut self, beside: &EntryBeside) -> Result<(), Fault> {
        let entry = &beside.entry;
        let missing = |explanation| Err(fault(entry.seq, FaultKind::Missing, explanation));
        if entry.seq != self.seq + 1 {
            let (first, last) = (self.seq + 1, entry.seq - 1);
            return missing(match first == last {
                true => format!("entry {first} is missing"),
                false => format!("entries {first} to {last} are missing"),
            });
        }
        if chain::hash(&entry.prev, &entry.bytes) != entry.hash {
            let explanation = format!("entry {} was changed: its bytes do not have its hash", entry.seq);
            return Err(fault(entry.seq, FaultKind::Changed, explanation));
        }
        if entry.prev != self.prev {
            return missing(String::new());
        }
        match entry.kind.as_str() {
            SERVES => self.serves(entry)?,
            _ => self.record(beside)?,
        }
        self.seq = entry.seq;
        self.prev.clone_from(&entry.hash);
        self.report.records += 1;
        self.report.head = Some(entry.hash.clone());
        Ok(())
    }

    fn serves(&mut self, entry: &Entry) -> Result<(), Fault> {
        let mut last = None;
        for line in entry.bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let Record::Serve(serve) = read(entry, line)? else { return Err(wrong_kind(entry)) };
            last = last.max(Some(serve.at));
            if let Some(hash) = serve.text_hash.filter(|hash| !self.texts.contains(hash)) {
                let explanation = format!("the text {hash} of a serve in entry {} is gone", entry.seq);
                let record = Some(serve.id.to_string());
                return Err(Fault { record, ..fault(entry.seq, FaultKind::Text, explanation) });
            }
            self.report.serves += 1;
        }
        if last.is_some_and(|last| is_of(entry, last)) { Ok(()) } else { Err(wrong_time(entry)) }
    }

    fn record(&mut self, beside: &EntryBeside) -> Result<(), Fault> {
        let entry = &beside.entry;
        let (kind, at) = match read(entry, &entry.bytes)? {
            Record::Generation(stored) => {
                let id = stored.record.id.to_string();
                self.generation(beside, &stored).map_err(|(what, explanation)| {
                    let explanation = format!("generation {id} in entry {}: {explanation}", entry.seq);
                    Fault { record: Some(id), ..fault(entry.seq, what, explanation) }
                })?;
                (GENERATION, stored.record.finished)
            }
            Record::Review(stored) => {
                check_review(beside, &stored).map_err(|(what, explanation)| {
                    let id = stored.record.id.to_string();
                    let explanation = format!("review {id} in entry {}: {explanation}", entry.seq);
                    Fault { record: Some(id), ..fault(entry.seq, what, explanation) }
                })?;
                (REVIEW, stored.record.at)
            }
            Record::Verdict(stored) => {
                check_verdict(beside, &stored).map_err(|(what, explanation)| {
                    let id = stored.record.id.to_string();
                    let explanation = format!("verdict {id} in entry {}: {explanation}", entry.seq);
                    Fault { record: Some(id), ..fault(entry.seq, what, explanation) }
                })?;
                (VERDICT, stored.record.at)
            }
            Record::Event(event) => (event.kind(), event.at()),
            Record::Serve(_) => return Err(wrong_kind(entry)),
        };
        if entry.kind != kind {
            return Err(wrong_kind(entry));
        }
        if !is_of(entry, at) {
            return Err(wrong_time(entry));
        }
        Ok(())
    }

    fn generation(
        &mut self,
        beside: &EntryBeside,
        stored: &records::StoredGeneration,
    ) -> Result<(), (FaultKind, &'static str)> {
        let index = beside.index.as_ref().ok_or((FaultKind::Index, "the search index does not list it"))?;
        let mut expected = index_row(beside.entry.seq, &stored.record);
        expected.at = whole_micros(expected.at);
        if *index != expected {
            return Err((FaultKind::Index, "the search index says something else of it"));
        }
        if is_erased(beside.payload.as_ref(), &stored.payload_hash)? {
            self.report.erased += 1;
        }
        self.report.generations += 1;
        Ok(())
    }
}

fn check_review(
    beside: &EntryBeside,
    stored: &records::StoredReview,
) -> Result<(), (FaultKind, &'static str)> {
    if beside.review.as_ref() != Some(&review_row(beside.entry.seq, &stored.record)) {
        return Err((FaultKind::Index, "the index of reviews does not say the same of it"));
    }
    match &stored.payload_hash {
        Some(hash) => is_erased(beside.payload.as_ref(), hash).map(drop),
        None if beside.payload.is_none() => Ok(()),
        None => Err((FaultKind::Payload, "it was written without a note, and has one")),
    }
}

fn check_verdict(
    beside: &EntryBeside,
    stored: &records::StoredVerdict,
) -> Result<(), (FaultKind, &'static str)> {
    let mut expected = verdict_row(beside.entry.seq, &stored.record);
    expected.at = whole_micros(expected.at);
    if beside.verdict.as_ref() != Some(&expected) {
        return Err((FaultKind::Index, "the index of verdicts does not say the same of it"));
    }
    match &stored.payload_hash {
        Some(hash) => is_erased(beside.payload.as_ref(), hash).map(drop),
        None if beside.payload.is_none() => Ok(()),
        None => Err((FaultKind::Payload, "it was written without a reason, and has one")),
    }
}

/// Whether a payload was erased; a fault when it is neither that nor what was hashed.
fn is_erased(payload: Option<&PayloadRow>, hash: &str) -> Result<bool, (FaultKind, &'static str)> {
    let payload = payload.ok_or((FaultKind::Payload, "its payload is gone"))?;
    match (&payload.salt, &payload.bytes) {
        (None, None) => Ok(true),
        (Some(salt), Some(bytes)) if chain::payload_hash(salt, bytes) == hash => Ok(false),
        _ => Err((FaultKind::Payload, "its payload was changed")),
    }
}

fn read(entry: &Entry, bytes: &[u8]) -> Result<Record, Fault> {
    records::decode(bytes).map_err(|error| {
        fault(entry.seq, FaultKind::Unreadable, format!("entry {} is whole, but {error}", entry.seq))
    })
}

fn fault(seq: i64, what: FaultKind, explanation: String) -> Fault {
    Fault { seq: Some(seq), record: None, what, explanation }
}

fn wrong_kind(entry: &Entry) -> Fault {
    let explanation = format!("entry {} is not of the kind `{}` that its row says", entry.seq, entry.kind);
    fault(entry.seq, FaultKind::Index, explanation)
}

/// Whether a row says the time of its record: tables keep microseconds, records more.
fn is_of(entry: &Entry, at: jiff::Timestamp) -> bool {
    entry.at.as_microsecond() == at.as_microsecond()
}

fn wrong_time(entry: &Entry) -> Fault {
    fault(entry.seq, FaultKind::Index, format!("entry {} is not of the time that its row says", entry.seq))
}

/// What is wrong with an entry that is whole, but does not follow the one before it; `follows` is where the one that
/// it does follow stands.
fn misplaced(entry: &Entry, follows: Option<i64>) -> Fault {
    let seq = entry.seq;
    let (what, explanation) = match follows {
        Some(other) if other >= seq => (
            FaultKind::Reordered,
            format!("entry {seq} was moved: what it follows stands later, as entry {other}"),
        ),
        Some(other) => {
            (FaultKind::Forked, format!("entry {seq} follows entry {other}, as another entry does"))
        }
        None if entry.prev == GENESIS => {
            (FaultKind::Forked, format!("entry {seq} says that it is the first, as another entry does"))
        }
        None => (
            FaultKind::Missing,
            format!(
                "what entry {seq} follows is not in the log: it was replaced, or removed and the rest renumbered"
            ),
        ),
    };
    fault(seq, what, explanation)
}

/// A time as precise as the tables keep it.
fn whole_micros(at: jiff::Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}
