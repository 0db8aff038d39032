//! Where everything durable is kept: the seam that audit, catalogue, keys, policies, opinions and the ledger stand on.
//!
//! A backend is a variant of an enum, and the statements stand here, by topic, so that the rooms above know no SQL.
//! This room knows nothing of what a record means, how entries are chained, or what a product is.

pub(crate) mod copies;
pub(crate) mod counts;
pub mod desk;
pub(crate) mod export;
pub mod filters;
pub(crate) mod forget;
pub mod idempotency;
pub(crate) mod index;
pub mod keys;
pub mod ledger;
pub(crate) mod log;
pub mod opinions;
pub mod policies;
pub(crate) mod products;
mod proof;
mod sqlite;
pub mod stops;
pub(crate) mod texts;
pub mod users;
pub(crate) mod waiting;

use std::path::PathBuf;
use std::pin::Pin;

use jiff::Timestamp;

use sqlite::Sqlite;

/// What a process wants of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The service: reads and writes, and holds the store against every other service until it ends.
    Serve,
    /// A command that writes beside a running service, such as `keys new`.
    Beside,
    /// A command that only reads, such as `audit verify`. The store must exist.
    ReadOnly,
    /// A command that only reads what stores of every version hold, and changes no tables for it. The store must exist.
    Glance,
}

/// What is done to a store that takes the place of the one that was open, before anybody else reads it or writes to it; it
/// says why it could not be done.
pub type Prepare = dyn Fn(Store) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync;

/// An open store. Clones share its connections; the store is let go when the last of them is dropped.
#[derive(Clone, Debug)]
pub struct Store {
    backend: Backend,
}

#[derive(Clone, Debug)]
enum Backend {
    Sqlite(Sqlite),
}

impl Store {
    /// Opens the store that `url` names, such as `sqlite:data/copyrail.db`, and brings its tables up to date.
    /// Relative paths are relative to the working directory; missing folders and a missing file are made, unless the
    /// access is read-only.
    ///
    /// # Errors
    ///
    /// When the URL names no store of this version, another service holds the store, a newer version wrote it, or
    /// the file cannot be opened.
    pub async fn open(url: &str, access: Access) -> Result<Self, StoreError> {
        let backend = Backend::Sqlite(Sqlite::open(copies::file_of(url)?, access).await?);
        Ok(Self { backend })
    }

    /// Waits until every connection is closed. Clones of the store cannot be used afterwards.
    pub async fn close(&self) {
        match &self.backend {
            Backend::Sqlite(db) => db.close().await,
        }
    }

    /// Looks whether a service's store is still the one that stands there, and opens what does where it is another: one
    /// that was put back, or a backup. Each write looks by itself.
    ///
    /// # Errors
    ///
    /// When nothing stands there, or no store of this version; then neither reading nor writing succeeds until one does.
    pub async fn look(&self) -> Result<(), StoreError> {
        match &self.backend {
            Backend::Sqlite(db) => db.look().await,
        }
    }

    /// Has this done to every store that takes the place of a service's, from now on. Where it cannot be done, nobody reads
    /// that store or writes to it, and it is tried again at the next look. The first to be named stays.
    pub fn prepare_others(&self, prepare: Box<Prepare>) {
        match &self.backend {
            Backend::Sqlite(db) => db.prepare_others(prepare),
        }
    }

    /// How often another store took the place of the one that was open: what was read of the one before may not be so in
    /// this one.
    pub fn changes(&self) -> u64 {
        match &self.backend {
            Backend::Sqlite(db) => db.changes(),
        }
    }

    /// The connections to read with.
    fn reader(&self) -> &sqlx::SqlitePool {
        match &self.backend {
            Backend::Sqlite(db) => db.reader(),
        }
    }

    /// The one connection to write with.
    fn writer(&self) -> Result<&sqlx::SqlitePool, StoreError> {
        match &self.backend {
            Backend::Sqlite(db) => db.writer(),
        }
    }

