//! What one answer means.

use serde_json::json;

use super::upstream::{Upstream, completion, reply, text};
use super::*;

#[tokio::test]
async fn a_whole_answer_is_the_text_and_the_record() {
    let upstream = Upstream::start(vec![text(" \"Soft and light.\"\n")]).await;
    let written = write(vec![provider(upstream.url.clone())]).await;
    assert_eq!(written.result, Ok("Soft and light.".to_owned()));
    let [attempt] = &written.attempts[..] else { panic!("one call") };
    assert_eq!(attempt.text.as_deref(), Some(" \"Soft and light.\"\n"));
    assert_eq!(attempt.model_answering.as_deref(), Some("gpt-4.1-mini-2025-04-14"));
    assert_eq!(attempt.upstream_request_id.as_deref(), Some("req_1"));
    assert_eq!(attempt.system_fingerprint.as_deref(), Some("fp_1"));
    assert_eq!(attempt.usage, Some(Usage { input: 100, cached_input: 60, output: 20 }));
    assert_eq!(attempt.cost, Micros(54), "40 × 0.4 + 60 × 0.1 + 20 × 1.6");
    assert_eq!((attempt.status, &attempt.error), (Some(200), &None));
}

#[tokio::test]
async fn the_request_says_what_is_set_and_no_more() {
    let upstream = Upstream::start(vec![text("Soft.")]).await;
    write(vec![provider(upstream.url.clone())]).await.result.unwrap();
    let asked = upstream.first();
    assert!(asked.head.starts_with("post /v1/chat/completions http/1.1"));
    assert!(asked.head.contains(&format!("authorization: bearer {KEY}")));
    let expected = json!({
        "model": "gpt-4.1-mini", "temperature": 0.7, "max_completion_tokens": 400,
        "messages": [{"role": "system", "content": "Write one sentence."}, {"role": "user", "content": "Chaz Hoodie"}],
    });
    assert_eq!(asked.body, expected);
}

#[tokio::test]
async fn azure_has_its_own_path_and_header() {
    let upstream = Upstream::start(vec![text("Soft.")]).await;
    let base_url = upstream.url.replace("/v1", "/");
    let (kind, token_limit_field) = (ProviderKind::Azure, TokenLimitField::MaxTokens);
    write(vec![Provider { kind, token_limit_field, ..provider(base_url) }]).await.result.unwrap();
    let asked = upstream.first();
    let path = "post /openai/deployments/gpt-4.1-mini/chat/completions?api-version=2024-10-21 http/1.1";
    assert!(asked.head.starts_with(path), "{}", asked.head);
    assert!(asked.head.contains(&format!("api-key: {KEY}")));
    assert!(!asked.head.contains("authorization"));
    assert_eq!(asked.body["max_tokens"], 400);
}

#[tokio::test]
async fn structured_output_is_asked_for_and_read() {
    for (output, kind) in [(Output::JsonSchema, "json_schema"), (Output::JsonObject, "json_object")] {
        let upstream = Upstream::start(vec![text("```json\n{\"text\": \"Soft.\"}\n```")]).await;
        let written = write(vec![Provider { output, ..provider(upstream.url.clone()) }]).await;
        assert_eq!(written.result, Ok("Soft.".to_owned()));
        let body = upstream.first().body;
        assert_eq!(body["response_format"]["type"], kind);
        if output == Output::JsonSchema {
            assert_eq!(body["response_format"]["json_schema"]["schema"]["additionalProperties"], false);
        } else {
            assert!(body["messages"].to_string().contains("JSON"), "providers refuse json_object otherwise");
        }
    }
}

/// An answer that gives no text is asked for once and says why.
async fn check_unusable(answer: super::upstream::Reply, expected: &str) -> Attempt {
    let upstream = Upstream::start(vec![answer]).await;
    let mut written = write(vec![provider(upstream.url.clone())]).await;
    assert_eq!(written.result, Err(Failure::Upstream));
    assert!(error(&written).contains(expected), "{}", error(&written));
    assert_eq!(upstream.calls(), 1);
    written.attempts.remove(0)
}

