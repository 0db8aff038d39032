//! A request, as the pipeline takes it: already well-formed, nothing decided.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::catalogue::{Catalogue, Product};
use crate::config::Limits;
use crate::prompt::Placement;
use crate::words::{PlacementId, Purpose, Reason, Tier};

/// A request for one blurb.
#[derive(Clone, Debug)]
pub struct Request {
    /// For which placement.
    pub placement: PlacementId,
    /// For which product.
    pub product: ProductRef,
    /// The shop's reference of the user; only its keyed hash is recorded.
    pub user_id: Option<String>,
    /// What is known of the user, as given.
    pub user: Map<String, Value>,
    /// What is known of the moment, as given.
    pub context: Map<String, Value>,
    /// Whether the user agreed to personalisation; absent consent is refusal.
    pub personalisation: bool,
    /// How long the caller waits.
    pub deadline: Option<Duration>,
    /// When its headers were read: deadlines count from here.
    pub received: Instant,
    /// Whether it may start a generation.
    pub may_generate: bool,
    /// The lowest tier the caller will take; none takes any.
    pub accept: Option<Tier>,
    /// The best tier the caller may get: [`Tier::User`] for all but browsers.
    pub best: Tier,
    /// How much of the concurrency it may take.
    pub priority: Priority,
    /// The trace it is part of.
    pub trace_id: Option<String>,
}

/// How much of the concurrency a request may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// A page that somebody waits for.
    #[default]
    Page,
    /// Work in bulk: at most a quarter.
    Bulk,
}

impl Priority {
    /// Whose share of the budget pays.
    pub(super) fn purpose(self) -> Purpose {
        match self {
            Self::Page => Purpose::Page,
            Self::Bulk => Purpose::Bulk,
        }
    }
}

/// The product of a request.
#[derive(Clone, Debug)]
pub enum ProductRef {
    /// By its id in the catalogue.
    Id(String),
    /// The facts themselves; they replace the catalogue's.
    Facts(Arc<Product>),
}

impl ProductRef {
    /// The product's id, when it has one.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Id(id) => Some(id),
            Self::Facts(product) => Some(product.id.as_str()).filter(|id| !id.is_empty()),
        }
    }
}

impl Request {
    /// How long it waits: what it says, else its placement, else the settings; never above the maximum.
    pub fn patience(&self, placement: &Placement, limits: &Limits) -> Duration {
        self.deadline.or(placement.deadline).unwrap_or(limits.deadline).min(limits.max_deadline)
    }

    /// The product's facts, or why there are none.
    ///
    /// # Errors
    /// [`Reason::UnknownProduct`], or [`Reason::StoreUnavailable`] when the catalogue cannot be asked.
    pub async fn facts(&self, catalogue: &Catalogue) -> Result<Arc<Product>, Reason> {
        match &self.product {
            ProductRef::Facts(product) => Ok(Arc::clone(product)),
            ProductRef::Id(id) => match catalogue.look_up(id).await {
                Ok(found) => found.ok_or(Reason::UnknownProduct),
                Err(error) => {
                    tracing::warn!(%error, "the catalogue cannot be asked");
                    Err(Reason::StoreUnavailable)
                }
            },
        }
    }
}
