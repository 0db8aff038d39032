//! The report on a terminal.

use super::{Whole, few, percent, thousands};
use crate::cli::output::{Paint, counted, cut, folded, safe};
use crate::cli::{Failure, Shell};
use crate::prompt::Demand;
use crate::segment::{Coverage, Part, Size, Undeclared};

/// The width of tables where nothing says how wide the terminal is.
const WIDTH: usize = 80;
/// How wide a bar is.
const BAR: usize = 8;
/// The most rows of a table whose first rows say most.
const MAX_ROWS: usize = 5;
/// The most splits of a group that are shown.
const MAX_SPLITS: usize = 3;
/// The most undeclared attributes that are shown.
const MAX_UNDECLARED: usize = 12;

/// Writes tables, lines of text and headings.
struct Writer<'s> {
    shell: &'s Shell,
    width: usize,
}

/// Where a column's cells stand.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Left,
    Right,
}

use Side::{Left, Right};

pub(super) fn write(whole: &Whole, shell: &Shell) -> Result<(), Failure> {
    let writer = Writer { shell, width: shell.columns().unwrap_or(WIDTH).clamp(40, 200) };
    let report = &whole.report;
    let consent = match report.without_consent.users {
        0 => String::new(),
        users => format!(", {} of them without consent", thousands(users)),
    };
    writer.line(&format!(
        "{} of {}{consent}, by {}",
        users(report.users),
        whole.file,
        whole.segments_file
    ))?;
    writer.sizes(&report.segments)?;
    writer.overlap(whole)?;
    writer.coverage(&report.attributes, &report.undeclared)?;
    if let Some(demands) = &whole.placements {
        writer.keys(demands, whole)?;
    }
    writer.splits(whole)?;
    if !report.reads_product.is_empty() {
        let ids: Vec<&str> = report.reads_product.iter().map(|id| id.as_str()).collect();
        writer.line(&format!("\nThere is no product here, and {} reads one.", ids.join(", ")))?;
    }
    let (paint, how) = match whole.faults.len() {
        0 => (Paint::Good, "counted:"),
        _ => (Paint::Bad, "counted in part:"),
    };
    let left_out = match whole.faults.len() {
        0 => String::new(),
        faults => format!(", {} left out", counted(faults as u64, "faulty line")),
    };
    let last = format!("{how} {}{left_out}; next: {}", users(report.users), safe(&whole.next()));
    shell.out.line("")?;
    for (index, line) in folded(&last, writer.width).iter().enumerate() {
        let rest = line.strip_prefix(how).filter(|_| index == 0);
        let painted = rest.map(|rest| format!("{}{rest}", shell.out.paint(paint, how)));
        shell.out.line(painted.as_deref().unwrap_or(line))?;
    }
    Ok(())
}

