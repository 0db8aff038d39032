//! Edits: looked for, put in force by the desk, kept, recorded and told of.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::sync::oneshot;

use super::Shared;
use crate::audit::PolicyRecord;
use crate::audit::desk::{self, Edited, FILES};
use crate::casefile::are_those;
use crate::config::PolicySettings;
use crate::generate::Generator;
use crate::guardrail::Enforcement;
use crate::policy::{Edit, Kept, Outcome, Read, Set, Sources};
use crate::store::desk::{ProposalRow, ProposalState};
use crate::store::policies::RevisionRow;
use crate::store::{Store, StoreError, desk as rows, policies};

/// How long after a read that found something else the files are read again.
const BETWEEN_READS: Duration = Duration::from_millis(100);
/// How often they are within one look; what does not rest by then is taken at a later one.
const MOST_READS: usize = 10;
/// How long a look waits for the store: what was accepted is in force already.
const BREATH: Duration = Duration::from_millis(500);
/// The most edits that wait for a store that takes nothing.
const MOST_UNSETTLED: usize = 100;
/// A disk that does not answer for so long is told of.
const HANGING: Duration = Duration::from_secs(5);

/// Does something on a thread of its own, and answers once it is done: compiling rules takes its time, a network disk may hang,
/// and neither those who answer pages nor a shutdown have any to give. A thread that ends leaves what the allocator holds for
/// it to the next one; each of those that stay would keep as much for itself.
pub(super) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> anyhow::Result<T> {
    let (tell, told) = oneshot::channel();
    let work = move || drop(tell.send(work()));
    std::thread::Builder::new().name("policy".into()).spawn(work)?;
    Ok(told.await?)
}

/// Reads the policy's files.
pub(super) async fn read_sources(settings: &PolicySettings) -> anyhow::Result<Sources> {
    let settings = settings.clone();
    aside(move || Sources::read(&settings)).await
}

/// Reads files until two reads agree: what is being written meanwhile is not what somebody meant.
pub(super) async fn read_at_rest(settings: &PolicySettings, first: Sources) -> anyhow::Result<Sources> {
    let mut before = first;
    for _ in 0..MOST_READS {
        tokio::time::sleep(BETWEEN_READS).await;
        let read = read_sources(settings).await?;
        let resting = read.clone().at_rest(&before);
        if resting.is_whole() {
            return Ok(resting);
        }
        before = read;
    }
    Ok(before)
}

/// What the store keeps of both sets for a start.
pub(super) async fn kept(store: &Store, settings: &PolicySettings) -> [Kept; 2] {
    let rollbacks = rows::rollbacks(store).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "it cannot be read what was rolled back");
        Vec::new()
    });
    let kept = async |set: Set| {
        let last_good = policies::last_good(store, set.as_str()).await.unwrap_or_else(|error| {
            tracing::warn!(%error, set = set.as_str(), "the last good set cannot be read");
            None
        });
        let files = last_good.filter(|(hash, files)| are_those(set, files, &settings.timezone, hash));
        // What was put back in force is what is kept last.
        let rollback = rollbacks.iter().find(|row| row.kind == set.as_str());
        let rollback = rollback.filter(|row| files.as_ref().is_some_and(|(hash, _)| *hash == row.hash));
        Kept { files: files.map(|(_, files)| files), rollback: rollback.cloned() }
    };
    [kept(Set::Guardrails).await, kept(Set::Prompts).await]
}

/// Whether files are those that were in force last, or none are kept.
pub(super) fn same_as_kept(sources: &Sources, [guardrails, copy]: &[Kept; 2]) -> bool {
    let same = |read: &Option<Read>, kept: &Kept| {
        kept.files.as_ref().is_none_or(|kept| matches!(read, Some(Ok(files)) if files == kept))
    };
    same(&sources.guardrails, guardrails) && same(&sources.copy, copy)
}

impl Shared {
    /// Looks for edits: each set that changed is taken once two reads in a row agree on it, and each by itself.
    pub(super) async fn look_for_edits(self: &Arc<Self>) {
        let mut before = match self.read_files().await {
            Ok(read) => read,
            Err(error) => return tracing::error!(%error, "the files could not be looked at"),
        };
        for _ in 0..MOST_READS {
            if !self.desk.is_news(&before) {
                return;
            }
            tokio::time::sleep(BETWEEN_READS).await;
            let Ok(read) = self.read_files().await else { return };
            let resting = read.clone().at_rest(&before);
            let whole = resting.is_whole();
            self.look_at_files(resting).await;
            if whole {
                return;
            }
            before = read;
        }
    }

    /// Reads the files, and tells once when the disk does not answer. Nobody else reads meanwhile.
    async fn read_files(&self) -> anyhow::Result<Sources> {
        self.disk.wait(read_sources(self.desk.settings()), HANGING, &self.parts.now).await
    }

    /// Since when the disk of the policy's files does not answer, so that no edit is seen.
    pub fn hanging(&self) -> Option<Timestamp> {
        self.disk.hanging()
    }

