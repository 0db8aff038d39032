//! What people and programs write to search the log, read into what is searched for.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::filter::{Filter, ServeFilter, Words};
use crate::audit::user::{UserKey, references};
use crate::store::{Store, StoreError};
use crate::words::{PlacementId, Revision, SegmentId, TemplateId};

/// A search as it was written; absent fields find all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The placement.
    pub placement: Option<String>,
    /// The product's id.
    pub product: Option<String>,
    /// The segment.
    pub segment: Option<String>,
    /// The template.
    pub template: Option<String>,
    /// The policy's revision.
    pub revision: Option<String>,
    /// How a generation ended: a word.
    pub outcome: Option<String>,
    /// Why it did not pass, or why a lower tier was served: a word.
    pub reason: Option<String>,
    /// The rule that found something in a generation.
    pub rule: Option<String>,
    /// The locale.
    pub locale: Option<String>,
    /// The model that wrote a generation.
    pub model: Option<String>,
    /// How a generation stands with those who review: a word.
    pub state: Option<String>,
    /// The tier of a serve: a word.
    pub tier: Option<String>,
    /// Where a serve's text came from: a word.
    pub source: Option<String>,
    /// The generation that wrote what was served.
    pub generation: Option<Uuid>,
    /// The user, as the shop calls them.
    pub user: Option<String>,
    /// The user, as a record names them.
    pub user_hash: Option<String>,
    /// Words in the text.
    pub words: Option<String>,
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

/// Why a search cannot be meant.
#[derive(Debug, thiserror::Error)]
pub enum Misasked {
    /// A field says what it cannot.
    #[error("`{field}`: {write}")]
    Field {
        /// Which.
        field: &'static str,
        /// What to write instead.
        write: String,
    },
    /// Who the user is in the log cannot be looked up.
    #[error(transparent)]
    Store(#[from] StoreError),
}

const OUTCOMES: &str = "write `passed`, `blocked`, `failed` or `abandoned`";
const STATES: &str = "write `awaiting`, `approved`, `rejected` or `flagged`";
const TIERS: &str = "write `user`, `segment`, `prewritten` or `none`";
const SOURCES: &str = "write `generated`, `cache`, `prewritten` or `none`";
const REASONS: &str = "write one of the reasons of answers, such as `guardrail`";

impl Asked {
    /// The generations that are meant. `key` is the node's, which users are named by.
    ///
    /// # Errors
    ///
    /// When a field says what it cannot, or the store cannot be read.
    pub async fn generations(self, store: &Store, key: &UserKey) -> Result<Filter, Misasked> {
        Ok(Filter {
            outcome: word("outcome", self.outcome, OUTCOMES)?,
            reason: word("reason", self.reason, REASONS)?,
            review: word("state", self.state, STATES)?,
            user: user(store, key, self.user, self.user_hash).await?,
            words: words(self.words)?,
            placement: self.placement.map(PlacementId::new),
            product: self.product,
            segment: self.segment.map(SegmentId::new),
            template: self.template.map(TemplateId::new),
            revision: self.revision.map(Revision::new),
            rule: self.rule,
            locale: self.locale,
            model: self.model,
            since: self.since,
            until: self.until,
        })
    }

    /// The serves that are meant, likewise.
    ///
    /// # Errors
    ///
    /// As [`generations`](Self::generations).
    pub async fn serves(self, store: &Store, key: &UserKey) -> Result<ServeFilter, Misasked> {
        Ok(ServeFilter {
            tier: word("tier", self.tier, TIERS)?,
            source: word("source", self.source, SOURCES)?,
            reason: word("reason", self.reason, REASONS)?,
            user: user(store, key, self.user, self.user_hash).await?,
            words: words(self.words)?,
            placement: self.placement.map(PlacementId::new),
            product: self.product,
            segment: self.segment.map(SegmentId::new),
            template: self.template.map(TemplateId::new),
            revision: self.revision.map(Revision::new),
            locale: self.locale,
            generation: self.generation,
            since: self.since,
            until: self.until,
        })
    }
}

/// A value that is one of a few words.
fn word<T: DeserializeOwned>(
    field: &'static str,
    sent: Option<String>,
    write: &str,
) -> Result<Option<T>, Misasked> {
    let word = |sent: String| serde_json::from_value(sent.into());
    sent.map(word).transpose().map_err(|_| Misasked::Field { field, write: write.to_owned() })
}

/// The words to find.
fn words(sent: Option<String>) -> Result<Option<Words>, Misasked> {
    let words = sent.as_deref().map(Words::parse).transpose();
    words.map_err(|error| Misasked::Field { field: "words", write: error.to_string() })
}

/// The names that records give the user whom the shop calls so, or the one that was found in a record.
async fn user(
    store: &Store,
    key: &UserKey,
    reference: Option<String>,
    hash: Option<String>,
) -> Result<Option<Vec<String>>, Misasked> {
    match (reference, hash) {
        (Some(_), Some(_)) => Err(Misasked::Field {
            field: "user_hash",
            write: "send either the user's reference, or the hash in a record".to_owned(),
        }),
        (None, hash) => Ok(hash.map(|hash| vec![hash])),
        (Some(reference), None) => Ok(Some(references(store, &key.digest(&reference)).await?)),
    }
}
