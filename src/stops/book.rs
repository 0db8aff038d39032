//! The book of stops of one process: what is in force, kept up with the store and the journal; and the way out for answers,
//! so that whoever sets a stop can wait for those that passed their last look before it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use uuid::Uuid;

use super::journal::{self, JOURNAL};
use super::order::Order;
use super::register::{Register, Stop};
use super::snapshot::Stops;
use crate::audit::stops::{self, Change};
use crate::audit::{PurgeRecord, PurgeScope, StopKind, StopRecord};
use crate::store::{Store, StoreError, stops as rows};
use crate::words::new_id;

/// How long whoever sets a stop waits for the store to record it.
const RECORD: Duration = Duration::from_millis(1_500);
/// How long it waits for answers that are on their way out.
const WAY_OUT: Duration = Duration::from_secs(1);
/// How often it looks whether they are gone.
const LOOK: Duration = Duration::from_millis(1);
/// The most stops in force.
pub const MOST_STOPS: usize = 10_000;
/// The most characters of all phrases in force.
const MOST_CHARACTERS: usize = 1_000_000;

/// Why a stop could not be set.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// There are as many as may be.
    #[error(
        "{MOST_STOPS} stops are in force, or their phrases have a million characters; lift some, or write rules instead"
    )]
    Full,
    /// It can be written down nowhere, so nothing would hold after a restart.
    #[error("it can be written down nowhere: {journal}; {store}")]
    Nowhere {
        /// What stands in the way of the journal.
        journal: io::Error,
        /// What stands in the way of the store.
        store: String,
    },
    /// The store or the journal cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Something that holds on this node already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done<T> {
    /// What.
    pub what: T,
    /// Whether the store has it, and its record; if not it will, once the store is back.
    pub recorded: bool,
}

/// What is stopped, rejected and purged, as one process knows it.
pub struct Book {
    current: ArcSwap<Stops>,
    /// How many snapshots there were: the last look of an answer compares this alone.
    edition: AtomicU64,
    /// `meta.stops` as it was read last.
    number: AtomicI64,
    store: Store,
    journal: PathBuf,
    /// Held by whoever changes anything.
    turn: tokio::sync::Mutex<Known>,
    /// Earlier snapshots that answers on their way out were looked over under.
    earlier: Mutex<Vec<Arc<Stops>>>,
}

/// What is known, and where from.
#[derive(Default)]
struct Known {
    journal: Register,
    /// How many bytes of it were read.
    bytes: u64,
    stored: Register,
    /// In which store: see [`Store::changes`].
    changes: u64,
    /// Whether the journal may hold what the store lacks.
    lacking: bool,
}

impl Known {
    fn all(&self) -> Register {
        let mut all = self.journal.clone();
        all.merge(&self.stored);
        all
    }
}

impl Book {
    /// Everything that the store and the journal in the data folder know of; what the store lacks is brought into it, and
    /// what the journal lacks into that.
    ///
    /// # Errors
    ///
    /// When the store or the journal cannot be read.
    pub async fn open(store: Store, data_dir: &Path) -> Result<Self, StoreError> {
        let book = Self {
            current: ArcSwap::default(),
            edition: AtomicU64::new(0),
            number: AtomicI64::new(-1),
            store,
            journal: data_dir.join(JOURNAL),
            turn: tokio::sync::Mutex::new(Known { lacking: true, bytes: u64::MAX, ..Known::default() }),
            earlier: Mutex::default(),
        };
        book.refresh().await?;
        let known = book.turn.lock().await;
        let lacking = known.stored.lacking_in(&known.journal);
        drop(known);
        if !lacking.is_empty()
            && let Err(error) = book.write_down(lacking).await
        {
            tracing::warn!(%error, "the journal of stops cannot be written: a backup that is put back may lack some");
        }
        Ok(book)
    }

    /// What is in force now, for a request to hold on to from start to end.
    pub fn pin(&self) -> Arc<Stops> {
        self.current.load_full()
    }

    /// Whether this is what is in force.
    pub fn is_current(&self, stops: &Stops) -> bool {
        stops.edition >= self.edition.load(Ordering::SeqCst)
    }

