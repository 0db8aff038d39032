//! Three-valued conditions over attributes and facts, with a trace of how each came out.
//!
//! ```text
//! file → Reader → Rules ── ask(scope) → Asked ── truth, trace, explain, unknown
//! ```
//!
//! The syntax is GrowthBook's (Mongo-style), and so is the reading of what is there: `{user.age: "30"}` holds for the
//! number 30. What is missing is *unknown*, not false: `{user.age: {$gte: 18}}` does not match somebody of unknown age,
//! and neither does `$not` of it. Logic is Kleene's. [`Semantics::GrowthBook`] reads what is missing as GrowthBook does.
//!
//! Everything that can be made once is made when a condition is read: patterns, lists, versions, the places where
//! attributes are looked up. Knows nothing of segments or guardrails.

mod operator;
mod pattern;
mod points;
mod read;
mod schema;
mod scope;
mod script;
mod space;
mod version;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

pub use operator::Operator;
pub use points::{Known, Sort};
pub(crate) use read::MAX_GROUP;
pub use read::{CheckPath, Groups, Reader, Unlinked, compile, read, together};
pub use schema::{Speech, schema};
pub(crate) use scope::is_within;
pub use scope::{Date, Scope, look_up};
pub use space::{Example, Found, Given, Goal, Space, Who};

use operator::{Ask, Moment};
use scope::{Path, Slot};

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

    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            _ => Self::True,
        }
    }

    pub(crate) fn or(self, other: Self) -> Self {
        self.negate().and(other.negate()).negate()
    }

    /// The word for it in records and explanations.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::False => "false",
            Self::Unknown => "unknown",
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// How a condition reads what is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Semantics {
    /// What is missing, or null, is unknown.
    #[default]
    Strict,
    /// What is missing is null, as GrowthBook's own libraries read it.
    GrowthBook,
}

/// Both semantics by their name in files and on the command line.
pub const SEMANTICS: &[(&str, Semantics)] =
    &[("strict", Semantics::Strict), ("growthbook", Semantics::GrowthBook)];

/// A condition by itself.
#[derive(Clone, Debug)]
pub struct Condition(Rules);

/// Conditions that are asked together: what they read is looked up once for all of them.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    paths: Vec<Path>,
    /// Those of the paths that are asked how long ago they are.
    dated: Vec<usize>,
    rules: Vec<Arc<Clause>>,
}

/// A part of a condition.
#[derive(Clone, Debug)]
enum Clause {
    All(Vec<Clause>),
    Any(Vec<Clause>),
    Not(Box<Clause>),
    Test(Test),
    /// The parts that hold add up to at least so much.
    Score(Score),
    /// Another condition of the set holds.
    Rule {
        id: String,
        rule: Option<Arc<Clause>>,
    },
}

#[derive(Clone, Debug)]
struct Test {
    /// Its place among all tests that were read together; copies of it keep it.
    number: usize,
    /// Which of the paths it reads.
    path: usize,
    operator: Operator,
    expected: Value,
    ask: Ask,
    semantics: Semantics,
    /// The oldest that a dated value may be, for this test.
    fresh: Option<jiff::SignedDuration>,
}

#[derive(Clone, Debug)]
struct Score {
    parts: Vec<(Clause, f64)>,
    at_least: f64,
}

/// How one test of a condition came out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// The attribute's path; `segment` and `score` for what is asked of other segments and of a sum.
    pub path: String,
    /// The operator, such as `$gte`. A bare value shows as `$eq`.
    pub operator: &'static str,
    /// What the condition asks for.
    pub expected: Value,
    /// What was there; of a sum that is not certain, the least and the most it can be.
    pub actual: Option<Value>,
    /// How it came out.
    pub outcome: Truth,
}

/// What a test is called: its attribute's path and its operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label<'c> {
    /// The attribute's path.
    pub path: &'c str,
    /// The operator, such as `$gte`.
    pub operator: &'static str,
}

/// One test, as somebody wrote it.
#[derive(Clone, Copy, Debug)]
pub struct Asks<'c> {
    /// The attribute's path.
    pub path: &'c str,
    /// The operator.
    pub operator: Operator,
    /// What is asked for.
    pub expected: &'c Value,
}

