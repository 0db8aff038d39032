//! What a generation may cost and how it ends: budgets, shares, caps, admission; kills, stops and panics.

use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use copyrail::app::Shutdown;
use copyrail::audit::Clock;
use copyrail::pipeline;
use copyrail::store::{Access, Store, ledger};
use copyrail::words::{Micros, Purpose, Reason, Source};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::crash::keyed_shop;
use crate::flights::request;
use crate::http::COPY;
use crate::ladder::{placement, returning};
use crate::publishable;
use crate::support::{Reply, Serving, TestApp, Upstream, ask, client, eventually, root};

const PLACEMENT: &str = "prompts/why-this/placement.yml";
const SETTINGS: &str = "config/copyrail.toml";
/// A moment from which on a day is left.
const MIDNIGHT: &str = "2026-11-23T00:00:00Z";
const DAY: i64 = 24 * 3600;

/// A clock that stands until it is set.
fn clock() -> (Arc<AtomicI64>, Clock) {
    let start: Timestamp = MIDNIGHT.parse().unwrap();
    let seconds = Arc::new(AtomicI64::new(start.as_second()));
    let hands = Arc::clone(&seconds);
    (hands, Arc::new(move || Timestamp::from_second(seconds.load(Ordering::SeqCst)).unwrap()))
}

/// Settings under which a token costs one: a call to write `why-this` is reserved at 160, and the upstream says that it
/// took 20.
fn settings(upstream: &Upstream, budget: &str) -> String {
    format!(
        "[[llm.providers]]\nname = \"scripted\"\nbase_url = \"{}\"\nmodel = \"scripted\"\nretries = 0\n\
         price_per_million = {{input = 0, output = 1000000}}\n[llm.budget]\n{budget}\n",
        upstream.base_url()
    )
}

async fn metered(upstream: &Upstream, budget: &str) -> (TestApp, Arc<AtomicI64>) {
    metered_with(upstream, budget, &[]).await
}

async fn metered_with(
    upstream: &Upstream,
    budget: &str,
    files: &[(&str, &str)],
) -> (TestApp, Arc<AtomicI64>) {
    let ((hands, clock), settings) = (clock(), settings(upstream, budget));
    let files = [files, &[(SETTINGS, settings.as_str())]].concat();
    (TestApp::try_start(&files, &[], clock).await.unwrap(), hands)
}

fn bulk(name: &str) -> Value {
    let mut request = ask(name);
    request["priority"] = json!("bulk");
    request
}

#[track_caller]
fn check(answer: &Value, source: &str, reason: Value) {
    assert_eq!((&answer["source"], &answer["reason"]), (&json!(source), &reason), "{answer}");
    assert_eq!(answer["pending"], false, "{answer}");
}

