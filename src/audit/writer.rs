//! The one task that writes the log of this process. Each flush is one transaction: whatever waits is hashed,
//! inserted, committed, and only then acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{oneshot, watch};

use super::append::{self, Appending, KnownTexts, Sealed, ServeLine};
use super::queue::{Batch, Gap, Queue, Waiting};
use super::records::{
    Event, GapCause, GapRecord, GenerationPayload, GenerationRecord, KeyRecord, PolicyRecord, ReviewRecord,
    ServeRecord, VerdictRecord,
};
use crate::store::log::Head;
use crate::store::{Store, StoreError};

/// Tells wall time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How the recorder writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The most serves that wait to be written, at least 1; what comes beyond is counted as lost.
    pub capacity: usize,
    /// The longest a serve waits for others to be written with.
    pub max_delay: Duration,
    /// How long after a failure the store is tried again.
    pub retry: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { capacity: 4096, max_delay: Duration::from_millis(50), retry: Duration::from_millis(500) }
    }
}

/// The record is not durable, so what it tells of must not be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the log cannot be written: {0}")]
pub struct LogUnavailable(String);

/// Where records are put. Clones put into the same log.
#[derive(Clone)]
pub struct Recorder {
    queue: Arc<Queue>,
    flushes: Arc<AtomicU64>,
    ended: watch::Receiver<bool>,
}

impl Recorder {
    /// Starts the task that writes to `store`. Call it inside a tokio runtime, once per process.
    pub fn start(store: Store, settings: Settings, now: Clock) -> Self {
        let queue = Arc::new(Queue::new(settings));
        let flushes = Arc::new(AtomicU64::new(0));
        let (end, ended) = watch::channel(false);
        let ending = Ending { queue: queue.clone(), end };
        let (kept, known) = (Kept::default(), KnownTexts::default());
        let writer = Writer { store, now, flushes: flushes.clone(), kept, known, failing: None };
        tokio::spawn(writer.run(ending));
        Self { queue, flushes, ended }
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

    /// Whether the last write succeeded. While it is false nothing new should be generated; the recorder tries the
    /// store by itself until it is true again.
    pub fn healthy(&self) -> bool {
        self.queue.healthy()
    }

    /// How many serves were not recorded since the start.
    pub fn lost(&self) -> u64 {
        self.queue.lost()
    }

    /// How many records wait to be written.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// How many transactions were committed since the start.
    pub fn flushes(&self) -> u64 {
        self.flushes.load(Ordering::Relaxed)
    }

    /// Writes what waits and ends the task; what comes later is refused or counted as lost. Tries a failing store once
    /// more and no longer.
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
    flushes: Arc<AtomicU64>,
    kept: Kept,
    known: KnownTexts,
    /// What the store said when it last failed, while it fails: each fault is told once.
    failing: Option<String>,
}

/// What the last flush could not write, for the next.
#[derive(Default)]
struct Kept {
    serves: Vec<ServeLine>,
    gap: Option<Gap>,
    doubt: Option<Doubt>,
}

/// A commit failed, and may have happened all the same.
struct Doubt {
    /// Its last entry: if the chain holds that, it holds all of it.
    entry: Head,
    /// How many of the kept serves were in it.
    serves: usize,
    /// How many lost serves its gap told of.
    gap: u64,
}

impl Writer {
    async fn run(mut self, ending: Ending) {
        let queue = &ending.queue;
        loop {
            let batch = queue.next().await;
            let closing = batch.closing;
            let retried = !self.kept.serves.is_empty();
            let written = self.flush(queue, batch).await;
            if closing && !written {
                let serves = self.kept.serves.len();
                tracing::error!(
                    serves,
                    "the log could not be written at the end; these serves are in no record"
                );
                return queue.count_lost(serves);
            }
            // Serves that waited behind kept ones are still in the queue after the first flush.
            if closing && !retried {
                return;
            }
        }
    }

