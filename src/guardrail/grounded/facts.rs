//! Reads the figures of a product's facts, each under the attribute that holds it.

use serde_json::{Map, Value};

use super::MAX_FACTS;
use super::axes::axes;
use super::counts::{KnownCount, Noun, Things, is_open};
use super::dates::Date;
use super::decimals::read;
use super::keys::{is_price, path_roles, said, spoken, unit_of_name, within};
use super::lexicon::{self, Roles, facets};
use super::numbers::{Figure, Figures, What, figures, multiple};
use super::roles::Style;
use super::steps::{Steps, through};
use super::units::{Dimension, Unit, number_word};
use crate::guardrail::fold::{Space, fold};
use crate::guardrail::text::slice;

/// The figures that facts hold.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) attributes: Vec<Attribute>,
    pub(super) figures: Vec<KnownFigure>,
    pub(super) counts: Vec<KnownCount>,
    /// The letters and digits of everything, attribute by attribute: what codes are looked up in.
    squashed: String,
    /// For each byte of it, whether something stood before it that was left out.
    apart: Vec<bool>,
    /// The bytes that may still be read.
    room: Steps,
    /// How long all names are together, in bytes.
    names: usize,
}

/// One attribute that holds a value.
#[derive(Debug)]
pub(super) struct Attribute {
    /// Its path in the facts, dotted.
    pub(super) path: String,
    pub(super) value: Value,
    /// The words of its path in small letters, the parts of the path with a `.` between.
    pub(super) words: String,
    /// What its path says of its figures; of two parts of a path the deeper one.
    pub(super) roles: Roles,
    /// The dimensions that its name speaks of, when it says some.
    pub(super) dimensions: Option<&'static [Dimension]>,
    /// The words of its path.
    pub(super) nouns: Vec<Noun>,
    /// Whether it is an amount of money by its name.
    pub(super) is_price: bool,
    /// Whether its value may be a range and nothing else: the ends of `2-4` add up to nothing.
    pub(super) is_range: bool,
    /// From which byte of [`Known::squashed`] on it is read.
    squashed: usize,
}

/// A figure of the facts.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownFigure {
    /// Its place in [`Known::attributes`].
    pub(super) attribute: usize,
    pub(super) value: f64,
    pub(super) unit: Option<Unit>,
    pub(super) date: Option<Date>,
    pub(super) roles: Roles,
    /// Whether the attribute's value is numbers and nothing else.
    pub(super) bare: bool,
    /// Whether it is how many times the next one there is: 4 in `4x1.6 GHz`.
    pub(super) times: bool,
    /// What its noun is known by: of `60% cotton` that of cotton.
    pub(super) noun: Option<Noun>,
}

impl KnownFigure {
    /// A number that is the whole of its attribute's value.
    fn alone(attribute: usize, value: f64, unit: Option<Unit>, roles: Roles) -> Self {
        Self { attribute, value, unit, date: None, roles, bare: true, times: false, noun: None }
    }
}

/// The deepest facts that are read.
const MAX_DEPTH: usize = 32;
/// The longest list of things that is counted.
const MAX_ITEMS: usize = 64;

/// The longest number that stands for a count, in bytes.
const MAX_NUMBER: usize = 40;

/// From how many words on a value may be sentences.
const IN_WORDS: usize = 2;

/// Where a value stands.
#[derive(Clone, Copy)]
struct Place<'p> {
    path: &'p str,
    words: &'p str,
    key: &'p str,
}

impl Known {
    /// Reads facts.
    pub(super) fn of(facts: &Map<String, Value>) -> Self {
        let mut known = Self {
            attributes: Vec::new(),
            figures: Vec::new(),
            counts: Vec::new(),
            squashed: String::new(),
            apart: Vec::new(),
            room: Steps::new(MAX_FACTS),
            names: 0,
        };
        known.map(facts, Place { path: "", words: "", key: "" }, MAX_DEPTH);
        known
    }

