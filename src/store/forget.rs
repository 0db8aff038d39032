//! What is taken out of the log on purpose, and what must not be: payloads and texts are blanked, entries emptied, users'
//! keys deleted, holds kept. Knows nothing of who asks for it, nor of receipts.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Row, SqliteConnection};

use super::index::{Reach, read_reach};
use super::log::{Append, PayloadRow, Snapshot};
use super::{Store, StoreError, micros, timestamp};

/// How many serves' blocks and generations are read at once: a block may have more than a megabyte.
const BLOCKS: u32 = 32;
/// How many old entries are listed at once.
const OLD: u32 = 256;
/// How many answers are read at once.
const ANSWERS: u32 = 500;
/// How long one attempt to shorten the write-ahead log may hold up whoever writes.
const CHECKPOINT: Duration = Duration::from_millis(50);

/// A legal hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HoldRow {
    pub(crate) id: String,
    pub(crate) at: Timestamp,
    pub(crate) by: String,
    pub(crate) reason: String,
    /// What is held, as JSON.
    pub(crate) scope: String,
    pub(crate) lifted: Option<Timestamp>,
}

/// A generation's entry, and what stands beside it.
pub(crate) struct GenerationEntry {
    pub(crate) seq: i64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) payload: Option<PayloadRow>,
}

/// A review's or a verdict's entry.
pub(crate) struct AboutEntry {
    pub(crate) seq: i64,
    pub(crate) kind: String,
    pub(crate) bytes: Vec<u8>,
    /// Whether there is a payload that was not blanked.
    pub(crate) payload: bool,
}

/// An entry that is old enough to be thought of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OldEntry {
    pub(crate) seq: i64,
    pub(crate) kind: String,
    pub(crate) at: Timestamp,
    pub(crate) hash: String,
    /// The bytes that would be freed.
    pub(crate) size: i64,
}

/// Looks into the log, in whichever transaction is open.
pub(crate) struct Look<'t>(&'t mut SqliteConnection);

impl Snapshot {
    pub(crate) fn look(&mut self) -> Look<'_> {
        Look(&mut self.0)
    }
}

impl Append {
    pub(crate) fn look(&mut self) -> Look<'_> {
        Look(&mut self.0)
    }
}

