//! Many records at once, for whoever fills a log that nobody serves from, such as a simulated one.

use std::sync::Arc;

use super::append::{self, Appending, KnownTexts};
use super::records::{GenerationPayload, GenerationRecord, ReviewRecord, ServeRecord};
use crate::store::{Store, StoreError};

/// One entry of the chain, or what becomes one.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A generation with its payload.
    Generation(Box<(GenerationRecord, GenerationPayload)>),
    /// A review without a note.
    Review(ReviewRecord),
    /// A block of serves, each with its text where no generation wrote it.
    Serves(Vec<(ServeRecord, Option<Arc<str>>)>),
}

/// Appends entries in one transaction, in their order.
///
/// # Errors
///
/// When the store cannot be written; then none of them is in it.
pub async fn append_many(store: &Store, entries: Vec<Entry>) -> Result<(), StoreError> {
    let unwritable = |error: serde_json::Error| StoreError::Corrupt(error.to_string());
    let mut appending = Appending::begin(store).await?;
    for entry in entries {
        match entry {
            Entry::Generation(generation) => {
                let (record, payload) = *generation;
                appending.record(&append::generation(record, &payload).map_err(unwritable)?);
            }
            Entry::Review(record) => appending.record(&append::review(record, None).map_err(unwritable)?),
            Entry::Serves(serves) => {
                let lines = serves.into_iter().map(|(record, text)| append::serve(record, text));
                let lines = lines.collect::<Result<Vec<_>, _>>().map_err(unwritable)?;
                appending.serves(&lines, &KnownTexts::default()).await?;
            }
        }
    }
    appending.insert().await?;
    appending.commit().await
}
