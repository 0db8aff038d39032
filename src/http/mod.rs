//! The HTTP surface: router, keys, limits, problems. Decides nothing: it turns requests into the pipeline's values and
//! the pipeline's values into answers.

mod auth;
mod blurbs;
mod body;
mod check;
mod generations;
mod idempotency;
mod metrics;
mod policy;
mod problem;
mod publishable;
mod rates;
mod watch;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::http::request::Parts as Head;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;

pub use metrics::router as metrics;
pub use problem::Problem;
pub use rates::Rates;

use crate::app::Shared;
use crate::policy::Policy;
use crate::store::keys::Role;

/// The largest body of a request, in bytes.
pub const MAX_BODY: usize = 256 * 1024;

/// How long a connection may take to send the head of its next request; idle ones are closed after it too.
const HEADERS: Duration = Duration::from_secs(30);
/// The most connections at once; those that come beyond wait to be taken.
const MOST_CONNECTIONS: usize = 10_000;
/// How long to wait when no connection can be taken, for want of file handles for instance.
const BREATH: Duration = Duration::from_millis(50);

/// Serves until `stopped`, then finishes the requests under way.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stopped: impl Future<Output = ()> + Send + 'static,
) {
    take(listener, router, MOST_CONNECTIONS, stopped).await;
}

/// Serves `most` connections at once until `stopped`, then finishes the requests under way.
async fn take(listener: TcpListener, router: Router, most: usize, stopped: impl Future<Output = ()>) {
    let mut protocol = hyper::server::conn::http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(HEADERS);
    let connections = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(most));
    let next = async || {
        // Nobody closes the semaphore, so there is a place sooner or later.
        let place = Arc::clone(&places).acquire_owned().await;
        (listener.accept().await, place)
    };
    let mut stopped = std::pin::pin!(stopped);
    loop {
        let (stream, place) = tokio::select! {
            (accepted, place) = next() => match accepted {
                Ok((stream, _)) => (stream, place),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
            },
            () = &mut stopped => break,
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection waits to fill its packets");
        }
        let service = TowerToHyperService::new(router.clone());
        let connection = connections.watch(protocol.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke off");
            }
            drop(place);
        });
    }
    drop(listener);
    connections.shutdown().await;
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
        .route("/v1/generations/{id}/reviews", post(generations::review))
        .route_layer(needs(Role::Review));
    let compliance =
        Router::new().route("/v1/policy", get(policy::policy)).route_layer(needs(Role::Compliance));
    Router::new()
        .merge(serve)
        .merge(review)
        .merge(compliance)
        // It asks for its keys itself: they may stand in the address, and are bound to origins.
        .route("/v1/blurbs/{placement}", get(publishable::blurb).options(publishable::preflight))
        .route("/healthz", get(policy::healthz))
        .route("/readyz", get(policy::readyz))
        .fallback(|| async { Problem::no_such_route() })
        .method_not_allowed_fallback(|| async { Problem::no_such_method() })
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            tracing::error!("a handler panicked");
            axum::response::IntoResponse::into_response(Problem::internal())
        }))
        .layer(from_fn_with_state(Arc::clone(&shared), watch::watch))
        .layer(from_fn_with_state(Arc::clone(&shared), leave))
        .with_state(shared)
}

/// While the service is going down each answer is the last on its connection: the next request is to go elsewhere.
async fn leave(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if shared.stopping.load(Ordering::Relaxed) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The policy in force, pinned for one request: the only way in which handlers see one.
pub(crate) struct Pinned(pub(crate) Arc<Policy>);

impl FromRequestParts<Arc<Shared>> for Pinned {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(_: &mut Head, shared: &Arc<Shared>) -> Result<Self, Self::Rejection> {
        Ok(Self(shared.desk.pin()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn connections_beyond_the_most_wait_and_are_served_in_the_end() {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (counts, highest) = (Arc::clone(&now), Arc::clone(&most));
        let handler = async move || {
            highest.fetch_max(counts.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            counts.fetch_sub(1, Ordering::SeqCst);
        };
        let router = Router::new().route("/", get(handler));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(take(listener, router, 2, async move { drop(stopped.await) }));
        let asking: Vec<_> = (0..20)
            .map(|_| {
                tokio::spawn(async move {
                    let mut stream = TcpStream::connect(address).await.unwrap();
                    let request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
                    stream.write_all(request).await.unwrap();
                    let mut answer = String::new();
                    stream.read_to_string(&mut answer).await.unwrap();
                    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
                })
            })
            .collect();
        for asked in asking {
            asked.await.unwrap();
        }
        assert_eq!(most.load(Ordering::SeqCst), 2);
        stop.send(()).unwrap();
        served.await.unwrap();
    }
}
