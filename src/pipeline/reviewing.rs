//! What people decide on a generation, and what follows for texts: a rejected one does not come back for its question, one
//! that was taken down for none.

use std::sync::Arc;

use serde::Serialize;
use uuid::Uuid;

use super::Parts;
use crate::audit::search::Generation;
use crate::audit::stops::Change;
use crate::audit::{
    Decision, GenerationRecord, Holding, NotUndone, Outcome, ReviewAction, ReviewRecord, StopKind, StopRecord,
};
use crate::cache::Key;
use crate::generate::blurb_in;
use crate::guardrail::{Wording, wording_of};
use crate::stops::{About, Stops, wordings_text};
use crate::store::StoreError;
use crate::words::new_id;

/// The most characters of what somebody says with a review.
pub const MOST_NOTE: usize = 2_000;

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
    /// There is nothing that this person could undo.
    #[error(transparent)]
    NotUndone(NotUndone),
    /// Others reviewed it at the same time.
    #[error("others reviewed this generation at the same moment")]
    Overtaken,
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
    review_as(parts, generation_id, (action, note), by, false).await
}

/// The same; `second_look` says that it is a second person's look at an approval.
pub(super) async fn review_as(
    parts: &Arc<Parts>,
    generation_id: Uuid,
    (action, note): (ReviewAction, Option<String>),
    by: String,
    second_look: bool,
) -> Result<Reviewed, ReviewError> {
    let found = parts.reviews.generation(generation_id).await.map_err(ReviewError::Unreadable)?;
    let found = found.ok_or(ReviewError::Unknown(generation_id))?;
    let outcome = found.record.outcome;
    if action == ReviewAction::Approve && outcome != Outcome::Passed {
        return Err(ReviewError::NothingToApprove(outcome));
    }
    if action == ReviewAction::Undo {
        return undo(parts, found, note, by).await;
    }
    let at = (parts.now)();
    let record =
        ReviewRecord { id: new_id(at), generation_id, action, at, by: by.clone(), undoes: None, second_look };
    let mut reviewed = Reviewed { record: record.clone(), stop_id: None, warning: None };
    if matches!(action, ReviewAction::Flag | ReviewAction::Note) {
        let recorded = parts.recorder.review(record, note).await;
        recorded.map_err(|error| ReviewError::Unwritable(error.to_string()))?;
        return Ok(reviewed);
    }
    let texts = texts(parts, &found).await;
    let wordings = wordings(&texts);
    let mut changes = Vec::new();
    match action {
        ReviewAction::Flag | ReviewAction::Note | ReviewAction::Undo => {}
        ReviewAction::Approve => {
            let let_in = approving(parts, &found).await?;
            changes.extend(let_in.into_iter().map(|generation| Change::Approve { generation }));
            reviewed.warning = held_back(&parts.stops.pin(), &found.record);
        }
        ReviewAction::Reject | ReviewAction::Takedown => {
            changes.extend(rejection(&found.record, &wordings));
        }
    }
    if action == ReviewAction::Takedown {
        if wordings.is_empty() {
            reviewed.warning = Some(
                "The log holds no text of this generation, so no wording is banned; `POST /v1/stops` bans a phrase.",
            );
        } else {
            let id = new_id(at);
            reviewed.stop_id = Some(id);
            changes.push(Change::Stop(StopRecord {
                id,
                at,
                by,
                // What the note says may be personal, and a stop's record is kept for good.
                reason: format!("generation {generation_id} was taken down"),
                kind: StopKind::Text,
                value: wordings_text(&wordings),
                prewritten: true,
                lifted: false,
                generation_id: Some(generation_id),
            }));
        }
    }
    let decided = parts.reviews.decide(record, note, &changes).await;
    decided.map_err(|error| ReviewError::Unwritable(error.to_string()))?;
    take_effect(parts, changes).await;
    Ok(reviewed)
}

/// Known first and dropped from memory, then in force: whoever looks once more at the end of an answer sees both.
pub(super) async fn take_effect(parts: &Parts, changes: Vec<Change>) {
    if let Err(error) = parts.look_at_reviews().await {
        tracing::warn!(%error, "reviews cannot be read; those already known stay in force");
    }
    parts.stops.taken(changes).await;
}

/// How often an undo looks again when others reviewed the same generation meanwhile.
const TRIES: usize = 3;

/// Takes an undo: what this person decided or flagged last holds no longer, and what held before it holds again.
async fn undo(
    parts: &Arc<Parts>,
    mut found: Generation,
    note: Option<String>,
    by: String,
) -> Result<Reviewed, ReviewError> {
    let generation_id = found.record.id;
    for _ in 0..TRIES {
        let undone = Holding::of(found.reviews.iter().map(|review| &review.record)).undoing(&by);
        let undone = undone.map_err(ReviewError::NotUndone)?;
        let changes = match undone.holds {
            Some(holds) => undoing(parts, &found, (undone.action, holds)).await?,
            None => Vec::new(),
        };
        let warning = match undone.holds {
            Some(Decision::Approved) => held_back(&parts.stops.pin(), &found.record),
            _ => None,
        };
        let newest = found.reviews.last().map_or(0, |review| review.seq);
        let (at, action) = ((parts.now)(), ReviewAction::Undo);
        let undoes = Some(undone);
        let record = ReviewRecord {
            id: new_id(at),
            generation_id,
            action,
            at,
            by: by.clone(),
            undoes,
            second_look: false,
        };
        let put = parts.reviews.decide_unless_reviewed(newest, record.clone(), note.clone(), &changes).await;
        if put.map_err(|error| ReviewError::Unwritable(error.to_string()))? {
            take_effect(parts, changes).await;
            return Ok(Reviewed { record, stop_id: None, warning });
        }
        let again = parts.reviews.generation(generation_id).await.map_err(ReviewError::Unreadable)?;
        found = again.ok_or(ReviewError::Unknown(generation_id))?;
    }
    Err(ReviewError::Overtaken)
}

