//! What lints say, and of what they say nothing.

use super::*;
use crate::segment;

const SEGMENTS: &str = "attributes:\n  context.country: {type: string}\n  context.device: {type: string, values: [mobile, desktop]}\nsegments: []\n";

/// A rule with these lines in place of its own, and examples for them.
fn rule(id: &str, lines: &str, fail: &str, pass: &str) -> String {
    format!(
        "  - id: {id}\n    extends: existence\n    message: \"'%s'\"\n    level: error\n{lines}    examples:\n      fail: [{fail}]\n      pass: [{pass}]\n"
    )
}

fn linted(all: &[(&str, &str)], as_of: &str) -> Vec<String> {
    let files: Files = all.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let guardrails = loaded(&files);
    let segments = segment::load("s.yml", SEGMENTS).0.unwrap();
    let spot = |id, max_characters| Spot { id, max_characters };
    let surroundings = Surroundings {
        placements: vec![spot("why-this", Some(400)), spot("cta-subtext", Some(90))],
        locales: vec!["de", "en"],
        attributes: Some(&segments.attributes),
    };
    let now = as_of.parse().unwrap();
    let found = lint(&guardrails, &files, Some(&surroundings), now);
    for warning in &found {
        assert!(!warning.is_error() && warning.help.is_some(), "{warning:?}");
        assert!(LINTS.iter().any(|(code, _)| Some(*code) == warning.code), "{warning:?}");
        // Whoever does not know what stands beside the rules is told no more than that.
    }
    let alone = lint(&guardrails, &files, None, now);
    assert!(alone.iter().all(|warning| found.contains(warning)), "{alone:?}");
    found.iter().map(|d| format!("{}:{} {}", d.span.start.line, d.span.start.column, d.message)).collect()
}

/// What is said of a list with these rules, as of the beginning of 2027.
#[track_caller]
fn check(rules: &[String], expected: &[&str]) {
    let text = format!("rules:\n{}", rules.concat());
    assert_eq!(linted(&[("g/a.yml", &text)], "2027-01-01T12:00:00Z"), expected, "{text}");
}

#[test]
fn words_that_nothing_can_match() {
    let of = |tokens: &str| rule("a", &format!("    tokens: [good, {tokens}]\n"), "A good one.", "A one.");
    for (tokens, said) in [
        ("'foo\\bbar'", Some("no text can match `foo\\bbar`")),
        ("'off\\Bside show'", None),
        ("'\\x{201c}best\\x{201d}'", Some("no text can match `\\x{201c}best\\x{201d}`")),
        ("'no\\x{200b}body'", Some("no text can match `no\\x{200b}body`")),
        ("'free\\Bdom'", None),
        ("'a$b'", Some("no text can match `a$b`")),
        // Folded as texts are.
        ("'“best”'", None),
        ("gυaranteed", Some("no text can match `gυaranteed`")),
        ("don’t", None),
        ("'^The'", None),
        ("'[^\\x00-\\x7F]+'", None),
        ("'\\p{Lu}{4,}(?: \\p{Lu}{4,}){2,}'", None),
        ("'[\\p{Emoji_Presentation}]'", None),
        ("5 ?€", None),
        ("'£ ?\\d+'", None),
        ("'two  spaces'", None),
        ("snake_case", None),
        ("'(?-i:TODO)'", None),
    ] {
        let said: Vec<String> = said.iter().map(|said| format!("6:20 {said}")).collect();
        check(&[of(tokens)], &said.iter().map(String::as_str).collect::<Vec<_>>());
    }
    // A replacement by itself.
    let swap = "  - {id: s, extends: substitution, message: \"'%s' '%s'\", level: error, swap: {colour: colour, gray: grey, e-?mail: email},\n     examples: {fail: [A gray one.], pass: [A colour.]}}\n";
    check(&[swap.to_owned()], &["2:79 `colour` is replaced by itself"]);
}

