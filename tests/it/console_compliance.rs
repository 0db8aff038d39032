//! What compliance looks after in the console: stops, proposals, editions, refused edits, rules; and who may do what.

use copyrail::audit::counts::{Counts, What};
use serde_json::{Value, json};

use crate::support::console::{Browser, Page, sign_in};
use crate::support::{TestApp, Upstream, ask, eventually};

const SAID: &str = "A xylophone for the evening.";
const EXTRA: &str = "guardrails/extra.yml";
const PAGES: [&str; 11] = [
    "",
    "/proposals",
    "/rules",
    "/rules/compliance.no-promises",
    "/placements",
    "/segments",
    "/stops",
    "/shadow",
    "/sweep",
    "/evidence",
    "/editions",
];

/// A list of rules, each of which bans a word, with something to say of it.
fn banning(words: &[(&str, &str)]) -> String {
    let rule = |(word, message): &(&str, &str)| {
        let message = json!(message);
        format!(
            "  - id: no-{word}\n    extends: existence\n    message: {message}\n    level: error\n    \
             tokens: [{word}]\n    examples:\n      fail: [A {word}.]\n      pass: [A drum.]\n"
        )
    };
    format!("rules:\n{}", words.iter().map(rule).collect::<String>())
}

async fn app(variables: &[(&str, &str)]) -> (TestApp, Upstream) {
    let upstream = Upstream::saying(SAID).await;
    let app = TestApp::start_with(&upstream, &[], variables).await;
    (app, upstream)
}

async fn look(browser: &mut Browser, path: &str) -> Page {
    let page = browser.get(&format!("/console/compliance{path}")).await;
    assert_eq!(page.status, 200, "{path}: {}", page.text);
    page
}

/// Sends a form from the page that it stands on.
async fn send(browser: &mut Browser, path: &str, form: &[(&str, &str)]) -> Page {
    browser.post(&format!("/console/compliance{path}"), form).await
}

async fn policy(app: &TestApp) -> Value {
    app.get("/v1/policy", "compliance").await.body
}

async fn passes(app: &TestApp, name: &str) -> bool {
    app.blurb(ask(name)).await["text"] == SAID
}

#[tokio::test]
async fn a_stop_that_is_set_on_a_page_holds_for_the_next_answer_until_it_is_lifted() {
    let (app, _upstream) = app(&[]).await;
    assert!(passes(&app, "Lamp one").await);
    let mut tom = sign_in(&app, "compliance").await;
    look(&mut tom, "/stops").await;
    let form = [("kind", "phrase"), ("value", "xylophone"), ("reason", "Complaint <b>17</b>.")];
    let set = send(&mut tom, "/stops", &form).await;
    assert_eq!((set.status, set.leads_to()), (303, "/console/compliance/stops"), "{}", set.text);
    assert!(!passes(&app, "Lamp two").await, "it holds for the next answer");
    let listed = app.get("/v1/stops", "compliance").await.body;
    let stop = &listed["stops"][0];
    assert_eq!((&stop["value"], &stop["by"]), (&json!("xylophone"), &json!("test compliance")), "{listed}");
    let page = look(&mut tom, "/stops").await;
    assert!(page.text.contains("xylophone") && page.text.contains("Complaint &lt;b&gt;17&lt;/b&gt;."));

    // What is wrong with an order is said, and nothing is set.
    for form in [
        [("kind", "phrase"), ("value", " "), ("reason", "Why not.")],
        [("kind", "product"), ("value", "7"), ("reason", "")],
        [("kind", "moon"), ("value", "7"), ("reason", "Why not.")],
    ] {
        let refused = send(&mut tom, "/stops", &form).await;
        assert_eq!(refused.status, 400, "{form:?}: {}", refused.text);
    }
    assert_eq!(app.get("/v1/stops", "compliance").await.body["stops"].as_array().unwrap().len(), 1);

    let lift = format!("/stops/{}/lift", stop["id"].as_str().unwrap());
    let lifted = send(&mut tom, &lift, &[("reason", "It can be proven.")]).await;
    assert_eq!(lifted.status, 303, "{}", lifted.text);
    assert!(passes(&app, "Lamp three").await);
    assert_eq!(send(&mut tom, &lift, &[]).await.status, 404, "once alone");
    let page = look(&mut tom, "/stops").await;
    assert!(page.text.contains("lifted by test compliance"), "{}", page.text);
}

