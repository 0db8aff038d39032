//! One question, one LLM call: identical questions in flight share one generation, and a caller who hangs up cancels
//! nothing that others wait for.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use copyrail::catalogue::Product;
use copyrail::pipeline::{self, Answer, Priority, ProductRef, Request};
use copyrail::words::{PlacementId, Source, Tier};
use serde_json::{Map, Value, json};

use crate::support::{TestApp, Upstream, ask, eventually};

/// One generation at a time, and none may wait: a second one would be turned away.
const ONE: [(&str, &str); 2] = [("COPYRAIL__LIMITS__CONCURRENCY", "1"), ("COPYRAIL__LIMITS__QUEUE", "0")];
const TEXT: &str = "A handy companion for the evening.";

/// A request as the HTTP surface would put it to the pipeline.
pub fn request(name: &str) -> Request {
    let product = Product::inline(json!({ "name": name })).unwrap();
    Request {
        placement: PlacementId::new("why-this"),
        product: ProductRef::Facts(product.into()),
        user_id: None,
        user: Map::new(),
        context: Map::new(),
        personalisation: false,
        deadline: Some(Duration::from_secs(30)),
        received: tokio::time::Instant::now(),
        may_generate: true,
        accept: None,
        best: Tier::User,
        priority: Priority::Page,
        trace_id: None,
    }
}

type Asking = Pin<Box<dyn Future<Output = Option<Answer>> + Send>>;

/// Puts a question and leaves it waiting: once it was polled it is in flight.
fn in_flight(app: &TestApp, name: &str) -> Asking {
    let shared = app.app().shared.clone();
    let request = request(name);
    let mut asking: Asking = Box::pin(async move {
        let policy = shared.desk.pin();
        pipeline::answer(&shared.parts, &policy, request).await
    });
    let polled = asking.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Pending), "nothing is ready while the upstream is held");
    asking
}

#[tokio::test]
async fn two_hundred_identical_questions_in_flight_are_one_call() {
    let upstream = Upstream::saying(TEXT).await;
    upstream.hold();
    let app = TestApp::start_with(&upstream, &[], &ONE).await;
    let asking: Vec<Asking> = (0..200).map(|_| in_flight(&app, "Lumo lamp")).collect();
    // The one place is taken: another question gets none.
    let other = app.blurb(ask("Another lamp")).await;
    assert_eq!(other["reason"], "overload", "{other}");
    upstream.release();
    let mut generations = Vec::new();
    for asked in asking {
        let answer = asked.await.unwrap();
        assert_eq!((answer.source, answer.text.unwrap().text()), (Source::Generated, TEXT));
        generations.push(answer.generation_id.unwrap());
    }
    generations.dedup();
    assert_eq!((generations.len(), upstream.calls()), (1, 1));
}

