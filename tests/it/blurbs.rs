//! One blurb, as a page asks for it: the contract's example, locales, hostile values.

use serde_json::{Value, json};

use crate::http::{COPY, problem};
use crate::support::{Reply, TestApp, Upstream, ask, shared_data};

/// The fields of an answer, no more and no fewer.
const FIELDS: &[&str] = &[
    "text",
    "source",
    "tier",
    "reason",
    "pending",
    "locale",
    "placement",
    "segment",
    "template",
    "revision",
    "generation_id",
    "serve_id",
    "ai_generated",
    "expires_at",
];

#[track_caller]
fn check_fields(answer: &Value) {
    let mut found: Vec<&str> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = FIELDS.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

/// What may be asked without a catalogue, in a locale.
fn ask_in(locale: &str) -> Value {
    let mut request = ask("Lumo lamp");
    request["context"] = json!({"locale": locale});
    request
}

async fn import(app: &TestApp, catalogue: &str) -> u64 {
    let store = &app.app().shared.store;
    copyrail::catalogue::import(store, catalogue.as_bytes(), false, |_| ()).await.unwrap().products
}

#[tokio::test]
async fn the_request_of_the_contract_gets_the_answer_of_the_contract() {
    let Some(catalogue) = shared_data("catalogue_icecat_2000.jsonl") else { return };
    let upstream = Upstream::saying(COPY).await;
    let app = TestApp::start(&upstream).await;
    let mut request: Value = serde_json::from_str(
        r#"{"placement": "why-this",
            "product": {"id": "1970121"},
            "user": {"id": "u-17", "attributes": {"orders_90d": 2, "discount_affinity": 0.8}},
            "context": {"locale": "en-GB", "device": "mobile"},
            "consent": {"personalisation": true},
            "deadline_ms": 150}"#,
    )
    .unwrap();
    let unknown = app.blurb(request.clone()).await;
    assert_eq!(unknown["reason"], "unknown_product", "before the catalogue is imported: {unknown}");
    check_fields(&unknown);
    assert_eq!(import(&app, &std::fs::read_to_string(catalogue).unwrap()).await, 2_000);
    app.app().shared.parts.catalogue.refresh().await.unwrap();
    let first = app.blurb(request.clone()).await;
    check_fields(&first);
    assert_eq!(first["segment"], "bargain-hunters", "{first}");
    assert!(first["template"].as_str().unwrap().starts_with("why-this/bargain-hunters"), "{first}");
    // However slow the machine is, the one who waits gets what the first request had written.
    request["deadline_ms"] = json!(30_000);
    let patient = app.blurb(request).await;
    assert_eq!((&patient["text"], &patient["ai_generated"]), (&json!(COPY), &json!(true)), "{patient}");
    assert_eq!(upstream.calls(), 1);
    let prompt = upstream.requests()[0]["messages"].to_string();
    assert!(prompt.contains("Intel SC5600LX server barebone"), "{prompt}");
    assert!(
        !prompt.contains("u-17") && !prompt.contains("discount"),
        "the user is not in the prompt: {prompt}"
    );
}

#[tokio::test]
async fn an_answer_has_the_same_fields_wherever_it_comes_from() {
    let upstream = Upstream::with(|call, _| match call {
        1 => Reply::Text(COPY.into()),
        _ => Reply::Raw(500, "{}".into()),
    })
    .await;
    let app = TestApp::start(&upstream).await;
    let mut sources = Vec::new();
    for request in [ask("Lumo lamp"), ask("Lumo lamp"), ask("Harbour lamp"), ask_in("fr")] {
        let answer = app.blurb(request).await;
        check_fields(&answer);
        let expires: jiff::Timestamp = answer["expires_at"].as_str().unwrap().parse().unwrap();
        let kept = expires.duration_since(copyrail::app::wall_clock()());
        assert!(kept <= jiff::SignedDuration::from_mins(5), "{answer}");
        assert!(answer["revision"].as_str().unwrap().starts_with("b3:"), "{answer}");
        sources.push(answer["source"].as_str().unwrap().to_owned());
    }
    assert_eq!(sources, ["generated", "cache", "prewritten", "none"]);
}

