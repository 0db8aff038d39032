//! `copyrail check`: every fault of everything that people edit, where it stands, in one run.

use std::path::Path;

use serde_json::Value;

use crate::support::{Ran, copyrail, shop};

/// A folder with these files and nothing else.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn check(folder: &Path, arguments: &[&str]) -> Ran {
    let arguments: Vec<&str> = ["check"].iter().chain(arguments).copied().collect();
    let ran = copyrail(folder, &arguments, &[], "");
    assert!(!ran.out.contains('\u{1b}') && !ran.err.contains('\u{1b}'), "{ran:?}");
    assert!(!ran.out.contains(&*folder.to_string_lossy()), "paths are as people type them: {}", ran.out);
    ran
}

/// Copy that a folder of guardrails needs no prompts for.
const GOOD_RULES: &str = r#"rules:
  - id: no-promises
    extends: existence
    message: "'%s' promises an outcome; say what the product does instead."
    level: error
    ignorecase: true
    tokens: [guaranteed]
    owner: legal@example.com
    effective: {from: 2026-12-01}
    examples:
      fail: [Guaranteed to last.]
      pass: [Made of steel.]
"#;

/// Four faults: a wrong key, a pattern that goes wrong, a date that is none, an example that is missing.
const BAD_RULES: &str = r#"rules:
  - id: no-promises
    extends: existence
    message: "'%s' promises an outcome; say what the product does instead."
    levle: error
    level: error
    tokens: [guaranteed, "risk(free"]
    owner: legal@example.com
    examples:
      fail: [Guaranteed to last.]
      pass: [Made of steel.]
  - id: christmas
    extends: existence
    message: "'%s' is over."
    level: warning
    tokens: [christmas]
    effective: {from: 2026-12-01, until: 2026-12-32}
    owner: brand@example.com
    examples:
      fail: [A christmas gift.]
      pass: [A gift.]
  - id: slang
    extends: existence
    message: "'%s' is slang."
    level: warning
    tokens: [innit]
    examples:
      fail: ["Nice, innit."]
"#;

#[test]
fn the_shipped_shop_is_in_order() {
    let shop = shop();
    let ran = check(shop.path(), &[]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{}", ran.out);
    let last = ran.out.lines().last().unwrap();
    assert!(last.starts_with("in order: ") && last.contains(": 0 errors, 0 warnings; "), "{last}");
    let report: Value = serde_json::from_str(&check(shop.path(), &["--format", "json"]).out).unwrap();
    assert_eq!((&report["ok"], &report["diagnostics"]), (&true.into(), &Vec::<Value>::new().into()));
    for rule in report["rules"].as_array().unwrap() {
        assert!(rule["caught"].as_u64().unwrap() > 0, "{rule}");
        assert_eq!((&rule["missed"], &rule["wrongly_caught"]), (&0.into(), &0.into()), "{rule}");
    }
    // The same from elsewhere, and on any day.
    let elsewhere = tempfile::tempdir().unwrap();
    let dir = shop.path().to_string_lossy().into_owned();
    let ran = copyrail(elsewhere.path(), &["check", &dir], &[], "");
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    for day in ["2026-01-01", "2030-12-31"] {
        assert_eq!(check(shop.path(), &["--as-of", day]).code, Some(0), "{day}");
    }
}

#[test]
fn the_examples_in_the_settings_of_the_rules_work() {
    let shop = shop();
    let path = shop.path().join("guardrails/guardrails.yml");
    let shipped = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = shipped.lines().collect();
    let examples: Vec<usize> = (0..lines.len()).filter(|line| lines[*line].starts_with("  # ")).collect();
    assert!(examples.len() >= 6, "{shipped}");
    // Each by itself, and all together.
    for put_in in examples.iter().map(|line| vec![*line]).chain([examples.clone()]) {
        let with = lines.iter().enumerate().map(|(line, text)| match put_in.contains(&line) {
            true => text.replacen("# ", "", 1) + "\n",
            false => format!("{text}\n"),
        });
        std::fs::write(&path, with.collect::<String>()).unwrap();
        let ran = check(shop.path(), &["--as-of", "2026-12-01"]);
        assert_eq!(ran.code, Some(0), "{put_in:?}: {}", ran.out);
        assert!(ran.out.contains(": 0 errors, 0 warnings; "), "{put_in:?}: {}", ran.out);
    }
}

#[test]
fn a_faulty_guardrail_file_has_each_of_its_faults_said() {
    let folder = folder(&[("guardrails/house.yml", GOOD_RULES)]);
    let ran = check(folder.path(), &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    insta::assert_snapshot!("one_good_rule", ran.out);
    std::fs::write(folder.path().join("guardrails/house.yml"), BAD_RULES).unwrap();
    let ran = check(folder.path(), &[]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""), "{}", ran.out);
    insta::assert_snapshot!("four_faults", ran.out);
    let ran = check(folder.path(), &["--format", "json"]);
    assert_eq!((ran.code, ran.out.lines().count()), (Some(1), 1));
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["ok"], false);
    let diagnostics = report["diagnostics"].as_array().unwrap();
    assert_eq!(diagnostics.len(), 4);
    insta::assert_snapshot!("four_faults_as_json", serde_json::to_string_pretty(&report).unwrap());
}

