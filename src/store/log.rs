//! The tables of the log: entries, payloads, the index of generations, texts. Knows nothing of how entries are
//! hashed nor of what their bytes say.

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::query_builder::{QueryBuilder, Separated};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, SqliteTransaction};

use super::{Store, StoreError, micros, timestamp, users};

/// How many rows one statement inserts: well below the 32,766 values that SQLite takes.
const ROWS: usize = 64;

/// One entry of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) seq: i64,
    pub(crate) kind: String,
    pub(crate) at: Timestamp,
    pub(crate) prev: String,
    pub(crate) hash: String,
    pub(crate) bytes: Vec<u8>,
}

/// The last entry of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) seq: i64,
    pub(crate) hash: String,
}

/// What the log can be searched by: everything in it can be told from the entry with the same `seq`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IndexRow {
    pub(crate) seq: i64,
    pub(crate) id: String,
    pub(crate) at: Timestamp,
    pub(crate) cache_key: String,
    pub(crate) placement: String,
    pub(crate) segment: String,
    pub(crate) product: Option<String>,
    pub(crate) template: String,
    pub(crate) revision: String,
    pub(crate) outcome: String,
    pub(crate) cost_micros: i64,
}

/// What the index says of a review; `decision` is `None` of one that decides nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReviewRow {
    pub(crate) seq: i64,
    pub(crate) generation: String,
    pub(crate) decision: Option<String>,
}

/// What the index says of what rules made of a second model's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VerdictRow {
    pub(crate) seq: i64,
    pub(crate) generation: String,
    pub(crate) at: Timestamp,
    pub(crate) cost_micros: i64,
}

/// What stands beside a record. Both parts are `None` once it was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PayloadRow {
    pub(crate) salt: Option<Vec<u8>>,
    pub(crate) bytes: Option<Vec<u8>>,
}

/// An entry with what was found beside it.
#[derive(Clone, Debug)]
pub(crate) struct EntryBeside {
    pub(crate) entry: Entry,
    pub(crate) index: Option<IndexRow>,
    pub(crate) review: Option<ReviewRow>,
    pub(crate) verdict: Option<VerdictRow>,
    pub(crate) payload: Option<PayloadRow>,
}

/// The numbers that the store keeps by name.
pub(crate) type Meta = HashMap<String, i64>;

/// The same, outside of any transaction.
pub(crate) async fn meta(store: &Store) -> Result<Meta, StoreError> {
    let query = sqlx::query_as("SELECT name, value FROM meta");
    Ok(query.fetch_all(store.reader()).await?.into_iter().collect())
}