impl Writer<'_> {
    fn sizes(&self, sizes: &[Size]) -> Result<(), Failure> {
        self.heading("Segments: who gets which, the first that matches")?;
        let row = |size: &Size| {
            let missing = size.missing.first().filter(|_| size.unknown.users > 0);
            vec![
                size.segment.to_string(),
                bar(size.chosen.share),
                thousands(size.chosen.users),
                percent(size.chosen.share),
                thousands(size.matches.users),
                percent(size.unknown.share),
                missing.map(|missing| missing.path.clone()).unwrap_or_default(),
            ]
        };
        let head = [
            ("segment", Left),
            ("", Left),
            ("users", Right),
            ("share", Right),
            ("match", Right),
            ("unknown", Right),
            ("for want of", Left),
        ];
        self.table(&head, &sizes.iter().map(row).collect::<Vec<_>>())
    }

    fn overlap(&self, whole: &Whole) -> Result<(), Failure> {
        let taken = &whole.report.overlap.taken;
        let pairs = pairs(whole);
        if pairs.is_empty() {
            return Ok(());
        }
        self.heading("Overlap: users whom two segments match")?;
        let rows = pairs.iter().take(MAX_ROWS).map(|(first, second, both)| {
            let took =
                taken.iter().find(|taken| taken.by.as_str() == *first && taken.from.as_str() == *second);
            let took =
                took.map(|took| format!("{first} takes {}", thousands(took.users))).unwrap_or_default();
            let both = Part::of(*both, whole.report.users);
            vec![format!("{first} + {second}"), thousands(both.users), percent(both.share), took]
        });
        let head = [("segments", Left), ("users", Right), ("share", Right), ("", Left)];
        self.table(&head, &rows.collect::<Vec<_>>())?;
        self.more(pairs.len(), MAX_ROWS, "pair")
    }

    fn coverage(&self, attributes: &[Coverage], undeclared: &[Undeclared]) -> Result<(), Failure> {
        if !attributes.is_empty() {
            self.heading("Attributes that segments read")?;
            let row = |row: &Coverage| {
                let none = |part: Part| if part.users == 0 { "-".into() } else { percent(part.share) };
                let read_by: Vec<&str> = row.read_by.iter().map(|id| id.as_str()).collect();
                vec![
                    row.path.clone(),
                    percent(row.present.share),
                    none(row.wrong_type),
                    none(row.out_of_values),
                    none(row.stale),
                    read_by.join(", "),
                ]
            };
            let head = [
                ("attribute", Left),
                ("present", Right),
                ("wrong type", Right),
                ("other value", Right),
                ("stale", Right),
                ("read by", Left),
            ];
            self.table(&head, &attributes.iter().map(row).collect::<Vec<_>>())?;
        }
        if undeclared.is_empty() {
            return Ok(());
        }
        self.heading("In the file and not declared, so nothing reads it")?;
        let row = |row: &Undeclared| {
            let types: Vec<String> =
                row.types.iter().map(|(kind, users)| format!("{kind} {users}")).collect();
            let conflict = || format!("of several types: {}", types.join(", "));
            vec![row.path.clone(), percent(row.present.share), row.kind.map_or_else(conflict, str::to_owned)]
        };
        let head = [("attribute", Left), ("present", Right), ("type", Left)];
        self.table(&head, &undeclared.iter().take(MAX_UNDECLARED).map(row).collect::<Vec<_>>())?;
        self.more(undeclared.len(), MAX_UNDECLARED, "attribute")
    }

    fn keys(&self, demands: &[Demand], whole: &Whole) -> Result<(), Failure> {
        let products = counted_in_thousands(whole.products, "product");
        self.heading(&format!("Texts to write for {products}, each once"))?;
        let row = |demand: &Demand| {
            let tiers = &demand.tiers;
            vec![
                demand.placement.clone(),
                demand.mode.to_owned(),
                percent(tiers.user.share),
                percent(tiers.segment.share),
                percent(tiers.prewritten.share),
                thousands(demand.combinations),
                thousands(demand.keys),
                demand.users_per_key.map_or_else(|| "-".into(), few),
            ]
        };
        let head = [
            ("placement", Left),
            ("mode", Left),
            ("user", Right),
            ("segment", Right),
            ("pre-written", Right),
            ("a product", Right),
            ("keys", Right),
            ("users/key", Right),
        ];
        self.table(&head, &demands.iter().map(row).collect::<Vec<_>>())?;
        for demand in demands {
            for input in demand.inputs.iter().filter(|input| input.values > 1).take(3) {
                let how = if input.banded { ", in bands" } else { "" };
                let hint = if input.too_many { ": hardly anybody shares copy; give it `bands:`" } else { "" };
                let values = counted_in_thousands(input.values, "value");
                self.line(&format!("{}: {} takes {values}{how}{hint}", demand.placement, input.path))?;
            }
            if demand.rollout < 1.0 {
                let share = percent(demand.rollout);
                self.line(&format!("{}: rolled out to {share}, and counted so", demand.placement))?;
            }
        }
        let cost = &whole.cost;
        self.line("")?;
        self.line(&match (&cost.provider, cost.expected, cost.at_most) {
            (Some(provider), Some(expected), Some(most)) => {
                format!("cost: {expected:.2} expected, {most:.2} at most, at the prices of {provider}")
            }
            _ => "cost: no provider in the settings has prices".to_owned(),
        })?;
        let tokens = cost.tokens;
        self.line(&format!(
            "tokens: {} read; {} written, {} at most",
            thousands(tokens.prompt),
            thousands(tokens.answer),
            thousands(tokens.answer_at_most)
        ))?;
        self.faint(cost.how)
    }

    fn splits(&self, whole: &Whole) -> Result<(), Failure> {
        let report = &whole.report;
        if report.splits.is_empty() && report.metric.is_none() {
            return Ok(());
        }
        self.heading("Splits worth trying")?;
        if let Some(metric) = report.metric.as_ref().filter(|_| report.splits.is_empty()) {
            return self.line(&format!("None: no attribute explains 1% of the variance of {}.", metric.path));
        }
        self.faint(&match &report.metric {
            Some(metric) => format!("By the share of the variance of {} that each explains.", metric.path),
            None => "By how many users have the attribute and how evenly it parts them.".to_owned(),
        })?;
        for group in &report.splits {
            self.line(&format!("{}, {}", group.segment, users(group.users)))?;
            for split in group.splits.iter().take(MAX_SPLITS) {
                let mean =
                    |mean: Option<f64>| mean.map_or_else(String::new, |mean| format!(", mean {mean:.2}"));
                let when = format!("  {:>6}  {}", percent(split.score), split.when);
                let sides = format!(
                    "          {}{}; {}{}{}",
                    users(split.matches.users),
                    mean(split.mean_of_matches),
                    counted_in_thousands(split.rest.users, "other"),
                    mean(split.mean_of_rest),
                    if split.declared { "" } else { "; not declared yet" }
                );
                self.line(&cut(&when, self.width))?;
                self.faint(&sides)?;
            }
        }
        Ok(())
    }

    /// Rows under a head, aligned and cut to the width: the first column gives way before the last is cut.
    fn table(&self, head: &[(&str, Side)], rows: &[Vec<String>]) -> Result<(), Failure> {
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|cell| safe(cell)).collect()).collect();
        let longest =
            |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| length(cell)).max();
        let mut widths: Vec<usize> = head
            .iter()
            .enumerate()
            .map(|(column, (title, _))| longest(column).unwrap_or(0).max(length(title)))
            .collect();
        // What a condition says is there to be pasted, so the first column is cut last and never below a third.
        let gaps = 2 * widths.len().saturating_sub(1);
        let over = |widths: &[usize]| (widths.iter().sum::<usize>() + gaps).saturating_sub(self.width);
        let excess = over(&widths);
        if let Some(last) = widths.last_mut() {
            *last = last.saturating_sub(excess).max(12.min(*last));
        }
        let excess = over(&widths);
        if let Some(first) = widths.first_mut() {
            *first = first.saturating_sub(excess).max((self.width / 3).min(*first));
        }
        let line = |cells: &[String]| {
            let cells = cells.iter().zip(&widths).zip(head).map(|((cell, width), (_, side))| {
                let cell = cut(cell, *width);
                let room = " ".repeat(width.saturating_sub(length(&cell)));
                if *side == Right { format!("{room}{cell}") } else { format!("{cell}{room}") }
            });
            let line = cells.collect::<Vec<_>>().join("  ");
            cut(line.trim_end(), self.width)
        };
        let titles: Vec<String> = head.iter().map(|(title, _)| (*title).to_owned()).collect();
        self.shell.out.line(&self.shell.out.paint(Paint::Faint, &line(&titles)))?;
        for row in &rows {
            self.shell.out.line(&line(row))?;
        }
        Ok(())
    }

    fn more(&self, all: usize, shown: usize, word: &str) -> Result<(), Failure> {
        match all.saturating_sub(shown) {
            0 => Ok(()),
            left => self.faint(&format!(
                "and {}; `--format json` has all",
                counted(left as u64, &format!("more {word}"))
            )),
        }
    }

    fn heading(&self, title: &str) -> Result<(), Failure> {
        Ok(self.shell.out.line(&format!("\n{}", self.shell.out.paint(Paint::Strong, title)))?)
    }

    fn faint(&self, text: &str) -> Result<(), Failure> {
        let indent = text.len() - text.trim_start().len();
        for line in folded(&safe(text), self.width.saturating_sub(indent)) {
            let line = format!("{}{line}", " ".repeat(indent));
            self.shell.out.line(&self.shell.out.paint(Paint::Faint, &line))?;
        }
        Ok(())
    }

    fn line(&self, text: &str) -> Result<(), Failure> {
        let text: String = text.split('\n').map(safe).collect::<Vec<_>>().join("\n");
        Ok(self.shell.out.line(&text)?)
    }
}

