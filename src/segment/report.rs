//! What segments do to a set of users: how many each takes, for whom it cannot be told, who overlaps with whom, what the
//! users' attributes are worth, and which splits are worth trying. Users are told of one by one; no user is kept.

mod split;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::attribute::USER_ID;
use super::{Class, Segments, Shaped, Type};
use crate::condition::{Scope, Truth, look_up};
use crate::words::SegmentId;

use split::Group;
pub use split::{Split, Splits};

/// The most undeclared attributes that are named.
const MAX_UNDECLARED: usize = 100;
/// The most attributes that are named as what left a segment unknown.
const MAX_MISSING: usize = 5;
/// The share of all users from which on a segment is worth splitting.
const WORTH_SPLITTING: f64 = 0.1;

/// One user of the sample.
#[derive(Clone, Copy, Debug)]
pub struct Sampled<'a> {
    /// The user's reference.
    pub id: Option<&'a str>,
    /// What is known of them.
    pub user: &'a Map<String, Value>,
    /// What is known of the moment.
    pub context: &'a Map<String, Value>,
    /// Whether they agreed to personalisation.
    pub consent: bool,
    /// The moment that ages and durations count from.
    pub at: Timestamp,
}

/// So many of the users, and their share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Part {
    /// How many.
    pub users: u64,
    /// From 0 to 1, to four places.
    pub share: f64,
}

impl Part {
    /// So many of so many; of nobody it is nothing.
    pub fn of(users: u64, all: u64) -> Self {
        let share = if all == 0 { 0.0 } else { users as f64 / all as f64 };
        Self { users, share: rounded(share) }
    }
}

/// To four places.
fn rounded(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}

/// What segments do to a set of users.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// How many users there are.
    pub users: u64,
    /// Those who did not agree to personalisation: nothing of them is read but the moment.
    pub without_consent: Part,
    /// Every segment in order, the default last.
    pub segments: Vec<Size>,
    /// Who belongs to several.
    pub overlap: Overlap,
    /// The declared attributes that segments read.
    pub attributes: Vec<Coverage>,
    /// What users have and the file does not declare.
    pub undeclared: Vec<Undeclared>,
    /// Segments that ask for the product's facts: without a product those are unknown here.
    pub reads_product: Vec<SegmentId>,
    /// What splits are measured by, when that was asked for.
    pub metric: Option<Metric>,
    /// Splits worth trying, for each group that is large enough.
    pub splits: Vec<Splits>,
}

/// One segment's share of the users.
#[derive(Clone, Debug, Serialize)]
pub struct Size {
    /// The segment.
    pub segment: SegmentId,
    /// What people call it.
    pub name: String,
    /// Who gets it: the first that matches.
    pub chosen: Part,
    /// Whom it matches at all, also where an earlier one wins.
    pub matches: Part,
    /// For whom it cannot be told. For the default: those in it for whom some segment cannot be told, who may belong there.
    pub unknown: Part,
    /// The attributes that left it unknown, most often first.
    pub missing: Vec<Missing>,
}

/// An attribute whose absence left a segment unknown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Missing {
    /// Its path.
    pub path: String,
    /// For so many.
    #[serde(flatten)]
    pub part: Part,
}

/// Who belongs to several segments.
#[derive(Clone, Debug, Serialize)]
pub struct Overlap {
    /// The segments, in order.
    pub segments: Vec<SegmentId>,
    /// How many users both match, by the places of the two; in the diagonal, how many one matches.
    pub both: Vec<Vec<u64>>,
    /// Who takes users from whom, most first.
    pub taken: Vec<Taken>,
}

/// Users whom one segment matches and an earlier one gets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Taken {
    /// The one that gets them.
    pub by: SegmentId,
    /// The one that matches them too.
    pub from: SegmentId,
    /// How many.
    pub users: u64,
}

/// What a declared attribute is worth among these users.
#[derive(Clone, Debug, Serialize)]
pub struct Coverage {
    /// Its path.
    pub path: String,
    /// Its declared type, as files write it.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The segments that read it.
    pub read_by: Vec<SegmentId>,
    /// Who has it.
    pub present: Part,
    /// Whose value is taken.
    pub usable: Part,
    /// Whose value is of another type.
    pub wrong_type: Part,
    /// Whose value is not one of those declared.
    pub out_of_values: Part,
    /// Whose value is too old.
    pub stale: Part,
    /// Whose value's date is in the future, or none.
    pub misdated: Part,
    /// How many values are of which type.
    pub types: BTreeMap<&'static str, u64>,
}

