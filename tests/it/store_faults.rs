//! The store is full, gone, replaced or locked while pages are asked for all the while: they are answered throughout, nothing
//! generated is shown that the log does not hold, what is missing in it is counted, and it goes on by itself.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use copyrail::audit::verify::verify;
use copyrail::store::{Access, Store};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::task::JoinHandle;

use crate::crash::{holds, small_shop};
use crate::support::{Serving, Upstream, ask, client, eventually};

const CALLERS: usize = 4;
/// How many products are asked for again and again; every other request is for a new one.
const KNOWN: usize = 5;

/// A service that is asked all the while.
struct Busy {
    serving: Serving,
    upstream: Upstream,
    folder: tempfile::TempDir,
    store: PathBuf,
    answers: Arc<Mutex<Vec<Value>>>,
    asked: Arc<AtomicUsize>,
    enough: Arc<AtomicBool>,
    callers: Vec<JoinHandle<()>>,
}

impl Busy {
    /// Starts it, with its store in a folder, and asks until copy is written and served again.
    async fn start(data: Option<&Path>) -> Self {
        let upstream = Upstream::saying("A handy companion for the evening.").await;
        let (folder, key) = small_shop();
        let data = data.map_or_else(|| folder.path().join("data"), Path::to_owned);
        let store = data.join("copyrail.db");
        if store.parent() != Some(&folder.path().join("data")) {
            std::fs::copy(folder.path().join("data/copyrail.db"), &store).unwrap();
        }
        let (base, url) = (upstream.base_url(), format!("sqlite:{}", store.display()));
        let serving = Serving::start(
            folder.path(),
            &[
                ("OPENAI_BASE_URL", &base),
                ("COPYRAIL__DATA__DIR", data.to_str().unwrap()),
                ("COPYRAIL__STORE__URL", &url),
                ("COPYRAIL__AUDIT__SPOOL", "256KiB"),
            ],
        );
        let (answers, asked, enough) = (Arc::default(), Arc::default(), Arc::default());
        let mut busy = Self { serving, upstream, folder, store, answers, asked, enough, callers: Vec::new() };
        let url = format!("http://{}/v1/blurbs", busy.serving.address);
        for _ in 0..CALLERS {
            let (url, key) = (url.clone(), key.clone());
            let (answers, asked) = (Arc::clone(&busy.answers), Arc::clone(&busy.asked));
            let enough = Arc::clone(&busy.enough);
            busy.callers.push(tokio::spawn(async move {
                let client = client();
                while !enough.load(Ordering::SeqCst) {
                    let number = asked.fetch_add(1, Ordering::SeqCst);
                    let number = if number % 2 == 0 { number / 2 % KNOWN } else { number };
                    let request = client.post(&url).bearer_auth(&key).json(&ask(&format!("Lamp {number}")));
                    let response = request.send().await.unwrap();
                    assert_eq!(response.status(), 200);
                    let answer = response.json().await.unwrap();
                    answers.lock().unwrap().push(answer);
                }
            }));
        }
        eventually("copy is written and served again", || async {
            let answers = busy.answers.lock().unwrap();
            let has = |source: &str| answers.iter().filter(|answer| answer["source"] == source).count() > 20;
            has("generated") && has("cache")
        })
        .await;
        busy
    }

    fn answered(&self) -> usize {
        self.answers.lock().unwrap().len()
    }

    /// Waits until so many more were answered.
    async fn answered_more(&self, more: usize) {
        let before = self.answered();
        eventually("pages are answered", || async { self.answered() >= before + more }).await;
    }

    async fn readiness(&self) -> Value {
        let url = format!("http://{}/readyz", self.serving.address);
        let response = client().get(url).send().await.unwrap();
        assert_eq!(response.status(), 200, "pages are still to be sent here");
        response.json().await.unwrap()
    }

    async fn is_degraded(&self) -> bool {
        let degraded = self.readiness().await;
        degraded["degraded"].as_array().unwrap().iter().any(|part| part["part"] == "log")
    }

