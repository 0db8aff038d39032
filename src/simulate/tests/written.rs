//! What it writes.

use std::collections::HashSet;

use super::copy::{Turn, write};
use super::*;

fn turns(content: &str) -> Vec<Turn> {
    vec![Turn { role: "user".to_owned(), content: content.to_owned() }]
}

fn block(product: &Value) -> String {
    let json = product.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    format!(r#"<data name="product">{json}</data>"#)
}

#[test]
fn the_same_seed_and_messages_give_the_same_copy() {
    let texts: HashSet<String> = (0..30).map(|seed| write(seed, &turns(HOODIE))).collect();
    assert!(texts.len() > 20, "{texts:?}");
    for seed in 0..30 {
        assert_eq!(write(seed, &turns(HOODIE)), write(seed, &turns(HOODIE)));
    }
}

#[test]
fn it_writes_german_where_it_is_asked_to() {
    for ask in ["Language: de", "language: de-AT.", "Write in German.", "Antworte auf Deutsch."] {
        let text = write(0, &turns(&format!("{ask}\n{HOODIE}")));
        assert!(
            ["ein", "und", "als", "ist", "den", "im", "was"].iter().any(|word| text.contains(word)),
            "{text}"
        );
        assert!(!text.contains("the "), "{text}");
    }
    let english = write(0, &turns(&format!("Language: default. {}", block(&json!({"name": "in German"})))));
    assert_ne!(write(0, &turns("in German")), write(0, &turns("in English")));
    assert!(english.contains("in German"), "what the data says does not count: {english}");
}

#[test]
fn it_keeps_to_the_length_it_is_given() {
    for seed in 0..50 {
        for (ask, most) in
            [("at most 90 characters", 90), ("höchstens 12 Zeichen", 12), ("At most 280 characters", 280)]
        {
            let text = write(seed, &turns(&format!("{ask} {HOODIE}")));
            assert!(!text.is_empty() && text.chars().count() <= most, "{text}");
        }
    }
}

#[test]
fn without_facts_it_states_nothing() {
    let text = write(0, &turns("Write something."));
    assert!(text.ends_with('.') && !text.contains('{'));
}

#[test]
fn odd_names_do_not_break_it() {
    for name in [
        "{brand} {features}",
        "<script>alert(1)</script>",
        "\u{202e}evil",
        "😀",
        "\u{0}",
        "",
        "The",
        &"x".repeat(500),
    ] {
        let product = json!({"name": name, "brand": "{name}", "class": "{noun}", "features": {"{a}": "{b}"}});
        for seed in 0..20 {
            let text = write(seed, &turns(&block(&product)));
            assert!(!text.contains(['<', '>', '{', '}', '\u{202e}', '\u{0}']), "{text:?}");
            assert!(!text.is_empty());
        }
    }
}

/// Real catalogues, where they lie beside the repository.
fn catalogue(file: &str) -> Vec<Value> {
    let path = format!(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/{}"), file);
    match std::fs::read_to_string(&path) {
        Ok(text) => text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
        Err(error) => {
            eprintln!("SKIPPED: no copy is written for {path}: {error}");
            Vec::new()
        }
    }
}

/// The runs of digits in a text, with the points and commas between them.
fn figures(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_ascii_digit() && c != '.' && c != ',')
        .map(|figure| figure.trim_matches(['.', ',']))
        .filter(|figure| !figure.is_empty())
        .collect()
}

#[test]
fn over_whole_catalogues_it_states_no_figure_that_the_facts_do_not_and_boasts_of_nothing() {
    const BOASTS: [&str; 8] = ["best ", "perfect", "ultimate", "no. 1", "guarant", "garant", "perfekt", "{"];
    for file in ["catalogue_icecat_2000.jsonl", "catalogue_luma.jsonl", "contoso_products_20.jsonl"] {
        let products = catalogue(file);
        let mut different = HashSet::new();
        for (product, language) in products.iter().flat_map(|product| [(product, "en"), (product, "de")]) {
            let prompt = turns(&format!("Language: {language}. At most 280 characters.\n{}", block(product)));
            let text = write(1, &prompt);
            let facts = product.to_string();
            for figure in figures(&text) {
                assert!(figures(&facts).contains(&figure), "{figure} is invented: {text}\n{facts}");
            }
            // A name may boast; what is written around it may not.
            let (own, name) =
                (text.to_lowercase(), product["name"].as_str().unwrap_or_default().to_lowercase());
            assert!(!BOASTS.iter().any(|boast| own.contains(boast) && !name.contains(boast)), "{text}");
            assert!(text.chars().count() <= 280, "{text}");
            different.insert(text);
        }
        assert_eq!(different.len(), products.len() * 2, "no two read the same");
    }
}
