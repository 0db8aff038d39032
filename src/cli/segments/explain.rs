//! `copyrail segments explain`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};

use super::super::output::{Paint, counted, safe};
use super::super::render::{attributes, load_policy, placement, product, request};
use super::super::{ConfigArgs, Failure, Format, Shell};
use super::users::{self, User};
use crate::catalogue::Product;
use crate::condition::Truth;
use crate::pipeline::{Case, Explanation, Request};
use crate::policy::Policy;
use crate::prompt::{Lot, Placement};
use crate::segment::Outcome;

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail segments explain --attributes '{\"user\": {\"orders_90d\": 2, \
    \"discount_affinity\": 0.8}, \"context\": {\"device\": \"mobile\"}}'",
    after_help = "A file of users holds one object a line: {\"id\"?, \"user\", \"context\"?, \"consent\"?, \"at\"?}, or \
    the user's attributes alone. With --format json each user is answered with one line. Without --product, what \
    depends on a product's facts is unknown."
)]
pub(super) struct Explain {
    /// What is known of one user, as JSON: {"user": {…}, "context": {…}}; other keys count as the user's
    #[arg(long, value_name = "J", conflicts_with = "users")]
    attributes: Option<String>,
    /// The one user's reference: what rollouts and holdouts go by
    #[arg(long, value_name = "ID", conflicts_with = "users")]
    user_id: Option<String>,
    /// The one user did not agree to personalisation
    #[arg(long, conflicts_with = "users")]
    no_consent: bool,
    /// A file of users; `-` reads standard input
    #[arg(long, value_name = "FILE.jsonl")]
    users: Option<PathBuf>,
    /// This placement alone
    #[arg(long, value_name = "P")]
    placement: Option<String>,
    /// A product's id in the catalogue, or its facts as JSON
    #[arg(long, value_name = "ID")]
    product: Option<String>,
    /// As of this instant, such as 2026-11-20T10:00:00Z
    #[arg(long, value_name = "INSTANT")]
    at: Option<jiff::Timestamp>,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(args: Explain, shell: &mut Shell) -> Result<(), Failure> {
    let settings = shell.settings(&args.config.config)?;
    let now = args.at.unwrap_or((shell.now)());
    let policy = Arc::new(load_policy(&settings, shell)?);
    let placements: Vec<&Placement> = match &args.placement {
        Some(id) => vec![placement(&policy, id)?],
        None => policy.copy.prompts.placements().collect(),
    };
    let product = match &args.product {
        Some(given) => product(given, &settings.store_url).await?,
        None => Arc::new(Product::default()),
    };
    let explained = |user: &User| -> Vec<Explanation> {
        let case_of = |placement: &&Placement| {
            let request = Request {
                user_id: user.id.clone(),
                user: user.user.clone(),
                context: user.context.clone(),
                personalisation: user.consent,
                ..request(placement, &product)
            };
            let now = user.at.unwrap_or(now);
            Case::of(&policy, Arc::default(), placement, &request, Ok(Arc::clone(&product)), now).explain()
        };
        placements.iter().map(case_of).collect()
    };
    let Some(path) = &args.users else {
        let (user, context) = attributes(args.attributes.as_deref())?;
        let id = args.user_id;
        let user = User { line: 1, id, user, context, consent: !args.no_consent, at: None };
        let explained = explained(&user);
        return match args.format {
            Format::Json => Ok(shell.out.line(&as_json(&user, &explained).to_string())?),
            Format::Text => one(&policy, &user, &explained, shell),
        };
    };
    let (users, faulty) = users::read(path, shell)?;
    match args.format {
        Format::Json => {
            for user in &users {
                shell.out.line(&as_json(user, &explained(user)).to_string())?;
            }
        }
        Format::Text => many(&users, explained, shell)?,
    }
    for (line, why) in &faulty {
        shell.out.talk(&format!("line {line}: {}", safe(why)));
    }
    if faulty.is_empty() { Ok(()) } else { Err(Failure::NotInOrder) }
}

/// Everything of one user: the segments are the same for every placement, and stand there once.
fn as_json(user: &User, explained: &[Explanation]) -> Value {
    let placements: Vec<Value> = explained
        .iter()
        .map(|explanation| {
            let mut value = json!(explanation);
            if let Value::Object(map) = &mut value {
                for shared in ["segment", "segments", "consent", "ignored", "revision"] {
                    map.remove(shared);
                }
            }
            value
        })
        .collect();
    let first = explained.first();
    json!({
        "id": user.id, "line": user.line, "consent": user.consent,
        "segment": first.map(|e| &e.segment), "segments": first.map(|e| &e.segments),
        "placements": placements, "ignored": first.map(|e| &e.ignored), "revision": first.map(|e| &e.revision),
    })
}

/// One user, for a person to read.
fn one(policy: &Policy, user: &User, explained: &[Explanation], shell: &Shell) -> Result<(), Failure> {
    let Some(first) = explained.first() else {
        return Err(Failure::Usage("there is no placement to explain".into()));
    };
    let strong = |text: &str| shell.out.paint(Paint::Strong, text);
    let consent = if user.consent { "" } else { "; no consent: nothing of the user is read" };
    shell.out.line(&format!("{}  {}{consent}", strong("segment"), first.segment))?;
    for ignored in &first.ignored {
        shell.out.talk(&format!("left out: {}", safe(ignored)));
    }
    shell.out.line("")?;
    for outcome in &first.segments {
        segment(policy, outcome, outcome.segment == first.segment, shell)?;
    }
    for explanation in explained {
        shell.out.line(&placed(explanation, shell))?;
    }
    shell.out.line(&format!("\n{}  {}", strong("revision"), first.revision))?;
    Ok(())
}

fn segment(policy: &Policy, outcome: &Outcome, chosen: bool, shell: &Shell) -> Result<(), Failure> {
    let id = outcome.segment.as_str();
    let named = policy.copy.segments.iter().find(|segment| segment.id.as_str() == id);
    let name = named.map_or("", |segment| segment.name.as_str());
    let (paint, word) = match (outcome.outcome, chosen) {
        (Truth::True, true) => (Paint::Good, "matches, and is the first that does"),
        (Truth::True, false) => (Paint::Accent, "matches, after one that was taken"),
        (Truth::False, _) => (Paint::Faint, "does not match"),
        (Truth::Unknown, _) => (Paint::Notice, "unknown"),
    };
    let word = match outcome.unknown.as_slice() {
        [] => word.to_owned(),
        missing => format!("{word}: {} not there", missing.join(", ")),
    };
    let id = shell.out.paint(Paint::Strong, id);
    let word = shell.out.paint(paint, &word);
    let version = shell.out.paint(Paint::Faint, &outcome.version);
    shell.out.line(&format!("{id} ({})  {version}  {word}", safe(name)))?;
    let wide = |text: String, width: usize| format!("{text:<width$}");
    for step in &outcome.conditions {
        let actual = step.actual.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
        let asked = format!("{} {}", step.operator, step.expected);
        let line = format!(
            "  {:<7}  {}  {}  there: {}",
            step.outcome.as_str(),
            wide(safe(&step.path), 28),
            wide(safe(&asked), 24),
            safe(&actual)
        );
        shell.out.line(line.trim_end())?;
    }
    Ok(shell.out.line("")?)
}

/// What one placement makes of it, and why.
fn placed(explanation: &Explanation, shell: &Shell) -> String {
    let tier = word(&json!(explanation.tier));
    let reason = explanation.reason.map(|reason| format!(", because of `{}`", word(&json!(reason))));
    let ladder = &explanation.ladder;
    let approval = match (ladder.approval, ladder.ceiling.is_some_and(|ceiling| ceiling.approval)) {
        (true, _) => "each text approved by a person",
        (false, true) => "each text approved by a person, by the ceiling",
        (false, false) => "no approval",
    };
    let ceiling = ladder.ceiling.map_or_else(
        || "no ceiling".to_owned(),
        |ceiling| {
            let mode = ceiling.mode.map(|mode| format!("mode {}", word(&json!(mode))));
            let approval = ceiling.approval.then(|| "approval".to_owned());
            format!("ceiling: {}", [mode, approval].into_iter().flatten().collect::<Vec<_>>().join(" and "))
        },
    );
    let rungs = [
        format!("mode {}", word(&json!(ladder.mode))),
        approval.to_owned(),
        lot("rollout", &ladder.rollout),
        lot("holdout", &ladder.holdout),
        ceiling,
    ];
    format!(
        "{}  {}, tier {tier}{} (in {})\n  {}",
        shell.out.paint(Paint::Strong, &explanation.placement),
        explanation.template.as_deref().unwrap_or("no template in this language"),
        reason.unwrap_or_default(),
        explanation.locale,
        shell.out.paint(Paint::Faint, &rungs.join("; "))
    )
}

/// Where somebody stands in a share.
fn lot(what: &str, lot: &Lot) -> String {
    let share = format!("{what} {}%", (lot.share * 1e4).round() / 1e2);
    let inside = if lot.inside { "inside" } else { "outside" };
    match lot.place {
        // The whole and nothing need no place.
        _ if lot.share <= 0.0 || lot.share >= 1.0 => share,
        Some(place) => format!("{share} by {}: {inside}, at {place}", lot.by),
        None => format!("{share} by {}: {inside}, which is not there", lot.by),
    }
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Many users: a line each.
fn many(users: &[User], explained: impl Fn(&User) -> Vec<Explanation>, shell: &Shell) -> Result<(), Failure> {
    let head = format!("{:<20}  {:<20}  {:<40}  {}", "user", "segment", "unknown before it", "tiers");
    shell.out.line(&shell.out.paint(Paint::Strong, &head))?;
    for user in users {
        let explained = explained(user);
        let Some(first) = explained.first() else { continue };
        let before = first.segments.iter().take_while(|outcome| outcome.segment != first.segment);
        let unknown: Vec<&str> = before
            .filter(|outcome| outcome.outcome == Truth::Unknown)
            .map(|outcome| outcome.segment.as_str())
            .collect();
        let tiers: Vec<String> =
            explained.iter().map(|e| format!("{} {}", e.placement, word(&json!(e.tier)))).collect();
        let id = user.id.as_deref().map_or_else(|| format!("line {}", user.line), safe);
        shell.out.line(&format!(
            "{}  {:<20}  {}  {}",
            cut(&id, 20),
            first.segment.as_str(),
            cut(&unknown.join(", "), 40),
            tiers.join(", ")
        ))?;
    }
    let line =
        format!("{} explained; --format json gives every condition", counted(users.len() as u64, "user"));
    shell.out.talk(&line);
    Ok(())
}

/// A text as wide as a column.
fn cut(text: &str, width: usize) -> String {
    let long = text.chars().count() > width;
    let kept: String = if long { text.chars().take(width - 1).chain(['…']).collect() } else { text.into() };
    format!("{kept:<width$}")
}
