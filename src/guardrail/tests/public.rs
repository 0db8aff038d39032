//! Public styles and the vocabulary: what loads, what is refused, what is found.

use proptest::prelude::*;

use super::*;
use crate::words::Revision;

const IN_FORCE: &str = "styles: [S]";

fn style(rule: &str, settings: &str) -> Files {
    files([("g/styles/S/R.yml", rule), ("g/guardrails.yml", settings)])
}

/// What one public rule finds in a text, each with its message.
fn found(rule: &str, text: &str) -> Vec<(String, String)> {
    let judgement = Scene::bare().judge(&loaded(&style(rule, IN_FORCE)), text);
    assert!(judgement.findings.iter().all(|finding| finding.rule == "S.R"));
    judgement.findings.into_iter().map(|finding| (finding.matched, finding.message)).collect()
}

#[track_caller]
fn check(rule: &str, text: &str, expected: &[(&str, &str)]) {
    let found = found(rule, text);
    let found: Vec<(&str, &str)> = found.iter().map(|(m, message)| (m.as_str(), message.as_str())).collect();
    assert_eq!(found, expected, "{rule}\n{text}");
}

#[track_caller]
fn check_refused(files: &Files, place: &str, message: &str, help: &str) {
    let (guardrails, faults) = load(files, &london());
    assert!(guardrails.is_none());
    let fault = faults.first().unwrap();
    assert_eq!((fault.place().as_str(), fault.message.as_str()), (place, message));
    assert!(fault.help.as_deref().is_some_and(|said| said.contains(help)), "{fault:?}");
}

const VERY: &str =
    "extends: existence\nmessage: \"Remove '%s'.\"\nlevel: error\nignorecase: true\ntokens: [very]\n";

#[test]
fn findings_of_public_rules_are_notes_unless_raised() {
    for (settings, verdict) in [
        ("styles: [S]", Verdict::Pass),
        ("{styles: [S], rules: {S.R: {on_match: repair}}}", Verdict::Repair),
        ("{styles: [S], rules: {S.R: {level: error}}}", Verdict::Block),
        ("{styles: [S], rules: {S.R: {level: warning}}}", Verdict::Repair),
        ("{styles: [S], rules: {S.R: {on_match: block, mode: shadow}}}", Verdict::Pass),
        ("{styles: [S], rules: {S.R: {on_match: block, until: 2026-12-31}}}", Verdict::Pass),
        ("{styles: [S], rules: {S.R: {on_match: block, until: 2027-12-31}}}", Verdict::Block),
    ] {
        let judgement = Scene::bare().judge(&loaded(&style(VERY, settings)), "A Very warm lamp.");
        assert_eq!(judgement.verdict, verdict, "{settings}");
        let [finding] = judgement.findings.as_slice() else { panic!("{settings}") };
        assert_eq!((finding.start, finding.end, finding.message.as_str()), (2, 6, "Remove 'Very'."));
        if !settings.contains("level") {
            assert_eq!(finding.level, Level::Error);
        }
    }
    let off = loaded(&style(VERY, "{styles: [S], rules: {S.R: {mode: off, because: our voice}}}"));
    assert_eq!(Scene::bare().judge(&off, "A very warm lamp.").findings, []);
}

#[test]
fn a_style_is_in_force_only_when_it_is_named_and_there() {
    for settings in ["{}", "styles: []"] {
        let guardrails = loaded(&style("no rule at all: [", settings));
        assert_eq!(guardrails.rules().len(), 0);
    }
    check_refused(
        &style(VERY, "styles: [T]"),
        "g/guardrails.yml:1:10",
        "there are no rules in `styles/T/`",
        "`S`",
    );
    check_refused(
        &files([("g/guardrails.yml", "styles: [T]")]),
        "g/guardrails.yml:1:10",
        "there are no rules in `styles/T/`",
        "put its rules into `styles/T/`",
    );
    check_refused(
        &style(VERY, "rules: {S.R: {mode: off, because: x}}"),
        "g/guardrails.yml:1:9",
        "`S.R` is not in force: its style is not named",
        "styles: [S]",
    );
    check_refused(
        &style(VERY, "{styles: [S], rules: {S.Q: {mode: off, because: x}}}"),
        "g/guardrails.yml:1:23",
        "there is no rule `S.Q`",
        "`S.R`",
    );
}

