//! A month as a page that prints well, and as CSV: what was shown, what rules and people did, and what is missing.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::chart::{Chart, Series};
use super::copy::{path_part, rule_link};
use super::figures::{self, Days};
use super::page::{Failed, Frame, Place, page_or, show};
use super::say::{self, Safe};
use super::session::Reader;
use crate::app::Shared;
use crate::audit::counts::{Counted, Counts, Lag, Latencies, Sum, What};
use crate::audit::export;
use crate::casefile::words;
use crate::guardrail::{self, Enforcement, Guardrails, changes};
use crate::store::StoreError;
use crate::words::{Micros, Tier};

/// The most months to choose from.
const MONTHS: usize = 60;
/// The most rows of a table that lists one by one.
const MOST: usize = 200;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/console/reports", get(page)).route("/console/reports.csv", get(file))
}

#[derive(Debug, Deserialize)]
struct Asked {
    #[serde(default)]
    month: String,
}

/// A value of a table.
#[derive(Clone, Debug, PartialEq)]
enum Cell {
    /// How many.
    Count(u64),
    /// A part of a whole.
    Share(u64, u64),
    /// Microseconds.
    Took(u64),
    /// In the currency of the prices.
    Money(u64),
    /// A moment, or the hour that it was in.
    At(Timestamp),
    /// Words.
    Text(String),
    /// Not known.
    Nothing,
}

impl Cell {
    fn class(&self) -> &'static str {
        if matches!(self, Self::Text(_) | Self::At(_)) { "" } else { "number" }
    }

    fn shown(&self, zone: &TimeZone) -> Safe {
        Safe(match self {
            Self::Count(n) => say::number(*n),
            Self::Share(part, whole) => say::share(*part, *whole).replace('<', "&lt;").replace('>', "&gt;"),
            Self::Took(micros) => lasted(*micros),
            Self::Money(micros) => say::money(Micros(*micros)),
            Self::At(at) => return say::when(*at, zone),
            Self::Text(text) => say::escape(text),
            Self::Nothing => "–".to_owned(),
        })
    }

    /// As a file says it: a plain value and its unit, which the measure says of counts.
    #[expect(clippy::cast_precision_loss, reason = "no count here comes near 2^53")]
    fn told(&self, unit: &str) -> (String, String) {
        let of = |value: String, unit: &str| (value, unit.to_owned());
        match self {
            Self::Count(n) => of(n.to_string(), unit),
            Self::Share(_, 0) | Self::Nothing => of(String::new(), ""),
            Self::Share(part, whole) => of(format!("{:.3}", *part as f64 * 100.0 / *whole as f64), "%"),
            Self::Took(micros) => of(format!("{:.6}", *micros as f64 / 1e6), "s"),
            Self::Money(micros) => of(format!("{:.6}", Micros(*micros).units()), "currency of the prices"),
            Self::At(at) => of(at.to_string(), "UTC"),
            Self::Text(text) => of(text.clone(), ""),
        }
    }
}

