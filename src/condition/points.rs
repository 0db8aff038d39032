//! Which values of one attribute are worth trying: between two values that its tests compare with, nothing changes.
//!
//! For each attribute these stand for all the others: the numbers that are named, one between each two neighbours and one
//! beyond either end (whole ones alone where the attribute is a whole number); each text that is named, and one that nobody
//! names; the ages that durations name, a moment older, and what is to come; versions named and one between each two; the
//! declared values alone where these are closed.
//!
//! What no such list covers (patterns, items of lists, long groups, texts by size, an attribute of unknown type that is
//! compared with values of several kinds) is *opaque*: such a test may come out either way, whatever the value is.

use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Number, Value, json};

use super::operator::Ask;
use super::{Test, script, version};

/// The most values of one list or group that are tried one by one.
const MAX_MEMBERS: usize = 200;
/// The most values of one attribute, times the tests of it, that are tried.
const MAX_TRIED: usize = 100_000;

/// What an attribute's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Texts.
    Text,
    /// Whole numbers.
    Whole,
    /// Numbers.
    Number,
    /// `true` and `false`.
    Truth,
    /// Dates and instants, as texts.
    Date,
    /// Lists.
    List,
    /// Maps.
    Map,
}

/// What is known of an attribute's values before any condition is asked.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// What they are, where that is declared and held to; `None` when they can be anything.
    pub sort: Option<Sort>,
    /// The only ones there are, as texts; empty when any are taken.
    pub only: Vec<String>,
    /// Whether a request may say when they were measured.
    pub dated: bool,
    /// How old they are at most.
    pub max_age: Option<SignedDuration>,
}

/// One value that stands for many.
#[derive(Clone, Debug)]
pub(super) struct Point {
    pub(super) value: Value,
    /// When it was measured, where that makes a difference.
    pub(super) at: Option<Timestamp>,
    /// How a reader would say it.
    pub(super) told: String,
    /// Whether whoever has it is somebody whose attribute is known: it is of its kind, and not too old for any test.
    pub(super) complete: bool,
    /// Whether one would think of it: no amount below nothing, no date to come.
    pub(super) likely: bool,
}

/// The values to try for one attribute, and which of its tests no value decides.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) points: Vec<Point>,
    /// Of each test, in the order given.
    pub(super) opaque: Vec<bool>,
}

impl Point {
    fn new(value: Value) -> Self {
        let told = script::text_of(&value).into_owned();
        let told = if told.trim().is_empty() { format!("{value}") } else { told };
        let likely = value.as_f64().is_none_or(|number| number >= 0.0);
        Self { value, at: None, told, complete: true, likely }
    }

    fn told(value: Value, told: impl Into<String>) -> Self {
        Self { told: told.into(), ..Self::new(value) }
    }

    /// A value that nobody means who says what the attribute is.
    fn odd(value: Value) -> Self {
        Self { complete: false, ..Self::new(value) }
    }
}

