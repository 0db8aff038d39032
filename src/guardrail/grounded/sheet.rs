//! Facts as one text to be searched: every scalar under the name of its attribute.

use std::ops::Range;
use std::sync::OnceLock;

use serde_json::{Map, Value};

use super::MAX_FACTS;
use super::features::Phrases;
use super::keys::within;
use super::statements::{Plain, Polarity, polarity, small};
use super::steps::{SENTENCE, Steps, through};
use crate::guardrail::fold::{Space, fold_text, is_invisible};
use crate::guardrail::rule::Evidence;
use crate::guardrail::text::slice;

/// What an attribute's value says to a question of yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Yes,
    No,
    /// It is there and says that nobody knows.
    Unknown,
    /// Something else, which as a rule means yes.
    Words,
}

/// One attribute that holds a value. Ranges are of the sheet's text.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its place in the sheet's paths.
    path: Range<usize>,
    given: Value,
    pub(super) answer: Answer,
    /// The whole path.
    pub(super) name: Range<usize>,
    /// Its last part.
    leaf: Range<usize>,
    /// That without the words that all such names have: what its name asks about.
    core: Range<usize>,
    pub(super) value: Range<usize>,
}

/// All facts.
#[derive(Debug)]
pub(super) struct Sheet {
    entries: Vec<Entry>,
    paths: String,
    written: String,
    small: String,
    /// Every phrase about features in it.
    phrases: OnceLock<Phrases>,
    /// The bytes that may still be read.
    room: Steps,
}

/// The deepest facts that are read.
const MAX_DEPTH: usize = 32;
/// Stands between names and values, and in no text.
const APART: char = '\u{1}';

/// The keys that name a value beside them.
const NAMES: &[&str] = &["name", "label", "key", "attribute", "title"];

/// Words of attribute names that ask about nothing themselves.
const FILLERS: &[&str] = &[
    "support",
    "supported",
    "supports",
    "port",
    "ports",
    "quantity",
    "qty",
    "included",
    "built",
    "in",
    "integrated",
    "number",
    "of",
    "type",
    "function",
    "functionality",
    "connectivity",
    "technology",
    "version",
    "slot",
    "slots",
    "interface",
    "enabled",
    "capability",
    "capable",
    "has",
    "is",
    "with",
    "the",
    "available",
    "s",
    "connection",
    "count",
    "present",
    "ready",
    "sensor",
    "reader",
    "yes",
    "no",
    "compatible",
    "receiver",
    "module",
    "unterstützt",
    "vorhanden",
];

impl Sheet {
    pub(super) fn of(facts: &Map<String, Value>) -> Self {
        let mut sheet = Self {
            entries: Vec::new(),
            paths: String::new(),
            written: String::new(),
            small: String::new(),
            phrases: OnceLock::new(),
            room: Steps::new(MAX_FACTS),
        };
        sheet.map(facts, &mut String::new(), MAX_DEPTH);
        sheet.small = small(&sheet.written);
        for entry in &mut sheet.entries {
            entry.answer = answer(&entry.given, slice(&sheet.small, entry.value.clone()));
            entry.core = core(&sheet.small, entry.leaf.clone());
        }
        sheet
    }

    fn map(&mut self, map: &Map<String, Value>, path: &mut String, depth: usize) {
        // Lists of named values: `{"name": "NFC", "value": "No"}`.
        if let Some(value) = map.get("value")
            && let Some(name) = NAMES.iter().find_map(|key| map.get(*key)?.as_str())
        {
            return self.under(name, value, path, depth);
        }
        for (key, value) in map {
            self.under(key, value, path, depth);
        }
    }

    /// Reads a value under a key of the path.
    fn under(&mut self, key: &str, value: &Value, path: &mut String, depth: usize) {
        let before = path.len();
        let key = within(path, key);
        if before > 0 {
            path.push('.');
        }
        path.push_str(key);
        self.value(value, path, key, depth);
        path.truncate(before);
    }

    fn value(&mut self, value: &Value, path: &mut String, key: &str, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        match value {
            Value::Null => {}
            Value::Object(map) => self.map(map, path, depth),
            Value::Array(items) => items.iter().for_each(|item| self.value(item, path, key, depth)),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => self.scalar(value, path, key),
        }
    }

