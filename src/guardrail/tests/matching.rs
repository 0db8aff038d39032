//! The way from a text to the rules that match it: disguises seen through, nothing lost on the fast ways, nothing found
//! that is not there.

use proptest::prelude::*;

use super::hostile::{every_kind_once, real_lines};
use super::*;
use crate::document::{Faults, parse};
use crate::guardrail::kinds::Check;
use crate::guardrail::prefilter::Prefilter;
use crate::guardrail::text::Text;

/// One rule, given without what every rule needs; its examples are not run. `None` when it is refused.
fn rule(given: &str) -> Option<Rule> {
    let common = "id: r\nmessage: m\nlevel: warning\nexamples: {fail: [x], pass: [y]}\n";
    let faults = Faults::of("g/f.yml");
    parse(&format!("{common}{given}"), &faults).and_then(|node| read::rule(&node, "f", &london(), &faults))
}

/// What rules find in a text, through the prefilter or past it, as the stretches of the text.
fn found<'t>(rules: &[Rule], text: &'t str, prefiltered: bool) -> Vec<(usize, &'t str)> {
    let read = Text::new(text);
    let Scene { facts, context, at, .. } = &Scene::bare();
    let (inputs, placement, locale, instructions) = (&Map::new(), None, None, None);
    let (facts_hash, opinions, at) = ([0; 32], Opinions::Unknown, *at);
    let ground = Ground {
        facts,
        facts_hash,
        prepared: None,
        context,
        placement,
        locale,
        inputs,
        instructions,
        at,
        opinions,
    };
    let rules_to_run: Vec<usize> = match prefiltered {
        true => Prefilter::of(rules.iter().enumerate()).candidates(&read).collect(),
        false => (0..rules.len()).collect(),
    };
    let mut all = Vec::new();
    for index in rules_to_run {
        let hits = judge::hits(&rules[index], &read, &ground).found;
        for hit in hits {
            let stretch = text.get(hit.range.clone());
            all.push((index, stretch.unwrap_or_else(|| panic!("{:?} is no stretch of {text:?}", hit.range))));
        }
    }
    all
}

const WORDS: &str = "extends: existence\nignorecase: true\ntokens: [guaranteed, risk-free, best price, free, small, cop, schon, ass]";

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let rules = [rule(WORDS).unwrap()];
    let found: Vec<&str> = found(&rules, text, true).into_iter().map(|(_, stretch)| stretch).collect();
    assert_eq!(found, expected, "{text:?}");
}

#[test]
fn disguises_are_seen_through() {
    for disguised in [
        // Letters of other scripts, some and all.
        "gυаranteed",
        "guаrаntееd",
        "ɢᴜᴀʀᴀɴᴛᴇᴇᴅ",
        "ｇｕａｒａｎｔｅｅｄ",
        "𝐠𝐮𝐚𝐫𝐚𝐧𝐭𝐞𝐞𝐝",
        "𝓰𝓾𝓪𝓻𝓪𝓷𝓽𝓮𝓮𝓭",
        "ⓖⓤⓐⓡⓐⓝⓣⓔⓔⓓ",
        "🅖🅤🅐🅡🅐🅝🅣🅔🅔🅓",
        "🅶🆄🅰🆁🅰🅽🆃🅴🅴🅳",
        "🇬🇺🇦🇷🇦🇳🇹🇪🇪🇩",
        // Digits and signs for letters.
        "gu4ranteed",
        "gu4r4nt33d",
        "gu@ranteed",
        // What cannot be seen.
        "guar\u{ad}an\u{200b}te\u{200d}ed",
        "g\u{feff}uarant\u{2060}eed",
        "gua\u{fe0f}ranteed",
        "gua\u{e0041}ranteed",
        "gua\u{202e}ran\u{202c}teed",
        // Marks.
        "g\u{336}u\u{336}a\u{336}r\u{336}a\u{336}n\u{336}t\u{336}e\u{336}e\u{336}d\u{336}",
        "g\u{301}u\u{302}a\u{303}r\u{304}a\u{305}n\u{306}t\u{307}e\u{308}e\u{309}d\u{30a}",
        "gúáránteed",
        // Letters apart.
        "g u a r a n t e e d",
        "g.u.a.r.a.n.t.e.e.d",
        "g-u-a-r-a-n-t-e-e-d",
        "g_u_a_r_a_n_t_e_e_d",
        "g·u·a·r·a·n·t·e·e·d",
        "g/u/a/r/a/n/t/e/e/d",
        "g - u - a - r - a - n - t - e - e - d",
        "g.u-a.r|a n,t.e.e.d",
        "G  U  A  R  A  N  T  E  E  D",
        // Lines.
        "guar-\nanteed",
        "guar- \r\n anteed",
        "risk-\nfree",
        "risk‐free",
        "risk–free",
        "best\nprice",
        "best\u{a0}price",
        "best_price",
        "ｂｅｓｔ　ｐｒｉｃｅ",
        "GuArAnTeEd",
    ] {
        for (before, after) in
            [("Now ", " for you"), ("“Now” – it’s ", "!"), ("Für £5, ", ", really."), ("", "")]
        {
            check(&format!("{before}{disguised}{after}"), &[disguised]);
        }
    }
    check("Тhe соp, ѕmаll", &["соp", "ѕmаll"]);
    check("A сор is here", &["сор"]);
    check("It is a g u a r a n t e e d price", &["g u a r a n t e e d"]);
}