#[test]
fn words_that_the_rule_has_already() {
    let of = |tokens: &str| {
        rule("a", &format!("    ignorecase: true\n    tokens: {tokens}\n"), "A good one.", "A one.")
    };
    check(&[of("[good, 'very good', goods]")], &[]);
    check(&[of("[good, bad, good]")], &["7:25 `good` stands here a second time"]);
    check(&[of("['goods?', Goods]")], &["7:24 `Goods` adds nothing: `goods?` finds it already"]);
    check(&[of("[good, 'goods?']")], &["7:14 `good` adds nothing: `goods?` finds it already"]);
    check(&[of("[good, GOOD]")], &["7:20 `GOOD` adds nothing: `good` finds it already"]);
    check(&[of("['good\\w*', goodly]")], &["7:25 `goodly` adds nothing: `good\\w*` finds it already"]);
    check(&[rule("a", "    tokens: [good, GOOD]\n", "A good one.", "A one.")], &[]);
}

#[test]
fn exceptions_that_leave_nothing() {
    let of = |exceptions: &str, pass: &str| {
        rule(
            "a",
            &format!("    tokens: [never fails, best buy]\n    exceptions: [{exceptions}]\n"),
            "It never fails.",
            pass,
        )
    };
    check(&[of("best buy award", "A best buy award.")], &[]);
    check(&[of("product.name", "{text: A best buy lamp., facts: {name: best buy lamp}}")], &[]);
    check(&[of("best \\w+", "A best buy.")], &["7:18 the exception `best \\w+` lets every `best buy` pass"]);
    check(&[of("best buy", "A best buy.")], &["7:18 the exception `best buy` lets every `best buy` pass"]);
    // One that leaves nothing of the whole rule is no warning: all its examples fail, and that is said once.
    let both =
        of(".+", "A best buy.").replace("fail: [It never fails.]", "fail: [It never fails., A best buy.]");
    let (none, faults) = load(&files([("g/a.yml", &format!("rules:\n{both}"))]), &london());
    assert!(none.is_none());
    assert_eq!(
        shown(&faults),
        "g/a.yml:7:18 the exception `.+` lets everything pass that `a.a` finds \
         [write it with the words around it that make a match harmless]\n"
    );
}

#[test]
fn rules_that_another_makes_needless() {
    let a = |id: &str, lines: &str| rule(id, lines, "It is guaranteed.", "It is steel.");
    let plain = a("a", "    tokens: [guaranteed, risk-free]\n");
    check(
        &[plain.clone(), a("b", "    tokens: [guaranteed]\n")],
        &["10:9 `a.b` adds nothing: `a.a` finds all that it finds, and blocks the text"],
    );
    check(
        &[a("b", "    tokens: [guaranteed]\n"), plain.clone()],
        &["2:9 `a.b` adds nothing: `a.a` finds all that it finds, and blocks the text"],
    );
    // Of two alike the later one is told.
    check(
        &[a("a", "    tokens: [guaranteed]\n"), a("b", "    tokens: [guaranteed]\n")],
        &["10:9 `a.b` adds nothing: `a.a` finds all that it finds, and blocks the text"],
    );
    check(
        &[plain.clone(), a("b", "    tokens: [guaranteed, proven]\n")],
        &["14:14 `guaranteed` stands in `a.a` as well, and blocks the text"],
    );
    check(
        &[plain.clone(), a("b", "    tokens: ['guarantee\\w*']\n")],
        &["6:14 `guaranteed` stands in `a.b` as well, and blocks the text"],
    );
    check(
        &[a("a", "    tokens: ['guarantee\\w*']\n"), a("b", "    tokens: ['guarantee\\w*']\n")],
        &["10:9 `a.b` adds nothing: `a.a` finds all that it finds, and blocks the text"],
    );
    // Milder, narrower, excepted, in shadow or off: none of these does the other's work.
    for lines in [
        "    on_match: note\n    tokens: [guaranteed]\n",
        "    applies: {placement: [why-this]}\n    tokens: [guaranteed]\n",
        "    applies: {locale: [en]}\n    tokens: [guaranteed]\n",
        "    applies: {when: {context.country: GB}}\n    tokens: [guaranteed]\n",
        "    effective: {from: 2026-01-01}\n    tokens: [guaranteed]\n",
        "    mode: off\n    because: The summer is over.\n    tokens: [guaranteed]\n",
    ] {
        let other = a("b", "    tokens: [guaranteed, proven]\n");
        check(
            &[a("a", lines), other],
            match lines.contains("mode: off") {
                true => &[],
                false => &["2:9 `a.a` adds nothing: `a.b` finds all that it finds, and blocks the text"][..],
            },
        );
        let other = a(
            "b",
            &format!("    tokens: [proven, guaranteed]\n{}", lines.split("    tokens").next().unwrap()),
        );
        let narrow = a("a", "    tokens: [guaranteed, proof]\n");
        let expected = linted(&[("g/a.yml", &format!("rules:\n{narrow}{other}"))], "2027-01-01T12:00:00Z");
        assert!(expected.iter().all(|said| !said.contains("stands in `a.b`")), "{expected:?}");
    }
    let excepted = rule(
        "b",
        "    tokens: [guaranteed, proven]\n    exceptions: [guaranteed by law]\n",
        "It is guaranteed.",
        "It is guaranteed by law.",
    );
    let plain = a("a", "    tokens: [guaranteed]\n");
    check(&[excepted, plain], &["6:14 `guaranteed` stands in `a.a` as well, and blocks the text"]);
}

