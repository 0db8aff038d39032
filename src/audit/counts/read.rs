//! Figures read: added up over whole hours, all as they were at one moment.

use jiff::{SignedDuration, Timestamp};

use super::{BETWEEN, BUCKETS, What, bucket_from};
use crate::store::log::Snapshot;
use crate::store::{Store, StoreError, timestamp};

/// The most rows that one question is answered with.
const MOST: u32 = 10_000;
/// What is counted later than this is called behind.
const BEHIND: SignedDuration = SignedDuration::from_secs(60);

/// A figure over one of the spans that were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sum {
    /// Which of the spans.
    pub span: usize,
    /// Of what: see [`What`].
    pub parts: Vec<String>,
    /// How often.
    pub n: u64,
    /// What is added up.
    pub total: u64,
}

impl Sum {
    /// One of the parts of its name; empty where there is none.
    pub fn part(&self, at: usize) -> &str {
        self.parts.get(at).map(String::as_str).unwrap_or_default()
    }
}

/// A figure of one hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// When the hour begins.
    pub at: Timestamp,
    /// Of what, how often and how much.
    pub sum: Sum,
}

/// How far counting has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lag {
    /// All but what happened just now is counted.
    None,
    /// What happened from then on is not counted yet.
    Since(Timestamp),
}

/// The figures as they were at one moment.
pub struct Counts(Snapshot);

impl Counts {
    /// As they are now.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn of(store: &Store) -> Result<Self, StoreError> {
        Ok(Self(Snapshot::begin(store).await?))
    }

    /// Adds up a figure over each of these spans of hours since 1970, each from its first on and before its last; sorted by
    /// span, then by name.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn sums(&mut self, what: What, spans: &[(i64, i64)]) -> Result<Vec<Sum>, StoreError> {
        let rows = self.0.sums(what.as_str(), spans, MOST).await?;
        Ok(rows.into_iter().map(sum).collect())
    }

    /// How often a figure was counted of one thing, the first part of its names, in each of these spans of hours.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn of_one(
        &mut self,
        what: What,
        first: &str,
        spans: &[(i64, i64)],
    ) -> Result<Vec<u64>, StoreError> {
        let rows = self.0.sums_from(what.as_str(), &format!("{first}{BETWEEN}"), spans).await?;
        let mut counted = vec![0; spans.len()];
        for (place, n) in rows {
            let cell = usize::try_from(place).ok().and_then(|place| counted.get_mut(place));
            if let (Some(cell), Ok(n)) = (cell, u64::try_from(n)) {
                *cell = n;
            }
        }
        Ok(counted)
    }

    /// A figure hour by hour, the newest first.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn hours(&mut self, what: What, span: (i64, i64)) -> Result<Vec<Counted>, StoreError> {
        let rows = self.0.counted(what.as_str(), span, MOST).await?;
        let counted = rows.into_iter().map(|(hour, name, n, total)| {
            let at = Timestamp::from_second(hour.saturating_mul(3_600)).unwrap_or(Timestamp::UNIX_EPOCH);
            Counted { at, sum: sum((0, name, n, total)) }
        });
        Ok(counted.collect())
    }

    /// When what was counted first happened, to the hour; `None` while nothing was.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn first(&mut self) -> Result<Option<Timestamp>, StoreError> {
        let mut first: Option<i64> = None;
        for what in [What::Serve, What::Generation, What::Edit, What::Key] {
            let found = self.0.first_counted(what.as_str()).await?;
            first = first.into_iter().chain(found).min();
        }
        Ok(first.and_then(|hour| Timestamp::from_second(hour.saturating_mul(3_600)).ok()))
    }

    /// How far counting has come.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn lag(&mut self, now: Timestamp) -> Result<Lag, StoreError> {
        let reach = self.0.reach().await?;
        let next = self.0.made_after(reach.counted).await?.map(timestamp).transpose()?;
        Ok(match next {
            Some(since) if now.duration_since(since) > BEHIND => Lag::Since(since),
            _ => Lag::None,
        })
    }
}

fn sum((span, name, n, total): (i64, String, i64, i64)) -> Sum {
    let whole = |n: i64| u64::try_from(n).unwrap_or(0);
    let parts = name.split(BETWEEN).map(str::to_owned).collect();
    Sum { span: usize::try_from(span).unwrap_or(0), parts, n: whole(n), total: whole(total) }
}

/// Latencies, by how many fell into each bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latencies(Vec<u64>);

impl Default for Latencies {
    fn default() -> Self {
        Self(vec![0; BUCKETS as usize])
    }
}

impl Latencies {
    /// Of the sums of [`What::Latency`].
    pub fn of<'s>(sums: impl IntoIterator<Item = &'s Sum>) -> Self {
        let mut latencies = Self::default();
        for sum in sums {
            let bucket = sum.part(0).parse().ok().and_then(|at: usize| latencies.0.get_mut(at));
            if let Some(bucket) = bucket {
                *bucket = bucket.saturating_add(sum.n);
            }
        }
        latencies
    }

    /// The latency, in microseconds, that `share` (0 to 1) of all kept below; `None` of none. It is taken to be spread evenly
    /// within its bucket, so it may be off by a fifth.
    #[expect(clippy::cast_precision_loss, reason = "no count here comes near 2^53")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "buckets end far below 2^64")]
    pub fn percentile(&self, share: f64) -> Option<u64> {
        let all: u64 = self.0.iter().sum();
        if all == 0 {
            return None;
        }
        let (wanted, mut below) = (share.clamp(0.0, 1.0) * all as f64, 0.0);
        let mut last = 0.0;
        for (at, n) in (0_u32..).zip(&self.0) {
            let n = *n as f64;
            if n > 0.0 {
                let (from, to) = (bucket_from(at), bucket_from(at + 1));
                last = to;
                if below + n >= wanted {
                    return Some(((to - from).mul_add((wanted - below) / n, from)).round() as u64);
                }
            }
            below += n;
        }
        Some(last as u64)
    }
}