/// How long something lasted, also where that is days.
fn lasted(micros: u64) -> String {
    match micros / 1_000_000 {
        0..60 => say::took(micros),
        seconds @ 60..3_600 => format!("{} min", seconds / 60),
        seconds @ 3_600..172_800 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// A column of a table, and what its counts are of.
#[derive(Clone, Copy, Debug)]
struct Measure {
    name: &'static str,
    unit: &'static str,
}

impl Measure {
    fn class(&self) -> &'static str {
        if self.unit.is_empty() { "" } else { "number" }
    }
}

const fn measure(name: &'static str, unit: &'static str) -> Measure {
    Measure { name, unit }
}

#[derive(Clone, Debug, Default)]
struct Row {
    name: String,
    said: String,
    href: String,
    cells: Vec<Cell>,
}

/// One section of a report.
#[derive(Clone, Debug)]
struct Table {
    id: &'static str,
    title: &'static str,
    about: String,
    of: &'static str,
    measures: Vec<Measure>,
    rows: Vec<Row>,
    empty: &'static str,
}

#[derive(Template)]
#[template(path = "reports.html")]
struct Report {
    frame: Frame,
    name: String,
    month: String,
    months: Vec<(String, String)>,
    about: String,
    made: Safe,
    lag: Option<Safe>,
    serves: Safe,
    tables: Vec<Table>,
    zone: TimeZone,
}

/// What is known of a month.
struct Month {
    text: String,
    days: Days,
    zone: TimeZone,
    first: Timestamp,
    lag: Lag,
    serves: Vec<Sum>,
    tables: Vec<Table>,
}

async fn page(State(shared): State<Arc<Shared>>, reader: Reader, Query(asked): Query<Asked>) -> Response {
    let made = async {
        let now = (shared.parts.now)();
        let month = read(&shared, &asked.month, now).await?;
        let months = figures::months(month.first, now, &month.zone, MONTHS);
        let zone = month.zone.iana_name().unwrap_or("the zone of the settings").to_owned();
        let within = if figures::begins_within_hours(now, &month.zone) {
            " Its days begin within an hour of UTC and are counted from the whole hour before."
        } else {
            ""
        };
        Ok(show(&Report {
            frame: Frame::of(&reader, Place::Reports, format!("Report of {}", named(&month.text))),
            name: named(&month.text),
            months: with(&month.text, months).into_iter().map(|text| (text.clone(), named(&text))).collect(),
            about: format!(
                "Days and times are in {zone}, the time zone of the policy.{within} Figures are told by the log, hour by hour; what was deleted for its age stays counted."
            ),
            made: say::when(now, &month.zone),
            lag: match month.lag {
                Lag::None => None,
                Lag::Since(at) => Some(say::when(at, &month.zone)),
            },
            serves: chart(&month).bars(),
            tables: month.tables,
            month: month.text,
            zone: month.zone,
        }))
    };
    page_or(&reader, made.await)
}

/// The months to choose from, with the one that is shown.
fn with(shown: &str, mut months: Vec<String>) -> Vec<String> {
    if !months.iter().any(|month| month == shown) {
        months.push(shown.to_owned());
        months.sort_unstable_by(|a, b| b.cmp(a));
    }
    months
}

/// A month as people call it.
fn named(month: &str) -> String {
    let first = format!("{month}-01").parse::<jiff::civil::Date>();
    first.map_or_else(|_| month.to_owned(), |first| first.strftime("%B %Y").to_string())
}

async fn file(State(shared): State<Arc<Shared>>, reader: Reader, Query(asked): Query<Asked>) -> Response {
    let made = async {
        let month = read(&shared, &asked.month, (shared.parts.now)()).await?;
        let text = export::plain_csv(&["section", "name", "measure", "value", "unit"], lines(&month.tables));
        let text = text.map_err(|error| {
            tracing::error!(%error, "a report cannot be written");
            Failed::NotNow("The report cannot be written.".into())
        })?;
        let name = format!("attachment; filename=\"copyrail-{}.csv\"", month.text);
        let headers = [
            (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
            (header::CONTENT_DISPOSITION, name),
        ];
        Ok((headers, text).into_response())
    };
    page_or(&reader, made.await)
}

/// A report as one tidy table.
fn lines(tables: &[Table]) -> Vec<[String; 5]> {
    let mut lines = Vec::new();
    for table in tables {
        for row in &table.rows {
            for (measure, cell) in table.measures.iter().zip(&row.cells) {
                let (value, unit) = cell.told(measure.unit);
                lines.push([table.id.to_owned(), row.name.clone(), measure.name.to_owned(), value, unit]);
            }
        }
    }
    lines
}

async fn read(shared: &Arc<Shared>, month: &str, now: Timestamp) -> Result<Month, Failed> {
    let zone = shared.desk.settings().timezone.clone();
    let text = match month {
        "" => now.to_zoned(zone.clone()).strftime("%Y-%m").to_string(),
        asked => asked.to_owned(),
    };
    let Some(days) = figures::month(&text, &zone) else {
        let said = "`month` is written as the year and the month, such as 2026-11.";
        return Err(Failed::Malformed(said.to_owned()));
    };
    let whole = [days.whole()];
    let span = days.whole();
    let mut counts = Counts::of(&shared.store).await?;
    let serves = counts.sums(What::Serve, &days.spans).await?;
    let mut of = async |what| counts.sums(what, &whole).await;
    let mut tables = vec![
        tiers(&serves),
        sources(&of(What::Serve).await?),
        latencies(&of(What::Latency).await?),
        generations(&of(What::Generation).await?),
        rules(&of(What::Finding).await?),
        opinions(&of(What::Opinion).await?),
        reviewers(&of(What::Review).await?, &of(What::Overturn).await?),
        takedowns(&of(What::Takedown).await?),
    ];
    let (stops, gaps) = (stops(&of(What::Stop).await?), gaps(&of(What::Gap).await?));
    let data = data(
        &of(What::Erasure).await?,
        &of(What::Retention).await?,
        &of(What::Export).await?,
        &of(What::Hold).await?,
        &of(What::Purge).await?,
    );
    let cost = cost(&of(What::Attempt).await?, &of(What::Cost).await?);
    let edits = counts.hours(What::Edit, span).await?;
    let before = accepted(&counts.hours(What::Edit, (i64::MIN, span.0)).await?);
    let after = if (now.as_second().div_euclid(3_600)) < span.1 {
        None
    } else {
        accepted(&edits).or_else(|| before.clone())
    };
    tables.push(edit_table(&edits));
    tables.push(
        changed(shared, before, after, edits.iter().any(|edit| edit.sum.part(0) == "guardrails")).await?,
    );
    tables.push(off(&shared.desk.pin().guardrails));
    tables.extend([stops, gaps, data, cost]);
    let first = counts.first().await?.unwrap_or(now);
    let lag = counts.lag(now).await?;
    Ok(Month { text, days, zone, first, lag, serves, tables })
}

/// The guardrails that were accepted last, by their hash.
fn accepted(edits: &[Counted]) -> Option<String> {
    let of = |edit: &&Counted| edit.sum.part(0) == "guardrails" && edit.sum.part(1) == "accepted";
    edits.iter().find(of).map(|edit| edit.sum.part(3).to_owned())
}

fn chart(month: &Month) -> Chart {
    let tiers = [
        (Tier::User, "user"),
        (Tier::Segment, "segment"),
        (Tier::Prewritten, "prewritten"),
        (Tier::None, "none"),
    ];
    #[expect(clippy::cast_precision_loss, reason = "no count here comes near 2^53")]
    let series = tiers.map(|(tier, word)| Series {
        name: figures::tier(tier).to_owned(),
        values: month.days.each(&month.serves, |sums| {
            Some(figures::count(sums.iter().copied().filter(|sum| sum.part(0) == word)) as f64)
        }),
        drawn: true,
    });
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "scales are of counts, from zero"
    )]
    let write = |value: f64| {
        if value > 0.0 && value < 1.0 { format!("{value:.1}") } else { say::number(value.round() as u64) }
    };
    Chart {
        id: "by-day",
        title: "Serves a day, by tier".into(),
        told: format!("{} in the month.", say::counted(figures::count(&month.serves), "serve")),
        empty: "Nothing was served in this month.".into(),
        of: "Day",
        columns: month.days.names(),
        series: series.into(),
        write,
    }
}

