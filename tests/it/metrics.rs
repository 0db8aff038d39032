//! What is counted, and what is never said: metrics on their own listener.

use std::collections::{BTreeMap, BTreeSet};

use copyrail::telemetry::names::{Kind, METRICS, Metric};
use serde_json::json;

use crate::support::{Reply, TestApp, Upstream, ask, eventually, root};

const LISTEN: (&str, &str) = ("COPYRAIL__METRICS__LISTEN", "127.0.0.1:0");

/// Reads the metrics of a service; `None` when nobody listens.
async fn read(address: std::net::SocketAddr) -> Option<String> {
    // Each reading is a connection of its own, so that none is left open for the end to wait for.
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
    let response = client.get(format!("http://{address}/metrics")).send().await.ok()?;
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.headers()["content-type"],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    Some(response.text().await.unwrap())
}

async fn scrape(app: &TestApp) -> Samples {
    Samples::of(&read(app.app().metrics_address.unwrap()).await.unwrap())
}

/// Metrics as they were read: of each its kind, and its samples by name and labels as written.
#[derive(Debug)]
struct Samples {
    kinds: BTreeMap<String, String>,
    values: BTreeMap<String, f64>,
}

impl Samples {
    fn of(text: &str) -> Self {
        assert!(text.ends_with("# EOF\n"), "{text}");
        let (mut kinds, mut values, mut helped) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        for line in text.lines() {
            if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert_eq!(kinds.insert(name.to_owned(), kind.to_owned()), None, "{name} stands there twice");
            } else if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').unwrap();
                assert!(help.ends_with('.') && !help.ends_with(".."), "{line}");
                helped.insert(name.to_owned());
            } else if !line.starts_with('#') {
                let (sample, value) = line.rsplit_once(' ').unwrap();
                let twice = values.insert(sample.to_owned(), value.parse().unwrap());
                assert_eq!(twice, None, "{sample} stands there twice");
            }
        }
        assert_eq!(helped, kinds.keys().cloned().collect());
        Self { kinds, values }
    }

    /// The value of a sample, named without what all begin with; 0 where there is none.
    fn value(&self, sample: &str) -> f64 {
        self.values.get(&format!("copyrail_{sample}")).copied().unwrap_or_default()
    }

    #[track_caller]
    fn check(&self, expected: &[(&str, f64)]) {
        let found: Vec<(&str, f64)> =
            expected.iter().map(|(sample, _)| (*sample, self.value(sample))).collect();
        assert_eq!(found, expected, "{:#?}", self.values);
    }
}

#[tokio::test]
async fn what_happens_is_counted() {
    let upstream = Upstream::with(|call, _| match call {
        1 => Reply::Text("A handy companion for the evening.".into()),
        2 => Reply::Text("A risk-free choice for the evening.".into()),
        _ => Reply::Raw(400, "{}".into()),
    })
    .await;
    let app = TestApp::start_with(&upstream, &[], &[LISTEN]).await;
    app.blurb(ask("Lumo lamp")).await;
    app.blurb(ask("Lumo lamp")).await;
    app.blurb(ask("Another lamp")).await;
    let failed = app.blurb(ask("A third lamp")).await;
    assert_eq!(failed["reason"], "upstream", "{failed}");
    app.post("/v1/blurbs", json!({"placement": "nowhere", "product": {"name": "x"}})).await;
    app.get("/no/such/route", "serve").await;
    let segment = |source| {
        format!(
            "requests_total{{placement=\"why-this\",tier=\"segment\",source=\"{source}\",reason=\"none\"}}"
        )
    };
    let instead = |reason| {
        format!(
            "requests_total{{placement=\"why-this\",tier=\"prewritten\",source=\"prewritten\",reason=\"{reason}\"}}"
        )
    };
    let generations = |outcome, reason| {
        format!("generations_total{{outcome=\"{outcome}\",reason=\"{reason}\",purpose=\"page\"}}")
    };
    let metrics = scrape(&app).await;
    metrics.check(&[
        (&segment("generated"), 1.0),
        (&segment("cache"), 1.0),
        (&instead("guardrail"), 1.0),
        (&instead("upstream"), 1.0),
        ("request_duration_seconds_count{tier=\"segment\"}", 2.0),
        ("request_duration_seconds_count{tier=\"prewritten\"}", 2.0),
        ("http_requests_total{route=\"/v1/blurbs\",status=\"200\"}", 4.0),
        ("http_requests_total{route=\"/v1/blurbs\",status=\"404\"}", 1.0),
        ("http_requests_total{route=\"none\",status=\"404\"}", 1.0),
        ("http_requests_in_flight", 0.0),
        ("cache_lookups_total{result=\"hit\"}", 1.0),
        ("cache_lookups_total{result=\"miss\"}", 3.0),
        (&generations("passed", "none"), 1.0),
        (&generations("blocked", "guardrail"), 1.0),
        (&generations("failed", "upstream"), 1.0),
        ("generation_duration_seconds_count{outcome=\"passed\"}", 1.0),
        ("attempts_total{provider=\"openai\",outcome=\"ok\"}", 2.0),
        ("attempt_duration_seconds_count{provider=\"openai\"}", 3.0),
        ("tokens_total{provider=\"openai\",kind=\"input\"}", 200.0),
        ("tokens_total{provider=\"openai\",kind=\"output\"}", 40.0),
        ("concurrency_limit", 64.0),
        ("queue_limit", 256.0),
        ("recorder_healthy", 1.0),
        ("policy_refused{set=\"guardrails\"}", 0.0),
    ]);
    let named = |prefix: &str| -> f64 {
        let sum = metrics.values.iter().filter(|(sample, _)| sample.starts_with(prefix));
        sum.map(|(_, value)| value).sum()
    };
    assert_eq!(named("copyrail_attempts_total{"), 3.0, "a call that went wrong is one too");
    assert!(named("copyrail_findings_total{") >= 1.0, "{:#?}", metrics.values);
    assert!(metrics.values["process_resident_memory_bytes"] > 1e6);
    // Edits show too.
    app.edit("guardrails/zz-broken.yml", "rules: [").await;
    let revision = app.app().shared.desk.pin().revision.to_string();
    scrape(&app).await.check(&[
        ("policy_refused{set=\"guardrails\"}", 1.0),
        ("policy_refused{set=\"prompts\"}", 0.0),
        (&format!("policy_info{{revision=\"{revision}\"}}"), 1.0),
    ]);
}

