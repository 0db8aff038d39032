//! What somebody should look at, kept up to date: told in the log when it begins and when it ends.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Mutex, watch};

use super::Shared;
use super::tasks::every;
use crate::alerts::{Alert, AlertKind, Board, News, Node, REACH, Rates, Scene, Stopped};
use crate::audit::tally;
use crate::diagnostic::Diagnostic;
use crate::guardrail::{Enforcement, Guardrails};
use crate::policy::{Policy, Set, Standing, withdrawn};
use crate::store::{StoreError, policies, stops};
use crate::words::Revision;

/// How often is looked when nothing changes.
const PERIOD: Duration = Duration::from_secs(10);
/// The most generations of the log from before the start that make the norm.
const MOST: u32 = 200_000;
/// How many generations are read at once.
const PAGE: u32 = 2_000;
/// The most kept sets among which that of a day ago is looked for.
const MOST_KEPT: u32 = 500;

/// The alerts that stand.
#[derive(Debug, Default)]
pub struct Alerts {
    /// Apart from the rest, so that whoever asks waits for no look.
    standing: ArcSwap<Board>,
    /// Held by whoever looks.
    seen: Mutex<Seen>,
}

/// What is known from the looks before.
#[derive(Debug, Default)]
struct Seen {
    rates: Rates,
    /// Which store was counted, and up to which entry.
    counted: Option<(u64, i64)>,
    /// The guardrails whose rules `rates` knows as those in force.
    rules: Option<Revision>,
    /// What was found of pre-written copy under a revision, and until when that holds.
    withdrawn: Option<(Revision, Option<Timestamp>, Vec<Diagnostic>)>,
    /// How many changes of stops there were, and since when.
    stops: Option<Stopped>,
    /// Whether it was said that the log cannot be counted.
    told: bool,
}

impl Alerts {
    /// The alerts that stand, by kind and subject.
    pub fn standing(&self) -> Vec<Alert> {
        self.standing.load().standing.clone()
    }

    /// How many of each kind stand.
    pub fn counts(&self) -> Vec<(&'static str, usize)> {
        self.standing.load().counts()
    }
}

/// Looks every ten seconds; edits are looked at as they come.
pub(super) async fn watch(shared: Arc<Shared>, stopped: watch::Receiver<bool>) {
    shared.look_for_alerts().await;
    every(PERIOD, stopped, || shared.look_for_alerts()).await;
}

/// A service as alerts know it.
fn node(node: super::nodes::Node) -> Node {
    let super::nodes::Node { node: name, revision, since, seen, stops, .. } = node;
    Node { name, revision, since, seen, stops }
}

impl Shared {
    /// Looks now for what somebody should look at, and says what is new.
    pub async fn look_for_alerts(&self) {
        let mut seen = self.alerts.seen.lock().await;
        let (policy, now) = (self.desk.pin(), (self.parts.now)());
        match self.count(&mut seen, &policy.guardrails, now).await {
            Ok(()) => seen.told = false,
            Err(error) if !seen.told => {
                seen.told = true;
                tracing::warn!(%error, "the log cannot be read, so it is not known how often rules block");
            }
            Err(_) => {}
        }
        seen.look_at_copy(&policy, now).await;
        let nodes: Vec<_> = self.nodes().await.into_iter().map(node).collect();
        // While the store cannot be read nothing is known of others.
        if let Ok(changes) = stops::number(&self.store).await
            && seen.stops.is_none_or(|known| known.changes != changes)
        {
            seen.stops = Some(Stopped { changes, since: now });
        }
        let mut board = Board::clone(&self.alerts.standing.load());
        let News { began, ended } = board.look(&Scene {
            now,
            guardrails: &policy.guardrails,
            refused: &self.desk.refused(),
            withdrawn: seen.withdrawn.as_ref().map(|(_, _, found)| found.as_slice()).unwrap_or_default(),
            rates: &seen.rates,
            nodes: &nodes,
            stops: None,
        });
        self.alerts.standing.store(Arc::new(board));
        for Alert { kind, subject, message, owner, .. } in began {
            tracing::warn!(alert = kind.as_str(), subject, owner, "{message}");
        }
        for Alert { kind, subject, .. } in ended {
            tracing::info!(alert = kind.as_str(), subject, "over: {}", over(kind));
        }
    }

