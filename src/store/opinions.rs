//! What second models said of texts, as JSON under the hash of what was asked, so that a restart and other nodes need not
//! ask again. Knows nothing of what was asked or answered.

use jiff::{SignedDuration, Timestamp};

use super::{Store, StoreError, micros};

/// How long an answer is kept; after that it is asked for anew, for models change.
pub const KEPT_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Keeps an answer, given at `at`, and lets go of those that are too old.
///
/// # Errors
///
/// When the store cannot be written.
pub async fn keep(store: &Store, question: &str, opinion: &str, at: Timestamp) -> Result<(), StoreError> {
    let mut transaction = store.begin_write().await?;
    sqlx::query(
        "INSERT INTO opinions (question, at, opinion) VALUES ($1, $2, $3)
         ON CONFLICT (question) DO UPDATE SET at = excluded.at, opinion = excluded.opinion",
    )
    .bind(question)
    .bind(micros(at))
    .bind(opinion)
    .execute(&mut *transaction)
    .await?;
    let old = sqlx::query("DELETE FROM opinions WHERE at < $1");
    old.bind(micros(at.saturating_sub(KEPT_FOR).unwrap_or(Timestamp::MIN)))
        .execute(&mut *transaction)
        .await?;
    Ok(transaction.commit().await?)
}

/// The answer to a question; `None` when there is none that is young enough at `now`.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn find(store: &Store, question: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
    let query = sqlx::query_scalar("SELECT opinion FROM opinions WHERE question = $1 AND at >= $2");
    let since = micros(now.saturating_sub(KEPT_FOR).unwrap_or(Timestamp::MIN));
    Ok(query.bind(question).bind(since).fetch_optional(store.reader()).await?)
}

/// The answers that are young enough at `now`, each after the hash of what was asked, the newest first, at most `limit`.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn all(store: &Store, now: Timestamp, limit: u32) -> Result<Vec<(String, String)>, StoreError> {
    let sql = "SELECT question, opinion FROM opinions WHERE at >= $1 ORDER BY at DESC LIMIT $2";
    let since = micros(now.saturating_sub(KEPT_FOR).unwrap_or(Timestamp::MIN));
    Ok(sqlx::query_as(sql).bind(since).bind(limit).fetch_all(store.reader()).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{at, test_store};

    #[tokio::test]
    async fn an_answer_is_kept_until_it_is_old() {
        let held = test_store().await;
        let store = &held.store;
        assert_eq!(find(store, "q", at(0)).await.unwrap(), None);
        keep(store, "q", "1", at(0)).await.unwrap();
        keep(store, "q", "2", at(5)).await.unwrap();
        assert_eq!(find(store, "q", at(9)).await.unwrap().as_deref(), Some("2"));
        let month = 30 * 24 * 3600;
        assert_eq!(find(store, "q", at(5 + month)).await.unwrap().as_deref(), Some("2"));
        assert_eq!(find(store, "q", at(6 + month)).await.unwrap(), None);
        keep(store, "r", "3", at(6 + month)).await.unwrap();
        assert_eq!(held.number("SELECT count(*) FROM opinions").await, 1);
    }
}
