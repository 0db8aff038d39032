//! Waivers: one text that some rules do not hold back, until the end of a day. For copy that somebody answers for and that
//! no exception of a rule describes, such as a slogan that a regulator allowed.
//!
//! A waiver is for a text as it reads, whole: its words and marks, however it is spaced and whatever look-alikes it is
//! written with; never for a text that holds it. What the rules find in it is recorded, as notes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Guardrails;
use super::examples::{Sample, head, start_of_day};
use super::judge::hits;
use super::rule::Rule;
use super::text::Text;
use crate::diagnostic::{Diagnostic, Span};
use crate::document::{Faults, Fields, Kind as NodeKind, Node, date, did_you_mean, list, text};

/// The most waivers of one set.
const MAX_WAIVERS: usize = 1_000;
/// What no waiver is for.
const STOPS: &str = "stop.";

/// A text that some rules do not hold back.
#[derive(Clone, Debug)]
pub(super) struct Waiver {
    /// The text as written.
    pub(super) text: String,
    /// The names of the rules, each with where it stands.
    pub(super) rules: Vec<(String, Span)>,
    pub(super) reason: String,
    pub(super) by: String,
    /// The last day.
    pub(super) until: Date,
    /// The instant at which it is over.
    pub(super) before: Timestamp,
    pub(super) file: String,
    pub(super) span: Span,
}

/// All waivers of a set, by how their texts read.
#[derive(Debug, Default)]
pub(super) struct Waivers {
    all: Vec<Waiver>,
    by_reading: BTreeMap<String, Vec<usize>>,
}

/// How a text reads: what two texts have in common that are one to a waiver.
fn reading(text: &str) -> String {
    Text::new(text).spaced().text().trim().to_owned()
}

/// Reads `waivers`.
pub(super) fn read(node: &Node, timezone: &TimeZone, faults: &Faults) -> Vec<Waiver> {
    let items = list(node, faults);
    if items.len() > MAX_WAIVERS {
        let help = "a rule that needs so many is not the rule that is meant; narrow it";
        faults.error_with_help(head(node.span), format!("more than {MAX_WAIVERS} waivers"), help);
        return Vec::new();
    }
    items.iter().filter_map(|item| waiver(item, timezone, faults)).collect()
}

fn waiver(node: &Node, timezone: &TimeZone, faults: &Faults) -> Option<Waiver> {
    const HELP: &str = "say which text, for which rules, why, by whom and until when: \
                        `{text: \"…\", rules: [compliance.no-promises], reason: …, by: jo@example.com, until: 2026-12-31}`";
    let mut fields = Fields::of(node, "a waiver", faults)?;
    let waived = fields.require_text("text", HELP, faults);
    let rules = fields.require("rules", HELP, faults).map(|node| named(node, faults));
    let reason = fields.require_text("reason", HELP, faults);
    let by = fields.require_text("by", HELP, faults);
    let until = fields.require("until", HELP, faults).and_then(|node| date(node, faults));
    fields.finish(faults);
    let (waived, rules, until) = (waived?, rules?, until?);
    if !reading(&waived).chars().any(char::is_alphanumeric) {
        faults.error_with_help(head(node.span), "the text of this waiver says nothing", HELP);
        return None;
    }
    let before = until.tomorrow().ok().and_then(|day| start_of_day(day, timezone))?;
    let (file, span) = (faults.file().to_owned(), head(node.span));
    Some(Waiver { text: waived, rules, reason: reason?, by: by?, until, before, file, span })
}

