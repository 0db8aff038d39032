//! The book of stops of one process: what is in force, kept up with the store and the journal.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use arc_swap::ArcSwap;

use super::register::Register;
use super::snapshot::Stops;
use crate::store::{Store, StoreError, stops};

/// What is stopped, rejected and purged, as one process knows it.
pub struct Book {
    current: ArcSwap<Stops>,
    store: Store,
    /// `meta.stops` as it was read last, and in which store: see [`Store::changes`].
    read: (AtomicI64, AtomicU64),
}

impl Book {
    /// Everything that the store and the journal in the data folder know of.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn open(store: Store, _data_dir: &Path) -> Result<Self, StoreError> {
        let read = (AtomicI64::new(-1), AtomicU64::new(0));
        let book = Self { current: ArcSwap::default(), store, read };
        book.refresh().await?;
        Ok(book)
    }

    /// What is in force now, for a request to hold on to from start to end.
    pub fn pin(&self) -> Arc<Stops> {
        self.current.load_full()
    }

    /// Whether this is what is in force.
    pub fn is_current(&self, stops: &Arc<Stops>) -> bool {
        Arc::ptr_eq(&self.current.load(), stops)
    }

    /// The number of changes in the store that were taken: `meta.stops`.
    pub fn number(&self) -> i64 {
        self.read.0.load(Ordering::Acquire)
    }

    /// Takes what changed since the last look, whoever changed it.
    ///
    /// # Errors
    ///
    /// When the store cannot be read; what is in force stays.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let changes = self.store.changes();
        let number = stops::number(&self.store).await?;
        let (known, store) = &self.read;
        if known.load(Ordering::Acquire) == number && store.load(Ordering::Acquire) == changes {
            return Ok(());
        }
        let rows = stops::read(&self.store).await?;
        let register = Register::read(&rows)?;
        self.current.store(Arc::new(Stops::of(&register)));
        known.store(rows.number, Ordering::Release);
        store.store(changes, Ordering::Release);
        Ok(())
    }
}
