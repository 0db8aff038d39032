//! Conditions, hashes and shares as GrowthBook reads them, and as we do where data is missing: case by case, through
//! the command that other programs use.

use serde_json::Value;

use crate::support::{copyrail, root};

/// The cases, one object a line.
fn cases() -> Vec<Value> {
    let text = std::fs::read_to_string(root().join("tests/conditions/cases.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What each case comes to under these semantics.
fn evaluated(semantics: &str) -> Vec<(Value, Value)> {
    let cases = cases();
    let input: String = cases.iter().map(|case| format!("{case}\n")).collect();
    let output = copyrail(root(), &["segments", "eval", "--semantics", semantics], &[], &input);
    let answers: Vec<Value> = output.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), cases.len(), "{}", output.err);
    let faulty = answers.iter().any(|answer| answer.get("error").is_some());
    assert_eq!(output.code, Some(i32::from(faulty)), "a faulty line is told by the exit code");
    cases.into_iter().zip(answers).collect()
}

/// The cases of one kind, of which there are at least so many; those that come out otherwise fail the test together.
fn hold(semantics: &str, kind: &str, at_least: usize, wrong: impl Fn(&Value, &Value) -> Option<String>) {
    let cases: Vec<_> =
        evaluated(semantics).into_iter().filter(|(case, _)| case.get(kind).is_some()).collect();
    assert!(cases.len() >= at_least, "{} cases of {kind}", cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(case, answer)| Some(format!("{}: {}", case["id"], wrong(case, answer)?)))
        .collect();
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn growthbooks_own_reading() {
    hold("growthbook", "condition", 250, |case, answer| {
        let fits = answer["match"] == case["growthbook"] && answer.get("error").is_none();
        (!fits).then(|| format!("{answer}"))
    });
}

#[test]
fn strict_differs_only_where_data_is_missing() {
    hold("strict", "condition", 250, |case, answer| {
        if case.get("strict_error").is_some() {
            return answer.get("error").is_none().then(|| format!("no error: {answer}"));
        }
        let fits = answer["match"] == case["strict"] && answer["unknown"] == case["unknown"];
        (!fits || answer.get("error").is_some()).then(|| format!("{answer}"))
    });
}

#[test]
fn hashes_ranges_and_choices() {
    for semantics in ["strict", "growthbook"] {
        hold(semantics, "hash", 20, |case, answer| {
            (answer["bucket"] != case["bucket"]).then(|| format!("{answer}"))
        });
        hold(semantics, "ranges", 10, |case, answer| {
            let ends = |ranges: &Value| -> Vec<f64> {
                let ranges = ranges.as_array().into_iter().flatten();
                ranges.flat_map(|range| [range[0].as_f64().unwrap(), range[1].as_f64().unwrap()]).collect()
            };
            let (found, expected) = (ends(&answer["ranges"]), ends(&case["expected"]));
            let close = found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-9);
            (found.len() != expected.len() || !close).then(|| format!("{answer}"))
        });
        hold(semantics, "choose", 5, |case, answer| {
            (answer["variation"] != case["variation"]).then(|| format!("{answer}"))
        });
    }
}

#[test]
fn faulty_lines_hold_up_no_other() {
    let input = concat!(
        "{\"id\": 1, \"condition\": {\"a\": 1}, \"attributes\": {\"a\": 1}}\n",
        "[1]\n\n",
        "{\"condition\": 5}\n",
        "{\"id\": 4}\n",
        "{\"condition\": {\"a\": {\"$regx\": 1}}, \"attributes\": {}}\n",
        "{\"condition\": {\"$and\": {\"a\": 1}}, \"attributes\": {}}\n",
        "{\"condition\": {\"$segment\": \"loyal\"}, \"attributes\": {}}\n",
        "{\"condition\": {\"a\": {\"$within\": \"1w\"}}, \"attributes\": {}}\n",
        "{\"ranges\": {\"variations\": 1000000000}}\n",
        "{\"condition\": {\"a\": {\"$fresh\": \"1d\", \"$gte\": 5}}, \"attributes\": {\"a\": {\"value\": 7, \"at\": \"2026-11-18T10:00:00Z\"}}, \"at\": \"2026-11-20T10:00:00Z\"}\n",
        "{\"condition\": {\"a\": {\"$within\": \"1d\"}}, \"attributes\": {\"a\": \"2026-11-20\"}, \"at\": \"2026-11-20T10:00:00Z\"}\n",
    );
    let output = copyrail(root(), &["segments", "eval"], &[], input);
    assert_eq!(output.code, Some(1));
    insta::assert_snapshot!(output.out);
}
