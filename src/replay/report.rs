//! What a change of the rules would do, told.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ground::{Origin, Text};
use crate::guardrail::Finding;

/// How much of a text stands on each side of a finding, in characters.
const AROUND: usize = 60;
/// The most rules that are told of, and have examples.
const MOST_RULES: usize = 500;

/// What would become of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is used, and would not be.
    NewlyBlocked,
    /// It is not used, and would be.
    NewlyPassed,
    /// It is used, and would be in other words.
    Changed,
    /// A second model would be asked first, and has not said anything of it that is kept.
    WouldBeAsked,
}

/// A number of texts, and how often they were shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Count {
    /// How many texts.
    pub texts: u64,
    /// How many serves showed them in the time looked at.
    pub serves: u64,
    /// Those as a share of all serves of that time, from 0 to 1.
    pub share: f64,
}

impl Count {
    pub(super) fn add(&mut self, serves: u64) {
        self.texts += 1;
        self.serves += serves;
    }

    pub(super) fn share_of(&mut self, all: u64) {
        self.share = if all == 0 { 0.0 } else { self.serves as f64 / all as f64 };
    }
}

/// The counts of every kind of change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Changes {
    /// Used, and would not be.
    pub newly_blocked: Count,
    /// Not used, and would be.
    pub newly_passed: Count,
    /// Used, and would be in other words.
    pub changed: Count,
    /// A second model would be asked first.
    pub would_be_asked: Count,
}

impl Changes {
    fn of(&mut self, change: Change) -> &mut Count {
        match change {
            Change::NewlyBlocked => &mut self.newly_blocked,
            Change::NewlyPassed => &mut self.newly_passed,
            Change::Changed => &mut self.changed,
            Change::WouldBeAsked => &mut self.would_be_asked,
        }
    }

    fn share(&mut self, all: u64) {
        let Self { newly_blocked, newly_passed, changed, would_be_asked } = self;
        for count in [newly_blocked, newly_passed, changed, would_be_asked] {
            count.share_of(all);
        }
    }
}

/// What one rule changes. A text that several rules change is counted with each of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RuleChanges {
    /// The rule's name.
    pub rule: String,
    /// Whom to ask about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// How many texts.
    #[serde(flatten)]
    pub changes: Changes,
    /// Some of them, those that were shown most often first.
    pub examples: Vec<Example>,
}

/// A text that a rule changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// What would become of it.
    pub change: Change,
    /// The generation that wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<String>,
    /// Its hash, where people wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_hash: Option<String>,
    /// Its id, where it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// When it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The placement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<String>,
    /// The product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// How often it was shown in the time looked at.
    pub serves: u64,
    /// The text around the finding; `None` where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Where the finding begins in that, in characters.
    pub start: usize,
    /// The first character after it.
    pub end: usize,
    /// The rule's message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What would be shown instead, of a text that would be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead: Option<String>,
}

/// What could not be judged, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LeftOut {
    /// Texts that were erased, or deleted for their age.
    pub without_text: u64,
    /// Entries of the log that cannot be read; `copyrail audit verify` says what is wrong.
    pub unreadable: u64,
    /// Serves of texts too many to be told apart.
    pub serves: u64,
}

/// What a change of the rules would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The instant at which every text was judged.
    pub at: Timestamp,
    /// From when on texts were looked at; `None` for texts of a file.
    pub since: Option<Timestamp>,
    /// The hash of the rules in force.
    pub before: String,
    /// The hash of the rules proposed.
    pub after: String,
    /// How many generations were judged.
    pub generations: u64,
    /// How many texts of people's own, counted once for each place where they were shown.
    pub prewritten: u64,
    /// How many texts of a file.
    pub given: u64,
    /// How many of all these differ in text or in what they are judged against.
    pub distinct: u64,
    /// Generations and texts whose product the catalogue does not hold today: judged against what their prompts said of it.
    pub without_facts: u64,
    /// What was left out.
    pub left_out: LeftOut,
    /// How many serves there were in the time looked at, of whatever text.
    pub serves: u64,
    /// Whether all of that time was looked at: not when a limit or a deadline came first.
    pub complete: bool,
    /// How far back generations were looked at.
    pub back_to: Option<Timestamp>,
    /// What would become of the texts.
    #[serde(flatten)]
    pub changes: Changes,
    /// What each rule changes, the one that touches most serves first.
    pub rules: Vec<RuleChanges>,
}

/// What is found of one text that would be treated otherwise.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) change: Change,
    /// The text that findings stand in.
    pub(super) text: String,
    /// One finding for each rule that has a part in it.
    pub(super) causes: Vec<Finding>,
    /// What would be shown instead.
    pub(super) instead: Option<String>,
}

/// Gathers what is found of each text.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) changes: Changes,
    rules: BTreeMap<String, RuleChanges>,
    examples: usize,
}

