//! What is spent, kept in the store so that a restart knows of it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Shared;
use crate::audit::search;
use crate::config::Settings;
use crate::generate::{Budget, Generator, Spent};
use crate::store::{Store, StoreError, ledger};
use crate::words::{Micros, Purpose, utc_day};

/// The ledger is written at once when something is set aside, and then not again for so long.
const BETWEEN_ENTRIES: Duration = Duration::from_millis(100);
/// How long after a failure it is tried again.
const RETRY_ENTRY: Duration = Duration::from_secs(1);

/// Keeps in the store what is spent, calls under way included, so that a service that is killed counts them when it starts
/// again: all but those that began in the last tenth of a second, or while the store was writing.
pub(super) async fn keep_ledger(shared: Arc<Shared>) {
    let Some(generator) = &shared.parts.generator else { return };
    loop {
        generator.budget().changed().await;
        let mut told = false;
        while let Err(error) = write_ledger(&shared.store, generator.budget()).await {
            if !told {
                tracing::warn!(%error, "the ledger cannot be written: should the service be killed, calls under way are not counted");
                told = true;
            }
            tokio::time::sleep(RETRY_ENTRY).await;
        }
        tokio::time::sleep(BETWEEN_ENTRIES).await;
    }
}

pub(super) async fn write_ledger(store: &Store, budget: &Budget) -> Result<(), StoreError> {
    let (day, spent) = budget.ledger();
    let sums = Purpose::ALL.map(|purpose| (purpose.as_str(), spent.on(purpose).0));
    ledger::keep(store, day, &sums).await
}

/// What was spent on a day before this start: what the log says of what ended, or the ledger of what was under way too,
/// whichever is more.
async fn spent_on(store: &Store, today: Date) -> anyhow::Result<Spent> {
    let midnight = today.to_zoned(TimeZone::UTC)?.timestamp();
    let mut spent = Spent::default();
    for (word, micros) in ledger::of_day(store, today).await? {
        let purpose = Purpose::ALL.into_iter().find(|purpose| purpose.as_str() == word);
        spent.add(purpose.unwrap_or_default(), Micros(micros));
    }
    Ok(spent.at_least(search::spent_since(store, midnight).await?))
}

pub(super) async fn generator(
    settings: &Settings,
    store: &Store,
    now: Timestamp,
) -> anyhow::Result<Option<Generator>> {
    if settings.providers.is_empty() {
        return Ok(None);
    }
    let today = utc_day(now);
    let budget = Budget::of(&settings.budget, spent_on(store, today).await?, today);
    let providers = settings.providers.clone();
    Ok(Some(Generator::new(providers, budget)?.hedged(settings.hedge_after)))
}