/// An attribute that users have and nobody declared: no condition and no template can read it.
#[derive(Clone, Debug, Serialize)]
pub struct Undeclared {
    /// Its path.
    pub path: String,
    /// Who has it.
    pub present: Part,
    /// The type that fits its values; none where they are of several.
    #[serde(rename = "type")]
    pub kind: Option<&'static str>,
    /// How many values are of which type.
    pub types: BTreeMap<&'static str, u64>,
}

/// The number that splits are measured by.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metric {
    /// Its path.
    pub path: String,
    /// Who has it.
    pub present: Part,
    /// The mean over those.
    pub mean: Option<f64>,
}

/// A report in the making: users are told of one by one.
#[derive(Debug)]
pub struct Tally<'s> {
    segments: &'s Segments,
    metric: Option<String>,
    users: u64,
    without_consent: u64,
    /// For each segment in order, then the default.
    counts: Vec<Count>,
    both: Vec<Vec<u64>>,
    /// By the places of the one that takes and the one taken from.
    taken: BTreeMap<(usize, usize), u64>,
    coverage: Vec<Coverage>,
    undeclared: BTreeMap<String, BTreeMap<&'static str, u64>>,
    /// For each segment in order, then the default.
    groups: Vec<Group>,
}

#[derive(Clone, Debug, Default)]
struct Count {
    chosen: u64,
    matches: u64,
    unknown: u64,
    missing: BTreeMap<String, u64>,
}

impl Count {
    fn lacks(&mut self, path: &str) {
        match self.missing.get_mut(path) {
            Some(count) => *count += 1,
            None => {
                self.missing.insert(path.to_owned(), 1);
            }
        }
    }
}

impl<'s> Tally<'s> {
    /// Of no user yet. `metric` is the path of the number that splits are measured by, such as `user.spend`.
    pub fn new(segments: &'s Segments, metric: Option<&str>) -> Self {
        let many = segments.segments.len();
        Self {
            segments,
            metric: metric.map(str::to_owned),
            users: 0,
            without_consent: 0,
            counts: vec![Count::default(); many + 1],
            both: vec![vec![0; many]; many],
            taken: BTreeMap::new(),
            coverage: coverage(segments),
            undeclared: BTreeMap::new(),
            groups: vec![Group::default(); many + 1],
        }
    }

    /// Counts a user, and answers what is kept of their attributes and which segment gets them.
    pub fn add(&mut self, sampled: &Sampled<'_>) -> (Shaped, SegmentId) {
        self.users += 1;
        self.without_consent += u64::from(!sampled.consent);
        let mut shaped = self.segments.attributes.shape(sampled.user, sampled.context, sampled.at);
        match sampled.id.filter(|_| sampled.consent) {
            Some(id) => self.segments.attributes.identify(&mut shaped, id),
            None if !sampled.consent => self.segments.attributes.withhold(&mut shaped),
            None => {}
        }
        self.cover(sampled, &shaped);
        let chosen = self.ask(sampled, &shaped);
        let values = self.values(sampled, &shaped);
        let measured = self.metric.as_deref().and_then(|path| number(path, sampled, &shaped));
        if let Some(group) = self.groups.get_mut(chosen) {
            group.add(measured, values.into_iter());
        }
        let segment = self.segments.id_of(Some(chosen));
        (shaped, segment)
    }

    /// Asks every segment; answers the place of the one chosen, the default's being the last.
    fn ask(&mut self, sampled: &Sampled<'_>, shaped: &Shaped) -> usize {
        let nothing = Map::new();
        let user = sampled.consent.then_some(&shaped.user);
        let scope = Scope::new(user, &shaped.context, &nothing, sampled.at).dated(&shaped.dates);
        let asked = self.segments.rules.ask(&scope);
        let many = self.segments.segments.len();
        let (mut matching, mut wanting) = (Vec::new(), Vec::new());
        for (index, count) in self.counts.iter_mut().enumerate().take(many) {
            match asked.truth(index) {
                Truth::True => {
                    count.matches += 1;
                    matching.push(index);
                }
                Truth::False => {}
                Truth::Unknown => {
                    count.unknown += 1;
                    for path in asked.unknown(index).1 {
                        count.lacks(path);
                        if !wanting.contains(&path) {
                            wanting.push(path);
                        }
                    }
                }
            }
        }
        for first in &matching {
            for second in &matching {
                if let Some(both) = self.both.get_mut(*first).and_then(|row| row.get_mut(*second)) {
                    *both += 1;
                }
            }
        }
        let chosen = matching.first().copied().unwrap_or(many);
        for later in matching.iter().skip(1) {
            *self.taken.entry((chosen, *later)).or_default() += 1;
        }
        if let Some(count) = self.counts.get_mut(chosen) {
            count.chosen += 1;
            if chosen == many {
                count.matches += 1;
                count.unknown += u64::from(!wanting.is_empty());
                for path in wanting {
                    count.lacks(path);
                }
            }
        }
        chosen
    }

