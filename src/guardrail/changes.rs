//! What an edit of the rules changes, rule by rule, in sentences that a lawyer reads; and whether it loosens anything.
//!
//! ```text
//! rules before, rules after → changes ─ what becomes looser without a word → accidents: the edit is refused
//! ```
//!
//! Rules are compared by what their files say of them. Where words went, the rule as it is now is asked whether it catches
//! them still, and its former examples are tried on it: a rule that was only rewritten is not called looser.

mod own;
mod register;
mod standing;
pub(crate) mod told;

use std::collections::BTreeMap;

use serde::Serialize;

use super::judge::hits;
use super::rule::{Enforcement, Rule};
use super::settings::Retired;
use super::text::Text;
use super::waivers::Waiver;
use super::{Action, Bound, Guardrails};
use crate::diagnostic::{Diagnostic, Span};
use told::{counted, quoted};

/// What the ceilings are called where the reason for a change of them is given.
pub(super) const CEILINGS: &str = "guardrails.ceilings";
/// What the accepted words are called there.
pub(super) const ACCEPTED: &str = "vocabulary.accept";

/// What waivers are called where they are told.
const WAIVERS: &str = "guardrails.waivers";

/// What a change does to what copy must pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Some copy passes that did not.
    Loosens,
    /// It cannot be told; until somebody says that it is meant it counts as looser.
    Unclear,
    /// Some copy does not pass that did.
    Tightens,
    /// What passes is as before.
    Neutral,
}

impl Effect {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loosens => "loosens",
            Self::Unclear => "unclear",
            Self::Tightens => "tightens",
            Self::Neutral => "neutral",
        }
    }

    /// Whether somebody has to say that it is meant.
    pub fn needs_word(self) -> bool {
        matches!(self, Self::Loosens | Self::Unclear)
    }
}

/// One thing that an edit changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The rule's name, or what else it is about: `guardrails.ceilings`, `vocabulary.accept`, a piece of evidence.
    pub about: String,
    /// What it does to what copy must pass.
    pub effect: Effect,
    /// What changes: a sentence without a full stop.
    pub sentence: String,
    /// Whom to ask about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The law, code or guide that the rule comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The file that says so now, or the file that it went from.
    pub file: String,
    /// Where it stands in that file.
    #[serde(flatten)]
    pub span: Span,
    /// The reason that the files give for it, where they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub word: Option<String>,
    /// Whether the rule is not there any more.
    #[serde(skip)]
    pub gone: bool,
}

/// What is said of one rule, without its name.
struct Said {
    effect: Effect,
    sentence: String,
    word: Option<String>,
}

impl Said {
    fn new(effect: Effect, sentence: impl Into<String>) -> Self {
        Self { effect, sentence: sentence.into(), word: None }
    }
}

/// What changes from one set of rules to another, what loosens first.
pub fn changes(before: &Guardrails, after: &Guardrails) -> Vec<Change> {
    let mut all = Vec::new();
    let by_id = |rules: &Guardrails| -> BTreeMap<String, usize> {
        rules.rules.iter().enumerate().map(|(place, rule)| (rule.id.clone(), place)).collect()
    };
    let (then, now) = (by_id(before), by_id(after));
    for rule in &before.rules {
        match now.get(&rule.id).and_then(|place| after.rules.get(*place)) {
            Some(next) => all.extend(of_rule((before, rule), (after, next))),
            None => all.extend(gone(rule, after)),
        }
    }
    for rule in after.rules.iter().filter(|rule| !then.contains_key(&rule.id)) {
        all.extend(new(rule, before));
    }
    all.extend(styles(before, after));
    all.extend(ceilings(&before.ceilings, &after.ceilings));
    all.extend(accepted(before, after));
    all.extend(register::evidence(before, after));
    all.extend(waived(before, after));
    if before.timezone.iana_name() != after.timezone.iana_name() {
        let zone = |rules: &Guardrails| rules.timezone.iana_name().unwrap_or("another zone").to_owned();
        let sentence = format!("days begin in {} instead of {}", zone(after), zone(before));
        all.push(elsewhere(
            "policy.timezone",
            Effect::Neutral,
            sentence,
            "config/copyrail.toml",
            Span::START,
        ));
    }
    for change in all.iter_mut().filter(|change| change.effect.needs_word() && change.word.is_none()) {
        change.word = word_for(change, before, after);
    }
    all.sort_by_key(|change| change.effect);
    all
}

