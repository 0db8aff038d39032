//! What the recorder writes when, on real stores.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sqlx::Connection;
use tokio::time::Instant;

use super::append::Appending;
use super::testing::*;
use super::verify::verify;
use super::*;
use crate::store::Store;
use crate::store::log::{Entry, Head, Snapshot};
use crate::store::testing::{TestStore, at, test_store};

async fn entries(store: &Store) -> Vec<Entry> {
    let page = Snapshot::begin(store).await.unwrap().page(0, 10_000).await.unwrap();
    page.into_iter().map(|beside| beside.entry).collect()
}

/// All serves of the log, in order, after the kinds of all entries.
async fn told(store: &Store) -> (Vec<String>, Vec<Value>) {
    let entries = entries(store).await;
    let serves = entries.iter().filter(|entry| entry.kind == "serves");
    let text: String = serves.map(|entry| std::str::from_utf8(&entry.bytes).unwrap()).collect();
    let serves = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (entries.into_iter().map(|entry| entry.kind).collect(), serves)
}

async fn sound(store: &Store) {
    assert_eq!(verify(store, None, |_, _| ()).await.unwrap().fault, None);
}

#[tokio::test]
async fn users_are_named_under_keys_of_their_own_and_never_by_their_digest() {
    let held = test_store().await;
    let key = UserKey::open(held.dir.path()).unwrap();
    let recorder = recorder(&held.store, 100);
    let digest = |user: &str| Some(key.hash(user));
    // What looks like the field stands in every text of the record.
    let trap = format!(r#"x","user":"{}"#, key.hash("u-1"));
    let trapped = |n| ServeRecord {
        user: digest("u-1"),
        product: Some(trap.clone()),
        locale: trap.clone(),
        template: Some(crate::words::TemplateId::new(trap.as_str())),
        conditions: serde_json::value::RawValue::from_string(r#"{"s":1,"user":"yes"}"#.into()).unwrap(),
        ..serve(n)
    };
    recorder.serve(trapped(1), None);
    recorder.serve(ServeRecord { user: digest("u-2"), ..serve(2) }, None);
    recorder.serve(serve(3), None);
    let record = GenerationRecord { user: digest("u-1"), ..generation(4) };
    recorder.generation(record, payload(4)).await.unwrap();
    recorder.serve(trapped(5), None);
    recorder.close().await;
    sound(&held.store).await;

    let named = |user: &'static str| {
        let (store, digest) = (held.store.clone(), key.digest(user));
        async move { references(&store, &digest).await.unwrap() }
    };
    let (one, two) = (named("u-1").await, named("u-2").await);
    assert_eq!((one.len(), &one[1]), (2, &key.hash("u-1")));
    let (_, serves) = told(&held.store).await;
    let users: Vec<_> = serves.iter().map(|serve| serve["user"].as_str()).collect();
    assert_eq!(users, [Some(&*one[0]), Some(&*two[0]), None, Some(&*one[0])]);
    assert_eq!((&serves[0]["product"], &serves[0]["locale"]), (&Value::from(&*trap), &Value::from(&*trap)));
    let generations = search::generation(&held.store, id(4)).await.unwrap().unwrap();
    assert_eq!(serde_json::to_value(generations).unwrap()["user"], one[0]);
    assert_eq!(held.number("SELECT count(*) FROM users").await, 2);

    // Once the key is erased, the name is another one.
    held.tamper("DELETE FROM users").await;
    let recorder = super::testing::recorder(&held.store, 100);
    recorder.serve(trapped(6), None);
    recorder.close().await;
    let again = named("u-1").await;
    assert_ne!(again[0], one[0]);
    assert_eq!(told(&held.store).await.1.last().unwrap()["user"], again[0]);
}

#[tokio::test]
async fn blocks_have_at_most_4096_lines() {
    let held = test_store().await;
    let lines: Vec<_> = (0..5_000).map(|n| append::serve(serve(n), None).unwrap()).collect();
    let mut appending = Appending::begin(&held.store).await.unwrap();
    appending.serves(&lines.iter().collect::<Vec<_>>(), &Default::default()).await.unwrap();
    appending.insert().await.unwrap();
    appending.commit().await.unwrap();
    let blocks = entries(&held.store).await;
    let lines = |entry: &Entry| entry.bytes.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(blocks.iter().map(lines).collect::<Vec<_>>(), [4_096, 904]);
    assert_eq!(blocks[0].at, at(4_095));
    sound(&held.store).await;
}

/// A recorder with a spool in the store's folder, of this many bytes.
fn spooling(held: &TestStore, capacity: usize, limit: u64) -> Recorder {
    let settings = Settings { spool: Some((held.dir.path().join(SPOOL), limit)), ..settings(capacity) };
    Recorder::start(held.store.clone(), settings, Arc::new(|| at(100)))
}

fn settings(capacity: usize) -> Settings {
    let (max_delay, retry) = (Duration::from_millis(5), Duration::from_millis(5));
    Settings { capacity, max_delay, retry, ..Settings::default() }
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), wait).await;
    assert!(waited.is_ok(), "in vain until {what}");
}

