//! The reviewers' pages, below `/console/`. They show what the rooms below say, and have people's decisions carried out
//! there; they decide nothing.
//!
//! Each page is a module: a view (a struct of plain values, and a template of the same name), made by one handler from what
//! the rooms below answer. What all pages share: who reads ([`session`]), the frame ([`page`]), how times, ids and numbers
//! are written ([`say`]), figures drawn ([`chart`]), and the files that a browser loads ([`assets`]).

mod approvals;
mod assets;
mod chart;
mod compare;
mod compliance;
mod copy;
mod door;
mod editing;
mod figures;
mod generation;
mod generations;
mod glossary;
mod holding;
mod lists;
mod oidc;
mod overview;
mod page;
mod reports;
mod review;
mod say;
mod seal;
mod serves;
mod session;
mod sign_in;
mod try_it;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::Redirect;
use axum::routing::get;

pub use door::Door;
pub use holding::Holding;
pub use seal::Seal;

use crate::app::Shared;

/// Every page. All stand behind one [guard](page::guard), so that none can be reached without a session but those for signing
/// in, and nothing be sent but by a page of the session's.
pub fn router(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    Router::new()
        .merge(sign_in::routes())
        .merge(overview::routes())
        .merge(lists::routes())
        .merge(generations::routes())
        .merge(serves::routes())
        .merge(review::routes())
        .merge(generation::routes())
        .merge(approvals::routes())
        .merge(editing::routes())
        .merge(compliance::routes())
        .merge(try_it::routes())
        .merge(reports::routes())
        .merge(glossary::routes())
        .route("/console/assets/{file}", get(assets::file))
        .route("/console", get(|| async { Redirect::permanent("/console/") }))
        .route("/console/{*rest}", get(page::no_such_page))
        .layer(from_fn_with_state(Arc::clone(shared), page::guard))
}