/// What to try for an attribute of which these tests ask, in the order in which an example is best made of them. Ages
/// count from `now`.
pub(super) fn plan(tests: &[&Test], known: &Known, now: Timestamp) -> Plan {
    let sort = known.sort.or_else(|| inferred(tests));
    let timed = tests.iter().any(|test| matches!(test.ask, Ask::Within(_) | Ask::OlderThan(_)));
    // Where there are only so many values, each of them decides whatever is asked.
    let single = matches!(known.sort, Some(Sort::Text | Sort::Number | Sort::Whole | Sort::Truth));
    let closed = single && !known.only.is_empty();
    let is_open = |test: &&Test| !closed && is_opaque(&test.ask, sort, known.sort.is_some(), timed);
    let mut opaque: Vec<bool> = tests.iter().map(is_open).collect();
    let clear: Vec<&Ask> =
        tests.iter().zip(&opaque).filter(|(_, opaque)| !**opaque).map(|(test, _)| &test.ask).collect();
    let mut points = match sort {
        Some(Sort::Number | Sort::Whole) => numbers(&clear, sort == Some(Sort::Whole), &known.only),
        Some(Sort::Truth) => truths(&known.only),
        Some(Sort::Text) => match texts(&clear, &known.only) {
            Some(points) => points,
            None => {
                // No version between two that are named was found, so nothing is said about any.
                for (opaque, test) in opaque.iter_mut().zip(tests) {
                    *opaque |= matches!(test.ask, Ask::Version { .. });
                }
                texts(
                    &clear.into_iter().filter(|ask| !matches!(ask, Ask::Version { .. })).collect::<Vec<_>>(),
                    &known.only,
                )
                .unwrap_or_default()
            }
        },
        Some(Sort::Date) if timed => dates(&clear, now),
        Some(Sort::Date) => days(&clear, &known.only),
        Some(Sort::List) => vec![Point::told(json!([]), "given")],
        Some(Sort::Map) => vec![Point::told(json!({}), "given")],
        None => vec![Point::told(json!("other"), "given")],
    };
    if known.sort.is_none() {
        odd_ones(sort, &mut points);
    }
    if points.is_empty() || points.len().saturating_mul(tests.len()) > MAX_TRIED {
        opaque = tests.iter().map(|test| !is_constant(&test.ask)).collect();
        points = vec![Point::told(json!("other"), "given")];
    }
    if known.dated {
        stale(tests, known, now, &mut points);
    }
    Plan { points, opaque }
}

/// Whether a test comes out the same for every value that is there.
fn is_constant(ask: &Ask) -> bool {
    matches!(ask, Ask::Exists(_) | Ask::Always | Ask::Never | Ask::Null)
}

/// Whether no list of values covers a test of an attribute of this sort; `sure` when it has no values of another.
fn is_opaque(ask: &Ask, sort: Option<Sort>, sure: bool, timed: bool) -> bool {
    if is_constant(ask) {
        return false;
    }
    let is_nested = |value: &Value| value.is_array() || value.is_object();
    let is_number = matches!(sort, Some(Sort::Number | Sort::Whole));
    match (ask, sort) {
        (_, None) => true,
        (Ask::Type(_), _) => !sure,
        (Ask::Identical { value, .. }, _) if is_nested(value) || value.is_null() => false,
        (_, Some(Sort::List | Sort::Map)) => true,
        (Ask::Within(_) | Ask::OlderThan(_), Some(Sort::Date)) => false,
        // A day named comes to lie within any duration, or outside, as time passes.
        (_, Some(Sort::Date)) if timed => true,
        (Ask::Text(_) | Ask::Identical { .. }, _) => false,
        (Ask::Number(_) | Ask::Truth(_), sort) => sort == Some(Sort::Date),
        (Ask::Compared { .. }, _) => !is_number,
        (Ask::Version { .. }, sort) => sort != Some(Sort::Text),
        (Ask::Among { members, .. }, _) => !sure || members.len() > MAX_MEMBERS,
        _ => true,
    }
}

/// What an attribute's values must be when nothing declares them: what all of its tests compare them with.
fn inferred(tests: &[&Test]) -> Option<Sort> {
    let sort_of = |value: &Value| match value {
        Value::Number(_) => Some(Sort::Number),
        Value::String(_) => Some(Sort::Text),
        Value::Bool(_) => Some(Sort::Truth),
        _ => None,
    };
    let votes = tests.iter().filter_map(|test| match &test.ask {
        Ask::Text(_) | Ask::Version { .. } => Some(Sort::Text),
        Ask::Number(_) => Some(Sort::Number),
        Ask::Truth(_) => Some(Sort::Truth),
        Ask::Identical { value, .. } => sort_of(value),
        Ask::Compared { to, .. } => sort_of(to),
        Ask::Within(_) | Ask::OlderThan(_) => Some(Sort::Date),
        _ => None,
    });
    let mut votes: Vec<Sort> = votes.collect();
    votes.dedup();
    if let [sort] = votes.as_slice() { Some(*sort) } else { None }
}

