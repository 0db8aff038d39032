//! One rule: what it is called, when it applies, what it looks for, and what follows from a finding.

use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::correction::{Correction, listed};
use super::examples::Example;
use super::kinds::{Check, Kind};
use super::opinions::{Ask, Heard, Opinion};
use super::patterns::Exception;
use super::text::{Text, slice};
use crate::condition::{Condition, Scope, Truth};
use crate::diagnostic::Span;
use crate::document::Node;

use super::Ground;

/// How much a rule matters to those who wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Worth knowing.
    Suggestion,
    /// Should be put right.
    Warning,
    /// Must not be shown.
    Error,
}

/// What follows from a finding, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is recorded, nothing else.
    Note,
    /// The rule's own correction is applied and the text judged again.
    Fix,
    /// The text goes back to the LLM once, with the finding.
    Repair,
    /// The text is not used.
    Block,
}

impl Level {
    /// What follows when the rule does not say.
    pub fn default_action(self) -> Action {
        match self {
            Self::Error => Action::Block,
            Self::Warning => Action::Repair,
            Self::Suggestion => Action::Note,
        }
    }
}

/// Whether a rule's findings count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Enforcement {
    /// They count.
    Enforce,
    /// They are found and recorded, and change nothing.
    Shadow,
    /// The rule is not run.
    Off,
}

/// A stretch of time: from an instant, to before another; open where nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) from: Option<Timestamp>,
    pub(super) before: Option<Timestamp>,
}

impl Period {
    /// Whether the instant is in it. No instant asks for the rule as if it were in force.
    pub(super) fn holds(&self, at: Option<Timestamp>) -> bool {
        at.is_none_or(|at| {
            self.from.is_none_or(|from| from <= at) && self.before.is_none_or(|before| at < before)
        })
    }
}

/// What `guardrails.yml` says of a rule instead of what the rule itself says.
#[derive(Clone, Debug, Default)]
pub(super) struct Override {
    pub(super) level: Option<Level>,
    pub(super) on_match: Option<Action>,
    pub(super) mode: Option<Enforcement>,
    /// From this instant the rule is as its own file says.
    pub(super) before: Option<Timestamp>,
    /// Why, where that is said.
    pub(super) because: Option<String>,
}

/// Where a rule applies. What is unknown of a text applies.
#[derive(Clone, Debug, Default)]
pub(super) struct Applies {
    pub(super) locales: Vec<String>,
    pub(super) placements: Vec<String>,
    pub(super) when: Option<Condition>,
}

impl Applies {
    pub(super) fn holds(&self, ground: &Ground<'_>) -> bool {
        let locale = ground.locale.is_none_or(|locale| {
            self.locales.is_empty() || self.locales.iter().any(|p| locale_matches(p, locale.as_str()))
        });
        let placement = ground.placement.is_none_or(|placement| {
            self.placements.is_empty() || self.placements.iter().any(|p| p == placement)
        });
        let scope = Scope::new(None, ground.context, ground.facts, ground.at);
        locale && placement && self.when.as_ref().is_none_or(|when| when.evaluate(&scope) != Truth::False)
    }
}

/// `en` and `en-*` match `en`, `en-GB`; `*-GB` matches every language of Great Britain. A region that the copy does not
/// say is unknown, so `en-GB` matches `en` too.
pub(super) fn locale_matches(pattern: &str, locale: &str) -> bool {
    pattern
        .split('-')
        .zip(locale.split('-'))
        .all(|(wanted, given)| wanted == "*" || wanted.eq_ignore_ascii_case(given))
}

