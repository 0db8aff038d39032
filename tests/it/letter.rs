//! A regulator's letter: a phrase must not be shown any more, while marketing's folder is broken. From `stop` to a clean
//! `sweep`, by the real commands beside a real service under load, and over a restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::{Value, json};

use crate::support::{Ran, Serving, Upstream, ask, client, copyrail, eventually, shop};

const PHRASE: &str = "moonlit harbour";
const PLACEMENT: &str = "prompts/why-this/placement.yml";

/// Whether a text holds the phrase, however it is written.
fn holds(text: &str) -> bool {
    text.to_lowercase().contains(PHRASE)
}

/// One answer: when it was asked for, and the text.
type Shown = (Instant, String);

struct Scene {
    folder: tempfile::TempDir,
    upstream: Upstream,
    key: String,
    compliance: String,
    client: reqwest::Client,
}

impl Scene {
    async fn new() -> Self {
        let (folder, upstream) = (shop(), Upstream::saying("A Moonlit Harbour for the evening.").await);
        // What people wrote holds it too.
        let path = folder.path().join(PLACEMENT);
        let placement = std::fs::read_to_string(&path).unwrap();
        let shipped = "en: What this product is made for is set out on this page.";
        assert!(placement.contains(shipped));
        let said = "en: What the moonlit harbour range is made for is set out on this page.";
        std::fs::write(path, placement.replace(shipped, said)).unwrap();
        let key = |role: &str| {
            let made = copyrail(folder.path(), &["keys", "new", "--role", role, "--name", role], &[], "");
            assert_eq!(made.code, Some(0), "{}", made.err);
            made.out.trim().to_owned()
        };
        let (serve, compliance) = (key("serve"), key("compliance"));
        Self { folder, upstream, key: serve, compliance, client: client() }
    }

    fn serve(&self) -> Serving {
        let base = self.upstream.base_url();
        Serving::start(self.folder.path(), &[("OPENAI_BASE_URL", &base), ("OPENAI_MODEL", "scripted")])
    }

    async fn blurb(&self, serving: &Serving, product: &str) -> Value {
        let url = format!("http://{}/v1/blurbs", serving.address);
        let request = self.client.post(url).bearer_auth(&self.key).json(&ask(product));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }

