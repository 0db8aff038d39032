//! While the log cannot be written: what is shown, what becomes of its records, and what is said of it.

use copyrail::audit::verify::verify;
use copyrail::audit::{SPOOL, Standing};
use copyrail::store::{Access, Store};
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};

use crate::support::{TestApp, Upstream, ask, eventually};

const BREAK: &str = "ALTER TABLE chain RENAME TO elsewhere";
const MEND: &str = "ALTER TABLE elsewhere RENAME TO chain";

async fn run(app: &TestApp, sql: &'static str) {
    let mut beside = SqliteConnection::connect(app.store_url()).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut beside).await.unwrap();
    beside.close().await.unwrap();
}

/// Breaks the store, and waits until the service has noticed.
async fn break_store(app: &TestApp) {
    run(app, BREAK).await;
    let recorder = &app.app().shared.parts.recorder;
    eventually("it is noticed", || async {
        app.blurb(ask("nothing")).await;
        recorder.standing() != Standing::Durable
    })
    .await;
}

/// Stops the service and proves its log; all serves of it, and what each gap counts, by cause.
async fn proven(app: &mut TestApp) -> (Vec<Value>, Vec<(String, u64)>) {
    app.app.take().unwrap().stop().await;
    let store = Store::open(app.store_url(), Access::ReadOnly).await.unwrap();
    assert_eq!(verify(&store, None, |_, _| ()).await.unwrap().fault, None);
    store.close().await;
    let mut beside = SqliteConnection::connect(app.store_url()).await.unwrap();
    let lines = async |kind: &'static str, beside: &mut SqliteConnection| -> Vec<Value> {
        let query = sqlx::query_scalar("SELECT bytes FROM chain WHERE kind = $1 ORDER BY seq");
        let entries: Vec<Vec<u8>> = query.bind(kind).fetch_all(beside).await.unwrap();
        let lines = entries.iter().flat_map(|entry| std::str::from_utf8(entry).unwrap().lines());
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let serves = lines("serves", &mut beside).await;
    let gaps = lines("gap", &mut beside).await;
    let read = |gap: &Value| (gap["cause"].as_str().unwrap().to_owned(), gap["count"].as_u64().unwrap());
    (serves, gaps.iter().map(read).collect())
}

fn with_key(app: &TestApp, product: &str) -> reqwest::RequestBuilder {
    let request = app.client().post(app.url("/v1/blurbs")).bearer_auth(app.key("serve"));
    request.header("idempotency-key", "one").json(&ask(product))
}

#[tokio::test]
async fn once_the_spool_is_full_pre_written_copy_alone_is_served() {
    let upstream = Upstream::saying("A handy companion for the evening.").await;
    let mut app = TestApp::start_with(&upstream, &[], &[("COPYRAIL__AUDIT__SPOOL", "64KiB")]).await;
    assert_eq!(app.blurb(ask("Lumo lamp")).await["source"], "generated");
    let given = app.send(with_key(&app, "Lumo lamp")).await;
    assert_eq!(given.body["source"], "cache");
    break_store(&app).await;
    let recorder = app.app().shared.parts.recorder.clone();

    // As long as the spool takes its record, kept copy is shown.
    assert_eq!(app.blurb(ask("Lumo lamp")).await["source"], "cache");
    let ready = app.get("/readyz", "serve").await.body;
    let detail = ready["degraded"][0]["detail"].as_str().unwrap();
    assert!(detail.starts_with("cannot be written since 20"), "{detail}");
    assert!(detail.contains("no such table: chain"), "{detail}");
    assert!(
        detail.contains("nothing new is generated, and the records of answers go to the spool"),
        "{detail}"
    );

    eventually("the spool is full", || async {
        app.blurb(ask("Lumo lamp")).await;
        recorder.standing() == Standing::Counting
    })
    .await;
    let answer = app.blurb(ask("Lumo lamp")).await;
    assert_eq!(
        (&answer["source"], &answer["reason"]),
        (&json!("prewritten"), &json!("store_unavailable")),
        "{answer}"
    );
    // Neither what was answered before.
    let again = app.send(with_key(&app, "Lumo lamp")).await.body;
    assert_eq!((&again["source"], &again["reason"]), (&json!("prewritten"), &json!("store_unavailable")));
    // Who would rather wait than take that is shown nothing.
    let mut request = ask("Lumo lamp");
    request["accept"] = json!("segment");
    let nothing = app.post("/v1/blurbs", request).await;
    let detail = nothing.body["detail"].as_str().unwrap();
    assert!(nothing.status == 503 && detail.contains("`store_unavailable`"), "{detail}");
    let ready = app.get("/readyz", "serve").await.body.to_string();
    assert!(ready.contains("pre-written copy alone is served"), "{ready}");

    run(&app, MEND).await;
    eventually("kept copy is shown again", || async {
        app.blurb(ask("Lumo lamp")).await["source"] == "cache"
    })
    .await;
    eventually("all is well", || async { app.get("/readyz", "serve").await.body["status"] == "ready" }).await;
    let (serves, gaps) = proven(&mut app).await;
    assert_eq!(gaps, [("store".to_owned(), 0)], "memory had room for what the spool did not take");
    let shown = |serve: &&Value| serve["source"] == "cache" && serve["repeats"].is_null();
    assert!(serves.iter().filter(shown).count() > 10);
    let mut at: Vec<&str> = serves.iter().map(|serve| serve["at"].as_str().unwrap()).collect();
    let in_order = at.clone();
    at.sort_unstable();
    assert_eq!(at, in_order);
}

