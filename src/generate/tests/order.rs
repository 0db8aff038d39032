//! Which call follows which.

use super::upstream::{Reply, Upstream, completion, reply, text};
use super::*;

const NOW: &str = "retry-after-ms: 1\r\n";

/// How many calls these answers take, the last of which is fine.
async fn check_retried(answers: Vec<Reply>) {
    let expected = answers.len();
    let upstream = Upstream::start(answers).await;
    let written = write(vec![provider(upstream.url.clone())]).await;
    assert_eq!(written.result, Ok("Soft.".to_owned()));
    assert_eq!((written.attempts.len(), upstream.calls()), (expected, expected));
    assert_eq!(written.attempts[0].cost, Micros(0), "a call turned away costs nothing");
}

async fn check_not_retried(answer: Reply) {
    let upstream = Upstream::start(vec![answer, text("Soft.")]).await;
    let written = write(vec![provider(upstream.url.clone())]).await;
    assert_eq!((written.result, upstream.calls()), (Err(Failure::Upstream), 1));
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let html = reply("502 Bad Gateway", "content-type: text/html\r\n", "<html>Bad Gateway</html>");
    check_retried(vec![html, text("Soft.")]).await;
    let slow = r#"{"error": {"message": "slow down", "type": "requests", "param": null, "code": "rate_limit_exceeded"}}"#;
    let slow = || reply("429 Too Many Requests", NOW, slow);
    check_retried(vec![slow(), slow(), text("Soft.")]).await;
    check_retried(vec![
        reply("408 Request Timeout", NOW, ""),
        reply("409 Conflict", NOW, "{"),
        text("Soft."),
    ])
    .await;
}

