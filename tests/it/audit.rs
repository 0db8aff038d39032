//! `copyrail audit`: the log proven whole, a tampering found, a generation shown.

use std::path::Path;

use serde_json::{Value, json};

use crate::commands::check_failure;
use crate::http::COPY;
use crate::support::{Ran, TestApp, Upstream, ask, copyrail};

/// A store that a service has written a generation and some serves into, and the generation's id.
async fn written() -> (tempfile::TempDir, String, String) {
    let upstream = Upstream::saying(COPY).await;
    let mut app = TestApp::start(&upstream).await;
    let answer = app.blurb(ask("Lumo lamp")).await;
    app.blurb(ask("Lumo lamp")).await;
    app.app.take().unwrap().stop().await;
    let (url, id) = (app.store_url().to_owned(), answer["generation_id"].as_str().unwrap().to_owned());
    (app.folder, url, id)
}

/// Runs an `audit` command on a store.
async fn audit(folder: &Path, url: &str, arguments: &[&str]) -> Ran {
    let (folder, url) = (folder.to_owned(), url.to_owned());
    let arguments: Vec<String> = ["audit"].iter().chain(arguments).map(|a| (*a).to_owned()).collect();
    let run = move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        copyrail(&folder, &arguments, &[("COPYRAIL__STORE__URL", &url)], "")
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test]
async fn a_changed_byte_is_found() {
    let (folder, url, _) = written().await;
    let whole = audit(folder.path(), &url, &["verify"]).await;
    assert_eq!((whole.code, whole.err.as_str()), (Some(0), ""), "{}", whole.out);
    let (counts, head) = whole.out.split_once('\n').unwrap();
    assert!(
        counts.starts_with("whole: ") && counts.ends_with(" records, 2 serves, 1 generation"),
        "{counts}"
    );
    let head = head.lines().next().unwrap().strip_prefix("head ").unwrap();
    assert!(whole.out.contains("no check finds:\n- records cut off at the end"), "{}", whole.out);
    let kept = audit(folder.path(), &url, &["verify", "--expect-head", head]).await;
    assert_eq!(kept.code, Some(0), "{}", kept.out);
    let elsewhere =
        audit(folder.path(), &url, &["verify", "--expect-head", &head.replace(&head[..1], "x")]).await;
    assert_eq!(elsewhere.code, Some(1));
    assert!(elsewhere.out.starts_with("not whole: the head x"), "{}", elsewhere.out);
    let database = sqlx::SqlitePool::connect(&url).await.unwrap();
    let sql = "UPDATE chain SET bytes = CAST(REPLACE(CAST(bytes AS TEXT), '\"why-this\"', '\"why-that\"') AS BLOB) \
               WHERE kind = 'serves'";
    let changed = sqlx::query(sql).execute(&database).await.unwrap().rows_affected();
    assert!(changed > 0, "there is a block of serves to change");
    database.close().await;
    let report = audit(folder.path(), &url, &["verify", "--format", "json"]).await;
    assert_eq!(report.code, Some(1));
    let report: Value = serde_json::from_str(&report.out).unwrap();
    let seq = report["fault"]["seq"].as_i64().unwrap();
    assert_eq!(report["fault"]["what"], "changed");
    let told = audit(folder.path(), &url, &["verify"]).await;
    let first = told.out.lines().next().unwrap();
    assert_eq!(told.code, Some(1));
    assert_eq!(first, format!("not whole: entry {seq} was changed: its bytes do not have its hash"));
}

#[tokio::test]
async fn one_generation_is_shown() {
    let (folder, url, id) = written().await;
    let shown = audit(folder.path(), &url, &["show", &id]).await;
    assert_eq!((shown.code, shown.err.as_str()), (Some(0), ""), "{}", shown.out);
    for part in [
        &id,
        "why-this/default",
        "The text passed the guardrails.",
        "Prompt: system",
        "Prompt: user",
        "Lumo lamp",
        "\nAttempts\n",
        COPY,
    ] {
        assert!(shown.out.contains(part), "{part}: {}", shown.out);
    }
    let json = audit(folder.path(), &url, &["show", &id, "--format", "json"]).await;
    let generation: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(generation["asked"], json!({"kind": "generation", "id": id}));
    assert_eq!(generation["text"]["text"], json!(COPY));
    let unknown = "0192f3c1-7a2b-7c3d-8e4f-5a6b7c8d9e0f";
    let missing = audit(folder.path(), &url, &["show", unknown]).await;
    assert_eq!((missing.code, missing.out.as_str()), (Some(1), ""));
    assert_eq!(
        missing.err,
        format!(
            "error: the log holds no serve and no generation {unknown}; find one with `copyrail audit search`\n"
        )
    );
}

#[test]
fn audit_says_when_there_is_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let said = "there is no store at data/copyrail.db; check `[store] url`, or run `copyrail serve` first";
    check_failure(folder.path(), &["audit", "verify"], 1, said);
    assert!(!folder.path().join("data").exists(), "looking makes nothing");
}
