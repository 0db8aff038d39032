//! Mistakes as people make them who write rules and not programs, each in a copy of the shipped files: one diagnostic for
//! each, in the line that is wrong, and nothing said of what only follows from it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use copyrail::diagnostic::{Diagnostic, render};
use rayon::prelude::*;

use crate::support::shop;

/// One mistake: what happened, the file, what stood there, what stands there now, and words of the line that is told.
type Mistake = (&'static str, &'static str, &'static str, &'static str, &'static str);

const BRAND: &str = "guardrails/brand.yml";
const RULES: &str = "guardrails/compliance.yml";
const SETTINGS: &str = "guardrails/guardrails.yml";
const CASES: &str = "guardrails/cases/shop.yml";
const PLACEMENT: &str = "prompts/why-this/placement.yml";
const SEGMENTS: &str = "config/segments.yml";

const CLAIMS: &str = "guardrails/claims.yml";
const STYLE: &str = "guardrails/styles/House/Hedges.yml";
const ACCEPT: &str = "guardrails/vocabulary/accept.txt";

/// How the list of rules begins in the shipped file.
const FIRST: &str = "rules:\n";
/// How the rule `brand.hype` begins in the shipped file.
const HYPE: &str = "  - id: hype\n    extends: existence\n    message: \"'%s' is hype; say what the product does or what it is made of.\"\n    level: warning\n";

const IN_RULES: &[Mistake] = &[
    (
        "a key misspelt",
        BRAND,
        "    level: warning\n    ignorecase",
        "    levle: warning\n    ignorecase",
        "levle",
    ),
    (
        "a level misspelt",
        BRAND,
        "    level: warning\n    ignorecase",
        "    level: waring\n    ignorecase",
        "level: waring",
    ),
    ("a level that there is not", RULES, "    level: error\n", "    level: critical\n", "critical"),
    ("an action that there is not", RULES, "    on_match: repair\n", "    on_match: reject\n", "reject"),
    (
        "a kind misspelt",
        BRAND,
        "  - id: hype\n    extends: existence",
        "  - id: hype\n    extends: existance",
        "existance",
    ),
    ("no kind", BRAND, "  - id: hype\n    extends: existence\n", "  - id: hype\n", "id: hype"),
    (
        "no message",
        BRAND,
        "    message: \"'%s' is hype; say what the product does or what it is made of.\"\n",
        "",
        "id: hype",
    ),
    ("no id", BRAND, "  - id: hype\n    extends", "  - extends", "extends: existence"),
    ("a name with a dot", BRAND, "  - id: hype\n", "  - id: brand.hype\n", "brand.hype"),
    ("two rules of one name", BRAND, "  - id: emoji\n", "  - id: hype\n", "id: hype"),
    ("a pattern that goes wrong", BRAND, "      - awesome\n", "      - (awesome\n", "(awesome"),
    ("a pattern that matches anything", BRAND, "      - awesome\n", "      - (?:awesome)?\n", "(?:awesome)?"),
    (
        "words listed twice",
        BRAND,
        "      - awesome\n",
        "      - awesome\n      - world-class\n",
        "world-class",
    ),
    ("a word that nothing can match", BRAND, "      - awesome\n", "      - awe\\bsome\n", "awe"),
    (
        "an example that is not caught",
        BRAND,
        "        - This radio is a game-changer.",
        "        - This radio is a change.",
        "This radio",
    ),
    (
        "an example that should pass and is caught",
        BRAND,
        "        - A comfortable everyday choice.",
        "        - An awesome everyday choice.",
        "awesome everyday",
    ),
    ("another match than is said", BRAND, "match: amazing}", "match: kettle}", "match: kettle"),
    (
        "no example of what passes",
        BRAND,
        "      pass:\n        - With HDMI, SATA and a DAB radio.\n        - {text: \"The TARN FELL TENT packs small.\", facts: {name: TARN FELL TENT}}\n",
        "",
        "fail:",
    ),
    (
        "an exception without an example",
        RULES,
        "      - statutory guarantees\n",
        "      - statutory guarantees\n      - guarantees of the maker\n",
        "guarantees of the maker",
    ),
    (
        "an exception that lets everything pass",
        RULES,
        "      - statutory guarantees\n",
        "      - statutory guarantees\n      - .+\n",
        "- .+",
    ),
    (
        "a fix without a correction",
        RULES,
        "    level: error\n",
        "    level: error\n    on_match: fix\n",
        "on_match: fix",
    ),
    ("a group that is not there", BRAND, "      cozy: cosy\n", "      (co)zy: $2sy\n", "$2sy"),
    ("a number in words", BRAND, "    sentences: {max: 4}", "    sentences: {max: four}", "four"),
    ("a limit without a number", BRAND, "    sentences: {max: 4}", "    sentences: {}", "sentences"),
    (
        "off without a reason",
        BRAND,
        HYPE,
        "  - id: hype\n    extends: existence\n    message: \"'%s' is hype.\"\n    level: warning\n    mode: off\n",
        "mode: off",
    ),
    ("a mode that there is not", BRAND, "  - id: hype\n", "  - id: hype\n    mode: disabled\n", "disabled"),
    ("a trial without end", BRAND, "  - id: hype\n", "  - id: hype\n    mode: shadow\n", "mode: shadow"),
    (
        "a rule that adds nothing",
        RULES,
        "  - id: superlatives\n",
        "  - {id: wow, extends: existence, message: No., level: warning, ignorecase: true, tokens: [awesome], exceptions: [product.name], examples: {fail: [awesome], pass: [good, {text: Awesome, facts: {name: Awesome}}]}}\n  - id: superlatives\n",
        "id: wow",
    ),
];

const DATES_AND_PLACES: &[Mistake] = &[
    (
        "a day that there is not",
        BRAND,
        "  - id: hype\n",
        "  - id: hype\n    effective: {from: 2026-11-31}\n",
        "2026-11-31",
    ),
    (
        "a day in words",
        BRAND,
        "  - id: hype\n",
        "  - id: hype\n    effective: {from: 1 December 2026}\n",
        "1 December",
    ),
    (
        "a day as it is written elsewhere",
        BRAND,
        "  - id: hype\n",
        "  - id: hype\n    effective: {from: 01/12/2026}\n",
        "01/12/2026",
    ),
    (
        "an end before the beginning",
        BRAND,
        "  - id: hype\n",
        "  - id: hype\n    effective: {from: 2026-12-01, until: 2026-06-30}\n",
        "2026-06-30",
    ),
    (
        "a rule that has ended",
        BRAND,
        "  - id: hype\n",
        "  - id: hype\n    effective: {until: 2026-06-30}\n",
        "2026-06-30",
    ),
    (
        "a locale in words",
        BRAND,
        "    applies: {locale: [en-GB, en-IE]}",
        "    applies: {locale: [english]}",
        "english",
    ),
    (
        "a placement that there is not",
        BRAND,
        "    applies: {placement: [cta-subtext]}",
        "    applies: {placement: [cta-subtext, cta-subtxt]}",
        "cta-subtxt]",
    ),
    (
        "a language that no copy is in",
        BRAND,
        "    applies: {locale: [en-GB, en-IE]}",
        "    applies: {locale: [en-GB, fr]}",
        "fr]",
    ),
    (
        "a fact without its root",
        BRAND,
        "  - id: hype\n",
        "  - id: hype\n    applies: {when: {category: toys}}\n",
        "category",
    ),
    (
        "a rule that asks about the user",
        BRAND,
        "  - id: hype\n",
        "  - id: hype\n    applies: {when: {user.age: 17}}\n",
        "user.age",
    ),
    (
        "an operator that there is not",
        BRAND,
        "  - id: hype\n",
        "  - id: hype\n    applies: {when: {product.price: {$gtr: 5}}}\n",
        "$gtr",
    ),
    (
        "a country misspelt",
        BRAND,
        "  - id: hype\n",
        "  - id: hype\n    applies: {when: {context.contry: GB}}\n",
        "context.contry",
    ),
    (
        "a device that there is not",
        BRAND,
        "  - id: hype\n",
        "  - id: hype\n    applies: {when: {context.device: phone}}\n",
        "context.device",
    ),
    (
        "a condition that nothing can fulfil",
        BRAND,
        "  - id: hype\n",
        "  - id: hype\n    applies: {when: {product.price: {$gt: 50, $lt: 20}}}\n",
        "$gt",
    ),
];

const IN_SETTINGS: &[Mistake] = &[
    ("a rule of another name", SETTINGS, "rules:\n", "rules:\n  brand.hyp: {on_match: note}\n", "brand.hyp"),
    ("off for no reason", SETTINGS, "rules:\n", "rules:\n  brand.hype: {mode: off}\n", "mode: off"),
    ("a key of a rule misspelt", SETTINGS, "rules:\n", "rules:\n  brand.hype: {onmatch: note}\n", "onmatch"),
    (
        "what is past",
        SETTINGS,
        "rules:\n",
        "rules:\n  brand.hype: {on_match: note, until: 2026-10-31}\n",
        "2026-10-31",
    ),
    ("tried for ever", SETTINGS, "rules:\n", "rules:\n  brand.hype: {mode: shadow}\n", "mode: shadow"),
    (
        "a ceiling that waives approval",
        SETTINGS,
        "ceilings:\n",
        "ceilings:\n  - {mode: segment, approval: false}\n",
        "approval: false",
    ),
    (
        "a ceiling that is none",
        SETTINGS,
        "ceilings:\n",
        "ceilings:\n  - {when: {context.country: DE}}\n",
        "context.country",
    ),
    (
        "a ceiling of another mode",
        SETTINGS,
        "ceilings:\n",
        "ceilings:\n  - {when: {context.country: DE}, mode: segments}\n",
        "mode: segments",
    ),
    (
        "a ceiling over nothing",
        SETTINGS,
        "ceilings:\n",
        "ceilings:\n  - {placement: [why-thiss], mode: segment}\n",
        "why-thiss",
    ),
    (
        "retired without a reason",
        SETTINGS,
        "retired:\n",
        "retired:\n  - {id: brand.old, by: jo@example.com, on: 2026-11-01}\n",
        "brand.old",
    ),
    ("a style that is not there", SETTINGS, "rules:\n", "styles: Microsoft\nrules:\n", "styles: Microsoft"),
];

const IN_YAML: &[Mistake] = &[
    ("a tab", BRAND, "    level: warning\n    ignorecase", "\tlevel: warning\n    ignorecase", "\tlevel"),
    (
        "a line too far right",
        BRAND,
        "    level: warning\n    ignorecase",
        "     level: warning\n    ignorecase",
        "     level",
    ),
    (
        "a colon forgotten",
        BRAND,
        "    level: warning\n    ignorecase",
        "    level warning\n    ignorecase",
        "level warning",
    ),
    (
        "a space forgotten behind a colon",
        BRAND,
        "    level: warning\n    ignorecase",
        "    level:warning\n    ignorecase",
        "level:warning",
    ),
    ("a space forgotten behind a dash", BRAND, "      - awesome\n", "      -awesome\n", "-awesome"),
    (
        "a message with a colon",
        BRAND,
        "\"'%s' is hype; say what the product does or what it is made of.\"",
        "Too much hype: say what it does.",
        "Too much",
    ),
    (
        "a message that begins with a percent sign",
        BRAND,
        "\"'%s' is hype; say what the product does or what it is made of.\"",
        "%s is hype.",
        "%s is hype",
    ),
    (
        "a quote that is not closed",
        BRAND,
        "\"'%s' is hype; say what the product does or what it is made of.\"",
        "\"Say what it does.",
        "Say what it",
    ),
    (
        "quotes in quotes",
        BRAND,
        "\"'%s' is hype; say what the product does or what it is made of.\"",
        "\"Say \"good\" instead.\"",
        "good",
    ),
    (
        "curly quotes",
        BRAND,
        "\"'%s' is hype; say what the product does or what it is made of.\"",
        "“Say what it does.”",
        "Say what it",
    ),
    (
        "a bracket that is not closed",
        RULES,
        "    exceptions: [product.name]\n",
        "    exceptions: [product.name\n",
        "[product.name",
    ),
    (
        "a number sign",
        RULES,
        "    reference: CAP Code 3.1 and 3.7; UWG § 5\n",
        "    reference: Report #14\n",
        "Report #14",
    ),
    (
        "a key twice",
        BRAND,
        "    level: warning\n    ignorecase",
        "    level: warning\n    level: error\n    ignorecase",
        "level: error",
    ),
    ("a second document", BRAND, "  - id: hype\n", "---\n  - id: hype\n", "---"),
    (
        "an example with a colon",
        BRAND,
        "        - A comfortable everyday choice.",
        "        - New: a comfortable choice.",
        "New: a",
    ),
    (
        "words not in a list",
        BRAND,
        "    tokens: ['\\p{Lu}{4,}(?: \\p{Lu}{4,}){2,}']\n",
        "    tokens: SALE NOW ON\n",
        "SALE NOW",
    ),
];

const ELSEWHERE: &[Mistake] = &[
    (
        "a case without what is expected",
        CASES,
        "  - {text: A comfortable everyday choice., expect: pass}",
        "  - {text: A comfortable everyday choice.}",
        "comfortable",
    ),
    (
        "a case that expects something else",
        CASES,
        "  - {text: A comfortable everyday choice., expect: pass}",
        "  - {text: A comfortable everyday choice., expect: fail}",
        "comfortable",
    ),
    (
        "a case that names another rule",
        CASES,
        "expect: [compliance.urgency]}\n",
        "expect: [compliance.urgent]}\n",
        "compliance.urgent]",
    ),
    (
        "a case that is caught",
        CASES,
        "  - {text: A comfortable everyday choice., expect: pass}",
        "  - {text: An awesome everyday choice., expect: pass}",
        "awesome",
    ),
    (
        "a case that is not caught",
        CASES,
        "text: A clinically proven pillow.",
        "text: A soft pillow.",
        "soft pillow",
    ),
    (
        "a case elsewhere",
        CASES,
        "placement: cta-subtext, expect",
        "placement: cta, expect",
        "placement: cta,",
    ),
    ("a placement's mode misspelt", PLACEMENT, "mode: live\n", "mode: life\n", "mode: life"),
    ("a length in words", PLACEMENT, "limits: {characters: 400}", "limits: {characters: 400 max}", "400 max"),
    ("a share without a sign", PLACEMENT, "mode: live\n", "mode: live\nrollout: 10\n", "rollout: 10"),
    (
        "a time to live in words",
        PLACEMENT,
        "ttl: {soft: 24h, hard: 7d}",
        "ttl: {soft: 24h, hard: 7 days}",
        "7 days",
    ),
    (
        "last-resort copy that a rule catches",
        PLACEMENT,
        "  en: What this product is made for is set out on this page.",
        "  en: An awesome product.",
        "awesome",
    ),
    (
        "an attribute misspelt",
        SEGMENTS,
        "when: {user.basket_items: {$gte: 1}, user.basket_changed",
        "when: {user.basket_item: {$gte: 1}, user.basket_changed",
        "user.basket_item:",
    ),
    (
        "a type misspelt",
        SEGMENTS,
        "  user.visits: {type: integer,",
        "  user.visits: {type: interger,",
        "interger",
    ),
];

/// A claim of the register, as the shipped file has it.
const CLAIM: &str = "  - id: recycled-content\n    family: environment\n";
const LAST_OF_CLAIMS: &str =
    "        - {text: \"Made from recycled cotton.\", facts: {features: {recycled_percent: 80}}}\n";

const IN_REGISTER: &[Mistake] = &[
    (
        "a family misspelt",
        CLAIMS,
        CLAIM,
        "  - id: recycled-content\n    family: enviroment\n",
        "family: enviroment",
    ),
    ("a claim without a family", CLAIMS, CLAIM, "  - id: recycled-content\n", "id: recycled-content"),
    ("a claim without a name", CLAIMS, CLAIM, "  - family: environment\n", "family: environment"),
    ("a key of a family misspelt", CLAIMS, "    closed: true\n", "    closd: true\n", "closd"),
    (
        "closed in words",
        CLAIMS,
        "    closed: true\n    level: error\n    owner",
        "    closed: \"yes\"\n    level: error\n    owner",
        "closed:",
    ),
    (
        "a need in words",
        CLAIMS,
        "needs: {product.features.recycled_percent: {$gte: 50}}",
        "needs: at least 50 % recycled",
        "at least 50",
    ),
    (
        "a need about the user",
        CLAIMS,
        "needs: {product.features.recycled_percent: {$gte: 50}}",
        "needs: {user.segment: gold}",
        "user.segment",
    ),
    (
        "an operator of a need that there is not",
        CLAIMS,
        "needs: {product.features.recycled_percent: {$gte: 50}}",
        "needs: {product.features.recycled_percent: {$min: 50}}",
        "$min",
    ),
    (
        "evidence that is not in the register",
        CLAIMS,
        "needs: {product.features.recycled_percent: {$gte: 50}}",
        "needs: {any: [{product.features.recycled_percent: {$gte: 50}}, {evidence: lab-2}]}",
        "lab-2",
    ),
    (
        "evidence that no claim needs",
        CLAIMS,
        LAST_OF_CLAIMS,
        "        - {text: \"Made from recycled cotton.\", facts: {features: {recycled_percent: 80}}}\nevidence:\n  - {id: lab-1, covers: [\"0012345\"], document: Assay, accepted_by: jo@example.com, from: 2026-11-01, until: 2027-12-31}\n",
        "lab-1",
    ),
    (
        "evidence that nobody accepted",
        CLAIMS,
        LAST_OF_CLAIMS,
        "        - {text: \"Made from recycled cotton.\", facts: {features: {recycled_percent: 80}}}\nevidence:\n  - {id: lab-1, covers: [\"0012345\"], document: Assay, from: 2026-11-01, until: 2027-12-31}\n",
        "lab-1",
    ),
    (
        "evidence with a day that there is not",
        CLAIMS,
        LAST_OF_CLAIMS,
        "        - {text: \"Made from recycled cotton.\", facts: {features: {recycled_percent: 80}}}\nevidence:\n  - {id: lab-1, covers: [\"0012345\"], document: Assay, accepted_by: jo@example.com, from: 2026-11-01, until: 2027-02-30}\n",
        "2027-02-30",
    ),
    (
        "a wording with a gap for a fact",
        CLAIMS,
        "wording: [recycled polyester,",
        "wording: [\"{product.features.recycled_percent}% recycled wool\", recycled polyester,",
        "recycled_percent}%",
    ),
    (
        "a statement beside a claim with a fact of another name",
        CLAIMS,
        CLAIM,
        "  - id: recycled-content\n    family: environment\n    with: \"Of {features.recycled_percent}% recycled fibre.\"\n",
        "with:",
    ),
    (
        "a claim twice",
        CLAIMS,
        "claims:\n",
        "claims:\n  - {id: recycled-content, family: health, triggers: [cures all], examples: {fail: [It cures all.], pass: [It is good.]}}\n",
        "id: recycled-content",
    ),
];

const OF_OTHER_KINDS: &[Mistake] = &[
    (
        "a disclosure without its text",
        RULES,
        FIRST,
        "rules:\n  - {id: credit, extends: require, message: A credit offer needs its statement., level: error, trigger: [on credit], examples: {fail: [Buy on credit.], pass: [Pay in full.]}}\n",
        "id: credit",
    ),
    (
        "a trigger that is no list",
        RULES,
        FIRST,
        "rules:\n  - {id: credit, extends: require, message: A credit offer needs its statement., level: error, trigger: on credit, text: Credit subject to status., examples: {fail: [Buy on credit.], pass: [Pay in full.]}}\n",
        "trigger: on credit",
    ),
    (
        "a disclosure in the same sentence",
        RULES,
        FIRST,
        "rules:\n  - {id: credit, extends: require, message: A credit offer needs its statement., level: error, trigger: [on credit], text: Credit subject to status., within: {sentences: 0}, examples: {fail: [Buy on credit.], pass: [Pay in full.]}}\n",
        "sentences: 0",
    ),
    (
        "a disclosure with a fact of another name",
        RULES,
        FIRST,
        "rules:\n  - {id: credit, extends: require, message: A credit offer needs its statement., level: error, trigger: [on credit], text: \"{offer.apr}% APR.\", examples: {fail: [Buy on credit.], pass: [Pay in full.]}}\n",
        "offer.apr",
    ),
    (
        "a disclosure that a placement has no room for",
        RULES,
        FIRST,
        "rules:\n  - {id: credit, extends: require, message: A credit offer needs its statement., level: error, trigger: [on credit], text: \"Representative {product.offer.apr}% APR. Credit is subject to status, to terms and to conditions, for residents of the United Kingdom.\", examples: {fail: [Buy on credit.], pass: [Pay in full.]}}\n",
        "id: credit",
    ),
    (
        "a judge without a rubric",
        RULES,
        FIRST,
        "rules:\n  - {id: tone, extends: judge, message: \"Not how we sound: %s\", level: error, examples: {fail: [BUY NOW], pass: [A lamp.]}}\n",
        "id: tone",
    ),
    (
        "a threshold in percent",
        RULES,
        FIRST,
        "rules:\n  - {id: tone, extends: judge, message: \"Not how we sound: %s\", level: error, rubric: The copy is calm., threshold: 70, examples: {fail: [BUY NOW], pass: [A lamp.]}}\n",
        "threshold: 70",
    ),
    (
        "an exception from what a judge says",
        RULES,
        FIRST,
        "rules:\n  - {id: tone, extends: judge, message: \"Not how we sound: %s\", level: error, rubric: The copy is calm., exceptions: [product.name], examples: {fail: [BUY NOW], pass: [A lamp.]}}\n",
        "exceptions: [product.name]",
    ),
    (
        "a score in words",
        RULES,
        FIRST,
        "rules:\n  - {id: harm, extends: moderation, message: \"Harmful: %s\", level: error, categories: [hate, {violence: high}], examples: {fail: [A knife to kill.], pass: [A knife for bread.]}}\n",
        "violence: high",
    ),
    (
        "personal data of another name",
        RULES,
        "    extends: pii\n",
        "    extends: pii\n    entities: [e-mail, phone]\n",
        "e-mail, phone",
    ),
    ("a threshold with a sign", RULES, "    extends: pii\n", "    extends: pii\n    threshold: 50%\n", "50%"),
    ("links allowed to half a host", RULES, "    allow: []\n", "    allow: [example]\n", "allow: [example]"),
    ("one link that is no list", RULES, "    allow: []\n", "    allow: www.example.com\n", "allow: www"),
    (
        "competitors that are no list",
        RULES,
        FIRST,
        "rules:\n  - {id: rivals, extends: competitor, message: \"'%s' is somebody else.\", level: error, names: Acme, examples: {fail: [As good as Acme.], pass: [A lamp.]}}\n",
        "names: Acme",
    ),
    (
        "a competitor without a name",
        RULES,
        FIRST,
        "rules:\n  - {id: rivals, extends: competitor, message: \"'%s' is somebody else.\", level: error, names: [{aliases: [Acme Ltd]}], examples: {fail: [As good as Acme Ltd.], pass: [A lamp.]}}\n",
        "aliases",
    ),
    (
        "a competitor that may always be named",
        RULES,
        FIRST,
        "rules:\n  - {id: rivals, extends: competitor, message: \"'%s' is somebody else.\", level: error, names: [Acme, {name: Orange, unless: [orange]}], examples: {fail: [As good as Acme.], pass: [A lamp.]}}\n",
        "name: Orange",
    ),
    (
        "an attribute of the reader without its root",
        RULES,
        "    extends: personal\n",
        "    extends: personal\n    allow: {orders_90d: [your last order]}\n",
        "orders_90d",
    ),
    (
        "a confidence in percent",
        RULES,
        "    extends: language\n",
        "    extends: language\n    confidence: 90\n",
        "confidence: 90",
    ),
];

const IN_STYLES: &[Mistake] = &[
    ("a style of another name", SETTINGS, "styles: [House]\n", "styles: [Hous]\n", "Hous]"),
    (
        "a public rule that cannot be run",
        STYLE,
        "extends: existence",
        "extends: spelling",
        "extends: spelling",
    ),
    ("a pattern of a public rule that goes wrong", STYLE, "  - perhaps", "  - (perhaps", "(perhaps"),
    (
        "a key that public rules do not have",
        STYLE,
        "level: warning",
        "level: warning\nseverity: high",
        "severity",
    ),
    (
        "a public rule of another name",
        SETTINGS,
        "rules:\n",
        "rules:\n  House.Hedging: {on_match: repair}\n",
        "House.Hedging",
    ),
    ("a word of the vocabulary that goes wrong", ACCEPT, "Harbour", "(Harbour", "(Harbour"),
];

/// What is said of a mistake by itself, as of the first of December.
fn said(mistake: &Mistake) -> (Vec<Diagnostic>, String) {
    let (what, file, from, to, _) = mistake;
    let shop = shop();
    if [STYLE, ACCEPT].contains(file) || from.contains("House") || to.contains("House") {
        with_style(shop.path());
    }
    let path = shop.path().join(file);
    let shipped = std::fs::read_to_string(&path).unwrap();
    assert!(shipped.contains(from), "{what}: {file} holds no {from:?} any more");
    let mistaken = shipped.replacen(from, to, 1);
    std::fs::write(&path, &mistaken).unwrap();
    let settings = copyrail::config::load(None, &BTreeMap::new()).0.unwrap().policy;
    let settings = copyrail::policy::below(&settings, shop.path());
    let (report, _) = copyrail::policy::check(&settings, "2026-12-01T12:00:00Z".parse().unwrap());
    let dir = format!("{}/", shop.path().display());
    let shown = |mut diagnostic: Diagnostic| {
        diagnostic.file = diagnostic.file.replace(&dir, "");
        diagnostic
    };
    (report.diagnostics.into_iter().map(shown).collect(), mistaken)
}

/// Puts a public style and a vocabulary beside the shipped rules.
fn with_style(shop: &Path) {
    let rule = "extends: existence\nmessage: \"'%s' hedges.\"\nlevel: warning\nignorecase: true\ntokens:\n  - perhaps\n  - maybe\n";
    for (file, text) in [(STYLE, rule), (ACCEPT, "Harbour\n")] {
        let path = shop.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let path = shop.join(SETTINGS);
    let settings = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, settings.replacen("rules:\n", "styles: [House]\nrules:\n", 1)).unwrap();
}

#[track_caller]
fn check(name: &str, mistakes: &[Mistake]) {
    let found: Vec<_> = mistakes.par_iter().map(said).collect();
    let (mut told, mut amiss) = (String::new(), String::new());
    for ((what, file, _, _, words), (diagnostics, text)) in mistakes.iter().zip(found) {
        writeln!(told, "━━ {what}\n").unwrap();
        for diagnostic in &diagnostics {
            let shown = render(diagnostic, if diagnostic.file == *file { &text } else { "" }, false);
            writeln!(told, "{shown}\n").unwrap();
        }
        match diagnostics.as_slice() {
            [one] => {
                let line = text.lines().nth(one.span.start.line as usize - 1).unwrap_or_default();
                if one.file != *file || !line.contains(words) {
                    writeln!(amiss, "{what}: said of {} in line {:?}", one.place(), line).unwrap();
                }
                if one.help.is_none() {
                    writeln!(amiss, "{what}: nothing says what to write instead").unwrap();
                }
            }
            many => writeln!(amiss, "{what}: {} are said: {many:#?}", many.len()).unwrap(),
        }
    }
    insta::assert_snapshot!(name, told);
    assert!(amiss.is_empty(), "{amiss}");
}

#[test]
fn mistakes_in_rules() {
    check("mistakes_in_rules", IN_RULES);
}

#[test]
fn mistakes_in_dates_and_places() {
    check("mistakes_in_dates_and_places", DATES_AND_PLACES);
}

#[test]
fn mistakes_in_settings() {
    check("mistakes_in_settings", IN_SETTINGS);
}

#[test]
fn mistakes_in_yaml() {
    check("mistakes_in_yaml", IN_YAML);
}

#[test]
fn mistakes_elsewhere() {
    check("mistakes_elsewhere", ELSEWHERE);
}

#[test]
fn mistakes_in_the_register() {
    check("mistakes_in_the_register", IN_REGISTER);
}

#[test]
fn mistakes_in_rules_of_other_kinds() {
    check("mistakes_in_rules_of_other_kinds", OF_OTHER_KINDS);
}

#[test]
fn mistakes_in_styles() {
    check("mistakes_in_styles", IN_STYLES);
}
