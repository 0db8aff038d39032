//! The log as reviewers read it over HTTP, and the policy as compliance sees it.

use serde_json::{Value, json};

use crate::http::{COPY, problem};
use crate::support::{Reply, TestApp, Upstream, ask};

/// The ids on one page of the log, newest first, and the cursor of the next.
async fn page(app: &TestApp, query: &str) -> (Vec<String>, Option<String>) {
    let answered = app.get(&format!("/v1/generations{query}"), "review").await;
    assert_eq!(answered.status, 200, "{query}: {}", answered.body);
    let ids = answered.body["items"].as_array().unwrap().iter();
    let cursor = answered.body["next_cursor"].as_str().map(str::to_owned);
    (ids.map(|item| item["id"].as_str().unwrap().to_owned()).collect(), cursor)
}

#[tokio::test]
async fn generations_are_listed_by_pages_newest_first() {
    let upstream = Upstream::saying(COPY).await;
    let app = TestApp::start(&upstream).await;
    assert_eq!(page(&app, "").await, (Vec::new(), None));
    let mut made = Vec::new();
    for number in 0..5 {
        let answer = app
            .blurb(ask(&format!("Lamp of Lumo, {}", ["one", "two", "three", "four", "five"][number])))
            .await;
        made.insert(0, answer["generation_id"].as_str().unwrap().to_owned());
    }
    assert_eq!(page(&app, "").await, (made.clone(), None));
    assert_eq!(page(&app, "?limit=5").await, (made.clone(), None), "a page that is just full is the last");
    let (first, cursor) = page(&app, "?limit=2").await;
    let cursor = cursor.unwrap();
    assert_eq!(first, made[..2]);
    // The cursor stays good while the log grows.
    app.blurb(ask("Harbour lamp")).await;
    let (second, cursor) = page(&app, &format!("?limit=2&cursor={cursor}")).await;
    let (third, end) = page(&app, &format!("?limit=2&cursor={}", cursor.unwrap())).await;
    assert_eq!((second, third, end), (made[2..4].to_vec(), made[4..].to_vec(), None));
    for query in ["?limit=0", "?limit=1"] {
        assert_eq!(page(&app, query).await.0.len(), 1, "{query}");
    }
    assert_eq!(page(&app, "?limit=4000000000").await.0.len(), 6);
}

#[tokio::test]
async fn generations_are_found_by_what_they_were() {
    let upstream = Upstream::with(|_, body| {
        let promise = body["messages"].to_string().contains("Promise lamp");
        Reply::Text(if promise { "Guaranteed to last a lifetime." } else { COPY }.into())
    })
    .await;
    let app = TestApp::start(&upstream).await;
    let make = async |placement: &str, id: &str, name: &str, device: &str| {
        let answer = app
            .blurb(json!({"placement": placement, "product": {"id": id, "name": name},
                          "context": {"device": device}, "deadline_ms": 30_000}))
            .await;
        answer["generation_id"].as_str().map(str::to_owned)
    };
    let lamp = make("why-this", "1", "Lumo lamp", "desktop").await.unwrap();
    let line = make("cta-subtext", "1", "Lumo lamp", "mobile").await.unwrap();
    assert_eq!(
        make("why-this", "ü 2", "Promise lamp", "mobile").await,
        None,
        "what was blocked is nobody's copy"
    );
    let all = page(&app, "").await.0;
    let promise = all[0].clone();
    assert_eq!(all, [promise.clone(), line.clone(), lamp.clone()]);
    for (query, expected) in [
        ("?placement=why-this", vec![&promise, &lamp]),
        ("?placement=cta-subtext", vec![&line]),
        ("?placement=nowhere", vec![]),
        ("?product=1", vec![&line, &lamp]),
        ("?product=%C3%BC%202", vec![&promise]),
        ("?segment=on-the-go", vec![&promise, &line]),
        ("?segment=default", vec![&lamp]),
        ("?outcome=passed", vec![&line, &lamp]),
        ("?outcome=blocked", vec![&promise]),
        ("?outcome=failed", vec![]),
        ("?since=2020-01-01T00:00:00Z&until=2999-01-01T00:00:00Z", vec![&promise, &line, &lamp]),
        ("?since=2999-01-01T00:00:00Z", vec![]),
        ("?until=2020-01-01T00:00:00Z", vec![]),
        ("?product=1&segment=on-the-go&outcome=passed", vec![&line]),
        ("?product=1&outcome=blocked", vec![]),
    ] {
        let (found, _) = page(&app, query).await;
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
    }
}

