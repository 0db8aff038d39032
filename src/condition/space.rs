//! What conditions together can come to: a search for somebody of whom some hold and others do not.
//!
//! Each attribute has a few values that stand for all the others (see [`points`](super::points)); each *class* of values is
//! told from the others by how the attribute's tests come out, which the ordinary evaluator says. A missing value is a class
//! of its own, and so is one that may not be read. An opaque test of a value that is there is a switch that may stand either
//! way, the same for the same test wherever it is written.
//!
//! The search keeps for each attribute the classes that are left. A condition is decided on what each of its tests can come
//! to within those, by the same function that decides it for one request, over sets of truth values. Where that settles
//! nothing, the classes are parted by how one test comes out, and each part is searched by itself. So whole stretches are
//! settled at once, and what no condition in question asks is never parted at all. The work is counted in looks at one
//! test, and bounded.

use std::cell::Cell;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::operator::Ask;
use super::points::{self, Known, Plan, Point, Sort};
use super::scope::Slot;
use super::{Asked, Clause, Logic, Moment, Operator, Rules, Score, Test, Truth, decide};

/// The moment that ages count from while nobody asks. Any will do.
const NOW: Timestamp = Timestamp::constant(946_728_000, 0);

/// A set of truth values: all that something could come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Outcomes(u8);

impl Outcomes {
    const NONE: Self = Self(0);

    fn only(truth: Truth) -> Self {
        Self(1 << truth as u8)
    }

    fn has(self, truth: Truth) -> bool {
        self.0 & Self::only(truth).0 != 0
    }

    fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn when(holds: bool, truth: Truth) -> Self {
        if holds { Self::only(truth) } else { Self::NONE }
    }

    fn is_certain(self) -> bool {
        self.0.count_ones() == 1
    }
}

impl Logic for Outcomes {
    const TRUE: Self = Self(1 << Truth::True as u8);
    const FALSE: Self = Self(1 << Truth::False as u8);
    const UNKNOWN: Self = Self(1 << Truth::Unknown as u8);

    fn negate(self) -> Self {
        Self(self.0 & Self::UNKNOWN.0 | (self.0 & Self::TRUE.0) << 1 | (self.0 & Self::FALSE.0) >> 1)
    }

    fn and(self, other: Self) -> Self {
        // Neither is empty: something is false where either can be, and true where both can be. Unknown comes of an unknown
        // beside anything but what is false.
        let open = Self::TRUE.0 | Self::UNKNOWN.0;
        let (here, there) = (self.0 & open, other.0 & open);
        let unknown = here != 0 && there != 0 && (here | there) & Self::UNKNOWN.0 != 0;
        Self(self.0 & other.0 & Self::TRUE.0 | (self.0 | other.0) & Self::FALSE.0)
            .with(Self::when(unknown, Truth::Unknown))
    }

    fn enough(score: &Score, parts: impl Iterator<Item = (Self, f64)>) -> Self {
        // The least that the sum is certain to be, lowest and highest; and the most that it can be, likewise.
        let (mut least, mut most) = ((0.0, 0.0), (0.0, 0.0));
        for (outcomes, add) in parts {
            let ends = [
                (Truth::True, add, add),
                (Truth::False, 0.0, 0.0),
                (Truth::Unknown, f64::min(add, 0.0), add.max(0.0)),
            ];
            let possible = || ends.iter().filter(|(truth, _, _)| outcomes.has(*truth));
            let lowest =
                |pick: fn(&(Truth, f64, f64)) -> f64| possible().map(pick).fold(f64::INFINITY, f64::min);
            let highest =
                |pick: fn(&(Truth, f64, f64)) -> f64| possible().map(pick).fold(f64::NEG_INFINITY, f64::max);
            least = (least.0 + lowest(|end| end.1), least.1 + highest(|end| end.1));
            most = (most.0 + lowest(|end| end.2), most.1 + highest(|end| end.2));
        }
        Self::when(score.is_enough(least.1), Truth::True)
            .with(Self::when(!score.is_enough(most.0), Truth::False))
            .with(Self::when(!score.is_enough(least.0) && score.is_enough(most.1), Truth::Unknown))
    }
}

