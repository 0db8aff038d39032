//! `copyrail policy proposals|approve|send-back`.

use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::super::output::{Paint, counted, safe};
use super::super::{ConfigArgs, Failure, Format, Shell};
use super::diff::grouped;
use crate::audit::desk::{DeskError, approve as keep_approval, due, persons, send_back as keep_send_back};
use crate::config::Settings;
use crate::document::Files;
use crate::guardrail::{self, Change};
use crate::replay::{Changes, Count, KeptError, KeptSets, Report};
use crate::store::desk::{self, ApprovalRow, ProposalRow, ProposalState};
use crate::store::keys::{self, Role, parse_token};
use crate::store::{Access, Store, StoreError};

/// Where the key of whoever decides stands.
const KEY: &str = "COPYRAIL_KEY";
/// The most proposals that are listed.
const MOST: u32 = 50;
/// How wide lines are where nothing says how wide the terminal is.
const WIDTH: usize = 100;

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail policy proposals\n  copyrail policy proposals 4f2a91",
    after_help = "With `[policy] approvals` of 1 or more, a changed set of guardrails is a proposal until so many persons have \
    approved it."
)]
pub(super) struct Proposals {
    /// Show this one whole
    #[arg(value_name = "HASH")]
    hash: Option<String>,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  COPYRAIL_KEY=crk_… copyrail policy approve 4f2a91 --from 2026-12-01",
    after_help = "COPYRAIL_KEY holds a key of the role `compliance` that has a name: persons are told apart by it. A running \
    service has it in force within two seconds of the last approval it needs."
)]
pub(super) struct Approve {
    /// The proposal, or the beginning of its hash
    #[arg(value_name = "HASH")]
    hash: String,
    /// Not before this day begins, where the dates of rules do
    #[arg(long, value_name = "DATE")]
    from: Option<Date>,
    /// What you say of it
    #[arg(long, value_name = "N", default_value = "")]
    note: String,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  COPYRAIL_KEY=crk_… copyrail policy send-back 4f2a91 --note \"Who checked the dates?\""
)]
pub(super) struct SendBack {
    /// The proposal, or the beginning of its hash
    #[arg(value_name = "HASH")]
    hash: String,
    /// Why
    #[arg(long, value_name = "N")]
    note: String,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn list(args: Proposals, shell: &mut Shell) -> Result<(), Failure> {
    let settings = shell.settings(&args.config.config)?;
    let store = Store::open(&settings.store_url, Access::ReadOnly).await?;
    let needs = settings.policy.approvals;
    if let Some(begins) = &args.hash {
        let row = find(&store, begins).await?;
        let files = desk::proposed_files(&store, &row.hash).await?.unwrap_or_default();
        let approvals = desk::approvals(&store, &row.hash).await?;
        let changes = changes(&store, &settings, &files).await?;
        if args.format == Format::Json {
            let whole = told(&row, &approvals, needs, row.report.clone());
            let object = json!({"proposal": whole, "changes": changes, "files": files});
            return Ok(shell.out.line(&object.to_string())?);
        }
        line(&row, &approvals, needs, shell)?;
        for approval in &approvals {
            let note =
                if approval.note.is_empty() { String::new() } else { format!(": {}", safe(&approval.note)) };
            let day = approval.since.map(|since| format!(", from {} on", minute(since))).unwrap_or_default();
            let at = minute(approval.at);
            shell.out.line(&format!("  approved by {}, {at}{day}{note}", safe(&approval.by)))?;
        }
        for fault in row.report.get("diagnostics").and_then(Value::as_array).into_iter().flatten() {
            let said = |name: &str| fault.get(name).and_then(Value::as_str).map(safe).unwrap_or_default();
            let line = fault.get("line").and_then(Value::as_u64).unwrap_or(1);
            shell.out.line(&format!("  {}:{line}: {}", said("file"), said("message")))?;
        }
        let waits = matches!(row.state, ProposalState::Open | ProposalState::Approved);
        if waits {
            let width = shell.columns().unwrap_or(WIDTH).clamp(40, 200);
            match &changes {
                Some(changes) if changes.is_empty() => {
                    shell.out.line("  Against what is in force nothing changes.")?
                }
                Some(changes) => grouped(&changes.iter().collect::<Vec<_>>(), width, shell)?,
                None => shell.out.line(
                    "  This version does not read one of the two sets, so the difference cannot be told.",
                )?,
            }
        }
        match row.report.get("backtest").filter(|known| known.is_object()) {
            Some(known) => backtested(known, shell)?,
            None if waits => {
                shell.out.line("  What it would change among what was written lately is not known yet.")?;
            }
            None => {}
        }
        for (path, text) in &files {
            shell.out.line(&format!(
                "  {} ({})",
                safe(path),
                counted(text.lines().count() as u64, "line")
            ))?;
        }
        return Ok(());
    }
    let mut all = Vec::new();
    for row in desk::proposals(&store, MOST).await? {
        let approvals = desk::approvals(&store, &row.hash).await?;
        if args.format == Format::Json {
            all.push(told(&row, &approvals, needs, Value::Null));
        } else {
            line(&row, &approvals, needs, shell)?;
            all.push(Value::Null);
        }
    }
    if args.format == Format::Json {
        shell.out.line(&json!({ "proposals": all }).to_string())?;
    } else if all.is_empty() {
        shell
            .out
            .talk("Nothing is or was proposed; `[policy] approvals` says how many persons an edit needs.");
    }
    Ok(())
}

/// What a proposal changes against what is in force; `None` where one of the two cannot be read.
async fn changes(store: &Store, settings: &Settings, files: &Files) -> Result<Option<Vec<Change>>, Failure> {
    let before = match KeptSets::new(store.clone(), &settings.policy).guardrails().await {
        Ok(before) => before,
        Err(KeptError::Store(error)) => return Err(error.into()),
        Err(_) => return Ok(None),
    };
    let after = guardrail::load(files, &settings.policy.timezone).0;
    Ok(after.map(|after| guardrail::changes(&before, &after)))
}

/// What the backtest of a proposal found, in numbers.
fn backtested(known: &Value, shell: &Shell) -> Result<(), Failure> {
    let Ok(report) = serde_json::from_value::<Report>(known.clone()) else {
        let fault =
            known.get("fault").and_then(Value::as_str).unwrap_or("this version does not read its report");
        return Ok(shell.out.line(&format!("  It is not known what it would change: {}", safe(fault)))?);
    };
    let most = if report.complete { "" } else { " (the newest)" };
    let title = format!("Of {} written or shown lately{most}", counted(report.texts(), "text"));
    shell.out.line(&format!("  {}", shell.out.paint(Paint::Strong, &title)))?;
    let told = |changes: &Changes| {
        let Changes { newly_blocked, newly_passed, changed, would_be_asked } = changes;
        let all = [
            (newly_blocked, "would not be used any more"),
            (newly_passed, "would be used now"),
            (changed, "would be worded otherwise"),
            (would_be_asked, "would wait for a second model"),
        ];
        let of_any = |(count, what): (&Count, &str)| {
            let share = count.share * 100.0;
            (count.texts > 0).then(|| format!("{} {what} ({share:.3} % of serves)", count.texts))
        };
        all.into_iter().filter_map(of_any).collect::<Vec<_>>().join(", ")
    };
    let all = told(&report.changes);
    shell.out.line(&format!("    {}", if all.is_empty() { "nothing would change" } else { &all }))?;
    for rule in &report.rules {
        shell.out.line(&format!("    {}: {}", safe(&rule.rule), told(&rule.changes)))?;
    }
    Ok(())
}

fn told(row: &ProposalRow, approvals: &[ApprovalRow], needs: usize, report: Value) -> Value {
    json!({
        "hash": row.hash, "since": row.at, "by": row.by, "state": row.state, "approvals": approvals,
        "needs": needs, "from": due(approvals, needs), "report": report,
    })
}

fn line(row: &ProposalRow, approvals: &[ApprovalRow], needs: usize, shell: &Shell) -> Result<(), Failure> {
    let since = minute(row.at);
    let state = shell.out.paint(Paint::Strong, &format!("{:<10}", row.state.as_str().replace('_', " ")));
    // Of what is in force, or never will be, the day is no news.
    let due =
        due(approvals, needs).filter(|due| row.state == ProposalState::Approved && *due > (shell.now)());
    let from = due.map(|due| format!(", from {} on", minute(due))).unwrap_or_default();
    let counts = format!("{} of {needs} approvals{from}", persons(approvals).len());
    Ok(shell.out.line(&format!("{}  {state}  since {since}  by {}  {counts}", row.hash, safe(&row.by)))?)
}

/// An instant as people read it.
fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// The proposal whose hash begins so.
async fn find(store: &Store, begins: &str) -> Result<ProposalRow, Failure> {
    let mut found = desk::beginning(store, begins).await?;
    match found.len() {
        0 | 1 => found.pop().ok_or_else(|| failed(DeskError::Unknown)),
        _ => Err(Failure::Usage(format!("several proposals begin with `{begins}`; write more of it"))),
    }
}

fn failed(error: DeskError) -> Failure {
    Failure::Failed(error.into())
}

/// The store, and the name of the person whose key the environment holds.
async fn person(settings: &Settings, shell: &Shell) -> Result<(Store, String), Failure> {
    let Some(token) = shell.environment.get(KEY) else {
        return Err(Failure::Usage(format!(
            "{KEY} must hold a key of the role `compliance`: it says who decides"
        )));
    };
    let store = Store::open(&settings.store_url, Access::Beside).await?;
    let rows: Result<_, StoreError> = keys::list(&store).await;
    let token = parse_token(token.trim());
    let row = token.and_then(|token| rows.ok()?.into_iter().find(|row| row.matches(&token)));
    let row = row.filter(|row| row.holds((shell.now)()) && row.role.allows(Role::Compliance));
    let said = match row.as_ref().map(|row| row.name.trim()) {
        None => format!("{KEY} holds no key of the role `compliance` that is known and holds"),
        Some("") => {
            "this key has no name, and who decides must have one; `copyrail keys new --name` makes one".into()
        }
        Some(name) => return Ok((store, name.to_owned())),
    };
    Err(Failure::Failed(anyhow::anyhow!(said)))
}

pub(super) async fn approve(args: Approve, shell: &mut Shell) -> Result<(), Failure> {
    let settings = shell.settings(&args.config.config)?;
    let needs = settings.policy.approvals;
    if needs == 0 {
        return Err(Failure::Usage("`[policy] approvals` is 0, so nothing waits for anybody".into()));
    }
    let (store, by) = person(&settings, shell).await?;
    let since = args.from.map(|day| day.to_zoned(settings.policy.timezone.clone())).transpose();
    let since = since.map_err(|error| Failure::Usage(error.to_string()))?.map(|day| day.timestamp());
    let row = find(&store, &args.hash).await?;
    let approval = ApprovalRow { by, at: (shell.now)(), since, note: args.note.trim().to_owned() };
    let due = keep_approval(&store, &row.hash, &approval, needs).await.map_err(failed)?;
    store.close().await;
    shell.out.line(&format!("{} {}", shell.out.paint(Paint::Good, "approved"), row.hash))?;
    match due {
        None => shell.out.talk("It waits for more persons."),
        Some(due) if due > (shell.now)() => {
            shell.out.talk(&format!("It comes into force on {}.", minute(due)))
        }
        Some(_) => {
            shell.out.talk("A running service has it in force within two seconds, others at their start.")
        }
    }
    Ok(())
}

pub(super) async fn send_back(args: SendBack, shell: &mut Shell) -> Result<(), Failure> {
    let note = args.note.trim();
    if note.is_empty() {
        return Err(Failure::Usage("say why it goes back".into()));
    }
    let settings = shell.settings(&args.config.config)?;
    let (store, by) = person(&settings, shell).await?;
    let row = find(&store, &args.hash).await?;
    keep_send_back(&store, &row.hash, (&by, note), (shell.now)()).await.map_err(failed)?;
    store.close().await;
    Ok(shell.out.line(&format!("{} {}", shell.out.paint(Paint::Good, "sent back"), row.hash))?)
}
