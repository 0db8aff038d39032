//! How far copy may go: mode, rollout, holdout and approval for each placement and segment, under the guardrails' ceilings.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use copyrail::audit::Clock;
use copyrail::audit::verify::verify;
use copyrail::store::{Access, Store};
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};

use crate::http::{COPY, problem};
use crate::support::{Answered, Reply, TestApp, Upstream, ask, eventually};

const PLACEMENT: &str = "prompts/why-this/placement.yml";
const CTA: &str = "prompts/cta-subtext/placement.yml";
const SEGMENTS: &str = "config/segments.yml";

/// The shipped file of a placement, with lines put before its last-resort copy.
pub fn placement(path: &str, lines: &str) -> String {
    let shipped = std::fs::read_to_string(crate::support::root().join(path)).unwrap();
    shipped.replacen("last_resort:", &format!("{lines}\nlast_resort:"), 1)
}

/// The shipped segments, which declare what a browser is known by.
fn segments() -> String {
    let shipped = std::fs::read_to_string(crate::support::root().join(SEGMENTS)).unwrap();
    shipped.replacen("attributes:\n", "attributes:\n  context.visitor: {type: string}\n", 1)
}

/// Somebody who comes back, whose copy is written for them alone.
pub fn returning(id: &str) -> Value {
    let lately = copyrail::app::wall_clock()().to_string();
    json!({
        "placement": "why-this", "product": {"name": "Lumo lamp"},
        "user": {"id": id, "attributes": {"orders_total": 3, "visits": 9, "last_order": lately}},
        "consent": {"personalisation": true}, "deadline_ms": 30_000,
    })
}

async fn explained(app: &TestApp, request: Value) -> Value {
    let answered = app.post("/v1/explain", request).await;
    assert_eq!(answered.status, 200, "{}", answered.body);
    answered.body
}