fn tiers(sums: &[Sum]) -> Table {
    let all = figures::count(sums);
    let by = figures::by_part(sums, 0);
    let rows = ["user", "segment", "prewritten", "none"].into_iter().map(|tier| {
        let n = by.get(tier).map_or(0, |(n, _)| *n);
        Row {
            name: tier.to_owned(),
            said: figures::read::<Tier>(tier).map(words::tier).unwrap_or_default().to_owned(),
            cells: vec![Cell::Count(n), Cell::Share(n, all)],
            ..Row::default()
        }
    });
    Table {
        id: "tiers",
        title: "Serves by tier",
        about: String::new(),
        of: "Tier",
        measures: vec![measure("serves", "serves"), measure("share of all", "%")],
        rows: if all == 0 { Vec::new() } else { rows.collect() },
        empty: "Nothing was served in this month.",
    }
}

fn sources(sums: &[Sum]) -> Table {
    let all = figures::count(sums);
    let mut by: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for sum in sums {
        *by.entry((sum.part(1), sum.part(2))).or_default() += sum.n;
    }
    let mut by: Vec<_> = by.into_iter().collect();
    by.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let row = |((source, reason), n): ((&str, &str), u64)| Row {
        name: if reason.is_empty() { source.to_owned() } else { format!("{source}, {reason}") },
        said: match reason {
            "" => format!("Text {}.", figures::source(source)),
            reason => format!("Text {}. {}", figures::source(source), figures::reason(reason)),
        },
        cells: vec![Cell::Count(n), Cell::Share(n, all)],
        ..Row::default()
    };
    Table {
        id: "sources",
        title: "Serves by source and reason",
        about: String::new(),
        of: "Source, and why nothing better",
        measures: vec![measure("serves", "serves"), measure("share of all", "%")],
        rows: by.into_iter().map(row).collect(),
        empty: "Nothing was served in this month.",
    }
}

