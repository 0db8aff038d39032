//! Whether the disk of the policy's files answers.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::audit::Clock;

/// A disk, and since when it does not answer.
#[derive(Debug, Default)]
pub(super) struct Disk(Mutex<Option<Timestamp>>);

impl Disk {
    /// Since when it does not answer.
    pub(super) fn hanging(&self) -> Option<Timestamp> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for what is being read, and tells once when that takes longer than the patience.
    pub(super) async fn wait<T>(
        &self,
        reading: impl Future<Output = T>,
        patience: Duration,
        now: &Clock,
    ) -> T {
        let mut reading = std::pin::pin!(reading);
        if let Ok(read) = tokio::time::timeout(patience, &mut reading).await {
            return read;
        }
        self.set(Some(now()));
        tracing::error!(
            "the policy's files cannot be read: their disk does not answer; what is in force stays"
        );
        let read = reading.await;
        self.set(None);
        tracing::info!("the policy's files are read again");
        read
    }

    fn set(&self, since: Option<Timestamp>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_disk_that_does_not_answer_is_told_of_until_it_does() {
        let (disk, (answer, reading)) = (Arc::new(Disk::default()), oneshot::channel());
        let noon: Timestamp = "2026-12-01T12:00:00Z".parse().unwrap();
        let now: Clock = Arc::new(move || noon);
        assert_eq!(disk.wait(async { 7 }, Duration::ZERO, &now).await, 7);
        assert_eq!(disk.hanging(), None, "what is there at once needs no patience");
        let waiting = tokio::spawn({
            let disk = Arc::clone(&disk);
            async move { disk.wait(reading, Duration::ZERO, &now).await }
        });
        while disk.hanging().is_none() {
            tokio::task::yield_now().await;
        }
        assert_eq!((disk.hanging(), waiting.is_finished()), (Some(noon), false));
        answer.send(9).unwrap();
        assert_eq!(waiting.await.unwrap(), Ok(9));
        assert_eq!(disk.hanging(), None);
    }
}
