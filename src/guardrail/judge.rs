//! `judge`: what the rules find in one text, and what follows from it.

use std::ops::Range;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::rule::{Action, Enforcement, Evidence, Hit, Level, Rule, Settings};
use super::text::{Text, slice};
use super::{Ground, Guardrails, Kind, Subject};

/// What follows from all findings together, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The text may be used.
    Pass,
    /// It may be used as corrected, once the corrected text passes.
    Fix,
    /// It may go back to the LLM once.
    Repair,
    /// It is not used.
    Block,
}

/// One place where a rule matched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule's name.
    pub rule: String,
    /// What the rule looks for.
    pub kind: Kind,
    /// How much the rule matters.
    pub level: Level,
    /// What follows from it.
    pub action: Action,
    /// The family of claims, for rules that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// Where it begins, in characters of the text judged.
    pub start: usize,
    /// The first character after it.
    pub end: usize,
    /// That stretch of the text judged.
    #[serde(rename = "match")]
    pub matched: String,
    /// What to tell whoever wrote the text.
    pub message: String,
    /// What the facts say instead, for rules that read them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// Whether the rule is only being tried: it changes nothing then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
}

/// What the rules say of one text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// What follows: the most severe of the findings that count.
    pub verdict: Verdict,
    /// Every finding, in the order of the text; notes and those of rules in shadow included.
    pub findings: Vec<Finding>,
    /// The text as corrected, when the verdict is [`Verdict::Fix`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<String>,
}

/// Judges a text by the rules in force at the subject's moment.
///
/// The verdict is [`Verdict::Fix`] only when the corrected text passes. When it does not, the verdict is the corrected
/// text's and at least [`Verdict::Repair`], and no corrected text is given. The findings are always those of the text
/// as given.
pub fn judge(guardrails: &Guardrails, subject: &Subject<'_>) -> Judgement {
    let Corrected { first, again } = judge_and_correct(guardrails, subject.text, &subject.ground());
    match again {
        Some((_, again)) if again.verdict != Verdict::Pass => {
            Judgement { verdict: again.verdict.max(Verdict::Repair), fixed: None, ..first }
        }
        _ => first,
    }
}

/// What the rules say of a text, and of that text as corrected.
pub(super) struct Corrected {
    /// Of the text as given.
    pub(super) first: Judgement,
    /// The corrected text and its judgement, when the first verdict is [`Verdict::Fix`].
    pub(super) again: Option<(String, Judgement)>,
}

/// Judges a text by the rules in force at the ground's moment; one that only needs correcting is corrected once and
/// judged again.
pub(super) fn judge_and_correct(guardrails: &Guardrails, text: &str, ground: &Ground<'_>) -> Corrected {
    let first = judge_at(guardrails, text, ground, Some(ground.at));
    let again = first.fixed.as_ref().map(|fixed| {
        let judgement = judge_at(guardrails, fixed, ground, Some(ground.at));
        (fixed.clone(), judgement)
    });
    Corrected { first, again }
}

/// Judges by the rules in force at an instant; without one by all rules, whatever their dates. What is `fixed` has not
/// been judged yet.
pub(super) fn judge_at(
    guardrails: &Guardrails,
    text: &str,
    ground: &Ground<'_>,
    at: Option<Timestamp>,
) -> Judgement {
    let text = Text::new(text);
    let mut findings = Vec::new();
    let mut fixes = Vec::new();
    let mut verdict = Verdict::Pass;
    for rule in guardrails.prefilter.candidates(&text).filter_map(|rule| guardrails.rules.get(rule)) {
        if !rule.effective.holds(at) {
            continue;
        }
        let settings = rule.settings(at);
        if settings.mode == Enforcement::Off || !rule.applies.holds(ground) {
            continue;
        }
        for hit in hits(rule, &text, ground).found {
            if settings.mode == Enforcement::Enforce {
                verdict = verdict.max(Verdict::from(settings.action));
                if let (Action::Fix, Some(replacement)) = (settings.action, &hit.replacement) {
                    fixes.push((hit.range.clone(), replacement.clone()));
                }
            }
            findings.push(finding(rule, settings, &text, hit));
        }
    }
    findings.sort_by_key(|finding| (finding.start, finding.end));
    let fixed = (verdict == Verdict::Fix).then(|| apply(text.given(), fixes));
    Judgement { verdict, findings, fixed }
}

impl From<Action> for Verdict {
    fn from(action: Action) -> Self {
        match action {
            Action::Note => Self::Pass,
            Action::Fix => Self::Fix,
            Action::Repair => Self::Repair,
            Action::Block => Self::Block,
        }
    }
}

/// What one rule found, and by which of its exceptions it let a match pass.
pub(super) struct Hits {
    pub(super) found: Vec<Hit>,
    pub(super) excepted_by: Vec<usize>,
}

/// Runs one rule, whatever its dates and mode.
pub(super) fn hits(rule: &Rule, text: &Text<'_>, ground: &Ground<'_>) -> Hits {
    let mut found = rule.check.find(text, ground);
    let mut excepted_by = Vec::new();
    found.retain(|hit| {
        let covering = rule.exceptions.iter().position(|e| e.covers(&hit.range, text, ground));
        excepted_by.extend(covering);
        covering.is_none()
    });
    Hits { found, excepted_by }
}

fn finding(rule: &Rule, settings: Settings, text: &Text<'_>, hit: Hit) -> Finding {
    let matched = slice(text.given(), hit.range.clone());
    Finding {
        rule: rule.id.clone(),
        kind: rule.kind(),
        level: settings.level,
        action: settings.action,
        family: hit.family.map(|family| family.as_ref().to_owned()),
        start: text.characters_before(hit.range.start),
        end: text.characters_before(hit.range.end),
        matched: matched.to_owned(),
        message: message(&rule.message, &hit.says, matched),
        evidence: hit.evidence,
        shadow: settings.mode == Enforcement::Shadow,
    }
}

/// Fills `%s`: what the kind has to say first, then the match.
fn message(pattern: &str, says: &[String], matched: &str) -> String {
    let mut parts = pattern.split("%s");
    let mut out = parts.next().unwrap_or_default().to_owned();
    let mut fillings = says.iter().map(String::as_str).chain(std::iter::repeat(matched));
    for part in parts {
        out.push_str(fillings.next().unwrap_or(matched));
        out.push_str(part);
    }
    out
}

/// Applies corrections, the leftmost first and the longest of those that begin together; what overlaps is left.
fn apply(text: &str, mut fixes: Vec<(Range<usize>, String)>) -> String {
    fixes.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (range, replacement) in fixes {
        if range.start < done {
            continue;
        }
        out.push_str(slice(text, done..range.start));
        if replacement.is_empty() && out.ends_with(' ') {
            // A word that is taken out takes the space before it along.
            out.pop();
        }
        out.push_str(&replacement);
        done = range.end;
    }
    out.push_str(slice(text, done..text.len()));
    if out.starts_with(' ') { out.trim_start().to_owned() } else { out }
}
