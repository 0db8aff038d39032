//! `copyrail audit verify`.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use jiff::Timestamp;

use super::super::output::{Paint, counted, safe};
use super::super::serve::stop_asked;
use super::super::{ConfigArgs, Failure, Format, Shell};
use crate::audit::heads::{self, HeadsError, PublicKey, SignedHead};
use crate::audit::verify::{self, BLIND_SPOTS, Checkpoint, Fault, FaultKind, Plan, Report};
use crate::config::Settings;
use crate::store::{Access, Store};

/// After how many stretches of the log the checkpoint is written anew.
const BETWEEN_CHECKPOINTS: u32 = 32;

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail audit verify --heads /mnt/elsewhere/heads.jsonl",
    after_help = "Finds the first record that was changed, removed, moved or put in, anything beside the records that was changed or blanked without a receipt, and, with a head kept elsewhere, a log that lost its end or was rewritten. How far it came stays in `verified.json` in the data folder, also after Ctrl-C: `--resume` goes on from there. It cannot find records cut off or rewritten since the last head kept elsewhere, answers of the last moments before a service was killed, serves that the search tables leave out, the kind and time of entries that retention emptied, and what was never recorded. Exit code: 0 when all is whole, 1 otherwise."
)]
pub(in crate::cli) struct Verify {
    /// A head kept elsewhere, which must still be in the chain
    #[arg(long, value_name = "HASH")]
    expect_head: Option<String>,
    /// Signed heads kept elsewhere: each must be signed well and be in the chain
    #[arg(long, value_name = "FILE")]
    heads: Option<PathBuf>,
    /// A public key that signed heads may be signed with, in PEM; more than once for several. Without it, `head.pub` in the
    /// data folder
    #[arg(long, value_name = "FILE", requires = "heads")]
    heads_key: Vec<PathBuf>,
    /// Go on from where the last check was; what is before that is not checked again
    #[arg(long)]
    resume: bool,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(args: Verify, shell: &mut Shell) -> Result<(), Failure> {
    let settings = shell.settings(&args.config.config)?;
    let store = Store::open(&settings.store_url, Access::ReadOnly).await?;
    let report = match signed_heads(&args, &settings)? {
        Ok(heads) => check(&args, &heads, &settings, &store, shell).await?,
        Err(fault) => Report { fault: Some(fault), ..Report::default() },
    };
    if args.format == Format::Json {
        let mut value = serde_json::to_value(&report).map_err(anyhow::Error::from)?;
        if let (Some(fault), Some(told)) = (&report.fault, value.pointer_mut("/fault")) {
            told["advice"] = fault.what.advice().into();
        }
        shell.out.line(&value.to_string())?;
    } else {
        say(&report, shell)?;
    }
    if report.fault.is_some() || report.stopped { Err(Failure::NotInOrder) } else { Ok(()) }
}

/// The heads to check by; a fault when one of them is not signed well.
fn signed_heads(args: &Verify, settings: &Settings) -> anyhow::Result<Result<Vec<SignedHead>, Fault>> {
    let Some(path) = &args.heads else { return Ok(Ok(Vec::new())) };
    let read = |path: &PathBuf| {
        PublicKey::read(path)
            .map_err(|error| anyhow::anyhow!("the key {} cannot be read: {error}", path.display()))
    };
    let mut trusted: Vec<PublicKey> = args.heads_key.iter().map(read).collect::<Result<_, _>>()?;
    if trusted.is_empty() {
        trusted.extend(heads::own_key(&settings.data_dir)?);
    }
    match heads::read(path, &trusted) {
        // Whoever names a file means something to be compared: one that was emptied shows nothing.
        Ok(heads) if heads.is_empty() => {
            anyhow::bail!("{} holds no signed head, so there is nothing to check the log by", path.display())
        }
        Ok(heads) => Ok(Ok(heads)),
        Err(error @ HeadsError::Signature { .. }) => {
            let (what, explanation) = (FaultKind::Signature, error.to_string());
            Ok(Err(Fault { seq: None, record: None, at: None, what, explanation }))
        }
        Err(error) => Err(error.into()),
    }
}

async fn check(
    args: &Verify,
    heads: &[SignedHead],
    settings: &Settings,
    store: &Store,
    shell: &Shell,
) -> Result<Report, Failure> {
    let resume = if args.resume { checkpoint(settings, shell)? } else { None };
    let stop = Arc::new(AtomicBool::new(false));
    let (asked, stopped) = (stop_asked()?, Arc::clone(&stop));
    tokio::spawn(async move {
        asked.await;
        stopped.store(true, Ordering::Relaxed);
    });
    let bar =
        if shell.out.watched { indicatif::ProgressBar::new(0) } else { indicatif::ProgressBar::hidden() };
    let (mut reached, mut since, mut unwritten) = (None, 0u32, false);
    let mut keep = |reached: &Option<(i64, Report)>| {
        let Some((seq, report)) = reached else { return };
        let hash = report.head.clone().unwrap_or_default();
        let (at, store) = ((shell.now)(), settings.store_url.clone());
        let checkpoint = Checkpoint { v: 1, store, at, seq: *seq, hash, report: report.clone() };
        if let Err(error) = checkpoint.write(&settings.data_dir)
            && !std::mem::replace(&mut unwritten, true)
        {
            shell.out.talk(&format!("how far this is cannot be kept for `--resume`: {error}"));
        }
    };
    let plan = Plan { expect_head: args.expect_head.as_deref(), heads, resume };
    let report = verify::verify_as(store, plan, |progress| {
        bar.set_length(u64::try_from(progress.last).unwrap_or(0));
        bar.set_position(u64::try_from(progress.seq).unwrap_or(0));
        reached = Some((progress.seq, progress.report.clone()));
        since += 1;
        if since >= BETWEEN_CHECKPOINTS {
            since = 0;
            keep(&reached);
        }
        if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .await?;
    bar.finish_and_clear();
    keep(&reached);
    Ok(report)
}

/// Where the last check was; none when there was none yet.
fn checkpoint(settings: &Settings, shell: &Shell) -> anyhow::Result<Option<Checkpoint>> {
    let Some(checkpoint) = Checkpoint::read(&settings.data_dir)? else {
        shell.out.talk("there is no check to go on from, so all is checked");
        return Ok(None);
    };
    if checkpoint.store != settings.store_url {
        anyhow::bail!(
            "the last check was of another store, {}; leave `--resume` out to check this one",
            safe(&checkpoint.store)
        );
    }
    Ok(Some(checkpoint))
}

fn say(report: &Report, shell: &Shell) -> std::io::Result<()> {
    let out = &shell.out;
    let counts = format!(
        "{}, {}, {}",
        counted(report.records, "record"),
        counted(report.serves, "serve"),
        counted(report.generations, "generation")
    );
    let utc = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    match &report.fault {
        None if report.stopped => {
            out.line(&format!("{} {counts}", out.paint(Paint::Notice, "stopped, whole so far:")))?;
            out.line("the rest is unchecked; go on with `copyrail audit verify --resume`")?;
        }
        None => {
            out.line(&format!("{} {counts}", out.paint(Paint::Good, "whole:")))?;
            out.line(&format!("head {}", report.head.as_deref().unwrap_or("none yet: the log is empty")))?;
        }
        Some(fault) => {
            out.line(&format!("{} {}", out.paint(Paint::Bad, "not whole:"), safe(&fault.explanation)))?;
            let record = fault.record.as_deref().map(|id| format!("record {}", safe(id)));
            let at = fault.at.map(|at| format!("written {}", utc(at)));
            let named: Vec<String> = record.into_iter().chain(at).collect();
            if !named.is_empty() {
                out.line(&named.join(", "))?;
            }
            out.line(&format!("up to there: {counts}"))?;
        }
    }
    let gaps = format!("gaps: {}, telling of {} missing", report.gaps, counted(report.lost, "serve"));
    let also = [
        (report.erased, format!("payloads erased or deleted for their age: {}", report.erased)),
        (report.pruned, format!("entries deleted for their age: {}", report.pruned)),
        (report.gaps, gaps),
    ];
    for (_, line) in also.iter().filter(|(number, _)| *number > 0) {
        out.line(line)?;
    }
    for (kind, number) in &report.unknown {
        let records = counted(*number, "record");
        out.line(&format!(
            "{records} of type `{}`, which a later version writes: whole, not read",
            safe(kind)
        ))?;
    }
    if report.heads > 0 {
        out.line(&format!("{} good and in the chain", counted(report.heads, "signed head")))?;
    }
    if let Some(resumed) = &report.resumed {
        let (seq, at) = (resumed.seq, utc(resumed.at));
        out.line(&format!("entries 1 to {seq} were checked at {at} and before, and not now"))?;
    }
    if let Some(fault) = &report.fault {
        let heading = out.paint(Paint::Strong, "what to do:");
        return out.line(&format!("\n{heading} {}", fault.what.advice()));
    }
    out.line(&out.paint(Paint::Faint, "\nno check finds:"))?;
    BLIND_SPOTS.iter().try_for_each(|spot| out.line(&out.paint(Paint::Faint, &format!("- {spot}"))))
}
