//! The shipped segments: presets that a shop can start from, which leave nobody between them.

use copyrail::condition::{Scope, Truth};
use copyrail::document::{self, Faults, Node};
use copyrail::segment::{self, SegmentKind, Segments};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::support::root;

fn shipped() -> (String, Segments) {
    let text = std::fs::read_to_string(root().join("config/segments.yml")).unwrap();
    let (segments, faults) = segment::load("segments.yml", &text);
    assert_eq!(faults, []);
    (text, segments.unwrap())
}

fn now() -> Timestamp {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

/// So many hours ago, as requests give it; below 0, so many hours ahead.
fn hours_ago(hours: i64) -> Value {
    json!((now() - SignedDuration::from_hours(hours)).to_string())
}

/// Which of these segments a user is in, whatever stands above them.
fn members<'n>(segments: &Segments, user: &Value, among: &[&'n str]) -> Vec<&'n str> {
    let (user, none) = (user.as_object().unwrap(), Map::new());
    let shaped = segments.attributes.shape(user, &none, now());
    assert_eq!(shaped.ignored, [""; 0], "{user:?}");
    let scope = Scope::new(Some(&shaped.user), &shaped.context, &none, now()).dated(&shaped.dates);
    let explained = segments.explain(&scope);
    let holds = |id: &&&str| explained.iter().any(|o| o.segment.as_str() == **id && o.outcome == Truth::True);
    among.iter().filter(holds).copied().collect()
}

const LIFECYCLE: &[&str] = &["awareness", "evaluation", "first-purchase", "repeat", "loyalty", "lapsed"];
const HALF_A_YEAR: i64 = 180 * 24;

#[test]
fn whoever_is_known_is_in_exactly_one_segment_of_the_lifecycle() {
    let (_, segments) = shipped();
    let far = i64::from(400 * 24);
    // Every few days, the two hours about the boundary, and what a clock ahead of ours would say.
    let ages: Vec<i64> =
        (0..far).step_by(7 * 24).chain([HALF_A_YEAR, HALF_A_YEAR + 1, far, -1, -14 * 24]).collect();
    for orders in 0..=12 {
        for visits in 0..=8 {
            let check = |last_order: Option<Value>, expected: &str| {
                let mut user = json!({"orders_total": orders, "visits": visits});
                if let Some(last_order) = last_order {
                    user["last_order"] = last_order;
                }
                assert_eq!(members(&segments, &user, LIFECYCLE), [expected], "{user}");
            };
            let expected = |lapsed: bool| match orders {
                0 if visits <= 1 => "awareness",
                0 => "evaluation",
                _ if lapsed => "lapsed",
                1 => "first-purchase",
                2..=4 => "repeat",
                _ => "loyalty",
            };
            // Who never ordered has no date, or one that means nothing.
            for age in &ages {
                check(Some(hours_ago(*age)), expected(*age > HALF_A_YEAR));
            }
            // A day begins with its first moment.
            check(Some(json!("2026-05-25")), expected(false));
            check(Some(json!("2026-05-24")), expected(true));
            if orders == 0 {
                check(None, expected(false));
            }
        }
    }
}

#[test]
fn somebody_new_of_whom_nothing_else_is_known_is_on_a_first_visit() {
    let (_, segments) = shipped();
    let chosen = |user: Value| {
        let (user, none) = (user.as_object().unwrap().clone(), Map::new());
        segments.choose(&Scope::new(Some(&user), &none, &none, now())).to_string()
    };
    assert_eq!(chosen(json!({"visits": 1})), "awareness");
    assert_eq!(chosen(json!({"visits": 2})), "default");
    assert_eq!(chosen(json!({"orders_total": 3})), "default");
    assert_eq!(chosen(json!({"orders_total": 3, "last_order": "2026-11-01"})), "repeat");
}

