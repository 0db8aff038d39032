//! Splits worth trying: one attribute, two sides.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Number, Value};

use super::{Part, rounded};
use crate::words::SegmentId;

/// The most attributes of a group that are looked at.
const MAX_COLUMNS: usize = 200;
/// The most values that a text may take to be worth splitting by.
const MAX_VALUES: usize = 20;
/// The longest text, in bytes, that is a value and not prose.
const MAX_TEXT: usize = 60;
/// The share of a group that its smaller side must have.
const SMALLEST_SIDE: f64 = 0.05;
/// A split that explains less of a metric is as likely to be chance.
const LEAST_EXPLAINED: f64 = 0.01;
/// The most splits that are told of a group.
const MAX_SPLITS: usize = 5;

/// Splits of one group, best first; of each attribute the best alone.
#[derive(Clone, Debug, Serialize)]
pub struct Splits {
    /// The segment whose users they are.
    pub segment: SegmentId,
    /// How many there are.
    pub users: u64,
    /// The splits.
    pub splits: Vec<Split>,
}

/// One way to split a group in two.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Split {
    /// The condition of the new segment, as a segments file takes it.
    pub when: String,
    /// The attribute that it reads.
    pub path: String,
    /// Whether the attribute is declared; one that is not must be, before a condition may read it.
    pub declared: bool,
    /// Who would match, of the group.
    pub matches: Part,
    /// Who would stay.
    pub rest: Part,
    /// From 0 to 1: the share of the metric's variance that the split explains; without a metric, the share of the group
    /// that has the attribute, times how evenly the split parts those (1: in halves).
    pub score: f64,
    /// The metric's mean among those who would match.
    pub mean_of_matches: Option<f64>,
    /// The metric's mean among those who would stay.
    pub mean_of_rest: Option<f64>,
}

/// The users of one segment, and what is known of each attribute among them.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    pub(super) all: Moments,
    columns: BTreeMap<String, Column>,
}

/// How many users, and the sums that a mean and a variance need.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moments {
    pub(super) users: u64,
    pub(super) measured: u64,
    pub(super) sum: f64,
    squares: f64,
}

#[derive(Clone, Debug, Default)]
struct Column {
    declared: bool,
    present: u64,
    texts: BTreeMap<String, Moments>,
    /// Whether its texts are too many, or too long, to be split by.
    prose: bool,
    truths: [Moments; 2],
    numbers: Vec<(f64, Option<f64>)>,
}

impl Moments {
    fn add(&mut self, measured: Option<f64>) {
        self.users += 1;
        if let Some(number) = measured {
            self.measured += 1;
            self.sum += number;
            self.squares += number * number;
        }
    }

    fn without(self, other: Self) -> Self {
        Self {
            users: self.users.saturating_sub(other.users),
            measured: self.measured.saturating_sub(other.measured),
            sum: self.sum - other.sum,
            squares: self.squares - other.squares,
        }
    }

    fn mean(self) -> Option<f64> {
        (self.measured > 0).then(|| self.sum / self.measured as f64)
    }

    /// The sum of squared distances from the mean.
    fn spread(self) -> f64 {
        self.mean().map_or(0.0, |mean| (self.squares - self.sum * mean).max(0.0))
    }
}

impl Group {
    pub(super) fn add<'v>(
        &mut self,
        measured: Option<f64>,
        values: impl Iterator<Item = (String, bool, &'v Value)>,
    ) {
        self.all.add(measured);
        for (path, declared, value) in values {
            if self.columns.len() >= MAX_COLUMNS && !self.columns.contains_key(&path) {
                continue;
            }
            let column = self.columns.entry(path).or_default();
            column.declared = declared;
            column.add(value, measured);
        }
    }

    /// The splits worth trying.
    pub(super) fn splits(self, segment: SegmentId, by_metric: bool) -> Splits {
        let mut splits: Vec<Split> = self
            .columns
            .iter()
            .filter_map(|(path, column)| {
                let sides = column.sides().into_iter();
                let splits =
                    sides.filter_map(|(test, side)| split(path, column, &test, side, self.all, by_metric));
                splits.reduce(|best, next| if next.score > best.score { next } else { best })
            })
            .collect();
        splits.sort_by(|a, b| b.score.total_cmp(&a.score));
        splits.truncate(MAX_SPLITS);
        Splits { segment, users: self.all.users, splits }
    }
}

