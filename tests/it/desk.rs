//! Rollbacks, proposals, how files are read, and what services say they have in force.

use copyrail::app::wall_clock;
use copyrail::policy::Sources;
use copyrail::store::keys::{self, KeyRow, Role};
use copyrail::store::{Access, Store};
use serde_json::{Value, json};

use crate::kept::Hands;
use crate::support::{Answered, TestApp, Upstream, ask, copy_dir, copyrail, eventually, root};

const FORBIDDEN: &str = "A xylophone for the evening.";
const EXTRA: &str = "guardrails/extra.yml";
const BROKEN: &str = "rules:\n  - id: no-xylophone\n    extends: existence\n    level: errror\n";
const DAY: i64 = 24 * 3600;

/// A list of rules, each of which bans a word.
fn banning(words: &[&str]) -> String {
    let rule = |word: &&str| {
        format!(
            "  - id: no-{word}\n    extends: existence\n    message: \"'%s' is not said.\"\n    level: error\n    \
             tokens: [{word}]\n    examples:\n      fail: [A {word}.]\n      pass: [A drum.]\n"
        )
    };
    format!("rules:\n{}", words.iter().map(rule).collect::<String>())
}

async fn policy(app: &TestApp) -> Value {
    let answered = app.get("/v1/policy", "compliance").await;
    assert_eq!(answered.status, 200, "{}", answered.body);
    answered.body
}

async fn guardrails(app: &TestApp) -> String {
    policy(app).await["guardrails"].as_str().unwrap().to_owned()
}

/// Has the service look at the files as they are.
async fn look(app: &TestApp) {
    let shared = &app.app().shared;
    shared.look_at_files(Sources::read(shared.desk.settings())).await;
}

async fn send(app: &TestApp, path: &str, role: &str, body: Value) -> Answered {
    app.send(app.client().post(app.url(path)).bearer_auth(app.key(role)).json(&body)).await
}

async fn roll_back(app: &TestApp, body: Value) -> Answered {
    send(app, "/v1/policy/rollback", "compliance", body).await
}

/// Whether the forbidden word passes, asked of a product that nobody asked for before.
async fn passes(app: &TestApp, name: &str) -> bool {
    app.blurb(ask(name)).await["text"] == FORBIDDEN
}

/// What the log says of one kind of records, oldest first.
async fn records(app: &TestApp, kind: &str) -> Vec<Value> {
    let database = sqlx::SqlitePool::connect(app.store_url()).await.unwrap();
    let sql = "SELECT bytes FROM chain WHERE kind = $1 ORDER BY seq";
    let rows: Vec<Vec<u8>> = sqlx::query_scalar(sql).bind(kind).fetch_all(&database).await.unwrap();
    database.close().await;
    rows.iter().map(|bytes| serde_json::from_slice(bytes).unwrap()).collect()
}

