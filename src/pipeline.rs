//! THE request, and the generation task it may start.
//!
//! [`answer`] reads top to bottom as the product: facts and attributes, segment, how far copy may go, template, key,
//! what is kept, what must be written, what stands in for it. Failure in here is not an error: it is a [`Reason`] that
//! ends in the record, and the next rung of the ladder. Every text on its way out is an `Approved`.

mod case;
mod check;
mod editing;
mod generation;
mod measure;
mod repeats;
mod request;
mod response;
mod reviewing;
mod rubric;
mod second;
mod trial;
mod trouble;
mod waiting;
mod warm;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

pub use case::{Case, Explanation, Limit};
pub use check::{Given, check};
pub use editing::{Edit, EditError, LONGEST_EDIT, edit, edit_judged, known_of};
pub use repeats::{Repeats, Said, Ticket, answer_once};
pub use request::{Priority, ProductRef, Request};
pub use response::Answer;
pub use reviewing::{MOST_NOTE, ReviewError, Reviewed, review};
pub use second::SecondModels;
pub use trial::{Asked, HadWritten, Laid, Standby, Trial, have_written, trial};
pub use trouble::Trouble;
pub use waiting::{Now, Together, approve_together, judge_waiting, now_of, rules_mark, second_look};
pub use warm::warm;

use crate::audit::{Decision, Recorder, Rejected, Reviews, UserKey};
use crate::cache::{Admission, Flights, Kept, Key, Keys, Looks, Memory, Users, Writers};
use crate::catalogue::Catalogue;
use crate::config::Limits;
use crate::generate::{Closing, Gate, Generator, Purpose};
use crate::guardrail::Approved;
use crate::policy::Policy;
use crate::prompt::Chosen;
use crate::replay::Shadows;
use crate::stops::Book;
use crate::store::StoreError;
use crate::telemetry::Metrics;
use crate::words::{Reason, Source, Tier};
use generation::{Declined, Started, Wanted};
use response::Served;
use second::About;

/// How long the catalogue may be asked, even by a request that does not wait.
const GRACE: Duration = Duration::from_millis(5);

/// What the pipeline stands on. Everything in it can be shared by all requests.
pub struct Parts {
    /// Bounds on time and work.
    pub limits: Limits,
    /// Tells wall time.
    pub now: crate::audit::Clock,
    /// What was written already.
    pub memory: Memory,
    /// Which models wrote it.
    pub writers: Writers,
    /// The keys of questions that were asked already.
    pub keys: Keys,
    /// What is being written.
    pub flights: Flights<Landed>,
    /// What the log was asked for in vain.
    pub looks: Looks,
    /// In which store what is in memory was recorded: see [`Reviews::store_changes`].
    pub recorded_in: AtomicU64,
    /// How often was asked what nothing is there for.
    pub admission: Admission,
    /// How much each user had written today.
    pub users: Users,
    /// What rules in shadow would have done with what was written.
    pub shadows: Shadows,
    /// Who writes; none when no provider is configured.
    pub generator: Option<Generator>,
    /// How many may write at once.
    pub gate: Gate,
    /// How many of them for work in bulk: a quarter.
    pub bulk: Gate,
    /// Where everything is recorded.
    pub recorder: Recorder,
    /// What is stopped, rejected and purged, over any policy.
    pub stops: Book,
    /// What people decided on what was written.
    pub reviews: Reviews,
    /// What second models said of what was written.
    pub second: SecondModels,
    /// Product facts.
    pub catalogue: Catalogue,
    /// What user references are hashed with.
    pub user_key: UserKey,
    /// How the LLM fared lately.
    pub trouble: Trouble,
    /// Whether the service is going down and starts nothing new.
    pub leaving: Closing,
    /// Whether it gives up what is under way too.
    pub closing: Closing,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What may be asked for again by `idempotency-key`.
    pub repeats: Repeats,
}

/// What came of a generation, for all who waited: copy that passed and is durable in the log, and whether it was written
/// now or found there; or why there is none.
pub type Landed = Result<(Arc<Kept>, Source), Reason>;

