//! The kinds of rules, and what each finds in a text. A kind knows nothing of levels, dates or what follows.

mod capitalization;
mod claim;
mod competitor;
mod conditional;
mod consistency;
mod echo;
mod language;
mod lexicon;
mod limit;
mod markup;
mod metric;
mod personal;
mod phrases;
mod pii;
mod repetition;
mod require;
mod second;
mod url;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use capitalization::Capitalization;
pub(super) use claim::Claim;
pub(super) use competitor::CASES;
use competitor::Competitor;
use conditional::Conditional;
use consistency::Consistency;
use echo::Echo;
use language::Language;
pub(super) use language::{CONFIDENCE, MIN_WORDS};
pub(super) use limit::{Bounds, Limit, Occurrence};
pub(super) use metric::GRADES;
use metric::{Metric, Readability};
use personal::Personal;
pub(super) use phrases::{Phrases, Public, Replacement, Swaps, Told, Wanted};
use pii::Pii;
pub(super) use pii::{ENTITIES, THRESHOLD};
use repetition::Repetition;
use require::Require;
pub(super) use second::DEFAULT_THRESHOLD;
use second::{Judge, Moderation};
use url::Url;

use super::Ground;
use super::grounded;
use super::opinions::{Ask, Heard, Opinion};
use super::patterns::Style;
use super::prefilter::Loose;
use super::rule::{Enforcement, Hit};
use super::text::{Reach, Text};
use crate::document::{Faults, Fields};

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
    /// The same word twice in a row.
    Repetition,
    /// Two ways to write the same, both used.
    Consistency,
    /// Words that need others to be there, such as an abbreviation its definition.
    Conditional,
    /// Capitals where they do not belong, or none where they do.
    Capitalization,
    /// A formula over counts of the text that comes out too high or too low.
    Metric,
    /// A text harder to read than a grade allows.
    Readability,
    /// A statement without the disclosure that it needs.
    Require,
    /// A claim without evidence in force.
    Claim,
    /// Statements about the reader that nothing given supports, or that should not be said though true.
    Personal,
    /// Personal data: addresses, phone numbers, cards, ids.
    Pii,
    /// What was given to the model and is not for the page.
    Echo,
    /// Links to elsewhere than allowed.
    Url,
    /// Another language than the one asked for.
    Language,
    /// Names of competitors.
    Competitor,
    /// What a rubric says, decided by a second model.
    Judge,
    /// What a moderation service says.
    Moderation,
}

/// The kinds that this version runs.
pub(super) const KINDS: &[(&str, Kind)] = &[
    ("existence", Kind::Existence),
    ("substitution", Kind::Substitution),
    ("occurrence", Kind::Occurrence),
    ("limit", Kind::Limit),
    ("markup", Kind::Markup),
    ("grounded", Kind::Grounded),
    ("repetition", Kind::Repetition),
    ("consistency", Kind::Consistency),
    ("conditional", Kind::Conditional),
    ("capitalization", Kind::Capitalization),
    ("metric", Kind::Metric),
    ("readability", Kind::Readability),
    ("require", Kind::Require),
    ("claim", Kind::Claim),
    ("personal", Kind::Personal),
    ("pii", Kind::Pii),
    ("echo", Kind::Echo),
    ("url", Kind::Url),
    ("language", Kind::Language),
    ("competitor", Kind::Competitor),
    ("judge", Kind::Judge),
    ("moderation", Kind::Moderation),
];

/// The kinds that rule files may name and that this version does not run.
pub(super) const KINDS_TO_COME: &[&str] = &["spelling", "sequence", "script"];

/// A compiled rule's way of looking.
#[derive(Debug)]
pub(super) enum Check {
    Existence(Phrases),
    Substitution(Swaps),
    Occurrence(Occurrence),
    Limit(Limit),
    Markup,
    Grounded,
    Repetition(Repetition),
    Consistency(Consistency),
    Conditional(Conditional),
    Capitalization(Capitalization),
    Metric(Metric),
    Readability(Readability),
    Require(Require),
    Claim(Claim),
    Personal(Personal),
    Pii(Pii),
    Echo(Echo),
    Url(Url),
    Language(Language),
    Competitor(Competitor),
    Judge(Judge),
    Moderation(Moderation),
}

impl Kind {
    /// What holds for a rule that says no `mode`: one that goes by a model's opinion is tried first.
    pub(super) fn default_mode(self) -> Enforcement {
        match self {
            Self::Judge | Self::Moderation => Enforcement::Shadow,
            _ => Enforcement::Enforce,
        }
    }
}

