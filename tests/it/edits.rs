//! A bad edit never takes effect and never holds back a good one: what was good last is in force, over restarts too.

use copyrail::app::{StartError, wall_clock};
use serde_json::{Value, json};

use crate::support::{TestApp, Upstream, ask};

const FORBIDDEN: &str = "A xylophone for the evening.";
const RULE: &str = "rules:\n  - id: no-xylophone\n    extends: existence\n    message: \"'%s' is not said.\"\n    \
                    level: error\n    tokens: [xylophone]\n    examples:\n      fail: [A xylophone.]\n      \
                    pass: [A drum.]\n";
/// The same without its message: the rule begins in the second line.
const BROKEN: &str = "rules:\n  - id: no-xylophone\n    extends: existence\n    level: errror\n    tokens: [xylophone]\n    \
                      examples:\n      fail: [A xylophone.]\n      pass: [A drum.]\n";

/// The edits that stand refused.
async fn refused(app: &TestApp) -> Vec<Value> {
    let policy = app.get("/v1/policy", "compliance").await;
    assert_eq!(policy.status, 200, "{}", policy.body);
    policy.body["refused"].as_array().unwrap().clone()
}

#[track_caller]
fn check_refusal(refused: &[Value], file: &str, line: u64, column: u64, message: &str) {
    let found = refused.iter().any(|fault| {
        fault["file"].as_str().unwrap().ends_with(file)
            && (&fault["line"], &fault["column"]) == (&json!(line), &json!(column))
            && fault["message"].as_str().unwrap().contains(message)
    });
    assert!(found, "no `{message}` at {file}:{line}:{column} in {refused:#?}");
}

/// Asks for a product that nobody asked for before, so that nothing is cached.
async fn blocked(app: &TestApp, name: &str) {
    let answer = app.blurb(ask(name)).await;
    assert_eq!(
        (&answer["source"], &answer["reason"]),
        (&json!("prewritten"), &json!("guardrail")),
        "{answer}"
    );
}

#[tokio::test]
async fn a_restart_on_faulty_files_keeps_the_last_good_guardrails() {
    let upstream = Upstream::saying(FORBIDDEN).await;
    let mut app = TestApp::start(&upstream).await;
    assert_eq!(app.blurb(ask("Lamp zero")).await["text"], FORBIDDEN, "the shipped rules pass it");
    app.edit("guardrails/extra.yml", RULE).await;
    blocked(&app, "Lamp one").await;
    let good = app.get("/v1/policy", "compliance").await.body;

    std::fs::write(app.folder.path().join("guardrails/extra.yml"), BROKEN).unwrap();
    app.restart().await.unwrap();
    blocked(&app, "Lamp two").await;
    let faults = refused(&app).await;
    check_refusal(&faults, "guardrails/extra.yml", 4, 12, "errror");
    check_refusal(&faults, "guardrails/extra.yml", 2, 5, "message");
    let policy = app.get("/v1/policy", "compliance").await.body;
    assert_eq!(policy["guardrails"], good["guardrails"], "exactly the last good ones are in force");
    let ready = app.get("/readyz", "serve").await;
    assert_eq!((ready.status, &ready.body["degraded"][0]["part"]), (200, &json!("policy")));

    // And over a second restart; then the files are mended.
    app.restart().await.unwrap();
    blocked(&app, "Lamp three").await;
    app.edit("guardrails/extra.yml", RULE).await;
    assert_eq!(refused(&app).await, [] as [Value; 0]);
    blocked(&app, "Lamp four").await;
}

#[tokio::test]
async fn a_last_good_policy_that_was_changed_in_the_store_is_none() {
    let upstream = Upstream::saying(FORBIDDEN).await;
    let mut app = TestApp::start(&upstream).await;
    app.edit("guardrails/extra.yml", RULE).await;
    blocked(&app, "Lamp one").await;
    std::fs::write(app.folder.path().join("guardrails/extra.yml"), BROKEN).unwrap();
    let database = sqlx::SqlitePool::connect(app.store_url()).await.unwrap();
    let replace = async |from: &str, to: &str| {
        let sql = "UPDATE policies SET files = replace(files, $1, $2) WHERE kind = 'guardrails'";
        let changed = sqlx::query(sql).bind(from).bind(to).execute(&database).await.unwrap();
        assert!(changed.rows_affected() > 0);
    };
    replace("[xylophone]", "[xylophane]").await;
    assert!(matches!(app.restart().await, Err(StartError::Policy(_))));
    replace("[xylophane]", "[xylophone]").await;
    app.restart().await.unwrap();
    blocked(&app, "Lamp two").await;
    database.close().await;
}

#[tokio::test]
async fn without_a_last_good_policy_it_does_not_start_and_says_every_fault() {
    let started =
        TestApp::try_start(&[("guardrails/extra.yml", BROKEN)], &[], wall_clock()).await.map(|_| ());
    let Err(StartError::Policy(faults)) = started else { panic!("it started: {started:?}") };
    let places: Vec<String> =
        faults.iter().map(|f| format!("{}:{}", f.span.start.line, f.span.start.column)).collect();
    assert!(faults.iter().all(|fault| fault.file.ends_with("guardrails/extra.yml")), "{faults:#?}");
    assert_eq!(places, ["2:5", "4:12"], "{faults:#?}");
}