#[test]
fn whose_visit_and_basket_are_known_is_in_one_segment_of_engagement() {
    let (_, segments) = shipped();
    let of_the_visit = ["active", "browsing", "inactive"];
    let month = 30 * 24;
    for items in 0..=3 {
        for visited in [-1, 0, 1, month - 1, month, month + 1, 4_000] {
            for changed in [-1, 0, 3, 4, 7 * 24, 7 * 24 + 1, 4_000] {
                let user = json!({"basket_items": items, "basket_changed": hours_ago(changed),
                                  "last_visit": hours_ago(visited)});
                let expected = match items {
                    _ if visited > month => "inactive",
                    0 => "browsing",
                    _ => "active",
                };
                assert_eq!(members(&segments, &user, &of_the_visit), [expected], "{user}");
                let left = items > 0 && changed > 3 && changed <= 7 * 24;
                assert_eq!(!members(&segments, &user, &["cart-abandoner"]).is_empty(), left, "{user}");
            }
        }
    }
}

#[test]
fn who_is_several_gets_the_copy_that_stands_first() {
    let (_, segments) = shipped();
    let loyal = json!({"orders_total": 9, "orders_90d": 3, "visits": 40, "last_order": hours_ago(240),
                       "last_visit": hours_ago(48), "basket_items": 0, "churn_risk": 0.1});
    let chosen = |more: Value, context: Value| {
        let mut user = loyal.as_object().unwrap().clone();
        user.extend(more.as_object().unwrap().clone());
        let shaped = segments.attributes.shape(&user, context.as_object().unwrap(), now());
        let product = Map::new();
        let scope = Scope::new(Some(&shaped.user), &shaped.context, &product, now()).dated(&shaped.dates);
        segments.choose(&scope).to_string()
    };
    let mobile = json!({"device": "mobile", "hour": 20, "country": "NO"});
    let left = json!({"discount_affinity": 0.9, "basket_items": 1, "basket_changed": hours_ago(20)});
    for (more, context, expected) in [
        (json!({}), mobile.clone(), "loyalty"),
        (json!({"churn_risk": 0.8}), mobile.clone(), "loyal-at-risk"),
        (json!({"churn_risk": 0.8, "orders_total": 3}), mobile.clone(), "churn-risk"),
        (json!({"churn_risk": 0.8, "orders_total": 3, "premium_affinity": 0.9}), mobile, "premium-seekers"),
        (json!({"discount_affinity": 0.9, "expected_spend": 900}), json!({}), "bargain-hunters"),
        (left.clone(), json!({}), "cart-abandoner"),
        (left, json!({"entry": "gift-guide"}), "gift-givers"),
    ] {
        assert_eq!(chosen(more.clone(), context), expected, "{more}");
    }
}

#[test]
fn without_consent_the_moment_alone_decides() {
    let (_, segments) = shipped();
    let context = json!({"device": "tablet", "entry": "gift-guide", "hour": 20, "country": "NO"});
    for device in ["tablet", "mobile"] {
        let mut context = context.as_object().unwrap().clone();
        context["device"] = json!(device);
        let product = Map::new();
        let explained = segments.explain(&Scope::new(None, &context, &product, now()));
        for (segment, outcome) in segments.iter().zip(explained) {
            let known = outcome.outcome != Truth::Unknown;
            assert_eq!(known, segment.kind == SegmentKind::Context, "{}", segment.id);
        }
    }
}

#[test]
fn each_shows_somebody_who_is_in_it_and_somebody_who_is_not() {
    let (text, segments) = shipped();
    let faults = Faults::of("segments.yml");
    let file = document::parse(&text, &faults).as_ref().map(Node::to_json).unwrap();
    let written = file["segments"].as_array().unwrap();
    assert_eq!(written.len(), segments.iter().count());
    for segment in written {
        let examples: Vec<&str> =
            segment["examples"].as_array().unwrap().iter().map(|e| e["expect"].as_str().unwrap()).collect();
        for outcome in ["match", "no-match"] {
            assert!(examples.contains(&outcome), "{} has no example for {outcome}", segment["id"]);
        }
    }
    for (path, declared) in file["attributes"].as_object().unwrap() {
        assert!(declared["description"].is_string(), "{path} is not described");
        let of_a_product = path.starts_with("product.");
        assert!(declared["class"].is_string() || of_a_product, "{path} has no class");
        // What is declared is there for a reason: a segment reads it, or a template, or a guardrail.
        let read =
            segments.iter().any(|segment| segments.reads(segment.id.as_str()).contains(&path.as_str()));
        assert!(read || of_a_product, "no segment reads {path}");
    }
}
