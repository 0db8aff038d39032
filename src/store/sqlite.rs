//! SQLite: opening the file, the lock that keeps a second service away, the tables, and noticing that the file is gone.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection, SqlitePool};
use tokio::sync::Mutex;

use super::log::Head;
use super::{Access, Backend, Prepare, Store, StoreError};

/// How long a statement waits for another process that writes.
const BUSY: Duration = Duration::from_secs(5);
/// How long one of the service's does: whoever asks for a page has less patience than whoever runs a command.
const SERVICE_BUSY: Duration = Duration::from_millis(500);
/// How long those who use a file that was taken away have to finish.
const A_MOMENT: Duration = Duration::from_secs(2);
/// How long to wait for a connection of our own: a little more, so that the database's own error comes first.
const ACQUIRE: Duration = Duration::from_secs(10);
const READERS: u32 = 4;

/// Each brings the tables one version further. Migrations only add: never edit one that was released. `meta.schema` says how
/// many a store has had.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_first.sql"),
    include_str!("migrations/0002_reviews.sql"),
    include_str!("migrations/0003_second_models.sql"),
    include_str!("migrations/0004_ledger.sql"),
    include_str!("migrations/0005_idempotency.sql"),
    include_str!("migrations/0006_log.sql"),
    include_str!("migrations/0007_policy.sql"),
    include_str!("migrations/0008_console.sql"),
];
/// What a program must know to use the tables, as `user_version`: raised only by a migration after which a program that
/// does not know it would read or write what is wrong. Up to version 5 it was the number of migrations.
const NEEDED: usize = 5;

/// A store in a file. Clones share its connections.
#[derive(Clone, Debug)]
pub(super) struct Sqlite {
    first: Arc<Open>,
    /// The service's alone: commands end sooner than anybody takes the file away.
    watch: Option<Arc<Watch>>,
}

/// The connections to one file.
#[derive(Debug)]
struct Open {
    reader: SqlitePool,
    /// One connection, so that writers of this process queue up instead of finding the file busy. None when the
    /// store was opened for reading.
    writer: Option<SqlitePool>,
    place: Option<Place>,
    /// The connections that took the place of these, once another file stood where this one had.
    next: OnceLock<Arc<Open>>,
}

/// What a service needs to notice that its file was taken away: SQLite itself goes on writing to a file that has no name
/// any more.
#[derive(Debug)]
struct Watch {
    path: PathBuf,
    /// Closed from the start: for whoever would read while the file is gone.
    nowhere: SqlitePool,
    /// Held by whoever opens another file; the last entry of the log in the one before.
    changing: Mutex<Option<Head>>,
    /// How many files were opened after the first.
    changes: AtomicU64,
    /// What is done to each of them before it is used.
    prepare: Preparing,
    /// Held while this process serves. The system lets it go with the process, however that ends.
    _lock: File,
}

#[derive(Default)]
struct Preparing(OnceLock<Box<Prepare>>);

impl std::fmt::Debug for Preparing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Preparing").field(&self.0.get().is_some()).finish()
    }
}

/// Which files are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    store: FileId,
    /// What was written lately and is not in the store's own file yet.
    wal: Option<FileId>,
}

/// A file, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// The file that stands at a path; `None` when there is none, or it cannot be told.
    fn at(path: &Path) -> Option<Self> {
        let found = std::fs::metadata(path).ok()?;
        Some(Self { device: found.dev(), inode: found.ino() })
    }
}

impl Place {
    fn at(path: &Path) -> Option<Self> {
        Some(Self { store: FileId::at(path)?, wal: FileId::at(&beside(path, "-wal")) })
    }
}

