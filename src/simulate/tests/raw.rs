//! Each fault as the bytes that a client reads.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

/// What came over the connection.
struct Read {
    status: u16,
    /// The lines of the head, in small letters.
    head: String,
    body: Vec<u8>,
    /// How many reads brought the body; a piece is never more than one.
    reads: usize,
    /// Whether all that the head announces came.
    whole: bool,
}

impl Read {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    fn content(&self) -> Value {
        self.json()["choices"][0]["message"]["content"].take()
    }

    fn length(&self) -> Option<usize> {
        self.head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
    }
}

/// Sends one request; nothing is read of the answer.
async fn sent(simulator: &Simulator, path: &str, body: &Value) -> TcpStream {
    let mut stream = TcpStream::connect(simulator.address).await.unwrap();
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await.unwrap();
    stream
}

/// What those bytes are so far; `None` until the head is whole.
fn parsed(bytes: &[u8], reads: usize) -> Option<Read> {
    let at = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..at].to_vec()).unwrap().to_lowercase();
    let (status, body) = (head.get(9..12).unwrap().parse().unwrap(), bytes[at + 4..].to_vec());
    let mut read = Read { status, head, body, reads, whole: true };
    read.whole = match read.length() {
        Some(length) => read.body.len() == length,
        None => read.body.ends_with(b"\r\n0\r\n\r\n"),
    };
    Some(read)
}

/// Reads until the connection ends.
async fn read(mut stream: TcpStream) -> Option<Read> {
    let (mut bytes, mut reads) = (Vec::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        bytes.extend_from_slice(&buffer[..read]);
        reads += 1;
    }
    parsed(&bytes, reads)
}