const SEGMENTS: &str = r#"attributes:
  user.visits: {type: integr}
  user.orders_90d: {type: integer}
  user.email: {type: string, class: personal}
  user.faith: {type: string, class: special}
  context.device: {type: string, class: public}
segments:
  - id: regulars
    when: {user.order_90d: {$gte: 1}}
  - id: On the go
    when: {context.device: {$is: mobile}}
  - id: default
    when: {context.device: mobile}
"#;

/// Sound attributes and segments but for one example.
const SOUND_SEGMENTS: &str = r#"attributes:
  user.orders_90d: {type: integer}
  user.email: {type: string, class: personal}
segments:
  - id: regulars
    when: {user.orders_90d: {$gte: 1}}
    examples:
      - {user: {orders_90d: 0}, expect: match}
"#;

const PLACEMENT: &str = r#"mode: lvie
deadline: 150
ttl: {soft: 7d, hard: 1d}
limits: {characters: many}
last_resort:
  en: All details are on this page.
"#;

/// A template with what is put in for its parts.
fn template(inputs: &str, sample: &str, prewritten: &str, body: &str) -> String {
    format!(
        "---\ninputs:\n{inputs}sample:\n  product: {sample}\nprewritten:\n  en: \"{prewritten}\"\n---\n{body}"
    )
}