    /// The number of changes in the store that were taken: `meta.stops`.
    pub fn number(&self) -> i64 {
        self.number.load(Ordering::Acquire)
    }

    /// Leave for an answer that was looked over under this snapshot; whoever sets a stop waits until it is dropped. `None`
    /// where another snapshot is in force by now: the answer is to be looked over again.
    pub fn leave(&self, stops: &Arc<Stops>) -> Option<Leave> {
        // Counted first and looked then; a stop is in force first and waits then. One of the two sees the other.
        stops.leaving.fetch_add(1, Ordering::SeqCst);
        let leave = Leave(Arc::clone(stops));
        self.is_current(stops).then_some(leave)
    }

    /// Every stop in force, oldest first; with `all` those that were lifted too.
    pub fn list(&self, all: bool) -> Vec<Stop> {
        let stops = self.pin();
        stops.register().stops.values().filter(|stop| all || stop.lifted.is_none()).cloned().collect()
    }

    /// Sets a stop. It holds on this node once this returns, and no answer that it forbids is on its way out then, but for
    /// those that took longer than a second for that.
    ///
    /// # Errors
    ///
    /// When there are too many, or it can be written down nowhere.
    pub async fn set(&self, order: Order, now: Timestamp) -> Result<Done<StopRecord>, StopError> {
        let record = order.record(now);
        let mut known = self.turn.lock().await;
        let all = known.all();
        let characters = |stop: &Stop| match stop.kind {
            StopKind::Phrase => stop.value.chars().count(),
            _ => 0,
        };
        let said: usize = all.in_force().map(characters).sum();
        let more = if record.kind == StopKind::Phrase { record.value.chars().count() } else { 0 };
        if all.in_force().count() >= MOST_STOPS || said + more > MOST_CHARACTERS {
            return Err(StopError::Full);
        }
        let recorded = self.order(&mut known, Change::Stop(record.clone())).await?;
        Ok(Done { what: record, recorded })
    }

    /// Lifts a stop. `None` when no such stop is in force.
    ///
    /// # Errors
    ///
    /// When it can be written down nowhere.
    pub async fn lift(
        &self,
        id: Uuid,
        (by, reason): (&str, &str),
        now: Timestamp,
    ) -> Result<Option<Done<StopRecord>>, StopError> {
        let mut known = self.turn.lock().await;
        let all = known.all();
        let Some(record) = all.lifting(id, (by, reason), now) else { return Ok(None) };
        let recorded = self.order(&mut known, Change::Stop(record.clone())).await?;
        Ok(Some(Done { what: record, recorded }))
    }

    /// Drops copy that was begun up to now, as far as the scope covers it.
    ///
    /// # Errors
    ///
    /// When it can be written down nowhere.
    pub async fn purge(
        &self,
        scope: PurgeScope,
        by: &str,
        now: Timestamp,
    ) -> Result<Done<PurgeRecord>, StopError> {
        let record = PurgeRecord { id: new_id(now), at: now, by: by.to_owned(), scope };
        let mut known = self.turn.lock().await;
        let recorded = self.order(&mut known, Change::Purge(record.clone())).await?;
        Ok(Done { what: record, recorded })
    }

    /// Takes changes that the store has already, with the reviews that they follow from: they hold once this returns.
    pub async fn taken(&self, changes: Vec<Change>) {
        let mut known = self.turn.lock().await;
        changes.iter().for_each(|change| known.stored.follow(change));
        changes.iter().for_each(|change| known.journal.follow(change));
        self.put_in_force(&known).await;
        if let Err(error) = self.write_down(changes).await {
            tracing::warn!(%error, "the journal of stops cannot be written: a backup that is put back may lack some");
        }
        drop(known);
        self.wait_for_leavers().await;
    }