    /// How much work it is to hold one figure against all of them, in steps of some nanoseconds.
    pub(super) fn steps(&self) -> usize {
        // Counts are compared noun by noun, several times over.
        let (figures, counts) = (8 * self.figures.len(), 64 * self.counts.len());
        if self.room.ran_out() {
            return usize::MAX;
        }
        figures + counts + 2 * self.attributes.len() + through(self.squashed.len() + self.names)
    }

    /// The figures of one attribute: they are read attribute by attribute.
    pub(super) fn figures_of(&self, attribute: usize) -> &[KnownFigure] {
        let from = self.figures.partition_point(|figure| figure.attribute < attribute);
        let to = self.figures.partition_point(|figure| figure.attribute <= attribute);
        self.figures.get(from..to).unwrap_or_default()
    }

    fn map(&mut self, map: &Map<String, Value>, place: Place<'_>, depth: usize) {
        if let Some((name, value)) = named_value(map) {
            return self.under(place, name, value, depth);
        }
        for (key, value) in map {
            self.under(place, key, value, depth);
        }
    }

    fn under(&mut self, place: Place<'_>, key: &str, value: &Value, depth: usize) {
        let key = within(place.path, key);
        let spoken = spoken(key);
        let (path, words) = if place.path.is_empty() {
            (key.to_owned(), spoken)
        } else {
            (format!("{}.{key}", place.path), format!("{}.{spoken}", place.words))
        };
        self.value(value, Place { path: &path, words: &words, key }, depth);
    }

