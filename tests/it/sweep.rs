//! What could be served now: a phrase is proven gone, or told where it is left.

use copyrail::store::desk::{self, NodeRow};
use copyrail::store::{Access, Store, policies, stops};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::{Ran, TestApp, Upstream, ask, copyrail};

const TEXT: &str = "A lamp for the evening, next to a xylophone.";

/// Runs the command beside the service.
fn sweep(app: &TestApp, arguments: &[&str]) -> Ran {
    let folder = app.folder.path();
    let below = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let variables = [
        ("COPYRAIL__STORE__URL", app.store_url().to_owned()),
        ("COPYRAIL__POLICY__SEGMENTS", below("config/segments.yml")),
        ("COPYRAIL__POLICY__PROMPTS", below("prompts")),
        ("COPYRAIL__POLICY__GUARDRAILS", below("guardrails")),
    ];
    let variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let arguments: Vec<&str> = ["sweep"].iter().chain(arguments).copied().collect();
    copyrail(folder, &arguments, &variables, "")
}

/// What it says, with its exit code.
#[track_caller]
fn told(app: &TestApp, arguments: &[&str]) -> (Value, i32) {
    let ran = sweep(app, &[arguments, &["--format", "json"]].concat());
    let report = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
    (report, ran.code.unwrap())
}

/// The same once it is so: the service says every few seconds, and after each edit, what it has in force.
async fn once(app: &TestApp, arguments: &[&str], holds: impl Fn(&Value) -> bool) -> (Value, i32) {
    let mut last = told(app, arguments);
    crate::support::eventually("the sweep says so", || {
        if !holds(&last.0) {
            last = told(app, arguments);
        }
        std::future::ready(holds(&last.0))
    })
    .await;
    last
}

/// What is said of a service.
fn of_node<'r>(report: &'r Value, name: &str) -> &'r Value {
    report["nodes"].as_array().unwrap().iter().find(|node| node["node"] == name).unwrap()
}

/// Says of a service of that name that it has all in force, was seen so long ago and lacks so many stops.
async fn node(app: &TestApp, name: &str, ago: i64, lacks: i64) {
    let store = Store::open(app.store_url(), Access::Beside).await.unwrap();
    let (guardrails, _) = policies::last_good(&store, "guardrails").await.unwrap().unwrap();
    let (prompts, _) = policies::last_good(&store, "prompts").await.unwrap().unwrap();
    let stops = stops::number(&store).await.unwrap() - lacks;
    let seen = copyrail::app::wall_clock()() - SignedDuration::from_secs(ago);
    let row = NodeRow {
        node: name.into(),
        revision: "b3:of-the-test".into(),
        guardrails,
        prompts,
        since: seen,
        stops,
        seen,
    };
    desk::keep_node(&store, &row, Timestamp::UNIX_EPOCH).await.unwrap();
    store.close().await;
}

