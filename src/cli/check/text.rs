//! The report on a terminal: each fault where it stands, what every rule caught and missed, what no case tries.

use crate::cli::output::{Paint, counted, cut, folded, safe};
use crate::cli::{Failure, Shell};
use crate::diagnostic::{Diagnostic, Severity, render_within};
use crate::document::Files;
use crate::guardrail::RuleReport;
use crate::policy::{Report, Service};

/// The width of tables where nothing says how wide the terminal is.
const WIDTH: usize = 80;
/// The most names of a list that are told.
const MAX_NAMED: usize = 12;
/// The heads of the columns of numbers, and what they are where there is little room.
const HEADS: [(&str, &str); 4] =
    [("caught", "caught"), ("missed", "missed"), ("wrongly caught", "wrong"), ("left alone", "left")];

/// What is known beside the files themselves of what a running service would do with them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// Whether they were held against what they would replace.
    pub(super) compared: bool,
    /// How many persons must approve guardrails that changed.
    pub(super) approvals: usize,
}

impl Asked {
    /// What a running service would do with files that are in order.
    fn outcome(self) -> String {
        let persons = counted(self.approvals as u64, "person");
        let waits = match self.approvals {
            0 => String::new(),
            _ => format!("; guardrails that changed wait until {persons} approved them"),
        };
        let unless = if self.compared {
            ""
        } else {
            ", unless a rule in force goes or becomes looser, which `--against in-force` tells"
        };
        format!("a running service would put them in force{unless}{waits}")
    }
}

pub(super) fn write(report: &Report, sources: &Files, asked: Asked, shell: &Shell) -> Result<(), Failure> {
    let source = |file: &str| {
        let kept = sources.get(file).cloned();
        kept.or_else(|| std::fs::read_to_string(file).ok()).unwrap_or_default()
    };
    for diagnostic in &report.diagnostics {
        let text = source(&diagnostic.file);
        shell.out.line(&render_within(diagnostic, &text, shell.out.colour, shell.columns()))?;
        shell.out.line("")?;
    }
    let width = shell.columns().unwrap_or(WIDTH).clamp(40, 200);
    table(&report.rules, width, shell)?;
    coverage(report, width, shell)?;
    last(report, asked, width, shell)
}

fn table(rules: &[RuleReport], width: usize, shell: &Shell) -> Result<(), Failure> {
    let told = rules.iter().filter(|rule| rule.tells());
    let Some(longest) = told.map(|rule| rule.rule.chars().count()).max() else { return public(rules, shell) };
    let widths = |heads: [&str; 4]| heads.map(|head| head.len().max(4));
    let (long, short) = (HEADS.map(|(long, _)| long), HEADS.map(|(_, short)| short));
    let room = |heads| width.saturating_sub(widths(heads).iter().sum::<usize>() + 2 * heads.len());
    let heads = if longest.clamp(4, 40) <= room(long) { long } else { short };
    let (name, widths) = (longest.clamp(4, 60).min(room(heads)), widths(heads));
    let row = |first: &str, cells: [String; 4]| {
        let cells = cells.iter().zip(widths).map(|(cell, width)| format!("  {cell:>width$}"));
        format!("{:<name$}{}", cut(first, name), cells.collect::<String>())
    };
    shell.out.line(&shell.out.paint(Paint::Strong, &row("rule", heads.map(str::to_owned))))?;
    for rule in rules.iter().filter(|rule| rule.tells()) {
        let numbers = [rule.caught, rule.missed, rule.wrongly_caught, rule.left_alone];
        let row = row(&safe(&rule.rule), numbers.map(|number| number.to_string()));
        let faulty = rule.missed + rule.wrongly_caught > 0;
        shell.out.line(&if faulty { shell.out.paint(Paint::Bad, &row) } else { row })?;
    }
    for rule in rules.iter().filter(|rule| rule.not_run > 0) {
        let texts = counted(rule.not_run as u64, "text");
        let said = format!(
            "{}: {texts} not tried; that takes a second model, which is not asked here",
            safe(&rule.rule)
        );
        for line in folded(&said, width) {
            shell.out.line(&line)?;
        }
    }
    shell.out.line("")?;
    public(rules, shell)
}

