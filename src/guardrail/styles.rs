//! `styles/<Style>/<Rule>.yml`: rules of public packages, dropped in unchanged.
//!
//! They are held against the text as given and mean what they mean to Vale on plain text. What cannot be run is a fault
//! until `guardrails.yml` turns the rule off.

use std::collections::{BTreeMap, BTreeSet};

use super::correction::{self, Correction};
use super::engine::Engine;
use super::examples::head;
use super::kinds::{
    Bounds, Check, KINDS, Kind, Occurrence, Phrases, Public, Replacement, Swaps, Told, Wanted,
};
use super::load::Role;
use super::patterns::{Exception, Pattern, Style, excused, pattern_fault};
use super::read::LEVELS;
use super::rule::{Applies, Enforcement, Level, Override, Period, Rule};
use super::settings::Settings;
use super::syntax::{self, from_dot_net};
use super::text::Reach;
use crate::diagnostic::{Diagnostic, Severity, Span};
use crate::document::{
    Faults, Fields, Key, Kind as NodeKind, Node, count, did_you_mean, entries, one_of, text, texts,
};

/// The kinds of public rules that are run.
const PUBLIC: &[Kind] = &[
    Kind::Existence,
    Kind::Substitution,
    Kind::Occurrence,
    Kind::Repetition,
    Kind::Consistency,
    Kind::Conditional,
    Kind::Capitalization,
    Kind::Metric,
    Kind::Readability,
];
/// The most words of one rule.
const MAX_WORDS: usize = 10_000;

/// The name of the rule in a file: `Microsoft.Passive` in `…/styles/Microsoft/Passive.yml`. `None` for what is no rule.
pub(super) fn id(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('/').collect();
    let folder = parts.iter().position(|part| *part == "styles")?;
    let within = parts.get(folder + 1..)?;
    let (name, folders) = within.split_last()?;
    let name = name.strip_suffix(".yml").or_else(|| name.strip_suffix(".yaml"))?;
    let is_rule = !folders.is_empty()
        && !folders.iter().skip(1).any(|folder| folder.starts_with('_'))
        && !name.ends_with("_test")
        && !name.ends_with(".test");
    is_rule.then(|| format!("{}.{name}", folders.join(".")))
}

/// The styles that stand among the files.
pub(super) fn of<'r>(roles: &'r BTreeMap<&str, Role>) -> impl Iterator<Item = &'r str> {
    let folder = |path: &'r str| {
        let mut parts = path.split('/').skip_while(|part| *part != "styles").skip(1);
        parts.next().filter(|_| parts.next().is_some())
    };
    roles.iter().filter(|(_, role)| **role == Role::Public).filter_map(move |(path, _)| folder(path))
}

/// The styles that the settings name. One that is not there is a fault.
pub(super) fn named(settings: &Settings, roles: &BTreeMap<&str, Role>, faults: &Faults) -> BTreeSet<String> {
    let known: BTreeSet<&str> = of(roles).collect();
    for (name, span) in settings.styles.iter().filter(|(name, _)| !known.contains(name.as_str())) {
        let help = match known.is_empty() {
            true => format!("put its rules into `styles/{name}/`, or take it out of `styles`"),
            false => did_you_mean(name, known.iter().copied()),
        };
        faults.error_with_help(*span, format!("there are no rules in `styles/{name}/`"), help);
    }
    settings.styles.iter().map(|(name, _)| name.clone()).collect()
}

/// The faults of a public rule. Its file stays as it is, so each says how to go on without the rule.
pub(super) fn with_way_out(faults: Faults, id: &str) -> Vec<Diagnostic> {
    let help = format!(
        "turn the rule off under `rules` in guardrails.yml: `{id}: {{mode: off, because: …}}`; it is not enforced then"
    );
    let faults = faults.into_diagnostics().into_iter();
    // A text that YAML cuts is cut for Vale too, and what was published is meant.
    let milder = |fault: &Diagnostic| fault.message.starts_with("YAML cuts this text");
    let said = |fault: Diagnostic| match milder(&fault) {
        true => Diagnostic { severity: Severity::Warning, ..fault },
        false => fault.with_help(help.clone()),
    };
    faults.map(said).collect()
}

