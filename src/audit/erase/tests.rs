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
        assert_eq!(erased.texts.len(), 1);
        // Two generations, a verdict and a note are gone.
        assert_eq!(left(&held).await, (5, 1));
        let after = sound(&held).await;
        assert_eq!((after.serves, after.erased), (before.serves, 4));
        assert_eq!(held.number("SELECT count(*) FROM users").await, 1);
        // Once more there is nothing to be found.
        let again = super::erase(&held.store, held.dir.path(), &order(&key, "ann")).await.unwrap().receipt;
        assert_eq!((again.serves, again.payloads.len()), (0, 0));
    }
}

#[tokio::test]
async fn what_several_were_shown_goes_with_the_last_of_them() {
    for (indexed, older) in [(false, false), (true, false), (true, true)] {
        let held = test_store().await;
        let key = UserKey::open(held.dir.path()).unwrap();
        let recorder = recorder(&held.store, 100);
        for (n, by, to, text) in [
            (1, "ann", "ann", Some("Corrected for both.")),
            (1, "", "bob", Some("Corrected for both.")),
            (2, "bob", "bob", None),
            (2, "", "ann", None),
            // Three were shown it.
            (3, "bob", "ann", None),
            (3, "", "celia", None),
        ] {
            shown(&recorder, &key, n, by, to, text).await;
        }
        recorder.close().await;
        if indexed {
            index::catch_up(&held.store).await.unwrap();
        }
        if older {
            // As an older version would have named them: who was erased is not told from who was not.
            held.tamper("UPDATE meta SET value = (SELECT max(seq) FROM chain) WHERE name = 'named'").await;
        }
        let erased = async |user: &str| {
            let receipt =
                super::erase(&held.store, held.dir.path(), &order(&key, user)).await.unwrap().receipt;
            sound(&held).await;
            (receipt.shared, left(&held).await)
        };
        assert_eq!(erased("ann").await, (3, (3, 1)));
        let extent = preview(&held.store, &key.digest("bob")).await.unwrap();
        if older {
            assert_eq!((extent.own, erased("bob").await), (0, (3, (3, 1))));
            continue;
        }
        assert_eq!((extent.own, extent.shared, extent.texts), (2, 1, 1));
        assert_eq!(erased("bob").await, (1, (1, 0)));
        assert_eq!(erased("celia").await, (0, (0, 0)));
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
    let receipt = super::erase(&held.store, held.dir.path(), &order(&key, "ann")).await.unwrap().receipt;
    assert_eq!((receipt.serves, &*receipt.by, receipt.reference.as_deref()), (most, "jo", Some("DSR-1")));
    assert_eq!(held.number("SELECT count(*) FROM chain WHERE kind = 'erasure'").await, 3);
    assert_eq!(left(&held).await.0, 0);
    assert_eq!(sound(&held).await.erased, most);
    // It was carried out, so it is not carried out again.
    assert_eq!(resume(&held.store, held.dir.path(), at(901)).await.unwrap(), 0);
}

/// The notes of a store, as they stand in the file.
fn notes(held: &TestStore) -> Vec<Value> {
    let text = std::fs::read_to_string(held.dir.path().join(NOTES)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every text and number in some JSON.
fn values(json: &Value, found: &mut Vec<String>) {
    match json {
        Value::Array(items) => items.iter().for_each(|item| values(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| values(field, found)),
        Value::String(text) => found.push(text.clone()),
        _ => {}
    }
}

#[tokio::test]
async fn nothing_leads_from_a_note_to_its_receipt() {
    let held = test_store().await;
    let key = UserKey::open(held.dir.path()).unwrap();
    let recorder = recorder(&held.store, 1_000);
    let users: Vec<String> = (0..12).map(|n| format!("user-{n}")).collect();
    for (user, n) in users.iter().zip(1..) {
        shown(&recorder, &key, n, user, user, Some(user)).await;
    }
    recorder.close().await;
    for (user, n) in users.iter().chain(&users[..1]).zip(0..) {
        let order = Order::new(&key.digest(user), "jo", Some(&format!("DSR-{n}")), at(900 + n));
        super::erase(&held.store, held.dir.path(), &order).await.unwrap();
    }
    sound(&held).await;
    let notes = notes(&held);
    // One for each user, in an order of their random ids, and nothing else.
    let ids: Vec<&str> = notes.iter().map(|note| note["id"].as_str().unwrap()).collect();
    assert!(ids.is_sorted(), "{ids:?}");
    assert!(ids.iter().all(|id| id.parse::<Uuid>().unwrap().get_version_num() == 4), "no time is in them");
    let digests: BTreeSet<_> = notes.iter().map(|note| note["digest"].as_str().unwrap().to_owned()).collect();
    assert_eq!(digests, users.iter().map(|user| key.hash(user)).collect());
    assert!(notes.iter().all(|note| note.as_object().unwrap().keys().eq(["v", "id", "digest"])), "{notes:?}");
    // Neither a value of the file nor a key or an order of the store is in the chain.
    let mut said = Vec::new();
    notes.iter().for_each(|note| values(note, &mut said));
    let mut chained = Vec::new();
    let mut chain = Snapshot::begin(&held.store).await.unwrap();
    for beside in chain.page(0, 1_000).await.unwrap() {
        let text = String::from_utf8(beside.entry.bytes).unwrap();
        assert!(said.iter().all(|value| !text.contains(value)), "{text}");
        text.lines().for_each(|line| values(&serde_json::from_str(line).unwrap(), &mut chained));
    }
    let file = std::fs::read_to_string(held.dir.path().join(NOTES)).unwrap();
    // Words as short as `jo` may stand in hex.
    assert!(chained.iter().filter(|value| value.len() > 4).all(|value| !file.contains(value)), "{file}");
    assert_eq!(held.number("SELECT count(*) FROM users").await, 0);
    let (erased, path) = (chain.look().erased().await.unwrap(), held.dir.path().join("copyrail.db"));
    assert_eq!(erased.len(), users.len() + 1);
    drop(chain);
    // Nor does the place of a row in the store's file say which came first.
    assert!(sweep(&held.store, Duration::from_secs(5)).await.unwrap());
    let bytes = std::fs::read(path).unwrap();
    let place = |id: &String| bytes.windows(id.len()).position(|window| window == id.as_bytes()).unwrap();
    let mut places: Vec<_> = erased.iter().map(|id| (place(id), id)).collect();
    places.sort_unstable();
    assert!(places.iter().rev().is_sorted_by_key(|(_, id)| *id), "{places:?}");
}

#[tokio::test]
async fn what_was_noted_and_not_carried_out_says_that_it_was_resumed() {
    let held = test_store().await;
    let key = UserKey::open(held.dir.path()).unwrap();
    let recorder = recorder(&held.store, 100);
    for (n, user) in [(1, "ann"), (2, "bob")] {
        shown(&recorder, &key, n, user, user, None).await;
    }
    recorder.close().await;
    let dir = held.dir.path();
    for user in ["ann", "bob"] {
        note(dir, order(&key, user).note).await.unwrap();
    }
    // Whoever asks again says whose order it is; the other one nobody can tell any more.
    let receipt = super::erase(&held.store, dir, &order(&key, "ann")).await.unwrap().receipt;
    assert_eq!((&*receipt.by, receipt.reference.as_deref(), receipt.serves), ("jo", Some("DSR-1"), 1));
    let receipts = Snapshot::begin(&held.store).await.unwrap().look().erasures(0).await.unwrap();
    let receipts: Vec<_> = receipts.iter().map(|(seq, bytes)| receipt_at(*seq, bytes)).collect();
    let told: Vec<_> = receipts.iter().map(|receipt| (&*receipt.by, receipt.reference.as_deref())).collect();
    assert_eq!(told, [("resumed", None), ("jo", Some("DSR-1"))]);
    assert_eq!((resume(&held.store, dir, at(901)).await.unwrap(), left(&held).await.0), (0, 0));
    let faulty = std::fs::read_to_string(dir.join(NOTES)).unwrap().replace("\"v\":1", "\"v\":2");
    std::fs::write(dir.join(NOTES), faulty).unwrap();
    let refused = resume(&held.store, dir, at(902)).await.unwrap_err().to_string();
    assert!(refused.contains("line 1") && refused.contains("its format 2 is not known"), "{refused}");
}

fn receipt_at(seq: i64, bytes: &[u8]) -> ErasureRecord {
    super::receipt(seq, bytes).unwrap()
}

#[test]
fn numbers_in_order_are_told_as_runs() {
    assert_eq!(runs(&[]), []);
    assert_eq!(runs(&[3]), [(3, 3)]);
    assert_eq!(runs(&[1, 2, 3, 7, 9, 10]), [(1, 3), (7, 7), (9, 10)]);
}
