//! Records and recorders for tests.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::store::Store;
use crate::store::testing::{TestStore, at};
use crate::words::*;

/// A settled id.
pub(super) fn id(n: u64) -> Uuid {
    Uuid::from_u64_pair(0x0192_0000_0000_7000, n)
}

/// The n-th generation: it passed, began at second n and took half of one.
pub(super) fn generation(n: u64) -> GenerationRecord {
    let started = at(n as i64);
    GenerationRecord {
        id: id(n),
        started,
        finished: started + Duration::from_nanos(500_000_001),
        placement: PlacementId::new("why-this"),
        segment: SegmentId::new("bargain-hunters"),
        template: TemplateId::new("why-this/bargain-hunters"),
        revision: Revision::of([]),
        guardrails: "b3:00".into(),
        product: Some(format!("p-{n}")),
        locale: "en".into(),
        cache_key: format!("{n:064x}"),
        outcome: Outcome::Passed,
        reason: None,
        model: Some("simulated".into()),
        attempts: json!([{"finish_reason": "stop"}]),
        findings: json!([]),
        evidence: json!(["facts.watts"]),
        cost: Micros(25),
        trace_id: None,
        purpose: None,
        stale: None,
        expires: None,
        user: None,
        approval: false,
        rejudged: None,
        written_by: Vec::new(),
        plain_key: None,
        edited: None,
    }
}

pub(super) fn payload(n: u64) -> GenerationPayload {
    let text = Some(format!("A kettle worth having, number {n}."));
    let messages = json!([{"role": "user", "content": "Write."}]);
    GenerationPayload { messages, raw_texts: vec![text.clone()], text, ..Default::default() }
}

/// The n-th serve, of pre-written copy.
pub(super) fn serve(n: u64) -> ServeRecord {
    ServeRecord {
        id: id(1_000_000 + n),
        // Clocks tell nanoseconds, tables keep microseconds.
        at: at(n as i64) + jiff::SignedDuration::from_nanos(789),
        placement: PlacementId::new("why-this"),
        segment: SegmentId::new(DEFAULT_SEGMENT),
        conditions: serde_json::value::RawValue::from_string("{}".into()).unwrap(),
        product: None,
        user: None,
        tier: Tier::Prewritten,
        source: Source::Prewritten,
        reason: Some(Reason::Mode),
        generation_id: None,
        text_hash: None,
        latency_us: 90,
        revision: Revision::of([]),
        locale: "en".into(),
        template: None,
        pending: false,
        repeats: None,
        awaits: None,
        instead_of: None,
    }
}

pub(super) fn policy(n: u64) -> PolicyRecord {
    let files = [("brand.yml".to_owned(), "b3:01".to_owned())].into();
    let (kind, hash, by) = ("guardrails".into(), "b3:02".into(), "files".into());
    PolicyRecord { at: at(n as i64), kind, hash, accepted: true, files, faults: json!([]), by }
}

pub(super) fn key(n: u64) -> KeyRecord {
    let (name, role) = ("shop".into(), "serve".into());
    KeyRecord { at: at(n as i64), id: format!("key{n}"), name, role, change: KeyChange::Made }
}

/// The n-th review, of a generation: made at second n.
pub(super) fn review(n: u64, generation: u64, action: ReviewAction) -> ReviewRecord {
    ReviewRecord {
        id: id(2_000_000 + n),
        generation_id: id(generation),
        action,
        at: at(n as i64),
        by: "jo".into(),
        undoes: None,
        second_look: false,
    }
}

/// The n-th verdict, on a generation: made at second n, for 7 millionths.
pub(super) fn verdict(n: u64, generation: u64) -> VerdictRecord {
    VerdictRecord {
        id: id(3_000_000 + n),
        generation_id: id(generation),
        at: at(n as i64) + jiff::SignedDuration::from_nanos(789),
        service: "judge".into(),
        question: format!("{n:064x}"),
        guardrails: "b3:00".into(),
        rules: vec![RuleVerdict {
            rule: "brand.tone".into(),
            mode: VerdictMode::Shadow,
            passed: Some(false),
        }],
        opinion: json!({"score": 0.2, "pass": null}),
        error: None,
        attempts: json!([{"finish_reason": "stop"}]),
        cost: Micros(7),
    }
}

/// A recorder whose clock stands at second 100, and that tries a failing store every few milliseconds.
pub(super) fn recorder(store: &Store, capacity: usize) -> Recorder {
    let (max_delay, retry) = (Duration::from_millis(5), Duration::from_millis(5));
    let settings = Settings { capacity, max_delay, retry, ..Settings::default() };
    Recorder::start(store.clone(), settings, Arc::new(|| at(100)))
}

/// Five entries: a generation, another one with a block of two serves, a policy change, a blocked generation.
pub(super) async fn write_sample(store: &Store) {
    let recorder = recorder(store, 100);
    recorder.generation(generation(1), payload(1)).await.unwrap();
    recorder.serve(serve(1), Some("Made to last.".into()));
    recorder.serve(serve(2), None);
    recorder.generation(generation(2), payload(2)).await.unwrap();
    recorder.policy(policy(3)).await.unwrap();
    let blocked = GenerationRecord { outcome: Outcome::Blocked, ..generation(4) };
    recorder.generation(blocked, GenerationPayload { text: None, ..payload(4) }).await.unwrap();
    recorder.close().await;
}

/// Blanks the payload of these entries, as an erasure does, and leaves its receipt.
pub(super) async fn erase(held: &TestStore, payloads: &[Run]) {
    for (first, last) in payloads {
        held.tamper(&format!(
            "UPDATE payloads SET salt = NULL, bytes = NULL WHERE seq BETWEEN {first} AND {last}"
        ))
        .await;
    }
    receipt(held, payloads, Vec::new()).await;
}

/// The receipt of an erasure that blanked these texts.
pub(super) async fn erase_texts(held: &TestStore, texts: Vec<String>) {
    receipt(held, &[], texts).await;
}

async fn receipt(held: &TestStore, payloads: &[Run], texts: Vec<String>) {
    let record = ErasureRecord {
        id: id(4_000_001),
        at: at(200),
        by: "jo".into(),
        reference: None,
        payloads: payloads.to_vec(),
        texts,
        serves: 0,
        older_serves: 0,
        shared: 0,
    };
    append_beside(&held.store, Event::Erasure(record)).await.unwrap();
}