/// What is looked for: somebody of whom a condition holds, or does not (false, or unknown).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goal {
    /// The condition's place among the rules.
    pub rule: usize,
    /// Whether it must be true.
    pub matches: bool,
}

/// Who is looked among.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Those whose attributes may be read, each of them there or missing.
    Anybody,
    /// Those of whom every attribute is there, of its kind, and fresh.
    AllKnown,
    /// Of these, those one would think of: with no amount below nothing, and no date to come.
    Likely,
    /// Those whose own attributes may not be read.
    WithoutConsent,
}

/// What came of a search.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// There is nobody, however opaque tests come out.
    Nobody,
    /// There is somebody, for all that can be told.
    Somebody(Example),
    /// There was more to look at than was allowed.
    TooMany,
}

/// Somebody who was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Example {
    /// The attributes that matter, as a reader would say them: `user.visits 3`, `no user.age`.
    pub told: Vec<String>,
    /// The opaque tests that it hangs on: `user.email $regex "@example"`. Empty when it holds whatever they come to.
    pub hangs_on: Vec<String>,
    /// All that the conditions in question read and that is there.
    pub given: Vec<Given>,
    /// The moment that its dates count from.
    pub now: Timestamp,
}

/// One attribute of an example.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// Its path.
    pub path: String,
    /// Its value.
    pub value: Value,
    /// When it was measured, where that matters.
    pub at: Option<Timestamp>,
}

/// Everybody there could be, as far as some conditions can tell them apart.
#[derive(Debug)]
pub struct Space<'r> {
    rules: &'r Rules,
    /// One for each path, then one for each switch.
    variables: Vec<Variable>,
    /// By the test's number.
    atoms: Vec<Atom>,
    /// How many looks at tests were taken.
    looks: Cell<u64>,
    /// Whether the search passed over somebody of whom only opaque tests could tell.
    left_open: Cell<bool>,
}

/// What can be one way or another: an attribute, or an opaque test.
#[derive(Debug)]
struct Variable {
    /// Where its classes begin in a state, in words of 64, and how many words they take.
    words: (usize, usize),
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Path(Vec<Class>),
    /// The outcomes that it may have, and what it is called.
    Switch(Vec<Truth>, String),
}

/// The values of an attribute that no test tells apart, by one of them.
#[derive(Debug)]
struct Class {
    /// `None` for what is missing or may not be read.
    point: Option<Point>,
    withheld: bool,
}

/// How one test comes out over the classes of its path.
#[derive(Debug, Default)]
struct Atom {
    variable: usize,
    /// The classes for which it comes out as true, false and unknown.
    classes: [Vec<u64>; 3],
    /// The classes for which its switch decides.
    switched: Vec<u64>,
    /// The switch, and whether this test turns it around.
    switch: Option<(usize, bool)>,
}

/// The classes that are left of every variable.
type State = Vec<u64>;

/// There was more to look at than was allowed.
struct Spent;

const TRUTHS: [Truth; 3] = [Truth::True, Truth::False, Truth::Unknown];

