//! A stop is a stop: at once on the node that took it, within two seconds on others, over any policy, through restarts,
//! until it is lifted; and what was purged or taken down does not come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::{Answered, Reply, Serving, TestApp, Upstream, ask, copyrail, eventually, shop};

const TEXT: &str = "A well-known companion for the evening.";

async fn order(app: &TestApp, path: &str, body: Value) -> Answered {
    app.send(app.client().post(app.url(path)).bearer_auth(app.key("compliance")).json(&body)).await
}

/// Sets a stop and answers its id.
async fn stop(app: &TestApp, body: Value) -> String {
    let mut body = body;
    body["reason"] = "Letter of 3 November".into();
    let answered = order(app, "/v1/stops", body).await;
    assert_eq!((answered.status, &answered.body["recorded"]), (201, &json!(true)), "{}", answered.body);
    answered.body["id"].as_str().unwrap().to_owned()
}

async fn lift(app: &TestApp, id: &str) -> Answered {
    let url = app.url(&format!("/v1/stops/{id}?reason=settled"));
    app.send(app.client().delete(url).bearer_auth(app.key("compliance"))).await
}

async fn decide(app: &TestApp, generation: &Value, action: &str) -> Answered {
    let url = app.url(&format!("/v1/generations/{}/reviews", generation.as_str().unwrap()));
    app.send(app.client().post(url).bearer_auth(app.key("review")).json(&json!({ "action": action }))).await
}

fn said(answer: &Value) -> [&Value; 3] {
    [&answer["text"], &answer["source"], &answer["reason"]]
}

#[tokio::test]
async fn a_phrase_is_stopped_wherever_it_stands_until_it_is_lifted() {
    let upstream = Upstream::saying(TEXT).await;
    let mut app = TestApp::start(&upstream).await;
    assert_eq!(app.blurb(ask("Lamp")).await["text"], TEXT);
    let id = stop(&app, json!({"phrase": "Well known companion"})).await;
    assert_eq!(app.blurb(ask("Lamp")).await["text"], TEXT, "a hyphen is no blank");
    let other = stop(&app, json!({"phrase": "WELL-KNOWN"})).await;
    // From memory, from the log, and from a model that writes it again.
    let stopped = app.blurb(ask("Lamp")).await;
    assert_eq!(
        (&stopped["source"], &stopped["reason"]),
        (&json!("prewritten"), &json!("stopped")),
        "{stopped}"
    );
    assert_eq!(app.blurb(ask("Kettle")).await["reason"], "stopped");
    let blocked = &app.generations().await[0];
    assert_eq!(blocked["outcome"], "blocked");
    assert_eq!(blocked["findings"][0]["rule"], format!("stop.{other}"));
    app.restart().await.unwrap();
    assert_eq!(app.blurb(ask("Lamp")).await["source"], "prewritten");
    let listed = app.get("/v1/stops", "compliance").await.body;
    let ids: Vec<&Value> = listed["stops"].as_array().unwrap().iter().map(|stop| &stop["id"]).collect();
    assert_eq!(ids, [&json!(id), &json!(other)]);
    let judged = app.post("/v1/check", json!({"text": "It is well-known."})).await.body;
    assert_eq!(
        (&judged["verdict"], &judged["findings"][0]["match"]),
        (&json!("block"), &json!("well-known"))
    );
    assert_eq!(lift(&app, &other).await.status, 200);
    assert_eq!(lift(&app, &other).await.status, 404);
    let again = app.blurb(ask("Lamp")).await;
    assert_eq!((&again["text"], &again["source"]), (&json!(TEXT), &json!("cache")), "{again}");
    let all = app.get("/v1/stops?all=true", "compliance").await.body;
    assert_eq!(all["stops"][1]["lifted_by"], "test compliance", "{all}");
}

