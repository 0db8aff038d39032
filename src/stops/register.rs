//! All stops, rejections and purges that are known of, whoever set them: what a snapshot is compiled from.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::audit::stops::Change;
use crate::audit::{PurgeRecord, PurgeScope, StopKind, StopRecord};
use crate::guardrail::Wording;
use crate::store::StoreError;
use crate::store::stops::Rows;

/// A stop, in force or lifted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stop {
    /// Its id, a UUID v7.
    pub id: Uuid,
    /// Since when.
    pub at: Timestamp,
    /// Who set it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// What kind of thing is stopped.
    pub kind: StopKind,
    /// Which one; of a text the wording, as [`Wording`] is displayed.
    pub value: String,
    /// Whether pre-written copy is stopped too.
    pub prewritten: bool,
    /// The generation that was taken down, of a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation_id: Option<Uuid>,
    /// When it was lifted; `None` while it is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifted: Option<Timestamp>,
    /// Who lifted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifted_by: Option<String>,
}

impl Stop {
    /// What is recorded of its being set.
    fn record(&self) -> StopRecord {
        StopRecord {
            id: self.id,
            at: self.at,
            by: self.by.clone(),
            reason: self.reason.clone(),
            kind: self.kind,
            value: self.value.clone(),
            prewritten: self.prewritten,
            lifted: false,
            generation_id: self.generation_id,
        }
    }
}

/// A text that must not come back for the question that it answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The generation that was rejected.
    pub generation: Uuid,
    /// The keys of its question, in hexadecimal digits, a blank between two: with and without a person's approval.
    pub cache_key: String,
    /// Its wordings: as it was recorded, and as it was shown where rules corrected it since.
    pub wordings: Vec<Wording>,
}

/// Copy begun at or before this instant is not served any more, as far as the scope covers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purge {
    /// Its id, a UUID v7.
    pub id: Uuid,
    /// The instant.
    pub at: Timestamp,
    /// Who ordered it.
    pub by: String,
    /// What is dropped: all that every field given says.
    pub scope: PurgeScope,
}

/// Wordings as they are kept: a blank between two.
///
/// # Errors
///
/// When one of them is none.
pub fn wordings(text: &str) -> Result<Vec<Wording>, String> {
    text.split(' ').map(str::parse).collect()
}

/// How wordings are kept: see [`wordings`].
pub fn wordings_text(wordings: &[Wording]) -> String {
    wordings.iter().map(Wording::to_string).collect::<Vec<_>>().join(" ")
}

/// Everything that is known of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Register {
    /// Every stop by its id, those that were lifted included.
    pub stops: BTreeMap<Uuid, Stop>,
    /// Every rejection in force, by its generation.
    pub rejections: BTreeMap<Uuid, Rejection>,
    /// Every purge by its id.
    pub purges: BTreeMap<Uuid, Purge>,
}

impl Register {
    /// What the tables of a store say.
    ///
    /// # Errors
    ///
    /// When they hold what cannot be read.
    pub fn read(rows: &Rows) -> Result<Self, StoreError> {
        let corrupt =
            |what: &str, error: &dyn std::fmt::Display| StoreError::Corrupt(format!("{what}: {error}"));
        let id = |text: &str| text.parse::<Uuid>().map_err(|error| corrupt("an id", &error));
        let mut register = Self::default();
        for row in &rows.stops {
            let kind = serde_json::from_value(row.kind.as_str().into());
            let stop = Stop {
                id: id(&row.id)?,
                at: row.at,
                by: row.by.clone(),
                reason: row.reason.clone(),
                kind: kind.map_err(|error| corrupt("a stop", &error))?,
                value: row.value.clone(),
                prewritten: row.prewritten,
                generation_id: row.generation.as_deref().map(&id).transpose()?,
                lifted: row.lifted,
                lifted_by: row.lifted_by.clone(),
            };
            register.stops.insert(stop.id, stop);
        }
        for row in &rows.rejections {
            let rejection = Rejection {
                generation: id(&row.generation)?,
                cache_key: row.cache_key.clone(),
                wordings: wordings(&row.text).map_err(|error| corrupt("a rejection", &error))?,
            };
            register.rejections.insert(rejection.generation, rejection);
        }
        for row in &rows.purges {
            let scope = serde_json::from_str(&row.scope).map_err(|error| corrupt("a purge", &error))?;
            let purge = Purge { id: id(&row.id)?, at: row.at, by: row.by.clone(), scope };
            register.purges.insert(purge.id, purge);
        }
        Ok(register)
    }

