//! `copyrail audit`: each command in a file of its own.

mod backup;
mod erase;
mod export;
mod head;
mod hold;
mod retain;
mod search;
mod show;
mod subject;
mod verify;

use std::io::IsTerminal;

use clap::Subcommand;

use super::{Failure, Shell};
use crate::audit::UserKey;
use crate::config::Settings;

#[derive(Debug, Subcommand)]
#[command(before_help = "Example:\n  copyrail audit verify")]
pub(super) enum Audit {
    /// Prove that the log is whole: every hash, every payload, every index row
    Verify(verify::Verify),
    /// Print the log's head, signed, to be kept elsewhere
    Head(head::Head),
    /// Tell one serve or generation whole: what was shown and why, prompt, attempts, findings, rules of that day
    Show(show::Show),
    /// Find what was shown, or generated: by user, time, placement, product, words and more
    Search(search::Search),
    /// Take the log, or one case, elsewhere: JSON Lines, CSV, Parquet, one readable file
    Export(export::Export),
    /// Erase what the log holds of one user; the chain stays whole
    Erase(erase::Erase),
    /// All that is held of one user, for them
    Subject(subject::Subject),
    /// Legal holds: what is neither erased nor deleted for its age
    #[command(subcommand)]
    Hold(hold::HoldCommand),
    /// Delete now what is too old; a running service does so every hour
    Retain(retain::Retain),
    /// Copy the log to one file while it is written
    Backup(backup::Backup),
    /// Put a backup in the store's place and erase again what was erased since
    Restore(backup::Restore),
}

/// The key for user references; it must be there, for a new one would find nobody.
fn user_key(settings: &Settings) -> Result<UserKey, Failure> {
    let path = settings.data_dir.join("user.key");
    if !path.exists() {
        let said =
            format!("there is no {}; without it nobody can tell which records are whose", path.display());
        return Err(Failure::Failed(anyhow::anyhow!(said)));
    }
    Ok(UserKey::open(&settings.data_dir)?)
}

/// Who runs this command: what `--by` says, or the account.
fn whoever(by: Option<String>, shell: &Shell) -> String {
    by.or_else(|| shell.environment.get("USER").cloned())
        .filter(|by| !by.is_empty())
        .unwrap_or_else(|| "command line".into())
}

/// Asks whoever sits at the terminal to agree; `yes` agrees beforehand. Where nobody sits, nothing is agreed to.
fn agreed(question: &str, yes: bool, shell: &Shell) -> Result<bool, Failure> {
    if yes {
        return Ok(true);
    }
    if !shell.out.watched || !std::io::stdin().is_terminal() {
        return Err(Failure::Usage(format!("{question} Add `--yes` to agree where nobody can be asked.")));
    }
    shell.out.talk(&format!("{question} Type `yes` to go on:"));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}

pub(super) async fn run(command: Audit, shell: &mut Shell) -> Result<(), Failure> {
    match command {
        Audit::Verify(args) => verify::run(args, shell).await,
        Audit::Head(args) => head::run(args, shell).await,
        Audit::Show(args) => show::run(args, shell).await,
        Audit::Search(args) => search::run(args, shell).await,
        Audit::Export(args) => export::run(args, shell).await,
        Audit::Erase(args) => erase::run(args, shell).await,
        Audit::Subject(args) => subject::run(args, shell).await,
        Audit::Hold(command) => hold::run(command, shell).await,
        Audit::Retain(args) => retain::run(args, shell).await,
        Audit::Backup(args) => backup::run(args, shell).await,
        Audit::Restore(args) => backup::restore(args, shell).await,
    }
}
