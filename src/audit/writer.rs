//! The one task that writes the log of this process. Each flush is one transaction: whatever waits is hashed,
//! inserted, committed, and only then acknowledged. While the store takes nothing, serves go to the spool, and from there
//! into the store before anything newer does.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::append::{self, Appending, KnownTexts, Sealed, ServeLine};
use super::queue::{Batch, Bounds, Gap, Next, Queue, Waiting};
use super::records::{
    Event, GapCause, GapRecord, GenerationPayload, GenerationRecord, KeyRecord, PolicyRecord, ReviewRecord,
    ServeRecord, VerdictRecord,
};
use super::spool::{Chunk, Position, Spool};
use crate::store::log::{self, Head, Meta};
use crate::store::{Store, StoreError};
use crate::telemetry::Metrics;

/// Tells wall time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The name of the spool in the data folder.
pub const SPOOL: &str = "spool";

/// How the recorder writes.
#[derive(Clone)]
pub struct Settings {
    /// The most serves that wait in memory, at least 1.
    pub capacity: usize,
    /// The most bytes that they take there, roughly.
    pub bytes: usize,
    /// The longest a serve waits for others to be written with.
    pub max_delay: Duration,
    /// How long after a failure the store is tried again.
    pub retry: Duration,
    /// Whether copy that a model wrote is shown only once the record of that very answer is durable.
    pub strict: bool,
    /// The file that takes serves while the store cannot be written, and its most bytes. Without one they wait in memory.
    pub spool: Option<(PathBuf, u64)>,
    /// Where it is counted how long flushes take.
    pub metrics: Option<Arc<Metrics>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            capacity: 16_384,
            bytes: 16 * 1024 * 1024,
            max_delay: Duration::from_millis(50),
            retry: Duration::from_millis(500),
            strict: false,
            spool: None,
            metrics: None,
        }
    }
}

/// After this time serves that press are not left to wait for a flush.
const SLOW: Duration = Duration::from_millis(250);
/// A store that does not give the right to write within this time is locked, and counts as failing.
const LOCKED: Duration = Duration::from_secs(1);
/// A flush that takes longer counts as failed, and may have happened all the same.
const HANGING: Duration = Duration::from_secs(5);

/// How long after a failure the spool is tried again.
const SPOOL_AGAIN: Duration = Duration::from_millis(500);

/// What becomes of the records of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The store takes them.
    Durable,
    /// The store does not; they go to the spool. Nothing new is generated.
    Spooling,
    /// The spool does not take them either. They are counted once there is no more room in memory, and no copy that a model
    /// wrote is shown.
    Counting,
}

/// How the log does, for those who run the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Since when the store cannot be written, and what it says; `None` while it can.
    pub failing: Option<(Timestamp, String)>,
    /// How many serves are in the spool.
    pub spooled: u64,
    /// How many bytes the spool takes.
    pub spool_bytes: u64,
    /// How many it may take; 0 without one.
    pub spool_limit: u64,
}

/// The record is not durable, so what it tells of must not be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the log cannot be written: {0}")]
pub struct LogUnavailable(String);

/// Copy must not be shown: the record of that answer is not durable, or cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record of an answer is not durable")]
pub struct NotShown {
    /// Whether the record was taken, and may yet stand in the log.
    pub recorded: bool,
}

/// Where records are put. Clones put into the same log.
#[derive(Clone)]
pub struct Recorder {
    queue: Arc<Queue>,
    flushes: Arc<AtomicU64>,
    condition: Arc<Mutex<Condition>>,
    strict: bool,
    ended: watch::Receiver<bool>,
}

impl Recorder {
    /// Starts the task that writes to `store`. Call it inside a tokio runtime, once per process.
    pub fn start(store: Store, settings: Settings, now: Clock) -> Self {
        let Settings { capacity, bytes, max_delay, retry, strict, spool, metrics } = settings;
        let queue = Arc::new(Queue::new(Bounds { capacity, bytes, max_delay, retry }));
        let flushes = Arc::new(AtomicU64::new(0));
        let condition = Arc::new(Mutex::default());
        let (end, ended) = watch::channel(false);
        let ending = Ending { queue: queue.clone(), end };
        let writer = Writer {
            store,
            now,
            queue: queue.clone(),
            flushes: flushes.clone(),
            condition: Arc::clone(&condition),
            metrics,
            file: spool,
            spool: None,
            kept: Kept::default(),
            known: KnownTexts::default(),
            erasures: (0, 0),
            opening: true,
            resumed: false,
            spool_again: None,
            told: Standing::Durable,
        };
        tokio::spawn(writer.run(ending));
        Self { queue, flushes, condition, strict, ended }
    }