#[tokio::test]
async fn copy_is_dropped_from_a_page_and_written_anew() {
    let (app, upstream) = app(&[]).await;
    passes(&app, "Lamp").await;
    passes(&app, "Lamp").await;
    let before = upstream.calls();
    let mut tom = sign_in(&app, "compliance").await;
    look(&mut tom, "/stops").await;
    let dropped = send(&mut tom, "/stops/purge", &[("kind", "placement"), ("value", "why-this")]).await;
    assert_eq!(dropped.status, 303, "{}", dropped.text);
    passes(&app, "Lamp").await;
    assert_eq!(upstream.calls(), before + 1);
    let nothing = send(&mut tom, "/stops/purge", &[("kind", "generation"), ("value", "7")]).await;
    assert_eq!(nothing.status, 400);
}

#[tokio::test]
async fn a_proposal_is_approved_by_another_person_on_its_page_and_in_force() {
    let (app, _upstream) = app(&[("COPYRAIL__POLICY__APPROVALS", "1")]).await;
    app.edit(EXTRA, &banning(&[("xylophone", "'%s' is <i>not</i> said.")])).await;
    assert!(passes(&app, "Lamp one").await, "nobody approved it");
    let hash = policy(&app).await["proposals"][0]["hash"].as_str().unwrap().to_owned();
    let mut tom = sign_in(&app, "compliance").await;
    let page = look(&mut tom, "").await;
    assert!(page.text.contains(&hash), "it waits: {}", page.text);
    let path = format!("/proposals/{hash}");
    let page = look(&mut tom, &path).await;
    assert!(page.text.contains("extra.no-xylophone") && page.text.contains("Tightens"), "{}", page.text);
    assert!(page.text.contains("+      pass: [A drum.]"), "the files differ so: {}", page.text);
    let soon = send(&mut tom, &path, &[("action", "approve"), ("from", "soon")]).await;
    assert_eq!(soon.status, 400, "{}", soon.text);
    let done = send(&mut tom, &path, &[("action", "approve"), ("note", "Read it.")]).await;
    assert_eq!(done.status, 303, "{}", done.text);
    assert_eq!(policy(&app).await["guardrails"], hash);
    assert!(!passes(&app, "Lamp two").await);
    assert_eq!(
        send(&mut tom, &path, &[("action", "approve")]).await.status,
        409,
        "it does not wait any more"
    );

    // What goes back says why, and stays out.
    app.edit(EXTRA, &banning(&[("xylophone", "'%s' is not said."), ("harp", "'%s' is not said.")])).await;
    let second = policy(&app).await["proposals"][0]["hash"].as_str().unwrap().to_owned();
    let path = format!("/proposals/{second}");
    look(&mut tom, &path).await;
    assert_eq!(send(&mut tom, &path, &[("action", "send_back")]).await.status, 400);
    let back = send(&mut tom, &path, &[("action", "send_back"), ("note", "Harps are fine.")]).await;
    assert_eq!(back.status, 303, "{}", back.text);
    assert!(look(&mut tom, "/proposals").await.text.contains("sent back"));
    assert_eq!(policy(&app).await["guardrails"], hash);
}

#[tokio::test]
async fn nobody_approves_a_rollback_of_their_own() {
    let (app, _upstream) = app(&[("COPYRAIL__POLICY__APPROVALS", "1")]).await;
    let first = policy(&app).await["guardrails"].as_str().unwrap().to_owned();
    app.edit(EXTRA, &banning(&[("xylophone", "'%s' is not said.")])).await;
    let hash = policy(&app).await["proposals"][0]["hash"].as_str().unwrap().to_owned();
    let (mut tom, mut ann) = (sign_in(&app, "compliance").await, sign_in(&app, "admin").await);
    look(&mut ann, &format!("/proposals/{hash}")).await;
    assert_eq!(send(&mut ann, &format!("/proposals/{hash}"), &[("action", "approve")]).await.status, 303);

    let page = look(&mut tom, &format!("/editions?set=guardrails&from=in-force&to={first}")).await;
    assert!(page.text.contains("Loosens") && page.text.contains("this becomes a proposal"), "{}", page.text);
    let form = [("set", "guardrails"), ("reason", "It stops too much.")];
    let back = send(&mut tom, &format!("/editions/{first}/rollback"), &form).await;
    let path = format!("/proposals/{first}");
    assert_eq!(back.leads_to(), format!("/console/compliance{path}"), "{}", back.text);
    let page = look(&mut tom, &path).await;
    assert!(
        page.text.contains("You proposed this") && !page.text.contains("value=\"approve\""),
        "{}",
        page.text
    );
    assert_eq!(send(&mut tom, &path, &[("action", "approve")]).await.status, 409);
    assert_eq!(policy(&app).await["guardrails"], hash);
    look(&mut ann, &path).await;
    assert_eq!(send(&mut ann, &path, &[("action", "approve")]).await.status, 303);
    assert_eq!(policy(&app).await["guardrails"], first);
    assert!(passes(&app, "Lamp").await);
}

