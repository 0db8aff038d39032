//! From a file's values to [`Rules`], with a fault for everything that could not mean what its writer hoped.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::Value;

use super::operator::{Ask, Asks, KINDS, Members, OPERATORS, OURS};
use super::scope::Path;
use super::{Clause, Condition, Operator, Rules, Score, Semantics, Test, pattern, script, version};
use crate::diagnostic::Span;
use crate::document::{self, Faults, Kind, Node, did_you_mean, entries, list};

/// The longest list that `$in` and its kin take.
const MAX_LIST: usize = 1_000;
/// The most members of a group.
pub(crate) const MAX_GROUP: usize = 100_000;

/// Judges an attribute's path: `Err` holds what is wrong and what to write instead.
pub type CheckPath<'c> = &'c dyn Fn(&str) -> Result<(), (String, String)>;

/// Named lists of values, for `$inGroup`.
pub type Groups = BTreeMap<String, Vec<Value>>;

/// Reads conditions that are asked together.
pub struct Reader<'r> {
    check_path: CheckPath<'r>,
    groups: &'r Groups,
    faults: &'r Faults,
    allowed: Allowed,
    paths: RefCell<Vec<Path>>,
    /// How many tests were read.
    tests: Cell<usize>,
    /// The semantics of the condition that is being read.
    semantics: Cell<Semantics>,
}

/// What a condition may say, beyond GrowthBook's operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Allowed {
    /// Facts and the moment, and nothing whose outcome changes while they stay the same.
    Timeless,
    /// Durations and other conditions of the set.
    Everything,
    /// Whatever GrowthBook takes, and durations under strict semantics: what could never hold is no fault.
    Lines,
}

/// Reads one condition about facts and the moment, which no passing of time decides. `check_path` judges each
/// attribute's path. `None` when anything in it is faulty.
pub fn read(node: &Node, check_path: CheckPath<'_>, faults: &Faults) -> Option<Condition> {
    let before = faults.errors();
    let groups = Groups::new();
    let reader = Reader::over(check_path, &groups, faults, Allowed::Timeless);
    let clause = reader.all(node);
    (faults.errors() == before).then(|| Condition(reader.rules(vec![Arc::new(clause)])))
}

/// Reads conditions that were read before, so that they can be held against one another; paths begin anywhere. `None`
/// when any of them cannot be read.
pub fn together(nodes: &[Node]) -> Option<Rules> {
    let (groups, faults) = (Groups::new(), Faults::of(""));
    let reader = Reader::over(&|_| Ok(()), &groups, &faults, Allowed::Timeless);
    let clauses = nodes.iter().map(|node| Arc::new(reader.all(node))).collect();
    (faults.errors() == 0).then(|| reader.rules(clauses))
}

/// Makes a condition of JSON, as other programs send it: paths begin anywhere. What GrowthBook reads as never holding,
/// such as `$in` without a list, is no fault; under strict semantics an unknown operator and a faulty pattern are.
///
/// # Errors
/// What is wrong with it, in one sentence each.
pub fn compile(condition: &Value, semantics: Semantics, groups: &Groups) -> Result<Condition, Vec<String>> {
    let faults = Faults::of("");
    let reader = Reader::over(&|_| Ok(()), groups, &faults, Allowed::Lines);
    reader.semantics.set(semantics);
    let clause = reader.all(&Node::from_json(condition));
    let rules = reader.rules(vec![Arc::new(clause)]);
    let said = |fault: crate::diagnostic::Diagnostic| match fault.help {
        Some(help) => format!("{}: {help}", fault.message),
        None => fault.message,
    };
    let said: Vec<String> = faults.into_diagnostics().into_iter().map(said).collect();
    if said.is_empty() { Ok(Condition(rules)) } else { Err(said) }
}

/// A condition that was read, and still has to be put among the others that it may refer to.
#[derive(Clone, Debug, Default)]
pub struct Unlinked {
    clauses: Vec<Clause>,
}