    /// The fault is there: nothing new is generated, and every page is answered. Answers how many answers there were when it
    /// was noticed.
    async fn check_failing(&self) -> usize {
        eventually("it says that the log cannot be written", || self.is_degraded()).await;
        // Whoever was on the way then is answered by now.
        self.answered_more(10 * CALLERS).await;
        let (calls, from) = (self.upstream.calls(), self.answered());
        self.answered_more(100).await;
        assert_eq!(self.upstream.calls(), calls, "nobody is asked for what could not be shown");
        for answer in &self.answers.lock().unwrap()[from..] {
            assert_ne!(answer["text"], "", "{answer}");
            match answer["source"].as_str() {
                Some("cache") => {}
                Some("prewritten") => assert_eq!(answer["reason"], "store_unavailable", "{answer}"),
                _ => panic!("{answer}"),
            }
        }
        from
    }

    /// It generates again by itself. Answers how many answers there were before that.
    async fn check_recovered(&self) -> usize {
        let from = self.answered();
        eventually("it generates again", || async {
            self.answers.lock().unwrap()[from..].iter().any(|answer| answer["source"] == "generated")
        })
        .await;
        self.answered_more(20).await;
        from
    }

    /// Ends it, and checks its log: of the answers but those that are `lost`, which stand in a store that is not there any more.
    async fn check_log(mut self, lost: std::ops::Range<usize>, last_before: Option<i64>) {
        self.enough.store(true, Ordering::SeqCst);
        for caller in self.callers {
            caller.await.unwrap();
        }
        assert_eq!(self.serving.terminate(), Some(0), "{:#?}", self.serving.log());
        let url = format!("sqlite:{}", self.store.display());
        let store = Store::open(&url, Access::ReadOnly).await.unwrap();
        let report = verify(&store, None, |_, _| ()).await.unwrap();
        assert_eq!(report.fault, None);

        let mut beside = open(&self.store).await;
        let blocks: Vec<Vec<u8>> = all(&mut beside, "SELECT bytes FROM chain WHERE kind = 'serves'").await;
        let blocks = String::from_utf8(blocks.concat()).unwrap();
        let recorded: BTreeSet<String> = blocks
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned())
            .collect();
        let gaps: Vec<Vec<u8>> = all(&mut beside, "SELECT bytes FROM chain WHERE kind = 'gap'").await;
        let gaps: Vec<Value> = gaps.iter().map(|gap| serde_json::from_slice(gap).unwrap()).collect();
        let counted: u64 = gaps.iter().map(|gap| gap["count"].as_u64().unwrap()).sum();
        assert!(!gaps.is_empty(), "that the log failed is said");

        let answers = std::mem::take(&mut *self.answers.lock().unwrap());
        let held = answers.iter().enumerate().filter(|(at, _)| !lost.contains(at)).map(|(_, answer)| answer);
        let mut missing = 0;
        let mut seen = BTreeSet::new();
        for answer in held {
            let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
            missing += u64::from(!recorded.contains(&text("serve_id")));
            if answer["ai_generated"] == true && seen.insert(text("generation_id")) {
                assert!(holds(&store, &text("generation_id"), &text("text")).await, "{answer}");
            }
        }
        assert!(missing <= counted, "{missing} are missing, {gaps:?}");
        if let Some(last) = last_before {
            let next = format!("SELECT kind FROM chain WHERE seq = {}", last + 1);
            let next: Vec<String> = all(&mut beside, &next).await;
            assert_eq!(next, ["gap"], "what comes first says that something may be missing");
        }
        beside.close().await.unwrap();
        store.close().await;
        self.upstream.stop().await;
        drop(self.folder);
    }
}

async fn open(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).connect().await.unwrap()
}

async fn all<T>(connection: &mut SqliteConnection, sql: &str) -> Vec<T>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite> + Send + Unpin,
{
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql.to_owned())).fetch_all(connection).await.unwrap()
}

