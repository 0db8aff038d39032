//! What happened today and in the last 30 days, and what somebody should do first.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::approvals::{LOOKED_FOR, share};
use super::chart::{Chart, Series};
use super::copy::rule_link;
use super::figures::{self, Days, Found};
use super::page::{Frame, Place, show};
use super::say::{self, Safe};
use super::session::Reader;
use crate::alerts::AlertKind;
use crate::app::Shared;
use crate::audit::counts::{Counts, Lag, Latencies, Sum, What};
use crate::audit::{search, waiting};
use crate::diagnostic::Diagnostic;
use crate::guardrail::ending;
use crate::store::StoreError;
use crate::store::desk::{ProposalState, proposals};
use crate::words::{Micros, Tier, utc_day};

/// How many days the figures beside today's are of.
const DAYS: i64 = 30;
/// Evidence that ends within so many days is said to.
const NEAR: i32 = 30;
/// The most rules and reasons that a table lists.
const MOST: usize = 12;
/// How long the store may take, before the page is made without what it tells.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/console/", get(page))
}

/// Something to do, or to know of.
#[derive(Clone, Debug)]
struct Task {
    /// The badge: its class and its word.
    class: &'static str,
    word: &'static str,
    /// What it is, in one sentence.
    said: String,
    /// Since when, in words; empty where that says nothing.
    since: Safe,
    /// Where it can be done; empty where nowhere.
    href: &'static str,
    /// What the link says.
    link: &'static str,
}

/// A figure of today beside the same of 30 days.
struct Tile {
    name: &'static str,
    today: String,
    before: String,
    href: String,
}

/// Why better copy was not served, and how often.
struct ReasonRow {
    word: String,
    said: &'static str,
    today: String,
    month: String,
    share: String,
    href: String,
}

/// What a rule found.
struct RuleRow {
    rule: String,
    link: Option<String>,
    blocked: String,
    repaired: String,
    other: String,
    today: String,
    /// How long its bar is, of 100: blocked, then all.
    bars: (u64, u64),
}

/// How a generation can end, and how many did.
struct OutcomeRow {
    badge: &'static str,
    word: String,
    said: String,
    today: String,
    month: String,
    href: String,
}

/// What the figures of the store tell.
struct Figures {
    tiles: Vec<Tile>,
    serves: Safe,
    latency: Safe,
    cost: Safe,
    reasons: Vec<ReasonRow>,
    rules: Vec<RuleRow>,
    more_rules: Option<String>,
    outcomes: Vec<OutcomeRow>,
    lag: Option<Safe>,
    within_hours: bool,
}

/// The day's budget.
struct BudgetRow {
    spent: String,
    limit: Option<String>,
    per_mille: u64,
}

/// A service on the store.
struct NodeRow {
    name: String,
    itself: bool,
    lost: bool,
    differs: bool,
    seen: String,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    frame: Frame,
    made: Safe,
    tasks: Vec<Task>,
    figures: Result<Figures, String>,
    budget: Option<BudgetRow>,
    revision: Safe,
    guardrails: (Safe, Safe),
    prompts: (Safe, Safe),
    rules_in_force: String,
    nodes: Vec<NodeRow>,
}

