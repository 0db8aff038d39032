//! Edits of the guardrails that wait for second persons, or did: who approved them, and what they change.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Policy, Set};
use crate::audit::desk::due;
use crate::config::PolicySettings;
use crate::document::Files;
use crate::guardrail::{self, Change};
use crate::store::desk::{self, ApprovalRow, ProposalRow, ProposalState};
use crate::store::{Store, StoreError, policies};

/// A proposal, and how far it has come.
#[derive(Clone, Debug, Serialize)]
pub struct Proposal {
    /// The set's revision.
    pub hash: String,
    /// Since when it is proposed.
    pub since: Timestamp,
    /// Who made it: `files` for an edit on disk.
    pub by: String,
    /// How far it has come.
    pub state: ProposalState,
    /// Who approved it, in the order of time.
    pub approvals: Vec<ApprovalRow>,
    /// How many persons must approve it.
    pub needs: usize,
    /// From when on it is in force, once enough have approved it.
    pub from: Option<Timestamp>,
    /// Whether it puts back what was in force before.
    pub rollback: bool,
    /// What was found of it, and what it would change: a JSON object.
    pub report: Value,
}

impl Proposal {
    /// A proposal as the store has it, with its approvals, of which it needs so many.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn of(store: &Store, row: ProposalRow, needs: usize) -> Result<Self, StoreError> {
        let approvals = desk::approvals(store, &row.hash).await?;
        let ProposalRow { hash, at, by, state, report } = row;
        let rollback = report.get("rollback").is_some();
        Ok(Self {
            from: due(&approvals, needs),
            hash,
            since: at,
            by,
            state,
            approvals,
            needs,
            rollback,
            report,
        })
    }

    /// The newest proposals, at most `limit`, those that wait before all others.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn all(store: &Store, limit: u32, needs: usize) -> Result<Vec<Self>, StoreError> {
        let mut found = Vec::new();
        for row in desk::proposals(store, limit).await? {
            found.push(Self::of(store, row, needs).await?);
        }
        Ok(found)
    }

    /// Whether it waits for approvals, or for its day.
    pub fn waits(&self) -> bool {
        matches!(self.state, ProposalState::Open | ProposalState::Approved)
    }

    /// The same with its report as a few numbers.
    #[must_use]
    pub fn in_short(mut self) -> Self {
        let count = |name: &str| self.report.get(name).and_then(Value::as_array).map_or(0, Vec::len);
        let sum = |name: &str| {
            let rules = self.report.get("rules").and_then(Value::as_array).into_iter().flatten();
            rules.filter_map(|rule| rule.get(name)?.as_u64()).sum::<u64>()
        };
        self.report = json!({
            "diagnostics": count("diagnostics"),
            "rules": count("rules"),
            "missed": sum("missed"),
            "wrongly_caught": sum("wrongly_caught"),
            "backtest": self.report.get("backtest").and_then(backtest_in_short),
        });
        self
    }
}

/// What a proposal would change, in numbers; `None` while that is being found out.
fn backtest_in_short(backtest: &Value) -> Option<Value> {
    const TOLD: [&str; 8] = [
        "before",
        "generations",
        "complete",
        "newly_blocked",
        "newly_passed",
        "changed",
        "would_be_asked",
        "fault",
    ];
    let told = TOLD.iter().filter_map(|name| Some(((*name).to_owned(), backtest.get(name)?.clone())));
    backtest.is_object().then(|| Value::Object(told.collect()))
}

/// What a proposal changes of the guardrails in force.
#[derive(Clone, Debug)]
pub struct Difference {
    /// In sentences, what loosens first; `None` where this version does not read the proposed files.
    pub changes: Option<Vec<Change>>,
    /// The files that differ, by their paths.
    pub changed: Vec<String>,
    /// The files in force, as far as they are kept.
    pub before: Files,
    /// The files proposed.
    pub after: Files,
}

impl Difference {
    /// Of the proposal with this hash. Rules are compiled off the workers.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn of_proposal(
        store: &Store,
        policy: &Policy,
        settings: &PolicySettings,
        hash: &str,
    ) -> Result<Self, StoreError> {
        let after = desk::proposed_files(store, hash).await?.unwrap_or_default();
        let in_force = policy.guardrails.hash().as_str();
        let before = policies::by_hash(store, Set::Guardrails.as_str(), in_force).await?.unwrap_or_default();
        let names: BTreeSet<&String> = after.keys().chain(before.keys()).collect();
        let changed =
            names.into_iter().filter(|path| after.get(*path) != before.get(*path)).cloned().collect();
        let (rules, timezone, files) = (policy.guardrails.clone(), settings.timezone.clone(), after.clone());
        let told =
            move || guardrail::load(&files, &timezone).0.map(|after| guardrail::changes(&rules, &after));
        let changes = tokio::task::spawn_blocking(told).await.map_err(|_| StoreError::Closed)?;
        Ok(Self { changes, changed, before, after })
    }
}