/// The store fails from here on, and the recorder has noticed.
async fn break_store(held: &TestStore, recorder: &Recorder) {
    held.tamper("ALTER TABLE chain RENAME TO away").await;
    recorder.policy(policy(1)).await.unwrap_err();
}

async fn mend_store(held: &TestStore) {
    held.tamper("ALTER TABLE away RENAME TO chain").await;
}

fn numbers(serves: &[Value]) -> Vec<u64> {
    let number =
        |serve: &Value| u64::from_str_radix(serve["id"].as_str().unwrap().get(24..).unwrap(), 16).unwrap();
    serves.iter().map(|serve| number(serve) - 1_000_000).collect()
}

/// The gaps of the log: what they count and why.
async fn gaps(store: &Store) -> Vec<(Value, Value)> {
    let gaps = entries(store).await.into_iter().filter(|entry| entry.kind == "gap");
    let read = |entry: Entry| serde_json::from_slice::<Value>(&entry.bytes).unwrap();
    gaps.map(read).map(|gap| (gap["count"].clone(), gap["cause"].clone())).collect()
}

#[tokio::test]
async fn what_the_store_does_not_take_is_spooled_and_chained_first_and_in_order() {
    let held = test_store().await;
    let key = UserKey::open(held.dir.path()).unwrap();
    let recorder = spooling(&held, 4, 1 << 20);
    assert_eq!(recorder.standing(), Standing::Durable);
    break_store(&held, &recorder).await;
    assert_eq!(recorder.standing(), Standing::Spooling);
    for n in 1..=40 {
        let record = ServeRecord { user: Some(key.hash("u-1")), ..serve(n) };
        recorder.serve(record, Some("Made to last.".into()));
        until("it is put aside", || recorder.queued() == 0).await;
    }
    let condition = recorder.condition();
    assert_eq!((condition.spooled, recorder.lost()), (40, 0));
    assert_eq!(condition.failing.as_ref().map(|(since, _)| *since), Some(at(100)));
    assert!(condition.failing.unwrap().1.contains("no such table"));
    let spool = std::fs::read_to_string(held.dir.path().join(SPOOL)).unwrap();
    assert_eq!(spool.matches("Made to last.").count(), 1, "a text stands there once");

    mend_store(&held).await;
    until("it is written again", || recorder.standing() == Standing::Durable).await;
    recorder.serve(serve(41), None);
    recorder.close().await;
    let (kinds, serves) = told(&held.store).await;
    assert_eq!((kinds[0].as_str(), numbers(&serves)), ("gap", (1..=41).collect()));
    assert_eq!(gaps(&held.store).await, [(0.into(), "store".into())]);
    let name = references(&held.store, &key.digest("u-1")).await.unwrap().remove(0);
    assert_eq!(serves[39]["user"], name);
    assert_eq!(held.number("SELECT count(*) FROM texts").await, 1);
    assert_eq!(std::fs::metadata(held.dir.path().join(SPOOL)).unwrap().len(), 34, "it is empty again");
    sound(&held.store).await;
}