async fn page(State(shared): State<Arc<Shared>>, reader: Reader) -> Response {
    let now = (shared.parts.now)();
    let days = Days::last(now, &reader.zone, DAYS);
    let read = tokio::time::timeout(PATIENCE, read(&shared, &reader, &days, now));
    let read = match read.await {
        Ok(read) => read.map_err(|error| {
            tracing::error!(%error, "the overview cannot read the store");
            error.to_string()
        }),
        Err(_) => Err(format!("it has not answered for {} seconds", PATIENCE.as_secs())),
    };
    let mut tasks = from_memory(&shared, &reader, now);
    let figures = match read {
        Ok(read) => {
            tasks.extend(from_store(&read, &reader.zone));
            Ok(told(&read, &days, now, &reader.zone))
        }
        Err(error) => Err(error),
    };
    // What blocks goes before what waits; otherwise in the order in which it was found.
    tasks.sort_by_key(|task| match task.class {
        "block" => 0,
        "repair" => 1,
        _ => 2,
    });
    let policy = shared.desk.pin();
    let nodes = match &figures {
        Ok(_) => shared.nodes().await,
        Err(_) => Vec::new(),
    };
    let own = policy.revision.to_string();
    show(&Overview {
        made: say::exactly(now, &reader.zone),
        tasks,
        budget: budget(&shared),
        revision: say::id(&policy.revision),
        guardrails: (
            say::id(policy.guardrails.hash()),
            say::when(shared.desk.since(crate::policy::Set::Guardrails), &reader.zone),
        ),
        prompts: (
            say::id(&policy.copy.revision),
            say::when(shared.desk.since(crate::policy::Set::Prompts), &reader.zone),
        ),
        rules_in_force: say::counted(len(policy.guardrails.rules()), "rule"),
        nodes: nodes
            .into_iter()
            .map(|node| NodeRow {
                differs: node.revision != own,
                name: node.node,
                itself: node.itself,
                lost: node.lost,
                seen: say::ago(node.seen, now),
            })
            .collect(),
        figures,
        frame: Frame::of(&reader, Place::Overview, "Overview"),
    })
}

fn len<T>(of: &[T]) -> u64 {
    u64::try_from(of.len()).unwrap_or(u64::MAX)
}

/// What a sentence that begins small and has no full stop is on a page.
fn sentence(said: &str) -> String {
    let mut chars = said.chars();
    let first = chars.next().map(char::to_uppercase).into_iter().flatten();
    let said: String = first.chain(chars).collect();
    if said.ends_with(['.', '?']) { said } else { format!("{said}.") }
}

/// What is known without the store.
fn from_memory(shared: &Shared, reader: &Reader, now: Timestamp) -> Vec<Task> {
    let since = |at: Timestamp| Safe(format!("since {}", say::when(at, &reader.zone)));
    let mut tasks = Vec::new();
    for refusal in shared.desk.refused() {
        let errors: Vec<&Diagnostic> = refusal.diagnostics.iter().filter(|fault| fault.is_error()).collect();
        let first = errors.first().map(|first| format!(" {}: {}.", first.place(), first.message));
        tasks.push(Task {
            class: "block",
            word: "edit refused",
            said: format!(
                "The newest edit of the {} has {}; what was in force before it stays.{}",
                refusal.set.as_str(),
                say::counted(len(&errors), "fault"),
                first.unwrap_or_default()
            ),
            since: since(refusal.since),
            href: "/console/compliance",
            link: "All faults",
        });
    }
    // Edits that are refused stand above already.
    for part in shared.degraded().into_iter().filter(|part| part.part != "policy") {
        let word = match part.part {
            "log" => "log",
            "heads" => "signed head",
            "llm" => "model",
            "budget" => "budget",
            other => other,
        };
        let class = if part.part == "log" { "block" } else { "repair" };
        tasks.push(Task {
            class,
            word,
            said: sentence(&part.detail),
            since: Safe::default(),
            href: "",
            link: "",
        });
    }
    if let Some(at) = shared.hanging() {
        tasks.push(Task {
            class: "repair",
            word: "files",
            said: "The disk of the policy's files does not answer, so no edit is seen.".into(),
            since: since(at),
            href: "",
            link: "",
        });
    }
    let apart = [AlertKind::EditRefused, AlertKind::EvidenceEnding];
    for alert in shared.alerts.standing().into_iter().filter(|alert| !apart.contains(&alert.kind)) {
        let (word, href, link) = match alert.kind {
            AlertKind::BlockRate => ("blocks more", "/console/compliance/rules", "Rules"),
            AlertKind::CopyWithdrawn => ("copy withdrawn", "/console/compliance/placements", "Placements"),
            AlertKind::StopNotTaken => ("stop not taken", "/console/compliance/stops", "Stops"),
            _ => ("service", "", ""),
        };
        tasks.push(Task {
            class: "repair",
            word,
            said: sentence(&alert.message),
            since: since(alert.since),
            href,
            link,
        });
    }
    let policy = shared.desk.pin();
    let near = ending(&policy.guardrails, now);
    for end in near.iter().filter(|end| end.days <= NEAR && !end.claims.is_empty()) {
        tasks.push(Task {
            class: if end.is_over() { "block" } else { "repair" },
            word: if end.is_over() { "evidence ended" } else { "evidence ends" },
            said: format!(
                "{} {}",
                sentence(&end.told()),
                match end.claims.len() {
                    1 => "One claim relies on it.".to_owned(),
                    claims => format!("{claims} claims rely on it."),
                }
            ),
            since: Safe::default(),
            href: "/console/compliance/evidence",
            link: "Evidence",
        });
    }
    let stops = shared.parts.stops.list(false);
    if let Some(first) = stops.iter().map(|stop| stop.at).min() {
        tasks.push(Task {
            class: "note",
            word: "stops",
            said: format!(
                "{} in force.",
                if stops.len() == 1 { "1 stop is".to_owned() } else { format!("{} stops are", stops.len()) }
            ),
            since: Safe(format!("the oldest since {}", say::when(first, &reader.zone))),
            href: "/console/compliance/stops",
            link: "Stops",
        });
    }
    tasks
}