    /// Records a generation. Returns once it is durable, and not before; dropping the future does not take the
    /// record back.
    ///
    /// # Errors
    ///
    /// When it could not be written, or it is unknown whether it was: then its text must not be served.
    pub async fn generation(
        &self,
        record: GenerationRecord,
        payload: GenerationPayload,
    ) -> Result<(), LogUnavailable> {
        self.durable(append::generation(record, &payload)).await
    }

    /// Records that a set of files was accepted or refused. Returns once it is durable.
    ///
    /// # Errors
    ///
    /// When it could not be written.
    pub async fn policy(&self, record: PolicyRecord) -> Result<(), LogUnavailable> {
        self.durable(append::event(&Event::Policy(record))).await
    }

    /// Records that a key was made or revoked. Returns once it is durable.
    ///
    /// # Errors
    ///
    /// When it could not be written.
    pub async fn key(&self, record: KeyRecord) -> Result<(), LogUnavailable> {
        self.durable(append::event(&Event::Key(record))).await
    }

    /// Records what a person decided on a generation, with what they said of it. Returns once it is durable.
    ///
    /// # Errors
    ///
    /// When it could not be written, or it is unknown whether it was.
    pub async fn review(&self, record: ReviewRecord, note: Option<String>) -> Result<(), LogUnavailable> {
        self.durable(append::review(record, note)).await
    }

    /// Records what rules made of a second model's answer, with the reason that it gave. Returns once it is durable.
    ///
    /// # Errors
    ///
    /// When it could not be written, or it is unknown whether it was.
    pub async fn verdict(&self, record: VerdictRecord, reason: Option<String>) -> Result<(), LogUnavailable> {
        self.durable(append::verdict(record, reason)).await
    }

    /// Records an answer, with its text where no generation wrote it. Neither waits nor fails: what cannot be kept is
    /// counted, and chained as a gap.
    pub fn serve(&self, record: ServeRecord, text: Option<Arc<str>>) {
        match append::serve(record, text) {
            Ok(line) => self.queue.push_serve(line),
            Err(error) => {
                tracing::error!(%error, "a serve record cannot be written as JSON");
                self.queue.count_lost(1);
            }
        }
    }

