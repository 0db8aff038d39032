//! The tables of stops, rejections and purges. Knows nothing of what they mean.

use jiff::Timestamp;
use sqlx::Row;

use super::log::Append;
use super::{Store, StoreError, micros, timestamp};

/// A stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopRow {
    /// Its id.
    pub id: String,
    /// When it was set.
    pub at: Timestamp,
    /// Who set it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// What kind of thing is stopped.
    pub kind: String,
    /// Which one.
    pub value: String,
    /// Whether pre-written copy is stopped too.
    pub prewritten: bool,
    /// The generation that was taken down, of a text.
    pub generation: Option<String>,
    /// When it was lifted.
    pub lifted: Option<Timestamp>,
    /// Who lifted it.
    pub lifted_by: Option<String>,
}

/// A rejection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectionRow {
    /// The generation that was rejected.
    pub generation: String,
    /// The keys of its question, a blank between two.
    pub cache_key: String,
    /// The wordings, likewise.
    pub text: String,
}

/// A purge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgeRow {
    /// Its id.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// Who ordered it.
    pub by: String,
    /// A JSON object.
    pub scope: String,
}

/// Everything in the tables, as of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// How many changes it has seen.
    pub number: i64,
    /// Every stop, oldest first.
    pub stops: Vec<StopRow>,
    /// Every rejection.
    pub rejections: Vec<RejectionRow>,
    /// Every purge, oldest first.
    pub purges: Vec<PurgeRow>,
}

/// How many changes of stops, rejections and purges the store has seen.
///
/// # Errors
/// When the store cannot be read.
pub async fn number(store: &Store) -> Result<i64, StoreError> {
    let query = sqlx::query_scalar("SELECT value FROM meta WHERE name = 'stops'");
    Ok(query.fetch_optional(store.reader()).await?.unwrap_or(0))
}

/// Reads everything.
///
/// # Errors
/// When the store cannot be read.
pub async fn read(store: &Store) -> Result<Rows, StoreError> {
    let mut reading = store.reader().begin().await?;
    let number = sqlx::query_scalar("SELECT value FROM meta WHERE name = 'stops'");
    let number = number.fetch_optional(&mut *reading).await?.unwrap_or(0);
    let sql = "SELECT id, at, by, reason, kind, value, prewritten, generation, lifted, lifted_by FROM stops ORDER BY id";
    let mut stops = Vec::new();
    for row in sqlx::query(sql).fetch_all(&mut *reading).await? {
        let lifted: Option<i64> = row.try_get("lifted")?;
        stops.push(StopRow {
            id: row.try_get("id")?,
            at: timestamp(row.try_get("at")?)?,
            by: row.try_get("by")?,
            reason: row.try_get("reason")?,
            kind: row.try_get("kind")?,
            value: row.try_get("value")?,
            prewritten: row.try_get("prewritten")?,
            generation: row.try_get("generation")?,
            lifted: lifted.map(timestamp).transpose()?,
            lifted_by: row.try_get("lifted_by")?,
        });
    }
    let sql = "SELECT generation, cache_key, text FROM rejections";
    let mut rejections = Vec::new();
    for row in sqlx::query(sql).fetch_all(&mut *reading).await? {
        rejections.push(RejectionRow {
            generation: row.try_get("generation")?,
            cache_key: row.try_get("cache_key")?,
            text: row.try_get("text")?,
        });
    }
    let sql = "SELECT id, at, by, scope FROM purges ORDER BY id";
    let mut purges = Vec::new();
    for row in sqlx::query(sql).fetch_all(&mut *reading).await? {
        purges.push(PurgeRow {
            id: row.try_get("id")?,
            at: timestamp(row.try_get("at")?)?,
            by: row.try_get("by")?,
            scope: row.try_get("scope")?,
        });
    }
    Ok(Rows { number, stops, rejections, purges })
}

impl Append {
    /// Keeps a stop, unless it is kept already; answers whether it is new.
    pub(crate) async fn keep_stop(&mut self, stop: &StopRow) -> Result<bool, StoreError> {
        let query = sqlx::query(
            "INSERT INTO stops (id, at, by, reason, kind, value, prewritten, generation, lifted, lifted_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
        );
        let done = query
            .bind(&stop.id)
            .bind(micros(stop.at))
            .bind(&stop.by)
            .bind(&stop.reason)
            .bind(&stop.kind)
            .bind(&stop.value)
            .bind(stop.prewritten)
            .bind(&stop.generation)
            .bind(stop.lifted.map(micros))
            .bind(&stop.lifted_by)
            .execute(&mut *self.0)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Lifts a stop that is in force; answers whether one was.
    pub(crate) async fn lift_stop(&mut self, id: &str, at: Timestamp, by: &str) -> Result<bool, StoreError> {
        let query =
            sqlx::query("UPDATE stops SET lifted = $2, lifted_by = $3 WHERE id = $1 AND lifted IS NULL");
        let done = query.bind(id).bind(micros(at)).bind(by).execute(&mut *self.0).await?;
        Ok(done.rows_affected() > 0)
    }

    /// Keeps a rejection, unless it is kept already as it is; answers whether it is new.
    pub(crate) async fn keep_rejection(&mut self, row: &RejectionRow) -> Result<bool, StoreError> {
        let query = sqlx::query(
            "INSERT INTO rejections (generation, cache_key, text) VALUES ($1, $2, $3) ON CONFLICT (generation)
             DO UPDATE SET cache_key = excluded.cache_key, text = excluded.text WHERE text <> excluded.text",
        );
        let query = query.bind(&row.generation).bind(&row.cache_key).bind(&row.text);
        Ok(query.execute(&mut *self.0).await?.rows_affected() > 0)
    }

    /// Removes a rejection; answers whether there was one.
    pub(crate) async fn drop_rejection(&mut self, generation: &str) -> Result<bool, StoreError> {
        let query = sqlx::query("DELETE FROM rejections WHERE generation = $1");
        Ok(query.bind(generation).execute(&mut *self.0).await?.rows_affected() > 0)
    }

    /// Keeps a purge, unless it is kept already; answers whether it is new.
    pub(crate) async fn keep_purge(&mut self, purge: &PurgeRow) -> Result<bool, StoreError> {
        let query = sqlx::query(
            "INSERT INTO purges (id, at, by, scope) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        );
        let query = query.bind(&purge.id).bind(micros(purge.at)).bind(&purge.by).bind(&purge.scope);
        Ok(query.execute(&mut *self.0).await?.rows_affected() > 0)
    }

    /// Counts a change, so that running services notice.
    pub(crate) async fn count_stops(&mut self) -> Result<(), StoreError> {
        let sql = "INSERT INTO meta (name, value) VALUES ('stops', 1)
                   ON CONFLICT (name) DO UPDATE SET value = value + 1";
        sqlx::query(sql).execute(&mut *self.0).await?;
        Ok(())
    }
}