#[tokio::test]
async fn what_runs_and_what_waits_can_be_seen() {
    let upstream = Upstream::saying("A handy companion for the evening.").await;
    upstream.hold();
    let variables = [LISTEN, ("COPYRAIL__LIMITS__CONCURRENCY", "1")];
    let app = TestApp::start_with(&upstream, &[], &variables).await;
    for name in ["One lamp", "Two lamps", "Three lamps"] {
        let mut request = ask(name);
        request["deadline_ms"] = json!(0);
        app.blurb(request).await;
    }
    eventually("one runs and the others wait", async || {
        let metrics = scrape(&app).await;
        metrics.value("generations_running") == 1.0 && metrics.value("generations_waiting") == 2.0
    })
    .await;
    let metrics = scrape(&app).await;
    metrics.check(&[("flights", 3.0), ("cache_entries", 0.0)]);
    upstream.release();
    eventually("all have landed", async || scrape(&app).await.value("flights") == 0.0).await;
    // The memory keeps its books behind everybody's back.
    eventually("all are kept", async || scrape(&app).await.value("cache_entries") == 3.0).await;
    scrape(&app).await.check(&[("generations_running", 0.0), ("generations_waiting", 0.0)]);
}

#[tokio::test]
async fn nothing_that_requests_say_is_in_the_metrics() {
    const MARK: &str = "zqx7";
    let upstream = Upstream::with(|_, _| Reply::Text(format!("A risk-free {MARK} lamp."))).await;
    let app = TestApp::start_with(&upstream, &[], &[LISTEN]).await;
    let hostile = format!("{MARK}\"}} 1\n# TYPE {MARK} counter");
    for (placement, field) in
        [("why-this", "name"), ("why-this", "id"), (&*hostile, "name"), ("why-this", MARK)]
    {
        let answered = app
            .post(
                "/v1/blurbs",
                json!({
                    "placement": placement,
                    "product": {field: hostile, "brand": MARK},
                    "user": {"id": MARK, "attributes": {MARK: MARK, "orders_90d": MARK}},
                    "context": {"locale": MARK, "country": MARK},
                    "consent": {"personalisation": true},
                    "deadline_ms": 30_000,
                }),
            )
            .await;
        assert!(answered.status < 500, "{}", answered.body);
    }
    for path in [
        format!("/{MARK}"),
        format!("/v1/blurbs/{MARK}?key={MARK}&product={MARK}"),
        format!("/v1/generations/{MARK}"),
    ] {
        app.get(&path, "review").await;
    }
    let request = app.client().get(app.url("/readyz"));
    let request = request.header("x-request-id", MARK).header("traceparent", MARK).bearer_auth(MARK);
    app.send(request).await;
    let text = read(app.app().metrics_address.unwrap()).await.unwrap();
    assert!(text.contains("placement=\"why-this\"") && text.contains("route=\"/v1/blurbs/{placement}\""));
    assert!(!text.contains(MARK), "{text}");
}

