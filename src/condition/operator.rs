//! The operators, each as a function of what is there and what is asked for.

use std::cmp::Ordering;

use serde_json::Value;

use super::Truth;

/// What a test asks of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `$eq`: the same value.
    Eq,
    /// `$ne`: another value.
    Ne,
    /// `$in`: one of the values listed; for a list, any of its items.
    In,
    /// `$nin`: none of the values listed.
    Nin,
    /// `$gt`: greater.
    Gt,
    /// `$gte`: greater or the same.
    Gte,
    /// `$lt`: less.
    Lt,
    /// `$lte`: less or the same.
    Lte,
    /// `$exists`: there at all. Never unknown.
    Exists,
}

/// Every operator by its name.
pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("$eq", Operator::Eq),
    ("$ne", Operator::Ne),
    ("$in", Operator::In),
    ("$nin", Operator::Nin),
    ("$gt", Operator::Gt),
    ("$gte", Operator::Gte),
    ("$lt", Operator::Lt),
    ("$lte", Operator::Lte),
    ("$exists", Operator::Exists),
];

impl Operator {
    /// The name as written, such as `$gte`.
    pub fn name(self) -> &'static str {
        OPERATORS.iter().find(|(_, operator)| *operator == self).map_or("$eq", |(name, _)| name)
    }

    /// Whether the value that is there is as asked; unknown when nothing is there.
    pub(super) fn holds(self, actual: Option<&Value>, expected: &Value) -> Truth {
        if self == Self::Exists {
            return Truth::from(actual.is_some() == expected.as_bool().unwrap_or(true));
        }
        let Some(actual) = actual else { return Truth::Unknown };
        Truth::from(match self {
            Self::Eq => equal(actual, expected),
            Self::Ne => !equal(actual, expected),
            Self::In => is_in(actual, expected),
            Self::Nin => !is_in(actual, expected),
            Self::Gt => compare(actual, expected) == Some(Ordering::Greater),
            Self::Gte => matches!(compare(actual, expected), Some(Ordering::Greater | Ordering::Equal)),
            Self::Lt => compare(actual, expected) == Some(Ordering::Less),
            Self::Lte => matches!(compare(actual, expected), Some(Ordering::Less | Ordering::Equal)),
            Self::Exists => true,
        })
    }
}

/// Equality by value: `1` and `1.0` are the same number.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        _ => a == b,
    }
}

fn is_in(actual: &Value, expected: &Value) -> bool {
    let Value::Array(wanted) = expected else { return false };
    match actual {
        Value::Array(items) => items.iter().any(|item| wanted.iter().any(|w| equal(item, w))),
        _ => wanted.iter().any(|w| equal(actual, w)),
    }
}

/// Two texts by their characters, anything else as numbers, which a text may hold; `None` when they cannot be compared.
fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(a.as_str().cmp(b.as_str())),
        _ => number(a)?.partial_cmp(&number(b)?),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|n: &f64| n.is_finite()),
        Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
        _ => None,
    }
}
