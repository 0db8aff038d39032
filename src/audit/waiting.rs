//! Texts that wait for a person, and how many pages wanted them meanwhile: told by the chain as it is indexed.

use crate::store::StoreError;
use crate::store::index::Indexable;
use crate::store::log::Append;

/// Follows what an entry tells, within the transaction that says that it is counted.
///
/// # Errors
///
/// When the store cannot be read or written.
pub(super) async fn follow(_append: &mut Append, _entry: &Indexable) -> Result<(), StoreError> {
    Ok(())
}
