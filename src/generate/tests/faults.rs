//! Every fault by its kind: whether it is tried again, and what it says of the provider.

use serde_json::{Value, json};

use super::upstream::{Reply, Upstream, completion, reply, text};
use super::*;

const SOON: &str = "retry-after-ms: 1\r\n";

/// Asked with one retry, an upstream that answers like this was asked so often, its fault is of that kind, and it counts
/// as ill or not.
async fn check(answer: impl Fn() -> Reply, kind: FaultKind, calls: usize, ill: bool) -> Attempt {
    let upstream = Upstream::start(vec![answer()]).await;
    let generator = generator(vec![Provider { retries: 1, ..provider(upstream.url.clone()) }]);
    let mut written = generator.write(&prompt(), &within(Duration::from_secs(60))).await;
    assert_eq!(written.result, Err(Failure::Upstream), "{kind:?}");
    assert_eq!((upstream.calls(), written.attempts.len()), (calls, calls), "{kind:?}: {}", error(&written));
    for attempt in &written.attempts {
        assert_eq!(attempt.fault, Some(kind), "{attempt:?}");
        assert!(attempt.error.is_some());
    }
    let standing = generator.standing().remove(0);
    assert_eq!(standing.failures > 0, ill, "{kind:?}: {standing:?}");
    written.attempts.remove(0)
}

fn turned_away(status: &str, headers: &str, error: Value) -> impl Fn() -> Reply {
    let (status, headers) = (status.to_owned(), format!("{SOON}{headers}"));
    move || reply(&status, &headers, &json!({"error": error}).to_string())
}

fn body(body: Value) -> impl Fn() -> Reply {
    move || reply("200 OK", "", &body.to_string())
}

fn choice(message: Value, finish_reason: Value) -> impl Fn() -> Reply {
    body(json!({"choices": [{"message": message, "finish_reason": finish_reason}]}))
}

