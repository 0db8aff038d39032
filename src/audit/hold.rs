//! Legal holds: what must be neither erased nor deleted for its age until somebody lifts the hold.

use jiff::Timestamp;
use uuid::Uuid;

use super::append::{self, Appending};
use super::records::{Event, GenerationRecord, HoldRecord, HoldScope, ServeRecord};
use super::user;
use crate::store::forget::{HoldRow, Look};
use crate::store::log::Snapshot;
use crate::store::{Store, StoreError};
use crate::words::new_id;

/// A legal hold.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Hold {
    /// Its id, a UUID v7.
    pub id: Uuid,
    /// Since when.
    pub at: Timestamp,
    /// Who placed it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// What is held: all that every field given says.
    pub scope: HoldScope,
    /// When it was lifted; `None` while it is in force.
    pub lifted: Option<Timestamp>,
}

impl Hold {
    fn read(row: HoldRow) -> Result<Self, StoreError> {
        let corrupt = |error: &dyn std::fmt::Display| StoreError::Corrupt(format!("a legal hold: {error}"));
        Ok(Self {
            id: row.id.parse().map_err(|error: uuid::Error| corrupt(&error))?,
            at: row.at,
            by: row.by,
            reason: row.reason,
            scope: serde_json::from_str(&row.scope).map_err(|error| corrupt(&error))?,
            lifted: row.lifted,
        })
    }
}

/// Places a hold and records it. `user` is the digest of the one whom it is about, if it is about one; the scope's own
/// `user` is filled in from it, under a key that is made for them where no record names them yet.
///
/// # Errors
///
/// When the store cannot be written.
pub async fn add(
    store: &Store,
    scope: HoldScope,
    user: Option<[u8; 32]>,
    (by, reason): (&str, &str),
    now: Timestamp,
) -> Result<Hold, StoreError> {
    let mut appending = Appending::begin(store).await?;
    let within = appending.within();
    let name = match user {
        None => None,
        Some(digest) => {
            within.keep_user(&digest, &rand::random(), now).await?;
            within.look().user(&digest).await?.map(|own| user::reference(&own, &digest))
        }
    };
    let scope = HoldScope { user: name.or(scope.user), ..scope };
    let hold = Hold { id: new_id(now), at: now, by: by.into(), reason: reason.into(), scope, lifted: None };
    let row = HoldRow {
        id: hold.id.to_string(),
        at: hold.at,
        by: hold.by.clone(),
        reason: hold.reason.clone(),
        scope: serde_json::to_string(&hold.scope).map_err(|error| StoreError::Corrupt(error.to_string()))?,
        lifted: None,
    };
    within.keep_hold(&row).await?;
    let scope = hold.scope.clone();
    record(
        appending,
        HoldRecord { id: hold.id, at: now, by: row.by, reason: row.reason, scope, lifted: false },
    )
    .await?;
    Ok(hold)
}

/// Lifts a hold and records that, with who did and why. `None` when no such hold is in force.
///
/// # Errors
///
/// When the store cannot be written.
pub async fn lift(
    store: &Store,
    id: Uuid,
    (by, reason): (&str, &str),
    now: Timestamp,
) -> Result<Option<HoldRecord>, StoreError> {
    let mut appending = Appending::begin(store).await?;
    let within = appending.within();
    let Some(scope) = within.lift_hold(&id.to_string(), now).await? else { return Ok(None) };
    // What it held may be too old by now, and stands before what retention looks at next.
    super::retain::begin_anew(within).await?;
    let scope =
        serde_json::from_str(&scope).map_err(|e| StoreError::Corrupt(format!("a legal hold: {e}")))?;
    let lifted = HoldRecord { id, at: now, by: by.into(), reason: reason.into(), scope, lifted: true };
    record(appending, lifted.clone()).await?;
    Ok(Some(lifted))
}

async fn record(mut appending: Appending, record: HoldRecord) -> Result<(), StoreError> {
    let sealed = append::event(&Event::Hold(record)).map_err(|e| StoreError::Corrupt(e.to_string()))?;
    appending.record(&sealed)?;
    appending.insert().await?;
    appending.commit().await
}

