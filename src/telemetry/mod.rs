//! Log lines, metrics and spans: what operators read while the service runs. Never a secret, never what a user is or was told.
//!
//! Knows nothing of the rooms above: they tell it plain words and numbers.

mod metrics;
pub mod names;
mod spans;
mod standing;
mod word;

use tracing_subscriber::EnvFilter;

pub use metrics::{Call, HttpRequest, Metrics};
pub use spans::{adopt, list};
pub use standing::{ProviderStanding, Standing};
pub use word::{word, word_or_none};

/// Writes log lines to standard error: as JSON when `json` is set, for people otherwise. `filter` is a directive such as
/// `info` or `copyrail=debug`. Later calls change nothing.
pub fn start(filter: &str, json: bool, colour: bool) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour);
    // The one who starts first wins, which only tests do twice.
    let _ = if json { builder.json().try_init() } else { builder.compact().try_init() };
}
