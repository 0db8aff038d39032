//! Who is asked at all: breakers, places, hedges, and what a service that closes gives up.

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

use super::upstream::{Reply, Upstream, completion, reply, text};
use super::*;

const LONG: Duration = Duration::from_secs(60);

fn backup(base_url: String) -> Provider {
    Provider { name: "backup".to_owned(), ..provider(base_url) }
}

/// Left alone after so many failures, for that long.
fn breaking(failures: u32, open_for: Duration, provider: Provider) -> Provider {
    Provider { breaker: BreakerSettings { failures, open_for }, retries: 0, ..provider }
}

async fn ask(generator: &Generator) -> Written {
    generator.write(&prompt(), &within(LONG)).await
}

/// Terms that end when the sender says so.
fn closable() -> (watch::Sender<bool>, Terms) {
    let (close, asked) = watch::channel(false);
    (close, Terms { closing: Closing::when(asked), ..within(LONG) })
}

fn kinds(written: &Written) -> Vec<(&str, Option<FaultKind>)> {
    written.attempts.iter().map(|attempt| (attempt.provider.as_str(), attempt.fault)).collect()
}

fn busy() -> Reply {
    reply("503 Service Unavailable", "retry-after-ms: 1\r\n", "")
}

#[tokio::test]
async fn a_provider_that_fails_again_and_again_is_left_alone() {
    let first = Upstream::start(vec![reply("401 Unauthorized", "", "")]).await;
    let second = Upstream::start(vec![text("Soft.")]).await;
    let ill = breaking(2, LONG, provider(first.url.clone()));
    let generator = generator(vec![ill, backup(second.url.clone())]);
    for _ in 0..4 {
        assert_eq!(ask(&generator).await.result.as_deref(), Ok("Soft."));
    }
    assert_eq!((first.calls(), second.calls()), (2, 4));
    let [ill, well] = &generator.standing()[..] else { panic!("two providers") };
    assert_eq!((ill.name.as_str(), ill.breaker, ill.failures), ("primary", BreakerState::Open, 2));
    assert_eq!((ill.fault, ill.in_flight), (Some(FaultKind::Rejected), 0));
    assert!(ill.open_for.is_some_and(|left| left <= LONG + LONG / 10));
    assert_eq!((well.breaker, well.failures, well.open_for), (BreakerState::Closed, 0, None));
    assert_eq!(generator.can_ask(), Ok(()));
}

#[tokio::test]
async fn when_all_are_left_alone_nobody_is_asked() {
    let upstream = Upstream::start(vec![reply("403 Forbidden", "", "")]).await;
    let ill = || breaking(1, LONG, provider(upstream.url.clone()));
    let generator = generator(vec![ill(), Provider { name: "backup".to_owned(), ..ill() }]);
    assert_eq!(ask(&generator).await.result, Err(Failure::Upstream));
    assert_eq!(generator.can_ask(), Err(Failure::BreakerOpen));
    let written = ask(&generator).await;
    assert_eq!((written.result, written.attempts.len()), (Err(Failure::BreakerOpen), 0));
    assert_eq!(upstream.calls(), 2);
    assert_eq!(generator.budget().spent(), Micros(0), "what nobody was asked for is not paid for");
    assert_eq!(super::generator(vec![]).can_ask(), Err(Failure::NoProvider));
}

#[tokio::test]
async fn what_stands_in_the_way_is_said_truly_where_it_is_two_things() {
    let upstream = Upstream::start(vec![reply("403 Forbidden", "", "")]).await;
    let free = Provider { price: None, ..breaking(1, LONG, provider(upstream.url.clone())) };
    let priced = backup(upstream.url.clone());
    let spent = || Budget::new(Some(Micros(1)), Micros(1), TODAY);
    let generator = Generator::new(vec![free, priced.clone()], spent()).unwrap();
    assert_eq!(ask(&generator).await.result, Err(Failure::Upstream));
    assert_eq!(
        ask(&generator).await.result,
        Err(Failure::BreakerOpen),
        "the only one that could be paid is ill"
    );
    let generator = Generator::new(vec![breaking(1, LONG, priced)], spent()).unwrap();
    assert_eq!(ask(&generator).await.result, Err(Failure::Budget));
}

