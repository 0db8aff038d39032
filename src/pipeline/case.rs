//! One request laid out: who and what it is about, and what the policy says of it. Pure: no cache, no model, no log.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Parts, Priority, Request};
use crate::cache::{self, Key, Models};
use crate::catalogue::Product;
use crate::condition::Scope;
use crate::fallback::{self, Rung};
use crate::guardrail::{
    Approved, Asking, Ceiling, Draft, Ground, Guardrails, Judgement, Known, Opinions, Verdict, approve,
    facts_hash, ground_hash, questions, still_approved,
};
use crate::policy::Policy;
use crate::prompt::{Chosen, ExplainedLadder, Placement, Prompt, Standing, Template, told};
use crate::segment::{Decision, Outcome, Shaped};
use crate::stops::{About, Halt, Stops};
use crate::words::{DEFAULT_SEGMENT, Locale, Reason, SegmentId, Tier};
use uuid::Uuid;

static NOTHING: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

/// One request laid out.
#[derive(Debug)]
pub struct Case<'a> {
    /// The policy it is answered by, from start to end.
    pub policy: &'a Arc<Policy>,
    /// What is stopped over it, likewise.
    pub stops: Arc<Stops>,
    /// Where the copy goes.
    pub placement: &'a Placement,
    /// What it is about, or why that is not known.
    pub product: Result<Arc<Product>, Reason>,
    /// The declared attributes that may be read.
    pub attributes: Shaped,
    /// What the request says of the moment: rules may read what segments do not declare.
    pub context: &'a Map<String, Value>,
    /// Who asks.
    pub segment: SegmentId,
    /// How the segment was decided on.
    pub decision: Decision,
    /// The locale asked for; the placement's own when none was.
    pub locale: Locale,
    /// Wall time of the request.
    pub now: Timestamp,
    /// How much of the concurrency it may take.
    pub priority: Priority,
    /// The trace that the request is part of.
    pub trace_id: Option<&'a str>,
    /// The facts that support claims, where that is not all of them.
    pub(super) trusted: Option<Arc<Map<String, Value>>>,
    offer_is_over: bool,
    consent: bool,
    user_id: Option<&'a str>,
    user_given: bool,
    best: Tier,
}

/// How far copy may go for a request, and what holds it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// The best tier allowed.
    pub tier: Tier,
    /// Why no better one is, when a better one exists.
    pub reason: Option<Reason>,
    /// Whether a person must have approved generated copy.
    pub approval: bool,
}

/// Why a request is answered as it is.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// The placement.
    pub placement: String,
    /// The segment chosen.
    pub segment: SegmentId,
    /// How every segment came out, in order, condition by condition.
    pub segments: Vec<Outcome>,
    /// The template chosen.
    pub template: Option<String>,
    /// The locale its copy is in.
    pub locale: String,
    /// Whether the user agreed to personalisation: without it every `user.*` is unknown.
    pub consent: bool,
    /// The best tier allowed.
    pub tier: Tier,
    /// Why no better one is.
    pub reason: Option<Reason>,
    /// What the files say of how far copy may go, and whether the request is inside their shares.
    pub ladder: ExplainedLadder,
    /// The stops that hold copy back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stops: Vec<Halt>,
    /// Attributes that were given and left out, and why.
    pub ignored: Vec<String>,
    /// The policy that says so.
    pub revision: String,
}

/// A product as it is at that instant, and whether that is without an offer that is over: of such a one nothing is
/// prompted, nothing is kept and nothing is said.
fn as_of(
    guardrails: &Guardrails,
    product: Result<Arc<Product>, Reason>,
    now: Timestamp,
) -> (Result<Arc<Product>, Reason>, bool) {
    let facts = product.as_ref().ok().and_then(|product| product.facts.as_object());
    match facts.map(|facts| guardrails.facts_in_force(facts, now)) {
        Some(Cow::Owned(facts)) => (product.map(|product| Arc::new(product.with(facts))), true),
        Some(Cow::Borrowed(_)) | None => (product, false),
    }
}

/// How many instants ahead it is looked whether a text passes again.
const INSTANTS: usize = 4;

