//! `copyrail segments report`: what segments do to a file of users.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Ran, copyrail, root, shared_data};

/// The sample shop, with segments few and short enough to count users by hand.
fn shop() -> tempfile::TempDir {
    let shop = crate::support::shop();
    let segments = root().join("tests/segments/shop.yml");
    std::fs::copy(segments, shop.path().join("config/segments.yml")).unwrap();
    shop
}

/// A handful of users of that shop.
const USERS: &str = r#"{"id": "u-1", "user": {"orders_90d": 2, "discount_affinity": 0.8, "spend": 120.5}, "context": {"device": "mobile"}}
{"id": "u-2", "user": {"orders_90d": 5, "premium_affinity": 0.9, "spend": 300}, "context": {"device": "desktop"}}
{"user": {"premium_affinity": {"value": 0.9, "at": "2026-06-01T00:00:00Z"}, "visits": 4}, "context": {"device": "fridge"}}
{"user": {"orders_90d": 0, "orders_total": 0, "visits": "many", "plan": "gold"}, "context": {"device": "desktop", "locale": "de"}}
{"user": {"orders_90d": 9, "visits": 1, "plan": 3}, "context": {"device": "mobile"}, "consent": false}
{"visits": 1, "spend": 10}
{"orders_90d": 3, "visits": 8, "spend": 90, "plan": "gold"}
{"context": {"device": "mobile", "locale": "fr"}}
{"user": {"orders_90d": 0, "orders_total": 0, "visits": 3, "spend": 20, "plan": "gold"}, "context": {"device": "desktop"}}
{"user": {"orders_90d": 0, "orders_total": 0, "visits": 9, "spend": 60, "plan": "silver"}, "context": {"device": "tablet"}}
"#;

fn report(folder: &Path, arguments: &[&str], input: &str) -> Ran {
    let fixed = ["segments", "report", "--at", "2026-11-22T06:00:00Z"];
    let arguments: Vec<&str> = fixed.iter().chain(arguments).copied().collect();
    copyrail(folder, &arguments, &[], input)
}

