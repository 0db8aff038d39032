//! `copyrail policy`: each command in a file of its own.

mod diff;
pub(super) mod editions;
mod lines;
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
}

pub(super) async fn run(command: Policy, shell: &mut Shell) -> Result<(), Failure> {
    match command {
        Policy::Diff(args) => diff::run(args, shell).await,
        Policy::Show(args) => show::run(args, shell).await,
    }
}
