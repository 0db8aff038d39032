//! The policy in force, and what somebody should look at.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use jiff::Timestamp;

use super::proposals::Waiting;
use super::{DAYS, Fault, last_day};
use crate::alerts::Alert;
use crate::app::Shared;
use crate::console::page::{Failed, Frame, Place, page_or, show};
use crate::console::say::{self, Safe, visible};
use crate::console::session::Reader;
use crate::document::Files;
use crate::guardrail::{Guardrails, ending};
use crate::policy::{Policy, Refusal, Set, read_file};

/// The most entries of each list; its own page has the rest.
const MOST: usize = 20;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/console/compliance", get(page))
}

#[derive(Template)]
#[template(path = "compliance/summary.html")]
struct Summary {
    frame: Frame,
    tab: &'static str,
    since: Safe,
    revision: Safe,
    sets: Vec<SetSaid>,
    nodes: Vec<NodeSaid>,
    refused: Vec<RefusedSaid>,
    rolled_back: Vec<RolledBackSaid>,
    hanging: Option<Safe>,
    approvals: usize,
    waiting: Vec<Waiting>,
    stops: usize,
    alerts: Vec<AlertSaid>,
    ends: Vec<EndSaid>,
    more_ends: usize,
}

struct SetSaid {
    name: &'static str,
    key: &'static str,
    hash: Safe,
    since: Safe,
    holds: String,
}

struct NodeSaid {
    name: String,
    itself: bool,
    revision: Safe,
    differs: bool,
    since: Safe,
    stops: bool,
    seen: String,
    lost: bool,
}

struct RefusedSaid {
    set: &'static str,
    since: Safe,
    faults: Vec<Fault>,
    more: usize,
}

struct RolledBackSaid {
    set: String,
    hash: Safe,
    by: String,
    at: Safe,
    reason: Safe,
}

struct AlertSaid {
    since: Safe,
    message: Safe,
    owner: Option<String>,
}

/// Something that is about to end.
struct EndSaid {
    on: String,
    days: i64,
    what: &'static str,
    name: String,
    to: String,
    follows: String,
}

impl EndSaid {
    fn badge(&self) -> (&'static str, String) {
        match self.days {
            ..0 => ("block", "ended".to_owned()),
            0 => ("block", "ends today".to_owned()),
            1 => ("repair", "ends tomorrow".to_owned()),
            days => ("repair", format!("in {days} days")),
        }
    }
}

async fn page(State(shared): State<Arc<Shared>>, reader: Reader) -> Response {
    page_or(&reader, summary(&shared, &reader).await)
}

async fn summary(shared: &Shared, reader: &Reader) -> Result<Response, Failed> {
    let (policy, now) = (shared.desk.pin(), (shared.parts.now)());
    let (ends, more_ends) = ends(shared, &policy.guardrails, now);
    let waiting = super::proposals::waiting(shared, reader).await?;
    let refused = refused(shared, reader).await;
    let zone = &reader.zone;
    let rolled_back = shared.desk.rolled_back().into_iter().map(|row| RolledBackSaid {
        set: row.kind,
        hash: say::id(row.hash),
        by: row.by,
        at: say::when(row.at, zone),
        reason: visible(&row.reason),
    });
    let alerts = shared.alerts.standing().into_iter().map(|Alert { since, message, owner, .. }| AlertSaid {
        since: say::when(since, zone),
        message: super::sentence(&message),
        owner,
    });
    Ok(show(&Summary {
        frame: Frame::of(reader, Place::Compliance, "Compliance"),
        tab: "summary",
        since: say::when(policy.since, zone),
        revision: say::id(&policy.revision),
        sets: sets(shared, reader, &policy),
        nodes: nodes(shared, reader, &policy, now).await,
        refused,
        rolled_back: rolled_back.collect(),
        hanging: shared.hanging().map(|since| say::when(since, zone)),
        approvals: shared.desk.settings().approvals,
        waiting,
        stops: shared.parts.stops.list(false).len(),
        alerts: alerts.take(MOST).collect(),
        ends,
        more_ends,
    }))
}

fn sets(shared: &Shared, reader: &Reader, policy: &Policy) -> Vec<SetSaid> {
    let (rules, prompts) = (policy.guardrails.rules().len(), &policy.copy.prompts);
    let (placements, segments) = (prompts.placements().count(), policy.copy.segments.iter().count());
    let counted = |n: usize, one: &str| say::counted(n as u64, one);
    vec![
        SetSaid {
            name: "Guardrails",
            key: "guardrails",
            hash: say::id(policy.guardrails.hash()),
            since: say::when(shared.desk.since(Set::Guardrails), &reader.zone),
            holds: counted(rules, "rule"),
        },
        SetSaid {
            name: "Segments and prompts",
            key: "prompts",
            hash: say::id(&policy.copy.revision),
            since: say::when(shared.desk.since(Set::Prompts), &reader.zone),
            holds: format!("{}, {}", counted(placements, "placement"), counted(segments, "segment")),
        },
    ]
}

