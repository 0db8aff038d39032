//! `copyrail catalog import`.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use super::output::counted;
use super::{ConfigArgs, Failure, Shell};
use crate::catalogue::{self, ImportError};
use crate::store::{Access, Store};

#[derive(Debug, Subcommand)]
#[command(before_help = "Example:\n  copyrail catalog import config/sample-catalogue.jsonl")]
pub(super) enum Catalog {
    /// Import product facts: JSON Lines with `id` or `product_id`, `name` and any other fields
    Import(Import),
}

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail catalog import config/sample-catalogue.jsonl",
    after_help = "Replaces the whole catalogue at once, or, when any line is faulty, not at all. A running service uses the new one \
    within two seconds."
)]
pub(super) struct Import {
    /// The file
    #[arg(value_name = "FILE.jsonl")]
    file: PathBuf,
    /// Add to the catalogue, replacing products of the same id
    #[arg(long)]
    upsert: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(command: Catalog, shell: &mut Shell) -> Result<(), Failure> {
    let Catalog::Import(args) = command;
    let settings = shell.settings(&args.config.config)?;
    let shown = args.file.display().to_string();
    let file =
        File::open(&args.file).map_err(|error| Failure::Usage(format!("{shown} cannot be read: {error}")))?;
    let size = file.metadata().map_or(0, |metadata| metadata.len());
    let store = Store::open(&settings.store_url, Access::Beside).await?;
    let bar = progress(size, shell.out.watched);
    let imported =
        catalogue::import(&store, BufReader::new(file), args.upsert, |bytes| bar.set_position(bytes)).await;
    bar.finish_and_clear();
    match imported {
        Ok(imported) => {
            shell.out.line(&format!(
                "{} imported; the catalogue holds {}",
                counted(imported.products, "product"),
                imported.total
            ))?;
            Ok(())
        }
        Err(ImportError::Faults(faults)) => {
            for fault in &faults {
                shell.out.talk(&format!("{shown}:{}: {}", fault.line, fault.message));
            }
            shell.out.error("nothing was imported; mend the lines above");
            Err(Failure::NotInOrder)
        }
        Err(error) => Err(Failure::Failed(error.into())),
    }
}

/// A bar over bytes, shown where a person watches.
pub(super) fn progress(bytes: u64, watched: bool) -> ProgressBar {
    if !watched {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(bytes);
    if let Ok(style) = ProgressStyle::with_template("{bar:32} {percent:>3}% {bytes}/{total_bytes} {eta}") {
        bar.set_style(style);
    }
    bar
}
