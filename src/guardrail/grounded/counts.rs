//! How many of a thing there are, and the nouns that figures are said of.

use std::hash::{Hash, Hasher};

use super::decimals::Reading;
use super::lexicon::{self, Roles, facets};
use super::numbers::{Figure, Figures, What};
use super::quick::Quick;
use super::units::Dimension;
use crate::guardrail::text::slice;

/// How many of a thing there are.
#[derive(Clone, Debug)]
pub(super) struct KnownCount {
    pub(super) attribute: usize,
    pub(super) value: f64,
    pub(super) things: Things,
}

/// What is counted: its words in the singular, and which of several it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Things {
    pub(super) nouns: Vec<Noun>,
    pub(super) roles: Roles,
}

impl Figure {
    /// How many it may say there are, when it says no unit.
    pub(super) fn counts(&self) -> impl Iterator<Item = f64> {
        let (word, readings): (Option<f64>, &[Reading]) = match &self.what {
            What::Count(value) => (Some(*value), &[]),
            What::Number { readings, unit: None, .. } => (None, readings),
            _ => (None, &[]),
        };
        word.into_iter().chain(readings.iter().map(|reading| reading.value))
    }
}

impl Things {
    /// The things that a figure counts: the words behind it.
    pub(super) fn behind(read: &Figures<'_>, at: usize) -> Self {
        let mut things = Self { nouns: Vec::new(), roles: 0 };
        // `octacore` is its own noun.
        if let Some(token) = read.tokens.get(at).filter(|token| read.word(token).ends_with("core")) {
            things.add(slice(read.word(token), read.word(token).len() - 4..read.word(token).len()), 0);
            return things;
        }
        for index in at + 1..at + 4 {
            let Some(token) = read.tokens.get(index).filter(|token| token.figure.is_none()) else { break };
            let word = read.word(token);
            if !matches!(read.gap(index), " " | "-")
                || lexicon::breaks_off(word)
                || lexicon::ties(word)
                || lexicon::leads(word)
            {
                break;
            }
            things.add(word, token.roles);
        }
        things
    }

    /// The things that an attribute is called after.
    pub(super) fn of_name(name: &str, roles: Roles) -> Self {
        let mut things = Self { nouns: Vec::new(), roles: 0 };
        name.split(' ').for_each(|word| things.add(word, lexicon::roles(word)));
        things.roles |= roles & side();
        things
    }

    /// Whether both may be the same, one perhaps with more words: a quad-core and a quad-core processor.
    pub(super) fn are_like(&self, other: &Self) -> bool {
        let which = self.roles & other.roles != 0 || self.roles == 0 || other.roles == 0;
        which
            && !self.nouns.is_empty()
            && !other.nouns.is_empty()
            && self.nouns.iter().zip(&other.nouns).all(|(a, b)| a == b)
    }

    fn add(&mut self, word: &str, roles: Roles) {
        let word = singular(word);
        if roles & side() != 0 {
            self.roles |= roles & side();
        } else if !word.is_empty()
            && !word.bytes().any(|b| b.is_ascii_digit())
            && !fills(word)
            && !self.nouns.contains(&Noun::of(word))
        {
            self.nouns.push(Noun::of(word));
        }
    }
}

/// A noun in the singular, as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Noun(u64);

impl Noun {
    pub(super) fn of(word: &str) -> Self {
        let mut hasher = Quick::default();
        singular(word).hash(&mut hasher);
        Self(hasher.finish())
    }
}

impl Figures<'_> {
    /// The noun that a figure is said of: the word behind it, or behind its `of`.
    pub(super) fn noun(&self, at: usize) -> Option<Noun> {
        let word = |at: usize| {
            let token = self.tokens.get(at).filter(|token| token.figure.is_none())?;
            matches!(self.gap(at), " " | "-").then(|| self.word(token))
        };
        let first = word(at + 1)?;
        let noun = if first == "of" { word(at + 2)? } else { first };
        let is_noun =
            noun.len() > 2 && !lexicon::ties(noun) && !lexicon::breaks_off(noun) && !lexicon::leads(noun);
        is_noun.then(|| Noun::of(noun))
    }
}

/// Which of several cameras is meant.
fn side() -> Roles {
    facets(Dimension::Lines).next().map_or(0, |facet| facet.roles)
}

fn singular(word: &str) -> &str {
    match word {
        "colour" | "colours" | "colors" => "color",
        "lenses" => "lens",
        _ => word.strip_suffix('s').filter(|word| word.len() > 2 && !word.ends_with('s')).unwrap_or(word),
    }
}

/// Words that say nothing about what is counted.
fn fills(word: &str) -> bool {
    matches!(
        word,
        "quantity"
            | "number"
            | "of"
            | "count"
            | "option"
            | "setup"
            | "system"
            | "variant"
            | "choice"
            | "different"
            | "available"
            | "total"
            | "the"
            | "module"
            | "array"
            | "configuration"
            | "support"
            | "total."
            | "installed"
    )
}

/// An item that leaves the list open.
pub(super) fn is_open(item: &str) -> bool {
    let item = item.to_lowercase();
    ["other", "more", "etc", "various", "unspecified", "yes", "no", "n", "y"]
        .iter()
        .any(|open| item.split(' ').any(|word| word == *open))
}