#[test]
fn what_applies_names_and_nothing_has() {
    let of = |applies: &str| {
        rule("a", &format!("    tokens: [good]\n    applies: {applies}\n"), "A good one.", "A one.")
    };
    for (applies, said) in [
        (
            "{placement: [why-this], locale: [en-*, de-AT], when: {context.country: GB, product.anything: x}}",
            None,
        ),
        ("{locale: '*-GB'}", None),
        (
            "{placement: [why-thiss]}",
            Some("7:27 there is no placement `why-thiss`, so the rule finds nothing there"),
        ),
        ("{placement: hero}", Some("7:26 there is no placement `hero`, so the rule finds nothing there")),
        ("{locale: [fr-*]}", Some("7:24 no copy is written in `fr-*`, so the rule finds nothing there")),
        (
            "{when: {context.contry: GB}}",
            Some(
                "7:22 `context.contry` is not declared, so it is never known and the rule applies whatever it is",
            ),
        ),
        (
            "{when: {context.device: phone}}",
            Some("7:22 `context.device` is never `phone`: the rule applies only where it is not known"),
        ),
        (
            "{when: {context.country: GB, $and: [{context.country: DE}]}}",
            Some(
                "7:21 nothing can fulfil this condition: the rule applies only where something of it is not known",
            ),
        ),
        (
            "{when: {product.price: {$gt: 10, $lt: 5}}}",
            Some(
                "7:21 nothing can fulfil this condition: the rule applies only where something of it is not known",
            ),
        ),
        ("{when: {product.price: {$gt: 5, $lt: 10}}}", None),
        ("{when: {$or: [{context.country: GB}, {context.country: DE}]}}", None),
    ] {
        check(&[of(applies)], &said.into_iter().collect::<Vec<_>>());
    }
    let cases = "cases:\n  - {text: x, placement: why-tihs, expect: pass}\n  - {text: x, placement: why-this, expect: pass}\n";
    let a = format!(
        "rules:\n{}",
        rule("a", "    tokens: [good]\n", "{text: A good one., placement: nowhere}", "A one.")
    );
    assert_eq!(
        linted(&[("g/a.yml", &a), ("g/cases/c.yml", cases)], "2027-01-01T12:00:00Z"),
        ["8:45 there is no placement `nowhere`", "2:26 there is no placement `why-tihs`"]
    );
}

