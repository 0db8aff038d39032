//! `copyrail backtest`.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::check::as_of;
use super::lines::{Lines, TOGETHER};
use super::output::{Paint, counted, folded, safe};
use super::scan::{self, of_folder};
use super::{ConfigArgs, Failure, Format, Shell};
use crate::audit::index::Pace;
use crate::config::Settings;
use crate::document::parse_duration;
use crate::guardrail::Guardrails;
use crate::policy::Copy;
use crate::replay::{
    self, Change, Count, Example, Facts, KeptError, KeptOpinions, KeptSets, Origin, Plan, Report,
    ShadowReport, Text,
};
use crate::store::{Access, Store};
use crate::words::Locale;

/// How wide lines are where nothing says how wide the terminal is.
const WIDTH: usize = 100;

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail backtest --since 7d\n  \
                   copyrail backtest --guardrails proposed --max-newly-blocked 1% --format json",
    after_help = "Judges what the log holds by both sets, at the same instant, with the facts of today's catalogue: generated texts \
    that passed, the last text of those that were blocked, and pre-written copy that was shown. Calls no model and writes nothing. \
    A limit is a number of texts, or a share of all texts judged, such as 1%. \
    Exit code: 0, 1 where a limit is passed or rules are faulty, 2 usage."
)]
pub(super) struct Backtest {
    /// The folder of the proposed guardrails; without it those of the settings
    #[arg(long, value_name = "DIR")]
    guardrails: Option<PathBuf>,
    /// What they are compared with: a folder, or a revision that the store keeps; without it what is in force
    #[arg(long, value_name = "DIR|REVISION")]
    against: Option<String>,
    /// From how long ago on
    #[arg(long, value_name = "AGE", default_value = "30d", value_parser = age)]
    since: SignedDuration,
    /// Texts of a file instead of the log, as `scan` reads them; `-` reads standard input
    #[arg(long, value_name = "FILE.jsonl")]
    texts: Option<PathBuf>,
    /// Judge by these rules alone
    #[arg(long, value_name = "RULE", num_args = 1..)]
    rule: Vec<String>,
    /// Judge as of this day
    #[arg(long, value_name = "DATE")]
    as_of: Option<jiff::civil::Date>,
    /// Exit with 1 where more texts would not be used any more
    #[arg(long, value_name = "N|P%")]
    max_newly_blocked: Option<Most>,
    /// Exit with 1 where more texts would be used that are not
    #[arg(long, value_name = "N|P%")]
    max_newly_passed: Option<Most>,
    /// How many generations at most, the newest first
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "texts")]
    limit: Option<u64>,
    /// How many examples of each change for each rule
    #[arg(long, value_name = "N", default_value_t = 5)]
    examples: usize,
    /// What rules in shadow would have done with live traffic instead
    #[arg(long, conflicts_with_all = ["guardrails", "against", "texts", "rule", "as_of", "limit", "max_newly_blocked", "max_newly_passed"])]
    shadow: bool,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

/// How many texts may change.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Most {
    Texts(u64),
    /// Of all texts judged, in a hundred parts.
    Share(f64),
}

impl FromStr for Most {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const HELP: &str = "write a number of texts such as 20, or a share such as 0.5%";
        match text.strip_suffix('%') {
            None => text.parse().map(Self::Texts).map_err(|_| HELP),
            Some(share) => {
                let share: f64 = share.trim().parse().map_err(|_| HELP)?;
                if (0.0..=100.0).contains(&share) { Ok(Self::Share(share)) } else { Err(HELP) }
            }
        }
    }
}

impl Most {
    fn is_passed(self, count: Count, texts: u64) -> bool {
        match self {
            Self::Texts(most) => count.texts > most,
            Self::Share(most) => count.texts as f64 * 100.0 > most * texts as f64,
        }
    }
}

/// How long ago, such as `30d`.
pub(super) fn age(text: &str) -> Result<SignedDuration, &'static str> {
    let age = parse_duration(text).and_then(|age| SignedDuration::try_from(age).ok());
    age.ok_or("write how long ago, such as 30d or 12h")
}