/// What an edit must not do by accident: each rule that would go or become looser without anybody's word, with the line
/// that gives it.
pub fn accidents(before: &Guardrails, after: &Guardrails) -> Vec<Diagnostic> {
    let mut by_rule: BTreeMap<String, Vec<Change>> = BTreeMap::new();
    let silent = |change: &Change| change.effect.needs_word() && change.word.is_none();
    for change in changes(before, after).into_iter().filter(silent) {
        by_rule.entry(change.about.clone()).or_default().push(change);
    }
    let has_word = |id: &str| after.retired.iter().any(|entry| entry.id == id);
    by_rule.into_iter().filter_map(|(id, changes)| accident(&id, &changes, has_word(&id))).collect()
}

/// `has_word` where an entry stands under `retired` that was there before this edit.
fn accident(id: &str, changes: &[Change], has_word: bool) -> Option<Diagnostic> {
    let first = changes.first()?;
    let line = format!("`- {{id: {id}, reason: …, by: …, on: …}}`");
    let (message, undo) = if first.gone {
        (format!("the rule `{id}`, which is in force, is gone"), "put it back")
    } else {
        let what: Vec<&str> = changes.iter().map(|change| change.sentence.as_str()).collect();
        let unclear = changes.iter().all(|change| change.effect == Effect::Unclear);
        let said = if unclear { "may become looser" } else { "becomes looser" };
        (format!("what is in force {said}, and nobody says why: {}", what.join("; ")), "undo that")
    };
    let help = match has_word {
        true => format!(
            "{undo}, or change its entry under `retired` in guardrails.yml: it stood there before this edit"
        ),
        false => format!("{undo}, or give the reason under `retired` in guardrails.yml: {line}"),
    };
    let fault = Diagnostic::error(&first.file, first.span, message).with_help(help);
    Some(Diagnostic { owner: first.owner.clone(), ..fault })
}

/// The reason that `retired` gives. For what still stands it must be another than before: an old one was for something else.
fn word_for(change: &Change, before: &Guardrails, after: &Guardrails) -> Option<String> {
    let meant =
        |entry: &&Retired| entry.id == change.about && (change.gone || !before.retired.contains(entry));
    let entry = after.retired.iter().rev().find(meant)?;
    Some(format!("{} ({}, {})", entry.reason, entry.by, told::day(entry.on)))
}

fn about(rule: &Rule, said: Said) -> Change {
    Change {
        about: rule.id.clone(),
        effect: said.effect,
        sentence: format!("`{}` {}", rule.id, said.sentence),
        owner: rule.owner.clone(),
        reference: rule.reference.clone(),
        file: rule.file.clone(),
        span: super::examples::head(rule.span),
        word: said.word,
        gone: false,
    }
}

fn elsewhere(about: &str, effect: Effect, sentence: String, file: &str, span: Span) -> Change {
    Change {
        about: about.to_owned(),
        effect,
        sentence,
        owner: None,
        reference: None,
        file: file.to_owned(),
        span,
        word: None,
        gone: false,
    }
}

/// What changes of a rule that stands in both sets.
fn of_rule(before: (&Guardrails, &Rule), after: (&Guardrails, &Rule)) -> Vec<Change> {
    let (then, now) = (before.1, after.1);
    let mut said = standing::changes(before, after);
    if told::bare(&then.written) != told::bare(&now.written) {
        let mut when = standing::period(before, after);
        when.extend(standing::applies(&then.written, &now.written, &then.applies, &now.applies));
        // What holds in more places there also allows what it allows.
        if !register::wordings(now).is_empty() {
            for said in when.iter_mut().filter(|said| said.effect == Effect::Tightens) {
                said.effect = Effect::Loosens;
                said.sentence.push_str(", and allows its wordings as widely");
            }
        }
        said.extend(when);
        said.extend(own::changes(then, now));
        said.extend(register::needs(then, now));
    }
    let is_claim = matches!(now.check, super::kinds::Check::Claim(_));
    if (is_claim || !said.is_empty()) && !said.iter().any(|said| said.effect.needs_word()) {
        said.extend(uncaught(then, now));
    }
    // What a public rule only notes is held back by nobody.
    let is_note = then.public && standing::most(then) == Action::Note;
    for said in said.iter_mut().filter(|said| is_note && said.effect.needs_word()) {
        said.effect = Effect::Neutral;
    }
    said.into_iter().map(|said| about(now, said)).collect()
}

/// An example that the rule caught and catches no more, whatever it is that changed.
fn uncaught(before: &Rule, after: &Rule) -> Option<Said> {
    if after.check.asks().is_some() {
        return None;
    }
    let lost = before.examples.iter().find(|example| {
        let (text, ground) = (Text::new(&example.sample.text), example.sample.ground());
        let caught = |rule: &Rule| !hits(rule, &text, &ground).found.is_empty();
        matches!(example.expect, super::examples::Expect::Fail { .. }) && caught(before) && !caught(after)
    })?;
    Some(Said::new(Effect::Loosens, format!("no longer catches its example {}", quoted(&lost.sample.text))))
}

