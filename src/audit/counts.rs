//! How often things happened, by the hour: told by the chain as it is indexed, and evidence of nothing.

use crate::store::StoreError;
use crate::store::index::Indexable;
use crate::store::log::Append;

/// Counts what an entry tells, within the transaction that says that it is counted.
///
/// # Errors
///
/// When the store cannot be read or written.
pub(super) async fn count(_append: &mut Append, _entry: &Indexable) -> Result<(), StoreError> {
    Ok(())
}
