//! A year of real purchases, taken for views of product pages, asked for copy in four ways: how many LLM calls each way
//! makes, how often memory answers, and what a thousand views cost.
//!
//! `cargo bench --bench traffic` prints the tables and writes `benches/traffic.md` and `benches/traffic.svg`; it takes no
//! network, and its answer is the same on every machine. Who is in which segment, what a prompt says, which questions are
//! the same and how long copy is kept is decided by the product's own code; the clock is the traffic's.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench prints what it measured, and ends where it cannot"
)]

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use copyrail::cache::{Admission, Kept, Key, Memory};
use copyrail::catalogue::Product;
use copyrail::document::Files;
use copyrail::generate::{Price, Usage};
use copyrail::guardrail::{self, Draft};
use copyrail::pipeline::{Case, Priority, ProductRef, Request};
use copyrail::policy::{Policy, Standing, load_copy};
use copyrail::prompt::Ttl;
use copyrail::words::{PlacementId, Tier};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// What people write for the reference model in `config/copyrail.toml`.
const PRICE: Price = Price { input: 0.40, cached_input: 0.10, output: 1.60 };
const MODEL: &str = "gpt-4.1-mini";
/// Bytes of a prompt that make a token, roughly.
const BYTES_PER_TOKEN: usize = 4;
/// The tokens of an answer: a blurb of some forty words.
const ANSWER: u64 = 60;
const DAY: u64 = 24 * 3600;
const LOOKED_BACK: SignedDuration = SignedDuration::from_hours(90 * 24);
/// So many of the products are looked at by themselves: those viewed most.
const MOST_VIEWED: usize = 100;
/// What a service keeps in memory unless its settings say otherwise, in bytes.
const MEMORY: u64 = 256 * 1024 * 1024;

const SEGMENTS: &str = "\
attributes:
  user.orders_90d: {type: integer, description: Baskets in the 90 days before.}
  user.spend_90d: {type: number, description: What they came to.}
  user.discount_share: {type: number, description: The share of their full price that was taken off.}
  user.departments_90d: {type: integer, description: The departments that they were from.}
  user.household: {type: string, description: Who lives there.}
  user.reference: {type: string, description: The household itself.}
segments:
  - {id: bargain-hunters, when: {user.discount_share: {$gte: 0.3}, user.orders_90d: {$gte: 2}}}
  - {id: families, when: {user.household: {$in: [1 Adult Kids, 2 Adults Kids]}}}
  - {id: regulars, when: {user.orders_90d: {$gte: 6}, user.departments_90d: {$gte: 3}}}
  - {id: newcomers, when: {user.orders_90d: {$lte: 1}}}
";

/// The template that the shop is shipped with; the ways differ in what they add to it.
const TEMPLATE: &str = include_str!("../prompts/why-this/default.prompty");
const PRODUCT: &str = "  product.name:\n  product.category:\n  product.department:\n";

/// A way of asking for copy, each a placement of its own.
struct Way {
    placement: &'static str,
    name: &'static str,
    what: &'static str,
    /// What its template sees beside the product; none where each segment has a template instead.
    sees: Option<&'static str>,
}

const WAYS: [Way; 4] = [
    Way {
        placement: "segment",
        name: "Segment",
        what: "one text for each segment and product; five segments",
        sees: None,
    },
    Way {
        placement: "banded",
        name: "Banded user",
        what: "the template reads orders, spend and discount share, each in three bands",
        sees: Some(
            "  user.orders_90d: {bands: [2, 6], labels: [new here, now and then, often]}\n  \
               user.spend_90d: {bands: [10, 30], labels: [little, some, much]}\n  \
               user.discount_share: {bands: [0.1, 0.3], labels: [full price, some reductions, looks for reductions]}\n",
        ),
    },
    Way {
        placement: "household",
        name: "Per household",
        what: "the template reads who the household is, and nothing that changes",
        sees: Some("  user.reference:\n"),
    },
    Way {
        placement: "raw",
        name: "Raw user",
        what: "the same three attributes as they are, rounded to cents and hundredths",
        sees: Some("  user.orders_90d:\n  user.spend_90d:\n  user.discount_share:\n"),
    },
];

