//! What other rules would make of the texts of the log: the same as the service then makes of them, text by text.

use std::collections::HashMap;
use std::path::Path;

use copyrail::store::{Access, Store};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::support::{Ran, Reply, TestApp, Upstream, copy_dir, copyrail};

const SEED: u64 = 20_261_122;
const PRODUCTS: usize = 60;
/// What texts are made of: what both sets pass, correct or refuse, and what one of them treats otherwise.
const SENTENCES: &[&str] = &[
    "A lamp for the evening.",
    "It comes with a xylophone.",
    "It comes with a marimba.",
    "It comes with a zither.",
    "An amazing lamp.",
    "It dims at a touch!",
    "It weighs 2 kg.",
    "It weighs 3 kg.",
    "Made of solid oak.",
];
const BEFORE: &str = r#"rules:
  - id: no-xylophone
    extends: existence
    message: "'%s' is not said."
    level: error
    tokens: [xylophone]
    examples: {fail: [A xylophone.], pass: [A drum.]}
"#;
const AFTER: &str = r#"rules:
  - id: no-marimba
    extends: existence
    message: "'%s' is not said."
    level: error
    owner: music@example.com
    tokens: [marimba]
    examples: {fail: [A marimba.], pass: [A drum.]}
  - id: harp
    extends: substitution
    message: "Say '%s' instead of '%s'."
    on_match: fix
    swap: {zither: harp}
    examples: {fail: [A zither.], pass: [A drum.]}
  - id: oak-in-the-country
    extends: existence
    message: "'%s' is said of furniture alone."
    level: error
    tokens: [solid oak]
    applies: {when: {product.kind: {$ne: furniture}}}
    examples: {fail: [Made of solid oak.], pass: [A drum.]}
"#;

