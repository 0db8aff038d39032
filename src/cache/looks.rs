//! For which questions the log was asked a moment ago and held nothing good: they are not asked about with each request.

use jiff::{SignedDuration, Timestamp};
use moka::sync::Cache;

use super::Key;

/// The most questions that are remembered; each takes some two hundred bytes.
const MOST: u64 = 50_000;
/// How long one is.
const FOR: SignedDuration = SignedDuration::from_secs(10);

/// Looks into the log that found nothing good.
#[derive(Clone, Debug)]
pub struct Looks(Cache<Key, (Key, Timestamp)>);

impl Default for Looks {
    fn default() -> Self {
        Self(Cache::new(MOST))
    }
}

impl Looks {
    /// Remembers at `now` that the log held nothing that passes under these rules on this ground; `refusal` is
    /// [`Key::refusal`].
    pub fn in_vain(&self, key: Key, refusal: Key, now: Timestamp) {
        self.0.insert(key, (refusal, now.saturating_add(FOR).unwrap_or(now)));
    }

    /// Whether that was so a moment ago.
    pub fn were_in_vain(&self, key: &Key, refusal: &Key, now: Timestamp) -> bool {
        self.0.get(key).is_some_and(|(at, until)| at == *refusal && now < until)
    }

    /// Another log is asked from now on.
    pub fn clear(&self) {
        self.0.invalidate_all();
    }

    /// Something is there now.
    pub fn forget(&self, key: &Key) {
        self.0.invalidate(key);
    }
}