/// Until when a text that does not pass is waited for: as long as copy is kept for a placement.
pub(super) fn in_sight(placement: &Placement, now: Timestamp) -> Timestamp {
    let kept = SignedDuration::try_from(placement.ttl.hard).ok();
    kept.and_then(|kept| now.checked_add(kept).ok()).unwrap_or(Timestamp::MAX)
}

/// Whether a text that does not pass will by itself until then, because a rule that caught it ends or evidence begins:
/// `judge` judges it as of an instant.
pub(super) fn comes_right(
    judgement: &Judgement,
    until: Timestamp,
    judge: impl Fn(Timestamp) -> Result<Approved, Judgement>,
) -> bool {
    let mut next = judgement.valid_until;
    for _ in 0..INSTANTS {
        let Some(at) = next.filter(|at| *at <= until) else { return false };
        match judge(at) {
            Ok(_) => return true,
            Err(judgement) => next = judgement.valid_until.filter(|later| *later > at),
        }
    }
    false
}

/// Whether what is written by that template may speak of the product's offer.
pub(super) fn reads_offer(template: &Template) -> bool {
    template.inputs.iter().any(|input| input.path.starts_with("product.offer"))
}

impl<'a> Case<'a> {
    /// Lays a request out.
    pub fn of(
        policy: &'a Arc<Policy>,
        stops: Arc<Stops>,
        placement: &'a Placement,
        request: &'a Request,
        product: Result<Arc<Product>, Reason>,
        now: Timestamp,
    ) -> Self {
        let (product, offer_is_over) = as_of(&policy.guardrails, product, now);
        let segments = &policy.copy.segments;
        // Without consent nothing of the user is read, so nothing of it is even shaped.
        let user = if request.personalisation { &request.user } else { &*NOTHING };
        let attributes = segments.attributes.shape(user, &request.context, now);
        let asked = request.context.get("locale").and_then(Value::as_str).and_then(Locale::parse);
        let mut case = Self {
            policy,
            stops,
            placement,
            product,
            attributes,
            context: &request.context,
            segment: SegmentId::new(DEFAULT_SEGMENT),
            decision: Decision::default(),
            locale: asked.unwrap_or_else(|| placement.language.clone()),
            now,
            priority: request.priority,
            trace_id: request.trace_id.as_deref(),
            trusted: None,
            offer_is_over,
            consent: request.personalisation,
            user_id: request.user_id.as_deref(),
            user_given: !request.user.is_empty(),
            best: request.best,
        };
        case.trusted = segments.attributes.trusted(case.facts()).map(Arc::new);
        match case.user_id.filter(|_| case.consent) {
            Some(id) => segments.attributes.identify(&mut case.attributes, id),
            None if !case.consent => segments.attributes.withhold(&mut case.attributes),
            None => {}
        }
        case.decision = segments.decide(&case.scope());
        case.segment = segments.chosen(&case.decision);
        case
    }

