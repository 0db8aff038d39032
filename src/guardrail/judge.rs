//! `judge`: what the rules find in one text, and what follows from it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::kinds::Check;
use super::opinions::{Ask, Heard, Opinions, question};
use super::rule::{Action, Enforcement, Evidence, Hit, Level, Rule, Settings};
use super::statement::Cover;
use super::text::{Text, slice};
use super::{Bans, Ground, Guardrails, Kind, Prepared, Subject, offer};

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
    /// Whether the rule could not run, for want of a second model's opinion: it is not passed then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unanswered: bool,
    /// Whether a waiver for this very text makes it a note.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waived: bool,
}

impl Finding {
    /// Whether a stop bans what was found, and no rule.
    pub fn is_of_a_stop(&self) -> bool {
        self.rule.starts_with("stop.")
    }
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
    /// The ids of the evidence on which claims in the text were allowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// The instant from which all this may be otherwise; `None` when nothing is going to change by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
}

impl Judgement {
    /// The same with what bans find in the text that was judged, as given and as corrected.
    pub fn under(mut self, bans: &Bans, text: &str) -> Self {
        let mut found = bans.find(text);
        if found.is_empty()
            && let Some(fixed) = &self.fixed
        {
            let length = text.chars().count();
            let over_all = |finding| Finding { start: 0, end: length, matched: text.to_owned(), ..finding };
            found = bans.find(fixed).into_iter().map(over_all).collect();
        }
        if !found.is_empty() {
            (self.verdict, self.fixed) = (Verdict::Block, None);
            self.findings.extend(found);
            self.findings.sort_by_key(|finding| (finding.start, finding.end));
        }
        self
    }

    /// Whether nothing stands in the text's way but answers of second models that are not there yet.
    pub fn wants_answers(&self) -> bool {
        let counted = |finding: &&Finding| !finding.shadow && finding.action != Action::Note;
        self.verdict > Verdict::Fix
            && self.findings.iter().any(|finding| finding.unanswered)
            && self.findings.iter().filter(counted).all(|finding| finding.unanswered)
    }
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
            let mut findings = first.findings.clone();
            let length = subject.text.chars().count();
            // These are about the corrected text, which is not given: they stand over the whole of this one.
            let counts = |f: &Finding| !f.shadow && f.action > Action::Note;
            let is_new = |f: &Finding| !first.findings.iter().any(|known| known.rule == f.rule);
            let looped = again.verdict == Verdict::Fix;
            let second = again.findings.into_iter().filter(|f| counts(f) && (looped || is_new(f)));
            findings.extend(second.map(|finding| Finding {
                start: 0,
                end: length,
                matched: subject.text.to_owned(),
                message: match finding.kind {
                    Kind::Judge | Kind::Moderation => finding.message,
                    _ => format!("Once the rest is corrected: {}", finding.message),
                },
                ..finding
            }));
            findings.sort_by_key(|finding| (finding.start, finding.end));
            Judgement { verdict: again.verdict.max(Verdict::Repair), findings, fixed: None, ..first }
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
        let judgement = if fixed.chars().any(char::is_alphanumeric) {
            judge_at(guardrails, fixed, ground, Some(ground.at))
        } else {
            // What leaves nothing to say corrects nothing.
            Judgement { verdict: Verdict::Repair, fixed: None, ..first.clone() }
        };
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
    let valid_until = at.and_then(|at| guardrails.holds_until(ground.facts, at));
    let judged = |ground: &Ground<'_>| by_rules(guardrails, text, ground, at);
    Judgement { valid_until, ..on_ground_in_force(guardrails, ground, at, judged) }
}

