//! `idempotency-key`: the same answer again for a day, and never one that may not be shown any more.

use copyrail::audit::verify::verify;
use copyrail::store::{Access, Store};
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};

use crate::http::problem;
use crate::kept::Hands;
use crate::support::{Reply, TestApp, Upstream, ask, eventually};

const BAN: &str = "rules:\n  - id: no-xylophone\n    extends: existence\n    message: \"'%s' is not said.\"\n    \
                   level: error\n    tokens: [xylophone]\n    examples:\n      fail: [A xylophone.]\n      \
                   pass: [A drum.]\n";

/// An answer with the bytes of its body.
#[derive(Debug)]
struct Sent {
    status: u16,
    replayed: bool,
    kind: String,
    text: String,
}

impl Sent {
    fn body(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

async fn send_as(app: &TestApp, role: &str, key: &str, body: &Value) -> Sent {
    let request = app.client().post(app.url("/v1/blurbs")).bearer_auth(app.key(role)).json(body);
    let response = request.header("idempotency-key", key).send().await.unwrap();
    Sent {
        status: response.status().as_u16(),
        replayed: response.headers().get("idempotent-replayed").is_some_and(|value| value == "true"),
        kind: response.headers()["content-type"].to_str().unwrap().to_owned(),
        text: response.text().await.unwrap(),
    }
}

async fn send(app: &TestApp, key: &str, body: &Value) -> Sent {
    send_as(app, "serve", key, body).await
}

/// An upstream whose every text tells which call it was.
async fn counting() -> Upstream {
    Upstream::with(|call, _| {
        Reply::Text(format!("A lamp for the desk, as {} put it.", ["Ann", "Bob", "Cem"][call - 1]))
    })
    .await
}

#[track_caller]
fn repeats(again: &Sent, first: &Sent) {
    assert_eq!((again.status, first.status), (200, 200), "{again:?} {first:?}");
    assert!(again.replayed && !first.replayed, "{again:?}");
    assert_eq!((&again.text, &again.kind), (&first.text, &first.kind));
}

#[tokio::test]
async fn the_same_answer_comes_again_byte_for_byte_and_each_is_recorded() {
    let upstream = counting().await;
    let mut app = TestApp::start(&upstream).await;
    let first = send(&app, "page-1", &ask("Lumo lamp")).await;
    assert_eq!(first.body()["source"], "generated", "{first:?}");
    // The order of fields, and how long to wait, are no part of what is asked.
    let mut sooner = json!({"deadline_ms": 0, "product": {"name": "Lumo lamp"}, "placement": "why-this"});
    repeats(&send(&app, "page-1", &sooner).await, &first);
    // Without the header, or under another, it is an answer of its own.
    let plain = app.blurb(ask("Lumo lamp")).await;
    assert_eq!((&plain["source"], plain["serve_id"] == first.body()["serve_id"]), (&json!("cache"), false));
    let other = send(&app, "page-2", &ask("Lumo lamp")).await;
    assert!(!other.replayed && other.body()["serve_id"] != first.body()["serve_id"], "{other:?}");
    // Another API key's header is another.
    let stranger = send_as(&app, "admin", "page-1", &ask("Another lamp")).await;
    assert!(!stranger.replayed && stranger.status == 200, "{stranger:?}");
    // Pre-written copy and the empty text are repeated as well.
    sooner = json!({"placement": "why-this", "product": {"id": "nobody"}});
    let nobody = send(&app, "page-3", &sooner).await;
    assert_eq!(nobody.body()["source"], "prewritten", "{nobody:?}");
    repeats(&send(&app, "page-3", &sooner).await, &nobody);
    sooner["context"] = json!({"locale": "fr"});
    let empty = send(&app, "page-4", &sooner).await;
    assert_eq!(empty.body()["source"], "none", "{empty:?}");
    repeats(&send(&app, "page-4", &sooner).await, &empty);

    app.app.take().unwrap().stop().await;
    let store = Store::open(app.store_url(), Access::ReadOnly).await.unwrap();
    let report = verify(&store, None, |_, _| ()).await.unwrap();
    assert_eq!((report.fault, report.serves), (None, 9));
    let mut beside = SqliteConnection::connect(app.store_url()).await.unwrap();
    let blocks: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT bytes FROM chain WHERE kind = 'serves' ORDER BY seq")
            .fetch_all(&mut beside)
            .await
            .unwrap();
    let lines = String::from_utf8(blocks.concat()).unwrap();
    let serves: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let again: Vec<&Value> = serves.iter().filter(|serve| serve.get("repeats").is_some()).collect();
    for (again, first) in again.iter().zip([&first, &nobody, &empty]) {
        let first = first.body();
        assert_eq!(again["repeats"], first["serve_id"]);
        let field = |name: &str| assert_eq!(again[name], first[name], "{name}");
        ["generation_id", "source", "tier", "reason", "locale", "template"].into_iter().for_each(field);
        assert!(serves.iter().filter(|serve| serve["id"] == again["id"]).count() == 1);
    }
    assert_eq!(again.len(), 3);
}

#[tokio::test]
async fn another_body_under_the_same_key_is_refused() {
    let upstream = counting().await;
    let app = TestApp::start(&upstream).await;
    send(&app, "page-1", &ask("Lumo lamp")).await;
    let mut others = vec![ask("Another lamp"), ask("Lumo lamp"), ask("Lumo lamp"), ask("Lumo lamp")];
    others[1]["accept"] = json!("segment");
    others[2]["consent"] = json!({"personalisation": true});
    others[3]["context"] = json!({"device": "mobile"});
    for other in others {
        let request = app.client().post(app.url("/v1/blurbs")).bearer_auth(app.key("serve")).json(&other);
        let answered = app.send(request.header("idempotency-key", "page-1")).await;
        let detail = problem(&answered, 422, "urn:copyrail:idempotency-key-reused");
        assert!(detail.contains("a key of its own"), "{detail}");
    }
    assert_eq!(upstream.calls(), 1);
}

#[tokio::test]
async fn a_header_that_is_none_is_refused() {
    let upstream = counting().await;
    let app = TestApp::start(&upstream).await;
    let long = "k".repeat(255);
    assert_eq!(send(&app, &long, &ask("Lumo lamp")).await.status, 200);
    for bad in ["", "two words", &"k".repeat(256)] {
        let sent = send(&app, bad, &ask("Lumo lamp")).await;
        assert_eq!((sent.status, sent.kind.as_str()), (400, "application/problem+json"), "{bad}");
        assert!(sent.text.contains("1 to 255 visible ASCII characters"), "{sent:?}");
    }
    let request = app.client().post(app.url("/v1/blurbs")).bearer_auth(app.key("serve"));
    let request =
        request.json(&ask("Lumo lamp")).header("idempotency-key", "a").header("idempotency-key", "b");
    problem(&app.send(request).await, 400, "urn:copyrail:malformed");
}

#[tokio::test]
async fn problems_and_waiting_are_not_repeated() {
    let upstream = counting().await;
    upstream.hold();
    let app = TestApp::start(&upstream).await;
    let unknown = json!({"placement": "why-that", "product": {"name": "Lumo lamp"}});
    assert_eq!(send(&app, "page-0", &unknown).await.status, 404);
    assert_eq!(send(&app, "page-0", &ask("Other lamp")).await.status, 200);
    let mut patient = ask("Lumo lamp");
    patient["accept"] = json!("segment");
    patient["deadline_ms"] = json!(0);
    for _ in 0..2 {
        let sent = send(&app, "page-1", &patient).await;
        assert_eq!((sent.status, sent.replayed), (503, false), "{sent:?}");
    }
    upstream.release();
    eventually("it is written", || async { app.app().shared.parts.flights.is_empty() }).await;
    let first = send(&app, "page-1", &patient).await;
    assert_eq!(first.status, 200, "{first:?}");
    repeats(&send(&app, "page-1", &patient).await, &first);
}

#[tokio::test]
async fn whoever_comes_while_the_first_is_answered_waits_for_that() {
    let upstream = counting().await;
    upstream.hold();
    let app = TestApp::start(&upstream).await;
    let body = ask("Lumo lamp");
    let first = send(&app, "page-1", &body);
    let others = async {
        eventually("the first is under way", || async { upstream.calls() == 1 }).await;
        // Who cannot wait gets what is there, and spoils nothing.
        let mut hurried = ask("Lumo lamp");
        hurried["deadline_ms"] = json!(0);
        let hurried = send(&app, "page-1", &hurried).await;
        assert_eq!((&hurried.body()["source"], hurried.replayed), (&json!("prewritten"), false));
        let release = async { upstream.release() };
        let other = ask("Another lamp");
        tokio::join!(biased; send(&app, "page-1", &body), send(&app, "page-1", &other), release)
    };
    let (first, (second, other, ())) = tokio::join!(first, others);
    assert_eq!(first.body()["source"], "generated", "{first:?}");
    repeats(&second, &first);
    assert_eq!(other.status, 422, "{other:?}");
    repeats(&send(&app, "page-1", &body).await, &first);
    assert_eq!(upstream.calls(), 1);
}

#[tokio::test]
async fn a_restart_forgets_no_answer() {
    let upstream = counting().await;
    let mut app = TestApp::start(&upstream).await;
    let first = send(&app, "page-1", &ask("Lumo lamp")).await;
    app.restart().await.unwrap();
    repeats(&send(&app, "page-1", &ask("Lumo lamp")).await, &first);
    assert_eq!(send(&app, "page-1", &ask("Another lamp")).await.status, 422);
    assert_eq!(upstream.calls(), 1, "what is repeated is not written anew");
}

#[tokio::test]
async fn a_text_that_is_banned_since_is_not_repeated() {
    let upstream = Upstream::with(|call, _| {
        Reply::Text(["A xylophone for the evening.", "A lamp for the evening."][call - 1].into())
    })
    .await;
    let mut app = TestApp::start(&upstream).await;
    let first = send(&app, "page-1", &ask("Lumo lamp")).await;
    assert_eq!(first.body()["text"], "A xylophone for the evening.");
    app.edit("guardrails/extra.yml", BAN).await;
    app.restart().await.unwrap();
    let anew = send(&app, "page-1", &ask("Lumo lamp")).await;
    assert!(!anew.replayed, "{anew:?}");
    assert_eq!(anew.body()["text"], "A lamp for the evening.");
    repeats(&send(&app, "page-1", &ask("Lumo lamp")).await, &anew);
    app.edit("guardrails/extra.yml", "").await;
    repeats(&send(&app, "page-1", &ask("Lumo lamp")).await, &anew);
}

#[tokio::test]
async fn copy_that_the_placement_may_not_show_any_more_is_not_repeated() {
    let upstream = counting().await;
    let app = TestApp::start(&upstream).await;
    let first = send(&app, "page-1", &ask("Lumo lamp")).await;
    assert_eq!(first.body()["source"], "generated");
    let file =
        std::fs::read_to_string(crate::support::root().join("prompts/why-this/placement.yml")).unwrap();
    let mode = file.lines().find(|line| line.starts_with("mode:")).unwrap();
    app.edit("prompts/why-this/placement.yml", &file.replace(mode, "mode: prewritten")).await;
    let anew = send(&app, "page-1", &ask("Lumo lamp")).await;
    assert_eq!((&anew.body()["source"], anew.replayed), (&json!("prewritten"), false), "{anew:?}");
}

#[tokio::test]
async fn text_that_a_person_rejected_is_not_repeated() {
    let upstream = counting().await;
    let app = TestApp::start(&upstream).await;
    let first = send(&app, "page-1", &ask("Lumo lamp")).await;
    let path = format!("/v1/generations/{}/reviews", first.body()["generation_id"].as_str().unwrap());
    let review = app.client().post(app.url(&path)).bearer_auth(app.key("review"));
    assert_eq!(app.send(review.json(&json!({"action": "reject"}))).await.status, 201);
    let anew = send(&app, "page-1", &ask("Lumo lamp")).await;
    assert!(!anew.replayed && anew.body()["text"] != first.body()["text"], "{anew:?}");
}

#[tokio::test]
async fn text_that_a_person_took_down_is_not_repeated_after_a_restart_either() {
    for action in ["takedown", "reject"] {
        let upstream = counting().await;
        let mut app = TestApp::start(&upstream).await;
        let first = send(&app, "page-1", &ask("Lumo lamp")).await;
        let path = format!("/v1/generations/{}/reviews", first.body()["generation_id"].as_str().unwrap());
        let review = app.client().post(app.url(&path)).bearer_auth(app.key("review"));
        assert_eq!(app.send(review.json(&json!({"action": action}))).await.status, 201);
        app.restart().await.unwrap();
        let anew = send(&app, "page-1", &ask("Lumo lamp")).await;
        assert!(!anew.replayed && anew.body()["text"] != first.body()["text"], "{action}: {anew:?}");
    }
}

#[tokio::test]
async fn copy_of_an_offer_ends_with_the_offer() {
    let upstream = counting().await;
    let (hands, clock) = Hands::new();
    let base = upstream.base_url();
    let file =
        std::fs::read_to_string(crate::support::root().join("prompts/why-this/default.prompty")).unwrap();
    let reads_offer = file.replacen("  product.price:\n", "  product.price:\n  product.offer:\n", 1);
    let files = [("prompts/why-this/default.prompty", reads_offer.as_str())];
    let app = TestApp::try_start(&files, &[("OPENAI_BASE_URL", base.as_str())], clock).await.unwrap();
    let mut body = ask("Lumo lamp");
    body["product"]["offer"] = json!({"valid_until": "2026-11-20T12:00:00Z"});
    let first = send(&app, "page-1", &body).await;
    assert_eq!(first.body()["source"], "generated", "{first:?}");
    hands.forward(2 * 3600 - 1);
    repeats(&send(&app, "page-1", &body).await, &first);
    hands.forward(1);
    assert!(!send(&app, "page-1", &body).await.replayed);
}

#[tokio::test]
async fn after_a_day_it_is_a_new_question() {
    let upstream = counting().await;
    let (hands, clock) = Hands::new();
    let base = upstream.base_url();
    let app = TestApp::try_start(&[], &[("OPENAI_BASE_URL", base.as_str())], clock).await.unwrap();
    let first = send(&app, "page-1", &ask("Lumo lamp")).await;
    hands.forward(24 * 3600 - 1);
    repeats(&send(&app, "page-1", &ask("Lumo lamp")).await, &first);
    hands.forward(1);
    let other = send(&app, "page-1", &ask("Another lamp")).await;
    assert_eq!((other.status, other.replayed), (200, false), "{other:?}");
    let repeats = &app.app().shared.parts.repeats;
    let kept = async || {
        let mut beside = SqliteConnection::connect(app.store_url()).await.unwrap();
        let count = sqlx::query_scalar("SELECT count(*) FROM idempotency").fetch_one(&mut beside).await;
        count.unwrap_or(0_i64)
    };
    assert_eq!(kept().await, 1);
    hands.forward(24 * 3600);
    repeats.forget().await.unwrap();
    assert_eq!(kept().await, 0);
}

#[tokio::test]
async fn without_the_store_answers_are_kept_in_memory() {
    let upstream = counting().await;
    let mut app = TestApp::start(&upstream).await;
    let mut beside = SqliteConnection::connect(app.store_url()).await.unwrap();
    sqlx::raw_sql("ALTER TABLE idempotency RENAME TO elsewhere").execute(&mut beside).await.unwrap();
    let first = send(&app, "page-1", &ask("Lumo lamp")).await;
    assert_eq!((first.status, &first.body()["source"]), (200, &json!("generated")), "{first:?}");
    repeats(&send(&app, "page-1", &ask("Lumo lamp")).await, &first);
    sqlx::raw_sql("ALTER TABLE elsewhere RENAME TO idempotency").execute(&mut beside).await.unwrap();
    // What only memory held is forgotten by a restart, and asked anew.
    app.restart().await.unwrap();
    assert!(!send(&app, "page-1", &ask("Lumo lamp")).await.replayed);
}
