//! What tests stand on: a service of their own, an upstream that does as it is told, the executable.

mod app;
mod command;
pub mod console;
pub mod oidc;
mod upstream;

pub use app::{Answered, TestApp, ask};
pub use command::{Ran, Serving, copyrail};
pub use upstream::{Reply, Upstream};

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use tracing::Dispatch;
use tracing::subscriber::NoSubscriber;

/// A client of HTTP that goes where it is told, and not by the environment's proxies.
pub fn client() -> reqwest::Client {
    // Whoever is first in the process installs it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Lets a test listen to log lines and spans of its own thread while other tests run. Where there is but one subscriber, a
/// line's first use on a thread without one turns it off for good; a second subscriber, of nothing, has all be asked.
pub fn listen_among_others() {
    static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));
    LazyLock::force(&SECOND);
}

/// The repository's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of real data that is not part of the repository; `None`, said loudly, where it is missing.
pub fn shared_data(name: &str) -> Option<PathBuf> {
    let path = root().join("../shared/data").join(name);
    if !path.exists() {
        eprintln!("SKIPPED: this test reads ../shared/data/{name}, which is not here");
        return None;
    }
    Some(path)
}

/// Copies a folder and all below it.
pub fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}

/// A fresh folder that holds the shipped shop.
pub fn shop() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["prompts", "guardrails"] {
        copy_dir(&root().join(name), &folder.path().join(name));
    }
    std::fs::create_dir_all(folder.path().join("config")).unwrap();
    for name in ["config/segments.yml", "config/sample-catalogue.jsonl"] {
        std::fs::copy(root().join(name), folder.path().join(name)).unwrap();
    }
    folder
}

/// Waits until something holds, by asking again; fails when it has not for long.
#[track_caller]
pub fn eventually<F: Future<Output = bool>>(
    what: &'static str,
    mut holds: impl FnMut() -> F,
) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    async move {
        let mut ticks = tokio::time::interval(std::time::Duration::from_millis(10));
        for _ in 0..3_000 {
            ticks.tick().await;
            if holds().await {
                return;
            }
        }
        panic!("{what}: not within half a minute, at {place}");
    }
}
