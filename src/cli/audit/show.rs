//! `copyrail audit show`: one record told whole, for a person.

use clap::Args;
use uuid::Uuid;

use super::super::output::{Paint, cut, folded, safe};
use super::super::{ConfigArgs, Failure, Format, Shell};
use crate::casefile::{
    AttemptThen, Case, CaseError, FindingThen, GenerationThen, Library, PolicyThen, ServeThen, SetThen, words,
};
use crate::store::{Access, Store};
use crate::words::Micros;

/// How wide lines are where nothing says how wide the terminal is.
const WIDTH: usize = 100;
/// The most rules that found nothing that are listed.
const MOST_QUIET: usize = 40;

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail audit show 0192f3c1-7a2b-7c3d-8e4f-5a6b7c8d9e0f",
    after_help = "What was shown, to which segment and why; the exact prompt; every attempt and finding; the rules of that day. \
    Ids stand in every answer (`serve_id`, `generation_id`). For a file to hand on: `copyrail audit export --case ID`."
)]
pub(in crate::cli) struct Show {
    /// The id of a serve or of a generation
    id: Uuid,
    /// Print the guardrail files of that day in full
    #[arg(long)]
    rules: bool,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(args: Show, shell: &mut Shell) -> Result<(), Failure> {
    let settings = shell.settings(&args.config.config)?;
    let store = Store::open(&settings.store_url, Access::ReadOnly).await?;
    let library = Library::new(store.clone(), settings.policy.timezone.clone());
    let case = match Case::of(&store, &library, args.id, false, (shell.now)()).await {
        Ok(case) => case,
        Err(error @ CaseError::Unknown(_)) => {
            shell.out.error(&error.to_string());
            return Err(Failure::NotInOrder);
        }
        Err(CaseError::Store(error)) => return Err(error.into()),
    };
    if args.format == Format::Json {
        return Ok(shell.out.line(&serde_json::to_string(&case).map_err(anyhow::Error::from)?)?);
    }
    Writer { shell, width: shell.columns().unwrap_or(WIDTH).clamp(40, 200) }.case(&case, args.rules)
}

struct Writer<'a> {
    shell: &'a Shell,
    width: usize,
}