impl Condition {
    /// Whether it holds.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Truth {
        self.0.ask(scope).truth(0)
    }

    /// Whether it holds, and how each of its tests came out, all of them, in the order written.
    pub fn explain(&self, scope: &Scope<'_>) -> (Truth, Vec<Step>) {
        self.0.ask(scope).explain(0)
    }

    /// Whether it holds, and when that is unknown, the paths whose absence left it so.
    pub fn unknown<'a>(&'a self, scope: &Scope<'a>) -> (Truth, Vec<&'a str>) {
        self.0.ask(scope).unknown(0)
    }

    /// What it asks for, test by test.
    pub fn asks(&self) -> Vec<Asks<'_>> {
        self.0.asks(0)
    }

    /// The paths that it reads, each once.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.paths.iter().map(Path::text)
    }

    /// Whether nothing whatever can fulfil it; `known` says what is known of a path. One that is too involved to be
    /// searched through counts as possible.
    pub fn is_impossible(&self, known: impl Fn(&str) -> Known) -> bool {
        /// The most looks at one test that the question takes.
        const LOOKS: u64 = 100_000;
        let goal = Goal { rule: 0, matches: true };
        Space::new(&self.0, known).find(&[goal], Who::Anybody, LOOKS) == Found::Nobody
    }
}

impl Rules {
    /// Looks up everything that the conditions read.
    pub fn ask<'a>(&'a self, scope: &Scope<'a>) -> Asked<'a> {
        let slots = self.paths.iter().map(|path| scope.slot(path)).collect();
        Asked::new(self, slots, Moment { now: scope.at() })
    }

    /// How many conditions there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What each test of a condition is called, in the order of its trace.
    pub fn labels(&self, rule: usize) -> Vec<Label<'_>> {
        let mut labels = Vec::new();
        if let Some(clause) = self.rules.get(rule) {
            self.label(clause, &mut labels);
        }
        labels
    }

    fn label<'c>(&'c self, clause: &'c Clause, into: &mut Vec<Label<'c>>) {
        match clause {
            Clause::All(clauses) | Clause::Any(clauses) => clauses.iter().for_each(|c| self.label(c, into)),
            Clause::Not(clause) => self.label(clause, into),
            Clause::Test(test) => {
                into.push(Label { path: self.path(test), operator: test.operator.name() });
            }
            Clause::Score(score) => {
                score.parts.iter().for_each(|(part, _)| self.label(part, into));
                into.push(Label { path: SCORE, operator: Operator::Gte.name() });
            }
            Clause::Rule { .. } => into.push(Label { path: SEGMENT, operator: "$segment" }),
        }
    }

    fn path(&self, test: &Test) -> &str {
        self.paths.get(test.path).map_or("", Path::text)
    }

    /// The paths that a condition reads, those of the conditions that it refers to included.
    pub fn reads(&self, rule: usize) -> Vec<&str> {
        let mut paths: Vec<&str> = Vec::new();
        self.tests(rule, true, &mut |test| {
            let path = self.path(test);
            if !paths.contains(&path) {
                paths.push(path);
            }
        });
        paths
    }

    /// What a condition asks for, test by test.
    pub fn asks(&self, rule: usize) -> Vec<Asks<'_>> {
        let mut asks = Vec::new();
        self.tests(rule, false, &mut |test| {
            asks.push(Asks { path: self.path(test), operator: test.operator, expected: &test.expected });
        });
        asks
    }

    /// How many tests each condition comes to, those of the conditions that it refers to counted wherever it does.
    pub fn sizes(&self) -> Vec<usize> {
        fn size(clause: &Clause, known: &mut BTreeMap<*const Clause, usize>) -> usize {
            let mut sum = |clauses: &mut dyn Iterator<Item = &Clause>| {
                clauses.fold(0_usize, |so_far, clause| so_far.saturating_add(size(clause, known)))
            };
            match clause {
                Clause::All(clauses) | Clause::Any(clauses) => sum(&mut clauses.iter()),
                Clause::Score(score) => sum(&mut score.parts.iter().map(|(part, _)| part)),
                Clause::Not(clause) => size(clause, known),
                Clause::Test(_) | Clause::Rule { rule: None, .. } => 1,
                Clause::Rule { rule: Some(rule), .. } => match known.get(&Arc::as_ptr(rule)) {
                    Some(size) => *size,
                    None => {
                        let size = size(rule, known);
                        known.insert(Arc::as_ptr(rule), size);
                        size
                    }
                },
            }
        }
        let mut known = BTreeMap::new();
        self.rules.iter().map(|rule| size(rule, &mut known)).collect()
    }

    fn tests<'c>(&'c self, rule: usize, through: bool, tell: &mut dyn FnMut(&'c Test)) {
        fn walk<'c>(clause: &'c Clause, through: bool, tell: &mut dyn FnMut(&'c Test)) {
            match clause {
                Clause::All(clauses) | Clause::Any(clauses) => {
                    clauses.iter().for_each(|c| walk(c, through, tell));
                }
                Clause::Not(clause) => walk(clause, through, tell),
                Clause::Test(test) => tell(test),
                Clause::Score(score) => score.parts.iter().for_each(|(part, _)| walk(part, through, tell)),
                Clause::Rule { rule: Some(rule), .. } if through => walk(rule, through, tell),
                Clause::Rule { .. } => {}
            }
        }
        if let Some(clause) = self.rules.get(rule) {
            walk(clause, through, tell);
        }
    }
}

