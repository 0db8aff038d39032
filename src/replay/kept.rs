//! Sets of files that were accepted, as the store keeps them, read as they were: what is in force, whatever is on disk.

use std::sync::Arc;

use jiff::Timestamp;

use crate::casefile::{self, Library};
use crate::config::PolicySettings;
use crate::document::Files;
use crate::guardrail::Guardrails;
use crate::policy::{Copy, Set, Standing, load_copy};
use crate::store::{Store, StoreError, policies};
use crate::words::Revision;

/// Sets that were accepted.
#[derive(Debug)]
pub struct KeptSets<'s> {
    store: Store,
    editions: Library,
    settings: &'s PolicySettings,
}

/// Why a set is not there to be judged by.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// No set of this kind was ever accepted.
    #[error("the store keeps no {0}: no service was started on it yet")]
    None(&'static str),
    /// There is none of this revision.
    #[error("the store keeps no guardrails of the revision `{0}`")]
    Unknown(String),
    /// Files are kept that this version cannot read, or others than those that were in force.
    #[error("the {0} that the store keeps as {1} cannot be read by this version")]
    Unreadable(&'static str, String),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<'s> KeptSets<'s> {
    /// Those of a store.
    pub fn new(store: Store, settings: &'s PolicySettings) -> Self {
        Self { editions: Library::new(store.clone(), settings.timezone.clone()), store, settings }
    }

    /// The guardrails that were accepted last.
    ///
    /// # Errors
    /// When there are none, they cannot be read, or the store cannot.
    pub async fn guardrails(&self) -> Result<Guardrails, KeptError> {
        let kept = policies::kept(&self.store, Set::Guardrails.as_str(), 1).await?;
        let kept = kept.first().ok_or(KeptError::None("guardrails"))?;
        self.guardrails_of(&kept.hash).await
    }

    /// The guardrails of a revision: of their own, or of a whole policy.
    ///
    /// # Errors
    /// When there are none, they cannot be read, or the store cannot.
    pub async fn guardrails_of(&self, revision: &str) -> Result<Guardrails, KeptError> {
        let kind = Set::Guardrails.as_str();
        let (mut hash, mut files) =
            (revision.to_owned(), policies::by_hash(&self.store, kind, revision).await?);
        if files.is_none()
            && let Some(sets) = self.editions.sets_of(&Revision::new(revision), None).await?
        {
            hash = sets.guardrails;
            files = policies::by_hash(&self.store, kind, &hash).await?;
        }
        let files = files.ok_or_else(|| KeptError::Unknown(revision.to_owned()))?;
        let (timezone, wanted) = (self.settings.timezone.clone(), hash.clone());
        let load = move || casefile::load(files, &timezone, &wanted)?.rules;
        let rules = tokio::task::spawn_blocking(load).await.ok().flatten();
        rules.ok_or(KeptError::Unreadable("guardrails", hash))
    }

    /// The segments and prompts that were accepted last.
    ///
    /// # Errors
    /// When there are none, they cannot be read, or the store cannot.
    pub async fn copy(&self, now: Timestamp) -> Result<Arc<Copy>, KeptError> {
        let kept = policies::kept(&self.store, Set::Prompts.as_str(), 1).await?;
        let kept = kept.first().ok_or(KeptError::None("prompts"))?;
        self.copy_of(&kept.hash, now).await
    }

    /// The segments and prompts with this hash.
    ///
    /// # Errors
    /// When there are none, they cannot be read, or the store cannot.
    pub async fn copy_of(&self, hash: &str, now: Timestamp) -> Result<Arc<Copy>, KeptError> {
        let files = self.editions.prompts(hash).await?;
        let files = files.ok_or_else(|| KeptError::Unreadable("prompts", hash.to_owned()))?;
        let (segments, prompts) = self.paths(&files);
        let load = move || load_copy(&files, &segments, &prompts, None, Standing::InForce, now).0;
        let copy = tokio::task::spawn_blocking(load).await.ok().flatten();
        copy.map(Arc::new).ok_or_else(|| KeptError::Unreadable("prompts", hash.to_owned()))
    }

    /// Where the segments' file and the prompts' folder stood: as the settings say, else where their like stand among the files,
    /// for a service may have been started in another folder.
    fn paths(&self, files: &Files) -> (String, String) {
        let (segments, prompts) =
            (crate::policy::shown(&self.settings.segments), crate::policy::shown(&self.settings.prompts));
        if files.contains_key(&segments) {
            return (segments, prompts);
        }
        let name = segments.rsplit('/').next().unwrap_or(&segments);
        let like = files.keys().find(|path| path.rsplit('/').next() == Some(name));
        let folder = files.keys().find_map(|path| {
            let (folder, _placement) = path.strip_suffix("/placement.yml")?.rsplit_once('/')?;
            Some(folder.to_owned())
        });
        (like.cloned().unwrap_or(segments), folder.unwrap_or(prompts))
    }
}
