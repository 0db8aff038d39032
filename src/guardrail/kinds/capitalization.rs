//! `capitalization`: capitals where they do not belong, or none where they do. Looks at the text as given: folding is
//! for words, and this is about how they are written.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::super::engine::{Engine, GaveUp};
use super::super::patterns::{Style, pattern_fault};
use super::super::read;
use super::super::rule::Hit;
use super::super::syntax::from_dot_net;
use super::super::text::{Reach, Text, slice};
use crate::diagnostic::{Diagnostic, Span};
use crate::document::{Faults, Fields, number, text, texts};

/// Capitals where they do not belong, or none where they do.
#[derive(Debug)]
pub(in crate::guardrail) struct Capitalization {
    case: Case,
    pub(super) reach: Reach,
    given: bool,
    /// Ends of words behind which a capital may stand.
    indicators: Vec<String>,
    /// How much of the words must be right, from 0 to 1.
    threshold: f64,
    /// What may stand before the text and is not looked at.
    prefix: Option<Engine>,
    /// Words that are right as they are, each as written, and all of them as one pattern.
    exceptions: Vec<(String, Option<Engine>)>,
    excepted: Option<Engine>,
    /// The words of a text: the exceptions, and whatever begins with a letter or digit.
    words: Option<Engine>,
    /// Whether the text as it should be written can be put in its place.
    pub(in crate::guardrail) corrects: bool,
}

/// How a text should be written.
#[derive(Debug)]
enum Case {
    Lower,
    Upper,
    Sentence,
    Title { chicago: bool },
    Pattern(Engine),
}

/// Words that stay small within a title.
const SMALL: &[&str] = &[
    "a", "an", "and", "as", "at", "but", "by", "en", "for", "if", "in", "nor", "of", "on", "or", "per",
    "the", "to", "v", "v.", "via", "vs", "vs.",
];
/// Longer prepositions, which stay small in one style of titles.
const PREPOSITIONS: &[&str] = &[
    "about",
    "above",
    "across",
    "after",
    "against",
    "along",
    "among",
    "around",
    "before",
    "between",
    "beyond",
    "concerning",
    "despite",
    "down",
    "during",
    "following",
    "from",
    "including",
    "into",
    "near",
    "over",
    "since",
    "through",
    "throughout",
    "towards",
    "under",
    "until",
    "upon",
    "with",
    "within",
    "without",
];

/// What a word of a title is. A constant, which a test compiles.
static TITLE_WORD: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[\p{N}\p{L}]+[^\s\-/]*").ok());
const WORD: &str = r"[\p{N}\p{L}*]+[^\s]*";

impl Capitalization {
    /// Reads the settings that are the kind's own.
    pub(in crate::guardrail) fn read(fields: &mut Fields<'_>, style: Style, faults: &Faults) -> Option<Self> {
        let help = "write `match: $sentence`, `$title`, `$lower`, `$upper` or a pattern";
        let reach = read::reach(fields, style, faults);
        let wanted = fields.require("match", help, faults);
        let chicago = fields.text("style", faults).is_some_and(|style| style == "Chicago");
        let indicators = fields.texts("indicators", faults);
        let threshold = fields.take("threshold").and_then(|node| number(node, faults));
        let threshold = threshold.filter(|threshold| *threshold != 0.0).unwrap_or(0.8);
        let engine = |given: &str, span| match Engine::new(&format!("(?m){}", from_dot_net(given))) {
            Ok(engine) => Some(engine),
            Err(error) => {
                pattern_fault(&error, span, faults);
                None
            }
        };
        let prefix = fields.take("prefix").and_then(|node| engine(&text(node, faults)?, node.span));
        let wanted = wanted?;
        let case = match text(wanted, faults)?.as_str() {
            "$lower" => Case::Lower,
            "$upper" => Case::Upper,
            "$sentence" => Case::Sentence,
            "$title" => Case::Title { chicago },
            variable if variable.starts_with('$') && variable.len() > 1 => {
                let message = format!("`{variable}` is no way to write a text");
                faults.push(Diagnostic::error(faults.file(), wanted.span, message).with_help(help));
                return None;
            }
            pattern => Case::Pattern(engine(pattern, wanted.span)?),
        };
        let mut read = Self {
            case,
            reach,
            given: style.given,
            indicators,
            threshold,
            prefix,
            exceptions: Vec::new(),
            excepted: None,
            words: Engine::new(WORD).ok(),
            corrects: false,
        };
        if let Some(node) = fields.take("exceptions").filter(|_| !style.given) {
            read.except(&texts(node, faults), node.span, faults);
        }
        Some(read)
    }

