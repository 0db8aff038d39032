//! `copyrail audit subject`.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use super::super::output::{at, counted, safe};
use super::super::{ConfigArgs, Failure, Format, Shell};
use crate::audit::{Event, ExportRecord, append_beside, subject};
use crate::store::{Access, Store};
use crate::words::new_id;

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail audit subject --user u-17 --by jo --format json --out u-17.json",
    after_help = "Everything that they were shown, and what was written for them alone with the prompts; nothing of anybody else. That it was taken out \
    is recorded."
)]
pub(in crate::cli) struct Subject {
    /// The user, as pages send them in `user.id`
    #[arg(long, value_name = "U")]
    user: String,
    /// Who takes it out
    #[arg(long, value_name = "NAME")]
    by: String,
    /// What the request is called, such as a ticket's number; kept for good, so nothing personal
    #[arg(long, value_name = "TICKET")]
    reference: Option<String>,
    /// Where to: a new file that only you may read
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(args: Subject, shell: &mut Shell) -> Result<(), Failure> {
    let settings = shell.settings(&args.config.config)?;
    let digest = super::user_key(&settings)?.digest(&args.user);
    let store = Store::open(&settings.store_url, Access::Beside).await?;
    let found = subject::subject(&store, &digest).await?;
    let now = (shell.now)();
    let of =
        args.reference.map_or_else(|| "one person".into(), |reference| format!("one person: {reference}"));
    let record = ExportRecord { id: new_id(now), at: now, by: args.by, what: "subject".into(), of };
    append_beside(&store, Event::Export(record)).await?;
    store.close().await;
    let text = match args.format {
        Format::Json => serde_json::to_string_pretty(&found).map_err(anyhow::Error::from)?,
        Format::Text => readable(&found),
    };
    let Some(path) = args.out else { return Ok(shell.out.line(&text)?) };
    write(&path, &text).map_err(|error| anyhow::anyhow!("cannot write {}: {error}", path.display()))?;
    let serves = at(&found, "/serves").as_array().map_or(0, Vec::len) as u64;
    shell.out.line(&format!("{} written to {}", counted(serves, "serve"), path.display()))?;
    Ok(())
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")
}

fn readable(found: &Value) -> String {
    let list = |name: &str| at(found, name).as_array().map(Vec::as_slice).unwrap_or_default();
    let mut lines = vec![format!("Shown: {}", counted(list("/serves").len() as u64, "time"))];
    for serve in list("/serves") {
        let [when, placement, product, tier] =
            ["/at", "/placement", "/product", "/tier"].map(|field| at(serve, field));
        let product = if product.is_null() { String::new() } else { format!(", product {}", text(product)) };
        lines.push(format!("\n{} on {}{product} ({})", text(when), text(placement), text(tier)));
        lines.push(match at(serve, "/text").as_str() {
            Some(shown) => format!("  {}", safe(shown)),
            None => "  (no text, or not kept any more)".into(),
        });
    }
    lines.push(format!(
        "\nWritten for this person alone: {}",
        counted(list("/generations").len() as u64, "text")
    ));
    for generation in list("/generations") {
        written_alone(generation, &mut lines);
    }
    let (answers, holds) = (list("/answers"), list("/holds"));
    lines.push(format!("\nAnswers kept for a day for whoever asks again: {}", answers.len()));
    lines.extend(answers.iter().map(|answer| format!("  {}", text(at(answer, "/text")))));
    lines.push(format!("Legal holds on these records: {}", holds.len()));
    lines.extend(holds.iter().map(|hold| {
        format!("  {} since {}: {}", text(at(hold, "/id")), text(at(hold, "/at")), text(at(hold, "/reason")))
    }));
    lines.join("\n")
}

/// A text as it is; of anything else its JSON.
fn text(value: &Value) -> String {
    safe(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// A generation with all that stands beside it.
fn written_alone(generation: &Value, lines: &mut Vec<String>) {
    let list = |name: &str| at(generation, name).as_array().map(Vec::as_slice).unwrap_or_default();
    lines.push(format!("\n{} generation {}", text(at(generation, "/finished")), text(at(generation, "/id"))));
    if at(generation, "/payload").is_null() {
        lines.push("  (prompt and texts are not kept any more)".into());
    } else {
        part("from", at(generation, "/payload/inputs"), lines);
        part("with the facts", at(generation, "/payload/facts"), lines);
        for message in list("/payload/messages") {
            part(&format!("prompt, {}", text(at(message, "/role"))), at(message, "/content"), lines);
        }
        for written in list("/payload/raw_texts") {
            part("the model wrote", written, lines);
        }
        part("what rules found in it", at(generation, "/payload/matches"), lines);
        part("text", at(generation, "/payload/text"), lines);
    }
    for verdict in list("/verdicts") {
        let [when, service, opinion] = ["/at", "/service", "/opinion"].map(|field| text(at(verdict, field)));
        lines.push(format!("  {when} a second model was asked, {service}: {opinion}"));
        part("its reason", at(verdict, "/reason"), lines);
    }
    for review in list("/reviews") {
        lines.push(format!("  {} review: {}", text(at(review, "/at")), text(at(review, "/action"))));
        part("note", at(review, "/note"), lines);
    }
}

/// One part of what stands beside a generation, if there is any; further lines of it further in.
fn part(name: &str, value: &Value, lines: &mut Vec<String>) {
    let whole = match value {
        Value::Null => return,
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let shown: Vec<String> = whole.lines().map(safe).collect();
    lines.push(format!("  {name}: {}", shown.join("\n      ")));
}
