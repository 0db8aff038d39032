//! Public styles: their findings, through `copyrail scan`, held against what Vale itself finds.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{copy_dir, copyrail, shared_data};

/// What is compared of a finding.
type Found = (String, u64, u64);

fn found(findings: &Value) -> Vec<(Found, String, String)> {
    let of = |finding: &Value| {
        let text = |key: &str| finding[key].as_str().unwrap().to_owned();
        let place = |key: &str| finding[key].as_u64().unwrap();
        ((text("rule"), place("start"), place("end")), text("level"), text("message"))
    };
    findings.as_array().unwrap().iter().map(of).collect()
}

/// The three packages find what Vale finds with them, in the same places.
#[test]
fn public_styles_find_what_vale_finds() {
    let (Some(golden), Some(styles)) = (shared_data("vale/golden.jsonl"), shared_data("vale/styles")) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let guardrails = folder.path().join("guardrails");
    copy_dir(&styles, &guardrails.join("styles"));
    std::fs::write(guardrails.join("guardrails.yml"), "styles: [Microsoft, proselint, write-good]\n")
        .unwrap();

    let ran =
        copyrail(folder.path(), &["scan", golden.to_str().unwrap(), "--guardrails", "guardrails"], &[], "");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let golden = std::fs::read_to_string(golden).unwrap();
    let (mut both, mut ours, mut theirs) = (0_usize, 0_usize, 0_usize);
    let mut differences: BTreeMap<(String, &str), usize> = BTreeMap::new();
    let (mut levels, mut messages) = (0_usize, 0_usize);
    assert_eq!(ran.out.lines().count(), golden.lines().count());
    for (mine, golden) in ran.out.lines().zip(golden.lines()) {
        let read = |line: &str| serde_json::from_str::<Value>(line).unwrap();
        let (mine, golden) = (read(mine), read(golden));
        assert_eq!(mine["id"], golden["id"]);
        assert_eq!(mine["verdict"], "pass", "findings of public rules are notes");
        let (found, expected) = (found(&mine["findings"]), found(&golden["findings"]));
        (ours, theirs) = (ours + found.len(), theirs + expected.len());
        for (place, level, message) in &found {
            let Some((_, their_level, their_message)) = expected.iter().find(|(theirs, ..)| theirs == place)
            else {
                *differences.entry((place.0.clone(), "ours alone")).or_default() += 1;
                continue;
            };
            both += 1;
            levels += usize::from(level == their_level);
            messages += usize::from(message == their_message);
        }
        for (place, ..) in expected.iter().filter(|(place, ..)| !found.iter().any(|(ours, ..)| ours == place))
        {
            *differences.entry((place.0.clone(), "Vale's alone")).or_default() += 1;
        }
    }
    let f1 = 2.0 * both as f64 / (ours + theirs) as f64;
    eprintln!("public styles: F1 {f1:.4}; {ours} findings, Vale's {theirs}, both {both}");
    eprintln!("of those both: {levels} of the same level, {messages} with the same message");
    for ((rule, whose), count) in &differences {
        eprintln!("  {rule}: {count} {whose}");
    }
    assert!(f1 >= 0.99, "F1 is {f1:.4}");
    assert_eq!((levels, messages), (both, both), "of those both, how many have the same level and message");
}
