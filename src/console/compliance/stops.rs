//! Stops: what is banned at once, over any policy; and cached copy that is dropped.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use jiff::SignedDuration;
use serde::Deserialize;
use uuid::Uuid;

use super::rules::unsearched;
use super::{answered, interrupted};
use crate::app::Shared;
use crate::audit::search::{self, Filter, ServeFilter, Words};
use crate::audit::{Outcome, PurgeScope, StopKind};
use crate::console::page::{Failed, Frame, Place, page_or, show};
use crate::console::say::{self, Safe, visible};
use crate::console::session::{Form, Reader};
use crate::http::stops::unknown;
use crate::stops::{Done, MAX_REASON, Order, Stop, StopError, check_scope};
use crate::words::{PlacementId, SegmentId, TemplateId};

/// The most stops in force, and of those that were lifted, that are shown.
const MOST: usize = 200;
/// Up to how many texts, and serves, are counted that a stop would hold back.
const COUNTED: u32 = 200;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/console/compliance/stops", get(page).post(set))
        .route("/console/compliance/stops/reach", get(reach))
        .route("/console/compliance/stops/purge", post(purge))
        .route("/console/compliance/stops/{id}/lift", post(lift))
}

/// What somebody thinks of stopping, as the address says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    kind: String,
    value: String,
    q: String,
}

#[derive(Template)]
#[template(path = "compliance/stops.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    complies: bool,
    token: String,
    asked: Asked,
    reach: Option<Safe>,
    in_force: Vec<StopSaid>,
    all_in_force: usize,
    lifted: Vec<StopSaid>,
    all_lifted: usize,
}

struct StopSaid {
    id: String,
    kind: &'static str,
    value: Safe,
    generation: Option<String>,
    prewritten: bool,
    reason: Safe,
    by: String,
    at: Safe,
    lifted: Option<(Safe, String)>,
    confirm: String,
}

/// A kind of stop as people say it.
fn named(kind: StopKind) -> &'static str {
    match kind {
        StopKind::Text => "one text",
        other => other.as_str(),
    }
}

fn read_kind(kind: &str) -> Option<StopKind> {
    let kinds = [
        StopKind::Phrase,
        StopKind::Product,
        StopKind::Placement,
        StopKind::Segment,
        StopKind::Template,
        StopKind::Model,
    ];
    kinds.into_iter().find(|known| known.as_str() == kind)
}

fn said(stop: Stop, reader: &Reader) -> StopSaid {
    let is_text = stop.kind == StopKind::Text;
    let value = if is_text { "taken down".to_owned() } else { stop.value };
    StopSaid {
        id: stop.id.to_string(),
        kind: named(stop.kind),
        confirm: match stop.kind {
            StopKind::Text => "Lift this? The text that was taken down may be shown again.".to_owned(),
            StopKind::Phrase => {
                format!("Lift this? Copy with “{}” may be shown again.", say::cut(&value, 80))
            }
            kind => format!(
                "Lift this? Copy of the {} {} may be shown again.",
                kind.as_str(),
                say::cut(&value, 80)
            ),
        },
        value: visible(&value),
        generation: stop.generation_id.filter(|_| is_text).map(|id| id.to_string()),
        prewritten: stop.prewritten,
        reason: visible(&stop.reason),
        by: stop.by,
        at: say::when(stop.at, &reader.zone),
        lifted: stop.lifted.map(|at| (say::when(at, &reader.zone), stop.lifted_by.unwrap_or_default())),
    }
}

async fn page(State(shared): State<Arc<Shared>>, reader: Reader, Query(asked): Query<Asked>) -> Response {
    page_or(&reader, stops(&shared, &reader, asked).await)
}

