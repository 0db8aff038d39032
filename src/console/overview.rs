//! What happened today and in the last 30 days, and what somebody should look at.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;

use super::page::{Frame, Place, show};
use super::session::Reader;
use crate::app::Shared;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/console/", get(page))
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    frame: Frame,
}

async fn page(reader: Reader) -> Response {
    show(&Overview { frame: Frame::of(&reader, Place::Overview, "Overview") })
}
