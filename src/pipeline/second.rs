//! Second models: what rules ask them about generated copy, who asks, and what they said.
//!
//! An answer is kept by what was asked (see [`QuestionKey`]), in memory and in the store, so that it is paid for once.
//! Copy waits for the answers that decide over it, within its generation's own limit; where copy that is kept lacks one,
//! it is withheld until somebody answered; what rules in shadow ask is asked once the copy has landed. Whatever is asked
//! of whomever ends in the log, as a verdict beside the generation whose text it is about.

use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use moka::sync::Cache;
use serde_json::{Value, json};
use tokio::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

use super::generation::terms;
use super::{Parts, measure, rubric};
use crate::audit::{RuleVerdict, VerdictMode, VerdictRecord};
use crate::cache::{Flight, Flights};
use crate::config::{Limits, Provider};
use crate::generate::{Attempt, Failure, Gate, Moderation, Permit, Place, Terms, Whom, Written};
use crate::guardrail::{
    Ask, Asking, Enforcement, Guardrails, Heard, Known, Opinion, Question, QuestionKey, Service,
};
use crate::store::{Store, opinions};
use crate::words::{Micros, Purpose, new_id};

/// What answers may take in memory, in bytes.
const MEMORY: u64 = 32 << 20;
/// About what is kept beside each, in bytes.
const BESIDE: usize = 500;
/// How long a question that nobody answered is not asked again about copy that waits for it.
const SILENT_FOR: SignedDuration = SignedDuration::from_secs(60);

/// What second models said, and what they are being asked.
pub struct SecondModels {
    memory: Cache<QuestionKey, Memory>,
    flights: Flights<Answered, QuestionKey>,
    /// How many questions that no generation waits for are put at once.
    gate: Gate,
    /// When the next one about copy that was there already is.
    pace: Pace,
    store: Store,
    /// Each provider's name and model.
    models: Vec<(String, String)>,
}

/// Turns that come no faster than so many a second.
struct Pace {
    every: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    fn new(per_second: u32) -> Self {
        Self { every: Duration::from_secs(1) / per_second.max(1), next: Mutex::new(Instant::now()) }
    }

    /// When the next turn is, which is taken by that.
    fn next(&self) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = (*next).max(Instant::now());
        *next = turn + self.every;
        turn
    }
}

/// When a question is put.
enum Turn {
    /// At once, on these terms: a generation waits for it, and has a place of its own.
    Now(Terms),
    /// Once there is room, about copy that has just landed.
    Later(Place),
    /// The same about copy that was there already, of which there may be very much: no faster than the pace allows.
    Paced(Place),
}

impl Turn {
    /// The terms of the question once its turn has come, and leave to put it; `None` when the service goes down before.
    async fn comes(self, parts: &Parts) -> Option<(Terms, Option<Permit>)> {
        let (place, paced) = match self {
            Self::Now(terms) => return Some((terms, None)),
            Self::Later(place) => (place, false),
            Self::Paced(place) => (place, true),
        };
        let permit = async {
            let permit = place.wait().await;
            if paced {
                tokio::time::sleep_until(parts.second.pace.next()).await;
            }
            permit
        };
        tokio::select! {
            permit = permit => Some((terms(parts, Purpose::Refresh), Some(permit))),
            () = parts.leaving.begun() => None,
        }
    }
}

#[derive(Clone)]
enum Memory {
    /// It was answered.
    Said(Arc<Opinion>),
    /// It was not, and is not asked again before then.
    Silent(Timestamp),
}

/// What came of a question.
#[derive(Clone)]
struct Answered {
    /// The answer, or why there is none.
    said: Result<Arc<Opinion>, String>,
    attempts: Vec<Attempt>,
}

impl Answered {
    fn known(opinion: Arc<Opinion>) -> Self {
        Self { said: Ok(opinion), attempts: Vec::new() }
    }

    /// The same for those who joined: whoever asked has paid.
    fn by_others(self) -> Self {
        Self { attempts: Vec::new(), ..self }
    }
}

impl SecondModels {
    /// With what the store holds, and nothing in memory.
    pub fn new(store: Store, providers: &[Provider], limits: &Limits) -> Self {
        let weigh = |_: &QuestionKey, memory: &Memory| {
            let size = match memory {
                Memory::Silent(_) => 0,
                Memory::Said(opinion) => match &**opinion {
                    Opinion::Judge { reason, .. } => reason.len(),
                    Opinion::Moderation { categories, scores, .. } => {
                        categories.keys().chain(scores.keys()).map(|name| name.len() + 40).sum()
                    }
                },
            };
            u32::try_from(size + BESIDE).unwrap_or(u32::MAX)
        };
        Self {
            memory: Cache::builder().max_capacity(MEMORY).weigher(weigh).build(),
            flights: Flights::default(),
            gate: Gate::new((limits.concurrency / 4).max(1), limits.queue),
            pace: Pace::new(limits.checks_per_second),
            store,
            models: providers.iter().map(|p| (p.name.clone(), p.model.clone())).collect(),
        }
    }

