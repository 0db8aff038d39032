//! Reading the log in its order, to be taken elsewhere. Knows nothing of what entries say.

use jiff::Timestamp;
use sqlx::query_builder::QueryBuilder;
use sqlx::{Row, Sqlite};

use super::log::{ENTRY, ENTRY_ALONE, Entry, PayloadRow, Snapshot, entry_row, payload_row};
use super::{StoreError, micros};

/// Which entries are read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Span {
    /// Only those after this number.
    pub(crate) after: i64,
    /// Up to this one.
    pub(crate) last: i64,
    /// Only of these kinds; all without any.
    pub(crate) kinds: Vec<&'static str>,
    /// None of these kinds.
    pub(crate) without: Vec<&'static str>,
    /// Only those whose last record is of this time or later.
    pub(crate) since: Option<Timestamp>,
    /// Whether what stands beside them is read too.
    pub(crate) payload: bool,
}

impl Snapshot {
    /// The numbers of the first and the last entry of a time, the end left out; `None` when there is none.
    pub(crate) async fn run(
        &mut self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Option<(i64, i64)>, StoreError> {
        let (first, last): (Option<i64>, Option<i64>) = if since.is_none() && until.is_none() {
            sqlx::query_as("SELECT min(seq), max(seq) FROM chain").fetch_one(&mut *self.0).await?
        } else {
            let query = sqlx::query_as("SELECT min(seq), max(seq) FROM chain WHERE at >= $1 AND at < $2");
            let since = since.map_or(i64::MIN, micros);
            let until = until.map_or(i64::MAX, micros);
            query.bind(since).bind(until).fetch_one(&mut *self.0).await?
        };
        Ok(first.zip(last))
    }

    /// The next entries of a span, in order, at most `limit`.
    pub(crate) async fn next(
        &mut self,
        span: &Span,
        limit: u32,
    ) -> Result<Vec<(Entry, Option<PayloadRow>)>, StoreError> {
        let mut sql = QueryBuilder::<Sqlite>::new(if span.payload { ENTRY } else { ENTRY_ALONE });
        sql.push("c.seq > ").push_bind(span.after).push(" AND c.seq <= ").push_bind(span.last);
        if let Some(since) = span.since {
            sql.push(" AND c.at >= ").push_bind(micros(since));
        }
        for (kinds, word) in [(&span.kinds, " AND c.kind IN ("), (&span.without, " AND c.kind NOT IN (")] {
            if !kinds.is_empty() {
                let mut list = sql.push(word).separated(", ");
                kinds.iter().for_each(|kind| _ = list.push_bind(*kind));
                sql.push(")");
            }
        }
        sql.push(" ORDER BY c.seq LIMIT ").push_bind(limit);
        let rows = sql.build().fetch_all(&mut *self.0).await?;
        let read = |row| Ok((entry_row(row)?, if span.payload { payload_row(row)? } else { None }));
        rows.iter().map(read).collect()
    }

    /// A text that was served and is no generation's, by its hash.
    pub(crate) async fn served_text(&mut self, hash: &str) -> Result<Option<String>, StoreError> {
        let query = sqlx::query_scalar("SELECT text FROM texts WHERE hash = $1");
        Ok(query.bind(hash).fetch_optional(&mut *self.0).await?)
    }

    /// The payload of a generation, by its id.
    pub(crate) async fn payload_of(&mut self, generation: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT p.bytes FROM generations g JOIN payloads p ON p.seq = g.seq WHERE g.id = $1";
        let row = sqlx::query(sql).bind(generation).fetch_optional(&mut *self.0).await?;
        row.map(|row| row.try_get("bytes")).transpose().map(Option::flatten).map_err(StoreError::from)
    }
}
