//! What the pipeline counts, and the spans around its steps. Decides nothing.

use std::time::Duration;

use tracing::Span;
use tracing::field::Empty;

use super::generation::Job;
use super::response::Served;
use super::{Answer, Case, Parts};
use crate::audit::Outcome;
use crate::generate::{Attempt, FaultKind, Purpose};
use crate::guardrail::Finding;
use crate::telemetry::{Call, word, word_or_none};
use crate::words::Reason;

/// The span of one answer.
pub(super) fn blurb(case: &Case<'_>) -> Span {
    tracing::debug_span!(
        "blurb",
        placement = case.placement.id.as_str(),
        segment = case.segment.as_str(),
        tier = Empty,
        source = Empty,
        reason = Empty,
    )
}

/// What is served, for its span.
pub(super) fn told(span: &Span, answer: &Answer) {
    span.record("tier", word(&answer.tier));
    span.record("source", word(&answer.source));
    span.record("reason", word_or_none(answer.reason.as_ref()));
}

/// The span of one generation, which goes on when the request that asked for it is gone.
pub(super) fn writing(job: &Job) -> Span {
    tracing::debug_span!(
        "generate",
        generation = %job.id,
        placement = job.placement.id.as_str(),
        segment = job.segment.as_str(),
        template = job.template.as_str(),
        locale = job.locale.as_str(),
        outcome = Empty,
        reason = Empty,
    )
}

/// An answer is about to go out.
pub(super) fn answer(parts: &Parts, case: &Case<'_>, served: &Served, took: Duration) {
    let reason = word_or_none(served.reason.as_ref());
    let (tier, source) = (word(&served.tier), word(&served.source));
    parts.metrics.answered(case.placement.id.as_str(), tier, source, reason, took);
}

/// What came of a generation.
pub(super) struct Ended<'a> {
    pub(super) purpose: Purpose,
    pub(super) took: Duration,
    pub(super) outcome: Outcome,
    pub(super) reason: Option<Reason>,
    pub(super) attempts: &'a [Attempt],
    pub(super) findings: &'a [Finding],
}

/// A generation ended; called inside its span.
pub(super) fn generation(parts: &Parts, ended: &Ended<'_>) {
    let Ended { purpose, took, outcome, reason, attempts, findings } = ended;
    let repaired = attempts.iter().any(|attempt| attempt.repair);
    let reason = word_or_none(reason.as_ref());
    let span = Span::current();
    span.record("outcome", outcome.as_str());
    span.record("reason", reason);
    parts.metrics.generated(outcome.as_str(), reason, word(purpose), *took, repaired);
    calls(parts, attempts);
    for finding in *findings {
        let mode = if finding.shadow { "shadow" } else { "enforce" };
        parts.metrics.found(&finding.rule, word(&finding.action), mode);
    }
}

/// Providers were called.
pub(super) fn calls(parts: &Parts, attempts: &[Attempt]) {
    for attempt in attempts {
        let usage = attempt.usage.unwrap_or_default();
        let cached_input = usage.cached_input.min(usage.input);
        let outcome = match (attempt.fault, &attempt.error) {
            (Some(fault), _) => word(&fault),
            (None, Some(_)) => "other",
            (None, None) => "ok",
        };
        parts.metrics.called(Call {
            provider: &attempt.provider,
            outcome,
            took: Duration::from_millis(attempt.latency_ms),
            input: usage.input - cached_input,
            cached_input,
            output: usage.output,
            cost: attempt.cost.units(),
        });
        if attempt.fault == Some(FaultKind::Abandoned) {
            parts.metrics.hedged();
        }
    }
}