/// What follows for texts once a decision is undone and this one holds again.
async fn undoing(
    parts: &Parts,
    found: &Generation,
    (undone, holds): (ReviewAction, Decision),
) -> Result<Vec<Change>, ReviewError> {
    let of_this = wordings(&texts(parts, found).await);
    let mut changes = match holds {
        Decision::Rejected => rejection(&found.record, &of_this).into_iter().collect(),
        Decision::Approved | Decision::Undecided => vec![Change::Approve { generation: found.record.id }],
    };
    if undone == ReviewAction::Approve {
        // An approval lets the same words pass that were rejected in other generations of the question.
        let others = parts.reviews.rejected_for_key(&found.record.cache_key).await;
        for other in others.map_err(ReviewError::Unreadable)? {
            let wordings = wordings(&texts(parts, &other).await);
            if other.record.id != found.record.id && wordings.iter().any(|wording| of_this.contains(wording))
            {
                changes.extend(rejection(&other.record, &wordings));
            }
        }
    }
    Ok(changes)
}

fn wordings(texts: &[String]) -> Vec<Wording> {
    let mut wordings: Vec<Wording> = texts.iter().map(|text| wording_of(text)).collect();
    wordings.sort_unstable();
    wordings.dedup();
    wordings
}

/// That these wordings must not come back for the question of a generation; `None` when there are none.
fn rejection(record: &GenerationRecord, wordings: &[Wording]) -> Option<Change> {
    (!wordings.is_empty()).then(|| Change::Reject {
        generation: record.id,
        cache_key: keys(record).join(" "),
        text: wordings_text(wordings),
    })
}

/// The keys of the question that a generation answered: with and without a person's approval.
pub(super) fn keys(record: &GenerationRecord) -> Vec<String> {
    [Some(record.cache_key.clone()), record.plain_key.clone()].into_iter().flatten().collect()
}

/// The generations whose rejection would stand in the way of this one once it is approved: itself, and those that say the same
/// for the same question.
pub(super) async fn approving(parts: &Parts, found: &Generation) -> Result<Vec<Uuid>, ReviewError> {
    let (texts, stops) = (texts(parts, found).await, parts.stops.pin());
    if let Some(stop) = texts.iter().find_map(|text| stops.taken_down(text)) {
        return Err(ReviewError::Stopped(stop));
    }
    let (id, keys) = (found.record.id, keys(&found.record));
    let wordings = wordings(&texts);
    let same = stops.register().rejections.values().filter(|rejection| {
        rejection.generation != id
            && rejection.cache_key.split(' ').any(|key| keys.iter().any(|known| known == key))
            && rejection.wordings.iter().any(|wording| wordings.contains(wording))
    });
    Ok(std::iter::once(id).chain(same.map(|rejection| rejection.generation)).collect())
}

/// The texts of a generation, whichever somebody saw or may see: as it passed or, where it did not, as a model last wrote it,
/// which other rules may let pass; and as rules corrected it since.
async fn texts(parts: &Parts, found: &Generation) -> Vec<String> {
    let id = found.record.id;
    let recorded = found.payload.as_ref().and_then(|payload| payload.text.clone());
    let written = || found.whole_texts().next_back().and_then(blurb_in);
    let mut texts: Vec<String> = recorded.or_else(written).into_iter().collect();
    texts.extend(parts.reviews.shown_otherwise(id).await);
    // What was shown a moment ago is not in the log yet.
    let kept = Key::parse(&found.record.cache_key).and_then(|key| parts.memory.get(&key, (parts.now)()));
    texts.extend(kept.filter(|kept| kept.generation == id).map(|kept| kept.draft.text.to_string()));
    texts
}

/// Why a text that is approved is not shown all the same.
pub(super) fn held_back(stops: &Stops, record: &GenerationRecord) -> Option<&'static str> {
    let about = About {
        product: record.product.as_deref(),
        placement: Some(record.placement.as_str()),
        segment: Some(record.segment.as_str()),
        template: Some(record.template.as_str()),
    };
    let written_in = record.rejudged.unwrap_or(record.id);
    if stops.purged(record.id, &about) || stops.purged(written_in, &about) {
        return Some(
            "It was purged and is not shown, approved or not; another text is written in its place.",
        );
    }
    let stopped = !stops.over(&about).is_empty();
    stopped.then_some("A stop holds such copy back; it is shown once that is lifted.")
}