    /// Leaves words alone.
    pub(in crate::guardrail) fn except(&mut self, words: &[String], span: Span, faults: &Faults) {
        let mut sorted: Vec<&String> = words.iter().filter(|word| !word.is_empty()).collect();
        if sorted.is_empty() {
            return;
        }
        sorted.sort_by_key(|word| std::cmp::Reverse(word.len()));
        let each = sorted.iter().map(|word| match word.strip_prefix("(?i)") {
            Some(word) => format!("(?i:{})", from_dot_net(word)),
            None => format!("(?-i:{})", from_dot_net(word)),
        });
        let all = format!(r"(?m)\b(?:{})\b", each.collect::<Vec<_>>().join("|"));
        match (Engine::new(&all), Engine::new(&format!("{all}|{WORD}"))) {
            (Ok(excepted), Ok(words)) => (self.excepted, self.words) = (Some(excepted), Some(words)),
            (Err(error), _) | (_, Err(error)) => pattern_fault(&error, span, faults),
        }
        self.exceptions =
            words.iter().map(|word| (word.clone(), Engine::new(&from_dot_net(word)).ok())).collect();
    }

    pub(super) fn find(&self, text: &Text<'_>) -> Vec<Hit> {
        let pieces = if self.given { text.pieces_given(self.reach) } else { text.pieces(self.reach) };
        pieces.into_iter().filter_map(|piece| self.find_in(text, piece)).collect()
    }

    fn find_in(&self, text: &Text<'_>, piece: Range<usize>) -> Option<Hit> {
        let given = slice(text.given(), piece.clone());
        match self.written(given) {
            Err(gave_up) => Some(gave_up.hit(piece)),
            Ok((_, true)) => None,
            Ok((expected, false)) => {
                let replacement = expected.clone().filter(|expected| self.corrects && expected != given);
                let says = [Some(given.to_owned()), expected].into_iter().flatten().collect();
                Some(Hit { says, replacement, ..Hit::at(piece) })
            }
        }
    }

    /// How a text should be written, where that is known, and whether it is.
    fn written(&self, given: &str) -> Result<(Option<String>, bool), GaveUp> {
        let excepted =
            |given: &str| self.excepted.as_ref().map_or(Ok(false), |engine| engine.is_match(given));
        let (expected, right) = match &self.case {
            Case::Lower => (given.to_lowercase(), None),
            Case::Upper => (given.to_uppercase(), None),
            Case::Pattern(engine) => return Ok((None, engine.is_match(given)? || excepted(given)?)),
            Case::Sentence => {
                let expected = self.in_sentence_case(given)?;
                let right = self.enough(given, &expected, |index, word, _| {
                    (index == 0 && word != capitalised(&word.to_lowercase())).then_some(false)
                })?;
                (expected, Some(right))
            }
            Case::Title { chicago } => {
                let expected = self.in_title_case(given, *chicago)?;
                let right = self.enough(given, &expected, |_, word, _| {
                    (word == word.to_uppercase() || word.eq_ignore_ascii_case("to")).then_some(true)
                })?;
                (expected, Some(right))
            }
        };
        let right = match right {
            Some(right) => right,
            None => expected == given || excepted(given)?,
        };
        Ok((Some(expected), right))
    }