#[test]
fn faults_of_segments_placements_templates_and_copy_are_said_in_one_run() {
    let body = "system:\nWrite a line.\nuser:\n{{ product.name }}\n";
    let input = "  product.name:\n";
    let good = template(input, "{name: Lumo lamp}", "{{ product.name }} at a glance.", body);
    let regulars = "segments: [{id: regulars, when: {context.locale: en}}]\n";
    let sound = "mode: live\nlast_resort:\n  en: All details are on this page.\n";
    let files = [
        ("guardrails/house.yml", GOOD_RULES),
        ("config/segments.yml", regulars),
        ("prompts/why-this/placement.yml", sound),
        ("prompts/why-this/default.prompty", &good),
        ("prompts/why-this/regulars.prompty", &good),
    ];
    let folder = folder(&files);
    let ran = check(folder.path(), &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    let write = |path: &str, text: &str| {
        let path = folder.path().join("prompts").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    std::fs::write(folder.path().join("config/segments.yml"), SEGMENTS).unwrap();
    write("cta/placement.yml", PLACEMENT);
    write(
        "cta/default.prompty",
        &template(input, "{name: A}", "{{ product.name }}.", "user:\n{{ product.brand }}\n"),
    );
    write("orphan/default.prompty", &good);
    write("why-this/notes.txt", "Ask Jo.");
    write(
        "why-this/placement.yml",
        "mode: live\nlast_resort:\n  en: Guaranteed to please.\n  xx_: Nothing.\n",
    );
    let undeclared = "system:\nWrite a line for {{ context.device }}.\n\nuser:\n{{ product.nmae }} in {{ product.colour }}\n";
    write(
        "why-this/default.prompty",
        &template(input, "{name: Lumo lamp}", "{{ user.name }} at a glance.", undeclared),
    );
    write("why-this/default.de.prompty", &template(input, "{brand: Lumo}", "{{ product.name }}.", body));
    write(
        "why-this/regulars.prompty",
        &template(
            input,
            "{name: A}",
            "{{ product.name }",
            "user:\n{% if product.name %}\n{{ product.name | shout }}\n",
        ),
    );
    write(
        "why-this/regulars.de.prompty",
        &template(input, "{name: A}", "{{ product.name }}.", "user:\nWrite.\n{{ product.name }\n"),
    );
    write(
        "why-this/regulars.fr.prompty",
        &template("  user.email:\n  product.name:\n", "{name: A}", "A.", body),
    );
    write("why-this/regulars.klingon-x.prompty", &good);
    write("why-this/regulars.it.prompty", "user:\nWrite.\n");
    write("why-this/regulars.es.prompty", &template(input, "{name: A}", "A.", "system:\nWrite.\n"));
    write(
        "why-this/regulars.nl.prompty",
        &template(input, "{name: A}", "A.", "Write.\nuser:\n{{ product.name }}\n"),
    );
    write("why-this/regulars.user.prompty", &good);
    let ran = check(folder.path(), &[]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""), "{}", ran.out);
    insta::assert_snapshot!(ran.out);
}

#[test]
fn a_folder_of_guardrails_that_is_gone_is_not_in_order() {
    let folder = crate::support::shop();
    assert_eq!(check(folder.path(), &[]).code, Some(0));
    std::fs::remove_dir_all(folder.path().join("guardrails")).unwrap();
    let ran = check(folder.path(), &[]);
    assert_eq!(ran.code, Some(1), "{}", ran.out);
    assert!(ran.out.contains("there is no folder of guardrails"), "{}", ran.out);
}

#[test]
fn faults_that_only_sound_segments_show() {
    let body = "user:\n{{ product.name }}\n";
    let placement = "mode: live\nlast_resort:\n  en: All details are on this page.\n";
    let personal = template("  user.email:\n  product.name:\n", "{name: A}", "A.", body);
    let untold = template("  user.orders_9d:\n  product.name:\n", "{name: A}", "A.", body);
    let folder = folder(&[
        ("config/segments.yml", "segments: []\n"),
        ("prompts/why-this/placement.yml", placement),
        ("guardrails/guardrails.yml", "# none of our own\n"),
    ]);
    assert_eq!(check(folder.path(), &[]).code, Some(0));
    for (path, text) in [
        ("config/segments.yml", SOUND_SEGMENTS),
        ("prompts/why-this/regulars.user.prompty", &personal),
        ("prompts/why-this/default.user.prompty", &untold),
        ("prompts/why-this/regularz.prompty", &template("  product.name:\n", "{name: A}", "A.", body)),
    ] {
        std::fs::write(folder.path().join(path), text).unwrap();
    }
    let with_example = check(folder.path(), &[]);
    assert_eq!(with_example.code, Some(1));
    let mended = SOUND_SEGMENTS.replace("orders_90d: 0", "orders_90d: 1");
    std::fs::write(folder.path().join("config/segments.yml"), mended).unwrap();
    let without = check(folder.path(), &[]);
    assert_eq!(without.code, Some(1));
    insta::assert_snapshot!(format!(
        "{}\n=== with the example mended ===\n\n{}",
        with_example.out, without.out
    ));
}

#[test]
fn copy_that_a_rule_catches_later_is_refused_today() {
    let copy = "mode: live\nlast_resort:\n  en: It is guaranteed.\n";
    let body = "---\ninputs:\n  product.name:\nprewritten:\n  en: A.\n---\nuser:\n{{ product.name }}\n";
    let folder = folder(&[
        ("guardrails/house.yml", GOOD_RULES),
        ("config/segments.yml", "segments: []\n"),
        ("prompts/why-this/placement.yml", copy),
        ("prompts/why-this/default.prompty", body),
    ]);
    // The rule begins in December; copy that nothing stands below must pass on every day.
    let ran = check(folder.path(), &["--as-of", "2026-11-20"]);
    assert_eq!(ran.code, Some(1), "{}", ran.out);
    assert!(ran.out.contains("this last-resort copy does not pass: `house.no-promises` found `guaranteed`"));
    let last = ran.out.lines().last().unwrap();
    assert!(last.contains("a running service would put edited guardrails in force and warn"), "{last}");
    let faulty = GOOD_RULES.replace("level: error", "level: sure");
    std::fs::write(folder.path().join("guardrails/house.yml"), faulty).unwrap();
    let refused = check(folder.path(), &[]);
    let last = refused.out.lines().last().unwrap();
    assert!(last.ends_with("a running service would refuse them and keep what is in force"), "{last}");
    let ended = GOOD_RULES.replace("from: 2026-12-01", "until: 2026-11-19");
    std::fs::write(folder.path().join("guardrails/house.yml"), ended).unwrap();
    assert_eq!(check(folder.path(), &["--as-of", "2026-11-19"]).code, Some(1));
    assert_eq!(check(folder.path(), &["--as-of", "2026-11-20"]).code, Some(0), "what is over is over");
}

#[test]
fn a_labelled_text_that_goes_wrong_holds_no_edit_back() {
    let folder = folder(&[
        ("guardrails/house.yml", GOOD_RULES),
        ("guardrails/cases/a.yml", "cases: [{text: It is guaranteed., expect: pass}]\n"),
    ]);
    let ran = check(folder.path(), &["--as-of", "2026-12-02"]);
    assert_eq!(ran.code, Some(1), "{}", ran.out);
    let last = ran.out.lines().last().unwrap();
    let told =
        "1 error, 0 warnings; a running service, which looks at no labelled text, would put them in force";
    assert!(last.starts_with("not in order: ") && last.ends_with(told), "{last}");
    let json = check(folder.path(), &["--as-of", "2026-12-02", "--format", "json"]);
    let report: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&report["ok"], &report["service"]), (&false.into(), &"takes".into()));
}

