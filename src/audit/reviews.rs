//! What people decided on generations, and which of them were erased, as one process knows it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use super::erase;
use super::records::{Decision, GenerationRecord, ReviewRecord};
use super::search::{self, Decided, Generation, PassedGeneration, ServeFilter};
use super::stops::{self, Change};
use super::waiting::{self, Approval};
use crate::guardrail::wording_of;
use crate::store::{Store, StoreError, forget, log};

/// How many reviews are read at once.
const PAGE: u32 = 500;

/// The decisions of people on generations. What is decided from the start of the process on is learnt by
/// [`refresh`](Self::refresh); what was decided before is learnt with the copy that it was decided on. One generation
/// takes less than a hundred bytes, and only people add to them.
pub struct Reviews {
    store: Store,
    /// The newest review that was read.
    read: AtomicI64,
    /// The newest receipt of an erasure that was read.
    erased: AtomicI64,
    /// In which store: see [`Store::changes`].
    changes: AtomicU64,
    /// The decision that holds on each generation, with the entry that says so.
    decided: Mutex<HashMap<Uuid, (i64, Decision)>>,
}

/// A generation that was rejected, or whose text was erased: it must not be served any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Which generation.
    pub generation: Uuid,
    /// The key of the question that it answered.
    pub cache_key: String,
}

/// Up to which entry of the chain rejections were looked for that wrote no wording down.
const LOOKED: &str = "rejections";

/// Writes down the wordings of texts that were rejected by a version that did not, as far as they are still there; answers
/// how many. Looks at each review once.
///
/// # Errors
///
/// When the store cannot be read or written: the next time then begins anew.
pub async fn write_down_rejections(store: &Store) -> Result<usize, StoreError> {
    let before = log::meta(store).await?.get(LOOKED).copied().unwrap_or(0);
    let (mut looked, mut latest) = (before, HashMap::new());
    while let Some((page, last)) = search::decisions(store, looked, PAGE).await? {
        latest.extend(page.into_iter().map(|decided| (decided.generation, decided)));
        looked = last;
    }
    if looked == before {
        return Ok(0);
    }
    let mut changes = Vec::new();
    for (generation, decided) in latest {
        let rejected = decided.decision == Decision::Rejected;
        // What cannot be read holds nobody up: `audit verify` says what is wrong with it.
        let found = if rejected { search::generation(store, generation).await.ok().flatten() } else { None };
        if let Some(text) = found.and_then(|found| found.payload?.text) {
            let text = wording_of(&text).to_string();
            changes.push(Change::Reject { generation, cache_key: decided.cache_key, text });
        }
    }
    let new = if changes.is_empty() { 0 } else { stops::put(store, None, &changes).await? };
    let mut append = log::Append::begin(store).await?;
    append.keep_number(LOOKED, looked).await?;
    append.commit().await?;
    Ok(new)
}

