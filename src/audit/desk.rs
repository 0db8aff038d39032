//! What becomes of sets of files, each step in one transaction with its record: edits that were taken or refused, rollbacks,
//! proposals and what persons say of them. Knows nothing of what the files mean.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::append::{self, Appending};
use super::records::{Event, PolicyRecord, Step, StepRecord};
use crate::store::desk::{ApprovalRow, ProposalRow, ProposalState, RollbackRow};
use crate::store::policies::Files;
use crate::store::{Store, StoreError};
use crate::words::Revision;

/// Who made an edit on disk, in records and tables.
pub const FILES: &str = "files";
/// The set that waits for second persons.
const GUARDRAILS: &str = "guardrails";

/// One transaction at the desk.
struct Turn(Appending);

impl Turn {
    async fn begin(store: &Store) -> Result<Self, StoreError> {
        Ok(Self(Appending::begin(store).await?))
    }

    fn record(&mut self, event: &Event) -> Result<(), StoreError> {
        let sealed = append::event(event).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        self.0.record(&sealed)
    }

    fn step(
        &mut self,
        step: Step,
        row: &ProposalRow,
        (by, note): (&str, &str),
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let record = StepRecord {
            at,
            kind: GUARDRAILS.into(),
            hash: row.hash.clone(),
            step,
            by: by.into(),
            note: note.into(),
            from: None,
        };
        self.record(&Event::Step(record))
    }

    /// The proposals of edits on disk give way to another edit.
    async fn supersede(&mut self, but: &str, note: &str, at: Timestamp) -> Result<bool, StoreError> {
        let others = self.0.within().proposals_of_files().await?;
        let others: Vec<_> = others.into_iter().filter(|row| row.hash != but).collect();
        for row in &others {
            self.0.within().move_proposal(&row.hash, ProposalState::Superseded).await?;
            if row.state == ProposalState::Open {
                self.step(Step::Superseded, row, (FILES, note), at)?;
            }
        }
        Ok(!others.is_empty())
    }

    async fn commit(mut self) -> Result<(), StoreError> {
        self.0.within().turn().await?;
        self.0.insert().await?;
        self.0.commit().await
    }
}

/// What a record says of each file of a set.
pub fn hashes(files: &Files) -> BTreeMap<String, String> {
    files.iter().map(|(path, text)| (path.clone(), Revision::of([("", text.as_str())]).to_string())).collect()
}

/// An edit on disk that was put in force or refused.
#[derive(Clone, Debug)]
pub struct Edited {
    /// Its record.
    pub record: PolicyRecord,
    /// Its files, to be kept once it is in force.
    pub files: Files,
    /// Whether it took the place of a set that had been put back in force.
    pub ends_rollback: bool,
}

/// Records what became of an edit. One that is in force is the last good one from here on, and the proposals of other edits
/// of its set give way to it; one that is refused is no proposal any more.
///
/// # Errors
///
/// When the store cannot be written; then nothing of it is.
pub async fn edited(store: &Store, edited: &Edited) -> Result<(), StoreError> {
    let Edited { record, files, ends_rollback } = edited;
    let mut turn = Turn::begin(store).await?;
    let within = turn.0.within();
    if record.accepted {
        within.keep_policy(&record.kind, &record.hash, files, record.at).await?;
        if *ends_rollback {
            within.end_rollback(&record.kind).await?;
        }
        if record.kind == GUARDRAILS {
            turn.supersede("", "the files hold what is in force", record.at).await?;
        }
    } else if record.kind == GUARDRAILS
        && let Some(row) = within.proposal(&record.hash).await?
        && row.state == ProposalState::Open
    {
        within.move_proposal(&row.hash, ProposalState::Superseded).await?;
        turn.step(Step::Superseded, &row, (FILES, "it is refused now"), record.at)?;
    }
    turn.record(&Event::Policy(record.clone()))?;
    turn.commit().await
}

