//! What is said of edits, as rows of data.

use super::super::tests::{files, loaded};
use super::*;
use crate::document::Files;

fn told(before: &Files, after: &Files) -> Vec<String> {
    let all = changes(&loaded(before), &loaded(after));
    let word = |change: &Change| change.word.as_ref().map(|word| format!(" [{word}]")).unwrap_or_default();
    all.iter().map(|c| format!("{}: {}{}", c.effect.as_str(), c.sentence, word(c))).collect()
}

fn rule(all: &str, more: &str) -> Files {
    let parts = ["id: r", "message: m", "level: error", all, more];
    // What a row says itself stands in the place of what all rows say.
    let said = |part: &str| {
        let key = part.split(':').next().unwrap_or_default();
        ["message", "level"].contains(&key) && (more.contains(&format!("{key}:")))
    };
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let parts: Vec<&str> = parts.iter().copied().filter(|part| *part == more || !said(part)).collect();
    files([("g/g.yml", &format!("rules:\n  - {{{}}}\n", parts.join(", ")))])
}

fn all_of(given: &[(&str, &str)]) -> Files {
    given.iter().map(|(path, content)| ((*path).to_owned(), (*content).to_owned())).collect()
}

#[test]
fn changes_of_rules_are_told_in_sentences() {
    let mut wrong = Vec::new();
    for (place, (all, before, after, expected)) in RULES.iter().enumerate() {
        let found = told(&rule(all, before), &rule(all, after));
        if found != *expected {
            wrong.extend(found.iter().map(|line| format!("RULES {place} |{line}")));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    assert!(RULES.len() + FILES.len() >= 100);
}

#[test]
fn changes_of_files_are_told_in_sentences() {
    let mut wrong = Vec::new();
    for (place, (before, after, expected)) in FILES.iter().enumerate() {
        let found = told(&all_of(before), &all_of(after));
        if found != *expected {
            wrong.extend(found.iter().map(|line| format!("FILES {place} |{line}")));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn what_stays_as_it_was_is_not_told() {
    for (all, before, after, _) in RULES {
        for same in [before, after] {
            assert_eq!(told(&rule(all, same), &rule(all, same)), Vec::<String>::new(), "{same}");
        }
    }
    for (before, after, _) in FILES {
        for same in [before, after] {
            assert_eq!(told(&all_of(same), &all_of(same)), Vec::<String>::new(), "{same:?}");
        }
    }
}

const RULE: &str = "rules:\n  - {id: r, extends: existence, message: m, level: error, tokens: [guaranteed], owner: legal@example.com, reference: CAP 3.7, examples: {fail: [guaranteed], pass: [fine]}}\n";

/// What all rows of one line say of a rule, what it says before, after, and what is said of that.
const RULES: &[(&str, &str, &str, &[&str])] = &[
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed, \"risk[- ]free\"]",
        "tokens: [guaranteed]",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed]",
        "tokens: [guaranteed, never fails]",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed, risk free]",
        "tokens: [guaranteed, \"risk[- ]free\"]",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed, \"risk[- ]free\"]",
        "tokens: [guaranteed, risk free]",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed, \"\\\\d+ years\"]",
        "tokens: [guaranteed, \"\\\\d+ months\"]",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed, never]",
        "tokens: [never, guaranteed]",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed]",
        "tokens: [guaranteed], raw: [\"(?:un)?\"]",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], scope: text",
        "tokens: [guaranteed], scope: sentence",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], ignorecase: true",
        "tokens: [guaranteed]",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed]",
        "tokens: [guaranteed], nonword: true",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], owner: legal@example.com, reference: CAP 3.7",
        "tokens: [guaranteed], owner: law@example.com, reference: CAP 3.8",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], message: x",
        "tokens: [guaranteed], message: y",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], limit: 3",
        "tokens: [guaranteed], limit: 1",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], level: error",
        "tokens: [guaranteed], level: warning",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], level: suggestion",
        "tokens: [guaranteed], level: error",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], on_match: block",
        "tokens: [guaranteed], on_match: note",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], on_match: block",
        "tokens: [guaranteed], on_match: block, level: warning",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed]",
        "tokens: [guaranteed], mode: shadow",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed]",
        "tokens: [guaranteed], mode: \"off\", because: we sell guarantees now",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], mode: shadow, because: a trial",
        "tokens: [guaranteed], mode: \"off\", because: a trial",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], mode: shadow",
        "tokens: [guaranteed]",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed]",
        "tokens: [guaranteed], applies: {locale: [\"en-*\"]}",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], applies: {locale: [en-GB]}",
        "tokens: [guaranteed], applies: {locale: [en]}",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], applies: {locale: [en, de]}",
        "tokens: [guaranteed], applies: {locale: [en, fr]}",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], applies: {placement: [why-this]}",
        "tokens: [guaranteed]",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed]",
        "tokens: [guaranteed], applies: {placement: [why-this]}",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed]",
        "tokens: [guaranteed], applies: {when: {context.country: GB}}",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], applies: {when: {context.country: GB}}",
        "tokens: [guaranteed]",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], applies: {when: {context.country: GB}}",
        "tokens: [guaranteed], applies: {when: {context.country: {$in: [GB, IE]}}}",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], applies: {when: {product.price: {$gte: 10}}}",
        "tokens: [guaranteed], applies: {when: {product.price: {$gte: 20}}}",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], applies: {when: {product.price: {$gte: 20}}}",
        "tokens: [guaranteed], applies: {when: {product.price: {$gte: 10}}}",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], applies: {when: {$or: [{context.country: GB}, {context.country: IE}]}}",
        "tokens: [guaranteed], applies: {when: {context.country: {$in: [GB, IE]}}}",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], applies: {when: {product.name: {$regex: ab}}}",
        "tokens: [guaranteed], applies: {when: {product.name: {$regex: abc}}}",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], effective: {from: 2026-11-01}",
        "tokens: [guaranteed], effective: {from: 2026-12-01}",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed]",
        "tokens: [guaranteed], effective: {from: 2026-12-01}",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], effective: {from: 2026-12-01}",
        "tokens: [guaranteed]",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], effective: {until: 2027-12-31}",
        "tokens: [guaranteed], effective: {until: 2027-06-30}",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], effective: {until: 2027-06-30}",
        "tokens: [guaranteed], effective: {until: 2027-12-31}",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed]",
        "tokens: [guaranteed], effective: {until: 2027-06-30}",
        &[],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], effective: {until: 2027-06-30}",
        "tokens: [guaranteed]",
        &[],
    ),
    (
        "extends: existence",
        "tokens: [guaranteed], examples: {fail: [guaranteed], pass: [fine]}",
        "tokens: [guaranteed], exceptions: [guaranteed by law], examples: {fail: [guaranteed], pass: [guaranteed by law]}",
        &[],
    ),
    (
        "extends: existence",
        "tokens: [guaranteed], exceptions: [guaranteed by law], examples: {fail: [guaranteed], pass: [guaranteed by law]}",
        "tokens: [guaranteed], examples: {fail: [guaranteed], pass: [fine]}",
        &[],
    ),
    (
        "",
        "extends: existence, tokens: [\"!\"], examples: {fail: [\"a!\"], pass: [b]}",
        "extends: occurrence, token: \"!\", max: 1, examples: {fail: [\"a!!\"], pass: [b]}",
        &[],
    ),
    (
        "extends: existence",
        "tokens: [\"a+b\"], examples: {fail: [aab, {text: aaab}], pass: [x]}",
        "tokens: [\"aa?b\"], examples: {fail: [aab], pass: [x]}",
        &[],
    ),
    (
        "extends: substitution, examples: {fail: [utilize it], pass: [fine]}",
        "swap: {utilize: use, e-mail: email}",
        "swap: {utilize: use}",
        &[],
    ),
    (
        "extends: substitution, examples: {fail: [utilize it], pass: [fine]}",
        "swap: {utilize: use}",
        "swap: {utilize: apply}",
        &[],
    ),
    (
        "extends: substitution, examples: {fail: [utilize it], pass: [fine]}",
        "swap: {utilize: use, x: y}",
        "swap: {utilize: use, x: x}",
        &[],
    ),
    ("extends: occurrence, token: \"!\", examples: {fail: [\"a!!!!!\"], pass: [b]}", "max: 1", "max: 3", &[]),
    (
        "extends: occurrence, token: \"!\", max: 9, examples: {fail: [\"b\"], pass: [\"a!!!\"]}",
        "min: 2",
        "min: 1",
        &[],
    ),
    (
        "extends: occurrence, max: 1, examples: {fail: [\"a!?!?\"], pass: [b]}",
        "token: \"!\"",
        "token: \"[?]\"",
        &[],
    ),
    (
        "extends: limit, examples: {fail: [\"one two three four five six\"], pass: [a]}",
        "words: {max: 3}",
        "words: {max: 4}",
        &[],
    ),
    (
        "extends: limit, examples: {fail: [\"one two three four five six\"], pass: [a]}",
        "words: {max: 4}",
        "words: {max: 3}, sentences: {max: 2}",
        &[],
    ),
    (
        "extends: limit, examples: {fail: [\"one two three four five six\"], pass: [a b]}",
        "words: {min: 2, max: 4}",
        "words: {max: 4}",
        &[],
    ),
    (
        "extends: limit, examples: {fail: [\"one two three four five six\"], pass: [a b]}",
        "words: {max: 4}, characters: {max: 20}",
        "words: {max: 4}",
        &[],
    ),
    (
        "extends: repetition, tokens: [\"[^\\\\s]+\"], examples: {fail: [the the the the], pass: [a b]}",
        "",
        "max: 1",
        &[],
    ),
    (
        "extends: repetition, tokens: [\"[^\\\\s]+\"], examples: {fail: [the the the the], pass: [a b]}",
        "alpha: true",
        "",
        &[],
    ),
    (
        "extends: repetition, examples: {fail: [the the the the], pass: [a b]}",
        "tokens: [\"[^\\\\s]+\"]",
        "tokens: [\"\\\\w+\"]",
        &[],
    ),
    (
        "extends: consistency, examples: {fail: [colour and color], pass: [colour]}",
        "either: {colour: color, grey: gray}",
        "either: {colour: color}",
        &[],
    ),
    (
        "extends: conditional, examples: {fail: [The ABC is here.], pass: [\"A Big Corp (ABC) is here.\"]}",
        "first: \"\\\\b([A-Z]{3,5})\\\\b\", second: \"\\\\(([A-Z]{3,5})\\\\)\"",
        "first: \"\\\\b([A-Z]{3,4})\\\\b\", second: \"\\\\(([A-Z]{3,5})\\\\)\"",
        &[],
    ),
    (
        "extends: capitalization, match: $lower, examples: {fail: [ALL IS UP], pass: [all is down]}",
        "threshold: 0.9",
        "threshold: 0.5",
        &[],
    ),
    (
        "extends: capitalization, examples: {fail: [ALL IS UP], pass: [all is down]}",
        "match: $lower",
        "match: $sentence, examples: {fail: [ALL IS UP HERE AND THERE], pass: [All is down]}",
        &[],
    ),
    (
        "extends: metric, condition: \"> 5\", examples: {fail: [one two three four five six seven.], pass: [a b.]}",
        "formula: words / sentences",
        "formula: words",
        &[],
    ),
    (
        "extends: readability, metrics: [Flesch-Kincaid], examples: {fail: [\"Incomprehensibility characterises institutional communications notwithstanding considerable organisational deliberations.\"], pass: [The cat sat.]}",
        "grade: 8",
        "grade: 10",
        &[],
    ),
    (
        "extends: require, examples: {fail: [Pay monthly.], pass: [Pay in full.]}",
        "trigger: [pay monthly, on credit], text: UK residents only.",
        "trigger: [pay monthly], text: UK residents only.",
        &[],
    ),
    (
        "extends: require, trigger: [pay monthly], examples: {fail: [Pay monthly.], pass: [Pay in full.]}",
        "text: UK residents only.",
        "text: UK residents.",
        &[],
    ),
    (
        "extends: require, trigger: [pay monthly], text: UK residents only., examples: {fail: [Pay monthly.], pass: [Pay in full.]}",
        "within: {sentences: 1, after: true}",
        "within: {sentences: 2, after: true}",
        &[],
    ),
    (
        "extends: require, trigger: [pay monthly], text: UK residents only., examples: {fail: [Pay monthly.], pass: [Pay in full.]}",
        "within: {sentences: 1, after: true}",
        "within: {sentences: 1}",
        &[],
    ),
    (
        "extends: require, trigger: [pay monthly], text: UK residents only., examples: {fail: [Pay monthly.], pass: [Pay in full.]}",
        "within: {sentences: 1}",
        "",
        &[],
    ),
    (
        "extends: claim, triggers: [award winning], examples: {fail: [Award winning.], pass: [Nice.]}",
        "needs: {product.award: true}",
        "needs: {product.award: true, product.year: 2026}",
        &[],
    ),
    (
        "extends: claim, triggers: [award winning], examples: {fail: [Award winning.], pass: [Nice.]}",
        "needs: {product.award: true, product.year: 2026}",
        "needs: {product.award: true}",
        &[],
    ),
    (
        "extends: claim, triggers: [award winning], examples: {fail: [Award winning.], pass: [Nice.]}",
        "needs: {all: [{product.award: true}, {product.year: 2026}]}",
        "needs: {product.award: true, product.year: 2026}",
        &[],
    ),
    (
        "extends: claim, triggers: [award winning], examples: {fail: [Award winning.], pass: [Nice.]}",
        "needs: {product.award: true}, with: As awarded.",
        "needs: {product.award: true}",
        &[],
    ),
    (
        "extends: claim, triggers: [award winning], examples: {fail: [Award winning.], pass: [Nice.]}",
        "needs: {product.award: true}, with: As awarded.",
        "needs: {product.award: true}, with: As judged.",
        &[],
    ),
    (
        "extends: claim, triggers: [award winning], examples: {fail: [Award winning.], pass: [Nice.]}",
        "wording: [winner of an award], needs: {product.award: true}",
        "wording: [winner of an award, best in show], needs: {product.award: true}",
        &[],
    ),
    (
        "extends: claim, triggers: [award winning], examples: {fail: [Award winning.], pass: [Nice.]}",
        "wording: [winner of an award, best in show], needs: {product.award: true}",
        "wording: [winner of an award], needs: {product.award: true}",
        &[],
    ),
    (
        "extends: personal, examples: {fail: [Since you love hiking.], pass: [A lamp.]}",
        "tokens: [as you know us]",
        "",
        &[],
    ),
    (
        "extends: personal, examples: {fail: [Since you love hiking.], pass: [A lamp.]}",
        "",
        "allow: {user.orders_90d: [\"your last order\"]}",
        &[],
    ),
    (
        "extends: pii, examples: {fail: [Write to jo@example.com.], pass: [Write to us.]}",
        "entities: [email, phone]",
        "entities: [email]",
        &[],
    ),
    (
        "extends: pii, examples: {fail: [Write to jo@example.com.], pass: [Write to us.]}",
        "",
        "entities: [email]",
        &[],
    ),
    (
        "extends: pii, examples: {fail: [Write to jo@example.com.], pass: [Write to us.]}",
        "threshold: 0.4",
        "threshold: 0.8",
        &[],
    ),
    (
        "extends: url, examples: {fail: [\"See https://evil.example.org now.\"], pass: [See us.]}",
        "allow: [example.com]",
        "allow: [example.com, shop.example.net]",
        &[],
    ),
    (
        "extends: url, examples: {fail: [\"See https://evil.example.org now.\"], pass: [See us.]}",
        "allow: [example.com, shop.example.net]",
        "allow: [example.com]",
        &[],
    ),
    (
        "extends: language, examples: {fail: [{text: Der Hund und die Katze sind im Haus, locale: en}], pass: [{text: The dog is in the house, locale: en}]}",
        "min_words: 3",
        "min_words: 6",
        &[],
    ),
    (
        "extends: language, examples: {fail: [{text: Der Hund und die Katze sind im Haus, locale: en}], pass: [{text: The dog is in the house, locale: en}]}",
        "confidence: 0.9",
        "confidence: 0.5",
        &[],
    ),
    (
        "extends: competitor, examples: {fail: [Better than Acme.], pass: [Better than most.]}",
        "names: [Acme, Globex]",
        "names: [Acme]",
        &[],
    ),
    (
        "extends: competitor, examples: {fail: [Better than Acme.], pass: [Better than most.]}",
        "names: [{name: Acme, aliases: [Acme Ltd]}]",
        "names: [{name: Acme, unless: [acme of taste]}]",
        &[],
    ),
    (
        "extends: competitor, examples: {fail: [Better than Acme.], pass: [Better than most.]}",
        "names: [{name: Acme, case: insensitive}]",
        "names: [{name: Acme, case: sensitive}]",
        &[],
    ),
    (
        "extends: judge, examples: {fail: [bad], pass: [good]}",
        "rubric: Be kind., threshold: 0.8",
        "rubric: Be kind., threshold: 0.6",
        &[],
    ),
    ("extends: judge, examples: {fail: [bad], pass: [good]}", "rubric: Be kind.", "rubric: Be nice.", &[]),
    ("extends: judge, rubric: Be kind., examples: {fail: [bad], pass: [good]}", "mode: enforce", "", &[]),
    ("extends: moderation, examples: {fail: [bad], pass: [good]}", "", "categories: [hate]", &[]),
    (
        "extends: moderation, examples: {fail: [bad], pass: [good]}",
        "categories: [hate, {violence: 0.3}]",
        "categories: [hate, {violence: 0.5}]",
        &[],
    ),
    (
        "extends: moderation, examples: {fail: [bad], pass: [good]}",
        "categories: [hate, violence]",
        "categories: [hate], model: strict-1",
        &[],
    ),
    ("extends: markup, examples: {fail: [<b>x</b>], pass: [x]}", "on_match: block", "on_match: repair", &[]),
];

