//! On what terms something is asked: for whom, until when, and what it may cost.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Purse;
use crate::words::{Purpose, utc_day};

/// Whether the service is going down and gives up what it is doing.
#[derive(Clone, Debug, Default)]
pub struct Closing(Option<watch::Receiver<bool>>);

impl Closing {
    /// Once that becomes true.
    pub fn when(asked: watch::Receiver<bool>) -> Self {
        Self(Some(asked))
    }

    /// Whether it does now.
    pub fn is_now(&self) -> bool {
        self.0.as_ref().is_some_and(|asked| *asked.borrow())
    }

    /// Ends when it does; never, where nobody ever asks it to.
    pub async fn begun(&self) {
        match &self.0 {
            // An error means that nobody is left who could ask.
            Some(asked) => {
                if asked.clone().wait_for(|asked| *asked).await.is_err() {
                    std::future::pending().await
                }
            }
            None => std::future::pending().await,
        }
    }
}

/// Wall time, read once and carried on by how long ago that was.
#[derive(Clone, Copy, Debug)]
pub struct Wall {
    at: Timestamp,
    read: Instant,
}

impl Wall {
    /// Wall time as it was read just now.
    pub fn read(at: Timestamp) -> Self {
        Self { at, read: Instant::now() }
    }

    /// Wall time now.
    pub fn now(&self) -> Timestamp {
        self.at.checked_add(self.read.elapsed()).unwrap_or(Timestamp::MAX)
    }
}

/// Models that are not to write, by their names; capitals do not matter.
#[derive(Clone, Debug, Default)]
pub struct Barred(Arc<BTreeSet<String>>);

impl Barred {
    /// These.
    pub fn of<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        Self(Arc::new(names.into_iter().map(str::to_ascii_lowercase).collect()))
    }

    /// Whether this one is among them.
    pub fn holds(&self, model: &str) -> bool {
        !self.0.is_empty() && self.0.contains(&model.to_ascii_lowercase())
    }
}

/// The terms of one prompt with its retries.
#[derive(Clone, Debug)]
pub struct Terms {
    /// No later than this, waits and retries included.
    pub ends: Instant,
    /// Given up before that when the service closes.
    pub closing: Closing,
    /// Wall time when they were made.
    pub wall: Wall,
    /// For whom.
    pub purpose: Purpose,
    /// What the calls made on these terms are paid from, beside the day's budget.
    pub purse: Purse,
    /// Models that are not to write: they are not asked, and what they answer is not used.
    pub barred: Barred,
}

impl Terms {
    /// For a page, by a service that stays, whatever the day allows; `at` is wall time now.
    pub fn until(ends: Instant, at: Timestamp) -> Self {
        let (closing, purse, barred) = Default::default();
        Self { ends, closing, wall: Wall::read(at), purpose: Purpose::Page, purse, barred }
    }

    /// The UTC day that pays: the one on which they were made.
    pub fn today(&self) -> Date {
        utc_day(self.wall.at)
    }
}