#[test]
fn what_cannot_be_run_is_refused_until_it_is_turned_off() {
    for (rule, place, message) in [
        ("extends: spelling\nmessage: x", "1:10", "`spelling` rules are not run here"),
        ("extends: sequence\nmessage: x", "1:10", "`sequence` rules are not run here"),
        ("extends: script\nmessage: x", "1:10", "`script` rules are not run here"),
        (
            "extends: Other.Rule\nmessage: x",
            "1:10",
            "`Other.Rule` is no kind of public rule that is run here",
        ),
        ("extends: grounded\nmessage: x", "1:10", "`grounded` is no kind of public rule that is run here"),
        (
            "extends: existence\nmessage: x\ntokens: [a]\nsource: y",
            "4:1",
            "a public rule has no key `source`",
        ),
        (
            "extends: existence\nmessage: x\ntokens:\n  - fine\n  - 'a(b'",
            "5:5",
            "this pattern goes wrong at its character 2: unclosed group",
        ),
        ("extends: existence\nmessage: x\nlevel: fatal\ntokens: [a]", "3:8", "`fatal` is not known here"),
        ("extends: existence\ntokens: [a]", "1:1", "a public rule needs `message`"),
        ("message: x\ntokens: [a]", "1:1", "a public rule needs `extends`"),
        ("extends: substitution\nmessage: x\nswap: {'(?<=a': b}", "3:8", "this pattern goes wrong: "),
        ("extends: conditional\nmessage: x\nfirst: '['\nsecond: b", "3:8", "this pattern goes wrong"),
        (
            "extends: metric\nmessage: x\nformula: wrods / 2\ncondition: '> 1'",
            "3:10",
            "this formula goes wrong",
        ),
        ("extends: metric\nmessage: x\nformula: words\ncondition: '1'", "4:12", "this formula goes wrong"),
        ("extends: readability\nmessage: x\nmetrics: [Fog]\ngrade: 8", "3:11", "`Fog` is not known here"),
        ("extends: capitalization\nmessage: x\nmatch: $camel", "3:8", "`$camel` is no way to write a text"),
        (
            "extends: existence\nmessage: x\ntokens: [a]\n---\nextends: x",
            "4:1",
            "a second document begins here",
        ),
    ] {
        let (guardrails, faults) = load(&style(rule, IN_FORCE), &london());
        assert!(guardrails.is_none());
        let fault = faults.iter().find(|fault| fault.place() == format!("g/styles/S/R.yml:{place}"));
        let fault = fault.unwrap_or_else(|| panic!("{rule}\n{}", shown(&faults)));
        assert!(fault.message.starts_with(message), "{fault:?}");
        assert!(fault.help.as_deref().unwrap().contains("`S.R: {mode: off, because: …}`"), "{fault:?}");

        let off = loaded(&style(rule, "{styles: [S], rules: {S.R: {mode: off, because: no use}}}"));
        assert_eq!(off.rules().len(), 0, "{rule}");
        let (_, faults) = load(&style(rule, "{styles: [S], rules: {S.R: {mode: off}}}"), &london());
        assert!(faults.iter().any(|fault| fault.message == "a rule is off only for a reason"));
        let later = "{styles: [S], rules: {S.R: {mode: off, because: x, until: 2099-01-01}}}";
        assert!(load(&style(rule, later), &london()).0.is_none(), "it would have to run after that day");
    }
}

#[test]
fn every_key_of_public_rules_loads() {
    for rule in [
        "extends: existence\nname: S.R\nmessage: x\nlevel: suggestion\nscope: [heading, ~code, table.header]\nlink: http://x.y\n\
         description: d\nlimit: 3\nignoreCase: True\nnonword: false\nvocab: false\ncode: false\nappend: true\nraw: ['a', 'b']\n\
         tokens: [c]\nexceptions: [d, 'GTK+']\naction: {name: edit, params: [squash, x]}",
        "extends: substitution\nmessage: x\npos: NN\ncapitalize: true\nswap: {1: one, a: , 'b(c)': '$1', 'd|e': f|g}",
        "extends: occurrence\nmessage: x\nscope: sentence\ntoken: ','\nmax: 3\nmin: 0",
        "extends: repetition\nmessage: x\nalpha: true\nmax: 1\ntokens: ['[^\\s\\.]+', '[^\\s]+']\naction: {name: edit, params: [truncate, ' ']}",
        "extends: consistency\nmessage: x\nnonword: false\neither: {a: b}",
        "extends: conditional\nmessage: x\nfirst: '\\b([A-Z]{3,5})\\b'\nsecond: '\\(([A-Z]{3,5})\\)'\nexceptions: [API]",
        "extends: capitalization\nmessage: x\nscope: heading\nmatch: $title\nstyle: Chicago\nthreshold: 0.5\nprefix: '\\d+\\.'\nindicators: [':']\nexceptions: [iOS]",
        "extends: metric\nmessage: x\nformula: |\n  (0.39 * (words / sentences)) + heading.h1\n\ncondition: '> 8.0'",
        "extends: readability\nmessage: x\nmetrics: [SMOG, Gunning Fog]\ngrade: 8",
        "extends: existence\nmessage: x\nscope: raw\nraw:\n  - '(?m)(?<=^#+[^\\n]*\\n)> [^-]|'\n  - '^> - [\\w-_ ]*\\n[^\\n>`]'",
        "extends: existence\nmessage: x\ntokens: ['[^\\[]', '{{ .x }}', '\\<b\\>', '[a-z-[aeiou]]', '(?>a+)b', '(\\w)\\1', '\\p{Lu}++']",
        "extends: substitution\nmessage: x\nswap: {'(?<!Fast )Lamp|(?<=a|bc)d(?! e)': x, '(?i)a\\.k\\.a|aka': or}",
        "extends: existence\nmessage: x\n",
        "extends: existence\nmessage: x\ntokens:\n  - so #much\n  #more\n  - more # words",
    ] {
        assert_eq!(loaded(&style(rule, IN_FORCE)).rules().len(), 1, "{rule}");
    }
}

