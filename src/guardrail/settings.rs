//! `guardrails.yml`: what is in force, overrides, ceilings and retired rules, in one place.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::examples::{head, start_of_day};
use super::read::{ACTIONS, LEVELS, enforcement, when};
use super::rule::{Action, Applies, Enforcement, Override, Rule};
use super::waivers::{self, Waiver, Waivers};
use super::{Bound, Ceiling, MODES};
use crate::diagnostic::{Diagnostic, Span};
use crate::document::{Faults, Fields, Key, Node, boolean, date, did_you_mean, entries, list, one_of, text};

/// The word of somebody that a rule went, or became looser, on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Retired {
    pub(super) id: String,
    pub(super) reason: String,
    pub(super) by: String,
    pub(super) on: Date,
}

/// What the file says.
#[derive(Debug, Default)]
pub(super) struct Settings {
    overrides: Vec<(Key, Span, Override)>,
    pub(super) ceilings: Vec<Bound>,
    retired: Vec<Retired>,
    waivers: Vec<Waiver>,
    /// Folders of public rules that it puts in force, and where it names them.
    pub(super) styles: Vec<(String, Span)>,
}

/// Reads the file.
pub(super) fn read(node: &Node, timezone: &TimeZone, faults: &Faults) -> Settings {
    let mut settings = Settings::default();
    let Some(mut fields) = Fields::of(node, "`guardrails.yml`", faults) else { return settings };
    for style in fields.take("styles").map(|node| list(node, faults)).unwrap_or_default() {
        if let Some(name) = text(style, faults) {
            settings.styles.push((name, style.span));
        }
    }
    for (key, node) in fields.take("rules").map(|node| entries(node, faults)).unwrap_or_default() {
        if let Some((span, read)) = overriding(node, timezone, faults) {
            settings.overrides.push((key.clone(), span, read));
        }
    }
    let ceilings = fields.take("ceilings").map(|node| list(node, faults)).unwrap_or_default();
    settings.ceilings = ceilings.iter().filter_map(|node| ceiling(node, faults)).collect();
    let retirements = fields.take("retired").map(|node| list(node, faults)).unwrap_or_default();
    settings.retired = retirements.iter().filter_map(|node| retired(node, faults)).collect();
    settings.waivers =
        fields.take("waivers").map(|node| waivers::read(node, timezone, faults)).unwrap_or_default();
    fields.finish(faults);
    settings
}

fn overriding(node: &Node, timezone: &TimeZone, faults: &Faults) -> Option<(Span, Override)> {
    let mut fields = Fields::of(node, "what is said of a rule", faults)?;
    let level = fields.take("level").and_then(|node| one_of(node, LEVELS, faults));
    let on_match = fields.take("on_match");
    let span = on_match.map_or(node.span, |node| node.span);
    let on_match = on_match.and_then(|node| one_of(node, ACTIONS, faults));
    let (mode, because) = enforcement(&mut fields, faults);
    let until = fields.take("until").and_then(|node| date(node, faults));
    fields.finish(faults);
    let before = until.and_then(|day| day_after(day, timezone));
    Some((span, Override { level, on_match, mode, before, because }))
}

fn day_after(day: jiff::civil::Date, timezone: &TimeZone) -> Option<Timestamp> {
    start_of_day(day.tomorrow().ok()?, timezone)
}

