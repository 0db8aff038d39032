//! Everything goes wrong at once, for as long as one likes: an LLM that fails in every way, rules that come and go, a
//! memory too small, requests that arrive on schedule whatever becomes of them. Every page is answered, and nothing is
//! shown that the rules in force do not let pass.
//!
//! A few seconds by default; `COPYRAIL_SOAK_SECONDS=600 cargo test --release --test it soak -- --nocapture` for long,
//! `COPYRAIL_SOAK_RATE` for another number of requests a second. From five minutes on the service's memory must stay flat.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use copyrail::app::wall_clock;
use copyrail::audit::search;
use copyrail::audit::verify::verify;
use copyrail::catalogue::Product;
use copyrail::document::Files;
use copyrail::guardrail::{self, Bans, Draft, Ground, Opinions, approve};
use copyrail::pipeline::{Case, ProductRef, Request};
use copyrail::policy::{Policy, Standing, load_copy, read_dir, read_file};
use copyrail::prompt::Chosen;
use copyrail::simulate::{self, Script};
use copyrail::store::{Access, Store};
use copyrail::words::Locale;
use jiff::tz::TimeZone;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::flights::request;
use crate::support::{Serving, copyrail, shop};

const PRODUCTS: usize = 300;
/// What only faulty answers say.
const MARKER: &str = "qqzmark";
/// What the shipped rules let pass, and the edited ones do not.
const BANNED: &str = "xylophone";
/// From so many seconds on the memory is held to be flat: it takes a while to fill, and so do the allocator's pools, of
/// which each thread that compiled rules keeps one.
const LONG: usize = 300;
const ORIGIN: &str = "https://shop.example";

const SETTINGS: &str = r#"
[policy]
reload = "100ms"
[cache]
bytes = "256KiB"
[limits]
generation_timeout = "2s"
concurrency = 16
queue = 32
drain = "0s"
[[llm.providers]]
name = "simulated"
base_url = "BASE"
model = "simulated"
timeout = "1s"
first_byte_timeout = "800ms"
retries = 1
breaker = {failures = 8, open_for = "500ms"}
price_per_million = {input = 0.40, cached_input = 0.10, output = 1.60}
"#;

const RULE: &str = "rules:\n  - id: no-xylophone\n    extends: existence\n    message: \"'%s' is not said.\"\n    \
                    level: error\n    ignorecase: true\n    tokens: [xylophone]\n    examples:\n      \
                    fail: [A xylophone.]\n      pass: [A drum.]\n";
const FAULTY: &str = "rules:\n  - id: no-xylophone\n    level: errror\n";
const NO_SETTINGS: &str = "rules:\n";
const RETIRED: &str = "retired:\n  - {id: extra.no-xylophone, reason: It was for a week., by: brand@example.com, on: 2026-11-22}\n";

/// A number from the environment.
#[expect(clippy::disallowed_methods, reason = "a longer run is asked for in the environment")]
fn asked_for(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).ok().map_or(otherwise, |number| number.parse().expect("a whole number"))
}

// ── The LLM ──

/// Some share of the calls goes wrong in each way; now and then the LLM asks to be left alone for longer than anybody waits.
fn script(calls: usize) -> Script {
    let pauses = (40..calls.max(41)).step_by(400).map(|call| {
        let pause =
            json!({"status": 429, "headers": {"retry-after": "2"}, "body": format!("{MARKER} pause")});
        json!({"when": {"call": call}, "do": pause})
    });
    // The rules have nothing against it, nor against half of it: it must be kept back for how it came.
    let half = format!("A handy {MARKER} companion. A handy {MARKER} companion.");
    let shares = [
        (0.05, json!({"status": 500, "body": format!("{MARKER} failed")})),
        (0.04, json!({"error": "rate_limit_exceeded", "status": 429, "headers": {"retry-after": "1"}})),
        (0.02, json!({"status": 429, "headers": {"retry-after-ms": "40"}})),
        (0.02, json!({"stall": true})),
        (0.02, json!({"stall_body": true, "text": half})),
        (0.03, json!({"cut": true, "text": half})),
        (0.02, json!({"reset": true})),
        (0.03, json!({"body": half, "content_type": "text/html"})),
        (0.02, json!({"truncate": true, "text": half})),
        (0.03, json!({"refusal": half})),
        (0.03, json!({"text": half, "finish_reason": "length"})),
        (0.02, json!({"text": half, "finish_reason": "content_filter"})),
        (0.02, json!({"empty": true})),
        (0.02, json!({"blank": true})),
        (0.06, json!({"append": format!("Guaranteed by {MARKER} to please.")})),
        (0.03, json!({"invent_number": true})),
        (0.25, json!({"append": format!("It suits a {BANNED} evening."), "delay_ms": [5, 60]})),
        (0.15, json!({"delay_ms": [100, 900]})),
    ];
    let shares = shares.into_iter().map(|(share, what)| json!({"when": {"share": share}, "do": what}));
    let steps: Vec<Value> = pauses.chain(shares).collect();
    Script::parse(&Value::from(steps).to_string()).unwrap()
}

