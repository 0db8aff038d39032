use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use super::*;
use crate::audit::append_beside;
use crate::audit::erase::{Order, erase};
use crate::audit::index::{catch_up, word};
use crate::audit::records::{
    self, Decision, Event, GapCause, GapRecord, GenerationRecord, Outcome, PolicyRecord, ServeRecord,
    StopKind, StopRecord, Undone,
};
use crate::audit::retain;
use crate::audit::testing::*;
use crate::config::Retention;
use crate::store::Store;
use crate::store::testing::{TestStore, at, test_store};
use crate::words::{Micros, PlacementId, Purpose, Reason, SegmentId, Source, Tier};

/// What the node's key makes of the user's reference.
const USER: [u8; 32] = [7; 32];

type Figures = BTreeMap<(&'static str, String), (u64, u64)>;
const HOURS: (i64, i64) = (-1_000_000, 1_000_000);
const ALL: [What; 21] = [
    What::Serve,
    What::Placement,
    What::Segment,
    What::Latency,
    What::Generation,
    What::Cost,
    What::Attempt,
    What::Finding,
    What::Opinion,
    What::Review,
    What::Overturn,
    What::Takedown,
    What::Stop,
    What::Edit,
    What::Gap,
    What::Erasure,
    What::Retention,
    What::Purge,
    What::Hold,
    What::Key,
    What::Export,
];

/// All that is counted, over all hours.
async fn counted(store: &Store) -> Figures {
    let mut counts = Counts::of(store).await.unwrap();
    let mut figures = Figures::new();
    for what in ALL {
        for sum in counts.sums(what, &[HOURS]).await.unwrap() {
            figures.insert((what.as_str(), sum.parts.join("/")), (sum.n, sum.total));
        }
    }
    figures
}

/// The same from the records of the chain alone, one after the other.
async fn by_hand(held: &TestStore) -> Figures {
    let mut append = Append::begin(&held.store).await.unwrap();
    let mut figures = Figures::new();
    let mut add = |what: &'static str, name: String, total: u64| {
        let found = figures.entry((what, name)).or_default();
        *found = (found.0 + 1, found.1 + total);
    };
    let (mut decided, mut ended, mut shown) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut after = 0;
    loop {
        let page = append.indexable(after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.seq;
        for record in page
            .iter()
            .flat_map(|entry| entry.bytes.split(|byte| *byte == b'\n'))
            .filter(|line| !line.is_empty())
        {
            match records::decode(record).unwrap() {
                Record::Serve(record) => {
                    let reason = record.reason.map(word).unwrap_or_default();
                    add("serve", format!("{}/{}/{reason}", word(record.tier), word(record.source)), 0);
                    add("placement", format!("{}/{}", record.placement, word(record.tier)), 0);
                    add("segment", record.segment.to_string(), 0);
                    let (us, mut at) = (record.latency_us as f64, 0);
                    while at < BUCKETS - 1 && 2_f64.powf(f64::from(at + 1) / 4.0) <= us {
                        at += 1;
                    }
                    add("latency", format!("{at:03}"), record.latency_us);
                    if let Some(id) = record.generation_id {
                        shown.entry(id).or_insert(record.at);
                    }
                }
                Record::Generation(stored) => {
                    let record = stored.record;
                    let reason = record.reason.map(word).unwrap_or_default();
                    let took = record.finished.duration_since(record.started).as_micros() as u64;
                    add("generation", format!("{}/{reason}", record.outcome.as_str()), took);
                    let purpose = record.purpose.unwrap_or(Purpose::Page).as_str();
                    if record.cost.0 > 0 {
                        add("cost", purpose.into(), record.cost.0);
                    }
                    for attempt in record.attempts.as_array().unwrap() {
                        let text = |field: &str| attempt[field].as_str().unwrap_or("").to_owned();
                        let [provider, model, fault] = ["provider", "model_asked", "fault"].map(text);
                        let cost = attempt["cost"].as_u64().unwrap_or(0);
                        add("attempt", format!("{purpose}/{provider}/{model}/{fault}"), cost);
                    }
                    let mut rules: BTreeMap<(String, bool), Vec<&str>> = BTreeMap::new();
                    for finding in record.findings.as_array().unwrap() {
                        let rule = finding["rule"].as_str().unwrap().to_owned();
                        let shadow = finding["shadow"] == json!(true);
                        rules.entry((rule, shadow)).or_default().push(finding["action"].as_str().unwrap());
                    }
                    for ((rule, shadow), actions) in rules {
                        let strictest = ["block", "repair", "fix", "note"];
                        let action = strictest.iter().find(|action| actions.contains(action)).unwrap();
                        let mode = if shadow { "shadow" } else { "enforce" };
                        let name = format!("{rule}/{action}/{mode}/{}", record.placement);
                        add("finding", name, actions.len() as u64);
                    }
                    ended.insert(record.id, record.finished);
                }
                Record::Review(stored) => {
                    let review = stored.record;
                    add("review", format!("{}/{}", word(review.action), review.by), 0);
                    if let Some(decision) = review.action.decision() {
                        let before: Option<(Decision, String)> =
                            decided.insert(review.generation_id, (decision, review.by.clone()));
                        if let Some((before, by)) = before.filter(|(before, _)| *before != decision) {
                            let whose = if by == review.by { "own" } else { "other" };
                            let (from, to) = (before.as_str(), decision.as_str());
                            add("overturn", format!("{from}/{to}/{}/{whose}", review.by), 0);
                        }
                    }
                    if review.action == ReviewAction::Takedown {
                        let (since, from) = match shown.get(&review.generation_id) {
                            Some(at) => (at, "serve"),
                            None => (&ended[&review.generation_id], "generation"),
                        };
                        let after = review.at.as_microsecond() - since.as_microsecond();
                        let name = format!("{}/{from}", review.generation_id);
                        add("takedown", name, u64::try_from(after).unwrap_or(0));
                    }
                }
                Record::Event(Event::Policy(record)) => {
                    let became = if record.accepted { "accepted" } else { "refused" };
                    add("edit", format!("{}/{became}/{}/{}", record.kind, record.by, record.hash), 0);
                }
                Record::Event(Event::Gap(record)) => add("gap", "killed".into(), record.count),
                Record::Event(Event::Stop(record)) => {
                    let what = if record.lifted { "lifted" } else { "set" };
                    add("stop", format!("{}/{what}/{}", record.kind.as_str(), record.by), 0);
                }
                Record::Verdict(stored) => {
                    add("cost", stored.record.service.clone(), stored.record.cost.0);
                    add("attempt", format!("{}///", stored.record.service), 0);
                    add("opinion", "brand.tone/shadow/failed".into(), 0);
                }
                other => panic!("{other:?}"),
            }
        }
    }
    figures
}

/// What differs, and nothing else.
fn difference(found: &Figures, expected: &Figures) -> Vec<String> {
    let keys = found.keys().chain(expected.keys()).collect::<std::collections::BTreeSet<_>>();
    let differs = keys.into_iter().filter(|key| found.get(key) != expected.get(key));
    differs.map(|key| format!("{key:?}: {:?} for {:?}", found.get(key), expected.get(key))).collect()
}

fn one<T: Clone>(random: &mut StdRng, of: &[T]) -> T {
    of[random.random_range(0..of.len())].clone()
}

fn findings(random: &mut StdRng) -> Value {
    let mut finding = || {
        let rule = one(random, &["brand.urgency", "claims.durable", "grounded"]);
        let action = one(random, &["note", "fix", "repair", "block"]);
        match random.random_range(0..4) {
            0 => json!({"rule": rule, "action": action, "shadow": true}),
            _ => json!({"rule": rule, "action": action}),
        }
    };
    (0..3).map(|_| finding()).collect()
}

/// Adds to a log something of everything, spread over a few days.
async fn grow(held: &TestStore, random: &mut StdRng, from: u64) {
    let recorder = recorder(&held.store, 4_000);
    let by = ["Ines", "Tom", "Mara\u{1f}Lind"];
    for n in from..from + 60 {
        let mut second = n as i64 * 1_200;
        let mut record = GenerationRecord {
            started: at(second),
            finished: at(second) + Duration::from_millis(random.random_range(1..9_000)),
            placement: PlacementId::new(one(random, &["why-this", "cta-subtext"])),
            outcome: one(random, &[Outcome::Passed, Outcome::Blocked, Outcome::Failed]),
            reason: one(random, &[None, Some(Reason::Guardrail), Some(Reason::Upstream)]),
            purpose: one(random, &[None, Some(Purpose::Bulk), Some(Purpose::Refresh)]),
            findings: findings(random),
            attempts: json!([{"provider": "primary", "model_asked": "m-1", "cost": 20, "fault": null},
                             {"provider": "second", "model_asked": "m-2", "cost": 5, "fault": "timeout"}]),
            ..generation(n)
        };
        if random.random_bool(0.2) {
            record.cost = Micros(0);
        }
        recorder.generation(record, payload(n)).await.unwrap();
        for serve_n in 0..random.random_range(0..12) {
            second += random.random_range(0..900);
            let generated = random.random_bool(0.7).then(|| id(from + random.random_range(0..=n - from)));
            let record = ServeRecord {
                at: at(second),
                placement: PlacementId::new(one(random, &["why-this", "cta-subtext"])),
                segment: SegmentId::new(one(random, &["default", "loyal"])),
                tier: one(random, &[Tier::User, Tier::Segment, Tier::Prewritten]),
                source: one(random, &[Source::Cache, Source::Generated]),
                reason: one(random, &[None, Some(Reason::Deadline)]),
                generation_id: generated,
                user: Some(blake3::Hash::from_bytes(USER).to_hex().to_string()),
                latency_us: 1 << random.random_range(0..30),
                ..serve(n * 100 + serve_n)
            };
            recorder.serve(record, None);
        }
        let generation = from + random.random_range(0..=n - from);
        let action = one(
            random,
            &[ReviewAction::Approve, ReviewAction::Reject, ReviewAction::Takedown, ReviewAction::Flag],
        );
        let review = ReviewRecord {
            by: one(random, &by).replace('\u{1f}', ""),
            at: at(second),
            ..review(n, generation, action)
        };
        recorder.review(review, None).await.unwrap();
        match random.random_range(0..4) {
            0 => recorder
                .policy(PolicyRecord { accepted: n % 2 == 0, at: at(second), ..policy(n) })
                .await
                .unwrap(),
            1 => recorder.verdict(verdict(n, generation), None).await.unwrap(),
            _ => {}
        }
    }
    recorder.close().await;
    let stop = StopRecord {
        id: id(from),
        at: at(7),
        by: "Tom".into(),
        reason: "Recalled.".into(),
        kind: StopKind::Product,
        value: "p-1".into(),
        prewritten: true,
        lifted: from > 1,
        generation_id: None,
    };
    append_beside(&held.store, Event::Stop(stop)).await.unwrap();
    let gap = GapRecord { from: at(1), to: at(2), count: 3, cause: Some(GapCause::Killed) };
    append_beside(&held.store, Event::Gap(gap)).await.unwrap();
}

#[tokio::test]
async fn what_is_counted_is_what_the_records_say() {
    for seed in 1..=3 {
        let held = test_store().await;
        let mut random = StdRng::seed_from_u64(seed);
        for turn in 0..3 {
            grow(&held, &mut random, 1 + turn * 100).await;
            if turn != 1 {
                catch_up(&held.store).await.unwrap();
            }
        }
        let (found, expected) = (counted(&held.store).await, by_hand(&held).await);
        assert_eq!(difference(&found, &expected), [""; 0], "seed {seed}");
        for what in ["overturn", "takedown", "finding", "cost", "gap", "stop"] {
            assert!(found.keys().any(|(known, _)| *known == what), "the sample has no {what}");
        }
        // Indexes made anew count nothing twice.
        held.tamper("UPDATE meta SET value = 0 WHERE name = 'index_format'").await;
        catch_up(&held.store).await.unwrap();
        assert_eq!(difference(&counted(&held.store).await, &expected), [""; 0]);
        // A store of the release before, whose entries were indexed and never counted.
        held.tamper("DELETE FROM counts; UPDATE meta SET value = 0 WHERE name = 'counted'").await;
        catch_up(&held.store).await.unwrap();
        assert_eq!(difference(&counted(&held.store).await, &expected), [""; 0]);
    }
}

#[tokio::test]
async fn hours_are_apart_and_days_add_up() {
    let held = test_store().await;
    grow(&held, &mut StdRng::seed_from_u64(9), 1).await;
    catch_up(&held.store).await.unwrap();
    let mut counts = Counts::of(&held.store).await.unwrap();
    let whole = counts.sums(What::Serve, &[HOURS]).await.unwrap();
    let hours: Vec<(i64, i64)> = (-1..60).map(|n| (hour(at(0)) + n, hour(at(0)) + n + 1)).collect();
    let apart = counts.sums(What::Serve, &hours).await.unwrap();
    let sum = |sums: &[Sum]| sums.iter().map(|sum| sum.n).sum::<u64>();
    assert!(apart.iter().map(|sum| sum.span).collect::<std::collections::BTreeSet<_>>().len() > 5);
    assert_eq!(sum(&apart), sum(&whole));
    let rows = counts.hours(What::Serve, HOURS).await.unwrap();
    assert!(rows.is_sorted_by(|a, b| a.at >= b.at));
    assert_eq!(rows.iter().map(|row| row.sum.n).sum::<u64>(), sum(&whole));
    assert_eq!(counts.sums(What::Serve, &[]).await.unwrap(), []);
    assert_eq!(counts.first().await.unwrap().map(hour), Some(hour(at(0))));
}

#[tokio::test]
async fn counting_says_when_it_is_behind() {
    let held = test_store().await;
    assert_eq!(Counts::of(&held.store).await.unwrap().lag(at(0)).await.unwrap(), Lag::None);
    write_sample(&held.store).await;
    let first = held.number("SELECT min(at) FROM chain").await;
    let first = Timestamp::from_microsecond(first).unwrap();
    let later = |seconds| first + jiff::SignedDuration::from_secs(seconds);
    let lag = async |now| Counts::of(&held.store).await.unwrap().lag(now).await.unwrap();
    assert_eq!(lag(later(5)).await, Lag::None, "it will be counted in a moment");
    assert_eq!(lag(later(500)).await, Lag::Since(first));
    catch_up(&held.store).await.unwrap();
    assert_eq!(lag(later(500)).await, Lag::None);
}

/// The time since the first serve is told only while that is there.
#[tokio::test]
async fn a_takedown_says_from_when_it_counts() {
    for deleted in [false, true] {
        let held = test_store().await;
        let writer = recorder(&held.store, 10);
        writer.generation(generation(1), payload(1)).await.unwrap();
        writer.serve(ServeRecord { generation_id: Some(id(1)), ..serve(20) }, None);
        writer.close().await;
        let writer = recorder(&held.store, 10);
        writer.serve(ServeRecord { generation_id: Some(id(1)), ..serve(30) }, None);
        writer.close().await;
        catch_up(&held.store).await.unwrap();
        if deleted {
            let keeping = Retention { serves: Some(Duration::ZERO), payload: None, generations: None };
            retain::run(&held.store, &keeping, at(25), false).await.unwrap();
        }
        let writer = recorder(&held.store, 10);
        writer.review(review(50, 1, ReviewAction::Takedown), None).await.unwrap();
        writer.close().await;
        catch_up(&held.store).await.unwrap();
        let found = Counts::of(&held.store).await.unwrap().sums(What::Takedown, &[HOURS]).await.unwrap();
        let seconds = |sum: &Sum| (sum.part(1).to_owned(), (sum.total + 500_000) / 1_000_000);
        let expected = if deleted { ("generation".to_owned(), 49) } else { ("serve".to_owned(), 30) };
        assert_eq!(found.iter().map(seconds).collect::<Vec<_>>(), [expected]);
    }
}

#[test]
fn latencies_fall_into_buckets_that_tell_them_again() {
    for micros in (0..2_000).chain([4_095, 4_096, 1 << 33, u64::MAX]) {
        let at = bucket(micros);
        assert!(at < BUCKETS);
        assert!(bucket_from(at) <= micros as f64, "{micros}");
        assert!(at == BUCKETS - 1 || (micros.max(1) as f64) < bucket_from(at + 1), "{micros}");
    }
    let sum = |micros: u64, n| Sum { span: 0, parts: vec![format!("{:03}", bucket(micros))], n, total: 0 };
    assert_eq!(Latencies::of(&[]).percentile(0.5), None);
    let all: Vec<Sum> = (1..=1_000).map(|n| sum(n * 100, 1)).collect();
    let told = Latencies::of(&all);
    for (share, exact) in [(0.5, 50_000.0), (0.95, 95_000.0), (0.99, 99_000.0)] {
        let found = told.percentile(share).unwrap() as f64;
        assert!((found / exact - 1.0).abs() < 0.2, "{share}: {found} for {exact}");
    }
    assert!(told.percentile(0.0).unwrap() <= told.percentile(1.0).unwrap());
}

#[test]
fn names_hold_what_they_are_given_and_no_more() {
    assert_eq!(name(&["a\u{1f}b", "", "c"]), "ab\u{1f}\u{1f}c");
    assert_eq!(name(&[&"x".repeat(10_000)]).len(), LONGEST);
    let words: std::collections::BTreeSet<_> = ALL.map(What::as_str).into_iter().collect();
    assert_eq!(words.len(), ALL.len());
}

#[tokio::test]
async fn erasure_and_retention_leave_what_was_counted() {
    let held = test_store().await;
    grow(&held, &mut StdRng::seed_from_u64(4), 1).await;
    catch_up(&held.store).await.unwrap();
    let before = counted(&held.store).await;
    let order = Order::new(&USER, "Ines", None, at(90_000));
    assert!(erase(&held.store, held.dir.path(), &order).await.unwrap().receipt.serves > 0);
    let keeping = Retention {
        serves: Some(Duration::ZERO),
        payload: Some(Duration::ZERO),
        generations: Some(Duration::ZERO),
    };
    let deleted = retain::run(&held.store, &keeping, at(1_000_000), false).await.unwrap();
    assert!(deleted.blocks > 0 && deleted.generations > 0);
    catch_up(&held.store).await.unwrap();
    let mut after = counted(&held.store).await;
    assert!(
        after.keys().any(|(what, _)| *what == "retention")
            && after.keys().any(|(what, _)| *what == "erasure")
    );
    after.retain(|(what, _), _| !["retention", "erasure"].contains(what));
    assert_eq!(difference(&after, &before), [""; 0]);
    let rows =
        held.number("SELECT count(*) FROM counts WHERE instr(name, '0707') OR instr(name, 'kettle')").await;
    assert_eq!(rows, 0, "nothing of a visitor, and no words");
}

/// What was undone is no earlier decision that anybody could overturn.
#[tokio::test]
async fn an_overturn_changes_a_decision_that_holds() {
    for (undone, expected) in [(false, vec!["approved/rejected/Tom/other"]), (true, vec![])] {
        let held = test_store().await;
        let writer = recorder(&held.store, 10);
        writer.generation(generation(1), payload(1)).await.unwrap();
        let approved = review(10, 1, ReviewAction::Approve);
        writer.review(approved.clone(), None).await.unwrap();
        if undone {
            let holds = Some(Decision::Undecided);
            let undoes = Some(Undone { review: approved.id, action: approved.action, holds });
            let undo = ReviewRecord { undoes, ..review(11, 1, ReviewAction::Undo) };
            writer.review(undo, None).await.unwrap();
        }
        let rejected = ReviewRecord { by: "Tom".into(), ..review(12, 1, ReviewAction::Reject) };
        writer.review(rejected, None).await.unwrap();
        writer.close().await;
        catch_up(&held.store).await.unwrap();
        let found = counted(&held.store).await;
        let found = found.keys().filter(|(what, _)| *what == "overturn").map(|(_, name)| name.as_str());
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }
}
