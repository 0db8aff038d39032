//! Patterns that people write, compiled: tokens into one expression, word boundaries, and the exceptions of a rule.

use std::ops::Range;
use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::Ground;
use super::fold::{Space, fold_pattern, fold_text};
use super::plain::{Plain, is_boundary};
use super::text::{Reading, Text, slice};
use crate::condition::Scope;
use crate::diagnostic::Span;
use crate::document::{Faults, Node, list, text};

/// The most memory that one rule's compiled pattern may take, in bytes.
const MAX_COMPILED: usize = 8 * 1024 * 1024;
/// The same where it is all phrases, for which nothing but odd letters needs it.
const MAX_COMPILED_PHRASES: usize = 32 * MAX_COMPILED;
/// The most tokens of one rule.
const MAX_TOKENS: usize = 10_000;
/// The longest token, in characters.
const MAX_TOKEN: usize = 2_000;

/// Holds at a place where no word is cut in two. On the side of a token that begins or ends with another sign, such as
/// `£\d+`, it holds always: there is no word there to cut.
const BOUNDARY: &str = r"(?:\b{start-half}|\b{end-half})";

/// The same of words of ASCII letters: it holds wherever the other does.
const ASCII_BOUNDARY: &str = r"(?-u:\b{start-half}|\b{end-half})";

/// What patterns of a rule have in common.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Style {
    pub(super) ignore_case: bool,
    pub(super) nonword: bool,
}

/// A compiled pattern, and the pattern without boundaries that goes before it: cheap, and never misses what the full
/// one would match.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) full: Regex,
    pub(super) loose: String,
    quick: Quick,
}

/// A way to find what the full pattern finds, at a speed that does not depend on what letters the text holds.
#[derive(Debug)]
enum Quick {
    /// Its phrases, without a regex engine.
    Plain(Plain),
    /// The full pattern with boundaries of ASCII words: what it finds between boundaries of words is what the full one
    /// finds. Unicode's boundaries make the engine leave its fast path as soon as a text holds one `£`. Compiled when the
    /// first such text asks for it.
    Ascii { pattern: String, compiled: OnceLock<Option<Regex>> },
    /// There is none, nor need of it.
    Full,
}

impl Pattern {
    /// Where it matches, in the order of the text, nothing empty.
    pub(super) fn find(&self, text: &str) -> Vec<Range<usize>> {
        self.find_alternatives(text).into_iter().map(|(range, _)| range).collect()
    }

    /// Where it matches, and which of its alternatives did where that is known.
    pub(super) fn find_alternatives(&self, text: &str) -> Vec<(Range<usize>, Option<usize>)> {
        if let Quick::Plain(plain) = &self.quick
            && let Some(found) = plain.find(text)
        {
            return found.into_iter().map(|(range, alternative)| (range, Some(alternative))).collect();
        }
        let ascii = match &self.quick {
            Quick::Ascii { pattern, compiled } if !text.is_ascii() => compiled
                .get_or_init(|| RegexBuilder::new(pattern).size_limit(MAX_COMPILED).build().ok())
                .as_ref(),
            _ => None,
        };
        let found = match ascii {
            Some(ascii) => self.find_quickly(ascii, text),
            None => self
                .full
                .find_iter(text)
                .map(|found| found.range())
                .filter(|range| !range.is_empty())
                .collect(),
        };
        found.into_iter().map(|range| (range, None)).collect()
    }

    fn find_quickly(&self, ascii: &Regex, text: &str) -> Vec<Range<usize>> {
        let mut all = Vec::new();
        let mut at = 0;
        while let Some(found) = ascii.find_at(text, at) {
            // Where it would cut a word of other letters in two, the full pattern may match otherwise or further on.
            let holds = is_boundary(text, found.start()) && is_boundary(text, found.end());
            let found = if holds { Some(found) } else { self.full.find_at(text, found.start()) };
            let Some(range) = found.map(|found| found.range()) else { break };
            at = range.end;
            if range.is_empty() {
                at += slice(text, at..text.len()).chars().next().map_or(1, char::len_utf8);
            } else {
                all.push(range);
            }
        }
        all
    }
}