fn latencies(sums: &[Sum]) -> Table {
    let told = Latencies::of(sums);
    let rows = [("half", 0.5), ("95%", 0.95), ("99%", 0.99)].into_iter().filter_map(|(name, share)| {
        let cells = vec![Cell::Took(told.percentile(share)?)];
        Some(Row { name: name.to_owned(), cells, ..Row::default() })
    });
    Table {
        id: "latency",
        title: "Time to answer",
        about: "From headers read to answer made. Told from buckets, to within a fifth.".into(),
        of: "Of the answers",
        measures: vec![measure("within", "s")],
        rows: rows.collect(),
        empty: "Nothing was served in this month.",
    }
}

fn generations(sums: &[Sum]) -> Table {
    let rows = sums.iter().map(|sum| {
        let (outcome, reason) = (sum.part(0), sum.part(1));
        let said = match reason {
            "" => figures::read(outcome).map(words::outcome).unwrap_or_default(),
            reason => figures::reason(reason),
        };
        Row {
            name: if reason.is_empty() { outcome.to_owned() } else { format!("{outcome}, {reason}") },
            said: said.to_owned(),
            cells: vec![Cell::Count(sum.n), Cell::Took(sum.total.checked_div(sum.n).unwrap_or(0))],
            ..Row::default()
        }
    });
    Table {
        id: "generations",
        title: "Generations",
        about: String::new(),
        of: "Outcome",
        measures: vec![measure("generations", "generations"), measure("mean time", "s")],
        rows: rows.collect(),
        empty: "Nothing was generated in this month.",
    }
}

fn rules(sums: &[Sum]) -> Table {
    let rows = figures::found(sums).into_iter().map(|found| Row {
        href: rule_link(&found.rule).unwrap_or_default(),
        cells: [found.blocked, found.repaired, found.fixed, found.noted, found.shadow]
            .map(Cell::Count)
            .into(),
        name: found.rule,
        ..Row::default()
    });
    Table {
        id: "rules",
        title: "What rules found",
        about: "Texts in which a rule found something, each once, by the strictest thing that followed."
            .into(),
        of: "Rule",
        measures: vec![
            measure("blocked", "texts"),
            measure("sent back", "texts"),
            measure("corrected", "texts"),
            measure("noted", "texts"),
            measure("found in shadow", "texts"),
        ],
        rows: rows.collect(),
        empty: "No rule found anything in what models wrote.",
    }
}

fn opinions(sums: &[Sum]) -> Table {
    let mut by: BTreeMap<(&str, &str), [u64; 3]> = BTreeMap::new();
    for sum in sums {
        let [passed, failed, unanswered] = by.entry((sum.part(0), sum.part(1))).or_default();
        match sum.part(2) {
            "passed" => *passed += sum.n,
            "failed" => *failed += sum.n,
            _ => *unanswered += sum.n,
        }
    }
    let rows = by.into_iter().map(|((rule, mode), counts)| Row {
        name: if mode == "shadow" { format!("{rule}, in shadow") } else { rule.to_owned() },
        href: rule_link(rule).unwrap_or_default(),
        cells: counts.map(Cell::Count).into(),
        ..Row::default()
    });
    Table {
        id: "second-models",
        title: "What second models said",
        about: "Answers to the rules of the kinds `judge` and `moderation`.".into(),
        of: "Rule",
        measures: vec![
            measure("passed", "texts"),
            measure("not passed", "texts"),
            measure("without an answer", "texts"),
        ],
        rows: rows.collect(),
        empty: "No second model was asked.",
    }
}

