//! Texts that a person approves outlive edits and time, and no rule; texts end when their ground does, and come back
//! without a call when the rules let them pass again.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use copyrail::audit::Clock;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::ladder::{check_awaiting, decide, placement, standing};
use crate::support::{Reply, TestApp, Upstream, ask, eventually};

const PLACEMENT: &str = "prompts/why-this/placement.yml";
const TEMPLATE: &str = "prompts/why-this/default.prompty";
const EXTRA: &str = "guardrails/extra.yml";
const DAY: i64 = 24 * 3600;

fn by(name: &str) -> String {
    format!("A lamp, in the words of {name}.")
}

/// Writes another text at each call.
async fn writers() -> Upstream {
    const NAMES: [&str; 7] = ["Ann", "Bob", "Cem", "Dee", "Eve", "Fay", "Gus"];
    Upstream::with(|call, _| Reply::Text(by(NAMES[call - 1]))).await
}

fn shipped(path: &str) -> String {
    std::fs::read_to_string(crate::support::root().join(path)).unwrap()
}

/// A clock that the test moves.
struct Hands(Arc<AtomicI64>);

impl Hands {
    fn at(at: &str) -> Self {
        Self(Arc::new(AtomicI64::new(at.parse::<Timestamp>().unwrap().as_microsecond())))
    }

    fn clock(&self) -> Clock {
        let micros = Arc::clone(&self.0);
        Arc::new(move || Timestamp::from_microsecond(micros.load(Ordering::SeqCst)).unwrap())
    }

    fn set(&self, at: &str) {
        self.0.store(at.parse::<Timestamp>().unwrap().as_microsecond(), Ordering::SeqCst);
    }

    fn days(&self, days: i64) {
        self.0.fetch_add(days * DAY * 1_000_000, Ordering::SeqCst);
    }
}

async fn start(upstream: &Upstream, hands: &Hands, files: &[(&str, &str)]) -> TestApp {
    let base = upstream.base_url();
    let variables = [("OPENAI_BASE_URL", base.as_str()), ("OPENAI_MODEL", "scripted")];
    TestApp::try_start(files, &variables, hands.clock()).await.unwrap()
}

/// A rule against a word; `dates` are its `effective`.
pub fn rule(word: &str, dates: &str) -> String {
    format!(
        "rules:\n  - id: no-{}\n    extends: existence\n    message: \"'%s' has left.\"\n    level: error\n    \
         tokens: [{word}]\n{dates}    examples: {{fail: [By {word}.], pass: [By nobody.]}}\n",
        word.to_lowercase()
    )
}

/// Puts another file in the place of the rule against Ann; who did that says so.
pub async fn retire(app: &TestApp, file: &str) {
    let entry = "  - {id: extra.no-ann, reason: She is back., by: jo@example.com, on: 2026-11-23}\n";
    let settings =
        shipped("guardrails/guardrails.yml").replacen("retired:\n", &format!("retired:\n{entry}"), 1);
    std::fs::write(app.folder.path().join("guardrails/guardrails.yml"), settings).unwrap();
    let hash = || app.app().shared.desk.pin().guardrails.hash().clone();
    let before = hash();
    app.edit(EXTRA, file).await;
    assert_ne!(hash(), before, "the edit is in force");
}

#[track_caller]
fn check(answer: &Value, source: &str, text: &str) {
    assert_eq!((&answer["source"], &answer["text"]), (&json!(source), &json!(text)), "{answer}");
}

#[track_caller]
fn check_withheld(answer: &Value, reason: &str) {
    assert_eq!((&answer["source"], &answer["reason"]), (&json!("prewritten"), &json!(reason)), "{answer}");
}

async fn idle(app: &TestApp) {
    eventually("nothing is under way", || async { app.app().shared.parts.flights.is_empty() }).await;
}

