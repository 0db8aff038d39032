//! What snapshots say, and what journals remember.

use std::io::Write;

use jiff::Timestamp;
use uuid::Uuid;

use super::book::{Book, restore, write_beside};
use super::journal::{self, JOURNAL};
use super::{About, Order, Register, Stops};
use crate::audit::stops::Change;
use crate::audit::{PurgeRecord, PurgeScope, StopKind, StopRecord};
use crate::guardrail::wording_of;
use crate::store::testing::{at, test_store};
use crate::words::new_id;

fn order(kind: StopKind, value: &str, prewritten: bool, now: Timestamp) -> StopRecord {
    let (value, reason, by) = (value.to_owned(), "a letter".to_owned(), "jo".to_owned());
    Order { kind, value, prewritten, reason, by }.record(now)
}

fn snapshot(changes: &[Change]) -> Stops {
    let mut register = Register::default();
    changes.iter().for_each(|change| register.follow(change));
    Stops::of(register, 1)
}

const LAMP: About<'static> = About {
    product: Some("lamp"),
    placement: Some("why-this"),
    segment: Some("default"),
    template: Some("why-this/default"),
};

#[test]
fn stops_hold_back_what_they_name() {
    for (kind, value, held) in [
        (StopKind::Product, "lamp", true),
        (StopKind::Product, "Lamp", false),
        (StopKind::Placement, "why-this", true),
        (StopKind::Placement, "lamp", false),
        (StopKind::Segment, "default", true),
        (StopKind::Template, "why-this/default", true),
        (StopKind::Template, "why-this", false),
        (StopKind::Phrase, "lamp", false),
    ] {
        let stops = snapshot(&[Change::Stop(order(kind, value, false, at(1)))]);
        assert_eq!(!stops.over(&LAMP).is_empty(), held, "{kind:?} {value}");
        assert!(stops.over(&About::default()).is_empty());
    }
    let mild = order(StopKind::Product, "lamp", false, at(1));
    let strict = order(StopKind::Product, "lamp", true, at(2));
    let lifted = StopRecord { lifted: true, ..strict.clone() };
    let both = [Change::Stop(mild), Change::Stop(strict), Change::Stop(lifted)];
    assert!(snapshot(&both[..2]).over(&LAMP)[0].prewritten, "the strictest of two");
    assert!(!snapshot(&both).over(&LAMP)[0].prewritten, "until it is lifted");
    let model = snapshot(&[Change::Stop(order(StopKind::Model, " GPT-5 ", false, at(1)))]);
    assert!(model.over_model("gpt-5").is_some() && model.over_model("gpt-5-mini").is_none());
    assert_eq!(model.models().collect::<Vec<_>>(), ["gpt-5"]);
}

#[test]
fn purges_cover_what_was_begun_before_and_all_that_they_say() {
    let purge = |scope: PurgeScope| {
        let (id, by) = (new_id(at(10)), "jo".to_owned());
        snapshot(&[Change::Purge(PurgeRecord { id, at: at(10), by, scope })])
    };
    let lamp = Some("lamp".to_owned());
    let generation = new_id(at(5));
    for (scope, covered) in [
        (PurgeScope { product: lamp.clone(), ..PurgeScope::default() }, true),
        (PurgeScope { product: Some("tent".into()), ..PurgeScope::default() }, false),
        (
            PurgeScope { product: lamp.clone(), segment: Some("default".into()), ..PurgeScope::default() },
            true,
        ),
        (PurgeScope { product: lamp, segment: Some("vip".into()), ..PurgeScope::default() }, false),
        (PurgeScope { template: Some("why-this/default".into()), ..PurgeScope::default() }, true),
        (PurgeScope { generation: Some(generation), ..PurgeScope::default() }, true),
        (PurgeScope { generation: Some(new_id(at(5))), ..PurgeScope::default() }, false),
    ] {
        let stops = purge(scope.clone());
        assert_eq!(stops.purged(generation, &LAMP), covered, "{scope:?}");
        assert!(!stops.purged(new_id(at(11)), &LAMP), "{scope:?}");
        assert!(!stops.purged(generation, &About::default()) || scope.generation.is_some(), "{scope:?}");
    }
}