#[test]
fn existence() {
    check(VERY, "Very, every, VERY", &[("Very", "Remove 'Very'."), ("VERY", "Remove 'VERY'.")]);
    let rule = |more: &str| format!("extends: existence\nmessage: \"'%s'\"\n{more}");
    check(&rule("nonword: true\ntokens: ['!']"), "a!b", &[("!", "'!'")]);
    // The text as given, and no other reading of it.
    check(&rule("tokens: [lamp]"), "l\u{200b}amp lаmp", &[]);
    check(&rule("raw: ['(?:a|b) ']\ntokens: [c, d]"), "a c, b d, ad", &[("a c", "'a c'"), ("b d", "'b d'")]);
    check(&rule("append: true\nraw: [' x']\ntokens: [c]"), "c x, x c", &[("c x", "'c x'")]);
    check(&rule("raw: ['a.*?', 'b']"), "xaxb", &[("axb", "'axb'")]);
    check(&rule("tokens: ['lamp(?! shade)']"), "lamp shade, lamp", &[("lamp", "'lamp'")]);
    check(&rule("tokens: ['(\\w+) \\1']"), "so so lamp", &[("so so", "'so so'")]);
    check(&rule("tokens: ['\\w+ly']\nexceptions: [only]"), "only likely", &[("likely", "'likely'")]);
    check(&rule("tokens: ['\\w+ly lamp']\nexceptions: ['(?i)ONLY', x]"), "only lamp", &[]);
    check(
        &rule("scope: sentence\nnonword: true\ntokens: ['^So']"),
        "So it is. So?",
        &[("So", "'So'"), ("So", "'So'")],
    );
    check(&rule("scope: heading\ntokens: [lamp]"), "lamp", &[]);
    check(&rule("limit: 2\ntokens: [a]"), "a a a", &[("a", "'a'"), ("a", "'a'")]);
    check(&rule("action: {name: remove}\ntokens: [so]"), "so", &[("so", "'so'")]);
    check(&rule("tokens: ['', ' ']"), "a b", &[]);
}

#[test]
fn substitution() {
    let rule = |more: &str| format!("extends: substitution\nmessage: \"Use '%s', not '%s'.\"\n{more}");
    check(
        &rule("ignorecase: true\nswap: {utilise: use}"),
        "Utilise",
        &[("Utilise", "Use 'use', not 'Utilise'.")],
    );
    check(&rule("ignorecase: true\nswap: {gb: GB}"), "GB Gb", &[("Gb", "Use 'GB', not 'Gb'.")]);
    // What is wanted may be a pattern of all that is right.
    check(
        &rule("ignorecase: true\nswap: {wi-?fi: 'Wi-Fi|WIFI'}"),
        "WIFI wifi",
        &[("wifi", "Use 'Wi-Fi|WIFI', not 'wifi'.")],
    );
    check(
        &rule("action: {name: replace}\nswap: {kill: stop|end|quit}"),
        "kill",
        &[("kill", "Use 'stop', 'end', or 'quit', not 'kill'.")],
    );
    check(
        &rule("action: {name: replace}\nswap: {',,,': '...'}\nnonword: true"),
        "a,,,b",
        &[(",,,", "Use '...', not ',,,'.")],
    );
    check(
        &rule("swap: {'organi(z)(e|ation)': 'organis$2'}"),
        "organization",
        &[("organization", "Use 'organisation', not 'organization'.")],
    );
    check(
        &rule("capitalize: true\nswap: {'(?i)cannot': can't}"),
        "Cannot",
        &[("Cannot", "Use 'Can't', not 'Cannot'.")],
    );
    check(
        &rule("swap: {'all of (?!these)': all}"),
        "all of a, all of these",
        &[("all of ", "Use 'all', not 'all of'.")],
    );
    // The longer of two is meant.
    check(
        &rule("swap: {lamp: light, lamp shade: shade}"),
        "lamp shade",
        &[("lamp shade", "Use 'shade', not 'lamp shade'.")],
    );
    check(&rule("swap: {lamp: light}\nexceptions: [lamp]"), "lamp", &[]);
    let numbered = "extends: substitution\nmessage: \"Not '%[2]s' but %[1]s.\"\nswap: {a: b}";
    check(numbered, "a", &[("a", "Not 'a' but b.")]);
}

