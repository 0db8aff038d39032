//! What was written and what was shown, in bulk: for whoever judges the texts of the log again. Reads a few hundred entries
//! at a time, however long the log is, and writes nothing.

use std::borrow::Cow;
use std::collections::HashMap;

use jiff::Timestamp;
use rayon::prelude::*;
use serde::Deserialize;
use uuid::Uuid;

use super::chain;
use super::index::{Pace, minute};
use super::records::{
    self, Decision, GenerationPayload, GenerationRecord, Record, StoredGeneration, VerdictRecord,
};
use crate::store::log::EntryBytes;
use crate::store::{Store, StoreError, texts};

/// How many blocks of serves are read at once.
const BLOCKS: u32 = 64;
/// The most generations, and the most texts of people's own, whose serves are counted apart.
const MOST_COUNTED: usize = 2_000_000;

/// A generation that was judged, as it stands in the log: not read yet, for that takes its time.
pub struct Judged {
    /// Its number in the chain.
    pub seq: i64,
    /// The latest decision of a person on it, where that was asked for.
    pub decision: Option<Decision>,
    found: EntryBytes,
}

impl Judged {
    /// Reads it: the record, and what stands beside it; `None` in its place once that was erased.
    ///
    /// # Errors
    ///
    /// When it is no record of this version, or its payload is not the one that was recorded.
    pub fn read(self) -> Result<(GenerationRecord, Option<GenerationPayload>), StoreError> {
        let StoredGeneration { record, payload_hash } = match records::decode(&self.found.bytes) {
            Ok(Record::Generation(stored)) => *stored,
            Ok(_) => {
                return Err(StoreError::Corrupt("an entry is listed as a generation and is none".into()));
            }
            Err(error) => return Err(StoreError::Corrupt(format!("a generation's entry: {error}"))),
        };
        let payload = super::search::payload(self.found.payload, &payload_hash, record.id)?;
        Ok((record, payload))
    }
}

/// The generations of a time that were judged, newest first, a page at a time.
pub struct Pages {
    from: i64,
    before: i64,
    /// How many there are.
    pub all: u64,
}

impl Pages {
    /// Those that ended at `since` or later.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn since(store: &Store, since: Timestamp) -> Result<Self, StoreError> {
        let (from, all) = texts::judged_since(store, since).await?;
        Ok(Self { from, before: i64::MAX, all: u64::try_from(all).unwrap_or(0) })
    }

    /// The next ones, at most `limit`; none at the end.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn next(&mut self, store: &Store, limit: u32) -> Result<Vec<Judged>, StoreError> {
        let page = texts::judged(store, self.from, self.before, limit).await?;
        self.before = page.last().map_or(self.from, |(seq, _)| *seq);
        Ok(page.into_iter().map(|(seq, found)| Judged { seq, decision: None, found }).collect())
    }
}

/// The next judged generations before an entry of the chain that ended at `since` or later, or that a person approves or
/// approved, newest first, with what people decided on them; none at the end.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn servable(
    store: &Store,
    before: i64,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<Judged>, StoreError> {
    let decided = |word: Option<String>| match word.as_deref() {
        Some("approved") => Some(Decision::Approved),
        Some("rejected") => Some(Decision::Rejected),
        _ => None,
    };
    let page = texts::servable(store, before, since, limit).await?;
    Ok(page.into_iter().map(|(seq, found, word)| Judged { seq, decision: decided(word), found }).collect())
}

/// The hash under which a text of people's own is kept.
pub fn hash_of(text: &str) -> String {
    chain::text_hash(text)
}

/// The judged generations with these ids; those that are not in the log are left out.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn with_ids(store: &Store, ids: &[Uuid]) -> Result<Vec<Judged>, StoreError> {
    let ids: Vec<String> = ids.iter().map(Uuid::to_string).collect();
    let found = texts::judged_with_ids(store, &ids).await?;
    Ok(found.into_iter().map(|(seq, found)| Judged { seq, decision: None, found }).collect())
}

/// The texts of people's own with these hashes, each after its hash; those that were erased or changed are left out.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn own_texts(store: &Store, hashes: &[String]) -> Result<HashMap<String, String>, StoreError> {
    let found = texts::texts(store, hashes).await?;
    Ok(found.into_iter().filter(|(hash, text)| chain::text_hash(text) == *hash).collect())
}

/// The next verdicts of second models after an entry of the chain that were recorded at `since` or later, in order, and how
/// far they reach; `None` at the end. Those that cannot be read are left out.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn verdicts(
    store: &Store,
    after: i64,
    since: Timestamp,
    limit: u32,
) -> Result<Option<(Vec<VerdictRecord>, i64)>, StoreError> {
    let page = texts::verdicts(store, after, since, limit).await?;
    let last = page.last().map(|(seq, _)| *seq);
    let read = |(_, bytes): (i64, Vec<u8>)| match records::decode(&bytes) {
        Ok(Record::Verdict(stored)) => Some(stored.record),
        _ => None,
    };
    Ok(last.map(|last| (page.into_iter().filter_map(read).collect(), last)))
}

/// How often something was shown, and when last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// How many serves.
    pub serves: u64,
    /// When the last of them was answered.
    pub last: Timestamp,
    /// Which one that was.
    pub last_id: Uuid,
}

