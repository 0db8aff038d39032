//! Searching: the index proposes, the records decide. What is not indexed yet is looked through one by one.
//!
//! ```text
//! filter → terms → rows of the index, newest first, in windows → entries → records → judged by the filter → page
//! ```

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use uuid::Uuid;

use super::filter::{Filter, ServeFilter, Words};
use super::{MAX_PAGE, Page, ReviewState, SearchError, payload, stored};
use crate::audit::chain;
use crate::audit::holding::Holding;
use crate::audit::index::{Field, LINES, known, minute, reviews, text_of, waits};
use crate::audit::records::{
    self, Decision, GENERATION, GenerationPayload, GenerationRecord, Record, SERVES, ServeRecord,
    StoredGeneration,
};
use crate::store::index::{self, Reach, Rows};
use crate::store::log::Snapshot;
use crate::store::{Store, StoreError};

/// After so long a search answers with what it has, and a cursor to go on with.
const PATIENCE: Duration = Duration::from_millis(50);
/// So many steps are made however long they take.
const STEPS: u32 = 3;
/// The entries of the first window that the index is asked about.
const FIRST: i64 = 1_024;
/// How many rows of the index are taken at once, at least.
const CHUNK: usize = 64;
/// How many blocks of serves are in memory at once.
const BLOCKS: usize = 8;
/// Of how many generations and texts the serves are looked for by the index; where more hold the words, those that were
/// served are looked through.
const SOURCES: usize = 200;
/// How far around an instant serves are looked for: at first, and where there are too few.
const AROUND: [SignedDuration; 2] = [SignedDuration::from_secs(10), SignedDuration::from_mins(5)];
/// How long that may take, about.
const LONG_PATIENCE: Duration = Duration::from_secs(1);
/// How many serves around an instant are compared by how near they are.
const MOST_AROUND: usize = 5_000;
/// The clock that named a serve and the one that told when it was are the same, but not asked at once.
const SLACK: SignedDuration = SignedDuration::from_secs(60);

/// A serve, with what the page showed. As JSON: the record's fields, `text`, and `text_erased` or `text_changed`.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Serve {
    /// The evidence.
    #[serde(flatten)]
    pub record: ServeRecord,
    /// What was shown; `None` when that was nothing, or is not there any more.
    pub text: Option<String>,
    /// Whether the text was erased, or deleted for its age.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub text_erased: bool,
    /// Whether what stands in its place is not what was recorded.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub text_changed: bool,
}

/// What became of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Text {
    There(String),
    Nothing,
    Erased,
    Changed,
}

/// Where a serve's text stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Origin {
    Text(String),
    Generation(Uuid),
}

impl Origin {
    /// A corrected text has a generation and stands beside the serve all the same.
    fn of(record: &ServeRecord) -> Option<Self> {
        let text = record.text_hash.clone().map(Origin::Text);
        text.or_else(|| record.generation_id.map(Origin::Generation))
    }
}