fn reviewers(reviews: &[Sum], overturns: &[Sum]) -> Table {
    let actions = ["approve", "reject", "takedown", "flag", "note", "undo"];
    let mut by: BTreeMap<&str, [u64; 8]> = BTreeMap::new();
    for sum in reviews {
        let counts = by.entry(sum.part(1)).or_default();
        let at = actions.iter().position(|action| *action == sum.part(0));
        if let Some(count) = at.and_then(|at| counts.get_mut(at)) {
            *count += sum.n;
        }
    }
    for sum in overturns {
        let [.., others, own] = by.entry(sum.part(2)).or_default();
        match sum.part(3) {
            "own" => *own += sum.n,
            _ => *others += sum.n,
        }
    }
    let rows = by.into_iter().map(|(name, counts)| Row {
        name: words::by(name).to_owned(),
        cells: counts.map(Cell::Count).into(),
        ..Row::default()
    });
    Table {
        id: "reviewers",
        title: "Reviewers' decisions and overturns",
        about: "An overturn is a decision that changed an earlier one on the same text: another person's, or one's own. What was undone before is no earlier decision.".into(),
        of: "Who",
        measures: vec![
            measure("approved", "reviews"),
            measure("rejected", "reviews"),
            measure("taken down", "reviews"),
            measure("flagged", "reviews"),
            measure("noted", "reviews"),
            measure("undone", "reviews"),
            measure("overturned others'", "reviews"),
            measure("changed their own", "reviews"),
        ],
        rows: rows.collect(),
        empty: "Nobody reviewed anything in this month.",
    }
}

fn takedowns(sums: &[Sum]) -> Table {
    let of = |from: &str| -> Vec<u64> {
        let of = sums.iter().filter(|sum| sum.part(1) == from);
        of.filter_map(|sum| sum.total.checked_div(sum.n)).collect()
    };
    let mut rows = Vec::new();
    for (from, name, said) in [
        ("serve", "all, since first shown", ""),
        (
            "generation",
            "all, since written",
            "Of these the log does not hold a first serve: it was deleted for its age, or there was none.",
        ),
    ] {
        let values = of(from);
        let count = u64::try_from(values.len()).unwrap_or(0);
        if let Some((middle, largest)) = figures::middle_and_largest(values) {
            rows.push(Row {
                name: name.to_owned(),
                said: said.to_owned(),
                cells: vec![Cell::Count(count), Cell::Took(middle), Cell::Took(largest)],
                ..Row::default()
            });
        }
    }
    let mut each: Vec<&Sum> = sums.iter().collect();
    each.sort_by_key(|sum| std::cmp::Reverse(sum.total));
    rows.extend(each.into_iter().take(MOST).map(|sum| Row {
        name: sum.part(0).to_owned(),
        href: format!("/console/generations/{}", path_part(sum.part(0))),
        cells: vec![Cell::Count(sum.n), Cell::Took(sum.total.checked_div(sum.n).unwrap_or(0)), Cell::Nothing],
        ..Row::default()
    }));
    Table {
        id: "takedowns",
        title: "Time to takedown",
        about: "From the first serve of a text to its takedown. The slowest are listed first.".into(),
        of: "Text",
        measures: vec![
            measure("takedowns", "takedowns"),
            measure("time, half of them within", "s"),
            measure("longest", "s"),
        ],
        rows,
        empty: "Nothing was taken down in this month.",
    }
}

fn edit_table(edits: &[Counted]) -> Table {
    let row = |edit: &Counted| {
        let (set, became, by, hash) =
            (edit.sum.part(0), edit.sum.part(1), edit.sum.part(2), edit.sum.part(3));
        Row {
            name: hash.chars().take(15).collect(),
            said: String::new(),
            href: String::new(),
            cells: vec![
                Cell::At(edit.at),
                Cell::Text(set.to_owned()),
                Cell::Text(became.replace('_', " ")),
                Cell::Text(if by == "files" {
                    "an edit of the files".to_owned()
                } else {
                    words::by(by).to_owned()
                }),
            ],
        }
    };
    Table {
        id: "edits",
        title: "Edits and who signed",
        about: "What became of edits of the policy, and what people did about them, to the hour; the newest first.".into(),
        of: "Set",
        measures: vec![measure("in the hour from", ""), measure("what", ""), measure("became", ""), measure("by", "")],
        rows: edits.iter().take(MOST).map(row).collect(),
        empty: "Nobody edited the policy in this month.",
    }
}