/// Puts sets back in force: each is the last good one of its kind from here on, whatever the files say.
///
/// # Errors
///
/// When the store cannot be written; then nothing of it is.
pub async fn roll_back(store: &Store, sets: &[(RollbackRow, Files)], note: &str) -> Result<(), StoreError> {
    let mut turn = Turn::begin(store).await?;
    for (row, files) in sets {
        let within = turn.0.within();
        within.keep_rollback(row).await?;
        within.keep_policy(&row.kind, &row.hash, files, row.at).await?;
        let said = if note.is_empty() { row.reason.clone() } else { format!("{}; {note}", row.reason) };
        let record = StepRecord {
            at: row.at,
            kind: row.kind.clone(),
            hash: row.hash.clone(),
            step: Step::RolledBack,
            by: row.by.clone(),
            note: said,
            from: None,
        };
        turn.record(&Event::Step(record))?;
        turn.record(&Event::Policy(in_force(&row.kind, &row.hash, files, &row.by, row.at)))?;
    }
    turn.commit().await
}

fn in_force(kind: &str, hash: &str, files: &Files, by: &str, at: Timestamp) -> PolicyRecord {
    PolicyRecord {
        at,
        kind: kind.into(),
        hash: hash.into(),
        accepted: true,
        files: hashes(files),
        faults: Value::Array(Vec::new()),
        by: by.into(),
    }
}

/// Keeps an edit of the guardrails as a proposal, and answers whether it is a new one. One that waits already stays as it is,
/// with what was found of it now; so does one that was sent back, until the files were others. Edits on disk take each
/// other's place.
///
/// # Errors
///
/// When the store cannot be written; then nothing of it is.
pub async fn propose(
    store: &Store,
    row: &ProposalRow,
    files: &Files,
    note: &str,
) -> Result<bool, StoreError> {
    let mut turn = Turn::begin(store).await?;
    let known = turn.0.within().proposal(&row.hash).await?;
    let stands =
        |state| matches!(state, ProposalState::Open | ProposalState::Approved | ProposalState::SentBack);
    if row.by == FILES {
        turn.supersede(&row.hash, "another edit took its place", row.at).await?;
    }
    match known {
        Some(known) if stands(known.state) && known.by == row.by => {
            let mut report = row.report.clone();
            let backtest = known.report.get("backtest").filter(|known| !known.is_null());
            if let (Some(report), Some(backtest)) = (report.as_object_mut(), backtest) {
                report.insert("backtest".into(), backtest.clone());
            }
            turn.0.within().report_on(&row.hash, &report).await?;
            turn.commit().await?;
            Ok(false)
        }
        _ => {
            turn.0.within().keep_proposal(row, files).await?;
            turn.step(Step::Proposed, row, (&row.by, note), row.at)?;
            turn.commit().await?;
            Ok(true)
        }
    }
}

/// Keeps what a proposal would change, beside what else was found of it.
///
/// # Errors
///
/// When the store cannot be written; then nothing of it is.
pub async fn backtested(store: &Store, hash: &str, backtest: Value) -> Result<(), StoreError> {
    let mut turn = Turn::begin(store).await?;
    let Some(mut row) = turn.0.within().proposal(hash).await? else { return Ok(()) };
    if let Some(report) = row.report.as_object_mut() {
        report.insert("backtest".into(), backtest);
    }
    turn.0.within().report_on(hash, &row.report).await?;
    turn.commit().await
}