#[tokio::test]
async fn an_edition_is_compared_and_put_back_in_force() {
    let (app, _upstream) = app(&[]).await;
    let first = policy(&app).await["guardrails"].as_str().unwrap().to_owned();
    app.edit(EXTRA, &banning(&[("xylophone", "'%s' is not said.")])).await;
    let second = policy(&app).await["guardrails"].as_str().unwrap().to_owned();
    assert!(!passes(&app, "Lamp one").await);
    let mut tom = sign_in(&app, "compliance").await;
    let page = look(&mut tom, "/editions").await;
    assert!(page.text.contains(&first) && page.text.contains(&second) && page.text.contains("extra.yml"));
    let page = look(&mut tom, &format!("/editions?from={first}&to={second}")).await;
    assert!(
        page.text.contains("Tightens") && page.text.contains("+    tokens: [xylophone]"),
        "{}",
        page.text
    );
    let back = format!("/editions/{first}/rollback");
    let no_reason = send(&mut tom, &back, &[("set", "guardrails"), ("reason", " ")]).await;
    assert_eq!(no_reason.status, 400, "{}", no_reason.text);
    let done = send(&mut tom, &back, &[("set", "guardrails"), ("reason", "Too strict.")]).await;
    assert_eq!(done.status, 303, "{}", done.text);
    assert_eq!(policy(&app).await["guardrails"], first);
    assert!(passes(&app, "Lamp two").await);
    assert!(look(&mut tom, "").await.text.contains("Too strict."));
    assert_eq!(send(&mut tom, &back, &[("set", "guardrails"), ("reason", "Again.")]).await.status, 409);
    let unknown = browser_get(&mut tom, "/editions?from=b3:00&to=b3:11").await;
    assert_eq!(unknown.status, 404);
}

async fn browser_get(browser: &mut Browser, path: &str) -> Page {
    browser.get(&format!("/console/compliance{path}")).await
}

#[tokio::test]
async fn a_refused_edit_shows_its_place_and_its_line() {
    let (app, _upstream) = app(&[]).await;
    app.edit(EXTRA, "rules:\n  - id: x\n    extends: existence\n    level: errror\n").await;
    let mut tom = sign_in(&app, "compliance").await;
    let page = look(&mut tom, "").await;
    let refused = policy(&app).await["refused"][0].clone();
    let place = format!("{}:{}:{}", refused["file"].as_str().unwrap(), refused["line"], refused["column"]);
    assert!(place.contains("extra.yml:"), "{place}");
    assert!(page.text.contains(&place), "{place} is not in {}", page.text);
    assert!(page.text.contains("level: errror") && page.text.contains("^^^^^^"), "{}", page.text);
}

#[tokio::test]
async fn hostile_words_are_text_on_every_page() {
    let (app, _upstream) = app(&[]).await;
    let hostile = "<script>alert(1)</script> \u{202e}'%s' \" onmouseover=x";
    app.edit(EXTRA, &banning(&[("xylophone", hostile)])).await;
    assert_eq!(policy(&app).await["refused"], json!([]));
    assert!(!passes(&app, "Lamp").await);
    let mut tom = sign_in(&app, "compliance").await;
    look(&mut tom, "/stops").await;
    let form = [("kind", "product"), ("value", hostile), ("reason", hostile)];
    assert_eq!(send(&mut tom, "/stops", &form).await.status, 303);
    let encoded = serde_urlencoded::to_string([
        ("words", hostile),
        ("q", hostile),
        ("value", hostile),
        ("phrase", hostile),
    ])
    .unwrap();
    let mut paths: Vec<String> = PAGES.iter().map(|path| format!("{path}?kind=product&{encoded}")).collect();
    paths.push("/rules/extra.no-xylophone".to_owned());
    paths.push(format!("/stops/reach?kind=phrase&{encoded}"));
    for path in paths {
        let page = look(&mut tom, &path).await.text;
        assert!(!page.contains("<script>alert") && !page.contains("\" onmouseover"), "{path}: {page}");
    }
    let page = look(&mut tom, "/rules/extra.no-xylophone").await.text;
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt; <span class=\"unseen\">"), "{page}");
    assert_eq!(browser_get(&mut tom, "/rules/%3Cscript%3E").await.status, 404);
}