async fn stops(shared: &Shared, reader: &Reader, asked: Asked) -> Result<Response, Failed> {
    let wanted = asked.q.trim().to_lowercase();
    let holds = |stop: &Stop| {
        wanted.is_empty()
            || [&stop.value, &stop.reason, &stop.by].iter().any(|said| said.to_lowercase().contains(&wanted))
    };
    let all: Vec<Stop> = shared.parts.stops.list(true).into_iter().filter(holds).collect();
    let (in_force, lifted): (Vec<Stop>, Vec<Stop>) = all.into_iter().partition(|stop| stop.lifted.is_none());
    let (all_in_force, all_lifted) = (in_force.len(), lifted.len());
    let told = |stops: Vec<Stop>| stops.into_iter().rev().take(MOST).map(|stop| said(stop, reader)).collect();
    let reach = match asked.value.trim() {
        "" => None,
        value => Some(reached(shared, &asked.kind, value).await?),
    };
    Ok(show(&Page {
        frame: Frame::of(reader, Place::Compliance, "Stops"),
        tab: "stops",
        complies: reader.complies(),
        token: reader.token.clone(),
        asked,
        reach,
        in_force: told(in_force),
        all_in_force,
        lifted: told(lifted),
        all_lifted,
    }))
}

#[derive(Template)]
#[template(source = "{% if let Some(said) = said %}{{ said }}{% endif %}", ext = "html")]
struct Reach {
    said: Option<Safe>,
}

/// What a stop would hold back, for the form that sets one.
async fn reach(State(shared): State<Arc<Shared>>, reader: Reader, Query(asked): Query<Asked>) -> Response {
    let made = async {
        let said = match asked.value.trim() {
            "" => None,
            value => Some(reached(&shared, &asked.kind, value).await?),
        };
        Ok(show(&Reach { said }))
    };
    page_or(&reader, made.await)
}

/// What the log's index finds of what a stop would hold back: a sentence.
async fn reached(shared: &Shared, kind: &str, value: &str) -> Result<Safe, Failed> {
    let Some(kind) = read_kind(kind) else { return Ok(Safe(String::new())) };
    let (mut texts, mut serves) = (Filter::default(), ServeFilter::default());
    texts.outcome = Some(Outcome::Passed);
    serves.since = (shared.parts.now)().checked_sub(SignedDuration::from_hours(24)).ok();
    match kind {
        StopKind::Phrase => match Words::parse(&format!("\"{}\"", value.replace('"', " "))) {
            Ok(words) => (texts.words, serves.words) = (Some(words.clone()), Some(words)),
            Err(_) => return Ok(Safe("The log’s index cannot look for this.".to_owned())),
        },
        StopKind::Product => {
            (texts.product, serves.product) = (Some(value.to_owned()), Some(value.to_owned()));
        }
        StopKind::Placement => {
            let id = PlacementId::new(value);
            (texts.placement, serves.placement) = (Some(id.clone()), Some(id));
        }
        StopKind::Segment => {
            let id = SegmentId::new(value);
            (texts.segment, serves.segment) = (Some(id.clone()), Some(id));
        }
        StopKind::Template => {
            let id = TemplateId::new(value);
            (texts.template, serves.template) = (Some(id.clone()), Some(id));
        }
        StopKind::Model => texts.model = Some(value.to_owned()),
        StopKind::Text => return Ok(Safe(String::new())),
    }
    let found = search::generations(&shared.store, &texts, COUNTED, None).await.map_err(unsearched)?;
    let more = if found.next_cursor.is_some() { " or more" } else { "" };
    let mut told =
        format!("The log has {}{more} that passed", say::counted(found.items.len() as u64, "generation"));
    if kind != StopKind::Model {
        let shown = search::serves(&shared.store, &serves, COUNTED, None).await.map_err(unsearched)?;
        let more = if shown.next_cursor.is_some() { " or more" } else { "" };
        told +=
            &format!(", and {}{more} in the last 24 hours", say::counted(shown.items.len() as u64, "serve"));
    }
    let of = if kind == StopKind::Phrase { "with" } else { "of" };
    told += &format!(", {of} “{}”.", visible(&say::cut(value, 80)));
    if let Some(warning) = unknown(shared, &shared.desk.pin(), kind, value).await {
        told += &format!(" {}", visible(&warning));
    }
    Ok(Safe(told))
}

#[derive(Deserialize)]
struct NewStop {
    kind: String,
    value: String,
    reason: String,
    #[serde(default)]
    prewritten: Option<String>,
}