    /// Adds what another knows of: what is lifted in either is lifted.
    pub fn merge(&mut self, other: &Self) {
        for (id, stop) in &other.stops {
            let known = self.stops.entry(*id).or_insert_with(|| stop.clone());
            if known.lifted.is_none() && stop.lifted.is_some() {
                (known.lifted, known.lifted_by) = (stop.lifted, stop.lifted_by.clone());
            }
        }
        for (id, rejection) in &other.rejections {
            self.rejections.entry(*id).or_insert_with(|| rejection.clone());
        }
        for (id, purge) in &other.purges {
            self.purges.entry(*id).or_insert_with(|| purge.clone());
        }
    }

    /// Follows one change; what is known already is left as it is.
    pub fn follow(&mut self, change: &Change) {
        match change {
            Change::Stop(record) => {
                let stop = self.stops.entry(record.id).or_insert_with(|| Stop {
                    id: record.id,
                    at: record.at,
                    by: record.by.clone(),
                    reason: record.reason.clone(),
                    kind: record.kind,
                    value: record.value.clone(),
                    prewritten: record.prewritten,
                    generation_id: record.generation_id,
                    lifted: None,
                    lifted_by: None,
                });
                if record.lifted && stop.lifted.is_none() {
                    (stop.lifted, stop.lifted_by) = (Some(record.at), Some(record.by.clone()));
                }
            }
            Change::Purge(PurgeRecord { id, at, by, scope }) => {
                let purge = Purge { id: *id, at: *at, by: by.clone(), scope: scope.clone() };
                self.purges.entry(*id).or_insert(purge);
            }
            Change::Reject { generation, cache_key, text } => {
                if let Ok(wordings) = wordings(text) {
                    let (generation, cache_key) = (*generation, cache_key.clone());
                    self.rejections.insert(generation, Rejection { generation, cache_key, wordings });
                }
            }
            Change::Approve { generation } => {
                self.rejections.remove(generation);
            }
        }
    }

    /// The changes that bring another up to what is known here.
    pub fn lacking_in(&self, other: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        for stop in self.stops.values() {
            let known = other.stops.get(&stop.id);
            if known.is_none() {
                changes.push(Change::Stop(stop.record()));
            }
            if let Some(at) = stop.lifted.filter(|_| known.is_none_or(|known| known.lifted.is_none())) {
                let by = stop.lifted_by.clone().unwrap_or_default();
                changes.push(Change::Stop(StopRecord { at, by, lifted: true, ..stop.record() }));
            }
        }
        let purges = self.purges.values().filter(|purge| !other.purges.contains_key(&purge.id));
        changes.extend(
            purges
                .cloned()
                .map(|Purge { id, at, by, scope }| Change::Purge(PurgeRecord { id, at, by, scope })),
        );
        let rejections = self.rejections.values().filter(|r| !other.rejections.contains_key(&r.generation));
        changes.extend(rejections.map(|rejection| Change::Reject {
            generation: rejection.generation,
            cache_key: rejection.cache_key.clone(),
            text: wordings_text(&rejection.wordings),
        }));
        changes
    }

    /// What is recorded when a stop is lifted; `None` when no such stop is in force.
    pub fn lifting(&self, id: Uuid, (by, reason): (&str, &str), now: Timestamp) -> Option<StopRecord> {
        let stop = self.stops.get(&id).filter(|stop| stop.lifted.is_none())?;
        let (by, reason) = (by.to_owned(), reason.to_owned());
        Some(StopRecord { at: now, by, reason, lifted: true, ..stop.record() })
    }

    /// The stops in force, oldest first.
    pub fn in_force(&self) -> impl Iterator<Item = &Stop> {
        self.stops.values().filter(|stop| stop.lifted.is_none())
    }
}
