//! What of two sets of rules is not the same in both: only that is run on a text to tell whether both say the same of it.
//!
//! ```text
//! rules before, rules after → Difference ─ a text, its ground → alike: nothing else is to be judged
//!                                                             → perhaps not: both judge it whole
//! ```
//!
//! It never says alike of a text of which the two would say otherwise. Of what it does not know it says nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::approve::MAX_TEXT;
use super::judge::{hits, judge_at, on_ground_in_force};
use super::kinds::Check;
use super::opinions::Opinions;
use super::prefilter::Prefilter;
use super::rule::{Action, Enforcement, Hit, Override, Rule, Settings};
use super::text::Text;
use super::{Ground, Guardrails};
use crate::document::{Key, Kind as NodeKind, Node};

/// What two sets of rules do not have in common, at one instant.
#[derive(Debug)]
pub struct Difference {
    before: Side,
    after: Side,
    at: Timestamp,
    /// Whether the claims are not the same, or what they rely on is not: a text is read anew for each side then.
    claims: bool,
    /// Whether the sets have too little in common to be told apart by some of their rules.
    whole: bool,
}

/// What is run of one set.
#[derive(Debug)]
struct Side {
    rules: Arc<Guardrails>,
    prefilter: Prefilter,
    /// The places of rules that are the same in both sets and correct texts.
    correct: BTreeSet<usize>,
}

/// What a rule found, and what follows from it.
type Found<'s> = (&'s str, Settings, Vec<Hit>);

/// What is known of a text from what was run on it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Both say the same of it.
    Alike,
    /// They do, and both correct it in the same way.
    Corrected,
    /// Perhaps they do not.
    Unknown,
}

impl Difference {
    /// What the sets do not have in common at an instant.
    pub fn of(before: &Arc<Guardrails>, after: &Arc<Guardrails>, at: Timestamp) -> Self {
        let places: BTreeMap<&str, usize> = places(after);
        let pairs: Vec<(usize, usize)> = before
            .rules
            .iter()
            .enumerate()
            .filter_map(|(place, rule)| Some((place, *places.get(rule.id.as_str())?)))
            .collect();
        // What is found first counts where corrections meet, and where a claim says what its family would.
        let in_order = pairs.is_sorted_by_key(|(_, place)| *place);
        let whole = !in_order || before.timezone.iana_name() != after.timezone.iana_name();
        let claims = !claims_are_same(before, after);
        let is_same = |(then, now): &&(usize, usize)| {
            let (Some(then), Some(now)) = (before.rules.get(*then), after.rules.get(*now)) else {
                return false;
            };
            let accepted = !then.public || before.accepted == after.accepted;
            rules_are_same(then, now) && accepted && !(claims && is_claim(then))
        };
        let same: Vec<&(usize, usize)> = pairs.iter().filter(is_same).collect();
        let correct: BTreeSet<usize> = same
            .iter()
            .map(|(then, _)| *then)
            .filter(|place| before.rules.get(*place).is_some_and(|rule| corrects(rule, at)))
            .collect();
        let then = same.iter().map(|(then, _)| *then).filter(|place| !correct.contains(place)).collect();
        let now = same.iter().map(|(_, now)| *now).collect();
        Self {
            before: Side::without(before, &then, correct, at),
            after: Side::without(after, &now, BTreeSet::new(), at),
            at,
            claims,
            whole,
        }
    }

    /// Whether both sets are certain to come to the same of a text: to the same verdict, by the same rules, with the same
    /// correction. What they only note may differ. `false` says nothing.
    pub fn says_the_same(&self, text: &str, ground: &Ground<'_>) -> bool {
        if self.whole || ground.at != self.at || text.len() > MAX_TEXT {
            return false;
        }
        match self.tell(text, ground) {
            Told::Alike => true,
            Told::Unknown => false,
            // What is corrected is judged again.
            Told::Corrected => judge_at(&self.before.rules, text, ground, Some(self.at))
                .fixed
                .is_none_or(|fixed| self.tell(&fixed, ground) != Told::Unknown),
        }
    }

    fn tell(&self, given: &str, ground: &Ground<'_>) -> Told {
        let text = Text::new(given);
        // A text is held against one register.
        let other = self.claims.then(|| Text::new(given));
        on_ground_in_force(&self.before.rules, ground, Some(self.at), |ground| {
            if self.before.waived(&text, self.at) != self.after.waived(&text, self.at) {
                return Told::Unknown;
            }
            let Some((before, corrected)) = self.before.run(&text, ground, self.at, self.claims) else {
                return Told::Unknown;
            };
            match self.after.run(other.as_ref().unwrap_or(&text), ground, self.at, self.claims) {
                Some((after, _)) if before != after => Told::Unknown,
                Some(_)
                    if corrected || before.iter().any(|(_, settings, _)| settings.action == Action::Fix) =>
                {
                    Told::Corrected
                }
                Some(_) => Told::Alike,
                None => Told::Unknown,
            }
        })
    }
}