// ── The shop ──

fn products() -> Vec<Value> {
    let what = ["lamp", "kettle", "throw", "rucksack", "mug", "stool", "clock", "tray", "vase", "torch"];
    let makers = ["Alder", "Fernley", "Tarn", "Millbrook", "Lumo", "Harbour"];
    let colours = ["moss green", "slate", "sand", "rust", "off-white"];
    (0..PRODUCTS)
        .map(|n| {
            let (what, maker, colour) = (what[n % 10], makers[n / 10 % 6], colours[n / 60 % 5]);
            json!({
                "id": format!("p-{n}"), "name": format!("{maker} {what} in {colour}"), "brand": maker,
                "category": "Home", "price": 20 + n % 70,
                "features": {"colour": colour, "weight": format!("{} g", 300 + n), "material": "beech"},
            })
        })
        .collect()
}

/// The policies that edits put in force, by their revision. Each edit is one file, so there are no others.
fn policies(folder: &Path) -> HashMap<String, Arc<Policy>> {
    let below = |read: &dyn Fn(&mut Files, &mut Vec<_>)| -> Files {
        let (mut files, mut faults) = (Files::new(), Vec::new());
        read(&mut files, &mut faults);
        assert_eq!(faults, []);
        let prefix = format!("{}/", folder.display());
        files.into_iter().map(|(path, text)| (path.strip_prefix(&prefix).unwrap().to_owned(), text)).collect()
    };
    let shipped = below(&|files, faults| read_dir(&folder.join("guardrails"), files, faults));
    let copy = below(&|files, faults| {
        read_dir(&folder.join("prompts"), files, faults);
        read_file(&folder.join("config/segments.yml"), files, faults);
    });
    let mut ruled = shipped.clone();
    ruled.insert("guardrails/extra.yml".into(), RULE.into());
    let mut retired = shipped.clone();
    retired.insert("guardrails/guardrails.yml".into(), RETIRED.into());
    let policy = |files: &Files| {
        let (guardrails, faults) = guardrail::load(files, &TimeZone::get("Europe/London").unwrap());
        let guardrails = guardrails.unwrap_or_else(|| panic!("{faults:#?}"));
        let (segments, standing) = ("config/segments.yml", Standing::InForce);
        let now = wall_clock()();
        let (copy, faults) = load_copy(&copy, segments, "prompts", Some(&guardrails), standing, now);
        let copy = copy.unwrap_or_else(|| panic!("{faults:#?}"));
        Arc::new(Policy::of(Arc::new(guardrails), Arc::new(copy), now))
    };
    let all = [shipped, ruled, retired].map(|files| policy(&files));
    all.into_iter().map(|policy| (policy.revision.to_string(), policy)).collect()
}

/// How many edits there are before they begin again.
const EDITS: usize = 5;

