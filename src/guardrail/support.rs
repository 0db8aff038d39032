//! `support`: what vouches for what a text says, place by place. It decides nothing: `judge` does, and what that finds is
//! never told of here as vouched for.

use std::ops::Range;

use serde_json::Value;

use super::judge::{hits, on_ground_in_force};
use super::kinds::Check;
use super::rule::Enforcement;
use super::statement::Cover;
use super::text::{Text, slice};
use super::{Ground, Guardrails, Kind, RegisteredEvidence, Subject, grounded};

/// A place of a text that something vouches for.
#[derive(Clone, Debug, PartialEq)]
pub struct Supported {
    /// Where it begins, in characters.
    pub start: usize,
    /// The first character after it.
    pub end: usize,
    /// That stretch of the text.
    pub said: String,
    /// What vouches for it.
    pub by: Voucher,
}

/// What vouches for something that a text says.
#[derive(Clone, Debug, PartialEq)]
pub enum Voucher {
    /// A fact of the product: the one that `grounded` passes it by.
    Fact {
        /// Its path in the facts.
        path: String,
        /// Its value, as the facts have it.
        value: Value,
    },
    /// A claim of the register that may be made here.
    Claim {
        /// The rule's name.
        rule: String,
        /// The wording that allows it; `None` where the claim has none of its own.
        wording: Option<String>,
        /// The evidence that it stands on.
        evidence: Vec<Relied>,
        /// The facts, and attributes of the moment, by which it holds: their paths.
        facts: Vec<String>,
    },
}

/// A piece of evidence that a claim stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relied {
    /// Its id in the register.
    pub id: String,
    /// What it is.
    pub document: String,
    /// The last day on which it holds.
    pub until: jiff::civil::Date,
}

/// All that something vouches for in a text, in its order: figures, features and names that the facts know, and claims that
/// may be made. Where a rule in force finds something nothing is told.
pub fn support(guardrails: &Guardrails, subject: &Subject<'_>) -> Vec<Supported> {
    on_ground_in_force(guardrails, &subject.ground(), Some(subject.at), |ground| {
        on_ground(guardrails, subject.text, ground)
    })
}

fn on_ground(guardrails: &Guardrails, text: &str, ground: &Ground<'_>) -> Vec<Supported> {
    let text = Text::new(text);
    let (mut found, mut refused) = (Vec::new(), Vec::new());
    for rule in guardrails.rules() {
        let stands = rule.effective.holds(Some(ground.at)) && rule.applies.holds(ground);
        if !stands || rule.settings(Some(ground.at)).mode == Enforcement::Off {
            continue;
        }
        if let Check::Claim(claim) = &rule.check {
            let said = claim.said_with_leave(&text, ground);
            let evidence = || {
                let ids = claim.relied_on(&text, ground).into_iter();
                ids.filter_map(|id| guardrails.evidence().iter().find(|item| item.id() == id)).map(Relied::of)
            };
            found.extend(said.into_iter().map(|(range, wording)| {
                let by = Voucher::Claim {
                    rule: rule.id.clone(),
                    wording: wording.map(str::to_owned),
                    evidence: evidence().collect(),
                    facts: claim.holds_by(ground),
                };
                (range, by)
            }));
        }
        if matches!(rule.kind(), Kind::Claim | Kind::Grounded) {
            refused.extend(hits(rule, &text, ground).found.into_iter().map(|hit| hit.range));
        }
    }
    let facts = grounded::supported(&text, ground).into_iter().filter_map(|(range, evidence)| {
        Some((range, Voucher::Fact { path: evidence.attribute?, value: evidence.value? }))
    });
    found.extend(facts);
    let refused = Cover::of(refused);
    let told = |(range, by): (Range<usize>, Voucher)| Supported {
        start: text.characters_before(range.start),
        end: text.characters_before(range.end),
        said: slice(text.given(), range).to_owned(),
        by,
    };
    let mut supported: Vec<Supported> =
        found.into_iter().filter(|(range, _)| !refused.touches(range)).map(told).collect();
    supported.sort_by_key(|place| (place.start, std::cmp::Reverse(place.end)));
    supported
}

impl Relied {
    fn of(item: &RegisteredEvidence) -> Self {
        Self { id: item.id().to_owned(), document: item.document().to_owned(), until: item.until() }
    }
}
