//! The approval queue: most awaited first, one decision after another, edits that are judged first, second looks, reviewers.

use std::collections::BTreeSet;
use std::sync::Arc;

use copyrail::audit::waiting;
use serde_json::{Value, json};

use crate::ladder::{check_awaiting, placement, returning, standing};
use crate::support::console::{Browser, Page, sign_in};
use crate::support::{Reply, TestApp, Upstream, ask, eventually};

const PLACEMENT: &str = "prompts/why-this/placement.yml";
const QUEUE: &str = "/console/approvals";

/// A shop where a person approves each text. Each product's text names it, but for twins, which all say the same.
async fn shop() -> (TestApp, Upstream) {
    let upstream = Upstream::with(|_, body| {
        let prompt = body["messages"].to_string();
        let named =
            (0..400).rev().map(|n| format!("Lamp {n:03}")).find(|name| prompt.contains(name.as_str()));
        Reply::Text(match named {
            Some(name) => format!("A calm light, by the name of {name}."),
            None => "A calm light for long evenings.".to_owned(),
        })
    })
    .await;
    let approval = placement(PLACEMENT, "approval: true");
    let app = TestApp::start_with(&upstream, &[(PLACEMENT, &approval)], &[]).await;
    (app, upstream)
}

/// What waits is in the queue.
async fn indexed(app: &TestApp) {
    let shared = Arc::clone(&app.app().shared);
    eventually("the log is indexed", || async {
        copyrail::audit::index::behind(&shared.store).await.unwrap() == 0
    })
    .await;
}

/// The texts of the list, in order.
fn rows(page: &Page) -> Vec<String> {
    assert_eq!(page.status, 200, "{}", page.text);
    let text = |row: &str| {
        let link = row.split_once("<a class=\"one-line\"").unwrap().1;
        link.split_once('>').unwrap().1.split_once("</a>").unwrap().0.to_owned()
    };
    page.text.split("<tr data-row").skip(1).map(text).collect()
}

/// The generation that is open for a decision.
fn open(page: &Page) -> Option<String> {
    assert_eq!(page.status, 200, "{}", page.text);
    let (_, rest) = page.text.split_once("name=\"id\" value=\"")?;
    Some(rest.split('"').next().unwrap().to_owned())
}

/// What a page's script is told was done.
fn said(page: &Page) -> Value {
    let told = page.headers.get("hx-trigger").map_or("{}", |told| told.to_str().unwrap());
    serde_json::from_str::<Value>(told).unwrap()["said"].clone()
}

/// A browser whose pages load parts.
async fn with_script(app: &TestApp, role: &str) -> Browser {
    let mut browser = sign_in(app, role).await;
    browser.says.push(("hx-request", "true".to_owned()));
    browser
}

async fn decide(browser: &mut Browser, id: &str, action: &str) -> Page {
    browser.post("/console/approvals/decide", &[("id", id), ("action", action)]).await
}

#[track_caller]
fn check(answer: &Value, text: &str) {
    assert_eq!((&answer["source"], &answer["text"]), (&json!("cache"), &json!(text)), "{answer}");
}

fn rule(name: &str, product: &str) -> String {
    format!(
        "rules:\n  - id: {name}\n    extends: existence\n    message: \"'%s' has left.\"\n    level: error\n    \
         tokens: [calm]\n    applies: {{when: {{product.name: {product}}}}}\n    \
         examples: {{fail: [{{text: A calm light., facts: {{name: {product}}}}}], pass: [A light.]}}\n"
    )
}