/// One rule of the lists, compiled.
#[derive(Debug)]
pub struct Rule {
    pub(super) id: String,
    pub(super) file: String,
    pub(super) span: Span,
    pub(super) level: Level,
    /// What follows, where the rule says it.
    pub(super) on_match: Option<Action>,
    pub(super) mode: Enforcement,
    pub(super) message: String,
    pub(super) owner: Option<String>,
    pub(super) reference: Option<String>,
    pub(super) link: Option<String>,
    pub(super) description: Option<String>,
    pub(super) check: Check,
    pub(super) exceptions: Vec<Exception>,
    pub(super) applies: Applies,
    pub(super) effective: Period,
    pub(super) overridden: Override,
    pub(super) examples: Vec<Example>,
    /// What the rule's own `action` makes of a match.
    pub(super) correction: Option<Correction>,
    /// The most findings that it makes in one text, where it says so.
    pub(super) at_most: Option<usize>,
    /// Whether it is of a public style: its findings are notes unless `guardrails.yml` raises them.
    pub(super) public: bool,
    /// All that its file says of it, as written: what an edit is held against.
    pub(super) written: Node,
}

/// What is in force of a rule at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) level: Level,
    pub(super) action: Action,
    pub(super) mode: Enforcement,
}

/// How a rule stands towards some copy at one moment, `guardrails.yml` included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How much it matters.
    pub level: Level,
    /// What follows from a finding.
    pub action: Action,
    /// Whether its findings count.
    pub mode: Enforcement,
    /// Whether it asks more of facts or the moment before it applies.
    pub conditional: bool,
}

impl Rule {
    /// The name: the file's and the rule's own, as in `brand.no-slang`.
    pub fn id(&self) -> &str {
        &self.id
    }
    /// What it looks for.
    pub fn kind(&self) -> Kind {
        self.check.kind()
    }
    /// What it asks of a second model; `None` for the kinds that look at the text themselves.
    pub fn asks(&self) -> Option<&Ask> {
        self.check.asks().map(|asks| &**asks)
    }
    /// What a second model's opinion means to it.
    pub fn hear(&self, opinion: &Opinion) -> Heard {
        self.check.hear(opinion)
    }
    /// How much it matters, `guardrails.yml` included.
    pub fn level(&self) -> Level {
        self.settings(None).level
    }
    /// What follows from a finding, `guardrails.yml` included.
    pub fn on_match(&self) -> Action {
        self.settings(None).action
    }
    /// Whether its findings count, `guardrails.yml` included.
    pub fn mode(&self) -> Enforcement {
        self.settings(None).mode
    }
    /// Whom to ask about it.
    pub fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }
    /// The law, code or guide that it comes from.
    pub fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
    }
    /// Where to read more.
    pub fn link(&self) -> Option<&str> {
        self.link.as_deref()
    }
    /// What it is for, in the words of those who wrote it.
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }
    /// What a finding says, with `%s` where the match goes.
    pub fn message(&self) -> &str {
        &self.message
    }
    /// The file that it stands in.
    pub fn file(&self) -> &str {
        &self.file
    }
    /// Where it stands in its file.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Whether a text in which it finds something might pass it with other facts of the product. `false` is certain.
    pub fn may_read_facts(&self) -> bool {
        let of_the_text = matches!(
            self.kind(),
            Kind::Existence
                | Kind::Substitution
                | Kind::Occurrence
                | Kind::Limit
                | Kind::Repetition
                | Kind::Metric
                | Kind::Readability
        );
        !of_the_text || self.exceptions.iter().any(Exception::reads_facts) || self.asks_for("product.")
    }

    /// Whether a text in which it finds something might pass it at a request with another context, such as from another
    /// country. `false` is certain.
    pub fn may_read_context(&self) -> bool {
        self.asks_for("context.") || matches!(self.kind(), Kind::Claim | Kind::Require)
    }

    fn asks_for(&self, root: &str) -> bool {
        self.applies.when.as_ref().is_some_and(|when| when.paths().any(|path| path.starts_with(root)))
    }

    /// How it stands at an instant towards copy of a placement and a locale; `None` when it is not in force then, is turned
    /// off, or is not for such copy. What it further asks of facts or the moment is not asked here.
    pub fn standing(&self, at: Timestamp, placement: &str, locale: Option<&str>) -> Option<Standing> {
        let Settings { level, action, mode } = self.settings(Some(at));
        let Applies { locales, placements, when } = &self.applies;
        let for_locale = locale.is_none_or(|locale| {
            locales.is_empty() || locales.iter().any(|pattern| locale_matches(pattern, locale))
        });
        let for_placement = placements.is_empty() || placements.iter().any(|named| named == placement);
        let in_force = self.effective.holds(Some(at)) && mode != Enforcement::Off;
        let stands = in_force && for_locale && for_placement;
        stands.then_some(Standing { level, action, mode, conditional: when.is_some() })
    }

    /// What is in force at an instant; without one, overrides count as in force.
    pub(super) fn settings(&self, at: Option<Timestamp>) -> Settings {
        let holds = Period { from: None, before: self.overridden.before }.holds(at);
        let over = if holds { self.overridden.clone() } else { Override::default() };
        let level = over.level.unwrap_or(self.level);
        let raised = over.level.map_or(Action::Note, Level::default_action);
        let unsaid = if self.public { raised } else { level.default_action() };
        let action = over.on_match.or(self.on_match).unwrap_or(unsaid);
        Settings { level, action, mode: over.mode.unwrap_or(self.mode) }
    }

    /// Whether its findings say what to write instead.
    pub(super) fn corrects(&self) -> bool {
        self.correction.is_some() || self.check.corrects()
    }

    /// What it finds in a text before its exceptions are asked, with its own corrections.
    pub(super) fn find(&self, text: &Text<'_>, ground: &Ground<'_>) -> Vec<Hit> {
        let mut found = self.check.find(text, ground);
        if let Some(correction) = &self.correction {
            for hit in found.iter_mut().filter(|hit| hit.replacement.is_none() && hit.instead.is_none()) {
                let matched = slice(text.given(), hit.range.clone());
                let options = correction.of(matched);
                if hit.says.is_empty() {
                    let shown = if let [only] = options.as_slice() { only.clone() } else { listed(&options) };
                    hit.says = vec![matched.to_owned(), shown];
                }
                hit.replacement = options.into_iter().find(|option| option != matched);
            }
        }
        found
    }

    /// The instants at which what is in force of it changes.
    pub(super) fn changes(&self) -> impl Iterator<Item = Timestamp> {
        [self.effective.from, self.effective.before, self.overridden.before].into_iter().flatten()
    }
}

