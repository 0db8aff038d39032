//! What waits to be written. Requests put in and never wait here; the one writer takes everything that is there, so
//! that whatever came while it wrote goes together into its next transaction.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::append::{Sealed, ServeLine};
use super::writer::{LogUnavailable, Standing};

/// A record whose sender waits until it is durable.
pub(super) struct Waiting {
    pub(super) record: Sealed,
    pub(super) done: oneshot::Sender<Result<(), LogUnavailable>>,
}

/// Serves that are not in the log: how many, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) from: Timestamp,
    pub(super) count: u64,
}

impl Gap {
    /// One gap for two.
    pub(super) fn merged(one: Option<Gap>, other: Option<Gap>) -> Option<Gap> {
        match (one, other) {
            (Some(a), Some(b)) => Some(Gap { from: a.from.min(b.from), count: a.count + b.count }),
            (one, other) => one.or(other),
        }
    }
}

/// What one flush is to write.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) waiting: Vec<Waiting>,
    pub(super) serves: Vec<ServeLine>,
    pub(super) gap: Option<Gap>,
    /// Whether the recorder is closing.
    pub(super) closing: bool,
}

/// What the writer is to do next.
pub(super) enum Next {
    /// Write this.
    Write(Batch),
    /// Put these aside: the store cannot take them yet.
    Spool(Vec<ServeLine>),
}

/// The queue between requests and the writer.
pub(super) struct Queue {
    bounds: Bounds,
    state: Mutex<State>,
    /// Wakes the writer when what is due, or when, has changed.
    wake: Notify,
    healthy: AtomicBool,
    spooling: AtomicBool,
    lost: AtomicU64,
}

/// How much may wait, and how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// The most serves, at least 1.
    pub(super) capacity: usize,
    /// The most bytes of them.
    pub(super) bytes: usize,
    /// The longest that a serve waits for others.
    pub(super) max_delay: Duration,
    /// How long after a failure the store is tried again.
    pub(super) retry: Duration,
}

struct State {
    waiting: Vec<Waiting>,
    serves: Vec<ServeLine>,
    /// What `serves` take.
    bytes: usize,
    /// When the first of `serves` came.
    since: Option<Instant>,
    /// Serves that the writer has taken and keeps in memory: how many and how many bytes; they count against the bounds.
    held: (usize, usize),
    gap: Option<Gap>,
    /// Whether older serves wait, in the spool or with the writer: newer ones must not overtake them.
    behind: bool,
    /// Whether somebody waits for one of `serves`, or the writer has not begun.
    urgent: bool,
    /// Set while the store fails: when to try it again.
    retry: Option<Instant>,
    closing: bool,
}

/// When something should be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Now,
    At(Instant),
    Never,
}

impl Due {
    fn at(time: Instant) -> Self {
        if time <= Instant::now() { Due::Now } else { Due::At(time) }
    }
}

impl Queue {
    /// An empty one, of which the writer is to take at once, to look how things stand.
    pub(super) fn new(bounds: Bounds) -> Self {
        let (healthy, spooling, lost) = (AtomicBool::new(true), AtomicBool::new(true), AtomicU64::new(0));
        let (waiting, serves, bytes, since, held, gap, retry) = Default::default();
        let (behind, urgent, closing) = (false, true, false);
        let state = State { waiting, serves, bytes, since, held, gap, behind, urgent, retry, closing };
        Self { bounds, state: Mutex::new(state), wake: Notify::new(), healthy, spooling, lost }
    }

    /// Puts in a record that somebody waits for. False when nothing is taken any more.
    pub(super) fn push(&self, waiting: Waiting) -> bool {
        let mut state = self.lock();
        if state.closing {
            return false;
        }
        state.waiting.push(waiting);
        drop(state);
        self.wake.notify_one();
        true
    }

    /// Puts in a serve, or counts it as lost when there is no room.
    pub(super) fn push_serve(&self, serve: ServeLine) {
        let from = serve.at;
        if !self.try_push(serve, |_| true) {
            let mut state = self.lock();
            state.gap = Gap::merged(state.gap, Some(Gap { from, count: 1 }));
            drop(state);
            self.count_lost(1);
        }
    }

    /// Puts in a serve that is shown only if it could be put in, and not while what is put in may be lost.
    pub(super) fn push_or_refuse(&self, serve: ServeLine) -> bool {
        self.try_push(serve, |standing| standing != Standing::Counting)
    }

    fn try_push(&self, serve: ServeLine, may: impl Fn(Standing) -> bool) -> bool {
        let mut state = self.lock();
        let full = state.serves.len() + state.held.0 >= self.bounds.capacity
            || state.bytes + state.held.1 + serve.size() > self.bounds.bytes;
        // Asked under the lock: whoever makes it worse holds that too.
        if state.closing || full || !may(self.standing()) {
            return false;
        }
        let urgent = serve.done.is_some();
        state.urgent |= urgent;
        state.bytes += serve.size();
        state.serves.push(serve);
        let first = state.since.is_none();
        if first {
            state.since = Some(Instant::now());
        }
        let wake = first || urgent || self.is_plenty(&state);
        drop(state);
        if wake {
            self.wake.notify_one();
        }
        true
    }