#[tokio::test]
async fn copy_is_in_the_language_asked_for_or_there_is_none() {
    // The model answers in the language that its prompt asks for; German copy would not come by chance.
    let upstream = Upstream::with(|_, body| {
        let german = body["messages"].to_string().contains("Write in German.");
        Reply::Text(if german { "Ein angenehmer Begleiter für den Alltag." } else { COPY }.into())
    })
    .await;
    let app = TestApp::start(&upstream).await;
    for (asked, locale) in
        [("en-GB", "en"), ("de", "de"), ("de-AT", "de"), ("DE_at", "de"), ("de-Latn-CH", "de")]
    {
        let answer = app.blurb(ask_in(asked)).await;
        assert_eq!(answer["locale"], locale, "{asked}: {answer}");
        assert_eq!(answer["text"].as_str().unwrap().starts_with("Ein "), locale == "de", "{asked}: {answer}");
        assert_eq!(answer["ai_generated"], true, "{answer}");
    }
    assert_eq!(upstream.calls(), 2, "German for Austria is German");
    // Nobody wrote French copy, so nothing may be generated in it and nothing stands in for it.
    let french = app.blurb(ask_in("fr")).await;
    assert_eq!(
        (&french["text"], &french["source"], &french["tier"], &french["reason"], &french["locale"]),
        (&json!(""), &json!("none"), &json!("none"), &json!("mode"), &json!("fr"))
    );
    // What is no locale counts as not said: the placement's own language.
    for garbled in ["", "e", "../../etc/passwd", "en-", "english please"] {
        assert_eq!(app.blurb(ask_in(garbled)).await["locale"], "en", "{garbled}");
    }
    assert_eq!(upstream.calls(), 2);
}

#[tokio::test]
async fn prewritten_copy_is_german_too() {
    let app = TestApp::try_start(&[], &[], copyrail::app::wall_clock()).await.unwrap();
    let german = app.blurb(ask_in("de-AT")).await;
    assert_eq!((&german["source"], &german["locale"]), (&json!("prewritten"), &json!("de")), "{german}");
    assert_ne!(german["text"], app.blurb(ask_in("en")).await["text"]);
}

#[tokio::test]
async fn generated_copy_is_held_to_the_limit_of_its_placement() {
    let sentence = "It stands where it is put. ";
    let too_long = sentence.repeat(400 / sentence.len() + 1);
    let upstream = Upstream::saying(too_long.trim()).await;
    let app = TestApp::start(&upstream).await;
    let mut request = ask("Lumo lamp");
    for _ in 0..2 {
        let answer = app.blurb(request.clone()).await;
        assert_eq!((&answer["source"], &answer["reason"]), (&json!("prewritten"), &json!("guardrail")));
    }
    assert_eq!(upstream.calls(), 2, "one call, one repair, and no third for what cannot pass");
    let repair = upstream.requests()[1]["messages"].to_string();
    assert!(repair.contains("400 fit here. Shorten it."), "{repair}");
    let generation = app.generations().await.remove(0);
    assert_eq!(generation["outcome"], "blocked");
    assert_eq!(generation["findings"][0]["rule"], "placement.limits");
    // The same text fits where more is allowed.
    let file = std::fs::read_to_string(app.folder.path().join("prompts/why-this/placement.yml")).unwrap();
    assert!(file.contains("characters: 400"));
    app.edit("prompts/why-this/placement.yml", &file.replace("characters: 400", "characters: 600")).await;
    request["product"]["name"] = json!("Harbour lamp");
    assert_eq!(app.blurb(request).await["text"], too_long.trim());
}

/// What no text may hold that reaches a page: tags, control characters, and marks that turn the direction of reading.
#[track_caller]
fn check_plain(text: &str) {
    let characters: Vec<char> = text.chars().collect();
    let tag = characters.windows(2).any(|w| w[0] == '<' && (w[1].is_alphabetic() || "!/?".contains(w[1])));
    let hidden = |c: &char| {
        c.is_control()
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{200b}')
    };
    assert!(!tag && !characters.iter().any(hidden), "{text:?}");
}

