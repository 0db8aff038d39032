//! What somebody should look at: pure, from values to alerts.
//!
//! ```text
//! Scene (edits refused, evidence, rates, nodes, copy withdrawn, stops) → look → alerts → Board → what began, what ended
//! ```
//!
//! Knows no clock, no store and no log: who looks says what the moment is and brings what there is to be seen.

mod rates;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

pub use rates::{Counted, REACH, Raised, Rates};

use crate::diagnostic::Diagnostic;
use crate::guardrail::{Guardrails, ending};
use crate::policy::Refusal;

/// How long nodes may have different policies in force.
const PATIENCE: SignedDuration = SignedDuration::from_secs(10);
/// How long one may be silent: they speak every ten seconds.
const SILENCE: SignedDuration = SignedDuration::from_secs(60);
/// How long a node may take to learn of a stop.
const STOP_WITHIN: SignedDuration = SignedDuration::from_secs(2);
/// After so long without a word a node is gone for good.
const GONE: SignedDuration = SignedDuration::from_hours(24);

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// An edit is refused, and what was in force before it stays.
    EditRefused,
    /// A rule blocks far more than it did.
    BlockRate,
    /// Evidence on which claims rely has ended or is about to.
    EvidenceEnding,
    /// Pre-written copy does not pass the rules.
    CopyWithdrawn,
    /// Nodes have different policies in force.
    RevisionsDiffer,
    /// A node has not been heard of.
    NodeUnseen,
    /// A node has not learnt of a stop.
    StopNotTaken,
}

impl AlertKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::EditRefused,
        Self::BlockRate,
        Self::EvidenceEnding,
        Self::CopyWithdrawn,
        Self::RevisionsDiffer,
        Self::NodeUnseen,
        Self::StopNotTaken,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EditRefused => "edit_refused",
            Self::BlockRate => "block_rate",
            Self::EvidenceEnding => "evidence_ending",
            Self::CopyWithdrawn => "copy_withdrawn",
            Self::RevisionsDiffer => "revisions_differ",
            Self::NodeUnseen => "node_unseen",
            Self::StopNotTaken => "stop_not_taken",
        }
    }
}

/// Something that somebody should look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// What it is about.
    pub kind: AlertKind,
    /// What of that kind: a rule, a piece of evidence, a node, a file, one of the two sets.
    pub subject: String,
    /// Since when it is so, as far as anybody knows.
    pub since: Timestamp,
    /// What is wrong and what to do, in plain words, without a full stop.
    pub message: String,
    /// Whom to tell, where a file names an owner.
    pub owner: Option<String>,
}

/// One service on this store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// What it has in force.
    pub revision: String,
    /// Since when.
    pub since: Timestamp,
    /// When it was last heard of.
    pub seen: Timestamp,
    /// How many changes of stops it has taken.
    pub stops: i64,
}

/// The changes of stops that every node should have taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// How many there were.
    pub changes: i64,
    /// When this many were first seen.
    pub since: Timestamp,
}

/// All that there is to be seen at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The moment.
    pub now: Timestamp,
    /// The rules in force.
    pub guardrails: &'a Guardrails,
    /// The edits that stand refused.
    pub refused: &'a [Refusal],
    /// What is said of pre-written copy that the rules do not let pass.
    pub withdrawn: &'a [Diagnostic],
    /// How often rules block.
    pub rates: &'a Rates,
    /// The services on this store; empty while that is not known.
    pub nodes: &'a [Node],
    /// What of stops they should all have taken; `None` while that is not known.
    pub stops: Option<Stopped>,
}

/// The alerts of a scene, by kind and subject. `standing` are those of the look before.
pub fn look(scene: &Scene<'_>, standing: &[Alert]) -> Vec<Alert> {
    let mut found = Vec::new();
    found.extend(scene.refused.iter().map(refused));
    found.extend(rates(scene, standing));
    found.extend(evidence(scene));
    found.extend(withdrawn(scene));
    found.extend(nodes(scene));
    for alert in &mut found {
        // What was there at the look before is no newer than it was then.
        if let Some(before) = standing.iter().find(|before| before.is_about(alert)) {
            alert.since = alert.since.min(before.since);
        }
    }
    found.sort_by(|a, b| (a.kind, &a.subject).cmp(&(b.kind, &b.subject)));
    found.dedup_by(|a, b| a.is_about(b));
    found
}

