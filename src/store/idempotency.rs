//! Answers that are repeated to whoever sends the same `idempotency-key` again, so that a restart does not forget them.
//! Knows nothing of what was asked or answered.

use jiff::Timestamp;
use sqlx::Row;

use super::{Store, StoreError, micros, timestamp};

/// One answer that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerRow {
    /// From when on it is not repeated.
    pub until: Timestamp,
    /// A hash of what was asked, in hex.
    pub body: String,
    /// Whether the text stands beside the serve's record, not in a generation's.
    pub beside: bool,
    /// The answer as it was sent, as JSON.
    pub answer: String,
}

/// Keeps an answer under its slot, in place of the one that was there.
///
/// # Errors
///
/// When the store cannot be written.
pub async fn keep(store: &Store, slot: &str, row: &AnswerRow) -> Result<(), StoreError> {
    let mut transaction = store.begin_write().await?;
    sqlx::query(
        "INSERT INTO idempotency (slot, until, body, beside, answer) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (slot) DO UPDATE SET until = excluded.until, body = excluded.body, beside = excluded.beside,
             answer = excluded.answer",
    )
    .bind(slot)
    .bind(micros(row.until))
    .bind(&row.body)
    .bind(row.beside)
    .bind(&row.answer)
    .execute(&mut *transaction)
    .await?;
    Ok(transaction.commit().await?)
}

/// The answer in a slot; `None` when there is none that is still repeated at `now`.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn find(store: &Store, slot: &str, now: Timestamp) -> Result<Option<AnswerRow>, StoreError> {
    let query =
        sqlx::query("SELECT until, body, beside, answer FROM idempotency WHERE slot = $1 AND until > $2");
    let found = query.bind(slot).bind(micros(now)).fetch_optional(store.reader()).await?;
    let read = |row: sqlx::sqlite::SqliteRow| {
        Ok(AnswerRow {
            until: timestamp(row.try_get("until")?)?,
            body: row.try_get("body")?,
            beside: row.try_get("beside")?,
            answer: row.try_get("answer")?,
        })
    };
    found.map(read).transpose()
}

/// The next answers after the slot `after` that are still repeated at `now`, in the order of their slots, at most `limit`:
/// each after its slot.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn page(
    store: &Store,
    after: &str,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<(String, String)>, StoreError> {
    let sql = "SELECT slot, answer FROM idempotency WHERE slot > $1 AND until > $2 ORDER BY slot LIMIT $3";
    Ok(sqlx::query_as(sql).bind(after).bind(micros(now)).bind(limit).fetch_all(store.reader()).await?)
}

/// Lets go of all that is not repeated any more at `now`.
///
/// # Errors
///
/// When the store cannot be written.
pub async fn forget(store: &Store, now: Timestamp) -> Result<(), StoreError> {
    let mut transaction = store.begin_write().await?;
    sqlx::query("DELETE FROM idempotency WHERE until <= $1")
        .bind(micros(now))
        .execute(&mut *transaction)
        .await?;
    Ok(transaction.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{at, test_store};

    #[tokio::test]
    async fn an_answer_is_kept_until_its_time_and_replaced_by_a_later_one() {
        let held = test_store().await;
        let store = &held.store;
        let row = |until: i64, answer: &str| AnswerRow {
            until: at(until),
            body: "00".into(),
            beside: until > 10,
            answer: answer.into(),
        };
        assert_eq!(find(store, "s", at(0)).await.unwrap(), None);
        keep(store, "s", &row(10, "one")).await.unwrap();
        keep(store, "s", &row(20, "two")).await.unwrap();
        keep(store, "t", &row(10, "three")).await.unwrap();
        assert_eq!(find(store, "s", at(19)).await.unwrap(), Some(row(20, "two")));
        assert_eq!(find(store, "t", at(10)).await.unwrap(), None);
        forget(store, at(10)).await.unwrap();
        assert_eq!(held.number("SELECT count(*) FROM idempotency").await, 1);
    }
}
