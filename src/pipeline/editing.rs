//! A person's own words in place of a text: judged as that would be, recorded as a generation for which no model was asked, and
//! approved by whoever wrote them in the same transaction.

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use super::Parts;
use super::generation::{lifetime_at, models_of, terms, without};
use super::reviewing::ReviewError;
use super::second::{self, About};
use super::waiting::{ground_of, judged, put};
use crate::audit::search::{Generation, PassedGeneration, Review};
use crate::audit::waiting::Approval;
use crate::audit::{
    Decision, Edited, GenerationPayload, GenerationRecord, Holding, Outcome, ReviewAction, ReviewRecord,
    Standing, desk,
};
use crate::cache::Key;
use crate::guardrail::{Approved, Enforcement, Finding, Judgement, questions};
use crate::policy::Policy;
use crate::replay::Text;
use crate::words::{Micros, Purpose, new_id};

/// The longest text that a person writes in place of another, in characters.
pub const LONGEST_EDIT: usize = 4_000;

/// A text that took the place of another.
#[derive(Clone, Debug)]
pub struct Edit {
    /// The generation that it is recorded as.
    pub id: Uuid,
    /// The text, as it is served: rules may have corrected what was written.
    pub text: String,
    /// Notes of rules, and what those in shadow found.
    pub findings: Vec<Finding>,
}

/// Why a text does not take the place of another.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// It cannot be a text: a sentence says why.
    #[error("{0}")]
    NoText(String),
    /// The rules in force do not let it pass.
    #[error("the rules in force do not let it pass")]
    Refused(Box<Judgement>),
    /// What it was to take the place of is not there any more, or was never written.
    #[error("the log holds no text of generation {0} that could be edited")]
    NothingToEdit(Uuid),
    /// Somebody else decided on what it was to take the place of: who, and what they did with it.
    #[error("{by} {did} this text{}", if *.since { " meanwhile" } else { "" })]
    Decided {
        /// The name of that person.
        by: String,
        /// Such as `rejected`.
        did: &'static str,
        /// Whether that was after whoever edits looked at it last.
        since: bool,
    },
    /// It cannot be read or recorded.
    #[error(transparent)]
    Review(#[from] ReviewError),
}

/// What somebody typed as a text, with line ends as others have them.
fn typed(text: &str) -> Result<String, EditError> {
    let text = text.replace("\r\n", "\n").trim().to_owned();
    let length = text.chars().count();
    let bad = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.is_empty() {
        return Err(EditError::NoText("Write a text.".to_owned()));
    }
    if length > LONGEST_EDIT {
        return Err(EditError::NoText(format!(
            "The text has {length} characters; write at most {LONGEST_EDIT}."
        )));
    }
    if let Some(c) = text.chars().find(|c| bad(*c)) {
        let code = u32::from(c);
        return Err(EditError::NoText(format!(
            "The text holds the invisible character U+{code:04X}; take it out."
        )));
    }
    Ok(text)
}

/// What a text that stands in for that of a generation is judged against.
async fn stand_in(
    parts: &Arc<Parts>,
    policy: &Arc<Policy>,
    found: &Generation,
    text: &str,
) -> Result<Text, EditError> {
    let text = typed(text)?;
    let ground = ground_of(parts, policy, found).await.map_err(ReviewError::Unreadable)?;
    let ground = ground.ok_or(EditError::NothingToEdit(found.record.id))?;
    Ok(Text { text, used: true, ..ground })
}

/// What the rules in force make of a text in place of that of a generation: asks no model, and records nothing.
///
/// # Errors
///
/// When it can be no text, or there is nothing that it could take the place of.
pub async fn edit_judged(
    parts: &Arc<Parts>,
    policy: &Arc<Policy>,
    found: &Generation,
    text: &str,
) -> Result<Result<Approved, Judgement>, EditError> {
    let text = stand_in(parts, policy, found, text).await?;
    Ok(judged(parts, policy, found, text).await)
}

/// How often an edit looks again when others reviewed the same question meanwhile.
const TRIES: usize = 3;

