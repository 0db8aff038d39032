//! Proving the log: every hash computed anew, in order, and everything beside the chain compared with it. Entries are read
//! a stretch at a time; while one is examined on all processors the next is read, and however long the log is, no more
//! than that is in memory.

mod examine;
mod kept;
mod receipts;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use self::examine::{Examined, What, examine, may_delete};
use self::kept::Kept;
use self::receipts::{Blanks, Listed, Receipts};
use super::chain::{self, GENESIS};
use super::heads::SignedHead;
use super::records::{Retained, RetentionRecord, Run};
use crate::store::log::{EntryBeside, Snapshot};
use crate::store::{Store, StoreError};

/// How much is read at once: entries, and bytes; a block of serves may have a megabyte by itself.
const STRETCH: (u32, i64) = if cfg!(test) { (3, 1 << 16) } else { (1_000, 4 << 20) };
const TEXTS_PAGE: u32 = 1_000;
/// How many entries of a receipt are compared at once.
const OUTLINES: u32 = if cfg!(test) { 2 } else { 4_096 };
/// How many texts are remembered to be there, at about 100 bytes each; then it starts anew.
const KNOWN_TEXTS: usize = if cfg!(test) { 2 } else { 100_000 };

/// What no check of the log can find, for those who read its result: a line for each.
pub const BLIND_SPOTS: &[&str] = &[
    "records cut off at the end, or rewritten from one on to the end, since the last head that is kept elsewhere",
    "answers of the last moments before a service was killed: they were never written",
    "what the search tables leave out of serves and of words: a search judges what it finds, and cannot miss what is not listed; `audit search --rebuild-index` lists it again",
    "the key of a user that was deleted by hand: what is held of them is found no more, as after an erasure, but no receipt says so",
    "another kind or time given to an entry whose bytes retention has deleted",
    "what was never recorded",
];

/// What a log was found to hold, up to the first fault.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// Entries of the chain that were checked.
    pub records: u64,
    /// Serves in them.
    pub serves: u64,
    /// Generations among them.
    pub generations: u64,
    /// Entries whose payload was erased, or deleted for its age.
    pub erased: u64,
    /// Entries whose bytes were deleted for their age: of these there is the hash alone.
    pub pruned: u64,
    /// Records that say that others are missing.
    pub gaps: u64,
    /// How many serves those say are missing.
    pub lost: u64,
    /// How many records are of types that this version does not know, by type: a later version wrote them.
    pub unknown: BTreeMap<String, u64>,
    /// How many signed heads were found good and in the chain.
    pub heads: u64,
    /// The hash of the last entry checked: keep it elsewhere, and the next check will notice if the log loses its end.
    /// `None` when the log is empty.
    pub head: Option<String>,
    /// Up to where the log was checked before, and not this time.
    pub resumed: Option<Resumed>,
    /// Whether the check was stopped before its end.
    pub stopped: bool,
    /// The first fault. `None` when nothing that was checked has one.
    pub fault: Option<Fault>,
}

/// What was checked before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// Up to this entry.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
}

/// Where a log stops being what was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The entry's number. `None` when the fault is of no one entry.
    pub seq: Option<i64>,
    /// The record's id, where it has one.
    pub record: Option<String>,
    /// When the entry was written, as its row says.
    pub at: Option<Timestamp>,
    /// What kind of fault.
    pub what: FaultKind,
    /// What is wrong, in a sentence.
    pub explanation: String,
}

impl Fault {
    fn of(seq: i64, what: FaultKind, explanation: String) -> Self {
        Self { seq: Some(seq), record: None, at: None, what, explanation }
    }

    fn of_none(what: FaultKind, explanation: String) -> Self {
        Self { seq: None, record: None, at: None, what, explanation }
    }
}

/// The kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// An entry's bytes are not those that were hashed, or were emptied without a receipt.
    Changed,
    /// Entries are gone.
    Missing,
    /// An entry stands before the one that it follows.
    Reordered,
    /// Two entries follow the same one.
    Forked,
    /// The head that was kept elsewhere is not in the log.
    Truncated,
    /// Another entry stands where the head that was kept elsewhere was.
    Rewritten,
    /// An entry is whole but not of a format that this version knows.
    Unreadable,
    /// What stands beside an entry is not what it was written with.
    Payload,
    /// A receipt does not fit what it says was deleted.
    Receipt,
    /// The search index does not agree with the chain.
    Index,
    /// A text that was served is gone or changed.
    Text,
    /// Files of a policy are kept that are not those that were in force.
    Policy,
    /// A legal hold that was placed is not in force, or is another.
    Hold,
    /// A signature on a head that was kept elsewhere is not good.
    Signature,
}

