//! The short way of a backtest held against the long one.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Map, Value, json};

use super::backtest::Sides;
use super::{Facts, KeptOpinions, Origin, Text};
use crate::document::Files;
use crate::guardrail::{self, Difference, Guardrails};
use crate::stops::Stops;

const SEED: u64 = 20_261_122;
/// How many sets are made, each held against each other one.
const SETS: usize = 8;
/// How many texts each two of them are held against.
const TEXTS: usize = 25;

/// What edits do: a file, what stands in it, what takes its place.
const EDITS: &[(&str, &str, &str)] = &[
    ("brand.yml", "      - amazing(?:ly)?\n", ""),
    ("brand.yml", "      - awesome\n", "      - awesome\n      - solid oak\n"),
    ("brand.yml", "on_match: fix\n    nonword", "on_match: repair\n    nonword"),
    ("brand.yml", "$))': .\n", "$))': …\n"),
    (
        "brand.yml",
        "  - id: shouting\n    extends: existence\n",
        "  - id: shouting\n    extends: existence\n    mode: shadow\n    because: It is tried.\n",
    ),
    ("brand.yml", "tokens: ['\\p{Lu}{4,}", "ignorecase: false\n    tokens: ['\\p{Lu}{3,}"),
    (
        "brand.yml",
        "rules:\n",
        "rules:\n  - {id: harp, extends: substitution, message: \"'%s' for '%s'.\", on_match: fix, swap: {zither: amazing harp}, examples: {fail: [A zither.], pass: [A drum.]}}\n",
    ),
    (
        "brand.yml",
        "rules:\n",
        "rules:\n  - {id: drum, extends: substitution, message: \"'%s' for '%s'.\", on_match: fix, swap: {marimba: drum}, examples: {fail: [A marimba.], pass: [A drum.]}}\n",
    ),
    (
        "brand.yml",
        "rules:\n",
        "rules:\n  - {id: oak, extends: existence, message: No., level: error, tokens: [solid oak], applies: {when: {product.kind: {$ne: furniture}}}, examples: {fail: [Solid oak.], pass: [A drum.]}}\n",
    ),
    (
        "brand.yml",
        "rules:\n",
        "rules:\n  - {id: full-stop, extends: existence, message: No., level: error, nonword: true, tokens: ['touch\\.'], examples: {fail: [A touch.], pass: [A drum.]}}\n",
    ),
    ("brand.yml", "message: \"'%s' shouts", "message: \"'%s' really shouts"),
    ("brand.yml", "owner: brand@example.com", "owner: other@example.com"),
    ("compliance.yml", "level: error\n    on_match: repair", "level: error\n    on_match: block"),
    (
        "compliance.yml",
        "extends: grounded\n",
        "extends: grounded\n    mode: shadow\n    because: It is tried.\n",
    ),
    (
        "compliance.yml",
        "extends: grounded\n",
        "extends: grounded\n    applies: {when: {product.kind: furniture}}\n",
    ),
    ("claims.yml", "      - hypoallergenic\n", ""),
    ("claims.yml", "      - hypoallergenic\n", "      - hypoallergenic\n      - for the evening\n"),
    ("claims.yml", "    on_match: repair\n", ""),
    ("guardrails.yml", "rules:\n", "rules:\n  brand.hype: {on_match: note}\n"),
    ("guardrails.yml", "rules:\n", "rules:\n  brand.hype: {level: error}\n"),
    ("guardrails.yml", "rules:\n", "rules:\n  compliance.figures: {on_match: repair, until: 2026-11-30}\n"),
    (
        "guardrails.yml",
        "waivers:\n",
        "waivers:\n  - {text: An amazing lamp., rules: [brand.hype], reason: r, by: b, until: 2027-01-31}\n",
    ),
    (
        "guardrails.yml",
        "waivers:\n",
        "waivers:\n  - {text: An amazing lamp., rules: [brand.hype], reason: r, by: b, until: 2026-01-31}\n",
    ),
    ("guardrails.yml", "retired:\n", "retired:\n  - {id: brand.old, reason: r, by: b, on: 2026-11-01}\n"),
];

