//! A page always gets an answer, within its deadline, whatever the upstream, the store or the load do.

use copyrail::app::wall_clock;
use copyrail::simulate::{self, Script, Simulator};
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};

use crate::support::{Reply, Serving, TestApp, Upstream, ask, client, copyrail, eventually, shop};

const TEXT: &str = "A handy companion for the evening.";
const PREWRITTEN: &str = "Lumo lamp at a glance: the details on this page show what it is made for.";

/// A service whose upstream misbehaves by a script.
async fn simulated(script: &str, variables: &[(&str, &str)]) -> (TestApp, Simulator) {
    let script = Script::parse(script).unwrap();
    let simulator = simulate::start(([127, 0, 0, 1], 0).into(), script, 1).await.unwrap();
    let base = simulator.base_url();
    let mut all = vec![("OPENAI_BASE_URL", base.as_str())];
    all.extend_from_slice(variables);
    (TestApp::try_start(&[], &all, wall_clock()).await.unwrap(), simulator)
}

/// A request that does not wait.
fn hurried(name: &str) -> Value {
    let mut request = ask(name);
    request["deadline_ms"] = json!(0);
    request
}

#[track_caller]
fn check_fallback(answer: &Value, reason: &str, pending: bool) {
    assert_eq!(answer["source"], "prewritten", "{answer}");
    assert_eq!((&answer["reason"], &answer["pending"]), (&json!(reason), &json!(pending)), "{answer}");
    assert!(answer["text"].as_str().is_some_and(|text| !text.is_empty()), "{answer}");
}

/// The one generation's record: how it ended, and that an attempt's error says why.
async fn check_recorded(app: &TestApp, outcome: &str, attempts: usize, error: &str) {
    let [generation] = &app.generations().await[..] else { panic!("there is one generation: {error}") };
    assert_eq!(
        (&generation["outcome"], &generation["reason"]),
        (&json!(outcome), &json!("upstream")),
        "{error}"
    );
    assert_eq!(generation["payload"]["text"], json!(null), "{error}");
    let recorded = generation["attempts"].as_array().unwrap();
    assert_eq!(recorded.len(), attempts, "{error}: {recorded:#?}");
    for attempt in recorded {
        assert!(attempt["error"].as_str().unwrap().contains(error), "{error}: {attempt}");
    }
}

/// An upstream that does this to every call about one product: the page is answered with pre-written copy, and the record
/// says why. The same upstream writes for other products.
async fn check_fault(action: &str, outcome: &str, attempts: usize, error: &str) {
    let (app, _simulator) = check_faulty(action, outcome, attempts, error).await;
    let other = app.blurb(ask("Fernley pot")).await;
    assert_eq!(
        (&other["source"], &other["reason"]),
        (&json!("generated"), &json!(null)),
        "{action}: {other}"
    );
}

/// The same, but that such a fault has the provider left alone at once: nothing is asked for others, and nothing recorded.
async fn check_left_alone(action: &str, error: &str, fault: &str) {
    let (app, _simulator) = check_faulty(action, "failed", 1, error).await;
    check_fallback(&app.blurb(ask("Fernley pot")).await, "breaker_open", false);
    assert_eq!(app.generations().await.len(), 1);
    let ready = app.get("/readyz", "serve").await;
    assert_eq!((ready.status, &ready.body["status"]), (200, &json!("degraded")));
    let degraded = ready.body["degraded"].to_string();
    assert!(degraded.contains("provider `openai` is left alone for another"), "{degraded}");
    assert!(degraded.contains(&format!(" s: {fault}")), "{degraded}");
}