/// The edits, one after the other and then again: a rule comes, is edited badly, taken out without a word, retired in order,
/// and forgotten. Done when the service says that it took the edit or refused it.
async fn edit(turn: usize, folder: PathBuf, policy: reqwest::RequestBuilder) {
    let (settings, extra) = (folder.join("guardrails/guardrails.yml"), folder.join("guardrails/extra.yml"));
    // An edit is there whole or not at all.
    let write = |path: &Path, text: &str| {
        let beside = folder.join("beside.yml");
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(&beside, path).unwrap();
    };
    let in_force =
        async || -> Value { policy.try_clone().unwrap().send().await.unwrap().json().await.unwrap() };
    let before = in_force().await;
    match turn % EDITS {
        0 => write(&extra, RULE),
        1 => write(&extra, FAULTY),
        2 => std::fs::remove_file(&extra).unwrap(),
        3 => write(&settings, RETIRED),
        _ => write(&settings, NO_SETTINGS),
    }
    // A faulty rule does not take effect, and neither does one that is gone without a word.
    let refused = matches!(turn % EDITS, 1 | 2);
    // Telling what is in force means judging all that people wrote, so it is not asked all the time.
    let mut ticks = tokio::time::interval(Duration::from_millis(250));
    for _ in 0..240 {
        ticks.tick().await;
        let now = in_force().await;
        // What is in force and what is refused are read one after the other, so both are asked for.
        let taken = now["revision"] != before["revision"] && now["refused"] == json!([]);
        let turned_away = now["revision"] == before["revision"] && now["refused"] != before["refused"];
        if if refused { turned_away } else { taken } {
            return;
        }
    }
    panic!("edit {turn} was not taken as it should be: {before:#}");
}

// ── The traffic ──

/// A request as it is sent, and what the answer is judged against.
struct Planned {
    kind: &'static str,
    /// The body of a post; none for a browser's request.
    body: Option<Value>,
    path: String,
    product: Value,
    user: Value,
    context: Value,
}

/// Requests of every kind, for products some of which are asked for far more often than others.
fn planned(products: &[Value], page_key: &str, random: &mut StdRng) -> Planned {
    // The n-th product is asked for in proportion to 1/n, roughly.
    let rank = (PRODUCTS as f64).powf(random.random::<f64>()) as usize - 1;
    let mut product = products[rank.min(PRODUCTS - 1)].clone();
    let device = ["mobile", "desktop"][random.random_range(0..2)];
    let locale = ["en-GB", "en-GB", "en-GB", "de", "fr"][random.random_range(0..5)];
    let context = json!({"locale": locale, "device": device});
    let plan = |kind, body, product, user, context| {
        let path = "/v1/blurbs".to_owned();
        Planned { kind, body: Some(body), path, product, user, context }
    };
    let mut body = json!({"placement": "why-this", "product": {"id": product["id"]}, "context": context});
    match random.random_range(0..12) {
        0 => {
            let id = product["id"].as_str().unwrap();
            let path =
                format!("/v1/blurbs/why-this?product={id}&locale={locale}&device={device}&key={page_key}");
            Planned { kind: "browser", body: None, path, product, user: json!({}), context }
        }
        1 | 2 => {
            body["deadline_ms"] = json!(0);
            plan("does not wait", body, product, json!({}), context)
        }
        3 => {
            body["deadline_ms"] = json!(4_000);
            body["priority"] = json!("bulk");
            plan("bulk", body, product, json!({}), context)
        }
        4 => {
            product.as_object_mut().unwrap().remove("id");
            product["features"]["made in"] = json!(["Leeds", "Ghent", "Porto"][random.random_range(0..3)]);
            body["product"] = product.clone();
            body["deadline_ms"] = json!(400);
            plan("inline facts", body, product, json!({}), context)
        }
        5..=8 => {
            let user = json!({
                "orders_90d": random.random_range(0..6), "orders_total": random.random_range(0..9),
                "discount_affinity": f64::from(random.random_range(0..10)) / 10.0,
            });
            body["user"] =
                json!({"id": format!("u-{}", random.random_range(0..50)), "attributes": user.clone()});
            let consent = random.random_range(0..3) > 0;
            body["consent"] = json!({"personalisation": consent});
            body["deadline_ms"] = json!(400);
            plan("with a user", body, product, if consent { user } else { json!({}) }, context)
        }
        _ => {
            body["deadline_ms"] = json!(400);
            plan("page", body, product, json!({}), context)
        }
    }
}

struct Answered {
    planned: Planned,
    status: u16,
    answer: Value,
    /// From the instant at which it was to be sent.
    took: Duration,
}