/// How many rules of public styles have no row of their own.
fn public(rules: &[RuleReport], shell: &Shell) -> Result<(), Failure> {
    let count = rules.iter().filter(|rule| !rule.tells() && !rule.off).count();
    if count > 0 {
        let are = if count == 1 { "is" } else { "are" };
        shell.out.line(&format!(
            "{} of public styles {are} in force; no text here tells of {}.",
            counted(count as u64, "rule"),
            if count == 1 { "it" } else { "them" }
        ))?;
        shell.out.line("")?;
    }
    Ok(())
}

/// What the labelled cases leave untried: that says where the next one belongs.
fn coverage(report: &Report, width: usize, shell: &Shell) -> Result<(), Failure> {
    let coverage = &report.coverage;
    if report.rules.is_empty() {
        return Ok(());
    }
    let mut said = Vec::new();
    let all = coverage.rules + coverage.rules_without_cases.len();
    if coverage.cases == 0 {
        said.push("No labelled cases yet: put the texts that you argue about into cases/*.yml.".to_owned());
    } else {
        let cases = counted(coverage.cases as u64, "labelled case");
        said.push(match coverage.rules_without_cases.as_slice() {
            [] => format!("{cases} name each of the {}.", counted(all as u64, "rule")),
            without => format!(
                "{cases} name {} of {}; no case yet for {}.",
                coverage.rules,
                counted(all as u64, "rule"),
                named(without)
            ),
        });
        if !coverage.placements_without_cases.is_empty() {
            said.push(format!("No case for the placement {}.", named(&coverage.placements_without_cases)));
        }
        if !coverage.languages_without_cases.is_empty() {
            said.push(format!("No case in the language {}.", named(&coverage.languages_without_cases)));
        }
    }
    for line in said.iter().flat_map(|said| folded(&safe(said), width)) {
        shell.out.line(&line)?;
    }
    Ok(shell.out.line("")?)
}

fn last(report: &Report, asked: Asked, width: usize, shell: &Shell) -> Result<(), Failure> {
    let count = |severity| report.diagnostics.iter().filter(|d: &&Diagnostic| d.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let files = counted(report.files as u64, "file");
    let counts = format!("{}, {}", counted(errors as u64, "error"), counted(warnings as u64, "warning"));
    let (paint, how, rest) = match report.ok {
        true => {
            let rules = counted(report.rules.len() as u64, "rule");
            (Paint::Good, "in order:", format!("{files}, {rules}: {counts}; {}", asked.outcome()))
        }
        false => {
            let service = match report.service {
                Service::Takes => {
                    "a running service, which looks at no labelled text, would put them in force"
                }
                Service::TakesGuardrails => {
                    "a running service would put edited guardrails in force and warn of the last-resort copy, and refuse \
                     an edit of that copy"
                }
                Service::Refuses => "a running service would refuse them and keep what is in force",
            };
            let rest = format!("{files}: {counts}; {service}");
            (Paint::Bad, "not in order:", rest)
        }
    };
    let whole = format!("{how} {rest}");
    // The last line is for programs to look at as well: it stays one, unless somebody said how wide it may be.
    let lines = shell.columns().map_or_else(|| vec![whole.clone()], |_| folded(&whole, width));
    for (index, line) in lines.iter().enumerate() {
        let rest = line.strip_prefix(how).filter(|_| index == 0);
        let painted = rest.map(|rest| format!("{}{rest}", shell.out.paint(paint, how)));
        shell.out.line(painted.as_deref().unwrap_or(line))?;
    }
    Ok(())
}

/// The first names of a list, and how many more there are.
fn named(names: &[String]) -> String {
    let first = names.iter().take(MAX_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MAX_NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