    /// Whether enough of the words are written as expected. `or` may say of another one that it is right, or that the
    /// whole is wrong.
    fn enough(
        &self,
        given: &str,
        expected: &str,
        or: impl Fn(usize, &str, &str) -> Option<bool>,
    ) -> Result<bool, GaveUp> {
        let Some(words) = &self.words else { return Err(GaveUp) };
        let (observed, expected_words) = (words.ranges(given)?, words.ranges(expected)?);
        let mut right = 0;
        for (index, range) in observed.iter().enumerate() {
            let word = slice(given, range.clone());
            let wanted = expected_words.get(index).map(|range| slice(expected, range.clone()));
            let excepted = || self.excepted.as_ref().map_or(Ok(false), |engine| engine.is_match(word));
            if wanted.is_none_or(|wanted| wanted == word) || excepted()? {
                right += 1;
                continue;
            }
            match or(index, word, wanted.unwrap_or_default()) {
                Some(true) => right += 1,
                Some(false) => return Ok(false),
                None => {}
            }
        }
        Ok(!observed.is_empty() && right as f64 / observed.len() as f64 >= self.threshold)
    }

    fn without_prefix<'t>(&self, given: &'t str) -> Result<(&'t str, &'t str), GaveUp> {
        let found = self.prefix.as_ref().map(|prefix| prefix.ranges(given)).transpose()?;
        let prefix = found.and_then(|found| found.into_iter().next()).filter(|range| range.start == 0);
        Ok(prefix.and_then(|range| given.split_at_checked(range.end)).unwrap_or(("", given)))
    }

    /// The exception that a word is, as it is to be written.
    fn exception(&self, word: &str) -> Result<Option<String>, GaveUp> {
        for (exception, engine) in &self.exceptions {
            if exception.to_lowercase() == word.to_lowercase() {
                return Ok(Some(exception.clone()));
            }
            if engine.as_ref().map_or(Ok(false), |engine| engine.is_match(word))? {
                return Ok(Some(word.to_owned()));
            }
        }
        Ok(None)
    }

    fn in_sentence_case(&self, given: &str) -> Result<String, GaveUp> {
        let Some(words) = &self.words else { return Err(GaveUp) };
        let (prefix, rest) = self.without_prefix(given)?;
        let mut out = Vec::new();
        let mut before: Option<&str> = None;
        for (index, range) in words.ranges(rest)?.into_iter().enumerate() {
            let word = slice(rest, range);
            let indicated = before.is_some_and(|before| {
                let ends = |end: &String| before.len() > end.len() && before.ends_with(end.as_str());
                self.indicators.iter().any(ends) || (index == 1 && is_numbered(before))
            });
            out.push(match self.exception(word)? {
                Some(exception) => exception,
                None if index == 0 || indicated => capitalised(&word.to_lowercase()),
                None => word.to_lowercase(),
            });
            before = Some(word);
        }
        Ok(format!("{prefix}{}", out.join(" ")))
    }

    fn in_title_case(&self, given: &str, chicago: bool) -> Result<String, GaveUp> {
        let Some(pattern) = TITLE_WORD.as_ref() else { return Err(GaveUp) };
        let (prefix, rest) = self.without_prefix(given)?;
        let mut out = prefix.to_owned();
        let mut done = 0;
        for found in pattern.find_iter(rest) {
            out.push_str(slice(rest, done..found.start()));
            done = found.end();
            let mut before = slice(rest, 0..found.start()).chars().rev();
            let (last, one_before) = (before.next(), before.next());
            let after = slice(rest, found.end()..rest.len()).chars().next();
            let lower = found.as_str().to_lowercase();
            let small =
                SMALL.contains(&lower.as_str()) || (chicago && PREPOSITIONS.contains(&lower.as_str()));
            let bounding = found.start() == 0 || found.end() == rest.len();
            let stays = small
                && !bounding
                && matches!(last, Some(' ' | '-' | '–' | '—' | '/'))
                && !matches!(one_before, Some(':' | '-' | '–' | '—'))
                && (after != Some('-') || last == Some('-'));
            match self.exception(found.as_str())? {
                Some(exception) => out.push_str(&exception),
                None if stays => out.push_str(&lower),
                None => out.push_str(&capitalised(found.as_str())),
            }
        }
        out.push_str(slice(rest, done..rest.len()));
        Ok(out)
    }
}

/// `1.`, the number of an item.
fn is_numbered(word: &str) -> bool {
    let mut digit = false;
    word.chars().any(|c| {
        let numbered = digit && c == '.';
        digit = c.is_ascii_digit();
        numbered
    })
}

/// The word with a capital first letter, and the rest as it is.
fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