fn named(node: &Node, faults: &Faults) -> Vec<(String, Span)> {
    let items = match &node.kind {
        NodeKind::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let named: Vec<(String, Span)> =
        items.iter().filter_map(|item| Some((text(item, faults)?, item.span))).collect();
    if items.is_empty() {
        faults.error_with_help(node.span, "this names no rule", "name the rules that let the text pass");
    }
    for (_, span) in named.iter().filter(|(name, _)| name.starts_with(STOPS)) {
        let help = "lift the stop, if that is meant";
        faults.error_with_help(*span, "a stop holds over any policy, and nothing waives it", help);
    }
    named
}

impl Waivers {
    /// Puts them together. `known` are the names of all rules that stand in the files; what is wrong is noted in the file
    /// that the waivers stand in.
    pub(super) fn of(all: Vec<Waiver>, known: &dyn Fn(&str) -> Option<String>, faults: &Faults) -> Self {
        for (name, span) in all.iter().flat_map(|waiver| &waiver.rules) {
            if let Some(help) = known(name).filter(|_| !name.starts_with(STOPS)) {
                faults.error_with_help(*span, format!("there is no rule `{name}`"), help);
            }
        }
        let mut by_reading: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (place, waiver) in all.iter().enumerate() {
            by_reading.entry(reading(&waiver.text)).or_default().push(place);
        }
        Self { all, by_reading }
    }

    /// All of them, in the order of the file.
    pub(super) fn all(&self) -> &[Waiver] {
        &self.all
    }

    /// The waivers that stand for a text at an instant. Most sets have none, and most texts none of theirs: then this is
    /// one look, or none.
    pub(super) fn standing(&self, text: &Text<'_>, at: Option<Timestamp>) -> Vec<&Waiver> {
        if self.all.is_empty() {
            return Vec::new();
        }
        let Some(at) = at else { return Vec::new() };
        let places = self.by_reading.get(text.spaced().text().trim()).map(Vec::as_slice).unwrap_or_default();
        places.iter().filter_map(|place| self.all.get(*place)).filter(|waiver| at < waiver.before).collect()
    }

    /// The instants at which one is over.
    pub(super) fn changes(&self) -> impl Iterator<Item = Timestamp> {
        self.all.iter().map(|waiver| waiver.before)
    }

    /// Waivers for texts that none of their rules catches: a warning each.
    pub(super) fn needless(&self, rules: &[Rule]) -> Vec<Diagnostic> {
        let sample = Sample::default();
        let catches = |waiver: &Waiver, rule: &Rule| {
            let text = Text::new(&waiver.text);
            rule.check.asks().is_some() || !hits(rule, &text, &sample.ground()).found.is_empty()
        };
        let is_needless = |waiver: &&Waiver| {
            let mut named =
                rules.iter().filter(|rule| waiver.rules.iter().any(|(name, _)| *name == rule.id)).peekable();
            named.peek().is_some() && !named.any(|rule| catches(waiver, rule))
        };
        let needless = self.all.iter().filter(is_needless);
        let told = |waiver: &Waiver| {
            let message = "none of these rules catches the text of this waiver";
            let help = "copy the text exactly as it is shown, or take the waiver out";
            Diagnostic::warning(&waiver.file, waiver.span, message).with_help(help)
        };
        needless.map(told).collect()
    }
}

impl Waiver {
    /// Whether it is for a rule.
    pub(super) fn is_for(&self, rule: &str) -> bool {
        self.rules.iter().any(|(name, _)| name == rule)
    }

    /// Whether it says the same as another, wherever that stands.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        let names = |waiver: &Self| -> Vec<String> {
            let mut names: Vec<String> = waiver.rules.iter().map(|(name, _)| name.clone()).collect();
            names.sort();
            names
        };
        (reading(&self.text), names(self), self.until, &self.reason, &self.by)
            == (reading(&other.text), names(other), other.until, &other.reason, &other.by)
    }
}

/// Waivers that are over at an instant.
pub(super) fn over(guardrails: &Guardrails, at: Timestamp) -> impl Iterator<Item = &Waiver> {
    guardrails.waivers.all().iter().filter(move |waiver| waiver.before <= at)
}

/// What to write instead of the name of a rule that there is not.
pub(super) fn unknown(name: &str, known: &mut dyn Iterator<Item = &str>) -> Option<String> {
    let names: Vec<&str> = known.collect();
    (!names.contains(&name)).then(|| did_you_mean(name, names.into_iter()))
}
