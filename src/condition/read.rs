//! From a file's values to a [`Condition`], with a fault for everything that could not mean what its writer hoped.

use serde_json::Value;

use super::operator::OPERATORS;
use super::{Clause, Condition, Operator, Test};
use crate::diagnostic::Span;
use crate::document::{Faults, Kind, Node, did_you_mean, entries, list};

/// The longest list that `$in` and `$nin` take.
const MAX_LIST: usize = 1_000;

/// Judges an attribute's path: `Err` holds what is wrong and what to write instead.
pub type CheckPath<'c> = &'c dyn Fn(&str) -> Result<(), (String, String)>;

/// Reads a condition. `check_path` judges each attribute's path.
/// `None` when anything in it is faulty.
pub fn read(node: &Node, check_path: CheckPath<'_>, faults: &Faults) -> Option<Condition> {
    let before = faults.errors();
    let clause = Reader { check_path, faults }.all(node);
    (faults.errors() == before).then_some(Condition(clause))
}

struct Reader<'r> {
    check_path: CheckPath<'r>,
    faults: &'r Faults,
}

impl Reader<'_> {
    /// A map of conditions that must all hold.
    fn all(&self, node: &Node) -> Clause {
        let mut clauses: Vec<Clause> = entries(node, self.faults)
            .iter()
            .map(|(key, value)| match key.text.as_str() {
                "$and" => Clause::All(self.each(value)),
                "$or" => Clause::Any(self.each(value)),
                "$nor" => Clause::Not(Box::new(Clause::Any(self.each(value)))),
                "$not" => Clause::Not(Box::new(self.all(value))),
                unknown if unknown.starts_with('$') => {
                    let help = did_you_mean(unknown, ["$and", "$or", "$nor", "$not"].into_iter());
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
        match clauses.len() {
            1 => clauses.remove(0),
            _ => Clause::All(clauses),
        }
    }

    fn each(&self, node: &Node) -> Vec<Clause> {
        let items = list(node, self.faults);
        if items.is_empty() && matches!(node.kind, Kind::List(_)) {
            self.faults.error_with_help(
                node.span,
                "this list of conditions is empty",
                "list at least one condition",
            );
        }
        items.iter().map(|item| self.all(item)).collect()
    }

    /// What is asked of one attribute: a value to equal, or operators.
    fn field(&self, path: &str, node: &Node) -> Clause {
        match &node.kind {
            Kind::Map(operators) if operators.iter().any(|(key, _)| key.text.starts_with('$')) => {
                let mut clauses: Vec<Clause> = operators
                    .iter()
                    .map(|(key, value)| self.operator(path, &key.text, key.span, value))
                    .collect();
                match clauses.len() {
                    1 => clauses.remove(0),
                    _ => Clause::All(clauses),
                }
            }
            _ => self.test(path, Operator::Eq, node),
        }
    }

    fn operator(&self, path: &str, name: &str, span: Span, node: &Node) -> Clause {
        if name == "$not" {
            return Clause::Not(Box::new(self.field(path, node)));
        }
        match OPERATORS.iter().find(|(known, _)| *known == name) {
            Some((_, operator)) => self.test(path, *operator, node),
            None => {
                let help = did_you_mean(name, OPERATORS.iter().map(|(known, _)| *known).chain(["$not"]));
                self.faults.error_with_help(span, format!("`{name}` is no operator"), help);
                Clause::All(Vec::new())
            }
        }
    }

    fn test(&self, path: &str, operator: Operator, node: &Node) -> Clause {
        let expected = node.to_json();
        let fault = match (operator, &expected) {
            (_, Value::Null) => Some((
                "nothing can be compared with a missing value",
                "write `{$exists: false}` to ask whether it is missing",
            )),
            (Operator::In | Operator::Nin, Value::Array(items)) if items.len() > MAX_LIST => {
                Some(("this list is too long", "list at most 1,000 values"))
            }
            (Operator::In | Operator::Nin, Value::Array(_)) => None,
            (Operator::In | Operator::Nin, _) => Some(("a list is needed here", "write `[one, another]`")),
            (Operator::Exists, Value::Bool(_)) => None,
            (Operator::Exists, _) => Some(("a truth value is needed here", "write `true` or `false`")),
            (
                Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte,
                Value::Array(_) | Value::Object(_),
            ) => Some(("only numbers and texts can be compared by size", "write one number")),
            _ => None,
        };
        if let Some((message, help)) = fault {
            self.faults.error_with_help(node.span, message, help);
        }
        Clause::Test(Test { path: path.to_owned(), operator, expected })
    }
}