fn as_json(folder: &Path, arguments: &[&str], input: &str) -> Value {
    let arguments: Vec<&str> =
        ["--format", "json", "--users", "-"].iter().chain(arguments).copied().collect();
    let ran = report(folder, &arguments, input);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn sizes_overlap_coverage_keys_cost_and_splits_are_told() {
    let shop = shop();
    std::fs::write(shop.path().join("users.jsonl"), USERS).unwrap();
    let ran = report(shop.path(), &["--users", "users.jsonl", "--metric", "user.spend"], "");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert!(ran.out.lines().all(|line| line.chars().count() <= 80), "{}", ran.out);
    insta::assert_snapshot!(ran.out);
}

#[test]
fn tables_are_cut_to_the_width() {
    let shop = shop();
    let narrow = copyrail(shop.path(), &["segments", "report", "--users", "-"], &[("COLUMNS", "40")], USERS);
    let tables = narrow.out.lines().skip(1);
    assert!(tables.clone().any(|line| line.contains('…')), "{}", narrow.out);
    assert!(tables.clone().all(|line| line.chars().count() <= 60), "{}", narrow.out);
}

#[test]
fn json_is_the_whole_report() {
    let shop = shop();
    let told = as_json(shop.path(), &["--metric", "user.spend", "--products", "10"], USERS);
    assert_eq!((&told["users"], &told["without_consent"]), (&json!(10), &json!({"users": 1, "share": 0.1})));
    let size = |index: usize| {
        let size = &told["segments"][index];
        (size["segment"].as_str().unwrap(), size["chosen"]["users"].as_u64().unwrap())
    };
    let sizes: Vec<_> = (0..7).map(size).collect();
    assert_eq!(
        sizes,
        [
            ("bargain-hunters", 1),
            ("premium-seekers", 1),
            ("awareness", 1),
            ("repeat", 1),
            ("gift-givers", 0),
            ("on-the-go", 2),
            ("default", 4)
        ]
    );
    assert_eq!(told["overlap"]["both"][0][3], 1);
    assert_eq!(told["overlap"]["taken"][0], json!({"by": "bargain-hunters", "from": "repeat", "users": 1}));
    let visits =
        told["attributes"].as_array().unwrap().iter().find(|row| row["path"] == "user.visits").unwrap();
    assert_eq!((&visits["wrong_type"]["users"], &visits["type"]), (&json!(1), &json!("integer")));
    let plan = told["undeclared"].as_array().unwrap().iter().find(|row| row["path"] == "user.plan").unwrap();
    assert_eq!((&plan["types"], &plan["type"]), (&json!({"integer": 1, "string": 4}), &json!(null)));
    let why =
        told["placements"].as_array().unwrap().iter().find(|row| row["placement"] == "why-this").unwrap();
    assert_eq!(why["keys"], json!(why["combinations"].as_u64().unwrap() * 10));
    assert_eq!(why["tiers"]["prewritten"]["users"], 1, "nothing is written in French");
    assert_eq!((&told["cost"]["provider"], &told["cost"]["expected"]), (&json!(null), &json!(null)));
    assert!(told["cost"]["tokens"]["prompt"].as_u64().unwrap() > 0);
    assert_eq!((&told["faults"], &told["at"]), (&json!([]), &json!("2026-11-22T06:00:00Z")));
    // One placement alone, and no user is named.
    let one = as_json(shop.path(), &["--placement", "cta-subtext"], USERS);
    assert_eq!(one["placements"].as_array().unwrap().len(), 1);
    assert!(!one.to_string().contains("u-1"));
}

/// The report counts what the service would make: as many keys as `render` shows for the same users.
#[test]
fn keys_are_those_that_requests_make() {
    let shop = shop();
    let users: Vec<&str> = USERS.lines().filter(|line| !line.contains("consent")).collect();
    let told = as_json(shop.path(), &["--products", "1", "--placement", "why-this"], &users.join("\n"));
    let keys = users.iter().filter_map(|user| {
        let product = r#"{"id": "p-1", "name": "Lumo lamp"}"#;
        let mut arguments = vec!["render", "--placement", "why-this", "--product", product];
        arguments.extend(["--attributes", user, "--format", "json"]);
        let ran = copyrail(shop.path(), &arguments, &[], "");
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let rendered: Value = serde_json::from_str(&ran.out).unwrap();
        rendered["template"].as_str()?;
        Some(rendered["key"].as_str().unwrap().to_owned())
    });
    let keys: std::collections::BTreeSet<String> = keys.collect();
    assert!(keys.len() > 4, "{keys:?}");
    assert_eq!(told["placements"][0]["keys"], json!(keys.len()));
}

#[test]
fn nothing_of_a_file_moves_the_cursor() {
    let shop = shop();
    let users: String = (0..20)
        .map(|n| format!("{}\n", json!({"\u{1b}[2J": if n % 2 == 0 { "\u{1b}[1m" } else { "\u{202e}b" }})))
        .collect();
    for format in ["text", "html"] {
        let ran = report(shop.path(), &["--users", "-", "--format", format], &users);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(ran.out.contains("user.\u{fffd}[2J"), "{}", ran.out);
        assert!(!ran.out.contains(['\u{1b}', '\u{202e}']), "{}", ran.out);
    }
}

#[test]
fn cost_goes_by_the_first_prices() {
    let shop = shop();
    let provider = |name: &str, price: &str| {
        format!(
            "[[llm.providers]]\nname = \"{name}\"\nbase_url = \"http://127.0.0.1:9\"\nmodel = \"m\"\n{price}\n"
        )
    };
    let priced = provider("second", "price_per_million = {input = 2.0, output = 8.0}");
    std::fs::write(shop.path().join("config/copyrail.toml"), provider("first", "") + &priced).unwrap();
    let told = as_json(shop.path(), &[], USERS);
    let cost = &told["cost"];
    let tokens = |key: &str| cost["tokens"][key].as_f64().unwrap();
    let units = |answer: f64| (2.0 * tokens("prompt") + 8.0 * answer) / 1e6;
    assert_eq!(cost["provider"], "second");
    assert!((cost["expected"].as_f64().unwrap() - units(tokens("answer"))).abs() < 0.0001, "{cost}");
    assert!((cost["at_most"].as_f64().unwrap() - units(tokens("answer_at_most"))).abs() < 0.0001, "{cost}");
    let sum: u64 =
        told["placements"].as_array().unwrap().iter().map(|p| p["tokens"]["prompt"].as_u64().unwrap()).sum();
    assert!((tokens("prompt") - sum as f64).abs() < 0.5);
}

/// Whether each tag that opens is closed in turn. Values must not be able to open one.
#[track_caller]
fn well_formed(page: &str) {
    const VOID: &[&str] = &["meta", "rect", "!doctype"];
    let mut open: Vec<&str> = Vec::new();
    for tag in page.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap_or_else(|| panic!("`<{tag}` does not end"));
        let name = tag.split_whitespace().next().unwrap();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None if VOID.contains(&name.trim_end_matches('/')) => {}
            None => open.push(name),
        }
    }
    assert_eq!(open, Vec::<&str>::new());
}

