use super::*;
use crate::document::{Faults, parse};

/// What one rule finds in a text. The rule is given without what every rule needs; its examples are not run.
#[track_caller]
fn check(rule: &str, text: &str, expected: &[&str]) {
    let common = "id: r\nmessage: m\nlevel: warning\nexamples: {fail: [x], pass: [y]}\n";
    let faults = Faults::of("g/f.yml");
    let rule = parse(&format!("{common}{rule}"), &faults)
        .and_then(|node| read::rule(&node, "f", &london(), &faults));
    let rule = rule.unwrap_or_else(|| panic!("{}", shown(&faults.into_diagnostics())));
    let Scene { facts, context, at, .. } = &Scene::bare();
    let (inputs, placement, locale, instructions) = (&Map::new(), None, None, None);
    let ground = Ground {
        facts,
        facts_hash: [0; 32],
        prepared: None,
        context,
        placement,
        locale,
        inputs,
        instructions,
        at: *at,
        opinions: Opinions::Unknown,
    };
    let hits = judge::hits(&rule, &text::Text::new(text), &ground);
    let found: Vec<&str> = hits.found.into_iter().map(|hit| text::slice(text, hit.range)).collect();
    assert_eq!(found, expected, "{text:?} by {:?}", rule.check);
}

#[test]
fn words_are_found_however_they_are_written() {
    let rule = "extends: existence\nignorecase: true\ntokens: [guaranteed]";
    for text in [
        "Guaranteed",
        "gυaranteed",
        "guar\u{ad}anteed",
        "g u a r a n t e e d",
        "ｇｕａｒａｎｔｅｅｄ",
        "g.u.a.r.a.n.t.e.e.d",
    ] {
        check(rule, &format!("£5 – it’s {text}, really"), &[text]);
    }
}

#[test]
fn no_whitespace_and_no_underscore_hides_words() {
    for reach in ["text", "sentence", "paragraph"] {
        let rule = format!(
            "extends: existence\nignorecase: true\nscope: {reach}\n\
             tokens: [guaranteed, best prices, 'half[- ]price', 'risk[- ]free', clinically proven]"
        );
        for text in [
            "half  price",
            "half \t price",
            "half\u{2003}\u{a0}price",
            "half\u{b}price",
            "best\nprices",
            "best \r\n prices",
            "clinically  proven",
            "clinically \u{200b} proven",
            "risk\nfree",
            "g  u  a  r  a  n  t  e  e  d",
            "b e s t   p r i c e s",
            "guaranteed",
            "best_prices",
        ] {
            check(&rule, &format!("“So”: _{text}_ here"), &[text]);
            check(&rule, &format!("So {text} here"), &[text]);
        }
    }
    let other = "extends: existence\ntokens: ['line\\nend', '^start', 'two  spaces', snake_case]";
    for found in ["line\nend", "two  spaces", "snake_case"] {
        check(other, &format!("a {found} b"), &[found]);
    }
    check(other, "no start\nstart", &["start"]);
    check("extends: existence\nscope: paragraph\ntokens: [one two]", "one\n\ntwo, one\ntwo", &["one\ntwo"]);
    check("extends: occurrence\ntoken: best price\nmax: 1", "best price, best  price", &["best  price"]);
    check("extends: substitution\nswap: {in order to: to}", "in\norder  to", &["in\norder  to"]);
    check(
        "extends: existence\ntokens: [guaranteed]\nexceptions: [guaranteed by law]",
        "guaranteed\nby  law",
        &[],
    );
}

#[test]
fn a_correction_that_does_not_pass_is_none() {
    let rules = "rules:\n  - {id: swap, extends: substitution, message: m, on_match: fix, swap: {a: x, b: y, c: z, d: e}, \
                 examples: {fail: [a], pass: [x]}}\n  \
                 - {id: x, extends: existence, message: m, on_match: block, tokens: [x], examples: {fail: [x], pass: [y]}}\n  \
                 - {id: y, extends: existence, message: m, on_match: repair, tokens: [y], examples: {fail: [y], pass: [x]}}\n  \
                 - {id: z, extends: substitution, message: m, on_match: fix, swap: {z: c}, examples: {fail: [z], pass: [x]}}\n";
    let guardrails = loaded(&files([("g/f.yml", rules)]));
    // What stands in the corrected text's way is said as well.
    for (text, verdict, fixed, found) in [
        ("a", Verdict::Block, None, &["f.swap", "f.x"][..]),
        ("b", Verdict::Repair, None, &["f.swap", "f.y"]),
        ("c", Verdict::Repair, None, &["f.swap", "f.z"]),
        ("d", Verdict::Fix, Some("e"), &["f.swap"]),
    ] {
        let judgement = Scene::bare().judge(&guardrails, text);
        assert_eq!((judgement.verdict, judgement.fixed.as_deref()), (verdict, fixed), "{text}");
        assert_eq!(judgement.findings.iter().map(|f| &*f.rule).collect::<Vec<_>>(), found, "{text}");
        let approved = Scene::bare().approve(&guardrails, &Draft::new(text));
        assert_eq!(approved.map_err(|judgement| judgement.verdict).is_ok(), fixed.is_some(), "{text}");
    }
}

