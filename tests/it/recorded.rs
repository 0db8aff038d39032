//! Nothing unrecorded is shown: generated text is durable before it is served, and every answer is in a chain that holds.

use std::sync::atomic::{AtomicUsize, Ordering};

use copyrail::audit::verify::{Report, verify};
use copyrail::store::{Access, Store};
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};

use crate::support::{Reply, TestApp, Upstream, ask, eventually};

/// Stops the service, so that all is written, and proves its log.
async fn proven(mut app: TestApp) -> (Report, TestApp) {
    app.app.take().unwrap().stop().await;
    let store = Store::open(app.store_url(), Access::ReadOnly).await.unwrap();
    let report = verify(&store, None, |_, _| ()).await.unwrap();
    store.close().await;
    assert_eq!(report.fault, None);
    (report, app)
}

async fn beside(app: &TestApp) -> SqliteConnection {
    SqliteConnection::connect(app.store_url()).await.unwrap()
}

#[tokio::test]
async fn every_answer_is_in_the_log_and_generated_text_word_for_word() {
    let upstream = Upstream::with(|call, _| match call {
        1 => Reply::Text("A lamp for the desk!".into()),
        2 => Reply::Text("A risk-free lamp.".into()),
        _ => Reply::Raw(400, String::new()),
    })
    .await;
    let app = TestApp::start(&upstream).await;
    let none = json!({"placement": "why-this", "product": {"id": "nobody"}, "context": {"locale": "fr"}});
    let requests = [ask("Lumo lamp"), ask("Lumo lamp"), ask("Second lamp"), ask("Third lamp"), none];
    let expected = ["generated", "cache", "prewritten", "prewritten", "none"];
    for (request, source) in requests.iter().zip(expected) {
        let answer = app.blurb(request.clone()).await;
        assert_eq!(answer["source"], source, "{answer}");
        if answer["ai_generated"] == true {
            let path = format!("/v1/generations/{}", answer["generation_id"].as_str().unwrap());
            let generation = app.get(&path, "review").await.body;
            assert_eq!(generation["payload"]["text"], answer["text"], "{generation}");
            assert_eq!(generation["outcome"], "passed");
        }
    }
    let (report, app) = proven(app).await;
    assert_eq!((report.serves, report.generations), (5, 3));

    // What was shown can be read again, and each answer says why it is what it is.
    let mut beside = beside(&app).await;
    let blocks: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT bytes FROM chain WHERE kind = 'serves' ORDER BY seq")
            .fetch_all(&mut beside)
            .await
            .unwrap();
    let lines = String::from_utf8(blocks.concat()).unwrap();
    let serves: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = serves.iter().map(|serve| serve["source"].as_str().unwrap()).collect();
    assert_eq!(told, expected);
    let reasons = [json!(null), json!(null), json!("guardrail"), json!("upstream"), json!("unknown_product")];
    assert_eq!(serves.iter().map(|serve| serve["reason"].clone()).collect::<Vec<_>>(), reasons);
    let text: String = sqlx::query_scalar("SELECT text FROM texts WHERE hash = $1")
        .bind(serves[2]["text_hash"].as_str().unwrap())
        .fetch_one(&mut beside)
        .await
        .unwrap();
    assert_eq!(text, "Second lamp at a glance: the details on this page show what it is made for.");
    assert_eq!(serves[4]["text_hash"], json!(null));
    beside.close().await.unwrap();

    // The proof bites: one letter of one served text.
    let store = Store::open(app.store_url(), Access::Beside).await.unwrap();
    let mut beside = self::beside(&app).await;
    sqlx::raw_sql("UPDATE texts SET text = text || '.'").execute(&mut beside).await.unwrap();
    assert!(verify(&store, None, |_, _| ()).await.unwrap().fault.is_some());
}

#[tokio::test]
async fn a_text_corrected_after_it_was_recorded_is_kept_as_it_was_shown() {
    let upstream = Upstream::saying("A handy companion for the evening.").await;
    let app = TestApp::start(&upstream).await;
    assert_eq!(app.blurb(ask("Lumo lamp")).await["text"], "A handy companion for the evening.");
    let rule = "rules:\n  - id: mate\n    extends: substitution\n    message: \"Write '%s' for '%s'.\"\n    on_match: fix\n    \
                swap: {companion: friend}\n    examples: {fail: [A companion.], pass: [A friend.]}\n";
    app.edit("guardrails/extra.yml", rule).await;
    for _ in 0..2 {
        let answer = app.blurb(ask("Lumo lamp")).await;
        assert_eq!(
            (&answer["text"], &answer["source"]),
            (&json!("A handy friend for the evening."), &json!("cache"))
        );
    }
    assert_eq!(upstream.calls(), 1);
    let (report, app) = proven(app).await;
    assert_eq!(report.serves, 3);
    let mut beside = beside(&app).await;
    let texts: Vec<String> =
        sqlx::query_scalar("SELECT text FROM texts").fetch_all(&mut beside).await.unwrap();
    assert_eq!(texts, ["A handy friend for the evening."]);
}