/// Values of another kind than the tests of an undeclared attribute suppose.
fn odd_ones(sort: Option<Sort>, points: &mut Vec<Point>) {
    let given: Vec<Value> = points.iter().map(|point| point.value.clone()).collect();
    for value in given {
        let text = script::text_of(&value).into_owned();
        match sort {
            Some(Sort::Number) => points.push(Point::odd(text.into())),
            Some(Sort::Text) => {
                let number = number_value(script::number_of(&value)).filter(|n| script::text_of(n) == text);
                points.extend(number.map(Point::odd));
                points.push(Point::odd(json!([text])));
            }
            _ => {}
        }
    }
    points.extend([json!("?"), json!([]), json!({}), json!(true), json!(0)].map(Point::odd));
}

/// The same values, too old for one test or for several.
fn stale(tests: &[&Test], known: &Known, now: Timestamp, points: &mut Vec<Point>) {
    let mut ages: Vec<SignedDuration> = tests.iter().filter_map(|test| test.fresh).collect();
    ages.sort_unstable();
    ages.dedup();
    let given = points.clone();
    for most in ages {
        let age = most.saturating_add(SignedDuration::from_millis(1));
        let Ok(at) = now.checked_sub(age) else { continue };
        if known.max_age.is_none_or(|max_age| age <= max_age) {
            points.extend(given.iter().map(|point| Point {
                at: Some(at),
                told: format!("{} measured more than {} ago", point.told, spell(most)),
                complete: false,
                ..point.clone()
            }));
        }
    }
}

/// The numbers that a question compares with.
fn named_numbers(ask: &Ask) -> Vec<f64> {
    match ask {
        Ask::Number(number) => vec![*number],
        Ask::Text(text) => text.parse().into_iter().collect(),
        Ask::Truth(_) => vec![0.0],
        Ask::Identical { value, .. } => value.as_f64().into_iter().collect(),
        Ask::Compared { to, .. } => vec![script::number_of(to)],
        Ask::Among { members, .. } => members.named().1.iter().filter_map(Value::as_f64).collect(),
        _ => Vec::new(),
    }
}

fn numbers(asks: &[&Ask], whole: bool, only: &[String]) -> Vec<Point> {
    let is_taken = |number: &f64| number.is_finite() && (!whole || number.fract() == 0.0);
    let mut found: Vec<f64> = if only.is_empty() {
        let mut cuts: Vec<f64> =
            asks.iter().flat_map(|ask| named_numbers(ask)).filter(|n| n.is_finite()).collect();
        cuts.sort_by(f64::total_cmp);
        cuts.dedup();
        let lows = std::iter::once(None).chain(cuts.iter().copied().map(Some));
        let highs = cuts.iter().copied().map(Some).chain([None]);
        let between = lows.zip(highs).filter_map(|(low, high)| between(low, high, whole));
        between.chain(cuts.iter().copied()).collect()
    } else {
        only.iter().filter_map(|text| text.parse().ok()).collect()
    };
    found.retain(is_taken);
    // People think of small amounts first, and of negative ones last.
    found.sort_by(|a, b| (*a < 0.0).cmp(&(*b < 0.0)).then(a.abs().total_cmp(&b.abs())));
    found.into_iter().filter_map(number_value).map(Point::new).collect()
}

/// A number between two others, as short as can be; `None` when there is none.
fn between(low: Option<f64>, high: Option<f64>, whole: bool) -> Option<f64> {
    let is_between =
        |n: &f64| n.is_finite() && low.is_none_or(|low| *n > low) && high.is_none_or(|high| *n < high);
    let candidates: Vec<f64> = match (low, high) {
        (None, None) => vec![1.0],
        (Some(low), _) if whole => vec![low.floor() + 1.0, low.next_up()],
        (None, Some(high)) => vec![high.ceil() - 1.0, high.next_down()],
        (Some(low), None) => vec![low.floor() + 1.0, low.next_up()],
        (Some(low), Some(high)) => {
            let middle = low / 2.0 + high / 2.0;
            let rounded = (0..16).map(|places| {
                let shift = 10_f64.powi(places);
                (middle * shift).round() / shift
            });
            rounded.chain([middle, low.next_up()]).collect()
        }
    };
    candidates.into_iter().filter(|n| !whole || n.fract() == 0.0).find(is_between)
}