impl Sqlite {
    pub(super) async fn open(path: PathBuf, access: Access) -> Result<Self, StoreError> {
        if matches!(access, Access::ReadOnly | Access::Glance) {
            if !path.exists() {
                return Err(StoreError::Missing(path));
            }
            let options = options(&path, BUSY).read_only(true);
            let reader = pool(READERS).connect_with(options).await?;
            let schema = check_version(&reader, &path).await?;
            if schema < MIGRATIONS.len() && access == Access::ReadOnly {
                return Err(StoreError::Older(path));
            }
            let open = Open { reader, writer: None, place: None, next: OnceLock::new() };
            return Ok(Self { first: Arc::new(open), watch: None });
        }
        make_file(&path)?;
        if access == Access::Beside {
            return Ok(Self { first: Arc::new(Open::at(&path, BUSY).await?), watch: None });
        }
        let lock = lock(&path)?;
        let first = Arc::new(Open::at(&path, SERVICE_BUSY).await?);
        let nowhere = pool(1).connect_lazy_with(options(&path, SERVICE_BUSY));
        nowhere.close().await;
        let (changing, changes, prepare) = Default::default();
        let watch = Some(Arc::new(Watch { path, nowhere, changing, changes, prepare, _lock: lock }));
        Ok(Self { first, watch })
    }

    /// The connections to the file that stands there now, or to the last that did.
    fn current(&self) -> &Open {
        let mut open = self.first.as_ref();
        while let Some(next) = open.next.get() {
            open = next;
        }
        open
    }

    /// The connections to read with; while the file is gone, some that are closed.
    pub(super) fn reader(&self) -> &SqlitePool {
        match &self.watch {
            Some(watch) if watch.check(self.current()).is_err() => &watch.nowhere,
            _ => &self.current().reader,
        }
    }

    /// The one connection to write with.
    pub(super) fn writer(&self) -> Result<&SqlitePool, StoreError> {
        let open = self.current();
        if let Some(watch) = &self.watch {
            watch.check(open)?;
        }
        open.writer.as_ref().ok_or(StoreError::ReadOnly)
    }

    /// Looks which file stands at the path, and opens it where it is another than the one that is open.
    pub(super) async fn look(&self) -> Result<(), StoreError> {
        let Some(watch) = &self.watch else { return Ok(()) };
        if watch.is_as_opened(self.current()) {
            return Ok(());
        }
        // Whoever asks may have no more patience; what has begun is finished all the same.
        let this = self.clone();
        tokio::spawn(async move { this.change().await }).await.unwrap_or(Err(StoreError::Closed))
    }

    async fn change(&self) -> Result<(), StoreError> {
        let Some(watch) = &self.watch else { return Ok(()) };
        let mut last = watch.changing.lock().await;
        let before = self.current();
        // Somebody else may have opened it meanwhile.
        if watch.is_as_opened(before) {
            return Ok(());
        }
        let opened = watch.open_anew(before, &mut last).await?;
        watch.changes.fetch_add(1, Ordering::AcqRel);
        // Whoever changes it holds the lock, so it is not set yet.
        let _ = before.next.set(opened);
        Ok(())
    }

    pub(super) fn prepare_others(&self, prepare: Box<Prepare>) {
        if let Some(watch) = &self.watch {
            let _ = watch.prepare.0.set(prepare);
        }
    }

    pub(super) fn changes(&self) -> u64 {
        self.watch.as_ref().map_or(0, |watch| watch.changes.load(Ordering::Acquire))
    }

    pub(super) async fn close(&self) {
        self.current().close().await;
    }
}

impl Open {
    /// Opens the file for reading and writing, and brings its tables up to date.
    async fn at(path: &Path, busy: Duration) -> Result<Self, StoreError> {
        let options = options(path, busy);
        let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
        // What is deleted, and what indexes move about, leaves no traces in the file.
        let options = options.pragma("secure_delete", "ON");
        // Pages that are written again and again go into the file once for many transactions: 16 MiB of them.
        let options = options.pragma("wal_autocheckpoint", "4000");
        let writer = pool(1).connect_with(options.clone()).await?;
        if check_version(&writer, path).await? < MIGRATIONS.len() {
            migrate(&writer, path).await?;
        }
        let reader = pool(READERS).connect_lazy_with(options.pragma("query_only", "ON"));
        let place = Place::at(path).ok_or_else(|| StoreError::Gone(path.to_owned()))?;
        Ok(Self { reader, writer: Some(writer), place: Some(place), next: OnceLock::new() })
    }