impl Side {
    /// All rules but those at some places that can change what becomes of a text at an instant.
    fn without(
        rules: &Arc<Guardrails>,
        same: &BTreeSet<usize>,
        correct: BTreeSet<usize>,
        at: Timestamp,
    ) -> Self {
        let run =
            rules.rules.iter().enumerate().filter(|(place, rule)| !same.contains(place) && counts(rule, at));
        Self { prefilter: Prefilter::of(run), rules: Arc::clone(rules), correct }
    }

    /// What its rules find in a text, and whether what is the same in both sets corrects it; `None` where that does not tell
    /// enough.
    fn run<'s>(
        &'s self,
        text: &Text<'_>,
        ground: &Ground<'_>,
        at: Timestamp,
        claims: bool,
    ) -> Option<(Vec<Found<'s>>, bool)> {
        let (mut all, mut corrected) = (Vec::new(), false);
        for place in self.prefilter.candidates(text) {
            let Some(rule) = self.rules.rules.get(place).filter(|rule| rule.applies.holds(ground)) else {
                continue;
            };
            if rule.check.asks().is_some() {
                match ground.opinions {
                    Opinions::Prewritten => continue,
                    _ => return None,
                }
            }
            let found = hits(rule, text, ground).found;
            if found.is_empty() {
                continue;
            }
            if self.correct.contains(&place) {
                corrected = true;
                continue;
            }
            // What a claim found says what others need not say.
            if claims && is_claim(rule) {
                return None;
            }
            all.push((rule.id.as_str(), rule.settings(Some(at)), found));
        }
        Some((all, corrected))
    }

    /// The rules that do not hold a text back.
    fn waived<'s>(&'s self, text: &Text<'_>, at: Timestamp) -> BTreeSet<&'s str> {
        let standing = self.rules.waivers.standing(text, Some(at));
        standing.into_iter().flat_map(|waiver| &waiver.rules).map(|(name, _)| name.as_str()).collect()
    }
}

fn places(rules: &Guardrails) -> BTreeMap<&str, usize> {
    rules.rules.iter().enumerate().map(|(place, rule)| (rule.id.as_str(), place)).collect()
}

fn is_claim(rule: &Rule) -> bool {
    matches!(rule.check, Check::Claim(_))
}

/// Whether what a rule finds at an instant changes anything. What claims find changes what their families say, even where it
/// is only noted.
fn counts(rule: &Rule, at: Timestamp) -> bool {
    let settings = rule.settings(Some(at));
    rule.effective.holds(Some(at))
        && settings.mode == Enforcement::Enforce
        && (settings.action != Action::Note || is_claim(rule))
}

fn corrects(rule: &Rule, at: Timestamp) -> bool {
    counts(rule, at) && rule.settings(Some(at)).action == Action::Fix
}

/// Whether two rules of one name find the same in every text and have the same follow from it.
fn rules_are_same(a: &Rule, b: &Rule) -> bool {
    let over = |rule: &Rule| {
        let Override { level, on_match, mode, before, because: _ } = rule.overridden.clone();
        (level, on_match, mode, before)
    };
    a.public == b.public && over(a) == over(b) && reads_the_same(&a.written, &b.written)
}

/// Whether all claims, and the evidence that they rely on, are the same. Each knows of all others.
fn claims_are_same(before: &Guardrails, after: &Guardrails) -> bool {
    let (then, now): (Vec<&Rule>, Vec<&Rule>) = (
        before.rules.iter().filter(|rule| is_claim(rule)).collect(),
        after.rules.iter().filter(|rule| is_claim(rule)).collect(),
    );
    // A set that was narrowed down to some rules still goes by the claims that went.
    before.register.holds_as_many(then.len())
        && after.register.holds_as_many(now.len())
        && then.len() == now.len()
        && then.iter().zip(&now).all(|(then, now)| then.id == now.id && rules_are_same(then, now))
        && before.register.has_evidence_of(&after.register)
}

/// Whether two values say the same, in the same order; where they stand does not matter.
fn reads_the_same(a: &Node, b: &Node) -> bool {
    match (&a.kind, &b.kind) {
        (NodeKind::Scalar { text, plain }, NodeKind::Scalar { text: other, plain: as_plain }) => {
            (text, plain) == (other, as_plain)
        }
        (NodeKind::List(items), NodeKind::List(others)) => {
            items.len() == others.len() && items.iter().zip(others).all(|(a, b)| reads_the_same(a, b))
        }
        (NodeKind::Map(entries), NodeKind::Map(others)) => {
            let same = |((key, a), (other, b)): (&(Key, Node), &(Key, Node))| {
                key.text == other.text && reads_the_same(a, b)
            };
            entries.len() == others.len() && entries.iter().zip(others).all(same)
        }
        _ => false,
    }
}
