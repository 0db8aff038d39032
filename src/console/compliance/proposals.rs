//! Edits of the guardrails that wait for another person: what each changes, what its check and its backtest say, and the
//! decision.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::{Badge, Changes, FileDiff, answered, file_diffs, interrupted, marked};
use crate::app::Shared;
use crate::audit::desk::{DeskError, FILES, note, same};
use crate::audit::search;
use crate::console::page::{Failed, Frame, Place, page_or, show};
use crate::console::say::{self, Safe, visible};
use crate::console::session::{Form, Reader, Who};
use crate::policy::{Difference, Proposal};
use crate::replay::{self, Count, Report};
use crate::store::StoreError;
use crate::store::desk::{self, ApprovalRow, ProposalRow, ProposalState};

/// The most proposals that are listed.
const MOST: u32 = 50;
/// The most faults and rules of a check, and rules of a backtest, that are told.
const MOST_TOLD: usize = 50;
/// The most texts of examples that are looked up.
const MOST_TEXTS: usize = 20;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/console/compliance/proposals", get(list))
        .route("/console/compliance/proposals/{hash}", get(page).post(decide))
}

/// A proposal in a list.
pub(super) struct Waiting {
    pub(super) hash: String,
    pub(super) short: String,
    pub(super) by: String,
    pub(super) since: Safe,
    pub(super) state: Badge,
    pub(super) approvals: usize,
    pub(super) needs: usize,
    pub(super) from: Option<Safe>,
    pub(super) rollback: bool,
    pub(super) missed: u64,
    pub(super) would: String,
}

/// From when on it is in force, or was to be; `None` while that is not agreed, and once it is not to be.
fn agreed(proposal: &Proposal) -> Option<jiff::Timestamp> {
    proposal.from.filter(|_| matches!(proposal.state, ProposalState::Approved | ProposalState::InForce))
}

fn state(state: ProposalState) -> Badge {
    let (class, said) = match state {
        ProposalState::Open => ("repair", "waits for approval"),
        ProposalState::Approved => ("note", "waits for its day"),
        ProposalState::InForce => ("pass", "in force"),
        ProposalState::SentBack => ("block", "sent back"),
        ProposalState::Superseded => ("plain", "given up"),
    };
    Badge { class, said }
}

/// Who made a proposal, as people say it.
fn by(name: &str) -> String {
    if name == FILES { "an edit of the files".to_owned() } else { name.to_owned() }
}

fn in_a_row(proposal: Proposal, zone: &TimeZone) -> Waiting {
    let proposal = proposal.in_short();
    let report = &proposal.report;
    let backtest = report.get("backtest").filter(|backtest| !backtest.is_null());
    let texts = |backtest: &Value, name: &str| backtest.get(name)?.get("texts")?.as_u64();
    let would = match backtest {
        None if proposal.waits() => "being found out".to_owned(),
        None => String::new(),
        Some(backtest) if backtest.get("fault").is_some() => "cannot be found out".to_owned(),
        Some(backtest) => {
            let said = [("newly_blocked", "blocked"), ("newly_passed", "let pass"), ("changed", "changed")];
            let said: Vec<String> = said
                .into_iter()
                .filter_map(|(name, word)| Some((texts(backtest, name).filter(|n| *n > 0)?, word)))
                .map(|(n, word)| format!("{} {word}", say::counted(n, "text")))
                .collect();
            if said.is_empty() { "no text of the last 30 days".to_owned() } else { said.join(", ") }
        }
    };
    let missed = ["missed", "wrongly_caught"];
    Waiting {
        short: proposal.hash.chars().take(15).collect(),
        by: by(&proposal.by),
        since: say::when(proposal.since, zone),
        state: state(proposal.state),
        approvals: crate::audit::desk::persons(&proposal.approvals).len(),
        needs: proposal.needs,
        from: agreed(&proposal).map(|from| say::when(from, zone)),
        rollback: proposal.rollback,
        missed: missed.iter().filter_map(|name| report.get(*name)?.as_u64()).sum(),
        would,
        hash: proposal.hash,
    }
}

