//! `copyrail sweep`.

use clap::Args;
use jiff::Timestamp;

use super::backtest::{bar, marked, not_kept, short};
use super::check::as_of;
use super::output::{Paint, counted, folded, safe};
use super::{ConfigArgs, Failure, Format, Shell};
use crate::guardrail::check_phrase;
use crate::replay::{self, Hit, Kind, Standing, SweepReport};
use crate::store::{Access, Store};

/// How wide lines are where nothing says how wide the terminal is.
const WIDTH: usize = 100;
/// How many texts with the phrase are written out as text; as JSON more are.
const MOST_TOLD: usize = 20;

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail sweep --phrase 'clinically proven'",
    after_help = "Judges all that is kept and could be served: what the log holds and has not run out, what awaits approval, answers \
    kept for `idempotency-key`, pre-written copy for every product of the catalogue, last-resort copy. By the policy and under \
    the stops that each service has in force as the store knows it, not by the files on disk. Texts beside old serves are not \
    served again. What a model may write next is no part of it: a stop holds that. Exit code: 0; 1 where a text with the \
    phrase could be served, or nothing is proven of a service: it lacks a stop, or was not seen for 60 seconds."
)]
pub(super) struct Sweep {
    /// Look for texts with this phrase, as a stop on it finds them
    #[arg(long, value_name = "P")]
    phrase: Option<String>,
    /// Judge as of this day
    #[arg(long, value_name = "DATE")]
    as_of: Option<jiff::civil::Date>,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(args: Sweep, shell: &mut Shell) -> Result<(), Failure> {
    let settings = shell.settings(&args.config.config)?;
    if let Some(phrase) = &args.phrase {
        check_phrase(phrase).map_err(|wrong| Failure::Usage(format!("--phrase: {wrong}")))?;
    }
    let at = as_of(args.as_of, &settings.policy.timezone, (shell.now)())?;
    let store = Store::open(&settings.store_url, Access::ReadOnly).await?;
    let bar = bar(shell);
    let progress = |done, of| {
        bar.set_length(of);
        bar.set_position(done);
    };
    let phrase = args.phrase.as_deref();
    let moments = replay::Moments { now: (shell.now)(), at };
    let report =
        replay::sweep(&store, &settings.policy, &settings.providers, phrase, moments, progress).await;
    bar.finish_and_clear();
    let report = report.map_err(not_kept)?;
    match args.format {
        Format::Json => {
            let mut value = serde_json::to_value(&report).map_err(anyhow::Error::from)?;
            if let serde_json::Value::Object(value) = &mut value {
                value.insert("proven".into(), report.proven().into());
                value.insert("over".into(), report.is_over().into());
            }
            shell.out.line(&value.to_string())?;
        }
        Format::Text => say(&report, shell)?,
    }
    if report.ok { Ok(()) } else { Err(Failure::NotInOrder) }
}

fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn say(report: &SweepReport, shell: &Shell) -> std::io::Result<()> {
    let out = &shell.out;
    let width = shell.columns().unwrap_or(WIDTH).clamp(40, 200);
    let (paint, word) = if report.ok { (Paint::Good, "in order:") } else { (Paint::Bad, "not in order:") };
    for (first, line) in folded(&format!("{word} {}", report.proven()), width).iter().enumerate() {
        match line.strip_prefix(word).filter(|_| first == 0) {
            Some(rest) => out.line(&format!("{}{rest}", out.paint(paint, word)))?,
            None => out.line(line)?,
        }
    }
    let heading = |title: &str| out.paint(Paint::Strong, title);
    if report.phrase.is_some() {
        let kept = match report.kept_until {
            None => "no answer of the last minutes held it: no copy of it is left with callers or at an edge"
                .to_owned(),
            Some(until) if report.is_over() => {
                format!("the last copy that a caller or an edge may keep ran out at {}", utc(until))
            }
            Some(until) => {
                format!("copies that callers or an edge keep may be shown until {}", utc(until))
            }
        };
        for line in folded(&kept, width) {
            out.line(&line)?;
        }
    }
    out.line(&format!("\n{}", heading("services")))?;
    if report.nodes.is_empty() {
        out.line("  none was seen on this store: judged by the sets that were accepted last")?;
    }
    for node in &report.nodes {
        let stops = if node.stops_taken { "all stops" } else { "not all stops" };
        out.line(&format!(
            "  {}  {} since {}, {stops}, seen {}",
            safe(&node.node),
            short(&node.revision),
            utc(node.since),
            utc(node.seen)
        ))?;
        if let Some(unproven) = &node.unproven {
            out.line(&format!("    {}", out.paint(Paint::Bad, &safe(unproven))))?;
        }
    }
    out.line(&format!("\n{}", heading("texts")))?;
    for (kind, standings) in &report.texts {
        let awaits = if standings.awaits > 0 {
            format!(", {} await somebody", standings.awaits)
        } else {
            String::new()
        };
        out.line(&format!(
            "  {:<32}{:>9}: {} could be served{awaits}, {} held back",
            named(*kind),
            standings.texts,
            standings.served,
            standings.held
        ))?;
    }
    if !report.held_by.is_empty() {
        out.line(&format!("\n{}", heading("held back by")))?;
        let mut held: Vec<_> = report.held_by.iter().collect();
        held.sort_by_key(|(by, number)| (std::cmp::Reverse(**number), *by));
        for (by, number) in held {
            out.line(&format!("  {number:>9}  {}", safe(by)))?;
        }
    }
    if !report.hits.is_empty() {
        out.line(&format!("\n{}", heading("with the phrase")))?;
    }
    for hit in report.hits.iter().take(MOST_TOLD) {
        say_hit(hit, width, shell)?;
    }
    let hits = report.hits_served + report.hits_held;
    if hits > MOST_TOLD as u64 {
        out.line(&format!("  and {} more; `--format json` tells of more", hits - MOST_TOLD as u64))?;
    }
    let notes = [
        (
            report.uncertain,
            "are caught by a rule that goes by what only a request brings, and count as what could be served",
        ),
        (report.without_facts, "were judged without the facts that came with their requests"),
        (report.without_text, "were left out: their text was erased, so it cannot be served"),
        (report.unreadable, "cannot be read; run `copyrail audit verify`"),
    ];
    for (number, what) in notes.iter().filter(|(number, _)| *number > 0) {
        for line in folded(&format!("{} {what}", counted(*number, "text")), width) {
            out.line(&out.paint(Paint::Notice, &line))?;
        }
    }
    Ok(())
}

fn named(kind: Kind) -> &'static str {
    match kind {
        Kind::Generated => "generated",
        Kind::Blocked => "blocked, other rules may pass",
        Kind::Repeated => "kept for an idempotency-key",
        Kind::Prewritten => "pre-written, for every product",
        Kind::LastResort => "last resort",
        Kind::Shop => "the shop's own",
    }
}

fn say_hit(hit: &Hit, width: usize, shell: &Shell) -> std::io::Result<()> {
    let out = &shell.out;
    let standing = match &hit.standing {
        Standing::Served => out.paint(Paint::Bad, "could be served"),
        Standing::Awaits(whom) => out.paint(Paint::Bad, &format!("could be served after {whom}")),
        Standing::Held(by) => out.paint(Paint::Good, &format!("held back by {}", safe(by))),
    };
    let parts = [
        Some(named(hit.kind).to_owned()),
        hit.placement.clone(),
        hit.template.clone(),
        hit.locale.clone(),
        hit.product.as_ref().map(|product| format!("product {product}")),
        hit.generation.map(|id| format!("generation {id}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().map(|part| safe(&part)).collect();
    out.line(&format!("  {standing}: {}", parts.join(", ")))?;
    for line in folded(&safe(&marked(&hit.text, hit.start, hit.end)), width - 4) {
        out.line(&format!("    {line}"))?;
    }
    let shown = match &hit.last_serve {
        Some(serve) => format!("    shown last {}, serve {}", utc(serve.at), serve.id),
        None => "    never shown, as far as the log goes".to_owned(),
    };
    out.line(&out.paint(Paint::Faint, &shown))
}
