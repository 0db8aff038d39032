//! The HTTP surface: router, keys, limits, problems. Decides nothing: it turns requests into the pipeline's values and
//! the pipeline's values into answers.

pub(crate) mod auth;
mod blurbs;
mod body;
mod check;
mod desk;
mod erasures;
mod generations;
mod handed;
mod idempotency;
mod metrics;
mod policy;
mod problem;
mod publishable;
mod rates;
mod serves;
pub(crate) mod stops;
mod watch;

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
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
use axum::routing::{delete, get, post};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tower_http::catch_panic::CatchPanicLayer;

pub(crate) use body::is_too_large;
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
/// The most connections at once, however many files the process may have open.
const MOST_CONNECTIONS: usize = 10_000;
/// Open files that are no connections: the store, the policy's files, what the runtime needs.
const OTHER_FILES: u64 = 256;
/// How many connections the system keeps until they are taken.
pub(crate) const BACKLOG: u32 = 1_024;
/// How long to wait when no connection can be taken, for want of file handles for instance.
const BREATH: Duration = Duration::from_millis(50);
/// How often that is said at most.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(1);
/// How long those that were not taken before the listener closes have to send their request.
const FIRST_WORDS: Duration = Duration::from_secs(1);

/// How many connections there may be at once in a process that may have so many files open (`None`: any number): three
/// quarters of what is left beside others, as requests open files and connections of their own.
pub fn most_connections(open_files: Option<u64>) -> usize {
    let left = open_files.map(|files| files.saturating_sub(OTHER_FILES));
    let most = left.and_then(|left| usize::try_from(left.saturating_mul(3) / 4).ok());
    most.unwrap_or(MOST_CONNECTIONS).clamp(1, MOST_CONNECTIONS)
}

/// Whether fewer connections than the service would take fit in that many.
pub fn is_short(connections: usize) -> bool {
    connections < MOST_CONNECTIONS
}

/// Serves `most` connections at once until `stopped`, those that come beyond wait to be taken; then finishes the requests
/// under way, and those of whoever waits to be taken.
pub async fn serve(listener: TcpListener, router: Router, most: usize, stopped: impl Future<Output = ()>) {
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
    let mut missed = Missed::default();
    loop {
        let (stream, peer, place) = tokio::select! {
            biased;
            () = &mut stopped => break,
            (accepted, place) = next() => match accepted {
                Ok((stream, peer)) => (stream, peer, place),
                Err(error) => {
                    if let Some(times) = missed.once_more(Instant::now()) {
                        tracing::warn!(%error, times, "a connection could not be taken");
                    }
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
            },
        };
        hurry(&stream);
        let service = answering(router.clone(), peer.ip());
        let connection = connections.watch(protocol.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke off");
            }
            drop(place);
        });
    }
    protocol.keep_alive(false);
    let mut last = JoinSet::new();
    for (stream, peer) in waiting(listener) {
        hurry(&stream);
        let (protocol, service) = (protocol.clone(), answering(router.clone(), peer));
        last.spawn(async move {
            // A connection on which nothing was said yet is not one that a shutdown would wait for.
            if tokio::time::timeout(FIRST_WORDS, stream.readable()).await.is_ok()
                && let Err(error) = protocol.serve_connection(TokioIo::new(stream), service).await
            {
                tracing::debug!(%error, "a connection broke off");
            }
        });
    }
    connections.shutdown().await;
    while last.join_next().await.is_some() {}
}

/// Who opened the connection that a request of the console came on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Answers the requests of one connection. Only those of the console are told who opened it: pages of the shop do not ask,
/// and would pay for it.
fn answering(
    router: Router,
    peer: IpAddr,
) -> impl Service<hyper::Request<Incoming>, Response = Response, Error = Infallible, Future: Send> {
    let service = TowerToHyperService::new(router);
    service_fn(move |mut request: hyper::Request<Incoming>| {
        if request.uri().path().starts_with("/console") {
            request.extensions_mut().insert(Peer(peer));
        }
        service.call(request)
    })
}