impl<'r> Space<'r> {
    /// Parts the values of every attribute that the rules read into classes; `known` says what is known of a path.
    pub fn new(rules: &'r Rules, known: impl Fn(&str) -> Known) -> Self {
        let mut by_path: Vec<Vec<&Test>> = vec![Vec::new(); rules.paths.len()];
        for rule in 0..rules.len() {
            rules.tests(rule, false, &mut |test| {
                if let Some(tests) = by_path.get_mut(test.path) {
                    tests.push(test);
                }
            });
        }
        let mut space = Self {
            rules,
            variables: Vec::new(),
            atoms: Vec::new(),
            looks: Cell::new(0),
            left_open: Cell::new(false),
        };
        let mut width = 0;
        let mut opaque: Vec<(&Test, bool)> = Vec::new();
        for (path, tests) in by_path.iter().enumerate() {
            let text = rules.paths.get(path).map_or("", super::scope::Path::text);
            let known = known(text);
            let is_text = matches!(known.sort, Some(Sort::Text | Sort::Date));
            let plan = points::plan(tests, &known, NOW);
            let hidden = tests.iter().zip(&plan.opaque).filter(|(_, opaque)| **opaque);
            opaque.extend(hidden.map(|(test, _)| (*test, is_text)));
            let classes = space.classes(path, tests, plan);
            let words = classes.len().div_ceil(64);
            space.variables.push(Variable { words: (width, words), kind: Kind::Path(classes) });
            width += words;
        }
        let mut switches: BTreeMap<(usize, u8, String), usize> = BTreeMap::new();
        for (test, is_text) in opaque {
            let (operator, negated) = plain(test, is_text);
            // By the operator, not by its name: a bare value is told as `$eq` and asks for less.
            let key = (test.path, operator as u8, test.expected.to_string());
            let next = space.variables.len();
            let variable = *switches.entry(key).or_insert(next);
            if variable == next {
                let called = format!("{} {} {}", rules.path(test), operator.name(), test.expected);
                let mut truths = vec![Truth::True, Truth::False];
                if may_be_unknown(&test.ask) {
                    truths.push(Truth::Unknown);
                }
                space.variables.push(Variable { words: (width, 1), kind: Kind::Switch(truths, called) });
                width += 1;
            }
            if let Some(atom) = space.atoms.get_mut(test.number) {
                atom.switch = Some((variable, negated));
            }
        }
        space
    }

    /// How many looks at one test were taken in all searches so far.
    pub fn looks(&self) -> u64 {
        self.looks.get()
    }

    /// The classes of one path: each way in which its tests come out together, and one value that makes them do so.
    fn classes(&mut self, path: usize, tests: &[&Test], plan: Plan) -> Vec<Class> {
        let points: Vec<Option<Point>> = plan.points.into_iter().map(Some).collect();
        let mut candidates: Vec<Class> = points
            .into_iter()
            .chain([None])
            .map(|point| Class { point, withheld: false })
            .chain([Class { point: None, withheld: true }])
            .collect();
        // What is complete goes first, to stand for what is not and comes out alike.
        candidates.sort_by_key(|class| class.point.as_ref().is_none_or(|point| !point.complete));
        let mut slots: Vec<Slot<'_>> = vec![Slot::Missing; self.rules.paths.len()];
        let mut ways: BTreeMap<(bool, Vec<Option<u8>>), usize> = BTreeMap::new();
        let mut kept = Vec::new();
        for (index, class) in candidates.iter().enumerate() {
            if let Some(slot) = slots.get_mut(path) {
                *slot = match &class.point {
                    Some(point) => Slot::There(&point.value, point.at),
                    None if class.withheld => Slot::Withheld,
                    None => Slot::Missing,
                };
            }
            let asked = Asked::new(self.rules, slots, Moment { now: NOW });
            let comes_out = tests.iter().zip(&plan.opaque).map(|(test, opaque)| {
                let is_open = *opaque && matches!(asked.slot(test), Slot::There(..));
                (!is_open).then(|| asked.test(test) as u8)
            });
            let way: Vec<Option<u8>> = comes_out.collect();
            slots = asked.slots;
            if !ways.contains_key(&(class.withheld, way.clone())) {
                ways.insert((class.withheld, way), kept.len());
                kept.push(index);
            }
        }
        let words = kept.len().div_ceil(64);
        for (place, test) in tests.iter().enumerate() {
            if self.atoms.len() <= test.number {
                self.atoms.resize_with(test.number + 1, Atom::default);
            }
            let Some(atom) = self.atoms.get_mut(test.number) else { continue };
            atom.variable = path;
            atom.switched = vec![0; words];
            atom.classes = std::array::from_fn(|_| vec![0; words]);
            for ((_, way), class) in &ways {
                let set = match way.get(place).copied().flatten() {
                    Some(truth) => atom.classes.get_mut(usize::from(truth)),
                    None => Some(&mut atom.switched),
                };
                set.into_iter().for_each(|set| put(set, *class));
            }
        }
        let mut candidates: Vec<Option<Class>> = candidates.into_iter().map(Some).collect();
        kept.into_iter().filter_map(|index| candidates.get_mut(index).and_then(Option::take)).collect()
    }