type Rows<'r> = &'r [(&'r [(&'r str, &'r str)], &'r [(&'r str, &'r str)], &'r [&'r str])];

/// Files before, after, and what is said of that.
const FILES: Rows<'_> = &[
    (&[("g/g.yml", RULE)], &[("g/g.yml", "rules: []")], &[]),
    (
        &[("g/g.yml", RULE)],
        &[("g/guardrails.yml", "retired: [{id: g.r, reason: campaign over, by: jo, on: 2026-11-01}]")],
        &[],
    ),
    (&[("g/g.yml", "rules: []")], &[("g/g.yml", RULE)], &[]),
    (
        &[("g/g.yml", "rules: []")],
        &[("g/g.yml", RULE), ("g/guardrails.yml", "rules: {g.r: {mode: shadow}}")],
        &[],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "rules: {}")],
        &[("g/g.yml", RULE), ("g/guardrails.yml", "rules: {g.r: {mode: shadow, until: 2026-12-31}}")],
        &[],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "rules: {}")],
        &[
            ("g/g.yml", RULE),
            ("g/guardrails.yml", "rules: {g.r: {mode: shadow, until: 2026-12-31, because: a trial}}"),
        ],
        &[],
    ),
    (
        &[
            ("g/g.yml", RULE),
            ("g/guardrails.yml", "rules: {g.r: {mode: shadow, until: 2026-12-31, because: a trial}}"),
        ],
        &[
            ("g/g.yml", RULE),
            ("g/guardrails.yml", "rules: {g.r: {mode: shadow, until: 2027-01-31, because: a trial}}"),
        ],
        &[],
    ),
    (
        &[
            ("g/g.yml", RULE),
            ("g/guardrails.yml", "rules: {g.r: {mode: shadow, until: 2027-01-31, because: a trial}}"),
        ],
        &[
            ("g/g.yml", RULE),
            ("g/guardrails.yml", "rules: {g.r: {mode: shadow, until: 2026-12-31, because: a trial}}"),
        ],
        &[],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "rules: {g.r: {mode: \"off\", because: x}}")],
        &[("g/g.yml", RULE), ("g/guardrails.yml", "rules: {}")],
        &[],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "rules: {}")],
        &[("g/g.yml", RULE), ("g/guardrails.yml", "rules: {g.r: {mode: \"off\", because: x}}")],
        &[],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "rules: {}")],
        &[("g/g.yml", RULE), ("g/guardrails.yml", "rules: {g.r: {on_match: note}}")],
        &[],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "rules: {g.r: {level: suggestion}}")],
        &[("g/g.yml", RULE), ("g/guardrails.yml", "rules: {}")],
        &[],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "rules: {}")],
        &[
            ("g/g.yml", RULE),
            (
                "g/guardrails.yml",
                "rules: {g.r: {on_match: note}}\nretired: [{id: g.r, reason: milder now, by: jo, on: 2026-11-01}]",
            ),
        ],
        &[],
    ),
    (
        &[
            ("g/g.yml", RULE),
            ("g/guardrails.yml", "retired: [{id: g.r, reason: milder now, by: jo, on: 2026-11-01}]"),
        ],
        &[
            ("g/g.yml", RULE),
            (
                "g/guardrails.yml",
                "rules: {g.r: {on_match: note}}\nretired: [{id: g.r, reason: milder now, by: jo, on: 2026-11-01}]",
            ),
        ],
        &[],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: [{mode: segment}]")],
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: []")],
        &[],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: [{mode: segment}]")],
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: [{mode: live}]")],
        &[],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: [{mode: segment}]")],
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: [{mode: prewritten}]")],
        &[],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: [{mode: segment, approval: true}]")],
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: [{mode: segment}]")],
        &[],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: [{mode: segment, approval: true}]")],
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: [{mode: segment}, {approval: true}]")],
        &[],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: [{mode: segment}]")],
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: [{mode: segment, placement: [why-this]}]")],
        &[],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: [{mode: segment, placement: [why-this]}]")],
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: [{mode: segment}]")],
        &[],
    ),
    (
        &[
            ("g/g.yml", RULE),
            ("g/guardrails.yml", "ceilings: [{mode: segment, when: {product.price: {$gte: 10}}}]"),
        ],
        &[
            ("g/g.yml", RULE),
            ("g/guardrails.yml", "ceilings: [{mode: segment, when: {product.price: {$gte: 20}}}]"),
        ],
        &[],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: []")],
        &[
            ("g/g.yml", RULE),
            ("g/guardrails.yml", "ceilings: [{approval: true, when: {context.country: DE}}]"),
        ],
        &[],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: [{mode: segment}]")],
        &[
            ("g/g.yml", RULE),
            (
                "g/guardrails.yml",
                "ceilings: []\nretired: [{id: guardrails.ceilings, reason: trusted now, by: jo, on: 2026-11-01}]",
            ),
        ],
        &[],
    ),
    (
        &[(
            "g/claims.yml",
            "families: {health: {closed: true, triggers: [cures], examples: {fail: [It cures.], pass: [Nice.]}}}\nclaims:\n  - {id: c, family: health, wording: [reduces fatigue], triggers: [fights fatigue], needs: {evidence: lab-1}, examples: {fail: [It fights fatigue.], pass: [Nice.]}}\nevidence:\n  - {id: lab-1, covers: [\"1\"], document: Assay 1, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-03-31}\n",
        )],
        &[(
            "g/claims.yml",
            "families: {health: {closed: false}}\nclaims:\n  - {id: c, family: health, wording: [reduces fatigue], triggers: [fights fatigue], needs: {evidence: lab-1}, examples: {fail: [It fights fatigue.], pass: [Nice.]}}\nevidence:\n  - {id: lab-1, covers: [\"1\"], document: Assay 1, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-03-31}\n",
        )],
        &[],
    ),
    (
        &[(
            "g/claims.yml",
            "families: {health: {closed: true, triggers: [cures], examples: {fail: [It cures.], pass: [Nice.]}}}\nclaims:\n  - {id: c, family: health, wording: [reduces fatigue], triggers: [fights fatigue], needs: {evidence: lab-1}, examples: {fail: [It fights fatigue.], pass: [Nice.]}}\nevidence:\n  - {id: lab-1, covers: [\"1\"], document: Assay 1, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-03-31}\n",
        )],
        &[(
            "g/claims.yml",
            "families: {health: {closed: true, triggers: [cures, heals], examples: {fail: [It cures.], pass: [Nice.]}}}\nclaims:\n  - {id: c, family: health, wording: [reduces fatigue], triggers: [fights fatigue], needs: {evidence: lab-1}, examples: {fail: [It fights fatigue.], pass: [Nice.]}}\nevidence:\n  - {id: lab-1, covers: [\"1\"], document: Assay 1, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-03-31}\n",
        )],
        &[],
    ),
    (
        &[(
            "g/claims.yml",
            "families: {health: {closed: true, triggers: [cures, heals], examples: {fail: [It cures.], pass: [Nice.]}}}\nclaims:\n  - {id: c, family: health, wording: [reduces fatigue], triggers: [fights fatigue], needs: {evidence: lab-1}, examples: {fail: [It fights fatigue.], pass: [Nice.]}}\nevidence:\n  - {id: lab-1, covers: [\"1\"], document: Assay 1, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-03-31}\n",
        )],
        &[(
            "g/claims.yml",
            "families: {health: {closed: true, triggers: [cures], examples: {fail: [It cures.], pass: [Nice.]}}}\nclaims:\n  - {id: c, family: health, wording: [reduces fatigue], triggers: [fights fatigue], needs: {evidence: lab-1}, examples: {fail: [It fights fatigue.], pass: [Nice.]}}\nevidence:\n  - {id: lab-1, covers: [\"1\"], document: Assay 1, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-03-31}\n",
        )],
        &[],
    ),
    (
        &[(
            "g/claims.yml",
            "families: {health: {closed: true, triggers: [cures], examples: {fail: [It cures.], pass: [Nice.]}}}\nclaims:\n  - {id: c, family: health, wording: [reduces fatigue], triggers: [fights fatigue], needs: {evidence: lab-1}, examples: {fail: [It fights fatigue.], pass: [Nice.]}}\nevidence:\n  - {id: lab-1, covers: [\"1\"], document: Assay 1, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-03-31}\n",
        )],
        &[(
            "g/claims.yml",
            "families: {health: {closed: true, triggers: [cures], examples: {fail: [It cures.], pass: [Nice.]}}}\nclaims:\n  - {id: c, family: health, wording: [reduces fatigue], triggers: [fights fatigue], needs: {any: [{evidence: lab-1}, {product.tested: true}]}, examples: {fail: [It fights fatigue.], pass: [Nice.]}}\nevidence:\n  - {id: lab-1, covers: [\"1\"], document: Assay 1, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-03-31}\n",
        )],
        &[],
    ),
    (
        &[(
            "g/claims.yml",
            "families: {health: {closed: true, triggers: [cures], examples: {fail: [It cures.], pass: [Nice.]}}}\nclaims:\n  - {id: c, family: health, wording: [reduces fatigue], triggers: [fights fatigue], needs: {evidence: lab-1, product.tested: true}, examples: {fail: [It fights fatigue.], pass: [Nice.]}}\nevidence:\n  - {id: lab-1, covers: [\"1\"], document: Assay 1, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-03-31}\n",
        )],
        &[(
            "g/claims.yml",
            "families: {health: {closed: true, triggers: [cures], examples: {fail: [It cures.], pass: [Nice.]}}}\nclaims:\n  - {id: c, family: health, wording: [reduces fatigue], triggers: [fights fatigue], needs: {evidence: lab-1}, examples: {fail: [It fights fatigue.], pass: [Nice.]}}\nevidence:\n  - {id: lab-1, covers: [\"1\"], document: Assay 1, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-03-31}\n",
        )],
        &[],
    ),
    (
        &[(
            "g/claims.yml",
            "families: {health: {closed: true, triggers: [cures], examples: {fail: [It cures.], pass: [Nice.]}}}\nclaims:\n  - {id: c, family: health, wording: [reduces fatigue], triggers: [fights fatigue], needs: {evidence: lab-1}, examples: {fail: [It fights fatigue.], pass: [Nice.]}}\nevidence:\n  - {id: lab-1, covers: [\"1\"], document: Assay 1, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-03-31}\n",
        )],
        &[(
            "g/claims.yml",
            "families: {health: {closed: true, triggers: [cures], examples: {fail: [It cures.], pass: [Nice.]}}}\nclaims:\n  - {id: c, family: health, wording: [reduces fatigue], triggers: [fights fatigue], needs: {evidence: lab-1}, examples: {fail: [It fights fatigue.], pass: [Nice.]}}\nevidence:\n  - {id: lab-1, covers: [\"1\"], document: Assay 1, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-06-30}\n",
        )],
        &[],
    ),
    (
        &[(
            "g/claims.yml",
            "families: {health: {closed: true, triggers: [cures], examples: {fail: [It cures.], pass: [Nice.]}}}\nclaims:\n  - {id: c, family: health, wording: [reduces fatigue], triggers: [fights fatigue], needs: {evidence: lab-1}, examples: {fail: [It fights fatigue.], pass: [Nice.]}}\nevidence:\n  - {id: lab-1, covers: [\"1\"], document: Assay 1, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-03-31}\n",
        )],
        &[(
            "g/claims.yml",
            "families: {health: {closed: true, triggers: [cures], examples: {fail: [It cures.], pass: [Nice.]}}}\nclaims:\n  - {id: c, family: health, wording: [reduces fatigue], triggers: [fights fatigue], needs: {evidence: lab-1}, examples: {fail: [It fights fatigue.], pass: [Nice.]}}\nevidence:\n  - {id: lab-1, covers: [\"1\"], document: Assay 1, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-01-31}\n",
        )],
        &[],
    ),
    (
        &[(
            "g/claims.yml",
            "families: {health: {closed: true, triggers: [cures], examples: {fail: [It cures.], pass: [Nice.]}}}\nclaims:\n  - {id: c, family: health, wording: [reduces fatigue], triggers: [fights fatigue], needs: {evidence: lab-1}, examples: {fail: [It fights fatigue.], pass: [Nice.]}}\nevidence:\n  - {id: lab-1, covers: [\"1\"], document: Assay 1, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-03-31}\n",
        )],
        &[(
            "g/claims.yml",
            "families: {health: {closed: true, triggers: [cures], examples: {fail: [It cures.], pass: [Nice.]}}}\nclaims:\n  - {id: c, family: health, wording: [reduces fatigue], triggers: [fights fatigue], needs: {evidence: lab-1}, examples: {fail: [It fights fatigue.], pass: [Nice.]}}\nevidence:\n  - {id: lab-1, covers: [\"1\"], document: Assay 1, accepted_by: legal@example.com, from: 2026-10-01, until: 2027-03-31}\n",
        )],
        &[],
    ),
    (
        &[(
            "g/claims.yml",
            "families: {health: {closed: true, triggers: [cures], examples: {fail: [It cures.], pass: [Nice.]}}}\nclaims:\n  - {id: c, family: health, wording: [reduces fatigue], triggers: [fights fatigue], needs: {evidence: lab-1}, examples: {fail: [It fights fatigue.], pass: [Nice.]}}\nevidence:\n  - {id: lab-1, covers: [\"1\"], document: Assay 1, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-03-31}\n",
        )],
        &[(
            "g/claims.yml",
            "families: {health: {closed: true, triggers: [cures], examples: {fail: [It cures.], pass: [Nice.]}}}\nclaims:\n  - {id: c, family: health, wording: [reduces fatigue], triggers: [fights fatigue], needs: {evidence: lab-1}, examples: {fail: [It fights fatigue.], pass: [Nice.]}}\nevidence:\n  - {id: lab-1, covers: [\"1\", \"2\"], document: Assay 1, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-03-31}\n",
        )],
        &[],
    ),
    (
        &[(
            "g/claims.yml",
            "families: {health: {closed: true, triggers: [cures], examples: {fail: [It cures.], pass: [Nice.]}}}\nclaims:\n  - {id: c, family: health, wording: [reduces fatigue], triggers: [fights fatigue], needs: {evidence: lab-1}, examples: {fail: [It fights fatigue.], pass: [Nice.]}}\nevidence:\n  - {id: lab-1, covers: [\"1\", \"2\"], document: Assay 1, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-03-31}\n",
        )],
        &[(
            "g/claims.yml",
            "families: {health: {closed: true, triggers: [cures], examples: {fail: [It cures.], pass: [Nice.]}}}\nclaims:\n  - {id: c, family: health, wording: [reduces fatigue], triggers: [fights fatigue], needs: {evidence: lab-1}, examples: {fail: [It fights fatigue.], pass: [Nice.]}}\nevidence:\n  - {id: lab-1, covers: [\"1\"], document: Assay 1, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-03-31}\n",
        )],
        &[],
    ),
    (
        &[(
            "g/claims.yml",
            "families: {health: {closed: true, triggers: [cures], examples: {fail: [It cures.], pass: [Nice.]}}}\nclaims:\n  - {id: c, family: health, wording: [reduces fatigue], triggers: [fights fatigue], needs: {evidence: lab-1}, examples: {fail: [It fights fatigue.], pass: [Nice.]}}\nevidence:\n  - {id: lab-1, covers: [\"1\"], document: Assay 1, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-03-31}\n",
        )],
        &[(
            "g/claims.yml",
            "families: {health: {closed: true, triggers: [cures], examples: {fail: [It cures.], pass: [Nice.]}}}\nclaims:\n  - {id: c, family: health, wording: [reduces fatigue], triggers: [fights fatigue], needs: {evidence: lab-1}, examples: {fail: [It fights fatigue.], pass: [Nice.]}}\nevidence:\n  - {id: lab-1, covers: [\"1\"], document: Assay 2, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-03-31}\n",
        )],
        &[],
    ),
    (
        &[(
            "g/claims.yml",
            "families: {health: {closed: true, triggers: [cures], examples: {fail: [It cures.], pass: [Nice.]}}}\nclaims:\n  - {id: c, family: health, wording: [reduces fatigue], triggers: [fights fatigue], needs: {evidence: lab-1}, examples: {fail: [It fights fatigue.], pass: [Nice.]}}\nevidence:\n  - {id: lab-1, covers: [\"1\"], document: Assay 1, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-03-31}\n",
        )],
        &[(
            "g/claims.yml",
            "families: {health: {closed: true, triggers: [cures], examples: {fail: [It cures.], pass: [Nice.]}}}\nclaims:\n  - {id: c, family: health, wording: [reduces fatigue], triggers: [fights fatigue], needs: {evidence: lab-1}, examples: {fail: [It fights fatigue.], pass: [Nice.]}}\nevidence:\n  - {id: lab-1, covers: [\"1\"], document: Assay 1, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-03-31}\n  - {id: lab-2, covers: [\"1\"], document: Assay 2, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-03-31}\n",
        )],
        &[],
    ),
    (
        &[(
            "g/claims.yml",
            "families: {health: {closed: true, triggers: [cures], examples: {fail: [It cures.], pass: [Nice.]}}}\nclaims:\n  - {id: c, family: health, wording: [reduces fatigue], triggers: [fights fatigue], needs: {evidence: lab-1}, examples: {fail: [It fights fatigue.], pass: [Nice.]}}\nevidence:\n  - {id: lab-1, covers: [\"1\"], document: Assay 1, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-03-31}\n  - {id: lab-2, covers: [\"1\"], document: Assay 2, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-03-31}\n",
        )],
        &[(
            "g/claims.yml",
            "families: {health: {closed: true, triggers: [cures], examples: {fail: [It cures.], pass: [Nice.]}}}\nclaims:\n  - {id: c, family: health, wording: [reduces fatigue], triggers: [fights fatigue], needs: {evidence: lab-1}, examples: {fail: [It fights fatigue.], pass: [Nice.]}}\nevidence:\n  - {id: lab-1, covers: [\"1\"], document: Assay 1, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-03-31}\n",
        )],
        &[],
    ),
    (
        &[(
            "g/claims.yml",
            "families: {health: {closed: true, triggers: [cures], examples: {fail: [It cures.], pass: [Nice.]}}}\nclaims:\n  - {id: c, family: health, wording: [reduces fatigue], triggers: [fights fatigue], needs: {evidence: lab-1}, examples: {fail: [It fights fatigue.], pass: [Nice.]}}\nevidence:\n  - {id: lab-1, covers: [\"1\"], document: Assay 1, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-03-31}\n",
        )],
        &[(
            "g/claims.yml",
            "families: {health: {closed: true, triggers: [cures], examples: {fail: [It cures.], pass: [Nice.]}}}\nclaims:\n  - {id: d, family: health, wording: [good for sleep], triggers: [sleep well], needs: {product.sleep: true}, examples: {fail: [You sleep well.], pass: [Nice.]}}\n  - {id: c, family: health, wording: [reduces fatigue], triggers: [fights fatigue], needs: {evidence: lab-1}, examples: {fail: [It fights fatigue.], pass: [Nice.]}}\nevidence:\n  - {id: lab-1, covers: [\"1\"], document: Assay 1, accepted_by: legal@example.com, from: 2026-11-01, until: 2027-03-31}\n",
        )],
        &[],
    ),
    (
        &[
            ("g/styles/S/V.yml", "extends: existence\nmessage: \"'%s'\"\ntokens: [very, quite]\n"),
            ("g/guardrails.yml", "styles: [S]"),
        ],
        &[
            ("g/styles/S/V.yml", "extends: existence\nmessage: \"'%s'\"\ntokens: [quite]\n"),
            ("g/guardrails.yml", "styles: [S]"),
        ],
        &[],
    ),
    (
        &[
            ("g/styles/S/V.yml", "extends: existence\nmessage: \"'%s'\"\ntokens: [very, quite]\n"),
            ("g/guardrails.yml", "styles: [S]\nrules: {S.V: {level: error}}"),
        ],
        &[
            ("g/styles/S/V.yml", "extends: existence\nmessage: \"'%s'\"\ntokens: [quite]\n"),
            ("g/guardrails.yml", "styles: [S]\nrules: {S.V: {level: error}}"),
        ],
        &[],
    ),
    (
        &[
            ("g/styles/S/V.yml", "extends: existence\nmessage: \"'%s'\"\ntokens: [very, quite]\n"),
            ("g/guardrails.yml", "styles: [S]\nrules: {S.V: {level: error}}"),
        ],
        &[
            ("g/styles/S/V.yml", "extends: existence\nmessage: \"'%s'\"\ntokens: [very, quite]\n"),
            ("g/guardrails.yml", "styles: [S]"),
        ],
        &[],
    ),
    (
        &[
            ("g/styles/S/V.yml", "extends: existence\nmessage: \"'%s'\"\ntokens: [very, quite]\n"),
            ("g/guardrails.yml", "styles: [S]\nrules: {S.V: {level: error}}"),
        ],
        &[
            ("g/styles/S/V.yml", "extends: existence\nmessage: \"'%s'\"\ntokens: [very, quite]\n"),
            ("g/guardrails.yml", "styles: [S]\nrules: {S.V: {level: warning, because: our voice}}"),
        ],
        &[],
    ),
    (
        &[
            ("g/styles/S/V.yml", "extends: existence\nmessage: \"'%s'\"\ntokens: [very, quite]\n"),
            ("g/guardrails.yml", "styles: [S]"),
        ],
        &[
            ("g/styles/S/V.yml", "extends: existence\nmessage: \"'%s'\"\ntokens: [very, quite]\n"),
            ("g/guardrails.yml", "styles: []"),
        ],
        &[],
    ),
    (
        &[
            ("g/styles/S/V.yml", "extends: existence\nmessage: \"'%s'\"\ntokens: [very, quite]\n"),
            ("g/guardrails.yml", "styles: []"),
        ],
        &[
            ("g/styles/S/V.yml", "extends: existence\nmessage: \"'%s'\"\ntokens: [very, quite]\n"),
            ("g/guardrails.yml", "styles: [S]\nrules: {S.V: {on_match: repair}}"),
        ],
        &[],
    ),
    (
        &[
            ("g/styles/S/V.yml", "extends: existence\nmessage: \"'%s'\"\ntokens: [very, quite]\n"),
            ("g/guardrails.yml", "styles: [S]\nrules: {S.V: {level: error}}"),
        ],
        &[
            ("g/styles/S/V.yml", "extends: existence\nmessage: \"'%s'\"\ntokens: [very, quite]\n"),
            ("g/guardrails.yml", "styles: []"),
        ],
        &[],
    ),
    (
        &[
            ("g/styles/S/V.yml", "extends: existence\nmessage: \"'%s'\"\ntokens: [very, quite]\n"),
            ("g/guardrails.yml", "styles: [S]"),
        ],
        &[
            ("g/styles/S/V.yml", "extends: existence\nmessage: \"'%s'\"\ntokens: [very, quite]\n"),
            ("g/guardrails.yml", "styles: [S]"),
            ("g/vocabulary/accept.txt", "Very Co\n"),
        ],
        &[],
    ),
    (
        &[
            ("g/styles/S/V.yml", "extends: existence\nmessage: \"'%s'\"\ntokens: [very, quite]\n"),
            ("g/guardrails.yml", "styles: [S]\nrules: {S.V: {level: error}}"),
        ],
        &[
            ("g/styles/S/V.yml", "extends: existence\nmessage: \"'%s'\"\ntokens: [very, quite]\n"),
            ("g/guardrails.yml", "styles: [S]\nrules: {S.V: {level: error}}"),
            ("g/vocabulary/accept.txt", "Very Co\n"),
        ],
        &[],
    ),
    (
        &[
            ("g/styles/S/V.yml", "extends: existence\nmessage: \"'%s'\"\ntokens: [very, quite]\n"),
            ("g/guardrails.yml", "styles: [S]\nrules: {S.V: {level: error}}"),
            ("g/vocabulary/accept.txt", "Very Co\n"),
        ],
        &[
            ("g/styles/S/V.yml", "extends: existence\nmessage: \"'%s'\"\ntokens: [very, quite]\n"),
            ("g/guardrails.yml", "styles: [S]\nrules: {S.V: {level: error}}"),
        ],
        &[],
    ),
    (
        &[("g/g.yml", RULE), ("g/vocabulary/reject.txt", "cheap\nnasty\n")],
        &[("g/g.yml", RULE), ("g/vocabulary/reject.txt", "cheap\n")],
        &[],
    ),
];
