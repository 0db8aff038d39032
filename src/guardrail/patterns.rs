//! Patterns that people write, compiled: tokens into one expression, word boundaries, and the exceptions of a rule.

use std::cell::Cell;
use std::ops::Range;
use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::Ground;
use super::engine::{Engine, GaveUp, Groups, MAX_COMPILED, Refused};
use super::fold::{Space, fold_pattern, fold_text};
use super::literals::is_free;
use super::plain::{Plain, is_boundary};
use super::prefilter::{Loose, Reads};
use super::rule::Hit;
use super::syntax;
use super::text::{Reach, Text, slice};
use crate::condition::Scope;
use crate::diagnostic::Span;
use crate::document::{Faults, Node, list, text};

/// The most memory that one rule's compiled pattern may take where it is all phrases, for which nothing but odd letters
/// needs it, in bytes.
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
    /// Whether patterns are held against the text as given, as public rules are, and not as it reads when folded.
    pub(super) given: bool,
}

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Pattern {
    full: Engine,
    /// The pattern without all that looks around: cheap, and it matches wherever the full one does. `None` when that
    /// would match anywhere.
    loose: Option<String>,
    quick: Quick,
    given: bool,
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

/// Where a pattern matched, and which of its alternatives did where that is known.
type Found = (Range<usize>, Option<usize>);

impl Pattern {
    /// A full pattern, ready to be held against texts.
    ///
    /// # Errors
    ///
    /// What the engine says that the pattern is for.
    pub(super) fn new(full: &str, given: bool) -> Result<Self, Refused> {
        Ok(Self::of(full, Engine::new(full)?, Quick::Full, given))
    }

    fn of(pattern: &str, full: Engine, quick: Quick, given: bool) -> Self {
        let loose = syntax::loosened(pattern);
        // What matches the empty text matches anywhere, and says nothing.
        let says = |loose: &String| {
            let parsed = regex_syntax::Parser::new().parse(loose);
            parsed.is_ok_and(|loose| loose.properties().minimum_len() != Some(0))
        };
        Self { full, loose: Some(loose).filter(says), quick, given }
    }

    /// Whether it is held against the text as given.
    pub(super) fn is_given(&self) -> bool {
        self.given
    }

    /// What goes before it, where there is such a thing.
    pub(super) fn loose(&self) -> Option<Loose<'_>> {
        let reads = if self.given { Reads::Given } else { Reads::Folded };
        self.loose.as_deref().map(|pattern| Loose { pattern, reads, whole: true })
    }

    /// The pieces of a text in which it is looked for one by one.
    pub(super) fn pieces(&self, text: &Text<'_>, reach: Reach) -> Vec<Range<usize>> {
        if self.given { text.pieces_given(reach) } else { text.pieces(reach) }
    }

    /// Where it matches in a piece of a text, in bytes of the text as given.
    pub(super) fn find(&self, text: &Text<'_>, piece: &Range<usize>) -> Result<Vec<Range<usize>>, GaveUp> {
        let found = self.in_readings(text, piece, |stretch| {
            Ok(self.ranges(stretch)?.into_iter().map(|range| (range, ())).collect())
        })?;
        Ok(found.into_iter().map(|(range, ())| range).collect())
    }

    /// Where it matches in a stretch of one reading, in its order, nothing empty.
    pub(super) fn ranges(&self, stretch: &str) -> Result<Vec<Range<usize>>, GaveUp> {
        Ok(self.alternatives(stretch)?.into_iter().map(|(range, _)| range).collect())
    }

    /// The same, without the quick ways.
    #[cfg(test)]
    pub(super) fn slowly(&self, stretch: &str) -> Result<Vec<Range<usize>>, GaveUp> {
        self.full.ranges(stretch)
    }

    /// The same, and which of its alternatives matched where that is known.
    pub(super) fn alternatives(&self, stretch: &str) -> Result<Vec<Found>, GaveUp> {
        if let Quick::Plain(plain) = &self.quick
            && let Some(found) = plain.find(stretch)
        {
            return Ok(found.into_iter().map(|(range, alternative)| (range, Some(alternative))).collect());
        }
        let ascii = match &self.quick {
            Quick::Ascii { pattern, compiled } if !stretch.is_ascii() => compiled
                .get_or_init(|| RegexBuilder::new(pattern).size_limit(MAX_COMPILED).build().ok())
                .as_ref(),
            _ => None,
        };
        let found = match (ascii, &self.full) {
            (Some(ascii), Engine::Linear(full)) => find_quickly(full, ascii, stretch),
            _ => self.full.ranges(stretch)?,
        };
        Ok(found.into_iter().map(|range| (range, None)).collect())
    }

    /// What `read` makes of each match in a piece of a text: a range of the stretch that it is given, and more.
    pub(super) fn captures<T>(
        &self,
        text: &Text<'_>,
        piece: &Range<usize>,
        read: impl Fn(&Groups<'_>) -> Option<(Range<usize>, T)>,
    ) -> Result<Vec<(Range<usize>, T)>, GaveUp> {
        self.in_readings(text, piece, |stretch| self.full.captures(stretch, &read))
    }

    /// What `find` finds in each reading of a piece.
    pub(super) fn in_readings<T>(
        &self,
        text: &Text<'_>,
        piece: &Range<usize>,
        find: impl Fn(&str) -> Result<Vec<(Range<usize>, T)>, GaveUp>,
    ) -> Result<Vec<(Range<usize>, T)>, GaveUp> {
        if self.given {
            let mut found = find(slice(text.given(), piece.clone()))?;
            for (range, _) in &mut found {
                *range = piece.start + range.start..piece.start + range.end;
            }
            return Ok(found);
        }
        let gave_up = Cell::new(false);
        let found = text.find_in(piece, |stretch| {
            find(stretch).unwrap_or_else(|GaveUp| {
                gave_up.set(true);
                Vec::new()
            })
        });
        if gave_up.get() { Err(GaveUp) } else { Ok(found) }
    }
}

fn find_quickly(full: &Regex, ascii: &Regex, text: &str) -> Vec<Range<usize>> {
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(found) = ascii.find_at(text, at) {
        // Where it would cut a word of other letters in two, the full pattern may match otherwise or further on.
        let holds = is_boundary(text, found.start()) && is_boundary(text, found.end());
        let found = if holds { Some(found) } else { full.find_at(text, found.start()) };
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

impl GaveUp {
    /// A rule that could not be run on a piece of text has not passed it.
    pub(super) fn hit(self, piece: Range<usize>) -> Hit {
        let instead =
            "this rule could not be run on this text: its pattern takes too many steps back".to_owned();
        Hit { instead: Some(instead), ..Hit::at(piece) }
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
    match Pattern::new(&folded, false) {
        Err(error) => {
            pattern_fault(&error, span, faults);
            false
        }
        Ok(pattern) if pattern.loose.is_none() => {
            let message = match pattern.full.is_match("") {
                Ok(false) => {
                    "outside its look-around this pattern matches the empty text, so it would be tried at every place"
                }
                _ => "this pattern matches the empty text, so it would match anywhere",
            };
            faults.error_with_help(span, message, "make at least one character of it necessary");
            false
        }
        Ok(_) => true,
    }
}

pub(super) fn pattern_fault(error: &Refused, span: Span, faults: &Faults) {
    let message = match error {
        Refused::Linear(regex::Error::Syntax(report)) => {
            let reason = report.lines().last().unwrap_or_default().trim_start_matches("error: ");
            // The report shows the pattern indented by four, and a caret below where it goes wrong.
            let caret = report.lines().find(|line| line.trim_start().starts_with('^'));
            match caret.and_then(|line| line.find('^')).and_then(|at| at.checked_sub(4)) {
                Some(at) => format!("this pattern goes wrong at its character {}: {reason}", at + 1),
                None => format!("this pattern goes wrong: {reason}"),
            }
        }
        Refused::Linear(regex::Error::CompiledTooBig(_)) => {
            "this pattern is too large once compiled".to_owned()
        }
        Refused::Linear(_) => "this pattern cannot be compiled".to_owned(),
        Refused::Backtracking(reason) => format!("this pattern goes wrong: {reason}"),
    };
    faults.error_with_help(
        span,
        message,
        "write a backslash before a sign that stands for itself, such as `\\(`",
    );
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
    let bounded = |boundary| format!("{}{boundary}(?:{expression}){boundary}", style.flags());
    let full = bounded(style.boundary());
    // Public rules go by Vale's boundaries, which the quick ways do not know.
    let plain = match style.given {
        true => None,
        false => Plain::of(alternatives, style.ignore_case, !style.nonword),
    };
    let limit = if plain.is_some() { MAX_COMPILED_PHRASES } else { MAX_COMPILED };
    match Engine::within(&full, limit) {
        Ok(engine) => {
            let quick = match plain {
                Some(plain) => Quick::Plain(plain),
                None if style.nonword || style.given => Quick::Full,
                None => Quick::Ascii { pattern: bounded(ASCII_BOUNDARY), compiled: OnceLock::new() },
            };
            Some(Pattern::of(&full, engine, quick, style.given))
        }
        Err(error) => {
            pattern_fault(&error, span, faults);
            None
        }
    }
}

/// Compiles an expression without look-around, for kinds that ask the engine more than where it matches: the regex, and
/// a pattern without which it does not match.
pub(super) fn compile_linear(
    expression: &str,
    style: Style,
    span: Span,
    faults: &Faults,
) -> Option<(Regex, String)> {
    let pattern = compile(expression, style, span, faults)?;
    match (pattern.full, pattern.loose) {
        (Engine::Linear(regex), Some(loose)) => Some((regex, loose)),
        (Engine::Linear(regex), None) => Some((regex, String::new())),
        (Engine::Backtracking(_), _) => {
            let message = "this kind of rule has no look-around, `(?=`, `(?!`, `(?<=` or `(?<!`";
            faults.error_with_help(span, message, "write the words themselves");
            None
        }
    }
}

/// One of the alternatives of a pattern, to be held against the text from one character before a match: says whether the
/// match is of this alternative, and what its groups matched.
pub(super) fn behind_one(expression: &str, style: Style, span: Span, faults: &Faults) -> Option<Engine> {
    let pattern = format!(r"{}\A(?s:.)(?:{expression}){}", style.flags(), style.boundary());
    Engine::new(&pattern).map_err(|error| pattern_fault(&error, span, faults)).ok()
}

impl Style {
    fn flags(self) -> &'static str {
        if self.ignore_case { "(?mi)" } else { "(?m)" }
    }

    fn boundary(self) -> &'static str {
        match (self.nonword, self.given) {
            (true, _) => "",
            (false, true) => r"\b",
            (false, false) => BOUNDARY,
        }
    }
}

/// What a text is matched by whatever stands around it: those of the patterns, as folded, that look at nothing but their
/// match. A text in which it matches is found by them wherever it stands. `None` when there are none, or too many.
pub(super) fn anywhere(patterns: &[String], style: Style, whole: bool) -> Option<Regex> {
    let free: Vec<_> =
        patterns.iter().filter(|pattern| is_free(pattern)).map(|p| format!("(?:{p})")).collect();
    let (begin, end) = if whole { (r"\A", r"\z") } else { (style.boundary(), style.boundary()) };
    let expression = format!("{}{begin}(?:{}){end}", style.flags(), free.join("|"));
    let compiled = || RegexBuilder::new(&expression).size_limit(MAX_COMPILED_PHRASES).build().ok();
    if free.is_empty() { None } else { compiled() }
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
    /// What excuses a match in which it is found.
    Within(Engine),
    /// A fact whose value, standing in the text, covers the match.
    Fact(String),
}

impl Exception {
    /// Whether it goes by a fact of the product.
    pub(super) fn reads_facts(&self) -> bool {
        matches!(self.what, Excepted::Fact(_))
    }
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

/// What a public rule and the vocabulary let pass: a match in which one of the words is found, and one that stands
/// within a phrase of several words.
pub(super) fn excused(words: &[String], phrases: bool, span: Span, faults: &Faults) -> Vec<Exception> {
    let exception = |what| Exception { span, given: words.join(", "), what };
    let mut sorted: Vec<&String> = words.iter().filter(|word| !word.is_empty()).collect();
    if sorted.is_empty() {
        return Vec::new();
    }
    // Of several the longest is meant. Each minds capitals, unless it says otherwise.
    sorted.sort_by_key(|word| std::cmp::Reverse(word.len()));
    let each = sorted.iter().map(|word| {
        let flag = if word.starts_with("(?i)") { "" } else { "-i" };
        format!("(?{}:{})", if flag.is_empty() { "i" } else { flag }, syntax::from_dot_net(word))
    });
    let within = format!(r"(?m)\b(?:{})\b", each.collect::<Vec<_>>().join("|"));
    let several = sorted.iter().filter(|word| word.contains([' ', '\t']) || word.contains(r"\s"));
    let several: Vec<String> = several.map(|word| syntax::from_dot_net(word)).collect();
    let mut out = Vec::new();
    match Engine::new(&within) {
        Ok(engine) => out.push(exception(Excepted::Within(engine))),
        Err(error) => pattern_fault(&error, span, faults),
    }
    if phrases && !several.is_empty() {
        match Pattern::new(&format!(r"(?i)\b(?:{})\b", several.join("|")), true) {
            Ok(pattern) => out.push(exception(Excepted::Phrase(pattern))),
            Err(error) => pattern_fault(&error, span, faults),
        }
    }
    out
}

impl Exception {
    /// Whether it covers this range of the text as given.
    pub(super) fn covers(&self, range: &Range<usize>, text: &Text<'_>, ground: &Ground<'_>) -> bool {
        let covers = |given: &Range<usize>| given.start <= range.start && range.end <= given.end;
        match &self.what {
            // An exception that could not be tried excuses nothing.
            Excepted::Phrase(pattern) => {
                pattern.find(text, &(0..text.given().len())).is_ok_and(|found| found.iter().any(covers))
            }
            Excepted::Within(engine) => {
                engine.is_match(slice(text.given(), range.clone()).trim()) == Ok(true)
            }
            Excepted::Fact(path) => {
                let scope = Scope::new(None, ground.context, ground.facts, ground.at);
                let values = match scope.look_up(path) {
                    Some(Value::Array(items)) => items.iter().take(MAX_VALUES).collect(),
                    other => other.into_iter().collect::<Vec<_>>(),
                };
                values.iter().filter_map(|value| value_text(value)).any(|value| {
                    let reading = text.spaced();
                    occurrences(reading.text(), &value).any(|found| covers(&reading.origin(found)))
                })
            }
        }
    }
}

/// How many values of a list excuse what stands in them, and how long each may be, in bytes: no name is longer. What is
/// more excuses nothing.
const MAX_VALUES: usize = 20;
const MAX_VALUE: usize = 1_000;

/// A scalar fact as it would stand in copy, folded.
fn value_text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) if text.len() <= MAX_VALUE => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(fold_text(&text, Space::One))
}

/// Where a phrase stands in a text as whole words, capitals aside.
pub(super) fn occurrences<'t>(text: &'t str, phrase: &'t str) -> impl Iterator<Item = Range<usize>> + 't {
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let first = phrase.chars().next().filter(char::is_ascii);
    text.char_indices().filter_map(move |(start, c)| {
        // Most places are ruled out by their first letter.
        if c.is_ascii() && first.is_some_and(|first| !first.eq_ignore_ascii_case(&c)) {
            return None;
        }
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