impl Unlinked {
    /// The conditions that it refers to by name.
    pub fn refers(&self) -> Vec<&str> {
        fn walk<'c>(clause: &'c Clause, into: &mut Vec<&'c str>) {
            match clause {
                Clause::All(clauses) | Clause::Any(clauses) => clauses.iter().for_each(|c| walk(c, into)),
                Clause::Not(clause) => walk(clause, into),
                Clause::Test(_) => {}
                Clause::Score(score) => score.parts.iter().for_each(|(part, _)| walk(part, into)),
                Clause::Rule { id, .. } => into.push(id),
            }
        }
        let mut ids = Vec::new();
        self.clauses.iter().for_each(|clause| walk(clause, &mut ids));
        ids
    }
}

impl<'r> Reader<'r> {
    /// A reader of conditions that may ask for durations, groups and one another.
    pub fn new(check_path: CheckPath<'r>, groups: &'r Groups, faults: &'r Faults) -> Self {
        Self::over(check_path, groups, faults, Allowed::Everything)
    }

    fn over(check_path: CheckPath<'r>, groups: &'r Groups, faults: &'r Faults, allowed: Allowed) -> Self {
        let (paths, tests, semantics) = (RefCell::default(), Cell::default(), Cell::default());
        Self { check_path, groups, faults, allowed, paths, tests, semantics }
    }

    /// Reads a condition; what is faulty is said, and never holds.
    pub fn when(&self, node: &Node, semantics: Semantics) -> Unlinked {
        self.semantics.set(semantics);
        Unlinked { clauses: vec![self.all(node)] }
    }

    /// Puts a sum of parts beside what was read: of those that hold, the points must come to at least so many.
    pub fn score(&self, into: &mut Unlinked, parts: Vec<(Unlinked, f64)>, at_least: f64) {
        let parts = parts.into_iter().map(|(part, add)| (joined(part.clauses), add)).collect();
        into.clauses.push(Clause::Score(Score { parts, at_least }));
    }

    /// Puts conditions together, each under its name; what one says of another by `$segment` is looked up. Names that
    /// are not there, and those that refer to one another in a circle, stay unknown: the caller has said so.
    pub fn link(self, named: Vec<(String, Unlinked)>) -> Rules {
        let mut linked: BTreeMap<&str, Arc<Clause>> = BTreeMap::new();
        // Each round links what refers to nothing that is not linked; the last round links what is left as it is.
        for last in (0..=named.len()).rev() {
            for (id, unlinked) in &named {
                let ready = unlinked.refers().iter().all(|id| linked.contains_key(id));
                if !linked.contains_key(id.as_str()) && (ready || last == 0) {
                    let mut clause = joined(unlinked.clauses.clone());
                    put(&mut clause, &linked);
                    linked.insert(id, Arc::new(clause));
                }
            }
            if linked.len() == named.len() {
                break;
            }
        }
        let rules = named.iter().filter_map(|(id, _)| linked.get(id.as_str()).cloned()).collect();
        self.rules(rules)
    }

    fn rules(self, rules: Vec<Arc<Clause>>) -> Rules {
        let mut dated = Vec::new();
        rules.iter().for_each(|rule| dates(rule, &mut dated));
        Rules { paths: self.paths.into_inner(), dated, rules }
    }

    fn path(&self, path: &str) -> usize {
        let mut paths = self.paths.borrow_mut();
        let known = paths.iter().position(|known| known.text() == path);
        known.unwrap_or_else(|| {
            paths.push(Path::new(path));
            paths.len() - 1
        })
    }

    /// Whether faults are said that GrowthBook would not see: what can never hold in a file that a person wrote.
    fn is_helpful(&self) -> bool {
        self.allowed != Allowed::Lines && self.semantics.get() == Semantics::Strict
    }

    /// Whether a line of somebody else's program is read, by our own semantics.
    fn is_strict_line(&self) -> bool {
        self.allowed == Allowed::Lines && self.semantics.get() == Semantics::Strict
    }

