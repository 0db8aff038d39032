//! The parts put together: settings → running service; background tasks; ordered shutdown.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::audit::erase::{EraseError, Erased, Order};
use crate::audit::heads::Keeper;
use crate::audit::retain::Deleted;
use crate::audit::{self, Clock, PolicyRecord, Recorder, Reviews, UserKey, erase, search};
use crate::cache::{Admission, Flights, Keys, Looks, Memory, Users, Writers};
use crate::casefile::{Library, are_those};
use crate::catalogue::Catalogue;
use crate::config::{PolicySettings, Retention, Settings};
use crate::diagnostic::Diagnostic;
use crate::document::Files;
use crate::generate::{Budget, Closing, Gate, Generator, Spent};
use crate::guardrail::Enforcement;
use crate::http;
use crate::pipeline::{self, Parts, Repeats, SecondModels, Trouble};
use crate::policy::{Desk, Edit, Set, Sources};
use crate::stops::Book;
use crate::store::keys::KeyRow;
use crate::store::policies::RevisionRow;
use crate::store::{Access, Store, StoreError, keys, ledger, policies};
use crate::telemetry::Metrics;
use crate::words::{Micros, Purpose, Revision, utc_day};

/// How many connections those who read metrics may have at once.
const MOST_READERS: usize = 100;
/// How long the generations that are given up in a shutdown have to be recorded.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// The ledger is written at once when something is set aside, and then not again for so long.
const BETWEEN_ENTRIES: Duration = Duration::from_millis(100);
/// How long after a failure it is tried again.
const RETRY_ENTRY: Duration = Duration::from_secs(1);
/// How long after the start what is too old is deleted for the first time.
const FIRST_RETENTION: Duration = Duration::from_secs(60);
/// How long after that it is again.
const BETWEEN_RETENTIONS: Duration = Duration::from_secs(3_600);
/// How long it is tried to bring what was erased out of the store's files.
const SWEEP: Duration = Duration::from_secs(600);
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
    metrics: Option<MetricsServed>,
}

/// How long each part of a shutdown may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// Requests are still taken while load balancers are told to send them elsewhere.
    pub drain: Duration,
    /// Requests under way are finished.
    pub requests: Duration,
    /// Generations are finished.
    pub generations: Duration,
}

impl Default for Shutdown {
    /// No drain, and ten seconds each for requests and generations.
    fn default() -> Self {
        let ten = Duration::from_secs(10);
        Self { drain: Duration::ZERO, requests: ten, generations: ten }
    }
}

