//! Phrases that are found without a regex engine: however many there are, one pass over the text finds all of them.

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

use super::literals::{self, Case};
use super::text::slice;

/// Expressions that match finitely many texts each, compiled into one automaton. Finds what a regex of these
/// expressions in their order, between word boundaries, would find.
#[derive(Debug)]
pub(super) struct Plain {
    automaton: AhoCorasick,
    /// Of each text the expression that it belongs to.
    owners: Vec<u32>,
    ignore_case: bool,
    /// Whether no word may be cut in two.
    words: bool,
}

impl Plain {
    /// `None` when some expression is more than a few texts.
    pub(super) fn of(expressions: &[&str], ignore_case: bool, words: bool) -> Option<Self> {
        let case = if ignore_case { Case::Ignored } else { Case::Kept };
        let (mut texts, mut owners) = (Vec::new(), Vec::new());
        for (owner, expression) in expressions.iter().enumerate() {
            texts.extend(literals::all(expression, case)?);
            owners.resize(texts.len(), u32::try_from(owner).ok()?);
        }
        let mut builder = AhoCorasick::builder();
        builder.match_kind(MatchKind::Standard).ascii_case_insensitive(ignore_case);
        Some(Self { automaton: builder.build(texts).ok()?, owners, ignore_case, words })
    }

    /// Where they stand, in the order of the text, and which expression matched. `None` when this text has letters of
    /// which only a regex engine knows the other case.
    pub(super) fn find(&self, text: &str) -> Option<Vec<(Range<usize>, usize)>> {
        if self.ignore_case && has_odd_case(text) {
            return None;
        }
        let mut all: Vec<(Range<usize>, usize)> = Vec::new();
        for found in self.automaton.find_overlapping_iter(text) {
            let range = found.range();
            if !self.words || (is_boundary(text, range.start) && is_boundary(text, range.end)) {
                all.push((range, found.pattern().as_usize()));
            }
        }
        // The leftmost first, and of those that begin together the one that is listed first.
        all.sort_unstable_by_key(|(range, listed)| (range.start, *listed));
        let mut end = 0;
        all.retain(|(range, _)| {
            let free = range.start >= end;
            end = if free { range.end } else { end };
            free
        });
        let owner = |listed| self.owners.get(listed).map_or(0, |owner| *owner as usize);
        Some(all.into_iter().map(|(range, listed)| (range, owner(listed))).collect())
    }
}

/// Whether a text holds the sign of Kelvin or a long `s`, which are `k` and `s` to whoever ignores case.
pub(super) fn has_odd_case(text: &str) -> bool {
    !text.is_ascii() && text.contains(['\u{212a}', '\u{17f}'])
}

/// Whether no word is cut in two here.
pub(super) fn is_boundary(text: &str, at: usize) -> bool {
    let is_word = |c: Option<char>| {
        c.is_some_and(|c| match c {
            '\0'..='\x7f' => c.is_ascii_alphanumeric() || c == '_',
            _ => regex_syntax::is_word_character(c),
        })
    };
    !is_word(slice(text, 0..at).chars().next_back()) || !is_word(slice(text, at..text.len()).chars().next())
}
