//! `load`: from the files of a guardrails directory to one compiled set, or to everything that is wrong with them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::claims::{self, Register};
use super::examples::head;
use super::prefilter::Prefilter;
use super::rule::Rule;
use super::settings;
use super::{Guardrails, Kind, cases, examples, read};
use super::{styles, vocabulary};
use crate::condition::Condition;
use crate::diagnostic::{Diagnostic, Span, any_error};
use crate::document::{Faults, Fields, Files, Node, list, parse};
use crate::words::Revision;

/// The most rules in one set.
const MAX_RULES: usize = 20_000;

/// What a file of a guardrails directory is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Settings,
    Rules,
    Claims,
    Cases,
    /// A rule of a public style.
    Public,
    /// Words that public rules may not object to.
    Accept,
    /// Words never used.
    Reject,
    /// YAML where none is read.
    Misplaced,
    /// What is meant for a file that is read, and is not called as that is.
    Misnamed,
    Ignored,
}

/// Tells what each file is for. The directory is where the files with the shortest paths stand.
pub(super) fn roles(files: &Files) -> BTreeMap<&str, Role> {
    const FOLDERS: &[&str] = &["cases", "styles", "vocabulary"];
    let folders = |path: &str| path.split('/').count() - 1;
    let in_folder = |path: &&String| path.split('/').rev().skip(1).any(|part| FOLDERS.contains(&part));
    let root = files.keys().filter(|path| !in_folder(path)).map(|path| folders(path)).min();
    let role = |path: &str| {
        let mut parts = path.rsplit('/');
        let name = parts.next().unwrap_or_default();
        let yaml = name.ends_with(".yml") || name.ends_with(".yaml");
        let lower = name.to_lowercase();
        let nearly_yaml = !yaml && (lower.contains(".yml") || lower.contains(".yaml"));
        let nearly = |folder: &str| FOLDERS.iter().any(|f| *f != folder && f.eq_ignore_ascii_case(folder));
        let within: Vec<&str> = match root {
            Some(root) => path.split('/').take(folders(path)).skip(root).collect(),
            None => parts.filter(|part| FOLDERS.contains(part)).collect(),
        };
        match (within.first().copied(), name) {
            _ if nearly_yaml => Role::Misnamed,
            (Some(folder), _) if nearly(folder) => Role::Misnamed,
            (Some("vocabulary"), "accept.txt") => Role::Accept,
            (Some("vocabulary"), "reject.txt") => Role::Reject,
            (Some("vocabulary"), _) if name.ends_with(".txt") => Role::Misplaced,
            (Some("styles"), _) if yaml => Role::Public,
            (Some("cases"), _) if yaml => Role::Cases,
            (None, "guardrails.yml") => Role::Settings,
            (None, "claims.yml" | "claims.yaml") => Role::Claims,
            (None, _) if yaml => Role::Rules,
            (Some(_), _) if yaml => Role::Misplaced,
            _ => Role::Ignored,
        }
    };
    files.keys().map(|path| (path.as_str(), role(path))).collect()
}

/// The content hash of a guardrails directory, and of the time zone that its dates are in: known before it is compiled.
pub fn hash_of(files: &Files, timezone: &TimeZone) -> Revision {
    let zone = timezone.iana_name().unwrap_or_default();
    let content = files.iter().map(|(path, content)| (path.as_str(), content.as_str()));
    Revision::of(std::iter::once(("timezone", zone)).chain(content))
}

