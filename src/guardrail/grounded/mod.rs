//! `grounded`: every figure in the copy must be supported by the product's facts.
//!
//! First version: numbers, prices, percentages, sizes, durations, ratings and codes. A figure is supported by any
//! attribute that holds the same value in a unit of the same dimension; which attribute the sentence is about is not
//! looked at yet.

mod decimals;
mod facts;
mod numbers;
mod units;

use self::decimals::Reading;
pub(super) use self::decimals::writes_decimal_comma;
use self::facts::{Attribute, Known, KnownFigure};
use self::numbers::{Figure, Slack, What, figures};
use self::units::Unit;
use super::Ground;
use super::rule::{Evidence, Hit};
use super::text::{Text, slice};

/// The figures that nothing in the facts supports. Without facts that is every figure.
pub(super) fn find(text: &Text<'_>, ground: &Ground<'_>) -> Vec<Hit> {
    // Lines count: `1. ` at the beginning of one only numbers it.
    let lined = text.lined();
    let copy = lined.text();
    let decimal_comma = ground.locale.map(|locale| writes_decimal_comma(locale.language()));
    let stated = figures(copy, decimal_comma);
    if stated.is_empty() {
        return Vec::new();
    }
    let known = Known::of(ground.facts);
    let mut hits = Vec::new();
    let mut of_rating = false;
    for figure in &stated {
        // The scale of a rating, `4.5/5` or `4.5 out of 5`, states nothing by itself.
        let is_scale = std::mem::take(&mut of_rating);
        let fine = is_supported(figure, copy, &known);
        of_rating = fine && is_rated(slice(copy, figure.range.end..copy.len()));
        if !fine && !is_scale {
            let evidence = Some(evidence(figure, copy, &known));
            hits.push(Hit { evidence, ..Hit::at(lined.origin(figure.range.clone())) });
        }
    }
    hits
}

fn is_rated(rest: &str) -> bool {
    ["/5", "/10", "/100", " out of 5", " out of 10", " von 5", " of 5"].iter().any(|scale| {
        rest.strip_prefix(scale).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
    })
}

fn is_supported(figure: &Figure, copy: &str, known: &Known<'_>) -> bool {
    let words = slice(copy, figure.range.clone());
    let What::Number { readings, items, unit, soft } = &figure.what else { return known.names(words) };
    let holds = |reading: &Reading| {
        known.figures.iter().any(|fact| {
            let priced = known.attributes.get(fact.attribute).is_some_and(|a: &Attribute<'_>| a.is_price);
            accepts(*reading, *unit, figure.slack, fact, priced)
                || (*soft && accepts(*reading, None, figure.slack, fact, priced))
        })
    };
    let (before, _) = &figure.neighbours;
    readings.iter().any(holds)
        || (!items.is_empty() && items.iter().all(holds))
        // A number may be part of a name: `GT 220` where the facts say `GT220`.
        || (unit.is_none() && !before.is_empty() && known.names(slice(copy, before.start..figure.range.end)))
}

/// Whether a fact supports a reading. Numbers without a unit on either side agree by value; an amount of money needs
/// one, or an attribute that is a price by its name.
fn accepts(stated: Reading, unit: Option<Unit>, slack: Slack, fact: &KnownFigure, priced: bool) -> bool {
    let near = |value: f64| is_near(stated, value, slack);
    match (unit, fact.unit) {
        (None, _) => near(fact.value),
        (Some(unit), Some(other)) => unit.measures_like(other) && unit.convert(fact.value, other).any(near),
        (Some(unit), None) if unit.is_money() => priced && near(fact.value),
        (Some(unit), None) => unit.likely().any(|likely| unit.convert(fact.value, likely).any(near)),
    }
}

/// How far from a fact "about" may be, as a share of it.
const ABOUT: f64 = 0.075;
/// How far below or above "under" and "over" may be.
const BEYOND: f64 = 0.2;
/// How far rounding to fewer decimals may take a figure: 6.1 may be 6, 0.7 is not 1.
const ROUNDING: f64 = 0.1;

fn is_near(stated: Reading, fact: f64, slack: Slack) -> bool {
    let off = (stated.value - fact).abs();
    let share = off / fact.abs().max(f64::MIN_POSITIVE);
    let rounded = off <= 0.5 * 10_f64.powi(-i32::from(stated.decimals)) * (1.0 + 1e-9) && share <= ROUNDING;
    share <= 1e-9
        || off == 0.0
        || rounded
        || match slack {
            Slack::None => false,
            Slack::About => share <= ABOUT,
            Slack::Below => fact <= stated.value && share <= BEYOND,
            Slack::Above => fact >= stated.value && share <= BEYOND,
        }
}

/// The attribute nearest to an unsupported figure: the closest value of the same dimension, else one whose name holds
/// the noun that the figure counts.
fn evidence(figure: &Figure, copy: &str, known: &Known<'_>) -> Evidence {
    let nothing = Evidence { attribute: None, value: None };
    let What::Number { readings, unit, .. } = &figure.what else { return nothing };
    let stated = readings.first().map_or(0.0, |reading| reading.value);
    let alike = unit.and_then(|unit| {
        let far = |fact: &KnownFigure| {
            fact.unit
                .filter(|other| unit.measures_like(*other))
                .and_then(|other| unit.convert(fact.value, other).next().map(|value| (value - stated).abs()))
        };
        let distances = known.figures.iter().filter_map(|fact| Some((far(fact)?, fact.attribute)));
        distances.min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, attribute)| attribute)
    });
    let priced =
        || unit.filter(|unit| unit.is_money()).and_then(|_| known.attributes.iter().position(|a| a.is_price));
    let counted = || {
        let (_, after) = &figure.neighbours;
        let noun = slice(copy, after.clone()).to_lowercase();
        let noun = noun.strip_suffix('s').unwrap_or(&noun);
        (noun.chars().count() >= 3)
            .then(|| known.attributes.iter().position(|a| a.path.to_lowercase().contains(noun)))?
    };
    match alike.or_else(priced).or_else(counted).and_then(|index| known.attributes.get(index)) {
        Some(found) => Evidence { attribute: Some(found.path.clone()), value: Some(found.value.clone()) },
        None => nothing,
    }
}

#[cfg(test)]
mod tests;
