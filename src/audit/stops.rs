//! Stops, rejections and purges: each is recorded in the transaction that puts it into its table. What a stop means others
//! know.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::append::{self, Appending};
use super::records::{Event, PurgeRecord, ReviewRecord, StopRecord};
use super::waiting;
use crate::store::stops::{PurgeRow, RejectionRow, StopRow};
use crate::store::{Store, StoreError};

/// Something that changes what may be served, outside the files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Change {
    /// A stop is set or lifted.
    Stop(StopRecord),
    /// Cached copy is dropped.
    Purge(PurgeRecord),
    /// A text must not come back for the question that it answered.
    Reject {
        /// The generation that wrote it.
        generation: Uuid,
        /// The keys of the question, in hexadecimal digits, a blank between two: with and without a person's approval.
        cache_key: String,
        /// Its wordings, likewise: as it was recorded, and as it was shown where rules corrected it since.
        text: String,
    },
    /// It may again.
    Approve {
        /// The generation that wrote it.
        generation: Uuid,
    },
}

/// Puts changes into the store in one transaction, each with its record, and beside them the review that they follow from.
/// What the store has already is left as it is; answers how many were new.
///
/// # Errors
///
/// When the store cannot be written: then nothing is changed.
pub async fn put(
    store: &Store,
    review: Option<(ReviewRecord, Option<String>)>,
    changes: &[Change],
) -> Result<usize, StoreError> {
    let appending = Appending::begin(store).await?;
    put_within(appending, review, changes).await
}

/// The same of a review and what follows from it, unless the generation was reviewed after the entry `after`; answers whether
/// it was put there.
///
/// # Errors
///
/// As [`put`].
pub(super) async fn put_unless_reviewed(
    store: &Store,
    after: i64,
    review: (ReviewRecord, Option<String>),
    changes: &[Change],
) -> Result<bool, StoreError> {
    let mut appending = Appending::begin(store).await?;
    let generation = review.0.generation_id.to_string();
    if appending.within().newest_review_of(&generation).await? > after {
        return Ok(false);
    }
    put_within(appending, Some(review), changes).await.map(|_| true)
}

async fn put_within(
    mut appending: Appending,
    review: Option<(ReviewRecord, Option<String>)>,
    changes: &[Change],
) -> Result<usize, StoreError> {
    let unwritable = |error: serde_json::Error| StoreError::Corrupt(error.to_string());
    let reviewed = review.as_ref().map(|(record, _)| record.clone());
    if let Some((record, note)) = review {
        appending.record(&append::review(record, note).map_err(unwritable)?)?;
    }
    let mut new = 0;
    for change in changes {
        let within = appending.within();
        let (is_new, event) = match change {
            Change::Stop(record) if record.lifted => {
                let lifted = within.lift_stop(&record.id.to_string(), record.at, &record.by).await?;
                (lifted, Some(Event::Stop(record.clone())))
            }
            Change::Stop(record) => {
                (within.keep_stop(&stop_row(record)).await?, Some(Event::Stop(record.clone())))
            }
            Change::Purge(record) => {
                let scope = serde_json::to_string(&record.scope).map_err(unwritable)?;
                let row = PurgeRow { id: record.id.to_string(), at: record.at, by: record.by.clone(), scope };
                (within.keep_purge(&row).await?, Some(Event::Purge(record.clone())))
            }
            Change::Reject { generation, cache_key, text } => {
                let row = RejectionRow {
                    generation: generation.to_string(),
                    cache_key: cache_key.clone(),
                    text: text.clone(),
                };
                (within.keep_rejection(&row).await?, None)
            }
            Change::Approve { generation } => (within.drop_rejection(&generation.to_string()).await?, None),
        };
        new += usize::from(is_new);
        if let Some(event) = event.filter(|_| is_new) {
            appending.record(&append::event(&event).map_err(unwritable)?)?;
        }
    }
    if new > 0 {
        appending.within().count_stops().await?;
    }
    appending.insert().await?;
    if let Some(record) = reviewed {
        waiting::reviewed(appending.within(), &record).await?;
    }
    appending.commit().await?;
    Ok(new)
}

fn stop_row(record: &StopRecord) -> StopRow {
    let StopRecord { id, at, by, reason, kind, value, prewritten, lifted: _, generation_id } = record.clone();
    let kind = kind.as_str().to_owned();
    let (id, generation) = (id.to_string(), generation_id.map(|id| id.to_string()));
    let lifted: Option<Timestamp> = None;
    StopRow { id, at, by, reason, kind, value, prewritten, generation, lifted, lifted_by: None }
}
