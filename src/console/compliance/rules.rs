//! Every rule by owner and reference, with what it caught; and one rule whole.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::get;
use jiff::civil::Date;
use jiff::{Span, Timestamp};
use serde::Deserialize;

use super::{Badge, DAYS, Excerpt, encoded, first_day, last_day, word};
use crate::app::Shared;
use crate::audit::counts::{self, Counts, What};
use crate::audit::search::{self, Filter, SearchError};
use crate::casefile::findings;
use crate::console::chart::{Chart, Series};
use crate::console::page::{Failed, Frame, Place, page_or, show};
use crate::console::say::{self, Safe, visible};
use crate::console::session::Reader;
use crate::guardrail::{Enforcement, Guardrails, Rule};
use crate::policy::Set;
use crate::replay::ShadowCounts;

/// How many rules stand on a page.
const ON_A_PAGE: usize = 50;
/// The most values that a filter offers.
const MOST_OFFERED: usize = 200;
/// How many of a rule's latest findings are shown.
const LATEST: u32 = 5;
/// The most examples that are shown of a rule.
const MOST_EXAMPLES: usize = 40;
/// The most of an example's text that is shown, in characters.
const MOST_OF_EXAMPLE: usize = 600;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/console/compliance/rules", get(list))
        .route("/console/compliance/rules/{id}", get(page))
}

/// Which rules to list, as the address says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    owner: String,
    reference: String,
    file: String,
    family: String,
    mode: String,
    kind: String,
    words: String,
    page: String,
}

impl Asked {
    fn fits(&self, rule: &Rule, at: Timestamp) -> bool {
        let same = |asked: &str, said: Option<&str>| asked.is_empty() || said == Some(asked);
        let mode = match self.mode.as_str() {
            "" => true,
            "enforce" => rule.mode_at(at) == Enforcement::Enforce && rule.runs(at),
            "shadow" => rule.mode_at(at) == Enforcement::Shadow && rule.runs(at),
            "off" => rule.mode_at(at) == Enforcement::Off,
            "waits" => rule.from().is_some_and(|from| from > at),
            "over" => rule.before().is_some_and(|before| before <= at),
            _ => false,
        };
        mode && same(&self.owner, rule.owner())
            && same(&self.file, Some(rule.file()))
            && same(&self.family, rule.family())
            && (self.reference.is_empty()
                || rule.reference().is_some_and(|said| holds(said, &self.reference.to_lowercase())))
            && (self.kind.is_empty() || word(&rule.kind()) == self.kind)
            && self.says(rule)
    }

    fn says(&self, rule: &Rule) -> bool {
        let wanted = self.words.trim().to_lowercase();
        wanted.is_empty()
            || holds(rule.id(), &wanted)
            || holds(rule.message(), &wanted)
            || rule.description().is_some_and(|said| holds(said, &wanted))
    }

    /// The address of another page of the same list.
    fn at(&self, page: usize) -> String {
        let Self { owner, reference, file, family, mode, kind, words, page: _ } = self;
        let page = page.to_string();
        let all = [
            ("owner", owner.as_str()),
            ("reference", reference),
            ("file", file),
            ("family", family),
            ("mode", mode),
            ("kind", kind),
            ("words", words),
            ("page", &page),
        ];
        let said: Vec<_> = all.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        format!("/console/compliance/rules?{}", serde_urlencoded::to_string(said).unwrap_or_default())
    }
}

/// Whether a text holds words, whatever their letters' case; those are in small letters already.
fn holds(text: &str, wanted: &str) -> bool {
    text.to_lowercase().contains(wanted)
}

#[derive(Template)]
#[template(path = "compliance/rules.html")]
struct List {
    frame: Frame,
    tab: &'static str,
    asked: Asked,
    owners: Vec<String>,
    files: Vec<String>,
    families: Vec<String>,
    kinds: Vec<String>,
    rows: Vec<Row>,
    counted: bool,
    found: String,
    of: String,
    from: usize,
    to: usize,
    before: Option<String>,
    after: Option<String>,
}

struct Row {
    id: String,
    path: String,
    message: Safe,
    kind: String,
    level: &'static str,
    action: Badge,
    mode: Badge,
    in_force: String,
    owner: String,
    reference: String,
    caught: String,
}

/// Whether a rule's findings count at that instant, its dates included.
fn mode_now(rule: &Rule, at: Timestamp) -> Badge {
    if rule.from().is_some_and(|from| from > at) {
        return Badge { class: "note", said: "not yet" };
    }
    if rule.before().is_some_and(|before| before <= at) {
        return Badge { class: "plain", said: "over" };
    }
    super::mode(rule.mode_at(at))
}

