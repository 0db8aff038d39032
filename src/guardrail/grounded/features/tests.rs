use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::guardrail::grounded::stated_otherwise;
use crate::guardrail::grounded::statements::small;
use crate::guardrail::tests::hostile::real_lines;
use crate::guardrail::text::Text;

fn hits(copy: &str, facts: &Map<String, Value>) -> Vec<Hit> {
    let lower = small(copy);
    find(Plain { written: copy, small: &lower }, &Sheet::of(facts), &mut Steps::new(1_000_000))
}

/// What is found, each with the attribute that speaks against it.
#[track_caller]
fn check(copy: &str, facts: Value, expected: &[(&str, Option<&str>)]) {
    let found: Vec<(String, Option<String>)> = hits(copy, facts.as_object().unwrap())
        .into_iter()
        .map(|hit| (slice(copy, hit.range).to_owned(), hit.evidence.unwrap().attribute))
        .collect();
    let expected: Vec<(String, Option<String>)> =
        expected.iter().map(|(words, by)| ((*words).to_owned(), by.map(str::to_owned))).collect();
    assert_eq!(found, expected, "{copy} by {facts}");
}

#[test]
fn the_lexicon_is_sound() {
    for feature in FEATURES {
        let words = [feature.said, feature.follows, feature.asked, feature.under, feature.opposite].concat();
        for word in words.into_iter().filter(|word| !word.starts_with('=')) {
            assert_eq!(word, small(word), "{word} is written as texts are read");
        }
    }
}

#[test]
fn what_the_facts_deny() {
    check("It has NFC and GPS.", json!({"nfc": false, "gps": true}), &[("NFC", Some("nfc"))]);
    check("It has NFC.", json!({"Comms": {"NFC": "No"}}), &[("NFC", Some("Comms.NFC"))]);
    check("It has NFC.", json!({"Comms.NFC": "Yes (some markets)"}), &[]);
    check("With GPS.", json!({"Comms.Positioning": "No"}), &[("GPS", Some("Comms.Positioning"))]);
    check(
        "With a headphone jack.",
        json!({"Sound.3.5mm jack": "No; surround"}),
        &[("headphone jack", Some("Sound.3.5mm jack"))],
    );
    check(
        "A 3.5 mm audio jack.",
        json!({"specs": [{"name": "Headphone out", "value": "No"}]}),
        &[("3.5 mm audio jack", Some("specs.Headphone out"))],
    );
    check("A USB port.", json!({"usb_ports_quantity": 0}), &[("USB port", Some("usb_ports_quantity"))]);
    check(
        "A selfie camera.",
        json!({"Selfie camera": "No", "Main camera": "5 MP"}),
        &[("selfie camera", Some("Selfie camera"))],
    );
    check("It comes with LTE.", json!({"network": "No cellular connectivity"}), &[("LTE", None)]);
    check("A waterproof tent.", json!({"waterproof": "no"}), &[("waterproof", Some("waterproof"))]);
    check("A wasserdichtes Zelt.", json!({"wasserdicht": "nein"}), &[("wasserdichtes", Some("wasserdicht"))]);
    // A part of a name denies no more than itself.
    check("With USB.", json!({"usb_charging": false, "usb_2_0": 1}), &[]);
    check(
        "A touchscreen laptop with fingerprint reader.",
        json!({"touchscreen": false, "fingerprint_reader": false}),
        &[("touchscreen", Some("touchscreen")), ("fingerprint reader", Some("fingerprint_reader"))],
    );
    // What is unknown denies nothing.
    check("A camera.", json!({"camera": "-"}), &[]);
    // Anything that affirms lets it pass.
    check("It has NFC.", json!({"nfc": "No", "description": "Pays by NFC."}), &[]);
}

#[test]
fn names_of_one_word() {
    for (copy, facts, found) in [
        ("A dimmable lamp.", json!({"dimmable": false}), &["dimmable"][..]),
        ("A dimmable lamp.", json!({"dimmable": true}), &[]),
        ("With a hood.", json!({"hood": "no"}), &["hood"]),
        ("A hooded coat.", json!({"hood": "no"}), &["hooded"]),
        ("A coat without a hood.", json!({"hood": "no"}), &[]),
        ("With a hood.", json!({"hood": "no", "name": "Coat with detachable hood"}), &[]),
        ("Mit Kapuze.", json!({"Kapuze": "nein"}), &["Kapuze"]),
        ("Works on induction hobs.", json!({"specs": {"induction": "no"}}), &["induction"]),
        ("Nicht dimmbar.", json!({"dimmbar": "ja"}), &["dimmbar"]),
        ("Eine dimmbare Lampe.", json!({"dimmbar": "nein"}), &["dimmbare"]),
        ("Not machine washable.", json!({"washable": "yes"}), &[]),
        (
            "Available in light blue, with water and type.",
            json!({"available": false, "light": false, "type": "no"}),
            &[],
        ),
        ("It films well.", json!({"rear lens": {"films": "no"}}), &[]),
    ] {
        let hits = hits(copy, facts.as_object().unwrap());
        let words: Vec<&str> = hits.into_iter().map(|hit| slice(copy, hit.range)).collect();
        assert_eq!(words, found, "{copy} by {facts}");
    }
}