#[test]
fn occurrence() {
    let rule = |more: &str| format!("extends: occurrence\nmessage: \"%d times\"\n{more}");
    check(&rule("token: ','\nmax: 1"), "a, b, c", &[(",", "2 times")]);
    check(&rule("token: ','\nmax: 2"), "a, b, c", &[]);
    check(
        &rule("scope: sentence\nmax: 2\ntoken: '\\b(\\w+)\\b'"),
        "A b cc. D ee. F g hh.",
        &[("A", "3 times"), ("F", "3 times")],
    );
    check(&rule("scope: paragraph\nmax: 1\ntoken: lamp"), "lamp\n\nlamp lamp", &[("lamp", "2 times")]);
    check(&rule("token: lamp\nmin: 2"), "lamp", &[("lamp", "1 times")]);
    check(&rule("token: lamp\nmin: 1"), "light", &[("l", "0 times")]);
    check(&rule("token: '\\*|x'\nmax: 1"), "* x", &[("x", "2 times")]);
}

#[test]
fn repetition() {
    let rule = |more: &str| {
        format!("extends: repetition\nmessage: \"'%s' is repeated!\"\ntokens: ['[^\\s]+']\n{more}")
    };
    check(&rule("alpha: true"), "the the lamp", &[("the the", "'the' is repeated!")]);
    check(&rule("alpha: true"), "The the 5 5 lamp.", &[]);
    check(
        &rule("ignorecase: true"),
        "The the 5 5",
        &[("The the", "'the' is repeated!"), ("5 5", "'5' is repeated!")],
    );
    check(&rule("max: 1"), "so so so", &[("so so", "'so' is repeated!")]);
    check(&rule("exceptions: [so]"), "so so", &[]);
    let word = "extends: repetition\nmessage: \"%s\"\nignorecase: true\ntokens: ['[^\\s.]+']";
    check(word, "I saw that. That is so. so", &[]);
}

#[test]
fn consistency() {
    let rule = "extends: consistency\nmessage: \"Inconsistent '%s'.\"\nignorecase: true\neither: {centre: center, 'organi(s)e': organize}";
    check(rule, "A centre. A center.", &[("center", "Inconsistent 'center'.")]);
    check(rule, "A centre. A Centre.", &[]);
    check(rule, "organize, organise", &[("organise", "Inconsistent 'organise'.")]);
}

#[test]
fn conditional() {
    let rule = "extends: conditional\nmessage: \"'%s' has no definition.\"\nfirst: '\\b([A-Z]{3,5})\\b'\n\
                second: '(?:\\b[A-Z][a-z]+ )+\\(([A-Z]{3,5})\\)'\nexceptions: [API, LED lamp]";
    check(rule, "The WHO said API.", &[("WHO", "'WHO' has no definition.")]);
    check(rule, "The World Health Organization (WHO). WHO said.", &[]);
    check(rule, "A LED lamp, a LED strip.", &[("LED", "'LED' has no definition.")]);
    let there = "extends: conditional\nmessage: \"%s\"\nfirst: credit\nsecond: APR";
    check(there, "credit at 5% APR", &[]);
    check(there, "credit, credit", &[("credit", "credit"), ("credit", "credit")]);
}

