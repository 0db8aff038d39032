//! The steps of a request as spans: their names, how they hang together, and what they never say.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use copyrail::telemetry::names;
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

use crate::support::{Reply, TestApp, Upstream, ask, listen_among_others};

/// A span, with those it stands in, outermost first, and its fields.
#[derive(Clone, Debug, Default)]
struct Seen {
    path: Vec<&'static str>,
    fields: BTreeMap<&'static str, String>,
}

/// Keeps every span of the service, and every word of its events.
#[derive(Clone, Default)]
struct Collect {
    spans: Arc<Mutex<Vec<Seen>>>,
    events: Arc<Mutex<Vec<String>>>,
}

impl Collect {
    /// Collects what happens on this thread from now on, as if the log's level were that.
    fn at(level: LevelFilter) -> (Self, DefaultGuard) {
        let collect = Self::default();
        listen_among_others();
        let subscriber = Registry::default().with(collect.clone().with_filter(level));
        (collect, tracing::subscriber::set_default(subscriber))
    }

    fn spans(&self) -> Vec<Seen> {
        self.spans.lock().unwrap().clone()
    }

    fn named(&self, name: &str) -> Vec<Seen> {
        self.spans().into_iter().filter(|span| span.path.last() == Some(&name)).collect()
    }
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("copyrail")
}

struct Fields<'a>(&'a mut BTreeMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

/// Which of the spans seen a span is.
struct Number(usize);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Collect {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if !is_ours(attributes.metadata()) {
            return;
        }
        let scope = context.span_scope(id).into_iter().flat_map(|scope| scope.from_root());
        let path = scope.filter(|span| is_ours(span.metadata())).map(|span| span.name()).collect();
        let mut seen = Seen { path, ..Seen::default() };
        attributes.record(&mut Fields(&mut seen.fields));
        let mut spans = self.spans.lock().unwrap();
        context.span(id).unwrap().extensions_mut().insert(Number(spans.len()));
        spans.push(seen);
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        if let Some(Number(number)) = span.extensions().get::<Number>() {
            record.record(&mut Fields(&mut self.spans.lock().unwrap()[*number].fields));
        }
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if is_ours(event.metadata()) {
            let mut fields = BTreeMap::new();
            event.record(&mut Fields(&mut fields));
            self.events.lock().unwrap().push(format!("{fields:?}"));
        }
    }
}

