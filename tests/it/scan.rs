//! `copyrail scan`: texts in bulk, one answer a line, in order.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Ran, copyrail, shared_data};

/// Rules of the test's own, so that what is found does not change with the shop's.
const RULES: &str = r#"rules:
  - id: no-promises
    extends: existence
    message: "'%s' promises an outcome."
    level: error
    ignorecase: true
    tokens: [guaranteed]
    exceptions: [product.name]
    examples:
      fail: [Guaranteed to last.]
      pass: [Made of steel., {text: The Guaranteed lamp., facts: {name: Guaranteed lamp}}]
  - id: calm
    extends: substitution
    message: "Write '%s' instead of '%s'."
    on_match: fix
    nonword: true
    swap: {"!": .}
    examples: {fail: [A lamp!], pass: [A lamp.]}
  - id: hype
    extends: existence
    message: "'%s' is hype."
    level: warning
    ignorecase: true
    tokens: [amazing]
    applies: {locale: [en-*], placement: [why-this], when: {context.country: GB}}
    examples:
      fail: [{text: Amazing., locale: en-GB, placement: why-this, context: {country: GB}}]
      pass: [Made of steel.]
  - id: figures
    extends: grounded
    message: "'%s' is not among the facts."
    level: error
    examples:
      fail: [{text: It weighs 290 g., facts: {name: A, features: {weight: 310 g}}}]
      pass: [{text: It weighs 310 g., facts: {name: A, features: {weight: 310 g}}}]
  - id: sale
    extends: existence
    message: "'%s' is over."
    level: error
    tokens: [sale]
    effective: {from: 2026-11-20, until: 2026-11-30}
    examples: {fail: [A sale.], pass: [A lamp.]}
"#;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("guardrails")).unwrap();
    std::fs::write(folder.path().join("guardrails/house.yml"), RULES).unwrap();
    folder
}

fn scan(folder: &Path, arguments: &[&str], input: &str) -> Ran {
    let arguments: Vec<&str> = ["scan"].iter().chain(arguments).copied().collect();
    copyrail(folder, &arguments, &[], input)
}

fn lines(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Scans one line as of a day on which nothing is on sale.
fn one(folder: &Path, line: &Value) -> Value {
    let ran = scan(folder, &["--as-of", "2026-12-01"], &line.to_string());
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "findings change no exit code");
    let mut lines = lines(&ran);
    assert_eq!(lines.len(), 1);
    lines.remove(0)
}

#[track_caller]
fn check(folder: &Path, line: Value, verdict: &str, rules: &[&str]) {
    let answer = one(folder, &line);
    let found: Vec<&str> =
        answer["findings"].as_array().unwrap().iter().map(|f| f["rule"].as_str().unwrap()).collect();
    assert_eq!((answer["verdict"].as_str().unwrap(), found.as_slice()), (verdict, rules), "{line}");
}

#[test]
fn what_the_public_wrote_supports_nothing() {
    let folder = folder();
    let line = json!({
        "id": 1, "text": "It weighs 290 g.", "facts": {"name": "A", "reviews": ["It weighs 290 g."]}
    });
    check(folder.path(), line.clone(), "pass", &[]);
    let segments = folder.path().join("config/segments.yml");
    std::fs::create_dir(folder.path().join("config")).unwrap();
    let declared = "attributes:\n  product.reviews: {type: list, trust: public}\nsegments: []\n";
    std::fs::write(&segments, declared).unwrap();
    check(folder.path(), line.clone(), "block", &["house.figures"]);
    std::fs::write(&segments, declared.replace("public", "everybody")).unwrap();
    let ran = scan(folder.path(), &[], &line.to_string());
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(ran.err.contains("config/segments.yml:2"), "{}", ran.err);
}

