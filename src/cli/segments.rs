//! `copyrail segments`: why this user is in this segment, what segments do to many, and what conditions say by the line.

mod eval;
mod explain;
mod report;
mod users;

use clap::Subcommand;

use super::{Failure, Shell};

#[derive(Debug, Subcommand)]
#[command(
    before_help = "Example:\n  copyrail segments explain --attributes '{\"user\": {\"orders_total\": 4}}'"
)]
#[expect(private_interfaces, reason = "each command's arguments are its own affair")]
pub(super) enum Segments {
    /// Why somebody is in this segment and gets this copy; one user, or a file of users
    Explain(explain::Explain),
    /// What the segments do to a file of users: sizes, unknowns, overlap, cache keys, cost, splits worth trying
    Report(report::Report),
    /// What conditions, hashes and ranges come to: JSON Lines in, JSON Lines out
    Eval(eval::Eval),
}

pub(super) async fn run(command: Segments, shell: &mut Shell) -> Result<(), Failure> {
    match command {
        Segments::Explain(args) => explain::run(args, shell).await,
        Segments::Report(args) => report::run(args, shell),
        Segments::Eval(args) => eval::run(args, shell),
    }
}
