//! What the recorder writes when, on real stores.

use serde_json::Value;

use super::append::Appending;
use super::testing::*;
use super::verify::verify;
use super::*;
use crate::store::Store;
use crate::store::log::{Entry, Snapshot};
use crate::store::testing::{at, test_store};

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