#[test]
fn a_rejection_is_of_one_question_until_it_is_approved() {
    let (generation, key) = (Uuid::from_u128(7), blake3::hash(b"q"));
    let text = wording_of("A fine tent.").to_string();
    let reject = Change::Reject { generation, cache_key: key.to_hex().to_string(), text };
    let stops = snapshot(std::slice::from_ref(&reject));
    assert!(stops.rejected(key.as_bytes(), "a FINE tent"));
    assert!(!stops.rejected(blake3::hash(b"p").as_bytes(), "A fine tent."));
    assert!(!snapshot(&[reject, Change::Approve { generation }]).rejected(key.as_bytes(), "A fine tent."));
}

#[test]
fn a_torn_line_of_the_journal_costs_itself_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(JOURNAL);
    assert_eq!(journal::read(&path).unwrap().register, Register::default());
    let stop = |n: i64| Change::Stop(order(StopKind::Phrase, "free", true, at(n)));
    journal::append(&path, &[stop(1), stop(2)]).unwrap();
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(br#"{"v":1,"type":"stop","id":"0192"#).unwrap();
    journal::append(&path, &[stop(3)]).unwrap();
    file.write_all(b"{\"v\":9,\"type\":\"vote\"}\n\xff\xfe\n").unwrap();
    let read = journal::read(&path).unwrap();
    assert_eq!((read.register.stops.len(), read.unreadable), (3, vec![3, 5, 6]));
    assert_eq!(read.bytes, journal::size(&path));
}

#[tokio::test]
async fn what_either_of_store_and_journal_knows_is_in_force_and_gets_into_both() {
    let held = test_store().await;
    let dir = held.dir.path();
    // By a command that had no store, and by one that had no folder.
    let one = Change::Stop(order(StopKind::Phrase, "one", true, at(1)));
    assert!(!write_beside(Err("it is gone".into()), dir, one.clone()).await.unwrap());
    let two = Change::Stop(order(StopKind::Phrase, "two", true, at(2)));
    crate::audit::stops::put(&held.store, None, std::slice::from_ref(&two)).await.unwrap();
    let book = Book::open(held.store.clone(), dir).await.unwrap();
    assert!(book.pin().bans().catch("one") && book.pin().bans().catch("two"));
    assert_eq!(held.number("SELECT count(*) FROM stops").await, 2);
    assert_eq!(held.number("SELECT count(*) FROM chain WHERE kind = 'stop'").await, 2);
    let fresh = test_store().await;
    assert_eq!(restore(&fresh.store, dir).await.unwrap(), 2);
    assert_eq!(restore(&fresh.store, dir).await.unwrap(), 0, "once is enough");

    // Beside it, with and without the store; both are noticed.
    let before = book.pin();
    book.refresh().await.unwrap();
    assert!(std::sync::Arc::ptr_eq(&before, &book.pin()), "nothing changed, so nothing is swapped");
    let three = Change::Stop(order(StopKind::Phrase, "three", true, at(3)));
    assert!(write_beside(Ok(&held.store), dir, three).await.unwrap());
    let four = Change::Stop(order(StopKind::Phrase, "four", true, at(4)));
    assert!(!write_beside(Err("it is gone".into()), dir, four).await.unwrap());
    book.refresh().await.unwrap();
    assert!(["three", "four"].iter().all(|word| book.pin().bans().catch(word)));
    assert_eq!(held.number("SELECT count(*) FROM stops").await, 4);
}

#[tokio::test]
async fn whoever_sets_a_stop_waits_for_answers_that_are_on_their_way() {
    let held = test_store().await;
    let book = std::sync::Arc::new(Book::open(held.store.clone(), held.dir.path()).await.unwrap());
    let pinned = book.pin();
    let leave = book.leave(&pinned).unwrap();
    let setting = tokio::spawn({
        let book = std::sync::Arc::clone(&book);
        let order = Order::read(StopKind::Phrase, "free", None, "a letter", "jo").unwrap();
        async move { book.set(order, at(1)).await.unwrap().recorded }
    });
    while !book.pin().bans().catch("free") {
        tokio::task::yield_now().await;
    }
    assert!(book.leave(&pinned).is_none(), "whoever looks now looks again");
    assert!(!setting.is_finished(), "one that passed before it has not left");
    drop(leave);
    assert!(setting.await.unwrap());
    assert!(book.leave(&book.pin()).is_some());
}