#[tokio::test]
async fn shares_are_sticky_near_their_size_and_independent_of_one_another() {
    const USERS: usize = 2_000;
    let upstream = Upstream::saying(COPY).await;
    let shared = "holdout: {share: 30%, seed: autumn}";
    let files = [
        (PLACEMENT, placement(PLACEMENT, "rollout: 40%\nholdout: 20%")),
        (CTA, placement(CTA, "rollout: 40%\nholdout: 20%")),
        ("prompts/banner/placement.yml", format!("mode: live\n{shared}\nlast_resort:\n  en: A.\n")),
        ("prompts/footer/placement.yml", format!("mode: segment\n{shared}\nlast_resort:\n  en: A.\n")),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let app = TestApp::start_with(&upstream, &files, &[]).await;
    let mut why = Vec::new();
    let mut same = [true, true, true];
    for number in 0..USERS {
        let inside = async |placement: &str| {
            let mut request = returning(&format!("user-{number}"));
            request["placement"] = json!(placement);
            let body = explained(&app, request).await;
            let (ladder, reason) = (&body["ladder"], body["reason"].clone());
            let inside = |share: &str| {
                let lot = &ladder[share];
                let (place, share) = (lot["place"].as_f64().unwrap(), lot["share"].as_f64().unwrap());
                assert!((0.0..1.0).contains(&place) && lot["by"] == "user.id", "{lot}");
                assert_eq!(lot["inside"], json!(place < share), "{lot}");
                place < share
            };
            let (rollout, holdout) = (inside("rollout"), inside("holdout"));
            assert!(!body["ladder"].to_string().contains("user-"), "never the id itself: {body}");
            (rollout, holdout, reason, body["tier"].clone())
        };
        let (rollout, holdout, reason, tier) = inside("why-this").await;
        let expected = match (rollout, holdout) {
            (_, true) => ("prewritten", json!("holdout")),
            (true, false) => ("user", json!(null)),
            (false, false) => ("segment", json!("rollout")),
        };
        assert_eq!((tier.as_str().unwrap(), &reason), (expected.0, &expected.1));
        why.push((rollout, holdout));
        if number < 60 {
            let again = inside("why-this").await;
            assert_eq!((again.0, again.1), (rollout, holdout), "it is sticky");
            let cta = inside("cta-subtext").await;
            let [banner, footer] = [inside("banner").await, inside("footer").await];
            for (same, now) in same.iter_mut().zip([cta.0 == rollout, cta.1 == holdout, banner.1 == footer.1])
            {
                *same &= now;
            }
        }
    }
    assert_eq!(same, [false, false, true], "placements share people by one seed alone");
    let count = |wanted: fn(&(bool, bool)) -> bool| why.iter().filter(|lot| wanted(lot)).count();
    let (rolled, held, both) = (count(|w| w.0), count(|w| w.1), count(|w| w.0 && w.1));
    assert!((720..=880).contains(&rolled), "{rolled} of {USERS} at 40%");
    assert!((340..=460).contains(&held), "{held} of {USERS} at 20%");
    assert!((110..=210).contains(&both), "{both} of {USERS} at 40% of 20%");
    assert_eq!((upstream.calls(), app.generations().await.len()), (0, 0));
}

#[tokio::test]
async fn without_consent_the_fallback_decides_and_nothing_of_the_user() {
    let upstream = Upstream::saying(COPY).await;
    let shares = "rollout: {share: 50%, by: user.id, fallback: context.visitor}\n\
                  holdout: {share: 20%, by: user.id, fallback: context.visitor, seed: autumn}";
    let files = [(PLACEMENT, placement(PLACEMENT, shares)), (SEGMENTS, segments())];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let app = TestApp::start_with(&upstream, &files, &[]).await;
    let lots = async |user: &str, visitor: Option<&str>, consent: bool| {
        let mut request = returning(user);
        request["consent"]["personalisation"] = json!(consent);
        if let Some(visitor) = visitor {
            request["context"] = json!({"visitor": visitor});
        }
        let ladder = explained(&app, request).await["ladder"].take();
        let of = |share: &str| (ladder[share]["by"].clone(), ladder[share]["place"].clone());
        (of("rollout"), of("holdout"), ladder["holdout"]["inside"].clone())
    };
    let agreed = lots("u-17", Some("v-9"), true).await;
    assert_eq!((&agreed.0.0, &agreed.1.0), (&json!("user.id"), &json!("user.id")));
    assert_eq!(agreed, lots("u-17", None, true).await);
    assert_ne!(agreed.0.1, agreed.1.1, "each share has its own seed");
    let visitor = lots("u-17", Some("v-9"), false).await;
    assert_eq!((&visitor.0.0, &visitor.1.0), (&json!("context.visitor"), &json!("context.visitor")));
    assert_eq!(visitor, lots("u-18", Some("v-9"), false).await, "who it is changes nothing");
    assert_ne!(visitor, lots("u-17", Some("v-8"), false).await);
    let nobody = lots("u-17", None, false).await;
    let nowhere = (json!("user.id"), json!(null));
    assert_eq!(nobody, (nowhere.clone(), nowhere, json!(false)));
    // A held-out visitor gets what people wrote; the LLM is not asked.
    let mut held = 0;
    while lots("u-17", Some(&format!("v-{held}")), false).await.2 != json!(true) {
        held += 1;
    }
    let mut request = ask("Lumo lamp");
    request["context"] = json!({"visitor": format!("v-{held}")});
    let answer = app.blurb(request).await;
    assert_eq!((&answer["source"], &answer["reason"]), (&json!("prewritten"), &json!("holdout")), "{answer}");
    assert_eq!((&answer["pending"], upstream.calls()), (&json!(false), 0));
}

#[tokio::test]
async fn a_segment_has_a_ladder_of_its_own_and_render_shows_it() {
    let upstream = Upstream::saying(COPY).await;
    let lines = "holdout: 100%\nsegments:\n  \
                 repeat: {mode: segment, rollout: 50%, approval: true, holdout: 0%}";
    let app = TestApp::start_with(&upstream, &[(PLACEMENT, &placement(PLACEMENT, lines))], &[]).await;
    let returns = explained(&app, returning("u-17")).await;
    assert_eq!(returns["segment"], "repeat");
    let place = returns["ladder"]["rollout"]["place"].as_f64().unwrap();
    let ladder = json!({
        "mode": "segment", "approval": true,
        "rollout": {"share": 0.5, "by": "user.id", "place": place, "inside": place < 0.5},
        "holdout": {"share": 0.0, "by": "user.id", "place": returns["ladder"]["holdout"]["place"], "inside": false},
        "ceiling": null,
    });
    assert_eq!(returns["ladder"], ladder);
    let mut first = returning("u-17");
    first["user"]["attributes"] = json!({"visits": 1});
    let first = explained(&app, first).await;
    assert_eq!((&first["segment"], &first["reason"]), (&json!("awareness"), &json!("holdout")));
    assert_eq!((&first["ladder"]["mode"], &first["ladder"]["approval"]), (&json!("live"), &json!(false)));

    let attributes = json!({"user": returning("u-17")["user"]["attributes"], "id": "u-17"}).to_string();
    let rendered = command(
        &app,
        &[
            "render",
            "--placement",
            "why-this",
            "--product",
            r#"{"name": "Lumo lamp"}"#,
            "--attributes",
            &attributes,
            "--format",
            "json",
        ],
    )
    .await;
    assert_eq!(rendered["ladder"], ladder);
}

/// Runs a command on a running service's files, and reads its answer.
async fn command(app: &TestApp, arguments: &[&str]) -> Value {
    let folder = app.folder.path().to_owned();
    let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
    let ran = tokio::task::spawn_blocking(move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        crate::support::copyrail(&folder, &arguments, &[], "")
    });
    let ran = ran.await.unwrap();
    assert_eq!(ran.code, Some(0), "{} {}", ran.out, ran.err);
    serde_json::from_str(&ran.out).unwrap()
}

