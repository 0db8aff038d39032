//! Nothing unchecked is shown: text reaches a caller only when the rules in force pass it, for these facts, here and now.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use copyrail::audit::Clock;
use copyrail::store::{Access, Store};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{Reply, TestApp, Upstream, ask};

/// What `why-this` shows of a lamp when there is nothing better: the template's, the placement's, the shop's.
const LADDER: [&str; 3] = [
    "Lumo lamp at a glance: the details on this page show what it is made for.",
    "What this product is made for is set out on this page.",
    "The details of this product are on this page.",
];

/// A guardrail file with one rule that forbids a phrase; `more` goes into the rule.
fn forbidding(phrase: &str, more: &str) -> String {
    format!(
        "rules:\n  - id: no-phrase\n    extends: existence\n    message: \"'%s' is not said.\"\n    level: error\n    \
         ignorecase: true\n    tokens: [\"{phrase}\"]\n{more}"
    )
}

/// Examples that any such rule needs, for a rule that is always in force and applies everywhere.
fn examples(phrase: &str) -> String {
    format!("    examples:\n      fail: [\"It is {phrase}.\"]\n      pass: [\"A box of plain wood.\"]\n")
}

#[tokio::test]
async fn a_name_alone_gets_generated_copy_and_then_the_same_from_cache() {
    let upstream = Upstream::saying("A handy companion for the evening.").await;
    let app = TestApp::start(&upstream).await;
    let first = app.blurb(ask("Lumo lamp")).await;
    assert_eq!(first["source"], "generated", "{first}");
    assert_eq!(first["text"], "A handy companion for the evening.");
    assert_eq!(first["reason"], json!(null));
    assert_eq!(first["ai_generated"], true);
    let second = app.blurb(ask("Lumo lamp")).await;
    assert_eq!(second["source"], "cache", "{second}");
    assert_eq!(second["generation_id"], first["generation_id"]);
    assert_ne!(second["serve_id"], first["serve_id"]);
    assert_eq!(upstream.calls(), 1);
}

#[tokio::test]
async fn what_a_guardrail_blocks_is_never_shown_and_only_the_payload_holds_it() {
    const FORBIDDEN: &str = "A risk-free choice for the evening.";
    let upstream = Upstream::saying(FORBIDDEN).await;
    let app = TestApp::start(&upstream).await;
    let checked = app.post("/v1/check", json!({"text": FORBIDDEN})).await.body;
    assert_eq!(checked["verdict"], "block", "{checked}");

    let answer = app.blurb(ask("Lumo lamp")).await;
    assert_eq!(answer["text"], LADDER[0], "{answer}");
    assert_eq!((&answer["source"], &answer["tier"]), (&json!("prewritten"), &json!("prewritten")));
    assert_eq!(answer["reason"], "guardrail");
    assert_eq!(answer["ai_generated"], false);

    let [generation] = &app.generations().await[..] else { panic!("there is one generation") };
    assert_eq!((&generation["outcome"], &generation["reason"]), (&json!("blocked"), &json!("guardrail")));
    assert_eq!(generation["findings"][0]["rule"], "compliance.no-promises");
    assert_eq!(generation["payload"]["raw_texts"], json!([FORBIDDEN]));
    assert_eq!(generation["payload"]["text"], json!(null));
    assert_eq!(generation["payload"]["matches"][0]["match"], "risk-free");
    let mut evidence = generation.clone();
    evidence.as_object_mut().unwrap().remove("payload");
    assert!(!evidence.to_string().contains("risk-free"), "{evidence}");

    // What could not pass a moment ago is not paid for again.
    assert_eq!(app.blurb(ask("Lumo lamp")).await["reason"], "guardrail");
    assert_eq!(upstream.calls(), 1);
}

/// The upstream says these texts in turn; what is shown in the end, why it is no better, and after how many calls.
async fn check_written(says: &'static [&'static str], text: &str, reason: Value) {
    let upstream = Upstream::with(|call, _| Reply::Text(says[call - 1].into())).await;
    let app = TestApp::start(&upstream).await;
    for _ in 0..2 {
        let answer = app.blurb(ask("Lumo lamp")).await;
        assert_eq!((&answer["text"], &answer["reason"]), (&json!(text), &reason), "{says:?}: {answer}");
        assert_eq!(upstream.calls(), says.len(), "{says:?}");
    }
    let [generation] = &app.generations().await[..] else { panic!("there is one generation") };
    assert_eq!(generation["payload"]["raw_texts"], json!(says));
    let passed = if reason.is_null() { json!(text) } else { Value::Null };
    assert_eq!(generation["payload"]["text"], passed);
}

const TOO_LONG: &str = "A lamp for the desk, for the bed, for the shelf, for the hall and for the stairs. \
    A lamp for the desk, for the bed, for the shelf, for the hall and for the stairs. \
    A lamp for the desk, for the bed, for the shelf, for the hall and for the stairs. \
    A lamp for the desk, for the bed, for the shelf, for the hall and for the stairs. \
    A lamp for the desk, for the bed, for the shelf, for the hall and for the stairs.";

