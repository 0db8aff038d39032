//! The generation task: log → prompt → LLM → guardrails → (one repair) → durable record → memory. It belongs to nobody
//! who waits for it, ends within its own limit, and lands copy only once its record is durable. What was written already,
//! before a restart or for a person to approve, is found in the log and costs nothing.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use tokio::task::JoinError;
use tokio::time::Instant;
use tracing::Instrument;
use tracing::field::Empty;
use uuid::Uuid;

use super::case::{comes_right, in_sight};
use super::measure::{self, Ended};
use super::second::{self, About};
use super::{Case, Landed, Parts, Priority, SecondModels};
use crate::audit::search::PassedGeneration;
use crate::audit::{GenerationPayload, GenerationRecord, Outcome, Standing};
use crate::cache::{Flight, Kept, Key, Models};
use crate::catalogue::Product;
use crate::generate::{
    Attempt, Barred, Failure, FaultKind, Place, Provider, Purpose, Terms, Wall, Written, blurb_in,
};
use crate::guardrail::{
    Action, Approved, Draft, Enforcement, Finding, Ground, Judgement, Kind, Level, Opinions, QuestionKey,
    Verdict, approve, facts_hash, ground_hash, questions,
};
use crate::policy::Policy;
use crate::prompt::{Chosen, Message, Placement, Prompt, Role};
use crate::stops::{About as Subject, Stops};
use crate::store::StoreError;
use crate::telemetry::word;
use crate::words::{Locale, Micros, Reason, SegmentId, Source, TemplateId, Tier, new_id, utc_day};

/// How long a question whose answer did not pass is not asked again, nor one that was to refresh copy and failed.
const REFUSED_FOR: SignedDuration = SignedDuration::from_secs(60);

/// What a finding is named that a person's rejection makes.
const REJECTED: &str = "review.reject";

/// Why no generation was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Declined {
    /// It landed a moment ago: its copy is in memory.
    Kept,
    /// For this reason.
    Because(Reason),
}

/// Everything that a generation needs, owned: the request that started it may be gone before it ends.
pub(super) struct Job {
    pub(super) id: Uuid,
    policy: Arc<Policy>,
    pub(super) placement: Placement,
    pub(super) segment: SegmentId,
    pub(super) template: TemplateId,
    pub(super) locale: Locale,
    product: Arc<Product>,
    /// The facts that support claims, where that is not all of them.
    trusted: Option<Arc<Map<String, Value>>>,
    context: Map<String, Value>,
    inputs: Map<String, Value>,
    prompt: Prompt,
    key: Key,
    /// Whether a person must approve the text.
    approval: bool,
    /// The key that the question has where that is otherwise.
    other: Key,
    /// Whether nothing new is recorded for it.
    only_found: bool,
    /// What stands for the question under these rules on this ground: [`Key::refusal`].
    refusal: Key,
    /// When the product's offer ends, for a template that reads it.
    offer_ends: Option<Timestamp>,
    trace_id: Option<String>,
    started: Timestamp,
    purpose: Purpose,
    /// Whether the log is asked first for what was written already.
    look: bool,
    /// Why nothing is written unless it is found there.
    declined: Option<Reason>,
    /// The user for whom alone it is written, and how many generations they may cause in a day.
    counted: Option<([u8; 32], u32)>,
    /// Whose page had it written, as the log names them, where it is copy for one user alone.
    user: Option<String>,
}

/// What somebody wants of a question that has no answer in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// What is in the log, and nothing written.
    Found,
    /// What is in the log or is written now; written for that purpose.
    Written(Purpose),
    /// The same for a person who asks for it, and not for a page that may be the first of many: it is admitted at once, and
    /// paid as a page's.
    OnPurpose,
}

/// A generation that was started.
pub(super) struct Started {
    pub(super) flight: Flight<Landed>,
    /// Why nothing is written, should nothing be found.
    pub(super) declined: Option<Reason>,
}

