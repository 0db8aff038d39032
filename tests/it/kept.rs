//! How long copy is kept: served as it is, then served while a new text is written, then gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use copyrail::audit::Clock;
use jiff::Timestamp;
use serde_json::json;

use crate::support::{Reply, TestApp, Upstream, ask, eventually};

const HOUR: i64 = 3600;

/// A clock that stands until it is set.
pub struct Hands(Arc<AtomicI64>);

impl Hands {
    pub fn new() -> (Self, Clock) {
        let start: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
        let seconds = Arc::new(AtomicI64::new(start.as_second()));
        let hands = Self(Arc::clone(&seconds));
        (hands, Arc::new(move || Timestamp::from_second(seconds.load(Ordering::SeqCst)).unwrap()))
    }

    pub fn forward(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

/// The shipped shop, whose `why-this` is refreshed after a day and gone after a week.
async fn start(upstream: &Upstream) -> (TestApp, Hands) {
    let (hands, clock) = Hands::new();
    let base = upstream.base_url();
    (TestApp::try_start(&[], &[("OPENAI_BASE_URL", base.as_str())], clock).await.unwrap(), hands)
}

async fn check(app: &TestApp, source: &str, text: &str) {
    let answer = app.blurb(ask("Lumo lamp")).await;
    assert_eq!((&answer["source"], &answer["text"]), (&json!(source), &json!(text)), "{answer}");
    assert_eq!(answer["reason"], json!(null), "{answer}");
}

async fn landed(app: &TestApp) {
    eventually("nothing is being written", || async { app.app().shared.parts.flights.is_empty() }).await;
}

#[tokio::test]
async fn copy_is_refreshed_behind_the_page_and_gone_in_the_end() {
    let upstream = Upstream::with(|call, _| {
        Reply::Text(format!("A lamp, in the words of {}.", ["Ann", "Bob", "Cem"][call - 1]))
    })
    .await;
    let (app, hands) = start(&upstream).await;
    let by = |name: &str| format!("A lamp, in the words of {name}.");
    check(&app, "generated", &by("Ann")).await;
    hands.forward(24 * HOUR - 1);
    check(&app, "cache", &by("Ann")).await;
    assert_eq!(upstream.calls(), 1);

    // From here on whoever asks gets what is there, and those who come after get the new text.
    upstream.hold();
    hands.forward(1);
    for _ in 0..3 {
        check(&app, "cache", &by("Ann")).await;
    }
    upstream.release();
    landed(&app).await;
    check(&app, "cache", &by("Bob")).await;
    assert_eq!(upstream.calls(), 2);

    hands.forward(7 * 24 * HOUR);
    check(&app, "generated", &by("Cem")).await;
}

/// The first text is good, and all that is said later is this: the good one stays, and a minute's requests cost one
/// generation.
async fn check_failed_refresh(later: Reply, calls_each: usize) {
    const GOOD: &str = "A lamp for the desk.";
    let said = later.clone();
    let upstream =
        Upstream::with(move |call, _| if call == 1 { Reply::Text(GOOD.into()) } else { said.clone() }).await;
    let (app, hands) = start(&upstream).await;
    check(&app, "generated", GOOD).await;
    hands.forward(25 * HOUR);
    for minute in 1..=2 {
        for _ in 0..5 {
            check(&app, "cache", GOOD).await;
            landed(&app).await;
        }
        assert_eq!(upstream.calls(), 1 + minute * calls_each, "{later:?}");
        hands.forward(60);
    }
}

#[tokio::test]
async fn a_refresh_that_brings_nothing_is_not_paid_for_with_each_request() {
    check_failed_refresh(Reply::Text("A risk-free lamp.".into()), 1).await;
    check_failed_refresh(Reply::Text("An amazing lamp.".into()), 2).await;
    check_failed_refresh(Reply::Raw(400, String::new()), 1).await;
}

/// A question that this answer fails for its own sake is paid for once a minute; another question is asked all the same.
async fn check_left_alone(status: u16, body: serde_json::Value) {
    let upstream = Upstream::with(move |_, _| Reply::Raw(status, body.to_string())).await;
    let (app, hands) = start(&upstream).await;
    for _ in 0..3 {
        let answer = app.blurb(ask("Lumo lamp")).await;
        assert_eq!(
            (&answer["source"], &answer["reason"]),
            (&json!("prewritten"), &json!("upstream")),
            "{answer}"
        );
        assert_eq!(upstream.calls(), 1, "{answer}");
    }
    app.blurb(ask("Fernley pot")).await;
    assert_eq!(upstream.calls(), 2);
    hands.forward(60);
    app.blurb(ask("Lumo lamp")).await;
    assert_eq!(upstream.calls(), 3);
}

#[tokio::test]
async fn what_fails_for_the_prompts_own_sake_is_not_paid_for_again_at_once() {
    let choice = |message: serde_json::Value, end: &str| json!({"choices": [{"message": message, "finish_reason": end}]});
    check_left_alone(200, choice(json!({"content": null, "refusal": "No."}), "stop")).await;
    check_left_alone(200, choice(json!({"content": "A lamp that"}), "length")).await;
    check_left_alone(200, choice(json!({"content": ""}), "stop")).await;
    check_left_alone(400, json!({"error": {"code": "context_length_exceeded"}})).await;
}