/// How long copy is kept.
const KEPT: [(&str, Ttl); 3] = [
    ("7 days, anew after 24 h", Ttl { soft: Duration::from_secs(DAY), hard: Duration::from_secs(7 * DAY) }),
    ("7 days", Ttl { soft: Duration::from_secs(7 * DAY), hard: Duration::from_secs(7 * DAY) }),
    ("for good", Ttl { soft: Duration::from_secs(3650 * DAY), hard: Duration::from_secs(3650 * DAY) }),
];

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| {
        let path = root.join("../shared/data").join(name);
        std::fs::read_to_string(&path).inspect_err(|_| eprintln!("{} is not here", path.display())).ok()
    };
    let files = read("events_completejourney.csv").zip(read("profiles_completejourney_801.jsonl"));
    let Some((events, profiles)) = files else {
        println!("Without the purchases there is nothing to simulate; nothing was written.");
        return;
    };
    let (views, policy) = (views(&events, &profiles), policy());
    let scenes = scenes(&policy, &views);
    let tables: Vec<String> = scenes.iter().map(Scene::table).collect();
    let (page, chart) = (page(&views, &scenes, &tables), chart(&scenes));
    for (scene, table) in scenes.iter().zip(&tables) {
        println!("{}\n\n{table}", scene.title());
    }
    for (name, text) in [("traffic.md", page), ("traffic.svg", chart)] {
        let path = root.join("benches").join(name);
        std::fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        println!("wrote {}", path.display());
    }
}

// ── The traffic ──

/// A purchase, taken for a view of that product by that household at that time, and of its category.
struct View {
    at: Timestamp,
    product: Arc<Product>,
    category: Arc<Product>,
    user: Map<String, Value>,
}

/// What a household bought.
struct Line {
    at: Timestamp,
    department: String,
    paid: f64,
    saved: f64,
}

/// The traffic in its order. A household's attributes are made of what it bought before, and of its profile.
fn views(events: &str, profiles: &str) -> Vec<View> {
    let profiles: HashMap<String, Value> = profiles
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("a profile: {error}")))
        .map(|profile: Value| (profile["household_id"].as_str().unwrap_or_default().to_owned(), profile))
        .collect();
    let mut products: HashMap<String, Arc<Product>> = HashMap::new();
    let mut bought: HashMap<String, Vec<Line>> = HashMap::new();
    let mut views: Vec<View> = Vec::new();
    for (number, line) in events.lines().enumerate().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        // The file quotes nothing. Should it ever, this says so rather than reading something else.
        let [at, household, id, department, category, _, sales, retail, coupon] = fields[..] else {
            panic!("line {}: it has not nine fields", number + 1)
        };
        assert!(!line.contains('"'), "line {}: quoted fields are not read", number + 1);
        let amount =
            |text: &str| text.parse::<f64>().unwrap_or_else(|error| panic!("line {}: {error}", number + 1));
        let at: DateTime =
            at.replace(' ', "T").parse().unwrap_or_else(|error| panic!("line {}: {error}", number + 1));
        let at = at.to_zoned(TimeZone::UTC).map(|at| at.timestamp()).unwrap_or(Timestamp::UNIX_EPOCH);
        assert!(views.last().is_none_or(|last| last.at <= at), "line {}: out of order", number + 1);
        let mut known = |id: &str| {
            Arc::clone(products.entry(id.to_owned()).or_insert_with(|| product(id, department, category)))
        };
        let (product, category) =
            (known(id), known(if category.is_empty() { "without a category" } else { category }));
        let before = bought.entry(household.to_owned()).or_default();
        let user = attributes(household, before, at, profiles.get(household));
        views.push(View { at, product, category, user });
        let saved = amount(retail) + amount(coupon);
        before.push(Line { at, department: department.to_owned(), paid: amount(sales), saved });
    }
    views
}

fn product(id: &str, department: &str, category: &str) -> Arc<Product> {
    let mut facts = json!({"id": id, "name": if category.is_empty() { format!("Product {id}") } else { category.into() }});
    for (name, value) in [("category", category), ("department", department)] {
        if !value.is_empty() {
            facts[name] = value.into();
        }
    }
    Product::inline(facts).map(Arc::new).unwrap_or_else(|error| panic!("product {id}: {error}"))
}