#[tokio::test]
async fn one_call_tries_whether_it_is_well_again() {
    let upstream = Upstream::start(vec![busy(), Reply::Stall, busy(), text("Soft.")]).await;
    let generator = Arc::new(generator(vec![breaking(1, Duration::ZERO, provider(upstream.url.clone()))]));
    assert_eq!(ask(&generator).await.result, Err(Failure::Upstream));
    assert_eq!(generator.standing()[0].breaker, BreakerState::HalfOpen);
    let trial = tokio::spawn({
        let generator = Arc::clone(&generator);
        async move { ask(&generator).await }
    });
    upstream.asked(2).await;
    assert_eq!(generator.can_ask(), Err(Failure::BreakerOpen));
    assert_eq!(ask(&generator).await.result, Err(Failure::BreakerOpen), "one at a time");
    assert_eq!(generator.standing()[0].in_flight, 1);
    // Whoever gives a trial up leaves its place to the next.
    trial.abort();
    assert!(trial.await.unwrap_err().is_cancelled());
    assert_eq!(generator.can_ask(), Ok(()));
    assert_eq!(ask(&generator).await.result, Err(Failure::Upstream));
    assert_eq!(ask(&generator).await.result.as_deref(), Ok("Soft."));
    let standing = generator.standing().remove(0);
    assert_eq!((standing.breaker, standing.failures, standing.in_flight), (BreakerState::Closed, 0, 0));
    assert_eq!(upstream.calls(), 4);
}

#[tokio::test]
async fn retries_end_where_the_breaker_opens() {
    let upstream = Upstream::start(vec![busy()]).await;
    let ill = Provider { retries: 9, ..breaking(2, LONG, provider(upstream.url.clone())) };
    assert_eq!((write(vec![ill]).await.result, upstream.calls()), (Err(Failure::Upstream), 2));
}

#[tokio::test]
async fn one_answer_is_enough_where_it_says_for_how_long() {
    let quota = r#"{"error": {"code": "insufficient_quota"}}"#;
    let dated = "date: Mon, 23 Nov 2026 10:00:00 GMT\r\nretry-after: Mon, 23 Nov 2026 10:02:00 GMT\r\n";
    for (headers, body, seconds) in [
        ("", quota, 60),
        ("retry-after: 90\r\n", "", 90),
        ("retry-after: 9999999\r\n", "", 300),
        (dated, "", 120),
        // Without a `date` it is our own clock that says how long that is.
        ("retry-after: Mon, 23 Nov 2026 10:02:00 GMT\r\n", "", 120),
    ] {
        let upstream = Upstream::start(vec![reply("429 Too Many Requests", headers, body)]).await;
        let generator = generator(vec![provider(upstream.url.clone())]);
        assert_eq!(ask(&generator).await.result, Err(Failure::Upstream));
        let left = generator.standing()[0].open_for.unwrap().as_secs_f64();
        let seconds = f64::from(seconds);
        assert!(left > seconds - 30.0 && left <= seconds * 1.1, "{headers}: {left}");
        assert_eq!(ask(&generator).await.result, Err(Failure::BreakerOpen));
        assert_eq!(upstream.calls(), 1);
    }
}

#[tokio::test]
async fn nobody_waits_long_for_one_where_another_can_be_asked() {
    let first = Upstream::start(vec![reply("503 Service Unavailable", "retry-after: 20\r\n", "")]).await;
    let second = Upstream::start(vec![text("Soft.")]).await;
    let generator = generator(vec![provider(first.url.clone()), backup(second.url.clone())]);
    assert_eq!(ask(&generator).await.result.as_deref(), Ok("Soft."));
    assert_eq!(generator.standing()[0].breaker, BreakerState::Open, "and it is left alone as it asked");
}

#[tokio::test]
async fn a_provider_that_was_left_a_rest_of_the_time_is_not_ill() {
    let (first, second) =
        (Upstream::start(vec![Reply::Stall]).await, Upstream::start(vec![Reply::Stall]).await);
    let hasty = Provider { timeout: Duration::from_millis(50), ..provider(first.url.clone()) };
    let generator = generator(vec![hasty, backup(second.url.clone())]);
    let written = generator.write(&prompt(), &within(Duration::from_secs(2))).await;
    assert_eq!(written.result, Err(Failure::TimedOut));
    assert_eq!(
        kinds(&written),
        [("primary", Some(FaultKind::Timeout)), ("backup", Some(FaultKind::Timeout))]
    );
    assert_eq!(generator.standing().iter().map(|s| s.failures).collect::<Vec<_>>(), [1, 0]);
    // One that let all the time pass that there was is.
    let alone = super::generator(vec![provider(second.url.clone())]);
    alone.write(&prompt(), &within(Duration::from_millis(50))).await;
    assert_eq!(alone.standing()[0].failures, 1);
}

