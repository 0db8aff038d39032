//! The desk: which policy is in force, and what became of the edits. The only room that may swap a policy.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::files::shown;
use super::{Policy, Sources, Standing, ceilings_amiss, load_copy, withdrawn};
use crate::config::PolicySettings;
use crate::diagnostic::{Diagnostic, Span, any_error};
use crate::document::Files;
use crate::guardrail::{self, Guardrails};
use crate::words::Revision;

/// One of the two sets that load as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Set {
    /// The guardrails.
    Guardrails,
    /// Segments, placements, templates, pre-written copy.
    Prompts,
}

impl Set {
    /// Its name in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guardrails => "guardrails",
            Self::Prompts => "prompts",
        }
    }
}

/// An edit that did not take effect.
#[derive(Clone, Debug, Serialize)]
pub struct Refusal {
    /// Which set it is of.
    pub set: Set,
    /// Since when it stands.
    pub since: Timestamp,
    /// What is wrong with it.
    pub diagnostics: Vec<Diagnostic>,
}

/// What became of one set of files.
#[derive(Clone, Debug)]
pub struct Edit {
    /// Which set.
    pub set: Set,
    /// The hash of its files.
    pub hash: Revision,
    /// Whether it is in force now.
    pub accepted: bool,
    /// Its files, for keeping.
    pub files: Files,
    /// What was said of it, warnings included.
    pub diagnostics: Vec<Diagnostic>,
}

/// The policy in force and the edits that were refused.
pub struct Desk {
    settings: PolicySettings,
    current: ArcSwap<Policy>,
    /// Apart from what is held while files are loaded: whoever asks does not wait for that.
    refused: ArcSwap<Vec<Refusal>>,
    /// The hashes of the sets that were last looked at, whether they were accepted or not. One looks at a time.
    seen: Mutex<[Option<Revision>; 2]>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Desk")
    }
}

impl Desk {
    /// Opens the desk: each set from the files as they are, or else, when they are faulty, from `last_good`.
    ///
    /// # Errors
    /// All diagnostics, when a set is faulty and none was kept.
    pub fn open(
        settings: PolicySettings,
        sources: Sources,
        last_good: impl Fn(Set) -> Option<Files>,
        now: Timestamp,
    ) -> Result<(Self, Vec<Edit>), Vec<Diagnostic>> {
        let (mut refused, mut edits) = (Vec::new(), Vec::new());
        // The hash is that of the rules themselves where they loaded, so that log, records and API say the same.
        let mut settle = |set, accepted: Option<&Revision>, diagnostics: Vec<Diagnostic>, files: Files| {
            let (hash, accepted) = (accepted.cloned().unwrap_or_else(|| hash(&files)), accepted.is_some());
            edits.push(Edit { set, hash, accepted, files, diagnostics: diagnostics.clone() });
            if !accepted {
                refused.push(Refusal { set, since: now, diagnostics });
            }
        };
        let seen = [&sources.guardrails, &sources.copy].map(|read| read.as_ref().ok().map(hash));
        let kept = last_good(Set::Guardrails);
        let kept = kept.and_then(|files| guardrail::load(&files, &settings.timezone).0).map(Arc::new);
        let (files, (loaded, found)) = match sources.guardrails {
            Ok(files) => {
                let loaded = guardrails_after(kept.as_deref(), &files, &settings.timezone);
                (files, loaded)
            }
            Err(unread) => (Files::new(), (None, unread)),
        };
        let mut faults = found.clone();
        settle(Set::Guardrails, loaded.as_ref().map(Guardrails::hash), found, files);
        let guardrails = loaded.map(Arc::new).or(kept);
        let kept = last_good(Set::Prompts);
        let load = |files: &Files| {
            let (segments, prompts) = (shown(&settings.segments), shown(&settings.prompts));
            // What was good once is in force whatever a rule made since then says of its last-resort copy: such copy
            // is withdrawn at each serve, and must not keep the service from starting.
            let standing = if kept.as_ref() == Some(files) { Standing::InForce } else { Standing::New };
            load_copy(files, &segments, &prompts, guardrails.as_deref(), standing, now)
        };
        let (files, (loaded, found)) = match sources.copy {
            Ok(files) => {
                let loaded = load(&files);
                (files, loaded)
            }
            Err(unread) => (Files::new(), (None, unread)),
        };
        faults.extend_from_slice(&found);
        settle(Set::Prompts, loaded.as_ref().map(|copy| &copy.revision), found, files);
        let copy = loaded.or_else(|| load(kept.as_ref()?).0).map(Arc::new);
        let (Some(guardrails), Some(copy)) = (guardrails, copy) else {
            faults.retain(Diagnostic::is_error);
            return Err(faults);
        };
        let current = ArcSwap::from_pointee(Policy::of(guardrails, copy, now));
        let (refused, seen) = (ArcSwap::from_pointee(refused), Mutex::new(seen));
        Ok((Self { settings, current, refused, seen }, edits))
    }