#[tokio::test]
async fn what_can_be_put_right_is_put_right_once() {
    check_written(&["A lamp for the desk!"], "A lamp for the desk.", json!(null)).await;
    check_written(&["An amazing lamp.", "A steady lamp."], "A steady lamp.", json!(null)).await;
    check_written(&["An amazing lamp.", "An awesome lamp."], LADDER[0], json!("guardrail")).await;
    check_written(&["An amazing lamp.", "A risk-free lamp."], LADDER[0], json!("guardrail")).await;
    // The placement's own limit is a rule like any other.
    check_written(&[TOO_LONG, "A lamp for the desk."], "A lamp for the desk.", json!(null)).await;
    check_written(&[TOO_LONG, TOO_LONG], LADDER[0], json!("guardrail")).await;
}

#[tokio::test]
async fn cached_copy_is_judged_again_when_guardrails_change() {
    let says = ["A handy companion for the evening.", "A steady light for the desk."];
    let upstream = Upstream::with(move |call, _| Reply::Text(says[call - 1].into())).await;
    let app = TestApp::start(&upstream).await;
    let answer = async |text: &str, source: &str, calls: usize| {
        let answer = app.blurb(ask("Lumo lamp")).await;
        assert_eq!((&answer["text"], &answer["source"]), (&json!(text), &json!(source)), "{answer}");
        assert_eq!(upstream.calls(), calls);
        answer["revision"].clone()
    };
    let before = answer(says[0], "generated", 1).await;

    // An edit that this text passes costs a judgement and no call.
    app.edit("guardrails/extra.yml", &forbidding("xylophone", &examples("xylophone"))).await;
    let after = answer(says[0], "cache", 1).await;
    assert_ne!(before, after, "the edit is in force");

    app.edit("guardrails/extra.yml", &forbidding("xylophone|companion", &examples("companion"))).await;
    answer(says[1], "generated", 2).await;

    // Loosened again: what was kept since then stays.
    let off = "rules:\n  extra.no-phrase: {mode: off, because: The campaign is over.}\n";
    app.edit("guardrails/guardrails.yml", off).await;
    answer(says[1], "cache", 2).await;
}

#[tokio::test]
async fn cached_copy_is_judged_again_when_a_fact_changes_that_no_template_reads() {
    let upstream = Upstream::saying("Shines at 400 lm.").await;
    let app = TestApp::start(&upstream).await;
    let lamp = |light: &str, colour: &str| {
        let product = json!({"id": "l-1", "name": "Lumo lamp", "light_output": light, "colour": colour});
        json!({"placement": "why-this", "product": product, "deadline_ms": 30_000})
    };
    let first = app.blurb(lamp("400 lm", "green")).await;
    assert_eq!(first["source"], "generated", "{first}");
    assert!(!upstream.requests()[0].to_string().contains("400 lm"), "no template reads this fact");
    // The question is the same, whatever colour it has now, and the copy is still true.
    assert_eq!(app.blurb(lamp("400 lm", "red")).await["source"], "cache");
    assert_eq!(upstream.calls(), 1);

    let dimmer = app.blurb(lamp("300 lm", "red")).await;
    assert_eq!((&dimmer["text"], &dimmer["reason"]), (&json!(LADDER[0]), &json!("guardrail")), "{dimmer}");
}

#[tokio::test]
async fn cached_copy_is_judged_again_when_a_rule_begins() {
    let midnight: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
    let seconds = Arc::new(AtomicI64::new(midnight.as_second() - 43_200));
    let clock: Clock = {
        let seconds = Arc::clone(&seconds);
        Arc::new(move || Timestamp::from_second(seconds.load(Ordering::SeqCst)).unwrap())
    };
    let upstream = Upstream::saying("A handy companion for the evening.").await;
    let more = "    effective: {from: 2026-12-01}\n    examples:\n      fail: [{text: \"A companion.\", as_of: 2026-12-01}]\n      \
                pass: [\"A box of plain wood.\"]\n";
    let files = [("guardrails/extra.yml", forbidding("companion", more))];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let base = upstream.base_url();
    let app = TestApp::try_start(&files, &[("OPENAI_BASE_URL", base.as_str())], clock).await.unwrap();

    assert_eq!(app.blurb(ask("Lumo lamp")).await["source"], "generated");
    seconds.store(midnight.as_second() - 1, Ordering::SeqCst);
    let last = app.blurb(ask("Lumo lamp")).await;
    assert_eq!(last["source"], "cache", "{last}");
    assert_eq!(last["expires_at"], "2026-12-01T00:00:00Z", "no caller keeps it longer than it holds");
    seconds.store(midnight.as_second(), Ordering::SeqCst);
    let answer = app.blurb(ask("Lumo lamp")).await;
    assert_eq!((&answer["text"], &answer["reason"]), (&json!(LADDER[0]), &json!("guardrail")), "{answer}");
}