/// The product's name as it stands in a prompt, however often the model is asked.
fn name_in(body: &Value) -> String {
    let asked =
        body["messages"].as_array().unwrap().iter().find(|message| message["role"] == "user").unwrap();
    let lines = asked["content"].as_str().unwrap().lines();
    let data: Value = lines.skip_while(|line| !line.starts_with("<data")).nth(1).unwrap().parse().unwrap();
    data["name"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_naughty_strings_break_nothing_and_reach_no_page_as_markup() {
    let Some(file) = shared_data("naughty_strings_blns.jsonl") else { return };
    let file = std::fs::read_to_string(file).unwrap();
    let strings: Vec<String> = file
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["text"].as_str().unwrap().to_owned())
        .collect();
    assert!(strings.iter().any(|text| text.contains("<script>")), "the strings are naughty");
    // The model obeys whatever it is told: it says the product's name and nothing else.
    let upstream = Upstream::with(|_, body| Reply::Text(name_in(body))).await;
    let app = TestApp::start(&upstream).await;
    assert_eq!(app.blurb(ask("Lumo lamp")).await["text"], "Lumo lamp", "the model's text is what is served");
    let (mut generated, mut refused) = (0, 0);
    for text in &strings {
        let named = json!({"placement": "why-this", "product": {"name": text, "features": {text: text}}, "deadline_ms": 30_000});
        let answered = app.post("/v1/blurbs", named).await;
        if text.trim().is_empty() {
            problem(&answered, 400, "urn:copyrail:malformed");
        } else {
            assert_eq!(answered.status, 200, "{text:?}: {}", answered.body);
            check_plain(answered.body["text"].as_str().unwrap());
            match answered.body["source"].as_str().unwrap() {
                "generated" => generated += 1,
                _ => refused += 1,
            }
        }
        let known = json!({
            "placement": "why-this", "product": {"name": "Lumo lamp", "description": text},
            "user": {"id": text, "attributes": {"visits": text, "orders_90d": {"value": 2, "at": text}, text: text}},
            "context": {"locale": text, "device": text, "entry": text, text: text},
            "consent": {"personalisation": true}, "deadline_ms": 30_000,
        });
        let answered = app.post("/v1/blurbs", known).await;
        assert_eq!(answered.status, 200, "{text:?}: {}", answered.body);
        check_plain(answered.body["text"].as_str().unwrap());
        let placed = json!({"placement": text, "product": {"id": text}});
        let answered = app.post("/v1/blurbs", placed).await;
        assert!([400, 404].contains(&answered.status), "{text:?}: {}", answered.body);
        assert!(answered.body["detail"].is_string(), "{}", answered.body);
        let answered = app.post("/v1/check", json!({"text": text, "locale": text, "placement": text})).await;
        assert_eq!(answered.status, 200, "{text:?}: {}", answered.body);
    }
    assert!(
        generated > 200 && refused > 200,
        "{generated} were served as the model wrote them, {refused} not"
    );
}

#[tokio::test]
async fn hostile_bodies_are_answered_like_any_other() {
    let upstream = Upstream::saying(COPY).await;
    let app = TestApp::start(&upstream).await;
    let deep = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!(
            r#"{{"placement": "why-this", "product": {{"name": "Lumo lamp", "features": {{"deep": {open}{close}}}}}, "deadline_ms": 30000}}"#
        )
    };
    let send = async |body: Vec<u8>| {
        app.send(app.client().post(app.url("/v1/blurbs")).bearer_auth(app.key("serve")).body(body)).await
    };
    assert_eq!(send(deep(50).into_bytes()).await.status, 200);
    problem(&send(deep(10_000).into_bytes()).await, 400, "urn:copyrail:malformed");
    problem(&send(b"{\"placement\": \"\xff\xfe\"}".to_vec()).await, 400, "urn:copyrail:malformed");
    problem(&send(vec![0; 64]).await, 400, "urn:copyrail:malformed");
    problem(
        &send(b"{\"placement\": \"a\", \"placement\": \"b\"}".to_vec()).await,
        400,
        "urn:copyrail:malformed",
    );
    // A number of any size is a value like any other.
    let huge = br#"{"placement": "why-this", "product": {"name": "Lumo lamp", "price": 1e308, "x": 123456789012345678901234567890}, "deadline_ms": 18446744073709551615}"#;
    assert_eq!(send(huge.to_vec()).await.status, 200);
}
