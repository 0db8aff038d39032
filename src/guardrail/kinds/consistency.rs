//! `consistency`: two ways to write the same, both used.

use super::super::fold::fold_pattern;
use super::super::patterns::{Pattern, Style, check_token, compile};
use super::super::rule::Hit;
use super::super::syntax;
use super::super::text::{Reach, Text};
use super::super::{read, styles};
use crate::document::{Faults, Fields, entries, text};

/// Two ways to write the same, both used.
#[derive(Debug)]
pub(in crate::guardrail) struct Consistency {
    pairs: Vec<Pair>,
    pub(super) reach: Reach,
}

/// Two ways to write the same. The first is group 1 of the pattern.
#[derive(Debug)]
struct Pair {
    pattern: Pattern,
    second: usize,
}

impl Consistency {
    /// Reads the settings that are the kind's own.
    pub(in crate::guardrail) fn read(fields: &mut Fields<'_>, style: Style, faults: &Faults) -> Option<Self> {
        let reach = read::reach(fields, style, faults);
        let help = "list what must not be mixed: `either: {colour: color}`";
        let node = fields.require("either", help, faults)?;
        let before = faults.errors();
        let mut pairs = Vec::new();
        for (key, value) in entries(node, faults) {
            let Some(second) = text(value, faults) else { continue };
            let first = &key.text;
            let pattern = if style.given {
                let boundary = if style.nonword { "" } else { r"\b" };
                let whole = format!("{boundary}(?:({first})|({second})){boundary}");
                styles::compile(&whole, style.ignore_case, key.span, faults)
            } else if check_token(first, key.span, faults) && check_token(&second, value.span, faults) {
                let whole = format!("({})|({})", fold_pattern(first), fold_pattern(&second));
                compile(&whole, style, key.span, faults)
            } else {
                None
            };
            pairs.extend(pattern.map(|pattern| Pair { pattern, second: 2 + syntax::groups(first) }));
        }
        if pairs.is_empty() && faults.errors() == before {
            faults.error_with_help(node.span, "this map is empty", help);
        }
        (faults.errors() == before).then_some(Self { pairs, reach })
    }

    pub(super) fn find(&self, text: &Text<'_>) -> Vec<Hit> {
        let mut hits = Vec::new();
        for pair in &self.pairs {
            for piece in pair.pattern.pieces(text, self.reach) {
                let found = pair.pattern.captures(text, &piece, |groups| {
                    let first = groups.range(1).is_some();
                    let range = groups.range(if first { 1 } else { pair.second })?;
                    (!range.is_empty()).then_some((range, first))
                });
                match found {
                    Err(gave_up) => hits.push(gave_up.hit(piece)),
                    Ok(found) => {
                        let both =
                            found.iter().any(|(_, first)| *first) && found.iter().any(|(_, first)| !first);
                        // The last one is where the text could still have kept to one of them.
                        hits.extend(found.last().filter(|_| both).map(|(range, _)| Hit::at(range.clone())));
                    }
                }
            }
        }
        hits.sort_by_key(|hit| (hit.range.start, hit.range.end));
        hits
    }
}