#[test]
fn answers_come_in_order_with_every_field_of_a_finding() {
    let folder = folder();
    let answer = one(folder.path(), &json!({"id": "a", "text": "It is guaranteed."}));
    assert_eq!(
        answer,
        json!({"id": "a", "verdict": "block", "findings": [{
            "rule": "house.no-promises", "kind": "existence", "level": "error", "action": "block",
            "start": 6, "end": 16, "match": "guaranteed", "message": "'guaranteed' promises an outcome."
        }]})
    );
    let fixed = one(folder.path(), &json!({"id": 7, "text": "A lamp!"}));
    assert_eq!(
        (&fixed["id"], &fixed["verdict"], &fixed["text"]),
        (&json!(7), &json!("fix"), &json!("A lamp."))
    );
    let texts = ["Guaranteed.", "A lamp.", "A lamp!"];
    let input: String = (0..300).map(|n| format!("{}\n", json!({"id": n, "text": texts[n % 3]}))).collect();
    let ran = scan(folder.path(), &["-"], &input);
    assert_eq!(ran.code, Some(0));
    let found: Vec<String> = lines(&ran).iter().map(|l| format!("{}{}", l["id"], l["verdict"])).collect();
    let expected: Vec<String> =
        (0..300).map(|n| format!("{n}{:?}", ["block", "pass", "fix"][n % 3])).collect();
    assert_eq!(found, expected);
}

#[test]
fn offsets_count_characters_of_the_text_given() {
    let folder = folder();
    for before in [
        "",
        "Für £5: ",
        "🏮🏮 ",
        "👩\u{200d}🔬 ",
        "e\u{301}e\u{301} ",
        "ﬁne ½ ",
        "\u{200b}\u{ad} ",
        "g\u{334}\u{335}\u{336} ",
        "مرحبا ",
    ] {
        for matched in ["guaranteed", "GUARANTEED", "guаrаnteed", "guar\u{ad}anteed"] {
            let text = format!("{before}{matched} to last.");
            let ran = scan(
                folder.path(),
                &["--only", "house.no-promises"],
                &json!({"id": 1, "text": text}).to_string(),
            );
            let answer = &lines(&ran)[0];
            let finding = &answer["findings"][0];
            assert_eq!(finding["rule"], "house.no-promises", "{text:?}: {answer}");
            let at = |key: &str| usize::try_from(finding[key].as_u64().unwrap()).unwrap();
            let stretch: String = text.chars().skip(at("start")).take(at("end") - at("start")).collect();
            assert_eq!(
                (stretch.as_str(), finding["match"].as_str().unwrap()),
                (matched, matched),
                "{text:?}"
            );
            assert_eq!(at("start"), before.chars().count(), "{text:?}");
        }
    }
}

#[test]
fn facts_locale_placement_and_attributes_decide_what_applies() {
    let folder = folder();
    let dir = folder.path();
    let weight = json!({"name": "Lumo lamp", "features": {"weight": "310 g"}});
    check(dir, json!({"id": 1, "text": "It weighs 310 g.", "facts": weight}), "pass", &[]);
    check(dir, json!({"id": 1, "text": "It weighs 290 g.", "facts": weight}), "block", &["house.figures"]);
    check(dir, json!({"id": 1, "text": "It weighs 310 g."}), "block", &["house.figures"]);
    let named = json!({"name": "Guaranteed lamp"});
    check(dir, json!({"id": 1, "text": "The Guaranteed lamp.", "facts": named}), "pass", &[]);
    check(dir, json!({"id": 1, "text": "The Guaranteed lamp."}), "block", &["house.no-promises"]);
    // What is not said applies; what is said otherwise does not.
    let amazing = |locale: &str, placement: &str, country: &str| {
        json!({"id": 1, "text": "Amazing.", "locale": locale, "placement": placement,
               "attributes": {"context": {"country": country}}})
    };
    check(dir, json!({"id": 1, "text": "Amazing."}), "repair", &["house.hype"]);
    check(dir, amazing("en-GB", "why-this", "GB"), "repair", &["house.hype"]);
    check(dir, amazing("de", "why-this", "GB"), "pass", &[]);
    check(dir, amazing("en-GB", "cta-subtext", "GB"), "pass", &[]);
    check(dir, amazing("en-GB", "why-this", "DE"), "pass", &[]);
    check(
        dir,
        json!({"id": 1, "text": "Amazing.", "locale": null, "facts": null, "extra": 5}),
        "repair",
        &["house.hype"],
    );
}