    /// A map of conditions that must all hold.
    fn all(&self, node: &Node) -> Clause {
        if self.allowed == Allowed::Lines && !matches!(node.kind, Kind::Map(_)) {
            // What is no object asks nothing; a number or text has no keys.
            return Clause::All(Vec::new());
        }
        let clauses: Vec<Clause> = entries(node, self.faults)
            .iter()
            .map(|(key, value)| match key.text.as_str() {
                "$and" => Clause::All(self.each(value)),
                "$or" => self.any(value),
                "$nor" => Clause::Not(Box::new(self.any(value))),
                "$not" => Clause::Not(Box::new(self.all(value))),
                "$segment" if self.allowed == Allowed::Everything => self.segment(value),
                "$segment" if self.is_strict_line() => {
                    let help = "ask for the attributes themselves";
                    self.faults.error_with_help(key.span, "there are no segments here to ask for", help);
                    Clause::All(Vec::new())
                }
                unknown if unknown.starts_with('$') && self.allowed != Allowed::Lines => {
                    let all = ["$and", "$or", "$nor", "$not", "$segment"];
                    let joins = all.into_iter().take(if self.allowed == Allowed::Everything { 5 } else { 4 });
                    let help = did_you_mean(unknown, joins);
                    self.faults.error_with_help(key.span, format!("`{unknown}` joins no conditions"), help);
                    Clause::All(Vec::new())
                }
                path => {
                    if let Err((message, help)) = (self.check_path)(path) {
                        self.faults.error_with_help(key.span, message, help);
                    }
                    self.field(path, value)
                }
            })
            .collect();
        joined(clauses)
    }

    fn each(&self, node: &Node) -> Vec<Clause> {
        let is_line = self.allowed == Allowed::Lines;
        if is_line && self.semantics.get() == Semantics::GrowthBook && !matches!(node.kind, Kind::List(_)) {
            return Vec::new();
        }
        let items = list(node, self.faults);
        if self.is_helpful() && items.is_empty() && matches!(node.kind, Kind::List(_)) {
            self.faults.error_with_help(
                node.span,
                "this list of conditions is empty",
                "list at least one condition",
            );
        }
        items.iter().map(|item| self.all(item)).collect()
    }

    /// One of these; of none at all, GrowthBook says that it holds.
    fn any(&self, node: &Node) -> Clause {
        let clauses = self.each(node);
        if clauses.is_empty() { Clause::All(clauses) } else { Clause::Any(clauses) }
    }

    fn segment(&self, node: &Node) -> Clause {
        let ids = document::texts(node, self.faults);
        let clauses = ids.into_iter().map(|id| Clause::Rule { id, rule: None });
        joined(clauses.collect())
    }

    /// What is asked of one attribute: a value to equal, or operators.
    fn field(&self, path: &str, node: &Node) -> Clause {
        let index = self.path(path);
        let Some(operators) = self.operators(node) else {
            return self.test(index, Operator::Is, node, self.bare(node, false), None);
        };
        let fresh =
            operators.iter().find(|(key, _)| key.text == "$fresh").and_then(|(_, node)| self.age(node));
        let tests = operators.iter().map(|(key, value)| match key.text.as_str() {
            "$not" => Clause::Not(Box::new(self.field(path, value))),
            name => {
                let (operator, ask) = self.ask(name, key.span, value);
                self.test(index, operator, value, ask, fresh)
            }
        });
        joined(tests.collect())
    }

    fn test(
        &self,
        path: usize,
        operator: Operator,
        node: &Node,
        ask: Ask,
        fresh: Option<SignedDuration>,
    ) -> Clause {
        let number = self.tests.get();
        self.tests.set(number + 1);
        let expected = node.to_json();
        Clause::Test(Test { number, path, operator, expected, ask, semantics: self.semantics.get(), fresh })
    }