    /// Records an answer with copy that a model wrote, and its text where no generation has it word for word. Waits only when
    /// the log is strict, and then for the record to be durable, but no longer than until then.
    ///
    /// # Errors
    ///
    /// When the copy must not be shown, as nothing may tell of it later.
    pub async fn shown(
        &self,
        record: ServeRecord,
        text: Option<Arc<str>>,
        by: Instant,
    ) -> Result<(), NotShown> {
        if self.strict && by <= Instant::now() {
            return Err(NotShown { recorded: false });
        }
        let mut line = append::serve(record, text).map_err(|error| {
            tracing::error!(%error, "a serve record cannot be written as JSON; its text is not shown");
            NotShown { recorded: false }
        })?;
        let durable = self.strict.then(|| {
            let (done, durable) = oneshot::channel();
            line.done = Some(done);
            durable
        });
        if !self.queue.push_or_refuse(line) {
            return Err(NotShown { recorded: false });
        }
        let Some(durable) = durable else { return Ok(()) };
        match timeout_at(by, durable).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(NotShown { recorded: true }),
        }
    }

    /// Whether copy that a model wrote may be shown, as things stand.
    pub fn may_show(&self) -> bool {
        match self.standing() {
            Standing::Durable => true,
            Standing::Spooling => !self.strict,
            Standing::Counting => false,
        }
    }

    /// What becomes of the records of answers, as things stand. While it is not [`Standing::Durable`] nothing new should be
    /// generated; the recorder tries the store by itself until it is again.
    pub fn standing(&self) -> Standing {
        self.queue.standing()
    }

    /// Whether the last write succeeded.
    pub fn healthy(&self) -> bool {
        self.standing() == Standing::Durable
    }

    /// How the log does, for those who run the service.
    pub fn condition(&self) -> Condition {
        self.condition.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many serves were not recorded since the start.
    pub fn lost(&self) -> u64 {
        self.queue.lost()
    }

    /// How many records wait in memory to be written.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// How many transactions were committed since the start.
    pub fn flushes(&self) -> u64 {
        self.flushes.load(Ordering::Relaxed)
    }

    /// Writes what waits and ends the task; what comes later is refused or counted as lost. Tries a failing store once
    /// more and no longer: what it does not take stays in the spool for the next service.
    pub async fn close(&self) {
        self.queue.close();
        // The task's end is also the end of the channel, so an error says the same.
        let _ = self.ended.clone().wait_for(|ended| *ended).await;
    }

    async fn durable(&self, record: Result<Sealed, serde_json::Error>) -> Result<(), LogUnavailable> {
        let record = record.map_err(|error| LogUnavailable(error.to_string()))?;
        let (done, durable) = oneshot::channel();
        if !self.queue.push(Waiting { record, done }) {
            return Err(LogUnavailable("it is closed".to_owned()));
        }
        durable.await.unwrap_or_else(|_| Err(LogUnavailable("it was closed".to_owned())))
    }
}

/// Appends a record from a process that runs no recorder, such as a command beside a running service.
///
/// # Errors
///
/// When the store cannot be written.
pub async fn append_beside(store: &Store, event: Event) -> Result<(), StoreError> {
    let sealed = append::event(&event).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    let mut appending = Appending::begin(store).await?;
    appending.record(&sealed)?;
    appending.insert().await?;
    appending.commit().await
}

/// Says that the task has ended, however it did: closed, aborted with its runtime, or by a fault of ours.
struct Ending {
    queue: Arc<Queue>,
    end: watch::Sender<bool>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.queue.abandon();
        self.end.send_replace(true);
    }
}

struct Writer {
    store: Store,
    now: Clock,
    queue: Arc<Queue>,
    flushes: Arc<AtomicU64>,
    condition: Arc<Mutex<Condition>>,
    metrics: Option<Arc<Metrics>>,
    /// Where the spool is to be, and how large.
    file: Option<(PathBuf, u64)>,
    spool: Option<Arc<Mutex<Spool>>>,
    kept: Kept,
    known: KnownTexts,
    /// How many erasures there were when `known` was begun, and how many stores before this one.
    erasures: (i64, u64),
    /// Whether nothing was written yet.
    opening: bool,
    /// Whether the store has said where the spool stands.
    resumed: bool,
    /// When to try a spool again that could not be written.
    spool_again: Option<Instant>,
    /// The standing that was told last: each change is told once.
    told: Standing,
}

/// What could not be written yet, in memory.
#[derive(Default)]
struct Kept {
    /// Newer than what is in the spool.
    serves: Vec<ServeLine>,
    gap: Option<Gap>,
    doubt: Option<Doubt>,
}

/// A commit failed, and may have happened all the same.
struct Doubt {
    /// Its last entry: if the chain holds that, it holds all of it.
    entry: Head,
    /// How many of the kept serves were in it, the oldest ones.
    serves: usize,
    /// How many lost serves its gap told of.
    gap: u64,
    /// Where the serves ended that it took from the spool, and how many they were.
    spooled: Option<(Position, usize)>,
}

/// What one transaction writes, in this order.
#[derive(Default)]
struct Plan {
    /// Whether it is the first of this service, and the spool says that the one before ended in order.
    opening: Option<bool>,
    gap: Option<Gap>,
    chunk: Chunk,
    kept: Vec<ServeLine>,
    waiting: Vec<Waiting>,
    serves: Vec<ServeLine>,
    /// Texts that need not be written; what the writer knew is not true any more once there were other erasures, nor in another store.
    known: KnownTexts,
    erasures: (i64, u64),
}