    fn value(&mut self, value: &Value, place: Place<'_>, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        match value {
            Value::Null => {}
            Value::Object(map) => self.map(map, place, depth),
            Value::Array(items) => {
                let first = self.attributes.len();
                items.iter().for_each(|item| self.value(item, place, depth));
                let scalars = items.iter().all(|item| item.is_string() || item.is_number());
                if scalars && items.len() <= MAX_ITEMS && first < self.attributes.len() {
                    self.count_items(items.len(), first, place);
                }
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) => self.scalar(value, place),
        }
    }

    fn scalar(&mut self, value: &Value, place: Place<'_>) {
        let attribute = self.attributes.len();
        let Place { path, words, key } = place;
        let length = value.as_str().map_or(0, str::len);
        if !self.room.take(path.len() + length) {
            return;
        }
        self.names += words.len();
        let roles = path_roles(words);
        let is_price = is_price(words);
        let name = words.rsplit('.').next().unwrap_or_default();
        let dimensions = name.split(' ').rev().find_map(lexicon::dimensions);
        // Three cameras are under `Main Camera.Triple`.
        if let Some((above, value)) = words.rsplit_once('.').zip(multiple(name)).filter(|_| !denies(value)) {
            let things = Things::of_name(above.0.rsplit('.').next().unwrap_or_default(), roles);
            self.counts.push(KnownCount { attribute, value, things });
        }
        let (path, owned) = (path.to_owned(), words.to_owned());
        let nouns = words.split([' ', '.']).map(Noun::of).collect();
        let given = value.clone();
        self.attributes.push(Attribute {
            path,
            value: given,
            words: owned,
            roles,
            dimensions,
            nouns,
            is_price,
            is_range: value.as_str().is_some_and(is_range),
            squashed: self.squashed.len(),
        });
        if key.bytes().any(|b| b.is_ascii_digit()) {
            let key = said(key);
            self.text(&key, attribute, None, roles);
            self.squash(&key);
        }
        let unit = unit_of_name(key);
        match value {
            Value::Number(number) => {
                let value = number.as_f64().unwrap_or(f64::NAN).abs();
                self.figures.push(KnownFigure::alone(attribute, value, unit, roles));
                if unit.is_none() {
                    self.counts.push(KnownCount { attribute, value, things: Things::of_name(name, roles) });
                }
                self.squash(&number.to_string());
            }
            Value::String(text) => {
                // Most facts are plain; folding those changes nothing that a figure is read by.
                let plain =
                    text.is_ascii() && !text.bytes().any(|b| b.is_ascii_control()) && !text.contains("  ");
                let folded: Option<String> = (!plain)
                    .then(|| fold(text, Space::Lines))
                    .flatten()
                    .map(|folded| folded.iter().map(|f| f.is).collect());
                let text = folded.as_deref().unwrap_or(text);
                self.text(text, attribute, unit, roles);
                self.squash(text);
                if !self.count_named(text, attribute, place, unit) {
                    self.count_listed(text, attribute, place);
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str, attribute: usize, unit_of_name: Option<Unit>, roles: Roles) {
        let mut read = figures(text, None);
        read.read_inches();
        self.pictures(&read, attribute, roles);
        if read.figures.is_empty() {
            return;
        }
        let in_words = read.tokens.len() - read.figures.len() >= IN_WORDS;
        let bare = !text.contains(|c: char| c.is_alphabetic() && !matches!(c, 'x' | 'X'));
        let axes = axes(&read, self.attributes.get(attribute).map_or("", |attribute| &attribute.words));
        for (at, token) in read.tokens.iter().enumerate() {
            let Some((place, figure)) = token.figure.and_then(|at| Some((at, read.figures.get(at)?))) else {
                continue;
            };
            let dimension = figure.dimension().or(unit_of_name.map(|unit| unit.dimension));
            let roles = dimension.map_or(roles, |dimension| {
                // Facts in sentences say the same as copy does in the same sentences.
                let terse = read.roles(at, dimension, Style::Terse);
                let local = if in_words { terse | read.roles(at, dimension, Style::Prose) } else { terse };
                closer(local, roles, dimension)
            });
            let side = axes.binary_search_by_key(&place, |(figure, _)| *figure).ok();
            let side = side.and_then(|side| axes.get(side)).map_or(0, |(_, roles)| *roles);
            let roles = roles | side;
            let plain = KnownFigure {
                attribute,
                value: 0.0,
                unit: None,
                date: None,
                roles,
                bare,
                times: false,
                noun: read.noun(at),
            };
            self.figure(figure, &read, plain, unit_of_name);
            let things = Things::behind(&read, at);
            if !things.nouns.is_empty() {
                let counts = figure.counts();
                self.counts.extend(counts.map(|value| KnownCount {
                    attribute,
                    value,
                    things: things.clone(),
                }));
            }
        }
    }

    /// `Full HD` is 1920 x 1080 pixels, and a VGA camera has 0.3 megapixels; what films in 4K may have more than 8.
    fn pictures(&mut self, read: &Figures<'_>, attribute: usize, roles: Roles) {
        let films = self.attributes.get(attribute).is_some_and(|attribute| attribute.words.contains("video"));
        for (at, token) in read.tokens.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|before| read.tokens.get(before));
            let before = before.map_or("", |token| read.word(token));
            let Some((width, height)) = lexicon::picture(before, read.word(token)) else { continue };
            let megapixels = width * height / 1e6;
            for (value, unit) in [(width, "px"), (height, "px"), (megapixels, "mp"), (height, "p")] {
                if films && unit == "mp" {
                    continue;
                }
                let unit = Unit::named(unit);
                // What is said of one lens of several stands beside it, never in the path.
                let roles = match unit.map(|unit| unit.dimension) {
                    None | Some(Dimension::Pixels) => 0,
                    Some(dimension) => closer(0, roles, dimension),
                };
                self.figures.push(KnownFigure {
                    attribute,
                    value,
                    unit,
                    date: None,
                    roles,
                    bare: false,
                    times: false,
                    noun: None,
                });
            }
        }
    }

    fn figure(
        &mut self,
        figure: &Figure,
        read: &Figures<'_>,
        plain: KnownFigure,
        unit_of_name: Option<Unit>,
    ) {
        match &figure.what {
            What::Number { readings, items, unit, soft } => {
                for reading in readings.iter().chain(items) {
                    let unit = unit.or(unit_of_name);
                    self.figures.push(KnownFigure { value: reading.value, unit, ..plain });
                    if *soft {
                        let rest = slice(read.text, figure.range.end..read.text.len());
                        self.figures.push(KnownFigure {
                            value: reading.value,
                            unit: None,
                            bare: false,
                            times: figure.joined && rest.trim_start().starts_with(['x', 'X', '×']),
                            ..plain
                        });
                    }
                }
            }
            What::Date(date) => {
                self.figures.push(KnownFigure { value: f64::from(date.year), date: Some(*date), ..plain });
                if let Some(day) = date.day {
                    self.figures.push(KnownFigure { value: f64::from(day), ..plain });
                }
            }
            What::Count(value) => self.figures.push(KnownFigure { value: *value, ..plain }),
            // `4.4.2` supports 4.4 and 4, and `65K` its 65.
            What::Code => {
                let code = slice(read.text, figure.range.clone());
                let digits = code.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(code.len());
                let version = slice(code, 0..digits);
                let ends = version.match_indices('.').map(|(at, _)| at).chain([version.len()]);
                for end in ends.take_while(|end| *end <= MAX_NUMBER) {
                    let value = read_number(slice(version, 0..end));
                    self.figures.extend(value.map(|value| KnownFigure {
                        value,
                        unit: unit_of_name,
                        ..plain
                    }));
                }
            }
        }
    }

    /// `432`, `2-4`, `five` and `4 (2x HDMI 2.1)` are as many things as their name says, as a number is. Answers whether
    /// the value is nothing but a number, or begins with the sum of what it lists.
    fn count_named(&mut self, text: &str, attribute: usize, place: Place<'_>, unit: Option<Unit>) -> bool {
        let text = text.trim();
        let (whole, aside) = text.split_once(" (").map_or((text, false), |(whole, _)| (whole, true));
        if whole.len() > MAX_NUMBER || (aside && whole.contains(['.', ','])) {
            return false;
        }
        let parts = || whole.split(['-', '–']).flat_map(|part| part.split(" to ")).map(str::trim);
        let number = |part: &str| match number_word(part) {
            Some(value) => vec![value],
            None if part.contains(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | ',' | '\'')) => {
                Vec::new()
            }
            None => read(part, None).0.into_iter().map(|reading| reading.value).collect(),
        };
        let values: Vec<Vec<f64>> = parts().map(number).collect();
        if values.len() > 2 || values.iter().any(Vec::is_empty) {
            return false;
        }
        let (name, roles) = (place.words.rsplit('.').next().unwrap_or_default(), path_roles(place.words));
        for value in values.into_iter().flatten() {
            match unit {
                // A number of four digits was taken for a year.
                Some(_) => self.figures.push(KnownFigure::alone(attribute, value, unit, roles)),
                None => {
                    let things = Things::of_name(name, roles);
                    self.counts.push(KnownCount { attribute, value, things });
                }
            }
        }
        // `36,37` may be a list.
        !whole.contains(',')
    }

    /// A list of words is as many things as its name says: two `Colors` in `Black, White`.
    fn count_listed(&mut self, text: &str, attribute: usize, place: Place<'_>) {
        let items = || text.split([',', '\n']);
        let plain = |item: &str| {
            let item = item.trim();
            !item.is_empty()
                && item.len() <= 40
                && !item.contains([';', '/', '(', '&'])
                && !item.contains(" and ")
                && !is_open(item)
        };
        if counts_things(place) && text.len() <= 400 && !text.contains('.') && items().all(plain) {
            self.count_items(items().count(), attribute, place);
        }
    }

    fn count_items(&mut self, count: usize, attribute: usize, place: Place<'_>) {
        let name = place.words.rsplit('.').next().unwrap_or_default();
        if counts_things(place)
            && let Ok(value) = u32::try_from(count).map(f64::from)
        {
            self.counts.push(KnownCount { attribute, value, things: Things::of_name(name, 0) });
        }
    }

    fn squash(&mut self, text: &str) {
        let mut apart = true;
        self.squashed.reserve(text.len() + 1);
        self.apart.reserve(text.len() + 1);
        for c in std::iter::once('\n').chain(text.chars()) {
            if c.is_ascii_alphanumeric() {
                self.squashed.push(c.to_ascii_lowercase());
                self.apart.push(apart);
                apart = false;
                continue;
            }
            if !c.is_alphanumeric() && c != '\n' {
                apart = true;
                continue;
            }
            self.squashed.extend(c.to_lowercase());
            self.apart.resize(self.squashed.len(), false);
            if let Some(first) =
                self.squashed.chars().next_back().map(|last| self.squashed.len() - last.len_utf8())
            {
                self.apart.get_mut(first).into_iter().for_each(|mark| *mark = apart);
            }
            apart = c == '\n';
        }
    }

    /// The attribute in which these letters and digits stand in this order, however they are spaced. Digits at its ends
    /// must be whole numbers there: `S8` is not in `S80`.
    pub(super) fn named(&self, code: &str) -> Option<usize> {
        let code: String =
            code.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
        let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        let apart = |at: usize| self.apart.get(at).copied().unwrap_or(true);
        let (starts, ends) = (is_digit(code.chars().next()), is_digit(code.chars().next_back()));
        if code.is_empty() {
            return None;
        }
        let whole = |(at, found): &(usize, &str)| {
            let (before, rest) = self.squashed.split_at_checked(*at).unwrap_or_default();
            let after = rest.strip_prefix(found).unwrap_or_default();
            let cuts_before = starts && is_digit(before.chars().next_back()) && !apart(*at);
            let cuts_after = ends && is_digit(after.chars().next()) && !apart(at + found.len());
            !cuts_before && !cuts_after
        };
        let (at, _) = self.squashed.match_indices(&code).find(whole)?;
        Some(self.attributes.partition_point(|attribute| attribute.squashed <= at).saturating_sub(1))
    }
}