/// Finds generations, newest first: `limit` of them, 1 to [`MAX_PAGE`], from `cursor` on. A page may have fewer and a cursor
/// all the same: where much must be looked through, a search answers before it is done.
///
/// # Errors
///
/// When the cursor is none, or the store cannot be read.
pub async fn generations(
    store: &Store,
    filter: &Filter,
    limit: u32,
    cursor: Option<&str>,
) -> Result<Page, SearchError> {
    let limit = page_size(limit);
    let before = cursor.map(|cursor| read_cursor('g', cursor)).transpose()?.unwrap_or(i64::MAX);
    let mut search = Search::begin(store).await?;
    let span = search.span(filter.since, filter.until).await?;
    let expression = filter.expression();
    let state = filter.review.map(|review| match review {
        ReviewState::Awaiting => "awaiting",
        ReviewState::Approved => "approved",
        ReviewState::Rejected => "rejected",
        ReviewState::Flagged => "flagged",
    });
    // What was said since the index was written is not in there.
    let reviewed = match filter.review {
        Some(_) => search.log.reviewed_after(search.reach.indexed).await?,
        None => Vec::new(),
    };
    let mut found: Vec<(i64, GenerationRecord)> = Vec::new();
    let mut unseen = None;
    'search: for (region, indexed) in [(search.tail(), false), (span, true)] {
        let (expression, state) = if indexed { (expression.as_deref(), state) } else { (None, None) };
        let mut window = Window::new(region.to.min(before), region.from, 1);
        while let Some(rows) = window.next() {
            if found.len() > limit || search.is_tired() {
                unseen = Some(rows.to);
                break 'search;
            }
            // One more than asked for tells whether there is another page.
            let chunk = (limit + 1 - found.len()).max(CHUNK);
            let mut hits =
                search.log.generation_rows(expression, state, rows, chunk as i64).await.map_err(broken)?;
            let from = match hits.last() {
                Some(last) if hits.len() >= chunk => *last,
                _ => rows.from,
            };
            if state.is_some() {
                hits.extend(reviewed.iter().filter(|seq| (from..rows.to).contains(*seq)));
                hits.sort_unstable_by(|one, other| other.cmp(one));
                hits.dedup();
            }
            found.extend(search.judge_generations(filter, &hits).await?);
            window.done_from(from, rows);
        }
    }
    Ok(page(found, limit, unseen, 'g'))
}

/// Finds serves, newest first, each with its text, as [`generations`] finds generations.
///
/// # Errors
///
/// When the cursor is none, or the store cannot be read.
pub async fn serves(
    store: &Store,
    filter: &ServeFilter,
    limit: u32,
    cursor: Option<&str>,
) -> Result<Page<Serve>, SearchError> {
    let limit = page_size(limit);
    let before = cursor.map(|cursor| read_cursor('s', cursor)).transpose()?.unwrap_or(i64::MAX);
    let mut search = Search::begin(store).await?;
    let span = search.span(filter.since, filter.until).await?;
    let sources = match &filter.words {
        Some(words) => search.sources(words).await?,
        None => None,
    };
    let expression = filter.expression(sources.as_deref());
    let mut found: Vec<(i64, ServeRecord)> = Vec::new();
    let mut unseen = None;
    // Where no indexed text holds the words, no serve in the index shows them.
    let nowhere = sources.is_some_and(|sources| sources.is_empty());
    let span = if nowhere { Rows { to: span.from, ..span } } else { span };
    'search: for (region, indexed) in [(search.tail(), false), (span, true)] {
        let expression = if indexed { expression.as_deref() } else { None };
        let (from, to) = (region.from.saturating_mul(LINES), region.to.saturating_mul(LINES));
        let mut window = Window::new(to.min(before), from, LINES);
        while let Some(rows) = window.next() {
            if found.len() > limit || search.is_tired() {
                unseen = Some(rows.to);
                break 'search;
            }
            let want = limit + 1 - found.len();
            let (hits, from) = match expression {
                Some(expression) => search.indexed_serves(expression, filter, rows, want.max(CHUNK)).await?,
                None => search.listed_serves(filter, rows, want).await?,
            };
            found.extend(search.judge_words(filter.words.as_ref(), hits).await?);
            window.done_from(from, rows);
        }
    }
    let Page { items, next_cursor } = page(found, limit, unseen, 's');
    let mut serves = Vec::with_capacity(items.len());
    for record in items {
        serves.push(search.shown(record).await?);
    }
    Ok(Page { items: serves, next_cursor })
}