/// The listener of the metrics. It ends last, so that the end of the service can be watched.
struct MetricsServed {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    served: tokio::task::JoinHandle<()>,
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
        let stopped = || anyhow::anyhow!("the runtime stopped while the policy was read");
        let sources = read_sources(&settings.policy).await.ok_or_else(stopped)?;
        let store = Store::open(&settings.store_url, Access::Serve).await.map_err(anyhow::Error::from)?;
        let timezone = &settings.policy.timezone;
        let kept = [
            last_good(&store, Set::Guardrails, timezone).await,
            last_good(&store, Set::Prompts, timezone).await,
        ];
        let last_good = |set| match set {
            Set::Guardrails => kept[0].clone(),
            Set::Prompts => kept[1].clone(),
        };
        let opened = Desk::open(settings.policy.clone(), sources, last_good, now());
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
            keys: ArcSwap::default(),
            rates: http::Rates::default(),
            data_dir: settings.data_dir,
            judging: Gate::new(spare_processors(), MOST_TO_JUDGE),
            stopping: AtomicBool::new(false),
            looked_for_keys: Mutex::default(),
            kept_revision: Mutex::default(),
        });
        shared.refresh_keys().await;
        for edit in edits {
            shared.settle(edit).await;
        }
        shared.keep_revision().await;
        let (listener, address) = listen(settings.listen, "listen")?;
        let metrics = match settings.metrics_listen {
            Some(at) => Some(MetricsServed::start(at, Arc::clone(&shared)).await?),
            None => None,
        };
        let metrics_address = metrics.as_ref().map(|metrics| metrics.address);
        tokio::spawn(warm_up(Arc::clone(&shared), stopped.clone()));
        tokio::spawn(watch_files(Arc::clone(&shared), stopped.clone()));
        tokio::spawn(refresh(Arc::clone(&shared), stopped.clone()));
        tokio::spawn(forget(Arc::clone(&shared), stopped.clone()));
        tokio::spawn(keep_heads(Arc::clone(&shared), settings.audit.heads_every, stopped.clone()));
        tokio::spawn(index_log(shared.store.clone(), stopped.clone()));
        tokio::spawn(retain(Arc::clone(&shared), settings.audit.retention, stopped.clone()));
        let ledger = tokio::spawn(keep_ledger(Arc::clone(&shared)));
        let router = http::router(Arc::clone(&shared));
        let served = tokio::spawn(http::serve(listener, router, connections, until(stopped)));
        Ok(Self { address, metrics_address, shared, stop, close, served, ledger, metrics })
    }

    /// Stops in order and without a drain: see [`shut_down`](Self::shut_down).
    pub async fn stop(self) {
        self.shut_down(Shutdown::default(), std::future::pending()).await;
    }

    /// Stops in order: unready at once; requests are still taken during the drain; then those under way are finished, and
    /// after them generations; those that are not done in time are given up and recorded as abandoned; the log is flushed.
    /// Once `hurry` ends nothing is waited for any more but the log.
    pub async fn shut_down(self, within: Shutdown, hurry: impl Future<Output = ()>) {
        let parts = &self.shared.parts;
        let mut patience = Patience { hurry: pin!(hurry), hurried: false };
        self.shared.stopping.store(true, Ordering::SeqCst);
        patience.wait(within.drain, std::future::pending::<()>()).await;
        self.stop.send_replace(true);
        let mut served = self.served;
        if !patience.wait(within.requests, &mut served).await {
            tracing::warn!("requests that did not end were cut off at shutdown");
            served.abort();
        }
        let idle = async || {
            while !parts.flights.is_empty() || !parts.second.is_idle() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if !patience.wait(within.generations, idle()).await {
            tracing::warn!(generations = parts.flights.len(), "generations are given up at shutdown");
            self.close.send_replace(true);
            if tokio::time::timeout(LAST_WORDS, idle()).await.is_err() {
                tracing::error!(generations = parts.flights.len(), "generations could not be recorded");
            }
        }
        parts.recorder.close().await;
        self.ledger.abort();
        let _ = self.ledger.await;
        if let Some(generator) = &parts.generator {
            let _ = write_ledger(&self.shared.store, generator.budget()).await;
        }
        if let Some(heads) = &self.shared.heads {
            let _ = tokio::time::timeout(LAST_WORDS, heads.turn()).await;
        }
        self.shared.store.close().await;
        if let Some(metrics) = self.metrics {
            metrics.stop().await;
        }
    }
}

impl MetricsServed {
    async fn start(at: SocketAddr, shared: Arc<Shared>) -> anyhow::Result<Self> {
        let (listener, address) = listen(at, "metrics.listen")?;
        tracing::info!(metrics = %address, "metrics are read on http://{address}/metrics");
        let (stop, stopped) = watch::channel(false);
        let served = tokio::spawn(http::serve(listener, http::metrics(shared), MOST_READERS, until(stopped)));
        Ok(Self { address, stop, served })
    }

    /// Lets whoever reads finish, for a short while.
    async fn stop(mut self) {
        const BREATH: Duration = Duration::from_secs(1);
        self.stop.send_replace(true);
        if tokio::time::timeout(BREATH, &mut self.served).await.is_err() {
            self.served.abort();
        }
    }
}

/// How long a shutdown waits: so long for each of its parts, and no longer at all once it is to hurry.
struct Patience<'h, H> {
    hurry: Pin<&'h mut H>,
    hurried: bool,
}