    /// Begins a transaction that holds the right to write from its first statement on, so that what it reads is
    /// still true when it writes.
    async fn begin_write(&self) -> Result<sqlx::SqliteTransaction<'static>, StoreError> {
        self.look().await?;
        let writer = self.writer()?;
        let begin = || writer.begin_with("BEGIN IMMEDIATE");
        match begin().await {
            // A full disk makes SQLite roll back by itself. The library's own roll-back then fails, and it goes on
            // believing that the connection is inside a transaction: only another connection can begin one.
            Err(sqlx::Error::InvalidSavePointStatement) => {
                writer.acquire().await?.close().await?;
                Ok(begin().await?)
            }
            begun => Ok(begun?),
        }
    }
}

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL is of no kind that is known.
    #[error("`{0}` names no store; write `sqlite:` and a path, such as `sqlite:data/copyrail.db`")]
    Url(String),
    /// PostgreSQL is not supported yet.
    #[error("this version keeps its log in SQLite only; write `sqlite:` and a path in `[store] url`")]
    Postgres,
    /// Another service runs on this store.
    #[error("another copyrail serve holds {}; stop it, or give this one a store of its own", .0.display())]
    Held(PathBuf),
    /// There is nothing to read.
    #[error("there is no store at {}; check `[store] url`, or run `copyrail serve` first", .0.display())]
    Missing(PathBuf),
    /// The tables are those of an earlier version, and may not be changed by a command that only reads.
    #[error("{} was written by an older copyrail; run `copyrail keys list` or `copyrail serve` once to bring its tables up to date", .0.display())]
    Older(PathBuf),
    /// The tables are of a version that this program does not know.
    #[error("{} was written by a newer copyrail (tables {found}, this one knows {known}); use that version", path.display())]
    Newer {
        /// The store's file.
        path: PathBuf,
        /// The version of the tables.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// The file that a running service had open is gone from its place.
    #[error("the store's file {} is gone; put it back, or restore a backup: the service goes on by itself", .0.display())]
    Gone(PathBuf),
    /// What stands in the place of a running service's file is no store.
    #[error("{} is not copyrail's store any more; put the store back, or restore a backup: the service goes on by itself", .0.display())]
    NoStore(PathBuf),
    /// What stands in the place of a running service's file may not be used yet.
    #[error("the store that was put in place is not used yet: {0}")]
    NotPrepared(String),
    /// Somebody would read while a running service's file is gone, or after the end.
    #[error("the store is not open: its file is gone or was changed, or the service ends")]
    Closed,
    /// A write through a store that was opened for reading.
    #[error("the store was opened for reading only")]
    ReadOnly,
    /// A file or folder could not be made, opened or locked.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It does not answer; what it was asked may happen all the same.
    #[error("the store did not answer within {} ms; another process may hold it, or its disk hangs", .0.as_millis())]
    Slow(std::time::Duration),
    /// What was read is not what copyrail writes.
    #[error("the store holds something unreadable: {0}; run `copyrail audit verify`")]
    Corrupt(String),
    /// The database refused or failed.
    #[error("the store failed: {0}")]
    Database(#[source] sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolClosed => Self::Closed,
            other => Self::Database(other),
        }
    }
}

/// A time as the tables keep it: microseconds since 1970, UTC.
fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// A time read from a table.
pub(crate) fn timestamp(micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros).map_err(|e| StoreError::Corrupt(e.to_string()))
}

/// JSON read from a table.
fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|e| StoreError::Corrupt(e.to_string()))
}

/// JSON for a table.
fn to_json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Corrupt(e.to_string()))
}

#[cfg(test)]
pub(crate) mod testing {
    //! Real stores in temporary folders.

    use super::*;

    /// A store opened for a service, in a folder that goes with it.
    pub(crate) struct TestStore {
        pub(crate) store: Store,
        pub(crate) url: String,
        pub(crate) dir: tempfile::TempDir,
    }

