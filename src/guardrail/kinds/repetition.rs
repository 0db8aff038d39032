//! `repetition`: the same word twice in a row.

use super::super::fold::{Space, fold_text};
use super::super::patterns::{Pattern, Style, compile, tokens};
use super::super::rule::Hit;
use super::super::sentences;
use super::super::text::{Reach, Text, slice};
use super::super::{read, styles};
use crate::document::{Faults, Fields, count};

/// The same word twice in a row.
#[derive(Debug)]
pub(in crate::guardrail) struct Repetition {
    /// What is a word.
    pattern: Pattern,
    pub(super) reach: Reach,
    /// How often a word may be said again.
    max: usize,
    /// Whether only words of letters count.
    alpha: bool,
    ignore_case: bool,
}

impl Repetition {
    /// Reads the settings that are the kind's own.
    pub(in crate::guardrail) fn read(fields: &mut Fields<'_>, style: Style, faults: &Faults) -> Option<Self> {
        let reach = read::reach(fields, style, faults);
        let alpha = fields.boolean("alpha", false, faults);
        let max = fields.take("max").and_then(|node| count(node, faults)).unwrap_or_default();
        let help = "say what a word is: `tokens: ['[^\\s]+']`";
        let node = fields.require("tokens", help, faults)?;
        let pattern = if style.given {
            let words = styles::words(node, faults)?;
            styles::compile(&format!("({})", words.join("|")), style.ignore_case, node.span, faults)?
        } else {
            let words = tokens(node, faults)?.into_iter().map(|(word, _)| format!("(?:{word})"));
            // As in Vale, what is a word is for the tokens alone to say.
            let style = Style { nonword: true, ..style };
            compile(&words.collect::<Vec<_>>().join("|"), style, node.span, faults)?
        };
        Some(Self { pattern, reach, max, alpha, ignore_case: style.ignore_case })
    }

    pub(super) fn find(&self, text: &Text<'_>) -> Vec<Hit> {
        let mut hits = Vec::new();
        for piece in self.pattern.pieces(text, self.reach) {
            let words = match self.pattern.find(text, &piece) {
                Ok(words) => words,
                Err(gave_up) => {
                    hits.push(gave_up.hit(piece));
                    continue;
                }
            };
            let mut again = 0;
            for (first, second) in words.iter().zip(words.iter().skip(1)) {
                let word = slice(text.given(), second.clone()).trim();
                if word.is_empty() || !self.is_same(slice(text.given(), first.clone()).trim(), word) {
                    continue;
                }
                if self.alpha && !word.chars().all(char::is_alphabetic) {
                    continue;
                }
                again += 1;
                let range = first.start..second.end;
                // The last word of one sentence may well be the first of the next.
                if again > self.max && sentences::of(slice(text.given(), range.clone())).len() == 1 {
                    again = 0;
                    hits.push(Hit { says: vec![word.to_owned()], ..Hit::at(range) });
                }
            }
        }
        hits
    }

    fn is_same(&self, first: &str, second: &str) -> bool {
        let same = |first: &str, second: &str| {
            first == second || (self.ignore_case && first.to_lowercase() == second.to_lowercase())
        };
        let plain = self.pattern.is_given() || (first.is_ascii() && second.is_ascii());
        same(first, second) || (!plain && same(&fold_text(first, Space::One), &fold_text(second, Space::One)))
    }
}