/// A number as JSON, without a fraction where it has none.
fn number_value(number: f64) -> Option<Value> {
    /// The greatest number below which each whole one can be told from the next.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        // It has no fraction and is small enough, so nothing is cut off.
        #[allow(clippy::cast_possible_truncation)]
        return Some(Value::from(number as i64));
    }
    Number::from_f64(number).map(Value::Number)
}

fn truths(only: &[String]) -> Vec<Point> {
    let is_taken = |truth: &bool| only.is_empty() || only.iter().any(|text| text.parse() == Ok(*truth));
    [true, false].into_iter().filter(is_taken).map(|truth| Point::new(truth.into())).collect()
}

/// `None` when versions are asked for and none was found between two of them.
fn texts(asks: &[&Ask], only: &[String]) -> Option<Vec<Point>> {
    if !only.is_empty() {
        return Some(only.iter().map(|text| Point::new(text.as_str().into())).collect());
    }
    let mut named: Vec<String> = Vec::new();
    let mut versions: Vec<String> = Vec::new();
    let mut spelled: Vec<String> = Vec::new();
    for ask in asks {
        match ask {
            Ask::Text(text) => named.push(text.clone()),
            Ask::Identical { value: Value::String(text), .. } => named.push(text.clone()),
            // A text is read as a number here: the number's own, and the same written otherwise.
            Ask::Number(number) => {
                let text =
                    number_value(*number).map(|n| script::text_of(&n).into_owned()).unwrap_or_default();
                named.extend([format!(" {text}"), text, String::new()]);
            }
            Ask::Truth(_) => named.push(String::new()),
            Ask::Among { members, .. } if members.is_insensitive() => {
                spelled.extend(members.named().0.iter().cloned());
            }
            Ask::Among { members, .. } => named.extend(members.named().0.iter().cloned()),
            Ask::Version { to, .. } => versions.push(to.clone()),
            _ => {}
        }
    }
    let versions = around(versions, asks)?;
    named.extend(versions.iter().map(|version| format!("v{version}")));
    named.extend(versions);
    for text in spelled {
        let other = other_spelling(&text, &named);
        named.extend(other);
        named.push(text);
    }
    let mut other = "other".to_owned();
    while named.contains(&other) {
        other.push('-');
    }
    let points = named.into_iter().map(|text| Point::new(text.into()));
    Some(points.chain([Point::told(other.into(), "anything else")]).collect())
}

/// The same word with letters of another case, in a way that nobody names.
fn other_spelling(text: &str, named: &[String]) -> Option<String> {
    let flipped = text.char_indices().map(|(at, letter)| {
        let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
        let rest = after.strip_prefix(letter).unwrap_or_default();
        format!("{before}{}{rest}", letter.to_uppercase())
    });
    let mut spellings = std::iter::once(text.to_uppercase()).chain(flipped);
    // What letters of other scripts become may be another word.
    spellings.find(|other| other != text && script::lower(other) == text && !named.contains(other))
}

