//! What was spent in a day, for each purpose, calls under way included: so that a service that is killed counts them when
//! it starts again. Knows nothing of budgets.

use jiff::civil::Date;

use super::{Store, StoreError};

/// Keeps what was spent of a day, in millionths, by purpose; an earlier sum of the same day and purpose is replaced.
///
/// # Errors
///
/// When the store cannot be written.
pub async fn keep(store: &Store, day: Date, spent: &[(&str, u64)]) -> Result<(), StoreError> {
    let mut transaction = store.begin_write().await?;
    for (purpose, micros) in spent {
        sqlx::query(
            "INSERT INTO ledger (day, purpose, spent_micros) VALUES ($1, $2, $3)
             ON CONFLICT (day, purpose) DO UPDATE SET spent_micros = excluded.spent_micros",
        )
        .bind(day.to_string())
        .bind(*purpose)
        .bind(i64::try_from(*micros).unwrap_or(i64::MAX))
        .execute(&mut *transaction)
        .await?;
    }
    Ok(transaction.commit().await?)
}

/// What was kept of a day: each purpose and its sum, in millionths.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn of_day(store: &Store, day: Date) -> Result<Vec<(String, u64)>, StoreError> {
    let query = sqlx::query_as("SELECT purpose, spent_micros FROM ledger WHERE day = $1 ORDER BY purpose");
    let rows: Vec<(String, i64)> = query.bind(day.to_string()).fetch_all(store.reader()).await?;
    Ok(rows.into_iter().map(|(purpose, micros)| (purpose, u64::try_from(micros).unwrap_or(0))).collect())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::store::testing::test_store;

    #[tokio::test]
    async fn the_last_sums_of_a_day_are_those_that_count() {
        let held = test_store().await;
        let (sunday, monday) = (date(2026, 11, 22), date(2026, 11, 23));
        assert_eq!(of_day(&held.store, sunday).await.unwrap(), []);
        keep(&held.store, sunday, &[("page", 7), ("bulk", u64::MAX)]).await.unwrap();
        keep(&held.store, sunday, &[("page", 5)]).await.unwrap();
        keep(&held.store, monday, &[("page", 1)]).await.unwrap();
        let most = i64::MAX as u64;
        let kept = of_day(&held.store, sunday).await.unwrap();
        assert_eq!(kept, [("bulk".to_owned(), most), ("page".to_owned(), 5)]);
    }
}