    /// The policy in force, for one request from its start to its end.
    pub fn pin(&self) -> Arc<Policy> {
        self.current.load_full()
    }

    /// The policy in force, for those who need no desk.
    pub fn into_policy(self) -> Arc<Policy> {
        self.current.into_inner()
    }

    /// The edits that stand refused.
    pub fn refused(&self) -> Vec<Refusal> {
        self.refused.load().to_vec()
    }

    /// Where the files are.
    pub fn settings(&self) -> &PolicySettings {
        &self.settings
    }

    /// Looks at the files as they are now: each set that changed since the last look is put in force or refused.
    pub fn look(&self, sources: Sources, now: Timestamp) -> Vec<Edit> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let [guardrails_seen, copy_seen] = &mut *seen;
        let mut refused = self.refused();
        let sets =
            [(Set::Guardrails, sources.guardrails, guardrails_seen), (Set::Prompts, sources.copy, copy_seen)];
        let mut edits = Vec::new();
        for (set, read, seen) in sets {
            let now_seen = read.as_ref().ok().map(hash);
            let (files, diagnostics) = match read {
                Ok(_) if *seen == now_seen => continue,
                // What cannot be read is said once, and read anew at each look.
                Err(unread) if refused.iter().any(|r| r.set == set && r.diagnostics == unread) => continue,
                Ok(files) => {
                    let diagnostics = self.take(set, &files, now);
                    (files, diagnostics)
                }
                Err(unread) => (Files::new(), unread),
            };
            let hash = now_seen.clone().unwrap_or_else(|| hash(&files));
            *seen = now_seen;
            let accepted = !any_error(&diagnostics);
            refused.retain(|refusal| refusal.set != set);
            if !accepted {
                refused.push(Refusal { set, since: now, diagnostics: diagnostics.clone() });
            }
            let hash = match (set, accepted) {
                (Set::Guardrails, true) => self.pin().guardrails.hash().clone(),
                _ => hash,
            };
            edits.push(Edit { set, hash, accepted, files, diagnostics });
        }
        if !edits.is_empty() {
            self.refused.store(Arc::new(refused));
        }
        edits
    }

    /// Puts a set in force when it is sound.
    fn take(&self, set: Set, files: &Files, now: Timestamp) -> Vec<Diagnostic> {
        let current = self.pin();
        let (next, diagnostics) = match set {
            Set::Guardrails => {
                let before = Some(&*current.guardrails);
                let (guardrails, mut found) = guardrails_after(before, files, &self.settings.timezone);
                if let Some(guardrails) = &guardrails {
                    found.extend(withdrawn(&current.copy.prompts, guardrails, Standing::InForce, now));
                    found.extend(ceilings_amiss(guardrails, &current.copy.prompts, &current.copy.segments));
                }
                (guardrails.map(|g| (Arc::new(g), Arc::clone(&current.copy))), found)
            }
            Set::Prompts => {
                let (segments, prompts) = (shown(&self.settings.segments), shown(&self.settings.prompts));
                let (copy, found) =
                    load_copy(files, &segments, &prompts, Some(&current.guardrails), Standing::New, now);
                (copy.map(|c| (Arc::clone(&current.guardrails), Arc::new(c))), found)
            }
        };
        if let Some((guardrails, copy)) = next {
            let next = Policy::of(guardrails, copy, now);
            if next.revision != current.revision {
                self.current.store(Arc::new(next));
            }
        }
        diagnostics
    }
}

/// Guardrails that are to follow those in force: a rule that is gone without a word is a fault.
fn guardrails_after(
    before: Option<&Guardrails>,
    files: &Files,
    timezone: &TimeZone,
) -> (Option<Guardrails>, Vec<Diagnostic>) {
    let (loaded, mut found) = guardrail::load(files, timezone);
    for rule in loaded.iter().zip(before).flat_map(|(next, before)| next.vanished(before)) {
        let message = format!("the rule `{}`, which is in force, is gone", rule.id());
        let fault = Diagnostic::error(rule.file(), Span::START, message)
            .with_help("put it back, or list it under `retired` in guardrails.yml with a reason");
        found.push(Diagnostic { owner: rule.owner().map(str::to_owned), ..fault });
    }
    (loaded.filter(|_| !any_error(&found)), found)
}

fn hash(files: &Files) -> Revision {
    Revision::of(files.iter().map(|(path, text)| (path.as_str(), text.as_str())))
}