    fn scalar(&mut self, given: &Value, path: &str, key: &str) {
        if !self.room.take(path.len() + given.as_str().map_or(0, str::len)) {
            return;
        }
        let start = self.written.len();
        let (front, last) = key.split_at_checked(last_part(key)).unwrap_or(("", key));
        self.name(path.strip_suffix(key).unwrap_or_default());
        self.name(front);
        let leaf = self.written.len();
        self.name(last);
        let end = self.written.len();
        self.written.push(APART);
        let value = self.written.len();
        match given {
            Value::String(text) => self.words(text),
            Value::Bool(true) => self.written.push_str("yes"),
            Value::Bool(false) => self.written.push_str("no"),
            other => self.written.push_str(&other.to_string()),
        }
        let value = value..self.written.len();
        self.written.push(APART);
        let from = self.paths.len();
        self.paths.push_str(path);
        let (name, leaf, path) = (start..end, leaf..end, from..self.paths.len());
        let given = given.clone();
        self.entries.push(Entry {
            path,
            given,
            answer: Answer::Words,
            name,
            core: leaf.clone(),
            leaf,
            value,
        });
    }

    /// Writes a value as copy is read: with the dashes and quotes that a keyboard has, and one space or line end for
    /// each run of whitespace.
    fn words(&mut self, text: &str) {
        let is_space = u8::is_ascii_whitespace;
        if text.is_ascii() && !text.as_bytes().windows(2).any(|pair| pair.iter().all(is_space)) {
            self.written.push_str(text);
        } else if text.chars().all(is_plain) {
            self.spaced(text.chars().filter(|c| !is_invisible(*c)).map(|c| match c {
                '‐'..='―' => '-',
                '‘' | '’' => '\'',
                '“' | '”' => '"',
                _ => c,
            }));
        } else {
            self.written.push_str(&fold_text(text, Space::Lines));
        }
    }

    fn spaced(&mut self, chars: impl Iterator<Item = char>) {
        let mut space = None;
        for c in chars {
            if c.is_whitespace() {
                let line = c == '\n' || space == Some('\n');
                space = Some(if line { '\n' } else { ' ' });
                continue;
            }
            self.written.extend(space.take());
            self.written.push(c);
        }
    }

    /// Writes a name with `waterResistant` and `water__resistant` as two words; `eSIM` stays one.
    fn name(&mut self, name: &str) {
        let splits = |pair: &[u8]| matches!(pair, [b'_' | b' ', b'_' | b' ']);
        let humps = |three: &[u8]| matches!(three, [b'a'..=b'z', b'a'..=b'z', b'A'..=b'Z']);
        if name.is_ascii()
            && !name.as_bytes().windows(2).any(splits)
            && !name.as_bytes().windows(3).any(humps)
        {
            return self.written.push_str(name);
        }
        let mut small = 0;
        let mut before = 'x';
        for c in name.chars() {
            if c.is_uppercase() && small > 1 {
                self.written.push(' ');
            }
            if !matches!((before, c), ('_' | ' ', '_' | ' ')) {
                self.written.push(c);
            }
            small = if c.is_lowercase() { small + 1 } else { 0 };
            before = c;
        }
    }

    /// Whether all facts are in it.
    pub(super) fn is_whole(&self) -> bool {
        !self.room.ran_out()
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn small(&self) -> &str {
        &self.small
    }

    /// Every phrase about features in it, with what it may say.
    pub(super) fn phrases(&self) -> &Phrases {
        self.phrases.get_or_init(|| Phrases::of(&self.small))
    }

    pub(super) fn plain(&self) -> Plain<'_> {
        Plain { written: &self.written, small: &self.small }
    }

    /// The attribute at a place of the text.
    pub(super) fn at(&self, byte: usize) -> Option<(usize, &Entry)> {
        let index = self.entries.partition_point(|entry| entry.value.end < byte);
        self.entries.get(index).map(|entry| (index, entry))
    }

    /// Whether any attribute but one says the same of something, by its name or in its words. Where there are not enough
    /// steps to look, it may.
    pub(super) fn says(&self, name: &str, said: Polarity, but: usize, steps: &mut Steps) -> bool {
        if !steps.take(through(self.small.len())) {
            return true;
        }
        self.small.match_indices(name).any(|(at, found)| {
            let Some((_, entry)) = self.at(at).filter(|(index, _)| *index != but) else { return false };
            if at >= entry.value.start {
                if !steps.take(SENTENCE) {
                    return true;
                }
                let here = polarity(self.plain(), &entry.value, &(at..at + found.len()));
                return here == said || here == Polarity::Unclear;
            }
            matches!(
                (said, entry.answer),
                (Polarity::Affirmed, Answer::Yes | Answer::Words) | (Polarity::Denied, Answer::No)
            )
        })
    }

    /// What an attribute says, as evidence. A long value is not said of any number of things.
    pub(super) fn evidence(&self, entry: usize, steps: &mut Steps) -> Evidence {
        let entry = self.entries.get(entry).filter(|entry| steps.take(entry.path.len() + entry.value.len()));
        Evidence {
            attribute: entry.map(|entry| slice(&self.paths, entry.path.clone()).to_owned()),
            value: entry.map(|entry| entry.given.clone()),
        }
    }
}

