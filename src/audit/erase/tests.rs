use serde_json::Value;

use super::super::testing::*;
use super::super::verify::verify;
use super::super::*;
use super::*;
use crate::store::testing::{TestStore, at, test_store};
use crate::words::{Source, Tier};

async fn sound(held: &TestStore) -> verify::Report {
    let report = verify(&held.store, None, |_, _| ()).await.unwrap();
    assert_eq!(report.fault, None);
    report
}

fn order(key: &UserKey, user: &str) -> Order {
    Order::new(&key.digest(user), "jo", Some("DSR-1"), at(900))
}

/// A generation for one user, and its serve to another or the same, with a text that a rule corrected.
async fn shown(recorder: &Recorder, key: &UserKey, n: u64, by: &str, to: &str, text: Option<&str>) {
    let user = |name: &str| Some(key.hash(name)).filter(|_| !name.is_empty());
    if !by.is_empty() {
        let record = GenerationRecord { user: user(by), ..generation(n) };
        recorder.generation(record, payload(n)).await.unwrap();
    }
    let record = ServeRecord {
        generation_id: Some(id(n)),
        user: user(to),
        tier: Tier::User,
        source: Source::Generated,
        ..serve(n + 1_000 * to.len() as u64)
    };
    recorder.serve(record, text.map(Into::into));
}

/// How many payloads and texts are left.
async fn left(held: &TestStore) -> (i64, i64) {
    let payloads = held.number("SELECT count(*) FROM payloads WHERE bytes IS NOT NULL").await;
    (payloads, held.number("SELECT count(*) FROM texts WHERE text <> ''").await)
}

#[tokio::test]
async fn what_is_theirs_alone_goes_and_what_others_were_shown_stays() {
    for indexed in [false, true] {
        let held = test_store().await;
        let key = UserKey::open(held.dir.path()).unwrap();
        let recorder = recorder(&held.store, 100);
        for (n, by, to, text) in [
            (1, "ann", "ann", Some("Corrected for Ann.")),
            (2, "ann", "ann", Some("Corrected for both.")),
            (3, "bob", "bob", Some("Corrected for both.")),
            (4, "ann", "ann", None),
            (4, "", "bob", None),
            // Written for another, and only she was shown it.
            (5, "bob", "ann", None),
            // Written for her, and shown to somebody who is not known: that may be anybody.
            (6, "ann", "", None),
            // Shown to her, and not in the log any more.
            (7, "", "ann", None),
        ] {
            shown(&recorder, &key, n, by, to, text).await;
        }
        recorder.generation(generation(8), payload(8)).await.unwrap();
        recorder.verdict(verdict(9, 1), Some("Ann may not like it.".into())).await.unwrap();
        recorder.review(review(10, 1, ReviewAction::Note), Some("Ann again.".into())).await.unwrap();
        recorder.close().await;
        if indexed {
            index::catch_up(&held.store).await.unwrap();
        }
        let before = sound(&held).await;
        assert_eq!(left(&held).await, (9, 2));
        let extent = preview(&held.store, &key.digest("ann")).await.unwrap();
        assert_eq!((extent.serves, extent.own, extent.shared, extent.texts), (5, 2, 3, 1));
        let erased = super::erase(&held.store, held.dir.path(), &order(&key, "ann")).await.unwrap().receipt;
        assert_eq!((erased.serves, erased.older_serves, erased.shared), (5, 0, 3));
        assert_eq!((erased.texts.len(), erased.users.len()), (1, 1));
        // Two generations, a verdict and a note are gone.
        assert_eq!(left(&held).await, (5, 1));
        let after = sound(&held).await;
        assert_eq!((after.serves, after.erased), (before.serves, 4));
        assert_eq!(held.number("SELECT count(*) FROM users").await, 1);
        // Once more there is nothing to be found.
        let again = super::erase(&held.store, held.dir.path(), &order(&key, "ann")).await.unwrap().receipt;
        assert_eq!((again.serves, again.payloads.len(), again.users.len()), (0, 0, 0));
        let notes = std::fs::read_to_string(held.dir.path().join(NOTES)).unwrap();
        let note: Value = serde_json::from_str(notes.lines().next().unwrap()).unwrap();
        assert_eq!(note["digest"], key.hash("ann"));
        assert!(!notes.contains("ann\""), "{notes}");
    }
}

#[tokio::test]
async fn much_is_erased_in_several_transactions_each_with_its_receipt() {
    let held = test_store().await;
    let key = UserKey::open(held.dir.path()).unwrap();
    let recorder = recorder(&held.store, 1_000);
    let most = 2 * TOGETHER as u64 + 5;
    for n in 0..most {
        shown(&recorder, &key, n, "ann", "ann", None).await;
    }
    recorder.close().await;
    let order = order(&key, "ann");
    let receipt = super::erase(&held.store, held.dir.path(), &order).await.unwrap().receipt;
    assert_eq!((receipt.id, receipt.serves), (order.id, most));
    assert_eq!(held.number("SELECT count(*) FROM chain WHERE kind = 'erasure'").await, 3);
    assert_eq!(left(&held).await.0, 0);
    assert_eq!(sound(&held).await.erased, most);
    // It has its receipt, so it is not carried out again.
    assert_eq!(resume(&held.store, held.dir.path(), at(901)).await.unwrap(), 0);
}

#[test]
fn numbers_in_order_are_told_as_runs() {
    assert_eq!(runs(&[]), []);
    assert_eq!(runs(&[3]), [(3, 3)]);
    assert_eq!(runs(&[1, 2, 3, 7, 9, 10]), [(1, 3), (7, 7), (9, 10)]);
}