/// The proposals that wait.
pub(super) async fn waiting(shared: &Shared, reader: &Reader) -> Result<Vec<Waiting>, Failed> {
    let needs = shared.desk.settings().approvals;
    let all = Proposal::all(&shared.store, MOST, needs).await?;
    Ok(all.into_iter().filter(Proposal::waits).map(|proposal| in_a_row(proposal, &reader.zone)).collect())
}

#[derive(Template)]
#[template(path = "compliance/proposals.html")]
struct List {
    frame: Frame,
    tab: &'static str,
    approvals: usize,
    waiting: Vec<Waiting>,
}

async fn list(State(shared): State<Arc<Shared>>, reader: Reader) -> Response {
    let listed = async {
        let approvals = shared.desk.settings().approvals;
        let all = Proposal::all(&shared.store, MOST, approvals).await?;
        let waiting = all.into_iter().map(|proposal| in_a_row(proposal, &reader.zone)).collect();
        let frame = Frame::of(&reader, Place::Compliance, "Proposals");
        Ok(show(&List { frame, tab: "proposals", approvals, waiting }))
    };
    page_or(&reader, listed.await)
}

#[derive(Template)]
#[template(path = "compliance/proposal.html")]
struct One {
    frame: Frame,
    tab: &'static str,
    hash: String,
    id: Safe,
    by: String,
    since: Safe,
    state: Badge,
    rollback: Option<Safe>,
    waits: bool,
    /// Whether it is what is in force.
    stands: bool,
    approvals: Vec<ApprovalSaid>,
    needs: usize,
    lacks: usize,
    from: Option<Safe>,
    /// Why the reader may not approve it: a sentence.
    may_not: Option<String>,
    complies: bool,
    token: String,
    /// What approving it does: asked first.
    confirm: String,
    readable: bool,
    changes: Changes,
    in_short: String,
    check: CheckSaid,
    backtest: Backtest,
    diffs: Vec<FileDiff>,
}

struct ApprovalSaid {
    by: String,
    at: Safe,
    from: Option<Safe>,
    note: Option<Safe>,
}

struct CheckSaid {
    known: bool,
    cases: u64,
    faults: Vec<FaultSaid>,
    more_faults: usize,
    /// Rules that miss labelled copy or catch it wrongly.
    rules: Vec<RuleSaid>,
    rules_in_order: usize,
}

struct FaultSaid {
    class: &'static str,
    word: String,
    place: String,
    message: Safe,
    help: Option<Safe>,
}

struct RuleSaid {
    rule: String,
    caught: u64,
    missed: u64,
    wrongly: u64,
}

enum Backtest {
    /// It is being made.
    Waits,
    /// It is not made of what does not wait.
    Never,
    /// Why it cannot be made.
    Fault(String),
    Found(Box<Found>),
}

struct Found {
    of: String,
    incomplete: Option<Safe>,
    counts: Vec<CountSaid>,
    rules: Vec<RuleWould>,
    more: usize,
}

struct CountSaid {
    class: &'static str,
    said: &'static str,
    texts: String,
    serves: String,
    share: String,
}

struct RuleWould {
    rule: String,
    owner: Option<String>,
    said: String,
    examples: Vec<ExampleSaid>,
}

struct ExampleSaid {
    class: &'static str,
    said: &'static str,
    generation: Option<String>,
    text: Option<Safe>,
    about: String,
    serves: String,
}

/// What would become of texts: the badge and the words for each.
fn would(change: replay::Change) -> (&'static str, &'static str) {
    match change {
        replay::Change::NewlyBlocked => ("block", "would be blocked"),
        replay::Change::NewlyPassed => ("pass", "would pass"),
        replay::Change::Changed => ("repair", "would be changed"),
        replay::Change::WouldBeAsked => ("note", "a second model would be asked"),
    }
}

/// The proposal whose hash begins so.
async fn find(shared: &Shared, begins: &str) -> Result<ProposalRow, Failed> {
    let mut found = desk::beginning(&shared.store, begins).await?;
    match found.len() {
        0 | 1 => found.pop().ok_or_else(|| Failed::Missing("There is no such proposal.".to_owned())),
        _ => Err(Failed::Malformed("Several proposals begin so; write more of the hash.".to_owned())),
    }
}

