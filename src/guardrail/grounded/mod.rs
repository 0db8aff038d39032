//! `grounded`: every figure, feature and name in the copy must be supported by the product's facts.
//!
//! ```text
//! copy  → numbers → roles ┐
//!                         ├ pairing → hits with evidence
//! facts → numbers → roles ┘
//! copy  → features and names, affirmed or denied ┐
//!                                                ├ features, names → hits with evidence
//! facts → sheet: one text of names and values    ┘
//! ```
//!
//! Both sides are read alike: figures with their units, and by the words around them which of several things each is
//! about. A figure must be supported by the attributes that it is about; where it does not say, by any of its dimension.

mod axes;
mod counts;
mod dates;
mod decimals;
mod facts;
mod features;
mod keys;
mod lexicon;
mod names;
mod numbers;
mod pairing;
mod quick;
mod roles;
mod sheet;
mod statements;
mod steps;
mod units;

use std::ops::Range;
use std::sync::OnceLock;

use serde_json::{Map, Value};

pub(super) use self::decimals::writes_decimal_comma;
use self::facts::Known;
use self::numbers::figures;
use self::pairing::{Pairing, Stated, Support};
use self::sheet::Sheet;
use self::steps::Steps;
use super::Ground;
use super::rule::{Evidence, Hit};
use super::statement::Cover;
use super::text::{Text, slice};
use crate::words::Locale;

/// A product's facts as `grounded` reads them: read when first asked for, and to be kept beside those very facts for
/// every text that is judged against them. It must never be used for other facts.
#[derive(Debug, Default)]
pub struct Prepared {
    known: OnceLock<Known>,
    sheet: OnceLock<Sheet>,
}

impl Prepared {
    fn known(&self, facts: &Map<String, Value>) -> &Known {
        self.known.get_or_init(|| Known::of(facts))
    }

    fn sheet(&self, facts: &Map<String, Value>) -> &Sheet {
        self.sheet.get_or_init(|| Sheet::of(facts))
    }
}

/// The most work that goes into comparing one text's figures with the facts, in steps: figures of the text times what
/// each is held against; and the most that goes into its features and names. Copy of one page and a product of some
/// hundred attributes take less than a hundredth.
const MAX_STEPS: usize = 20_000_000;

/// The most facts that are read, in bytes of values and of the names before them: each item of a list has the whole path
/// before it.
const MAX_FACTS: usize = 4 << 20;

/// What is said where that is not enough: nothing that was not compared is passed.
const TOO_LONG: &str =
    "The text and the facts are too long to be compared figure by figure; shorten one of them.";

/// Everything stated that the facts do not support, in the order of the text.
pub(super) fn find(text: &Text<'_>, ground: &Ground<'_>) -> Vec<Hit> {
    let here = Prepared::default();
    let prepared = ground.prepared.unwrap_or(&here);
    let (mut comparing, mut reading) = (Steps::new(MAX_STEPS), Steps::new(MAX_STEPS));
    let figures = unsupported_figures(text, ground.locale, || prepared.known(ground.facts), &mut comparing);
    let mut hits = stated_otherwise(text, prepared.sheet(ground.facts), &mut reading);
    // A figure within a name tells more than the name. Figures stand one behind the other.
    hits.retain(|hit| {
        let next = figures.partition_point(|it| it.range.end <= hit.range.start);
        figures.get(next).is_none_or(|it| it.range.start >= hit.range.end)
    });
    hits.extend(figures);
    if comparing.ran_out() || reading.ran_out() {
        hits.push(Hit { instead: Some(TOO_LONG.to_owned()), ..Hit::at(text.beginning()) });
    }
    hits.sort_by_key(|hit| (hit.range.start, hit.range.end));
    hits
}

/// The features and names that the facts deny, or do not support.
fn stated_otherwise(text: &Text<'_>, sheet: &Sheet, steps: &mut Steps) -> Vec<Hit> {
    if !sheet.is_whole() {
        steps.take(usize::MAX);
        return Vec::new();
    }
    let lined = text.lined();
    let small = statements::small(lined.text());
    let copy = statements::Plain { written: lined.text(), small: &small };
    let mut hits = features::find(copy, sheet, steps);
    hits.extend(names::find(copy, sheet, steps));
    hits.into_iter().map(|hit| Hit { range: lined.origin(hit.range.clone()), ..hit }).collect()
}