#[tokio::test]
async fn an_approval_outlives_edits_of_template_prompt_and_model_and_any_age() {
    let (upstream, hands) = (writers().await, Hands::at("2026-11-23T10:00:00Z"));
    let mut app = start(&upstream, &hands, &[(PLACEMENT, &placement(PLACEMENT, "approval: true"))]).await;
    check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    let ann = standing(&app, "awaiting").await.remove(0);
    // What waits outlives them too: one text a question waits.
    let template = shipped(TEMPLATE);
    app.edit(TEMPLATE, &template.replacen("system:\n", "system:\nWrite calmly.\n", 1)).await;
    check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    assert_eq!((upstream.calls(), standing(&app, "awaiting").await.len()), (1, 1));
    decide(&app, &ann, "approve").await;
    app.edit(TEMPLATE, &template.replacen("system:\n", "system:\nWrite boldly.\n", 1)).await;
    check(&app.blurb(ask("Lumo lamp")).await, "cache", &by("Ann"));
    hands.days(370);
    check(&app.blurb(ask("Lumo lamp")).await, "cache", &by("Ann"));
    app.restart().await.unwrap();
    check(&app.blurb(ask("Lumo lamp")).await, "cache", &by("Ann"));
    idle(&app).await;
    assert_eq!(upstream.calls(), 1);
    let told = app.get(&format!("/v1/generations/{ann}"), "review").await.body;
    assert_eq!((&told["approval"], told.get("expires"), told.get("stale")), (&json!(true), None, None));
}

#[tokio::test]
async fn another_model_leaves_what_was_approved_and_writes_the_rest() {
    let upstream = writers().await;
    let base = upstream.base_url();
    let models = |model: &str| {
        format!("[[llm.providers]]\nname = \"one\"\nbase_url = \"{base}\"\nmodel = \"{model}\"\n")
    };
    let mut app = TestApp::try_start(
        &[(PLACEMENT, &placement(PLACEMENT, "approval: true")), ("config/copyrail.toml", &models("old"))],
        &[],
        copyrail::app::wall_clock(),
    )
    .await
    .unwrap();
    check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    decide(&app, &standing(&app, "awaiting").await[0], "approve").await;
    std::fs::write(app.folder.path().join("config/copyrail.toml"), models("new")).unwrap();
    app.restart().await.unwrap();
    check(&app.blurb(ask("Lumo lamp")).await, "cache", &by("Ann"));
    check_awaiting(&app.blurb(ask("Harbour lamp")).await);
    assert_eq!(upstream.requests().last().unwrap()["model"], "new");
    assert_eq!(upstream.calls(), 2);
}

#[tokio::test]
async fn a_declared_fact_that_changes_asks_for_another_text_and_another_fact_for_another_look() {
    let upstream = writers().await;
    let app =
        TestApp::start_with(&upstream, &[(PLACEMENT, &placement(PLACEMENT, "approval: true"))], &[]).await;
    let lamp = |shelf: &str| {
        let mut request = ask("Lumo lamp");
        request["product"]["shelf"] = json!(shelf);
        request
    };
    check_awaiting(&app.blurb(lamp("A 1")).await);
    decide(&app, &standing(&app, "awaiting").await[0], "approve").await;
    check(&app.blurb(lamp("A 1")).await, "cache", &by("Ann"));
    // No template reads the shelf: the text is judged against it all the same.
    check(&app.blurb(lamp("B 2")).await, "cache", &by("Ann"));
    let rule = rule("Ann", "    applies: {when: {product.shelf: C 3}}\n");
    app.edit(EXTRA, &rule).await;
    check(&app.blurb(lamp("B 2")).await, "cache", &by("Ann"));
    assert_eq!(upstream.calls(), 1);
    check_awaiting(&app.blurb(lamp("C 3")).await);
    assert_eq!(upstream.calls(), 2);
    let mut other = lamp("A 1");
    other["product"]["name"] = json!("Lumo lamp, small");
    check_awaiting(&app.blurb(other).await);
    assert_eq!(upstream.calls(), 3);
}

