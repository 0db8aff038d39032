//! The operators, each as a question about one value that is there.
//!
//! Source of the meanings: GrowthBook's documentation of targeting conditions and the behaviour of its JavaScript library,
//! whose conversions between kinds of values are in `script`.

use std::cmp::Ordering;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use regex::Regex;
use serde_json::Value;

use super::scope::Scope;
use super::{Rules, Truth, pattern, script, version};

/// What a test asks of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// A bare value: the same, texts and numbers read as one another.
    Is,
    /// `$eq`: the same value of the same kind.
    Eq,
    /// `$ne`: another value.
    Ne,
    /// `$in`: one of the values listed; for a list, any of its items.
    In,
    /// `$nin`: none of the values listed.
    Nin,
    /// `$ini`: `$in` whatever the case of letters.
    Ini,
    /// `$nini`: `$nin` whatever the case of letters.
    Nini,
    /// `$inGroup`: a member of the group.
    InGroup,
    /// `$notInGroup`: no member of the group.
    NotInGroup,
    /// `$all`: a list that holds all of these.
    All,
    /// `$alli`: `$all` whatever the case of letters.
    Alli,
    /// `$elemMatch`: a list with an item of which this holds.
    ElemMatch,
    /// `$size`: a list of this length.
    Size,
    /// `$gt`: greater.
    Gt,
    /// `$gte`: greater or the same.
    Gte,
    /// `$lt`: less.
    Lt,
    /// `$lte`: less or the same.
    Lte,
    /// `$exists`: there at all. Never unknown where it may be read.
    Exists,
    /// `$type`: of this kind: string, number, boolean, object, array, null.
    Type,
    /// `$regex`: a text with this pattern in it.
    Regex,
    /// `$regexi`: `$regex` whatever the case of letters.
    Regexi,
    /// `$notRegex`: a text without this pattern.
    NotRegex,
    /// `$notRegexi`: `$notRegex` whatever the case of letters.
    NotRegexi,
    /// `$veq`: the same version.
    Veq,
    /// `$vne`: another version.
    Vne,
    /// `$vgt`: a later version.
    Vgt,
    /// `$vgte`: this version or a later one.
    Vgte,
    /// `$vlt`: an earlier version.
    Vlt,
    /// `$vlte`: this version or an earlier one.
    Vlte,
    /// `$not`, inside of what is asked of an item.
    Not,
    /// `$within`: a date no longer ago than this.
    Within,
    /// `$olderThan`: a date longer ago than this.
    OlderThan,
    /// `$fresh`: measured no longer ago than this; what was not is as good as missing.
    Fresh,
    /// An operator that nobody knows: it never holds.
    Unheard,
}

/// Every operator that a file may name, but for `$not`, which turns a test around.
pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("$eq", Operator::Eq),
    ("$ne", Operator::Ne),
    ("$in", Operator::In),
    ("$nin", Operator::Nin),
    ("$ini", Operator::Ini),
    ("$nini", Operator::Nini),
    ("$inGroup", Operator::InGroup),
    ("$notInGroup", Operator::NotInGroup),
    ("$all", Operator::All),
    ("$alli", Operator::Alli),
    ("$elemMatch", Operator::ElemMatch),
    ("$size", Operator::Size),
    ("$gt", Operator::Gt),
    ("$gte", Operator::Gte),
    ("$lt", Operator::Lt),
    ("$lte", Operator::Lte),
    ("$exists", Operator::Exists),
    ("$type", Operator::Type),
    ("$regex", Operator::Regex),
    ("$regexi", Operator::Regexi),
    ("$notRegex", Operator::NotRegex),
    ("$notRegexi", Operator::NotRegexi),
    ("$veq", Operator::Veq),
    ("$vne", Operator::Vne),
    ("$vgt", Operator::Vgt),
    ("$vgte", Operator::Vgte),
    ("$vlt", Operator::Vlt),
    ("$vlte", Operator::Vlte),
];

/// The operators that GrowthBook does not have.
pub(super) const OURS: &[(&str, Operator)] =
    &[("$within", Operator::Within), ("$olderThan", Operator::OlderThan), ("$fresh", Operator::Fresh)];

/// The kinds that `$type` knows.
pub(super) const KINDS: &[&str] = &["string", "number", "boolean", "object", "array", "null"];

