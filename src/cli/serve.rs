//! `copyrail serve`.

use std::sync::Arc;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::{ConfigArgs, Failure, Shell};
use crate::app::{App, StartError};
use crate::telemetry;

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  OPENAI_BASE_URL=http://127.0.0.1:9100/v1 copyrail serve",
    after_help = "Stops in order on SIGTERM or Ctrl-C: requests are finished, generations given ten seconds, the log flushed."
)]
pub(super) struct Serve {
    #[command(flatten)]
    config: ConfigArgs,
    /// Log lines as JSON
    #[arg(long)]
    log_json: bool,
}

pub(super) async fn run(args: Serve, shell: &mut Shell) -> Result<(), Failure> {
    let filter = shell.environment.get("COPYRAIL_LOG").map_or("info", String::as_str);
    telemetry::start(filter, args.log_json, shell.out.colour_talk);
    let settings = shell.settings(&args.config.config)?;
    // Whoever reads that it serves may stop it at once, in order.
    let stopped = stop_asked()?;
    let app = match App::start(settings, Arc::clone(&shell.now)).await {
        Ok(app) => app,
        Err(StartError::Policy(faults)) => {
            shell.say(&faults, |file| std::fs::read_to_string(file).ok());
            shell.out.error("the policy is faulty and no last good one is kept, so nothing is served; mend the faults above");
            return Err(Failure::NotInOrder);
        }
        Err(StartError::Other(error)) => return Err(Failure::Failed(error)),
    };
    let policy = app.shared.desk.pin();
    tracing::info!(address = %app.address, revision = %policy.revision, "serving on http://{}", app.address);
    for refusal in app.shared.desk.refused() {
        tracing::error!(
            set = refusal.set.as_str(),
            "the files are faulty; the last good ones of {} are in force",
            refusal.set.as_str()
        );
    }
    stopped.await;
    tracing::info!("stopping");
    app.stop().await;
    tracing::info!("stopped");
    Ok(())
}

/// Listens for SIGTERM and Ctrl-C from now on; what it answers ends with the first of them.
pub(super) fn stop_asked() -> Result<impl Future<Output = ()>, Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
