//! `copyrail audit`: each command in a file of its own.

mod head;
mod show;
mod verify;

use clap::Subcommand;

use super::{Failure, Shell};

#[derive(Debug, Subcommand)]
#[command(before_help = "Example:\n  copyrail audit verify")]
pub(super) enum Audit {
    /// Prove that the log is whole: every hash, every payload, every index row
    Verify(verify::Verify),
    /// Print the log's head, signed, to be kept elsewhere
    Head(head::Head),
    /// Show one generation: prompt, attempts, findings, text, verdicts of second models, reviews
    Show(show::Show),
}

pub(super) async fn run(command: Audit, shell: &mut Shell) -> Result<(), Failure> {
    match command {
        Audit::Verify(args) => verify::run(args, shell).await,
        Audit::Head(args) => head::run(args, shell).await,
        Audit::Show(args) => show::run(args, shell).await,
    }
}
