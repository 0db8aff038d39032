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
use crate::audit::search::Generation;
use crate::audit::waiting::Approval;
use crate::audit::{
    Edited, GenerationPayload, GenerationRecord, Outcome, ReviewAction, ReviewRecord, Standing,
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

/// Puts a person's text in the place of that of a generation, once it passes everything that the other had to pass: it is served
/// from then on for the same question, and the other waits no longer.
///
/// # Errors
///
/// When it does not pass, or cannot be recorded: then nothing is changed.
pub async fn edit(
    parts: &Arc<Parts>,
    policy: &Arc<Policy>,
    generation: Uuid,
    (text, note): (&str, Option<String>),
    by: String,
) -> Result<Edit, EditError> {
    let found = parts.reviews.generation(generation).await.map_err(ReviewError::Unreadable)?;
    let found = found.ok_or(ReviewError::Unknown(generation))?;
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
    let (record, payload) = recorded(parts, policy, &found, &approved, &by);
    let (id, at, action) = (record.id, record.finished, ReviewAction::Approve);
    let review =
        ReviewRecord { id: new_id(at), generation_id: id, action, at, by, second_look: false, undoes: None };
    let reviews = vec![(review, note)];
    let approval = Approval { edit: Some((record, payload)), reviews, ..Approval::default() };
    if put(parts, approval).await?.is_empty() {
        return Err(EditError::NothingToEdit(generation));
    }
    if let Some(key) = Key::parse(&found.record.cache_key) {
        // Whoever asks next finds it in the log.
        parts.memory.reject(key, generation);
        parts.looks.forget(&key);
    }
    Ok(Edit { id, text: approved.text().to_owned(), findings: approved.findings().to_vec() })
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
