//! Three-valued conditions over attributes and facts, with a trace of how each came out.
//!
//! The syntax is GrowthBook's (Mongo-style). What is missing is *unknown*, not false: `{user.age: {$gte: 18}}` does not
//! match somebody of unknown age, and neither does `$not` of it. Logic is Kleene's. Knows nothing of segments or rules.

mod operator;
#[allow(dead_code)]
mod pattern;
mod read;
#[allow(dead_code)]
mod script;
#[allow(dead_code)]
mod version;

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

pub use operator::Operator;
pub use read::{CheckPath, read};

/// Kleene's three truth values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Data that would decide it is missing.
    Unknown,
}

impl Truth {
    /// The negation: unknown stays unknown.
    pub fn negate(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            _ => Self::True,
        }
    }

    fn or(self, other: Self) -> Self {
        self.negate().and(other.negate()).negate()
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// What conditions are asked about: the user (absent without consent), the moment, the product.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// Attributes of the user; `None` when they may not be read.
    pub user: Option<&'a Map<String, Value>>,
    /// Attributes of the moment: locale, country, device, hour.
    pub context: &'a Map<String, Value>,
    /// The product's facts.
    pub product: &'a Map<String, Value>,
}

impl<'a> Scope<'a> {
    /// The value at a dotted path such as `user.orders_90d`. Null counts as missing. Where a key itself holds dots, as
    /// spec sheets' keys do, the rest of the path as one key goes before its parts.
    pub fn look_up(&self, path: &str) -> Option<&'a Value> {
        let (root, rest) = path.split_once('.')?;
        let map = match root {
            "user" => self.user?,
            "context" => self.context,
            "product" => self.product,
            _ => return None,
        };
        look_up(map, rest)
    }
}

/// The value at a dotted path within a map, as [`Scope::look_up`] finds it.
pub fn look_up<'a>(map: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(value) = map.get(path) {
        return (!value.is_null()).then_some(value);
    }
    let (key, rest) = path.split_once('.')?;
    look_up(map.get(key)?.as_object()?, rest)
}

/// A condition, ready to be asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition(Clause);

#[derive(Clone, Debug, PartialEq)]
enum Clause {
    All(Vec<Clause>),
    Any(Vec<Clause>),
    Not(Box<Clause>),
    Test(Test),
}

#[derive(Clone, Debug, PartialEq)]
struct Test {
    path: String,
    operator: Operator,
    expected: Value,
}

/// How one test of a condition came out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// The attribute's path.
    pub path: String,
    /// The operator, such as `$gte`.
    pub operator: &'static str,
    /// What the condition asks for.
    pub expected: Value,
    /// What was there.
    pub actual: Option<Value>,
    /// How it came out.
    pub outcome: Truth,
}

impl Condition {
    /// Whether it holds.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Truth {
        self.0.evaluate(scope, &mut |_, _, _| ())
    }

    /// Whether it holds, and how each of its tests came out, all of them, in the order written.
    pub fn explain(&self, scope: &Scope<'_>) -> (Truth, Vec<Step>) {
        let mut steps = Vec::new();
        let outcome = self.0.evaluate(scope, &mut |test, actual, outcome| {
            steps.push(Step {
                path: test.path.clone(),
                operator: test.operator.name(),
                expected: test.expected.clone(),
                actual: actual.cloned(),
                outcome,
            });
        });
        (outcome, steps)
    }

    /// What it asks for, test by test: a path, the operator, and a value; each value of a list by itself.
    pub fn asked(&self) -> Vec<(&str, Operator, &Value)> {
        let mut tests = Vec::new();
        self.0.tests(&mut tests);
        let each = |test: &&'_ Test| {
            matches!((test.operator, &test.expected), (Operator::In | Operator::Nin, Value::Array(_)))
        };
        tests
            .iter()
            .flat_map(|test| match &test.expected {
                Value::Array(values) if each(test) => {
                    values.iter().map(|v| (&*test.path, test.operator, v)).collect()
                }
                value => vec![(&*test.path, test.operator, value)],
            })
            .collect()
    }

    /// The paths that it reads.
    pub fn paths(&self) -> BTreeSet<&str> {
        let mut paths = BTreeSet::new();
        self.0.paths(&mut paths);
        paths
    }
}

type Tracer<'t> = dyn FnMut(&Test, Option<&Value>, Truth) + 't;

impl Clause {
    fn evaluate(&self, scope: &Scope<'_>, trace: &mut Tracer<'_>) -> Truth {
        match self {
            // Every part is asked, also once the outcome is certain: the trace shows them all.
            Self::All(clauses) => {
                clauses.iter().fold(Truth::True, |so_far, c| so_far.and(c.evaluate(scope, trace)))
            }
            Self::Any(clauses) => {
                clauses.iter().fold(Truth::False, |so_far, c| so_far.or(c.evaluate(scope, trace)))
            }
            Self::Not(clause) => clause.evaluate(scope, trace).negate(),
            Self::Test(test) => {
                let actual = scope.look_up(&test.path);
                let outcome = test.operator.holds(actual, &test.expected);
                trace(test, actual, outcome);
                outcome
            }
        }
    }

    fn tests<'c>(&'c self, into: &mut Vec<&'c Test>) {
        match self {
            Self::All(clauses) | Self::Any(clauses) => clauses.iter().for_each(|c| c.tests(into)),
            Self::Not(clause) => clause.tests(into),
            Self::Test(test) => into.push(test),
        }
    }

    fn paths<'c>(&'c self, into: &mut BTreeSet<&'c str>) {
        match self {
            Self::All(clauses) | Self::Any(clauses) => clauses.iter().for_each(|c| c.paths(into)),
            Self::Not(clause) => clause.paths(into),
            Self::Test(test) => {
                into.insert(&test.path);
            }
        }
    }
}

#[cfg(test)]
mod tests;