/// One transaction that adds to the log. Dropped before [`commit`](Self::commit), it leaves no trace.
pub(crate) struct Append(pub(super) SqliteTransaction<'static>);

impl Append {
    /// Takes the right to write, so that the head cannot move until the commit.
    pub(crate) async fn begin(store: &Store) -> Result<Self, StoreError> {
        Ok(Self(store.begin_write().await?))
    }

    pub(crate) async fn head(&mut self) -> Result<Option<Head>, StoreError> {
        let query = sqlx::query("SELECT seq, hash FROM chain ORDER BY seq DESC LIMIT 1");
        let row = query.fetch_optional(&mut *self.0).await?;
        row.map(|row| Ok(Head { seq: row.try_get("seq")?, hash: row.try_get("hash")? })).transpose()
    }

    pub(crate) async fn meta(&mut self) -> Result<Meta, StoreError> {
        let query = sqlx::query_as("SELECT name, value FROM meta");
        Ok(query.fetch_all(&mut *self.0).await?.into_iter().collect())
    }

    pub(crate) async fn keep_meta(&mut self, numbers: &[(&str, i64)]) -> Result<(), StoreError> {
        let sql = "INSERT INTO meta (name, value) VALUES ($1, $2)
                   ON CONFLICT DO UPDATE SET value = excluded.value";
        for (name, value) in numbers {
            sqlx::query(sql).bind((*name).to_owned()).bind(value).execute(&mut *self.0).await?;
        }
        Ok(())
    }

    /// When the last entry was made.
    pub(crate) async fn last_at(&mut self) -> Result<Option<Timestamp>, StoreError> {
        let query = sqlx::query_scalar("SELECT at FROM chain ORDER BY seq DESC LIMIT 1");
        query.fetch_optional(&mut *self.0).await?.map(timestamp).transpose()
    }

    /// Whether this very entry is in the chain.
    pub(crate) async fn holds(&mut self, entry: &Head) -> Result<bool, StoreError> {
        let query = sqlx::query("SELECT 1 FROM chain WHERE seq = $1 AND hash = $2");
        Ok(query.bind(entry.seq).bind(&entry.hash).fetch_optional(&mut *self.0).await?.is_some())
    }

    pub(crate) async fn entries(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        let sql = "INSERT INTO chain (seq, kind, at, prev, hash, bytes) ";
        self.insert(sql, entries, |mut row, entry| {
            row.push_bind(entry.seq)
                .push_bind(entry.kind.clone())
                .push_bind(micros(entry.at))
                .push_bind(entry.prev.clone())
                .push_bind(entry.hash.clone())
                .push_bind(entry.bytes.clone());
        })
        .await
    }

    pub(crate) async fn index(&mut self, rows: &[IndexRow]) -> Result<(), StoreError> {
        let sql = "INSERT INTO generations (seq, id, at, cache_key, placement, segment, product, template, revision,
                                            outcome, cost_micros) ";
        self.insert(sql, rows, |mut row, index| {
            row.push_bind(index.seq)
                .push_bind(index.id.clone())
                .push_bind(micros(index.at))
                .push_bind(index.cache_key.clone())
                .push_bind(index.placement.clone())
                .push_bind(index.segment.clone())
                .push_bind(index.product.clone())
                .push_bind(index.template.clone())
                .push_bind(index.revision.clone())
                .push_bind(index.outcome.clone())
                .push_bind(index.cost_micros);
        })
        .await
    }

    pub(crate) async fn reviews(&mut self, rows: &[ReviewRow]) -> Result<(), StoreError> {
        self.insert("INSERT INTO reviews (seq, generation, decision) ", rows, |mut row, review| {
            row.push_bind(review.seq).push_bind(review.generation.clone()).push_bind(review.decision.clone());
        })
        .await
    }

    pub(crate) async fn verdicts(&mut self, rows: &[VerdictRow]) -> Result<(), StoreError> {
        self.insert("INSERT INTO verdicts (seq, generation, at, cost_micros) ", rows, |mut row, verdict| {
            row.push_bind(verdict.seq)
                .push_bind(verdict.generation.clone())
                .push_bind(micros(verdict.at))
                .push_bind(verdict.cost_micros);
        })
        .await
    }

    /// The `seq` of the newest review of a generation; 0 when there is none.
    pub(crate) async fn newest_review_of(&mut self, generation: &str) -> Result<i64, StoreError> {
        let query = sqlx::query_scalar("SELECT coalesce(max(seq), 0) FROM reviews WHERE generation = $1");
        Ok(query.bind(generation).fetch_one(&mut *self.0).await?)
    }

    /// The same as [`newest_review_on`] says, within the transaction.
    pub(crate) async fn newest_review_on(
        &mut self,
        generation: &str,
        cache_key: &str,
    ) -> Result<i64, StoreError> {
        let query = sqlx::query_scalar(NEWEST_REVIEW_ON).bind(generation).bind(cache_key);
        Ok(query.fetch_one(&mut *self.0).await?)
    }

    /// Keeps payloads, each after the `seq` of its entry.
    pub(crate) async fn payloads(&mut self, payloads: &[(i64, PayloadRow)]) -> Result<(), StoreError> {
        self.insert("INSERT INTO payloads (seq, salt, bytes) ", payloads, |mut row, (seq, payload)| {
            row.push_bind(*seq).push_bind(payload.salt.clone()).push_bind(payload.bytes.clone());
        })
        .await
    }

    /// Inserts many rows a statement: most of a small statement's time is its way to the database and back.
    pub(super) async fn insert<T>(
        &mut self,
        sql: &'static str,
        rows: &[T],
        mut bind: impl FnMut(Separated<'_, Sqlite, &'static str>, &T),
    ) -> Result<(), StoreError> {
        for chunk in rows.chunks(ROWS) {
            let mut insert = QueryBuilder::<Sqlite>::new(sql);
            insert.push_values(chunk, &mut bind);
            insert.build().execute(&mut *self.0).await?;
        }
        Ok(())
    }

    /// The keys of the users with these digests; those who have none are given the ones that `make` makes.
    pub(crate) async fn user_keys(
        &mut self,
        digests: &[[u8; 32]],
        since: Timestamp,
        make: impl FnMut() -> [u8; 32],
    ) -> Result<HashMap<[u8; 32], [u8; 32]>, StoreError> {
        users::keys(&mut self.0, digests, since, make).await
    }

    /// Keeps a text under its hash, unless it is there already. One that was erased is there again: somebody was shown it
    /// since.
    pub(crate) async fn text(&mut self, hash: &str, text: &str) -> Result<(), StoreError> {
        let query = sqlx::query(
            "INSERT INTO texts (hash, text) VALUES ($1, $2)
             ON CONFLICT DO UPDATE SET text = excluded.text WHERE texts.text = ''",
        );
        query.bind(hash).bind(text).execute(&mut *self.0).await?;
        Ok(())
    }

    /// Makes it all durable. After an error it may or may not be: ask [`holds`](Self::holds) in a new transaction.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        Ok(self.0.commit().await?)
    }
}