#[tokio::test]
async fn what_was_rolled_back_holds_until_a_good_edit() {
    let upstream = Upstream::saying(FORBIDDEN).await;
    let mut app = TestApp::start(&upstream).await;
    let first = guardrails(&app).await;
    let shipped = policy(&app).await["revision"].clone();
    app.edit(EXTRA, &banning(&["xylophone"])).await;
    assert!(!passes(&app, "Lamp one").await);
    let second = guardrails(&app).await;

    let refused = [
        (json!({"revision": first}), 400, "reason"),
        (json!({"revision": first, "reason": " "}), 400, "reason"),
        (json!({"revision": "b3:00", "reason": "x"}), 404, "no revision"),
        (json!({"revision": "b3:0123456789", "reason": "x"}), 404, "no revision"),
        (json!({"revision": second, "reason": "x"}), 409, "in force already"),
        (json!({"revision": first, "set": "prompts", "reason": "x"}), 400, "revision of the guardrails"),
    ];
    for (body, status, said) in refused {
        let answered = roll_back(&app, body.clone()).await;
        assert_eq!(answered.status, status, "{body}: {}", answered.body);
        assert!(answered.body["detail"].as_str().unwrap().contains(said), "{}", answered.body);
    }
    let body = json!({"revision": first, "reason": "The rule hits the best-seller."});
    let stranger = send(&app, "/v1/policy/rollback", "review", body.clone()).await;
    assert_eq!((stranger.status, guardrails(&app).await), (403, second.clone()));

    let done = roll_back(&app, body).await;
    assert_eq!((done.status, &done.body["sets"][0]["hash"]), (201, &json!(first)), "{}", done.body);
    assert!(done.body["looser"][0].as_str().unwrap().contains("`extra.no-xylophone`"), "{}", done.body);
    assert!(passes(&app, "Lamp two").await, "in force once it is answered");
    let told = &policy(&app).await["rolled_back"][0];
    assert_eq!(
        [&told["set"], &told["hash"], &told["by"], &told["reason"], &told["over"]],
        [
            &json!("guardrails"),
            &json!(first),
            &json!("test compliance"),
            &json!("The rule hits the best-seller."),
            &json!(second)
        ]
    );
    let steps = records(&app, "policy_step").await;
    assert_eq!((&steps[0]["step"], &steps[0]["hash"]), (&json!("rolled_back"), &json!(first)));
    let record = records(&app, "policy").await.pop().unwrap();
    assert_eq!((&record["by"], &record["accepted"]), (&json!("test compliance"), &json!(true)));

    // Files that are written anew with what they held, a restart, a faulty edit, and a restart on it.
    app.edit(EXTRA, &banning(&["xylophone"])).await;
    assert_eq!(guardrails(&app).await, first);
    app.restart().await.unwrap();
    assert_eq!((guardrails(&app).await, policy(&app).await["refused"].clone()), (first.clone(), json!([])));
    app.edit(EXTRA, BROKEN).await;
    for _ in 0..2 {
        let now = policy(&app).await;
        assert_eq!(
            (now["guardrails"].as_str(), now["rolled_back"].as_array().unwrap().len()),
            (Some(&*first), 1)
        );
        assert!(now["refused"].as_array().unwrap().iter().any(|fault| fault["line"] == 4), "{now}");
        assert!(now["refused"][0]["hash"].as_str().unwrap().starts_with("b3:"));
        app.restart().await.unwrap();
    }
    // The files as they were when it was rolled back: nothing is refused, and it holds.
    app.edit(EXTRA, &banning(&["xylophone"])).await;
    let now = policy(&app).await;
    assert_eq!((now["guardrails"].as_str(), &now["refused"]), (Some(&*first), &json!([])));

    app.edit(EXTRA, &banning(&["xylophone", "gong"])).await;
    for number in 0..2 {
        assert!(!passes(&app, &format!("Lamp good {number}")).await);
        assert_eq!(policy(&app).await["rolled_back"], json!([]));
        app.restart().await.unwrap();
    }
    // A later edit is held against what is in force then; and the whole of the first revision is still kept.
    let done = roll_back(&app, json!({"revision": shipped, "reason": "Back to the beginning."})).await;
    assert_eq!(done.body["revision"], shipped, "{}", done.body);
}

#[tokio::test]
async fn an_edit_after_a_rollback_is_held_against_what_was_put_back() {
    let upstream = Upstream::saying(FORBIDDEN).await;
    let app = TestApp::start(&upstream).await;
    app.edit(EXTRA, &banning(&["xylophone"])).await;
    let strict = guardrails(&app).await;
    let retired = "retired:\n  - {id: extra.no-xylophone, reason: The band broke up., by: jo@example.com, on: 2026-11-01}\n";
    std::fs::remove_file(app.folder.path().join(EXTRA)).unwrap();
    app.edit("guardrails/guardrails.yml", retired).await;
    assert!(passes(&app, "Lamp one").await);
    assert_eq!(roll_back(&app, json!({"revision": strict, "reason": "Too early."})).await.status, 201);
    assert!(!passes(&app, "Lamp two").await);
    // Without the word on it the rule that was put back cannot go.
    app.edit("guardrails/guardrails.yml", "retired: []\n").await;
    let now = policy(&app).await;
    assert!(now["refused"][0]["message"].as_str().unwrap().contains("no-xylophone"), "{now}");
    assert_eq!(now["guardrails"], strict.as_str());
}