impl<H: Future<Output = ()>> Patience<'_, H> {
    /// Whether the work was done in its time.
    async fn wait<T>(&mut self, limit: Duration, work: impl Future<Output = T>) -> bool {
        let limit = if self.hurried { Duration::ZERO } else { limit };
        tokio::select! {
            biased;
            _ = work => true,
            () = &mut self.hurry, if !self.hurried => {
                self.hurried = true;
                false
            }
            () = tokio::time::sleep(limit) => false,
        }
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

    /// Looks at the files now: what the once-a-second task does.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that looks")]
    pub async fn look_at_files(self: &Arc<Self>, sources: Sources) {
        let (shared, now) = (Arc::clone(self), (self.parts.now)());
        // Compiling rules takes its time, and those who answer pages have none to give. A thread that ends leaves what the
        // allocator holds for it to the next one; each of those that stay would keep as much for itself.
        let (tell, looked) = tokio::sync::oneshot::channel();
        let look = move || drop(tell.send(shared.desk.look(sources, now)));
        let edits = match std::thread::Builder::new().name("policy".into()).spawn(look) {
            Ok(_) => looked.await.map_err(anyhow::Error::from),
            Err(error) => Err(error.into()),
        };
        match edits {
            Ok(edits) => {
                for edit in edits {
                    self.settle(edit).await;
                }
            }
            Err(error) => tracing::error!(%error, "the files could not be looked at"),
        }
        self.keep_revision().await;
    }

    /// Keeps which files the revision in force stands for, once: what a record names can be shown later. On a failing store
    /// that waits for the next look.
    async fn keep_revision(&self) {
        let policy = self.desk.pin();
        let mut known = self.kept_revision.lock().await;
        if known.as_ref() == Some(&policy.revision) {
            return;
        }
        let row = RevisionRow {
            guardrails: policy.guardrails.hash().to_string(),
            prompts: policy.copy.revision.to_string(),
            since: policy.since,
        };
        match policies::keep_revision(&self.store, policy.revision.as_str(), &row).await {
            Ok(()) => *known = Some(policy.revision.clone()),
            Err(error) => tracing::warn!(%error, "it could not be kept which files are in force"),
        }
    }

    /// Tells of rules that ask a provider which the settings do not have: they can ask nobody, and what is enforced passes no text.
    fn tell_of_unknown_providers(&self) {
        let providers = self.parts.generator.as_ref().map(Generator::providers).unwrap_or_default();
        let policy = self.desk.pin();
        for rule in policy.guardrails.rules().iter().filter(|rule| rule.mode() != Enforcement::Off) {
            if let Some(provider) = rule.asks().and_then(|asks| asks.provider.as_ref())
                && !providers.iter().any(|known| known.name == *provider)
            {
                let rule = rule.id();
                tracing::warn!(
                    rule,
                    provider,
                    "the settings have no provider of that name, so this rule can ask nobody"
                );
            }
        }
    }

    /// Keeps an accepted set, records what became of an edit, and says so.
    async fn settle(&self, edit: Edit) {
        let now = (self.parts.now)();
        for diagnostic in &edit.diagnostics {
            let place = diagnostic.place();
            if diagnostic.is_error() {
                tracing::error!(set = edit.set.as_str(), place, "{}", diagnostic.message);
            } else {
                tracing::warn!(set = edit.set.as_str(), place, "{}", diagnostic.message);
            }
        }
        let set = edit.set.as_str();
        if edit.accepted {
            tracing::info!(set, hash = %edit.hash, "in force");
            self.tell_of_unknown_providers();
            if let Err(error) = policies::keep(&self.store, set, edit.hash.as_str(), &edit.files, now).await {
                tracing::warn!(%error, set, "the set in force could not be kept for a later start");
            }
        } else {
            tracing::error!(set, hash = %edit.hash, "refused; what was in force stays");
        }
        let record = PolicyRecord {
            at: now,
            kind: set.to_owned(),
            hash: edit.hash.to_string(),
            accepted: edit.accepted,
            files: edit
                .files
                .iter()
                .map(|(p, t)| (p.clone(), Revision::of([("", t.as_str())]).to_string()))
                .collect(),
            faults: json!(edit.diagnostics),
            by: "files".into(),
        };
        if let Err(error) = self.parts.recorder.policy(record).await {
            tracing::warn!(%error, "a policy change could not be recorded");
        }
    }
}

/// Raises the number of files that the process may have open to the most that it may ask for, and answers what it is now;
/// `None` when there is no limit.
fn raise_open_files() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    match limit.current == limit.maximum {
        false if setrlimit(Resource::Nofile, raised).is_ok() => limit.maximum,
        _ => limit.current,
    }
}