impl Entry {
    /// Whether a phrase within its name is what the last part of that name asks about, and nothing else.
    pub(super) fn is_named(&self, small: &str, phrase: &Range<usize>) -> bool {
        if phrase.end <= self.leaf.start {
            return false;
        }
        let rest = [self.leaf.start..phrase.start, phrase.end..self.leaf.end];
        let mut words =
            rest.into_iter().flat_map(|range| slice(small, range).split(|c: char| !c.is_alphanumeric()));
        words.all(|word| word.is_empty() || FILLERS.contains(&word))
    }

    /// Whether it counts something: none of it is another answer than no.
    pub(super) fn is_number(&self) -> bool {
        self.given.is_number()
    }

    /// Whether it says yes or no and nothing else, and its name is of the product itself: a group may be another thing.
    pub(super) fn is_plain(&self, small: &str) -> bool {
        let group = slice(small, self.name.start..self.leaf.start).trim_matches([' ', '.']);
        let whole =
            ["", "spec", "specs", "specifications", "features", "attributes", "details", "properties"];
        let value = slice(small, self.value.clone()).trim();
        let plain = ["yes", "no", "ja", "nein", "true", "false"];
        whole.contains(&group) && !self.given.is_number() && plain.contains(&value)
    }

    /// What its name asks about.
    pub(super) fn core<'t>(&self, small: &'t str) -> &'t str {
        slice(small, self.core.clone())
    }
}

/// What the name in a range asks about, without the words that all such names have.
fn core(small: &str, leaf: Range<usize>) -> Range<usize> {
    let name = slice(small, leaf.clone());
    let (mut start, mut end) = (leaf.end - name.trim_start().len(), leaf.start + name.trim_end().len());
    while let Some((rest, last)) = slice(small, start..end).rsplit_once(' ')
        && FILLERS.contains(&last)
    {
        end = start + rest.trim_end().len();
    }
    while let Some((first, rest)) = slice(small, start..end).split_once(' ')
        && FILLERS.contains(&first)
    {
        start = end - rest.trim_start().len();
    }
    start..end.max(start)
}

/// Whether a character reads as it is written, or as its like on a keyboard.
fn is_plain(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' | ' '..='~' | '\u{a0}'..='\u{17f}' => true,
        '\u{2000}'..='\u{200b}' | '‐'..='―' | '‘' | '’' | '“' | '”' => true,
        _ => matches!(c, '•' | '€' | '₹' | '™' | '˚'),
    }
}

/// Where the last part of a key begins that is a path itself: `Sound.3.5mm jack`.
fn last_part(key: &str) -> usize {
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let parts = |at: &usize| {
        let (before, after) = key.split_at_checked(*at).unwrap_or_default();
        !(digit(before.chars().next_back()) && digit(after.chars().nth(1)))
    };
    key.rmatch_indices('.').map(|(at, _)| at).find(parts).map_or(0, |at| at + 1)
}

fn answer(given: &Value, small: &str) -> Answer {
    match given {
        Value::Bool(true) => return Answer::Yes,
        Value::Bool(false) => return Answer::No,
        Value::Number(number) => {
            return if number.as_f64() == Some(0.0) { Answer::No } else { Answer::Words };
        }
        _ => {}
    }
    let small = small.trim();
    let first = small.split([';', ',', '(']).next().unwrap_or_default().trim();
    match first {
        "yes" | "ja" | "true" | "y" | "supported" | "included" | "✓" | "✔" | "1" => Answer::Yes,
        "no" | "none" | "nein" | "false" | "n" | "not supported" | "not available" | "not included"
        | "nicht vorhanden" | "keine" | "kein" | "ohne" | "without" | "✗" | "✘" | "0" => Answer::No,
        "" | "–" | "—" | "?" | "unspecified" | "unknown" | "n/a" | "na" | "tbc" | "tbd" | "tba"
        | "not specified" | "k" | "keine angabe" => Answer::Unknown,
        _ if first.strip_prefix("0 ").or_else(|| first.strip_prefix('0')).is_some_and(is_amount) => {
            Answer::No
        }
        _ if first.starts_with("no ") && first.split(' ').count() <= 3 => Answer::No,
        _ => Answer::Words,
    }
}

/// Whether nothing of an amount in this unit is none at all: `0 g` of sugar.
fn is_amount(unit: &str) -> bool {
    matches!(unit, "g" | "mg" | "kg" | "ml" | "%")
}
