//! `POST /v1/policy/rollback` and `/v1/policy/proposals`: what people do about sets of files beside editing them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::{Caller, Person};
use super::body::Body;
use super::{Pinned, Problem};
use crate::app::Shared;
use crate::audit::desk::{DeskError, note};
use crate::policy::rollback::RollbackError;
use crate::policy::{Difference, Proposal, Set};
use crate::store::StoreError;
use crate::store::desk::{self, ApprovalRow, ProposalRow};

/// The most proposals that are listed.
const MOST: u32 = 50;

/// What is to be put back in force, as sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rollback {
    revision: String,
    #[serde(default)]
    set: Option<Set>,
    reason: String,
}

/// Puts sets back in force, and answers once they are.
pub(super) async fn roll_back(
    State(shared): State<Arc<Shared>>,
    Caller(by): Caller,
    Body(Rollback { revision, set, reason }): Body<Rollback>,
) -> Result<Response, Problem> {
    let reason = said("reason", Some(reason))?;
    if reason.is_empty() {
        return Err(Problem::malformed("`reason`: say why, in a sentence"));
    }
    // Whoever asked may hang up: what has begun is finished all the same.
    let work = Arc::clone(&shared);
    let rolling = tokio::spawn(async move { work.roll_back((revision, set), (by, reason)).await });
    match rolling.await {
        Ok(Ok((sets, looser))) => {
            let revision = shared.desk.pin().revision.clone();
            let body = json!({"revision": revision, "sets": sets, "looser": looser});
            Ok((StatusCode::CREATED, Json(body)).into_response())
        }
        Ok(Err(error)) => Err(not_rolled_back(error)),
        Err(_) => Err(Problem::internal()),
    }
}

fn not_rolled_back(error: RollbackError) -> Problem {
    let said = error.to_string();
    match error {
        RollbackError::Unknown(_) => Problem::no_such_record(said),
        RollbackError::Ambiguous(_) | RollbackError::OtherSet(..) => Problem::malformed(said),
        RollbackError::InForce(_) | RollbackError::Changed(..) => Problem::not_now(said),
        RollbackError::Faulty(diagnostics) => Problem::not_now(said).with_diagnostics(diagnostics),
        RollbackError::Store(error) => failed(&error),
    }
}

fn failed(error: &StoreError) -> Problem {
    tracing::error!(%error, "the store failed somebody at the desk");
    Problem::log_unavailable()
}

/// What somebody says, in so many characters at most.
fn said(field: &str, text: Option<String>) -> Result<String, Problem> {
    note(&text.unwrap_or_default()).map_err(|wrong| Problem::malformed(format!("`{field}`: {wrong}")))
}

/// The proposals that wait, each in short.
pub(super) async fn waiting(shared: &Shared) -> Result<Vec<Proposal>, StoreError> {
    match shared.desk.settings().approvals {
        0 => Ok(Vec::new()),
        needs => {
            let all = Proposal::all(&shared.store, MOST, needs).await?;
            Ok(all.into_iter().filter(Proposal::waits).map(Proposal::in_short).collect())
        }
    }
}

/// Every proposal, those that wait first.
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Result<Json<Value>, Problem> {
    let needs = shared.desk.settings().approvals;
    let all = Proposal::all(&shared.store, MOST, needs).await.map_err(|error| failed(&error))?;
    let found: Vec<Proposal> = all.into_iter().map(Proposal::in_short).collect();
    Ok(Json(json!({"proposals": found})))
}

/// The proposal whose hash begins so.
async fn find(shared: &Shared, begins: &str) -> Result<ProposalRow, Problem> {
    let mut found = desk::beginning(&shared.store, begins).await.map_err(|error| failed(&error))?;
    match found.len() {
        0 | 1 => found.pop().ok_or_else(|| Problem::no_such_record(DeskError::Unknown.to_string())),
        _ => Err(Problem::malformed("several proposals begin so; write more of the hash")),
    }
}

/// One proposal whole: its files, which of them differ from those in force and what that changes in words, its check and its
/// backtest.
pub(super) async fn one(
    State(shared): State<Arc<Shared>>,
    Pinned(policy): Pinned,
    Path(begins): Path<String>,
) -> Result<Json<Value>, Problem> {
    let row = find(&shared, &begins).await?;
    let (hash, settings) = (row.hash.clone(), shared.desk.settings());
    let found = async {
        let proposal = Proposal::of(&shared.store, row, settings.approvals).await?;
        Ok((proposal, Difference::of_proposal(&shared.store, &policy, settings, &hash).await?))
    };
    let (proposal, difference) = found.await.map_err(|error: StoreError| failed(&error))?;
    Ok(Json(json!({
        "proposal": proposal,
        "against": policy.guardrails.hash(),
        "changes": difference.changes,
        "changed": difference.changed,
        "files": difference.after,
    })))
}

/// What somebody says of a proposal.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    Approve,
    SendBack,
}

/// The same, as sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Decision {
    action: Action,
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    note: Option<String>,
}

/// Takes what a person says of a proposal, and answers what became of it.
pub(super) async fn decide(
    State(shared): State<Arc<Shared>>,
    Person(by): Person,
    Path(begins): Path<String>,
    Body(Decision { action, from, note }): Body<Decision>,
) -> Result<Response, Problem> {
    let hash = find(&shared, &begins).await?.hash;
    let note = said("note", note)?;
    let since = from.map(|day| shared.day_begins(&day).map_err(Problem::malformed)).transpose()?;
    let (work, of) = (Arc::clone(&shared), hash.clone());
    // Whoever asked may hang up: what has begun is finished all the same.
    let deciding = match action {
        Action::Approve => {
            let approval = ApprovalRow { by, at: (shared.parts.now)(), since, note };
            tokio::spawn(async move { work.approve_proposal(&of, approval).await.map(drop) })
        }
        Action::SendBack if since.is_some() => {
            return Err(Problem::malformed("`from`: leave it out where you send a proposal back"));
        }
        Action::SendBack if note.is_empty() => {
            return Err(Problem::malformed("`note`: say why it goes back, in a sentence"));
        }
        Action::SendBack => tokio::spawn(async move { work.send_proposal_back(&of, (&by, &note)).await }),
    };
    deciding.await.map_err(|_| Problem::internal())?.map_err(|error| {
        let said = error.to_string();
        match error {
            DeskError::Unknown => Problem::no_such_record(said),
            DeskError::Closed(_) => Problem::not_now(said),
            DeskError::Own(_) => Problem::not_allowed(said),
            DeskError::Store(error) => failed(&error),
        }
    })?;
    let row = desk::proposal(&shared.store, &hash).await.map_err(|error| failed(&error))?;
    let row = row.ok_or_else(Problem::internal)?;
    let proposal = Proposal::of(&shared.store, row, shared.desk.settings().approvals).await;
    let proposal = proposal.map_err(|error| failed(&error))?.in_short();
    let revision = shared.desk.pin().revision.clone();
    Ok((StatusCode::CREATED, Json(json!({"proposal": proposal, "revision": revision}))).into_response())
}