#[tokio::test]
async fn what_turns_a_call_away() {
    use FaultKind::{Filtered, Quota, RateLimited, Redirect, Rejected, Server};
    let said = |code: Value| json!({"message": "No.", "type": null, "param": null, "code": code});
    for (status, headers, error, kind, calls, ill) in [
        ("408 Request Timeout", "", said(json!(null)), Rejected, 2, true),
        ("409 Conflict", "", said(json!(null)), Rejected, 2, true),
        ("429 Too Many Requests", "", said(json!("rate_limit_exceeded")), RateLimited, 2, true),
        ("429 Too Many Requests", "", said(json!("slow_down")), RateLimited, 2, true),
        ("429 Too Many Requests", "", said(json!("429")), RateLimited, 2, true),
        ("429 Too Many Requests", "", said(json!(429)), RateLimited, 2, true),
        ("429 Too Many Requests", "", said(json!("insufficient_quota")), Quota, 1, true),
        ("429 Too Many Requests", "", said(json!("billing_hard_limit_reached")), Quota, 1, true),
        (
            "429 Too Many Requests",
            "x-should-retry: true\r\n",
            said(json!("insufficient_quota")),
            Quota,
            1,
            true,
        ),
        ("402 Payment Required", "", said(json!("invalid_request_error")), Quota, 1, true),
        ("500 Internal Server Error", "", json!("boom"), Server, 2, true),
        ("503 Service Unavailable", "", json!(null), Server, 2, true),
        ("529 Overloaded", "", json!({}), Server, 2, true),
        ("500 Internal Server Error", "x-should-retry: false\r\n", json!({}), Server, 1, true),
        ("400 Bad Request", "x-should-retry: true\r\n", json!({}), Rejected, 2, false),
        ("400 Bad Request", "", said(json!("context_length_exceeded")), Rejected, 1, false),
        ("401 Unauthorized", "", said(json!("invalid_api_key")), Rejected, 1, true),
        ("403 Forbidden", "", said(json!(null)), Rejected, 1, true),
        ("404 Not Found", "", said(json!("DeploymentNotFound")), Rejected, 1, false),
        ("413 Content Too Large", "", json!([]), Rejected, 1, false),
        ("422 Unprocessable Content", "", json!({"message": {}}), Rejected, 1, false),
        ("400 Bad Request", "", said(json!("content_filter")), Filtered, 1, false),
        ("302 Found", "location: http://127.0.0.1:1/?key=1\r\n", json!(null), Redirect, 1, true),
        ("304 Not Modified", "", json!(null), Redirect, 1, true),
    ] {
        let attempt = check(turned_away(status, headers, error), kind, calls, ill).await;
        assert_eq!(attempt.cost, Micros(0), "{status}");
        assert!(attempt.error.unwrap().starts_with(status.split(' ').next().unwrap()), "{status}");
    }
    let inner =
        json!({"code": null, "message": "No.", "innererror": {"code": "ResponsibleAIPolicyViolation"}});
    check(turned_away("400 Bad Request", "", inner), Filtered, 1, false).await;
    let listed = || reply("429 Too Many Requests", SOON, r#"[{"error": {"code": "insufficient_quota"}}]"#);
    check(listed, Quota, 1, true).await;
}

#[tokio::test]
async fn what_says_nothing_that_can_be_read() {
    let html = || reply("502 Bad Gateway", "content-type: text/html\r\n", "<html>Bad Gateway</html>");
    let attempt = check(html, FaultKind::Server, 2, true).await;
    assert!(attempt.said.unwrap().contains("text/html: <html>"));
    let large = || reply("503 Service Unavailable", SOON, &"x".repeat(4 << 20));
    check(large, FaultKind::Server, 2, true).await;
    let cut = || Reply::Bytes("HTTP/1.1 503 Busy\r\ncontent-length: 99\r\n\r\n{".to_owned());
    check(cut, FaultKind::Server, 2, true).await;
    let deep = |around: &str| format!("{}{}{}", around, "[".repeat(500_000), "]".repeat(500_000));
    for garbage in [
        "",
        "garbage",
        "<html>hello</html>",
        "null",
        "[]",
        "3",
        r#""text""#,
        "{}",
        r#"{"choices": 7}"#,
        r#"{"choices": []}"#,
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([deep(""), format!("{}}}", deep(r#"{"choices": "#)), format!("{}}}", deep(r#"{"usage": "#))])
    {
        check(|| reply("200 OK", "", &garbage), FaultKind::Garbage, 1, true).await;
    }
    check(|| reply("204 No Content", "", ""), FaultKind::Garbage, 1, true).await;
    for none in
        [json!([null]), json!(["text"]), json!([{}]), json!([{"message": null, "finish_reason": "stop"}])]
    {
        check(body(json!({"choices": none})), FaultKind::Garbage, 1, true).await;
    }
    let too_large = || reply("200 OK", "", &" ".repeat(2 << 20));
    check(too_large, FaultKind::TooLarge, 1, true).await;
    check(|| Reply::Bytes(String::new()), FaultKind::Broken, 2, true).await;
    check(|| Reply::Reset, FaultKind::Broken, 2, true).await;
    check(
        || Reply::Bytes("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{".to_owned()),
        FaultKind::Broken,
        2,
        true,
    )
    .await;
    check(|| Reply::Bytes("what?\r\n\r\n".to_owned()), FaultKind::Broken, 2, true).await;
}

#[tokio::test]
async fn what_is_no_copy() {
    use FaultKind::{Empty, Filtered, Refused, Unfinished, WrongForm};
    let soft = json!({"content": "Soft."});
    for reason in ["length", "tool_calls", "function_call", "eos", "STOP", ""] {
        check(choice(soft.clone(), json!(reason)), Unfinished, 1, false).await;
    }
    for reason in [json!(null), json!(1), json!(["stop"])] {
        check(choice(soft.clone(), reason), Unfinished, 1, false).await;
    }
    check(body(json!({"choices": [{"message": soft}]})), Unfinished, 1, false).await;
    check(choice(soft.clone(), json!("content_filter")), Filtered, 1, false).await;
    let refusals = [
        json!({"content": "Soft.", "refusal": "No."}),
        json!({"content": null, "refusal": "No."}),
        json!({"content": [{"type": "refusal", "refusal": "No."}]}),
    ];
    for refusal in refusals {
        let attempt = check(choice(refusal, json!("stop")), Refused, 1, false).await;
        assert_eq!(attempt.refusal.as_deref(), Some("No."));
    }
    for content in [
        json!(null),
        json!(""),
        json!(" \n"),
        json!(7),
        json!([]),
        json!([{"type": "thinking", "text": "Hm."}]),
    ] {
        check(choice(json!({"content": content}), json!("stop")), Empty, 1, false).await;
    }
    check(choice(json!({}), json!("stop")), Empty, 1, false).await;
    for wrong in ["<think>Soft?", "<think>Soft?</think>", KEY] {
        check(choice(json!({"content": wrong}), json!("stop")), WrongForm, 1, false).await;
    }
    let unscanned = json!({"choices": [{
        "message": soft, "finish_reason": "stop",
        "content_filter_results": {"error": {"code": "content_filter_error", "message": "not filtered"}},
    }]});
    check(body(unscanned), Filtered, 1, false).await;
    let prompt = json!({"choices": [{"message": soft, "finish_reason": "stop"}],
        "prompt_filter_results": [{"content_filter_results": {"error": {"code": "content_filter_error"}}}]});
    check(body(prompt), Filtered, 1, false).await;
}

#[tokio::test]
async fn an_error_within_a_200_is_that_error() {
    use FaultKind::{Filtered, Quota, RateLimited, Rejected, Server};
    for (error, kind, calls, ill) in [
        (json!({"message": "No.", "code": 429}), RateLimited, 2, true),
        (json!({"message": "No.", "code": "rate_limit_exceeded"}), RateLimited, 2, true),
        (json!({"message": "No.", "code": "insufficient_quota"}), Quota, 1, true),
        (json!({"message": "No.", "code": 401}), Rejected, 1, true),
        (json!({"message": "No.", "type": "invalid_request_error"}), Rejected, 1, false),
        (json!({"code": "content_filter"}), Filtered, 1, false),
        (json!("boom"), Server, 2, true),
    ] {
        check(body(json!({"error": error})), kind, calls, ill).await;
        let beside =
            json!({"error": error, "choices": [{"message": {"content": "Soft."}, "finish_reason": "stop"}]});
        check(body(beside), kind, calls, ill).await;
    }
}

#[tokio::test]
async fn servers_differ_and_their_copy_is_read_all_the_same() {
    let check = async |answer: Reply, cost: Option<Micros>| {
        let upstream = Upstream::start(vec![answer]).await;
        let written = write(vec![provider(upstream.url.clone())]).await;
        assert_eq!(written.result.as_deref(), Ok("Soft."), "{written:?}");
        assert_eq!(written.attempts[0].fault, None);
        let worst = provider(String::new()).price.unwrap().worst(&prompt());
        assert_eq!(written.cost(), cost.unwrap_or(worst));
    };
    let soft = json!({"message": {"content": "Soft."}, "finish_reason": "stop"});
    let whole = json!({"choices": [soft]}).to_string();
    check(reply("200 OK", "content-type: text/html\r\n", &whole), None).await;
    check(reply("201 Created", "", &whole), None).await;
    let parts =
        json!([{"type": "thinking", "thinking": []}, {"type": "text", "text": "So"}, {"text": "ft."}, 7]);
    check(completion(json!({"content": parts}), "stop"), Some(Micros(54))).await;
    check(completion(json!({"content": "<think>Hm.</think>Soft.", "refusal": ""}), "stop"), Some(Micros(54)))
        .await;
    let several = json!([soft, {"message": {"content": "Hard."}, "finish_reason": "length"}, null]);
    check(body(json!({"choices": several, "error": null, "model": 7}))(), None).await;
    check(
        body(json!({"choices": [soft], "error": {}, "usage": {"prompt_tokens": 0, "completion_tokens": 0}}))(
        ),
        None,
    )
    .await;
    check(body(json!({"choices": [soft], "usage": {"prompt_tokens": 10}}))(), None).await;
    check(body(json!({"choices": [soft], "usage": {"prompt_tokens": -1, "completion_tokens": 2}}))(), None)
        .await;
    let nothing_read =
        format!(r#"{{"more": {}{}, "choices": [{soft}]}}"#, "[".repeat(400_000), "]".repeat(400_000));
    check(reply("200 OK", "", &nothing_read), None).await;
}

#[tokio::test]
async fn no_connection_is_said_with_its_cause_and_costs_nothing() {
    let check = async |base_url: String, connect_timeout: Duration, expected: &str| {
        let generator =
            generator(vec![Provider { retries: 1, connect_timeout, ..provider(base_url.clone()) }]);
        let written = generator.write(&prompt(), &within(Duration::from_secs(60))).await;
        assert_eq!((&written.result, written.cost()), (&Err(Failure::Upstream), Micros(0)), "{base_url}");
        let kinds: Vec<_> = written.attempts.iter().map(|attempt| attempt.fault).collect();
        assert_eq!(kinds, [Some(FaultKind::Connect); 2], "{base_url}: {}", error(&written));
        assert!(error(&written).contains(expected), "{base_url}: {}", error(&written));
        assert_eq!(generator.standing()[0].failures, 2);
    };
    let long = Duration::from_secs(20);
    // A name that is too long is no name, with or without a network.
    check(format!("http://{}.invalid", "n".repeat(64)), long, "dns").await;
    // It takes connections and never says a word, so no TLS comes about.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://{}", silent.local_addr().unwrap());
    check(address, Duration::from_millis(50), "no connection within 50 ms").await;
    let plain = Upstream::speaking_no_tls().await;
    check(plain.replace("http:", "https:"), long, "client error (Connect)").await;
}

#[tokio::test]
async fn a_time_out_says_which_it_was() {
    let check = async |stall: Reply, slow: fn(Provider) -> Provider, expected: &str| {
        let upstream = Upstream::start(vec![stall]).await;
        let generator = generator(vec![slow(provider(upstream.url.clone()))]);
        let written = generator.write(&prompt(), &within(Duration::from_secs(60))).await;
        assert_eq!((&written.result, upstream.calls()), (&Err(Failure::Upstream), 1), "not tried again");
        assert_eq!(written.attempts[0].fault, Some(FaultKind::Timeout));
        assert_eq!(error(&written), expected);
        assert_ne!(written.cost(), Micros(0), "nobody knows what it used");
        assert_eq!(generator.standing()[0].failures, 1);
    };
    let short = Duration::from_millis(50);
    assert_eq!(short.as_millis(), 50);
    let first_byte: fn(Provider) -> Provider =
        |provider| Provider { first_byte_timeout: Some(Duration::from_millis(50)), ..provider };
    let total: fn(Provider) -> Provider =
        |provider| Provider { timeout: Duration::from_millis(60), ..provider };
    let late_body: fn(Provider) -> Provider = |provider| Provider {
        first_byte_timeout: Some(Duration::from_secs(30)),
        timeout: Duration::from_millis(500),
        ..provider
    };
    check(Reply::Stall, first_byte, "the answer had not begun within 50 ms").await;
    check(Reply::Stall, total, "no whole answer within 60 ms").await;
    check(Reply::StallMidway, late_body, "no whole answer within 500 ms").await;
}

#[tokio::test]
async fn the_wait_in_milliseconds_goes_before_the_one_in_seconds() {
    let busy = reply("429 Too Many Requests", "retry-after: 3600\r\nretry-after-ms: 1\r\n", "");
    let upstream = Upstream::start(vec![busy, text("Soft.")]).await;
    let written = write(vec![provider(upstream.url.clone())]).await;
    assert_eq!((written.result.as_deref(), upstream.calls()), (Ok("Soft."), 2));
}

#[tokio::test]
async fn azure_is_asked_for_the_version_that_is_set() {
    let upstream = Upstream::start(vec![text("Soft.")]).await;
    let azure = Provider {
        kind: ProviderKind::Azure,
        api_version: Some("2025-01-01-preview".to_owned()),
        ..provider(upstream.url.replace("/v1", ""))
    };
    write(vec![azure]).await.result.unwrap();
    let head = upstream.first().head;
    assert!(
        head.starts_with(
            "post /openai/deployments/gpt-4.1-mini/chat/completions?api-version=2025-01-01-preview "
        ),
        "{head}"
    );
}
