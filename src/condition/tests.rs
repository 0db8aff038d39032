use serde_json::{Value, json};

use super::*;
use crate::document::{Faults, Node};

fn condition(value: &Value) -> Condition {
    let faults = Faults::of("c.yml");
    let read = read(&Node::from_json(value), &|_| Ok(()), &faults);
    read.unwrap_or_else(|| panic!("{:?}", faults.into_diagnostics()))
}

#[track_caller]
fn check(when: Value, user: Value, expected: Truth) {
    let (context, product) = (Map::new(), Map::new());
    let scope = Scope { user: user.as_object(), context: &context, product: &product };
    assert_eq!(condition(&when).evaluate(&scope), expected, "{when} of {user}");
    let negated = json!({ "$not": when });
    assert_eq!(condition(&negated).evaluate(&scope), expected.negate(), "{negated} of {user}");
}

#[test]
fn operators() {
    use Truth::{False, True, Unknown};
    check(json!({}), json!({}), True);
    check(json!({"user.a": 1}), json!({"a": 1.0}), True);
    check(json!({"user.a": 1}), json!({"a": "1"}), False);
    check(json!({"user.a": 1}), json!({}), Unknown);
    check(json!({"user.a": 1}), json!({"a": null}), Unknown);
    check(json!({"user.a": {"$ne": 1}}), json!({"a": 2}), True);
    check(json!({"user.a": {"$ne": 1}}), json!({}), Unknown);
    check(json!({"user.a": {"$nin": [1]}}), json!({}), Unknown);
    check(json!({"user.a": {"$nin": [1]}}), json!({"a": 2}), True);
    check(json!({"user.a": {"$in": ["x", "y"]}}), json!({"a": "y"}), True);
    check(json!({"user.a": {"$in": ["x", "y"]}}), json!({"a": ["z", "y"]}), True);
    check(json!({"user.a": {"$gte": 0.6, "$lt": 1}}), json!({"a": 0.6}), True);
    check(json!({"user.a": {"$gte": 0.6, "$lt": 1}}), json!({"a": 1}), False);
    check(json!({"user.a": {"$gt": 5}}), json!({"a": "12"}), True);
    check(json!({"user.a": {"$gt": "5"}}), json!({"a": "12"}), False);
    check(json!({"user.a": {"$lt": 5}}), json!({"a": [1]}), False);
    check(json!({"user.a": {"$exists": true}}), json!({"a": null}), False);
    check(json!({"user.a": {"$exists": false}}), json!({}), True);
    check(json!({"user.a": {"$not": {"$gt": 5}}}), json!({}), Unknown);
    check(json!({"user.a.b": 1}), json!({"a": {"b": 1}}), True);
    check(json!({"user.a.b": 1}), json!({"a.b": 1}), True);
    check(json!({"user.a": ["x"]}), json!({"a": ["x"]}), True);
    check(json!({"user.a": {"b": 1}}), json!({"a": {"b": 1}}), True);
}

#[test]
fn kleene_joins() {
    use Truth::{False, True, Unknown};
    check(json!({"user.a": 1, "user.b": 1}), json!({"a": 2}), False);
    check(json!({"user.a": 1, "user.b": 1}), json!({"a": 1}), Unknown);
    check(json!({"$or": [{"user.a": 1}, {"user.b": 1}]}), json!({"a": 1}), True);
    check(json!({"$or": [{"user.a": 1}, {"user.b": 1}]}), json!({"a": 2}), Unknown);
    check(json!({"$nor": [{"user.a": 1}, {"user.b": 1}]}), json!({"a": 1}), False);
    check(json!({"$nor": [{"user.a": 1}, {"user.b": 1}]}), json!({"a": 2}), Unknown);
    check(json!({"$and": [{"user.a": 1}, {"user.b": 1}]}), json!({"b": 1, "a": 1}), True);
}

#[test]
fn without_consent_users_are_unknown() {
    let map = Map::new();
    let scope = Scope { user: None, context: &map, product: &map };
    assert_eq!(condition(&json!({"user.a": 1})).evaluate(&scope), Truth::Unknown);
    assert_eq!(condition(&json!({"user.a": {"$exists": true}})).evaluate(&scope), Truth::False);
}

#[test]
fn the_trace_shows_every_test() {
    let user = json!({"a": 1});
    let map = Map::new();
    let scope = Scope { user: user.as_object(), context: &map, product: &map };
    let (outcome, steps) = condition(&json!({"user.a": {"$gte": 2}, "user.b": 1})).explain(&scope);
    assert_eq!(outcome, Truth::False);
    assert_eq!(
        serde_json::to_value(steps).unwrap(),
        json!([
            {"path": "user.a", "operator": "$gte", "expected": 2, "actual": 1, "outcome": "false"},
            {"path": "user.b", "operator": "$eq", "expected": 1, "actual": null, "outcome": "unknown"},
        ])
    );
}

#[track_caller]
fn check_fault(when: Value, message: &str) {
    let faults = Faults::of("c.yml");
    assert_eq!(read(&Node::from_json(&when), &|_| Ok(()), &faults), None);
    let found: Vec<_> = faults.into_diagnostics().into_iter().map(|d| d.message).collect();
    assert_eq!(found, [message]);
}

#[test]
fn faults() {
    check_fault(json!({"user.a": {"$gte": [1]}}), "only numbers and texts can be compared by size");
    check_fault(json!({"user.a": {"$greater": 1}}), "`$greater` is no operator");
    check_fault(json!({"user.a": {"$in": 1}}), "a list is needed here");
    check_fault(json!({"user.a": null}), "nothing can be compared with a missing value");
    check_fault(json!({"$xor": []}), "`$xor` joins no conditions");
    check_fault(json!({"$or": []}), "this list of conditions is empty");
}
