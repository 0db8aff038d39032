//! Pairs each figure of the copy with the attributes that it is about, and says whether those support it.

use super::counts::{KnownCount, Noun, Things};
use super::decimals::Reading;
use super::facts::{Attribute, Known, KnownFigure, denies};
use super::lexicon::{self, Facet, Roles, facets};
use super::numbers::{Figure, Figures, Slack, What, multiple};
use super::roles::Style;
use super::steps::Steps;
use super::units::{Dimension, Unit};
use crate::guardrail::rule::Evidence;
use crate::guardrail::text::slice;

/// The copy and the facts, side by side.
pub(super) struct Pairing<'p> {
    pub(super) copy: &'p Figures<'p>,
    pub(super) known: &'p Known,
}

/// A figure of the copy with what it is about.
#[derive(Debug)]
pub(super) struct Stated<'p> {
    pub(super) figure: &'p Figure,
    /// The place of its token.
    at: usize,
    dimension: Option<Dimension>,
    roles: Roles,
}

/// What a figure of the copy passes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Support {
    /// The attribute at this place in [`Known::attributes`] says the same.
    Attribute(usize),
    /// Nothing: the facts do not speak of such a thing, and it need not stand there.
    Unasked,
}

/// What a known figure must be for a figure of the copy to be about it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    /// One of each of these sets of roles; no set is empty.
    one_of: [Roles; 4],
    /// None of these.
    none_of: Roles,
    /// Said of this noun, or of an attribute that is called so.
    noun: Option<Noun>,
    /// There is none such: an attribute of that role has no such figure.
    nowhere: bool,
}

