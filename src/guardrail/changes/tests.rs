//! What is said of edits, as rows of data.

use super::super::load;
use super::super::tests::{files, loaded, london, shown};
use super::*;
use crate::document::Files;

fn told(before: &Files, after: &Files) -> Vec<String> {
    let read = |files: &Files| match load(files, &london()) {
        (Some(rules), _) => Ok(rules),
        (None, faults) => Err(shown(&faults)),
    };
    let all = match (read(before), read(after)) {
        (Ok(before), Ok(after)) => changes(&before, &after),
        (Err(faults), _) | (_, Err(faults)) => return vec![format!("faulty: {faults}")],
    };
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

const RULE: &str = "rules:\n  - {id: r, extends: existence, message: m, level: error, tokens: [guaranteed], ignorecase: true, owner: legal@example.com, reference: CAP 3.7, examples: {fail: [guaranteed], pass: [fine]}}\n";

#[test]
fn what_loosens_without_a_word_is_an_accident() {
    let list = |rules: &str| {
        format!(
            "rules:\n  - {{id: a, extends: existence, message: m, level: error, owner: jo@example.com, {rules}}}\n"
        )
    };
    let before = list("tokens: [x, yz], examples: {fail: [x], pass: [q]}");
    let after = list("tokens: [x], applies: {locale: [de]}, examples: {fail: [x], pass: [q]}");
    let set =
        |list: &str, settings: &str| loaded(&files([("g/f.yml", list), ("g/guardrails.yml", settings)]));
    let entry = "{id: f.a, reason: r, by: b, on: 2026-11-01}";
    let faults = |before: &Guardrails, after: &Guardrails| {
        let faults = accidents(before, after);
        assert!(
            faults.iter().all(|fault| fault.is_error() && fault.owner.as_deref() == Some("jo@example.com"))
        );
        faults
            .iter()
            .map(|f| format!("{} {} [{}]", f.place(), f.message, f.help.as_deref().unwrap_or("")))
            .collect::<Vec<_>>()
    };
    let (then, now) = (set(&before, ""), set(&after, ""));
    assert_eq!(
        faults(&then, &now),
        [
            "g/f.yml:2:5 what is in force becomes looser, and nobody says why: `f.a` now applies only to the locale `de`; \
         `f.a` no longer catches “yz” [undo that, or give the reason under `retired` in guardrails.yml: \
         `- {id: f.a, reason: …, by: …, on: …}`]"
        ]
    );
    assert_eq!(
        faults(&then, &set("rules: []", "")),
        [
            "g/f.yml:1:1 the rule `f.a`, which is in force, is gone [put it back, or give the reason under `retired` in \
         guardrails.yml: `- {id: f.a, reason: …, by: …, on: …}`]"
        ]
    );
    // The word must be one that was not given for something else before, unless the rule is gone.
    let retired = |entry: &str| format!("retired: [{entry}]");
    let other = entry.replace("reason: r", "reason: s");
    for (before_word, after_word, silent) in [
        ("", retired(entry), 0),
        (retired(entry).as_str(), retired(entry), 1),
        (retired(entry).as_str(), retired(&other), 0),
        (retired(entry).as_str(), retired(&format!("{entry}, {other}")), 0),
        ("", retired(&entry.replace("f.a", "f.b")), 1),
    ] {
        let found = faults(&set(&before, before_word), &set(&after, &after_word));
        assert_eq!(found.len(), silent, "{before_word} -> {after_word}");
    }
    let [stale] =
        <[String; 1]>::try_from(faults(&set(&before, &retired(entry)), &set(&after, &retired(entry))))
            .unwrap();
    assert!(
        stale.ends_with(
            "change its entry under `retired` in guardrails.yml: it stood there before this edit]"
        ),
        "{stale}"
    );
    assert_eq!(faults(&set(&before, &retired(entry)), &set("rules: []", &retired(entry))), [""; 0]);
    // Tightening, and what leaves all as it is, need none.
    assert_eq!(faults(&now, &then), [""; 0]);
}

/// What all rows of one line say of a rule, what it says before, after, and what is said of that.
const RULES: &[(&str, &str, &str, &[&str])] = &[
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed, \"risk[- ]free\"]",
        "tokens: [guaranteed]",
        &["loosens: `g.r` no longer catches “risk free” and “risk-free”"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed]",
        "tokens: [guaranteed, never fails]",
        &["tightens: `g.r` also catches “never fails”"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed, risk free]",
        "tokens: [guaranteed, \"risk[- ]free\"]",
        &[
            "tightens: `g.r` also catches “risk[- ]free”",
            "neutral: `g.r` no longer lists “risk free”, and still catches it",
        ],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed, \"risk[- ]free\"]",
        "tokens: [guaranteed, risk free]",
        &["loosens: `g.r` no longer catches “risk-free”", "tightens: `g.r` also catches “risk free”"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed, \"\\\\d+ years\"]",
        "tokens: [guaranteed, \"\\\\d+ months\"]",
        &["loosens: `g.r` no longer catches “\\d+ years”", "tightens: `g.r` also catches “\\d+ months”"],
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
        &["unclear: `g.r` has for `raw` “[(?:un)?]” instead of nothing"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], scope: text",
        "tokens: [guaranteed], scope: sentence",
        &["unclear: `g.r` has for `scope` “sentence” instead of “text”"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], ignorecase: true",
        "tokens: [guaranteed]",
        &["loosens: `g.r` has `ignorecase: false` instead of `true`"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed]",
        "tokens: [guaranteed], nonword: true",
        &["tightens: `g.r` has `nonword: true` instead of `false`"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], ignorecase: true, owner: legal@example.com, reference: CAP 3.7",
        "tokens: [guaranteed], owner: law@example.com, reference: CAP 3.8",
        &[
            "loosens: `g.r` has `ignorecase: false` instead of `true`",
            "neutral: `g.r` was edited in `owner` and `reference`",
        ],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], message: x",
        "tokens: [guaranteed], message: y",
        &["neutral: `g.r` was edited in `message`"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], limit: 3",
        "tokens: [guaranteed], limit: 1",
        &["neutral: `g.r` was edited in `limit`"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], level: error",
        "tokens: [guaranteed], level: warning",
        &["loosens: `g.r` has what it finds sent back to be rewritten instead of blocked"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], level: suggestion",
        "tokens: [guaranteed], level: error",
        &["tightens: `g.r` has what it finds blocked instead of only noted"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], on_match: block",
        "tokens: [guaranteed], on_match: note",
        &["loosens: `g.r` has what it finds only noted instead of blocked"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], on_match: block",
        "tokens: [guaranteed], on_match: block, level: warning",
        &["loosens: `g.r` is of level `warning` instead of `error`"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed]",
        "tokens: [guaranteed], mode: shadow",
        &["loosens: `g.r` is only tried (shadow) instead of enforced"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed]",
        "tokens: [guaranteed], mode: \"off\", because: we sell guarantees now",
        &["loosens: `g.r` is turned off instead of enforced [we sell guarantees now]"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], mode: shadow, because: a trial",
        "tokens: [guaranteed], mode: \"off\", because: a trial",
        &["loosens: `g.r` is turned off instead of only tried (shadow)"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], mode: shadow",
        "tokens: [guaranteed]",
        &["tightens: `g.r` is enforced instead of only tried (shadow)"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed]",
        "tokens: [guaranteed], applies: {locale: [\"en-*\"]}",
        &["loosens: `g.r` now applies only to the locale `en-*`"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], applies: {locale: [en-GB]}",
        "tokens: [guaranteed], applies: {locale: [en]}",
        &["tightens: `g.r` now applies to `en` instead of `en-GB`"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], applies: {locale: [en, de]}",
        "tokens: [guaranteed], applies: {locale: [en, fr]}",
        &["loosens: `g.r` now applies to `en` and `fr` instead of `en` and `de`"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], applies: {placement: [why-this]}",
        "tokens: [guaranteed]",
        &["tightens: `g.r` now applies to every placement, not to `why-this` alone"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed]",
        "tokens: [guaranteed], applies: {placement: [why-this]}",
        &["loosens: `g.r` now applies only to the placement `why-this`"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed]",
        "tokens: [guaranteed], applies: {when: {context.country: GB}}",
        &["loosens: `g.r` now applies where `context.country: GB`; it applied without a condition"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], applies: {when: {context.country: GB}}",
        "tokens: [guaranteed]",
        &["tightens: `g.r` now applies without a condition; it applied where `context.country: GB`"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], applies: {when: {context.country: GB}}",
        "tokens: [guaranteed], applies: {when: {context.country: {$in: [GB, IE]}}}",
        &[
            "tightens: `g.r` now applies where `context.country: {$in: [GB, IE]}`; it applied where `context.country: GB`",
        ],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], applies: {when: {product.price: {$gte: 10}}}",
        "tokens: [guaranteed], applies: {when: {product.price: {$gte: 20}}}",
        &[
            "loosens: `g.r` now applies where `product.price: {$gte: 20}`; it applied where `product.price: {$gte: 10}`",
        ],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], applies: {when: {product.price: {$gte: 20}}}",
        "tokens: [guaranteed], applies: {when: {product.price: {$gte: 10}}}",
        &[
            "tightens: `g.r` now applies where `product.price: {$gte: 10}`; it applied where `product.price: {$gte: 20}`",
        ],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], applies: {when: {$or: [{context.country: GB}, {context.country: IE}]}}",
        "tokens: [guaranteed], applies: {when: {context.country: {$in: [GB, IE]}}}",
        &[
            "neutral: `g.r` now applies where `context.country: {$in: [GB, IE]}`; it applied where `$or: [{context.country: GB}, {context.country: IE}]`",
        ],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], applies: {when: {product.name: {$regex: ab}}}",
        "tokens: [guaranteed], applies: {when: {product.name: {$regex: abc}}}",
        &[
            "unclear: `g.r` now applies where `product.name: {$regex: abc}`; it applied where `product.name: {$regex: ab}`",
        ],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], effective: {from: 2026-11-01}",
        "tokens: [guaranteed], effective: {from: 2026-12-01}",
        &["loosens: `g.r` begins on 1 December 2026 instead of 1 November 2026"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed]",
        "tokens: [guaranteed], effective: {from: 2026-12-01}",
        &["loosens: `g.r` only begins on 1 December 2026; it was in force without a first day"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], effective: {from: 2026-12-01}",
        "tokens: [guaranteed]",
        &["tightens: `g.r` no longer waits for 1 December 2026"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], effective: {until: 2027-12-31}",
        "tokens: [guaranteed], effective: {until: 2027-06-30}",
        &["loosens: `g.r` ends on 30 June 2027 instead of 31 December 2027"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], effective: {until: 2027-06-30}",
        "tokens: [guaranteed], effective: {until: 2027-12-31}",
        &["tightens: `g.r` ends on 31 December 2027 instead of 30 June 2027"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed]",
        "tokens: [guaranteed], effective: {until: 2027-06-30}",
        &["loosens: `g.r` ends on 30 June 2027; it was in force without a last day"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed], effective: {until: 2027-06-30}",
        "tokens: [guaranteed]",
        &["tightens: `g.r` no longer ends on 30 June 2027"],
    ),
    (
        "extends: existence",
        "tokens: [guaranteed], examples: {fail: [guaranteed], pass: [fine]}",
        "tokens: [guaranteed], exceptions: [guaranteed by law], examples: {fail: [guaranteed], pass: [guaranteed by law]}",
        &["loosens: `g.r` now lets “guaranteed by law” pass", "neutral: `g.r` was edited in `examples`"],
    ),
    (
        "extends: existence",
        "tokens: [guaranteed], exceptions: [guaranteed by law], examples: {fail: [guaranteed], pass: [guaranteed by law]}",
        "tokens: [guaranteed], examples: {fail: [guaranteed], pass: [fine]}",
        &[
            "tightens: `g.r` no longer lets “guaranteed by law” pass",
            "neutral: `g.r` was edited in `examples`",
        ],
    ),
    (
        "",
        "extends: existence, tokens: [\"!\"], examples: {fail: [\"a!\"], pass: [b]}",
        "extends: occurrence, token: \"!\", max: 1, examples: {fail: [\"a!!\"], pass: [b]}",
        &["unclear: `g.r` is a rule of kind `occurrence` instead of `existence`"],
    ),
    (
        "extends: existence",
        "tokens: [\"a+b\"], examples: {fail: [aab, {text: aaab}], pass: [x]}",
        "tokens: [\"aa?b\"], examples: {fail: [aab], pass: [x]}",
        &[
            "loosens: `g.r` no longer catches “a+b”",
            "tightens: `g.r` also catches “aa?b”",
            "neutral: `g.r` was edited in `examples`",
        ],
    ),
    (
        "extends: substitution, examples: {fail: [utilize it], pass: [fine]}",
        "swap: {utilize: use, e-mail: email}",
        "swap: {utilize: use}",
        &["loosens: `g.r` no longer catches “e-mail”"],
    ),
    (
        "extends: substitution, examples: {fail: [utilize it], pass: [fine]}",
        "swap: {utilize: use}",
        "swap: {utilize: apply}",
        &["neutral: `g.r` wants “apply” instead of “use” for “utilize”"],
    ),
    (
        "extends: substitution, examples: {fail: [utilize it], pass: [fine]}",
        "swap: {utilize: use, x: y}",
        "swap: {utilize: use, x: x}",
        &["unclear: `g.r` wants “x” instead of “y” for “x”"],
    ),
    (
        "extends: occurrence, token: \"!\", examples: {fail: [\"a!!!!!\"], pass: [b]}",
        "max: 1",
        "max: 3",
        &["loosens: `g.r` has for `max` 3 instead of 1"],
    ),
    (
        "extends: occurrence, token: \"!\", max: 9, examples: {fail: [\"b\"], pass: [\"a!!!\"]}",
        "min: 2",
        "min: 1",
        &["loosens: `g.r` has for `min` 1 instead of 2"],
    ),
    (
        "extends: occurrence, max: 1, examples: {fail: [\"a!?!?\"], pass: [b]}",
        "token: \"!\"",
        "token: \"[?]\"",
        &["unclear: `g.r` has for `token` “[?]” instead of “!”"],
    ),
    (
        "extends: limit, examples: {fail: [\"one two three four five six\"], pass: [a]}",
        "words: {max: 3}",
        "words: {max: 4}",
        &["loosens: `g.r` allows up to 4 words instead of 3"],
    ),
    (
        "extends: limit, examples: {fail: [\"one two three four five six\"], pass: [a]}",
        "words: {max: 4}",
        "words: {max: 3}, sentences: {max: 2}",
        &[
            "tightens: `g.r` allows up to 3 words instead of 4",
            "tightens: `g.r` allows up to 2 sentences instead of any number of",
        ],
    ),
    (
        "extends: limit, examples: {fail: [\"one two three four five six\"], pass: [a b]}",
        "words: {min: 2, max: 4}",
        "words: {max: 4}",
        &["loosens: `g.r` asks for at least 0 words instead of 2"],
    ),
    (
        "extends: limit, examples: {fail: [\"one two three four five six\"], pass: [a b]}",
        "words: {max: 4}, characters: {max: 20}",
        "words: {max: 4}",
        &["loosens: `g.r` allows up to any number of characters instead of 20"],
    ),
    (
        "extends: repetition, tokens: [\"[^\\\\s]+\"], examples: {fail: [the the the the], pass: [a b]}",
        "",
        "max: 1",
        &["loosens: `g.r` has for `max` 1 instead of 0"],
    ),
    (
        "extends: repetition, tokens: [\"[^\\\\s]+\"], examples: {fail: [the the the the], pass: [a b]}",
        "alpha: true",
        "",
        &["tightens: `g.r` has `alpha: false` instead of `true`"],
    ),
    (
        "extends: repetition, examples: {fail: [the the the the], pass: [a b]}",
        "tokens: [\"[^\\\\s]+\"]",
        "tokens: [\"\\\\w+\"]",
        &["unclear: `g.r` has for `tokens` “[\\w+]” instead of “[[^\\s]+]”"],
    ),
    (
        "extends: consistency, examples: {fail: [colour and color], pass: [colour]}",
        "either: {colour: color, grey: gray}",
        "either: {colour: color}",
        &["loosens: `g.r` no longer catches “grey/gray”"],
    ),
    (
        "extends: conditional, examples: {fail: [The ABC is here.], pass: [\"A Big Corp (ABC) is here.\"]}",
        "first: \"\\\\b([A-Z]{3,5})\\\\b\", second: \"\\\\(([A-Z]{3,5})\\\\)\"",
        "first: \"\\\\b([A-Z]{3,4})\\\\b\", second: \"\\\\(([A-Z]{3,5})\\\\)\"",
        &["unclear: `g.r` has for `first` “\\b([A-Z]{3,4})\\b” instead of “\\b([A-Z]{3,5})\\b”"],
    ),
    (
        "extends: capitalization, match: $lower, examples: {fail: [ALL IS UP], pass: [all is down]}",
        "threshold: 0.9",
        "threshold: 0.5",
        &["loosens: `g.r` has for `threshold` 0.5 instead of 0.9"],
    ),
    (
        "extends: capitalization, examples: {fail: [Mixed It Is], pass: [\"12\"]}",
        "match: $lower",
        "match: $upper",
        &["unclear: `g.r` has for `match` “$upper” instead of “$lower”"],
    ),
    (
        "extends: metric, condition: \"> 5\", examples: {fail: [one two three four five six seven.], pass: [a b.]}",
        "formula: words / sentences",
        "formula: words",
        &["unclear: `g.r` has for `formula` “words” instead of “words / sentences”"],
    ),
    (
        "extends: readability, metrics: [Flesch-Kincaid], examples: {fail: [\"Incomprehensibility characterises institutional communications notwithstanding considerable organisational deliberations.\"], pass: [The cat sat.]}",
        "grade: 8",
        "grade: 10",
        &["loosens: `g.r` has for `grade` 10 instead of 8"],
    ),
    (
        "extends: require, examples: {fail: [Pay monthly.], pass: [Pay in full.]}",
        "trigger: [pay monthly, on credit], text: UK residents only.",
        "trigger: [pay monthly], text: UK residents only.",
        &["loosens: `g.r` no longer catches “on credit”"],
    ),
    (
        "extends: require, trigger: [pay monthly], examples: {fail: [Pay monthly.], pass: [Pay in full.]}",
        "text: UK residents only.",
        "text: UK residents.",
        &["unclear: `g.r` has for `text` “UK residents.” instead of “UK residents only.”"],
    ),
    (
        "extends: require, trigger: [pay monthly], text: UK residents only., examples: {fail: [Pay monthly.], pass: [Pay in full.]}",
        "within: {sentences: 1, after: true}",
        "within: {sentences: 2, after: true}",
        &["loosens: `g.r` has for `sentences` 2 instead of 1"],
    ),
    (
        "extends: require, trigger: [pay monthly], text: UK residents only., examples: {fail: [Pay monthly.], pass: [Pay in full.]}",
        "within: {sentences: 1, after: true}",
        "within: {sentences: 1}",
        &["loosens: `g.r` has `after: false` instead of `true`"],
    ),
    (
        "extends: require, trigger: [pay monthly], text: UK residents only., examples: {fail: [Pay monthly.], pass: [Pay in full.]}",
        "within: {sentences: 1}",
        "",
        &["loosens: `g.r` has for `sentences` no limit instead of 1"],
    ),
    (
        "extends: claim, triggers: [award winning], examples: {fail: [Award winning.], pass: [Nice.]}",
        "needs: {product.award: true}",
        "needs: {product.award: true, product.year: 2026}",
        &["tightens: `g.r` needs `product.award: true, product.year: 2026` instead of `product.award: true`"],
    ),
    (
        "extends: claim, triggers: [award winning], examples: {fail: [Award winning.], pass: [Nice.]}",
        "needs: {product.award: true, product.year: 2026}",
        "needs: {product.award: true}",
        &["loosens: `g.r` needs `product.award: true` instead of `product.award: true, product.year: 2026`"],
    ),
    (
        "extends: claim, triggers: [award winning], examples: {fail: [Award winning.], pass: [Nice.]}",
        "needs: {all: [{product.award: true}, {product.year: 2026}]}",
        "needs: {product.award: true, product.year: 2026}",
        &[
            "neutral: `g.r` needs `product.award: true, product.year: 2026` instead of `all: [{product.award: true}, {product.year: 2026}]`",
        ],
    ),
    (
        "extends: claim, triggers: [award winning], examples: {fail: [Award winning.], pass: [Nice.]}",
        "needs: {product.award: true}, with: As awarded.",
        "needs: {product.award: true}",
        &["loosens: `g.r` no longer asks for “As awarded.”"],
    ),
    (
        "extends: claim, triggers: [award winning], examples: {fail: [Award winning.], pass: [Nice.]}",
        "needs: {product.award: true}, with: As awarded.",
        "needs: {product.award: true}, with: As judged.",
        &["unclear: `g.r` has for `with` “As judged.” instead of “As awarded.”"],
    ),
    (
        "extends: claim, triggers: [award winning], examples: {fail: [Award winning.], pass: [Nice.]}",
        "wording: [winner of an award], needs: {product.award: true}",
        "wording: [winner of an award, best in show], needs: {product.award: true}",
        &["loosens: `g.r` may now be said as “best in show”"],
    ),
    (
        "extends: claim, triggers: [award winning], examples: {fail: [Award winning.], pass: [Nice.]}",
        "wording: [winner of an award, best in show], needs: {product.award: true}",
        "wording: [winner of an award], needs: {product.award: true}",
        &["tightens: `g.r` may no longer be said as “best in show”"],
    ),
    (
        "extends: personal, examples: {fail: [Since you love hiking.], pass: [A lamp.]}",
        "tokens: [as you know us]",
        "",
        &["loosens: `g.r` no longer catches “as you know us”"],
    ),
    (
        "extends: personal, examples: {fail: [Since you love hiking.], pass: [A lamp.]}",
        "",
        "allow: {user.orders_90d: [\"your last order\"]}",
        &["loosens: `g.r` now allows “your last order (user.orders_90d)”"],
    ),
    (
        "extends: pii, examples: {fail: [Write to jo@example.com.], pass: [Write to us.]}",
        "entities: [email, phone]",
        "entities: [email]",
        &["loosens: `g.r` no longer finds personal data of the sorts `phone`"],
    ),
    (
        "extends: pii, examples: {fail: [Write to jo@example.com.], pass: [Write to us.]}",
        "",
        "entities: [email]",
        &["loosens: `g.r` only finds personal data of the sorts `email`"],
    ),
    (
        "extends: pii, examples: {fail: [Write to jo@example.com.], pass: [Write to us.]}",
        "threshold: 0.4",
        "threshold: 0.8",
        &["loosens: `g.r` has for `threshold` 0.8 instead of 0.4"],
    ),
    (
        "extends: url, examples: {fail: [\"See https://evil.example.org now.\"], pass: [See us.]}",
        "allow: [example.com]",
        "allow: [example.com, shop.example.net]",
        &["loosens: `g.r` now allows links to “shop.example.net”"],
    ),
    (
        "extends: url, examples: {fail: [\"See https://evil.example.org now.\"], pass: [See us.]}",
        "allow: [example.com, shop.example.net]",
        "allow: [example.com]",
        &["tightens: `g.r` no longer allows links to “shop.example.net”"],
    ),
    (
        "extends: language, examples: {fail: [{text: Der Hund und die Katze sind im Haus, locale: en}], pass: [{text: The dog is in the house, locale: en}]}",
        "min_words: 3",
        "min_words: 6",
        &["loosens: `g.r` has for `min_words` 6 instead of 3"],
    ),
    (
        "extends: language, examples: {fail: [{text: Der Hund und die Katze sind im Haus, locale: en}], pass: [{text: The dog is in the house, locale: en}]}",
        "confidence: 0.9",
        "confidence: 0.5",
        &["tightens: `g.r` has for `confidence` 0.5 instead of 0.9"],
    ),
    (
        "extends: competitor, examples: {fail: [Better than Acme.], pass: [Better than most.]}",
        "names: [Acme, Globex]",
        "names: [Acme]",
        &["loosens: `g.r` no longer knows “Globex”"],
    ),
    (
        "extends: competitor, examples: {fail: [Better than Acme.], pass: [Better than most.]}",
        "names: [{name: Acme, aliases: [Acme Ltd]}]",
        "names: [{name: Acme, unless: [acme of taste]}]",
        &[
            "loosens: `g.r` no longer knows “Acme Ltd”",
            "loosens: `g.r` now takes “Acme” for something else in “acme of taste”",
        ],
    ),
    (
        "extends: competitor, examples: {fail: [Better than Acme.], pass: [Better than most.]}",
        "names: [{name: Acme, case: insensitive}]",
        "names: [{name: Acme, case: sensitive}]",
        &["unclear: `g.r` minds the capitals of “Acme” otherwise"],
    ),
    (
        "extends: judge, examples: {fail: [bad], pass: [good]}",
        "rubric: Be kind., threshold: 0.8",
        "rubric: Be kind., threshold: 0.6",
        &["loosens: `g.r` has for `threshold` 0.6 instead of 0.8"],
    ),
    (
        "extends: judge, examples: {fail: [bad], pass: [good]}",
        "rubric: Be kind.",
        "rubric: Be nice.",
        &["unclear: `g.r` has for `rubric` “Be nice.” instead of “Be kind.”"],
    ),
    (
        "extends: judge, rubric: Be kind., examples: {fail: [bad], pass: [good]}",
        "mode: enforce",
        "",
        &["loosens: `g.r` is only tried (shadow) instead of enforced"],
    ),
    (
        "extends: moderation, examples: {fail: [bad], pass: [good]}",
        "",
        "categories: [hate]",
        &["loosens: `g.r` only finds what is flagged as `hate`"],
    ),
    (
        "extends: moderation, examples: {fail: [bad], pass: [good]}",
        "categories: [hate, {violence: 0.3}]",
        "categories: [hate, {violence: 0.5}]",
        &["loosens: `g.r` has for `violence` 0.5 instead of 0.3"],
    ),
    (
        "extends: moderation, examples: {fail: [bad], pass: [good]}",
        "categories: [hate, violence]",
        "categories: [hate], model: strict-1",
        &[
            "loosens: `g.r` no longer finds what is flagged as `violence`",
            "unclear: `g.r` has for `model` “strict-1” instead of nothing",
        ],
    ),
    (
        "extends: markup, examples: {fail: [<b>x</b>], pass: [x]}",
        "on_match: block",
        "on_match: repair",
        &["loosens: `g.r` has what it finds sent back to be rewritten instead of blocked"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed, abcd], ignorecase: true",
        "tokens: [guaranteed, '^abcd'], ignorecase: true",
        &["loosens: `g.r` no longer catches “Here is abcd for you.”", "tightens: `g.r` also catches “^abcd”"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed, abcd], ignorecase: true",
        "tokens: [guaranteed, 'abcd$'], ignorecase: true",
        &["loosens: `g.r` no longer catches “Here is abcd for you.”", "tightens: `g.r` also catches “abcd$”"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed, abcd], ignorecase: true",
        "tokens: [guaranteed, '(?-i)abcd'], ignorecase: true",
        &["loosens: `g.r` no longer catches “Abcd is here.”", "tightens: `g.r` also catches “(?-i)abcd”"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed, abcd], ignorecase: true",
        "tokens: [guaranteed, '\\babcd\\b'], ignorecase: true",
        &[
            "unclear: `g.r` no longer lists “abcd”, and may not catch it everywhere",
            "tightens: `g.r` also catches “\\babcd\\b”",
        ],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed, abcd], ignorecase: true",
        "tokens: [guaranteed, '\\Babcd'], ignorecase: true",
        &["loosens: `g.r` no longer catches “abcd”", "tightens: `g.r` also catches “\\Babcd”"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed, abcd], ignorecase: true",
        "tokens: [guaranteed, 'abcd(?! for)'], ignorecase: true",
        &[
            "loosens: `g.r` no longer catches “Here is abcd for you.”",
            "tightens: `g.r` also catches “abcd(?! for)”",
        ],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed, abcd], ignorecase: true",
        "tokens: [guaranteed, '(?<!is )abcd'], ignorecase: true",
        &[
            "loosens: `g.r` no longer catches “Here is abcd for you.”",
            "tightens: `g.r` also catches “(?<!is )abcd”",
        ],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed, abcd], ignorecase: true",
        "tokens: [guaranteed, '(?<!zz )abcd'], ignorecase: true",
        &[
            "unclear: `g.r` no longer lists “abcd”, and may not catch it everywhere",
            "tightens: `g.r` also catches “(?<!zz )abcd”",
        ],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed, abcd], ignorecase: true",
        "tokens: [guaranteed, 'abcd(?=$|[^q])'], ignorecase: true",
        &[
            "unclear: `g.r` no longer lists “abcd”, and may not catch it everywhere",
            "tightens: `g.r` also catches “abcd(?=$|[^q])”",
        ],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed, abcd], ignorecase: true",
        "tokens: [guaranteed, '(?-i:[Aa]bcd)'], ignorecase: true",
        &[
            "loosens: `g.r` no longer catches “HERE IS ABCD FOR YOU.”",
            "tightens: `g.r` also catches “(?-i:[Aa]bcd)”",
        ],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed, abcd], ignorecase: true",
        "tokens: [guaranteed, '(?:^|[^z] )abcd'], ignorecase: true",
        &[
            "loosens: `g.r` no longer catches “Here is abcd for you.”",
            "tightens: `g.r` also catches “(?:^|[^z] )abcd”",
        ],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed, abcd, '^abcd']",
        "tokens: [guaranteed, '^abcd']",
        &["loosens: `g.r` no longer catches “Here is abcd for you.”"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed, abcd, 'abcd(?! zz)']",
        "tokens: [guaranteed, 'abcd(?! zz)']",
        &["unclear: `g.r` no longer lists “abcd”, and may not catch it everywhere"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed, '^abcd']",
        "tokens: [guaranteed, abcd]",
        &["loosens: `g.r` no longer catches “^abcd”", "tightens: `g.r` also catches “abcd”"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed, risk free]",
        "tokens: [guaranteed, 'risk[- ]?free', '^abcd']",
        &[
            "tightens: `g.r` also catches “risk[- ]?free” and “^abcd”",
            "neutral: `g.r` no longer lists “risk free”, and still catches it",
        ],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [fine]}",
        "tokens: [guaranteed, guaranteed fresh]",
        "tokens: [guaranteed]",
        &["neutral: `g.r` no longer lists “guaranteed fresh”, and still catches it"],
    ),
    (
        "extends: existence, examples: {fail: [a guaranteed thing], pass: [guaranteed fresh today]}",
        "tokens: [guaranteed, guaranteed fresh], exceptions: [guaranteed fresh today]",
        "tokens: [guaranteed], exceptions: [guaranteed fresh today]",
        &["unclear: `g.r` no longer lists “guaranteed fresh”, and may not catch it everywhere"],
    ),
    (
        "extends: substitution, examples: {fail: [We utilize it.], pass: [fine]}",
        "swap: {abcd: ab, utilize: use}",
        "swap: {'^abcd': ab, utilize: use}",
        &["loosens: `g.r` no longer catches “Here is abcd for you.”", "tightens: `g.r` also catches “^abcd”"],
    ),
    (
        "extends: claim, wording: [winner of an award], triggers: [award winning], examples: {fail: [Award winning.], pass: [Nice.]}",
        "needs: {product.award: true}, applies: {placement: [why-this]}",
        "needs: {product.award: true}",
        &[
            "loosens: `g.r` now applies to every placement, not to `why-this` alone, and allows its wordings as widely",
        ],
    ),
    (
        "extends: claim, wording: [winner of an award], triggers: [award winning], examples: {fail: [Award winning.], pass: [Nice.]}",
        "needs: {product.award: true}",
        "needs: {product.award: true}, applies: {placement: [why-this]}",
        &["loosens: `g.r` now applies only to the placement `why-this`"],
    ),
    (
        "extends: claim, wording: [winner of an award], triggers: [award winning], examples: {fail: [Award winning.], pass: [Nice.]}",
        "needs: {product.award: true}, applies: {locale: [en-GB]}",
        "needs: {product.award: true}, applies: {locale: [en]}",
        &["loosens: `g.r` now applies to `en` instead of `en-GB`, and allows its wordings as widely"],
    ),
    (
        "extends: claim, wording: [winner of an award], triggers: [award winning], examples: {fail: [Award winning.], pass: [Nice.]}",
        "needs: {product.award: true}, applies: {when: {product.price: {$gte: 20}}}",
        "needs: {product.award: true}, applies: {when: {product.price: {$gte: 10}}}",
        &[
            "loosens: `g.r` now applies where `product.price: {$gte: 10}`; it applied where `product.price: {$gte: 20}`, and allows its wordings as widely",
        ],
    ),
    (
        "extends: claim, wording: [winner of an award], triggers: [award winning], examples: {fail: [Award winning.], pass: [Nice.]}",
        "needs: {product.award: true}, effective: {until: 2027-06-30}",
        "needs: {product.award: true}, effective: {until: 2027-12-31}",
        &[
            "loosens: `g.r` ends on 31 December 2027 instead of 30 June 2027, and allows its wordings as widely",
        ],
    ),
    (
        "extends: claim, triggers: [award winning], examples: {fail: [Award winning.], pass: [Nice.]}",
        "applies: {placement: [why-this]}",
        "",
        &["tightens: `g.r` now applies to every placement, not to `why-this` alone"],
    ),
];