#[tokio::test]
async fn what_pages_wanted_most_comes_first() {
    let (app, _upstream) = shop().await;
    for (name, pages) in [("Lamp 001", 1), ("Lamp 002", 3), ("Lamp 003", 2)] {
        for _ in 0..pages {
            check_awaiting(&app.blurb(ask(name)).await);
        }
    }
    indexed(&app).await;
    let mut browser = sign_in(&app, "review").await;
    let expected = ["002", "003", "001"].map(|n| format!("A calm light, by the name of Lamp {n}."));
    let shared = &app.app().shared;
    eventually("all pages are counted", || async {
        let groups = waiting::groups(&shared.store, &waiting::Filter::default(), 9).await.unwrap();
        groups.iter().map(|group| group.waited).collect::<Vec<_>>() == [3, 2, 1]
    })
    .await;
    let page = browser.get(QUEUE).await;
    assert_eq!(rows(&page), expected);
    assert!(page.text.contains("3 pages waited") && page.text.contains("Lamp 002"), "{}", page.text);
    // What the address narrows it to.
    assert!(rows(&browser.get("/console/approvals?placement=cta-subtext").await).is_empty());
    assert!(rows(&browser.get("/console/approvals?findings=with").await).is_empty());
    assert_eq!(rows(&browser.get("/console/approvals?placement=why-this&whose=all").await).len(), 3);
    // Another text is opened by its address, and nobody decides without a key for it.
    let first = standing(&app, "awaiting").await.pop().unwrap();
    let page = browser.get(&format!("{QUEUE}?at={first}")).await;
    assert_eq!(open(&page).as_deref(), Some(first.as_str()));
    let mut other = sign_in(&app, "compliance").await;
    let page = other.get(QUEUE).await;
    assert!(rows(&page).len() == 3 && !page.text.contains("Facts used"), "{}", page.text);
    assert_eq!(decide(&mut other, &first, "approve").await.status, 403);
    let mut forged = sign_in(&app, "review").await;
    forged.token = "none".to_owned();
    assert_eq!(decide(&mut forged, &first, "approve").await.status, 403);
    assert_eq!(standing(&app, "awaiting").await.len(), 3);
}

#[tokio::test]
async fn equal_texts_are_decided_together_and_none_in_which_rules_find_something() {
    let (app, _upstream) = shop().await;
    for name in ["Tall lamp", "Small lamp", "Odd lamp"] {
        check_awaiting(&app.blurb(ask(name)).await);
    }
    indexed(&app).await;
    app.edit("guardrails/extra.yml", &rule("no-calm", "Odd lamp")).await;
    assert_eq!(app.get("/v1/policy", "compliance").await.body["refused"], json!([]));
    let mut browser = with_script(&app, "review").await;
    let page = browser.get(QUEUE).await;
    assert_eq!(rows(&page), ["A calm light for long evenings."]);
    let first = open(&page).unwrap();
    let page = decide(&mut browser, &first, "approve").await;
    let told = said(&page);
    assert!(told["text"].as_str().unwrap().starts_with("Approved for 2 questions. One waits on"), "{told}");
    for name in ["Tall lamp", "Small lamp"] {
        check(&app.blurb(ask(name)).await, "A calm light for long evenings.");
    }
    let left = standing(&app, "awaiting").await;
    assert_eq!(left.len(), 1);
    let page = browser.get(&format!("{QUEUE}?at={}", left[0])).await;
    assert!(page.text.contains("The rule extra.no-calm does not let it pass now."), "{}", page.text);
    // Each has a record of its own, and all are undone at once.
    let undo = told["undo"].as_str().unwrap().to_owned();
    assert_eq!(browser.post(&undo, &[]).await.status, 200);
    indexed(&app).await;
    assert_eq!(standing(&app, "awaiting").await.len(), 3);
    check_awaiting(&app.blurb(ask("Tall lamp")).await);
    assert_eq!(browser.post(&undo, &[]).await.status, 409, "once is enough");
}