fn listen(at: SocketAddr, setting: &str) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = || {
        let socket = if at.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // A service that starts again need not wait for the connections of the one before.
        socket.set_reuseaddr(true)?;
        socket.bind(at)?;
        socket.listen(http::BACKLOG)
    };
    let listener = listener().map_err(|e: std::io::Error| {
        anyhow::anyhow!("cannot listen on {at}: {e}; set `{setting}` to another address")
    })?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Reads the policy's files without holding up the runtime. `None` when the runtime is going down.
async fn read_sources(settings: &PolicySettings) -> Option<Sources> {
    let settings = settings.clone();
    tokio::task::spawn_blocking(move || Sources::read(&settings)).await.ok()
}

/// The last good files, if they are still those that were accepted.
async fn last_good(store: &Store, set: Set, timezone: &jiff::tz::TimeZone) -> Option<Files> {
    let kept = policies::last_good(store, set.as_str()).await.unwrap_or_else(|error| {
        tracing::warn!(%error, set = set.as_str(), "the last good set cannot be read");
        None
    });
    kept.filter(|(hash, files)| are_those(set, files, timezone, hash)).map(|(_, files)| files)
}

async fn until(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Takes back into memory what was written before the restart.
async fn warm_up(shared: Arc<Shared>, stopped: watch::Receiver<bool>) {
    let (began, policy) = (Instant::now(), shared.desk.pin());
    let warmed = tokio::select! {
        warmed = pipeline::warm(&shared.parts, &policy) => warmed,
        () = until(stopped) => return,
    };
    let took_ms = began.elapsed().as_millis();
    match warmed {
        Ok(texts) => tracing::info!(texts, took_ms, "copy that was written before is in memory again"),
        Err(error) => {
            tracing::warn!(%error, "copy that was written before is looked for in the log as it is asked for")
        }
    }
}

async fn watch_files(shared: Arc<Shared>, stopped: watch::Receiver<bool>) {
    let settings = shared.desk.settings().clone();
    every(settings.reload, stopped, || async {
        if let Some(sources) = read_sources(&settings).await {
            shared.look_at_files(sources).await;
        }
    })
    .await;
}

/// New keys, reviews and a new catalogue are in use within two seconds, whoever wrote them; and so is a store that was put
/// back.
async fn refresh(shared: Arc<Shared>, stopped: watch::Receiver<bool>) {
    let (known, until_stopped) = (AtomicU64::new(0), stopped.clone());
    every(Duration::from_secs(1), stopped, || async {
        // Those who read or write next say that it is gone, and why.
        if let Err(error @ StoreError::NotPrepared(_)) = shared.store.look().await {
            tracing::error!(%error, "nothing is read or written until it is");
        }
        let changes = shared.store.changes();
        if known.swap(changes, Ordering::Relaxed) != changes {
            shared.parts.forget_other_stores();
            tokio::spawn(warm_up(Arc::clone(&shared), until_stopped.clone()));
        }
        shared.refresh_keys().await;
        if let Err(error) = shared.parts.stops.refresh().await {
            tracing::warn!(%error, "stops cannot be read; those already known stay in force");
        }
        shared.refresh_reviews().await;
        if let Err(error) = shared.parts.catalogue.refresh().await {
            tracing::warn!(%error, "the catalogue cannot be asked whether it changed");
        }
    })
    .await;
}

/// Answers that are not repeated any more are gone from the store within the hour.
async fn forget(shared: Arc<Shared>, stopped: watch::Receiver<bool>) {
    every(Duration::from_secs(3_600), stopped, || async {
        if let Err(error) = shared.parts.repeats.forget().await {
            tracing::warn!(%error, "answers that are not repeated any more could not be deleted");
        }
    })
    .await;
}

/// Writes the head of the log at the start and then once in so long.
async fn keep_heads(shared: Arc<Shared>, period: Duration, stopped: watch::Receiver<bool>) {
    let Some(heads) = &shared.heads else { return };
    heads.turn().await;
    every(period, stopped, || heads.turn()).await;
}

/// What is in the log can be searched for by its indexes within a second or so.
async fn index_log(store: Store, stopped: watch::Receiver<bool>) {
    let told = AtomicBool::new(false);
    every(Duration::from_millis(500), stopped.clone(), || async {
        let indexed = tokio::select! {
            indexed = audit::index::catch_up(&store) => indexed,
            () = until(stopped.clone()) => return,
        };
        match indexed {
            Ok(_) => told.store(false, Ordering::Relaxed),
            Err(error) if !told.swap(true, Ordering::Relaxed) => {
                tracing::warn!(%error, "the log cannot be indexed; searches look through what is not");
            }
            Err(_) => {}
        }
    })
    .await;
}

/// What is too old is deleted every hour, for the first time a minute after the start.
async fn retain(shared: Arc<Shared>, retention: Retention, stopped: watch::Receiver<bool>) {
    tokio::select! {
        () = tokio::time::sleep(FIRST_RETENTION) => {}
        () = until(stopped.clone()) => return,
    }
    loop {
        match audit::retain::run(&shared.store, &retention, (shared.parts.now)(), false).await {
            Ok(deleted) if deleted.blocks + deleted.payloads + deleted.generations > 0 => {
                let Deleted { blocks, payloads, generations, texts, held, .. } = deleted;
                tracing::info!(
                    blocks,
                    payloads,
                    generations,
                    texts,
                    held,
                    "what was too old was deleted from the log"
                );
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "what is too old could not all be deleted from the log; it is tried again in an hour");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(BETWEEN_RETENTIONS) => {}
            () = until(stopped.clone()) => return,
        }
    }
}

async fn every<F: Future<Output = ()>>(
    period: Duration,
    stopped: watch::Receiver<bool>,
    work: impl Fn() -> F,
) {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        tokio::select! {
            _ = ticks.tick() => work().await,
            () = until(stopped.clone()) => return,
        }
    }
}

