//! Lints: what files may say and nobody can have meant, such as a token that never matches, an exception that takes a rule
//! away, a placement that does not exist. They are warnings: none holds an edit back.
//!
//! They read the files once more, beside the compiled rules: a rule that runs need not know where its words stand. What is
//! tried is tried on the rules themselves, with texts made from their own words; what cannot be told is not said.

mod applies;
mod expand;
mod fits;
mod words;

use jiff::Timestamp;

use super::Guardrails;
use super::load::{Role, roles};
use super::read::ENFORCEMENTS;
use super::rule::{Enforcement, Rule};
use super::waivers;
use crate::diagnostic::{Diagnostic, Span};
use crate::document::{Faults, Files, Kind as NodeKind, Node, parse};
use crate::segment::Attributes;

/// The kinds of warnings, each by a name that stays: what it is called where a program reads it, and what it says of a file.
pub const LINTS: &[(&str, &str)] = &[
    (NEVER_MATCHES, "A word or expression of a rule that no text can match"),
    (TWICE, "A word or expression that another one of the same rule finds already"),
    (EXCEPTED, "An exception so broad that nothing is left of what it is an exception to"),
    (SHADOWED, "What a rule finds, another rule that is at least as strict finds as well"),
    (IMPOSSIBLE, "A condition that nothing can fulfil"),
    (NOTHING_HAS_IT, "A placement, locale or value that is named and that nothing has"),
    (OVER, "A rule, a waiver, or what guardrails.yml says of a rule, whose last day is past"),
    (ENDLESS_TRIAL, "A rule that is only tried, without a day on which that ends"),
    (NO_ROOM, "A text that must be shown and is longer than the placement has room for"),
];
const NEVER_MATCHES: &str = "never-matches";
const TWICE: &str = "said-twice";
const EXCEPTED: &str = "always-excepted";
const SHADOWED: &str = "shadowed";
const IMPOSSIBLE: &str = "impossible-condition";
const NOTHING_HAS_IT: &str = "nothing-has-it";
const OVER: &str = "over";
const ENDLESS_TRIAL: &str = "endless-trial";
const NO_ROOM: &str = "no-room";

/// What stands beside the rules, for them to name.
#[derive(Debug)]
pub struct Surroundings<'s> {
    /// The placements.
    pub placements: Vec<Spot<'s>>,
    /// The locales that copy is written in, such as `de`.
    pub locales: Vec<&'s str>,
    /// The declared attributes; `None` where their file is faulty, and nothing is said of them.
    pub attributes: Option<&'s Attributes>,
}

/// A placement, as far as rules go by it.
#[derive(Clone, Copy, Debug)]
pub struct Spot<'s> {
    /// Its id.
    pub id: &'s str,
    /// The most characters of a text there.
    pub max_characters: Option<usize>,
}

/// One rule, and where it stands.
struct Site<'s> {
    rule: &'s Rule,
    file: &'s str,
    node: &'s Node,
}

/// The warnings noted so far.
struct Warnings(Vec<Diagnostic>);

impl Warnings {
    fn add(&mut self, code: &'static str, file: &str, span: Span, message: String, help: impl Into<String>) {
        let warning = Diagnostic::warning(file, span, message).with_help(help).with_code(code);
        self.0.push(warning);
    }
}

impl Site<'_> {
    fn warn(
        &self,
        warnings: &mut Warnings,
        code: &'static str,
        span: Span,
        message: String,
        help: impl Into<String>,
    ) {
        warnings.add(code, self.file, span, message, help);
        if let (Some(last), Some(owner)) = (warnings.0.last_mut(), self.rule.owner()) {
            last.owner = Some(owner.to_owned());
        }
    }

    /// The value below keys that stand in one another.
    fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self.node, |node, key| node.get(key)).filter(|node| !node.is_null())
    }
}

