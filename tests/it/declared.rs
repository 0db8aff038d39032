//! Only declared inputs leave: what no template declares reaches neither the model, nor the cache key, nor the log.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{TestApp, Upstream, eventually, root};

const TEXT: &str = "A handy companion for the evening.";

/// The shop's segments, with a personal attribute that decides one.
fn segments() -> String {
    let shipped = std::fs::read_to_string(root().join("config/segments.yml")).unwrap();
    let declared = "attributes:\n  user.email: {type: string, class: personal}\n";
    let segment = "segments:\n  - id: reachable\n    name: Reachable\n    kind: lifecycle\n    \
                   when: {user.email: {$exists: true}, user.visits: {$gte: 5}}\n    examples:\n      \
                   - {user: {email: a@example.com, visits: 5}, expect: match}\n      - {expect: no-match}\n      \
                   - {user: {email: a@example.com}, expect: unknown}\n";
    shipped.replacen("attributes:\n", declared, 1).replacen("segments:\n", segment, 1)
}

/// A template for that segment which reads this user's visits.
fn template() -> String {
    let shipped = std::fs::read_to_string(root().join("prompts/why-this/default.prompty")).unwrap();
    let inputs = shipped.replacen("inputs:\n", "inputs:\n  user.visits:\n", 1);
    format!("{}\n\n{{{{ user | data(\"shopper\") }}}}\n", inputs.trim_end())
}

/// A request full of what is nobody's business, each such value with `canary` in it.
fn request(canary: &str, consent: Value) -> Value {
    json!({
        "placement": "why-this", "deadline_ms": 30_000, "consent": consent,
        "product": {
            "id": "l-1", "name": "Lumo lamp", "description": "Declared-thrush lamp.",
            "margin_note": format!("margin-{canary}"), "supplier": {"contact": format!("supplier-{canary}")},
        },
        "user": {"id": format!("id-{canary}"), "attributes": {
            "visits": 424_242, "email": format!("{canary}@example.com"), "diary_note": format!("diary-{canary}"),
            "orders_total": format!("mistyped-{canary}"),
        }},
        "context": {"locale": "en", "referrer_note": format!("https://example.com/?{canary}"), "device": canary},
    })
}

/// Whether the bytes of any file below a folder hold a text.
fn holds(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, text);
        }
        let bytes = std::fs::read(&path).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[tokio::test]
async fn what_is_not_declared_reaches_neither_model_nor_key_nor_log() {
    let upstream = Upstream::saying(TEXT).await;
    let (segments, template) = (segments(), template());
    let files = [
        ("config/segments.yml", segments.as_str()),
        ("prompts/why-this/reachable.user.prompty", template.as_str()),
    ];
    let mut app = TestApp::start_with(&upstream, &files, &[]).await;
    let agreed = json!({"personalisation": true});
    let first = app.blurb(request("canary-wren", agreed.clone())).await;
    assert_eq!(
        (&first["source"], &first["tier"], &first["segment"]),
        (&json!("generated"), &json!("user"), &json!("reachable")),
        "the personal attribute decides the segment: {first}"
    );
    let second = app.blurb(request("canary-rook", agreed.clone())).await;
    assert_eq!(second["source"], "cache", "what is not declared is no part of the key: {second}");
    let mut third = request("canary-rook", agreed);
    third["product"]["description"] = json!("Declared-linnet lamp.");
    assert_eq!(app.blurb(third).await["source"], "generated", "what is declared is part of the key");

    let asked = format!("{:?}", upstream.requests());
    let data = app.folder.path().join("data");
    // Looked for while the service runs too: what is checkpointed away might have been written before.
    eventually("the answers are written", || async { holds(&data, "\"source\":\"cache\"") }).await;
    assert!(!holds(&data, "canary-"), "an undeclared value is in the running log");
    app.app.take().unwrap().stop().await;
    for declared in ["Declared-thrush", "Declared-linnet", "424242"] {
        assert!(asked.contains(declared), "{declared} is asked with: {asked}");
        assert!(holds(&data, declared), "{declared} is in the log");
    }
    for canary in ["canary-", "margin_note", "diary_note", "referrer_note"] {
        assert!(!asked.contains(canary), "{canary} left for the model: {asked}");
        assert!(!holds(&data, canary), "{canary} is in the log");
    }
}

#[tokio::test]
async fn without_consent_nothing_of_the_user_is_read() {
    let upstream = Upstream::saying(TEXT).await;
    let (segments, template) = (segments(), template());
    let files = [
        ("config/segments.yml", segments.as_str()),
        ("prompts/why-this/default.user.prompty", template.as_str()),
    ];
    let mut app = TestApp::start_with(&upstream, &files, &[]).await;
    let refusals = [json!({"personalisation": false}), json!({}), json!(null)];
    for (number, consent) in refusals.into_iter().enumerate() {
        let answer = app.blurb(request("canary-wren", consent)).await;
        let source = if number == 0 { "generated" } else { "cache" };
        assert_eq!((&answer["source"], &answer["tier"]), (&json!(source), &json!("segment")), "{answer}");
        assert_eq!((&answer["segment"], &answer["reason"]), (&json!("default"), &json!("no_consent")));
    }
    let asked = format!("{:?}", upstream.requests());
    assert!(asked.contains("Declared-thrush") && !asked.contains("424242"), "{asked}");
    assert!(!asked.contains("canary-"), "{asked}");

    // With consent the same request is read: the segment is the user's, and so is the prompt.
    let agreed = app.blurb(request("canary-wren", json!({"personalisation": true}))).await;
    assert_eq!(agreed["segment"], "reachable", "{agreed}");
    assert_eq!(agreed["tier"], "user", "{agreed}");
    assert!(format!("{:?}", upstream.requests()).contains("424242"));

    // What was kept without consent names no user, hashed or not.
    app.app.take().unwrap().stop().await;
    assert!(!holds(&app.folder.path().join("data"), "canary-"));
}
