//! `competitor`: names of others, with what they mean besides.

use std::ops::Range;

use regex::Regex;
use serde_json::Value;

use super::super::Ground;
use super::super::fold::{Space, fold_text};
use super::super::patterns::{Style, compile_linear, occurrences, tokens};
use super::super::rule::Hit;
use super::super::text::{Reading, Text};
use crate::document::{Faults, Fields, Kind, Node, list, one_of, text, texts};

/// Names that are words of everyday language: their capital letters matter unless a rule says otherwise.
const COMMON_WORDS: &[&str] = &[
    "amazon",
    "apple",
    "boots",
    "boss",
    "caterpillar",
    "coach",
    "columbia",
    "corona",
    "diesel",
    "dove",
    "fossil",
    "gap",
    "guess",
    "honor",
    "jaguar",
    "lush",
    "mango",
    "meta",
    "monsoon",
    "next",
    "nothing",
    "oasis",
    "orange",
    "pandora",
    "puma",
    "quiz",
    "reserved",
    "roots",
    "route",
    "seat",
    "shell",
    "smart",
    "spar",
    "subway",
    "supreme",
    "swatch",
    "target",
    "tide",
    "tribe",
    "vans",
    "very",
    "visa",
    "virgin",
    "warehouse",
    "whistles",
    "wish",
];

/// The facts that say whose product it is: their own names are never somebody else's.
const OWN: &[&str] = &["brand", "manufacturer", "name"];

/// Names of competitors.
#[derive(Debug)]
pub(in crate::guardrail) struct Competitor {
    pattern: Regex,
    /// A pattern without which nothing is found.
    loose: String,
    names: Vec<Name>,
}

/// One competitor.
#[derive(Debug)]
struct Name {
    /// The name and its aliases, folded, in small letters.
    forms: Vec<String>,
    /// What the name means besides.
    unless: Option<Regex>,
}

/// Whether capital letters matter.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::guardrail) enum Case {
    Sensitive,
    Insensitive,
}

/// How a rule says whether capital letters matter.
pub(in crate::guardrail) const CASES: &[(&str, Case)] =
    &[("sensitive", Case::Sensitive), ("insensitive", Case::Insensitive)];

impl Competitor {
    /// Reads `names`: each a name, or `{name, aliases, unless, case}`.
    pub(in crate::guardrail) fn read(
        fields: &mut Fields<'_>,
        _style: Style,
        faults: &Faults,
    ) -> Option<Self> {
        const HELP: &str = "list them: `names: [Acme, {name: Orange, aliases: [Orange SA], unless: [\"orange juice\"], case: sensitive}]`";
        let before = faults.errors();
        let node = fields.require("names", HELP, faults)?;
        let items = list(node, faults);
        if items.is_empty() && faults.errors() == before {
            faults.error_with_help(node.span, "this list is empty", HELP);
        }
        let read: Vec<(Name, Vec<String>)> = items.iter().filter_map(|item| name(item, faults)).collect();
        if faults.errors() > before {
            return None;
        }
        let (names, patterns): (Vec<Name>, Vec<Vec<String>>) = read.into_iter().unzip();
        let mut patterns = patterns.concat();
        // Of two that begin together the longer one is meant.
        patterns.sort_by_key(|pattern| std::cmp::Reverse(pattern.chars().count()));
        let expression = format!("(?:{})", patterns.join("|"));
        let style = Style { ignore_case: true, ..Style::default() };
        let (pattern, loose) = compile_linear(&expression, style, node.span, faults)?;
        Some(Self { pattern, loose, names })
    }

    pub(super) fn loose(&self) -> &str {
        &self.loose
    }

