//! The catalogue's tables. Facts of an import are staged as an edition of their own in short transactions, so that a
//! long import never keeps a running service from writing its log; one small transaction then puts it in force.

use sqlx::Sqlite;
use sqlx::query_builder::QueryBuilder;

use super::{Store, StoreError};

/// How many rows one transaction copies or deletes: some tens of milliseconds of holding the right to write.
const CHUNK: i64 = 5_000;

/// The edition in force, 0 before the first import. It changes with every import.
pub(crate) async fn edition(store: &Store) -> Result<i64, StoreError> {
    let query = sqlx::query_scalar("SELECT value FROM meta WHERE name = 'catalogue_edition'");
    Ok(query.fetch_one(store.reader()).await?)
}

/// The edition in force, and in it the facts of one product as JSON.
pub(crate) async fn facts(store: &Store, id: &str) -> Result<(i64, Option<String>), StoreError> {
    let query = sqlx::query_as(
        "SELECT meta.value, c.facts FROM meta
         LEFT JOIN catalogue c ON c.edition = meta.value AND c.product_id = $1
         WHERE meta.name = 'catalogue_edition'",
    );
    Ok(query.bind(id).fetch_one(store.reader()).await?)
}

/// The facts of these products in the edition in force, as JSON, each after its product's id.
pub(crate) async fn facts_of(store: &Store, ids: &[String]) -> Result<Vec<(String, String)>, StoreError> {
    /// How many values one statement asks for.
    const VALUES: usize = 500;
    let mut found = Vec::with_capacity(ids.len());
    for ids in ids.chunks(VALUES) {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "SELECT product_id, facts FROM catalogue
             WHERE edition = (SELECT value FROM meta WHERE name = 'catalogue_edition') AND product_id IN (",
        );
        let mut list = sql.separated(", ");
        ids.iter().for_each(|id| _ = list.push_bind(id.as_str()));
        sql.push(")");
        found.extend(sql.build_query_as::<(String, String)>().fetch_all(store.reader()).await?);
    }
    Ok(found)
}

/// The next products after the id `after` in the edition in force, in order, with their facts as JSON.
pub(crate) async fn page(
    store: &Store,
    after: &str,
    limit: u32,
) -> Result<Vec<(String, String)>, StoreError> {
    let sql = "SELECT product_id, facts FROM catalogue
               WHERE edition = (SELECT value FROM meta WHERE name = 'catalogue_edition') AND product_id > $1
               ORDER BY product_id LIMIT $2";
    Ok(sqlx::query_as(sql).bind(after).bind(limit).fetch_all(store.reader()).await?)
}

/// The ids of at most `limit` products of the edition in force whose id begins with these words, or whose name holds them, in
/// whatever case the letters A to Z are. Of a catalogue of more than `most` products, only so many names are looked at.
pub(crate) async fn search(
    store: &Store,
    words: &str,
    limit: u32,
    most: u32,
) -> Result<Vec<String>, StoreError> {
    let by_id = "SELECT product_id FROM catalogue
                 WHERE edition = (SELECT value FROM meta WHERE name = 'catalogue_edition')
                   AND product_id >= $1 AND product_id < $1 || char(1114111)
                 ORDER BY product_id LIMIT $2";
    // The index holds all that is asked of it: no facts are read.
    let by_name = "SELECT product_id FROM (
                       SELECT product_id, lower(CASE WHEN json_valid(facts) THEN facts ->> 'name' END) AS name
                       FROM catalogue INDEXED BY catalogue_name
                       WHERE edition = (SELECT value FROM meta WHERE name = 'catalogue_edition') LIMIT $3)
                   WHERE instr(name, lower($1)) > 0 LIMIT $2";
    let mut found: Vec<String> =
        sqlx::query_scalar(by_id).bind(words).bind(limit).fetch_all(store.reader()).await?;
    let named: Vec<String> =
        sqlx::query_scalar(by_name).bind(words).bind(limit).bind(most).fetch_all(store.reader()).await?;
    for id in named {
        if !found.contains(&id) {
            found.push(id);
        }
    }
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

