//! Who looks at which text that waits, so that nobody decides on what somebody else is reading; and what was decided last, to
//! be undone in one go. Known to this service alone, and for minutes.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::session::Reader;

/// How long whoever opened a text holds it.
const HELD_FOR: SignedDuration = SignedDuration::from_mins(5);
/// How many decisions of all readers together can be undone in one go.
const MOST: usize = 1_000;

/// Who holds what.
#[derive(Debug, Default)]
pub struct Holding {
    held: Mutex<HashMap<String, Held>>,
    done: Mutex<VecDeque<Done>>,
}

#[derive(Clone, Debug)]
struct Held {
    session: Uuid,
    by: String,
    until: Timestamp,
}

#[derive(Clone, Debug)]
struct Done {
    id: Uuid,
    by: String,
    generations: Vec<Uuid>,
}

impl Holding {
    /// Has a reader hold a text and no other one. Answers the name of whoever holds it already: then nothing is changed.
    pub(super) fn take(&self, text: &str, reader: &Reader, now: Timestamp) -> Option<String> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, held| held.until > now);
        let session = reader.session.id;
        if let Some(other) = held.get(text).filter(|held| held.by != reader.name) {
            return Some(other.by.clone());
        }
        held.retain(|_, held| held.session != session);
        let until = now.saturating_add(HELD_FOR).unwrap_or(now);
        held.insert(text.to_owned(), Held { session, by: reader.name.clone(), until });
        None
    }

    /// Who else holds a text.
    pub(super) fn holder(&self, text: &str, reader: &Reader, now: Timestamp) -> Option<String> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let held = held.get(text).filter(|held| held.until > now && held.by != reader.name);
        held.map(|held| held.by.clone())
    }

    /// Remembers what a reader decided on together; answers by which id.
    pub(super) fn remember(&self, reader: &Reader, generations: Vec<Uuid>, now: Timestamp) -> Uuid {
        let id = crate::words::new_id(now);
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        while done.len() >= MOST {
            done.pop_front();
        }
        done.push_back(Done { id, by: reader.name.clone(), generations });
        id
    }

    /// What a reader decided on together, which is forgotten with that.
    pub(super) fn recall(&self, reader: &Reader, id: Uuid) -> Option<Vec<Uuid>> {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let at = done.iter().position(|done| done.id == id && done.by == reader.name)?;
        done.remove(at).map(|done| done.generations)
    }

    /// Remembers on, under the same id, what of it could not be undone.
    pub(super) fn keep_on(&self, reader: &Reader, id: Uuid, generations: Vec<Uuid>) {
        if !generations.is_empty() {
            let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
            done.push_back(Done { id, by: reader.name.clone(), generations });
        }
    }
}