#[tokio::test]
async fn only_a_whole_unrefused_answer_with_text_counts() {
    let message = |content: &str| json!({"content": content});
    let cut = check_unusable(completion(message("Soft and"), "length"), "ended with `length`").await;
    assert_eq!(cut.text.as_deref(), Some("Soft and"), "kept for the record");
    check_unusable(completion(message("Soft"), "content_filter"), "was filtered").await;
    check_unusable(completion(json!({"content": null}), "stop"), "is empty").await;
    check_unusable(completion(message("  "), "stop"), "is empty").await;
    let refused = json!({"content": "Soft.", "refusal": "I cannot help with that."});
    let refused = check_unusable(completion(refused, "stop"), "refused").await;
    assert_eq!(refused.refusal.as_deref(), Some("I cannot help with that."));
}

#[tokio::test]
async fn an_answer_that_is_none_is_a_failure_that_costs_what_was_reserved() {
    let worst = provider(String::new()).price.unwrap().worst(&prompt());
    let garbage = check_unusable(reply("200 OK", "", "<html>hello</html>"), "no chat completion").await;
    assert_eq!(garbage.cost, worst);
    let empty = check_unusable(reply("200 OK", "content-type: application/json\r\n", ""), "no chat").await;
    assert_eq!(empty.cost, worst);
    check_unusable(reply("200 OK", "", r#"{"choices": []}"#), "no choices").await;
    let oversize = check_unusable(reply("200 OK", "", &" ".repeat(1_100_000)), "larger than 1 MiB").await;
    assert_eq!(oversize.cost, worst);
}

#[tokio::test]
async fn usage_of_any_shape_is_read_as_far_as_it_goes() {
    let check = async |usage: serde_json::Value, expected: Option<Usage>| {
        let body =
            json!({"usage": usage, "choices": [{"message": {"content": "Soft."}, "finish_reason": "stop"}]});
        let upstream = Upstream::start(vec![reply("200 OK", "", &body.to_string())]).await;
        let written = write(vec![provider(upstream.url)]).await;
        assert_eq!(written.result, Ok("Soft.".to_owned()));
        assert_eq!(written.attempts[0].usage, expected);
        written.cost()
    };
    let worst = provider(String::new()).price.unwrap().worst(&prompt());
    assert_eq!(check(json!(null), None).await, worst);
    assert_eq!(check(json!("much"), None).await, worst);
    let some = Some(Usage { input: 10, cached_input: 0, output: 5 });
    assert_eq!(check(json!({"prompt_tokens": 10, "completion_tokens": 5}), some).await, Micros(12));
    let details = json!({"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": null});
    assert_eq!(check(details, some).await, Micros(12));
}

#[tokio::test]
async fn an_answer_that_azure_did_not_scan_is_not_used() {
    let body = json!({"choices": [{
        "message": {"content": "Soft."}, "finish_reason": "stop",
        "content_filter_results": {"error": {"code": "content_filter_error", "message": "not filtered"}},
    }]});
    check_unusable(reply("200 OK", "", &body.to_string()), "filter did not run").await;
}

#[tokio::test]
async fn the_key_is_in_no_attempt() {
    let body = json!({"error": {"message": format!("Incorrect API key: {KEY}"), "code": 401}}).to_string();
    let headers = format!("x-request-id: {KEY}\r\n");
    let wrong =
        check_unusable(reply("401 Unauthorized", &headers, &body), "(401): Incorrect API key: [key]").await;
    let padded = format!("{}{KEY}", "x".repeat(290));
    let cut = check_unusable(reply("403 Forbidden", "", &padded), "403 Forbidden").await;
    let said = check_unusable(completion(json!({"content": KEY, "refusal": KEY}), "stop"), "refused").await;
    for attempt in [wrong, cut, said] {
        let record = serde_json::to_string(&attempt).unwrap();
        assert!(!record.contains("sk-secret"), "{record}");
        assert!(attempt.said.is_none_or(|said| said.chars().count() <= 300));
    }
}