#[tokio::test]
async fn each_kind_stops_what_it_names_and_prewritten_copy_where_it_says_so() {
    let upstream = Upstream::saying("A calm lamp.").await;
    let app = TestApp::start(&upstream).await;
    let product =
        json!({"placement": "why-this", "product": {"id": "l-1", "name": "Lamp"}, "deadline_ms": 30_000});
    for (field, value) in [
        ("product", "l-1"),
        ("placement", "why-this"),
        ("segment", "default"),
        ("template", "why-this/default"),
        ("model", "scripted"),
        ("model", "Scripted"),
    ] {
        assert_eq!(app.blurb(product.clone()).await["text"], "A calm lamp.", "{field}");
        let before = upstream.calls();
        let id = stop(&app, json!({ field: value })).await;
        let stopped = app.blurb(product.clone()).await;
        assert_eq!(said(&stopped)[1..], [&json!("prewritten"), &json!("stopped")], "{field}: {stopped}");
        assert_eq!(upstream.calls(), before, "{field}: nothing was asked");
        if field != "model" {
            let explained = app.post("/v1/explain", product.clone()).await.body;
            assert_eq!(explained["reason"], "stopped", "{explained}");
            assert_eq!(explained["stops"][0]["id"], json!(id), "{explained}");
            let hard = stop(&app, json!({ field: value, "prewritten": true })).await;
            let silent = app.blurb(product.clone()).await;
            let nothing = [&json!("none"), &json!("stopped")];
            if field == "template" {
                // The placement's own copy is another's.
                assert_eq!(silent["template"], Value::Null, "{silent}");
            } else {
                assert_eq!(said(&silent)[1..], nothing, "{field}: {silent}");
            }
            assert_eq!(lift(&app, &hard).await.status, 200);
        }
        assert_eq!(lift(&app, &id).await.status, 200);
    }
    let unknown = order(&app, "/v1/stops", json!({"placement": "nowhere", "reason": "r"})).await;
    assert_eq!(unknown.status, 201);
    assert!(unknown.body["warning"].as_str().unwrap().contains("no placement `nowhere`"), "{}", unknown.body);
}

#[tokio::test]
async fn orders_that_cannot_be_meant_are_refused() {
    let upstream = Upstream::saying("A lamp.").await;
    let app = TestApp::start(&upstream).await;
    for (body, wrong) in [
        (json!({"reason": "r"}), "Name one thing to stop"),
        (json!({"phrase": "a", "model": "m", "reason": "r"}), "Name one thing to stop"),
        (json!({"phrase": "—", "reason": "r"}), "`phrase`: it holds no letter"),
        (json!({"phrase": "a".repeat(501), "reason": "r"}), "`phrase`: it has 501 characters"),
        (json!({"phrase": "a", "reason": " "}), "`reason`: say why"),
        (json!({"phrase": "a"}), "reason"),
        (json!({"product": "", "reason": "r"}), "`product`: write its name"),
        (json!({"phrase": "a", "reason": "r", "prewritten": false}), "`prewritten`: a phrase"),
        (json!({"text": "a", "reason": "r"}), "text"),
    ] {
        let refused = order(&app, "/v1/stops", body.clone()).await;
        assert_eq!(refused.status, 400, "{body}");
        assert!(refused.body["detail"].as_str().unwrap().contains(wrong), "{}", refused.body);
    }
    assert_eq!(order(&app, "/v1/purge", json!({})).await.status, 400);
    assert_eq!(lift(&app, "17").await.status, 400);
    assert_eq!(app.get("/v1/stops", "review").await.status, 403);
    let stop = app.client().post(app.url("/v1/stops")).bearer_auth(app.key("review"));
    assert_eq!(app.send(stop.json(&json!({"phrase": "a", "reason": "r"}))).await.status, 403);
    assert_eq!(app.get("/v1/stops", "compliance").await.body, json!({"stops": []}));
}

