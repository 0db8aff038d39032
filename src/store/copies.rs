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

/// Whether a service runs on the store that a URL names.
pub(crate) fn is_served(url: &str) -> bool {
    matches!(file_of(url).and_then(|path| sqlite::lock(&path)), Err(StoreError::Held(_)))
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

/// Notes that no service runs on this store: see `meta.running`.
pub(crate) async fn no_service_runs(store: &Store) -> Result<(), StoreError> {
    let mut transaction = store.begin_write().await?;
    sqlx::query("UPDATE meta SET value = 0 WHERE name = 'running'").execute(&mut *transaction).await?;
    Ok(transaction.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Access;
    use crate::store::testing::test_store;

    #[tokio::test]
    async fn what_is_blanked_in_a_copy_stands_nowhere_in_its_file() {
        let held = test_store().await;
        // Enough for the table's first page to be split, which leaves what it held in its unused part.
        let rows: Vec<String> = (1..=20)
            .map(|seq| format!("({seq}, x'00', CAST('personal-{seq} {}' AS BLOB))", "word ".repeat(500)))
            .collect();
        held.tamper(&format!("INSERT INTO payloads (seq, salt, bytes) VALUES {}", rows.join(", "))).await;
        let path = held.dir.path().join("copy.db");
        let reading = Store::open(&held.url, Access::ReadOnly).await.unwrap();
        copy_into(&reading, &path).await.unwrap();
        let found = |path: &Path| {
            let bytes = std::fs::read(path).unwrap();
            bytes.windows(9).filter(|window| window == b"personal-").count()
        };
        assert!(found(&path) >= 20);
        let copy = Store::open(&url_of(&path), Access::Beside).await.unwrap();
        let blank = sqlx::raw_sql("UPDATE payloads SET salt = NULL, bytes = NULL");
        blank.execute(copy.writer().unwrap()).await.unwrap();
        assert!(copy.shorten_log().await.unwrap());
        copy.close().await;
        assert_eq!(found(&path), 0);
    }
}