    /// Whether nothing is being asked.
    pub fn is_idle(&self) -> bool {
        self.flights.is_empty()
    }

    fn key(&self, question: &Question) -> QuestionKey {
        question.key_among(&self.models)
    }

    fn is_silent(&self, key: &QuestionKey, now: Timestamp) -> bool {
        matches!(self.memory.get(key), Some(Memory::Silent(until)) if now < until)
    }

    fn said(&self, key: &QuestionKey) -> Option<Arc<Opinion>> {
        match self.memory.get(key)? {
            Memory::Said(opinion) => Some(opinion),
            Memory::Silent(_) => None,
        }
    }
}

impl Known for SecondModels {
    fn opinion(&self, question: &Question) -> Option<Arc<Opinion>> {
        self.said(&self.key(question))
    }
}

impl fmt::Debug for SecondModels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecondModels")
    }
}

/// The text that questions are about, and the rules that ask them.
#[derive(Clone)]
pub(super) struct About {
    pub(super) generation: Uuid,
    pub(super) guardrails: Arc<Guardrails>,
}

/// One question, and the rules that ask it.
#[derive(Clone)]
struct Work {
    about: About,
    key: QuestionKey,
    question: Question,
    rules: Vec<(String, VerdictMode)>,
}

/// The questions of many rules, each once.
fn gathered(second: &SecondModels, about: &About, asking: Vec<Asking<'_>>) -> Vec<Work> {
    let mut all: Vec<Work> = Vec::new();
    for Asking { rule, mode, question } in asking {
        let mode = match mode {
            Enforcement::Enforce => VerdictMode::Enforce,
            Enforcement::Shadow | Enforcement::Off => VerdictMode::Shadow,
        };
        let (key, rule) = (second.key(&question), (rule.id().to_owned(), mode));
        match all.iter_mut().find(|work| work.key == key) {
            Some(work) => work.rules.push(rule),
            None => all.push(Work { about: about.clone(), key, question, rules: vec![rule] }),
        }
    }
    all
}

/// Asks what is not known yet, and returns once all is answered or the time is up; what was asked a moment ago in vain is
/// not asked again. Answers what was recorded on the way: [`ask_later`] leaves that out. Where the text was `there` already,
/// and with it perhaps a whole catalogue's, questions are put one after the other, and go on when the time is up.
pub(super) async fn ask_now(
    parts: &Arc<Parts>,
    about: &About,
    asking: Vec<Asking<'_>>,
    terms: &Terms,
    there: bool,
) -> Vec<QuestionKey> {
    let unknown = gathered(&parts.second, about, asking).into_iter();
    let now = (parts.now)();
    let unknown = unknown
        .filter(|work| parts.second.said(&work.key).is_none() && !parts.second.is_silent(&work.key, now));
    let crowded = there && parts.second.gate.fullness().waiting > 0;
    // All are on their way before any is waited for.
    let started = |work: Work| {
        let turn = if there { Turn::Paced(parts.second.gate.enter()?) } else { Turn::Now(terms.clone()) };
        Some((start(parts, work.clone(), turn), work))
    };
    let asked: Vec<_> = unknown.filter_map(started).collect();
    let mut recorded = Vec::new();
    if crowded {
        // Whoever waited here would keep a place from pages that have copy written.
        return recorded;
    }
    for (started, work) in asked {
        let (flight, own) = started;
        let landed = tokio::time::timeout_at(terms.ends, flight.landed()).await;
        if let (false, Ok(Some(answered))) = (own, landed) {
            record(parts, &work, &answered.by_others()).await;
        }
        recorded.push(work.key);
    }
    recorded
}

