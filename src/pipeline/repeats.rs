//! The same answer again, for whoever sends the same `idempotency-key` again within a day.
//!
//! Promises go before: a text that is repeated is approved anew, by the policy in force and the facts as they are, and
//! each repeat is a serve of its own in the log. What does not pass any more is answered anew, and that is what is
//! repeated from then on. Only requests that carry the header come here.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use moka::sync::Cache;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::generation::models_of;
use super::response::{self, Served};
use super::{Answer, Case, GRACE, Limit, Parts, ProductRef, Request, answer};
use crate::audit::{Clock, Decision, Reviews};
use crate::cache::{Flights, Key, Models};
use crate::guardrail::{Approved, Draft, facts_hash};
use crate::policy::Policy;
use crate::stops::Leave;
use crate::store::idempotency::{self, AnswerRow};
use crate::store::{Store, StoreError};
use crate::words::{Locale, Reason, Source, TemplateId, Tier};

/// How long an answer is repeated.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(24);
/// The most memory that answers may take, in bytes; those that are not in memory are in the store.
const MEMORY: u64 = 32 * 1024 * 1024;
/// What is kept beside an answer, in bytes, by rough measure.
const BESIDE: usize = 1_200;
/// How often one request looks anew because others overtook it.
const ROUNDS: usize = 8;

/// Which answer a request wants again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The API key and the header.
    slot: [u8; 32],
    /// What was asked.
    body: [u8; 32],
}

impl Ticket {
    /// The ticket of a request: `key_id` is the id of the API key that it came with, `header` its `idempotency-key`. What was
    /// asked is everything but how long to wait.
    pub fn of(key_id: &str, header: &str, request: &Request) -> Self {
        let mut slot = blake3::Hasher::new();
        for part in [key_id, header] {
            slot.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        let product = match &request.product {
            ProductRef::Id(id) => json!({ "id": id }),
            ProductRef::Facts(product) => product.facts.clone(),
        };
        let asked = json!({
            "placement": request.placement,
            "product": product,
            "user_id": request.user_id,
            "user": request.user,
            "context": request.context,
            "personalisation": request.personalisation,
            "accept": request.accept,
            "priority": request.priority,
        });
        let body = asked.as_object().map(facts_hash).unwrap_or_default();
        Self { slot: *slot.finalize().as_bytes(), body }
    }
}

/// What becomes of a request with an `idempotency-key`.
#[derive(Clone, Debug)]
pub enum Said {
    /// An answer of its own.
    Anew(Arc<Answer>),
    /// The answer that was given before, as it was sent, and leave to let go of it.
    Again(Arc<str>, Arc<Leave>),
    /// The key was used for another question.
    AskedOtherwise,
}

/// What of an answer must hold for it to be repeated.
#[derive(Clone, Debug, Deserialize)]
struct Fields {
    text: String,
    source: Source,
    tier: Tier,
    reason: Option<Reason>,
    pending: bool,
    locale: String,
    template: Option<TemplateId>,
    generation_id: Option<Uuid>,
    serve_id: Uuid,
}

/// An answer that is kept.
#[derive(Debug)]
struct Given {
    body: [u8; 32],
    until: Timestamp,
    beside: bool,
    answer: Arc<str>,
    fields: Fields,
}

impl Given {
    fn read(body: [u8; 32], until: Timestamp, beside: bool, answer: &str) -> Result<Self, serde_json::Error> {
        Ok(Self { body, until, beside, fields: serde_json::from_str(answer)?, answer: answer.into() })
    }

    fn of_row(row: &AnswerRow) -> Result<Self, StoreError> {
        let corrupt = |error: &dyn std::fmt::Display| StoreError::Corrupt(error.to_string());
        let body = blake3::Hash::from_hex(&row.body).map_err(|error| corrupt(&error))?;
        Self::read(*body.as_bytes(), row.until, row.beside, &row.answer).map_err(|error| corrupt(&error))
    }

    fn to_row(&self) -> AnswerRow {
        AnswerRow {
            until: self.until,
            body: hex(&self.body),
            beside: self.beside,
            answer: self.answer.as_ref().to_owned(),
        }
    }
}

/// The answers that may be asked for again.
pub struct Repeats {
    memory: Cache<[u8; 32], Arc<Given>>,
    /// Answers being made.
    flights: Flights<Option<Arc<Answer>>, [u8; 32]>,
    store: Store,
    now: Clock,
}

/// Whether what was given before can be given again.
enum Again {
    Yes(Leave),
    /// It does not pass any more.
    No,
    /// It cannot be told now: the facts or a second model's answer are not at hand.
    Unknown,
}

impl Repeats {
    /// With nothing in memory yet.
    pub fn new(store: Store, now: Clock) -> Self {
        let weigh = |_: &[u8; 32], given: &Arc<Given>| {
            u32::try_from(2 * given.answer.len() + BESIDE).unwrap_or(u32::MAX)
        };
        let memory = Cache::builder().max_capacity(MEMORY).weigher(weigh).build();
        Self { memory, flights: Flights::default(), store, now }
    }