/// Starts the generation of a question in a task of its own, or joins the one that somebody else started meanwhile.
pub(super) fn start(
    parts: &Arc<Parts>,
    case: &Case<'_>,
    chosen: Chosen<'_>,
    key: Key,
    approval: bool,
    wanted: Wanted,
) -> Result<Started, Declined> {
    if parts.leaving.is_now() {
        return Err(Declined::Because(Reason::Overload));
    }
    let refusal = case.refusal(&key, chosen.locale);
    // What is found costs nothing, so neither admission, nor budget, nor an upstream that is down stands in its way. A new text
    // for what is stale is not found there.
    let look =
        wanted != Wanted::Written(Purpose::Refresh) && !parts.looks.were_in_vain(&key, &refusal, case.now);
    let mut declined = can_start(parts, case, key, wanted).err();
    if let Some(reason) = declined.filter(|_| !look) {
        return Err(Declined::Because(reason));
    }
    // Under overload nothing more is done for a question than to decline it: no prompt is rendered.
    if parts.gate.free() == 0 {
        return Err(Declined::Because(Reason::Overload));
    }
    let job = Job::of(case, chosen, key).map_err(Declined::Because)?;
    let purpose = match wanted {
        Wanted::Found => job.purpose,
        Wanted::Written(purpose) => purpose,
        Wanted::OnPurpose => Purpose::Page,
    };
    let counted = counted(parts, case, chosen);
    let user = case.user().filter(|_| chosen.template.tier() == Tier::User);
    let user = user.map(|user| parts.user_key.hash(user));
    let other = case.key(parts, chosen, !approval).map_err(Declined::Because)?;
    let only_found = wanted == Wanted::Found;
    // Its id says when it began, and a purge goes by that: not before now, however long the request has been at it.
    let id = new_id((parts.now)());
    let mut job = Job { id, look, counted, purpose, refusal, user, approval, other, only_found, ..job };
    declined = declined.or_else(|| can_pay(parts, &job).err());
    if let Some(reason) = declined.filter(|_| !look) {
        return Err(Declined::Because(reason));
    }
    job.declined = declined;
    let flight = parts.flights.join_or_start(key, || {
        // A flight that landed between the look into memory and here has left its copy there; copy that is stale, or
        // does not pass for this request, is not that.
        let landed = parts.in_memory(&key, case.now).filter(|kept| case.now < kept.stale);
        let template = chosen.template.id.as_str();
        let here = |kept: &Arc<Kept>| !case.holds_back(template, kept.generations(), &kept.models);
        let passes = |kept: Arc<Kept>| match case.approve_written(&parts.second, &kept.draft, chosen) {
            Ok(text) => !case.stops.rejected(key.as_bytes(), text.text()),
            Err(judgement) => judgement.wants_answers(),
        };
        let among_others = only_found && approval;
        if !among_others && landed.filter(here).is_some_and(passes) {
            return Err(Declined::Kept);
        }
        let overload = Declined::Because(Reason::Overload);
        let mut places = vec![parts.gate.enter().ok_or(overload)?];
        if case.priority == Priority::Bulk {
            places.insert(0, parts.bulk.enter().ok_or(overload)?);
        }
        if !look && !may_cause(parts, &job) {
            return Err(Declined::Because(Reason::Budget));
        }
        let parts = Arc::clone(parts);
        let span = measure::writing(&job);
        Ok(async move { run(&parts, job, places).await }.instrument(span))
    })?;
    Ok(Started { flight, declined })
}

/// Whether a question may be answered at all, and was asked often enough for that.
fn can_start(parts: &Parts, case: &Case<'_>, key: Key, wanted: Wanted) -> Result<(), Reason> {
    let admitted = match wanted {
        Wanted::Found => false,
        Wanted::Written(Purpose::Page) => {
            parts.admission.admits(&key, case.placement.admit, case.placement.ttl.hard, case.now)
        }
        // Whoever asks in bulk, or for copy that is there already, asks on purpose.
        Wanted::Written(_) | Wanted::OnPurpose => true,
    };
    if admitted { can_write(parts, &case.stops) } else { Err(Reason::NotAdmitted) }
}

/// Whether anything can be written now.
fn can_write(parts: &Parts, stops: &Stops) -> Result<(), Reason> {
    let Some(generator) = &parts.generator else { return Err(Reason::Upstream) };
    if generator.providers().iter().all(|provider| stops.over_model(&provider.model).is_some()) {
        return Err(Reason::Stopped);
    }
    generator.can_ask().map_err(reason)?;
    if parts.recorder.standing() != Standing::Durable {
        return Err(Reason::StoreUnavailable);
    }
    Ok(())
}

/// Whether the budget has enough for a single call. What is there already is not asked for again at once.
fn can_pay(parts: &Parts, job: &Job) -> Result<(), Reason> {
    let Some(generator) = &parts.generator else { return Ok(()) };
    let now = (parts.now)();
    let affords = |provider: &Provider| {
        let worst = provider.price.map_or(Micros(0), |price| price.worst(&job.prompt));
        generator.budget().affords(worst, job.purpose, utc_day(now))
    };
    if generator.providers().iter().any(affords) {
        return Ok(());
    }
    parts.memory.postpone(job.key, now.saturating_add(REFUSED_FOR).unwrap_or(now));
    Err(Reason::Budget)
}

/// The user for whom alone copy is written, where users may cause so many generations a day. Copy for a segment is
/// everybody's, and nobody is counted who did not agree to be known.
fn counted(parts: &Parts, case: &Case<'_>, chosen: Chosen<'_>) -> Option<([u8; 32], u32)> {
    let most = parts.limits.user_generations_per_day.filter(|_| chosen.template.tier() == Tier::User)?;
    Some((parts.user_key.digest(case.user()?), most))
}

/// Whether the user may cause one more generation of copy for themselves today, which then counts.
fn may_cause(parts: &Parts, job: &Job) -> bool {
    job.counted.is_none_or(|(user, most)| parts.users.takes(user, most, utc_day(job.started)))
}

impl Job {
    /// What questions to second models are about.
    fn about(&self, generation: Uuid) -> About {
        About { generation, guardrails: Arc::clone(&self.policy.guardrails) }
    }

