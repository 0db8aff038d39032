//! Placements: how far copy may go on each, what binds them, and which pre-written copy is withdrawn.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

use crate::alerts::AlertKind;
use crate::app::Shared;
use crate::console::page::{Failed, Frame, Place, page_or, show};
use crate::console::say::{Safe, visible};
use crate::console::session::Reader;
use crate::guardrail::Mode;
use crate::prompt::{Ladder, Placement, Share};
use crate::words::{DEFAULT_SEGMENT, SegmentId};

/// The most placements that are shown.
const MOST: usize = 200;
/// The most templates and segments that are listed of one.
const MOST_LISTED: usize = 60;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/console/compliance/placements", get(page))
}

#[derive(Template)]
#[template(path = "compliance/placements.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    all: Vec<One>,
    more: usize,
}

struct One {
    id: String,
    channel: String,
    rungs: Vec<Rung>,
    limit: Option<usize>,
    language: String,
    last_resort: Vec<(String, Safe)>,
    templates: Vec<(String, &'static str, String)>,
    more_templates: usize,
    ceilings: Vec<(Safe, Safe, String)>,
    withdrawn: Vec<Safe>,
    place: String,
}

/// How far copy goes for a segment, or for everybody else.
struct Rung {
    who: String,
    mode: &'static str,
    approval: bool,
    rollout: String,
    holdout: String,
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Prewritten => "pre-written copy alone",
        Mode::Segment => "one text per segment and product",
        Mode::Live => "written for each user",
    }
}

/// A share in per cent; nothing of what is none of it.
fn percent(share: &Share) -> String {
    let percent = share.share * 100.0;
    if percent.fract() == 0.0 { format!("{percent:.0}%") } else { format!("{percent:.1}%") }
}

fn rung(who: &str, ladder: &Ladder) -> Rung {
    Rung {
        who: who.to_owned(),
        mode: mode(ladder.mode),
        approval: ladder.approval,
        rollout: percent(&ladder.rollout),
        holdout: percent(&ladder.holdout),
    }
}

async fn page(State(shared): State<Arc<Shared>>, reader: Reader) -> Response {
    let made: Result<Response, Failed> = Ok(placements(&shared, &reader));
    page_or(&reader, made)
}

fn placements(shared: &Shared, reader: &Reader) -> Response {
    let policy = shared.desk.pin();
    let (prompts, segments) = (&policy.copy.prompts, &policy.copy.segments);
    let withdrawn: Vec<_> =
        shared.alerts.standing().into_iter().filter(|alert| alert.kind == AlertKind::CopyWithdrawn).collect();
    let one = |placement: &Placement| {
        let others = placement.ladder(&SegmentId::new(DEFAULT_SEGMENT));
        let mut rungs = vec![rung("everybody else", others)];
        let differs = segments.iter().filter(|segment| placement.ladder(&segment.id) != others);
        rungs.splice(0..0, differs.take(MOST_LISTED).map(|s| rung(&s.name, placement.ladder(&s.id))));
        if let [only] = rungs.as_mut_slice() {
            only.who = "everybody".to_owned();
        }
        let folder = placement.file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let ours = withdrawn
            .iter()
            .filter(|alert| alert.subject.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')));
        let ceilings = policy.guardrails.shown_ceilings();
        let binding = ceilings
            .filter(|c| c.placements.is_empty() || c.placements.iter().any(|id| id == placement.id.as_str()));
        let templates: Vec<_> = prompts.templates(&placement.id).collect();
        One {
            id: placement.id.to_string(),
            channel: placement.channel.clone(),
            rungs,
            limit: placement.max_characters,
            language: placement.language.to_string(),
            last_resort: placement
                .last_resort
                .iter()
                .map(|(language, (text, _))| (language.clone(), visible(text)))
                .collect(),
            more_templates: templates.len().saturating_sub(MOST_LISTED),
            templates: templates
                .into_iter()
                .take(MOST_LISTED)
                .map(|template| {
                    let languages: Vec<String> = template.languages().map(ToString::to_string).collect();
                    let reads = match template.tier() {
                        crate::words::Tier::User => "for one user",
                        _ => "for a segment",
                    };
                    (template.id.to_string(), reads, languages.join(", "))
                })
                .collect(),
            ceilings: binding
                .map(|c| {
                    (
                        super::sentence(&c.allows),
                        super::sentence(&c.over),
                        format!("{}:{}", c.file, c.span.start.line),
                    )
                })
                .collect(),
            withdrawn: ours.map(|alert| super::sentence(&alert.message)).collect(),
            place: placement.file.clone(),
        }
    };
    let more = prompts.placements().count().saturating_sub(MOST);
    let all = prompts.placements().take(MOST).map(one).collect();
    show(&Page { frame: Frame::of(reader, Place::Compliance, "Placements"), tab: "placements", all, more })
}
