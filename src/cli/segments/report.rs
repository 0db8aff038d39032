//! `copyrail segments report`.

mod page;
mod text;

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use serde::Serialize;

use super::users::{self, User};
use crate::cli::output::{counted, safe};
use crate::cli::{ConfigArgs, Failure, Shell};
use crate::config::{Price, Settings};
use crate::diagnostic::Diagnostic;
use crate::document::Files;
use crate::policy::{Standing, load_copy, read_dir, read_file};
use crate::prompt::{Counter, Demand, Prompts, Tokens};
use crate::segment::{self, Sampled, Segments, Tally};

/// The most faulty lines that are said.
const MAX_SAID: usize = 20;
/// From so many users on a person waits long enough to be shown how far it is.
const MANY_USERS: usize = 20_000;

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail segments report --users users.jsonl --format html > report.html",
    after_help = "Each line of the file is one user: {\"id\"?, \"user\": {…}, \"context\"?: {…}, \"consent\"?, \"at\"?}, or \
    an object of the user's attributes. A faulty line is told on standard error, the others are counted all the same, \
    and the exit code is 1. No model is called and nothing is recorded; the report names no user."
)]
pub(in crate::cli) struct Report {
    /// The users; `-` reads standard input
    #[arg(long, value_name = "FILE.jsonl")]
    users: PathBuf,
    /// Another segments file than that of the settings
    #[arg(long, value_name = "FILE.yml")]
    segments: Option<PathBuf>,
    /// Count cache keys for this placement alone
    #[arg(long, value_name = "P")]
    placement: Option<String>,
    /// How many products the users look at
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    products: u64,
    /// The moment that ages count from, where a line says none; now, unless said
    #[arg(long, value_name = "INSTANT")]
    at: Option<Timestamp>,
    /// Measure splits by this number, such as user.spend
    #[arg(long, value_name = "PATH")]
    metric: Option<String>,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    // As everywhere, the words speak for themselves.
    #[default]
    Text,
    Json,
    Html,
}

/// All that is told.
#[derive(Debug, Serialize)]
struct Whole {
    /// The file of users.
    file: String,
    /// The segments' file.
    segments_file: String,
    /// The moment that ages count from, where a line says none.
    at: Timestamp,
    #[serde(flatten)]
    report: segment::Report,
    /// How many products the keys are counted for.
    products: u64,
    /// What each placement needs; none where the prompts do not go with the segments.
    placements: Option<Vec<Demand>>,
    /// What writing every text once takes.
    cost: Cost,
    /// The lines that could not be read.
    faults: Vec<Fault>,
}

/// What writing every text once takes, in tokens and money. An estimate.
#[derive(Debug, Serialize)]
struct Cost {
    tokens: Tokens,
    /// The provider whose prices these are; none has prices where it is missing.
    provider: Option<String>,
    /// With answers half as long as templates allow, in the currency of the prices.
    expected: Option<f64>,
    /// With answers as long as templates allow.
    at_most: Option<f64>,
    /// How the estimate is made.
    how: &'static str,
}

#[derive(Debug, Serialize)]
struct Fault {
    line: u64,
    error: String,
}

/// How tokens are estimated, for people.
const HOW: &str = "An estimate: one call for each key; prompts at 4 characters a token, as long as the template's sample; \
                   answers at half of `max_tokens`, at most all of it.";

pub(super) fn run(args: Report, shell: &mut Shell) -> Result<(), Failure> {
    if let Some(metric) = &args.metric
        && !["user.", "context."].iter().any(|root| metric.len() > root.len() && metric.starts_with(root))
    {
        return Err(Failure::Usage(format!(
            "--metric {metric}: begin it with `user.` or `context.`, such as user.spend"
        )));
    }
    let mut settings = shell.settings(&args.config.config)?;
    if let Some(file) = &args.segments {
        settings.policy.segments.clone_from(file);
    }
    let now = args.at.unwrap_or_else(|| (shell.now)());
    let (segments, prompts) = load(&settings, args.segments.is_some(), args.placement.is_some(), shell, now)?;
    let placements = placements(prompts.as_ref(), args.placement.as_deref())?;
    let (users, faults) = users::read(&args.users, shell)?;
    let file = args.users.display().to_string();
    for (line, fault) in faults.iter().take(MAX_SAID) {
        shell.out.talk(&format!("{file}:{line}: {}", safe(fault)));
    }
    if faults.len() > MAX_SAID {
        shell.out.talk(&format!("and {} more faulty lines", faults.len() - MAX_SAID));
    }
    if users.is_empty() {
        shell.out.error(&format!("{file} holds no user; write one a line, such as {{\"orders_90d\": 2}}"));
        return Err(Failure::NotInOrder);
    }
    let counters = prompts
        .iter()
        .flat_map(|prompts| placements.iter().map(|placement| Counter::new(prompts, &segments, placement)));
    let (report, demands) =
        count(&users, &segments, counters.collect(), args.metric.as_deref(), now, args.products, shell);
    if let Some(metric) = report.metric.as_ref().filter(|metric| metric.present.users == 0) {
        return Err(Failure::Usage(format!("--metric {}: no user has a number there", metric.path)));
    }
    let whole = Whole {
        file,
        segments_file: settings.policy.segments.display().to_string(),
        // Nobody counts users by the nanosecond.
        at: now.round(jiff::Unit::Second).unwrap_or(now),
        report,
        products: args.products,
        cost: cost(&demands, &settings),
        placements: prompts.is_some().then_some(demands),
        faults: faults.into_iter().map(|(line, error)| Fault { line, error }).collect(),
    };
    match args.format {
        Format::Json => shell.out.line(&serde_json::to_string(&whole).map_err(anyhow::Error::from)?)?,
        Format::Html => shell.out.line(&page::html(&whole)?)?,
        Format::Text => text::write(&whole, shell)?,
    }
    if whole.faults.is_empty() { Ok(()) } else { Err(Failure::NotInOrder) }
}