/// How many products the edition in force has.
pub(crate) async fn count(store: &Store) -> Result<i64, StoreError> {
    let query = sqlx::query_scalar(
        "SELECT count(*) FROM catalogue
         WHERE edition = (SELECT value FROM meta WHERE name = 'catalogue_edition')",
    );
    Ok(query.fetch_one(store.reader()).await?)
}

/// A number for a new edition, given to nobody else.
pub(crate) async fn new_edition(store: &Store) -> Result<i64, StoreError> {
    let query = sqlx::query_scalar(
        "UPDATE meta SET value = value + 1 WHERE name = 'catalogue_last_edition' RETURNING value",
    );
    Ok(query.fetch_one(store.writer()?).await?)
}

/// Adds products, each an id and its facts as JSON, to an edition that is not in force.
pub(crate) async fn stage(
    store: &Store,
    edition: i64,
    products: &[(String, String)],
) -> Result<(), StoreError> {
    let mut transaction = store.begin_write().await?;
    for (id, facts) in products {
        sqlx::query("INSERT INTO catalogue (edition, product_id, facts) VALUES ($1, $2, $3)")
            .bind(edition)
            .bind(id)
            .bind(facts)
            .execute(&mut *transaction)
            .await?;
    }
    Ok(transaction.commit().await?)
}

/// Copies from the edition `from` what the new edition does not hold itself. Answers how many rows that were.
pub(crate) async fn carry_over(store: &Store, from: i64, edition: i64) -> Result<u64, StoreError> {
    let (mut after, mut carried) = (String::new(), 0);
    loop {
        let last: Option<String> = sqlx::query_scalar(
            "SELECT max(product_id) FROM (SELECT product_id FROM catalogue WHERE edition = $1 AND product_id > $2
                                          ORDER BY product_id LIMIT $3)",
        )
        .bind(from)
        .bind(&after)
        .bind(CHUNK)
        .fetch_one(store.reader())
        .await?;
        let Some(last) = last else { return Ok(carried) };
        let done = sqlx::query(
            "INSERT INTO catalogue (edition, product_id, facts)
             SELECT $1, product_id, facts FROM catalogue
             WHERE edition = $2 AND product_id > $3 AND product_id <= $4
             ON CONFLICT DO NOTHING",
        )
        .bind(edition)
        .bind(from)
        .bind(&after)
        .bind(&last)
        .execute(store.writer()?)
        .await?;
        carried += done.rows_affected();
        after = last;
    }
}

/// Puts a staged edition in force, if `before` still is and all `rows` of the new one are there. False when another
/// import came between.
pub(crate) async fn put_in_force(
    store: &Store,
    before: i64,
    edition: i64,
    rows: u64,
) -> Result<bool, StoreError> {
    let mut transaction = store.begin_write().await?;
    let staged: i64 = sqlx::query_scalar("SELECT count(*) FROM catalogue WHERE edition = $1")
        .bind(edition)
        .fetch_one(&mut *transaction)
        .await?;
    let flipped =
        sqlx::query("UPDATE meta SET value = $1 WHERE name = 'catalogue_edition' AND value = $2 AND $1 > $2")
            .bind(edition)
            .bind(before)
            .execute(&mut *transaction)
            .await?;
    if u64::try_from(staged) != Ok(rows) || flipped.rows_affected() != 1 {
        return Ok(false);
    }
    transaction.commit().await?;
    Ok(true)
}

/// Deletes an edition that was staged and is not wanted, in short transactions.
pub(crate) async fn discard(store: &Store, edition: i64) -> Result<(), StoreError> {
    delete(store, "edition = $1", edition).await
}

/// Deletes every edition older than `edition`, in short transactions: the one it replaced, and what imports that were
/// killed left behind.
pub(crate) async fn discard_before(store: &Store, edition: i64) -> Result<(), StoreError> {
    delete(store, "edition < $1", edition).await
}

async fn delete(store: &Store, condition: &str, edition: i64) -> Result<(), StoreError> {
    let sql = format!(
        "DELETE FROM catalogue WHERE rowid IN (SELECT rowid FROM catalogue WHERE {condition} LIMIT {CHUNK})"
    );
    loop {
        // The statement is made of constants alone.
        let query = sqlx::query(sqlx::AssertSqlSafe(sql.as_str()));
        if query.bind(edition).execute(store.writer()?).await?.rows_affected() == 0 {
            return Ok(());
        }
    }
}
