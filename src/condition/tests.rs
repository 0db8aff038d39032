use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::*;
use crate::document::{Faults, Node};

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn groups() -> Groups {
    Groups::from([("vip".to_owned(), vec![json!("a"), json!(7)])])
}

/// One condition that may ask for anything a segment may.
fn rules(when: &Value) -> Rules {
    let (faults, groups) = (Faults::of("c.yml"), groups());
    let reader = Reader::new(&|_| Ok(()), &groups, &faults);
    let rule = reader.when(&Node::from_json(when), Semantics::Strict);
    let rules = reader.link(vec![("it".into(), rule)]);
    let said = faults.into_diagnostics();
    assert!(said.is_empty(), "{said:?}");
    rules
}

#[track_caller]
fn check(when: Value, user: Value, expected: Truth) {
    let nothing = Map::new();
    let scope = Scope::new(user.as_object(), &nothing, &nothing, now());
    let negated = json!({ "$not": when });
    for (when, expected) in [(when, expected), (negated, expected.negate())] {
        let rules = rules(&when);
        let asked = rules.ask(&scope);
        assert_eq!(asked.truth(0), expected, "{when} of {user}");
        // However it is asked, it comes out the same, test by test.
        let mut traced = Vec::new();
        assert_eq!(asked.trace(0, &mut traced), expected);
        let (explained, steps) = asked.explain(0);
        assert_eq!(explained, expected);
        assert_eq!(steps.iter().map(|step| step.outcome).collect::<Vec<_>>(), traced);
        let labels: Vec<_> = steps.iter().map(|s| Label { path: &s.path, operator: s.operator }).collect();
        assert_eq!(rules.labels(0), labels);
        let (outcome, unknown) = asked.unknown(0);
        assert_eq!(outcome, expected);
        assert_eq!(!unknown.is_empty(), expected == Truth::Unknown, "{unknown:?}");
    }
}

