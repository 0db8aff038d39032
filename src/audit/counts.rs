//! How often things happened, by the hour: told by the chain as it is indexed, and evidence of nothing.
//!
//! ```text
//! entry → tell → Tally ─ one row per figure, hour and name → counts → Counts: sums over whole hours
//! ```
//!
//! A row holds no words of a text and nothing of a visitor, so erasure and retention leave it alone. What was deleted before
//! it was counted is not counted.

mod read;
mod tell;

use std::collections::HashMap;

use jiff::Timestamp;

pub use read::{Counted, Counts, Lag, Latencies, Sum};
pub use tell::{BUCKETS, bucket, from as bucket_from};

use super::holding::Holding;
use super::index::{self, Field, LINES, Told};
use super::records::{Record, ReviewAction, ReviewRecord};
use crate::store::StoreError;
use crate::store::counts::CountRow;
use crate::store::log::Append;

/// What stands between the parts of a name.
const BETWEEN: char = '\u{1f}';
/// The most characters of a part: names of people and providers are nobody's to bound.
const LONGEST: usize = 120;
/// How many serves that an index proposes are looked at for the first one.
const LOOKED_AT: u32 = 4;

/// A figure. Each says what the parts of its names are, what is counted, and what is added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum What {
    /// Serves: tier, source, reason (empty without one).
    Serve,
    /// Serves: placement, tier.
    Placement,
    /// Serves: segment.
    Segment,
    /// Serves: the bucket of their latency. Microseconds.
    Latency,
    /// Generations: outcome, reason (empty without one). Microseconds that they took.
    Generation,
    /// What generations and second models cost: purpose, or what a second model was asked for. Micros of the currency.
    Cost,
    /// Calls to models: purpose or service, provider, model asked, fault (empty without one). Micros of the currency.
    Attempt,
    /// Generations in which a rule found something: rule, the strictest action, `enforce` or `shadow`, placement. Findings.
    Finding,
    /// What a second model's answer came to: rule, `enforce` or `shadow`, `passed`, `failed` or `unanswered`.
    Opinion,
    /// Reviews: action, by.
    Review,
    /// Decisions that changed an earlier one: from, to, by, `own` or `other`: whose the earlier one was.
    Overturn,
    /// Takedowns: generation, `serve` or `generation`. Microseconds since its first serve, or, where that cannot be told,
    /// since its end.
    Takedown,
    /// Stops: kind, `set` or `lifted`, by.
    Stop,
    /// What became of edits, and what people did about sets: set, `accepted`, `refused`, or the step's word, by, hash.
    Edit,
    /// Gaps: cause. Serves that were not recorded, as far as that is known.
    Gap,
    /// Erasures: by. Serves that cannot be linked to anybody since.
    Erasure,
    /// Deletions of what was too old: what. Entries.
    Retention,
    /// Orders to drop cached copy: by.
    Purge,
    /// Legal holds: `placed` or `lifted`, by.
    Hold,
    /// API keys: `made` or `revoked`, role.
    Key,
    /// Payload taken out of the log: what for, by.
    Export,
}

impl What {
    /// Its word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Placement => "placement",
            Self::Segment => "segment",
            Self::Latency => "latency",
            Self::Generation => "generation",
            Self::Cost => "cost",
            Self::Attempt => "attempt",
            Self::Finding => "finding",
            Self::Opinion => "opinion",
            Self::Review => "review",
            Self::Overturn => "overturn",
            Self::Takedown => "takedown",
            Self::Stop => "stop",
            Self::Edit => "edit",
            Self::Gap => "gap",
            Self::Erasure => "erasure",
            Self::Retention => "retention",
            Self::Purge => "purge",
            Self::Hold => "hold",
            Self::Key => "key",
            Self::Export => "export",
        }
    }
}

/// The hour of a time, since 1970.
pub fn hour(at: Timestamp) -> i64 {
    at.as_second().div_euclid(3_600)
}

