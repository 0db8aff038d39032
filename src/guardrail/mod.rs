//! Guardrails: the rules that copy must pass before anybody sees it.
//!
//! ```text
//! files → load → Guardrails ── judge(text, facts, moment) → Judgement
//!                           └─ approve(bans, draft, ground) → Approved
//! ```
//!
//! [`load`] compiles the rule files and runs every rule's own examples. [`judge`](judge()) says what the rules find in a
//! text and what follows. [`approve`](approve()) is the one maker of [`Approved`], the only text that reaches a caller.
//!
//! Knows no model, no HTTP, no clock and no user: the moment and the inputs given to the model come as values.

mod approve;
mod bans;
mod cases;
mod changes;
mod claims;
mod correction;
mod difference;
mod engine;
mod examples;
mod fold;
mod grounded;
mod judge;
mod kinds;
mod lint;
mod literals;
mod load;
mod offer;
mod opinions;
mod patterns;
mod plain;
mod prefilter;
mod read;
mod rule;
pub mod schema;
mod sentences;
mod settings;
mod shown;
mod statement;
mod styles;
mod support;
mod syntax;
mod text;
mod unmask;
mod vocabulary;
mod waivers;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::condition::{Asks, Condition, Scope, Truth};
use crate::diagnostic::Span;
use crate::document::Node;
use crate::words::{Locale, Revision};

pub use approve::{Approved, Draft, Stamp, approve, facts_hash, ground_hash, still_approved};
pub use bans::{Ban, Banned, Bans, Wording, Wordings, check_phrase, wording_of};
pub use cases::{RuleReport, Tried, try_cases};
pub(crate) use changes::told;
pub use changes::{Change, Effect, accidents, changes};
pub use claims::{Ending, RegisteredEvidence, ending, expiring};
pub use difference::Difference;
pub(crate) use fold::is_invisible;
pub use grounded::Prepared;
pub use judge::{Finding, Judgement, Verdict, judge};
pub use kinds::Kind;
pub use lint::{LINTS, Spot, Surroundings, lint};
pub use load::{hash_of, load};
pub use opinions::{Ask, Asking, Heard, Known, Opinion, Opinions, Question, QuestionKey, Service, questions};
pub use rule::{Action, Enforcement, Evidence, Level, Rule, Standing};
pub use shown::{ShownCeiling, ShownExample, ShownRetirement, ShownWaiver};
pub use support::{Relied, Supported, Voucher, support};

/// How far personalisation goes: the maturity ladder of a placement, and the ceiling that compliance sets on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Copy that people wrote, nothing else.
    Prewritten,
    /// One generated text for each segment and product.
    Segment,
    /// Generated for each user.
    Live,
}

/// Every mode by its name in files.
pub const MODES: &[(&str, Mode)] =
    &[("prewritten", Mode::Prewritten), ("segment", Mode::Segment), ("live", Mode::Live)];

/// The moment of a text for which dates do not matter: whatever rules and evidence there are, they are in force.
const TIMELESS: Timestamp = Timestamp::MIN;

/// A text to be judged, and all that it is judged against.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The text.
    pub text: &'a str,
    /// The product's facts.
    pub facts: &'a Map<String, Value>,
    /// The attributes of the moment.
    pub context: &'a Map<String, Value>,
    /// The placement that it is for; `None` when that is not known.
    pub placement: Option<&'a str>,
    /// The locale of the copy; `None` when that is not known.
    pub locale: Option<&'a Locale>,
    /// The declared inputs that were given to the model.
    pub inputs: &'a Map<String, Value>,
    /// The system message that was given to the model; `None` when that is not known, or nothing was.
    pub instructions: Option<&'a str>,
    /// The moment.
    pub at: Timestamp,
    /// What is known of what second models say of it.
    pub opinions: Opinions<'a>,
}

/// All that a text is judged against: a [`Subject`] without its text, and with the hash of the facts.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    /// The product's facts.
    pub facts: &'a Map<String, Value>,
    /// The hash of all those facts, as [`facts_hash`] makes it; computed once per product, not per text.
    pub facts_hash: [u8; 32],
    /// What is kept beside those very facts for rules that read them; `None` when nothing is kept.
    pub prepared: Option<&'a Prepared>,
    /// The attributes of the moment.
    pub context: &'a Map<String, Value>,
    /// The placement that it is for; `None` when that is not known.
    pub placement: Option<&'a str>,
    /// The locale of the copy; `None` when that is not known.
    pub locale: Option<&'a Locale>,
    /// The declared inputs that were given to the model.
    pub inputs: &'a Map<String, Value>,
    /// The system message that was given to the model; `None` when that is not known, or nothing was.
    pub instructions: Option<&'a str>,
    /// The moment.
    pub at: Timestamp,
    /// What is known of what second models say of texts.
    pub opinions: Opinions<'a>,
}

impl<'a> Subject<'a> {
    /// What the text is judged against. The facts' hash is left out: judging does not read it, and approving takes a
    /// ground of its own.
    fn ground(&self) -> Ground<'a> {
        let Self { text: _, facts, context, placement, locale, inputs, instructions, at, opinions } = *self;
        Ground {
            facts,
            facts_hash: [0; 32],
            prepared: None,
            context,
            placement,
            locale,
            inputs,
            instructions,
            at,
            opinions,
        }
    }
}

/// What compliance sets over every placement's own file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ceiling {
    /// No placement goes beyond this; none when it is not limited.
    pub mode: Option<Mode>,
    /// Whether a person approves each generated text before it is first served.
    pub approval: bool,
}

