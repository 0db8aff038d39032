//! Lists of generations and of serves: searched, filtered, read and decided on by keyboard.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;

use super::page::{Frame, Place, show};
use super::session::Reader;
use crate::app::Shared;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/console/generations", get(page))
}

#[derive(Template)]
#[template(path = "generations.html")]
struct Generations {
    frame: Frame,
}

async fn page(reader: Reader) -> Response {
    show(&Generations { frame: Frame::of(&reader, Place::Generations, "Generations") })
}