/// What waits, as the store tells.
fn from_store(read: &Read, zone: &TimeZone) -> Vec<Task> {
    let mut tasks = Vec::new();
    if let Some(oldest) = read.proposals.iter().min() {
        let count = len(&read.proposals);
        tasks.push(Task {
            class: "note",
            word: "proposals",
            said: if count == 1 {
                "1 edit of the guardrails waits for a second person.".into()
            } else {
                format!("{} edits of the guardrails wait for a second person.", say::number(count))
            },
            since: Safe(format!("since {}", say::when(*oldest, zone))),
            href: "/console/compliance",
            link: "Proposals",
        });
    }
    if read.awaiting > 0 {
        let waits = if read.awaiting == 1 { "waits" } else { "wait" };
        tasks.push(Task {
            class: "note",
            word: "approvals",
            said: format!("{} {waits} for a person.", say::counted(read.awaiting, "text")),
            since: Safe::default(),
            href: "/console/approvals",
            link: "Approve",
        });
    }
    if read.looks > 0 {
        let waits = if read.looks == 1 { "waits" } else { "wait" };
        tasks.push(Task {
            class: "note",
            word: "second looks",
            said: format!("{} {waits} for a second person.", say::counted(read.looks, "approval")),
            since: Safe::default(),
            href: "/console/approvals?tab=looks",
            link: "Look again",
        });
    }
    if read.flagged > 0 {
        let is = if read.flagged == 1 { "is" } else { "are" };
        tasks.push(Task {
            class: "note",
            word: "flagged",
            said: format!("{} {is} flagged, and nobody has decided.", say::counted(read.flagged, "text")),
            since: Safe::default(),
            href: "/console/generations?review=flagged",
            link: "Look",
        });
    }
    tasks
}

fn budget(shared: &Shared) -> Option<BudgetRow> {
    let budget = shared.parts.generator.as_ref()?.budget();
    let (day, spent) = budget.ledger();
    let spent = if day == utc_day((shared.parts.now)()) { spent.all() } else { Micros(0) };
    let limit = budget.per_day();
    let per_mille = limit.map_or(0, |limit| spent.0.saturating_mul(1_000).checked_div(limit.0).unwrap_or(0));
    Some(BudgetRow {
        spent: say::money(spent),
        limit: limit.map(say::money),
        per_mille: per_mille.min(1_000),
    })
}