impl Parts {
    /// Learns what people decided and what was erased since the last time, and drops the copy that is rejected or erased.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn look_at_reviews(&self) -> Result<(), StoreError> {
        let drop = |Rejected { generation, cache_key }| {
            if let Some(key) = Key::parse(&cache_key) {
                self.memory.reject(key, generation);
            }
        };
        if self.reviews.refresh(drop).await? {
            self.repeats.drop_from_memory();
        }
        Ok(())
    }

    /// Forgets what was recorded in a store that another one took the place of: nothing is shown that the log does not hold.
    pub fn forget_other_stores(&self) {
        let changes = self.reviews.store_changes();
        if self.recorded_in.load(Ordering::Acquire) != changes {
            self.memory.clear();
            self.looks.clear();
            self.recorded_in.store(changes, Ordering::Release);
        }
    }

    /// What is in memory under a key, unless a person rejected it.
    fn in_memory(&self, key: &Key, now: Timestamp) -> Option<Arc<Kept>> {
        let kept = self.memory.get(key, now)?;
        // What is rejected is dropped under the key that it was recorded with.
        let rejected =
            || kept.elsewhere && self.reviews.decision(kept.generation) == Some(Decision::Rejected);
        if rejected() { None } else { Some(kept) }
    }

    /// Keeps copy, unless a person rejected it a moment ago.
    fn keep(&self, key: Key, kept: &Arc<Kept>) {
        self.memory.keep(key, Arc::clone(kept));
        self.looks.forget(&key);
        self.unless_rejected(key, kept);
    }

    /// The same of copy from before the restart, unless there is some already.
    fn keep_first(&self, key: Key, kept: &Arc<Kept>) {
        self.memory.keep_first(key, Arc::clone(kept));
        self.unless_rejected(key, kept);
    }

    /// Drops what was just kept if a person rejected it meanwhile.
    fn unless_rejected(&self, key: Key, kept: &Kept) {
        // Whoever rejects says so first and drops the copy then: one of the two sees the other.
        if self.reviews.decision(kept.generation) == Some(Decision::Rejected) {
            self.memory.reject(key, kept.generation);
        }
    }
}

/// Answers one request, always, within its deadline; records the answer.
pub async fn answer(parts: &Arc<Parts>, policy: &Arc<Policy>, request: Request) -> Option<Answer> {
    let placement = policy.copy.prompts.placement(request.placement.as_str())?;
    let deadline = request.received + request.patience(placement, &parts.limits);
    // A store that hangs must not hold the page up either; one that works answers within this grace.
    let facts =
        tokio::time::timeout_at(deadline.max(request.received + GRACE), request.facts(&parts.catalogue));
    let product = facts.await.unwrap_or(Err(Reason::Deadline));
    let now = (parts.now)();
    let mut case = Case::of(policy, parts.stops.pin(), placement, &request, product, now);
    let span = measure::blurb(&case);
    let served = best(parts, &case, deadline, request.may_generate).instrument(span.clone()).await;
    let answer = response::recorded(parts, &mut case, served, &request, deadline).await;
    measure::told(&span, &answer);
    Some(answer)
}

/// The best copy that is ready by the deadline.
async fn best(parts: &Arc<Parts>, case: &Case<'_>, deadline: Instant, may_generate: bool) -> Served {
    let Limit { tier, reason: limited, approval } = case.limit();
    let chosen = case.choose(tier);
    let mut reason = limited;
    let (mut pending, mut awaits) = (false, None);
    match (&case.product, chosen) {
        (Err(unknown), _) => reason = Some(*unknown),
        (Ok(_), None) => reason = reason.or(Some(Reason::Mode)),
        (Ok(_), Some(_)) if tier <= Tier::Prewritten => {}
        // What a model wrote is not shown while nothing would tell of it later.
        (Ok(_), Some(_)) if !parts.recorder.may_show() => reason = Some(Reason::StoreUnavailable),
        (Ok(_), Some(chosen)) => match written(parts, case, chosen, approval, deadline, may_generate).await {
            Ok(served) => return served.because(limited),
            Err(shortfall) => {
                (reason, pending, awaits) = (Some(shortfall.reason), shortfall.pending, shortfall.awaits);
                if let Some(served) = segment_level(parts, case, chosen, approval, may_generate) {
                    return Served { reason, pending, awaits, ..served };
                }
            }
        },
    }
    let served = prewritten(case, chosen);
    Served { reason: served.reason.or(reason), pending, awaits, ..served }
}

/// Why there is no generated copy for a request.
struct Shortfall {
    reason: Reason,
    /// Whether it is being written, and will be served next time.
    pending: bool,
    /// The generation whose text waits for a person.
    awaits: Option<Uuid>,
}

