//! What the HTTP surface says to requests that are not as they should be, and what every answer carries.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answered, TestApp, Upstream, ask};

pub const COPY: &str = "A handy companion for the evening.";

/// Checks that an answer is a problem of a status and type, and returns what it says.
#[track_caller]
pub fn problem(answered: &Answered, status: u16, kind: &str) -> String {
    let Answered { status: found, headers, body } = answered;
    assert_eq!(*found, status, "{body}");
    assert_eq!(headers["content-type"], "application/problem+json", "{body}");
    let mut fields: Vec<&String> = body.as_object().unwrap().keys().collect();
    fields.sort();
    assert_eq!(fields, ["detail", "status", "title", "type"]);
    assert_eq!((&body["status"], &body["type"]), (&json!(status), &json!(kind)));
    assert!(!body["title"].as_str().unwrap().is_empty());
    body["detail"].as_str().unwrap().to_owned()
}

/// Sends a body as it is, with a key that may serve.
async fn send(app: &TestApp, path: &str, body: impl Into<reqwest::Body>) -> Answered {
    app.send(app.client().post(app.url(path)).bearer_auth(app.key("serve")).body(body)).await
}

/// Every way in which a request for a blurb is not one.
const MALFORMED: &[&str] = &[
    "",
    "  \n ",
    "Lumo lamp",
    "[]",
    r#"["why-this", {"name": "Lumo lamp"}]"#,
    r#"{"placement": "why-this""#,
    r#"{"placement": "why-this", "product": {"name": "Lumo lamp"}} {}"#,
    "{}",
    r#"{"placement": "why-this"}"#,
    r#"{"product": {"name": "Lumo lamp"}}"#,
    r#"{"placement": 7, "product": {"name": "Lumo lamp"}}"#,
    r#"{"placement": null, "product": {"name": "Lumo lamp"}}"#,
    r#"{"placement": "why-this", "product": "jo@example.com"}"#,
    r#"{"placement": "why-this", "product": []}"#,
    r#"{"placement": "why-this", "product": {}}"#,
    r#"{"placement": "why-this", "product": {"brand": "Lumo"}}"#,
    r#"{"placement": "why-this", "product": {"name": " "}}"#,
    r#"{"placement": "why-this", "product": {"name": 5}}"#,
    r#"{"placement": "why-this", "product": {"id": ""}}"#,
    r#"{"placement": "why-this", "product": {"id": null}}"#,
    r#"{"placement": "why-this", "product": {"id": {"jo": "jo@example.com"}}}"#,
    r#"{"placement": "why-this", "product": {"id": "a\nb"}}"#,
    r#"{"placement": "why-this", "product": {"id": 1.5, "name": "Lumo lamp"}}"#,
    r#"{"placement": "why-this", "product": {"name": "Lumo lamp"}, "deadline_ms": -1}"#,
    r#"{"placement": "why-this", "product": {"name": "Lumo lamp"}, "deadline_ms": 1.5}"#,
    r#"{"placement": "why-this", "product": {"name": "Lumo lamp"}, "deadline_ms": "x, expected jo@example.com"}"#,
    r#"{"placement": "why-this", "product": {"name": "Lumo lamp"}, "user": "jo@example.com"}"#,
    r#"{"placement": "why-this", "product": {"name": "Lumo lamp"}, "user": {"attributes": ["jo@example.com"]}}"#,
    r#"{"placement": "why-this", "product": {"name": "Lumo lamp"}, "user": {"id": 17}}"#,
    r#"{"placement": "why-this", "product": {"name": "Lumo lamp"}, "user": {"name": "Jo"}}"#,
    r#"{"placement": "why-this", "product": {"name": "Lumo lamp"}, "context": []}"#,
    r#"{"placement": "why-this", "product": {"name": "Lumo lamp"}, "consent": true}"#,
    r#"{"placement": "why-this", "product": {"name": "Lumo lamp"}, "consent": {"personalisation": "yes"}}"#,
    r#"{"placement": "why-this", "product": {"name": "Lumo lamp"}, "consent": [true]}"#,
    r#"{"placement": "why-this", "product": {"name": "Lumo lamp"}, "accept": "jo@example.com"}"#,
    r#"{"placement": "why-this", "product": {"name": "Lumo lamp"}, "priority": "high"}"#,
    r#"{"placement": "why-this", "product": {"name": "Lumo lamp"}, "deadline": 150}"#,
];

#[tokio::test]
async fn every_malformed_request_is_told_what_to_send() {
    let upstream = Upstream::saying(COPY).await;
    let app = TestApp::start(&upstream).await;
    assert_eq!(send(&app, "/v1/blurbs", ask("Lumo lamp").to_string()).await.status, 200);
    let mut said = Vec::new();
    for body in MALFORMED {
        let answered = send(&app, "/v1/blurbs", *body).await;
        let detail = problem(&answered, 400, "urn:copyrail:malformed");
        assert!(!detail.contains("jo@example.com"), "a value that was sent is said again: {detail}");
        assert_eq!(send(&app, "/v1/explain", *body).await.body, answered.body, "{body}");
        said.push(format!("{body}\n  {detail}"));
    }
    assert_eq!(upstream.calls(), 1, "only the well-formed request asked the model");
    insta::assert_snapshot!(said.join("\n"));
}