#[tokio::test]
async fn a_faulty_prompt_holds_back_no_guardrail_and_a_faulty_guardrail_no_prompt() {
    let upstream = Upstream::saying(FORBIDDEN).await;
    let app = TestApp::start(&upstream).await;
    assert_eq!(app.blurb(ask("Lamp zero")).await["text"], FORBIDDEN);
    // Both are edited before the service looks: the faulty template is refused, the rule is in force.
    let template = "prompts/why-this/default.prompty";
    let shipped = std::fs::read_to_string(app.folder.path().join(template)).unwrap();
    let faulty = shipped.replacen("temperature: 0.7", "temperature: 70", 1);
    std::fs::write(app.folder.path().join(template), faulty).unwrap();
    app.edit("guardrails/extra.yml", RULE).await;
    blocked(&app, "Lamp one").await;
    check_refusal(&refused(&app).await, template, 6, 29, "`temperature` is out of range");

    // The other way round: the rule stays while the template's own words change.
    std::fs::write(app.folder.path().join("guardrails/extra.yml"), BROKEN).unwrap();
    app.edit(template, &shipped.replace("at a glance", "in a few words")).await;
    let answer = app.blurb(ask("Lamp two")).await;
    assert_eq!(
        answer["text"], "Lamp two in a few words: the details on this page show what it is made for.",
        "{answer}"
    );
    assert_eq!(answer["reason"], "guardrail");
    let faults = refused(&app).await;
    assert!(faults.iter().all(|fault| fault["set"] == "guardrails"), "{faults:#?}");
}

#[tokio::test]
async fn a_rule_does_not_vanish_unless_somebody_says_so() {
    let upstream = Upstream::saying(FORBIDDEN).await;
    let mut app = TestApp::start_with(&upstream, &[("guardrails/extra.yml", RULE)], &[]).await;
    blocked(&app, "Lamp one").await;
    app.edit("guardrails/extra.yml", "").await;
    blocked(&app, "Lamp two").await;
    let faults = refused(&app).await;
    assert!(faults[0]["message"].as_str().unwrap().contains("`extra.no-xylophone`"), "{faults:#?}");
    app.restart().await.unwrap();
    blocked(&app, "Lamp three").await;
    assert_eq!(refused(&app).await.len(), 1);

    let retired = "retired:\n  - {id: extra.no-xylophone, reason: The band broke up., by: jo@example.com, on: 2026-11-01}\n";
    app.edit("guardrails/guardrails.yml", retired).await;
    assert_eq!(refused(&app).await, [] as [Value; 0]);
    assert_eq!(app.blurb(ask("Lamp four")).await["text"], FORBIDDEN);
}

#[tokio::test]
async fn last_resort_copy_that_a_new_rule_catches_is_withdrawn_reported_and_holds_nothing_back() {
    let upstream = Upstream::saying("A drum for the evening.").await;
    let mut app = TestApp::start(&upstream).await;
    let last_resort = "rules:\n  - id: no-page\n    extends: existence\n    message: \"'%s' is not said.\"\n    \
                       level: error\n    tokens: [set out on this page]\n    examples:\n      \
                       fail: [All is set out on this page.]\n      pass: [A drum.]\n";
    app.edit("guardrails/cases/shop.yml", "cases: []\n").await;
    app.edit("guardrails/extra.yml", last_resort).await;
    for _ in 0..2 {
        let policy = app.get("/v1/policy", "compliance").await.body;
        assert_eq!(policy["refused"], json!([]), "the rule is in force");
        let withdrawn = policy["withdrawn"].as_array().unwrap();
        let names = |fault: &Value| fault["file"].as_str().unwrap().ends_with("why-this/placement.yml");
        assert!(withdrawn.iter().any(names), "{policy}");
        assert_eq!(app.get("/readyz", "serve").await.body["status"], "ready");
        // A restart on the same files finds the same.
        app.restart().await.unwrap();
    }
}

#[tokio::test]
async fn a_prompt_that_cannot_be_read_holds_back_no_rule() {
    let upstream = Upstream::saying(FORBIDDEN).await;
    let mut app = TestApp::start(&upstream).await;
    assert_eq!(app.blurb(ask("Lamp zero")).await["text"], FORBIDDEN, "nothing forbids it yet");
    // No UTF-8, so the file cannot even be looked into.
    std::fs::write(app.folder.path().join("prompts/why-this/default.prompty"), [0xff, 0xfe]).unwrap();
    app.edit("guardrails/extra.yml", RULE).await;
    for name in ["Lamp one", "Lamp two"] {
        blocked(&app, name).await;
        check_refusal(&refused(&app).await, "why-this/default.prompty", 1, 1, "no UTF-8");
        assert!(refused(&app).await.iter().all(|fault| fault["set"] == "prompts"));
        app.restart().await.unwrap();
    }
}
