//! Whatever an upstream does, a page is answered with approved copy, the log says what happened, and nothing of it is
//! shown or kept: one row for each fault.

mod raw;
mod run;
mod tls;

use copyrail::simulate::{self, Script};
use serde_json::{Value, json};

use crate::support::{ask, eventually};
use run::{MARK, blocked, check, fails, house, served, simulator};

/// Few retries, and a breaker that never opens: faults of one product must not be told by those of another.
const PATIENT: &str = "retries = 1\nbreaker = {failures = 10000, open_for = \"1s\"}\ntimeout = \"30s\"";

#[tokio::test]
async fn answers_that_are_turned_away() {
    let html = r#""body": "<html>zibeline</html>", "content_type": "text/html""#;
    check(
        PATIENT,
        &[
            fails("500", r#"{"status": 500, "set": {"/error/message": "zibeline"}}"#, 2, "server"),
            fails("500 without a body", r#"{"status": 500, "body": ""}"#, 2, "server"),
            fails("502 with HTML", &format!(r#"{{"status": 502, {html}}}"#), 2, "server"),
            fails("503", r#"{"status": 503, "headers": {"retry-after": "0"}}"#, 2, "server"),
            fails("529", r#"{"status": 529}"#, 2, "server"),
            fails("408", r#"{"status": 408}"#, 2, ""),
            fails("409", r#"{"status": 409}"#, 2, ""),
            fails("429", r#"{"error": "rate_limit_exceeded", "status": 429}"#, 2, "rate_limited"),
            fails("slow down", r#"{"error": "slow_down", "status": 429}"#, 2, "rate_limited"),
            fails("odd wait", r#"{"status": 429, "headers": {"retry-after": "soon"}}"#, 2, "rate_limited"),
            served(
                "429, wait in ms",
                r#"{"status": 429, "headers": {"retry-after-ms": "1"}}"#,
                2,
                "rate_limited",
            ),
            served("429, no wait", r#"{"status": 429, "headers": {"retry-after": "0"}}"#, 2, "rate_limited"),
            served(
                "429, wait until a date",
                r#"{"status": 429, "headers": {"retry-after": "Sun, 06 Nov 1994 08:49:37 GMT"}}"#,
                2,
                "rate_limited",
            ),
            served("503, then copy", r#"{"status": 503}"#, 2, "server"),
            fails("400", r#"{"status": 400, "set": {"/error/message": "zibeline"}}"#, 1, "rejected"),
            fails("a number for a code", r#"{"status": 400, "set": {"/error/code": 400}}"#, 1, "rejected"),
            fails("an error of one word", r#"{"status": 400, "set": {"/error": "zibeline"}}"#, 1, "rejected"),
            fails("401", r#"{"error": "invalid_api_key", "status": 401}"#, 1, "rejected"),
            fails(
                "the key said back",
                r#"{"status": 401, "set": {"/error/message": "no such key: sk-quillon-pellucid"}}"#,
                1,
                "rejected",
            ),
            fails("403", r#"{"status": 403}"#, 1, "rejected"),
            fails("404", r#"{"error": "model_not_found", "status": 404}"#, 1, "rejected"),
            fails("413", r#"{"status": 413}"#, 1, "rejected"),
            fails("422", r#"{"status": 422, "set": {"/detail": [{"msg": "zibeline"}]}}"#, 1, "rejected"),
            fails(
                "307",
                r#"{"status": 307, "headers": {"location": "http://127.0.0.1:9/v1/chat/completions"}}"#,
                1,
                "redirect",
            ),
            fails(
                "302 to itself",
                r#"{"status": 302, "headers": {"location": "/v1/models"}}"#,
                1,
                "redirect",
            ),
            served("201 with copy", r#"{"status": 201, "finish_reason": "stop"}"#, 1, ""),
            fails("204", r#"{"status": 204, "body": ""}"#, 1, ""),
        ],
    )
    .await;
}

#[tokio::test]
async fn answers_of_no_use() {
    check(
        PATIENT,
        &[
            fails("HTML with 200", r#"{"body": "<!doctype html>zibeline", "content_type": "text/html"}"#, 1, "garbage"),
            fails("nothing with 200", r#"{"body": ""}"#, 1, "garbage"),
            fails("half of the JSON", r#"{"truncate": true, "text": "zibeline"}"#, 1, "garbage"),
            fails("a list", r#"{"body": "[\"zibeline\"]"}"#, 1, "garbage"),
            fails("null", r#"{"body": "null"}"#, 1, "garbage"),
            fails("a stream nobody asked for", r#"{"body": "data: {\"choices\": [{\"delta\": {\"content\": \"zibeline\"}}]}\n\ndata: [DONE]\n\n"}"#, 1, "garbage"),
            fails("deep nesting", r#"{"nested": 100000, "text": "zibeline"}"#, 1, "garbage"),
            fails("40 MiB", r#"{"big_body_mib": 40}"#, 1, "too_large"),
            fails("no choices", r#"{"drop": ["/choices"]}"#, 1, "garbage"),
            fails("empty choices", r#"{"set": {"/choices": []}}"#, 1, "garbage"),
            fails("choices of another shape", r#"{"set": {"/choices": {"message": {"content": "zibeline"}}}}"#, 1, "garbage"),
            fails("no message", r#"{"drop": ["/choices/0/message"]}"#, 1, "garbage"),
            fails("a message of another shape", r#"{"set": {"/choices/0/message": "zibeline"}}"#, 1, "garbage"),
            fails("an error with 200", r#"{"error": "server_error", "status": 200, "set": {"/error/message": "zibeline"}}"#, 2, "server"),
            fails("length", r#"{"finish_reason": "length", "text": "zibeline zibeline"}"#, 1, "unfinished"),
            fails("tool calls", r#"{"finish_reason": "tool_calls", "set": {"/choices/0/message/tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "zibeline", "arguments": "{}"}}]}}"#, 1, "unfinished"),
            fails("function call", r#"{"finish_reason": "function_call"}"#, 1, "unfinished"),
            fails("content filter", r#"{"finish_reason": "content_filter", "text": "zibeline"}"#, 1, "filtered"),
            fails("a reason nobody knows", r#"{"finish_reason": "zibeline"}"#, 1, "unfinished"),
            fails("no reason", r#"{"drop": ["/choices/0/finish_reason"]}"#, 1, "unfinished"),
            fails("null for a reason", r#"{"set": {"/choices/0/finish_reason": null}}"#, 1, "unfinished"),
            fails("refusal", r#"{"refusal": "I cannot write of zibeline."}"#, 1, "refused"),
            fails("refusal with a text", r#"{"set": {"/choices/0/message/refusal": "zibeline"}}"#, 1, "refused"),
            fails("a refusal in another form", r#"{"set": {"/choices/0/message/refusal": {"why": "zibeline"}}}"#, 1, "refused"),
            fails("what nobody sees", r#"{"text": "\u200b \ufeff"}"#, 1, "empty"),
            fails("an object for a text", r#"{"text": "{'text': 'zibeline'}"}"#, 1, "wrong_form"),
            fails("empty", r#"{"empty": true}"#, 1, "empty"),
            fails("blank", r#"{"blank": true}"#, 1, "empty"),
            fails("null", r#"{"set": {"/choices/0/message/content": null}}"#, 1, "empty"),
            fails("a number for a text", r#"{"set": {"/choices/0/message/content": 7}}"#, 1, ""),
            fails("thoughts without an end", r#"{"text": "<think>The user wants zibeline."}"#, 1, "wrong_form"),
            fails("thoughts alone", r#"{"text": "<think>The user wants zibeline.</think>"}"#, 1, ""),
        ],
    )
    .await;
}

#[tokio::test]
async fn connections_that_break() {
    check(
        PATIENT,
        &[
            fails("reset", r#"{"reset": true}"#, 2, "broken"),
            fails("cut", r#"{"cut": true, "text": "zibeline"}"#, 2, "broken"),
            served("cut, then copy", r#"{"cut": true, "text": "zibeline"}"#, 2, "broken"),
        ],
    )
    .await;
}

#[tokio::test]
async fn bytes_that_are_no_http() {
    let said = |name, bytes: &str| fails(name, "{}", 2, "broken").saying(bytes);
    let long = format!("HTTP/1.1 200 OK\r\nx-zibeline: {}\r\n\r\n", "a".repeat(1 << 20));
    let not_utf8 =
        [&b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\n"[..], &[0xff; 4]].concat();
    check(
        PATIENT,
        &[
            said("no word", ""),
            said("another protocol", "SSH-2.0-zibeline\r\n"),
            said("half a head", "HTTP/1.1 200 OK\r\ncontent-le"),
            said("a head of a mebibyte", &long),
            said("less than is announced", "HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"zibeline\": "),
            said("a broken chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzibeline\r\n"),
            said("two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}"),
            fails("no text at all", "{}", 1, "garbage").saying(not_utf8),
            fails("packed bytes", "{}", 1, "garbage").saying(
                "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\nconnection: close\r\n\r\n\u{1f}zi",
            ),
            served("an old protocol", "{}", 1, "").saying(
                String::from_utf8(raw::completion("A handy companion for the evening."))
                    .unwrap()
                    .replace("HTTP/1.1", "HTTP/1.0"),
            ),
            served("go on, go on", "{}", 1, "").saying(
                [b"HTTP/1.1 100 Continue\r\n\r\n".repeat(3), raw::completion("A handy companion for the evening.")]
                    .concat(),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn texts_that_do_not_pass() {
    check(
        PATIENT,
        &[
            blocked("markup", r#"{"text": "<b>A zibeline lamp</b> for the evening."}"#, 2),
            blocked("a figure from nowhere", r#"{"text": "A zibeline lamp with 37 settings."}"#, 1),
            blocked("another language", r#"{"text": "Eine schöne Lampe für den Abend, mit der man zibeline lesen kann, wenn es draußen schon dunkel ist."}"#, 2),
            blocked("too long", &format!(r#"{{"text": "{}"}}"#, "A zibeline lamp for the evening. ".repeat(15)), 2),
            blocked("hidden characters", r#"{"text": "A zibe\u200bline\u202e lamp for the evening."}"#, 2),
            fails("the key as a text", r#"{"text": "A lamp called sk-quillon-pellucid for the evening."}"#, 1, "wrong_form"),
        ],
    )
    .await;
}

#[tokio::test]
async fn odd_answers_that_are_copy() {
    check(
        PATIENT,
        &[
            served("another content type", r#"{"content_type": "text/plain"}"#, 1, ""),
            served("a list of parts", r#"{"parts": true}"#, 1, ""),
            served("thoughts before it", r#"{"think": "They want zibeline."}"#, 1, ""),
            served("no usage", r#"{"drop": ["/usage"]}"#, 1, ""),
            served(
                "negative usage",
                r#"{"set": {"/usage": {"prompt_tokens": -5, "completion_tokens": -7}}}"#,
                1,
                "",
            ),
            served(
                "huge usage",
                r#"{"set": {"/usage": {"prompt_tokens": 18446744073709551615, "completion_tokens": 1e300}}}"#,
                1,
                "",
            ),
            served("usage of another shape", r#"{"set": {"/usage": "zibeline"}}"#, 1, ""),
            served("no refusal", r#"{"drop": ["/choices/0/message/refusal"]}"#, 1, ""),
            served(
                "a model of another name",
                r#"{"set": {"/model": 7}, "drop": ["/id", "/object", "/created"]}"#,
                1,
                "",
            ),
            served("byte by byte", r#"{"drip_ms": 1}"#, 1, ""),
        ],
    )
    .await;
}

#[tokio::test]
async fn answers_that_do_not_end() {
    let impatient = PATIENT.replace("30s", "1s");
    check(
        &impatient,
        &[
            fails("a stall", r#"{"stall": true}"#, 1, "timeout"),
            fails("a stall in the body", r#"{"stall_body": true, "text": "zibeline"}"#, 1, "timeout"),
            fails("a drip", r#"{"drip_ms": 50, "text": "zibeline"}"#, 1, "timeout"),
            fails("ten minutes", r#"{"delay_ms": 600000}"#, 1, "timeout"),
            fails("a stall nobody waits for", r#"{"stall": true}"#, 1, "timeout").late(),
        ],
    )
    .await;
    // A head that does not come is not waited for as long as a body.
    let first_byte = format!("{PATIENT}\nfirst_byte_timeout = \"1s\"");
    check(&first_byte, &[fails("no first byte", r#"{"stall": true}"#, 1, "timeout")]).await;
}

#[tokio::test]
async fn answers_that_come_later_than_the_page_waits() {
    check(
        PATIENT,
        &[
            served("late copy", r#"{"delay_ms": 1500}"#, 1, "").late(),
            served("copy byte by byte", r#"{"drip_ms": 3}"#, 1, "").late(),
            fails("a late error", r#"{"delay_ms": 700, "status": 500}"#, 2, "server").late(),
            blocked(
                "a late text that does not pass",
                r#"{"delay_ms": 700, "text": "A zibeline lamp with 37 settings."}"#,
                1,
            )
            .late(),
        ],
    )
    .await;
}

#[tokio::test]
async fn structured_output_of_another_form() {
    for output in ["json_schema", "json_object"] {
        check(
            &format!("{PATIENT}\noutput = \"{output}\""),
            &[
                served("in a fence", r#"{"fenced": true}"#, 1, ""),
                served("after thoughts", r#"{"think": "{zibeline}"}"#, 1, ""),
                fails("no JSON", r#"{"set": {"/choices/0/message/content": "A zibeline lamp."}}"#, 1, "wrong_form"),
                fails("another key", r#"{"set": {"/choices/0/message/content": "{\"copy\": \"zibeline\"}"}}"#, 1, "wrong_form"),
                fails("one key more", r#"{"set": {"/choices/0/message/content": "{\"text\": \"A lamp.\", \"note\": \"zibeline\"}"}}"#, 1, "wrong_form"),
                fails("a number", r#"{"set": {"/choices/0/message/content": "{\"text\": 7}"}}"#, 1, "wrong_form"),
                fails("half of it", r#"{"finish_reason": "length", "text": "zibeline zibeline"}"#, 1, "unfinished"),
                fails("an empty one", r#"{"text": " "}"#, 1, "empty"),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn azures_own_faults() {
    check(
        &format!("{PATIENT}\nkind = \"azure\""),
        &[
            fails("a filtered prompt", r#"{"content_filter": "prompt"}"#, 1, "filtered"),
            fails("a filtered answer", r#"{"content_filter": "answer"}"#, 1, "filtered"),
            fails("a filter that did not run", r#"{"content_filter": "error", "append": "zibeline"}"#, 1, "filtered"),
            served("limits of no sense", r#"{"headers": {"x-ratelimit-remaining-requests": "-1", "x-ratelimit-reset-requests": "6m0s"}, "text": "A handy companion for the evening."}"#, 1, ""),
            fails("no such deployment", r#"{"error": "DeploymentNotFound", "status": 404}"#, 1, "rejected"),
        ],
    )
    .await;
}

#[track_caller]
fn check_fallback(answer: &Value, reason: &str) {
    assert_eq!((&answer["source"], &answer["reason"]), (&json!("prewritten"), &json!(reason)), "{answer}");
    assert!(!answer.to_string().contains(MARK), "{answer}");
}

/// Nobody answers at that address.
async fn check_unreachable(base_url: &str) {
    let house = house(base_url, PATIENT).await;
    check_fallback(&house.app.blurb(ask("Balumo lamp")).await, "upstream");
    let [record] = &house.app.generations().await[..] else { panic!("there is one record") };
    assert_eq!(record["outcome"], "failed");
    let attempts = record["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 2, "{record}");
    assert!(attempts.iter().all(|attempt| attempt["fault"] == "connect"), "{record}");
}

#[tokio::test]
async fn upstreams_that_are_not_there() {
    check_unreachable("http://nobody.invalid/v1").await;
    let no_tls = simulator(&json!([])).await;
    check_unreachable(&format!("https://{}/v1", no_tls.address)).await;
    assert_eq!(no_tls.calls(), 0);
}

#[tokio::test]
async fn an_upstream_that_nobody_vouches_for() {
    let untrusted = tls::Untrusted::start();
    let url = format!("https://{}/v1", untrusted.address);
    check_unreachable(&url).await;
    assert_eq!(untrusted.asked(), 0, "it is told nothing");
    // Whoever does trust it is answered.
    let certificate = reqwest::Certificate::from_der(tls::CERTIFICATE).unwrap();
    let trusting = reqwest::Client::builder().no_proxy().tls_certs_only([certificate]).build().unwrap();
    let answer = trusting.post(url).body("{}").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), untrusted.asked()), (200, 1));
}

#[tokio::test]
async fn an_upstream_that_refuses_connections_and_comes_back() {
    // Somebody had the port a moment ago, and nobody has it now.
    let address = simulator(&json!([])).await.address;
    let base_url = format!("http://{address}/v1");
    check_unreachable(&base_url).await;
    let house = house(&base_url, PATIENT).await;
    check_fallback(&house.app.blurb(ask("Balumo lamp")).await, "upstream");
    let _back = simulate::start(address, Script::empty(), 1).await.unwrap();
    assert_eq!(house.app.blurb(ask("Balumo lamp")).await["source"], "generated");
}

/// One such answer, and the provider is left alone: no page waits for it, nothing is recorded of what is not asked.
async fn check_left_alone(does: &str, kind: &str) {
    let does: Value = serde_json::from_str(does).unwrap();
    let simulator = simulator(&json!([{"times": 1, "do": does}])).await;
    let house = house(&simulator.base_url(), PATIENT).await;
    check_fallback(&house.app.blurb(ask("Balumo lamp")).await, "upstream");
    for product in ["Balumo lamp", "Dalumo lamp"] {
        check_fallback(&house.app.blurb(ask(product)).await, "breaker_open");
    }
    assert_eq!(simulator.calls(), 1);
    let [record] = &house.app.generations().await[..] else { panic!("there is one record") };
    assert_eq!((&record["outcome"], &record["attempts"][0]["fault"]), (&json!("failed"), &json!(kind)));
}

#[tokio::test]
async fn an_account_without_money_is_not_asked_again_at_once() {
    check_left_alone(r#"{"quota": true}"#, "quota").await;
    check_left_alone(r#"{"error": "billing_hard_limit_reached", "status": 400}"#, "quota").await;
    let said = r#"{"error": "insufficient_quota", "status": 200, "set": {"/error/message": "zibeline"}}"#;
    check_left_alone(said, "quota").await;
}

#[tokio::test]
async fn a_provider_that_asks_for_a_long_wait_is_not_asked_again_at_once() {
    let long = r#"{"error": "rate_limit_exceeded", "status": 429, "headers": {"retry-after": "900"}}"#;
    check_left_alone(long, "rate_limited").await;
}

#[tokio::test]
async fn a_provider_that_fails_again_and_again_is_left_alone_until_it_is_tried() {
    let simulator = simulator(&json!([{"times": 2, "do": {"status": 500}}])).await;
    let house =
        house(&simulator.base_url(), "retries = 0\nbreaker = {failures = 2, open_for = \"3s\"}").await;
    for product in ["Balumo lamp", "Dalumo lamp"] {
        check_fallback(&house.app.blurb(ask(product)).await, "upstream");
    }
    check_fallback(&house.app.blurb(ask("Falumo lamp")).await, "breaker_open");
    assert_eq!((simulator.calls(), house.app.generations().await.len()), (2, 2));
    eventually("it is tried again", || async {
        house.app.blurb(ask("Falumo lamp")).await["source"] == "generated"
    })
    .await;
    assert_eq!(house.app.blurb(ask("Balumo lamp")).await["source"], "generated");
}

#[tokio::test]
async fn usage_that_cannot_be_is_not_believed() {
    let huge = json!({"prompt_tokens": u64::MAX, "completion_tokens": u64::MAX, "total_tokens": u64::MAX});
    let script = json!([{"times": 1, "do": {"set": {"/usage": huge}}}]);
    let simulator = simulator(&script).await;
    let priced = format!("{PATIENT}\nprice_per_million = {{input = 1.0, output = 1.0}}");
    let house = house(&simulator.base_url(), &priced).await;
    assert_eq!(house.app.blurb(ask("Balumo lamp")).await["source"], "generated");
    // It did not spend the day's budget.
    assert_eq!(house.app.blurb(ask("Dalumo lamp")).await["source"], "generated");
}