type Rows<'r> = &'r [(&'r [(&'r str, &'r str)], &'r [(&'r str, &'r str)], &'r [&'r str])];

/// Files before, after, and what is said of that.
const FILES: Rows<'_> = &[
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "rules: {}")],
        &[
            ("g/g.yml", RULE),
            (
                "g/guardrails.yml",
                "waivers: [{text: Guaranteed fresh., rules: [g.r], reason: agreed, by: jo, until: 2027-01-31}]",
            ),
        ],
        &[
            "loosens: until 31 January 2027 the one text “Guaranteed fresh.” is not held back by `g.r` [agreed (jo)]",
        ],
    ),
    (
        &[
            ("g/g.yml", RULE),
            (
                "g/guardrails.yml",
                "waivers: [{text: Guaranteed fresh., rules: [g.r], reason: agreed, by: jo, until: 2027-01-31}]",
            ),
        ],
        &[("g/g.yml", RULE), ("g/guardrails.yml", "rules: {}")],
        &["tightens: the waiver of `g.r` for “Guaranteed fresh.” until 31 January 2027 is gone"],
    ),
    (
        &[
            ("g/g.yml", RULE),
            (
                "g/guardrails.yml",
                "waivers: [{text: Guaranteed fresh., rules: [g.r], reason: agreed, by: jo, until: 2027-01-31}]",
            ),
        ],
        &[
            ("g/g.yml", RULE),
            (
                "g/guardrails.yml",
                "waivers: [{text: Guaranteed fresh., rules: [g.r], reason: agreed, by: jo, until: 2027-03-31}]",
            ),
        ],
        &[
            "loosens: until 31 March 2027 the one text “Guaranteed fresh.” is not held back by `g.r` [agreed (jo)]",
            "tightens: the waiver of `g.r` for “Guaranteed fresh.” until 31 January 2027 is gone",
        ],
    ),
    (
        &[
            ("g/g.yml", RULE),
            ("g/guardrails.yml", "rules: {g.r: {mode: shadow, until: 2026-12-31, because: a trial}}"),
        ],
        &[
            ("g/g.yml", RULE),
            ("g/guardrails.yml", "rules: {g.r: {mode: shadow, until: 2027-01-31, because: a longer trial}}"),
        ],
        &[
            "loosens: `g.r` is only tried (shadow) from 1 January 2027 until 31 January 2027 instead of enforced [a longer trial]",
        ],
    ),
    (&[("g/g.yml", RULE)], &[("g/g.yml", "rules: []")], &["loosens: `g.r` is gone"]),
    (
        &[("g/g.yml", RULE)],
        &[("g/guardrails.yml", "retired: [{id: g.r, reason: campaign over, by: jo, on: 2026-11-01}]")],
        &["loosens: `g.r` is gone [campaign over (jo, 1 November 2026)]"],
    ),
    (
        &[("g/g.yml", "rules: []")],
        &[("g/g.yml", RULE)],
        &["tightens: `g.r` is new: what it finds is blocked"],
    ),
    (
        &[("g/g.yml", "rules: []")],
        &[("g/g.yml", RULE), ("g/guardrails.yml", "rules: {g.r: {mode: shadow}}")],
        &["neutral: `g.r` is new, and only tried (shadow)"],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "rules: {}")],
        &[("g/g.yml", RULE), ("g/guardrails.yml", "rules: {g.r: {mode: shadow, until: 2026-12-31}}")],
        &["loosens: `g.r` is only tried (shadow) until 31 December 2026 instead of enforced"],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "rules: {}")],
        &[
            ("g/g.yml", RULE),
            ("g/guardrails.yml", "rules: {g.r: {mode: shadow, until: 2026-12-31, because: a trial}}"),
        ],
        &["loosens: `g.r` is only tried (shadow) until 31 December 2026 instead of enforced [a trial]"],
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
        &[
            "loosens: `g.r` is only tried (shadow) from 1 January 2027 until 31 January 2027 instead of enforced",
        ],
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
        &[
            "tightens: `g.r` is enforced from 1 January 2027 until 31 January 2027 instead of only tried (shadow)",
        ],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "rules: {g.r: {mode: \"off\", because: x}}")],
        &[("g/g.yml", RULE), ("g/guardrails.yml", "rules: {}")],
        &["tightens: `g.r` is enforced instead of turned off"],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "rules: {}")],
        &[("g/g.yml", RULE), ("g/guardrails.yml", "rules: {g.r: {mode: \"off\", because: x}}")],
        &["loosens: `g.r` is turned off instead of enforced [x]"],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "rules: {}")],
        &[("g/g.yml", RULE), ("g/guardrails.yml", "rules: {g.r: {on_match: note}}")],
        &["loosens: `g.r` has what it finds only noted instead of blocked"],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "rules: {g.r: {level: suggestion}}")],
        &[("g/g.yml", RULE), ("g/guardrails.yml", "rules: {}")],
        &["tightens: `g.r` has what it finds blocked instead of only noted"],
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
        &[
            "loosens: `g.r` has what it finds only noted instead of blocked [milder now (jo, 1 November 2026)]",
        ],
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
        &["loosens: `g.r` has what it finds only noted instead of blocked"],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: [{mode: segment}]")],
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: []")],
        &["loosens: the ceiling over every placement (`segment` at most) is gone"],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: [{mode: segment}]")],
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: [{mode: live}]")],
        &["loosens: the ceiling over every placement is `live` at most instead of `segment` at most"],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: [{mode: segment}]")],
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: [{mode: prewritten}]")],
        &["tightens: a ceiling holds over every placement: `prewritten` at most"],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: [{mode: segment, approval: true}]")],
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: [{mode: segment}]")],
        &[
            "loosens: the ceiling over every placement is `segment` at most instead of `segment` at most, a person approves each text",
        ],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: [{mode: segment, approval: true}]")],
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: [{mode: segment}, {approval: true}]")],
        &[
            "neutral: a ceiling holds over every placement: `segment` at most",
            "neutral: a ceiling holds over every placement: a person approves each text",
        ],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: [{mode: segment}]")],
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: [{mode: segment, placement: [why-this]}]")],
        &[
            "loosens: the ceiling over every placement (`segment` at most) no longer holds everywhere it did",
            "neutral: a ceiling holds over `why-this`: `segment` at most",
        ],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: [{mode: segment, placement: [why-this]}]")],
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: [{mode: segment}]")],
        &["tightens: a ceiling holds over every placement: `segment` at most"],
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
        &[
            "loosens: the ceiling over every placement where `product.price: {$gte: 10}` (`segment` at most) no longer holds everywhere it did",
            "neutral: a ceiling holds over every placement where `product.price: {$gte: 20}`: `segment` at most",
        ],
    ),
    (
        &[("g/g.yml", RULE), ("g/guardrails.yml", "ceilings: []")],
        &[
            ("g/g.yml", RULE),
            ("g/guardrails.yml", "ceilings: [{approval: true, when: {context.country: DE}}]"),
        ],
        &[
            "tightens: a ceiling holds over every placement where `context.country: DE`: a person approves each text",
        ],
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
        &[
            "loosens: the ceiling over every placement (`segment` at most) is gone [trusted now (jo, 1 November 2026)]",
        ],
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
        &["loosens: `claims.health` is gone: the family `health` is no longer closed"],
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
        &["tightens: `claims.health` also catches “heals”"],
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
        &["loosens: `claims.health` no longer catches “heals”"],
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
        &[
            "loosens: `claims.c` needs `any: [{evidence: lab-1}, {product.tested: true}]` instead of `evidence: lab-1`",
        ],
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
        &["loosens: `claims.c` needs `evidence: lab-1` instead of `evidence: lab-1, product.tested: true`"],
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
        &[
            "loosens: the evidence `lab-1` holds until 30 June 2027 instead of 31 March 2027 (`claims.c` may rest on it) [accepted by legal@example.com]",
        ],
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
        &[
            "tightens: the evidence `lab-1` holds until 31 January 2027 instead of 31 March 2027 (`claims.c` may rest on it)",
        ],
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
        &[
            "loosens: the evidence `lab-1` holds from 1 October 2026 on instead of 1 November 2026 (`claims.c` may rest on it) [accepted by legal@example.com]",
        ],
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
        &[
            "loosens: the evidence `lab-1` also covers `2` (`claims.c` may rest on it) [accepted by legal@example.com]",
        ],
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
        &["tightens: the evidence `lab-1` no longer covers `2`"],
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
        &["neutral: the evidence `lab-1` is another document, or accepted by somebody else"],
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
        &[
            "neutral: the evidence `lab-2` is new: it holds from 1 November 2026 until 31 March 2027 for 1 product",
        ],
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
        &["tightens: the evidence `lab-2` is gone"],
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
        &[
            "tightens: `claims.d` is new: what it finds is blocked; where `product.sleep: true` it may be said as “good for sleep”",
        ],
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
        &["neutral: `S.V` no longer catches “very”"],
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
        &["loosens: `S.V` no longer catches “very”"],
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
        &["loosens: `S.V` has what it finds only noted instead of blocked"],
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
        &["loosens: `S.V` has what it finds sent back to be rewritten instead of blocked [our voice]"],
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
        &["neutral: the style `S` is no longer in force (1 rule) [taken out of `styles` in guardrails.yml]"],
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
        &["tightens: the style `S` is in force (1 rule, 1 of them more than notes)"],
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
        &["loosens: the style `S` is no longer in force (1 rule) [taken out of `styles` in guardrails.yml]"],
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
        &["neutral: public rules no longer object to “Very Co”"],
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
        &["loosens: public rules no longer object to “Very Co”"],
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
        &["tightens: public rules may object to “Very Co” again"],
    ),
    (
        &[("g/g.yml", RULE), ("g/vocabulary/reject.txt", "cheap\nnasty\n")],
        &[("g/g.yml", RULE), ("g/vocabulary/reject.txt", "cheap\n")],
        &["loosens: `vocabulary.reject` no longer catches “nasty”"],
    ),
];