    /// From now on nothing is taken, and the writer is given what is left.
    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.wake.notify_one();
    }

    /// Waits until something is due, and takes it. While older serves wait elsewhere, newer ones are not written.
    pub(super) async fn next(&self) -> Next {
        let take = |queue: &Self, state: &mut State| match queue.due(state) {
            Due::Now => Ok(Next::Write(state.take())),
            due => match (queue.spool_due(state), due) {
                (Due::Now, _) => Ok(Next::Spool(state.take_serves())),
                (Due::At(one), Due::At(other)) => Err(Due::At(one.min(other))),
                (Due::Never, due) | (due, _) => Err(due),
            },
        };
        self.wait(take).await
    }

    /// Waits, from `time` on, until so many serves wait that they do not fit much longer.
    pub(super) async fn pressed(&self, time: Instant) {
        tokio::time::sleep_until(time).await;
        let is_pressed = |queue: &Self, state: &mut State| match queue.is_plenty(state) {
            true => Ok(()),
            false => Err(Due::Never),
        };
        self.wait(is_pressed).await;
    }

    /// Takes the serves that wait.
    pub(super) fn take_serves(&self) -> Vec<ServeLine> {
        self.lock().take_serves()
    }

    /// Takes what is counted as lost.
    pub(super) fn take_gap(&self) -> Option<Gap> {
        self.lock().gap.take()
    }

    async fn wait<T>(&self, mut take: impl FnMut(&Self, &mut State) -> Result<T, Due>) -> T {
        loop {
            let due = {
                let mut state = self.lock();
                match take(self, &mut state) {
                    Ok(taken) => return taken,
                    Err(due) => due,
                }
            };
            let wait = async {
                match due {
                    Due::At(time) => tokio::time::sleep_until(time).await,
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                () = wait => {}
                () = self.wake.notified() => {}
            }
        }
    }

    /// When to write.
    fn due(&self, state: &State) -> Due {
        if state.closing || !state.waiting.is_empty() {
            return Due::Now;
        }
        match (state.retry, state.since) {
            // While the store fails only a record that somebody waits for tries it sooner.
            (Some(retry), _) => Due::at(retry),
            (None, _) if state.behind || state.urgent || self.is_plenty(state) => Due::Now,
            (None, Some(since)) => Due::at(since + self.bounds.max_delay),
            (None, None) => Due::Never,
        }
    }

    /// When to put serves aside: while the store fails as soon as they would have been written.
    fn spool_due(&self, state: &State) -> Due {
        match state.since {
            Some(_) if state.behind && self.is_plenty(state) => Due::Now,
            // Whoever waits for one of them is told at once that it will not be in the log soon.
            Some(_) if state.retry.is_some() && state.urgent => Due::Now,
            Some(since) if state.retry.is_some() => Due::at(since + self.bounds.max_delay),
            _ => Due::Never,
        }
    }

    /// Whether so many serves wait that they are worth a flush before their time: half of what there is room for, so that
    /// the other half can come in meanwhile.
    fn is_plenty(&self, state: &State) -> bool {
        state.serves.len() >= (self.bounds.capacity / 2).max(1) || state.bytes >= self.bounds.bytes / 2
    }

    /// The last batch is durable; whether older serves are still to be written, and what of them is in memory.
    pub(super) fn written(&self, behind: bool, held: &[ServeLine]) {
        let mut state = self.lock();
        state.retry = None;
        state.behind = behind;
        state.hold(held);
        self.healthy.store(true, Ordering::Release);
    }

    /// The last batch could not be written.
    pub(super) fn failed(&self) {
        let mut state = self.lock();
        state.retry = Some(Instant::now() + self.bounds.retry);
        state.behind = true;
        self.healthy.store(false, Ordering::Release);
    }

    /// What the writer keeps in memory, and whether what comes can be put aside.
    pub(super) fn put_aside(&self, spooling: bool, held: &[ServeLine]) {
        let mut state = self.lock();
        state.hold(held);
        self.spooling.store(spooling, Ordering::Release);
    }

    /// No writer takes from here any more.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.closing = true;
        let (serves, waiting) = (state.take_serves(), std::mem::take(&mut state.waiting));
        self.healthy.store(false, Ordering::Release);
        self.spooling.store(false, Ordering::Release);
        drop(state);
        // Whoever waits is told by their senders being dropped.
        drop(waiting);
        self.count_lost(serves.len());
    }

    pub(super) fn count_lost(&self, serves: usize) {
        self.lost.fetch_add(serves as u64, Ordering::Relaxed);
    }

    pub(super) fn standing(&self) -> Standing {
        match self.healthy.load(Ordering::Acquire) {
            true => Standing::Durable,
            false if self.spooling.load(Ordering::Acquire) => Standing::Spooling,
            false => Standing::Counting,
        }
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// How many records wait in memory, those that the writer keeps for another try included.
    pub(super) fn len(&self) -> usize {
        let state = self.lock();
        state.waiting.len() + state.serves.len() + state.held.0
    }

    /// The longest anybody holds this is a push or a take, so a request may.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self) -> Batch {
        let mut batch = Batch { closing: self.closing, gap: self.gap.take(), ..Batch::default() };
        batch.waiting = std::mem::take(&mut self.waiting);
        if !self.behind {
            batch.serves = self.take_serves();
        }
        batch
    }

    /// Takes them, and holds their room until the writer has told what became of them.
    fn take_serves(&mut self) -> Vec<ServeLine> {
        let serves = std::mem::take(&mut self.serves);
        self.held = (self.held.0 + serves.len(), self.held.1 + self.bytes);
        (self.bytes, self.since, self.urgent) = (0, None, false);
        serves
    }

    fn hold(&mut self, held: &[ServeLine]) {
        self.held = (held.len(), held.iter().map(ServeLine::size).sum());
    }
}