impl Alert {
    /// Whether both are about the same thing.
    pub fn is_about(&self, other: &Self) -> bool {
        (self.kind, &self.subject) == (other.kind, &other.subject)
    }
}

/// The alerts that stand.
#[derive(Clone, Debug, Default)]
pub struct Board {
    /// They themselves, by kind and subject.
    pub standing: Vec<Alert>,
}

/// What is new on the board since the look before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// What began.
    pub began: Vec<Alert>,
    /// What ended.
    pub ended: Vec<Alert>,
}

impl Board {
    /// Puts up what a scene shows, and answers what is new: everything is said once when it begins and once when it ends.
    pub fn look(&mut self, scene: &Scene<'_>) -> News {
        let found = look(scene, &self.standing);
        let missing = |from: &[Alert], of: &[Alert]| {
            let new = of.iter().filter(|alert| !from.iter().any(|known| known.is_about(alert)));
            new.cloned().collect::<Vec<_>>()
        };
        let (began, ended) = (missing(&self.standing, &found), missing(&found, &self.standing));
        self.standing = found;
        News { began, ended }
    }

    /// How many of each kind stand.
    pub fn counts(&self) -> Vec<(&'static str, usize)> {
        let of = |kind| self.standing.iter().filter(|alert| alert.kind == kind).count();
        AlertKind::ALL.into_iter().map(|kind| (kind.as_str(), of(kind))).collect()
    }
}

fn refused(refusal: &Refusal) -> Alert {
    let faults: Vec<&Diagnostic> = refusal.diagnostics.iter().filter(|d| d.is_error()).collect();
    let first = faults.first().map(|fault| format!(": {}: {}", fault.place(), fault.message));
    let more = match faults.len() {
        0 | 1 => String::new(),
        2 => " (and another fault)".to_owned(),
        faults => format!(" (and {} more faults)", faults - 1),
    };
    let owners: BTreeSet<&str> = faults.iter().filter_map(|fault| fault.owner.as_deref()).collect();
    let set = refusal.set.as_str();
    let first = first.unwrap_or_default();
    Alert {
        kind: AlertKind::EditRefused,
        subject: set.to_owned(),
        since: refusal.since,
        message: format!(
            "the newest edit of the {set} is refused, and what was in force before it stays{first}{more}; \
             mend the files, or put them back as they were"
        ),
        owner: one_or_none(&owners),
    }
}

fn rates<'s>(scene: &'s Scene<'_>, standing: &[Alert]) -> impl Iterator<Item = Alert> + use<'s> {
    let said = standing.iter().filter(|alert| alert.kind == AlertKind::BlockRate);
    let said: BTreeSet<&str> = said.map(|alert| alert.subject.as_str()).collect();
    scene.rates.raised(scene.now, &said).into_iter().map(|Raised { rule, hour, norm }| {
        let owner = scene.guardrails.rules().iter().find(|known| known.id() == rule);
        let usually = match norm.blocked {
            0 => "and blocked none in the seven days before".to_owned(),
            _ => format!("against {} in the seven days before", percent(norm.share())),
        };
        Alert {
            kind: AlertKind::BlockRate,
            since: scene.now,
            message: format!(
                "`{rule}` blocked {} of {} texts in the last hour ({}), {usually}; look at what it blocked \
                 in the log, and at what was changed: the rule, a template, the model",
                hour.blocked,
                hour.judged,
                percent(hour.share()),
            ),
            owner: owner.and_then(|rule| rule.owner()).map(str::to_owned),
            subject: rule,
        }
    })
}

