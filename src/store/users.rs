//! The key of each user's own, under the keyed hash of the reference that the shop knows them by. Knows nothing of what
//! records say of them.

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::query_builder::QueryBuilder;
use sqlx::{Sqlite, SqliteConnection};

use super::{Store, StoreError, micros};

/// How many digests one statement asks for or adds.
const ROWS: usize = 500;

/// The key of a user's own; `None` when no record names them, or once it was erased.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn key(store: &Store, digest: &[u8; 32]) -> Result<Option<[u8; 32]>, StoreError> {
    let query = sqlx::query_scalar("SELECT key FROM users WHERE digest = $1");
    let key: Option<Vec<u8>> = query.bind(digest.as_slice()).fetch_optional(store.reader()).await?;
    key.map(|key| bytes(key, "a user's key")).transpose()
}

/// The keys of users, inside a transaction that writes: those who have none are given the ones that `make` makes.
pub(super) async fn keys(
    connection: &mut SqliteConnection,
    digests: &[[u8; 32]],
    since: Timestamp,
    mut make: impl FnMut() -> [u8; 32],
) -> Result<HashMap<[u8; 32], [u8; 32]>, StoreError> {
    let mut keys = HashMap::with_capacity(digests.len());
    for digests in digests.chunks(ROWS) {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT digest, key FROM users WHERE digest IN (");
        let mut values = query.separated(", ");
        digests.iter().for_each(|digest| _ = values.push_bind(digest.to_vec()));
        query.push(")");
        let found: Vec<(Vec<u8>, Vec<u8>)> = query.build_query_as().fetch_all(&mut *connection).await?;
        for (digest, key) in found {
            keys.insert(bytes(digest, "a user's digest")?, bytes(key, "a user's key")?);
        }
        let missing: Vec<_> = digests.iter().filter(|digest| !keys.contains_key(*digest)).collect();
        let made: HashMap<[u8; 32], [u8; 32]> = missing.into_iter().map(|digest| (*digest, make())).collect();
        if made.is_empty() {
            continue;
        }
        let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO users (digest, key, since) ");
        insert.push_values(&made, |mut row, (digest, key)| {
            row.push_bind(digest.to_vec()).push_bind(key.to_vec()).push_bind(micros(since));
        });
        insert.build().execute(&mut *connection).await?;
        keys.extend(made);
    }
    Ok(keys)
}

fn bytes(bytes: Vec<u8>, what: &str) -> Result<[u8; 32], StoreError> {
    bytes.try_into().map_err(|_| StoreError::Corrupt(format!("{what} is not 32 bytes long")))
}
