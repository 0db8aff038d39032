//! `copyrail audit hold add|list|lift`.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::json;
use uuid::Uuid;

use super::super::output::{Paint, cut, safe};
use super::super::{ConfigArgs, Failure, Format, Shell};
use crate::audit::HoldScope;
use crate::audit::hold::{self, Hold};
use crate::store::{Access, Store};

#[derive(Debug, Subcommand)]
#[command(before_help = "Example:\n  copyrail audit hold add --product 1970121 --reason \"Claim 7\" --by jo")]
pub(in crate::cli) enum HoldCommand {
    /// Hold what is said here: all that every option given says
    Add(Add),
    /// List holds, those that were lifted included
    List(List),
    /// End a hold
    Lift(Lift),
}

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail audit hold add --user u-17 --since 2026-11-01 --reason \"Claim 7\" --by jo",
    after_help = "What is held is neither erased nor deleted for its age. Holds are recorded for good, so a reason names a case and not a person."
)]
pub(in crate::cli) struct Add {
    /// Why
    #[arg(long, value_name = "R")]
    reason: String,
    /// Who holds it
    #[arg(long, value_name = "NAME")]
    by: String,
    /// One user, as pages send them in `user.id`
    #[arg(long, value_name = "U")]
    user: Option<String>,
    /// One generation, and the serves of its text
    #[arg(long, value_name = "ID")]
    generation: Option<Uuid>,
    /// One product
    #[arg(long, value_name = "P")]
    product: Option<String>,
    /// One placement
    #[arg(long, value_name = "P")]
    placement: Option<String>,
    /// From this day (UTC) or instant on
    #[arg(long, value_name = "TIME", value_parser = instant)]
    since: Option<Timestamp>,
    /// Before this day (UTC) or instant
    #[arg(long, value_name = "TIME", value_parser = instant)]
    until: Option<Timestamp>,
    /// Hold the whole log
    #[arg(long, conflicts_with_all = ["user", "generation", "product", "placement", "since", "until"])]
    all: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
#[command(before_help = "Example:\n  copyrail audit hold list")]
pub(in crate::cli) struct List {
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail audit hold lift 0192f3c1-7a2b-7c3d-8e4f-5a6b7c8d9e0f --reason Settled --by jo"
)]
pub(in crate::cli) struct Lift {
    /// The hold's id, as `hold list` shows it
    id: Uuid,
    /// Why
    #[arg(long, value_name = "R")]
    reason: String,
    /// Who lifts it
    #[arg(long, value_name = "NAME")]
    by: String,
    #[command(flatten)]
    config: ConfigArgs,
}

/// A day, from its midnight UTC on, or an instant.
fn instant(text: &str) -> Result<Timestamp, String> {
    let day = |day: Date| day.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
    let read = text.parse::<Timestamp>().or_else(|_| text.parse::<Date>().and_then(day));
    read.map_err(|_| "write a day such as 2026-11-03, or an instant such as 2026-11-03T14:10:00Z".to_owned())
}

pub(super) async fn run(command: HoldCommand, shell: &mut Shell) -> Result<(), Failure> {
    match command {
        HoldCommand::Add(args) => add(args, shell).await,
        HoldCommand::List(args) => list(args, shell).await,
        HoldCommand::Lift(args) => lift(args, shell).await,
    }
}

async fn add(args: Add, shell: &mut Shell) -> Result<(), Failure> {
    let scope = HoldScope {
        user: None,
        generation: args.generation,
        product: args.product,
        placement: args.placement,
        since: args.since,
        until: args.until,
    };
    if args.user.is_none() && !args.all && scope == HoldScope::default() {
        let said = "say what to hold: `--user`, `--generation`, `--product`, `--placement`, `--since`, `--until`, or `--all`";
        return Err(Failure::Usage(said.into()));
    }
    if args.reason.trim().is_empty() || args.by.trim().is_empty() {
        return Err(Failure::Usage("a hold needs a reason and somebody who places it".into()));
    }
    let settings = shell.settings(&args.config.config)?;
    let user = match &args.user {
        Some(user) => Some(super::user_key(&settings)?.digest(user)),
        None => None,
    };
    let store = Store::open(&settings.store_url, Access::Beside).await?;
    let hold = hold::add(&store, scope, user, (&args.by, &args.reason), (shell.now)()).await?;
    store.close().await;
    shell.out.line(&hold.id.to_string())?;
    shell.out.talk("Held: it is neither erased nor deleted for its age until `copyrail audit hold lift`.");
    Ok(())
}

async fn list(args: List, shell: &mut Shell) -> Result<(), Failure> {
    let settings = shell.settings(&args.config.config)?;
    let store = Store::open(&settings.store_url, Access::ReadOnly).await?;
    let holds = hold::list(&store).await?;
    if args.format == Format::Json {
        return Ok(shell.out.line(&json!({ "holds": holds }).to_string())?);
    }
    if holds.is_empty() {
        shell.out.talk("Nothing is held; `copyrail audit hold add` holds something.");
        return Ok(());
    }
    let width = shell.columns().unwrap_or(120).saturating_sub(38 + 18 + 11).max(20);
    shell.out.line(&format!("{:<37} {:<17} {:<10} what and why", "id", "since", "state"))?;
    for hold in &holds {
        let state = if hold.lifted.is_some() { "lifted" } else { "in force" };
        let why = format!("{}: {} ({})", what(hold), safe(&hold.reason), safe(&hold.by));
        let since = hold.at.strftime("%Y-%m-%d %H:%M");
        let id = hold.id.to_string();
        shell.out.line(&format!("{id:<37} {since:<17} {state:<10} {}", cut(&why, width)))?;
    }
    Ok(())
}

/// What is held, in words.
fn what(hold: &Hold) -> String {
    let scope = &hold.scope;
    let parts = [
        // The whole name would fill the line.
        scope.user.as_ref().map(|user| format!("user {}", user.chars().take(8).collect::<String>())),
        scope.generation.map(|id| format!("generation {id}")),
        scope.product.as_ref().map(|product| format!("product {}", safe(product))),
        scope.placement.as_ref().map(|placement| format!("placement {}", safe(placement))),
        scope.since.map(|since| format!("since {since}")),
        scope.until.map(|until| format!("until {until}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "the whole log".into() } else { parts.join(", ") }
}

async fn lift(args: Lift, shell: &mut Shell) -> Result<(), Failure> {
    let settings = shell.settings(&args.config.config)?;
    let store = Store::open(&settings.store_url, Access::Beside).await?;
    let lifted = hold::lift(&store, args.id, (&args.by, &args.reason), (shell.now)()).await?;
    store.close().await;
    if lifted.is_none() {
        let said = format!("no hold {} is in force; `copyrail audit hold list` shows all", args.id);
        return Err(Failure::Failed(anyhow::anyhow!(said)));
    }
    Ok(shell.out.line(&format!("{} {}", shell.out.paint(Paint::Good, "lifted"), args.id))?)
}