#[test]
fn contents() {
    check("Gluten-free.", json!({"gluten free": "no"}), &[("Gluten-free", Some("gluten free"))]);
    check("Gluten-free.", json!({"gluten_free": false}), &[("Gluten-free", Some("gluten_free"))]);
    check("Gluten-free.", json!({"gluten_free": true}), &[]);
    check("Gluten-free.", json!({"gluten": "no"}), &[]);
    check("Sugar-free.", json!({"sugar": "0 g"}), &[]);
    check("Sugar-free.", json!({"sugar": "10 g"}), &[("Sugar-free", None)]);
    check("Contains gluten.", json!({"gluten_free": true}), &[("gluten", Some("gluten_free"))]);
    check("Contains no gluten.", json!({"gluten_free": true}), &[]);
    check("No milk.", json!({"allergens": "milk, soy"}), &[("milk", Some("allergens"))]);
    check("Free from milk.", json!({"allergens": "milk, soy"}), &[("milk", Some("allergens"))]);
    check("With milk and soy.", json!({"allergens": "milk, soy"}), &[]);
}

#[test]
fn what_copy_denies() {
    check("It has no loudspeaker.", json!({"loudspeaker": "Yes"}), &[("loudspeaker", Some("loudspeaker"))]);
    check("It has no loudspeaker.", json!({"loudspeaker": "No"}), &[]);
    check("It has no loudspeaker.", json!({}), &[]);
    check(
        "No Bluetooth, USB or radio.",
        json!({"bluetooth": "4.0", "usb": "2.0", "radio": "No"}),
        &[("Bluetooth", Some("bluetooth")), ("USB", Some("usb"))],
    );
    check(
        "A non-removable battery.",
        json!({"battery": "Li-Ion, removable"}),
        &[("removable battery", Some("battery"))],
    );
    check(
        "A removable battery.",
        json!({"battery": "Li-Ion, non-removable"}),
        &[("removable battery", Some("battery"))],
    );
    check("NFC (absent) and GPS.", json!({"nfc": "No", "gps": "Yes"}), &[]);
}

#[test]
fn what_nobody_may_invent() {
    for invented in [
        "waterproof",
        "water-resistant",
        "organic",
        "vegan",
        "dishwasher-safe",
        "BPA-free",
        "hypoallergenic",
        "handmade",
        "shockproof",
    ] {
        check(&format!("A {invented} bottle."), json!({"name": "Bottle"}), &[(invented, None)]);
        check(&format!("A {invented} bottle."), json!({}), &[(invented, None)]);
        check(&format!("A {invented} bottle."), json!({"features": [invented]}), &[]);
    }
    check(
        "It supports wireless charging and 5G.",
        json!({"charging": "10 W wired", "technology": "GSM / LTE"}),
        &[("wireless charging", None), ("5G", Some("technology"))],
    );
    check("5g of protein.", json!({}), &[]);
    check("Eine glutenfreie Suppe.", json!({"contains gluten": "no"}), &[]);
    check(
        "A gluten-free soup.",
        json!({"contains gluten": "yes"}),
        &[("gluten-free", Some("contains gluten"))],
    );
}

#[test]
fn what_follows_from_other_facts() {
    check("Expandable storage by microSD card.", json!({"card slot": "microSDXC (dedicated slot)"}), &[]);
    check("A phone with GPS navigation.", json!({"positioning": "dual-band GPS"}), &[]);
    check("A headphone jack.", json!({"audio": "3.5 mm"}), &[]);
    check("4G LTE.", json!({"network": "GSM / LTE"}), &[]);
    check("A touchscreen.", json!({"display": "capacitive"}), &[]);
    check("Water-resistant and dustproof.", json!({"protection": "IP68"}), &[]);
    check("Waterproof.", json!({"protection": "splash resistant"}), &[("Waterproof", None)]);
    check("Fast charging.", json!({"charging": "33W wired"}), &[]);
    check("Fast charging.", json!({"charging": "10W wired"}), &[("Fast charging", None)]);
    check("Wireless charging.", json!({"charging": "10W wired\nWireless"}), &[]);
    check("Wireless.", json!({"connection": "Bluetooth 5"}), &[]);
}

