//! Copies of the log: made while a service writes it, and put back in place of it. What was erased since a copy was made is
//! erased from it again before anybody is served.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tempfile::{Builder, NamedTempFile};

use super::erase::{self, EraseError};
use super::records::{Event, GapCause, GapRecord};
use super::{append_beside, chain, verify};
use crate::store::log::Snapshot;
use crate::store::{Access, Store, StoreError, copies};

/// How many entries at the end of a backup are checked at least.
const TAIL: i64 = 1_000;
/// How often progress is told.
const TELL: Duration = Duration::from_millis(200);
/// How many bytes are read at once.
const CHUNK: usize = 1024 * 1024;
/// How long it is tried to bring what was erased out of a restored store's files.
const SWEEP: Duration = Duration::from_secs(10);

/// A copy of the log.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Backup {
    /// Its file.
    pub file: PathBuf,
    /// How large it is, in bytes.
    pub bytes: u64,
    /// Its SHA-256, in lowercase hex.
    pub sha256: String,
    /// How many entries its log has.
    pub entries: u64,
    /// The hash of the last of them; `None` of an empty log.
    pub head: Option<String>,
}

/// A log that was put back.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Restored {
    /// How many entries the backup's log had.
    pub entries: u64,
    /// The hash of the last of them; `None` of an empty log.
    pub head: Option<String>,
    /// When the last of them was made.
    pub until: Option<Timestamp>,
    /// How many erasures were carried out again.
    pub erasures: usize,
    /// Where the store is that stood there before; `None` where there was none.
    pub aside: Option<PathBuf>,
}

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is something in its place already.
    #[error("{} is there already; name another file, or take it away", .0.display())]
    Exists(PathBuf),
    /// The backup's log is not in order.
    #[error("{} is not restored: {said}", path.display())]
    Broken {
        /// The backup.
        path: PathBuf,
        /// What is wrong.
        said: String,
    },
    /// An erasure cannot be carried out again.
    #[error(transparent)]
    Erase(#[from] EraseError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn file(path: &Path) -> impl Fn(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::File { path: path.clone(), source }
}

/// Writes a copy of the store, as it is at this instant, to a file that only its owner may read. It is there whole or not at
/// all. `progress` is told how many bytes are written, and of how many.
///
/// # Errors
///
/// When the file is there already or cannot be written, or the store cannot be read.
pub async fn backup(
    store: &Store,
    target: &Path,
    mut progress: impl FnMut(u64, u64),
) -> Result<Backup, BackupError> {
    if target.exists() {
        return Err(BackupError::Exists(target.to_owned()));
    }
    let total = copies::size(store).await?;
    let temporary = beside(target)?;
    {
        let mut copying = std::pin::pin!(copies::copy_into(store, temporary.path()));
        loop {
            tokio::select! {
                copied = &mut copying => break copied?,
                () = tokio::time::sleep(TELL) => {
                    let written = temporary.path().metadata().map_or(0, |metadata| metadata.len());
                    progress(written.min(total), total);
                }
            }
        }
    }
    temporary.as_file().sync_all().map_err(file(target))?;
    let copy = Store::open(&copies::url_of(temporary.path()), Access::ReadOnly).await?;
    let (entries, head) = end(&mut Snapshot::begin(&copy).await?).await?;
    copy.close().await;
    let path = temporary.path().to_owned();
    let hashed = tokio::task::spawn_blocking(move || hash(&path)).await;
    let (bytes, sha256) =
        hashed.map_err(|error| file(target)(io::Error::other(error)))?.map_err(file(target))?;
    keep(temporary, target)?;
    Ok(Backup { file: target.to_owned(), bytes, sha256, entries, head: head.map(|(hash, _)| hash) })
}

/// Copies a key file beside a backup, for its owner alone.
///
/// # Errors
///
/// When there is one already, or it cannot be read or written.
pub fn copy_key(from: &Path, to: &Path) -> Result<(), BackupError> {
    let mut temporary = beside(to)?;
    let key = std::fs::read(from).map_err(file(from))?;
    temporary.write_all(&key).and_then(|()| temporary.as_file().sync_all()).map_err(file(to))?;
    keep(temporary, to)
}

/// Puts a backup in the place of the store at `url`, which must not be served meanwhile. What stands there is moved aside and
/// never deleted. The end of the backup's log is checked, or with `whole` all of it; every erasure noted in `dir` that it
/// does not hold is carried out again; and its log then says that records are missing. `progress` is told how many bytes
/// are copied, and of how many.
///
/// # Errors
///
/// When a service runs on the store, the backup is none or not in order, or an erasure cannot be carried out. Then the
/// store is as it was.
pub async fn restore(
    url: &str,
    dir: &Path,
    backup: &Path,
    whole: bool,
    now: Timestamp,
    mut progress: impl FnMut(u64, u64),
) -> Result<Restored, BackupError> {
    let mut source = File::open(backup).map_err(file(backup))?;
    let size = source.metadata().map_err(file(backup))?.len();
    let path = copies::file_of(url)?;
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(file(folder))?;
    let _alone = copies::keep_services_away(&path)?;
    let mut temporary = beside(&path)?;
    let (mut copied, mut chunk) = (0, vec![0; CHUNK]);
    loop {
        let read = source.read(&mut chunk).map_err(file(backup))?;
        let Some(part) = chunk.get(..read).filter(|part| !part.is_empty()) else { break };
        temporary.write_all(part).map_err(file(&path))?;
        copied += read as u64;
        progress(copied, size);
    }
    temporary.as_file().sync_all().map_err(file(&path))?;
    let prepared = prepare(temporary.path(), dir, backup, whole, now).await;
    copies::clear_beside(temporary.path());
    let (entries, end, erasures) = prepared?;

    let aside = match path.exists() {
        false => None,
        true => {
            let mut name = path.as_os_str().to_owned();
            name.push(format!(".before-restore-{}", now.strftime("%Y%m%dT%H%M%SZ")));
            let aside = PathBuf::from(name);
            if aside.exists() {
                return Err(BackupError::Exists(aside));
            }
            copies::rename(&path, &aside).map_err(file(&path))?;
            Some(aside)
        }
    };
    if let Err(error) = keep(temporary, &path) {
        if let Some(aside) = &aside {
            copies::rename(aside, &path).map_err(file(aside))?;
        }
        return Err(error);
    }
    let until = end.as_ref().map(|(_, at)| *at);
    Ok(Restored { entries, head: end.map(|(hash, _)| hash), until, erasures, aside })
}