#[tokio::test]
async fn many_pages_at_once_have_one_text_written_and_a_person_decides_while_they_ask() {
    let upstream = writers().await;
    let app =
        TestApp::start_with(&upstream, &[(PLACEMENT, &placement(PLACEMENT, "approval: true"))], &[]).await;
    upstream.hold();
    let pages = async {
        let mut pages = tokio::task::JoinSet::new();
        for _ in 0..40 {
            let request = app.client().post(app.url("/v1/blurbs")).bearer_auth(app.key("serve"));
            let request = request.json(&ask("Lumo lamp"));
            pages.spawn(async move { request.send().await.unwrap().json::<Value>().await.unwrap() });
        }
        eventually("it is being written", || async { upstream.calls() == 1 }).await;
        upstream.release();
        pages.join_all().await
    };
    for answer in pages.await {
        check_awaiting(&answer);
    }
    let waiting = standing(&app, "awaiting").await;
    assert_eq!((waiting.len(), upstream.calls()), (1, 1));
    let (asked, _) = tokio::join!(
        async {
            let mut sources = Vec::new();
            for _ in 0..20 {
                sources.push(app.blurb(ask("Lumo lamp")).await["source"].clone());
            }
            sources
        },
        decide(&app, &waiting[0], "approve")
    );
    // From some page on all get it, and none gets anything else.
    let first = asked.iter().position(|source| source == "cache").unwrap_or(asked.len());
    assert!(asked[..first].iter().all(|source| source == "prewritten"), "{asked:?}");
    assert!(asked[first..].iter().all(|source| source == "cache"), "{asked:?}");
    check(&app.blurb(ask("Lumo lamp")).await, "cache", &by("Ann"));
    assert_eq!(upstream.calls(), 1);
}