/// What in a text stands in the facts, by its bytes, with the attribute that says so; nothing of what [`find`] finds, and
/// nothing of what passes only because the facts do not speak of it.
pub(super) fn supported(text: &Text<'_>, ground: &Ground<'_>) -> Vec<(Range<usize>, Evidence)> {
    let here = Prepared::default();
    let prepared = ground.prepared.unwrap_or(&here);
    let (mut comparing, mut reading) = (Steps::new(MAX_STEPS), Steps::new(MAX_STEPS));
    let lined = text.lined();
    let mut found: Vec<(Range<usize>, Evidence)> = Vec::new();
    let known = || prepared.known(ground.facts);
    each_figure(text, ground.locale, known, &mut comparing, |pairing, stated, support, steps| {
        if let Some(Support::Attribute(attribute)) = support {
            found.push((lined.origin(stated.figure.range.clone()), pairing.said(attribute, steps)));
        }
    });
    let mut named = Vec::new();
    let sheet = prepared.sheet(ground.facts);
    if sheet.is_whole() {
        let small = statements::small(lined.text());
        let copy = statements::Plain { written: lined.text(), small: &small };
        let mut read = features::supported(copy, sheet, &mut reading);
        read.extend(names::supported(copy, sheet, &mut reading));
        named.extend(read.into_iter().map(|(range, evidence)| (lined.origin(range), evidence)));
    }
    let unsupported = Cover::of(find(text, ground).into_iter().map(|hit| hit.range).collect());
    found.retain(|(range, _)| !unsupported.touches(range));
    // A figure within a name tells more than the name. Of names that overlap the first counts.
    let figures = Cover::of(found.iter().map(|(range, _)| range.clone()).collect());
    named.retain(|(range, _)| !unsupported.touches(range) && !figures.touches(range));
    named.sort_by_key(|(range, _)| (range.start, range.end));
    named.dedup_by(|next, kept| next.0.start < kept.0.end);
    found.extend(named);
    found.sort_by_key(|(range, _)| range.start);
    found
}

/// The figures that nothing in the facts supports. Without facts that is every figure.
fn unsupported_figures<'k>(
    text: &Text<'_>,
    locale: Option<&Locale>,
    known: impl FnOnce() -> &'k Known,
    steps: &mut Steps,
) -> Vec<Hit> {
    let lined = text.lined();
    let mut hits = Vec::new();
    each_figure(text, locale, known, steps, |pairing, stated, support, steps| {
        if support.is_none() {
            let evidence = Some(pairing.evidence(stated, steps));
            hits.push(Hit { evidence, ..Hit::at(lined.origin(stated.figure.range.clone())) });
        }
    });
    hits
}

/// Tells of each figure of a text what it passes by, in their order.
fn each_figure<'k>(
    text: &Text<'_>,
    locale: Option<&Locale>,
    known: impl FnOnce() -> &'k Known,
    steps: &mut Steps,
    mut tell: impl FnMut(&Pairing<'_>, &Stated<'_>, Option<Support>, &mut Steps),
) {
    // Lines count: `1. ` at the beginning of one only numbers it.
    let lined = text.lined();
    let decimal_comma = locale.map(|locale| writes_decimal_comma(locale.language()));
    let copy = figures(lined.text(), decimal_comma);
    if copy.figures.is_empty() {
        return;
    }
    let pairing = Pairing { copy: &copy, known: known() };
    let mut of_rating = false;
    let each = pairing.known.steps();
    for stated in (0..copy.tokens.len()).filter_map(|at| pairing.stated(at)) {
        if !steps.take(each.saturating_mul(stated.figure.what.readings())) {
            break;
        }
        // The scale of a rating, `4.5/5` or `4.5 out of 5`, states nothing by itself.
        let is_scale = std::mem::take(&mut of_rating);
        let support = pairing.support(&stated);
        let range = &stated.figure.range;
        of_rating = support.is_some() && is_rated(slice(copy.text, range.end..copy.text.len()));
        if support.is_some() || !is_scale {
            tell(&pairing, &stated, support, steps);
        }
    }
}

fn is_rated(rest: &str) -> bool {
    ["/5", "/10", "/100", " out of 5", " out of 10", " von 5", " of 5"].iter().any(|scale| {
        rest.strip_prefix(scale).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
    })
}

#[cfg(test)]
mod tests;
