//! What the rules in force say of themselves, for whoever looks after them.

use jiff::Timestamp;
use jiff::civil::Date;

use super::changes::told;
use super::examples::Expect;
use super::kinds::Check;
use super::rule::Rule;
use super::{Ceiling, Guardrails};
use crate::diagnostic::Span;

/// One example of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownExample<'g> {
    /// The copy.
    pub text: &'g str,
    /// Whether the rule is to find nothing in it.
    pub passes: bool,
}

/// A text that some rules do not hold back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownWaiver<'g> {
    /// The text.
    pub text: &'g str,
    /// The rules.
    pub rules: Vec<&'g str>,
    /// Why.
    pub reason: &'g str,
    /// Who answers for it.
    pub by: &'g str,
    /// Its last day.
    pub until: Date,
    /// The instant at which it is over.
    pub before: Timestamp,
    /// Its file.
    pub file: &'g str,
    /// Where it stands there.
    pub span: Span,
}

/// The word of somebody that a rule went, or became looser, on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownRetirement<'g> {
    /// The rule.
    pub id: &'g str,
    /// Why.
    pub reason: &'g str,
    /// Who says so.
    pub by: &'g str,
    /// The day from which on it holds.
    pub on: Date,
}

/// A ceiling in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownCeiling<'g> {
    /// How far copy may go below it: `prewritten`, `segment`, with approval.
    pub allows: String,
    /// Where it holds.
    pub over: String,
    /// The placements that it names; none means all.
    pub placements: &'g [String],
    /// What it sets.
    pub ceiling: Ceiling,
    /// Its file.
    pub file: &'g str,
    /// Where it stands there.
    pub span: Span,
}

impl Rule {
    /// From which instant on it is in force, where that is said.
    pub fn from(&self) -> Option<Timestamp> {
        self.effective.from
    }
    /// The instant at which it is not in force any more, where that is said.
    pub fn before(&self) -> Option<Timestamp> {
        self.effective.before
    }
    /// Why `guardrails.yml` says otherwise than the rule's own file, where it gives a reason.
    pub fn because(&self) -> Option<&str> {
        self.overridden.because.as_deref()
    }
    /// The instant from which the rule is again as its own file says, where `guardrails.yml` sets one.
    pub fn overridden_before(&self) -> Option<Timestamp> {
        self.overridden.before
    }
    /// The family of claims that it belongs to.
    pub fn family(&self) -> Option<&str> {
        match &self.check {
            Check::Claim(claim) => claim.family.as_deref(),
            _ => None,
        }
    }
    /// Whether it is of a public style.
    pub fn is_public(&self) -> bool {
        self.public
    }
    /// Whether it finds anything at that instant: it is in force, and enforced or in shadow.
    pub fn runs(&self, at: Timestamp) -> bool {
        self.effective.holds(Some(at)) && self.settings(Some(at)).mode != super::Enforcement::Off
    }
    /// Whether its findings count at that instant, `guardrails.yml` included.
    pub fn mode_at(&self, at: Timestamp) -> super::Enforcement {
        self.settings(Some(at)).mode
    }
    /// Where it applies, as its file says it on one line; `None` where it applies everywhere.
    pub fn applies_to(&self) -> Option<String> {
        self.written.get("applies").map(told::written)
    }
    /// Its examples, in the order of its file.
    pub fn shown_examples(&self) -> impl Iterator<Item = ShownExample<'_>> {
        let shown = |example: &'_ super::examples::Example| example.expect == Expect::Pass;
        self.examples
            .iter()
            .map(move |example| ShownExample { text: &example.sample.text, passes: shown(example) })
    }
}

impl Guardrails {
    /// The rule with this name.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// Every waiver, in the order of the files.
    pub fn shown_waivers(&self) -> impl Iterator<Item = ShownWaiver<'_>> {
        self.waivers.all().iter().map(|waiver| ShownWaiver {
            text: &waiver.text,
            rules: waiver.rules.iter().map(|(name, _)| name.as_str()).collect(),
            reason: &waiver.reason,
            by: &waiver.by,
            until: waiver.until,
            before: waiver.before,
            file: &waiver.file,
            span: waiver.span,
        })
    }

    /// What is said of rules that went, or became looser.
    pub fn shown_retirements(&self) -> impl Iterator<Item = ShownRetirement<'_>> {
        self.retired.iter().map(|word| ShownRetirement {
            id: &word.id,
            reason: &word.reason,
            by: &word.by,
            on: word.on,
        })
    }

    /// Every ceiling, in words.
    pub fn shown_ceilings(&self) -> impl Iterator<Item = ShownCeiling<'_>> {
        self.ceilings.iter().map(|bound| ShownCeiling {
            allows: told::ceiling(bound.ceiling),
            over: told::over(&bound.written, &bound.applies.placements),
            placements: &bound.applies.placements,
            ceiling: bound.ceiling,
            file: &bound.file,
            span: bound.span,
        })
    }
}
