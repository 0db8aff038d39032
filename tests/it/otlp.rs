//! Spans reach a collector, as parts of the traces that callers named, and say nothing of people or copy.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use serde_json::json;

use crate::support::{Serving, Upstream, copyrail, shop};

type Received = Arc<Mutex<Vec<u8>>>;

/// A collector that keeps what it is sent, end to end.
async fn collector() -> (String, Received) {
    async fn traces(State(received): State<Received>, headers: HeaderMap, body: Bytes) {
        assert_eq!(headers["content-type"], "application/x-protobuf");
        received.lock().unwrap().extend_from_slice(&body);
    }
    let received = Received::default();
    let router = Router::new().route("/v1/traces", post(traces)).with_state(Arc::clone(&received));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (format!("http://{address}"), received)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_gets_the_spans_of_a_callers_trace() {
    const MARK: &str = "zqx7";
    const TEXT: &str = "A handy companion for the evening.";
    let upstream = Upstream::saying(TEXT).await;
    let (endpoint, received) = collector().await;
    let folder = shop();
    let made = copyrail(folder.path(), &["keys", "new", "--role", "serve"], &[], "");
    assert_eq!(made.code, Some(0), "{}", made.err);
    let base = upstream.base_url();
    let variables = [
        ("OPENAI_BASE_URL", base.as_str()),
        ("OPENAI_MODEL", "scripted"),
        ("COPYRAIL__TELEMETRY__OTLP", &endpoint),
    ];
    let mut serving = Serving::start(folder.path(), &variables);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client
        .post(format!("http://{}/v1/blurbs", serving.address))
        .bearer_auth(made.out.trim())
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .json(&json!({
            "placement": "why-this",
            "product": {"name": format!("Lamp {MARK}")},
            "user": {"id": MARK, "attributes": {"orders_90d": MARK}},
            "consent": {"personalisation": true},
            "deadline_ms": 30_000,
        }));
    assert_eq!(request.send().await.unwrap().status(), 200);
    // The last spans are sent before it ends.
    let code = tokio::task::spawn_blocking(move || serving.terminate()).await.unwrap();
    assert_eq!(code, Some(0));
    let received = received.lock().unwrap();
    let has = |part: &[u8]| received.windows(part.len()).any(|window| window == part);
    let trace = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes();
    let parent = 0xb7ad_6b71_6920_3331_u64.to_be_bytes();
    assert!(has(&trace) && has(&parent), "they are part of the caller's trace");
    for name in [
        "POST /v1/blurbs",
        "blurb",
        "generate",
        "chat scripted",
        "guardrails",
        "record",
        "gen_ai.operation.name",
        "gen_ai.provider.name",
        "gen_ai.request.model",
        "gen_ai.response.model",
        "gen_ai.response.finish_reasons",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens",
        "server.address",
        "server.port",
    ] {
        assert!(has(name.as_bytes()), "no span says {name}");
    }
    // A list of one word: an attribute value (5) that holds an array with a text in it.
    assert!(has(b"\x2a\x08\x0a\x06\x0a\x04stop"), "the finish reasons are a list");
    for secret in [MARK, TEXT, made.out.trim()] {
        assert!(!has(secret.as_bytes()), "a span says {secret}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_not_there_keeps_nobody_waiting() {
    let folder = shop();
    let mut serving = Serving::start(folder.path(), &[("COPYRAIL__TELEMETRY__OTLP", "http://127.0.0.1:1")]);
    let url = format!("http://{}/healthz", serving.address);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    assert_eq!(client.get(url).send().await.unwrap().status(), 200);
    let code = tokio::task::spawn_blocking(move || serving.terminate()).await.unwrap();
    assert_eq!(code, Some(0));
}