/// Reads one rule. `accepted` are the words that no public rule may object to.
pub(super) fn rule(node: &Node, id: &str, accepted: &[String], faults: &Faults) -> Option<Rule> {
    let before = faults.errors();
    let node = plain_keys(node);
    let mut fields = Fields::of(&node, "a public rule", faults)?;
    let kind = kind(&mut fields, faults)?;
    let message = fields.require_text("message", "", faults);
    let level = fields.take("level").and_then(|node| one_of(node, LEVELS, faults)).unwrap_or(Level::Warning);
    let link = fields.text("link", faults);
    let description = fields.text("description", faults);
    let at_most = fields.take("limit").and_then(|node| count(node, faults)).filter(|limit| *limit > 0);
    for known in ["name", "tests", "code", "pos", "matchcase"] {
        fields.take(known);
    }
    let reach = fields.take("scope").map_or(Reach::Text, |node| {
        let scopes = texts(node, faults);
        for unknown in scopes.iter().filter_map(|scope| unknown_scope(scope)) {
            let help = did_you_mean(unknown, SCOPES.iter().copied());
            faults.error_with_help(node.span, format!("`{unknown}` is no scope of Vale's"), help);
        }
        reach(&scopes)
    });
    let style = Style {
        ignore_case: fields.boolean("ignorecase", false, faults),
        nonword: fields.boolean("nonword", false, faults),
        given: true,
    };
    let vocabulary = fields.boolean("vocab", true, faults);
    // Words are no exceptions to a rule that looks for other signs.
    let vocabulary = vocabulary && !(kind == Kind::Existence && style.nonword);
    let listed = fields.take("exceptions");
    let mut words = listed.map(|node| texts(node, faults)).unwrap_or_default();
    if vocabulary {
        words.extend_from_slice(accepted);
    }
    if words.len() > MAX_WORDS {
        faults.error(fields.span(), format!("more than {MAX_WORDS} exceptions"));
        return None;
    }
    let span = listed.map_or(head(fields.span()), |node| node.span);
    let phrases = matches!(kind, Kind::Conditional | Kind::Repetition);
    let exceptions: Vec<Exception> = match kind {
        Kind::Capitalization | Kind::Consistency | Kind::Occurrence | Kind::Metric | Kind::Readability => {
            Vec::new()
        }
        _ => excused(&words, phrases, span, faults),
    };
    let action = correction::take(&mut fields, true, faults);
    let own = matches!(&action, Some(Correction::Replace(params)) if params.is_empty());
    let lists = own && kind == Kind::Substitution;
    let mut check = match kind {
        Kind::Existence => existence(&mut fields, reach, style, faults).map(Check::Existence),
        Kind::Substitution => substitution(&mut fields, reach, style, own, faults).map(Check::Substitution),
        Kind::Occurrence => occurrence(&mut fields, reach, style, faults).map(Check::Occurrence),
        kind => Check::read(kind, &mut fields, style, faults),
    }?;
    check.look_at(reach);
    if let Check::Capitalization(capitalization) = &mut check {
        capitalization.except(&words, span, faults);
        capitalization.corrects = own;
    }
    let span = fields.span();
    fields.finish(faults);
    if faults.errors() > before {
        return None;
    }
    // What a rule offers itself needs no list.
    let correction = action.filter(|_| !own);
    Some(Rule {
        id: id.to_owned(),
        file: faults.file().to_owned(),
        span,
        level,
        on_match: None,
        mode: Enforcement::Enforce,
        message: plain_message(&message?, lists),
        owner: None,
        reference: None,
        link,
        description,
        check,
        exceptions,
        applies: Applies::default(),
        effective: Period::default(),
        overridden: Override::default(),
        examples: Vec::new(),
        correction,
        at_most,
        public: true,
        written: node.clone(),
    })
}