/// Does something with what a ground is at an instant: without an offer that is over.
pub(super) fn on_ground_in_force<T>(
    guardrails: &Guardrails,
    ground: &Ground<'_>,
    at: Option<Timestamp>,
    then: impl FnOnce(&Ground<'_>) -> T,
) -> T {
    let facts = offer::in_force(ground.facts, &guardrails.timezone, at);
    // What is kept beside all facts is not what the facts without an ended offer say.
    let here = Prepared::default();
    let kept = ground.prepared.filter(|_| matches!(facts, Cow::Borrowed(_)));
    then(&Ground { facts: &facts, prepared: Some(kept.unwrap_or(&here)), ..*ground })
}

/// What the rules say of a text on a ground as it is in force. Until when that holds is said by whoever knows all facts.
fn by_rules(guardrails: &Guardrails, text: &str, ground: &Ground<'_>, at: Option<Timestamp>) -> Judgement {
    let text = Text::new(text);
    let mut findings = Vec::new();
    let mut fixes = Vec::new();
    let mut evidence = BTreeSet::new();
    // Where claims were found: their families, which come last, say nothing more of them.
    let mut claimed: Vec<Claimed> = Vec::new();
    let mut verdict = Verdict::Pass;
    let mut asking = Vec::new();
    let waivers = guardrails.waivers.standing(&text, at);
    let is_waived = |rule: &Rule| waivers.iter().any(|waiver| waiver.is_for(&rule.id));
    for rule in guardrails.prefilter.candidates(&text).filter_map(|rule| guardrails.rules.get(rule)) {
        if !rule.effective.holds(at) {
            continue;
        }
        let settings = rule.settings(at);
        if settings.mode == Enforcement::Off || !rule.applies.holds(ground) {
            continue;
        }
        if let Some(asks) = rule.check.asks() {
            asking.push((rule, settings, asks));
            continue;
        }
        let claim = match &rule.check {
            Check::Claim(claim) => Some(claim),
            _ => None,
        };
        evidence.extend(claim.map(|claim| claim.relied_on(&text, ground)).unwrap_or_default());
        let family = claim.filter(|claim| claim.is_whole_family());
        let said = family.map(|claim| said(&claimed, claim.family.as_ref(), settings.action));
        let waived = is_waived(rule);
        for hit in hits(rule, &text, ground).found {
            let settings = if waived { settings.as_note() } else { settings.for_hit(&hit) };
            if said.as_ref().is_some_and(|said| said.touches(&hit.range)) {
                continue;
            }
            if settings.mode == Enforcement::Enforce {
                verdict = verdict.max(Verdict::from(settings.action));
                if settings.action == Action::Fix {
                    fixes.extend(hit.replacement.clone().map(|replacement| (hit.range.clone(), replacement)));
                    fixes.extend(hit.insertion.clone().map(|(at, statement)| (at..at, statement)));
                }
                claimed.extend(hit.family.clone().map(|family| Claimed {
                    family,
                    range: hit.range.clone(),
                    action: settings.action,
                    registered: rule.id.starts_with("claims."),
                }));
            }
            findings.push(Finding { waived, ..finding(rule, settings, &text, hit) });
        }
    }
    // Second models are asked about copy that all the other rules pass, and people's own copy is not theirs to judge.
    if verdict == Verdict::Pass && !matches!(ground.opinions, Opinions::Prewritten) {
        for (rule, settings, asks) in asking {
            let waived = is_waived(rule);
            let settings = if waived { settings.as_note() } else { settings };
            let Some(finding) = second(rule, settings, asks, &text, ground) else { continue };
            let finding = Finding { waived, ..finding };
            if settings.mode == Enforcement::Enforce {
                verdict = verdict.max(match (finding.unanswered, settings.action) {
                    (_, Action::Note) => Verdict::Pass,
                    // No other wording would bring the answer that is missing.
                    (true, _) => Verdict::Block,
                    (false, action) => Verdict::from(action),
                });
            }
            findings.push(finding);
        }
    }
    findings.sort_by_key(|finding| (finding.start, finding.end));
    let fixed = (verdict == Verdict::Fix).then(|| apply(text.given(), fixes));
    let evidence = evidence.into_iter().map(str::to_owned).collect();
    Judgement { verdict, findings, fixed, evidence, valid_until: None }
}

/// Where a claim was found.
struct Claimed {
    family: Arc<str>,
    range: Range<usize>,
    action: Action,
    /// Whether it is a claim of the register.
    registered: bool,
}

/// Where the claims of a family say all that the family itself would. Those of the register do; a rule of the lists does
/// not make the family any milder.
fn said(claimed: &[Claimed], family: Option<&Arc<str>>, action: Action) -> Cover {
    let said = claimed
        .iter()
        .filter(|claim| family == Some(&claim.family) && (claim.registered || claim.action >= action));
    Cover::of(said.map(|claim| claim.range.clone()).collect())
}

impl Settings {
    /// What a waiver leaves of it.
    fn as_note(self) -> Self {
        Self { action: Action::Note, ..self }
    }

    /// What follows from one hit: what cannot be corrected is not used as it stands.
    fn for_hit(self, hit: &Hit) -> Self {
        let stuck = self.action == Action::Fix && !hit.is_correctable();
        let action = if stuck { self.level.default_action().max(Action::Repair) } else { self.action };
        Self { action, ..self }
    }
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

/// The most work that goes into holding one rule's matches against its exceptions, in bytes of text looked at.
const MAX_EXCEPTING: usize = 16 * 1024 * 1024;
/// How many matches are held against exceptions in every text, however long.
const ALWAYS_EXCEPTED: usize = 50;

/// Runs one rule, whatever its dates and mode. Where it matches in more places than can be held against its exceptions,
/// the rest are told of in one hit that nothing excepts.
pub(super) fn hits(rule: &Rule, text: &Text<'_>, ground: &Ground<'_>) -> Hits {
    let mut found = rule.find(text, ground);
    let mut excepted_by = Vec::new();
    let most = (MAX_EXCEPTING / text.given().len().max(1)).max(ALWAYS_EXCEPTED);
    let too_many = !rule.exceptions.is_empty() && found.len() > most;
    if too_many {
        found.truncate(most);
    }
    found.retain(|hit| {
        let covering = rule.exceptions.iter().position(|e| e.covers(&hit.range, text, ground));
        excepted_by.extend(covering);
        covering.is_none()
    });
    if too_many {
        let instead =
            "The rule matches in too many places to hold each against its exceptions; shorten the text.";
        found.push(Hit { instead: Some(instead.to_owned()), ..Hit::at(text.beginning()) });
    }
    found.truncate(rule.at_most.unwrap_or(usize::MAX));
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
        message: match hit.instead {
            Some(instead) => instead,
            None => told(
                message(&rule.message, &hit.says, matched),
                settings.action,
                &hit.because,
                &hit.insertion,
            ),
        },
        evidence: hit.evidence,
        shadow: settings.mode == Enforcement::Shadow,
        unanswered: false,
        waived: false,
    }
}

/// What a rule that asks a second model makes of a text: nothing when the answer speaks for it. Without an answer there
/// is a finding all the same, unless the rule is only being tried.
fn second(
    rule: &Rule,
    settings: Settings,
    asks: &Arc<Ask>,
    text: &Text<'_>,
    ground: &Ground<'_>,
) -> Option<Finding> {
    let question = question(asks, text.given().into(), ground);
    let heard = match ground.opinions.of(&question) {
        Some(opinion) => rule.check.hear(&opinion),
        None => Heard::Unanswered("nobody has answered yet".to_owned()),
    };
    let mut hit = Hit::at(0..text.given().len());
    match heard {
        Heard::Passes => None,
        Heard::Fails(why) => {
            hit.says.push(why.clone());
            let said = finding(rule, settings, text, hit);
            let told = why.is_empty() || rule.message.contains("%s");
            Some(if told { said } else { Finding { message: format!("{} ({why})", said.message), ..said } })
        }
        Heard::Unanswered(_) if settings.mode == Enforcement::Shadow => None,
        Heard::Unanswered(why) => {
            let message =
                format!("There is no verdict of a second model ({why}), so the text is not passed.");
            Some(Finding { message, unanswered: true, ..finding(rule, settings, text, hit) })
        }
    }
}

/// The message with what else there is to tell: to whoever puts it right, the statement that is lacking.
fn told(
    message: String,
    action: Action,
    because: &Option<String>,
    insertion: &Option<(usize, String)>,
) -> String {
    match (because, insertion) {
        (Some(because), _) => format!("{message} {because}"),
        (None, Some((_, statement))) if action != Action::Fix => format!("{message} Add: {statement}"),
        _ => message,
    }
}

/// Fills `%s`: what the kind has to say first, then the match; `%[2]s` is the second of these.
fn message(pattern: &str, says: &[String], matched: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + matched.len());
    let (mut rest, mut next) = (pattern, 0);
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let numbered = after.strip_prefix('[').and_then(|after| after.split_once("]s"));
        let numbered = numbered.and_then(|(number, after)| Some((number.parse::<usize>().ok()?, after)));
        if let Some((number, after)) = numbered.filter(|(number, _)| *number > 0) {
            out.push_str(says.get(number - 1).map_or(matched, String::as_str));
            rest = after;
        } else if let Some(after) = after.strip_prefix('s') {
            out.push_str(says.get(next).map_or(matched, String::as_str));
            next += 1;
            rest = after;
        } else {
            out.push('%');
            rest = after;
        }
    }
    out + rest
}

