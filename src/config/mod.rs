//! Settings: built-in defaults ← file ← environment, typed, every fault at once.
//!
//! The environment comes as a function, so tests never touch the process's own. Knows nothing of what settings do.

mod read;
mod toml_node;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use secrecy::SecretString;

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
    pub providers: Vec<ProviderSettings>,
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

/// One LLM provider.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// What records call it.
    pub name: String,
    /// `openai` or `azure`.
    pub azure: bool,
    /// The address below which `/chat/completions` stands.
    pub base_url: String,
    /// The key; none for servers that need none.
    pub api_key: Option<SecretString>,
    /// The model, or Azure's deployment.
    pub model: String,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long one call may take.
    pub timeout: Duration,
    /// How often a failed call is tried again.
    pub retries: u32,
    /// The field that caps an answer's tokens is `max_tokens`, as older servers know it.
    pub old_token_limit_field: bool,
    /// How answers are asked for.
    pub output: OutputSetting,
    /// Prices per million tokens: input, cached input, output.
    pub price: Option<[f64; 3]>,
}

/// How answers are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputSetting {
    /// As plain text.
    Text,
    /// As JSON of a schema.
    JsonSchema,
    /// As a JSON object.
    JsonObject,
}