#[tokio::test]
async fn a_rollback_from_a_terminal_is_followed_by_a_running_service_and_by_a_start() {
    let upstream = Upstream::saying(FORBIDDEN).await;
    let mut app = TestApp::start(&upstream).await;
    let first = policy(&app).await["revision"].as_str().unwrap().to_owned();
    let template = "prompts/why-this/default.prompty";
    let shipped = std::fs::read_to_string(app.folder.path().join(template)).unwrap();
    app.edit(EXTRA, &banning(&["xylophone"])).await;
    app.edit(template, &shipped.replace("at a glance", "in a few words")).await;
    let last = policy(&app).await["revision"].as_str().unwrap().to_owned();
    let url = app.store_url().to_owned();
    let below = |name: &str| app.folder.path().join(name).to_string_lossy().into_owned();
    let (segments, prompts, rules) = (below("config/segments.yml"), below("prompts"), below("guardrails"));
    let variables = [
        ("COPYRAIL__STORE__URL", url.as_str()),
        ("COPYRAIL__POLICY__SEGMENTS", &segments),
        ("COPYRAIL__POLICY__PROMPTS", &prompts),
        ("COPYRAIL__POLICY__GUARDRAILS", &rules),
    ];
    let folder = app.folder.path().to_owned();
    let run = |revision: &str| {
        let arguments = ["policy", "rollback", revision, "--reason", "Try", "--by", "jo"];
        let ran = copyrail(&folder, &arguments, &variables, "");
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert_eq!(ran.out.lines().count(), 2, "{}", ran.out);
    };
    run(&first[..12]);
    eventually("the running service follows", || async { policy(&app).await["revision"] == first.as_str() })
        .await;
    assert_eq!(policy(&app).await["rolled_back"][1]["by"], "jo");
    eventually("it is known over which files", || async {
        policy(&app).await["rolled_back"].as_array().unwrap().iter().all(|row| row["over"] != "")
    })
    .await;
    run(&last);
    eventually("and back", || async { policy(&app).await["revision"] == last.as_str() }).await;
    app.app.take().unwrap().stop().await;
    run(&first);
    app.restart().await.unwrap();
    assert_eq!(policy(&app).await["revision"], first.as_str());
    let ran = copyrail(&folder, &["audit", "verify"], &variables, "");
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
}

#[tokio::test]
async fn what_is_being_written_is_not_taken_and_holds_back_nothing() {
    let upstream = Upstream::saying(FORBIDDEN).await;
    let app = TestApp::start(&upstream).await;
    let before = guardrails(&app).await;
    let shared = &app.app().shared;
    let read = || Sources::read(shared.desk.settings());
    let path = app.folder.path().join(EXTRA);
    // Half of it, then all of it: the two reads do not agree.
    std::fs::write(&path, &banning(&["xylophone"])[..60]).unwrap();
    let half = read();
    std::fs::write(&path, banning(&["xylophone"])).unwrap();
    let template = app.folder.path().join("prompts/why-this/default.prompty");
    let resting = read().at_rest(&half);
    assert!(!resting.is_whole() && resting.copy.is_some());
    shared.look_at_files(resting).await;
    let now = policy(&app).await;
    assert_eq!((now["guardrails"].as_str(), &now["refused"]), (Some(&*before), &json!([])));
    // A file that is gone for a moment is no refusal either, and the guardrails, which rest, are taken.
    let text = std::fs::read_to_string(&template).unwrap();
    std::fs::remove_file(app.folder.path().join("config/segments.yml")).unwrap();
    let gone = read();
    std::fs::copy(root().join("config/segments.yml"), app.folder.path().join("config/segments.yml")).unwrap();
    std::fs::write(&template, text).unwrap();
    shared.look_at_files(read().at_rest(&gone)).await;
    assert_eq!(policy(&app).await["refused"], json!([]));
    assert!(!passes(&app, "Lamp one").await);
}

#[tokio::test]
async fn swapped_folders_and_editors_files_are_read_as_people_mean_them() {
    let upstream = Upstream::saying(FORBIDDEN).await;
    // As Kubernetes mounts a ConfigMap: links through `..data`, which is swapped by a rename.
    let mount = tempfile::tempdir().unwrap();
    let lay = |version: &str, words: &[&str]| {
        let folder = mount.path().join(version);
        copy_dir(&root().join("guardrails"), &folder);
        std::fs::write(folder.join("extra.yml"), banning(words)).unwrap();
        std::os::unix::fs::symlink(version, mount.path().join("..data_tmp")).unwrap();
        std::fs::rename(mount.path().join("..data_tmp"), mount.path().join("..data")).unwrap();
    };
    lay("..1", &["gong"]);
    for entry in std::fs::read_dir(root().join("guardrails")).unwrap() {
        let name = entry.unwrap().file_name();
        std::os::unix::fs::symlink(std::path::Path::new("..data").join(&name), mount.path().join(&name))
            .unwrap();
    }
    std::os::unix::fs::symlink("..data/extra.yml", mount.path().join("extra.yml")).unwrap();
    // The folder itself is a link too.
    let link = mount.path().join("link");
    let target = tempfile::tempdir().unwrap();
    let link = match std::os::unix::fs::symlink(mount.path(), target.path().join("guardrails")) {
        Ok(()) => target.path().join("guardrails"),
        Err(_) => link,
    };
    let link = link.to_string_lossy().into_owned();
    let variables = [("COPYRAIL__POLICY__GUARDRAILS", link.as_str()), ("COPYRAIL__POLICY__RELOAD", "50ms")];
    let app = TestApp::start_with(&upstream, &[], &variables).await;
    assert!(passes(&app, "Lamp zero").await);
    let mut known = vec![guardrails(&app).await];
    for (number, words) in
        [&["gong", "xylophone"][..], &["gong", "xylophone", "kazoo"]].into_iter().enumerate()
    {
        lay(&format!("..{}", number + 2), words);
        eventually("the swap is seen", || async { !known.contains(&guardrails(&app).await) }).await;
        known.push(guardrails(&app).await);
        assert_eq!(policy(&app).await["refused"], json!([]));
    }
    assert!(!passes(&app, "Lamp one").await);
    for name in [".extra.yml.swp", "extra.yml~", "#extra.yml#", "4913", ".goutputstream-X1", "extra.yml.tmp"]
    {
        std::fs::write(mount.path().join(name), BROKEN).unwrap();
    }
    look(&app).await;
    let now = policy(&app).await;
    assert_eq!((now["guardrails"].as_str(), &now["refused"]), (known.last().map(String::as_str), &json!([])));
    let accepted: Vec<_> = records(&app, "policy").await;
    assert!(accepted.iter().all(|record| record["accepted"] == true), "{accepted:#?}");
    assert_eq!(accepted.iter().filter(|record| record["kind"] == "guardrails").count(), 3);
}

