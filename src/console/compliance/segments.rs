//! Segments in their order, with their conditions in words.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

use super::{Excerpt, interrupted, lines_of, word};
use crate::app::Shared;
use crate::audit::counts::What;
use crate::console::page::{Failed, Frame, Place, page_or, show};
use crate::console::say::{self, Safe, visible};
use crate::console::session::Reader;
use crate::diagnostic::{Position, Span};
use crate::policy::{Set, shown};
use crate::segment::{Conditions, told};

/// The most segments that are shown.
const MOST: usize = 200;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/console/compliance/segments", get(page))
}

#[derive(Template)]
#[template(path = "compliance/segments.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    all: Vec<One>,
    more: usize,
    sets: Vec<SetSaid>,
    file: String,
    others: String,
}

struct One {
    number: usize,
    id: String,
    name: String,
    kind: String,
    version: String,
    conditions: Vec<Safe>,
    source: Option<Excerpt>,
    templates: usize,
    share: String,
}

struct SetSaid {
    name: String,
    segments: String,
    said: String,
}

async fn page(State(shared): State<Arc<Shared>>, reader: Reader) -> Response {
    page_or(&reader, segments(&shared, &reader).await)
}

async fn segments(shared: &Shared, reader: &Reader) -> Result<Response, Failed> {
    let policy = shared.desk.pin();
    let file = shown(&shared.desk.settings().segments);
    let files = super::files_in_force(shared, Set::Prompts, policy.copy.revision.as_str()).await?;
    let text = files.get(&file).cloned().unwrap_or_default();
    let name = file.clone();
    let (text, told) = tokio::task::spawn_blocking(move || (told(&name, &text), text))
        .await
        .map(|(told, text)| (text, told))
        .map_err(interrupted)?;
    let served = super::counted(shared, What::Segment, (shared.parts.now)()).await.unwrap_or_default();
    let all_serves: u64 = served.values().sum();
    let share = |id: &str| {
        let serves = served.get(id).copied().unwrap_or_default();
        format!("{} of serves", say::share(serves, all_serves))
    };
    let (segments, prompts) = (&policy.copy.segments, &policy.copy.prompts);
    let one = |(number, segment): (usize, &crate::segment::Segment)| {
        let of_it = told.get(segment.id.as_str());
        let span = of_it.map(|Conditions { lines: [first, last], .. }| Span {
            start: Position { line: *first, column: 1 },
            end: Position { line: *last, column: 2 },
        });
        let templates = prompts
            .placements()
            .flat_map(|placement| prompts.templates(&placement.id))
            .filter(|template| template.segment == segment.id);
        One {
            number,
            id: segment.id.to_string(),
            name: segment.name.clone(),
            kind: word(&segment.kind),
            version: segment.version.clone(),
            conditions: of_it
                .map_or_else(Vec::new, |told| told.said.iter().map(|said| visible(said)).collect()),
            source: span.and_then(|span| lines_of(&text, span)),
            templates: templates.count(),
            share: share(segment.id.as_str()),
        }
    };
    let all: Vec<One> = (1..).zip(segments.iter()).take(MOST).map(one).collect();
    let sets = segments.sets().iter().map(|set| SetSaid {
        name: set.name.clone(),
        segments: set.segments.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        said: match (set.exhaustive, set.exclusive) {
            (true, true) => "Everybody whose attributes are known is in exactly one.".to_owned(),
            (true, false) => "Everybody whose attributes are known is in at least one.".to_owned(),
            (false, true) => "Nobody is in two.".to_owned(),
            (false, false) => "Some may be in none, some in several.".to_owned(),
        },
    });
    let more = segments.iter().count().saturating_sub(MOST);
    let sets = sets.collect();
    let frame = Frame::of(reader, Place::Compliance, "Segments");
    let others = share(crate::words::DEFAULT_SEGMENT);
    Ok(show(&Page { frame, tab: "segments", all, more, sets, file, others }))
}