impl Plan {
    fn is_idle(&self) -> bool {
        self.opening.is_none()
            && self.gap.is_none()
            && self.chunk.end.is_none()
            && self.kept.is_empty()
            && self.waiting.is_empty()
            && self.serves.is_empty()
    }
}

/// How far a transaction has come.
#[derive(Default)]
struct Progress {
    /// It has the right to write.
    began: OnceLock<()>,
    /// Its commit is asked for, with this as the last entry.
    committing: OnceLock<Head>,
}

impl Writer {
    async fn run(mut self, ending: Ending) {
        let queue = Arc::clone(&ending.queue);
        if let Some((path, limit)) = self.file.take() {
            self.open_spool(path, limit).await;
        }
        loop {
            let batch = match queue.next().await {
                Next::Write(batch) => batch,
                Next::Spool(serves) => {
                    self.kept.serves.extend(serves);
                    self.put_aside().await;
                    self.tell();
                    continue;
                }
            };
            let closing = batch.closing;
            let written = self.flush(batch).await;
            if closing && (!written || self.is_done()) {
                self.end(written).await;
                // Before anybody is told that this has ended: the next service may open it at once.
                self.spool = None;
                return;
            }
        }
    }

    /// Whether nothing is left to write.
    fn is_done(&self) -> bool {
        let kept = &self.kept;
        kept.serves.is_empty() && kept.gap.is_none() && self.is_spool_done() && self.queue.len() == 0
    }

    /// Whether nothing of the spool is to be written. One that cannot be read holds up nobody.
    fn is_spool_done(&self) -> bool {
        !self.resumed || self.spooled() == 0
    }

    fn spooled(&self) -> u64 {
        self.spool.as_ref().map_or(0, |spool| lock(spool).waiting())
    }

    async fn open_spool(&mut self, path: PathBuf, limit: u64) {
        let shown = path.display().to_string();
        match tokio::task::spawn_blocking(move || Spool::open(path, limit)).await {
            Ok((spool, opened)) => {
                if let Err(error) = opened {
                    tracing::error!(%error, path = shown, "the spool of the log cannot be used");
                }
                if spool.waiting() > 0 {
                    tracing::warn!(
                        serves = spool.waiting(),
                        "answers are in the spool that the log does not have yet; they are chained first"
                    );
                }
                self.spool = Some(Arc::new(Mutex::new(spool)));
            }
            Err(error) => tracing::error!(%error, path = shown, "the spool of the log was not opened"),
        }
        self.tell();
    }

