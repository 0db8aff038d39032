//! Patterns that come with a kind, sorted by what they betray: one pattern, which says of each match what it is.

use std::ops::Range;

use regex::Regex;

use crate::diagnostic::Span;
use crate::document::Faults;
use crate::guardrail::patterns::{Style, compile_linear};
use crate::guardrail::text::Text;

/// The patterns of a kind's own: `\w` in them is a letter, digit or `_` of the languages that they are in, since all of
/// Unicode's would make the compiled pattern many times larger.
pub(super) fn own(patterns: &[&str]) -> Vec<String> {
    patterns.iter().map(|pattern| pattern.replace(r"\w", "[a-zß-ÿ0-9_]")).collect()
}

/// Patterns by category.
#[derive(Debug)]
pub(super) struct Lexicon {
    pattern: Regex,
    /// A pattern without which nothing is found.
    loose: String,
    /// The name of each category; its patterns are the group `c` and its number.
    categories: Vec<(String, &'static str)>,
}

impl Lexicon {
    /// Compiles patterns, whatever their capitals, each category with what it is called. Where two match at the same
    /// place the first counts.
    pub(super) fn compile(
        categories: &[(&'static str, Vec<String>)],
        span: Span,
        faults: &Faults,
    ) -> Option<Self> {
        let groups: Vec<String> = categories
            .iter()
            .enumerate()
            .filter(|(_, (_, patterns))| !patterns.is_empty())
            .map(|(index, (_, patterns))| format!("(?P<c{index}>{})", patterns.join("|")))
            .collect();
        let style = Style { ignore_case: true, ..Style::default() };
        let (pattern, loose) = compile_linear(&groups.join("|"), style, span, faults)?;
        let names = categories.iter().enumerate().map(|(index, (name, _))| (format!("c{index}"), *name));
        Some(Self { pattern, loose, categories: names.collect() })
    }

    /// A pattern without which nothing is found.
    pub(super) fn loose(&self) -> &str {
        &self.loose
    }

    /// Where the patterns match, each with its category.
    pub(super) fn find(&self, text: &Text<'_>) -> Vec<(Range<usize>, &'static str)> {
        text.find_in(&(0..text.given().len()), |piece| {
            let found = self.pattern.captures_iter(piece).filter_map(|found| {
                let (_, name) = self.categories.iter().find(|(group, _)| found.name(group).is_some())?;
                Some((found.get(0)?.range(), *name))
            });
            found.collect()
        })
    }
}
