//! Drafts in memory, weighed in bytes.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use moka::ops::compute::Op;
use moka::sync::Cache;
use uuid::Uuid;

use super::Key;
use crate::guardrail::Draft;
use crate::words::Reason;

/// What moka and the allocator keep beside an entry, in bytes, as measured over a million entries of moka 0.12.
const BESIDE: u32 = 400;

/// Generated copy that was kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The text, with the stamp of its last approval.
    pub draft: Draft,
    /// The text as its generation was recorded with; rules made since may have corrected the draft.
    pub written: Arc<str>,
    /// The generation that wrote it.
    pub generation: Uuid,
    /// The one that a model wrote it in: another one where it was judged again since.
    pub written_in: Uuid,
    /// The models that wrote it: the one asked, and the one that says it answered.
    pub models: Models,
    /// From here on it is served while a new text is written.
    pub stale: Timestamp,
    /// From here on it is gone.
    pub expires: Timestamp,
    /// Whether its generation was recorded under another key than it is kept under.
    pub elsewhere: bool,
}

impl Kept {
    /// Both generations: whoever means one of them means the text.
    pub fn generations(&self) -> [Uuid; 2] {
        [self.generation, self.written_in]
    }
}

/// The models of a text, by the names that they were asked and answered under; shared by all texts of the same.
pub type Models = Arc<[String]>;

/// The most combinations of models that are shared.
const MOST_WRITERS: usize = 256;

/// Which models wrote what is kept, each combination once.
#[derive(Debug, Default)]
pub struct Writers(Mutex<HashSet<Models>>);

impl Writers {
    /// The models of these names, nothing twice.
    pub fn of<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Models {
        let mut models: Vec<String> = Vec::new();
        for name in names {
            if !models.iter().any(|known| known == name) {
                models.push(name.to_owned());
            }
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(models.as_slice()) {
            return Arc::clone(known);
        }
        // An upstream that names itself anew each time fills no memory.
        if known.len() >= MOST_WRITERS {
            known.clear();
        }
        let models: Models = models.into();
        known.insert(Arc::clone(&models));
        models
    }
}

#[derive(Clone)]
enum Entry {
    Kept(Arc<Kept>),
    /// A question that came to nothing for that reason, until then: so that it is not paid for again and again.
    Refused(Timestamp, Reason),
}

/// The drafts of one node.
#[derive(Clone)]
pub struct Memory(Cache<Key, Entry>);

impl Memory {
    /// An empty memory of at most `bytes`, what is kept beside each text included.
    pub fn new(bytes: u64) -> Self {
        let weigh = |_: &Key, entry: &Entry| match entry {
            Entry::Kept(kept) => {
                u32::try_from(kept.draft.text.len()).unwrap_or(u32::MAX).saturating_add(2 * BESIDE)
            }
            Entry::Refused(..) => 2 * BESIDE,
        };
        Self(Cache::builder().max_capacity(bytes).weigher(weigh).build())
    }

    /// How many entries there are, and the bytes that they take. Brings the memory's own books up to date first.
    pub fn size(&self) -> (u64, u64) {
        self.0.run_pending_tasks();
        (self.0.entry_count(), self.0.weighted_size())
    }

    /// What is kept under a key and not yet gone.
    pub fn get(&self, key: &Key, now: Timestamp) -> Option<Arc<Kept>> {
        match self.0.get(key)? {
            Entry::Kept(kept) if now < kept.expires => Some(kept),
            Entry::Kept(_) => {
                self.0.invalidate(key);
                None
            }
            Entry::Refused(..) => None,
        }
    }

    /// Why a question came to nothing a short while ago; `refusal` is [`Key::refusal`].
    pub fn refused(&self, refusal: &Key, now: Timestamp) -> Option<Reason> {
        match self.0.get(refusal)? {
            Entry::Refused(until, reason) if now < until => Some(reason),
            Entry::Refused(..) | Entry::Kept(_) => None,
        }
    }

    /// Keeps a text.
    pub fn keep(&self, key: Key, kept: Arc<Kept>) {
        self.0.insert(key, Entry::Kept(kept));
    }

