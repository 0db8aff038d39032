//! `copyrail check`.

mod sarif;
mod text;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::policy::editions::{Reader, Rules};
use super::{Failure, Shell};
use crate::config;
use crate::diagnostic::Diagnostic;
use crate::policy::{self, Report, Service};

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail check --as-of 2027-01-01\n  copyrail check --format sarif > check.sarif",
    after_help = "Errors hold an edit back; warnings say what nobody can have meant: words that never match, exceptions \
    that leave nothing, rules that another makes needless, days that are past, placements that do not exist.\n\n\
    --format sarif is SARIF 2.1.0, for code scanning. --format json is one object:\n  \
    {\"ok\", \"service\", \"files\", \"diagnostics\": [{\"severity\", \"file\", \"line\", \"column\", \"end_line\",\n  \
    \"end_column\", \"message\", \"help\"?, \"owner\"?, \"code\"?}], \"rules\": [{\"rule\", \"caught\", \"missed\",\n  \
    \"wrongly_caught\", \"left_alone\", \"cases\", \"public\"?}], \"coverage\": {\"cases\", \"rules\",\n  \
    \"rules_without_cases\", \"placements_without_cases\", \"languages_without_cases\"}}\n\n\
    A rule that goes or becomes looser needs a reason under `retired` in guardrails.yml; --against says where that is \
    missing: `--against in-force` by what the store keeps, or a folder with the files as they were, as in CI.\n\n\
    Exit 0 when nothing is amiss, else 1. A service looks at no labelled text, and takes rules that catch last-resort copy \
    that is in force; the last line (\"service\": takes, takes_guardrails, refuses) says what it would do."
)]
pub(super) struct Check {
    /// The folder that holds guardrails/, prompts/ and config/
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Check as of this day: what has ended, and last-resort copy against what begins later
    #[arg(long, value_name = "DATE")]
    as_of: Option<jiff::civil::Date>,
    /// Refuse what would be refused after these: a folder, a kept revision, or `in-force`
    #[arg(long, value_name = "WHAT")]
    against: Option<String>,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How a check is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    // As everywhere, the words speak for themselves.
    #[default]
    Text,
    Json,
    Sarif,
}

pub(super) async fn run(args: Check, shell: &mut Shell) -> Result<(), Failure> {
    if !args.dir.is_dir() {
        return Err(Failure::Usage(format!("{} is no folder", args.dir.display())));
    }
    let (settings, mut settings_faults) = settings_of(&args.dir, shell)?;
    let zone = settings.as_ref().map_or(TimeZone::UTC, |settings| settings.policy.timezone.clone());
    let now = as_of(args.as_of, &zone, (shell.now)())?;
    let (mut report, sources) = match &settings {
        Some(settings) => {
            let (report, sources) = policy::check(&policy::below(&settings.policy, &args.dir), now);
            (report, sources)
        }
        None => (Report::default(), crate::document::Files::new()),
    };
    refused_for(&settings_faults, &mut report);
    if let (Some(settings), Some(against)) = (&settings, &args.against) {
        let before = Reader::new(settings).edition(against, shell).await?.guardrails;
        let faults = policy::accidents(
            &policy::below(&settings.policy, &args.dir),
            before.as_ref().and_then(Rules::rules),
        );
        refused_for(&faults, &mut report);
        report.diagnostics.extend(faults);
    }
    settings_faults.append(&mut report.diagnostics);
    report.diagnostics = settings_faults;
    match args.format {
        Format::Json => shell.out.line(&serde_json::to_string(&report).map_err(anyhow::Error::from)?)?,
        Format::Sarif => shell.out.line(&sarif::write(&report, &sources).to_string())?,
        Format::Text => {
            let approvals = settings.as_ref().map_or(0, |settings| settings.policy.approvals);
            let asked = text::Asked { compared: args.against.is_some(), approvals };
            text::write(&report, &sources, asked, shell)?;
        }
    }
    if report.ok { Ok(()) } else { Err(Failure::NotInOrder) }
}

/// What is amiss beside the files themselves.
fn refused_for(faults: &[Diagnostic], report: &mut Report) {
    if crate::diagnostic::any_error(faults) {
        (report.ok, report.service) = (false, Service::Refuses);
    }
}

/// The settings below a folder; built-in defaults where it holds none.
fn settings_of(
    dir: &Path,
    shell: &Shell,
) -> Result<(Option<config::Settings>, Vec<crate::diagnostic::Diagnostic>), Failure> {
    let path = if dir == Path::new(".") {
        PathBuf::from(config::DEFAULT_PATH)
    } else {
        dir.join(config::DEFAULT_PATH)
    };
    let name = path.to_string_lossy().into_owned();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(anyhow::anyhow!("{name} cannot be read: {error}").into()),
    };
    Ok(config::load(text.as_deref().map(|text| (name.as_str(), text)), &shell.environment))
}

/// The beginning of a day, or now.
pub(super) fn as_of(
    day: Option<jiff::civil::Date>,
    zone: &TimeZone,
    now: Timestamp,
) -> Result<Timestamp, Failure> {
    match day {
        None => Ok(now),
        Some(day) => {
            Ok(day.to_zoned(zone.clone()).map_err(|error| Failure::Usage(error.to_string()))?.timestamp())
        }
    }
}