#[tokio::test]
async fn four_hundred_decisions_in_a_row_by_two_at_once_leave_none_out_and_take_none_twice() {
    const TEXTS: usize = 400;
    let (app, _upstream) = shop().await;
    let mut pages = tokio::task::JoinSet::new();
    for n in 0..TEXTS {
        let request = app.client().post(app.url("/v1/blurbs")).bearer_auth(app.key("serve"));
        let request = request.json(&ask(&format!("Lamp {n:03}")));
        pages.spawn(async move { request.send().await.unwrap().status().as_u16() });
        if pages.len() >= 16 {
            assert_eq!(pages.join_next().await.unwrap().unwrap(), 200);
        }
    }
    pages.join_all().await;
    indexed(&app).await;
    let (mut one, mut other) = (with_script(&app, "review").await, with_script(&app, "admin").await);
    async fn work(browser: &mut Browser) -> Vec<String> {
        let mut page = browser.get(QUEUE).await;
        let mut decided = Vec::new();
        while let Some(id) = open(&page) {
            let action = if decided.len() % 7 == 0 { "reject" } else { "approve" };
            page = decide(browser, &id, action).await;
            decided.push(id);
        }
        decided
    }
    let (mine, theirs) = tokio::join!(work(&mut one), work(&mut other));
    let all: BTreeSet<&String> = mine.iter().chain(&theirs).collect();
    assert_eq!((all.len(), mine.len() + theirs.len()), (TEXTS, TEXTS), "{} and {}", mine.len(), theirs.len());
    assert!(!mine.is_empty() && !theirs.is_empty());
    assert!(standing(&app, "awaiting").await.is_empty());
    let page = one.get(QUEUE).await;
    assert!(page.text.contains(&format!("<strong>{}</strong> decided today", mine.len())), "{}", page.text);
}

#[tokio::test]
async fn an_edit_is_judged_first_and_served_at_once() {
    const BETTER: &str = "A calm light that suits long evenings.";
    let (mut app, upstream) = shop().await;
    check_awaiting(&app.blurb(ask("Lamp 001")).await);
    indexed(&app).await;
    let from = standing(&app, "awaiting").await.remove(0);
    let mut browser = sign_in(&app, "review").await;
    let address = format!("/console/generations/{from}/edit");
    let page = browser.get(&format!("{address}?next=/console/approvals")).await;
    assert!(page.text.contains("by the name of Lamp 001.</textarea>"), "{}", page.text);
    for (text, finding) in [
        ("This lamp cures back pain, guaranteed.", "Does not pass"),
        ("A lamp <script>alert(1)</script> for you.", "Does not pass"),
        ("A lamp\u{202e} for you.", "U+202E"),
        ("", "Write a text."),
    ] {
        let refused = browser.post(&address, &[("text", text), ("next", QUEUE)]).await;
        assert_eq!(refused.status, 422, "{text}");
        assert!(
            refused.text.contains(finding) && !refused.text.contains("<script>alert"),
            "{}",
            refused.text
        );
        let live = browser.post(&format!("{address}/check"), &[("text", text)]).await;
        assert!(live.status == 200 && live.text.contains(finding), "{}", live.text);
    }
    check_awaiting(&app.blurb(ask("Lamp 001")).await);
    let page = browser.post(&address, &[("text", BETTER), ("next", QUEUE)]).await;
    assert_eq!((page.status, page.leads_to()), (303, QUEUE), "{}", page.text);
    check(&app.blurb(ask("Lamp 001")).await, BETTER);
    indexed(&app).await;
    assert!(rows(&browser.get(QUEUE).await).is_empty());
    assert!(standing(&app, "rejected").await.is_empty());
    app.restart().await.unwrap();
    check(&app.blurb(ask("Lamp 001")).await, BETTER);
    assert_eq!(upstream.calls(), 1);
    let id = standing(&app, "approved").await.remove(0);
    let told = app.get(&format!("/v1/generations/{id}"), "review").await.body;
    assert_eq!(told["edited"], json!({"from": from, "by": "test review"}));
    assert_eq!((&told["cost"], &told["attempts"]), (&json!(0), &json!([])));
    // A second person looks at it, and not whoever wrote it.
    let mut browser = sign_in(&app, "review").await;
    assert!(rows(&browser.get("/console/approvals?tab=looks").await).is_empty());
    let mut second = sign_in(&app, "admin").await;
    let page = second.get("/console/approvals?tab=looks").await;
    assert_eq!((rows(&page), open(&page)), (vec![BETTER.to_owned()], Some(id)));
}