async fn page(State(shared): State<Arc<Shared>>, reader: Reader, Path(begins): Path<String>) -> Response {
    page_or(&reader, one(&shared, &reader, &begins).await)
}

/// Whether somebody signs with a name: who decides must have one.
fn is_named(reader: &Reader) -> bool {
    match &reader.session.who {
        Who::Key(id) => reader.name != format!("key {id}"),
        Who::Person { .. } => true,
    }
}

pub(super) async fn one(shared: &Shared, reader: &Reader, begins: &str) -> Result<Response, Failed> {
    let row = find(shared, begins).await?;
    let (policy, settings) = (shared.desk.pin(), shared.desk.settings());
    let hash = row.hash.clone();
    let proposal = Proposal::of(&shared.store, row, settings.approvals).await?;
    let Difference { changes, changed, before, after } =
        Difference::of_proposal(&shared.store, &policy, settings, &hash).await?;
    let diffs =
        tokio::task::spawn_blocking(move || file_diffs(&before, &after)).await.map_err(interrupted)?;
    let zone = &reader.zone;
    let known = |rule: &str| policy.guardrails.rule(rule).is_some();
    let said = Changes::of(changes.as_deref().unwrap_or_default(), known);
    let persons = crate::audit::desk::persons(&proposal.approvals).len();
    let backtest = backtest(shared, &proposal, zone).await?;
    let waits = proposal.waits();
    let approvals = proposal.approvals.iter().map(|approval: &ApprovalRow| ApprovalSaid {
        by: approval.by.clone(),
        at: say::when(approval.at, zone),
        from: approval.since.map(|since| say::when(since, zone)),
        note: (!approval.note.is_empty()).then(|| visible(&approval.note)),
    });
    let may_not = if same(&proposal.by, &reader.name) {
        Some("You proposed this, so another person must approve it. You can send it back.".to_owned())
    } else if !is_named(reader) {
        Some("Your key has no name, and who decides must have one: records say who it was.".to_owned())
    } else {
        None
    };
    let lacks = proposal.needs.saturating_sub(persons);
    let already = proposal.approvals.iter().any(|approval| same(&approval.by, &reader.name));
    let confirm = match (lacks, already) {
        (0, _) | (1, true) => "Approve it again?".to_owned(),
        (1, false) => format!("Put these rules in force? {}.", said.in_short()),
        (lacks, _) => format!("Approve this? It needs {} more after you.", lacks - 1),
    };
    Ok(show(&One {
        frame: Frame::of(reader, Place::Compliance, "Proposal"),
        tab: "proposals",
        id: say::id(&hash),
        by: by(&proposal.by),
        since: say::when(proposal.since, zone),
        state: state(proposal.state),
        rollback: proposal
            .rollback
            .then(|| visible(proposal.report.get("reason").and_then(Value::as_str).unwrap_or_default())),
        waits,
        stands: proposal.state == ProposalState::InForce && changed.is_empty(),
        approvals: approvals.collect(),
        needs: proposal.needs,
        lacks,
        from: agreed(&proposal).map(|from| say::when(from, zone)),
        may_not,
        complies: reader.complies(),
        token: reader.token.clone(),
        confirm,
        readable: changes.is_some(),
        in_short: said.in_short(),
        changes: said,
        check: check(&proposal.report),
        backtest,
        diffs,
        hash,
    }))
}