/// What texts are made of.
const SENTENCES: &[&str] = &[
    "A lamp for the evening.",
    "An amazing lamp.",
    "An awesome lamp!",
    "It comes with a zither.",
    "It comes with a marimba!",
    "It dims at a touch!",
    "It dims at a touch.",
    "It weighs 2 kg.",
    "It weighs 3 kg.",
    "Made of solid oak.",
    "THIS LAMP SHINES for hours.",
    "A pillow that cures a stiff neck.",
    "A hypoallergenic cover.",
    "The best lamp in the world.",
    "Only today, while stocks last.",
    "Kind to the planet.",
    "Ein Kissen, das heilt.",
];

fn shipped() -> Files {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("guardrails");
    let read =
        |name: &str| (format!("guardrails/{name}"), std::fs::read_to_string(folder.join(name)).unwrap());
    ["brand.yml", "claims.yml", "compliance.yml", "guardrails.yml"].map(read).into_iter().collect()
}

/// The files with some edits, and the rules that they make; `None` where they make none.
fn edited(mut files: Files, dice: &mut StdRng) -> Option<Guardrails> {
    for _ in 0..dice.random_range(0..4) {
        let (file, from, to) = EDITS[dice.random_range(0..EDITS.len())];
        let text = files.get_mut(&format!("guardrails/{file}")).unwrap();
        assert!(text.contains(from) || text.contains(to), "{file}: {from}");
        *text = text.replacen(from, to, 1);
    }
    if dice.random_bool(0.05) {
        let text = files.remove("guardrails/brand.yml").unwrap();
        files.insert("guardrails/zz-brand.yml".into(), text);
    }
    guardrail::load(&files, &TimeZone::UTC).0
}

fn text(dice: &mut StdRng) -> Text {
    let mut sentences = Vec::new();
    for _ in 0..dice.random_range(1..4) {
        sentences.push(SENTENCES[dice.random_range(0..SENTENCES.len())]);
    }
    let kind = if dice.random_bool(0.5) { "furniture" } else { "lighting" };
    let Value::Object(mut facts) = json!({"name": "Lamp", "kind": kind, "features": {"weight": "2 kg"}})
    else {
        unreachable!()
    };
    if dice.random_bool(0.2) {
        facts.insert("offer".into(), json!({"price": 10, "ends": "2026-11-01"}));
    }
    let prewritten = dice.random_bool(0.2);
    Text {
        origin: Origin::Given("one".into()),
        at: None,
        text: sentences.join(" "),
        placement: Some("why-this".into()),
        locale: crate::words::Locale::parse("en-GB"),
        product: None,
        facts: Arc::new(Facts::of(facts, None)),
        facts_known: true,
        context: Map::new(),
        inputs: Map::new(),
        instructions: None,
        prewritten,
        used: true,
        serves: 1,
    }
}

#[test]
fn the_short_way_says_what_the_long_one_does() {
    let at: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
    let mut dice = StdRng::seed_from_u64(SEED);
    let (mut alike, mut changed, mut unchanged) = (0, 0, 0);
    let shipped = shipped();
    let sets = std::iter::repeat_with(|| edited(shipped.clone(), &mut dice)).flatten().map(Arc::new);
    let sets: Vec<_> = sets.take(SETS).collect();
    let pairs = sets.iter().flat_map(|before| sets.iter().map(move |after| (before, after)));
    for (before, after) in pairs.map(|(before, after)| (Arc::clone(before), Arc::clone(after))) {
        let sides = Sides {
            difference: Difference::of(&before, &after, at),
            before,
            after,
            copy: None,
            opinions: KeptOpinions::default(),
            stops: Stops::default(),
            at,
        };
        for _ in 0..TEXTS {
            let text = text(&mut dice);
            let whole = sides.compare_whole(&text);
            if text.is_the_same_to(&sides.difference, at, &sides.opinions) {
                alike += 1;
                assert!(whole.is_none(), "{}: {whole:?}", text.text);
            } else if whole.is_some() {
                changed += 1;
            } else {
                unchanged += 1;
            }
        }
    }
    // Some of each, or the test says nothing.
    assert!(changed > 10 && alike > 300, "{alike} {changed} {unchanged}");
}