    /// Everybody who is looked among.
    fn everybody(&self, who: Who) -> State {
        let mut state = State::new();
        for (path, variable) in self.variables.iter().enumerate() {
            let mut words = vec![0; variable.words.1];
            match &variable.kind {
                Kind::Switch(truths, _) => (0..truths.len()).for_each(|truth| put(&mut words, truth)),
                Kind::Path(classes) => {
                    let is_users = self.rules.paths.get(path).is_some_and(super::scope::Path::is_users);
                    for (index, class) in classes.iter().enumerate() {
                        let is_in = match who {
                            Who::Anybody => !class.withheld,
                            Who::AllKnown => class.point.as_ref().is_some_and(|point| point.complete),
                            Who::Likely => {
                                class.point.as_ref().is_some_and(|point| point.complete && point.likely)
                            }
                            Who::WithoutConsent => class.withheld == is_users,
                        };
                        if is_in {
                            put(&mut words, index);
                        }
                    }
                }
            }
            state.extend(words);
        }
        state
    }

    /// Looks for somebody of whom all this is so, taking at most so many looks at one test. Somebody who is so whatever
    /// opaque tests come to is found before anybody who hangs on them.
    pub fn find(&self, goals: &[Goal], who: Who, looks: u64) -> Found {
        let all = self.everybody(who);
        for hanging in [false, true] {
            let mut state = all.clone();
            self.left_open.set(false);
            let until = self.looks.get().saturating_add(looks / 2);
            match self.search(&mut state, goals, hanging, until) {
                Ok(true) => return Found::Somebody(self.example(&all, &state, goals)),
                Ok(false) if !self.left_open.get() => return Found::Nobody,
                Ok(false) => {}
                Err(Spent) if hanging => return Found::TooMany,
                Err(Spent) => {}
            }
        }
        Found::TooMany
    }

    /// Whether anybody is left of whom all this is so: then only such are left. `hanging` where that may hang on opaque
    /// tests.
    fn search(&self, state: &mut State, goals: &[Goal], hanging: bool, until: u64) -> Result<bool, Spent> {
        let mut rest = goals;
        while let Some((goal, after)) = rest.split_first() {
            let Some(clause) = self.rules.rules.get(goal.rule) else { return Ok(false) };
            let (outcomes, parting) = self.decide(clause, state, hanging);
            if self.looks.get() > until {
                return Err(Spent);
            }
            let others = outcomes.has(Truth::False) || outcomes.has(Truth::Unknown);
            match (goal.matches, outcomes.has(Truth::True), others) {
                (true, true, false) | (false, false, true) => rest = after,
                (true, false, _) | (false, _, false) => return Ok(false),
                _ => {
                    let Some(atom) = parting else {
                        self.left_open.set(true);
                        return Ok(false);
                    };
                    return self
                        .part(state, atom, goal.matches, |state| self.search(state, rest, hanging, until));
                }
            }
        }
        Ok(true)
    }

    /// All that a clause could come to, and a test that would tell more.
    fn decide(&self, clause: &Clause, state: &State, hanging: bool) -> (Outcomes, Option<&Atom>) {
        // A test that may hold or not tells more than one that is false or unknown, which often makes no difference.
        let (parting, lesser): (Cell<Option<&Atom>>, Cell<Option<&Atom>>) = Default::default();
        let outcomes = decide(clause, &|test: &Test| {
            self.looks.set(self.looks.get() + 1);
            let Some(atom) = self.atoms.get(test.number) else { return Outcomes(0b111) };
            let outcomes = self.outcomes(atom, state);
            if !outcomes.is_certain() {
                let into = if outcomes.has(Truth::True) { &parting } else { &lesser };
                if into.get().is_none() && (hanging || self.is_parted(atom, state)) {
                    into.set(Some(atom));
                }
            }
            outcomes
        });
        (outcomes, parting.get().or(lesser.get()))
    }