/// The text that is written about a product, always the same.
fn text(product: usize) -> String {
    let mut dice = StdRng::seed_from_u64(SEED + product as u64);
    let mut sentences: Vec<&str> = Vec::new();
    for _ in 0..dice.random_range(1..4) {
        let sentence = SENTENCES[dice.random_range(0..SENTENCES.len())];
        if !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    sentences.join(" ")
}

/// A writer that writes about the product that the prompt names.
async fn writer() -> Upstream {
    Upstream::with(|_, body| {
        let said = body["messages"].to_string();
        let (_, rest) = said.rsplit_once("Lamp number ").unwrap();
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Reply::Text(text(digits.parse().unwrap()))
    })
    .await
}

/// A service with this catalogue and the rules of before, asked for every product once; what it answered.
async fn served(upstream: &Upstream) -> (TestApp, Vec<Value>) {
    let app = TestApp::start_with(upstream, &[("guardrails/extra.yml", BEFORE)], &[]).await;
    let lines: Vec<String> = (0..PRODUCTS)
        .map(|n| {
            let kind = if n % 2 == 0 { "furniture" } else { "lighting" };
            json!({"id": format!("p-{n}"), "name": format!("Lamp number {n}"), "kind": kind, "features": {"weight": "2 kg"}})
                .to_string()
        })
        .collect();
    let store = Store::open(app.store_url(), Access::Beside).await.unwrap();
    copyrail::catalogue::import(&store, lines.join("\n").as_bytes(), false, |_| ()).await.unwrap();
    store.close().await;
    let answers = ask_all(&app).await;
    (app, answers)
}

async fn ask_all(app: &TestApp) -> Vec<Value> {
    let mut answers = Vec::new();
    for n in 0..PRODUCTS {
        let product = json!({"id": format!("p-{n}")});
        answers.push(
            app.blurb(json!({"placement": "why-this", "product": product, "deadline_ms": 30_000})).await,
        );
    }
    answers
}

/// Lays the rules of after over a folder of guardrails.
fn propose(folder: &Path) {
    let settings = std::fs::read_to_string(folder.join("guardrails.yml")).unwrap();
    let retired = "retired:\n  - {id: extra.no-xylophone, reason: The concert is over., by: jo@example.com, on: 2026-11-01}\n";
    std::fs::write(folder.join("guardrails.yml"), settings.replacen("retired:\n", retired, 1)).unwrap();
    std::fs::write(folder.join("extra.yml"), AFTER).unwrap();
}

/// Runs the command beside the service.
fn backtest(app: &TestApp, arguments: &[&str]) -> Ran {
    let folder = app.folder.path();
    let below = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let variables = [
        ("COPYRAIL__STORE__URL", app.store_url().to_owned()),
        ("COPYRAIL__POLICY__SEGMENTS", below("config/segments.yml")),
        ("COPYRAIL__POLICY__PROMPTS", below("prompts")),
        ("COPYRAIL__POLICY__GUARDRAILS", below("guardrails")),
    ];
    let variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let arguments: Vec<&str> = ["backtest"].iter().chain(arguments).copied().collect();
    copyrail(folder, &arguments, &variables, "")
}

fn is_used(answer: &Value) -> bool {
    answer["source"] == "generated" || answer["source"] == "cache"
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_what_the_service_then_does_text_by_text() {
    let upstream = writer().await;
    let (app, first) = served(&upstream).await;
    let proposed = app.folder.path().join("proposed");
    copy_dir(&app.folder.path().join("guardrails"), &proposed);
    propose(&proposed);
    let arguments = ["--guardrails", "proposed", "--examples", "1000", "--format", "json"];
    let ran = backtest(&app, &arguments);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&report["generations"], &report["complete"]), (&json!(PRODUCTS), &json!(true)), "{report}");
    assert_eq!(report["without_facts"], 0);

    // What it says of each product's text.
    let mut said: HashMap<String, (String, Option<String>)> = HashMap::new();
    for rule in report["rules"].as_array().unwrap() {
        for example in rule["examples"].as_array().unwrap().iter().filter(|e| e["generation"].is_string()) {
            let change = example["change"].as_str().unwrap().to_owned();
            let instead = example["instead"].as_str().map(str::to_owned);
            said.insert(example["product"].as_str().unwrap().to_owned(), (change, instead));
        }
    }
    let rule = report["rules"].as_array().unwrap().iter().find(|rule| rule["rule"] == "extra.no-marimba");
    assert_eq!(rule.unwrap()["owner"], "music@example.com");

    // What the service then does.
    propose(&app.folder.path().join("guardrails"));
    app.edit("guardrails/extra.yml", AFTER).await;
    let policy = app.get("/v1/policy", "compliance").await.body;
    assert_eq!(policy["refused"], json!([]), "the edit is in force");
    assert_ne!(policy["guardrails"], report["before"]);
    let second = ask_all(&app).await;
    let mut counted: HashMap<&str, usize> = HashMap::new();
    for (n, (before, after)) in first.iter().zip(&second).enumerate() {
        let change = said.get(&format!("p-{n}"));
        let word = change.map_or("same", |(change, _)| change.as_str());
        *counted
            .entry(
                ["same", "newly_blocked", "newly_passed", "changed"]
                    .into_iter()
                    .find(|w| *w == word)
                    .unwrap(),
            )
            .or_default() += 1;
        let told = format!("product {n} of seed {SEED}: {} was to be {word}; {before} then {after}", text(n));
        match word {
            "newly_blocked" => assert!(is_used(before) && !is_used(after), "{told}"),
            "newly_passed" => assert!(!is_used(before) && is_used(after), "{told}"),
            "changed" => {
                let instead = change.and_then(|(_, instead)| instead.as_deref());
                assert!(is_used(before) && is_used(after), "{told}");
                assert_eq!(after["text"].as_str(), instead, "{told}");
            }
            _ => assert_eq!((is_used(before), &before["text"]), (is_used(after), &after["text"]), "{told}"),
        }
    }
    assert_eq!(counted.len(), 4, "every kind of change is tried: {counted:?}");
    for change in ["newly_blocked", "newly_passed", "changed"] {
        let generations = said.values().filter(|(said, _)| said == change).count();
        assert!(report[change]["texts"].as_u64().unwrap() >= generations as u64, "{report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_rules_and_files_of_texts() {
    let upstream = writer().await;
    let (app, _) = served(&upstream).await;
    let folder = app.folder.path();
    copy_dir(&folder.join("guardrails"), &folder.join("proposed"));
    propose(&folder.join("proposed"));
    let code = |arguments: &[&str]| {
        let ran = backtest(&app, &[&["--guardrails", "proposed"], arguments].concat());
        assert!(!ran.err.contains("panicked"), "{}", ran.err);
        ran.code
    };
    assert_eq!(code(&["--max-newly-blocked", "1000"]), Some(0));
    assert_eq!(code(&["--max-newly-blocked", "0"]), Some(1));
    assert_eq!(code(&["--max-newly-blocked", "0.1%"]), Some(1));
    assert_eq!(code(&["--max-newly-passed", "0"]), Some(1));
    assert_eq!(code(&["--max-newly-passed", "100%"]), Some(0));
    let told = backtest(&app, &[]).out;
    assert!(
        told.lines().any(|line| line.starts_with("newly blocked") && line.ends_with(" % of serves")),
        "{told}"
    );
    assert_eq!(code(&["--max-newly-passed", "many"]), Some(2));
    assert_eq!(code(&["--rule", "extra.no-such"]), Some(2));
    assert_eq!(code(&["--against", "b3:00"]), Some(2));
    assert_eq!(code(&["--rule", "extra.harp", "--max-newly-blocked", "0"]), Some(0), "one rule by itself");
    let ran = backtest(&app, &["--format", "json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["before"], report["after"], "nothing was edited on disk");
    assert_eq!((&report["rules"], &report["changed"]["texts"]), (&json!([]), &json!(0)));
    let ran = backtest(&app, &["--guardrails", "proposed", "--limit", "7", "--format", "json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&report["generations"], &report["complete"]), (&json!(7), &json!(false)));

    // Two folders and a file of texts need no store; a line that is no text is told, and the others are judged.
    let lines = [
        json!({"id": 1, "text": "It comes with a marimba.", "placement": "why-this", "locale": "en"})
            .to_string(),
        json!({"id": "two", "text": "A xylophone."}).to_string(),
        json!({"id": 3, "text": "A zither for the evening."}).to_string(),
        json!({"id": 4, "text": "Solid oak.", "facts": {"name": "Desk", "kind": "furniture"}}).to_string(),
    ];
    std::fs::write(folder.join("texts.jsonl"), lines.join("\n")).unwrap();
    let of_file = |more: &[&str]| {
        let arguments =
            ["backtest", "--texts", "texts.jsonl", "--against", "guardrails", "--guardrails", "proposed"];
        copyrail(folder, &[&arguments, more].concat(), &[("COPYRAIL__STORE__URL", "sqlite:nowhere.db")], "")
    };
    let ran = of_file(&["--format", "json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    let count = |change: &str| report[change]["texts"].as_u64().unwrap();
    assert_eq!((count("newly_blocked"), count("newly_passed"), count("changed")), (1, 1, 1), "{report}");
    let said = of_file(&[]).out;
    // Which sets they are changes with every edit of the shipped rules.
    let said: Vec<&str> = said.lines().filter(|line| !line.starts_with("rules ")).collect();
    insta::assert_snapshot!(said.join("\n"));
    std::fs::write(folder.join("texts.jsonl"), format!("{}\nnothing\n", lines[0])).unwrap();
    let ran = of_file(&["--format", "json"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("line 2: not an object of `id` and `text`"), "{}", ran.err);
    assert!(ran.out.contains(r#""given":1"#), "{}", ran.out);
}

/// Rules in shadow: one that would block, one that would correct.
const SHADOW: &str = r#"rules:
  - id: no-marimba
    extends: existence
    message: "'%s' is not said."
    level: error
    mode: shadow
    owner: music@example.com
    tokens: [marimba]
    examples: {fail: [A marimba.], pass: [A drum.]}
  - id: harp
    extends: substitution
    message: "Say '%s' instead of '%s'."
    on_match: fix
    mode: shadow
    swap: {zither: harp}
    examples: {fail: [A zither.], pass: [A drum.]}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn rules_in_shadow_tell_what_they_would_have_done() {
    let upstream = writer().await;
    let app = TestApp::start_with(&upstream, &[("guardrails/extra.yml", SHADOW)], &[]).await;
    let ask = |n: usize| json!({"placement": "why-this", "product": {"name": format!("Lamp number {n}")}, "deadline_ms": 30_000});
    let (mut blocks, mut corrects, mut anyway, mut shown) = (0, 0, 0, 0);
    for n in 0..20 {
        let first = app.blurb(ask(n)).await;
        let has = |word: &str| text(n).contains(word);
        if is_used(&first) {
            app.blurb(ask(n)).await;
            blocks += u64::from(has("marimba"));
            corrects += u64::from(has("zither"));
            shown += u64::from(has("marimba")) * 2;
        } else {
            anyway += u64::from(has("marimba"));
        }
    }
    assert!(blocks > 0 && corrects > 0 && anyway > 0, "{blocks}, {corrects}, {anyway} of seed {SEED}");
    // Serves are written behind their answers' backs.
    let mut report = Value::Null;
    crate::support::eventually("serves are in the log", || {
        let ran = backtest(&app, &["--shadow", "--format", "json"]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        report = serde_json::from_str(&ran.out).unwrap();
        let there = report["serves"].as_u64() >= Some(20 + blocks);
        std::future::ready(there && report["rules"][1]["would_block"]["serves"] == shown)
    })
    .await;
    let (harp, marimba) = (&report["rules"][0], &report["rules"][1]);
    assert_eq!((&report["generations"], &report["unknown"]), (&json!(20), &json!(0)), "{report}");
    assert_eq!(
        (&marimba["rule"], &marimba["owner"]),
        (&json!("extra.no-marimba"), &json!("music@example.com"))
    );
    let told = |rule: &Value, count: &str| rule[count]["texts"].as_u64().unwrap();
    assert_eq!((told(marimba, "judged"), told(marimba, "would_block")), (20, blocks), "{report}");
    assert_eq!(told(marimba, "blocked_anyway"), anyway, "{report}");
    assert_eq!((told(harp, "would_correct"), told(harp, "would_block")), (corrects, 0), "{report}");
    let example = &marimba["examples"][0];
    assert!(example["text"].as_str().unwrap().contains("marimba"), "{example}");
    // The same is counted in memory.
    let live = app.get("/v1/policy", "compliance").await.body["shadow"].clone();
    assert_eq!(live["rules"]["extra.no-marimba"]["judged"], 20, "{live}");
    assert_eq!(live["rules"]["extra.no-marimba"]["would_block"], blocks + anyway, "{live}");
    assert!(live["since"].is_string());
    let said = backtest(&app, &["--shadow", "--examples", "1"]).out;
    assert!(said.contains("would have blocked") && said.contains("[marimba]"), "{said}");
}