fn evidence<'s>(scene: &'s Scene<'_>) -> impl Iterator<Item = Alert> + use<'s> {
    let relied_on = ending(scene.guardrails, scene.now).into_iter().filter(|end| !end.claims.is_empty());
    relied_on.map(|end| {
        let owners: BTreeSet<&str> = end.owners.iter().copied().collect();
        let claims = end.claims.iter().map(|claim| format!("`{claim}`")).collect::<Vec<_>>().join(", ");
        let follows = match end.is_over() {
            true => format!("{claims} is not said any more; have it renewed, or take the claim out"),
            false => format!("have it renewed: {claims} cannot be said without it"),
        };
        Alert {
            kind: AlertKind::EvidenceEnding,
            subject: end.evidence.id().to_owned(),
            since: end.since.unwrap_or(scene.now).min(scene.now),
            message: format!("{}; {follows}", end.told()),
            owner: one_or_none(&owners).or_else(|| Some(end.evidence.accepted_by().to_owned())),
        }
    })
}

fn withdrawn<'s>(scene: &'s Scene<'_>) -> impl Iterator<Item = Alert> + use<'s> {
    scene.withdrawn.iter().map(|fault| Alert {
        kind: AlertKind::CopyWithdrawn,
        subject: fault.place(),
        since: scene.now,
        message: match &fault.help {
            Some(help) => format!("{}: {}; {help}", fault.place(), fault.message),
            None => format!("{}: {}", fault.place(), fault.message),
        },
        owner: fault.owner.clone(),
    })
}

fn nodes(scene: &Scene<'_>) -> Vec<Alert> {
    let ago = |at: Timestamp| scene.now.duration_since(at);
    let (heard, silent): (Vec<&Node>, Vec<&Node>) =
        scene.nodes.iter().filter(|node| ago(node.seen) <= GONE).partition(|node| ago(node.seen) <= SILENCE);
    let mut found = Vec::new();
    for node in silent {
        found.push(Alert {
            kind: AlertKind::NodeUnseen,
            subject: node.name.clone(),
            since: node.seen,
            message: format!(
                "node `{}` has not been heard of since {}; nobody can tell what it has in force: see whether it \
                 runs and reaches the store, or take it out of traffic",
                node.name, node.seen
            ),
            owner: None,
        });
    }
    let newest = heard.iter().max_by_key(|node| node.since);
    for (node, newest) in heard.iter().flat_map(|node| newest.map(|newest| (node, newest))) {
        // What a node said before the other's edit had its time says nothing of it.
        if node.revision != newest.revision && node.seen.duration_since(newest.since) > PATIENCE {
            found.push(Alert {
                kind: AlertKind::RevisionsDiffer,
                subject: node.name.clone(),
                since: newest.since,
                message: format!(
                    "node `{}` has {} in force since {}, and `{}` has {} since {}; compare the files that \
                     each of them sees, and what `GET /v1/policy` of `{}` says it refused",
                    node.name,
                    node.revision,
                    node.since,
                    newest.name,
                    newest.revision,
                    newest.since,
                    node.name
                ),
                owner: None,
            });
        }
    }
    if let Some(stops) = scene.stops {
        let lacks =
            |node: &&&Node| node.stops < stops.changes && node.seen.duration_since(stops.since) > STOP_WITHIN;
        for node in heard.iter().filter(lacks) {
            found.push(Alert {
                kind: AlertKind::StopNotTaken,
                subject: node.name.clone(),
                since: stops.since,
                message: format!(
                    "node `{}` has not taken the latest change of the stops; take it out of traffic until it \
                     reaches the store again",
                    node.name
                ),
                owner: None,
            });
        }
    }
    found
}

/// All owners in one line; none where there are none.
fn one_or_none(owners: &BTreeSet<&str>) -> Option<String> {
    (!owners.is_empty()).then(|| owners.iter().copied().collect::<Vec<_>>().join(", "))
}

/// A share as percent: with a decimal where it is small.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent < 10.0 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

#[cfg(test)]
mod tests;
