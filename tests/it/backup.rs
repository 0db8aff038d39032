//! Backups made beside a running service and put back, with what was erased since erased again; what is held of a person, for
//! them; holds and retention from the command line.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use copyrail::audit::verify::verify;
use copyrail::store::{Access, Store};
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};

use crate::erasure::{erased, holding, page, serves, writing};
use crate::support::{Ran, TestApp, copyrail};

/// Runs `audit` beside a service or after it.
async fn audit(app: &TestApp, arguments: &[&str]) -> Ran {
    let (url, folder) = (app.store_url().to_owned(), app.folder.path().to_owned());
    let arguments: Vec<String> = ["audit"].iter().chain(arguments).map(|a| (*a).to_owned()).collect();
    let run = move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        copyrail(&folder, &arguments, &[("COPYRAIL__STORE__URL", &url)], "")
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

async fn done(app: &TestApp, arguments: &[&str]) -> String {
    let ran = audit(app, arguments).await;
    assert_eq!(ran.code, Some(0), "{arguments:?}: {} {}", ran.out, ran.err);
    ran.out
}

/// A service that two people were served by, and a backup of its store.
async fn backed_up() -> (TestApp, PathBuf) {
    let upstream = writing().await;
    let app = TestApp::start(&upstream).await;
    for (user, product) in [("u-1", "Quillfeather lamp"), ("u-2", "Lumo lamp")] {
        assert_eq!(app.blurb(page(user, product)).await["source"], "generated");
    }
    crate::support::eventually("both serves are recorded", || serves(&app, 2)).await;
    let target = app.folder.path().join("backup.db");
    let made = done(&app, &["backup", "backup.db", "--format", "json"]).await;
    let made: Value = serde_json::from_str(&made).unwrap();
    assert_eq!(made["bytes"], json!(target.metadata().unwrap().len()));
    (app, target)
}

async fn sound(path: &Path) -> copyrail::audit::verify::Report {
    let store = Store::open(&format!("sqlite:{}", path.display()), Access::ReadOnly).await.unwrap();
    let report = verify(&store, None, |_, _| ()).await.unwrap();
    assert_eq!(report.fault, None);
    report
}

#[tokio::test]
async fn a_backup_is_made_beside_the_service_for_its_owner_alone() {
    let (app, target) = backed_up().await;
    assert_eq!(target.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let report = sound(&target).await;
    assert_eq!((report.serves, report.generations), (2, 2));
    let again = audit(&app, &["backup", "backup.db"]).await;
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("is there already"), "{}", again.err);
    std::fs::create_dir(app.folder.path().join("backups")).unwrap();
    let told = done(&app, &["backup", "backups", "--with-keys"]).await;
    let head = told.lines().find_map(|line| line.strip_prefix("head ")).unwrap();
    assert_eq!(
        sound(&app.folder.path().join("data/copyrail.db")).await.head.as_deref(),
        Some(head),
        "{told}"
    );
    let names: Vec<String> = std::fs::read_dir(app.folder.path().join("backups"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.iter().any(|name| name.ends_with(".db.user.key")), "{names:?}");
    assert!(names.iter().all(|name| !name.contains("part")), "{names:?}");
}

#[tokio::test]
async fn a_restore_erases_again_what_was_erased_since_the_backup() {
    let (mut app, target) = backed_up().await;
    let data = app.folder.path().join("data");
    assert_eq!(erased(&app, "u-1").await.status, 201);
    assert!(!holding(target.parent().unwrap(), &[b"Quillfeather"]).is_empty(), "the backup holds it still");
    let running = audit(&app, &["restore", "backup.db", "--yes"]).await;
    assert_eq!(running.code, Some(1));
    assert!(running.err.contains("another copyrail serve holds"), "{}", running.err);
    app.app.take().unwrap().stop().await;
    let unasked = audit(&app, &["restore", "backup.db"]).await;
    assert_eq!(unasked.code, Some(2), "{}", unasked.err);
    for time in ["first", "second"] {
        let told = done(&app, &["restore", "backup.db", "--verify", "--yes"]).await;
        assert!(
            told.contains("1 erasure carried out again") && told.contains(".before-restore-"),
            "{time}: {told}"
        );
        assert_eq!(holding(&data, &[b"Quillfeather"]), Vec::<String>::new(), "{time}");
        let report = sound(&data.join("copyrail.db")).await;
        assert_eq!((report.serves, report.generations, report.erased, report.gaps), (2, 2, 1, 1));
        // Two of one second would have one name.
        for entry in std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.to_string_lossy().contains(".before-restore-") {
                std::fs::rename(&entry, app.folder.path().join(entry.file_name().unwrap())).unwrap();
            }
        }
    }
    app.restart().await.unwrap();
    assert_eq!(app.blurb(page("u-1", "Lumo lamp")).await["tier"], "user");
}

#[tokio::test]
async fn a_store_that_was_copied_back_by_hand_is_erased_again_before_it_serves() {
    let (mut app, target) = backed_up().await;
    let data = app.folder.path().join("data");
    assert_eq!(erased(&app, "u-1").await.status, 201);
    app.app.take().unwrap().stop().await;
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(data.join(format!("copyrail.db{ending}")));
    }
    std::fs::copy(&target, data.join("copyrail.db")).unwrap();
    assert!(!holding(&data, &[b"Quillfeather"]).is_empty());
    app.restart().await.unwrap();
    crate::support::eventually("nothing of it is in any file", || async {
        holding(&data, &[b"Quillfeather"]).is_empty()
    })
    .await;
    assert_eq!(sound(&data.join("copyrail.db")).await.erased, 1);
}