#[tokio::test]
async fn copy_kept_for_one_country_is_judged_for_another() {
    let upstream = Upstream::saying("A handy companion for the evening.").await;
    let more = "    applies: {when: {context.country: DE}}\n    examples:\n      \
                fail: [{text: \"A companion.\", context: {country: DE}}]\n      \
                pass: [{text: \"A companion.\", context: {country: GB}}]\n";
    let rule = forbidding("companion", more);
    let app = TestApp::start_with(&upstream, &[("guardrails/extra.yml", &rule)], &[]).await;
    let from = async |country: &str| {
        let mut request = ask("Lumo lamp");
        request["context"] = json!({"country": country});
        app.blurb(request).await
    };
    assert_eq!(from("GB").await["source"], "generated");
    assert_eq!(from("FR").await["source"], "cache");
    assert_eq!(upstream.calls(), 1);
    let german = from("DE").await;
    assert_eq!((&german["text"], &german["reason"]), (&json!(LADDER[0]), &json!("guardrail")), "{german}");
    // A country that is not known is not taken for one where it may be said.
    assert_eq!(app.blurb(ask("Lumo lamp")).await["text"], LADDER[0]);
    // What one country may not read spoils nothing for another, and is not paid for again and again.
    let calls = upstream.calls();
    for _ in 0..3 {
        assert_eq!(from("GB").await["source"], "cache");
        assert_eq!(from("DE").await["reason"], "guardrail");
    }
    assert_eq!(upstream.calls(), calls);
}

#[tokio::test]
async fn pre_written_copy_that_a_new_rule_catches_is_withdrawn() {
    let upstream = Upstream::with(|_, _| Reply::Raw(400, String::new())).await;
    let app = TestApp::start(&upstream).await;
    let check = async |text: &str, source: &str, template: Value| {
        let answer = app.blurb(ask("Lumo lamp")).await;
        assert_eq!((&answer["text"], &answer["source"]), (&json!(text), &json!(source)), "{answer}");
        assert_eq!((&answer["template"], &answer["reason"]), (&template, &json!("upstream")), "{answer}");
    };
    check(LADDER[0], "prewritten", json!("why-this/default")).await;
    app.edit("guardrails/extra.yml", &forbidding("at a glance", &examples("at a glance"))).await;
    check(LADDER[1], "prewritten", json!(null)).await;
    let phrase = "at a glance|set out";
    app.edit("guardrails/extra.yml", &forbidding(phrase, &examples("set out"))).await;
    check(LADDER[2], "prewritten", json!(null)).await;
    let phrase = "at a glance|set out|on this page";
    app.edit("guardrails/extra.yml", &forbidding(phrase, &examples("on this page"))).await;
    check("", "none", json!(null)).await;
    let policy = app.get("/v1/policy", "compliance").await.body;
    assert_eq!(policy["refused"], json!([]), "pre-written copy never holds a rule back");
}

/// A figure that only the public states, in reviews of any depth, is told to the model and supports nothing it writes.
#[tokio::test]
async fn what_the_public_wrote_is_prompted_and_supports_nothing() {
    let upstream = Upstream::saying("A kettle with a capacity of 9 litres.").await;
    let shipped =
        std::fs::read_to_string(crate::support::root().join("prompts/why-this/default.prompty")).unwrap();
    let template = shipped.replacen("  product.price:\n", "  product.price:\n  product.reviews:\n", 1);
    let app = TestApp::start_with(&upstream, &[("prompts/why-this/default.prompty", &template)], &[]).await;
    let reviews = json!([{"text": "It has a capacity of 9 litres.", "more": {"capacity": "9 litres"}}]);
    let stated = json!({"capacity": "9 litres"});
    let kettle = |id: &str, reviews: &Value, features: &Value| json!({"id": id, "name": "Kettle", "reviews": reviews, "features": features});
    let plain = kettle("1", &reviews, &json!({}));
    let supported = kettle("2", &json!([]), &stated);
    let ask = |product: Value| json!({"placement": "why-this", "product": product, "deadline_ms": 30_000});
    let check = async |product: Value, source: &str| {
        let answer = app.blurb(ask(product)).await;
        assert_eq!(answer["source"], source, "{answer}");
        assert_eq!(answer["reason"] == "guardrail", source == "prewritten", "{answer}");
    };
    check(plain.clone(), "prewritten").await;
    let asked = upstream.requests()[0].to_string();
    assert!(asked.contains("It has a capacity of 9 litres."), "{asked}");
    check(supported.clone(), "generated").await;

    // The catalogue's products are held to the same.
    let (mut plain, mut supported) = (plain, supported);
    (plain["id"], supported["id"]) = (json!("3"), json!("4"));
    let store = Store::open(app.store_url(), Access::Beside).await.unwrap();
    let lines = format!("{plain}\n{supported}\n");
    copyrail::catalogue::import(&store, lines.as_bytes(), false, |_| ()).await.unwrap();
    app.app().shared.parts.catalogue.refresh().await.unwrap();
    check(json!({"id": "3"}), "prewritten").await;
    check(json!({"id": "4"}), "generated").await;
}
