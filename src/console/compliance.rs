//! What compliance looks after: proposals, rules, stops, evidence, revisions.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;

use super::page::{Frame, Place, show};
use super::session::Reader;
use crate::app::Shared;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/console/compliance", get(page))
}

#[derive(Template)]
#[template(path = "compliance.html")]
struct Compliance {
    frame: Frame,
}

async fn page(reader: Reader) -> Response {
    show(&Compliance { frame: Frame::of(&reader, Place::Compliance, "Compliance") })
}
