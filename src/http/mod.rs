//! The HTTP surface: router, keys, limits, problems. Decides nothing: it turns requests into the pipeline's values and
//! the pipeline's values into answers.

mod auth;
mod blurbs;
mod body;
mod check;
mod generations;
mod policy;
mod problem;
mod watch;

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::request::Parts as Head;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;

pub use problem::Problem;

use crate::app::Shared;
use crate::policy::Policy;
use crate::store::keys::Role;

/// The largest body of a request, in bytes.
pub const MAX_BODY: usize = 256 * 1024;

/// Serves until `stopped`, then finishes the requests under way.
pub async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    stopped: impl Future<Output = ()> + Send + 'static,
) {
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection waits to fill its packets");
        }
    });
    if let Err(error) = axum::serve(listener, router(shared)).with_graceful_shutdown(stopped).await {
        tracing::error!(%error, "the listener failed");
    }
}

/// Every route, each with the role it needs.
pub fn router(shared: Arc<Shared>) -> Router {
    let needs = |role| from_fn_with_state((Arc::clone(&shared), role), auth::require);
    let serve = Router::new()
        .route("/v1/blurbs", post(blurbs::blurb))
        .route("/v1/explain", post(blurbs::explain))
        .route("/v1/check", post(check::check))
        .route_layer(needs(Role::Serve));
    let review = Router::new()
        .route("/v1/generations", get(generations::list))
        .route("/v1/generations/{id}", get(generations::one))
        .route_layer(needs(Role::Review));
    let compliance =
        Router::new().route("/v1/policy", get(policy::policy)).route_layer(needs(Role::Compliance));
    Router::new()
        .merge(serve)
        .merge(review)
        .merge(compliance)
        .route("/healthz", get(policy::healthz))
        .route("/readyz", get(policy::readyz))
        .fallback(|| async { Problem::no_such_route() })
        .method_not_allowed_fallback(|| async { Problem::no_such_method() })
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            tracing::error!("a handler panicked");
            axum::response::IntoResponse::into_response(Problem::internal())
        }))
        .layer(from_fn(watch::watch))
        .with_state(shared)
}

/// The policy in force, pinned for one request: the only way in which handlers see one.
pub(crate) struct Pinned(pub(crate) Arc<Policy>);

impl FromRequestParts<Arc<Shared>> for Pinned {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(_: &mut Head, shared: &Arc<Shared>) -> Result<Self, Self::Rejection> {
        Ok(Self(shared.desk.pin()))
    }
}
