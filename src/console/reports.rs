//! A month in figures, for paper and for spreadsheets.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;

use super::page::{Frame, Place, show};
use super::session::Reader;
use crate::app::Shared;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/console/reports", get(page))
}

#[derive(Template)]
#[template(path = "reports.html")]
struct Reports {
    frame: Frame,
}

async fn page(reader: Reader) -> Response {
    show(&Reports { frame: Frame::of(&reader, Place::Reports, "Reports") })
}