    /// The operators of a value, when it is a map of them.
    fn operators<'n>(&self, node: &'n Node) -> Option<&'n [(document::Key, Node)]> {
        let Kind::Map(entries) = &node.kind else { return None };
        let is_operator = |(key, _): &&(document::Key, Node)| key.text.starts_with('$');
        let operators = entries.iter().filter(is_operator).count();
        if operators > 0 && operators < entries.len() && self.allowed != Allowed::Lines {
            let stray = entries.iter().find(|entry| !is_operator(entry));
            if let Some((key, _)) = stray {
                let message = format!("`{}` stands among operators", key.text);
                self.faults.error_with_help(key.span, message, "begin it with `$`, or take it out");
            }
        }
        (operators > 0 && operators == entries.len()).then_some(entries.as_slice())
    }

    /// Questions about one value: a value to equal, or operators.
    fn asks(&self, node: &Node, insensitive: bool) -> Asks {
        let Some(operators) = self.operators(node) else { return vec![self.bare(node, insensitive)] };
        let ask = |(key, value): &(document::Key, Node)| match key.text.as_str() {
            "$not" => Ask::Not(self.asks(value, false)),
            name => self.ask(name, key.span, value).1,
        };
        operators.iter().map(ask).collect()
    }

    /// A value by itself: the same, texts and numbers read as one another.
    fn bare(&self, node: &Node, insensitive: bool) -> Ask {
        match node.to_json() {
            Value::String(text) if insensitive => Ask::TextInsensitive(script::lower(&text).into_owned()),
            Value::String(text) => Ask::Text(text),
            Value::Number(number) => Ask::Number(number.as_f64().unwrap_or(f64::NAN)),
            Value::Bool(truth) => Ask::Truth(truth),
            Value::Null => {
                self.no_null(node);
                Ask::Null
            }
            json => Ask::Json(script::json_text(&json)),
        }
    }

    fn no_null(&self, node: &Node) {
        if self.is_helpful() {
            self.faults.error_with_help(
                node.span,
                "nothing can be compared with a missing value",
                "write `{$exists: false}` to ask whether it is missing",
            );
        }
    }

    /// A fault that GrowthBook would read as a test that never holds.
    fn never(&self, node: &Node, message: &str, help: &str) -> Ask {
        if self.is_helpful() {
            self.faults.error_with_help(node.span, message, help);
        }
        Ask::Never
    }

    fn ask(&self, name: &str, span: Span, node: &Node) -> (Operator, Ask) {
        const LESS: &[Ordering] = &[Ordering::Less];
        const LESS_OR_SAME: &[Ordering] = &[Ordering::Less, Ordering::Equal];
        const SAME: &[Ordering] = &[Ordering::Equal];
        const OTHER: &[Ordering] = &[Ordering::Less, Ordering::Greater];
        const MORE: &[Ordering] = &[Ordering::Greater];
        const MORE_OR_SAME: &[Ordering] = &[Ordering::Greater, Ordering::Equal];
        // GrowthBook's own reading knows none of our operators.
        let ours = if self.semantics.get() == Semantics::Strict { OURS } else { &[] };
        let found = OPERATORS.iter().chain(ours).find(|(known, _)| *known == name);
        let Some((_, operator)) = found else {
            if self.allowed != Allowed::Lines || self.semantics.get() == Semantics::Strict {
                let known = OPERATORS.iter().chain(ours).map(|(known, _)| *known).chain(["$not"]);
                let help = match name {
                    "$min" => "write `$gte`: this or greater".to_owned(),
                    "$max" => "write `$lte`: this or less".to_owned(),
                    _ if OURS.iter().any(|(ours, _)| *ours == name) => {
                        "GrowthBook has none such: write `semantics: strict`".to_owned()
                    }
                    _ => did_you_mean(name, known),
                };
                self.faults.error_with_help(span, format!("`{name}` is no operator"), help);
            }
            return (Operator::Unheard, Ask::Never);
        };
        let ask = match operator {
            Operator::Eq | Operator::Ne => {
                let value = node.to_json();
                if value.is_null() {
                    self.no_null(node);
                }
                Ask::Identical { value, negated: *operator == Operator::Ne }
            }
            Operator::Gt => self.compared(node, MORE),
            Operator::Gte => self.compared(node, MORE_OR_SAME),
            Operator::Lt => self.compared(node, LESS),
            Operator::Lte => self.compared(node, LESS_OR_SAME),
            Operator::Veq => self.version(node, SAME),
            Operator::Vne => self.version(node, OTHER),
            Operator::Vgt => self.version(node, MORE),
            Operator::Vgte => self.version(node, MORE_OR_SAME),
            Operator::Vlt => self.version(node, LESS),
            Operator::Vlte => self.version(node, LESS_OR_SAME),
            Operator::In => self.among(node, false, false),
            Operator::Nin => self.among(node, false, true),
            Operator::Ini => self.among(node, true, false),
            Operator::Nini => self.among(node, true, true),
            Operator::InGroup => self.group(node, false),
            Operator::NotInGroup => self.group(node, true),
            Operator::All => self.every(node, false),
            Operator::Alli => self.every(node, true),
            Operator::Size => Ask::Size(self.asks(node, false)),
            Operator::ElemMatch => self.item(node),
            Operator::Exists => match node.to_json() {
                Value::Bool(there) => Ask::Exists(there),
                other => {
                    if self.is_helpful() {
                        let help = "write `true` or `false`";
                        self.faults.error_with_help(node.span, "a truth value is needed here", help);
                    }
                    Ask::Exists(script::truthy(&other))
                }
            },
            Operator::Type => match node.to_json() {
                Value::String(kind) if KINDS.contains(&kind.as_str()) => Ask::Type(kind),
                _ => self.never(
                    node,
                    "this is no kind of value",
                    &format!("write one of {}", KINDS.join(", ")),
                ),
            },
            Operator::Regex => self.pattern(node, false, false),
            Operator::Regexi => self.pattern(node, true, false),
            Operator::NotRegex => self.pattern(node, false, true),
            Operator::NotRegexi => self.pattern(node, true, true),
            Operator::Within => self.duration(node).map_or(Ask::Never, Ask::Within),
            Operator::OlderThan => self.duration(node).map_or(Ask::Never, Ask::OlderThan),
            Operator::Fresh => {
                self.timed(node);
                Ask::Always
            }
            Operator::Is | Operator::Not | Operator::Unheard => Ask::Never,
        };
        (*operator, ask)
    }

    fn compared(&self, node: &Node, allowed: &'static [Ordering]) -> Ask {
        let to = node.to_json();
        match &to {
            Value::Null => self.no_null(node),
            Value::Array(_) | Value::Object(_) => {
                self.never(node, "only numbers and texts can be compared by size", "write one number");
            }
            _ => {}
        }
        Ask::Compared { to, allowed }
    }

    fn version(&self, node: &Node, allowed: &'static [Ordering]) -> Ask {
        let to = node.to_json();
        if !matches!(&to, Value::String(text) if !text.is_empty()) && !to.is_number() {
            self.never(node, "a version is needed here", "write it as a text, such as `\"1.20.0\"`");
        }
        Ask::Version { to: version::padded(&to), allowed }
    }

    fn among(&self, node: &Node, insensitive: bool, negated: bool) -> Ask {
        match node.to_json() {
            Value::Array(values) => {
                if values.len() > MAX_LIST && self.allowed != Allowed::Lines {
                    let help = "list at most 1,000 values, or make a group of them for `$inGroup`";
                    self.faults.error_with_help(node.span, "this list is too long", help);
                }
                Ask::Among { members: Arc::new(Members::new(values, insensitive)), negated }
            }
            _ => self.never(node, "a list is needed here", "write `[one, another]`"),
        }
    }

    fn group(&self, node: &Node, negated: bool) -> Ask {
        let id = script::text_of(&node.to_json()).into_owned();
        let members = self.groups.get(&id);
        if members.is_none() && self.allowed != Allowed::Lines {
            let known = self.groups.keys().map(String::as_str);
            let help = match self.groups.is_empty() {
                true => "declare it: `groups:` … `vip: [one, another]`".to_owned(),
                false => did_you_mean(&id, known),
            };
            self.faults.error_with_help(node.span, format!("there is no group `{id}`"), help);
        }
        let members = Members::new(members.into_iter().flatten().cloned(), false);
        Ask::Among { members: Arc::new(members), negated }
    }

    fn every(&self, node: &Node, insensitive: bool) -> Ask {
        match &node.kind {
            Kind::List(items) => {
                if items.len() > MAX_LIST && self.allowed != Allowed::Lines {
                    self.faults.error_with_help(
                        node.span,
                        "this list is too long",
                        "list at most 1,000 values",
                    );
                }
                let texts = items.iter().map(|item| match item.to_json() {
                    Value::String(text) if insensitive => Some(script::lower(&text).into_owned()),
                    Value::String(text) => Some(text),
                    _ => None,
                });
                match texts.collect::<Option<Vec<String>>>() {
                    Some(mut texts) => {
                        texts.sort_unstable();
                        texts.dedup();
                        Ask::AllTexts { texts, insensitive }
                    }
                    None => Ask::All(items.iter().map(|item| self.asks(item, insensitive)).collect()),
                }
            }
            _ => self.never(node, "a list is needed here", "write `[one, another]`"),
        }
    }

    fn item(&self, node: &Node) -> Ask {
        match &node.kind {
            Kind::Map(_) if self.operators(node).is_some() => Ask::Item(self.asks(node, false)),
            Kind::Map(_) => {
                // Its paths begin at the item; they are nobody's attributes.
                let inner = Reader::over(&|_| Ok(()), self.groups, self.faults, self.within());
                inner.semantics.set(self.semantics.get());
                let clause = inner.all(node);
                Ask::ItemWhere(Box::new(inner.rules(vec![Arc::new(clause)])))
            }
            _ => self.never(node, "operators or a condition are needed here", "write `{$eq: one}`"),
        }
    }

    /// What may be said of an item: no other condition of the set.
    fn within(&self) -> Allowed {
        if self.allowed == Allowed::Everything { Allowed::Timeless } else { self.allowed }
    }

    fn pattern(&self, node: &Node, insensitive: bool, negated: bool) -> Ask {
        let compiled = match node.to_json() {
            Value::String(source) => pattern::compile(&source, insensitive),
            _ => Err("a pattern is needed here, as a text".to_owned()),
        };
        match compiled {
            Ok(pattern) => Ask::Pattern { pattern, negated },
            Err(why) => {
                if self.allowed != Allowed::Lines || self.semantics.get() == Semantics::Strict {
                    let help = "write a pattern such as `^Mozilla/5`, or list the texts with `$in`";
                    self.faults.error_with_help(node.span, format!("this is no pattern: {why}"), help);
                }
                Ask::Never
            }
        }
    }

    /// Says that a test goes by the moment where none may.
    fn timed(&self, node: &Node) {
        if self.allowed == Allowed::Timeless {
            self.faults.error_with_help(
                node.span,
                "what holds here must not change by time passing",
                "write `effective: {from: …, until: …}`, or ask for the fact itself",
            );
        }
    }

    fn duration(&self, node: &Node) -> Option<SignedDuration> {
        self.timed(node);
        document::duration(node, self.faults).and_then(|duration| SignedDuration::try_from(duration).ok())
    }

    /// The oldest that `$fresh` takes: a duration, or `true` for what the attribute's own `max_age` says.
    fn age(&self, node: &Node) -> Option<SignedDuration> {
        match node.to_json() {
            Value::Bool(true) => None,
            Value::Bool(false) => {
                let help = "write `true`, or a duration such as `24h`; leave it out to take any age";
                self.faults.error_with_help(node.span, "`$fresh: false` asks for nothing", help);
                None
            }
            _ => document::duration(node, self.faults).and_then(|d| SignedDuration::try_from(d).ok()),
        }
    }
}