/// While `breaks` holds, nothing new is generated and what is kept is still served; after `mends` all is as before by
/// itself, and every answer is in the log.
async fn check_outage(breaks: &'static str, mends: &'static str) {
    let upstream = Upstream::saying("A handy companion for the evening.").await;
    let app = TestApp::start(&upstream).await;
    let answers = AtomicUsize::new(0);
    let asked = async |name: &str| {
        answers.fetch_add(1, Ordering::SeqCst);
        app.blurb(ask(name)).await
    };
    let first = asked("Lumo lamp").await;
    assert_eq!(first["source"], "generated", "{first}");

    let mut beside = beside(&app).await;
    sqlx::raw_sql(breaks).execute(&mut beside).await.unwrap();
    // The upstream answers, the log does not take the record, so the text is not shown.
    let second = asked("Second lamp").await;
    assert_eq!(second["source"], "prewritten", "{breaks}: {second}");
    assert_eq!(second["reason"], "store_unavailable", "{breaks}: {second}");
    // From here on nobody is asked for what could not be shown.
    let calls = upstream.calls();
    for name in ["Second lamp", "Third lamp"] {
        let answer = asked(name).await;
        assert_eq!(answer["reason"], "store_unavailable", "{breaks}: {answer}");
        assert!(!answer["text"].as_str().unwrap().is_empty());
    }
    assert_eq!(upstream.calls(), calls, "{breaks}");
    let kept = asked("Lumo lamp").await;
    assert_eq!((&kept["source"], &kept["text"]), (&json!("cache"), &first["text"]), "{breaks}");
    eventually("it says that it is degraded", || async {
        let ready = app.get("/readyz", "serve").await;
        (ready.status, &ready.body["degraded"][0]["part"]) == (200, &json!("log"))
    })
    .await;

    sqlx::raw_sql(mends).execute(&mut beside).await.unwrap();
    beside.close().await.unwrap();
    eventually("it generates again", || async { asked("Third lamp").await["source"] == "generated" }).await;
    assert_eq!(app.get("/readyz", "serve").await.body["status"], "ready", "{breaks}");

    let (report, app) = proven(app).await;
    assert_eq!(report.serves, answers.load(Ordering::SeqCst) as u64, "{breaks}");
    let mut beside = self::beside(&app).await;
    let gaps: Vec<Vec<u8>> = sqlx::query_scalar("SELECT bytes FROM chain WHERE kind = 'gap'")
        .fetch_all(&mut beside)
        .await
        .unwrap();
    let [gap] = &gaps[..] else { panic!("{breaks}: {} gaps", gaps.len()) };
    let gap: Value = serde_json::from_slice(gap).unwrap();
    assert_eq!(gap["count"], 0, "{breaks}: nothing was lost, and that the log failed is said: {gap}");
}

#[tokio::test]
async fn while_the_log_is_gone_nothing_new_is_shown() {
    check_outage("ALTER TABLE chain RENAME TO elsewhere", "ALTER TABLE elsewhere RENAME TO chain").await;
}

#[tokio::test]
async fn while_the_log_is_locked_nothing_new_is_shown() {
    check_outage("BEGIN EXCLUSIVE", "ROLLBACK").await;
}

#[tokio::test]
async fn a_page_that_cannot_wait_never_gets_text_before_its_record() {
    let upstream = Upstream::saying("A handy companion for the evening.").await;
    let app = TestApp::start(&upstream).await;
    let mut beside = beside(&app).await;
    let breaks = "CREATE TRIGGER full BEFORE INSERT ON payloads BEGIN SELECT RAISE(FAIL, 'on purpose'); END";
    sqlx::raw_sql(breaks).execute(&mut beside).await.unwrap();
    let mut request = ask("Lumo lamp");
    request["deadline_ms"] = json!(0);
    let first = app.blurb(request.clone()).await;
    assert_eq!((&first["reason"], &first["pending"]), (&json!("deadline"), &json!(true)), "{first}");
    eventually("the text is written and its record refused", || async {
        app.app().shared.parts.flights.is_empty()
    })
    .await;
    assert_eq!(upstream.calls(), 1);
    let second = app.blurb(request.clone()).await;
    assert_eq!(second["source"], "prewritten", "{second}");

    sqlx::raw_sql("DROP TRIGGER full").execute(&mut beside).await.unwrap();
    eventually("it is written again, and kept", || async {
        app.blurb(request.clone()).await["source"] == "cache"
    })
    .await;
    beside.close().await.unwrap();
    proven(app).await;
}