#[test]
fn a_faulty_line_is_told_by_its_number_and_holds_up_no_other() {
    let folder = folder();
    let long = format!(r#"{{"id": "long", "text": "{}"}}"#, "x".repeat(1024 * 1024));
    let input = [
        r#"{"id": 1, "text": "Guaranteed."}"#,
        "Guaranteed.",
        r#"{"id": 3}"#,
        r#"{"text": "Guaranteed."}"#,
        r#"{"id": 5, "text": 5}"#,
        r#"[6, "Guaranteed."]"#,
        "",
        r#"{"id": 8, "text": "Guaranteed.", "facts": []}"#,
        r#"{"id": 9, "text": "Guaranteed."} {}"#,
        &long,
        r#"{"id": 11, "text": "A lamp."}"#,
    ]
    .join("\n");
    let ran = scan(folder.path(), &[], &input);
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""));
    let answers = lines(&ran);
    let numbers: Vec<(Value, Value)> =
        answers.iter().map(|a| (a["id"].clone(), a.get("line").cloned().unwrap_or_default())).collect();
    let faulty = |line: i32| (json!(null), json!(line));
    assert_eq!(
        numbers,
        [
            (json!(1), json!(null)),
            faulty(2),
            faulty(3),
            faulty(4),
            faulty(5),
            faulty(6),
            faulty(8),
            faulty(9),
            faulty(10),
            (json!(11), json!(null))
        ]
    );
    let said: Vec<&str> = answers.iter().filter_map(|a| a["error"].as_str()).collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_file_is_read_like_standard_input() {
    let folder = folder();
    let input = "\u{feff}{\"id\": 1, \"text\": \"Guaranteed.\"}\r\n{\"id\": 2, \"text\": \"A lamp.\"}";
    std::fs::write(folder.path().join("texts.jsonl"), input).unwrap();
    let ran = scan(folder.path(), &["texts.jsonl"], "");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let verdicts: Vec<Value> = lines(&ran).into_iter().map(|line| line["verdict"].clone()).collect();
    assert_eq!(verdicts, [json!("block"), json!("pass")]);
    assert_eq!(scan(folder.path(), &["-"], input).out, ran.out);
    assert_eq!(scan(folder.path(), &[], input).out, ran.out);
    let missing = scan(folder.path(), &["nothing.jsonl"], "");
    assert_eq!(missing.code, Some(2));
    assert_eq!(missing.err, "error: nothing.jsonl cannot be read: No such file or directory (os error 2)\n");
    assert_eq!(scan(folder.path(), &[], "").out, "", "nothing in, nothing out");
}

