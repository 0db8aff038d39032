//! The desk: which policy is in force, and what became of the edits. The only room that may swap a policy.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::files::shown;
use super::{Copy, Policy, Read, Sources, Standing, ceilings_amiss, load_copy, withdrawn};
use crate::config::PolicySettings;
use crate::diagnostic::{Diagnostic, any_error};
use crate::document::Files;
use crate::guardrail::{self, Guardrails};
use crate::store::desk::RollbackRow;
use crate::words::Revision;

/// One of the two sets that load as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Set {
    /// The guardrails.
    Guardrails,
    /// Segments, placements, templates, pre-written copy.
    Prompts,
}

impl Set {
    /// Both, guardrails first: copy is judged by them.
    pub const BOTH: [Self; 2] = [Self::Guardrails, Self::Prompts];

    /// Which of both it is.
    pub(super) fn at<T>(self, [guardrails, prompts]: &mut [T; 2]) -> &mut T {
        match self {
            Self::Guardrails => guardrails,
            Self::Prompts => prompts,
        }
    }

    /// The content hash of its files, known before they are loaded.
    pub fn hash(self, files: &Files, timezone: &TimeZone) -> Revision {
        match self {
            Self::Guardrails => guardrail::hash_of(files, timezone),
            Self::Prompts => Revision::of(files.iter().map(|(path, text)| (path.as_str(), text.as_str()))),
        }
    }

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
    /// The content hash of what was refused; `None` where it could not be read.
    pub hash: Option<Revision>,
    /// Since when it stands.
    pub since: Timestamp,
    /// What is wrong with it.
    pub diagnostics: Vec<Diagnostic>,
}

/// How an edit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in force.
    InForce,
    /// It is faulty; what was in force stays.
    Refused,
    /// It is sound and waits for second persons; what was in force stays.
    Proposed,
}

/// What became of one set of files.
#[derive(Clone, Debug)]
pub struct Edit {
    /// Which set.
    pub set: Set,
    /// The hash of its files.
    pub hash: Revision,
    /// How it ended.
    pub outcome: Outcome,
    /// Its files, for keeping.
    pub files: Files,
    /// What was said of it, warnings included.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether it took the place of a set that had been put back in force.
    pub ends_rollback: bool,
    /// When it was looked at.
    pub at: Timestamp,
    /// What was found of it, where it waits for second persons: see [`report`].
    pub report: Value,
}

/// What the store keeps of a set for a start.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// The files that were in force last.
    pub files: Option<Files>,
    /// Whether they were put back in force, and over which files.
    pub rollback: Option<RollbackRow>,
}

/// A set that is to be put in force, whatever the files on disk say.
#[derive(Clone, Debug)]
pub struct Order {
    /// Which set.
    pub set: Set,
    /// Its files.
    pub files: Files,
    /// That it is put back in force, where it is that.
    pub rollback: Option<RollbackRow>,
}

/// The policy in force and the edits that were refused.
pub struct Desk {
    settings: PolicySettings,
    current: ArcSwap<Policy>,
    /// Apart from what is held while files are loaded: whoever asks does not wait for that.
    refused: ArcSwap<Vec<Refusal>>,
    /// The sets that were put back in force, and hold over the files as they are.
    rolled_back: ArcSwap<Vec<RollbackRow>>,
    /// Held by whoever looks or puts something in force: one at a time.
    turn: Mutex<()>,
    /// What is known of the files. Held for a moment alone.
    known: Mutex<Known>,
}

/// What is known of guardrails and prompts on disk.
#[derive(Debug, Default)]
struct Known {
    /// The hashes of the sets that were last looked at, whether they were accepted or not.
    seen: [Option<Revision>; 2],
    /// Since when what is in force is.
    since: [Timestamp; 2],
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Desk")
    }
}