/// What the store tells, as it stands there.
struct Read {
    serves: Vec<Sum>,
    latency: Vec<Sum>,
    cost: Vec<Sum>,
    generations: Vec<Sum>,
    findings: Vec<Sum>,
    findings_today: Vec<Sum>,
    lag: Lag,
    proposals: Vec<Timestamp>,
    awaiting: u64,
    looks: u64,
    flagged: u64,
}

async fn read(shared: &Shared, reader: &Reader, days: &Days, now: Timestamp) -> Result<Read, StoreError> {
    let (store, approvals) = (&shared.store, shared.desk.settings().approvals);
    let looked_for = now.saturating_sub(LOOKED_FOR).unwrap_or(now);
    let mut counts = Counts::of(store).await?;
    let spans = &days.spans;
    let mut open = Vec::new();
    if approvals > 0 {
        let rows = proposals(store, 50).await?;
        open.extend(rows.into_iter().filter(|row| row.state == ProposalState::Open).map(|row| row.at));
    }
    Ok(Read {
        serves: counts.sums(What::Serve, spans).await?,
        latency: counts.sums(What::Latency, spans).await?,
        cost: counts.sums(What::Cost, spans).await?,
        generations: counts.sums(What::Generation, spans).await?,
        findings: counts.sums(What::Finding, &[days.whole()]).await?,
        findings_today: counts.sums(What::Finding, &[days.today()]).await?,
        lag: counts.lag(now).await?,
        proposals: open,
        awaiting: waiting::count(store, &waiting::Filter::default()).await?.1,
        looks: waiting::second_looks(store, &reader.name, share(shared), looked_for, None, 0).await?.1,
        flagged: search::standing(store, search::ReviewState::Flagged).await?,
    })
}

/// What there is to see of it.
fn told(read: &Read, days: &Days, now: Timestamp, zone: &TimeZone) -> Figures {
    let today = |sums: &[Sum]| -> Vec<Sum> {
        let last = days.spans.len().saturating_sub(1);
        sums.iter().filter(|sum| sum.span == last).cloned().collect()
    };
    let since = |days_ago: usize| {
        let at = days.dates.len().saturating_sub(1 + days_ago);
        days.dates.get(at).map(ToString::to_string).unwrap_or_default()
    };
    let (first, this) = (since(days.dates.len().saturating_sub(1)), since(0));
    let rules = figures::found(&read.findings);
    let rules_today = figures::found(&read.findings_today);
    let most = rules.iter().map(Found::all).max().unwrap_or(0).max(1);
    let rows: Vec<RuleRow> = rules
        .iter()
        .filter(|found| found.all() > 0)
        .map(|found| RuleRow {
            bars: (found.blocked * 100 / most, found.all() * 100 / most),
            link: rule_link(&found.rule),
            rule: found.rule.clone(),
            blocked: say::number(found.blocked),
            repaired: say::number(found.repaired),
            other: say::number(found.fixed + found.noted),
            today: say::number(
                rules_today.iter().find(|today| today.rule == found.rule).map_or(0, Found::all),
            ),
        })
        .collect();
    Figures {
        tiles: tiles(read, &today, &this),
        serves: serves_chart(read, days).bars(),
        latency: latency_chart(read, days).lines(),
        cost: cost_chart(read, days).bars(),
        reasons: reasons(&read.serves, &today(&read.serves), &first),
        more_rules: rows
            .get(MOST..)
            .filter(|more| !more.is_empty())
            .map(|more| say::counted(len(more), "more rule")),
        rules: rows.into_iter().take(MOST).collect(),
        outcomes: outcomes(&read.generations, &today(&read.generations), &first),
        lag: match read.lag {
            Lag::None => None,
            Lag::Since(at) => Some(say::when(at, zone)),
        },
        within_hours: figures::begins_within_hours(now, zone),
    }
}