/// The log as it was at one instant, however much is written meanwhile.
pub(crate) struct Snapshot(pub(super) SqliteTransaction<'static>);

impl Snapshot {
    pub(crate) async fn begin(store: &Store) -> Result<Self, StoreError> {
        Ok(Self(store.reader().begin().await?))
    }

    /// The next entries after `seq`, in order.
    pub(crate) async fn page(&mut self, after: i64, limit: u32) -> Result<Vec<EntryBeside>, StoreError> {
        let query = sqlx::query(
            "SELECT c.seq, c.kind, c.at AS entry_at, c.prev, c.hash, c.bytes,
                    g.seq AS index_seq, g.id, g.at, g.cache_key, g.placement, g.segment, g.product, g.template,
                    g.revision, g.outcome, g.cost_micros,
                    r.seq AS review_seq, r.generation AS review_generation, r.decision AS review_decision,
                    v.seq AS verdict_seq, v.generation AS verdict_generation, v.at AS verdict_at,
                    v.cost_micros AS verdict_cost,
                    p.seq AS payload_seq, p.salt AS payload_salt, p.bytes AS payload_bytes
             FROM chain c
             LEFT JOIN generations g ON g.seq = c.seq
             LEFT JOIN reviews r ON r.seq = c.seq
             LEFT JOIN verdicts v ON v.seq = c.seq
             LEFT JOIN payloads p ON p.seq = c.seq
             WHERE c.seq > $1 ORDER BY c.seq LIMIT $2",
        );
        let rows = query.bind(after).bind(limit).fetch_all(&mut *self.0).await?;
        rows.iter().map(entry_beside).collect()
    }

    /// The `seq` of the entry with this hash. Reads the whole chain, for there is no index of hashes.
    pub(crate) async fn find(&mut self, hash: &str) -> Result<Option<i64>, StoreError> {
        let query = sqlx::query_scalar("SELECT seq FROM chain WHERE hash = $1");
        Ok(query.bind(hash).fetch_optional(&mut *self.0).await?)
    }

    /// The next texts after the hash `after`, each after its hash, in order.
    pub(crate) async fn texts(
        &mut self,
        after: &str,
        limit: u32,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let query = sqlx::query_as("SELECT hash, text FROM texts WHERE hash > $1 ORDER BY hash LIMIT $2");
        Ok(query.bind(after).bind(limit).fetch_all(&mut *self.0).await?)
    }
}

/// The latest decision on a generation `g`, as a subquery.
const LATEST_DECISION: &str = "SELECT r.decision FROM reviews r
     WHERE r.generation = g.id AND r.decision IS NOT NULL ORDER BY r.seq DESC LIMIT 1";

/// A generation's entry, by its id.
pub(crate) async fn generation(store: &Store, id: &str) -> Result<Option<EntryBytes>, StoreError> {
    one_generation(store, |sql| _ = sql.push("g.id = ").push_bind(id.to_owned())).await
}

/// The newest generation with this cache key that passed and was not rejected.
pub(crate) async fn latest_passed(store: &Store, cache_key: &str) -> Result<Option<EntryBytes>, StoreError> {
    one_generation(store, |sql| {
        sql.push("g.outcome = 'passed' AND g.cache_key = ").push_bind(cache_key.to_owned());
        sql.push(" AND coalesce((").push(LATEST_DECISION).push("), '') <> 'rejected'");
    })
    .await
}

/// The `seq` before the newest `most` generations; 0 where there are no more.
pub(crate) async fn before_newest(store: &Store, most: u32) -> Result<i64, StoreError> {
    let query = sqlx::query_scalar(
        "SELECT coalesce((SELECT seq FROM generations ORDER BY seq DESC LIMIT 1 OFFSET $1), 0)",
    );
    Ok(query.bind(most).fetch_one(store.reader()).await?)
}

/// The next generations after `after` that passed or were blocked at `since` or later, in order: `seq`, when, and of those
/// that were blocked the entry.
pub(crate) async fn judged(
    store: &Store,
    after: i64,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<(i64, Timestamp, Option<Vec<u8>>)>, StoreError> {
    let query = sqlx::query_as(
        "SELECT g.seq, g.at, CASE WHEN g.outcome = 'blocked' THEN c.bytes END
         FROM generations g JOIN chain c ON c.seq = g.seq
         WHERE g.seq > $1 AND g.at >= $2 AND g.outcome IN ('passed', 'blocked') ORDER BY g.seq LIMIT $3",
    );
    let rows: Vec<(i64, i64, Option<Vec<u8>>)> =
        query.bind(after).bind(micros(since)).bind(limit).fetch_all(store.reader()).await?;
    rows.into_iter().map(|(seq, at, bytes)| Ok((seq, timestamp(at)?, bytes))).collect()
}

/// Generations with this cache key that passed and were not rejected: approved ones first, the newest of them first.
pub(crate) async fn standing(
    store: &Store,
    cache_key: &str,
    limit: u32,
) -> Result<Vec<EntryBytes>, StoreError> {
    some_generations(store, |sql| {
        sql.push("g.outcome = 'passed' AND g.cache_key = ").push_bind(cache_key.to_owned());
        sql.push(" AND coalesce((").push(LATEST_DECISION).push("), '') <> 'rejected'");
        sql.push(" ORDER BY coalesce((").push(LATEST_DECISION).push("), '') = 'approved' DESC, g.seq DESC");
        sql.push(" LIMIT ").push_bind(limit);
    })
    .await
}

/// Generations with this cache key that were rejected, the newest first.
pub(crate) async fn rejected(
    store: &Store,
    cache_key: &str,
    limit: u32,
) -> Result<Vec<EntryBytes>, StoreError> {
    some_generations(store, |sql| {
        sql.push("g.cache_key = ").push_bind(cache_key.to_owned());
        sql.push(" AND (").push(LATEST_DECISION).push(") = 'rejected' ORDER BY g.seq DESC LIMIT ");
        sql.push_bind(limit);
    })
    .await
}

/// The newest generation with this cache key whose text was not let pass, and that nobody rejected.
pub(crate) async fn latest_blocked(store: &Store, cache_key: &str) -> Result<Option<EntryBytes>, StoreError> {
    one_generation(store, |sql| {
        sql.push("g.outcome = 'blocked' AND g.cache_key = ").push_bind(cache_key.to_owned());
        sql.push(" AND coalesce((").push(LATEST_DECISION).push("), '') <> 'rejected'");
    })
    .await
}

/// Whether the text of a generation was judged again once and passed for this cache key.
pub(crate) async fn was_judged_again(
    store: &Store,
    cache_key: &str,
    generation: &str,
) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM generations g JOIN chain c ON c.seq = g.seq
               WHERE g.outcome = 'passed' AND g.cache_key = $1 AND instr(c.bytes, CAST($2 AS BLOB)) > 0)";
    let says = format!("\"rejudged\":\"{generation}\"");
    Ok(sqlx::query_scalar(sql).bind(cache_key).bind(says).fetch_one(store.reader()).await?)
}

