//! `existence` and `substitution`: words that should not be there, and words to be written otherwise.

use regex::{Captures, Regex};

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
        let find = |piece: &str| self.pattern.find(piece).into_iter().map(|range| (range, ())).collect();
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
    /// What to write for each of the pattern's swaps.
    pub(in crate::guardrail) replacements: Vec<Replacement>,
}

/// What to write for one swap.
#[derive(Debug)]
pub(in crate::guardrail) struct Replacement {
    /// The number of the swap's own group in the whole pattern; groups within the swap count from there.
    group: usize,
    /// One or more ways to write it, the first for corrections.
    alternatives: Vec<Vec<Part>>,
}

#[derive(Debug, PartialEq)]
enum Part {
    Text(String),
    Group(usize),
}

impl Replacement {
    /// Reads a replacement, whose alternatives are separated by `|`. Where the swap's pattern has groups, `$1`, `${1}`
    /// and `$name` stand for what they matched, and `$$` for the sign.
    ///
    /// # Errors
    ///
    /// The first name of a group that the pattern does not have.
    pub(in crate::guardrail) fn read(given: &str, pattern: &Regex, group: usize) -> Result<Self, String> {
        let alternatives = given.split('|').map(|alternative| parts(alternative, pattern));
        Ok(Self { group, alternatives: alternatives.collect::<Result<_, _>>()? })
    }

    fn fill(&self, found: &Captures<'_>) -> Vec<String> {
        let fill = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Group(index) => {
                found.get(self.group + index).map_or_else(String::new, |group| group.as_str().to_owned())
            }
        };
        self.alternatives.iter().map(|parts| parts.iter().map(fill).collect()).collect()
    }
}

fn parts(given: &str, pattern: &Regex) -> Result<Vec<Part>, String> {
    if pattern.captures_len() == 1 {
        return Ok(vec![Part::Text(given.to_owned())]);
    }
    let mut out = Vec::new();
    let mut rest = given;
    while let Some((before, after)) = rest.split_once('$') {
        out.push(Part::Text(before.to_owned()));
        let plain = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
        let braced = after.strip_prefix('{').and_then(|after| after.split_once('}'));
        let (name, then) = braced.unwrap_or_else(|| after.split_at(plain));
        if name.is_empty() {
            out.push(Part::Text("$".to_owned()));
            rest = after.strip_prefix('$').unwrap_or(after);
            continue;
        }
        let numbered = name.parse().ok().filter(|number| *number < pattern.captures_len());
        let named = || pattern.capture_names().position(|group| group == Some(name));
        out.push(Part::Group(numbered.or_else(named).ok_or_else(|| name.to_owned())?));
        rest = then;
    }
    out.push(Part::Text(rest.to_owned()));
    Ok(out)
}

impl Swaps {
    pub(super) fn find(&self, text: &Text<'_>) -> Vec<Hit> {
        let mut hits = Vec::new();
        let find = |piece: &str| {
            let found = self.pattern.find(piece).into_iter().filter_map(|range| {
                let found = self.pattern.full.captures_at(piece, range.start)?;
                let whole = found.get(0)?;
                let replacement = self.replacement(&found)?;
                Some((whole.range(), (whole.as_str().to_owned(), replacement.fill(&found))))
            });
            found.collect()
        };
        for piece in text.pieces(self.reach) {
            for (range, (whole, wanted)) in text.find_in(&piece, find) {
                let given = slice(text.given(), range.clone());
                if wanted.iter().any(|wanted| wanted == given || *wanted == whole) {
                    continue;
                }
                let mut hit = Hit::at(range);
                hit.says = vec![wanted.join("' or '")];
                hit.replacement = wanted.first().map(|first| with_capital_of(given, first));
                hits.push(hit);
            }
        }
        hits
    }

    fn replacement(&self, found: &Captures<'_>) -> Option<&Replacement> {
        self.replacements.iter().find(|replacement| found.get(replacement.group).is_some())
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