fn tiles(read: &Read, today: &dyn Fn(&[Sum]) -> Vec<Sum>, this: &str) -> Vec<Tile> {
    let (serves, generations) = (today(&read.serves), today(&read.generations));
    let p95 = |sums: &[Sum]| Latencies::of(sums).percentile(0.95).map_or_else(|| "–".to_owned(), say::took);
    let hits = |sums: &[Sum]| {
        let (kept, all) = figures::kept(sums);
        say::share(kept, all)
    };
    let written = |sums: &[Sum]| {
        let by = figures::by_part(sums, 0);
        let passed = by.get("passed").map_or(0, |(n, _)| *n);
        (say::number(passed), figures::count(sums))
    };
    let better = |sums: &[Sum]| {
        let by = figures::by_part(sums, 0);
        let of = |tier: &str| by.get(tier).map_or(0, |(n, _)| *n);
        say::share(of("user") + of("segment"), figures::count(sums))
    };
    let (passed, all) = written(&generations);
    let (passed_before, all_before) = written(&read.generations);
    vec![
        Tile {
            name: "Serves today",
            today: say::number(figures::count(&serves)),
            before: format!("{} in 30 days", say::number(figures::count(&read.serves))),
            href: format!("/console/serves?since={this}"),
        },
        Tile {
            name: "By a model",
            today: better(&serves),
            before: format!("{} in 30 days", better(&read.serves)),
            href: String::new(),
        },
        Tile {
            name: "95% within",
            today: p95(&today(&read.latency)),
            before: format!("{} in 30 days", p95(&read.latency)),
            href: String::new(),
        },
        Tile {
            name: "Hit rate",
            today: hits(&serves),
            before: format!("{} in 30 days", hits(&read.serves)),
            href: String::new(),
        },
        Tile {
            name: "Texts passed",
            today: format!("{passed} of {}", say::number(all)),
            before: format!("{passed_before} of {} in 30 days", say::number(all_before)),
            href: format!("/console/generations?since={this}"),
        },
    ]
}

#[expect(clippy::cast_precision_loss, reason = "no count here comes near 2^53")]
fn float(n: u64) -> f64 {
    n as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "scales are of counts, from zero"
)]
fn whole(value: f64) -> String {
    if value > 0.0 && value < 1.0 { format!("{value:.1}") } else { say::number(value.round() as u64) }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "scales are of times, from zero")]
fn took(value: f64) -> String {
    say::took(value.round() as u64)
}

fn money(value: f64) -> String {
    say::money(Micros::from_units(value))
}

fn serves_chart(read: &Read, days: &Days) -> Chart {
    // From the ground up: what pages show at best stands lowest.
    let tiers = [
        (Tier::User, "user"),
        (Tier::Segment, "segment"),
        (Tier::Prewritten, "prewritten"),
        (Tier::None, "none"),
    ];
    let series = tiers.map(|(tier, word)| Series {
        name: figures::tier(tier).to_owned(),
        values: days.each(&read.serves, |sums| {
            Some(float(figures::count(sums.iter().copied().filter(|sum| sum.part(0) == word))))
        }),
        drawn: true,
    });
    Chart {
        id: "serves",
        title: "Serves a day, by tier".into(),
        told: format!("{} in 30 days.", say::counted(figures::count(&read.serves), "serve")),
        empty: "Nothing was served in the last 30 days. Each answer to a page is counted here within a second or so."
            .into(),
        of: "Day",
        columns: days.names(),
        series: series.into(),
        write: whole,
    }
}

fn latency_chart(read: &Read, days: &Days) -> Chart {
    let series = [(0.50, "p50"), (0.95, "p95"), (0.99, "p99")].map(|(share, name)| Series {
        name: name.to_owned(),
        values: days
            .each(&read.latency, |sums| Latencies::of(sums.iter().copied()).percentile(share).map(float)),
        // The slowest wait for models: beside them all others would lie on the ground.
        drawn: share < 0.99,
    });
    let all = Latencies::of(&read.latency);
    let of = |share| all.percentile(share).map_or_else(|| "–".to_owned(), say::took);
    Chart {
        id: "latency",
        title: "Time to answer, a day".into(),
        told: format!(
            "In 30 days half were answered within {}, 95% within {}, 99% within {}. Told from buckets, to within a fifth.",
            of(0.50),
            of(0.95),
            of(0.99)
        ),
        empty: "No answer was given in the last 30 days.".into(),
        of: "Day",
        columns: days.names(),
        series: series.into(),
        write: took,
    }
}