async fn after(action: &str) -> Option<Read> {
    let simulator = simulator(&format!(r#"[{{"do": {action}}}]"#)).await;
    let stream = sent(&simulator, "/v1/chat/completions", &request(HOODIE)).await;
    read(stream).await
}

/// A whole answer that says it is simulated.
async fn whole(action: &str) -> Read {
    let read = after(action).await.unwrap_or_else(|| panic!("{action}: no answer"));
    assert!(read.whole, "{action}");
    assert!(read.head.contains("x-simulated: true"), "{action}: {}", read.head);
    read
}

async fn copy() -> String {
    whole("{\"delay_ms\": 1}").await.content().as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_head_is_what_the_script_says() {
    let odd = whole(
        r#"{"status": 206, "finish_reason": "stop", "content_type": "text/plain", "headers": {"x-a": "b"}}"#,
    )
    .await;
    assert_eq!((odd.status, odd.content().as_str()), (206, Some(&*copy().await)));
    assert!(odd.head.contains("content-type: text/plain") && odd.head.contains("x-a: b"), "{}", odd.head);
    assert_eq!(odd.head.matches("content-type").count(), 1);
    let away = whole(r#"{"status": 307, "headers": {"location": "http://elsewhere.invalid/"}}"#).await;
    assert!(away.status == 307 && away.head.contains("location: http://elsewhere.invalid/"), "{}", away.head);
}

#[tokio::test]
async fn errors_have_any_code_and_status() {
    let read =
        whole(r#"{"error": "rate_limit_exceeded", "status": 429, "headers": {"retry-after-ms": "250"}}"#)
            .await;
    assert_eq!((read.status, &read.json()["error"]["code"]), (429, &json!("rate_limit_exceeded")));
    assert!(read.head.contains("retry-after-ms: 250"));
    let read = whole(r#"{"error": "insufficient_quota", "status": 200}"#).await;
    assert_eq!((read.status, &read.json()["error"]["code"]), (200, &json!("insufficient_quota")));
    let read = whole(r#"{"status": 400, "set": {"/error/code": 400}}"#).await;
    assert_eq!((read.status, &read.json()["error"]["code"]), (400, &json!(400)));
    let read = whole(r#"{"garbage": true, "status": 502}"#).await;
    assert!(read.status == 502 && read.text().starts_with("<!doctype html>"));
    let read = whole(r#"{"body": "{]"}"#).await;
    assert_eq!((read.status, &*read.text()), (200, "{]"));
}

#[tokio::test]
async fn messages_are_odd_in_every_way() {
    let copy = copy().await;
    assert_eq!(whole(r#"{"blank": true}"#).await.content(), " \n ");
    assert_eq!(whole(r#"{"parts": true}"#).await.content(), json!([{"type": "text", "text": copy}]));
    assert_eq!(whole(r#"{"fenced": true}"#).await.content(), json!(format!("```\n{copy}\n```")));
    assert_eq!(whole(r#"{"think": "Hm."}"#).await.content(), json!(format!("<think>Hm.</think>\n\n{copy}")));
    let called = whole(
        r#"{"finish_reason": "tool_calls", "set": {"/choices/0/message/tool_calls": [{"id": "call_1"}]}}"#,
    )
    .await
    .json();
    assert_eq!(called["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(called["choices"][0]["message"]["tool_calls"][0]["id"], "call_1");
}

#[tokio::test]
async fn places_in_the_answer_are_set_and_dropped() {
    let read = whole(r#"{"set": {"/choices/0/message/content": null, "/usage/prompt_tokens": -1, "/a/b~1c": 1}, "drop": ["/model", "/usage/total_tokens", "/nowhere/x"]}"#).await;
    let body = read.json();
    assert_eq!(body["choices"][0]["message"]["content"], Value::Null);
    assert_eq!((&body["usage"]["prompt_tokens"], &body["a"]["b/c"]), (&json!(-1), &json!(1)));
    assert!(body.get("model").is_none() && body["usage"].get("total_tokens").is_none());
    assert_eq!(whole(r#"{"drop": ["/choices/0"]}"#).await.json()["choices"], json!([]));
}

#[tokio::test]
async fn azures_filter_has_three_ways() {
    let prompt = whole(r#"{"content_filter": "prompt"}"#).await;
    assert_eq!((prompt.status, &prompt.json()["error"]["code"]), (400, &json!("content_filter")));
    let answer = whole(r#"{"content_filter": "answer"}"#).await.json();
    assert_eq!(
        (&answer["choices"][0]["finish_reason"], &answer["choices"][0]["message"]["content"]),
        (&json!("content_filter"), &Value::Null)
    );
    let error = whole(r#"{"content_filter": "error"}"#).await.json();
    assert_eq!(error["choices"][0]["finish_reason"], "stop");
    assert_eq!(error["choices"][0]["content_filter_results"]["error"]["code"], "content_filter_error");
}

#[tokio::test]
async fn structured_output_can_stand_in_a_fence() {
    let simulator = simulator(r#"[{"do": {"fenced": true}}]"#).await;
    let mut structured = request(HOODIE);
    structured["response_format"] = json!({"type": "json_object"});
    let read = read(sent(&simulator, "/v1/chat/completions", &structured).await).await.unwrap();
    let content = read.content();
    let inner = content.as_str().unwrap().strip_prefix("```json\n").and_then(|c| c.strip_suffix("\n```"));
    assert!(serde_json::from_str::<Value>(inner.unwrap()).unwrap()["text"].is_string());
}

#[tokio::test]
async fn bodies_are_deep_and_big() {
    let deep = whole(r#"{"nested": 100000}"#).await.text();
    assert_eq!((deep.matches('[').count() >= 100_000, deep.matches("[\"").count()), (true, 1));
    assert!(deep.contains(&format!("{}{}", json!(copy().await), "]".repeat(100_000))));
    let big = whole(r#"{"big_body_mib": 3}"#).await;
    assert_eq!(big.length(), None, "it is sent as it is made");
    assert!(big.body.len() > 3 << 20 && big.text().contains("words words"));
}

#[tokio::test]
async fn answers_break_off() {
    let full = whole(r#"{"delay_ms": 0}"#).await;
    let length = full.length().unwrap();
    let truncated = whole(r#"{"truncate": true}"#).await;
    assert_eq!(truncated.length(), Some(length / 2));
    assert!(serde_json::from_slice::<Value>(&truncated.body).is_err());
    let cut = after(r#"{"cut": true}"#).await.unwrap();
    assert_eq!((cut.whole, cut.length(), cut.body.len()), (false, Some(length), length / 2));
    assert!(cut.head.contains("x-simulated: true"));
    assert!(after(r#"{"reset": true}"#).await.is_none());
    let dripped = whole(r#"{"drip_ms": 1}"#).await;
    assert_eq!(dripped.content(), full.content());
    assert!(dripped.reads > length / 10, "{} reads", dripped.reads);
}

#[tokio::test]
async fn half_an_answer_stays_half_until_the_end() {
    let simulator = simulator(r#"[{"do": {"stall_body": true}}]"#).await;
    let mut stream = sent(&simulator, "/v1/chat/completions", &request(HOODIE)).await;
    let mut bytes = Vec::new();
    let is_half = |read: Read| read.length().is_some_and(|length| read.body.len() == length / 2);
    while !parsed(&bytes, 0).is_some_and(is_half) {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "half of it comes");
    }
    let mut rest = tokio::spawn(async move { stream.read_buf(&mut bytes).await });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!rest.is_finished());
    simulator.stop().await;
    assert!(matches!((&mut rest).await.unwrap(), Ok(0) | Err(_)), "nothing more comes");
}

#[tokio::test]
async fn steps_choose_by_model_path_numbers_and_share() {
    let script = r#"[
        {"when": {"path": "moderations"}, "do": {"status": 501}},
        {"when": {"model": "other"}, "do": {"status": 502}},
        {"when": {"from": 4, "to": 5}, "do": {"status": 503}}
    ]"#;
    let simulator = simulator(script).await;
    let status =
        async |path: &str, body: Value| read(sent(&simulator, path, &body).await).await.unwrap().status;
    let completions = "/v1/chat/completions";
    assert_eq!(status("/v1/moderations", json!({"input": "x"})).await, 501);
    let mut other = request("x");
    other["model"] = json!("other");
    assert_eq!(status(completions, other).await, 502);
    let mut rest = Vec::new();
    for _ in 3..=6 {
        rest.push(status(completions, request("x")).await);
    }
    assert_eq!(rest, [200, 503, 503, 200]);
}

#[test]
fn a_share_is_that_part_and_the_same_each_time() {
    let script = r#"[{"when": {"share": 0.1}, "do": {"status": 500}}, {"when": {"share": 0.5}, "do": {"status": 501}}]"#;
    let chosen = |seed: u64| {
        let script = Script::parse(script).unwrap();
        let of = |number| {
            let call = script::Call { number, path: script::Path::Completions, model: "", texts: &[] };
            script.next(seed, &call).status.map(|status| status.as_u16())
        };
        (1..=10_000).map(of).collect::<Vec<_>>()
    };
    let count = |status: Option<u16>| chosen(7).iter().filter(|found| **found == status).count();
    assert!((900..1_100).contains(&count(Some(500))), "{}", count(Some(500)));
    // Half of those that are left, not of all.
    assert!((4_300..4_700).contains(&count(Some(501))), "{}", count(Some(501)));
    assert_eq!(chosen(7), chosen(7));
    assert_ne!(chosen(7), chosen(8));
}

#[test]
fn delays_lie_where_the_script_says() {
    let delay = action::Delay::Between(200, 900);
    let within = (1..=10_000).filter(|call| (200..=900).contains(&delay.of(7, *call).as_millis())).count();
    assert!((8_900..9_100).contains(&within), "{within}");
    assert_eq!(delay.of(7, 1), delay.of(7, 1));
    assert_eq!(action::Delay::Always(5).of(7, 1).as_millis(), 5);
}
