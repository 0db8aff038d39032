//! Reads the figures of a product's facts, each under the attribute that holds it.

use serde_json::{Map, Value};

use super::decimals::{Reading, read};
use super::numbers::{What, figures};
use super::units::{Unit, number_word};
use crate::guardrail::fold::{Space, fold};
use crate::guardrail::text::slice;

/// The figures that facts hold.
#[derive(Debug, Default)]
pub(super) struct Known<'a> {
    pub(super) attributes: Vec<Attribute<'a>>,
    pub(super) figures: Vec<KnownFigure>,
    /// The letters and digits of everything, attribute by attribute: what codes are looked up in.
    squashed: String,
    /// For each byte of it, whether something stood before it that was left out.
    apart: Vec<bool>,
}

/// One attribute that holds a value.
#[derive(Debug)]
pub(super) struct Attribute<'a> {
    /// Its path in the facts, dotted.
    pub(super) path: String,
    pub(super) value: &'a Value,
    /// Whether it is an amount of money by its name.
    pub(super) is_price: bool,
}

/// A figure of the facts.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownFigure {
    /// Its place in [`Known::attributes`].
    pub(super) attribute: usize,
    pub(super) value: f64,
    pub(super) unit: Option<Unit>,
}

/// The deepest facts that are read.
const MAX_DEPTH: usize = 32;

impl<'a> Known<'a> {
    pub(super) fn of(facts: &'a Map<String, Value>) -> Self {
        let mut known = Self::default();
        known.map(facts, "", MAX_DEPTH);
        known
    }

    fn map(&mut self, map: &'a Map<String, Value>, path: &str, depth: usize) {
        for (key, value) in map {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            self.value(value, &path, key, depth);
        }
    }

    fn value(&mut self, value: &'a Value, path: &str, key: &str, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        match value {
            Value::Null => {}
            Value::Object(map) => self.map(map, path, depth),
            Value::Array(items) => items.iter().for_each(|item| self.value(item, path, key, depth)),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => self.scalar(value, path, key),
        }
    }

    fn scalar(&mut self, value: &'a Value, path: &str, key: &str) {
        let attribute = self.attributes.len();
        let is_price = is_price(path);
        self.attributes.push(Attribute { path: path.to_owned(), value, is_price });
        if key.bytes().any(|b| b.is_ascii_digit()) {
            self.text(&spoken(key), attribute, None);
        }
        let unit = unit_of_name(key);
        match value {
            Value::Number(number) => {
                let number = number.as_f64().unwrap_or(f64::NAN).abs();
                self.figures.push(KnownFigure { attribute, value: number, unit });
                self.squash(&value.to_string());
            }
            Value::String(text) => self.text(text, attribute, unit),
            _ => {}
        }
    }

    fn text(&mut self, text: &str, attribute: usize, unit_of_name: Option<Unit>) {
        let folded: Option<String> =
            fold(text, Space::Lines).map(|folded| folded.iter().map(|f| f.is).collect());
        let text = folded.as_deref().unwrap_or(text);
        for figure in figures(text, None) {
            let (readings, unit, soft) = match figure.what {
                What::Number { readings, items, unit, soft } => ([readings, items].concat(), unit, soft),
                // The facts' own shorthand supports its number: `1080p@30fps` that of "30 frames per second".
                What::Code => (leading_number(slice(text, figure.range)).into_iter().collect(), None, false),
            };
            for reading in readings {
                let known = KnownFigure { attribute, value: reading.value, unit: unit.or(unit_of_name) };
                self.figures.push(known);
                if soft {
                    self.figures.push(KnownFigure { unit: None, ..known });
                }
            }
        }
        // In facts a number word supports a figure with or without a unit: "for four occupants".
        let words = text.split(|c: char| !c.is_alphanumeric()).filter_map(number_word);
        self.figures.extend(words.map(|value| KnownFigure { attribute, value, unit: None }));
        self.squash(text);
    }

    fn squash(&mut self, text: &str) {
        let mut apart = true;
        for c in std::iter::once('\n').chain(text.chars()) {
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

    /// Whether these letters and digits stand in the facts in this order, however they are spaced. Digits at its ends
    /// must be whole numbers there: `S8` is not in `S80`.
    pub(super) fn names(&self, code: &str) -> bool {
        let code: String =
            code.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
        let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        let apart = |at: usize| self.apart.get(at).copied().unwrap_or(true);
        let (starts, ends) = (is_digit(code.chars().next()), is_digit(code.chars().next_back()));
        !code.is_empty()
            && self.squashed.match_indices(&code).any(|(at, found)| {
                let (before, rest) = self.squashed.split_at_checked(at).unwrap_or_default();
                let after = rest.strip_prefix(found).unwrap_or_default();
                let cuts_before = starts && is_digit(before.chars().next_back()) && !apart(at);
                let cuts_after = ends && is_digit(after.chars().next()) && !apart(at + found.len());
                !cuts_before && !cuts_after
            })
    }
}

fn leading_number(code: &str) -> Option<Reading> {
    let digits = code.find(|c: char| !c.is_ascii_digit()).unwrap_or(code.len());
    if digits == 0 { None } else { read(slice(code, 0..digits), None).0.first().copied() }
}

fn is_price(path: &str) -> bool {
    const WORDS: &[&str] = &[
        "price", "cost", "offer", "amount", "saving", "discount", "msrp", "rrp", "fee", "shipping", "deposit",
    ];
    let path = path.to_lowercase();
    WORDS.iter().any(|word| path.contains(word))
}

/// An attribute's name as one would say it: `usb_2_0_ports` is about USB 2.0.
fn spoken(key: &str) -> String {
    let chars: Vec<char> = key.chars().collect();
    let digit = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(char::is_ascii_digit);
    let say = |(at, c): (usize, &char)| match c {
        '_' if digit(at.checked_sub(1)) && digit(Some(at + 1)) => '.',
        '_' => ' ',
        c => *c,
    };
    chars.iter().enumerate().map(say).collect()
}

/// The unit that an attribute's name ends in: `weight_g`, `price_cents`, `capacity (mAh)`.
fn unit_of_name(key: &str) -> Option<Unit> {
    let mut words = key.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let last = words.next_back()?;
    words.next_back()?;
    Unit::named(last)
}