async fn asked(app: &TestApp, product: &str, key: Option<&str>) -> Value {
    let body = json!({"placement": "why-this", "product": {"id": product}, "deadline_ms": 30_000});
    let request = app.client().post(app.url("/v1/blurbs")).bearer_auth(app.key("serve")).json(&body);
    let request = key.into_iter().fold(request, |request, key| request.header("idempotency-key", key));
    app.send(request).await.body
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_regulators_letter_to_a_clean_sweep() {
    let upstream = Upstream::saying(TEXT).await;
    let placement = "prompts/why-this/placement.yml";
    let shipped = std::fs::read_to_string(crate::support::root().join(placement)).unwrap();
    let with_phrase = shipped.replacen("en: What this product", "en: Xylophones aside, what this product", 1);
    let app = TestApp::start_with(&upstream, &[(placement, with_phrase.as_str())], &[]).await;
    let store = Store::open(app.store_url(), Access::Beside).await.unwrap();
    let catalogue = std::fs::read(app.folder.path().join("config/sample-catalogue.jsonl")).unwrap();
    copyrail::catalogue::import(&store, catalogue.as_slice(), false, |_| ()).await.unwrap();
    store.close().await;
    let first = asked(&app, "lt-104", None).await;
    assert_eq!((&first["text"], &first["source"]), (&json!(TEXT), &json!("generated")), "{first}");
    let again = asked(&app, "lt-104", Some("page-1")).await;
    assert_eq!(again["text"], TEXT);

    // Before the stop: told where it is.
    let (report, code) = told(&app, &["--phrase", "XYLOPHONE"]);
    assert_eq!((code, &report["ok"], &report["hits_served"]), (1, &json!(false), &json!(2)), "{report}");
    let kinds: Vec<&str> =
        report["hits"].as_array().unwrap().iter().map(|hit| hit["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["generated", "repeated"]);
    let hit = &report["hits"][0];
    assert_eq!((&hit["standing"], &hit["product"]), (&json!("served"), &json!("lt-104")));
    assert_eq!(hit["generation"], first["generation_id"]);
    assert_eq!(hit["last_serve"]["id"], again["serve_id"], "the last of two");
    assert_eq!(report["over"], false, "it was shown a moment ago");
    let texts = &report["texts"];
    assert!(
        texts["prewritten"]["texts"].as_u64().unwrap() >= 16 * 10,
        "each template's, for every product: {texts}"
    );
    assert_eq!(texts["last_resort"]["texts"], 4, "two placements, two languages: {texts}");
    assert_eq!(texts["repeated"]["texts"], 1);
    // The plural is another word.
    assert_eq!(told(&app, &["--phrase", "xylophones"]).0["hits"][0]["kind"], "last_resort");
    let (nothing, code) = told(&app, &["--phrase", "glockenspiel"]);
    assert_eq!((code, &nothing["hits"], &nothing["over"]), (0, &json!([]), &json!(true)));
    assert_eq!(sweep(&app, &["--phrase", "—"]).code, Some(2));

    // Marketing's folder is broken, which changes nothing of what is in force; a stop is set.
    std::fs::write(app.folder.path().join("prompts/why-this/default.prompty"), "---\nname: [").unwrap();
    let stop = app.client().post(app.url("/v1/stops")).bearer_auth(app.key("compliance"));
    let stop = stop.json(&json!({"phrase": "xylophone", "reason": "The regulator's letter of 3 November."}));
    let stopped = app.send(stop).await;
    assert_eq!(stopped.status, 201, "{}", stopped.body);
    let name = format!("stop.{}", stopped.body["id"].as_str().unwrap());
    let (report, code) = once(&app, &["--phrase", "xylophone"], |report| report["ok"] == true).await;
    assert_eq!((code, &report["hits_served"]), (0, &json!(0)), "{report}");
    assert_eq!((&report["hits_held"], &report["held_by"][&name]), (&json!(2), &json!(2)), "{report}");
    assert_eq!(report["over"], false, "copies that callers keep live on for minutes");
    assert!(report["kept_until"].as_str().unwrap() > report["now"].as_str().unwrap());
    assert!(report["proven"].as_str().unwrap().contains("2 that hold it are held back"), "{report}");

    // Of services that lack a stop, or are not there, nothing is proven.
    node(&app, "one", 1, 0).await;
    assert_eq!(told(&app, &["--phrase", "xylophone"]).1, 0);
    node(&app, "two", 1, 1).await;
    let (report, code) = told(&app, &["--phrase", "xylophone"]);
    assert_eq!((code, &of_node(&report, "two")["stops_taken"]), (1, &json!(false)), "{report}");
    assert!(report["proven"].as_str().unwrap().ends_with("Nothing is proven of two."), "{report}");
    node(&app, "one", 1, 0).await;
    node(&app, "two", 1, 0).await;
    assert_eq!(told(&app, &[]).1, 0);
    node(&app, "three", 61, 0).await;
    let (report, code) = told(&app, &[]);
    assert_eq!((code, &report["nodes"][1]["node"]), (1, &json!("three")), "{report}");
    assert!(
        report["nodes"][1]["unproven"].as_str().unwrap().starts_with("it was not seen for 6"),
        "{report}"
    );
    let said = sweep(&app, &["--phrase", "xylophone"]);
    for words in ["not in order: As of ", "held back by stop.", "next to a [xylophone].", "shown last "] {
        assert!(said.out.contains(words), "no `{words}` in {}", said.out);
    }
}

/// A service that wrote the text for three products that came with their facts; the generations' ids.
async fn of_three_lamps(upstream: &Upstream) -> (TestApp, Vec<String>) {
    let app = TestApp::start(upstream).await;
    let mut ids = Vec::new();
    for name in ["Lamp one", "Lamp two", "Lamp three"] {
        let answer = app.blurb(ask(name)).await;
        ids.push(answer["generation_id"].as_str().unwrap().to_owned());
    }
    (app, ids)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rejected_or_purged_is_told_as_such() {
    let upstream = Upstream::saying(TEXT).await;
    let (app, ids) = of_three_lamps(&upstream).await;
    let review = app.client().post(app.url(&format!("/v1/generations/{}/reviews", ids[0])));
    let review = review.bearer_auth(app.key("review")).json(&json!({"action": "reject"}));
    assert_eq!(app.send(review).await.status, 201);
    let purge = app.client().post(app.url("/v1/purge")).bearer_auth(app.key("compliance"));
    let purged = app.send(purge.json(&json!({"generation": ids[1]}))).await;
    assert!(purged.status < 300, "{}", purged.body);
    let (report, code) = told(&app, &["--phrase", "xylophone"]);
    assert_eq!((code, &report["hits_served"], &report["hits_held"]), (1, &json!(1), &json!(2)), "{report}");
    assert_eq!(
        (&report["held_by"]["review"], &report["held_by"]["purge"]),
        (&json!(1), &json!(1)),
        "{report}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_may_pass_a_text_at_another_request_holds_nothing_back_for_certain() {
    let upstream = Upstream::saying(TEXT).await;
    let (app, _) = of_three_lamps(&upstream).await;
    let rule = |exceptions: &str, pass: &str| {
        format!(
            "rules:\n  - id: evenings\n    extends: existence\n    message: \"'%s' is not said.\"\n    level: error\n    \
             tokens: [evening]\n{exceptions}    examples: {{fail: [An evening.], pass: [A drum.{pass}]}}\n"
        )
    };
    let in_force = async |rule: String| {
        app.edit("guardrails/extra.yml", &rule).await;
        assert_eq!(app.get("/v1/policy", "compliance").await.body["refused"], json!([]));
    };
    let with_facts = rule(
        "    exceptions: [product.name]\n",
        ", {text: The evening lamp., facts: {name: The evening lamp}}",
    );
    in_force(with_facts).await;
    let (report, code) = once(&app, &["--phrase", "xylophone"], |report| report["uncertain"] == 3).await;
    assert_eq!(report["without_facts"], 3, "their facts came with the requests: {report}");
    assert_eq!((code, &report["hits_served"], &report["uncertain"]), (1, &json!(3), &json!(3)), "{report}");
    in_force(rule("", "")).await;
    let (report, code) = once(&app, &["--phrase", "xylophone"], |report| report["uncertain"] == 0).await;
    assert_eq!((code, &report["held_by"]["extra.evenings"]), (0, &json!(3)), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_rules_corrected_when_it_was_shown_is_not_over_before_its_copies_are() {
    let fix = "rules:\n  - id: instrument\n    extends: substitution\n    message: \"Say '%s'.\"\n    level: error\n    \
               on_match: fix\n    swap: {xylophone: spinet}\n    examples: {fail: [A xylophone.], pass: [A spinet.]}\n";
    let upstream = Upstream::saying(TEXT).await;
    let app = TestApp::start(&upstream).await;
    assert_eq!(app.blurb(ask("Lamp")).await["text"], TEXT);
    app.edit("guardrails/extra.yml", fix).await;
    assert_eq!(app.blurb(ask("Lamp")).await["text"], TEXT.replace("xylophone", "spinet"));
    let body = json!({"phrase": "spinet", "reason": "A letter."});
    let stop = app.client().post(app.url("/v1/stops")).bearer_auth(app.key("compliance")).json(&body);
    assert_eq!(app.send(stop).await.status, 201);
    let (report, _) = once(&app, &["--phrase", "spinet"], |report| report["over"] == false).await;
    assert_eq!((&report["over"], &report["hits_served"]), (&json!(false), &json!(0)), "{report}");
}