/// Compiles the files of a guardrails directory. Keys of `files` are paths as shown to people, such as
/// `guardrails/brand.yml`. Runs every rule's own examples; dates are whole days in `timezone`.
///
/// There are guardrails exactly when no diagnostic is an error: a set is loaded whole or not at all.
pub fn load(files: &Files, timezone: &TimeZone) -> (Option<Guardrails>, Vec<Diagnostic>) {
    let mut found = Vec::new();
    let mut lists = Lists::default();
    let (mut claims, mut evidence) = (Vec::new(), Vec::new());
    // Where the register is faulty, nothing is said of what it may have brought.
    let mut register_is_sound = true;
    let roles = roles(files);
    let content = |path: &str| files.get(path).map(String::as_str).unwrap_or_default();
    // These come first: they may turn off a rule that this version cannot run.
    let settings = roles.iter().find(|(_, role)| **role == Role::Settings).map(|(path, _)| {
        let faults = Faults::of(*path);
        let read = parse(content(path), &faults).map(|node| settings::read(&node, timezone, &faults));
        (read.unwrap_or_default(), faults)
    });
    if let Some((settings, faults)) = &settings {
        lists.off = settings.off();
        lists.styles = styles::named(settings, &roles, faults);
    }
    let of_role =
        |wanted: Role| roles.iter().filter(move |(_, role)| **role == wanted).map(|(path, _)| *path);
    for path in of_role(Role::Accept) {
        let faults = Faults::of(path);
        lists.accepted.extend(vocabulary::accepted(content(path), &faults));
        found.extend(faults.into_diagnostics());
    }
    for (path, role) in &roles {
        let content = content(path);
        let faults = Faults::of(*path);
        match role {
            Role::Settings | Role::Accept => continue,
            Role::Public => {
                found.extend(lists.read_public(content, path));
                continue;
            }
            Role::Reject => {
                let rule = vocabulary::rejected(content, &faults);
                lists.known.extend(rule.iter().map(|rule| rule.id.clone()));
                lists.rules.extend(rule);
            }
            Role::Rules => match parse(content, &faults) {
                Some(node) => found.extend(lists.read(&node, path, timezone, &faults)),
                None => lists.unread.extend([stem(path).to_owned()]),
            },
            Role::Claims => {
                if let Some(node) = parse(content, &faults) {
                    let mut known = |id: &str| lists.known.insert(id.to_owned());
                    let read = claims::read(&node, &mut known, timezone, &faults);
                    register_is_sound = !any_error(&read.found);
                    found.extend(read.found);
                    claims.extend(read.rules);
                    evidence.extend(read.evidence);
                } else {
                    lists.unread.extend(["claims".to_owned()]);
                }
                register_is_sound &= faults.errors() == 0;
            }
            Role::Cases => {
                cases::read(content, timezone, &faults);
            }
            Role::Misplaced if path.ends_with(".txt") => faults.error_with_help(
                Span::START,
                "no words are read from this file",
                "name it `accept.txt` or `reject.txt`",
            ),
            Role::Misnamed => faults.error_with_help(
                Span::START,
                "nothing is read from a file of this name",
                "end it in `.yml`, in small letters, and write the folders `cases`, `styles` and `vocabulary` so",
            ),
            Role::Misplaced => faults.error_with_help(
                Span::START,
                "no rules are read from this folder",
                "move the file up into the guardrails directory, or into `cases/`",
            ),
            Role::Ignored => {}
        }
        found.extend(faults.into_diagnostics());
    }
    let Lists { mut rules, known, not_run, unread, styles, accepted, .. } = lists;
    // Whole families come last: they leave to their claims what these have found.
    rules.extend(claims);
    let asleep = styles::of(&roles).filter(|style| !styles.contains(*style)).collect();
    let settings::Applied { ceilings, retired, waivers } = match settings {
        None => settings::Applied::default(),
        Some((settings, faults)) => {
            let applied = settings.apply(&mut rules, &known, &unread, &asleep, &faults);
            found.extend(faults.into_diagnostics());
            applied
        }
    };
    let register = Register::put_together(evidence, &mut rules);
    if register_is_sound {
        found.extend(register.lint(&rules));
    }
    let tried = rules.iter().filter(|rule| !rule.public && (register_is_sound || rule.kind() != Kind::Claim));
    found.extend(tried.flat_map(examples::run).map(|fault| owned(fault, &rules)));
    found.extend(waivers.needless(&rules).into_iter().filter(|_| register_is_sound));
    found.sort_by(|a, b| (&a.file, a.span).cmp(&(&b.file, b.span)));
    if any_error(&found) {
        return (None, found);
    }
    let changes: BTreeSet<_> =
        rules.iter().flat_map(Rule::changes).chain(register.changes()).chain(waivers.changes()).collect();
    let guardrails = Guardrails {
        hash: Arc::new(hash_of(files, timezone)),
        context_paths: context_paths(
            rules
                .iter()
                .map(|rule| &rule.applies)
                .chain(ceilings.iter().map(|bound| &bound.applies))
                .filter_map(|applies| applies.when.as_ref())
                .chain(register.conditions()),
        ),
        prefilter: Prefilter::of(rules.iter().enumerate()),
        changes: changes.into_iter().collect(),
        timezone: timezone.clone(),
        register,
        rules,
        ceilings,
        retired,
        not_run,
        styles,
        accepted,
        waivers,
    };
    (Some(guardrails), found)
}

