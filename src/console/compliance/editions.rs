//! The sets that were once in force: what each changed, the difference of any two, and the way back.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::{Changes, FileDiff, answered, file_diffs, interrupted};
use crate::app::Shared;
use crate::audit::PolicyRecord;
use crate::audit::chained;
use crate::audit::desk::{FILES, note};
use crate::casefile::KeptGuardrails;
use crate::console::page::{Failed, Frame, Place, page_or, show};
use crate::console::say::{self, Safe};
use crate::console::session::{Form, Reader};
use crate::document::Files;
use crate::guardrail;
use crate::policy::rollback::{RollbackError, RolledBack};
use crate::policy::{Policy, Set, at_home, copy_changes, shown};
use crate::store::policies::{self, KeptSet};

/// The most editions that are listed.
const MOST: u32 = 200;
/// Among so many of the latest edits it is looked who made them.
const MOST_EDITS: u32 = 1_000;
/// The most files that are named of an edit.
const MOST_NAMED: usize = 3;
/// What stands for the set in force in an address.
const IN_FORCE: &str = "in-force";

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/console/compliance/editions", get(page))
        .route("/console/compliance/editions/{hash}/rollback", post(roll_back))
}

/// Which editions, as the address says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    set: String,
    from: String,
    to: String,
}

impl Asked {
    fn set(&self) -> Set {
        if self.set == Set::Prompts.as_str() { Set::Prompts } else { Set::Guardrails }
    }
}

#[derive(Template)]
#[template(path = "compliance/editions.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    set: &'static str,
    rows: Vec<Row>,
    difference: Option<Difference>,
    complies: bool,
    token: String,
}

struct Row {
    hash: String,
    short: String,
    at: Safe,
    by: String,
    in_force: bool,
    changed: String,
    /// The one before it.
    before: Option<String>,
    is_from: bool,
    is_to: bool,
}

struct Difference {
    from: Safe,
    to: Safe,
    to_hash: String,
    rules: Option<(u64, u64)>,
    /// Why nothing is told of rules: a sentence.
    unread: Option<&'static str>,
    changes: Changes,
    in_short: String,
    diffs: Vec<FileDiff>,
    /// What putting it back in force does, asked first; `None` where it is in force, or is compared with another.
    confirm: Option<String>,
    proposes: bool,
}

async fn page(State(shared): State<Arc<Shared>>, reader: Reader, Query(asked): Query<Asked>) -> Response {
    page_or(&reader, editions(&shared, &reader, asked).await)
}

/// The hash of a set in force.
fn in_force(policy: &Policy, set: Set) -> &str {
    match set {
        Set::Guardrails => policy.guardrails.hash().as_str(),
        Set::Prompts => policy.copy.revision.as_str(),
    }
}

async fn editions(shared: &Shared, reader: &Reader, asked: Asked) -> Result<Response, Failed> {
    let (policy, set) = (shared.desk.pin(), asked.set());
    let kept = policies::kept(&shared.store, set.as_str(), MOST).await?;
    let edits = chained::edits(&shared.store, MOST_EDITS).await?;
    let current = in_force(&policy, set);
    let hash_of = |named: &str| if named == IN_FORCE { current.to_owned() } else { named.to_owned() };
    let (from, to) = (hash_of(&asked.from), hash_of(&asked.to));
    // Of several records of a set the latest says who put it in force last.
    let mut records: BTreeMap<&str, &PolicyRecord> = BTreeMap::new();
    for record in edits.iter().filter(|record| record.accepted && record.kind == set.as_str()) {
        records.entry(&record.hash).or_insert(record);
    }
    let row = |(place, one): (usize, &KeptSet)| {
        let (record, before) = (records.get(one.hash.as_str()), kept.get(place + 1));
        let earlier = before.and_then(|before| records.get(before.hash.as_str()));
        Row {
            short: one.hash.chars().take(15).collect(),
            at: say::when(one.accepted_at, &reader.zone),
            by: record.map_or("–".to_owned(), |record| match record.by.as_str() {
                FILES => "an edit of the files".to_owned(),
                by => by.to_owned(),
            }),
            in_force: one.hash == current,
            changed: changed(record.copied(), earlier.copied(), before.is_none()),
            before: before.map(|before| before.hash.clone()),
            is_from: one.hash == from,
            is_to: one.hash == to,
            hash: one.hash.clone(),
        }
    };
    let rows = kept.iter().enumerate().map(row).collect();
    let difference = match (from.as_str(), to.as_str()) {
        ("", _) | (_, "") => None,
        (from, to) => Some(difference(shared, &policy, set, from, to).await?),
    };
    Ok(show(&Page {
        frame: Frame::of(reader, Place::Compliance, "Editions"),
        tab: "editions",
        set: set.as_str(),
        rows,
        difference,
        complies: reader.complies(),
        token: reader.token.clone(),
    }))
}

/// Which files an edit changed, by the hashes in its record and the one before it.
fn changed(record: Option<&PolicyRecord>, before: Option<&PolicyRecord>, first: bool) -> String {
    let Some(record) = record else { return String::new() };
    let Some(before) = before else {
        let files = say::counted(record.files.len() as u64, "file");
        return if first { format!("the first one kept, {files}") } else { files };
    };
    let names: std::collections::BTreeSet<&String> = record.files.keys().chain(before.files.keys()).collect();
    let changed: Vec<&str> = names
        .into_iter()
        .filter(|name| record.files.get(*name) != before.files.get(*name))
        .map(|name| name.rsplit('/').next().unwrap_or(name))
        .collect();
    match changed.len() {
        0 => "no file".to_owned(),
        n if n > MOST_NAMED => say::counted(n as u64, "file"),
        _ => changed.join(", "),
    }
}