/// Writes another text at each call: by Ann, by Bob, …
async fn writers() -> Upstream {
    Upstream::with(|call, _| Reply::Text(by(["Ann", "Bob", "Cem", "Dee", "Eve", "Fay", "Gus"][call - 1])))
        .await
}

fn by(name: &str) -> String {
    format!("A lamp, in the words of {name}.")
}

pub async fn review(app: &TestApp, id: &str, body: Value) -> Answered {
    let url = app.url(&format!("/v1/generations/{id}/reviews"));
    app.send(app.client().post(url).bearer_auth(app.key("review")).json(&body)).await
}

/// Records a review, which must be taken.
pub async fn decide(app: &TestApp, id: &str, action: &str) -> Value {
    let answered = review(app, id, json!({"action": action})).await;
    assert_eq!(answered.status, 201, "{}", answered.body);
    answered.body
}

/// The ids of the generations that stand like this with reviewers, newest first.
pub async fn standing(app: &TestApp, state: &str) -> Vec<String> {
    let page = app.get(&format!("/v1/generations?review={state}"), "review").await;
    assert_eq!(page.status, 200, "{}", page.body);
    page.body["items"].as_array().unwrap().iter().map(|i| i["id"].as_str().unwrap().to_owned()).collect()
}

/// Asks, and is told that a person has yet to approve the text.
#[track_caller]
pub fn check_awaiting(answer: &Value) {
    let told = ["source", "tier", "reason", "pending", "generation_id"].map(|field| &answer[field]);
    assert_eq!(
        told,
        [
            &json!("prewritten"),
            &json!("prewritten"),
            &json!("awaiting_approval"),
            &json!(false),
            &json!(null)
        ],
        "{answer}"
    );
}

#[track_caller]
fn check_served(answer: &Value, source: &str, text: &str) {
    assert_eq!((&answer["source"], &answer["text"]), (&json!(source), &json!(text)), "{answer}");
    assert_eq!((&answer["reason"], &answer["pending"]), (&json!(null), &json!(false)), "{answer}");
}

/// Runs a statement behind the service's back.
async fn tamper(app: &TestApp, sql: &'static str) {
    let mut beside = SqliteConnection::connect(app.store_url()).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut beside).await.unwrap();
}

async fn check_log(app: &TestApp) {
    let store = Store::open(app.store_url(), Access::ReadOnly).await.unwrap();
    assert_eq!(verify(&store, None, |_, _| ()).await.unwrap().fault, None);
    store.close().await;
}