#[test]
fn copy_that_hides_nothing_is_left_alone() {
    for text in [
        // Words that look like the rule's, in copy of their own script.
        "Чехол защищает телефон, и никакой сор внутрь не попадёт.",
        "Η θήκη προστατεύει το κινητό",
        "Das ist schön und für Sie.",
        "Der Preis: 5 £, ein Café au Lait, déjà vu.",
        // Models, sizes and addresses.
        "The A15 chip, 128GB, H2O, 5G, IP68, B2B and a 4K screen.",
        "Write to jo@example.com or pay $45.",
        "Sizes S/M/L, A-Z, U.S.A., 3 x 4 x 5 cm",
        "class, assess, surefree, free\u{e9}",
        "risk - free",
    ] {
        check(text, if text == "risk - free" { &["free"] } else { &[] });
    }
}

#[test]
fn a_phrase_is_found_once_however_many_ways_the_text_reads() {
    check(
        "guaranteed\n\ng u a r a n t e e d, gu4ranteed",
        &["guaranteed", "g u a r a n t e e d", "gu4ranteed"],
    );
    let rules = [rule("extends: existence\ntokens: [' {2}', free, b c]").unwrap()];
    let text = "free  fr3e, b\nc  free";
    let expected = ["free", "  ", "fr3e", "b\nc", "  ", "free"];
    assert_eq!(
        found(&rules, text, true).into_iter().map(|(_, stretch)| stretch).collect::<Vec<_>>(),
        expected
    );
}

#[test]
fn thousands_of_phrases_match_as_one_expression_would() {
    let tokens: Vec<String> = (0..10_000).map(|n| format!("phrase {n}")).collect();
    let given = format!("extends: existence\nignorecase: true\ntokens: {}", json!(tokens));
    let rules = [rule(&given).unwrap()];
    let text = "A Phrase 12, phrase 999999, £ phrase 9999 and phrase 1.";
    let expected = [(0, "Phrase 12"), (0, "phrase 9999"), (0, "phrase 1")];
    assert_eq!(found(&rules, text, true), expected);
}

/// Parts of patterns, of texts that they meet and do not meet.
fn pattern() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "a",
        "b",
        "ab",
        "é",
        "É?",
        "k",
        "S",
        "ß",
        "a?",
        "a??",
        "[ab]",
        "b+",
        "(?:a|ab)",
        "(a|b)",
        r"\d+",
        r"\d",
        " ",
        "-",
        ".",
        r"\b",
        "(?i)b",
        "(?-i)s",
        "a{2}",
        "^",
        "$",
        "£",
        "’",
        r"\w+",
        "_",
        "guaranteed",
        "e\u{301}",
        "[^a]",
        "(?:ab )*",
    ]);
    prop::collection::vec(part, 1..5).prop_map(|parts| parts.concat())
}