/// A text of people's own, and where it was shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnText {
    /// The text's hash.
    pub hash: String,
    /// The placement.
    pub placement: String,
    /// The product's id.
    pub product: Option<String>,
    /// The locale of the text.
    pub locale: String,
}

/// What was shown in a time.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// How many serves there were.
    pub serves: u64,
    /// Those of each generation.
    pub generations: HashMap<Uuid, Tally>,
    /// Those of each text of people's own, by where it was shown.
    pub texts: HashMap<OwnText, Tally>,
    /// Those of each generation's text as rules corrected it after it was recorded, by the hash of that.
    pub corrected: HashMap<String, Tally>,
    /// Serves that are counted above alone: there were too many different texts.
    pub not_told_apart: u64,
}

/// One serve, as far as it is counted.
#[derive(Deserialize)]
struct Line<'a> {
    id: Uuid,
    at: Timestamp,
    #[serde(borrow)]
    placement: Cow<'a, str>,
    #[serde(borrow, default)]
    product: Option<Cow<'a, str>>,
    #[serde(default)]
    generation_id: Option<Uuid>,
    #[serde(borrow, default)]
    text_hash: Option<Cow<'a, str>>,
    #[serde(borrow)]
    locale: Cow<'a, str>,
}

impl Shown {
    /// Counts the serves from `since` on. `progress` hears how many there are so far, and says whether to go on.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn since(
        store: &Store,
        since: Timestamp,
        pace: Pace,
        mut progress: impl FnMut(u64) -> bool,
    ) -> Result<Self, StoreError> {
        let mut shown = Self::default();
        let mut after = texts::before_minute(store, minute(since)).await?;
        loop {
            let page = texts::serve_blocks(store, after, since, BLOCKS).await?;
            let Some((last, _)) = page.last() else { return Ok(shown) };
            after = *last;
            let counted = tokio::task::spawn_blocking(move || {
                let of_block = |(_, bytes): &(i64, Vec<u8>)| Self::of_block(bytes, since);
                match pace {
                    Pace::Alone => shown.and(page.par_iter().map(of_block).reduce(Self::default, Self::and)),
                    Pace::Beside => page.iter().map(of_block).fold(shown, Self::and),
                }
            });
            shown = counted.await.map_err(|error| StoreError::Corrupt(error.to_string()))?;
            if !progress(shown.serves) {
                return Ok(shown);
            }
        }
    }

    fn of_block(bytes: &[u8], since: Timestamp) -> Self {
        let mut shown = Self::default();
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        // A line that was tampered with does not hide the others: `audit verify` says what is wrong with it.
        for line in lines.filter_map(|line| serde_json::from_slice::<Line>(line).ok()) {
            if line.at < since {
                continue;
            }
            shown.serves += 1;
            let tally = Tally { serves: 1, last: line.at, last_id: line.id };
            match (line.generation_id, line.text_hash) {
                (Some(generation), hash) => {
                    shown.generation(generation, tally);
                    if let Some(hash) = hash {
                        shown.corrected(hash.into_owned(), tally);
                    }
                }
                (None, Some(hash)) => {
                    let (hash, placement) = (hash.into_owned(), line.placement.into_owned());
                    let (product, locale) = (line.product.map(Cow::into_owned), line.locale.into_owned());
                    shown.text(OwnText { hash, placement, product, locale }, tally);
                }
                (None, None) => {}
            }
        }
        shown
    }

    fn generation(&mut self, generation: Uuid, tally: Tally) {
        let room = self.generations.len() < MOST_COUNTED;
        match self.generations.get_mut(&generation) {
            Some(known) => *known = known.and(tally),
            None if room => _ = self.generations.insert(generation, tally),
            None => self.not_told_apart += tally.serves,
        }
    }

    fn corrected(&mut self, hash: String, tally: Tally) {
        let room = self.corrected.len() < MOST_COUNTED;
        match self.corrected.get_mut(&hash) {
            Some(known) => *known = known.and(tally),
            None if room => _ = self.corrected.insert(hash, tally),
            // Counted with its generation all the same.
            None => {}
        }
    }

    fn text(&mut self, text: OwnText, tally: Tally) {
        let room = self.texts.len() < MOST_COUNTED;
        match self.texts.get_mut(&text) {
            Some(known) => *known = known.and(tally),
            None if room => _ = self.texts.insert(text, tally),
            None => self.not_told_apart += tally.serves,
        }
    }

    fn and(mut self, other: Self) -> Self {
        if self.generations.len() + self.texts.len() < other.generations.len() + other.texts.len() {
            return other.and(self);
        }
        self.serves += other.serves;
        self.not_told_apart += other.not_told_apart;
        for (generation, tally) in other.generations {
            self.generation(generation, tally);
        }
        for (text, tally) in other.texts {
            self.text(text, tally);
        }
        for (hash, tally) in other.corrected {
            self.corrected(hash, tally);
        }
        self
    }
}

impl Tally {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let later = if (other.last, other.last_id) > (self.last, self.last_id) { other } else { self };
        Self { serves: self.serves + other.serves, ..later }
    }
}
