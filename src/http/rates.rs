//! How often each publishable key may be sent: everybody can read it, so its limit is what bounds who copied it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long it takes until a key may be sent once more: 50 times a second.
const BETWEEN: Duration = Duration::from_millis(20);
/// How many times a key may be sent at once, after a rest.
const BURST: u32 = 100;

/// How often each key was sent lately.
///
/// Of each key one instant is kept, from which on it may be sent [`BURST`] times at once again. Each time it is sent
/// moves that instant on by [`BETWEEN`]; it never lies further ahead than the burst lasts.
#[derive(Debug, Default)]
pub struct Rates(Mutex<BTreeMap<String, Instant>>);

impl Rates {
    /// Whether the key of this id may be sent at `now`, which then counts.
    pub fn take(&self, id: &str, now: Instant) -> bool {
        let mut rested = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = rested.get(id).map_or(now, |at| (*at).max(now)) + BETWEEN;
        let may = next.duration_since(now) <= BETWEEN * BURST;
        if may {
            match rested.get_mut(id) {
                Some(at) => *at = next,
                None => drop(rested.insert(id.to_owned(), next)),
            }
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of `tries` at one instant are let through.
    fn let_through(rates: &Rates, id: &str, at: Instant, tries: usize) -> usize {
        (0..tries).filter(|_| rates.take(id, at)).count()
    }

    #[test]
    fn a_key_has_a_burst_then_fifty_a_second_and_each_key_its_own() {
        let rates = Rates::default();
        let start = Instant::now();
        for (id, after_ms, expected) in [
            ("a", 0, 100),
            ("a", 0, 0),
            ("a", 19, 0),
            ("a", 20, 1),
            ("b", 20, 100),
            ("a", 1_020, 50),
            ("a", 1_000, 0),
            ("a", 3_020, 100),
            ("a", 1_000_000, 100),
        ] {
            let at = start + Duration::from_millis(after_ms);
            assert_eq!(let_through(&rates, id, at, 300), expected, "{id} after {after_ms} ms");
        }
    }
}