#[tokio::test]
async fn what_is_in_the_spool_at_the_end_is_chained_by_the_next_service() {
    let held = test_store().await;
    let recorder = spooling(&held, 100, 1 << 20);
    break_store(&held, &recorder).await;
    (1..=3).for_each(|n| recorder.serve(serve(n), None));
    recorder.close().await;
    mend_store(&held).await;
    let recorder = spooling(&held, 100, 1 << 20);
    recorder.serve(serve(4), None);
    recorder.close().await;
    let (kinds, serves) = told(&held.store).await;
    assert_eq!((kinds[0].as_str(), numbers(&serves)), ("gap", vec![1, 2, 3, 4]));
    // It ended in order.
    assert_eq!(gaps(&held.store).await, [(0.into(), "store".into())]);

    // Once more: nothing is chained twice, and nothing is amiss.
    spooling(&held, 100, 1 << 20).close().await;
    assert_eq!(told(&held.store).await.0, kinds);
    sound(&held.store).await;
}

#[tokio::test]
async fn a_service_that_was_killed_is_told_of_first() {
    let held = test_store().await;
    let recorder = spooling(&held, 100, 1 << 20);
    recorder.policy(policy(7)).await.unwrap();
    recorder.close().await;
    held.tamper("UPDATE meta SET value = 1 WHERE name = 'running'").await;
    let recorder = spooling(&held, 100, 1 << 20);
    recorder.policy(policy(8)).await.unwrap();
    assert_eq!(held.number("SELECT value FROM meta WHERE name = 'running'").await, 1);
    recorder.close().await;
    assert_eq!(held.number("SELECT value FROM meta WHERE name = 'running'").await, 0);
    let entries = entries(&held.store).await;
    let kinds: Vec<&str> = entries.iter().map(|entry| entry.kind.as_str()).collect();
    assert_eq!(kinds, ["policy", "gap", "policy"]);
    let gap: Value = serde_json::from_slice(&entries[1].bytes).unwrap();
    assert_eq!((&gap["cause"], &gap["count"]), (&"killed".into(), &0.into()));
    assert_eq!((&gap["from"], &gap["to"]), (&at(7).to_string().into(), &at(100).to_string().into()));
}

#[tokio::test]
async fn once_the_spool_is_full_written_copy_is_refused_and_the_rest_is_counted() {
    let held = test_store().await;
    let recorder = spooling(&held, 10, 64 * 1024);
    break_store(&held, &recorder).await;
    let by = Instant::now() + Duration::from_secs(60);
    let mut shown = 0;
    while recorder.shown(serve(shown), None, by).await.is_ok() {
        shown += 1;
        until("it is put aside", || recorder.queued() == 0 || recorder.standing() == Standing::Counting)
            .await;
    }
    assert_eq!((recorder.standing(), recorder.may_show()), (Standing::Counting, false));
    assert_eq!(recorder.shown(serve(0), None, by).await, Err(NotShown { recorded: false }));
    assert!(shown > 50 && recorder.lost() == 0, "{shown}");
    let others = 30;
    (shown..shown + others).for_each(|n| recorder.serve(serve(n), None));
    let lost = recorder.lost();
    assert!(lost >= others - 10, "{lost}");

    mend_store(&held).await;
    until("it is written again", || recorder.standing() == Standing::Durable).await;
    recorder.close().await;
    assert_eq!(recorder.lost(), lost);
    let (kinds, serves) = told(&held.store).await;
    assert_eq!((kinds[0].as_str(), serves.len() as u64), ("gap", shown + others - lost));
    assert_eq!(numbers(&serves), (0..shown + others - lost).collect::<Vec<_>>());
    // A machine that is busy may fail the store once more before it is mended for good: each time is a gap.
    let told = gaps(&held.store).await.into_iter().map(|(count, cause)| {
        assert_eq!(cause, "store");
        count.as_u64().unwrap()
    });
    assert_eq!(told.sum::<u64>(), lost);
    sound(&held.store).await;
}

#[tokio::test]
async fn a_spool_that_cannot_be_used_stops_nothing() {
    let held = test_store().await;
    let nowhere = held.dir.path().join("nowhere").join(SPOOL);
    let settings = Settings { spool: Some((nowhere.clone(), 1 << 20)), ..settings(100) };
    let recorder = Recorder::start(held.store.clone(), settings, Arc::new(|| at(100)));
    break_store(&held, &recorder).await;
    until("it is told", || recorder.standing() == Standing::Counting).await;
    recorder.serve(serve(2), None);
    // Once it can be, it is.
    std::fs::create_dir(nowhere.parent().unwrap()).unwrap();
    until("it is used", || recorder.standing() == Standing::Spooling && recorder.queued() == 0).await;
    assert_eq!(recorder.condition().spooled, 1);
    recorder.close().await;
    mend_store(&held).await;
}