#[tokio::test]
async fn metrics_are_what_the_table_of_names_says() {
    let upstream = Upstream::saying("A risk-free choice for the evening.").await;
    let app = TestApp::start_with(&upstream, &[], &[LISTEN]).await;
    app.blurb(ask("Lumo lamp")).await;
    let metrics = scrape(&app).await;
    let base = |metric: &Metric| {
        let full = metric.full_name();
        let ending = ["_total", "_info"].into_iter().find_map(|ending| full.strip_suffix(ending));
        ending.unwrap_or(&full).to_owned()
    };
    let told: BTreeMap<String, &Metric> = METRICS.iter().map(|metric| (base(metric), metric)).collect();
    assert_eq!(told.len(), METRICS.len(), "two metrics have one name");
    for (name, kind) in &metrics.kinds {
        let metric = told.get(name).unwrap_or_else(|| panic!("the table of names has no {name}"));
        assert_eq!(kind, metric.kind.as_str(), "{name}");
        let ending = if metric.kind == Kind::Histogram { "_count" } else { "" };
        let begins = [format!("{}{ending}{{", metric.full_name()), format!("{}{ending}", metric.full_name())];
        let sample = begins.iter().find_map(|b| metrics.values.keys().find(|sample| sample.starts_with(b)));
        let sample = sample.unwrap_or_else(|| panic!("{name} has no sample: {:#?}", metrics.values));
        let labels: Vec<&str> = sample
            .split_once('{')
            .map(|(_, labels)| {
                labels.split("\",").filter_map(|label| Some(label.split_once('=')?.0)).collect()
            })
            .unwrap_or_default();
        assert_eq!(labels, metric.labels, "{sample}");
    }
    let missing: Vec<&str> =
        told.keys().filter(|name| !metrics.kinds.contains_key(*name)).map(|n| &**n).collect();
    assert_eq!(missing, [""; 0], "in the table, and nowhere read");
}

#[test]
fn the_docs_tell_of_every_metric_and_of_no_other() {
    let docs = std::fs::read_to_string(root().join("config/README.md")).unwrap();
    let told: Vec<&str> =
        docs.lines().filter(|l| l.starts_with("| `copyrail_") || l.starts_with("| `process_")).collect();
    let row = |metric: &Metric| {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, kind, labels) = (metric.full_name(), metric.kind.as_str(), labels.join(", "));
        format!("| `{name}` | {kind} | {labels} | {} |", metric.help)
    };
    assert_eq!(told, METRICS.iter().map(row).collect::<Vec<_>>());
    // Queries ask for what there is.
    let known = |name: &str| {
        let ends = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        METRICS.iter().any(|metric| [Some(name), ends].contains(&Some(metric.full_name().as_str())))
    };
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let cookies = ["session", "zone", "said", "oidc"].map(|cookie| format!("copyrail_{cookie}"));
    let asked = docs.split(|c: char| !is_part(c)).filter(|word| word.starts_with("copyrail_"));
    let asked = asked.filter(|word| !cookies.iter().any(|cookie| cookie == word));
    assert_eq!(asked.filter(|name| !known(name)).collect::<Vec<_>>(), Vec::<&str>::new());
    let queries = docs.split("```promql\n").skip(1).filter_map(|rest| rest.split("```").next());
    let stray: Vec<&str> = queries.flat_map(str::lines).filter(|line| line.starts_with("- ")).collect();
    assert_eq!(stray, [""; 0], "prose among the queries");
    // Their sections stand in the order of the table of contents, each once.
    let listed = docs.lines().filter_map(|line| Some(line.strip_prefix("| [")?.split_once(']')?.0));
    let sections = docs.lines().filter_map(|line| line.strip_prefix("## "));
    assert_eq!(sections.collect::<Vec<_>>(), listed.collect::<Vec<_>>());
}

#[tokio::test]
async fn the_end_of_the_service_can_be_watched() {
    let upstream = Upstream::saying("A handy companion for the evening.").await;
    upstream.hold();
    let mut app = TestApp::start_with(&upstream, &[], &[LISTEN]).await;
    let mut request = ask("Lumo lamp");
    request["deadline_ms"] = json!(0);
    app.blurb(request).await;
    let running = app.app.take().unwrap();
    let (address, metrics) = (running.address, running.metrics_address.unwrap());
    let stopping = tokio::spawn(running.stop());
    eventually("the service takes no requests", async || {
        tokio::net::TcpStream::connect(address).await.is_err()
    })
    .await;
    assert_eq!(Samples::of(&read(metrics).await.unwrap()).value("flights"), 1.0);
    upstream.release();
    stopping.await.unwrap();
    assert_eq!(read(metrics).await, None);
}

#[tokio::test]
async fn metrics_are_read_nowhere_unless_somebody_says_where() {
    let upstream = Upstream::saying("A handy companion for the evening.").await;
    let app = TestApp::start(&upstream).await;
    assert_eq!(app.app().metrics_address, None);
    assert_eq!(app.get("/metrics", "admin").await.status, 404);
}
