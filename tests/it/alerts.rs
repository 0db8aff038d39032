//! What somebody should look at: in the log, in the metrics, in `GET /v1/policy`.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, SubscriberExt};

use crate::support::{Reply, TestApp, Upstream, ask, listen_among_others};

const CLAIMS: &str = "families:\n  award: {closed: true}\nclaims:\n  - {id: organic, family: award, wording: [certified organic], \
                      triggers: [certified], needs: {evidence: cert-7}, owner: ana@example.com, examples: {fail: [All certified.], pass: [\
                      {text: It is certified organic., facts: {id: p1}, as_of: 2026-05-01}]}}\n\
                      evidence:\n  - {id: cert-7, covers: [p1], document: cert.pdf, accepted_by: lee@example.com, from: 2026-01-01, until: 2026-12-31}\n";
/// Catches last-resort copy of the shipped shop.
const CATCHES: &str = "rules:\n  - id: no-page\n    extends: existence\n    message: \"'%s' is not said.\"\n    level: error\n    \
                       tokens: [set out on this page]\n    owner: jo@example.com\n    examples:\n      \
                       fail: [All is set out on this page.]\n      pass: [A drum.]\n";

/// The log lines that are about alerts: the level, the kind and the subject of each.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Lines {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        struct Told(String);
        impl Visit for Told {
            fn record_str(&mut self, field: &Field, value: &str) {
                if ["alert", "subject"].contains(&field.name()) {
                    self.0 += &format!(" {value}");
                }
            }
            fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
        }
        if event.metadata().fields().field("alert").is_some() {
            let mut told = Told(event.metadata().level().to_string());
            event.record(&mut told);
            self.0.lock().unwrap().push(told.0);
        }
    }
}

/// The alerts that stand, each as `kind subject owner`.
async fn alerts(app: &TestApp) -> Vec<String> {
    let policy = app.get("/v1/policy", "compliance").await.body;
    let told = |alert: &Value| {
        assert!(alert["since"].is_string() && alert["message"].is_string(), "{alert}");
        let word = |name: &str| alert[name].as_str().unwrap_or("nobody").to_owned();
        format!("{} {} {}", word("kind"), word("subject").rsplit('/').next().unwrap(), word("owner"))
    };
    policy["alerts"].as_array().unwrap().iter().map(told).collect()
}

#[tokio::test]
async fn alerts_begin_and_end_in_the_log_the_metrics_and_the_policy() {
    listen_among_others();
    let lines = Lines::default();
    let _listening = tracing::subscriber::set_default(tracing_subscriber::registry().with(lines.clone()));
    let upstream = Upstream::with(|_, asked| match asked.to_string().contains("Bad") {
        true => Reply::Text("A risk-free choice for the evening.".into()),
        false => Reply::Text("A handy companion for the evening.".into()),
    })
    .await;
    // Two days before evidence is to be told of.
    let time = Arc::new(AtomicI64::new("2026-10-30T12:00:00Z".parse::<Timestamp>().unwrap().as_second()));
    let clock = Arc::clone(&time);
    let clock = Arc::new(move || Timestamp::from_second(clock.load(Ordering::SeqCst)).unwrap());
    let base = upstream.base_url();
    let variables = [
        ("OPENAI_BASE_URL", base.as_str()),
        ("OPENAI_MODEL", "scripted"),
        ("COPYRAIL__METRICS__LISTEN", "127.0.0.1:0"),
    ];
    let files = [("guardrails/claims.yml", CLAIMS), ("guardrails/cases/shop.yml", "cases: []\n")];
    let mut app = TestApp::try_start(&files, &variables, clock).await.unwrap();
    let look = async |app: &TestApp| app.app().shared.look_for_alerts().await;
    for n in 0..60 {
        app.blurb(ask(&format!("Lamp {n}"))).await;
    }
    look(&app).await;
    assert_eq!(alerts(&app).await, [""; 0]);

    // Two days later fifteen of fifteen are blocked, whether the service counted all along or starts now.
    time.fetch_add(2 * 86_400, Ordering::SeqCst);
    for n in 0..9 {
        app.blurb(ask(&format!("Bad lamp {n}"))).await;
    }
    look(&app).await;
    let evidence = "evidence_ending cert-7 ana@example.com";
    assert_eq!(alerts(&app).await, [evidence], "nine texts are too few to tell");
    for n in 9..15 {
        app.blurb(ask(&format!("Bad lamp {n}"))).await;
    }
    look(&app).await;
    let rate = "block_rate compliance.no-promises";
    let found = alerts(&app).await;
    assert!(found[0].starts_with(rate) && found[1] == evidence && found.len() == 2, "{found:?}");
    app.restart().await.unwrap();
    look(&app).await;
    assert_eq!(alerts(&app).await, found);

    // A rule withdraws copy; then an edit is refused.
    app.edit("guardrails/extra.yml", CATCHES).await;
    app.edit("guardrails/extra.yml", &CATCHES.replace("level: error", "level: errror")).await;
    let found = alerts(&app).await;
    assert!(found[0].starts_with("edit_refused guardrails jo@example.com"), "{found:?}");
    let withdrawn = found.iter().filter(|alert| alert.starts_with("copy_withdrawn placement.yml:")).count();
    assert!(withdrawn > 0 && found.len() == 3 + withdrawn, "{found:?}");
    let metrics = app.client().get(format!("http://{}/metrics", app.app().metrics_address.unwrap()));
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    for (kind, alerts) in
        [("edit_refused", 1), ("block_rate", 1), ("copy_withdrawn", withdrawn), ("node_unseen", 0)]
    {
        let sample = format!("copyrail_alert{{kind=\"{kind}\"}} {alerts}");
        assert!(metrics.lines().any(|line| line.trim_end_matches(".0") == sample), "{sample}\n{metrics}");
    }
    // Mended; an hour later the rule is as quiet as ever.
    app.edit("guardrails/extra.yml", CATCHES).await;
    time.fetch_add(3_700, Ordering::SeqCst);
    look(&app).await;
    look(&app).await;
    assert_eq!(alerts(&app).await.len(), 1 + withdrawn);
    let told = lines.0.lock().unwrap().clone();
    let of = |line: &str| told.iter().filter(|told| told.starts_with(line)).count();
    assert_eq!([of("WARN edit_refused guardrails"), of("INFO edit_refused guardrails")], [1, 1], "{told:#?}");
    // Once for each of the two services.
    assert_eq!([of("WARN block_rate"), of("INFO block_rate")], [2, 1], "{told:#?}");
    assert_eq!([of("WARN evidence_ending cert-7"), of("INFO evidence_ending")], [2, 0], "{told:#?}");
}
