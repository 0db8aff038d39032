//! `existence` and `substitution`: words that should not be there, and words to be written otherwise.

use std::borrow::Cow;

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
    /// The swap's own pattern, held against a text that begins one character before the match.
    pattern: Regex,
    /// One or more ways to write it, the first for corrections.
    alternatives: Vec<Vec<Part>>,
}

#[derive(Debug, PartialEq)]
enum Part {
    Text(String),
    Group(usize),
}

impl Replacement {
    /// Reads a replacement, whose alternatives are separated by `|`. Where the swap's pattern, as [`behind_one`](crate::guardrail::patterns::behind_one) made it, has
    /// groups, `$1`, `${1}` and `$name` stand for what they matched, and `$$` for the sign.
    ///
    /// # Errors
    ///
    /// The first name of a group that the pattern does not have.
    pub(in crate::guardrail) fn read(given: &str, pattern: &Regex) -> Result<Self, String> {
        let alternatives = given.split('|').map(|alternative| parts(alternative, pattern));
        Ok(Self { alternatives: alternatives.collect::<Result<_, _>>()?, pattern: pattern.clone() })
    }

    fn has_groups(&self) -> bool {
        self.alternatives.iter().flatten().any(|part| matches!(part, Part::Group(_)))
    }

    fn fill(&self, found: Option<&Captures<'_>>) -> Vec<String> {
        let group = |index| found.and_then(|found| found.get(index)).map_or("", |group| group.as_str());
        let fill = |parts: &Vec<Part>| {
            let mut out = String::new();
            for part in parts {
                out.push_str(match part {
                    Part::Text(text) => text,
                    Part::Group(index) => group(*index),
                });
            }
            out
        };
        self.alternatives.iter().map(fill).collect()
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
            let found = self.pattern.find_alternatives(piece).into_iter().filter_map(|(range, swap)| {
                let wanted = self.wanted(piece, range.start, swap)?;
                Some((range.clone(), (slice(piece, range).to_owned(), wanted)))
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

    /// What to write for the match that begins here: of the swap that it belongs to, or else of the first that matches.
    fn wanted(&self, piece: &str, start: usize, swap: Option<usize>) -> Option<Vec<String>> {
        let known = swap.and_then(|swap| self.replacements.get(swap));
        if let Some(replacement) = known.filter(|replacement| !replacement.has_groups()) {
            return Some(replacement.fill(None));
        }
        let before = slice(piece, 0..start).chars().next_back();
        let rest = match before {
            Some(before) => Cow::from(slice(piece, start - before.len_utf8()..piece.len())),
            None => format!("\n{piece}").into(),
        };
        let candidates = known.map_or(self.replacements.as_slice(), std::slice::from_ref);
        candidates.iter().find_map(|replacement| {
            let found = replacement.pattern.captures(&rest)?;
            Some(replacement.fill(Some(&found)))
        })
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
