//! Sets of files by the names that people give them: a revision or its beginning, what is in force, a folder.

use std::path::Path;
use std::sync::Arc;

use super::super::{Failure, Shell};
use crate::casefile::{KeptGuardrails, Library};
use crate::config::Settings;
use crate::diagnostic::Diagnostic;
use crate::document::Files;
use crate::guardrail::{self, Guardrails};
use crate::policy::{self, Read, Set, Sources};
use crate::store::policies::{self, KeptSet};
use crate::store::{Access, Store, StoreError};

/// The fewest characters of a revision that are taken for its beginning.
const LEAST: usize = 4;

/// What is kept in the store.
pub(super) struct Shelf {
    pub(super) store: Store,
    pub(super) editions: Library,
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
        let editions = Library::new(store.clone(), settings.policy.timezone.clone());
        Ok(Self { store, editions })
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
        self.editions.guardrails(hash).await?.ok_or_else(|| gone(hash))
    }

    /// The files of segments and prompts of this hash.
    pub(super) async fn prompts(&self, hash: &str) -> Result<Files, Failure> {
        self.editions.prompts(hash).await?.ok_or_else(|| gone(hash))
    }
}

fn gone(hash: &str) -> Failure {
    Failure::Failed(anyhow::anyhow!("the files of {hash} are not kept, or are not those that were in force"))
}

/// The first characters of a revision: enough to name it by.
pub(super) fn short(hash: &str) -> String {
    hash.chars().take(15).collect()
}

/// Two sets of files that stand for a policy, or one of them, by the name that somebody gave.
pub(in crate::cli) struct Edition {
    /// What it is called.
    pub(super) told: String,
    pub(in crate::cli) guardrails: Option<Rules>,
    /// The files of segments and prompts, by the paths that the settings name.
    pub(super) copy: Option<Files>,
}

/// Guardrails as files and as rules.
pub(in crate::cli) enum Rules {
    Read(Guardrails, Files),
    Kept(Arc<KeptGuardrails>, Files),
}

impl Rules {
    /// The rules; `None` where this version does not read them.
    pub(in crate::cli) fn rules(&self) -> Option<&Guardrails> {
        match self {
            Self::Read(rules, _) => Some(rules),
            Self::Kept(kept, _) => kept.rules.as_ref(),
        }
    }

    pub(super) fn files(&self) -> &Files {
        match self {
            Self::Read(_, files) | Self::Kept(_, files) => files,
        }
    }
}

/// Finds editions by their names; opens the store only for those that are kept there.
pub(in crate::cli) struct Reader<'s> {
    settings: &'s Settings,
    shelf: Option<Shelf>,
}

impl<'s> Reader<'s> {
    pub(in crate::cli) fn new(settings: &'s Settings) -> Self {
        Self { settings, shelf: None }
    }

    /// The path of the segments' file, as in every edition.
    pub(super) fn segments(&self) -> String {
        policy::shown(&self.settings.policy.segments)
    }

    /// The edition of a name: `files`, a folder, `in-force`, a revision or its beginning.
    pub(in crate::cli) async fn edition(&mut self, given: &str, shell: &Shell) -> Result<Edition, Failure> {
        if given == "files" {
            return self.folder(Path::new("."), "the files here", shell);
        }
        // A name that is both is meant as a folder where it is written as one.
        if given.contains('/')
            || given == "."
            || given == ".."
            || (given != "in-force" && Path::new(given).is_dir())
        {
            if !Path::new(given).is_dir() {
                return Err(Failure::Usage(format!("{given} is no folder")));
            }
            return self.folder(Path::new(given), given, shell);
        }
        if self.shelf.is_none() {
            self.shelf = Some(Shelf::open(self.settings).await?);
        }
        let Some(shelf) = &self.shelf else { return Err(gone(given)) };
        let named = shelf.named(given).await?;
        let mut edition = Edition { told: told(given, &named), guardrails: None, copy: None };
        if let Some(hash) = &named.guardrails {
            let kept = shelf.guardrails(hash).await?;
            let files = policy::at_home(Set::Guardrails, &kept.files, &self.settings.policy);
            edition.guardrails = Some(Rules::Kept(kept, files));
        }
        if let Some(hash) = &named.prompts {
            edition.copy =
                Some(policy::at_home(Set::Prompts, &shelf.prompts(hash).await?, &self.settings.policy));
        }
        if named == Named::default() {
            let said = "nothing was ever in force here: the store keeps no policy";
            return Err(Failure::Failed(anyhow::anyhow!(said)));
        }
        Ok(edition)
    }

    /// The files below a folder, under the paths that the settings name, so that they can be held against others.
    fn folder(&self, dir: &Path, told: &str, shell: &Shell) -> Result<Edition, Failure> {
        let below = policy::below(&self.settings.policy, dir);
        let sources = Sources::read(&below);
        let own = &self.settings.policy;
        let renamed = |files: Files, pairs: [(&Path, &Path); 2]| -> Files {
            let pairs = pairs.map(|(from, to)| (policy::shown(from), policy::shown(to)));
            let path = |path: &str| {
                let found = pairs
                    .iter()
                    .find_map(|(from, to)| Some(format!("{to}{}", path.strip_prefix(from.as_str())?)));
                found.unwrap_or_else(|| path.to_owned())
            };
            files.into_iter().map(|(name, text)| (path(&name), text)).collect()
        };
        let sound = |read: Option<Read>| {
            read.unwrap_or_else(|| Ok(Files::new())).map_err(|faults| {
                shell.say(&faults, |_| None);
                Failure::NotInOrder
            })
        };
        let mut edition = Edition { told: told.to_owned(), guardrails: None, copy: None };
        if below.guardrails.is_dir() {
            let files = sound(sources.guardrails)?;
            let files =
                renamed(files, [(&below.guardrails, &own.guardrails), (&below.guardrails, &own.guardrails)]);
            let (rules, faults) = guardrail::load(&files, &own.timezone);
            let Some(rules) = rules else {
                let errors: Vec<_> = faults.into_iter().filter(Diagnostic::is_error).collect();
                shell.say(&errors, |file| files.get(file).cloned());
                return Err(Failure::NotInOrder);
            };
            edition.guardrails = Some(Rules::Read(rules, files));
        }
        if below.prompts.is_dir() && below.segments.is_file() {
            let files = sound(sources.copy)?;
            edition.copy =
                Some(renamed(files, [(&below.segments, &own.segments), (&below.prompts, &own.prompts)]));
        }
        if edition.guardrails.is_none() && edition.copy.is_none() {
            let said = format!("{} holds neither `guardrails/` nor `prompts/`", dir.display());
            return Err(Failure::Usage(said));
        }
        Ok(edition)
    }
}

fn told(given: &str, named: &Named) -> String {
    let hashes: Vec<String> =
        [&named.guardrails, &named.prompts].into_iter().flatten().map(|hash| short(hash)).collect();
    match given {
        "in-force" => format!("in force ({})", hashes.join(", ")),
        _ => hashes.join(", "),
    }
}