/// What is known of a household at an instant: nothing of that instant's own basket, nothing of what comes after.
fn attributes(
    household: &str,
    before: &[Line],
    at: Timestamp,
    profile: Option<&Value>,
) -> Map<String, Value> {
    let lately = || before.iter().filter(|line| line.at < at && at.duration_since(line.at) <= LOOKED_BACK);
    let (paid, saved) = lately().fold((0.0, 0.0), |(paid, saved), l| (paid + l.paid, saved + l.saved));
    let orders = lately().map(|line| line.at).collect::<HashSet<_>>().len();
    let departments = lately().map(|line| &line.department).collect::<HashSet<_>>().len();
    let hundredths = |number: f64| (number * 100.0).round() / 100.0;
    let mut user = Map::new();
    user.insert("reference".into(), household.into());
    user.insert("orders_90d".into(), orders.into());
    user.insert("departments_90d".into(), departments.into());
    user.insert("spend_90d".into(), hundredths(paid).into());
    if paid + saved > 0.0 {
        user.insert("discount_share".into(), hundredths(saved / (paid + saved)).into());
    }
    if let Some(lives) = profile.and_then(|profile| profile["household_comp"].as_str()) {
        user.insert("household".into(), lives.into());
    }
    user
}

// ── The shop ──

/// A small shop: one placement for each way, all on the shipped template.
fn policy() -> Arc<Policy> {
    let (_, rest) = TEMPLATE.split_once("---\n").unwrap_or_default();
    let (_, body) = rest.split_once("\n---\n").unwrap_or_default();
    let (system, user) = body.split_once("\nuser:\n").unwrap_or_else(|| panic!("the template has two turns"));
    let template = |inputs: &str, note: &str, shopper: &str| {
        format!(
            "---\nmodel: {{parameters: {{temperature: 0.7, max_tokens: 160}}}}\ninputs:\n{PRODUCT}{inputs}\
             prewritten: {{en: What this product is made for is set out on this page.}}\n---\n\
             {system}\n{note}\n\nuser:\n{user}{shopper}\n"
        )
    };
    let mut files = Files::from([("segments.yml".to_owned(), SEGMENTS.to_owned())]);
    for Way { placement, sees, .. } in &WAYS {
        let mut write = |name: &str, text: String| files.insert(format!("prompts/{placement}/{name}"), text);
        write(
            "placement.yml",
            "mode: live\nlast_resort: {en: What this product is made for is set out on this page.}\n".into(),
        );
        match sees {
            Some(inputs) => {
                let note = "The block \"shopper\" says what to lead with, and is never to be mentioned.";
                let shopper = "\n{{ user | data(\"shopper\") }}\n";
                write("default.user.prompty", template(inputs, note, shopper));
            }
            None => {
                for segment in ["bargain-hunters", "families", "regulars", "newcomers", "default"] {
                    let note =
                        format!("This is read by {}. Lead with what suits them.", segment.replace('-', " "));
                    write(&format!("{segment}.prompty"), template("", &note, ""));
                }
            }
        }
    }
    let rules = Files::from([("guardrails/none.yml".to_owned(), "rules: []\n".to_owned())]);
    let (guardrails, faults) = guardrail::load(&rules, &TimeZone::UTC);
    let guardrails = guardrails.unwrap_or_else(|| panic!("{faults:?}"));
    let now = Timestamp::UNIX_EPOCH;
    let (copy, faults) = load_copy(&files, "segments.yml", "prompts", Some(&guardrails), Standing::New, now);
    let copy = copy.unwrap_or_else(|| panic!("{faults:?}"));
    Arc::new(Policy::of(Arc::new(guardrails), Arc::new(copy), now))
}

/// What one view asks.
struct Asked {
    at: Timestamp,
    key: Key,
    /// What a call would take.
    usage: Usage,
}