impl From<Reason> for Shortfall {
    fn from(reason: Reason) -> Self {
        Self { reason, pending: false, awaits: None }
    }
}

/// What is asked for: which question, and how.
#[derive(Clone, Copy)]
struct Wish<'c> {
    chosen: Chosen<'c>,
    key: Key,
    /// Whether anything may be asked of a model for it.
    may_ask: bool,
    /// Whether a person must have approved the text.
    approval: bool,
}

/// Generated copy: kept already, or written now if that is done by the deadline. Where a person must approve it first,
/// what is written now is for them, and pages get it once they did.
async fn written(
    parts: &Arc<Parts>,
    case: &Case<'_>,
    chosen: Chosen<'_>,
    approval: bool,
    deadline: Instant,
    may_generate: bool,
) -> Result<Served, Shortfall> {
    let (key, template) = (case.key(parts, chosen, approval)?, chosen.template.id.as_str());
    let wish = Wish { chosen, key, may_ask: may_generate, approval };
    if let Some(served) = kept(parts, case, &wish)? {
        let served = released(parts, served, approval).inspect_err(|_| {
            // One that a person approved may pass again, or be approved again, while another one waits.
            let _ = generation::start(parts, case, chosen, key, approval, Wanted::Found);
        })?;
        // Copy that a person approved is not replaced by copy that nobody has looked at.
        if served.is_stale(case.now) && may_generate && !approval {
            // Whoever asked gets the copy that is there; the new text is for those who come after.
            let _ = generation::start(parts, case, chosen, key, approval, Wanted::Written(Purpose::Refresh));
        }
        return Ok(served);
    }
    let refusal = case.refusal(&key, chosen.locale);
    if let Some(reason) = parts.memory.refused(&refusal, case.now) {
        return Err(reason.into());
    }
    let mut rounds = 0;
    loop {
        rounds += 1;
        let (flight, declined, joined) = match parts.flights.join(&key) {
            Some(flight) => (flight, None, true),
            None => match generation::start(parts, case, chosen, key, approval, wanted(case, may_generate)) {
                Ok(Started { flight, declined }) => (flight, declined, false),
                Err(Declined::Kept) => {
                    let served = kept(parts, case, &wish)?.ok_or(Reason::Guardrail)?;
                    return released(parts, served, approval);
                }
                Err(Declined::Because(reason)) => return Err(reason.into()),
            },
        };
        return match (tokio::time::timeout_at(deadline, flight.landed()).await, declined) {
            // However soon it is there now, a person comes before the next page.
            (Err(_elapsed), _) if approval => Err(Reason::AwaitingApproval.into()),
            (Err(_elapsed), Some(reason)) => Err(reason.into()),
            (Err(_elapsed), None) => Err(Shortfall { reason: Reason::Deadline, pending: true, awaits: None }),
            (Ok(None), _) => Err(Reason::Upstream.into()),
            // Somebody looked for it who may not have it written.
            (Ok(Some(Err(Reason::NotAdmitted))), _) if joined && may_generate => continue,
            (Ok(Some(Err(reason))), _) => Err(reason.into()),
            // It was begun before a purge that came before this request: whoever asks now has it written anew.
            (Ok(Some(Ok((kept, _)))), _)
                if rounds < 3 && case.holds_back(template, kept.generations(), &kept.models) =>
            {
                continue;
            }
            (Ok(Some(Ok((kept, source)))), _) => {
                let served = approved(parts, case, &wish, &kept, source)?.ok_or(Reason::Guardrail)?;
                released(parts, served, approval)
            }
        };
    }
}

/// What a page wants that found nothing in memory.
fn wanted(case: &Case<'_>, may_generate: bool) -> Wanted {
    if may_generate { Wanted::Written(case.priority.purpose()) } else { Wanted::Found }
}

/// Generated copy as far as it may be served: where a person must approve it first, once they did.
fn released(parts: &Parts, served: Served, approval: bool) -> Result<Served, Shortfall> {
    let decision = || served.generation.and_then(|generation| parts.reviews.decision(generation));
    if approval && decision() != Some(Decision::Approved) {
        return Err(Shortfall {
            reason: Reason::AwaitingApproval,
            pending: false,
            awaits: served.generation,
        });
    }
    Ok(served)
}