/// The segments, and the prompts where they go with them: another segments file may well declare other attributes.
fn load(
    settings: &Settings,
    others: bool,
    need_prompts: bool,
    shell: &Shell,
    now: Timestamp,
) -> Result<(Segments, Option<Prompts>), Failure> {
    let mut files = Files::new();
    let (mut unread, mut missing) = (Vec::new(), Vec::new());
    read_file(&settings.policy.segments, &mut files, &mut unread);
    shell.say(&unread, |_| None);
    let Some((name, text)) = files.first_key_value().map(|(name, text)| (name.clone(), text.clone())) else {
        return Err(Failure::NotInOrder);
    };
    let (segments, faults) = segment::load(&name, &text);
    let Some(segments) = segments else {
        shell.say(&faults, |_| Some(text.clone()));
        return Err(Failure::NotInOrder);
    };
    read_dir(&settings.policy.prompts, &mut files, &mut missing);
    let prompts = settings.policy.prompts.to_string_lossy().replace('\\', "/");
    let prompts = prompts.strip_prefix("./").unwrap_or(&prompts);
    let copy_of = |files: &Files| load_copy(files, &name, prompts, None, Standing::InForce, now);
    let (copy, mut faults) = match missing.is_empty() {
        true => copy_of(&files),
        false => (None, Vec::new()),
    };
    // Templates for segments that another file does not have are not asked; everybody's are.
    if copy.is_none() && others {
        let is_unfit = |fault: &&Diagnostic| fault.is_error() && fault.file.ends_with(".prompty");
        let unfit: BTreeSet<String> =
            faults.iter().filter(is_unfit).map(|fault| fault.file.clone()).collect();
        let fit = files.iter().filter(|(path, _)| !unfit.contains(*path));
        let fit: Files = fit.map(|(path, text)| (path.clone(), text.clone())).collect();
        if let (Some(copy), false) = (copy_of(&fit).0, unfit.is_empty()) {
            let templates = counted(unfit.len() as u64, "template");
            shell.out.talk(&format!(
                "left out of keys and cost: {templates} for other segments, such as {}",
                unfit.first().map_or("", String::as_str)
            ));
            return Ok((copy.segments, Some(copy.prompts)));
        }
    }
    faults.retain(Diagnostic::is_error);
    faults.append(&mut missing);
    match copy {
        Some(copy) => Ok((copy.segments, Some(copy.prompts))),
        None if need_prompts => {
            shell.say(&faults, |file| files.get(file).cloned());
            Err(Failure::NotInOrder)
        }
        None => {
            let first = faults.first().map(|fault| format!("{}: {}", fault.place(), fault.message));
            shell.out.talk(&format!(
                "the prompts do not go with these segments, so keys and cost are left out ({})",
                safe(&first.unwrap_or_default())
            ));
            Ok((segments, None))
        }
    }
}

fn placements<'p>(
    prompts: Option<&'p Prompts>,
    named: Option<&str>,
) -> Result<Vec<&'p crate::prompt::Placement>, Failure> {
    let all: Vec<_> = prompts.iter().flat_map(|prompts| prompts.placements()).collect();
    let Some(named) = named else { return Ok(all) };
    let known: Vec<&str> = all.iter().map(|placement| placement.id.as_str()).collect();
    let unknown = format!("there is no placement `{named}`; there are {}", known.join(", "));
    let found = all.into_iter().find(|placement| placement.id.as_str() == named);
    found.map(|placement| vec![placement]).ok_or(Failure::Usage(unknown))
}

