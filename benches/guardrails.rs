//! Text rules on a blurb of 60 words, beside one raw aho-corasick scan of that blurb for the same phrases in the same run.
//!
//! `cargo bench --bench guardrails`; the last lines are the ratios. The goals: 1,000 rules at most 10 scans; 10,000
//! phrases at most twice as long as 100; no slower with `£` or `é` in the text; `grounded` at most 50 scans.

#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(
    clippy::print_stdout,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench prints what it measured, and ends where it cannot"
)]

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use aho_corasick::AhoCorasick;
use copyrail::document::Files;
use copyrail::guardrail::{self, Draft, Ground, Guardrails, Opinions, Prepared, Subject};
use criterion::{Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

/// Sixty words, a price and no finding but two: `effortless comfort` and `timeless style` are among the phrases.
const BLURB: &str = "Meet the Harbour jacket, cut from brushed cotton for long walks by the water. Two deep pockets keep \
    your hands warm, and the hood folds away into the collar when the sun comes out. Effortless comfort for every \
    morning, timeless style for every evening. Yours today for $45 with free returns, in four colours that go with \
    everything, and repaired at cost for years.";

/// Words that the phrases are made of, many of them in the blurb too.
const FIRST: &[&str] = &[
    "effortless",
    "timeless",
    "ultimate",
    "premium",
    "perfect",
    "amazing",
    "luxury",
    "stunning",
    "superior",
    "natural",
    "simply",
    "totally",
    "always",
    "never",
    "every",
    "long",
    "deep",
    "free",
    "warm",
    "best",
    "clinically",
    "fully",
    "risk",
    "guaranteed",
    "instant",
    "proven",
    "secret",
    "magic",
    "miracle",
    "doctor",
    "award",
    "eco",
    "carbon",
    "green",
    "clean",
    "pure",
    "toxic",
    "chemical",
    "unbeatable",
    "lowest",
];
const SECOND: &[&str] = &[
    "comfort",
    "style",
    "warmth",
    "value",
    "quality",
    "results",
    "price",
    "choice",
    "design",
    "performance",
    "water",
    "pockets",
    "hands",
    "morning",
    "evening",
    "returns",
    "colours",
    "cost",
    "years",
    "walks",
    "friendly",
    "neutral",
    "winning",
    "approved",
    "recommended",
    "tested",
    "free",
    "proof",
    "offer",
    "deal",
];
const THIRD: &[&str] =
    &["", " ever", " today", " for you", " of all", " now", " at last", " in town", " on earth"];

/// That many phrases, each another, spread over the words by a stride that visits every combination once.
fn phrases(count: usize) -> Vec<String> {
    let all = FIRST.len() * SECOND.len() * THIRD.len();
    let stride = 7_919;
    let phrase = |n: usize| {
        let n = n * stride % all;
        let (first, rest) = (n % FIRST.len(), n / FIRST.len());
        format!("{} {}{}", FIRST[first], SECOND[rest % SECOND.len()], THIRD[rest / SECOND.len()])
    };
    let mut phrases: Vec<String> = ["effortless comfort", "timeless style"].map(str::to_owned).into();
    let blurb = BLURB.to_lowercase();
    phrases.extend((0..all).map(phrase).filter(|phrase| !blurb.contains(phrase)).take(count - 2));
    assert_eq!(phrases.len(), count);
    phrases
}

fn load(files: &[String]) -> Guardrails {
    let named = |(n, rules): (usize, &String)| (format!("guardrails/bench-{n}.yml"), rules.clone());
    let files: Files = files.iter().enumerate().map(named).collect();
    let (guardrails, faults) = guardrail::load(&files, &TimeZone::UTC);
    guardrails.unwrap_or_else(|| panic!("{:?}", faults.first()))
}

/// A rule for each phrase.
fn a_rule_each(phrases: &[String]) -> Guardrails {
    let file = |phrases: &[String]| {
        let mut file = "rules:\n".to_owned();
        for (n, phrase) in phrases.iter().enumerate() {
            file.push_str(&format!(
                "  - {{id: r{n}, extends: existence, message: \"'%s'\", level: warning, ignorecase: true, \
                 tokens: [\"{phrase}\"], examples: {{fail: [\"{phrase}\"], pass: [x]}}}}\n"
            ));
        }
        file
    };
    load(&phrases.chunks(1_000).map(file).collect::<Vec<_>>())
}

/// One rule of all phrases.
fn one_rule(phrases: &[String]) -> Guardrails {
    load(&[format!(
        "rules:\n  - {{id: r, extends: existence, message: \"'%s'\", level: warning, ignorecase: true, tokens: {}, \
         examples: {{fail: [\"{}\"], pass: [x]}}}}\n",
        json!(phrases),
        phrases[0]
    )])
}

/// A sheet of 40 attributes that supports every figure of the blurb.
fn sheet() -> Map<String, Value> {
    let mut features = Map::new();
    for n in 0..9 {
        features.insert(format!("size_{n}_mm"), json!(600 + 35 * n));
        features.insert(format!("weight_{n}"), json!(format!("{} g", 700 + 40 * n)));
        features.insert(format!("material_{n}"), json!(format!("{}% cotton, {}% wool", 90 - n, 10 + n)));
        features.insert(
            format!("note_{n}"),
            json!(format!("Tested {} times over {} months at 30 °C", 100 + n, n + 2)),
        );
    }
    features.insert("colours".into(), json!(["moss", "sand", "slate", "rust"]));
    features.insert("colour_count".into(), json!(4));
    let mut facts = Map::new();
    facts.insert("name".into(), json!("Harbour jacket"));
    facts.insert("price".into(), json!({"amount": 45, "currency": "USD"}));
    facts.insert("features".into(), features.into());
    facts
}

fn judged(guardrails: &Guardrails, text: &str, facts: &Map<String, Value>) -> usize {
    let empty = Map::new();
    let (context, inputs, placement, locale) = (&empty, &empty, None, None);
    let (instructions, at, opinions) = (None, Timestamp::UNIX_EPOCH, Opinions::Unknown);
    let subject = Subject { text, facts, context, placement, locale, inputs, instructions, at, opinions };
    guardrail::judge(guardrails, &subject).findings.len()
}

/// The same by what is kept of the facts beside them, as copy is judged before it is served.
fn approved(guardrails: &Guardrails, text: &str, facts: &Map<String, Value>, prepared: &Prepared) -> usize {
    let empty = Map::new();
    let ground = Ground {
        facts,
        facts_hash: [0; 32],
        prepared: Some(prepared),
        context: &empty,
        placement: None,
        locale: None,
        inputs: &empty,
        instructions: None,
        at: Timestamp::UNIX_EPOCH,
        opinions: Opinions::Unknown,
    };
    match guardrail::approve(guardrails, &guardrail::Bans::default(), &Draft::new(text), &ground) {
        Ok(approved) => approved.findings().len(),
        Err(judgement) => judgement.findings.len(),
    }
}

/// The public styles that lie beside the repository, each turned on; `None`, said aloud, where there are none.
fn public_styles() -> Option<Guardrails> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/vale/styles"));
    let mut files = Files::new();
    let mut styles = Vec::new();
    for style in std::fs::read_dir(root).into_iter().flatten().flatten() {
        let name = style.file_name().to_string_lossy().into_owned();
        for rule in std::fs::read_dir(style.path()).into_iter().flatten().flatten() {
            let file = rule.file_name().to_string_lossy().into_owned();
            if let (true, Ok(content)) = (file.ends_with(".yml"), std::fs::read_to_string(rule.path())) {
                files.insert(format!("guardrails/styles/{name}/{file}"), content);
            }
        }
        styles.push(name);
    }
    if files.is_empty() {
        println!("SKIPPED: there are no public styles in {}", root.display());
        return None;
    }
    let settings = format!("styles: {}\n", json!(styles));
    files.insert("guardrails/guardrails.yml".to_owned(), settings);
    let (guardrails, faults) = guardrail::load(&files, &TimeZone::UTC);
    if guardrails.is_none() {
        println!("SKIPPED: the public styles do not load: {:?}", faults.first().map(|fault| &fault.message));
    }
    guardrails
}

