//! `copyrail demo`: the whole service in one command, with what it promises to show.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Ran, copyrail, shared_data, shop};

fn demo(folder: &Path, arguments: &[&str]) -> Ran {
    let arguments: Vec<&str> = ["demo", "--once"].iter().chain(arguments).copied().collect();
    let ran = copyrail(folder, &arguments, &[], "");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!ran.out.contains('\u{1b}') && !ran.err.contains('\u{1b}'), "{ran:?}");
    ran
}

/// The answers of a demo, with what each was asked.
fn answers(ran: &Ran) -> Vec<(Value, Value)> {
    assert_eq!(ran.out.lines().count(), 1, "{}", ran.out);
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    let answers = told["answers"].as_array().unwrap().iter();
    answers.map(|one| (one["request"].clone(), one["answer"].clone())).collect()
}

/// What the demo has to show, whatever the catalogue.
#[track_caller]
fn check(ran: &Ran) {
    let answers = answers(ran);
    let find = |what: &str, holds: &dyn Fn(&Value) -> bool| {
        let found = answers.iter().position(|(_, answer)| holds(answer));
        found.unwrap_or_else(|| panic!("no answer is {what}: {}", ran.out))
    };
    let generated = find("generated", &|a| a["source"] == "generated");
    let (request, first) = &answers[generated];
    let again = answers.iter().skip(generated + 1).find(|(asked, _)| asked["product"] == request["product"]);
    let (_, again) = again.unwrap();
    assert_eq!((&again["source"], &again["text"]), (&json!("cache"), &first["text"]));
    assert_eq!(again["generation_id"], first["generation_id"]);
    let caught = find("caught by a guardrail", &|a| a["reason"] == "guardrail");
    assert_eq!(answers[caught].1["source"], "prewritten");
    let late = find("late", &|a| a["reason"] == "deadline" && a["pending"] == true);
    let (hurried, stand_in) = &answers[late];
    assert_eq!(stand_in["source"], "prewritten");
    let later = answers.iter().skip(late + 1).find(|(asked, _)| asked["product"] == hurried["product"]);
    let (_, later) = later.unwrap();
    assert_eq!((&later["source"], &later["pending"]), (&json!("cache"), &json!(false)), "{later}");
    let segments: BTreeSet<&str> = answers.iter().filter_map(|(_, a)| a["segment"].as_str()).collect();
    assert!(segments.len() >= 4, "{segments:?}");
    let locales: BTreeSet<&str> = answers.iter().filter_map(|(_, a)| a["locale"].as_str()).collect();
    assert!(locales.contains("en") && locales.contains("de"), "{locales:?}");
    for (request, answer) in &answers {
        assert!(!answer["text"].as_str().unwrap().is_empty(), "{request}: {answer}");
        assert!(answer["reason"].is_null() || answer["source"] != "generated", "{answer}");
    }
}

#[test]
fn the_built_in_shop_is_shown_from_an_empty_folder() {
    let folder = tempfile::tempdir().unwrap();
    let ran = demo(folder.path(), &["--format", "json"]);
    check(&ran);
    assert_eq!(ran.err, "");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the folder is left as it was");
}

#[test]
fn real_catalogues_are_shown_too() {
    for name in ["catalogue_icecat_2000.jsonl", "catalogue_luma.jsonl", "contoso_products_20.jsonl"] {
        let Some(file) = shared_data(name) else { continue };
        let file = std::fs::canonicalize(file).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let ran = demo(folder.path(), &["--format", "json", "--catalog", &file.to_string_lossy()]);
        check(&ran);
        let catalogue = std::fs::read_to_string(&file).unwrap();
        for (request, _) in answers(&ran) {
            let id = request["product"]["id"].as_str().unwrap();
            assert!(catalogue.contains(&format!("\"{id}\"")), "{name} has no product {id}");
        }
    }
}

#[test]
fn the_shop_of_the_working_directory_goes_before_the_one_built_in() {
    let shop = shop();
    let segments = shop.path().join("config/segments.yml");
    let text = std::fs::read_to_string(&segments).unwrap();
    let renamed = text.replace("id: awareness", "id: newcomers").replace("[awareness,", "[newcomers,");
    std::fs::write(&segments, renamed).unwrap();
    for file in ["why-this/awareness.prompty", "cta-subtext/awareness.prompty"] {
        let file = shop.path().join("prompts").join(file);
        std::fs::rename(&file, file.with_file_name("newcomers.prompty")).unwrap();
    }
    let ran = demo(shop.path(), &["--format", "json"]);
    let segments: Vec<Value> =
        answers(&ran).into_iter().map(|(_, answer)| answer["segment"].clone()).collect();
    assert!(
        segments.contains(&json!("newcomers")) && !segments.contains(&json!("awareness")),
        "{segments:?}"
    );
    // A fault in it is said, and nothing else is shown in its place.
    std::fs::write(shop.path().join("guardrails/brand.yml"), "rules: none").unwrap();
    let ran = copyrail(shop.path(), &["demo", "--once"], &[], "");
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{}", ran.err);
    assert!(ran.err.contains(" --> guardrails/brand.yml:1:8\n"), "{}", ran.err);
    assert!(
        ran.err
            .ends_with("the shop in the working directory is faulty; mend the faults above and try again\n")
    );
}

#[test]
fn a_person_reads_what_was_caught_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let ran = demo(folder.path(), &[]);
    assert_eq!(ran.err, "");
    for part in [
        "not shown: compliance.no-promises found “Guaranteed”",
        "Guaranteed to last a lifetime.",
        "generated and checked",
        "from cache, checked",
        "pre-written copy",
        "reason guardrail",
        "reason deadline",
        "nothing unchecked was shown",
    ] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
    // The promise is shown as what was not shown, and nowhere as copy.
    let copy: Vec<&str> = ran.out.lines().filter(|line| line.trim_start().starts_with('│')).collect();
    assert!(copy.len() >= 8 && copy.iter().all(|line| !line.contains("Guaranteed")), "{copy:?}");
    assert!(ran.out.lines().all(|line| line.chars().count() <= 120), "{}", ran.out);
}

#[test]
fn a_faulty_catalogue_is_said_by_its_lines() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("lamps.jsonl"),
        "{\"id\": \"1\", \"name\": \"Lamp\"}\nlamp\n{\"id\": \"2\"}\n",
    )
    .unwrap();
    let ran = copyrail(folder.path(), &["demo", "--once", "--catalog", "lamps.jsonl"], &[], "");
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    insta::assert_snapshot!(ran.err);
    // One product is enough to show all of it.
    std::fs::write(folder.path().join("lamps.jsonl"), "{\"product_id\": 1, \"name\": \"Lumo lamp\"}\n")
        .unwrap();
    demo(folder.path(), &["--catalog", "lamps.jsonl"]);
}