#[tokio::test]
async fn what_cannot_pass_is_not() {
    let quota = r#"{"error": {"message": "You exceeded your quota", "type": "insufficient_quota", "code": "insufficient_quota"}}"#;
    check_not_retried(reply("429 Too Many Requests", NOW, quota)).await;
    check_not_retried(reply("400 Bad Request", NOW, r#"{"error": "no such model"}"#)).await;
    check_not_retried(reply("401 Unauthorized", NOW, r#"{"error": {"message": null, "code": 401}}"#)).await;
}

#[tokio::test]
async fn retries_end() {
    let upstream = Upstream::start(vec![reply("500 Internal Server Error", NOW, "")]).await;
    let written = write(vec![provider(upstream.url.clone())]).await;
    assert_eq!((written.result, upstream.calls()), (Err(Failure::Upstream), 3));
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_again() {
    let upstream = Upstream::start(vec![Reply::Bytes(String::new()), text("Soft.")]).await;
    let written = write(vec![provider(upstream.url.clone())]).await;
    assert_eq!((written.result, upstream.calls()), (Ok("Soft.".to_owned()), 2));
}

#[tokio::test]
async fn a_redirect_is_an_error_that_nobody_follows() {
    let target = Upstream::start(vec![text("Stolen.")]).await;
    for status in ["302 Found", "307 Temporary Redirect"] {
        let location = format!("location: {}/chat/completions\r\n", target.url);
        check_not_retried(reply(status, &location, "")).await;
    }
    assert_eq!(target.calls(), 0);
}

#[tokio::test]
async fn the_next_provider_is_asked_when_one_fails() {
    let second = Upstream::start(vec![text("Soft.")]).await;
    let long = "retry-after: 3600\r\n";
    let dated = "date: Mon, 23 Nov 2026 10:00:00 GMT\r\nretry-after: Mon, 23 Nov 2026 11:00:00 GMT\r\n";
    let failures = [
        reply("200 OK", "", "garbage"),
        reply("401 Unauthorized", "", ""),
        reply("503 Service Unavailable", long, ""),
        reply("503 Service Unavailable", dated, ""),
        completion(serde_json::json!({"content": "Soft and"}), "length"),
    ];
    for failure in failures {
        let first = Upstream::start(vec![failure]).await;
        let backup = Provider { name: "backup".to_owned(), ..provider(second.url.clone()) };
        let written = write(vec![provider(first.url.clone()), backup]).await;
        assert_eq!(written.result, Ok("Soft.".to_owned()));
        let names: Vec<_> = written.attempts.iter().map(|attempt| attempt.provider.as_str()).collect();
        assert_eq!(names, ["primary", "backup"], "a wait beyond the limit is not waited for");
    }
}

#[tokio::test]
async fn a_refusal_is_not_taken_to_another_provider() {
    let second = Upstream::start(vec![text("Soft.")]).await;
    let refusals = [
        completion(serde_json::json!({"content": null, "refusal": "No."}), "stop"),
        completion(serde_json::json!({"content": null}), "content_filter"),
        reply("400 Bad Request", "", r#"{"error": {"message": "filtered", "code": "content_filter"}}"#),
    ];
    for refusal in refusals {
        let first = Upstream::start(vec![refusal]).await;
        let written = write(vec![provider(first.url.clone()), provider(second.url.clone())]).await;
        assert_eq!(written.result, Err(Failure::Upstream));
    }
    assert_eq!(second.calls(), 0);
}

#[tokio::test]
async fn a_stall_is_bounded_by_the_limit_and_recorded() {
    for (stall, id) in [(Reply::Stall, None), (Reply::StallMidway, Some("req_half"))] {
        let upstream = Upstream::start(vec![stall]).await;
        let generator =
            Generator::new(vec![provider(upstream.url)], Budget::new(None, Micros(0), TODAY)).unwrap();
        let written = generator.write(&prompt(), &within(Duration::from_millis(500))).await;
        assert_eq!(written.result, Err(Failure::TimedOut));
        assert_eq!(written.attempts.len(), 1);
        assert_eq!(written.attempts[0].upstream_request_id.as_deref(), id);
        assert!(error(&written).starts_with("no whole answer within"));
        assert_eq!(generator.budget().spent(), written.cost(), "nobody knows what it used");
        assert_ne!(written.cost(), Micros(0));
    }
}

#[tokio::test]
async fn a_providers_own_time_out_leaves_time_for_the_next() {
    let first = Upstream::start(vec![Reply::Stall]).await;
    let second = Upstream::start(vec![text("Soft.")]).await;
    let hasty = Provider { timeout: Duration::from_millis(50), ..provider(first.url) };
    let written = write(vec![hasty, provider(second.url)]).await;
    assert_eq!(written.result, Ok("Soft.".to_owned()));
}

#[tokio::test]
async fn nobody_there_costs_nothing() {
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let written = write(vec![Provider { retries: 0, ..provider(format!("http://{nobody}")) }]).await;
    assert_eq!((&written.result, written.cost()), (&Err(Failure::Upstream), Micros(0)));
    assert!(error(&written).contains("onnect"), "{}", error(&written));
    assert!(write(vec![]).await.result.is_err());
}

#[tokio::test]
async fn a_spent_budget_asks_only_those_without_a_price() {
    let upstream = Upstream::start(vec![text("Soft.")]).await;
    let budget = Budget::new(Some(Micros(1)), Micros(1), TODAY);
    let priced = provider(upstream.url.clone());
    let free = Provider { name: "free".to_owned(), price: None, ..priced.clone() };
    let generator = Generator::new(vec![priced.clone()], budget.clone()).unwrap();
    let written = generator.write(&prompt(), &within(Duration::from_secs(60))).await;
    assert_eq!((written.result, upstream.calls()), (Err(Failure::Budget), 0));
    let generator = Generator::new(vec![priced, free], budget.clone()).unwrap();
    let written = generator.write(&prompt(), &within(Duration::from_secs(60))).await;
    assert_eq!((written.cost(), written.result), (Micros(0), Ok("Soft.".to_owned())));
    assert_eq!(budget.spent(), Micros(1));
}

#[test]
fn settings_that_cannot_work_are_said_at_once() {
    let check = |provider: Provider, expected: &str| {
        let error = Generator::new(vec![provider], Budget::new(None, Micros(0), TODAY)).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    check(provider("ftp://x".to_owned()), "provider `primary`: `ftp://x` is no http or https URL");
    check(provider("localhost".to_owned()), "provider `primary`: `localhost` is no http or https URL");
    let key = Some("sk\nx".into());
    let expected = "provider `primary`: its key holds characters that no HTTP header may";
    check(Provider { api_key: key, ..provider("https://x/v1".to_owned()) }, expected);
}
