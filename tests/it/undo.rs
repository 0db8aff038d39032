//! What a person decided they can undo: then holds what held before.

use copyrail::audit::verify::verify;
use copyrail::audit::{Decision, Reviews};
use copyrail::store::{Access, Store};
use serde_json::{Value, json};

use crate::ladder::{check_awaiting, decide, placement, review, standing};
use crate::support::{Reply, TestApp, Upstream, ask, eventually};

const PLACEMENT: &str = "prompts/why-this/placement.yml";

async fn writers() -> Upstream {
    const NAMES: [&str; 4] = ["Ann", "Bob", "Cem", "Dee"];
    Upstream::with(|call, _| Reply::Text(format!("A lamp, in the words of {}.", NAMES[call - 1]))).await
}

async fn with_approval(upstream: &Upstream) -> TestApp {
    TestApp::start_with(upstream, &[(PLACEMENT, &placement(PLACEMENT, "approval: true"))], &[]).await
}

/// Which of the four states each lists this generation alone.
async fn states(app: &TestApp, id: &str) -> Vec<&'static str> {
    let mut states = Vec::new();
    for state in ["awaiting", "approved", "rejected", "flagged"] {
        if standing(app, state).await.iter().any(|found| found == id) {
            states.push(state);
        }
    }
    states
}

/// The same once everything is indexed.
async fn indexed_states(app: &TestApp, id: &str) -> Vec<&'static str> {
    let store = Store::open(app.store_url(), Access::Beside).await.unwrap();
    eventually("all is indexed", || async { copyrail::audit::index::behind(&store).await.unwrap() == 0 })
        .await;
    states(app, id).await
}

async fn check_refused(app: &TestApp, id: &str, by: &str, detail: &str) {
    let url = app.url(&format!("/v1/generations/{id}/reviews"));
    let sent = app.client().post(url).bearer_auth(app.key(by)).json(&json!({"action": "undo"}));
    let answered = app.send(sent).await;
    assert_eq!((answered.status, &answered.body["type"]), (409, &json!("urn:copyrail:nothing-to-undo")));
    assert!(answered.body["detail"].as_str().unwrap().contains(detail), "{}", answered.body);
}

fn text(answer: &Value) -> &str {
    answer["text"].as_str().unwrap()
}

#[tokio::test]
async fn an_approval_that_is_undone_has_the_text_wait_again() {
    let upstream = writers().await;
    let mut app = with_approval(&upstream).await;
    check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    let ann = standing(&app, "awaiting").await.remove(0);
    check_refused(&app, &ann, "review", "neither decided on this generation nor flagged").await;
    let beside = Store::open(app.store_url(), Access::Beside).await.unwrap();
    let reader = Reviews::open(beside.clone()).await.unwrap();

    let approved = decide(&app, &ann, "approve").await;
    assert!(text(&app.blurb(ask("Lumo lamp")).await).contains("Ann"));
    assert_eq!(states(&app, &ann).await, ["approved"]);
    reader.refresh(|_| ()).await.unwrap();
    assert_eq!(reader.decision(ann.parse().unwrap()), Some(Decision::Approved));

    let undone = decide(&app, &ann, "undo").await;
    assert_eq!(
        undone["undoes"],
        json!({"review": approved["id"], "action": "approve", "holds": "undecided"})
    );
    check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    assert_eq!(states(&app, &ann).await, ["awaiting"]);
    assert_eq!(indexed_states(&app, &ann).await, ["awaiting"]);
    reader.refresh(|_| ()).await.unwrap();
    assert_eq!(reader.decision(ann.parse().unwrap()), Some(Decision::Undecided));

    app.restart().await.unwrap();
    check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    assert_eq!((states(&app, &ann).await, upstream.calls()), (vec!["awaiting"], 1));
    let report = verify(&beside, None, |_, _| ()).await.unwrap();
    assert_eq!(report.fault, None);
    // It can be approved anew, and stays so.
    decide(&app, &ann, "approve").await;
    assert!(text(&app.blurb(ask("Lumo lamp")).await).contains("Ann"));
    app.restart().await.unwrap();
    assert!(text(&app.blurb(ask("Lumo lamp")).await).contains("Ann"));
}

#[tokio::test]
async fn a_rejection_that_is_undone_lets_the_text_come_back() {
    let upstream = writers().await;
    let mut app = TestApp::start(&upstream).await;
    let first = app.blurb(ask("Lumo lamp")).await;
    let ann = first["generation_id"].as_str().unwrap().to_owned();
    decide(&app, &ann, "reject").await;
    assert_eq!(states(&app, &ann).await, ["rejected"]);
    assert!(!app.app().shared.parts.stops.pin().register().rejections.is_empty());
    decide(&app, &ann, "undo").await;
    assert_eq!(indexed_states(&app, &ann).await, Vec::<&str>::new());
    assert!(app.app().shared.parts.stops.pin().register().rejections.is_empty());
    // Nothing is written in its place.
    for restarted in [false, true] {
        assert_eq!(text(&app.blurb(ask("Lumo lamp")).await), text(&first), "{restarted}");
        app.restart().await.unwrap();
    }
    assert_eq!(upstream.calls(), 1);
    assert!(app.app().shared.parts.stops.pin().register().rejections.is_empty());
}