/// What `check` found of a proposal.
fn check(report: &Value) -> CheckSaid {
    let array =
        |name: &str| report.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |value: &Value, name: &str| value.get(name).and_then(Value::as_u64).unwrap_or_default();
    let faults = array("diagnostics");
    let fault = |value: &Value| {
        let severity = text(value, "severity");
        FaultSaid {
            class: if severity == "error" { "block" } else { "repair" },
            word: if severity.is_empty() { "warning".to_owned() } else { severity },
            place: format!("{}:{}:{}", text(value, "file"), number(value, "line"), number(value, "column")),
            message: super::sentence(&text(value, "message")),
            help: value.get("help").and_then(Value::as_str).map(super::sentence),
        }
    };
    let rule = |value: &Value| RuleSaid {
        rule: text(value, "rule"),
        caught: number(value, "caught"),
        missed: number(value, "missed"),
        wrongly: number(value, "wrongly_caught"),
    };
    let rules: Vec<RuleSaid> = array("rules").iter().map(rule).collect();
    let all = rules.len();
    let amiss: Vec<RuleSaid> =
        rules.into_iter().filter(|rule| rule.missed + rule.wrongly > 0).take(MOST_TOLD).collect();
    CheckSaid {
        known: report.get("rules").is_some(),
        cases: number(report, "cases"),
        faults: faults.iter().take(MOST_TOLD).map(fault).collect(),
        more_faults: faults.len().saturating_sub(MOST_TOLD),
        rules_in_order: all - amiss.len(),
        rules: amiss,
    }
}

/// What the backtest found, with the texts of its examples as the log has them.
async fn backtest(shared: &Shared, proposal: &Proposal, zone: &TimeZone) -> Result<Backtest, Failed> {
    let Some(value) = proposal.report.get("backtest").filter(|value| !value.is_null()) else {
        return Ok(if proposal.waits() { Backtest::Waits } else { Backtest::Never });
    };
    if let Some(fault) = value.get("fault").and_then(Value::as_str) {
        return Ok(Backtest::Fault(fault.to_owned()));
    }
    let report: Report = match serde_json::from_value(value.clone()) {
        Ok(report) => report,
        Err(_) => return Ok(Backtest::Fault("it was made by another version".to_owned())),
    };
    let count = |change: replay::Change, count: Count| {
        let (class, said) = would(change);
        CountSaid {
            class,
            said,
            texts: say::number(count.texts),
            serves: say::number(count.serves),
            share: say::share(count.serves, report.serves),
        }
    };
    let counts = vec![
        count(replay::Change::NewlyBlocked, report.changes.newly_blocked),
        count(replay::Change::NewlyPassed, report.changes.newly_passed),
        count(replay::Change::Changed, report.changes.changed),
        count(replay::Change::WouldBeAsked, report.changes.would_be_asked),
    ];
    let mut texts = 0;
    let mut rules = Vec::new();
    for rule in report.rules.iter().take(MOST_TOLD) {
        let mut examples = Vec::new();
        for example in &rule.examples {
            let text = match &example.generation {
                Some(id) if texts < MOST_TEXTS => {
                    texts += 1;
                    text_of(shared, id, (example.start, example.end)).await?
                }
                _ => None,
            };
            let (class, said) = would(example.change);
            let about = [example.placement.as_deref(), example.product.as_deref()];
            examples.push(ExampleSaid {
                class,
                said,
                generation: example.generation.clone(),
                text,
                about: about.into_iter().flatten().collect::<Vec<_>>().join(" · "),
                serves: say::counted(example.serves, "serve"),
            });
        }
        let changes = rule.changes;
        let said = [
            (changes.newly_blocked, "blocked"),
            (changes.newly_passed, "let pass"),
            (changes.changed, "changed"),
            (changes.would_be_asked, "asked about"),
        ];
        let said: Vec<String> = said
            .into_iter()
            .filter(|(count, _)| count.texts > 0)
            .map(|(count, word)| {
                let (texts, serves) =
                    (say::counted(count.texts, "text"), say::counted(count.serves, "serve"));
                format!("{texts} {word} ({serves})")
            })
            .collect();
        let (rule, owner) = (rule.rule.clone(), rule.owner.clone());
        rules.push(RuleWould { rule, owner, said: said.join(", "), examples });
    }
    Ok(Backtest::Found(Box::new(Found {
        of: format!(
            "{} and {} since {}",
            say::counted(report.texts(), "text"),
            say::counted(report.serves, "serve"),
            report.since.map_or_else(String::new, |since| say::day(since, zone).0)
        ),
        incomplete: report.back_to.filter(|_| !report.complete).map(|back| say::when(back, zone)),
        counts,
        more: report.rules.len().saturating_sub(MOST_TOLD),
        rules,
    })))
}