async fn send(
    client: reqwest::Client,
    address: String,
    key: String,
    planned: Planned,
    due: Instant,
) -> Answered {
    let url = format!("http://{address}{}", planned.path);
    let request = match &planned.body {
        Some(body) => client.post(url).bearer_auth(key).json(body),
        None => client.get(url).header("origin", ORIGIN),
    };
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let answer = response.json().await.unwrap();
    Answered { planned, status, answer, took: due.elapsed() }
}

// ── The judgement ──

/// Whether these rules let this text pass for that request, word for word.
fn passes(policy: &Arc<Policy>, planned: &Planned, answer: &Value) -> bool {
    let map = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let product = Arc::new(Product::inline(planned.product.clone()).unwrap());
    let request = Request {
        product: ProductRef::Facts(Arc::clone(&product)),
        user: map(&planned.user),
        context: map(&planned.context),
        personalisation: planned.user.as_object().is_some_and(|user| !user.is_empty()),
        ..request("the product is given")
    };
    let placement = policy.copy.prompts.placement("why-this").unwrap();
    let case = Case::of(policy, Arc::default(), placement, &request, Ok(product), wall_clock()());
    let (text, locale) =
        (answer["text"].as_str().unwrap(), Locale::parse(answer["locale"].as_str().unwrap()).unwrap());
    let draft = Draft::new(text);
    if answer["ai_generated"] == false {
        return case.approve(&draft, &locale).is_some_and(|approved| approved.text() == text);
    }
    // A browser is not told which template it was: it gets what any page of the segment gets.
    let chosen = match answer["template"].as_str() {
        Some(id) => {
            let template = policy.copy.prompts.templates(&placement.id).find(|t| t.id.as_str() == id);
            let template = template.unwrap_or_else(|| panic!("no template `{id}`"));
            Chosen { template, locale: template.written_in(&locale).unwrap() }
        }
        None => case.choose(copyrail::words::Tier::Segment).unwrap(),
    };
    let inputs = chosen.template.inputs(&case.scope());
    let prompt = policy.copy.prompts.render(chosen, &inputs).unwrap();
    let ground = Ground {
        inputs: &inputs,
        instructions: prompt.instructions(),
        opinions: Opinions::Unknown,
        ..case.ground(chosen.locale)
    };
    placement.over_limit(text).is_none()
        && approve(&policy.guardrails, &Bans::default(), &draft, &ground)
            .is_ok_and(|approved| approved.text() == text)
}

/// The texts of all generations in the log, by id.
async fn written(store: &Store) -> HashMap<String, String> {
    let (mut texts, mut cursor) = (HashMap::new(), None);
    loop {
        let filter = search::Filter::default();
        let page = search::generations(store, &filter, search::MAX_PAGE, cursor.as_deref()).await.unwrap();
        for record in &page.items {
            let generation = search::generation(store, record.id).await.unwrap().unwrap();
            if let Some(text) = generation.payload.and_then(|payload| payload.text) {
                texts.insert(record.id.to_string(), text);
            }
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return texts;
        }
    }
}

/// What the process takes in memory, in KiB; `None` where nobody tells.
fn resident(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok())
}

