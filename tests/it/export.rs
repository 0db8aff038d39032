//! The log taken elsewhere: lines that anybody can check, rows that anybody can read, a case that proves itself.

use std::path::Path;
use std::process::Command;

use copyrail::casefile::{CHECK_CASE, CHECK_CHAIN};
use serde_json::{Value, json};

use crate::casefile::{audit, told};
use crate::support::{TestApp, Upstream, ask};

/// What a script says of a file, and whether it ends well; `None`, said aloud, where there is no Python.
fn python(script: &str, file: &Path) -> Option<(bool, String)> {
    let Ok(output) = Command::new("python3").args(["-c", script]).arg(file).output() else {
        eprintln!("SKIPPED: there is no python3 here, so the scripts for checking were not run");
        return None;
    };
    let said = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

/// Exports to a file of the shop's folder and reads it.
async fn exported(app: &TestApp, name: &str, arguments: &[&str]) -> Vec<u8> {
    let path = app.folder.path().join(name);
    let mut all = vec!["export", "--out", path.to_str().unwrap()];
    all.extend_from_slice(arguments);
    let ran = audit(app, &all).await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""), "{}", ran.err);
    std::fs::read(path).unwrap()
}

fn lines(text: &[u8]) -> Vec<Value> {
    String::from_utf8(text.to_vec())
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn lines_are_the_chain_and_hold_no_text_unless_asked() {
    let (app, answer) = told().await;
    let masked = exported(&app, "log.jsonl", &[]).await;
    for private in ["A lamp of 12 W", "companion", "data sheet", "You write short product copy"] {
        assert!(!String::from_utf8_lossy(&masked).contains(private), "{private}");
    }
    let entries = lines(&masked);
    let seqs: Vec<i64> = entries.iter().map(|entry| entry["seq"].as_i64().unwrap()).collect();
    assert_eq!(seqs, (1..=i64::try_from(entries.len()).unwrap()).collect::<Vec<_>>());
    assert_eq!(entries[0]["prev"], json!("0".repeat(64)));
    let path = app.folder.path().join("log.jsonl");
    if let Some((good, said)) = python(CHECK_CHAIN, &path) {
        assert!(good && said.starts_with("the chain holds up to entry "), "{said}");
        for (from, to) in [("why-this", "why-that"), ("\"seq\":3,", "\"seq\":4,")] {
            let changed = String::from_utf8(masked.clone()).unwrap().replacen(from, to, 1);
            let path = app.folder.path().join("changed.jsonl");
            std::fs::write(&path, changed).unwrap();
            let (good, said) = python(CHECK_CHAIN, &path).unwrap();
            assert!(!good && said.starts_with("WRONG: "), "{from}: {said}");
        }
    }

    let whom = audit(&app, &["export", "--with-payload"]).await;
    assert_eq!(whom.code, Some(2));
    assert!(whom.err.contains("--by NAME"), "{}", whom.err);
    let whole = lines(&exported(&app, "whole.jsonl", &["--with-payload", "--by", "Ada"]).await);
    let generation = whole.iter().find(|entry| entry["kind"] == "generation").unwrap();
    let payload: Value = serde_json::from_str(generation["payload"].as_str().unwrap()).unwrap();
    assert_eq!(payload["text"], answer["text"]);
    let last: Value = serde_json::from_str(whole.last().unwrap()["bytes"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&last["type"], &last["by"], &last["what"], &last["of"]),
        (&json!("export"), &json!("Ada"), &json!("export"), &json!("all"))
    );
    let verified = audit(&app, &["verify"]).await;
    assert_eq!(verified.code, Some(0), "{}", verified.out);
}

#[tokio::test]
async fn tables_hold_one_record_a_row() {
    let upstream = Upstream::saying("=A lamp, \"quoted\" for the desk.").await;
    let mut app = TestApp::start(&upstream).await;
    for name in ["Lumo lamp", "Lumo lamp", "Second lamp"] {
        app.blurb(ask(name)).await;
    }
    app.app.take().unwrap().stop().await;
    let csv = String::from_utf8(exported(&app, "serves.csv", &["--type", "serves", "--format", "csv"]).await)
        .unwrap();
    let head = csv.lines().next().unwrap();
    assert!(head.starts_with("seq,hash,line,id,at,placement,segment,") && !head.contains(",text,"), "{head}");
    assert_eq!(csv.lines().count(), 4);
    assert!(!csv.contains("lamp"), "{csv}");
    let arguments = ["--type", "serves", "--format", "csv", "--with-payload", "--by", "Ada"];
    let csv = String::from_utf8(exported(&app, "texts.csv", &arguments).await).unwrap();
    assert!(csv.contains("\"'=A lamp, \"\"quoted\"\" for the desk.\""), "{csv}");
    let arguments = ["--type", "generations", "--format", "csv"];
    let csv = String::from_utf8(exported(&app, "generations.csv", &arguments).await).unwrap();
    assert_eq!(csv.lines().count(), 3, "{csv}");
    let parquet = exported(&app, "serves.parquet", &["--type", "serves", "--format", "parquet"]).await;
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));

    // What people said of holds and erasures, and what inputs can be guessed by, is for those who ask for it.
    let held =
        audit(&app, &["hold", "add", "--placement", "elsewhere", "--reason", "Claim 7", "--by", "jo"]).await;
    assert_eq!(held.code, Some(0), "{}", held.err);
    let erased =
        audit(&app, &["erase", "--user", "u-9", "--reference", "DSR-204", "--by", "jo", "--yes"]).await;
    assert_eq!(erased.code, Some(0), "{}", erased.err);
    let payload = ["--with-payload", "--by", "Ada"];
    for (kind, said) in [("events", &["Claim 7", "DSR-204"][..]), ("generations", &["cache_key"])] {
        let masked = ["--type", kind, "--format", "csv"];
        let whole = String::from_utf8(exported(&app, "whole.csv", &[&masked[..], &payload].concat()).await);
        let masked = String::from_utf8(exported(&app, "masked.csv", &masked).await).unwrap();
        let whole = whole.unwrap();
        for said in said {
            assert!(whole.contains(said) && !masked.contains(said), "{said}: {whole}{masked}");
        }
        let width = |table: &str| table.lines().next().map(|head| head.split(',').count());
        assert!(width(&masked) < width(&whole) || masked.contains("hold") && masked.contains("erasure"));
    }

    // A time takes what is in it.
    let none =
        exported(&app, "none.csv", &["--type", "serves", "--format", "csv", "--until", "2020-01-01"]).await;
    assert_eq!(String::from_utf8(none).unwrap().lines().count(), 1);
    let lately =
        exported(&app, "lately.csv", &["--type", "serves", "--format", "csv", "--since", "1d"]).await;
    assert_eq!(String::from_utf8(lately).unwrap().lines().count(), 4);
    let table = audit(&app, &["export", "--format", "csv"]).await;
    assert_eq!(table.code, Some(2));
    assert!(table.err.contains("a table holds one kind of record"), "{}", table.err);
}

