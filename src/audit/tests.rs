//! The recorder, the proof and the search together, on real stores.

use std::time::Duration;

use serde_json::{Value, json};

use super::search::{Filter, ReviewState};
use super::testing::*;
use super::verify::{FaultKind, Report, verify};
use super::*;
use crate::store::log::{Append, Entry, Snapshot};
use crate::store::testing::{TestStore, at, test_store};
use crate::store::{Access, Store};
use crate::words::{Micros, PlacementId};

async fn entries(store: &Store) -> Vec<Entry> {
    let page = Snapshot::begin(store).await.unwrap().page(0, 10_000).await.unwrap();
    page.into_iter().map(|beside| beside.entry).collect()
}

async fn proof(store: &Store) -> Report {
    verify(store, None, |_, _| ()).await.unwrap()
}

/// The fields of a JSON record, by entry of a kind.
async fn values(store: &Store, kind: &str) -> Vec<Value> {
    let entries = entries(store).await.into_iter().filter(|entry| entry.kind == kind);
    entries.map(|entry| serde_json::from_slice(&entry.bytes).unwrap()).collect()
}

async fn until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.unwrap();
}

#[tokio::test]
async fn what_was_written_is_proven_and_counted() {
    let held = test_store().await;
    assert_eq!(proof(&held.store).await.head, None);
    write_sample(&held.store).await;
    let kinds: Vec<String> = entries(&held.store).await.into_iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, ["generation", "generation", "serves", "policy", "generation"]);

    let mut told = Vec::new();
    let report = verify(&held.store, None, |done, total| told.push((done, total))).await.unwrap();
    assert_eq!(report.fault, None);
    assert_eq!((report.records, report.generations, report.serves, report.erased), (5, 3, 2, 0));
    assert_eq!(told, [(3, 5), (5, 5)]);

    let head = report.head.unwrap();
    append_beside(&held.store, Event::Key(key(6))).await.unwrap();
    assert_eq!(verify(&held.store, Some(&head), |_, _| ()).await.unwrap().fault, None, "it may grow");
}

