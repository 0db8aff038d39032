//! What people and services do about sets of files beside editing them: rollbacks, proposals with their approvals, and the
//! services on this store. Knows nothing of what the files mean.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::log::Append;
use super::policies::Files;
use super::{Store, StoreError, from_json, micros, timestamp, to_json};

/// A set of files that was put back in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RollbackRow {
    /// Which set: `guardrails` or `prompts`.
    #[serde(rename = "set")]
    pub kind: String,
    /// The set's revision.
    pub hash: String,
    /// The revision of the files on disk that it holds over; empty until the first service has taken it.
    pub over: String,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// How far a proposal has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposalState {
    /// It waits for approvals.
    Open,
    /// It waits for its day.
    Approved,
    /// It came into force.
    InForce,
    /// Somebody sent it back.
    SentBack,
    /// Another edit took its place, or it does not follow what is in force any more.
    Superseded,
}

impl ProposalState {
    const ALL: [Self; 5] = [Self::Open, Self::Approved, Self::InForce, Self::SentBack, Self::Superseded];

    /// Its name in tables and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Approved => "approved",
            Self::InForce => "in_force",
            Self::SentBack => "sent_back",
            Self::Superseded => "superseded",
        }
    }

    fn read(text: &str) -> Result<Self, StoreError> {
        let corrupt = || StoreError::Corrupt(format!("a proposal is `{text}`"));
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(corrupt)
    }
}

/// An edit of the guardrails that waits for a second person, or did.
#[derive(Clone, Debug, PartialEq)]
pub struct ProposalRow {
    /// The set's revision.
    pub hash: String,
    /// Since when it is proposed.
    pub at: Timestamp,
    /// Who made it: `files` for an edit on disk.
    pub by: String,
    /// How far it has come.
    pub state: ProposalState,
    /// What was found of it, and what it would change: a JSON object.
    pub report: Value,
}

/// Somebody approved a proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApprovalRow {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// From when on it is to be in force, where they said so.
    #[serde(rename = "from")]
    pub since: Option<Timestamp>,
    /// What they say of it.
    pub note: String,
}

/// A service on this store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRow {
    /// Its name.
    pub node: String,
    /// The policy that it has in force.
    pub revision: String,
    /// Its guardrails.
    pub guardrails: String,
    /// Its segments and prompts.
    pub prompts: String,
    /// Since when it has them.
    pub since: Timestamp,
    /// The count of stops that it has taken.
    pub stops: i64,
    /// When it said so last.
    pub seen: Timestamp,
}

type Stored = (String, String, String, i64, String, String);

fn rollback((kind, hash, over, at, by, reason): Stored) -> Result<RollbackRow, StoreError> {
    Ok(RollbackRow { kind, hash, over, at: timestamp(at)?, by, reason })
}

/// Counts what is done at the desk, so that a service notices.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn turns(store: &Store) -> Result<i64, StoreError> {
    let query = sqlx::query_scalar("SELECT value FROM meta WHERE name = 'desk'");
    Ok(query.fetch_optional(store.reader()).await?.unwrap_or_default())
}

/// The sets that were put back in force, and hold.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn rollbacks(store: &Store) -> Result<Vec<RollbackRow>, StoreError> {
    let sql = "SELECT kind, hash, over, at, by, reason FROM rollbacks ORDER BY kind";
    let rows: Vec<Stored> = sqlx::query_as(sql).fetch_all(store.reader()).await?;
    rows.into_iter().map(rollback).collect()
}

type Proposed = (String, i64, String, String, String);

fn proposed((hash, at, by, state, report): Proposed) -> Result<ProposalRow, StoreError> {
    let (at, state, report) = (timestamp(at)?, ProposalState::read(&state)?, from_json(&report)?);
    Ok(ProposalRow { hash, at, by, state, report })
}

/// The proposals, the newest first, at most `limit`; those that wait before all others.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn proposals(store: &Store, limit: u32) -> Result<Vec<ProposalRow>, StoreError> {
    let sql = "SELECT hash, at, by, state, report FROM proposals
               ORDER BY state NOT IN ('open', 'approved'), at DESC, hash LIMIT $1";
    let rows: Vec<Proposed> = sqlx::query_as(sql).bind(limit).fetch_all(store.reader()).await?;
    rows.into_iter().map(proposed).collect()
}

/// A proposal; `None` when there is none of this hash.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn proposal(store: &Store, hash: &str) -> Result<Option<ProposalRow>, StoreError> {
    let sql = "SELECT hash, at, by, state, report FROM proposals WHERE hash = $1";
    let row: Option<Proposed> = sqlx::query_as(sql).bind(hash).fetch_optional(store.reader()).await?;
    row.map(proposed).transpose()
}

