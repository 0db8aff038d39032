//! Try it: what a page would get, and what the rules say of any text.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;

use super::page::{Frame, Place, show};
use super::session::Reader;
use crate::app::Shared;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/console/try", get(page))
}

#[derive(Template)]
#[template(path = "try_it.html")]
struct TryIt {
    frame: Frame,
}

async fn page(reader: Reader) -> Response {
    show(&TryIt { frame: Frame::of(&reader, Place::TryIt, "Try it") })
}
