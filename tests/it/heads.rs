//! Signed heads kept elsewhere, and what public tools say of a log.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sqlx::SqlitePool;

use crate::support::{TestApp, Upstream, ask, root};
use crate::tampering::{audit, entries, run, store_url, write_log};

const COPY: &str = crate::http::COPY;

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn heads_are_written_at_start_when_something_changed_and_at_the_end() {
    let elsewhere = tempfile::tempdir().unwrap();
    let heads = elsewhere.path().join("not/yet/there/heads.jsonl");
    let heads = heads.to_str().unwrap();
    let upstream = Upstream::saying(COPY).await;
    let mut app = TestApp::start_with(&upstream, &[], &[("COPYRAIL__AUDIT__HEADS", heads)]).await;
    let keeper = |app: &TestApp| Arc::clone(&app.app().shared);
    let shared = keeper(&app);
    shared.heads.as_ref().unwrap().turn().await;
    let before = lines(Path::new(heads)).len();
    shared.heads.as_ref().unwrap().turn().await;
    assert_eq!(lines(Path::new(heads)).len(), before, "nothing changed");
    app.blurb(ask("Lumo lamp")).await;
    shared.heads.as_ref().unwrap().turn().await;
    assert_eq!(lines(Path::new(heads)).len(), before + 1);
    drop(shared);
    app.restart().await.unwrap();
    app.app.take().unwrap().stop().await;
    let written = lines(Path::new(heads));
    let last = written.last().unwrap();

    let emptied = elsewhere.path().join("emptied.jsonl");
    std::fs::write(&emptied, "").unwrap();
    let none = audit(app.folder.path(), &["verify", "--heads", emptied.to_str().unwrap()]).await;
    assert_ne!(none.code, Some(0), "{}", none.out);
    assert!(none.err.contains("holds no signed head"), "{}", none.err);
    let whole = audit(app.folder.path(), &["verify", "--heads", heads]).await;
    assert_eq!(whole.code, Some(0), "{} {}", whole.out, whole.err);
    assert!(
        whole.out.contains(&format!("\n{} signed heads good and in the chain\n", written.len())),
        "{}",
        whole.out
    );
    assert!(whole.out.contains(last["head"].as_str().unwrap()), "the end was signed too: {}", whole.out);

    let by_hand = audit(app.folder.path(), &["head"]).await;
    let by_hand: Value = serde_json::from_str(&by_hand.out).unwrap();
    assert_eq!((&by_hand["head"], &by_hand["key"]), (&last["head"], &last["key"]));

    // Another text, under the same signature.
    let forged = elsewhere.path().join("forged.jsonl");
    std::fs::write(&forged, std::fs::read_to_string(heads).unwrap().replacen("\"seq\":", "\"seq\":1", 1))
        .unwrap();
    let found =
        audit(app.folder.path(), &["verify", "--heads", forged.to_str().unwrap(), "--format", "json"]).await;
    let report: Value = serde_json::from_str(&found.out).unwrap();
    assert_eq!((found.code, &report["fault"]["what"]), (Some(1), &json!("signature")), "{report}");
    assert!(report["fault"]["explanation"].as_str().unwrap().contains("line 1 of "), "{report}");

    // The last entry is gone, and then another stands in its place.
    let seq = last["seq"].as_i64().unwrap();
    let database = SqlitePool::connect(app.store_url()).await.unwrap();
    let tables = ["chain", "generations", "verdicts", "reviews", "payloads"];
    let cut = tables.map(|table| format!("DELETE FROM {table} WHERE seq >= {seq}")).join(";");
    run(&database, &cut).await;
    let fault = async || {
        let found = audit(app.folder.path(), &["verify", "--heads", heads, "--format", "json"]).await;
        assert_eq!(found.code, Some(1), "{}", found.out);
        serde_json::from_str::<Value>(&found.out).unwrap()["fault"].clone()
    };
    assert_eq!(fault().await["what"], "truncated");
    let alone = audit(app.folder.path(), &["verify"]).await;
    assert_eq!(alone.code, Some(0), "in itself it is whole: {}", alone.out);
    crate::tampering::append(&database, "vote", br#"{"v":1,"type":"vote"}"#).await;
    database.close().await;
    let fault = fault().await;
    assert_eq!((&fault["what"], &fault["seq"]), (&json!("rewritten"), &json!(seq)), "{fault}");
}

#[tokio::test]
async fn a_key_that_is_not_trusted_signs_nothing() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for folder in [&here, &there] {
        write_log(folder.path()).await;
    }
    let of = async |folder: &Path| {
        let head = audit(folder, &["head"]).await;
        assert_eq!(head.code, Some(0), "{}", head.err);
        let path = folder.join("heads.jsonl");
        std::fs::write(&path, head.out).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (own, other) = (of(here.path()).await, of(there.path()).await);
    let key = there.path().join("data/head.pub");
    let key = key.to_str().unwrap();
    let check = async |arguments: &[&str]| {
        let arguments = [&["verify", "--format", "json"], arguments].concat();
        let ran = audit(here.path(), &arguments).await;
        serde_json::from_str::<Value>(&ran.out).unwrap()["fault"]["what"].clone()
    };
    assert_eq!(check(&["--heads", &own]).await, Value::Null);
    assert_eq!(check(&["--heads", &other]).await, "signature", "another node's");
    assert_eq!(check(&["--heads", &own, "--heads-key", key]).await, "signature");
    assert_eq!(check(&["--heads", &other, "--heads-key", key]).await, "rewritten", "of another log");
    let none = audit(here.path(), &["verify", "--heads", &own, "--heads-key", &own]).await;
    assert!(none.code == Some(1) && none.err.contains("is no Ed25519 public key in PEM"), "{}", none.err);
}

/// An address that answers with `status`, and what it was sent.
async fn receiver(status: &'static AtomicU16) -> (String, Arc<Mutex<Vec<String>>>) {
    let received = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&received);
    let take = move |body: String| async move {
        kept.lock().unwrap().push(body);
        axum::http::StatusCode::from_u16(status.load(Ordering::SeqCst)).unwrap()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/heads?token=secret", listener.local_addr().unwrap());
    let router = axum::Router::new().route("/heads", axum::routing::post(take));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, received)
}

