//! `cases/*.yml`: labelled copy that must pass, or must be caught by certain rules, and the account of what every rule
//! caught, missed and wrongly caught.
//!
//! ```yaml
//! cases:
//!   - {text: "Guaranteed for life.", expect: [compliance.no-guarantees]}
//!   - {text: "Comes with a two-year guarantee.", facts: {…}, context: {…}, locale: en-GB, placement: why-this,
//!      as_of: 2026-12-01, expect: pass}
//! ```

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::examples::{Expect, Sample};
use super::judge::judge_at;
use super::load::{Role, roles};
use super::{Action, Enforcement, Finding, Guardrails, Judgement};
use crate::diagnostic::{Diagnostic, Span};
use crate::document::{Faults, Fields, Files, Kind, Node, did_you_mean, list, parse, text};
use crate::words::Locale;

/// One labelled text.
#[derive(Debug)]
pub(super) struct Case {
    sample: Sample,
    span: Span,
    /// The rules that must catch it, each with where it is named; none when it must pass.
    expect: Vec<(String, Span)>,
}

/// How one rule did on its own examples and on all labelled cases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RuleReport {
    /// The rule's name.
    pub rule: String,
    /// Texts that it was to catch and did.
    pub caught: usize,
    /// Texts that it was to catch and did not.
    pub missed: usize,
    /// Texts that it was to leave alone and caught. Notes are not counted.
    pub wrongly_caught: usize,
    /// Texts that it was to leave alone and did.
    pub left_alone: usize,
    /// Texts that are labelled for it and were not tried, because that takes a second model.
    pub not_run: usize,
    /// How many of the labelled cases name it: texts that its own examples do not hold.
    pub cases: usize,
    /// Whether it is a public style's rule: such rules bring no examples.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub public: bool,
    /// Whether it is off.
    #[serde(skip)]
    pub off: bool,
}

impl RuleReport {
    /// Whether the texts told anything of it: a public rule that none is labelled for and none was caught by is just there.
    pub fn tells(&self) -> bool {
        !self.public || self.cases + self.caught + self.missed + self.wrongly_caught > 0
    }
}

/// What the labelled cases came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// How each rule did, in the order of the rules.
    pub rules: Vec<RuleReport>,
    /// How many labelled cases there are.
    pub cases: usize,
    /// The placements that cases name.
    pub placements: BTreeSet<String>,
    /// The locales that cases name.
    pub locales: BTreeSet<Locale>,
}

/// Reads one file of labelled cases.
pub(super) fn read(content: &str, timezone: &TimeZone, faults: &Faults) -> Vec<Case> {
    let Some(node) = parse(content, faults) else { return Vec::new() };
    let Some(mut fields) = Fields::of(&node, "a file of cases", faults) else { return Vec::new() };
    let items = fields.require("cases", "list the texts under `cases:`", faults);
    let items = items.map(|node| list(node, faults)).unwrap_or_default();
    let cases = items.iter().filter_map(|item| case(item, timezone, faults)).collect();
    fields.finish(faults);
    cases
}

fn case(node: &Node, timezone: &TimeZone, faults: &Faults) -> Option<Case> {
    const HELP: &str = "write `expect: pass`, or the rules that must catch it: `expect: [brand.no-slang]`";
    let mut fields = Fields::of(node, "a case", faults)?;
    let sample = Sample::read(&mut fields, timezone, faults);
    let expect = fields.require("expect", HELP, faults);
    fields.finish(faults);
    let expect = expect?;
    let expect = match &expect.kind {
        Kind::Scalar { text, .. } if text == "pass" => Vec::new(),
        Kind::List(items) if !items.is_empty() => {
            items.iter().filter_map(|item| Some((text(item, faults)?, item.span))).collect()
        }
        _ => {
            faults.error_with_help(
                expect.span,
                "this says neither `pass` nor which rules must catch it",
                HELP,
            );
            return None;
        }
    };
    Some(Case { sample: sample?, span: node.span, expect })
}

