//! Drafts in memory, weighed in bytes.

use std::sync::Arc;

use jiff::Timestamp;
use moka::sync::Cache;
use uuid::Uuid;

use super::Key;
use crate::guardrail::Draft;
use crate::words::Revision;

/// What moka and the allocator keep beside an entry, in bytes, as measured over a million entries of moka 0.12.
const BESIDE: u32 = 400;

/// Generated copy that was kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The text, with the stamp of its last approval.
    pub draft: Draft,
    /// The generation that wrote it.
    pub generation: Uuid,
    /// From here on it is served while a new text is written.
    pub stale: Timestamp,
    /// From here on it is gone.
    pub expires: Timestamp,
}

/// A question whose answer did not pass, kept for a short while so that it is not paid for again and again.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The guardrails that it did not pass: others may let it pass.
    pub guardrails: Revision,
    /// Until when it is not asked again.
    pub until: Timestamp,
}

#[derive(Clone)]
enum Entry {
    Kept(Arc<Kept>),
    Refused(Arc<Refused>),
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

    /// Whether a question did not pass these guardrails a short while ago.
    pub fn refused(&self, key: &Key, guardrails: &Revision, now: Timestamp) -> bool {
        matches!(self.0.get(key), Some(Entry::Refused(r)) if now < r.until && r.guardrails == *guardrails)
    }

    /// Keeps a text.
    pub fn keep(&self, key: Key, kept: Arc<Kept>) {
        self.0.insert(key, Entry::Kept(kept));
    }

    /// Keeps that a question did not pass; a text that is still kept goes before it.
    pub fn refuse(&self, key: Key, refused: Refused, now: Timestamp) {
        if self.get(&key, now).is_none() {
            self.0.insert(key, Entry::Refused(Arc::new(refused)));
        }
    }

    /// Keeps the text under a key as it is until then: what was to take its place did not come.
    pub fn postpone(&self, key: Key, until: Timestamp, now: Timestamp) {
        if let Some(kept) = self.get(&key, now) {
            let stale = kept.stale.max(until);
            self.keep(key, Arc::new(Kept { stale, ..Kept::clone(&kept) }));
        }
    }

    /// Drops what is kept under a key.
    pub fn drop(&self, key: &Key) {
        self.0.invalidate(key);
    }

    /// How many entries are kept, and their weight in bytes; both lag a little behind.
    pub fn size(&self) -> (u64, u64) {
        (self.0.entry_count(), self.0.weighted_size())
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memory")
    }
}