#[tokio::test]
async fn a_provider_that_is_full_is_passed_over() {
    let first = Upstream::start(vec![Reply::Stall]).await;
    let second = Upstream::start(vec![text("Soft.")]).await;
    let narrow = Provider { concurrency: Some(1), ..provider(first.url.clone()) };
    let generator = Arc::new(generator(vec![narrow, backup(second.url.clone())]));
    let held = tokio::spawn({
        let generator = Arc::clone(&generator);
        async move { ask(&generator).await }
    });
    first.asked(1).await;
    let written = ask(&generator).await;
    assert_eq!((written.result.as_deref(), kinds(&written)), (Ok("Soft."), vec![("backup", None)]));
    held.abort();
}

#[tokio::test]
async fn where_all_are_full_a_place_is_waited_for() {
    let gate = Arc::new(Semaphore::new(0));
    let slow = Reply::After(Arc::clone(&gate), Box::new(text("Soft.")));
    let upstream = Upstream::start(vec![slow, text("Light.")]).await;
    let generator =
        Arc::new(generator(vec![Provider { concurrency: Some(1), ..provider(upstream.url.clone()) }]));
    let spawn = |terms: Terms| {
        let generator = Arc::clone(&generator);
        tokio::spawn(async move { generator.write(&prompt(), &terms).await })
    };
    let first = spawn(within(LONG));
    upstream.asked(1).await;
    // Whoever's time ends before a place is free, or whose service closes, asks nobody.
    let late = generator.write(&prompt(), &within(Duration::from_millis(20))).await;
    assert_eq!((late.result, late.attempts.len()), (Err(Failure::TimedOut), 0));
    let (close, terms) = closable();
    let closed = spawn(terms);
    let second = spawn(within(LONG));
    tokio::task::yield_now().await;
    close.send_replace(true);
    assert_eq!(closed.await.unwrap().result, Err(Failure::Closed));
    assert_eq!((upstream.calls(), generator.standing()[0].in_flight), (1, 1));
    gate.add_permits(1);
    assert_eq!(first.await.unwrap().result.as_deref(), Ok("Soft."));
    assert_eq!(second.await.unwrap().result.as_deref(), Ok("Light."));
}

#[tokio::test]
async fn the_next_is_asked_as_well_when_the_first_is_slow_and_the_first_answer_counts() {
    let first = Upstream::start(vec![Reply::Stall]).await;
    let second = Upstream::start(vec![text("Soft.")]).await;
    let providers = vec![provider(first.url.clone()), backup(second.url.clone())];
    let generator = generator(providers.clone()).hedged(Some(Duration::from_millis(20)));
    let written = ask(&generator).await;
    assert_eq!(written.result.as_deref(), Ok("Soft."));
    assert_eq!(kinds(&written), [("primary", Some(FaultKind::Abandoned)), ("backup", None)]);
    let worst = provider(String::new()).price.unwrap().worst(&prompt());
    assert_eq!(written.attempts[0].cost, worst, "nobody knows what it used");
    assert_eq!(generator.budget().spent(), written.cost());
    let standing = generator.standing();
    assert_eq!((standing[0].failures, standing[0].in_flight), (1, 0), "one that is always overtaken is ill");
    // Who answers in time is asked alone.
    let quick = super::generator(vec![providers[1].clone(), providers[0].clone()]).hedged(Some(LONG));
    assert_eq!(ask(&quick).await.attempts.len(), 1);
    assert_eq!(first.calls(), 1);
}

#[tokio::test]
async fn the_one_asked_first_may_still_answer_first() {
    let gate = Arc::new(Semaphore::new(0));
    let slow = Reply::After(Arc::clone(&gate), Box::new(text("Soft.")));
    let (first, second) = (Upstream::start(vec![slow]).await, Upstream::start(vec![Reply::Stall]).await);
    let generator = generator(vec![provider(first.url.clone()), backup(second.url.clone())])
        .hedged(Some(Duration::from_millis(20)));
    let answer = async {
        second.asked(1).await;
        gate.add_permits(1);
    };
    let (written, ()) = tokio::join!(ask(&generator), answer);
    assert_eq!(written.result.as_deref(), Ok("Soft."));
    assert_eq!(kinds(&written), [("backup", Some(FaultKind::Abandoned)), ("primary", None)]);
    assert_eq!(generator.standing().iter().map(|s| s.failures).collect::<Vec<_>>(), [0, 0]);
}