#[tokio::test]
async fn a_case_is_one_page_that_proves_itself() {
    let (app, answer) = told().await;
    let serve = answer["serve_id"].as_str().unwrap();
    let page = exported(&app, "case.html", &["--case", serve, "--by", "Ada Example"]).await;
    let page = String::from_utf8(page).unwrap();
    for part in
        ["A lamp of 12 W for the desk &amp; the shelf.", "Edition 1 does not know", "How to check this file"]
    {
        assert!(page.contains(part), "{part}");
    }
    for foreign in ["<script", "http://", "src=", "<companion>", "Edition 5", "u-17"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    let path = app.folder.path().join("case.html");
    if let Some((good, said)) = python(CHECK_CASE, &path) {
        assert!(good && said.starts_with("3 entries and 2 payloads hold"), "{said}");
        let from = page.find("<pre class=\"payload\"").unwrap();
        let (before, after) = page.split_at(from);
        for changed in [
            format!("{before}{}", after.replacen("shelf", "shell", 1)),
            page.replacen("bargain-hunters&quot;", "bargain-hunterz&quot;", 1),
        ] {
            assert_ne!(changed, page);
            let path = app.folder.path().join("changed.html");
            std::fs::write(&path, changed).unwrap();
            let (good, said) = python(CHECK_CASE, &path).unwrap();
            assert!(!good && said.starts_with("WRONG: "), "{said}");
        }
    }
    let masked = exported(&app, "masked.html", &["--case", serve, "--by", "Ada Example", "--masked"]).await;
    let masked = String::from_utf8(masked).unwrap();
    let input = "&quot;Power&quot;:&quot;12 W&quot;";
    assert!(page.contains(input) && masked.contains("A lamp of 12 W") && !masked.contains(input));
    let events = exported(&app, "events.csv", &["--type", "events", "--format", "csv"]).await;
    let events = String::from_utf8(events).unwrap();
    assert_eq!(events.matches("Ada Example,").count(), 2, "{events}");
    let nobody = audit(&app, &["export", "--case", serve, "--out", "x.html"]).await;
    assert_eq!(nobody.code, Some(2), "{}", nobody.err);
}