/// What was counted and is not written yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally(HashMap<(What, i64, String), (u64, u64)>);

impl Tally {
    /// So often, and so much.
    fn add(&mut self, what: What, hour: i64, parts: &[&str], n: u64, total: u64) {
        let counted = self.0.entry((what, hour, name(parts))).or_default();
        *counted = (counted.0.saturating_add(n), counted.1.saturating_add(total));
    }

    /// Writes it down, within the transaction that says up to which entry that is, and begins anew.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub(super) async fn write(&mut self, append: &mut Append) -> Result<(), StoreError> {
        let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let mut rows: Vec<CountRow> = std::mem::take(&mut self.0)
            .into_iter()
            .map(|((what, hour, name), (n, total))| CountRow {
                what: what.as_str(),
                hour,
                name,
                n: whole(n),
                total: whole(total),
            })
            .collect();
        // In the order of the table, so that neighbours are written one after the other.
        rows.sort_unstable_by(|a, b| (a.what, a.hour, &a.name).cmp(&(b.what, b.hour, &b.name)));
        append.add_counts(&rows).await
    }
}

/// The name that these parts make.
fn name(parts: &[&str]) -> String {
    let mut name = String::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            name.push(BETWEEN);
        }
        name.extend(part.chars().filter(|c| *c != BETWEEN).take(LONGEST));
    }
    name
}

/// Counts what an entry tells.
///
/// # Errors
///
/// When the store cannot be read.
pub(super) async fn count(
    append: &mut Append,
    seq: i64,
    told: &Told,
    tally: &mut Tally,
) -> Result<(), StoreError> {
    tell::tell(told, tally);
    // What a review changes only the log before it knows.
    if let Told::One(record) = told
        && let Record::Review(review) = record.as_ref()
    {
        count_decision(append, seq, &review.record, tally).await?;
    }
    Ok(())
}

async fn count_decision(
    append: &mut Append,
    seq: i64,
    review: &ReviewRecord,
    tally: &mut Tally,
) -> Result<(), StoreError> {
    let Some(decision) = review.action.decision() else { return Ok(()) };
    let (generation, hour) = (review.generation_id.to_string(), hour(review.at));
    let earlier = index::reviews(&mut append.look(), &generation, seq - 1).await?;
    if let Some((before, decided)) = Holding::of(&earlier).decided()
        && decided != decision
    {
        let whose = if before.by == review.by { "own" } else { "other" };
        tally.add(What::Overturn, hour, &[decided.as_str(), decision.as_str(), &review.by, whose], 1, 0);
    }
    if review.action == ReviewAction::Takedown
        && let Some((since, from)) = shown_since(append, &generation, seq).await?
    {
        let after = review.at.as_microsecond().saturating_sub(since);
        tally.add(What::Takedown, hour, &[&generation, from], 1, u64::try_from(after).unwrap_or(0));
    }
    Ok(())
}

/// Since when a generation was shown, in microseconds since 1970: from its first serve, or from its end where that is not in
/// the log any more, and where there is none before entry `seq`. `None` without such a generation.
async fn shown_since(
    append: &mut Append,
    generation: &str,
    seq: i64,
) -> Result<Option<(i64, &'static str)>, StoreError> {
    let Some((entry, ended)) = append.ended(generation).await? else { return Ok(None) };
    if append.holds_serves_after(entry).await? {
        let term = Field::Generation.term(generation);
        // The index proposes; the record says whose serve it is.
        for row in append.first_serves(&term, (entry * LINES, seq * LINES), LOOKED_AT).await? {
            let block = append.look().bytes(row / LINES).await?.unwrap_or_default();
            let serve = index::serves(&block).find(|(line, _)| *line == row % LINES);
            if let Some((_, serve)) = serve
                && serve.generation_id.is_some_and(|id| id.to_string() == generation)
            {
                return Ok(Some((serve.at.as_microsecond(), "serve")));
            }
        }
    }
    Ok(Some((ended, "generation")))
}

#[cfg(test)]
mod tests;