/// By how much a sum of points may miss what it must come to: less than anybody's points.
pub(crate) const SLACK: f64 = 1e-9;
/// The path that a step about a sum is named by.
const SCORE: &str = "score";
/// The path that a step about another segment is named by.
const SEGMENT: &str = "segment";

static NULL: LazyLock<Value> = LazyLock::new(|| Value::Null);

/// Conditions with everything that they read looked up, for one request.
#[derive(Debug)]
pub struct Asked<'a> {
    rules: &'a Rules,
    slots: Vec<Slot<'a>>,
    dates: Vec<(usize, Option<Timestamp>)>,
    moment: Moment,
}

impl<'a> Asked<'a> {
    fn new(rules: &'a Rules, slots: Vec<Slot<'a>>, moment: Moment) -> Self {
        // Many tests may ask how long ago one date is; it is read once.
        let dates = rules.dated.iter().map(|index| match slots.get(*index) {
            Some(Slot::There(value, _)) => (*index, moment.date_of(value)),
            _ => (*index, None),
        });
        let dates = dates.collect();
        Self { rules, slots, dates, moment }
    }

    /// Whether a condition holds; what cannot change the outcome any more is not asked. There is no condition beyond the
    /// last, so it is unknown.
    pub fn truth(&self, rule: usize) -> Truth {
        self.rules.rules.get(rule).map_or(Truth::Unknown, |clause| self.decide(clause))
    }

