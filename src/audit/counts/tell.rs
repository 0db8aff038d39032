//! What an entry tells for the figures, by itself: pure, from records to a tally.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::Value;

use super::{Tally, What, hour};
use crate::audit::index::{Told, word};
use crate::audit::records::{Event, GenerationRecord, Record, ServeRecord, VerdictMode, VerdictRecord};
use crate::guardrail::Action;
use crate::words::{Purpose, Reason, Source, Tier};

/// How many buckets latencies fall into.
pub const BUCKETS: u32 = 160;

/// The bucket of a latency in microseconds: four for each doubling, so that a bucket ends at 1.19 times its beginning.
#[expect(clippy::cast_precision_loss, reason = "buckets are far wider than what is lost")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 256")]
pub fn bucket(micros: u64) -> u32 {
    ((micros.max(1) as f64).log2() * 4.0).floor().min(f64::from(BUCKETS - 1)) as u32
}

/// Where a bucket begins, in microseconds; the next one's beginning is its end. The first begins at nothing.
pub fn from(bucket: u32) -> f64 {
    if bucket == 0 { 0.0 } else { (f64::from(bucket.min(BUCKETS)) / 4.0).exp2() }
}

pub(super) fn tell(told: &Told, tally: &mut Tally) {
    match told {
        Told::Serves(serves) => tell_serves(serves.iter().map(|(_, record)| record.as_ref()), tally),
        Told::One(record) => match record.as_ref() {
            Record::Generation(stored) => tell_generation(&stored.record, tally),
            Record::Review(stored) => {
                let record = &stored.record;
                tally.add(What::Review, hour(record.at), &[&word(record.action), &record.by], 1, 0);
            }
            Record::Verdict(stored) => tell_verdict(&stored.record, tally),
            Record::Event(event) => tell_event(event, tally),
            Record::Serve(record) => tell_serves(std::iter::once(record.as_ref()), tally),
        },
        Told::Nothing => {}
    }
}

/// Serves are many: they are counted by what records lend, and named once.
fn tell_serves<'r>(records: impl Iterator<Item = &'r ServeRecord>, tally: &mut Tally) {
    let mut kinds: HashMap<(i64, Tier, Source, Option<Reason>), u64> = HashMap::new();
    let mut placements: HashMap<(i64, &str, Tier), u64> = HashMap::new();
    let mut segments: HashMap<(i64, &str), u64> = HashMap::new();
    let mut latencies: HashMap<(i64, u32), (u64, u64)> = HashMap::new();
    for record in records {
        let hour = hour(record.at);
        *kinds.entry((hour, record.tier, record.source, record.reason)).or_default() += 1;
        *placements.entry((hour, record.placement.as_str(), record.tier)).or_default() += 1;
        *segments.entry((hour, record.segment.as_str())).or_default() += 1;
        let (n, total) = latencies.entry((hour, bucket(record.latency_us))).or_default();
        (*n, *total) = (*n + 1, total.saturating_add(record.latency_us));
    }
    for ((hour, tier, source, reason), n) in kinds {
        let reason = reason.map(word).unwrap_or_default();
        tally.add(What::Serve, hour, &[&word(tier), &word(source), &reason], n, 0);
    }
    for ((hour, placement, tier), n) in placements {
        tally.add(What::Placement, hour, &[placement, &word(tier)], n, 0);
    }
    for ((hour, segment), n) in segments {
        tally.add(What::Segment, hour, &[segment], n, 0);
    }
    for ((hour, bucket), (n, total)) in latencies {
        tally.add(What::Latency, hour, &[&format!("{bucket:03}")], n, total);
    }
}

