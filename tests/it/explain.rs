//! Why somebody gets the copy they get, and what the guardrails say of a text: answers that ask no model.

use serde_json::{Value, json};

use crate::http::COPY;
use crate::support::{TestApp, Upstream};

/// A request of somebody who agreed, with what is known of them and the moment.
fn asked(attributes: Value, context: Value) -> Value {
    json!({
        "placement": "why-this", "product": {"name": "Lumo lamp"},
        "user": {"id": "u-17", "attributes": attributes}, "context": context,
        "consent": {"personalisation": true}, "deadline_ms": 30_000,
    })
}

/// Each segment's outcome as `id=outcome`, in order.
fn outcomes(explained: &Value) -> Vec<String> {
    let segments = explained["segments"].as_array().unwrap().iter();
    segments
        .map(|s| format!("{}={}", s["segment"].as_str().unwrap(), s["outcome"].as_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn explain_lists_every_segment_with_its_conditions_and_asks_no_model() {
    let upstream = Upstream::saying(COPY).await;
    let app = TestApp::start(&upstream).await;
    let request = asked(json!({"visits": 1, "orders_90d": 2}), json!({"device": "mobile"}));
    let answered = app.post("/v1/explain", request.clone()).await;
    assert_eq!(answered.status, 200);
    let explained = answered.body;
    assert_eq!(explained["segment"], "awareness", "{explained}");
    assert_eq!(explained["template"], "why-this/awareness");
    // Those after the one chosen are explained as well.
    assert_eq!(
        outcomes(&explained),
        [
            "gift-givers=unknown",
            "loyal-at-risk=unknown",
            "cart-abandoner=unknown",
            "bargain-hunters=unknown",
            "premium-seekers=unknown",
            "convenience-seekers=unknown",
            "big-spenders=unknown",
            "likely-buyers=unknown",
            "churn-risk=unknown",
            "awareness=true",
            "evaluation=false",
            "first-purchase=unknown",
            "repeat=unknown",
            "loyalty=unknown",
            "lapsed=unknown",
            "active=unknown",
            "browsing=unknown",
            "inactive=unknown",
            "on-the-go=true",
            "evening-browsers=false",
            "cold-places=unknown",
        ]
    );
    assert_eq!(
        explained["segments"][3]["conditions"],
        json!([
            {"path": "user.discount_affinity", "operator": "$gte", "expected": 0.6, "actual": null, "outcome": "unknown"},
            {"path": "user.orders_90d", "operator": "$gte", "expected": 1, "actual": 2, "outcome": "true"},
        ])
    );
    assert_eq!((upstream.calls(), app.generations().await.len()), (0, 0));
    // The blurb goes by the same segment and template.
    let answer = app.blurb(request).await;
    assert_eq!((&answer["segment"], &answer["template"]), (&explained["segment"], &explained["template"]));
    assert_eq!(answer["revision"], explained["revision"]);
    assert_eq!(upstream.calls(), 1, "a blurb does ask the model");
}

#[tokio::test]
async fn without_consent_nothing_of_the_user_is_read() {
    let upstream = Upstream::saying(COPY).await;
    let app = TestApp::start(&upstream).await;
    let mut request = asked(json!({"visits": 1}), json!({"device": "mobile"}));
    assert_eq!(app.blurb(request.clone()).await["segment"], "awareness");
    for consent in [json!({"personalisation": false}), json!({}), json!(null)] {
        request["consent"] = consent;
        let explained = app.post("/v1/explain", request.clone()).await.body;
        assert_eq!(explained["segment"], "on-the-go", "{explained}");
        assert_eq!(explained["reason"], "no_consent", "{explained}");
        assert!(explained["segments"].to_string().contains(r#""path":"user.visits""#), "{explained}");
        assert!(!explained["segments"].to_string().contains(r#""actual":1"#), "{explained}");
        let answer = app.blurb(request.clone()).await;
        assert_eq!((&answer["segment"], &answer["reason"]), (&json!("on-the-go"), &json!("no_consent")));
    }
}

#[tokio::test]
async fn an_attribute_of_the_wrong_type_is_unknown_and_reported() {
    let upstream = Upstream::saying(COPY).await;
    let app = TestApp::start(&upstream).await;
    let right = asked(json!({"visits": 1}), json!({"device": "mobile"}));
    assert_eq!(app.post("/v1/explain", right).await.body["ignored"], json!([]));
    let wrong = asked(
        json!({"visits": "one", "orders_90d": 1.5, "orders_total": [1], "discount_affinity": true,
               "premium_affinity": {"value": 0.9, "at": "yesterday"}, "email": "jo@example.com"}),
        json!({"device": "fridge", "entry": 5, "country": "GB"}),
    );
    let explained = app.post("/v1/explain", wrong.clone()).await.body;
    assert_eq!(
        explained["ignored"],
        json!([
            "user.visits: not a whole number",
            "user.orders_total: not a whole number",
            "user.orders_90d: not a whole number",
            "user.discount_affinity: not a number",
            "user.premium_affinity: `at` is no instant such as 2026-11-20T10:00:00Z",
            "context.device: not one of its declared values",
            "context.entry: not a text",
            "user.email: not declared"
        ])
    );
    assert_eq!(explained["segment"], "default");
    // Nothing is known but the country, the one that was given as it should be.
    let known: Vec<String> =
        outcomes(&explained).into_iter().filter(|outcome| !outcome.ends_with("=unknown")).collect();
    assert_eq!(known, ["cold-places=false"]);
    let answer = app.blurb(wrong).await;
    assert_eq!((&answer["segment"], &answer["source"]), (&json!("default"), &json!("generated")), "{answer}");
}

#[tokio::test]
async fn a_score_that_is_too_old_counts_as_missing() {
    let upstream = Upstream::saying(COPY).await;
    let clock: copyrail::audit::Clock =
        std::sync::Arc::new(|| "2026-11-20T10:00:00Z".parse().expect("an instant"));
    let base = upstream.base_url();
    let variables = [("OPENAI_BASE_URL", base.as_str()), ("OPENAI_MODEL", "scripted")];
    let app = TestApp::try_start(&[], &variables, clock).await.unwrap();
    let segment = async |at: Option<&str>| {
        let mut score = json!({"value": 0.8});
        if let Some(at) = at {
            score["at"] = json!(at);
        }
        let request = asked(
            json!({"orders_90d": 2, "orders_total": 2, "last_order": "2026-11-01", "discount_affinity": score}),
            json!({}),
        );
        let explained = app.post("/v1/explain", request.clone()).await.body;
        let answer = app.blurb(request).await;
        assert_eq!(answer["segment"], explained["segment"]);
        (answer["segment"].as_str().unwrap().to_owned(), explained["ignored"].clone())
    };
    let hunter = ("bargain-hunters".to_owned(), json!([]));
    let stale = ("repeat".to_owned(), json!(["user.discount_affinity: older than its `max_age`"]));
    // It may be seven days old, as of the request; without a date it is as of the request.
    assert_eq!(segment(None).await, hunter);
    assert_eq!(segment(Some("2026-11-20T10:00:00Z")).await, hunter);
    assert_eq!(segment(Some("2026-11-13T10:00:00Z")).await, hunter);
    assert_eq!(segment(Some("2026-11-13T09:59:59Z")).await, stale);
    assert_eq!(segment(Some("2020-01-01T00:00:00Z")).await, stale);
}

#[tokio::test]
async fn check_says_what_the_guardrails_find_and_what_follows() {
    let upstream = Upstream::saying(COPY).await;
    let app = TestApp::start(&upstream).await;
    let check = async |body: Value| {
        let answered = app.post("/v1/check", body).await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        answered.body
    };
    let passed = check(json!({"text": COPY})).await;
    assert_eq!((&passed["verdict"], &passed["findings"]), (&json!("pass"), &json!([])));
    assert!(passed.get("text").is_none() && passed["revision"].as_str().unwrap().starts_with("b3:"));
    let blocked = check(json!({"text": "A 🏮 that is guaranteed to last."})).await;
    assert_eq!(blocked["verdict"], "block");
    let finding = blocked["findings"].as_array().unwrap().iter().find(|f| f["action"] == "block").unwrap();
    assert_eq!(finding["rule"], "compliance.no-promises");
    // Offsets count characters, whatever stands before.
    assert_eq!(
        (&finding["start"], &finding["end"], &finding["match"]),
        (&json!(12), &json!(22), &json!("guaranteed"))
    );
    let fixed = check(json!({"text": "A handy companion!"})).await;
    assert_eq!((&fixed["verdict"], &fixed["text"]), (&json!("fix"), &json!("A handy companion.")));
    // Where and in which language a text stands decides which rules apply.
    let coloured = json!({"text": "In the color of moss."});
    let with = |key: &str, value: Value| {
        let mut body = coloured.clone();
        body[key] = value;
        body
    };
    assert_eq!(check(with("locale", json!("en-US"))).await["verdict"], "pass");
    assert_eq!(check(with("locale", json!("en-GB"))).await["text"], "In the colour of moss.");
    assert_eq!(check(with("context", json!({"locale": "en-GB"}))).await["verdict"], "fix");
    assert_eq!((upstream.calls(), app.generations().await.len()), (0, 0));
}

#[tokio::test]
async fn check_takes_facts_by_the_products_id_or_from_the_request() {
    let upstream = Upstream::saying(COPY).await;
    let app = TestApp::start(&upstream).await;
    let catalogue = r#"{"id": "lt-1", "name": "Lumo lamp", "features": {"weight": "310 g"}}"#;
    let store = &app.app().shared.store;
    copyrail::catalogue::import(store, catalogue.as_bytes(), false, |_| ()).await.unwrap();
    app.app().shared.parts.catalogue.refresh().await.unwrap();
    let verdict = async |text: &str, key: &str, facts: Value| {
        let answered = app.post("/v1/check", json!({"text": text, key: facts})).await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        answered.body["verdict"].as_str().unwrap().to_owned()
    };
    let (right, wrong) = ("It weighs 310 g.", "It weighs 290 g.");
    let inline = json!({"name": "Lumo lamp", "features": {"weight": "310 g"}});
    for (key, facts) in [("product", json!({"id": "lt-1"})), ("product", inline.clone()), ("facts", inline)] {
        assert_eq!(verdict(right, key, facts.clone()).await, "pass", "{key} {facts}");
        assert_ne!(verdict(wrong, key, facts.clone()).await, "pass", "{key} {facts}");
    }
    // Facts of the request replace the catalogue's.
    let lighter = json!({"id": "lt-1", "name": "Lumo lamp", "features": {"weight": "290 g"}});
    assert_eq!(verdict(wrong, "product", lighter.clone()).await, "pass");
    assert_ne!(verdict(right, "product", lighter).await, "pass");
    // Without facts no figure is supported.
    assert_ne!(verdict(right, "facts", json!({})).await, "pass");
}

#[tokio::test]
async fn what_the_public_wrote_supports_no_claim() {
    let upstream = Upstream::saying("It holds 9 litres.").await;
    let app = TestApp::start(&upstream).await;
    let judged = async |field: &str| {
        let facts = json!({"name": "Kettle", field: ["It holds 9 litres."]});
        let verdict = app.post("/v1/check", json!({"text": "It holds 9 litres.", "facts": facts})).await.body;
        let answer =
            app.blurb(json!({"placement": "why-this", "product": facts, "deadline_ms": 30_000})).await;
        (verdict["verdict"].clone(), answer["source"].clone())
    };
    assert_eq!(judged("notes").await, (json!("pass"), json!("generated")));
    assert_eq!(judged("reviews").await, (json!("block"), json!("prewritten")));
}

/// Runs `segments explain` in a folder with the shipped files.
fn explained(folder: &std::path::Path, arguments: &[&str], input: &str) -> crate::support::Ran {
    let arguments: Vec<&str> = ["segments", "explain"].iter().chain(arguments).copied().collect();
    crate::support::copyrail(folder, &arguments, &[], input)
}

/// A shop of one placement whose segments use all that is ours.
fn small_shop() -> tempfile::TempDir {
    let folder = crate::support::shop();
    let write = |path: &str, text: &str| std::fs::write(folder.path().join(path), text).unwrap();
    write(
        "config/segments.yml",
        "attributes:\n  user.orders: {type: integer}\n  user.last_order: {type: date}\n  \
         user.affinity: {type: number, class: score, max_age: 7d}\n  user.id: {type: string, class: personal}\n\
         groups: {staff: [u-1, u-2]}\nsegments:\n  \
         - {id: staff, name: Staff, when: {user.id: {$inGroup: staff}}}\n  \
         - {id: lapsed, name: Lapsed, when: {user.last_order: {$olderThan: 180d}}}\n  \
         - id: fans\n    name: Fans\n    when: {$not: {$segment: lapsed}}\n    \
         score: [{when: {user.orders: {$gte: 3}}, add: 2}, {when: {user.affinity: {$gte: 0.5}}, add: 1}]\n    at_least: 2\n",
    );
    for entry in std::fs::read_dir(folder.path().join("prompts")).unwrap() {
        let path = entry.unwrap().path();
        for file in std::fs::read_dir(&path).into_iter().flatten() {
            let file = file.unwrap().path();
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            if name.ends_with(".prompty") && name != "default.prompty" {
                std::fs::remove_file(file).unwrap();
            }
        }
    }
    std::fs::remove_dir_all(folder.path().join("prompts/cta-subtext")).unwrap();
    folder
}

#[test]
fn explain_tells_a_person_every_condition_and_why_the_tier() {
    let folder = small_shop();
    let attributes = r#"{"user": {"id": "u-9", "orders": 4, "affinity": "high", "shoe": 43}}"#;
    let ran = explained(folder.path(), &["--attributes", attributes, "--at", "2026-11-22T12:00:00Z"], "");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    // The revision is that of the shipped rules as well, which are none of this test's.
    let told =
        ran.out.lines().map(|line| if line.starts_with("revision ") { "revision  b3:…" } else { line });
    insta::assert_snapshot!(format!("{}\n\n{}", told.collect::<Vec<_>>().join("\n"), ran.err));
    let none = explained(folder.path(), &["--attributes", attributes, "--no-consent"], "");
    assert!(
        none.out.starts_with("segment  default; no consent: nothing of the user is read"),
        "{}",
        none.out
    );
}

#[test]
fn explain_takes_a_file_of_users() {
    let folder = small_shop();
    let users = concat!(
        "{\"id\": \"u-2\", \"orders\": 0}\n",
        "{\"id\": \"u-3\", \"user\": {\"last_order\": \"2026-01-01\"}, \"at\": \"2026-11-22T12:00:00Z\"}\n",
        "not json\n",
        "{\"user\": {\"orders\": 5, \"last_order\": \"2026-11-01\"}, \"at\": \"2026-11-22T12:00:00Z\"}\n",
        "{\"user\": {\"orders\": 5}, \"consent\": false}\n",
    );
    let ran = explained(folder.path(), &["--users", "-", "--format", "json"], users);
    assert_eq!((ran.code, ran.err.trim()), (Some(1), "line 3: not an object of attributes"));
    let lines: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let chosen: Vec<_> = lines.iter().map(|line| line["segment"].as_str().unwrap()).collect();
    assert_eq!(chosen, ["staff", "lapsed", "fans", "default"]);
    assert_eq!(lines[2]["segments"][2]["conditions"][0]["path"], "segment");
    assert_eq!(lines[2]["segments"][0]["unknown"], json!(["user.id"]));
    assert_eq!(lines[1]["placements"][0]["ladder"]["mode"], "live");
    assert!(lines[0]["segments"][0]["version"].as_str().unwrap().starts_with("b3:"));
    let table = explained(folder.path(), &["--users", "-"], users);
    assert_eq!(table.code, Some(1));
    assert_eq!(table.out.lines().count(), 5, "{}", table.out);
}

#[tokio::test]
async fn a_declared_reference_may_decide_a_segment_with_consent_alone() {
    let upstream = Upstream::saying(COPY).await;
    let shipped = std::fs::read_to_string(crate::support::root().join("config/segments.yml")).unwrap();
    let segments = shipped
        .replacen("\nattributes:\n", "\nattributes:\n  user.id: {type: string, class: personal}\n", 1)
        .replacen("\nsegments:\n", "\nsegments:\n  - {id: staff, when: {user.id: {$in: [u-17]}}}\n", 1);
    let app = TestApp::start_with(&upstream, &[("config/segments.yml", segments.as_str())], &[]).await;
    let mut request = asked(json!({}), json!({}));
    assert_eq!(app.blurb(request.clone()).await["segment"], "staff");
    request["consent"] = json!({"personalisation": false});
    assert_eq!(app.blurb(request.clone()).await["segment"], "default");
    request["consent"] = json!({"personalisation": true});
    request["user"]["id"] = json!("u-18");
    assert_eq!(app.blurb(request).await["segment"], "default");
    assert!(!format!("{:?}", upstream.requests()).contains("u-17"), "it leaves for nowhere");
}

#[tokio::test]
async fn explain_says_the_tier_that_is_served() {
    let upstream = Upstream::saying(COPY).await;
    let app = TestApp::start(&upstream).await;
    for (locale, product) in [
        ("en", json!({"name": "Lumo lamp"})),
        ("fr", json!({"name": "Lumo lamp"})),
        ("en", json!({"id": "unheard-of"})),
        ("fr", json!({"id": "unheard-of"})),
    ] {
        let mut request = asked(json!({}), json!({"locale": locale}));
        request["product"] = product;
        let explained = app.post("/v1/explain", request.clone()).await.body;
        let answer = app.blurb(request.clone()).await;
        for key in ["tier", "reason", "template", "locale", "segment"] {
            assert_eq!(explained[key], answer[key], "{key} of {request}: {explained} {answer}");
        }
    }
}

#[tokio::test]
async fn a_long_list_is_left_out_and_said() {
    let upstream = Upstream::saying(COPY).await;
    let shipped = std::fs::read_to_string(crate::support::root().join("config/segments.yml")).unwrap();
    let with_list = shipped.replacen("\nattributes:\n", "\nattributes:\n  user.seen: {type: list}\n", 1);
    let app = TestApp::start_with(&upstream, &[("config/segments.yml", with_list.as_str())], &[]).await;
    for (items, ignored) in [(1_000, json!([])), (1_001, json!(["user.seen: longer than 1000 items"]))] {
        let request = asked(json!({"seen": vec!["x"; items]}), json!({}));
        assert_eq!(app.post("/v1/explain", request).await.body["ignored"], ignored);
    }
}