/// Every hold, those that were lifted included, oldest first.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn list(store: &Store) -> Result<Vec<Hold>, StoreError> {
    let rows = Snapshot::begin(store).await?.look().holds(false).await?;
    rows.into_iter().map(Hold::read).collect()
}

/// The holds in force at one instant.
pub(super) struct InForce(Vec<Hold>);

impl InForce {
    pub(super) async fn read(look: &mut Look<'_>) -> Result<Self, StoreError> {
        look.holds(true).await?.into_iter().map(Hold::read).collect::<Result<_, _>>().map(Self)
    }

    /// The names of the users who are held; those that older versions gave them included, where they can still be told.
    pub(super) async fn users(&self, look: &mut Look<'_>) -> Result<Vec<(String, Vec<String>)>, StoreError> {
        let mut held: Vec<(String, Vec<String>)> = self
            .0
            .iter()
            .filter_map(|hold| hold.scope.user.clone())
            .map(|name| (name.clone(), vec![name]))
            .collect();
        let mut after = Vec::new();
        while !held.is_empty() {
            let page = look.users(&after).await?;
            let Some((last, _)) = page.last() else { break };
            after.clone_from(last);
            for (digest, own) in &page {
                let (Ok(digest), Ok(own)) = (digest.as_slice().try_into(), own.as_slice().try_into()) else {
                    continue;
                };
                let name = user::reference(own, digest);
                for (_, names) in held.iter_mut().filter(|(held, _)| *held == name) {
                    names.push(blake3::Hash::from_bytes(*digest).to_hex().to_string());
                }
            }
        }
        Ok(held)
    }

    /// Whether the same holds are in force still.
    pub(super) async fn are(&self, look: &mut Look<'_>) -> Result<bool, StoreError> {
        let now = Self::read(look).await?;
        Ok(self.0.iter().map(|hold| hold.id).eq(now.0.iter().map(|hold| hold.id)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first of them that covers what any of these says.
    pub(super) fn over<'h>(&'h self, subjects: impl IntoIterator<Item = Subject<'h>>) -> Option<&'h Hold> {
        subjects.into_iter().find_map(|subject| self.0.iter().find(|hold| subject.is_in(&hold.scope)))
    }

    /// A hold on one of these users whatever their records say.
    pub(super) fn on_user(&self, names: &[String]) -> Option<&Hold> {
        self.0.iter().find(|hold| match &hold.scope {
            HoldScope {
                user: Some(user),
                generation: None,
                product: None,
                placement: None,
                since: None,
                until: None,
            } => names.contains(user),
            _ => false,
        })
    }
}

/// What a hold may cover.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'r> {
    /// The names of the user whom it is about.
    pub(super) users: &'r [String],
    pub(super) generation: Option<Uuid>,
    pub(super) product: Option<&'r str>,
    pub(super) placement: &'r str,
    /// When it began, and when it was over.
    pub(super) time: (Timestamp, Timestamp),
}

impl<'r> Subject<'r> {
    pub(super) fn serve(record: &'r ServeRecord, users: &'r [String]) -> Self {
        Self {
            users,
            generation: record.generation_id,
            product: record.product.as_deref(),
            placement: record.placement.as_str(),
            time: (record.at, record.at),
        }
    }

    pub(super) fn generation(record: &'r GenerationRecord, users: &'r [String]) -> Self {
        Self {
            users,
            generation: Some(record.id),
            product: record.product.as_deref(),
            placement: record.placement.as_str(),
            time: (record.started, record.finished),
        }
    }

    /// The same, and whatever may have been shown of it since.
    pub(super) fn and_shown_since(self) -> Self {
        Self { time: (self.time.0, Timestamp::MAX), ..self }
    }

    pub(super) fn is_in(&self, scope: &HoldScope) -> bool {
        scope.user.as_ref().is_none_or(|user| self.users.contains(user))
            && scope.generation.is_none_or(|generation| self.generation == Some(generation))
            && scope.product.as_deref().is_none_or(|product| self.product == Some(product))
            && scope.placement.as_deref().is_none_or(|placement| self.placement == placement)
            && scope.since.is_none_or(|since| since <= self.time.1)
            && scope.until.is_none_or(|until| self.time.0 < until)
    }
}