    /// What the user's attributes are worth. Consent changes nothing here: it is the file that is looked at.
    fn cover(&mut self, sampled: &Sampled<'_>, shaped: &Shaped) {
        for row in &mut self.coverage {
            let Some((root, name)) = row.path.split_once('.') else { continue };
            let (given, kept) = match root {
                "user" => (sampled.user, &shaped.user),
                _ => (sampled.context, &shaped.context),
            };
            let referred = sampled.id.is_some() && row.path == USER_ID;
            let Some(value) = look_up(given, name) else {
                row.present.users += u64::from(referred);
                row.usable.users += u64::from(referred);
                continue;
            };
            row.present.users += 1;
            *row.types.entry(type_of(inner(value))).or_default() += 1;
            if look_up(kept, name).is_some() {
                row.usable.users += 1;
                continue;
            }
            let why = shaped.ignored.iter().find_map(|why| why.strip_prefix(&row.path)?.strip_prefix(": "));
            match why.unwrap_or_default() {
                "not one of its declared values" => row.out_of_values.users += 1,
                "older than its `max_age`" => row.stale.users += 1,
                why if why.starts_with("not ") => row.wrong_type.users += 1,
                _ => row.misdated.users += 1,
            }
        }
        for (path, value) in self.undeclared_of(sampled) {
            if self.undeclared.len() < MAX_UNDECLARED || self.undeclared.contains_key(&path) {
                let types = self.undeclared.entry(path).or_default();
                *types.entry(type_of(inner(value))).or_default() += 1;
            }
        }
    }