#[tokio::test]
async fn under_an_undone_rejection_the_approval_before_it_stands_and_the_other_way_round() {
    let upstream = writers().await;
    let mut app = with_approval(&upstream).await;
    check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    let ann = standing(&app, "awaiting").await.remove(0);
    decide(&app, &ann, "approve").await;
    decide(&app, &ann, "reject").await;
    assert_ne!(app.blurb(ask("Lumo lamp")).await["generation_id"], json!(ann));
    decide(&app, &ann, "undo").await;
    assert_eq!(states(&app, &ann).await, ["approved"]);
    // Another one waits by now, and is looked behind once in a while.
    eventually("it is back", || async { text(&app.blurb(ask("Lumo lamp")).await).contains("Ann") }).await;
    app.restart().await.unwrap();
    assert!(text(&app.blurb(ask("Lumo lamp")).await).contains("Ann"));

    decide(&app, &ann, "reject").await;
    decide(&app, &ann, "approve").await;
    decide(&app, &ann, "undo").await;
    assert_eq!(indexed_states(&app, &ann).await, ["rejected"]);
    assert!(!text(&app.blurb(ask("Lumo lamp")).await).contains("Ann"));
    let rejections = app.app().shared.parts.stops.pin().register().rejections.len();
    assert_eq!(rejections, 1, "its words stay banned for its question");
    app.restart().await.unwrap();
    assert!(!text(&app.blurb(ask("Lumo lamp")).await).contains("Ann"));
}

#[tokio::test]
async fn an_approval_that_is_undone_no_longer_lets_go_of_the_same_words_rejected_elsewhere() {
    let upstream = Upstream::saying("The very same words.").await;
    let app = TestApp::start(&upstream).await;
    let purge = json!({"placement": "why-this"});
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(app.blurb(ask("Lumo lamp")).await["generation_id"].as_str().unwrap().to_owned());
        let sent = app.client().post(app.url("/v1/purge")).bearer_auth(app.key("compliance")).json(&purge);
        assert_eq!(app.send(sent).await.status, 201);
    }
    assert_ne!(ids[0], ids[1]);
    let rejections = || {
        app.app()
            .shared
            .parts
            .stops
            .pin()
            .register()
            .rejections
            .keys()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    decide(&app, &ids[0], "reject").await;
    assert_eq!(rejections(), [ids[0].clone()]);
    decide(&app, &ids[1], "approve").await;
    assert!(rejections().is_empty());
    decide(&app, &ids[1], "undo").await;
    assert_eq!(rejections(), [ids[0].clone()]);
}

#[tokio::test]
async fn a_flag_is_undone_alone_and_a_takedown_never() {
    let upstream = writers().await;
    let app = TestApp::start(&upstream).await;
    let first = app.blurb(ask("Lumo lamp")).await;
    let ann = first["generation_id"].as_str().unwrap().to_owned();
    decide(&app, &ann, "flag").await;
    assert_eq!(indexed_states(&app, &ann).await, ["flagged"]);
    decide(&app, &ann, "approve").await;
    assert_eq!(indexed_states(&app, &ann).await, ["approved"]);
    decide(&app, &ann, "undo").await;
    assert_eq!(indexed_states(&app, &ann).await, ["flagged"]);
    let undone = decide(&app, &ann, "undo").await;
    assert_eq!(undone["undoes"].get("holds"), None, "{undone}");
    assert_eq!(indexed_states(&app, &ann).await, Vec::<&str>::new());
    assert_eq!(text(&app.blurb(ask("Lumo lamp")).await), text(&first));

    // What others decided is not theirs to undo.
    decide(&app, &ann, "approve").await;
    check_refused(&app, &ann, "admin", "neither decided").await;
    let url = app.url(&format!("/v1/generations/{ann}/reviews"));
    let sent = app.client().post(url).bearer_auth(app.key("admin")).json(&json!({"action": "reject"}));
    assert_eq!(app.send(sent).await.status, 201);
    check_refused(&app, &ann, "review", "A later decision, by test admin, holds").await;
    assert_eq!(states(&app, &ann).await, ["rejected"]);

    decide(&app, &ann, "takedown").await;
    check_refused(&app, &ann, "review", "A takedown is not undone").await;
    let told = review(&app, &ann, json!({"action": "undo", "note": "?"})).await;
    assert_eq!(told.status, 409);
    assert!(!text(&app.blurb(ask("Lumo lamp")).await).contains("Ann"));
}