#[test]
fn an_empty_folder_has_nothing_to_check() {
    let folder = tempfile::tempdir().unwrap();
    let ran = check(folder.path(), &[]);
    assert_eq!(ran.code, Some(1));
    insta::assert_snapshot!(ran.out);
}

#[test]
fn faulty_settings_are_said_with_the_rest() {
    let folder = folder(&[
        ("guardrails/house.yml", GOOD_RULES),
        ("config/copyrail.toml", "listne = \"127.0.0.1:8080\"\n[limits]\ndeadline_ms = \"soon\"\n"),
    ]);
    let ran = check(folder.path(), &[]);
    assert_eq!(ran.code, Some(1));
    insta::assert_snapshot!(ran.out);
}

#[test]
fn a_faulty_policy_does_not_start_a_service() {
    let shop = shop();
    std::fs::write(shop.path().join("guardrails/brand.yml"), BAD_RULES).unwrap();
    let ran = copyrail(shop.path(), &["serve"], &[("COPYRAIL__LISTEN", "127.0.0.1:0")], "");
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{}", ran.err);
    let faults: Vec<&str> = ran.err.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(
        faults,
        [
            "error: a rule has no key `levle`",
            "error: this pattern goes wrong at its character 5: unclosed group",
            "error: there is no day `2026-12-32`",
            "error: a rule needs at least one `pass` example",
            "error: the policy is faulty and no last good one is kept, so nothing is served; mend the faults above",
        ]
    );
    assert!(ran.err.contains(" --> guardrails/brand.yml:5:5\n"), "{}", ran.err);
}

#[test]
fn a_ceiling_that_holds_over_nothing_is_said() {
    let folder = shop();
    let path = folder.path().join("guardrails/guardrails.yml");
    let shipped = std::fs::read_to_string(&path).unwrap();
    let at = shipped.find("\nceilings:").unwrap_or(shipped.len());
    let ceilings = "\nceilings:\n  - {placement: [why-thiss], mode: prewritten}\n  \
                    - {when: {context.device: mobil}, mode: segment}\n  \
                    - {when: {context.nope: DE}, mode: segment}\n  \
                    - {when: {context.country: DE, product.category: shoes}, placement: why-this, mode: segment}\n";
    std::fs::write(&path, format!("{}{ceilings}", &shipped[..at])).unwrap();
    let ran = copyrail(folder.path(), &["check", "--format", "json"], &[], "");
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    let said: Vec<&str> =
        report["diagnostics"].as_array().unwrap().iter().map(|d| d["message"].as_str().unwrap()).collect();
    assert_eq!((ran.code, &report["ok"]), (Some(0), &Value::Bool(true)), "{said:?}");
    assert_eq!(
        said,
        [
            "there is no placement `why-thiss`, so this ceiling holds nothing there",
            "`context.device` is never `mobil`: this ceiling holds for all of whom that is not known, and nobody else",
            "`context.nope` is not declared, so this ceiling holds for every request that does not give it",
        ]
    );
    assert!(report["diagnostics"].as_array().unwrap().iter().all(|d| d["help"].is_string()));
}