#[test]
fn capitalization() {
    let rule = |more: &str| format!("extends: capitalization\nmessage: \"'%s' should be '%s'.\"\n{more}");
    check(&rule("match: $lower"), "a Lamp", &[("a Lamp", "'a Lamp' should be 'a lamp'.")]);
    check(&rule("match: $upper"), "A LAMP", &[]);
    check(&rule("match: $sentence"), "A lamp for long evenings", &[]);
    check(
        &rule("match: $sentence"),
        "A Lamp For Long Evenings",
        &[("A Lamp For Long Evenings", "'A Lamp For Long Evenings' should be 'A lamp for long evenings'.")],
    );
    check(&rule("match: $sentence\nexceptions: [Tarn Fell]"), "A lamp for Tarn Fell", &[]);
    check(&rule("match: $sentence\nindicators: [':']"), "Lamp: The light", &[]);
    check(&rule("match: $sentence\nthreshold: 0.5"), "A Lamp for us", &[]);
    check(&rule("match: $title"), "A Lamp for the Long Evening", &[]);
    check(&rule("match: $title\nstyle: Chicago"), "A Lamp with an Arm", &[]);
    check(&rule("match: $title"), "a lamp", &[("a lamp", "'a lamp' should be 'A Lamp'.")]);
    check(&rule("match: '^[A-Z]'"), "lamp", &[("lamp", "'lamp' should be 'lamp'.")]);
    check(&rule("match: $lower\nscope: sentence"), "aa. Bb.", &[("Bb.", "'Bb.' should be 'bb.'.")]);
}

#[test]
fn metric_and_readability() {
    let metric =
        "extends: metric\nmessage: \"%s words a sentence\"\nformula: words / sentences\ncondition: '> 3'";
    check(metric, "One two three four five six. Two.", &[("O", "3.50 words a sentence")]);
    check(metric, "One two.", &[]);
    check(metric, "", &[]);
    let grade = "extends: readability\nmessage: \"Grade %s\"\nmetrics: [Automated Readability]\ngrade: 1";
    // 4.71 × 10 ÷ 3 + 0.5 × 3 − 21.43
    check(grade, "The cat sat.", &[]);
    check(grade, "Extraordinary accommodation.", &[("E", "Grade 40.80")]);
}

#[test]
fn actions_are_applied_where_guardrails_ask_for_it() {
    let fix = "{styles: [S], rules: {S.R: {on_match: fix}}}";
    for (rule, text, fixed) in [
        (
            "extends: existence\nmessage: x\naction: {name: remove}\ntokens: [very]",
            "A very warm lamp.",
            "A warm lamp.",
        ),
        (
            "extends: existence\nmessage: x\naction: {name: replace, params: [URL, address]}\ntokens: [URL]",
            "A URL.",
            "A address.",
        ),
        (
            "extends: existence\nmessage: x\naction: {name: edit, params: [trim_right, ly]}\ntokens: [firstly]",
            "firstly, it",
            "first, it",
        ),
        (
            "extends: existence\nmessage: x\nnonword: true\naction: {name: edit, params: [regex, ' +', ' ']}\ntokens: ['a {2,}b']",
            "a   b",
            "a b",
        ),
        (
            "extends: existence\nmessage: x\naction: {name: convert, params: [simple]}\ntokens: ['auto-\\w+']",
            "auto-Dim",
            "auto dim",
        ),
        (
            "extends: substitution\nmessage: x\nignorecase: true\naction: {name: replace}\nswap: {cannot: can't|can not}",
            "Cannot go",
            "Can't go",
        ),
        (
            "extends: repetition\nmessage: x\ntokens: ['[^\\s]+']\naction: {name: edit, params: [truncate, ' ']}",
            "the the lamp",
            "the lamp",
        ),
        (
            "extends: capitalization\nmessage: x\nmatch: $sentence\naction: {name: replace}",
            "A Lamp For Us",
            "A lamp for us",
        ),
    ] {
        let judgement = Scene::bare().judge(&loaded(&style(rule, fix)), text);
        assert_eq!((judgement.verdict, judgement.fixed.as_deref()), (Verdict::Fix, Some(fixed)), "{rule}");
    }
    for rule in [
        VERY,
        "extends: substitution\nmessage: x\nswap: {'\\d+x\\d+': ×}",
        "extends: existence\nmessage: x\naction: {name: suggest, params: [spellings]}\ntokens: [a]",
    ] {
        check_refused(
            &style(rule, fix),
            "g/guardrails.yml:1:39",
            "`S.R` has no correction of its own to apply",
            "repair",
        );
    }
}

#[test]
fn accepted_words_are_left_alone_by_public_rules() {
    let accept = "# Ours\n\n  Very\n(?i)tarn fell\nC\\+\\+\n";
    let files = |rule: &str| {
        files([
            ("g/styles/S/R.yml", rule),
            ("g/guardrails.yml", IN_FORCE),
            ("g/vocabulary/accept.txt", accept),
        ])
    };
    for (rule, text, expected) in [
        (VERY.to_owned(), "Very very", 1),
        (format!("{VERY}vocab: false"), "Very very", 2),
        (
            "extends: existence\nmessage: x\nignorecase: true\ntokens: ['tarn fell tent']".to_owned(),
            "TARN FELL tent",
            0,
        ),
        ("extends: existence\nmessage: x\nnonword: true\ntokens: ['Very!']".to_owned(), "Very!", 1),
        (
            "extends: conditional\nmessage: x\nfirst: Tarn\nsecond: '\\((x)\\)'".to_owned(),
            "Tarn Fell. Tarn.",
            1,
        ),
    ] {
        let judgement = Scene::bare().judge(&loaded(&files(&rule)), text);
        assert_eq!(judgement.findings.len(), expected, "{rule}");
    }
}