    /// Whether a condition holds. How each of its tests came out is put behind what `into` holds, in the order of
    /// [`Rules::labels`].
    pub fn trace(&self, rule: usize, into: &mut Vec<Truth>) -> Truth {
        let Some(clause) = self.rules.rules.get(rule) else { return Truth::Unknown };
        self.walk(clause, &mut |step: Traced<'_>| into.push(step.outcome()))
    }

    /// Whether a condition holds, and how each of its tests came out, all of them, in the order written.
    pub fn explain(&self, rule: usize) -> (Truth, Vec<Step>) {
        let mut steps = Vec::new();
        let Some(clause) = self.rules.rules.get(rule) else { return (Truth::Unknown, steps) };
        let outcome = self.walk(clause, &mut |step: Traced<'_>| steps.push(self.step(step)));
        (outcome, steps)
    }

    /// Whether a condition holds, and when that is unknown, the paths whose absence left it so.
    pub fn unknown(&self, rule: usize) -> (Truth, Vec<&'a str>) {
        let mut paths = Vec::new();
        let Some(clause) = self.rules.rules.get(rule) else { return (Truth::Unknown, paths) };
        let outcome = self.decide(clause);
        self.missing(clause, &mut paths);
        (outcome, paths)
    }

    fn slot(&self, test: &Test) -> Slot<'a> {
        match self.slots.get(test.path).copied().unwrap_or(Slot::Missing) {
            // A value that is too old for this test is as good as none.
            Slot::There(_, Some(at)) if test.fresh.is_some_and(|most| self.moment.age(at) > most) => {
                Slot::Missing
            }
            slot => slot,
        }
    }

    fn test(&self, test: &Test) -> Truth {
        match (self.slot(test), test.semantics) {
            (Slot::There(value, _), _) => match test.ask {
                Ask::Within(_) | Ask::OlderThan(_) => {
                    let read = self.dates.iter().find(|(path, _)| *path == test.path);
                    test.ask.holds_of(read.and_then(|(_, date)| *date), &self.moment)
                }
                _ => test.ask.holds(value, &self.moment),
            },
            (Slot::Length(length), _) => test.ask.holds(&Value::from(length), &self.moment),
            (Slot::Withheld, _) => Truth::Unknown,
            (Slot::Missing, Semantics::GrowthBook) => test.ask.holds(&NULL, &self.moment),
            (Slot::Missing, Semantics::Strict) => match &test.ask {
                Ask::Exists(there) => Truth::from(!there),
                _ => Truth::Unknown,
            },
        }
    }

    fn decide(&self, clause: &Clause) -> Truth {
        decide(clause, &|test| self.test(test))
    }

    /// Asks every part, also once the outcome is certain: a trace shows them all.
    fn walk<'c>(&self, clause: &'c Clause, tell: &mut impl FnMut(Traced<'c>)) -> Truth {
        match clause {
            Clause::All(clauses) => {
                clauses.iter().fold(Truth::True, |so_far, clause| so_far.and(self.walk(clause, tell)))
            }
            Clause::Any(clauses) => {
                clauses.iter().fold(Truth::False, |so_far, clause| so_far.or(self.walk(clause, tell)))
            }
            Clause::Not(clause) => self.walk(clause, tell).negate(),
            Clause::Test(test) => {
                let outcome = self.test(test);
                tell(Traced::Test(test, outcome));
                outcome
            }
            Clause::Score(score) => {
                let parts: Vec<(Truth, f64)> =
                    score.parts.iter().map(|(part, add)| (self.walk(part, tell), *add)).collect();
                let (range, outcome) = score.sum(parts.into_iter());
                tell(Traced::Score(score, range, outcome));
                outcome
            }
            Clause::Rule { id, rule } => {
                let outcome = rule.as_ref().map_or(Truth::Unknown, |rule| self.decide(rule));
                tell(Traced::Rule(id, outcome));
                outcome
            }
        }
    }

    fn step(&self, traced: Traced<'_>) -> Step {
        match traced {
            Traced::Test(test, outcome) => Step {
                path: self.rules.path(test).to_owned(),
                operator: test.operator.name(),
                expected: test.expected.clone(),
                actual: match self.slot(test) {
                    Slot::There(value, _) => Some(value.clone()),
                    Slot::Length(length) => Some(length.into()),
                    Slot::Missing | Slot::Withheld => None,
                },
                outcome,
            },
            Traced::Score(score, (least, most), outcome) => Step {
                path: SCORE.to_owned(),
                operator: Operator::Gte.name(),
                expected: json!(score.at_least),
                actual: Some(if least == most { json!(least) } else { json!([least, most]) }),
                outcome,
            },
            Traced::Rule(id, outcome) => Step {
                path: SEGMENT.to_owned(),
                operator: "$segment",
                expected: id.into(),
                actual: Some(outcome.as_str().into()),
                outcome,
            },
        }
    }

    /// The paths that left a clause unknown: those of its parts that are unknown, when it is unknown itself.
    fn missing(&self, clause: &'a Clause, into: &mut Vec<&'a str>) {
        if self.decide(clause) != Truth::Unknown {
            return;
        }
        match clause {
            Clause::All(clauses) | Clause::Any(clauses) => clauses.iter().for_each(|c| self.missing(c, into)),
            Clause::Not(clause) => self.missing(clause, into),
            Clause::Score(score) => score.parts.iter().for_each(|(part, _)| self.missing(part, into)),
            Clause::Rule { rule, .. } => rule.iter().for_each(|rule| self.missing(rule, into)),
            Clause::Test(test) => {
                let path = self.rules.path(test);
                if !into.contains(&path) {
                    into.push(path);
                }
            }
        }
    }
}

/// What a condition is decided in: one truth value, or all that it could be.
trait Logic: Copy + PartialEq {
    const TRUE: Self;
    const FALSE: Self;
    const UNKNOWN: Self;
    fn negate(self) -> Self;
    fn and(self, other: Self) -> Self;
    /// Whether the points of the parts that hold are enough.
    fn enough(score: &Score, parts: impl Iterator<Item = (Self, f64)>) -> Self;