impl Writer<'_> {
    fn case(&self, case: &Case, rules: bool) -> Result<(), Failure> {
        let what = if case.serve.is_some() { "Serve" } else { "Generation" };
        self.line(&self.paint(Paint::Strong, &format!("{what} {}", case.asked.id())))?;
        for sentence in &case.in_short {
            self.folded("", sentence)?;
        }
        self.heading("Text")?;
        match (&case.text.text, &case.text.missing) {
            (Some(text), _) => self.quoted("  │ ", text)?,
            (None, missing) => self.faint(missing.as_deref().unwrap_or("There is none."))?,
        }
        if let Some(serve) = &case.serve {
            self.serve(serve)?;
        }
        if !case.shown.is_empty() {
            self.heading("Shown, the latest first")?;
        }
        for answer in &case.shown {
            self.line(&format!("  {}  {}  {}", answer.at, answer.id, safe(answer.segment.as_str())))?;
        }
        if case.more_shown {
            self.faint(&format!(
                "  and more: copyrail audit search serves --generation {}",
                case.asked.id()
            ))?;
        }
        if let Some(generation) = &case.generation {
            self.generation(generation)?;
        }
        for policy in &case.policies {
            self.policy(policy)?;
            if rules {
                self.files(policy)?;
            }
        }
        self.heading("In the chain")?;
        for entry in &case.entries {
            let missing = entry.missing.as_ref().map(|why| format!("  {why}")).unwrap_or_default();
            self.line(&format!("  {:>6}  {:<10}  {}", entry.seq, safe(&entry.kind), entry.hash))?;
            if !missing.is_empty() {
                self.faint(&format!("          {}", missing.trim_start()))?;
            }
        }
        let id = case.asked.id();
        self.line("")?;
        let next = match rules {
            true => format!("to hand it on: copyrail audit export --case {id} --by NAME --out FILE.html"),
            false => format!(
                "the guardrails of that day in full: --rules; to hand it on: copyrail audit export --case {id} --by NAME --out FILE.html"
            ),
        };
        self.faint(&next)
    }

    fn serve(&self, serve: &ServeThen) -> Result<(), Failure> {
        self.heading("Shown")?;
        let record = &serve.record;
        self.pairs(&[
            ("at", record.at.to_string()),
            ("placement", record.placement.to_string()),
            ("product", or_none(record.product.as_deref())),
            ("segment", record.segment.to_string()),
            ("tier", serve.tier.clone()),
            ("source", serve.source.clone()),
            ("reason", or_none(serve.reason.as_deref())),
            ("template", or_none(record.template.as_ref().map(|template| template.as_str()))),
            ("locale", record.locale.clone()),
            ("latency", milliseconds(record.latency_us)),
            ("pending", if record.pending { "better copy was being written" } else { "no" }.to_owned()),
            ("repeats", or_none(record.repeats.map(|id| format!("the answer of serve {id}")).as_deref())),
            (
                "user",
                or_none(record.user.as_ref().map(|hash| format!("known to the log as {hash}")).as_deref()),
            ),
            ("revision", record.revision.to_string()),
            ("recorded", format!("entry {}, line {} of {}", serve.seq, serve.line, serve.lines)),
        ])?;
        if serve.segments.is_empty() {
            return Ok(());
        }
        self.heading("Segments, in the order asked")?;
        for segment in &serve.segments {
            let paint = if segment.outcome == "true" { Paint::Good } else { Paint::Faint };
            self.line(&self.paint(paint, &format!("  {}", safe(&segment.said))))?;
            for condition in &segment.conditions {
                self.folded("    ", condition)?;
            }
        }
        Ok(())
    }

    fn generation(&self, generation: &GenerationThen) -> Result<(), Failure> {
        let record = &generation.record;
        self.heading("Written")?;
        self.pairs(&[
            ("id", record.id.to_string()),
            ("began", record.started.to_string()),
            ("ended", record.finished.to_string()),
            ("outcome", generation.outcome.clone()),
            ("reason", or_none(generation.reason.as_deref())),
            ("placement", record.placement.to_string()),
            ("product", or_none(record.product.as_deref())),
            ("segment", record.segment.to_string()),
            ("template", record.template.to_string()),
            ("locale", record.locale.clone()),
            ("model", or_none(record.model.as_deref())),
            ("cost", money(record.cost.0)),
            ("revision", record.revision.to_string()),
        ])?;
        if let Some(earlier) = &generation.earlier {
            self.faint(earlier)?;
        }
        if record.approval {
            self.faint(words::TO_APPROVE)?;
        }
        if let Some(missing) = &generation.missing {
            self.faint(missing)?;
        }
        for message in &generation.messages {
            let added = if message.repair { ", added to have the first text mended" } else { "" };
            self.heading(&format!("Prompt: {}{added}", safe(&message.role)))?;
            self.quoted("  │ ", &message.content)?;
        }
        if !generation.attempts.is_empty() {
            self.heading("Attempts")?;
        }
        for attempt in &generation.attempts {
            self.attempt(attempt)?;
        }
        self.heading("Findings")?;
        if generation.findings.is_empty() {
            self.faint("No rule found anything.")?;
        }
        for finding in &generation.findings {
            self.finding(finding)?;
        }
        if !generation.verdicts.is_empty() {
            self.heading("Second models")?;
        }
        for verdict in &generation.verdicts {
            self.line(&format!("  {} at {}", safe(&verdict.record.service), verdict.record.at))?;
            for rule in &verdict.record.rules {
                let said = match rule.passed {
                    Some(true) => "passes",
                    Some(false) => "does not pass",
                    None => "has no answer",
                };
                let mode = if rule.mode == crate::audit::VerdictMode::Shadow { " (on trial)" } else { "" };
                self.line(&format!("    {said}  {}{mode}", safe(&rule.rule)))?;
            }
            for said in verdict.reason.iter().chain(&verdict.record.error) {
                self.quoted("    │ ", said)?;
            }
        }
        self.heading("Reviews")?;
        if generation.reviews.is_empty() {
            self.faint("Nobody has reviewed it.")?;
        }
        for review in &generation.reviews {
            let record = &review.record;
            self.line(&format!(
                "  {}  {} {}",
                record.at,
                safe(words::by(&record.by)),
                words::review(record.action)
            ))?;
            if let Some(note) = &review.note {
                self.quoted("    │ ", note)?;
            }
        }
        Ok(())
    }

    fn attempt(&self, attempt: &AttemptThen) -> Result<(), Failure> {
        let model = match &attempt.model_answering {
            Some(answering) if *answering != attempt.model_asked => {
                format!("{}, answered by {answering}", attempt.model_asked)
            }
            _ => attempt.model_asked.clone(),
        };
        let parts = [
            Some(attempt.provider.clone()),
            Some(model),
            attempt.status.map(|status| format!("status {status}")),
            attempt.finish_reason.as_ref().map(|reason| format!("finish {reason}")),
            attempt.tokens.map(|(input, output)| format!("{input} + {output} tokens")),
            Some(money(attempt.cost_micros)).filter(|_| attempt.cost_micros > 0),
            Some(format!("{} ms", attempt.latency_ms)),
            Some("a repair".to_owned()).filter(|_| attempt.repair),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        self.folded("  ", &format!("{}. {}", attempt.number, parts.join(", ")))?;
        if let Some(id) = &attempt.upstream_request_id {
            self.faint(&format!("     the provider's own id: {id}"))?;
        }
        if let Some(error) = &attempt.error {
            self.folded("     ", &format!("failed: {error}"))?;
        }
        match &attempt.raw {
            Some(raw) => self.quoted("     │ ", raw),
            None => Ok(()),
        }
    }

    fn finding(&self, finding: &FindingThen) -> Result<(), Failure> {
        let mode = match (finding.shadow, finding.unanswered, finding.waived) {
            (_, _, true) => ", waived",
            (true, ..) => ", on trial",
            (_, true, _) => ", not answered",
            _ => "",
        };
        let place = finding.attempt.map(|attempt| format!(" in attempt {attempt}")).unwrap_or_default();
        let head = format!(
            "{}. {} ({}, {}{mode}){place}",
            finding.number, finding.rule, finding.level, finding.action
        );
        self.line(&format!("  {}", self.paint(Paint::Notice, &safe(&head))))?;
        match (&finding.matched, &finding.around) {
            (Some(matched), Some((before, after))) => {
                self.folded("     ", &format!("{before}[{matched}]{after}"))?;
            }
            (Some(matched), None) if !matched.is_empty() => self.folded("     ", &format!("[{matched}]"))?,
            _ => {}
        }
        if let Some(message) = &finding.message {
            self.folded("     ", message)?;
        }
        if let Some(evidence) = &finding.evidence {
            let fact = match (&evidence.attribute, &evidence.value) {
                (Some(attribute), Some(value)) => format!("The facts say: {attribute} = {value}"),
                (Some(attribute), None) => format!("The facts say of it: {attribute}"),
                (None, _) => "Nothing in the facts supports it.".to_owned(),
            };
            self.faint(&format!("     {fact}"))?;
        }
        Ok(())
    }

    fn policy(&self, policy: &PolicyThen) -> Result<(), Failure> {
        let when = policy.when.join(" and ");
        self.heading(&format!("Rules in force when it was {when}, {}", policy.at))?;
        if let Some(missing) = &policy.missing {
            self.faint(missing)?;
        }
        let found = |rule: &&crate::casefile::RuleThen| rule.matches > 0 || rule.second.is_some();
        let quiet = policy.rules.iter().filter(|rule| !found(rule)).take(MOST_QUIET);
        let listed: Vec<_> = policy.rules.iter().filter(found).chain(quiet).collect();
        let wide = listed.iter().map(|rule| rule.id.chars().count()).max().unwrap_or(4).min(32);
        if !listed.is_empty() {
            let head = format!("  {:<wide$}  {:>5}  {:<6}  {:<10}  says", "rule", "found", "then", "level");
            self.line(&self.paint(Paint::Faint, &head))?;
        }
        for rule in &listed {
            let shadow = if rule.mode == "enforced" { "" } else { "on trial; " };
            let second = rule.second.map(|second| format!("second model: {second}; ")).unwrap_or_default();
            let conditional = if rule.conditional { " (where its condition holds)" } else { "" };
            let row = format!(
                "  {:<wide$}  {:>5}  {:<6}  {:<10}  {shadow}{second}{}{conditional}",
                cut(&safe(&rule.id), wide),
                rule.matches,
                rule.action,
                rule.level,
                safe(&rule.message)
            );
            let row = cut(&row, self.width);
            let paint = if rule.matches > 0 { self.paint(Paint::Notice, &row) } else { row };
            self.line(&paint)?;
        }
        let more = policy.rules.len().saturating_sub(listed.len());
        if more > 0 {
            self.faint(&format!("  and {more} more that found nothing; `--format json` has all"))?;
        }
        if policy.others > 0 {
            self.faint(&format!(
                "  {} in the files were for other copy, not in force then, or turned off",
                super::super::output::counted(policy.others as u64, "more rule")
            ))?;
        }
        if !policy.evidence.is_empty() {
            self.heading("Evidence relied on")?;
        }
        for evidence in &policy.evidence {
            self.line(&format!("  {}", self.paint(Paint::Strong, &safe(&evidence.id))))?;
            let document =
                evidence.document.as_deref().unwrap_or("the register of that day does not say what it is");
            self.folded("    ", document)?;
            let held = match (evidence.from, evidence.until) {
                (Some(from), Some(until)) => format!("holds from {from} to {until}"),
                _ => String::new(),
            };
            let by =
                evidence.accepted_by.as_ref().map(|by| format!(", accepted by {by}")).unwrap_or_default();
            self.faint(&format!("    {held}{by}"))?;
            for claim in &evidence.claims {
                let wordings = claim.wordings.iter().map(|said| format!("“{said}”")).collect::<Vec<_>>();
                self.folded("    ", &format!("{}: {}", claim.rule, wordings.join(", ")))?;
            }
        }
        self.heading("Policy")?;
        let set = |set: &Option<SetThen>| match set {
            Some(set) => {
                let accepted = set.accepted_at.map(|at| format!(", last accepted {at}")).unwrap_or_default();
                format!(
                    "{} ({}{accepted})",
                    set.hash,
                    super::super::output::counted(set.files.len() as u64, "file")
                )
            }
            None => "not kept".to_owned(),
        };
        self.pairs(&[
            ("revision", policy.revision.to_string()),
            ("guardrails", set(&policy.guardrails)),
            ("prompts", set(&policy.prompts)),
        ])
    }

    fn files(&self, policy: &PolicyThen) -> Result<(), Failure> {
        for file in policy.guardrails.iter().flat_map(|set| &set.files) {
            self.heading(&format!("{} ({})", safe(&file.path), file.hash))?;
            for line in file.text.as_deref().unwrap_or("left out: too long").lines() {
                self.line(&safe(line))?;
            }
        }
        Ok(())
    }

    fn pairs(&self, pairs: &[(&str, String)]) -> Result<(), Failure> {
        let wide = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
            let lines = folded(&safe(value), self.width.saturating_sub(wide + 4));
            for (index, line) in lines.iter().enumerate() {
                let name = if index == 0 { *name } else { "" };
                self.line(&format!("  {}  {line}", self.paint(Paint::Faint, &format!("{name:<wide$}"))))?;
            }
        }
        Ok(())
    }

    /// A text word for word: its own lines, each wrapped, behind a bar.
    fn quoted(&self, bar: &str, text: &str) -> Result<(), Failure> {
        let room = self.width.saturating_sub(bar.chars().count()).max(20);
        for line in text.lines() {
            for piece in wrapped(&safe(line), room) {
                self.line(&format!("{}{piece}", self.paint(Paint::Faint, bar)))?;
            }
        }
        Ok(())
    }

    fn folded(&self, indent: &str, text: &str) -> Result<(), Failure> {
        let room = self.width.saturating_sub(indent.len());
        for (index, line) in folded(&safe(text), room).iter().enumerate() {
            let hang = if index > 0 && !indent.is_empty() { "   " } else { "" };
            self.line(&format!("{indent}{hang}{line}"))?;
        }
        Ok(())
    }

    fn faint(&self, text: &str) -> Result<(), Failure> {
        let indent = text.len() - text.trim_start().len();
        for line in folded(&safe(text), self.width.saturating_sub(indent)) {
            self.line(&self.paint(Paint::Faint, &format!("{}{line}", " ".repeat(indent))))?;
        }
        Ok(())
    }

    fn heading(&self, title: &str) -> Result<(), Failure> {
        self.line(&format!("\n{}", self.paint(Paint::Strong, title)))
    }

    fn paint(&self, paint: Paint, text: &str) -> String {
        self.shell.out.paint(paint, text)
    }

    fn line(&self, text: &str) -> Result<(), Failure> {
        Ok(self.shell.out.line(text)?)
    }
}

