//! Many records at once, for whoever fills a log that nobody serves from, such as a simulated one.

use std::sync::Arc;

use super::append::{self, Appending, KnownTexts, Sealed, ServeLine};
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
    let mut sealed = Vec::with_capacity(entries.len());
    for entry in entries {
        sealed.push(match entry {
            Entry::Generation(generation) => {
                let (record, payload) = *generation;
                One::Record(append::generation(record, &payload).map_err(unwritable)?)
            }
            Entry::Review(record) => One::Record(append::review(record, None).map_err(unwritable)?),
            Entry::Serves(serves) => {
                let lines = serves.into_iter().map(|(record, text)| append::serve(record, text));
                One::Serves(lines.collect::<Result<_, _>>().map_err(unwritable)?)
            }
        });
    }
    let mut appending = Appending::begin(store).await?;
    let records =
        sealed.iter().filter_map(|one| if let One::Record(record) = one { Some(record) } else { None });
    let serves =
        sealed.iter().flat_map(|one| if let One::Serves(serves) = one { serves.as_slice() } else { &[] });
    appending.users(records, serves).await?;
    for one in &sealed {
        match one {
            One::Record(record) => appending.record(record)?,
            One::Serves(serves) => {
                appending.serves(&serves.iter().collect::<Vec<_>>(), &KnownTexts::default()).await?
            }
        }
    }
    appending.insert().await?;
    appending.commit().await
}

/// An entry, ready to be chained.
enum One {
    Record(Sealed),
    Serves(Vec<ServeLine>),
}