/// Copy that is in memory and passes what is in force now, for this ground. What does not pass stays: it may for
/// another country, and what is written in its place replaces it. What lacks a second model's answer is withheld.
fn kept(parts: &Arc<Parts>, case: &Case<'_>, wish: &Wish<'_>) -> Result<Option<Served>, Shortfall> {
    parts.forget_other_stores();
    let kept = parts.in_memory(&wish.key, case.now);
    parts.metrics.looked_up(match &kept {
        None => "miss",
        Some(kept) if case.now >= kept.stale => "stale",
        Some(_) => "hit",
    });
    let Some(kept) = kept else { return Ok(None) };
    let served = approved(parts, case, wish, &kept, Source::Cache)?;
    if let Some(draft) = served.as_ref().and_then(|served| served.text.as_ref()).map(Approved::to_draft)
        && kept.draft.stamp != draft.stamp
    {
        // Judged again, it carries a new stamp, which saves the next judgement.
        parts.memory.restamp(wish.key, kept.generation, draft);
    }
    Ok(served)
}

/// Copy as it passes; nothing when it does not, and why when it may yet: a second model is to be heard on it first. That is
/// asked here, behind the answer's back; nothing is written in its place meanwhile.
fn approved(
    parts: &Arc<Parts>,
    case: &Case<'_>,
    wish: &Wish<'_>,
    kept: &Kept,
    source: Source,
) -> Result<Option<Served>, Shortfall> {
    let Wish { chosen, key, may_ask, approval } = *wish;
    // What is stopped or purged is as if it were not there.
    if case.holds_back(chosen.template.id.as_str(), kept.generations(), &kept.models) {
        return Ok(None);
    }
    let text = match case.approve_written(&parts.second, &kept.draft, chosen) {
        Ok(text) if case.stops.rejected(key.as_bytes(), text.text()) => return Ok(None),
        Ok(text) => text,
        Err(judgement) if judgement.wants_answers() => {
            let text = judgement.fixed.as_deref().unwrap_or(&kept.draft.text);
            let guardrails = Arc::clone(&case.policy.guardrails);
            let about = About { generation: kept.generation, guardrails };
            let ask = || second::look_into(parts, &about, case.questions(text, chosen), case.now);
            return Err(Shortfall { reason: Reason::Guardrail, pending: may_ask && ask(), awaits: None });
        }
        // What a person approved is not replaced while it will pass again by itself before long.
        Err(judgement)
            if approval
                && parts.reviews.decision(kept.generation) == Some(Decision::Approved)
                && case.comes_right(&judgement, &parts.second, &kept.draft, chosen) =>
        {
            return Err(Reason::Guardrail.into());
        }
        Err(_) => return Ok(None),
    };
    Ok(Some(Served {
        corrected: text.text() != &*kept.written,
        text: Some(text),
        source,
        tier: chosen.template.tier(),
        reason: None,
        pending: false,
        locale: chosen.locale.to_string(),
        template: Some(chosen.template.id.clone()),
        generation: Some(kept.generation),
        written_in: Some(kept.written_in),
        key: Some(key),
        models: Some(Arc::clone(&kept.models)),
        stale: Some(kept.stale),
        expires: Some(kept.expires),
        awaits: None,
    }))
}

/// The tier below copy for one user: what was written for the segment, if it is in memory.
fn segment_level(
    parts: &Arc<Parts>,
    case: &Case<'_>,
    better: Chosen<'_>,
    approval: bool,
    may_ask: bool,
) -> Option<Served> {
    if better.template.tier() != Tier::User {
        return None;
    }
    let chosen = case.choose(Tier::Segment)?;
    let key = case.key(parts, chosen, approval).ok()?;
    let served = kept(parts, case, &Wish { chosen, key, may_ask, approval }).ok()??;
    released(parts, served, approval).ok()
}

/// The first rung of pre-written copy that passes, or the empty text.
fn prewritten(case: &Case<'_>, chosen: Option<Chosen<'_>>) -> Served {
    case.standing_in(chosen)
        .map(|(text, rung)| Served {
            text: Some(text),
            source: Source::Prewritten,
            tier: Tier::Prewritten,
            locale: rung.locale,
            template: rung.template,
            ..Served::nothing(&case.locale)
        })
        .unwrap_or_else(|| {
            let stopped = case.stops_prewritten(chosen).then_some(Reason::Stopped);
            Served { reason: stopped, ..Served::nothing(&case.locale) }
        })
}