#[test]
fn rejected_words_are_never_used() {
    let reject = "# Never\ncheap\nBudget Co\n(?i)KNOCK-?OFFS?\n";
    let guardrails = loaded(&files([("g/vocabulary/reject.txt", reject)]));
    for (text, expected) in [
        ("Cheap lamps", &["Cheap"][..]),
        ("a сheар lamp", &["сheар"]),
        ("by Budget Co, budget co", &["Budget Co"]),
        ("a knockoff", &["knockoff"]),
        ("a cheapskate", &[]),
    ] {
        let judgement = Scene::bare().judge(&guardrails, text);
        let found: Vec<&str> = judgement.findings.iter().map(|finding| finding.matched.as_str()).collect();
        assert_eq!(found, expected, "{text}");
        assert_eq!(judgement.verdict == Verdict::Block, !expected.is_empty());
        assert!(judgement.findings.iter().all(|f| f.rule == "vocabulary.reject" && f.level == Level::Error));
    }
    assert_eq!(loaded(&files([("g/vocabulary/reject.txt", "# nothing\n")])).rules().len(), 0);
}

#[test]
fn faults_of_the_vocabulary_are_said_by_their_lines() {
    for (path, content, place, message, help) in [
        ("g/vocabulary/accept.txt", "a\n  (b\n", "2:3", "unclosed group", "backslash"),
        ("g/vocabulary/reject.txt", "a\nb(\n", "2:1", "unclosed group", "backslash"),
        ("g/vocabulary/reject.txt", "x*\n", "1:1", "matches the empty text", "at least one character"),
        (
            "g/vocabulary/reject.txt",
            "cheap # says legal\n",
            "1:1",
            "a comment behind it",
            "a line of its own",
        ),
        ("g/vocabulary/rejects.txt", "cheap\n", "1:1", "no words are read from this file", "`reject.txt`"),
    ] {
        let (guardrails, faults) = load(&files([(path, content)]), &london());
        assert!(guardrails.is_none());
        let [fault] = faults.as_slice() else { panic!("{}", shown(&faults)) };
        assert_eq!(fault.place(), format!("{path}:{place}"));
        assert!(fault.message.contains(message), "{fault:?}");
        assert!(fault.help.as_deref().is_some_and(|said| said.contains(help)), "{fault:?}");
    }
}

#[test]
fn a_public_rule_that_vanishes_is_missed_and_a_style_put_out_of_force_is_not() {
    let before = loaded(&files([
        ("g/styles/S/R.yml", VERY),
        ("g/styles/S/Q.yml", VERY),
        ("g/guardrails.yml", IN_FORCE),
    ]));
    let vanished = |after: &Guardrails| {
        accidents(&before, after).into_iter().map(|fault| fault.message).collect::<Vec<_>>()
    };
    assert_eq!(vanished(&loaded(&style(VERY, IN_FORCE))), ["the rule `S.Q`, which is in force, is gone"]);
    assert!(vanished(&loaded(&style(VERY, "styles: []"))).is_empty());
}

