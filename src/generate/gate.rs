//! How many generations run at once, and how many may wait for their turn. Beyond that the answer is "no" at once:
//! a queue without an end only makes everybody late.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A bounded number of places, of which a bounded number may run at once.
#[derive(Clone, Debug)]
pub struct Gate {
    places: Arc<Semaphore>,
    running: Arc<Semaphore>,
    concurrency: usize,
    queue: usize,
}

/// How full a gate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fullness {
    /// How many run.
    pub running: usize,
    /// How many wait for their turn.
    pub waiting: usize,
    /// How many may run at once.
    pub concurrency: usize,
    /// How many may wait.
    pub queue: usize,
}

impl Gate {
    /// A gate through which `concurrency` (at least 1) may go at once while `queue` more wait.
    pub fn new(concurrency: usize, queue: usize) -> Self {
        let concurrency = concurrency.clamp(1, Semaphore::MAX_PERMITS);
        let places = concurrency.saturating_add(queue).min(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(places)),
            running: Arc::new(Semaphore::new(concurrency)),
            concurrency,
            queue: places - concurrency,
        }
    }

    /// Takes a place, running or waiting. `None` when all are taken: overload.
    pub fn enter(&self) -> Option<Place> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(Place { place, running: Arc::clone(&self.running) })
    }

    /// How full it is at this moment.
    pub fn fullness(&self) -> Fullness {
        let Self { concurrency, queue, .. } = *self;
        let running = concurrency.saturating_sub(self.running.available_permits());
        let taken = (concurrency + queue).saturating_sub(self.places.available_permits());
        Fullness { running, waiting: taken.saturating_sub(running), concurrency, queue }
    }

    /// How many more could enter at this moment.
    pub fn free(&self) -> usize {
        self.places.available_permits()
    }
}

/// A place in the queue; dropping it gives it up.
#[derive(Debug)]
pub struct Place {
    place: OwnedSemaphorePermit,
    running: Arc<Semaphore>,
}

impl Place {
    /// Waits for its turn, first come first served.
    pub async fn wait(self) -> Permit {
        // Acquiring fails only on a closed semaphore, and nobody closes this one.
        let running = self.running.acquire_owned().await.ok();
        Permit { _place: self.place, _running: running }
    }
}

/// Leave to run. Dropping it lets the next one in.
#[derive(Debug)]
pub struct Permit {
    _place: OwnedSemaphorePermit,
    _running: Option<OwnedSemaphorePermit>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn beyond_concurrency_and_queue_is_overload() {
        let gate = Gate::new(1, 1);
        let running = gate.enter().unwrap().wait().await;
        let waiting = gate.enter().unwrap();
        let full = gate.fullness();
        assert_eq!(full, Fullness { running: 1, waiting: 1, concurrency: 1, queue: 1 });
        assert!(gate.enter().is_none());
        drop(running);
        let running = waiting.wait().await;
        assert!(gate.enter().is_some());
        drop(running);
        assert_eq!(gate.free(), 2);
        assert_eq!(gate.fullness(), Fullness { running: 0, waiting: 0, ..full });
    }

    #[tokio::test]
    async fn a_place_given_up_is_free_again() {
        let gate = Gate::new(1, 0);
        drop(gate.enter().unwrap());
        assert!(gate.enter().is_some());
    }

    #[tokio::test]
    async fn no_more_run_at_once_than_allowed() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let gate = Gate::new(3, 100);
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let (place, now, most) = (gate.enter().unwrap(), Arc::clone(&now), Arc::clone(&most));
                tokio::spawn(async move {
                    let _permit = place.wait().await;
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    now.fetch_sub(1, Ordering::SeqCst);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(most.load(Ordering::SeqCst), 3);
    }
}
