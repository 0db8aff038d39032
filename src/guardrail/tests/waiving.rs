//! Waivers: one text, some rules, until the end of a day.

use super::*;

const RULES: &str = "rules:\n  \
    - {id: fresh, extends: existence, message: m, level: error, ignorecase: true, tokens: [guaranteed], examples: {fail: [guaranteed], pass: [x]}}\n  \
    - {id: calm, extends: existence, message: m, level: warning, tokens: [now], examples: {fail: [now], pass: [x]}}\n  \
    - {id: swap, extends: substitution, message: m, on_match: fix, swap: {utilize: use}, examples: {fail: [utilize], pass: [x]}}\n";
const TEXT: &str = "Guaranteed fresh, or your money back.";

fn waiving(waivers: &str) -> Files {
    files([("g/f.yml", RULES), ("g/guardrails.yml", &format!("waivers:\n  - {waivers}\n"))])
}

fn waiver(text: &str, rules: &str) -> Files {
    waiving(&format!("{{text: \"{text}\", rules: [{rules}], reason: agreed, by: jo, until: 2027-01-31}}"))
}

#[test]
fn a_waiver_is_for_one_whole_text_and_the_rules_that_it_names() {
    let guardrails = loaded(&waiver(TEXT, "f.fresh"));
    for (text, verdict) in [
        (TEXT, Verdict::Pass),
        // The same words and marks, however they are spaced and with whatever quotes and dashes.
        ("  Guaranteed  fresh,\u{a0}or your money back. ", Verdict::Pass),
        ("Guar\u{200b}anteed fresh, or your money back.", Verdict::Pass),
        // Another text, if only by a mark; and a text that holds it.
        ("Guaranteed fresh or your money back.", Verdict::Block),
        ("guaranteed fresh, or your money back.", Verdict::Block),
        ("Guaranteed fresh, or your money back. Buy.", Verdict::Block),
        ("Guaranteed fresh", Verdict::Block),
    ] {
        assert_eq!(Scene::bare().judge(&guardrails, text).verdict, verdict, "{text}");
    }
    let judgement = Scene::bare().judge(&guardrails, TEXT);
    let [finding] = judgement.findings.as_slice() else { panic!("{judgement:?}") };
    assert_eq!((finding.rule.as_str(), finding.action, finding.waived), ("f.fresh", Action::Note, true));
    let written = serde_json::to_value(finding).unwrap();
    assert_eq!(written["waived"], json!(true));
    // A rule that it does not name holds the text back all the same.
    let both = "Guaranteed fresh now.";
    for (rules, verdict) in
        [("f.fresh", Verdict::Repair), ("f.calm", Verdict::Block), ("f.fresh, f.calm", Verdict::Pass)]
    {
        let guardrails = loaded(&waiver(both, rules));
        assert_eq!(Scene::bare().judge(&guardrails, both).verdict, verdict, "{rules}");
    }
    // What is waived is not corrected either.
    let guardrails = loaded(&waiver("Utilize it or utilize that.", "f.swap"));
    let judgement = Scene::bare().judge(&guardrails, "Utilize it or utilize that.");
    assert_eq!((judgement.verdict, judgement.fixed), (Verdict::Pass, None));
}

#[test]
fn a_waiver_ends_with_its_last_day() {
    let guardrails = loaded(&waiver(TEXT, "f.fresh"));
    let end: Timestamp = "2027-02-01T00:00:00Z".parse().unwrap();
    let before = end - jiff::SignedDuration::from_nanos(1);
    let at = |at| Scene { at, ..Scene::bare() };
    let judgement = at(before).judge(&guardrails, TEXT);
    assert_eq!((judgement.verdict, judgement.valid_until), (Verdict::Pass, Some(end)));
    assert_eq!(guardrails.next_change(before), Some(end));
    let judgement = at(end).judge(&guardrails, TEXT);
    assert_eq!((judgement.verdict, judgement.valid_until), (Verdict::Block, None));
    assert!(!judgement.findings[0].waived);
    // What was approved before is judged again from that instant on, and not approved.
    let approved = at(before).approve(&guardrails, &Draft::new(TEXT)).unwrap();
    assert_eq!(approved.text(), TEXT);
    assert!(at(end).approve(&guardrails, &Draft::new(TEXT)).is_err());
    // Days are those of the rules' time zone.
    let (tokyo, _) = load(&waiver(TEXT, "f.fresh"), &TimeZone::get("Asia/Tokyo").unwrap());
    let tokyo = tokyo.unwrap();
    assert_eq!(
        tokyo.next_change(before - jiff::SignedDuration::from_hours(24)),
        Some("2027-01-31T15:00:00Z".parse().unwrap())
    );
}

#[test]
fn what_is_wrong_with_a_waiver_is_said() {
    for (given, expected) in [
        (
            "{text: a, rules: [f.fersh], reason: r, by: b, until: 2027-01-31}",
            "error g/guardrails.yml:2:23 there is no rule `f.fersh`",
        ),
        (
            "{text: a, rules: [stop.phrase], reason: r, by: b, until: 2027-01-31}",
            "error g/guardrails.yml:2:23 a stop holds over any policy, and nothing waives it",
        ),
        (
            "{text: a, rules: [f.fresh], reason: r, by: b}",
            "error g/guardrails.yml:2:5 a waiver needs `until`",
        ),
        (
            "{text: a, rules: [], reason: r, by: b, until: 2027-01-31}",
            "error g/guardrails.yml:2:22 this names no rule",
        ),
        (
            "{text: \"!\", rules: [f.fresh], reason: r, by: b, until: 2027-01-31}",
            "error g/guardrails.yml:2:5 the text of this waiver says nothing",
        ),
        (
            "{text: a lamp, rules: [f.fresh, f.calm], reason: r, by: b, until: 2027-01-31}",
            "warning g/guardrails.yml:2:5 none of these rules catches the text of this waiver",
        ),
        ("{text: guaranteed, rules: [f.calm, f.fresh], reason: r, by: b, until: 2027-01-31}", ""),
    ] {
        let (guardrails, faults) = load(&waiving(given), &london());
        let told = |fault: &Diagnostic| {
            let severity = if fault.is_error() { "error" } else { "warning" };
            format!("{severity} {} {}", fault.place(), fault.message)
        };
        let found: Vec<String> = faults.iter().map(told).collect();
        let expected: Vec<&str> =
            Some(expected).filter(|expected| !expected.is_empty()).into_iter().collect();
        assert_eq!(found, expected, "{given}");
        assert_eq!(guardrails.is_none(), faults.iter().any(Diagnostic::is_error));
    }
    let guardrails = loaded(&waiver(TEXT, "f.fresh"));
    let files = waiver(TEXT, "f.fresh");
    for (at, over) in [("2027-01-31T23:59:59Z", false), ("2027-02-01T00:00:00Z", true)] {
        let found = lint(&guardrails, &files, None, at.parse().unwrap());
        let said = found
            .iter()
            .any(|fault| fault.message == "this waiver ended on 2027-01-31: its text is held back again");
        assert_eq!(said, over, "{at}");
    }
}