    /// Keeps copy, unless it was stopped or purged meanwhile.
    fn keep(&self, parts: &Parts, kept: &Arc<Kept>) {
        if !self.is_held_back(&parts.stops.pin(), kept.generations(), &kept.models) {
            parts.keep(self.key, kept);
        }
    }

    /// Whether copy of a generation is stopped or purged, whatever it says.
    fn is_held_back(&self, stops: &Stops, generations: [Uuid; 2], models: &Models) -> bool {
        let about = Subject {
            product: Some(self.product.id.as_str()).filter(|id| !id.is_empty()),
            placement: Some(self.placement.id.as_str()),
            segment: Some(self.segment.as_str()),
            template: Some(self.template.as_str()),
        };
        models.iter().any(|model| stops.over_model(model).is_some())
            || generations.iter().any(|id| stops.purged(*id, &about))
    }

    /// The same of one that the log holds.
    fn is_held_back_in_log(&self, parts: &Parts, record: &GenerationRecord) -> bool {
        self.is_held_back(&parts.stops.pin(), [record.id, written_in(record)], &models_of(parts, record))
    }

    fn of(case: &Case<'_>, chosen: Chosen<'_>, key: Key) -> Result<Self, Reason> {
        let inputs = chosen.template.inputs(&case.scope());
        let product = Arc::clone(case.product.as_ref().map_err(|reason| *reason)?);
        let prompt = case.policy.copy.prompts.render(chosen, &inputs).map_err(|error| {
            tracing::warn!(template = %chosen.template.id, product = product.id, %error, "the template cannot be rendered");
            Reason::UnknownProduct
        })?;
        Ok(Self {
            id: new_id(case.now),
            policy: Arc::clone(case.policy),
            placement: case.placement.clone(),
            segment: case.segment.clone(),
            template: chosen.template.id.clone(),
            locale: chosen.locale.clone(),
            trusted: case.trusted.clone(),
            context: case.context.clone(),
            inputs,
            prompt,
            key,
            approval: false,
            other: key,
            only_found: false,
            offer_ends: case.offer_ends(chosen),
            trace_id: case.trace_id.map(str::to_owned),
            started: case.now,
            purpose: Purpose::Page,
            refusal: key,
            look: true,
            declined: None,
            counted: None,
            user: None,
            product,
        })
    }

    fn ground<'g>(
        &'g self,
        nothing: &'g Map<String, Value>,
        second: &'g SecondModels,
        at: Timestamp,
    ) -> Ground<'g> {
        let Product { facts, hash, prepared, .. } = self.product.as_ref();
        let (facts, facts_hash, prepared) = match &self.trusted {
            Some(trusted) => (trusted.as_ref(), facts_hash(trusted), None),
            None => (facts.as_object().unwrap_or(nothing), *hash, Some(prepared)),
        };
        Ground {
            facts,
            facts_hash,
            prepared,
            context: &self.context,
            placement: Some(self.placement.id.as_str()),
            locale: Some(&self.locale),
            inputs: &self.inputs,
            instructions: self.prompt.instructions(),
            at,
            opinions: Opinions::Known(second),
        }
    }
}

/// The terms of something asked now for that purpose.
pub(super) fn terms(parts: &Parts, purpose: Purpose) -> Terms {
    Terms {
        ends: Instant::now() + parts.limits.generation_timeout,
        closing: parts.closing.clone(),
        wall: Wall::read((parts.now)()),
        purpose,
        purse: parts.generator.as_ref().map(|generator| generator.budget().purse()).unwrap_or_default(),
        barred: Barred::of(parts.stops.pin().models()),
    }
}

/// What came of writing and judging, before it is recorded.
struct Verdicts {
    attempts: Vec<Attempt>,
    messages: Vec<Message>,
    result: Result<Approved, Reason>,
    findings: Vec<Finding>,
    outcome: Outcome,
    /// What was asked of second models on the way, and is in the log.
    asked: Vec<QuestionKey>,
}

