//! `copyrail serve`.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{ConfigArgs, Failure, Shell};
use crate::app::{App, Shutdown, StartError};
use crate::telemetry;

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  OPENAI_BASE_URL=http://127.0.0.1:9100/v1 copyrail serve",
    after_help = "Stops in order on SIGTERM, after `limits.drain`, or at once on Ctrl-C or when its terminal closes: requests are finished, generations given ten seconds, the log flushed. A second signal ends all waiting."
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
    let filter = filter.to_owned();
    let settings = shell.settings(&args.config.config)?;
    let collector = settings.otlp.as_deref();
    let telemetry = telemetry::start(&filter, args.log_json, shell.out.colour_talk, collector)
        .map_err(|error| anyhow::anyhow!("traces cannot be sent as `telemetry.otlp` says: {error}"))?;
    // Whoever reads that it serves may stop it at once, in order.
    let mut signals = Signals::listen()?;
    // A file that may not grow any more (`ulimit -f`) is an error of whoever writes it, like a full disk, and no reason to die:
    // what is listened for does not end the process.
    let _too_large = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?;
    let drain = settings.limits.drain;
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
    // Whoever presses Ctrl-C or closes its terminal sits in front of it: no load balancer has to be told first.
    let drain = match signals.next().await {
        Asked::Terminate => drain,
        Asked::Interrupt => Duration::ZERO,
    };
    tracing::info!(drain_ms = drain.as_millis(), "stopping; a second signal ends all waiting");
    let hurry = async {
        signals.next().await;
        tracing::warn!("told a second time to stop: nothing is waited for any more");
    };
    app.shut_down(Shutdown { drain, ..Shutdown::default() }, hurry).await;
    tracing::info!("stopped");
    telemetry.end().await;
    Ok(())
}

/// How a process is asked to stop.
enum Asked {
    /// By whatever runs it, with SIGTERM.
    Terminate,
    /// From its terminal, with Ctrl-C or by closing it.
    Interrupt,
}

/// The signals that ask to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// A terminal that closes; none where the process was started so as to outlive it, as with `nohup`.
    hangup: Option<Signal>,
}

impl Signals {
    /// Listens from now on.
    fn listen() -> Result<Self, Failure> {
        // Whoever listens for a signal does not ignore it any more, so this is read first.
        let ignores =
            std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores_hangup(&status));
        let hangup = if ignores { None } else { Some(signal(SignalKind::hangup())?) };
        let (terminate, interrupt) = (SignalKind::terminate(), SignalKind::interrupt());
        Ok(Self { terminate: signal(terminate)?, interrupt: signal(interrupt)?, hangup })
    }

    /// Waits for the next of them.
    async fn next(&mut self) -> Asked {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => Asked::Terminate,
            _ = self.interrupt.recv() => Asked::Interrupt,
            _ = hangup => Asked::Interrupt,
        }
    }
}

/// Whether a process was told to ignore SIGHUP, by what the system says of its status: `SigIgn` is a mask in hexadecimal,
/// and that signal is the lowest bit.
fn ignores_hangup(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// Listens for SIGTERM, Ctrl-C and a closed terminal from now on; what it answers ends with the first of them.
pub(super) fn stop_asked() -> Result<impl Future<Output = ()>, Failure> {
    let mut signals = Signals::listen()?;
    Ok(async move {
        signals.next().await;
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_to_outlive_its_terminal_says_so() {
        for (status, ignores) in [
            ("Name:\tcopyrail\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001001\n", true),
            ("Name:\tcopyrail\nSigIgn:\t0000000000001000\nSigCgt:\t0000000000000001\n", false),
            ("SigIgn:\tx", false),
            ("", false),
        ] {
            assert_eq!(ignores_hangup(status), ignores, "{status}");
        }
    }
}