#[tokio::test]
async fn serves_are_one_block_of_lines_and_their_texts_are_kept_once() {
    let held = test_store().await;
    let recorder = recorder(&held.store, 100);
    for n in 1..=3 {
        recorder.serve(serve(n), Some("Made to last.".into()));
    }
    recorder.close().await;
    let hash = chain::text_hash("Made to last.");
    let lines = (1..=3).map(|n| {
        let record = ServeRecord { text_hash: Some(hash.clone()), ..serve(n) };
        String::from_utf8(records::encode("serve", &record).unwrap()).unwrap() + "\n"
    });
    let entry = entries(&held.store).await.remove(0);
    assert_eq!(String::from_utf8(entry.bytes.clone()).unwrap(), lines.collect::<String>());
    assert!(entry.bytes.starts_with(br#"{"v":1,"type":"serve","id":"#));
    assert_eq!(entry.hash, chain::hash(chain::GENESIS, &entry.bytes));
    assert_eq!(entry.at, at(3));
    assert_eq!(search::text(&held.store, &hash).await.unwrap().as_deref(), Some("Made to last."));
    assert_eq!(held.number("SELECT count(*) FROM texts").await, 1);
}

#[tokio::test]
async fn generations_that_wait_together_are_committed_together() {
    let held = test_store().await;
    let recorder = recorder(&held.store, 100);
    let many = (1..=200).map(|n| {
        let recorder = recorder.clone();
        tokio::spawn(async move { recorder.generation(generation(n), payload(n)).await })
    });
    for written in many.collect::<Vec<_>>() {
        written.await.unwrap().unwrap();
    }
    assert!(recorder.flushes() <= 20, "200 generations took {} transactions", recorder.flushes());
    assert_eq!(proof(&held.store).await.generations, 200);
}

#[tokio::test]
async fn a_failing_log_says_so_and_recovers_by_itself() {
    let held = test_store().await;
    let recorder = recorder(&held.store, 4);
    recorder.generation(generation(1), payload(1)).await.unwrap();
    assert!(recorder.healthy());

    held.tamper("ALTER TABLE chain RENAME TO away").await;
    let refused = recorder.generation(generation(2), payload(2)).await.unwrap_err();
    assert!(refused.to_string().starts_with("the log cannot be written: "), "{refused}");
    assert!(!recorder.healthy());
    for n in 1..=10 {
        recorder.serve(serve(n), None);
    }
    assert_eq!(recorder.lost(), 6);

    held.tamper("ALTER TABLE away RENAME TO chain").await;
    until(|| recorder.healthy()).await;
    recorder.generation(generation(3), payload(3)).await.unwrap();
    recorder.close().await;
    let report = proof(&held.store).await;
    assert_eq!((report.fault, report.generations, report.serves), (None, 2, 4));
    let gaps = values(&held.store, "gap").await;
    assert_eq!((gaps.len(), &gaps[0]["count"]), (1, &6.into()));
    assert_eq!(gaps[0]["from"], serve(5).at.to_string(), "the first serve that was lost");
    assert_eq!(gaps[0]["to"], at(100).to_string());
}

#[tokio::test]
async fn more_serves_than_there_is_room_for_are_a_gap() {
    let held = test_store().await;
    let recorder = recorder(&held.store, 2);
    for n in 1..=5 {
        recorder.serve(serve(n), None);
    }
    recorder.close().await;
    assert_eq!((recorder.lost(), proof(&held.store).await.serves), (3, 2));
    assert_eq!(values(&held.store, "gap").await[0]["count"], 3);
}

#[tokio::test]
async fn a_closed_log_takes_nothing() {
    let held = test_store().await;
    let recorder = recorder(&held.store, 2);
    recorder.close().await;
    recorder.close().await;
    assert!(recorder.generation(generation(1), payload(1)).await.is_err());
    recorder.serve(serve(1), None);
    assert_eq!((recorder.lost(), recorder.healthy()), (1, false));
}

#[tokio::test]
async fn closing_on_a_dead_store_ends_and_counts() {
    let held = test_store().await;
    let recorder = recorder(&held.store, 10);
    held.tamper("DROP TABLE chain").await;
    recorder.serve(serve(1), None);
    recorder.serve(serve(2), None);
    recorder.close().await;
    assert_eq!(recorder.lost(), 2);
}

#[tokio::test]
async fn commands_append_beside_a_running_recorder() {
    let held = test_store().await;
    let beside = Store::open(&held.url, Access::Beside).await.unwrap();
    let recorder = recorder(&held.store, 100);
    for n in 1..=10 {
        let serving = recorder.generation(generation(n), payload(n));
        let (served, made) = tokio::join!(serving, append_beside(&beside, Event::Key(key(n))));
        served.unwrap();
        made.unwrap();
    }
    recorder.close().await;
    let report = proof(&held.store).await;
    assert_eq!((report.fault, report.records, report.generations), (None, 20, 10));
}

/// Writes the sample, tampers with it, and expects this fault to be the first.
#[track_caller]
fn check(sql: &str, seq: Option<i64>, what: FaultKind, says: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let fault = runtime.block_on(async {
        let held: TestStore = test_store().await;
        write_sample(&held.store).await;
        let head = proof(&held.store).await.head.unwrap();
        held.tamper(sql).await;
        verify(&held.store, Some(&head), |_, _| ()).await.unwrap().fault
    });
    let fault = fault.unwrap_or_else(|| panic!("nothing was found wrong after {sql}"));
    assert_eq!((fault.seq, fault.what), (seq, what), "{sql}: {}", fault.explanation);
    assert!(fault.explanation.contains(says), "{sql}: {}", fault.explanation);
}

#[test]
fn any_change_of_the_chain_is_found() {
    use FaultKind::*;
    check(
        "UPDATE chain SET bytes = replace(bytes, 'why', 'who') WHERE seq = 2",
        Some(2),
        Changed,
        "was changed",
    );
    // Whatever its first digit is, it becomes another.
    let digit = "CASE substr(hash, 1, 1) WHEN '0' THEN '1' ELSE '0' END || substr(hash, 2)";
    let tampered = format!("UPDATE chain SET hash = {digit} WHERE seq = 1");
    check(&tampered, Some(1), Changed, "was changed");
    check("DELETE FROM chain WHERE seq = 3", Some(4), Missing, "entry 3 is missing");
    check("DELETE FROM chain WHERE seq <= 2", Some(3), Missing, "entries 1 to 2 are missing");
    check(
        "DELETE FROM chain WHERE seq = 5; DELETE FROM generations WHERE seq = 5",
        None,
        Truncated,
        "entry 4",
    );
    let empty = "DELETE FROM chain; DELETE FROM generations; DELETE FROM payloads";
    check(empty, None, Truncated, "its end was cut off");
    let swapped =
        "UPDATE chain SET seq = -seq WHERE seq IN (3, 4); UPDATE chain SET seq = 7 + seq WHERE seq < 0";
    check(swapped, Some(3), Reordered, "stands later");
    let renumbered = "DELETE FROM chain WHERE seq = 3; UPDATE chain SET seq = seq - 1 WHERE seq > 3";
    check(renumbered, Some(3), Missing, "the rest renumbered");
    check("UPDATE chain SET kind = 'gap' WHERE seq = 4", Some(4), Index, "kind `gap`");
    check("UPDATE chain SET at = at + 1 WHERE seq = 3", Some(3), Index, "not of the time");
}

#[test]
fn any_change_beside_the_chain_is_found() {
    use FaultKind::*;
    check(
        "UPDATE payloads SET bytes = replace(bytes, 'worth', 'not worth')",
        Some(1),
        Payload,
        "was changed",
    );
    check("UPDATE payloads SET bytes = NULL", Some(1), Payload, "was changed");
    check("DELETE FROM payloads", Some(1), Payload, "is gone");
    check("UPDATE generations SET outcome = 'passed' WHERE seq = 5", Some(5), Index, "something else");
    check("UPDATE generations SET cache_key = '00' WHERE seq = 2", Some(2), Index, "something else");
    check("DELETE FROM generations WHERE seq = 2", Some(2), Index, "does not list it");
    let stray = "INSERT INTO generations SELECT 9, 'x', at, cache_key, placement, segment, product, template,
                 revision, outcome, cost_micros FROM generations WHERE seq = 1";
    check(stray, Some(9), Index, "which is none");
    check("UPDATE texts SET text = 'Made to sell.'", None, Text, "was changed");
    check("DELETE FROM texts", Some(3), Text, "is gone");
}

#[tokio::test]
async fn a_fork_is_found() {
    let held = test_store().await;
    write_sample(&held.store).await;
    // Entry 6 follows entry 4, as entry 5 does.
    let prev = entries(&held.store).await[3].hash.clone();
    let bytes = Event::Policy(policy(6)).encode().unwrap();
    let (kind, hash) = ("policy".to_owned(), chain::hash(&prev, &bytes));
    let mut append = Append::begin(&held.store).await.unwrap();
    append.entries(&[Entry { seq: 6, kind, at: at(6), prev, hash, bytes }]).await.unwrap();
    append.commit().await.unwrap();
    let fault = proof(&held.store).await.fault.unwrap();
    assert_eq!((fault.seq, fault.what), (Some(6), FaultKind::Forked));
}

/// Three generations of one question that passed and one that was blocked, with reviews of them.
async fn write_reviewed(store: &Store) -> Recorder {
    let recorder = recorder(store, 100);
    for n in 1..=3 {
        let record = GenerationRecord { cache_key: "aa".into(), approval: true, ..generation(n) };
        recorder.generation(record, payload(n)).await.unwrap();
    }
    let blocked = GenerationRecord { outcome: Outcome::Blocked, ..generation(4) };
    recorder.generation(blocked, GenerationPayload { text: None, ..payload(4) }).await.unwrap();
    for (n, generation, action, note) in [
        (5, 2, ReviewAction::Reject, Some("Not our voice.")),
        (6, 2, ReviewAction::Approve, None),
        (7, 2, ReviewAction::Flag, Some("Once more?")),
        (8, 3, ReviewAction::Approve, None),
        (9, 3, ReviewAction::Takedown, None),
        (10, 3, ReviewAction::Note, Some("Gone.")),
    ] {
        recorder.review(review(n, generation, action), note.map(str::to_owned)).await.unwrap();
    }
    recorder
}

#[tokio::test]
async fn reviews_are_chained_with_their_notes_beside_them() {
    let held = test_store().await;
    write_reviewed(&held.store).await.close().await;
    let report = proof(&held.store).await;
    assert_eq!((report.fault, report.records), (None, 10));
    let written = values(&held.store, "review").await;
    assert_eq!(
        (&written[0]["v"], &written[0]["type"], &written[0]["action"]),
        (&json!(1), &json!("review"), &json!("reject"))
    );
    assert!(!written[0].to_string().contains("voice"), "what people write can be erased");
    let whole = search::generation(&held.store, id(2)).await.unwrap().unwrap();
    let told: Vec<_> = whole.reviews.iter().map(|r| (r.record.action, r.note.as_deref())).collect();
    assert_eq!(
        told,
        [
            (ReviewAction::Reject, Some("Not our voice.")),
            (ReviewAction::Approve, None),
            (ReviewAction::Flag, Some("Once more?"))
        ]
    );
    assert_eq!(whole.decided().map(|(_, decision)| decision), Some(Decision::Approved));
    let whole = serde_json::to_value(whole).unwrap();
    assert_eq!(
        whole["reviews"][0],
        json!({"id": id(2_000_005), "generation_id": id(2), "action": "reject", "at": at(5), "by": "jo",
               "note": "Not our voice."})
    );

    erase(&held, &[(5, 5), (7, 7), (10, 10)]).await;
    assert_eq!(proof(&held.store).await.fault, None, "a note may be erased");
    let whole = search::generation(&held.store, id(2)).await.unwrap().unwrap();
    assert!(whole.reviews.len() == 3 && whole.reviews.iter().all(|review| review.note.is_none()));
}

#[tokio::test]
async fn an_index_of_reviews_that_says_something_else_is_found() {
    for (tamper, expected) in [
        ("UPDATE reviews SET decision = 'approved' WHERE seq = 5", (Some(5), FaultKind::Index)),
        ("UPDATE reviews SET decision = NULL WHERE seq = 9", (Some(9), FaultKind::Index)),
        (
            "UPDATE reviews SET generation = (SELECT generation FROM reviews WHERE seq = 8) WHERE seq = 6",
            (Some(6), FaultKind::Index),
        ),
        ("DELETE FROM reviews WHERE seq = 7", (Some(7), FaultKind::Index)),
        ("INSERT INTO reviews VALUES (99, 'x', 'approved')", (Some(99), FaultKind::Index)),
        ("UPDATE payloads SET bytes = x'7b7d' WHERE seq = 5", (Some(5), FaultKind::Payload)),
        ("DELETE FROM payloads WHERE seq = 5", (Some(5), FaultKind::Payload)),
        ("INSERT INTO payloads VALUES (6, x'00', x'7b7d')", (Some(6), FaultKind::Payload)),
    ] {
        let held = test_store().await;
        write_reviewed(&held.store).await.close().await;
        held.tamper(tamper).await;
        let fault = proof(&held.store).await.fault.unwrap();
        assert_eq!((fault.seq, fault.what), expected, "{tamper}: {}", fault.explanation);
    }
}

#[tokio::test]
async fn the_latest_decision_counts_and_what_was_rejected_is_not_found_again() {
    let held = test_store().await;
    let early = Reviews::open(held.store.clone()).await.unwrap();
    let recorder = write_reviewed(&held.store).await;
    let late = Reviews::open(held.store.clone()).await.unwrap();
    let found = async |state| {
        let filter = Filter { review: Some(state), ..Filter::default() };
        let page = search::generations(&held.store, &filter, 10, None).await.unwrap();
        page.items.iter().map(|item| item.id.as_u64_pair().1).collect::<Vec<_>>()
    };
    assert_eq!(found(ReviewState::Awaiting).await, [1], "what was blocked awaits nobody");
    assert_eq!(found(ReviewState::Approved).await, [2]);
    assert_eq!(found(ReviewState::Rejected).await, [3]);
    assert_eq!(found(ReviewState::Flagged).await, [2], "a flag leaves it approved");

    let refreshed = async |reviews: &Reviews| {
        let mut rejected = Vec::new();
        reviews.refresh(|one| rejected.push(one)).await.unwrap();
        rejected
    };
    // One process learns what is decided from its start on, and the rest with the copy.
    let rejected = refreshed(&early).await;
    assert_eq!(rejected.last(), Some(&Rejected { generation: id(3), cache_key: "aa".into() }));
    assert_eq!(refreshed(&early).await, []);
    assert_eq!(
        [1, 2, 3].map(|n| early.decision(id(n))),
        [None, Some(Decision::Approved), Some(Decision::Rejected)]
    );
    assert_eq!(refreshed(&late).await, []);
    assert_eq!(late.decision(id(2)), None);
    let newest = late.latest_passed_for_key("aa").await.unwrap().unwrap();
    assert_eq!((newest.id, late.decision(id(2))), (id(2), Some(Decision::Approved)));

    recorder.review(review(11, 2, ReviewAction::Reject), None).await.unwrap();
    assert_eq!(late.latest_passed_for_key("aa").await.unwrap().unwrap().id, id(1));
    assert_eq!(late.decision(id(2)), Some(Decision::Approved), "it has not looked yet");
    assert_eq!(refreshed(&late).await.len(), 1);
    assert_eq!(late.decision(id(2)), Some(Decision::Rejected));
    recorder.review(review(12, 1, ReviewAction::Reject), None).await.unwrap();
    assert_eq!(late.latest_passed_for_key("aa").await.unwrap(), None);
}

#[tokio::test]
async fn a_review_that_was_tampered_with_has_no_effect_and_holds_up_no_other() {
    let held = test_store().await;
    let reviews = Reviews::open(held.store.clone()).await.unwrap();
    write_reviewed(&held.store).await.close().await;
    held.tamper("UPDATE chain SET bytes = replace(bytes, 'approve', 'aprove') WHERE seq = 6").await;
    reviews.refresh(drop).await.unwrap();
    assert_eq!(reviews.decision(id(2)), Some(Decision::Rejected));
    assert_eq!(reviews.decision(id(3)), Some(Decision::Rejected));
}

/// A generation with two verdicts, one of them with a reason.
async fn write_verdicts(store: &Store) {
    let recorder = recorder(store, 100);
    recorder.generation(generation(1), payload(1)).await.unwrap();
    recorder.verdict(verdict(2, 1), Some("It shouts.".into())).await.unwrap();
    recorder.verdict(verdict(3, 1), None).await.unwrap();
    recorder.close().await;
}

#[tokio::test]
async fn verdicts_are_chained_with_their_reasons_beside_them_and_their_costs_count() {
    let held = test_store().await;
    write_verdicts(&held.store).await;
    let whole = search::generation(&held.store, id(1)).await.unwrap().unwrap();
    let told: Vec<_> = whole.verdicts.iter().map(|v| (v.record.id, v.reason.as_deref())).collect();
    assert_eq!(told, [(verdict(2, 1).id, Some("It shouts.")), (verdict(3, 1).id, None)]);
    assert_eq!(whole.verdicts[0].record, verdict(2, 1));
    assert_eq!(search::spent_since(&held.store, at(0)).await.unwrap(), Micros(25 + 14));
    assert_eq!(search::spent_since(&held.store, at(3)).await.unwrap(), Micros(7));
    assert_eq!(proof(&held.store).await.fault, None);
    erase(&held, &[(1, 2)]).await;
    assert_eq!(proof(&held.store).await.fault, None);
    let whole = search::generation(&held.store, id(1)).await.unwrap().unwrap();
    assert!(whole.verdicts.len() == 2 && whole.verdicts.iter().all(|verdict| verdict.reason.is_none()));
}

#[tokio::test]
async fn an_index_of_verdicts_that_says_something_else_is_found() {
    for (tampering, expected) in [
        ("UPDATE verdicts SET cost_micros = 0 WHERE seq = 2", (Some(2), FaultKind::Index)),
        ("UPDATE verdicts SET generation = 'another' WHERE seq = 3", (Some(3), FaultKind::Index)),
        ("DELETE FROM verdicts WHERE seq = 2", (Some(2), FaultKind::Index)),
        ("INSERT INTO verdicts VALUES (1, 'x', 0, 0)", (Some(1), FaultKind::Index)),
        ("UPDATE payloads SET bytes = 'x' WHERE seq = 2", (Some(2), FaultKind::Payload)),
        ("INSERT INTO payloads VALUES (3, 'x', 'y')", (Some(3), FaultKind::Payload)),
        (
            "UPDATE chain SET bytes = replace(bytes, 'false', 'true') WHERE seq = 2",
            (Some(2), FaultKind::Changed),
        ),
    ] {
        let held = test_store().await;
        write_verdicts(&held.store).await;
        held.tamper(tampering).await;
        let fault = proof(&held.store).await.fault.unwrap_or_else(|| panic!("{tampering}"));
        assert_eq!((fault.seq, fault.what), expected, "{tampering}: {}", fault.explanation);
    }
}

#[tokio::test]
async fn erased_payloads_leave_the_chain_whole() {
    let held = test_store().await;
    write_sample(&held.store).await;
    erase(&held, &[(1, 2), (5, 5)]).await;
    let report = proof(&held.store).await;
    assert_eq!((report.fault, report.erased), (None, 3));
    let found = search::generation(&held.store, id(1)).await.unwrap().unwrap();
    assert_eq!((found.record, found.payload), (generation(1), None));
    let key = &generation(1).cache_key;
    assert_eq!(search::latest_passed_for_key(&held.store, key).await.unwrap(), None);
}

#[tokio::test]
async fn generations_are_found_page_by_page_while_the_log_grows() {
    let held = test_store().await;
    let recorder = recorder(&held.store, 100);
    for n in 1..=5 {
        recorder.generation(generation(n), payload(n)).await.unwrap();
    }
    let page = async |filter: &Filter, cursor: Option<&str>| {
        let page = search::generations(&held.store, filter, 2, cursor).await.unwrap();
        (page.items.iter().map(|item| item.id.as_u64_pair().1).collect::<Vec<_>>(), page.next_cursor)
    };
    let all = Filter::default();
    let (items, cursor) = page(&all, None).await;
    assert_eq!(items, [5, 4]);
    recorder.generation(generation(6), payload(6)).await.unwrap();
    let (items, cursor) = page(&all, cursor.as_deref()).await;
    assert_eq!(items, [3, 2]);
    let (items, cursor) = page(&all, cursor.as_deref()).await;
    assert_eq!((items, cursor), (vec![1], None));

    let between = Filter { since: Some(at(2)), until: Some(at(3)), ..Filter::default() };
    assert_eq!(page(&between, None).await, (vec![2], None));
    let product = Filter { product: Some("p-4".into()), outcome: Some(Outcome::Passed), ..Filter::default() };
    assert_eq!(page(&product, None).await, (vec![4], None));
    let nowhere = Filter { placement: Some(PlacementId::new("cta")), ..Filter::default() };
    assert_eq!(page(&nowhere, None).await, (vec![], None));
    let fault = search::generations(&held.store, &all, 2, Some("page two")).await.unwrap_err();
    assert!(fault.to_string().starts_with("`page two` is no cursor"));
}

#[tokio::test]
async fn copy_that_passed_is_found_by_its_key_and_costs_add_up() {
    let held = test_store().await;
    write_sample(&held.store).await;
    let passed = async |n: u64| search::latest_passed_for_key(&held.store, &generation(n).cache_key).await;
    let found = passed(2).await.unwrap().unwrap();
    assert_eq!(
        (found.id, Some(found.text), found.finished),
        (id(2), payload(2).text, generation(2).finished)
    );
    assert_eq!(passed(4).await.unwrap(), None, "it was blocked");
    assert_eq!(passed(9).await.unwrap(), None, "there is none");
    assert_eq!(search::spent_since(&held.store, at(2)).await.unwrap(), Micros(50));

    let whole = search::generation(&held.store, id(2)).await.unwrap().unwrap();
    let whole = serde_json::to_value(whole).unwrap();
    assert_eq!(whole["payload"]["text"], payload(2).text.unwrap());
    assert_eq!(whole["placement"], "why-this");

    held.tamper("UPDATE payloads SET bytes = replace(bytes, 'worth', 'not worth')").await;
    assert!(passed(2).await.is_err(), "a text that was tampered with is not served");
}

#[test]
fn whoever_gave_the_text_wrote_it_and_nobody_who_was_asked_in_vain() {
    let attempts =
        json!([{"model_asked": "first"}, {"model_asked": "second", "model_answering": "Second-1"}]);
    let record = records::GenerationRecord {
        attempts,
        model: Some("Second-1".into()),
        written_by: vec!["earlier".into()],
        ..generation(1)
    };
    let writers: Vec<&str> = record.writers().collect();
    assert_eq!(writers, ["second", "Second-1", "Second-1", "earlier"]);
}
