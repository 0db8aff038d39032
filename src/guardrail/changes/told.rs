//! Words for what changed.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::super::rule::Enforcement;
use super::super::{Action, Ceiling, MODES};
use crate::diagnostic::Span;
use crate::document::{Kind, Node};

/// The most words that one sentence lists.
const MOST_LISTED: usize = 8;
/// The longest that a quoted text gets, in characters.
const MOST_QUOTED: usize = 120;

/// A value without where it stands: two that are equal say the same.
pub(crate) fn bare(node: &Node) -> Value {
    match &node.kind {
        Kind::Scalar { text, .. } => Value::String(text.clone()),
        Kind::List(items) => items.iter().map(bare).collect(),
        Kind::Map(entries) => {
            Value::Object(entries.iter().map(|(key, node)| (key.text.clone(), bare(node))).collect())
        }
    }
}

/// A map that says nothing.
pub(crate) fn nothing() -> Node {
    Node { span: Span::START, kind: Kind::Map(Vec::new()) }
}

/// A value as a person would write it on one line.
pub(crate) fn written(node: &Node) -> String {
    match &node.kind {
        Kind::Scalar { text, .. } => cut(text),
        Kind::List(items) => format!("[{}]", items.iter().map(within).collect::<Vec<_>>().join(", ")),
        Kind::Map(entries) => {
            let entries = entries.iter().map(|(key, node)| format!("{}: {}", key.text, within(node)));
            entries.collect::<Vec<_>>().join(", ")
        }
    }
}

/// The same of what stands within another value.
fn within(node: &Node) -> String {
    match &node.kind {
        Kind::Map(_) => format!("{{{}}}", written(node)),
        _ => written(node),
    }
}

fn cut(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= MOST_QUOTED {
        return text;
    }
    text.chars().take(MOST_QUOTED - 1).chain(['…']).collect()
}

pub(crate) fn quoted(text: &str) -> String {
    format!("“{}”", cut(text))
}

/// Words in quotes, one after the other.
pub(crate) fn list(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().take(MOST_LISTED).map(|word| quoted(word)).collect();
    joined(&quoted, words.len())
}

/// Names in the marks of code, one after the other.
pub(crate) fn names(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().take(MOST_LISTED).map(|name| format!("`{}`", cut(name))).collect();
    joined(&quoted, names.len())
}

fn joined(quoted: &[String], of: usize) -> String {
    match quoted {
        [] => String::new(),
        [only] => only.clone(),
        [most @ .., last] if quoted.len() == of => format!("{} and {last}", most.join(", ")),
        _ => format!("{} and {} more", quoted.join(", "), of - quoted.len()),
    }
}

/// Where something applies.
pub(crate) fn over(written: &Node, placements: &[String]) -> String {
    let placements = match placements {
        [] => "over every placement".to_owned(),
        some => format!("over {}", names(some)),
    };
    let when = written.get("when").map(|when| format!(" where `{}`", self::written(when)));
    format!("{placements}{}", when.unwrap_or_default())
}

pub(crate) fn counted(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

pub(super) fn day(date: Date) -> String {
    date.strftime("%-d %B %Y").to_string()
}

/// The day that begins at an instant.
pub(super) fn from(at: Timestamp, zone: &TimeZone) -> String {
    day(at.to_zoned(zone.clone()).date())
}

/// The last day before an instant.
pub(super) fn until(before: Timestamp, zone: &TimeZone) -> String {
    let date = before.to_zoned(zone.clone()).date();
    day(date.yesterday().unwrap_or(date))
}

/// What becomes of what a rule finds.
pub(super) fn follows(action: Action) -> &'static str {
    match action {
        Action::Note => "only noted",
        Action::Fix => "corrected by the machine",
        Action::Repair => "sent back to be rewritten",
        Action::Block => "blocked",
    }
}

/// How a rule stands.
pub(super) fn mode(mode: Enforcement) -> &'static str {
    match mode {
        Enforcement::Enforce => "enforced",
        Enforcement::Shadow => "only tried (shadow)",
        Enforcement::Off => "turned off",
    }
}

pub(crate) fn ceiling(ceiling: Ceiling) -> String {
    let mode = ceiling.mode.and_then(|mode| MODES.iter().find(|(_, known)| *known == mode));
    let parts = [
        mode.map(|(name, _)| format!("`{name}` at most")),
        ceiling.approval.then(|| "a person approves each text".to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