/// Up to which entry of the chain somebody who looks at a generation now knows what people decided on it.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn known_of(parts: &Parts, found: &Generation) -> Result<i64, ReviewError> {
    parts.reviews.newest_on(&found.record).await.map_err(ReviewError::Unreadable)
}

/// Edits of a generation that an approval stands on, with their texts.
async fn edits_of(parts: &Parts, found: &Generation) -> Result<Vec<(Generation, String)>, EditError> {
    let standing = parts.reviews.standing_for_key(&found.record.cache_key).await;
    let standing = standing.map_err(ReviewError::Unreadable)?.into_iter();
    let is_edit = |one: &PassedGeneration| {
        let edited = one.generation.record.edited.as_ref();
        one.is_approved() && edited.is_some_and(|edited| edited.from == found.record.id)
    };
    Ok(standing.filter(is_edit).map(|one| (one.generation, one.text)).collect())
}

/// Refuses an edit over what somebody else decided: after the entry up to which whoever edits knows, or, where they do not say
/// what they know, when a rejection holds.
fn not_over(
    (found, edits): (&Generation, &[(Generation, String)]),
    known: Option<i64>,
    by: &str,
) -> Result<(), EditError> {
    let of_others = |review: &&Review| !desk::same(&review.record.by, by);
    let Some(known) = known else {
        let holds = Holding::of(found.reviews.iter().map(|review| &review.record)).decided();
        return match holds {
            Some((review, Decision::Rejected)) if !desk::same(&review.by, by) => {
                Err(EditError::Decided { by: review.by.clone(), did: did(review.action), since: false })
            }
            _ => Ok(()),
        };
    };
    let decides = |review: &&Review| review.seq > known && review.record.decision().is_some();
    let on_it = found.reviews.iter().rev().filter(decides).find(of_others);
    let on_it = on_it.map(|review| (review, did(review.record.action)));
    let edited = edits.iter().find_map(|(edit, _)| edit.reviews.iter().filter(decides).find(of_others));
    let edited = edited.map(|review| (review, "put other words in the place of"));
    match on_it.into_iter().chain(edited).max_by_key(|(review, _)| review.seq) {
        Some((review, did)) => Err(EditError::Decided { by: review.record.by.clone(), did, since: true }),
        None => Ok(()),
    }
}

fn did(action: ReviewAction) -> &'static str {
    match action {
        ReviewAction::Approve => "approved",
        ReviewAction::Reject => "rejected",
        ReviewAction::Takedown => "took down",
        ReviewAction::Flag | ReviewAction::Note => "looked at",
        ReviewAction::Undo => "undid a decision on",
    }
}