#[test]
fn a_check_is_written_for_code_scanning() {
    let rules = BAD_RULES.replace("  - id: slang", "  # ünïcödé\n  - id: slang");
    let folder = folder(&[
        ("guardrails/our rules.yml", &rules),
        ("guardrails/guardrails.yml", "rules: {a.b: {mode: off}}\n"),
    ]);
    let ran = check(folder.path(), &["--format", "sarif"]);
    assert_eq!((ran.code, ran.err.as_str(), ran.out.lines().count()), (Some(1), "", 1), "{}", ran.out);
    let log: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&log["version"], log["runs"].as_array().unwrap().len()), (&"2.1.0".into(), 1));
    let run = &log["runs"][0];
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    assert_eq!(run["tool"]["driver"]["name"], "copyrail");
    let known = run["tool"]["driver"]["rules"].as_array().unwrap();
    for rule in known {
        for text in [&rule["shortDescription"]["text"], &rule["help"]["text"]] {
            assert!(text.as_str().unwrap().ends_with('.'), "{rule}");
        }
    }
    let mut ids: Vec<&str> = known.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), known.len(), "each has a name of its own");
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 6);
    for result in results {
        let index = result["ruleIndex"].as_u64().unwrap() as usize;
        assert_eq!(known[index]["id"], result["ruleId"]);
        assert_eq!(result["level"], "error");
        let place = &result["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str().unwrap();
        assert!(["guardrails/our%20rules.yml", "guardrails/guardrails.yml"].contains(&uri), "{uri}");
        assert!(place["region"]["startLine"].as_u64().unwrap() > 0, "{result}");
    }
    insta::assert_snapshot!(serde_json::to_string_pretty(&results[2]).unwrap());
    // A warning is a warning there too, by its own name.
    let past = GOOD_RULES.replace("from: 2026-12-01", "until: 2026-11-30");
    std::fs::remove_file(folder.path().join("guardrails/guardrails.yml")).unwrap();
    std::fs::write(folder.path().join("guardrails/our rules.yml"), past).unwrap();
    let ran = check(folder.path(), &["--format", "sarif", "--as-of", "2026-12-01"]);
    let log: Value = serde_json::from_str(&ran.out).unwrap();
    let result = &log["runs"][0]["results"][0];
    assert_eq!((ran.code, &result["level"], &result["ruleId"]), (Some(0), &"warning".into(), &"over".into()));
    // As of the day before nothing is said.
    let ran = check(folder.path(), &["--format", "sarif", "--as-of", "2026-11-30"]);
    let log: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &log["runs"][0]["results"]), (Some(0), &Vec::<Value>::new().into()));
}

#[test]
fn a_narrow_terminal_is_filled_and_not_overrun() {
    let shop = shop();
    let path = shop.path().join("guardrails/brand.yml");
    let shipped = std::fs::read_to_string(&path).unwrap();
    let check = || copyrail(shop.path(), &["check"], &[("COLUMNS", "60")], "");
    let sound = check();
    assert_eq!(sound.code, Some(0), "{}", sound.out);
    let mistaken = shipped.replacen(
        "    level: warning\n",
        "    level: waring\n    effective: {from: 1 December 2026}\n",
        1,
    );
    std::fs::write(&path, mistaken.replace("      - awesome\n", "      - awesome\n      - world-class\n"))
        .unwrap();
    let faulty = check();
    assert_eq!(faulty.code, Some(1), "{}", faulty.out);
    for line in sound.out.lines().chain(faulty.out.lines()) {
        assert!(line.chars().count() <= 60, "{line}");
    }
}

