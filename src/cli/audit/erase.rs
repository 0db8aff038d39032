//! `copyrail audit erase`.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::super::output::{Paint, counted, safe};
use super::super::{ConfigArgs, Failure, Format, Shell};
use crate::audit::erase::{self, EraseError, Extent, Order};
use crate::config::Settings;
use crate::store::{Access, Store};

/// How long the command tries to bring what was erased out of the store's files.
const SWEEP: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail audit erase --user u-17 --reference DSR-204",
    after_help = "Blanks prompts and texts that are the user's alone, with reasons and notes on them, and deletes what says which records are \
    theirs. Text that others were shown stays, without a link. Refused while a legal hold covers any of it."
)]
pub(in crate::cli) struct Erase {
    /// The user, as pages send them in `user.id`
    #[arg(long, value_name = "U")]
    user: String,
    /// What the request is called, such as a ticket's number; kept for good, so nothing personal
    #[arg(long, value_name = "TICKET")]
    reference: Option<String>,
    /// Who does it; your account unless told
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Say what would be erased, and erase nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(args: Erase, shell: &mut Shell) -> Result<(), Failure> {
    let settings = shell.settings(&args.config.config)?;
    let key = super::user_key(&settings)?;
    let digest = key.digest(&args.user);
    let store = Store::open(&settings.store_url, Access::Beside).await?;
    let extent = erase::preview(&store, &digest).await.map_err(told)?;
    if args.dry_run {
        if args.format == Format::Json {
            return Ok(shell.out.line(&json!({ "would_erase": extent }).to_string())?);
        }
        shell.out.line(&format!("would erase {}", sum(&extent)))?;
        return tell_older(extent.older_serves, extent.newest_older, &settings, shell);
    }
    let question =
        format!("This erases {} of {}, and nothing brings it back.", sum(&extent), safe(&args.user));
    if !super::agreed(&question, args.yes, shell)? {
        shell.out.error("nothing was erased");
        return Err(Failure::NotInOrder);
    }
    let by = super::whoever(args.by, shell);
    let order = Order::new(&digest, &by, args.reference.as_deref(), (shell.now)());
    let erased = erase::erase(&store, &settings.data_dir, &order).await.map_err(told)?;
    let swept = erase::sweep(&store, SWEEP).await?;
    store.close().await;
    if args.format == Format::Json {
        return Ok(shell.out.line(&json!(erased).to_string())?);
    }
    let nothing = extent == Extent::default();
    let done =
        if nothing { "nothing was held of this user; the receipt says so".into() } else { sum(&extent) };
    shell.out.line(&format!("{} {done}", shell.out.paint(Paint::Good, "erased:")))?;
    shell.out.line(&format!("receipt {}", erased.receipt.id))?;
    tell_older(erased.receipt.older_serves, erased.newest_older, &settings, shell)?;
    if !swept {
        shell.out.talk(
            "Somebody reads the store all the while, so what was erased still stands in its write-ahead log. Run this again once they are done.",
        );
    }
    shell.out.talk("A running service stops showing it within two seconds. Backups made before still hold it; a restore erases it again.");
    Ok(())
}

/// What is or would be erased, in a few words.
fn sum(extent: &Extent) -> String {
    let mut parts = vec![
        format!("the link to {}", counted(extent.serves - extent.older_serves.min(extent.serves), "serve")),
        counted(extent.own, "generation"),
    ];
    for (number, word) in [(extent.texts, "corrected text"), (extent.answers, "kept answer")] {
        if number > 0 {
            parts.push(counted(number, word));
        }
    }
    let shared = match extent.shared {
        0 => String::new(),
        shared => format!(" ({} others were shown too keep their text)", counted(shared, "generation")),
    };
    parts.join(", ") + &shared
}

/// Says what an earlier version left, and until when.
fn tell_older(
    serves: u64,
    newest: Option<Timestamp>,
    settings: &Settings,
    shell: &Shell,
) -> Result<(), Failure> {
    let Some(newest) = newest.filter(|_| serves > 0) else { return Ok(()) };
    let until = settings.audit.retention.serves.and_then(|kept| newest.checked_add(kept).ok());
    let until = match until {
        Some(until) => format!("until retention deletes them, after {}", until.strftime("%Y-%m-%d")),
        None => "for good, since `audit.retention` keeps serves for good".to_owned(),
    };
    let said = format!(
        "{} of an earlier version: this user stays named there by a keyed hash {until}",
        counted(serves, "serve")
    );
    Ok(shell.out.line(&said)?)
}

/// A refusal is not a failure.
pub(super) fn told(error: EraseError) -> Failure {
    Failure::Failed(match error {
        EraseError::Held { id, reason } => {
            anyhow::anyhow!("legal hold {id} covers some of this, so nothing was erased: {}", safe(&reason))
        }
        error => error.into(),
    })
}
