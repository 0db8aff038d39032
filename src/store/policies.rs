//! Policies that were accepted, by kind and content hash: the last good one survives restarts, older ones can be
//! shown and put back in force. Knows nothing of what the files mean.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Store, StoreError, from_json, micros, timestamp, to_json};

/// The text of each file, by its path.
pub type Files = BTreeMap<String, String>;

/// Keeps a set as the newest of its kind.
pub(super) const KEEP: &str = "INSERT INTO policies (kind, hash, files, accepted_at, position)
         VALUES ($1, $2, $3, $4, (SELECT coalesce(max(position), 0) + 1 FROM policies))
         ON CONFLICT (kind, hash)
         DO UPDATE SET accepted_at = excluded.accepted_at, position = excluded.position";

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
    sqlx::query(KEEP)
        .bind(kind)
        .bind(hash)
        .bind(to_json(files)?)
        .bind(micros(at))
        .execute(store.writer()?)
        .await?;
    Ok(())
}

/// The files of this kind that were accepted last, after their hash. `None` when none ever were.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn last_good(store: &Store, kind: &str) -> Result<Option<(String, Files)>, StoreError> {
    let sql = "SELECT hash, files FROM policies WHERE kind = $1 ORDER BY position DESC LIMIT 1";
    let kept: Option<(String, String)> =
        sqlx::query_as(sql).bind(kind).fetch_optional(store.reader()).await?;
    kept.map(|(hash, files)| Ok((hash, from_json(&files)?))).transpose()
}

/// The hash of the files of this kind that were accepted last. `None` when none ever were.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn newest(store: &Store, kind: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT hash FROM policies WHERE kind = $1 ORDER BY position DESC LIMIT 1";
    Ok(sqlx::query_scalar(sql).bind(kind).fetch_optional(store.reader()).await?)
}

/// The same, and when they were.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn newest_since(store: &Store, kind: &str) -> Result<Option<(String, Timestamp)>, StoreError> {
    let sql = "SELECT hash, accepted_at FROM policies WHERE kind = $1 ORDER BY position DESC LIMIT 1";
    let row: Option<(String, i64)> = sqlx::query_as(sql).bind(kind).fetch_optional(store.reader()).await?;
    row.map(|(hash, at)| Ok((hash, timestamp(at)?))).transpose()
}

/// What a revision may stand for: revisions of the whole, and sets by their own hash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The revisions whose names begin so.
    pub revisions: Vec<(String, RevisionRow)>,
    /// The sets whose names begin so, each after its kind.
    pub sets: Vec<(String, String)>,
}

/// All that is kept whose name begins so, a few of each at most: enough to say whether it is unambiguous.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn beginning(store: &Store, begins: &str) -> Result<Found, StoreError> {
    let sql = "SELECT revision, guardrails, prompts, since FROM revisions
               WHERE substr(revision, 1, length($1)) = $1 LIMIT 3";
    let rows: Vec<(String, String, String, i64)> =
        sqlx::query_as(sql).bind(begins).fetch_all(store.reader()).await?;
    let read = |(revision, guardrails, prompts, since)| {
        Ok((revision, RevisionRow { guardrails, prompts, since: timestamp(since)? }))
    };
    let revisions = rows.into_iter().map(read).collect::<Result<_, StoreError>>()?;
    let sql = "SELECT kind, hash FROM policies WHERE substr(hash, 1, length($1)) = $1 LIMIT 3";
    let sets = sqlx::query_as(sql).bind(begins).fetch_all(store.reader()).await?;
    Ok(Found { revisions, sets })
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

/// A set of files that was accepted, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptSet {
    /// Its revision.
    pub hash: String,
    /// When it was last accepted.
    pub accepted_at: Timestamp,
}

/// The sets of this kind that were accepted, the newest first, at most `limit`.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn kept(store: &Store, kind: &str, limit: u32) -> Result<Vec<KeptSet>, StoreError> {
    let sql = "SELECT hash, accepted_at FROM policies WHERE kind = $1 ORDER BY position DESC LIMIT $2";
    let rows: Vec<(String, i64)> =
        sqlx::query_as(sql).bind(kind).bind(limit).fetch_all(store.reader()).await?;
    rows.into_iter()
        .map(|(hash, accepted_at)| Ok(KeptSet { hash, accepted_at: timestamp(accepted_at)? }))
        .collect()
}

