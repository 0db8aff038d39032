//! `copyrail audit show`.

use clap::Args;
use serde_json::json;
use uuid::Uuid;

use super::super::output::{Paint, at, safe};
use super::super::{ConfigArgs, Failure, Format, Shell};
use crate::audit::search;
use crate::store::{Access, Store};

#[derive(Debug, Args)]
#[command(before_help = "Example:\n  copyrail audit show 0192f3c1-7a2b-7c3d-8e4f-5a6b7c8d9e0f")]
pub(in crate::cli) struct Show {
    /// The generation's id
    id: Uuid,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(args: Show, shell: &mut Shell) -> Result<(), Failure> {
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
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), safe);
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
            shell.out.line(&safe(line))?;
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
            shell.out.line(&safe(said))?;
        }
    }
    for review in at(record, "/reviews").as_array().into_iter().flatten() {
        let [action, by, when] = ["/action", "/by", "/at"].map(|field| text(at(review, field)));
        shell.out.line(&format!("\n{}", heading(&format!("{action} by {by} at {when}"))))?;
        if let Some(note) = at(review, "/note").as_str() {
            shell.out.line(&safe(note))?;
        }
    }
    Ok(())
}