/// From when until when a rule is in force, in words.
fn in_force(shared: &Shared, rule: &Rule) -> String {
    match (rule.from(), rule.before()) {
        (None, None) => "always".to_owned(),
        (Some(from), None) => format!("from {}", first_day(shared, from)),
        (None, Some(before)) => format!("until {}", last_day(shared, before)),
        (Some(from), Some(before)) => format!("{} to {}", first_day(shared, from), last_day(shared, before)),
    }
}

/// Every value that there is, once each, as many as may be offered.
fn offered<'r>(values: impl Iterator<Item = Option<&'r str>>) -> Vec<String> {
    let all: BTreeSet<&str> = values.flatten().filter(|value| !value.is_empty()).collect();
    all.into_iter().take(MOST_OFFERED).map(str::to_owned).collect()
}

async fn list(State(shared): State<Arc<Shared>>, reader: Reader, Query(asked): Query<Asked>) -> Response {
    page_or(&reader, listed(&shared, &reader, asked).await)
}

async fn listed(shared: &Shared, reader: &Reader, asked: Asked) -> Result<Response, Failed> {
    let (policy, now) = (shared.desk.pin(), (shared.parts.now)());
    let rules = policy.guardrails.rules();
    let caught = super::caught(shared, now).await;
    let mut found: Vec<&Rule> = rules.iter().filter(|rule| asked.fits(rule, now)).collect();
    // Those of one owner and one reference stand together; public styles after what the shop wrote itself.
    found.sort_by_key(|rule| {
        (rule.is_public(), rule.owner().is_none(), rule.owner(), rule.reference(), rule.id())
    });
    let pages = found.len().div_ceil(ON_A_PAGE).max(1);
    let page = asked.page.parse::<usize>().unwrap_or(1).clamp(1, pages);
    let from = (page - 1) * ON_A_PAGE;
    let count = found.len();
    let row = |rule: &&Rule| Row {
        id: rule.id().to_owned(),
        path: encoded(rule.id()),
        message: super::message(rule.message()),
        kind: word(&rule.kind()),
        level: super::level(rule.level()),
        action: super::action(rule.on_match()),
        mode: mode_now(rule, now),
        in_force: in_force(shared, rule),
        owner: rule.owner().unwrap_or_default().to_owned(),
        reference: rule.reference().unwrap_or_default().to_owned(),
        caught: match &caught {
            Some(caught) => say::number(caught.get(rule.id()).copied().unwrap_or_default()),
            None => "–".to_owned(),
        },
    };
    let rows: Vec<Row> = found.iter().skip(from).take(ON_A_PAGE).map(row).collect();
    let kinds: BTreeSet<String> = rules.iter().map(|rule| word(&rule.kind())).collect();
    Ok(show(&List {
        frame: Frame::of(reader, Place::Compliance, "Rules"),
        tab: "rules",
        owners: offered(rules.iter().map(Rule::owner)),
        files: offered(rules.iter().map(|rule| Some(rule.file()))),
        families: offered(rules.iter().map(Rule::family)),
        kinds: kinds.into_iter().collect(),
        counted: caught.is_some(),
        found: say::counted(count as u64, "rule"),
        of: say::number(rules.len() as u64),
        from: (from + 1).min(count),
        to: from + rows.len(),
        before: (page > 1).then(|| asked.at(page - 1)),
        after: (page < pages).then(|| asked.at(page + 1)),
        rows,
        asked,
    }))
}

#[derive(Template)]
#[template(path = "compliance/rule.html")]
struct One {
    frame: Frame,
    tab: &'static str,
    id: String,
    message: Safe,
    description: Option<Safe>,
    link: Option<String>,
    kind: String,
    level: &'static str,
    action: Badge,
    mode: Badge,
    because: Option<Safe>,
    until: Option<String>,
    in_force: String,
    applies: Option<Safe>,
    owner: Option<String>,
    reference: Option<String>,
    family: Option<String>,
    public: bool,
    place: String,
    source: Option<Excerpt>,
    examples: Vec<ExampleSaid>,
    more_examples: usize,
    waivers: Vec<WaiverSaid>,
    words: Vec<WordSaid>,
    caught: Option<String>,
    chart: Option<Safe>,
    search: String,
    latest: Vec<Latest>,
    not_all: bool,
    shadow: Option<ShadowSaid>,
}

struct ExampleSaid {
    text: Safe,
    passes: bool,
}

struct WaiverSaid {
    text: Safe,
    reason: Safe,
    by: String,
    until: String,
    over: bool,
}