#[test]
fn days_that_are_past_and_trials_without_end() {
    let of = |id: &str, lines: &str| {
        rule(id, &format!("    tokens: [{id}]\n{lines}"), &format!("A {id} b."), "A b.")
    };
    let list = |lines: &str| format!("rules:\n{}", of("one", lines));
    let ended = list("    effective: {until: 2026-12-31}\n");
    let all = [("g/a.yml", ended.as_str())];
    assert_eq!(linted(&all, "2026-12-31T23:59:59Z"), [""; 0], "until is the last day in force");
    assert_eq!(
        linted(&all, "2027-01-01T00:00:00Z"),
        ["7:24 `a.one` ended on 2026-12-31: it finds nothing any more"]
    );
    let trial = list("    mode: shadow\n");
    assert_eq!(
        linted(&[("g/a.yml", &trial)], "2027-01-01T00:00:00Z"),
        ["7:11 nothing says until when `a.one` is only tried"]
    );
    for (settings, said) in [
        ("a.one: {mode: shadow}", vec!["2:17 nothing says until when `a.one` is only tried"]),
        ("a.one: {mode: shadow, until: 2027-01-31}", vec![]),
        (
            "a.one: {level: warning, until: 2026-11-30}",
            vec!["2:34 this ended on 2026-11-30: `a.one` is again as its own file says"],
        ),
        ("a.one: {mode: off, because: The campaign is over.}", vec![]),
    ] {
        let settings = format!("rules:\n  {settings}\n");
        let plain = list("");
        assert_eq!(
            linted(&[("g/a.yml", &plain), ("g/guardrails.yml", &settings)], "2027-01-01T00:00:00Z"),
            said,
            "{settings}"
        );
    }
    // After that day it is as its own file says again, and that is a trial without end.
    let until = "rules:\n  a.one: {mode: shadow, until: 2027-01-31}\n";
    let found = linted(&[("g/a.yml", &trial), ("g/guardrails.yml", until)], "2027-01-01T00:00:00Z");
    assert_eq!(found, ["7:11 nothing says until when `a.one` is only tried"]);
}

#[test]
fn ids_days_locales_and_modes_are_texts_however_yaml_would_read_them() {
    let names = ["no", "off", "yes", "on", "true", "0012345", "1e3", "0x10", "2026-11-01", "1_000"];
    let rules: String = names
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let lines = format!(
                "    tokens: [w{index}]\n    applies: {{locale: no, placement: [off, 007, 12:30], when: {{context.country: NO}}}}\n    \
                 effective: {{from: 2026-11-01, until: '2026-12-01'}}\n    owner: 0012\n    reference: 1e3\n"
            );
            rule(name, &lines, &format!("A w{index}."), "A.")
        })
        .collect();
    let settings = "rules:\n  a.no: {mode: off, because: 14}\n  a.2026-11-01: {mode: shadow, until: 2026-11-30}\nretired:\n  - {id: a.1e4, reason: no, by: off, on: 2026-11-01}\n";
    let list = format!("rules:\n{rules}");
    let guardrails = loaded(&files([("g/a.yml", &list), ("g/guardrails.yml", settings)]));
    let ids: Vec<&str> = guardrails.rules().iter().map(Rule::id).collect();
    assert_eq!(ids, names.map(|name| format!("a.{name}")));
    let rule = &guardrails.rules()[0];
    assert_eq!((rule.mode(), rule.owner(), rule.reference()), (Enforcement::Off, Some("0012"), Some("1e3")));
    assert_eq!(rule.applies.locales, ["no"]);
    assert_eq!(rule.applies.placements, ["off", "007", "12:30"]);
    let asked = rule.applies.when.as_ref().unwrap().asks();
    assert_eq!((asked[0].path, asked[0].expected), ("context.country", &json!("NO")));
    assert!(guardrails.retired.iter().any(|retired| retired.id == "a.1e4"));
}

