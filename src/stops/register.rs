//! All stops, rejections and purges that are known of, whoever set them: what a snapshot is compiled from.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::audit::{PurgeScope, StopKind};
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
    /// When it was lifted; `None` while it is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifted: Option<Timestamp>,
    /// Who lifted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifted_by: Option<String>,
}

/// A text that must not come back for the question that it answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The generation that was rejected.
    pub generation: Uuid,
    /// The key of its question, in hexadecimal digits.
    pub cache_key: String,
    /// Its wording.
    pub wording: Wording,
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
                lifted: row.lifted,
                lifted_by: row.lifted_by.clone(),
            };
            register.stops.insert(stop.id, stop);
        }
        for row in &rows.rejections {
            let rejection = Rejection {
                generation: id(&row.generation)?,
                cache_key: row.cache_key.clone(),
                wording: row.text.parse().map_err(|error: String| corrupt("a rejection", &error))?,
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

    /// The stops in force, oldest first.
    pub fn in_force(&self) -> impl Iterator<Item = &Stop> {
        self.stops.values().filter(|stop| stop.lifted.is_none())
    }
}
