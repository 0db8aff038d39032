//! Directories → the policy in force, and every fault that stands in the way of an edit.
//!
//! Guardrails load as one set, prompts with segments as another, each all or nothing. A request pins one policy from
//! start to end; an edit makes another. Knows no requests, no model, no log.

mod changes;
mod check;
mod desk;
mod files;
mod lines;
mod proposal;
pub mod rollback;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Map;

pub use changes::copy_changes;
pub use check::{Report, Service, accidents, below, check};
pub use desk::{Desk, Edit, Kept, Order, Outcome, Refusal, Set, report};
pub use files::{Read, Sources, at_home, read_dir, read_file, shown};
pub use lines::unified;
pub use proposal::{Difference, Proposal};

use crate::diagnostic::{Diagnostic, Severity};
use crate::document::{Files, did_you_mean};
use crate::guardrail::{self, Finding, Guardrails, Judgement, Opinions, Subject, Verdict};
use crate::prompt::{self, Placement, Prompts, SampleCopy};
use crate::segment::{self, Segments};
use crate::words::{Locale, Revision};

/// What is said of a segments file that is not there.
const MISSING: &str = "this file is not there";

/// What is in force: guardrails, and the copy that they judge.
#[derive(Debug)]
pub struct Policy {
    /// The rules.
    pub guardrails: Arc<Guardrails>,
    /// Segments, placements, templates and pre-written copy.
    pub copy: Arc<Copy>,
    /// The content hash of all its files.
    pub revision: Revision,
    /// Since when this revision is in force.
    pub since: Timestamp,
}

/// Segments, placements, templates and pre-written copy: what loads as one set.
#[derive(Debug)]
pub struct Copy {
    /// Who is who.
    pub segments: Segments,
    /// What may be asked, and what stands in for it.
    pub prompts: Prompts,
    /// The content hash of its files.
    pub revision: Revision,
}

impl Policy {
    /// The policy that two sets make.
    pub fn of(guardrails: Arc<Guardrails>, copy: Arc<Copy>, since: Timestamp) -> Self {
        let revision = Revision::joined([guardrails.hash(), &copy.revision]);
        Self { guardrails, copy, revision, since }
    }
}

/// Reads segments and prompts, and holds the last-resort copy against the rules in force. `segments` and `prompts` are
/// the paths that people type. `None` when anything is faulty.
pub fn load_copy(
    files: &Files,
    segments: &str,
    prompts: &str,
    guardrails: Option<&Guardrails>,
    standing: Standing,
    now: Timestamp,
) -> (Option<Copy>, Vec<Diagnostic>) {
    let revision = Revision::of(files.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    let Some(text) = files.get(segments) else {
        let missing = Diagnostic::error(segments, crate::diagnostic::Span::START, MISSING).with_help(
            "write one that begins with `segments: []`, or set `[policy] segments` to where it is",
        );
        return (None, vec![missing]);
    };
    let (cohorts, mut found) = segment::load(segments, text);
    // Templates are read even when the segments are faulty, so that every fault is said at once; what follows from the
    // segments' faults alone is not said twice.
    let stand_in = segment::load(segments, "segments: []").0;
    let Some(known) = cohorts.as_ref().or(stand_in.as_ref()) else { return (None, found) };
    let below: Files =
        files.iter().filter(|(path, _)| *path != segments).map(|(p, t)| (p.clone(), t.clone())).collect();
    let (prompts, faults) = prompt::load(prompts, &below, known);
    let follows = |d: &Diagnostic| {
        cohorts.is_none()
            && (d.message.starts_with("there is no segment")
                || d.message.contains("is not declared in the segments file"))
    };
    found.extend(faults.into_iter().filter(|d| !follows(d)));
    if let Some(guardrails) = guardrails {
        found.extend(withdrawn(&prompts, guardrails, standing, now));
        if let Some(segments) = &cohorts {
            found.extend(ceilings_amiss(guardrails, &prompts, segments));
        }
    }
    let Some(segments) = cohorts else { return (None, found) };
    let sound = !crate::diagnostic::any_error(&found);
    (sound.then_some(Copy { segments, prompts, revision }), found)
}

/// How prompts stand to the rules that judge them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// They are an edit: last-resort copy that a rule catches is an error.
    New,
    /// They were in force before the rule was: such copy is withdrawn and reported, and refuses nothing.
    InForce,
}

