//! `copyrail keys new|list|revoke`.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;

use super::{ConfigArgs, Failure, Format, Shell};
use crate::audit::{Event, KeyChange, KeyRecord, append_beside};
use crate::config::Settings;
use crate::store::keys::{self, KeyRow, Role};
use crate::store::{Access, Store};

#[derive(Debug, Subcommand)]
#[command(before_help = "Example:\n  copyrail keys new --role serve --name checkout-pages")]
pub(super) enum Keys {
    /// Make a key and print it, once
    New(New),
    /// List keys, without their secrets
    List(List),
    /// End a key at once
    Revoke(Revoke),
}

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail keys new --role serve --name checkout-pages",
    after_help = "The key stands alone on standard output, so it can go straight into a file or a variable. The store keeps its hash."
)]
pub(super) struct New {
    /// What it may be used for: serve, review, compliance, admin or publishable
    #[arg(long, value_name = "R")]
    role: Role,
    /// The person or system it is for
    #[arg(long, value_name = "N", default_value = "")]
    name: String,
    /// For publishable keys: an origin it may be sent from; may be given more than once
    #[arg(long, value_name = "O")]
    origin: Vec<String>,
    /// The day from which on it no longer holds, such as 2027-01-31
    #[arg(long, value_name = "DATE")]
    expires: Option<jiff::civil::Date>,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
#[command(before_help = "Example:\n  copyrail keys list --format json")]
pub(super) struct List {
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
#[command(before_help = "Example:\n  copyrail keys revoke k3fj9x2m4q7a")]
pub(super) struct Revoke {
    /// The key's id, as `keys list` shows it
    id: String,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(command: Keys, shell: &mut Shell) -> Result<(), Failure> {
    match command {
        Keys::New(args) => new(args, shell).await,
        Keys::List(args) => list(args, shell).await,
        Keys::Revoke(args) => revoke(args, shell).await,
    }
}

async fn new(args: New, shell: &mut Shell) -> Result<(), Failure> {
    if args.role != Role::Publishable && !args.origin.is_empty() {
        return Err(Failure::Usage("only a publishable key takes `--origin`".into()));
    }
    let origins: Result<Vec<String>, Failure> = args
        .origin
        .iter()
        .map(|origin| {
            let no_origin = || {
                Failure::Usage(format!("`{origin}` is no origin; write one such as `https://shop.example`"))
            };
            keys::origin_of(origin).ok_or_else(no_origin)
        })
        .collect();
    let origins = origins?;
    let without_origin = args.role == Role::Publishable && args.origin.is_empty();
    let settings = shell.settings(&args.config.config)?;
    let expires =
        args.expires.map(|day| day.to_zoned(jiff::tz::TimeZone::UTC).map(|zoned| zoned.timestamp()));
    let expires = expires.transpose().map_err(|error| Failure::Usage(error.to_string()))?;
    let now = (shell.now)();
    let token = make(&settings, args.role, &args.name, origins, expires, now).await?;
    shell.out.line(&token)?;
    shell.out.talk("This key is shown once. A running service knows it at once.");
    if without_origin {
        shell.out.talk("No page may send it yet: make one with `--origin https://shop.example` for that.");
    }
    Ok(())
}

/// Makes a key, keeps its hash, records it.
pub(super) async fn make(
    settings: &Settings,
    role: Role,
    name: &str,
    origins: Vec<String>,
    expires: Option<Timestamp>,
    now: Timestamp,
) -> Result<String, Failure> {
    let store = Store::open(&settings.store_url, Access::Beside).await?;
    let minted = keys::mint(role, &std::array::from_fn(|_| rand::random()));
    let row = KeyRow {
        id: minted.id.clone(),
        name: name.to_owned(),
        role,
        origins,
        hash: minted.hash,
        created: now,
        expires,
        revoked: None,
    };
    keys::insert(&store, &row).await?;
    let record =
        KeyRecord { at: now, id: row.id, name: row.name, role: role.to_string(), change: KeyChange::Made };
    append_beside(&store, Event::Key(record)).await?;
    store.close().await;
    Ok(minted.token)
}

async fn list(args: List, shell: &mut Shell) -> Result<(), Failure> {
    let settings = shell.settings(&args.config.config)?;
    let store = Store::open(&settings.store_url, Access::Beside).await?;
    let rows = keys::list(&store).await?;
    let now = (shell.now)();
    let state = |row: &KeyRow| match (row.revoked, row.holds(now)) {
        (Some(_), _) => "revoked",
        (None, false) => "expired",
        (None, true) => "in force",
    };
    if args.format == Format::Json {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| {
                json!({
                    "id": row.id, "name": row.name, "role": row.role, "origins": row.origins, "state": state(row),
                    "created": row.created, "expires": row.expires, "revoked": row.revoked,
                })
            })
            .collect();
        return Ok(shell.out.line(&json!({ "keys": rows }).to_string())?);
    }
    if rows.is_empty() {
        shell.out.talk("No keys yet; `copyrail keys new --role serve` makes one.");
        return Ok(());
    }
    shell.out.line(&format!("{:<14} {:<12} {:<9} {:<24} created", "id", "role", "state", "name"))?;
    for row in &rows {
        let name: String = super::output::safe(&row.name).chars().take(24).collect();
        let created = row.created.strftime("%Y-%m-%d %H:%M UTC");
        shell.out.line(&format!(
            "{:<14} {:<12} {:<9} {name:<24} {created}",
            row.id,
            row.role.as_str(),
            state(row)
        ))?;
    }
    Ok(())
}

async fn revoke(args: Revoke, shell: &mut Shell) -> Result<(), Failure> {
    let settings = shell.settings(&args.config.config)?;
    let store = Store::open(&settings.store_url, Access::Beside).await?;
    let now = (shell.now)();
    let row = keys::list(&store).await?.into_iter().find(|row| row.id == args.id);
    let Some(row) = row else {
        return Err(anyhow::anyhow!("there is no key {}; `copyrail keys list` shows all", args.id).into());
    };
    if !keys::revoke(&store, &args.id, now).await? {
        shell.out.talk("This key was revoked already.");
        return Ok(());
    }
    let record = KeyRecord {
        at: now,
        id: row.id,
        name: row.name,
        role: row.role.to_string(),
        change: KeyChange::Revoked,
    };
    append_beside(&store, Event::Key(record)).await?;
    store.close().await;
    shell.out.line(&format!("revoked {}", args.id))?;
    Ok(())
}