    /// Looks at the files now: what the once-a-second task does once it has read them.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that looks")]
    pub async fn look_at_files(self: &Arc<Self>, sources: Sources) {
        let shared = Arc::clone(self);
        let edits =
            aside(move || shared.desk.look(sources, &*shared.parts.now)).await.unwrap_or_else(|error| {
                tracing::error!(%error, "the files could not be looked at");
                Vec::new()
            });
        let changed = !edits.is_empty();
        edits.into_iter().for_each(|edit| self.tell(edit));
        self.settle().await;
        if changed {
            let _ = tokio::time::timeout(BREATH, self.look_for_alerts()).await;
        }
    }

    /// Keeps and records what became of edits, for as long as a look may wait for the store; the rest is done behind its back.
    pub(super) async fn settle(self: &Arc<Self>) {
        let shared = Arc::clone(self);
        // Whoever is at it goes on with what came meanwhile.
        let turn = tokio::time::timeout(BREATH, Arc::clone(&self.settling).lock_owned()).await;
        let Ok(turn) = turn else { return };
        let settling = tokio::spawn(async move {
            shared.settle_now().await;
            // A shutdown waits for the turn, and then for nobody who holds the store.
            drop(shared);
            drop(turn);
        });
        let _ = tokio::time::timeout(BREATH, settling).await;
    }

    /// Keeps and records what became of edits; one at a time.
    pub(super) async fn settle_now(&self) {
        self.settle_edits().await;
        self.keep_revision().await;
    }

    /// Keeps which files the revision in force stands for, once: what a record names can be shown later. On a failing store
    /// that waits for the next look.
    async fn keep_revision(&self) {
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
            Ok(()) => {
                *known = Some(policy.revision.clone());
                drop(known);
                self.say_in_force().await;
            }
            Err(error) => tracing::warn!(%error, "it could not be kept which files are in force"),
        }
    }

    /// Tells of rules that ask a provider which the settings do not have: they can ask nobody, and what is enforced passes no text.
    pub(super) fn tell_of_unknown_providers(&self) {
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

    /// Says what became of an edit, and has it kept and recorded.
    pub(super) fn tell(&self, edit: Edit) {
        let set = edit.set.as_str();
        for diagnostic in &edit.diagnostics {
            let (place, owner) = (diagnostic.place(), diagnostic.owner.as_deref().unwrap_or_default());
            if diagnostic.is_error() {
                tracing::error!(set, place, owner, "{}", diagnostic.message);
            } else {
                tracing::warn!(set, place, owner, "{}", diagnostic.message);
            }
        }
        match edit.outcome {
            Outcome::InForce => {
                tracing::info!(set, hash = %edit.hash, "in force");
                self.tell_of_unknown_providers();
                if edit.ends_rollback {
                    tracing::info!(set, "an edit took the place of what had been put back in force");
                }
            }
            Outcome::Refused => tracing::error!(set, hash = %edit.hash, "refused; what was in force stays"),
            Outcome::Proposed => {
                tracing::info!(set, hash = %edit.hash, "waits for second persons; what was in force stays");
            }
        }
        self.parts.metrics.edited(set, outcome(edit.outcome));
        let mut unsettled = self.unsettled.lock().unwrap_or_else(PoisonError::into_inner);
        if unsettled.len() >= MOST_UNSETTLED {
            unsettled.pop_front();
            tracing::error!(
                "the store takes nothing for so long that what became of an edit is not recorded"
            );
        }
        unsettled.push_back(Arc::new(edit));
    }

    /// Keeps and records what became of edits, in their order; what the store does not take is tried again at the next look.
    async fn settle_edits(&self) {
        loop {
            let next = self.unsettled.lock().unwrap_or_else(PoisonError::into_inner).front().cloned();
            let Some(edit) = next else { return };
            if let Err(error) = self.settle_edit(&edit).await {
                let set = edit.set.as_str();
                return tracing::warn!(%error, set, "what became of an edit could not be kept; it is tried again");
            }
            let mut unsettled = self.unsettled.lock().unwrap_or_else(PoisonError::into_inner);
            if unsettled.front().is_some_and(|front| Arc::ptr_eq(front, &edit)) {
                unsettled.pop_front();
            }
        }
    }

    async fn settle_edit(&self, edit: &Arc<Edit>) -> Result<(), StoreError> {
        if edit.outcome == Outcome::Proposed {
            let mut report = edit.report.clone();
            // What it would change among what was written lately is found out behind everybody's back.
            if let Some(report) = report.as_object_mut() {
                report.insert("backtest".into(), serde_json::Value::Null);
            }
            let (hash, by) = (edit.hash.to_string(), FILES.to_owned());
            let row = ProposalRow { hash, at: edit.at, by, state: ProposalState::Open, report };
            desk::propose(&self.store, &row, &edit.files, "").await?;
            return Ok(());
        }
        let accepted = edit.outcome == Outcome::InForce;
        let record = PolicyRecord {
            at: edit.at,
            kind: edit.set.as_str().to_owned(),
            hash: edit.hash.to_string(),
            accepted,
            files: desk::hashes(&edit.files),
            faults: json!(edit.diagnostics),
            by: FILES.into(),
        };
        let files = if accepted { edit.files.clone() } else { Default::default() };
        desk::edited(&self.store, &Edited { record, files, ends_rollback: edit.ends_rollback }).await
    }
}

/// The word for it in metrics.
fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::InForce => "accepted",
        Outcome::Refused => "refused",
        Outcome::Proposed => "proposed",
    }
}
