//! `existence` and `substitution`: words that should not be there, and words to be written otherwise.

use regex::Captures;

use crate::guardrail::patterns::Pattern;
use crate::guardrail::rule::Hit;
use crate::guardrail::text::{Reach, Text, slice};

/// Words that should not be there.
#[derive(Debug)]
pub(in crate::guardrail) struct Phrases {
    pub(in crate::guardrail) pattern: Pattern,
    pub(in crate::guardrail) reach: Reach,
    /// Whether the correction is to take the match out.
    pub(in crate::guardrail) removes: bool,
}

impl Phrases {
    pub(super) fn find(&self, text: &Text<'_>) -> Vec<Hit> {
        let mut hits = Vec::new();
        let find = |piece: &str| {
            let found = self.pattern.full.find_iter(piece).filter(|found| !found.is_empty());
            found.map(|found| (found.range(), ())).collect()
        };
        for piece in text.pieces(self.reach) {
            for (range, ()) in text.find_in(&piece, find) {
                let mut hit = Hit::at(range);
                if self.removes {
                    hit.replacement = Some(String::new());
                }
                hits.push(hit);
            }
        }
        hits
    }
}

/// Words to be written otherwise.
#[derive(Debug)]
pub(in crate::guardrail) struct Swaps {
    pub(in crate::guardrail) pattern: Pattern,
    pub(in crate::guardrail) reach: Reach,
    /// What to write for each of the pattern's groups; alternatives are separated by `|`.
    pub(in crate::guardrail) replacements: Vec<String>,
}

/// The name of the group of a swap, so that groups within its own pattern do not count.
pub(in crate::guardrail) fn group(index: usize) -> String {
    format!("swap_{index}")
}

impl Swaps {
    pub(super) fn find(&self, text: &Text<'_>) -> Vec<Hit> {
        let mut hits = Vec::new();
        let find = |piece: &str| {
            let captures = self.pattern.full.captures_iter(piece);
            let found = captures.filter_map(|found| {
                let whole = found.get(0).filter(|whole| !whole.is_empty())?;
                let replacement = self.replacement(&found)?;
                Some((whole.range(), (whole.as_str().to_owned(), replacement)))
            });
            found.collect()
        };
        for piece in text.pieces(self.reach) {
            for (range, (whole, replacement)) in text.find_in(&piece, find) {
                let given = slice(text.given(), range.clone());
                let mut wanted = replacement.split('|');
                if wanted.clone().any(|wanted| wanted == given || wanted == whole) {
                    continue;
                }
                let mut hit = Hit::at(range);
                hit.says = vec![wanted.clone().collect::<Vec<_>>().join("' or '")];
                hit.replacement = wanted.next().map(|first| with_capital_of(given, first));
                hits.push(hit);
            }
        }
        hits
    }

    fn replacement(&self, found: &Captures<'_>) -> Option<&str> {
        let (_, replacement) =
            self.replacements.iter().enumerate().find(|(index, _)| found.name(&group(*index)).is_some())?;
        Some(replacement)
    }
}

/// The replacement with an initial capital where the match has one; a name such as `iPhone` keeps its own spelling.
fn with_capital_of(given: &str, replacement: &str) -> String {
    let mut chars = replacement.chars();
    match chars.next() {
        Some(first)
            if given.starts_with(char::is_uppercase) && !replacement.chars().any(char::is_uppercase) =>
        {
            first.to_uppercase().chain(chars).collect()
        }
        _ => replacement.to_owned(),
    }
}
