//! A person's data erased: nothing of it stands in any file, nothing of it is served, and the log is whole all the same.

use std::path::Path;

use copyrail::audit::verify::verify;
use copyrail::audit::{HoldScope, UserKey, erase, hold, index};
use copyrail::store::{Access, Store};
use serde_json::{Value, json};

use crate::http::problem;
use crate::ladder::returning;
use crate::support::{Answered, Reply, TestApp, Upstream, copyrail, eventually};

/// Words that stand nowhere else in a store.
const WORDS: [&str; 3] = ["Quillfeather", "quillfeather", "zanzibar"];

/// An upstream that writes about lamps, and of each call says which it was.
pub async fn writing() -> Upstream {
    Upstream::with(|call, _| {
        Reply::Text(format!(
            "A zanzibar light for the desk, as {} put it.",
            ["Ann", "Bob", "Cem", "Dan"][call - 1]
        ))
    })
    .await
}

/// Somebody's page, for a product with a name of its own.
pub fn page(user: &str, product: &str) -> Value {
    let mut page = returning(user);
    page["product"]["name"] = json!(product);
    page
}

pub async fn erased(app: &TestApp, user: &str) -> Answered {
    let body = json!({"user": user, "reference": "DSR-1"});
    let request = app.client().post(app.url("/v1/erasures")).bearer_auth(app.key("compliance")).json(&body);
    app.send(request).await
}

async fn store(app: &TestApp) -> Store {
    Store::open(app.store_url(), Access::Beside).await.unwrap()
}

/// Whether the log holds so many serves.
pub async fn serves(app: &TestApp, number: u64) -> bool {
    let report = verify(&store(app).await, None, |_, _| ()).await.unwrap();
    assert_eq!(report.fault, None);
    report.serves == number
}

/// The files below the data folder that hold one of these.
pub fn holding(data: &Path, needles: &[&[u8]]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(data).unwrap() {
        let path = entry.unwrap().path();
        let Ok(bytes) = std::fs::read(&path) else { continue };
        for needle in needles {
            if bytes.windows(needle.len()).any(|window| window == *needle) {
                found.push(format!("{}: {}", path.display(), String::from_utf8_lossy(needle)));
            }
        }
    }
    found
}

#[tokio::test]
async fn what_is_erased_stands_in_no_file_and_is_served_no_more() {
    let upstream = writing().await;
    let app = TestApp::start(&upstream).await;
    let data = app.folder.path().join("data");
    let ask = page("u-17", "Quillfeather lamp");
    let first = app
        .send(
            app.client()
                .post(app.url("/v1/blurbs"))
                .bearer_auth(app.key("serve"))
                .header("idempotency-key", "k")
                .json(&ask),
        )
        .await
        .body;
    assert_eq!((&first["source"], &first["tier"]), (&json!("generated"), &json!("user")), "{first}");
    assert_eq!(app.blurb(ask.clone()).await["source"], "cache");
    let generation = first["generation_id"].as_str().unwrap();
    let note = json!({"action": "note", "note": "Too quillfeather for us."});
    let review = format!("/v1/generations/{generation}/reviews");
    let review = app.client().post(app.url(&review)).bearer_auth(app.key("review")).json(&note);
    assert_eq!(app.send(review).await.status, 201);
    eventually("both serves are recorded", || serves(&app, 2)).await;
    let beside = store(&app).await;
    index::catch_up(&beside).await.unwrap();

    let key = UserKey::open(&data).unwrap();
    let digest = key.digest("u-17");
    let link = copyrail::store::users::key(&beside, &digest).await.unwrap().expect("records name them");
    let words = WORDS.map(str::as_bytes);
    let found = holding(&data, &[words.as_slice(), &[digest.as_slice(), link.as_slice()]].concat());
    assert!(found.len() >= 5, "what is looked for can be found: {found:?}");

    let answered = erased(&app, "u-17").await;
    assert_eq!(answered.status, 201, "{}", answered.body);
    let receipt = answered.body;
    let counts = ["serves", "older_serves", "shared"].map(|field| receipt[field].as_u64().unwrap());
    assert_eq!(counts, [2, 0, 0], "{receipt}");
    assert_eq!((&receipt["reference"], &receipt["by"]), (&json!("DSR-1"), &json!("test compliance")));
    eventually("nothing of it is in any file", || async {
        holding(&data, &words).is_empty() && holding(&data, &[&digest, &link]).is_empty()
    })
    .await;
    let shown = app.get(&format!("/v1/generations/{generation}"), "review").await.body;
    assert_eq!((&shown["payload"], &shown["reviews"][0]["note"]), (&json!(null), &json!(null)), "{shown}");
    assert!(serves(&app, 2).await);

    // Neither memory nor what is kept for those who ask again holds it.
    let again = app
        .send(
            app.client()
                .post(app.url("/v1/blurbs"))
                .bearer_auth(app.key("serve"))
                .header("idempotency-key", "k")
                .json(&ask),
        )
        .await;
    assert!(!again.headers.contains_key("idempotent-replayed"));
    assert_eq!((&again.body["source"], upstream.calls()), (&json!("generated"), 2), "{}", again.body);
    assert_ne!(again.body["generation_id"], first["generation_id"]);
}

