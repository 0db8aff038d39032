//! How often things happened, by the hour: rows that are added up. Knows nothing of what they are of.

use sqlx::Sqlite;
use sqlx::query_builder::QueryBuilder;

use super::StoreError;
use super::log::{Append, Snapshot};

/// How many rows one statement takes.
const ROWS: usize = 64;

/// How often something happened within an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CountRow {
    /// Which figure.
    pub(crate) what: &'static str,
    /// Hours since 1970, UTC.
    pub(crate) hour: i64,
    /// Of what.
    pub(crate) name: String,
    /// How often.
    pub(crate) n: i64,
    /// Of what is added up.
    pub(crate) total: i64,
}

impl Append {
    /// Adds to what was counted.
    pub(crate) async fn add_counts(&mut self, rows: &[CountRow]) -> Result<(), StoreError> {
        for chunk in rows.chunks(ROWS) {
            let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO counts (what, hour, name, n, total) ");
            insert.push_values(chunk, |mut values, row| {
                values.push_bind(row.what).push_bind(row.hour).push_bind(row.name.as_str());
                values.push_bind(row.n).push_bind(row.total);
            });
            insert.push(" ON CONFLICT DO UPDATE SET n = n + excluded.n, total = total + excluded.total");
            insert.build().execute(&mut *self.0).await?;
        }
        Ok(())
    }

    /// The entry of a generation and when it ended, in microseconds since 1970.
    pub(crate) async fn ended(&mut self, generation: &str) -> Result<Option<(i64, i64)>, StoreError> {
        let query = sqlx::query_as("SELECT seq, at FROM generations WHERE id = $1");
        Ok(query.bind(generation).fetch_optional(&mut *self.0).await?)
    }

    /// The first rows of serves with this term, from one row on and before another.
    pub(crate) async fn first_serves(
        &mut self,
        term: &str,
        (from, to): (i64, i64),
        limit: u32,
    ) -> Result<Vec<i64>, StoreError> {
        let query = sqlx::query_scalar(
            "SELECT rowid FROM serve_index WHERE serve_index MATCH $1 AND rowid >= $2 AND rowid < $3
             ORDER BY rowid LIMIT $4",
        );
        let query = query.bind(format!("\"{term}\"")).bind(from).bind(to).bind(limit);
        Ok(query.fetch_all(&mut *self.0).await?)
    }

    /// Whether the serves after an entry are all there: retention deletes the oldest first.
    pub(crate) async fn holds_serves_after(&mut self, seq: i64) -> Result<bool, StoreError> {
        let query = sqlx::query_scalar(
            "SELECT length(bytes) > 0 FROM chain WHERE seq > $1 AND kind = 'serves' ORDER BY seq LIMIT 1",
        );
        Ok(query.bind(seq).fetch_optional(&mut *self.0).await?.unwrap_or(true))
    }
}

impl Snapshot {
    /// Adds up a figure over each of these spans of hours, a span's first hour included and its last one not: the place of
    /// the span, the name, how often, and what is added up. At most `limit` rows.
    pub(crate) async fn sums(
        &mut self,
        what: &'static str,
        spans: &[(i64, i64)],
        limit: u32,
    ) -> Result<Vec<(i64, String, i64, i64)>, StoreError> {
        if spans.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = QueryBuilder::<Sqlite>::new("WITH spans (place, first, last) AS (");
        query.push_values((0_i64..).zip(spans), |mut row, (place, (first, last))| {
            row.push_bind(place).push_bind(*first).push_bind(*last);
        });
        query.push(
            ") SELECT s.place, c.name, sum(c.n), sum(c.total) FROM spans s CROSS JOIN counts c
               WHERE c.hour >= s.first AND c.hour < s.last AND c.what = ",
        );
        query.push_bind(what).push(" GROUP BY s.place, c.name ORDER BY s.place, c.name LIMIT ");
        query.push_bind(limit);
        Ok(query.build_query_as().fetch_all(&mut *self.0).await?)
    }

    /// How often a figure was counted in each of these spans under names that begin so; each is after its place among them,
    /// and left out where that is never.
    pub(crate) async fn sums_from(
        &mut self,
        what: &'static str,
        begins: &str,
        spans: &[(i64, i64)],
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        if spans.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = QueryBuilder::<Sqlite>::new("WITH spans (place, first, last) AS (");
        query.push_values((0_i64..).zip(spans), |mut row, (place, (first, last))| {
            row.push_bind(place).push_bind(*first).push_bind(*last);
        });
        query.push(
            ") SELECT s.place, sum(c.n) FROM spans s CROSS JOIN counts c
               WHERE c.hour >= s.first AND c.hour < s.last AND c.what = ",
        );
        query.push_bind(what).push(" AND c.name >= ").push_bind(begins);
        query.push(" AND substr(c.name, 1, length(").push_bind(begins).push(")) = ").push_bind(begins);
        query.push(" GROUP BY s.place ORDER BY s.place");
        Ok(query.build_query_as().fetch_all(&mut *self.0).await?)
    }

    /// The rows of a figure in a span of hours, the newest first, at most `limit`: the hour, the name, how often, and what
    /// is added up.
    pub(crate) async fn counted(
        &mut self,
        what: &'static str,
        (first, last): (i64, i64),
        limit: u32,
    ) -> Result<Vec<(i64, String, i64, i64)>, StoreError> {
        let query = sqlx::query_as(
            "SELECT hour, name, n, total FROM counts WHERE what = $1 AND hour >= $2 AND hour < $3
             ORDER BY hour DESC, name LIMIT $4",
        );
        Ok(query.bind(what).bind(first).bind(last).bind(limit).fetch_all(&mut *self.0).await?)
    }

    /// The hour that anything was first counted in.
    pub(crate) async fn first_counted(&mut self, what: &'static str) -> Result<Option<i64>, StoreError> {
        let query = sqlx::query_scalar("SELECT min(hour) FROM counts WHERE what = $1");
        Ok(query.bind(what).fetch_one(&mut *self.0).await?)
    }

    /// When the first entry after this one was made, in microseconds since 1970.
    pub(crate) async fn made_after(&mut self, seq: i64) -> Result<Option<i64>, StoreError> {
        let query = sqlx::query_scalar("SELECT at FROM chain WHERE seq > $1 ORDER BY seq LIMIT 1");
        Ok(query.bind(seq).fetch_optional(&mut *self.0).await?)
    }
}
