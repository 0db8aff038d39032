//! The console's page of one event: the text with what was found and what vouches for it, why, and how it came to be.

use copyrail::audit::index;
use copyrail::store::{Access, Store};
use serde_json::{Value, json};

use crate::approval::{retire, rule};
use crate::erasure::{self, erased, writing};
use crate::support::console::{Browser, sign_in};
use crate::support::{Reply, TestApp, Upstream, ask, eventually};

const EXTRA: &str = "guardrails/extra.yml";

/// Rules that note, repair and block, one over another.
const RULES: &str = "rules:
  - {id: aside, extends: existence, message: \"'%s' is noted.\", level: suggestion, tokens: [calm lamp], examples: {fail: [A calm lamp.], pass: [A lamp.]}}
  - {id: again, extends: existence, message: \"'%s' is noted too.\", level: suggestion, tokens: [lamp for long], examples: {fail: [A lamp for long.], pass: [A lamp.]}}
  - {id: soft, extends: existence, message: \"'%s' is unclear.\", level: warning, tokens: [murky], examples: {fail: [A murky lamp.], pass: [A lamp.]}}
  - {id: hard, extends: existence, message: \"'%s' is not said here.\", level: error, tokens: [blazing], examples: {fail: [A blazing lamp.], pass: [A lamp.]}}
";

async fn shop(upstream: &Upstream) -> TestApp {
    TestApp::start_with(upstream, &[(EXTRA, RULES)], &[]).await
}

/// What a page says, with labels written short.
async fn page(browser: &mut Browser, path: &str) -> String {
    let page = browser.get(path).await;
    assert_eq!(page.status, 200, "{path}: {}", page.text);
    let opened = page.text.matches("<mark").count();
    assert_eq!(opened, page.text.matches("</mark>").count(), "{}", page.text);
    page.text.replace("<span class=\"visually-hidden\">finding </span>", "")
}

/// Has copy written, and reads its page as somebody of a role.
async fn story(app: &TestApp, role: &str, body: Value) -> (String, String) {
    app.blurb(body).await;
    let id = app.generations().await[0]["id"].as_str().unwrap().to_owned();
    let mut browser = sign_in(app, role).await;
    let text = page(&mut browser, &format!("/console/generations/{id}")).await;
    (id, text)
}

#[track_caller]
fn has(page: &str, what: &str) {
    assert!(page.contains(what), "{what} is not in {page}");
}

#[track_caller]
fn lacks(page: &str, what: &str) {
    assert!(!page.contains(what), "{what} is in {page}");
}

#[tokio::test]
async fn hostile_texts_are_shown_harmlessly() {
    let text = format!(
        "<script>alert(1)</script></mark> \u{202e}esrever\u{202c} \u{200b}\" onload=\"x {}",
        "blazing words 🥤 ".repeat(600)
    );
    assert!(text.chars().count() > 9_000);
    let upstream = Upstream::saying(&text).await;
    let app = shop(&upstream).await;
    let (id, page) = story(&app, "review", ask("Lumo lamp")).await;
    for shown in [
        "&lt;script&gt;alert(1)",
        "⟨U+202E⟩",
        "⟨U+200B⟩",
        "&quot; onload=&quot;x",
        "Show all 9,",
        "findings stand in the rest",
        "<mark class=\"block\">blazing</mark>",
    ] {
        has(&page, shown);
    }
    for hidden in ["<script>alert", "\u{202e}", "\u{200b}", "\" onload=\"x"] {
        lacks(&page, hidden);
    }
    has(&page, "The guardrails did not let the text pass");
    lacks(&page, "value=\"approve\"");
    // Beside a list it is no less harmless.
    let mut browser = sign_in(&app, "review").await;
    let part = browser.get(&format!("/console/generations/{id}/part?next=/console/generations")).await;
    assert_eq!(part.status, 200);
    has(&part.text, "&lt;script&gt;alert(1)");
    lacks(&part.text, "<script>alert");
    lacks(&part.text, "<html");
}

#[tokio::test]
async fn findings_stand_where_they_are_by_characters_and_over_one_another() {
    let upstream = Upstream::saying("Cafe\u{301} 🥤👩\u{200d}🔧: a calm lamp for long evenings.").await;
    let app = shop(&upstream).await;
    let (_, page) = story(&app, "review", ask("Lumo lamp")).await;
    has(
        &page,
        "a <mark class=\"note\">calm </mark><mark class=\"note\">lamp</mark><sup class=\"label note\">1</sup>\
         <mark class=\"note\"> for long</mark><sup class=\"label note\">2</sup> evenings.",
    );
    has(&page, "<a href=\"/console/compliance/rules/extra.aside\">extra.aside</a>");
    has(&page, "&#39;calm lamp&#39; is noted.");
    has(&page, "value=\"approve\"");
}

#[tokio::test]
async fn figures_stand_beside_the_fact_that_vouches_for_them() {
    let upstream = Upstream::saying("A desk light of 806 lm for the evening.").await;
    let app = shop(&upstream).await;
    let mut body = ask("Lumo lamp");
    body["product"]["features"] = json!({"Brightness": "806 lm", "Weight": "2 kg"});
    let (_, page) = story(&app, "review", body).await;
    has(&page, "<mark class=\"pass\">806 lm</mark>");
    has(&page, "<code>features.Brightness</code> is 806 lm");
    has(&page, "the facts are those that the prompt held");
    lacks(&page, "<code>features.Weight</code>");

    // What the facts do not have is a finding, and never vouched for.
    let upstream = Upstream::saying("A desk light of 999 lm for the evening.").await;
    let app = shop(&upstream).await;
    let mut body = ask("Lumo lamp");
    body["product"]["features"] = json!({"Brightness": "806 lm"});
    let (_, page) = story(&app, "review", body).await;
    has(&page, "<mark class=\"block\">999 lm</mark><sup class=\"label block\">1</sup>");
    has(&page, "The facts say: features.Brightness is 806 lm.");
    lacks(&page, "<mark class=\"pass\">");
}

#[tokio::test]
async fn a_text_that_was_mended_is_told_with_both_attempts() {
    let upstream = Upstream::with(|call, _| {
        Reply::Text(if call == 1 { "A murky lamp at night." } else { "A clear lamp at night." }.to_owned())
    })
    .await;
    let app = shop(&upstream).await;
    let (id, page) = story(&app, "review", ask("Lumo lamp")).await;
    has(&page, "A <mark class=\"repair\">murky</mark><sup class=\"label repair\">1</sup> lamp at night.");
    has(&page, "A <del>murky</del><ins>clear</ins> lamp at night.");
    has(&page, "In what call 1 wrote; the text above is without it.");
    has(&page, "Call 2, to mend the text before it");
    // The text on top has nothing marked.
    has(&page, "dir=\"auto\">A clear lamp at night.</div>");

    // Whoever may see no prompts sees none, and decides nothing on texts.
    let mut browser = sign_in(&app, "compliance").await;
    let masked = self::page(&mut browser, &format!("/console/generations/{id}")).await;
    for (what, to_all) in [
        ("A clear lamp at night.", true),
        ("What went into the prompt is shown to reviewers alone.", true),
        ("The prompt, word for word", false),
        ("The inputs, as they went in", false),
        ("name=\"action\"", false),
    ] {
        assert_eq!(masked.contains(what), to_all, "{what} in {masked}");
    }
    for what in ["The prompt, word for word", "The inputs, as they went in", "name=\"action\""] {
        has(&page, what);
    }
    // The case file is kept, never opened as a page of the console; and masked for them too.
    for (role, tells) in [("compliance", false), ("review", true)] {
        let mut browser = sign_in(&app, role).await;
        let file = browser.get(&format!("/console/generations/{id}/case.html")).await;
        assert_eq!(file.status, 200);
        let header = |name: &str| {
            let all = file.headers.get_all(name).into_iter().map(|value| value.to_str().unwrap());
            all.collect::<Vec<_>>().join(", ")
        };
        assert!(header("content-disposition").starts_with("attachment;"), "{file:?}");
        assert!(header("content-security-policy").contains("sandbox"), "{file:?}");
        assert_eq!(file.text.contains("The prompt, word for word"), tells, "{role}");
    }
}

#[tokio::test]
async fn answers_have_pages_of_their_own() {
    let upstream = Upstream::with(|_, _| Reply::Raw(500, "{}".to_owned())).await;
    let app = shop(&upstream).await;
    let answer = app.blurb(ask("Lumo lamp")).await;
    assert_eq!(answer["source"], "prewritten", "{answer}");
    let id = answer["serve_id"].as_str().unwrap().to_owned();
    let recorded = || async { app.get("/v1/serves?limit=5", "review").await.body["items"] != json!([]) };
    eventually("the answer is recorded", recorded).await;
    let mut browser = sign_in(&app, "review").await;
    let path = format!("/console/serves/{id}");
    let page = page(&mut browser, &path).await;
    has(&page, "Lumo lamp at a glance");
    has(&page, "written by people");
    has(&page, "Why this segment");
    lacks(&page, "name=\"action\"");
    // The id of an answer leads there from wherever it is asked for; what is nothing's is not there.
    let led = browser.get(&format!("/console/generations/{id}")).await;
    assert_eq!((led.status, led.leads_to()), (303, path.as_str()));
    for path in ["/console/generations/", "/console/serves/"] {
        let missing = browser.get(&format!("{path}01920000-0000-7000-8000-000000000000")).await;
        assert_eq!(missing.status, 404, "{path}");
    }
}

#[tokio::test]
async fn what_was_judged_again_leads_to_what_was_written() {
    let upstream = Upstream::saying("A lamp, in the words of Ann.").await;
    let app = TestApp::start_with(&upstream, &[(EXTRA, &rule("Ann", ""))], &[]).await;
    let (blocked, page) = story(&app, "review", ask("Lumo lamp")).await;
    has(&page, "<mark class=\"block\">Ann</mark>");
    retire(&app, &rule("Zed", "")).await;
    let (freed, page) = story(&app, "review", ask("Lumo lamp")).await;
    assert_ne!(blocked, freed);
    has(&page, &format!("<a href=\"/console/generations/{blocked}\">That generation</a>"));
    has(&page, "No model was asked.");
    lacks(&page, "<mark class=\"block\">");
}

#[tokio::test]
async fn what_was_erased_is_said_to_be() {
    let upstream = writing().await;
    let app = TestApp::start(&upstream).await;
    let (id, page) = story(&app, "review", erasure::page("u-17", "Quillfeather lamp")).await;
    has(&page, "A zanzibar light for the desk");
    let store = Store::open(app.store_url(), Access::Beside).await.unwrap();
    index::catch_up(&store).await.unwrap();
    assert_eq!(erased(&app, "u-17").await.status, 201);
    let mut browser = sign_in(&app, "review").await;
    let page = self::page(&mut browser, &format!("/console/generations/{id}")).await;
    lacks(&page, "zanzibar");
    lacks(&page, "Quillfeather");
    has(&page, "at a person&#39;s request");
    lacks(&page, "value=\"approve\"");
    let part = self::page(&mut browser, &format!("/console/generations/{id}/part")).await;
    has(&part, "The text was erased, or deleted for its age.");
}