    async fn policy(&self, serving: &Serving) -> Value {
        let url = format!("http://{}/v1/policy", serving.address);
        self.client.get(url).bearer_auth(&self.compliance).send().await.unwrap().json().await.unwrap()
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        let folder = self.folder.path().to_owned();
        let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
        let run = move || {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            copyrail(&folder, &arguments, &[("COLUMNS", "120")], "")
        };
        tokio::task::spawn_blocking(run).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_banned_phrase_is_gone_and_stays_gone_while_marketings_folder_is_broken() {
    let scene = Arc::new(Scene::new().await);
    let mut serving = scene.serve();
    for product in 0..5 {
        let answer = scene.blurb(&serving, &format!("Lamp {product}")).await;
        assert!(holds(answer["text"].as_str().unwrap()), "nothing forbids it yet: {answer}");
    }
    // Marketing breaks its folder, and nobody is there to mend it.
    let broken = scene.folder.path().join(PLACEMENT);
    std::fs::write(&broken, "mode: [live\n").unwrap();
    eventually("the broken folder is told of", async || {
        let refused = scene.policy(&serving).await["refused"].clone();
        refused.as_array().unwrap().iter().any(|fault| fault["set"] == "prompts" && fault["line"] == 1)
    })
    .await;

    // Pages ask all the while.
    let (over, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let address = serving.address.clone();
    let caller = |number: usize| {
        let (scene, over, asked) = (Arc::clone(&scene), Arc::clone(&over), Arc::clone(&asked));
        let url = format!("http://{address}/v1/blurbs");
        tokio::spawn(async move {
            let mut shown: Vec<Shown> = Vec::new();
            while !over.load(Ordering::SeqCst) {
                let product = format!("Lamp {}", (shown.len() + number) % 9);
                let sent = Instant::now();
                let request = scene.client.post(&url).bearer_auth(&scene.key).json(&ask(&product));
                let response = request.send().await.unwrap();
                assert_eq!(response.status(), 200);
                let answer: Value = response.json().await.unwrap();
                shown.push((sent, answer["text"].as_str().unwrap().to_owned()));
                asked.fetch_add(1, Ordering::SeqCst);
            }
            shown
        })
    };
    let callers: Vec<_> = (0..3).map(caller).collect();
    let so_far = asked.load(Ordering::SeqCst);
    eventually("pages ask", async || asked.load(Ordering::SeqCst) > so_far + 30).await;

    let reason = "Letter of the regulator of 3 November";
    let stopped =
        scene.run(&["stop", "--phrase", "Moonlit  HARBOUR", "--reason", reason, "--by", "Ada Byron"]).await;
    let returned = Instant::now();
    assert_eq!(stopped.code, Some(0), "{}{}", stopped.out, stopped.err);
    eventually("the service has taken the stop", async || {
        !holds(scene.blurb(&serving, "Lamp 0").await["text"].as_str().unwrap())
    })
    .await;
    let taken = Instant::now();
    let so_far = asked.load(Ordering::SeqCst);
    eventually("pages ask", async || asked.load(Ordering::SeqCst) > so_far + 100).await;
    over.store(true, Ordering::SeqCst);
    let (mut with, mut since) = (0, None);
    for caller in callers {
        for (sent, text) in caller.await.unwrap() {
            with += usize::from(holds(&text));
            assert!(sent < taken || !holds(&text), "{text}");
            since = since.max(holds(&text).then(|| sent.saturating_duration_since(returned)));
        }
    }
    assert!(with > 0, "pages had it before");
    eprintln!(
        "the last page that had it was asked {since:?} after the command returned; taken after {:?}",
        taken - returned
    );

    // It is proven: nothing that could be served holds it.
    let clean = async |scene: &Scene| {
        let swept = scene.run(&["sweep", "--phrase", PHRASE]).await;
        assert_eq!(swept.code, Some(0), "{}{}", swept.out, swept.err);
        eprintln!("{}{}", swept.out, swept.err);
    };
    clean(&scene).await;
    // And so it is after a kill and a start on the folder that is broken still.
    serving.kill();
    let serving = {
        drop(serving);
        scene.serve()
    };
    for product in ["Lamp 0", "Lamp 8", "A lamp that nobody asked for yet"] {
        let answer = scene.blurb(&serving, product).await;
        assert!(!holds(answer["text"].as_str().unwrap()), "{answer}");
    }
    assert!(!scene.policy(&serving).await["refused"].as_array().unwrap().is_empty());
    clean(&scene).await;
    let mut serving = serving;
    assert_eq!(serving.terminate(), Some(0));

    // Who, when and why stand in the log, and the log is whole.
    let url = format!("sqlite:{}", scene.folder.path().join("data/copyrail.db").display());
    let database = sqlx::SqlitePool::connect(&url).await.unwrap();
    let sql = "SELECT bytes FROM chain WHERE kind = 'stop'";
    let records: Vec<Vec<u8>> = sqlx::query_scalar(sql).fetch_all(&database).await.unwrap();
    database.close().await;
    let [record] = records.as_slice() else { panic!("{} records of stops", records.len()) };
    let record: Value = serde_json::from_slice(record).unwrap();
    assert_eq!((&record["by"], &record["reason"]), (&json!("Ada Byron"), &json!(reason)), "{record}");
    assert!(record["at"].is_string() && holds(&record["value"].to_string().replace("  ", " ")), "{record}");
    let verified = scene.run(&["audit", "verify"]).await;
    assert_eq!(verified.code, Some(0), "{}{}", verified.out, verified.err);
}