/// Kinds of public rules in lists of our own: on folded text, with examples.
#[test]
fn the_kinds_run_in_our_own_lists() {
    let rule = |more: &str| {
        format!(
            "rules:\n  - id: r\n    message: \"'%s'\"\n    level: error\n    {}\n",
            more.replace('\n', "\n    ")
        )
    };
    for (more, text, expected) in [
        (
            "extends: repetition\nignorecase: true\ntokens: ['\\p{L}+']\nexamples: {fail: [the the lamp], pass: [the lamp]}",
            "thе the lamp",
            "thе the",
        ),
        (
            "extends: consistency\nignorecase: true\neither: {colour: color}\nexamples: {fail: [colour and color], pass: [colour]}",
            "A colour, a co\u{ad}lor.",
            "co\u{ad}lor",
        ),
        (
            "extends: conditional\nfirst: '[A-Z]{3,5}'\nsecond: '\\(([A-Z]{3,5})\\)'\nexceptions: [LED]\n\
             examples: {fail: [the WHO], pass: [the World Health Organization (WHO), a LED]}",
            "ａ LED, the ＷＨＯ",
            "ＷＨＯ",
        ),
        (
            "extends: conditional\nignorecase: true\nfirst: on credit\nsecond: representative\n\
             examples: {fail: [on credit], pass: [On credit. Representative 5%.]}",
            "Buy on  cre\u{200b}dit",
            "on  cre\u{200b}dit",
        ),
        (
            "extends: capitalization\nmatch: $sentence\nexceptions: [Tarn Fell]\n\
             examples: {fail: [A Lamp For Us], pass: [A lamp by Tarn Fell]}",
            "The Lamp By Tarn Fell",
            "The Lamp By Tarn Fell",
        ),
        (
            "extends: metric\nformula: words / sentences\ncondition: '> 3'\nexamples: {fail: [One two three four.], pass: [One.]}",
            "“One” two three four.",
            "“",
        ),
        (
            "extends: readability\nmetrics: [Automated Readability]\ngrade: 9\n\
             examples: {fail: [Extraordinary accommodation], pass: [The cat sat.]}",
            "Extraordinary accommodation",
            "E",
        ),
        (
            "extends: existence\nignorecase: true\ntokens: ['free(?! of charge)', '(?<!not )cheap']\n\
             examples: {fail: [free lamp, cheap lamp], pass: [free of charge, not cheap]}",
            "frее lamp",
            "frее",
        ),
        (
            "extends: existence\nscope: raw\nlimit: 1\nvocab: false\ntokens: [so]\nexamples: {fail: [so], pass: [no]}",
            "so so",
            "so",
        ),
        (
            "extends: existence\ntokens: ['(\\p{L}{2,}) and \\1']\nexamples: {fail: [more and more], pass: [more and less]}",
            "more and mоre",
            "more and mоre",
        ),
        (
            "extends: substitution\nswap: {'lamp(?= shade)': light}\nexamples: {fail: [lamp shade], pass: [lamp]}",
            "no lamp, no lamp shade",
            "lamp",
        ),
    ] {
        let guardrails = loaded(&files([("g/f.yml", &rule(more))]));
        let judgement = Scene::bare().judge(&guardrails, text);
        let found: Vec<&str> = judgement.findings.iter().map(|finding| finding.matched.as_str()).collect();
        assert_eq!(found, [expected], "{more}");
    }
    for (more, message) in [
        ("extends: repetition", "a rule needs `tokens`"),
        ("extends: consistency\neither: {}", "this map is empty"),
        ("extends: conditional\nfirst: a", "a rule needs `second`"),
        ("extends: capitalization", "a rule needs `match`"),
        (
            "extends: metric\nformula: 1 +\ncondition: '> 1'",
            "this formula goes wrong at its character 4: a number or a count is missing",
        ),
        ("extends: readability\nmetrics: []\ngrade: 1", "no way to grade is named"),
        (
            "extends: existence\ntokens: ['(?=a)']",
            "outside its look-around this pattern matches the empty text, so it would be tried at every place",
        ),
        ("extends: existence\ntokens: ['a(?!b']", "this pattern goes wrong: "),
        ("extends: existence\nvocab: true\ntokens: [a]", "the vocabulary is for public rules"),
    ] {
        let more = format!("{more}\nexamples: {{fail: [a], pass: [b]}}");
        let (_, faults) = load(&files([("g/f.yml", &rule(&more))]), &london());
        assert!(faults.iter().any(|fault| fault.message.starts_with(message)), "{more}\n{}", shown(&faults));
    }
}

/// Patterns that take forever when nobody stops them count as not passed, and soon.
#[test]
fn hostile_patterns_are_bounded_and_count_as_not_passed() {
    let long = "a".repeat(3_000);
    for pattern in [
        r"(?=(a+)+$)a+!",
        r"(a+)+(?!a)b(?<=c)",
        r"(a*)*\1b",
        r"(?:a|a)*(?=b)b",
        r"(?<=(a|aa)+)b",
        r"(a|a?)+(?!x)b",
        r"(x+x+)+y(?=z)|(a+a+)+b(?=c)",
        r"(?:(?=a)a)*b",
    ] {
        let own = format!(
            "rules: [{{id: r, extends: existence, message: m, level: error, tokens: ['{pattern}'], \
             applies: {{placement: [p]}}, examples: {{fail: [{{text: x, as_of: 2027-01-01}}], pass: [y]}}}}]"
        );
        // Its example is wrong; that it loads and is tried at all is what counts.
        load(&files([("g/f.yml", &own)]), &london());
        let rule =
            format!("extends: existence\nmessage: m\nlevel: error\nnonword: true\ntokens: ['{pattern}']");
        let guardrails = loaded(&style(&rule, "{styles: [S], rules: {S.R: {on_match: block}}}"));
        for text in [format!("{long}b"), format!("{long}!"), format!("b{long}"), long.clone()] {
            let judgement = Scene::bare().judge(&guardrails, &text);
            if let Some(finding) = judgement.findings.iter().find(|f| f.message.contains("could not be run"))
            {
                assert_eq!((finding.start, finding.end), (0, text.chars().count()));
                assert_eq!(judgement.verdict, Verdict::Block);
            }
        }
    }
    let rule = "extends: existence\nmessage: m\nnonword: true\ntokens: ['(a|aa)+(?!a)b(?<=cb)']";
    let judgement = Scene::bare()
        .judge(&loaded(&style(rule, "{styles: [S], rules: {S.R: {level: error}}}")), &format!("{long}b"));
    assert_eq!(judgement.verdict, Verdict::Block);
    assert!(judgement.findings[0].message.contains("could not be run"), "{judgement:?}");
}