/// The map with its keys in small letters, and `True` as `true`: public rules are written either way.
fn plain_keys(node: &Node) -> Node {
    let NodeKind::Map(entries) = &node.kind else { return node.clone() };
    let entries = entries.iter().map(|(key, value)| {
        let mut value = value.clone();
        if let NodeKind::Scalar { text, plain: true } = &mut value.kind
            && matches!(text.as_str(), "True" | "TRUE" | "False" | "FALSE")
        {
            *text = text.to_lowercase();
        }
        (Key { text: key.text.to_lowercase(), span: key.span }, value)
    });
    Node { span: node.span, kind: NodeKind::Map(entries.collect()) }
}

fn kind(fields: &mut Fields<'_>, faults: &Faults) -> Option<Kind> {
    let node = fields.require("extends", "", faults)?;
    let given = text(node, faults)?;
    let known =
        KINDS.iter().find(|(word, kind)| *word == given && PUBLIC.contains(kind)).map(|(_, kind)| *kind);
    if known.is_none() {
        let message = match given.as_str() {
            "spelling" | "sequence" | "script" => format!("`{given}` rules are not run here"),
            _ => format!("`{given}` is no kind of public rule that is run here"),
        };
        faults.error(node.span, message);
    }
    known
}

/// The names that scopes are made of.
const SCOPES: &[&str] = &[
    "text",
    "txt",
    "raw",
    "summary",
    "sentence",
    "paragraph",
    "heading",
    "table",
    "cell",
    "header",
    "caption",
    "figure",
    "list",
    "link",
    "alt",
    "attr",
    "code",
    "codeblock",
    "strong",
    "emphasis",
    "blockquote",
    "comment",
    "line",
    "block",
    "doc",
    "md",
    "html",
    "rst",
    "adoc",
    "title",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "frontmatter",
    "meta",
    "mark",
    "kbd",
];

/// The name in a scope that none of them is; a rule for it would never be run.
fn unknown_scope(scope: &str) -> Option<&str> {
    let mut names =
        scope.split('&').flat_map(|part| part.trim().trim_start_matches('~').split('.')).map(str::trim);
    names.find(|name| !name.is_empty() && !SCOPES.contains(name))
}

/// What a public rule's scopes come to on plain text, which has paragraphs and sentences and no other parts.
fn reach(scopes: &[String]) -> Reach {
    let reaches: Vec<Reach> = scopes.iter().map(|scope| reach_of(scope)).collect();
    let wanted = [Reach::Text, Reach::Paragraph, Reach::Sentence];
    if scopes.is_empty() {
        return Reach::Text;
    }
    wanted.into_iter().find(|reach| reaches.contains(reach)).unwrap_or(Reach::Nowhere)
}

fn reach_of(scope: &str) -> Reach {
    let mut reach = Reach::Text;
    let mut sized = false;
    let mut excludes = false;
    for part in scope.split('&') {
        let part = part.trim();
        if let Some(excluded) = part.strip_prefix('~') {
            excludes = true;
            if excluded.split('.').all(|name| matches!(name.trim(), "text" | "txt")) {
                return Reach::Nowhere;
            }
            continue;
        }
        for name in part.split('.').map(str::trim) {
            match name {
                "text" | "txt" => {}
                "raw" | "summary" => sized = true,
                "sentence" => reach = Reach::Sentence,
                "paragraph" => reach = Reach::Paragraph,
                _ => return Reach::Nowhere,
            }
        }
    }
    if sized && excludes { Reach::Nowhere } else { reach }
}

/// Compiles a public pattern as a whole; `span` is where to say that it does not.
pub(super) fn compile(pattern: &str, ignore_case: bool, span: Span, faults: &Faults) -> Option<Pattern> {
    let flags = if ignore_case { "(?mi)" } else { "(?m)" };
    match Pattern::new(&format!("{flags}{}", from_dot_net(pattern)), true) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            pattern_fault(&error, span, faults);
            None
        }
    }
}

