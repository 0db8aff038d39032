//! After a restart no LLM is called for copy that is still good: memory is filled from the log, and what is not in memory is
//! found there.

use copyrail::cache::Key;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::kept::Hands;
use crate::support::{Reply, TestApp, Upstream, ask, eventually};

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
    let upstream = writer().await;
    let (hands, clock) = Hands::new();
    let variables = [("OPENAI_BASE_URL", &*upstream.base_url())];
    let mut app = TestApp::try_start(&[], &variables, clock).await.unwrap();
    let first = app.blurb(ask("Lumo lamp")).await;
    assert_eq!(first["source"], "generated", "{first}");
    meanwhile(&mut app, &hands).await;
    app.restart().await.unwrap();
    // The other one comes back, so the first had its chance.
    let other = app.blurb(ask("Fernley pot")).await;
    assert_ne!(other["source"], "prewritten", "{other}");
    let answer = app.blurb(ask("Lumo lamp")).await;
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
    warmed(&app, 2).await;
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