/// Sends what is written without waiting for more to fill a packet.
fn hurry(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection waits to fill its packets");
    }
}

/// Closes the listener and answers the connections that wait to be taken: the system would reset them, though whoever
/// opened them may have sent a request already.
fn waiting(listener: TcpListener) -> Vec<(TcpStream, IpAddr)> {
    let take = |listener: &std::net::TcpListener| {
        let (stream, peer) = listener.accept()?;
        stream.set_nonblocking(true)?;
        TcpStream::from_std(stream).map(|stream| (stream, peer.ip()))
    };
    // It answers at once, with a fault when nobody waits.
    let listener = listener.into_std();
    listener.iter().flat_map(|listener| (0..BACKLOG).map_while(|_| take(listener).ok())).collect()
}

/// How often no connection could be taken since that was last said.
#[derive(Debug, Default)]
struct Missed {
    said: Option<Instant>,
    times: u64,
}

impl Missed {
    /// How often by now, when it is to be said again.
    fn once_more(&mut self, now: Instant) -> Option<u64> {
        self.times = self.times.saturating_add(1);
        if self.said.is_some_and(|said| now.saturating_duration_since(said) < BETWEEN_WARNINGS) {
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.times))
    }
}

/// Every route, each with the role it needs; and `pages`, which see to that themselves.
pub fn router(shared: Arc<Shared>, pages: Router<Arc<Shared>>) -> Router {
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
        .route("/v1/generations/{id}/edits", post(generations::edit))
        .route("/v1/serves", get(serves::list))
        .route("/v1/serves/{id}", get(serves::one))
        .route_layer(needs(Role::Review));
    let compliance = Router::new()
        .route("/v1/policy", get(policy::policy))
        .route("/v1/policy/rollback", post(desk::roll_back))
        .route("/v1/policy/proposals", get(desk::list))
        .route("/v1/policy/proposals/{hash}", get(desk::one).post(desk::decide))
        .route("/v1/erasures", post(erasures::erase))
        .route("/v1/stops", post(stops::set).get(stops::list))
        .route("/v1/stops/{id}", delete(stops::lift))
        .route("/v1/purge", post(stops::purge))
        .route_layer(needs(Role::Compliance));
    Router::new()
        .merge(serve)
        .merge(review)
        .merge(compliance)
        .merge(pages)
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
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Head, shared: &Arc<Shared>) -> Result<Self, Self::Rejection> {
        Ok(Self(shared.desk.pin()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
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
        let served = tokio::spawn(serve(listener, router, 2, async move { drop(stopped.await) }));
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

    #[tokio::test]
    async fn who_waits_to_be_taken_when_it_stops_is_still_answered() {
        let router = Router::new().route("/", get(|| async {}));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        for _ in 0..20 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
            waiting.push(stream);
        }
        serve(listener, router, 2, std::future::ready(())).await;
        for mut stream in waiting {
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
        assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
    }

    #[test]
    fn connections_leave_files_to_the_rest() {
        let of = |files: u64| most_connections(Some(files));
        assert_eq!([0, 256, 257, 1_024, 4_096].map(of), [1, 1, 1, 576, 2_880]);
        assert_eq!([13_589, 13_590, 1 << 20, u64::MAX].map(of), [9_999, 10_000, 10_000, 10_000]);
        assert_eq!(most_connections(None), 10_000);
        assert!(is_short(of(13_589)) && !is_short(of(13_590)));
    }

    #[test]
    fn that_no_connection_can_be_taken_is_said_once_a_second() {
        let (mut missed, start) = (Missed::default(), Instant::now());
        let said = |millis: u64| missed.once_more(start + Duration::from_millis(millis));
        assert_eq!(
            [0, 50, 999, 1_000, 1_050, 2_500].map(said),
            [Some(1), None, None, Some(3), None, Some(2)]
        );
    }
}
