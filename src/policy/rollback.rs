//! Rollback: sets that were in force before are put back in force, and hold until the files are others.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::desk::{Set, report};
use super::files::shown;
use super::{Standing, load_copy};
use crate::audit::desk::{propose, roll_back};
use crate::config::PolicySettings;
use crate::diagnostic::{Diagnostic, any_error};
use crate::document::Files;
use crate::guardrail::{self, Change, changes};
use crate::store::desk::{ProposalRow, ProposalState, RollbackRow};
use crate::store::policies::{self, Found};
use crate::store::{Store, StoreError};

/// The fewest characters of a revision that name it, beside `b3:`.
const FEWEST: usize = 4;

/// What is to be put back in force.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The sets, each with its revision and its files.
    pub sets: Vec<(Set, String, Files)>,
    /// What becomes looser by it, in sentences: nobody is asked about it, since whoever puts back an older set means it.
    pub looser: Vec<String>,
    /// What is said of the sets, warnings alone.
    pub diagnostics: Vec<Diagnostic>,
}

/// What became of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RolledBack {
    /// Which set.
    pub set: Set,
    /// Its revision.
    pub hash: String,
    /// Whether it waits for second persons.
    pub proposed: bool,
}

/// Why nothing was put back in force.
#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    /// Nothing that is kept is called so.
    #[error("no revision that is kept begins with `{0}`; `copyrail policy show` lists those that are")]
    Unknown(String),
    /// Several are.
    #[error("more than one revision begins with `{0}`; write more of it")]
    Ambiguous(String),
    /// The revision is of the other set.
    #[error("`{0}` is a revision of the {1}; leave the set out, or name the revision of the other one")]
    OtherSet(String, &'static str),
    /// It is in force.
    #[error("`{0}` is in force already")]
    InForce(String),
    /// What is kept is not what was in force.
    #[error(
        "the {0} kept as `{1}` are not what was in force: the store was changed, or `[policy] timezone` was; run `copyrail audit verify`"
    )]
    Changed(&'static str, String),
    /// This version does not take it any more.
    #[error("this version does not take that revision any more")]
    Faulty(Vec<Diagnostic>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Finds what a revision, or its beginning, stands for, and checks that it can be put in force in the place of `in_force`:
/// the revisions of guardrails and prompts, or those that were accepted last where that is not known.
///
/// # Errors
///
/// When it is not known, is faulty for this version, or the store cannot be read.
pub async fn plan(
    store: &Store,
    settings: &PolicySettings,
    (revision, only): (&str, Option<Set>),
    in_force: Option<[String; 2]>,
    now: Timestamp,
) -> Result<Plan, RollbackError> {
    let in_force = match in_force {
        Some([guardrails, prompts]) => [Some(guardrails), Some(prompts)],
        None => {
            let newest = async |set: Set| policies::newest(store, set.as_str()).await;
            [newest(Set::Guardrails).await?, newest(Set::Prompts).await?]
        }
    };
    let named = named(store, revision, only).await?;
    let (mut sets, mut beside) = (Vec::new(), [None, None]);
    for (set, current) in Set::BOTH.into_iter().zip(&in_force) {
        let files = async |hash: &String| -> Result<Files, RollbackError> {
            let files = policies::by_hash(store, set.as_str(), hash).await?;
            let files = files.ok_or_else(|| RollbackError::Unknown(hash.clone()))?;
            match set.hash(&files, &settings.timezone).as_str() == hash {
                true => Ok(files),
                false => Err(RollbackError::Changed(set.as_str(), hash.clone())),
            }
        };
        if let Some((_, hash)) = named.iter().find(|(of, hash)| *of == set && Some(hash) != current.as_ref())
        {
            sets.push((set, hash.clone(), files(hash).await?));
        }
        if let Some(current) = current {
            *set.at(&mut beside) = files(current).await.ok();
        }
    }
    if sets.is_empty() {
        return Err(RollbackError::InForce(revision.to_owned()));
    }
    let (looser, diagnostics) = check(settings, &sets, &beside, now)?;
    Ok(Plan { sets, looser, diagnostics })
}

/// The sets that a revision or its beginning names.
async fn named(
    store: &Store,
    revision: &str,
    only: Option<Set>,
) -> Result<Vec<(Set, String)>, RollbackError> {
    let bare = revision.strip_prefix("b3:").unwrap_or(revision);
    let unknown = || RollbackError::Unknown(revision.to_owned());
    if bare.len() < FEWEST || !bare.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(unknown());
    }
    let Found { revisions, sets } =
        policies::beginning(store, &format!("b3:{}", bare.to_ascii_lowercase())).await?;
    match (revisions.as_slice(), sets.as_slice()) {
        ([], []) => Err(unknown()),
        ([(_, row)], []) => {
            let both = [(Set::Guardrails, row.guardrails.clone()), (Set::Prompts, row.prompts.clone())];
            Ok(both.into_iter().filter(|(set, _)| only.is_none_or(|only| only == *set)).collect())
        }
        ([], [(kind, hash)]) => {
            let set = Set::BOTH.into_iter().find(|set| set.as_str() == kind).ok_or_else(unknown)?;
            match only {
                Some(only) if only != set => Err(RollbackError::OtherSet(revision.to_owned(), set.as_str())),
                _ => Ok(vec![(set, hash.clone())]),
            }
        }
        _ => Err(RollbackError::Ambiguous(revision.to_owned())),
    }
}

/// Whether this version takes the sets, beside what stays in force; what becomes looser, and what else is said.
fn check(
    settings: &PolicySettings,
    sets: &[(Set, String, Files)],
    [guardrails, copy]: &[Option<Files>; 2],
    now: Timestamp,
) -> Result<(Vec<String>, Vec<Diagnostic>), RollbackError> {
    let put = |wanted: Set| sets.iter().find(|(set, ..)| *set == wanted).map(|(_, _, files)| files);
    let load = |files: &Files| guardrail::load(files, &settings.timezone);
    let before = guardrails.as_ref().and_then(|files| load(files).0);
    let (mut found, mut looser) = (Vec::new(), Vec::new());
    let loaded = put(Set::Guardrails).map(|files| {
        let (loaded, faults) = load(files);
        found.extend(faults);
        loaded
    });
    if let (Some(Some(after)), Some(before)) = (&loaded, &before) {
        let loosens = |change: &Change| change.effect.needs_word();
        looser.extend(changes(before, after).into_iter().filter(loosens).map(|change| change.sentence));
    }
    if let Some(files) = put(Set::Prompts).or(copy.as_ref()) {
        let (segments, prompts) = (shown(&settings.segments), shown(&settings.prompts));
        let rules = loaded.as_ref().unwrap_or(&before).as_ref();
        let (_, faults) = load_copy(files, &segments, &prompts, rules, Standing::InForce, now);
        found.extend(faults);
    }
    match any_error(&found) {
        true => Err(RollbackError::Faulty(found.into_iter().filter(Diagnostic::is_error).collect())),
        false => Ok((looser, found)),
    }
}

/// Carries out a plan: durable before it returns, and every service follows. Guardrails wait for second persons where the
/// settings ask for them. `over` says over which files on disk guardrails and prompts are put, empty where that is not known.
///
/// # Errors
///
/// When the store cannot be written.
pub async fn carry_out(
    store: &Store,
    settings: &PolicySettings,
    plan: Plan,
    (by, reason): (&str, &str),
    mut over: [String; 2],
    now: Timestamp,
) -> Result<Vec<RolledBack>, StoreError> {
    let (mut done, mut at_once) = (Vec::new(), Vec::new());
    let note = plan.looser.join("; ");
    for (set, hash, files) in plan.sets {
        let proposed = set == Set::Guardrails && settings.approvals > 0;
        done.push(RolledBack { set, hash: hash.clone(), proposed });
        if proposed {
            let mut report = report(&files, &settings.timezone, &plan.diagnostics);
            if let Some(report) = report.as_object_mut() {
                report.insert("rollback".into(), json!(true));
                report.insert("reason".into(), json!(reason));
                report.insert("looser".into(), json!(plan.looser));
            }
            let row = ProposalRow { hash, at: now, by: by.into(), state: ProposalState::Open, report };
            propose(store, &row, &files, reason).await?;
        } else {
            let row = RollbackRow {
                kind: set.as_str().into(),
                hash,
                over: std::mem::take(set.at(&mut over)),
                at: now,
                by: by.into(),
                reason: reason.into(),
            };
            at_once.push((row, files));
        }
    }
    if !at_once.is_empty() {
        roll_back(store, &at_once, &note).await?;
    }
    Ok(done)
}