/// Where a rule matched, before what follows from it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hit {
    /// The bytes of the text as given.
    pub(super) range: Range<usize>,
    /// What goes into the message before the match.
    pub(super) says: Vec<String>,
    /// What to tell in place of the rule's message: why the rule could not be run.
    pub(super) instead: Option<String>,
    /// What to write instead, where the rule knows.
    pub(super) replacement: Option<String>,
    /// A statement that is lacking, and the byte of the text as given before which it may be put in.
    pub(super) insertion: Option<(usize, String)>,
    /// What to tell beyond the rule's message: a sentence.
    pub(super) because: Option<String>,
    pub(super) evidence: Option<Evidence>,
    /// The family of claims that it belongs to.
    pub(super) family: Option<Arc<str>>,
}

impl Hit {
    pub(super) fn at(range: Range<usize>) -> Self {
        Self {
            range,
            says: Vec::new(),
            instead: None,
            replacement: None,
            insertion: None,
            because: None,
            evidence: None,
            family: None,
        }
    }

    /// Whether the rule knows how to put it right.
    pub(super) fn is_correctable(&self) -> bool {
        self.replacement.is_some() || self.insertion.is_some()
    }
}

/// What the facts say where a statement contradicts them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The attribute nearest to the statement, as a path in the facts; `None` when nothing there supports it.
    pub attribute: Option<String>,
    /// That attribute's value.
    pub value: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locales() {
        for (pattern, locale, expected) in [
            ("en-*", "en-GB", true),
            ("en-*", "en", true),
            ("en", "en-GB", true),
            ("en-GB", "en-US", false),
            ("en-GB", "en", true),
            ("en-*", "de", false),
            ("*-GB", "cy-GB", true),
            ("*", "de-AT", true),
        ] {
            assert_eq!(locale_matches(pattern, locale), expected, "{pattern} {locale}");
        }
    }
}
