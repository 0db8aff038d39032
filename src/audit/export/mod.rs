//! The log taken elsewhere: its entries byte for byte as JSON Lines, or its records as the rows of a table.
//!
//! Reads the log as it was at one instant, and holds a few entries at a time, however long it is.

mod csv;
mod lines;
mod parquet;
mod table;

use std::collections::HashMap;
use std::io::Write;

use jiff::Timestamp;

pub use csv::plain_csv;
pub use table::{Cell, Column, Of};

use super::chained::{Chained, in_texts};
use super::index::minute;
use super::records::{GENERATION, GenerationPayload, REVIEW, SERVES, VERDICT};
use crate::store::export::Span;
use crate::store::log::Snapshot;
use crate::store::{Store, StoreError};

/// How many entries are held at once: a block of serves may be some megabytes long.
const ENTRIES: u32 = 16;
/// How many texts of serves are held, so that the same is not looked up for each.
const TEXTS: usize = 2_000;

/// What is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Every entry.
    All,
    /// Generations.
    Generations,
    /// Serves: one record each.
    Serves,
    /// Reviews.
    Reviews,
    /// What rules made of second models' answers.
    Verdicts,
    /// All the rest: changes of the policy and of keys, gaps, erasures, retention, holds, exports.
    Events,
}

impl What {
    fn kinds(self) -> Vec<&'static str> {
        match self {
            Self::All | Self::Events => Vec::new(),
            Self::Generations => vec![GENERATION],
            Self::Serves => vec![SERVES],
            Self::Reviews => vec![REVIEW],
            Self::Verdicts => vec![VERDICT],
        }
    }
}

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One entry of the chain a line, byte for byte.
    Lines,
    /// One record a row.
    Csv,
    /// One record a row, in typed columns.
    Parquet,
}

/// What to export.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// Which records.
    pub what: What,
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Up to but not including this time.
    pub until: Option<Timestamp>,
    /// Whether what may hold personal data goes with them: prompts, inputs, texts, notes, reasons.
    pub payload: bool,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Entries of the chain.
    pub entries: u64,
    /// Rows of the table; 0 for lines.
    pub rows: u64,
    /// Entries that are no records that this version can read, and gave no row.
    pub unread: u64,
}

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] std::io::Error),
    /// The table cannot be written.
    #[error("the file cannot be written: {0}")]
    Table(String),
}

/// Where entries and rows go.
enum Sink<W: Write + Send> {
    Lines(lines::Lines<W>),
    Csv(csv::Csv<W>),
    Parquet(Box<parquet::Parquet<W>>),
}

/// Writes what the scope says to `out`. `progress` hears how many of the entries in question were read, and how many there
/// are.
///
/// # Errors
///
/// When the store cannot be read, or `out` cannot be written.
pub async fn export<W: Write + Send>(
    store: &Store,
    scope: Scope,
    form: Form,
    out: W,
    progress: impl Fn(u64, u64),
) -> Result<Written, ExportError> {
    let columns = table::columns(scope.what, scope.payload);
    let mut sink = match form {
        Form::Lines => Sink::Lines(lines::Lines::new(out)),
        Form::Csv => Sink::Csv(csv::Csv::new(out, &columns)?),
        Form::Parquet => Sink::Parquet(Box::new(parquet::Parquet::new(out, &columns)?)),
    };
    let mut snapshot = Snapshot::begin(store).await?;
    let mut written = Written::default();
    if let Some(mut span) = span(&mut snapshot, scope, form).await? {
        let (first, all) = (span.after, span.last.saturating_sub(span.after));
        let done =
            |seq: i64| progress(u64::try_from(seq - first).unwrap_or(0), u64::try_from(all).unwrap_or(0));
        let mut texts = Texts::default();
        loop {
            let page = snapshot.next(&span, ENTRIES).await?;
            let Some((last, _)) = page.last() else { break };
            span.after = last.seq;
            for (entry, payload) in page {
                let entry = Chained::of(entry, payload);
                texts.learn(&mut snapshot, &entry, scope, form).await?;
                written.entries += 1;
                match &mut sink {
                    Sink::Lines(lines) => lines.entry(&entry, &texts.0, scope.payload)?,
                    Sink::Csv(csv) => {
                        written += table::rows(&entry, scope, &texts.0, |row| csv.row(&row))?;
                    }
                    Sink::Parquet(parquet) => {
                        written += table::rows(&entry, scope, &texts.0, |row| parquet.row(row))?;
                    }
                }
            }
            done(span.after);
        }
    }
    match sink {
        Sink::Lines(lines) => lines.finish()?,
        Sink::Csv(csv) => csv.finish()?,
        Sink::Parquet(parquet) => parquet.finish()?,
    }
    Ok(written)
}

impl std::ops::AddAssign<table::Rows> for Written {
    fn add_assign(&mut self, rows: table::Rows) {
        self.rows += rows.rows;
        self.unread += rows.unread;
    }
}

/// Which entries are read for a scope; `None` when there are none.
///
/// Lines are a run of the chain, from the first to the last entry of the time, so that the chain can be checked. A row stands
/// for a record of the time, whatever the entry that it stands in: a block holds serves from before its last one.
async fn span(snapshot: &mut Snapshot, scope: Scope, form: Form) -> Result<Option<Span>, StoreError> {
    let kinds = scope.what.kinds();
    let without = match scope.what {
        What::Events => vec![GENERATION, SERVES, REVIEW, VERDICT],
        _ => Vec::new(),
    };
    let span = |(first, last): (i64, i64)| Span {
        after: first - 1,
        last,
        kinds: kinds.clone(),
        without: without.clone(),
        since: None,
        payload: scope.payload,
    };
    let whole = snapshot.run(None, None).await?;
    if form == Form::Lines || (scope.since.is_none() && scope.until.is_none()) {
        return Ok(snapshot.run(scope.since, scope.until).await?.map(span));
    }
    let Some((_, last)) = whole else { return Ok(None) };
    let mut after = 0;
    if matches!(scope.what, What::Serves | What::Generations) {
        // What is indexed is known by the minute; what is not is read.
        let indexed = snapshot.reach().await?.indexed;
        let since = scope.since.map_or(i64::MIN, minute);
        let found = snapshot.minutes(since, i64::MAX).await?.map(|(first, _)| first - 1);
        after = found.unwrap_or(indexed).min(indexed).max(0);
    }
    Ok(Some(Span { since: scope.since, ..span((after + 1, last)) }))
}

/// The texts that serves showed, by the hash or the generation that a serve names.
#[derive(Default)]
struct Texts(HashMap<String, Option<String>>);

impl Texts {
    /// Looks up the texts of a block, where they are wanted.
    async fn learn(
        &mut self,
        snapshot: &mut Snapshot,
        entry: &Chained,
        scope: Scope,
        form: Form,
    ) -> Result<(), StoreError> {
        if entry.kind != SERVES || !scope.payload {
            return Ok(());
        }
        if self.0.len() > TEXTS {
            self.0.clear();
        }
        for (hash, generation) in in_texts(&entry.bytes) {
            match (hash, generation) {
                (Some(hash), _) if !self.0.contains_key(&hash) => {
                    let text = snapshot.served_text(&hash).await?;
                    self.0.insert(hash, text);
                }
                // A generation's own line has its text beside it.
                (None, Some(id)) if form != Form::Lines && !self.0.contains_key(&id) => {
                    let payload = snapshot.payload_of(&id).await?;
                    let payload: Option<GenerationPayload> =
                        payload.and_then(|bytes| serde_json::from_slice(&bytes).ok());
                    self.0.insert(id, payload.and_then(|payload| payload.text));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
