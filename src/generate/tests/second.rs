//! Questions about a text, and moderations: over the same client, with the same manners.

use serde_json::{Value, json};

use super::upstream::{Reply, Upstream, reply, text};
use super::*;

fn schema() -> Value {
    json!({"type": "json_schema", "json_schema": {"name": "verdict", "strict": true, "schema": {"type": "object"}}})
}

async fn answer(providers: Vec<Provider>, whom: Whom<'_>) -> Written {
    generator(providers).answer(&prompt(), &schema(), whom, &within(Duration::from_secs(60))).await
}

async fn moderate(upstream: &Upstream, whom: Whom<'_>) -> Written<Moderation> {
    let providers = vec![provider(upstream.url.clone())];
    generator(providers).moderate("Soft.", whom, &within(Duration::from_secs(60))).await
}

#[tokio::test]
async fn a_question_is_put_to_the_model_that_it_names_and_its_answer_left_as_it_is() {
    let upstream = Upstream::start(vec![text("Here: {\"score\": 1}")]).await;
    let whom = Whom { provider: None, model: Some("judge-1") };
    let written = answer(vec![provider(upstream.url.clone())], whom).await;
    assert_eq!(written.result.as_deref(), Ok("Here: {\"score\": 1}"));
    assert_eq!(written.attempts[0].model_asked, "judge-1");
    assert_eq!(written.attempts[0].cost, Micros(54), "it is paid for like copy");
    let body = upstream.first().body;
    assert_eq!((&body["model"], body.get("response_format")), (&json!("judge-1"), None));
    for (output, expected) in
        [(Output::JsonSchema, schema()), (Output::JsonObject, json!({"type": "json_object"}))]
    {
        let upstream = Upstream::start(vec![text("{}")]).await;
        answer(vec![Provider { output, ..provider(upstream.url.clone()) }], Whom::default()).await;
        let body = upstream.first().body;
        assert_eq!(body["response_format"], expected);
        assert_eq!(body["messages"].as_array().map(Vec::len), Some(2), "nothing is added to the prompt");
        assert_eq!(body["model"], "gpt-4.1-mini");
    }
}

#[tokio::test]
async fn one_provider_is_asked_alone_and_one_that_is_not_there_is_said() {
    let (first, second) = (Upstream::start(vec![text("{}")]).await, Upstream::start(vec![text("{}")]).await);
    let other = Provider { name: "other".into(), ..provider(second.url.clone()) };
    let providers = vec![provider(first.url.clone()), other];
    let whom = Whom { provider: Some("other"), model: None };
    assert_eq!(answer(providers.clone(), whom).await.result.as_deref(), Ok("{}"));
    assert_eq!((first.calls(), second.calls()), (0, 1));
    let nobody = answer(providers, Whom { provider: Some("nobody"), model: None }).await;
    assert_eq!((nobody.result, nobody.attempts.len()), (Err(Failure::NoProvider), 0));
}

#[tokio::test]
async fn azure_is_asked_by_deployment_and_for_no_moderation() {
    let upstream = Upstream::start(vec![text("{}")]).await;
    let azure = Provider { kind: ProviderKind::Azure, ..provider(upstream.url.replace("/v1", "/")) };
    let whom = Whom { provider: None, model: Some("judge-1") };
    answer(vec![azure.clone()], whom).await.result.unwrap();
    assert!(upstream.first().head.starts_with("post /openai/deployments/judge-1/chat/completions?"));
    let moderated = generator(vec![azure]).moderate("Soft.", whom, &within(Duration::from_secs(60))).await;
    assert_eq!((moderated.result, upstream.calls()), (Err(Failure::Upstream), 0));
    assert_eq!(moderated.attempts[0].cost, Micros(0));
}

