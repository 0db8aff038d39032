//! `copyrail scan`.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::check::as_of;
use super::{ConfigArgs, Failure, Shell};
use crate::guardrail::{self, Guardrails, Subject};
use crate::policy::read_dir;
use crate::words::Locale;

/// The longest line that is judged, in bytes.
const MAX_LINE: u64 = 1024 * 1024;

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
struct Line {
    id: Value,
    text: String,
    #[serde(default)]
    facts: Option<Map<String, Value>>,
    #[serde(default)]
    locale: Option<String>,
    #[serde(default)]
    placement: Option<String>,
    #[serde(default)]
    attributes: Option<Map<String, Value>>,
}

pub(super) fn run(args: Scan, shell: &mut Shell) -> Result<(), Failure> {
    let settings = shell.settings(&args.config.config)?;
    let dir = args.guardrails.unwrap_or_else(|| settings.policy.guardrails.clone());
    let (mut files, mut faults) = (crate::document::Files::new(), Vec::new());
    read_dir(&dir, &mut files, &mut faults);
    let (guardrails, found) = guardrail::load(&files, &settings.policy.timezone);
    faults.extend(found);
    shell.say(&faults, |file| files.get(file).cloned());
    if crate::diagnostic::any_error(&faults) {
        return Err(Failure::NotInOrder);
    }
    let mut guardrails = guardrails.ok_or(Failure::NotInOrder)?;
    if !args.only.is_empty() {
        guardrails = guardrails.only(&args.only).map_err(|unknown| {
            Failure::Usage(format!("there is no rule `{unknown}`; `copyrail check` lists all"))
        })?;
    }
    let now = as_of(args.as_of, &settings.policy.timezone, (shell.now)())?;
    let (input, size): (Box<dyn Read>, u64) = if args.file.as_os_str() == "-" {
        (Box::new(std::io::stdin().lock()), 0)
    } else {
        let shown = args.file.display();
        let file = File::open(&args.file)
            .map_err(|error| Failure::Usage(format!("{shown} cannot be read: {error}")))?;
        let size = file.metadata().map_or(0, |metadata| metadata.len());
        (Box::new(file), size)
    };
    let bar = super::catalog::progress(size, shell.out.watched && size > 0 && !shell.out.colour);
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut reader = BufReader::new(input);
    let (mut number, mut faulty, mut line) = (0_u64, false, Vec::new());
    loop {
        line.clear();
        let read = reader.by_ref().take(MAX_LINE + 1).read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        number += 1;
        bar.inc(read as u64);
        let whole = read as u64 <= MAX_LINE;
        if !whole {
            skip_rest_of_line(&mut reader)?;
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        // Editors of some systems begin files with a byte order mark.
        let text = line.strip_prefix(b"\xef\xbb\xbf").filter(|_| number == 1).unwrap_or(&line);
        let answer = match whole.then(|| serde_json::from_slice::<Line>(text)) {
            None => Err(format!("the line is longer than {} KiB", MAX_LINE / 1024)),
            // The reader would take a list of the fields' values too.
            Some(_) if text.trim_ascii_start().first() != Some(&b'{') => {
                Err("not an object of `id` and `text`".to_owned())
            }
            Some(Err(error)) => {
                let error = error.to_string().replace(" at line 1 column ", " at column ");
                Err(format!("not an object of `id` and `text`: {error}"))
            }
            Some(Ok(line)) if line.id.is_null() => Err("`id` is null; give each text an id".into()),
            Some(Ok(line)) => Ok(judged(&guardrails, &line, now)),
        };
        let answer = answer.unwrap_or_else(|error| {
            faulty = true;
            json!({"id": null, "error": error, "line": number})
        });
        serde_json::to_writer(&mut out, &answer).map_err(std::io::Error::from)?;
        out.write_all(b"\n")?;
        // A program at the other end of a pipe may wait for this answer before it asks again.
        if reader.buffer().is_empty() {
            out.flush()?;
        }
    }
    out.flush()?;
    bar.finish_and_clear();
    if faulty { Err(Failure::NotInOrder) } else { Ok(()) }
}

fn skip_rest_of_line(reader: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let (used, ended) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), false),
        };
        reader.consume(used);
        if ended {
            return Ok(());
        }
    }
}

fn judged(guardrails: &Guardrails, line: &Line, now: Timestamp) -> Value {
    let empty = Map::new();
    let attributes = line.attributes.as_ref().unwrap_or(&empty);
    let context = attributes.get("context").and_then(Value::as_object).unwrap_or(&empty);
    let locale = line.locale.as_deref().and_then(Locale::parse);
    let judgement = guardrail::judge(
        guardrails,
        &Subject {
            text: &line.text,
            facts: line.facts.as_ref().unwrap_or(&empty),
            context,
            placement: line.placement.as_deref(),
            locale: locale.as_ref(),
            inputs: attributes,
            at: now,
        },
    );
    let mut answer = json!({"id": line.id, "verdict": judgement.verdict, "findings": judgement.findings});
    if let (Some(fixed), Value::Object(answer)) = (judgement.fixed, &mut answer) {
        answer.insert("text".into(), fixed.into());
    }
    answer
}