/// Keeps in the store what is spent, calls under way included, so that a service that is killed counts them when it starts
/// again: all but those that began in the last tenth of a second, or while the store was writing.
async fn keep_ledger(shared: Arc<Shared>) {
    let Some(generator) = &shared.parts.generator else { return };
    loop {
        generator.budget().changed().await;
        let mut told = false;
        while let Err(error) = write_ledger(&shared.store, generator.budget()).await {
            if !told {
                tracing::warn!(%error, "the ledger cannot be written: should the service be killed, calls under way are not counted");
                told = true;
            }
            tokio::time::sleep(RETRY_ENTRY).await;
        }
        tokio::time::sleep(BETWEEN_ENTRIES).await;
    }
}

/// Brings what was erased out of the store's files, behind everybody's back: a long read may hold it up.
fn sweep(store: Store) {
    tokio::spawn(async move {
        match erase::sweep(&store, SWEEP).await {
            Ok(true) => {}
            Ok(false) => tracing::warn!(
                "what was erased still stands in the store's write-ahead log, since somebody reads the store all the while"
            ),
            Err(error) => {
                tracing::warn!(%error, "what was erased may still stand in the store's write-ahead log")
            }
        }
    });
}

async fn write_ledger(store: &Store, budget: &Budget) -> Result<(), StoreError> {
    let (day, spent) = budget.ledger();
    let sums = Purpose::ALL.map(|purpose| (purpose.as_str(), spent.on(purpose).0));
    ledger::keep(store, day, &sums).await
}

/// What was spent on a day before this start: what the log says of what ended, or the ledger of what was under way too,
/// whichever is more.
async fn spent_on(store: &Store, today: Date) -> anyhow::Result<Spent> {
    let midnight = today.to_zoned(TimeZone::UTC)?.timestamp();
    let mut spent = Spent::default();
    for (word, micros) in ledger::of_day(store, today).await? {
        let purpose = Purpose::ALL.into_iter().find(|purpose| purpose.as_str() == word);
        spent.add(purpose.unwrap_or_default(), Micros(micros));
    }
    Ok(spent.at_least(search::spent_since(store, midnight).await?))
}

async fn generator(settings: &Settings, store: &Store, now: Timestamp) -> anyhow::Result<Option<Generator>> {
    if settings.providers.is_empty() {
        return Ok(None);
    }
    let today = utc_day(now);
    let budget = Budget::of(&settings.budget, spent_on(store, today).await?, today);
    let providers = settings.providers.clone();
    Ok(Some(Generator::new(providers, budget)?.hedged(settings.hedge_after)))
}