#[tokio::test]
async fn every_malformed_check_is_told_what_to_send() {
    let upstream = Upstream::saying(COPY).await;
    let app = TestApp::start(&upstream).await;
    assert_eq!(send(&app, "/v1/check", r#"{"text": ""}"#).await.status, 200);
    let mut said = Vec::new();
    for body in [
        "{}",
        r#"["Sturdy."]"#,
        r#"{"text": 5}"#,
        r#"{"text": "Sturdy.", "facts": []}"#,
        r#"{"text": "Sturdy.", "facts": {}, "product": {"id": "1"}}"#,
        r#"{"text": "Sturdy.", "product": {"id": "1"}}"#,
        r#"{"text": "Sturdy.", "product": {"brand": "Lumo"}}"#,
        r#"{"text": "Sturdy.", "user": {}}"#,
    ] {
        let answered = send(&app, "/v1/check", body).await;
        said.push(format!("{body}\n  {}", problem(&answered, 400, "urn:copyrail:malformed")));
    }
    insta::assert_snapshot!(said.join("\n"));
}

#[tokio::test]
async fn a_body_may_have_256_kib_and_not_a_byte_more() {
    let upstream = Upstream::saying(COPY).await;
    let app = TestApp::start(&upstream).await;
    let limit = 256 * 1024;
    let body = ask("Lumo lamp").to_string();
    let padded = |length: usize| format!("{body}{}", " ".repeat(length - body.len()));
    for path in ["/v1/blurbs", "/v1/explain"] {
        assert_eq!(send(&app, path, padded(limit)).await.status, 200);
        for length in [limit + 1, 8 * limit] {
            let detail = problem(&send(&app, path, padded(length)).await, 413, "urn:copyrail:too-large");
            assert_eq!(
                detail,
                "A body holds at most 256 KiB; send fewer facts, or name a product of the catalogue."
            );
        }
    }
    let check = json!({"text": "x".repeat(limit)}).to_string();
    problem(&send(&app, "/v1/check", check).await, 413, "urn:copyrail:too-large");
    // A body that nobody may send is not even read.
    let unkeyed = app.client().post(app.url("/v1/blurbs")).body(padded(limit + 1));
    problem(&app.send(unkeyed).await, 401, "urn:copyrail:no-key");
}

#[tokio::test]
async fn a_body_may_nest_127_levels_and_not_one_more() {
    let upstream = Upstream::saying(COPY).await;
    let app = TestApp::start(&upstream).await;
    let body = |lists: usize| {
        let (open, close) = ("[".repeat(lists), "]".repeat(lists));
        format!(r#"{{"placement": "why-this", "product": {{"name": "Lumo lamp", "deep": {open}{close}}}}}"#)
    };
    assert_eq!(send(&app, "/v1/blurbs", body(125)).await.status, 200);
    for lists in [126, 1_000, 100_000] {
        for path in ["/v1/blurbs", "/v1/explain"] {
            let detail = problem(&send(&app, path, body(lists)).await, 400, "urn:copyrail:malformed");
            assert!(detail.contains("it nests deeper than 127 levels; send flatter facts"), "{detail}");
        }
    }
    let check = body(126).replace(r#""placement": "why-this""#, r#""text": "A lamp.""#);
    problem(&send(&app, "/v1/check", check).await, 400, "urn:copyrail:malformed");
}

#[tokio::test]
async fn an_unknown_placement_is_a_problem_of_its_own() {
    let upstream = Upstream::saying(COPY).await;
    let app = TestApp::start(&upstream).await;
    for path in ["/v1/blurbs", "/v1/explain"] {
        for (placement, shown) in [("why-that", "why-that"), ("", ""), ("a\u{1b}[31mb\n", "a[31mb")] {
            let body = json!({"placement": placement, "product": {"name": "Lumo lamp"}});
            let detail = problem(&app.post(path, body).await, 404, "urn:copyrail:no-such-placement");
            assert_eq!(
                detail,
                format!("No placement `{shown}`; placements are the folders of the prompts directory.")
            );
        }
        let long = json!({"placement": "p".repeat(10_000), "product": {"name": "Lumo lamp"}});
        let detail = problem(&app.post(path, long).await, 404, "urn:copyrail:no-such-placement");
        assert!(detail.len() < 200, "{detail}");
    }
    assert_eq!(upstream.calls(), 0);
}

#[tokio::test]
async fn other_methods_and_addresses_are_problems_too() {
    let upstream = Upstream::saying(COPY).await;
    let app = TestApp::start(&upstream).await;
    for (method, path, allow) in [
        (Method::GET, "/v1/blurbs", "POST"),
        (Method::PUT, "/v1/explain", "POST"),
        (Method::DELETE, "/v1/check", "POST"),
        (Method::POST, "/v1/generations", "GET,HEAD"),
        (Method::PATCH, "/v1/policy", "GET,HEAD"),
        (Method::POST, "/healthz", "GET,HEAD"),
    ] {
        let request = app.client().request(method, app.url(path)).bearer_auth(app.key("admin"));
        let answered = app.send(request).await;
        problem(&answered, 405, "urn:copyrail:no-such-method");
        assert_eq!(answered.headers["allow"], allow, "{path}");
    }
    for path in ["/", "/v1", "/v1/blurb", "/v1/blurbs/", "/v2/blurbs", "/v1/blurbs/../policy%00", "/metrics"]
    {
        problem(&app.get(path, "admin").await, 404, "urn:copyrail:no-such-route");
    }
}

#[tokio::test]
async fn health_needs_no_key_and_names_what_is_degraded() {
    let upstream = Upstream::saying(COPY).await;
    let app = TestApp::start(&upstream).await;
    let look = async |path: &str| app.send(app.client().get(app.url(path))).await;
    assert_eq!(look("/healthz").await.body, json!({"status": "live"}));
    assert_eq!(look("/readyz").await.body, json!({"status": "ready", "degraded": []}));
    app.edit("guardrails/brand.yml", "rules: nothing").await;
    let ready = look("/readyz").await;
    assert_eq!((ready.status, &ready.body["status"]), (200, &json!("degraded")), "{}", ready.body);
    assert_eq!(ready.body["degraded"][0]["part"], "policy");
    let detail = ready.body["degraded"][0]["detail"].as_str().unwrap();
    assert!(detail.starts_with("an edit of the guardrails is refused since "), "{detail}");
    let unwritten = TestApp::try_start(&[], &[], copyrail::app::wall_clock()).await.unwrap();
    let ready = unwritten.send(unwritten.client().get(unwritten.url("/readyz"))).await;
    assert_eq!((ready.status, &ready.body["degraded"][0]["part"]), (200, &json!("llm")));
}

/// Asks with headers, and returns what the answer carries under a name.
async fn carried(app: &TestApp, path: &str, sent: &[(&str, &str)], name: &str) -> Option<String> {
    let mut request = app.client().post(app.url(path)).bearer_auth(app.key("serve")).json(&ask("Lumo lamp"));
    for (name, value) in sent {
        request = request.header(*name, *value);
    }
    let headers = app.send(request).await.headers;
    headers.get(name).map(|value| value.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn answers_carry_an_id_their_trace_and_their_time() {
    let upstream = Upstream::saying(COPY).await;
    let app = TestApp::start(&upstream).await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    // Problems carry them as well as blurbs.
    for path in ["/v1/blurbs", "/v1/policy", "/v1/nothing"] {
        let id = carried(&app, path, &[("x-request-id", "page-17/a")], "x-request-id").await;
        assert_eq!(id.as_deref(), Some("page-17/a"));
        let made = carried(&app, path, &[], "x-request-id").await.unwrap();
        assert!(made.len() == 32 && made.bytes().all(|b| b.is_ascii_hexdigit()), "{made}");
        assert_ne!(carried(&app, path, &[], "x-request-id").await.unwrap(), made);
        let echoed = carried(&app, path, &[("traceparent", trace)], "traceparent").await;
        assert_eq!(echoed.as_deref(), Some(trace));
        assert_eq!(carried(&app, path, &[], "traceparent").await, None);
        let timing = carried(&app, path, &[], "server-timing").await.unwrap();
        let took = timing.strip_prefix("app;dur=").and_then(|took| took.parse::<f64>().ok());
        assert!(took.is_some(), "{timing}");
    }
    for garbled in ["", "two words", &"x".repeat(129)] {
        let made = carried(&app, "/v1/blurbs", &[("x-request-id", garbled)], "x-request-id").await.unwrap();
        assert_eq!(made.len(), 32, "{garbled}");
    }
    for garbled in [
        "",
        "00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01",
        "00-xbf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ] {
        let echoed = carried(&app, "/v1/blurbs", &[("traceparent", garbled)], "traceparent").await;
        assert_eq!(echoed, None, "{garbled}");
    }
}

#[tokio::test]
async fn the_trace_of_a_request_stands_in_its_generation() {
    let upstream = Upstream::saying(COPY).await;
    let app = TestApp::start(&upstream).await;
    let trace = ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    carried(&app, "/v1/blurbs", &[trace], "traceparent").await.unwrap();
    let generations: Vec<Value> = app.generations().await;
    assert_eq!(generations[0]["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
}

#[tokio::test]
async fn texts_beyond_those_that_may_wait_to_be_checked_are_told_to_come_again() {
    let upstream = Upstream::saying(COPY).await;
    let app = TestApp::start(&upstream).await;
    let check = json!({"text": "Sturdy."}).to_string();
    let places: Vec<_> = std::iter::from_fn(|| app.app().shared.judging.enter()).collect();
    let answered = send(&app, "/v1/check", check.clone()).await;
    problem(&answered, 503, "urn:copyrail:overloaded");
    assert_eq!(answered.headers["retry-after"], "1");
    assert_eq!(send(&app, "/v1/blurbs", ask("Lumo lamp").to_string()).await.status, 200);
    drop(places);
    assert_eq!(send(&app, "/v1/check", check).await.status, 200);
}