pub(super) async fn run(args: Backtest, shell: &mut Shell) -> Result<(), Failure> {
    let settings = shell.settings(&args.config.config)?;
    let now = (shell.now)();
    if args.shadow {
        return in_shadow(&args, &settings, now, shell).await;
    }
    let at = as_of(args.as_of, &settings.policy.timezone, now)?;
    let dir = args.guardrails.as_deref().unwrap_or(&settings.policy.guardrails);
    let after = of_folder(dir, &settings.policy.timezone, shell)?;
    let from_folder = args.against.as_deref().map(Path::new).filter(|path| path.is_dir());
    // Two folders and a file need no store.
    let store = match (&args.texts, from_folder) {
        (Some(_), Some(_)) => None,
        _ => Some(Store::open(&settings.store_url, Access::ReadOnly).await?),
    };
    let kept = store.clone().map(|store| KeptSets::new(store, &settings.policy));
    let before = match (from_folder, &kept, &args.against) {
        (Some(dir), ..) => of_folder(dir, &settings.policy.timezone, shell)?,
        (None, Some(kept), Some(revision)) => kept.guardrails_of(revision).await.map_err(not_kept)?,
        (None, Some(kept), None) => kept.guardrails().await.map_err(not_kept)?,
        (None, None, _) => return Err(Failure::Usage("`--against` names no folder".into())),
    };
    let (before, after) = only(before, after, &args.rule)?;
    let opinions = match &store {
        Some(store) if before.ask_second_models() || after.ask_second_models() => {
            KeptOpinions::read(store, &settings.providers, now).await?
        }
        _ => KeptOpinions::default(),
    };
    let since = now.checked_sub(args.since).unwrap_or(Timestamp::MIN);
    let plan = Plan { at, since, limit: args.limit, until: None, examples: args.examples, pace: Pace::Alone };
    let copy = copy(kept.as_ref(), &settings, now).await;
    let (report, faulty) = match (&args.texts, store) {
        (Some(file), _) => of_file(file, (before, after), copy, opinions, &plan, shell).await?,
        (None, Some(store)) => {
            let copy = copy.ok_or_else(|| not_kept(KeptError::None("prompts")))?;
            let bar = bar(shell);
            let progress = |done, of| {
                bar.set_length(of);
                bar.set_position(done);
            };
            let report = replay::backtest(&store, copy, (before, after), opinions, &plan, progress).await?;
            bar.finish_and_clear();
            (report, false)
        }
        (None, None) => return Err(Failure::Usage("there is no store to read".into())),
    };
    let passed = |most: Option<Most>, count| most.is_some_and(|most| most.is_passed(count, report.texts()));
    let blocked = passed(args.max_newly_blocked, report.changes.newly_blocked);
    let let_through = passed(args.max_newly_passed, report.changes.newly_passed);
    let ok = !blocked && !let_through && !faulty;
    let said = match args.format {
        Format::Json => {
            let mut value = serde_json::to_value(&report).map_err(anyhow::Error::from)?;
            if let Value::Object(value) = &mut value {
                value.insert("ok".into(), json!(ok));
            }
            shell.out.line(&value.to_string())
        }
        Format::Text => say(&report, shell).and_then(|()| say_passed(blocked, let_through, shell)),
    };
    match said {
        // A limit is passed whether or not somebody reads on.
        Err(error) if ok || error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ if ok => Ok(()),
        _ => Err(Failure::NotInOrder),
    }
}

fn say_passed(blocked: bool, let_through: bool, shell: &Shell) -> std::io::Result<()> {
    let passed = [(blocked, "newly blocked"), (let_through, "newly passed")];
    for (_, what) in passed.into_iter().filter(|(passed, _)| *passed) {
        let how = shell.out.paint(Paint::Bad, "not in order:");
        shell.out.line(&format!("\n{how} more texts are {what} than the limit allows"))?;
    }
    Ok(())
}

/// What rules in shadow would have done.
async fn in_shadow(
    args: &Backtest,
    settings: &Settings,
    now: Timestamp,
    shell: &Shell,
) -> Result<(), Failure> {
    let store = Store::open(&settings.store_url, Access::ReadOnly).await?;
    let kept = KeptSets::new(store.clone(), &settings.policy);
    let since = now.checked_sub(args.since).unwrap_or(Timestamp::MIN);
    let bar = bar(shell);
    let progress = |done, of| {
        bar.set_length(of);
        bar.set_position(done);
    };
    let report = replay::shadow(&store, &kept, since, args.examples, progress).await;
    bar.finish_and_clear();
    let report = report.map_err(not_kept)?;
    match args.format {
        Format::Json => {
            shell.out.line(&serde_json::to_string(&report).map_err(anyhow::Error::from)?)?;
        }
        Format::Text => say_shadow(&report, shell)?,
    }
    Ok(())
}

