//! Texts that wait for a person: what the rules in force make of them now, and approving them, those that are equal together.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::Parts;
use super::generation::{models_of, rejected};
use super::reviewing::{self, ReviewError};
use crate::audit::search::Generation;
use crate::audit::stops::Change;
use crate::audit::waiting::{self, Approval, Judged};
use crate::audit::{Outcome, ReviewAction, ReviewRecord};
use crate::cache::Key;
use crate::guardrail::{Approved, Finding, Judgement};
use crate::policy::Policy;
use crate::replay::{Facts, Text};
use crate::store::{Store, StoreError};
use crate::words::{new_id, utc_day};

/// How a text stands now.
#[derive(Clone, Debug)]
pub struct Now {
    /// The text, as it was recorded.
    pub text: String,
    /// What the rules and stops in force make of it, on the ground that the log and the catalogue still hold.
    pub judged: Result<Approved, Judgement>,
    /// Why it could not be shown now, approved or not: a sentence; `None` where it could.
    pub held: Option<String>,
}

impl Now {
    /// What rules find in it now, those in shadow included.
    pub fn findings(&self) -> &[Finding] {
        match &self.judged {
            Ok(approved) => approved.findings(),
            Err(judgement) => &judgement.findings,
        }
    }

    /// How many of these a person should know of.
    pub fn counted(&self) -> usize {
        self.findings().iter().filter(|finding| !finding.shadow).count()
    }
}

/// What texts are looked at under: another one when rules, placements, stops or the day are others.
pub fn rules_mark(parts: &Parts, policy: &Policy) -> String {
    format!("{} {} {}", policy.revision, parts.stops.number(), utc_day((parts.now)()))
}

/// What the text of a generation is judged against now; `None` when it is not there any more.
pub(super) async fn ground_of(
    parts: &Parts,
    policy: &Policy,
    found: &Generation,
) -> Result<Option<Text>, StoreError> {
    let Some(payload) = found.payload.clone() else { return Ok(None) };
    let facts = match &found.record.product {
        Some(id) => parts.catalogue.look_up(id).await?,
        None => None,
    };
    let facts = facts.and_then(|product| match &product.facts {
        Value::Object(map) => Some(Arc::new(Facts::of(map.clone(), Some(&policy.copy)))),
        _ => None,
    });
    Ok(Text::of_generation(&found.record, payload, facts, &policy.copy))
}

/// How the text of a generation stands now; `None` when it is not there any more.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn now_of(
    parts: &Arc<Parts>,
    policy: &Arc<Policy>,
    found: &Generation,
) -> Result<Option<Now>, StoreError> {
    let Some(text) = ground_of(parts, policy, found).await? else { return Ok(None) };
    let judged = judged(parts, policy, found, text.clone()).await;
    let held = held(parts, found, &judged, (parts.now)());
    Ok(Some(Now { text: text.text, judged, held }))
}

/// Judges a text for the question of a generation, beside the requests for pages.
pub(super) async fn judged(
    parts: &Arc<Parts>,
    policy: &Arc<Policy>,
    found: &Generation,
    text: Text,
) -> Result<Approved, Judgement> {
    let keys: Vec<Key> = reviewing::keys(&found.record).iter().filter_map(|key| Key::parse(key)).collect();
    let (parts, policy) = (Arc::clone(parts), Arc::clone(policy));
    let judge = move || {
        let (stops, at) = (parts.stops.pin(), (parts.now)());
        let copy = Some(&*policy.copy);
        let approved = text.approve(&policy.guardrails, stops.bans(), copy, at, &parts.second)?;
        match keys.iter().find_map(|key| rejected(&stops, key, approved.text())) {
            Some(judgement) => Err(judgement),
            None => Ok(approved),
        }
    };
    match tokio::task::spawn_blocking(judge).await {
        Ok(judged) => judged,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime ends, and with it whoever waits for this.
        Err(_) => std::future::pending().await,
    }
}

/// Why a text could not be shown now.
fn held(
    parts: &Parts,
    found: &Generation,
    judged: &Result<Approved, Judgement>,
    now: Timestamp,
) -> Option<String> {
    let (stops, record) = (parts.stops.pin(), &found.record);
    if let Some(why) = reviewing::held_back(&stops, record) {
        return Some(why.to_owned());
    }
    if models_of(parts, record).iter().any(|model| stops.over_model(model).is_some()) {
        return Some("A stop holds back what its model wrote.".to_owned());
    }
    if record.expires.is_some_and(|expires| now >= expires) {
        return Some("The time for which it was written is over.".to_owned());
    }
    let judgement = judged.as_ref().err()?;
    if judgement.wants_answers() {
        return None;
    }
    let counts = |finding: &&Finding| !finding.shadow && !finding.waived;
    let worst = judgement.findings.iter().filter(counts).max_by_key(|finding| finding.action);
    Some(match worst {
        Some(finding) if finding.is_of_a_stop() => "A stop bans words in it.".to_owned(),
        Some(finding) => format!("The rule {} does not let it pass now.", finding.rule),
        None => "It is longer than its placement allows now.".to_owned(),
    })
}