/// One of the two sets as it was.
enum Edition {
    Guardrails(Arc<KeptGuardrails>),
    Prompts(Files),
}

async fn edition(shared: &Shared, set: Set, hash: &str) -> Result<Edition, Failed> {
    let found = match set {
        Set::Guardrails => shared.editions.guardrails(hash).await?.map(Edition::Guardrails),
        Set::Prompts => shared.editions.prompts(hash).await?.map(Edition::Prompts),
    };
    found.ok_or_else(|| Failed::Missing("No edition that is kept is called so.".to_owned()))
}

async fn difference(
    shared: &Shared,
    policy: &Policy,
    set: Set,
    from: &str,
    to: &str,
) -> Result<Difference, Failed> {
    let (before, after) = (edition(shared, set, from).await?, edition(shared, set, to).await?);
    let settings = shared.desk.settings().clone();
    // Rules and files are compared off the workers.
    let compared = move || match (&before, &after) {
        (Edition::Guardrails(before), Edition::Guardrails(after)) => {
            let rules = before.rules.as_ref().zip(after.rules.as_ref());
            let changes = rules.map(|(before, after)| guardrail::changes(before, after));
            let home = |files: &Files| at_home(Set::Guardrails, files, &settings);
            let count = |rules: &guardrail::Guardrails| rules.rules().len() as u64;
            let counts = rules.map(|(before, after)| (count(before), count(after)));
            (changes, counts, file_diffs(&home(&before.files), &home(&after.files)))
        }
        (Edition::Prompts(before), Edition::Prompts(after)) => {
            let home = |files: &Files| at_home(Set::Prompts, files, &settings);
            let (before, after) = (home(before), home(after));
            let changes = copy_changes(&before, &after, &shown(&settings.segments));
            (Some(changes), None, file_diffs(&before, &after))
        }
        _ => (None, None, Vec::new()),
    };
    let (changes, rules, diffs) = tokio::task::spawn_blocking(compared).await.map_err(interrupted)?;
    let known = |rule: &str| set == Set::Guardrails && policy.guardrails.rule(rule).is_some();
    let said = Changes::of(changes.as_deref().unwrap_or_default(), known);
    let proposes = set == Set::Guardrails && shared.desk.settings().approvals > 0;
    let current = in_force(policy, set);
    let confirm = (from == current && to != current).then(|| {
        let (looser, tighter) = (said.loosening(), said.tightening());
        let what = match (looser, tighter) {
            (0, 0) => "Nothing becomes looser or tighter".to_owned(),
            _ => format!(
                "{} looser and {} tighter",
                say::counted(looser as u64, "thing becomes").replace("becomess", "become"),
                tighter
            ),
        };
        match proposes {
            true => {
                format!("Propose to put this edition back? {what}; another person must approve it first.")
            }
            false => {
                format!("Put this edition back in force now? {what}; it holds until the files are others.")
            }
        }
    });
    Ok(Difference {
        from: say::id(from),
        to: say::id(to),
        to_hash: to.to_owned(),
        rules,
        unread: changes.is_none().then_some("This version does not read one of them as rules any more."),
        in_short: said.in_short(),
        changes: said,
        diffs,
        confirm,
        proposes,
    })
}

#[derive(Deserialize)]
struct Back {
    set: Set,
    reason: String,
}

async fn roll_back(
    State(shared): State<Arc<Shared>>,
    Path(hash): Path<String>,
    Form(reader, Back { set, reason }): Form<Back>,
) -> Response {
    let made = async {
        reader.must_comply()?;
        let reason = note(&reason).map_err(|wrong| Failed::Malformed(format!("The reason: {wrong}.")))?;
        if reason.is_empty() {
            return Err(Failed::Malformed("Say why, in a sentence.".to_owned()));
        }
        let (work, by) = (Arc::clone(&shared), reader.name.clone());
        // Whoever asked may hang up: what has begun is finished all the same.
        let rolling = tokio::spawn(async move { work.roll_back((hash, Some(set)), (by, reason)).await });
        let (sets, _) = rolling.await.map_err(interrupted)?.map_err(failed)?;
        let proposed = sets.iter().find(|RolledBack { proposed, .. }| *proposed);
        let (said, to) = match proposed {
            Some(proposed) => (
                "Proposed. Another person must approve it.",
                format!("/console/compliance/proposals/{}", proposed.hash),
            ),
            None => (
                "Put back in force. It holds until the files are others.",
                format!("/console/compliance/editions?set={}", set.as_str()),
            ),
        };
        let asked = Asked { set: set.as_str().to_owned(), ..Asked::default() };
        let part = match proposed {
            Some(proposed) => super::proposals::one(&shared, &reader, &proposed.hash).await?,
            None => editions(&shared, &reader, asked).await?,
        };
        Ok(answered(&reader, part, said, None, &to))
    };
    page_or(&reader, made.await)
}

fn failed(error: RollbackError) -> Failed {
    let said = error.to_string();
    match error {
        RollbackError::Unknown(_) => Failed::Missing("No edition that is kept is called so.".to_owned()),
        RollbackError::Ambiguous(_) | RollbackError::OtherSet(..) => Failed::Malformed(format!("{said}.")),
        RollbackError::InForce(_) => Failed::NotNow("This edition is in force already.".to_owned()),
        RollbackError::Changed(..) => Failed::NotNow(format!("{said}.")),
        RollbackError::Faulty(diagnostics) => {
            let first = diagnostics.first().map(|d| format!(" {}: {}.", d.place(), d.message));
            Failed::NotNow(format!("This version does not take it any more.{}", first.unwrap_or_default()))
        }
        RollbackError::Store(error) => error.into(),
    }
}