/// The reviews of a generation, each after its `seq`, oldest first.
pub(crate) async fn reviews(store: &Store, generation: &str) -> Result<Vec<(i64, EntryBytes)>, StoreError> {
    let query = sqlx::query(
        "SELECT c.seq, c.bytes, p.seq AS payload_seq, p.salt AS payload_salt, p.bytes AS payload_bytes
         FROM reviews r JOIN chain c ON c.seq = r.seq LEFT JOIN payloads p ON p.seq = c.seq
         WHERE r.generation = $1 ORDER BY r.seq",
    );
    let rows = query.bind(generation).fetch_all(store.reader()).await?;
    rows.iter().map(|row| Ok((row.try_get("seq")?, entry_bytes(row)?))).collect()
}

/// What rules made of second models' answers on a generation's text, each after its `seq`, oldest first.
pub(crate) async fn verdicts(store: &Store, generation: &str) -> Result<Vec<(i64, EntryBytes)>, StoreError> {
    let query = sqlx::query(
        "SELECT c.seq, c.bytes, p.seq AS payload_seq, p.salt AS payload_salt, p.bytes AS payload_bytes
         FROM verdicts v JOIN chain c ON c.seq = v.seq LEFT JOIN payloads p ON p.seq = c.seq
         WHERE v.generation = $1 ORDER BY v.seq",
    );
    let rows = query.bind(generation).fetch_all(store.reader()).await?;
    rows.iter().map(|row| Ok((row.try_get("seq")?, entry_bytes(row)?))).collect()
}