#[tokio::test]
async fn copy_that_others_were_shown_stays_without_the_link() {
    let upstream = writing().await;
    let app = TestApp::start(&upstream).await;
    let first = app.blurb(page("u-1", "Lumo lamp")).await;
    let second = app.blurb(page("u-2", "Lumo lamp")).await;
    assert_eq!((&first["tier"], &second["source"]), (&json!("user"), &json!("cache")));
    eventually("both serves are recorded", || serves(&app, 2)).await;
    let receipt = erased(&app, "u-1").await.body;
    assert_eq!(
        (&receipt["serves"], &receipt["shared"], &receipt["payloads"]),
        (&json!(1), &json!(1), &json!([]))
    );
    assert_eq!(app.blurb(page("u-2", "Lumo lamp")).await["source"], "cache");
    let beside = store(&app).await;
    let digest = UserKey::open(&app.folder.path().join("data")).unwrap().digest("u-1");
    assert_eq!(copyrail::store::users::key(&beside, &digest).await.unwrap(), None);
    // Whoever is not known is erased too, and the receipt says that nothing was found.
    let nobody = erased(&app, "nobody").await;
    assert_eq!((nobody.status, &nobody.body["serves"]), (201, &json!(0)));
    let body = json!({"user": ""});
    let empty = app.client().post(app.url("/v1/erasures")).bearer_auth(app.key("compliance")).json(&body);
    problem(&app.send(empty).await, 400, "urn:copyrail:malformed");
    let reviewer = app.client().post(app.url("/v1/erasures")).bearer_auth(app.key("review")).json(&body);
    problem(&app.send(reviewer).await, 403, "urn:copyrail:not-allowed");
}

#[tokio::test]
async fn a_legal_hold_refuses_an_erasure_until_it_is_lifted() {
    let upstream = writing().await;
    let app = TestApp::start(&upstream).await;
    app.blurb(page("u-1", "Lumo lamp")).await;
    eventually("the serve is recorded", || serves(&app, 1)).await;
    let beside = store(&app).await;
    let now = copyrail::app::wall_clock()();
    let why = ("jo", "claim 7");
    for (scope, covers) in [
        (HoldScope { placement: Some("why-this".into()), ..HoldScope::default() }, true),
        (HoldScope { placement: Some("cta-subtext".into()), ..HoldScope::default() }, false),
        (HoldScope { since: Some(now), ..HoldScope::default() }, false),
        (HoldScope { until: Some(now), ..HoldScope::default() }, true),
    ] {
        let told = format!("{scope:?}");
        let held = hold::add(&beside, scope, None, why, now).await.unwrap();
        let preview = erase::preview(&beside, &digest(&app, "u-1")).await;
        assert_eq!(preview.is_err(), covers, "{told}: {preview:?}");
        if covers {
            let detail = problem(&erased(&app, "u-1").await, 409, "urn:copyrail:held");
            assert!(detail.contains("claim 7") && detail.contains(&held.id.to_string()), "{detail}");
        }
        hold::lift(&beside, held.id, why, now).await.unwrap().unwrap();
        assert!(hold::lift(&beside, held.id, why, now).await.unwrap().is_none());
    }
    assert!(!app.folder.path().join("data/erasures.jsonl").exists(), "what was refused is not noted");
    let held = hold::add(&beside, HoldScope::default(), Some(digest(&app, "u-1")), why, now).await.unwrap();
    assert_eq!(erased(&app, "u-1").await.status, 409);
    assert_eq!(erased(&app, "u-2").await.status, 201, "a hold on one user is none on another");
    hold::lift(&beside, held.id, why, now).await.unwrap().unwrap();
    assert_eq!(erased(&app, "u-1").await.status, 201);
    assert!(serves(&app, 1).await);
}