impl Desk {
    /// Opens the desk: each set from the files as they are, or else, when they are faulty, wait for second persons or were
    /// rolled back over, from what is kept.
    ///
    /// # Errors
    /// All diagnostics, when a set is faulty and none was kept.
    pub fn open(
        settings: PolicySettings,
        sources: Sources,
        kept: [Kept; 2],
        now: Timestamp,
    ) -> Result<(Self, Vec<Edit>), Vec<Diagnostic>> {
        let (mut refused, mut edits, mut faults) = (Vec::new(), Vec::new(), Vec::new());
        let mut known = Known { since: [now; 2], ..Known::default() };
        let mut rolled_back = Vec::new();
        let [kept_guardrails, kept_copy] = kept;

        let kept = kept_guardrails.files.as_ref();
        let kept = kept.and_then(|files| guardrail::load(files, &settings.timezone).0).map(Arc::new);
        let holds = kept_guardrails.rollback.filter(|_| kept.is_some());
        let considered = consider(Set::Guardrails, sources.guardrails, holds, &settings.timezone, |files| {
            let (loaded, found) = guardrails_after(kept.as_deref(), files, &settings.timezone);
            let news = |next: &Guardrails| kept.as_ref().is_some_and(|kept| kept.hash() != next.hash());
            let waits = settings.approvals > 0 && loaded.as_ref().is_some_and(news);
            (loaded, found, waits)
        });
        rolled_back.extend(considered.rolled_back.clone());
        *Set::Guardrails.at(&mut known.seen) = considered.seen.clone();
        let guardrails = considered.told(now, &mut edits, &mut refused, &mut faults).map(Arc::new).or(kept);

        let load = |files: &Files, standing| {
            let (segments, prompts) = (shown(&settings.segments), shown(&settings.prompts));
            load_copy(files, &segments, &prompts, guardrails.as_deref(), standing, now)
        };
        let kept = kept_copy.files;
        let holds = kept_copy.rollback.filter(|_| kept.is_some());
        let considered = consider(Set::Prompts, sources.copy, holds, &settings.timezone, |files| {
            // What was good once is in force whatever a rule made since then says of its last-resort copy: such copy
            // is withdrawn at each serve, and must not keep the service from starting.
            let standing = if kept.as_ref() == Some(files) { Standing::InForce } else { Standing::New };
            let (loaded, found) = load(files, standing);
            (loaded, found, false)
        });
        rolled_back.extend(considered.rolled_back.clone());
        *Set::Prompts.at(&mut known.seen) = considered.seen.clone();
        let copy = considered.told(now, &mut edits, &mut refused, &mut faults);
        let copy = copy.or_else(|| load(kept.as_ref()?, Standing::InForce).0).map(Arc::new);
        let (Some(guardrails), Some(copy)) = (guardrails, copy) else {
            faults.retain(Diagnostic::is_error);
            return Err(faults);
        };
        let desk = Self {
            settings,
            current: ArcSwap::from_pointee(Policy::of(guardrails, copy, now)),
            refused: ArcSwap::from_pointee(refused),
            rolled_back: ArcSwap::from_pointee(rolled_back),
            turn: Mutex::default(),
            known: Mutex::new(known),
        };
        for edit in edits.iter_mut().filter(|edit| edit.outcome == Outcome::Proposed) {
            edit.report = report(&edit.files, &desk.settings.timezone, &edit.diagnostics);
        }
        Ok((desk, edits))
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

    /// The sets that were put back in force, and hold over the files as they are.
    pub fn rolled_back(&self) -> Vec<RollbackRow> {
        self.rolled_back.load().to_vec()
    }

    /// Where the files are.
    pub fn settings(&self) -> &PolicySettings {
        &self.settings
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The hash of a set's files as they were last looked at; `None` where they could not be read.
    pub fn on_disk(&self, set: Set) -> Option<Revision> {
        set.at(&mut self.known().seen).clone()
    }

    /// Whether what was read is something else than what was looked at last.
    pub fn is_news(&self, sources: &Sources) -> bool {
        let news = |set: Set, read: &Option<Read>| match read {
            Some(Ok(files)) => self.on_disk(set) != Some(set.hash(files, &self.settings.timezone)),
            Some(Err(unread)) => !self.said(set, unread),
            None => false,
        };
        news(Set::Guardrails, &sources.guardrails) || news(Set::Prompts, &sources.copy)
    }

    /// Whether these very faults are what an edit of the set stands refused for.
    fn said(&self, set: Set, faults: &[Diagnostic]) -> bool {
        self.refused.load().iter().any(|refusal| refusal.set == set && refusal.diagnostics == faults)
    }

    /// Looks at the files as they are now: each set that changed since the last look is put in force, refused or proposed.
    /// What is said of the time is when that was done: loading takes its own.
    pub fn look(&self, sources: Sources, now: &dyn Fn() -> Timestamp) -> Vec<Edit> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut edits = Vec::new();
        for (set, read) in [(Set::Guardrails, sources.guardrails), (Set::Prompts, sources.copy)] {
            let Some(read) = read else { continue };
            let hash = read.as_ref().ok().map(|files| set.hash(files, &self.settings.timezone));
            match &read {
                Ok(_) if self.on_disk(set) == hash => continue,
                // What cannot be read is said once, and read anew at each look.
                Err(unread) if self.said(set, unread) => continue,
                _ => set.at(&mut self.known().seen).clone_from(&hash),
            }
            let rolled_back = self.rolled_back();
            let holds = rolled_back.iter().find(|row| row.kind == set.as_str()).cloned();
            let considered =
                consider(set, Some(read), holds, &self.settings.timezone, |files| self.take(set, files, now));
            let mut refused = self.refused();
            refused.retain(|refusal| refusal.set != set);
            let (before, ends) = (edits.len(), considered.rolled_back.is_none());
            let done = now();
            if considered.told(done, &mut edits, &mut refused, &mut Vec::new()).is_some() {
                *set.at(&mut self.known().since) = done;
            }
            self.refused.store(Arc::new(refused));
            if ends && edits.len() > before {
                let rolled_back = rolled_back.into_iter().filter(|row| row.kind != set.as_str()).collect();
                self.rolled_back.store(Arc::new(rolled_back));
            }
        }
        // Neither set waits for this.
        for edit in edits.iter_mut().filter(|edit| edit.outcome == Outcome::Proposed) {
            edit.report = report(&edit.files, &self.settings.timezone, &edit.diagnostics);
        }
        edits
    }

    /// Puts a set in force when it is sound and nobody else has a say.
    fn take(
        &self,
        set: Set,
        files: &Files,
        clock: &dyn Fn() -> Timestamp,
    ) -> (Option<()>, Vec<Diagnostic>, bool) {
        let (current, now) = (self.pin(), clock());
        let (next, diagnostics) = match set {
            Set::Guardrails => {
                let before = Some(&*current.guardrails);
                let (guardrails, mut found) = guardrails_after(before, files, &self.settings.timezone);
                if let Some(guardrails) = &guardrails {
                    found.extend(withdrawn(&current.copy.prompts, guardrails, Standing::InForce, now));
                    found.extend(ceilings_amiss(guardrails, &current.copy.prompts, &current.copy.segments));
                    if self.settings.approvals > 0 && guardrails.hash() != current.guardrails.hash() {
                        return (Some(()), found, true);
                    }
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
        let taken = next.map(|(guardrails, copy)| self.swap(&current, guardrails, copy, clock()));
        (taken, diagnostics, false)
    }

    fn swap(&self, current: &Policy, guardrails: Arc<Guardrails>, copy: Arc<Copy>, now: Timestamp) {
        let next = Policy::of(guardrails, copy, now);
        if next.revision != current.revision {
            self.current.store(Arc::new(next));
        }
    }

    /// Puts sets in force that the store says are to be, both in one: what was rolled back, or approved by second persons.
    /// Answers what is said of them, warnings alone.
    ///
    /// # Errors
    /// All diagnostics, when this version does not take one of them; then nothing changes.
    pub fn put(&self, orders: Vec<Order>, now: Timestamp) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.pin();
        let files_of = |set| orders.iter().find(|order| order.set == set).map(|order| &order.files);
        let (next, found) =
            weigh(&self.settings, &current, [files_of(Set::Guardrails), files_of(Set::Prompts)], now);
        let Some((guardrails, copy)) = next else { return Err(found) };
        let (mut rolled_back, mut refused) = (self.rolled_back(), self.refused());
        let mut known = self.known();
        for Order { set, files, rollback } in orders {
            let seen = set.at(&mut known.seen);
            rolled_back.retain(|row| row.kind != set.as_str());
            refused.retain(|refusal| refusal.set != set);
            match rollback {
                Some(mut row) => {
                    if let (true, Some(seen)) = (row.over.is_empty(), seen) {
                        row.over = seen.to_string();
                    }
                    rolled_back.push(row);
                }
                // Other files are held against what is in force now.
                None => {
                    let hash = set.hash(&files, &self.settings.timezone);
                    *seen = seen.take().filter(|seen| *seen == hash);
                }
            }
            *set.at(&mut known.since) = now;
        }
        drop(known);
        self.swap(&current, guardrails, copy, now);
        self.rolled_back.store(Arc::new(rolled_back));
        self.refused.store(Arc::new(refused));
        Ok(found)
    }

    /// Since when what is in force of a set is.
    pub fn since(&self, set: Set) -> Timestamp {
        *set.at(&mut self.known().since)
    }

    /// Whether this rollback holds here already.
    pub fn knows(&self, row: &RollbackRow) -> bool {
        let same =
            |known: &RollbackRow| (&known.kind, &known.hash, known.at) == (&row.kind, &row.hash, row.at);
        self.rolled_back.load().iter().any(same)
    }

    /// Whether an edit came after a rollback: what is in force is newer, and the files are not those that it was put over.
    pub fn is_older(&self, set: Set, row: &RollbackRow) -> bool {
        let over = self.on_disk(set).is_some_and(|seen| seen.as_str() == row.over);
        row.at < self.since(set) && !over
    }

    /// What stands in the way of putting guardrails in force after those that are: whoever puts back an older set means it,
    /// so of them it is not asked which rules are gone.
    pub fn succeeds(&self, files: &Files, edited: bool) -> Vec<Diagnostic> {
        let current = self.pin();
        let before = edited.then_some(&*current.guardrails);
        guardrails_after(before, files, &self.settings.timezone).1
    }

    /// Forgets rollbacks that the store does not tell of any more.
    pub fn forget_rollbacks(&self, but: &[RollbackRow]) {
        let mut rolled_back = self.rolled_back();
        rolled_back.retain(|row| but.iter().any(|kept| kept.kind == row.kind));
        self.rolled_back.store(Arc::new(rolled_back));
    }
}

/// What became of the files of one set.
struct Considered<T> {
    set: Set,
    /// The hash of what was read; `None` where it could not be.
    seen: Option<Revision>,
    /// What is to be in force.
    loaded: Option<T>,
    /// What was read, what is said of it, and how it ended; `None` while it is being written, or was rolled back over.
    edit: Option<(Files, Vec<Diagnostic>, Outcome)>,
    /// The rollback that still holds.
    rolled_back: Option<RollbackRow>,
    /// Whether there was one.
    was_rolled_back: bool,
}

/// Considers what was read of a set: `load` answers what it makes, what is said of it, and whether it waits for second
/// persons.
fn consider<T>(
    set: Set,
    read: Option<Read>,
    holds: Option<RollbackRow>,
    timezone: &TimeZone,
    load: impl FnOnce(&Files) -> (Option<T>, Vec<Diagnostic>, bool),
) -> Considered<T> {
    let was_rolled_back = holds.is_some();
    let considered = |seen, loaded, edit, rolled_back| Considered {
        set,
        seen,
        loaded,
        edit,
        rolled_back,
        was_rolled_back,
    };
    let files = match read {
        None => return considered(None, None, None, holds),
        Some(Err(unread)) => {
            return considered(None, None, Some((Files::new(), unread, Outcome::Refused)), holds);
        }
        Some(Ok(files)) => files,
    };
    let hash = set.hash(&files, timezone);
    if let Some(mut row) = holds.clone()
        && (row.over.is_empty() || row.over == hash.as_str())
    {
        row.over = hash.to_string();
        return considered(Some(hash), None, None, Some(row));
    }
    let (loaded, found, waits) = load(&files);
    let outcome = match loaded {
        _ if any_error(&found) => Outcome::Refused,
        None => Outcome::Refused,
        Some(_) if waits => Outcome::Proposed,
        Some(_) => Outcome::InForce,
    };
    let in_force = outcome == Outcome::InForce;
    let edit = Some((files, found, outcome));
    considered(Some(hash), loaded.filter(|_| in_force), edit, holds.filter(|_| !in_force))
}

impl<T> Considered<T> {
    /// Tells of it, and answers what is to be in force.
    fn told(
        self,
        now: Timestamp,
        edits: &mut Vec<Edit>,
        refused: &mut Vec<Refusal>,
        faults: &mut Vec<Diagnostic>,
    ) -> Option<T> {
        let Self { set, seen, loaded, edit, rolled_back, was_rolled_back } = self;
        if let Some((files, diagnostics, outcome)) = edit {
            faults.extend_from_slice(&diagnostics);
            if outcome == Outcome::Refused {
                let diagnostics = diagnostics.clone();
                refused.push(Refusal { set, hash: seen.clone(), since: now, diagnostics });
            }
            let hash = seen.unwrap_or_else(|| Revision::of(std::iter::empty()));
            let ends_rollback = was_rolled_back && rolled_back.is_none();
            edits.push(Edit {
                set,
                hash,
                outcome,
                files,
                diagnostics,
                ends_rollback,
                at: now,
                report: Value::Null,
            });
        }
        loaded
    }
}

/// Guardrails that are to follow those in force: a rule that goes or becomes looser without anybody's word is a fault.
pub(super) fn guardrails_after(
    before: Option<&Guardrails>,
    files: &Files,
    timezone: &TimeZone,
) -> (Option<Guardrails>, Vec<Diagnostic>) {
    let (loaded, mut found) = guardrail::load(files, timezone);
    found.extend(loaded.iter().zip(before).flat_map(|(next, before)| guardrail::accidents(before, next)));
    (loaded.filter(|_| !any_error(&found)), found)
}

/// What kept sets make, where this version takes them, and what is said of them.
type Weighed = (Option<(Arc<Guardrails>, Arc<Copy>)>, Vec<Diagnostic>);

/// What kept sets make in the place of those in force, guardrails first. Nobody asks whether a rule is gone: whoever puts
/// back an older set means it.
fn weigh(
    settings: &PolicySettings,
    current: &Policy,
    [rules, copy]: [Option<&Files>; 2],
    now: Timestamp,
) -> Weighed {
    let mut found = Vec::new();
    let guardrails = match rules {
        None => Some(Arc::clone(&current.guardrails)),
        Some(files) => {
            let (loaded, faults) = guardrail::load(files, &settings.timezone);
            found.extend(faults);
            loaded.map(Arc::new)
        }
    };
    let copy = match copy {
        None => Some(Arc::clone(&current.copy)),
        Some(files) => {
            let (segments, prompts) = (shown(&settings.segments), shown(&settings.prompts));
            let guardrails = guardrails.as_deref();
            let (loaded, faults) = load_copy(files, &segments, &prompts, guardrails, Standing::InForce, now);
            found.extend(faults);
            loaded.map(Arc::new)
        }
    };
    (guardrails.zip(copy), found)
}

/// What is found of guardrails before they are in force: how their rules did on examples and labelled cases, and what is said
/// of them.
pub fn report(files: &Files, timezone: &TimeZone, found: &[Diagnostic]) -> Value {
    let Some(guardrails) = guardrail::load(files, timezone).0 else { return json!({"diagnostics": found}) };
    let (tried, on_cases) = guardrail::try_cases(&guardrails, files);
    let diagnostics: Vec<_> = found.iter().chain(&on_cases).collect();
    let missed = |rule: &&guardrail::RuleReport| !rule.public || rule.cases > 0;
    json!({
        "diagnostics": diagnostics,
        "cases": tried.cases,
        "rules": tried.rules.iter().filter(missed).collect::<Vec<_>>(),
    })
}