impl Look<'_> {
    /// The number of the last entry; 0 of an empty log.
    pub(crate) async fn last(&mut self) -> Result<i64, StoreError> {
        let query = sqlx::query_scalar("SELECT coalesce(max(seq), 0) FROM chain");
        Ok(query.fetch_one(&mut *self.0).await?)
    }

    /// The next blocks of serves and generations after `seq`, in order: number, kind, bytes.
    pub(crate) async fn blocks(&mut self, after: i64) -> Result<Vec<(i64, String, Vec<u8>)>, StoreError> {
        let query = sqlx::query_as(
            "SELECT seq, kind, bytes FROM chain WHERE seq > $1 AND kind IN ('serves', 'generation')
             ORDER BY seq LIMIT $2",
        );
        Ok(query.bind(after).bind(BLOCKS).fetch_all(&mut *self.0).await?)
    }

    /// The bytes of one entry.
    pub(crate) async fn bytes(&mut self, seq: i64) -> Result<Option<Vec<u8>>, StoreError> {
        let query = sqlx::query_scalar("SELECT bytes FROM chain WHERE seq = $1");
        Ok(query.bind(seq).fetch_optional(&mut *self.0).await?)
    }

    /// How far the indexes reach.
    pub(crate) async fn reach(&mut self) -> Result<Reach, StoreError> {
        read_reach(self.0).await
    }

    /// Blocks that hold serves with this term, newest first: those after entry `after` and before `before`. `lines` is how
    /// many rows a block has in the index.
    pub(crate) async fn blocks_with(
        &mut self,
        term: &str,
        (after, before): (i64, i64),
        lines: i64,
        limit: u32,
    ) -> Result<Vec<i64>, StoreError> {
        let query = sqlx::query_scalar(
            "SELECT DISTINCT rowid / $4 AS seq FROM serve_index
             WHERE serve_index MATCH $1 AND rowid >= ($2 + 1) * $4 AND rowid < $3 * $4 ORDER BY seq DESC LIMIT $5",
        );
        let query = query.bind(format!("\"{term}\"")).bind(after).bind(before).bind(lines).bind(limit);
        Ok(query.fetch_all(&mut *self.0).await?)
    }

    /// Entries of generations with this term, after entry `after`.
    pub(crate) async fn generations_with(&mut self, term: &str, after: i64) -> Result<Vec<i64>, StoreError> {
        let query = sqlx::query_scalar(
            "SELECT rowid FROM generation_index WHERE generation_index MATCH $1 AND rowid > $2 ORDER BY rowid",
        );
        Ok(query.bind(format!("terms : \"{term}\"")).bind(after).fetch_all(&mut *self.0).await?)
    }

    /// A row of a serve with this term; `None` when there is none.
    pub(crate) async fn serve_with(&mut self, term: &str) -> Result<Option<i64>, StoreError> {
        let query = sqlx::query_scalar(
            "SELECT rowid FROM serve_index WHERE serve_index MATCH $1 ORDER BY rowid DESC LIMIT 1",
        );
        Ok(query.bind(format!("\"{term}\"")).fetch_optional(&mut *self.0).await?)
    }

    /// The next blocks of serves after `seq` that were not emptied, in order.
    pub(crate) async fn old_serves(&mut self, after: i64) -> Result<Vec<OldEntry>, StoreError> {
        self.old(
            "SELECT seq, kind, at, hash, length(bytes) AS size FROM chain
             WHERE seq > $1 AND kind = 'serves' AND length(bytes) > 0 ORDER BY seq LIMIT $2",
            after,
        )
        .await
    }

    /// The next entries after `seq` beside which something stands, in order.
    pub(crate) async fn old_payloads(&mut self, after: i64) -> Result<Vec<OldEntry>, StoreError> {
        self.old(
            "SELECT c.seq, c.kind, c.at, c.hash, length(p.bytes) AS size FROM payloads p JOIN chain c ON c.seq = p.seq
             WHERE p.seq > $1 AND p.bytes IS NOT NULL ORDER BY p.seq LIMIT $2",
            after,
        )
        .await
    }

    /// The next generations after `seq` that were not emptied, in order.
    pub(crate) async fn old_generations(&mut self, after: i64) -> Result<Vec<OldEntry>, StoreError> {
        self.old(
            "SELECT seq, kind, at, hash, length(bytes) AS size FROM chain
             WHERE seq > $1 AND kind = 'generation' AND length(bytes) > 0 ORDER BY seq LIMIT $2",
            after,
        )
        .await
    }

    async fn old(&mut self, sql: &'static str, after: i64) -> Result<Vec<OldEntry>, StoreError> {
        let rows = sqlx::query(sql).bind(after).bind(OLD).fetch_all(&mut *self.0).await?;
        let read = |row: &sqlx::sqlite::SqliteRow| {
            Ok(OldEntry {
                seq: row.try_get("seq")?,
                kind: row.try_get("kind")?,
                at: timestamp(row.try_get("at")?)?,
                hash: row.try_get("hash")?,
                size: row.try_get("size")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// The payload of an entry, unless it was blanked.
    pub(crate) async fn payload(&mut self, seq: i64) -> Result<Option<Vec<u8>>, StoreError> {
        let query = sqlx::query_scalar("SELECT bytes FROM payloads WHERE seq = $1 AND bytes IS NOT NULL");
        Ok(query.bind(seq).fetch_optional(&mut *self.0).await?)
    }

    /// The hash of an entry.
    pub(crate) async fn hash(&mut self, seq: i64) -> Result<Option<String>, StoreError> {
        let query = sqlx::query_scalar("SELECT hash FROM chain WHERE seq = $1");
        Ok(query.bind(seq).fetch_optional(&mut *self.0).await?)
    }

    /// A generation by its id.
    pub(crate) async fn generation(&mut self, id: &str) -> Result<Option<GenerationEntry>, StoreError> {
        let query = sqlx::query(
            "SELECT c.seq, c.bytes, p.seq AS payload_seq, p.salt AS payload_salt, p.bytes AS payload_bytes
             FROM generations g JOIN chain c ON c.seq = g.seq LEFT JOIN payloads p ON p.seq = c.seq WHERE g.id = $1",
        );
        let Some(row) = query.bind(id).fetch_optional(&mut *self.0).await? else { return Ok(None) };
        let payload = match row.try_get::<Option<i64>, _>("payload_seq")? {
            Some(_) => {
                Some(PayloadRow { salt: row.try_get("payload_salt")?, bytes: row.try_get("payload_bytes")? })
            }
            None => None,
        };
        Ok(Some(GenerationEntry { seq: row.try_get("seq")?, bytes: row.try_get("bytes")?, payload }))
    }

    /// The reviews of a generation and the verdicts on it, in order.
    pub(crate) async fn about(&mut self, generation: &str) -> Result<Vec<AboutEntry>, StoreError> {
        let query = sqlx::query(
            "SELECT c.seq, c.kind, c.bytes, p.bytes IS NOT NULL AS payload
             FROM chain c LEFT JOIN payloads p ON p.seq = c.seq
             WHERE c.seq IN (SELECT seq FROM reviews WHERE generation = $1
                             UNION ALL SELECT seq FROM verdicts WHERE generation = $1) ORDER BY c.seq",
        );
        let rows = query.bind(generation).fetch_all(&mut *self.0).await?;
        let read = |row: &sqlx::sqlite::SqliteRow| {
            Ok(AboutEntry {
                seq: row.try_get("seq")?,
                kind: row.try_get("kind")?,
                bytes: row.try_get("bytes")?,
                payload: row.try_get("payload")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// A text that was served and is no generation's, by its hash.
    pub(crate) async fn text(&mut self, hash: &str) -> Result<Option<String>, StoreError> {
        let query = sqlx::query_scalar("SELECT text FROM texts WHERE hash = $1");
        Ok(query.bind(hash).fetch_optional(&mut *self.0).await?)
    }

    /// The next answers that are kept for those who ask again, after the slot `after`: slot and answer.
    pub(crate) async fn answers(&mut self, after: &str) -> Result<Vec<(String, String)>, StoreError> {
        let query =
            sqlx::query_as("SELECT slot, answer FROM idempotency WHERE slot > $1 ORDER BY slot LIMIT $2");
        Ok(query.bind(after).bind(ANSWERS).fetch_all(&mut *self.0).await?)
    }

    /// Every hold, oldest first; only those in force when `active`.
    pub(crate) async fn holds(&mut self, active: bool) -> Result<Vec<HoldRow>, StoreError> {
        let query = sqlx::query(
            "SELECT id, at, by, reason, scope, lifted FROM holds WHERE lifted IS NULL OR NOT $1 ORDER BY id",
        );
        let rows = query.bind(active).fetch_all(&mut *self.0).await?;
        let read = |row: &sqlx::sqlite::SqliteRow| {
            Ok(HoldRow {
                id: row.try_get("id")?,
                at: timestamp(row.try_get("at")?)?,
                by: row.try_get("by")?,
                reason: row.try_get("reason")?,
                scope: row.try_get("scope")?,
                lifted: row.try_get::<Option<i64>, _>("lifted")?.map(timestamp).transpose()?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// The key of a user's own.
    pub(crate) async fn user(&mut self, digest: &[u8; 32]) -> Result<Option<[u8; 32]>, StoreError> {
        let query = sqlx::query_scalar("SELECT key FROM users WHERE digest = $1");
        let key: Option<Vec<u8>> = query.bind(digest.as_slice()).fetch_optional(&mut *self.0).await?;
        let wrong = |_| StoreError::Corrupt("a user's key is not 32 bytes long".into());
        key.map(|key| <[u8; 32]>::try_from(key).map_err(wrong)).transpose()
    }

    /// The next users after this digest: digest and key of each.
    pub(crate) async fn users(&mut self, after: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        let query =
            sqlx::query_as("SELECT digest, key FROM users WHERE digest > $1 ORDER BY digest LIMIT 1000");
        Ok(query.bind(after).fetch_all(&mut *self.0).await?)
    }

    /// The receipts of erasures after entry `after`, in order: number and bytes.
    pub(crate) async fn erasures(&mut self, after: i64) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
        let query = sqlx::query_as(
            "SELECT seq, bytes FROM chain WHERE kind IN ('erasure', 'retention') AND kind = 'erasure' AND seq > $1
             ORDER BY seq",
        );
        Ok(query.bind(after).fetch_all(&mut *self.0).await?)
    }

    /// The ids of the orders to erase that were carried out.
    pub(crate) async fn erased(&mut self) -> Result<HashSet<String>, StoreError> {
        let ids: Vec<String> = sqlx::query_scalar("SELECT id FROM erased").fetch_all(&mut *self.0).await?;
        Ok(ids.into_iter().collect())
    }

    /// A number that the store keeps under a name; 0 when there is none.
    pub(crate) async fn number(&mut self, name: &str) -> Result<i64, StoreError> {
        let query = sqlx::query_scalar("SELECT value FROM meta WHERE name = $1");
        Ok(query.bind(name).fetch_optional(&mut *self.0).await?.unwrap_or(0))
    }
}

/// The receipts of erasures after entry `after`: number and bytes.
///
/// # Errors
///
/// When the store cannot be read.
pub(crate) async fn erasures(store: &Store, after: i64) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
    Look(&mut *store.reader().acquire().await?).erasures(after).await
}

/// The number of the newest receipt of an erasure; 0 when there is none.
pub(crate) async fn newest_erasure(store: &Store) -> Result<i64, StoreError> {
    let query = sqlx::query_scalar(
        "SELECT coalesce(max(seq), 0) FROM chain WHERE kind IN ('erasure', 'retention') AND kind = 'erasure'",
    );
    Ok(query.fetch_one(store.reader()).await?)
}

/// The generations among entries `first` to `last`: id and cache key.
pub(crate) async fn generations_among(
    store: &Store,
    (first, last): (i64, i64),
) -> Result<Vec<(String, String)>, StoreError> {
    let query = sqlx::query_as("SELECT id, cache_key FROM generations WHERE seq BETWEEN $1 AND $2");
    Ok(query.bind(first).bind(last).fetch_all(store.reader()).await?)
}

impl Append {
    /// Blanks what stands beside entries.
    pub(crate) async fn blank_payloads(&mut self, seqs: &[i64]) -> Result<(), StoreError> {
        for seq in seqs {
            let query = sqlx::query("UPDATE payloads SET salt = NULL, bytes = NULL WHERE seq = $1");
            query.bind(seq).execute(&mut *self.0).await?;
        }
        Ok(())
    }

    /// Deletes the bytes of entries, what stands beside them and what lists them: number and hash stay.
    pub(crate) async fn empty(&mut self, seqs: &[i64]) -> Result<(), StoreError> {
        for seq in seqs {
            for sql in [
                "UPDATE chain SET bytes = x'' WHERE seq = $1",
                "DELETE FROM payloads WHERE seq = $1",
                "DELETE FROM generations WHERE seq = $1",
                "DELETE FROM reviews WHERE seq = $1",
                "DELETE FROM verdicts WHERE seq = $1",
            ] {
                sqlx::query(sql).bind(seq).execute(&mut *self.0).await?;
            }
        }
        Ok(())
    }

    /// Deletes a text that no serve refers to any more.
    pub(crate) async fn delete_text(&mut self, hash: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM texts WHERE hash = $1").bind(hash).execute(&mut *self.0).await?;
        Ok(())
    }

    /// Blanks texts by their hashes.
    pub(crate) async fn blank_texts(&mut self, hashes: &[String]) -> Result<(), StoreError> {
        for hash in hashes {
            let query = sqlx::query("UPDATE texts SET text = '' WHERE hash = $1");
            query.bind(hash).execute(&mut *self.0).await?;
        }
        Ok(())
    }

    /// Forgets what second models said to these questions.
    pub(crate) async fn forget_opinions(&mut self, questions: &[String]) -> Result<(), StoreError> {
        for question in questions {
            let query = sqlx::query("DELETE FROM opinions WHERE question = $1");
            query.bind(question).execute(&mut *self.0).await?;
        }
        Ok(())
    }

    /// Forgets answers that are kept for those who ask again.
    pub(crate) async fn forget_answers(&mut self, slots: &[String]) -> Result<(), StoreError> {
        for slot in slots {
            let query = sqlx::query("DELETE FROM idempotency WHERE slot = $1");
            query.bind(slot).execute(&mut *self.0).await?;
        }
        Ok(())
    }

    /// Deletes the key of a user's own: the only thing that says which records are theirs.
    pub(crate) async fn forget_user(&mut self, digest: &[u8; 32]) -> Result<(), StoreError> {
        let query = sqlx::query("DELETE FROM users WHERE digest = $1");
        query.bind(digest.as_slice()).execute(&mut *self.0).await?;
        Ok(())
    }

    /// Keeps a key of a user's own, unless there is one.
    pub(crate) async fn keep_user(
        &mut self,
        digest: &[u8; 32],
        key: &[u8; 32],
        since: Timestamp,
    ) -> Result<(), StoreError> {
        let query =
            sqlx::query("INSERT INTO users (digest, key, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING");
        query.bind(digest.as_slice()).bind(key.as_slice()).bind(micros(since)).execute(&mut *self.0).await?;
        Ok(())
    }

    /// Keeps that an order to erase was carried out. The table is written anew in the order of its ids, for where rows lie in
    /// their page tells which came first.
    pub(crate) async fn keep_erased(&mut self, id: String) -> Result<(), StoreError> {
        let mut ids: BTreeSet<String> = self.look().erased().await?.into_iter().collect();
        ids.insert(id);
        sqlx::query("DELETE FROM erased").execute(&mut *self.0).await?;
        let ids: Vec<String> = ids.into_iter().collect();
        self.insert("INSERT INTO erased (id) ", &ids, |mut row, id| _ = row.push_bind(id.clone())).await
    }

    /// Counts an erasure, so that running services notice.
    pub(crate) async fn count_erasure(&mut self) -> Result<(), StoreError> {
        sqlx::query("UPDATE meta SET value = value + 1 WHERE name = 'erasures'")
            .execute(&mut *self.0)
            .await?;
        Ok(())
    }

    /// Keeps a number under a name.
    pub(crate) async fn keep_number(&mut self, name: &str, value: i64) -> Result<(), StoreError> {
        let query = sqlx::query(
            "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        );
        query.bind(name).bind(value).execute(&mut *self.0).await?;
        Ok(())
    }

    /// Keeps a hold.
    pub(crate) async fn keep_hold(&mut self, hold: &HoldRow) -> Result<(), StoreError> {
        let query = sqlx::query(
            "INSERT INTO holds (id, at, by, reason, scope, lifted) VALUES ($1, $2, $3, $4, $5, $6)",
        );
        query
            .bind(&hold.id)
            .bind(micros(hold.at))
            .bind(&hold.by)
            .bind(&hold.reason)
            .bind(&hold.scope)
            .bind(hold.lifted.map(micros))
            .execute(&mut *self.0)
            .await?;
        Ok(())
    }

    /// Lifts a hold that is in force, and answers what it held; `None` when there is none.
    pub(crate) async fn lift_hold(&mut self, id: &str, at: Timestamp) -> Result<Option<String>, StoreError> {
        let query = sqlx::query_scalar(
            "UPDATE holds SET lifted = $2 WHERE id = $1 AND lifted IS NULL RETURNING scope",
        );
        Ok(query.bind(id).bind(micros(at)).fetch_optional(&mut *self.0).await?)
    }
}

impl Store {
    /// Brings the write-ahead log into the file and shortens it to nothing, so that what was deleted is in neither. Answers
    /// whether that came about: whoever reads meanwhile may stand in its way.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub(crate) async fn shorten_log(&self) -> Result<bool, StoreError> {
        let mut connection = self.writer()?.acquire().await?;
        // Those who write wait meanwhile, so it does not wait for those who read.
        let before: i64 = sqlx::query_scalar("PRAGMA busy_timeout").fetch_one(&mut *connection).await?;
        let patience = async |connection: &mut SqliteConnection, millis: i64| {
            let pragma = AssertSqlSafe(format!("PRAGMA busy_timeout = {millis}"));
            sqlx::query_scalar::<_, i64>(pragma).fetch_one(connection).await
        };
        patience(&mut connection, i64::try_from(CHECKPOINT.as_millis()).unwrap_or(0)).await?;
        let done = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *connection).await;
        patience(&mut connection, before).await?;
        match done {
            Ok(row) => Ok(row.try_get::<i64, _>(0)? == 0),
            Err(sqlx::Error::Database(error))
                if matches!(error.code().as_deref(), Some("5" | "6" | "261")) =>
            {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}
