//! A service that is killed at any moment has in its log all that it showed; one that is told to stop finishes first.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use copyrail::app::wall_clock;
use copyrail::audit::search;
use copyrail::audit::verify::{Checkpoint, Plan, Progress, Report, verify, verify_as};
use copyrail::simulate::{self, Script};
use copyrail::store::{Access, Store};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::mpsc;

use crate::support::{Serving, Upstream, ask, client, copy_dir, copyrail, eventually, root, shop};

/// How many callers ask at once.
const CALLERS: usize = 8;
/// How many kills there are between two checks of the whole log; after the others only what is new is checked.
const BETWEEN_WHOLE: u32 = 25;

/// How many times the service is killed; more when the environment says so.
#[expect(clippy::disallowed_methods, reason = "a longer run is asked for in the environment")]
fn kills() -> u32 {
    std::env::var("COPYRAIL_TEST_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(100)
}

/// A service's folder with a key to ask it with.
pub fn keyed_shop() -> (tempfile::TempDir, String) {
    keyed(shop())
}

fn keyed(folder: tempfile::TempDir) -> (tempfile::TempDir, String) {
    let made = copyrail(folder.path(), &["keys", "new", "--role", "serve"], &[], "");
    assert_eq!(made.code, Some(0), "{}", made.err);
    (folder, made.out.trim().to_owned())
}

/// The shipped shop with one placement and hardly a rule: what takes longest in a start is to compile the others.
pub fn small_shop() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["config", "guardrails", "prompts"] {
        std::fs::create_dir_all(at(name)).unwrap();
    }
    for name in ["config/segments.yml", "guardrails/guardrails.yml", "prompts/shop.yml"] {
        std::fs::copy(root().join(name), at(name)).unwrap();
    }
    copy_dir(&root().join("prompts/why-this"), &at("prompts/why-this"));
    keyed(folder)
}

/// What happens while the service is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meanwhile {
    Nothing,
    /// Another process holds the database.
    Locked,
    /// A command writes to the log beside it.
    Command,
}

impl Meanwhile {
    fn of(kill: u32) -> Self {
        match kill % 10 {
            3 => Self::Locked,
            6 => Self::Command,
            _ => Self::Nothing,
        }
    }
}

/// One caller: asks for one product after the other, now and then again and now and then for one of long ago, until the
/// service is gone.
async fn call(
    client: reqwest::Client,
    url: String,
    key: String,
    product: Arc<AtomicU32>,
    answers: mpsc::UnboundedSender<Value>,
) {
    loop {
        let number = product.fetch_add(1, Ordering::SeqCst);
        let number = if number % 5 == 4 { number / 2 } else { number };
        let name = format!("Lamp {}", number - number % 3);
        let sent = client.post(&url).bearer_auth(&key).json(&ask(&name)).send().await;
        let Ok(response) = sent else { return };
        assert_eq!(response.status(), 200);
        let Ok(answer) = response.json().await else { return };
        if answers.send(answer).is_err() {
            return;
        }
    }
}

/// Checks the log: what is new since the last check, or all of it. Answers where to go on from.
async fn check(store: &Store, last: Option<&Checkpoint>, whole: bool) -> (Report, Checkpoint) {
    let expect_head = last.map(|last| last.hash.clone());
    let resume = last.filter(|_| !whole).cloned();
    let plan = Plan { expect_head: expect_head.as_deref().filter(|_| whole), resume, heads: &[] };
    let seq = AtomicI64::new(0);
    let told = |told: Progress<'_>| {
        seq.store(told.seq, Ordering::SeqCst);
        ControlFlow::Continue(())
    };
    let report = verify_as(store, plan, told).await.unwrap();
    let seq = seq.into_inner().max(last.map_or(0, |last| last.seq));
    let (at, hash) = ((wall_clock())(), report.head.clone().unwrap_or_default());
    let checkpoint = Checkpoint { v: 1, store: String::new(), at, seq, hash, report: report.clone() };
    (report, checkpoint)
}

