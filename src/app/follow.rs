//! What people do about sets of files beside editing them: followed from the store, at once on the node that took it and
//! within a second or so on every other.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use tokio::runtime::Handle;

use super::Shared;
use super::settle::aside;
use crate::audit::desk::{self, DeskError, due};
use crate::diagnostic::{Diagnostic, any_error};
use crate::document::Files;
use crate::policy::rollback::{self, RollbackError, RolledBack};
use crate::policy::{Order, Set};
use crate::store::desk::{ApprovalRow, ProposalState, RollbackRow};
use crate::store::{StoreError, desk as rows, policies};

/// The most proposals that wait for their day.
const MOST_WAITING: u32 = 100;

/// How far the desk in the store was followed.
#[derive(Debug, Default)]
pub(super) struct Followed {
    /// In which store, and up to which turn.
    turns: Option<(u64, i64)>,
    /// When the next approved proposal is due.
    next: Option<Timestamp>,
}

impl Shared {
    /// Follows what the store says is to be in force: rollbacks, and proposals that are approved and due. On a failing store
    /// that waits for the next look.
    pub async fn follow_desk(self: &Arc<Self>) {
        if let Err(error) = self.follow().await {
            tracing::warn!(%error, "rollbacks and approvals cannot be read; what is in force stays");
        }
    }

    async fn follow(self: &Arc<Self>) -> Result<(), StoreError> {
        let mut followed = self.followed.lock().await;
        let turns = Some((self.store.changes(), rows::turns(&self.store).await?));
        let now = (self.parts.now)();
        if followed.turns == turns && followed.next.is_none_or(|next| now < next) {
            return Ok(());
        }
        let next = match self.desk.settings().approvals {
            0 => None,
            needed => self.enact_what_is_due(needed, now).await?,
        };
        self.follow_store(now).await?;
        *followed = Followed { turns, next };
        drop(followed);
        self.settle().await;
        Ok(())
    }

    /// Puts proposals in force that are approved and due, and answers when the next one is.
    async fn enact_what_is_due(
        self: &Arc<Self>,
        needed: usize,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let (mut next, mut ready) = (None::<Timestamp>, Vec::new());
        for row in rows::proposals(&self.store, MOST_WAITING).await? {
            let waits = row.state == ProposalState::Approved;
            if !waits {
                continue;
            }
            match due(&rows::approvals(&self.store, &row.hash).await?, needed) {
                Some(due) if due <= now => ready.push((due, row)),
                Some(due) => next = Some(next.map_or(due, |next| next.min(due))),
                None => {}
            }
        }
        ready.sort_by_key(|(due, row)| (*due, row.at));
        for (_, row) in ready {
            let files = rows::proposed_files(&self.store, &row.hash).await?.unwrap_or_default();
            let (shared, checked, by_files) = (Arc::clone(self), files.clone(), row.by == desk::FILES);
            let sound = Set::Guardrails.hash(&files, &self.desk.settings().timezone).as_str() == row.hash;
            let found = match sound {
                true => aside(move || shared.desk.succeeds(&checked, by_files)).await.unwrap_or_default(),
                false => Vec::new(),
            };
            if !sound || any_error(&found) {
                let first = found.into_iter().find(Diagnostic::is_error).map(|fault| fault.message);
                let why = first.unwrap_or_else(|| "what is kept of it is not what was proposed".into());
                tracing::error!(hash = row.hash, why, "an approved proposal does not come into force");
                let note = format!("it cannot follow what is in force now: {why}");
                desk::drop_proposal(&self.store, &row.hash, &note, now).await?;
                continue;
            }
            let over = self.desk.on_disk(Set::Guardrails).map(|hash| hash.to_string()).unwrap_or_default();
            if desk::enact(&self.store, (&row.hash, &files), &over, needed, now).await? {
                self.follow_store(now).await?;
            }
        }
        Ok(next)
    }

    /// Puts in force what the store says, and is not yet.
    async fn follow_store(self: &Arc<Self>, now: Timestamp) -> Result<(), StoreError> {
        let rollbacks = rows::rollbacks(&self.store).await?;
        self.desk.forget_rollbacks(&rollbacks);
        let (policy, mut orders) = (self.desk.pin(), Vec::new());
        for set in Set::BOTH {
            if let Some(row) = rollbacks.iter().find(|row| row.kind == set.as_str())
                && !self.desk.knows(row)
            {
                if self.desk.is_older(set, row) {
                    // An edit came after it that no service had the time to end it for.
                    rows::end_rollback(&self.store, row).await?;
                } else if let Some(files) = self.kept_files(set, &row.hash).await? {
                    orders.push(Order { set, files, rollback: Some(row.clone()) });
                    continue;
                }
            }
            // Where second persons have a say, what they let in force is what is kept last.
            if set == Set::Guardrails
                && self.desk.settings().approvals > 0
                && let Some((hash, at)) = policies::newest_since(&self.store, set.as_str()).await?
                && hash != policy.guardrails.hash().as_str()
                && at >= self.desk.since(set)
                && let Some(files) = self.kept_files(set, &hash).await?
            {
                orders.push(Order { set, files, rollback: None });
            }
        }
        if orders.is_empty() {
            return Ok(());
        }
        let told: Vec<_> = orders.iter().map(|order| (order.set, order.rollback.clone())).collect();
        let shared = Arc::clone(self);
        let put = aside(move || shared.desk.put(orders, now)).await;
        match put.unwrap_or_else(|_| Err(Vec::new())) {
            Ok(_) => {
                for (set, rollback) in told {
                    self.tell_in_force(set, rollback).await?;
                }
                self.tell_of_unknown_providers();
            }
            Err(found) => {
                tracing::error!("this version does not take what is to be in force; what was stays");
                for fault in found.iter().filter(|fault| fault.is_error()) {
                    tracing::error!(place = fault.place(), "{}", fault.message);
                }
            }
        }
        Ok(())
    }