/// The serves within five minutes around an instant, nearest first: `limit` of them, 1 to [`MAX_PAGE`]. Where very many
/// are as near, those are compared that a second suffices for.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn serves_around(
    store: &Store,
    filter: &ServeFilter,
    at: Timestamp,
    limit: u32,
) -> Result<Page<Serve>, SearchError> {
    let limit = page_size(limit);
    let began = Instant::now();
    let mut items = Vec::new();
    for around in AROUND {
        let early = at.saturating_sub(around).unwrap_or(Timestamp::MIN);
        let late = at.saturating_add(around + SignedDuration::from_micros(1)).unwrap_or(Timestamp::MAX);
        let near = ServeFilter {
            since: filter.since.max(Some(early)),
            until: Some(filter.until.map_or(late, |until| until.min(late))),
            ..filter.clone()
        };
        items.clear();
        let mut cursor = None;
        loop {
            let page = serves(store, &near, MAX_PAGE, cursor.as_deref()).await?;
            items.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() || items.len() >= MOST_AROUND || began.elapsed() > LONG_PATIENCE {
                break;
            }
        }
        if items.len() >= limit {
            break;
        }
    }
    // The sort keeps the order of equals: of two as near, the later comes first.
    items.sort_by_key(|serve| serve.record.at.duration_since(at).abs());
    items.truncate(limit);
    Ok(Page { items, next_cursor: None })
}

/// How often what a generation wrote was shown since then, as far as can be told at once; `most` where that is as often or
/// more.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn times_shown_since(
    store: &Store,
    generation: Uuid,
    since: Timestamp,
    most: u32,
) -> Result<u64, SearchError> {
    let filter = ServeFilter { generation: Some(generation), since: Some(since), ..ServeFilter::default() };
    let most = most as usize;
    let mut search = Search::begin(store).await?;
    let span = search.span(Some(since), None).await?;
    let rows = Rows { from: span.from.saturating_mul(LINES), to: span.to.saturating_mul(LINES) };
    let mut times = match filter.expression(None) {
        Some(expression) => {
            search.log.serve_rows(&expression, rows, most as i64).await.map_err(broken)?.len()
        }
        None => 0,
    };
    // What is not indexed yet is looked through, as long as that takes no time.
    let tail = search.tail();
    let mut window = Window::new(tail.to.saturating_mul(LINES), tail.from.saturating_mul(LINES), LINES);
    while let Some(rows) = window.next() {
        if times >= most || search.is_tired() {
            break;
        }
        let (found, from) = search.listed_serves(&filter, rows, most - times).await?;
        times += found.len();
        window.done_from(from, rows);
    }
    Ok(times.min(most) as u64)
}

/// How often a generation's text was shown, as far as the log still tells; likewise.
///
/// # Errors
///
/// As [`times_shown_since`].
pub async fn times_shown(store: &Store, generation: Uuid, most: u32) -> Result<u64, SearchError> {
    times_shown_since(store, generation, Timestamp::MIN, most).await
}

/// A serve by its id, with its text. `None` when there is none, or it was deleted for its age.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn serve(store: &Store, id: Uuid) -> Result<Option<Serve>, SearchError> {
    let mut search = Search::begin(store).await?;
    match search.serve(id).await? {
        Some((_, record)) => Ok(Some(search.shown(record).await?)),
        None => Ok(None),
    }
}

/// The number of the entry that the serve with this id stands in; `None` as of [`serve`].
///
/// # Errors
///
/// When the store cannot be read.
pub async fn entry_of_serve(store: &Store, id: Uuid) -> Result<Option<i64>, StoreError> {
    Ok(Search::begin(store).await?.serve(id).await?.map(|(seq, _)| seq))
}