/// The words of a list, each a pattern that compiles by itself, and where it stands. Blank ones are none.
pub(super) fn words(node: &Node, faults: &Faults) -> Option<Vec<String>> {
    let items = match &node.kind {
        NodeKind::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if items.len() > MAX_WORDS {
        faults.error(node.span, format!("more than {MAX_WORDS} words"));
        return None;
    }
    let before = faults.errors();
    let words = items.iter().filter_map(|item| Some((text(item, faults)?, item.span)));
    let words: Vec<_> = words.filter(|(word, _)| !word.trim().is_empty()).collect();
    for (word, span) in &words {
        if let Err(error) = regex_of(word) {
            pattern_fault(&error, *span, faults);
        }
    }
    (faults.errors() == before).then(|| words.into_iter().map(|(word, _)| word).collect())
}

fn regex_of(word: &str) -> Result<Engine, super::engine::Refused> {
    Engine::new(&from_dot_net(word))
}

fn existence(fields: &mut Fields<'_>, reach: Reach, style: Style, faults: &Faults) -> Option<Phrases> {
    let append = fields.boolean("append", false, faults);
    let (raw, tokens) = (fields.take("raw"), fields.take("tokens"));
    let node = tokens.or(raw);
    if node.is_none() {
        let message = "this rule lists no words, so it finds nothing";
        let warning = Diagnostic::warning(faults.file(), head(fields.span()), message);
        faults.push(warning.with_help("list them under `tokens`, or take the file out"));
    }
    let raw = raw.map(|node| texts(node, faults).concat()).unwrap_or_default();
    let tokens = tokens.map_or(Some(Vec::new()), |node| words(node, faults))?;
    let boundary = if style.nonword || tokens.is_empty() { "" } else { r"\b" };
    let words = format!("{boundary}(?:{}){boundary}", tokens.join("|"));
    let whole = if append { words + &raw } else { raw + &words };
    let span = node.map_or(head(fields.span()), |node| node.span);
    Some(Phrases { pattern: compile(&whole, style.ignore_case, span, faults)?, reach })
}

fn substitution(
    fields: &mut Fields<'_>,
    reach: Reach,
    style: Style,
    replaces: bool,
    faults: &Faults,
) -> Option<Swaps> {
    let capitalize = fields.boolean("capitalize", false, faults);
    let node = fields.require("swap", "", faults)?;
    let before = faults.errors();
    let mut swaps = Vec::new();
    for (key, value) in entries(node, faults) {
        if let Err(error) = regex_of(&key.text) {
            pattern_fault(&error, key.span, faults);
        }
        swaps.push((key, if value.is_null() { String::new() } else { text(value, faults)? }));
    }
    if swaps.is_empty() && faults.errors() == before {
        let message = "this rule lists nothing to replace, so it finds nothing";
        let warning = Diagnostic::warning(faults.file(), node.span, message);
        faults.push(warning.with_help("list pairs under `swap`, or take the file out"));
    }
    if faults.errors() > before || swaps.len() > MAX_WORDS {
        return None;
    }
    // Of two that begin at the same place the longer one is meant.
    swaps.sort_by_key(|(key, _)| std::cmp::Reverse(key.text.len()));
    let mut replacements = Vec::with_capacity(swaps.len());
    let mut groups = Vec::with_capacity(swaps.len());
    let mut group = 1;
    for (key, wanted) in &swaps {
        let opened = key.text.matches('(').count();
        let kept = opened != key.text.matches("(?").count() + key.text.matches(r"\(").count();
        let pattern = if kept { without_groups(&key.text) } else { key.text.clone() };
        replacements.push(Replacement {
            told: Told::Group(group),
            wanted: Wanted::Public(Public {
                alone: asks_for_groups(wanted).then(|| alone(&key.text, style)).flatten(),
                accepts: if is_phrase(wanted) || replaces { None } else { accepts(wanted) },
                text: wanted.clone(),
                capitalize,
                replaces,
            }),
        });
        group += 1 + syntax::groups(&pattern);
        groups.push(format!("({pattern})"));
    }
    let boundary = if style.nonword { "" } else { r"\b" };
    let whole = format!("{boundary}(?:{}){boundary}", groups.join("|"));
    let pattern = compile(&whole, style.ignore_case, node.span, faults)?;
    Some(Swaps { pattern, reach, replacements, corrects: replaces })
}

/// Whether a text asks for what a group matched: `$1`.
fn asks_for_groups(text: &str) -> bool {
    text.split('$').skip(1).any(|after| after.starts_with(|c: char| c.is_ascii_digit()))
}

fn alone(swap: &str, style: Style) -> Option<Engine> {
    let flags = if style.ignore_case { "(?mi)" } else { "(?m)" };
    Engine::new(&format!("{flags}{}", from_dot_net(swap))).ok()
}

fn accepts(wanted: &str) -> Option<Engine> {
    Engine::new(&format!("(?m)^(?:{})$", from_dot_net(wanted))).ok()
}

/// Whether a text is words and not a pattern.
fn is_phrase(text: &str) -> bool {
    text.chars().all(|c| c.is_alphabetic() || c == ' ' || c.is_numeric() || c == '-')
}

/// The pattern with groups that keep nothing.
fn without_groups(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars().peekable();
    let mut before = ' ';
    while let Some(c) = chars.next() {
        out.push(c);
        if c == '(' && before != '\\' && chars.peek() != Some(&'?') {
            out.push_str("?:");
        }
        before = c;
    }
    out
}

fn occurrence(fields: &mut Fields<'_>, reach: Reach, style: Style, faults: &Faults) -> Option<Occurrence> {
    let node = fields.require("token", "", faults);
    let mut bound = |key| fields.take(key).and_then(|node| count(node, faults)).filter(|bound| *bound > 0);
    let bounds = Bounds { max: bound("max"), min: bound("min") };
    let node = node?;
    let pattern = compile(&format!("(?:{})", text(node, faults)?), style.ignore_case, node.span, faults)?;
    Some(Occurrence { pattern, reach, bounds, public: true })
}

/// A public rule's message as our own are written: `%s` for each thing that is filled in.
///
/// Options that are listed bring quotes of their own, so a message that has quotes for both what to write and what was
/// written loses those of the first.
fn plain_message(message: &str, listed: bool) -> String {
    let mut message = message.replace("%d", "%s").replace("%%", "%");
    for quoted in ["'%s'", "\"%s\""] {
        if listed && message.matches(quoted).count() == 2 {
            message = message.replacen(quoted, "%s", 1);
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_named_by_where_they_stand() {
        for (path, expected) in [
            ("guardrails/styles/Microsoft/Passive.yml", Some("Microsoft.Passive")),
            ("styles/A/b/C.yml", Some("A.b.C")),
            ("styles/A/_old/C.yml", None),
            ("styles/C.yml", None),
            ("styles/A/C_test.yml", None),
            ("styles/A/meta.json", None),
        ] {
            assert_eq!(id(path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn scopes_mean_what_they_mean_on_plain_text() {
        for (scopes, expected) in [
            (&["text"][..], Reach::Text),
            (&["sentence"], Reach::Sentence),
            (&["paragraph"], Reach::Paragraph),
            (&["raw"], Reach::Text),
            (&["heading"], Reach::Nowhere),
            (&["heading.h1", "sentence"], Reach::Sentence),
            (&["~code"], Reach::Text),
            (&["~text"], Reach::Nowhere),
            (&["paragraph & ~heading"], Reach::Paragraph),
            (&["text & ~heading.h1"], Reach::Text),
            (&["raw & ~heading"], Reach::Nowhere),
            (&["table.header", "list"], Reach::Nowhere),
            (&["summary"], Reach::Text),
            (&["sentence", "text"], Reach::Text),
            (&[], Reach::Text),
        ] {
            let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
            assert_eq!(reach(&scopes), expected, "{scopes:?}");
        }
    }
}