#[test]
fn words_end_where_unicode_ends_them() {
    check("extends: existence\ntokens: [ass, caf]", "class, ass, café caf", &["ass", "caf"]);
    check(
        "extends: existence\ntokens: ['£\\d+', '\\d+%']",
        "now £5, was £60: 50% off",
        &["£5", "£60", "50%"],
    );
    check("extends: existence\nnonword: true\ntokens: [ass]", "class", &["ass"]);
    check("extends: existence\ntokens: [guarantee, guaranteed]", "guaranteed", &["guaranteed"]);
    check("extends: existence\nraw: ['(?:very )']\ntokens: [good, bad]", "very bad, good", &["very bad"]);
    check("extends: existence\ntokens: ['it’s']", "it's and it’s", &["it's", "it’s"]);
}

#[test]
fn sentences_begin_where_they_begin() {
    let rules = "rules: [{id: r, extends: existence, message: m, level: error, scope: sentence, tokens: [^So], \
                 examples: {fail: [So. So.], pass: [Not so.]}}]";
    let found =
        Scene::bare().judge(&loaded(&files([("g/f.yml", rules)])), "Well. So it is. Not So.").findings;
    assert_eq!(found.iter().map(|f| (f.start, f.end)).collect::<Vec<_>>(), [(6, 8)]);
}

#[test]
fn swaps() {
    let rule = "extends: substitution\nignorecase: true\nswap: {utilize: use, utilize all: use all, javascript: JavaScript}";
    check(rule, "Utilize all JavaScript", &["Utilize all"]);
    check(rule, "JAVASCRIPT", &["JAVASCRIPT"]);
}

#[test]
fn swaps_write_what_their_groups_matched() {
    for (swap, text, fixed) in [
        ("{'(\\d+) ?gb': '$1 GB', e-mail: email}", "An e-mail of 5gb.", "An email of 5 GB."),
        ("{'(x)y': '${1}z', '(a)(b)c': '$2$1'}", "xy abc", "xz ba"),
        ("{'(?P<n>x)y': '$n-z|zz'}", "xy", "x-z"),
        ("{'(five|5) dollars': '$$5'}", "five dollars", "$5"),
        ("{five dollars: '$5'}", "five dollars", "$5"),
    ] {
        let rules = format!(
            "rules: [{{id: r, extends: substitution, message: m, on_match: fix, swap: {swap}, \
             examples: {{fail: [{text}], pass: [q]}}}}]"
        );
        let judgement = Scene::bare().judge(&loaded(&files([("g/f.yml", &rules)])), text);
        assert_eq!(judgement.fixed.as_deref(), Some(fixed), "{swap}");
    }
}

#[test]
fn things_counted() {
    check("extends: occurrence\ntoken: '!'\nmax: 1", "a! b! c!", &["!"]);
    check("extends: occurrence\ntoken: '!'\nmax: 1\nscope: sentence", "FAIL!! Or! Or!!", &["!", "!"]);
    check("extends: occurrence\ntoken: you\nmin: 1", "Only us.", &["Only us."]);
    check("extends: limit\ncharacters: {max: 3}", "äöüß", &["ß"]);
    check("extends: limit\nwords_per_sentence: {max: 2}", "One two. One two three.", &["three."]);
    check("extends: limit\nwords: {min: 3}", "Too few", &["Too few"]);
}

#[test]
fn what_follows() {
    let house = every_kind();
    let scene = Scene::bare();
    let verdict = |text: &str| scene.judge(&house, text).verdict;
    assert_eq!(verdict("A sturdy tent."), Verdict::Pass);
    assert_eq!(verdict("Utilise it."), Verdict::Fix);
    assert_eq!(verdict("Utilise it! Now!"), Verdict::Repair);
    assert_eq!(verdict("Utilise it! Now! Guaranteed."), Verdict::Block);
    let fixed = scene.judge(&house, "Utilise it – by e-mail.").fixed;
    assert_eq!(fixed.as_deref(), Some("Use it – by email."));
}

#[test]
fn findings_point_into_the_text_as_given() {
    let found = Scene::bare().judge(&every_kind(), "“Ünïcode” is g\u{200b}uaranteed");
    let guaranteed = found.findings.iter().find(|f| f.rule == "house.no-guarantees").unwrap();
    assert_eq!(
        serde_json::to_value(guaranteed).unwrap(),
        json!({
            "rule": "house.no-guarantees", "kind": "existence", "level": "error", "action": "block",
            "start": 13, "end": 24, "match": "g\u{200b}uaranteed",
            "message": "'g\u{200b}uaranteed' promises an outcome; say what the product does instead.",
        })
    );
    assert_eq!(found.findings.iter().filter(|f| f.rule == "house.plain-text").count(), 1);
}

#[test]
fn evidence_is_given() {
    let scene = Scene::new(json!({"features": {"weight": "7 kg"}}), json!({}));
    let found = scene.judge(&every_kind(), "Only 5 kg.");
    assert_eq!(found.findings[0].matched, "5 kg");
    let evidence = serde_json::to_value(&found.findings[0].evidence).unwrap();
    assert_eq!(evidence, json!({"attribute": "features.weight", "value": "7 kg"}));
}