impl FaultKind {
    /// What to do about it, in a sentence or two.
    pub fn advice(self) -> &'static str {
        match self {
            FaultKind::Changed | FaultKind::Missing | FaultKind::Reordered | FaultKind::Forked => {
                "Before anything else, keep a copy of the store as it is. All before this entry is proven; what it should be is told by a backup or an export made earlier."
            }
            FaultKind::Truncated | FaultKind::Rewritten => {
                "Before anything else, keep a copy of the store as it is. After a restore from a backup this is expected: the heads signed since that backup tell what it lost. Otherwise look into a backup made after the head was signed."
            }
            FaultKind::Unreadable => "A later version of copyrail may have written it: check with that.",
            FaultKind::Payload | FaultKind::Text => {
                "The record itself is proven; what stood beside it is told by a backup made earlier. Personal data goes by `copyrail audit erase`, which leaves a receipt."
            }
            FaultKind::Receipt => {
                "Keep a copy of the store as it is: something was deleted or kept that its receipt does not tell of. A backup made before the receipt has it."
            }
            FaultKind::Index => {
                "The record itself is proven, and the index is evidence of nothing; but searches and decisions that stand on it may be wrong. Restore a backup whose check is in order."
            }
            FaultKind::Policy => {
                "The record of the policy is proven; what its files said is told by a backup made earlier, or by whoever keeps the files. The service starts on no such files."
            }
            FaultKind::Hold => {
                "The record of the hold is proven, and the table that erasures and retention ask is not: let neither run before the hold is placed anew, or a backup whose check is in order is restored."
            }
            FaultKind::Signature => {
                "The line was changed, or signed with another key: check it with the public key that was in use then (`--heads-key`)."
            }
        }
    }
}

/// How far a log was checked: kept in a file, the next check can go on from there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The version of this format, 1.
    pub v: u32,
    /// Of which store, as the settings name it.
    pub store: String,
    /// When this was written.
    pub at: Timestamp,
    /// Up to and including which entry.
    pub seq: i64,
    /// That entry's hash.
    pub hash: String,
    /// What was found up to there.
    pub report: Report,
}

impl Checkpoint {
    /// Where it is kept, in a data folder.
    fn path(dir: &Path) -> PathBuf {
        dir.join("verified.json")
    }

    /// Reads the one in a data folder. `None` when there is none.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn read(dir: &Path) -> io::Result<Option<Self>> {
        let bytes = match std::fs::read(Self::path(dir)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        let known = serde_json::from_slice(&bytes).map(|read: Self| Some(read).filter(|read| read.v == 1));
        match known {
            Ok(Some(checkpoint)) => Ok(Some(checkpoint)),
            _ => {
                let message = format!("{} is no checkpoint; remove it", Self::path(dir).display());
                Err(io::Error::new(io::ErrorKind::InvalidData, message))
            }
        }
    }

    /// Puts it into a data folder that is there, in place of the last one.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        serde_json::to_writer(&mut file, self)?;
        file.persist(Self::path(dir)).map(drop).map_err(|failed| failed.error)
    }
}

/// What to check, and from where on.
#[derive(Clone, Debug, Default)]
pub struct Plan<'a> {
    /// A head that was kept elsewhere: it must be in the log, which may have grown since.
    pub expect_head: Option<&'a str>,
    /// Signed heads that were kept elsewhere, in their order; their signatures were checked.
    pub heads: &'a [SignedHead],
    /// What was checked before is not checked again.
    pub resume: Option<Checkpoint>,
}

/// How far a check is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'r> {
    /// The last entry that was checked.
    pub seq: i64,
    /// The last entry that there is.
    pub last: i64,
    /// What was found so far.
    pub report: &'r Report,
}

/// Checks the whole log as it is at this instant. `expect_head` is a head that was kept elsewhere. `progress` is told how
/// many entries are done, and of how many.
///
/// # Errors
///
/// When the store cannot be read. A log that is not in order is no error: see [`Report::fault`].
pub async fn verify(
    store: &Store,
    expect_head: Option<&str>,
    mut progress: impl FnMut(u64, u64),
) -> Result<Report, StoreError> {
    let plan = Plan { expect_head, ..Plan::default() };
    let number = |seq: i64| u64::try_from(seq).unwrap_or(0);
    let told = |told: Progress<'_>| {
        progress(number(told.seq), number(told.last));
        ControlFlow::Continue(())
    };
    verify_as(store, plan, told).await
}