#[tokio::test]
async fn what_is_no_whole_backup_is_not_restored() {
    let (mut app, target) = backed_up().await;
    app.app.take().unwrap().stop().await;
    let store = app.folder.path().join("data/copyrail.db");
    let before = sound(&store).await;
    let mut broken = SqliteConnection::connect(&format!("sqlite:{}", target.display())).await.unwrap();
    let sql = "UPDATE chain SET bytes = bytes || ' ' WHERE seq = (SELECT max(seq) - 1 FROM chain)";
    sqlx::query(sql).execute(&mut broken).await.unwrap();
    broken.close().await.unwrap();
    std::fs::write(app.folder.path().join("letter.txt"), "Dear Jo, ".repeat(1_000)).unwrap();
    for (file, said) in [
        ("backup.db", "its log is not in order at entry"),
        ("letter.txt", "it is no store"),
        ("nowhere.db", "cannot use nowhere.db"),
    ] {
        let refused = audit(&app, &["restore", file, "--yes"]).await;
        assert_eq!(refused.code, Some(1), "{file}");
        assert!(refused.err.contains(said), "{file}: {}", refused.err);
    }
    assert_eq!(sound(&store).await, before);
    let left = std::fs::read_dir(app.folder.path().join("data")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(left.iter().all(|name| !name.contains("part") && !name.contains("before-restore")), "{left:?}");
}

#[tokio::test]
async fn a_person_is_told_what_is_held_of_them_and_of_nobody_else() {
    let (app, _) = backed_up().await;
    let told = done(&app, &["subject", "--user", "u-1", "--by", "jo", "--format", "json"]).await;
    let told: Value = serde_json::from_str(&told).unwrap();
    let review = format!("/v1/generations/{}/reviews", told["generations"][0]["id"].as_str().unwrap());
    let note = json!({"action": "note", "note": "Too bright for us."});
    let note = app.client().post(app.url(&review)).bearer_auth(app.key("review")).json(&note);
    assert_eq!(app.send(note).await.status, 201);
    let (serves, generations) = (told["serves"].as_array().unwrap(), told["generations"].as_array().unwrap());
    assert_eq!((serves.len(), generations.len()), (1, 1), "{told}");
    assert_eq!(serves[0]["text"], generations[0]["payload"]["text"]);
    assert!(generations[0]["payload"]["messages"].to_string().contains("Quillfeather"));
    assert!(!told.to_string().contains("Lumo"), "{told}");
    let text = done(&app, &["subject", "--user", "u-1", "--by", "jo", "--out", "u-1.txt"]).await;
    assert_eq!(text, "1 serve written to u-1.txt\n");
    let file = app.folder.path().join("u-1.txt");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("Shown: 1 time\n") && text.contains("A zanzibar light"), "{text}");
    // All that the JSON has stands there to be read too.
    let payload = &told["generations"][0]["payload"];
    let prompts = payload["messages"].as_array().unwrap().iter().map(|message| &message["content"]);
    let wanted: Vec<&str> =
        prompts.chain(payload["raw_texts"].as_array().unwrap()).map(|part| part.as_str().unwrap()).collect();
    assert!(wanted.len() >= 2, "{payload}");
    for line in wanted.iter().flat_map(|part| part.lines()) {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(text.contains("review: note\n  note: Too bright for us."), "{text}");
    assert!(text.contains(&payload["inputs"].to_string()), "{text}");
    let mut store = SqliteConnection::connect(app.store_url()).await.unwrap();
    let exports: Vec<Vec<u8>> = sqlx::query_scalar("SELECT bytes FROM chain WHERE kind = 'export'")
        .fetch_all(&mut store)
        .await
        .unwrap();
    let export: Value = serde_json::from_slice(&exports[0]).unwrap();
    assert_eq!((exports.len(), &export["by"], &export["what"]), (2, &json!("jo"), &json!("subject")));
    assert!(!export.to_string().contains("u-1"));
}

#[tokio::test]
async fn holds_are_placed_listed_and_lifted_from_the_command_line() {
    let (app, _) = backed_up().await;
    let vague = audit(&app, &["hold", "add", "--reason", "Claim 7", "--by", "jo"]).await;
    assert_eq!(vague.code, Some(2), "{}", vague.err);
    let add = ["hold", "add", "--user", "u-1", "--since", "2020-01-01", "--reason", "Claim 7", "--by", "jo"];
    let id = done(&app, &add).await.trim().to_owned();
    let list: Value = serde_json::from_str(&done(&app, &["hold", "list", "--format", "json"]).await).unwrap();
    assert_eq!((&list["holds"][0]["id"], &list["holds"][0]["reason"]), (&json!(id), &json!("Claim 7")));
    assert!(done(&app, &["hold", "list"]).await.contains("in force   user "));
    let refused = audit(&app, &["erase", "--user", "u-1", "--yes"]).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains(&format!("legal hold {id} covers some of this")), "{}", refused.err);
    let retained = done(&app, &["retain", "--dry-run"]).await;
    assert_eq!(retained, "would delete 0 blocks of serves, 0 payloads, 0 generations (0 B)\n");
    done(&app, &["hold", "lift", &id, "--reason", "Settled", "--by", "jo"]).await;
    assert_eq!(audit(&app, &["hold", "lift", &id, "--reason", "Settled", "--by", "jo"]).await.code, Some(1));
    done(&app, &["erase", "--user", "u-1", "--yes"]).await;
    done(&app, &["verify"]).await;
}
