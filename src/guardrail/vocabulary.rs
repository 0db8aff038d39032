//! `vocabulary/accept.txt` and `vocabulary/reject.txt`: words that public rules may not object to, and words never used.
//! One entry a line, each a regular expression; lines that begin with `#` are comments.

use super::engine::Engine;
use super::fold::fold_pattern;
use super::kinds::{Check, Phrases};
use super::patterns::{Style, check_token, compile, pattern_fault};
use super::rule::{Applies, Enforcement, Level, Override, Period, Rule};
use super::syntax;
use super::text::Reach;
use crate::diagnostic::{Position, Span};
use crate::document::{Faults, Key, Kind as NodeKind, Node};

/// The name of the rule that words never used make.
const REJECT: &str = "vocabulary.reject";
/// The most entries of one list.
const MAX_ENTRIES: usize = 10_000;

/// The entries of a list, each with where it stands.
fn entries<'c>(content: &'c str, faults: &Faults) -> Vec<(&'c str, Span)> {
    let content = content.strip_prefix('\u{feff}').unwrap_or(content);
    let lines = content.lines().zip(1..);
    let entries = lines.filter_map(|(line, number): (&str, u32)| {
        let entry = line.trim();
        let column = 1 + (line.chars().count() - line.trim_start().chars().count()) as u32;
        let start = Position { line: number, column };
        let end = Position { line: number, column: column + entry.chars().count() as u32 };
        (!entry.is_empty() && !entry.starts_with('#')).then_some((entry, Span { start, end }))
    });
    let mut entries: Vec<_> = entries.collect();
    for (entry, span) in entries.iter().filter(|(entry, _)| entry.contains(" #")) {
        let message = format!("is `{entry}` an entry with a comment behind it?");
        let help = r"give the comment a line of its own; write `\#` for the sign itself";
        faults.error_with_help(*span, message, help);
    }
    if let Some((_, span)) = entries.get(MAX_ENTRIES) {
        faults.error(*span, format!("more than {MAX_ENTRIES} entries"));
        entries.truncate(MAX_ENTRIES);
    }
    entries
}

/// The entries as a rule of the lists would have them.
fn written(entries: &[(&str, Span)], span: Span) -> Node {
    let scalar =
        |entry: &str, span| Node { span, kind: NodeKind::Scalar { text: entry.to_owned(), plain: false } };
    let key = |text: &str| Key { text: text.to_owned(), span };
    let listed = entries.iter().map(|(entry, span)| scalar(entry, *span)).collect();
    let tokens = Node { span, kind: NodeKind::List(listed) };
    let entries = vec![(key("extends"), scalar("existence", span)), (key("tokens"), tokens)];
    Node { span, kind: NodeKind::Map(entries) }
}

/// The words that public rules may not object to, as patterns.
pub(super) fn accepted(content: &str, faults: &Faults) -> Vec<String> {
    let sound = |(entry, span): &(&str, Span)| match Engine::new(&syntax::from_dot_net(entry)) {
        Ok(_) => true,
        Err(error) => {
            pattern_fault(&error, *span, faults);
            false
        }
    };
    entries(content, faults).into_iter().filter(sound).map(|(entry, _)| entry.to_owned()).collect()
}

/// The rule that words never used make; none when the list is empty or faulty. An entry in small letters is found with
/// capitals too, one with capitals only as written unless it begins with `(?i)`.
pub(super) fn rejected(content: &str, faults: &Faults) -> Option<Rule> {
    let before = faults.errors();
    let entries = entries(content, faults);
    let sound = |(entry, span): &(&str, Span)| check_token(entry, *span, faults);
    let patterns = entries.iter().filter(|entry| sound(entry)).map(|(entry, _)| {
        let capitals = entry.chars().any(char::is_uppercase);
        format!("(?{}:{})", if capitals { "-i" } else { "i" }, fold_pattern(entry))
    });
    let patterns: Vec<String> = patterns.collect();
    let (Some((_, first)), Some((_, last))) = (entries.first(), entries.last()) else { return None };
    if faults.errors() > before {
        return None;
    }
    let span = Span { start: first.start, end: last.end };
    let pattern = compile(&patterns.join("|"), Style::default(), span, faults)?;
    Some(Rule {
        id: REJECT.to_owned(),
        file: faults.file().to_owned(),
        span,
        level: Level::Error,
        on_match: None,
        mode: Enforcement::Enforce,
        message: "'%s' is among the words never used.".to_owned(),
        owner: None,
        reference: None,
        link: None,
        description: None,
        check: Check::Existence(Phrases { pattern, reach: Reach::Text }),
        exceptions: Vec::new(),
        applies: Applies::default(),
        effective: Period::default(),
        overridden: Override::default(),
        examples: Vec::new(),
        correction: None,
        at_most: None,
        public: false,
        written: written(&entries, span),
    })
}