#[tokio::test]
async fn an_address_that_fails_is_told_and_tried_again() {
    static STATUS: AtomicU16 = AtomicU16::new(302);
    let (url, received) = receiver(&STATUS).await;
    let upstream = Upstream::saying(COPY).await;
    let mut app = TestApp::start_with(&upstream, &[], &[("COPYRAIL__AUDIT__HEADS", &url)]).await;
    let heads = |app: &TestApp| Arc::clone(&app.app().shared);
    let degraded = async |app: &TestApp| {
        let ready = app.get("/readyz", "serve").await.body;
        let parts = ready["degraded"].as_array().unwrap().clone();
        parts.into_iter().find(|part| part["part"] == "heads")
    };
    heads(&app).heads.as_ref().unwrap().turn().await;
    let told = degraded(&app).await.unwrap()["detail"].as_str().unwrap().to_owned();
    assert_eq!(told, "the log's signed head cannot be written: the address answered with status 302");
    STATUS.store(204, Ordering::SeqCst);
    heads(&app).heads.as_ref().unwrap().turn().await;
    assert_eq!(degraded(&app).await, None);
    let sent = received.lock().unwrap().clone();
    let head: Value = serde_json::from_str(sent.last().unwrap()).unwrap();
    let count = sent.len();
    heads(&app).heads.as_ref().unwrap().turn().await;
    assert_eq!(received.lock().unwrap().len(), count, "it has that one");
    app.app.take().unwrap().stop().await;
    let database = SqlitePool::connect(app.store_url()).await.unwrap();
    let entries = entries(&database).await;
    let seq = head["seq"].as_u64().unwrap();
    assert_eq!(entries[seq as usize - 1].hash, head["head"]);
}