#[tokio::test]
async fn what_was_purged_is_written_anew_and_what_was_begun_before_does_not_land() {
    const KINDS: [&str; 8] = ["calm", "warm", "soft", "plain", "quiet", "gentle", "bright", "steady"];
    let words = |call: usize| format!("A {} companion for the evening.", KINDS[call - 1]);
    let upstream = Upstream::with(move |call, _| Reply::Text(words(call))).await;
    let mut app = TestApp::start(&upstream).await;
    let text = |answer: &Value| answer["text"].as_str().unwrap().to_owned();
    let first = text(&app.blurb(ask("Lamp")).await);
    assert_eq!(text(&app.blurb(ask("Lamp")).await), first);
    assert_eq!(order(&app, "/v1/purge", json!({"placement": "elsewhere"})).await.status, 201);
    assert_eq!(text(&app.blurb(ask("Lamp")).await), first);
    assert_eq!(
        order(&app, "/v1/purge", json!({"placement": "why-this", "segment": "default"})).await.status,
        201
    );
    let second = text(&app.blurb(ask("Lamp")).await);
    assert_ne!(second, first);
    app.restart().await.unwrap();
    assert_eq!(text(&app.blurb(ask("Lamp")).await), second, "nor after a restart, from the log");

    upstream.hold();
    let shared = Arc::clone(&app.app().shared);
    let early = tokio::spawn({
        let policy = shared.desk.pin();
        let shared = Arc::clone(&shared);
        async move {
            copyrail::pipeline::answer(&shared.parts, &policy, crate::flights::request("Kettle"))
                .await
                .unwrap()
        }
    });
    let calls = upstream.calls();
    eventually("it is asked", || async { upstream.calls() == calls + 1 }).await;
    assert_eq!(order(&app, "/v1/purge", json!({"template": "why-this/default"})).await.status, 201);
    let late = tokio::spawn({
        let (policy, shared) = (shared.desk.pin(), Arc::clone(&shared));
        async move {
            copyrail::pipeline::answer(&shared.parts, &policy, crate::flights::request("Kettle"))
                .await
                .unwrap()
        }
    });
    tokio::task::yield_now().await;
    upstream.release();
    let begun_before = words(calls + 1);
    for asked in [early, late] {
        let answer = asked.await.unwrap();
        let text = answer.text.as_ref().map_or("", |text| text.text());
        assert_ne!(text, begun_before, "{answer:?}");
    }
    assert_ne!(text(&app.blurb(ask("Kettle")).await), begun_before);
}

#[tokio::test]
async fn a_text_that_was_taken_down_never_comes_back() {
    let upstream = Upstream::saying("Soft light for long evenings at home.").await;
    let mut app = TestApp::start(&upstream).await;
    let first = app.blurb(ask("Lamp")).await;
    assert_eq!(first["source"], "generated", "{first}");
    assert_eq!(app.blurb(ask("Kettle")).await["source"], "generated");
    let taken = decide(&app, &first["generation_id"], "takedown").await;
    assert_eq!(taken.status, 201, "{}", taken.body);
    let id = taken.body["stop_id"].as_str().unwrap().to_owned();
    for restarted in [false, true] {
        for name in ["Lamp", "Kettle", "Tent"] {
            let answer = app.blurb(ask(name)).await;
            assert_eq!(said(&answer)[1..], [&json!("prewritten"), &json!("stopped")], "{name}: {answer}");
        }
        if !restarted {
            app.restart().await.unwrap();
        }
    }
    let listed = app.get("/v1/stops", "compliance").await.body;
    assert_eq!(listed["stops"][0]["generation_id"], first["generation_id"], "{listed}");
    assert!(!listed.to_string().contains("evenings"), "{listed}");
    let refused = decide(&app, &first["generation_id"], "approve").await;
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert!(refused.body["detail"].as_str().unwrap().contains(&id), "{}", refused.body);
    assert_eq!(lift(&app, &id).await.status, 200);
    assert_eq!(app.blurb(ask("Kettle")).await["source"], "cache");
    assert_eq!(decide(&app, &first["generation_id"], "approve").await.status, 201);
}

#[tokio::test]
async fn a_rejected_text_does_not_come_back_for_its_question_alone() {
    let upstream = Upstream::saying("Warm light for long evenings.").await;
    let app = TestApp::start(&upstream).await;
    let first = app.blurb(ask("Lamp")).await;
    assert_eq!(decide(&app, &first["generation_id"], "reject").await.status, 201);
    let answer = app.blurb(ask("Lamp")).await;
    assert_eq!((&answer["source"], upstream.calls()), (&json!("prewritten"), 2), "{answer}");
    assert_eq!(app.blurb(ask("Kettle")).await["source"], "generated");
    assert_eq!(app.get("/v1/stops", "compliance").await.body, json!({"stops": []}));
    // Whoever approves it after all has it back at the next request.
    assert_eq!(decide(&app, &first["generation_id"], "approve").await.status, 201);
    let answer = app.blurb(ask("Lamp")).await;
    assert_eq!((&answer["source"], upstream.calls()), (&json!("cache"), 3), "{answer}");
}