    /// Writes a batch and what was kept, and tells everybody who waits. Answers whether it is durable.
    async fn flush(&mut self, queue: &Queue, mut batch: Batch) -> bool {
        let result = self.write(&batch).await;
        let serves = std::mem::take(&mut batch.serves);
        let (written, answer) = match result {
            Ok(()) => {
                self.known.learn(&self.kept.serves);
                self.known.learn(&serves);
                self.kept = Kept::default();
                if self.failing.take().is_some() {
                    tracing::info!("the log is written again");
                }
                queue.written();
                (true, Ok(()))
            }
            Err(error) => {
                let said = error.to_string();
                if self.failing.as_ref() != Some(&said) {
                    tracing::error!(%error, "the log cannot be written; nothing new is generated until it can");
                    self.failing = Some(said);
                }
                let failure = Some(Gap { from: (self.now)(), count: 0 });
                self.kept.gap = Gap::merged(Gap::merged(self.kept.gap, batch.gap), failure);
                self.kept.serves.extend(serves);
                queue.failed(self.kept.serves.len());
                (false, Err(LogUnavailable(error.to_string())))
            }
        };
        for waiting in batch.waiting {
            // Whoever no longer listens does not need to know.
            let _ = waiting.done.send(answer.clone());
        }
        written
    }

    async fn write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let idle = batch.waiting.is_empty() && batch.serves.is_empty() && batch.gap.is_none();
        if idle && self.kept.gap.is_none() {
            return Ok(());
        }
        let mut appending = Appending::begin(&self.store).await?;
        self.kept.settle_doubt(&mut appending).await?;
        let records = batch.waiting.iter().map(|waiting| &waiting.record);
        appending.users(records, self.kept.serves.iter().chain(&batch.serves)).await?;
        for waiting in &batch.waiting {
            appending.record(&waiting.record)?;
        }
        // When serves were kept, the batch has none: see `Queue::next`.
        appending.serves(&self.kept.serves, &self.known).await?;
        appending.serves(&batch.serves, &self.known).await?;
        let gap = Gap::merged(self.kept.gap, batch.gap);
        if let Some(Gap { from, count }) = gap {
            let record =
                Event::Gap(GapRecord { from, to: (self.now)(), count, cause: Some(GapCause::Store) });
            let sealed = append::event(&record).map_err(|error| StoreError::Corrupt(error.to_string()))?;
            appending.record(&sealed)?;
        }
        appending.insert().await?;
        let entry = appending.head().clone();
        if let Err(error) = appending.commit().await {
            let serves = self.kept.serves.len() + batch.serves.len();
            self.kept.doubt = Some(Doubt { entry, serves, gap: gap.map_or(0, |gap| gap.count) });
            return Err(error);
        }
        self.flushes.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

impl Kept {
    /// Looks whether the commit that failed happened after all: then what it wrote must not be written again.
    async fn settle_doubt(&mut self, appending: &mut Appending) -> Result<(), StoreError> {
        let Some(doubt) = &self.doubt else { return Ok(()) };
        if appending.holds(&doubt.entry).await? {
            self.serves.drain(..doubt.serves.min(self.serves.len()));
            if let Some(gap) = &mut self.gap {
                gap.count = gap.count.saturating_sub(doubt.gap);
            }
        }
        self.doubt = None;
        Ok(())
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
        Kept { serves, gap, doubt: Some(Doubt { entry, serves: 1, gap: 2 }) }
    }

    #[tokio::test]
    async fn a_commit_that_failed_and_happened_is_not_written_again() {
        let held = test_store().await;
        write_sample(&held.store).await;
        let mut appending = Appending::begin(&held.store).await.unwrap();
        let mut happened = kept(appending.head().clone());
        happened.settle_doubt(&mut appending).await.unwrap();
        assert_eq!((happened.serves.len(), happened.gap), (0, Some(Gap { from: at(1), count: 3 })));

        let mut lost = kept(Head { seq: 5, hash: "another".into() });
        lost.settle_doubt(&mut appending).await.unwrap();
        assert_eq!((lost.serves.len(), lost.gap), (1, Some(Gap { from: at(1), count: 5 })));
        assert!(happened.doubt.is_none() && lost.doubt.is_none());
    }
}
