//! Which features of a product can be put into words. A figure without a unit says nothing, an id even less, and a
//! claim that rules may forbid is not for a stand-in to make.

use serde_json::{Map, Value};

use super::Dice;

/// At most two features in words, those without figures first.
pub(super) fn chosen(
    features: &Map<String, Value>,
    in_words: fn(&str, &Value) -> Option<String>,
    dice: &mut Dice,
) -> Vec<String> {
    let worded = features
        .iter()
        .filter(|(key, _)| speakable(key))
        .filter_map(|(key, value)| in_words(&plain_key(key), value));
    let (mut figures, mut plain): (Vec<_>, Vec<_>) =
        worded.partition(|text| text.contains(|c: char| c.is_numeric()));
    let mut chosen = Vec::new();
    let wanted = 1 + dice.roll(2);
    while chosen.len() < wanted {
        let from = if plain.is_empty() { &mut figures } else { &mut plain };
        if from.is_empty() {
            break;
        }
        let feature = from.swap_remove(dice.roll(from.len()));
        if !chosen.contains(&feature) {
            chosen.push(feature);
        }
    }
    chosen
}

/// What stands for that key in a table.
pub(super) fn read_as(table: &[(&str, &'static str)], key: &str) -> Option<&'static str> {
    table.iter().find(|(of, _)| *of == key).map(|(_, text)| *text)
}

/// A key as a person would say it: up to three words of letters. `None` for others.
pub(super) fn label(key: &str) -> Option<String> {
    let words: Vec<&str> = key.split('_').collect();
    let reads = |word: &&str| word.len() > 1 && word.bytes().all(|b| b.is_ascii_lowercase());
    (words.len() <= 3 && words.iter().all(reads)).then(|| words.join(" "))
}

/// A text, or a list of up to three, with each put into words.
pub(super) fn listed(value: &Value, and: &str, words: impl Fn(&str) -> Option<String>) -> Option<String> {
    let item = |value: &Value| {
        let text = value.as_str().map(str::trim).filter(|text| sayable(text))?;
        words(text)
    };
    let items: Vec<String> = match value {
        Value::Array(items) if items.len() <= 3 => items.iter().map(item).collect::<Option<_>>()?,
        other => vec![item(other)?],
    };
    let (last, others) = items.split_last()?;
    let text = if others.is_empty() { last.clone() } else { format!("{}{and}{last}", others.join(", ")) };
    (text.chars().count() <= 40).then_some(text)
}

fn plain_key(key: &str) -> String {
    key.trim().to_lowercase().replace([' ', '-'], "_")
}

/// Whether a feature of that name may be spoken of: not the administrative ones, not those that make a claim about
/// origin, energy, the environment or compliance, not those whose values need their context.
fn speakable(key: &str) -> bool {
    const NOT: &str = "id code url sku ean origin compliance certification certificate certified warranty rating \
        energy class safety health eco purpose market compatibility segment temperature humidity \
        altitude status model usage life brightness windows mac linux performance price \
        sustainability best style climate activity gender name category";
    let key = plain_key(key);
    // "Type" alone says nothing, "display type" does.
    key != "type"
        && key != "product_type"
        && !key.split('_').any(|word| NOT.split(' ').any(|not| not == word))
}

/// Whether a value reads as a word or two: short, with letters, no markup, no address, no gap, no list in disguise,
/// no boast.
fn sayable(text: &str) -> bool {
    const EMPTY: [&str; 11] = [
        "yes",
        "no",
        "none",
        "not supported",
        "not applicable",
        "other",
        "others",
        "unknown",
        "standard",
        "universal",
        "original",
    ];
    const BOASTS: [&str; 12] = [
        "best", "perfect", "ultimate", "guarant", "finest", "no. 1", "cure", "heal", "free", "premium",
        "superior", "safe",
    ];
    let lower = text.to_lowercase();
    let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '/' | '(' | ')' | '.' | '+');
    (2..=40).contains(&text.chars().count())
        && text.chars().all(plain)
        && text.chars().filter(|c| c.is_alphabetic()).count() >= 2
        && !["www.", "http", ".com", "n/a"].iter().any(|part| lower.contains(part))
        && !EMPTY.contains(&lower.as_str())
        && !BOASTS.iter().any(|boast| lower.contains(boast))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_figures_ids_and_boasts_are_left_out() {
        for text in
            ["12", "6 x 4", "Yes", "https://example.com", "BSMI,CSA", "a & b", "<b>", "Best in class", "1"]
        {
            assert!(!sayable(text), "{text}");
        }
        for text in ["Black", "DDR4-SDRAM", "LGA 775 (Socket T)", "40 L/min"] {
            assert!(sayable(text), "{text}");
        }
        assert!(speakable("display_type") && speakable("Product colour"));
        assert!(!speakable("type") && !speakable("ark_id") && !speakable("rohs_compliance"));
        assert_eq!(label("memory_form_factor").as_deref(), Some("memory form factor"));
        assert_eq!(label("usb_2_0_ports"), None);
    }
}
