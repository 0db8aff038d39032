//! Sweeps: all that could be served now, judged now.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::shadow::Progress;
use super::{answered, marked};
use crate::app::Shared;
use crate::console::copy::rule_link;
use crate::console::page::{Failed, Frame, Place, page_or, show};
use crate::console::say::{self, Safe};
use crate::console::session::{Form, Reader};
use crate::guardrail::check_phrase;
use crate::replay::{Hit, Kind, Standing, SweepReport};

/// The most hits, and holders back, that are shown.
const MOST: usize = 100;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/console/compliance/sweep", get(page).post(begin))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    phrase: String,
}

#[derive(Template)]
#[template(path = "compliance/sweep.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    complies: bool,
    token: String,
    phrase: String,
    under_way: Option<Progress>,
    last: Option<Answer>,
}

struct Answer {
    by: String,
    at: Safe,
    fault: Option<String>,
    found: Option<Found>,
}

struct Found {
    ok: bool,
    proven: String,
    phrase: Option<String>,
    kept: Option<Safe>,
    kept_over: bool,
    kinds: Vec<(&'static str, String, String, String, String)>,
    held_by: Vec<(String, Option<String>, String)>,
    nodes: Vec<(String, Safe, bool, Safe, Option<String>)>,
    hits: Vec<HitSaid>,
    more: u64,
    doubts: Vec<String>,
}

struct HitSaid {
    class: &'static str,
    said: String,
    kind: &'static str,
    text: Safe,
    generation: Option<String>,
    about: String,
    last: Option<(Safe, String)>,
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Generated => "generated, passed",
        Kind::Blocked => "generated, blocked",
        Kind::Repeated => "answers kept to be repeated",
        Kind::Prewritten => "pre-written copy",
        Kind::LastResort => "last-resort copy",
        Kind::Shop => "the shop’s own copy",
    }
}

async fn page(State(shared): State<Arc<Shared>>, reader: Reader, Query(asked): Query<Asked>) -> Response {
    page_or(&reader, sweep(&shared, &reader, asked.phrase))
}

fn sweep(shared: &Shared, reader: &Reader, phrase: String) -> Result<Response, Failed> {
    let (under_way, last) = shared.inquiries.sweep.told();
    let answer = last.map(|last| Answer {
        by: last.asked.by.clone(),
        at: say::when(last.done, &reader.zone),
        fault: last.found.as_ref().err().cloned(),
        found: last.found.as_ref().ok().map(|report| found(report, reader)),
    });
    Ok(show(&Page {
        frame: Frame::of(reader, Place::Compliance, "Sweep"),
        tab: "sweep",
        complies: reader.complies(),
        token: reader.token.clone(),
        phrase,
        under_way: under_way.map(|under_way| Progress::of(&under_way, reader)),
        last: answer,
    }))
}

fn found(report: &SweepReport, reader: &Reader) -> Found {
    let zone = &reader.zone;
    let number = say::number;
    let kinds = report.texts.iter().map(|(of, standings)| {
        let [texts, served, awaits, held] =
            [standings.texts, standings.served, standings.awaits, standings.held].map(number);
        (kind(*of), texts, served, awaits, held)
    });
    let held_by = report.held_by.iter().take(MOST).map(|(by, texts)| {
        let to = match by.as_str() {
            "review" | "purge" | "rejection" | "template" | "policy" => None,
            rule => rule_link(rule),
        };
        (by.clone(), to, number(*texts))
    });
    let nodes = report.nodes.iter().map(|node| {
        let (policy, seen) = (say::id(&node.revision), say::when(node.seen, zone));
        (node.node.clone(), policy, node.stops_taken, seen, node.unproven.clone())
    });
    let doubts = [
        (report.uncertain, "text", "some rule catches, and might pass at another request: counted as served"),
        (report.without_facts, "text", "judged without the facts that came with the request"),
        (report.without_text, "generation", "whose text was erased: it cannot be served"),
        (report.unreadable, "entry", "that cannot be read; `copyrail audit verify` says what is wrong"),
    ];
    let doubts = doubts.into_iter().filter(|(n, ..)| *n > 0);
    Found {
        ok: report.ok,
        proven: report.proven(),
        phrase: report.phrase.clone(),
        kept_over: report.is_over(),
        kept: report.kept_until.map(|until| say::when(until, zone)),
        kinds: kinds.collect(),
        held_by: held_by.collect(),
        nodes: nodes.collect(),
        hits: report.hits.iter().take(MOST).map(|hit| hit_said(hit, reader)).collect(),
        more: (report.hits_served + report.hits_held).saturating_sub(report.hits.len().min(MOST) as u64),
        doubts: doubts.map(|(n, one, said)| format!("{}, {said}", say::counted(n, one))).collect(),
    }
}

fn hit_said(hit: &Hit, reader: &Reader) -> HitSaid {
    let (class, said) = match &hit.standing {
        Standing::Served => ("block", "could be served".to_owned()),
        Standing::Awaits(by) => ("repair", format!("awaits {by}")),
        Standing::Held(by) => ("pass", format!("held back by {by}")),
    };
    let about =
        [hit.placement.as_deref(), hit.product.as_deref(), hit.template.as_deref(), hit.locale.as_deref()];
    HitSaid {
        class,
        said,
        kind: kind(hit.kind),
        text: marked(&hit.text, hit.start, hit.end, class),
        generation: hit.generation.map(|id| id.to_string()),
        about: about.into_iter().flatten().collect::<Vec<_>>().join(" · "),
        last: hit.last_serve.as_ref().map(|last| (say::when(last.at, &reader.zone), last.id.to_string())),
    }
}

async fn begin(State(shared): State<Arc<Shared>>, Form(reader, asked): Form<Asked>) -> Response {
    let made = (|| {
        reader.must_comply()?;
        let phrase = asked.phrase.trim().to_owned();
        if !phrase.is_empty() {
            check_phrase(&phrase).map_err(|wrong| Failed::Malformed(format!("The phrase: {wrong}.")))?;
        }
        let wanted = (!phrase.is_empty()).then(|| phrase.clone());
        let said = match shared.begin_sweep(&reader.name, wanted) {
            Ok(_) => "The sweep has begun.".to_owned(),
            Err(under_way) => {
                format!("{} began a sweep already; its answer comes first.", under_way.asked.by)
            }
        };
        let part = sweep(&shared, &reader, phrase)?;
        Ok(answered(&reader, part, &said, None, "/console/compliance/sweep"))
    })();
    page_or(&reader, made)
}
