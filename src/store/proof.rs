//! What proving the log reads beside a page of entries. Knows nothing of how entries are hashed nor of what their bytes
//! say.

use std::collections::HashSet;

use sqlx::query_builder::QueryBuilder;
use sqlx::{Row, Sqlite};

use super::StoreError;
use super::log::{EntryBeside, Snapshot};

/// An entry without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outline {
    pub(crate) seq: i64,
    pub(crate) kind: String,
    pub(crate) hash: String,
    /// Whether its bytes are still there.
    pub(crate) whole: bool,
}

impl Snapshot {
    /// The number of the last entry; 0 when there is none.
    pub(crate) async fn last(&mut self) -> Result<i64, StoreError> {
        let last: Option<i64> =
            sqlx::query_scalar("SELECT max(seq) FROM chain").fetch_one(&mut *self.0).await?;
        Ok(last.unwrap_or(0))
    }

    /// The hash of the entry with this number.
    pub(crate) async fn hash_of(&mut self, seq: i64) -> Result<Option<String>, StoreError> {
        let query = sqlx::query_scalar("SELECT hash FROM chain WHERE seq = $1");
        Ok(query.bind(seq).fetch_optional(&mut *self.0).await?)
    }

    /// The next entries after `seq`, in order, with what stands beside them: at least one where there is one, and no more
    /// than `entries` of them, nor than come to `most` bytes.
    pub(crate) async fn stretch(
        &mut self,
        after: i64,
        entries: u32,
        most: i64,
    ) -> Result<Vec<EntryBeside>, StoreError> {
        let query = sqlx::query_as(
            "SELECT c.seq, length(c.bytes) + coalesce(length(p.bytes), 0)
             FROM chain c LEFT JOIN payloads p ON p.seq = c.seq WHERE c.seq > $1 ORDER BY c.seq LIMIT $2",
        );
        let sizes: Vec<(i64, i64)> = query.bind(after).bind(entries).fetch_all(&mut *self.0).await?;
        let mut sum = 0i64;
        let fits = sizes.iter().position(|(_, size)| {
            sum = sum.saturating_add(*size);
            sum > most
        });
        let entries = fits.map_or(entries, |fits| u32::try_from(fits.max(1)).unwrap_or(entries));
        self.page(after, entries).await
    }

    /// The next set of files that is kept of a policy, by its kind and hash, after this one: the files as JSON.
    pub(crate) async fn policy_after(
        &mut self,
        kind: &str,
        hash: &str,
    ) -> Result<Option<(String, String, String)>, StoreError> {
        let query = sqlx::query_as(
            "SELECT kind, hash, CAST(files AS TEXT) FROM policies WHERE (kind, hash) > ($1, $2)
             ORDER BY kind, hash LIMIT 1",
        );
        Ok(query.bind(kind).bind(hash).fetch_optional(&mut *self.0).await?)
    }

    /// The next receipts of what was erased or deleted: entries after `seq`, in order, each with its bytes.
    pub(crate) async fn receipts(
        &mut self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
        let query = sqlx::query_as(
            "SELECT seq, bytes FROM chain
             WHERE kind IN ('erasure', 'retention') AND seq > $1 ORDER BY seq LIMIT $2",
        );
        Ok(query.bind(after).bind(limit).fetch_all(&mut *self.0).await?)
    }

    /// The entries from `first` to `last` without their bytes, in order, and no more than `limit`.
    pub(crate) async fn outlines(
        &mut self,
        first: i64,
        last: i64,
        limit: u32,
    ) -> Result<Vec<Outline>, StoreError> {
        let query = sqlx::query(
            "SELECT seq, kind, hash, length(bytes) > 0 AS whole FROM chain
             WHERE seq BETWEEN $1 AND $2 ORDER BY seq LIMIT $3",
        );
        let rows = query.bind(first).bind(last).bind(limit).fetch_all(&mut *self.0).await?;
        let outline = |row: &sqlx::sqlite::SqliteRow| {
            Ok(Outline {
                seq: row.try_get("seq")?,
                kind: row.try_get("kind")?,
                hash: row.try_get("hash")?,
                whole: row.try_get("whole")?,
            })
        };
        rows.iter().map(outline).collect()
    }

    /// The first entry from `first` to `last` that has a payload which was not blanked.
    pub(crate) async fn payload_left(&mut self, first: i64, last: i64) -> Result<Option<i64>, StoreError> {
        let query = sqlx::query_scalar(
            "SELECT seq FROM payloads WHERE seq BETWEEN $1 AND $2 AND (bytes IS NOT NULL OR salt IS NOT NULL)
             ORDER BY seq LIMIT 1",
        );
        Ok(query.bind(first).bind(last).fetch_optional(&mut *self.0).await?)
    }

    /// Which of these hashes texts are kept under.
    pub(crate) async fn kept_texts(&mut self, hashes: &[&str]) -> Result<HashSet<String>, StoreError> {
        /// Well below the 32,766 values that a statement takes.
        const TOGETHER: usize = 1_000;
        let mut kept = HashSet::new();
        for hashes in hashes.chunks(TOGETHER) {
            let mut sql = QueryBuilder::<Sqlite>::new("SELECT hash FROM texts WHERE hash IN (");
            let mut list = sql.separated(", ");
            for hash in hashes {
                list.push_bind((*hash).to_owned());
            }
            sql.push(")");
            let found: Vec<String> = sql.build_query_scalar().fetch_all(&mut *self.0).await?;
            kept.extend(found);
        }
        Ok(kept)
    }

    /// A row whose number no entry up to the `last` can have, and what table it is of: `chain`, `generations`, `reviews`, `verdicts` or `payloads`.
    pub(crate) async fn stray(&mut self, last: i64) -> Result<Option<(i64, String)>, StoreError> {
        let query = sqlx::query_as(
            "SELECT * FROM (
                 SELECT seq, 'chain' FROM chain WHERE seq < 1
                 UNION ALL SELECT seq, 'generations' FROM generations WHERE seq < 1 OR seq > $1
                 UNION ALL SELECT seq, 'reviews' FROM reviews WHERE seq < 1 OR seq > $1
                 UNION ALL SELECT seq, 'verdicts' FROM verdicts WHERE seq < 1 OR seq > $1
                 UNION ALL SELECT seq, 'payloads' FROM payloads WHERE seq < 1 OR seq > $1)
             ORDER BY 1 LIMIT 1",
        );
        Ok(query.bind(last).fetch_optional(&mut *self.0).await?)
    }
}