fn digest(app: &TestApp, user: &str) -> [u8; 32] {
    UserKey::open(&app.folder.path().join("data")).unwrap().digest(user)
}

#[tokio::test]
async fn the_command_erases_beside_a_running_service() {
    let upstream = writing().await;
    let app = TestApp::start(&upstream).await;
    app.blurb(page("u-1", "Lumo lamp")).await;
    eventually("the serve is recorded", || serves(&app, 1)).await;
    let (url, folder) = (app.store_url().to_owned(), app.folder.path().to_owned());
    let run = async |arguments: &'static [&'static str]| {
        let (url, folder) = (url.clone(), folder.clone());
        let run = move || copyrail(&folder, arguments, &[("COPYRAIL__STORE__URL", &url)], "");
        tokio::task::spawn_blocking(run).await.unwrap()
    };
    let dry = run(&["audit", "erase", "--user", "u-1", "--dry-run"]).await;
    assert_eq!(
        (dry.code, dry.out.as_str()),
        (Some(0), "would erase the link to 1 serve, 1 generation\n"),
        "{}",
        dry.err
    );
    let unasked = run(&["audit", "erase", "--user", "u-1"]).await;
    assert_eq!(unasked.code, Some(2), "{}", unasked.err);
    let done = run(&["audit", "erase", "--user", "u-1", "--yes", "--by", "jo", "--reference", "DSR-9"]).await;
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.out.starts_with("erased: the link to 1 serve, 1 generation\nreceipt 0"), "{}", done.out);
    eventually("the service has dropped it", || async {
        app.app().shared.refresh_reviews().await;
        app.blurb(page("u-1", "Lumo lamp")).await["source"] == "generated"
    })
    .await;
    assert_eq!(upstream.calls(), 2);
    let nobody = run(&["audit", "erase", "--user", "nobody", "--yes"]).await;
    let said = "erased: nothing was held of this user; the receipt says so\n";
    assert!(nobody.code == Some(0) && nobody.out.starts_with(said), "{}", nobody.out);
}

#[tokio::test]
async fn an_erasure_that_was_noted_is_carried_out_before_anything_is_served() {
    let upstream = writing().await;
    let mut app = TestApp::start(&upstream).await;
    app.blurb(page("u-1", "Quillfeather lamp")).await;
    app.app.take().unwrap().stop().await;
    let data = app.folder.path().join("data");
    let notes = data.join("erasures.jsonl");
    let now = copyrail::app::wall_clock()();
    let digest = UserKey::open(&data).unwrap().hash("u-1");
    let id = "6f0b2f1e-3c55-4d0a-9d0e-2f6f3a7b1c44";
    let note = json!({"v": 1, "id": id, "digest": digest}).to_string();
    // A copy that was cut off must not pass for the whole.
    std::fs::write(&notes, format!("{note}\n{{\"v\"")).unwrap();
    let refused = app.restart().await.unwrap_err().to_string();
    assert!(refused.contains("an erasure cannot be carried out") && refused.contains("line 2"), "{refused}");
    std::fs::write(&notes, note).unwrap();
    app.restart().await.unwrap();
    eventually("nothing of it is in any file", || async { holding(&data, &[b"Quillfeather"]).is_empty() })
        .await;
    assert!(serves(&app, 1).await);
    let receipts = async || {
        let page = store(&app).await;
        erase::resume(&page, &data, now).await.unwrap()
    };
    assert_eq!(receipts().await, 0, "it is carried out once");
    assert_eq!(erased(&app, "u-2").await.status, 201);
    assert_eq!(std::fs::read_to_string(&notes).unwrap().lines().count(), 2);
}
