//! What is too old to be kept is deleted.

use crate::store::StoreError;
use crate::store::log::Append;

/// Has the next run look at everything again.
pub(super) async fn begin_anew(append: &mut Append) -> Result<(), StoreError> {
    append.keep_number("kept_serves", 0).await?;
    append.keep_number("kept_payload", 0).await
}
