//! The names that dashboards, alerts and traces hold on to, all in one place. A name that is here stays.

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, from nothing at each start; its samples end in `_total`.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How many values came to at most how much.
    Histogram,
    /// Always 1: what it tells stands in its labels; its samples end in `_info`.
    Info,
}

impl Kind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }
}

/// A metric: what it is called and what it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name without [`PREFIX`] and without the ending that its kind gives its samples.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// The labels of its samples.
    pub labels: &'static [&'static str],
    /// What it tells, with its unit, as a sentence without a full stop.
    pub help: &'static str,
}

/// What the name of every metric begins with that is this service's own; those of the process have the names that every
/// service gives them.
pub const PREFIX: &str = "copyrail";

impl Metric {
    /// Whether it is about the process rather than the service, and goes without the prefix.
    pub fn is_of_the_process(&self) -> bool {
        self.name.starts_with("process_")
    }

    /// The name to ask Prometheus for; of a histogram without `_bucket`, `_sum` and `_count`.
    pub fn full_name(&self) -> String {
        let ending = match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        let prefix = if self.is_of_the_process() { String::new() } else { format!("{PREFIX}_") };
        format!("{prefix}{}{ending}", self.name)
    }
}

macro_rules! metrics {
    ($($constant:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(
            #[doc = concat!($help, ".")]
            pub const $constant: Metric =
                Metric { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help };
        )*
        /// Every metric there is.
        pub const METRICS: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    REQUESTS = Counter "requests" ["placement", "tier", "source", "reason"]
        "Answers with copy; `reason` says why nothing better was served, `none` where nothing kept it back";
    REQUEST_DURATION = Histogram "request_duration_seconds" ["tier"]
        "Seconds from a request's headers to its answer with copy";
    HTTP_REQUESTS = Counter "http_requests" ["route", "status"]
        "Answers to HTTP requests of any kind, by the pattern of their path";
    HTTP_IN_FLIGHT = Gauge "http_requests_in_flight" []
        "HTTP requests that are being answered";
    CACHE_LOOKUPS = Counter "cache_lookups" ["result"]
        "Looks for generated copy in memory: `hit`, `stale` (served, and written anew) or `miss`";
    CACHE_ENTRIES = Gauge "cache_entries" []
        "Texts in memory, and questions that are kept as not passed";
    CACHE_BYTES = Gauge "cache_bytes" []
        "Bytes that they take, what is kept beside them included";
    GENERATIONS = Counter "generations" ["outcome", "reason", "purpose"]
        "Generations that ended; `reason` is `none` for those that passed";
    GENERATION_DURATION = Histogram "generation_duration_seconds" ["outcome"]
        "Seconds from a generation's start, its wait for a turn included, to its verdict";
    GENERATIONS_RUNNING = Gauge "generations_running" []
        "Generations that are being written and judged";
    GENERATIONS_WAITING = Gauge "generations_waiting" []
        "Generations that wait for their turn";
    CONCURRENCY_LIMIT = Gauge "concurrency_limit" []
        "Generations that may run at once";
    QUEUE_LIMIT = Gauge "queue_limit" []
        "Generations that may wait for their turn";
    FLIGHTS = Gauge "flights" []
        "Questions that are being answered for everybody who asks them";
    REPAIRS = Counter "repairs" []
        "Generations whose text went back to the model once, with what rules had found";
    HEDGES = Counter "hedges" []
        "Calls given up because another provider had answered, or because the service went down";
    FINDINGS = Counter "findings" ["rule", "action", "mode"]
        "Places where a rule matched in what models wrote, at most 1,000 rules by name; `mode` is `enforce` or `shadow`";
    ATTEMPTS = Counter "attempts" ["provider", "outcome"]
        "Calls to providers, those for second models included; `outcome` is `ok` or what went wrong";
    ATTEMPT_DURATION = Histogram "attempt_duration_seconds" ["provider"]
        "Seconds that calls to providers took";
    TOKENS = Counter "tokens" ["provider", "kind"]
        "Tokens used: `input` without those from the provider's cache, `cached_input`, `output`";
    COST = Counter "cost" ["provider"]
        "What calls cost, in the currency of the prices";
    BREAKER_STATE = Gauge "breaker_state" ["provider"]
        "A provider's circuit breaker: 0 closed, 1 half open, 2 open";
    PROVIDER_IN_FLIGHT = Gauge "provider_in_flight" ["provider"]
        "Calls to a provider that are under way";
    BUDGET_SPENT = Gauge "budget_spent" ["purpose"]
        "Spent or set aside of the day's budget, in the currency of the prices";
    BUDGET_LIMIT = Gauge "budget_limit" []
        "The day's budget, in the currency of the prices; absent without a limit";
    RECORDER_HEALTHY = Gauge "recorder_healthy" []
        "1 while the log can be written; at 0 nothing new is generated";
    RECORDER_LOST = Counter "recorder_lost" []
        "Answers that could not be recorded";
    RECORDER_QUEUE = Gauge "recorder_queue" []
        "Records that wait in memory to be written";
    RECORDER_SPOOLED = Gauge "recorder_spooled" []
        "Answers whose records are in the spool, until the log can be written again";
    RECORDER_SPOOL_BYTES = Gauge "recorder_spool_bytes" []
        "Bytes that the spool takes";
    RECORDER_SPOOL_LIMIT = Gauge "recorder_spool_limit_bytes" []
        "Bytes that the spool may take";
    RECORDER_FLUSH_DURATION = Histogram "recorder_flush_duration_seconds" []
        "Seconds that writing to the log took, failed attempts included";
    POLICY_REFUSED = Gauge "policy_refused" ["set"]
        "1 while the newest edit of the `guardrails` or the `prompts` is refused and an older one in force";
    POLICY_EDITS = Counter "policy_edits" ["set", "outcome"]
        "Edits of the policy's files, by what became of them: `accepted`, `refused` or `proposed`";
    POLICY_SINCE = Gauge "policy_since_seconds" []
        "Since when the policy in force is, in seconds since 1970";
    POLICY_HANGING = Gauge "policy_hanging" []
        "1 while the disk of the policy's files does not answer, so that no edit is seen";
    ALERT = Gauge "alert" ["kind"]
        "Things that somebody should look at, by kind; `alerts` of `GET /v1/policy` tells of each";
    POLICY = Info "policy" ["revision"]
        "The policy in force";
    BUILD = Info "build" ["version"]
        "The program that runs";
    MEMORY = Gauge "process_resident_memory_bytes" []
        "Bytes of memory that the process takes; on Linux alone";
    START_TIME = Gauge "process_start_time_seconds" []
        "When the service started, in seconds since 1970";
}

/// A span's name where traces are exported: one that is made when the span is.
pub const SPAN_NAME: &str = "otel.name";
/// Which side of a call a span is on: `client` or `server`.
pub const SPAN_KIND: &str = "otel.kind";
/// `ERROR`, where what the span is about failed.
pub const SPAN_STATUS: &str = "otel.status_code";

/// What a model is asked for: `chat` or `moderation`.
pub const OPERATION: &str = "gen_ai.operation.name";
/// Whose API is spoken: `openai` or `azure.ai.openai`.
pub const PROVIDER: &str = "gen_ai.provider.name";
/// The provider's name in the settings.
pub const COPYRAIL_PROVIDER: &str = "copyrail.provider";
/// The model that is asked.
pub const REQUEST_MODEL: &str = "gen_ai.request.model";
/// The model that says it answered.
pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
/// Why the model stopped writing; a list.
pub const FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
/// Tokens of the prompt, those from the provider's cache included.
pub const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
/// Tokens of the prompt that came from the provider's cache.
pub const CACHED_INPUT_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
/// Tokens written.
pub const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
/// The host that is called.
pub const SERVER_ADDRESS: &str = "server.address";
/// The port that is called.
pub const SERVER_PORT: &str = "server.port";
/// The method of an HTTP request; `_OTHER` for one that HTTP does not define.
pub const HTTP_METHOD: &str = "http.request.method";
/// The pattern of an HTTP request's path.
pub const HTTP_ROUTE: &str = "http.route";
/// The status of an HTTP answer.
pub const HTTP_STATUS: &str = "http.response.status_code";
/// What went wrong, as one word.
pub const ERROR_TYPE: &str = "error.type";
/// Stands for a fault that has no word of its own.
pub const OTHER_ERROR: &str = "_OTHER";