fn mean(numbers: &[u64]) -> f64 {
    numbers.iter().sum::<u64>() as f64 / numbers.len().max(1) as f64
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_goes_wrong_pages_are_answered_and_nothing_unapproved_is_shown() {
    let (seconds, rate) = (asked_for("COPYRAIL_SOAK_SECONDS", 7), asked_for("COPYRAIL_SOAK_RATE", 50));
    let simulator = simulate::start(([127, 0, 0, 1], 0).into(), script(seconds * rate), 7).await.unwrap();
    let (folder, products) = (shop(), products());
    let lines: Vec<String> = products.iter().map(Value::to_string).collect();
    std::fs::write(folder.path().join("catalogue.jsonl"), lines.join("\n")).unwrap();
    std::fs::write(
        folder.path().join("config/copyrail.toml"),
        SETTINGS.replace("BASE", &simulator.base_url()),
    )
    .unwrap();
    let run = |arguments: &[&str]| {
        let ran = copyrail(folder.path(), arguments, &[], "");
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.err);
        ran.out.trim().to_owned()
    };
    run(&["catalog", "import", "catalogue.jsonl"]);
    let key = run(&["keys", "new", "--role", "serve"]);
    let compliance = run(&["keys", "new", "--role", "compliance"]);
    let page_key = run(&["keys", "new", "--role", "publishable", "--origin", ORIGIN]);
    std::fs::write(folder.path().join("guardrails/guardrails.yml"), NO_SETTINGS).unwrap();
    let policies = policies(folder.path());
    assert_eq!(policies.len(), 3, "each has a revision of its own");

    let mut serving = Serving::start(folder.path(), &[]);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut random = StdRng::seed_from_u64(20_261_122);
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate as u32);
    let (mut sent, mut memory) = (tokio::task::JoinSet::new(), Vec::new());
    let (mut edits, mut editing) = (0, tokio::spawn(async {}));
    // In a short run one edit follows the other at once.
    let pace = if seconds < 30 { rate.div_ceil(4) } else { 3 * rate };
    // On a slow machine it takes as long as every edit takes.
    for number in 0.. {
        if number >= seconds * rate && edits > EDITS && editing.is_finished() {
            break;
        }
        let due = ticks.tick().await;
        let planned = planned(&products, &page_key, &mut random);
        sent.spawn(send(client.clone(), serving.address.clone(), key.clone(), planned, due));
        if number % rate == rate / 2 {
            memory.extend(resident(serving.id()));
        }
        if number % pace == pace / 2 && editing.is_finished() {
            editing.await.unwrap();
            let policy = client.get(format!("http://{}/v1/policy", serving.address)).bearer_auth(&compliance);
            editing = tokio::spawn(edit(edits, folder.path().to_owned(), policy));
            edits += 1;
        }
    }
    editing.await.unwrap();
    let answers = sent.join_all().await;
    let ended = serving.terminate();
    simulator.stop().await;

    let told = Told::of(&answers);
    eprintln!("{told}\nresident memory in KiB, second by second: {memory:?}");
    assert_eq!(ended, Some(0), "it leaves in order");

    // Every page is answered, with a text or none, and none of them is a fault's.
    for Answered { planned, status, answer, .. } in &answers {
        let (text, source) = (answer["text"].as_str().unwrap(), answer["source"].as_str().unwrap());
        assert_eq!(*status, 200, "{}: {answer}", planned.kind);
        assert_eq!(text.is_empty(), source == "none", "{}: {answer}", planned.kind);
        assert!(!text.contains(MARKER), "{}: {answer}", planned.kind);
    }

    // Nothing is shown that the rules in force do not let pass; of a browser's answer one of those in force lets it pass.
    let mut judged = HashSet::new();
    let mut shown_under = BTreeMap::<&str, usize>::new();
    for Answered { planned, answer, .. } in answers.iter().filter(|a| a.answer["source"] != "none") {
        let revision = answer["revision"].as_str();
        if !judged.insert(
            json!([answer["text"], revision, planned.product, planned.user, planned.context]).to_string(),
        ) {
            continue;
        }
        match revision {
            Some(revision) => {
                let policy = policies.get(revision).unwrap_or_else(|| panic!("no such policy: {answer}"));
                assert!(passes(policy, planned, answer), "{}: {answer}", planned.kind);
                *shown_under.entry(revision).or_default() += 1;
            }
            None => {
                assert!(policies.values().any(|p| passes(p, planned, answer)), "{}: {answer}", planned.kind)
            }
        }
    }
    assert_eq!(shown_under.len(), policies.len(), "every edit was in force for a while: {shown_under:?}");
    // The judgement bites: what was shown before the rule came does not pass it.
    let says_it = |answered: &&Answered| answered.answer["text"].as_str().unwrap().contains(BANNED);
    let banned = answers.iter().find(says_it).expect("some texts say it");
    let passing = policies.values().filter(|policy| passes(policy, &banned.planned, &banned.answer)).count();
    assert_eq!(passing, 2, "{}", banned.answer);

    // The log is whole, holds every answer, and every generated text that was shown.
    run(&["audit", "verify"]);
    let url = format!("sqlite:{}", folder.path().join("data/copyrail.db").display());
    let store = Store::open(&url, Access::ReadOnly).await.unwrap();
    let report = verify(&store, None, |_, _| ()).await.unwrap();
    assert_eq!((report.fault, report.serves), (None, answers.len() as u64));
    let written = written(&store).await;
    let texts: HashSet<&str> = written.values().map(String::as_str).collect();
    for Answered { answer, .. } in answers.iter().filter(|a| a.answer["ai_generated"] == true) {
        let text = answer["text"].as_str().unwrap();
        match answer["generation_id"].as_str() {
            Some(id) => assert_eq!(written.get(id).map(String::as_str), Some(text), "{answer}"),
            None => assert!(texts.contains(text), "{answer}"),
        }
    }

    // The mix is what the script makes of it.
    let all = answers.len();
    for (source, reason, least, most) in [
        ("generated", None, 0.02, 0.9),
        ("cache", None, 0.05, 0.9),
        ("prewritten", Some("upstream"), 0.002, 0.5),
        ("prewritten", Some("deadline"), 0.02, 0.6),
        ("prewritten", Some("guardrail"), 0.002, 0.5),
        ("prewritten", Some("breaker_open"), 0.002, 0.6),
        ("none", None, 0.05, 0.4),
    ] {
        let share = told.many(source, reason) as f64 / all as f64;
        assert!((least..=most).contains(&share), "{source} {reason:?}: {share}\n{told}");
    }

    // It says what went wrong, and nothing else did: its errors are those of the edits.
    let entries =
        serving.log().into_iter().map(|line| serde_json::from_str::<Value>(&line).expect("a line of JSON"));
    let errors: Vec<Value> = entries.filter(|entry| entry["level"] == "ERROR").collect();
    assert!(!errors.is_empty(), "faulty edits were refused");
    for error in &errors {
        assert_eq!(error["fields"]["set"], "guardrails", "{error}");
    }

    let quarter = memory.len() / 4;
    if seconds >= LONG && quarter > 0 {
        let (before, after) = (mean(&memory[quarter..2 * quarter]), mean(&memory[memory.len() - quarter..]));
        assert!(after <= before * 1.25, "memory grew from {before:.0} to {after:.0} KiB");
    }
}