fn say_shadow(report: &ShadowReport, shell: &Shell) -> std::io::Result<()> {
    let out = &shell.out;
    let width = shell.columns().unwrap_or(WIDTH).clamp(40, 200);
    let heading = |title: &str| out.paint(Paint::Strong, title);
    let since = report.since.strftime("%Y-%m-%d %H:%M UTC");
    out.line(&format!("{}    {}", heading("judged"), counted(report.generations, "generation")))?;
    out.line(&format!("{}     {since}, {}", heading("since"), counted(report.serves, "serve")))?;
    if report.rules.is_empty() {
        out.line("\nno rule was in shadow in that time")?;
    }
    for rule in &report.rules {
        let owner = rule.owner.as_deref().map(|owner| format!("  ({})", safe(owner))).unwrap_or_default();
        out.line(&format!("\n{}{owner}", heading(&safe(&rule.rule))))?;
        let day = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M UTC").to_string();
        out.line(&format!(
            "  in shadow for {}, from {} to {}",
            counted(rule.judged.texts, "generation"),
            day(rule.first),
            day(rule.last)
        ))?;
        for (title, count) in [
            ("would have blocked", rule.would_block),
            ("would have sent back", rule.would_send_back),
            ("would have corrected", rule.would_correct),
            ("would have noted", rule.would_note),
            ("found in what was blocked anyway", rule.blocked_anyway),
        ] {
            if count.texts > 0 {
                out.line(&format!("  {title:<33}{}", numbers(count, true)))?;
            }
        }
        for example in &rule.examples {
            let product =
                example.product.as_ref().map(|id| format!(", product {}", safe(id))).unwrap_or_default();
            let shown = counted(example.serves, "time");
            let told = format!(
                "  {}{product}, {}, shown {shown}, generation {}",
                safe(&example.placement),
                day(example.at),
                example.generation
            );
            out.line(&out.paint(Paint::Faint, &told))?;
            for line in folded(&safe(&marked(&example.text, example.start, example.end)), width - 4) {
                out.line(&format!("    {line}"))?;
            }
            if !example.message.is_empty() {
                out.line(&out.paint(Paint::Faint, &format!("    {}", safe(&example.message))))?;
            }
        }
    }
    let notes = [
        (
            report.unknown,
            "generations were judged by rules that are not kept, or that this version cannot read",
        ),
        (report.unreadable, "entries cannot be read; run `copyrail audit verify`"),
    ];
    for (number, what) in notes.iter().filter(|(number, _)| *number > 0) {
        out.line(&out.paint(Paint::Notice, &format!("\n{number} {what}")))?;
    }
    Ok(())
}

/// `   12 texts      340 serves    0.125 % of serves`. Limits are shares of texts.
fn numbers(count: Count, with_serves: bool) -> String {
    let word =
        |number: u64, word: &'static str| if number == 1 { format!("{word} ") } else { format!("{word}s") };
    let texts = format!("{:>8} {}", count.texts, word(count.texts, "text"));
    if !with_serves {
        return texts.trim_end().to_owned();
    }
    let serves = format!("{:>10} {}", count.serves, word(count.serves, "serve"));
    format!("{texts} {serves} {:>8.3} % of serves", count.share * 100.0)
}

