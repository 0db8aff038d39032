//! What the words mean.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;

use super::page::{Frame, Place, show};
use super::session::Reader;
use crate::app::Shared;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/console/glossary", get(page))
}

#[derive(Template)]
#[template(path = "glossary.html")]
struct Glossary {
    frame: Frame,
}

async fn page(reader: Reader) -> Response {
    show(&Glossary { frame: Frame::of(&reader, Place::Glossary, "Glossary") })
}