#[tokio::test]
async fn a_check_goes_on_from_where_the_last_one_was() {
    let folder = tempfile::tempdir().unwrap();
    let head = write_log(folder.path()).await;
    let verify = async |arguments: &[&str]| {
        let ran = audit(folder.path(), &[&["verify", "--format", "json"], arguments].concat()).await;
        (ran.code, serde_json::from_str::<Value>(&ran.out).unwrap_or_default(), ran.err)
    };
    let (code, first, said) = verify(&["--resume"]).await;
    assert_eq!((code, said.as_str()), (Some(0), "there is no check to go on from, so all is checked\n"));
    assert_eq!((&first["records"], &first["resumed"]), (&json!(19), &Value::Null));

    let database = SqlitePool::connect(&store_url(folder.path())).await.unwrap();
    crate::tampering::append(&database, "vote", br#"{"v":1,"type":"vote"}"#).await;
    // What was changed further up is not looked at, and that is said.
    run(&database, "UPDATE chain SET bytes = replace(bytes, 'why', 'who') WHERE seq = 8").await;
    let (code, second, said) = verify(&["--resume", "--expect-head", &head]).await;
    assert_eq!((code, said.as_str()), (Some(0), ""), "{second}");
    assert_eq!((&second["records"], &second["resumed"]["seq"]), (&json!(20), &json!(19)));
    assert_eq!((&second["serves"], &second["unknown"]["vote"]), (&first["serves"], &json!(2)));
    let told = audit(folder.path(), &["verify", "--resume"]).await.out;
    assert!(told.contains("\nentries 1 to 20 were checked at "), "{told}");
    assert!(told.contains(" and before, and not now\n"), "{told}");
    let (code, whole, _) = verify(&[]).await;
    assert_eq!((code, &whole["fault"]["seq"]), (Some(1), &json!(8)));

    // The entry up to which it was checked is another now, or gone.
    let saved = std::fs::read(folder.path().join("data/verified.json")).unwrap();
    let mut checkpoint: Value = serde_json::from_slice(&saved).unwrap();
    run(&database, "UPDATE chain SET bytes = replace(bytes, 'who', 'why') WHERE seq = 8").await;
    let mut with = async |seq: i64, hash: &str, store: &str| {
        checkpoint["seq"] = json!(seq);
        checkpoint["hash"] = json!(hash);
        checkpoint["store"] = json!(store);
        std::fs::write(folder.path().join("data/verified.json"), checkpoint.to_string()).unwrap();
        verify(&["--resume"]).await
    };
    let url = store_url(folder.path());
    assert_eq!(with(7, &head, &url).await.1["fault"]["what"], "changed");
    assert_eq!(with(21, &head, &url).await.1["fault"]["what"], "missing");
    assert_eq!(with(19, &head, &url).await.0, Some(0));
    let (code, _, said) = with(19, &head, "sqlite:another.db").await;
    assert!(code == Some(1) && said.contains("the last check was of another store"), "{said}");
    std::fs::write(folder.path().join("data/verified.json"), "{}").unwrap();
    let (code, _, said) = verify(&["--resume"]).await;
    assert!(code == Some(1) && said.contains("verified.json is no checkpoint; remove it"), "{said}");
    database.close().await;
}

/// The blocks of a language in the section of the manual on proving the log.
fn scripts(language: &str) -> Vec<String> {
    let manual = std::fs::read_to_string(root().join("config/README.md")).unwrap();
    let (_, section) = manual.split_once("\n## Proving the log\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let start = format!("```{language}\n");
    section.split(&start).skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// Whether a program is there; says so when it is not.
fn is_there(program: &str, argument: &str) -> bool {
    let there = Command::new(program).arg(argument).output().is_ok_and(|output| output.status.success());
    if !there {
        eprintln!(
            "NOT TESTED: there is no {program} on this machine, so what the manual says of it was not tried"
        );
    }
    there
}

#[tokio::test]
async fn the_manuals_scripts_tell_a_whole_log_from_another() {
    let [export, database] = <[String; 2]>::try_from(scripts("python")).unwrap();
    for script in [&export, &database] {
        assert!(script.lines().count() <= 11, "ten lines and what they import:\n{script}");
    }
    if !is_there("python3", "--version") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let head = write_log(folder.path()).await;
    let exported = folder.path().join("export.jsonl");
    let stored = folder.path().join("data/copyrail.db");
    let export_from = async |from: usize| {
        let pool = SqlitePool::connect(&store_url(folder.path())).await.unwrap();
        let line = |entry: &crate::tampering::Entry| {
            let bytes = String::from_utf8(entry.bytes.clone()).unwrap();
            let line = json!({"seq": entry.seq, "kind": entry.kind, "prev": entry.prev, "hash": entry.hash,
                              "bytes": bytes, "payload": null});
            format!("{line}\n")
        };
        let text: String = entries(&pool).await.iter().skip(from).map(line).collect();
        std::fs::write(&exported, text).unwrap();
        pool.close().await;
    };
    let said = |script: &str, path: &Path| {
        let ran = Command::new("python3").args(["-c", script]).arg(path).output().unwrap();
        let text = String::from_utf8([ran.stdout, ran.stderr].concat()).unwrap();
        (ran.status.success(), text.trim_end().to_owned())
    };
    let whole = (true, format!("whole up to entry 19, of which 3 emptied; head {head}"));
    export_from(0).await;
    assert_eq!(said(&export, &exported), whole);
    assert_eq!(said(&database, &stored), whole);
    export_from(6).await;
    assert_eq!(said(&export, &exported), (true, whole.1.replace("3 emptied", "0 emptied")), "a part");
    for (sql, says) in [
        ("UPDATE chain SET bytes = replace(bytes, 'why', 'who') WHERE seq = 8", "entry 8 was changed"),
        ("DELETE FROM chain WHERE seq = 7", "entry 8 does not follow entry 6"),
        ("UPDATE chain SET hash = prev WHERE seq = 3", "entry 4 does not follow entry 3"),
    ] {
        let pool = SqlitePool::connect(&store_url(folder.path())).await.unwrap();
        run(&pool, sql).await;
        pool.close().await;
        export_from(0).await;
        let tampered = (false, says.to_owned());
        assert_eq!(
            (said(&export, &exported), said(&database, &stored)),
            (tampered.clone(), tampered),
            "{sql}"
        );
        std::fs::remove_dir_all(folder.path().join("data")).unwrap();
        write_log(folder.path()).await;
    }
}

#[tokio::test]
async fn openssl_finds_a_head_good_and_a_changed_one_not() {
    let [script] = <[String; 1]>::try_from(scripts("bash")).unwrap();
    if !is_there("openssl", "version") || !is_there("bash", "--version") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path()).await;
    let line = audit(folder.path(), &["head"]).await.out;
    std::fs::copy(folder.path().join("data/head.pub"), folder.path().join("head.pub")).unwrap();
    let says = |line: &str| {
        std::fs::write(folder.path().join("heads.jsonl"), line).unwrap();
        let ran = Command::new("bash").args(["-c", &script]).current_dir(folder.path()).output().unwrap();
        String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned()
    };
    let good = says(&line);
    assert!(good.contains("Signature Verified Successfully"), "{good}");
    let changed = says(&line.replace("\"seq\":19", "\"seq\":18"));
    assert!(changed.contains("Signature Verification Failure"), "{changed}");
}