#[test]
fn rules_folder_and_day_can_be_chosen() {
    let folder = folder();
    let line = json!({"id": 1, "text": "Guaranteed sale!"}).to_string();
    let found = |arguments: &[&str]| {
        let ran = scan(folder.path(), arguments, &line);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let findings = lines(&ran)[0]["findings"].as_array().unwrap().clone();
        findings.iter().map(|f| f["rule"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (promises, sale, calm) = ("house.no-promises", "house.sale", "house.calm");
    // `until` is inclusive.
    for (day, rules) in [
        ("2026-11-19", vec![promises, calm]),
        ("2026-11-20", vec![promises, sale, calm]),
        ("2026-11-30", vec![promises, sale, calm]),
        ("2026-12-01", vec![promises, calm]),
    ] {
        assert_eq!(found(&["--as-of", day]), rules, "{day}");
    }
    assert_eq!(found(&["--as-of", "2026-11-20", "--only", sale]), [sale]);
    assert_eq!(found(&["--as-of", "2026-11-20", "--only", sale, calm]), [sale, calm]);
    assert_eq!(found(&["--only", calm, "--only", promises, "--as-of", "2026-12-01"]), [promises, calm]);
    let unknown = scan(folder.path(), &["--only", calm, "house.clam"], &line);
    assert_eq!((unknown.code, unknown.out.as_str()), (Some(2), ""));
    assert_eq!(unknown.err, "error: there is no rule `house.clam`; `copyrail check` lists all\n");
    let other =
        RULES.replace("tokens: [guaranteed]", "tokens: [lamp]").replace("Guaranteed to last.", "A lamp.");
    let other = other.replace(
        "Made of steel., {text: The Guaranteed lamp., facts: {name: Guaranteed lamp}}",
        "Steel., {text: A lamp., facts: {name: lamp}}",
    );
    std::fs::create_dir(folder.path().join("proposed")).unwrap();
    std::fs::write(folder.path().join("proposed/house.yml"), other).unwrap();
    assert_eq!(found(&["--guardrails", "proposed", "--as-of", "2026-12-01"]), [calm]);
    // Rules that would be refused judge nothing.
    std::fs::write(folder.path().join("proposed/house.yml"), "rules: [{id: a, extends: existense}]").unwrap();
    for dir in ["proposed", "nowhere"] {
        let faulty = scan(folder.path(), &["--guardrails", dir], &line);
        assert_eq!((faulty.code, faulty.out.as_str()), (Some(1), ""), "{dir}: {}", faulty.err);
        assert!(faulty.err.starts_with("error: ") && faulty.err.contains(dir), "{}", faulty.err);
    }
}

#[test]
fn the_naughty_strings_are_judged_one_and_all() {
    let Some(file) = shared_data("naughty_strings_blns.jsonl") else { return };
    let mut count = 0;
    let input: String = std::fs::read_to_string(file)
        .unwrap()
        .lines()
        .map(|line| {
            count += 1;
            let text = &serde_json::from_str::<Value>(line).unwrap()["text"];
            format!(
                "{}\n",
                json!({"id": text, "text": text, "locale": text, "placement": text, "facts": {"name": text}})
            )
        })
        .collect();
    let ran = scan(folder().path(), &[], &input);
    assert_eq!((ran.code, lines(&ran).len()), (Some(0), count));
    assert!(lines(&ran).iter().all(|line| line["verdict"].is_string() && line.get("error").is_none()));
}

#[test]
fn thousands_of_lines_are_answered_in_their_order() {
    let folder = folder();
    let padding = "Made of steel. ".repeat(20);
    let line = |n: usize| match n % 50 {
        7 => "{\n".to_owned(),
        9 => " \n".to_owned(),
        11 => format!("{}\n", "x".repeat(1024 * 1024 + 5)),
        _ => format!("{}\n", json!({"id": n, "text": format!("{padding}Guaranteed {n}!")})),
    };
    let input: String = (0..400).map(line).collect();
    let ran = scan(folder.path(), &["--only", "house.no-promises"], &input);
    assert_eq!(ran.code, Some(1));
    let expected: Vec<(Value, usize)> = (0..400)
        .filter(|n| n % 50 != 9)
        .map(|n| if matches!(n % 50, 7 | 11) { (Value::Null, 0) } else { (json!(n), 1) })
        .collect();
    let found: Vec<(Value, usize)> = lines(&ran)
        .into_iter()
        .map(|answer| (answer["id"].clone(), answer["findings"].as_array().map_or(0, Vec::len)))
        .collect();
    assert_eq!(found, expected);
    let faulty = lines(&ran).into_iter().filter_map(|answer| answer["line"].as_u64()).collect::<Vec<_>>();
    assert_eq!(faulty, (0..400).filter(|n| matches!(n % 50, 7 | 11)).map(|n| n + 1).collect::<Vec<_>>());
}

#[test]
fn a_line_is_answered_before_the_next_is_written() {
    let folder = folder();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_copyrail"))
        .current_dir(folder.path())
        .env_clear()
        .arg("scan")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    for id in 0..3 {
        // The beginning of the line after it does not hold the answer back.
        let text = json!({"id": id, "text": "Guaranteed."});
        write!(input, "{text}\n  ").unwrap();
        input.flush().unwrap();
        let answer: Value = serde_json::from_str(&answers.next().unwrap().unwrap()).unwrap();
        assert_eq!((&answer["id"], &answer["verdict"]), (&json!(id), &json!("block")));
    }
    drop(input);
    assert!(answers.next().is_none());
    assert!(child.wait().unwrap().success());
}