#[tokio::test]
async fn every_step_has_its_span() {
    let upstream = Upstream::with(|call, _| match call {
        // It breaks a rule, and goes back once.
        1 => Reply::Text("An amazing lamp.".into()),
        2 => Reply::Text("A handy companion for the evening.".into()),
        _ => Reply::Raw(400, "{}".into()),
    })
    .await;
    let app = TestApp::start(&upstream).await;
    let (collected, _collecting) = Collect::at(LevelFilter::DEBUG);
    let answer = app.blurb(ask("Lumo lamp")).await;
    assert_eq!(answer["source"], "generated", "{answer}");
    let paths: Vec<String> = collected.spans().iter().map(|span| span.path.join(" ")).collect();
    let below = "request blurb generate";
    let expected = [
        "request".to_owned(),
        "request blurb".to_owned(),
        below.to_owned(),
        format!("{below} wait"),
        format!("{below} chat"),
        format!("{below} guardrails"),
        format!("{below} chat"),
        format!("{below} guardrails"),
        format!("{below} record"),
    ];
    assert_eq!(paths, expected);
    let fields = |name: &str| collected.named(name).remove(0).fields;
    let port = upstream.address.port().to_string();
    let told = |pairs: &[(&'static str, &str)]| -> BTreeMap<&'static str, String> {
        pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
    };
    let mut chat = fields("chat");
    // A list goes past `tracing` where it is exported.
    let reasons = chat.remove(names::FINISH_REASONS);
    assert_eq!(reasons.as_deref(), (!cfg!(feature = "otlp")).then_some("stop"));
    assert_eq!(
        chat,
        told(&[
            ("otel.name", "chat scripted"),
            ("otel.kind", "client"),
            ("gen_ai.operation.name", "chat"),
            ("gen_ai.provider.name", "openai"),
            ("gen_ai.request.model", "scripted"),
            ("gen_ai.response.model", "scripted"),
            ("gen_ai.usage.input_tokens", "100"),
            ("gen_ai.usage.cache_read.input_tokens", "0"),
            ("gen_ai.usage.output_tokens", "20"),
            ("server.address", "127.0.0.1"),
            ("server.port", &port),
            ("http.response.status_code", "200"),
            ("copyrail.provider", "openai"),
        ])
    );
    assert_eq!(
        fields("request"),
        told(&[
            ("otel.name", "POST /v1/blurbs"),
            ("otel.kind", "server"),
            ("http.request.method", "POST"),
            ("http.route", "/v1/blurbs"),
            ("http.response.status_code", "200"),
        ])
    );
    let blurb = [
        ("placement", "why-this"),
        ("segment", "default"),
        ("tier", "segment"),
        ("source", "generated"),
        ("reason", "none"),
    ];
    assert_eq!(fields("blurb"), told(&blurb));
    let verdicts: Vec<String> =
        collected.named("guardrails").iter().map(|span| span.fields["verdict"].clone()).collect();
    assert_eq!(verdicts, ["repair", "pass"]);
    let generate = fields("generate");
    assert_eq!((&*generate["outcome"], &*generate["reason"]), ("passed", "none"));
    assert_eq!(generate["generation"], answer["generation_id"].as_str().unwrap());

    let failed = app.blurb(ask("Another lamp")).await;
    assert_eq!(failed["reason"], "upstream", "{failed}");
    let chat = collected.named("chat").pop().unwrap().fields;
    assert_eq!(chat[names::SPAN_STATUS], "ERROR");
    assert!(chat.contains_key(names::ERROR_TYPE) && !chat.contains_key(names::OUTPUT_TOKENS), "{chat:?}");
}

#[tokio::test]
async fn nothing_that_requests_or_models_say_is_in_spans_or_log_lines() {
    const MARK: &str = "zqx7";
    let upstream = Upstream::with(|call, _| match call {
        1 => Reply::Text(format!("A risk-free {MARK} lamp.")),
        _ => Reply::Text(format!("A handy {MARK} for the evening.")),
    })
    .await;
    let app = TestApp::start(&upstream).await;
    let (collected, _collecting) = Collect::at(LevelFilter::TRACE);
    for name in ["Lumo lamp", "Another lamp"] {
        let request = json!({
            "placement": "why-this",
            "product": {"name": format!("{name} {MARK}"), "brand": MARK},
            "user": {"id": MARK, "attributes": {MARK: MARK, "orders_90d": MARK}},
            "context": {"locale": "en", "country": MARK},
            "consent": {"personalisation": true},
            "deadline_ms": 30_000,
        });
        app.blurb(request).await;
    }
    app.get(&format!("/{MARK}?{MARK}={MARK}"), "serve").await;
    let method = reqwest::Method::from_bytes(MARK.as_bytes()).unwrap();
    let request = app.client().request(method, app.url("/v1/blurbs")).bearer_auth(MARK);
    app.send(request.header("traceparent", MARK).header("x-request-id", MARK)).await;
    assert_eq!(collected.named("generate").len(), 2);
    let spans = format!("{:#?}", collected.spans());
    let events = format!("{:#?}", collected.events.lock().unwrap());
    assert!(!spans.contains(MARK), "{spans}");
    assert!(!events.contains(MARK), "{events}");
}

#[tokio::test]
async fn where_nobody_asks_for_spans_there_are_none() {
    let upstream = Upstream::saying("A handy companion for the evening.").await;
    let app = TestApp::start(&upstream).await;
    let (collected, _collecting) = Collect::at(LevelFilter::INFO);
    app.blurb(ask("Lumo lamp")).await;
    app.blurb(ask("Lumo lamp")).await;
    assert!(collected.spans().is_empty(), "{:#?}", collected.spans());
}