/// Has questions asked that nobody waits for, so that what rules would do can be seen, unless they were `recorded` on the
/// text's way.
pub(super) fn ask_later(
    parts: &Arc<Parts>,
    about: &About,
    asking: Vec<Asking<'_>>,
    recorded: &[QuestionKey],
) {
    for work in gathered(&parts.second, about, asking) {
        if recorded.contains(&work.key) {
            continue;
        }
        let Some(place) = parts.second.gate.enter() else {
            tracing::warn!(
                generation = %work.about.generation,
                "too many questions to second models wait already; this text's are not asked"
            );
            return;
        };
        if let (flight, false) = start(parts, work.clone(), Turn::Later(place)) {
            let parts = Arc::clone(parts);
            tokio::spawn(async move {
                if let Some(answered) = flight.landed().await {
                    record(&parts, &work, &answered.by_others()).await;
                }
            });
        }
    }
}

/// Has looked into what copy that is kept lacks an answer on. Answers whether anything is being asked: not when it was
/// asked a moment ago in vain, nor when too much is being asked already.
pub(super) fn look_into(parts: &Arc<Parts>, about: &About, asking: Vec<Asking<'_>>, now: Timestamp) -> bool {
    let second = &parts.second;
    if parts.leaving.is_now() {
        return false;
    }
    let mut under_way = false;
    for work in gathered(second, about, asking) {
        let shadow = work.rules.iter().all(|(_, mode)| *mode == VerdictMode::Shadow);
        if shadow || second.said(&work.key).is_some() || second.is_silent(&work.key, now) {
            continue;
        }
        if second.flights.join(&work.key).is_some() {
            under_way = true;
            continue;
        }
        let Some(place) = second.gate.enter() else { continue };
        start(parts, work, Turn::Paced(place));
        under_way = true;
    }
    under_way
}

/// Starts asking, or joins those who ask the same; says whether it is this caller's own asking, which records it.
fn start(parts: &Arc<Parts>, work: Work, turn: Turn) -> (Flight<Answered>, bool) {
    let (mut own, key) = (false, work.key);
    let start = || {
        own = true;
        let parts = Arc::clone(parts);
        Ok::<_, Infallible>(async move { run(&parts, work, turn).await }.in_current_span())
    };
    let Ok(flight) = parts.second.flights.join_or_start(key, start);
    (flight, own)
}

/// Looks the answer up, or asks for it; keeps it once it is in the log.
async fn run(parts: &Arc<Parts>, work: Work, turn: Turn) -> Answered {
    let second = &parts.second;
    let known = match second.said(&work.key) {
        Some(opinion) => Some(opinion),
        None => from_store(parts, &work.key).await,
    };
    // What is known waits for no turn.
    let (answered, _permit) = match (known, turn) {
        (Some(opinion), _) => (Answered::known(opinion), None),
        (None, turn) => match turn.comes(parts).await {
            Some((terms, permit)) => (ask(parts, &work.question, &terms).await, permit),
            // Nobody was asked: there is nothing to record.
            None => return Answered { said: Err("the service went down".to_owned()), attempts: Vec::new() },
        },
    };
    let asked = !answered.attempts.is_empty();
    measure::calls(parts, &answered.attempts);
    if !record(parts, &work, &answered).await {
        let said = Err("the log cannot be written".to_owned());
        return Answered { said, ..answered };
    }
    let now = (parts.now)();
    match &answered.said {
        Ok(opinion) => {
            second.memory.insert(work.key, Memory::Said(Arc::clone(opinion)));
            if asked {
                keep(parts, &work.key, opinion, now).await;
            }
        }
        Err(error) => {
            let provider = answered.attempts.last().map_or("none", |attempt| attempt.provider.as_str());
            tracing::warn!(generation = %work.about.generation, provider, error, "a second model gave no verdict");
            let until = now.saturating_add(SILENT_FOR).unwrap_or(now);
            second.memory.insert(work.key, Memory::Silent(until));
        }
    }
    answered
}

async fn from_store(parts: &Parts, key: &QuestionKey) -> Option<Arc<Opinion>> {
    match opinions::find(&parts.second.store, &key.to_string(), (parts.now)()).await {
        Ok(found) => found.and_then(|json| serde_json::from_str(&json).ok()).map(Arc::new),
        Err(error) => {
            tracing::warn!(%error, "answers of second models cannot be read; they are asked anew");
            None
        }
    }
}

async fn keep(parts: &Parts, key: &QuestionKey, opinion: &Opinion, now: Timestamp) {
    let kept = match serde_json::to_string(opinion) {
        Ok(json) => opinions::keep(&parts.second.store, &key.to_string(), &json, now).await,
        Err(error) => return tracing::error!(%error, "an answer of a second model cannot be written as JSON"),
    };
    if let Err(error) = kept {
        tracing::warn!(%error, "an answer of a second model could not be kept for a later start");
    }
}

