//! Policies that were accepted, by kind and content hash: the last good one survives restarts, older ones can be
//! shown and put back in force. Knows nothing of what the files mean.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Store, StoreError, from_json, micros, to_json};

/// The text of each file, by its path.
pub type Files = BTreeMap<String, String>;

/// Keeps a set of files that was accepted at `at`. `kind` tells sets of files apart (`guardrails`, `prompts`), `hash`
/// is the set's revision. Accepting an older set again makes it the newest.
///
/// # Errors
///
/// When the store cannot be written.
pub async fn keep(
    store: &Store,
    kind: &str,
    hash: &str,
    files: &Files,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO policies (kind, hash, files, accepted_at, position)
         VALUES ($1, $2, $3, $4, (SELECT coalesce(max(position), 0) + 1 FROM policies))
         ON CONFLICT (kind, hash)
         DO UPDATE SET accepted_at = excluded.accepted_at, position = excluded.position",
    )
    .bind(kind)
    .bind(hash)
    .bind(to_json(files)?)
    .bind(micros(at))
    .execute(store.writer()?)
    .await?;
    Ok(())
}

/// The files of this kind that were accepted last. `None` when none ever were.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn last_good(store: &Store, kind: &str) -> Result<Option<Files>, StoreError> {
    let sql = "SELECT files FROM policies WHERE kind = $1 ORDER BY position DESC LIMIT 1";
    let files: Option<String> = sqlx::query_scalar(sql).bind(kind).fetch_optional(store.reader()).await?;
    files.map(|files| from_json(&files)).transpose()
}

/// The files of this kind whose hash is `hash`. `None` when they were never accepted.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn by_hash(store: &Store, kind: &str, hash: &str) -> Result<Option<Files>, StoreError> {
    let query = sqlx::query_scalar("SELECT files FROM policies WHERE kind = $1 AND hash = $2");
    let files: Option<String> = query.bind(kind).bind(hash).fetch_optional(store.reader()).await?;
    files.map(|files| from_json(&files)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{at, test_store};

    fn files(content: &str) -> Files {
        [("brand.yml".to_owned(), content.to_owned())].into()
    }

    #[tokio::test]
    async fn the_last_good_policy_is_the_one_accepted_last() {
        let held = test_store().await;
        let store = &held.store;
        assert_eq!(last_good(store, "guardrails").await.unwrap(), None);
        keep(store, "guardrails", "b3:1", &files("one"), at(1)).await.unwrap();
        keep(store, "guardrails", "b3:2", &files("two"), at(2)).await.unwrap();
        keep(store, "prompts", "b3:3", &files("three"), at(3)).await.unwrap();
        assert_eq!(last_good(store, "guardrails").await.unwrap(), Some(files("two")));

        // The clock stepped back, and still the order is that of acceptance.
        keep(store, "guardrails", "b3:1", &files("one"), at(0)).await.unwrap();
        assert_eq!(last_good(store, "guardrails").await.unwrap(), Some(files("one")));
        assert_eq!(by_hash(store, "guardrails", "b3:2").await.unwrap(), Some(files("two")));
        assert_eq!(by_hash(store, "prompts", "b3:2").await.unwrap(), None);
    }
}