fn cost_chart(read: &Read, days: &Days) -> Chart {
    let mut purposes: Vec<&str> = figures::by_part(&read.cost, 0).into_keys().collect();
    purposes.sort_by_key(|purpose| {
        ["page", "refresh", "bulk"].iter().position(|known| known == purpose).unwrap_or(9)
    });
    let series = purposes.iter().map(|purpose| Series {
        name: match *purpose {
            "page" => "for pages".to_owned(),
            "refresh" => "written anew".to_owned(),
            "bulk" => "in bulk".to_owned(),
            "judge" => "judged".to_owned(),
            other => other.to_owned(),
        },
        values: days.each(&read.cost, |sums| {
            let of = sums.iter().copied().filter(|sum| sum.part(0) == *purpose);
            Some(Micros(figures::total(of)).units())
        }),
        drawn: true,
    });
    Chart {
        id: "cost",
        title: "Cost a day, by purpose".into(),
        told: format!("{} in 30 days.", say::money(Micros(figures::total(&read.cost)))),
        empty: "Models have cost nothing in the last 30 days. Costs appear here once a provider has prices in the settings."
            .into(),
        of: "Day",
        columns: days.names(),
        series: series.collect(),
        write: money,
    }
}

fn reasons(month: &[Sum], today: &[Sum], first: &str) -> Vec<ReasonRow> {
    let all = figures::count(month);
    let today = figures::by_part(today, 2);
    let mut rows: Vec<(&str, u64)> =
        figures::by_part(month, 2).into_iter().map(|(reason, (n, _))| (reason, n)).collect();
    rows.retain(|(reason, _)| !reason.is_empty());
    rows.sort_by(|a, b| (b.1, a.0).cmp(&(a.1, b.0)));
    let row = |(reason, n): (&str, u64)| ReasonRow {
        word: reason.to_owned(),
        said: figures::reason(reason),
        today: say::number(today.get(reason).map_or(0, |(n, _)| *n)),
        month: say::number(n),
        share: say::share(n, all),
        href: format!("/console/serves?reason={reason}&since={first}"),
    };
    rows.into_iter().map(row).collect()
}

fn outcomes(month: &[Sum], today: &[Sum], first: &str) -> Vec<OutcomeRow> {
    let (month, today) = (figures::by_part(month, 0), figures::by_part(today, 0));
    let known = [
        ("passed", "pass", "The guardrails passed the text."),
        ("blocked", "block", "The guardrails did not let it pass; nobody saw it."),
        ("failed", "repair", "The model failed, refused or was cut off: there was no text."),
        ("abandoned", "note", "It was given up, at a time-out or as the service closed."),
    ];
    let of = |sums: &std::collections::BTreeMap<&str, (u64, u64)>, word: &str| {
        sums.get(word).map_or(0, |(n, _)| *n)
    };
    let row = |(word, badge, said): (&str, &'static str, &str)| OutcomeRow {
        badge,
        word: word.to_owned(),
        said: said.to_owned(),
        today: say::number(of(&today, word)),
        month: say::number(of(&month, word)),
        href: format!("/console/generations?outcome={word}&since={first}"),
    };
    known.into_iter().filter(|(word, ..)| of(&month, word) > 0).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_elsewhere_becomes_a_sentence() {
        assert_eq!(sentence("node `a` is gone"), "Node `a` is gone.");
        assert_eq!(sentence("Élan stays."), "Élan stays.");
        assert_eq!(sentence(""), ".");
    }
}
