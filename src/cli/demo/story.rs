//! What the demo shows: a handful of requests, each a real one, and what the simulated LLM is told to do wrong.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Failure;
use super::shop::Products;
use crate::simulate::Script;

/// One request of the demo.
pub(super) struct Scene {
    /// What a person sees above it.
    pub(super) title: &'static str,
    /// Who asks.
    pub(super) who: &'static str,
    /// The product's name.
    pub(super) product: String,
    /// The request's body.
    pub(super) request: Value,
    /// What the simulated LLM is told to do wrong.
    pub(super) fault: Option<Fault>,
    /// Whether it asks for what the one before could not wait for.
    pub(super) after_the_pending_one: bool,
}

/// What the simulated LLM does wrong.
#[derive(Clone, Copy)]
pub(super) enum Fault {
    /// It adds a promise that a guardrail forbids.
    Promise,
    /// It is late.
    Late,
}

/// What came of a scene.
pub(super) struct Told {
    pub(super) request: Value,
    pub(super) answer: Value,
    pub(super) took: Duration,
    /// The generation that a guardrail stopped, as the log has it.
    pub(super) finding: Option<Value>,
}

/// How long the pages of the demo wait; one of them cannot.
const PATIENT_MS: u64 = 3_000;
const HURRIED_MS: u64 = 120;

/// How long ago the demo's customer who returns last ordered.
const LAST_ORDER: SignedDuration = SignedDuration::from_hours(20 * 24);

/// The requests, over products spread through the catalogue.
pub(super) fn scenes(products: &Products, now: Timestamp) -> Vec<Scene> {
    // Spread over the catalogue; a small one is gone through again.
    let pick = |n: usize| {
        let count = products.lines.len().max(1);
        products.lines.get((n * count / 6 + n) % count).cloned().unwrap_or_default()
    };
    let bargain = json!({"orders_90d": 2, "discount_affinity": 0.8, "visits": 9});
    let last_order = now.checked_sub(LAST_ORDER).unwrap_or(now).to_string();
    let returning = json!({"orders_total": 4, "orders_90d": 4, "last_order": last_order,
                           "discount_affinity": 0.1, "visits": 30});
    let newcomer = json!({"visits": 1});
    let premium = json!({"premium_affinity": 0.9, "visits": 12});
    let hurried = |title, who, n: usize, placement: &str, user: Option<&Value>, context: Value, wait: u64| {
        let (id, product) = pick(n);
        let mut request =
            json!({"placement": placement, "product": {"id": id}, "context": context, "deadline_ms": wait});
        if let (Some(user), Value::Object(request)) = (user, &mut request) {
            request.insert("user".into(), json!({"id": format!("demo-{n}"), "attributes": user}));
            request.insert("consent".into(), json!({"personalisation": true}));
        }
        Scene { title, who, product, request, fault: None, after_the_pending_one: false }
    };
    let scene = |title, who, n, placement: &str, user, context| {
        hurried(title, who, n, placement, user, context, PATIENT_MS)
    };
    let desktop = json!({"locale": "en-GB", "device": "desktop"});
    let mobile = json!({"locale": "en-GB", "device": "mobile"});
    let mut late = hurried(
        "The model is slow and the page cannot wait",
        "somebody on a first visit",
        3,
        "why-this",
        Some(&newcomer),
        desktop.clone(),
        HURRIED_MS,
    );
    late.fault = Some(Fault::Late);
    let mut later = scene(
        "The same page a moment later: the copy was finished in the background",
        "somebody on a first visit",
        3,
        "why-this",
        Some(&newcomer),
        desktop.clone(),
    );
    later.after_the_pending_one = true;
    let mut promise = scene(
        "The model makes a promise that the shop cannot keep",
        "a customer who returns",
        2,
        "why-this",
        Some(&returning),
        desktop.clone(),
    );
    promise.fault = Some(Fault::Promise);
    vec![
        scene(
            "Copy for a segment",
            "a customer who looks for bargains",
            0,
            "why-this",
            Some(&bargain),
            mobile.clone(),
        ),
        scene(
            "The same question again",
            "another customer of the same kind",
            0,
            "why-this",
            Some(&bargain),
            mobile.clone(),
        ),
        scene(
            "The line below a button",
            "a customer who returns",
            1,
            "cta-subtext",
            Some(&returning),
            desktop.clone(),
        ),
        promise,
        late,
        later,
        scene(
            "In German, for somebody who agreed to nothing",
            "a visitor without consent, on a phone",
            4,
            "why-this",
            None,
            json!({"locale": "de-DE", "device": "mobile"}),
        ),
        scene(
            "Copy that reads this customer's own attributes, as a band and never as a figure",
            "a customer who looks for the finely made",
            1,
            "why-this",
            Some(&premium),
            desktop.clone(),
        ),
        scene(
            "A visitor of whom nothing is known",
            "anybody",
            5,
            "why-this",
            None,
            json!({"locale": "en-GB"}),
        ),
    ]
}

/// How many requests the shop gets after the scenes, so that its console has something to show.
const MORNING: usize = 60;

/// A morning's requests: everybody's, over the whole catalogue, and some for presents, whose copy a person approves.
pub(super) fn morning(products: &Products) -> Vec<Value> {
    let count = products.lines.len().max(1);
    let request = |n: usize| {
        // Numbers without a common factor with most counts: products, people and places meet in ever new ways.
        let (id, _) = products.lines.get(n * 7 % count).cloned().unwrap_or_default();
        let present = n.is_multiple_of(4);
        let attributes = match n % 5 {
            0 => json!({"visits": 1}),
            1 => json!({"orders_90d": 2, "discount_affinity": 0.8, "visits": 9}),
            2 => json!({"premium_affinity": 0.9, "visits": 12}),
            3 => json!({"visits": 4}),
            _ => json!({}),
        };
        let context = if present {
            json!({"locale": "en-GB", "device": "desktop", "entry": "gift-guide"})
        } else {
            json!({"locale": if n % 9 == 5 { "de-DE" } else { "en-GB" }, "device": "mobile"})
        };
        json!({
            "placement": if present || n % 3 == 1 { "cta-subtext" } else { "why-this" },
            "product": {"id": id},
            "user": {"id": format!("demo-morning-{}", n % 11), "attributes": attributes},
            "context": context,
            "consent": {"personalisation": n % 5 != 3},
            "deadline_ms": PATIENT_MS,
        })
    };
    (0..MORNING).map(request).collect()
}

/// What the simulated LLM is told: to misbehave in the prompts that name these products.
pub(super) fn script(scenes: &[Scene]) -> Result<Script, Failure> {
    let steps: Vec<Value> = scenes
        .iter()
        .filter_map(|scene| {
            let action = match scene.fault? {
                Fault::Promise => json!({"append": "Guaranteed to last a lifetime."}),
                Fault::Late => json!({"stall_ms": 600}),
            };
            Some(json!({"when": {"contains": as_in_prompt(&scene.product)}, "times": 1, "do": action}))
        })
        .collect();
    Script::parse(&json!(steps).to_string())
        .map_err(|error| anyhow::anyhow!("the demo's script is faulty: {error}").into())
}

/// A product's name as it stands in a prompt's data block.
fn as_in_prompt(name: &str) -> String {
    let json = json!(name).to_string();
    let inner = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(&json);
    inner.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}
