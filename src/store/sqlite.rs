//! SQLite: opening the file, the lock that keeps a second service away, and the tables.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, SqliteConnection, SqlitePool};

use super::{Access, StoreError};

/// How long a statement waits for another process that writes.
const BUSY: Duration = Duration::from_secs(5);
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
];
/// What a program must know to use the tables, as `user_version`: raised only by a migration after which a program that
/// does not know it would read or write what is wrong. Up to version 5 it was the number of migrations.
const NEEDED: usize = 5;

/// The connections to one file.
#[derive(Clone, Debug)]
pub(super) struct Sqlite {
    pub(super) reader: SqlitePool,
    /// One connection, so that writers of this process queue up instead of finding the file busy. None when the
    /// store was opened for reading.
    pub(super) writer: Option<SqlitePool>,
    /// Held while this process serves. The system lets it go with the process, however that ends.
    _lock: Option<Arc<File>>,
}

impl Sqlite {
    pub(super) async fn open(path: PathBuf, access: Access) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new().filename(&path).foreign_keys(true).busy_timeout(BUSY);
        let pool = || SqlitePoolOptions::new().acquire_timeout(ACQUIRE).idle_timeout(None).max_lifetime(None);
        if access == Access::ReadOnly {
            if !path.exists() {
                return Err(StoreError::Missing(path));
            }
            let reader = pool().max_connections(READERS).connect_with(options.read_only(true)).await?;
            if check_version(&reader, &path).await? < MIGRATIONS.len() {
                return Err(StoreError::Older(path));
            }
            return Ok(Self { reader, writer: None, _lock: None });
        }
        make_file(&path)?;
        let lock = if access == Access::Serve { Some(Arc::new(lock(&path)?)) } else { None };
        let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
        let writer = pool().max_connections(1).connect_with(options.clone()).await?;
        if check_version(&writer, &path).await? < MIGRATIONS.len() {
            migrate(&writer, &path).await?;
        }
        let options = options.pragma("query_only", "ON");
        let reader = pool().max_connections(READERS).connect_lazy_with(options);
        Ok(Self { reader, writer: Some(writer), _lock: lock })
    }

    pub(super) async fn close(&self) {
        self.reader.close().await;
        if let Some(writer) = &self.writer {
            writer.close().await;
        }
    }
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
fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = OpenOptions::new().create(true).append(true).open(&name);
    let file = file.map_err(|source| file_error(Path::new(&name), source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Held(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(file_error(Path::new(&name), source)),
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
