//! What proposals would change among what was written lately: found out behind the requests, once each is kept.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Shared;
use super::settle::aside;
use super::tasks::{every, until};
use crate::audit::desk;
use crate::audit::index::Pace;
use crate::generate::Generator;
use crate::guardrail;
use crate::replay::{self, KeptOpinions, Plan};
use crate::store::desk::{ProposalRow, ProposalState};
use crate::store::{StoreError, desk as rows};

/// How often it is asked whether a proposal lacks one.
const LOOKED_EVERY: Duration = Duration::from_secs(1);
/// How far back generations are looked at.
const SINCE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The most generations, the newest first.
const MOST: u64 = 20_000;
/// How long it may take; what was found by then is told, as not complete.
const TAKES: Duration = Duration::from_secs(30);
/// How many examples of each change a report holds for each rule.
const EXAMPLES: usize = 5;
/// The most proposals that are looked through.
const MOST_PROPOSALS: u32 = 100;

/// Finds out what each proposal that waits would change, against what is in force: one at a time. Whoever stops meanwhile
/// begins anew at the next start.
pub(super) async fn watch(shared: Arc<Shared>, stopped: watch::Receiver<bool>) {
    if shared.desk.settings().approvals == 0 {
        return;
    }
    every(LOOKED_EVERY, stopped.clone(), || async {
        tokio::select! {
            found = shared.backtest_proposals() => {
                if let Err(error) = found {
                    tracing::warn!(%error, "what a proposal would change could not be found out; it is tried again");
                }
            }
            () = until(stopped.clone()) => {}
        }
    })
    .await;
}

impl Shared {
    /// Finds out what proposals would change of which that is not known, or not against what is in force now.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn backtest_proposals(self: &Arc<Self>) -> Result<(), StoreError> {
        for row in rows::proposals(&self.store, MOST_PROPOSALS).await? {
            let waits = matches!(row.state, ProposalState::Open | ProposalState::Approved);
            let against = self.desk.pin().guardrails.hash().to_string();
            let known = row.report.get("backtest").and_then(|known| known.get("before")?.as_str());
            if waits && known != Some(&against) {
                let report = self.backtest_of(&row).await?;
                desk::backtested(&self.store, &row.hash, report).await?;
                tracing::info!(hash = row.hash, "it is known what a proposal would change");
            }
        }
        Ok(())
    }

    /// What a proposal would change, without any words of texts: what is kept of it is not what erasures look through.
    async fn backtest_of(&self, row: &ProposalRow) -> Result<Value, StoreError> {
        let (policy, now) = (self.desk.pin(), (self.parts.now)());
        let files = rows::proposed_files(&self.store, &row.hash).await?.unwrap_or_default();
        let timezone = self.desk.settings().timezone.clone();
        let loaded = aside(move || guardrail::load(&files, &timezone).0).await;
        let Ok(Some(after)) = loaded else {
            let before = policy.guardrails.hash();
            return Ok(json!({"before": before, "fault": "this version does not read these guardrails"}));
        };
        let providers = self.parts.generator.as_ref().map(Generator::providers).unwrap_or_default();
        let opinions = match policy.guardrails.ask_second_models() || after.ask_second_models() {
            true => KeptOpinions::read(&self.store, providers, now).await?,
            false => KeptOpinions::default(),
        };
        let plan = Plan {
            at: now,
            since: now.checked_sub(SINCE).unwrap_or(Timestamp::MIN),
            limit: Some(MOST),
            until: Some(Instant::now() + TAKES),
            examples: EXAMPLES,
            pace: Pace::Beside,
        };
        let rules = (Arc::clone(&policy.guardrails), Arc::new(after));
        let copy = Arc::clone(&policy.copy);
        let report = replay::backtest(&self.store, copy, rules, opinions, &plan, |_, _| {}).await?;
        serde_json::to_value(report.without_texts())
            .map_err(|error| StoreError::Corrupt(format!("a backtest cannot be written down: {error}")))
    }
}