/// What the rules changed from the beginning of the month to its end, or to now.
async fn changed(
    shared: &Arc<Shared>,
    before: Option<String>,
    after: Option<String>,
    edited: bool,
) -> Result<Table, StoreError> {
    let mut table = Table {
        id: "rule-changes",
        title: "Rule changes",
        about: "What the guardrails in force at the end of the month, or now, change against those at its beginning.".into(),
        of: "Rule",
        measures: vec![measure("effect", ""), measure("change", ""), measure("owner", "")],
        rows: Vec::new(),
        empty: "The guardrails are at the end as they were at the beginning.",
    };
    if !edited {
        return Ok(table);
    }
    let kept = async |hash: &Option<String>| match hash {
        Some(hash) => shared.editions.guardrails(hash).await,
        None => Ok(None),
    };
    let (before, ended) = (kept(&before).await?, kept(&after).await?);
    if before.as_ref().is_none_or(|kept| kept.rules.is_none()) {
        table.empty =
            "No guardrails are kept that were in force before this month, so nothing can be compared.";
        return Ok(table);
    }
    let policy = shared.desk.pin();
    // Rules are tried on each other's examples, which takes its time.
    let compared = tokio::task::spawn_blocking(move || {
        let before = before.as_ref()?.rules.as_ref()?;
        let after: &Guardrails = match (&after, &ended) {
            (Some(_), Some(kept)) => kept.rules.as_ref()?,
            (Some(_), None) => return None,
            (None, _) => &policy.guardrails,
        };
        Some(changes(before, after))
    });
    match compared.await.ok().flatten() {
        Some(found) => table.rows = found.into_iter().take(MOST).map(change_row).collect(),
        None => {
            table.empty = "The guardrails at the end of this month are not kept, so nothing can be compared."
        }
    }
    Ok(table)
}

fn change_row(change: guardrail::Change) -> Row {
    Row {
        cells: vec![
            Cell::Text(change.effect.as_str().to_owned()),
            Cell::Text(change.sentence),
            change.owner.map_or(Cell::Nothing, Cell::Text),
        ],
        name: change.about,
        ..Row::default()
    }
}

fn off(guardrails: &Guardrails) -> Table {
    let rules = guardrails.rules().iter().filter(|rule| rule.mode() != Enforcement::Enforce);
    let rows = rules.map(|rule| Row {
        name: rule.id().to_owned(),
        href: rule_link(rule.id()).unwrap_or_default(),
        cells: vec![
            Cell::Text(words::mode(rule.mode()).to_owned()),
            rule.owner().map_or(Cell::Nothing, |owner| Cell::Text(owner.to_owned())),
            rule.reference().map_or(Cell::Nothing, |reference| Cell::Text(reference.to_owned())),
        ],
        ..Row::default()
    });
    Table {
        id: "not-enforced",
        title: "Rules off or in shadow now",
        about: "As the guardrails in force say today, whichever month this is.".into(),
        of: "Rule",
        measures: vec![measure("mode", ""), measure("owner", ""), measure("reference", "")],
        rows: rows.collect(),
        empty: "Every rule is enforced.",
    }
}

fn stops(sums: &[Sum]) -> Table {
    let row = |sum: &Sum| Row {
        name: format!("{} {}", sum.part(0), sum.part(1)),
        cells: vec![Cell::Text(words::by(sum.part(2)).to_owned()), Cell::Count(sum.n)],
        href: "/console/compliance/stops".to_owned(),
        ..Row::default()
    };
    Table {
        id: "stops",
        title: "Stops set and lifted",
        about: "A text that is taken down or rejected is a stop of its wording.".into(),
        of: "Stop",
        measures: vec![measure("by", ""), measure("stops", "stops")],
        rows: sums.iter().map(row).collect(),
        empty: "No stop was set or lifted in this month.",
    }
}

