//! Settings: built-in defaults ← file ← environment, typed, every fault at once.
//!
//! The environment comes as a function, so tests never touch the process's own. Knows nothing of what settings do.

mod provider;
mod read;
mod toml_node;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;

pub use provider::{Output, Price, Provider, ProviderKind, TokenLimitField};
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
    /// How much memory cached copy may take, in bytes.
    pub cache_bytes: u64,
    /// Bounds on time and work.
    pub limits: Limits,
    /// LLM providers, in the order they are tried.
    pub providers: Vec<Provider>,
    /// What may be spent in one UTC day, in the currency of the prices.
    pub budget_per_day: Option<f64>,
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
}