fn count(
    users: &[User],
    segments: &Segments,
    mut counters: Vec<Counter<'_>>,
    metric: Option<&str>,
    now: Timestamp,
    products: u64,
    shell: &Shell,
) -> (segment::Report, Vec<Demand>) {
    let bar = progress(users.len(), shell.out.watched && users.len() >= MANY_USERS);
    let mut tally = Tally::new(segments, metric);
    for user in users {
        let at = user.at.unwrap_or(now);
        let User { user, context, consent, id, .. } = user;
        let consent = *consent;
        let (shaped, segment) = tally.add(&Sampled { id: id.as_deref(), user, context, consent, at });
        for counter in &mut counters {
            counter.add(id.as_deref(), &shaped, consent, &segment, at);
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    (tally.report(), counters.into_iter().map(|counter| counter.demand(products)).collect())
}

fn progress(users: usize, watched: bool) -> ProgressBar {
    if !watched {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(users as u64);
    if let Ok(style) =
        ProgressStyle::with_template("{bar:32} {percent:>3}% {human_pos}/{human_len} users {eta}")
    {
        bar.set_style(style);
    }
    bar
}

fn cost(demands: &[Demand], settings: &Settings) -> Cost {
    let mut tokens = Tokens::default();
    demands.iter().for_each(|demand| tokens += demand.tokens);
    let priced =
        settings.providers.iter().find_map(|provider| Some((provider.name.clone(), provider.price?)));
    let (provider, price) = priced.unzip();
    let money = |answer: u64| price.map(|price| money(price, tokens.prompt, answer));
    let (expected, at_most) = (money(tokens.answer), money(tokens.answer_at_most));
    Cost { tokens, provider, expected, at_most, how: HOW }
}

/// To a hundredth of the currency's hundredth.
fn money(price: Price, prompt: u64, answer: u64) -> f64 {
    let units = (price.input * prompt as f64 + price.output * answer as f64) / 1_000_000.0;
    (units * 10_000.0).round() / 10_000.0
}

/// `1,234,567`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let grouped = digits.as_bytes().rchunks(3).rev().map(|chunk| String::from_utf8_lossy(chunk).into_owned());
    grouped.collect::<Vec<_>>().join(",")
}

/// A number of users on average: `2.4`, and from a hundred on `1,234`.
fn few(users: f64) -> String {
    if users < 100.0 { format!("{users:.1}") } else { thousands(users.round() as u64) }
}

/// `12.3%`, and a little that is not nothing as `<0.1%`.
fn percent(share: f64) -> String {
    match share {
        share if share > 0.0 && share < 0.0005 => "<0.1%".into(),
        share => format!("{:.1}%", share * 100.0),
    }
}

impl Whole {
    /// What to do next: the one thing that would help most.
    fn next(&self) -> String {
        /// From this share on it is worth a word.
        const MUCH: f64 = 0.2;
        let unread = |undeclared: &&segment::Undeclared| undeclared.present.share >= MUCH;
        let unsure = self.report.segments.iter().filter(|size| size.unknown.share >= MUCH);
        let unsure = unsure.filter_map(|size| Some((size, size.missing.first()?)));
        let fan_out = self
            .placements
            .iter()
            .flatten()
            .find_map(|demand| Some((demand, demand.inputs.iter().find(|input| input.too_many)?)));
        if let Some((demand, input)) = fan_out {
            return format!(
                "give `{}` bands in the templates of `{}`: it takes {} values, so hardly anybody shares copy",
                input.path,
                demand.placement,
                thousands(input.values)
            );
        }
        if let Some((size, missing)) = unsure.max_by(|a, b| a.1.part.share.total_cmp(&b.1.part.share)) {
            return format!(
                "send `{}`: without it nobody can tell whether {} of users belong to `{}`",
                missing.path,
                percent(missing.part.share),
                size.segment
            );
        }
        let best = self.report.splits.iter().filter_map(|group| group.splits.first());
        let best = best.max_by(|a, b| a.score.total_cmp(&b.score)).filter(|_| self.report.metric.is_some());
        if let Some(split) = best {
            return format!("try the split `{}` and run this again", split.when);
        }
        if self.report.metric.is_none() && !self.report.splits.is_empty() {
            return "`--metric PATH` ranks the splits by a number that the users have".into();
        }
        match self.report.undeclared.iter().find(unread) {
            Some(undeclared) => format!("declare `{}` if segments or templates may read it", undeclared.path),
            None => "`copyrail check` when the segments change".into(),
        }
    }
}
