use proptest::prelude::*;

use super::*;

/// Lines of a file of real inputs; says so when there is none, and then nothing is tried.
pub(in crate::guardrail) fn real_lines(name: &str) -> Vec<Value> {
    let path = format!(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/{}"), name);
    match std::fs::read_to_string(&path) {
        Ok(text) => text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
        Err(_) => {
            eprintln!("SKIPPED: there is no {path}");
            Vec::new()
        }
    }
}

/// Every finding must be a stretch of the text that was given.
fn check_findings(guardrails: &Guardrails, text: &str) {
    for finding in Scene::bare().judge(guardrails, text).findings {
        let stretch: String = text.chars().skip(finding.start).take(finding.end - finding.start).collect();
        assert_eq!(stretch, finding.matched, "{text:?} {finding:?}");
    }
}

#[test]
fn naughty_strings_break_nothing() {
    let guardrails = every_kind();
    for line in real_lines("naughty_strings_blns.jsonl") {
        let text = line["text"].as_str().unwrap();
        check_findings(&guardrails, text);
        let facts = json!({"name": text, "features": {text: [text, 5]}});
        Scene::new(facts, json!({})).judge(&guardrails, &format!("{text} 12 MP {text}"));
    }
}

proptest! {
    #[test]
    fn no_text_breaks_anything(text in "\\PC{0,80}|[a-e0-9 .,x£\"'%\u{200b}υ\u{301}\\-\n]{0,80}") {
        check_findings(&every_kind_once(), &text);
    }
}

pub(super) fn every_kind_once() -> std::sync::Arc<Guardrails> {
    static ONCE: std::sync::LazyLock<std::sync::Arc<Guardrails>> =
        std::sync::LazyLock::new(|| std::sync::Arc::new(every_kind()));
    std::sync::Arc::clone(&ONCE)
}

fn rules(rule: &str) -> Guardrails {
    let files = Files::from([("guardrails/rules.yml".to_owned(), format!("rules:\n  - {rule}\n"))]);
    let (guardrails, faults) = load(&files, &TimeZone::UTC);
    guardrails.unwrap_or_else(|| panic!("{faults:?}"))
}

/// The messages of what is found in a text by one rule.
fn messages(guardrails: &Guardrails, facts: Value, inputs: Value, text: &str) -> Vec<String> {
    let scene = Scene::new(facts, json!({}));
    let inputs = inputs.as_object().cloned().unwrap();
    let subject = Subject {
        text,
        facts: &scene.facts,
        context: &scene.context,
        placement: None,
        locale: None,
        inputs: &inputs,
        instructions: None,
        at: scene.at,
        opinions: Opinions::Unknown,
    };
    let judged = judge(guardrails, &subject);
    assert_eq!(judged.verdict == Verdict::Pass, judged.findings.is_empty());
    judged.findings.into_iter().map(|finding| finding.message).collect()
}

#[test]
fn figures_are_compared_up_to_so_much_work_and_not_passed_beyond_it() {
    let rule = "{id: figures, extends: grounded, message: \"'%s'\", level: error, examples: {fail: [5 kg], pass: [x]}}";
    let guardrails = rules(rule);
    let facts = |attributes: usize| {
        let weights = (0..attributes).map(|n| (format!("weight {n}"), json!("5 kg")));
        json!({"name": "x", "features": Map::from_iter(weights)})
    };
    let text = |figures: usize| "It weighs 5 kg. ".repeat(figures);
    for (attributes, figures) in [(3_000, 200), (20, 4_000)] {
        assert_eq!(messages(&guardrails, facts(attributes), json!({}), &text(figures)), Vec::<String>::new());
    }
    let said = messages(&guardrails, facts(3_000), json!({}), &text(4_000));
    assert!(said.len() == 1 && said[0].contains("too long to be compared"), "{said:?}");
    // Names of attributes are read up to a length, so that no path grows with every level.
    let nested = (0..40).fold(json!({"weight": "5 kg"}), |below, _| json!({"k".repeat(5_000): below}));
    let said = messages(&guardrails, json!({"name": "x", "features": nested}), json!({}), &text(1));
    assert!(said.len() <= 1, "{said:?}");
}

#[test]
fn attributes_are_looked_for_up_to_so_much_work_and_not_passed_beyond_it() {
    let rule = "{id: echo, extends: echo, message: \"%s '%s'\", level: error, examples: {fail: [\"[Name]\"], pass: [x]}}";
    let guardrails = rules(rule);
    let inputs = |values: usize| {
        let values = (0..values).map(|n| (format!("k{n}"), json!(format!("Value {n}"))));
        json!({"user": Map::from_iter(values)})
    };
    let text = |length: usize| "A lamp for the desk. ".repeat(length / 21);
    for (values, length) in [(200, 16_000), (10, 200_000)] {
        let said = messages(&guardrails, json!({"name": "x"}), inputs(values), &text(length));
        assert_eq!(said, Vec::<String>::new(), "{values} {length}");
    }
    let said = messages(&guardrails, json!({"name": "x"}), inputs(200), &text(200_000));
    assert!(said.len() == 1 && said[0].starts_with("too long a text"), "{said:?}");
}

#[test]
fn exceptions_are_held_against_so_many_matches_and_the_rest_is_not_passed() {
    let rule = "{id: risky, extends: existence, message: \"'%s'\", level: error, tokens: [risky], \
        exceptions: [product.name], examples: {fail: [A risky lamp], pass: [{text: A risky lamp, facts: {name: risky}}]}}";
    let guardrails = rules(rule);
    let name = || json!({"name": "risky"});
    let text = |times: usize| "The risky lamp. ".repeat(times);
    assert_eq!(messages(&guardrails, name(), json!({}), &text(500)), Vec::<String>::new());
    let said = messages(&guardrails, name(), json!({}), &text(5_000));
    assert!(said.len() == 1 && said[0].contains("too many places"), "{said:?}");
}