    async fn close(&self) {
        let writer = async {
            if let Some(writer) = &self.writer {
                writer.close().await;
            }
        };
        tokio::join!(self.reader.close(), writer);
    }

    /// Whether these connections can be used.
    fn is_open(&self) -> bool {
        !self.reader.is_closed()
    }

    /// Writes into the store's own file what stands beside it: the file has another name now, but whoever moved it there has
    /// it. Answers whether all of it is there, and the last entry of the log.
    async fn complete(&self) -> Result<(bool, Option<Head>), sqlx::Error> {
        let Some(writer) = &self.writer else { return Ok((false, None)) };
        let mut connection = writer.acquire().await?;
        let last = sqlx::query_as("SELECT seq, hash FROM chain ORDER BY seq DESC LIMIT 1");
        let last: Option<(i64, String)> = last.fetch_optional(&mut *connection).await?;
        let checkpoint = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)");
        let checkpoint: Result<(i64, i64, i64), _> = checkpoint.fetch_one(&mut *connection).await;
        Ok((checkpoint.is_ok_and(|(busy, ..)| busy == 0), last.map(|(seq, hash)| Head { seq, hash })))
    }
}

impl Watch {
    /// Whether these connections lead to the file at the path.
    ///
    /// # Errors
    ///
    /// When they lead elsewhere: [`Sqlite::look`] opens what stands there.
    fn check(&self, open: &Open) -> Result<(), StoreError> {
        let stands = open.is_open() && FileId::at(&self.path) == open.place.map(|place| place.store);
        if stands { Ok(()) } else { Err(StoreError::Gone(self.path.clone())) }
    }

    /// Whether these connections lead to the file at the path, and to the one beside it.
    fn is_as_opened(&self, open: &Open) -> bool {
        open.is_open() && Place::at(&self.path) == open.place
    }

    /// Opens the file that stands at the path in place of the one before, once it is known to be a store.
    async fn open_anew(&self, before: &Open, last: &mut Option<Head>) -> Result<Arc<Open>, StoreError> {
        let path = &self.path;
        let place = Place::at(path).ok_or_else(|| StoreError::Gone(path.clone()))?;
        if !is_database(path)? {
            return Err(StoreError::NoStore(path.clone()));
        }
        let another = before.place.is_none_or(|before| before.store != place.store);
        let completed = tokio::time::timeout(A_MOMENT, before.complete()).await;
        let (complete, head) = completed.unwrap_or(Err(sqlx::Error::PoolTimedOut)).unwrap_or_default();
        *last = head.or(last.take());
        // Whoever still reads another file may finish; the same one must not be open with two files beside it.
        if tokio::time::timeout(A_MOMENT, before.close()).await.is_err() && !another {
            return Err(StoreError::Closed);
        }
        // What was written beside the file before must not be taken for this one's.
        if another && place.wal.is_some() && place.wal == before.place.and_then(|before| before.wal) {
            set_aside(path, complete)?;
        }
        check_store(path).await?;
        let opened = Arc::new(Open::at(path, SERVICE_BUSY).await?);
        if let Some(prepare) = self.prepare.0.get() {
            let alone = Sqlite { first: Arc::clone(&opened), watch: None };
            if let Err(why) = prepare(Store { backend: Backend::Sqlite(alone) }).await {
                opened.close().await;
                return Err(StoreError::NotPrepared(why));
            }
        }
        let path = path.display();
        tracing::warn!(%path, "the store's file was changed for another; the service goes on with that");
        if let Some(Head { seq, hash }) = last.take() {
            let same = sqlx::query("SELECT 1 FROM chain WHERE seq = $1 AND hash = $2").bind(seq).bind(&hash);
            if same.fetch_optional(&opened.reader).await?.is_none() {
                tracing::warn!(
                    %path, seq, hash,
                    "its log does not hold the last entry that this service wrote: what was shown lately may be missing in it"
                );
            }
        }
        Ok(opened)
    }
}

fn options(path: &Path, busy: Duration) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).foreign_keys(true).busy_timeout(busy)
}