    /// Counts what rules made of the generations that the log has more than at the look before; at the first one, and of a
    /// store that was put in place since, of those of seven days.
    async fn count(&self, seen: &mut Seen, rules: &Guardrails, now: Timestamp) -> Result<(), StoreError> {
        let changes = self.store.changes();
        if seen.rules.is_none() {
            // Whether a rule is new to force can be told only by what was in force a day ago.
            if let Some(before) = self.guardrails_before(now - SignedDuration::from_hours(24)).await? {
                seen.rates.in_force(before.iter().map(String::as_str), now);
            }
        }
        if seen.rules.as_ref() != Some(rules.hash()) {
            seen.rates.in_force(enforced(rules), now);
            seen.rules = Some(rules.hash().clone());
        }
        let since = now - SignedDuration::from_secs(REACH);
        let mut after = match seen.counted {
            Some((of, after)) if of == changes => after,
            _ => {
                seen.rates.clear();
                tally::before_newest(&self.store, MOST).await?
            }
        };
        loop {
            let page = tally::judged(&self.store, after, since, PAGE).await?;
            let full = page.len() >= PAGE as usize;
            after = page.last().map_or(after, |last| last.seq);
            for judged in page {
                seen.rates.count(judged.at, judged.blocked_by);
            }
            seen.counted = Some((changes, after));
            if !full {
                break;
            }
        }
        seen.rates.forget(now);
        Ok(())
    }

    /// The names of the rules that were in force at an instant, as far as sets are kept; `None` where none is.
    async fn guardrails_before(&self, at: Timestamp) -> Result<Option<Vec<String>>, StoreError> {
        let kept = policies::kept(&self.store, Set::Guardrails.as_str(), MOST_KEPT).await?;
        let Some(kept) = kept.into_iter().find(|kept| kept.accepted_at <= at) else { return Ok(None) };
        let kept = self.editions.guardrails(&kept.hash).await?;
        let rules = kept.as_ref().and_then(|kept| kept.rules.as_ref());
        Ok(rules.map(|rules| enforced(rules).map(str::to_owned).collect()))
    }
}

impl Seen {
    /// Judges what people wrote, where the policy or the time asks for that.
    async fn look_at_copy(&mut self, policy: &Arc<Policy>, now: Timestamp) {
        let holds = |(revision, until, _): &(Revision, Option<Timestamp>, Vec<Diagnostic>)| {
            *revision == policy.revision && until.is_none_or(|until| now < until)
        };
        if self.withdrawn.as_ref().is_some_and(holds) {
            return;
        }
        // Judging every text takes its time, and those who answer pages have none to give.
        let judged = Arc::clone(policy);
        let found = tokio::task::spawn_blocking(move || {
            withdrawn(&judged.copy.prompts, &judged.guardrails, Standing::InForce, now)
        });
        if let Ok(found) = found.await {
            let until = policy.guardrails.next_change(now);
            self.withdrawn = Some((policy.revision.clone(), until, found));
        }
    }
}

/// The names of the rules that are enforced.
fn enforced(rules: &Guardrails) -> impl Iterator<Item = &str> {
    rules.rules().iter().filter(|rule| rule.mode() == Enforcement::Enforce).map(|rule| rule.id())
}

/// What is so again.
fn over(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::EditRefused => "the files are in force, or as they were",
        AlertKind::BlockRate => "the rule blocks about as much as it did",
        AlertKind::EvidenceEnding => "the evidence was renewed, or nothing relies on it",
        AlertKind::CopyWithdrawn => "the pre-written copy passes, or is gone",
        AlertKind::RevisionsDiffer => "the node has the same policy in force as the others",
        AlertKind::NodeUnseen => "the node was heard of again, or is gone for good",
        AlertKind::StopNotTaken => "the node has taken the stop",
    }
}
