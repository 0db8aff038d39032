//! One pass over a text that says which rules can have matched, so that most are never run.
//!
//! Of every rule's pattern it takes literals of which each match holds one, and looks for all of them at once. Patterns
//! that have none, such as `\d{4,}`, are looked for together, without word boundaries: Unicode's boundaries make the
//! regex engine leave its fast path as soon as a text holds one `£`. What is found here is confirmed by the rule itself.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::{RegexSet, RegexSetBuilder};

use super::literals;
use super::plain::has_odd_case;
use super::rule::Rule;
use super::text::Text;

/// A pattern without which a rule finds nothing in a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loose<'r> {
    /// The pattern, without boundaries of its own.
    pub(super) pattern: &'r str,
    /// What it is held against.
    pub(super) reads: Reads,
    /// Whether it is held against the text as a whole; otherwise against pieces of it, in which `^` and `$` match where
    /// they do not in the text.
    pub(super) whole: bool,
}

impl<'r> Loose<'r> {
    /// One that is held against every reading of the text as a whole.
    pub(super) fn folded(pattern: &'r str) -> Self {
        Self { pattern, reads: Reads::Folded, whole: true }
    }
}

/// What a rule's patterns are held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reads {
    /// Every reading of the text.
    Folded,
    /// The text as given.
    Given,
}

/// Which rules a text must be held against.
#[derive(Debug, Default)]
pub(super) struct Prefilter {
    automaton: Option<AhoCorasick>,
    /// The rules of each literal.
    rules: Vec<Vec<u32>>,
    set: Option<RegexSet>,
    /// The rule of each pattern of the set.
    patterns: Vec<u32>,
    /// The rules that are always run.
    always: Bits,
    /// The rules that have literals.
    literal: Bits,
    /// Whether some rules read the text as given.
    given: bool,
}

/// What the set may take, in bytes: once compiled, and while it runs.
const MAX_SET: usize = 64 * 1024 * 1024;
/// The most bytes of literals for which the automaton is laid out as a table, which is faster and larger.
const MAX_TABLE: usize = 16 * 1024;

impl Prefilter {
    /// Of these rules, each with its place.
    pub(super) fn of<'r>(rules: impl Iterator<Item = (usize, &'r Rule)>) -> Self {
        let mut this = Self::default();
        let (mut texts, mut sets): (HashMap<String, usize>, Vec<&str>) = Default::default();
        for (index, rule) in rules.filter_map(|(place, rule)| Some((u32::try_from(place).ok()?, rule))) {
            let loose = rule.check.loose();
            this.given |= loose.is_some_and(|loose| loose.reads == Reads::Given);
            match loose.map(|loose| (loose, literals::required(loose.pattern))) {
                Some((_, Some(required))) => {
                    this.literal.insert(index);
                    for text in required {
                        let next = texts.len();
                        let literal = *texts.entry(text).or_insert(next);
                        this.rules.resize_with(texts.len(), Vec::new);
                        this.rules.get_mut(literal).into_iter().for_each(|rules| rules.push(index));
                    }
                }
                // A boundary within a pattern would slow the whole set down.
                Some((Loose { pattern, whole: true, .. }, None))
                    if !pattern.contains(r"\b") && !pattern.contains(r"\B") =>
                {
                    sets.push(pattern);
                    this.patterns.push(index);
                }
                _ => this.always.insert(index),
            }
        }
        // What cannot be built only costs speed: the rules are run then.
        if !texts.is_empty() {
            this.automaton = automaton(texts);
            if this.automaton.is_none() {
                this.always.add(&this.literal);
            }
        }
        if !sets.is_empty() {
            this.set = RegexSetBuilder::new(&sets).size_limit(MAX_SET).dfa_size_limit(MAX_SET).build().ok();
            if this.set.is_none() {
                this.patterns.iter().for_each(|rule| this.always.insert(*rule));
            }
        }
        this
    }

    /// The rules that can find something in this text, in their order.
    pub(super) fn candidates(&self, text: &Text<'_>) -> impl Iterator<Item = usize> {
        let mut candidates = self.always.clone();
        let read = text.readings().map(|reading| reading.text());
        let given = (self.given && !text.reads_as_given()).then_some(text.given());
        for read in read.chain(given) {
            if has_odd_case(read) {
                candidates.add(&self.literal);
            } else if let Some(automaton) = &self.automaton {
                for found in automaton.find_overlapping_iter(read) {
                    let rules = self.rules.get(found.pattern().as_usize());
                    rules.into_iter().flatten().for_each(|rule| candidates.insert(*rule));
                }
            }
            if let Some(set) = &self.set {
                let matched = set.matches(read);
                let rules = matched.iter().filter_map(|place| self.patterns.get(place));
                rules.for_each(|rule| candidates.insert(*rule));
            }
        }
        candidates.into_iter()
    }
}

/// Finds every one of these texts, keys of which the values are their places.
fn automaton(texts: HashMap<String, usize>) -> Option<AhoCorasick> {
    let mut places: Vec<(usize, String)> = texts.into_iter().map(|(text, place)| (place, text)).collect();
    places.sort_unstable();
    let bytes: usize = places.iter().map(|(_, text)| text.len()).sum();
    let kind = if bytes <= MAX_TABLE { AhoCorasickKind::DFA } else { AhoCorasickKind::ContiguousNFA };
    let mut builder = AhoCorasick::builder();
    builder.match_kind(MatchKind::Standard).ascii_case_insensitive(true).kind(Some(kind));
    builder.build(places.into_iter().map(|(_, text)| text)).ok()
}

/// A set of rules by their places.
#[derive(Clone, Debug, Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn insert(&mut self, rule: u32) {
        let word = rule as usize / 64;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        self.0.get_mut(word).into_iter().for_each(|bits| *bits |= 1 << (rule % 64));
    }

    fn add(&mut self, other: &Self) {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        self.0.iter_mut().zip(&other.0).for_each(|(bits, more)| *bits |= more);
    }

    fn into_iter(self) -> impl Iterator<Item = usize> {
        self.0.into_iter().enumerate().filter(|(_, bits)| *bits != 0).flat_map(|(word, bits)| {
            (0..64).filter(move |bit| bits & (1 << bit) != 0).map(move |bit| word * 64 + bit)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_a_set_in_order() {
        let mut bits = Bits::default();
        for rule in [130, 0, 63, 64, 63] {
            bits.insert(rule);
        }
        let mut more = Bits::default();
        more.insert(200);
        bits.add(&more);
        assert_eq!(bits.into_iter().collect::<Vec<_>>(), [0, 63, 64, 130, 200]);
    }
}