    pub(super) fn find(&self, text: &Text<'_>, ground: &Ground<'_>) -> Vec<Hit> {
        let whole = 0..text.given().len();
        let named = |piece: &str| {
            let found = self.pattern.find_iter(piece);
            found.map(|found| (found.range(), found.as_str().to_lowercase())).collect()
        };
        let mut found = text.find_in(&whole, named);
        if found.is_empty() {
            return Vec::new();
        }
        let own: Vec<String> = OWN.iter().filter_map(|key| own(ground.facts.get(*key)?)).collect();
        found.retain(|(range, word)| {
            let name = self.names.iter().find(|name| name.is(word));
            let is_own =
                name.is_some_and(|name| own.iter().any(|own| name.forms.contains(&own.to_lowercase())));
            let reading = text.spaced();
            let covers = |found: Range<usize>| covers(reading, found, range);
            let excepted = || {
                let unless = name.and_then(|name| name.unless.as_ref());
                unless.is_some_and(|unless| unless.find_iter(reading.text()).any(|m| covers(m.range())))
            };
            let in_own = || own.iter().any(|own| occurrences(reading.text(), own).any(covers));
            !(is_own || excepted() || in_own())
        });
        found.into_iter().map(|(range, _)| Hit::at(range)).collect()
    }
}

fn covers(reading: &Reading<'_>, found: Range<usize>, range: &Range<usize>) -> bool {
    let given = reading.origin(found);
    given.start <= range.start && range.end <= given.end
}

/// What the product is called, folded.
fn own(value: &Value) -> Option<String> {
    let text = value.as_str().map(str::trim).filter(|text| !text.is_empty())?;
    Some(fold_text(text, Space::One))
}

impl Name {
    /// Whether this word, in small letters, is one of its forms or the plural of one.
    fn is(&self, word: &str) -> bool {
        let plural = |form: &String| {
            word.strip_prefix(form.as_str()).is_some_and(|rest| matches!(rest, "" | "s" | "es"))
        };
        self.forms.iter().any(plural)
    }
}

/// Reads one competitor: what it is called, and a pattern for each of its forms.
fn name(node: &Node, faults: &Faults) -> Option<(Name, Vec<String>)> {
    let Kind::Map(_) = node.kind else {
        return forms(vec![(text(node, faults)?, node)], None, None, faults);
    };
    let mut fields = Fields::of(node, "a competitor", faults)?;
    let named = fields.require("name", "write the name: `{name: Orange}`", faults);
    let mut all: Vec<(String, &Node)> =
        named.and_then(|node| Some((text(node, faults)?, node))).into_iter().collect();
    if let Some(node) = fields.take("aliases") {
        all.extend(texts(node, faults).into_iter().map(|alias| (alias, node)));
    }
    let case = fields.take("case").and_then(|node| one_of(node, CASES, faults));
    let unless = fields.take("unless").and_then(|node| {
        let words = tokens(node, faults)?;
        let words: Vec<String> = words.into_iter().map(|(word, _)| format!("(?:{word})")).collect();
        let style = Style { ignore_case: true, ..Style::default() };
        Some(compile_linear(&words.join("|"), style, node.span, faults)?.0)
    });
    fields.finish(faults);
    forms(all, case, unless, faults)
}

fn forms(
    all: Vec<(String, &Node)>,
    case: Option<Case>,
    unless: Option<Regex>,
    faults: &Faults,
) -> Option<(Name, Vec<String>)> {
    /// One letter is no name, and a longer text none either.
    const LENGTHS: std::ops::RangeInclusive<usize> = 2..=100;
    let (mut forms, mut patterns) = (Vec::new(), Vec::new());
    for (given, node) in all {
        let folded = fold_text(given.trim(), Space::One);
        if !LENGTHS.contains(&folded.chars().count()) || !folded.chars().any(char::is_alphanumeric) {
            let help = "write a name of 2 to 100 characters";
            faults.error_with_help(node.span, format!("`{given}` is no name"), help);
            continue;
        }
        let common = COMMON_WORDS.contains(&folded.to_lowercase().as_str());
        let sensitive = case.map_or(common, |case| case == Case::Sensitive);
        let escaped = regex::escape(&folded);
        // `Acme's` holds the name as a word of its own; `Acmes` has to be asked for.
        let plural = if folded.ends_with(char::is_alphabetic) { "(?:e?s)?" } else { "" };
        patterns.push(if sensitive {
            format!("(?-i:{escaped}{plural})")
        } else {
            format!("{escaped}{plural}")
        });
        forms.push(folded.to_lowercase());
    }
    (!forms.is_empty()).then_some((Name { forms, unless }, patterns))
}