/// Looks anew at texts that wait and were last looked at under other rules or stops; answers how many that were.
///
/// # Errors
///
/// When the store cannot be read or written.
pub async fn judge_waiting(
    parts: &Arc<Parts>,
    policy: &Arc<Policy>,
    store: &Store,
    most: u32,
) -> Result<usize, StoreError> {
    let mark = rules_mark(parts, policy);
    let ids = waiting::to_judge(store, &mark, most).await?;
    let mut looked_at = Vec::with_capacity(ids.len());
    for generation in ids {
        let now = match parts.reviews.generation(generation).await {
            Ok(Some(found)) => now_of(parts, policy, &found).await?,
            Ok(None) => None,
            // One that was tampered with does not hold up the others.
            Err(StoreError::Corrupt(_)) => None,
            Err(error) => return Err(error),
        };
        looked_at.push(match now {
            Some(now) => Judged { generation, findings: Some(now.counted()), held: now.held },
            None => Judged {
                generation,
                findings: None,
                held: Some("Its text is not there any more.".to_owned()),
            },
        });
    }
    waiting::judged(store, &mark, &looked_at).await?;
    Ok(looked_at.len())
}

/// Texts that were approved together.
#[derive(Clone, Debug)]
pub struct Together {
    /// The generations that were approved.
    pub approved: Vec<Uuid>,
    /// Those that wait on, to be decided by themselves: something is found in them, or they could not be shown now.
    pub left_out: Vec<Uuid>,
    /// Why the first one is not shown all the same.
    pub warning: Option<String>,
}

/// Approves the text of a generation, and with it those of `others` that say the same and in which nothing is found now; one
/// record each, in one transaction.
///
/// # Errors
///
/// When the first cannot be approved: then nothing is.
pub async fn approve_together(
    parts: &Arc<Parts>,
    policy: &Arc<Policy>,
    first: Uuid,
    others: &[Uuid],
    (note, by): (Option<String>, String),
) -> Result<Together, ReviewError> {
    let mut approval = Approval::default();
    let mut together = Together { approved: Vec::new(), left_out: Vec::new(), warning: None };
    let mut words = String::new();
    for id in std::iter::once(first).chain(others.iter().copied().filter(|id| *id != first)) {
        let found = parts.reviews.generation(id).await.map_err(ReviewError::Unreadable)?;
        let Some(found) = found else {
            if id == first {
                return Err(ReviewError::Unknown(id));
            }
            continue;
        };
        if found.record.outcome != Outcome::Passed {
            if id == first {
                return Err(ReviewError::NothingToApprove(found.record.outcome));
            }
            continue;
        }
        let now = now_of(parts, policy, &found).await.map_err(ReviewError::Unreadable)?;
        if id == first {
            words = now.as_ref().map(|now| now.text.clone()).unwrap_or_default();
            together.warning = now.and_then(|now| now.held);
        } else if found.decided().is_some() {
            continue;
        } else if !now.is_some_and(|now| now.held.is_none() && now.counted() == 0 && now.text == words) {
            together.left_out.push(id);
            continue;
        }
        let let_in = match reviewing::approving(parts, &found).await {
            Ok(let_in) => let_in,
            Err(error) if id == first => return Err(error),
            Err(_) => {
                together.left_out.push(id);
                continue;
            }
        };
        let (at, action, by) = ((parts.now)(), ReviewAction::Approve, by.clone());
        let (second_look, undoes) = (false, None);
        let record = ReviewRecord { id: new_id(at), generation_id: id, action, at, by, second_look, undoes };
        approval.let_in.extend(let_in);
        approval.reviews.push((record, note.clone()));
    }
    approval.waiting_only = true;
    together.approved = put(parts, approval).await?;
    Ok(together)
}

/// Records a second person's look at an approval: it agrees, or it overturns it, and the text is rejected.
///
/// # Errors
///
/// When it cannot be taken: then it has no effect.
pub async fn second_look(
    parts: &Arc<Parts>,
    generation: Uuid,
    agrees: bool,
    (note, by): (Option<String>, String),
) -> Result<(), ReviewError> {
    if !agrees {
        return reviewing::review_as(parts, generation, (ReviewAction::Reject, note), by, true)
            .await
            .map(drop);
    }
    let (at, action) = ((parts.now)(), ReviewAction::Note);
    let (second_look, undoes) = (true, None);
    let record =
        ReviewRecord { id: new_id(at), generation_id: generation, action, at, by, second_look, undoes };
    let reviews = vec![(record, note)];
    put(parts, Approval { reviews, ..Approval::default() }).await.map(drop)
}

/// Puts approvals into the log and in force. Answers the generations that they are of.
pub(super) async fn put(parts: &Arc<Parts>, approval: Approval) -> Result<Vec<Uuid>, ReviewError> {
    let unwritable = |error: StoreError| ReviewError::Unwritable(error.to_string());
    let taken = parts.reviews.approve(&approval).await.map_err(unwritable)?;
    let changes = approval.let_in.iter().map(|generation| Change::Approve { generation: *generation });
    reviewing::take_effect(parts, changes.collect()).await;
    Ok(taken)
}
