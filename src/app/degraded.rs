//! What does not work as it should, said in sentences: for `/readyz` and for the console.

use serde::Serialize;

use super::Shared;
use crate::audit::heads::Keeper;
use crate::audit::{self, Condition, Recorder};
use crate::generate::{BreakerState, FaultKind, ProviderStanding};
use crate::words::utc_day;

/// A part of the service that does less than it should.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Degraded {
    /// Which: `log`, `heads`, `llm`, `budget`, `policy`.
    pub part: &'static str,
    /// What is wrong and what follows, in plain words, without a full stop.
    pub detail: String,
}

impl Shared {
    /// The parts that do less than they should; told from memory alone.
    pub fn degraded(&self) -> Vec<Degraded> {
        let parts = &self.parts;
        let mut found = Vec::new();
        let mut add = |part: &'static str, detail: String| found.push(Degraded { part, detail });
        log(&parts.recorder).into_iter().for_each(|detail| add("log", detail));
        if let Some(error) = self.heads.as_ref().and_then(Keeper::trouble) {
            add("heads", format!("the log's signed head cannot be written: {error}"));
        }
        match &parts.generator {
            Some(generator) => {
                generator.standing().into_iter().filter_map(left_alone).for_each(|detail| add("llm", detail));
            }
            None => add("llm", "no provider is configured: pre-written copy alone is served".to_owned()),
        }
        if let Some(detail) = parts.trouble.told() {
            add("llm", detail);
        }
        if let Some(generator) = &parts.generator {
            let budget = generator.budget();
            for purpose in budget.refuses(utc_day((parts.now)())) {
                let (purpose, spent) = (purpose.as_str(), budget.spent().units());
                add(
                    "budget",
                    format!(
                        "the day's budget allows no further call for purpose `{purpose}`; {spent:.2} are spent or set aside"
                    ),
                );
            }
        }
        if let Some(since) = self.hanging() {
            add(
                "policy",
                format!("the disk of the policy's files does not answer since {since}, so no edit is seen"),
            );
        }
        for refusal in self.desk.refused() {
            let errors: Vec<_> = refusal.diagnostics.iter().filter(|d| d.is_error()).collect();
            let first = errors.first().map(|first| format!(": {}: {}", first.place(), first.message));
            let detail = format!(
                "an edit of the {} is refused since {} ({}){}",
                refusal.set.as_str(),
                refusal.since,
                if errors.len() == 1 { "1 fault".to_owned() } else { format!("{} faults", errors.len()) },
                first.unwrap_or_default()
            );
            add("policy", detail);
        }
        found
    }
}

/// What is to be said of the log.
fn log(recorder: &Recorder) -> Vec<String> {
    let Condition { failing, spooled, spool_bytes, spool_limit } = recorder.condition();
    let full = (spool_bytes * 100).checked_div(spool_limit);
    let full = full.map_or_else(|| "there is no spool".into(), |full| format!("the spool is {full} % full"));
    let mut told = Vec::new();
    if let Some((since, error)) = failing {
        let follows = match recorder.standing() {
            audit::Standing::Counting => {
                "pre-written copy alone is served, and answers whose records find no room are counted"
            }
            _ => "nothing new is generated, and the records of answers go to the spool",
        };
        told.push(format!(
            "cannot be written since {since}: {error}; {follows}; {spooled} records are in the spool, {full}"
        ));
    } else if spooled > 0 {
        told.push(format!("{spooled} records are in the spool, which is being written to the log; {full}"));
    }
    if recorder.lost() > 0 {
        told.push(format!("{} serves could not be recorded since the start", recorder.lost()));
    }
    told
}

/// What is to be said of a provider that is not asked like the others.
fn left_alone(provider: ProviderStanding) -> Option<String> {
    let ProviderStanding { name, breaker, fault, open_for, .. } = provider;
    let fault = fault.map_or("unknown", FaultKind::as_str);
    match breaker {
        BreakerState::Closed => None,
        BreakerState::Open => {
            let seconds = open_for.unwrap_or_default().as_secs_f64().ceil();
            Some(format!("provider `{name}` is left alone for another {seconds} s: {fault}"))
        }
        BreakerState::HalfOpen => Some(format!("provider `{name}` is about to be tried again: {fault}")),
    }
}