/// What each view asks for in a way, as the pipeline lays it out.
fn asked<'v>(
    policy: &Arc<Policy>,
    way: &Way,
    views: impl Iterator<Item = (&'v View, &'v Arc<Product>)>,
) -> Vec<Asked> {
    let Some(placement) = policy.copy.prompts.placement(way.placement) else {
        panic!("there is no placement {}", way.placement)
    };
    assert_eq!(placement.ttl, KEPT[0].1, "the first is what holds unless a placement says otherwise");
    let asks = |(view, about): (&View, &Arc<Product>)| {
        let request = Request {
            placement: PlacementId::new(way.placement),
            product: ProductRef::Facts(Arc::clone(about)),
            user_id: None,
            user: view.user.clone(),
            context: Map::new(),
            personalisation: true,
            deadline: None,
            received: tokio::time::Instant::now(),
            may_generate: true,
            accept: None,
            best: Tier::User,
            priority: Priority::Page,
            trace_id: None,
        };
        let case = Case::of(policy, Arc::default(), placement, &request, Ok(Arc::clone(about)), view.at);
        assert!(case.attributes.ignored.is_empty(), "{:?}", case.attributes.ignored);
        let chosen = case.choose(case.limit().tier).unwrap_or_else(|| panic!("no template for {request:?}"));
        let inputs = chosen.template.inputs(&case.scope());
        let prompt = policy.copy.prompts.render(chosen, &inputs).unwrap_or_else(|error| panic!("{error}"));
        let bytes: usize = prompt.messages.iter().map(|message| message.content.len()).sum();
        let input = bytes.div_ceil(BYTES_PER_TOKEN) as u64;
        Asked {
            at: view.at,
            key: case.key_for(about, chosen, MODEL, false),
            usage: Usage { input, cached_input: 0, output: ANSWER },
        }
    };
    views.map(asks).collect()
}

// ── What comes of it ──

/// What came of the views of one run.
#[derive(Clone, Copy, Debug, Default)]
struct Outcome {
    views: u64,
    /// Calls for copy that was not there, and for copy that was due to be written anew.
    calls: u64,
    /// Views answered from memory.
    hits: u64,
    /// In millionths of the prices' unit.
    cost: u64,
}

impl Outcome {
    fn per_thousand(self, count: u64) -> f64 {
        count as f64 * 1_000.0 / self.views.max(1) as f64
    }

    fn calls_per_thousand(self) -> f64 {
        self.per_thousand(self.calls)
    }

    fn hit_rate(self) -> f64 {
        self.hits as f64 / self.views.max(1) as f64
    }

    /// In the prices' unit.
    fn cost_per_thousand(self) -> f64 {
        self.per_thousand(self.cost) / 1e6
    }
}

/// Plays the views against a memory. A question is put to the LLM from its `admit`-th request on, within as long as copy is
/// kept; a view that finds copy that is due to be written anew gets it, and causes one call.
fn play<'a>(asked: impl Iterator<Item = &'a Asked>, ttl: Ttl, admit: u8) -> Outcome {
    let (memory, admission) = (Memory::new(MEMORY), Admission::default());
    let mut outcome = Outcome::default();
    for Asked { at, key, usage } in asked {
        outcome.views += 1;
        let kept = memory.get(key, *at);
        let due = match &kept {
            Some(kept) => *at >= kept.stale,
            None => admission.admits(key, admit, ttl.hard, *at),
        };
        outcome.hits += u64::from(kept.is_some());
        if due {
            outcome.calls += 1;
            outcome.cost += PRICE.of(*usage).0;
            memory.keep(*key, written(*at, ttl));
        }
    }
    outcome
}

fn written(at: Timestamp, ttl: Ttl) -> Arc<Kept> {
    let draft = Draft::new("A text of some forty words.");
    let after = |duration| at.checked_add(duration).unwrap_or(Timestamp::MAX);
    let (stale, expires) = (after(ttl.soft), after(ttl.hard));
    Arc::new(Kept {
        written: Arc::clone(&draft.text),
        draft,
        generation: Uuid::nil(),
        written_in: Uuid::nil(),
        models: [].into(),
        stale,
        expires,
        elsewhere: false,
    })
}

/// The pages that copy is for, and what was asked for them in each way.
struct Scene {
    name: &'static str,
    pages: usize,
    ways: Vec<Asking>,
}

/// One way in one scene.
struct Asking {
    way: &'static Way,
    asked: Vec<Asked>,
    questions: usize,
    /// By how long copy is kept; a question is put to the LLM when it is asked first, and when it is asked again.
    outcomes: Vec<[Outcome; 2]>,
}