fn gaps(sums: &[Sum]) -> Table {
    let row = |sum: &Sum| {
        Row {
        name: sum.part(0).to_owned(),
        said: match sum.part(0) {
            "store" => "The store could not be written; the count is exact.",
            "killed" => {
                "A service ended out of order; what it answered in its last moments may be missing, and nobody counted it."
            }
            "restored" => "The store was put back from a backup; nobody can tell how much was recorded since it was made.",
            _ => "",
        }
        .to_owned(),
        cells: vec![Cell::Count(sum.n), Cell::Count(sum.total)],
        ..Row::default()
    }
    };
    Table {
        id: "gaps",
        title: "Gaps in the log",
        about: String::new(),
        of: "Cause",
        measures: vec![measure("gaps", "gaps"), measure("serves not recorded", "serves")],
        rows: sums.iter().map(row).collect(),
        empty: "The log has no gap in this month.",
    }
}

fn data(erasures: &[Sum], retention: &[Sum], exports: &[Sum], holds: &[Sum], purges: &[Sum]) -> Table {
    let by = |name: String, by: &str, cells: (u64, Cell)| Row {
        name,
        said: if by.is_empty() { String::new() } else { format!("by {}", words::by(by)) },
        cells: vec![Cell::Count(cells.0), cells.1],
        ..Row::default()
    };
    let mut rows = Vec::new();
    rows.extend(
        erasures.iter().map(|sum| by("erasure".into(), sum.part(0), (sum.n, Cell::Count(sum.total)))),
    );
    rows.extend(
        retention
            .iter()
            .map(|sum| by(format!("deleted for age, {}", sum.part(0)), "", (sum.n, Cell::Count(sum.total)))),
    );
    rows.extend(
        exports
            .iter()
            .map(|sum| by(format!("taken out, {}", sum.part(0)), sum.part(1), (sum.n, Cell::Nothing))),
    );
    rows.extend(
        holds
            .iter()
            .map(|sum| by(format!("legal hold {}", sum.part(0)), sum.part(1), (sum.n, Cell::Nothing))),
    );
    rows.extend(
        purges.iter().map(|sum| by("purge of cached copy".into(), sum.part(0), (sum.n, Cell::Nothing))),
    );
    Table {
        id: "data",
        title: "Erasures, deletions and other orders",
        about: "Each has its receipt in the log. Of an erasure, the serves that cannot be linked to anybody since; of a deletion, the entries.".into(),
        of: "What",
        measures: vec![measure("times", "records"), measure("serves or entries", "entries")],
        rows,
        empty: "Nothing was erased, deleted, held or taken out in this month.",
    }
}

