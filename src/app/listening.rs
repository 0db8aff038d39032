//! Where the service listens, and how many files it may have open.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;

use super::Shared;
use super::tasks::until;
use crate::http;

/// How many connections those who read metrics may have at once.
const MOST_READERS: usize = 100;

/// The listener of the metrics. It ends last, so that the end of the service can be watched.
pub(super) struct MetricsServed {
    pub(super) address: SocketAddr,
    stop: watch::Sender<bool>,
    served: tokio::task::JoinHandle<()>,
}

impl MetricsServed {
    pub(super) async fn start(at: SocketAddr, shared: Arc<Shared>) -> anyhow::Result<Self> {
        let (listener, address) = listen(at, "metrics.listen")?;
        tracing::info!(metrics = %address, "metrics are read on http://{address}/metrics");
        let (stop, stopped) = watch::channel(false);
        let served = tokio::spawn(http::serve(listener, http::metrics(shared), MOST_READERS, until(stopped)));
        Ok(Self { address, stop, served })
    }

    /// Lets whoever reads finish, for a short while.
    pub(super) async fn stop(mut self) {
        const BREATH: Duration = Duration::from_secs(1);
        self.stop.send_replace(true);
        if tokio::time::timeout(BREATH, &mut self.served).await.is_err() {
            self.served.abort();
        }
    }
}

/// Raises the number of files that the process may have open to the most that it may ask for, and answers what it is now;
/// `None` when there is no limit.
pub(super) fn raise_open_files() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    match limit.current == limit.maximum {
        false if setrlimit(Resource::Nofile, raised).is_ok() => limit.maximum,
        _ => limit.current,
    }
}

pub(super) fn listen(at: SocketAddr, setting: &str) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = || {
        let socket = if at.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // A service that starts again need not wait for the connections of the one before.
        socket.set_reuseaddr(true)?;
        socket.bind(at)?;
        socket.listen(http::BACKLOG)
    };
    let listener = listener().map_err(|e: std::io::Error| {
        anyhow::anyhow!("cannot listen on {at}: {e}; set `{setting}` to another address")
    })?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