    /// What conditions are asked about.
    pub fn scope(&self) -> Scope<'_> {
        let user = self.consent.then_some(&self.attributes.user);
        Scope::new(user, &self.attributes.context, self.facts(), self.now)
            .dated(&self.attributes.dates)
            .withholding(&self.attributes.withheld)
    }

    /// The product's facts; none of an unknown product.
    pub fn facts(&self) -> &Map<String, Value> {
        self.product.as_ref().ok().and_then(|product| product.facts.as_object()).unwrap_or(&NOTHING)
    }

    /// What people's own copy in this locale is judged against.
    pub fn ground<'g>(&'g self, locale: &'g Locale) -> Ground<'g> {
        let (facts, facts_hash, prepared) = match (&self.trusted, &self.product) {
            (Some(trusted), _) => (trusted.as_ref(), facts_hash(trusted), None),
            (None, Ok(product)) => (self.facts(), product.hash, Some(&product.prepared)),
            (None, Err(_)) => (self.facts(), <[u8; 32]>::default(), None),
        };
        Ground {
            facts,
            facts_hash,
            prepared,
            context: self.context,
            placement: Some(self.placement.id.as_str()),
            locale: Some(locale),
            inputs: &NOTHING,
            instructions: None,
            at: self.now,
            opinions: Opinions::Prewritten,
        }
    }

    /// The hash of what generated copy in this locale is judged against.
    pub(super) fn ground_hash(&self, locale: &Locale) -> [u8; 32] {
        let ground = Ground { opinions: Opinions::Unknown, ..self.ground(locale) };
        ground_hash(&self.policy.guardrails, self.stops.bans(), &ground)
    }

    /// The key under which it is kept that a question's answer did not pass here.
    pub(super) fn refusal(&self, key: &Key, locale: &Locale) -> Key {
        let ground = self.stops.ground_of(key.as_bytes(), self.ground_hash(locale));
        key.refusal(self.policy.guardrails.hash(), &ground)
    }

    /// Generated copy approved by the rules, what is known of second models' opinions included, and within the placement's
    /// own limit.
    ///
    /// # Errors
    /// The judgement, when it does not pass.
    pub(super) fn approve_written(
        &self,
        known: &dyn Known,
        draft: &Draft,
        chosen: Chosen<'_>,
    ) -> Result<Approved, Judgement> {
        self.approve_written_at(self.now, known, draft, chosen)
    }

    /// Whether copy that does not pass now will by itself, within the time that copy is kept for here.
    pub(super) fn comes_right(
        &self,
        judgement: &Judgement,
        known: &dyn Known,
        draft: &Draft,
        chosen: Chosen<'_>,
    ) -> bool {
        comes_right(judgement, in_sight(self.placement, self.now), |at| {
            self.approve_written_at(at, known, draft, chosen)
        })
    }

    fn approve_written_at(
        &self,
        at: Timestamp,
        known: &dyn Known,
        draft: &Draft,
        chosen: Chosen<'_>,
    ) -> Result<Approved, Judgement> {
        let ground = Ground { at, opinions: Opinions::Known(known), ..self.ground(chosen.locale) };
        let (guardrails, bans) = (&self.policy.guardrails, self.stops.bans());
        // Shaping the inputs costs more than all the rest of a serve from memory.
        let approved = match still_approved(guardrails, bans, draft, &ground) {
            Some(approved) => approved,
            None => {
                let inputs = chosen.template.inputs(&self.scope());
                let prompt = self.policy.copy.prompts.render(chosen, &inputs).ok();
                let instructions = prompt.as_ref().and_then(Prompt::instructions);
                approve(guardrails, bans, draft, &Ground { inputs: &inputs, instructions, ..ground })?
            }
        };
        match self.placement.over_limit(approved.text()) {
            None => Ok(approved),
            Some(_) => Err(Judgement {
                verdict: Verdict::Repair,
                findings: approved.findings().to_vec(),
                fixed: None,
                evidence: Vec::new(),
                valid_until: None,
            }),
        }
    }

    /// What rules ask second models about generated copy.
    pub(super) fn questions(&self, text: &str, chosen: Chosen<'_>) -> Vec<Asking<'a>> {
        let inputs = chosen.template.inputs(&self.scope());
        let ground = Ground { inputs: &inputs, opinions: Opinions::Unknown, ..self.ground(chosen.locale) };
        questions(&self.policy.guardrails, text, &ground)
    }

    /// What stops and purges go by.
    fn about<'b>(&'b self, template: Option<&'b str>) -> About<'b> {
        About {
            product: self
                .product
                .as_ref()
                .ok()
                .map(|product| product.id.as_str())
                .filter(|id| !id.is_empty()),
            placement: Some(self.placement.id.as_str()),
            segment: Some(self.segment.as_str()),
            template,
        }
    }

    /// The stops on what the request is about, and on that template.
    pub(super) fn halts(&self, template: Option<&str>) -> Vec<Halt> {
        self.stops.over(&self.about(template))
    }

    /// Whether a generation's copy is held back, whatever it says: by a stop on what it is about or on a model that wrote
    /// it, or since it was purged; of a text that was judged again both generations count.
    pub(super) fn holds_back(&self, template: &str, generations: [Uuid; 2], models: &Models) -> bool {
        !self.halts(Some(template)).is_empty()
            || models.iter().any(|model| self.stops.over_model(model).is_some())
            || generations.iter().any(|id| self.stops.purged(*id, &self.about(Some(template))))
    }

    /// Whether pre-written copy is held back, whatever it says.
    pub(super) fn holds_back_prewritten(&self, template: Option<&str>) -> bool {
        self.halts(template).iter().any(|halt| halt.prewritten)
    }

    /// Whether a stop, and not only a rule, leaves nothing of pre-written copy to be shown.
    pub(super) fn stops_prewritten(&self, chosen: Option<Chosen<'_>>) -> bool {
        let chosen = chosen.or_else(|| self.choose(Tier::Segment));
        self.rungs(chosen).any(|rung| {
            let template = rung.template.as_ref().map(|template| template.as_str());
            self.holds_back_prewritten(template) || self.stops.bans().catch(&rung.text)
        })
    }

    /// What people wrote, approved by the rules, and within the placement's own limit. None where a stop on what the request
    /// is about holds pre-written copy back.
    pub fn approve(&self, draft: &Draft, locale: &Locale) -> Option<Approved> {
        if self.holds_back_prewritten(None) {
            return None;
        }
        let approved =
            approve(&self.policy.guardrails, self.stops.bans(), draft, &self.ground(locale)).ok()?;
        self.placement.over_limit(approved.text()).is_none().then_some(approved)
    }

    /// The first rung of pre-written copy that passes; `None` leaves the empty text.
    pub(super) fn standing_in(&self, chosen: Option<Chosen<'_>>) -> Option<(Approved, Rung)> {
        let chosen = chosen.or_else(|| self.choose(Tier::Segment));
        self.rungs(chosen).find_map(|rung| {
            let template = rung.template.as_ref().map(|template| template.as_str());
            if self.holds_back_prewritten(template) {
                return None;
            }
            let text = self.approve(&Draft::new(rung.text.as_str()), &Locale::parse(&rung.locale)?)?;
            Some((text, rung))
        })
    }

    pub(super) fn rungs<'b>(&'b self, chosen: Option<Chosen<'b>>) -> impl Iterator<Item = Rung> + 'b {
        let facts = self.product.as_ref().ok().and_then(|product| product.facts.as_object());
        fallback::ladder(&self.policy.copy.prompts, chosen, self.placement, &self.locale, facts)
    }

    /// The template for the best tier allowed.
    pub fn choose(&self, tier: Tier) -> Option<Chosen<'_>> {
        self.policy.copy.prompts.choose(
            &self.placement.id,
            &self.segment,
            &self.locale,
            tier.max(Tier::Segment),
        )
    }

    /// How far copy may go: the placement's ladder for the segment, compliance's ceilings, consent, what the caller may get,
    /// and stops.
    pub fn limit(&self) -> Limit {
        let ladder = self.placement.ladder(&self.segment);
        let Standing { mut tier, mut why, approval } =
            ladder.standing(self.ceiling(), self.consent, |path| self.value(path));
        if tier > self.best {
            (tier, why) = (self.best, Reason::NotAdmitted);
        }
        let halts = self.halts(None);
        if !halts.is_empty() {
            (tier, why) = (tier.min(Tier::Prewritten), Reason::Stopped);
        }
        let mut silenced = halts.iter().any(|halt| halt.prewritten);
        // A template that is stopped leaves the tier below, where there is one.
        while self.stops.halt_anything()
            && tier > Tier::Prewritten
            && let Some(chosen) = self.choose(tier)
            && let Some(halt) = self.halts(Some(chosen.template.id.as_str())).first()
        {
            silenced |= halt.prewritten;
            let below = if chosen.template.tier() > Tier::Segment { Tier::Segment } else { Tier::Prewritten };
            (tier, why) = (below, Reason::Stopped);
        }
        // A limit is worth a word only where better copy exists: a template for it, or attributes that were not read.
        let best = self.choose(Tier::User).map(|chosen| chosen.template.tier());
        let unread = why == Reason::NoConsent && self.user_given;
        let lowered = best.is_some_and(|best| best > tier) || unread || silenced;
        Limit { tier, reason: lowered.then_some(why), approval }
    }

    /// Compliance's ceiling over this request.
    fn ceiling(&self) -> Option<Ceiling> {
        self.policy.guardrails.ceiling(self.facts(), self.context, Some(self.placement.id.as_str()))
    }

    /// The user, as long as they agreed to be known.
    pub(super) fn user(&self) -> Option<&str> {
        self.user_id.filter(|_| self.consent)
    }

    /// What a share goes by: nothing of the user without consent.
    fn value(&self, path: &str) -> Option<String> {
        told(&self.scope(), self.user(), path)
    }

    /// When the product's offer ends, for a template that reads it.
    pub(super) fn offer_ends(&self, chosen: Chosen<'_>) -> Option<Timestamp> {
        self.policy.guardrails.offer_ends(self.facts()).filter(|_| reads_offer(chosen.template))
    }

    /// Whether what was written by that template may speak of an offer that is over.
    pub(super) fn offer_is_over(&self, chosen: Chosen<'_>) -> bool {
        self.offer_is_over && reads_offer(chosen.template)
    }

    /// The key of what these models would be asked for a template, made anew; of what a person would have to approve, where
    /// `approval` says so.
    pub fn key_for(&self, product: &Product, chosen: Chosen<'_>, models: &str, approval: bool) -> Key {
        let inputs = chosen.template.inputs(&self.scope());
        let question = cache::Question {
            placement: self.placement.id.as_str(),
            product: Some(product.id.as_str()).filter(|id| !id.is_empty()),
            template: &chosen.template.hash,
            inputs: &inputs,
            locale: chosen.locale.as_str(),
            models,
        };
        if approval { Key::to_approve(&question, &chosen.template.id) } else { Key::of(&question) }
    }

    /// The key of what would be asked of the model for a template; of what a person would have to approve, where
    /// `approval` says so.
    pub(super) fn key(&self, parts: &Parts, chosen: Chosen<'_>, approval: bool) -> Result<Key, Reason> {
        let product = self.product.as_ref().map_err(|reason| *reason)?;
        let models = parts.generator.as_ref().map(|generator| generator.models()).unwrap_or_default();
        let key = || self.key_for(product, chosen, models, approval);
        if !chosen.template.reads_product_alone() {
            return Ok(key());
        }
        // Models and placements do not change while the keys are kept, and a template belongs to one placement.
        let locale = chosen.locale.as_str().as_bytes();
        let template = chosen.template.hash.as_bytes();
        let parts_of_it: [&[u8]; 5] =
            [product.id.as_bytes(), &product.hash, template, locale, &[u8::from(approval)]];
        Ok(parts.keys.get_or_make(parts_of_it, key))
    }

    /// Why the request is answered as it is.
    pub fn explain(&self) -> Explanation {
        let Limit { tier, reason, .. } = self.limit();
        let ladder = self.placement.ladder(&self.segment);
        let chosen = self.choose(tier);
        let missing = self.product.as_ref().err().copied();
        let tier = match (missing, chosen) {
            (None, Some(chosen)) => chosen.template.tier().min(tier),
            _ => Tier::Prewritten,
        };
        let stands_in = tier > Tier::Prewritten || self.standing_in(chosen).is_some();
        let tier = if stands_in { tier } else { Tier::None };
        let no_language = chosen.is_none().then_some(Reason::Mode);
        Explanation {
            consent: self.consent,
            placement: self.placement.id.to_string(),
            segment: self.segment.clone(),
            segments: self.policy.copy.segments.explain(&self.scope()),
            // Of a product that is not known nothing can be told, by no template.
            template: chosen.filter(|_| missing.is_none()).map(|chosen| chosen.template.id.to_string()),
            locale: chosen.map_or_else(|| self.locale.to_string(), |chosen| chosen.locale.to_string()),
            tier,
            reason: missing.or(reason).or(no_language),
            ladder: ladder.explain(self.ceiling(), |path| self.value(path)),
            stops: self.halts(
                chosen.or_else(|| self.choose(Tier::Segment)).map(|chosen| chosen.template.id.as_str()),
            ),
            ignored: self.attributes.ignored.clone(),
            revision: self.policy.revision.to_string(),
        }
    }
}