impl Gathered {
    /// With at most so many examples of each change for each rule.
    pub(super) fn new(examples: usize) -> Self {
        Self { examples, ..Self::default() }
    }

    pub(super) fn add(&mut self, text: &Text, found: &Found, owner: impl Fn(&str) -> Option<String>) {
        self.changes.of(found.change).add(text.serves);
        for cause in &found.causes {
            if !self.rules.contains_key(&cause.rule) && self.rules.len() >= MOST_RULES {
                continue;
            }
            let rule = self.rules.entry(cause.rule.clone()).or_insert_with(|| RuleChanges {
                rule: cause.rule.clone(),
                owner: owner(&cause.rule),
                ..RuleChanges::default()
            });
            rule.changes.of(found.change).add(text.serves);
            // The least shown goes, of those that are shown alike the latest to come.
            let alike = rule.examples.iter().filter(|known| known.change == found.change);
            if alike.clone().count() >= self.examples {
                let least = alike.map(|known| known.serves).min();
                if least.is_none_or(|least| least >= text.serves) {
                    continue;
                }
                let gone = rule
                    .examples
                    .iter()
                    .rposition(|known| known.change == found.change && Some(known.serves) == least);
                gone.map(|gone| rule.examples.remove(gone));
            }
            rule.examples.push(example(text, found, cause));
        }
    }

    pub(super) fn told(self, serves: u64) -> (Changes, Vec<RuleChanges>) {
        let mut changes = self.changes;
        changes.share(serves);
        let mut rules: Vec<RuleChanges> = self.rules.into_values().collect();
        for rule in &mut rules {
            rule.changes.share(serves);
            rule.examples.sort_by_key(|example| (example.change, Reverse(example.serves)));
        }
        let touched = |rule: &RuleChanges| {
            let Changes { newly_blocked, newly_passed, changed, would_be_asked } = rule.changes;
            let all = [newly_blocked, newly_passed, changed, would_be_asked];
            (
                all.iter().map(|count| count.serves).sum::<u64>(),
                all.iter().map(|count| count.texts).sum::<u64>(),
            )
        };
        rules.sort_by_key(|rule| Reverse(touched(rule)));
        (changes, rules)
    }
}

fn example(text: &Text, found: &Found, cause: &Finding) -> Example {
    let (cut, start, end) = around(&found.text, cause.start, cause.end);
    let mut example = Example {
        change: found.change,
        generation: None,
        text_hash: None,
        id: None,
        at: text.at,
        placement: text.placement.clone(),
        product: text.product.clone(),
        serves: text.serves,
        text: Some(cut),
        start,
        end,
        message: Some(cause.message.clone()),
        instead: found.instead.clone(),
    };
    match &text.origin {
        Origin::Generation(id) => example.generation = Some(id.to_string()),
        Origin::Own(hash) => example.text_hash = Some(hash.clone()),
        Origin::Given(id) => example.id = Some(id.clone()),
    }
    example
}

/// The part of a text around a finding, and where the finding stands in it; all in characters.
pub(super) fn around(text: &str, start: usize, end: usize) -> (String, usize, usize) {
    let length = text.chars().count();
    let (start, end) = (start.min(length), end.clamp(start.min(length), length));
    // What is found in all of a text is told by its beginning.
    let end = end.min(start + 4 * AROUND);
    let (from, to) = (start.saturating_sub(AROUND), (end + AROUND).min(length));
    let before = if from > 0 { "…" } else { "" };
    let after = if to < length { "…" } else { "" };
    let cut: String = text.chars().skip(from).take(to - from).collect();
    let shift = before.chars().count();
    (format!("{before}{cut}{after}"), start - from + shift, end - from + shift)
}

impl Report {
    /// The same without any words of texts, for whoever keeps it where erasures do not reach.
    #[must_use]
    pub fn without_texts(mut self) -> Self {
        for example in self.rules.iter_mut().flat_map(|rule| &mut rule.examples) {
            (example.text, example.message, example.instead) = (None, None, None);
        }
        self
    }

    /// How many texts were judged.
    pub fn texts(&self) -> u64 {
        self.generations + self.prewritten + self.given
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_cut_around_its_finding() {
        assert_eq!(around("a best b", 2, 6), ("a best b".into(), 2, 6));
        let long = format!("{}best{}", "é".repeat(100), "x".repeat(100));
        let (cut, start, end) = around(&long, 100, 104);
        assert_eq!(cut.chars().skip(start).take(end - start).collect::<String>(), "best");
        assert_eq!(cut.chars().count(), 1 + 60 + 4 + 60 + 1);
        // Whatever positions come, there is an answer.
        assert_eq!(around("ab", 7, 3), ("ab".into(), 2, 2));
    }
}