fn ceiling(node: &Node, faults: &Faults) -> Option<Bound> {
    const HELP: &str = "write `mode: segment` or `prewritten`, or `approval: true`";
    let mut fields = Fields::of(node, "a ceiling", faults)?;
    let when = fields.take("when").and_then(|node| when(node, faults));
    let placements = fields.texts("placement", faults);
    let (mode, approval) = (fields.take("mode"), fields.take("approval"));
    if mode.is_none() && approval.is_none() && fields.misspelt("approval").is_none() {
        let span = head(node.span);
        let fault = Diagnostic::error(faults.file(), span, "a ceiling needs `mode` or `approval`");
        fields.lacks("mode", fault.with_help(HELP), faults);
    }
    let mode = mode.and_then(|node| one_of(node, MODES, faults));
    let required = approval.and_then(|node| boolean(node, faults));
    if let (Some(approval), Some(false)) = (approval, required) {
        let message = "a ceiling can only ask for approval, never waive it";
        faults.error_with_help(approval.span, message, "write `approval: true`, or take it out");
    }
    fields.finish(faults);
    let ceiling = Ceiling { mode, approval: required == Some(true) };
    let applies = Applies { locales: Vec::new(), placements, when };
    let (file, written) = (faults.file().to_owned(), node.clone());
    Some(Bound { applies, ceiling, file, span: head(node.span), written })
}

fn retired(node: &Node, faults: &Faults) -> Option<Retired> {
    const HELP: &str = "say which rule went, why, by whom and when: \
                        `{id: brand.old-slogan, reason: campaign over, by: jo@example.com, on: 2026-11-01}`";
    let mut fields = Fields::of(node, "a retired rule", faults)?;
    let id = fields.require("id", HELP, faults);
    let reason = fields.require_text("reason", HELP, faults);
    let by = fields.require_text("by", HELP, faults);
    let on = fields.require("on", HELP, faults).and_then(|node| date(node, faults));
    fields.finish(faults);
    Some(Retired { id: text(id?, faults)?, reason: reason?, by: by?, on: on? })
}

/// What is left of the file once it is applied to the rules.
#[derive(Debug, Default)]
pub(super) struct Applied {
    pub(super) ceilings: Vec<Bound>,
    pub(super) retired: Vec<Retired>,
    pub(super) waivers: Waivers,
}

impl Settings {
    /// The rules that are turned off for good. One that is off until a day would have to run after it.
    pub(super) fn off(&self) -> BTreeSet<String> {
        let off = self
            .overrides
            .iter()
            .filter(|(_, _, over)| over.mode == Some(Enforcement::Off) && over.before.is_none());
        off.map(|(key, _, _)| key.text.clone()).collect()
    }

    /// Applies the overrides to the rules and answers what else the file says. `known` holds the ids of all rules that stand in
    /// the files, of those too that did not compile; `unread` the names of the lists that are no YAML; `asleep` the
    /// public styles that are there and not in force.
    pub(super) fn apply(
        self,
        rules: &mut [Rule],
        known: &BTreeSet<String>,
        unread: &BTreeSet<String>,
        asleep: &BTreeSet<&str>,
        faults: &Faults,
    ) -> Applied {
        for (key, span, over) in self.overrides {
            let stem = key.text.split_once('.').map(|(stem, _)| stem);
            if !known.contains(&key.text) {
                let (message, help) = match stem {
                    Some(stem) if unread.contains(stem) => continue,
                    Some(style) if asleep.contains(style) => (
                        format!("`{}` is not in force: its style is not named", key.text),
                        format!("name it: `styles: [{style}]`, or take this out"),
                    ),
                    _ => (
                        format!("there is no rule `{}`", key.text),
                        did_you_mean(&key.text, known.iter().map(String::as_str)),
                    ),
                };
                faults.error_with_help(key.span, message, help);
                continue;
            }
            let Some(rule) = rules.iter_mut().find(|rule| rule.id == key.text) else { continue };
            if over.on_match == Some(Action::Fix) && !rule.corrects() {
                let message = format!("`{}` has no correction of its own to apply", rule.id);
                faults.error_with_help(span, message, "write `on_match: repair`");
            }
            rule.overridden = over;
        }
        let named = |name: &str| {
            let stem = name.split_once('.').map_or("", |(stem, _)| stem);
            // Of a list that is no YAML, and of a style that is not in force, nothing is known.
            let unknown = waivers::unknown(name, &mut known.iter().map(String::as_str));
            unknown.filter(|_| !unread.contains(stem))
        };
        let waivers = Waivers::of(self.waivers, &named, faults);
        Applied { ceilings: self.ceilings, retired: self.retired, waivers }
    }
}
