//! The approval queue: one decision after another; and the second looks at some of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::compare::changes;
use super::copy::{MarkedCopy, Note, Vouch, value_said};
use super::page::{Failed, Frame, Place, done, led, page_or, show};
use super::say::{self, Safe};
use super::session::{Form, Reader};
use crate::app::Shared;
use crate::audit::search::Generation;
use crate::audit::waiting::{self, Assignment, DRAWN_OF, Filter, Group};
use crate::audit::{Decision, Holding, ReviewAction, desk};
use crate::pipeline::{self, Now, ReviewError};
use crate::replay::{Told, vouched};
use crate::store::keys::Role;

/// How many groups of equal texts the list shows.
const LISTED: u32 = 25;
/// How many approvals that wait for a second look the list shows.
const LOOKS: u32 = 25;
/// For how long an approval may still be looked at a second time.
pub(super) const LOOKED_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How many facts stand beside a text.
const FACTS: usize = 40;
/// The most characters of a fact that are shown.
const LONGEST_FACT: usize = 240;
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/console/approvals", get(page))
        .route("/console/approvals/decide", post(decide))
        .route("/console/approvals/look", post(look))
        .route("/console/approvals/undo/{id}", post(undo))
        .route("/console/approvals/assign", post(assign))
}

/// What the address asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Ask {
    /// Which tab: empty, `looks`, `reviewers`.
    #[serde(skip_serializing_if = "String::is_empty")]
    tab: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    placement: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    locale: String,
    /// Whose: empty, those of the reader and of nobody; `all`.
    #[serde(skip_serializing_if = "String::is_empty")]
    whose: String,
    /// `with`, `without`.
    #[serde(skip_serializing_if = "String::is_empty")]
    findings: String,
    /// `held`: those that could not be shown now.
    #[serde(skip_serializing_if = "String::is_empty")]
    show: String,
    /// The text that is open.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "id_or_none")]
    at: Option<Uuid>,
}

/// An id, unless it is none.
fn id_or_none<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Uuid>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.and_then(|id| id.parse().ok()))
}

impl Ask {
    /// What an address asked for, by its query; whatever it holds beside.
    pub(super) fn of_query(query: &str) -> Self {
        serde_urlencoded::from_str(query).unwrap_or_default()
    }

    fn filter(&self, reader: &Reader) -> Filter {
        let given = |value: &String| Some(value.clone()).filter(|value| !value.is_empty());
        Filter {
            placement: given(&self.placement),
            locale: given(&self.locale),
            findings: match self.findings.as_str() {
                "with" => Some(true),
                "without" => Some(false),
                _ => None,
            },
            held: self.show == "held",
            reviewer: (self.whose != "all").then(|| reader.name.clone()),
        }
    }

    /// The same without a text that is open, as the query of an address.
    fn back(&self) -> String {
        serde_urlencoded::to_string(Self { at: None, ..self.clone() }).unwrap_or_default()
    }

    /// The address of this page with a text open.
    fn address(&self, at: Option<Uuid>) -> String {
        let query = serde_urlencoded::to_string(Self { at, ..self.clone() }).unwrap_or_default();
        if query.is_empty() { "/console/approvals".to_owned() } else { format!("/console/approvals?{query}") }
    }
}

#[derive(Template)]
#[template(path = "approvals.html")]
struct Approvals {
    frame: Frame,
    queue: Safe,
}

/// All of the page but its frame: what a decision puts in place.
#[derive(Template)]
#[template(path = "approvals_queue.html")]
struct Queue {
    ask: Ask,
    back: String,
    tabs: Vec<Tab>,
    /// `38 decided today, 412 wait`.
    decided: u64,
    waiting: u64,
    rows: Vec<Row>,
    more: u64,
    held: u64,
    empty: &'static str,
    placements: Vec<String>,
    locales: Vec<String>,
    assignments: Vec<(Assignment, Safe)>,
    reviewers: Vec<String>,
    token: String,
    item: Safe,
}

struct Tab {
    name: &'static str,
    address: String,
    count: Option<String>,
    current: bool,
}