#[tokio::test]
async fn the_queue_tells_what_waits_and_what_is_flagged() {
    let upstream = writers().await;
    let app =
        TestApp::start_with(&upstream, &[(PLACEMENT, &placement(PLACEMENT, "approval: true"))], &[]).await;
    for name in ["Lumo lamp", "Harbour lamp", "Attic lamp"] {
        check_awaiting(&app.blurb(ask(name)).await);
    }
    let mut free = ask("Lumo lamp");
    free["placement"] = json!("cta-subtext");
    check(&app.blurb(free).await, "generated", &by("Dee"));
    let waiting = standing(&app, "awaiting").await;
    assert_eq!(waiting.len(), 3, "what nobody must approve waits for nobody");
    let by_state = async |state: &str| {
        let page = app.get(&format!("/v1/generations?state={state}"), "review").await;
        assert_eq!(page.status, 200, "{}", page.body);
        let ids = page.body["items"].as_array().unwrap().iter();
        ids.map(|item| item["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    decide(&app, &waiting[0], "flag").await;
    decide(&app, &waiting[1], "note").await;
    assert_eq!(
        (by_state("flagged").await, by_state("awaiting").await),
        (vec![waiting[0].clone()], waiting.clone())
    );
    decide(&app, &waiting[2], "approve").await;
    decide(&app, &waiting[2], "flag").await;
    assert_eq!(by_state("approved").await, vec![waiting[2].clone()]);
    assert_eq!(by_state("flagged").await, vec![waiting[0].clone(), waiting[2].clone()]);
    decide(&app, &waiting[0], "reject").await;
    assert_eq!(by_state("flagged").await, vec![waiting[2].clone()], "a decision settles it");
    assert_eq!(
        (by_state("rejected").await, by_state("awaiting").await),
        (vec![waiting[0].clone()], vec![waiting[1].clone()])
    );
    let wrong = app.get("/v1/generations?state=maybe", "review").await;
    crate::http::problem(&wrong, 400, "urn:copyrail:malformed");
}

#[tokio::test]
async fn a_rule_that_ends_before_long_is_waited_for_and_another_one_is_not() {
    let (upstream, hands) = (writers().await, Hands::at("2026-11-23T10:00:00Z"));
    let app = start(&upstream, &hands, &[(PLACEMENT, &placement(PLACEMENT, "approval: true"))]).await;
    check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    let ann = standing(&app, "awaiting").await.remove(0);
    decide(&app, &ann, "approve").await;
    check(&app.blurb(ask("Lumo lamp")).await, "cache", &by("Ann"));
    // Two days: nothing is written in its place, and then it is served again.
    app.edit(EXTRA, &rule("Ann", "    effective: {until: 2026-11-24}\n")).await;
    check_withheld(&app.blurb(ask("Lumo lamp")).await, "guardrail");
    hands.set("2026-11-24T23:59:59.999999Z");
    check_withheld(&app.blurb(ask("Lumo lamp")).await, "guardrail");
    hands.set("2026-11-25T00:00:00Z");
    check(&app.blurb(ask("Lumo lamp")).await, "cache", &by("Ann"));
    idle(&app).await;
    assert_eq!(upstream.calls(), 1);
    // A month is longer than copy is kept for here: another text is written, for a person.
    app.edit(EXTRA, &rule("Ann", "    effective: {until: 2026-12-24}\n")).await;
    check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    assert_eq!((upstream.calls(), standing(&app, "awaiting").await.len()), (2, 1));
    // Once the rule is over what was approved goes before what waits.
    hands.set("2026-12-25T00:00:00Z");
    eventually("what was approved is served", || async {
        app.blurb(ask("Lumo lamp")).await["text"] == json!(by("Ann"))
    })
    .await;
    assert_eq!((upstream.calls(), standing(&app, "awaiting").await.len()), (2, 1));
}

#[tokio::test]
async fn switching_approval_off_and_on_again_writes_nothing_twice() {
    let (upstream, hands) = (writers().await, Hands::at("2026-11-23T10:00:00Z"));
    let (off, on) = (placement(PLACEMENT, ""), placement(PLACEMENT, "approval: true"));
    let mut app = start(&upstream, &hands, &[(PLACEMENT, &on)]).await;
    check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    decide(&app, &standing(&app, "awaiting").await[0], "approve").await;
    app.edit(PLACEMENT, &off).await;
    check(&app.blurb(ask("Lumo lamp")).await, "cache", &by("Ann"));
    check(&app.blurb(ask("Harbour lamp")).await, "generated", &by("Bob"));
    app.edit(PLACEMENT, &on).await;
    check(&app.blurb(ask("Lumo lamp")).await, "cache", &by("Ann"));
    check_awaiting(&app.blurb(ask("Harbour lamp")).await);
    assert_eq!(upstream.calls(), 2);
    // What waits now is recorded as such, with the generation whose text it is.
    let waiting = standing(&app, "awaiting").await.remove(0);
    let told = app.get(&format!("/v1/generations/{waiting}"), "review").await.body;
    assert_eq!(
        (&told["payload"]["text"], &told["attempts"], &told["cost"]),
        (&json!(by("Bob")), &json!([]), &json!(0))
    );
    assert!(told["rejudged"].is_string(), "{told}");
    app.restart().await.unwrap();
    check_awaiting(&app.blurb(ask("Harbour lamp")).await);
    decide(&app, &waiting, "approve").await;
    check(&app.blurb(ask("Harbour lamp")).await, "cache", &by("Bob"));
    // Off again under another template, what the old one had written is not taken for its text.
    app.edit(TEMPLATE, &shipped(TEMPLATE).replacen("system:\n", "system:\nWrite calmly.\n", 1)).await;
    app.edit(PLACEMENT, &off).await;
    check(&app.blurb(ask("Lumo lamp")).await, "generated", &by("Cem"));
    assert_eq!(upstream.calls(), 3);
}

#[tokio::test]
async fn what_other_rules_let_pass_is_judged_again_and_not_written_again() {
    let upstream = writers().await;
    let mut app = TestApp::start_with(&upstream, &[(EXTRA, &rule("Ann", ""))], &[]).await;
    check_withheld(&app.blurb(ask("Lumo lamp")).await, "guardrail");
    check_withheld(&app.blurb(ask("Lumo lamp")).await, "guardrail");
    let blocked = app.generations().await.remove(0);
    assert_eq!((&blocked["outcome"], upstream.calls()), (&json!("blocked"), 1));
    // No provider is there any more, and none is needed.
    upstream.stop().await;
    retire(&app, &rule("Zed", "")).await;
    let freed = app.blurb(ask("Lumo lamp")).await;
    check(&freed, "cache", &by("Ann"));
    let all = app.generations().await;
    assert_eq!(all.len(), 2);
    assert_eq!((&all[0]["id"], &all[0]["rejudged"]), (&freed["generation_id"], &blocked["id"]));
    assert_eq!(
        (&all[0]["outcome"], &all[0]["cost"], &all[0]["attempts"]),
        (&json!("passed"), &json!(0), &json!([]))
    );
    assert_eq!((&all[0]["model"], &all[0]["payload"]["text"]), (&json!("scripted"), &json!(by("Ann"))));
    app.restart().await.unwrap();
    check(&app.blurb(ask("Lumo lamp")).await, "cache", &by("Ann"));
    assert_eq!(app.generations().await.len(), 2, "it is recorded once");
}

async fn purge(app: &TestApp, generation: &Value) {
    let request = app.client().post(app.url("/v1/purge")).bearer_auth(app.key("compliance"));
    let answered = app.send(request.json(&json!({ "generation": generation }))).await;
    assert_eq!(answered.status, 201, "{}", answered.body);
}

#[tokio::test]
async fn a_purge_of_either_generation_holds_for_a_text_that_was_judged_again() {
    let upstream = Upstream::with(|call, _| Reply::Text(by(if call <= 2 { "Ann" } else { "Bob" }))).await;
    let mut app = TestApp::start_with(&upstream, &[(EXTRA, &rule("Ann", ""))], &[]).await;
    let names = ["Lumo lamp", "Harbour lamp"];
    for name in names {
        check_withheld(&app.blurb(ask(name)).await, "guardrail");
    }
    retire(&app, &rule("Zed", "")).await;
    let mut freed = Vec::new();
    for name in names {
        let answer = app.blurb(ask(name)).await;
        check(&answer, "cache", &by("Ann"));
        freed.push(answer["generation_id"].clone());
    }
    let all = app.generations().await;
    let of = |id: &Value| all.iter().find(|one| one["id"] == *id).unwrap()["rejudged"].clone();
    // The one that wrote it, and the one under which it is served.
    purge(&app, &of(&freed[0])).await;
    purge(&app, &freed[1]).await;
    for name in names {
        check(&app.blurb(ask(name)).await, "generated", &by("Bob"));
    }
    app.restart().await.unwrap();
    for name in names {
        check(&app.blurb(ask(name)).await, "cache", &by("Bob"));
    }
}

#[tokio::test]
async fn a_rejected_text_does_not_come_back_when_approval_is_switched_off() {
    let upstream = Upstream::saying(&by("Ann")).await;
    let (off, on) = (placement(PLACEMENT, ""), placement(PLACEMENT, "approval: true"));
    let app = TestApp::start_with(&upstream, &[(PLACEMENT, &on)], &[]).await;
    check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    decide(&app, &standing(&app, "awaiting").await[0], "reject").await;
    app.edit(PLACEMENT, &off).await;
    check_withheld(&app.blurb(ask("Lumo lamp")).await, "guardrail");
    check(&app.blurb(ask("Harbour lamp")).await, "generated", &by("Ann"));
}

#[tokio::test]
async fn whoever_approves_what_was_purged_is_told_that_it_is_not_shown() {
    let upstream = writers().await;
    let app =
        TestApp::start_with(&upstream, &[(PLACEMENT, &placement(PLACEMENT, "approval: true"))], &[]).await;
    check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    let waiting = standing(&app, "awaiting").await.remove(0);
    purge(&app, &json!(waiting)).await;
    let url = app.url(&format!("/v1/generations/{waiting}/reviews"));
    let request = app.client().post(url).bearer_auth(app.key("review"));
    let approved = app.send(request.json(&json!({"action": "approve"}))).await;
    assert_eq!(approved.status, 201, "{}", approved.body);
    assert!(approved.body["warning"].as_str().unwrap().starts_with("It was purged"), "{}", approved.body);
}

#[tokio::test]
async fn what_was_cut_off_rejected_or_is_too_old_is_not_judged_again() {
    let hands = Hands::at("2026-11-23T10:00:00Z");
    let upstream = Upstream::with(|call, _| {
        let cut = json!({"id": "c", "object": "chat.completion", "created": 0, "model": "scripted",
            "choices": [{"index": 0, "finish_reason": "length",
                         "message": {"role": "assistant", "content": by("Ann"), "refusal": null}}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}});
        if call == 1 { Reply::Raw(200, cut.to_string()) } else { Reply::Text(by("Ann")) }
    })
    .await;
    let app = start(&upstream, &hands, &[(EXTRA, &rule("Ann", ""))]).await;
    app.blurb(ask("Cut lamp")).await;
    app.blurb(ask("Old lamp")).await;
    hands.days(6);
    app.blurb(ask("Bad lamp")).await;
    let bad = app.generations().await.remove(0);
    assert_eq!(bad["outcome"], "blocked");
    decide(&app, bad["id"].as_str().unwrap(), "reject").await;
    app.blurb(ask("Good lamp")).await;
    assert_eq!(upstream.calls(), 4);
    retire(&app, &rule("Zed", "")).await;
    // Beyond the time that copy is kept for here, and for which nothing is asked again.
    hands.days(1);
    check(&app.blurb(ask("Good lamp")).await, "cache", &by("Ann"));
    for (calls, name) in (5..).zip(["Cut lamp", "Old lamp"]) {
        check(&app.blurb(ask(name)).await, "generated", &by("Ann"));
        assert_eq!(upstream.calls(), calls, "{name}");
    }
    // What a person rejected is not let pass because it is written once more.
    check_withheld(&app.blurb(ask("Bad lamp")).await, "guardrail");
    assert_eq!(upstream.calls(), 7);
}

#[tokio::test]
async fn a_correction_of_the_new_rules_is_applied_to_what_they_let_pass() {
    let upstream = writers().await;
    let fix = "rules:\n  - id: her-name\n    extends: substitution\n    message: \"Say '%s'.\"\n    level: error\n    \
               on_match: fix\n    swap: {Ann: Anna}\n    examples: {fail: [By Ann.], pass: [By Anna.]}\n";
    let app = TestApp::start_with(&upstream, &[(EXTRA, &rule("Ann", ""))], &[]).await;
    check_withheld(&app.blurb(ask("Lumo lamp")).await, "guardrail");
    retire(&app, fix).await;
    check(&app.blurb(ask("Lumo lamp")).await, "cache", &by("Anna"));
    assert_eq!(upstream.calls(), 1);
}

/// Two rules and a time between them at which one ends and the other starts.
fn ending_and_starting(last: &str, first: &str) -> String {
    let rule = |word: &str, dates: &str| {
        let rule = rule(word, &format!("    effective: {{{dates}}}\n"));
        rule.strip_prefix("rules:\n").unwrap().to_owned()
    };
    format!("rules:\n{}{}", rule("Bob", &format!("until: {last}")), rule("Ann", &format!("from: {first}")))
}

/// Midnight in London, from the last instant of one day to the first of the next: what is in memory obeys, and nobody was
/// told that they may keep it longer.
async fn check_midnight(last: &str, first: &str, midnight: &str) {
    let (upstream, midnight) = (writers().await, midnight.parse::<Timestamp>().unwrap());
    let before =
        |micros: i64| Timestamp::from_microsecond(midnight.as_microsecond() - micros).unwrap().to_string();
    let hands = Hands::at(&before(120_000_000));
    let app = start(&upstream, &hands, &[]).await;
    check(&app.blurb(ask("Lumo lamp")).await, "generated", &by("Ann"));
    check(&app.blurb(ask("Harbour lamp")).await, "generated", &by("Bob"));
    app.edit(EXTRA, &ending_and_starting(last, first)).await;
    let ann = app.blurb(ask("Lumo lamp")).await;
    check(&ann, "cache", &by("Ann"));
    assert_eq!(ann["expires_at"], json!(midnight.to_string()), "two minutes, not five");
    let hurried = |name: &str| {
        let mut request = ask(name);
        request["deadline_ms"] = json!(0);
        request
    };
    upstream.hold();
    hands.set(&before(1));
    check(&app.blurb(hurried("Lumo lamp")).await, "cache", &by("Ann"));
    assert_eq!(app.blurb(hurried("Harbour lamp")).await["source"], "prewritten");
    hands.set(&midnight.to_string());
    assert_eq!(app.blurb(hurried("Lumo lamp")).await["source"], "prewritten");
    check(&app.blurb(hurried("Harbour lamp")).await, "cache", &by("Bob"));
    upstream.release();
    idle(&app).await;
}

#[tokio::test]
async fn at_midnight_one_rule_ends_and_another_begins() {
    check_midnight("2026-11-23", "2026-11-24", "2026-11-24T00:00:00Z").await;
}

#[tokio::test]
async fn midnight_is_londons_also_where_the_clocks_change() {
    // In summer an hour before UTC's; on the day that the clocks go back the day before ended by summer time, and the day
    // itself ends by winter time.
    check_midnight("2026-07-01", "2026-07-02", "2026-07-01T23:00:00Z").await;
    check_midnight("2026-10-24", "2026-10-25", "2026-10-24T23:00:00Z").await;
    check_midnight("2026-10-25", "2026-10-26", "2026-10-26T00:00:00Z").await;
}

#[tokio::test]
async fn what_was_dropped_is_served_again_when_its_rule_ends() {
    let (upstream, hands) = (writers().await, Hands::at("2026-11-23T10:00:00Z"));
    let app = start(&upstream, &hands, &[]).await;
    check(&app.blurb(ask("Lumo lamp")).await, "generated", &by("Ann"));
    let dated = "    effective: {from: 2026-11-24, until: 2026-11-24}\n";
    app.edit(EXTRA, &rule("lamp", dated)).await;
    check(&app.blurb(ask("Lumo lamp")).await, "cache", &by("Ann"));
    hands.set("2026-11-24T00:00:00Z");
    // What is written now does not pass either.
    check_withheld(&app.blurb(ask("Lumo lamp")).await, "guardrail");
    idle(&app).await;
    let calls = upstream.calls();
    hands.set("2026-11-24T23:59:59Z");
    app.blurb(ask("Lumo lamp")).await;
    idle(&app).await;
    let calls = calls.max(upstream.calls());
    hands.set("2026-11-25T00:00:00Z");
    check(&app.blurb(ask("Lumo lamp")).await, "cache", &by("Ann"));
    assert_eq!(upstream.calls(), calls);
}

#[tokio::test]
async fn what_is_judged_again_is_not_shown_before_that_is_recorded() {
    let upstream = writers().await;
    let app = TestApp::start_with(&upstream, &[(EXTRA, &rule("Ann", ""))], &[]).await;
    check_withheld(&app.blurb(ask("Lumo lamp")).await, "guardrail");
    upstream.stop().await;
    retire(&app, &rule("Zed", "")).await;
    let database = sqlx::SqlitePool::connect(app.store_url()).await.unwrap();
    let full = "CREATE TRIGGER full BEFORE INSERT ON payloads BEGIN SELECT RAISE(FAIL, 'on purpose'); END";
    sqlx::raw_sql(full).execute(&database).await.unwrap();
    for _ in 0..3 {
        let answer = app.blurb(ask("Lumo lamp")).await;
        assert_eq!(answer["source"], "prewritten", "{answer}");
    }
    sqlx::raw_sql("DROP TRIGGER full").execute(&database).await.unwrap();
    eventually("it is recorded, and shown", || async {
        app.blurb(ask("Lumo lamp")).await["text"] == by("Ann")
    })
    .await;
    let all = app.generations().await;
    assert_eq!((all.len(), &all[0]["rejudged"]), (2, &all[1]["id"]));
}
