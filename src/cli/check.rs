//! `copyrail check`.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::output::{Paint, counted};
use super::{Failure, Format, Shell};
use crate::config;
use crate::diagnostic::Severity;
use crate::policy::{self, Report};

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail check --as-of 2027-01-01",
    after_help = "Exit 0 when the files would be put in force, 1 when they would be refused."
)]
pub(super) struct Check {
    /// The folder that holds guardrails/, prompts/ and config/
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Check as of this day
    #[arg(long, value_name = "DATE")]
    as_of: Option<jiff::civil::Date>,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(args: Check, shell: &mut Shell) -> Result<(), Failure> {
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
    report.ok &= !crate::diagnostic::any_error(&settings_faults);
    settings_faults.append(&mut report.diagnostics);
    report.diagnostics = settings_faults;
    match args.format {
        Format::Json => shell.out.line(&serde_json::to_string(&report).map_err(anyhow::Error::from)?)?,
        Format::Text => {
            let source = |file: &str| {
                let kept = sources.get(file).cloned();
                kept.or_else(|| std::fs::read_to_string(file).ok())
            };
            for diagnostic in &report.diagnostics {
                let text = source(&diagnostic.file).unwrap_or_default();
                shell.out.line(&crate::diagnostic::render(diagnostic, &text, shell.out.colour))?;
                shell.out.line("")?;
            }
            summary(&report, shell)?;
        }
    }
    if report.ok { Ok(()) } else { Err(Failure::NotInOrder) }
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

fn summary(report: &Report, shell: &Shell) -> Result<(), Failure> {
    if !report.rules.is_empty() {
        let width = report.rules.iter().map(|rule| rule.rule.chars().count()).max().unwrap_or(4).clamp(4, 40);
        let head = format!(
            "{:<width$}  {:>6}  {:>6}  {:>14}  {:>10}",
            "rule", "caught", "missed", "wrongly caught", "left alone"
        );
        shell.out.line(&shell.out.paint(Paint::Strong, &head))?;
        for rule in &report.rules {
            let name: String = rule.rule.chars().take(width).collect();
            let row = format!(
                "{name:<width$}  {:>6}  {:>6}  {:>14}  {:>10}",
                rule.caught, rule.missed, rule.wrongly_caught, rule.left_alone
            );
            let faulty = rule.missed + rule.wrongly_caught > 0;
            shell.out.line(&if faulty { shell.out.paint(Paint::Bad, &row) } else { row })?;
        }
        for rule in report.rules.iter().filter(|rule| rule.not_run > 0) {
            let texts = counted(rule.not_run as u64, "text");
            let name = super::output::safe(&rule.rule);
            shell.out.line(&format!(
                "{name}: {texts} not tried; that takes a second model, which is not asked here"
            ))?;
        }
        shell.out.line("")?;
    }
    let count = |severity| report.diagnostics.iter().filter(|d| d.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let files = counted(report.files as u64, "file");
    let counts = format!("{}, {}", counted(errors as u64, "error"), counted(warnings as u64, "warning"));
    let line = if report.ok {
        format!(
            "{} {files}, {}: {counts}; a running service would put them in force",
            shell.out.paint(Paint::Good, "in order:"),
            counted(report.rules.len() as u64, "rule")
        )
    } else {
        format!(
            "{} {files}: {counts}; a running service would refuse them and keep what is in force",
            shell.out.paint(Paint::Bad, "not in order:"),
        )
    };
    Ok(shell.out.line(&line)?)
}