#[tokio::test]
async fn a_text_waits_for_a_person_and_is_written_once() {
    let upstream = writers().await;
    let approval = placement(PLACEMENT, "approval: true");
    let mut app = TestApp::start_with(&upstream, &[(PLACEMENT, &approval)], &[]).await;
    // It is written, judged and recorded, and not served; nor is another one written while it waits.
    let (one, two) = tokio::join!(app.blurb(ask("Lumo lamp")), app.blurb(ask("Lumo lamp")));
    for answer in [one, two, app.blurb(ask("Lumo lamp")).await] {
        check_awaiting(&answer);
        assert!(!answer["text"].as_str().unwrap().is_empty());
    }
    let first = standing(&app, "awaiting").await;
    assert_eq!((upstream.calls(), first.len()), (1, 1));
    let told = app.get(&format!("/v1/generations/{}", first[0]), "review").await.body;
    assert_eq!((&told["payload"]["text"], &told["reviews"]), (&json!(by("Ann")), &json!([])));

    // What decides nothing changes nothing.
    for action in ["flag", "note"] {
        decide(&app, &first[0], action).await;
        check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    }
    // A restart forgets what was in memory, not what waits.
    app.restart().await.unwrap();
    check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    assert_eq!((upstream.calls(), standing(&app, "awaiting").await), (1, first.clone()));

    let taken = decide(&app, &first[0], "approve").await;
    let mut fields: Vec<&String> = taken.as_object().unwrap().keys().collect();
    fields.sort();
    assert_eq!(fields, ["action", "at", "by", "generation_id", "id"]);
    assert_eq!(
        ["generation_id", "action", "by"].map(|field| &taken[field]),
        [&json!(first[0]), &json!("approve"), &json!("test review")]
    );
    let answer = app.blurb(ask("Lumo lamp")).await;
    check_served(&answer, "cache", &by("Ann"));
    assert_eq!(answer["generation_id"], json!(first[0]));
    assert_eq!((standing(&app, "awaiting").await, standing(&app, "approved").await), (vec![], first.clone()));

    app.restart().await.unwrap();
    check_served(&app.blurb(ask("Lumo lamp")).await, "cache", &by("Ann"));
    assert_eq!(upstream.calls(), 1);
    let told = app.get(&format!("/v1/generations/{}", first[0]), "review").await.body;
    let actions: Vec<&Value> = told["reviews"].as_array().unwrap().iter().map(|r| &r["action"]).collect();
    assert_eq!(actions, ["flag", "note", "approve"]);
    check_log(&app).await;
}

#[tokio::test]
async fn a_rejected_text_is_never_served_again_and_another_one_waits_in_its_place() {
    let upstream = writers().await;
    let approval = placement(PLACEMENT, "approval: true");
    let mut app = TestApp::start_with(&upstream, &[(PLACEMENT, &approval)], &[]).await;
    check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    let ann = standing(&app, "awaiting").await.remove(0);
    decide(&app, &ann, "reject").await;
    check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    let bob = standing(&app, "awaiting").await.remove(0);
    assert_eq!((upstream.calls(), standing(&app, "rejected").await), (2, vec![ann.clone()]));
    decide(&app, &bob, "approve").await;
    check_served(&app.blurb(ask("Lumo lamp")).await, "cache", &by("Bob"));
    // An approval is taken back by what comes after it.
    let note = json!({"action": "takedown", "note": "Wrong tone after all."});
    assert_eq!(review(&app, &bob, note).await.status, 201);
    check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    let cem = standing(&app, "awaiting").await.remove(0);
    assert_eq!(upstream.calls(), 3);
    // Neither comes back with a restart, and the one that waits still waits.
    app.restart().await.unwrap();
    check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    assert_eq!((upstream.calls(), standing(&app, "rejected").await), (3, vec![bob.clone(), ann.clone()]));
    // Rejected before anybody asked again: a restart alone does not bring it back.
    decide(&app, &cem, "reject").await;
    app.restart().await.unwrap();
    check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    assert_eq!(upstream.calls(), 4);
    // And the latest decision counts the other way round too.
    decide(&app, &standing(&app, "awaiting").await[0], "reject").await;
    decide(&app, &ann, "approve").await;
    check_served(&app.blurb(ask("Lumo lamp")).await, "cache", &by("Ann"));
    assert_eq!(upstream.calls(), 4);
    let told = app.get(&format!("/v1/generations/{bob}"), "review").await.body;
    assert_eq!(told["reviews"][1]["note"], "Wrong tone after all.");
    check_log(&app).await;
}

