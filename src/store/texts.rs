//! Reading the log in bulk for what was written and what was shown. Knows nothing of what entries say.

use jiff::Timestamp;
use sqlx::query_builder::QueryBuilder;
use sqlx::{Row, Sqlite};

use super::log::{EntryBytes, entry_bytes};
use super::{Store, StoreError, micros};

/// How many values one statement asks for.
const VALUES: usize = 500;

/// The generations that were judged and are not deleted: passed or blocked.
const JUDGED: &str =
    "SELECT c.seq, c.bytes, p.seq AS payload_seq, p.salt AS payload_salt, p.bytes AS payload_bytes
     FROM generations g JOIN chain c ON c.seq = g.seq LEFT JOIN payloads p ON p.seq = c.seq
     WHERE g.outcome IN ('passed', 'blocked') AND c.bytes <> x'' AND ";

/// The number of the first generation that ended at `since` or later, beyond all where there is none, and how many of those
/// were judged.
pub(crate) async fn judged_since(store: &Store, since: Timestamp) -> Result<(i64, i64), StoreError> {
    let sql = "SELECT coalesce(min(seq), 9223372036854775807), count(CASE WHEN outcome IN ('passed', 'blocked') THEN 1 END)
               FROM generations WHERE at >= $1";
    Ok(sqlx::query_as(sql).bind(micros(since)).fetch_one(store.reader()).await?)
}

/// The judged generations from the entry `from` on and before the entry `before`, newest first, each after its number.
pub(crate) async fn judged(
    store: &Store,
    from: i64,
    before: i64,
    limit: u32,
) -> Result<Vec<(i64, EntryBytes)>, StoreError> {
    let mut sql = QueryBuilder::<Sqlite>::new(JUDGED);
    sql.push("g.seq >= ").push_bind(from).push(" AND g.seq < ").push_bind(before);
    sql.push(" ORDER BY g.seq DESC LIMIT ").push_bind(limit);
    let rows = sql.build().fetch_all(store.reader()).await?;
    rows.iter().map(|row| Ok((row.try_get("seq")?, entry_bytes(row)?))).collect()
}

/// The judged generations before the entry `before` that ended at `since` or later, or that a person approves or approved,
/// newest first: each after its number, with the latest decision on it.
pub(crate) async fn servable(
    store: &Store,
    before: i64,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<(i64, EntryBytes, Option<String>)>, StoreError> {
    let sql = "SELECT c.seq, c.bytes, p.seq AS payload_seq, p.salt AS payload_salt, p.bytes AS payload_bytes,
                 (SELECT r.decision FROM reviews r
                  WHERE r.generation = g.id AND r.decision IS NOT NULL ORDER BY r.seq DESC LIMIT 1) AS decision
         FROM generations g JOIN chain c ON c.seq = g.seq LEFT JOIN payloads p ON p.seq = c.seq
         WHERE g.outcome IN ('passed', 'blocked') AND c.bytes <> x'' AND g.seq < $1
           AND (g.at >= $2 OR decision = 'approved' OR instr(c.bytes, CAST('\"approval\":true' AS BLOB)) > 0)
         ORDER BY g.seq DESC LIMIT $3";
    let rows =
        sqlx::query(sql).bind(before).bind(micros(since)).bind(limit).fetch_all(store.reader()).await?;
    rows.iter().map(|row| Ok((row.try_get("seq")?, entry_bytes(row)?, row.try_get("decision")?))).collect()
}

/// The judged generations with these ids, each after its number.
pub(crate) async fn judged_with_ids(
    store: &Store,
    ids: &[String],
) -> Result<Vec<(i64, EntryBytes)>, StoreError> {
    let mut found = Vec::with_capacity(ids.len());
    for ids in ids.chunks(VALUES) {
        let mut sql = QueryBuilder::<Sqlite>::new(JUDGED);
        let mut list = sql.push("g.id IN (").separated(", ");
        ids.iter().for_each(|id| _ = list.push_bind(id.as_str()));
        sql.push(") ORDER BY g.seq DESC");
        for row in &sql.build().fetch_all(store.reader()).await? {
            found.push((row.try_get("seq")?, entry_bytes(row)?));
        }
    }
    Ok(found)
}

/// The number of the entry before the first that holds serves of this minute (since 1970) or a later one, as far as the
/// log is indexed: no later one is left out.
pub(crate) async fn before_minute(store: &Store, minute: i64) -> Result<i64, StoreError> {
    let sql = "SELECT coalesce((SELECT min(first) - 1 FROM minutes WHERE minute >= $1),
                               (SELECT value FROM meta WHERE name = 'indexed'), 0)";
    Ok(sqlx::query_scalar(sql).bind(minute).fetch_one(store.reader()).await?)
}

/// The next blocks of serves after the entry `after` whose last serve was at `since` or later, each after its number.
pub(crate) async fn serve_blocks(
    store: &Store,
    after: i64,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
    let sql = "SELECT seq, bytes FROM chain WHERE seq > $1 AND kind = 'serves' AND at >= $2 AND bytes <> x''
               ORDER BY seq LIMIT $3";
    Ok(sqlx::query_as(sql).bind(after).bind(micros(since)).bind(limit).fetch_all(store.reader()).await?)
}

/// The texts with these hashes, each after its hash; an empty one was erased.
pub(crate) async fn texts(store: &Store, hashes: &[String]) -> Result<Vec<(String, String)>, StoreError> {
    let mut found = Vec::with_capacity(hashes.len());
    for hashes in hashes.chunks(VALUES) {
        let mut sql = QueryBuilder::<Sqlite>::new("SELECT hash, text FROM texts WHERE hash IN (");
        let mut list = sql.separated(", ");
        hashes.iter().for_each(|hash| _ = list.push_bind(hash.as_str()));
        sql.push(")");
        found.extend(sql.build_query_as::<(String, String)>().fetch_all(store.reader()).await?);
    }
    Ok(found)
}

/// The next verdicts of second models after the entry `after` that were recorded at `since` or later, in order.
pub(crate) async fn verdicts(
    store: &Store,
    after: i64,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
    let sql = "SELECT c.seq, c.bytes FROM verdicts v JOIN chain c ON c.seq = v.seq
               WHERE v.seq > $1 AND v.at >= $2 AND c.bytes <> x'' ORDER BY v.seq LIMIT $3";
    Ok(sqlx::query_as(sql).bind(after).bind(micros(since)).bind(limit).fetch_all(store.reader()).await?)
}