/// Applies corrections, the leftmost first and the longest of those that begin together; what overlaps is left.
fn apply(text: &str, mut fixes: Vec<(Range<usize>, String)>) -> String {
    fixes.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
    // One statement may be lacking to several.
    let mut put_in: Option<usize> = None;
    let mut statements: Vec<String> = Vec::new();
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (range, replacement) in fixes {
        if range.start < done {
            continue;
        }
        out.push_str(slice(text, done..range.start));
        done = range.start;
        if range.is_empty() {
            if put_in != Some(range.start) {
                statements.clear();
            }
            put_in = Some(range.start);
            if !statements.contains(&replacement) {
                insert(&mut out, &replacement, slice(text, range.start..text.len()));
                statements.push(replacement);
            }
            continue;
        }
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

/// Puts a statement behind what stands there, as a sentence of its own.
fn insert(out: &mut String, statement: &str, rest: &str) {
    let said = out.trim_end_matches(|c: char| c.is_whitespace() || "\"'”’»)]".contains(c));
    if said.ends_with(|c: char| !".!?…:;,–—".contains(c)) {
        out.push('.');
    }
    if !out.is_empty() && !out.ends_with(char::is_whitespace) {
        out.push(' ');
    }
    out.push_str(statement);
    if rest.starts_with(|c: char| !c.is_whitespace()) {
        out.push(' ');
    }
}
