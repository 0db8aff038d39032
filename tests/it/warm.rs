//! After a restart no LLM is called for copy that is still good: memory is filled from the log, and what is not in memory is
//! found there.

use copyrail::cache::Key;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::kept::Hands;
use crate::publishable;
use crate::support::{Reply, TestApp, Upstream, ask, eventually, root};

const NAMES: [&str; 5] = ["Lumo lamp", "Fernley pot", "Second lamp", "Third lamp", "Fourth lamp"];
const WEEK: i64 = 7 * 24 * 3600;

/// A writer that says something else with each call.
async fn writer() -> Upstream {
    const WRITERS: [&str; 7] = ["Ann", "Bob", "Cem", "Dan", "Eve", "Fay", "Gil"];
    Upstream::with(|call, _| Reply::Text(format!("A lamp, in the words of {}.", WRITERS[call - 1]))).await
}

/// How many texts are in memory.
fn in_memory(app: &TestApp) -> u64 {
    app.app().shared.parts.memory.size().0
}

async fn warmed(app: &TestApp, texts: u64) {
    eventually("memory is filled from the log", || async { in_memory(app) == texts }).await;
}

fn hurried(name: &str) -> Value {
    let mut request = ask(name);
    request["deadline_ms"] = json!(0);
    request
}

#[track_caller]
fn check(answer: &Value, source: &str, text: &Value) {
    assert_eq!((&answer["source"], &answer["text"]), (&json!(source), text), "{answer}");
}

#[tokio::test]
async fn what_was_written_is_served_after_a_restart_without_a_call() {
    let upstream = writer().await;
    let mut app = TestApp::start(&upstream).await;
    let mut texts = Vec::new();
    for name in NAMES {
        let answer = app.blurb(ask(name)).await;
        assert_eq!(answer["source"], "generated", "{answer}");
        texts.push(answer["text"].clone());
    }
    for _ in 0..2 {
        app.restart().await.unwrap();
        warmed(&app, 5).await;
        for (name, text) in NAMES.iter().zip(&texts) {
            check(&app.blurb(hurried(name)).await, "cache", text);
        }
        // What found no room in memory is found in the log when it is asked for.
        for generation in app.generations().await {
            let key = Key::parse(generation["cache_key"].as_str().unwrap()).unwrap();
            app.app().shared.parts.memory.reject(key, generation["id"].as_str().unwrap().parse().unwrap());
        }
        assert_eq!(in_memory(&app), 0);
        for (name, text) in NAMES.iter().zip(&texts) {
            check(&app.blurb(ask(name)).await, "cache", text);
        }
    }
    assert_eq!(upstream.calls(), 5);
    // The count bites.
    assert_eq!(app.blurb(ask("Fifth lamp")).await["source"], "generated");
    assert_eq!(upstream.calls(), 6);
}

/// Text is written for one product, and what `meanwhile` does to the service that then starts is in force when it is asked
/// for again: it is not served any more, neither from memory nor from the log.
async fn check_gone(meanwhile: impl AsyncFn(&mut TestApp, &Hands)) {
    check_gone_of(&[], ask("Lumo lamp"), meanwhile).await;
}

async fn check_gone_of(
    files: &[(&str, &str)],
    request: Value,
    meanwhile: impl AsyncFn(&mut TestApp, &Hands),
) {
    let upstream = writer().await;
    let (hands, clock) = Hands::new();
    let variables = [("OPENAI_BASE_URL", &*upstream.base_url())];
    let mut app = TestApp::try_start(files, &variables, clock).await.unwrap();
    let first = app.blurb(request.clone()).await;
    assert_eq!(first["source"], "generated", "{first}");
    meanwhile(&mut app, &hands).await;
    app.restart().await.unwrap();
    let answer = app.blurb(request).await;
    assert_eq!(answer["source"], "generated", "{answer}");
    assert_ne!(answer["text"], first["text"]);
}

#[tokio::test]
async fn what_a_person_rejected_does_not_come_back() {
    check_gone(async |app, _| {
        let [generation] = &app.generations().await[..] else { panic!("there is one") };
        let path = app.url(&format!("/v1/generations/{}/reviews", generation["id"].as_str().unwrap()));
        let review = json!({"action": "reject"});
        let sent = app.client().post(path).bearer_auth(app.key("review")).json(&review);
        assert_eq!(app.send(sent).await.status, 201);
    })
    .await;
}