#[tokio::test]
async fn programs_edit_too() {
    let (app, _upstream) = shop().await;
    check_awaiting(&app.blurb(ask("Lamp 001")).await);
    let from = standing(&app, "awaiting").await.remove(0);
    let edit = async |body: Value, key: &str| {
        let url = app.url(&format!("/v1/generations/{from}/edits"));
        app.send(app.client().post(url).bearer_auth(app.key(key)).json(&body)).await
    };
    assert_eq!(edit(json!({"text": "A light."}), "compliance").await.status, 403);
    let refused = edit(json!({"text": "It cures back pain."}), "review").await;
    assert_eq!((refused.status, &refused.body["type"]), (422, &json!("urn:copyrail:does-not-pass")));
    assert!(!refused.body["findings"].as_array().unwrap().is_empty());
    assert_eq!(edit(json!({"text": "a".repeat(4_001)}), "review").await.status, 400);
    let done = edit(json!({"text": "A light for evenings.", "note": "Shorter."}), "review").await;
    assert_eq!((done.status, &done.body["edited"]), (201, &json!(from)), "{}", done.body);
    check(&app.blurb(ask("Lamp 001")).await, "A light for evenings.");
}

async fn review(app: &TestApp, id: &str, action: &str, key: &str) {
    let url = app.url(&format!("/v1/generations/{id}/reviews"));
    let request = app.client().post(url).bearer_auth(app.key(key)).json(&json!({"action": action}));
    let done = app.send(request).await;
    assert_eq!(done.status, 201, "{}", done.body);
}

#[tokio::test]
async fn an_undo_of_several_goes_as_far_as_it_can_and_goes_on_later() {
    let (app, _upstream) = shop().await;
    for name in ["Tall lamp", "Small lamp", "Wide lamp"] {
        check_awaiting(&app.blurb(ask(name)).await);
    }
    indexed(&app).await;
    let mut browser = with_script(&app, "review").await;
    let id = open(&browser.get(QUEUE).await).unwrap();
    let undo = said(&decide(&mut browser, &id, "approve").await)["undo"].as_str().unwrap().to_owned();
    review(&app, &id, "reject", "admin").await;
    let page = browser.post(&undo, &[]).await;
    let told = said(&page);
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(
        told["text"]
            .as_str()
            .unwrap()
            .starts_with("Undone for 2 of 3 texts; not for the others: A later decision, by test admin"),
        "{told}"
    );
    assert_eq!(standing(&app, "awaiting").await.len(), 2);
    let again = browser.post(&undo, &[]).await;
    assert!(again.status == 409 && again.text.contains("A later decision, by test admin"), "{}", again.text);
    review(&app, &id, "undo", "admin").await;
    assert_eq!(browser.post(&undo, &[]).await.status, 200, "it goes on with the rest");
    assert_eq!(standing(&app, "awaiting").await.len(), 3);
    assert_eq!(browser.post(&undo, &[]).await.status, 409, "once is enough");
}

