//! The key of each user's own, under the keyed hash of the reference that the shop knows them by. Knows nothing of what
//! records say of them.

use super::{Store, StoreError};

/// The key of a user's own; `None` when no record names them, or once it was erased.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn key(store: &Store, digest: &[u8; 32]) -> Result<Option<[u8; 32]>, StoreError> {
    let query = sqlx::query_scalar("SELECT key FROM users WHERE digest = $1");
    let key: Option<Vec<u8>> = query.bind(digest.as_slice()).fetch_optional(store.reader()).await?;
    key.map(|key| {
        <[u8; 32]>::try_from(key).map_err(|_| StoreError::Corrupt("a user's key is not 32 bytes long".into()))
    })
    .transpose()
}