#[tokio::test]
async fn a_refusal_ends_the_hedge_too_and_a_failure_does_not() {
    let hedged = async |hedge: Reply, gate: Arc<Semaphore>| {
        let slow = Reply::After(Arc::clone(&gate), Box::new(text("Soft.")));
        let (first, second) = (Upstream::start(vec![slow]).await, Upstream::start(vec![hedge]).await);
        let second_provider = Provider { retries: 0, ..backup(second.url.clone()) };
        let generator = generator(vec![provider(first.url.clone()), second_provider])
            .hedged(Some(Duration::from_millis(20)));
        let answer = async {
            second.asked(1).await;
            // The failure is in before the first answers.
            while generator.standing()[1].failures == 0 && generator.standing()[0].in_flight > 0 {
                tokio::task::yield_now().await;
            }
            gate.add_permits(1);
        };
        let (written, ()) = tokio::join!(ask(&generator), answer);
        (written.result.clone(), kinds(&written).iter().map(|(_, kind)| *kind).collect::<Vec<_>>())
    };
    let gate = || Arc::new(Semaphore::new(0));
    let refusal = completion(serde_json::json!({"content": null, "refusal": "No."}), "stop");
    let expected = (Err(Failure::Upstream), vec![Some(FaultKind::Abandoned), Some(FaultKind::Refused)]);
    assert_eq!(hedged(refusal, gate()).await, expected);
    let expected = (Ok("Soft.".to_owned()), vec![Some(FaultKind::Server), None]);
    assert_eq!(hedged(busy(), gate()).await, expected);
}

#[tokio::test]
async fn nobody_is_asked_as_well_who_is_left_alone() {
    let gate = Arc::new(Semaphore::new(1));
    let ill = Upstream::start(vec![reply("403 Forbidden", "", "")]).await;
    let slow = || Reply::After(Arc::clone(&gate), Box::new(text("Soft.")));
    let first = Upstream::start(vec![reply("400 Bad Request", "", ""), slow()]).await;
    let providers = vec![provider(first.url.clone()), breaking(1, LONG, backup(ill.url.clone()))];
    let generator = generator(providers).hedged(Some(Duration::from_millis(1)));
    assert_eq!(ask(&generator).await.result, Err(Failure::Upstream));
    let written = ask(&generator).await;
    assert_eq!((written.result.as_deref(), ill.calls()), (Ok("Soft."), 1));
    assert_eq!(kinds(&written), [("primary", None)]);
}

#[tokio::test]
async fn a_service_that_closes_gives_up_what_is_asked_and_records_it() {
    let (first, second) =
        (Upstream::start(vec![Reply::Stall]).await, Upstream::start(vec![Reply::Stall]).await);
    let generator = generator(vec![provider(first.url.clone()), backup(second.url.clone())])
        .hedged(Some(Duration::from_millis(20)));
    let (close, terms) = closable();
    let closing = async {
        first.asked(1).await;
        second.asked(1).await;
        close.send_replace(true);
    };
    let question = prompt();
    let (written, ()) = tokio::join!(generator.write(&question, &terms), closing);
    assert_eq!(written.result, Err(Failure::Closed));
    let abandoned = Some(FaultKind::Abandoned);
    assert_eq!(kinds(&written), [("primary", abandoned), ("backup", abandoned)]);
    assert_eq!(error(&written), "given up: the service closes");
    let worst = provider(String::new()).price.unwrap().worst(&prompt());
    assert_eq!(written.cost(), Micros(worst.0 * 2));
    assert_eq!(generator.budget().spent(), written.cost());
    assert_eq!(generator.standing().iter().map(|s| s.failures).collect::<Vec<_>>(), [0, 0]);
    let after = generator.write(&question, &terms).await;
    assert_eq!((after.result, after.attempts.len()), (Err(Failure::Closed), 0));
}

#[tokio::test]
async fn a_service_that_closes_does_not_wait_for_a_retry() {
    let upstream = Upstream::start(vec![reply("503 Service Unavailable", "retry-after: 50\r\n", "")]).await;
    let generator = generator(vec![provider(upstream.url.clone())]);
    let (close, terms) = closable();
    let closing = async {
        upstream.asked(1).await;
        while generator.standing()[0].failures == 0 {
            tokio::task::yield_now().await;
        }
        close.send_replace(true);
    };
    let question = prompt();
    let (written, ()) = tokio::join!(generator.write(&question, &terms), closing);
    assert_eq!(written.result, Err(Failure::Closed));
    assert_eq!(kinds(&written), [("primary", Some(FaultKind::Server))]);
}
