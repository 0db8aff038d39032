//! Settings: built-in defaults ← file ← environment, typed, every fault at once.
//!
//! The environment comes as a function, so tests never touch the process's own. Knows nothing of what settings do.

mod console;
mod provider;
mod read;
mod toml_node;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;

pub use console::{ClientSecret, ConsoleSettings, OidcRoles, OidcSettings, is_trustworthy};
pub use provider::{BreakerSettings, Output, Price, Provider, ProviderKind, TokenLimitField};
pub use read::load;

/// The commented default file: the reference of every setting.
pub const REFERENCE: &str = include_str!("../../config/copyrail.toml");
/// Where settings are looked for unless the command line says otherwise.
pub const DEFAULT_PATH: &str = "config/copyrail.toml";

/// All settings of the service.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the service listens.
    pub listen: SocketAddr,
    /// What it keeps beside its store.
    pub data_dir: PathBuf,
    /// The files that people edit.
    pub policy: PolicySettings,
    /// The store's address, such as `sqlite:data/copyrail.db`.
    pub store_url: String,
    /// How the log is kept.
    pub audit: AuditSettings,
    /// How much memory cached copy may take, in bytes.
    pub cache_bytes: u64,
    /// Bounds on time and work.
    pub limits: Limits,
    /// LLM providers, in the order they are tried.
    pub providers: Vec<Provider>,
    /// What may be spent, in the currency of the prices.
    pub budget: BudgetSettings,
    /// How long the first provider has the question alone, before the next is asked as well; without one it keeps it.
    pub hedge_after: Option<Duration>,
    /// Where metrics are read; nowhere without one.
    pub metrics_listen: Option<SocketAddr>,
    /// How reviewers reach their pages.
    pub console: ConsoleSettings,
    /// The collector that traces are sent to, such as `http://127.0.0.1:4318`; none without one.
    pub otlp: Option<String>,
}

/// Where the files that people edit are, and how they are read.
#[derive(Clone, Debug)]
pub struct PolicySettings {
    /// The segments' file.
    pub segments: PathBuf,
    /// The folder of placements and templates.
    pub prompts: PathBuf,
    /// The folder of guardrails.
    pub guardrails: PathBuf,
    /// How often they are looked at.
    pub reload: Duration,
    /// The time zone of dates in rules.
    pub timezone: TimeZone,
    /// How many other persons must approve an edit of the guardrails before it is in force.
    pub approvals: usize,
}

/// Bounds on time and work.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long a page waits by default.
    pub deadline: Duration,
    /// How long any request may ask to wait.
    pub max_deadline: Duration,
    /// How long one generation may take.
    pub generation_timeout: Duration,
    /// How many generations run at once.
    pub concurrency: usize,
    /// How many may wait for their turn.
    pub queue: usize,
    /// How many generations one user may cause in a UTC day; without one, as many as they like.
    pub user_generations_per_day: Option<u32>,
    /// How many questions a second are put to second models about copy that is there already: 1 to 10,000.
    pub checks_per_second: u32,
    /// How long the service still takes requests after SIGTERM, while it says that it is not ready.
    pub drain: Duration,
}

/// How the log is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditSettings {
    /// Whether generated copy is shown only once the record of that answer is durable too.
    pub strict: bool,
    /// The most bytes of serve records that are kept in a file beside the store while the store cannot be written.
    pub spool_bytes: u64,
    /// Where signed heads of the chain are written: a file, or an `http://` or `https://` address; nowhere without one.
    pub heads: Option<String>,
    /// How often they are written.
    pub heads_every: Duration,
    /// How long records are kept.
    pub retention: Retention,
}

/// How long records are kept, in whole days. Without one, for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Serves.
    pub serves: Option<Duration>,
    /// What stands beside records and may hold personal data: prompts, texts, notes, reasons.
    pub payload: Option<Duration>,
    /// Generations, and the reviews and verdicts on them.
    pub generations: Option<Duration>,
}

/// What may be spent, in the currency of the prices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BudgetSettings {
    /// In one UTC day; without one, whatever it costs.
    pub per_day: Option<f64>,
    /// On one generation, its retries and repairs included; without one, whatever the day allows.
    pub per_request: Option<f64>,
    /// The most of the day that each purpose may take.
    pub shares: Shares,
}

/// The most of a day's budget that each purpose may take, from 0 to 1. They may come to more than 1: together they never
/// take more than the day has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// Pages that wait.
    pub pages: f64,
    /// Work in bulk.
    pub bulk: f64,
    /// Copy written anew, and questions about copy that is kept.
    pub refresh: f64,
}
