//! A service that is killed at any moment has in its log all that it showed; one that is told to stop finishes first.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use copyrail::audit::search;
use copyrail::audit::verify::verify;
use copyrail::simulate::{self, Script};
use copyrail::store::{Access, Store};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::support::{Serving, Upstream, ask, client, copyrail, eventually, shop};

/// How many callers ask at once.
const CALLERS: usize = 8;

/// How many times the service is killed; more when the environment says so.
#[expect(clippy::disallowed_methods, reason = "a longer run is asked for in the environment")]
fn kills() -> u32 {
    std::env::var("COPYRAIL_TEST_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(8)
}

/// A service's folder with a key to ask it with.
pub fn keyed_shop() -> (tempfile::TempDir, String) {
    let folder = shop();
    let made = copyrail(folder.path(), &["keys", "new", "--role", "serve"], &[], "");
    assert_eq!(made.code, Some(0), "{}", made.err);
    (folder, made.out.trim().to_owned())
}

/// One caller: asks for one product after the other, and now and then again, until the service is gone.
async fn call(url: String, key: String, product: Arc<AtomicU32>, answers: mpsc::UnboundedSender<Value>) {
    let client = client();
    loop {
        let number = product.fetch_add(1, Ordering::SeqCst);
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_was_shown_is_in_the_log_however_the_service_died() {
    let simulator = simulate::start(([127, 0, 0, 1], 0).into(), Script::empty(), 1).await.unwrap();
    let (folder, key) = keyed_shop();
    let (base, url) =
        (simulator.base_url(), format!("sqlite:{}", folder.path().join("data/copyrail.db").display()));
    let product = Arc::new(AtomicU32::new(0));
    let mut random = StdRng::seed_from_u64(20_261_122);
    let mut shown: BTreeMap<String, String> = BTreeMap::new();
    let mut head: Option<String> = None;
    for kill in 0..kills() {
        let mut serving = Serving::start(folder.path(), &[("OPENAI_BASE_URL", base.as_str())]);
        let (send, mut answers) = mpsc::unbounded_channel();
        let address = format!("http://{}/v1/blurbs", serving.address);
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| tokio::spawn(call(address.clone(), key.clone(), Arc::clone(&product), send.clone())))
            .collect();
        drop(send);
        // The moment is told by answers, not by a clock: the other callers are then anywhere on their way.
        let moment = random.random_range(1..60);
        let mut received = Vec::new();
        while received.len() < moment {
            received.push(answers.recv().await.expect("the callers ask until the service is gone"));
        }
        serving.kill();
        for caller in callers {
            caller.await.unwrap();
        }
        while let Some(answer) = answers.recv().await {
            received.push(answer);
        }
        for answer in received.iter().filter(|answer| answer["ai_generated"] == true) {
            let text = |key: &str| answer[key].as_str().unwrap().to_owned();
            shown.insert(text("generation_id"), text("text"));
        }

        let store = Store::open(&url, Access::ReadOnly).await.unwrap();
        let report = verify(&store, head.as_deref(), |_, _| ()).await.unwrap();
        assert_eq!(report.fault, None, "after kill {kill}");
        for (id, text) in &shown {
            let found = search::generation(&store, id.parse().unwrap()).await.unwrap();
            let kept = found.and_then(|generation| generation.payload).and_then(|payload| payload.text);
            assert_eq!(kept.as_ref(), Some(text), "after kill {kill}: {id}");
        }
        head = report.head;
        store.close().await;
    }
    assert!(shown.len() > kills() as usize, "there was something to lose: {shown:#?}");

    // The check bites: what nobody recorded is not there.
    let store = Store::open(&url, Access::ReadOnly).await.unwrap();
    assert!(search::generation(&store, uuid::Uuid::nil()).await.unwrap().is_none());
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