async fn nodes(shared: &Shared, reader: &Reader, policy: &Policy, now: Timestamp) -> Vec<NodeSaid> {
    let stops = shared.parts.stops.number();
    let all = shared.nodes().await.into_iter();
    all.map(|node| NodeSaid {
        name: node.node,
        itself: node.itself,
        differs: node.revision != policy.revision.as_str(),
        revision: say::id(node.revision),
        since: say::when(node.since, &reader.zone),
        stops: node.stops >= stops,
        seen: say::ago(node.seen, now),
        lost: node.lost,
    })
    .collect()
}

/// Edits that did not take effect, with the lines that are wrong where the files still have them.
async fn refused(shared: &Shared, reader: &Reader) -> Vec<RefusedSaid> {
    let refused = shared.desk.refused();
    if refused.is_empty() {
        return Vec::new();
    }
    let zone = reader.zone.clone();
    let read = move || refused.iter().map(|refusal| refusal_said(refusal, &zone)).collect::<Vec<_>>();
    // The files are on a disk that may not answer.
    let read = tokio::task::spawn_blocking(read);
    tokio::time::timeout(std::time::Duration::from_millis(500), read)
        .await
        .ok()
        .and_then(Result::ok)
        .unwrap_or_else(|| {
            shared.desk.refused().iter().map(|refusal| said_without(refusal, reader)).collect()
        })
}

fn refusal_said(refusal: &Refusal, zone: &jiff::tz::TimeZone) -> RefusedSaid {
    let mut files = Files::new();
    let errors: Vec<_> = refusal.diagnostics.iter().filter(|fault| fault.is_error()).collect();
    for fault in errors.iter().take(MOST) {
        if !files.contains_key(&fault.file) {
            read_file(std::path::Path::new(&fault.file), &mut files, &mut Vec::new());
        }
    }
    RefusedSaid {
        set: name_of(refusal.set),
        since: say::when(refusal.since, zone),
        faults: errors.iter().take(MOST).map(|fault| Fault::of(fault, &files)).collect(),
        more: errors.len().saturating_sub(MOST),
    }
}

fn said_without(refusal: &Refusal, reader: &Reader) -> RefusedSaid {
    let errors: Vec<_> = refusal.diagnostics.iter().filter(|fault| fault.is_error()).collect();
    RefusedSaid {
        set: name_of(refusal.set),
        since: say::when(refusal.since, &reader.zone),
        faults: errors.iter().take(MOST).map(|fault| Fault::of(fault, &Files::new())).collect(),
        more: errors.len().saturating_sub(MOST),
    }
}

/// What people call a set.
pub(super) fn name_of(set: Set) -> &'static str {
    match set {
        Set::Guardrails => "guardrails",
        Set::Prompts => "segments and prompts",
    }
}

/// What ends within 30 days, or has: rules, what is said of them, waivers, evidence.
fn ends(shared: &Shared, guardrails: &Guardrails, now: Timestamp) -> (Vec<EndSaid>, usize) {
    let days_to = |before: Timestamp| {
        // What ends with a day is over at the beginning of the next.
        before.duration_since(now).as_hours().div_euclid(24)
    };
    let near = |before: &Timestamp| *before > now && days_to(*before) <= DAYS;
    let mut all: Vec<(Timestamp, EndSaid)> = Vec::new();
    for rule in guardrails.rules() {
        let to = format!("/console/compliance/rules/{}", super::encoded(rule.id()));
        let mut add = |before: Timestamp, what, follows: String| {
            let (on, days) = (last_day(shared, before), days_to(before));
            let (name, to) = (rule.id().to_owned(), to.clone());
            all.push((before, EndSaid { on, days, what, name, to, follows }));
        };
        if let Some(before) = rule.before().filter(near) {
            add(before, "Rule", "It finds nothing from then on.".to_owned());
        }
        if let Some(before) = rule.overridden_before().filter(near) {
            add(before, "Override", "The rule is as its own file says from then on.".to_owned());
        }
    }
    for waiver in guardrails.shown_waivers().filter(|waiver| near(&waiver.before)) {
        let to =
            waiver.rules.first().map(|rule| format!("/console/compliance/rules/{}", super::encoded(rule)));
        let end = EndSaid {
            on: super::date(waiver.until),
            days: days_to(waiver.before),
            what: "Waiver",
            name: say::cut(waiver.text, 80),
            to: to.unwrap_or_else(|| "/console/compliance/rules".to_owned()),
            follows: format!("{} hold that text back again.", waiver.rules.join(", ")),
        };
        all.push((waiver.before, end));
    }
    for end in ending(guardrails, now).into_iter().filter(|end| i64::from(end.days) <= DAYS) {
        let claims = end.claims.join(", ");
        let said = EndSaid {
            on: super::date(end.evidence.until()),
            days: i64::from(end.days),
            what: "Evidence",
            name: end.evidence.id().to_owned(),
            to: format!("/console/compliance/evidence#{}", super::encoded(end.evidence.id())),
            follows: match claims.is_empty() {
                true => "No claim rests on it.".to_owned(),
                false => format!("Without it nobody may say {claims}."),
            },
        };
        let at = end.since.unwrap_or(now);
        all.push((at, said));
    }
    all.sort_by_key(|(at, end)| (end.days, *at));
    let more = all.len().saturating_sub(MOST);
    (all.into_iter().take(MOST).map(|(_, end)| end).collect(), more)
}