async fn check_faulty(action: &str, outcome: &str, attempts: usize, error: &str) -> (TestApp, Simulator) {
    let script = format!(r#"[{{"when": {{"contains": "Lumo"}}, "do": {action}}}]"#);
    // Only what never ends is cut short: retries may take their time on a busy machine.
    let limit = if outcome == "abandoned" { "2s" } else { "30s" };
    let (app, simulator) = simulated(&script, &[("COPYRAIL__LIMITS__GENERATION_TIMEOUT", limit)]).await;
    let answer = app.blurb(ask("Lumo lamp")).await;
    check_fallback(&answer, "upstream", false);
    assert_eq!(answer["text"], PREWRITTEN);
    assert_eq!(simulator.calls(), attempts as u64, "{action}");
    check_recorded(&app, outcome, attempts, error).await;
    (app, simulator)
}

#[tokio::test]
async fn an_upstream_that_fails_is_answered_for() {
    check_fault(r#"{"status": 500}"#, "failed", 3, "500").await;
    check_fault(r#"{"status": 400}"#, "failed", 1, "400").await;
    check_left_alone(r#"{"status": 429, "headers": {"retry-after": "900"}}"#, "429", "rate_limited").await;
    check_left_alone(r#"{"quota": true}"#, "insufficient_quota", "quota").await;
}

#[tokio::test]
async fn an_upstream_that_fails_again_and_again_is_left_alone_and_pages_are_answered_at_once() {
    let upstream = Upstream::with(|_, body| match body.to_string().contains("Fernley") {
        true => Reply::Text(TEXT.to_owned()),
        false => Reply::Raw(401, String::new()),
    })
    .await;
    let app = TestApp::start(&upstream).await;
    assert_eq!(app.blurb(ask("Fernley pot")).await["source"], "generated");
    for number in 1..=5 {
        check_fallback(&app.blurb(ask(&format!("Lamp {number}"))).await, "upstream", false);
    }
    for number in 6..=10 {
        check_fallback(&app.blurb(ask(&format!("Lamp {number}"))).await, "breaker_open", false);
    }
    assert_eq!(
        (upstream.calls(), app.generations().await.len()),
        (6, 6),
        "nothing is asked, nothing recorded"
    );
    assert_eq!(app.blurb(ask("Fernley pot")).await["source"], "cache", "what is kept is served");
}

#[tokio::test]
async fn what_was_about_to_be_asked_when_everybody_was_left_alone_is_not_recorded() {
    let upstream = Upstream::with(|_, _| Reply::Raw(401, String::new())).await;
    upstream.hold();
    let app = TestApp::start_with(&upstream, &[], &[("COPYRAIL__LIMITS__CONCURRENCY", "1")]).await;
    for number in 1..=9 {
        check_fallback(&app.blurb(hurried(&format!("Lamp {number}"))).await, "deadline", true);
    }
    upstream.release();
    eventually("all have ended", || async { app.app().shared.parts.flights.is_empty() }).await;
    assert_eq!((upstream.calls(), app.generations().await.len()), (5, 5));
    check_fallback(&app.blurb(ask("Lamp 9")).await, "breaker_open", false);
}

#[tokio::test]
async fn an_upstream_that_says_nothing_of_use_is_answered_for() {
    check_fault(r#"{"garbage": true}"#, "failed", 1, "no chat completion").await;
    check_fault(r#"{"empty": true}"#, "failed", 1, "the answer is empty").await;
    check_fault(r#"{"finish_reason": "length"}"#, "failed", 1, "the answer ended with `length`").await;
    check_fault(r#"{"refusal": "No."}"#, "failed", 1, "the model refused").await;
}

#[tokio::test]
async fn an_upstream_that_breaks_off_or_never_answers_is_answered_for() {
    check_fault(r#"{"reset": true}"#, "failed", 3, "error sending request").await;
    check_fault(r#"{"stall": true}"#, "abandoned", 1, "no whole answer within").await;
    check_fault(r#"{"stall_ms": 600000}"#, "abandoned", 1, "no whole answer within").await;
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_answered_for() {
    let upstream = Upstream::saying(TEXT).await;
    let app = TestApp::start(&upstream).await;
    upstream.stop().await;
    check_fallback(&app.blurb(ask("Lumo lamp")).await, "upstream", false);
    check_recorded(&app, "failed", 3, "Connection refused").await;
}

#[tokio::test]
async fn without_a_provider_there_is_pre_written_copy() {
    let app = TestApp::try_start(&[], &[], wall_clock()).await.unwrap();
    check_fallback(&app.blurb(ask("Lumo lamp")).await, "upstream", false);
}

#[tokio::test]
async fn a_page_that_cannot_wait_is_answered_now_and_served_the_copy_next_time() {
    let upstream = Upstream::saying(TEXT).await;
    upstream.hold();
    let app = TestApp::start(&upstream).await;
    for _ in 0..3 {
        check_fallback(&app.blurb(hurried("Lumo lamp")).await, "deadline", true);
    }
    eventually("it is asked", || async { upstream.calls() == 1 }).await;
    upstream.release();
    eventually("it is kept", || async { app.blurb(hurried("Lumo lamp")).await["source"] == "cache" }).await;
    assert_eq!(upstream.calls(), 1);
    let answer = app.blurb(hurried("Lumo lamp")).await;
    assert_eq!((&answer["text"], &answer["pending"]), (&json!(TEXT), &json!(false)));
}

#[tokio::test]
async fn no_request_waits_longer_than_the_maximum() {
    let upstream = Upstream::saying(TEXT).await;
    upstream.hold();
    let app = TestApp::start_with(&upstream, &[], &[("COPYRAIL__LIMITS__MAX_DEADLINE_MS", "50")]).await;
    let mut request = ask("Lumo lamp");
    // Were it not held to the maximum, the upstream would be given up first, and that would be the reason.
    request["deadline_ms"] = json!(600_000);
    check_fallback(&app.blurb(request).await, "deadline", true);
    upstream.release();
}

#[tokio::test]
async fn a_product_nobody_knows_gets_copy_that_names_none() {
    let upstream = Upstream::saying(TEXT).await;
    let app = TestApp::start(&upstream).await;
    let unknown = |locale: &str| json!({"placement": "why-this", "product": {"id": "nobody"}, "context": {"locale": locale}, "deadline_ms": 30_000});
    let answer = app.blurb(unknown("en")).await;
    check_fallback(&answer, "unknown_product", false);
    assert_eq!(answer["text"], "What this product is made for is set out on this page.");
    let answer = app.blurb(unknown("fr")).await;
    let expected = (&json!("none"), &json!(""), &json!("unknown_product"));
    assert_eq!((&answer["source"], &answer["text"], &answer["reason"]), expected, "{answer}");
    assert_eq!(upstream.calls(), 0);
}

#[tokio::test]
async fn a_dead_catalogue_is_answered_for() {
    let upstream = Upstream::saying(TEXT).await;
    let app = TestApp::start(&upstream).await;
    let request = json!({"placement": "why-this", "product": {"id": "lt-104"}, "deadline_ms": 30_000});
    check_fallback(&app.blurb(request).await, "unknown_product", false);
    let mut beside = SqliteConnection::connect(app.store_url()).await.unwrap();
    sqlx::raw_sql("ALTER TABLE catalogue RENAME TO elsewhere").execute(&mut beside).await.unwrap();
    let request = json!({"placement": "why-this", "product": {"id": "lt-131"}, "deadline_ms": 30_000});
    check_fallback(&app.blurb(request).await, "store_unavailable", false);
    // Facts that come along need no catalogue.
    assert_eq!(app.blurb(ask("Lumo lamp")).await["source"], "generated");
}

#[tokio::test]
async fn beyond_concurrency_and_queue_the_answer_is_overload_at_once() {
    let upstream = Upstream::saying(TEXT).await;
    upstream.hold();
    let limits = [("COPYRAIL__LIMITS__CONCURRENCY", "1"), ("COPYRAIL__LIMITS__QUEUE", "1")];
    let app = TestApp::start_with(&upstream, &[], &limits).await;
    check_fallback(&app.blurb(hurried("First lamp")).await, "deadline", true);
    check_fallback(&app.blurb(hurried("Second lamp")).await, "deadline", true);
    // It would wait for half a minute, and the upstream is held: it is turned away without waiting.
    check_fallback(&app.blurb(ask("Third lamp")).await, "overload", false);
    // Whoever asks what is under way already takes no place.
    check_fallback(&app.blurb(hurried("Second lamp")).await, "deadline", true);
    eventually("the first is asked", || async { upstream.calls() == 1 }).await;
    upstream.release();
    for name in ["First lamp", "Second lamp"] {
        eventually("it is kept", || async { app.blurb(hurried(name)).await["source"] == "cache" }).await;
    }
    assert_eq!(app.blurb(ask("Third lamp")).await["source"], "generated");
    assert_eq!(upstream.calls(), 3);
}

#[tokio::test]
async fn work_in_bulk_gets_a_quarter_and_leaves_the_rest_to_pages() {
    let upstream = Upstream::saying(TEXT).await;
    upstream.hold();
    let limits = [("COPYRAIL__LIMITS__CONCURRENCY", "4"), ("COPYRAIL__LIMITS__QUEUE", "0")];
    let app = TestApp::start_with(&upstream, &[], &limits).await;
    let bulk = |name: &str| {
        let mut request = hurried(name);
        request["priority"] = json!("bulk");
        request
    };
    check_fallback(&app.blurb(bulk("First lamp")).await, "deadline", true);
    check_fallback(&app.blurb(bulk("Second lamp")).await, "overload", false);
    for name in ["Second lamp", "Third lamp", "Fourth lamp"] {
        check_fallback(&app.blurb(hurried(name)).await, "deadline", true);
    }
    check_fallback(&app.blurb(hurried("Fifth lamp")).await, "overload", false);
    upstream.release();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_that_is_spent_is_spent_over_restarts_too() {
    let upstream = Upstream::saying(TEXT).await;
    let folder = shop();
    // A call is reserved at 160 tokens of output, and the upstream says that it took 20: one fits and no second.
    let settings = format!(
        "[[llm.providers]]\nname = \"scripted\"\nbase_url = \"{}\"\nmodel = \"scripted\"\n\
         price_per_million = {{input = 0, output = 1000000}}\n[llm.budget]\nper_day = 170\n",
        upstream.base_url()
    );
    std::fs::write(folder.path().join("config/copyrail.toml"), settings).unwrap();
    let made = copyrail(folder.path(), &["keys", "new", "--role", "serve"], &[], "");
    assert_eq!(made.code, Some(0), "{}", made.err);
    let client = client();
    let blurb = async |serving: &Serving, name: &str| {
        let url = format!("http://{}/v1/blurbs", serving.address);
        let sent = client.post(url).bearer_auth(made.out.trim()).json(&ask(name)).send().await.unwrap();
        assert_eq!(sent.status(), 200);
        sent.json::<Value>().await.unwrap()
    };
    let serving = Serving::start(folder.path(), &[]);
    let first = blurb(&serving, "Lumo lamp").await;
    assert_eq!(first["source"], "generated", "{first}");
    check_fallback(&blurb(&serving, "Second lamp").await, "budget", false);
    drop(serving);
    let serving = Serving::start(folder.path(), &[]);
    check_fallback(&blurb(&serving, "Third lamp").await, "budget", false);
    assert_eq!(upstream.calls(), 1);
}