/// A bar for a person who watches, with nothing in it yet.
pub(super) fn bar(shell: &Shell) -> ProgressBar {
    let bar = if shell.out.watched { ProgressBar::new(0) } else { ProgressBar::hidden() };
    bar.set_style(
        ProgressStyle::with_template("{bar:30} {percent:>3} %  {human_pos} of {human_len} texts  {eta}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar
}

/// A set that is not kept is what to say, and what to do.
pub(super) fn not_kept(error: KeptError) -> Failure {
    match error {
        KeptError::Store(error) => error.into(),
        KeptError::Unknown(_) => Failure::Usage(error.to_string()),
        KeptError::None(_) | KeptError::Unreadable(..) => Failure::Failed(error.into()),
    }
}

/// Segments and prompts as they are in force, else as the files are: they say placements' limits and what the public wrote.
async fn copy(kept: Option<&KeptSets<'_>>, settings: &Settings, now: Timestamp) -> Option<Arc<Copy>> {
    if let Some(kept) = kept
        && let Ok(copy) = kept.copy(now).await
    {
        return Some(copy);
    }
    let files = crate::policy::Sources::read(&settings.policy).copy?.ok()?;
    let path = |path: &Path| crate::policy::shown(path);
    let (segments, prompts) = (path(&settings.policy.segments), path(&settings.policy.prompts));
    let standing = crate::policy::Standing::InForce;
    crate::policy::load_copy(&files, &segments, &prompts, None, standing, now).0.map(Arc::new)
}

/// Both sets with these rules alone; a rule that one of them lacks is not in that one.
fn only(
    before: Guardrails,
    after: Guardrails,
    names: &[String],
) -> Result<(Arc<Guardrails>, Arc<Guardrails>), Failure> {
    if names.is_empty() {
        return Ok((Arc::new(before), Arc::new(after)));
    }
    let has = |rules: &Guardrails, name: &str| rules.rules().iter().any(|rule| rule.id() == name);
    if let Some(unknown) = names.iter().find(|name| !has(&before, name) && !has(&after, name)) {
        return Err(Failure::Usage(format!("neither set has a rule `{unknown}`")));
    }
    let cut = |rules: Guardrails| {
        let here: Vec<String> = names.iter().filter(|name| has(&rules, name)).cloned().collect();
        rules.only(&here).map(Arc::new).map_err(|name| anyhow::anyhow!("there is no rule `{name}`"))
    };
    Ok((cut(before)?, cut(after)?))
}

/// Judges the texts of a file; says whether a line was faulty, too.
async fn of_file(
    file: &Path,
    (before, after): (Arc<Guardrails>, Arc<Guardrails>),
    copy: Option<Arc<Copy>>,
    opinions: KeptOpinions,
    plan: &Plan,
    shell: &Shell,
) -> Result<(Report, bool), Failure> {
    let mut test = replay::Backtest::new(before, after, copy.clone(), opinions, plan);
    let mut lines = Lines::open(file, shell)?;
    let mut faulty = false;
    loop {
        let together = lines.next_together(TOGETHER * rayon::current_num_threads())?;
        if together.is_empty() {
            return Ok((test.report(), faulty));
        }
        let mut texts = Vec::with_capacity(together.len());
        for line in &together {
            match scan::Text::read(line) {
                Ok(given) => texts.push(text(given, copy.as_deref())),
                Err(error) => {
                    faulty = true;
                    shell.out.error(&format!("line {}: {error}", line.number));
                }
            }
        }
        test.judge(texts).await?;
    }
}

/// A line's text, with what the line says of it.
fn text(given: scan::Text, copy: Option<&Copy>) -> Text {
    let inputs = given.attributes.unwrap_or_default();
    let context: Map<String, Value> =
        inputs.get("context").and_then(Value::as_object).cloned().unwrap_or_default();
    let id = given.id.as_str().map_or_else(|| given.id.to_string(), str::to_owned);
    Text {
        origin: Origin::Given(id),
        at: None,
        text: given.text,
        placement: given.placement,
        locale: given.locale.as_deref().and_then(Locale::parse),
        product: given.facts.as_ref().and_then(|facts| facts.get("id")?.as_str().map(str::to_owned)),
        facts_known: given.facts.is_some(),
        facts: Arc::new(Facts::of(given.facts.unwrap_or_default(), copy)),
        context,
        inputs,
        instructions: None,
        prewritten: false,
        used: true,
        serves: 0,
    }
}

/// `b3:` and the first of its digits.
pub(super) fn short(revision: &str) -> String {
    safe(&revision.chars().take(15).collect::<String>())
}

fn say(report: &Report, shell: &Shell) -> std::io::Result<()> {
    let out = &shell.out;
    let width = shell.columns().unwrap_or(WIDTH).clamp(40, 200);
    let mut judged = Vec::new();
    for (number, what) in [
        (report.generations, "generation"),
        (report.prewritten, "pre-written text where it was shown"),
        (report.given, "text"),
    ] {
        match (number, what) {
            (0, _) => {}
            (2.., "pre-written text where it was shown") => {
                judged.push(format!("{number} pre-written texts where they were shown"));
            }
            _ => judged.push(counted(number, what)),
        }
    }
    let judged = if judged.is_empty() { "no text".to_owned() } else { judged.join(", ") };
    let heading = |title: &str| out.paint(Paint::Strong, title);
    out.line(&format!("{}    {judged}", heading("judged")))?;
    if let Some(since) = report.since {
        let since = since.strftime("%Y-%m-%d %H:%M UTC");
        out.line(&format!("{}     {since}, {}", heading("since"), counted(report.serves, "serve")))?;
    }
    let (before, after) = (short(&report.before), short(&report.after));
    match before == after {
        true => out.line(&format!("{}     {before} on both sides: nothing was edited", heading("rules")))?,
        false => out.line(&format!("{}     {after} against {before}", heading("rules")))?,
    }
    out.line("")?;
    let changes = &report.changes;
    for (paint, title, count) in [
        (Paint::Bad, "newly blocked", changes.newly_blocked),
        (Paint::Notice, "newly passed", changes.newly_passed),
        (Paint::Accent, "changed", changes.changed),
        (Paint::Faint, "would be asked", changes.would_be_asked),
    ] {
        let padded = format!("{title:<15}");
        let title = if count.texts > 0 { out.paint(paint, &padded) } else { padded };
        let line = format!("{title}{}", numbers(count, report.since.is_some()));
        out.line(&line)?;
    }
    for rule in &report.rules {
        let owner = rule.owner.as_deref().map(|owner| format!("  ({})", safe(owner))).unwrap_or_default();
        out.line(&format!("\n{}{owner}", heading(&safe(&rule.rule))))?;
        let of = &rule.changes;
        let told: Vec<String> = [
            ("newly blocked", of.newly_blocked),
            ("newly passed", of.newly_passed),
            ("changed", of.changed),
            ("would be asked", of.would_be_asked),
        ]
        .iter()
        .filter(|(_, count)| count.texts > 0)
        .map(|(title, count)| {
            let serves = if report.since.is_some() {
                format!(", {}", counted(count.serves, "serve"))
            } else {
                String::new()
            };
            format!("{title} {}{serves}", counted(count.texts, "text"))
        })
        .collect();
        out.line(&format!("  {}", told.join("; ")))?;
        for example in &rule.examples {
            say_example(example, width, shell)?;
        }
    }
    say_limits(report, shell)
}

fn say_example(example: &Example, width: usize, shell: &Shell) -> std::io::Result<()> {
    let out = &shell.out;
    let change = match example.change {
        Change::NewlyBlocked => "newly blocked",
        Change::NewlyPassed => "newly passed",
        Change::Changed => "changed",
        Change::WouldBeAsked => "would be asked",
    };
    let parts = [
        example.placement.clone(),
        example.product.as_ref().map(|product| format!("product {product}")),
        example.at.map(|at| at.strftime("%Y-%m-%d %H:%M UTC").to_string()),
        (example.serves > 0).then(|| format!("shown {}", counted(example.serves, "time"))),
        example.generation.as_ref().map(|id| format!("generation {id}")),
        example.id.as_ref().map(|id| format!("id {id}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().map(|part| safe(&part)).collect();
    out.line(&out.paint(Paint::Faint, &format!("  {change}: {}", parts.join(", "))))?;
    if let Some(text) = &example.text {
        for line in folded(&safe(&marked(text, example.start, example.end)), width - 4) {
            out.line(&format!("    {line}"))?;
        }
    }
    if let Some(instead) = &example.instead {
        for line in folded(&format!("instead: {}", safe(instead)), width - 4) {
            out.line(&format!("    {line}"))?;
        }
    }
    match &example.message {
        Some(message) => out.line(&out.paint(Paint::Faint, &format!("    {}", safe(message)))),
        None => Ok(()),
    }
}

/// A text with the finding between brackets.
pub(super) fn marked(text: &str, start: usize, end: usize) -> String {
    if start >= end {
        return text.to_owned();
    }
    let part =
        |from: usize, to: usize| text.chars().skip(from).take(to.saturating_sub(from)).collect::<String>();
    format!("{}[{}]{}", part(0, start), part(start, end), part(end, usize::MAX))
}

/// What of the answer is to be taken with care.
fn say_limits(report: &Report, shell: &Shell) -> std::io::Result<()> {
    let left_out = report.left_out;
    let notes = [
        (
            report.without_facts,
            if report.since.is_some() {
                "texts are about products that the catalogue does not hold today: judged against what their prompts said"
            } else {
                "texts came without facts"
            },
        ),
        (left_out.without_text, "texts were left out: erased, or deleted for their age"),
        (left_out.unreadable, "entries cannot be read and were left out; run `copyrail audit verify`"),
        (left_out.serves, "serves are of too many different texts to be counted with them"),
    ];
    let notes =
        notes.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}"));
    let cut = (!report.complete).then(|| match report.back_to {
        Some(at) => format!("looked at generations back to {} alone", at.strftime("%Y-%m-%d %H:%M UTC")),
        None => "stopped before anything was looked at".to_owned(),
    });
    for (first, note) in notes.chain(cut).enumerate() {
        if first == 0 {
            shell.out.line("")?;
        }
        shell.out.line(&shell.out.paint(Paint::Notice, &note))?;
    }
    Ok(())
}
