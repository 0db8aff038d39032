use std::time::Duration;

use super::super::testing::*;
use super::super::verify::verify;
use super::super::*;
use super::*;
use crate::store::testing::{TestStore, at, test_store};
use crate::words::{Source, Tier};

const DAY: u64 = 24 * 3_600;

/// A retention of so many days, and the instant at which what is of second 100 and before is just too old for all of it.
fn keeping(serves: Option<u64>, payload: Option<u64>, generations: Option<u64>) -> Retention {
    let days = |days: Option<u64>| days.map(|days| Duration::from_secs(days * DAY));
    Retention { serves: days(serves), payload: days(payload), generations: days(generations) }
}

async fn sound(held: &TestStore) -> verify::Report {
    let report = verify(&held.store, None, |_, _| ()).await.unwrap();
    assert_eq!(report.fault, None);
    report
}

fn days_on(days: i64) -> Timestamp {
    at(1_000 + days * DAY as i64)
}

/// Serves of two texts, generations with a review and a verdict, first old and then young ones.
async fn written() -> TestStore {
    let held = test_store().await;
    let recorder = recorder(&held.store, 100);
    for n in [1, 2, 5_000_000] {
        recorder.generation(generation(n), payload(n)).await.unwrap();
        recorder.review(review(n + 1, n, ReviewAction::Approve), Some("A fine note.".into())).await.unwrap();
        recorder.verdict(verdict(n + 2, n), Some("It may be read as a claim.".into())).await.unwrap();
        let generated = ServeRecord {
            generation_id: Some(id(n)),
            tier: Tier::Segment,
            source: Source::Cache,
            ..serve(n)
        };
        recorder.serve(generated, None);
        recorder.serve(serve(n + 3), Some("Made to last.".into()));
        let only = if n < 10 { "Of old." } else { "Of now." };
        recorder.serve(serve(n + 4), Some(only.into()));
        recorder.policy(policy(n)).await.unwrap();
    }
    recorder.close().await;
    held
}

#[tokio::test]
async fn what_is_too_old_goes_with_a_receipt_and_the_rest_stays() {
    for indexed in [false, true] {
        let held = written().await;
        if indexed {
            index::catch_up(&held.store).await.unwrap();
        }
        let before = sound(&held).await;
        assert_eq!((before.serves, before.generations), (9, 3));
        let counts = keeping(Some(30), Some(40), Some(50));
        let dry = run(&held.store, &counts, days_on(30), true).await.unwrap();
        assert_eq!((dry.blocks, dry.payloads, dry.generations), (2, 0, 0));
        assert_eq!(sound(&held).await, before, "a dry run changes nothing");

        let serves = run(&held.store, &counts, days_on(30), false).await.unwrap();
        assert_eq!((serves.blocks, serves.payloads, serves.generations, serves.texts), (2, 0, 0, 1));
        let after = sound(&held).await;
        assert_eq!((after.serves, after.pruned, after.generations), (3, 2, 3));
        let receipts = "SELECT count(*) FROM chain WHERE kind = 'retention'";
        assert_eq!(
            held.number(receipts).await,
            2,
            "the first transaction takes one entry, to see how long it takes"
        );
        assert_eq!(held.number("SELECT count(*) FROM texts").await, 2, "one text is referred to still");

        let payload = run(&held.store, &counts, days_on(40), false).await.unwrap();
        assert_eq!((payload.blocks, payload.payloads), (0, 6));
        assert_eq!(sound(&held).await.erased, 6);
        let found = search::generation(&held.store, id(1)).await.unwrap().unwrap();
        assert_eq!((found.payload, found.reviews[0].note.clone()), (None, None));

        let generations = run(&held.store, &counts, days_on(50), false).await.unwrap();
        assert_eq!((generations.generations, generations.blocks), (2, 0));
        assert_eq!(search::generation(&held.store, id(1)).await.unwrap(), None);
        assert!(search::generation(&held.store, id(5_000_000)).await.unwrap().unwrap().payload.is_some());
        let last = sound(&held).await;
        assert_eq!((last.generations, last.pruned), (1, 8));
        assert_eq!(run(&held.store, &counts, days_on(50), false).await.unwrap(), Deleted::default());
        // Nothing is too old for those who keep it for good.
        let ever = keeping(None, None, None);
        assert_eq!(run(&held.store, &ever, days_on(5_000), false).await.unwrap(), Deleted::default());
        let all = run(&held.store, &counts, days_on(5_000), false).await.unwrap();
        assert_eq!((all.blocks, all.generations, all.texts), (1, 1, 2));
        assert_eq!(sound(&held).await.serves, 0);
        assert_eq!(held.number("SELECT count(*) FROM chain WHERE kind = 'policy' AND bytes <> x''").await, 3);
        if indexed {
            assert_eq!(held.number("SELECT count(*) FROM serve_index('p*')").await, 0);
        }
    }
}

#[test]
fn transactions_are_short_and_as_long_is_left_to_others() {
    let mut pace = Pace { entries: 1 };
    for (took, entries, pause) in
        [(1, 2, 20), (1, 4, 20), (15, 4, 20), (90, 2, 90), (30, 1, 30), (500, 1, 500), (9, 2, 20)]
    {
        let told = pace.after(Duration::from_millis(took));
        assert_eq!((pace.entries, told), (entries, Duration::from_millis(pause)), "after {took} ms");
    }
    (0..20).for_each(|_| _ = pace.after(Duration::ZERO));
    assert_eq!(pace.entries, MOST);
}