#[tokio::test]
async fn a_moderation_is_asked_for_and_read_as_far_as_it_goes() {
    let check = async |body: Value, expected: Option<Moderation>| {
        let upstream = Upstream::start(vec![reply("200 OK", "", &body.to_string())]).await;
        let written = moderate(&upstream, Whom::default()).await;
        assert_eq!(written.result, expected.ok_or(Failure::Upstream), "{body}");
        assert_eq!(written.attempts[0].cost, Micros(0));
    };
    let moderation = |flagged, categories: &[(&str, bool)], scores: &[(&str, f64)]| {
        let categories = categories.iter().map(|(name, on)| ((*name).to_owned(), *on)).collect();
        let scores = scores.iter().map(|(name, score)| ((*name).to_owned(), *score)).collect();
        Some(Moderation { flagged, categories, scores })
    };
    let result = |result: Value| json!({"id": "modr-1", "model": "m", "results": [result], "more": 1});
    let whole = json!({"flagged": true, "categories": {"hate": true, "self-harm/intent": null}, "category_scores": {"hate": 0.9}, "category_applied_input_types": {"hate": ["text"]}});
    check(result(whole), moderation(true, &[("hate", true)], &[("hate", 0.9)])).await;
    check(result(json!({"flagged": false})), moderation(false, &[], &[])).await;
    check(
        result(json!({"flagged": false, "categories": "none", "category_scores": []})),
        moderation(false, &[], &[]),
    )
    .await;
    let odd =
        json!({"flagged": true, "categories": {"ha\u{202e}te": true, "x\n": true, "Hass & Hetze": true}});
    check(result(odd), moderation(true, &[("Hass & Hetze", true)], &[])).await;
    let unflagged = json!({"categories": {"hate": true}, "category_scores": {"hate": 7}});
    check(result(unflagged), moderation(true, &[("hate", true)], &[("hate", 1.0)])).await;
    let parts = json!({"results": [
        {"flagged": false, "categories": {"hate": false}, "category_scores": {"hate": 0.1}},
        {"flagged": true, "categories": {"hate": true}, "category_scores": {"hate": 0.4}},
    ]});
    check(parts, moderation(true, &[("hate", true)], &[("hate", 0.4)])).await;
    for none in
        [json!({"results": []}), json!({}), result(json!({})), json!([]), result(json!({"flagged": "no"}))]
    {
        check(none, None).await;
    }
}

#[tokio::test]
async fn a_moderation_sends_the_text_and_the_model_that_is_named() {
    let ok = || reply("200 OK", "", r#"{"results": [{"flagged": false}]}"#);
    let upstream = Upstream::start(vec![ok()]).await;
    moderate(&upstream, Whom::default()).await.result.unwrap();
    let asked = upstream.first();
    assert!(asked.head.starts_with("post /v1/moderations http/1.1"), "{}", asked.head);
    assert!(asked.head.contains(&format!("authorization: bearer {KEY}")));
    assert_eq!(
        asked.body,
        json!({"input": "Soft."}),
        "the provider's own model writes, and moderates nothing"
    );
    let upstream = Upstream::start(vec![ok()]).await;
    moderate(&upstream, Whom { provider: None, model: Some("omni") }).await.result.unwrap();
    assert_eq!(upstream.first().body, json!({"model": "omni", "input": "Soft."}));
}

#[tokio::test]
async fn what_fails_is_tried_again_and_told_like_any_other_call() {
    let busy = || reply("503 Busy", "", &format!("busy {KEY}"));
    let ok = reply("200 OK", "", r#"{"results": [{"flagged": true}]}"#);
    let upstream = Upstream::start(vec![busy(), ok]).await;
    let written = moderate(&upstream, Whom::default()).await;
    assert!(written.result.unwrap().flagged);
    assert_eq!(written.attempts.len(), 2);
    let error = written.attempts[0].said.as_deref().unwrap();
    assert!(error.contains("busy [key]") && !error.contains(KEY), "{error}");
    let elsewhere = reply("302 Found", "location: http://127.0.0.1:1/\r\n", "");
    let upstream = Upstream::start(vec![elsewhere]).await;
    assert_eq!(
        moderate(&upstream, Whom::default()).await.result,
        Err(Failure::Upstream),
        "nowhere else is asked"
    );
    // A key that the answer repeats goes no further.
    let upstream = Upstream::start(vec![text(&format!("{{\"reason\": \"{KEY}\"}}"))]).await;
    let written = answer(vec![provider(upstream.url.clone())], Whom::default()).await;
    assert_eq!(written.result.as_deref(), Ok("{\"reason\": \"[key]\"}"));
    let upstream = Upstream::start(vec![Reply::Stall]).await;
    let generator = generator(vec![provider(upstream.url.clone())]);
    let late = generator.moderate("Soft.", Whom::default(), &within(Duration::from_millis(50))).await;
    assert_eq!(late.result, Err(Failure::TimedOut));
}

#[tokio::test]
async fn questions_are_paid_from_the_same_budget() {
    let upstream = Upstream::start(vec![text("{}")]).await;
    let budget = Budget::new(Some(Micros(1)), Micros(0), TODAY);
    let generator = Generator::new(vec![provider(upstream.url.clone())], budget).unwrap();
    let written =
        generator.answer(&prompt(), &schema(), Whom::default(), &within(Duration::from_secs(60))).await;
    assert_eq!((written.result, upstream.calls()), (Err(Failure::Budget), 0));
}