/// A line of the list.
struct Row {
    address: String,
    text: String,
    placement: String,
    locale: String,
    said: String,
    badge: Option<(&'static str, String)>,
    selected: bool,
    holder: Option<String>,
}

/// The text that is open.
#[derive(Template)]
#[template(path = "approvals_item.html")]
struct Item {
    id: Uuid,
    back: String,
    token: String,
    /// Whether the keyboard goes here.
    focus: bool,
    may: bool,
    shows_inputs: bool,
    copy: Safe,
    characters: u64,
    locale: String,
    placement: String,
    segment: String,
    template: String,
    product: Option<String>,
    product_name: Option<String>,
    since: Safe,
    waited: u64,
    questions: u64,
    held: Option<String>,
    look: Notes,
    facts: Vec<(String, String)>,
    before: Option<Before>,
    holder: Option<String>,
    second: Option<Looked>,
    edited: Option<String>,
    link: String,
    edit: String,
}

/// What stands beside a text: what rules found in it, and what vouches for it.
pub(super) struct Notes {
    pub(super) notes: Vec<Note>,
    pub(super) vouches: Vec<Vouch>,
    pub(super) grounds: Vec<String>,
}

/// What a second look is at.
struct Looked {
    by: String,
    at: Safe,
    edited: bool,
}

/// The last text that was approved before.
struct Before {
    id: Uuid,
    same_product: bool,
    difference: Safe,
    equal: bool,
}

fn bounded(text: &str) -> String {
    let mut chars = text.chars();
    let begins: String = chars.by_ref().take(LONGEST_FACT).collect();
    if chars.next().is_some() { format!("{begins}…") } else { begins }
}

/// Facts, each by its path.
fn facts(map: &Map<String, Value>) -> Vec<(String, String)> {
    fn add(path: &str, map: &Map<String, Value>, facts: &mut Vec<(String, String)>) {
        for (name, value) in map {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            match value {
                Value::Object(map) => add(&path, map, facts),
                Value::Null => {}
                _ if facts.len() >= FACTS => return,
                value => facts.push((path, value_said(value))),
            }
        }
    }
    let mut facts = Vec::new();
    add("", map, &mut facts);
    facts
}

/// Which texts somebody decides on together: what is held is known by this.
fn held_as(text: &str, placement: &str, locale: &str) -> String {
    format!("{text} {placement} {locale}")
}

fn of_group(group: &Group) -> String {
    held_as(&group.text, &group.placement, &group.locale)
}

/// Which text of this list a reader gets next, who holds it from here on: from this place on, and then from the beginning, the
/// first that still waits and that nobody else looks at.
async fn next(
    shared: &Shared,
    reader: &Reader,
    groups: &[Group],
    (from, but): (usize, Option<&str>),
) -> Result<Option<Uuid>, Failed> {
    let now = (shared.parts.now)();
    let (before, behind) = groups.split_at(from.min(groups.len()));
    for group in behind.iter().chain(before) {
        let key = of_group(group);
        let is_free = but != Some(key.as_str()) && shared.holding.take(&key, reader, now).is_none();
        // Whoever held it may have decided on it a moment ago.
        if is_free && waiting::one(&shared.store, group.first).await?.is_some() {
            return Ok(Some(group.first));
        }
    }
    Ok(None)
}

async fn page(
    State(shared): State<Arc<Shared>>,
    reader: Reader,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let ask = Ask::of_query(&query.unwrap_or_default());
    let made = async {
        if reader.part && headers.get("hx-target").is_some_and(|target| target == "item") {
            let item = item(&shared, &reader, &ask, ask.at, false).await?;
            return Ok(axum::response::Html(item.0).into_response());
        }
        let queue = queue(&shared, &reader, &ask, None).await?;
        if reader.part {
            return Ok(axum::response::Html(queue.0.0).into_response());
        }
        let frame = Frame::of(&reader, Place::Approvals, "Approval queue");
        Ok(show(&Approvals { frame, queue: queue.0 }))
    };
    page_or(&reader, made.await)
}

/// How many of [`DRAWN_OF`] approvals a second person looks at, as the settings say.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share is from 0 to 1")]
pub(super) fn share(shared: &Shared) -> u32 {
    (shared.console.second_looks.clamp(0.0, 1.0) * f64::from(DRAWN_OF)).round() as u32
}

/// The part of the page that decisions change, and which text is open in it.
async fn queue(
    shared: &Arc<Shared>,
    reader: &Reader,
    ask: &Ask,
    open: Option<Option<Uuid>>,
) -> Result<(Safe, Option<Uuid>), Failed> {
    let (store, now) = (&shared.store, (shared.parts.now)());
    let filter = ask.filter(reader);
    let today = now.to_zoned(reader.zone.clone()).start_of_day().map_or(now, |day| day.timestamp());
    let since = now.saturating_sub(LOOKED_FOR).unwrap_or(now);
    let decided = waiting::decided_by(store, &reader.name, today).await?;
    let looking = ask.tab == "looks";
    let most = if looking { LOOKS } else { 0 };
    let placement = filter.placement.as_deref();
    let (looks, open_looks) =
        waiting::second_looks(store, &reader.name, share(shared), since, placement, most).await?;
    let (waiting_groups, waiting_texts) =
        waiting::count(store, &Filter { held: false, ..filter.clone() }).await?;
    let (held_groups, _) = waiting::count(store, &Filter { held: true, ..filter.clone() }).await?;
    let mut rows = Vec::new();
    let (mut at, mut more) = (None, 0);
    match ask.tab.as_str() {
        "reviewers" => {}
        "looks" => {
            let first = looks.first().map(|look| look.generation);
            at = open.unwrap_or(ask.at).or(first);
            let ids: Vec<Uuid> = looks.iter().map(|look| look.generation).collect();
            let texts = waiting::texts(store, &ids).await?;
            more = open_looks.saturating_sub(u64::try_from(looks.len()).unwrap_or(0));
            rows.extend(looks.iter().map(|look| Row {
                address: ask.address(Some(look.generation)),
                text: texts.get(&look.generation).map(|text| bounded(text)).unwrap_or_default(),
                placement: look.placement.clone(),
                locale: String::new(),
                said: format!("approved by {} {}", look.by, say::ago(look.at, now)),
                badge: look.edited.then(|| ("note", "edited".to_owned())),
                selected: at == Some(look.generation),
                holder: None,
            }));
        }
        _ => {
            let groups = waiting::groups(store, &filter, LISTED).await?;
            at = open.unwrap_or(ask.at);
            if at.is_none() {
                at = next(shared, reader, &groups, (0, None)).await?;
            }
            let ids: Vec<Uuid> = groups.iter().map(|group| group.first).collect();
            let texts = waiting::texts(store, &ids).await?;
            let opened = match at {
                Some(id) => waiting::one(store, id).await?,
                None => None,
            };
            let opened = opened.map(|one| held_as(&one.text, &one.placement, &one.locale));
            let shown = u64::try_from(groups.len()).unwrap_or(0);
            more = if filter.held { held_groups } else { waiting_groups }.saturating_sub(shown);
            rows.extend(groups.iter().map(|group| {
                let key = of_group(group);
                Row {
                    address: ask.address(Some(group.first)),
                    text: texts.get(&group.first).map(|text| bounded(text)).unwrap_or_default(),
                    placement: group.placement.clone(),
                    locale: group.locale.clone(),
                    said: waited_said(group, now),
                    badge: match (group.held.is_empty(), group.findings) {
                        (false, _) => Some(("block", "held back".to_owned())),
                        (true, 0) => None,
                        (true, count) => Some(("note", say::counted(count, "finding"))),
                    },
                    selected: opened.as_deref() == Some(key.as_str()),
                    holder: shared.holding.holder(&key, reader, now),
                }
            }));
        }
    }
    let item = match ask.tab.as_str() {
        "reviewers" => Safe::default(),
        _ => item(shared, reader, ask, at, open.is_some()).await?,
    };
    let places = waiting::places(store).await?;
    let mut placements: Vec<String> = places.iter().map(|(placement, _)| placement.clone()).collect();
    let mut locales: Vec<String> = places.into_iter().map(|(_, locale)| locale).collect();
    placements.extend(Some(ask.placement.clone()).filter(|placement| !placement.is_empty()));
    locales.extend(Some(ask.locale.clone()).filter(|locale| !locale.is_empty()));
    let (mut assignments, mut reviewers) = (Vec::new(), Vec::new());
    if ask.tab == "reviewers" {
        for assignment in waiting::assignments(store).await? {
            placements.push(assignment.placement.clone());
            let at = say::when(assignment.at, &reader.zone);
            assignments.push((assignment, at));
        }
        let policy = shared.desk.pin();
        placements.extend(policy.copy.prompts.placements().map(|placement| placement.id.to_string()));
        reviewers = reviewers_of(shared, now).await?;
    }
    for list in [&mut placements, &mut locales] {
        list.sort_unstable();
        list.dedup();
    }
    let tab =
        |tab: &str| Ask { tab: tab.to_owned(), at: None, show: String::new(), ..ask.clone() }.address(None);
    let tabs = vec![
        Tab {
            name: "Waiting",
            address: tab(""),
            count: Some(say::number(waiting_texts)),
            current: !looking && ask.tab != "reviewers",
        },
        Tab {
            name: "Second looks",
            address: tab("looks"),
            count: Some(say::number(open_looks)),
            current: looking,
        },
        Tab { name: "Reviewers", address: tab("reviewers"), count: None, current: ask.tab == "reviewers" },
    ];
    let empty = match (ask.tab.as_str(), filter.held) {
        ("looks", _) => {
            "Nothing waits for a second look. A share of approvals comes here, and every text that a person edited, for somebody else to look at."
        }
        (_, true) => "No text that waits is held back by the rules or stops in force.",
        _ => {
            "Nothing waits. Texts come here where a placement's file says `approval: true`: each one before its first serve."
        }
    };
    let view = Queue {
        back: ask.back(),
        tabs,
        decided,
        waiting: waiting_texts,
        rows,
        more,
        held: held_groups,
        empty,
        placements,
        locales,
        assignments,
        reviewers,
        token: reader.token.clone(),
        item,
        ask: ask.clone(),
    };
    let html = view.render().map_err(|error| {
        tracing::error!(%error, "the approval queue cannot be written");
        Failed::Store
    })?;
    Ok((Safe(html), at))
}

fn waited_said(group: &Group, now: Timestamp) -> String {
    let waited = match group.waited {
        0 => "no page yet".to_owned(),
        count => say::counted(count, "page"),
    };
    let since = say::ago(group.since, now);
    match group.questions {
        1 => format!("{waited}, written {since}"),
        many => format!("{waited}, {} questions, written {since}", say::number(many)),
    }
}

/// Whoever may be assigned to texts: those whose keys may decide on them, and those who did of late.
async fn reviewers_of(shared: &Shared, now: Timestamp) -> Result<Vec<String>, Failed> {
    let since = now.saturating_sub(LOOKED_FOR).unwrap_or(now);
    let mut names = waiting::deciders(&shared.store, since).await?;
    let keys = shared.keys.load();
    let may = keys.values().filter(|row| row.holds(now) && row.role.allows(Role::Review));
    names.extend(may.map(crate::http::auth::signs_as));
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// The text that is open, for whoever reads it, who holds it from here on.
async fn item(
    shared: &Arc<Shared>,
    reader: &Reader,
    ask: &Ask,
    at: Option<Uuid>,
    focus: bool,
) -> Result<Safe, Failed> {
    let Some(id) = at else { return Ok(Safe::default()) };
    let now = (shared.parts.now)();
    let Some(generation) = shared.parts.reviews.generation(id).await? else {
        return Err(Failed::Missing(format!("The log holds no generation {id}.")));
    };
    let policy = shared.desk.pin();
    let place = shared.judging.enter();
    let permit = match place {
        Some(place) => Some(place.wait().await),
        None => return Err(Failed::NotNow("Too many texts wait to be judged.".to_owned())),
    };
    let stands = pipeline::now_of(&shared.parts, &policy, &generation).await?;
    drop(permit);
    let Some(stands) = stands else {
        return Err(Failed::NotNow("The text of this generation was erased.".to_owned()));
    };
    let looking = ask.tab == "looks";
    let waits = if looking { None } else { waiting::one(&shared.store, id).await? };
    let (mut questions, mut waited, mut holder, mut held) = (1, 0, None, stands.held.clone());
    if let Some(one) = &waits {
        let members = waiting::together_with(&shared.store, one).await?;
        questions = u64::try_from(members.len()).unwrap_or(0);
        waited = members.iter().map(|member| member.waited).sum();
        let key = held_as(&one.text, &one.placement, &one.locale);
        holder = shared.holding.take(&key, reader, now);
        if held.is_none() && !one.held.is_empty() {
            // What no rule says: a newer text that was approved for the same question.
            held = Some(one.held.clone());
        }
    }
    let view = view(shared, reader, (ask, &generation, &stands), focus).await?;
    let view =
        Item { questions, waited, holder, held, may: view.may && (looking || waits.is_some()), ..view };
    let html = view.render().map_err(|error| {
        tracing::error!(%error, "a text that waits cannot be written");
        Failed::Store
    })?;
    let note = match (&waits, generation.decided(), looking) {
        (None, Some((_, decision)), false) => decided_note(&generation, decision),
        _ => String::new(),
    };
    Ok(Safe(note + &html))
}

/// Says that somebody decided on a text already.
fn decided_note(generation: &Generation, decision: Decision) -> String {
    let by = generation.reviews.iter().rev().find(|review| review.record.action.decision().is_some());
    let by = by.map_or_else(|| "Somebody".to_owned(), |review| review.record.by.clone());
    let did = match decision {
        Decision::Approved => "approved",
        Decision::Rejected => "rejected",
        Decision::Undecided => return String::new(),
    };
    format!("<p class=\"note\">{} {did} this text. It waits no longer.</p>", say::escape(&by))
}

async fn view(
    shared: &Shared,
    reader: &Reader,
    (ask, generation, stands): (&Ask, &Generation, &Now),
    focus: bool,
) -> Result<Item, Failed> {
    let (id, record) = (generation.record.id, &generation.record);
    let mut before = None;
    if let Some(last) = waiting::approved_before(&shared.store, record).await?
        && let Some(last) = shared.parts.reviews.generation(last).await?
        && let Some(text) = last.payload.as_ref().and_then(|payload| payload.text.clone())
    {
        let now = stands.text.clone();
        let equal = text == now;
        let difference = tokio::task::spawn_blocking(move || changes(&text, &now)).await;
        let same_product = last.record.product == record.product;
        let difference = difference.map_err(|_| Failed::Store)?;
        before = Some(Before { id: last.record.id, same_product, difference, equal });
    }
    let inputs = generation.payload.as_ref().and_then(|payload| payload.inputs.get("product"));
    let product = inputs.and_then(Value::as_object);
    let name = product.and_then(|product| product.get("name")).and_then(Value::as_str).map(bounded);
    let second = (ask.tab == "looks").then(|| {
        let approved =
            generation.reviews.iter().rev().find(|review| review.record.action == ReviewAction::Approve);
        approved.map(|review| Looked {
            by: review.record.by.clone(),
            at: say::when(review.record.at, &reader.zone),
            edited: record.edited.is_some(),
        })
    });
    let notes = Note::all_judged(stands.findings());
    let policy = shared.desk.pin();
    let told = Told { text: &stands.text, generation: Some(generation), serve: None };
    let vouched = vouched(&shared.store, &shared.editions, &policy, &shared.judging, told).await?;
    let back = ask.back();
    let next = ask.address(None);
    let next = serde_urlencoded::to_string([("next", next)]).unwrap_or_default();
    Ok(Item {
        id,
        back,
        token: reader.token.clone(),
        focus,
        may: reader.reviews(),
        shows_inputs: reader.reviews(),
        copy: MarkedCopy::of(&stands.text, &record.locale, &notes, &vouched.supported).html(),
        characters: u64::try_from(stands.text.chars().count()).unwrap_or(0),
        locale: record.locale.clone(),
        placement: record.placement.to_string(),
        segment: record.segment.to_string(),
        template: record.template.to_string(),
        product: record.product.clone(),
        product_name: name,
        since: say::when(record.finished, &reader.zone),
        waited: 0,
        questions: 1,
        held: None,
        look: Notes {
            notes,
            vouches: vouched.supported.iter().map(Vouch::of).collect(),
            grounds: Vec::new(),
        },
        facts: product.filter(|_| reader.reviews()).map(facts).unwrap_or_default(),
        before,
        holder: None,
        second: second.flatten(),
        edited: record.edited.as_ref().map(|edited| edited.by.clone()),
        link: format!("/console/generations/{id}"),
        edit: format!("/console/generations/{id}/edit?{next}"),
    })
}

/// A decision, as its form says it.
#[derive(Debug, Deserialize)]
struct Decided {
    id: Uuid,
    action: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    back: String,
}

/// A note as it is kept.
pub(super) fn note(note: &str) -> Result<Option<String>, Failed> {
    let note =
        crate::audit::desk::note(note).map_err(|why| Failed::Malformed(format!("The note: {why}.")))?;
    Ok(Some(note).filter(|note| !note.is_empty()))
}

/// Why a review was not taken.
pub(super) fn unreviewed(error: ReviewError) -> Failed {
    match error {
        ReviewError::Unknown(_) => Failed::Missing(format!("{}.", capital(&error.to_string()))),
        ReviewError::Unreadable(error) => error.into(),
        ReviewError::Unwritable(error) => {
            tracing::error!(%error, "a review could not be recorded and has no effect");
            Failed::Store
        }
        error => Failed::NotNow(format!("{}.", capital(&error.to_string()))),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().collect::<String>() + chars.as_str()).unwrap_or_default()
}

async fn decide(State(shared): State<Arc<Shared>>, Form(reader, sent): Form<Decided>) -> Response {
    // Whoever sent it may be gone before the end: what has begun is finished all the same.
    let seen = reader.clone();
    let decided = tokio::spawn(async move { decided(&shared, &reader, &sent).await });
    page_or(&seen, decided.await.unwrap_or(Err(Failed::Store)))
}

async fn decided(shared: &Arc<Shared>, reader: &Reader, sent: &Decided) -> Result<Response, Failed> {
    reader.must_review()?;
    let (ask, note) = (Ask::of_query(&sent.back), note(&sent.note)?);
    let action = match sent.action.as_str() {
        "approve" => ReviewAction::Approve,
        "reject" => ReviewAction::Reject,
        "flag" => ReviewAction::Flag,
        _ => return Err(Failed::Malformed("This is no decision on a text.".to_owned())),
    };
    let groups = waiting::groups(&shared.store, &ask.filter(reader), LISTED).await?;
    let Some(one) = waiting::one(&shared.store, sent.id).await? else {
        let said = "Somebody else decided on this text meanwhile. Nothing was changed.";
        return shown(shared, reader, &ask, None, said, None).await;
    };
    let key = held_as(&one.text, &one.placement, &one.locale);
    let place = groups.iter().position(|group| of_group(group) == key).unwrap_or(0);
    let together: Vec<Uuid> =
        waiting::together_with(&shared.store, &one).await?.into_iter().map(|one| one.generation).collect();
    let (parts, by) = (&shared.parts, reader.name.clone());
    let (said, of) = match action {
        ReviewAction::Approve => {
            let policy = shared.desk.pin();
            let approved = pipeline::approve_together(parts, &policy, sent.id, &together, (note, by)).await;
            let approved = approved.map_err(unreviewed)?;
            let count = u64::try_from(approved.approved.len()).unwrap_or(0);
            let left = u64::try_from(approved.left_out.len()).unwrap_or(0);
            let mut said = match count {
                0 => "Somebody else decided on this text meanwhile.".to_owned(),
                1 => "Approved.".to_owned(),
                many => format!("Approved for {} questions.", say::number(many)),
            };
            if left > 0 {
                said += &format!(
                    " {} with the same words, in which rules find something, by itself.",
                    waits_on(left)
                );
            }
            if let Some(warning) = approved.warning {
                said += &format!(" It is not shown: {warning}");
            }
            (said, approved.approved)
        }
        ReviewAction::Reject => {
            let (mut rejected, mut why) = (Vec::new(), BTreeMap::new());
            for id in &together {
                let review = (ReviewAction::Reject, note.clone());
                match pipeline::review(parts, *id, review, by.clone()).await.map_err(unreviewed) {
                    Ok(_) => rejected.push(*id),
                    Err(failed) if together.len() == 1 => return Err(failed),
                    Err(failed) => *why.entry(failed.said()).or_insert(0) += 1,
                }
            }
            let said = match (rejected.len(), together.len()) {
                (0, _) => return Err(Failed::NotNow(reasons(&why))),
                (1, 1) => "Rejected. It does not come back for its question.".to_owned(),
                (done, all) if done == all => format!("Rejected for {all} questions."),
                (done, all) => {
                    format!("Rejected for {done} of {all} questions; not for the others: {}", reasons(&why))
                }
            };
            (said, rejected)
        }
        action => {
            let reviewed = pipeline::review(parts, sent.id, (action, note), by).await;
            reviewed.map_err(unreviewed)?;
            ("Flagged. It waits on.".to_owned(), vec![sent.id])
        }
    };
    let undo = (!of.is_empty()).then(|| undo_address(shared, reader, &ask, of));
    // What was decided on is gone from the list, and the next stands in its place.
    let groups = waiting::groups(&shared.store, &ask.filter(reader), LISTED).await?;
    let after = next(shared, reader, &groups, (place, Some(&key))).await?;
    shown(shared, reader, &ask, after, &said, undo).await
}

fn waits_on(count: u64) -> String {
    if count == 1 { "One waits on".to_owned() } else { format!("{} wait on", say::number(count)) }
}

fn undo_address(shared: &Shared, reader: &Reader, ask: &Ask, generations: Vec<Uuid>) -> String {
    undo_path(ask, shared.holding.remember(reader, generations, (shared.parts.now)()))
}

fn undo_path(ask: &Ask, id: Uuid) -> String {
    let back = ask.back();
    if back.is_empty() {
        format!("/console/approvals/undo/{id}")
    } else {
        format!("/console/approvals/undo/{id}?{back}")
    }
}

/// The page with the next text open, and what was done.
async fn shown(
    shared: &Arc<Shared>,
    reader: &Reader,
    ask: &Ask,
    open: Option<Uuid>,
    said: &str,
    undo: Option<String>,
) -> Result<Response, Failed> {
    if !reader.part {
        return Ok(led(&ask.address(open), said, undo.as_deref()));
    }
    let (queue, at) = queue(shared, reader, ask, Some(open)).await?;
    let mut response = done(axum::response::Html(queue.0).into_response(), said, undo.as_deref());
    if let Ok(address) = HeaderValue::from_str(&ask.address(at)) {
        response.headers_mut().insert(HeaderName::from_static("hx-replace-url"), address);
    }
    Ok(response)
}

/// The page after an edit of a text of the queue that `next` leads back to; `None` where that is another page.
pub(super) async fn after_edit(
    shared: &Arc<Shared>,
    reader: &Reader,
    next_page: &str,
    new: Uuid,
    said: &str,
) -> Result<Option<Response>, Failed> {
    let (path, query) = next_page.split_once('?').unwrap_or((next_page, ""));
    if path != "/console/approvals" {
        return Ok(None);
    }
    let ask = Ask::of_query(query);
    let undo = undo_address(shared, reader, &ask, vec![new]);
    shown(shared, reader, &ask, None, said, Some(undo)).await.map(Some)
}

/// Nothing is asked of the form but that it is the reader's.
#[derive(Debug, Deserialize)]
struct Nothing {}

async fn undo(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<Uuid>,
    RawQuery(query): RawQuery,
    Form(reader, Nothing {}): Form<Nothing>,
) -> Response {
    let ask = Ask::of_query(&query.unwrap_or_default());
    let seen = reader.clone();
    let undone = tokio::spawn(async move { undone(&shared, &reader, &ask, id).await });
    let made = undone.await.unwrap_or(Err(Failed::Store)).map(|Undone { said, back, again }| {
        if !seen.part {
            return led(&back, &said, again.as_deref());
        }
        let to = json!({"path": back, "target": "#queue", "swap": "innerHTML"}).to_string();
        let mut response = done(().into_response(), &said, again.as_deref());
        if let Ok(to) = HeaderValue::from_str(&to) {
            response.headers_mut().insert(HeaderName::from_static("hx-location"), to);
        }
        response
    });
    page_or(&seen, made)
}

/// What became of an undo: a sentence, the page to go on with, and the address that goes on with what is left.
struct Undone {
    said: String,
    back: String,
    again: Option<String>,
}

async fn undone(shared: &Arc<Shared>, reader: &Reader, ask: &Ask, id: Uuid) -> Result<Undone, Failed> {
    reader.must_review()?;
    let Some(generations) = shared.holding.recall(reader, id) else {
        return Err(Failed::NotNow("This was undone already, or is too long ago.".to_owned()));
    };
    let (mut undone, mut left, mut why) = (Vec::new(), Vec::new(), BTreeMap::new());
    for generation in generations {
        let review = (ReviewAction::Undo, None);
        match pipeline::review(&shared.parts, generation, review, reader.name.clone()).await {
            Ok(_) => undone.push(generation),
            Err(error) => {
                left.push(generation);
                *why.entry(unreviewed(error).said()).or_insert(0) += 1;
            }
        }
    }
    let count = undone.len() + left.len();
    let open = ask.address(undone.first().or(left.first()).copied());
    // Whoever undoes it once more goes on with the rest.
    let again = (!left.is_empty()).then(|| undo_path(ask, id));
    shared.holding.keep_on(reader, id, left);
    let why = reasons(&why);
    let said = match (undone.len(), count) {
        (0, 1) => return Err(Failed::NotNow(why)),
        (0, many) => return Err(Failed::NotNow(format!("None of the {many} texts was undone: {why}"))),
        (1, 1) => "Undone. The text stands as it did before.".to_owned(),
        (done, all) if done == all => format!("Undone. {all} texts stand as they did before."),
        (done, all) => format!("Undone for {done} of {all} texts; not for the others: {why}"),
    };
    Ok(Undone { said, back: open, again })
}

/// Why some of several texts were left, each reason once.
fn reasons(why: &BTreeMap<String, usize>) -> String {
    let many = why.len() > 1;
    let told = |(why, count): (&String, &usize)| if many { format!("{why} ({count})") } else { why.clone() };
    why.iter().map(told).collect::<Vec<_>>().join(" ")
}

/// A second look, as its form says it.
#[derive(Debug, Deserialize)]
struct LookedAt {
    id: Uuid,
    action: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    back: String,
}

async fn look(State(shared): State<Arc<Shared>>, Form(reader, sent): Form<LookedAt>) -> Response {
    let seen = reader.clone();
    let looked = tokio::spawn(async move { looked_at(&shared, &reader, &sent).await });
    page_or(&seen, looked.await.unwrap_or(Err(Failed::Store)))
}

async fn looked_at(shared: &Arc<Shared>, reader: &Reader, sent: &LookedAt) -> Result<Response, Failed> {
    reader.must_review()?;
    let (ask, note) = (Ask::of_query(&sent.back), note(&sent.note)?);
    let agrees = match sent.action.as_str() {
        "agree" => true,
        "overturn" => false,
        _ => return Err(Failed::Malformed("This is no second look.".to_owned())),
    };
    let now = (shared.parts.now)();
    let since = now.saturating_sub(LOOKED_FOR).unwrap_or(now);
    let found = shared.parts.reviews.generation(sent.id).await?;
    let reviews = found.iter().flat_map(|found| &found.reviews).map(|review| &review.record);
    match Holding::of(reviews).decided() {
        Some((review, Decision::Approved)) if desk::same(&review.by, &reader.name) => {
            return Err(Failed::NotNow(
                "You approved this text yourself; a second look is somebody else's.".to_owned(),
            ));
        }
        Some((_, Decision::Approved)) => {}
        _ => {
            return Err(Failed::NotNow(
                "No approval of this text stands that could be looked at.".to_owned(),
            ));
        }
    }
    let by = (note, reader.name.clone());
    pipeline::second_look(&shared.parts, sent.id, agrees, by).await.map_err(unreviewed)?;
    let placement = Some(ask.placement.as_str()).filter(|placement| !placement.is_empty());
    let (looks, _) =
        waiting::second_looks(&shared.store, &reader.name, share(shared), since, placement, 1).await?;
    let open = looks.first().map(|look| look.generation);
    let said = match agrees {
        true => "You agree with the approval.",
        false => "Overturned. The text is on no page from now on.",
    };
    let undo = (!agrees).then(|| undo_address(shared, reader, &ask, vec![sent.id]));
    shown(shared, reader, &ask, open, said, undo).await
}

/// An assignment, as its form says it.
#[derive(Debug, Deserialize)]
struct Assigned {
    placement: String,
    #[serde(default)]
    locale: String,
    #[serde(default)]
    reviewer: String,
    #[serde(default)]
    back: String,
}

async fn assign(State(shared): State<Arc<Shared>>, Form(reader, sent): Form<Assigned>) -> Response {
    let made = async {
        let ask = Ask { tab: "reviewers".to_owned(), ..Ask::of_query(&sent.back) };
        let now = (shared.parts.now)();
        let long = |text: &str| text.chars().count() > 200 || text.chars().any(char::is_control);
        if sent.placement.is_empty() || long(&sent.placement) || long(&sent.locale) {
            return Err(Failed::Malformed("Choose a placement.".to_owned()));
        }
        let known = sent.reviewer.is_empty() || reviewers_of(&shared, now).await?.contains(&sent.reviewer);
        if !known {
            return Err(Failed::Malformed("Nobody of this name may decide on texts.".to_owned()));
        }
        let (by, at) = (reader.name.clone(), now);
        let Assigned { placement, locale, reviewer, .. } = sent;
        let said = match reviewer.as_str() {
            "" => format!("Nobody in particular looks at {placement} now."),
            name => format!("{name} looks at {placement} now."),
        };
        waiting::assign(&shared.store, Assignment { placement, locale, reviewer, by, at }).await?;
        shown(&shared, &reader, &ask, None, &said, None).await
    };
    page_or(&reader, made.await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_say_what_is_asked_for_and_nothing_else() {
        assert_eq!(Ask::default().address(None), "/console/approvals");
        let query = "placement=why-this&whose=all&findings=with&at=none&x=1";
        let ask = Ask::of_query(query);
        assert_eq!(ask.back(), "placement=why-this&whose=all&findings=with");
        assert_eq!(Ask::of_query(&ask.back()), ask);
        let id = "0192f0c1-0000-7000-8000-000000000001";
        assert_eq!(Ask::of_query(&format!("at={id}")).at.map(|at| at.to_string()).as_deref(), Some(id));
    }

    #[test]
    fn facts_are_told_by_their_paths() {
        let given = json!({"name": "Lamp", "features": {"watts": 7, "warm": true}, "colours": ["red", "blue"], "none": null});
        let told = facts(given.as_object().unwrap());
        let told: Vec<_> = told.iter().map(|(path, value)| format!("{path}: {value}")).collect();
        assert_eq!(told, ["name: Lamp", "features.watts: 7", "features.warm: yes", "colours: red, blue"]);
    }
}
