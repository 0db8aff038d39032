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