async fn degraded(app: &TestApp, part: &str) -> Vec<String> {
    let ready = app.get("/readyz", "serve").await;
    assert_eq!(ready.status, 200, "{}", ready.body);
    let all = ready.body["degraded"].as_array().unwrap().iter();
    all.filter(|one| one["part"] == part).map(|one| one["detail"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_spent_budget_starts_no_generation_and_the_next_day_begins_anew() {
    let upstream = Upstream::saying(COPY).await;
    let (app, hands) = metered(&upstream, "per_day = 170").await;
    check(&app.blurb(ask("First lamp")).await, "generated", json!(null));
    for name in ["Second lamp", "Third lamp", "Second lamp"] {
        check(&app.blurb(ask(name)).await, "prewritten", json!("budget"));
    }
    check(&app.blurb(ask("First lamp")).await, "cache", json!(null));
    assert_eq!((upstream.calls(), app.generations().await.len()), (1, 1));
    let told = degraded(&app, "budget").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("`page`; 20.00 are spent"), "{told:?}");

    hands.fetch_add(DAY - 1, Ordering::SeqCst);
    check(&app.blurb(ask("Second lamp")).await, "prewritten", json!("budget"));
    hands.fetch_add(1, Ordering::SeqCst);
    assert_eq!(degraded(&app, "budget").await, [""; 0]);
    check(&app.blurb(ask("Second lamp")).await, "generated", json!(null));
    assert_eq!(upstream.calls(), 2);
}

#[tokio::test]
async fn work_in_bulk_and_refreshing_leave_the_day_to_pages() {
    let upstream = Upstream::saying(COPY).await;
    let shares = "per_day = 1000\nshares = {pages = 1.0, bulk = 0.16, refresh = 0.1}";
    let (app, hands) = metered(&upstream, shares).await;
    check(&app.blurb(bulk("First lamp")).await, "generated", json!(null));
    check(&app.blurb(bulk("Second lamp")).await, "prewritten", json!("budget"));
    check(&app.blurb(ask("Second lamp")).await, "generated", json!(null));
    let all = app.generations().await;
    let purposes: Vec<&str> = all.iter().map(|one| one["purpose"].as_str().unwrap()).collect();
    assert_eq!(purposes, ["page", "bulk"]);

    // Nothing may be spent on writing copy anew: what is there is served on, and not asked for with each request.
    hands.fetch_add(DAY, Ordering::SeqCst);
    for _ in 0..3 {
        check(&app.blurb(ask("Second lamp")).await, "cache", json!(null));
    }
    assert_eq!((upstream.calls(), app.generations().await.len()), (2, 2));
    assert_eq!(degraded(&app, "budget").await.len(), 1);
    let spent = app.app().shared.parts.generator.as_ref().unwrap().budget().ledger().1;
    assert_eq!(spent.on(Purpose::Refresh), Micros(0));
}

/// What comes of a text that is to be repaired, when one generation may cost so much.
async fn check_purse(per_request: u32, source: &str, reason: Value, repairs: &[bool]) {
    let upstream = Upstream::with(|call, _| Reply::Text(["An amazing lamp.", COPY][call - 1].into())).await;
    let (app, _) = metered(&upstream, &format!("per_day = 1000\nper_request = {per_request}")).await;
    check(&app.blurb(ask("Lumo lamp")).await, source, reason);
    assert_eq!(upstream.calls(), repairs.len());
    let all = app.generations().await;
    let attempts = all.iter().flat_map(|one| one["attempts"].as_array().unwrap());
    assert_eq!(attempts.map(|one| one["repair"] == true).collect::<Vec<_>>(), repairs);
    assert_eq!(degraded(&app, "budget").await, [""; 0], "the day has enough");
}

#[tokio::test]
async fn one_generation_with_its_repair_costs_no_more_than_it_may() {
    check_purse(180, "generated", json!(null), &[false, true]).await;
    check_purse(179, "prewritten", json!("guardrail"), &[false]).await;
    check_purse(159, "prewritten", json!("budget"), &[]).await;
}

/// What comes of copy that a rule in this mode asks a judge about, under this budget.
async fn check_judged(budget: &str, mode: &str, source: &str, reason: Value, calls: usize) {
    let says = |call, _: &Value| {
        Reply::Text(if call == 1 { COPY.into() } else { json!({"score": 1, "reason": "Calm."}).to_string() })
    };
    let upstream = Upstream::with(says).await;
    let rule = format!(
        "rules:\n  - {{id: tone, extends: judge, message: Not us., level: error, mode: {mode}, rubric: Calm., \
         threshold: 0.7, examples: {{fail: [BUY], pass: [A lamp.]}}}}\n"
    );
    let files = [("guardrails/second.yml", rule.as_str())];
    let (app, _) = metered_with(&upstream, budget, &files).await;
    check(&app.blurb(ask("Lumo lamp")).await, source, reason);
    let second = &app.app().shared.parts.second;
    eventually("nobody is asked any more", || async { second.is_idle() }).await;
    assert_eq!(upstream.calls(), calls, "{budget}");
}

#[tokio::test]
async fn second_models_are_paid_from_the_purse_of_what_waits_for_them() {
    let guardrail = json!("guardrail");
    check_judged("per_day = 1000\nper_request = 1000", "enforce", "generated", json!(null), 2).await;
    check_judged("per_day = 1000\nper_request = 200", "enforce", "prewritten", guardrail, 1).await;
    // What nobody waits for is paid from the share of what is written anew.
    let shares =
        |refresh: &str| format!("per_day = 1000\nshares = {{pages = 1, bulk = 1, refresh = {refresh}}}");
    check_judged(&shares("1"), "shadow", "generated", json!(null), 2).await;
    check_judged(&shares("0"), "shadow", "generated", json!(null), 1).await;
}

#[tokio::test]
async fn copy_that_speaks_of_an_offer_goes_with_it() {
    let upstream = Upstream::saying(COPY).await;
    let (hands, clock) = clock();
    let base = upstream.base_url();
    let template = "prompts/why-this/default.prompty";
    let shipped = std::fs::read_to_string(root().join(template)).unwrap();
    let reads = shipped.replacen("  product.price:\n", "  product.price:\n  product.offer.price:\n", 1);
    let app = TestApp::try_start(&[(template, &reads)], &[("OPENAI_BASE_URL", &base)], clock).await.unwrap();
    let mut request = ask("Lumo lamp");
    request["product"]["offer"] = json!({"price": "9 GBP", "valid_until": "2026-11-23T01:00:00Z"});
    check(&app.blurb(request.clone()).await, "generated", json!(null));
    hands.fetch_add(3599, Ordering::SeqCst);
    let last = app.blurb(request.clone()).await;
    check(&last, "cache", json!(null));
    assert_eq!(last["expires_at"], "2026-11-23T01:00:00Z", "no caller keeps it longer");
    hands.fetch_add(1, Ordering::SeqCst);
    let after = app.blurb(request.clone()).await;
    check(&after, "generated", json!(null));
    assert_eq!(after["expires_at"], "2026-11-23T01:05:00Z");
    check(&app.blurb(request).await, "cache", json!(null));
    assert_eq!(upstream.calls(), 2);
    let prompts: Vec<String> =
        upstream.requests().iter().map(|request| request["messages"].to_string()).collect();
    let told: Vec<bool> = prompts.iter().map(|prompt| prompt.contains("9 GBP")).collect();
    assert_eq!(told, [true, false], "of an offer that is over nothing is prompted");
}

/// What becomes of the next question, before and after a restart, when the first answer says that it took so many tokens.
async fn check_claimed(tokens: u64, source: &str, reason: Value) {
    let body = json!({
        "model": "scripted",
        "choices": [{"finish_reason": "stop", "message": {"content": COPY}}],
        "usage": {"prompt_tokens": tokens, "completion_tokens": tokens},
    });
    let upstream = Upstream::with(move |call, _| match call {
        1 => Reply::Raw(200, body.to_string()),
        _ => Reply::Text(COPY.into()),
    })
    .await;
    let (mut app, _) = metered(&upstream, "per_day = 1000").await;
    check(&app.blurb(ask("First lamp")).await, "generated", json!(null));
    check(&app.blurb(ask("Second lamp")).await, source, reason.clone());
    app.restart().await.unwrap();
    check(&app.blurb(ask("Third lamp")).await, source, reason);
}

#[tokio::test]
async fn usage_beyond_the_worst_case_is_counted_and_usage_beyond_all_measure_is_not() {
    check_claimed(1000, "prewritten", json!("budget")).await;
    check_claimed(u64::MAX, "generated", json!(null)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_in_flight_at_a_kill_is_spent() {
    let upstream = Upstream::saying(COPY).await;
    upstream.hold();
    let (folder, key) = keyed_shop();
    std::fs::write(folder.path().join(SETTINGS), settings(&upstream, "per_day = 170")).unwrap();
    let blurb = async |serving: &Serving, deadline: u32| {
        let mut request = ask("Lumo lamp");
        request["deadline_ms"] = json!(deadline);
        let url = format!("http://{}/v1/blurbs", serving.address);
        let sent = client().post(url).bearer_auth(&key).json(&request).send().await.unwrap();
        sent.json::<Value>().await.unwrap()
    };
    let mut serving = Serving::start(folder.path(), &[]);
    assert_eq!(blurb(&serving, 0).await["reason"], "deadline");
    let url = format!("sqlite:{}", folder.path().join("data/copyrail.db").display());
    let beside = Store::open(&url, Access::ReadOnly).await.unwrap();
    let today = copyrail::words::utc_day(copyrail::app::wall_clock()());
    let kept = async || ledger::of_day(&beside, today).await.unwrap().iter().map(|(_, sum)| sum).sum::<u64>();
    eventually("the ledger knows of it", || async { kept().await == 160_000_000 }).await;
    serving.kill();
    beside.close().await;
    upstream.release();

    let serving = Serving::start(folder.path(), &[]);
    check(&blurb(&serving, 30_000).await, "prewritten", json!("budget"));
    assert_eq!(upstream.calls(), 1);
}

#[tokio::test]
async fn a_user_causes_no_more_than_their_share_and_segments_are_everybodys() {
    let upstream = Upstream::saying(COPY).await;
    let cap = [("COPYRAIL__LIMITS__USER_GENERATIONS_PER_DAY", "2")];
    let app = TestApp::start_with(&upstream, &[], &cap).await;
    let of = |user: &str, product: &str, consent: bool| {
        let mut request = returning(user);
        request["product"]["name"] = json!(product);
        request["consent"]["personalisation"] = json!(consent);
        request
    };
    for product in ["First lamp", "Second lamp"] {
        let answer = app.blurb(of("u-1", product, true)).await;
        check(&answer, "generated", json!(null));
        assert_eq!(answer["tier"], "user");
    }
    check(&app.blurb(of("u-1", "Third lamp", true)).await, "prewritten", json!("budget"));
    check(&app.blurb(of("u-1", "Second lamp", true)).await, "cache", json!(null));
    // Without consent nobody knows who asks, and what is written is everybody's.
    let segment = app.blurb(of("u-1", "Third lamp", false)).await;
    assert_eq!((&segment["source"], &segment["tier"]), (&json!("generated"), &json!("segment")), "{segment}");
    check(&app.blurb(of("u-2", "Third lamp", true)).await, "generated", json!(null));
    assert_eq!(upstream.calls(), 4);
}

#[tokio::test]
async fn copy_is_written_at_the_request_that_its_placement_admits() {
    let upstream = Upstream::saying(COPY).await;
    let files = [(PLACEMENT, &*placement(PLACEMENT, "admit: 3"))];
    let app = TestApp::start_with(&upstream, &files, &[]).await;
    for _ in 0..2 {
        check(&app.blurb(ask("Lumo lamp")).await, "prewritten", json!("not_admitted"));
    }
    check(&app.blurb(ask("Other lamp")).await, "prewritten", json!("not_admitted"));
    assert_eq!((upstream.calls(), app.generations().await.len()), (0, 0));
    check(&app.blurb(ask("Lumo lamp")).await, "generated", json!(null));
    check(&app.blurb(ask("Lumo lamp")).await, "cache", json!(null));
    // Whoever asks in bulk asks on purpose.
    check(&app.blurb(bulk("Third lamp")).await, "generated", json!(null));
}

#[tokio::test]
async fn a_browser_brings_no_question_nearer_to_being_written() {
    let upstream = Upstream::saying(COPY).await;
    let files = [(PLACEMENT, &*placement(PLACEMENT, "admit: 2"))];
    let app = publishable::start(&upstream, &files).await;
    let key = publishable::key(&app, &["https://shop.example"]).await;
    for _ in 0..3 {
        let path = format!("/v1/blurbs/why-this?product=l-1&key={key}");
        let answered = publishable::get(&app, &path, &[("origin", "https://shop.example")]).await;
        assert_eq!(answered.body["source"], "prewritten", "{}", answered.body);
    }
    let mut by_id = ask("Lumo lamp");
    by_id["product"] = json!({"id": "l-1"});
    check(&app.blurb(by_id.clone()).await, "prewritten", json!("not_admitted"));
    check(&app.blurb(by_id).await, "generated", json!(null));
}

#[tokio::test]
async fn what_a_person_has_approved_is_served_before_it_would_be_admitted() {
    let upstream = Upstream::saying(COPY).await;
    let lines = placement(PLACEMENT, "admit: 2\napproval: true");
    let mut app = TestApp::start_with(&upstream, &[(PLACEMENT, &lines)], &[]).await;
    check(&app.blurb(ask("Lumo lamp")).await, "prewritten", json!("not_admitted"));
    check(&app.blurb(ask("Lumo lamp")).await, "prewritten", json!("awaiting_approval"));
    let all = app.generations().await;
    crate::ladder::decide(&app, all[0]["id"].as_str().unwrap(), "approve").await;
    app.restart().await.unwrap();
    check(&app.blurb(ask("Lumo lamp")).await, "cache", json!(null));
    assert_eq!(upstream.calls(), 1);
}

#[tokio::test]
async fn a_miss_for_one_user_is_one_generation() {
    let upstream = Upstream::saying(COPY).await;
    upstream.hold();
    let app = TestApp::start(&upstream).await;
    let mut request = returning("u-1");
    request["deadline_ms"] = json!(0);
    assert_eq!(app.blurb(request).await["pending"], true);
    assert_eq!(app.app().shared.parts.flights.len(), 1);
    upstream.release();
}

const AT_ONCE: Shutdown =
    Shutdown { drain: Duration::ZERO, requests: Duration::from_secs(10), generations: Duration::ZERO };

#[tokio::test]
async fn what_is_given_up_at_a_stop_is_recorded() {
    let upstream = Upstream::saying(COPY).await;
    upstream.hold();
    let (mut app, _) = metered(&upstream, "per_day = 1000").await;
    let mut request = ask("Lumo lamp");
    request["deadline_ms"] = json!(0);
    assert_eq!(app.blurb(request).await["pending"], true);
    eventually("it is asked", || async { upstream.calls() == 1 }).await;
    app.app.take().unwrap().shut_down(AT_ONCE, pending()).await;
    app.restart().await.unwrap();
    let all = app.generations().await;
    let record = &all[0];
    assert_eq!((all.len(), &record["outcome"]), (1, &json!("abandoned")), "{record}");
    assert_eq!(record["reason"], "upstream");
    let [attempt] = &record["attempts"].as_array().unwrap()[..] else { panic!("{record}") };
    assert_eq!((&attempt["fault"], &attempt["cost"]), (&json!("abandoned"), &json!(160_000_000)));
    let spent = app.app().shared.parts.generator.as_ref().unwrap().budget().spent();
    assert_eq!(spent, Micros(160_000_000), "nobody knows what the call used");
}

#[tokio::test]
async fn once_it_is_leaving_a_service_starts_nothing_and_finishes_what_flies() {
    let upstream = Upstream::saying(COPY).await;
    upstream.hold();
    let mut app = TestApp::start(&upstream).await;
    let shared = Arc::clone(&app.app().shared);
    let policy = shared.desk.pin();
    let ask = |name: &str| pipeline::answer(&shared.parts, &policy, request(name));
    let mut flies = Box::pin(ask("First lamp"));
    assert!(flies.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let within = Shutdown { generations: Duration::from_secs(3600), ..Shutdown::default() };
    let stopping = tokio::spawn(app.app.take().unwrap().shut_down(within, pending()));
    eventually("it is leaving", || async { shared.parts.leaving.is_now() }).await;
    assert_eq!(ask("Second lamp").await.unwrap().reason, Some(Reason::Overload));
    assert!(!stopping.is_finished());
    upstream.release();
    assert_eq!(flies.await.unwrap().source, Source::Generated);
    stopping.await.unwrap();
    assert_eq!(upstream.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_still_answers_and_a_second_signal_ends_it() {
    let upstream = Upstream::saying(COPY).await;
    let (folder, key) = keyed_shop();
    let base = upstream.base_url();
    let variables = [("OPENAI_BASE_URL", base.as_str()), ("COPYRAIL__LIMITS__DRAIN", "1h")];
    let mut serving = Serving::start(folder.path(), &variables);
    let address = format!("http://{}", serving.address);
    let client = client();
    let blurb = async |name: &str| {
        let sent = client.post(format!("{address}/v1/blurbs")).bearer_auth(&key).json(&ask(name));
        let response = sent.send().await.unwrap();
        let closes = response.headers().get("connection").is_some_and(|value| value == "close");
        (response.json::<Value>().await.unwrap()["source"].clone(), closes)
    };
    assert_eq!(blurb("First lamp").await, (json!("generated"), false));
    serving.signal("TERM");
    let unready = || async {
        let sent = client.get(format!("{address}/readyz")).send().await;
        sent.is_ok_and(|response| response.status() == 503)
    };
    eventually("new requests should go elsewhere", unready).await;
    assert_eq!(blurb("Second lamp").await, (json!("generated"), true));
    serving.signal("TERM");
    assert_eq!(tokio::task::spawn_blocking(move || serving.ended()).await.unwrap(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_terminal_nothing_drains_and_a_second_signal_gives_up_generations() {
    stopped_from_a_terminal("INT").await;
    // Where these tests are to outlive their terminal, so is what they start.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).map(str::trim);
    if ignored.is_none_or(|mask| u64::from_str_radix(mask, 16).unwrap() & 1 == 0) {
        stopped_from_a_terminal("HUP").await;
    }
}

/// Stops a service by this signal, and a second time by Ctrl-C.
async fn stopped_from_a_terminal(signal: &str) {
    let upstream = Upstream::saying(COPY).await;
    upstream.hold();
    let (folder, key) = keyed_shop();
    let base = upstream.base_url();
    let variables = [("OPENAI_BASE_URL", base.as_str()), ("COPYRAIL__LIMITS__DRAIN", "1h")];
    let mut serving = Serving::start(folder.path(), &variables);
    let address = format!("http://{}", serving.address);
    let mut request = ask("Lumo lamp");
    request["deadline_ms"] = json!(0);
    let sent = client().post(format!("{address}/v1/blurbs")).bearer_auth(&key).json(&request).send();
    assert_eq!(sent.await.unwrap().status(), 200);
    eventually("it is asked", || async { upstream.calls() == 1 }).await;
    serving.signal(signal);
    let refused = || async { client().get(format!("{address}/healthz")).send().await.is_err() };
    eventually("nobody listens any more", refused).await;
    serving.signal("INT");
    assert_eq!(tokio::task::spawn_blocking(move || serving.ended()).await.unwrap(), Some(0));
    let url = format!("sqlite:{}", folder.path().join("data/copyrail.db").display());
    let store = Store::open(&url, Access::ReadOnly).await.unwrap();
    let report = copyrail::audit::verify::verify(&store, None, |_, _| ()).await.unwrap();
    assert_eq!((report.fault, report.serves, report.generations), (None, 1, 1));
}

#[tokio::test]
async fn a_generation_that_panics_lands_nobody_and_holds_nothing() {
    let panics = Arc::new(AtomicBool::new(false));
    let armed = Arc::clone(&panics);
    let upstream = Upstream::with(move |call, _| {
        // The next to look at the clock is the one who judges this answer.
        armed.store(call == 1, Ordering::SeqCst);
        Reply::Text(COPY.into())
    })
    .await;
    let wall = copyrail::app::wall_clock();
    let clock: Clock = Arc::new(move || {
        assert!(!panics.swap(false, Ordering::SeqCst), "on purpose");
        wall()
    });
    let base = upstream.base_url();
    let one = [
        ("OPENAI_BASE_URL", base.as_str()),
        ("COPYRAIL__LIMITS__CONCURRENCY", "1"),
        ("COPYRAIL__LIMITS__QUEUE", "0"),
    ];
    let app = TestApp::try_start(&[], &one, clock).await.unwrap();
    check(&app.blurb(ask("Lumo lamp")).await, "prewritten", json!("upstream"));
    assert!(app.app().shared.parts.flights.is_empty());
    check(&app.blurb(ask("Lumo lamp")).await, "generated", json!(null));
    assert_eq!(app.generations().await.len(), 1);
}
