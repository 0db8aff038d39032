//! Flights: identical questions share one piece of work, which belongs to none of those who wait for it.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::Key;

/// Work under way, by the key of its question.
#[derive(Debug)]
pub struct Flights<T, K = Key>(Arc<Mutex<HashMap<K, watch::Receiver<Option<T>>>>>);

impl<T, K> Clone for Flights<T, K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T, K> Default for Flights<T, K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// A place among those who wait for one piece of work. Dropping it cancels nothing.
#[derive(Debug)]
pub struct Flight<T>(watch::Receiver<Option<T>>);

impl<T: Clone + Send + Sync + 'static, K: Copy + Eq + Hash + Send + 'static> Flights<T, K> {
    /// Joins the work on this key, or starts it with `start`, which may decline. The work runs in a task of its own and
    /// is done when its future is; `start` is called under a lock and must only make the future.
    pub fn join_or_start<F, E>(&self, key: K, start: impl FnOnce() -> Result<F, E>) -> Result<Flight<T>, E>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = under_way.get(&key) {
            return Ok(Flight(flight.clone()));
        }
        let work = start()?;
        let (landed, flight) = watch::channel(None);
        under_way.insert(key, flight.clone());
        // The entry goes when the task ends, however it ends: a panic lands nobody, and those who wait see that.
        let entry = Entry { flights: self.clone(), key };
        tokio::spawn(async move {
            let result = work.await;
            drop(entry);
            landed.send_replace(Some(result));
        });
        Ok(Flight(flight))
    }

    /// Joins the work on this key, when there is some.
    pub fn join(&self, key: &K) -> Option<Flight<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned().map(Flight)
    }

    /// How much work is under way.
    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether none is under way.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Clone> Flight<T> {
    /// Waits for the work; `None` when it ended without a result.
    pub async fn landed(mut self) -> Option<T> {
        self.0.wait_for(Option::is_some).await.ok().and_then(|result| result.clone())
    }
}

struct Entry<T, K: Eq + Hash> {
    flights: Flights<T, K>,
    key: K,
}

impl<T, K: Eq + Hash> Drop for Entry<T, K> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("work under way panicked; those who wait for it get nothing");
        }
        self.flights.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicU32, Ordering};

    use serde_json::Map;
    use tokio::sync::Notify;

    use super::*;
    use crate::cache::Question;

    fn key(placement: &str) -> Key {
        let template = blake3::hash(b"t");
        Key::of(&Question {
            placement,
            product: None,
            template: &template,
            inputs: &Map::new(),
            locale: "en",
            models: "m",
        })
    }

    #[tokio::test]
    async fn identical_questions_share_one_flight_and_leaving_cancels_nothing() {
        let flights: Flights<u32> = Flights::default();
        let started = Arc::new(AtomicU32::new(0));
        let release = Arc::new(Notify::new());
        let join = || {
            flights.join_or_start(key("a"), || {
                started.fetch_add(1, Ordering::SeqCst);
                let release = Arc::clone(&release);
                Ok::<_, Infallible>(async move {
                    release.notified().await;
                    7
                })
            })
        };
        let first = join().unwrap();
        let others: Vec<_> = (0..200).map(|_| join().unwrap()).collect();
        drop(first);
        release.notify_one();
        for other in others {
            assert_eq!(other.landed().await, Some(7));
        }
        assert_eq!(started.load(Ordering::SeqCst), 1);
        assert!(flights.is_empty());
    }

    #[tokio::test]
    async fn a_flight_that_panics_lands_nobody_and_frees_its_key() {
        let flights: Flights<u32> = Flights::default();
        let flight = flights
            .join_or_start(key("a"), || {
                Ok::<_, Infallible>(async { if true { panic!("on purpose") } else { 1 } })
            })
            .unwrap();
        assert_eq!(flight.landed().await, None);
        assert!(flights.join(&key("a")).is_none());
    }

    #[tokio::test]
    async fn a_start_that_declines_leaves_nothing_behind() {
        let flights: Flights<u32> = Flights::default();
        let declined = flights.join_or_start(key("a"), || Err::<std::future::Ready<u32>, _>("full"));
        assert_eq!(declined.map(|_| ()), Err("full"));
        assert!(flights.is_empty());
    }
}