#[tokio::test]
async fn what_was_shown_corrected_does_not_come_back_as_it_was_shown() {
    let fix = "rules:\n  - id: her-name\n    extends: substitution\n    message: \"Say '%s'.\"\n    level: error\n    \
               on_match: fix\n    swap: {Ann: Anna}\n    examples: {fail: [By Ann.], pass: [By Anna.]}\n";
    for (action, reason) in [("takedown", "stopped"), ("reject", "guardrail")] {
        let upstream = Upstream::with(|call, _| {
            Reply::Text(format!("A calm lamp by {}.", if call == 1 { "Ann" } else { "Anna" }))
        })
        .await;
        let app = TestApp::start(&upstream).await;
        assert_eq!(app.blurb(ask("Lamp")).await["text"], "A calm lamp by Ann.");
        app.edit("guardrails/extra.yml", fix).await;
        let shown = app.blurb(ask("Lamp")).await;
        assert_eq!(shown["text"], "A calm lamp by Anna.");
        assert_eq!(decide(&app, &shown["generation_id"], action).await.status, 201);
        let answer = app.blurb(ask("Lamp")).await;
        assert_eq!(said(&answer)[1..], [&json!("prewritten"), &json!(reason)], "{action}: {answer}");
        assert_eq!(upstream.calls(), 2, "{action}: it was written again");
    }
}

#[tokio::test]
async fn what_a_stop_blocked_is_judged_again_when_it_is_lifted_and_can_be_taken_down() {
    let upstream = Upstream::saying(TEXT).await;
    let app = TestApp::start(&upstream).await;
    let id = stop(&app, json!({"phrase": "companion"})).await;
    for name in ["Lamp", "Kettle"] {
        assert_eq!(app.blurb(ask(name)).await["reason"], "stopped");
    }
    let calls = upstream.calls();
    assert_eq!(lift(&app, &id).await.status, 200);
    let freed = app.blurb(ask("Lamp")).await;
    assert_eq!((&freed["text"], &freed["source"]), (&json!(TEXT), &json!("cache")), "{freed}");
    assert_eq!(upstream.calls(), calls, "it was written already");
    let all = app.generations().await;
    let kettle = all.iter().find(|one| one["outcome"] == "blocked" && one["id"] != all[0]["rejudged"]);
    let taken = decide(&app, &kettle.unwrap()["id"], "takedown").await;
    assert_eq!((taken.status, taken.body.get("warning")), (201, None), "{}", taken.body);
    for name in ["Lamp", "Kettle"] {
        let answer = app.blurb(ask(name)).await;
        assert_eq!(said(&answer)[1..], [&json!("prewritten"), &json!("stopped")], "{name}: {answer}");
    }
}

/// Many callers while a stop is set again and again: whoever asks after the call returned, and whoever is answered after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_load_no_answer_holds_the_text_after_the_call_returned() {
    let upstream = Upstream::saying(TEXT).await;
    let app = Arc::new(TestApp::start(&upstream).await);
    assert_eq!(app.blurb(ask("Lamp")).await["text"], TEXT);
    let (stopped, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (held, answered) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let callers: Vec<_> = (0..16)
        .map(|caller| {
            let (app, stopped, done) = (Arc::clone(&app), Arc::clone(&stopped), Arc::clone(&done));
            let (held, answered) = (Arc::clone(&held), Arc::clone(&answered));
            tokio::spawn(async move {
                let mut request = app.client().post(app.url("/v1/blurbs")).bearer_auth(app.key("serve"));
                if caller % 4 == 0 {
                    request = request.header("idempotency-key", format!("caller-{caller}"));
                }
                let request = request.json(&ask("Lamp"));
                while !done.load(Ordering::SeqCst) {
                    // Looked at before the text is read: an answer that came whole before the call returned may hold it.
                    let response = request.try_clone().unwrap().send();
                    let before = stopped.load(Ordering::SeqCst);
                    let body = response.await.unwrap().text().await.unwrap();
                    let holds = body.contains("well-known");
                    answered.fetch_add(1, Ordering::SeqCst);
                    held.fetch_add(usize::from(holds), Ordering::SeqCst);
                    assert!(!(holds && before && stopped.load(Ordering::SeqCst)), "{body}");
                }
            })
        })
        .collect();
    for _ in 0..20 {
        let seen = held.load(Ordering::SeqCst);
        eventually("the text is served", || async { held.load(Ordering::SeqCst) > seen }).await;
        let id = stop(&app, json!({"phrase": "well-known"})).await;
        stopped.store(true, Ordering::SeqCst);
        let seen = answered.load(Ordering::SeqCst);
        eventually("callers are answered", || async { answered.load(Ordering::SeqCst) > seen + 32 }).await;
        stopped.store(false, Ordering::SeqCst);
        assert_eq!(lift(&app, &id).await.status, 200);
    }
    done.store(true, Ordering::SeqCst);
    for caller in callers {
        caller.await.unwrap();
    }
}

