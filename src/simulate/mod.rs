//! A stand-in for an LLM: an OpenAI-compatible server over real HTTP that writes plain copy from the facts in a
//! prompt, gives an opinion on copy by the words in it, and misbehaves on demand. It is honest about it: every answer names the model `simulated` and carries
//! `x-simulated: true`.
//!
//! It stands apart from the product's path. Nothing in the product imports it but the demo and its own command; what
//! it writes is judged like anything else that comes over the wire. It reads no clock, so `created` is always 0.

mod action;
mod copy;
mod cut;
mod facts;
pub mod log;
mod script;
mod second;
mod sending;
mod server;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use script::{SCRIPT, Script, ScriptError};

use cut::{Cut, Cuttable};
use server::State;

/// The stand-in, listening. Dropping it stops it too, without waiting for answers under way.
#[derive(Debug)]
pub struct Simulator {
    /// Where it listens; OpenAI's API begins at `/v1` there.
    pub address: SocketAddr,
    state: Arc<State>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

/// Starts the stand-in on that address (port 0: any free one). The same seed, script and messages give the same copy.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn start(listen: SocketAddr, script: Script, seed: u64) -> std::io::Result<Simulator> {
    let listener = TcpListener::bind(listen).await?;
    let address = listener.local_addr()?;
    let (stop, mut stopped) = watch::channel(false);
    let state = Arc::new(State::new(script, seed, stopped.clone()));
    let service = server::router(Arc::clone(&state)).into_make_service_with_connect_info::<Cut>();
    let server = axum::serve(Cuttable(listener), service).with_graceful_shutdown(async move {
        // An error means that the simulator was dropped, which is a stop too.
        let _ = stopped.wait_for(|stop| *stop).await;
    });
    let serving = tokio::spawn(async move {
        // Serving ends without an error by its own contract; there is nobody to tell.
        let _ = server.await;
    });
    Ok(Simulator { address, state, stop, serving })
}

impl Simulator {
    /// What a provider's `base_url` must be to be answered by it.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// How many calls for a completion or a moderation came in, understood or not.
    pub fn calls(&self) -> u64 {
        self.state.calls()
    }

    /// The bodies of the last thousand such calls that were JSON, oldest first.
    pub fn requests(&self) -> Vec<Value> {
        self.state.requests()
    }

    /// Stops listening, ends what stalls, and waits until the answers under way are out.
    pub async fn stop(self) {
        // Nobody listens for it only when serving has ended already.
        let _ = self.stop.send(true);
        let _ = self.serving.await;
    }
}

/// A number from 0 to below 1 that depends on these alone, evenly spread.
fn draw(of: [u64; 3]) -> f64 {
    let mut hasher = blake3::Hasher::new();
    for number in of {
        hasher.update(&number.to_le_bytes());
    }
    let mut bytes = [0; 8];
    hasher.finalize_xof().fill(&mut bytes);
    // As many bits as the number holds.
    (u64::from_le_bytes(bytes) >> 11) as f64 / (1_u64 << 53) as f64
}
