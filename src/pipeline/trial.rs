//! What a request would get, for somebody who looks and is no page: nothing is served, and nothing counts as a serve.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;

use super::generation::{self, Declined, Started, Wanted};
use super::{Case, Explanation, Limit, Parts, Request, best};
use crate::cache::Key;
use crate::catalogue::Product;
use crate::fallback::Rung;
use crate::guardrail::{Draft, Finding};
use crate::policy::Policy;
use crate::prompt::{Prompt, RenderError};
use crate::words::{Locale, Reason, Source, TemplateId, Tier};

/// How long the log may take to say whether it holds the copy.
const PATIENCE: Duration = Duration::from_millis(60);

/// What would be asked of a model.
#[derive(Debug)]
pub struct Asked {
    /// The key of the question.
    pub key: Key,
    /// The prompt, or why the template cannot be rendered for this product.
    pub prompt: Result<Prompt, RenderError>,
}

/// A text that people wrote, in the order in which it would be shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Standby {
    /// The text.
    pub rung: Rung,
    /// Whether the rules and stops let it pass.
    pub passes: bool,
}

/// A request laid out for a person: what decides, what is asked, what stands in. Makes nothing and asks nobody.
#[derive(Debug)]
pub struct Laid {
    /// Segment, template and ladder, with the reason at each condition.
    pub explanation: Explanation,
    /// What would be asked of a model; `None` where pre-written copy is served.
    pub asked: Option<Asked>,
    /// The pre-written copy, best first.
    pub prewritten: Vec<Standby>,
}

impl Laid {
    /// Lays a case out; `models` are those that may be asked, one a line.
    pub fn of(case: &Case<'_>, models: &str) -> Self {
        let Limit { tier, approval, .. } = case.limit();
        let chosen = case.choose(tier);
        let asked = chosen.filter(|_| tier > Tier::Prewritten).zip(case.product.as_ref().ok());
        let asked = asked.map(|(chosen, product)| Asked {
            key: case.key_for(product, chosen, models, approval),
            prompt: case.policy.copy.prompts.render(chosen, &chosen.template.inputs(&case.scope())),
        });
        let passes = |rung: &Rung| {
            let locale = Locale::parse(&rung.locale);
            locale.is_some_and(|locale| case.approve(&Draft::new(rung.text.as_str()), &locale).is_some())
        };
        let prewritten = case.rungs(chosen).map(|rung| Standby { passes: passes(&rung), rung });
        Self { explanation: case.explain(), asked, prewritten: prewritten.collect() }
    }
}

/// What a page would show.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// The text; empty when nothing may be shown.
    pub text: String,
    /// Where it comes from.
    pub source: Source,
    /// What kind of copy it is.
    pub tier: Tier,
    /// Why it is no better.
    pub reason: Option<Reason>,
    /// The locale that it is in.
    pub locale: String,
    /// The template whose copy it is.
    pub template: Option<TemplateId>,
    /// The generation that it is of.
    pub generation: Option<Uuid>,
    /// What the rules note about it.
    pub findings: Vec<Finding>,
}

/// What a request would get.
#[derive(Debug)]
pub struct Trial {
    /// How it is laid out.
    pub laid: Laid,
    /// What would be shown now, from memory or from the log.
    pub shown: Shown,
    /// The product asked about, as of now.
    pub product: Result<Arc<Product>, Reason>,
}

/// What a page would get that sends this request now. `None` when there is no such placement.
pub async fn trial(parts: &Arc<Parts>, policy: &Arc<Policy>, request: &Request) -> Option<Trial> {
    let placement = policy.copy.prompts.placement(request.placement.as_str())?;
    let product = request.facts(&parts.catalogue).await;
    let case = Case::of(policy, parts.stops.pin(), placement, request, product, (parts.now)());
    let served = best(parts, &case, Instant::now() + PATIENCE, false).await;
    let models = parts.generator.as_ref().map(|generator| generator.models()).unwrap_or_default();
    let shown = Shown {
        text: served.text.as_ref().map(|text| text.text().to_owned()).unwrap_or_default(),
        source: served.source,
        tier: served.tier,
        reason: served.reason,
        locale: served.locale,
        template: served.template,
        generation: served.generation,
        findings: served.text.map(|text| text.findings().to_vec()).unwrap_or_default(),
    };
    Some(Trial { laid: Laid::of(&case, models), shown, product: case.product.clone() })
}

/// What came of copy that somebody wanted to have written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HadWritten {
    /// The copy passed: the generation that it is of.
    Passed(Uuid),
    /// There is none, for this reason; with the generation, where one was recorded.
    Without(Reason, Option<Uuid>),
    /// It is still being written.
    Pending,
}

/// Has copy written as this request would, whatever the placement says of how often a page must ask first: under the same key,
/// recorded, and paid as a page's. Copy that is there already is not written again. `None` when there is no such placement.
pub async fn have_written(
    parts: &Arc<Parts>,
    policy: &Arc<Policy>,
    request: &Request,
    deadline: Instant,
) -> Option<HadWritten> {
    let placement = policy.copy.prompts.placement(request.placement.as_str())?;
    let product = request.facts(&parts.catalogue).await;
    let case = Case::of(policy, parts.stops.pin(), placement, request, product, (parts.now)());
    Some(written(parts, &case, deadline).await.unwrap_or_else(|reason| HadWritten::Without(reason, None)))
}

async fn written(parts: &Arc<Parts>, case: &Case<'_>, deadline: Instant) -> Result<HadWritten, Reason> {
    let Limit { tier, reason, approval } = case.limit();
    if tier <= Tier::Prewritten {
        return Err(reason.unwrap_or(Reason::Mode));
    }
    let chosen = case.choose(tier).ok_or(Reason::Mode)?;
    let key = case.key(parts, chosen, approval)?;
    let refused = async |reason| {
        let blocked = match reason {
            Reason::Guardrail => parts.reviews.latest_blocked_for_key(&key.to_string()).await,
            _ => Ok(None),
        };
        let blocked = blocked.ok().flatten().map(|blocked| blocked.record.id);
        Ok(HadWritten::Without(reason, blocked))
    };
    if let Some(reason) = parts.memory.refused(&case.refusal(&key, chosen.locale), case.now) {
        return refused(reason).await;
    }
    let Started { flight, declined } = match parts.flights.join(&key) {
        Some(flight) => Started { flight, declined: None },
        None => match generation::start(parts, case, chosen, key, approval, Wanted::OnPurpose) {
            Ok(started) => started,
            Err(Declined::Because(reason)) => return Err(reason),
            Err(Declined::Kept) => {
                let kept = parts.in_memory(&key, case.now).ok_or(Reason::Guardrail)?;
                return Ok(HadWritten::Passed(kept.generation));
            }
        },
    };
    match tokio::time::timeout_at(deadline, flight.landed()).await {
        Err(_elapsed) => declined.map_or(Ok(HadWritten::Pending), Err),
        Ok(None) => Err(Reason::Upstream),
        Ok(Some(Err(reason))) => refused(reason).await,
        Ok(Some(Ok((kept, _)))) => Ok(HadWritten::Passed(kept.generation)),
    }
}