    async fn tell_in_force(&self, set: Set, rollback: Option<RollbackRow>) -> Result<(), StoreError> {
        let policy = self.desk.pin();
        let hash = match set {
            Set::Guardrails => policy.guardrails.hash(),
            Set::Prompts => &policy.copy.revision,
        };
        match rollback {
            Some(row) => {
                tracing::info!(set = set.as_str(), %hash, by = row.by, "rolled back; it holds until the files are others");
                if let (true, Some(over)) = (row.over.is_empty(), self.desk.on_disk(set)) {
                    rows::laid_over(&self.store, set.as_str(), over.as_str()).await?;
                }
            }
            None => tracing::info!(set = set.as_str(), %hash, "approved, and in force"),
        }
        Ok(())
    }

    /// The files of a kept set, when they are those that were in force.
    async fn kept_files(&self, set: Set, hash: &str) -> Result<Option<Files>, StoreError> {
        let files = policies::by_hash(&self.store, set.as_str(), hash).await?;
        let files = files.filter(|files| set.hash(files, &self.desk.settings().timezone).as_str() == hash);
        if files.is_none() {
            let set = set.as_str();
            tracing::error!(set, hash, "what is to be in force is not kept; run `copyrail audit verify`");
        }
        Ok(files)
    }

    /// Puts kept sets back in force: both of a revision, or the one named. What waits for second persons says so.
    ///
    /// # Errors
    /// When the revision is not known or this version does not take it, or the store fails; then nothing changes.
    pub async fn roll_back(
        self: &Arc<Self>,
        (revision, only): (String, Option<Set>),
        (by, reason): (String, String),
    ) -> Result<(Vec<RolledBack>, Vec<String>), RollbackError> {
        let (shared, runtime) = (Arc::clone(self), Handle::current());
        let work = move || {
            runtime.block_on(async move {
                let (policy, now) = (shared.desk.pin(), (shared.parts.now)());
                let settings = shared.desk.settings();
                let in_force = [policy.guardrails.hash().to_string(), policy.copy.revision.to_string()];
                let wanted = (revision.as_str(), only);
                let plan = rollback::plan(&shared.store, settings, wanted, Some(in_force), now).await?;
                let looser = plan.looser.clone();
                let over = Set::BOTH.map(|set| shared.desk.on_disk(set));
                let over = over.map(|hash| hash.map(|hash| hash.to_string()).unwrap_or_default());
                let why = (by.as_str(), reason.as_str());
                let done = rollback::carry_out(&shared.store, settings, plan, why, over, now).await?;
                Ok((done, looser))
            })
        };
        let done = aside(work).await.map_err(|_| RollbackError::Store(StoreError::Closed))?;
        self.follow_desk().await;
        done
    }

    /// When a day, such as `2026-12-01`, begins where the rules' dates do.
    ///
    /// # Errors
    /// When it is no day: what to write instead.
    pub fn day_begins(&self, day: &str) -> Result<Timestamp, &'static str> {
        let zoned = day.parse::<Date>().and_then(|day| day.to_zoned(self.desk.settings().timezone.clone()));
        zoned.map(|zoned| zoned.timestamp()).map_err(|_| "`from`: write a day such as 2026-12-01")
    }

    /// Somebody approves a proposal; it is in force when this returns, if nobody else and no later day is asked for. Answers
    /// when it comes into force, `None` while it lacks others.
    ///
    /// # Errors
    /// When it cannot be approved, or not by them, or the store fails.
    pub async fn approve_proposal(
        self: &Arc<Self>,
        hash: &str,
        approval: ApprovalRow,
    ) -> Result<Option<Timestamp>, DeskError> {
        let due = desk::approve(&self.store, hash, &approval, self.desk.settings().approvals).await?;
        self.follow_desk().await;
        Ok(due)
    }

    /// Somebody sends a proposal back.
    ///
    /// # Errors
    /// When it does not wait, or the store fails.
    pub async fn send_proposal_back(
        self: &Arc<Self>,
        hash: &str,
        (by, note): (&str, &str),
    ) -> Result<(), DeskError> {
        desk::send_back(&self.store, hash, (by, note), (self.parts.now)()).await?;
        self.follow_desk().await;
        Ok(())
    }
}