/// Reads a list of tokens, each a regular expression: its text as folded, and where it stands. Each that is faulty is a
/// fault of its own; `None` when any is.
pub(super) fn tokens(node: &Node, faults: &Faults) -> Option<Vec<(String, Span)>> {
    let before = faults.errors();
    let items = list(node, faults);
    if items.len() > MAX_TOKENS {
        faults.error_with_help(node.span, format!("more than {MAX_TOKENS} tokens"), "split the rule in two");
        return None;
    }
    let tokens: Vec<_> = items.iter().filter_map(|item| token(item, faults)).collect();
    if tokens.is_empty() && faults.errors() == before {
        faults.error_with_help(node.span, "this list is empty", "list at least one word or expression");
    }
    (faults.errors() == before).then_some(tokens)
}

/// Reads one token.
pub(super) fn token(node: &Node, faults: &Faults) -> Option<(String, Span)> {
    let given = text(node, faults)?;
    check_token(&given, node.span, faults).then(|| (fold_pattern(&given), node.span))
}

/// Whether a pattern compiles by itself and needs at least one character; a fault when not.
pub(super) fn check_token(given: &str, span: Span, faults: &Faults) -> bool {
    if given.chars().count() > MAX_TOKEN {
        faults.error(span, format!("this pattern is longer than {MAX_TOKEN} characters"));
        return false;
    }
    let folded = fold_pattern(given);
    // What is in order and not empty is compiled with the rest of its rule; only a fault needs the engine's words.
    let least = regex_syntax::parse(&folded).ok().and_then(|hir| hir.properties().minimum_len());
    if least.is_some_and(|least| least > 0) {
        return true;
    }
    match RegexBuilder::new(&folded).size_limit(MAX_COMPILED).build() {
        Err(error) => {
            pattern_fault(&error, span, faults);
            false
        }
        Ok(pattern) if pattern.is_match("") => {
            let help = "make at least one character of it necessary";
            faults.error_with_help(
                span,
                "this pattern matches the empty text, so it would match anywhere",
                help,
            );
            false
        }
        Ok(_) => true,
    }
}

fn pattern_fault(error: &regex::Error, span: Span, faults: &Faults) {
    let message = match error {
        regex::Error::Syntax(report) => {
            let reason = report.lines().last().unwrap_or_default().trim_start_matches("error: ");
            // The report shows the pattern indented by four, and a caret below where it goes wrong.
            let caret = report.lines().find(|line| line.trim_start().starts_with('^'));
            match caret.and_then(|line| line.find('^')).and_then(|at| at.checked_sub(4)) {
                Some(at) => format!("this pattern goes wrong at its character {}: {reason}", at + 1),
                None => format!("this pattern goes wrong: {reason}"),
            }
        }
        regex::Error::CompiledTooBig(_) => "this pattern is too large once compiled".to_owned(),
        _ => "this pattern cannot be compiled".to_owned(),
    };
    let help = if message.contains("look-around") {
        "this version has no look-around, `(?=`, `(?!`, `(?<=` or `(?<!`: write the words themselves as the token, and \
         the phrases in which they are allowed under `exceptions`"
    } else {
        "write a backslash before a sign that stands for itself, such as `\\(`"
    };
    faults.error_with_help(span, message, help);
}

/// Compiles an expression in a rule's style; `span` is where to say that it does not.
pub(super) fn compile(expression: &str, style: Style, span: Span, faults: &Faults) -> Option<Pattern> {
    compile_alternatives(&[expression], style, span, faults)
}

/// Compiles expressions of which the first that matches counts.
pub(super) fn compile_alternatives(
    alternatives: &[&str],
    style: Style,
    span: Span,
    faults: &Faults,
) -> Option<Pattern> {
    let expression = alternatives.join("|");
    let flags = if style.ignore_case { "(?mi)" } else { "(?m)" };
    let loose = format!("{flags}(?:{expression})");
    let full =
        if style.nonword { loose.clone() } else { format!("{flags}{BOUNDARY}(?:{expression}){BOUNDARY}") };
    let plain = Plain::of(alternatives, style.ignore_case, !style.nonword);
    let limit = if plain.is_some() { MAX_COMPILED_PHRASES } else { MAX_COMPILED };
    match RegexBuilder::new(&full).size_limit(limit).build() {
        Ok(full) => {
            let ascii = || format!("{flags}{ASCII_BOUNDARY}(?:{expression}){ASCII_BOUNDARY}");
            let quick = match plain {
                Some(plain) => Quick::Plain(plain),
                None if style.nonword => Quick::Full,
                None => Quick::Ascii { pattern: ascii(), compiled: OnceLock::new() },
            };
            Some(Pattern { full, loose, quick })
        }
        Err(error) => {
            pattern_fault(&error, span, faults);
            None
        }
    }
}

