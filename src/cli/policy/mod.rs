//! `copyrail policy`: each command in a file of its own.

mod diff;
pub(super) mod editions;
mod proposals;
mod rollback;
mod show;

use clap::Subcommand;

use super::{Failure, Shell};

#[derive(Debug, Subcommand)]
#[command(before_help = "Example:\n  copyrail policy show")]
#[expect(private_interfaces, reason = "each command's arguments are its own affair")]
pub(super) enum Policy {
    /// What changes from one revision to another, or by the files as they are, in words
    Diff(diff::Diff),
    /// The revisions kept in the store, or the files of one
    Show(show::Show),
    /// Put back in force what was in force before
    Rollback(rollback::Rollback),
    /// Edits of the guardrails that wait for second persons, or did
    Proposals(proposals::Proposals),
    /// Approve a proposal
    Approve(proposals::Approve),
    /// Send a proposal back
    SendBack(proposals::SendBack),
}

pub(super) async fn run(command: Policy, shell: &mut Shell) -> Result<(), Failure> {
    match command {
        Policy::Diff(args) => diff::run(args, shell).await,
        Policy::Show(args) => show::run(args, shell).await,
        Policy::Rollback(args) => rollback::run(args, shell).await,
        Policy::Proposals(args) => proposals::list(args, shell).await,
        Policy::Approve(args) => proposals::approve(args, shell).await,
        Policy::SendBack(args) => proposals::send_back(args, shell).await,
    }
}