/// Ceilings that hold over something else than their writers hoped. They stay in force: a warning never loosens one.
pub fn ceilings_amiss(guardrails: &Guardrails, prompts: &Prompts, segments: &Segments) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for ceiling in guardrails.ceilings() {
        let mut warn = |message: String, help: String| {
            found.push(Diagnostic::warning(ceiling.file, ceiling.span, message).with_help(help));
        };
        for id in ceiling.placements.iter().filter(|id| prompts.placement(id).is_none()) {
            let known = prompts.placements().map(|placement| placement.id.as_str()).collect::<Vec<_>>();
            let help = did_you_mean(id, known.iter().copied());
            warn(format!("there is no placement `{id}`, so this ceiling holds nothing there"), help);
        }
        for ask in &ceiling.asks {
            match segments.attributes.find(ask.path).filter(|declared| declared.path == ask.path) {
                Some(declared) => {
                    if let Some((message, help)) = declared.fault_of(ask.operator, ask.expected) {
                        warn(
                            format!(
                                "{message}: this ceiling holds for all of whom that is not known, and nobody else"
                            ),
                            help,
                        );
                    }
                }
                None if ask.path.starts_with("context.") && ask.path != "context.locale" => warn(
                    format!(
                        "`{}` is not declared, so this ceiling holds for every request that does not give it",
                        ask.path
                    ),
                    "declare it in the segments file, for those who send requests to know of it".into(),
                ),
                None => {}
            }
        }
    }
    found
}

/// What people wrote that the rules do not let pass.
pub fn withdrawn(
    prompts: &Prompts,
    guardrails: &Guardrails,
    standing: Standing,
    now: Timestamp,
) -> Vec<Diagnostic> {
    let last_resort =
        prompts.placements().flat_map(|placement| last_resort_faults(placement, guardrails, now));
    let last_resort = last_resort.map(|fault| match standing {
        Standing::New => fault,
        Standing::InForce => Diagnostic {
            severity: Severity::Warning,
            message: fault.message.replace("does not pass", "is withdrawn"),
            ..fault
        },
    });
    last_resort.chain(sample_findings(prompts, guardrails, now)).collect()
}

/// Last-resort copy must pass every rule, whenever it begins: there is nothing below it but the empty text.
fn last_resort_faults(placement: &Placement, guardrails: &Guardrails, now: Timestamp) -> Vec<Diagnostic> {
    /// Rules begin and end on days; this many beginnings are more than any set of rules has.
    const MOST_CHANGES: usize = 1_000;
    let empty = Map::new();
    let mut found = Vec::new();
    for (language, (text, span)) in &placement.last_resort {
        let locale = Locale::parse(language);
        let moments = std::iter::successors(Some(now), |at| guardrails.next_change(*at)).take(MOST_CHANGES);
        for at in moments {
            let subject = Subject {
                text,
                facts: &empty,
                context: &empty,
                placement: Some(placement.id.as_str()),
                locale: locale.as_ref(),
                inputs: &empty,
                instructions: None,
                at,
                opinions: Opinions::Prewritten,
            };
            let judgement = guardrail::judge(guardrails, &subject);
            let too_long = placement.over_limit(text).is_some();
            if judgement.verdict >= Verdict::Fix || too_long {
                let why = judgement
                    .findings
                    .first()
                    .map_or_else(|| "it is longer than the placement's limit".into(), named);
                found.push(
                    Diagnostic::error(
                        &placement.file,
                        *span,
                        format!("this last-resort copy does not pass: {why}"),
                    )
                    .with_help(
                        "write a text that passes every rule: nothing stands below it but the empty text",
                    ),
                );
                break;
            }
        }
    }
    found
}

/// Pre-written copy of templates that does not pass for its own sample: it is withdrawn, and refuses nothing.
fn sample_findings(prompts: &Prompts, guardrails: &Guardrails, now: Timestamp) -> Vec<Diagnostic> {
    let empty = Map::new();
    let mut found = Vec::new();
    for SampleCopy { template, locale, span, facts, text } in prompts.samples() {
        let subject = Subject {
            text: &text,
            facts,
            context: &empty,
            placement: Some(template.placement.as_str()),
            locale: Some(locale),
            inputs: &empty,
            instructions: None,
            at: now,
            opinions: Opinions::Prewritten,
        };
        let Judgement { verdict, findings, .. } = guardrail::judge(guardrails, &subject);
        if verdict > Verdict::Fix {
            let why = findings.first().map(named).unwrap_or_default();
            found.push(
                Diagnostic::warning(
                    &template.file,
                    span,
                    format!("this pre-written copy is withdrawn where it comes out as for the sample: {why}"),
                )
                .with_help("rewrite it; until then the placement's last-resort copy is served instead"),
            );
        }
    }
    found
}

/// A finding in a sentence.
pub fn named(finding: &Finding) -> String {
    format!("`{}` found `{}`: {}", finding.rule, finding.matched, finding.message)
}