async fn set(State(shared): State<Arc<Shared>>, Form(reader, form): Form<NewStop>) -> Response {
    let made = async {
        reader.must_comply()?;
        let kind = read_kind(&form.kind).ok_or_else(|| {
            Failed::Malformed("Say what to stop: a phrase, a product, a placement.".to_owned())
        })?;
        // A phrase is stopped wherever it stands, and no model writes pre-written copy: there the box says nothing.
        let prewritten = match kind {
            StopKind::Phrase | StopKind::Model => None,
            _ => Some(form.prewritten.is_some()),
        };
        let order = Order::read(kind, &form.value, prewritten, &form.reason, &reader.name)
            .map_err(|wrong| Failed::Malformed(format!("{wrong}.")))?;
        let now = (shared.parts.now)();
        let work = Arc::clone(&shared);
        // Whoever asked may hang up: what has begun is finished all the same.
        let done = tokio::spawn(async move { work.parts.stops.set(order, now).await });
        let done = done.await.map_err(interrupted)?.map_err(refused)?;
        let said = match done.recorded {
            true => "Stopped. It holds here now, and on every other service within two seconds.",
            false => "Stopped. It holds here now; it is recorded once the store can be written.",
        };
        let undo = format!("/console/compliance/stops/{}/lift", done.what.id);
        let part = stops(&shared, &reader, Asked::default()).await?;
        Ok(answered(&reader, part, said, Some(&undo), "/console/compliance/stops"))
    };
    page_or(&reader, made.await)
}

#[derive(Default, Deserialize)]
struct Why {
    #[serde(default)]
    reason: String,
}

async fn lift(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Form(reader, Why { reason }): Form<Why>,
) -> Response {
    let made = async {
        reader.must_comply()?;
        let gone = || Failed::Missing("No such stop is in force; somebody may have lifted it.".to_owned());
        let id: Uuid = id.parse().map_err(|_| gone())?;
        if reason.chars().count() > MAX_REASON {
            return Err(Failed::Malformed(format!("The reason: write at most {MAX_REASON} characters.")));
        }
        let (work, by, now) = (Arc::clone(&shared), reader.name.clone(), (shared.parts.now)());
        let done = tokio::spawn(async move { work.parts.stops.lift(id, (&by, reason.trim()), now).await });
        let Some(Done { what, .. }) = done.await.map_err(interrupted)?.map_err(refused)? else {
            return Err(gone());
        };
        let said = format!("Lifted. The stop on the {} holds no more.", named(what.kind));
        let part = stops(&shared, &reader, Asked::default()).await?;
        Ok(answered(&reader, part, &said, None, "/console/compliance/stops"))
    };
    page_or(&reader, made.await)
}

#[derive(Deserialize)]
struct NewPurge {
    kind: String,
    value: String,
}

async fn purge(State(shared): State<Arc<Shared>>, Form(reader, form): Form<NewPurge>) -> Response {
    let made = async {
        reader.must_comply()?;
        let value = Some(form.value.trim().to_owned());
        let scope = match form.kind.as_str() {
            "product" => PurgeScope { product: value, ..PurgeScope::default() },
            "placement" => PurgeScope { placement: value, ..PurgeScope::default() },
            "segment" => PurgeScope { segment: value, ..PurgeScope::default() },
            "template" => PurgeScope { template: value, ..PurgeScope::default() },
            "generation" => {
                let id = form.value.trim().parse::<Uuid>();
                let id = id.map_err(|_| Failed::Malformed("A generation is named by its id.".to_owned()))?;
                PurgeScope { generation: Some(id), ..PurgeScope::default() }
            }
            _ => return Err(Failed::Malformed("Say what to drop.".to_owned())),
        };
        check_scope(&scope).map_err(Failed::Malformed)?;
        let (work, by, now) = (Arc::clone(&shared), reader.name.clone(), (shared.parts.now)());
        let done = tokio::spawn(async move { work.parts.stops.purge(scope, &by, now).await });
        done.await.map_err(interrupted)?.map_err(refused)?;
        let part = stops(&shared, &reader, Asked::default()).await?;
        let said = "Dropped. What was begun before now is not shown any more.";
        Ok(answered(&reader, part, said, None, "/console/compliance/stops"))
    };
    page_or(&reader, made.await)
}

fn refused(error: StopError) -> Failed {
    match error {
        StopError::Full => Failed::NotNow(format!("{error}.")),
        error => {
            tracing::error!(%error, "a stop could not be set");
            Failed::NotNow("It can be written down nowhere, so it would not hold after a restart.".to_owned())
        }
    }
}
