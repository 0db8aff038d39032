//! Edits: looked for, put in force by the desk, kept, recorded and told of.

use std::sync::Arc;

use serde_json::json;

use super::Shared;
use crate::audit::PolicyRecord;
use crate::casefile::are_those;
use crate::config::PolicySettings;
use crate::document::Files;
use crate::generate::Generator;
use crate::guardrail::Enforcement;
use crate::policy::{Edit, Set, Sources};
use crate::store::policies::RevisionRow;
use crate::store::{Store, policies};
use crate::words::Revision;

impl Shared {
    /// Looks at the files now: what the once-a-second task does.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that looks")]
    pub async fn look_at_files(self: &Arc<Self>, sources: Sources) {
        let (shared, now) = (Arc::clone(self), (self.parts.now)());
        // Compiling rules takes its time, and those who answer pages have none to give. A thread that ends leaves what the
        // allocator holds for it to the next one; each of those that stay would keep as much for itself.
        let (tell, looked) = tokio::sync::oneshot::channel();
        let look = move || drop(tell.send(shared.desk.look(sources, now)));
        let edits = match std::thread::Builder::new().name("policy".into()).spawn(look) {
            Ok(_) => looked.await.map_err(anyhow::Error::from),
            Err(error) => Err(error.into()),
        };
        match edits {
            Ok(edits) => {
                let changed = !edits.is_empty();
                for edit in edits {
                    self.settle(edit).await;
                }
                if changed {
                    self.look_for_alerts().await;
                }
            }
            Err(error) => tracing::error!(%error, "the files could not be looked at"),
        }
        self.keep_revision().await;
    }

    /// Keeps which files the revision in force stands for, once: what a record names can be shown later. On a failing store
    /// that waits for the next look.
    pub(super) async fn keep_revision(&self) {
        let policy = self.desk.pin();
        let mut known = self.kept_revision.lock().await;
        if known.as_ref() == Some(&policy.revision) {
            return;
        }
        let row = RevisionRow {
            guardrails: policy.guardrails.hash().to_string(),
            prompts: policy.copy.revision.to_string(),
            since: policy.since,
        };
        match policies::keep_revision(&self.store, policy.revision.as_str(), &row).await {
            Ok(()) => *known = Some(policy.revision.clone()),
            Err(error) => tracing::warn!(%error, "it could not be kept which files are in force"),
        }
    }

    /// Tells of rules that ask a provider which the settings do not have: they can ask nobody, and what is enforced passes no text.
    fn tell_of_unknown_providers(&self) {
        let providers = self.parts.generator.as_ref().map(Generator::providers).unwrap_or_default();
        let policy = self.desk.pin();
        for rule in policy.guardrails.rules().iter().filter(|rule| rule.mode() != Enforcement::Off) {
            if let Some(provider) = rule.asks().and_then(|asks| asks.provider.as_ref())
                && !providers.iter().any(|known| known.name == *provider)
            {
                let rule = rule.id();
                tracing::warn!(
                    rule,
                    provider,
                    "the settings have no provider of that name, so this rule can ask nobody"
                );
            }
        }
    }

    /// Keeps an accepted set, records what became of an edit, and says so.
    pub(super) async fn settle(&self, edit: Edit) {
        let now = (self.parts.now)();
        for diagnostic in &edit.diagnostics {
            let place = diagnostic.place();
            if diagnostic.is_error() {
                tracing::error!(set = edit.set.as_str(), place, "{}", diagnostic.message);
            } else {
                tracing::warn!(set = edit.set.as_str(), place, "{}", diagnostic.message);
            }
        }
        let set = edit.set.as_str();
        if edit.accepted {
            tracing::info!(set, hash = %edit.hash, "in force");
            self.tell_of_unknown_providers();
            if let Err(error) = policies::keep(&self.store, set, edit.hash.as_str(), &edit.files, now).await {
                tracing::warn!(%error, set, "the set in force could not be kept for a later start");
            }
        } else {
            tracing::error!(set, hash = %edit.hash, "refused; what was in force stays");
        }
        let record = PolicyRecord {
            at: now,
            kind: set.to_owned(),
            hash: edit.hash.to_string(),
            accepted: edit.accepted,
            files: edit
                .files
                .iter()
                .map(|(p, t)| (p.clone(), Revision::of([("", t.as_str())]).to_string()))
                .collect(),
            faults: json!(edit.diagnostics),
            by: "files".into(),
        };
        if let Err(error) = self.parts.recorder.policy(record).await {
            tracing::warn!(%error, "a policy change could not be recorded");
        }
    }
}

/// Reads the policy's files without holding up the runtime. `None` when the runtime is going down.
pub(super) async fn read_sources(settings: &PolicySettings) -> Option<Sources> {
    let settings = settings.clone();
    tokio::task::spawn_blocking(move || Sources::read(&settings)).await.ok()
}

/// The last good files, if they are still those that were accepted.
pub(super) async fn last_good(store: &Store, set: Set, timezone: &jiff::tz::TimeZone) -> Option<Files> {
    let kept = policies::last_good(store, set.as_str()).await.unwrap_or_else(|error| {
        tracing::warn!(%error, set = set.as_str(), "the last good set cannot be read");
        None
    });
    kept.filter(|(hash, files)| are_those(set, files, timezone, hash)).map(|(_, files)| files)
}