async fn run(parts: &Arc<Parts>, job: Job, places: Vec<Place>) -> Landed {
    let (job, began) = (Arc::new(job), Instant::now());
    let terms = terms(parts, job.purpose);
    let ends = terms.ends;
    if job.look {
        // What a person approved, or has yet to look at, or was paid for before a restart, is not written a second time.
        let found = tokio::time::timeout_at(ends, found(parts, &job, &terms)).await;
        if let Some(kept) = found.unwrap_or(Err(Reason::StoreUnavailable))? {
            job.keep(parts, &kept);
            if job.approval {
                // Another text under this key, which is approved or passes again, is not looked for with each request.
                parts.looks.in_vain(job.refusal, job.refusal, (parts.now)());
            }
            return Ok((kept, Source::Cache));
        }
        parts.looks.in_vain(job.key, job.refusal, (parts.now)());
        if let Some(reason) = job.declined {
            return Err(reason);
        }
        if !may_cause(parts, &job) {
            return Err(Reason::Budget);
        }
    }
    let turn = async {
        let mut permits = Vec::with_capacity(places.len());
        for place in places {
            permits.push(place.wait().await);
        }
        permits
    };
    let turn = turn.instrument(tracing::debug_span!("wait"));
    let permits = tokio::select! {
        turn = tokio::time::timeout_at(ends, turn) => turn.map_err(|_| Reason::Overload)?,
        () = parts.closing.begun() => return Err(Reason::Overload),
    };
    let verdicts = write_and_judge(parts, &job, &terms).await;
    if verdicts.attempts.is_empty() && matches!(verdicts.result, Err(Reason::BreakerOpen)) {
        // Nothing was asked of anybody: there is nothing to record, and whoever asks next may find a provider again.
        return Err(Reason::BreakerOpen);
    }
    tell(parts, &job, &verdicts);
    measure::generation(
        parts,
        &Ended {
            purpose: job.purpose,
            took: began.elapsed(),
            outcome: verdicts.outcome,
            reason: verdicts.result.as_ref().err().copied(),
            attempts: &verdicts.attempts,
            findings: &verdicts.findings,
        },
    );
    let now = (parts.now)();
    if matches!(verdicts.outcome, Outcome::Passed | Outcome::Blocked) {
        let (guardrails, placement) = (&job.policy.guardrails, job.placement.id.as_str());
        parts.shadows.judged(guardrails, now, placement, job.locale.as_str(), &verdicts.findings);
    }
    let record = record(&job, &verdicts, now);
    let payload = payload(&job, &verdicts);
    let of_the_prompt = verdicts.attempts.last().is_some_and(Attempt::is_of_the_prompt);
    let models = models(parts, verdicts.attempts.last());
    let landed = verdicts.result.map(|approved| Arc::new(kept(&job, &approved, job.id, models, now)));
    let asked = verdicts.asked;
    let recorded = parts.recorder.generation(record, payload);
    let recorded = recorded.instrument(tracing::debug_span!("record")).await;
    // Not before: a store that is slow holds up those who write, and no record waits without a place.
    drop(permits);
    if let Err(error) = recorded {
        tracing::error!(%error, generation = %job.id, "a generation could not be recorded; its text is not used");
        return Err(Reason::StoreUnavailable);
    }
    let until = now.saturating_add(REFUSED_FOR).unwrap_or(now);
    match &landed {
        Ok(kept) => {
            job.keep(parts, kept);
            let nothing = Map::new();
            let ground = job.ground(&nothing, &parts.second, now);
            let asking = questions(&job.policy.guardrails, &kept.draft.text, &ground);
            second::ask_later(parts, &job.about(job.id), asking, &asked);
        }
        Err(reason) => {
            parts.memory.postpone(job.key, until);
            if matches!(reason, Reason::Guardrail | Reason::Stopped) || of_the_prompt {
                let guardrails = &job.policy.guardrails;
                let nothing = Map::new();
                let ground = job.ground(&nothing, &parts.second, now);
                let stops = parts.stops.pin();
                let ground = ground_hash(guardrails, stops.bans(), &ground);
                let ground = stops.ground_of(job.key.as_bytes(), ground);
                parts.memory.refuse(job.key.refusal(guardrails.hash(), &ground), *reason, until);
            }
        }
    }
    landed.map(|kept| (kept, Source::Generated))
}

/// What was written already and may be served now: copy that answers the question, else what is let pass by other rules
/// than those that it was written under.
async fn found(parts: &Arc<Parts>, job: &Arc<Job>, terms: &Terms) -> Result<Option<Arc<Kept>>, Reason> {
    let found = if job.approval {
        before_a_person(parts, job, terms).await?
    } else {
        before_nobody(parts, job, terms).await?
    };
    match found {
        None if !job.only_found => freed(parts, job, terms).await,
        found => Ok(found),
    }
}

/// What there is where nobody must approve the text: what answers the question, whether or not somebody had to by then, and
/// is not too old.
async fn before_nobody(
    parts: &Arc<Parts>,
    job: &Arc<Job>,
    terms: &Terms,
) -> Result<Option<Arc<Kept>>, Reason> {
    for key in [&job.key, &job.other] {
        let Some((found, approved)) = from_log(parts, job, key, terms).await? else { continue };
        // Under the other key may stand what another prompt or model wrote.
        let written_for = found.generation.record.plain_key.as_ref();
        let kept = kept_from(parts, job, &approved, &found);
        if (parts.now)() < kept.expires && written_for.is_none_or(|plain| *plain == job.key.to_string()) {
            return Ok(Some(Arc::new(kept)));
        }
    }
    Ok(None)
}

