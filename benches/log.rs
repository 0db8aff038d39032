//! The log: how fast it takes durable records beside a flush for each, and how fast a large one is searched beside a scan of
//! its tables; all in one run.
//!
//! `cargo bench --bench log`; the log that is searched is made by it, unless COPYRAIL_BENCH_LOG names the file of one that
//! `copyrail simulate-log` made. The last lines are the ratios. The goals: at least 20 times as many durable generations as one
//! flush each gives; each search of a million generations and ten million serves under 100 ms.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a bench prints what it measured, and ends where it cannot"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use copyrail::app::wall_clock;
use copyrail::audit::bulk::Entry;
use copyrail::audit::{GenerationPayload, GenerationRecord, Recorder, Settings};
use copyrail::simulate::log::{Plan, Records};
use copyrail::store::{Access, Store};
use jiff::SignedDuration;
use tokio::task::JoinSet;

/// How many callers have a generation recorded at once.
const AT_ONCE: [usize; 4] = [1, 16, 64, 256];
/// How many generations each measurement records.
const GENERATIONS: usize = 2_000;

fn generations(count: usize) -> Vec<(GenerationRecord, GenerationPayload)> {
    let plan = Plan {
        generations: count as u64,
        serves: 0,
        users: 1_000,
        products: 1_000,
        until: wall_clock()(),
        span: SignedDuration::from_hours(1),
        seed: 1,
    };
    let of = |entry| match entry {
        Entry::Generation(generation) => Some(*generation),
        _ => None,
    };
    Records::of(plan).filter_map(of).collect()
}

/// Durable generations a second with so many callers.
async fn throughput(folder: &Path, callers: usize) -> f64 {
    let url = format!("sqlite:{}", folder.join(format!("write-{callers}.db")).display());
    let store = Store::open(&url, Access::Serve).await.unwrap();
    let recorder = Recorder::start(store.clone(), Settings::default(), wall_clock());
    let mut records = generations(if callers == 1 { GENERATIONS / 10 } else { GENERATIONS });
    let count = records.len();
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    let share = count.div_ceil(callers);
    while !records.is_empty() {
        let own = records.split_off(records.len().saturating_sub(share));
        let recorder = recorder.clone();
        tasks.spawn(async move {
            for (record, payload) in own {
                recorder.generation(record, payload).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let rate = count as f64 / began.elapsed().as_secs_f64();
    println!("{callers:>4} at once: {rate:>8.0} durable generations/s, {} transactions", recorder.flushes());
    recorder.close().await;
    store.close().await;
    rate
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let folder = Arc::new(tempfile::tempdir_in("target").unwrap());
    runtime.block_on(async {
        println!("writing, each acknowledged once it is on the disk:");
        let mut rates = Vec::new();
        for callers in AT_ONCE {
            rates.push(throughput(folder.path(), callers).await);
        }
        let [alone, .., many] = rates[..] else { return };
        println!("ratio of {} at once to a flush for each: {:.1}", AT_ONCE[3], many / alone);
    });
}