/// The last entry of a log: hash and time.
type End = Option<(String, Timestamp)>;

/// Checks a copy and brings it to where it may be served. All of it is in its file afterwards.
async fn prepare(
    copy: &Path,
    dir: &Path,
    backup: &Path,
    whole: bool,
    now: Timestamp,
) -> Result<(u64, End, usize), BackupError> {
    let store = match Store::open(&copies::url_of(copy), Access::Beside).await {
        Err(StoreError::Database(error)) => {
            let said = format!("it is no store: {error}");
            return Err(BackupError::Broken { path: backup.to_owned(), said });
        }
        opened => opened?,
    };
    let prepared = prepare_store(&store, dir, backup, whole, now).await;
    store.close().await;
    prepared
}

async fn prepare_store(
    store: &Store,
    dir: &Path,
    backup: &Path,
    whole: bool,
    now: Timestamp,
) -> Result<(u64, End, usize), BackupError> {
    let broken = |said: String| BackupError::Broken { path: backup.to_owned(), said };
    let mut snapshot = Snapshot::begin(store).await?;
    let (entries, end) = self::end(&mut snapshot).await?;
    check_end(&mut snapshot).await.map_err(broken)?;
    drop(snapshot);
    if whole && let Some(fault) = verify::verify(store, None, |_, _| ()).await?.fault {
        return Err(broken(fault.explanation));
    }
    // The service beside which the copy was made is not one that ended badly.
    copies::no_service_runs(store).await?;
    if let Some((_, from)) = &end {
        let gap = GapRecord { from: *from, to: now, count: 0, cause: Some(GapCause::Restored) };
        append_beside(store, Event::Gap(gap)).await?;
    }
    let erasures = erase::resume(store, dir, now).await?;
    match erase::sweep(store, SWEEP).await? {
        true => Ok((entries, end, erasures)),
        false => Err(broken("somebody else reads the copy that was being prepared".to_owned())),
    }
}

async fn end(snapshot: &mut Snapshot) -> Result<(u64, End), StoreError> {
    let last = snapshot.look().last().await?;
    let page = snapshot.page(last - 1, 1).await?;
    let end = page.into_iter().next().map(|beside| (beside.entry.hash, beside.entry.at));
    Ok((u64::try_from(last).unwrap_or(0), end))
}

/// Whether the last entries follow one another.
async fn check_end(snapshot: &mut Snapshot) -> Result<(), String> {
    let said = |error: StoreError| error.to_string();
    let last = snapshot.look().last().await.map_err(said)?;
    let (mut after, mut prev) = ((last - TAIL).max(0), None::<String>);
    while after < last {
        for beside in snapshot.page(after, 50).await.map_err(said)? {
            let entry = beside.entry;
            let follows = entry.seq == after + 1 && prev.as_ref().is_none_or(|prev| *prev == entry.prev);
            let whole = entry.bytes.is_empty() || chain::hash(&entry.prev, &entry.bytes) == entry.hash;
            if !follows || !whole {
                return Err(format!(
                    "its log is not in order at entry {}; `copyrail audit verify` says more",
                    entry.seq
                ));
            }
            (after, prev) = (entry.seq, Some(entry.hash));
        }
    }
    Ok(())
}

/// A file beside `target` that only its owner may read, and that goes unless it is kept.
fn beside(target: &Path) -> Result<NamedTempFile, BackupError> {
    let folder = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Builder::new().prefix(".copyrail-").suffix(".part").tempfile_in(folder).map_err(file(folder))
}

/// Gives a file its name, durably.
fn keep(temporary: NamedTempFile, target: &Path) -> Result<(), BackupError> {
    temporary.persist_noclobber(target).map_err(|failed| match failed.error.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists(target.to_owned()),
        _ => file(target)(failed.error),
    })?;
    let folder = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(file(folder))
}

/// How large a file is, and its SHA-256.
fn hash(path: &Path) -> io::Result<(u64, String)> {
    let (mut file, mut digest, mut size) = (File::open(path)?, Sha256::new(), 0);
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = file.read(&mut chunk)?;
        let Some(part) = chunk.get(..read).filter(|part| !part.is_empty()) else { break };
        digest.update(part);
        size += read as u64;
    }
    Ok((size, chain::hex(&digest.finalize())))
}
