//! `copyrail audit verify`.

use clap::Args;

use super::super::output::{Paint, counted};
use super::super::{ConfigArgs, Failure, Format, Shell};
use crate::audit::verify;
use crate::store::{Access, Store};

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail audit verify --expect-head \"$(cat yesterday.head)\"",
    after_help = "Finds any change, gap or reordering. Records cut off at the end are found only with a head that was kept elsewhere: \
    keep the one that this command prints."
)]
pub(in crate::cli) struct Verify {
    /// A head kept elsewhere, which must still be in the chain
    #[arg(long, value_name = "HASH")]
    expect_head: Option<String>,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(args: Verify, shell: &mut Shell) -> Result<(), Failure> {
    let settings = shell.settings(&args.config.config)?;
    let store = Store::open(&settings.store_url, Access::ReadOnly).await?;
    let bar =
        if shell.out.watched { indicatif::ProgressBar::new(0) } else { indicatif::ProgressBar::hidden() };
    let report = verify::verify(&store, args.expect_head.as_deref(), |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })
    .await?;
    bar.finish_and_clear();
    if args.format == Format::Json {
        shell.out.line(&serde_json::to_string(&report).map_err(anyhow::Error::from)?)?;
    } else {
        let counts = format!(
            "{}, {}, {}",
            counted(report.records, "record"),
            counted(report.serves, "serve"),
            counted(report.generations, "generation")
        );
        match &report.fault {
            None => {
                shell.out.line(&format!("{} {counts}", shell.out.paint(Paint::Good, "whole:")))?;
                shell.out.line(&format!(
                    "head {}",
                    report.head.as_deref().unwrap_or("none yet: the log is empty")
                ))?;
            }
            Some(fault) => {
                shell.out.line(&format!(
                    "{} {}",
                    shell.out.paint(Paint::Bad, "not whole:"),
                    fault.explanation
                ))?;
                shell.out.line(&format!("up to there: {counts}"))?;
            }
        }
    }
    if report.fault.is_some() { Err(Failure::NotInOrder) } else { Ok(()) }
}