fn any_rule() -> impl Strategy<Value = Option<Rule>> {
    let scope = prop::sample::select(vec!["text", "sentence", "paragraph"]);
    let patterns = prop::collection::vec(pattern(), 1..4);
    (patterns, any::<bool>(), any::<bool>(), scope, 0..4).prop_map(
        |(patterns, case, nonword, scope, kind)| {
            let style = format!("ignorecase: {case}\nscope: {scope}\n");
            let own = match kind {
                0 => format!("extends: occurrence\nmax: 1\ntoken: {}", json!(patterns[0])),
                1 => format!(
                    "extends: substitution\nnonword: {nonword}\nswap: {{{}: new}}",
                    json!(patterns[0])
                ),
                _ => format!("extends: existence\nnonword: {nonword}\ntokens: {}", json!(patterns)),
            };
            rule(&format!("{style}{own}"))
        },
    )
}

fn any_text() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "a",
        "b",
        "A",
        "B",
        "é",
        "É",
        "e\u{301}",
        "k",
        "K",
        "\u{212a}",
        "s",
        "ſ",
        "ß",
        "ẞ",
        "1",
        "12",
        " ",
        "  ",
        "\n",
        "-",
        "-\n",
        "_",
        "£",
        "’",
        "‘",
        "“",
        "–",
        "…",
        "\u{200b}",
        "\u{ad}",
        "а",
        "υ",
        "。",
        "guaranteed",
        "gu4ranteed",
        "g u a r a ",
        ". ",
        "\u{301}",
        "@",
        "$",
        "🇬",
        "ａ",
        "ﬁ",
        "\r\n",
        "x",
        "ñ",
        "°",
        "\u{a0}",
        "²",
        "\u{0}",
        "İ",
        "ı",
        "ö",
        "сор",
    ]);
    prop::collection::vec(part, 0..14).prop_map(|parts| parts.concat())
}

/// The pattern of a rule that has one.
fn pattern_of(rule: &Rule) -> Option<&patterns::Pattern> {
    match &rule.check {
        Check::Existence(phrases) => Some(&phrases.pattern),
        Check::Substitution(swaps) => Some(&swaps.pattern),
        Check::Occurrence(occurrence) => Some(&occurrence.pattern),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_prefilter_and_the_quick_ways_lose_and_add_nothing(
        rules in prop::collection::vec(any_rule(), 1..6),
        text in any_text(),
    ) {
        let rules: Vec<Rule> = rules.into_iter().flatten().collect();
        prop_assert_eq!(found(&rules, &text, true), found(&rules, &text, false));
        for pattern in rules.iter().filter_map(pattern_of) {
            prop_assert_eq!(pattern.ranges(&text), pattern.slowly(&text), "{:?}", pattern);
        }
    }

    #[test]
    fn corrections_leave_nothing_to_correct(text in any_text(), other in "\\PC{0,20}") {
        let guardrails = every_kind_once();
        for text in [&text, &format!("{other}utilise e-mail{text}")] {
            let judgement = Scene::bare().judge(&guardrails, text);
            if let Some(fixed) = judgement.fixed {
                let again = Scene::bare().judge(&guardrails, &fixed);
                prop_assert_eq!(again.verdict, Verdict::Pass, "{:?} → {:?}", text, fixed);
                prop_assert_eq!(again.fixed, None);
            }
        }
    }
}

#[test]
fn real_copy_reads_alike_on_every_way() {
    let rules: Vec<Rule> = [
        WORDS,
        "extends: existence\ntokens: ['[A-Z]{3,}', '\\d+ ?(?:mm|cm)', 'the best']",
        "extends: substitution\nignorecase: true\nswap: {'(?:very )?good': fine, utilize: use}",
        "extends: occurrence\ntoken: 'phone'\nmax: 2",
    ]
    .map(|given| rule(given).unwrap())
    .into();
    for line in real_lines("llm_copy_phones_dev_outputs_300.jsonl").iter().take(40) {
        let Some(text) = line.as_object().and_then(|line| {
            ["text", "output", "out"].iter().find_map(|key| line.get(*key)).and_then(Value::as_str)
        }) else {
            continue;
        };
        assert_eq!(found(&rules, text, true), found(&rules, text, false));
    }
}