    pub(crate) async fn test_store() -> TestStore {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("copyrail.db").display());
        let store = Store::open(&url, Access::Serve).await.unwrap();
        TestStore { store, url, dir }
    }

    impl TestStore {
        /// Runs statements behind copyrail's back.
        pub(crate) async fn tamper(&self, sql: &str) {
            let sql = sqlx::AssertSqlSafe(sql.to_owned());
            sqlx::raw_sql(sql).execute(self.store.writer().unwrap()).await.unwrap();
        }

        /// The payload of an entry: salt and bytes.
        pub(crate) async fn payload(&self, seq: i64) -> (Vec<u8>, Vec<u8>) {
            let query = sqlx::query_as("SELECT salt, bytes FROM payloads WHERE seq = $1");
            query.bind(seq).fetch_one(self.store.writer().unwrap()).await.unwrap()
        }

        /// Puts it back.
        pub(crate) async fn put_payload(&self, seq: i64, (salt, bytes): (Vec<u8>, Vec<u8>)) {
            let query = sqlx::query("UPDATE payloads SET salt = $2, bytes = $3 WHERE seq = $1");
            query.bind(seq).bind(salt).bind(bytes).execute(self.store.writer().unwrap()).await.unwrap();
        }

        /// One number, by a statement.
        pub(crate) async fn number(&self, sql: &str) -> i64 {
            let sql = sqlx::AssertSqlSafe(sql.to_owned());
            sqlx::query_scalar(sql).fetch_one(self.store.writer().unwrap()).await.unwrap()
        }
    }

    /// A time for tests: this many seconds into the contract's November.
    pub(crate) fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + seconds).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::testing::test_store;
    use super::*;

    #[tokio::test]
    async fn a_full_disk_is_over_when_it_is_over() {
        let held = test_store().await;
        let writer = held.store.writer().unwrap();
        let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(writer).await.unwrap();
        let limit = format!("PRAGMA max_page_count = {}", pages + 1);
        let _: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(limit)).fetch_one(writer).await.unwrap();
        let write = async || {
            let mut transaction = held.store.begin_write().await?;
            let insert = "INSERT INTO texts (hash, text) VALUES ('long', hex(zeroblob(1000000)))";
            sqlx::query(insert).execute(&mut *transaction).await?;
            Ok::<_, StoreError>(transaction.commit().await?)
        };
        let full = write().await.unwrap_err();
        assert!(full.to_string().contains("full"), "{full}");
        // The limit was the connection's own, so it went with the one that was given up.
        write().await.unwrap();
    }

    #[tokio::test]
    async fn a_store_is_served_by_one_process_and_read_beside_it() {
        let held = test_store().await;
        let second = Store::open(&held.url, Access::Serve).await.unwrap_err();
        assert!(second.to_string().starts_with("another copyrail serve holds "), "{second}");
        Store::open(&held.url, Access::Beside).await.unwrap();
        let reading = Store::open(&held.url, Access::ReadOnly).await.unwrap();
        assert!(matches!(reading.begin_write().await, Err(StoreError::ReadOnly)));

        let (url, dir) = (held.url, held.dir);
        drop(held.store);
        Store::open(&url, Access::Serve).await.unwrap();
        drop(dir);
    }

    #[tokio::test]
    async fn urls_that_name_no_store_say_what_to_write() {
        let fault = async |url: &str| Store::open(url, Access::Serve).await.unwrap_err().to_string();
        assert!(fault("postgres://db/copyrail").await.contains("SQLite only"));
        assert!(fault("data/copyrail.db").await.contains("write `sqlite:` and a path"));
        assert!(fault("sqlite::memory:").await.contains("write `sqlite:` and a path"));
        let missing = Store::open("sqlite:/nowhere/at/all.db", Access::ReadOnly).await.unwrap_err();
        assert!(missing.to_string().contains("there is no store at /nowhere/at/all.db"));
    }

    #[tokio::test]
    async fn folders_are_made_and_a_newer_store_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("a/b/copyrail.db").display());
        let store = Store::open(&url, Access::Beside).await.unwrap();
        sqlx::raw_sql("PRAGMA user_version = 99").execute(store.writer().unwrap()).await.unwrap();
        store.close().await;
        let newer = Store::open(&url, Access::Serve).await.unwrap_err();
        assert!(newer.to_string().contains("written by a newer copyrail"), "{newer}");
    }

    #[tokio::test]
    async fn a_store_of_an_earlier_version_is_brought_up_to_date_by_whoever_may_write() {
        let held = test_store().await;
        let script = "DROP TABLE reviews; DROP TABLE idempotency; DROP TABLE opinions; DROP TABLE verdicts; DROP TABLE ledger; DROP TABLE users; DROP TABLE minutes; DROP TABLE generation_index; DROP TABLE serve_index; DROP TABLE text_rows; DROP TABLE text_index; DROP TABLE review_states; DROP TABLE revisions; DROP TABLE holds; DROP TABLE erased; DROP TABLE stops; DROP TABLE rejections; DROP TABLE purges; DROP TABLE nodes; DROP TABLE proposals; DROP TABLE approvals; DROP TABLE rollbacks; DROP TABLE counts; DROP TABLE awaiting; DROP TABLE filters; DROP TABLE assignments; DROP TABLE decisions; DROP INDEX chain_receipts; DROP INDEX catalogue_name; DELETE FROM meta WHERE name NOT LIKE 'catalogue%'; PRAGMA user_version = 1; INSERT INTO texts VALUES ('h', 't')";
        sqlx::raw_sql(script).execute(held.store.writer().unwrap()).await.unwrap();
        let older = Store::open(&held.url, Access::ReadOnly).await.unwrap_err();
        assert!(older.to_string().contains("written by an older copyrail; run"), "{older}");
        Store::open(&held.url, Access::Beside).await.unwrap().close().await;
        Store::open(&held.url, Access::ReadOnly).await.unwrap();
        assert_eq!(held.number("SELECT count(*) FROM texts").await, 1);
        assert_eq!(held.number("SELECT count(*) FROM reviews").await, 0);
    }

    /// A text in the store, and whether it could be kept.
    async fn keep(store: &Store, text: &str) -> Result<(), StoreError> {
        let mut transaction = store.begin_write().await?;
        let insert = sqlx::query("INSERT INTO texts (hash, text) VALUES ($1, $1)").bind(text);
        insert.execute(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }

    async fn kept(store: &Store) -> Result<Vec<String>, StoreError> {
        let query = sqlx::query_scalar("SELECT hash FROM texts ORDER BY hash");
        Ok(query.fetch_all(store.reader()).await?)
    }

    #[tokio::test]
    async fn a_store_that_is_gone_is_noticed_and_put_back_it_goes_on() {
        let held = test_store().await;
        let (path, elsewhere) = (held.dir.path().join("copyrail.db"), held.dir.path().join("elsewhere.db"));
        keep(&held.store, "a").await.unwrap();
        std::fs::rename(&path, &elsewhere).unwrap();
        for _ in 0..2 {
            let gone = keep(&held.store, "lost").await.unwrap_err();
            assert!(matches!(gone, StoreError::Gone(_)), "{gone}");
            assert!(matches!(kept(&held.store).await, Err(StoreError::Closed)));
            assert!(held.store.writer().is_err());
        }
        assert!(!path.exists(), "a service that runs makes no store");
        std::fs::rename(&elsewhere, &path).unwrap();
        assert_eq!(kept(&held.store).await.unwrap(), ["a"]);
        keep(&held.store, "b").await.unwrap();
        assert_eq!((kept(&held.store).await.unwrap().len(), held.store.changes()), (2, 0));

        // What is written lately stands in a file of its own, which can be taken away too.
        std::fs::remove_file(held.dir.path().join("copyrail.db-wal")).unwrap();
        keep(&held.store, "c").await.unwrap();
        assert_eq!(held.store.changes(), 1);
        let beside = Store::open(&held.url, Access::ReadOnly).await.unwrap();
        assert_eq!(kept(&beside).await.unwrap(), ["a", "b", "c"]);
    }

    #[tokio::test]
    async fn another_store_in_its_place_is_opened_and_what_is_no_store_is_refused() {
        let held = test_store().await;
        let file = |name: &str| held.dir.path().join(name);
        let path = file("copyrail.db");
        keep(&held.store, "a").await.unwrap();
        let backup = format!("VACUUM INTO '{}'", file("backup.db").display());
        sqlx::raw_sql(sqlx::AssertSqlSafe(backup)).execute(held.store.writer().unwrap()).await.unwrap();
        keep(&held.store, "after the backup").await.unwrap();

        std::fs::rename(&path, file("moved.db")).unwrap();
        let foreign =
            sqlx::sqlite::SqliteConnectOptions::new().filename(file("foreign.db")).create_if_missing(true);
        let mut connection = sqlx::ConnectOptions::connect(&foreign).await.unwrap();
        sqlx::raw_sql("CREATE TABLE chain (a)").execute(&mut connection).await.unwrap();
        sqlx::Connection::close(connection).await.unwrap();
        let foreign = std::fs::read(file("foreign.db")).unwrap();
        for bytes in [&b""[..], b"Not a database, and longer than its first words.", &foreign] {
            std::fs::write(&path, bytes).unwrap();
            let refused = keep(&held.store, "lost").await.unwrap_err();
            assert!(matches!(refused, StoreError::NoStore(_)), "{refused}");
            assert!(kept(&held.store).await.is_err());
            assert_eq!(std::fs::read(&path).unwrap(), bytes, "nothing in it is changed");
            std::fs::remove_file(&path).unwrap();
        }

        std::fs::rename(file("backup.db"), &path).unwrap();
        keep(&held.store, "b").await.unwrap();
        assert_eq!(kept(&held.store).await.unwrap(), ["a", "b"]);
        assert_eq!(held.store.changes(), 1);
        // The one that was moved away is whole, and holds nothing that was written since.
        let moved = format!("sqlite:{}", file("moved.db").display());
        let moved = Store::open(&moved, Access::ReadOnly).await.unwrap();
        assert_eq!(kept(&moved).await.unwrap(), ["a", "after the backup"]);
    }

    #[tokio::test]
    async fn a_store_that_was_put_in_place_is_used_only_once_it_is_prepared() {
        let held = test_store().await;
        let (path, elsewhere) = (held.dir.path().join("copyrail.db"), held.dir.path().join("elsewhere.db"));
        keep(&held.store, "a").await.unwrap();
        let backup = format!("VACUUM INTO '{}'", elsewhere.display());
        sqlx::raw_sql(sqlx::AssertSqlSafe(backup)).execute(held.store.writer().unwrap()).await.unwrap();
        let (tries, service) = (std::sync::atomic::AtomicU32::new(0), held.store.clone());
        held.store.prepare_others(Box::new(move |other| {
            let (first, service) =
                (tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0, service.clone());
            Box::pin(async move {
                assert!(kept(&service).await.is_err() && service.writer().is_err(), "nobody else has it");
                keep(&other, if first { "half" } else { "whole" })
                    .await
                    .map_err(|error| error.to_string())?;
                if first { Err("a disk failed".to_owned()) } else { Ok(()) }
            })
        }));
        std::fs::rename(&elsewhere, &path).unwrap();
        let refused = keep(&held.store, "lost").await.unwrap_err();
        assert_eq!(refused.to_string(), "the store that was put in place is not used yet: a disk failed");
        assert!(kept(&held.store).await.is_err());
        assert_eq!(held.store.changes(), 0);
        held.store.look().await.unwrap();
        assert_eq!(kept(&held.store).await.unwrap(), ["a", "half", "whole"]);
        keep(&held.store, "b").await.unwrap();
        assert_eq!(held.store.changes(), 1);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn only_the_owner_may_read_the_file() {
        use std::os::unix::fs::PermissionsExt;
        let held = test_store().await;
        let mode = std::fs::metadata(held.dir.path().join("copyrail.db")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
