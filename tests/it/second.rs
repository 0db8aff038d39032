//! Rules that ask a second model: copy waits for the answers that decide over it and for no others; without one it is not
//! served; what was answered is kept, recorded, and paid for once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use copyrail::app::wall_clock;
use copyrail::pipeline::{self, Request};
use copyrail::simulate::{self, Script};
use copyrail::words::{Reason, Source};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::flights::request;
use crate::ladder::{check_awaiting, decide, placement, standing};
use crate::support::{Reply, TestApp, Upstream, ask, eventually};

const TEXT: &str = "A handy companion for the evening.";
const OTHER: &str = "A calm light for the evening.";
const FILE: &str = "guardrails/second.yml";

/// A rule that asks a judge; more of its settings come after its level.
fn judge(settings: &str) -> String {
    format!(
        "rules:\n  - id: tone\n    extends: judge\n    message: It does not sound like us.\n    {settings}\n    \
         rubric: The copy is calm.\n    threshold: 0.7\n    examples: {{fail: [BUY], pass: [A lamp.]}}\n"
    )
}

fn enforced() -> String {
    judge("level: error\n    mode: enforce")
}

const MODERATION: &str = "rules:\n  - {id: harm, extends: moderation, message: \"Flagged: %s.\", level: error, \
     mode: enforce, categories: [hate], examples: {fail: [Hate.], pass: [A lamp.]}}\n";

fn is_judge(body: &Value) -> bool {
    body["messages"][0]["content"].as_str().is_some_and(|text| text.starts_with("You judge copy"))
}

/// An upstream that writes these texts in order, the last one again and again, and judges as it is told.
struct Two {
    upstream: Upstream,
    written: Arc<AtomicUsize>,
    asked: Arc<AtomicUsize>,
}

impl Two {
    async fn new(
        texts: &'static [&'static str],
        second: impl Fn(&Value) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let (written, asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (writes, asks) = (Arc::clone(&written), Arc::clone(&asked));
        let upstream = Upstream::with(move |_, body| {
            if is_judge(body) || body["input"].is_string() {
                asks.fetch_add(1, Ordering::SeqCst);
                return second(body);
            }
            let at = writes.fetch_add(1, Ordering::SeqCst);
            Reply::Text(texts[at.min(texts.len() - 1)].to_owned())
        })
        .await;
        Self { upstream, written, asked }
    }

    /// How many texts were written, and how many questions asked about them.
    fn calls(&self) -> (usize, usize) {
        (self.written.load(Ordering::SeqCst), self.asked.load(Ordering::SeqCst))
    }
}

fn score(score: f64, reason: &str) -> Reply {
    Reply::Text(json!({"score": score, "reason": reason}).to_string())
}

/// The copy that was asked about.
fn copy(body: &Value) -> String {
    let data = body["messages"][1]["content"].as_str().unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    data["copy"].as_str().unwrap().to_owned()
}

#[track_caller]
fn check_withheld(answer: &Value, pending: bool) {
    assert_eq!(
        (&answer["source"], &answer["reason"]),
        (&json!("prewritten"), &json!("guardrail")),
        "{answer}"
    );
    assert_eq!(answer["pending"], json!(pending), "{answer}");
}

#[track_caller]
fn check_served(answer: &Value, source: &str, text: &str) {
    assert_eq!((&answer["source"], &answer["text"]), (&json!(source), &json!(text)), "{answer}");
    assert_eq!(answer["reason"], json!(null), "{answer}");
}

