//! Strings that break software, as everything that guardrails read: nothing panics or hangs, and no control character
//! passes.

use copyrail::document::Files;
use copyrail::guardrail::{Guardrails, Opinions, Subject, judge, load};
use copyrail::words::Locale;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use crate::support::shared_data;

/// Rules of the kinds that read more than patterns.
const RULES: &str = r#"
rules:
  - {id: markup, extends: markup, message: "'%s'", level: error, examples: {fail: ["<b>"], pass: [x]}}
  - {id: url, extends: url, allow: ["https://example.com", "mailto:"], message: "'%s'", level: error, examples: {fail: [example.org], pass: [x]}}
  - {id: pii, extends: pii, threshold: 0.3, message: "%s '%s'", level: error, examples: {fail: [jo@example.com], pass: [x]}}
  - {id: echo, extends: echo, message: "%s '%s'", level: error, examples: {fail: ["[Name]"], pass: [x]}}
  - {id: personal, extends: personal, message: "%s '%s'", level: error, allow: {user.x: [welcome back]}, examples: {fail: [Welcome back], pass: [x]}}
  - {id: language, extends: language, message: "%s", level: error, examples: {fail: [{text: Eine Lampe für den Tisch, locale: en}], pass: [x]}}
  - {id: competitor, extends: competitor, names: [Acme], message: "'%s'", level: error, examples: {fail: [Acme], pass: [x]}}
  - {id: limit, extends: limit, sms_segments: {max: 1}, lines: {max: 3}, message: "%s", level: error, examples: {fail: ["a\nb\nc\nd"], pass: [x]}}
  - {id: figures, extends: grounded, message: "'%s'", level: error, examples: {fail: [5 kg], pass: [x]}}
"#;

fn guardrails(rules: &str) -> Result<Guardrails, usize> {
    let files = Files::from([("guardrails/rules.yml".to_owned(), rules.to_owned())]);
    let (guardrails, faults) = load(&files, &TimeZone::UTC);
    guardrails.ok_or(faults.len())
}

fn strings() -> Vec<String> {
    let Some(file) = shared_data("naughty_strings_blns.jsonl") else { return Vec::new() };
    let lines = std::fs::read_to_string(file).unwrap();
    let text = |line: &str| serde_json::from_str::<Value>(line).unwrap()["text"].as_str().unwrap().to_owned();
    lines.lines().map(text).collect()
}

#[test]
fn as_texts_facts_and_attributes_they_break_nothing_and_no_control_character_passes() {
    let guardrails = guardrails(RULES).unwrap();
    let moment = "2027-01-15T12:00:00Z".parse().unwrap();
    let empty = Map::new();
    let map = |value: Value| value.as_object().cloned().unwrap();
    for string in strings() {
        let facts =
            map(json!({"name": string, "brand": [string], "features": {string.clone(): [string, 5]}}));
        let attributes = map(json!({"user": {"x": string, string.clone(): string}, string.clone(): 0.1234}));
        let subject = Subject {
            text: &string,
            facts: &empty,
            context: &attributes,
            placement: Some(&string),
            locale: None,
            inputs: &attributes,
            instructions: Some(&string),
            opinions: Opinions::Unknown,
            at: moment,
        };
        let judged = judge(&guardrails, &subject);
        for (at, c) in string.chars().enumerate().filter(|(_, c)| c.is_control() && *c != '\n') {
            let found =
                judged.findings.iter().any(|f| f.rule == "rules.markup" && (f.start..f.end).contains(&at));
            assert!(found, "{c:?} passes in {string:?}");
        }
        let text = format!("Since you love {string}, 12 MP {string} \u{202e}here.");
        for locale in ["en", "de", "ja", "ru"] {
            let locale = Locale::parse(locale);
            let judged = judge(
                &guardrails,
                &Subject { text: &text, facts: &facts, locale: locale.as_ref(), ..subject },
            );
            assert!(judged.findings.iter().any(|found| found.rule == "rules.markup"), "{text:?}");
            for found in judged.findings {
                let stretch: String = text.chars().skip(found.start).take(found.end - found.start).collect();
                assert_eq!(stretch, found.matched, "{text:?}");
            }
        }
    }
}

#[test]
fn as_words_of_rules_they_are_taken_or_refused() {
    let strings = strings();
    let (mut taken, mut refused) = (0, 0);
    for some in strings.chunks(64) {
        let quoted: Vec<String> = some.iter().map(|string| json!(string).to_string()).collect();
        let all = quoted.join(", ");
        let swaps: Vec<String> = quoted.iter().map(|string| format!("{string}: {string}")).collect();
        for extends in [
            format!("existence, tokens: [{all}]"),
            format!("substitution, swap: {{{}}}", swaps.join(", ")),
            format!("competitor, names: [{all}, {{name: x, aliases: [{all}], unless: [{all}]}}]"),
            format!("personal, tokens: [{all}], never: [{all}], allow: {{user.x: [{all}]}}"),
            format!("url, allow: [{all}]"),
            format!("pii, entities: [{all}]"),
        ] {
            let rules = format!(
                "rules: [{{id: r, extends: {extends}, message: m, level: error, exceptions: [{all}], \
                 examples: {{fail: [{all}], pass: [{all}]}}}}]"
            );
            match guardrails(&rules) {
                Ok(_) => taken += 1,
                Err(faults) => {
                    assert!(faults > 0, "{rules}");
                    refused += 1;
                }
            }
        }
        for string in quoted {
            let rules = format!(
                "rules: [{{id: r, extends: existence, tokens: [{string}], message: m, level: error, \
                 examples: {{fail: [{string}], pass: [{string}]}}}}]"
            );
            assert!(
                guardrails(&rules).is_err_and(|faults| faults > 0),
                "one example contradicts the other: {rules}"
            );
        }
    }
    eprintln!("{taken} sets of naughty rules taken, {refused} refused");
}