/// Puts a question, over the client that copy is written with and from the same budget.
async fn ask(parts: &Parts, question: &Question, terms: &Terms) -> Answered {
    let unanswered = |error: &str| Answered { said: Err(error.to_owned()), attempts: Vec::new() };
    let Some(generator) = &parts.generator else { return unanswered("no LLM provider is configured") };
    if terms.ends <= Instant::now() {
        return unanswered("the generation's time was up");
    }
    let Ask { service, provider, model } = &*question.asks;
    let whom = Whom { provider: provider.as_deref(), model: model.as_deref() };
    match service {
        Service::Judge { rubric } => {
            let prompt = rubric::prompt(rubric, &question.text, &question.facts);
            let written = generator.answer(&prompt, &rubric::schema(), whom, terms).await;
            answered(written, |answer| rubric::read(&answer).map_err(str::to_owned))
        }
        Service::Moderation => {
            let written = generator.moderate(&question.text, whom, terms).await;
            let opinion = |Moderation { flagged, categories, scores }| {
                Ok(Opinion::Moderation { flagged, categories, scores })
            };
            answered(written, opinion)
        }
    }
}

fn answered<T>(written: Written<T>, read: impl FnOnce(T) -> Result<Opinion, String>) -> Answered {
    let Written { attempts, result } = written;
    let said = match result {
        Ok(answer) => read(answer).map(Arc::new),
        Err(Failure::Budget) => Err("the budget is spent".to_owned()),
        Err(Failure::NoProvider) => Err("no provider has the name that the rule asks for".to_owned()),
        Err(Failure::Closed) => Err("the service went down".to_owned()),
        Err(Failure::BreakerOpen) => {
            Err("the provider failed too often and is left alone for now".to_owned())
        }
        Err(Failure::TimedOut | Failure::Upstream) => {
            let last = attempts.last().and_then(|attempt| attempt.error.clone());
            Err(last.unwrap_or_else(|| "no answer within its time".to_owned()))
        }
    };
    Answered { said, attempts }
}

/// Puts into the log what was asked and answered and what the rules make of it. Answers whether it is durable.
async fn record(parts: &Parts, work: &Work, answered: &Answered) -> bool {
    let Work { about: About { generation, guardrails }, key, question, rules } = work;
    let heard = |id: &str| {
        let rule = guardrails.rules().iter().find(|rule| rule.id() == id)?;
        match rule.hear(answered.said.as_ref().ok()?) {
            Heard::Passes => Some(true),
            Heard::Fails(_) => Some(false),
            Heard::Unanswered(_) => None,
        }
    };
    let rules = rules
        .iter()
        .map(|(id, mode)| RuleVerdict { rule: id.clone(), mode: *mode, passed: heard(id) })
        .collect();
    let (opinion, reason) = match answered.said.as_deref() {
        Ok(Opinion::Judge { score, pass, reason }) => {
            (json!({"score": score, "pass": pass}), Some(reason.clone()).filter(|reason| !reason.is_empty()))
        }
        Ok(Opinion::Moderation { flagged, categories, scores }) => {
            (json!({"flagged": flagged, "categories": categories, "scores": scores}), None)
        }
        Err(_) => (Value::Null, None),
    };
    let at = (parts.now)();
    let record = VerdictRecord {
        id: new_id(at),
        generation_id: *generation,
        at,
        service: match question.asks.service {
            Service::Judge { .. } => "judge".to_owned(),
            Service::Moderation => "moderation".to_owned(),
        },
        question: key.to_string(),
        guardrails: guardrails.hash().to_string(),
        rules,
        opinion,
        error: answered.said.as_ref().err().cloned(),
        attempts: super::generation::without_texts(&answered.attempts),
        cost: Micros(answered.attempts.iter().fold(0, |sum, attempt| sum.saturating_add(attempt.cost.0))),
    };
    let failed = record.rules.iter().filter(|r| r.mode == VerdictMode::Shadow && r.passed == Some(false));
    for failed in failed {
        if let Some(rule) = guardrails.rules().iter().find(|rule| rule.id() == failed.rule) {
            parts.shadows.heard(&failed.rule, rule.on_match());
        }
    }
    let recorded = parts.recorder.verdict(record, reason).await;
    if let Err(error) = &recorded {
        tracing::error!(%error, %generation, "a second model's verdict could not be recorded; it is not used");
    }
    recorded.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_come_no_faster_than_the_pace() {
        let pace = Pace::new(4);
        let turns = [(); 5].map(|()| pace.next());
        for (one, next) in turns.iter().zip(turns.iter().skip(1)) {
            assert!(*next >= *one + Duration::from_millis(250));
        }
    }
}