fn bench(criterion: &mut Criterion) {
    let empty = Map::new();
    let thousand = phrases(1_000);
    let raw = AhoCorasick::builder().ascii_case_insensitive(true).build(&thousand);
    let raw = raw.unwrap_or_else(|error| panic!("{error}"));
    let scan = |text: &str| raw.find_iter(black_box(text)).count();
    assert_eq!(scan(BLURB), 2);
    let pound = BLURB.replace('$', "£");
    let accent = BLURB.replace("Harbour", "Harbouré");
    let quotes = BLURB.replace("Harbour jacket,", "Harbour jacket – the walker’s own –");
    let calm = BLURB.replace("fortless", "fort-less").replace("meless", "me-less");
    let rules = a_rule_each(&thousand);
    let each = [100, 10_000].map(|count| a_rule_each(&phrases(count)));
    let one = [100, 10_000].map(|count| one_rule(&phrases(count)));
    let figures = load(&[
        "rules: [{id: r, extends: grounded, message: m, level: error, examples: {fail: [A 12 MP camera.], pass: [A camera.]}}]".to_owned(),
    ]);
    let (facts, prepared) = (sheet(), Prepared::default());
    let grounded =
        BLURB.replace("deep pockets", "pockets 11 cm deep").replace("brushed cotton", "90% cotton");
    let styles = public_styles();
    for (rules, text, findings) in [
        (&rules, BLURB, 2),
        (&rules, &*pound, 2),
        (&rules, &*accent, 2),
        (&rules, &*quotes, 2),
        (&rules, &*calm, 0),
        (&each[0], BLURB, 2),
        (&each[1], BLURB, 2),
        (&one[0], BLURB, 2),
        (&one[1], BLURB, 2),
    ] {
        assert_eq!(judged(rules, text, &empty), findings, "{text}");
    }

    type Run<'a> = Box<dyn Fn() -> usize + 'a>;
    let run = |rules, text, facts| -> Run<'_> { Box::new(move || judged(rules, black_box(text), facts)) };
    let mut runs: Vec<(&str, Run<'_>)> = vec![
        ("a raw scan for 1,000 phrases", Box::new(|| scan(BLURB))),
        ("1,000 rules", run(&rules, BLURB, &empty)),
        ("1,000 rules, nothing found", run(&rules, &calm, &empty)),
        ("1,000 rules, with £", run(&rules, &pound, &empty)),
        ("1,000 rules, with é", run(&rules, &accent, &empty)),
        ("1,000 rules, with – and ’", run(&rules, &quotes, &empty)),
        ("100 rules of a phrase", run(&each[0], BLURB, &empty)),
        ("10,000 rules of a phrase", run(&each[1], BLURB, &empty)),
        ("one rule of 100 phrases", run(&one[0], BLURB, &empty)),
        ("one rule of 10,000 phrases", run(&one[1], BLURB, &empty)),
        ("grounded, against 40 attributes", run(&figures, &grounded, &facts)),
        (
            "grounded, these being kept",
            Box::new(|| approved(&figures, black_box(&grounded), &facts, &prepared)),
        ),
    ];
    if let Some(styles) = &styles {
        runs.push(("the public styles", run(styles, BLURB, &empty)));
    }
    for (what, run) in &runs {
        criterion.bench_function(what, |b| b.iter(run));
    }

    // Turn by turn in one run, so that whatever slows this machine slows all alike; of the turns the median.
    const TURNS: usize = 300;
    let mut took = vec![Vec::with_capacity(TURNS); runs.len()];
    for _ in 0..TURNS {
        for ((_, run), took) in runs.iter().zip(&mut took) {
            took.push(timed(run));
        }
    }
    let medians: Vec<f64> = took
        .into_iter()
        .map(|mut took| {
            took.sort();
            took[TURNS / 2].as_secs_f64() * 1e6 / f64::from(TIMES)
        })
        .collect();
    println!("\n{:<36} {:>9} {:>10}", "", "µs", "raw scans");
    for ((what, _), took) in runs.iter().zip(&medians) {
        println!("{what:<36} {took:>9.2} {:>10.1}", took / medians[0]);
    }
    for (what, over, under) in [
        ("£ beside $", 3, 1),
        ("é beside none", 4, 1),
        ("– and ’ beside none", 5, 1),
        ("10,000 rules beside 100", 7, 6),
        ("10,000 phrases beside 100, in one rule", 9, 8),
    ] {
        println!("{what:<46} {:>10.2}", medians[over] / medians[under]);
    }
}

/// How often a turn runs each.
const TIMES: u32 = 20;

fn timed(run: &dyn Fn() -> usize) -> Duration {
    let start = Instant::now();
    for _ in 0..TIMES {
        black_box(run());
    }
    start.elapsed()
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = bench
}
criterion_main!(benches);