#[tokio::test]
async fn a_strict_log_has_copy_shown_once_its_record_is_durable() {
    let held = test_store().await;
    let settings = Settings {
        strict: true,
        spool: Some((held.dir.path().join(SPOOL), 1 << 20)),
        max_delay: Duration::from_secs(3_600),
        ..settings(100)
    };
    let recorder = Recorder::start(held.store.clone(), settings, Arc::new(|| at(100)));
    let by = Instant::now() + Duration::from_secs(60);
    // A flush is due at once, and takes along what waits.
    recorder.serve(serve(1), None);
    assert_eq!(recorder.shown(serve(2), None, by).await, Ok(()));
    assert_eq!(numbers(&told(&held.store).await.1), [1, 2]);
    assert_eq!(recorder.shown(serve(3), None, Instant::now()).await, Err(NotShown { recorded: false }));
    held.tamper("ALTER TABLE chain RENAME TO away").await;
    assert_eq!(recorder.shown(serve(4), None, by).await, Err(NotShown { recorded: true }));
    until("it is told", || recorder.standing() == Standing::Spooling).await;
    assert!(!recorder.may_show());
    mend_store(&held).await;
    until("it is written again", || recorder.standing() == Standing::Durable).await;
    recorder.close().await;
    assert_eq!(numbers(&told(&held.store).await.1), [1, 2, 4]);
}

#[tokio::test]
async fn a_locked_store_is_told_of_soon_and_keeps_nobody() {
    let held = test_store().await;
    let recorder = spooling(&held, 100, 1 << 20);
    recorder.policy(policy(1)).await.unwrap();
    let mut beside = sqlx::SqliteConnection::connect(&held.url).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut beside).await.unwrap();
    let refused = recorder.generation(generation(1), payload(1)).await.unwrap_err();
    assert!(refused.to_string().contains("database is locked"), "{refused}");
    for n in 1..=200 {
        recorder.serve(serve(n), None);
        until("it is put aside", || recorder.queued() < 100).await;
    }
    assert_eq!((recorder.standing(), recorder.lost()), (Standing::Spooling, 0));
    sqlx::raw_sql("ROLLBACK").execute(&mut beside).await.unwrap();
    until("it is written again", || recorder.standing() == Standing::Durable).await;
    recorder.close().await;
    assert_eq!(numbers(&told(&held.store).await.1), (1..=200).collect::<Vec<_>>());
    sound(&held.store).await;
}

#[tokio::test]
async fn texts_that_were_erased_are_kept_again_once_somebody_is_shown_them() {
    let held = test_store().await;
    let recorder = recorder(&held.store, 100);
    let flushed = async |n| {
        recorder.serve(serve(n), Some("Made to last.".into()));
        recorder.policy(policy(n)).await.unwrap();
        search::text(&held.store, &chain::text_hash("Made to last.")).await.unwrap().unwrap()
    };
    assert_eq!(flushed(1).await, "Made to last.");
    held.tamper("UPDATE texts SET text = ''; UPDATE meta SET value = 1 WHERE name = 'erasures'").await;
    assert_eq!(flushed(2).await, "Made to last.");
    recorder.close().await;
}

#[tokio::test]
async fn what_is_in_doubt_is_chained_unless_it_was() {
    let held = test_store().await;
    recorder(&held.store, 100).close().await;
    let mut appending = Appending::begin(&held.store).await.unwrap();
    let line = |n| append::serve(serve(n), None).unwrap();
    appending.serves(&[&line(1)], &Default::default()).await.unwrap();
    appending.insert().await.unwrap();
    let entry = appending.head().clone();
    appending.commit().await.unwrap();
    let other = Head { hash: "another".into(), ..entry.clone() };
    let (mut spool, _) = spool::Spool::open(held.dir.path().join(SPOOL), 1 << 20);
    spool.append(&[line(1), line(2)], Some((1, &entry))).unwrap();
    spool.append(&[line(3), line(4)], Some((2, &other))).unwrap();
    drop(spool);
    let recorder = spooling(&held, 100, 1 << 20);
    recorder.serve(serve(5), None);
    recorder.close().await;
    assert_eq!(numbers(&told(&held.store).await.1), [1, 2, 3, 4, 5]);
    sound(&held.store).await;
}