/// The roles of a figure by the words around it, and where those say nothing, by its attribute's path.
fn closer(local: Roles, path: Roles, dimension: Dimension) -> Roles {
    facets(dimension).fold(0, |all, facet| {
        let own = local & facet.roles;
        // What tells figures of one attribute apart is not in its path.
        all | if own == 0 && !facet.apart { path & facet.roles } else { own }
    })
}

/// Whether an attribute's name is that of several things.
fn counts_things(place: Place<'_>) -> bool {
    ["s", "color", "colour"].iter().any(|end| place.words.ends_with(end))
}

fn is_range(text: &str) -> bool {
    text.contains(['-', '–']) && !text.contains(char::is_alphabetic)
}

/// Whether a value says that there is no such thing.
pub(super) fn denies(value: &Value) -> bool {
    match value {
        Value::Bool(is) => !is,
        Value::String(text) => {
            let text = text.trim();
            matches!(text, "" | "-" | "–") || ["no", "none"].iter().any(|no| text.eq_ignore_ascii_case(no))
        }
        _ => false,
    }
}

/// The attribute that an object of a list is: `{name: Weight, value: 105 g}`.
fn named_value(map: &Map<String, Value>) -> Option<(&str, &Value)> {
    const NAMES: &[&str] = &["name", "key", "label", "title", "attribute"];
    let value = map.get("value")?;
    let name = NAMES.iter().find_map(|name| map.get(*name)?.as_str())?;
    (map.len() <= 4 && name.len() <= 80).then_some((name, value))
}

fn read_number(digits: &str) -> Option<f64> {
    if digits.is_empty() {
        return None;
    }
    read(digits, Some(false)).0.first().map(|reading| reading.value)
}
