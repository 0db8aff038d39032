//! `copyrail simulate-log`.

use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::SignedDuration;

use super::output::counted;
use super::{Failure, Shell};
use crate::app::wall_clock;
use crate::audit::bulk::append_many;
use crate::audit::index::{self, Pace};
use crate::simulate::log::{Plan, Records};
use crate::store::{Access, Store};

/// How many entries are written in one transaction.
const TOGETHER: usize = 2_000;

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail simulate-log --generations 10000 --serves 100000 trial.db",
    after_help = "Nothing in it was generated, served or reviewed: each generation names the model `simulated`. The file must not exist \
    yet, so that no real log is ever mixed with it. Read it with COPYRAIL__STORE__URL=sqlite:trial.db copyrail audit ..."
)]
pub(super) struct SimulateLog {
    /// The store's file, which is made
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How many generations
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    generations: u64,
    /// How many serves
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    serves: u64,
    /// How many users are served
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..))]
    users: u64,
    /// How many products there are
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
    products: u64,
    /// Over how many days, up to now
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..3_660))]
    days: u32,
    /// What chance depends on
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

pub(super) async fn run(args: SimulateLog, shell: &mut Shell) -> Result<(), Failure> {
    let shown = args.file.display();
    if args.file.exists() {
        return Err(Failure::Usage(format!("{shown} exists; name a file that does not, or delete it first")));
    }
    let store = Store::open(&format!("sqlite:{shown}"), Access::Serve).await?;
    let records = Records::of(Plan {
        generations: args.generations,
        serves: args.serves,
        users: args.users,
        products: args.products,
        until: wall_clock()(),
        span: SignedDuration::from_hours(24 * i64::from(args.days)),
        seed: args.seed,
    });
    let bar = if shell.out.watched { ProgressBar::new(records.entries()) } else { ProgressBar::hidden() };
    bar.set_style(
        ProgressStyle::with_template("{bar:30} {percent:>3} %  {human_pos} of {human_len} entries  {eta}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let mut records = records.peekable();
    while records.peek().is_some() {
        let entries: Vec<_> = records.by_ref().take(TOGETHER).collect();
        let written = entries.len() as u64;
        append_many(&store, entries).await?;
        bar.inc(written);
    }
    // Nobody serves from it, so nobody else would index it.
    bar.set_position(0);
    bar.set_length(index::behind(&store).await?);
    index::catch_up_as(&store, Pace::Alone, |entries| bar.set_position(entries)).await?;
    bar.finish_and_clear();
    store.close().await;
    let size = std::fs::metadata(&args.file).map_err(anyhow::Error::from)?.len();
    shell.out.line(&format!(
        "{shown}: {} and {}, all simulated, in {}",
        counted(args.generations, "generation"),
        counted(args.serves, "serve"),
        indicatif::HumanBytes(size)
    ))?;
    Ok(())
}