#[tokio::test]
async fn approval_is_switched_by_an_edit_and_holds_at_once() {
    let upstream = writers().await;
    let app = TestApp::start(&upstream).await;
    let (off, on) = (placement(PLACEMENT, ""), placement(PLACEMENT, "approval: true"));
    check_served(&app.blurb(ask("Lumo lamp")).await, "generated", &by("Ann"));
    app.edit(PLACEMENT, &on).await;
    check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    app.edit(PLACEMENT, &off).await;
    check_served(&app.blurb(ask("Lumo lamp")).await, "cache", &by("Ann"));
    app.edit(PLACEMENT, &on).await;
    decide(&app, &standing(&app, "awaiting").await[0], "approve").await;
    check_served(&app.blurb(ask("Lumo lamp")).await, "cache", &by("Ann"));
    assert_eq!(upstream.calls(), 1);
    // What was written while approval was on is served once it is off.
    check_awaiting(&app.blurb(ask("Harbour lamp")).await);
    app.edit(PLACEMENT, &off).await;
    check_served(&app.blurb(ask("Harbour lamp")).await, "cache", &by("Bob"));
    // A rejected text goes where no approval is needed as well.
    decide(&app, &standing(&app, "awaiting").await[0], "reject").await;
    check_served(&app.blurb(ask("Harbour lamp")).await, "generated", &by("Cem"));
}

#[tokio::test]
async fn an_approved_text_is_judged_at_each_serve_and_rewritten_where_it_fails() {
    let upstream = writers().await;
    let approval = placement(PLACEMENT, "approval: true");
    let mut app = TestApp::start_with(&upstream, &[(PLACEMENT, &approval)], &[]).await;
    check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    let ann = standing(&app, "awaiting").await.remove(0);
    decide(&app, &ann, "approve").await;
    check_served(&app.blurb(ask("Lumo lamp")).await, "cache", &by("Ann"));
    let rule = "rules:\n  - id: no-ann\n    extends: existence\n    message: \"'%s' has left.\"\n    level: error\n    \
                tokens: [Ann]\n    examples: {fail: [By Ann.], pass: [By Bob.]}\n";
    app.edit("guardrails/extra.yml", rule).await;
    check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    assert_eq!(upstream.calls(), 2);
    // Over a restart too: the log's newest is the one that waits, and Ann's is not served.
    app.restart().await.unwrap();
    check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    decide(&app, &standing(&app, "awaiting").await[0], "approve").await;
    check_served(&app.blurb(ask("Lumo lamp")).await, "cache", &by("Bob"));
    assert_eq!(upstream.calls(), 2);
}

#[tokio::test]
async fn a_ceiling_asks_for_approval_where_it_applies() {
    let upstream = writers().await;
    let ceilings = "ceilings:\n  - {when: {product.category: supplements}, approval: true}\n  \
                    - {when: {product.category: medicine}, mode: prewritten, approval: true}\n";
    let app = TestApp::start_with(&upstream, &[("guardrails/guardrails.yml", ceilings)], &[]).await;
    let asked = |name: &str, category: Option<&str>| {
        let mut request = ask(name);
        if let Some(category) = category {
            request["product"]["category"] = json!(category);
        }
        request
    };
    let ceiling = async |category| explained(&app, asked("Zinc", category)).await["ladder"]["ceiling"].take();
    assert_eq!(ceiling(Some("lamps")).await, json!(null));
    assert_eq!(ceiling(Some("supplements")).await, json!({"mode": null, "approval": true}));
    assert_eq!(ceiling(Some("medicine")).await, json!({"mode": "prewritten", "approval": true}));
    assert_eq!(ceiling(None).await, json!({"mode": "prewritten", "approval": true}), "the unknown applies");
    check_served(&app.blurb(asked("Lumo lamp", Some("lamps"))).await, "generated", &by("Ann"));
    check_awaiting(&app.blurb(asked("Zinc", Some("supplements"))).await);
    let medicine = app.blurb(asked("Pills", Some("medicine"))).await;
    assert_eq!((&medicine["source"], &medicine["reason"]), (&json!("prewritten"), &json!("mode")));
    decide(&app, &standing(&app, "awaiting").await[0], "approve").await;
    check_served(&app.blurb(asked("Zinc", Some("supplements"))).await, "cache", &by("Bob"));
    assert_eq!(upstream.calls(), 2);
}