fn gone(rule: &Rule, after: &Guardrails) -> Option<Change> {
    let asleep =
        rule.public && !rule.id.split_once('.').is_some_and(|(style, _)| after.styles.contains(style));
    // A style that is no longer named is said once.
    if asleep {
        return None;
    }
    let family = match &rule.check {
        super::kinds::Check::Claim(claim) if claim.is_whole_family() => claim.family.as_deref(),
        _ => None,
    };
    if after.not_run.contains(&rule.id) {
        let mut said = Said::new(Effect::Loosens, "is turned off: this version does not run it");
        said.word = Some("said in guardrails.yml".to_owned());
        return Some(about(rule, said));
    }
    let sentence = match family {
        Some(family) => format!("is gone: the family `{family}` is no longer closed"),
        None => "is gone".to_owned(),
    };
    let change = about(rule, Said::new(Effect::Loosens, sentence));
    Some(Change { span: Span::START, gone: true, ..change })
}

fn new(rule: &Rule, before: &Guardrails) -> Option<Change> {
    let style = rule.id.split_once('.').map_or("", |(style, _)| style);
    if rule.public && !before.styles.contains(style) {
        return None;
    }
    let settings = rule.settings(None);
    let (effect, what) = match settings.mode {
        Enforcement::Off => (Effect::Neutral, "is new, and turned off".to_owned()),
        Enforcement::Shadow => (Effect::Neutral, "is new, and only tried (shadow)".to_owned()),
        Enforcement::Enforce if settings.action == Action::Note => {
            (Effect::Neutral, "is new: what it finds is only noted".to_owned())
        }
        Enforcement::Enforce => {
            (Effect::Tightens, format!("is new: what it finds is {}", told::follows(settings.action)))
        }
    };
    let allowed = register::wordings(rule);
    let what = match allowed.is_empty() {
        true => what,
        false => format!("{what}; {}it may be said as {}", register::condition(rule), told::list(&allowed)),
    };
    Some(about(rule, Said::new(effect, what)))
}

/// Public styles that are put in force or out of it: done in plain sight, in one word of guardrails.yml.
fn styles(before: &Guardrails, after: &Guardrails) -> Vec<Change> {
    let rules = |set: &Guardrails, style: &str| -> Vec<(String, bool)> {
        let of = |rule: &&Rule| rule.public && rule.id.split_once('.').is_some_and(|(of, _)| of == style);
        let raised = |rule: &Rule| standing::most(rule) > Action::Note;
        set.rules.iter().filter(of).map(|rule| (rule.file.clone(), raised(rule))).collect()
    };
    let mut all = Vec::new();
    for style in before.styles.difference(&after.styles) {
        let rules = rules(before, style);
        let loosens = rules.iter().any(|(_, raised)| *raised);
        let effect = if loosens { Effect::Loosens } else { Effect::Neutral };
        let sentence =
            format!("the style `{style}` is no longer in force ({})", counted(rules.len(), "rule"));
        let file = rules.first().map_or("guardrails.yml", |(file, _)| file);
        let change = elsewhere(style, effect, sentence, file, Span::START);
        all.push(Change { word: Some("taken out of `styles` in guardrails.yml".to_owned()), ..change });
    }
    for style in after.styles.difference(&before.styles) {
        let rules = rules(after, style);
        let raised = rules.iter().filter(|(_, raised)| *raised).count();
        let (effect, what) = match raised {
            0 => (Effect::Neutral, "whose findings are notes".to_owned()),
            raised => (Effect::Tightens, format!("{raised} of them more than notes")),
        };
        let sentence = format!("the style `{style}` is in force ({}, {what})", counted(rules.len(), "rule"));
        let file = rules.first().map_or("guardrails.yml", |(file, _)| file);
        all.push(elsewhere(style, effect, sentence, file, Span::START));
    }
    all
}

/// Words that public rules may not object to. Where all that those rules find is noted, they let nothing pass.
fn accepted(before: &Guardrails, after: &Guardrails) -> Vec<Change> {
    let public = || after.rules.iter().filter(|rule| rule.public);
    let Some(first) = public().next() else { return Vec::new() };
    let file = match first.file.find("styles/") {
        Some(at) => format!("{}vocabulary/accept.txt", first.file.get(..at).unwrap_or_default()),
        None => "vocabulary/accept.txt".to_owned(),
    };
    let counts = public().any(|rule| standing::most(rule) > Action::Note);
    let less = |a: &[String], b: &[String]| -> Vec<String> {
        a.iter().filter(|word| !b.contains(word)).cloned().collect()
    };
    let (added, removed) = (less(&after.accepted, &before.accepted), less(&before.accepted, &after.accepted));
    let effect = |effect| if counts { effect } else { Effect::Neutral };
    let mut all = Vec::new();
    if !added.is_empty() {
        let sentence = format!("public rules no longer object to {}", told::list(&added));
        all.push(elsewhere(ACCEPTED, effect(Effect::Loosens), sentence, &file, Span::START));
    }
    if !removed.is_empty() {
        let sentence = format!("public rules may object to {} again", told::list(&removed));
        all.push(elsewhere(ACCEPTED, effect(Effect::Tightens), sentence, &file, Span::START));
    }
    all
}