fn tell_generation(record: &GenerationRecord, tally: &mut Tally) {
    let hour = hour(record.finished);
    let reason = record.reason.map(word).unwrap_or_default();
    let took = record.finished.duration_since(record.started).as_micros();
    let took = u64::try_from(took).unwrap_or(0);
    tally.add(What::Generation, hour, &[record.outcome.as_str(), &reason], 1, took);
    let purpose = record.purpose.unwrap_or(Purpose::Page).as_str();
    tell_cost(purpose, hour, record.cost.0, &record.attempts, tally);
    let mut found: BTreeMap<(&str, bool), (Action, u64)> = BTreeMap::new();
    for finding in record.findings.as_array().into_iter().flatten() {
        let Some(rule) = finding.get("rule").and_then(Value::as_str) else { continue };
        let action = finding.get("action").and_then(|action| Action::deserialize(action).ok());
        let shadow = finding.get("shadow").and_then(Value::as_bool).unwrap_or(false);
        let (strictest, n) = found.entry((rule, shadow)).or_insert((Action::Note, 0));
        (*strictest, *n) = ((*strictest).max(action.unwrap_or(Action::Note)), *n + 1);
    }
    for ((rule, shadow), (action, n)) in found {
        let mode = if shadow { "shadow" } else { "enforce" };
        tally.add(What::Finding, hour, &[rule, &word(action), mode, record.placement.as_str()], 1, n);
    }
}

fn tell_verdict(record: &VerdictRecord, tally: &mut Tally) {
    let hour = hour(record.at);
    tell_cost(&record.service, hour, record.cost.0, &record.attempts, tally);
    for rule in &record.rules {
        let mode = match rule.mode {
            VerdictMode::Enforce => "enforce",
            VerdictMode::Shadow => "shadow",
        };
        let passed = match rule.passed {
            Some(true) => "passed",
            Some(false) => "failed",
            None => "unanswered",
        };
        tally.add(What::Opinion, hour, &[&rule.rule, mode, passed], 1, 0);
    }
}

fn tell_cost(purpose: &str, hour: i64, cost: u64, attempts: &Value, tally: &mut Tally) {
    if cost > 0 {
        tally.add(What::Cost, hour, &[purpose], 1, cost);
    }
    for attempt in attempts.as_array().into_iter().flatten() {
        let text = |field: &str| attempt.get(field).and_then(Value::as_str).unwrap_or_default();
        let cost = attempt.get("cost").and_then(Value::as_u64).unwrap_or(0);
        let parts = [purpose, text("provider"), text("model_asked"), text("fault")];
        tally.add(What::Attempt, hour, &parts, 1, cost);
    }
}

fn tell_event(event: &Event, tally: &mut Tally) {
    let hour = hour(event.at());
    let lifted = |lifted: bool, otherwise: &'static str| if lifted { "lifted" } else { otherwise };
    match event {
        Event::Policy(record) => {
            let became = if record.accepted { "accepted" } else { "refused" };
            tally.add(What::Edit, hour, &[&record.kind, became, &record.by, &record.hash], 1, 0);
        }
        Event::Step(record) => {
            let step = word(record.step);
            tally.add(What::Edit, hour, &[&record.kind, &step, &record.by, &record.hash], 1, 0);
        }
        Event::Gap(record) => {
            let cause = record.cause.map_or_else(|| "store".to_owned(), word);
            tally.add(What::Gap, hour, &[&cause], 1, record.count);
        }
        Event::Stop(record) => {
            let parts = [record.kind.as_str(), lifted(record.lifted, "set"), &record.by];
            tally.add(What::Stop, hour, &parts, 1, 0);
        }
        Event::Erasure(record) => tally.add(What::Erasure, hour, &[&record.by], 1, record.serves),
        Event::Retention(record) => {
            tally.add(What::Retention, hour, &[&word(record.what)], 1, record.count);
        }
        Event::Purge(record) => tally.add(What::Purge, hour, &[&record.by], 1, 0),
        Event::Hold(record) => {
            tally.add(What::Hold, hour, &[lifted(record.lifted, "placed"), &record.by], 1, 0);
        }
        Event::Key(record) => tally.add(What::Key, hour, &[&word(record.change), &record.role], 1, 0),
        Event::Export(record) => tally.add(What::Export, hour, &[&record.what, &record.by], 1, 0),
    }
}