/// The proposals whose hash begins so, with `b3:` or without it: at most two, since one is meant.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn beginning(store: &Store, begins: &str) -> Result<Vec<ProposalRow>, StoreError> {
    let digits = begins.strip_prefix("b3:").unwrap_or(begins);
    if digits.is_empty() {
        return Ok(Vec::new());
    }
    let sql = "SELECT hash, at, by, state, report FROM proposals WHERE substr(hash, 1, length($1)) = $1
               ORDER BY hash LIMIT 2";
    let query = sqlx::query_as(sql).bind(format!("b3:{digits}"));
    let rows: Vec<Proposed> = query.fetch_all(store.reader()).await?;
    rows.into_iter().map(proposed).collect()
}

/// The files of a proposal.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn proposed_files(store: &Store, hash: &str) -> Result<Option<Files>, StoreError> {
    let query = sqlx::query_scalar("SELECT files FROM proposals WHERE hash = $1").bind(hash);
    let files: Option<String> = query.fetch_optional(store.reader()).await?;
    files.map(|files| from_json(&files)).transpose()
}

/// Who approved a proposal, in the order of time.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn approvals(store: &Store, hash: &str) -> Result<Vec<ApprovalRow>, StoreError> {
    let rows: Vec<Approved> = sqlx::query_as(APPROVALS).bind(hash).fetch_all(store.reader()).await?;
    rows.into_iter().map(approval).collect()
}

const APPROVALS: &str = "SELECT by, at, since, note FROM approvals WHERE hash = $1 ORDER BY at, by";

type Approved = (String, i64, Option<i64>, String);

fn approval((by, at, since, note): Approved) -> Result<ApprovalRow, StoreError> {
    Ok(ApprovalRow { by, at: timestamp(at)?, since: since.map(timestamp).transpose()?, note })
}

/// The services that said what they have in force.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn nodes(store: &Store) -> Result<Vec<NodeRow>, StoreError> {
    let sql = "SELECT node, revision, guardrails, prompts, since, stops, seen FROM nodes ORDER BY node";
    let rows: Vec<(String, String, String, String, i64, i64, i64)> =
        sqlx::query_as(sql).fetch_all(store.reader()).await?;
    rows.into_iter()
        .map(|(node, revision, guardrails, prompts, since, stops, seen)| {
            let (since, seen) = (timestamp(since)?, timestamp(seen)?);
            Ok(NodeRow { node, revision, guardrails, prompts, since, stops, seen })
        })
        .collect()
}

/// Keeps what a service has in force, and forgets those that were not seen since `forgotten`.
///
/// # Errors
///
/// When the store cannot be written.
pub async fn keep_node(store: &Store, row: &NodeRow, forgotten: Timestamp) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO nodes (node, revision, guardrails, prompts, since, stops, seen)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (node) DO UPDATE SET revision = excluded.revision, guardrails = excluded.guardrails,
           prompts = excluded.prompts, since = excluded.since, stops = excluded.stops, seen = excluded.seen",
    )
    .bind(&row.node)
    .bind(&row.revision)
    .bind(&row.guardrails)
    .bind(&row.prompts)
    .bind(micros(row.since))
    .bind(row.stops)
    .bind(micros(row.seen))
    .execute(store.writer()?)
    .await?;
    let query = sqlx::query("DELETE FROM nodes WHERE seen < $1").bind(micros(forgotten));
    query.execute(store.writer()?).await?;
    Ok(())
}

/// Says over which files a set was put back in force, once a service knows.
///
/// # Errors
///
/// When the store cannot be written.
pub async fn laid_over(store: &Store, kind: &str, over: &str) -> Result<(), StoreError> {
    let query = sqlx::query("UPDATE rollbacks SET over = $2 WHERE kind = $1 AND over = ''");
    query.bind(kind).bind(over).execute(store.writer()?).await?;
    Ok(())
}

/// Ends a rollback that an edit took the place of.
///
/// # Errors
///
/// When the store cannot be written.
pub async fn end_rollback(store: &Store, row: &RollbackRow) -> Result<(), StoreError> {
    let query = sqlx::query("DELETE FROM rollbacks WHERE kind = $1 AND hash = $2 AND at = $3");
    query.bind(&row.kind).bind(&row.hash).bind(micros(row.at)).execute(store.writer()?).await?;
    Ok(())
}

impl Append {
    /// Keeps a set that is in force from now on: the last good one.
    pub(crate) async fn keep_policy(
        &mut self,
        kind: &str,
        hash: &str,
        files: &Files,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let query = sqlx::query(super::policies::KEEP).bind(kind).bind(hash).bind(to_json(files)?);
        query.bind(micros(at)).execute(&mut *self.0).await?;
        Ok(())
    }

