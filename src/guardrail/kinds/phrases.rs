//! `existence` and `substitution`: words that should not be there, and words to be written otherwise.

use regex::Captures;

use crate::guardrail::patterns::Pattern;
use crate::guardrail::rule::Hit;
use crate::guardrail::text::{Reach, Text, pieces, slice};

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
        for (range, piece) in pieces(text.folded(), self.reach) {
            for found in self.pattern.full.find_iter(piece).filter(|found| !found.is_empty()) {
                let mut hit = Hit::at(text.origin(range.start + found.start()..range.start + found.end()));
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
        for (range, piece) in pieces(text.folded(), self.reach) {
            for found in self.pattern.full.captures_iter(piece) {
                let (Some(whole), Some(replacement)) = (found.get(0), self.replacement(&found)) else {
                    continue;
                };
                if whole.is_empty() {
                    continue;
                }
                let mut hit = Hit::at(text.origin(range.start + whole.start()..range.start + whole.end()));
                let given = slice(text.given(), hit.range.clone());
                let mut wanted = replacement.split('|');
                if wanted.clone().any(|wanted| wanted == given || wanted == whole.as_str()) {
                    continue;
                }
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