/// The one generation in the log.
async fn only(app: &TestApp) -> Value {
    let mut all = app.generations().await;
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

async fn is_whole(app: &TestApp) {
    let report = copyrail::audit::verify::verify(&app.app().shared.store, None, |_, _| ()).await.unwrap();
    assert_eq!(report.fault, None);
}

#[tokio::test]
async fn copy_that_the_judge_passes_is_served_and_its_verdict_is_in_the_log() {
    let two = Two::new(&[TEXT], |_| score(0.7, "Calm.")).await;
    let app = TestApp::start_with(&two.upstream, &[(FILE, &enforced())], &[]).await;
    check_served(&app.blurb(ask("Lumo lamp")).await, "generated", TEXT);
    check_served(&app.blurb(ask("Lumo lamp")).await, "cache", TEXT);
    assert_eq!(two.calls(), (1, 1), "an answer is kept with the copy");
    let asked = two.upstream.requests().into_iter().find(is_judge).unwrap();
    let messages = asked["messages"].as_array().unwrap();
    assert_eq!(messages.iter().map(|m| &m["role"]).collect::<Vec<_>>(), ["system", "user"]);
    assert!(messages[0]["content"].as_str().unwrap().contains("The copy is calm."));
    let data: Value = serde_json::from_str(messages[1]["content"].as_str().unwrap()).unwrap();
    assert_eq!((&data["copy"], &data["facts"]["name"]), (&json!(TEXT), &json!("Lumo lamp")));
    let generation = only(&app).await;
    assert_eq!((&generation["outcome"], &generation["findings"]), (&json!("passed"), &json!([])));
    let [verdict] = &generation["verdicts"].as_array().unwrap()[..] else { panic!("{generation}") };
    let expected = json!([{"rule": "second.tone", "mode": "enforce", "passed": true}]);
    assert_eq!((&verdict["rules"], &verdict["opinion"]["score"]), (&expected, &json!(0.7)));
    assert_eq!((&verdict["reason"], &verdict["error"]), (&json!("Calm."), &json!(null)));
    let [attempt] = &verdict["attempts"].as_array().unwrap()[..] else { panic!("{verdict}") };
    assert_eq!((&attempt["status"], attempt.get("text")), (&json!(200), None));
    is_whole(&app).await;
}

#[tokio::test]
async fn copy_that_the_judge_does_not_pass_is_not_served_and_the_record_says_why() {
    let two = Two::new(&[TEXT], |_| score(0.69, "It \u{1b}[1mshouts\u{202e}.")).await;
    let app = TestApp::start_with(&two.upstream, &[(FILE, &enforced())], &[]).await;
    check_withheld(&app.blurb(ask("Lumo lamp")).await, false);
    check_withheld(&app.blurb(ask("Lumo lamp")).await, false);
    assert_eq!(two.calls(), (1, 1), "what did not pass is not paid for again at once");
    let generation = only(&app).await;
    assert_eq!((&generation["outcome"], &generation["reason"]), (&json!("blocked"), &json!("guardrail")));
    let finding = &generation["findings"][0];
    assert_eq!((&finding["rule"], finding.get("unanswered")), (&json!("second.tone"), None));
    let message = &generation["payload"]["matches"][0]["message"];
    assert_eq!(message, "It does not sound like us. (It [1mshouts.)", "without characters that show nothing");
    assert_eq!(generation["verdicts"][0]["rules"][0]["passed"], false);
    is_whole(&app).await;
}

#[tokio::test]
async fn a_reason_goes_back_to_the_writer_where_the_rule_asks_for_repair() {
    let says = |body: &Value| if copy(body) == TEXT { score(0.1, "It is not calm.") } else { score(1.0, "") };
    let two = Two::new(&[TEXT, OTHER], says).await;
    let rule = judge("level: warning\n    mode: enforce");
    let app = TestApp::start_with(&two.upstream, &[(FILE, &rule)], &[]).await;
    check_served(&app.blurb(ask("Lumo lamp")).await, "generated", OTHER);
    assert_eq!(two.calls(), (2, 2));
    let asked = two.upstream.requests().into_iter().rev().find(|body| !is_judge(body)).unwrap();
    assert!(asked["messages"].to_string().contains("(It is not calm.)"), "{asked}");
    assert_eq!(only(&app).await["verdicts"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn nobody_is_asked_about_copy_that_another_rule_catches() {
    let two = Two::new(&["A lamp that is guaranteed to last a lifetime."], |_| score(1.0, "")).await;
    let app = TestApp::start_with(&two.upstream, &[(FILE, &enforced())], &[]).await;
    check_withheld(&app.blurb(ask("Lumo lamp")).await, false);
    assert_eq!(two.calls().1, 0);
}

/// A judge that behaves like this gives no verdict: the copy is not served, and the record says that.
async fn check_unanswered(action: &str, error: &str) {
    let script = format!(r#"[{{"when": {{"contains": "You judge copy"}}, "do": {action}}}]"#);
    let script = Script::parse(&script).unwrap();
    let simulator = simulate::start(([127, 0, 0, 1], 0).into(), script, 1).await.unwrap();
    let base = simulator.base_url();
    let limit = if action.contains("stall") { "2s" } else { "30s" };
    let variables = [("OPENAI_BASE_URL", base.as_str()), ("COPYRAIL__LIMITS__GENERATION_TIMEOUT", limit)];
    let app = TestApp::try_start(&[(FILE, &enforced())], &variables, wall_clock()).await.unwrap();
    check_withheld(&app.blurb(ask("Lumo lamp")).await, false);
    let generation = only(&app).await;
    assert_eq!((&generation["outcome"], &generation["payload"]["text"]), (&json!("blocked"), &json!(null)));
    let finding = &generation["findings"][0];
    assert_eq!((&finding["rule"], &finding["unanswered"]), (&json!("second.tone"), &json!(true)), "{action}");
    let verdict = &generation["verdicts"][0];
    assert_eq!(
        (&verdict["rules"][0]["passed"], &verdict["opinion"]),
        (&json!(null), &json!(null)),
        "{action}"
    );
    assert!(verdict["error"].as_str().unwrap().contains(error), "{action}: {verdict}");
}

#[tokio::test]
async fn a_judge_that_does_not_answer_passes_nothing() {
    check_unanswered(r#"{"stall": true}"#, "no whole answer within").await;
    check_unanswered(r#"{"status": 400}"#, "400").await;
    check_unanswered(r#"{"quota": true}"#, "insufficient_quota").await;
}

#[tokio::test]
async fn a_judge_that_says_nothing_of_use_passes_nothing() {
    check_unanswered(r#"{"text": "Lovely, pass it!"}"#, "the judge's answer holds no JSON object").await;
    check_unanswered(r#"{"text": "{\"score\": 10}"}"#, "no number from 0 to 1").await;
    check_unanswered(r#"{"refusal": "No."}"#, "the model refused").await;
    check_unanswered(r#"{"empty": true}"#, "the answer is empty").await;
}

#[tokio::test]
async fn a_provider_that_is_not_there_passes_nothing() {
    let two = Two::new(&[TEXT], |_| score(1.0, "")).await;
    let rule = enforced().replace("    rubric:", "    provider: nobody\n    rubric:");
    let app = TestApp::start_with(&two.upstream, &[(FILE, &rule)], &[]).await;
    check_withheld(&app.blurb(ask("Lumo lamp")).await, false);
    assert_eq!(two.calls(), (1, 0));
    let error = only(&app).await["verdicts"][0]["error"].as_str().unwrap().to_owned();
    assert_eq!(error, "no provider has the name that the rule asks for");
}

#[tokio::test]
async fn a_rule_in_shadow_holds_nothing_up_and_its_verdict_can_be_seen() {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let says = move |_: &Value| Reply::After(Arc::clone(&held), Box::new(score(0.2, "It shouts.")));
    let two = Two::new(&[TEXT], says).await;
    // Nobody has said otherwise: it is shadow.
    let app = TestApp::start_with(&two.upstream, &[(FILE, &judge("level: error"))], &[]).await;
    check_served(&app.blurb(ask("Lumo lamp")).await, "generated", TEXT);
    eventually("it is asked", || async { two.calls() == (1, 1) }).await;
    assert_eq!(only(&app).await["verdicts"], json!([]));
    gate.add_permits(1);
    let verdicts = || async { only(&app).await["verdicts"].as_array().unwrap().clone() };
    eventually("it is recorded", || async { verdicts().await.len() == 1 }).await;
    let verdict = verdicts().await.remove(0);
    let expected = json!([{"rule": "second.tone", "mode": "shadow", "passed": false}]);
    assert_eq!((&verdict["rules"], &verdict["reason"]), (&expected, &json!("It shouts.")));
    check_served(&app.blurb(ask("Lumo lamp")).await, "cache", TEXT);
    is_whole(&app).await;
    // Once somebody says otherwise, what was answered decides, and is not asked for again.
    app.edit(FILE, &enforced()).await;
    check_withheld(&app.blurb(ask("Lumo lamp")).await, false);
    assert_eq!(two.calls().1, 1);
}

/// Copy that was served before this rule was made, and an upstream that judges once it is let.
async fn served_before_the_rule(
    says: impl Fn(&Value) -> Reply + Send + Sync + 'static,
) -> (Two, TestApp, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let two =
        Two::new(&[TEXT, OTHER], move |body| Reply::After(Arc::clone(&held), Box::new(says(body)))).await;
    let app = TestApp::start(&two.upstream).await;
    check_served(&app.blurb(ask("Lumo lamp")).await, "generated", TEXT);
    app.edit(FILE, &enforced()).await;
    for _ in 0..5 {
        check_withheld(&app.blurb(ask("Lumo lamp")).await, true);
    }
    eventually("it is asked", || async { two.calls().1 == 1 }).await;
    assert_eq!(two.calls(), (1, 1), "once, and nothing is written in its place");
    (two, app, gate)
}

#[tokio::test]
async fn a_new_rule_withholds_kept_copy_until_it_is_answered() {
    let (two, app, gate) = served_before_the_rule(|_| score(0.9, "Calm.")).await;
    gate.add_permits(1);
    eventually("it is served again", || async { app.blurb(ask("Lumo lamp")).await["source"] == "cache" })
        .await;
    check_served(&app.blurb(ask("Lumo lamp")).await, "cache", TEXT);
    assert_eq!(two.calls(), (1, 1));
    assert_eq!(only(&app).await["verdicts"][0]["rules"][0]["passed"], true);
    // A threshold is held against the answer that is there.
    app.edit(FILE, &enforced().replace("0.7", "0.9")).await;
    check_served(&app.blurb(ask("Lumo lamp")).await, "cache", TEXT);
    assert_eq!(two.calls(), (1, 1));
}

#[tokio::test]
async fn a_new_rule_that_does_not_pass_kept_copy_has_other_copy_written() {
    let says = |body: &Value| if copy(body) == TEXT { score(0.1, "It shouts.") } else { score(1.0, "") };
    let (two, app, gate) = served_before_the_rule(says).await;
    gate.add_permits(1);
    let answer = Mutex::new(Value::Null);
    eventually("other copy is served", || async {
        let now = app.blurb(ask("Lumo lamp")).await;
        let served = now["source"] != "prewritten";
        *answer.lock().unwrap() = now;
        served
    })
    .await;
    assert_eq!(answer.into_inner().unwrap()["text"], OTHER);
    assert_eq!(two.calls(), (2, 2));
}

#[tokio::test]
async fn kept_copy_that_nobody_answers_on_stays_withheld_and_is_not_asked_about_in_a_loop() {
    let two = Two::new(&[TEXT], |_| Reply::Raw(400, "no".into())).await;
    let app = TestApp::start(&two.upstream).await;
    check_served(&app.blurb(ask("Lumo lamp")).await, "generated", TEXT);
    app.edit(FILE, &enforced()).await;
    eventually("it was asked in vain", || async { app.blurb(ask("Lumo lamp")).await["pending"] == false })
        .await;
    for _ in 0..5 {
        check_withheld(&app.blurb(ask("Lumo lamp")).await, false);
    }
    assert_eq!(two.calls(), (1, 1));
}

#[tokio::test]
async fn what_was_answered_survives_a_restart() {
    let two = Two::new(&[TEXT], |_| score(0.9, "Calm.")).await;
    let mut app = TestApp::start_with(&two.upstream, &[(FILE, &enforced())], &[]).await;
    check_served(&app.blurb(ask("Lumo lamp")).await, "generated", TEXT);
    app.restart().await.unwrap();
    // Where the text is back in memory first, a page does not wait until what was said of it is read.
    eventually("it is served again", || async { app.blurb(ask("Lumo lamp")).await["source"] == "cache" })
        .await;
    check_served(&app.blurb(ask("Lumo lamp")).await, "cache", TEXT);
    assert_eq!(two.calls(), (1, 1), "the text is in the log, and what was said of it in the store");
    let generations = app.generations().await;
    let attempts: Vec<_> =
        generations.iter().map(|g| g["verdicts"][0]["attempts"].as_array().unwrap().len()).collect();
    assert_eq!(attempts, [1], "the verdict is in the log, and was paid for once");
    is_whole(&app).await;
}

#[tokio::test]
async fn a_text_that_a_person_approved_is_asked_about_and_not_written_anew() {
    let answers = Arc::new(AtomicUsize::new(0));
    let fails = Arc::clone(&answers);
    let says = move |_: &Value| match fails.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::Raw(400, "not now".into()),
        _ => score(0.9, "Calm."),
    };
    let two = Two::new(&[TEXT, OTHER], says).await;
    let path = "prompts/why-this/placement.yml";
    let approval = placement(path, "approval: true");
    let mut app = TestApp::start_with(&two.upstream, &[(path, &approval)], &[]).await;
    check_awaiting(&app.blurb(ask("Lumo lamp")).await);
    decide(&app, &standing(&app, "awaiting").await[0], "approve").await;
    check_served(&app.blurb(ask("Lumo lamp")).await, "cache", TEXT);
    app.edit(FILE, &enforced()).await;
    app.restart().await.unwrap();
    // It is read from the log, and nobody answers on it: it waits, and is not asked about again at once.
    for _ in 0..3 {
        check_withheld(&app.blurb(ask("Lumo lamp")).await, false);
    }
    assert_eq!(two.calls(), (1, 1));
    app.restart().await.unwrap();
    check_served(&app.blurb(ask("Lumo lamp")).await, "cache", TEXT);
    assert_eq!(two.calls(), (1, 2));
    let verdicts = only(&app).await["verdicts"].clone();
    let passed: Vec<_> = (0..2).map(|at| &verdicts[at]["rules"][0]["passed"]).collect();
    assert_eq!(passed, [&json!(null), &json!(true)], "{verdicts}");
}

#[tokio::test]
async fn whoever_may_not_have_copy_written_has_nobody_asked_either() {
    let two = Two::new(&[TEXT], |_| score(0.9, "Calm.")).await;
    let app = TestApp::start(&two.upstream).await;
    let asked = async |may_generate: bool| {
        let shared = &app.app().shared;
        let request = Request { may_generate, ..request("Lumo lamp") };
        pipeline::answer(&shared.parts, &shared.desk.pin(), request).await.unwrap()
    };
    assert_eq!(asked(true).await.source, Source::Generated);
    app.edit(FILE, &enforced()).await;
    let answer = asked(false).await;
    assert_eq!(
        (answer.source, answer.reason, answer.pending),
        (Source::Prewritten, Some(Reason::Guardrail), false)
    );
    assert_eq!(two.calls(), (1, 0));
    assert!(asked(true).await.pending);
    eventually("it is served again", || async { asked(false).await.source == Source::Cache }).await;
    assert_eq!(two.calls(), (1, 1));
}

/// Gives the reason for which the rule may become looser at the next edit.
fn say_why(app: &TestApp) {
    let word = "retired:\n  - {id: second.tone, reason: It is asked otherwise., by: jo@example.com, on: 2026-11-22}\n";
    std::fs::write(app.folder.path().join("guardrails/guardrails.yml"), word).unwrap();
}

#[tokio::test]
async fn a_changed_rubric_is_another_question() {
    let two = Two::new(&[TEXT], |_| score(0.9, "Calm.")).await;
    let app = TestApp::start_with(&two.upstream, &[(FILE, &enforced())], &[]).await;
    check_served(&app.blurb(ask("Lumo lamp")).await, "generated", TEXT);
    say_why(&app);
    app.edit(FILE, &enforced().replace("is calm", "is short")).await;
    check_withheld(&app.blurb(ask("Lumo lamp")).await, true);
    eventually("it is served again", || async { app.blurb(ask("Lumo lamp")).await["source"] == "cache" })
        .await;
    assert_eq!(two.calls(), (1, 2));
}

#[tokio::test]
async fn a_moderation_decides_and_one_that_fails_passes_nothing() {
    let check = async |status: u16, body: Value, passed: Option<bool>| {
        let reply = body.to_string();
        let two = Two::new(&[TEXT], move |_| Reply::Raw(status, reply.clone())).await;
        let app = TestApp::start_with(&two.upstream, &[(FILE, MODERATION)], &[]).await;
        let answer = app.blurb(ask("Lumo lamp")).await;
        if passed == Some(true) {
            check_served(&answer, "generated", TEXT)
        } else {
            check_withheld(&answer, false)
        }
        let generation = only(&app).await;
        assert_eq!(generation["verdicts"][0]["rules"][0]["passed"], json!(passed), "{generation}");
        let unanswered = generation["findings"][0]["unanswered"] == true;
        assert_eq!(unanswered, passed.is_none());
        let message = generation["payload"]["matches"][0]["message"].as_str().map(str::to_owned);
        let asked = two.upstream.requests().into_iter().find(|body| body["input"].is_string()).unwrap();
        assert_eq!(asked, json!({"input": TEXT}));
        message
    };
    let results = |flagged: bool| json!({"results": [{"flagged": flagged, "categories": {"hate": flagged}}]});
    assert_eq!(check(200, results(false), Some(true)).await, None);
    assert_eq!(check(200, results(true), Some(false)).await.as_deref(), Some("Flagged: hate."));
    let elsewhere = json!({"results": [{"flagged": true, "categories": {"violence": true, "hate": false}}]});
    check(200, elsewhere, Some(true)).await;
    let message = check(500, json!({}), None).await.unwrap();
    assert!(message.starts_with("There is no verdict of a second model"), "{message}");
    check(200, json!({"results": []}), None).await;
}

#[tokio::test]
async fn a_text_that_is_only_checked_has_no_verdict() {
    let two = Two::new(&[TEXT], |_| score(1.0, "")).await;
    let app = TestApp::start_with(&two.upstream, &[(FILE, &enforced())], &[]).await;
    let answer = app.post("/v1/check", json!({"text": TEXT})).await.body;
    assert_eq!(answer["verdict"], "block", "{answer}");
    let finding = &answer["findings"][0];
    assert_eq!((&finding["rule"], &finding["unanswered"]), (&json!("second.tone"), &json!(true)), "{answer}");
    say_why(&app);
    app.edit(FILE, &judge("level: error")).await;
    let answer = app.post("/v1/check", json!({"text": TEXT})).await.body;
    assert_eq!((&answer["verdict"], &answer["findings"]), (&json!("pass"), &json!([])));
    assert_eq!(two.calls(), (0, 0));
}

#[tokio::test]
async fn a_new_rule_has_a_whole_catalogue_asked_about_little_by_little() {
    const LAMPS: usize = 12;
    let two = Two::new(&[TEXT], |_| score(1.0, "")).await;
    let variables = [
        ("COPYRAIL__LIMITS__CONCURRENCY", "4"),
        ("COPYRAIL__LIMITS__QUEUE", "3"),
        ("COPYRAIL__LIMITS__CHECKS_PER_SECOND", "10000"),
    ];
    let app = TestApp::start_with(&two.upstream, &[], &variables).await;
    for number in 0..LAMPS {
        check_served(&app.blurb(ask(&format!("Lamp {number}"))).await, "generated", TEXT);
    }
    app.edit(FILE, &enforced()).await;
    two.upstream.hold();
    // One is put, a quarter of what runs at once, and three wait for their turn; all of the copy is withheld.
    for number in 0..LAMPS {
        check_withheld(&app.blurb(ask(&format!("Lamp {number}"))).await, number < 4);
    }
    eventually("one question is put", || async { two.upstream.calls() == LAMPS + 1 }).await;
    two.upstream.release();
    for number in 0..LAMPS {
        let lamp = || ask(&format!("Lamp {number}"));
        eventually("it is served again", || async { app.blurb(lamp()).await["source"] == "cache" }).await;
    }
    assert_eq!(two.calls(), (LAMPS, LAMPS), "each is asked about once, and none is written anew");
}