#[test]
fn a_page_stands_alone_and_escapes_what_it_shows() {
    let shop = shop();
    let hostile = r#"</td><script>alert(1)</script>"#;
    let values = [r#""><img src=x onerror=alert(1)>"#, "b"];
    let users: String = (0..20)
        .map(|n| (values[n % 2], n % 2))
        .map(|(value, spend)| json!({hostile: value, "spend": spend, "visits": 1}))
        .map(|user| format!("{user}\n"))
        .collect();
    let users = users + USERS;
    let arguments = ["--users", "-", "--format", "html", "--metric", "user.spend"];
    let ran = report(shop.path(), &arguments, &users);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let page = ran.out;
    well_formed(&page);
    assert!(page.starts_with("<!doctype html>"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(1)"), "the attribute is shown");
    assert!(page.contains("onerror=alert(1)&gt;"), "the value is shown");
    for never in ["<script", "<img", "http://", "https://", "src=", "url("] {
        let page = page.replace("src=x", "");
        assert!(!page.contains(never), "{never} in {page}");
    }
    assert_eq!(page.matches("<h1>").count(), 1);
    // Each chart has its table.
    assert!(page.matches("<table>").count() >= page.matches("class=\"bars\"").count());
    for heading in ["sizes", "unknown", "overlap", "coverage", "keys", "splits"] {
        assert!(page.contains(&format!("<h2 id=\"{heading}\">")), "{heading}");
    }
}

#[test]
fn faulty_lines_are_told_and_hold_up_no_other() {
    let shop = shop();
    let long = format!(r#"{{"visits": 1, "x": "{}"}}"#, "x".repeat(1024 * 1024));
    let lines = [
        "\u{feff}{\"visits\": 1}",
        "",
        "{\"visits\": 1",
        "[1]",
        "   \r",
        r#"{"user": {"visits": 1}, "consent": "yes"}"#,
        &long,
        r#"{"visits": 1}"#,
    ];
    let input = lines.join("\n");
    std::fs::write(shop.path().join("users.jsonl"), &input).unwrap();
    let ran = report(shop.path(), &["--users", "users.jsonl"], "");
    assert_eq!(ran.code, Some(1));
    insta::assert_snapshot!(ran.err);
    assert!(ran.out.contains("counted in part: 2 users, 4 faulty lines left out; next: "), "{}", ran.out);
    let ran = report(shop.path(), &["--users", "-", "--format", "json"], &input);
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    let lines: Vec<u64> =
        told["faults"].as_array().unwrap().iter().map(|fault| fault["line"].as_u64().unwrap()).collect();
    assert_eq!((ran.code, lines), (Some(1), vec![3, 4, 6, 7]));
    let ran = report(shop.path(), &["--users", "-", "--format", "html"], &input);
    well_formed(&ran.out);
    assert!(ran.code == Some(1) && ran.out.contains("the first is line 3"));
    let ran = report(shop.path(), &["--users", "-"], &"nonsense\n".repeat(30));
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(
        ran.err.contains("and 10 more faulty lines") && ran.err.contains("- holds no user"),
        "{}",
        ran.err
    );
}

#[test]
fn what_cannot_be_reported_says_why() {
    let shop = shop();
    let check = |arguments: &[&str], code: i32, said: &str| {
        let ran = report(shop.path(), arguments, USERS);
        assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(said), "{arguments:?}: {}", ran.err);
    };
    check(&["--users", "nowhere.jsonl"], 2, "nowhere.jsonl cannot be read");
    check(&["--users", "."], 2, ". cannot be read");
    check(&[], 2, "--users <FILE.jsonl>");
    check(&["--users", "-", "--products", "0"], 2, "--products <N>");
    check(
        &["--users", "-", "--placement", "why"],
        2,
        "there is no placement `why`; there are cta-subtext, why-this",
    );
    check(&["--users", "-", "--metric", "spend"], 2, "begin it with `user.` or `context.`");
    check(&["--users", "-", "--metric", "user.spnd"], 2, "--metric user.spnd: no user has a number there");
    check(&["--users", "-", "--segments", "nowhere.yml"], 1, "nowhere.yml");
    std::fs::write(shop.path().join("s.yml"), "segments: [{id: a, when: {user.x: 1}}]\n").unwrap();
    check(&["--users", "-", "--segments", "s.yml"], 1, "`user.x` is not declared");
}

#[test]
fn segments_of_their_own_leave_out_templates_that_are_for_others() {
    let shop = shop();
    // A placement that says something of other segments cannot be read without them; so ends this test.
    std::fs::remove_dir_all(shop.path().join("prompts/cta-subtext")).unwrap();
    std::fs::write(shop.path().join("s.yml"), "segments: []\n").unwrap();
    let ran = report(shop.path(), &["--users", "-", "--segments", "s.yml"], USERS);
    assert_eq!(ran.code, Some(0));
    let left_out = ran.err.starts_with("left out of keys and cost: ");
    assert!(left_out && ran.err.contains(" for other segments"), "{}", ran.err);
    // Everybody gets the template that is for everybody: one text in each language for each product.
    let told = as_json(shop.path(), &["--segments", "s.yml", "--placement", "why-this"], USERS);
    assert_eq!(told["placements"][0]["templates"][0]["template"], "why-this/default");
    let path = shop.path().join("prompts/why-this/placement.yml");
    let placement = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, format!("{placement}\nsegments: {{repeat: {{mode: segment}}}}\n")).unwrap();
    let ran = report(shop.path(), &["--users", "-", "--segments", "s.yml"], USERS);
    let said = "the prompts do not go with these segments, so keys and cost are left out (";
    assert!(ran.code == Some(0) && ran.err.starts_with(said), "{}", ran.err);
    assert!(!ran.out.contains("Texts to write"));
    let named = ["--users", "-", "--segments", "s.yml", "--placement", "why-this"];
    let ran = report(shop.path(), &named, USERS);
    assert!(ran.code == Some(1) && ran.err.contains("there is no segment `repeat`"), "{}", ran.err);
}

#[test]
fn real_households_are_reported() {
    let Some(file) = shared_data("profiles_completejourney_801.jsonl") else { return };
    let shop = shop();
    let segments = root().join("tests/segments/households.yml");
    let (file, segments) = (file.to_str().unwrap(), segments.to_str().unwrap());
    let arguments = ["--users", file, "--segments", segments, "--metric", "user.spend_in_sample"];
    let ran = report(shop.path(), &[&arguments[..], &["--format", "json"]].concat(), "");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    let chosen: Vec<u64> =
        told["segments"].as_array().unwrap().iter().map(|s| s["chosen"]["users"].as_u64().unwrap()).collect();
    assert_eq!(chosen, [183, 216, 92, 86, 224]);
    assert_eq!(told["segments"][2]["unknown"]["users"], 158);
    let text = report(shop.path(), &arguments, "").out;
    assert!(text.contains("{user.baskets_in_sample: {$gte: "), "{text}");
    well_formed(&report(shop.path(), &[&arguments[..], &["--format", "html"]].concat(), "").out);
}

#[test]
fn the_households_segments_are_in_order() {
    let shop = shop();
    let segments = root().join("tests/segments/households.yml");
    let ran = report(
        shop.path(),
        &["--users", "-", "--segments", segments.to_str().unwrap()],
        "{\"age\": \"65+\"}\n",
    );
    assert_eq!(ran.code, Some(0), "{}", ran.err);
}
