//! `conditional`: words that need others to be there, such as an abbreviation its definition.

use std::collections::BTreeSet;
use std::ops::Range;

use super::super::engine::GaveUp;
use super::super::fold::fold_pattern;
use super::super::fold::{Space, fold_text};
use super::super::patterns::{Pattern, Style, check_token, compile};
use super::super::prefilter::Loose;
use super::super::rule::Hit;
use super::super::text::{Reach, Text, slice};
use super::super::{read, styles, syntax};
use crate::document::{Faults, Fields, text};

/// Words that need others to be there.
#[derive(Debug)]
pub(in crate::guardrail) struct Conditional {
    /// What needs the other.
    first: Pattern,
    /// What is needed.
    second: Pattern,
    /// Whether what is needed says, by its groups, what it is needed for: the `WHO` of `World Health Organization (WHO)`.
    names: bool,
    pub(super) reach: Reach,
    ignore_case: bool,
}

impl Conditional {
    /// Reads the settings that are the kind's own.
    pub(in crate::guardrail) fn read(fields: &mut Fields<'_>, style: Style, faults: &Faults) -> Option<Self> {
        let reach = read::reach(fields, style, faults);
        let first =
            fields.require("first", "write what needs the other: `first: '\\b([A-Z]{3,5})\\b'`", faults);
        let second = fields.require("second", "write what is needed: `second: '\\(([A-Z]{3,5})\\)'`", faults);
        let mut pattern = |node| {
            let given = text(node, faults)?;
            if style.given {
                // As in Vale, only the patterns themselves say whether capitals matter.
                return styles::compile(&given, false, node.span, faults);
            }
            check_token(&given, node.span, faults).then_some(())?;
            compile(&fold_pattern(&given), Style { nonword: true, ..style }, node.span, faults)
        };
        let (first, second_pattern) = (first.and_then(&mut pattern), second.and_then(&mut pattern));
        let names = syntax::groups(&text(second?, faults)?) > 0;
        let ignore_case = style.ignore_case && !style.given;
        Some(Self { first: first?, second: second_pattern?, names, reach, ignore_case })
    }

    /// Where there is nothing that needs the other, there is nothing to find.
    pub(super) fn loose(&self) -> Option<Loose<'_>> {
        self.first.loose()
    }

    pub(super) fn find(&self, text: &Text<'_>) -> Vec<Hit> {
        let mut hits = Vec::new();
        for piece in self.first.pieces(text, self.reach) {
            match self.lacking(text, &piece) {
                Ok(found) => hits.extend(found.into_iter().map(Hit::at)),
                Err(gave_up) => hits.push(gave_up.hit(piece)),
            }
        }
        hits
    }

    fn lacking(&self, text: &Text<'_>, piece: &Range<usize>) -> Result<Vec<Range<usize>>, GaveUp> {
        let mut found = self.first.find(text, piece)?;
        if found.is_empty() {
            return Ok(found);
        }
        if !self.names {
            let there = !self.second.find(text, piece)?.is_empty();
            return Ok(if there { Vec::new() } else { found });
        }
        let named = self.second.captures(text, piece, |groups| {
            let names: Vec<String> = (1..groups.count())
                .filter_map(|group| groups.text(group))
                .map(|name| self.plain(name))
                .collect();
            Some((groups.range(0)?, names))
        })?;
        let named: BTreeSet<String> = named.into_iter().flat_map(|(_, names)| names).collect();
        found.retain(|range| !named.contains(&self.plain(slice(text.given(), range.clone()))));
        Ok(found)
    }

    /// A name as names are compared.
    fn plain(&self, name: &str) -> String {
        let name = if self.first.is_given() { name.to_owned() } else { fold_text(name, Space::One) };
        if self.ignore_case { name.to_lowercase() } else { name }
    }
}