fn joined(mut clauses: Vec<Clause>) -> Clause {
    match clauses.len() {
        1 => clauses.remove(0),
        _ => Clause::All(clauses),
    }
}

/// The paths that a clause asks how long ago they are.
fn dates(clause: &Clause, into: &mut Vec<usize>) {
    match clause {
        Clause::All(clauses) | Clause::Any(clauses) => clauses.iter().for_each(|c| dates(c, into)),
        Clause::Not(clause) => dates(clause, into),
        Clause::Score(score) => score.parts.iter().for_each(|(part, _)| dates(part, into)),
        Clause::Test(test) if matches!(test.ask, Ask::Within(_) | Ask::OlderThan(_)) => {
            if !into.contains(&test.path) {
                into.push(test.path);
            }
        }
        // What it refers to stands in the set itself.
        Clause::Test(_) | Clause::Rule { .. } => {}
    }
}

/// Puts the conditions that a clause refers to in their places.
fn put(clause: &mut Clause, linked: &BTreeMap<&str, Arc<Clause>>) {
    match clause {
        Clause::All(clauses) | Clause::Any(clauses) => clauses.iter_mut().for_each(|c| put(c, linked)),
        Clause::Not(clause) => put(clause, linked),
        Clause::Test(_) => {}
        Clause::Score(score) => score.parts.iter_mut().for_each(|(part, _)| put(part, linked)),
        Clause::Rule { id, rule } => *rule = linked.get(id.as_str()).cloned(),
    }
}