#[test]
fn words_of_other_kinds_are_tried_as_well() {
    let list = |id: &str, lines: &str, fail: &str, pass: &str| {
        format!(
            "  - id: {id}\n    message: \"'%s'\"\n    level: error\n{lines}    examples:\n      fail: [{fail}]\n      pass: [{pass}]\n"
        )
    };
    for (lines, fail, said) in [
        (
            "    extends: claim\n    tokens: [the best, The BEST]\n",
            "The best.",
            Some("6:24 `The BEST` adds nothing: `the best` finds it already"),
        ),
        (
            "    extends: claim\n    ignorecase: false\n    tokens: [the best, The BEST]\n",
            "It is the best.",
            None,
        ),
        (
            "    extends: claim\n    needs: {product.a: 1}\n    tokens: [the best, 'a$b']\n",
            "The best.",
            Some("7:24 no text can match `a$b`"),
        ),
        (
            "    extends: require\n    text: Terms apply.\n    trigger: [on credit, On Credit]\n",
            "On credit.",
            Some("7:26 `On Credit` adds nothing: `on credit` finds it already"),
        ),
        (
            "    extends: require\n    text: Terms apply.\n    trigger: [on credit, 'foo\\bbar']\n",
            "On credit.",
            Some("7:26 no text can match `foo\\bbar`"),
        ),
        (
            "    extends: personal\n    tokens: [your friends, Your Friends]\n",
            "Like your friends.",
            Some("6:28 `Your Friends` adds nothing: `your friends` finds it already"),
        ),
        (
            "    extends: personal\n    never: [your secret, 'foo\\bbar']\n",
            "Your secret.",
            Some("6:26 no text can match `foo\\bbar`"),
        ),
        (
            "    extends: competitor\n    names: [Acme, Globex, acme]\n",
            "By Acme.",
            Some("6:27 `acme` adds nothing: `Acme` finds it already"),
        ),
        (
            "    extends: competitor\n    names: [Acme, {name: Orange, aliases: [Orange SA], unless: [orange juice]}]\n",
            "By Acme.",
            None,
        ),
        (
            "    extends: competitor\n    names: [Acme, {name: Orange, unless: [orange]}]\n",
            "By Acme.",
            Some("6:26 `unless` lets every `Orange` pass"),
        ),
        ("    extends: competitor\n    names: [C++, Yahoo!]\n", "By Yahoo!.", None),
    ] {
        let said: Vec<&str> = said.into_iter().collect();
        check(&[list("a", lines, fail, "Nothing.")], &said);
    }
}

#[test]
fn the_register_is_looked_through_as_well() {
    let register = "families:\n  health:\n    closed: true\n    triggers: [cures, Cures]\n    applies: {placement: [why-thiss]}\n    examples: {fail: [It cures.], pass: [Nothing.]}\nclaims:\n  \
        - id: zinc\n    family: health\n    wording: zinc for the immune system\n    triggers: [immune system, immune system]\n    applies: {locale: [fr]}\n    effective: {until: 2026-06-30}\n    \
        with: This text is far too long for the line below a button, and so nobody can ever see it there, whatever they do.\n    \
        examples: {fail: [Good for the immune system.], pass: [Good.]}\n";
    assert_eq!(
        linted(&[("g/claims.yml", register), ("g/a.yml", "rules: []\n")], "2027-01-01T12:00:00Z"),
        [
            "4:23 `Cures` adds nothing: `cures` finds it already",
            "5:27 there is no placement `why-thiss`, so the rule finds nothing there",
            "11:31 `immune system` stands here a second time",
            "12:24 no copy is written in `fr`, so the rule finds nothing there",
            "13:24 `claims.zinc` ended on 2026-06-30: it finds nothing any more",
            "14:11 this text has at least 109 characters, and `cta-subtext` has room for 90",
        ]
    );
}
