use serde_json::{Map, Value, json};

use super::*;
use crate::guardrail::grounded::statements::small;

fn unknown(copy: &str, facts: &Map<String, Value>) -> Vec<String> {
    let lower = small(copy);
    let hits = find(Plain { written: copy, small: &lower }, &Sheet::of(facts), &mut Steps::new(1_000_000));
    hits.into_iter().map(|hit| slice(copy, hit.range).to_owned()).collect()
}

#[track_caller]
fn check(copy: &str, facts: Value, expected: &[&str]) {
    assert_eq!(unknown(copy, facts.as_object().unwrap()), expected, "{copy} by {facts}");
}

#[test]
fn colours_on_offer() {
    let lamp = || json!({"name": "Lumo 3", "colors": "Black, Dark Silver"});
    check("The lamp is available in black and silver.", lamp(), &[]);
    check("The lamp is available in black and gold.", lamp(), &["gold"]);
    check("It comes in Black, Red, and Silver and is priced well for a red-letter day.", lamp(), &["Red"]);
    check("It comes in grey.", json!({"colour": "anthracite"}), &[]);
    check("It comes in blue.", json!({"name": "Lumo 3"}), &[]);
    check("It comes in a gift box for the red carpet.", lamp(), &[]);
    check("It comes in a red gift box.", lamp(), &[]);
    check("It comes in red.", json!({"colour": "Sunset"}), &[]);
    check("Erhältlich in Schwarz und Grün.", json!({"Farbe": "Schwarz"}), &["Grün"]);
    check("It comes in a range of colours.", json!({"colour": "black"}), &["range of colours"]);
    check("It comes in a range of colours.", json!({"colour": ["black", "red"]}), &[]);
}

#[test]
fn names_inside() {
    let pad = || json!({"name": "Pad 7", "chipset": "Qualcomm SM7325 Snapdragon 778G", "os": "Android 13"});
    check("It is powered by a Qualcomm Snapdragon 778G chipset.", pad(), &[]);
    check("It is powered by a Zorblax Nine chipset.", pad(), &["Zorblax Nine"]);
    check("Powerful Octa-core CPU. A fast processor.", pad(), &[]);
    check("It runs on Android 13.", pad(), &[]);
    check("It runs on KaiOS.", pad(), &["KaiOS"]);
    check("It runs on a full charge for days.", pad(), &[]);
}

#[test]
fn made_somewhere() {
    check("Made in Portugal by hand.", json!({"origin": "Portugal"}), &[]);
    check("Made in Portugal by hand.", json!({"origin": "Spain"}), &["Portugal"]);
    check("Made in small batches.", json!({}), &[]);
}
