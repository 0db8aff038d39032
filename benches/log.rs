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
    clippy::indexing_slicing,
    reason = "a bench prints what it measured, and ends where it cannot"
)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use copyrail::app::wall_clock;
use copyrail::audit::bulk::{Entry, append_many};
use copyrail::audit::search::{Filter, ReviewState, ServeFilter, Words, generations, serves, serves_around};
use copyrail::audit::{GenerationPayload, GenerationRecord, Outcome, Recorder, Settings, index, references};
use copyrail::simulate::log::{Plan, Records, user};
use copyrail::store::{Access, Store};
use copyrail::words::{PlacementId, Reason, SegmentId, Source, Tier};
use jiff::SignedDuration;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use tokio::task::JoinSet;

/// How many callers have a generation recorded at once.
const AT_ONCE: [usize; 4] = [1, 16, 64, 512];
/// How many generations each measurement records.
const GENERATIONS: usize = 20_000;
/// How many times each kind of search is made, each time for something else.
const TIMES: u64 = 20;
/// How many records a page has.
const PAGE: u32 = 50;
/// Serves a second of a busy shop.
const BUSY: f64 = 5_000.0;

fn plan(generations: u64, serves: u64) -> Plan {
    let (until, span) = (wall_clock()(), SignedDuration::from_hours(24 * 30));
    Plan { generations, serves, users: 200_000, products: 20_000, until, span, seed: 1 }
}

/// Durable generations a second with so many callers.
async fn throughput(folder: &Path, callers: usize) -> f64 {
    let url = format!("sqlite:{}", folder.join(format!("write-{callers}.db")).display());
    let store = Store::open(&url, Access::Serve).await.unwrap();
    let recorder = Recorder::start(store.clone(), Settings::default(), wall_clock());
    let count = if callers == 1 { GENERATIONS / 20 } else { GENERATIONS };
    let of = |entry| match entry {
        Entry::Generation(generation) => Some(*generation),
        _ => None,
    };
    let mut records: Vec<(GenerationRecord, GenerationPayload)> =
        Records::of(plan(count as u64, 0)).filter_map(of).collect();
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
    println!("{callers:>5} at once: {rate:>8.0} durable generations/s, {} transactions", recorder.flushes());
    recorder.close().await;
    store.close().await;
    rate
}

/// Durable serves a second, as blocks of 250.
async fn serve_throughput(folder: &Path) -> f64 {
    let url = format!("sqlite:{}", folder.join("serves.db").display());
    let store = Store::open(&url, Access::Serve).await.unwrap();
    let entries: Vec<_> = Records::of(plan(0, 100_000)).collect();
    let began = Instant::now();
    for entry in entries {
        append_many(&store, vec![entry]).await.unwrap();
    }
    let rate = 100_000.0 / began.elapsed().as_secs_f64();
    println!("serves, 250 a flush: {rate:>8.0} durable serves/s");
    store.close().await;
    rate
}

/// The file of the log that is searched: the one that the environment names, or one made now.
async fn log(folder: &Path) -> PathBuf {
    if let Ok(path) = std::env::var("COPYRAIL_BENCH_LOG") {
        return path.into();
    }
    let path = folder.join("log.db");
    let store = Store::open(&format!("sqlite:{}", path.display()), Access::Serve).await.unwrap();
    let mut records = Records::of(plan(20_000, 200_000)).peekable();
    while records.peek().is_some() {
        append_many(&store, records.by_ref().take(2_000).collect()).await.unwrap();
    }
    store.close().await;
    path
}

async fn number(beside: &mut SqliteConnection, sql: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(beside).await.unwrap()
}

/// How large records are, and what a busy shop would need for a day.
async fn sizes(beside: &mut SqliteConnection) {
    let generations = number(beside, "SELECT count(*) FROM generations").await as f64;
    let chain =
        |kind: &str| format!("SELECT coalesce(sum(length(bytes)), 0) FROM chain WHERE kind = '{kind}'");
    let lines = "SELECT coalesce(sum(length(bytes) - length(replace(CAST(bytes AS TEXT), char(10), ''))), 0) FROM (SELECT bytes FROM chain WHERE kind = 'serves' LIMIT 400)";
    let per_block = number(beside, lines).await as f64
        / number(beside, "SELECT count(*) FROM (SELECT 1 FROM chain WHERE kind = 'serves' LIMIT 400)")
            .await
            .max(1) as f64;
    let serves = per_block * number(beside, "SELECT count(*) FROM chain WHERE kind = 'serves'").await as f64;
    let mut of = Vec::new();
    for names in [
        &["serve_index_data"][..],
        &["payloads"],
        &["generations", "generations_key", "generations_at", "sqlite_autoindex_generations_1"],
        &["generation_index_data"],
    ] {
        let mut pages = 0.0;
        for name in names {
            let of = "SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE aggregate = 1 AND name";
            pages += number(beside, &format!("{of} = '{name}'")).await as f64;
        }
        of.push(pages);
    }
    let [found, payload, tables, words] = of[..] else { return };
    let (found, payload) = (found / serves, payload / generations);
    let (tables, words) = (tables / generations, words / generations);
    let serve = number(beside, &chain("serves")).await as f64 / serves;
    let entry = number(beside, &chain("generation")).await as f64 / generations;
    println!("bytes per serve: {serve:.0} in the chain, {found:.0} in its index");
    println!(
        "bytes per generation: {entry:.0} in the chain, {payload:.0} payload, {tables:.0} in its table, {words:.0} in its index"
    );
    let day = BUSY * 86_400.0 * (serve + found) / 1e9;
    println!(
        "{BUSY:.0} serves a second for a day: {:.0} million records, {day:.0} GB",
        BUSY * 86_400.0 / 1e6
    );
}

