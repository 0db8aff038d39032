//! How things stand when metrics are read: looked at then, kept nowhere.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::names::{self, Kind, Metric, PREFIX};

/// How things stand at one moment.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Generations that run.
    pub running: usize,
    /// Generations that wait for their turn.
    pub waiting: usize,
    /// How many may run at once.
    pub concurrency: usize,
    /// How many may wait.
    pub queue: usize,
    /// Questions that are being answered.
    pub flights: usize,
    /// Texts in memory.
    pub cache_entries: u64,
    /// Bytes that they take.
    pub cache_bytes: u64,
    /// How each provider does.
    pub providers: Vec<ProviderStanding>,
    /// For whom what was spent today, in units of the currency of the prices.
    pub spent: Vec<(&'static str, f64)>,
    /// What may be spent in a day, where there is a limit.
    pub budget: Option<f64>,
    /// Whether the log can be written.
    pub recorder_healthy: bool,
    /// Answers that could not be recorded since the start.
    pub recorder_lost: u64,
    /// Records that wait in memory to be written.
    pub recorder_queue: usize,
    /// Answers whose records are in the spool.
    pub recorder_spooled: u64,
    /// Bytes that the spool takes.
    pub recorder_spool_bytes: u64,
    /// Bytes that it may take.
    pub recorder_spool_limit: u64,
    /// For each set of the policy whether its newest edit is refused.
    pub refused: Vec<(&'static str, bool)>,
    /// Since when the policy in force is, in seconds since 1970.
    pub policy_since: f64,
    /// Whether the disk of the policy's files does not answer.
    pub policy_hanging: bool,
    /// How many alerts of each kind stand.
    pub alerts: Vec<(&'static str, usize)>,
    /// The policy in force.
    pub revision: String,
}

/// How a provider does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderStanding {
    /// Its name in the settings.
    pub name: String,
    /// Its circuit breaker: 0 closed, 1 half open, 2 open.
    pub breaker: u8,
    /// Calls under way.
    pub in_flight: usize,
}

impl Standing {
    /// The same as metrics, of a service that `started` so many seconds after 1970.
    pub(super) fn into_registry(self, started: f64) -> Registry {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Process { started }));
        registry.sub_registry_with_prefix(PREFIX).register_collector(Box::new(self));
        registry
    }
}

/// What every service tells of its process.
#[derive(Debug)]
struct Process {
    started: f64,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let memory = resident_memory().map(|bytes| ([], bytes as f64));
        write(&mut encoder, &names::MEMORY, memory)?;
        write(&mut encoder, &names::START_TIME, [([], self.started)])
    }
}

impl Collector for Standing {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let count = |n: usize| n as f64;
        let mut gauge = |metric, value: f64| write(&mut encoder, metric, [([], value)]);
        gauge(&names::GENERATIONS_RUNNING, count(self.running))?;
        gauge(&names::GENERATIONS_WAITING, count(self.waiting))?;
        gauge(&names::CONCURRENCY_LIMIT, count(self.concurrency))?;
        gauge(&names::QUEUE_LIMIT, count(self.queue))?;
        gauge(&names::FLIGHTS, count(self.flights))?;
        gauge(&names::CACHE_ENTRIES, self.cache_entries as f64)?;
        gauge(&names::CACHE_BYTES, self.cache_bytes as f64)?;
        gauge(&names::POLICY_SINCE, self.policy_since)?;
        gauge(&names::POLICY_HANGING, f64::from(u8::from(self.policy_hanging)))?;
        gauge(&names::RECORDER_HEALTHY, f64::from(u8::from(self.recorder_healthy)))?;
        gauge(&names::RECORDER_LOST, self.recorder_lost as f64)?;
        gauge(&names::RECORDER_QUEUE, count(self.recorder_queue))?;
        gauge(&names::RECORDER_SPOOLED, self.recorder_spooled as f64)?;
        gauge(&names::RECORDER_SPOOL_BYTES, self.recorder_spool_bytes as f64)?;
        gauge(&names::RECORDER_SPOOL_LIMIT, self.recorder_spool_limit as f64)?;
        let providers = || self.providers.iter().map(|provider| ([provider.name.as_str()], provider));
        let breakers = providers().map(|(name, provider)| (name, f64::from(provider.breaker)));
        write(&mut encoder, &names::BREAKER_STATE, breakers)?;
        let in_flight = providers().map(|(name, provider)| (name, count(provider.in_flight)));
        write(&mut encoder, &names::PROVIDER_IN_FLIGHT, in_flight)?;
        let spent = self.spent.iter().map(|(purpose, amount)| ([*purpose], *amount));
        write(&mut encoder, &names::BUDGET_SPENT, spent)?;
        write(&mut encoder, &names::BUDGET_LIMIT, self.budget.map(|limit| ([], limit)))?;
        let refused = self.refused.iter().map(|(set, refused)| ([*set], f64::from(u8::from(*refused))));
        write(&mut encoder, &names::POLICY_REFUSED, refused)?;
        let alerts = self.alerts.iter().map(|(kind, alerts)| ([*kind], count(*alerts)));
        write(&mut encoder, &names::ALERT, alerts)?;
        write(&mut encoder, &names::POLICY, [([self.revision.as_str()], 1.0)])?;
        write(&mut encoder, &names::BUILD, [([env!("CARGO_PKG_VERSION")], 1.0)])
    }
}

/// Writes the samples of a metric, each with the values of its labels; nothing where there are none.
fn write<'a, const N: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    metric: &Metric,
    samples: impl IntoIterator<Item = ([&'a str; N], f64)>,
) -> fmt::Result {
    let mut samples = samples.into_iter().peekable();
    if samples.peek().is_none() {
        return Ok(());
    }
    let kind = match metric.kind {
        Kind::Counter => MetricType::Counter,
        Kind::Info => MetricType::Info,
        Kind::Gauge | Kind::Histogram => MetricType::Gauge,
    };
    // What counts by itself is registered, and that puts the full stop.
    let help = format!("{}.", metric.help);
    let mut encoder = encoder.encode_descriptor(metric.name, &help, None, kind)?;
    for (values, sample) in samples {
        let labels: Vec<(&str, &str)> = metric.labels.iter().copied().zip(values).collect();
        let value = |encoder: &mut MetricEncoder<'_>| match metric.kind {
            Kind::Counter => encoder.encode_counter::<NoLabelSet, _, f64>(&sample, None),
            Kind::Info => encoder.encode_info(&labels),
            Kind::Gauge | Kind::Histogram => encoder.encode_gauge(&sample),
        };
        if metric.kind == Kind::Info || labels.is_empty() {
            value(&mut encoder)?;
        } else {
            value(&mut encoder.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

/// The bytes of memory that the process takes, where the system tells.
fn resident_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