/// One of the alternatives of a pattern, to be held against the text from one character before a match: says whether the
/// match is of this alternative, and what its groups matched.
pub(super) fn behind_one(expression: &str, style: Style, span: Span, faults: &Faults) -> Option<Regex> {
    let flags = if style.ignore_case { "(?mi)" } else { "(?m)" };
    let boundary = if style.nonword { "" } else { BOUNDARY };
    let pattern = format!(r"{flags}\A(?s:.)(?:{expression}){boundary}");
    let compiled = RegexBuilder::new(&pattern).size_limit(MAX_COMPILED).build();
    compiled.map_err(|error| pattern_fault(&error, span, faults)).ok()
}

/// What a rule lets pass though it matches.
#[derive(Debug)]
pub(super) struct Exception {
    pub(super) span: Span,
    pub(super) given: String,
    what: Excepted,
}

#[derive(Debug)]
enum Excepted {
    /// A phrase that covers the match.
    Phrase(Pattern),
    /// A fact whose value, standing in the text, covers the match.
    Fact(String),
}

/// Reads a rule's exceptions.
pub(super) fn exceptions(node: &Node, style: Style, faults: &Faults) -> Vec<Exception> {
    list(node, faults).iter().filter_map(|item| exception(item, style, faults)).collect()
}

fn exception(node: &Node, style: Style, faults: &Faults) -> Option<Exception> {
    let given = text(node, faults)?;
    let is_path =
        |rest: &str| !rest.is_empty() && rest.chars().all(|c| c.is_alphanumeric() || "._-".contains(c));
    let what = if given.strip_prefix("product.").is_some_and(is_path) {
        Excepted::Fact(given.clone())
    } else {
        let (token, span) = token(node, faults)?;
        Excepted::Phrase(compile(&token, style, span, faults)?)
    };
    Some(Exception { span: node.span, given, what })
}

impl Exception {
    /// Whether it covers this range of the text as given.
    pub(super) fn covers(&self, range: &Range<usize>, text: &Text<'_>, ground: &Ground<'_>) -> bool {
        let covers = |reading: &Reading<'_>, folded: Range<usize>| {
            let given = reading.origin(folded);
            given.start <= range.start && range.end <= given.end
        };
        match &self.what {
            Excepted::Phrase(pattern) => text
                .readings()
                .any(|reading| pattern.find(reading.text()).into_iter().any(|found| covers(reading, found))),
            Excepted::Fact(path) => {
                let scope = Scope::new(None, ground.context, ground.facts, ground.at);
                let values = match scope.look_up(path) {
                    Some(Value::Array(items)) => items.iter().collect(),
                    other => other.into_iter().collect::<Vec<_>>(),
                };
                values.iter().filter_map(|value| value_text(value)).any(|value| {
                    let reading = text.spaced();
                    occurrences(reading.text(), &value).any(|found| covers(reading, found))
                })
            }
        }
    }
}

/// A scalar fact as it would stand in copy, folded.
fn value_text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(fold_text(&text, Space::One))
}

/// Where a phrase stands in a text as whole words, capitals aside.
pub(super) fn occurrences<'t>(text: &'t str, phrase: &'t str) -> impl Iterator<Item = Range<usize>> + 't {
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    text.char_indices().filter_map(move |(start, _)| {
        let end = start + prefix_length(slice(text, start..text.len()), phrase)?;
        let before = slice(text, 0..start).chars().next_back();
        let after = slice(text, end..text.len()).chars().next();
        let cuts = (is_word(before) && is_word(phrase.chars().next()))
            || (is_word(after) && is_word(phrase.chars().next_back()));
        (!cuts && end > start).then_some(start..end)
    })
}

fn prefix_length(text: &str, phrase: &str) -> Option<usize> {
    let mut length = 0;
    let mut chars = text.chars();
    for wanted in phrase.chars() {
        let found = chars.next().filter(|c| *c == wanted || c.to_lowercase().eq(wanted.to_lowercase()))?;
        length += found.len_utf8();
    }
    Some(length)
}
