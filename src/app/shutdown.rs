//! Ordered shutdown.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::App;
use super::spent::write_ledger;

/// How long the generations that are given up in a shutdown have to be recorded.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How long what goes on behind the requests has to end by itself.
const BREATH: Duration = Duration::from_secs(1);

/// How long each part of a shutdown may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// Requests are still taken while load balancers are told to send them elsewhere.
    pub drain: Duration,
    /// Requests under way are finished.
    pub requests: Duration,
    /// Generations are finished.
    pub generations: Duration,
}

impl Default for Shutdown {
    /// No drain, and ten seconds each for requests and generations.
    fn default() -> Self {
        let ten = Duration::from_secs(10);
        Self { drain: Duration::ZERO, requests: ten, generations: ten }
    }
}

impl App {
    /// Stops in order and without a drain: see [`shut_down`](Self::shut_down).
    pub async fn stop(self) {
        self.shut_down(Shutdown::default(), std::future::pending()).await;
    }

    /// Stops in order: unready at once; requests are still taken during the drain; then those under way are finished, and
    /// after them generations; those that are not done in time are given up and recorded as abandoned; the log is flushed.
    /// Once `hurry` ends nothing is waited for any more but the log.
    pub async fn shut_down(self, within: Shutdown, hurry: impl Future<Output = ()>) {
        let parts = &self.shared.parts;
        let mut patience = Patience { hurry: pin!(hurry), hurried: false };
        self.shared.stopping.store(true, Ordering::SeqCst);
        patience.wait(within.drain, std::future::pending::<()>()).await;
        self.stop.send_replace(true);
        let mut served = self.served;
        if !patience.wait(within.requests, &mut served).await {
            tracing::warn!("requests that did not end were cut off at shutdown");
            served.abort();
        }
        let idle = async || {
            while !parts.flights.is_empty() || !parts.second.is_idle() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if !patience.wait(within.generations, idle()).await {
            tracing::warn!(generations = parts.flights.len(), "generations are given up at shutdown");
            self.close.send_replace(true);
            if tokio::time::timeout(LAST_WORDS, idle()).await.is_err() {
                tracing::error!(generations = parts.flights.len(), "generations could not be recorded");
            }
        }
        parts.recorder.close().await;
        self.ledger.abort();
        let _ = self.ledger.await;
        if let Some(generator) = &parts.generator {
            let _ = write_ledger(&self.shared.store, generator.budget()).await;
        }
        if let Some(heads) = &self.shared.heads {
            let _ = tokio::time::timeout(LAST_WORDS, heads.turn()).await;
        }
        let _ = tokio::time::timeout(LAST_WORDS, self.shared.settling.lock()).await;
        // Whoever still holds the store would keep the next service from it.
        let mut background = self.background;
        let ended = async { while background.join_next().await.is_some() {} };
        if tokio::time::timeout(BREATH, ended).await.is_err() {
            background.shutdown().await;
        }
        self.shared.store.close().await;
        if let Some(metrics) = self.metrics {
            metrics.stop().await;
        }
    }
}

/// How long a shutdown waits: so long for each of its parts, and no longer at all once it is to hurry.
struct Patience<'h, H> {
    hurry: Pin<&'h mut H>,
    hurried: bool,
}

impl<H: Future<Output = ()>> Patience<'_, H> {
    /// Whether the work was done in its time.
    async fn wait<T>(&mut self, limit: Duration, work: impl Future<Output = T>) -> bool {
        let limit = if self.hurried { Duration::ZERO } else { limit };
        tokio::select! {
            biased;
            _ = work => true,
            () = &mut self.hurry, if !self.hurried => {
                self.hurried = true;
                false
            }
            () = tokio::time::sleep(limit) => false,
        }
    }
}
