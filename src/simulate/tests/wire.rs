//! Shapes, and each thing that a script can do.

use super::*;

#[tokio::test]
async fn answers_have_openais_shape_and_say_that_they_are_simulated() {
    let simulator = simulator("[]").await;
    let response = post(&simulator, &request(HOODIE)).await.unwrap();
    assert_eq!(response.headers()["x-simulated"], "true");
    assert_eq!(response.headers()["x-request-id"], "req-sim-00000001");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["model"], "simulated");
    assert_eq!(body["object"], "chat.completion");
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    assert_eq!(body["choices"][0]["message"]["refusal"], Value::Null);
    assert!(body["choices"][0]["message"]["content"].as_str().unwrap().contains("Chaz Hoodie"));
    let usage = &body["usage"];
    let sum = usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap();
    assert_eq!(usage["total_tokens"].as_u64(), Some(sum));
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 0);
    assert_eq!((simulator.calls(), simulator.requests().len()), (1, 1));
    assert_eq!(simulator.requests()[0]["model"], "gpt-4.1-mini");
    simulator.stop().await;
}

#[tokio::test]
async fn the_other_endpoints_answer_too() {
    let simulator = simulator("[]").await;
    let models = client().get(format!("{}/models", simulator.base_url())).send().await.unwrap();
    assert_eq!(models.json::<Value>().await.unwrap()["data"][0]["id"], "simulated");
    let moderations = client().post(format!("{}/moderations", simulator.base_url()));
    let moderations = moderations.json(&json!({"input": ["a", "b"]})).send().await.unwrap();
    let moderations: Value = moderations.json().await.unwrap();
    assert_eq!(moderations["results"].as_array().unwrap().len(), 2);
    assert_eq!(moderations["results"][0]["categories"]["self-harm/intent"], false);
    let nowhere = client().get(format!("{}/embeddings", simulator.base_url())).send().await.unwrap();
    assert_eq!((nowhere.status().as_u16(), nowhere.headers()["x-simulated"].as_bytes()), (404, &b"true"[..]));
    assert_eq!(simulator.calls(), 1, "a moderation is a call");
}

#[tokio::test]
async fn requests_that_make_no_sense_are_errors_in_openais_shape() {
    let simulator = simulator("[]").await;
    let url = format!("{}/chat/completions", simulator.base_url());
    let broken = client().post(&url).body("{").send().await.unwrap();
    assert_eq!(broken.status(), 400);
    assert_eq!(broken.json::<Value>().await.unwrap()["error"]["type"], "invalid_request_error");
    let (status, body) = ask(&simulator, &json!({"messages": "hello"})).await;
    assert_eq!((status, &body["error"]["code"]), (400, &Value::Null));
    let mut streaming = request(HOODIE);
    streaming["stream"] = json!(true);
    let (status, body) = ask(&simulator, &streaming).await;
    assert!(status == 400 && body["error"]["message"].as_str().unwrap().contains("not simulated"));
    let (status, _) = ask(&simulator, &request(&"x".repeat(1 << 20))).await;
    assert_eq!(status, 413);
}

#[tokio::test]
async fn what_the_request_asks_of_the_form_is_done() {
    let simulator = simulator("[]").await;
    let mut structured = request(HOODIE);
    structured["response_format"] = json!({"type": "json_schema"});
    let (_, body) = ask(&simulator, &structured).await;
    let content: Value =
        serde_json::from_str(body["choices"][0]["message"]["content"].as_str().unwrap()).unwrap();
    assert!(content["text"].as_str().unwrap().contains("Chaz Hoodie"));
    let mut capped = request(HOODIE);
    capped["max_tokens"] = json!(3);
    let (_, body) = ask(&simulator, &capped).await;
    assert_eq!(body["choices"][0]["finish_reason"], "length");
    assert_eq!(body["usage"]["completion_tokens"], 3);
}