/// The next decisions after `seq`, in order: `seq` and bytes of each, and the cache key of its generation.
pub(crate) async fn decisions(
    store: &Store,
    after: i64,
    limit: u32,
) -> Result<Vec<(i64, Vec<u8>, String)>, StoreError> {
    let query = sqlx::query_as(
        "SELECT c.seq, c.bytes, g.cache_key
         FROM reviews r JOIN chain c ON c.seq = r.seq JOIN generations g ON g.id = r.generation
         WHERE r.seq > $1 AND r.decision IS NOT NULL ORDER BY r.seq LIMIT $2",
    );
    Ok(query.bind(after).bind(limit).fetch_all(store.reader()).await?)
}

const NEWEST_REVIEW_ON: &str = "SELECT max((SELECT coalesce(max(seq), 0) FROM reviews WHERE generation = $1),
    (SELECT coalesce(max(r.seq), 0) FROM generations g JOIN reviews r ON r.generation = g.id
     WHERE g.cache_key = $2 AND g.outcome = 'passed'))";

/// The `seq` of the newest review of a generation, or of any that passed with this cache key; 0 when there is none.
pub(crate) async fn newest_review_on(
    store: &Store,
    generation: &str,
    cache_key: &str,
) -> Result<i64, StoreError> {
    let query = sqlx::query_scalar(NEWEST_REVIEW_ON).bind(generation).bind(cache_key);
    Ok(query.fetch_one(store.reader()).await?)
}

/// The `seq` of the newest review; 0 when there is none.
pub(crate) async fn newest_review(store: &Store) -> Result<i64, StoreError> {
    let query = sqlx::query_scalar("SELECT coalesce(max(seq), 0) FROM reviews");
    Ok(query.fetch_one(store.reader()).await?)
}

/// An entry without what stands beside it.
pub(super) const ENTRY_ALONE: &str =
    "SELECT c.seq, c.kind, c.at AS entry_at, c.prev, c.hash, c.bytes FROM chain c WHERE ";
/// An entry with what stands beside it.
pub(super) const ENTRY: &str = "SELECT c.seq, c.kind, c.at AS entry_at, c.prev, c.hash, c.bytes,
            p.seq AS payload_seq, p.salt AS payload_salt, p.bytes AS payload_bytes
     FROM chain c LEFT JOIN payloads p ON p.seq = c.seq WHERE ";

/// The entries of a generation, of the reviews and of the verdicts on it, in order, with what stands beside each.
pub(crate) async fn entries_of_generation(
    store: &Store,
    id: &str,
) -> Result<Vec<(Entry, Option<PayloadRow>)>, StoreError> {
    let mut sql = QueryBuilder::<Sqlite>::new(ENTRY);
    sql.push("c.seq IN (SELECT seq FROM generations WHERE id = ").push_bind(id.to_owned());
    sql.push(" UNION SELECT seq FROM reviews WHERE generation = ").push_bind(id.to_owned());
    sql.push(" UNION SELECT seq FROM verdicts WHERE generation = ").push_bind(id.to_owned());
    sql.push(") ORDER BY c.seq");
    let rows = sql.build().fetch_all(store.reader()).await?;
    rows.iter().map(|row| Ok((entry_row(row)?, payload_row(row)?))).collect()
}