    /// Lets go of what is too old, in the store.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn forget(&self) -> Result<(), StoreError> {
        idempotency::forget(&self.store, (self.now)()).await
    }

    /// Lets go of all that is in memory: what is still kept is in the store.
    pub fn drop_from_memory(&self) {
        self.memory.invalidate_all();
    }

    fn in_memory(&self, slot: &[u8; 32]) -> Option<Arc<Given>> {
        self.memory.get(slot).filter(|given| (self.now)() < given.until)
    }

    /// What is kept in a slot, as far as that can be told by then, with what people decided on its text.
    async fn find(&self, reviews: &Reviews, slot: &[u8; 32], by: Instant) -> Option<Arc<Given>> {
        if let Some(given) = self.in_memory(slot) {
            return Some(given);
        }
        let name = hex(slot);
        let found = async {
            let Some(row) = idempotency::find(&self.store, &name, (self.now)()).await? else {
                return Ok(None);
            };
            let given = Given::of_row(&row)?;
            if let Some(generation) = given.fields.generation_id {
                reviews.learn_of(generation).await?;
            }
            Ok::<_, StoreError>(Some(Arc::new(given)))
        };
        match timeout_at(by, found).await {
            Ok(Ok(given)) => {
                let given = given?;
                self.memory.insert(*slot, Arc::clone(&given));
                Some(given)
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "the store cannot be asked for an answer that may have been given before");
                None
            }
            Err(_elapsed) => {
                tracing::warn!(
                    "the store was too slow to be asked for an answer that may have been given before"
                );
                None
            }
        }
    }

    /// Keeps an answer; waits for the store no longer than until then.
    async fn keep(&self, slot: [u8; 32], given: Given, by: Instant) {
        let row = given.to_row();
        self.memory.insert(slot, Arc::new(given));
        let store = self.store.clone();
        // A store that is slow may take its time, but not the page's.
        let kept = tokio::spawn(async move {
            if let Err(error) = idempotency::keep(&store, &hex(&slot), &row).await {
                tracing::warn!(%error, "an answer is kept in memory alone; a restart will forget it");
            }
        });
        let _ = timeout_at(by, kept).await;
    }
}

impl std::fmt::Debug for Repeats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Repeats")
    }
}

fn hex(bytes: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*bytes).to_hex().to_string()
}

/// Answers a request that carries an `idempotency-key`: with what was answered before, with an answer of its own, or not
/// at all where the key was used for another question. A request that comes while the first one is being answered waits
/// for that, within its own deadline. `None` where there is no such placement.
pub async fn answer_once(
    parts: &Arc<Parts>,
    policy: &Arc<Policy>,
    request: Request,
    ticket: Ticket,
) -> Option<Said> {
    let placement = policy.copy.prompts.placement(request.placement.as_str())?;
    let patience = request.patience(placement, &parts.limits);
    let by = |patience: Duration| request.received + patience.max(GRACE);
    let Ticket { slot, body } = ticket;
    let mut failed = None;
    for _ in 0..ROUNDS {
        // A store that hangs may take half of the time: the rest is for an answer.
        if let Some(given) = parts.repeats.find(&parts.reviews, &slot, by(patience / 2)).await {
            if given.body != body {
                return Some(Said::AskedOtherwise);
            }
            match again(parts, policy, &request, &given, by(patience)).await {
                Again::Yes(leave) => return Some(Said::Again(Arc::clone(&given.answer), Arc::new(leave))),
                Again::Unknown => break,
                Again::No => failed = Some(given.fields.serve_id),
            }
        }
        let mut mine = false;
        let flight = parts.repeats.flights.join_or_start(slot, || {
            // Another request may have been answered between the look and here.
            let given = parts.repeats.in_memory(&slot);
            if given.is_some_and(|given| Some(given.fields.serve_id) != failed) {
                return Err(());
            }
            mine = true;
            Ok(anew(Arc::clone(parts), Arc::clone(policy), request.clone(), ticket, by(patience)))
        });
        let Ok(flight) = flight else { continue };
        if mine {
            match flight.landed().await {
                // A stop may have been set while the answer was being kept: then it is looked over again.
                Some(Some(answer)) if !parts.stops.is_current(answer.leave.stops()) => continue,
                Some(answer) => return answer.map(Said::Anew),
                None => break,
            }
        }
        if timeout_at(by(patience), flight.landed()).await.is_err() {
            break;
        }
    }
    let answer = answer(parts, policy, request).await?;
    Some(Said::Anew(Arc::new(answer)))
}