struct WordSaid {
    reason: Safe,
    by: String,
    on: String,
}

/// A generation in which the rule found something.
struct Latest {
    id: String,
    at: Safe,
    about: String,
    passed: bool,
    outcome: &'static str,
    shadow: bool,
    text: Option<Safe>,
    message: Option<Safe>,
}

pub(super) struct ShadowSaid {
    pub(super) rule: String,
    pub(super) path: String,
    pub(super) judged: String,
    pub(super) would_block: String,
    pub(super) would_send_back: String,
    pub(super) would_correct: String,
    pub(super) would_note: String,
    pub(super) share: String,
}

impl ShadowSaid {
    pub(super) fn of(rule: &str, counts: ShadowCounts) -> Self {
        let ShadowCounts { judged, would_block, would_send_back, would_correct, would_note } = counts;
        let [all, block, send_back, correct, note] =
            [judged, would_block, would_send_back, would_correct, would_note].map(say::number);
        Self {
            rule: rule.to_owned(),
            path: encoded(rule),
            judged: all,
            would_block: block,
            would_send_back: send_back,
            would_correct: correct,
            would_note: note,
            share: say::share(would_block + would_send_back + would_correct, judged),
        }
    }
}

async fn page(State(shared): State<Arc<Shared>>, reader: Reader, Path(id): Path<String>) -> Response {
    page_or(&reader, one(&shared, &reader, &id).await)
}

async fn one(shared: &Shared, reader: &Reader, id: &str) -> Result<Response, Failed> {
    let (policy, now) = (shared.desk.pin(), (shared.parts.now)());
    let guardrails = &policy.guardrails;
    let Some(rule) = guardrails.rule(id) else { return Err(missing(guardrails, id)) };
    let files = super::files_in_force(shared, Set::Guardrails, guardrails.hash().as_str()).await?;
    let source = files.get(rule.file()).and_then(|text| super::lines_of(text, rule.span()));
    let caught = super::caught(shared, now).await;
    let (latest, not_all) = latest(shared, reader, rule).await?;
    let waivers = guardrails.shown_waivers().filter(|waiver| waiver.rules.contains(&id));
    let shown: Vec<_> = rule.shown_examples().collect();
    let shadow = (rule.mode_at(now) == Enforcement::Shadow)
        .then(|| shared.parts.shadows.told().rules.get(id).copied().unwrap_or_default());
    let search = serde_urlencoded::to_string([("rule", id)]).unwrap_or_default();
    Ok(show(&One {
        frame: Frame::of(reader, Place::Compliance, format!("Rule {id}")),
        tab: "rules",
        id: id.to_owned(),
        message: super::message(rule.message()),
        description: rule.description().map(visible),
        // Only a web address becomes a link.
        link: rule.link().filter(|link| link.starts_with("https://")).map(str::to_owned),
        kind: word(&rule.kind()),
        level: super::level(rule.level()),
        action: super::action(rule.on_match()),
        mode: mode_now(rule, now),
        because: rule.because().map(visible),
        until: rule.overridden_before().map(|before| last_day(shared, before)),
        in_force: in_force(shared, rule),
        applies: rule.applies_to().as_deref().map(visible),
        owner: rule.owner().map(str::to_owned),
        reference: rule.reference().map(str::to_owned),
        family: rule.family().map(str::to_owned),
        public: rule.is_public(),
        place: format!("{}:{}", rule.file(), rule.span().start.line),
        source,
        examples: shown
            .iter()
            .take(MOST_EXAMPLES)
            .map(|example| ExampleSaid {
                text: visible(&say::cut(example.text, MOST_OF_EXAMPLE)),
                passes: example.passes,
            })
            .collect(),
        more_examples: shown.len().saturating_sub(MOST_EXAMPLES),
        waivers: waivers
            .map(|waiver| WaiverSaid {
                text: visible(&say::cut(waiver.text, MOST_OF_EXAMPLE)),
                reason: visible(waiver.reason),
                by: waiver.by.to_owned(),
                until: super::date(waiver.until),
                over: waiver.before <= now,
            })
            .collect(),
        words: words_about(guardrails, id),
        chart: by_day(shared, reader, id, now).await,
        caught: caught.map(|caught| say::counted(caught.get(id).copied().unwrap_or_default(), "generation")),
        search: format!("/console/generations?{search}"),
        latest,
        not_all,
        shadow: shadow.map(|counts| ShadowSaid::of(id, counts)),
    }))
}