/// Texts that rules do not hold back: the waiver itself gives the reason.
fn waived(before: &Guardrails, after: &Guardrails) -> Vec<Change> {
    let (then, now) = (before.waivers.all(), after.waivers.all());
    let told = |waiver: &Waiver| {
        let rules: Vec<String> = waiver.rules.iter().map(|(name, _)| name.clone()).collect();
        (quoted(&waiver.text), told::names(&rules), told::day(waiver.until))
    };
    let mut all = Vec::new();
    for waiver in now.iter().filter(|waiver| !then.iter().any(|known| known.is_as(waiver))) {
        let (text, rules, until) = told(waiver);
        let sentence = format!("until {until} the one text {text} is not held back by {rules}");
        let change = elsewhere(WAIVERS, Effect::Loosens, sentence, &waiver.file, waiver.span);
        let word = format!("{} ({})", waiver.reason, waiver.by);
        all.push(Change { word: Some(word), ..change });
    }
    for waiver in then.iter().filter(|waiver| !now.iter().any(|known| known.is_as(waiver))) {
        let (text, rules, until) = told(waiver);
        let sentence = format!("the waiver of {rules} for {text} until {until} is gone");
        all.push(elsewhere(WAIVERS, Effect::Tightens, sentence, &waiver.file, Span::START));
    }
    all
}

fn ceilings(before: &[Bound], after: &[Bound]) -> Vec<Change> {
    let same = |a: &Bound, b: &Bound| told::bare(&a.written) == told::bare(&b.written);
    let place = |bound: &Bound| standing::Place::of(&bound.written, &bound.applies);
    // Whether one holds wherever another does.
    let holds = |now: &Bound, then: &Bound| {
        let whens = standing::whens(&then.written, &now.written);
        standing::covers(&now.applies.placements, &then.applies.placements) && whens.keeps
    };
    let limits = |now: &Bound, then: &Bound| {
        then.ceiling.mode.is_none() || now.ceiling.mode.is_some_and(|m| Some(m) <= then.ceiling.mode)
    };
    let approves = |now: &Bound, then: &Bound| now.ceiling.approval || !then.ceiling.approval;
    let (mut all, mut told_of) = (Vec::new(), Vec::new());
    for then in before.iter().filter(|then| !after.iter().any(|now| same(now, then))) {
        let mode_kept = after.iter().any(|now| holds(now, then) && limits(now, then));
        let approval_kept = after.iter().any(|now| holds(now, then) && approves(now, then));
        if mode_kept && approval_kept {
            continue;
        }
        let at = place(then);
        // What stands in its place, if anything does: it goes by the same, or is the only one that is new.
        let successor = after.iter().find(|now| place(now).told == at.told);
        let (sentence, span, file) = match successor {
            Some(now) => {
                let was = told::ceiling(then.ceiling);
                let sentence =
                    format!("the ceiling {} is {} instead of {was}", at.told, told::ceiling(now.ceiling));
                told_of.push(now.span);
                (sentence, now.span, &now.file)
            }
            None => {
                let others = after.iter().any(|now| !before.iter().any(|then| same(now, then)));
                let how = if others { "no longer holds everywhere it did" } else { "is gone" };
                let sentence = format!("the ceiling {} ({}) {how}", at.told, told::ceiling(then.ceiling));
                (sentence, Span::START, &then.file)
            }
        };
        all.push(elsewhere(CEILINGS, Effect::Loosens, sentence, file, span));
    }
    for now in after.iter().filter(|now| !before.iter().any(|then| same(now, then))) {
        let stood = before.iter().any(|then| holds(then, now) && limits(then, now) && approves(then, now));
        if told_of.contains(&now.span) {
            continue;
        }
        let effect = if stood { Effect::Neutral } else { Effect::Tightens };
        let sentence = format!("a ceiling holds {}: {}", place(now).told, told::ceiling(now.ceiling));
        all.push(elsewhere(CEILINGS, effect, sentence, &now.file, now.span));
    }
    all
}

#[cfg(test)]
mod tests;