#[tokio::test]
async fn copy_of_the_segment_stands_in_once_it_is_approved_itself() {
    let upstream = writers().await;
    let approval = placement(PLACEMENT, "approval: true");
    let app = TestApp::start_with(&upstream, &[(PLACEMENT, &approval)], &[]).await;
    let segment = || {
        let mut request = returning("u-17");
        request["product"]["name"] = json!("Harbour lamp");
        request
    };
    app.edit(PLACEMENT, &placement(PLACEMENT, "approval: true\nsegments: {repeat: {mode: segment}}")).await;
    app.blurb(segment()).await;
    app.edit(PLACEMENT, &approval).await;
    // The user's own copy waits, and so does the segment's.
    check_awaiting(&app.blurb(segment()).await);
    let waiting = standing(&app, "awaiting").await;
    assert_eq!(waiting.len(), 2);
    decide(&app, &waiting[1], "approve").await;
    let answer = app.blurb(segment()).await;
    let told = ["source", "tier", "reason", "text"].map(|field| &answer[field]);
    assert_eq!(told, [&json!("cache"), &json!("segment"), &json!("awaiting_approval"), &json!(by("Ann"))]);
    decide(&app, &waiting[0], "approve").await;
    let answer = app.blurb(segment()).await;
    check_served(&answer, "cache", &by("Bob"));
    assert_eq!(answer["tier"], "user");
}

/// A service whose placement asks for approval, with writers, by a clock that the test moves.
async fn under_a_clock() -> (Arc<AtomicI64>, Upstream, TestApp) {
    let seconds = Arc::new(AtomicI64::new(1_795_000_000));
    let clock: Clock = {
        let seconds = Arc::clone(&seconds);
        Arc::new(move || jiff::Timestamp::from_second(seconds.load(Ordering::SeqCst)).unwrap())
    };
    let upstream = writers().await;
    let base = upstream.base_url();
    let approval = placement(PLACEMENT, "approval: true");
    let variables = [("OPENAI_BASE_URL", base.as_str()), ("OPENAI_MODEL", "scripted")];
    let app = TestApp::try_start(&[(PLACEMENT, &approval)], &variables, clock).await.unwrap();
    (seconds, upstream, app)
}

#[tokio::test]
async fn an_approved_text_is_not_refreshed_and_has_no_end() {
    let (seconds, upstream, mut app) = under_a_clock().await;
    check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    decide(&app, &standing(&app, "awaiting").await[0], "approve").await;
    // The shipped placement refreshes after a day and ends after a week.
    for _ in 0..6 {
        seconds.fetch_add(24 * 3600, Ordering::SeqCst);
        app.restart().await.unwrap();
        for _ in 0..2 {
            check_served(&app.blurb(ask("Lumo lamp")).await, "cache", &by("Ann"));
        }
        eventually("nothing is written", || async { app.app().shared.parts.flights.is_empty() }).await;
    }
    // Nor would it be if the log could not give it back.
    tamper(&app, "UPDATE payloads SET salt = NULL, bytes = NULL").await;
    check_served(&app.blurb(ask("Lumo lamp")).await, "cache", &by("Ann"));
    eventually("nothing is written", || async { app.app().shared.parts.flights.is_empty() }).await;
    assert_eq!(upstream.calls(), 1);
    seconds.fetch_add(400 * 24 * 3600, Ordering::SeqCst);
    check_served(&app.blurb(ask("Lumo lamp")).await, "cache", &by("Ann"));
    assert_eq!(upstream.calls(), 1);
}