#[tokio::test]
async fn what_was_spooled_outlives_the_service() {
    let upstream = Upstream::saying("A handy companion for the evening.").await;
    let mut app = TestApp::start(&upstream).await;
    app.blurb(ask("Lumo lamp")).await;
    break_store(&app).await;
    for _ in 0..5 {
        assert_eq!(app.blurb(ask("Lumo lamp")).await["source"], "cache");
    }
    app.app.take().unwrap().stop().await;
    let spool = std::fs::read_to_string(app.folder.path().join("data").join(SPOOL)).unwrap();
    assert!(spool.matches("\"source\":\"cache\"").count() >= 5, "{spool}");
    run(&app, MEND).await;
    app.restart().await.unwrap();
    let (serves, gaps) = proven(&mut app).await;
    assert_eq!(serves.iter().filter(|serve| serve["source"] == "cache").count(), 5);
    assert_eq!(gaps, [("store".to_owned(), 0)]);
}

#[tokio::test]
async fn strictly_nothing_is_shown_whose_record_is_not_durable() {
    let upstream = Upstream::saying("A handy companion for the evening.").await;
    let mut app = TestApp::start_with(&upstream, &[], &[("COPYRAIL__AUDIT__STRICT", "true")]).await;
    let durable = async || {
        let mut beside = SqliteConnection::connect(app.store_url()).await.unwrap();
        let blocks: Vec<Vec<u8>> = sqlx::query_scalar("SELECT bytes FROM chain WHERE kind = 'serves'")
            .fetch_all(&mut beside)
            .await
            .unwrap();
        String::from_utf8(blocks.concat()).unwrap()
    };
    for source in ["generated", "cache"] {
        let answer = app.blurb(ask("Lumo lamp")).await;
        assert_eq!(answer["source"], source);
        assert!(durable().await.contains(answer["serve_id"].as_str().unwrap()));
    }
    // A page that cannot wait gets what needs no record first.
    let mut request = ask("Lumo lamp");
    request["deadline_ms"] = json!(0);
    let hurried = app.blurb(request).await;
    assert_eq!((&hurried["source"], &hurried["reason"]), (&json!("prewritten"), &json!("store_unavailable")));

    run(&app, BREAK).await;
    let answer = app.blurb(ask("Lumo lamp")).await;
    assert_eq!((&answer["source"], &answer["reason"]), (&json!("prewritten"), &json!("store_unavailable")));
    run(&app, MEND).await;
    eventually("kept copy is shown again", || async {
        app.blurb(ask("Lumo lamp")).await["source"] == "cache"
    })
    .await;
    let (serves, _) = proven(&mut app).await;
    let record = |id: &Value| serves.iter().find(|serve| serve["id"] == *id);
    assert_eq!(record(&hurried["serve_id"]).unwrap()["instead_of"], json!(null));
    let own = record(&answer["serve_id"]).unwrap();
    let instead = record(&own["instead_of"]).unwrap();
    assert_eq!((&own["source"], &instead["source"]), (&json!("prewritten"), &json!("cache")));
}

#[tokio::test]
async fn records_name_whose_copy_it_is_and_how_long_it_is_good() {
    let upstream = Upstream::saying("A handy companion for the evening.").await;
    let mut app = TestApp::start(&upstream).await;
    let mut request = ask("Lumo lamp");
    request["consent"] = json!({"personalisation": true});
    request["user"] = json!({"id": "u-17"});
    let answer = app.blurb(request).await;
    let path = format!("/v1/generations/{}", answer["generation_id"].as_str().unwrap());
    let generation = app.get(&path, "review").await.body;
    assert!(generation["stale"].as_str().unwrap() < generation["expires"].as_str().unwrap(), "{generation}");
    let own = answer["tier"] == "user";
    assert_eq!(generation["user"].is_string(), own, "{generation}");
    let key = copyrail::audit::UserKey::open(&app.folder.path().join("data")).unwrap();
    let (serves, gaps) = proven(&mut app).await;
    assert_eq!(gaps, []);
    let store = Store::open(app.store_url(), Access::ReadOnly).await.unwrap();
    let names = copyrail::audit::references(&store, &key.digest("u-17")).await.unwrap();
    assert_eq!((names.len(), &serves[0]["user"]), (2, &json!(names[0])));
}