/// Tries every labelled case of `files` against the whole set, and counts, rule by rule, what these and the rules' own
/// examples came to. A case that comes out otherwise than it says is an error where it stands. Rules in shadow may
/// catch and may miss; that a note is made is never wrong. Rules that are off are not expected to catch, and a case that
/// names no others is skipped. A case without `as_of` is judged by all rules, and on all evidence, whatever their dates.
pub fn try_cases(guardrails: &Guardrails, files: &Files) -> (Tried, Vec<Diagnostic>) {
    let mut tried = Tried::default();
    let mut reports: BTreeMap<&str, RuleReport> = guardrails
        .rules
        .iter()
        .map(|rule| {
            let (public, off) = (rule.public, rule.mode() == Enforcement::Off);
            let report = RuleReport { rule: rule.id.clone(), public, off, ..RuleReport::default() };
            (rule.id.as_str(), report)
        })
        .collect();
    // A set is in force only when all its examples came out right.
    for rule in &guardrails.rules {
        let passing = rule.examples.iter().filter(|example| example.expect == Expect::Pass).count();
        if let Some(report) = reports.get_mut(rule.id.as_str()) {
            if rule.check.asks().is_some() {
                report.not_run += rule.examples.len();
                continue;
            }
            report.caught += rule.examples.len() - passing;
            report.left_alone += passing;
        }
    }
    let mut found = Vec::new();
    for (path, _) in roles(files).into_iter().filter(|(_, role)| *role == Role::Cases) {
        let faults = Faults::of(path);
        let content = files.get(path).map(String::as_str).unwrap_or_default();
        for case in read(content, &guardrails.timezone, &faults) {
            let names_unknown = unknown_rules(&case, guardrails, &faults);
            let sample = &case.sample;
            tried.cases += 1;
            tried.placements.extend(sample.placement.clone());
            tried.locales.extend(sample.locale.clone());
            for (id, _) in &case.expect {
                if let Some(report) = reports.get_mut(id.as_str()) {
                    report.cases += 1;
                }
            }
            if names_unknown {
                // What it should come out as is not known until the name is.
                continue;
            }
            let mode = |id: &str| mode(guardrails, id, sample.as_of);
            if !case.expect.is_empty() && case.expect.iter().all(|(id, _)| mode(id) == Enforcement::Off) {
                continue;
            }
            let judgement = judge_at(guardrails, &sample.text, &sample.ground(), sample.as_of);
            for rule in guardrails.rules.iter().filter(|rule| rule.check.asks().is_some()) {
                let labelled = case.expect.iter().any(|(id, _)| *id == rule.id);
                if let Some(report) = reports.get_mut(rule.id.as_str()).filter(|_| labelled) {
                    report.not_run += 1;
                }
            }
            let tried =
                |id: &str| guardrails.rules.iter().all(|rule| rule.id != id || rule.check.asks().is_none());
            compare(&case, &judgement, &mode, &tried, &mut reports, &faults);
        }
        found.extend(faults.into_diagnostics());
    }
    tried.rules = guardrails.rules.iter().filter_map(|rule| reports.remove(rule.id.as_str())).collect();
    (tried, found)
}

/// Whether a rule's findings count. A rule that nobody knows is an error of its own.
fn mode(guardrails: &Guardrails, id: &str, at: Option<Timestamp>) -> Enforcement {
    if guardrails.not_run.contains(id) {
        return Enforcement::Off;
    }
    let rule = guardrails.rules.iter().find(|rule| rule.id == id);
    rule.map_or(Enforcement::Enforce, |rule| rule.settings(at).mode)
}

/// Says which rules a case names that there are not; answers whether there are such.
fn unknown_rules(case: &Case, guardrails: &Guardrails, faults: &Faults) -> bool {
    let known = || guardrails.rules.iter().map(|rule| &rule.id).chain(&guardrails.not_run);
    let unknown = case.expect.iter().filter(|(id, _)| !known().any(|known| known == id));
    let said = unknown.map(|(id, span)| {
        let help = did_you_mean(id, known().map(String::as_str).collect::<Vec<_>>().into_iter());
        faults.error_with_help(*span, format!("there is no rule `{id}`"), help);
    });
    said.count() > 0
}

/// Whether a finding is of the family of claims whose rule has this name.
fn is_of_family(finding: &Finding, id: &str) -> bool {
    id.strip_prefix("claims.").is_some_and(|family| finding.family.as_deref() == Some(family))
}

fn of_family(case: &Case, finding: &Finding) -> bool {
    case.expect.iter().any(|(id, _)| is_of_family(finding, id))
}

fn compare(
    case: &Case,
    judgement: &Judgement,
    mode: &dyn Fn(&str) -> Enforcement,
    tried: &dyn Fn(&str) -> bool,
    reports: &mut BTreeMap<&str, RuleReport>,
    faults: &Faults,
) {
    for (id, report) in reports.iter_mut().filter(|(id, _)| tried(id)) {
        let wanted = case.expect.iter().find(|(wanted, _)| wanted == id);
        let findings: Vec<_> = judgement.findings.iter().filter(|finding| finding.rule == *id).collect();
        let counted = findings.iter().find(|finding| !finding.shadow && finding.action != Action::Note);
        match (wanted, counted) {
            (Some(_), _) if !findings.is_empty() => report.caught += 1,
            (Some(_), _) if judgement.findings.iter().any(|f| is_of_family(f, id)) => report.caught += 1,
            (Some(_), _) if mode(id) == Enforcement::Off => {}
            (Some(_), _) if mode(id) == Enforcement::Shadow => report.missed += 1,
            (Some((_, span)), _) => {
                report.missed += 1;
                faults.error_with_help(
                    *span,
                    format!("`{id}` does not catch this text"),
                    "widen the rule, or correct the case",
                );
            }
            // Whoever names a family means any of its claims.
            (None, Some(finding)) if of_family(case, finding) => report.caught += 1,
            (None, Some(finding)) => {
                report.wrongly_caught += 1;
                let message =
                    format!("`{id}` catches `{}` in a text that it should leave alone", finding.matched);
                faults.error_with_help(case.span, message, "narrow the rule, or name it under `expect`");
            }
            (None, None) => report.left_alone += 1,
        }
    }
}