#[tokio::test]
async fn what_is_no_file_is_refused_and_holds_up_nobody() {
    let upstream = Upstream::saying(FORBIDDEN).await;
    let app = TestApp::start(&upstream).await;
    let pipe = app.folder.path().join("guardrails/pipe.yml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::os::unix::fs::symlink("/dev/zero", app.folder.path().join("guardrails/zero.yml")).unwrap();
    let deep = (0..10).fold(app.folder.path().join("prompts"), |path, _| path.join("deeper"));
    std::fs::create_dir_all(&deep).unwrap();
    look(&app).await;
    let refused = policy(&app).await["refused"].clone();
    let said = |file: &str, message: &str| {
        refused.as_array().unwrap().iter().any(|fault| {
            fault["file"].as_str().unwrap().ends_with(file)
                && fault["message"].as_str().unwrap().contains(message)
        })
    };
    assert!(said("pipe.yml", "it is no file") && said("zero.yml", "it is no file"), "{refused:#}");
    assert!(said("prompts", "more than 8 deep"), "{refused:#}");
    let ready = app.get("/readyz", "serve").await.body;
    assert!(ready["degraded"][0]["detail"].as_str().unwrap().contains("it is no file"), "{ready}");
}

#[tokio::test]
async fn what_a_failing_store_did_not_keep_is_kept_once_it_can_be() {
    let upstream = Upstream::saying(FORBIDDEN).await;
    let mut app = TestApp::start(&upstream).await;
    let file = app.store_url().strip_prefix("sqlite:").unwrap().to_owned();
    std::fs::rename(&file, format!("{file}.away")).unwrap();
    app.edit(EXTRA, &banning(&["xylophone"])).await;
    let strict = guardrails(&app).await;
    std::fs::rename(format!("{file}.away"), &file).unwrap();
    std::fs::write(app.folder.path().join(EXTRA), BROKEN).unwrap();
    eventually("the store is open again", || async {
        app.get("/v1/generations", "review").await.status == 200
    })
    .await;
    look(&app).await;
    eventually("it is kept", || async {
        let shared = &app.app().shared;
        let newest = copyrail::store::policies::newest(&shared.store, "guardrails").await;
        look(&app).await;
        newest.is_ok_and(|newest| newest.as_deref() == Some(&*strict))
    })
    .await;
    app.restart().await.unwrap();
    assert_eq!(guardrails(&app).await, strict);
    assert!(!passes(&app, "Lamp one").await);
}

#[tokio::test]
async fn services_say_what_they_have_in_force() {
    let upstream = Upstream::saying(FORBIDDEN).await;
    let (hands, clock) = Hands::new();
    let base = upstream.base_url();
    let mut app = TestApp::try_start(&[], &[("OPENAI_BASE_URL", base.as_str())], clock).await.unwrap();
    let own = policy(&app).await["nodes"][0].clone();
    assert_eq!((&own["self"], &own["revision"]), (&json!(true), &policy(&app).await["revision"]));
    let database = sqlx::SqlitePool::connect(app.store_url()).await.unwrap();
    sqlx::query(
        "INSERT INTO nodes SELECT 'other', revision, guardrails, prompts, since, stops, seen FROM nodes LIMIT 1",
    )
    .execute(&database)
    .await
    .unwrap();
    let other = async || policy(&app).await["nodes"].get(1).cloned();
    assert_eq!(other().await.unwrap()["lost"], json!(null));
    hands.forward(61);
    let lost = other().await.unwrap();
    assert_eq!((&lost["node"], &lost["lost"], &lost["self"]), (&json!("other"), &json!(true), &json!(false)));
    hands.forward(DAY);
    database.close().await;
    app.edit(EXTRA, &banning(&["gong"])).await;
    assert_eq!(policy(&app).await["nodes"].as_array().unwrap().len(), 1, "gone after a day");
    app.restart().await.unwrap();
    assert_eq!(policy(&app).await["nodes"][0]["node"], own["node"], "it keeps its name");
}

/// A service whose guardrails need so many second persons, with a key of nobody's, and the key of a third person.
async fn guarded(approvals: &str) -> (TestApp, Hands, Upstream) {
    let upstream = Upstream::saying(FORBIDDEN).await;
    let (hands, clock) = Hands::new();
    let base = upstream.base_url();
    let variables = [("OPENAI_BASE_URL", base.as_str()), ("COPYRAIL__POLICY__APPROVALS", approvals)];
    let app = TestApp::try_start(&[], &variables, clock).await.unwrap();
    (app, hands, upstream)
}

/// The proposals that wait.
async fn waiting(app: &TestApp) -> Vec<Value> {
    policy(app).await["proposals"].as_array().unwrap().clone()
}

async fn decide(app: &TestApp, role: &str, hash: &Value, body: Value) -> Answered {
    send(app, &format!("/v1/policy/proposals/{}", hash.as_str().unwrap()), role, body).await
}

async fn state_of(app: &TestApp, hash: &Value) -> String {
    let path = format!("/v1/policy/proposals/{}", hash.as_str().unwrap());
    let answered = app.get(&path, "compliance").await;
    assert_eq!(answered.status, 200, "{}", answered.body);
    answered.body["proposal"]["state"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_changed_set_of_guardrails_waits_for_a_second_person() {
    let (mut app, _, _upstream) = guarded("1").await;
    let first = guardrails(&app).await;
    app.edit(EXTRA, &banning(&["xylophone"])).await;
    assert!(passes(&app, "Lamp one").await, "nobody approved it");
    let [proposal] = waiting(&app).await.try_into().unwrap();
    assert_eq!((&proposal["state"], &proposal["needs"]), (&json!("open"), &json!(1)), "{proposal}");
    let whole =
        app.get(&format!("/v1/policy/proposals/{}", proposal["hash"].as_str().unwrap()), "compliance").await;
    assert!(whole.body["changed"][0].as_str().unwrap().ends_with(EXTRA), "{}", whole.body);
    // The beginning of its hash is enough, with `b3:` or without it.
    let digits = proposal["hash"].as_str().unwrap().strip_prefix("b3:").unwrap();
    for (begins, status) in [
        (digits, 200),
        (&digits[..8], 200),
        (&format!("b3:{}", &digits[..8]), 200),
        (&format!("{}x", &digits[..8]), 404),
        ("b3:", 404),
        ("%25", 404),
    ] {
        let path = format!("/v1/policy/proposals/{begins}");
        assert_eq!(app.get(&path, "compliance").await.status, status, "{begins}");
    }
    assert!(
        whole.body["proposal"]["report"]["rules"]
            .as_array()
            .unwrap()
            .iter()
            .any(|r| r["rule"] == "extra.no-xylophone")
    );

    // Prompts are never held, faulty edits are refused, and a restart changes nothing.
    let template = "prompts/why-this/default.prompty";
    let shipped = std::fs::read_to_string(app.folder.path().join(template)).unwrap();
    let before = policy(&app).await["prompts"].clone();
    app.edit(template, &shipped.replace("at a glance", "in a few words")).await;
    assert_ne!(policy(&app).await["prompts"], before);
    app.edit(EXTRA, BROKEN).await;
    assert_eq!(policy(&app).await["refused"][0]["set"], "guardrails");
    app.edit(EXTRA, &banning(&["xylophone"])).await;
    app.restart().await.unwrap();
    assert_eq!((guardrails(&app).await, waiting(&app).await.len()), (first.clone(), 1));
    assert_eq!(policy(&app).await["refused"], json!([]));

    let hash = &proposal["hash"];
    assert_eq!(decide(&app, "review", hash, json!({"action": "approve"})).await.status, 403);
    assert_eq!(
        decide(&app, "compliance", hash, json!({"action": "approve", "from": "soon"})).await.status,
        400
    );
    assert_eq!(decide(&app, "compliance", &json!("b3:00"), json!({"action": "approve"})).await.status, 404);
    assert_eq!(guardrails(&app).await, first);
    let done = decide(&app, "compliance", hash, json!({"action": "approve", "note": "Read it."})).await;
    assert_eq!((done.status, &done.body["proposal"]["state"]), (201, &json!("in_force")), "{}", done.body);
    assert!(!passes(&app, "Lamp two").await, "in force once it is answered");
    assert_eq!(json!(guardrails(&app).await), *hash);
    let record = records(&app, "policy").await.pop().unwrap();
    assert_eq!((&record["hash"], &record["by"]), (hash, &json!("test compliance")));
    let steps: Vec<_> = records(&app, "policy_step").await.iter().map(|step| step["step"].clone()).collect();
    assert_eq!(steps, ["proposed", "approved"]);
    assert_eq!(decide(&app, "admin", hash, json!({"action": "approve"})).await.status, 409);
    app.restart().await.unwrap();
    assert_eq!((json!(guardrails(&app).await), waiting(&app).await.len()), (hash.clone(), 0));
}

#[tokio::test]
async fn a_key_without_a_name_decides_nothing_and_a_name_counts_once() {
    let upstream = Upstream::saying(FORBIDDEN).await;
    let app = TestApp::start_with(&upstream, &[], &[("COPYRAIL__POLICY__APPROVALS", "2")]).await;
    let store = Store::open(app.store_url(), Access::Beside).await.unwrap();
    let mut tokens = Vec::new();
    for (number, name) in [(77_u8, ""), (78, "Test COMPLIANCE ")] {
        let minted = keys::mint(Role::Compliance, &std::array::from_fn(|at| number.wrapping_add(at as u8)));
        let row = KeyRow {
            id: minted.id,
            name: name.into(),
            role: Role::Compliance,
            origins: Vec::new(),
            hash: minted.hash,
            created: wall_clock()(),
            expires: None,
            revoked: None,
        };
        keys::insert(&store, &row).await.unwrap();
        tokens.push(minted.token);
    }
    store.close().await;
    app.edit(EXTRA, &banning(&["xylophone"])).await;
    let hash = waiting(&app).await[0]["hash"].clone();
    let path = app.url(&format!("/v1/policy/proposals/{}", hash.as_str().unwrap()));
    let with = async |token: &str| {
        let request = app.client().post(&path).bearer_auth(token).json(&json!({"action": "approve"}));
        app.send(request).await
    };
    assert_eq!(with(&tokens[0]).await.status, 403, "nobody's key");
    assert_eq!(decide(&app, "compliance", &hash, json!({"action": "approve"})).await.status, 201);
    assert_eq!(decide(&app, "compliance", &hash, json!({"action": "approve"})).await.status, 201);
    assert_eq!(with(&tokens[1]).await.status, 201);
    assert_eq!(state_of(&app, &hash).await, "open", "one person said so three times");
    assert!(passes(&app, "Lamp one").await);
    let variables = [("COPYRAIL__STORE__URL", app.store_url()), ("COPYRAIL__POLICY__APPROVALS", "2")];
    let begin = &hash.as_str().unwrap()[..12];
    let run = |key: &str, arguments: &[&str]| {
        let variables: Vec<_> = variables.iter().copied().chain([("COPYRAIL_KEY", key)]).collect();
        copyrail(app.folder.path(), arguments, &variables, "")
    };
    let listed = run("", &["policy", "proposals"]);
    assert!(
        listed.out.contains("open") && listed.out.contains("1 of 2 approvals"),
        "{}{}",
        listed.out,
        listed.err
    );
    assert_eq!(run(app.key("serve"), &["policy", "approve", begin]).code, Some(1));
    assert_eq!(run(&tokens[0], &["policy", "approve", begin]).code, Some(1));
    let approved = run(app.key("admin"), &["policy", "approve", begin]);
    assert_eq!(approved.code, Some(0), "{}", approved.err);
    eventually("the running service follows", || async { json!(guardrails(&app).await) == hash }).await;
    assert!(!passes(&app, "Lamp two").await);
}

#[tokio::test]
async fn edits_take_each_others_place_go_back_and_are_withdrawn() {
    let (mut app, _, _upstream) = guarded("1").await;
    app.edit(EXTRA, &banning(&["xylophone"])).await;
    let one = waiting(&app).await[0]["hash"].clone();
    app.edit(EXTRA, &banning(&["xylophone", "gong"])).await;
    let [proposal] = waiting(&app).await.try_into().unwrap();
    let two = proposal["hash"].clone();
    assert_eq!(
        (state_of(&app, &one).await.as_str(), state_of(&app, &two).await.as_str()),
        ("superseded", "open")
    );
    assert_eq!(decide(&app, "compliance", &one, json!({"action": "approve"})).await.status, 409);
    assert_eq!(decide(&app, "compliance", &two, json!({"action": "send_back"})).await.status, 400, "why?");
    let back = decide(&app, "compliance", &two, json!({"action": "send_back", "note": "Which gong?"})).await;
    assert_eq!(back.status, 201, "{}", back.body);
    assert_eq!(decide(&app, "compliance", &two, json!({"action": "approve"})).await.status, 409);
    // The same files stay sent back, over a restart too; other files between open it anew.
    app.restart().await.unwrap();
    assert_eq!((waiting(&app).await.len(), state_of(&app, &two).await.as_str()), (0, "sent_back"));
    app.edit(EXTRA, &banning(&["xylophone"])).await;
    assert_eq!(state_of(&app, &one).await, "open");
    app.edit(EXTRA, &banning(&["xylophone", "gong"])).await;
    assert_eq!(state_of(&app, &two).await, "open");
    // The files as they are in force.
    app.edit(EXTRA, "").await;
    assert_eq!((waiting(&app).await.len(), state_of(&app, &two).await.as_str()), (0, "superseded"));
    assert!(passes(&app, "Lamp one").await);
}

#[tokio::test]
async fn what_is_approved_for_a_day_comes_into_force_on_it() {
    let (app, hands, _upstream) = guarded("2").await;
    app.edit(EXTRA, &banning(&["xylophone"])).await;
    let hash = waiting(&app).await[0]["hash"].clone();
    // It is 20 November, ten in the morning.
    let on = |day: &str| json!({"action": "approve", "from": day});
    assert_eq!(decide(&app, "compliance", &hash, on("2026-11-22")).await.status, 201);
    let second = decide(&app, "admin", &hash, on("2026-11-21")).await;
    assert_eq!(second.body["proposal"]["from"], "2026-11-22T00:00:00Z", "the latest day: {}", second.body);
    assert_eq!(state_of(&app, &hash).await, "approved");
    // Files that change meanwhile are a proposal of their own and do not hold it back.
    app.edit(EXTRA, &banning(&["xylophone", "gong"])).await;
    assert_eq!(waiting(&app).await.len(), 2);
    hands.forward(DAY + 13 * 3600);
    app.app().shared.follow_desk().await;
    assert!(passes(&app, "Lamp one").await, "an hour before");
    hands.forward(3600);
    app.app().shared.follow_desk().await;
    assert_eq!(json!(guardrails(&app).await), hash);
    assert!(!passes(&app, "Lamp two").await);
    assert_eq!(waiting(&app).await.len(), 1, "the other edit still waits");
}

#[tokio::test]
async fn a_rollback_of_guardrails_waits_for_another_person_too() {
    let (mut app, _, _upstream) = guarded("1").await;
    let first = guardrails(&app).await;
    app.edit(EXTRA, &banning(&["xylophone"])).await;
    let strict = waiting(&app).await[0]["hash"].clone();
    decide(&app, "compliance", &strict, json!({"action": "approve"})).await;
    assert_eq!(json!(guardrails(&app).await), strict);
    let done = roll_back(&app, json!({"revision": first, "reason": "Too strict."})).await;
    assert_eq!((done.status, &done.body["sets"][0]["proposed"]), (201, &json!(true)), "{}", done.body);
    let [proposal] = waiting(&app).await.try_into().unwrap();
    assert_eq!((&proposal["rollback"], &proposal["by"]), (&json!(true), &json!("test compliance")));
    assert_eq!(json!(guardrails(&app).await), strict);
    let own = decide(&app, "compliance", &proposal["hash"], json!({"action": "approve"})).await;
    assert_eq!(own.status, 403, "{}", own.body);
    assert_eq!(decide(&app, "admin", &proposal["hash"], json!({"action": "approve"})).await.status, 201);
    for _ in 0..2 {
        assert_eq!(guardrails(&app).await, first);
        assert_eq!(policy(&app).await["rolled_back"][0]["by"], "test compliance");
        assert_eq!(waiting(&app).await.len(), 0, "the files that it was put over are no proposal");
        app.restart().await.unwrap();
    }
}

/// What the report of a proposal says of texts, once that is known.
async fn backtest_of(app: &TestApp, hash: &str) -> Value {
    let path = format!("/v1/policy/proposals/{hash}");
    let known = async || app.get(&path, "compliance").await.body["proposal"]["report"]["backtest"].clone();
    eventually("it is known what the proposal would change", || async { known().await.is_object() }).await;
    known().await
}

#[tokio::test]
async fn a_proposal_tells_what_it_changes_in_rules_and_in_texts() {
    let (mut app, hands, _upstream) = guarded("1").await;
    assert!(passes(&app, "Lamp one").await);
    let first = guardrails(&app).await;
    app.edit(EXTRA, &banning(&["xylophone", "gong"])).await;
    let [proposal] = waiting(&app).await.try_into().unwrap();
    let hash = proposal["hash"].as_str().unwrap();

    let found = backtest_of(&app, hash).await;
    assert_eq!(
        (&found["before"], &found["after"], &found["complete"]),
        (&json!(first), &json!(hash), &json!(true)),
        "{found}"
    );
    assert_eq!((&found["generations"], &found["newly_blocked"]["texts"]), (&json!(1), &json!(1)), "{found}");
    assert_eq!(found["rules"][0]["rule"], "extra.no-xylophone");
    assert!(found["rules"][0]["examples"][0]["generation"].is_string(), "{found}");
    assert!(!found.to_string().contains("for the evening"), "no words of texts: {found}");
    assert_eq!(waiting(&app).await[0]["report"]["backtest"]["newly_blocked"]["texts"], 1);

    let whole = app.get(&format!("/v1/policy/proposals/{hash}"), "compliance").await.body;
    let changes: Vec<_> = whole["changes"].as_array().unwrap().iter().map(|c| &c["sentence"]).collect();
    assert_eq!(
        changes,
        [
            "`extra.no-xylophone` is new: what it finds is blocked",
            "`extra.no-gong` is new: what it finds is blocked"
        ]
    );
    let variables = [("COPYRAIL__STORE__URL", app.store_url()), ("COPYRAIL__POLICY__APPROVALS", "1")];
    let shown = copyrail(app.folder.path(), &["policy", "proposals", hash], &variables, "");
    assert_eq!(shown.code, Some(0), "{}", shown.err);
    for said in [
        "Tightens",
        "`extra.no-gong` is new",
        "Of 1 text written or shown lately",
        "1 would not be used any more",
        "extra.no-xylophone: 1",
    ] {
        assert!(shown.out.contains(said), "{said}: {}", shown.out);
    }

    // The same proposal told of again keeps what is known; what is not known yet is found out after a start.
    app.look().await;
    assert!(waiting(&app).await[0]["report"]["backtest"].is_object());
    hands.forward(3600);
    let store = Store::open(app.store_url(), Access::Beside).await.unwrap();
    copyrail::audit::desk::backtested(&store, hash, Value::Null).await.unwrap();
    store.close().await;
    app.restart().await.unwrap();
    let again = backtest_of(&app, hash).await;
    assert_eq!(again["newly_blocked"]["texts"], 1);
    assert_ne!(again["at"], found["at"]);
}

#[tokio::test]
async fn a_rollback_says_all_that_becomes_looser() {
    let upstream = Upstream::saying(FORBIDDEN).await;
    let app = TestApp::start(&upstream).await;
    let first = guardrails(&app).await;
    let settings = "guardrails/guardrails.yml";
    let shipped = std::fs::read_to_string(app.folder.path().join(settings)).unwrap();
    let stricter = shipped.replacen("rules:\n", "rules:\n  brand.hype: {level: error}\n", 1).replacen(
        "ceilings:\n",
        "ceilings:\n  - {mode: segment}\n",
        1,
    );
    app.edit(EXTRA, &banning(&["xylophone", "gong"])).await;
    app.edit(settings, &stricter).await;
    let done = roll_back(&app, json!({"revision": first, "reason": "Too strict."})).await;
    assert_eq!(done.status, 201, "{}", done.body);
    let looser: Vec<&str> =
        done.body["looser"].as_array().unwrap().iter().map(|said| said.as_str().unwrap()).collect();
    let all = [
        "`extra.no-xylophone` is gone",
        "`extra.no-gong` is gone",
        "`brand.hype` has what it finds sent back",
        "the ceiling",
    ];
    for said in all {
        assert_eq!(
            looser.iter().filter(|sentence| sentence.starts_with(said)).count(),
            1,
            "{said}: {looser:?}"
        );
    }
    assert_eq!(looser.len(), all.len(), "{looser:?}");
    let note = records(&app, "policy_step").await[0]["note"].as_str().unwrap().to_owned();
    assert!(looser.iter().all(|sentence| note.contains(sentence)), "{note}");
}