#[tokio::test]
async fn a_dry_run_counts_what_a_run_deletes() {
    for counts in [keeping(Some(1), Some(1), Some(1)), keeping(Some(1), Some(1), Some(5_000))] {
        let held = written().await;
        let dry = run(&held.store, &counts, days_on(5), true).await.unwrap();
        let done = run(&held.store, &counts, days_on(5), false).await.unwrap();
        let number = |it: &Deleted| (it.blocks, it.payloads, it.generations);
        assert_eq!(number(&dry), number(&done));
        assert!(done.blocks > 0 && done.payloads + done.generations > 0, "{done:?}");
    }
}

#[tokio::test]
async fn what_a_hold_covers_stays_until_it_is_lifted() {
    let scope = |change: fn(&mut HoldScope)| {
        let mut scope = HoldScope::default();
        change(&mut scope);
        scope
    };
    let all = keeping(Some(1), Some(1), Some(2));
    for (scope, blocks, payloads) in [
        (scope(|_| ()), 0, 0),
        (scope(|s| s.placement = Some("why-this".into())), 0, 0),
        (scope(|s| s.placement = Some("elsewhere".into())), 2, 6),
        (scope(|s| s.generation = Some(id(1))), 1, 3),
        (scope(|s| s.product = Some("p-2".into())), 2, 3),
        (scope(|s| s.until = Some(at(1))), 2, 6),
        (scope(|s| s.until = Some(at(2))), 1, 3),
        (scope(|s| s.since = Some(at(1_000))), 2, 0),
        (scope(|s| s.user = Some("ff".repeat(32))), 2, 6),
    ] {
        let held = written().await;
        let told = format!("{scope:?}");
        let placed = hold::add(&held.store, scope, None, ("jo", "claim 7"), at(200)).await.unwrap();
        let run = async || run(&held.store, &all, days_on(1), false).await.unwrap();
        let deleted = run().await;
        assert_eq!((deleted.blocks, deleted.payloads), (blocks, payloads), "{told}");
        assert_eq!((deleted.blocks + deleted.payloads + deleted.held), 8, "{told}");
        sound(&held).await;
        assert_eq!((run().await.blocks, run().await.payloads), (0, 0), "{told}");
        hold::lift(&held.store, placed.id, ("jo", "settled"), at(300)).await.unwrap().unwrap();
        let rest = run().await;
        assert_eq!((deleted.blocks + rest.blocks, deleted.payloads + rest.payloads), (2, 6), "{told}");
        sound(&held).await;
    }
}

#[tokio::test]
async fn what_a_held_user_was_shown_stays_too() {
    let held = test_store().await;
    let key = UserKey::open(held.dir.path()).unwrap();
    let user = |name: &str| Some(key.hash(name));
    let recorder = recorder(&held.store, 100);
    for n in [1, 2] {
        recorder.generation(generation(n), payload(n)).await.unwrap();
        let name = ["u-1", "u-2"][n as usize - 1];
        let shown =
            ServeRecord { generation_id: Some(id(n)), user: user(name), tier: Tier::Segment, ..serve(n) };
        recorder.serve(shown, None);
        recorder.policy(policy(n)).await.unwrap();
    }
    recorder.close().await;
    hold::add(&held.store, HoldScope::default(), Some(key.digest("u-1")), ("jo", "claim 7"), at(200))
        .await
        .unwrap();
    let deleted = run(&held.store, &keeping(Some(1), Some(1), None), days_on(1), false).await.unwrap();
    assert_eq!((deleted.blocks, deleted.payloads, deleted.held), (1, 1, 2));
    let text = |found: Option<search::Generation>| found.unwrap().payload.is_some();
    assert!(text(search::generation(&held.store, id(1)).await.unwrap()));
    assert!(!text(search::generation(&held.store, id(2)).await.unwrap()));
    sound(&held).await;
}

#[tokio::test]
async fn an_approved_text_stays_as_long_as_its_generation() {
    let held = test_store().await;
    let recorder = recorder(&held.store, 100);
    let to_approve = |n| GenerationRecord { approval: true, ..generation(n) };
    let alone = GenerationRecord { user: Some("0a".repeat(32)), ..to_approve(4) };
    for record in [to_approve(1), to_approve(2), to_approve(3), alone, generation(5)] {
        let n = record.id.as_u64_pair().1 & 0xff;
        recorder.generation(record, payload(n)).await.unwrap();
        if n != 2 {
            recorder.review(review(n + 10, n, ReviewAction::Approve), None).await.unwrap();
        }
    }
    recorder.review(review(20, 3, ReviewAction::Takedown), None).await.unwrap();
    recorder.close().await;
    run(&held.store, &keeping(None, Some(40), None), days_on(40), false).await.unwrap();
    let mut kept = Vec::new();
    for n in 1..=5 {
        kept.push(search::generation(&held.store, id(n)).await.unwrap().unwrap().payload.is_some());
    }
    // What awaits, what was taken down, what is one user's alone and what nobody had to approve goes.
    assert_eq!(kept, [true, false, false, false, false]);
    sound(&held).await;
    run(&held.store, &keeping(None, None, Some(50)), days_on(50), false).await.unwrap();
    assert_eq!(search::generation(&held.store, id(1)).await.unwrap(), None);
}