    fn undeclared_of<'v>(&self, sampled: &Sampled<'v>) -> Vec<(String, &'v Value)> {
        let attributes = &self.segments.attributes;
        let of = |root: &'static str, map: &'v Map<String, Value>| {
            let foreign =
                map.iter().filter(move |(key, value)| !value.is_null() && !attributes.declares(root, key));
            foreign.map(move |(key, value)| (format!("{root}.{key}"), value))
        };
        of("user", sampled.user).chain(of("context", sampled.context)).collect()
    }

    /// The values that a split may go by: of the user's only what they let be read, and nothing that says who they are.
    fn values<'v>(&self, sampled: &Sampled<'v>, shaped: &'v Shaped) -> Vec<(String, bool, &'v Value)> {
        let split_by = |path: &str| {
            self.metric.as_deref() != Some(path) && (sampled.consent || !path.starts_with("user."))
        };
        let declared = self.segments.attributes.iter().filter(|declared| {
            !matches!(declared.class, Class::Personal | Class::Special) && split_by(&declared.path)
        });
        let declared = declared.filter_map(|declared| {
            let (root, name) = declared.path.split_once('.')?;
            let kept = match root {
                "user" => &shaped.user,
                "context" => &shaped.context,
                _ => return None,
            };
            Some((declared.path.clone(), true, look_up(kept, name)?))
        });
        let undeclared = self.undeclared_of(sampled).into_iter().filter(|(path, _)| split_by(path));
        declared.chain(undeclared.map(|(path, value)| (path, false, inner(value)))).collect()
    }

    /// The report of all users told of.
    pub fn report(self) -> Report {
        let users = self.users;
        let ids: Vec<SegmentId> = self.segments.iter().map(|segment| segment.id.clone()).collect();
        let id = |index: usize| self.segments.id_of(Some(index));
        let names = self.segments.iter().map(|segment| segment.name.clone());
        let names = names.chain([String::from("Everybody else")]);
        let sizes = self.counts.iter().zip(names).enumerate().map(|(index, (count, name))| {
            let mut missing: Vec<Missing> =
                count.missing.iter().map(|(p, n)| missing(p, *n, users)).collect();
            missing.sort_by_key(|missing| std::cmp::Reverse(missing.part.users));
            missing.truncate(MAX_MISSING);
            Size {
                segment: id(index),
                name,
                chosen: Part::of(count.chosen, users),
                matches: Part::of(count.matches, users),
                unknown: Part::of(count.unknown, users),
                missing,
            }
        });
        let segments: Vec<Size> = sizes.collect();
        let taken = self.taken.iter().map(|((by, from), users)| (id(*by), id(*from), *users));
        let mut taken: Vec<Taken> = taken.map(|(by, from, users)| Taken { by, from, users }).collect();
        taken.sort_by_key(|taken| std::cmp::Reverse(taken.users));
        let finish = |part: &mut Part| *part = Part::of(part.users, users);
        let mut attributes = self.coverage;
        for row in &mut attributes {
            let parts = [&mut row.present, &mut row.usable, &mut row.wrong_type];
            parts
                .into_iter()
                .chain([&mut row.out_of_values, &mut row.stale, &mut row.misdated])
                .for_each(finish);
        }
        let undeclared = self.undeclared.into_iter().map(|(path, types)| Undeclared {
            path,
            present: Part::of(types.values().sum(), users),
            kind: fitting(&types),
            types,
        });
        let metric = self.metric.map(|path| {
            let (measured, sum) = self.groups.iter().fold((0, 0.0), |(measured, sum), group| {
                (measured + group.all.measured, sum + group.all.sum)
            });
            let mean = (measured > 0).then(|| rounded(sum / measured as f64));
            Metric { path, present: Part::of(measured, users), mean }
        });
        let worth = |index: usize, group: &Group| {
            let share = Part::of(group.all.users, users).share;
            index == ids.len() || share >= WORTH_SPLITTING
        };
        let splits = self.groups.into_iter().enumerate().filter(|(index, group)| worth(*index, group));
        let splits = splits.map(|(index, group)| group.splits(id(index), metric.is_some()));
        let reads_product = ids
            .iter()
            .filter(|id| self.segments.reads(id.as_str()).iter().any(|path| path.starts_with("product.")));
        Report {
            users,
            without_consent: Part::of(self.without_consent, users),
            segments,
            attributes,
            undeclared: undeclared.collect(),
            reads_product: reads_product.cloned().collect(),
            splits: splits.filter(|splits| !splits.splits.is_empty()).collect(),
            metric,
            overlap: Overlap { segments: ids, both: self.both, taken },
        }
    }
}

fn missing(path: &str, users: u64, all: u64) -> Missing {
    Missing { path: path.to_owned(), part: Part::of(users, all) }
}

/// A row for each declared attribute of the user and the moment that a segment reads, in the order declared.
fn coverage(segments: &Segments) -> Vec<Coverage> {
    let mut readers: BTreeMap<&str, Vec<SegmentId>> = BTreeMap::new();
    for segment in segments.iter() {
        for path in segments.reads(segment.id.as_str()) {
            let Some(declared) = segments.attributes.find(path) else { continue };
            let readers = readers.entry(&declared.path).or_default();
            if !readers.contains(&segment.id) {
                readers.push(segment.id.clone());
            }
        }
    }
    let declared = segments.attributes.iter().filter(|declared| !declared.path.starts_with("product."));
    let rows = declared.filter_map(|declared| {
        let read_by = readers.remove(declared.path.as_str())?;
        Some(Coverage {
            path: declared.path.clone(),
            kind: word(declared.kind),
            read_by,
            present: Part::default(),
            usable: Part::default(),
            wrong_type: Part::default(),
            out_of_values: Part::default(),
            stale: Part::default(),
            misdated: Part::default(),
            types: BTreeMap::new(),
        })
    });
    rows.collect()
}

fn number(path: &str, sampled: &Sampled<'_>, shaped: &Shaped) -> Option<f64> {
    let (root, name) = path.split_once('.')?;
    let find = |kept: &Map<String, Value>, given: &Map<String, Value>| {
        let kept = look_up(kept, name).and_then(Value::as_f64);
        kept.or_else(|| look_up(given, name).map(inner).and_then(Value::as_f64))
    };
    match root {
        "user" => find(&shaped.user, sampled.user).filter(|_| sampled.consent),
        "context" => find(&shaped.context, sampled.context),
        _ => None,
    }
}

