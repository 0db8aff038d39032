//! `copyrail audit retain`.

use clap::Args;
use serde_json::json;

use super::super::output::{Paint, counted};
use super::super::{ConfigArgs, Failure, Format, Shell};
use crate::audit::retain;
use crate::store::{Access, Store};

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail audit retain --dry-run",
    after_help = "How long what is kept stands in `audit.retention` of the settings. What a legal hold covers stays. Freed space is used again; the \
    file itself becomes smaller with a backup that is restored."
)]
pub(in crate::cli) struct Retain {
    /// Say what would be deleted, and delete nothing
    #[arg(long)]
    dry_run: bool,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(args: Retain, shell: &mut Shell) -> Result<(), Failure> {
    let settings = shell.settings(&args.config.config)?;
    let store = Store::open(&settings.store_url, Access::Beside).await?;
    let bar = if shell.out.watched {
        indicatif::ProgressBar::new_spinner()
    } else {
        indicatif::ProgressBar::hidden()
    };
    bar.enable_steady_tick(std::time::Duration::from_millis(100));
    let deleted = retain::run(&store, &settings.audit.retention, (shell.now)(), args.dry_run).await;
    bar.finish_and_clear();
    let deleted = deleted?;
    store.close().await;
    if args.format == Format::Json {
        return Ok(shell.out.line(&json!(deleted).to_string())?);
    }
    let done = if args.dry_run { "would delete" } else { "deleted" };
    let mut what = vec![
        counted(deleted.blocks, "block") + " of serves",
        counted(deleted.payloads, "payload"),
        counted(deleted.generations, "generation"),
    ];
    if !args.dry_run {
        what.push(counted(deleted.texts, "text"));
    }
    let freed = indicatif::HumanBytes(deleted.bytes);
    shell.out.line(&format!("{} {} ({freed})", shell.out.paint(Paint::Good, done), what.join(", ")))?;
    if deleted.held > 0 {
        let held = format!(
            "{} too old and held; `copyrail audit hold list` says why",
            counted(deleted.held, "entry")
        );
        shell.out.line(&held.replace("entrys", "entries"))?;
    }
    Ok(())
}