/// The pairs of segments that share users, those that share most first.
pub(super) fn pairs(whole: &Whole) -> Vec<(&str, &str, u64)> {
    let overlap = &whole.report.overlap;
    let mut pairs = Vec::new();
    for (index, (first, row)) in overlap.segments.iter().zip(&overlap.both).enumerate() {
        let later = overlap.segments.iter().zip(row).skip(index + 1).filter(|(_, both)| **both > 0);
        pairs.extend(later.map(|(second, both)| (first.as_str(), second.as_str(), *both)));
    }
    pairs.sort_by_key(|(_, _, both)| std::cmp::Reverse(*both));
    pairs
}

/// A share as blocks, to an eighth of one.
fn bar(share: f64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * (BAR * 8) as f64).round() as usize;
    // Nobody is no bar at all; a few are at least a sliver.
    let eighths = if share > 0.0 { eighths.max(1) } else { 0 };
    format!("{:<BAR$}", format!("{}{}", "█".repeat(eighths / 8), PARTS.get(eighths % 8).unwrap_or(&"")))
}

fn users(users: u64) -> String {
    counted_in_thousands(users, "user")
}

fn counted_in_thousands(number: u64, word: &str) -> String {
    format!("{} {word}{}", thousands(number), if number == 1 { "" } else { "s" })
}

fn length(text: &str) -> usize {
    text.chars().count()
}