/// In how many generations a rule found something, day by day; `None` where that cannot be read.
async fn by_day(shared: &Shared, reader: &Reader, id: &str, now: Timestamp) -> Option<Safe> {
    let today = now.to_zoned(reader.zone.clone()).date();
    let days: Vec<Date> = (0..DAYS).rev().map(|ago| today.saturating_sub(Span::new().days(ago))).collect();
    let begins = |day: Date| {
        let begins = day.to_zoned(reader.zone.clone()).ok().map(|zoned| zoned.timestamp());
        counts::hour(begins.unwrap_or(now))
    };
    let spans: Vec<(i64, i64)> =
        days.iter().map(|day| (begins(*day), begins(day.tomorrow().unwrap_or(*day)))).collect();
    let found = async { Counts::of(&shared.store).await?.of_one(What::Finding, id, &spans).await };
    let found =
        found.await.inspect_err(|error| tracing::warn!(%error, "a page cannot read what was counted"));
    let found = found.ok()?;
    let all: u64 = found.iter().sum();
    let chart = Chart {
        id: "found",
        title: "Generations a day in which it found something".to_owned(),
        told: format!("{} in 30 days.", say::counted(all, "generation")),
        empty: "It found nothing in 30 days.".to_owned(),
        of: "Day",
        columns: days.iter().map(|day| day.strftime("%-d %b").to_string()).collect(),
        series: vec![Series {
            name: "generations".to_owned(),
            values: found
                .into_iter()
                .map(|n| Some(f64::from(u32::try_from(n).unwrap_or(u32::MAX))))
                .collect(),
            drawn: true,
        }],
        write: |value| format!("{value:.0}"),
    };
    (all > 0).then(|| chart.bars())
}

fn words_about(guardrails: &Guardrails, id: &str) -> Vec<WordSaid> {
    let said = guardrails.shown_retirements().filter(|word| word.id == id);
    said.map(|word| WordSaid {
        reason: visible(word.reason),
        by: word.by.to_owned(),
        on: super::date(word.on),
    })
    .collect()
}

/// A rule that is not in force; of one that went it is said why.
fn missing(guardrails: &Guardrails, id: &str) -> Failed {
    let went = guardrails.shown_retirements().find(|word| word.id == id);
    let said = match went {
        Some(word) => format!(
            "The rule {id} is not in force any more since {}: {} ({})",
            super::date(word.on),
            word.reason,
            word.by
        ),
        None => format!("No rule in force is called {}.", say::cut(id, 200)),
    };
    Failed::Missing(said)
}

/// The latest generations in which a rule found something, with the place marked.
async fn latest(shared: &Shared, reader: &Reader, rule: &Rule) -> Result<(Vec<Latest>, bool), Failed> {
    let filter = Filter {
        rule: Some(rule.id().to_owned()),
        since: Some(super::days_before((shared.parts.now)(), DAYS)),
        ..Filter::default()
    };
    let found = search::generations(&shared.store, &filter, LATEST, None).await.map_err(unsearched)?;
    let mut all = Vec::new();
    let not_all = found.next_cursor.is_some() && found.items.len() < LATEST as usize;
    for record in found.items {
        let Some(generation) = search::generation(&shared.store, record.id).await? else { continue };
        let finding = findings(&generation).into_iter().find(|finding| finding.rule == rule.id());
        let Some(finding) = finding else { continue };
        let class = match finding.action.as_str() {
            "block" => "block",
            "repair" | "fix" => "repair",
            _ => "note",
        };
        let text = finding.around.as_ref().zip(finding.matched.as_ref()).map(|((before, after), matched)| {
            Safe(format!(
                "{}<mark class=\"{class}\">{}</mark>{}",
                visible(before),
                visible(matched),
                visible(after)
            ))
        });
        let about =
            [Some(record.placement.as_str()), record.product.as_deref(), Some(record.segment.as_str())];
        all.push(Latest {
            id: record.id.to_string(),
            at: say::when(record.finished, &reader.zone),
            about: about.into_iter().flatten().collect::<Vec<_>>().join(" · "),
            passed: record.outcome == crate::audit::Outcome::Passed,
            outcome: record.outcome.as_str(),
            shadow: finding.shadow,
            text: text.or_else(|| finding.matched.as_deref().map(visible)),
            message: finding.message.as_deref().map(visible),
        });
    }
    Ok((all, not_all))
}

/// A search that could not be made.
pub(super) fn unsearched(error: SearchError) -> Failed {
    match error {
        SearchError::Store(error) => error.into(),
        other => {
            tracing::error!(error = %other, "a page cannot search the log");
            Failed::NotNow("The log cannot be searched now.".to_owned())
        }
    }
}
