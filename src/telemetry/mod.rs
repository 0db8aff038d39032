//! Log lines, metrics and spans: what operators read while the service runs. Never a secret, never what a user is or was
//! told.
//!
//! Knows nothing of the rooms above: they tell it plain words and numbers.

mod metrics;
pub mod names;
#[cfg(feature = "otlp")]
mod otlp;
mod spans;
mod standing;
mod word;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

pub use metrics::{Call, HttpRequest, Metrics};
pub use spans::{adopt, list};
pub use standing::{ProviderStanding, Standing};
pub use word::{word, word_or_none};

/// Why spans cannot be sent anywhere.
pub type ExportError = Box<dyn std::error::Error + Send + Sync>;

/// What goes on while the service runs: [`Telemetry::end`] it last.
#[must_use = "the last spans are sent when it ends"]
pub struct Telemetry {
    #[cfg(feature = "otlp")]
    export: Option<otlp::Export>,
}

/// Writes log lines to standard error: as JSON when `json` is set, for people otherwise. `filter` is a directive such as
/// `info` or `copyrail=debug`. Sends spans to `collector` too, such as `http://127.0.0.1:4318`, in a build that can. Later
/// calls change nothing. Call it inside a tokio runtime.
///
/// # Errors
/// When nothing can be sent to that collector, whether it is there or not.
pub fn start(
    filter: &str,
    json: bool,
    colour: bool,
    collector: Option<&str>,
) -> Result<Telemetry, ExportError> {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colour);
    let lines = if json { lines.json().boxed() } else { lines.compact().boxed() };
    let subscriber = tracing_subscriber::registry().with(lines.with_filter(filter));
    #[cfg(feature = "otlp")]
    let (export, subscriber) = {
        let export = collector.map(otlp::Export::start).transpose()?;
        let spans = export.as_ref().map(otlp::Export::layer);
        (export, subscriber.with(spans))
    };
    #[cfg(not(feature = "otlp"))]
    if collector.is_some() {
        return Err("this build sends no traces".into());
    }
    // The one who starts first wins, which only tests do twice.
    let _ = subscriber.try_init();
    Ok(Telemetry {
        #[cfg(feature = "otlp")]
        export,
    })
}

impl Telemetry {
    /// Sends the last spans, for a few seconds at most.
    pub async fn end(self) {
        #[cfg(feature = "otlp")]
        if let Some(export) = self.export {
            // It waits for a thread of its own, which needs this runtime to send.
            let _ = tokio::task::spawn_blocking(move || export.end()).await;
        }
    }
}