/// A file's name without its ending, which goes before the names of its rules.
fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(".yml").or_else(|| name.strip_suffix(".yaml")).unwrap_or(name)
}

/// The rules read so far, and the ids of all that stand in the files.
#[derive(Default)]
struct Lists {
    rules: Vec<Rule>,
    known: BTreeSet<String>,
    /// The ids that `guardrails.yml` turns off for good.
    off: BTreeSet<String>,
    /// Those among them whose kind this version cannot run.
    not_run: BTreeSet<String>,
    /// The names of lists that are no YAML: nothing is known of their rules.
    unread: BTreeSet<String>,
    /// The public styles in force.
    styles: BTreeSet<String>,
    /// Words that public rules may not object to.
    accepted: Vec<String>,
}

impl Lists {
    /// Reads a rule of a public style, when that is in force. One that cannot be run may be turned off.
    fn read_public(&mut self, content: &str, path: &str) -> Vec<Diagnostic> {
        let Some(id) = styles::id(path) else { return Vec::new() };
        if !id.split_once('.').is_some_and(|(style, _)| self.styles.contains(style)) {
            return Vec::new();
        }
        let faults = Faults::of(path);
        let rule = parse(content, &faults).and_then(|node| styles::rule(&node, &id, &self.accepted, &faults));
        if self.rules.len() == MAX_RULES {
            faults.error(Span::START, format!("more than {MAX_RULES} rules"));
        }
        let found = styles::with_way_out(faults, &id);
        self.known.insert(id.clone());
        if !any_error(&found) {
            self.rules.extend(rule);
            return found;
        }
        if self.off.contains(&id) {
            self.not_run.insert(id);
            return Vec::new();
        }
        found
    }

    /// Reads one list. Faults of a rule are answered with the rule's owner; faults of the file go to `faults`.
    fn read(&mut self, node: &Node, path: &str, timezone: &TimeZone, faults: &Faults) -> Vec<Diagnostic> {
        let stem = stem(path);
        let mut found = Vec::new();
        let Some(mut fields) = Fields::of(node, "a list of rules", faults) else { return found };
        let items = match node.get("rules") {
            Some(empty) if empty.is_null() => {
                // What is required and there, though empty, is a fault of its own.
                fields.take("rules");
                let help = "list the rules under it, or write `rules: []` if there are to be none";
                faults.error_with_help(head(empty.span), "the list under `rules` is empty", help);
                None
            }
            _ => fields.require("rules", "list the rules under `rules:`", faults),
        };
        for item in items.map(|node| list(node, faults)).unwrap_or_default() {
            let own = Faults::of(path);
            let owner = item.get("owner").and_then(|node| crate::document::text(node, &Faults::of(path)));
            let before = self.known.len();
            let id =
                item.get("id").and_then(|node| Some((node, crate::document::text(node, &Faults::of(path))?)));
            if let Some((node, id)) = id {
                let id = format!("{stem}.{id}");
                self.known.insert(id.clone());
                if self.known.len() == before {
                    own.error_with_help(
                        node.span,
                        format!("there is a second rule `{id}`"),
                        "give each a name of its own",
                    );
                } else if self.off.contains(&id) && read::is_to_come(item) {
                    self.not_run.insert(id);
                    continue;
                }
            }
            let rule = read::rule(item, stem, timezone, &own);
            if self.rules.len() == MAX_RULES {
                own.error(item.span, format!("more than {MAX_RULES} rules"));
            }
            let faults = own.into_diagnostics();
            self.rules.extend(rule.filter(|_| faults.is_empty() && self.rules.len() < MAX_RULES));
            found.extend(faults.into_iter().map(|fault| Diagnostic { owner: owner.clone(), ..fault }));
        }
        fields.finish(faults);
        found
    }
}

/// A diagnostic with the owner of the rule that it is about.
fn owned(fault: Diagnostic, rules: &[Rule]) -> Diagnostic {
    let rule = rules.iter().find(|rule| {
        rule.file == fault.file && rule.span.start <= fault.span.start && fault.span.start < rule.span.end
    });
    Diagnostic { owner: rule.and_then(|rule| rule.owner.clone()), ..fault }
}

fn context_paths<'a>(all: impl Iterator<Item = &'a Condition>) -> BTreeSet<String> {
    all.flat_map(|when| when.paths()).filter(|path| path.starts_with("context.")).map(str::to_owned).collect()
}
