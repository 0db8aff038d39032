//! The parts put together: settings → running service; background tasks; ordered shutdown.

mod alerts;
mod backtests;
mod degraded;
mod disk;
mod follow;
mod inquiries;
mod listening;
mod nodes;
mod settle;
mod shutdown;
mod spent;
mod tasks;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::{Mutex, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

pub use self::degraded::Degraded;
use self::disk::Disk;
use self::follow::Followed;
pub use self::inquiries::{Answered, Asked, Inquiries, Inquiry, UnderWay};
use self::listening::{MetricsServed, listen, raise_open_files};
use self::settle::{kept, read_at_rest, read_sources, same_as_kept};
pub use self::shutdown::Shutdown;
use self::spent::{generator, keep_ledger};
use self::tasks::{
    forget, index_log, judge_waiting, keep_heads, refresh, retain, say_in_force, sweep, until, warm_up,
    watch_files,
};
use crate::audit::erase::{EraseError, Erased, Order};
use crate::audit::heads::Keeper;
use crate::audit::{self, Clock, Recorder, Reviews, UserKey, erase};
use crate::cache::{Admission, Flights, Keys, Looks, Memory, Users, Writers};
use crate::casefile::Library;
use crate::catalogue::Catalogue;
use crate::config::{ConsoleSettings, Settings};
use crate::console::{self, Seal};
use crate::diagnostic::Diagnostic;
use crate::generate::{Closing, Gate};
use crate::http;
use crate::pipeline::{Parts, Repeats, SecondModels, Trouble};
use crate::policy::{Desk, Edit};
use crate::stops::Book;
use crate::store::keys::KeyRow;
use crate::store::{Access, Store, keys};
use crate::telemetry::Metrics;
use crate::words::Revision;

/// How many texts wait at most to be judged for `POST /v1/check`.
const MOST_TO_JUDGE: usize = 64;

/// How many processors there are beside one for the requests themselves; at least 1.
fn spare_processors() -> usize {
    std::thread::available_parallelism().map_or(1, |all| all.get().saturating_sub(1).max(1))
}

/// The wall clock: the one place where it is read.
#[expect(clippy::disallowed_methods, reason = "this is the one clock")]
pub fn wall_clock() -> Clock {
    Arc::new(Timestamp::now)
}

/// A service that runs.
pub struct App {
    /// Its address.
    pub address: SocketAddr,
    /// Where its metrics are read, when they are.
    pub metrics_address: Option<SocketAddr>,
    /// What it stands on.
    pub shared: Arc<Shared>,
    /// Ends the listener and the background tasks; from then on nothing new is generated.
    stop: watch::Sender<bool>,
    /// Gives up what is under way.
    close: watch::Sender<bool>,
    served: JoinHandle<()>,
    ledger: JoinHandle<()>,
    /// What goes on behind the requests.
    background: JoinSet<()>,
    metrics: Option<MetricsServed>,
}

/// What all handlers share.
pub struct Shared {
    /// The pipeline's parts.
    pub parts: Arc<Parts>,
    /// The policy in force.
    pub desk: Desk,
    /// The store.
    pub store: Store,
    /// What was once in force.
    pub editions: Library,
    /// The folder of what is kept beside the store.
    pub data_dir: PathBuf,
    /// What somebody should look at.
    pub alerts: alerts::Alerts,
    /// The keys that are known, by id; looked up anew every second.
    pub keys: ArcSwap<BTreeMap<String, KeyRow>>,
    /// What writes signed heads of the log elsewhere, when the settings say where.
    pub heads: Option<Keeper>,
    /// How often each publishable key was sent lately.
    pub rates: http::Rates,
    /// Who may have a text judged now: no more at once than leave a processor to those who answer pages.
    pub judging: Gate,
    /// Whether new requests should go elsewhere, on connections of their own.
    pub stopping: AtomicBool,
    /// When the last look into the store for a key that nobody here knew began; held by whoever looks.
    looked_for_keys: Mutex<Option<Instant>>,
    /// The revision of which it was last kept what files it stands for.
    kept_revision: Mutex<Option<Revision>>,
    /// Edits that are not kept and recorded yet.
    unsettled: std::sync::Mutex<VecDeque<Arc<Edit>>>,
    /// Held by whoever keeps and records them.
    settling: Arc<Mutex<()>>,
    /// How far rollbacks and approvals in the store were followed.
    followed: Mutex<Followed>,
    /// The disk of the policy's files.
    disk: Disk,
    /// What this service is called among those on its store.
    pub node: String,
    /// How reviewers reach their pages.
    pub console: ConsoleSettings,
    /// What the console's sessions are signed with.
    pub seal: Seal,
    /// Who signed in to the console lately, and who tried.
    pub door: console::Door,
    /// What people asked of the log that takes longer than a page.
    pub inquiries: Inquiries,
    /// Who looks at which text that waits.
    pub holding: console::Holding,
}

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The policy is faulty and no last good one is kept.
    #[error("the policy is faulty, and no last good one is kept")]
    Policy(Vec<Diagnostic>),
    /// Something it stands on is not there.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

impl App {
    /// Starts the service: opens the store, reads the policy, listens.
    ///
    /// # Errors
    /// When the policy is faulty and none was kept, or the store, the data folder or the address cannot be had.
    pub async fn start(settings: Settings, now: Clock) -> Result<Self, StartError> {
        let files = raise_open_files();
        let connections = http::most_connections(files);
        if http::is_short(connections) {
            tracing::warn!(
                files,
                connections,
                "the process may open few files, so it takes few connections at once; raise its limit (`ulimit -n`, `LimitNOFILE`)"
            );
        }
        let sources = read_sources(&settings.policy).await?;
        let store = Store::open(&settings.store_url, Access::Serve).await.map_err(anyhow::Error::from)?;
        let kept = kept(&store, &settings.policy).await;
        // Files that are not those of the last time may be being written.
        let sources = match same_as_kept(&sources, &kept) {
            true => sources,
            false => read_at_rest(&settings.policy, sources).await?,
        };
        let opened = Desk::open(settings.policy.clone(), sources, kept, now());
        let (desk, edits) = opened.map_err(StartError::Policy)?;
        std::fs::create_dir_all(&settings.data_dir).map_err(|e| {
            anyhow::anyhow!("the data folder {} cannot be made: {e}", settings.data_dir.display())
        })?;
        let user_key = UserKey::open(&settings.data_dir).map_err(|e| {
            anyhow::anyhow!(
                "the key for user references cannot be opened in {}: {e}",
                settings.data_dir.display()
            )
        })?;
        let node = nodes::name(&settings.data_dir).map_err(|e| {
            anyhow::anyhow!("the service's name cannot be kept in {}: {e}", settings.data_dir.display())
        })?;
        let seal = Seal::open(&settings.data_dir).map_err(|e| {
            anyhow::anyhow!("the console's key cannot be opened in {}: {e}", settings.data_dir.display())
        })?;
        let door = console::Door::open(&settings.console)?;
        // A backup that is put in place later holds what was erased since, and lacks what was stopped.
        let (dir, clock) = (settings.data_dir.clone(), Arc::clone(&now));
        store.prepare_others(Box::new(move |store| {
            let (dir, now) = (dir.clone(), clock());
            Box::pin(async move {
                let resumed = erase::resume(&store, &dir, now).await;
                resumed.map_err(|error| format!("an erasure cannot be carried out in it: {error}"))?;
                let restored = crate::stops::restore(&store, &dir).await;
                restored.map(drop).map_err(|error| format!("stops cannot be brought into it: {error}"))
            })
        }));
        let resumed = erase::resume(&store, &settings.data_dir, now()).await.map_err(|error| {
            anyhow::anyhow!("an erasure cannot be carried out, and nothing is served before: {error}")
        })?;
        if resumed > 0 {
            tracing::info!(erasures = resumed, "erasures were carried out that the store did not have");
            sweep(store.clone());
        }
        let open = |place: &String| Keeper::open(store.clone(), &settings.data_dir, place, Arc::clone(&now));
        let heads = settings.audit.heads.as_ref().map(open).transpose()?;
        let generator = generator(&settings, &store, now()).await?;
        if generator.is_none() {
            tracing::warn!(
                "no LLM provider is configured, so pre-written copy alone is served; set OPENAI_BASE_URL or [[llm.providers]]"
            );
        }
        let ((stop, stopped), (close, closed)) = (watch::channel(false), watch::channel(false));
        let started = now().as_duration().as_secs_f64();
        let metrics = Arc::new(Metrics::new(started));
        let recorder = Recorder::start(
            store.clone(),
            audit::Settings {
                strict: settings.audit.strict,
                spool: Some((settings.data_dir.join(audit::SPOOL), settings.audit.spool_bytes)),
                metrics: Some(Arc::clone(&metrics)),
                ..audit::Settings::default()
            },
            Arc::clone(&now),
        );
        match audit::write_down_rejections(&store).await {
            Ok(0) => {}
            Ok(texts) => {
                tracing::info!(texts, "texts that were rejected before do not come back for their questions")
            }
            Err(error) => {
                tracing::warn!(%error, "texts that were rejected by an earlier version may be written again")
            }
        }
        let repeats = Repeats::new(store.clone(), Arc::clone(&now));
        let parts = Arc::new(Parts {
            limits: settings.limits,
            shadows: crate::replay::Shadows::new(now()),
            now,
            memory: Memory::new(settings.cache_bytes),
            writers: Writers::default(),
            keys: Keys::default(),
            flights: Flights::default(),
            looks: Looks::default(),
            recorded_in: AtomicU64::new(0),
            admission: Admission::default(),
            users: Users::default(),
            generator,
            gate: Gate::new(settings.limits.concurrency, settings.limits.queue),
            bulk: Gate::new((settings.limits.concurrency / 4).max(1), settings.limits.queue / 4),
            recorder,
            stops: Book::open(store.clone(), &settings.data_dir).await.map_err(anyhow::Error::from)?,
            reviews: Reviews::open(store.clone()).await.map_err(anyhow::Error::from)?,
            second: SecondModels::new(store.clone(), &settings.providers, &settings.limits),
            catalogue: Catalogue::new(store.clone()),
            user_key,
            trouble: Trouble::default(),
            leaving: Closing::when(stopped.clone()),
            closing: Closing::when(closed),
            metrics,
            repeats,
        });
        let shared = Arc::new(Shared {
            parts,
            editions: Library::new(store.clone(), desk.settings().timezone.clone()),
            desk,
            store,
            heads,
            alerts: alerts::Alerts::default(),
            keys: ArcSwap::default(),
            rates: http::Rates::default(),
            data_dir: settings.data_dir,
            judging: Gate::new(spare_processors(), MOST_TO_JUDGE),
            stopping: AtomicBool::new(false),
            looked_for_keys: Mutex::default(),
            kept_revision: Mutex::default(),
            unsettled: std::sync::Mutex::default(),
            settling: Arc::default(),
            followed: Mutex::default(),
            disk: Disk::default(),
            node,
            console: settings.console,
            seal,
            door,
            inquiries: Inquiries::default(),
            holding: console::Holding::default(),
        });
        shared.refresh_keys().await;
        edits.into_iter().for_each(|edit| shared.tell(edit));
        shared.settle_now().await;
        shared.follow_desk().await;
        let (listener, address) = listen(settings.listen, "listen")?;
        let metrics = match settings.metrics_listen {
            Some(at) => Some(MetricsServed::start(at, Arc::clone(&shared)).await?),
            None => None,
        };
        let metrics_address = metrics.as_ref().map(|metrics| metrics.address);
        let mut background = JoinSet::new();
        background.spawn(warm_up(Arc::clone(&shared), stopped.clone()));
        background.spawn(watch_files(Arc::clone(&shared), stopped.clone()));
        background.spawn(alerts::watch(Arc::clone(&shared), stopped.clone()));
        background.spawn(refresh(Arc::clone(&shared), stopped.clone()));
        background.spawn(backtests::watch(Arc::clone(&shared), stopped.clone()));
        background.spawn(say_in_force(Arc::clone(&shared), stopped.clone()));
        background.spawn(forget(Arc::clone(&shared), stopped.clone()));
        background.spawn(keep_heads(Arc::clone(&shared), settings.audit.heads_every, stopped.clone()));
        background.spawn(index_log(shared.store.clone(), stopped.clone()));
        background.spawn(judge_waiting(Arc::clone(&shared), stopped.clone()));
        background.spawn(retain(Arc::clone(&shared), settings.audit.retention, stopped.clone()));
        let ledger = tokio::spawn(keep_ledger(Arc::clone(&shared)));
        let router = http::router(Arc::clone(&shared), console::router(&shared));
        let served = tokio::spawn(http::serve(listener, router, connections, until(stopped)));
        Ok(Self { address, metrics_address, shared, stop, close, served, ledger, background, metrics })
    }
}

impl Shared {
    /// Reads the keys anew; on a failing store the known ones stay.
    pub async fn refresh_keys(&self) {
        match keys::list(&self.store).await {
            Ok(rows) => {
                self.keys.store(Arc::new(rows.into_iter().map(|row| (row.id.clone(), row)).collect()))
            }
            Err(error) => tracing::warn!(%error, "keys cannot be read; those already known stay in force"),
        }
    }