#[tokio::test]
async fn an_edit_passes_over_nobody_unseen_and_is_made_once() {
    const BETTER: &str = "A calm light that suits long evenings.";
    let (app, _upstream) = shop().await;
    check_awaiting(&app.blurb(ask("Lamp 001")).await);
    indexed(&app).await;
    let from = standing(&app, "awaiting").await.remove(0);
    let known = |page: &Page| {
        let (_, rest) = page.text.split_once("name=\"known\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let address = format!("/console/generations/{from}/edit");
    let (mut browser, mut other) = (sign_in(&app, "review").await, sign_in(&app, "review").await);
    let opened = known(&browser.get(&address).await);
    let theirs = known(&other.get(&address).await);
    review(&app, &from, "reject", "admin").await;
    let sent =
        |known: &str| [("text", BETTER.to_owned()), ("next", QUEUE.to_owned()), ("known", known.to_owned())];
    let form = sent(&opened);
    let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let refused = browser.post(&address, &form).await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert!(refused.text.contains("test admin rejected this text meanwhile."), "{}", refused.text);
    assert!(refused.text.contains(BETTER), "what was written is there still");
    // A program does not say what it has seen.
    let url = app.url(&format!("/v1/generations/{from}/edits"));
    let request = app.client().post(url).bearer_auth(app.key("review")).json(&json!({"text": BETTER}));
    let program = app.send(request).await;
    assert_eq!(program.status, 409, "{}", program.body);
    assert!(program.body["detail"].as_str().unwrap().contains("test admin rejected"), "{}", program.body);
    assert!(standing(&app, "approved").await.is_empty());
    // Whoever knows of it decides otherwise; and two presses at once are one.
    let knows = known(&refused);
    let form = sent(&knows);
    let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    other.token = browser.token.clone();
    other.cookies = browser.cookies.clone();
    let (one, two) = tokio::join!(browser.post(&address, &form), other.post(&address, &form));
    assert_eq!((one.status, two.status), (303, 303), "{} {}", one.text, two.text);
    assert_eq!(standing(&app, "approved").await.len(), 1);
    check(&app.blurb(ask("Lamp 001")).await, BETTER);
    // Nor does somebody else's edit pass over this one.
    let mut admin = sign_in(&app, "admin").await;
    let late = [("text", "A calm lamp."), ("next", QUEUE), ("known", theirs.as_str())];
    let late = admin.post(&address, &late).await;
    let said = "test review put other words in the place of this text meanwhile.";
    assert!(late.status == 409 && late.text.contains(said), "{} {}", late.status, late.text);
}

#[tokio::test]
async fn a_second_person_agrees_or_overturns() {
    let upstream = Upstream::saying("A calm light.").await;
    let approval = placement(PLACEMENT, "approval: true");
    let all = [("COPYRAIL__CONSOLE__SECOND_LOOKS", "1")];
    let app = TestApp::start_with(&upstream, &[(PLACEMENT, &approval)], &all).await;
    let (mut one, mut other) = (with_script(&app, "review").await, with_script(&app, "admin").await);
    for name in ["Tall lamp", "Small lamp"] {
        check_awaiting(&app.blurb(ask(name)).await);
    }
    indexed(&app).await;
    let id = open(&one.get(QUEUE).await).unwrap();
    decide(&mut one, &id, "approve").await;
    let looks = "/console/approvals?tab=looks";
    assert_eq!(open(&one.get(looks).await), None, "nobody is a second person to themselves");
    let own =
        one.post("/console/approvals/look", &[("id", &id), ("action", "agree"), ("back", "tab=looks")]).await;
    assert_eq!(own.status, 409);
    let first = open(&other.get(looks).await).unwrap();
    let look = [("id", first.as_str()), ("action", "agree"), ("back", "tab=looks")];
    let page = other.post("/console/approvals/look", &look).await;
    let second = open(&page).unwrap();
    assert_ne!(first, second);
    let told = app.get(&format!("/v1/generations/{first}"), "review").await.body;
    let last = told["reviews"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&last["action"], &last["by"], &last["second_look"]),
        (&json!("note"), &json!("test admin"), &json!(true))
    );
    let look = [("id", second.as_str()), ("action", "overturn"), ("back", "tab=looks")];
    assert_eq!(open(&other.post("/console/approvals/look", &look).await), None);
    assert_eq!(standing(&app, "rejected").await, [second]);
    let sources: BTreeSet<String> = [
        app.blurb(ask("Tall lamp")).await["source"].to_string(),
        app.blurb(ask("Small lamp")).await["source"].to_string(),
    ]
    .into();
    assert!(sources.contains("\"cache\"") && sources.len() == 2, "{sources:?}");
    indexed(&app).await;
    assert_eq!(open(&other.get(looks).await), None, "the chain tells the same again");
}

#[tokio::test]
async fn an_approval_is_looked_at_again_once_its_overturning_is_undone() {
    let upstream = Upstream::saying("A calm light.").await;
    let approval = placement(PLACEMENT, "approval: true");
    let all = [("COPYRAIL__CONSOLE__SECOND_LOOKS", "1")];
    let app = TestApp::start_with(&upstream, &[(PLACEMENT, &approval)], &all).await;
    let (mut one, mut other) = (with_script(&app, "review").await, with_script(&app, "admin").await);
    check_awaiting(&app.blurb(ask("Tall lamp")).await);
    indexed(&app).await;
    let id = open(&one.get(QUEUE).await).unwrap();
    decide(&mut one, &id, "approve").await;
    let look = |action: &'static str| [("id", id.clone()), ("action", action.to_owned())];
    for (action, status) in [("overturn", 200), ("agree", 409), ("undo", 200), ("agree", 200)] {
        let page = if action == "undo" {
            other.post(&format!("/console/generations/{id}/reviews/undo"), &[]).await
        } else {
            let form = look(action);
            let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
            other.post("/console/approvals/look", &form).await
        };
        assert!(page.status == status || (action == "undo" && page.status == 204), "{action}: {}", page.text);
    }
}

#[tokio::test]
async fn what_an_edit_took_the_place_of_waits_again_once_that_does_not_hold() {
    let (app, _upstream) = shop().await;
    check_awaiting(&app.blurb(ask("Lamp 001")).await);
    indexed(&app).await;
    let mut browser = sign_in(&app, "review").await;
    let from = standing(&app, "awaiting").await.remove(0);
    let first = "A calm light, by the name of Lamp 001.".to_owned();
    for (text, action) in [("A lamp for evenings.", "undo"), ("A lamp for reading.", "reject")] {
        let form = [("text", text), ("next", QUEUE)];
        assert_eq!(browser.post(&format!("/console/generations/{from}/edit"), &form).await.status, 303);
        let edit = standing(&app, "approved").await.remove(0);
        assert!(!rows(&browser.get(QUEUE).await).contains(&first));
        review(&app, &edit, action, "review").await;
        assert!(rows(&browser.get("/console/approvals?whose=all").await).contains(&first), "{action}");
        // What the chain tells once more is the same.
        indexed(&app).await;
        assert!(rows(&browser.get("/console/approvals?whose=all").await).contains(&first), "{action}");
    }
    let mut other = with_script(&app, "admin").await;
    decide(&mut other, &from, "approve").await;
    check(&app.blurb(ask("Lamp 001")).await, &first);
}

#[tokio::test]
async fn without_a_script_the_next_page_says_what_was_done_and_undoes_it() {
    let (app, _upstream) = shop().await;
    for name in ["Lamp 001", "Lamp 002"] {
        check_awaiting(&app.blurb(ask(name)).await);
    }
    indexed(&app).await;
    let mut browser = sign_in(&app, "admin").await;
    let undo_of = |page: &Page| {
        let (_, rest) = page.text.split_once("role=\"status\"><p>").unwrap();
        let (_, rest) = rest.split_once("<form method=\"post\" action=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let id = open(&browser.get(QUEUE).await).unwrap();
    let decided = [("id", id.as_str()), ("action", "approve"), ("back", "whose=all")];
    let one = format!("/console/generations/{id}/reviews");
    let rejected = [("action", "reject"), ("next", "/console/generations?state=rejected")];
    let stop = [("kind", "phrase"), ("value", "back pain"), ("reason", "claims")];
    let all = [
        ("/console/approvals/decide", &decided[..], "<p>Approved.</p>", "Undone. The text stands"),
        (&one, &rejected[..], "<p>Rejected. No page shows", "Undone. It stands as if nobody"),
        ("/console/compliance/stops", &stop[..], "<p>Stopped. It holds here", "Lifted."),
    ];
    for (address, form, told, undone) in all {
        let answer = browser.post(address, form).await;
        assert_eq!(answer.status, 303, "{address}: {}", answer.text);
        let to = answer.leads_to().to_owned();
        let page = browser.get(&to).await;
        assert!(page.text.contains(told), "{address}: {}", page.text);
        let undo = undo_of(&page);
        assert!(!browser.get(&to).await.text.contains(told), "{address}: it is said once");
        let answer = browser.post(&undo, &[("next", &to)]).await;
        assert_eq!(answer.status, 303, "{undo}: {}", answer.text);
        let to = answer.leads_to().to_owned();
        let page = browser.get(&to).await;
        assert!(page.text.contains(undone), "{undo}: {}", page.text);
    }
    // What is said is said to whoever did it alone.
    let id = open(&browser.get(QUEUE).await).unwrap();
    browser.post("/console/approvals/decide", &[("id", &id), ("action", "approve")]).await;
    let mut other = sign_in(&app, "review").await;
    other.cookies.insert("copyrail_said".to_owned(), browser.cookies["copyrail_said"].clone());
    assert!(!other.get(QUEUE).await.text.contains("<p>Approved.</p>"));
}

#[tokio::test]
async fn texts_have_reviewers() {
    let (app, _upstream) = shop().await;
    check_awaiting(&app.blurb(ask("Lamp 001")).await);
    indexed(&app).await;
    let (mut one, mut other) = (sign_in(&app, "review").await, sign_in(&app, "admin").await);
    let to = |reviewer: &'static str| [("placement", "why-this"), ("locale", ""), ("reviewer", reviewer)];
    assert_eq!(one.post("/console/approvals/assign", &to("Nobody Known")).await.status, 400);
    assert_eq!(one.post("/console/approvals/assign", &to("test review")).await.status, 303);
    assert!(one.get("/console/approvals?tab=reviewers").await.text.contains("<td>test review</td>"));
    assert_eq!(rows(&one.get(QUEUE).await).len(), 1);
    assert_eq!(rows(&other.get(QUEUE).await).len(), 0);
    assert_eq!(rows(&other.get("/console/approvals?whose=all").await).len(), 1);
    // Whoever opened it holds it; others see that.
    let page = other.get("/console/approvals?whose=all").await;
    assert!(page.text.contains("test review is looking"), "{}", page.text);
    assert_eq!(one.post("/console/approvals/assign", &to("")).await.status, 303);
    assert_eq!(rows(&other.get(QUEUE).await).len(), 1);
}

#[tokio::test]
async fn what_is_erased_waits_no_longer_and_a_queue_is_told_by_its_chain() {
    let (app, _upstream) = shop().await;
    check_awaiting(&app.blurb(returning("u-1")).await);
    check_awaiting(&app.blurb(ask("Lamp 002")).await);
    check_awaiting(&app.blurb(ask("Lamp 003")).await);
    indexed(&app).await;
    let store = &app.app().shared.store;
    let waits = async || waiting::count(store, &waiting::Filter::default()).await.unwrap().1;
    assert_eq!(waits().await, 3);
    let mut browser = with_script(&app, "review").await;
    let lamp = standing(&app, "awaiting").await.remove(0);
    decide(&mut browser, &lamp, "approve").await;
    assert_eq!(waits().await, 2);
    app.app().shared.erase("u-1", "test", None).await.unwrap();
    assert_eq!(waits().await, 1);
    // A store of the release before has the chain and none of this.
    indexed(&app).await;
    let database = sqlx::SqlitePool::connect(app.store_url()).await.unwrap();
    let forgets = "DELETE FROM awaiting; DELETE FROM decisions; DELETE FROM meta WHERE name = 'counted'";
    sqlx::raw_sql(forgets).execute(&database).await.unwrap();
    indexed(&app).await;
    assert_eq!(waits().await, 1);
    let (today, me) = ("2020-01-01T00:00:00Z".parse().unwrap(), "test review");
    assert_eq!(waiting::decided_by(store, me, today).await.unwrap(), 1);
    assert_eq!(rows(&browser.get(QUEUE).await), ["A calm light, by the name of Lamp 002."]);
}