impl Operator {
    /// The name as written, such as `$gte`; `$eq` for a bare value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Is => "$eq",
            Self::Not => "$not",
            Self::Unheard => "$unknown",
            _ => {
                let known = OPERATORS.iter().chain(OURS).find(|(_, operator)| *operator == self);
                known.map_or("$eq", |(name, _)| name)
            }
        }
    }
}

/// The moment that durations count from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: Timestamp,
}

impl Moment {
    /// How long ago something was; negative for what is to come.
    pub(super) fn age(&self, at: Timestamp) -> SignedDuration {
        self.now.duration_since(at)
    }

    /// The instant that a text names. A day begins with its first moment in UTC; where it is today already, somewhere to
    /// the east, it has begun here too.
    pub(super) fn date_of(&self, value: &Value) -> Option<Timestamp> {
        const EASTERNMOST: SignedDuration = SignedDuration::from_hours(14);
        let text = value.as_str()?;
        if text.len() != 10 {
            return text.parse().ok();
        }
        let day = text.parse::<jiff::civil::Date>().ok()?;
        let begins = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
        let ahead = begins.duration_since(self.now);
        Some(if ahead > SignedDuration::ZERO && ahead <= EASTERNMOST { self.now } else { begins })
    }
}

/// One question about a value that is there, its answer prepared as far as it can be.
#[derive(Clone, Debug)]
pub(super) enum Ask {
    /// A bare text: the value as a text is this one.
    Text(String),
    /// The same, in small letters.
    TextInsensitive(String),
    /// A bare number: the value as a number is this one.
    Number(f64),
    /// A bare truth value: whether the value counts as true.
    Truth(bool),
    /// A bare null.
    Null,
    /// A bare list or object, as JSON.
    Json(String),
    /// `$eq`, and `$ne` turned around.
    Identical { value: Value, negated: bool },
    /// `$gt` and its kin: the orders that will do.
    Compared { to: Value, allowed: &'static [Ordering] },
    /// `$veq` and its kin, the version padded.
    Version { to: String, allowed: &'static [Ordering] },
    /// `$in` and its kin.
    Among { members: Arc<Members>, negated: bool },
    /// `$all`: each of these is asked of every item until one will do.
    All(Vec<Asks>),
    /// `$all` of plain texts, in order: every one of them is some item's text.
    AllTexts { texts: Vec<String>, insensitive: bool },
    /// `$size`: asked of the length.
    Size(Asks),
    /// `$elemMatch` with operators: asked of the items.
    Item(Asks),
    /// `$elemMatch` with a condition: asked of items as objects.
    ItemWhere(Box<Rules>),
    /// `$not` within what is asked of an item.
    Not(Asks),
    /// `$exists`.
    Exists(bool),
    /// `$type`.
    Type(String),
    /// `$regex` and its kin.
    Pattern { pattern: Regex, negated: bool },
    /// `$within`.
    Within(SignedDuration),
    /// `$olderThan`.
    OlderThan(SignedDuration),
    /// `$fresh`: what is too old does not get as far as this.
    Always,
    /// What can never hold: an unknown operator, a list where none is.
    Never,
}

/// Several questions about one value, all of which must hold.
pub(super) type Asks = Vec<Ask>;

/// The values of a list, ready to be searched.
#[derive(Clone, Debug, Default)]
pub(super) struct Members {
    /// In order.
    texts: Vec<String>,
    others: Vec<Value>,
    insensitive: bool,
}

impl Members {
    pub(super) fn new(values: impl IntoIterator<Item = Value>, insensitive: bool) -> Self {
        let mut members = Self { insensitive, ..Self::default() };
        for value in values {
            match value {
                Value::String(text) if insensitive => members.texts.push(script::lower(&text).into_owned()),
                Value::String(text) => members.texts.push(text),
                other => members.others.push(other),
            }
        }
        members.texts.sort_unstable();
        members.texts.dedup();
        members
    }

    /// How many values there are.
    pub(super) fn len(&self) -> usize {
        self.texts.len() + self.others.len()
    }

    /// The texts, in small letters where case does not matter; and the other values.
    pub(super) fn named(&self) -> (&[String], &[Value]) {
        (&self.texts, &self.others)
    }

    /// Whether the case of letters does not matter.
    pub(super) fn is_insensitive(&self) -> bool {
        self.insensitive
    }

    fn has(&self, value: &Value) -> bool {
        match value {
            Value::String(text) if self.insensitive => self.has_text(&script::lower(text)),
            Value::String(text) => self.has_text(text),
            _ => self.others.iter().any(|member| script::identical(member, value)),
        }
    }

    fn has_text(&self, text: &str) -> bool {
        self.texts.binary_search_by(|member| member.as_str().cmp(text)).is_ok()
    }
}

impl Ask {
    /// Whether it holds of a value. Only what is asked of the fields of a list's items, and of dates, can be unknown.
    pub(super) fn holds(&self, value: &Value, moment: &Moment) -> Truth {
        Truth::from(match self {
            Self::Text(text) => match value {
                Value::String(value) => value == text,
                _ => script::text_of(value) == *text,
            },
            Self::TextInsensitive(text) => script::lower(&script::text_of(value)) == *text,
            Self::Number(number) => match value {
                Value::Number(value) => value.as_f64() == Some(*number),
                _ => script::number_of(value) == *number,
            },
            Self::Truth(truth) => !value.is_null() && script::truthy(value) == *truth,
            Self::Null => value.is_null(),
            Self::Json(json) => (value.is_array() || value.is_object()) && script::json_text(value) == *json,
            Self::Identical { value: to, negated } => script::identical(value, to) != *negated,
            Self::Compared { to, allowed } => {
                script::compare(value, to).is_some_and(|order| allowed.contains(&order))
            }
            Self::Version { to, allowed } => allowed.contains(&version::compare(&version::padded(value), to)),
            Self::Among { members, negated } => {
                let found = match value {
                    Value::Array(items) => items.iter().any(|item| members.has(item)),
                    _ => members.has(value),
                };
                found != *negated
            }
            Self::All(wanted) => {
                let Value::Array(items) = value else { return Truth::False };
                return wanted.iter().fold(Truth::True, |so_far, asks| so_far.and(any(items, asks, moment)));
            }
            Self::AllTexts { texts, insensitive } => {
                let Value::Array(items) = value else { return Truth::False };
                let mut missing = texts.len();
                let mut found = vec![false; texts.len()];
                for item in items {
                    let text = script::text_of(item);
                    let text = if *insensitive { script::lower(&text).into_owned().into() } else { text };
                    let place = texts.binary_search_by(|wanted| wanted.as_str().cmp(&text)).ok();
                    if let Some(found) = place.and_then(|place| found.get_mut(place)).filter(|found| !**found)
                    {
                        *found = true;
                        missing -= 1;
                    }
                    if missing == 0 {
                        break;
                    }
                }
                missing == 0
            }
            Self::Size(asks) => {
                let Value::Array(items) = value else { return Truth::False };
                return all(asks, &Value::from(items.len()), moment);
            }
            Self::Item(asks) => {
                let Value::Array(items) = value else { return Truth::False };
                return any(items.iter().filter(|item| !item.is_null()), asks, moment);
            }
            Self::ItemWhere(rules) => {
                let Value::Array(items) = value else { return Truth::False };
                let items = items.iter().filter(|item| !item.is_null());
                let held = items.map(|item| rules.ask(&Scope::plain(item, moment.now)).truth(0));
                return held.fold(Truth::False, Truth::or);
            }
            Self::Not(asks) => return all(asks, value, moment).negate(),
            Self::Exists(there) => value.is_null() != *there,
            Self::Type(kind) => kind_of(value) == kind,
            Self::Pattern { pattern, negated } => {
                pattern::matches(pattern, &script::text_of(value)) != *negated
            }
            Self::Within(_) | Self::OlderThan(_) => return self.holds_of(moment.date_of(value), moment),
            Self::Always => true,
            Self::Never => false,
        })
    }
}

impl Ask {
    /// Whether what is asked of a date holds of this one; unknown where there is none.
    pub(super) fn holds_of(&self, date: Option<Timestamp>, moment: &Moment) -> Truth {
        let Some(date) = date else { return Truth::Unknown };
        let age = moment.age(date);
        Truth::from(match self {
            Self::Within(most) => age >= SignedDuration::ZERO && age <= *most,
            Self::OlderThan(least) => age > *least,
            _ => false,
        })
    }
}

fn all(asks: &[Ask], value: &Value, moment: &Moment) -> Truth {
    asks.iter().fold(Truth::True, |so_far, ask| so_far.and(ask.holds(value, moment)))
}

fn any<'v>(items: impl IntoIterator<Item = &'v Value>, asks: &[Ask], moment: &Moment) -> Truth {
    items.into_iter().fold(Truth::False, |so_far, item| so_far.or(all(asks, item, moment)))
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