/// One kind of search: how long the slowest and the middle one of several took, beside a scan of the table for the same.
struct Kind<'k> {
    name: &'k str,
    took: Vec<Duration>,
    found: usize,
    scan: Duration,
}

impl Kind<'_> {
    /// Prints it, and answers how long the slowest took.
    fn told(mut self) -> Duration {
        self.took.sort_unstable();
        let [middle, slowest] = [self.took.len() / 2, self.took.len() - 1]
            .map(|at| self.took.get(at).copied().unwrap_or_default());
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        println!(
            "{:<58} {:>8.2} {:>8.2} {:>8} {:>10.0} {:>8.0}",
            self.name,
            millis(middle),
            millis(slowest),
            self.found,
            millis(self.scan),
            self.scan.as_secs_f64() / middle.as_secs_f64()
        );
        slowest
    }
}

/// How long a scan takes that finds nothing.
async fn scan(beside: &mut SqliteConnection, sql: &'static str) -> Duration {
    let began = Instant::now();
    sqlx::query(sql).fetch_all(beside).await.unwrap();
    began.elapsed()
}

/// The n-th of several, spread over so many.
fn spread(n: u64, of: u64) -> u64 {
    (n * n * 7_919 + 13) % of
}

#[allow(clippy::type_complexity, reason = "a name, and what is searched for the n-th time")]
async fn searches(store: &Store, beside: &mut SqliteConnection) {
    println!(
        "{:<58} {:>8} {:>8} {:>8} {:>10} {:>8}",
        "search for a page of 50", "p50 ms", "max ms", "found", "scan ms", "ratio"
    );
    let product = |n| Some(format!("p-{:06}", spread(n, 5_000)));
    let placement = || Some(PlacementId::new("why-this"));
    let segment = || Some(SegmentId::new("gift-givers"));
    let mut users = Vec::new();
    for n in 0..TIMES {
        let digest = blake3::Hash::from_hex(user(spread(n, 50_000))).unwrap();
        users.push(references(store, digest.as_bytes()).await.unwrap());
    }
    let of_user = |n: u64| users.get(n as usize).cloned();
    let now = wall_clock()();
    let ago = |hours: i64| now - SignedDuration::from_hours(hours);
    let serve_kinds: [(&str, Box<dyn Fn(u64) -> ServeFilter>); 9] = [
        ("serves to a user", Box::new(|n| ServeFilter { user: of_user(n), ..Default::default() })),
        (
            "serves to a user on a placement in a week",
            Box::new(|n| ServeFilter {
                user: of_user(n),
                placement: placement(),
                since: Some(ago(168)),
                ..Default::default()
            }),
        ),
        ("serves of a product", Box::new(|n| ServeFilter { product: product(n), ..Default::default() })),
        (
            "serves of a placement to a segment",
            Box::new(|_| ServeFilter { placement: placement(), segment: segment(), ..Default::default() }),
        ),
        (
            "serves for a reason, of a source, on a day two weeks ago",
            Box::new(|n| ServeFilter {
                reason: Some(Reason::Guardrail),
                source: Some(Source::Prewritten),
                since: Some(ago(336 + n as i64)),
                until: Some(ago(312 + n as i64)),
                ..Default::default()
            }),
        ),
        (
            "serves in an hour",
            Box::new(|n| ServeFilter {
                since: Some(ago(100 + 7 * n as i64)),
                until: Some(ago(99 + 7 * n as i64)),
                ..Default::default()
            }),
        ),
        (
            "serves of a tier with words",
            Box::new(|n| ServeFilter {
                tier: Some(Tier::User),
                words: Words::parse(["\"solid oak\" kettle", "cork garden", "lamp*"][n as usize % 3]).ok(),
                ..Default::default()
            }),
        ),
        (
            "serves of a seldom product for a frequent reason",
            Box::new(|_| ServeFilter {
                reason: Some(Reason::NoConsent),
                product: Some("p-019990".into()),
                ..Default::default()
            }),
        ),
        (
            "serves of two frequent terms that never meet",
            Box::new(|_| ServeFilter {
                reason: Some(Reason::Deadline),
                tier: Some(Tier::User),
                ..Default::default()
            }),
        ),
    ];
    let nowhere =
        "SELECT seq FROM chain WHERE kind = 'serves' AND instr(bytes, CAST('no such line' AS BLOB)) > 0";
    let scanned = scan(beside, nowhere).await;
    let mut slowest = Duration::ZERO;
    for (name, filter) in serve_kinds {
        let (mut took, mut found) = (Vec::new(), 0);
        for n in 0..TIMES {
            let (filter, began) = (filter(n), Instant::now());
            found += serves(store, &filter, PAGE, None).await.unwrap().items.len();
            took.push(began.elapsed());
        }
        slowest = slowest.max(Kind { name, took, found, scan: scanned }.told());
    }
    let (mut took, mut found) = (Vec::new(), 0);
    for n in 0..TIMES {
        let (filter, began) = (ServeFilter { user: of_user(n), ..Default::default() }, Instant::now());
        found += serves_around(store, &filter, ago(30 * n as i64), PAGE).await.unwrap().items.len();
        took.push(began.elapsed());
    }
    let name = "what a user saw at a moment";
    slowest = slowest.max(Kind { name, took, found, scan: scanned }.told());

    let all = Filter::default;
    let generation_kinds: [(&str, Box<dyn Fn(u64) -> Filter>); 8] = [
        ("generations of a product", Box::new(|n| Filter { product: product(n), ..all() })),
        (
            "generations that a rule found something in",
            Box::new(|_| Filter { rule: Some("brand.urgency".into()), ..all() }),
        ),
        (
            "generations that failed, of a placement, for a segment",
            Box::new(|_| Filter {
                outcome: Some(Outcome::Failed),
                placement: placement(),
                segment: segment(),
                ..all()
            }),
        ),
        (
            "generations with rare words",
            Box::new(|n| Filter {
                words: Words::parse(&format!("\"number {}\"", spread(n, 20_000))).ok(),
                ..all()
            }),
        ),
        (
            "generations with frequent words",
            Box::new(|_| Filter { words: Words::parse("lamp cork").ok(), ..all() }),
        ),
        (
            "generations that were approved, of a product's kind",
            Box::new(|_| Filter {
                review: Some(ReviewState::Approved),
                words: Words::parse("kettle").ok(),
                ..all()
            }),
        ),
        (
            "generations that await approval, of a placement",
            Box::new(|_| Filter { review: Some(ReviewState::Awaiting), placement: placement(), ..all() }),
        ),
        (
            "generations for a user, in a week",
            Box::new(|n| Filter { user: of_user(n), since: Some(ago(168)), ..all() }),
        ),
    ];
    let nowhere = "SELECT seq FROM payloads WHERE instr(bytes, CAST('no such words' AS BLOB)) > 0";
    let scanned = scan(beside, nowhere).await;
    for (name, filter) in generation_kinds {
        let (mut took, mut found) = (Vec::new(), 0);
        for n in 0..TIMES {
            let (filter, began) = (filter(n), Instant::now());
            found += generations(store, &filter, PAGE, None).await.unwrap().items.len();
            took.push(began.elapsed());
        }
        slowest = slowest.max(Kind { name, took, found, scan: scanned }.told());
    }
    println!("slowest search: {:.1} ms (goal: 100)", slowest.as_secs_f64() * 1e3);
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir_in("target").unwrap();
    runtime.block_on(async {
        println!("writing, each acknowledged once it is on the disk:");
        let mut rates = Vec::new();
        for callers in AT_ONCE {
            rates.push(throughput(folder.path(), callers).await);
        }
        let served = serve_throughput(folder.path()).await;
        let path = log(folder.path()).await;
        let url = format!("sqlite:{}", path.display());
        let store = Store::open(&url, Access::Serve).await.unwrap();
        let began = Instant::now();
        let entries = index::catch_up(&store).await.unwrap();
        println!("\nindexed {entries} entries in {:.1} s", began.elapsed().as_secs_f64());
        let mut beside = SqliteConnection::connect(&url).await.unwrap();
        sizes(&mut beside).await;
        println!();
        searches(&store, &mut beside).await;
        if let [alone, .., many] = rates[..] {
            println!("generations, {} at once to a flush for each: ratio {:.1}", AT_ONCE[3], many / alone);
            println!("serves, 250 a flush to a flush for each generation: ratio {:.0}", served / alone);
        }
    });
}
