//! Drafts in memory, weighed in bytes.

use std::sync::Arc;

use jiff::Timestamp;
use moka::sync::Cache;
use uuid::Uuid;

use super::Key;
use crate::guardrail::Draft;

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
    /// From here on it is served while a new text is written.
    pub stale: Timestamp,
    /// From here on it is gone.
    pub expires: Timestamp,
}

#[derive(Clone)]
enum Entry {
    Kept(Arc<Kept>),
    /// A question whose answer did not pass, until then: so that it is not paid for again and again.
    Refused(Timestamp),
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
            Entry::Refused(_) => 2 * BESIDE,
        };
        Self(Cache::builder().max_capacity(bytes).weigher(weigh).build())
    }

    /// What is kept under a key and not yet gone.
    pub fn get(&self, key: &Key, now: Timestamp) -> Option<Arc<Kept>> {
        match self.0.get(key)? {
            Entry::Kept(kept) if now < kept.expires => Some(kept),
            Entry::Kept(_) => {
                self.0.invalidate(key);
                None
            }
            Entry::Refused(_) => None,
        }
    }

    /// Whether a question did not pass a short while ago; `refusal` is [`Key::refusal`].
    pub fn refused(&self, refusal: &Key, now: Timestamp) -> bool {
        matches!(self.0.get(refusal), Some(Entry::Refused(until)) if now < until)
    }

    /// Keeps a text.
    pub fn keep(&self, key: Key, kept: Arc<Kept>) {
        self.0.insert(key, Entry::Kept(kept));
    }

    /// Keeps that a question did not pass; `refusal` is [`Key::refusal`].
    pub fn refuse(&self, refusal: Key, until: Timestamp) {
        self.0.insert(refusal, Entry::Refused(until));
    }

    /// Keeps the text under a key as it is until then: what was to take its place did not come.
    pub fn postpone(&self, key: Key, until: Timestamp, now: Timestamp) {
        if let Some(kept) = self.get(&key, now) {
            let stale = kept.stale.max(until);
            self.keep(key, Arc::new(Kept { stale, ..Kept::clone(&kept) }));
        }
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memory")
    }
}