/// One entry, with what stands beside it.
pub(crate) async fn entry(
    store: &Store,
    seq: i64,
) -> Result<Option<(Entry, Option<PayloadRow>)>, StoreError> {
    let mut sql = QueryBuilder::<Sqlite>::new(ENTRY);
    sql.push("c.seq = ").push_bind(seq);
    let row = sql.build().fetch_optional(store.reader()).await?;
    row.map(|row| Ok((entry_row(&row)?, payload_row(&row)?))).transpose()
}

/// The entries that say what was taken out on purpose, the newest first.
pub(crate) async fn receipts(store: &Store) -> Result<Vec<(Entry, Option<PayloadRow>)>, StoreError> {
    let mut sql = QueryBuilder::<Sqlite>::new(ENTRY);
    sql.push("c.kind IN ('erasure', 'retention') ORDER BY c.seq DESC");
    let rows = sql.build().fetch_all(store.reader()).await?;
    rows.iter().map(|row| Ok((entry_row(row)?, payload_row(row)?))).collect()
}

/// The entries that say what became of edits of the policy, the newest first, at most `limit`.
pub(crate) async fn edits(store: &Store, limit: u32) -> Result<Vec<Entry>, StoreError> {
    let mut sql = QueryBuilder::<Sqlite>::new(ENTRY_ALONE);
    sql.push("c.kind = 'policy' ORDER BY c.seq DESC LIMIT ").push_bind(limit);
    let rows = sql.build().fetch_all(store.reader()).await?;
    rows.iter().map(entry_row).collect()
}

/// The exact bytes of an entry, and what stands beside it.
pub(crate) struct EntryBytes {
    pub(crate) bytes: Vec<u8>,
    pub(crate) payload: Option<PayloadRow>,
}

async fn one_generation(
    store: &Store,
    condition: impl FnOnce(&mut QueryBuilder<Sqlite>),
) -> Result<Option<EntryBytes>, StoreError> {
    let newest = some_generations(store, |sql| {
        condition(sql);
        sql.push(" ORDER BY g.seq DESC LIMIT 1");
    });
    Ok(newest.await?.pop())
}

/// Entries of generations; `which` says which ones, and in which order.
async fn some_generations(
    store: &Store,
    which: impl FnOnce(&mut QueryBuilder<Sqlite>),
) -> Result<Vec<EntryBytes>, StoreError> {
    let mut sql = QueryBuilder::<Sqlite>::new(
        "SELECT c.bytes, p.seq AS payload_seq, p.salt AS payload_salt, p.bytes AS payload_bytes
         FROM generations g JOIN chain c ON c.seq = g.seq LEFT JOIN payloads p ON p.seq = c.seq WHERE ",
    );
    which(&mut sql);
    let rows = sql.build().fetch_all(store.reader()).await?;
    rows.iter().map(entry_bytes).collect()
}

/// A generation that passed, as it stands in the tables.
pub(crate) struct PassedRow {
    pub(crate) seq: i64,
    pub(crate) found: EntryBytes,
    /// Whether a person decided on it.
    pub(crate) decided: bool,
}

/// The generations before the entry `before` that passed and were not rejected, newest first.
pub(crate) async fn passed(store: &Store, before: i64, limit: u32) -> Result<Vec<PassedRow>, StoreError> {
    let mut sql = QueryBuilder::<Sqlite>::new(
        "SELECT g.seq, c.bytes, p.seq AS payload_seq, p.salt AS payload_salt, p.bytes AS payload_bytes, (",
    );
    sql.push(LATEST_DECISION).push(") AS decision ");
    sql.push("FROM generations g JOIN chain c ON c.seq = g.seq LEFT JOIN payloads p ON p.seq = c.seq ");
    sql.push("WHERE g.outcome = 'passed' AND coalesce(decision, '') <> 'rejected' AND g.seq < ");
    sql.push_bind(before).push(" ORDER BY g.seq DESC LIMIT ").push_bind(limit);
    let rows = sql.build().fetch_all(store.reader()).await?;
    rows.iter()
        .map(|row| {
            let decided = row.try_get::<Option<String>, _>("decision")?.is_some();
            Ok(PassedRow { seq: row.try_get("seq")?, found: entry_bytes(row)?, decided })
        })
        .collect()
}