impl Asking {
    fn of(way: &'static Way, asked: Vec<Asked>) -> Self {
        let questions = asked.iter().map(|asked| asked.key).collect::<HashSet<_>>().len();
        let outcomes =
            KEPT.iter().map(|(_, ttl)| [1, 2].map(|admit| play(asked.iter(), *ttl, admit))).collect();
        Self { way, asked, questions, outcomes }
    }

    /// Calls per thousand views in the first and in the last quarter of the views, with copy kept for good.
    fn first_and_last_quarter(&self) -> [f64; 2] {
        let (_, ttl) = KEPT[2];
        let calls_of = |views: usize| play(self.asked.iter().take(views), ttl, 1).calls as f64;
        let (all, quarter) = (self.asked.len(), self.asked.len() / 4);
        [calls_of(quarter), calls_of(all) - calls_of(all - quarter)]
            .map(|calls| calls * 1_000.0 / quarter.max(1) as f64)
    }
}

fn scenes(policy: &Arc<Policy>, views: &[View]) -> [Scene; 3] {
    let mut viewed: HashMap<&str, usize> = HashMap::new();
    for view in views {
        *viewed.entry(&view.product.id).or_default() += 1;
    }
    let mut most: Vec<(&str, usize)> = viewed.iter().map(|(id, views)| (*id, *views)).collect();
    most.sort_by_key(|(id, views)| (std::cmp::Reverse(*views), *id));
    let most: HashSet<&str> = most.iter().take(MOST_VIEWED).map(|(id, _)| *id).collect();
    let categories = views.iter().map(|view| &view.category.id).collect::<HashSet<_>>().len();
    let of_most = |view: &&View| most.contains(view.product.id.as_str());
    let scene = |name, pages, asked: &dyn Fn(&Way) -> Vec<Asked>| {
        let ways = WAYS.iter().map(|way| Asking::of(way, asked(way))).collect();
        Scene { name, pages, ways }
    };
    [
        scene("Product pages", viewed.len(), &|way| {
            asked(policy, way, views.iter().map(|view| (view, &view.product)))
        }),
        scene("The most viewed of them", most.len(), &|way| {
            asked(policy, way, views.iter().filter(of_most).map(|view| (view, &view.product)))
        }),
        scene("Category pages", categories, &|way| {
            asked(policy, way, views.iter().map(|view| (view, &view.category)))
        }),
    ]
}

// ── How it is told ──

impl Scene {
    fn views(&self) -> usize {
        self.ways.first().map_or(0, |asking| asking.asked.len())
    }

    fn title(&self) -> String {
        format!("{}: {}, {} views", self.name, thousands(self.pages), thousands(self.views()))
    }

    fn table(&self) -> String {
        let head = [
            "way",
            "copy is kept",
            "LLM calls",
            "per 1,000 views",
            "from memory",
            "cost per 1,000",
            "admitted 2nd: calls per 1,000",
            "from memory",
            "cost per 1,000",
        ];
        let mut rows = Vec::new();
        for asking in &self.ways {
            for ((kept, _), [first, second]) in KEPT.iter().zip(&asking.outcomes) {
                let told = |outcome: &Outcome| {
                    [
                        format!("{:.0}", outcome.calls_per_thousand()),
                        format!("{:.1}%", outcome.hit_rate() * 100.0),
                        format!("{:.3}", outcome.cost_per_thousand()),
                    ]
                };
                let who = [asking.way.name.to_owned(), (*kept).to_owned(), thousands(first.calls as usize)];
                rows.push(who.into_iter().chain(told(first)).chain(told(second)).collect());
            }
        }
        table(&head, 2, &rows)
    }
}

/// A Markdown table that also reads well as it stands; the first `left` columns are texts, the others numbers.
fn table(head: &[&str], left: usize, rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].chars().count(), 3]).max().unwrap_or(3)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut out = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = String>| {
        let _ = writeln!(out, "| {} |", cells.collect::<Vec<_>>().join(" | "));
    };
    let put = |column: usize, cell: &str| match column < left {
        true => format!("{cell:<width$}", width = widths[column]),
        false => format!("{cell:>width$}", width = widths[column]),
    };
    line(&mut head.iter().enumerate().map(|(column, cell)| put(column, cell)));
    line(&mut widths.iter().enumerate().map(|(column, width)| match column < left {
        true => "-".repeat(*width),
        false => format!("{}:", "-".repeat(width - 1)),
    }));
    for row in rows {
        line(&mut row.iter().enumerate().map(|(column, cell)| put(column, cell)));
    }
    out
}

fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The page about it, in Markdown.
fn page(views: &[View], scenes: &[Scene; 3], tables: &[String]) -> String {
    let day = |view: Option<&View>| {
        view.map(|view| view.at.to_zoned(TimeZone::UTC).date().to_string()).unwrap_or_default()
    };
    let (first, last) = (day(views.first()), day(views.last()));
    let households = views.iter().filter_map(|v| v.user["reference"].as_str()).collect::<HashSet<_>>().len();
    let ways: String = WAYS.iter().map(|way| format!("- **{}**: {}.\n", way.name, way.what)).collect();
    let by_scene = |cell: &dyn Fn(&Asking) -> String| {
        let head: Vec<&str> = ["way"].into_iter().chain(scenes.iter().map(|scene| scene.name)).collect();
        let row = |(index, way): (usize, &Way)| {
            let cells = scenes.iter().map(|scene| cell(&scene.ways[index]));
            [way.name.to_owned()].into_iter().chain(cells).collect()
        };
        table(&head, 1, &WAYS.iter().enumerate().map(row).collect::<Vec<_>>())
    };
    let questions = by_scene(&|asking| thousands(asking.questions));
    let quarters = by_scene(&|asking| {
        let [first, last] = asking.first_and_last_quarter();
        format!("{first:.0} → {last:.0}")
    });
    let detail: String = scenes
        .iter()
        .zip(tables)
        .map(|(scene, table)| format!("### {}\n\n{table}\n", scene.title()))
        .collect();
    format!(
        "# What personal copy costs in LLM calls\n\n\
         Written by `cargo bench --bench traffic`; change `benches/traffic.rs`, not this page.\n\n\
         ![LLM calls per thousand views, by way of asking for copy](traffic.svg)\n\n\
         {views} purchases of {households} households, {first} to {last}, stand in for views of pages: each line of the file is one\n\
         view of that product, and of its category, by that household at that time. The same views are asked for copy in four ways:\n\n\
         {ways}\n\
         What is known of a household comes from its purchases before the view, 90 days back, and from who lives there. Segments,\n\
         prompts, cache keys and the memory are the service's own code, on the traffic's clock; the template is the shipped\n\
         `why-this`.\n\n\
         ## Questions and calls\n\n\
         Different questions in all the traffic; that many calls are made when copy is kept for good:\n\n\
         {questions}\n\
         LLM calls per thousand views with copy kept for good, in the first quarter of the views → in the last:\n\n\
         {quarters}\n\
         {detail}\
         - *LLM calls* are those for copy that was not there, and those for copy that was due to be written anew. The latter is\n  \
           served from memory all the same, so a shorter `soft` makes more calls and, as each begins a new term, more hits.\n\
         - *Admitted 2nd*: a question is put to the LLM when it is asked for the second time (`admit: 2`) within as long as copy\n  \
           is kept, in windows that follow one another. Before that, pre-written copy is served: most views get that where pages\n  \
           are viewed seldom.\n\
         - *Cost* is an estimate, in the unit of the prices in `config/copyrail.toml`: {input} per million tokens read and {output}\n  \
           written, a token for every {BYTES_PER_TOKEN} bytes of the rendered prompt, {ANSWER} tokens an answer, nothing read from\n  \
           the provider's cache, no retries and no repairs.\n\n\
         ## What it means\n\n\
         - The number of questions that a segment or bands can ask of a page has an end: five, or twenty-seven and those of whom\n  \
           nothing is known. Once they are asked, views cost nothing: that is the fall from the first quarter to the last.\n\
         - Values as they are have no end: they change with each purchase, so hardly a question is asked twice but those of newcomers,\n  \
           of whom nothing is known, and there is no fall. Even one text for each household makes fewer calls.\n\
         - Where pages are viewed seldom, how long copy is kept decides more than how personal it is. A `soft` of 24 hours has copy\n  \
           written anew for nearly every view of a page that is not viewed daily: raise `ttl` there, or write `admit: 2`.\n\n\
         ## What it does not mean\n\n\
         - Purchases are not views. A page is viewed far more often than its product is bought, and again by the same people, so \
         every way\n  would do better on real views; the raw one too, whose values change only with a purchase here. Compare the ways with \
         one\n  another, not the figures with your own.\n\
         - The households are a sample: a product is bought about twice a year here. Do not extrapolate to a shop's whole traffic; the\n  \
           most viewed products and the category pages show which way it goes.\n\
         - The facts are a name, a category and a department. Real spec sheets make prompts longer; calls stay the same, costs rise.\n\
         - Nothing is said of whether the more personal copy sells better.\n\n\
         ## To do it again\n\n\
         ```console\n\
         $ cargo bench --bench traffic\n\
         ```\n\n\
         It reads `../shared/data/events_completejourney.csv` and `profiles_completejourney_801.jsonl` (from completejourney by Bradley\n\
         Boehmke, CC0), which are not part of this repository; without them it says so and writes nothing.\n",
        views = thousands(views.len()),
        input = PRICE.input,
        output = PRICE.output,
    )
}