    /// Keeps that a set was put back in force.
    pub(crate) async fn keep_rollback(&mut self, row: &RollbackRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO rollbacks (kind, hash, over, at, by, reason) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (kind) DO UPDATE SET hash = excluded.hash, over = excluded.over, at = excluded.at,
               by = excluded.by, reason = excluded.reason",
        )
        .bind(&row.kind)
        .bind(&row.hash)
        .bind(&row.over)
        .bind(micros(row.at))
        .bind(&row.by)
        .bind(&row.reason)
        .execute(&mut *self.0)
        .await?;
        Ok(())
    }

    /// Ends a rollback: an edit took its place.
    pub(crate) async fn end_rollback(&mut self, kind: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM rollbacks WHERE kind = $1").bind(kind).execute(&mut *self.0).await?;
        Ok(())
    }

    /// A proposal as it stands inside this transaction.
    pub(crate) async fn proposal(&mut self, hash: &str) -> Result<Option<ProposalRow>, StoreError> {
        let sql = "SELECT hash, at, by, state, report FROM proposals WHERE hash = $1";
        let row: Option<Proposed> = sqlx::query_as(sql).bind(hash).fetch_optional(&mut *self.0).await?;
        row.map(proposed).transpose()
    }

    /// The proposals of edits on disk that wait, or were sent back.
    pub(crate) async fn proposals_of_files(&mut self) -> Result<Vec<ProposalRow>, StoreError> {
        let sql = "SELECT hash, at, by, state, report FROM proposals
                   WHERE by = 'files' AND state IN ('open', 'sent_back') ORDER BY hash";
        let rows: Vec<Proposed> = sqlx::query_as(sql).fetch_all(&mut *self.0).await?;
        rows.into_iter().map(proposed).collect()
    }

    /// Keeps a proposal in the place of one with the same files, and without its approvals.
    pub(crate) async fn keep_proposal(&mut self, row: &ProposalRow, files: &Files) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM approvals WHERE hash = $1").bind(&row.hash).execute(&mut *self.0).await?;
        sqlx::query(
            "INSERT INTO proposals (hash, files, at, by, state, report) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (hash) DO UPDATE SET files = excluded.files, at = excluded.at, by = excluded.by,
               state = excluded.state, report = excluded.report",
        )
        .bind(&row.hash)
        .bind(to_json(files)?)
        .bind(micros(row.at))
        .bind(&row.by)
        .bind(row.state.as_str())
        .bind(to_json(&row.report)?)
        .execute(&mut *self.0)
        .await?;
        Ok(())
    }

    /// Says how far a proposal has come.
    pub(crate) async fn move_proposal(&mut self, hash: &str, state: ProposalState) -> Result<(), StoreError> {
        let query = sqlx::query("UPDATE proposals SET state = $2 WHERE hash = $1");
        query.bind(hash).bind(state.as_str()).execute(&mut *self.0).await?;
        Ok(())
    }

    /// Says anew what was found of a proposal.
    pub(crate) async fn report_on(&mut self, hash: &str, report: &Value) -> Result<(), StoreError> {
        let query = sqlx::query("UPDATE proposals SET report = $2 WHERE hash = $1");
        query.bind(hash).bind(to_json(report)?).execute(&mut *self.0).await?;
        Ok(())
    }

    /// Keeps that somebody approved a proposal: what they say last counts.
    pub(crate) async fn keep_approval(&mut self, hash: &str, row: &ApprovalRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO approvals (hash, by, at, since, note) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (hash, by) DO UPDATE SET at = excluded.at, since = excluded.since, note = excluded.note",
        )
        .bind(hash)
        .bind(&row.by)
        .bind(micros(row.at))
        .bind(row.since.map(micros))
        .bind(&row.note)
        .execute(&mut *self.0)
        .await?;
        Ok(())
    }

    /// Who approved a proposal, as it stands inside this transaction.
    pub(crate) async fn approvals(&mut self, hash: &str) -> Result<Vec<ApprovalRow>, StoreError> {
        let rows: Vec<Approved> = sqlx::query_as(APPROVALS).bind(hash).fetch_all(&mut *self.0).await?;
        rows.into_iter().map(approval).collect()
    }

    /// Has every service look at the desk.
    pub(crate) async fn turn(&mut self) -> Result<(), StoreError> {
        sqlx::query("UPDATE meta SET value = value + 1 WHERE name = 'desk'").execute(&mut *self.0).await?;
        Ok(())
    }
}
