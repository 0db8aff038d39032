//! What receipts say was erased or deleted, asked for in the order of the chain. A receipt stands after what it tells of, so
//! they are read ahead; of all the runs that they list only so many are kept at once, and the others read again when the
//! check comes to them.

use std::collections::BTreeSet;

use super::super::records::{self, Event, Record, Run};
use super::examine::listed;
use super::{Fault, FaultKind, Found};
use crate::store::StoreError;
use crate::store::log::Snapshot;

/// How many runs are kept at once, of each kind.
const RUNS: usize = if cfg!(test) { 4 } else { 500_000 };
/// How many blank texts are looked for at once.
const BLANKS: usize = if cfg!(test) { 2 } else { 50_000 };
const PAGE: u32 = 64;

/// What a receipt may list of an entry.
#[derive(Clone, Copy)]
pub(super) enum Listed {
    /// Its payload.
    Payload,
    /// Its bytes.
    Bytes,
}

/// The receipts of a log.
#[derive(Default)]
pub(super) struct Receipts {
    payload: Window,
    bytes: Window,
}

impl Receipts {
    /// Whether a receipt later in the chain lists this of an entry. Ask of entries in their order.
    pub(super) async fn list(
        &mut self,
        snapshot: &mut Snapshot,
        what: Listed,
        seq: i64,
    ) -> Result<bool, StoreError> {
        let window = match what {
            Listed::Payload => &mut self.payload,
            Listed::Bytes => &mut self.bytes,
        };
        if seq >= window.until {
            *window = Window::read(snapshot, what, seq).await?;
        }
        Ok(window.holds(seq))
    }
}

/// Runs in order, that do not touch each other, and up to where they are all that there are.
#[derive(Default)]
struct Window {
    runs: Vec<Run>,
    until: i64,
}

impl Window {
    fn holds(&self, seq: i64) -> bool {
        let after = self.runs.partition_point(|(first, _)| *first <= seq);
        after.checked_sub(1).and_then(|at| self.runs.get(at)).is_some_and(|(_, last)| seq <= *last)
    }

    /// The runs that lie at `from` or later, as many as may be kept.
    async fn read(snapshot: &mut Snapshot, what: Listed, from: i64) -> Result<Self, StoreError> {
        let (mut window, mut after) = (Self { runs: Vec::new(), until: i64::MAX }, from);
        loop {
            let page = snapshot.receipts(after, PAGE).await?;
            let Some((end, _)) = page.last() else { break };
            after = *end;
            for (receipt, bytes) in &page {
                // One that cannot be read is told of when the check comes to it.
                let Some((payload, emptied)) = listed(bytes) else { continue };
                let runs = match what {
                    Listed::Payload => payload,
                    Listed::Bytes => emptied,
                };
                let until = window.until;
                // None can tell of what came after it.
                let within = runs.into_iter().map(|(first, last)| (first.max(from), last.min(*receipt - 1)));
                window.runs.extend(within.filter(|(first, last)| first <= last && *first < until));
                if window.runs.len() > 2 * RUNS {
                    window.settle();
                }
            }
        }
        window.settle();
        Ok(window)
    }

    /// Puts the runs in order and joins those that touch; lets go the last where there are too many.
    fn settle(&mut self) {
        self.runs.sort_unstable();
        self.runs.dedup_by(|later, earlier| {
            let touch = later.0 <= earlier.1.saturating_add(1);
            if touch {
                earlier.1 = earlier.1.max(later.1);
            }
            touch
        });
        if let Some((first, _)) = self.runs.get(RUNS) {
            self.until = *first;
            self.runs.truncate(RUNS);
        }
    }
}

/// Blank texts for which an erasure is still to be found.
#[derive(Default)]
pub(super) struct Blanks(BTreeSet<String>);

impl Blanks {
    /// One more, by its hash.
    pub(super) async fn add(&mut self, snapshot: &mut Snapshot, hash: String) -> Found {
        self.0.insert(hash);
        if self.0.len() < BLANKS { Ok(Ok(())) } else { self.settle(snapshot).await }
    }

    /// Whether an erasure says of each that it was blanked.
    pub(super) async fn settle(&mut self, snapshot: &mut Snapshot) -> Found {
        let mut after = 0;
        while !self.0.is_empty() {
            let page = snapshot.receipts(after, PAGE).await?;
            let Some((end, _)) = page.last() else { break };
            after = *end;
            for (_, bytes) in &page {
                if let Ok(Record::Event(Event::Erasure(record))) = records::decode(bytes) {
                    for hash in &record.texts {
                        self.0.remove(hash);
                    }
                }
            }
        }
        Ok(match self.0.pop_first() {
            Some(hash) => {
                let explanation =
                    format!("the text kept under the hash {hash} was blanked, and no receipt says so");
                Err(Fault::of_none(FaultKind::Text, explanation))
            }
            None => Ok(()),
        })
    }
}
