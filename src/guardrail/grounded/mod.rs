//! `grounded`: every figure in the copy must be supported by the product's facts.
//!
//! ```text
//! copy  → numbers → roles ┐
//!                         ├ pairing → hits with evidence
//! facts → numbers → roles ┘
//! ```
//!
//! Both sides are read alike: figures with their units, and by the words around them which of several things each is
//! about. A figure must be supported by the attributes that it is about; where it does not say, by any of its dimension.

mod axes;
mod counts;
mod dates;
mod decimals;
mod facts;
mod keys;
mod lexicon;
mod numbers;
mod pairing;
mod roles;
mod units;

pub(super) use self::decimals::writes_decimal_comma;
use self::decimals::Reading;
use self::decimals::writes_decimal_comma;
use self::facts::Known;
use self::facts::{Attribute, Known, KnownFigure};
use self::numbers::figures;
use self::numbers::{Figure, Slack, What, figures};
use self::pairing::Pairing;
use self::units::Unit;
use super::Ground;
use super::rule::Hit;
use super::text::{Text, slice};

/// The figures that nothing in the facts supports. Without facts that is every figure.
pub(super) fn find(text: &Text<'_>, ground: &Ground<'_>) -> Vec<Hit> {
    // Lines count: `1. ` at the beginning of one only numbers it.
    let lined = text.lined();
    let decimal_comma = ground.locale.map(|locale| writes_decimal_comma(locale.language()));
    let copy = figures(lined.text(), decimal_comma);
    if copy.figures.is_empty() {
        return Vec::new();
    }
    let known = Known::of(ground.facts, ground.at);
    let pairing = Pairing { copy: &copy, known: &known };
    let mut hits = Vec::new();
    let mut of_rating = false;
    for stated in (0..copy.tokens.len()).filter_map(|at| pairing.stated(at)) {
        // The scale of a rating, `4.5/5` or `4.5 out of 5`, states nothing by itself.
        let is_scale = std::mem::take(&mut of_rating);
        let fine = pairing.is_supported(&stated);
        let range = &stated.figure.range;
        of_rating = fine && is_rated(slice(copy.text, range.end..copy.text.len()));
        if !fine && !is_scale {
            let evidence = Some(pairing.evidence(&stated));
            hits.push(Hit { evidence, ..Hit::at(lined.origin(range.clone())) });
        }
    }
    hits
}

fn is_rated(rest: &str) -> bool {
    ["/5", "/10", "/100", " out of 5", " out of 10", " von 5", " of 5"].iter().any(|scale| {
        rest.strip_prefix(scale).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
    })
}

#[cfg(test)]
mod tests;