/// Why somebody could not do what they wanted with a proposal.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// There is none of this hash.
    #[error("there is no such proposal; `copyrail policy proposals` lists them")]
    Unknown,
    /// It does not wait any more.
    #[error("this proposal is {}, so nobody can approve it or send it back any more", .0.as_str().replace('_', " "))]
    Closed(ProposalState),
    /// Nobody approves what they proposed themselves.
    #[error("{0} proposed this, so another person must approve it")]
    Own(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The most characters of a reason or a note.
const MAX_NOTE: usize = 2_000;

/// What somebody says of what they do, without blanks around it.
///
/// # Errors
///
/// When it is longer than notes may be: what to write instead.
pub fn note(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() > MAX_NOTE {
        true => Err(format!("write at most {MAX_NOTE} characters")),
        false => Ok(text.to_owned()),
    }
}

/// Whether two names are of one person. Somebody whom a provider of OpenID Connect named is written as
/// `Ann <7@login.example.com>`. They may change what they are called, and have a key too, so either part alone is enough.
pub fn same(one: &str, other: &str) -> bool {
    let ((called, meant), (other_called, other_meant)) = (person(one), person(other));
    called == other_called || (meant.is_some() && meant == other_meant)
}

/// What a person is called, and whom a provider means by it, in small letters.
pub fn person(name: &str) -> (String, Option<String>) {
    let name = name.trim().to_lowercase();
    match name.strip_suffix('>').and_then(|name| name.rsplit_once(" <")) {
        Some((called, meant)) => (called.trim().to_owned(), Some(meant.to_owned())),
        None => (name, None),
    }
}

/// Those who approved a proposal, each once.
pub fn persons(approvals: &[ApprovalRow]) -> Vec<&ApprovalRow> {
    let mut persons: Vec<&ApprovalRow> = Vec::new();
    for approval in approvals {
        if !persons.iter().any(|known| same(&known.by, &approval.by)) {
            persons.push(approval);
        }
    }
    persons
}

/// When a proposal is to come into force: `None` while it lacks approvals; otherwise the latest of the days that were named,
/// or else the moment of the approval that was the last it needed.
pub fn due(approvals: &[ApprovalRow], needed: usize) -> Option<Timestamp> {
    let last = persons(approvals).get(needed.checked_sub(1)?)?.at;
    Some(approvals.iter().filter_map(|approval| approval.since).max().unwrap_or(last))
}

/// Somebody approves a proposal: what they say last counts. Answers when it comes into force, `None` while it lacks others.
///
/// # Errors
///
/// When it cannot be approved, or not by them, or the store cannot be written.
pub async fn approve(
    store: &Store,
    hash: &str,
    approval: &ApprovalRow,
    needed: usize,
) -> Result<Option<Timestamp>, DeskError> {
    let mut turn = Turn::begin(store).await?;
    let within = turn.0.within();
    let row = within.proposal(hash).await?.ok_or(DeskError::Unknown)?;
    if !matches!(row.state, ProposalState::Open | ProposalState::Approved) {
        return Err(DeskError::Closed(row.state));
    }
    if same(&row.by, &approval.by) {
        return Err(DeskError::Own(row.by));
    }
    within.keep_approval(hash, approval).await?;
    let due = due(&within.approvals(hash).await?, needed);
    let state = if due.is_some() { ProposalState::Approved } else { ProposalState::Open };
    within.move_proposal(hash, state).await?;
    let record = StepRecord {
        at: approval.at,
        kind: GUARDRAILS.into(),
        hash: hash.into(),
        step: Step::Approved,
        by: approval.by.clone(),
        note: approval.note.clone(),
        from: approval.since,
    };
    turn.record(&Event::Step(record))?;
    turn.commit().await?;
    Ok(due)
}

/// Somebody sends a proposal back: it does not come into force.
///
/// # Errors
///
/// When it does not wait, or the store cannot be written.
pub async fn send_back(
    store: &Store,
    hash: &str,
    (by, note): (&str, &str),
    now: Timestamp,
) -> Result<(), DeskError> {
    let mut turn = Turn::begin(store).await?;
    let row = turn.0.within().proposal(hash).await?.ok_or(DeskError::Unknown)?;
    if !matches!(row.state, ProposalState::Open | ProposalState::Approved) {
        return Err(DeskError::Closed(row.state));
    }
    turn.0.within().move_proposal(hash, ProposalState::SentBack).await?;
    turn.step(Step::SentBack, &row, (by, note), now)?;
    Ok(turn.commit().await?)
}

/// A proposal does not follow what is in force any more: it does not come into force.
///
/// # Errors
///
/// When the store cannot be written.
pub async fn drop_proposal(store: &Store, hash: &str, note: &str, now: Timestamp) -> Result<(), StoreError> {
    let mut turn = Turn::begin(store).await?;
    if let Some(row) = turn.0.within().proposal(hash).await?
        && matches!(row.state, ProposalState::Open | ProposalState::Approved)
    {
        turn.0.within().move_proposal(hash, ProposalState::Superseded).await?;
        turn.step(Step::Superseded, &row, (FILES, note), now)?;
        turn.commit().await?;
    }
    Ok(())
}

/// Puts a proposal in force that is approved and due: it is the last good set from here on, and every service follows. Where
/// it is a rollback, it holds until the files are others than those with the hash `over`. Answers whether it was still due.
///
/// # Errors
///
/// When the store cannot be written; then nothing of it is.
pub async fn enact(
    store: &Store,
    (hash, files): (&str, &Files),
    over: &str,
    needed: usize,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut turn = Turn::begin(store).await?;
    let within = turn.0.within();
    let (row, approvals) = (within.proposal(hash).await?, within.approvals(hash).await?);
    let Some(row) = row.filter(|row| row.state == ProposalState::Approved) else { return Ok(false) };
    if due(&approvals, needed).is_none_or(|due| due > now) {
        return Ok(false);
    }
    within.move_proposal(hash, ProposalState::InForce).await?;
    within.keep_policy(GUARDRAILS, hash, files, now).await?;
    let by = approvals.iter().map(|approval| approval.by.as_str()).collect::<Vec<_>>().join(", ");
    if row.by == FILES {
        within.end_rollback(GUARDRAILS).await?;
    } else {
        let reason = row.report.get("reason").and_then(Value::as_str).unwrap_or_default().to_owned();
        let (kind, hash, over) = (GUARDRAILS.to_owned(), hash.to_owned(), over.to_owned());
        let rolled = RollbackRow { kind, hash, over, at: now, by: row.by.clone(), reason };
        within.keep_rollback(&rolled).await?;
        let (by, note) = (row.by.clone(), rolled.reason);
        turn.step(Step::RolledBack, &row, (&by, &note), now)?;
    }
    turn.record(&Event::Policy(in_force(GUARDRAILS, hash, files, &by, now)))?;
    turn.commit().await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approval(by: &str, at: i64, since: Option<i64>) -> ApprovalRow {
        let time = |seconds| Timestamp::from_second(seconds).unwrap();
        ApprovalRow { by: by.into(), at: time(at), since: since.map(time), note: String::new() }
    }

    #[test]
    fn persons_are_counted_by_name_and_the_latest_day_holds() {
        let due = |all: &[ApprovalRow], needed| due(all, needed).map(Timestamp::as_second);
        let (ann, bob) = (approval("Ann", 1, None), approval("Bob", 2, Some(90)));
        assert_eq!(due(&[], 1), None);
        assert_eq!(due(std::slice::from_ref(&ann), 1), Some(1));
        assert_eq!(due(std::slice::from_ref(&ann), 2), None);
        assert_eq!(due(&[ann.clone(), approval(" ann ", 2, None)], 2), None, "one person");
        for (one, other, is_one) in [
            ("Ann <7@login.example>", "ann <7@login.example>", true),
            ("Ann <7@login.example>", "Bob <7@login.example>", true),
            ("Ann <7@login.example>", "Ann", true),
            ("Ann <7@login.example>", "Ann <8@login.example>", true),
            ("Ann <7@login.example>", "Bob <8@login.example>", false),
            ("Ann <7@login.example>", "Bob", false),
            ("<7@login.example>", "Bob", false),
        ] {
            let both = [approval(one, 1, None), approval(other, 2, None)];
            assert_eq!(due(&both, 2).is_none(), is_one, "{one} and {other}");
        }
        assert_eq!(due(&[ann.clone(), bob.clone()], 2), Some(90));
        assert_eq!(due(&[ann, bob, approval("Cem", 3, Some(70))], 1), Some(90));
    }
}