/// The newest copy in the log that answers the question and was not rejected, as it passes the rules and the placement's
/// limit as they are now.
async fn from_log(
    parts: &Arc<Parts>,
    job: &Arc<Job>,
    key: &Key,
    terms: &Terms,
) -> Result<Option<(PassedGeneration, Approved)>, Reason> {
    let Some(found) = read(parts.reviews.latest_passed_for_key(&key.to_string()).await)? else {
        return Ok(None);
    };
    if job.is_held_back_in_log(parts, &found.generation.record) {
        return Ok(None);
    }
    match judged(parts, job, found.id, &found.text, terms, true).await.0 {
        Ok(approved) => Ok(Some((found, approved))),
        // It may yet pass: what a person has looked at is not written anew for want of an answer.
        Err(judgement) if judgement.wants_answers() => Err(Reason::Guardrail),
        Err(_) => Ok(None),
    }
}

/// What a search of the log found; what was changed there is as good as not found.
fn read<T: Default>(found: Result<T, StoreError>) -> Result<T, Reason> {
    match found {
        Ok(found) => Ok(found),
        Err(error @ StoreError::Corrupt(_)) => {
            tracing::error!(%error, "copy in the log was changed; it is not used");
            Ok(T::default())
        }
        Err(error) => {
            tracing::warn!(%error, "the log cannot be asked for what was written already");
            Err(Reason::StoreUnavailable)
        }
    }
}

/// Copy from the log, to be kept as long as its record says.
fn kept_from(parts: &Parts, job: &Job, approved: &Approved, found: &PassedGeneration) -> Kept {
    let kept = kept(job, approved, found.id, models_of(parts, &found.generation.record), found.finished);
    let record = &found.generation.record;
    Kept {
        written: found.text.as_str().into(),
        written_in: written_in(record),
        stale: record.stale.map_or(kept.stale, |at| at.min(kept.stale)),
        expires: record.expires.map_or(kept.expires, |at| at.min(kept.expires)),
        elsewhere: record.cache_key != job.key.to_string(),
        ..kept
    }
}

/// What there is where a person must approve the text: one that they did and that passes now, else the one that waits for
/// them. While one that they approved will pass again by itself before long, nothing is written in its place. Where there is
/// none, what was written while nobody had to approve it waits for them from now on.
async fn before_a_person(
    parts: &Arc<Parts>,
    job: &Arc<Job>,
    terms: &Terms,
) -> Result<Option<Arc<Kept>>, Reason> {
    let mut comes_right = false;
    for found in read(parts.reviews.standing_for_key(&job.key.to_string()).await)? {
        if job.is_held_back_in_log(parts, &found.generation.record) {
            continue;
        }
        match judged(parts, job, found.id, &found.text, terms, true).await.0 {
            Ok(approved) => {
                let kept = kept_from(parts, job, &approved, &found);
                if (parts.now)() < kept.expires {
                    return Ok(Some(Arc::new(kept)));
                }
            }
            Err(judgement) if judgement.wants_answers() => comes_right = true,
            Err(judgement) => {
                comes_right |= found.is_approved() && will_pass(parts, job, &judgement, &found.text);
            }
        }
    }
    if comes_right {
        return Err(Reason::Guardrail);
    }
    let Some((found, text)) = from_log(parts, job, &job.other, terms).await? else { return Ok(None) };
    let kept = kept_from(parts, job, &text, &found);
    let expires = kept.expires.min(lifetime_at(&job.placement, found.finished).1);
    match ((parts.now)() < expires, found.is_approved()) {
        (true, true) => Ok(Some(Arc::new(Kept { expires, ..kept }))),
        (true, false) if !job.only_found && !was_taken_over(parts, job, &found.generation.record).await? => {
            taken_over(parts, job, &found.generation.record, text).await.map(Some)
        }
        _ => Ok(None),
    }
}

/// Whether a text that does not pass will by itself before long.
fn will_pass(parts: &Parts, job: &Job, judgement: &Judgement, text: &str) -> bool {
    let until = in_sight(&job.placement, (parts.now)());
    comes_right(judgement, until, |at| {
        approve(
            &job.policy.guardrails,
            parts.stops.pin().bans(),
            &Draft::new(text),
            &job.ground(&Map::new(), &parts.second, at),
        )
    })
}

/// The newest text that was not let pass for the question, when the rules in force now are others and let it pass. It is
/// recorded as a generation of its own, for which nothing was asked of a model.
async fn freed(parts: &Arc<Parts>, job: &Arc<Job>, terms: &Terms) -> Result<Option<Arc<Kept>>, Reason> {
    let Some(found) = read(parts.reviews.latest_blocked_for_key(&job.key.to_string()).await)? else {
        return Ok(None);
    };
    let record = &found.record;
    if job.is_held_back_in_log(parts, record) {
        return Ok(None);
    }
    // What the same rules said of it they would say again, and what a stop or a person said of it they may not.
    let by_rules = !record.findings.as_array().into_iter().flatten().any(|finding| {
        let rule = finding.get("rule").and_then(Value::as_str).unwrap_or_default();
        rule.starts_with("stop.") || rule == REJECTED
    });
    if (by_rules && record.guardrails == job.policy.guardrails.hash().as_str())
        || (parts.now)() >= lifetime_at(&job.placement, record.finished).1
        || was_taken_over(parts, job, record).await?
    {
        return Ok(None);
    }
    for text in found.whole_texts().rev().filter_map(blurb_in) {
        if let Ok(approved) = judged(parts, job, record.id, &text, terms, true).await.0 {
            return taken_over(parts, job, record, approved).await.map(Some);
        }
    }
    Ok(None)
}