#[tokio::test]
async fn a_script_changes_what_is_said() {
    let plain = simulator("[]").await;
    let plain = choice(&plain).await["message"]["content"].as_str().unwrap().to_owned();
    let check = async |action: &str, expected: Value, finish_reason: &str| {
        let simulator = simulator(&format!(r#"[{{"do": {action}}}]"#)).await;
        let choice = choice(&simulator).await;
        assert_eq!(choice["message"]["content"], expected, "{action}");
        assert_eq!(choice["finish_reason"], finish_reason, "{action}");
        choice
    };
    check(r#"{"text": "Exactly this."}"#, json!("Exactly this."), "stop").await;
    check(r#"{"append": "Guaranteed!"}"#, json!(format!("{plain} Guaranteed!")), "stop").await;
    check(r#"{"invent_number": true}"#, json!(format!("{plain} It comes with 37 extra parts.")), "stop")
        .await;
    check(r#"{"stall_ms": 1}"#, json!(plain), "stop").await;
    let half: String = plain.chars().take(plain.chars().count() / 2).collect();
    check(r#"{"finish_reason": "length"}"#, json!(half), "length").await;
    check(r#"{"finish_reason": "content_filter"}"#, json!(plain), "content_filter").await;
    check(r#"{"empty": true}"#, json!(""), "stop").await;
    let refused = check(r#"{"refusal": "I would rather not."}"#, Value::Null, "stop").await;
    assert_eq!(refused["message"]["refusal"], "I would rather not.");
}

#[tokio::test]
async fn a_script_makes_calls_fail() {
    let script = r#"[
        {"times": 1, "do": {"status": 503, "body": "busy", "headers": {"retry-after": "1", "content-type": "text/x"}}},
        {"times": 1, "do": {"status": 500}},
        {"times": 1, "do": {"quota": true}},
        {"times": 1, "do": {"garbage": true}},
        {"times": 1, "do": {"reset": true}}
    ]"#;
    let simulator = simulator(script).await;
    let busy = post(&simulator, &request("x")).await.unwrap();
    assert_eq!((busy.status().as_u16(), busy.headers()["retry-after"].as_bytes()), (503, &b"1"[..]));
    assert_eq!(busy.headers()["content-type"], "text/x");
    assert_eq!(busy.text().await.unwrap(), "busy");
    assert_eq!(ask(&simulator, &request("x")).await.1["error"]["type"], "server_error");
    let (status, body) = ask(&simulator, &request("x")).await;
    assert_eq!((status, &body["error"]["code"]), (429, &json!("insufficient_quota")));
    let garbage = post(&simulator, &request("x")).await.unwrap();
    assert_eq!(
        (garbage.status().as_u16(), garbage.headers()["content-type"].as_bytes()),
        (200, &b"text/html"[..])
    );
    let cut = post(&simulator, &request("x")).await.unwrap_err();
    assert!(cut.is_request() && !cut.is_connect() && !cut.is_timeout(), "{cut:?}");
    assert_eq!(ask(&simulator, &request("x")).await.0, 200, "the script has run out");
    assert_eq!(simulator.calls(), 6);
}

#[tokio::test]
async fn a_stall_holds_until_the_end() {
    let simulator = simulator(r#"[{"do": {"stall": true}}]"#).await;
    let url = format!("{}/chat/completions", simulator.base_url());
    let call = tokio::spawn(client().post(url).json(&request("x")).send());
    while simulator.calls() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(!call.is_finished());
    simulator.stop().await;
    assert!(call.await.unwrap().is_err(), "stopping ends it without an answer");
}

#[tokio::test]
async fn steps_choose_their_calls() {
    let script = r#"[
        {"when": {"contains": "hoodie", "every": 2}, "times": 1, "do": {"text": "A"}},
        {"when": {"call": 3}, "do": {"text": "B"}},
        {"when": {"contains": "hoodie"}, "do": {"text": "C"}}
    ]"#;
    let simulator = simulator(script).await;
    let mut said = Vec::new();
    for content in ["hoodie", "hoodie", "anything", "hoodie", "anything"] {
        let (_, body) = ask(&simulator, &request(content)).await;
        said.push(
            body["choices"][0]["message"]["content"].as_str().unwrap().chars().take(1).collect::<String>(),
        );
    }
    assert_eq!(said[..4], ["C", "A", "B", "C"]);
    assert!(!["A", "B", "C"].contains(
        &ask(&simulator, &request("x")).await.1["choices"][0]["message"]["content"].as_str().unwrap()
    ));
}

#[test]
fn a_script_that_cannot_be_done_says_what_is_wrong() {
    #[track_caller]
    fn check(script: &str, expected: &str) {
        let error = Script::parse(script).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    check(r#"[{"do": {"txt": "x"}}]"#, "[0].do.txt: unknown field `txt`, expected one of `text`, `append`");
    check(r#"[{"when": {"call": -1}, "do": {}}]"#, "[0].when.call");
    check(r#"[{"wen": {}, "do": {}}]"#, "unknown field `wen`, expected one of `when`, `times`, `do`");
    check(r#"[{"do": {}}]"#, "[0]: `do` says nothing to do");
    check(r#"[{"do": {"text": "x", "empty": true}}]"#, "more than one thing");
    check(r#"[{"do": {"text": "x", "body": "y"}}]"#, "more than one thing");
    check(r#"[{"do": {"stall": true, "text": "x"}}]"#, "more than one thing");
    check(r#"[{"do": {"cut": true, "drip_ms": 1}}]"#, "more than one thing");
    check(r#"[{"do": {"garbage": true, "fenced": true}}]"#, "more than one thing");
    check(r#"[{"do": {"big_body_mib": 1, "cut": true}}]"#, "sent as it is made");
    check(r#"[{"do": {"error": "x"}}]"#, "`error` goes with a `status`");
    check(r#"[{"do": {"set": {"usage": 1}}}]"#, "`usage` is no place in an answer");
    check(r#"[{"do": {"delay_ms": [900, 200]}}]"#, "from 1 or more to no less");
    check(r#"[{"do": {"delay_ms": "1s"}}]"#, "[0].do.delay_ms: expected milliseconds, or two such numbers");
    check(r#"[{"do": {"content_filter": "x"}}]"#, "expected one of `prompt`, `answer`, `error`");
    check(r#"[{"when": {"share": 2}, "do": {"empty": true}}]"#, "from 0 to 1");
    check(r#"[{"when": {"path": "x"}, "do": {"empty": true}}]"#, "expected `completions` or `moderations`");
    check(r#"[{"do": {"status": 99}}]"#, "from 200");
    check(r#"[{"do": {"status": 500, "headers": {"a b": "c"}}}]"#, "`a b: c` is no header");
    check(r#"[{"do": {"stall": false}}]"#, "`stall` is `true`, or left out");
    check(r#"[{"when": {"every": 0}, "do": {"empty": true}}]"#, "counts from 1");
    check("[] x", "trailing characters");
    check("{}", "expected a sequence");
}

#[test]
fn the_help_names_every_action() {
    let actions: Vec<&str> =
        SCRIPT.lines().filter(|line| line.starts_with("       {\"")).map(str::trim).collect();
    assert_eq!(actions.len(), 29);
    for line in actions {
        let action = line.split("  ").next().unwrap_or(line);
        Script::parse(&format!(r#"[{{"do": {action}}}]"#)).unwrap();
    }
    let example = SCRIPT.lines().filter(|line| line.starts_with("  [{") || line.starts_with("   {"));
    Script::parse(&example.collect::<String>()).unwrap();
}

#[test]
fn what_the_help_says_goes_together_does() {
    let (_, changes) = SCRIPT.split_once("What is changed of copy and texts").unwrap();
    let (told, changes) = changes.split_once(":\n").unwrap();
    assert_eq!(told, ", any of these together, except `parts` with `nested`");
    let (changes, _) = changes.split_once("What is changed of the JSON").unwrap();
    let change = |line: &str| Some(line.trim().strip_prefix('{')?.split_once('}')?.0.to_owned());
    let changes: Vec<String> = changes.lines().filter_map(change).collect();
    assert_eq!(changes.len(), 6);
    for (at, one) in changes.iter().enumerate() {
        for other in &changes[at + 1..] {
            let apart = one.contains("parts") && other.contains("nested");
            let read = Script::parse(&format!(r#"[{{"do": {{{one}, {other}}}}}]"#));
            assert_eq!(read.is_err(), apart, "{one}, {other}");
        }
    }
    assert!(SCRIPT.contains("Something must be told to do."));
    assert!(Script::parse(r#"[{"do": {}}]"#).is_err());
}

#[test]
fn the_script_in_the_docs_can_be_done() {
    let docs = include_str!("../../../config/README.md");
    let script = docs.split_once("## Trying faults").and_then(|(_, section)| section.split("```").nth(1));
    Script::parse(script.unwrap().trim_start_matches("json")).unwrap();
}

/// A question such as a judge is asked, with the copy in it.
fn to_judge(copy: &str, rubric: &str) -> Value {
    let instructions = format!(
        "You judge copy by a rubric.\n\nThe rubric:\n\n{rubric}\n\nAnswer with one JSON object: {{\"score\": …}}."
    );
    let data = json!({"copy": copy, "facts": {"name": "Lamp"}}).to_string();
    json!({"model": "m", "messages": [{"role": "system", "content": instructions}, {"role": "user", "content": data}]})
}

#[tokio::test]
async fn copy_is_judged_by_the_words_that_a_rubric_quotes() {
    let simulator =
        simulator(r#"[{"when": {"contains": "scripted"}, "do": {"text": "{\"score\": 0.4}"}}]"#).await;
    let check = async |request: Value, expected: f64, reason: &str| {
        let (_, body) = ask(&simulator, &request).await;
        assert_eq!(body["model"], "simulated");
        let said: Value =
            serde_json::from_str(body["choices"][0]["message"]["content"].as_str().unwrap()).unwrap();
        assert_eq!(said["score"].as_f64(), Some(expected), "{said}");
        assert!(said["reason"].as_str().unwrap_or_default().contains(reason), "{said}");
    };
    let rubric = "Nothing is \"cheap\" or “dirt cheap”.";
    check(to_judge("A Cheap lamp.", rubric), 0.0, "found 'cheap'").await;
    check(to_judge("A cheaper lamp.", rubric), 1.0, "looks for nothing else").await;
    check(to_judge("A score for a lamp.", "It is calm."), 1.0, "looks for nothing else").await;
    check(to_judge("A scripted lamp.", rubric), 0.4, "").await;
    let mut in_json = to_judge("A cheap lamp.", rubric);
    in_json["response_format"] = json!({"type": "json_object"});
    check(in_json, 0.0, "found 'cheap'").await;
}

#[tokio::test]
async fn texts_are_moderated_by_words_and_scripts() {
    let script = r#"[
        {"when": {"contains": "flagged"}, "do": {"flag": ["sexual", "spam"]}},
        {"when": {"contains": "busy"}, "do": {"status": 503}},
        {"when": {"contains": "nothing"}, "do": {"empty": true}}
    ]"#;
    let simulator = simulator(script).await;
    let moderate = async |text: &str| {
        let sent =
            client().post(format!("{}/moderations", simulator.base_url())).json(&json!({"input": text}));
        let response = sent.send().await.unwrap();
        assert!(response.headers().contains_key("x-request-id"));
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    let flagged = async |text: &str| {
        let (_, body) = moderate(text).await;
        let result = &body["results"][0];
        let categories = result["categories"].as_object().unwrap().iter();
        let on: Vec<String> =
            categories.filter(|(_, on)| **on == json!(true)).map(|(name, _)| name.clone()).collect();
        assert_eq!(result["flagged"], json!(!on.is_empty()));
        assert!(on.iter().all(|name| result["category_scores"][name].as_f64() > Some(0.9)));
        on
    };
    assert_eq!(flagged("A knife for bread.").await, [""; 0]);
    assert_eq!(flagged("A skillet to kill for.").await, ["violence"]);
    assert_eq!(flagged("It is flagged.").await, ["sexual", "spam"]);
    assert_eq!(moderate("busy").await.0, 503);
    assert_eq!(moderate("nothing").await.1["results"], json!([]));
}