impl<'p> Pairing<'p> {
    pub(super) fn stated(&self, at: usize) -> Option<Stated<'p>> {
        let figure = self.copy.figures.get(self.copy.tokens.get(at)?.figure?)?;
        let dimension = figure.dimension();
        let roles = dimension.map_or(0, |dimension| self.copy.roles(at, dimension, Style::Prose));
        Some(Stated { figure, at, dimension, roles })
    }

    /// What a figure passes by; `None` where nothing supports it.
    pub(super) fn support(&self, stated: &Stated<'_>) -> Option<Support> {
        let words = slice(self.copy.text, stated.figure.range.clone());
        match &stated.figure.what {
            What::Code => {
                let small = slice(&self.copy.small, stated.figure.range.clone());
                let named = |name: &str| self.known.named(name);
                let found = named(words)
                    .or_else(|| lexicon::also_called(small).iter().find_map(|name| named(name)))
                    .or_else(|| self.thousands(small))
                    .or_else(|| small.strip_prefix('v').and_then(named));
                found.map(Support::Attribute)
            }
            What::Count(value) => {
                if self.is_miscounted(stated, *value) {
                    return None;
                }
                let things = self.things(stated);
                let count = self.counts(&things).find(|count| count.value == *value);
                Some(count.map_or(Support::Unasked, |count| Support::Attribute(count.attribute)))
            }
            What::Date(date) => {
                let asked = self.asked(stated);
                let dated = self.about(&asked, stated).find(|fact| match fact.date {
                    Some(known) => date.is_in(known),
                    None => {
                        date.month.is_none() && date.quarter.is_none() && fact.value == f64::from(date.year)
                    }
                });
                let named = || self.name(stated.figure).filter(|_| stated.roles == 0);
                dated.map(|fact| fact.attribute).or_else(named).map(Support::Attribute)
            }
            What::Number { readings, items, unit, soft } => {
                let asked = self.asked(stated);
                let near = |reading: &Reading, unit: Option<Unit>| {
                    self.about(&asked, stated)
                        .find(|fact| self.accepts(*reading, unit, stated.figure.slack, fact))
                };
                let bare = |reading: &Reading| {
                    let slack = stated.figure.slack;
                    self.known
                        .figures
                        .iter()
                        .find(|fact| fact.unit.is_none() && is_near(*reading, fact.value, slack, ROUNDING))
                };
                let holds = |reading: &Reading| {
                    let fact = near(reading, *unit).or_else(|| if *soft { bare(reading) } else { None });
                    fact.map(|fact| fact.attribute)
                };
                let each = || {
                    let first = items.first().and_then(holds)?;
                    items.iter().skip(1).all(|item| holds(item).is_some()).then_some(first)
                };
                // A number may be part of a name: `GT 220` where the facts say `GT220`.
                let plain = || match unit {
                    None => self.name(stated.figure).or_else(|| self.counted(stated, readings)),
                    Some(_) => None,
                };
                let fits = readings.iter().find_map(holds).or_else(each).or_else(plain)?;
                let value = readings.first().map_or(0.0, |reading| reading.value);
                let is_other = || {
                    self.name(stated.figure).is_none()
                        && (self.is_of_another_version(stated, readings) || self.is_miscounted(stated, value))
                };
                (unit.is_some() || !is_other()).then_some(Support::Attribute(fits))
            }
        }
    }

    /// The attribute in which the number stands with the word before it.
    fn name(&self, figure: &Figure) -> Option<usize> {
        let (before, _) = &figure.neighbours;
        if before.is_empty() {
            return None;
        }
        self.known.named(slice(self.copy.text, before.start..figure.range.end))
    }

    /// The known figures that a figure may be about.
    fn about<'k>(&'k self, asked: &'k Asked, stated: &Stated<'_>) -> impl Iterator<Item = &'k KnownFigure> {
        let dated = stated.dimension == Some(Dimension::Date);
        self.known.figures.iter().filter(move |fact| {
            !asked.nowhere
                && asked.fits(fact.roles)
                && (!dated || fact.unit.is_none())
                && asked.noun.is_none_or(|noun| self.is_of(fact, noun))
        })
    }

    /// What a figure's roles ask of the facts. Where facts have such a figure of that role, it must be that; where they
    /// deny the role, or have it and nothing alike without a role, nothing supports one; else any that is not of another
    /// role.
    pub(super) fn asked(&self, stated: &Stated<'_>) -> Asked {
        let mut asked = Asked::default();
        let Some(dimension) = stated.dimension else { return asked };
        let mut slots = 0;
        for facet in facets(dimension) {
            let roles = stated.roles & facet.roles;
            if roles == 0 {
                continue;
            }
            let alike = |fact: &&KnownFigure| self.measures(fact, dimension) && asked.fits(fact.roles);
            if self.known.figures.iter().filter(alike).any(|fact| fact.roles & roles != 0) {
                if let Some(slot) = asked.one_of.get_mut(slots) {
                    (*slot, slots) = (roles, slots + 1);
                }
            } else if dimension == Dimension::Date && lexicon::is_beginning(roles) {
                asked.none_of |= facet.roles & !lexicon::beginnings();
            } else {
                asked.nowhere |= facet.strict && self.is_nowhere(facet, roles, dimension);
                asked.none_of |= facet.roles & !roles;
            }
        }
        // Where no question is known, the noun itself may tell figures apart: `60% cotton, 40% polyester`.
        if stated.roles == 0 {
            let alike = || self.known.figures.iter().filter(|fact| self.measures(fact, dimension));
            asked.noun = self.copy.noun(stated.at).filter(|noun| alike().any(|fact| self.is_of(fact, *noun)));
        }
        asked
    }

    /// Whether the facts have attributes of these roles that deny them, or that leave no such figure to be of them: a
    /// camera's pixels may stand under `Camera pixels`, and under `Main camera` its video alone.
    fn is_nowhere(&self, facet: &Facet, roles: Roles, dimension: Dimension) -> bool {
        let mut named = self.known.attributes.iter().filter(|a| a.roles & roles != 0).peekable();
        let open = |fact: &KnownFigure| fact.roles & facet.roles == 0 && self.measures(fact, dimension);
        named.peek().is_some() && (named.any(|a| denies(&a.value)) || !self.known.figures.iter().any(open))
    }

    /// Whether a known figure is said of a noun.
    fn is_of(&self, fact: &KnownFigure, noun: Noun) -> bool {
        let called = |attribute: &Attribute| attribute.nouns.contains(&noun);
        fact.noun == Some(noun) || self.attribute(fact.attribute).is_some_and(called)
    }

    /// Whether a known figure may measure this.
    fn measures(&self, fact: &KnownFigure, dimension: Dimension) -> bool {
        match fact.unit {
            Some(unit) => unit.measures(dimension),
            None if dimension == Dimension::Date => fact.date.is_some(),
            None => fact.date.is_none() && self.may_measure(fact, dimension),
        }
    }

    /// Whether a known figure without a unit may measure this: its attribute's name says so, or it says nothing and the
    /// figure is all of its value.
    fn may_measure(&self, fact: &KnownFigure, dimension: Dimension) -> bool {
        let speaks = self.attribute(fact.attribute).and_then(|attribute| attribute.dimensions);
        speaks.map_or(fact.bare, |dimensions| dimensions.contains(&dimension))
    }

    fn attribute(&self, index: usize) -> Option<&Attribute> {
        self.known.attributes.get(index)
    }

    /// Whether a fact supports a reading. Numbers without a unit on either side agree by value; an amount of money needs
    /// one, or an attribute that is a price by its name.
    fn accepts(&self, stated: Reading, unit: Option<Unit>, slack: Slack, fact: &KnownFigure) -> bool {
        let is_time = unit.is_some_and(|unit| unit.dimension == Dimension::Time);
        let rounding = if is_time { ROUNDING_TIME } else { ROUNDING };
        let in_hours = unit.is_some() && unit == Unit::named("hours");
        let near = |value: f64| {
            is_near(stated, value, slack, rounding) || (in_hours && leaves_minutes_out(stated, value))
        };
        match (unit, fact.unit) {
            (None, _) => near(fact.value),
            (Some(unit), Some(other)) => {
                unit.measures_like(other) && unit.convert(fact.value, other).any(near)
            }
            (Some(unit), None) if unit.is_money() => {
                self.attribute(fact.attribute).is_some_and(|attribute| attribute.is_price) && near(fact.value)
            }
            (Some(unit), None) => {
                self.may_measure(fact, unit.dimension)
                    && unit.likely().any(|likely| unit.convert(fact.value, likely).any(near))
            }
        }
    }

    /// The attribute whose number a code such as `12K` is in short.
    fn thousands(&self, code: &str) -> Option<usize> {
        let value = code.strip_suffix('k').and_then(|digits| digits.parse::<f64>().ok())?;
        let stated = |value: f64| Reading { value, decimals: 0 };
        let is_it = |fact: &&KnownFigure| {
            [1000.0, 1024.0].iter().any(|k| is_near(stated(value * k), fact.value, Slack::None, 0.0))
                || (fact.value == value && self.may_measure(fact, Dimension::Data))
        };
        let found = self.known.figures.iter().filter(|fact| fact.unit.is_none()).find(is_it);
        found.map(|fact| fact.attribute)
    }

    /// Whether the facts give what stands before the number another one: `Bluetooth 5.0` where Bluetooth is 4.2.
    fn is_of_another_version(&self, stated: &Stated<'_>, readings: &[Reading]) -> bool {
        let (before, _) = &stated.figure.neighbours;
        let word = slice(&self.copy.small, before.clone());
        // Wi-Fi has names by number and by letter.
        let no_version =
            stated.figure.joined || word == "fi" || readings.iter().any(|reading| reading.value >= 1000.0);
        if no_version
            || word.len() < 2
            || lexicon::ties(word)
            || lexicon::breaks_off(word)
            || lexicon::leads(word)
        {
            return false;
        }
        let mut named = false;
        for (index, attribute) in self.known.attributes.iter().enumerate() {
            let in_path = attribute
                .words
                .split([' ', '.'])
                .any(|part| part == word || (word.len() > 3 && word.ends_with(part) && part.len() > 2));
            let in_value = attribute.value.as_str().is_some_and(|value| is_followed_by_number(value, word));
            if !in_path && !in_value {
                continue;
            }
            named = true;
            let mut figures = self.known.figures_of(index).iter();
            if figures.any(|fact| {
                readings.iter().any(|reading| is_near(*reading, fact.value, stated.figure.slack, ROUNDING))
            }) {
                return false;
            }
        }
        named
    }

    /// Whether the facts count such things and none of the counts is this one, nor a number of things of a longer name.
    fn is_miscounted(&self, stated: &Stated<'_>, value: f64) -> bool {
        let mut things = self.things(stated);
        if self.counts(&things).next().is_none() {
            return false;
        }
        things.roles |= self.copy.roles(stated.at, Dimension::Lines, Style::Prose);
        let mut total = 0.0;
        let mut any = false;
        let in_range =
            |count: &KnownCount| self.attribute(count.attribute).is_some_and(|attribute| attribute.is_range);
        for count in self.counts(&things) {
            (any, total) = (true, if in_range(count) { total } else { total + count.value });
        }
        let digits = matches!(stated.figure.what, What::Number { .. });
        let reading = Reading { value, decimals: 0 };
        let is = |known: f64| is_near(reading, known, stated.figure.slack, 0.0);
        let longer = |count: &KnownCount| {
            is(count.value) && things.nouns.iter().all(|noun| count.things.nouns.contains(noun))
        };
        let right = is(total)
            || self.counts(&things).any(|count| is(count.value))
            || (digits && self.known.counts.iter().any(longer))
            || self.is_part(stated, &things, value);
        any && !right
    }

    /// What a figure counts: the words behind it, or for a word those before it, `seats four` and `a pack of four`.
    fn things(&self, stated: &Stated<'_>) -> Things {
        let things = Things::behind(self.copy, stated.at);
        let people = |noun: &Noun| PEOPLE.iter().any(|word| Noun::of(word) == *noun);
        let leads = things.nouns.first().is_none_or(people) && matches!(stated.figure.what, What::Count(_));
        if !leads || self.counts(&things).next().is_some() {
            return things;
        }
        let word = |back: usize| {
            let at = stated.at.checked_sub(back)?;
            let token = self.copy.tokens.get(at).filter(|token| token.figure.is_none())?;
            (self.copy.gap(at + 1) == " ").then(|| self.copy.word(token))
        };
        match word(1) {
            Some("of") => word(2),
            before => before,
        }
        .map_or(things, |word| Things::of_name(word, 0))
    }

    /// Whether the facts count so many of such things among others, four cores of eight in `4x1.6 GHz & 4x1.2 GHz`. A
    /// `quad-core` has no others.
    fn is_part(&self, stated: &Stated<'_>, things: &Things, value: f64) -> bool {
        // An attribute's counts stand together, and its figures are looked at once for all of them.
        let mut last = None;
        let part = |count: &KnownCount| {
            let is_new = last.replace(count.attribute) != Some(count.attribute);
            let mut same = self.known.figures_of(count.attribute).iter();
            is_new && same.any(|fact| fact.times && fact.value == value)
        };
        multiple(slice(&self.copy.small, stated.figure.range.clone())).is_none()
            && self.counts(things).any(part)
    }

    /// The attribute that lists as many of such things.
    fn counted(&self, stated: &Stated<'_>, readings: &[Reading]) -> Option<usize> {
        let things = Things::behind(self.copy, stated.at);
        let as_many = |count: &&KnownCount| readings.iter().any(|reading| reading.value == count.value);
        self.counts(&things).find(as_many).map(|count| count.attribute)
    }

    /// The known counts of these things.
    fn counts(&self, things: &Things) -> impl Iterator<Item = &KnownCount> {
        self.known.counts.iter().filter(|count| count.things.are_like(things))
    }

    /// What an attribute says, as evidence. A long value is not said of any number of figures.
    pub(super) fn said(&self, attribute: usize, steps: &mut Steps) -> Evidence {
        let length = |found: &Attribute| found.path.len() + found.value.as_str().map_or(0, str::len);
        match self.attribute(attribute).filter(|found| steps.take(length(found))) {
            Some(found) => Evidence { attribute: Some(found.path.clone()), value: Some(found.value.clone()) },
            None => Evidence { attribute: None, value: None },
        }
    }

    /// The attribute that an unsupported figure contradicts: of those it is about the closest value, else the closest of
    /// the same dimension, else a price for an amount, else one whose name holds the noun that the figure counts.
    pub(super) fn evidence(&self, stated: &Stated<'_>, steps: &mut Steps) -> Evidence {
        let found = self.of_its_roles(stated).or_else(|| self.of_its_noun(stated));
        found.map_or(Evidence { attribute: None, value: None }, |found| self.said(found, steps))
    }

    fn of_its_roles(&self, stated: &Stated<'_>) -> Option<usize> {
        let dimension = stated.dimension?;
        let (value, unit) = match &stated.figure.what {
            What::Number { readings, unit, .. } => (readings.first()?.value, *unit),
            What::Date(date) => (f64::from(date.year), None),
            _ => return None,
        };
        let distance = |fact: &KnownFigure| match (unit, fact.unit) {
            (Some(unit), Some(other)) => {
                unit.convert(fact.value, other).next().map_or(f64::MAX, |known| (known - value).abs())
            }
            _ => (fact.value - value).abs(),
        };
        let alike = self.known.figures.iter().filter(|fact| match fact.unit {
            Some(unit) => unit.measures(dimension),
            None => dimension == Dimension::Date && fact.date.is_some(),
        });
        let shared = |roles: Roles| (roles & stated.roles).count_ones();
        let by_attribute = || {
            let attributes = self.known.attributes.iter().enumerate();
            attributes.filter(|(_, a)| shared(a.roles) > 0).map(|(index, _)| index).next()
        };
        let closest = alike
            .max_by(|a, b| shared(a.roles).cmp(&shared(b.roles)).then(distance(b).total_cmp(&distance(a))));
        let priced = || {
            unit.filter(|unit| unit.is_money())
                .and_then(|_| self.known.attributes.iter().position(|a| a.is_price))
        };
        match closest {
            Some(fact) if shared(fact.roles) > 0 || by_attribute().is_none() => Some(fact.attribute),
            _ => by_attribute().or_else(priced),
        }
    }

    fn of_its_noun(&self, stated: &Stated<'_>) -> Option<usize> {
        if let Some(count) = self.counts(&Things::behind(self.copy, stated.at)).next() {
            return Some(count.attribute);
        }
        let (before, after) = &stated.figure.neighbours;
        [after, before].into_iter().find_map(|word| {
            let noun = slice(&self.copy.small, word.clone());
            let noun = noun.strip_suffix('s').unwrap_or(noun);
            (noun.chars().count() >= 3)
                .then(|| self.known.attributes.iter().position(|a| a.words.contains(noun)))?
        })
    }
}