/// The generation that a model wrote a text in: another one where it was judged again.
fn written_in(record: &GenerationRecord) -> Uuid {
    record.rejudged.unwrap_or(record.id)
}

/// Whether a text was judged again for this question once: it stands in the log since, or was rejected, purged or erased, and
/// is not taken from where it was written once more.
async fn was_taken_over(parts: &Parts, job: &Job, record: &GenerationRecord) -> Result<bool, Reason> {
    read(parts.reviews.was_judged_again(&job.key.to_string(), written_in(record)).await)
}

/// Records a text that an earlier generation wrote as what this question is answered with from now on.
async fn taken_over(
    parts: &Parts,
    job: &Job,
    from: &GenerationRecord,
    approved: Approved,
) -> Result<Arc<Kept>, Reason> {
    if parts.recorder.standing() != Standing::Durable {
        return Err(Reason::StoreUnavailable);
    }
    let now = (parts.now)();
    let models = models_of(parts, from);
    let written_by = models.to_vec();
    let kept = Kept { written_in: written_in(from), ..kept(job, &approved, job.id, models, now) };
    let verdicts = Verdicts {
        attempts: Vec::new(),
        messages: Vec::new(),
        findings: approved.findings().to_vec(),
        result: Ok(approved),
        outcome: Outcome::Passed,
        asked: Vec::new(),
    };
    let record = GenerationRecord {
        rejudged: Some(written_in(from)),
        model: from.model.clone(),
        written_by,
        ..record(job, &verdicts, now)
    };
    if let Err(error) = parts.recorder.generation(record, payload(job, &verdicts)).await {
        tracing::error!(%error, generation = %job.id, "a text judged again could not be recorded and is not used");
        return Err(Reason::StoreUnavailable);
    }
    Ok(Arc::new(kept))
}

/// Judges a text, and asks second models where their answers alone stand in its way; answers what was asked too. A text
/// that is too long is not asked about. `there` says that it was written before.
async fn judged(
    parts: &Arc<Parts>,
    job: &Arc<Job>,
    generation: Uuid,
    text: &str,
    terms: &Terms,
    there: bool,
) -> (Result<Approved, Judgement>, Vec<QuestionKey>) {
    let judge = || judged_aside(Arc::clone(parts), Arc::clone(job), Draft::new(text));
    match judge().await {
        Err(judgement) if judgement.wants_answers() => {
            let text = judgement.fixed.as_deref().unwrap_or(text);
            if let Some(judgement) = too_long(&job.placement, text) {
                return (Err(judgement), Vec::new());
            }
            let nothing = Map::new();
            let ground = job.ground(&nothing, &parts.second, (parts.now)());
            let mut asking = questions(&job.policy.guardrails, text, &ground);
            asking.retain(|asking| asking.mode == Enforcement::Enforce);
            let asked = second::ask_now(parts, &job.about(generation), asking, terms, there).await;
            (judge().await, asked)
        }
        judged => (judged, Vec::new()),
    }
}

/// Judges a text beside the requests for pages: to read large facts takes its time, and those who answer pages have none to
/// give.
async fn judged_aside(parts: Arc<Parts>, job: Arc<Job>, draft: Draft) -> Result<Approved, Judgement> {
    let judge = move || {
        let nothing = Map::new();
        let ground = job.ground(&nothing, &parts.second, (parts.now)());
        let stops = parts.stops.pin();
        let approved = approve(&job.policy.guardrails, stops.bans(), &draft, &ground)?;
        // Whether or not a person had to approve the text when one was rejected, the question is the same.
        for key in [&job.key, &job.other] {
            if let Some(judgement) = rejected(&stops, key, approved.text()) {
                return Err(judgement);
            }
        }
        match too_long(&job.placement, approved.text()) {
            Some(judgement) => Err(judgement),
            None => Ok(approved),
        }
    };
    match tokio::task::spawn_blocking(judge).await.map_err(JoinError::try_into_panic) {
        Ok(judged) => judged,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // The runtime ends, and with it whoever waits for this.
        Err(Err(_)) => std::future::pending().await,
    }
}

/// Tells those who run the service when the LLM gives nothing that can be used.
fn tell(parts: &Parts, job: &Job, verdicts: &Verdicts) {
    match &verdicts.result {
        Err(reason @ (Reason::Upstream | Reason::Budget)) => {
            let last = verdicts.attempts.last();
            // What an upstream says may hold anything, a user's data too: it stands in the record, and nowhere else.
            let fault =
                last.and_then(|attempt| attempt.fault).map_or("no answer within its time", FaultKind::as_str);
            let provider = last.map_or("none", |attempt| attempt.provider.as_str());
            let status = last.and_then(|attempt| attempt.status);
            tracing::warn!(generation = %job.id, ?reason, provider, fault, status, "the LLM gave no text");
            parts.trouble.again(fault);
        }
        _ => parts.trouble.over(),
    }
}

