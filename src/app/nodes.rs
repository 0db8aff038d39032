//! What each service on the store has in force, said where every other one can read it.

use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::Shared;
use crate::store::desk::{NodeRow, keep_node, nodes};

/// How often a service says what it has in force, beside each change.
pub(super) const SAID_EVERY: Duration = Duration::from_secs(10);
/// One that was not seen for so long is lost.
const LOST: SignedDuration = SignedDuration::from_secs(60);
/// One that was not seen for so long is forgotten.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(24);
/// Where a service keeps what tells it from others on the same machine.
const FILE: &str = "node";

/// A service and what it has in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Its name.
    pub node: String,
    /// The policy.
    pub revision: String,
    /// The guardrails.
    pub guardrails: String,
    /// Segments and prompts.
    pub prompts: String,
    /// Since when.
    pub since: Timestamp,
    /// The count of stops that it has taken.
    pub stops: i64,
    /// When it said so last.
    pub seen: Timestamp,
    /// Whether it is the one that answers.
    #[serde(rename = "self")]
    pub itself: bool,
    /// Whether nothing was heard of it for a minute.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
}

impl Shared {
    /// What this service has in force.
    fn node_now(&self) -> NodeRow {
        let policy = self.desk.pin();
        NodeRow {
            node: self.node.clone(),
            revision: policy.revision.to_string(),
            guardrails: policy.guardrails.hash().to_string(),
            prompts: policy.copy.revision.to_string(),
            since: policy.since,
            stops: self.parts.stops.number(),
            seen: (self.parts.now)(),
        }
    }

    /// Says what this service has in force. On a failing store that waits for the next time.
    pub(super) async fn say_in_force(&self) {
        let row = self.node_now();
        let forgotten = row.seen.checked_sub(FORGOTTEN).unwrap_or(Timestamp::MIN);
        if let Err(error) = keep_node(&self.store, &row, forgotten).await {
            tracing::debug!(%error, "it could not be said to other services what is in force");
        }
    }

    /// The services on this store, this one first as it stands now; it alone while the store cannot be read.
    pub async fn nodes(&self) -> Vec<Node> {
        let own = self.node_now();
        let others = nodes(&self.store).await.unwrap_or_default();
        let now = own.seen;
        let read = |row: NodeRow, itself: bool| Node {
            lost: !itself && now.duration_since(row.seen) >= LOST,
            node: row.node,
            revision: row.revision,
            guardrails: row.guardrails,
            prompts: row.prompts,
            since: row.since,
            stops: row.stops,
            seen: row.seen,
            itself,
        };
        let others = others.into_iter().filter(|row| row.node != own.node).collect::<Vec<_>>();
        std::iter::once(read(own, true)).chain(others.into_iter().map(|row| read(row, false))).collect()
    }
}

/// The service's name: its machine's, and an id that its data folder keeps.
pub(super) fn name(data_dir: &Path) -> io::Result<String> {
    let path = data_dir.join(FILE);
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    let known = known.trim();
    let id = match known.len() == 8 && known.bytes().all(|b| b.is_ascii_hexdigit()) {
        true => known.to_owned(),
        false => {
            let id = format!("{:08x}", rand::random::<u32>());
            std::fs::write(&path, format!("{id}\n"))?;
            id
        }
    };
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let host: String =
        host.chars().filter(|c| c.is_ascii_alphanumeric() || "-._".contains(*c)).take(64).collect();
    Ok(if host.is_empty() { id } else { format!("{host}-{id}") })
}