impl Search {
    /// The serve with this id, after the number of its entry.
    async fn serve(&mut self, id: Uuid) -> Result<Option<(i64, ServeRecord)>, StoreError> {
        let Some((seconds, nanos)) = id.get_timestamp().map(|named| named.to_unix()) else { return Ok(None) };
        let named =
            i64::try_from(seconds).ok().and_then(|seconds| Timestamp::new(seconds, nanos as i32).ok());
        let Some(named) = named else { return Ok(None) };
        let since = named.saturating_sub(SLACK).unwrap_or(Timestamp::MIN);
        let until = named.saturating_add(SLACK).unwrap_or(Timestamp::MAX);
        let text = id.to_string();
        for region in [self.span(Some(since), Some(until)).await?, self.tail()] {
            let mut rows = region;
            loop {
                // The block that holds it was made no earlier, and seldom much later.
                let next = self.log.blocks_since(SERVES, since.as_microsecond(), rows, BLOCKS as i64).await?;
                let Some(last) = next.last().copied() else { break };
                for block in self.log.entries_of(SERVES, &next).await? {
                    let holds = std::str::from_utf8(&block.bytes).is_ok_and(|block| block.contains(&text));
                    for line in block.bytes.split(|byte| *byte == b'\n').filter(|_| holds) {
                        if let Ok(Record::Serve(record)) = records::decode(line)
                            && record.id == id
                        {
                            return Ok(Some((block.seq, *record)));
                        }
                    }
                }
                rows.from = last.saturating_add(1);
            }
        }
        Ok(None)
    }
}

fn page_size(limit: u32) -> usize {
    limit.clamp(1, MAX_PAGE) as usize
}

/// What was found as a page, with a cursor where there is more, or where rows before `unseen` were not looked at.
fn page<T>(mut found: Vec<(i64, T)>, limit: usize, unseen: Option<i64>, kind: char) -> Page<T> {
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().map(|(row, _)| *row);
    let next = if more { last } else { unseen };
    let next_cursor = next.map(|row| format!("{kind}{row:016x}"));
    Page { items: found.into_iter().map(|(_, item)| item).collect(), next_cursor }
}

fn read_cursor(kind: char, cursor: &str) -> Result<i64, SearchError> {
    let fault = || SearchError::Cursor(cursor.to_owned());
    let digits = cursor.strip_prefix(kind).filter(|digits| digits.len() == 16).ok_or_else(fault)?;
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(fault());
    }
    i64::from_str_radix(digits, 16).map_err(|_| fault())
}

/// Tells an index that is broken from a store that is.
fn broken(error: StoreError) -> SearchError {
    const CORRUPT: &str = "11";
    const CORRUPT_INDEX: &str = "267";
    let StoreError::Database(sqlx_error) = &error else { return error.into() };
    let code = sqlx_error.as_database_error().and_then(|error| error.code());
    match code.as_deref() {
        Some(CORRUPT | CORRUPT_INDEX) => SearchError::Index,
        _ => error.into(),
    }
}

/// The rows that are looked at next, going from the newest to the oldest. Windows grow while they take little time, so
/// that a rare term is found in a few of them, and shrink where two frequent ones hardly ever meet.
struct Window {
    to: i64,
    end: i64,
    width: i64,
    least: i64,
    began: Instant,
}

impl Window {
    fn new(to: i64, end: i64, rows_of_entry: i64) -> Self {
        let least = FIRST.saturating_mul(rows_of_entry);
        Self { to, end, width: least, least, began: Instant::now() }
    }

    fn next(&mut self) -> Option<Rows> {
        self.began = Instant::now();
        let from = self.to.saturating_sub(self.width).max(self.end);
        (self.to > self.end).then_some(Rows { from, to: self.to })
    }

    /// The rows from here on are done.
    fn done_from(&mut self, from: i64, rows: Rows) {
        const QUICK: Duration = Duration::from_millis(3);
        const SLOW: Duration = Duration::from_millis(20);
        let took = self.began.elapsed();
        if took < QUICK && from == rows.from {
            self.width = self.width.saturating_mul(4);
        } else if took > SLOW {
            self.width = (self.width / 4).max(self.least);
        }
        self.to = from;
    }
}

/// One search, on the log as it was when it began.
struct Search {
    log: Snapshot,
    reach: Reach,
    words: Option<index::Words>,
    texts: HashMap<Origin, Text>,
    /// Whether texts hold the words that are asked for.
    holding: HashMap<Origin, bool>,
    began: Instant,
    steps: u32,
}