impl Check {
    /// Reads what is a kind's own of a rule.
    pub(super) fn read(kind: Kind, fields: &mut Fields<'_>, style: Style, faults: &Faults) -> Option<Self> {
        match kind {
            Kind::Repetition => Repetition::read(fields, style, faults).map(Self::Repetition),
            Kind::Consistency => Consistency::read(fields, style, faults).map(Self::Consistency),
            Kind::Conditional => Conditional::read(fields, style, faults).map(Self::Conditional),
            Kind::Capitalization => Capitalization::read(fields, style, faults).map(Self::Capitalization),
            Kind::Metric => Metric::read(fields, style, faults).map(Self::Metric),
            Kind::Readability => Readability::read(fields, style, faults).map(Self::Readability),
            Kind::Require => Require::read(fields, style, faults).map(Self::Require),
            Kind::Claim => Claim::read(fields, style, faults).map(Self::Claim),
            Kind::Personal => Personal::read(fields, style, faults).map(Self::Personal),
            Kind::Pii => Pii::read(fields, style, faults).map(Self::Pii),
            Kind::Echo => Echo::read(fields, style, faults).map(Self::Echo),
            Kind::Url => Url::read(fields, style, faults).map(Self::Url),
            Kind::Language => Language::read(fields, style, faults).map(Self::Language),
            Kind::Competitor => Competitor::read(fields, style, faults).map(Self::Competitor),
            Kind::Judge => Judge::read(fields, style, faults).map(Self::Judge),
            Kind::Moderation => Moderation::read(fields, style, faults).map(Self::Moderation),
            Kind::Existence
            | Kind::Substitution
            | Kind::Occurrence
            | Kind::Limit
            | Kind::Markup
            | Kind::Grounded => None,
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Existence(_) => Kind::Existence,
            Self::Substitution(_) => Kind::Substitution,
            Self::Occurrence(_) => Kind::Occurrence,
            Self::Limit(_) => Kind::Limit,
            Self::Markup => Kind::Markup,
            Self::Grounded => Kind::Grounded,
            Self::Repetition(_) => Kind::Repetition,
            Self::Consistency(_) => Kind::Consistency,
            Self::Conditional(_) => Kind::Conditional,
            Self::Capitalization(_) => Kind::Capitalization,
            Self::Metric(_) => Kind::Metric,
            Self::Readability(_) => Kind::Readability,
            Self::Require(_) => Kind::Require,
            Self::Claim(_) => Kind::Claim,
            Self::Personal(_) => Kind::Personal,
            Self::Pii(_) => Kind::Pii,
            Self::Echo(_) => Kind::Echo,
            Self::Url(_) => Kind::Url,
            Self::Language(_) => Kind::Language,
            Self::Competitor(_) => Kind::Competitor,
            Self::Judge(_) => Kind::Judge,
            Self::Moderation(_) => Kind::Moderation,
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
            Self::Repetition(check) => check.find(text),
            Self::Consistency(check) => check.find(text),
            Self::Conditional(check) => check.find(text),
            Self::Capitalization(check) => check.find(text),
            Self::Metric(check) => check.find(text),
            Self::Readability(check) => check.find(text),
            Self::Require(check) => check.find(text, ground),
            Self::Claim(check) => check.find(text, ground),
            Self::Personal(check) => check.find(text, ground),
            Self::Pii(check) => check.find(text, ground),
            Self::Echo(check) => check.find(text, ground),
            Self::Url(check) => check.find(text, ground),
            Self::Language(check) => check.find(text, ground),
            Self::Competitor(check) => check.find(text, ground),
            // Nothing in the text is theirs to find: see `asks`.
            Self::Judge(_) | Self::Moderation(_) => Vec::new(),
        }
    }

    /// What it asks of a second model; `None` for the kinds that look at the text themselves.
    pub(super) fn asks(&self) -> Option<&Arc<Ask>> {
        match self {
            Self::Judge(check) => Some(&check.asks),
            Self::Moderation(check) => Some(&check.asks),
            _ => None,
        }
    }

    /// What a second model's opinion means to it.
    pub(super) fn hear(&self, opinion: &Opinion) -> Heard {
        match self {
            Self::Judge(check) => check.hear(opinion),
            Self::Moderation(check) => check.hear(opinion),
            _ => Heard::Unanswered("this kind of rule asks no second model".to_owned()),
        }
    }

    /// Where a text has the words that the rule lists, whatever besides them decides on a finding.
    pub(super) fn listed(&self, text: &Text<'_>, ground: &Ground<'_>) -> Vec<Hit> {
        match self {
            Self::Require(check) => check.asking(text),
            Self::Claim(check) => check.betrayed(text),
            _ => self.find(text, ground),
        }
    }

    /// A pattern without which nothing is found in a text; `None` when the rule must always look.
    pub(super) fn loose(&self) -> Option<Loose<'_>> {
        match self {
            Self::Existence(phrases) => phrases.pattern.loose(),
            Self::Substitution(swaps) => swaps.pattern.loose(),
            Self::Occurrence(occurrence) => occurrence.loose(),
            Self::Conditional(conditional) => conditional.loose(),
            Self::Require(check) => check.loose(),
            Self::Claim(check) => check.loose().map(Loose::folded),
            Self::Url(check) => Some(Loose::folded(check.loose())),
            Self::Competitor(check) => Some(Loose::folded(check.loose())),
            Self::Pii(check) => Some(Loose::folded(check.loose())),
            Self::Personal(check) => Some(Loose::folded(check.loose())),
            _ => None,
        }
    }

    /// Whether its hits say what to write instead.
    pub(super) fn corrects(&self) -> bool {
        match self {
            Self::Substitution(swaps) => swaps.corrects,
            Self::Capitalization(capitalization) => capitalization.corrects,
            Self::Require(_) => true,
            Self::Claim(check) => check.corrects(),
            _ => false,
        }
    }

    /// Looks at other pieces of a text.
    pub(super) fn look_at(&mut self, reach: Reach) {
        match self {
            Self::Repetition(check) => check.reach = reach,
            Self::Consistency(check) => check.reach = reach,
            Self::Conditional(check) => check.reach = reach,
            Self::Capitalization(check) => check.reach = reach,
            Self::Metric(check) => check.reach = reach,
            Self::Readability(check) => check.reach = reach,
            _ => {}
        }
    }
}
