//! Searches that people keep under a name. Each person's are their own. Knows nothing of what they ask for.

use jiff::Timestamp;
use sqlx::Row;

use super::{Store, StoreError, micros};

/// The most searches that one person keeps.
pub const MOST: i64 = 50;

/// A search that somebody keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterRow {
    /// Its id, a UUID v7.
    pub id: String,
    /// The name of the person.
    pub owner: String,
    /// The page that it is of.
    pub page: String,
    /// What they call it.
    pub name: String,
    /// What it asks for, as it stands in the page's address.
    pub query: String,
}

/// Keeps a search, in place of one of theirs with that name or that asks for the same on this page. Answers whether there was
/// room.
///
/// # Errors
///
/// When the store cannot be written.
pub async fn keep(store: &Store, row: &FilterRow, now: Timestamp) -> Result<bool, StoreError> {
    let mut transaction = store.begin_write().await?;
    sqlx::query("DELETE FROM filters WHERE owner = $1 AND page = $2 AND (name = $3 OR query = $4)")
        .bind(&row.owner)
        .bind(&row.page)
        .bind(&row.name)
        .bind(&row.query)
        .execute(&mut *transaction)
        .await?;
    let count = sqlx::query_scalar("SELECT count(*) FROM filters WHERE owner = $1");
    let count: i64 = count.bind(&row.owner).fetch_one(&mut *transaction).await?;
    if count >= MOST {
        return Ok(false);
    }
    sqlx::query("INSERT INTO filters (id, owner, page, name, query, at) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(&row.id)
        .bind(&row.owner)
        .bind(&row.page)
        .bind(&row.name)
        .bind(&row.query)
        .bind(micros(now))
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(true)
}

/// A person's searches of a page, by their names.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn of(store: &Store, owner: &str, page: &str) -> Result<Vec<FilterRow>, StoreError> {
    let query = sqlx::query(
        "SELECT id, owner, page, name, query FROM filters WHERE owner = $1 AND page = $2 ORDER BY name, id",
    );
    let rows = query.bind(owner).bind(page).fetch_all(store.reader()).await?;
    let read = |row: &sqlx::sqlite::SqliteRow| {
        Ok(FilterRow {
            id: row.try_get("id")?,
            owner: row.try_get("owner")?,
            page: row.try_get("page")?,
            name: row.try_get("name")?,
            query: row.try_get("query")?,
        })
    };
    rows.iter().map(read).collect()
}

/// Forgets a search of this person's; answers which page it was of, `None` where they keep none with this id.
///
/// # Errors
///
/// When the store cannot be written.
pub async fn forget(store: &Store, owner: &str, id: &str) -> Result<Option<String>, StoreError> {
    let mut transaction = store.begin_write().await?;
    let query = sqlx::query_scalar("DELETE FROM filters WHERE owner = $1 AND id = $2 RETURNING page");
    let page = query.bind(owner).bind(id).fetch_optional(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at, test_store};
    use super::*;

    fn row(id: &str, owner: &str, name: &str, query: &str) -> FilterRow {
        let [id, owner, name, query] = [id, owner, name, query].map(str::to_owned);
        FilterRow { id, owner, page: "generations".into(), name, query }
    }

    #[tokio::test]
    async fn each_keeps_their_own_and_not_too_many() {
        let test = test_store().await;
        let store = &test.store;
        let names = async |owner: &str| -> Vec<(String, String)> {
            let rows = of(store, owner, "generations").await.unwrap();
            rows.into_iter().map(|row| (row.name, row.query)).collect()
        };
        let pair = |name: &str, query: &str| (name.to_owned(), query.to_owned());
        assert!(keep(store, &row("1", "Ann", "Mine", "rule=a"), at(1)).await.unwrap());
        assert!(keep(store, &row("2", "Ben", "Mine", "rule=b"), at(2)).await.unwrap());
        assert_eq!(names("Ann").await, [pair("Mine", "rule=a")]);
        // Saved again under another name it is renamed; under the same name it asks for something else.
        assert!(keep(store, &row("3", "Ann", "Other", "rule=a"), at(3)).await.unwrap());
        assert_eq!(names("Ann").await, [pair("Other", "rule=a")]);
        assert!(keep(store, &row("4", "Ann", "Other", "rule=c"), at(4)).await.unwrap());
        assert_eq!(names("Ann").await, [pair("Other", "rule=c")]);
        assert_eq!(forget(store, "Ben", "4").await.unwrap(), None);
        assert_eq!(forget(store, "Ann", "4").await.unwrap().as_deref(), Some("generations"));
        assert_eq!((names("Ann").await, names("Ben").await), (vec![], vec![pair("Mine", "rule=b")]));
        for n in 0..MOST {
            let id = format!("{}", 100 + n);
            assert!(keep(store, &row(&id, "Ann", &id, &id), at(5)).await.unwrap());
        }
        assert!(!keep(store, &row("5", "Ann", "One more", "rule=z"), at(6)).await.unwrap());
        assert!(keep(store, &row("6", "Ann", "Renamed", "120"), at(6)).await.unwrap());
        assert_eq!(names("Ann").await.len(), 50);
    }
}
