//! The kinds of rules, and what each finds in a text. A kind knows nothing of levels, dates or what follows.

mod limit;
mod markup;
mod phrases;

use serde::{Deserialize, Serialize};

pub(super) use limit::{Bounds, Limit, Occurrence};
pub(super) use phrases::{Phrases, Replacement, Swaps};

use super::Ground;
use super::grounded;
use super::rule::Hit;
use super::text::{Reach, Text};

/// What a rule looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Words that should not be there.
    Existence,
    /// Words to be written otherwise.
    Substitution,
    /// Words too often or too seldom.
    Occurrence,
    /// Too many or too few characters, words or sentences.
    Limit,
    /// HTML, Markdown, placeholders, control and look-alike characters.
    Markup,
    /// Figures that the product's facts do not support.
    Grounded,
}

/// The kinds that this version runs.
pub(super) const KINDS: &[(&str, Kind)] = &[
    ("existence", Kind::Existence),
    ("substitution", Kind::Substitution),
    ("occurrence", Kind::Occurrence),
    ("limit", Kind::Limit),
    ("markup", Kind::Markup),
    ("grounded", Kind::Grounded),
];

/// The kinds that rule files may name and that this version does not run.
pub(super) const KINDS_TO_COME: &[&str] = &[
    "repetition",
    "consistency",
    "conditional",
    "capitalization",
    "metric",
    "readability",
    "require",
    "claim",
    "personal",
    "pii",
    "echo",
    "url",
    "language",
    "competitor",
    "judge",
    "moderation",
    "spelling",
    "sequence",
    "script",
];

/// A compiled rule's way of looking.
#[derive(Debug)]
pub(super) enum Check {
    Existence(Phrases),
    Substitution(Swaps),
    Occurrence(Occurrence),
    Limit(Limit),
    Markup,
    Grounded,
}

impl Check {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Existence(_) => Kind::Existence,
            Self::Substitution(_) => Kind::Substitution,
            Self::Occurrence(_) => Kind::Occurrence,
            Self::Limit(_) => Kind::Limit,
            Self::Markup => Kind::Markup,
            Self::Grounded => Kind::Grounded,
        }
    }

    /// Where it matches, in the order of the text.
    pub(super) fn find(&self, text: &Text<'_>, ground: &Ground<'_>) -> Vec<Hit> {
        match self {
            Self::Existence(phrases) => phrases.find(text),
            Self::Substitution(swaps) => swaps.find(text),
            Self::Occurrence(occurrence) => occurrence.find(text),
            Self::Limit(limit) => limit.find(text.given()),
            Self::Markup => markup::find(text.given()),
            Self::Grounded => grounded::find(text, ground),
        }
    }

    /// A pattern without which nothing is found in a text; `None` when the rule must always look. A rule that looks at
    /// sentences must: its `^` matches where the text's does not.
    pub(super) fn loose(&self) -> Option<&str> {
        let (pattern, reach) = match self {
            Self::Existence(phrases) => (&phrases.pattern, phrases.reach),
            Self::Substitution(swaps) => (&swaps.pattern, swaps.reach),
            _ => return None,
        };
        (reach == Reach::Text).then_some(pattern.loose.as_str())
    }

    /// Whether its hits say what to write instead.
    pub(super) fn corrects(&self) -> bool {
        match self {
            Self::Existence(phrases) => phrases.removes,
            Self::Substitution(_) => true,
            _ => false,
        }
    }
}
