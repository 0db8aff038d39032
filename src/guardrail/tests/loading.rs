use super::*;
use crate::diagnostic::render;

const GOOD: &str = "  - {id: ok, extends: existence, message: m, level: error, tokens: [x], examples: {fail: [x], pass: [y]}}\n";

#[track_caller]
fn check_faults(all: &[(&str, &str)], expected: &[&str]) {
    let files: Files =
        all.iter().map(|(path, content)| ((*path).to_owned(), (*content).to_owned())).collect();
    let (guardrails, faults) = load(&files, &london());
    let found: Vec<String> = faults.iter().map(|f| format!("{} {}", f.place(), f.message)).collect();
    assert_eq!(found, expected);
    assert_eq!(guardrails.is_none(), !expected.is_empty());
    assert!(faults.iter().all(|fault| fault.help.is_some()), "{faults:?}");
}

/// A fault of the one rule whose lines after `id`, `extends: existence` and `message` are given.
#[track_caller]
fn check_rule(lines: &str, expected: &[&str]) {
    let lines = lines.replace('\n', "\n    ");
    let file = format!("rules:\n  - id: r\n    extends: existence\n    message: m\n    {lines}\n");
    check_faults(&[("g/f.yml", &file)], expected);
}

#[test]
fn the_four_faults_are_all_said_where_they_stand() {
    let source = r#"rules:
  - id: no-guarantees
    extends: existence
    message: "'%s' promises an outcome."
    levle: error
    level: error
    tokens: ["guaranteed", "risk(free"]
    owner: legal@example.com
    examples:
      fail: ["Guaranteed."]
      pass: ["Sturdy."]
  - id: gifts
    extends: existence
    message: "No gifts."
    level: error
    tokens: ["gift"]
    effective: {until: 2026-13-01}
    examples:
      fail: ["A gift."]
      pass: ["A present."]
  - id: untested
    extends: existence
    message: "No slang."
    level: warning
    tokens: ["innit"]
    examples:
      fail: ["Nice, innit."]
"#;
    let (guardrails, faults) = load(&files([("guardrails/brand.yml", source)]), &london());
    assert!(guardrails.is_none());
    assert_eq!(faults.len(), 4);
    assert_eq!(faults.iter().filter(|f| f.owner.as_deref() == Some("legal@example.com")).count(), 2);
    let shown: Vec<String> = faults.iter().map(|fault| render(fault, source, false)).collect();
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn what_this_version_does_not_run_is_said() {
    check_faults(
        &[
            ("g/a.yml", "rules:\n  - {id: c, extends: script, anything: else}\n"),
            ("g/old/b.yml", "rules: []"),
            ("g/README.md", "# Rules"),
        ],
        &[
            "g/a.yml:2:22 this version does not run `script` rules yet",
            "g/old/b.yml:1:1 no rules are read from this folder",
        ],
    );
}

#[test]
fn a_ceiling_limits_the_mode_or_asks_for_approval() {
    for (ceiling, expected) in [
        ("{mode: segment}", &[][..]),
        ("{approval: true}", &[]),
        ("{placement: why-this, when: {product.category: x}, mode: live, approval: true}", &[]),
        ("{when: {product.category: x}}", &["g/guardrails.yml:1:14 a ceiling needs `mode` or `approval`"]),
        ("{mdoe: segment}", &["g/guardrails.yml:1:15 a ceiling has no key `mdoe`"]),
        ("{aproval: true}", &["g/guardrails.yml:1:15 a ceiling has no key `aproval`"]),
        (
            "{mode: live, approval: false}",
            &["g/guardrails.yml:1:37 a ceiling can only ask for approval, never waive it"],
        ),
        ("{approval: maybe}", &["g/guardrails.yml:1:25 a truth value is needed here"]),
    ] {
        check_faults(&[("g/guardrails.yml", &format!("ceilings:  [ {ceiling}]"))], expected);
    }
}

#[test]
fn faults_of_rules() {
    let examples = "examples: {fail: [x], pass: [y]}";
    check_rule(&format!("level: error\ntokens: [x]\n{examples}"), &[]);
    check_rule(&format!("tokens: [x]\n{examples}"), &["g/f.yml:2:5 a rule needs `level`"]);
    check_rule(
        &format!("level: fatal\ntokens: [x]\n{examples}"),
        &["g/f.yml:5:12 `fatal` is not known here"],
    );
    check_rule(&format!("level: error\ntokens: []\n{examples}"), &["g/f.yml:6:13 this list is empty"]);
    check_rule(&format!("level: error\n{examples}"), &["g/f.yml:2:5 an `existence` rule needs `tokens`"]);
    check_rule("level: error\ntokens: [x]", &["g/f.yml:2:5 a rule needs `examples`"]);
    check_rule(
        &format!("level: error\ntokens: ['x*']\n{examples}"),
        &["g/f.yml:6:14 this pattern matches the empty text, so it would match anywhere"],
    );
    check_rule(
        &format!("level: error\ntokens: [x]\nmode: off\n{examples}"),
        &["g/f.yml:7:11 a rule is off only for a reason"],
    );
    check_rule(
        &format!("level: error\ntokens: [x]\non_match: fix\n{examples}"),
        &["g/f.yml:7:15 this rule has no correction of its own to apply"],
    );
    check_rule(
        &format!("level: error\ntokens: [x]\napplies: {{when: {{user.age: 5}}}}\n{examples}"),
        &["g/f.yml:7:22 `user.age` is about the user, and guardrails know no user"],
    );
    check_rule(
        &format!("level: error\ntokens: [x]\napplies: {{locale: [en-*, english]}}\n{examples}"),
        &["g/f.yml:7:30 `english` is no locale"],
    );
    check_rule(
        &format!("level: error\ntokens: [x]\neffective: {{from: 2026-02-01, until: 2026-01-31}}\n{examples}"),
        &["g/f.yml:7:42 the rule would end on 2026-01-31, before it begins on 2026-02-01"],
    );
    check_rule(
        &format!("level: error\ntokens: [x]\nexceptions: [x ray]\n{examples}"),
        &["g/f.yml:7:18 no `pass` example needs the exception `x ray`"],
    );
}

#[test]
fn examples_are_run() {
    check_rule(
        "level: error\ntokens: [x]\nexamples:\n  fail: [z, {text: an x, match: an}]\n  pass: [an x]",
        &[
            "g/f.yml:8:14 `f.r` does not catch this `fail` example",
            "g/f.yml:8:17 `f.r` catches `x` in this example, not `an`",
            "g/f.yml:9:14 `f.r` catches `x` in this `pass` example",
        ],
    );
}

#[test]
fn the_files_are_read_together() {
    let again = GOOD.replace("[x]", "[xx]");
    check_faults(
        &[
            ("g/f.yml", &format!("rules:\n{GOOD}{again}")),
            (
                "g/guardrails.yml",
                "rules: {f.okk: {mode: shadow}}\nretired: [{id: f.ok, reason: r, by: b, on: 2026-01-01}]",
            ),
        ],
        &["g/f.yml:3:10 there is a second rule `f.ok`", "g/guardrails.yml:1:9 there is no rule `f.okk`"],
    );
}

#[test]
fn vanished_rules_are_told_apart_from_retired_ones() {
    let before = loaded(&files([("g/f.yml", &format!("rules:\n{GOOD}"))]));
    let gone = loaded(&files([("g/f.yml", "rules: []")]));
    let retired =
        loaded(&files([("g/guardrails.yml", "retired: [{id: f.ok, reason: r, by: b, on: 2026-01-01}]")]));
    assert_eq!(accidents(&before, &gone).len(), 1);
    assert_eq!(accidents(&before, &retired).len(), 0);
    assert_ne!(gone.hash(), before.hash());
}

#[test]
fn the_rules_of_the_specification_load() {
    let source = r#"
rules:
  - id: no-guarantees
    extends: existence
    message: "'%s' promises an outcome; say what the product does instead."
    level: error
    ignorecase: true
    tokens: ["guaranteed", "risk[- ]free", "never fails"]
    exceptions: ["satisfaction guaranteed by law"]     # a phrase that covers the match, or a fact: product.name
    on_match: block
    mode: enforce
    owner: legal@example.com
    reference: CAP Code 3.7
    applies: {locale: ["en-*"], placement: [why-this], when: {product.category: supplements, context.country: GB}}
    effective: {from: 2026-12-01, until: 2027-06-30}
    examples:
      fail: ["Guaranteed to last a lifetime.", {text: "A risk-free choice.", match: "risk-free"}]
      pass: ["Comes with a two-year guarantee.", "Your satisfaction guaranteed by law for two years."]
"#;
    let guardrails = loaded(&files([("guardrails/compliance.yml", source)]));
    let rule = &guardrails.rules()[0];
    assert_eq!(
        (rule.id(), rule.level(), rule.on_match()),
        ("compliance.no-guarantees", Level::Error, Action::Block)
    );
}

#[test]
fn cases_are_tried() {
    let cases = "cases:\n  - {text: Guaranteed., expect: [house.no-guarantees]}\n  - {text: Sturdy., expect: pass}\n  \
                 - {text: Utilise it., expect: pass}\n  - {text: Sturdy., expect: [house.calm]}\n  - {text: x, expect: [house.clam]}\n";
    let files = files([("g/house.yml", EVERY_KIND), ("g/cases/a.yml", cases)]);
    let (tried, faults) = try_cases(&loaded(&files), &files);
    let found: Vec<String> = faults.iter().map(|f| format!("{} {}", f.place(), f.message)).collect();
    assert_eq!(
        found,
        [
            "g/cases/a.yml:4:5 `house.plain-words` catches `Utilise` in a text that it should leave alone",
            "g/cases/a.yml:5:30 `house.calm` does not catch this text",
            "g/cases/a.yml:6:24 there is no rule `house.clam`",
        ]
    );
    let of = |id: &str| tried.rules.iter().find(|report| report.rule == id).unwrap();
    let guarantees = of("house.no-guarantees");
    assert_eq!((guarantees.caught, guarantees.missed, guarantees.wrongly_caught), (3, 0, 0));
    assert_eq!((of("house.calm").missed, of("house.plain-words").wrongly_caught), (1, 1));
}

#[test]
fn a_case_file_is_read_with_the_rules() {
    check_faults(
        &[("g/cases/a.yml", "cases:\n  - {txt: x, expect: pas}\n")],
        &[
            "g/cases/a.yml:2:6 a case has no key `txt`",
            "g/cases/a.yml:2:22 this says neither `pass` nor which rules must catch it",
        ],
    );
}

#[test]
fn a_wrong_key_is_one_fault_beside_others() {
    // The four faults in one rule each, and all of them in one rule.
    let apart = r#"rules:
  - id: no-guarantees
    extends: existence
    message: "'%s' promises an outcome."
    level: error
    tokens: ["guaranteed"]
    examples: {fail: ["It is guaranteed."], pass: ["Sturdy."]}
  - {id: r, extends: existence, message: m, level: error, tokens: ["risk(free"], examples: {fail: [x], pass: [y]}}
  - {id: d, extends: existence, message: m, level: error, tokens: [x], effective: {until: 2026-13-01}, examples: {fail: [x], pass: [y]}}
  - {id: e, extends: existence, message: m, level: error, tokens: [x], examples: {fail: [x]}}
"#;
    let together = r#"rules:
  - id: no-guarantees
    extends: existence
    message: "'%s' promises an outcome."
    level: error
    tokens: ["guaranteed", "risk(free"]
    effective: {until: 2026-13-01}
    examples: {fail: ["It is guaranteed."]}
"#;
    for (right, wrong) in [
        ("level", "levle"),
        ("level", "Level"),
        ("tokens", "tokenz"),
        ("tokens", "token"),
        ("extends", "extnds"),
        ("extends", "extend"),
        ("message", "mesage"),
        ("examples", "example"),
        ("id", "ID"),
    ] {
        for source in [apart, together] {
            let faulty = source.replacen(&format!("    {right}:"), &format!("    {wrong}:"), 1);
            let faulty = faulty.replacen(&format!("- {right}:"), &format!("- {wrong}:"), 1);
            let (_, faults) = load(&files([("g/f.yml", &faulty)]), &london());
            assert_eq!(faults.len(), 4, "{wrong}\n{}", shown(&faults));
            let key: Vec<_> =
                faults.iter().filter(|f| f.message == format!("a rule has no key `{wrong}`")).collect();
            assert_eq!(key.len(), 1, "{}", shown(&faults));
            assert_eq!(key[0].help.as_deref(), Some(&*format!("write `{right}`")));
        }
    }
    check_rule(
        "level: error\ntokens: [x]\nexamples: {fial: [x], pass: [y]}",
        &["g/f.yml:7:16 `examples` has no key `fial`"],
    );
    check_rule(
        "level: error\ntoken: x\nexamples: {fail: [x], pass: [y]}",
        &["g/f.yml:6:5 a rule has no key `token`"],
    );
}

#[test]
fn a_rule_that_cannot_run_may_be_turned_off() {
    let rules = "rules:\n  - {id: c, extends: script, anything: else}\n";
    let refused = "g/a.yml:2:22 this version does not run `script` rules yet";
    for (settings, expected) in [
        ("{mode: off, because: not yet}", &[][..]),
        ("{mode: off, because: '  '}", &["g/guardrails.yml:1:21 a rule is off only for a reason"]),
        ("{mode: off}", &["g/guardrails.yml:1:21 a rule is off only for a reason"]),
        ("{mode: off, because: not yet, until: 2027-01-31}", &[refused]),
        ("{mode: shadow}", &[refused]),
    ] {
        check_faults(
            &[("g/a.yml", rules), ("g/guardrails.yml", &format!("rules: {{a.c: {settings}}}"))],
            expected,
        );
    }
    let before = loaded(&files([("g/a.yml", &format!("rules:\n{}", GOOD.replace("id: ok", "id: c")))]));
    let off = "rules: {a.c: {mode: off, because: not yet}}";
    let cases = "cases: [{text: x, expect: [a.c]}, {text: x, expect: pass}]";
    let files = files([("g/a.yml", rules), ("g/guardrails.yml", off), ("g/cases/a.yml", cases)]);
    let after = loaded(&files);
    assert_eq!((after.rules().len(), accidents(&before, &after).len()), (0, 0));
    assert_eq!(shown(&try_cases(&after, &files).1), "");
}

#[test]
fn cases_ask_nothing_of_rules_that_are_off() {
    for (settings, case, expected) in [
        ("house.calm: {mode: off, because: sale}", "{text: 'Buy! Now!', expect: [house.calm]}", &[][..]),
        ("house.calm: {mode: off, because: sale}", "{text: 'Guaranteed! Buy!', expect: [house.calm]}", &[]),
        (
            "house.calm: {mode: off, because: sale}",
            "{text: 'Guaranteed! Buy!', expect: [house.calm, house.no-guarantees]}",
            &[],
        ),
        (
            "house.calm: {mode: off, because: sale}",
            "{text: 'Fine! Buy!', expect: [house.calm, house.no-guarantees]}",
            &["g/cases/a.yml:1:51 `house.no-guarantees` does not catch this text"],
        ),
        (
            "house.calm: {mode: off, because: sale, until: 2026-12-31}",
            "{text: 'Sturdy.', as_of: 2027-01-01, expect: [house.calm]}",
            &["g/cases/a.yml:1:55 `house.calm` does not catch this text"],
        ),
        ("house.calm: {mode: shadow}", "{text: 'Buy! Now!', expect: [house.calm]}", &[]),
        ("house.calm: {mode: shadow}", "{text: Sturdy., expect: [house.calm]}", &[]),
        ("house.calm: {mode: shadow}", "{text: 'Buy! Now!', expect: pass}", &[]),
        (
            "house.calm: {mode: off, because: sale}",
            "{text: x, expect: [house.clam]}",
            &["g/cases/a.yml:1:28 there is no rule `house.clam`"],
        ),
    ] {
        let settings = format!("rules: {{{settings}}}");
        let cases = format!("cases: [{case}]");
        let files =
            files([("g/house.yml", EVERY_KIND), ("g/guardrails.yml", &settings), ("g/cases/a.yml", &cases)]);
        let found = try_cases(&loaded(&files), &files).1;
        let found: Vec<String> = found.iter().map(|f| format!("{} {}", f.place(), f.message)).collect();
        assert_eq!(found, expected, "{settings} {cases}");
    }
}

#[test]
fn advice_fits_the_fault() {
    let examples = "examples: {fail: [x], pass: [y]}";
    for (lines, message, help) in [
        (format!("tokens: ['(?=x)']\n{examples}"), "outside its look-around", "at least one character"),
        (format!("tokens: ['(?<!y)']\n{examples}"), "matches the empty text", "at least one character"),
        (format!("tokens: ['x(?=y']\n{examples}"), "this pattern goes wrong", "backslash"),
        (format!("tokens: ['x(y']\n{examples}"), "unclosed group", "backslash"),
        (
            "tokens: [x]\nexceptions: [x ray]\nexamples: {fail: [an x ray], pass: [y]}".to_owned(),
            "its exception `x ray` lets it pass",
            "narrow the exception",
        ),
    ] {
        let lines = lines.replace('\n', "\n    ");
        let file = format!(
            "rules:\n  - id: r\n    extends: existence\n    message: m\n    level: error\n    {lines}\n"
        );
        let (_, faults) = load(&files([("g/f.yml", &file)]), &london());
        let fault = &faults[0];
        assert!(fault.message.contains(message), "{fault:?}");
        assert!(fault.help.as_deref().is_some_and(|said| said.contains(help)), "{fault:?}");
    }
    for (swap, message, help) in [
        ("{'(x)y': '$1z'}", "g/f.yml:1:96 the pattern has no group `1z`", "write `${1}z`"),
        ("{'(x)y': '$2'}", "g/f.yml:1:96 the pattern has no group `2`", "its only group is `$1`"),
        ("{'(x)y': '${a}'}", "g/f.yml:1:96 the pattern has no group `a`", "the sign itself is `$$`"),
        ("{'(x)(y)': '$3'}", "g/f.yml:1:98 the pattern has no group `3`", "its groups are `$1` to `$2`"),
    ] {
        let rules = format!(
            "rules: [{{id: r, extends: substitution, message: m, on_match: fix, examples: {{}}, swap: {swap}}}]"
        );
        let (_, faults) = load(&files([("g/f.yml", &rules)]), &london());
        let fault = faults.iter().find(|fault| fault.message.contains("group")).unwrap();
        assert_eq!(format!("{} {}", fault.place(), fault.message), message);
        assert!(fault.help.as_deref().is_some_and(|said| said.contains(help)), "{fault:?}");
    }
    check_faults(&[("g/f.yml", "rules:\n")], &["g/f.yml:1:6 the list under `rules` is empty"]);
    check_faults(&[("g/f.yml", "rules: []\n")], &[]);
}