    /// Works with the spool, beside those who answer pages. `None` without one.
    async fn with_spool<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Spool) -> io::Result<T> + Send + 'static,
    ) -> io::Result<Option<T>> {
        let Some(spool) = self.spool.clone() else { return Ok(None) };
        let done = tokio::task::spawn_blocking(move || work(&mut lock(&spool)));
        done.await.map_err(io::Error::other)?.map(Some)
    }

    /// Writes a batch and what was kept, and tells everybody who waits. Answers whether it is durable.
    async fn flush(&mut self, batch: Batch) -> bool {
        let Batch { waiting, serves, gap, .. } = batch;
        self.kept.gap = Gap::merged(self.kept.gap, gap);
        let mut plan = match self.plan(waiting, serves).await {
            Ok(plan) => plan,
            Err((waiting, serves, error)) => {
                self.kept.serves.extend(serves);
                return self.failed(waiting, &error).await;
            }
        };
        if plan.is_idle() {
            self.known = plan.known;
            self.queue.written(false, &self.kept.serves);
            return true;
        }
        let (progress, began) = (Progress::default(), Instant::now());
        let result = self.attempt(&mut plan, &progress, began).await;
        if let Some(metrics) = &self.metrics {
            metrics.flushed(began.elapsed());
        }
        let Plan { gap, chunk, kept, waiting, serves, known, erasures, .. } = plan;
        (self.known, self.erasures) = (known, erasures);
        let spooled = chunk.end.map(|end| (end, chunk.serves.len()));
        match result {
            Ok(()) => {
                let all = chunk.serves.iter().map(|(serve, _)| serve).chain(&kept).chain(&serves);
                self.known.learn(all);
                self.opening = false;
                self.flushes.fetch_add(1, Ordering::Relaxed);
                if let Some((end, count)) = spooled {
                    self.advance(end, count).await;
                }
                let behind = !self.is_spool_done() || !self.kept.serves.is_empty();
                self.queue.written(behind, &self.kept.serves);
                for serve in kept.into_iter().chain(serves) {
                    serve.done.map(|done| done.send(()));
                }
                for waiting in waiting {
                    // Whoever no longer listens does not need to know.
                    let _ = waiting.done.send(Ok(()));
                }
                self.tell();
                true
            }
            Err(error) => {
                if let Some(entry) = progress.committing.into_inner() {
                    let (serves, gap) = (kept.len() + serves.len(), gap.map_or(0, |gap| gap.count));
                    self.kept.doubt = Some(Doubt { entry, serves, gap, spooled });
                }
                self.kept.gap = Gap::merged(self.kept.gap, gap);
                // What came meanwhile stands behind them.
                let newer = std::mem::take(&mut self.kept.serves);
                self.kept.serves = kept;
                self.kept.serves.extend(serves);
                self.kept.serves.extend(newer);
                self.failed(waiting, &error).await
            }
        }
    }

    /// What the next transaction is to write: a gap first, then what is in the spool, what is in memory, what waits.
    async fn plan(
        &mut self,
        waiting: Vec<Waiting>,
        serves: Vec<ServeLine>,
    ) -> Result<Plan, (Vec<Waiting>, Vec<ServeLine>, StoreError)> {
        let ready = async {
            self.settle_doubt().await?;
            self.resume().await
        };
        let ready = timeout(LOCKED, ready).await.unwrap_or_else(|_| Err(hangs(LOCKED)));
        if let Err(error) = ready {
            return Err((waiting, serves, error));
        }
        let chunk = if self.resumed { self.with_spool(Spool::chunk).await } else { Ok(None) };
        let chunk = chunk.unwrap_or_else(|error| {
            tracing::error!(%error, "the spool cannot be read");
            self.resumed = false;
            None
        });
        let chunk = chunk.unwrap_or_default();
        let whole = !chunk.more;
        let kept = if whole { std::mem::take(&mut self.kept.serves) } else { Vec::new() };
        let ended = || self.spool.as_ref().is_some_and(|spool| lock(spool).ended_in_order());
        Ok(Plan {
            opening: self.opening.then(ended),
            gap: Gap::merged(self.kept.gap.take(), chunk.gap),
            chunk,
            kept,
            waiting,
            serves,
            known: std::mem::take(&mut self.known),
            erasures: self.erasures,
        })
    }

    /// Looks whether the commit that failed happened after all: then what it wrote must not be written again. Whoever has the
    /// right to write knows: no other transaction has it too, however long its commit takes.
    async fn settle_doubt(&mut self) -> Result<(), StoreError> {
        let Some(doubt) = &self.kept.doubt else { return Ok(()) };
        let happened = Appending::begin(&self.store).await?.holds(&doubt.entry).await?;
        self.opening &= !happened;
        let spooled = self.kept.settle(happened);
        if let Some((end, count)) = spooled {
            self.advance(end, count).await;
        }
        Ok(())
    }

    /// Asks the store where the spool stands, once it is open.
    async fn resume(&mut self) -> Result<(), StoreError> {
        if self.resumed || !self.spool.as_ref().is_some_and(|spool| lock(spool).is_open()) {
            return Ok(());
        }
        let stored = position(&log::meta(&self.store).await?);
        match self.with_spool(move |spool| spool.resume(stored)).await {
            Ok(gap) => {
                self.kept.gap = Gap::merged(self.kept.gap, gap.flatten());
                self.resumed = true;
            }
            Err(error) => tracing::error!(%error, "the spool cannot be read"),
        }
        Ok(())
    }

    async fn advance(&mut self, to: Position, count: usize) {
        if let Err(error) = self.with_spool(move |spool| spool.advance(to, count)).await {
            tracing::error!(%error, "the spool cannot be emptied");
        }
    }

    /// Writes the plan, within limits of time.
    async fn attempt(
        &mut self,
        plan: &mut Plan,
        progress: &Progress,
        began: Instant,
    ) -> Result<(), StoreError> {
        let queue = Arc::clone(&self.queue);
        let now = (self.now)();
        // Those could be overtaken by what is put aside.
        let waits_in_order = !plan.kept.is_empty() || !plan.serves.is_empty();
        let (store, spooled) = (self.store.clone(), self.spool_position());
        let mut work = Box::pin(write(&store, plan, progress, now, spooled));
        let too_long = async {
            sleep_until(began + LOCKED).await;
            if progress.began.get().is_none() {
                return hangs(LOCKED);
            }
            sleep_until(began + HANGING).await;
            hangs(HANGING)
        };
        let mut too_long = Box::pin(too_long);
        let mut pressed = began + SLOW;
        loop {
            tokio::select! {
                biased;
                result = &mut work => return result,
                error = &mut too_long => return Err(error),
                () = queue.pressed(pressed) => {
                    if waits_in_order {
                        return Err(hangs(SLOW));
                    }
                    self.kept.serves.extend(queue.take_serves());
                    self.put_aside().await;
                    pressed = Instant::now();
                }
            }
        }
    }

    fn spool_position(&self) -> Option<Position> {
        let spool = self.spool.as_ref().filter(|_| self.resumed)?;
        Some(lock(spool).position())
    }

    /// The store did not take it: puts aside what can be, and tells everybody who waits.
    async fn failed(&mut self, waiting: Vec<Waiting>, error: &StoreError) -> bool {
        let failure = Some(Gap { from: (self.now)(), count: 0 });
        self.kept.gap = Gap::merged(self.kept.gap, failure);
        self.queue.failed();
        let said = error.to_string();
        self.note(Some(said.clone()));
        for waiting in waiting {
            let _ = waiting.done.send(Err(LogUnavailable(said.clone())));
        }
        self.put_aside().await;
        self.tell();
        false
    }

    /// Moves to the spool what is kept in memory, as far as it takes it.
    async fn put_aside(&mut self) {
        // Whoever waits for one of them to be in the log waits in vain.
        self.kept.serves.iter_mut().for_each(|serve| serve.done = None);
        if self.spool_again.is_some_and(|time| Instant::now() < time) {
            return self.queue.put_aside(false, &self.kept.serves);
        }
        if self.spool.is_none() {
            return self.queue.put_aside(false, &self.kept.serves);
        }
        let serves = std::mem::take(&mut self.kept.serves);
        let doubt = self.kept.doubt.as_ref().map(|doubt| (doubt.serves, doubt.entry.clone()));
        let done = self.with_spool(move |spool| {
            let in_doubt = doubt.as_ref().map(|(serves, entry)| (*serves, entry));
            let written = spool.append(&serves, in_doubt);
            Ok((serves, written, spool.has_room()))
        });
        let (mut serves, written, has_room) = match done.await {
            Ok(Some(done)) => done,
            // Its thread was lost, and they with it.
            Ok(None) | Err(_) => (Vec::new(), Ok(0), false),
        };
        let is_written = written.is_ok();
        let count = written.unwrap_or_else(|error| {
            if self.told != Standing::Counting {
                tracing::error!(%error, "the spool of the log cannot be written");
            }
            self.spool_again = Some(Instant::now() + SPOOL_AGAIN);
            0
        });
        serves.drain(..count.min(serves.len()));
        if let Some(doubt) = &mut self.kept.doubt {
            // The spool knows of the doubt by itself.
            doubt.serves = doubt.serves.saturating_sub(count);
        }
        self.kept.serves = serves;
        let takes = is_written && has_room && self.kept.serves.is_empty();
        self.queue.put_aside(takes, &self.kept.serves);
    }

    /// Keeps how things stand for whoever asks; `error` is what a failed attempt said.
    fn note(&self, error: Option<String>) -> Condition {
        let standing = self.queue.standing();
        let (spooled, (bytes, limit)) = self.spool.as_ref().map_or((0, (0, 0)), |spool| {
            let spool = lock(spool);
            (spool.waiting(), spool.fullness())
        });
        let mut condition = self.condition.lock().unwrap_or_else(PoisonError::into_inner);
        condition.failing = match (standing, condition.failing.take(), error) {
            (Standing::Durable, ..) => None,
            (_, Some((since, _)), Some(said)) => Some((since, said)),
            (_, None, Some(said)) => Some(((self.now)(), said)),
            (_, before, None) => before,
        };
        (condition.spooled, condition.spool_bytes, condition.spool_limit) = (spooled, bytes, limit);
        condition.clone()
    }

    /// The same, and says it in the log, once for each change.
    fn tell(&mut self) {
        let Condition { failing, spooled, .. } = self.note(None);
        let error = failing.map_or_else(String::new, |(_, said)| said);
        let standing = self.queue.standing();
        let lost = self.queue.lost();
        let is_new = std::mem::replace(&mut self.told, standing) != standing;
        match standing {
            Standing::Durable if is_new => {
                tracing::info!(spooled, lost, "the log is written again");
            }
            Standing::Durable => {}
            Standing::Spooling if is_new => {
                tracing::error!(
                    error,
                    spooled,
                    "the log cannot be written; nothing new is generated until it can, and the records of answers go to the spool"
                );
            }
            Standing::Counting if is_new => {
                tracing::error!(
                    error,
                    spooled,
                    lost,
                    "neither the log nor its spool can be written; pre-written copy alone is served, and answers that are not recorded are counted"
                );
            }
            Standing::Spooling | Standing::Counting => {}
        }
    }

    /// The last steps. Whatever the store did not take is for the next service.
    async fn end(&mut self, written: bool) {
        if written {
            let left = async {
                let mut appending = Appending::begin(&self.store).await?;
                appending.keep_meta(&[(RUNNING, 0)]).await?;
                appending.commit().await
            };
            let left = timeout(HANGING, left).await.unwrap_or_else(|_| Err(hangs(HANGING)));
            if let Err(error) = left {
                tracing::warn!(%error, "the log does not say that the service ended in order");
            }
            return;
        }
        self.kept.serves.extend(self.queue.take_serves());
        self.spool_again = None;
        self.put_aside().await;
        let lost = self.kept.serves.len();
        self.queue.count_lost(lost);
        let gap = Gap::merged(self.kept.gap.take(), self.queue.take_gap());
        let gap = gap.unwrap_or(Gap { from: (self.now)(), count: 0 });
        let gap = Gap { count: gap.count + lost as u64, ..gap };
        let said = self.with_spool(move |spool| spool.end(gap)).await;
        let (serves, spooled, is_said) = (lost, self.spooled(), matches!(said, Ok(Some(()))));
        tracing::error!(
            serves,
            spooled,
            is_said,
            "the log could not be written at the end; these serves are in no record, those in the spool are chained by the next service"
        );
    }
}