#[test]
fn public_rules_that_no_text_tells_of_have_one_line_together() {
    let hedges = "extends: existence\nmessage: \"'%s' hedges.\"\nlevel: warning\ntokens: [perhaps]\n";
    let settings = |lines: &str| format!("styles: [House]\n{lines}");
    let of = |settings: &str, cases: &str| {
        let folder = folder(&[
            ("guardrails/brand.yml", GOOD_RULES),
            ("guardrails/guardrails.yml", settings),
            ("guardrails/styles/House/Hedges.yml", hedges),
            ("guardrails/styles/House/Luck.yml", &hedges.replace("perhaps", "lucky")),
            ("guardrails/cases/a.yml", cases),
        ]);
        let ran = check(folder.path(), &[]);
        assert_eq!(ran.code, Some(0), "{}", ran.out);
        ran.out
    };
    let pass = "cases: [{text: Made of steel., expect: pass}]\n";
    let out = of(&settings(""), pass);
    assert!(out.contains("\n2 rules of public styles are in force; no text here tells of them.\n"), "{out}");
    assert!(!out.contains("House."), "{out}");
    // One that a text tells of has its row, and one that is off is not in force.
    let named = "cases: [{text: Perhaps perhaps., expect: [House.Hedges]}]\n";
    let out = of(&settings(""), named);
    assert!(out.contains("\n1 rule of public styles is in force; no text here tells of it.\n"), "{out}");
    let row = out.lines().find(|line| line.starts_with("House.Hedges ")).unwrap();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["House.Hedges", "1", "0", "0", "0"]);
    assert!(!out.contains("House.Luck"), "{out}");
    let off = settings("rules: {House.Luck: {mode: off, because: We like it.}}\n");
    let out = of(&off, named);
    assert!(!out.contains("public styles"), "{out}");
}

#[test]
fn a_fact_that_no_sample_has_is_told_of_and_refuses_nothing() {
    let body = "user:\n{{ product.name }}\n";
    let misspelt = template(
        "  product.name:\n  product.colour:\n  product.featurs:\n",
        "{name: A, features: [warm]}",
        "{{ product.name }}.",
        body,
    );
    let other = template("  product.name:\n", "{name: B, colour: red}", "{{ product.name }}.", body);
    let files = [
        ("guardrails/house.yml", GOOD_RULES),
        ("config/segments.yml", "segments: [{id: regulars, when: {context.locale: en}}]\n"),
        ("prompts/why-this/placement.yml", "mode: live\nlast_resort:\n  en: All details are on this page.\n"),
        ("prompts/why-this/default.prompty", &misspelt),
        ("prompts/why-this/regulars.prompty", &other),
    ];
    let ran = check(folder(&files).path(), &["--format", "json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    let [warning] = report["diagnostics"].as_array().unwrap().as_slice() else { panic!("{report}") };
    assert_eq!((ran.code, &report["ok"], &warning["severity"]), (Some(0), &true.into(), &"warning".into()));
    assert_eq!((&warning["file"], &warning["line"]), (&"prompts/why-this/default.prompty".into(), &5.into()));
    assert_eq!(
        warning["message"],
        "no template's sample has `product.featurs`, so nobody has seen what it does"
    );
    assert_eq!(warning["help"], "write `product.features`, or give the sample this field");
}

#[test]
fn a_check_promises_only_what_it_has_looked_at() {
    let files = [("guardrails/house.yml", GOOD_RULES)];
    let folder = folder(&files);
    let last = |arguments: &[&str]| check(folder.path(), arguments).out.lines().last().unwrap().to_owned();
    assert!(
        last(&[])
            .ends_with("unless a rule in force goes or becomes looser, which `--against in-force` tells")
    );
    let against = folder.path().to_string_lossy().into_owned();
    assert!(last(&["--against", &against]).ends_with("; a running service would put them in force"));
    std::fs::create_dir_all(folder.path().join("config")).unwrap();
    std::fs::write(folder.path().join("config/copyrail.toml"), "[policy]\napprovals = 2\n").unwrap();
    let waits = "; guardrails that changed wait until 2 persons approved them";
    assert!(last(&["--against", &against]).ends_with(waits), "{}", last(&["--against", &against]));
}