/// Looks through files that loaded as `guardrails`, as of a moment. `surroundings` is what stands beside them, where there
/// is anything. All that is found is a warning, in the order of the files.
pub fn lint(
    guardrails: &Guardrails,
    files: &Files,
    surroundings: Option<&Surroundings<'_>>,
    now: Timestamp,
) -> Vec<Diagnostic> {
    let read = |path: &str| parse(files.get(path).map(String::as_str).unwrap_or_default(), &Faults::of(path));
    let parsed: Vec<(&str, Role, Node)> =
        roles(files).into_iter().filter_map(|(path, role)| Some((path, role, read(path)?))).collect();
    let mut sites = Vec::new();
    for (file, role, node) in &parsed {
        let nodes: Vec<&Node> = match role {
            Role::Rules => items(node, "rules").iter().collect(),
            Role::Claims => items(node, "claims").iter().chain(values(node, "families")).collect(),
            _ => Vec::new(),
        };
        for node in nodes {
            let of = |rule: &&Rule| rule.file == **file && rule.span == node.span;
            sites.extend(guardrails.rules.iter().find(of).map(|rule| Site { rule, file, node }));
        }
    }
    let mut warnings = Warnings(Vec::new());
    for waiver in waivers::over(guardrails, now) {
        let message = format!("this waiver ended on {}: its text is held back again", waiver.until);
        warnings.add(OVER, &waiver.file, waiver.span, message, "take it out, or give a later day");
    }
    words::lint(guardrails, &sites, &mut warnings);
    for site in &sites {
        site.dates(now, &mut warnings);
        if let Some(surroundings) = surroundings {
            applies::rule(site, surroundings, &mut warnings);
            fits::statement(site, surroundings, &mut warnings);
        }
    }
    for (file, role, node) in &parsed {
        match role {
            Role::Settings => overrides(file, node, guardrails, now, &mut warnings),
            Role::Cases => {
                for case in items(node, "cases") {
                    applies::placement_of(case, file, surroundings, &mut warnings);
                }
            }
            _ => {}
        }
    }
    let mut found = warnings.0;
    found.sort_by(|a, b| (&a.file, a.span).cmp(&(&b.file, b.span)));
    found
}

/// The items of the list under a key; none where there is no such list.
fn items<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    match node.get(key).map(|node| &node.kind) {
        Some(NodeKind::List(items)) => items,
        _ => &[],
    }
}

/// The values of the map under a key; none where there is no such map.
fn values<'n>(node: &'n Node, key: &str) -> impl Iterator<Item = &'n Node> {
    let entries = match node.get(key).map(|node| &node.kind) {
        Some(NodeKind::Map(entries)) => entries.as_slice(),
        _ => &[],
    };
    entries.iter().map(|(_, value)| value)
}

/// The text of a scalar.
fn scalar(node: &Node) -> Option<&str> {
    match &node.kind {
        NodeKind::Scalar { text, .. } if !node.is_null() => Some(text),
        _ => None,
    }
}

fn says(node: Option<&Node>, wanted: Enforcement) -> bool {
    let word = ENFORCEMENTS.iter().find(|(_, mode)| *mode == wanted).map(|(word, _)| *word);
    node.and_then(scalar) == word && word.is_some()
}

impl Site<'_> {
    /// Dates that are past, and trials without one.
    fn dates(&self, now: Timestamp, warnings: &mut Warnings) {
        let until = self.at(&["effective", "until"]);
        if let (Some(before), Some(node), Some(day)) =
            (self.rule.effective.before, until, until.and_then(scalar))
            && before <= now
        {
            let message = format!("`{}` ended on {day}: it finds nothing any more", self.rule.id());
            let help = "give a later day, or take the rule out and list it under `retired` in guardrails.yml";
            self.warn(warnings, OVER, node.span, message, help);
        }
        let mode = self.at(&["mode"]);
        if let Some(node) = mode.filter(|_| says(mode, Enforcement::Shadow) && until.is_none()) {
            let message = format!("nothing says until when `{}` is only tried", self.rule.id());
            let help = format!(
                "take this line out and write in guardrails.yml `{}: {{mode: shadow, until: 2027-01-31}}`; after that day the rule is in force",
                self.rule.id()
            );
            self.warn(warnings, ENDLESS_TRIAL, node.span, message, help);
        }
    }
}

/// What `guardrails.yml` says of rules, against the day.
fn overrides(file: &str, root: &Node, guardrails: &Guardrails, now: Timestamp, warnings: &mut Warnings) {
    let Some(Node { kind: NodeKind::Map(entries), .. }) = root.get("rules") else { return };
    for (key, node) in entries {
        let rule = guardrails.rules.iter().find(|rule| rule.id == key.text);
        let until = node.get("until").and_then(|until| Some((until, scalar(until)?)));
        match (rule.and_then(|rule| rule.overridden.before), until) {
            (Some(before), Some((node, day))) if before <= now => {
                let message = format!("this ended on {day}: `{}` is again as its own file says", key.text);
                warnings.add(OVER, file, node.span, message, "take the line out, or give a later day");
            }
            (None, None) if says(node.get("mode"), Enforcement::Shadow) => {
                let span = node.get("mode").map_or(node.span, |mode| mode.span);
                let message = format!("nothing says until when `{}` is only tried", key.text);
                let help =
                    "add a last day, such as `until: 2027-01-31`; after it the rule is as its own file says";
                warnings.add(ENDLESS_TRIAL, file, span, message, help);
            }
            _ => {}
        }
    }
}
