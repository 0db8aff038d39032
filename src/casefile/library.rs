//! Sets of files that were once in force, found again by the revision that a record names, and read as they were.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use moka::sync::Cache;

use crate::document::Files;
use crate::guardrail::{self, Guardrails};
use crate::policy::Set;
use crate::store::policies::{self, RevisionRow};
use crate::store::{Store, StoreError};
use crate::words::Revision;

/// How many sets of guardrails are kept ready: a set that is read anew costs as much as an edit.
const MOST_READ: u64 = 4;
/// Of how many revisions it is kept which sets they stand for.
const MOST_KNOWN: u64 = 1_000;
/// How long that is kept: what could not be told may be told later.
const KNOWN_FOR: Duration = Duration::from_secs(60);
/// The most kept sets of each kind that are tried for a revision of which nothing was kept.
const MOST_TRIED: u32 = 500;

/// What was once in force.
#[derive(Clone, Debug)]
pub struct Library {
    store: Store,
    timezone: TimeZone,
    /// Which sets revisions stand for; `None` of those that nothing was kept of.
    revisions: Cache<Revision, Option<RevisionRow>>,
    /// Guardrails by their hash.
    read: Cache<String, Arc<KeptGuardrails>>,
}

/// Guardrails that were in force, as files and, where this version can read them, as rules.
#[derive(Debug)]
pub struct KeptGuardrails {
    /// Their files.
    pub files: Files,
    /// The rules; `None` where this version does not read them.
    pub rules: Option<Guardrails>,
}

impl Library {
    /// Of a store. Dates in rules are days in `timezone`, unless a set's hash says that they were in another.
    pub fn new(store: Store, timezone: TimeZone) -> Self {
        let revisions = Cache::builder().max_capacity(MOST_KNOWN).time_to_live(KNOWN_FOR).build();
        Self { store, timezone, revisions, read: Cache::new(MOST_READ) }
    }

    /// Which sets a revision stands for. What was not kept is found among the sets that were, where `guardrails` says which
    /// of them it was or there are few enough.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn sets_of(
        &self,
        revision: &Revision,
        guardrails: Option<&str>,
    ) -> Result<Option<RevisionRow>, StoreError> {
        if let Some(known) = self.revisions.get(revision) {
            return Ok(known);
        }
        let found = self.find(revision, guardrails).await?;
        self.revisions.insert(revision.clone(), found.clone());
        Ok(found)
    }

    async fn find(
        &self,
        revision: &Revision,
        guardrails: Option<&str>,
    ) -> Result<Option<RevisionRow>, StoreError> {
        if let Some(row) = policies::of_revision(&self.store, revision.as_str()).await? {
            let (guardrails, prompts) = (Revision::new(&row.guardrails), Revision::new(&row.prompts));
            // The record names the revision, and the store alone says what that is.
            if Revision::joined([&guardrails, &prompts]) == *revision {
                return Ok(Some(row));
            }
        }
        let of = async |set: Set| policies::kept(&self.store, set.as_str(), MOST_TRIED).await;
        let (rules, prompts) = (of(Set::Guardrails).await?, of(Set::Prompts).await?);
        let rules = rules.iter().filter(|kept| guardrails.is_none_or(|known| known == kept.hash));
        for rules in rules {
            let hash = Revision::new(&rules.hash);
            for prompts in &prompts {
                if Revision::joined([&hash, &Revision::new(&prompts.hash)]) == *revision {
                    let (guardrails, prompts, since) = (
                        rules.hash.clone(),
                        prompts.hash.clone(),
                        rules.accepted_at.max(prompts.accepted_at),
                    );
                    return Ok(Some(RevisionRow { guardrails, prompts, since }));
                }
            }
        }
        Ok(None)
    }

    /// The guardrails with this hash; `None` when their files are not kept, or others in their place.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn guardrails(&self, hash: &str) -> Result<Option<Arc<KeptGuardrails>>, StoreError> {
        if let Some(read) = self.read.get(hash) {
            return Ok(Some(read));
        }
        let files = policies::by_hash(&self.store, Set::Guardrails.as_str(), hash).await?;
        let (timezone, wanted) = (self.timezone.clone(), hash.to_owned());
        let load = move |files| load(files, &timezone, &wanted).map(Arc::new);
        let read = match files {
            // Compiling rules takes its time, and those who answer pages have none to give.
            Some(files) => tokio::task::spawn_blocking(move || load(files)).await.ok().flatten(),
            None => None,
        };
        if let Some(read) = &read {
            self.read.insert(hash.to_owned(), Arc::clone(read));
        }
        Ok(read)
    }

    /// The files of segments and prompts with this hash; `None` when they are not kept, or others in their place.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn prompts(&self, hash: &str) -> Result<Option<Files>, StoreError> {
        let files = policies::by_hash(&self.store, Set::Prompts.as_str(), hash).await?;
        Ok(files.filter(|files| are_those(Set::Prompts, files, &self.timezone, hash)))
    }

    /// When a kept set was last accepted.
    pub(super) async fn accepted(&self, set: Set, hash: &str) -> Result<Option<Timestamp>, StoreError> {
        let kept = policies::kept(&self.store, set.as_str(), u32::MAX).await?;
        Ok(kept.into_iter().find(|kept| kept.hash == hash).map(|kept| kept.accepted_at))
    }
}

/// Whether files that were kept are those that a hash is of.
pub fn are_those(set: Set, files: &Files, timezone: &TimeZone, hash: &str) -> bool {
    let are = match set {
        Set::Guardrails => zone_of(files, timezone, hash).is_some(),
        Set::Prompts => {
            let files = files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
            Revision::of(files).as_str() == hash
        }
    };
    if !are {
        let set = set.as_str();
        tracing::error!(
            set,
            hash,
            "the files kept in the store are not those that were in force; run `copyrail audit verify`"
        );
    }
    are
}

/// The time zone of guardrails' dates, which their hash covers; `None` when the hash is of other files.
fn zone_of(files: &Files, timezone: &TimeZone, hash: &str) -> Option<TimeZone> {
    let hash_in = |zone: &str| {
        let content = files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
        Revision::of(std::iter::once(("timezone", zone)).chain(content))
    };
    let now = timezone.iana_name().unwrap_or_default();
    match hash_in(now).as_str() == hash {
        true => Some(timezone.clone()),
        false => jiff::tz::db()
            .available()
            .find(|zone| hash_in(zone.as_str()).as_str() == hash)
            .and_then(|zone| TimeZone::get(zone.as_str()).ok()),
    }
}

/// Reads guardrails as they were; `None` when the files are others.
pub fn load(files: Files, timezone: &TimeZone, hash: &str) -> Option<KeptGuardrails> {
    if !are_those(Set::Guardrails, &files, timezone, hash) {
        return None;
    }
    let rules = zone_of(&files, timezone, hash).and_then(|timezone| guardrail::load(&files, &timezone).0);
    Some(KeptGuardrails { rules: rules.filter(|rules| rules.hash().as_str() == hash), files })
}