/// The value of one that came with a date.
fn inner(value: &Value) -> &Value {
    value.as_object().and_then(|map| map.get("value")).unwrap_or(value)
}

/// The type that a value would be declared with.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => word(Type::Boolean),
        Value::Number(_) if Type::Integer.holds(value) => word(Type::Integer),
        Value::Number(_) => word(Type::Number),
        Value::String(text) if text.len() >= 10 && Type::Date.holds(value) => word(Type::Date),
        Value::String(_) => word(Type::String),
        Value::Array(_) => word(Type::List),
        Value::Object(_) => word(Type::Map),
    }
}

/// The type that fits all of these.
fn fitting(types: &BTreeMap<&'static str, u64>) -> Option<&'static str> {
    match types.keys().copied().collect::<Vec<_>>().as_slice() {
        [one] => Some(one),
        ["integer", "number"] => Some("number"),
        ["date", "string"] => Some("string"),
        _ => None,
    }
}

/// A type as files write it.
fn word(kind: Type) -> &'static str {
    match kind {
        Type::String => "string",
        Type::Integer => "integer",
        Type::Number => "number",
        Type::Boolean => "boolean",
        Type::List => "list",
        Type::Map => "map",
        Type::Date => "date",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FILE: &str = "attributes:\n  user.orders: {type: integer, max_age: 30d}\n  \
        user.tier: {type: string, values: [gold, silver]}\n  user.name: {type: string, class: personal}\n  \
        context.device: {type: string}\nsegments:\n  - {id: buyers, when: {user.orders: {$gte: 2}}}\n  \
        - {id: gold, when: {user.tier: gold}}\n  - {id: mobile, when: {context.device: mobile}}\n";

    /// A dozen: what is known of each, of the moment, and whether they agreed.
    fn dozen() -> Vec<(Value, Value, bool)> {
        let (mobile, desktop, none) = (json!({"device": "mobile"}), json!({"device": "desktop"}), json!({}));
        let old = json!({"value": 7, "at": "2026-01-01T00:00:00Z"});
        vec![
            (json!({"orders": 5, "tier": "gold", "spend": 100, "name": "A"}), mobile.clone(), true),
            (json!({"orders": 3, "tier": "silver", "spend": 80, "name": "B"}), none.clone(), true),
            (json!({"orders": 2, "spend": 90, "name": "B"}), none.clone(), true),
            (json!({"orders": 1, "tier": "gold", "spend": 60}), none.clone(), true),
            (json!({"orders": 0, "tier": "gold", "spend": 50}), mobile.clone(), true),
            (json!({"orders": "many", "tier": "gold", "spend": 40}), none.clone(), true),
            (json!({"orders": 0, "tier": "bronze", "spend": 20}), none, true),
            (json!({"orders": null, "spend": 10}), mobile, true),
            (json!({"orders": 0, "tier": "silver", "plan": "a", "spend": 10}), desktop.clone(), true),
            (json!({"orders": 4, "tier": "gold", "spend": 100}), desktop.clone(), false),
            (json!({"orders": old, "tier": "silver", "spend": 10}), desktop.clone(), true),
            (json!({"orders": 0, "tier": "silver", "plan": 5, "spend": 10}), desktop, true),
        ]
    }

    fn report(metric: Option<&str>) -> Report {
        let segments = crate::segment::load("s.yml", FILE).0.unwrap();
        let mut tally = Tally::new(&segments, metric);
        for (user, context, consent) in dozen() {
            let (user, context) = (user.as_object().unwrap(), context.as_object().unwrap());
            let at = "2026-11-22T00:00:00Z".parse().unwrap();
            tally.add(&Sampled { id: None, user, context, consent, at });
        }
        tally.report()
    }

    fn ids(ids: &[SegmentId]) -> Vec<&str> {
        ids.iter().map(SegmentId::as_str).collect()
    }

    #[test]
    fn sizes_matches_and_unknowns() {
        let report = report(None);
        assert_eq!((report.users, report.without_consent), (12, Part { users: 1, share: 0.0833 }));
        let sizes = report
            .segments
            .iter()
            .map(|size| (size.segment.as_str(), size.chosen.users, size.matches.users, size.unknown.users));
        let sizes: Vec<_> = sizes.collect();
        assert_eq!(
            sizes,
            [("buyers", 3, 3, 4), ("gold", 3, 4, 4), ("mobile", 1, 3, 5), ("default", 5, 5, 3)]
        );
        let shares: Vec<f64> = report.segments.iter().map(|size| size.chosen.share).collect();
        assert_eq!(shares, [0.25, 0.25, 0.0833, 0.4167]);
        let missing = |index: usize| {
            let missing = report.segments[index].missing.iter();
            missing.map(|missing| (missing.path.as_str(), missing.part.users)).collect::<Vec<_>>()
        };
        assert_eq!(missing(0), [("user.orders", 4)]);
        assert_eq!(missing(2), [("context.device", 5)]);
        assert_eq!(missing(3), [("user.orders", 2), ("user.tier", 2), ("context.device", 1)]);
    }

    #[test]
    fn who_overlaps_and_who_takes_whom() {
        let Overlap { segments, both, taken } = report(None).overlap;
        assert_eq!(ids(&segments), ["buyers", "gold", "mobile"]);
        assert_eq!(both, [[3, 1, 1], [1, 4, 2], [1, 2, 3]]);
        let taken: Vec<_> = taken.iter().map(|t| (t.by.as_str(), t.from.as_str(), t.users)).collect();
        assert_eq!(taken, [("buyers", "gold", 1), ("buyers", "mobile", 1), ("gold", "mobile", 1)]);
    }

    #[test]
    fn what_attributes_are_worth() {
        let report = report(None);
        let rows = report.attributes.iter().map(|row| {
            let faulty = [row.wrong_type, row.out_of_values, row.stale, row.misdated].map(|part| part.users);
            (row.path.as_str(), row.kind, row.present.users, row.usable.users, faulty)
        });
        let rows: Vec<_> = rows.collect();
        assert_eq!(
            rows,
            [
                ("user.orders", "integer", 11, 9, [1, 0, 1, 0]),
                ("user.tier", "string", 10, 9, [0, 1, 0, 0]),
                ("context.device", "string", 7, 7, [0, 0, 0, 0]),
            ],
            "what no segment reads is left out"
        );
        assert_eq!(ids(&report.attributes[0].read_by), ["buyers"]);
        assert_eq!(report.attributes[0].types, BTreeMap::from([("integer", 10), ("string", 1)]));
        let undeclared: Vec<_> =
            report.undeclared.iter().map(|row| (row.path.as_str(), row.present.users, row.kind)).collect();
        assert_eq!(undeclared, [("user.plan", 2, None), ("user.spend", 12, Some("integer"))]);
    }

    /// Condition, users on either side, score.
    type Told<'r> = (&'r str, u64, u64, f64);

    /// Each group with its splits.
    fn splits(report: &Report) -> Vec<(&str, Vec<Told<'_>>)> {
        report
            .splits
            .iter()
            .map(|group| {
                let splits = group.splits.iter();
                let splits = splits.map(|s| (s.when.as_str(), s.matches.users, s.rest.users, s.score));
                (group.segment.as_str(), splits.collect())
            })
            .collect()
    }

    #[test]
    fn splits_explain_the_metric() {
        let report = report(Some("user.spend"));
        // The one without consent is not measured: 480 over 11.
        let metric = report.metric.clone().unwrap();
        assert_eq!((metric.present.users, metric.mean), (11, Some(43.6364)));
        assert_eq!(
            splits(&report),
            [
                (
                    "buyers",
                    vec![
                        (r#"{context.device: {$in: ["mobile"]}}"#, 1, 2, 0.75),
                        ("{user.orders: {$gte: 5}}", 1, 2, 0.75),
                        (r#"{user.tier: {$in: ["gold"]}}"#, 1, 2, 0.75),
                    ]
                ),
                ("gold", vec![("{user.orders: {$gte: 1}}", 1, 2, 0.75)]),
                (
                    "default",
                    vec![
                        (r#"{context.device: {$in: ["desktop"]}}"#, 4, 1, 1.0),
                        (r#"{user.tier: {$in: ["silver"]}}"#, 3, 2, 1.0),
                        (r#"{user.plan: {$in: ["a"]}}"#, 1, 4, 0.1111),
                    ]
                ),
            ],
            "mobile is too small to be split, and nothing goes by a name"
        );
        let split = &report.splits[1].splits[0];
        assert_eq!((split.mean_of_matches, split.mean_of_rest), (Some(60.0), Some(45.0)));
        let declared: Vec<bool> = report.splits[2].splits.iter().map(|split| split.declared).collect();
        assert_eq!(declared, [true, true, false]);
    }

    #[test]
    fn without_a_metric_splits_go_by_coverage_and_evenness() {
        let report = report(None);
        let splits = splits(&report);
        // Two of three: 0.9183 bits. Of the tiers two are known, and each is one's: two thirds of one bit.
        assert_eq!(
            splits[0],
            (
                "buyers",
                vec![
                    ("{user.orders: {$gte: 3}}", 2, 1, 0.9183),
                    ("{user.spend: {$gte: 90}}", 2, 1, 0.9183),
                    (r#"{user.tier: {$in: ["gold"]}}"#, 1, 2, 0.6667),
                ]
            )
        );
        assert!(report.metric.is_none() && report.splits[0].splits[0].mean_of_matches.is_none());
    }

    #[test]
    fn a_split_can_be_pasted() {
        let key = r#"odd: "key"}"#;
        let values = ["plain", "with \"quotes\" and: colons", "new\nline", "ünï"];
        let segments = crate::segment::load("s.yml", "segments: []").0.unwrap();
        let mut tally = Tally::new(&segments, None);
        let at = Timestamp::UNIX_EPOCH;
        // Every value twice: what is another for each user is no value to split by.
        for (index, value) in values.iter().chain(&values).enumerate() {
            let user = json!({key: value, "email": format!("{index}@example.com"), "n": index as f64 / 4.0, "b": index > 1});
            tally.add(&Sampled {
                id: None,
                user: user.as_object().unwrap(),
                context: &Map::new(),
                consent: true,
                at,
            });
        }
        let report = tally.report();
        let splits = &report.splits[0].splits;
        assert_eq!(splits.len(), 3);
        for split in splits {
            let declared = format!("attributes: {{{}: {{type: list}}}}", Value::from(split.path.as_str()));
            let text = format!("{declared}\nsegments: [{{id: a, when: {}}}]\n", split.when);
            let (loaded, faults) = crate::segment::load("s.yml", &text);
            assert!(loaded.is_some(), "{text}: {faults:?}");
        }
    }

    #[test]
    fn what_asks_for_the_product_is_named() {
        let file = "segments:\n  - {id: dear, when: {product.price: {$gte: 100}}}\n  - {id: all, when: {}}\n";
        let segments = crate::segment::load("s.yml", file).0.unwrap();
        let mut tally = Tally::new(&segments, None);
        let (user, context) = (&Map::new(), &Map::new());
        let (_, chosen) =
            tally.add(&Sampled { id: None, user, context, consent: true, at: Timestamp::UNIX_EPOCH });
        let report = tally.report();
        assert_eq!((chosen.as_str(), ids(&report.reads_product)), ("all", vec!["dear"]));
        assert_eq!(
            (report.segments[0].unknown.users, report.segments[0].missing[0].path.as_str()),
            (1, "product.price")
        );
    }

    #[test]
    fn a_reference_is_an_attribute_where_the_file_declares_it() {
        let file = "attributes: {user.id: {type: string, class: personal}}\ngroups: {staff: [u-1]}\n\
            segments: [{id: staff, when: {user.id: {$inGroup: staff}}}]\n";
        let segments = crate::segment::load("s.yml", file).0.unwrap();
        let mut tally = Tally::new(&segments, None);
        for (id, consent) in [(Some("u-1"), true), (Some("u-1"), false), (Some("u-2"), true), (None, true)] {
            let (user, context) = (&Map::new(), &Map::new());
            tally.add(&Sampled { id, user, context, consent, at: Timestamp::UNIX_EPOCH });
        }
        let report = tally.report();
        assert_eq!((report.segments[0].chosen.users, report.segments[0].unknown.users), (1, 2));
        assert_eq!((report.attributes[0].present.users, report.attributes[0].usable.users), (3, 3));
    }

    #[test]
    fn of_nobody_there_is_nothing_to_say() {
        let segments = crate::segment::load("s.yml", FILE).0.unwrap();
        let report = Tally::new(&segments, Some("user.spend")).report();
        assert_eq!((report.users, report.splits.len(), report.segments[0].chosen), (0, 0, Part::default()));
        assert_eq!(report.metric.unwrap().mean, None);
    }
}