#[tokio::test]
async fn a_text_is_not_taken_from_the_log_when_it_is_erased_or_changed() {
    let (_, upstream, mut app) = under_a_clock().await;
    check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    let mut calls = 1;
    for sql in [
        "UPDATE payloads SET salt = NULL, bytes = NULL",
        "UPDATE payloads SET bytes = replace(bytes, 'in the words of', 'unlike those of')",
    ] {
        decide(&app, &standing(&app, "awaiting").await[0], "approve").await;
        // Unharmed, it is taken.
        app.restart().await.unwrap();
        assert_eq!(app.blurb(ask("Lumo lamp")).await["source"], "cache", "{sql}");
        tamper(&app, sql).await;
        app.restart().await.unwrap();
        check_awaiting(&app.blurb(ask("Lumo lamp")).await);
        calls += 1;
        assert_eq!(upstream.calls(), calls, "{sql}");
    }
}

#[tokio::test]
async fn a_share_may_go_by_a_number_as_its_plain_text() {
    let upstream = Upstream::saying(COPY).await;
    let lines = "rollout: {share: 50%, by: user.orders_total, seed: s}";
    let app = TestApp::start_with(&upstream, &[(PLACEMENT, &placement(PLACEMENT, lines))], &[]).await;
    let place = async |orders: Value| {
        let mut request = returning("u-17");
        request["user"]["attributes"]["orders_total"] = orders;
        explained(&app, request).await["ladder"]["rollout"]["place"].take()
    };
    let expected = json!(copyrail::segment::bucket("s", "12"));
    for orders in [json!(12), json!(12.0), json!({"value": 12, "at": "2026-11-20T10:00:00Z"})] {
        assert_eq!(place(orders.clone()).await, expected, "{orders}");
    }
    assert_eq!(place(json!("12")).await, json!(null), "of the wrong type is as good as missing");
}

#[tokio::test]
async fn approved_copy_needs_no_llm_and_a_page_that_cannot_wait_is_told_the_same() {
    let upstream = writers().await;
    let approval = placement(PLACEMENT, "approval: true");
    let mut app = TestApp::start_with(&upstream, &[(PLACEMENT, &approval)], &[]).await;
    upstream.hold();
    let mut hurried = ask("Lumo lamp");
    hurried["deadline_ms"] = json!(0);
    check_awaiting(&app.blurb(hurried).await);
    upstream.release();
    check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    decide(&app, &standing(&app, "awaiting").await[0], "approve").await;
    upstream.stop().await;
    app.restart().await.unwrap();
    check_served(&app.blurb(ask("Lumo lamp")).await, "cache", &by("Ann"));
    let other = app.blurb(ask("Harbour lamp")).await;
    assert_eq!((&other["source"], &other["reason"]), (&json!("prewritten"), &json!("upstream")), "{other}");
}

#[tokio::test]
async fn what_another_process_decided_is_known_with_the_next_look() {
    let upstream = writers().await;
    let approval = placement(PLACEMENT, "approval: true");
    let app = TestApp::start_with(&upstream, &[(PLACEMENT, &approval)], &[]).await;
    check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    let ann = standing(&app, "awaiting").await.remove(0);
    // Straight into the log, past the handler: the background look is all that can tell.
    let record = |action| copyrail::audit::ReviewRecord {
        id: copyrail::words::new_id(copyrail::app::wall_clock()()),
        generation_id: ann.parse().unwrap(),
        action,
        at: copyrail::app::wall_clock()(),
        by: "another node".into(),
        undoes: None,
        second_look: false,
    };
    let recorder = &app.app().shared.parts.recorder;
    recorder.review(record(copyrail::audit::ReviewAction::Approve), None).await.unwrap();
    eventually("it is served", || async { app.blurb(ask("Lumo lamp")).await["source"] == "cache" }).await;
    recorder.review(record(copyrail::audit::ReviewAction::Reject), None).await.unwrap();
    eventually("it is gone", || async { app.blurb(ask("Lumo lamp")).await["source"] != "cache" }).await;
    eventually("another one waits", || async { standing(&app, "awaiting").await.len() == 1 }).await;
}