#[tokio::test]
async fn two_hundred_callers_over_http_are_one_call() {
    let upstream = Upstream::saying(TEXT).await;
    upstream.hold();
    let app = TestApp::start_with(&upstream, &[], &ONE).await;
    let sent = AtomicUsize::new(0);
    let mut calls: Vec<_> = (0..200)
        .map(|_| {
            Box::pin(async {
                sent.fetch_add(1, Ordering::SeqCst);
                app.blurb(ask("Lumo lamp")).await
            })
        })
        .collect();
    // Every call makes some way before the upstream may answer; whoever comes late gets the same copy from the cache.
    eventually("all are sent and one is asked", || {
        for call in &mut calls {
            assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        let reached = sent.load(Ordering::SeqCst) == 200 && upstream.calls() > 0;
        async move { reached }
    })
    .await;
    upstream.release();
    let mut generations = Vec::new();
    for call in calls {
        let answer = call.await;
        assert_eq!(answer["text"], TEXT, "{answer}");
        generations.push(answer["generation_id"].as_str().unwrap().to_owned());
    }
    generations.dedup();
    assert_eq!((generations.len(), upstream.calls()), (1, 1));
}

#[tokio::test]
async fn callers_who_hang_up_cancel_nothing() {
    let upstream = Upstream::saying(TEXT).await;
    upstream.hold();
    let app = TestApp::start_with(&upstream, &[], &ONE).await;
    let first = in_flight(&app, "Lumo lamp");
    let last = in_flight(&app, "Lumo lamp");
    eventually("it is asked", || async { upstream.calls() == 1 }).await;
    drop(first);
    upstream.release();
    let answer = last.await.unwrap();
    assert_eq!((answer.source, upstream.calls()), (Source::Generated, 1));

    // When all hang up it is finished and kept all the same.
    upstream.hold();
    let leaving = [in_flight(&app, "Second lamp"), in_flight(&app, "Second lamp")];
    eventually("the second is asked", || async { upstream.calls() == 2 }).await;
    drop(leaving);
    finished_and_kept(&app, &upstream, "Second lamp", 2).await;

    // Over HTTP too.
    upstream.hold();
    let caller = tokio::spawn({
        let request = app.client().post(app.url("/v1/blurbs")).bearer_auth(app.key("serve"));
        request.json(&ask("Third lamp")).send()
    });
    eventually("the third is asked", || async { upstream.calls() == 3 }).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    finished_and_kept(&app, &upstream, "Third lamp", 3).await;
}

/// Work that nobody waits for any more goes on, and its copy is there for the next.
async fn finished_and_kept(app: &TestApp, upstream: &Upstream, name: &str, calls: usize) {
    let flights = &app.app().shared.parts.flights;
    // Whatever hangs up with its caller has time to do so.
    assert_eq!(app.get("/healthz", "serve").await.status, 200);
    assert_eq!(flights.len(), 1, "{name}");
    upstream.release();
    eventually("it is finished", || async { flights.is_empty() }).await;
    let kept = app.blurb(ask(name)).await;
    assert_eq!((&kept["source"], &kept["text"]), (&json!("cache"), &json!(TEXT)), "{kept}");
    assert_eq!(upstream.calls(), calls, "{name}");
}

/// A request of somebody who agreed to personalisation.
fn by(user: &str, attributes: Value, name: &str, locale: &str) -> Value {
    json!({
        "placement": "why-this", "product": {"name": name}, "deadline_ms": 30_000,
        "user": {"id": user, "attributes": attributes}, "consent": {"personalisation": true},
        "context": {"locale": locale},
    })
}

#[tokio::test]
async fn those_who_would_get_the_same_prompt_share_it_and_no_others_do() {
    /// Too short to be in one language or another.
    const ANY: &str = "Lumo.";
    let upstream = Upstream::saying(ANY).await;
    let app = TestApp::start(&upstream).await;
    let check = async |request: Value, calls: usize, segment: &str| {
        let answer = app.blurb(request.clone()).await;
        assert_eq!(answer["text"], ANY, "{request}: {answer}");
        assert_eq!(answer["segment"], segment, "{request}");
        assert_eq!(upstream.calls(), calls, "{request}");
    };
    let hunter = |orders: i64| json!({"discount_affinity": 0.8, "orders_90d": orders});
    check(by("ann", hunter(2), "Lumo lamp", "en"), 1, "bargain-hunters").await;
    check(by("bob", hunter(3), "Lumo lamp", "en"), 1, "bargain-hunters").await;
    check(by("bob", hunter(3), "Lumo lamp", "de"), 2, "bargain-hunters").await;
    check(by("bob", hunter(3), "Fernley pot", "en"), 3, "bargain-hunters").await;
    check(by("bob", json!({"visits": 1}), "Lumo lamp", "en"), 4, "awareness").await;
    check(by("bob", json!({}), "Lumo lamp", "en"), 5, "default").await;
    // Copy for one user is shared by all who are alike to its template.
    let today = copyrail::app::wall_clock()().to_string();
    let repeat = |lately: i64| json!({"orders_total": 4, "last_order": today, "orders_90d": lately});
    check(by("ann", repeat(1), "Lumo lamp", "en"), 6, "repeat").await;
    check(by("bob", repeat(3), "Lumo lamp", "en"), 6, "repeat").await;
    check(by("ann", repeat(4), "Lumo lamp", "en"), 7, "repeat").await;
}