impl Reviews {
    /// From the newest review on.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn open(store: Store) -> Result<Self, StoreError> {
        let read = AtomicI64::new(log::newest_review(&store).await?);
        let erased = AtomicI64::new(forget::newest_erasure(&store).await?);
        Ok(Self { store, read, erased, changes: AtomicU64::new(0), decided: Mutex::default() })
    }

    /// How often another store took the place of the one that is asked: see [`Store::changes`].
    pub fn store_changes(&self) -> u64 {
        self.store.changes()
    }

    /// The decision that holds on a generation; `None` when nobody decided, as far as this process knows.
    pub fn decision(&self, generation: Uuid) -> Option<Decision> {
        let decided = self.decided.lock().unwrap_or_else(PoisonError::into_inner);
        decided.get(&generation).map(|(_, decision)| *decision)
    }

    /// Learns what was decided and what was erased since the last time, by whichever process, and tells `rejected` of what is
    /// rejected or erased. Two who look at once may both be told: neither is done before all that it found is told. Answers
    /// whether anything was erased.
    ///
    /// # Errors
    ///
    /// When the store cannot be read; the next time then begins where this one stopped.
    pub async fn refresh(&self, mut rejected: impl FnMut(Rejected)) -> Result<bool, StoreError> {
        self.begin_anew_in_another_store();
        while let Some((page, last)) =
            search::decisions(&self.store, self.read.load(Ordering::Acquire), PAGE).await?
        {
            for Decided { seq, generation, decision, cache_key } in page {
                if self.learn(generation, (seq, decision)) == Decision::Rejected {
                    rejected(Rejected { generation, cache_key });
                }
            }
            self.read.fetch_max(last, Ordering::AcqRel);
        }
        let erasures = forget::erasures(&self.store, self.erased.load(Ordering::Acquire)).await?;
        for (seq, bytes) in &erasures {
            for run in erase::receipt(*seq, bytes)?.payloads {
                for (id, cache_key) in forget::generations_among(&self.store, run).await? {
                    let corrupt = |_| StoreError::Corrupt(format!("the index names a generation `{id}`"));
                    let generation = id.parse().map_err(corrupt)?;
                    // No review brings back what was erased.
                    self.learn(generation, (i64::MAX, Decision::Rejected));
                    rejected(Rejected { generation, cache_key });
                }
            }
            self.erased.fetch_max(*seq, Ordering::AcqRel);
        }
        Ok(!erasures.is_empty())
    }

    /// The newest copy that passed for this cache key and that nobody rejected; its decision is known from here on.
    ///
    /// # Errors
    ///
    /// As [`search::latest_passed_for_key`].
    pub async fn latest_passed_for_key(
        &self,
        cache_key: &str,
    ) -> Result<Option<PassedGeneration>, StoreError> {
        let found = search::latest_passed_for_key(&self.store, cache_key).await?;
        if let Some((generation, decided)) =
            found.as_ref().and_then(|found| Some((found.id, found.generation.decided()?)))
        {
            self.learn(generation, decided);
        }
        Ok(found)
    }

    /// The copy that passed for this cache key and that nobody rejected, what a person approved first; its decisions are
    /// known from here on.
    ///
    /// # Errors
    ///
    /// As [`search::standing_for_key`].
    pub async fn standing_for_key(&self, cache_key: &str) -> Result<Vec<PassedGeneration>, StoreError> {
        let standing = search::standing_for_key(&self.store, cache_key).await?;
        for (generation, decided) in
            standing.iter().filter_map(|found| Some((found.id, found.generation.decided()?)))
        {
            self.learn(generation, decided);
        }
        Ok(standing)
    }

    /// The newest generation whose text was not let pass for this cache key, unless somebody rejected it.
    ///
    /// # Errors
    ///
    /// As [`search::latest_blocked_for_key`].
    pub async fn latest_blocked_for_key(&self, cache_key: &str) -> Result<Option<Generation>, StoreError> {
        search::latest_blocked_for_key(&self.store, cache_key).await
    }

    /// Whether the text of a generation was judged again once and passed for this cache key: then it stands there in the log,
    /// or is gone for good.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn was_judged_again(&self, cache_key: &str, generation: Uuid) -> Result<bool, StoreError> {
        log::was_judged_again(&self.store, cache_key, &generation.to_string()).await
    }

    /// The texts that were shown of a generation, as rules corrected them after it was recorded: each once, of its newest
    /// serves. Those that cannot be found in time are left out.
    pub async fn shown_otherwise(&self, generation: Uuid) -> Vec<String> {
        let filter = ServeFilter { generation: Some(generation), ..ServeFilter::default() };
        let mut texts = Vec::new();
        match search::serves(&self.store, &filter, search::MAX_PAGE, None).await {
            Ok(page) => {
                let corrected = page.items.into_iter().filter(|serve| serve.record.text_hash.is_some());
                texts.extend(corrected.filter_map(|serve| serve.text));
                texts.sort_unstable();
                texts.dedup();
            }
            Err(error) => {
                tracing::warn!(%error, %generation, "what was shown of a generation cannot be looked up");
            }
        }
        texts
    }

    /// The next copy before an entry of the chain that passed and that nobody rejected, newest first, with the records of its
    /// generations, and how far back it reaches; `None` when there is none. Its decisions are known from here on. `None` stands
    /// for a text that was erased.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn passed_before(
        &self,
        before: i64,
        limit: u32,
    ) -> Result<Option<(Vec<(GenerationRecord, Option<String>)>, i64)>, StoreError> {
        let Some((page, last)) = search::passed(&self.store, before, limit).await? else { return Ok(None) };
        for decided in page.iter().filter(|passed| passed.decided) {
            self.learn_of(decided.record.id).await?;
        }
        Ok(Some((page.into_iter().map(|passed| (passed.record, passed.text)).collect(), last)))
    }

    /// A generation, with all that is known of it.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn generation(&self, id: Uuid) -> Result<Option<Generation>, StoreError> {
        search::generation(&self.store, id).await
    }

    /// Records a decision, and what follows from it for texts, in one transaction.
    ///
    /// # Errors
    ///
    /// When the store cannot be written: then it has no effect.
    pub async fn decide(
        &self,
        record: ReviewRecord,
        note: Option<String>,
        changes: &[Change],
    ) -> Result<(), StoreError> {
        stops::put(&self.store, Some((record, note)), changes).await.map(drop)
    }

    /// The same, unless the generation was reviewed after this entry: then it has no effect, and `false` is answered.
    ///
    /// # Errors
    ///
    /// As [`decide`](Self::decide).
    pub async fn decide_unless_reviewed(
        &self,
        after: i64,
        record: ReviewRecord,
        note: Option<String>,
        changes: &[Change],
    ) -> Result<bool, StoreError> {
        stops::put_unless_reviewed(&self.store, after, (record, note), changes).await
    }

    /// Generations on which a rejection holds, of the question with this cache key.
    ///
    /// # Errors
    ///
    /// As [`search::rejected_for_key`].
    pub async fn rejected_for_key(&self, cache_key: &str) -> Result<Vec<Generation>, StoreError> {
        search::rejected_for_key(&self.store, cache_key).await
    }

    /// Up to which entry of the chain people reviewed a generation, or another that passed for its question; 0 when nobody did.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn newest_on(&self, record: &GenerationRecord) -> Result<i64, StoreError> {
        log::newest_review_on(&self.store, &record.id.to_string(), &record.cache_key).await
    }

    /// Records approvals, and what follows from them, in one transaction; answers the generations that they are of, none when
    /// the text that an edit was made from was erased meanwhile, or others reviewed what it was made from.
    ///
    /// # Errors
    ///
    /// When the store cannot be written: then nothing has an effect.
    pub async fn approve(&self, approval: &Approval) -> Result<Vec<Uuid>, StoreError> {
        waiting::approve(&self.store, approval).await
    }

    /// Learns what was decided on a generation before this process began; [`decision`](Self::decision) knows it from here on.
    ///
    /// # Errors
    ///
    /// As [`search::generation`].
    pub async fn learn_of(&self, generation: Uuid) -> Result<(), StoreError> {
        let found = search::generation(&self.store, generation).await?;
        if let Some(decided) = found.and_then(|found| found.decided()) {
            self.learn(generation, decided);
        }
        Ok(())
    }

    /// Another store tells another history: all of it is read, and of the one before it stands only what was rejected, which
    /// is safe.
    fn begin_anew_in_another_store(&self) {
        let changes = self.store.changes();
        if self.changes.swap(changes, Ordering::AcqRel) == changes {
            return;
        }
        let mut known = self.decided.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (seq, decision)| {
            *seq = 0;
            *decision == Decision::Rejected
        });
        self.read.store(0, Ordering::Release);
        self.erased.store(0, Ordering::Release);
    }

    /// Learns a decision, unless a later one is known, and answers which holds.
    fn learn(&self, generation: Uuid, decided: (i64, Decision)) -> Decision {
        let mut known = self.decided.lock().unwrap_or_else(PoisonError::into_inner);
        let latest = known.entry(generation).or_insert(decided);
        if latest.0 < decided.0 {
            *latest = decided;
        }
        latest.1
    }
}