#[tokio::test]
async fn a_review_that_cannot_be_taken_says_why_and_leaves_no_record() {
    let upstream = Upstream::with(|_, body| {
        let promise = body["messages"].to_string().contains("Promise lamp");
        Reply::Text(if promise { "Guaranteed to last a lifetime." } else { COPY }.into())
    })
    .await;
    let app = TestApp::start(&upstream).await;
    let passed = app.blurb(ask("Lumo lamp")).await["generation_id"].as_str().unwrap().to_owned();
    app.blurb(ask("Promise lamp")).await;
    let blocked = app.generations().await[0]["id"].as_str().unwrap().to_owned();
    for body in [
        json!({}),
        json!({"action": "aprove"}),
        json!({"action": "Approve"}),
        json!({"action": null}),
        json!({"action": 1}),
        json!({"note": "x"}),
        json!({"action": "note", "note": 5}),
        json!({"action": "note", "text": "x"}),
        json!({"action": "note", "note": "é".repeat(2_001)}),
        json!(["approve"]),
        json!(null),
    ] {
        let detail = problem(&review(&app, &passed, body.clone()).await, 400, "urn:copyrail:malformed");
        assert!(!detail.is_empty(), "{body}");
    }
    problem(&review(&app, "1", json!({"action": "flag"})).await, 400, "urn:copyrail:malformed");
    let unknown = review(&app, "0192f3c1-7a2b-7c3d-8e4f-5a6b7c8d9e0f", json!({"action": "approve"})).await;
    problem(&unknown, 404, "urn:copyrail:no-such-record");
    let refused = review(&app, &blocked, json!({"action": "approve"})).await;
    let detail = problem(&refused, 409, "urn:copyrail:nothing-to-approve");
    assert!(detail.contains("`blocked`"), "{detail}");
    for id in [&passed, &blocked] {
        let told = app.get(&format!("/v1/generations/{id}"), "review").await.body;
        assert_eq!(told["reviews"], json!([]), "{id}");
    }
    // What may be said of a blocked one, and a note of just the length.
    assert_eq!(review(&app, &blocked, json!({"action": "flag", "note": null})).await.status, 201);
    let long = json!({"action": "note", "note": "é".repeat(2_000)});
    assert_eq!(review(&app, &passed, long).await.status, 201);
    let query = app.get("/v1/generations?review=maybe", "review").await;
    problem(&query, 400, "urn:copyrail:malformed");
    check_log(&app).await;
}

/// A ceiling may hang on a fact that no template reads, so that two requests put the same question.
#[tokio::test]
async fn two_requests_with_other_facts_under_a_ceiling_put_one_question_and_get_what_each_may() {
    let upstream = writers().await;
    let ceilings = "ceilings:\n  - {when: {product.restricted: true}, approval: true}\n";
    let app = TestApp::start_with(&upstream, &[("guardrails/guardrails.yml", ceilings)], &[]).await;
    let asked = |name: &str, restricted: bool| {
        let mut request = ask(name);
        request["product"]["restricted"] = json!(restricted);
        request
    };
    check_served(&app.blurb(asked("Zinc", false)).await, "generated", &by("Ann"));
    check_awaiting(&app.blurb(asked("Zinc", true)).await);
    check_served(&app.blurb(asked("Zinc", false)).await, "cache", &by("Ann"));
    check_awaiting(&app.blurb(asked("Zinc", true)).await);
    let [waiting] = standing(&app, "awaiting").await.try_into().unwrap();
    decide(&app, &waiting, "approve").await;
    let approved = app.blurb(asked("Zinc", true)).await;
    assert_eq!((&approved["source"], &approved["reason"]), (&json!("cache"), &json!(null)), "{approved}");
    assert_eq!(approved["generation_id"], json!(waiting));

    // At the same moment, whichever comes first.
    for (name, first) in [("Iron", true), ("Iodine", false)] {
        upstream.hold();
        let (one, other) = (asked(name, first), asked(name, !first));
        let (one, other, ()) = tokio::join!(app.blurb(one), app.blurb(other), async {
            crate::support::eventually("it is being written", || async {
                !app.app().shared.parts.flights.is_empty()
            })
            .await;
            upstream.release();
        });
        let (held, free) = if first { (one, other) } else { (other, one) };
        check_awaiting(&held);
        assert_eq!(free["source"], "generated", "{free}");
    }
}