    fn or(self, other: Self) -> Self {
        self.negate().and(other.negate()).negate()
    }
}

impl Logic for Truth {
    const TRUE: Self = Self::True;
    const FALSE: Self = Self::False;
    const UNKNOWN: Self = Self::Unknown;

    fn negate(self) -> Self {
        self.negate()
    }

    fn and(self, other: Self) -> Self {
        self.and(other)
    }

    fn enough(score: &Score, parts: impl Iterator<Item = (Self, f64)>) -> Self {
        score.sum(parts).1
    }
}

/// How a clause comes out, given how each of its tests does; what cannot change the outcome any more is not asked.
fn decide<L: Logic, F: Fn(&Test) -> L>(clause: &Clause, ask: &F) -> L {
    match clause {
        Clause::All(clauses) => {
            let mut so_far = L::TRUE;
            for clause in clauses {
                so_far = so_far.and(decide(clause, ask));
                if so_far == L::FALSE {
                    break;
                }
            }
            so_far
        }
        Clause::Any(clauses) => {
            let mut so_far = L::FALSE;
            for clause in clauses {
                so_far = so_far.or(decide(clause, ask));
                if so_far == L::TRUE {
                    break;
                }
            }
            so_far
        }
        Clause::Not(clause) => decide(clause, ask).negate(),
        Clause::Test(test) => ask(test),
        Clause::Score(score) => {
            L::enough(score, score.parts.iter().map(|(part, add)| (decide(part, ask), *add)))
        }
        Clause::Rule { rule, .. } => rule.as_ref().map_or(L::UNKNOWN, |rule| decide(rule, ask)),
    }
}

/// What came out of one test, before anybody wants to read it.
enum Traced<'c> {
    Test(&'c Test, Truth),
    Score(&'c Score, (f64, f64), Truth),
    Rule(&'c str, Truth),
}

impl Traced<'_> {
    fn outcome(&self) -> Truth {
        match self {
            Self::Test(_, outcome) | Self::Score(_, _, outcome) | Self::Rule(_, outcome) => *outcome,
        }
    }
}

impl Score {
    /// The least and the most that the sum can be, what is unknown counted either way, and whether it is enough.
    fn sum(&self, parts: impl Iterator<Item = (Truth, f64)>) -> ((f64, f64), Truth) {
        let (least, most) = parts.fold((0.0, 0.0), |(least, most), (truth, add): (Truth, f64)| match truth {
            Truth::True => (least + add, most + add),
            Truth::False => (least, most),
            Truth::Unknown => (least + add.min(0.0), most + add.max(0.0)),
        });
        let outcome = match (self.is_enough(least), self.is_enough(most)) {
            (true, _) => Truth::True,
            (false, false) => Truth::False,
            (false, true) => Truth::Unknown,
        };
        // 0.7 and 0.1 are 0.8 to whoever wrote them.
        let shown = |sum: f64| (sum * 1e9).round() / 1e9;
        ((shown(least), shown(most)), outcome)
    }

    /// Whether a sum of points is enough, however floating point rounded it.
    fn is_enough(&self, sum: f64) -> bool {
        sum >= self.at_least - SLACK
    }
}

#[cfg(test)]
mod tests;