impl Column {
    fn add(&mut self, value: &Value, measured: Option<f64>) {
        self.present += 1;
        match value {
            Value::String(text) if !self.prose => {
                let known = self.texts.contains_key(text);
                if text.len() > MAX_TEXT || !known && self.texts.len() >= MAX_VALUES {
                    self.prose = true;
                    self.texts.clear();
                } else {
                    self.texts.entry(text.clone()).or_default().add(measured);
                }
            }
            Value::Bool(truth) => {
                let [no, yes] = &mut self.truths;
                (if *truth { yes } else { no }).add(measured);
            }
            Value::Number(number) => self.numbers.extend(number.as_f64().map(|number| (number, measured))),
            _ => {}
        }
    }

    /// Each test that would split by it, with who would match.
    fn sides(&self) -> Vec<(String, Moments)> {
        // What is another text for each user, such as a name, tells users from one another and groups nobody.
        let users: u64 = self.texts.values().map(|side| side.users).sum();
        let names = users > 2 && self.texts.len() as u64 == users;
        let texts = self
            .texts
            .iter()
            .filter(|_| !names)
            .map(|(text, side)| (format!("{{$in: [{}]}}", Value::from(text.as_str())), *side));
        let [_, yes] = self.truths;
        let truths = (yes.users > 0).then(|| ("true".to_owned(), yes));
        texts.chain(truths).chain(self.thresholds()).collect()
    }

    /// The quartiles. Where a quartile is the least value there is, as with numbers that are mostly zero, the next one.
    fn thresholds(&self) -> Vec<(String, Moments)> {
        let mut numbers = self.numbers.clone();
        numbers.sort_by(|a, b| a.0.total_cmp(&b.0));
        let Some((least, _)) = numbers.first().copied() else { return Vec::new() };
        let mut bounds: Vec<f64> = Vec::new();
        for quarter in 1..=3 {
            let quartile = numbers.get(numbers.len() * quarter / 4).map_or(least, |(number, _)| *number);
            let next = numbers.iter().map(|(number, _)| *number).find(|number| *number > least);
            let bound = if quartile > least { Some(quartile) } else { next };
            bounds.extend(bound.filter(|bound| !bounds.contains(bound)));
        }
        let sides = bounds.into_iter().filter_map(|bound| {
            let mut side = Moments::default();
            let above = numbers.iter().filter(|(number, _)| *number >= bound);
            above.for_each(|(_, measured)| side.add(*measured));
            Some((format!("{{$gte: {}}}", shown(bound)?), side))
        });
        sides.collect()
    }
}

/// A number as a person would write it.
fn shown(number: f64) -> Option<Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        return Some(Number::from(number as i64));
    }
    Number::from_f64(number)
}

fn split(
    path: &str,
    column: &Column,
    test: &str,
    side: Moments,
    all: Moments,
    by_metric: bool,
) -> Option<Split> {
    let rest = all.without(side);
    let smaller = side.users.min(rest.users);
    if smaller == 0 || (smaller as f64) < all.users as f64 * SMALLEST_SIDE {
        return None;
    }
    let score = if by_metric {
        let total = all.spread();
        if total <= 0.0 { 0.0 } else { (total - side.spread() - rest.spread()) / total }
    } else {
        let share = side.users as f64 / column.present as f64;
        column.present as f64 / all.users as f64 * evenness(share)
    };
    let score = rounded(score.clamp(0.0, 1.0));
    let mean = |side: Moments| side.mean().filter(|_| by_metric).map(rounded);
    let least = if by_metric { LEAST_EXPLAINED } else { f64::MIN_POSITIVE };
    (score >= least).then(|| Split {
        when: format!("{{{}: {test}}}", key(path)),
        path: path.to_owned(),
        declared: column.declared,
        matches: Part::of(side.users, all.users),
        rest: Part::of(rest.users, all.users),
        score,
        mean_of_matches: mean(side),
        mean_of_rest: mean(rest),
    })
}

/// The entropy of a split in two, in bits: 1 for halves, 0 where one side has all.
fn evenness(share: f64) -> f64 {
    let bits = |share: f64| if share <= 0.0 { 0.0 } else { -share * share.log2() };
    bits(share) + bits(1.0 - share)
}

/// A path as a key of a file: quoted where it is not plain.
fn key(path: &str) -> String {
    let plain = path.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if plain { path.to_owned() } else { Value::from(path).to_string() }
}