/// Patterns that would fill all memory are refused.
#[test]
fn patterns_too_large_are_refused() {
    for pattern in [
        r"(?:\w{1000}){1000}",
        r"(?:(?:a{1000}){1000}){1000}",
        r"(?:\w{1000}){1000}(?!x)",
        "((((((((((a{9}){9}){9}){9}){9}){9}){9}){9}){9}){9})(?=b)",
    ] {
        let rule = format!("extends: existence\nmessage: m\ntokens: ['{pattern}']");
        let (guardrails, faults) = load(&style(&rule, IN_FORCE), &london());
        assert!(guardrails.is_none(), "{pattern}");
        assert_eq!(faults[0].place(), "g/styles/S/R.yml:3:10", "{}", shown(&faults));
    }
}

fn yaml() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        Just("extends"),
        Just("message"),
        Just("level"),
        Just("scope"),
        Just("tokens"),
        Just("raw"),
        Just("swap"),
        Just("exceptions"),
        Just("token"),
        Just("max"),
        Just("min"),
        Just("either"),
        Just("first"),
        Just("second"),
        Just("match"),
        Just("formula"),
        Just("condition"),
        Just("metrics"),
        Just("grade"),
        Just("action"),
        Just("ignorecase"),
        Just("nonword"),
        Just("limit"),
        Just("id"),
        Just("examples"),
        Just("indicators"),
    ];
    let value = prop_oneof![
        prop_oneof![
            Just("existence"),
            Just("substitution"),
            Just("occurrence"),
            Just("repetition"),
            Just("consistency"),
            Just("conditional"),
            Just("capitalization"),
            Just("metric"),
            Just("readability"),
        ]
        .prop_map(str::to_owned),
        "'[-a-c()\\[\\]{}?=!<>|*+.^$ 0-9]{0,12}'",
        "\\['[a-c()?=!<>|*+. ]{0,8}', '[a-c\\[\\]{},0-9]{0,6}'\\]",
        "\\{'[a-c()?|*+ ]{1,6}': '[a-c$0-9|]{0,6}', name: (remove|replace|edit), params: \\[trim, x\\]\\}",
        "(words / [a-z(]{0,5}|> [0-9]{1,3}|true|false|[0-9]{1,4}|\\$sentence|\\$title|\\$lower|SMOG)",
        "\\PC{0,12}",
    ];
    proptest::collection::vec((key, value), 0..9)
        .prop_map(|lines| lines.into_iter().map(|(key, value)| format!("{key}: {value}\n")).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_rule_file_breaks_anything(rule in yaml(), text in "\\PC{0,30}|[a-c ().]{0,60}", list: bool) {
        let files = if list {
            let rule: String = rule.lines().map(|line| format!("    {line}\n")).collect();
            files([("g/f.yml", format!("rules:\n  - x: y\n{rule}").replace("  - x: y\n    ", "  - ").as_str())])
        } else {
            style(&rule, IN_FORCE)
        };
        let (guardrails, faults) = load(&files, &london());
        prop_assert_eq!(guardrails.is_none(), crate::diagnostic::any_error(&faults));
        if let Some(guardrails) = guardrails {
            for finding in Scene::bare().judge(&guardrails, &text).findings {
                let stretch: String = text.chars().skip(finding.start).take(finding.end - finding.start).collect();
                prop_assert_eq!(stretch, finding.matched);
            }
        }
    }
}

#[test]
fn the_hash_covers_public_rules_and_the_vocabulary() {
    let hash = |files: &Files| -> Revision { loaded(files).hash().clone() };
    let before = hash(&style(VERY, IN_FORCE));
    assert_ne!(before, hash(&style(&VERY.replace("very", "so"), IN_FORCE)));
}