/// Puts a person's text in the place of that of a generation, once it passes everything that the other had to pass: it is served
/// from then on for the same question, and the other waits no longer. The same text of the same person in the same place is
/// put there once, however often it is sent. `known` is [what they knew](known_of) when they began.
///
/// # Errors
///
/// When it does not pass, others decided meanwhile, or it cannot be recorded: then nothing is changed.
pub async fn edit(
    parts: &Arc<Parts>,
    policy: &Arc<Policy>,
    generation: Uuid,
    (text, note): (&str, Option<String>),
    (by, known): (String, Option<i64>),
) -> Result<Edit, EditError> {
    let found = parts.reviews.generation(generation).await.map_err(ReviewError::Unreadable)?;
    let found = found.ok_or(ReviewError::Unknown(generation))?;
    not_over((&found, &edits_of(parts, &found).await?), known, &by)?;
    let text = stand_in(parts, policy, &found, text).await?;
    let mut result = judged(parts, policy, &found, text.clone()).await;
    if result.as_ref().is_err_and(Judgement::wants_answers) {
        // Nobody has heard second models on these words yet.
        let (guardrails, about) = (
            Arc::clone(&policy.guardrails),
            About { generation, guardrails: Arc::clone(&policy.guardrails) },
        );
        let wanted = result.as_ref().err().and_then(|judgement| judgement.fixed.clone());
        let ground = text.ground((parts.now)(), &parts.second);
        let mut asking = questions(&guardrails, wanted.as_deref().unwrap_or(&text.text), &ground);
        asking.retain(|asking| asking.mode == Enforcement::Enforce);
        second::ask_now(parts, &about, asking, &terms(parts, Purpose::Refresh), false).await;
        result = judged(parts, policy, &found, text).await;
    }
    let approved = result.map_err(|judgement| EditError::Refused(Box::new(judgement)))?;
    if parts.recorder.standing() != Standing::Durable {
        return Err(ReviewError::Unwritable("the log cannot be written".to_owned()).into());
    }
    let done = |id| Edit { id, text: approved.text().to_owned(), findings: approved.findings().to_vec() };
    for _ in 0..TRIES {
        let newest = known_of(parts, &found).await?;
        let again = parts.reviews.generation(generation).await.map_err(ReviewError::Unreadable)?;
        let found = again.filter(|found| found.payload.is_some());
        let found = found.ok_or(EditError::NothingToEdit(generation))?;
        let edits = edits_of(parts, &found).await?;
        not_over((&found, &edits), known, &by)?;
        let mine = |edit: &Generation| edit.record.edited.as_ref().is_some_and(|edited| edited.by == by);
        if let Some((first, _)) = edits.iter().find(|(edit, text)| mine(edit) && text == approved.text()) {
            return Ok(done(first.record.id));
        }
        let (record, payload) = recorded(parts, policy, &found, &approved, &by);
        let (id, at, action) = (record.id, record.finished, ReviewAction::Approve);
        let (second_look, undoes, by) = (false, None, by.clone());
        let review = ReviewRecord { id: new_id(at), generation_id: id, action, at, by, second_look, undoes };
        let reviews = vec![(review, note.clone())];
        let approval =
            Approval { edit: Some((record, payload)), known: newest, reviews, ..Approval::default() };
        if put(parts, approval).await?.is_empty() {
            continue;
        }
        if let Some(key) = Key::parse(&found.record.cache_key) {
            // Whoever asks next finds it in the log.
            parts.memory.reject(key, generation);
            parts.looks.forget(&key);
        }
        return Ok(done(id));
    }
    Err(ReviewError::Overtaken.into())
}

/// The record of an edit. It answers the same question as the text whose place it takes, and counts as written by the same
/// models: most of its words may be theirs, and what holds those back holds it back too.
fn recorded(
    parts: &Parts,
    policy: &Policy,
    found: &Generation,
    approved: &Approved,
    by: &str,
) -> (GenerationRecord, GenerationPayload) {
    let (now, from) = ((parts.now)(), &found.record);
    let findings =
        approved.findings().iter().map(|finding| without(json!(finding), &["match", "message"])).collect();
    let placement = policy.copy.prompts.placement(from.placement.as_str());
    let ends = placement.filter(|_| !from.approval).map(|placement| lifetime_at(placement, now)).unzip();
    let record = GenerationRecord {
        id: new_id(now),
        started: now,
        finished: now,
        revision: policy.revision.clone(),
        guardrails: policy.guardrails.hash().to_string(),
        outcome: Outcome::Passed,
        reason: None,
        attempts: json!([]),
        findings,
        evidence: json!(approved.evidence()),
        cost: Micros(0),
        trace_id: None,
        purpose: None,
        stale: ends.0,
        expires: ends.1,
        written_by: models_of(parts, from).to_vec(),
        rejudged: None,
        edited: Some(Edited { from: from.id, by: by.to_owned() }),
        ..from.clone()
    };
    let kept = found.payload.clone().unwrap_or_default();
    let payload = GenerationPayload {
        inputs: kept.inputs,
        facts: kept.facts,
        messages: kept.messages,
        raw_texts: Vec::new(),
        text: Some(approved.text().to_owned()),
        matches: approved
            .findings()
            .iter()
            .map(|finding| json!({"match": finding.matched, "message": finding.message}))
            .collect(),
    };
    (record, payload)
}
