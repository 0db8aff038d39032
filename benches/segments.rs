//! One request against 50 segments of 7 conditions, beside parsing that request's JSON in the same run.
//!
//! `cargo bench --bench segments`; the last lines are the ratios. The goal is at most 10 µs for a decision.

#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(
    clippy::print_stdout,
    clippy::panic,
    reason = "a bench prints what it measured, and ends where it cannot"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use copyrail::condition::Scope;
use copyrail::segment::{self, Segments};
use criterion::{Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

const SEGMENTS: usize = 50;

/// 50 segments, each of seven conditions over 20 attributes; none of them matches the request, so all are asked.
fn segments() -> Segments {
    let mut file = String::from("attributes:\n");
    for n in 0..5 {
        file.push_str(&format!("  user.count_{n}: {{type: integer}}\n  user.score_{n}: {{type: number, class: score, max_age: 30d}}\n"));
        file.push_str(&format!("  user.label_{n}: {{type: string}}\n  user.day_{n}: {{type: date}}\n"));
    }
    file.push_str(
        "  context.device: {type: string, class: public, values: [mobile, desktop, tablet]}\nsegments:\n",
    );
    for n in 0..SEGMENTS {
        let (a, b) = (n % 5, (n + 2) % 5);
        file.push_str(&format!(
            "  - id: s{n}\n    when:\n      user.count_{a}: {{$gte: {n}}}\n      user.score_{b}: {{$gte: 0.9{n}}}\n      \
             user.label_{a}: {{$in: [red{n}, green{n}, blue{n}]}}\n      user.day_{b}: {{$within: {}d}}\n      \
             user.label_{b}: {{$regex: \"^never-{n}\"}}\n      context.device: tablet\n      \
             $or: [{{user.count_{b}: {{$lt: 0}}}}, {{user.score_{a}: {{$exists: false}}}}]\n",
            n + 1
        ));
    }
    let (segments, faults) = segment::load("bench.yml", &file);
    segments.unwrap_or_else(|| panic!("{faults:?}"))
}

/// The body of a request that gives all of them.
fn body() -> String {
    let mut attributes = Map::new();
    for n in 0..5 {
        attributes.insert(format!("count_{n}"), json!(n * 7));
        attributes.insert(format!("score_{n}"), json!({"value": 0.31, "at": "2026-11-20T10:00:00Z"}));
        attributes.insert(format!("label_{n}"), json!(format!("purple-{n}")));
        attributes.insert(format!("day_{n}"), json!("2026-01-05"));
    }
    json!({
        "placement": "why-this", "product": {"id": "1970121"}, "user": {"id": "u-17", "attributes": attributes},
        "context": {"locale": "en-GB", "device": "mobile"}, "consent": {"personalisation": true}, "deadline_ms": 150
    })
    .to_string()
}

struct Request {
    user: Map<String, Value>,
    context: Map<String, Value>,
    now: Timestamp,
}

fn request(body: &str) -> Request {
    let value: Value = serde_json::from_str(body).unwrap_or_default();
    let map = |pointer: &str| value.pointer(pointer).and_then(Value::as_object).cloned().unwrap_or_default();
    Request {
        user: map("/user/attributes"),
        context: map("/context"),
        now: "2026-11-22T12:00:00Z".parse().unwrap_or(Timestamp::UNIX_EPOCH),
    }
}

fn bench(criterion: &mut Criterion) {
    let (segments, body) = (segments(), body());
    let request = request(&body);
    let shaped = segments.attributes.shape(&request.user, &request.context, request.now);
    let product = Map::new();
    let scope = Scope::new(Some(&shaped.user), &shaped.context, &product, request.now).dated(&shaped.dates);
    assert_eq!(segments.choose(&scope).as_str(), "default", "every segment is asked");
    let parse = || serde_json::from_str::<Value>(black_box(&body)).is_ok();
    let shape = || segments.attributes.shape(black_box(&request.user), &request.context, request.now);
    let choose = || segments.choose(black_box(&scope));
    let decide = || segments.decide(black_box(&scope));
    criterion.bench_function("parse the request", |b| b.iter(parse));
    criterion.bench_function("shape its attributes", |b| b.iter(shape));
    criterion.bench_function("choose among 50 segments of 7 conditions", |b| b.iter(choose));
    criterion.bench_function("decide, with every test's outcome", |b| b.iter(decide));
    criterion.bench_function("explain, with every value", |b| b.iter(|| segments.explain(black_box(&scope))));

    // Turn by turn in one run, so that whatever slows this machine slows all alike.
    let mut took = [Duration::ZERO; 4];
    for _ in 0..2_000 {
        took[0] += timed(parse);
        took[1] += timed(shape);
        took[2] += timed(choose);
        took[3] += timed(decide);
    }
    let [parse, shape, choose, decide] = took.map(|took| took.as_secs_f64() / 2_000.0 * 1e6);
    println!("\nparsing the request's JSON takes {parse:.2} µs; beside that");
    for (what, took) in [("shaping its attributes", shape), ("choosing", choose), ("deciding", decide)] {
        println!("  {what:<24} {took:>6.2} µs  {:.2} of it", took / parse);
    }
}

fn timed<T>(run: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(run());
    start.elapsed()
}

criterion_group!(benches, bench);
criterion_main!(benches);
