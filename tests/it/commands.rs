//! Commands as a person or a script runs them: render, catalog, keys.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Ran, copyrail, shop};

/// Runs a command, which must write nothing that moves a cursor or recolours a screen: it writes into a pipe.
#[track_caller]
pub fn run(folder: &Path, arguments: &[&str]) -> Ran {
    let ran = copyrail(folder, arguments, &[], "");
    assert!(!ran.out.contains('\u{1b}') && !ran.err.contains('\u{1b}'), "{ran:?}");
    ran
}

/// Runs a command that must succeed, and returns what it prints.
#[track_caller]
pub fn done(folder: &Path, arguments: &[&str]) -> String {
    let ran = run(folder, arguments);
    assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:?}");
    ran.out
}

/// Runs a command that must fail with this code, print nothing, and say this.
#[track_caller]
pub fn check_failure(folder: &Path, arguments: &[&str], code: i32, said: &str) {
    let ran = run(folder, arguments);
    assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{arguments:?}: {}", ran.err);
    assert!(ran.err.contains(said), "{arguments:?}: {}", ran.err);
}

/// A rendering as JSON.
#[track_caller]
fn rendered(folder: &Path, product: &str, attributes: &str) -> Value {
    let arguments = ["render", "--placement", "why-this", "--product", product, "--attributes", attributes];
    let out = done(folder, &[&arguments[..], &["--format", "json"]].concat());
    assert_eq!(out.lines().count(), 1);
    serde_json::from_str(&out).unwrap()
}

const LUMO: &str = r#"{"id": "lt-1", "name": "Lumo lamp", "colour": "moss green"}"#;

#[test]
fn render_shows_what_would_be_asked_and_asks_nothing() {
    let shop = shop();
    check_failure(
        shop.path(),
        &["render", "--placement", "why-this", "--product", "lt-1"],
        1,
        "there is no store",
    );
    std::fs::write(shop.path().join("lamps.jsonl"), LUMO).unwrap();
    assert_eq!(
        done(shop.path(), &["catalog", "import", "lamps.jsonl"]),
        "1 product imported; the catalogue holds 1\n"
    );
    let hunter = r#"{"user": {"discount_affinity": 0.9}, "orders_90d": 2, "context": {"locale": "en-GB"}}"#;
    let by_id = rendered(shop.path(), "lt-1", hunter);
    assert_eq!(by_id["segment"], "bargain-hunters");
    assert_eq!(by_id["template"], "why-this/bargain-hunters");
    let prompt = by_id["messages"].to_string();
    assert!(prompt.contains("Lumo lamp"), "{prompt}");
    assert!(
        !prompt.contains("moss green") && !prompt.contains("0.9"),
        "what is not declared stays out: {prompt}"
    );
    assert!(by_id["prewritten"].as_str().unwrap().contains("Lumo lamp"));
    // The same facts given inline are the same question; others are not, and neither is another language.
    assert_eq!(rendered(shop.path(), LUMO, hunter)["key"], by_id["key"]);
    let other = LUMO.replace("Lumo lamp", "Harbour lamp");
    assert_ne!(rendered(shop.path(), &other, hunter)["key"], by_id["key"]);
    let german = rendered(shop.path(), "lt-1", &hunter.replace("en-GB", "de-AT"));
    assert_eq!(
        (&german["template"], &german["locale"]),
        (&json!("why-this/bargain-hunters.de"), &json!("de"))
    );
    assert_ne!(german["key"], by_id["key"]);
}