fn lock(spool: &Mutex<Spool>) -> std::sync::MutexGuard<'_, Spool> {
    spool.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hangs(limit: Duration) -> StoreError {
    StoreError::Slow(limit)
}

/// Whether a service runs on the store, or ended without saying so.
const RUNNING: &str = "running";
/// How many erasures there were.
const ERASURES: &str = "erasures";
const SPOOL_ID: &str = "spool_id";
const SPOOL_READ: &str = "spool_read";
const SPOOL_COUNTED: &str = "spool_counted";

fn position(meta: &Meta) -> Position {
    let number = |name| meta.get(name).copied().unwrap_or_default();
    let at = |name| u64::try_from(number(name)).unwrap_or_default();
    Position { id: number(SPOOL_ID), read: at(SPOOL_READ), counted: at(SPOOL_COUNTED) }
}

/// Writes what is planned in one transaction.
async fn write(
    store: &Store,
    plan: &mut Plan,
    progress: &Progress,
    now: Timestamp,
    spooled: Option<Position>,
) -> Result<(), StoreError> {
    let mut appending = Appending::begin(store).await?;
    let _ = progress.began.set(());
    let meta = appending.meta().await?;
    let erasures = (meta.get(ERASURES).copied().unwrap_or_default(), store.changes());
    if erasures != plan.erasures {
        (plan.known, plan.erasures) = (KnownTexts::default(), erasures);
    }
    let gap = |from: Timestamp, count, cause| {
        let record = GapRecord { from: from.min(now), to: now, count, cause: Some(cause) };
        append::event(&Event::Gap(record)).map_err(|error| StoreError::Corrupt(error.to_string()))
    };
    if let Some(ended_in_order) = plan.opening {
        if meta.get(RUNNING).is_some_and(|running| *running != 0) && !ended_in_order {
            let from = appending.last_at().await?.unwrap_or(now);
            appending.record(&gap(from, 0, GapCause::Killed)?)?;
        }
        appending.keep_meta(&[(RUNNING, 1)]).await?;
    }
    if let Some(Gap { from, count }) = plan.gap {
        appending.record(&gap(from, count, GapCause::Store)?)?;
    }
    let mut held = BTreeMap::new();
    for (_, unless) in &plan.chunk.serves {
        if let Some(entry) = unless
            && !held.contains_key(&entry.hash)
        {
            held.insert(entry.hash.clone(), appending.holds(entry).await?);
        }
    }
    let is_missing = |unless: &Option<Head>| {
        unless.as_ref().is_none_or(|entry| held.get(&entry.hash).is_none_or(|held| !held))
    };
    let older = plan.chunk.serves.iter().filter(|(_, unless)| is_missing(unless)).map(|(serve, _)| serve);
    let older: Vec<&ServeLine> = older.chain(&plan.kept).collect();
    let newer: Vec<&ServeLine> = plan.serves.iter().collect();
    let records = plan.waiting.iter().map(|waiting| &waiting.record);
    appending.users(records.clone(), older.iter().chain(&newer).copied()).await?;
    appending.serves(&older, &plan.known).await?;
    for record in records {
        appending.record(record)?;
    }
    appending.serves(&newer, &plan.known).await?;
    if let Some(at) = plan.chunk.end.or(spooled.filter(|_| plan.opening.is_some() || plan.gap.is_some())) {
        let number = |at: u64| i64::try_from(at).unwrap_or(i64::MAX);
        let at = [(SPOOL_ID, at.id), (SPOOL_READ, number(at.read)), (SPOOL_COUNTED, number(at.counted))];
        appending.keep_meta(&at).await?;
    }
    appending.insert().await?;
    let _ = progress.committing.set(appending.head().clone());
    appending.commit().await
}