fn pool(connections: u32) -> SqlitePoolOptions {
    let options = SqlitePoolOptions::new().max_connections(connections);
    options.acquire_timeout(ACQUIRE).idle_timeout(None).max_lifetime(None)
}

/// The file of that name beside the store's.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Whether the file begins as SQLite's files do. An empty one is none: a service that runs makes no store.
fn is_database(path: &Path) -> Result<bool, StoreError> {
    let mut begins = [0; 16];
    let file = File::open(path).map_err(|source| file_error(path, source))?;
    match (&file).read_exact(&mut begins) {
        Ok(()) => Ok(&begins == b"SQLite format 3\0"),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(source) => Err(file_error(path, source)),
    }
}

/// Takes away what SQLite wrote beside a file that is gone. Where the file does not hold all of that itself, it is kept
/// under another name.
fn set_aside(path: &Path, complete: bool) -> Result<(), StoreError> {
    let (wal, kept) = (beside(path, "-wal"), beside(path, "-wal.aside"));
    let moved = if complete { std::fs::remove_file(&wal) } else { std::fs::rename(&wal, &kept) };
    moved.map_err(|source| file_error(&wal, source))?;
    let index = beside(path, "-shm");
    match std::fs::remove_file(&index) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(file_error(&index, source)),
        _ => Ok(()),
    }
}

/// Refuses a database that is no store, before anything in it is changed.
async fn check_store(path: &Path) -> Result<(), StoreError> {
    let mut connection = options(path, SERVICE_BUSY).read_only(true).connect().await?;
    version(&mut connection, path).await?;
    let tables = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('chain', 'meta')";
    let tables: i64 = sqlx::query_scalar(tables).fetch_one(&mut connection).await?;
    connection.close().await?;
    if tables == 2 { Ok(()) } else { Err(StoreError::NoStore(path.to_owned())) }
}

/// Makes the folders and an empty file that only its owner may read: the files SQLite puts beside it take its mode.
fn make_file(path: &Path) -> Result<(), StoreError> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|source| file_error(parent, source))?;
    }
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|source| file_error(path, source))
}

/// Takes the lock of the one service. It stands in a file of its own, because SQLite locks its own files.
pub(super) fn lock(path: &Path) -> Result<File, StoreError> {
    let name = beside(path, ".lock");
    let file = OpenOptions::new().create(true).append(true).open(&name);
    let file = file.map_err(|source| file_error(&name, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Held(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(file_error(&name, source)),
    }
}

fn file_error(path: &Path, source: io::Error) -> StoreError {
    StoreError::File { path: path.to_owned(), source }
}

/// How many migrations the tables have had, when this program can use them; those of a later version may have had more.
async fn check_version(pool: &SqlitePool, path: &Path) -> Result<usize, StoreError> {
    version(&mut *pool.acquire().await?, path).await
}

async fn version(connection: &mut SqliteConnection, path: &Path) -> Result<usize, StoreError> {
    let needed: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *connection).await?;
    let newer = || StoreError::Newer { path: path.to_owned(), found: needed, known: NEEDED as i64 };
    let needed = usize::try_from(needed).ok().filter(|needed| *needed <= NEEDED).ok_or_else(newer)?;
    if needed < NEEDED {
        return Ok(needed);
    }
    let schema = sqlx::query_scalar("SELECT value FROM meta WHERE name = 'schema'");
    let schema: Option<i64> = schema.fetch_optional(connection).await?;
    Ok(schema.and_then(|schema| usize::try_from(schema).ok()).unwrap_or(NEEDED).max(NEEDED))
}

/// Brings the tables up to date in one transaction, which also keeps two processes from doing it at once.
async fn migrate(writer: &SqlitePool, path: &Path) -> Result<(), StoreError> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    let done = version(&mut transaction, path).await?;
    for script in MIGRATIONS.iter().skip(done) {
        sqlx::raw_sql(*script).execute(&mut *transaction).await?;
    }
    // A pragma takes no bound values; the number is ours.
    let stamp = format!("PRAGMA user_version = {NEEDED}");
    sqlx::raw_sql(AssertSqlSafe(stamp)).execute(&mut *transaction).await?;
    Ok(transaction.commit().await?)
}