#[tokio::test]
async fn a_search_that_cannot_be_read_says_what_to_write() {
    let upstream = Upstream::saying(COPY).await;
    let app = TestApp::start(&upstream).await;
    let mut said = Vec::new();
    for query in [
        "?outcome=great",
        "?cursor=zz",
        "?cursor=",
        "?limit=many",
        "?limit=-1",
        "?since=yesterday",
        "?since=2026-11-20",
        "?until=",
        "?page=2",
        "/nothing",
        "/0192f3c1-7a2b-7c3d-8e4f-5a6b7c8d9e0",
    ] {
        let answered = app.get(&format!("/v1/generations{query}"), "review").await;
        said.push(format!("{query}\n  {}", problem(&answered, 400, "urn:copyrail:malformed")));
    }
    insta::assert_snapshot!(said.join("\n"));
}

#[tokio::test]
async fn one_generation_is_told_whole() {
    let upstream = Upstream::saying(COPY).await;
    let app = TestApp::start(&upstream).await;
    let answer = app.blurb(ask("Lumo lamp")).await;
    let id = answer["generation_id"].as_str().unwrap();
    let generation = app.get(&format!("/v1/generations/{id}"), "review").await.body;
    for (field, expected) in [
        ("id", json!(id)),
        ("placement", json!("why-this")),
        ("segment", json!("default")),
        ("template", json!("why-this/default")),
        ("outcome", json!("passed")),
        ("reason", json!(null)),
        ("locale", json!("en")),
        ("model", json!("scripted")),
    ] {
        assert_eq!(generation[field], expected, "{field}");
    }
    assert_eq!(generation["revision"], answer["revision"]);
    let payload = &generation["payload"];
    assert_eq!(payload["text"], COPY);
    assert_eq!(payload["raw_texts"], json!([COPY]));
    assert_eq!(payload["inputs"], json!({"product": {"name": "Lumo lamp"}, }));
    assert_eq!(
        payload["messages"],
        upstream.requests()[0]["messages"],
        "the messages are those that were sent"
    );
    let unknown = app.get("/v1/generations/0192f3c1-7a2b-7c3d-8e4f-5a6b7c8d9e0f", "review").await;
    let detail = problem(&unknown, 404, "urn:copyrail:no-such-record");
    assert_eq!(detail, "The log holds no generation 0192f3c1-7a2b-7c3d-8e4f-5a6b7c8d9e0f.");
}

async fn policy(app: &TestApp) -> Value {
    let answered = app.get("/v1/policy", "compliance").await;
    assert_eq!(answered.status, 200, "{}", answered.body);
    answered.body
}

#[tokio::test]
async fn the_policy_shows_each_fault_of_an_edit_that_was_refused() {
    let upstream = Upstream::saying("Sturdy, and good for a lifetime.").await;
    let app = TestApp::start(&upstream).await;
    let before = policy(&app).await;
    assert_eq!(before["refused"], json!([]));
    assert_eq!(before["nodes"][0]["revision"], before["revision"]);
    let rule = "  - id: lifetimes\n    extends: existence\n    message: \"'%s' is long.\"\n    level: eror\n    \
                tokens: [lifetime]\n    owner: jo@example.com\n    examples: {fail: [A lifetime.], pass: [A day.]}\n";
    app.edit("guardrails/house.yml", &format!("rules:\n{rule}")).await;
    let after = policy(&app).await;
    assert_eq!(after["revision"], before["revision"], "what was in force stays");
    let refused = after["refused"].as_array().unwrap();
    assert_eq!(refused.len(), 1, "{after}");
    let mut fault = refused[0].clone();
    let file = fault["file"].take();
    assert!(file.as_str().unwrap().ends_with("guardrails/house.yml"), "{file}");
    assert!(fault["since"].take().is_string() && fault["hash"].take().is_string());
    assert_eq!(
        fault,
        json!({"file": null, "line": 5, "column": 12, "end_line": 5, "end_column": 16, "severity": "error", "message": "`eror` is not known here", "help": "write `error`",
               "owner": "jo@example.com", "set": "guardrails", "since": null, "hash": null})
    );
    assert_eq!(app.blurb(ask("Lumo lamp")).await["source"], "generated", "the refused rule is not in force");
    // A good edit of the other set is not held back, and does not make the refusal go away.
    let copy = "last_resort:\n  en: All of it is on this page.\n";
    app.edit("prompts/shop.yml", copy).await;
    let edited = policy(&app).await;
    assert_ne!(edited["prompts"], before["prompts"]);
    assert_eq!(
        (&edited["guardrails"], edited["refused"].as_array().unwrap().len()),
        (&before["guardrails"], 1)
    );
    app.edit("prompts/shop.yml", "last_resort: 5").await;
    assert_eq!(policy(&app).await["refused"].as_array().unwrap().len(), 2);
    // Mended, it is in force at once.
    app.edit("guardrails/house.yml", &format!("rules:\n{}", rule.replace("eror", "error"))).await;
    app.edit("prompts/shop.yml", copy).await;
    let mended = policy(&app).await;
    assert_eq!(mended["refused"], json!([]));
    assert_ne!(mended["guardrails"], before["guardrails"]);
    assert_eq!(app.blurb(ask("Lumo lamp")).await["source"], "prewritten");
}
