//! `copyrail policy diff`.

use std::collections::BTreeSet;

use clap::Args;
use serde_json::{Value, json};

use super::super::output::{Paint, folded, safe};
use super::super::{ConfigArgs, Failure, Format, Shell};
use super::editions::{Edition, Reader};
use crate::document::Files;
use crate::guardrail::{self, Change, Effect};
use crate::policy;
use crate::policy::unified;

/// How wide lines are where nothing says how wide the terminal is.
const WIDTH: usize = 100;

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail policy diff\n  copyrail policy diff 4f2a in-force --text",
    after_help = "FROM and TO are revisions (of the policy or of one set) or their beginnings, `in-force`, `files` for the files \
    that the settings name, or a folder that holds guardrails/ and prompts/.\n\n\
    What loosens comes first: some copy would pass that does not, or go further than it does. An edit that loosens a rule \
    takes effect only with a reason under `retired` in guardrails.yml.\n\n\
    --format json is one object: {\"from\", \"to\", \"counts\", \"changes\", \"text\"?}; each change has\n  \
    {\"set\", \"about\", \"effect\", \"sentence\", \"owner\"?, \"reference\"?, \"file\", \"line\", \"word\"?}.\n\n\
    Exit 0; with --exit-code 1 where anything loosens or may."
)]
pub(super) struct Diff {
    /// What was before
    #[arg(value_name = "FROM", default_value = "in-force")]
    from: String,
    /// What comes after
    #[arg(value_name = "TO", default_value = "files")]
    to: String,
    /// Show what changed in the files, line by line, too
    #[arg(long)]
    text: bool,
    /// Exit with 1 where anything loosens
    #[arg(long)]
    exit_code: bool,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(args: Diff, shell: &mut Shell) -> Result<(), Failure> {
    let settings = shell.settings(&args.config.config)?;
    let mut reader = Reader::new(&settings);
    let from = reader.edition(&args.from, shell).await?;
    let to = reader.edition(&args.to, shell).await?;
    let mut all: Vec<(&str, Change)> = Vec::new();
    if let (Some(before), Some(after)) = (&from.guardrails, &to.guardrails) {
        match (before.rules(), after.rules()) {
            (Some(before), Some(after)) => {
                all.extend(
                    guardrail::changes(before, after).into_iter().map(|change| ("guardrails", change)),
                );
            }
            _ => shell.out.talk(
                "this version does not read these guardrails as rules any more; --text compares their files",
            ),
        }
    }
    if let (Some(before), Some(after)) = (&from.copy, &to.copy) {
        let changes = policy::copy_changes(before, after, &reader.segments());
        all.extend(changes.into_iter().map(|change| ("prompts", change)));
    }
    if !has_both(&from, &to) {
        let said = format!("{} and {} have no set in common to compare", args.from, args.to);
        return Err(Failure::Usage(said));
    }
    all.sort_by_key(|(set, change)| (*set, change.effect));
    let text = if args.text { texts(&from, &to) } else { Vec::new() };
    if args.format == Format::Json {
        let changes: Vec<Value> = all.iter().map(|(set, change)| with_set(set, change)).collect();
        let mut object =
            json!({ "from": from.told, "to": to.told, "counts": counts(&all), "changes": changes });
        if let (true, Some(map)) = (args.text, object.as_object_mut()) {
            map.insert("text".to_owned(), json!(text.join("\n")));
        }
        shell.out.line(&object.to_string())?;
    } else {
        let width = shell.columns().unwrap_or(WIDTH).clamp(40, 200);
        write(&from, &to, &all, width, shell)?;
        for line in text {
            let paint = match line.get(..1) {
                _ if line.starts_with("---") || line.starts_with("+++") => Paint::Strong,
                Some("-") => Paint::Bad,
                Some("+") => Paint::Good,
                Some("@") => Paint::Accent,
                _ => Paint::Faint,
            };
            let line = safe(&line);
            let plain = matches!(paint, Paint::Faint);
            shell.out.line(&if plain { line } else { shell.out.paint(paint, &line) })?;
        }
    }
    let loosens = all.iter().any(|(_, change)| change.effect.needs_word());
    if args.exit_code && loosens { Err(Failure::NotInOrder) } else { Ok(()) }
}

fn has_both(from: &Edition, to: &Edition) -> bool {
    (from.guardrails.is_some() && to.guardrails.is_some()) || (from.copy.is_some() && to.copy.is_some())
}

fn with_set(set: &str, change: &Change) -> Value {
    let mut value = json!(change);
    if let Some(map) = value.as_object_mut() {
        map.insert("set".to_owned(), json!(set));
    }
    value
}

const EFFECTS: [(Effect, &str, Paint); 4] = [
    (Effect::Loosens, "Loosens", Paint::Bad),
    (Effect::Unclear, "May loosen", Paint::Notice),
    (Effect::Tightens, "Tightens", Paint::Good),
    (Effect::Neutral, "Leaves what passes as it is", Paint::Faint),
];

fn counts(all: &[(&str, Change)]) -> Value {
    let count = |effect: Effect| all.iter().filter(|(_, change)| change.effect == effect).count();
    EFFECTS.iter().map(|(effect, ..)| (effect.as_str().to_owned(), json!(count(*effect)))).collect()
}

fn write(
    from: &Edition,
    to: &Edition,
    all: &[(&str, Change)],
    width: usize,
    shell: &Shell,
) -> Result<(), Failure> {
    shell.out.line(&format!(
        "{}  →  {}",
        shell.out.paint(Paint::Strong, &from.told),
        shell.out.paint(Paint::Strong, &to.told)
    ))?;
    if all.is_empty() {
        shell.out.line("Nothing changes.")?;
        return Ok(());
    }
    for (set, title) in [("guardrails", "Guardrails"), ("prompts", "Segments and prompts")] {
        let of_set: Vec<&Change> =
            all.iter().filter(|(of, _)| *of == set).map(|(_, change)| change).collect();
        if of_set.is_empty() {
            continue;
        }
        let counted: Vec<String> = EFFECTS
            .iter()
            .filter_map(|(effect, ..)| {
                let count = of_set.iter().filter(|change| change.effect == *effect).count();
                (count > 0).then(|| format!("{count} {}", effect.as_str()))
            })
            .collect();
        shell.out.line("")?;
        shell.out.line(&format!("{}  {}", shell.out.paint(Paint::Strong, title), counted.join(", ")))?;
        grouped(&of_set, width, shell)?;
    }
    Ok(())
}

/// Changes under what they do, what loosens first.
pub(super) fn grouped(changes: &[&Change], width: usize, shell: &Shell) -> Result<(), Failure> {
    for (effect, heading, paint) in EFFECTS {
        let changes: Vec<&&Change> = changes.iter().filter(|change| change.effect == effect).collect();
        if changes.is_empty() {
            continue;
        }
        shell.out.line(&format!("  {}", shell.out.paint(paint, heading)))?;
        for change in changes {
            one(change, width, shell)?;
        }
    }
    Ok(())
}

fn one(change: &Change, width: usize, shell: &Shell) -> Result<(), Failure> {
    for (place, line) in folded(&safe(&change.sentence), width.saturating_sub(6)).iter().enumerate() {
        let mark = if place == 0 { "  - " } else { "    " };
        shell.out.line(&format!("  {mark}{line}"))?;
    }
    if !change.effect.needs_word() {
        return Ok(());
    }
    let place = format!("{}:{}", safe(&change.file), change.span.start.line);
    let about = [Some(place.as_str()), change.owner.as_deref(), change.reference.as_deref()];
    let about: Vec<String> = about.into_iter().flatten().map(safe).collect();
    shell.out.line(&format!("      {}", shell.out.paint(Paint::Faint, &about.join("  "))))?;
    let word = match &change.word {
        Some(word) => format!("because: {}", safe(word)),
        None => "nobody says why".to_owned(),
    };
    shell.out.line(&format!("      {}", shell.out.paint(Paint::Faint, &word)))?;
    Ok(())
}

/// What changed in the files, line by line.
fn texts(from: &Edition, to: &Edition) -> Vec<String> {
    let guardrails = |edition: &Edition| edition.guardrails.as_ref().map(|kept| kept.files().clone());
    let pairs = [(guardrails(from), guardrails(to)), (from.copy.clone(), to.copy.clone())];
    let mut lines = Vec::new();
    for (before, after) in pairs {
        let (Some(before), Some(after)): (Option<Files>, Option<Files>) = (before, after) else { continue };
        let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for path in paths {
            let of = |files: &'_ Files| files.get(path).cloned();
            lines.extend(unified(path, of(&before).as_deref(), of(&after).as_deref()));
        }
    }
    lines
}