#[test]
fn what_a_rich_sheet_would_say() {
    let rich = || json!({"WLAN": "Wi-Fi 802.11 n", "Bluetooth": "5.0", "GPS": "Yes", "NFC": "Yes"});
    check("With infrared port.", rich(), &[("infrared port", None)]);
    check("With infrared port.", json!({"Bluetooth": "5.0"}), &[]);
    check("With a barometer.", json!({"sensors": "accelerometer, gyro, compass"}), &[("barometer", None)]);
    check("With a barometer.", json!({"sensors": ""}), &[]);
}

#[test]
fn kinds_exclude_each_other() {
    check("Charges by USB-C.", json!({"usb": "microUSB 2.0"}), &[("USB-C", Some("usb"))]);
    check("Charges by USB-C.", json!({"usb": "USB Type-C, microUSB"}), &[]);
    check("A micro-SIM.", json!({"SIM": "Nano-SIM"}), &[("micro-SIM", Some("SIM"))]);
    check("An AMOLED display.", json!({"display type": "IPS LCD"}), &[("AMOLED", Some("display type"))]);
    check("An IPS display.", json!({"display type": "LCD"}), &[]);
    check("A Li-Po battery.", json!({"battery": "Li-Ion 3000 mAh"}), &[("Li-Po", Some("battery"))]);
    check("Made of cotton.", json!({"material": ["Polyester", "Wool"]}), &[("cotton", Some("material"))]);
    check("A soft cotton blend.", json!({"material": "60% cotton"}), &[]);
    check("As soft as cotton candy.", json!({"material": "wool"}), &[]);
    check(
        "It was discontinued.",
        json!({"status": "Available. Released 2019"}),
        &[("discontinued", Some("status"))],
    );
    check("It was cancelled.", json!({"status": "Cancelled"}), &[]);
    check("A microSD slot.", json!({"card slot": "miniSD"}), &[("microSD slot", Some("card slot"))]);
    check(
        "A wireless mouse.",
        json!({"connectivity_technology": "Wired"}),
        &[("wireless", Some("connectivity_technology"))],
    );
    check("Runs Android.", json!({"os": "Windows Mobile 6"}), &[("Android", Some("os"))]);
    check(
        "Langarm, aus Baumwolle.",
        json!({"Material": "Leinen", "Ärmel": "kurzarm"}),
        &[("Langarm", Some("Ärmel")), ("Baumwolle", Some("Material"))],
    );
}

#[test]
fn names_of_attributes() {
    check(
        "With redundant fans.",
        json!({"redundant_fans_support": false}),
        &[("redundant fans", Some("redundant_fans_support"))],
    );
    check("No rain cover.", json!({"Rain cover": "Yes"}), &[("rain cover", Some("Rain cover"))]);
    check("With a rain cover.", json!({"Rain cover": "No", "features": "rain cover included"}), &[]);
    check("A low shipping cost.", json!({"shipping_cost": 0}), &[]);
    check("An internal frame.", json!({"internal": false}), &[]);
}

#[test]
fn words_that_only_look_like_features() {
    check("The edge of the table, on the go.", json!({"EDGE": "No"}), &[]);
    check("Live radio frequency tests.", json!({"radio": "No"}), &[]);
    check("A remarkable, removable cover over the battery.", json!({"battery": "non-removable"}), &[]);
    check("Faux leather.", json!({"material": "faux leather"}), &[]);
    check("An organic shape.", json!({"name": "Vase"}), &[]);
}

/// What is found in a text as given, features and names.
fn found(text: &str, facts: &Map<String, Value>) -> Vec<Hit> {
    stated_otherwise(&Text::new(text), &Sheet::of(facts), &mut Steps::new(1_000_000))
}

#[test]
fn retailers_own_descriptions_pass() {
    for name in ["catalogue_luma.jsonl", "catalogue_icecat_2000.jsonl", "contoso_products_20.jsonl"] {
        let (mut texts, mut without) = (0, 0);
        for product in real_lines(name) {
            let facts = product.as_object().unwrap();
            let Some(description) = facts.get("description").and_then(Value::as_str) else { continue };
            texts += 1;
            assert_eq!(found(description, facts), [], "{description}");
            let mut rest = facts.clone();
            rest.remove("description");
            without += usize::from(found(description, &rest).is_empty());
        }
        println!("{name}: without the description among the facts {without} of {texts} pass");
    }
}