#[tokio::test]
async fn what_a_rule_catches_that_was_added_meanwhile_does_not_come_back() {
    check_gone(async |app, _| {
        let rule = "rules:\n  - id: first\n    extends: existence\n    message: \"Leave out '%s'.\"\n    tokens: [Ann]\n    \
                    level: error\n    examples: {fail: [By Ann.], pass: [By Bob.]}\n";
        app.edit("guardrails/extra.yml", rule).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_too_old_does_not_come_back() {
    check_gone(async |_, hands| hands.forward(WEEK)).await;
}

#[tokio::test]
async fn what_speaks_of_an_offer_that_ended_does_not_come_back() {
    let template = "prompts/why-this/default.prompty";
    let shipped = std::fs::read_to_string(root().join(template)).unwrap();
    let reads = shipped.replacen("  product.price:\n", "  product.price:\n  product.offer.name:\n", 1);
    let mut request = ask("Lumo lamp");
    request["product"]["offer"] = json!({"name": "Autumn", "valid_until": "2026-11-20T11:00:00Z"});
    check_gone_of(&[(template, &reads)], request, async |_, hands| hands.forward(3_600)).await;
}

#[tokio::test]
async fn what_was_erased_does_not_come_back() {
    let mut request = ask("Lumo lamp");
    request["user"] = json!({"id": "u-1", "attributes": {"premium_affinity": 0.9}});
    request["consent"] = json!({"personalisation": true});
    check_gone_of(&[], request, async |app, _| {
        let [generation] = &app.generations().await[..] else { panic!("there is one") };
        assert_eq!(generation["template"], "why-this/premium-seekers.user", "it is copy for one user alone");
        let sent = app.client().post(app.url("/v1/erasures")).bearer_auth(app.key("compliance"));
        assert_eq!(app.send(sent.json(&json!({"user": "u-1"}))).await.status, 201);
    })
    .await;
}

#[tokio::test]
async fn a_page_that_may_have_nothing_written_gets_what_is_in_the_log() {
    let upstream = writer().await;
    let mut app = publishable::start(&upstream, &[]).await;
    let token = publishable::key(&app, &["https://shop.example"]).await;
    let path = format!("/v1/blurbs/why-this?product=l-1&key={token}");
    let from_a_page =
        async |app: &TestApp| publishable::get(app, &path, &[("origin", "https://shop.example")]).await.body;
    assert_eq!(from_a_page(&app).await["source"], "prewritten", "it has nothing written");
    let first =
        app.blurb(json!({"placement": "why-this", "product": {"id": "l-1"}, "deadline_ms": 30_000})).await;
    assert_eq!(first["source"], "generated", "that a page looked holds up nobody: {first}");
    app.restart().await.unwrap();
    warmed(&app, 1).await;
    let generation = &app.generations().await[0];
    let key = Key::parse(generation["cache_key"].as_str().unwrap()).unwrap();
    app.app().shared.parts.memory.reject(key, generation["id"].as_str().unwrap().parse().unwrap());
    eventually("it gets what is in the log", || async { from_a_page(&app).await["text"] == first["text"] })
        .await;
    assert_eq!(upstream.calls(), 1);
}

#[tokio::test]
async fn what_a_person_approved_is_served_after_a_restart_and_what_awaits_them_waits() {
    let placement = include_str!("../../prompts/why-this/placement.yml");
    let files = [("prompts/why-this/placement.yml", &*format!("{placement}\napproval: true\n"))];
    let upstream = writer().await;
    let mut app = TestApp::start_with(&upstream, &files, &[]).await;
    for name in &NAMES[..2] {
        assert_eq!(app.blurb(ask(name)).await["reason"], "awaiting_approval");
    }
    let generations = app.generations().await;
    let approved = generations.last().unwrap();
    let path = app.url(&format!("/v1/generations/{}/reviews", approved["id"].as_str().unwrap()));
    let review = json!({"action": "approve"});
    let sent = app.client().post(path).bearer_auth(app.key("review")).json(&review);
    assert_eq!(app.send(sent).await.status, 201);
    app.restart().await.unwrap();
    warmed(&app, 1).await;
    check(&app.blurb(hurried(NAMES[0])).await, "cache", &approved["payload"]["text"]);
    assert_eq!(app.blurb(hurried(NAMES[1])).await["reason"], "awaiting_approval");
    assert_eq!(upstream.calls(), 2);
}

#[tokio::test]
async fn neither_budget_nor_an_upstream_that_is_down_stands_between_a_page_and_what_is_in_the_log() {
    let upstream = writer().await;
    let mut app = TestApp::start(&upstream).await;
    let first = app.blurb(ask("Lumo lamp")).await;
    upstream.stop().await;
    app.restart().await.unwrap();
    warmed(&app, 1).await;
    for number in 1..=9 {
        let answer = app.blurb(ask(&format!("Lamp {number}"))).await;
        assert_eq!(answer["source"], "prewritten", "{answer}");
    }
    let answer = app.blurb(ask("Lamp 10")).await;
    assert_eq!(answer["reason"], "breaker_open", "{answer}");
    let page = app.get("/v1/generations?outcome=passed", "review").await;
    let generation = &page.body["items"][0];
    let key = Key::parse(generation["cache_key"].as_str().unwrap()).unwrap();
    let id: Uuid = generation["id"].as_str().unwrap().parse().unwrap();
    app.app().shared.parts.memory.reject(key, id);
    check(&app.blurb(ask("Lumo lamp")).await, "cache", &first["text"]);
}