#[tokio::test]
async fn who_reviews_texts_sees_it_all_and_changes_nothing() {
    let (app, _upstream) = app(&[("COPYRAIL__POLICY__APPROVALS", "1")]).await;
    app.edit(EXTRA, &banning(&[("xylophone", "'%s' is not said.")])).await;
    let hash = policy(&app).await["proposals"][0]["hash"].as_str().unwrap().to_owned();
    let first = policy(&app).await["guardrails"].as_str().unwrap().to_owned();
    let proposal = format!("/proposals/{hash}");
    let mut ines = sign_in(&app, "review").await;
    for path in PAGES.iter().chain([&proposal.as_str()]) {
        let page = look(&mut ines, path).await.text;
        let content = page.split("<main").nth(1).unwrap();
        assert!(!content.contains("method=\"post\""), "{path}: {content}");
    }
    for (path, form) in [
        ("/stops", &[("kind", "phrase"), ("value", "xylophone"), ("reason", "Because.")][..]),
        ("/stops/purge", &[("kind", "placement"), ("value", "why-this")]),
        ("/stops/0192aaaa-0000-7000-8000-000000000000/lift", &[]),
        (&proposal, &[("action", "approve")]),
        (&proposal, &[("action", "send_back"), ("note", "No.")]),
        (&format!("/editions/{first}/rollback"), &[("set", "guardrails"), ("reason", "No.")]),
        ("/sweep", &[]),
        ("/shadow", &[("days", "7")]),
    ] {
        let refused = send(&mut ines, path, form).await;
        assert_eq!(refused.status, 403, "{path}: {}", refused.text);
    }
    assert_eq!(app.get("/v1/stops", "compliance").await.body["stops"], json!([]));
    assert_eq!(policy(&app).await["guardrails"], first);
}

#[tokio::test]
async fn a_sweep_goes_on_behind_its_page_and_its_answer_stays() {
    let (app, _upstream) = app(&[]).await;
    assert!(passes(&app, "Lamp").await);
    let mut tom = sign_in(&app, "compliance").await;
    look(&mut tom, "/sweep").await;
    let begun = send(&mut tom, "/sweep", &[("phrase", "xylophone")]).await;
    assert_eq!(begun.status, 303, "{}", begun.text);
    look(&mut tom, "/shadow").await;
    assert_eq!(send(&mut tom, "/shadow", &[("days", "7")]).await.status, 303);
    let inquiries = &app.app().shared.inquiries;
    let answered = || async { inquiries.sweep.told().1.is_some() && inquiries.shadow.told().1.is_some() };
    eventually("both are answered", answered).await;
    let page = look(&mut tom, "/sweep").await.text;
    assert!(page.contains("hold the phrase and could be served"), "{page}");
    assert!(page.contains("<mark class=\"block\">xylophone</mark>"), "{page}");
    assert!(page.contains("by test compliance"), "{page}");
    assert!(look(&mut tom, "/shadow").await.text.contains("No rule was in shadow"));
}

#[tokio::test]
async fn rules_are_found_by_what_they_say_and_told_with_their_lines() {
    let (app, _upstream) = app(&[]).await;
    app.edit(EXTRA, &banning(&[("xylophone", "'%s' is not said.")])).await;
    assert!(!passes(&app, "Lamp").await);
    let mut tom = sign_in(&app, "compliance").await;
    let all = look(&mut tom, "/rules").await.text;
    assert!(all.contains("extra.no-xylophone") && all.contains("compliance.no-promises"), "{all}");
    for (query, there, missing) in [
        ("words=XYLO", "extra.no-xylophone", "compliance.no-promises"),
        ("owner=legal%40example.com", "compliance.no-promises", "extra.no-xylophone"),
        ("reference=cap+code", "compliance.no-promises", "extra.no-xylophone"),
        ("mode=enforce&kind=existence", "extra.no-xylophone", "compliance.no-promises"),
        ("mode=shadow", "No rule is like that", "extra.no-xylophone"),
        ("page=999999&words=xylophone", "extra.no-xylophone", "compliance.no-promises"),
    ] {
        let page = look(&mut tom, &format!("/rules?{query}")).await.text;
        let list = page.split("id=\"list\"").nth(1).unwrap();
        assert!(list.contains(there) && !list.contains(missing), "{query}: {list}");
    }
    let rule = look(&mut tom, "/rules/extra.no-xylophone").await.text;
    assert!(rule.contains("extra.yml:2") && rule.contains("tokens: [xylophone]"), "{rule}");
    assert!(rule.contains("A drum."), "{rule}");
    // What it found last, with the place marked; and how often, day by day, once that is counted.
    assert!(rule.contains("<mark class=\"block\">xylophone</mark>"), "{rule}");
    let store = &app.app().shared.store;
    let counted = || async {
        let mut counts = Counts::of(store).await.unwrap();
        let spans = [(0, i64::from(i32::MAX)), (0, 1)];
        let of = async |counts: &mut Counts, rule| counts.of_one(What::Finding, rule, &spans).await.unwrap();
        assert_eq!(of(&mut counts, "extra.no-xylo").await, [0, 0], "of this rule alone");
        of(&mut counts, "extra.no-xylophone").await == [1, 0]
    };
    eventually("it is counted", counted).await;
    let rule = look(&mut tom, "/rules/extra.no-xylophone").await.text;
    assert!(rule.contains("1 generation of the last 30 days") && rule.contains("<svg"), "{rule}");
}