fn cost(attempts: &[Sum], cost: &[Sum]) -> Table {
    let mut by: BTreeMap<(&str, &str, &str), (u64, u64, u64)> = BTreeMap::new();
    for sum in attempts {
        let (calls, failed, cost) = by.entry((sum.part(0), sum.part(1), sum.part(2))).or_default();
        (*calls, *cost) = (*calls + sum.n, cost.saturating_add(sum.total));
        *failed += if sum.part(3).is_empty() { 0 } else { sum.n };
    }
    let mut rows: Vec<Row> = by
        .into_iter()
        .map(|((purpose, provider, model), (calls, failed, cost))| Row {
            name: [purpose, provider, model]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join(", "),
            cells: vec![Cell::Count(calls), Cell::Count(failed), Cell::Money(cost)],
            ..Row::default()
        })
        .collect();
    if !rows.is_empty() {
        let (calls, total) = (figures::count(attempts), figures::total(cost));
        let failed = attempts.iter().filter(|sum| !sum.part(3).is_empty());
        rows.push(Row {
            name: "all".to_owned(),
            cells: vec![Cell::Count(calls), Cell::Count(figures::count(failed)), Cell::Money(total)],
            ..Row::default()
        });
    }
    Table {
        id: "cost",
        title: "Calls to models and their cost",
        about: "By purpose, provider and model, in the currency of the prices in the settings.".into(),
        of: "Purpose, provider, model",
        measures: vec![measure("calls", "calls"), measure("failed", "calls"), measure("cost", "currency")],
        rows,
        empty: "No model was called in this month.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(parts: &[&str], n: u64, total: u64) -> Sum {
        Sum { span: 0, parts: parts.iter().map(|part| (*part).to_owned()).collect(), n, total }
    }

    fn cells(table: &Table) -> Vec<(String, Vec<Cell>)> {
        table.rows.iter().map(|row| (row.name.clone(), row.cells.clone())).collect()
    }

    #[test]
    fn overturns_stand_with_those_who_made_them() {
        let reviews =
            [sum(&["approve", "Ines"], 3, 0), sum(&["reject", "Tom"], 2, 0), sum(&["new", "Tom"], 9, 0)];
        let overturns = [
            sum(&["approved", "rejected", "Tom", "other"], 1, 0),
            sum(&["approved", "rejected", "", "own"], 1, 0),
        ];
        let counts = |counts: [u64; 8]| counts.map(Cell::Count).to_vec();
        assert_eq!(
            cells(&reviewers(&reviews, &overturns)),
            [
                ("somebody whose key had no name".to_owned(), counts([0, 0, 0, 0, 0, 0, 0, 1])),
                ("Ines".to_owned(), counts([3, 0, 0, 0, 0, 0, 0, 0])),
                ("Tom".to_owned(), counts([0, 2, 0, 0, 0, 0, 1, 0])),
            ]
        );
    }

    #[test]
    fn takedowns_are_told_apart_by_what_is_known_of_them() {
        let table = takedowns(&[
            sum(&["a", "serve"], 1, 60),
            sum(&["b", "serve"], 2, 20),
            sum(&["c", "generation"], 1, 7),
        ]);
        let took = |n, middle, longest| vec![Cell::Count(n), Cell::Took(middle), longest];
        assert_eq!(
            cells(&table),
            [
                ("all, since first shown".to_owned(), took(2, 10, Cell::Took(60))),
                ("all, since written".to_owned(), took(1, 7, Cell::Took(7))),
                ("a".to_owned(), took(1, 60, Cell::Nothing)),
                ("b".to_owned(), took(2, 10, Cell::Nothing)),
                ("c".to_owned(), took(1, 7, Cell::Nothing)),
            ]
        );
        assert_eq!(cells(&takedowns(&[])), []);
    }

    #[test]
    fn what_was_accepted_last_is_told_from_the_hours() {
        let at = Timestamp::UNIX_EPOCH;
        let edit = |set: &str, became: &str, hash: &str| Counted {
            at,
            sum: sum(&[set, became, "files", hash], 1, 0),
        };
        let edits = [
            edit("prompts", "accepted", "b3:1"),
            edit("guardrails", "refused", "b3:2"),
            edit("guardrails", "accepted", "b3:3"),
            edit("guardrails", "accepted", "b3:4"),
        ];
        assert_eq!(accepted(&edits).as_deref(), Some("b3:3"));
        assert_eq!(accepted(&[]), None);
    }

    #[test]
    fn cells_are_written_for_people_and_for_programs() {
        for (cell, shown, told) in [
            (Cell::Count(1_204), "1,204", ("1204", "texts")),
            (Cell::Share(1, 3), "33.3%", ("33.333", "%")),
            (Cell::Share(1, 10_000), "&lt; 0.1%", ("0.010", "%")),
            (Cell::Share(0, 0), "–", ("", "")),
            (Cell::Took(1_500), "1.5 ms", ("0.001500", "s")),
            (Cell::Took(7_260_000_000), "2 h 1 min", ("7260.000000", "s")),
            (Cell::Money(1_230_000), "1.23", ("1.230000", "currency of the prices")),
            (Cell::Text("<b>".into()), "&lt;b&gt;", ("<b>", "")),
            (Cell::Nothing, "–", ("", "")),
        ] {
            assert_eq!(cell.shown(&TimeZone::UTC).0, shown);
            assert_eq!(cell.told("texts"), (told.0.to_owned(), told.1.to_owned()));
        }
        assert_eq!(lasted(3 * 86_400 * 1_000_000), "3 days");
        assert_eq!((named("2026-11"), named("x")), ("November 2026".to_owned(), "x".to_owned()));
        assert_eq!(
            with("2025-01", vec!["2026-02".into(), "2026-01".into()]),
            ["2026-02", "2026-01", "2025-01"]
        );
    }
}