/// Calls per thousand views as bars from zero, labelled where they stand, readable in grey and without a font of its own.
fn chart(scenes: &[Scene; 3]) -> String {
    const LABELS: usize = 118;
    const PANEL: usize = 300;
    /// Pixels of a thousand.
    const FULL: f64 = 236.0;
    const TOP: usize = 84;
    const ROW: usize = 46;
    let shown = [&scenes[0], &scenes[2]];
    let (width, height) = (LABELS + PANEL * shown.len(), TOP + ROW * WAYS.len() + 34);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" aria-labelledby=\"t\" font-family=\"system-ui, sans-serif\" font-size=\"13\" fill=\"#222\">\n\
         <title id=\"t\">LLM calls per thousand views, by way of asking for copy</title>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"12\" y=\"26\" font-size=\"16\" font-weight=\"600\">LLM calls per thousand views</text>\n"
    );
    for (row, way) in WAYS.iter().enumerate() {
        let y = TOP + ROW * row + 22;
        let _ =
            writeln!(out, "<text x=\"{}\" y=\"{y}\" text-anchor=\"end\">{}</text>", LABELS - 12, way.name);
    }
    for (index, scene) in shown.into_iter().enumerate() {
        let left = LABELS + PANEL * index;
        let title = format!("{} {}", thousands(scene.pages), scene.name.to_lowercase());
        let _ = writeln!(out, "<text x=\"{left}\" y=\"{}\" font-weight=\"600\">{title}</text>", TOP - 20);
        for (row, asking) in scene.ways.iter().enumerate() {
            for (bar, (kept, fill)) in [(1, "#b4b4b4"), (2, "#4a4a4a")].into_iter().enumerate() {
                let calls = asking.outcomes[kept][0].calls_per_thousand();
                let (y, length) = (TOP + ROW * row + 17 * bar, calls * FULL / 1_000.0);
                let _ = writeln!(
                    out,
                    "<rect x=\"{left}\" y=\"{y}\" width=\"{length:.1}\" height=\"15\" fill=\"{fill}\"/>\n\
                     <text x=\"{:.1}\" y=\"{}\" font-size=\"12\">{calls:.0}</text>",
                    left as f64 + length + 5.0,
                    y + 12,
                );
                // What the two bars are is said where they are first seen.
                if index == 0 && row == 0 {
                    let (text, fill) = (format!("copy kept {}", KEPT[kept].0), ["#222", "#fff"][bar]);
                    let _ = writeln!(
                        out,
                        "<text x=\"{}\" y=\"{}\" font-size=\"12\" fill=\"{fill}\">{text}</text>",
                        left + 6,
                        y + 12,
                    );
                }
            }
        }
        let (top, bottom) = (TOP - 8, TOP + ROW * WAYS.len() - 6);
        let _ = writeln!(out, "<path d=\"M{left} {top}V{bottom}\" stroke=\"#222\"/>");
    }
    let _ = writeln!(
        out,
        "<text x=\"12\" y=\"{}\" font-size=\"12\" fill=\"#555\">{} purchases of a sample of households stand in for \
         views; real views repeat more.</text>\n</svg>",
        height - 14,
        thousands(shown[0].views()),
    );
    out
}