    /// Reads the keys anew for a key that is not known, at most five times a second: guessing keeps no store busy. Those who
    /// come while somebody looks wait for what is found.
    pub async fn look_for_new_keys(&self) {
        const BETWEEN: Duration = Duration::from_millis(200);
        let look = async {
            let mut looked = self.looked_for_keys.lock().await;
            if looked.is_none_or(|at| at.elapsed() >= BETWEEN) {
                let began = Instant::now();
                self.refresh_keys().await;
                // Said only now: should the one who looks be gone before the end, the next of those who wait looks.
                *looked = Some(began);
            }
        };
        // A store that hangs must not hold up the answer either.
        let _ = tokio::time::timeout(BETWEEN, look).await;
    }

    /// Erases what the log holds of a user, and drops it from memory before it answers.
    ///
    /// # Errors
    /// When a legal hold covers some of it, or the store or the file of erasures fails.
    pub async fn erase(&self, user: &str, by: &str, reference: Option<&str>) -> Result<Erased, EraseError> {
        let order = Order::new(&self.parts.user_key.digest(user), by, reference, (self.parts.now)());
        let erased = erase::erase(&self.store, &self.data_dir, &order).await?;
        self.refresh_reviews().await;
        sweep(self.store.clone());
        Ok(erased)
    }

    /// Learns what people decided since the last look; on a failing store that waits for the next one.
    pub async fn refresh_reviews(&self) {
        if let Err(error) = self.parts.look_at_reviews().await {
            tracing::warn!(%error, "reviews cannot be read; those already known stay in force");
        }
    }
}
