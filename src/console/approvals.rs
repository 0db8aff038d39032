//! The approval queue: one decision after another.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;

use super::page::{Frame, Place, show};
use super::session::Reader;
use crate::app::Shared;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/console/approvals", get(page))
}

#[derive(Template)]
#[template(path = "approvals.html")]
struct Approvals {
    frame: Frame,
}

async fn page(reader: Reader) -> Response {
    show(&Approvals { frame: Frame::of(&reader, Place::Approvals, "Approval queue") })
}