/// The last entry of the log, while nothing can be written to it.
async fn last(connection: &mut SqliteConnection) -> i64 {
    all(connection, "SELECT max(seq) FROM chain").await[0]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_may_not_grow_is_no_end_of_the_service() {
    let busy = Busy::start(None).await;
    let limit = |bytes| {
        let id = Pid::from_raw(busy.serving.id().cast_signed());
        prlimit(id, Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
    };
    limit(Some(1));
    busy.check_failing().await;
    let last = last(&mut open(&busy.store).await).await;
    limit(None);
    busy.check_recovered().await;
    busy.check_log(0..0, Some(last)).await;
}

/// A small disk, let go with the test; `None`, said loudly, where none may be mounted.
struct Disk(tempfile::TempDir);

impl Disk {
    fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(folder.path());
        if !mount.output().is_ok_and(|done| done.status.success()) {
            eprintln!("SKIPPED: this test fills a small disk, and none may be mounted here");
            return None;
        }
        Some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).output();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full_is_full_until_there_is_room() {
    let Some(disk) = Disk::mount("32m") else { return };
    let busy = Busy::start(Some(disk.path())).await;
    let filler = disk.path().join("filler");
    let fill = || {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&filler).unwrap();
        while std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {}
    };
    fill();
    // What the store has room for in its own files is written all the same; then it is full.
    eventually("it says that the log cannot be written", || async {
        fill();
        busy.is_degraded().await
    })
    .await;
    busy.check_failing().await;
    std::fs::remove_file(&filler).unwrap();
    busy.check_recovered().await;
    busy.check_log(0..0, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_another_process_holds_is_waited_for_by_nobody() {
    let busy = Busy::start(None).await;
    let mut beside = open(&busy.store).await;
    sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut beside).await.unwrap();
    busy.check_failing().await;
    let last = last(&mut beside).await;
    sqlx::raw_sql("ROLLBACK").execute(&mut beside).await.unwrap();
    busy.check_recovered().await;
    beside.close().await.unwrap();
    busy.check_log(0..0, Some(last)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_was_moved_away_is_not_written_to_and_put_back_it_goes_on() {
    let busy = Busy::start(None).await;
    let elsewhere = busy.folder.path().join("elsewhere.db");
    std::fs::rename(&busy.store, &elsewhere).unwrap();
    busy.check_failing().await;
    assert!(!busy.store.exists(), "a service that runs makes no store");
    std::fs::rename(&elsewhere, &busy.store).unwrap();
    busy.check_recovered().await;
    busy.check_log(0..0, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_in_the_place_of_a_store_that_was_lost_is_taken_on() {
    let busy = Busy::start(None).await;
    let backup = busy.folder.path().join("backup.db");
    let before = busy.answered();
    let mut beside = open(&busy.store).await;
    // What was answered before is in it, but for what the last moment did not write yet.
    busy.answered_more(200).await;
    let copy = format!("VACUUM INTO '{}'", backup.display());
    sqlx::raw_sql(sqlx::AssertSqlSafe(copy)).execute(&mut beside).await.unwrap();
    beside.close().await.unwrap();
    busy.answered_more(50).await;

    std::fs::remove_file(&busy.store).unwrap();
    busy.check_failing().await;
    std::fs::write(&busy.store, "").unwrap();
    busy.answered_more(50).await;
    assert_eq!(std::fs::read(&busy.store).unwrap(), b"", "an empty file is no store");
    std::fs::rename(&backup, &busy.store).unwrap();
    let after = busy.check_recovered().await;
    let told = |what: &str| busy.serving.log().iter().any(|line| line.contains(what));
    eventually("it is told", || async { told("the store's file was changed for another") }).await;
    assert!(told("does not hold the last entry that this service wrote"), "{:#?}", busy.serving.log());
    // What was shown just as the backup took its place may still be from before.
    let again = busy.answers.lock().unwrap()[after..]
        .iter()
        .position(|answer| answer["source"] == "generated")
        .unwrap_or_default();
    busy.check_log(before..after + again, None).await;
}