#[tokio::test]
async fn browsers_get_nothing_that_is_stopped() {
    let upstream = Upstream::saying(TEXT).await;
    let app = TestApp::start(&upstream).await;
    let shared = &app.app().shared;
    let answer = app.blurb(ask("Lamp")).await;
    assert_eq!(answer["text"], TEXT);
    stop(&app, json!({"phrase": "well-known"})).await;
    let request = copyrail::pipeline::Request { may_generate: false, ..crate::flights::request("Lamp") };
    let policy = shared.desk.pin();
    let shown = copyrail::pipeline::answer(&shared.parts, &policy, request).await.unwrap();
    assert!(!shown.text.as_ref().is_some_and(|text| text.text().contains("well-known")), "{shown:?}");
}

#[tokio::test]
async fn a_stop_holds_while_the_store_is_down_and_is_recorded_when_it_is_back() {
    let upstream = Upstream::saying(TEXT).await;
    let mut app = TestApp::start(&upstream).await;
    assert_eq!(app.blurb(ask("Lamp")).await["text"], TEXT);
    let (file, aside) = (app.folder.path().join("data/copyrail.db"), app.folder.path().join("aside.db"));
    std::fs::rename(&file, &aside).unwrap();
    let answered = order(&app, "/v1/stops", json!({"phrase": "well-known", "reason": "r"})).await;
    assert_eq!((answered.status, &answered.body["recorded"]), (201, &json!(false)), "{}", answered.body);
    let answer = app.blurb(ask("Lamp")).await;
    assert!(!answer["text"].as_str().unwrap().contains("well-known"), "{answer}");
    std::fs::rename(&aside, &file).unwrap();
    let recorded = || async {
        let _ = app.app().shared.store.look().await;
        let _ = app.app().shared.parts.stops.refresh().await;
        copyrail::store::stops::read(&app.app().shared.store).await.is_ok_and(|rows| rows.stops.len() == 1)
    };
    eventually("it is recorded", recorded).await;
    app.restart().await.unwrap();
    assert!(!app.blurb(ask("Lamp")).await["text"].as_str().unwrap().contains("well-known"));
}

