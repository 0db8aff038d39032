//! What an edit changes is told in words before it is made, and an edit that loosens a rule needs somebody's word.

use serde_json::{Value, json};

use crate::commands::{done, run};
use crate::support::{Ran, TestApp, Upstream, ask, copyrail, shop};

const SAID: &str = "A xylophone for the evening.";
const RULE: &str = "rules:\n  - id: no-xylophone\n    extends: existence\n    message: \"'%s' is not said.\"\n    \
                    level: error\n    owner: legal@example.com\n    reference: CAP Code 3.7\n    \
                    tokens: [xylophone, \"risk[- ]free\"]\n    \
                    examples:\n      fail: [A xylophone.]\n      pass: [A drum.]\n";

/// Runs `policy` or `check` beside a service, on its files and its store.
async fn beside(app: &TestApp, arguments: &[&str]) -> Ran {
    let (folder, url) = (app.folder.path().to_owned(), app.store_url().to_owned());
    let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
    let run = move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        copyrail(&folder, &arguments, &[("COPYRAIL__STORE__URL", &url), ("COLUMNS", "100")], "")
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

async fn refused(app: &TestApp) -> Vec<Value> {
    app.get("/v1/policy", "compliance").await.body["refused"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_rule_is_not_loosened_unless_somebody_says_so() {
    let upstream = Upstream::saying(SAID).await;
    let app = TestApp::start_with(&upstream, &[("guardrails/extra.yml", RULE)], &[]).await;
    let looser = RULE.replace(", \"risk[- ]free\"", "");
    app.edit("guardrails/extra.yml", &looser).await;
    let faults = refused(&app).await;
    let fault = &faults[0];
    assert_eq!((faults.len(), &fault["line"], &fault["column"]), (1, &json!(2), &json!(5)), "{faults:#?}");
    assert!(fault["file"].as_str().unwrap().ends_with("guardrails/extra.yml"));
    assert_eq!(fault["owner"], "legal@example.com");
    let said = "what is in force becomes looser, and nobody says why: `extra.no-xylophone` no longer catches “risk free” and “risk-free”";
    assert_eq!(fault["message"], said);
    let help = fault["help"].as_str().unwrap();
    assert!(help.contains("`- {id: extra.no-xylophone, reason: …, by: …, on: …}`"), "{help}");
    assert_eq!(app.blurb(ask("Lamp one")).await["reason"], "guardrail", "what was in force still is");

    // What a check finds before the edit is made is what the service finds.
    let checked = beside(&app, &["check", "--against", "in-force", "--format", "json"]).await;
    assert_eq!(checked.code, Some(1), "{checked:?}");
    let report: Value = serde_json::from_str(&checked.out).unwrap();
    let messages: Vec<&Value> =
        report["diagnostics"].as_array().unwrap().iter().map(|d| &d["message"]).collect();
    assert!(messages.contains(&&json!(said)), "{messages:?}");
    assert_eq!(beside(&app, &["check"]).await.code, Some(0), "by themselves the files are in order");

    let told = beside(&app, &["policy", "diff", "--format", "json"]).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    let told: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(told["counts"], json!({"loosens": 1, "unclear": 0, "tightens": 0, "neutral": 0}), "{told:#}");
    assert_eq!(told["changes"][0]["reference"], "CAP Code 3.7");
    assert_eq!(beside(&app, &["policy", "diff", "--exit-code"]).await.code, Some(1));

    // The old word for something else does not do, a new one does.
    let word = "retired:\n  - {id: extra.no-xylophone, reason: Approved by legal., by: jo@example.com, on: 2026-11-01}\n";
    app.edit("guardrails/guardrails.yml", word).await;
    assert_eq!(refused(&app).await, [] as [Value; 0]);
    let loosest = looser.replace("tokens: [xylophone]", "tokens: [xylophone]\n    applies: {locale: [de]}");
    app.edit("guardrails/extra.yml", &loosest).await;
    assert_eq!(refused(&app).await.len(), 1);
    app.edit("guardrails/guardrails.yml", &word.replace("2026-11-01", "2026-11-02")).await;
    assert_eq!(refused(&app).await, [] as [Value; 0]);
    assert_eq!(app.blurb(ask("Lamp two")).await["text"], SAID);
}

#[tokio::test]
async fn revisions_are_listed_shown_and_compared_beside_a_service() {
    let upstream = Upstream::saying(SAID).await;
    let app = TestApp::start_with(&upstream, &[("guardrails/extra.yml", RULE)], &[]).await;
    let stricter = RULE.replace("[xylophone,", "[xylophone, kazoo,");
    app.edit("guardrails/extra.yml", &stricter).await;
    let listed = beside(&app, &["policy", "show", "--format", "json"]).await;
    let listed: Value = serde_json::from_str(&listed.out).unwrap();
    let rules: Vec<&Value> =
        listed["revisions"].as_array().unwrap().iter().filter(|kept| kept["set"] == "guardrails").collect();
    assert_eq!((rules.len(), &rules[0]["in_force"], &rules[1]["in_force"]), (2, &json!(true), &json!(false)));
    assert_eq!((&rules[0]["by"], &rules[0]["rules"]), (&json!("files"), &rules[1]["rules"]), "{listed:#}");
    let [new, old] = [rules[0], rules[1]].map(|kept| kept["revision"].as_str().unwrap().to_owned());
    let policy = app.get("/v1/policy", "compliance").await.body;
    let whole = policy["revision"].as_str().unwrap().to_owned();

    // By a beginning of it, without what all begin with.
    let told = beside(&app, &["policy", "diff", &old[3..15], &new, "--text"]).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    for line in [
        "  Tightens",
        "    - `extra.no-xylophone` also catches “kazoo”",
        "+    tokens: [xylophone, kazoo, \"risk[- ]free\"]",
    ] {
        assert!(told.out.lines().any(|printed| printed == line), "no {line:?} in {}", told.out);
    }
    // The other way round it loosens, and says of whom to ask.
    let told = beside(&app, &["policy", "diff", &new, &old]).await;
    assert!(
        told.out.contains("nobody says why") && told.out.contains("legal@example.com  CAP Code 3.7"),
        "{}",
        told.out
    );
    let told = beside(&app, &["policy", "diff"]).await;
    assert!(told.out.contains("Nothing changes."), "{}", told.out);

    let shown = beside(&app, &["policy", "show", &whole, "--file"]).await;
    assert_eq!(shown.code, Some(2), "{shown:?}");
    let shown = beside(&app, &["policy", "show", &whole]).await;
    assert!(shown.out.contains("guardrails/extra.yml") && shown.out.contains("placement.yml"), "{shown:?}");
    let path = shown
        .out
        .lines()
        .find_map(|line| line.split_whitespace().find(|word| word.ends_with("extra.yml")))
        .unwrap();
    let file = beside(&app, &["policy", "show", &old, "--file", path]).await;
    assert_eq!(file.out, RULE);
    for (arguments, code, said) in [
        (&["policy", "show", "b3:0123456789"][..], 1, "no revision `b3:0123456789` is kept"),
        (&["policy", "show", "b3:0"], 2, "is too short"),
        (&["policy", "diff", "./nowhere"], 2, "./nowhere is no folder"),
        (&["policy", "show", "--file", "nothing.yml"], 1, "no file `nothing.yml` is in it"),
    ] {
        let ran = beside(&app, arguments).await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{ran:?}");
        assert!(ran.err.contains(said), "{arguments:?}: {}", ran.err);
    }
}

#[test]
fn folders_are_compared_without_a_store() {
    let (before, after) = (shop(), shop());
    let write = |path: &str, text: &str| std::fs::write(after.path().join(path), text).unwrap();
    let read = |path: &str| std::fs::read_to_string(after.path().join(path)).unwrap();
    let placement = read("prompts/why-this/placement.yml");
    write("prompts/why-this/placement.yml", &placement.replacen("mode: ", "mode: prewritten # was ", 1));
    write("guardrails/extra.yml", RULE);
    let from = before.path().display().to_string();
    let told = done(after.path(), &["policy", "diff", &from, "files", "--format", "json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    let sentences: Vec<&str> = told["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["sentence"].as_str().unwrap())
        .collect();
    assert_eq!(sentences[0], "`extra.no-xylophone` is new: what it finds is blocked");
    assert!(sentences[1].starts_with("`why-this` goes up to `prewritten` instead of `"), "{sentences:?}");
    assert_eq!(told["changes"][1]["file"], "prompts/why-this/placement.yml");
    // As in a pipeline: the files as they were, and the edit.
    done(after.path(), &["check", "--against", &from]);
    let to = after.path().display().to_string();
    let ran = run(before.path(), &["check", "--against", &to]);
    assert_eq!(ran.code, Some(1));
    assert!(
        format!("{}{}", ran.out, ran.err)
            .contains("the rule `extra.no-xylophone`, which is in force, is gone"),
        "{ran:?}"
    );
    assert!(!after.path().join("data").exists(), "looking makes nothing");
}
