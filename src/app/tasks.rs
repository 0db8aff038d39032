//! What goes on behind the requests.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::Shared;
use super::nodes::SAID_EVERY;
use crate::audit::retain::Deleted;
use crate::audit::{self, erase};
use crate::config::Retention;
use crate::pipeline;
use crate::store::{Store, StoreError};

/// How long after the start what is too old is deleted for the first time.
const FIRST_RETENTION: Duration = Duration::from_secs(60);
/// How long after that it is again.
const BETWEEN_RETENTIONS: Duration = Duration::from_secs(3_600);
/// How long it is tried to bring what was erased out of the store's files.
const SWEEP: Duration = Duration::from_secs(600);

pub(super) async fn until(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Takes back into memory what was written before the restart.
pub(super) async fn warm_up(shared: Arc<Shared>, stopped: watch::Receiver<bool>) {
    let (began, policy) = (Instant::now(), shared.desk.pin());
    let warmed = tokio::select! {
        warmed = pipeline::warm(&shared.parts, &policy) => warmed,
        () = until(stopped) => return,
    };
    let took_ms = began.elapsed().as_millis();
    match warmed {
        Ok(texts) => tracing::info!(texts, took_ms, "copy that was written before is in memory again"),
        Err(error) => {
            tracing::warn!(%error, "copy that was written before is looked for in the log as it is asked for")
        }
    }
}

pub(super) async fn watch_files(shared: Arc<Shared>, stopped: watch::Receiver<bool>) {
    every(shared.desk.settings().reload, stopped, || async {
        shared.look_for_edits().await;
        // What the store did not take is tried again, whether anything changed or not.
        shared.settle().await;
    })
    .await;
}

/// New keys, reviews and a new catalogue are in use within two seconds, whoever wrote them; and so is a store that was put
/// back.
pub(super) async fn refresh(shared: Arc<Shared>, stopped: watch::Receiver<bool>) {
    let (known, until_stopped) = (AtomicU64::new(0), stopped.clone());
    let said = AtomicI64::new(shared.parts.stops.number());
    every(Duration::from_secs(1), stopped, || async {
        // Those who read or write next say that it is gone, and why.
        if let Err(error @ StoreError::NotPrepared(_)) = shared.store.look().await {
            tracing::error!(%error, "nothing is read or written until it is");
        }
        let changes = shared.store.changes();
        if known.swap(changes, Ordering::Relaxed) != changes {
            shared.parts.forget_other_stores();
            tokio::spawn(warm_up(Arc::clone(&shared), until_stopped.clone()));
        }
        shared.refresh_keys().await;
        if let Err(error) = shared.parts.stops.refresh().await {
            tracing::warn!(%error, "stops cannot be read; those already known stay in force");
        }
        // Whoever set a stop can see within two seconds that every service has it.
        let taken = shared.parts.stops.number();
        if said.swap(taken, Ordering::Relaxed) != taken {
            shared.say_in_force().await;
        }
        shared.refresh_reviews().await;
        shared.follow_desk().await;
        if let Err(error) = shared.parts.catalogue.refresh().await {
            tracing::warn!(%error, "the catalogue cannot be asked whether it changed");
        }
    })
    .await;
}

/// Other services read what is in force here.
pub(super) async fn say_in_force(shared: Arc<Shared>, stopped: watch::Receiver<bool>) {
    every(SAID_EVERY, stopped, || shared.say_in_force()).await;
}

/// Answers that are not repeated any more are gone from the store within the hour.
pub(super) async fn forget(shared: Arc<Shared>, stopped: watch::Receiver<bool>) {
    every(Duration::from_secs(3_600), stopped, || async {
        if let Err(error) = shared.parts.repeats.forget().await {
            tracing::warn!(%error, "answers that are not repeated any more could not be deleted");
        }
    })
    .await;
}

/// Writes the head of the log at the start and then once in so long.
pub(super) async fn keep_heads(shared: Arc<Shared>, period: Duration, stopped: watch::Receiver<bool>) {
    let Some(heads) = &shared.heads else { return };
    heads.turn().await;
    every(period, stopped, || heads.turn()).await;
}

/// What is in the log can be searched for by its indexes within a second or so.
pub(super) async fn index_log(store: Store, stopped: watch::Receiver<bool>) {
    let told = AtomicBool::new(false);
    every(Duration::from_millis(500), stopped.clone(), || async {
        let indexed = tokio::select! {
            indexed = audit::index::catch_up(&store) => indexed,
            () = until(stopped.clone()) => return,
        };
        match indexed {
            Ok(_) => told.store(false, Ordering::Relaxed),
            Err(error) if !told.swap(true, Ordering::Relaxed) => {
                tracing::warn!(%error, "the log cannot be indexed; searches look through what is not");
            }
            Err(_) => {}
        }
    })
    .await;
}

/// Texts that wait for a person are looked at anew within seconds once rules, placements, stops or the day are others.
pub(super) async fn judge_waiting(shared: Arc<Shared>, stopped: watch::Receiver<bool>) {
    const AT_ONCE: u32 = 100;
    every(Duration::from_secs(2), stopped.clone(), || async {
        while !*stopped.borrow() {
            let policy = shared.desk.pin();
            match pipeline::judge_waiting(&shared.parts, &policy, &shared.store, AT_ONCE).await {
                Ok(looked_at) if looked_at > 0 => {}
                Ok(_) => return,
                Err(error) => {
                    tracing::debug!(%error, "texts that wait for a person cannot be looked at anew");
                    return;
                }
            }
        }
    })
    .await;
}

/// What is too old is deleted every hour, for the first time a minute after the start.
pub(super) async fn retain(shared: Arc<Shared>, retention: Retention, stopped: watch::Receiver<bool>) {
    tokio::select! {
        () = tokio::time::sleep(FIRST_RETENTION) => {}
        () = until(stopped.clone()) => return,
    }
    loop {
        match audit::retain::run(&shared.store, &retention, (shared.parts.now)(), false).await {
            Ok(deleted) if deleted.blocks + deleted.payloads + deleted.generations > 0 => {
                let Deleted { blocks, payloads, generations, texts, held, .. } = deleted;
                tracing::info!(
                    blocks,
                    payloads,
                    generations,
                    texts,
                    held,
                    "what was too old was deleted from the log"
                );
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "what is too old could not all be deleted from the log; it is tried again in an hour");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(BETWEEN_RETENTIONS) => {}
            () = until(stopped.clone()) => return,
        }
    }
}

pub(super) async fn every<F: Future<Output = ()>>(
    period: Duration,
    stopped: watch::Receiver<bool>,
    work: impl Fn() -> F,
) {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        tokio::select! {
            _ = ticks.tick() => work().await,
            () = until(stopped.clone()) => return,
        }
    }
}

/// Brings what was erased out of the store's files, behind everybody's back: a long read may hold it up.
pub(super) fn sweep(store: Store) {
    tokio::spawn(async move {
        match erase::sweep(&store, SWEEP).await {
            Ok(true) => {}
            Ok(false) => tracing::warn!(
                "what was erased still stands in the store's write-ahead log, since somebody reads the store all the while"
            ),
            Err(error) => {
                tracing::warn!(%error, "what was erased may still stand in the store's write-ahead log")
            }
        }
    });
}
