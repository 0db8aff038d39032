//! What the pipeline counts. Decides nothing.

use std::time::Duration;

use super::response::Served;
use super::{Case, Parts};
use crate::audit::Outcome;
use crate::generate::{Attempt, FaultKind, Purpose};
use crate::guardrail::Finding;
use crate::telemetry::{Call, word, word_or_none};
use crate::words::Reason;

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

/// A generation ended.
pub(super) fn generation(parts: &Parts, ended: &Ended<'_>) {
    let Ended { purpose, took, outcome, reason, attempts, findings } = ended;
    let repaired = attempts.iter().any(|attempt| attempt.repair);
    let reason = word_or_none(reason.as_ref());
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
