//! From what is served to the answer and its record.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Case, Parts, Request, measure, prewritten};
use crate::audit::{Decision, NotShown, ServeRecord};
use crate::cache::{Key, Models};
use crate::guardrail::Approved;
use crate::stops::Leave;
use crate::words::{
    LONGEST_KEPT, Locale, PlacementId, Reason, Revision, SegmentId, Source, TemplateId, Tier, new_id,
};

/// How long callers may keep what stands in for better copy.
const KEEP_FALLBACK: SignedDuration = SignedDuration::from_secs(5);

/// What is about to be served.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) text: Option<Approved>,
    pub(super) source: Source,
    pub(super) tier: Tier,
    pub(super) reason: Option<Reason>,
    pub(super) pending: bool,
    pub(super) locale: String,
    pub(super) template: Option<TemplateId>,
    pub(super) generation: Option<Uuid>,
    /// The one that a model wrote it in: another one where it was judged again.
    pub(super) written_in: Option<Uuid>,
    /// The key of the question that it answers.
    pub(super) key: Option<Key>,
    /// The models that wrote it.
    pub(super) models: Option<Models>,
    /// Whether a rule corrected the text after its generation was recorded.
    pub(super) corrected: bool,
    pub(super) stale: Option<Timestamp>,
    pub(super) expires: Option<Timestamp>,
    /// The generation whose text waits for a person, in whose place this is served.
    pub(super) awaits: Option<Uuid>,
}

impl Served {
    /// The empty text.
    pub(super) fn nothing(locale: &Locale) -> Self {
        Self {
            text: None,
            source: Source::None,
            tier: Tier::None,
            reason: None,
            pending: false,
            locale: locale.to_string(),
            template: None,
            generation: None,
            written_in: None,
            key: None,
            models: None,
            corrected: false,
            stale: None,
            expires: None,
            awaits: None,
        }
    }

    /// The same, with why nothing better was allowed.
    pub(super) fn because(self, reason: Option<Reason>) -> Self {
        Self { reason: self.reason.or(reason), ..self }
    }

    /// Whether a model wrote it.
    fn ai_generated(&self) -> bool {
        matches!(self.source, Source::Generated | Source::Cache)
    }

    /// Whether its copy is due to be written anew.
    pub(super) fn is_stale(&self, now: Timestamp) -> bool {
        self.stale.is_some_and(|stale| now >= stale)
    }
}

/// The answer to a request for one blurb.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// The copy, approved; the empty text where there is none.
    #[serde(serialize_with = "text_or_empty")]
    pub text: Option<Approved>,
    /// Where it came from.
    pub source: Source,
    /// What kind of copy it is.
    pub tier: Tier,
    /// Why it is of a lower tier.
    pub reason: Option<Reason>,
    /// Whether better copy is being written, and will be served next time.
    pub pending: bool,
    /// The locale of the text.
    pub locale: String,
    /// The placement asked for.
    pub placement: PlacementId,
    /// The segment chosen.
    pub segment: SegmentId,
    /// The template whose copy it is, generated or pre-written.
    pub template: Option<TemplateId>,
    /// The policy that it was approved under.
    pub revision: Revision,
    /// The generation that wrote it.
    pub generation_id: Option<Uuid>,
    /// This answer's own record.
    pub serve_id: Uuid,
    /// Whether a model wrote it.
    pub ai_generated: bool,
    /// Until when the caller may keep it.
    pub expires_at: Timestamp,
    /// Whether the text stands beside this answer's record, since no generation's holds it word for word.
    #[serde(skip)]
    pub(super) beside: bool,
    /// Leave to let go of it, which whoever sets a stop waits for: it is held as long as the text is on its way out.
    #[serde(skip)]
    pub(super) leave: Leave,
}

fn text_or_empty<S: Serializer>(text: &Option<Approved>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text.as_ref().map_or("", Approved::text))
}

/// Makes the answer and hands its record to the log. Copy that a model wrote is answered only as far as the log took that,
/// which it says by then at the latest: otherwise pre-written copy stands in for it.
pub(super) async fn recorded(
    parts: &Parts,
    case: &mut Case<'_>,
    served: Served,
    request: &Request,
    deadline: Instant,
) -> Answer {
    let mut served = acceptable(served, case, request);
    let mut serve_id = new_id((parts.now)());
    if served.ai_generated() {
        let record = Record { id: serve_id, repeats: None, instead_of: None };
        if let Err(NotShown { recorded }) = shown(parts, case, &served, request, record, deadline).await {
            let (pending, instead_of) = (served.pending, recorded.then_some(serve_id));
            served = prewritten(case, case.choose(case.limit().tier));
            served = acceptable(
                Served { reason: Some(Reason::StoreUnavailable), pending, ..served },
                case,
                request,
            );
            serve_id = new_id((parts.now)());
            let record = Record { id: serve_id, repeats: None, instead_of };
            serve(parts, case, &served, request, record);
        }
    } else {
        serve(parts, case, &served, request, Record { id: serve_id, repeats: None, instead_of: None });
    }
    let leave = loop {
        if let Some(leave) = parts.stops.leave(&case.stops) {
            break leave;
        }
        // Something was stopped or purged since the request began.
        case.stops = parts.stops.pin();
        if !still_stands(parts, case, &served) {
            let pending = served.pending;
            served = prewritten(case, case.choose(case.limit().tier));
            served = Served { reason: Some(Reason::Stopped), pending, ..served };
            served = acceptable(served, case, request);
            let instead_of = Some(serve_id);
            serve_id = new_id((parts.now)());
            serve(parts, case, &served, request, Record { id: serve_id, repeats: None, instead_of });
        }
    };
    measure::answer(parts, case, &served, request.received.elapsed());
    let now = (parts.now)();
    let ai_generated = served.ai_generated();
    let keep = if ai_generated || served.reason.is_none() { LONGEST_KEPT } else { KEEP_FALLBACK };
    let ends = served.text.as_ref().and_then(|text| text.stamp().valid_until());
    let expires_at = [Some(now.saturating_add(keep).unwrap_or(now)), served.expires, ends];
    Answer {
        text: served.text,
        source: served.source,
        tier: served.tier,
        reason: served.reason,
        pending: served.pending,
        locale: served.locale,
        placement: case.placement.id.clone(),
        segment: case.segment.clone(),
        template: served.template,
        revision: case.policy.revision.clone(),
        generation_id: served.generation,
        serve_id,
        ai_generated,
        expires_at: expires_at.into_iter().flatten().min().unwrap_or(now),
        beside: !ai_generated || served.corrected,
        leave,
    }
}

