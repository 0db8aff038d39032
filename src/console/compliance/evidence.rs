//! Claims and the evidence that they rest on, what ends first before the rest.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

use super::encoded;
use crate::app::Shared;
use crate::console::page::{Failed, Frame, Place, page_or, show};
use crate::console::say::{self, Safe, visible};
use crate::console::session::Reader;
use crate::guardrail::Kind;

/// The most pieces that are shown, those that end first.
const MOST: usize = 300;
/// From so many days on before its end a piece is said to be about to end.
const NEAR: i32 = 60;
/// The most claims without evidence that are named.
const MOST_CLAIMS: usize = 200;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/console/compliance/evidence", get(page))
}

#[derive(Template)]
#[template(path = "compliance/evidence.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    all: Vec<Piece>,
    more: usize,
    ended: usize,
    near: usize,
    /// Claims of the register that rest on no piece of evidence.
    others: Vec<(String, String)>,
}

struct Piece {
    id: String,
    anchor: String,
    document: Safe,
    sha256: Option<Safe>,
    by: String,
    from: String,
    until: String,
    badge: (&'static str, String),
    covers: String,
    place: String,
    claims: Vec<(String, String, Vec<Safe>)>,
}

async fn page(State(shared): State<Arc<Shared>>, reader: Reader) -> Response {
    page_or(&reader, evidence(&shared, &reader).await)
}

async fn evidence(shared: &Shared, reader: &Reader) -> Result<Response, Failed> {
    let (policy, now) = (shared.desk.pin(), (shared.parts.now)());
    let guardrails = &policy.guardrails;
    let today = now.to_zoned(shared.desk.settings().timezone.clone()).date();
    let mut order: Vec<_> = guardrails
        .evidence()
        .iter()
        .map(|piece| (today.until(piece.until()).map_or(0, |span| span.get_days()), piece))
        .collect();
    order.sort_by_key(|(days, piece)| (*days, piece.id()));
    let count = |within: &dyn Fn(i32) -> bool| order.iter().filter(|(days, _)| within(*days)).count();
    let (ended, near) = (count(&|days| days < 0), count(&|days| (0..=NEAR).contains(&days)));
    let more = order.len().saturating_sub(MOST);
    let all: Vec<Piece> = order
        .into_iter()
        .take(MOST)
        .map(|(days, piece)| Piece {
            id: piece.id().to_owned(),
            anchor: encoded(piece.id()),
            document: visible(piece.document()),
            sha256: piece.sha256().map(say::id),
            by: piece.accepted_by().to_owned(),
            from: super::date(piece.from()),
            until: super::date(piece.until()),
            badge: match days {
                ..0 => ("block", "ended".to_owned()),
                _ if piece.from() > today => ("note", "not yet".to_owned()),
                0 => ("block", "ends today".to_owned()),
                1..=NEAR => {
                    ("repair", format!("ends in {}", say::counted(u64::from(days.unsigned_abs()), "day")))
                }
                _ => ("pass", "holds".to_owned()),
            },
            covers: match piece.covers() {
                [] => "every product".to_owned(),
                some if some.len() > 8 => say::counted(some.len() as u64, "product"),
                some => some.join(", "),
            },
            place: format!("{}:{}", piece.file(), piece.span().start.line),
            claims: guardrails
                .claims_on(piece.id())
                .into_iter()
                .map(|(rule, wordings)| {
                    (rule.to_owned(), encoded(rule), wordings.into_iter().map(visible).collect())
                })
                .collect(),
        })
        .collect();
    let resting: std::collections::BTreeSet<&str> =
        all.iter().flat_map(|piece| piece.claims.iter().map(|(rule, ..)| rule.as_str())).collect();
    let others = guardrails
        .rules()
        .iter()
        .filter(|rule| rule.kind() == Kind::Claim && !resting.contains(rule.id()))
        .take(MOST_CLAIMS)
        .map(|rule| (rule.id().to_owned(), encoded(rule.id())))
        .collect();
    let frame = Frame::of(reader, Place::Compliance, "Evidence");
    Ok(show(&Page { frame, tab: "evidence", all, more, ended, near, others }))
}
