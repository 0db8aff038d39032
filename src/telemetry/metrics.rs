//! What the service counts, for Prometheus. Every label is a word of ours, a name from the settings or one from the
//! policy: nothing that a request says becomes one.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric as Registered, Registry};

use super::names::{self, Metric, PREFIX};
use super::standing::Standing;

/// Where the durations of answers are cut, in seconds.
const ANSWERS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Where those of generations and calls are, in seconds.
const CALLS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0, 30.0, 60.0];
/// Where those of writing to the log are, in seconds.
const FLUSHES: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// The most names of one sort that are told apart; those beyond are `other`.
const MOST_NAMES: usize = 1000;
const OTHER: &str = "other";

/// What is counted. Made once for a service, and shared.
pub struct Metrics {
    registry: Registry,
    started: f64,
    placements: Names,
    rules: Names,
    providers: Names,
    routes: Names,
    requests: Family<RequestLabels, Counter>,
    request_duration: Family<TierLabels, Histogram, fn() -> Histogram>,
    http_requests: Family<HttpLabels, Counter>,
    http_in_flight: Gauge,
    cache_lookups: Family<LookupLabels, Counter>,
    generations: Family<GenerationLabels, Counter>,
    generation_duration: Family<OutcomeLabels, Histogram, fn() -> Histogram>,
    repairs: Counter,
    hedges: Counter,
    findings: Family<FindingLabels, Counter>,
    attempts: Family<AttemptLabels, Counter>,
    attempt_duration: Family<ProviderLabels, Histogram, fn() -> Histogram>,
    tokens: Family<TokenLabels, Counter>,
    cost: Family<ProviderLabels, Counter<f64, AtomicU64>>,
    recorder_flush_duration: Histogram,
    edits: Family<EditLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    placement: Arc<str>,
    tier: &'static str,
    source: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TierLabels {
    tier: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HttpLabels {
    route: Arc<str>,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LookupLabels {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GenerationLabels {
    outcome: &'static str,
    reason: &'static str,
    purpose: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FindingLabels {
    rule: Arc<str>,
    action: &'static str,
    mode: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    provider: Arc<str>,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProviderLabels {
    provider: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EditLabels {
    set: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TokenLabels {
    provider: Arc<str>,
    kind: &'static str,
}

/// One call to a provider.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The provider's name in the settings.
    pub provider: &'a str,
    /// What went wrong, as one word, or `ok`.
    pub outcome: &'static str,
    /// How long it took.
    pub took: Duration,
    /// Tokens read, without those from the provider's cache.
    pub input: u64,
    /// Tokens read from the provider's cache.
    pub cached_input: u64,
    /// Tokens written.
    pub output: u64,
    /// What it cost, in units of the currency of the prices.
    pub cost: f64,
}

impl Metrics {
    /// Nothing counted yet, by a service that `started` so many seconds after 1970.
    pub fn new(started: f64) -> Self {
        let answers: fn() -> Histogram = || Histogram::new(ANSWERS.iter().copied());
        let calls: fn() -> Histogram = || Histogram::new(CALLS.iter().copied());
        let mut metrics = Self {
            registry: Registry::with_prefix(PREFIX),
            started,
            placements: Names::default(),
            rules: Names::default(),
            providers: Names::default(),
            routes: Names::default(),
            requests: Family::default(),
            request_duration: Family::new_with_constructor(answers),
            http_requests: Family::default(),
            http_in_flight: Gauge::default(),
            cache_lookups: Family::default(),
            generations: Family::default(),
            generation_duration: Family::new_with_constructor(calls),
            repairs: Counter::default(),
            hedges: Counter::default(),
            findings: Family::default(),
            attempts: Family::default(),
            attempt_duration: Family::new_with_constructor(calls),
            tokens: Family::default(),
            cost: Family::default(),
            recorder_flush_duration: Histogram::new(FLUSHES.iter().copied()),
            edits: Family::default(),
        };
        let mut registry = std::mem::take(&mut metrics.registry);
        register(&mut registry, names::REQUESTS, &metrics.requests);
        register(&mut registry, names::REQUEST_DURATION, &metrics.request_duration);
        register(&mut registry, names::HTTP_REQUESTS, &metrics.http_requests);
        register(&mut registry, names::HTTP_IN_FLIGHT, &metrics.http_in_flight);
        register(&mut registry, names::CACHE_LOOKUPS, &metrics.cache_lookups);
        register(&mut registry, names::GENERATIONS, &metrics.generations);
        register(&mut registry, names::GENERATION_DURATION, &metrics.generation_duration);
        register(&mut registry, names::REPAIRS, &metrics.repairs);
        register(&mut registry, names::HEDGES, &metrics.hedges);
        register(&mut registry, names::FINDINGS, &metrics.findings);
        register(&mut registry, names::ATTEMPTS, &metrics.attempts);
        register(&mut registry, names::ATTEMPT_DURATION, &metrics.attempt_duration);
        register(&mut registry, names::TOKENS, &metrics.tokens);
        register(&mut registry, names::COST, &metrics.cost);
        register(&mut registry, names::RECORDER_FLUSH_DURATION, &metrics.recorder_flush_duration);
        register(&mut registry, names::POLICY_EDITS, &metrics.edits);
        metrics.registry = registry;
        metrics
    }

    /// Records were written to the log, or could not be, and that took so long.
    pub fn flushed(&self, took: Duration) {
        self.recorder_flush_duration.observe(took.as_secs_f64());
    }

    /// A request for copy was answered. The words are those of the answer; `reason` is `none` where nothing better was
    /// kept back.
    pub fn answered(
        &self,
        placement: &str,
        tier: &'static str,
        source: &'static str,
        reason: &'static str,
        took: Duration,
    ) {
        let placement = self.placements.get(placement);
        self.requests.get_or_create(&RequestLabels { placement, tier, source, reason }).inc();
        self.request_duration.get_or_create(&TierLabels { tier }).observe(took.as_secs_f64());
    }

    /// An HTTP request is being answered, until what this returns is dropped. `route` is the pattern of its path.
    pub fn http_request(&self, route: &str) -> HttpRequest {
        self.http_in_flight.inc();
        HttpRequest {
            in_flight: self.http_in_flight.clone(),
            answers: self.http_requests.clone(),
            route: self.routes.get(route),
        }
    }

    /// Somebody looked for generated copy in memory: `hit`, `stale` or `miss`.
    pub fn looked_up(&self, result: &'static str) {
        self.cache_lookups.get_or_create(&LookupLabels { result }).inc();
    }

    /// A generation ended. `reason` is `none` when it passed; `repaired` says that its text went back to
    /// the model.
    pub fn generated(
        &self,
        outcome: &'static str,
        reason: &'static str,
        purpose: &'static str,
        took: Duration,
        repaired: bool,
    ) {
        self.generations.get_or_create(&GenerationLabels { outcome, reason, purpose }).inc();
        self.generation_duration.get_or_create(&OutcomeLabels { outcome }).observe(took.as_secs_f64());
        self.repairs.inc_by(u64::from(repaired));
    }

    /// A rule matched in what a model wrote. `mode` is `enforce` or `shadow`.
    pub fn found(&self, rule: &str, action: &'static str, mode: &'static str) {
        self.findings.get_or_create(&FindingLabels { rule: self.rules.get(rule), action, mode }).inc();
    }

    /// A provider was called.
    pub fn called(&self, call: Call<'_>) {
        let Call { outcome, took, input, cached_input, output, cost, .. } = call;
        let provider = self.providers.get(call.provider);
        let labels = ProviderLabels { provider: Arc::clone(&provider) };
        self.attempt_duration.get_or_create(&labels).observe(took.as_secs_f64());
        self.cost.get_or_create(&labels).inc_by(cost.max(0.0));
        for (kind, count) in [("input", input), ("cached_input", cached_input), ("output", output)] {
            let provider = Arc::clone(&provider);
            self.tokens.get_or_create(&TokenLabels { provider, kind }).inc_by(count);
        }
        self.attempts.get_or_create(&AttemptLabels { provider, outcome }).inc();
    }

    /// An edit of a set of files was `accepted`, `refused` or `proposed`.
    pub fn edited(&self, set: &'static str, outcome: &'static str) {
        self.edits.get_or_create(&EditLabels { set, outcome }).inc();
    }

    /// A call was given up because another provider had answered.
    pub fn hedged(&self) {
        self.hedges.inc();
    }

    /// All that is counted and how things stand, as OpenMetrics text.
    ///
    /// # Errors
    /// None that a text in memory can cause.
    pub fn render(&self, standing: Standing) -> Result<String, fmt::Error> {
        let mut text = String::with_capacity(16 * 1024);
        encode_registry(&mut text, &self.registry)?;
        encode_registry(&mut text, &standing.into_registry(self.started))?;
        encode_eof(&mut text)?;
        Ok(text)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

fn register<M: Registered + Clone>(registry: &mut Registry, metric: Metric, counted: &M) {
    registry.register(metric.name, metric.help, counted.clone());
}

/// An HTTP request that is being answered; it is over once this is dropped, even if nobody waited for the answer.
#[derive(Debug)]
pub struct HttpRequest {
    in_flight: Gauge,
    answers: Family<HttpLabels, Counter>,
    route: Arc<str>,
}

impl HttpRequest {
    /// It was answered with this status.
    pub fn answered(self, status: u16) {
        self.answers.get_or_create(&HttpLabels { route: Arc::clone(&self.route), status }).inc();
    }
}

impl Drop for HttpRequest {
    fn drop(&mut self) {
        self.in_flight.dec();
    }
}

/// Names that become labels, each made once, so that counting needs no memory of its own.
#[derive(Default)]
struct Names(RwLock<HashSet<Arc<str>>>);

impl Names {
    fn get(&self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Arc::clone(known);
        }
        let mut names = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let name: Arc<str> = if names.len() < MOST_NAMES { name.into() } else { OTHER.into() };
        names.insert(Arc::clone(&name));
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, sample: &str) -> Option<f64> {
        text.lines().find_map(|line| line.strip_prefix(sample)?.trim().parse().ok())
    }

    #[test]
    fn names_beyond_the_most_are_other() {
        let metrics = Metrics::new(0.0);
        for rule in 0..MOST_NAMES + 50 {
            metrics.found(&format!("rule-{rule}"), "block", "enforce");
        }
        metrics.found("rule-7", "block", "enforce");
        let text = metrics.render(Standing::default()).unwrap();
        let findings = |rule: &str| {
            let sample =
                format!("copyrail_findings_total{{rule=\"{rule}\",action=\"block\",mode=\"enforce\"}}");
            value(&text, &sample)
        };
        assert_eq!(findings("other"), Some(50.0));
        assert_eq!(findings("rule-7"), Some(2.0));
        assert_eq!(text.matches("copyrail_findings_total{").count(), MOST_NAMES + 1);
    }

    #[test]
    fn a_request_that_nobody_waited_for_is_over_too() {
        let metrics = Metrics::new(0.0);
        let in_flight = || {
            let text = metrics.render(Standing::default()).unwrap();
            let answered = "copyrail_http_requests_total{route=\"/v1/blurbs\",status=\"200\"}";
            (value(&text, "copyrail_http_requests_in_flight").unwrap(), value(&text, answered))
        };
        let (one, two) = (metrics.http_request("/v1/blurbs"), metrics.http_request("/v1/blurbs"));
        assert_eq!(in_flight(), (2.0, None));
        one.answered(200);
        drop(two);
        assert_eq!(in_flight(), (0.0, Some(1.0)));
    }

    #[test]
    fn money_and_tokens_add_up() {
        let metrics = Metrics::new(0.0);
        for outcome in ["ok", "timeout"] {
            let took = Duration::from_millis(300);
            let (input, cached_input, output, cost) = (70, 30, 20, 0.25);
            metrics.called(Call { provider: "p\"q", outcome, took, input, cached_input, output, cost });
        }
        let text = metrics.render(Standing::default()).unwrap();
        let of = |sample: &str| value(&text, &format!("copyrail_{sample}}}"));
        assert_eq!(of(r#"cost_total{provider="p\"q""#), Some(0.5));
        assert_eq!(of(r#"tokens_total{provider="p\"q",kind="cached_input""#), Some(60.0));
        assert_eq!(of(r#"attempts_total{provider="p\"q",outcome="timeout""#), Some(1.0));
        assert_eq!(of(r#"attempt_duration_seconds_bucket{le="0.25",provider="p\"q""#), Some(0.0));
        assert_eq!(of(r#"attempt_duration_seconds_bucket{le="0.5",provider="p\"q""#), Some(2.0));
    }
}
