//! `POST /v1/policy/rollback` and `/v1/policy/proposals`: what people do about sets of files beside editing them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::auth::{Caller, Person};
use super::body::Body;
use super::{Pinned, Problem};
use crate::app::Shared;
use crate::audit::desk::{DeskError, due};
use crate::guardrail;
use crate::policy::Set;
use crate::policy::rollback::RollbackError;
use crate::store::desk::{self, ApprovalRow, ProposalRow, ProposalState};
use crate::store::policies;
use crate::store::{Store, StoreError};

/// The most characters of a reason or a note.
const MAX_NOTE: usize = 2_000;
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
    let text = text.unwrap_or_default().trim().to_owned();
    match text.chars().count() > MAX_NOTE {
        true => Err(Problem::malformed(format!("`{field}`: write at most {MAX_NOTE} characters"))),
        false => Ok(text),
    }
}

/// A proposal in short.
#[derive(Debug, Serialize)]
pub(super) struct Proposal {
    hash: String,
    since: Timestamp,
    by: String,
    state: ProposalState,
    approvals: Vec<ApprovalRow>,
    /// How many persons must approve it.
    needs: usize,
    /// From when on it is in force, once enough have approved it.
    from: Option<Timestamp>,
    rollback: bool,
    report: Value,
}

impl Proposal {
    async fn of(store: &Store, row: ProposalRow, needs: usize) -> Result<Self, StoreError> {
        let approvals = desk::approvals(store, &row.hash).await?;
        let ProposalRow { hash, at, by, state, report } = row;
        let rollback = report.get("rollback").is_some();
        Ok(Self {
            from: due(&approvals, needs),
            hash,
            since: at,
            by,
            state,
            approvals,
            needs,
            rollback,
            report,
        })
    }

    /// The same with its report as a few numbers.
    fn in_short(mut self) -> Self {
        let count = |name: &str| self.report.get(name).and_then(Value::as_array).map_or(0, Vec::len);
        let sum = |name: &str| {
            let rules = self.report.get("rules").and_then(Value::as_array).into_iter().flatten();
            rules.filter_map(|rule| rule.get(name)?.as_u64()).sum::<u64>()
        };
        self.report = json!({
            "diagnostics": count("diagnostics"),
            "rules": count("rules"),
            "missed": sum("missed"),
            "wrongly_caught": sum("wrongly_caught"),
            "backtest": self.report.get("backtest").and_then(backtest_in_short),
        });
        self
    }
}

/// What a proposal would change, in numbers; `None` while that is being found out.
fn backtest_in_short(backtest: &Value) -> Option<Value> {
    const TOLD: [&str; 8] = [
        "before",
        "generations",
        "complete",
        "newly_blocked",
        "newly_passed",
        "changed",
        "would_be_asked",
        "fault",
    ];
    let told = TOLD.iter().filter_map(|name| Some(((*name).to_owned(), backtest.get(name)?.clone())));
    backtest.is_object().then(|| Value::Object(told.collect()))
}

/// The proposals that wait, each in short.
pub(super) async fn waiting(shared: &Shared) -> Result<Vec<Proposal>, StoreError> {
    let mut found = Vec::new();
    let needs = shared.desk.settings().approvals;
    if needs == 0 {
        return Ok(found);
    }
    for row in desk::proposals(&shared.store, MOST).await? {
        if matches!(row.state, ProposalState::Open | ProposalState::Approved) {
            found.push(Proposal::of(&shared.store, row, needs).await?.in_short());
        }
    }
    Ok(found)
}

/// Every proposal, those that wait first.
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Result<Json<Value>, Problem> {
    let mut found = Vec::new();
    for row in desk::proposals(&shared.store, MOST).await.map_err(|error| failed(&error))? {
        let proposal = Proposal::of(&shared.store, row, shared.desk.settings().approvals).await;
        found.push(proposal.map_err(|error| failed(&error))?.in_short());
    }
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
    let hash = row.hash.clone();
    let found = async {
        let files = desk::proposed_files(&shared.store, &hash).await?.unwrap_or_default();
        let in_force = policy.guardrails.hash().as_str();
        let before = policies::by_hash(&shared.store, Set::Guardrails.as_str(), in_force).await?;
        let proposal = Proposal::of(&shared.store, row, shared.desk.settings().approvals).await?;
        Ok((proposal, files, before.unwrap_or_default()))
    };
    let (proposal, files, before) = found.await.map_err(|error: StoreError| failed(&error))?;
    let changed = |path: &&String| files.get(*path) != before.get(*path);
    let names: std::collections::BTreeSet<&String> = files.keys().chain(before.keys()).collect();
    let changed: Vec<_> = names.into_iter().filter(changed).collect();
    let (rules, timezone) = (Arc::clone(&policy.guardrails), shared.desk.settings().timezone.clone());
    let proposed = files.clone();
    let told =
        move || guardrail::load(&proposed, &timezone).0.map(|after| guardrail::changes(&rules, &after));
    let changes = tokio::task::spawn_blocking(told).await.map_err(|_| Problem::internal())?;
    Ok(Json(json!({
        "proposal": proposal,
        "against": policy.guardrails.hash(),
        "changes": changes,
        "changed": changed,
        "files": files,
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
    let since = from.map(|day| midnight(&shared, &day)).transpose()?;
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

/// When a day begins where the rules' dates do.
fn midnight(shared: &Shared, day: &str) -> Result<Timestamp, Problem> {
    let timezone = shared.desk.settings().timezone.clone();
    let zoned = day.parse::<Date>().and_then(|day| day.to_zoned(timezone));
    let help = "`from`: write a day such as 2026-12-01";
    zoned.map(|zoned| zoned.timestamp()).map_err(|_| Problem::malformed(help))
}