/// One prompt, and one more with what was wrong where the rules ask for that.
async fn write_and_judge(parts: &Arc<Parts>, job: &Arc<Job>, terms: &Terms) -> Verdicts {
    let mut verdicts = Verdicts {
        attempts: Vec::new(),
        messages: job.prompt.messages.clone(),
        result: Err(Reason::Upstream),
        findings: Vec::new(),
        outcome: Outcome::Failed,
        asked: Vec::new(),
    };
    let mut prompt = job.prompt.clone();
    for repaired in [false, true] {
        let text = match &parts.generator {
            Some(generator) if Instant::now() < terms.ends => {
                let Written { mut attempts, result } = generator.write(&prompt, terms).await;
                attempts.iter_mut().for_each(|attempt| attempt.repair = repaired);
                verdicts.attempts.extend(attempts);
                result
            }
            _ => Err(Failure::TimedOut),
        };
        let text = match text {
            Ok(text) => text,
            // A repair that failed leaves the finding that asked for it as the reason.
            Err(_) if repaired => break,
            Err(failure) => {
                // Whoever may be asked was there when this began: a stop on their models came after it.
                verdicts.result =
                    Err(if failure == Failure::NoProvider { Reason::Stopped } else { reason(failure) });
                if matches!(failure, Failure::TimedOut | Failure::Closed) {
                    verdicts.outcome = Outcome::Abandoned;
                }
                break;
            }
        };
        let span = tracing::debug_span!("guardrails", verdict = Empty);
        let judging = judged(parts, job, job.id, &text, terms, false).instrument(span.clone());
        let (judged, asked) = judging.await;
        let verdict = judged.as_ref().map_or_else(|judgement| judgement.verdict, |_| Verdict::Pass);
        span.record("verdict", word(&verdict));
        verdicts.asked.extend(asked);
        match judged {
            Ok(approved) => {
                verdicts.findings.extend_from_slice(approved.findings());
                verdicts.outcome = Outcome::Passed;
                verdicts.result = Ok(approved);
                break;
            }
            Err(Judgement { verdict, findings, .. }) => {
                prompt = repair(&job.prompt, text, &findings);
                let stopped = findings.iter().any(Finding::is_of_a_stop);
                verdicts.findings.extend(findings);
                verdicts.outcome = Outcome::Blocked;
                verdicts.result = Err(if stopped { Reason::Stopped } else { Reason::Guardrail });
                if verdict != Verdict::Repair {
                    break;
                }
                if !repaired {
                    verdicts.messages.clone_from(&prompt.messages);
                }
            }
        }
    }
    verdicts
}

/// That a person rejected this text for this question, as a finding.
pub(super) fn rejected(stops: &Stops, key: &Key, text: &str) -> Option<Judgement> {
    stops.rejected(key.as_bytes(), text).then(|| {
        let finding = Finding {
            rule: REJECTED.into(),
            kind: Kind::Existence,
            level: Level::Error,
            action: Action::Block,
            family: None,
            start: 0,
            end: text.chars().count(),
            matched: text.to_owned(),
            message: "A person rejected this text for this question.".into(),
            evidence: None,
            shadow: false,
            unanswered: false,
            waived: false,
        };
        Judgement {
            verdict: Verdict::Block,
            findings: vec![finding],
            fixed: None,
            evidence: Vec::new(),
            valid_until: None,
        }
    })
}

/// The models that an attempt asked and was answered by.
fn models(parts: &Parts, attempt: Option<&Attempt>) -> Models {
    let asked = attempt.map(|attempt| attempt.model_asked.as_str());
    let answering = attempt.and_then(|attempt| attempt.model_answering.as_deref());
    parts.writers.of(asked.into_iter().chain(answering))
}

/// The models that wrote a text, as its record says.
pub(super) fn models_of(parts: &Parts, record: &GenerationRecord) -> Models {
    parts.writers.of(record.writers())
}

/// The placement's own limit, as a finding that asks for a shorter text.
fn too_long(placement: &Placement, text: &str) -> Option<Judgement> {
    let over = placement.over_limit(text)?;
    let length = text.chars().count();
    let finding = Finding {
        rule: "placement.limits".into(),
        kind: Kind::Limit,
        level: Level::Warning,
        action: Action::Repair,
        family: None,
        start: length - over,
        end: length,
        matched: text.chars().skip(length - over).collect(),
        message: format!("The text has {length} characters; {} fit here. Shorten it.", length - over),
        evidence: None,
        shadow: false,
        unanswered: false,
        waived: false,
    };
    Some(Judgement {
        verdict: Verdict::Repair,
        findings: vec![finding],
        fixed: None,
        evidence: Vec::new(),
        valid_until: None,
    })
}