    fn left<'s>(&self, variable: usize, state: &'s State) -> &'s [u64] {
        let words = self.variables.get(variable).map_or((0, 0), |variable| variable.words);
        state.get(words.0..words.0 + words.1).unwrap_or_default()
    }

    fn outcomes(&self, atom: &Atom, state: &State) -> Outcomes {
        let left = self.left(atom.variable, state);
        let mut outcomes = Outcomes::NONE;
        for (truth, classes) in TRUTHS.into_iter().zip(&atom.classes) {
            outcomes = outcomes.with(Outcomes::when(meets(left, classes), truth));
        }
        if meets(left, &atom.switched) {
            outcomes = outcomes.with(self.switch(atom, state));
        }
        outcomes
    }

    fn switch(&self, atom: &Atom, state: &State) -> Outcomes {
        let Some((variable, negated)) = atom.switch else { return Outcomes(0b111) };
        // The outcomes of a switch stand in the order of `TRUTHS`.
        let left = self.left(variable, state).first().copied().unwrap_or_default();
        let open = TRUTHS.into_iter().enumerate().filter(|(place, _)| left >> place & 1 == 1);
        let open = open.fold(Outcomes::NONE, |so_far, (_, truth)| so_far.with(Outcomes::only(truth)));
        if negated { open.negate() } else { open }
    }

    /// Whether what is left of an attribute falls into several parts by this test, its switch aside.
    fn is_parted(&self, atom: &Atom, state: &State) -> bool {
        let left = self.left(atom.variable, state);
        atom.classes.iter().chain([&atom.switched]).filter(|classes| meets(left, classes)).count() > 1
    }

    /// Parts what is left by how one test comes out, and searches each part; of what is found, all is left.
    fn part(
        &self,
        state: &mut State,
        atom: &Atom,
        holds_first: bool,
        mut search: impl FnMut(&mut State) -> Result<bool, Spent>,
    ) -> Result<bool, Spent> {
        let [yes, no, unknown] = &atom.classes;
        let mut parts: Vec<(usize, Vec<u64>)> = Vec::new();
        if self.is_parted(atom, state) {
            // What does not hold is kept together as long as it makes no difference whether it is false or unknown.
            let left = self.left(atom.variable, state);
            let classes = if meets(left, yes) || meets(left, &atom.switched) {
                let others = no.iter().zip(unknown).map(|(no, unknown)| no | unknown).collect();
                vec![yes.clone(), atom.switched.clone(), others]
            } else {
                vec![no.clone(), unknown.clone()]
            };
            parts.extend(classes.into_iter().map(|classes| (atom.variable, classes)));
            if !holds_first {
                parts.reverse();
            }
        } else if let Some((variable, _)) = atom.switch {
            parts.extend((0..TRUTHS.len()).map(|truth| (variable, vec![1 << truth])));
        }
        for (variable, part) in parts {
            let start = self.variables.get(variable).map_or(0, |variable| variable.words.0);
            let before = self.left(variable, state).to_vec();
            if !meets(&before, &part) {
                continue;
            }
            for (word, part) in state.iter_mut().skip(start).zip(&part) {
                *word &= part;
            }
            if search(state)? {
                return Ok(true);
            }
            for (word, before) in state.iter_mut().skip(start).zip(before) {
                *word = before;
            }
        }
        Ok(false)
    }

    /// Somebody of those who are left.
    fn example(&self, all: &State, state: &State, goals: &[Goal]) -> Example {
        let mut example = Example { now: NOW, ..Example::default() };
        let read: Vec<&str> = goals.iter().flat_map(|goal| self.rules.reads(goal.rule)).collect();
        for (index, variable) in self.variables.iter().enumerate() {
            let (all, left) = (self.left(index, all), self.left(index, state));
            let matters = all != left;
            match &variable.kind {
                Kind::Switch(_, called) if matters => example.hangs_on.push(called.clone()),
                Kind::Switch(..) => {}
                Kind::Path(classes) => {
                    let path = self.rules.paths.get(index).map_or("", super::scope::Path::text);
                    let first = classes
                        .iter()
                        .enumerate()
                        .find(|(class, _)| has(left, *class))
                        .map(|(_, class)| class);
                    let Some(class) = first.filter(|_| read.contains(&path)) else { continue };
                    if matters {
                        example.told.push(match &class.point {
                            Some(point) => format!("{path} {}", point.told),
                            None => format!("no {path}"),
                        });
                    }
                    example.given.extend(class.point.as_ref().map(|point| Given {
                        path: path.to_owned(),
                        value: point.value.clone(),
                        at: point.at,
                    }));
                }
            }
        }
        example
    }
}