/// Versions for those that are named: each, one between it and the next, and one beyond either end. `None` when there is
/// none to be found.
fn around(mut padded: Vec<String>, asks: &[&Ask]) -> Option<Vec<String>> {
    if padded.is_empty() {
        return Some(Vec::new());
    }
    padded.sort_by(|a, b| version::compare(a, b));
    padded.dedup();
    let mut found: Vec<(String, String)> = Vec::new();
    let mut add = |text: String| found.push((version::padded(&text.as_str().into()), text));
    for version in &padded {
        // What was padded reads as itself again, once the blanks and the mark of a release are gone.
        let text = version.replace(' ', "").replace('-', ".");
        let parts: Vec<&str> = text.strip_suffix(".~").unwrap_or(&text).split('.').collect();
        add(parts.join("."));
        for (place, part) in parts.iter().enumerate() {
            let Ok(number) = part.parse::<u64>() else { continue };
            let head = parts.get(..place).unwrap_or_default();
            let next = |number: u64| {
                let mut parts: Vec<String> = head.iter().map(|part| (*part).to_owned()).collect();
                parts.push(number.to_string());
                parts.resize(parts.len().max(3), "0".to_owned());
                parts.join(".")
            };
            add(next(number.saturating_add(1)));
            add(format!("{}-0", next(number.saturating_add(1))));
            number.checked_sub(1).map(next).into_iter().for_each(&mut add);
        }
        add(format!("{}-0", parts.join(".")));
        add(format!("{}.0", parts.join(".")));
    }
    let is_between = |low: Option<&String>, high: Option<&String>, text: &str| {
        low.is_none_or(|low| version::compare(low, text) == Ordering::Less)
            && high.is_none_or(|high| version::compare(text, high) == Ordering::Less)
    };
    let lows = std::iter::once(None).chain(padded.iter().map(Some));
    let highs = padded.iter().map(Some).chain([None]);
    let mut gaps = lows.zip(highs);
    let covered = gaps.all(|(low, high)| found.iter().any(|(padded, _)| is_between(low, high, padded)));
    let named = padded.iter().all(|version| found.iter().any(|(padded, _)| padded == version));
    let is_named = |text: &String| asks.iter().any(|ask| matches!(ask, Ask::Text(named) if named == text));
    let mut texts: Vec<String> = found.into_iter().map(|(_, text)| text).collect();
    texts.sort_by_key(is_named);
    (covered && named).then_some(texts)
}

/// Instants as long ago as the durations named, a moment longer, now, and to come.
fn dates(asks: &[&Ask], now: Timestamp) -> Vec<Point> {
    const DAY: SignedDuration = SignedDuration::from_hours(24);
    let mut ages: Vec<SignedDuration> = Vec::new();
    for ask in asks {
        if let Ask::Within(age) | Ask::OlderThan(age) = ask {
            ages.push(*age);
        }
    }
    ages.sort_unstable();
    ages.dedup();
    let mut points = Vec::new();
    let mut add = |age: SignedDuration, told: String| {
        let at = now.checked_sub(age).ok();
        let likely = age >= SignedDuration::ZERO;
        points.extend(at.map(|at| Point { likely, ..Point::told(at.to_string().into(), told) }));
    };
    add(SignedDuration::ZERO, "of this moment".to_owned());
    for age in ages {
        add(age, format!("{} ago", spell(age)));
        let longer = age.saturating_add(DAY);
        add(longer, format!("{} ago", spell(longer)));
        add(age.saturating_add(SignedDuration::from_millis(1)), format!("just over {} ago", spell(age)));
    }
    add(-DAY * 2, "two days from now".to_owned());
    // A date by its declaration, and of no moment by any test.
    points.push(Point::odd(json!("2001-02-03T04:05")));
    points
}

/// Days and instants as texts, where nothing asks how long ago they are.
fn days(asks: &[&Ask], only: &[String]) -> Vec<Point> {
    let points = texts(asks, only).unwrap_or_default();
    let is_date = |point: &Point| {
        let text = point.value.as_str().unwrap_or_default();
        text.parse::<Timestamp>().is_ok() || text.parse::<jiff::civil::Date>().is_ok()
    };
    let mut points: Vec<Point> = points.into_iter().filter(is_date).collect();
    if only.is_empty() {
        let other = (1..).map(|day| format!("2001-02-03T04:05:06.{day:06}Z"));
        let other =
            other.take(MAX_TRIED).find(|text| points.iter().all(|point| point.value != text.as_str()));
        points.extend(other.map(|other| Point::told(other.into(), "anything else")));
    }
    points
}

/// A length of time in words.
fn spell(length: SignedDuration) -> String {
    let millis = length.as_millis();
    let units =
        [(86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1_000, "second"), (1, "millisecond")];
    let (each, unit) = units.into_iter().find(|(each, _)| millis % each == 0).unwrap_or((1, "millisecond"));
    match millis / each {
        1 => format!("1 {unit}"),
        many => format!("{many} {unit}s"),
    }
}