/// What a generation wrote, around what a rule would find.
async fn text_of(shared: &Shared, id: &str, at: (usize, usize)) -> Result<Option<Safe>, Failed> {
    let Ok(id) = id.parse::<Uuid>() else { return Ok(None) };
    let found = search::generation(&shared.store, id).await?;
    let text = found.and_then(|generation| {
        let last = generation.whole_texts().next_back().map(str::to_owned);
        generation.payload.as_ref().and_then(|payload| payload.text.clone()).or(last)
    });
    // Where the finding stands was told of a text cut around it: it is marked where that is the whole.
    Ok(text.map(|text| {
        let length = text.chars().count();
        match length <= 120 && at.1 <= length {
            true => marked(&text, at.0, at.1, "block"),
            false => visible(&say::cut(&text, 400)),
        }
    }))
}

#[derive(Deserialize)]
struct Decision {
    action: Action,
    #[serde(default)]
    from: String,
    #[serde(default)]
    note: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    Approve,
    SendBack,
}

async fn decide(
    State(shared): State<Arc<Shared>>,
    Path(begins): Path<String>,
    Form(reader, decision): Form<Decision>,
) -> Response {
    page_or(&reader, decided(&shared, &reader, &begins, decision).await)
}

async fn decided(
    shared: &Arc<Shared>,
    reader: &Reader,
    begins: &str,
    Decision { action, from, note: said }: Decision,
) -> Result<Response, Failed> {
    reader.must_comply()?;
    if !is_named(reader) {
        return Err(Failed::NotNow("Your key has no name, and who decides must have one.".to_owned()));
    }
    let hash = find(shared, begins).await?.hash;
    let said = note(&said).map_err(|wrong| Failed::Malformed(format!("The note: {wrong}.")))?;
    let from = from.trim().to_owned();
    let since = (!from.is_empty()).then(|| shared.day_begins(&from)).transpose();
    let since = since.map_err(|_| Failed::Malformed("The day: write one such as 2026-12-01.".to_owned()))?;
    let (work, of, by) = (Arc::clone(shared), hash.clone(), reader.name.clone());
    // Whoever asked may hang up: what has begun is finished all the same.
    let done = match action {
        Action::Approve => {
            let approval = ApprovalRow { by, at: (shared.parts.now)(), since, note: said };
            let done = tokio::spawn(async move { work.approve_proposal(&of, approval).await });
            match done.await.map_err(interrupted)?.map_err(failed)? {
                None => "Approved. It still needs another person.".to_owned(),
                Some(due) if due > (shared.parts.now)() => {
                    format!("Approved. It comes into force on {}.", super::first_day(shared, due))
                }
                Some(_) => "Approved, and in force.".to_owned(),
            }
        }
        Action::SendBack if said.is_empty() => {
            return Err(Failed::Malformed("Say why it goes back, in a sentence.".to_owned()));
        }
        Action::SendBack => {
            let done = tokio::spawn(async move { work.send_proposal_back(&of, (&by, &said)).await });
            done.await.map_err(interrupted)?.map_err(failed)?;
            "Sent back. It does not come into force.".to_owned()
        }
    };
    let to = format!("/console/compliance/proposals/{hash}");
    Ok(answered(reader, one(shared, reader, &hash).await?, &done, None, &to))
}

fn failed(error: DeskError) -> Failed {
    match error {
        DeskError::Unknown => Failed::Missing("There is no such proposal.".to_owned()),
        DeskError::Closed(_) | DeskError::Own(_) => {
            let said = error.to_string();
            let mut letters = said.chars();
            let first = letters.next().map(|first| first.to_uppercase().collect::<String>());
            Failed::NotNow(format!("{}{}.", first.unwrap_or_default(), letters.as_str()))
        }
        DeskError::Store(error) => StoreError::into(error),
    }
}
