//! Arguments → one command each. Results go to standard output, talk to standard error. Exit 0: done; 1: the thing
//! checked is not in order, or the command failed; 2: usage.

mod audit;
mod backtest;
mod catalog;
mod check;
mod demo;
mod keys;
mod lines;
mod output;
mod policy;
mod render;
mod scan;
mod schema;
mod segments;
mod serve;
mod simulate;
mod simulate_log;
mod stop;
mod sweep;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use output::Output;

use crate::audit::Clock;
use crate::config::{self, Settings};
use crate::diagnostic::Diagnostic;

/// Personalised product copy, kept on rails.
#[derive(Debug, Parser)]
#[command(
    name = "copyrail",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    before_help = "Example:\n  copyrail demo --once",
    after_help = "The example shows the whole service on a simulated LLM and is gone in seconds."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The whole service on a simulated LLM, with a few real requests shown
    Demo(demo::Demo),
    /// The service
    Serve(serve::Serve),
    /// Check all that people edit: every fault, every example and labelled case
    Check(check::Check),
    /// Show segment, template, prompt, cache key and pre-written copy of one request; calls nothing
    Render(render::Render),
    /// Judge texts in bulk: JSON Lines in, JSON Lines out
    Scan(scan::Scan),
    /// What a proposed set of rules would change, over the log or a file of texts
    Backtest(backtest::Backtest),
    /// Judge now every text that could be served: what is left of a phrase, and where
    Sweep(sweep::Sweep),
    /// JSON Schemas of the files that people edit, for editors
    Schema(schema::Schema),
    /// Why this user is in this segment; sizes and unknowns over a sample
    #[command(subcommand)]
    Segments(segments::Segments),
    /// Ban a phrase, product, placement, segment, template or model at once, over any policy
    Stop(stop::Stop),
    /// Drop generated copy, which is then written anew
    Purge(stop::Purge),
    /// Product facts
    #[command(subcommand)]
    Catalog(catalog::Catalog),
    /// Keys of people and systems
    #[command(subcommand)]
    Keys(keys::Keys),
    /// The log
    #[command(subcommand)]
    Audit(audit::Audit),
    /// What is in force and was: the rules and copy of each revision, and what an edit changes
    #[command(subcommand)]
    Policy(policy::Policy),
    /// An OpenAI-compatible stand-in for trying things; names itself `simulated` in every answer
    SimulateLlm(simulate::SimulateLlm),
    /// A large log of made-up records in a store of its own, for trying how it fares
    SimulateLog(simulate_log::SimulateLog),
}

/// What every command that reads settings takes.
#[derive(Debug, Args)]
struct ConfigArgs {
    /// The settings file
    #[arg(long, value_name = "F", default_value = config::DEFAULT_PATH)]
    config: PathBuf,
}

/// How results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    // The words speak for themselves; a sentence on each would make every help text twice as long.
    #[default]
    Text,
    Json,
}

/// How a command ended badly.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The thing checked is not in order; what is wrong has been said.
    #[error("not in order")]
    NotInOrder,
    /// The command line asks for something that cannot be.
    #[error("{0}")]
    Usage(String),
    /// Something failed.
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<crate::store::StoreError> for Failure {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// What commands stand on: the environment, the clock, the terminal.
struct Shell {
    environment: BTreeMap<String, String>,
    now: Clock,
    out: Output,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut shell = Shell {
        environment: environment(),
        now: crate::app::wall_clock(),
        out: Output::stdio(&environment()),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            shell.out.error(&format!("the runtime cannot be started: {error}"));
            return ExitCode::from(1);
        }
    };
    let ended = runtime.block_on(run(cli.command, &mut shell));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::NotInOrder) => ExitCode::from(1),
        Err(Failure::Usage(message)) => {
            shell.out.error(&message);
            ExitCode::from(2)
        }
        // A reader that has seen enough, such as `head`, is no failure of ours.
        Err(Failure::Failed(error)) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(Failure::Failed(error)) => {
            shell.out.error(&format!("{error:#}"));
            ExitCode::from(1)
        }
    }
}

async fn run(command: Command, shell: &mut Shell) -> Result<(), Failure> {
    match command {
        Command::Demo(args) => demo::run(args, shell).await,
        Command::Serve(args) => serve::run(args, shell).await,
        Command::Check(args) => check::run(args, shell).await,
        Command::Render(args) => render::run(args, shell).await,
        Command::Scan(args) => scan::run(args, shell),
        Command::Backtest(args) => backtest::run(args, shell).await,
        Command::Sweep(args) => sweep::run(args, shell).await,
        Command::Schema(args) => schema::run(args, shell),
        Command::Segments(command) => segments::run(command, shell).await,
        Command::Stop(args) => stop::run(args, shell).await,
        Command::Purge(args) => stop::purge(args, shell).await,
        Command::Catalog(command) => catalog::run(command, shell).await,
        Command::Keys(command) => keys::run(command, shell).await,
        Command::Audit(command) => audit::run(command, shell).await,
        Command::Policy(command) => policy::run(command, shell).await,
        Command::SimulateLlm(args) => simulate::run(args, shell).await,
        Command::SimulateLog(args) => simulate_log::run(args, shell).await,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// The environment of this process, read once. What is no UTF-8 is no setting.
fn environment() -> BTreeMap<String, String> {
    std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect()
}

impl Shell {
    /// The settings of a file; built-in defaults when the default file is not there.
    fn settings(&mut self, path: &Path) -> Result<Settings, Failure> {
        let name = path.to_string_lossy().into_owned();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => Some(text),
            Err(error)
                if error.kind() == std::io::ErrorKind::NotFound
                    && path == Path::new(config::DEFAULT_PATH) =>
            {
                None
            }
            Err(error) => {
                return Err(Failure::Usage(format!("the settings file {name} cannot be read: {error}")));
            }
        };
        let file = text.as_deref().map(|text| (name.as_str(), text));
        let (settings, diagnostics) = config::load(file, &self.environment);
        self.say(&diagnostics, |file| text.clone().filter(|_| file == name));
        settings.ok_or(Failure::NotInOrder)
    }

    /// How many characters wide the terminal is, where that is said.
    fn columns(&self) -> Option<usize> {
        self.environment.get("COLUMNS").and_then(|columns| columns.parse().ok())
    }

    /// Shows diagnostics on standard error, each where it stands.
    fn say(&self, diagnostics: &[Diagnostic], source: impl Fn(&str) -> Option<String>) {
        for diagnostic in diagnostics {
            let text = source(&diagnostic.file).unwrap_or_default();
            self.out.talk(&crate::diagnostic::render(diagnostic, &text, self.out.colour_talk));
            self.out.talk("");
        }
    }
}