/// The prompt again, with the text that came and what was wrong with it.
fn repair(prompt: &Prompt, text: String, findings: &[Finding]) -> Prompt {
    let wrong: Vec<String> = findings.iter().map(|finding| format!("- {}", finding.message)).collect();
    let again = format!(
        "This text breaks rules of the shop:\n{}\nWrite it again without that, by the same instructions. Answer with the text alone.",
        wrong.join("\n")
    );
    let mut messages = prompt.messages.clone();
    messages.push(Message { role: Role::Assistant, content: text });
    messages.push(Message { role: Role::User, content: again });
    Prompt { messages, parameters: prompt.parameters.clone() }
}

fn reason(failure: Failure) -> Reason {
    match failure {
        Failure::Upstream | Failure::TimedOut | Failure::Closed | Failure::NoProvider => Reason::Upstream,
        Failure::Budget => Reason::Budget,
        Failure::BreakerOpen => Reason::BreakerOpen,
    }
}

fn kept(job: &Job, approved: &Approved, generation: Uuid, models: Models, finished: Timestamp) -> Kept {
    let (stale, expires) = lifetime(job, finished);
    let draft = approved.to_draft();
    Kept {
        written: draft.text.clone(),
        draft,
        generation,
        written_in: generation,
        models,
        stale,
        expires,
        elsewhere: false,
    }
}

/// From when on copy that was finished then is due to be written anew, and from when on it is not served any more.
fn lifetime(job: &Job, finished: Timestamp) -> (Timestamp, Timestamp) {
    let capped = |at: Timestamp| job.offer_ends.map_or(at, |ends| at.min(ends));
    // What waits for a person and what they approved has no age.
    let (stale, expires) =
        if job.approval { (Timestamp::MAX, Timestamp::MAX) } else { lifetime_at(&job.placement, finished) };
    (capped(stale), capped(expires))
}

/// The same by the placement alone.
pub(super) fn lifetime_at(placement: &Placement, finished: Timestamp) -> (Timestamp, Timestamp) {
    let after = |duration: Duration| {
        let later = SignedDuration::try_from(duration).ok().and_then(|d| finished.checked_add(d).ok());
        later.unwrap_or(Timestamp::MAX)
    };
    (after(placement.ttl.soft), after(placement.ttl.hard))
}

/// Attempts as they stand in a record: what the model said may hold personal data, and stands in a payload.
pub(super) fn without_texts(attempts: &[Attempt]) -> Value {
    attempts.iter().map(|attempt| without(json!(attempt), &["text", "refusal", "said"])).collect()
}

pub(super) fn without(value: Value, fields: &[&str]) -> Value {
    match value {
        Value::Object(mut map) => {
            fields.iter().for_each(|field| drop(map.remove(*field)));
            Value::Object(map)
        }
        other => other,
    }
}

fn record(job: &Job, verdicts: &Verdicts, finished: Timestamp) -> GenerationRecord {
    // What a finding matched may hold personal data: it stands in the payload.
    let findings =
        verdicts.findings.iter().map(|finding| without(json!(finding), &["match", "message"])).collect();
    let evidence = verdicts.result.as_ref().map(Approved::evidence).unwrap_or_default();
    let (stale, expires) = verdicts.result.is_ok().then(|| lifetime(job, finished)).unzip();
    let ends = |at: Option<Timestamp>| at.filter(|at| *at < Timestamp::MAX);
    GenerationRecord {
        id: job.id,
        started: job.started,
        finished,
        placement: job.placement.id.clone(),
        segment: job.segment.clone(),
        template: job.template.clone(),
        revision: job.policy.revision.clone(),
        guardrails: job.policy.guardrails.hash().to_string(),
        product: Some(job.product.id.clone()).filter(|id| !id.is_empty()),
        locale: job.locale.to_string(),
        cache_key: job.key.to_string(),
        outcome: verdicts.outcome,
        reason: verdicts.result.as_ref().err().copied(),
        model: verdicts.attempts.last().and_then(|attempt| attempt.model_answering.clone()),
        attempts: without_texts(&verdicts.attempts),
        findings,
        evidence: json!(evidence),
        cost: Micros(verdicts.attempts.iter().fold(0, |sum, attempt| sum.saturating_add(attempt.cost.0))),
        trace_id: job.trace_id.clone(),
        purpose: Some(job.purpose),
        stale: ends(stale),
        expires: ends(expires),
        user: job.user.clone(),
        written_by: Vec::new(),
        approval: job.approval,
        rejudged: None,
        plain_key: job.approval.then(|| job.other.to_string()),
        edited: None,
    }
}

fn payload(job: &Job, verdicts: &Verdicts) -> GenerationPayload {
    GenerationPayload {
        inputs: Value::Object(job.inputs.clone()),
        messages: json!(verdicts.messages),
        raw_texts: verdicts
            .attempts
            .iter()
            .map(|attempt| attempt.text.clone().or(attempt.said.clone()))
            .collect(),
        text: verdicts.result.as_ref().ok().map(|approved| approved.text().to_owned()),
        // What the template does not declare stays out of the log; the facts it does declare stand in the inputs.
        facts: Value::Null,
        matches: verdicts
            .findings
            .iter()
            .map(|f| json!({"match": f.matched, "message": f.message}))
            .collect(),
    }
}
