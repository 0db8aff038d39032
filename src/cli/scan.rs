//! `copyrail scan`.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::check::as_of;
use super::{ConfigArgs, Failure, Shell, lines};
use crate::diagnostic::Diagnostic;
use crate::guardrail::{self, Guardrails, Opinions, Subject};
use crate::policy::{read_dir, read_file};
use crate::segment::{self, Segments};
use crate::words::Locale;

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail scan texts.jsonl --only compliance.no-promises > findings.jsonl",
    after_help = "Each line in: {\"id\", \"text\", \"facts\"?, \"locale\"?, \"placement\"?, \"attributes\"?}\n\
    Each line out, in order: {\"id\", \"verdict\", \"text\"?, \"findings\"}. A line that is no such object is answered \
    with {\"id\": null, \"error\", \"line\"}, the others are judged all the same, and the exit code is 1."
)]
pub(super) struct Scan {
    /// The texts; `-` reads standard input
    #[arg(value_name = "FILE.jsonl", default_value = "-")]
    file: PathBuf,
    /// Judge by the guardrails of this folder
    #[arg(long, value_name = "DIR")]
    guardrails: Option<PathBuf>,
    /// Judge by these rules alone
    #[arg(long, value_name = "RULE", num_args = 1..)]
    only: Vec<String>,
    /// Judge as of this day
    #[arg(long, value_name = "DATE")]
    as_of: Option<jiff::civil::Date>,
    #[command(flatten)]
    config: ConfigArgs,
}

/// One text to judge.
#[derive(Deserialize)]
pub(super) struct Text {
    pub(super) id: Value,
    pub(super) text: String,
    #[serde(default)]
    pub(super) facts: Option<Map<String, Value>>,
    #[serde(default)]
    pub(super) locale: Option<String>,
    #[serde(default)]
    pub(super) placement: Option<String>,
    #[serde(default)]
    pub(super) attributes: Option<Map<String, Value>>,
}

impl Text {
    /// Reads a line.
    pub(super) fn read(line: &lines::Line) -> Result<Self, String> {
        let text = line.read::<Self>("an object of `id` and `text`")?;
        if text.id.is_null() { Err("`id` is null; give each text an id".into()) } else { Ok(text) }
    }
}

pub(super) fn run(args: Scan, shell: &mut Shell) -> Result<(), Failure> {
    let settings = shell.settings(&args.config.config)?;
    let dir = args.guardrails.unwrap_or_else(|| settings.policy.guardrails.clone());
    let mut guardrails = of_folder(&dir, &settings.policy.timezone, shell)?;
    if !args.only.is_empty() {
        guardrails = guardrails.only(&args.only).map_err(|unknown| {
            Failure::Usage(format!("there is no rule `{unknown}`; `copyrail check` lists all"))
        })?;
    }
    let segments = segments(&settings.policy.segments, shell)?;
    let now = as_of(args.as_of, &settings.policy.timezone, (shell.now)())?;
    lines::answer(&args.file, shell, |line| {
        Text::read(line)
            .map(|text| judged(&guardrails, segments.as_ref(), &text, now))
            .map_err(|error| json!({"id": null, "error": error, "line": line.number}))
    })
}

/// The guardrails of a folder; their faults are shown.
pub(super) fn of_folder(dir: &Path, timezone: &TimeZone, shell: &Shell) -> Result<Guardrails, Failure> {
    let (mut files, mut faults) = (crate::document::Files::new(), Vec::new());
    read_dir(dir, &mut files, &mut faults);
    let (guardrails, found) = guardrail::load(&files, timezone);
    faults.extend(found);
    shell.say(&faults, |file| files.get(file).cloned());
    if crate::diagnostic::any_error(&faults) {
        return Err(Failure::NotInOrder);
    }
    guardrails.ok_or(Failure::NotInOrder)
}

/// The segments' file, where there is one: it says what the public wrote. Its faults are shown.
fn segments(path: &Path, shell: &Shell) -> Result<Option<Segments>, Failure> {
    if !path.exists() {
        return Ok(None);
    }
    let (mut files, mut faults) = (crate::document::Files::new(), Vec::new());
    read_file(path, &mut files, &mut faults);
    let mut segments = None;
    if let Some((name, text)) = files.first_key_value() {
        let (loaded, found) = segment::load(name, text);
        segments = loaded;
        faults.extend(found.into_iter().filter(Diagnostic::is_error));
    }
    shell.say(&faults, |file| files.get(file).cloned());
    if segments.is_none() { Err(Failure::NotInOrder) } else { Ok(segments) }
}

fn judged(guardrails: &Guardrails, segments: Option<&Segments>, line: &Text, now: Timestamp) -> Value {
    let empty = Map::new();
    let facts = line.facts.as_ref().unwrap_or(&empty);
    // What the public wrote supports no claim here either.
    let trusted = segments.and_then(|segments| segments.attributes.trusted(facts));
    let attributes = line.attributes.as_ref().unwrap_or(&empty);
    let context = attributes.get("context").and_then(Value::as_object).unwrap_or(&empty);
    let locale = line.locale.as_deref().and_then(Locale::parse);
    let judgement = guardrail::judge(
        guardrails,
        &Subject {
            text: &line.text,
            facts: trusted.as_ref().unwrap_or(facts),
            context,
            placement: line.placement.as_deref(),
            locale: locale.as_ref(),
            inputs: attributes,
            instructions: None,
            at: now,
            opinions: Opinions::Unknown,
        },
    );
    let mut answer = json!({"id": line.id, "verdict": judgement.verdict, "findings": judgement.findings});
    if let (Some(fixed), Value::Object(answer)) = (judgement.fixed, &mut answer) {
        answer.insert("text".into(), fixed.into());
    }
    answer
}