#[test]
fn what_is_missing_is_unknown() {
    use Truth::{False, True, Unknown};
    check(json!({}), json!({}), True);
    check(json!({"user.a": 1}), json!({"a": 1.0}), True);
    check(json!({"user.a": 1}), json!({}), Unknown);
    check(json!({"user.a": 1}), json!({"a": null}), Unknown);
    check(json!({"user.a": {"$ne": 1}}), json!({"a": 2}), True);
    check(json!({"user.a": {"$ne": 1}}), json!({}), Unknown);
    check(json!({"user.a": {"$nin": [1]}}), json!({}), Unknown);
    check(json!({"user.a": {"$notRegex": "x"}}), json!({}), Unknown);
    check(json!({"user.a": {"$exists": true}}), json!({"a": null}), False);
    check(json!({"user.a": {"$exists": false}}), json!({}), True);
    check(json!({"user.a": {"$not": {"$gt": 5}}}), json!({}), Unknown);
    check(json!({"user.a.b": 1}), json!({"a": {"b": 1}}), True);
    check(json!({"user.a.b": 1}), json!({"a.b": 1}), True);
    check(json!({"user.a.1": "y"}), json!({"a": ["x", "y"]}), True);
    check(json!({"user.a.1.b": 1}), json!({"a": ["x", {"b": 1}]}), True);
    check(json!({"user.a.2": "y"}), json!({"a": ["x", "y"]}), Unknown);
    check(json!({"user.a": {"$elemMatch": {"b": 1}}}), json!({"a": [{"c": 1}]}), Unknown);
    check(json!({"user.a": {"$elemMatch": {"b": 1}}}), json!({"a": [{"c": 1}, {"b": 1}]}), True);
    check(json!({"user.a": {"$elemMatch": {"b": 1}}}), json!({"a": []}), False);
    check(json!({"user.a": {"$inGroup": "vip"}}), json!({"a": "a"}), True);
    check(json!({"user.a": {"$notInGroup": "vip"}}), json!({"a": "b"}), True);
    check(json!({"user.a": {"$inGroup": "vip"}}), json!({}), Unknown);
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
fn durations_count_from_the_request() {
    use Truth::{False, True, Unknown};
    let within = json!({"user.a": {"$within": "7d"}});
    let older = json!({"user.a": {"$olderThan": "7d"}});
    for (at, is_within, is_older) in [
        ("2026-11-22T12:00:00Z", True, False),
        ("2026-11-15T12:00:00Z", True, False),
        ("2026-11-15T11:59:59Z", False, True),
        ("2026-11-15", False, True),
        ("2026-11-16", True, False),
        ("2026-11-22", True, False),
        // Where the day begins earlier, it is tomorrow already.
        ("2026-11-23", True, False),
        ("2026-11-24", False, False),
        ("2026-11-22T13:00:00+01:00", True, False),
        ("2026-11-22T12:00:01Z", False, False),
        ("yesterday", Unknown, Unknown),
    ] {
        check(within.clone(), json!({"a": at}), is_within);
        check(older.clone(), json!({"a": at}), is_older);
    }
    check(within, json!({}), Unknown);
    check(older, json!({"a": 5}), Unknown);
}

#[test]
fn what_is_not_fresh_is_as_good_as_missing() {
    use Truth::{False, True, Unknown};
    let user = json!({"a": 0.8});
    let nothing = Map::new();
    let outcome = |when: &Value, at: &str| {
        let dates = [("user.a".to_owned(), at.parse().unwrap())];
        let scope = Scope::new(user.as_object(), &nothing, &nothing, now()).dated(&dates);
        rules(when).ask(&scope).truth(0)
    };
    let (today, last_week) = ("2026-11-22T10:00:00Z", "2026-11-15T10:00:00Z");
    for (when, fresh, stale) in [
        (json!({"user.a": {"$fresh": "24h"}}), True, Unknown),
        (json!({"user.a": {"$fresh": "24h", "$gte": 0.6}}), True, Unknown),
        (json!({"user.a": {"$fresh": "24h", "$gte": 0.9}}), False, Unknown),
        (json!({"user.a": {"$gte": 0.9, "$fresh": "24h"}}), False, Unknown),
        (json!({"user.a": {"$gte": 0.6}}), True, True),
        (json!({"user.a": {"$fresh": true}}), True, True),
    ] {
        assert_eq!((outcome(&when, today), outcome(&when, last_week)), (fresh, stale), "{when}");
    }
    // Without a date a value is as of the request.
    check(json!({"user.a": {"$fresh": "24h", "$gte": 0.6}}), json!({"a": 0.8}), True);
    check(json!({"user.a": {"$fresh": "24h"}}), json!({}), Unknown);
}

#[test]
fn a_score_is_certain_or_unknown() {
    let (faults, groups) = (Faults::of("c.yml"), Groups::new());
    let reader = Reader::new(&|_| Ok(()), &groups, &faults);
    let part = |path: &str, add: f64| {
        let when = json!({ path: true });
        (reader.when(&Node::from_json(&when), Semantics::Strict), add)
    };
    let mut rule = Unlinked::default();
    reader.score(&mut rule, vec![part("user.a", 2.0), part("user.b", 1.0), part("user.c", -1.0)], 2.0);
    let rules = reader.link(vec![("it".into(), rule)]);
    let nothing = Map::new();
    for (user, expected, sum) in [
        (json!({"a": true, "b": true, "c": false}), Truth::True, json!(3.0)),
        (json!({"a": true, "b": false, "c": false}), Truth::True, json!(2.0)),
        (json!({"a": true, "b": false, "c": true}), Truth::False, json!(1.0)),
        (json!({"a": true, "c": true}), Truth::Unknown, json!([1.0, 2.0])),
        (json!({"a": true, "b": true}), Truth::True, json!([2.0, 3.0])),
        (json!({"b": true, "a": false}), Truth::False, json!([0.0, 1.0])),
        (json!({}), Truth::Unknown, json!([-1.0, 3.0])),
    ] {
        let scope = Scope::new(user.as_object(), &nothing, &nothing, now());
        let (outcome, steps) = rules.ask(&scope).explain(0);
        assert_eq!(outcome, expected, "{user}");
        assert_eq!((steps.len(), &steps[3].actual), (4, &Some(sum)), "{user}");
    }
}

#[test]
fn segments_ask_for_one_another() {
    let (faults, groups) = (Faults::of("c.yml"), Groups::new());
    let reader = Reader::new(&|_| Ok(()), &groups, &faults);
    let when = |value: Value| reader.when(&Node::from_json(&value), Semantics::Strict);
    let named = [
        ("both", when(json!({"$segment": ["loyal", "near"]}))),
        ("not-loyal", when(json!({"$not": {"$segment": "loyal"}}))),
        ("loyal", when(json!({"user.orders": {"$gte": 3}}))),
        ("near", when(json!({"context.country": "GB"}))),
    ];
    assert_eq!(named[0].1.refers(), ["loyal", "near"]);
    let rules = reader.link(named.map(|(id, rule)| (id.to_owned(), rule)).into());
    let truths = |user: Value, context: Value| {
        let nothing = Map::new();
        let scope = Scope::new(user.as_object(), context.as_object().unwrap(), &nothing, now());
        (0..4).map(|index| rules.ask(&scope).truth(index).as_str()).collect::<Vec<_>>()
    };
    assert_eq!(truths(json!({"orders": 5}), json!({"country": "GB"})), ["true", "false", "true", "true"]);
    assert_eq!(truths(json!({"orders": 1}), json!({"country": "GB"})), ["false", "true", "false", "true"]);
    assert_eq!(truths(json!({}), json!({"country": "GB"})), ["unknown", "unknown", "unknown", "true"]);
    assert_eq!(rules.reads(0), ["user.orders", "context.country"]);
    let nothing = Map::new();
    let scope = Scope::new(None, &nothing, &nothing, now());
    assert_eq!(rules.ask(&scope).unknown(0).1, ["user.orders", "context.country"]);
}

#[test]
fn without_consent_the_user_is_unknown() {
    let nothing = Map::new();
    let context = json!({"device": "mobile"});
    let scope = Scope::new(None, context.as_object().unwrap(), &nothing, now());
    for semantics in ["strict", "growthbook"] {
        for (when, expected) in [
            (json!({"user.a": 1}), Truth::Unknown),
            (json!({"user.a": {"$exists": true}}), Truth::Unknown),
            // Not even that somebody is unknown may decide: only the moment does.
            (json!({"user.a": {"$exists": false}}), Truth::Unknown),
            (json!({"user.a": {"$lt": 5}}), Truth::Unknown),
            (json!({"context.device": "mobile"}), Truth::True),
            (json!({"$or": [{"user.a": 1}, {"context.device": "mobile"}]}), Truth::True),
        ] {
            let semantics = SEMANTICS.iter().find(|(name, _)| *name == semantics).unwrap().1;
            let condition = compile(&when, semantics, &groups()).unwrap();
            assert_eq!(condition.evaluate(&scope), expected, "{when}");
        }
    }
}

#[test]
fn growthbook_reads_what_is_missing_as_null() {
    let attributes = json!({"b": 5});
    let scope = Scope::plain(&attributes, now());
    for (when, strict, growthbook) in [
        (json!({"a": {"$lt": 5}}), Truth::Unknown, true),
        (json!({"a": null}), Truth::Unknown, true),
        (json!({"a": {"$ne": 5}}), Truth::Unknown, true),
        (json!({"a": {"$exists": false}}), Truth::True, true),
        (json!({"b": "5"}), Truth::True, true),
        (json!({"$or": []}), Truth::True, true),
        (json!({"$nor": []}), Truth::False, false),
        (json!({"b": {"$in": 5}}), Truth::False, false),
    ] {
        let outcome = |semantics| compile(&when, semantics, &groups()).unwrap().evaluate(&scope);
        assert_eq!(outcome(Semantics::Strict), strict, "{when}");
        assert_eq!(outcome(Semantics::GrowthBook), Truth::from(growthbook), "{when}");
    }
    // What GrowthBook takes for a test that never holds, is an error where one counts on it.
    for (when, message) in [
        (json!({"a": {"$regx": "x"}}), "`$regx` is no operator"),
        (json!({"a": {"$regex": "("}}), "this is no pattern"),
    ] {
        assert!(compile(&when, Semantics::Strict, &groups()).unwrap_err()[0].starts_with(message), "{when}");
        let condition = compile(&when, Semantics::GrowthBook, &groups()).unwrap();
        assert_eq!(condition.evaluate(&scope), Truth::False, "{when}");
    }
}

#[test]
fn the_trace_shows_every_test() {
    let user = json!({"a": 1});
    let nothing = Map::new();
    let scope = Scope::new(user.as_object(), &nothing, &nothing, now());
    let rules = rules(&json!({"user.a": {"$gte": 2}, "user.b": 1, "$or": [{"user.c": {"$in": [1]}}]}));
    let (outcome, steps) = rules.ask(&scope).explain(0);
    assert_eq!(outcome, Truth::False);
    assert_eq!(
        serde_json::to_value(steps).unwrap(),
        json!([
            {"path": "user.a", "operator": "$gte", "expected": 2, "actual": 1, "outcome": "false"},
            {"path": "user.b", "operator": "$eq", "expected": 1, "actual": null, "outcome": "unknown"},
            {"path": "user.c", "operator": "$in", "expected": [1], "actual": null, "outcome": "unknown"},
        ])
    );
}

#[track_caller]
fn check_fault(when: Value, expected: &[&str]) {
    let faults = Faults::of("c.yml");
    assert!(read(&Node::from_json(&when), &|_| Ok(()), &faults).is_none(), "{when}");
    let found: Vec<_> = faults.into_diagnostics().into_iter().map(|d| (d.message, d.help)).collect();
    assert!(found.iter().all(|(_, help)| help.is_some()), "{found:?}");
    assert_eq!(found.into_iter().map(|(message, _)| message).collect::<Vec<_>>(), expected);
}

#[test]
fn faults() {
    check_fault(json!({"user.a": {"$gte": [1]}}), &["only numbers and texts can be compared by size"]);
    check_fault(json!({"user.a": {"$greater": 1}}), &["`$greater` is no operator"]);
    check_fault(json!({"user.a": {"$in": 1}}), &["a list is needed here"]);
    check_fault(json!({"user.a": {"$alli": 1}}), &["a list is needed here"]);
    check_fault(json!({"user.a": null}), &["nothing can be compared with a missing value"]);
    check_fault(json!({"user.a": {"$gt": null}}), &["nothing can be compared with a missing value"]);
    check_fault(json!({"user.a": {"$exists": "yes"}}), &["a truth value is needed here"]);
    check_fault(json!({"user.a": {"$type": "text"}}), &["this is no kind of value"]);
    check_fault(json!({"user.a": {"$vgt": []}}), &["a version is needed here"]);
    check_fault(json!({"user.a": {"$inGroup": "vip"}}), &["there is no group `vip`"]);
    check_fault(json!({"user.a": {"$elemMatch": 5}}), &["operators or a condition are needed here"]);
    check_fault(json!({"user.a": {"$gt": 1, "b": 1}}), &["`b` stands among operators"]);
    check_fault(json!({"$xor": []}), &["`$xor` joins no conditions"]);
    check_fault(json!({"$or": []}), &["this list of conditions is empty"]);
    // A guardrail that went by the moment would change without anybody having edited it.
    for operator in ["$within", "$olderThan", "$fresh"] {
        check_fault(
            json!({"user.a": { operator: "7d" }}),
            &["what holds here must not change by time passing"],
        );
    }
    check_fault(json!({"$segment": "loyal"}), &["`$segment` joins no conditions"]);
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    const PATHS: [&str; 4] = ["a", "b", "c.d", "e"];

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(|truth| json!(truth)),
            (-3_i64..4).prop_map(|n| json!(n)),
            (-3.0_f64..4.0).prop_map(|n| json!(n)),
            prop_oneof!["[a-c]{0,2}", "[0-3]", "1\\.[0-9]\\.[0-9]"].prop_map(|text| json!(text)),
        ];
        leaf.prop_recursive(2, 8, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(|items| json!(items)),
                inner.prop_map(|value| json!({ "d": value })),
            ]
        })
    }

    /// What may be asked of one value, but whether it is there: nothing tells how that came to be.
    fn asked() -> impl Strategy<Value = Value> {
        let operator = |names: &'static [&'static str], operand: BoxedStrategy<Value>| {
            (prop::sample::select(names), operand).prop_map(|(name, operand)| json!({ name: operand }))
        };
        let leaf = prop_oneof![
            value(),
            operator(&["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$veq", "$vgt", "$vlte"], value().boxed()),
            operator(
                &["$in", "$nin", "$ini", "$nini", "$all", "$alli"],
                prop::collection::vec(value(), 0..3).prop_map(|items| json!(items)).boxed(),
            ),
            operator(&["$inGroup", "$notInGroup"], Just(json!("vip")).boxed()),
            operator(&["$regex", "$notRegexi"], "[a-c.]{0,2}".prop_map(|text| json!(text)).boxed()),
            operator(
                &["$type"],
                prop::sample::select(&["string", "number", "array"][..]).prop_map(Value::from).boxed()
            ),
        ];
        leaf.prop_recursive(2, 6, 2, move |inner| operator(&["$not", "$size", "$elemMatch"], inner.boxed()))
    }

    fn condition() -> impl Strategy<Value = Value> {
        let leaf =
            (prop::sample::select(&PATHS[..]), asked()).prop_map(|(path, asked)| json!({ path: asked }));
        leaf.prop_recursive(3, 16, 3, |inner| {
            let several = prop::collection::vec(inner.clone(), 0..3);
            prop_oneof![
                (prop::sample::select(&["$and", "$or", "$nor"][..]), several)
                    .prop_map(|(join, parts)| json!({ join: parts })),
                inner.prop_map(|part| json!({ "$not": part })),
            ]
        })
    }

    fn attributes() -> impl Strategy<Value = Value> {
        prop::collection::vec(prop::option::of(value()), PATHS.len()).prop_map(|values| {
            let mut map = Map::new();
            for (path, value) in PATHS.iter().zip(values) {
                let Some(value) = value else { continue };
                match path.split_once('.') {
                    Some((outer, inner)) => map.insert(outer.to_owned(), json!({ inner: value })),
                    None => map.insert((*path).to_owned(), value),
                };
            }
            Value::Object(map)
        })
    }

    /// The same attributes with every one that is missing given.
    fn completed(attributes: &Value, filling: &[Value]) -> Value {
        let mut map = attributes.as_object().cloned().unwrap();
        for (path, fill) in PATHS.iter().zip(filling) {
            let fill = if fill.is_null() { &json!(0) } else { fill };
            let (outer, inner) = path.split_once('.').map_or((*path, None), |(o, i)| (o, Some(i)));
            let missing = match (map.get(outer), inner) {
                (None | Some(Value::Null), _) => true,
                (Some(Value::Object(object)), Some(inner)) => object.get(inner).is_none_or(Value::is_null),
                _ => false,
            };
            if missing {
                let value = inner.map_or_else(|| fill.clone(), |inner| json!({ inner: fill }));
                map.insert(outer.to_owned(), value);
            }
        }
        Value::Object(map)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// However it is asked, a condition comes out the same, and names what is missing exactly when it is unknown.
        #[test]
        fn explanations_never_disagree(when in condition(), attributes in attributes()) {
            let scope = Scope::plain(&attributes, now());
            for semantics in [Semantics::Strict, Semantics::GrowthBook] {
                let condition = compile(&when, semantics, &groups()).unwrap();
                let asked = condition.0.ask(&scope);
                let truth = asked.truth(0);
                let mut traced = Vec::new();
                prop_assert_eq!(asked.trace(0, &mut traced), truth);
                let (explained, steps) = asked.explain(0);
                prop_assert_eq!(explained, truth);
                prop_assert_eq!(steps.iter().map(|step| step.outcome).collect::<Vec<_>>(), traced);
                let (outcome, unknown) = asked.unknown(0);
                prop_assert_eq!((outcome, !unknown.is_empty()), (truth, truth == Truth::Unknown));
            }
        }

        /// What is certain stays so whatever the missing data turns out to be: strict never matches on an unknown.
        #[test]
        fn strict_never_matches_on_an_unknown(
            when in condition(), attributes in attributes(), filling in prop::collection::vec(value(), PATHS.len()),
        ) {
            let strict = compile(&when, Semantics::Strict, &groups()).unwrap();
            let certain = strict.evaluate(&Scope::plain(&attributes, now()));
            let whole = completed(&attributes, &filling);
            let then = compile(&when, Semantics::GrowthBook, &groups()).unwrap();
            let then = then.evaluate(&Scope::plain(&whole, now()));
            if certain != Truth::Unknown {
                prop_assert_eq!(certain, then, "{} of {} then {}", when, attributes, whole);
            }
            // With nothing missing the two readings are one, save in lists, whose items may lack fields.
            if !when.to_string().contains("$elemMatch") {
                prop_assert_eq!(strict.evaluate(&Scope::plain(&whole, now())), then, "{} of {}", when, whole);
            }
        }
    }
}