/// Checks the log as it is at this instant, as planned. `progress` is told after every stretch, and may stop the check
/// there.
///
/// # Errors
///
/// When the store cannot be read. A log that is not in order is no error: see [`Report::fault`].
pub async fn verify_as(
    store: &Store,
    plan: Plan<'_>,
    mut progress: impl FnMut(Progress<'_>) -> ControlFlow<()>,
) -> Result<Report, StoreError> {
    let mut snapshot = Snapshot::begin(store).await?;
    let mut check = Check {
        report: Report::default(),
        seq: 0,
        prev: GENESIS.to_owned(),
        met: plan.expect_head == Some(GENESIS),
        texts: HashSet::new(),
        receipts: Receipts::default(),
        kept: Kept::default(),
    };
    let found = check.whole(&mut snapshot, plan, &mut progress).await?;
    check.report.fault = found.err();
    Ok(check.report)
}

/// How far a check has come.
struct Check {
    report: Report,
    seq: i64,
    prev: String,
    /// Whether the head that was kept elsewhere has been met.
    met: bool,
    /// Hashes under which a text is kept.
    texts: HashSet<String>,
    receipts: Receipts,
    kept: Kept,
}

/// A fault found, inside the error of not being able to look.
type Found = Result<Result<(), Fault>, StoreError>;

/// Goes on when no fault was found.
macro_rules! in_order {
    ($found:expr) => {
        if let Err(fault) = $found {
            return Ok(Err(fault));
        }
    };
}

impl Check {
    async fn whole(
        &mut self,
        snapshot: &mut Snapshot,
        plan: Plan<'_>,
        progress: &mut impl FnMut(Progress<'_>) -> ControlFlow<()>,
    ) -> Found {
        let last = snapshot.last().await?;
        if let Some(checkpoint) = plan.resume {
            in_order!(self.resume(snapshot, checkpoint).await?);
        }
        let mut stretch = snapshot.stretch(self.seq, STRETCH.0, STRETCH.1).await?;
        while let Some(end) = stretch.last().map(|beside| beside.entry.seq) {
            let examined = examine_all(std::mem::take(&mut stretch));
            stretch = snapshot.stretch(end, STRETCH.0, STRETCH.1).await?;
            for examined in examined.await.map_err(|_| StoreError::Corrupt("a page of entries".into()))? {
                self.met |= plan.expect_head == Some(examined.hash.as_str());
                let (id, at) = (examined.id.clone(), examined.at);
                if let Err(mut fault) = self.entry(snapshot, examined).await? {
                    fault.record = fault.record.or(id);
                    fault.at = fault.at.or(Some(at));
                    return Ok(Err(fault));
                }
            }
            if progress(Progress { seq: self.seq, last, report: &self.report }).is_break() {
                self.report.stopped = true;
                return Ok(Ok(()));
            }
        }
        in_order!(self.heads(snapshot, plan.heads).await?);
        if let Some(head) = plan.expect_head
            && !self.met
            && snapshot.find(head).await?.is_none()
        {
            let explanation = format!(
                "the head {head} is not in the log, which ends with entry {}: its end was cut off or rewritten",
                self.seq
            );
            return Ok(Err(Fault::of_none(FaultKind::Truncated, explanation)));
        }
        if let Some((seq, table)) = snapshot.stray(self.seq).await? {
            let what = if table == "payloads" { FaultKind::Payload } else { FaultKind::Index };
            let explanation = format!(
                "the table `{table}` has a row of entry {seq}, which is none: it was put in, or the log lost its end"
            );
            return Ok(Err(Fault::of(seq, what, explanation)));
        }
        in_order!(self.kept.settle(snapshot).await?);
        self.kept_texts(snapshot).await
    }

    /// Goes on from where another check was, if that entry is still the one that it checked.
    async fn resume(&mut self, snapshot: &mut Snapshot, checkpoint: Checkpoint) -> Found {
        let Checkpoint { at, seq, hash, report, .. } = checkpoint;
        let fault = match snapshot.hash_of(seq).await? {
            Some(now) if now == hash => None,
            Some(_) => Some((FaultKind::Changed, "has another hash now")),
            None => Some((FaultKind::Missing, "is gone now")),
        };
        self.report =
            Report { resumed: Some(Resumed { seq, at }), stopped: false, heads: 0, fault: None, ..report };
        if let Some((what, now)) = fault {
            let explanation = format!("entry {seq}, up to which the log was whole at {at}, {now}");
            return Ok(Err(Fault::of(seq, what, explanation)));
        }
        (self.seq, self.prev) = (seq, hash);
        Ok(Ok(()))
    }

    /// Checks one entry and goes on to the next.
    async fn entry(&mut self, snapshot: &mut Snapshot, examined: Examined) -> Found {
        let Examined { seq, prev, hash, hashed, said, .. } = examined;
        if seq != self.seq + 1 {
            let (first, last) = (self.seq + 1, seq - 1);
            let explanation = match first == last {
                true => format!("entry {first} is missing"),
                false => format!("entries {first} to {last} are missing"),
            };
            return Ok(Err(Fault::of(seq, FaultKind::Missing, explanation)));
        }
        if !hashed {
            let explanation = format!("entry {seq} was changed: its bytes do not have its hash");
            return Ok(Err(Fault::of(seq, FaultKind::Changed, explanation)));
        }
        if prev != self.prev {
            // Only where the chain breaks is it worth asking where the entry belongs.
            return Ok(Err(misplaced(seq, &prev, snapshot.find(&prev).await?)));
        }
        let said = match said {
            Ok(said) => said,
            Err(fault) => return Ok(Err(fault)),
        };
        if said.blank {
            if !self.receipts.list(snapshot, Listed::Payload, seq).await? {
                let explanation = format!("the payload of entry {seq} was blanked, and no receipt says so");
                return Ok(Err(Fault::of(seq, FaultKind::Payload, explanation)));
            }
            self.report.erased += 1;
        }
        match said.what {
            What::Emptied => {
                if !self.receipts.list(snapshot, Listed::Bytes, seq).await? {
                    let explanation = format!("entry {seq} was emptied, and no receipt says so");
                    return Ok(Err(Fault::of(seq, FaultKind::Changed, explanation)));
                }
                self.report.pruned += 1;
            }
            What::Generation => self.report.generations += 1,
            What::Serves { serves, texts } => {
                in_order!(self.texts_of(snapshot, seq, texts).await?);
                self.report.serves += serves;
            }
            What::Gap(gap) => {
                self.report.gaps += 1;
                self.report.lost = self.report.lost.saturating_add(gap.count);
            }
            What::Erasure(payloads) => in_order!(no_payload(snapshot, seq, &payloads).await?),
            What::Policy(record) => self.kept.policy(seq, record),
            What::Hold(record) => self.kept.hold(seq, record),
            What::Retention(record) => in_order!(retained(snapshot, seq, &record).await?),
            What::Unknown(kind) => *self.report.unknown.entry(kind).or_default() += 1,
            What::Other => {}
        }
        self.seq = seq;
        self.prev.clone_from(&hash);
        self.report.records += 1;
        self.report.head = Some(hash);
        Ok(Ok(()))
    }

    /// Whether the texts of serves are kept; what they say is looked at afterwards.
    async fn texts_of(
        &mut self,
        snapshot: &mut Snapshot,
        seq: i64,
        texts: BTreeMap<String, String>,
    ) -> Found {
        if self.texts.len() > KNOWN_TEXTS {
            self.texts.clear();
        }
        let new: Vec<&str> =
            texts.keys().filter(|hash| !self.texts.contains(*hash)).map(String::as_str).collect();
        if new.is_empty() {
            return Ok(Ok(()));
        }
        let kept = snapshot.kept_texts(&new).await?;
        if let Some((hash, id)) =
            texts.iter().find(|(hash, _)| !self.texts.contains(*hash) && !kept.contains(*hash))
        {
            let explanation = format!("the text {hash} of a serve in entry {seq} is gone");
            let record = Some(id.clone());
            return Ok(Err(Fault { record, ..Fault::of(seq, FaultKind::Text, explanation) }));
        }
        self.texts.extend(kept);
        Ok(Ok(()))
    }

    /// Whether every text that is kept is the one that was hashed, or was blanked by an erasure.
    async fn kept_texts(&mut self, snapshot: &mut Snapshot) -> Found {
        let (mut after, mut blanks) = (String::new(), Blanks::default());
        loop {
            let page = snapshot.texts(&after, TEXTS_PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after.clone_from(last);
            for (hash, text) in page {
                if chain::text_hash(&text) == hash {
                    continue;
                }
                if !text.is_empty() {
                    let explanation = format!("the text kept under the hash {hash} was changed");
                    return Ok(Err(Fault::of_none(FaultKind::Text, explanation)));
                }
                in_order!(blanks.add(snapshot, hash).await?);
            }
        }
        blanks.settle(snapshot).await
    }

    /// Whether every head that was signed is in the chain.
    async fn heads(&mut self, snapshot: &mut Snapshot, heads: &[SignedHead]) -> Found {
        let mut good: i64 = 0;
        for SignedHead { seq, head, at, .. } in heads {
            let (seq, fault) = match snapshot.hash_of(*seq).await? {
                Some(now) if now == *head => {
                    good = good.max(*seq);
                    self.report.heads += 1;
                    continue;
                }
                Some(_) => {
                    let since =
                        format!("the log was rewritten from an entry between {} and {seq} on", good + 1);
                    (Some(*seq), (FaultKind::Rewritten, format!("another entry stands there: {since}")))
                }
                None => (None, (FaultKind::Truncated, format!("the log ends with entry {}", self.seq))),
            };
            let (what, says) = fault;
            let explanation = format!("the head signed at {at} was {head}, and {says}");
            return Ok(Err(Fault { seq, ..Fault::of_none(what, explanation) }));
        }
        Ok(Ok(()))
    }
}

/// Examines entries on all processors; whoever reads the next ones meanwhile waits for nothing.
fn examine_all(stretch: Vec<EntryBeside>) -> oneshot::Receiver<Vec<Examined>> {
    let (tell, examined) = oneshot::channel();
    rayon::spawn(move || drop(tell.send(stretch.into_par_iter().map(examine).collect())));
    examined
}

/// Whether none of the payloads is there that a receipt says were blanked.
async fn no_payload(snapshot: &mut Snapshot, receipt: i64, runs: &[Run]) -> Found {
    for (first, last) in runs {
        if *first < 1 || first > last || *last >= receipt {
            let explanation =
                format!("entry {receipt} says that entries {first} to {last} were deleted, which cannot be");
            return Ok(Err(Fault::of(receipt, FaultKind::Receipt, explanation)));
        }
        if let Some(seq) = snapshot.payload_left(*first, *last).await? {
            let explanation = format!(
                "the payload of entry {seq} was to be deleted, says entry {receipt}, and is still there"
            );
            return Ok(Err(Fault::of(seq, FaultKind::Receipt, explanation)));
        }
    }
    Ok(Ok(()))
}

/// Whether a retention deleted what its receipt says, and the receipt tells the hashes of what was deleted.
async fn retained(snapshot: &mut Snapshot, receipt: i64, record: &RetentionRecord) -> Found {
    let of_receipt = |explanation: String| {
        let record = Some(record.id.to_string());
        Ok(Err(Fault { record, ..Fault::of(receipt, FaultKind::Receipt, explanation) }))
    };
    in_order!(no_payload(snapshot, receipt, &record.entries).await?);
    let (mut digest, mut count) = (Sha256::new(), 0u64);
    for (first, last) in &record.entries {
        let mut next = *first;
        loop {
            let outlines = snapshot.outlines(next, *last, OUTLINES).await?;
            let Some(end) = outlines.last().map(|outline| outline.seq) else { break };
            for outline in outlines {
                let seq = outline.seq;
                if !may_delete(record.what, &outline.kind) {
                    let explanation = format!(
                        "entry {receipt} says that entry {seq} was deleted for its age, which is a `{}`: those are kept",
                        outline.kind
                    );
                    return of_receipt(explanation);
                }
                if record.what != Retained::Payload && outline.whole {
                    let explanation =
                        format!("entry {seq} was to be deleted, says entry {receipt}, and is still there");
                    return Ok(Err(Fault::of(seq, FaultKind::Receipt, explanation)));
                }
                digest.update(format!("{seq} {}\n", outline.hash));
                count += 1;
            }
            next = end + 1;
        }
    }
    if count != record.count {
        let explanation =
            format!("entry {receipt} says that {} entries were deleted, and lists {count}", record.count);
        return of_receipt(explanation);
    }
    if chain::hex(&digest.finalize()) != record.digest {
        let explanation =
            format!("the entries that entry {receipt} says were deleted are not those: their hashes differ");
        return of_receipt(explanation);
    }
    Ok(Ok(()))
}

/// What is wrong with an entry that is whole, but does not follow the one before it; `follows` is where the one that
/// it does follow stands.
fn misplaced(seq: i64, prev: &str, follows: Option<i64>) -> Fault {
    let (what, explanation) = match follows {
        Some(other) if other >= seq => (
            FaultKind::Reordered,
            format!("entry {seq} was moved: what it follows stands later, as entry {other}"),
        ),
        Some(other) => {
            (FaultKind::Forked, format!("entry {seq} follows entry {other}, as another entry does"))
        }
        None if prev == GENESIS => {
            (FaultKind::Forked, format!("entry {seq} says that it is the first, as another entry does"))
        }
        None => (
            FaultKind::Missing,
            format!(
                "what entry {seq} follows is not in the log: it was replaced, or removed and the rest renumbered"
            ),
        ),
    };
    Fault::of(seq, what, explanation)
}