/// Whether what is about to be served may be, under what is stopped now: its text, what it is about, who wrote it.
pub(super) fn still_stands(parts: &Parts, case: &Case<'_>, served: &Served) -> bool {
    let Some(text) = &served.text else { return true };
    let template = served.template.as_ref().map(TemplateId::as_str);
    let held_back = match served.generation.filter(|_| served.ai_generated()) {
        Some(generation) => {
            let models = served.models.clone().unwrap_or_default();
            parts.reviews.decision(generation) == Some(Decision::Rejected)
                || served.key.is_some_and(|key| case.stops.rejected(key.as_bytes(), text.text()))
                || {
                    let generations = [generation, served.written_in.unwrap_or(generation)];
                    case.holds_back(template.unwrap_or_default(), generations, &models)
                }
        }
        None => case.holds_back_prewritten(template),
    };
    !held_back && !case.stops.bans().catch(text.text())
}

/// Copy as far as the caller takes it. Who would rather wait is shown nothing, and the record says so.
fn acceptable(served: Served, case: &Case<'_>, request: &Request) -> Served {
    if request.accept.is_none_or(|accept| served.tier >= accept) {
        return served;
    }
    let Served { reason, pending, awaits, .. } = served;
    Served { reason, pending, awaits, ..Served::nothing(&case.locale) }
}

/// Hands the record of an answer that was given before to the log. Whether it may be given again: copy that a model wrote only
/// as far as the log took that.
pub(super) async fn repeated(
    parts: &Parts,
    case: &Case<'_>,
    served: &Served,
    request: &Request,
    repeats: Uuid,
    deadline: Instant,
) -> bool {
    let record = Record { id: new_id((parts.now)()), repeats: Some(repeats), instead_of: None };
    if !served.ai_generated() {
        serve(parts, case, served, request, record);
    } else if !parts.recorder.may_show()
        || shown(parts, case, served, request, record, deadline).await.is_err()
    {
        return false;
    }
    measure::answer(parts, case, served, request.received.elapsed());
    true
}

/// Which record it is.
#[derive(Clone, Copy, Debug)]
struct Record {
    id: Uuid,
    /// The serve whose answer is given once more.
    repeats: Option<Uuid>,
    /// The serve that was recorded and then not shown.
    instead_of: Option<Uuid>,
}

/// Hands the record of copy that people wrote, or of none, to the log, which neither waits nor fails.
fn serve(parts: &Parts, case: &Case<'_>, served: &Served, request: &Request, which: Record) {
    let (record, text) = record(parts, case, served, request, which);
    parts.recorder.serve(record, text);
}

/// Hands the record of copy that a model wrote to the log, which says whether it may be shown.
async fn shown(
    parts: &Parts,
    case: &Case<'_>,
    served: &Served,
    request: &Request,
    which: Record,
    deadline: Instant,
) -> Result<(), NotShown> {
    let (record, text) = record(parts, case, served, request, which);
    parts.recorder.shown(record, text, deadline).await
}

/// The record of what is served, and its text when that is to stand beside it.
fn record(
    parts: &Parts,
    case: &Case<'_>,
    served: &Served,
    request: &Request,
    which: Record,
) -> (ServeRecord, Option<Arc<str>>) {
    // A text that no generation's record holds word for word is kept beside the serve.
    let recorded = served.ai_generated() && !served.corrected;
    let text: Option<Arc<str>> = served.text.as_ref().filter(|_| !recorded).map(|text| text.to_draft().text);
    let user = request.user_id.as_deref().filter(|_| request.personalisation);
    let record = ServeRecord {
        id: which.id,
        at: (parts.now)(),
        placement: case.placement.id.clone(),
        segment: case.segment.clone(),
        conditions: outcomes(case),
        product: request.product.id().map(str::to_owned),
        user: user.map(|id| parts.user_key.hash(id)),
        tier: served.tier,
        source: served.source,
        reason: served.reason,
        generation_id: served.generation,
        text_hash: None,
        latency_us: u64::try_from(request.received.elapsed().as_micros()).unwrap_or(u64::MAX),
        revision: case.policy.revision.clone(),
        locale: served.locale.clone(),
        template: served.template.clone(),
        pending: served.pending,
        repeats: which.repeats,
        awaits: served.awaits,
        instead_of: which.instead_of,
    };
    (record, text)
}

/// How each segment and each of its conditions came out, without the values they were decided by.
fn outcomes(case: &Case<'_>) -> Box<RawValue> {
    let text = case.policy.copy.segments.record(&case.decision);
    RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
