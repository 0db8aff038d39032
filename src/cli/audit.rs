//! `copyrail audit verify|show`.

use clap::{Args, Subcommand};
use serde_json::json;
use uuid::Uuid;

use super::output::{Paint, at, counted};
use super::{ConfigArgs, Failure, Format, Shell};
use crate::audit::{search, verify};
use crate::store::{Access, Store};

#[derive(Debug, Subcommand)]
#[command(before_help = "Example:\n  copyrail audit verify")]
pub(super) enum Audit {
    /// Prove that the log is whole: every hash, every payload, every index row
    Verify(Verify),
    /// Show one generation: prompt, attempts, findings, text, verdicts of second models, reviews
    Show(Show),
}

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail audit verify --expect-head \"$(cat yesterday.head)\"",
    after_help = "Finds any change, gap or reordering. Records cut off at the end are found only with a head that was kept elsewhere: \
    keep the one that this command prints."
)]
pub(super) struct Verify {
    /// A head kept elsewhere, which must still be in the chain
    #[arg(long, value_name = "HASH")]
    expect_head: Option<String>,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
#[command(before_help = "Example:\n  copyrail audit show 0192f3c1-7a2b-7c3d-8e4f-5a6b7c8d9e0f")]
pub(super) struct Show {
    /// The generation's id
    id: Uuid,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(command: Audit, shell: &mut Shell) -> Result<(), Failure> {
    match command {
        Audit::Verify(args) => run_verify(args, shell).await,
        Audit::Show(args) => run_show(args, shell).await,
    }
}

async fn run_verify(args: Verify, shell: &mut Shell) -> Result<(), Failure> {
    let settings = shell.settings(&args.config.config)?;
    let store = Store::open(&settings.store_url, Access::ReadOnly).await?;
    let bar =
        if shell.out.watched { indicatif::ProgressBar::new(0) } else { indicatif::ProgressBar::hidden() };
    let report = verify::verify(&store, args.expect_head.as_deref(), |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })
    .await?;
    bar.finish_and_clear();
    if args.format == Format::Json {
        shell.out.line(&serde_json::to_string(&report).map_err(anyhow::Error::from)?)?;
    } else {
        let counts = format!(
            "{}, {}, {}",
            counted(report.records, "record"),
            counted(report.serves, "serve"),
            counted(report.generations, "generation")
        );
        match &report.fault {
            None => {
                shell.out.line(&format!("{} {counts}", shell.out.paint(Paint::Good, "whole:")))?;
                shell.out.line(&format!(
                    "head {}",
                    report.head.as_deref().unwrap_or("none yet: the log is empty")
                ))?;
            }
            Some(fault) => {
                shell.out.line(&format!(
                    "{} {}",
                    shell.out.paint(Paint::Bad, "not whole:"),
                    fault.explanation
                ))?;
                shell.out.line(&format!("up to there: {counts}"))?;
            }
        }
    }
    if report.fault.is_some() { Err(Failure::NotInOrder) } else { Ok(()) }
}

async fn run_show(args: Show, shell: &mut Shell) -> Result<(), Failure> {
    let settings = shell.settings(&args.config.config)?;
    let store = Store::open(&settings.store_url, Access::ReadOnly).await?;
    let Some(found) = search::generation(&store, args.id).await? else {
        shell.out.error(&format!("the log holds no generation {}", args.id));
        return Err(Failure::NotInOrder);
    };
    let value = json!(found);
    if args.format == Format::Json {
        return Ok(shell.out.line(&value.to_string())?);
    }
    let text =
        |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), super::output::safe);
    let heading = |title: &str| shell.out.paint(Paint::Strong, title);
    let (record, payload) = (&value, at(&value, "/payload"));
    for field in [
        "id",
        "started",
        "finished",
        "placement",
        "segment",
        "template",
        "product",
        "locale",
        "outcome",
        "reason",
        "model",
        "revision",
    ] {
        shell.out.line(&format!("{field:<10} {}", text(at(record, &format!("/{field}")))))?;
    }
    for message in at(payload, "/messages").as_array().into_iter().flatten() {
        shell.out.line(&format!("\n{}", heading(&format!("said by {}", text(at(message, "/role"))))))?;
        for line in at(message, "/content").as_str().unwrap_or_default().lines() {
            shell.out.line(&super::output::safe(line))?;
        }
    }
    for (attempt, raw) in at(record, "/attempts")
        .as_array()
        .into_iter()
        .flatten()
        .zip(at(payload, "/raw_texts").as_array().into_iter().flatten())
    {
        shell
            .out
            .line(&format!("\n{}", heading(&format!("attempt at {}", text(at(attempt, "/provider"))))))?;
        shell.out.line(&format!("{attempt}"))?;
        shell.out.line(&text(raw))?;
    }
    for (finding, matched) in at(record, "/findings")
        .as_array()
        .into_iter()
        .flatten()
        .zip(at(payload, "/matches").as_array().into_iter().flatten())
    {
        shell.out.line(&format!("\n{}", heading(&format!("finding of {}", text(at(finding, "/rule"))))))?;
        shell.out.line(&format!(
            "{} (found `{}`)",
            text(at(matched, "/message")),
            text(at(matched, "/match"))
        ))?;
    }
    shell.out.line(&format!("\n{}\n{}", heading("text"), text(at(payload, "/text"))))?;
    for verdict in at(record, "/verdicts").as_array().into_iter().flatten() {
        let [service, when] = ["/service", "/at"].map(|field| text(at(verdict, field)));
        shell.out.line(&format!("\n{}", heading(&format!("{service} at {when}"))))?;
        for rule in at(verdict, "/rules").as_array().into_iter().flatten() {
            let passed = match at(rule, "/passed").as_bool() {
                Some(true) => "passes it",
                Some(false) => "does not pass it",
                None => "has no answer",
            };
            let [name, mode] = ["/rule", "/mode"].map(|field| text(at(rule, field)));
            shell.out.line(&format!("{name} ({mode}) {passed}"))?;
        }
        for said in ["/reason", "/error"].iter().filter_map(|field| at(verdict, field).as_str()) {
            shell.out.line(&super::output::safe(said))?;
        }
    }
    for review in at(record, "/reviews").as_array().into_iter().flatten() {
        let [action, by, when] = ["/action", "/by", "/at"].map(|field| text(at(review, field)));
        shell.out.line(&format!("\n{}", heading(&format!("{action} by {by} at {when}"))))?;
        if let Some(note) = at(review, "/note").as_str() {
            shell.out.line(&super::output::safe(note))?;
        }
    }
    Ok(())
}