/// What all generations that finished at `since` or later, and second models asked since, have cost, in millionths.
pub(crate) async fn cost_since(store: &Store, since: Timestamp) -> Result<i64, StoreError> {
    let query = sqlx::query_scalar(
        "SELECT coalesce(sum(CASE WHEN cost_micros > $2 THEN $2 ELSE cost_micros END), 0)
         FROM (SELECT cost_micros FROM generations WHERE at >= $1
               UNION ALL SELECT cost_micros FROM verdicts WHERE at >= $1) AS costs",
    );
    // What upstreams claim may be absurd, and a sum that is larger than a number can be is an error.
    const MOST: i64 = 1_000_000_000_000;
    Ok(query.bind(micros(since)).bind(MOST).fetch_one(store.reader()).await?)
}

/// A text that was served and is no generation's, by its hash.
pub(crate) async fn text(store: &Store, hash: &str) -> Result<Option<String>, StoreError> {
    let query = sqlx::query_scalar("SELECT text FROM texts WHERE hash = $1");
    Ok(query.bind(hash).fetch_optional(store.reader()).await?)
}

pub(super) fn entry_row(row: &SqliteRow) -> Result<Entry, StoreError> {
    Ok(Entry {
        seq: row.try_get("seq")?,
        kind: row.try_get("kind")?,
        at: timestamp(row.try_get("entry_at")?)?,
        prev: row.try_get("prev")?,
        hash: row.try_get("hash")?,
        bytes: row.try_get("bytes")?,
    })
}

fn entry_beside(row: &SqliteRow) -> Result<EntryBeside, StoreError> {
    let entry = entry_row(row)?;
    let (index, review, verdict) = (index_row(row)?, review_row(row)?, verdict_row(row)?);
    Ok(EntryBeside { entry, index, review, verdict, payload: payload_row(row)? })
}

pub(super) fn entry_bytes(row: &SqliteRow) -> Result<EntryBytes, StoreError> {
    Ok(EntryBytes { bytes: row.try_get("bytes")?, payload: payload_row(row)? })
}

fn review_row(row: &SqliteRow) -> Result<Option<ReviewRow>, StoreError> {
    let Some(seq) = row.try_get("review_seq")? else { return Ok(None) };
    let (generation, decision) = (row.try_get("review_generation")?, row.try_get("review_decision")?);
    Ok(Some(ReviewRow { seq, generation, decision }))
}

fn verdict_row(row: &SqliteRow) -> Result<Option<VerdictRow>, StoreError> {
    let Some(seq) = row.try_get("verdict_seq")? else { return Ok(None) };
    Ok(Some(VerdictRow {
        seq,
        generation: row.try_get("verdict_generation")?,
        at: timestamp(row.try_get("verdict_at")?)?,
        cost_micros: row.try_get("verdict_cost")?,
    }))
}

fn index_row(row: &SqliteRow) -> Result<Option<IndexRow>, StoreError> {
    let Some(seq) = row.try_get("index_seq")? else { return Ok(None) };
    Ok(Some(IndexRow {
        seq,
        id: row.try_get("id")?,
        at: timestamp(row.try_get("at")?)?,
        cache_key: row.try_get("cache_key")?,
        placement: row.try_get("placement")?,
        segment: row.try_get("segment")?,
        product: row.try_get("product")?,
        template: row.try_get("template")?,
        revision: row.try_get("revision")?,
        outcome: row.try_get("outcome")?,
        cost_micros: row.try_get("cost_micros")?,
    }))
}

pub(super) fn payload_row(row: &SqliteRow) -> Result<Option<PayloadRow>, StoreError> {
    if row.try_get::<Option<i64>, _>("payload_seq")?.is_none() {
        return Ok(None);
    }
    Ok(Some(PayloadRow { salt: row.try_get("payload_salt")?, bytes: row.try_get("payload_bytes")? }))
}