impl Asked {
    fn fits(&self, roles: Roles) -> bool {
        self.none_of & roles == 0 && self.one_of.iter().all(|one| *one == 0 || one & roles != 0)
    }
}

/// Whether a word stands in a value with a number right behind it.
fn is_followed_by_number(value: &str, word: &str) -> bool {
    let bytes = value.as_bytes();
    let found = |at: usize| {
        let end = at + word.len();
        let here = bytes.get(at..end).is_some_and(|part| part.eq_ignore_ascii_case(word.as_bytes()));
        here && bytes.get(end) == Some(&b' ')
            && bytes.get(end + 1).is_some_and(u8::is_ascii_digit)
            && !at.checked_sub(1).and_then(|before| bytes.get(before)).is_some_and(u8::is_ascii_alphabetic)
    };
    bytes.len() > word.len() && (0..bytes.len() - word.len()).any(found)
}

/// Whom seats and beds are for.
const PEOPLE: &[&str] = &["people", "person", "adult", "guest", "personen"];

/// How far from a fact "about" may be, as a share of it.
const ABOUT: f64 = 0.075;
/// How far below or above "under" and "over" may be.
const BEYOND: f64 = 0.2;
/// How far rounding to fewer decimals may take a figure: 6.1 may be 6, 0.7 is not 1.
const ROUNDING: f64 = 0.1;
/// The same for times: 6 h is not 6 h 30 min.
const ROUNDING_TIME: f64 = 0.03;

/// From how many hours on, whole ones may leave minutes out, and less than how much of an hour: 7 h of 7 h 35 min.
const MANY_HOURS: f64 = 7.0;
const MINUTES_LEFT_OUT: f64 = 40.0 / 60.0;

fn leaves_minutes_out(stated: Reading, fact: f64) -> bool {
    stated.decimals == 0
        && stated.value >= MANY_HOURS
        && (0.0..MINUTES_LEFT_OUT).contains(&(fact - stated.value))
}

fn is_near(stated: Reading, fact: f64, slack: Slack, rounding: f64) -> bool {
    let off = (stated.value - fact).abs();
    let share = off / fact.abs().max(f64::MIN_POSITIVE);
    let rounded = off <= 0.5 * 10_f64.powi(-i32::from(stated.decimals)) * (1.0 + 1e-9) && share <= rounding;
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
