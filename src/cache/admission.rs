//! How often a question was asked, and how much a user had written: what decides whether a generation is worth its
//! money. Bounded in memory, whatever is asked.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use moka::ops::compute::Op;
use moka::sync::Cache;

use super::Key;

/// Counters in each of the four rows; a counter is one byte.
const WIDTH: usize = 1 << 20;
const ROWS: usize = 4;
/// After so many requests counted all counters are halved: the fuller they are, the more often a question is taken for
/// another one that was asked more.
const FULL: u32 = 1 << 19;

/// Counts how often questions were asked that nothing was there for, within windows of time. It is a count-min sketch of
/// 4 MiB, made when it is first needed. Among many questions it may take one for another now and then, and admit it
/// early; it forgets those that were asked long ago, and may admit them late.
#[derive(Debug, Default)]
pub struct Admission {
    counters: OnceLock<Box<[AtomicU8]>>,
    counted: AtomicU32,
}

impl Admission {
    /// Counts a request for `key`, and answers whether it is at least the `admit`-th within its window of that length, of
    /// which `now` is a part. Windows follow one another without a gap, from 1970 on.
    pub fn admits(&self, key: &Key, admit: u8, window: Duration, now: Timestamp) -> bool {
        admit <= 1 || self.count(&key.within(window, now)) >= admit
    }

    fn count(&self, hash: &[u8; 32]) -> u8 {
        let made = || (0..WIDTH * ROWS).map(|_| AtomicU8::new(0)).collect();
        let counters = self.counters.get_or_init(made);
        let places = hash.chunks_exact(4).zip(counters.chunks_exact(WIDTH)).filter_map(|(bytes, row)| {
            let place = u32::from_le_bytes(bytes.try_into().ok()?) as usize;
            row.get(place % WIDTH)
        });
        let asked = places.clone().map(|counter| counter.load(Ordering::Relaxed)).min().unwrap_or(u8::MAX);
        let asked = asked.saturating_add(1);
        // Those that count others too are more than that already, and stay as they are.
        for counter in places {
            counter.fetch_max(asked, Ordering::Relaxed);
        }
        if self.counted.fetch_add(1, Ordering::Relaxed) == FULL {
            self.counted.store(0, Ordering::Relaxed);
            for counter in counters {
                // What is counted meanwhile may be lost: a question is then admitted one request later.
                counter.store(counter.load(Ordering::Relaxed) / 2, Ordering::Relaxed);
            }
        }
        asked
    }
}

/// The most users whose generations are counted at once; each takes some two hundred bytes.
const MOST_USERS: u64 = 100_000;

/// Counts the generations that each user caused in a UTC day. Beyond [`MOST_USERS`] in a day those who caused none for
/// longest begin anew.
#[derive(Clone, Debug)]
pub struct Users(Cache<[u8; 32], (Date, u32)>);

impl Default for Users {
    fn default() -> Self {
        let least_lately = moka::policy::EvictionPolicy::lru();
        Self(Cache::builder().max_capacity(MOST_USERS).eviction_policy(least_lately).build())
    }
}

impl Users {
    /// Counts one more for a user, by the hash of their reference, on the UTC day `today`; unless they had `most` already,
    /// which it answers.
    pub fn takes(&self, user: [u8; 32], most: u32, today: Date) -> bool {
        let mut takes = false;
        self.0.entry(user).and_compute_with(|entry| {
            let had = match entry.map(moka::Entry::into_value) {
                // A clock that is set back opens no day anew.
                Some((day, had)) if day >= today => (day, had),
                _ => (today, 0),
            };
            takes = had.1 < most;
            if takes { Op::Put((had.0, had.1.saturating_add(1))) } else { Op::Nop }
        });
        takes
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::Map;

    use super::*;
    use crate::cache::Question;

    const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

    fn key(number: u32) -> Key {
        let (placement, product) = (number.to_string(), None);
        let (template, inputs) = (blake3::hash(b"t"), Map::new());
        let (placement, template, inputs) = (placement.as_str(), &template, &inputs);
        Key::of(&Question { placement, product, template, inputs, locale: "en", models: "m" })
    }

    fn at(weeks: i64, second: i64) -> Timestamp {
        Timestamp::from_second(weeks * 7 * 24 * 3600 + second).unwrap()
    }

    #[test]
    fn a_question_is_admitted_when_it_was_asked_that_often_within_one_window() {
        let admission = Admission::default();
        let asked = |number, admit, at| admission.admits(&key(number), admit, WEEK, at);
        assert!(asked(1, 1, at(0, 0)), "the first counts nothing");
        assert!(admission.counters.get().is_none());
        let times: Vec<bool> = (0..4).map(|second| asked(1, 3, at(0, second))).collect();
        assert_eq!(times, [false, false, true, true]);
        assert!(!asked(2, 3, at(0, 5)), "another question is another");
        assert!(!asked(1, 3, at(1, 0)), "another window begins anew");
        assert!(asked(1, 3, at(0, 604_799)), "and the old one goes on to its end");
    }

    #[test]
    fn many_questions_asked_once_are_not_taken_for_one_that_was_asked_often() {
        let admission = Admission::default();
        let admitted = (0..100_000).filter(|number| admission.admits(&key(*number), 2, WEEK, at(0, 0)));
        assert!(admitted.count() < 100, "one in a thousand at most is mistaken");
    }

    #[test]
    fn what_is_counted_is_halved_before_it_is_too_full() {
        let admission = Admission::default();
        let often = |times: usize| {
            for _ in 0..times {
                admission.admits(&key(1), 200, WEEK, at(0, 0));
            }
        };
        often(200);
        assert!(admission.admits(&key(1), 200, WEEK, at(0, 0)));
        admission.counted.store(FULL, Ordering::Relaxed);
        often(1);
        assert!(!admission.admits(&key(1), 200, WEEK, at(0, 0)));
        assert!(admission.admits(&key(1), 100, WEEK, at(0, 0)));
    }

    #[test]
    fn each_user_has_so_many_a_day() {
        let users = Users::default();
        let (one, other) = ([1; 32], [2; 32]);
        let (monday, tuesday) = (date(2026, 11, 23), date(2026, 11, 24));
        assert_eq!([(); 3].map(|()| users.takes(one, 2, monday)), [true, true, false]);
        assert!(users.takes(other, 2, monday));
        assert_eq!([(); 3].map(|()| users.takes(one, 2, tuesday)), [true, true, false]);
        assert!(!users.takes(one, 2, monday), "a clock set back opens no day anew");
    }
}