impl Search {
    async fn begin(store: &Store) -> Result<Self, StoreError> {
        let mut log = Snapshot::begin(store).await?;
        let reach = known(log.reach().await?);
        let (texts, holding) = (HashMap::new(), HashMap::new());
        Ok(Self { log, reach, words: None, texts, holding, began: Instant::now(), steps: 0 })
    }

    fn is_tired(&mut self) -> bool {
        self.steps += 1;
        self.steps > STEPS && self.began.elapsed() > PATIENCE
    }

    /// The entries that are not indexed yet.
    fn tail(&self) -> Rows {
        Rows { from: self.reach.indexed + 1, to: self.reach.last + 1 }
    }

    /// The indexed entries that hold records of this time.
    async fn span(&mut self, since: Option<Timestamp>, until: Option<Timestamp>) -> Result<Rows, StoreError> {
        let all = Rows { from: 0, to: self.reach.indexed + 1 };
        if since.is_none() && until.is_none() {
            return Ok(all);
        }
        let (since, until) = (since.map_or(i64::MIN, minute), until.map_or(i64::MAX, minute));
        let span = self.log.minutes(since, until).await?;
        Ok(span.map_or(Rows { to: 0, ..all }, |(first, last)| Rows {
            from: first,
            to: last.saturating_add(1).min(all.to),
        }))
    }