    /// Drops all that is kept now.
    pub fn clear(&self) {
        self.0.invalidate_all();
    }

    /// Keeps a text, unless there is one already.
    pub fn keep_first(&self, key: Key, kept: Arc<Kept>) {
        self.0.entry(key).or_insert(Entry::Kept(kept));
    }

    /// Whether so many in a hundred of the bytes that there are for it are taken. Brings the memory's own books up to date
    /// first.
    pub fn is_full(&self, percent: u64) -> bool {
        let most = self.0.policy().max_capacity().unwrap_or(u64::MAX);
        self.size().1 >= most / 100 * percent
    }

    /// Keeps that a question came to nothing, and why; `refusal` is [`Key::refusal`].
    pub fn refuse(&self, refusal: Key, reason: Reason, until: Timestamp) {
        self.0.insert(refusal, Entry::Refused(until, reason));
    }

    /// Keeps a new draft of the text of a generation, if that is still what is kept.
    pub fn restamp(&self, key: Key, generation: Uuid, draft: Draft) {
        self.change(key, |kept| {
            (kept.generation == generation).then(|| Some(Kept { draft, ..Kept::clone(kept) }))
        });
    }

    /// Drops the text of a generation, if that is still what is kept.
    pub fn reject(&self, key: Key, generation: Uuid) {
        self.change(key, |kept| (kept.generation == generation).then_some(None));
    }

    /// Keeps the text under a key as it is until then: what was to take its place did not come.
    pub fn postpone(&self, key: Key, until: Timestamp) {
        self.change(key, |kept| Some(Some(Kept { stale: kept.stale.max(until), ..Kept::clone(kept) })));
    }

    /// Changes what is kept under a key, or drops it, in one step: what somebody else dropped meanwhile does not come
    /// back. `change` answers `None` to leave it as it is.
    fn change(&self, key: Key, change: impl FnOnce(&Kept) -> Option<Option<Kept>>) {
        self.0.entry(key).and_compute_with(|entry| {
            let Some(Entry::Kept(kept)) = entry.map(moka::Entry::into_value) else { return Op::Nop };
            match change(&kept) {
                None => Op::Nop,
                Some(None) => Op::Remove,
                Some(Some(kept)) => Op::Put(Entry::Kept(Arc::new(kept))),
            }
        });
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memory")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::cache::Question;

    #[test]
    fn what_was_dropped_or_replaced_does_not_come_back() {
        let memory = Memory::new(1_000_000);
        let (placement, product, locale, models) = ("a", None, "en", "m");
        let template = &blake3::hash(b"t");
        let key = Key::of(&Question { placement, product, template, inputs: &Map::new(), locale, models });
        assert_eq!(Key::parse(&key.to_string()), Some(key));
        let at = |second| Timestamp::from_second(second).unwrap();
        let kept = |n: u64, text: &str| {
            let (draft, generation) = (Draft::new(text), Uuid::from_u64_pair(0, n));
            let models = Models::default();
            Arc::new(Kept {
                written: draft.text.clone(),
                draft,
                generation,
                written_in: generation,
                models,
                stale: at(1),
                expires: at(9),
                elsewhere: false,
            })
        };
        let text = || memory.get(&key, at(0)).map(|kept| kept.draft.text.to_string());
        let (one, two) = (kept(1, "One."), kept(2, "Two."));
        memory.keep(key, Arc::clone(&one));
        memory.restamp(key, one.generation, Draft::new("One, corrected."));
        assert_eq!(text().as_deref(), Some("One, corrected."));
        memory.keep(key, Arc::clone(&two));
        memory.restamp(key, one.generation, Draft::new("One."));
        memory.reject(key, one.generation);
        assert_eq!(text().as_deref(), Some("Two."));
        memory.postpone(key, at(5));
        assert_eq!(memory.get(&key, at(0)).map(|kept| kept.stale), Some(at(5)));
        memory.reject(key, two.generation);
        memory.restamp(key, two.generation, Draft::new("Two."));
        memory.postpone(key, at(6));
        assert_eq!(text(), None);
    }
}
