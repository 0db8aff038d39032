//! What people decide on a generation, and what follows for texts: a rejected one does not come back for its question, one
//! that was taken down for none.

use std::sync::Arc;

use serde::Serialize;
use uuid::Uuid;

use super::Parts;
use crate::audit::stops::Change;
use crate::audit::{Outcome, ReviewAction, ReviewRecord, StopKind, StopRecord};
use crate::guardrail::wording_of;
use crate::store::StoreError;
use crate::words::new_id;

/// A review that was taken.
#[derive(Debug, Serialize)]
pub struct Reviewed {
    /// Its record.
    #[serde(flatten)]
    pub record: ReviewRecord,
    /// The stop that a takedown set: lifting it lets the wording be used again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_id: Option<Uuid>,
    /// What it could not do, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<&'static str>,
}

/// Why a review was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// There is no such generation.
    #[error("the log holds no generation {0}")]
    Unknown(Uuid),
    /// Only a text that passed can be approved.
    #[error("the generation did not pass, so there is no text to approve")]
    NothingToApprove(Outcome),
    /// The text was taken down.
    #[error("stop {0} bans its wording")]
    Stopped(Uuid),
    /// The store could not be read.
    #[error(transparent)]
    Unreadable(StoreError),
    /// The log could not be written.
    #[error("{0}")]
    Unwritable(String),
}

/// Takes a review. It has its effect on this node when this returns.
///
/// # Errors
///
/// When it cannot be taken: then it has no effect.
pub async fn review(
    parts: &Arc<Parts>,
    generation_id: Uuid,
    (action, note): (ReviewAction, Option<String>),
    by: String,
) -> Result<Reviewed, ReviewError> {
    let found = parts.reviews.generation(generation_id).await.map_err(ReviewError::Unreadable)?;
    let found = found.ok_or(ReviewError::Unknown(generation_id))?;
    let outcome = found.record.outcome;
    if action == ReviewAction::Approve && outcome != Outcome::Passed {
        return Err(ReviewError::NothingToApprove(outcome));
    }
    let text = found.payload.and_then(|payload| payload.text);
    let wording = text.as_deref().map(wording_of);
    let at = (parts.now)();
    let record = ReviewRecord { id: new_id(at), generation_id, action, at, by: by.clone() };
    let mut reviewed = Reviewed { record: record.clone(), stop_id: None, warning: None };
    let mut changes = Vec::new();
    match action {
        ReviewAction::Flag | ReviewAction::Note => {
            let recorded = parts.recorder.review(record, note).await;
            recorded.map_err(|error| ReviewError::Unwritable(error.to_string()))?;
            return Ok(reviewed);
        }
        ReviewAction::Approve => {
            let stop = text.as_deref().and_then(|text| parts.stops.pin().taken_down(text));
            if let Some(stop) = stop {
                return Err(ReviewError::Stopped(stop));
            }
            changes.push(Change::Approve { generation: generation_id });
        }
        ReviewAction::Reject | ReviewAction::Takedown => {
            if let Some(wording) = wording {
                changes.push(Change::Reject {
                    generation: generation_id,
                    cache_key: found.record.cache_key.clone(),
                    text: wording.to_string(),
                });
            }
        }
    }
    if action == ReviewAction::Takedown {
        match wording {
            Some(wording) => {
                let id = new_id(at);
                reviewed.stop_id = Some(id);
                changes.push(Change::Stop(StopRecord {
                    id,
                    at,
                    by,
                    // What the note says may be personal, and a stop's record is kept for good.
                    reason: format!("generation {generation_id} was taken down"),
                    kind: StopKind::Text,
                    value: wording.to_string(),
                    prewritten: true,
                    lifted: false,
                    generation_id: Some(generation_id),
                }));
            }
            None => {
                reviewed.warning = Some(
                    "The log holds no text of this generation, so no wording is banned; `POST /v1/stops` bans a phrase.",
                );
            }
        }
    }
    let decided = parts.reviews.decide(record, note, &changes).await;
    decided.map_err(|error| ReviewError::Unwritable(error.to_string()))?;
    // Known first and dropped from memory, then in force: whoever looks once more at the end of an answer sees both.
    if let Err(error) = parts.look_at_reviews().await {
        tracing::warn!(%error, "reviews cannot be read; those already known stay in force");
    }
    parts.stops.taken(changes).await;
    Ok(reviewed)
}