impl Kept {
    /// What of a doubtful commit is not to be written again; answers up to where the spool is in the store, when it is.
    fn settle(&mut self, happened: bool) -> Option<(Position, usize)> {
        let doubt = self.doubt.take().filter(|_| happened)?;
        self.serves.drain(..doubt.serves.min(self.serves.len()));
        if let Some(gap) = &mut self.gap {
            gap.count = gap.count.saturating_sub(doubt.gap);
        }
        doubt.spooled
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{serve, write_sample};
    use super::*;
    use crate::store::testing::{at, test_store};

    /// What is kept after a commit of one serve and a gap of two failed, and one more gap of three came.
    fn kept(entry: Head) -> Kept {
        let serves = vec![append::serve(serve(1), None).unwrap()];
        let gap = Some(Gap { from: at(1), count: 5 });
        Kept { serves, gap, doubt: Some(Doubt { entry, serves: 1, gap: 2, spooled: None }) }
    }

    #[tokio::test]
    async fn a_commit_that_failed_and_happened_is_not_written_again() {
        let held = test_store().await;
        write_sample(&held.store).await;
        let mut appending = Appending::begin(&held.store).await.unwrap();
        let entry = appending.head().clone();
        let mut happened = kept(entry.clone());
        happened.settle(appending.holds(&entry).await.unwrap());
        assert_eq!((happened.serves.len(), happened.gap), (0, Some(Gap { from: at(1), count: 3 })));

        let entry = Head { seq: 5, hash: "another".into() };
        let mut lost = kept(entry.clone());
        lost.settle(appending.holds(&entry).await.unwrap());
        assert_eq!((lost.serves.len(), lost.gap), (1, Some(Gap { from: at(1), count: 5 })));
        assert!(happened.doubt.is_none() && lost.doubt.is_none());
    }
}
