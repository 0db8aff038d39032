//! What waits to be written. Requests put in and never wait here; the one writer takes everything that is there, so
//! that whatever came while it wrote goes together into its next transaction.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::append::{Sealed, ServeLine};
use super::writer::{LogUnavailable, Settings};

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

/// The queue between requests and the writer.
pub(super) struct Queue {
    settings: Settings,
    state: Mutex<State>,
    /// Wakes the writer when what is due, or when, has changed.
    wake: Notify,
    healthy: AtomicBool,
    lost: AtomicU64,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    serves: Vec<ServeLine>,
    /// When the first of `serves` came.
    since: Option<Instant>,
    /// Serves that the writer has taken and keeps for another try: they count against the capacity.
    kept: usize,
    gap: Option<Gap>,
    /// Set while the store fails: when to try it again.
    retry: Option<Instant>,
    closing: bool,
}

/// When the writer should write.
enum Due {
    Now,
    At(Instant),
    Never,
}

impl Queue {
    pub(super) fn new(settings: Settings) -> Self {
        let (healthy, lost) = (AtomicBool::new(true), AtomicU64::new(0));
        Self { settings, state: Mutex::default(), wake: Notify::new(), healthy, lost }
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
        let mut state = self.lock();
        if state.closing || state.serves.len() + state.kept >= self.settings.capacity {
            state.gap = Gap::merged(state.gap, Some(Gap { from: serve.at, count: 1 }));
            drop(state);
            self.count_lost(1);
            return;
        }
        state.serves.push(serve);
        let first = state.since.is_none();
        if first {
            state.since = Some(Instant::now());
        }
        let wake = first || state.serves.len() == self.plenty();
        drop(state);
        if wake {
            self.wake.notify_one();
        }
    }

    /// From now on nothing is taken, and the writer is given what is left.
    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.wake.notify_one();
    }

    /// Waits until something is due, and takes it. While the writer keeps serves for another try, newer ones stay
    /// here, so that they cannot overtake.
    pub(super) async fn next(&self) -> Batch {
        loop {
            let due = {
                let mut state = self.lock();
                let due = self.due(&state);
                if matches!(due, Due::Now) {
                    return state.take();
                }
                due
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

    fn due(&self, state: &State) -> Due {
        if state.closing || !state.waiting.is_empty() {
            return Due::Now;
        }
        let time = match (state.retry, state.since) {
            // While the store fails only a record that somebody waits for tries it sooner.
            (Some(retry), _) => retry,
            (None, _) if state.serves.len() >= self.plenty() => return Due::Now,
            (None, Some(since)) => since + self.settings.max_delay,
            (None, None) => return Due::Never,
        };
        if time <= Instant::now() { Due::Now } else { Due::At(time) }
    }

    /// How many serves are worth a flush before their time: half of what there is room for, so that the other half
    /// can come in meanwhile.
    fn plenty(&self) -> usize {
        (self.settings.capacity / 2).max(1)
    }

    /// The last batch is durable.
    pub(super) fn written(&self) {
        let mut state = self.lock();
        state.retry = None;
        state.kept = 0;
        drop(state);
        self.healthy.store(true, Ordering::Release);
    }

    /// The last batch could not be written; the writer keeps `kept` serves of it.
    pub(super) fn failed(&self, kept: usize) {
        let mut state = self.lock();
        state.retry = Some(Instant::now() + self.settings.retry);
        state.kept = kept;
        drop(state);
        self.healthy.store(false, Ordering::Release);
    }

    /// No writer takes from here any more.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.closing = true;
        let (serves, waiting) = (std::mem::take(&mut state.serves), std::mem::take(&mut state.waiting));
        drop(state);
        // Whoever waits is told by their senders being dropped.
        drop(waiting);
        self.count_lost(serves.len());
        self.healthy.store(false, Ordering::Release);
    }

    pub(super) fn count_lost(&self, serves: usize) {
        self.lost.fetch_add(serves as u64, Ordering::Relaxed);
    }

    pub(super) fn healthy(&self) -> bool {
        self.healthy.load(Ordering::Acquire)
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// How many records wait, those that the writer keeps for another try included.
    pub(super) fn len(&self) -> usize {
        let state = self.lock();
        state.waiting.len() + state.serves.len() + state.kept
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
        if self.kept == 0 {
            batch.serves = std::mem::take(&mut self.serves);
            self.since = None;
        }
        batch
    }
}
