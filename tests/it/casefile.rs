//! A record told whole: what was shown and why, by the rules of its own day.

use serde_json::{Value, json};

use crate::ladder::returning;
use crate::support::{Ran, Reply, TestApp, Upstream, copyrail, eventually};

/// A shop's own rule, in one of its editions.
fn rule(edition: u32) -> String {
    format!(
        "rules:\n  - id: mate\n    extends: existence\n    message: \"Edition {edition} does not know '%s'.\"\n    level: warning\n    \
         tokens: [companion]\n    owner: edition{edition}@example.com\n    examples: {{fail: [A companion.], pass: [A friend.]}}\n"
    )
}

/// Somebody who agreed to personalisation, in the segment of the bargain hunters.
fn bargain(product: &str) -> Value {
    json!({
        "placement": "why-this",
        "product": {"id": product, "name": "Lumo lamp", "features": {"Power": "12 W"}},
        "user": {"id": "u-17", "attributes": {"orders_90d": 2, "discount_affinity": 0.8}},
        "context": {"locale": "en-GB"},
        "consent": {"personalisation": true},
        "deadline_ms": 30_000
    })
}

/// Runs an `audit` command on a store.
pub async fn audit(app: &TestApp, arguments: &[&str]) -> Ran {
    let (folder, url) = (app.folder.path().to_owned(), app.store_url().to_owned());
    let arguments: Vec<String> = ["audit"].iter().chain(arguments).map(|a| (*a).to_owned()).collect();
    let run = move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let data = folder.join("data").display().to_string();
        let variables = [("COPYRAIL__STORE__URL", &*url), ("COPYRAIL__DATA__DIR", &data), ("COLUMNS", "120")];
        copyrail(&folder, &arguments, &variables, "")
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// A text with its lines as one.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The rule of the house in a case.
fn mate(case: &Value) -> &Value {
    let rules = case["policies"][0]["rules"].as_array().unwrap();
    rules.iter().find(|rule| rule["id"] == "house.mate").unwrap()
}

/// A shop that had a text mended, shown and approved, and then changed its rules four times; and the answer.
pub async fn told() -> (TestApp, Value) {
    let upstream = Upstream::with(|call, _| match call {
        1 => Reply::Text("A <companion> for the desk.".into()),
        _ => Reply::Text("A lamp of 12 W for the desk & the shelf.".into()),
    })
    .await;
    let first = rule(1);
    let mut app = TestApp::start_with(&upstream, &[("guardrails/house.yml", &first)], &[]).await;
    let answer = app.blurb(bargain("p-1")).await;
    assert_eq!(answer["source"], "generated", "{answer}");
    let review = app
        .client()
        .post(app.url(&format!("/v1/generations/{}/reviews", answer["generation_id"].as_str().unwrap())))
        .bearer_auth(app.key("review"))
        .json(&json!({"action": "approve", "note": "As the data sheet says."}));
    assert_eq!(app.send(review).await.status, 201);
    for edition in 2..=5 {
        app.edit("guardrails/house.yml", &rule(edition)).await;
    }
    app.app.take().unwrap().stop().await;
    (app, answer)
}

#[tokio::test]
async fn a_serve_is_shown_with_the_rules_of_its_own_day() {
    let (app, answer) = told().await;
    let serve = answer["serve_id"].as_str().unwrap();
    let shown = audit(&app, &["show", serve]).await;
    assert_eq!((shown.code, shown.err.as_str()), (Some(0), ""), "{}", shown.out);
    for part in [
        &format!("Serve {serve}\n"),
        "A lamp of 12 W for the desk & the shelf.",
        "answered for segment `bargain-hunters`",
        "`user.orders_90d` is at least that: yes",
        "Prompt: user, added to have the first text mended",
        "house.mate (warning, repair) in attempt 1",
        "A <[companion]> for the desk.",
        "Edition 1 does not know 'companion'.",
        "Edition 1 does not know '%s'.",
        "When it was shown, no person had approved or rejected it.",
        "Since then, test review approved it on ",
        "As the data sheet says.",
    ] {
        assert!(flat(&shown.out).contains(&flat(part)), "{part}: {}", shown.out);
    }
    assert!(!shown.out.contains("Edition 5"), "{}", shown.out);
    assert!(!shown.out.contains("u-17"), "nobody is named: {}", shown.out);
    let files = audit(&app, &["show", serve, "--rules"]).await;
    assert!(files.out.contains("owner: edition1@example.com"), "{}", files.out);
    assert!(!files.out.contains("edition2@example.com"));

    let case = audit(&app, &["show", serve, "--format", "json"]).await;
    let case: Value = serde_json::from_str(&case.out).unwrap();
    assert_eq!(case["asked"], json!({"kind": "serve", "id": serve}));
    assert_eq!(case["policies"].as_array().unwrap().len(), 1);
    let policy = &case["policies"][0];
    assert_eq!((&policy["when"], &policy["missing"]), (&json!(["shown", "written"]), &json!(null)));
    assert!(policy["rules"][0]["matches"].as_u64().unwrap() > 0, "what found something stands first");
    assert_eq!((&mate(&case)["matches"], &mate(&case)["owner"]), (&json!(1), &json!("edition1@example.com")));
    let full = policy["prompts"]["files"].as_array().unwrap().iter().filter(|file| file["text"].is_string());
    assert_eq!(full.count(), 3, "template, placement and segments are there in full");
    assert_eq!(case["generation"]["decided"], json!(null), "the review came after the answer");
    assert_eq!(case["generation"]["decided_since"][0]["by"], "test review");
    let generation = audit(&app, &["show", answer["generation_id"].as_str().unwrap()]).await;
    assert!(flat(&generation.out).contains("test review approved it on "), "{}", generation.out);
}

#[tokio::test]
async fn four_revisions_later_the_rules_of_the_day_are_shown_though_one_is_retired() {
    let upstream = Upstream::with(|call, _| match call {
        1 => Reply::Text("A <companion> for the desk.".into()),
        _ => Reply::Text("A lamp of 12 W for the desk & the shelf.".into()),
    })
    .await;
    let first = rule(1);
    let mut app = TestApp::start_with(&upstream, &[("guardrails/house.yml", &first)], &[]).await;
    let answer = app.blurb(bargain("p-1")).await;
    assert_eq!(answer["source"], "generated", "{answer}");
    let revision = async |app: &TestApp| {
        let policy = app.get("/v1/policy", "compliance").await.body;
        assert_eq!(policy["refused"], json!([]));
        policy["revision"].as_str().unwrap().to_owned()
    };
    let mut revisions = vec![revision(&app).await];
    let read = |app: &TestApp, path: &str| std::fs::read_to_string(app.folder.path().join(path)).unwrap();
    // Its words change; its prompt does; it is retired; and the prompt's folder has another segment's template fewer.
    app.edit("guardrails/house.yml", &rule(2)).await;
    revisions.push(revision(&app).await);
    let template = "prompts/why-this/bargain-hunters.prompty";
    app.edit(template, &read(&app, template).replace("You write short product copy", "You write other copy"))
        .await;
    revisions.push(revision(&app).await);
    let retired = "retired:\n  - {id: house.mate, reason: The house speaks of mates now., by: jo@example.com, on: 2026-11-22}\n";
    let settings = read(&app, "guardrails/guardrails.yml").replace("retired:\n", retired);
    std::fs::write(app.folder.path().join("guardrails/guardrails.yml"), settings).unwrap();
    app.edit("guardrails/house.yml", "").await;
    revisions.push(revision(&app).await);
    app.edit("prompts/why-this/gift-givers.prompty", "").await;
    revisions.push(revision(&app).await);
    revisions.sort();
    revisions.dedup();
    assert_eq!(revisions.len(), 5, "four edits came into force");
    app.app.take().unwrap().stop().await;

    let shown = audit(&app, &["show", answer["serve_id"].as_str().unwrap()]).await;
    assert_eq!(shown.code, Some(0), "{}", shown.err);
    for part in ["house.mate (warning, repair) in attempt 1", "Edition 1 does not know '%s'."] {
        assert!(flat(&shown.out).contains(&flat(part)), "{part}: {}", shown.out);
    }
    assert!(!shown.out.contains("Edition 2"), "{}", shown.out);
    let case = audit(&app, &["show", answer["serve_id"].as_str().unwrap(), "--format", "json"]).await;
    let case: Value = serde_json::from_str(&case.out).unwrap();
    assert_eq!((&mate(&case)["matches"], &mate(&case)["owner"]), (&json!(1), &json!("edition1@example.com")));
    let files = case["policies"][0]["prompts"]["files"].to_string();
    assert!(files.contains("You write short product copy") && !files.contains("You write other copy"));
    let files = audit(&app, &["show", answer["serve_id"].as_str().unwrap(), "--rules"]).await;
    assert!(
        files.out.contains("owner: edition1@example.com") && !files.out.contains("edition2"),
        "{}",
        files.out
    );
}

#[tokio::test]
async fn who_had_approved_it_is_told_though_somebody_rejected_it_later() {
    let upstream = Upstream::saying("A lamp of 12 W for the desk.").await;
    let mut app = TestApp::start(&upstream).await;
    let first = app.blurb(bargain("p-1")).await;
    let reviews = format!("/v1/generations/{}/reviews", first["generation_id"].as_str().unwrap());
    let review = async |app: &TestApp, action: &str| {
        let request = app.client().post(app.url(&reviews)).bearer_auth(app.key("review"));
        assert_eq!(app.send(request.json(&json!({ "action": action }))).await.status, 201);
    };
    review(&app, "approve").await;
    let answer = app.blurb(bargain("p-1")).await;
    assert_eq!(answer["generation_id"], first["generation_id"], "{answer}");
    review(&app, "reject").await;
    let path = format!("/v1/serves/{}", answer["serve_id"].as_str().unwrap());
    eventually("the serve is recorded", || async { app.get(&path, "review").await.status == 200 }).await;
    let why = app.get(&path, "review").await.body["why"].clone();
    assert_eq!(why["reviewed"]["approved"], json!(true), "{why}");
    assert_eq!(why["reviewed_since"][0]["approved"], json!(false), "{why}");
    app.app.take().unwrap().stop().await;
    let shown = audit(&app, &["show", answer["serve_id"].as_str().unwrap()]).await;
    for said in [&why["said"].to_string(), &shown.out] {
        let said = flat(said);
        for part in
            ["When it was shown, test review had approved it on ", "Since then, test review rejected it on "]
        {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}

#[tokio::test]
async fn rules_that_were_changed_in_the_store_are_not_shown_as_those_of_the_day() {
    let (app, answer) = told().await;
    let serve = answer["serve_id"].as_str().unwrap();
    let database = sqlx::SqlitePool::connect(app.store_url()).await.unwrap();
    let forged = "UPDATE policies SET files = replace(files, 'edition1@example.com', 'forged@example.com')";
    sqlx::raw_sql(forged).execute(&database).await.unwrap();
    for arguments in
        [vec!["show", serve], vec!["show", serve, "--rules"], vec!["show", serve, "--format", "json"]]
    {
        let shown = audit(&app, &arguments).await;
        assert_eq!(shown.code, Some(0), "{}", shown.err);
        assert!(!shown.out.contains("forged"), "{arguments:?}: {}", shown.out);
    }
    let verified = audit(&app, &["verify", "--format", "json"]).await;
    let report: Value = serde_json::from_str(&verified.out).unwrap();
    assert_eq!((verified.code, &report["fault"]["what"]), (Some(1), &json!("policy")), "{report}");

    // Nor is a revision what the store says, where it cannot be that.
    let mended = "UPDATE policies SET files = replace(files, 'forged@example.com', 'edition1@example.com');
                  UPDATE revisions SET guardrails = (SELECT guardrails FROM revisions ORDER BY since DESC LIMIT 1)";
    sqlx::raw_sql(mended).execute(&database).await.unwrap();
    database.close().await;
    let case = audit(&app, &["show", serve, "--format", "json"]).await;
    assert_eq!(mate(&serde_json::from_str(&case.out).unwrap())["owner"], "edition1@example.com");
}

#[tokio::test]
async fn a_revision_that_was_not_kept_is_found_among_the_sets_that_were() {
    let (app, answer) = told().await;
    let database = sqlx::SqlitePool::connect(app.store_url()).await.unwrap();
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM revisions").fetch_one(&database).await.unwrap();
    assert_eq!(kept, 5);
    sqlx::raw_sql("DELETE FROM revisions").execute(&database).await.unwrap();
    let case = audit(&app, &["show", answer["serve_id"].as_str().unwrap(), "--format", "json"]).await;
    let case: Value = serde_json::from_str(&case.out).unwrap();
    assert_eq!(mate(&case)["owner"], "edition1@example.com");

    // And where the files are gone too, that is said, and the rest is told all the same.
    sqlx::raw_sql("DELETE FROM policies").execute(&database).await.unwrap();
    database.close().await;
    let shown = audit(&app, &["show", answer["serve_id"].as_str().unwrap()]).await;
    assert_eq!(shown.code, Some(0), "{}", shown.err);
    assert!(
        shown.out.contains("The store does not say which files this revision stands for."),
        "{}",
        shown.out
    );
    assert!(shown.out.contains("A lamp of 12 W for the desk & the shelf."), "{}", shown.out);
}

#[tokio::test]
async fn what_was_erased_is_named_with_its_receipt() {
    let upstream = Upstream::saying("A zanzibar light for the desk.").await;
    let mut app = TestApp::start(&upstream).await;
    let answer = app.blurb(returning("u-17")).await;
    assert_eq!(answer["tier"], "user", "{answer}");
    app.app.take().unwrap().stop().await;
    let serve = answer["serve_id"].as_str().unwrap();
    let shown = audit(&app, &["show", serve]).await;
    assert!(shown.out.contains("zanzibar"), "{}", shown.out);
    let erased = audit(&app, &["erase", "--user", "u-17", "--by", "Ada", "--yes"]).await;
    assert_eq!(erased.code, Some(0), "{}", erased.err);
    let shown = audit(&app, &["show", serve]).await;
    assert_eq!(shown.code, Some(0), "{}", shown.err);
    let out = flat(&shown.out);
    for part in ["The text was erased on ", " at a person's request, asked for by Ada: entry "] {
        assert!(out.contains(part), "{part}: {}", shown.out);
    }
    assert!(!out.contains("zanzibar"), "{}", shown.out);
    let page = app.folder.path().join("erased.html").display().to_string();
    let exported = audit(&app, &["export", "--case", serve, "--by", "Ada", "--out", &page]).await;
    assert_eq!(exported.code, Some(0), "{}", exported.err);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("Payload of entry ") && page.contains("It was erased on "), "{page}");
}

#[tokio::test]
async fn copy_that_was_not_shown_says_why() {
    let upstream = Upstream::saying("A risk-free lamp.").await;
    let mut app = TestApp::start(&upstream).await;
    let answer = app.blurb(bargain("p-1")).await;
    assert_eq!(answer["reason"], "guardrail", "{answer}");
    app.app.take().unwrap().stop().await;
    let shown = audit(&app, &["show", answer["serve_id"].as_str().unwrap()]).await;
    for part in [
        "with copy that people wrote",
        "Nothing better was shown: what was written did not pass the guardrails, so it was not shown.",
        "People wrote the text",
    ] {
        assert!(flat(&shown.out).contains(part), "{part}: {}", shown.out);
    }
}

#[tokio::test]
async fn what_somebody_saw_at_a_moment_and_why_is_one_query() {
    let upstream = Upstream::with(|call, _| match call {
        1 => Reply::Text("A companion for the desk.".into()),
        _ => Reply::Text("A lamp of 12 W for the desk.".into()),
    })
    .await;
    let first = rule(1);
    let app = TestApp::start_with(&upstream, &[("guardrails/house.yml", &first)], &[]).await;
    let answer = app.blurb(bargain("p-1")).await;
    app.edit("guardrails/house.yml", &rule(2)).await;
    let path = format!("/v1/serves/{}", answer["serve_id"].as_str().unwrap());
    eventually("the serve is recorded", || async { app.get(&path, "review").await.status == 200 }).await;
    let one = app.get(&path, "review").await.body;
    let path = format!("/v1/serves?user=u-17&at={}", one["at"].as_str().unwrap());
    let found = app.get(&path, "review").await.body;
    let serve = &found["items"][0];
    assert_eq!((&serve["id"], &serve["text"]), (&answer["serve_id"], &answer["text"]), "{found}");
    assert_eq!(serve["why"], one["why"]);
    let why = &serve["why"];
    let said = why["said"].to_string();
    for part in ["for segment `bargain-hunters`", "The first text was sent back", "No person has approved"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let segments = why["segments"].as_array().unwrap();
    assert_eq!(segments.last().unwrap()["outcome"], "true", "{why}");
    let rules = why["rules"].as_array().unwrap();
    assert_eq!((&rules[0]["id"], &rules[0]["owner"]), (&json!("house.mate"), &json!("edition1@example.com")));
    assert_eq!(why["rules_in_force"], json!(rules.len()));
    let listed = app.get("/v1/serves?user=u-17", "review").await.body;
    assert_eq!(listed["items"][0].get("why"), None, "a list is told of one by one: {listed}");
}

#[tokio::test]
async fn a_key_without_a_name_signs_with_its_id() {
    assert_eq!(copyrail::casefile::words::by(""), "somebody whose key had no name");
    let upstream = Upstream::saying("A lamp of 12 W for the desk.").await;
    let app = TestApp::start(&upstream).await;
    let answer = app.blurb(bargain("p-1")).await;
    let (folder, url) = (app.folder.path().to_owned(), app.store_url().to_owned());
    let make = move || {
        copyrail(&folder, &["keys", "new", "--role", "review"], &[("COPYRAIL__STORE__URL", &*url)], "").out
    };
    let token = tokio::task::spawn_blocking(make).await.unwrap().trim().to_owned();
    let url = app.url(&format!("/v1/generations/{}/reviews", answer["generation_id"].as_str().unwrap()));
    let review = || app.client().post(&url).bearer_auth(&token).json(&json!({"action": "approve"}));
    eventually("the key is known", || async { app.send(review()).await.status == 201 }).await;
    let id = token.trim_start_matches("crk_").split('_').next().unwrap();
    assert_eq!(app.send(review()).await.body["by"], json!(format!("key {id}")));
}