/// An opaque test by the operator that is not negated, and whether its own is. Texts stand in one order, so that of any
/// two one goes before the other or they are the same.
fn plain(test: &Test, is_text: bool) -> (Operator, bool) {
    let is_ordered = is_text && test.expected.is_string();
    match test.operator {
        Operator::Ne => (Operator::Eq, true),
        Operator::Nin => (Operator::In, true),
        Operator::Nini => (Operator::Ini, true),
        Operator::NotInGroup => (Operator::InGroup, true),
        Operator::NotRegex => (Operator::Regex, true),
        Operator::NotRegexi => (Operator::Regexi, true),
        Operator::Lt if is_ordered => (Operator::Gte, true),
        Operator::Lte if is_ordered => (Operator::Gt, true),
        operator => (operator, false),
    }
}

/// Whether a test of a value that is there can be unknown: what is asked of a list's items, or of a date that is none.
fn may_be_unknown(ask: &Ask) -> bool {
    matches!(
        ask,
        Ask::All(_)
            | Ask::Size(_)
            | Ask::Item(_)
            | Ask::ItemWhere(_)
            | Ask::Not(_)
            | Ask::Within(_)
            | Ask::OlderThan(_)
    )
}

fn put(words: &mut [u64], index: usize) {
    if let Some(word) = words.get_mut(index / 64) {
        *word |= 1 << (index % 64);
    }
}

fn has(words: &[u64], index: usize) -> bool {
    words.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
}

fn meets(a: &[u64], b: &[u64]) -> bool {
    a.iter().zip(b).any(|(a, b)| a & b != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All sets of outcomes but the empty one.
    fn sets() -> impl Iterator<Item = (Outcomes, Vec<Truth>)> {
        (1..8).map(|bits| {
            (Outcomes(bits), TRUTHS.into_iter().filter(|truth| Outcomes(bits).has(*truth)).collect())
        })
    }

    fn of(truths: impl Iterator<Item = Truth>) -> Outcomes {
        truths.fold(Outcomes::NONE, |so_far, truth| so_far.with(Outcomes::only(truth)))
    }

    #[test]
    fn sets_of_outcomes_join_as_their_members_do() {
        for (a, in_a) in sets() {
            assert_eq!(a.negate(), of(in_a.iter().map(|truth| truth.negate())));
            for (b, in_b) in sets() {
                let pairs = || in_a.iter().flat_map(|a| in_b.iter().map(move |b| (*a, *b)));
                assert_eq!(a.and(b), of(pairs().map(|(a, b)| a.and(b))), "{a:?} {b:?}");
                assert_eq!(a.or(b), of(pairs().map(|(a, b)| a.or(b))), "{a:?} {b:?}");
                for at_least in [-1.0, 0.5, 1.0, 2.0, 3.5] {
                    for add in [2.0, -2.0] {
                        let score = Score { parts: Vec::new(), at_least };
                        let come = Outcomes::enough(&score, [(a, 1.5), (b, add)].into_iter());
                        let each = of(pairs().map(|(a, b)| score.sum([(a, 1.5), (b, add)].into_iter()).1));
                        // It may say more than there is, never less; of what is certain it says what there is.
                        assert_eq!(each.0 & !come.0, 0, "{a:?} {b:?} {at_least}");
                        assert!(!a.is_certain() || !b.is_certain() || come == each);
                    }
                }
            }
        }
    }
}