/// A line in pieces of at most so many characters, broken at blanks where there are any; its own blanks stay.
fn wrapped(line: &str, width: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest: Vec<char> = line.chars().collect();
    while rest.len() > width {
        let blank = rest.iter().take(width + 1).rposition(|c| *c == ' ').filter(|at| *at > 0);
        let tail = rest.split_off(blank.unwrap_or(width));
        pieces.push(rest.iter().collect::<String>());
        rest = tail.into_iter().skip(usize::from(blank.is_some())).collect();
    }
    pieces.push(rest.into_iter().collect());
    pieces
}

fn or_none(value: Option<&str>) -> String {
    value.unwrap_or_default().to_owned()
}

fn milliseconds(micros: u64) -> String {
    format!("{:.1} ms", micros as f64 / 1_000.0)
}

/// An amount, in the currency of the prices: small ones with as many digits as they need.
fn money(micros: u64) -> String {
    let text = format!("{:.6}", Micros(micros).units());
    let short = text.trim_end_matches('0').trim_end_matches('.');
    if short.is_empty() { "0".to_owned() } else { short.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_wrapped_and_keep_their_blanks() {
        assert_eq!(wrapped("  - one two three", 9), ["  - one", "two three"]);
        assert_eq!(wrapped("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("", 4), [""]);
    }

    #[test]
    fn amounts_have_the_digits_they_need() {
        assert_eq!(money(0), "0");
        assert_eq!(money(25), "0.000025");
        assert_eq!(money(1_500_000), "1.5");
        assert_eq!(money(120_000_000), "120");
    }
}