proptest! {
    /// Whatever a text says passes when the facts say it in the same words.
    #[test]
    fn what_the_facts_say_in_the_same_words_passes(
        words in prop::collection::vec("NFC|waterproof|wireless|charging|no|without|but|and|or|has|lacks|is not included|USB-C|microUSB|cotton|available in|black|red|a|,|\\.|\\(|\\)|made in|Spain|chipset|Zorblax|free|-|:|  |\n|organic|headphone jack|[a-zé]{1,6}", 0..30),
    ) {
        let text = words.join(" ");
        let facts = json!({"name": "Thing", "description": text});
        prop_assert_eq!(found(&text, facts.as_object().unwrap()), []);
    }

    #[test]
    fn no_text_and_no_facts_break_anything(text in "\\PC{0,60}", value in "\\PC{0,40}", key in "[a-zA-Z_. é]{0,20}") {
        let facts = json!({&key: &value, "nfc": false, "list": [&value, {"name": &value, "value": &text}]});
        for hit in found(&format!("{text} NFC {value}"), facts.as_object().unwrap()) {
            prop_assert!(!hit.range.is_empty());
        }
    }
}

#[test]
fn long_texts_without_an_end_are_read_in_time() {
    // Each of these once took the square of its length.
    for piece in ["NFC) ", "no NFC ", "NFC, ", "available in red ", "A chipset ", "removable "] {
        let text = piece.repeat(4_000);
        let facts = json!({"nfc": "No", "colour": "black", "description": format!("{text} battery")});
        found(&text, facts.as_object().unwrap());
    }
}

/// Attributes of real sheets, and how a sentence names what they ask about.
const ASKED: &[(&str, &str)] = &[
    ("Comms.NFC", "NFC"),
    ("Sound.3.5mm jack", "3.5 mm headphone jack"),
    ("Comms.Radio", "FM radio"),
    ("Comms.WLAN", "Wi-Fi"),
    ("Comms.Bluetooth", "Bluetooth"),
    ("Comms.Positioning", "GPS"),
    ("Memory.Card slot", "microSD card slot"),
    ("Selfie camera", "selfie camera"),
    ("Comms.USB", "USB port"),
    ("Sound.Loudspeaker", "loudspeaker"),
    ("Network.EDGE", "EDGE"),
];

#[test]
fn a_feature_that_real_sheets_deny_is_caught_however_it_is_named() {
    let affirming = [
        "It has {}.",
        "Options include a display, {}, and a case.",
        "With {} on board, it is a joy.",
        "Not only does it shine, it supports {}.",
    ];
    let denying = [
        "It has no {}.",
        "The device does not support {}.",
        "It lacks {}, but shines.",
        "{} is not included.",
    ];
    let (mut wrong, mut caught, mut right) = (0, 0, 0);
    for sheet in real_lines("llm_copy_phones_dev_facts_100.jsonl") {
        let facts = sheet.as_object().unwrap();
        for (attribute, name) in ASKED {
            let Some(value) = facts["features"].get(attribute).and_then(Value::as_str) else { continue };
            let answer = value.split(';').next().unwrap();
            let said = |frames: &[&str]| -> usize {
                frames.iter().filter(|frame| !hits(&frame.replace("{}", name), facts).is_empty()).count()
            };
            match answer {
                "No" => {
                    wrong += affirming.len();
                    caught += said(&affirming);
                    right += said(&denying);
                }
                "Yes" => {
                    wrong += denying.len();
                    caught += said(&denying);
                    right += said(&affirming);
                }
                _ => {}
            }
        }
    }
    println!("{caught} of {wrong} wrong statements are caught, and {right} right ones");
    assert_eq!(right, 0, "what the sheet says passes");
    assert!(caught * 100 >= wrong * 97, "{caught} of {wrong}");
}

#[test]
fn answers_of_real_attributes_are_read() {
    let (mut wrong, mut caught, mut right) = (0, 0, 0);
    for product in real_lines("catalogue_icecat_2000.jsonl") {
        let facts = product.as_object().unwrap();
        for (attribute, value) in product["features"].as_object().unwrap() {
            let (Some(answer), true) = (value.as_bool(), attribute.matches('_').count() == 1) else {
                continue;
            };
            let (has, no) = (
                format!("It has {}.", attribute.replace('_', " ")),
                format!("It has no {}.", attribute.replace('_', " ")),
            );
            let (truth, lie) = if answer { (has, no) } else { (no, has) };
            wrong += 1;
            caught += usize::from(!hits(&lie, facts).is_empty());
            let found = hits(&truth, facts);
            right += usize::from(!found.is_empty());
            if !found.is_empty() {
                println!("{truth} {found:?} {facts:?}");
            }
        }
    }
    println!("{caught} of {wrong} wrong answers are caught, and {right} right ones");
    assert!(right * 200 <= wrong, "{right} of {wrong}");
}