/// What came of the requests, as tables.
struct Told<'a> {
    mix: BTreeMap<(&'a str, &'a str), usize>,
    took: BTreeMap<&'a str, Vec<Duration>>,
}

impl<'a> Told<'a> {
    fn of(answers: &'a [Answered]) -> Self {
        let (mut mix, mut took) = (BTreeMap::new(), BTreeMap::<_, Vec<_>>::new());
        for Answered { planned, answer, took: after, .. } in answers {
            let word = |name: &str| answer[name].as_str().unwrap_or("-");
            *mix.entry((word("source"), word("reason"))).or_default() += 1;
            took.entry(planned.kind).or_default().push(*after);
        }
        took.values_mut().for_each(|took| took.sort());
        Self { mix, took }
    }

    fn many(&self, source: &str, reason: Option<&str>) -> usize {
        let counts =
            self.mix.iter().filter(|((s, r), _)| *s == source && reason.is_none_or(|reason| *r == reason));
        counts.map(|(_, count)| count).sum()
    }
}

impl std::fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{:<12}{:<20}{:>8}", "source", "reason", "answers")?;
        for ((source, reason), count) in &self.mix {
            writeln!(f, "{source:<12}{reason:<20}{count:>8}")?;
        }
        writeln!(
            f,
            "\n{:<16}{:>8}{:>9}{:>9}{:>9}{:>9}",
            "milliseconds", "answers", "p50", "p90", "p99", "most"
        )?;
        for (kind, took) in &self.took {
            let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1_000.0;
            let (half, most, tail, end) = (at(0.5), at(0.9), at(0.99), at(1.0));
            writeln!(f, "{kind:<16}{:>8}{half:>9.1}{most:>9.1}{tail:>9.1}{end:>9.1}", took.len())?;
        }
        Ok(())
    }
}