/// Whether the log has a generation with this very text.
pub async fn holds(store: &Store, id: &str, text: &str) -> bool {
    let found = search::generation(store, id.parse().unwrap()).await.unwrap();
    found.and_then(|generation| generation.payload).and_then(|payload| payload.text).as_deref() == Some(text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_was_shown_is_in_the_log_however_the_service_died() {
    let simulator = simulate::start(([127, 0, 0, 1], 0).into(), Script::empty(), 1).await.unwrap();
    let (folder, key) = small_shop();
    let (base, url) =
        (simulator.base_url(), format!("sqlite:{}", folder.path().join("data/copyrail.db").display()));
    let (client, product) = (client(), Arc::new(AtomicU32::new(0)));
    let mut random = StdRng::seed_from_u64(20_261_122);
    let mut shown: BTreeMap<String, String> = BTreeMap::new();
    let (mut checked, mut from_before) = (None, 0);
    for kill in 0..kills() {
        let meanwhile = Meanwhile::of(kill);
        let mut serving = Serving::start(folder.path(), &[("OPENAI_BASE_URL", base.as_str())]);
        let (send, mut answers) = mpsc::unbounded_channel();
        let address = format!("http://{}/v1/blurbs", serving.address);
        let caller =
            || call(client.clone(), address.clone(), key.clone(), Arc::clone(&product), send.clone());
        let callers: Vec<_> = (0..CALLERS).map(|_| tokio::spawn(caller())).collect();
        drop(send);
        // The moment is told by answers, not by a clock: the other callers are then anywhere on their way.
        let (moment, mut received) = (random.random_range(1..40), Vec::new());
        let mut receive = async |count: usize| {
            for _ in 0..count {
                received.push(answers.recv().await.expect("the callers ask until the service is gone"));
            }
        };
        receive(moment).await;
        match meanwhile {
            Meanwhile::Nothing => serving.kill(),
            Meanwhile::Locked => {
                let mut beside = SqliteConnection::connect(&url).await.unwrap();
                sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut beside).await.unwrap();
                receive(moment).await;
                serving.kill();
                beside.close().await.unwrap();
            }
            Meanwhile::Command => {
                let folder = folder.path().to_owned();
                let arguments = ["keys", "new", "--role", "serve"];
                let beside = tokio::task::spawn_blocking(move || copyrail(&folder, &arguments, &[], ""));
                receive(moment).await;
                serving.kill();
                let made = beside.await.unwrap();
                assert_eq!(made.code, Some(0), "{}", made.err);
            }
        }
        for caller in callers {
            caller.await.unwrap();
        }
        while let Some(answer) = answers.recv().await {
            received.push(answer);
        }

        let store = Store::open(&url, Access::ReadOnly).await.unwrap();
        let (report, now) = check(&store, checked.as_ref(), kill % BETWEEN_WHOLE == 0).await;
        assert_eq!(report.fault, None, "after kill {kill}, {meanwhile:?}");
        checked = Some(now);
        for answer in received.iter().filter(|answer| answer["ai_generated"] == true) {
            let [id, text] = ["generation_id", "text"].map(|key| answer[key].as_str().unwrap());
            match shown.get(id) {
                Some(known) => {
                    assert_eq!(known, text, "after kill {kill}: {id}");
                    from_before += 1;
                }
                None => assert!(holds(&store, id, text).await, "after kill {kill}, {meanwhile:?}: {answer}"),
            }
        }
        for answer in received.iter().filter(|answer| answer["ai_generated"] == true) {
            let text = |key: &str| answer[key].as_str().unwrap().to_owned();
            shown.insert(text("generation_id"), text("text"));
        }
        store.close().await;
    }
    let store = Store::open(&url, Access::ReadOnly).await.unwrap();
    let (report, _) = check(&store, checked.as_ref(), true).await;
    assert_eq!(report.fault, None);
    for (id, text) in &shown {
        assert!(holds(&store, id, text).await, "{id}: {text}");
    }
    assert!(shown.len() > kills() as usize, "there was something to lose: {shown:#?}");
    assert!(from_before > 0, "what was written before a kill is served after it");

    // The check bites: what nobody recorded is not there, and a head of another log is not in this one.
    assert!(!holds(&store, &uuid::Uuid::nil().to_string(), "").await);
    let cut = verify(&store, Some("a head that was kept elsewhere"), |_, _| ()).await.unwrap();
    assert!(cut.fault.is_some());
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn told_to_stop_it_finishes_what_it_began_and_leaves_in_order() {
    let upstream = Upstream::saying("A handy companion for the evening.").await;
    upstream.hold();
    let (folder, key) = keyed_shop();
    let base = upstream.base_url();
    let mut serving = Serving::start(folder.path(), &[("OPENAI_BASE_URL", base.as_str())]);
    let address = format!("http://{}", serving.address);
    let ready = async || {
        let sent = client().get(format!("{address}/readyz")).send().await;
        sent.is_ok_and(|response| response.status() == 200)
    };
    assert!(ready().await);
    let waiting = client().post(format!("{address}/v1/blurbs")).bearer_auth(&key).json(&ask("Lumo lamp"));
    let waiting = tokio::spawn(waiting.send());
    eventually("it is asked", || async { upstream.calls() == 1 }).await;

    let ended = tokio::task::spawn_blocking(move || serving.terminate());
    eventually("new requests should go elsewhere", || async { !ready().await }).await;
    assert!(!waiting.is_finished() && !ended.is_finished(), "it waits for what it began");
    upstream.release();
    let answer: Value = waiting.await.unwrap().unwrap().json().await.unwrap();
    assert_eq!(answer["source"], "generated", "{answer}");
    assert_eq!(ended.await.unwrap(), Some(0));

    let url = format!("sqlite:{}", folder.path().join("data/copyrail.db").display());
    let store = Store::open(&url, Access::ReadOnly).await.unwrap();
    let report = verify(&store, None, |_, _| ()).await.unwrap();
    assert_eq!((report.fault, report.serves, report.generations), (None, 1, 1));
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_hold_up_sigterm() {
    use std::io::Write;

    let (folder, _) = keyed_shop();
    let mut serving = Serving::start(folder.path(), &[]);
    let mut half = std::net::TcpStream::connect(&serving.address).unwrap();
    half.write_all(b"POST /v1/blurbs HTTP/1.1\r\nhost: x\r\nauth").unwrap();
    let ended = tokio::task::spawn_blocking(move || serving.terminate()).await.unwrap();
    assert_eq!(ended, Some(0));
    drop(half);
}