    /// Those of these generations that the filter finds.
    async fn judge_generations(
        &mut self,
        filter: &Filter,
        entries: &[i64],
    ) -> Result<Vec<(i64, GenerationRecord)>, SearchError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for entry in self.log.entries_of(GENERATION, entries).await? {
            match stored(&entry.bytes) {
                Ok(stored) if filter.finds(&stored.record) => found.push((entry.seq, *stored)),
                Ok(_) => {}
                // One that was tampered with does not hide the others.
                Err(error) => tracing::error!(%error, seq = entry.seq, "a generation cannot be read"),
            }
        }
        if let Some(review) = filter.review {
            let mut standing = Vec::new();
            for (seq, stored) in found {
                if self.stands(&stored.record, review).await? {
                    standing.push((seq, stored));
                }
            }
            found = standing;
        }
        let mut held = Vec::new();
        if let Some(words) = &filter.words {
            let mut texts = Vec::with_capacity(found.len());
            for (seq, stored) in &found {
                let payload = self.payload_of(*seq, stored).await?;
                texts.push(payload.map(|payload| text_of(&payload).to_owned()).unwrap_or_default());
            }
            held = self.held(words, &texts).await?;
        }
        let held = held.into_iter().chain(std::iter::repeat(filter.words.is_none()));
        let found = found.into_iter().zip(held).filter(|(_, held)| *held);
        Ok(found.map(|((seq, stored), _)| (seq, stored.record)).collect())
    }

    /// Whether a generation stands so with those who review.
    async fn stands(&mut self, record: &GenerationRecord, review: ReviewState) -> Result<bool, StoreError> {
        let id = record.id.to_string();
        if review == ReviewState::Flagged {
            return Ok(Holding::of(&reviews(&mut self.log.look(), &id, i64::MAX).await?).is_flagged());
        }
        let decision = self.log.decision(&id).await?;
        let decision = decision.as_deref().filter(|decision| *decision != Decision::Undecided.as_str());
        Ok(match review {
            ReviewState::Awaiting => waits(record) && decision.is_none(),
            ReviewState::Approved => decision == Some(Decision::Approved.as_str()),
            ReviewState::Rejected => decision == Some(Decision::Rejected.as_str()),
            ReviewState::Flagged => false,
        })
    }

    /// For each text whether it holds the words.
    async fn held(&mut self, words: &Words, texts: &[String]) -> Result<Vec<bool>, StoreError> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        match &mut self.words {
            Some(memory) => memory.held(words.expression(), &texts).await,
            empty => empty.insert(index::Words::new().await?).held(words.expression(), &texts).await,
        }
    }

    /// What stands beside a generation; `None` when there is none, it was erased, or is not what was recorded.
    async fn payload_of(
        &mut self,
        seq: i64,
        stored: &StoredGeneration,
    ) -> Result<Option<GenerationPayload>, StoreError> {
        match payload(self.log.payload(seq).await?, &stored.payload_hash, stored.record.id) {
            Err(error @ StoreError::Corrupt(_)) => {
                tracing::error!(%error, "a payload cannot be read");
                Ok(None)
            }
            read => read,
        }
    }

    async fn read_payload(&mut self, id: Uuid) -> Result<Option<GenerationPayload>, StoreError> {
        let Some(found) = self.log.generation(&id.to_string()).await? else { return Ok(None) };
        // Once it was deleted for its age nothing tells what stood beside it.
        if found.bytes.is_empty() {
            return Ok(None);
        }
        let StoredGeneration { payload_hash, .. } = *stored(&found.bytes)?;
        payload(found.payload, &payload_hash, id)
    }

    /// The terms of the texts, among those that are indexed, that hold the words; `None` when they are many.
    async fn sources(&mut self, words: &Words) -> Result<Option<Vec<String>>, SearchError> {
        let most = SOURCES as i64 + 1;
        let rows = Rows { from: 0, to: i64::MAX };
        let expression = format!("words : ({})", words.expression());
        let entries = self.log.generation_rows(Some(&expression), None, rows, most).await.map_err(broken)?;
        if entries.len() > SOURCES {
            return Ok(None);
        }
        let hashes = self.log.text_hashes(words.expression(), most).await.map_err(broken)?;
        if entries.len() + hashes.len() > SOURCES {
            return Ok(None);
        }
        let ids = if entries.is_empty() { Vec::new() } else { self.log.generation_ids(&entries).await? };
        let ids = ids.iter().map(|id| Field::Generation.term(id));
        Ok(Some(ids.chain(hashes.iter().map(|hash| Field::Text.term(hash))).collect()))
    }

    /// The serves that the index finds in these rows, and from which row on that is all of them.
    async fn indexed_serves(
        &mut self,
        expression: &str,
        filter: &ServeFilter,
        rows: Rows,
        limit: usize,
    ) -> Result<(Vec<(i64, ServeRecord)>, i64), SearchError> {
        let hits = self.log.serve_rows(expression, rows, limit as i64).await.map_err(broken)?;
        let from = match hits.last() {
            Some(last) if hits.len() >= limit => *last,
            _ => rows.from,
        };
        let mut blocks: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for row in hits {
            blocks.entry(row.div_euclid(LINES)).or_default().push(row.rem_euclid(LINES));
        }
        let entries: Vec<i64> = blocks.keys().rev().copied().collect();
        let mut found = Vec::new();
        for some in entries.chunks(BLOCKS) {
            for block in self.log.entries_of(SERVES, some).await? {
                let Some(wanted) = blocks.get(&block.seq) else { continue };
                found.extend(lines(&block.bytes, block.seq, filter, |line| wanted.contains(&line)));
            }
        }
        Ok((found, from))
    }

    /// The serves in the newest blocks of these rows, and from which row on that is all of them.
    async fn listed_serves(
        &mut self,
        filter: &ServeFilter,
        rows: Rows,
        limit: usize,
    ) -> Result<(Vec<(i64, ServeRecord)>, i64), SearchError> {
        let entries = Rows {
            from: rows.from.div_euclid(LINES),
            to: rows.to.saturating_add(LINES - 1).div_euclid(LINES),
        };
        // All records of a block are older than its last one.
        let since = filter.since.map_or(i64::MIN, |since| since.as_microsecond());
        let blocks = self.log.entries_since(SERVES, since, entries, BLOCKS as i64).await?;
        let mut from = match blocks.last() {
            Some(last) if blocks.len() >= BLOCKS => last.saturating_mul(LINES).max(rows.from),
            _ => rows.from,
        };
        let mut found = Vec::new();
        // One at a time: a page is often full after the first.
        for seq in blocks {
            for block in self.log.entries_of(SERVES, &[seq]).await? {
                let row = |line: i64| seq.saturating_mul(LINES).saturating_add(line);
                found.extend(lines(&block.bytes, seq, filter, |line| {
                    (rows.from..rows.to).contains(&row(line))
                }));
            }
            if found.len() >= limit {
                from = seq.saturating_mul(LINES).max(rows.from);
                break;
            }
        }
        Ok((found, from))
    }

    /// Those of these serves that showed the words.
    async fn judge_words(
        &mut self,
        words: Option<&Words>,
        serves: Vec<(i64, ServeRecord)>,
    ) -> Result<Vec<(i64, ServeRecord)>, SearchError> {
        let Some(words) = words else { return Ok(serves) };
        // The same text is shown to many.
        let (mut new, mut texts) = (Vec::new(), Vec::new());
        for (_, record) in &serves {
            let Some(origin) = Origin::of(record) else { continue };
            if self.holding.contains_key(&origin) {
                continue;
            }
            let text = self.text(record).await?;
            self.holding.insert(origin.clone(), false);
            if let Text::There(text) = text {
                new.push(origin);
                texts.push(text);
            }
        }
        let held = self.held(words, &texts).await?;
        self.holding.extend(new.into_iter().zip(held));
        let holds = |record: &ServeRecord| {
            Origin::of(record).is_some_and(|origin| self.holding.get(&origin) == Some(&true))
        };
        Ok(serves.into_iter().filter(|(_, record)| holds(record)).collect())
    }

    /// A serve with what it showed.
    async fn shown(&mut self, record: ServeRecord) -> Result<Serve, StoreError> {
        let text = self.text(&record).await?;
        let (text_erased, text_changed) = (text == Text::Erased, text == Text::Changed);
        let text = match text {
            Text::There(text) => Some(text),
            _ => None,
        };
        Ok(Serve { record, text, text_erased, text_changed })
    }

    /// The text of a serve, which may have been asked for before.
    async fn text(&mut self, record: &ServeRecord) -> Result<Text, StoreError> {
        let Some(origin) = Origin::of(record) else { return Ok(Text::Nothing) };
        if let Some(text) = self.texts.get(&origin) {
            return Ok(text.clone());
        }
        let text = match &origin {
            Origin::Text(hash) => match self.log.text(hash).await? {
                Some(text) if chain::text_hash(&text) == *hash => Text::There(text),
                Some(text) if !text.is_empty() => Text::Changed,
                _ => Text::Erased,
            },
            Origin::Generation(id) => match self.read_payload(*id).await {
                Ok(Some(GenerationPayload { text: Some(text), .. })) => Text::There(text),
                Ok(Some(_)) => Text::Nothing,
                Ok(None) => Text::Erased,
                Err(error @ StoreError::Corrupt(_)) => {
                    tracing::error!(%error, "the text of a serve cannot be read");
                    Text::Changed
                }
                Err(error) => return Err(error),
            },
        };
        self.texts.insert(origin, text.clone());
        Ok(text)
    }
}

/// The serves of a block that are asked for, the last line first, each after its row. The other lines are not decoded.
fn lines(
    bytes: &[u8],
    seq: i64,
    filter: &ServeFilter,
    wanted: impl Fn(i64) -> bool,
) -> Vec<(i64, ServeRecord)> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let lines = (0..LINES).zip(lines).filter(|(line, _)| wanted(*line));
    let mut found: Vec<_> = lines
        .filter_map(|(line, bytes)| match records::decode(bytes) {
            Ok(Record::Serve(record)) if filter.finds(&record) => Some((seq * LINES + line, *record)),
            _ => None,
        })
        .collect();
    found.reverse();
    found
}
