//! One generation, told whole.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;

use super::page::{Frame, Place, show};
use super::session::Reader;
use crate::app::Shared;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/console/generations/{id}", get(page))
}

#[derive(Template)]
#[template(path = "generation.html")]
struct Generation {
    frame: Frame,
}

async fn page(reader: Reader) -> Response {
    show(&Generation { frame: Frame::of(&reader, Place::Generations, "Generation") })
}