    /// Writes a change down, puts it in force, has it recorded, and waits for the answers that it came too late for. Answers
    /// whether it was recorded.
    async fn order(&self, known: &mut Known, change: Change) -> Result<bool, StopError> {
        let written = self.write_down(vec![change.clone()]).await;
        if written.is_ok() {
            known.journal.follow(&change);
            self.put_in_force(known).await;
        }
        let recorded = self.record(vec![change.clone()]).await;
        match (written, &recorded) {
            (Err(journal), Err(store)) => return Err(StopError::Nowhere { journal, store: store.clone() }),
            (Err(error), Ok(())) => {
                tracing::warn!(%error, "the journal of stops cannot be written: a backup that is put back may lack this one");
            }
            (Ok(()), Err(error)) => {
                known.lacking = true;
                tracing::warn!(error, "a stop holds, and is recorded once the store can be written");
            }
            (Ok(()), Ok(())) => {}
        }
        if recorded.is_ok() {
            known.stored.follow(&change);
            self.put_in_force(known).await;
        }
        self.wait_for_leavers().await;
        Ok(recorded.is_ok())
    }

    async fn write_down(&self, changes: Vec<Change>) -> io::Result<()> {
        let journal = self.journal.clone();
        spawn_blocking(move || journal::append(&journal, &changes)).await?
    }

    /// Has changes recorded, in a task of its own: what takes too long may happen all the same.
    async fn record(&self, changes: Vec<Change>) -> Result<(), String> {
        let store = self.store.clone();
        let recorded = tokio::spawn(async move { stops::put(&store, None, &changes).await });
        match tokio::time::timeout(RECORD, recorded).await {
            Ok(Ok(Ok(_))) => Ok(()),
            Ok(Ok(Err(error))) => Err(error.to_string()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_elapsed) => Err("the store did not answer in time".to_owned()),
        }
    }

    /// Makes a snapshot of all that is known the one in force, where it says anything else.
    async fn put_in_force(&self, known: &Known) {
        let all = known.all();
        if self.current.load().is_of(&all) {
            return;
        }
        let edition = self.edition.load(Ordering::SeqCst) + 1;
        // Many phrases take their time, and those who answer pages have none to give.
        let compiled = spawn_blocking(move || Stops::of(all, edition)).await;
        let Ok(compiled) = compiled else { return };
        let before = self.current.swap(Arc::new(compiled));
        self.edition.store(edition, Ordering::SeqCst);
        let mut earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        earlier.retain(|stops| stops.on_their_way() > 0);
        earlier.push(before);
    }

    /// Waits until the answers that passed their last look before this moment have left, but no longer than a second.
    async fn wait_for_leavers(&self) {
        let until = Instant::now() + WAY_OUT;
        let anybody = || {
            let mut earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
            earlier.retain(|stops| stops.on_their_way() > 0);
            !earlier.is_empty()
        };
        // Once at least: what was handed over a moment ago is on its way to the network still.
        loop {
            tokio::time::sleep(LOOK).await;
            if !anybody() || Instant::now() >= until {
                return;
            }
        }
    }

    /// Takes what changed since the last look, whoever changed it; and brings into the store what the journal has and the
    /// store lacks.
    ///
    /// # Errors
    ///
    /// When the store or the journal cannot be read or written; what is in force stays, and what could be read is.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let mut known = self.turn.lock().await;
        self.look_into_journal(&mut known).await?;
        let changes = self.store.changes();
        self.look_into_store(&mut known, changes).await?;
        if !known.lacking {
            return Ok(());
        }
        let lacking = known.journal.lacking_in(&known.stored);
        if !lacking.is_empty() {
            let brought = bring(&self.store, &known.journal).await?;
            tracing::info!(brought, "stops that the store lacked are in it");
            self.look_into_store(&mut known, changes).await?;
        }
        known.lacking = false;
        Ok(())
    }

    async fn look_into_journal(&self, known: &mut Known) -> Result<(), StoreError> {
        let path = self.journal.clone();
        let before = known.bytes;
        let read = spawn_blocking(move || {
            (journal::size(&path) != before).then(|| journal::read(&path)).transpose()
        });
        let failed = |source| StoreError::File { path: self.journal.clone(), source };
        let Some(read) = read.await.map_err(io::Error::other).and_then(|read| read).map_err(failed)? else {
            return Ok(());
        };
        for line in read.unreadable {
            let file = self.journal.display();
            tracing::warn!(%file, line, "a line of the journal of stops cannot be read and is left out");
        }
        // Nothing that is known is forgotten: should the file be gone, what it said holds still.
        known.journal.merge(&read.register);
        known.journal.rejections.retain(|id, _| read.register.rejections.contains_key(id) || read.bytes == 0);
        (known.bytes, known.lacking) = (read.bytes, true);
        self.put_in_force(known).await;
        Ok(())
    }

    async fn look_into_store(&self, known: &mut Known, changes: u64) -> Result<(), StoreError> {
        let number = rows::number(&self.store).await?;
        if self.number() == number && known.changes == changes {
            return Ok(());
        }
        let rows = rows::read(&self.store).await?;
        known.stored = Register::read(&rows)?;
        if known.changes != changes {
            (known.changes, known.lacking) = (changes, true);
        }
        self.number.store(rows.number, Ordering::Release);
        self.put_in_force(known).await;
        Ok(())
    }
}

