//! Sets of files by the names that people give them: a revision or its beginning, what is in force, a folder.

use std::sync::Arc;

use super::super::Failure;
use crate::casefile::{KeptGuardrails, Library};
use crate::config::Settings;
use crate::document::Files;
use crate::policy::Set;
use crate::store::policies::{self, KeptSet};
use crate::store::{Access, Store, StoreError};

/// The fewest characters of a revision that are taken for its beginning.
const LEAST: usize = 4;

/// What is kept in the store.
pub(super) struct Shelf {
    pub(super) store: Store,
    pub(super) library: Library,
}

/// Which sets a name stands for: of a revision of the whole both, of a set's own that one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) guardrails: Option<String>,
    pub(super) prompts: Option<String>,
}

impl Shelf {
    /// Opens the store of these settings, which may be in use, or of an earlier version.
    pub(super) async fn open(settings: &Settings) -> Result<Self, StoreError> {
        let store = Store::open(&settings.store_url, Access::Glance).await?;
        let library = Library::new(store.clone(), settings.policy.timezone.clone());
        Ok(Self { store, library })
    }

    /// The sets of a kind, the newest, which is in force, first.
    pub(super) async fn kept(&self, set: Set, limit: u32) -> Result<Vec<KeptSet>, StoreError> {
        policies::kept(&self.store, set.as_str(), limit).await
    }

    /// What is in force: the sets that were accepted last.
    pub(super) async fn in_force(&self) -> Result<Named, StoreError> {
        let first = async |set| Ok::<_, StoreError>(self.kept(set, 1).await?.pop().map(|kept| kept.hash));
        Ok(Named { guardrails: first(Set::Guardrails).await?, prompts: first(Set::Prompts).await? })
    }

    /// What a revision, or its beginning, stands for.
    pub(super) async fn named(&self, given: &str) -> Result<Named, Failure> {
        if given == "in-force" {
            return Ok(self.in_force().await?);
        }
        let beginning = match given.strip_prefix("b3:") {
            Some(_) => given.to_owned(),
            None => format!("b3:{given}"),
        };
        if beginning.len() < "b3:".len() + LEAST {
            return Err(Failure::Usage(format!("`{given}` is too short: write at least {LEAST} characters")));
        }
        let mut found: Vec<Named> = Vec::new();
        for set in [Set::Guardrails, Set::Prompts] {
            let kept = self.kept(set, u32::MAX).await?;
            found.extend(kept.into_iter().filter(|kept| kept.hash.starts_with(&beginning)).map(|kept| {
                match set {
                    Set::Guardrails => Named { guardrails: Some(kept.hash), prompts: None },
                    Set::Prompts => Named { guardrails: None, prompts: Some(kept.hash) },
                }
            }));
        }
        let revisions = policies::revisions_from(&self.store, &beginning).await?;
        found.extend(
            revisions
                .into_iter()
                .map(|(_, row)| Named { guardrails: Some(row.guardrails), prompts: Some(row.prompts) }),
        );
        let several = found.len() > 1;
        match found.pop() {
            Some(_) if several => {
                Err(Failure::Usage(format!("several revisions begin with `{given}`; write more of it")))
            }
            Some(named) => Ok(named),
            None => {
                let said =
                    format!("no revision `{given}` is kept; `copyrail policy show` lists those that are");
                Err(Failure::Failed(anyhow::anyhow!(said)))
            }
        }
    }

    /// The guardrails of this hash.
    pub(super) async fn guardrails(&self, hash: &str) -> Result<Arc<KeptGuardrails>, Failure> {
        self.library.guardrails(hash).await?.ok_or_else(|| gone(hash))
    }

    /// The files of segments and prompts of this hash.
    pub(super) async fn prompts(&self, hash: &str) -> Result<Files, Failure> {
        self.library.prompts(hash).await?.ok_or_else(|| gone(hash))
    }
}

fn gone(hash: &str) -> Failure {
    Failure::Failed(anyhow::anyhow!("the files of {hash} are not kept, or are not those that were in force"))
}

/// The first characters of a revision: enough to name it by.
pub(super) fn short(hash: &str) -> String {
    hash.chars().take(15).collect()
}