/// One rule, in force in a place and for a time.
const BOUND: &str = r#"
rules:
  - id: gift
    extends: existence
    message: "'%s'"
    level: error
    tokens: [gift]
    applies: {locale: ["en-*"], when: {product.category: toys, context.country: GB}}
    effective: {from: 2026-12-01, until: 2026-12-31}
    examples: {fail: [A gift.], pass: [A present.]}
"#;

#[track_caller]
fn check_bound(facts: Value, context: Value, locale: Option<&str>, at: &str, expected: Verdict) {
    let scene = Scene {
        locale: locale.and_then(Locale::parse),
        at: at.parse().unwrap(),
        ..Scene::new(facts, context)
    };
    let guardrails = loaded(&files([("g/brand.yml", BOUND)]));
    assert_eq!(scene.judge(&guardrails, "A gift.").verdict, expected);
}

#[test]
fn rules_apply_where_and_when_they_say_and_where_nothing_is_known() {
    use Verdict::{Block, Pass};
    let (toys, gb, day) = (json!({"category": "toys"}), json!({"country": "GB"}), "2026-12-15T12:00:00Z");
    check_bound(toys.clone(), gb.clone(), Some("en-GB"), day, Block);
    check_bound(json!({}), json!({}), None, day, Block);
    check_bound(json!({"category": "food"}), json!({}), None, day, Pass);
    check_bound(toys.clone(), json!({"country": "DE"}), None, day, Pass);
    check_bound(toys.clone(), gb.clone(), Some("de-AT"), day, Pass);
    check_bound(toys.clone(), gb.clone(), None, "2026-11-30T23:59:59Z", Pass);
    check_bound(toys.clone(), gb.clone(), None, "2026-12-01T00:00:00Z", Block);
    check_bound(toys.clone(), gb.clone(), None, "2026-12-31T23:59:59Z", Block);
    check_bound(toys, gb, None, "2027-01-01T00:00:00Z", Pass);
}

#[test]
fn changes_and_context_are_known() {
    let guardrails = loaded(&files([("g/brand.yml", BOUND)]));
    let next = |at: &str| guardrails.next_change(at.parse().unwrap()).map(|at| at.to_string());
    assert_eq!(next("2026-06-01T00:00:00Z").as_deref(), Some("2026-12-01T00:00:00Z"));
    assert_eq!(next("2026-12-01T00:00:00Z").as_deref(), Some("2027-01-01T00:00:00Z"));
    assert_eq!(next("2027-01-01T00:00:00Z"), None);
    assert_eq!(guardrails.context_paths().iter().collect::<Vec<_>>(), ["context.country"]);
}

#[test]
fn overrides_hold_until_their_day_is_over() {
    let settings = "rules: {house.no-guarantees: {mode: shadow, until: 2027-01-31}, house.calm: {mode: off, because: sale}}";
    let guardrails = loaded(&files([("g/house.yml", EVERY_KIND), ("g/guardrails.yml", settings)]));
    let scene = Scene::bare();
    let judgement = scene.judge(&guardrails, "Guaranteed!!");
    assert_eq!(
        (judgement.verdict, judgement.findings.len(), judgement.findings[0].shadow),
        (Verdict::Pass, 1, true)
    );
    let later = Scene { at: "2027-02-01T00:00:00Z".parse().unwrap(), ..scene };
    assert_eq!(later.judge(&guardrails, "Guaranteed!!").verdict, Verdict::Block);
}

#[test]
fn the_strictest_ceiling_counts_and_the_unknown_applies() {
    let settings = "ceilings:\n  - {when: {product.category: supplements}, mode: segment, approval: true}\n  \
                    - {when: {context.country: DE}, mode: prewritten}\n  \
                    - {placement: cta, approval: true}\n";
    let guardrails = loaded(&files([("g/guardrails.yml", settings)]));
    let (segment, prewritten) = (Some(Mode::Segment), Some(Mode::Prewritten));
    for (facts, context, placement, expected) in [
        (json!({"category": "tents"}), json!({"country": "GB"}), "why-this", None),
        (json!({"category": "tents"}), json!({"country": "GB"}), "cta", Some((None, true))),
        (json!({"category": "tents"}), json!({"country": "DE"}), "why-this", Some((prewritten, false))),
        (json!({"category": "tents"}), json!({"country": "DE"}), "cta", Some((prewritten, true))),
        (json!({"category": "supplements"}), json!({"country": "GB"}), "why-this", Some((segment, true))),
        (json!({}), json!({}), "why-this", Some((prewritten, true))),
    ] {
        let scene = Scene::new(facts, context);
        let ceiling = guardrails.ceiling(&scene.facts, &scene.context, Some(placement));
        let expected = expected.map(|(mode, approval)| Ceiling { mode, approval });
        assert_eq!(ceiling, expected, "{:?} {:?} {placement}", scene.facts, scene.context);
    }
}