#[test]
fn render_is_read_by_people() {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in [
        (
            "config/segments.yml",
            "attributes:\n  user.visits: {type: integer}\nsegments:\n  - {id: regulars, when: {user.visits: {$gte: 2}}}\n",
        ),
        ("guardrails/house.yml", "rules: []\n"),
        ("prompts/why-this/placement.yml", "mode: live\nlast_resort:\n  en: All details are on this page.\n"),
        (
            "prompts/why-this/regulars.prompty",
            "---\ninputs:\n  product.name:\nprewritten:\n  en: \"{{ product.name }} at a glance.\"\n---\nsystem:\nWrite a line in {{ language }}.\nuser:\n{{ product | data(\"product\") }}\n",
        ),
    ] {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let arguments = [
        "render",
        "--placement",
        "why-this",
        "--product",
        r#"{"name": "Lumo <lamp>\u001b[31m"}"#,
        "--attributes",
    ];
    let ran = run(folder.path(), &[&arguments[..], &[r#"{"visits": 3}"#]].concat());
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    insta::assert_snapshot!("rendered", ran.out);
    let ran = run(
        folder.path(),
        &[&arguments[..], &[r#"{"visits": "often", "context": {"locale": "fr"}}"#]].concat(),
    );
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!("rendered_in_no_language", format!("{}--- talk\n{}", ran.out, ran.err));
}

#[test]
fn what_render_cannot_do_it_says() {
    let shop = shop();
    std::fs::write(shop.path().join("lamps.jsonl"), LUMO).unwrap();
    done(shop.path(), &["catalog", "import", "lamps.jsonl"]);
    let check = |placement: &str, product: &str, attributes: &str, code: i32, said: &str| {
        let arguments =
            ["render", "--placement", placement, "--product", product, "--attributes", attributes];
        check_failure(shop.path(), &arguments, code, said);
    };
    check("why-that", "lt-1", "{}", 2, "there is no placement `why-that`; there are cta-subtext, why-this");
    check(
        "why-this",
        "lt-2",
        "{}",
        1,
        "the catalogue holds no product `lt-2`; `copyrail catalog import` fills it",
    );
    check("why-this", "{", "{}", 2, "--product: ");
    check("why-this", r#"{"brand": "Lumo"}"#, "{}", 2, "`name` is missing or empty");
    check("why-this", "lt-1", "often", 2, "--attributes: write a JSON object, such as ");
    check("why-this", "lt-1", "[]", 2, "--attributes: write a JSON object, such as ");
    check("why-this", "lt-1", r#"{"context": 5}"#, 2, "--attributes: write an object below `context`");
}

#[test]
fn a_catalogue_with_a_faulty_line_is_not_imported_at_all() {
    let shop = shop();
    let write = |text: &str| std::fs::write(shop.path().join("lamps.jsonl"), text).unwrap();
    let name = || {
        let arguments = ["render", "--placement", "why-this", "--product", "lt-1"];
        let ran = run(shop.path(), &arguments);
        (ran.code, ran.out.contains("Lumo lamp"))
    };
    write(LUMO);
    done(shop.path(), &["catalog", "import", "lamps.jsonl"]);
    assert_eq!(name(), (Some(0), true));
    let faulty = format!(
        "{}\n{{\"id\": \"lt-2\"}}\n\nlamp\n{LUMO}\n[]\n{{\"name\": \"Lamp\"}}\n",
        LUMO.replace("Lumo", "Harbour")
    );
    write(&faulty);
    for upsert in [&[][..], &["--upsert"]] {
        let ran = run(shop.path(), &[&["catalog", "import", "lamps.jsonl"], upsert].concat());
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
        insta::assert_snapshot!("a_faulty_catalogue", ran.err);
    }
    assert_eq!(name(), (Some(0), true), "the catalogue is as it was");
    write("");
    check_failure(shop.path(), &["catalog", "import", "lamps.jsonl"], 1, "there is no product in the file");
    write(r#"{"product_id": 2, "name": "Harbour lamp"}"#);
    let upserted = done(shop.path(), &["catalog", "import", "--upsert", "lamps.jsonl"]);
    assert_eq!(upserted, "1 product imported; the catalogue holds 2\n");
    assert_eq!(
        done(shop.path(), &["catalog", "import", "lamps.jsonl"]),
        "1 product imported; the catalogue holds 1\n"
    );
    assert_eq!(name().0, Some(1), "the catalogue was replaced");
}

#[test]
fn a_key_is_printed_once_and_alone() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(folder.path(), &["keys", "new", "--role", "serve", "--name", "checkout \u{1b}[31mpages"]);
    assert_eq!(ran.code, Some(0));
    let token = ran.out.strip_suffix('\n').unwrap();
    assert!(
        token.starts_with("crk_") && token.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'),
        "{token}"
    );
    assert_eq!(ran.err, "This key is shown once. A running service knows it at once.\n");
    let origin = ["--origin", "https://shop.example", "--origin", "https://www.shop.example"];
    let published = done(folder.path(), &[&["keys", "new", "--role", "publishable"][..], &origin].concat());
    assert!(published.starts_with("crp_"), "{published}");
    done(folder.path(), &["keys", "new", "--role", "review", "--name", "Jo", "--expires", "2020-01-31"]);
    let id = token.split('_').nth(1).unwrap();
    let secret = token.split('_').nth(2).unwrap();
    let list = done(folder.path(), &["keys", "list"]);
    let row = list.lines().find(|line| line.starts_with(id)).unwrap();
    assert!(
        row.contains(" serve ") && row.contains(" in force ") && row.contains("checkout \u{fffd}[31mpages"),
        "{row}"
    );
    assert!(list.lines().any(|line| line.contains(" review ") && line.contains(" expired ")), "{list}");
    let json = done(folder.path(), &["keys", "list", "--format", "json"]);
    for listed in [&list, &json] {
        assert!(!listed.contains(secret), "the secret is listed: {listed}");
    }
    assert_eq!(done(folder.path(), &["keys", "revoke", id]), format!("revoked {id}\n"));
    let list = done(folder.path(), &["keys", "list"]);
    assert!(list.lines().any(|line| line.starts_with(id) && line.contains(" revoked ")), "{list}");
    let again = run(folder.path(), &["keys", "revoke", id]);
    assert_eq!((again.code, again.err.as_str()), (Some(0), "This key was revoked already.\n"));
    check_failure(
        folder.path(),
        &["keys", "revoke", "nobody"],
        1,
        "there is no key nobody; `copyrail keys list` shows all",
    );
    check_failure(
        folder.path(),
        &["keys", "new", "--role", "publishable", "--origin", "shop.example"],
        2,
        "`shop.example` is no origin; write one such as `https://shop.example`",
    );
    let unbound = run(folder.path(), &["keys", "new", "--role", "publishable"]);
    assert!(
        unbound.out.starts_with("crp_") && unbound.err.contains("No page may send it yet"),
        "{}",
        unbound.err
    );
    check_failure(
        folder.path(),
        &["keys", "new", "--role", "serve", "--origin", "x"],
        2,
        "only a publishable key takes `--origin`",
    );
    // Who made and ended which key is in the log.
    let report: Value =
        serde_json::from_str(&done(folder.path(), &["audit", "verify", "--format", "json"])).unwrap();
    assert_eq!((&report["records"], &report["fault"]), (&json!(5), &json!(null)));
}

#[test]
fn a_search_says_when_it_must_look_through_much_that_is_not_indexed() {
    let folder = tempfile::tempdir().unwrap();
    let large = ["simulate-log", "--generations", "2100", "--serves", "500", "trial.db"];
    assert_eq!(copyrail(folder.path(), &large, &[], "").code, Some(0));
    let url = [("COPYRAIL__STORE__URL", "sqlite:trial.db")];
    let find = |also: &[&str]| {
        let arguments = ["audit", "search", "generations", "--words", "kettle", "--limit", "1"];
        let ran = copyrail(folder.path(), &[&arguments, also].concat(), &url, "");
        assert!(ran.code == Some(0) && ran.out.contains("kettle"), "{}", ran.err);
        ran.err.contains("entries of the log are not in its indexes yet")
    };
    assert!(!find(&[]));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        use sqlx::Connection;
        let file = format!("sqlite:{}", folder.path().join("trial.db").display());
        let mut connection = sqlx::SqliteConnection::connect(&file).await.unwrap();
        let stale = "UPDATE meta SET value = 0 WHERE name = 'index_format'";
        sqlx::raw_sql(stale).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
    assert!(find(&[]));
    assert!(!find(&["--rebuild-index"]));
    assert!(!find(&[]));
}

#[test]
fn a_simulated_log_is_a_log_and_never_mixed_with_another() {
    let folder = tempfile::tempdir().unwrap();
    let make = || {
        copyrail(
            folder.path(),
            &["simulate-log", "--generations", "300", "--serves", "1000", "trial.db"],
            &[],
            "",
        )
    };
    let made = make();
    assert_eq!(made.code, Some(0), "{}", made.err);
    assert!(
        made.out.starts_with("trial.db: 300 generations and 1000 serves, all simulated, in "),
        "{}",
        made.out
    );
    let url = [("COPYRAIL__STORE__URL", "sqlite:trial.db")];
    let verified = copyrail(folder.path(), &["audit", "verify"], &url, "");
    assert_eq!(verified.code, Some(0), "{}", verified.out);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let behind = runtime.block_on(async {
        let file = format!("sqlite:{}", folder.path().join("trial.db").display());
        let store = copyrail::store::Store::open(&file, copyrail::store::Access::ReadOnly).await.unwrap();
        copyrail::audit::index::behind(&store).await.unwrap()
    });
    assert_eq!(behind, 0, "searches need not look through it");
    let again = make();
    assert_eq!(again.code, Some(2));
    assert!(again.err.contains("trial.db exists; name a file that does not"), "{}", again.err);
}
