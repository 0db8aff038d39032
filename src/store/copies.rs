//! Copies of a store: made while others write, and put in a store's place.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::{Store, StoreError, sqlite};

/// What SQLite keeps beside a store's file.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// The file that a URL names.
///
/// # Errors
///
/// When it names none.
pub(crate) fn file_of(url: &str) -> Result<PathBuf, StoreError> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Err(StoreError::Postgres);
    }
    let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"));
    let path = path.filter(|path| !path.is_empty() && !path.starts_with(':'));
    path.map(PathBuf::from).ok_or_else(|| StoreError::Url(url.to_owned()))
}

/// The URL of a store in a file.
pub(crate) fn url_of(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

/// Keeps every service away from the store in a file until it is dropped.
///
/// # Errors
///
/// When a service runs on it.
pub(crate) fn keep_services_away(path: &Path) -> Result<File, StoreError> {
    sqlite::lock(path)
}

/// Gives the file of a store, and what SQLite keeps beside it, another name. Nothing may be open of either.
///
/// # Errors
///
/// When a file cannot be renamed; those that were are named back.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    // What was written last goes first: a file without it would be an older store.
    for ending in BESIDE {
        match std::fs::rename(with(from, ending), with(to, ending)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    std::fs::rename(from, to).inspect_err(|_| {
        for ending in BESIDE {
            let _ = std::fs::rename(with(to, ending), with(from, ending));
        }
    })
}

/// Removes what SQLite keeps beside the file of a store that is given up.
pub(crate) fn clear_beside(path: &Path) {
    for ending in BESIDE {
        let _ = std::fs::remove_file(with(path, ending));
    }
}

fn with(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// How many bytes a copy has, about.
pub(crate) async fn size(store: &Store) -> Result<u64, StoreError> {
    let query = sqlx::query_scalar::<_, i64>(
        "SELECT (p.page_count - f.freelist_count) * s.page_size
         FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size s",
    );
    Ok(u64::try_from(query.fetch_one(store.reader()).await?).unwrap_or(0))
}

/// Writes the store as it is at this instant into an empty file. Whoever writes meanwhile is not held up.
pub(crate) async fn copy_into(store: &Store, path: &Path) -> Result<(), StoreError> {
    let path = path.to_str().ok_or_else(|| StoreError::Url(path.display().to_string()))?;
    sqlx::query("VACUUM INTO $1").bind(path).execute(store.reader()).await?;
    Ok(())
}