/// A first answer, kept unless the caller would rather wait than take it.
async fn anew(
    parts: Arc<Parts>,
    policy: Arc<Policy>,
    request: Request,
    ticket: Ticket,
    by: Instant,
) -> Option<Arc<Answer>> {
    let accept = request.accept;
    let answer = Arc::new(answer(&parts, &policy, request).await?);
    if accept.is_none_or(|accept| answer.tier >= accept) {
        let until = (parts.now)().saturating_add(KEPT_FOR).unwrap_or(Timestamp::MAX);
        let given = serde_json::to_string(answer.as_ref())
            .and_then(|json| Given::read(ticket.body, until, answer.beside, &json));
        match given {
            Ok(given) => parts.repeats.keep(ticket.slot, given, by).await,
            Err(error) => tracing::error!(%error, "an answer cannot be kept"),
        }
    }
    Some(answer)
}

/// Repeats an answer, when its text still passes, and records that.
async fn again(
    parts: &Arc<Parts>,
    policy: &Arc<Policy>,
    request: &Request,
    given: &Given,
    by: Instant,
) -> Again {
    let Some(placement) = policy.copy.prompts.placement(request.placement.as_str()) else { return Again::No };
    let product = timeout_at(by, request.facts(&parts.catalogue)).await.unwrap_or(Err(Reason::Deadline));
    let mut case = Case::of(policy, parts.stops.pin(), placement, request, product, (parts.now)());
    let fields = &given.fields;
    let names_any = case.stops.models().next().is_some() || case.stops.purged_by_id();
    let by_whom = match fields.generation_id {
        // Who wrote it, and in which generation, stands in its record alone, and counts only while a stop or a purge names any.
        Some(generation) if names_any => {
            let found = timeout_at(by, parts.reviews.generation(generation)).await;
            let found = found.ok().and_then(Result::ok).flatten().map(|found| found.record);
            found.map(|record| (models_of(parts, &record), record.rejudged))
        }
        _ => Some((Models::default(), None)),
    };
    let text = match fields.tier {
        Tier::None => Ok(None),
        _ if matches!(case.product, Err(Reason::Deadline | Reason::StoreUnavailable)) => Err(Again::Unknown),
        Tier::Prewritten if case.holds_back_prewritten(fields.template.as_ref().map(TemplateId::as_str)) => {
            Err(Again::No)
        }
        Tier::Prewritten => {
            let approved = Locale::parse(&fields.locale)
                .and_then(|locale| case.approve(&Draft::new(fields.text.as_str()), &locale));
            approved.map(|text| Some((text, None))).ok_or(Again::No)
        }
        Tier::Segment | Tier::User => written(parts, &case, fields, by_whom.as_ref()).map(Some),
    };
    let (text, key) = match text {
        Ok(Some((text, key))) => (Some(text), key),
        Ok(None) => (None, None),
        Err(again) => return again,
    };
    if text.as_ref().is_some_and(|text| text.text() != fields.text) {
        return Again::No;
    }
    let served = Served {
        text,
        source: fields.source,
        tier: fields.tier,
        reason: fields.reason,
        pending: fields.pending,
        locale: fields.locale.clone(),
        template: fields.template.clone(),
        generation: fields.generation_id,
        written_in: by_whom.as_ref().and_then(|(_, written_in)| *written_in),
        key,
        models: by_whom.map(|(models, _)| models),
        corrected: given.beside,
        stale: None,
        expires: None,
        awaits: None,
    };
    match response::repeated(parts, &case, &served, request, fields.serve_id, by).await {
        true => loop {
            if let Some(leave) = parts.stops.leave(&case.stops) {
                break Again::Yes(leave);
            }
            case.stops = parts.stops.pin();
            if !response::still_stands(parts, &case, &served) {
                break Again::No;
            }
        },
        // It may be again once the log can be written.
        false => Again::Unknown,
    }
}

/// Generated copy that was answered before, as far as it may be served now.
fn written(
    parts: &Parts,
    case: &Case<'_>,
    fields: &Fields,
    by_whom: Option<&(Models, Option<Uuid>)>,
) -> Result<(Approved, Option<Key>), Again> {
    let Limit { tier, approval, .. } = case.limit();
    let decision = fields.generation_id.and_then(|generation| parts.reviews.decision(generation));
    if fields.tier > tier
        || decision == Some(Decision::Rejected)
        || (approval && decision != Some(Decision::Approved))
    {
        return Err(Again::No);
    }
    let prompts = &case.policy.copy.prompts;
    let template = fields.template.as_ref().ok_or(Again::No)?;
    let chosen = prompts.named(&case.placement.id, template, &fields.locale).ok_or(Again::No)?;
    if case.offer_is_over(chosen) {
        return Err(Again::No);
    }
    let ((models, written_in), generation) =
        (by_whom.ok_or(Again::No)?, fields.generation_id.unwrap_or_default());
    let key = case.key(parts, chosen, approval).map_err(|_| Again::No)?;
    if case.holds_back(template.as_str(), [generation, written_in.unwrap_or(generation)], models)
        || case.stops.rejected(key.as_bytes(), &fields.text)
    {
        return Err(Again::No);
    }
    let draft = Draft::new(fields.text.as_str());
    case.approve_written(&parts.second, &draft, chosen)
        .map(|text| (text, Some(key)))
        .map_err(|judgement| if judgement.wants_answers() { Again::Unknown } else { Again::No })
}