#[tokio::test]
async fn a_backup_from_before_a_stop_forgets_none() {
    let upstream = Upstream::saying(TEXT).await;
    let mut app = TestApp::start(&upstream).await;
    let first = app.blurb(ask("Lamp")).await;
    assert_eq!(first["text"], TEXT);
    let lifted = stop(&app, json!({"product": "p"})).await;
    let backup = app.folder.path().join("backup.db");
    let file = backup.to_string_lossy().into_owned();
    let made = copyrail(app.folder.path(), &["audit", "backup", &file], &[], "");
    assert_eq!(made.code, Some(0), "{} {}", made.out, made.err);
    lift(&app, &lifted).await;
    decide(&app, &first["generation_id"], "takedown").await;
    order(&app, "/v1/purge", json!({"product": "q"})).await;
    let listed = app.get("/v1/stops?all=true", "compliance").await.body;
    if let Some(running) = app.app.take() {
        running.stop().await;
    }
    for name in ["copyrail.db", "copyrail.db-wal", "copyrail.db-shm"] {
        let _ = std::fs::remove_file(app.folder.path().join("data").join(name));
    }
    std::fs::copy(&backup, app.folder.path().join("data/copyrail.db")).unwrap();
    app.restart().await.unwrap();
    assert_eq!(app.get("/v1/stops?all=true", "compliance").await.body, listed);
    assert_eq!(app.blurb(ask("Lamp")).await["reason"], "stopped");
    let rows = copyrail::store::stops::read(&app.app().shared.store).await.unwrap();
    assert_eq!((rows.stops.len(), rows.rejections.len(), rows.purges.len()), (2, 1, 1), "{rows:?}");
    // Put in place under a running service, too.
    std::fs::copy(&backup, app.folder.path().join("copy.db")).unwrap();
    std::fs::rename(app.folder.path().join("copy.db"), app.folder.path().join("data/copyrail.db")).unwrap();
    let rows = || async {
        let _ = app.app().shared.store.look().await;
        copyrail::store::stops::read(&app.app().shared.store)
            .await
            .is_ok_and(|found| found.stops == rows.stops)
    };
    eventually("the store in place has the stops", rows).await;
    assert_eq!(app.blurb(ask("Lamp")).await["reason"], "stopped");
    if let Some(running) = app.app.take() {
        running.stop().await;
    }
    let report = copyrail(app.folder.path(), &["audit", "verify", "--format", "json"], &[], "");
    assert_eq!(report.code, Some(0), "{} {}", report.out, report.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_stops_beside_a_running_service_and_without_one() {
    let upstream = Upstream::saying(TEXT).await;
    let folder = shop();
    let base = upstream.base_url();
    let variables = [("OPENAI_BASE_URL", base.as_str()), ("OPENAI_MODEL", "scripted")];
    let run = |arguments: &[&str]| {
        let ran = copyrail(folder.path(), arguments, &[], "");
        assert_eq!(ran.code, Some(0), "{} {}", ran.out, ran.err);
        ran.out.trim().to_owned()
    };
    let key = run(&["keys", "new", "--role", "serve"]);
    // Before any service ran.
    let early = run(&["stop", "--product", "p", "--reason", "r", "--by", "jo"]);
    let mut serving = Serving::start(folder.path(), &variables);
    let url = format!("http://{}/v1/blurbs", serving.address);
    let client = crate::support::client();
    let blurb = || async {
        let asked = client.post(&url).bearer_auth(&key).json(&ask("Lamp")).send().await.unwrap();
        asked.json::<Value>().await.unwrap()
    };
    assert_eq!(blurb().await["text"], TEXT);
    let id = run(&["stop", "--phrase", "well-known", "--reason", "Letter", "--by", "jo"]);
    eventually("the service follows", || async { blurb().await["reason"] == "stopped" }).await;
    let listed: Value = serde_json::from_str(&run(&["stop", "list", "--format", "json"])).unwrap();
    assert_eq!((&listed["stops"][0]["id"], &listed["stops"][1]["id"]), (&json!(early), &json!(id)));
    assert!(run(&["stop", "list"]).contains("phrase well-known: Letter (jo)"));
    run(&["stop", "lift", &id, "--reason", "Settled", "--by", "ann"]);
    eventually("the service follows", || async { blurb().await["text"] == TEXT }).await;
    let generation = blurb().await["generation_id"].as_str().unwrap().to_owned();
    run(&["purge", "--generation", &generation, "--by", "jo"]);
    let anew = || async { blurb().await["generation_id"] != json!(generation) };
    eventually("the service follows", anew).await;
    serving.kill();
    let twice = copyrail(folder.path(), &["stop", "lift", &id, "--reason", "r", "--by", "jo"], &[], "");
    assert_eq!(twice.code, Some(1));
    assert!(run(&["stop", "list", "--all"]).contains("lifted"));
    run(&["audit", "verify"]);
}

#[tokio::test]
async fn a_stop_on_the_model_of_one_provider_leaves_the_others_to_write() {
    let (one, two) = (Upstream::saying("A calm lamp.").await, Upstream::saying("A bright lamp.").await);
    let provider = |name: &str, upstream: &Upstream| {
        let base = upstream.base_url();
        format!("[[llm.providers]]\nname = \"{name}\"\nbase_url = \"{base}\"\nmodel = \"model-{name}\"\n")
    };
    let settings = provider("one", &one) + &provider("two", &two);
    let files = [("config/copyrail.toml", settings.as_str())];
    let app = TestApp::try_start(&files, &[], copyrail::app::wall_clock()).await.unwrap();
    let calls = || [one.calls(), two.calls()];
    assert_eq!(app.blurb(ask("Lamp")).await["text"], "A calm lamp.");
    let first = stop(&app, json!({"model": "model-one"})).await;
    for (name, calls_after) in [("Lamp", [1, 1]), ("Kettle", [1, 2])] {
        let written = app.blurb(ask(name)).await;
        assert_eq!(
            said(&written),
            [&json!("A bright lamp."), &json!("generated"), &Value::Null],
            "{written}"
        );
        assert_eq!(calls(), calls_after, "{name}");
    }
    let second = stop(&app, json!({"model": "model-two"})).await;
    for name in ["Lamp", "Kettle", "Tent"] {
        let stopped = app.blurb(ask(name)).await;
        assert_eq!(said(&stopped)[1..], [&json!("prewritten"), &json!("stopped")], "{name}: {stopped}");
    }
    assert_eq!(calls(), [1, 2]);
    assert_eq!(lift(&app, &first).await.status, 200);
    assert_eq!(app.blurb(ask("Tent")).await["text"], "A calm lamp.");
    assert_eq!(calls(), [2, 2]);
    assert_eq!(lift(&app, &second).await.status, 200);
}

#[tokio::test]
async fn what_an_earlier_version_rejected_is_written_down_at_a_start() {
    let upstream = Upstream::saying("Warm light for long evenings.").await;
    let mut app = TestApp::start(&upstream).await;
    let first = app.blurb(ask("Lamp")).await;
    let kettle = app.blurb(ask("Kettle")).await;
    for (answer, actions) in [(&first, ["approve", "reject"]), (&kettle, ["reject", "approve"])] {
        for action in actions {
            assert_eq!(decide(&app, &answer["generation_id"], action).await.status, 201);
        }
    }
    app.app.take().unwrap().stop().await;
    // As the release before left it.
    let database = sqlx::SqlitePool::connect(app.store_url()).await.unwrap();
    sqlx::raw_sql("DELETE FROM rejections; DELETE FROM meta WHERE name = 'rejections'")
        .execute(&database)
        .await
        .unwrap();
    let _ = std::fs::remove_file(app.folder.path().join("data/stops.jsonl"));
    let written_down = async || {
        let query = sqlx::query_scalar::<_, String>("SELECT generation FROM rejections");
        query.fetch_all(&database).await.unwrap()
    };
    for _ in 0..2 {
        app.restart().await.unwrap();
        assert_eq!(written_down().await, [first["generation_id"].as_str().unwrap()]);
        assert_eq!(app.blurb(ask("Lamp")).await["source"], "prewritten", "a model wrote it once more");
        assert_eq!(app.blurb(ask("Kettle")).await["source"], "cache", "what was decided last counts");
    }
}

#[test]
fn a_name_that_nothing_has_is_stopped_and_said() {
    let folder = shop();
    let run = |arguments: &[&str]| {
        let ran = copyrail(folder.path(), arguments, &[], "");
        assert_eq!(ran.code, Some(0), "{} {}", ran.out, ran.err);
        ran.err
    };
    run(&["catalog", "import", "config/sample-catalogue.jsonl"]);
    let order = ["--reason", "r", "--by", "jo"];
    let said = run(&[&["stop", "--product", "1970121x"][..], &order].concat());
    assert!(
        said.contains("warning: the catalogue has no product `1970121x`. It is stopped all the same."),
        "{said}"
    );
    let said = run(&["purge", "--product", "nobody", "--by", "jo"]);
    assert!(
        said.contains("warning: the catalogue has no product `nobody`. See whether it is written right."),
        "{said}"
    );
    let known = run(&["catalog", "import", "config/sample-catalogue.jsonl"]);
    assert!(!known.contains("warning"), "{known}");
}

#[tokio::test]
async fn what_was_purged_is_not_taken_from_the_log_after_a_restart() {
    let upstream = Upstream::saying("Warm light for long evenings.").await;
    let mut app = TestApp::start(&upstream).await;
    let first = app.blurb(ask("Lamp")).await;
    let purge = json!({"generation": first["generation_id"]});
    assert_eq!(order(&app, "/v1/purge", purge).await.status, 201);
    app.restart().await.unwrap();
    let anew = app.blurb(ask("Lamp")).await;
    assert_eq!((&anew["source"], upstream.calls()), (&json!("generated"), 2), "{anew}");
    assert_ne!(anew["generation_id"], first["generation_id"]);
}