impl Ceiling {
    /// The strictest of two.
    fn and(self, other: Self) -> Self {
        let mode = [self.mode, other.mode].into_iter().flatten().min();
        Self { mode, approval: self.approval || other.approval }
    }
}

/// A ceiling, and where it applies.
#[derive(Clone, Debug)]
struct Bound {
    applies: rule::Applies,
    ceiling: Ceiling,
    file: String,
    span: Span,
    /// All that the file says of it, as written.
    written: Node,
}

/// Where a ceiling stands and what it goes by: what others may hold against what there is.
#[derive(Clone, Debug)]
pub struct CeilingSite<'g> {
    /// Its file.
    pub file: &'g str,
    /// Where it stands there.
    pub span: Span,
    /// The placements that it names; none means all.
    pub placements: &'g [String],
    /// What its condition asks for.
    pub asks: Vec<Asks<'g>>,
}

/// The rules in force, compiled: one set, made of all files or not at all.
#[derive(Debug)]
pub struct Guardrails {
    hash: Arc<Revision>,
    rules: Vec<Rule>,
    ceilings: Vec<Bound>,
    /// What is said of rules that went, or became looser.
    retired: Vec<settings::Retired>,
    /// Words that public rules may not object to.
    accepted: Vec<String>,
    waivers: waivers::Waivers,
    /// Rules that stand in the files and are turned off, of kinds that this version cannot run.
    not_run: BTreeSet<String>,
    /// The public styles in force.
    styles: BTreeSet<String>,
    context_paths: BTreeSet<String>,
    /// The instants at which a rule, an override, a waiver or evidence begins or ends, in order.
    changes: Vec<Timestamp>,
    prefilter: prefilter::Prefilter,
    register: Arc<claims::Register>,
    timezone: TimeZone,
}

impl Guardrails {
    /// The content hash of all files, and of the time zone that their dates are in.
    pub fn hash(&self) -> &Revision {
        &self.hash
    }

    /// Whether any rule asks a second model.
    pub fn ask_second_models(&self) -> bool {
        self.rules.iter().any(|rule| rule.check.asks().is_some())
    }

    /// The rules, in the order of their files.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Every piece of evidence in the register of claims.
    pub fn evidence(&self) -> &[RegisteredEvidence] {
        self.register.all_evidence()
    }

    /// The claims that rely on a piece of evidence: the rule's name, and each wording that it allows.
    pub fn claims_on(&self, evidence: &str) -> Vec<(&str, Vec<&str>)> {
        claims::on(&self.rules, evidence)
    }

    /// Every `context.*` path that a rule's `applies.when`, a claim or a ceiling reads: approvals depend on their values.
    pub fn context_paths(&self) -> &BTreeSet<String> {
        &self.context_paths
    }

    /// The instant from which the product's offer holds no more; `None` when none is said.
    pub fn offer_ends(&self, facts: &Map<String, Value>) -> Option<Timestamp> {
        offer::ends(facts, &self.timezone)
    }

    /// The facts that hold at an instant: all of them, but an offer that is over, or whose end cannot be read.
    pub fn facts_in_force<'f>(
        &self,
        facts: &'f Map<String, Value>,
        at: Timestamp,
    ) -> Cow<'f, Map<String, Value>> {
        offer::in_force(facts, &self.timezone, Some(at))
    }

    /// Until when what is said of a product at an instant holds: the next change of the rules, or its offer's end.
    fn holds_until(&self, facts: &Map<String, Value>, at: Timestamp) -> Option<Timestamp> {
        let offer = self.offer_ends(facts).filter(|end| at < *end);
        [self.next_change(at), offer].into_iter().flatten().min()
    }

    /// The next instant after `at` at which a rule, what `guardrails.yml` says of it, or evidence begins or ends.
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        self.changes.get(self.changes.partition_point(|change| *change <= at)).copied()
    }

    /// The strictest of all ceilings that apply; `None` when none does. What is unknown applies.
    pub fn ceiling(
        &self,
        facts: &Map<String, Value>,
        context: &Map<String, Value>,
        placement: Option<&str>,
    ) -> Option<Ceiling> {
        // No ceiling goes by the moment: what may is refused when it is read.
        let scope = Scope::new(None, context, facts, Timestamp::UNIX_EPOCH);
        let applies = |bound: &&Bound| {
            let rule::Applies { placements, when, .. } = &bound.applies;
            let named =
                placement.is_none_or(|p| placements.is_empty() || placements.iter().any(|named| named == p));
            named && when.as_ref().is_none_or(|when| when.evaluate(&scope) != Truth::False)
        };
        self.ceilings.iter().filter(applies).map(|bound| bound.ceiling).reduce(Ceiling::and)
    }

    /// Every ceiling, with what it goes by.
    pub fn ceilings(&self) -> impl Iterator<Item = CeilingSite<'_>> {
        self.ceilings.iter().map(|bound| CeilingSite {
            file: &bound.file,
            span: bound.span,
            placements: &bound.applies.placements,
            asks: bound.applies.when.as_ref().map(Condition::asks).unwrap_or_default(),
        })
    }

    /// These rules alone, by their names.
    ///
    /// # Errors
    ///
    /// The first name that no rule has.
    pub fn only(mut self, names: &[String]) -> Result<Self, String> {
        if let Some(unknown) = names.iter().find(|name| !self.rules.iter().any(|rule| rule.id == **name)) {
            return Err(unknown.clone());
        }
        self.rules.retain(|rule| names.contains(&rule.id));
        self.prefilter = prefilter::Prefilter::of(self.rules.iter().enumerate());
        Ok(self)
    }
}

#[cfg(test)]
mod tests;
