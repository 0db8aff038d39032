//! `copyrail policy show`.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::super::output::{Paint, counted, safe};
use super::super::{ConfigArgs, Failure, Format, Shell};
use super::editions::{Named, Shelf, short};
use crate::audit::chained;
use crate::document::Files;
use crate::policy::Set;

/// The most records of edits that are looked through for who made them.
const MOST_EDITS: u32 = 10_000;

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail policy show\n  copyrail policy show 4f2a --file guardrails/brand.yml",
    after_help = "A revision is one of the policy, of its guardrails or of its prompts, or the beginning of one; `in-force` \
    is what is in force. Every set that ever was is kept, by its content."
)]
pub(super) struct Show {
    /// Show the files of this revision; without one, list the revisions
    #[arg(value_name = "REVISION")]
    revision: Option<String>,
    /// One of the two sets
    #[arg(long, value_name = "SET")]
    set: Option<Which>,
    /// Print this file of it
    #[arg(long, value_name = "PATH")]
    file: Option<String>,
    /// The most revisions of each set that are listed
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    // The words speak for themselves.
    Guardrails,
    Prompts,
}

impl Which {
    fn set(self) -> Set {
        match self {
            Self::Guardrails => Set::Guardrails,
            Self::Prompts => Set::Prompts,
        }
    }
}

pub(super) async fn run(args: Show, shell: &mut Shell) -> Result<(), Failure> {
    let settings = shell.settings(&args.config.config)?;
    let shelf = Shelf::open(&settings).await?;
    let sets: Vec<Set> =
        args.set.map_or_else(|| vec![Set::Guardrails, Set::Prompts], |which| vec![which.set()]);
    match (&args.revision, &args.file) {
        (None, None) => list(&args, &shelf, &sets, shell).await,
        (None, Some(_)) => {
            let named = shelf.in_force().await?;
            one(&args, &shelf, &sets, named, shell).await
        }
        (Some(given), _) => {
            let named = shelf.named(given).await?;
            one(&args, &shelf, &sets, named, shell).await
        }
    }
}

/// Who put a set in force, by its hash and the microsecond: `files` for an edit on disk.
async fn makers(shelf: &Shelf) -> Result<BTreeMap<(String, i64), String>, Failure> {
    let edits = chained::edits(&shelf.store, MOST_EDITS).await?;
    let accepted = edits.into_iter().filter(|edit| edit.accepted);
    Ok(accepted.map(|edit| ((edit.hash, edit.at.as_microsecond()), edit.by)).collect())
}

async fn list(args: &Show, shelf: &Shelf, sets: &[Set], shell: &Shell) -> Result<(), Failure> {
    let makers = makers(shelf).await?;
    let mut all: Vec<Value> = Vec::new();
    for set in sets {
        let kept = shelf.kept(*set, args.limit).await?;
        if args.format == Format::Text {
            shell.out.line(&shell.out.paint(Paint::Strong, title(*set)))?;
            if kept.is_empty() {
                shell.out.line("  none was ever in force here")?;
            }
        }
        for (place, edition) in kept.iter().enumerate() {
            let by = makers.get(&(edition.hash.clone(), edition.accepted_at.as_microsecond()));
            let (files, rules) = match set {
                Set::Guardrails => {
                    let kept = shelf.editions.guardrails(&edition.hash).await?;
                    let rules = kept.as_ref().and_then(|kept| Some(kept.rules.as_ref()?.rules().len()));
                    (kept.map(|kept| kept.files.len()), rules)
                }
                Set::Prompts => (shelf.editions.prompts(&edition.hash).await?.map(|files| files.len()), None),
            };
            if args.format == Format::Json {
                all.push(json!({
                    "set": set, "revision": edition.hash, "since": edition.accepted_at, "by": by,
                    "in_force": place == 0, "files": files, "rules": rules,
                }));
                continue;
            }
            let what = match (files, rules) {
                (None, _) => "its files are not those that were in force".to_owned(),
                (Some(files), None) => counted(files as u64, "file"),
                (Some(files), Some(rules)) => {
                    format!("{} in {}", counted(rules as u64, "rule"), counted(files as u64, "file"))
                }
            };
            let state =
                if place == 0 { shell.out.paint(Paint::Good, "in force") } else { "        ".to_owned() };
            let by = by.map(|by| format!(", by {}", safe(by))).unwrap_or_default();
            let since = edition.accepted_at.strftime("%Y-%m-%d %H:%M:%S UTC");
            shell.out.line(&format!("  {}  since {since}  {state}  {what}{by}", short(&edition.hash)))?;
        }
    }
    if args.format == Format::Json {
        shell.out.line(&json!({ "revisions": all }).to_string())?;
    } else {
        shell.out.talk(
            "the files of one: copyrail policy show REVISION; what changed: copyrail policy diff FROM TO",
        );
    }
    Ok(())
}

fn title(set: Set) -> &'static str {
    match set {
        Set::Guardrails => "Guardrails",
        Set::Prompts => "Segments and prompts",
    }
}

async fn one(args: &Show, shelf: &Shelf, sets: &[Set], named: Named, shell: &Shell) -> Result<(), Failure> {
    let mut shown: Vec<(Set, String, Files)> = Vec::new();
    for set in sets {
        match (set, &named) {
            (Set::Guardrails, Named { guardrails: Some(hash), .. }) => {
                shown.push((*set, hash.clone(), shelf.guardrails(hash).await?.files.clone()));
            }
            (Set::Prompts, Named { prompts: Some(hash), .. }) => {
                shown.push((*set, hash.clone(), shelf.prompts(hash).await?));
            }
            _ => {}
        }
    }
    if let Some(path) = &args.file {
        let text = shown.iter().find_map(|(_, _, files)| files.get(path));
        let Some(text) = text else {
            let said = format!("no file `{path}` is in it; without `--file` all are listed");
            return Err(Failure::Failed(anyhow::anyhow!(said)));
        };
        let printed = text.lines().map(safe).collect::<Vec<_>>().join("\n");
        return match args.format {
            Format::Json => Ok(shell.out.line(&json!({ "path": path, "text": text }).to_string())?),
            Format::Text => Ok(shell.out.line(&printed)?),
        };
    }
    if args.format == Format::Json {
        let sets =
            shown.iter().map(|(set, hash, files)| json!({ "set": set, "revision": hash, "files": files }));
        return Ok(shell.out.line(&json!({ "sets": sets.collect::<Vec<_>>() }).to_string())?);
    }
    if shown.is_empty() {
        shell.out.talk("there is no such set in it");
    }
    for (set, hash, files) in shown {
        shell.out.line(&format!("{}  {hash}", shell.out.paint(Paint::Strong, title(set))))?;
        for (path, text) in &files {
            shell.out.line(&format!("  {}  {}", safe(path), counted(text.lines().count() as u64, "line")))?;
        }
    }
    shell.out.talk("one of them: --file PATH");
    Ok(())
}