/// Which sets of files a revision stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionRow {
    /// The revision of the guardrails.
    pub guardrails: String,
    /// The revision of segments and prompts.
    pub prompts: String,
    /// Since when it was in force, the first time.
    pub since: Timestamp,
}

/// Keeps which sets of files a revision that is in force stands for. What is kept of it already stays.
///
/// # Errors
///
/// When the store cannot be written.
pub async fn keep_revision(store: &Store, revision: &str, row: &RevisionRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO revisions (revision, guardrails, prompts, since) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING",
    )
    .bind(revision)
    .bind(&row.guardrails)
    .bind(&row.prompts)
    .bind(micros(row.since))
    .execute(store.writer()?)
    .await?;
    Ok(())
}

/// Which sets of files a revision stands for; `None` when that was not kept.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn of_revision(store: &Store, revision: &str) -> Result<Option<RevisionRow>, StoreError> {
    let sql = "SELECT guardrails, prompts, since FROM revisions WHERE revision = $1";
    let row: Option<(String, String, i64)> =
        sqlx::query_as(sql).bind(revision).fetch_optional(store.reader()).await?;
    row.map(|(guardrails, prompts, since)| Ok(RevisionRow { guardrails, prompts, since: timestamp(since)? }))
        .transpose()
}

/// The revisions that begin so, each with its sets, at most two.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn revisions_from(
    store: &Store,
    beginning: &str,
) -> Result<Vec<(String, RevisionRow)>, StoreError> {
    // Stores of the first versions have no such table.
    let tables = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'revisions'";
    if sqlx::query_scalar::<_, i64>(tables).fetch_one(store.reader()).await? == 0 {
        return Ok(Vec::new());
    }
    let sql = "SELECT revision, guardrails, prompts, since FROM revisions
               WHERE substr(revision, 1, length($1)) = $1 ORDER BY since DESC LIMIT 2";
    let rows: Vec<(String, String, String, i64)> =
        sqlx::query_as(sql).bind(beginning).fetch_all(store.reader()).await?;
    let row = |(revision, guardrails, prompts, since)| {
        Ok((revision, RevisionRow { guardrails, prompts, since: timestamp(since)? }))
    };
    rows.into_iter().map(row).collect()
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
        assert_eq!(last_good(store, "guardrails").await.unwrap(), Some(("b3:2".into(), files("two"))));

        // The clock stepped back, and still the order is that of acceptance.
        keep(store, "guardrails", "b3:1", &files("one"), at(0)).await.unwrap();
        assert_eq!(last_good(store, "guardrails").await.unwrap(), Some(("b3:1".into(), files("one"))));
        assert_eq!(by_hash(store, "guardrails", "b3:2").await.unwrap(), Some(files("two")));
        assert_eq!(by_hash(store, "prompts", "b3:2").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_revision_is_kept_since_it_was_first_in_force() {
        let held = test_store().await;
        let store = &held.store;
        let row = |since| RevisionRow { guardrails: "b3:1".into(), prompts: "b3:2".into(), since: at(since) };
        assert_eq!(of_revision(store, "b3:12").await.unwrap(), None);
        keep_revision(store, "b3:12", &row(1)).await.unwrap();
        keep_revision(store, "b3:12", &row(9)).await.unwrap();
        assert_eq!(of_revision(store, "b3:12").await.unwrap(), Some(row(1)));

        for (second, hash) in [(1, "b3:1"), (2, "b3:3"), (3, "b3:1")] {
            keep(store, "guardrails", hash, &files("one"), at(second)).await.unwrap();
        }
        let hashes = |kept: Vec<KeptSet>| kept.into_iter().map(|kept| kept.hash).collect::<Vec<_>>();
        assert_eq!(hashes(kept(store, "guardrails", 9).await.unwrap()), ["b3:1", "b3:3"]);
        assert_eq!(hashes(kept(store, "guardrails", 1).await.unwrap()), ["b3:1"]);
    }
}