impl std::fmt::Debug for Book {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Book")
    }
}

/// Brings what the journal in the data folder has into a store that lacks it, and answers how much that was: a backup that
/// is put back forgets no stop.
///
/// # Errors
///
/// When the journal cannot be read, or the store cannot be written.
pub async fn restore(store: &Store, data_dir: &Path) -> Result<usize, StoreError> {
    let path = data_dir.join(JOURNAL);
    let failed = |source| StoreError::File { path: data_dir.join(JOURNAL), source };
    let read = spawn_blocking(move || journal::read(&path)).await.map_err(io::Error::other);
    let read = read.and_then(|read| read).map_err(failed)?;
    bring(store, &read.register).await
}

async fn bring(store: &Store, journal: &Register) -> Result<usize, StoreError> {
    let stored = Register::read(&rows::read(store).await?)?;
    let lacking = journal.lacking_in(&stored);
    if lacking.is_empty() { Ok(0) } else { stops::put(store, None, &lacking).await }
}

/// Writes a change down for a service that runs in another process, or will: in the journal first, then in the store where
/// that can be written. Answers whether the store has it.
///
/// # Errors
///
/// When it can be written down in neither.
pub async fn write_beside(
    store: Result<&Store, String>,
    data_dir: &Path,
    change: Change,
) -> Result<bool, StopError> {
    let path = data_dir.join(JOURNAL);
    let line = change.clone();
    let folder = data_dir.to_owned();
    let written = spawn_blocking(move || {
        std::fs::create_dir_all(folder)?;
        journal::append(&path, &[line])
    });
    let written = written.await.map_err(io::Error::other).and_then(|written| written);
    let recorded = match store {
        Ok(store) => stops::put(store, None, &[change]).await.map(drop).map_err(|error| error.to_string()),
        Err(why) => Err(why),
    };
    match (written, recorded) {
        (Err(journal), Err(store)) => Err(StopError::Nowhere { journal, store }),
        (_, recorded) => Ok(recorded.is_ok()),
    }
}

/// Everything that the journal and the store say, for a command that only reads.
///
/// # Errors
///
/// When one of them cannot be read.
pub async fn read_beside(store: Option<&Store>, data_dir: &Path) -> Result<Register, StoreError> {
    let path = data_dir.join(JOURNAL);
    let failed = |source| StoreError::File { path: data_dir.join(JOURNAL), source };
    let read = spawn_blocking(move || journal::read(&path)).await.map_err(io::Error::other);
    let mut register = read.and_then(|read| read).map_err(failed)?.register;
    if let Some(store) = store {
        register.merge(&Register::read(&rows::read(store).await?)?);
    }
    Ok(register)
}

/// Leave to let go of an answer. The body of a response carries it until its bytes are handed over.
#[derive(Debug)]
pub struct Leave(Arc<Stops>);

impl Leave {
    /// The snapshot under which the answer was looked over.
    pub fn stops(&self) -> &Stops {
        &self.0
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.leaving.fetch_sub(1, Ordering::SeqCst);
    }
}
