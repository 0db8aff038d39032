use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::numbers::{Figure, What};
use super::*;
use crate::guardrail::tests::hostile::real_lines;
use crate::guardrail::{Bans, Draft, Opinions, approve, load};
use crate::words::Locale;

fn unsupported(copy: &str, facts: &Map<String, Value>, locale: Option<&str>) -> Vec<String> {
    let empty = Map::new();
    let locale = locale.and_then(Locale::parse);
    let ground = Ground {
        facts,
        facts_hash: [0; 32],
        prepared: None,
        context: &empty,
        placement: None,
        locale: locale.as_ref(),
        inputs: &empty,
        instructions: None,
        at: jiff::Timestamp::UNIX_EPOCH,
        opinions: Opinions::Unknown,
    };
    let found = |prepared| -> Vec<String> {
        let hits = find(&Text::new(copy), &Ground { prepared, ..ground });
        hits.into_iter().map(|hit| slice(copy, hit.range).to_owned()).collect()
    };
    let prepared = Prepared::default();
    let first = found(Some(&prepared));
    assert_eq!(first, found(Some(&prepared)), "facts kept say what they said: {copy}");
    first
}

#[test]
fn what_is_kept_of_facts_does_not_outlast_an_offer() {
    let rule = "rules: [{id: r, extends: grounded, message: m, level: error,
        examples: {fail: [A 12 MP camera.], pass: [A camera.]}}]";
    let files = [("guardrails/r.yml".to_owned(), rule.to_owned())].into_iter().collect();
    let (guardrails, faults) = load(&files, &jiff::tz::TimeZone::UTC);
    let guardrails = guardrails.unwrap_or_else(|| panic!("{faults:?}"));
    let facts = json!({"name": "Kettle", "offer": {"price": "£20", "valid_until": "2026-01-01"}});
    let (empty, prepared) = (Map::new(), Prepared::default());
    let draft = Draft::new("The kettle, now £20.");
    let passes = |at: &str, prepared| {
        let ground = Ground {
            facts: facts.as_object().unwrap(),
            facts_hash: [0; 32],
            prepared,
            context: &empty,
            placement: None,
            locale: None,
            inputs: &empty,
            instructions: None,
            at: at.parse().unwrap(),
            opinions: Opinions::Prewritten,
        };
        approve(&guardrails, &Bans::default(), &draft, &ground).is_ok()
    };
    for prepared in [None, Some(&prepared)] {
        assert!(passes("2025-12-31T12:00:00Z", prepared));
        assert!(!passes("2026-01-02T12:00:00Z", prepared));
        assert!(passes("2025-12-31T12:00:00Z", prepared));
    }
}

#[track_caller]
fn check(copy: &str, facts: Value, expected: &[&str]) {
    assert_eq!(unsupported(copy, facts.as_object().unwrap(), Some("en-GB")), expected, "{copy} by {facts}");
}

#[track_caller]
fn check_german(copy: &str, facts: Value, expected: &[&str]) {
    assert_eq!(unsupported(copy, facts.as_object().unwrap(), Some("de")), expected, "{copy} by {facts}");
}

#[test]
fn dates() {
    let facts =
        json!({"Launch": {"Announced": "2018, October", "Status": "Available. Released 2018, November"}});
    check("It was released in October 2018.", facts.clone(), &["October 2018"]);
    check("It was released in November 2018 and announced in October 2018.", facts.clone(), &[]);
    check(
        "The phone is available in four colors: Black",
        json!({"Misc": {"Colors": "Prime Black, Blue"}}),
        &["four"],
    );
    check("6 hours of talk time", json!({"Talk time": "Up to 6 h 30 min"}), &["6 hours"]);
}

#[test]
fn figures_need_facts() {
    check("A sturdy tent with one door.", json!({}), &[]);
    check(
        "12 MP, 5% off, £20, A15, 320x480, two years.",
        json!({}),
        &["12 MP", "5%", "£20", "A15", "320", "480", "two years"],
    );
}

#[test]
fn units_convert() {
    check("21.8 cm wide", json!({"width": 218}), &[]);
    check("21.8 cm wide", json!({"width": "218 mm"}), &[]);
    check("8.6 inches wide", json!({"width_mm": 218}), &[]);
    check("8.6\" wide", json!({"width_mm": 218}), &[]);
    check("7 kg", json!({"weight": "5 kg"}), &["7 kg"]);
    check("8 GB of memory", json!({"memory": "8192 MB"}), &[]);
    check("5000 mAh", json!({"battery": "5 Ah"}), &[]);
    check("a 2-year warranty", json!({"warranty": "24 months"}), &[]);
    check("a two-year warranty", json!({"warranty": "3 years"}), &["two-year"]);
    check("5 W", json!({"width": "5 mm"}), &["5 W"]);
    check("12 MP and 1.5 GHz", json!({"camera": "12 megapixels", "cpu": "1500 MHz"}), &[]);
}

#[test]
fn numbers_are_read_as_the_language_writes_them() {
    check("$1,299.00", json!({"price_cents": 129900}), &[]);
    check("$1,299", json!({"price": "1299.0"}), &[]);
    check("1.299 kg", json!({"weight": "1299 g"}), &[]);
    check_german("1.299,00 €", json!({"price": 1299}), &[]);
    check_german("1.299 Stück", json!({"count": 1299}), &[]);
    check_german("2,5 kg und drei Jahre Garantie", json!({"weight": "2500 g", "warranty": "3 Jahre"}), &[]);
    check_german("2,5 kg", json!({"weight": "2600 g"}), &["2,5 kg"]);
}

#[test]
fn money_is_not_any_number() {
    check("Now $5", json!({"slots": 5, "price": 6}), &["$5"]);
    check("Now $6", json!({"slots": 5, "price": 6}), &[]);
    check("Now £6", json!({"note": "only $6"}), &["£6"]);
    check("6 pounds", json!({"price": 6}), &[]);
    check("USD 6", json!({"price": "6.00"}), &[]);
}

#[test]
fn readers_accept_rounding() {
    check("about 6 inches", json!({"display": "6.4 inch"}), &[]);
    check("a 6 inch display", json!({"display": "6.1 inch"}), &[]);
    check("a 6.2 inch display", json!({"display": "6.1 inch"}), &["6.2 inch"]);
    check("a 1 kg bag", json!({"weight": "0.7 kg"}), &["1 kg"]);
    check("under $300", json!({"price": 299.95}), &[]);
    check("over 500 g", json!({"weight": "512 g"}), &[]);
    check("500+ g", json!({"weight_g": 512}), &[]);
}

#[test]
fn ranges_dimensions_ratings_codes() {
    check("5-10 mm and 320 x 480 px", json!({"size": "5 to 10 mm", "screen": "320x480 pixels"}), &[]);
    check("5-12 mm", json!({"size": "5 to 10 mm"}), &["12 mm"]);
    check("rated 4.5/5", json!({"average_rating": 4.5}), &[]);
    check("rated 4.8 out of 5", json!({"average_rating": 4.5}), &["4.8", "5"]);
    check("the SC5600LX with DDR2", json!({"name": "Intel SC5600LX", "memory": "DDR2-SDRAM"}), &[]);
    check("the SC5700LX", json!({"name": "Intel SC5600LX"}), &["SC5700LX"]);
    check("GT 220 and GT220", json!({"name": "GT220"}), &[]);
    check("the S8", json!({"name": "S80"}), &["S8"]);
    check("USB 2.0", json!({"usb_2_0_ports_quantity": 2}), &[]);
    check("720p video at 30 frames per second", json!({"video": "720p@30fps"}), &[]);
    check("released in 2009", json!({"date_released": "2009-02-12"}), &[]);
    check("both 2.5\" and 3.5\" drives", json!({"sizes": "2.5,3.5"}), &[]);
}

#[test]
fn the_name_the_keys_and_prose_count() {
    check("the Wi-Fi 6 router for 4", json!({"name": "Wi-Fi 6 Router", "text": "for four occupants"}), &[]);
    check("3 slots", json!({"features": {"a": [{"b": "3 slots"}]}}), &[]);
}

const CATALOGUES: &[&str] =
    &["catalogue_luma.jsonl", "catalogue_icecat_2000.jsonl", "contoso_products_20.jsonl"];

#[test]
fn retailers_own_descriptions_pass() {
    for name in CATALOGUES {
        let (mut texts, mut passed, mut without) = (0, 0, 0);
        for product in real_lines(name) {
            let facts = product.as_object().unwrap();
            let Some(description) = facts.get("description").and_then(Value::as_str) else { continue };
            texts += 1;
            let found = unsupported(description, facts, Some("en"));
            passed += usize::from(found.is_empty());
            if !found.is_empty() {
                println!("{}: {found:?} in {description}", facts["name"]);
            }
            let mut rest = facts.clone();
            rest.remove("description");
            let found = unsupported(description, &rest, Some("en"));
            without += usize::from(found.is_empty());
            if !found.is_empty() {
                println!("WITHOUT {found:?} in {description} BY {}", serde_json::to_string(&rest).unwrap());
            }
        }
        println!(
            "{name}: {passed} of {texts} pass; with the description itself taken out of the facts, {without}"
        );
        assert_eq!(passed, texts, "{name}");
    }
}

/// The faultless texts among those that are marked, with their facts.
fn faultless() -> Vec<(Value, String)> {
    let marks = include_str!("../../../tests/grounded/marks.jsonl");
    let marks: Vec<Value> = marks.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let facts = real_lines("llm_copy_phones_dev_facts_100.jsonl");
    let texts = real_lines("llm_copy_phones_dev_outputs_300.jsonl");
    let faultless = |text: &&Value| {
        marks.iter().any(|mark| mark["id"] == text["id"] && mark["spans"].as_array().unwrap().is_empty())
    };
    let with_facts = |text: &Value| {
        let facts = facts.iter().find(|facts| facts["product_id"] == text["product_id"]).unwrap();
        (facts.clone(), text["text"].as_str().unwrap().to_owned())
    };
    texts.iter().filter(faultless).map(with_facts).collect()
}

fn digits(text: &str, figure: &Figure) -> std::ops::Range<usize> {
    let words = slice(text, figure.range.clone());
    let start = words.find(|c: char| c.is_ascii_digit()).unwrap();
    let length = slice(words, start..words.len())
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(words.len() - start);
    let end = figure.range.start + start + length;
    figure.range.start + start..end
}

#[test]
fn changed_and_swapped_figures_are_caught() {
    let (mut changed, mut caught, mut swapped, mut caught_swaps) = (0, 0, 0, 0);
    for (product, text) in faultless() {
        let facts = product.as_object().unwrap();
        if !unsupported(&text, facts, Some("en")).is_empty() {
            continue;
        }
        let read = figures(&text, Some(false));
        let measured: Vec<&Figure> = read.figures.iter().filter(|f| f.dimension().is_some()).collect();
        let measured: Vec<&Figure> = measured
            .into_iter()
            .filter(|f| slice(&text, f.range.clone()).contains(|c: char| c.is_ascii_digit()))
            .collect();
        for (index, figure) in measured.iter().enumerate() {
            let place = digits(&text, figure);
            let digit = slice(&text, place.clone()).chars().find(|c| ('1'..='7').contains(c));
            if let Some(digit) = digit {
                let other =
                    slice(&text, place.clone()).replacen(digit, &char::from(digit as u8 + 2).to_string(), 1);
                let wrong =
                    format!("{}{other}{}", slice(&text, 0..place.start), slice(&text, place.end..text.len()));
                changed += 1;
                let found = !unsupported(&wrong, facts, Some("en")).is_empty();
                caught += usize::from(found);
                if !found {
                    println!("unchanged: {} -> {other}", around(&text, &place));
                }
            }
            for next in &measured[index + 1..] {
                let second = digits(&text, next);
                if figure.dimension() != next.dimension()
                    || slice(&text, place.clone()) == slice(&text, second.clone())
                    || place.end > second.start
                    || figure.joined
                {
                    continue;
                }
                let wrong = format!(
                    "{}{}{}{}{}",
                    slice(&text, 0..place.start),
                    slice(&text, second.clone()),
                    slice(&text, place.end..second.start),
                    slice(&text, place.clone()),
                    slice(&text, second.end..text.len())
                );
                swapped += 1;
                let found = !unsupported(&wrong, facts, Some("en")).is_empty();
                caught_swaps += usize::from(found);
                if !found {
                    println!("unswapped: {} <-> {}", around(&text, &place), around(&text, &second));
                }
            }
        }
    }
    println!(
        "of faultless copy {caught} of {changed} changed and {caught_swaps} of {swapped} swapped figures are caught"
    );
    assert!(caught * 100 >= changed * 80 && caught_swaps * 100 >= swapped * 70);
}

fn around(text: &str, place: &std::ops::Range<usize>) -> String {
    let from = (0..=place.start.saturating_sub(25)).rev().find(|at| text.is_char_boundary(*at)).unwrap();
    let to = (place.end + 25..)
        .find(|at| *at >= text.len() || text.is_char_boundary(*at))
        .unwrap()
        .min(text.len());
    format!(
        "{}[{}]{}",
        slice(text, from..place.start),
        slice(text, place.clone()),
        slice(text, place.end..to)
    )
}

#[test]
fn changed_figures_are_caught() {
    let (mut changed, mut caught) = (0, 0);
    for product in real_lines("catalogue_icecat_2000.jsonl") {
        let facts = product.as_object().unwrap();
        let Some(description) = facts.get("description").and_then(Value::as_str) else { continue };
        for figure in figures(description, Some(false))
            .figures
            .iter()
            .filter(|f| matches!(&f.what, What::Number { .. }))
        {
            // The first digit from 1 to 7 becomes greater by two: 5 mm becomes 7 mm.
            let figure = slice(description, figure.range.clone());
            let Some(digit) = figure.chars().find(|c| ('1'..='7').contains(c)) else { continue };
            let other = char::from(digit as u8 + 2).to_string();
            let wrong = figure.replacen(digit, &other, 1);
            changed += 1;
            caught += usize::from(!unsupported(&format!("It has {wrong}."), facts, Some("en")).is_empty());
        }
    }
    println!("{caught} of {changed} changed figures are caught");
    assert!(caught * 10 >= changed * 7, "{caught} of {changed}");
}

#[test]
fn each_figure_is_about_something() {
    let memory = json!({"Memory": {"Internal": "64GB 4GB RAM, 128GB 6GB RAM", "Card slot": "microSDXC"}});
    check("It has 4GB or 6GB of RAM and 64/128GB of storage.", memory.clone(), &[]);
    check("It has RAM of 4 GB and storage of 64 GB.", memory.clone(), &[]);
    check("It has 64 GB of RAM and 4 GB of storage.", memory.clone(), &["64 GB", "4 GB"]);
    check("It takes microSD cards up to 128GB.", memory, &["128GB"]);
    let cameras = json!({
        "Main Camera": {"Triple": "50 MP, f/1.9, 24mm (wide), PDAF\n13 MP, f/2.2, (ultrawide)\n5 MP, (macro)"},
        "Selfie camera": {"Single": "32 MP, f/2.0, (wide)"},
    });
    check("A 50 MP main camera and a 32 MP selfie camera.", cameras.clone(), &[]);
    check("The front camera has 32 MP, the rear camera 50 MP.", cameras.clone(), &[]);
    check("A 32 MP main camera and a 50 MP selfie camera.", cameras.clone(), &["32 MP", "50 MP"]);
    check(
        "On the back, a 50MP wide, a 5MP ultrawide and a 13MP macro lens.",
        cameras.clone(),
        &["5MP", "13MP"],
    );
    check("A triple rear camera.", cameras.clone(), &[]);
    check("A dual rear camera and a quad-camera setup on the back.", cameras, &["dual", "quad"]);
    let battery = json!({"Stand-by": "Up to 600 h (2G) / Up to 500 h (3G)", "Talk time": "Up to 16 h (2G) / Up to 6 h (3G)"});
    check(
        "Up to 16 hours of talk time on 2G and 6 hours on 3G, and 600 hours of standby.",
        battery.clone(),
        &[],
    );
    check(
        "Up to 600 hours of talk time and a stand-by time of up to 16 hours.",
        battery.clone(),
        &["600 hours", "16 hours"],
    );
    check("Up to 6 hours of talk time on 2G.", battery, &["6 hours"]);
    let sides = json!({"width": 20, "height": 30, "depth": 5, "weight": 40});
    check("20 cm wide, 30 cm high and 5 cm deep.", sides.clone(), &[]);
    check("30 cm wide, with a height of 20 cm.", sides.clone(), &["30 cm", "20 cm"]);
    check("It weighs 30 g.", sides, &["30 g"]);
    let box_of = json!({"dimensions__wxdxh": "20 x 30 x 50", "bag": "48 inches x 24 inches x 25 inches (Length x Width x Height)"});
    check("20 mm wide, 30 mm deep and 50 mm high, 48 inches long.", box_of.clone(), &[]);
    check("30 mm wide, and 24 inches high.", box_of, &["30 mm", "24 inches"]);
    let ghz = json!({"Display": {"Type": "AMOLED, 120Hz, 800 nits (typ), 1200 nits (peak)"}, "CPU": "Octa-core 2.4 GHz"});
    check("A 120Hz display of 1200 nits peak brightness and an octa-core CPU.", ghz.clone(), &[]);
    check(
        "A 144Hz display of 800 nits peak brightness and a quad-core CPU.",
        ghz,
        &["144Hz", "800 nits", "quad"],
    );
}

#[test]
fn faithful_copy_in_many_words_is_left_alone() {
    let facts = json!({"name": "Nimbus M5 Pro", "features": {
        "Network.Technology": "GSM / HSPA / LTE", "Network.2G bands": "GSM 850 / 900 / 1800 / 1900 - SIM 1 & SIM 2",
        "Network.Speed": "HSPA 42.2/5.76 Mbps, LTE Cat4 150/50 Mbps",
        "Launch.Announced": "2019, October", "Launch.Status": "Discontinued. Released 2019, November 08",
        "Body.Dimensions": "158.7 x 75 x 8.9 mm (6.25 x 2.95 x 0.35 in)", "Body.Weight": "190 g (6.70 oz)",
        "Body.SIM": "Dual SIM (Nano-SIM, dual stand-by); IP68 dust/water resistant (up to 1.5m for 30 min)",
        "Display.Type": "Super AMOLED, 90Hz, 450 nits (typ), 600 nits (peak)",
        "Display.Size": "6.4 inches, 100.5 cm2 (~84.4% screen-to-body ratio)",
        "Display.Resolution": "1080 x 2340 pixels, 19.5:9 ratio (~403 ppi density)",
        "Platform.OS": "Android 9.0 (Pie), upgradable to Android 11, One UI 3.1",
        "Platform.Chipset": "Exynos 9611 (10 nm)", "Platform.CPU": "Octa-core (4x2.3 GHz Cortex-A73 & 4x1.7 GHz Cortex-A53)",
        "Memory.Card slot": "microSDXC, up to 512GB (dedicated slot)",
        "Memory.Internal": "64GB 4GB RAM, 128GB 6GB RAM; UFS 2.1",
        "Main Camera.Triple": "48 MP, f/2.0, 26mm (wide), 1/2.0\", 0.8µm, PDAF\n8 MP, f/2.2, 13mm (ultrawide)\n5 MP, f/2.2, (depth)",
        "Main Camera.Video": "4K@30fps, 1080p@30/120fps", "Selfie camera.Single": "16 MP, f/2.0, (wide)",
        "Selfie camera.Video": "1080p@30fps", "Comms.WLAN": "Wi-Fi 802.11 a/b/g/n/ac, dual-band",
        "Comms.Bluetooth": "5.0, A2DP, LE", "Comms.USB": "USB Type-C 2.0, OTG", "Sound.3.5mm jack": "Yes",
        "Battery.Type": "Li-Po 4000 mAh, non-removable", "Battery.Charging": "15W wired, 50% in 42 min (advertised)\n4.5W reverse wired",
        "Battery.Stand-by": "Up to 410 h (3G)", "Battery.Talk time": "Up to 21 h 30 min (3G)", "Battery.Music play": "Up to 83 h",
        "Misc.Colors": "Black, White, Blue", "Misc.Price": "About 280 EUR", "Misc.SAR": "0.77 W/kg (head)     1.58 W/kg (body)"
    }, "quickSpec": [{"name": "RAM size", "value": "4/6GB RAM"}, {"name": "Battery size", "value": "4000mAh"}]});
    for copy in [
        "Announced in October 2019 and released on November 8, 2019, it is now discontinued.",
        "A discontinued phone from 2019, the Nimbus M5 Pro was launched in 2019.",
        "Released in late 2019, specifically in November of 2019, this is the M5 Pro.",
        "It measures 158.7 x 75 x 8.9 mm, weighs 190 grams (6.7 oz) and is 8.9mm thin.",
        "With a thickness of 8.9 mm and a weight of 190 g, it feels slim.",
        "Its 6.4-inch Super AMOLED screen runs at 90 Hz, with a peak brightness of 600 nits and 450 nits typical.",
        "The display offers 403 pixels per inch, a 19.5:9 aspect ratio and covers about 84% of the front.",
        "A screen-to-body ratio of around 84.4 percent and a Full HD resolution of 1080x2340.",
        "It shipped with Android 9 Pie and can be upgraded to Android 11 with One UI 3.1.",
        "Powered by the 10nm Exynos 9611 with eight cores: four Cortex-A73 cores at 2.3GHz and four Cortex-A53 cores at 1.7GHz.",
        "An octa-core CPU clocked at up to 2.3 GHz drives it.",
        "Choose 4GB of RAM with 64GB of storage, or 6GB of RAM with 128GB.",
        "Available with 4 or 6 GB RAM and 64 or 128 GB storage, expandable up to 512 GB via microSDXC.",
        "Memory options are 64GB/4GB and 128GB/6GB, and the microSD slot takes up to 512GB more.",
        "The card slot supports cards of up to 512GB on top of up to 128GB of internal storage.",
        "A triple camera system: a 48-megapixel f/2.0 main sensor, an 8MP ultrawide lens and a 5MP depth sensor.",
        "The rear cameras are 48 MP, 8 MP and 5 MP; the selfie camera is 16 MP with an f/2.0 aperture.",
        "Up front sits a 16MP shooter that records 1080p video at 30fps.",
        "It has a 16MP front camera, and can record 4K video at 30 frames per second.",
        "The main camera records 4K at 30fps or 1080p at 30 and 120fps.",
        "Connectivity includes dual-band Wi-Fi 5, Bluetooth v5.0, 4G LTE, USB-C 2.0 and a 3.5mm headphone jack.",
        "The dual SIM phone supports 2G, 3G and 4G networks, LTE Cat4 speeds of up to 150/50 Mbps included.",
        "LTE brings download speeds of up to 150 Mbps, HSPA up to 42.2 Mbps.",
        "GSM 850/900/1800/1900 MHz bands are supported on SIM 1 and SIM 2.",
        "The 4000 mAh battery charges at 15W, reaching 50% in 42 minutes, and can give 4.5W to others.",
        "Supports 15W fast charging and 4.5W reverse charging.",
        "Expect up to 410 hours of standby, 21.5 hours of talk time on 3G and 83 hours of music.",
        "It lasts up to 21 hours and 30 minutes of talk time and up to 410 hours in standby mode.",
        "Comes in three colors (Black, White and Blue) and costs around 280 euros.",
        "It is available in 3 colours, priced at approximately €280.",
        "Resistant to dust and water at depths of up to 1.5 metres for up to 30 minutes, it is IP68 rated.",
        "SAR values are 0.77 W/kg for the head and 1.58 W/kg for the body.",
        "Its 4000mAh battery, 48MP camera and 6.4\" display make it a solid choice with 6GB RAM.",
        "Storage: 64GB or 128GB. RAM: 4GB or 6GB. Battery: 4000mAh. Display: 6.4 inches. Weight: 190g.",
        "With two SIM slots, three rear cameras and one front camera, it has it all.",
        "The body is 75 mm wide, 158.7 mm tall and 8.9 mm thick, or 6.25 x 2.95 x 0.35 inches.",
        "Featuring 5 MP, 8 MP and 48 MP rear sensors as well as a 16 MP selfie camera.",
        "From the 48MP primary camera to the 16MP front camera, photos look great.",
        "The battery holds 4,000 mAh and the phone weighs just 0.19 kg.",
    ] {
        check(copy, facts.clone(), &[]);
    }
    for (copy, wrong) in [
        ("Announced in October 2019 and released in December 2019.", &["December 2019"][..]),
        ("It was discontinued in 2021.", &["2021"]),
        ("It has 64GB of RAM and 4GB of storage.", &["64GB", "4GB"]),
        ("It has 6GB of RAM and 256GB of storage, expandable to 1TB.", &["256GB", "1TB"]),
        ("A 16MP main camera and a 48MP selfie camera.", &["16MP", "48MP"]),
        ("The rear cameras are 48 MP, 12 MP and 5 MP.", &["12 MP"]),
        ("A quad rear camera and a hexa-core CPU.", &["quad", "hexa"]),
        ("Up to 83 hours of talk time and 21.5 hours of music.", &["83 hours", "21.5 hours"]),
        ("Up to 21 hours of standby and 410 hours of talk time.", &["21 hours", "410 hours"]),
        ("The 5000 mAh battery charges at 25W.", &["5000 mAh", "25W"]),
        ("A 120Hz screen with a peak brightness of 800 nits.", &["120Hz", "800 nits"]),
        ("It runs Android 10 and has Bluetooth 5.2.", &["10", "5.2"]),
        ("It weighs 158 g and is 75 mm thick.", &["158 g", "75 mm"]),
        ("Priced at 350 euros, it comes in four colors.", &["350 euros", "four"]),
        ("The front camera records 4K video at 60fps.", &["60fps"]),
        ("Resistant to water at depths of up to 2 metres for 60 minutes.", &["2 metres", "60 minutes"]),
        (
            "A 6.7-inch display of 1440 x 3200 pixels and 20:9 ratio.",
            &["6.7-inch", "1440", "3200 pixels", "20:9"],
        ),
        ("The selfie camera opens to f/1.8.", &["f/1.8"]),
        ("The processor runs at 2.8 GHz on a 7nm process.", &["2.8 GHz", "7nm"]),
        ("A screen-to-body ratio of 50%.", &["50%"]),
        ("Charges to 84% in 42 minutes.", &["84%"]),
        ("Reverse charging at 15W.", &["15W"]),
    ] {
        check(copy, facts.clone(), wrong);
    }
}

#[test]
fn every_shop_is_read() {
    let tent = json!({"name": "TrailMaster X4 Tent", "price": "250.0", "specs": {"capacity": "4-person", "season": "3-season",
        "floor area": "80 square feet", "peak height": "6 feet", "packed size": "24 x 8 inches", "weight": "12 lbs",
        "setup time": "5 minutes", "number_of_doors": 2, "warranty": "2 years", "waterproofing": "3000 mm"}});
    for copy in [
        "The TrailMaster X4 is a 4-person, 3-season tent with two doors and 80 sq ft of floor.",
        "Set up in about 5 minutes, it sleeps four and packs down to 24 x 8 inches.",
        "It weighs just 12 pounds, stands 6 feet tall and costs $250, with a two-year warranty.",
        "A 3000mm coating keeps four people dry for $250.00.",
    ] {
        check(copy, tent.clone(), &[]);
    }
    for (copy, wrong) in [
        ("A 6-person tent with three doors.", &["6", "three"][..]),
        ("It weighs 9 lbs and costs $199 with a 3-year warranty.", &["9 lbs", "$199", "3-year"]),
        ("It packs down to 30 x 8 inches in 10 minutes.", &["30", "10 minutes"]),
    ] {
        check(copy, tent.clone(), wrong);
    }
    let washer = json!({"name": "Aquaspin 8", "capacity_kg": 8, "spin_speed_rpm": 1400, "noise_washing_db": 52,
        "noise_spinning_db": 74, "consumption_kwh": 49, "width_cm": 60, "height_cm": 85, "programmes": 15,
        "price_cents": 54900, "currency": "EUR", "average_rating": 4.6, "review_count": 213, "warranty_years": 2});
    for copy in [
        "Washes up to 8 kg at 1,400 rpm, with 15 programmes for €549.",
        "At 52 dB washing and 74 dB spinning it is quiet, and takes 49 kWh.",
        "Rated 4.6 out of 5 by 213 customers, it is 60 cm wide and 85 cm high.",
        "The Aquaspin 8 comes with 2 years of warranty.",
    ] {
        check(copy, washer.clone(), &[]);
    }
    for (copy, wrong) in [
        (
            "Washes up to 9 kg at 1,200 rpm, with 12 programmes for €499.",
            &["9 kg", "1,200 rpm", "12", "€499"][..],
        ),
        ("Rated 4.9 out of 5 by 300 customers, it is 85 cm wide.", &["4.9", "300", "85 cm"]),
        ("It comes with 5 years of warranty and 60 kWh.", &["5 years", "60 kWh"]),
    ] {
        check(copy, washer.clone(), wrong);
    }
    let shirt = json!({"name": "Atlas Tee", "price": 29.5, "material": "60% cotton, 40% polyester", "sizes": ["S", "M", "L"],
        "colors": ["Black", "White"], "pack": "3-pack", "length_cm": 72, "rating_count": 12});
    for copy in [
        "Made of 60% cotton and 40% polyester, in 2 colours and three sizes.",
        "A pack of 3 for $29.50, each 72 cm long, from 12 ratings.",
    ] {
        check(copy, shirt.clone(), &[]);
    }
    for (copy, wrong) in [
        ("Made of 80% cotton and 20% polyester, in 3 colours.", &["80%", "20%", "3"][..]),
        ("Made of 40% cotton and 60% polyester.", &["40%", "60%"]),
        ("A pack of 5 for $19.50.", &["5", "$19.50"]),
    ] {
        check(copy, shirt.clone(), wrong);
    }
}

#[test]
fn shapes_of_facts() {
    check(
        "It weighs 105 g.",
        json!({"specs": [{"name": "Weight", "value": "105 g"}, {"name": "Width", "value": 62}]}),
        &[],
    );
    check(
        "It weighs 62 g.",
        json!({"specs": [{"name": "Weight", "value": "105 g"}, {"name": "Width", "value": 62}]}),
        &["62 g"],
    );
    check("2.5 hours of play", json!({"batteryLife": "2 h 30 min"}), &[]);
    check(
        "It is 4.57 inches tall.",
        json!({"Dimensions": "116 x 62.2 x 11.6 mm (4.57 x 2.45 x 0.46 in)"}),
        &[],
    );
    check(
        "Bluetooth 5.0 and Android 4.4",
        json!({"Bluetooth": "4.2, A2DP", "OS": "Android 4.4.2 (KitKat)"}),
        &["5.0"],
    );
    check("charges at 18W", json!({"charging": "Yes, with 18W"}), &[]);
    check(
        "Full HD, 1920 x 1080 pixels and a 0.3 MP camera",
        json!({"screen": "Full HD", "camera": "VGA"}),
        &[],
    );
    check("12K pages", json!({"page_yield": 12000}), &[]);
    check("released in the third quarter of 2013", json!({"released": "2013, Q3"}), &[]);
    check("released on 12 September 2013", json!({"released": "2013-09-12"}), &[]);
    check("released on September 13, 2013", json!({"released": "2013-09-12"}), &["September 13, 2013"]);
    check("discontinued in 2014", json!({"status": "Discontinued", "released": "2014"}), &["2014"]);
}

#[test]
fn what_sheets_leave_unsaid_is_not_found() {
    let cores = json!({"CPU": "Octa-core (4x1.6 GHz Cortex-A55 & 4x1.2 GHz Cortex-A55)"});
    check("An octa-core chip with four cores at 1.6 GHz and four cores at 1.2 GHz.", cores.clone(), &[]);
    check("A quad-core chip with six cores.", cores, &["quad", "six"]);
    let camera =
        json!({"Main Camera": {"Video": "4K@30fps"}, "Camera pixels": "12MP", "Selfie camera": "No"});
    check("The main camera is 12 MP.", camera.clone(), &[]);
    check("The main camera is 13 MP.", camera.clone(), &["13 MP"]);
    check("The selfie camera is 12 MP.", camera, &["selfie camera", "12 MP"]);
    let lenses = json!({"Main Camera": {"Triple": "13 MP, AF\n2 MP\nVGA"}});
    check(
        "A 13-megapixel primary sensor, a 2-megapixel secondary sensor, and a VGA sensor",
        lenses.clone(),
        &[],
    );
    check("A 12-megapixel primary sensor", lenses, &["12-megapixel"]);
    let talk = json!({"Talk time": "Up to 7 h 25 min (2G) / Up to 7 h 35 min (3G)"});
    check("up to 7 hours of talk time on 3G", talk.clone(), &[]);
    check("up to 8 hours of talk time, or 6 hours", talk, &["8 hours", "6 hours"]);
    check("0.25 W/kg (head) \\xa0 and 0.56 W/kg (body)", json!({"SAR": "0.25 W/kg, 0.56 W/kg"}), &[]);
    check("Bluetooth, GPS, and NFC (although NFC is not included).", json!({"NFC": "No", "GPS": "Yes"}), &[]);
    check("Bluetooth, GPS, and NFC (although slow).", json!({"NFC": "No", "GPS": "Yes"}), &["NFC"]);
}

#[test]
fn a_string_that_is_a_number_counts() {
    for (copy, facts) in [
        ("432 pieces.", json!({"pieces": "432"})),
        ("384 pages.", json!({"number of pages": "384"})),
        ("Five pockets.", json!({"pockets": "5"})),
        ("Four HDMI ports.", json!({"HDMI ports": "4"})),
        ("4 microphones.", json!({"specs": [{"name": "Microphones", "value": "4"}]})),
        ("Now £19.99.", json!({"price_cents": "1999"})),
        ("2000 pieces.", json!({"pieces": "2000"})),
        ("A 2000 mAh battery.", json!({"battery_mah": "2000"})),
    ] {
        check(copy, facts, &[]);
    }
    check("Six pockets.", json!({"pockets": "5"}), &["Six"]);
    check("430 pieces.", json!({"pieces": "432", "model": "430"}), &["430"]);
    check("Now £18.99.", json!({"price_cents": "1999"}), &["£18.99"]);
    check("Two sizes.", json!({"sizes": "36,37"}), &[]);
}

#[test]
fn numbers_of_several_words_are_one() {
    for (copy, facts) in [
        ("Twenty-four hours of battery.", json!({"battery": "24 h"})),
        ("Sixty-four gigabytes.", json!({"storage": "64 GB"})),
        ("A hundred and twenty capsules.", json!({"capsules": 120})),
        ("Two hundred and fifty-one pieces.", json!({"pieces": 251})),
        ("Half a dozen eggs.", json!({"eggs": 6})),
        ("A dozen eggs.", json!({"eggs": 12})),
    ] {
        check(copy, facts, &[]);
    }
    check("Twenty-six hours of battery.", json!({"battery": "24 h"}), &["Twenty-six hours"]);
    check("A hundred and thirty capsules.", json!({"capsules": 120}), &["hundred and thirty"]);
    check("A dozen eggs.", json!({"eggs": 10}), &["dozen"]);
    check_german("Vierundzwanzig Stunden Laufzeit.", json!({"Laufzeit": "24 Stunden"}), &[]);
    check_german("Dreihundertzwanzig Teile.", json!({"Teile": 320}), &[]);
    check_german(
        "Fünfundzwanzig Stunden Laufzeit.",
        json!({"Laufzeit": "24 h"}),
        &["Fünfundzwanzig Stunden"],
    );
}

#[test]
fn units_of_facts_are_short() {
    check("Ready in 30 seconds.", json!({"heat up": "30 s"}), &[]);
    check("Ready in 40 seconds.", json!({"heat up": "30 s"}), &["40 seconds"]);
    check("A 1.43-inch display.", json!({"display": "1.43 in AMOLED"}), &[]);
    check("A 27-inch screen.", json!({"screen": "27 in IPS"}), &[]);
    check("A 28-inch screen.", json!({"screen": "27 in IPS"}), &["28-inch"]);
}

#[test]
fn ranges_of_counts() {
    for copy in ["For 2-4 players.", "For two to four players.", "For 2 to 4 players."] {
        check(copy, json!({"players": "2-4"}), &[]);
    }
    check("For up to six players.", json!({"players": "2-4"}), &["six"]);
    check("Five pockets.", json!({"pockets": "five"}), &[]);
    check("Four HDMI ports.", json!({"HDMI ports": "4 (2x HDMI 2.1)"}), &[]);
    check("Three HDMI ports.", json!({"HDMI ports": "4 (2x HDMI 2.1)"}), &["Three"]);
}

#[test]
fn counts_may_be_said_roughly() {
    for copy in
        ["More than 400 pieces.", "Over 430 pieces.", "Around 430 pieces.", "More than four hundred pieces."]
    {
        check(copy, json!({"pieces": 432}), &[]);
    }
    check("Nearly 400 pages.", json!({"pages": "384"}), &[]);
    check("More than 440 pieces.", json!({"pieces": 432}), &["440"]);
}

#[test]
fn counts_behind_what_they_count() {
    for (copy, facts, wrong) in [
        ("Seats four.", json!({"seats": 3}), &["four"][..]),
        ("Seats four.", json!({"seats": 4}), &[]),
        ("A pack of four.", json!({"pack": "3"}), &["four"]),
        ("A pack of three.", json!({"pack": 3}), &[]),
        ("Sleeps three people.", json!({"sleeps": 2}), &["three"]),
        ("Sleeps three.", json!({"sleeps": "2"}), &["three"]),
    ] {
        check(copy, facts, wrong);
    }
}

#[test]
fn decimal_commas_are_no_lists() {
    check_german("Wiegt 4,6 kg.", json!({"Gewicht": "6,4 kg"}), &["4,6 kg"]);
    check_german("Wiegt 6,4 kg.", json!({"Gewicht": "6,4 kg"}), &[]);
    check("Weighs 4,6 kg.", json!({"weight": "6,4 kg"}), &["4,6 kg"]);
    check("With 4,6 and 8 GB.", json!({"memory": "4, 6, 8 GB"}), &[]);
}

fn any_json() -> impl Strategy<Value = Value> {
    let text = "\\PC{0,40}|[0-9a-z .,:;/()x\"'%°£²-]{0,40}|(Up to )?[0-9]{1,5}( x [0-9.]{1,4}){0,2} ?(mm|GB|MP|h|in|\")[ 0-9a-z(/)]{0,20}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let key = "\\PC{0,12}|[A-Za-z0-9_. ]{0,16}|name|value|valid_until|price";
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((key, inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_facts_break_anything(
        facts in any_json(),
        text in "\\PC{0,80}|([0-9]{1,4}[.,:/ -]?[0-9]{0,3} ?(GB|MP|mm|hours|€|%|p|in|\")? ?(of|or|and|to|x|,|RAM|storage|camera|2G|May|\\. )? ?){0,12}",
    ) {
        let facts = json!({"facts": facts});
        // Hits lie inside the text and on its characters, or there would be none of it here.
        for found in unsupported(&text, facts.as_object().unwrap(), None) {
            prop_assert!(!found.is_empty(), "{text:?}");
        }
    }

    #[test]
    fn facts_that_say_the_same_support_it(
        text in "([0-9]{1,3}(\\.[0-9])? ?(GB|MP|mm|hours|€|%|GHz)? (of|or|and|to|x|RAM|storage|front camera|talk time|wide|with) ){0,9}",
    ) {
        let facts = json!({"description": text});
        prop_assert_eq!(unsupported(&text, facts.as_object().unwrap(), Some("en")), Vec::<String>::new());
    }
}

#[test]
fn naughty_facts_break_nothing() {
    for line in real_lines("naughty_strings_blns.jsonl") {
        let text = line["text"].as_str().unwrap();
        let facts =
            json!({"name": text, text: {"5": [text, 5, {"name": text, "value": text}]}, "Camera": text});
        unsupported(&format!("{text} 12 MP camera {text}"), facts.as_object().unwrap(), None);
    }
}

#[test]
fn evidence_is_of_the_same_role() {
    let facts = json!({"Internal": "64GB 4GB RAM", "Card slot": "microSD, up to 256 GB", "Talk time": "6 h", "Stand-by": "300 h"});
    let evidence = |copy: &str| {
        let empty = Map::new();
        let facts = facts.as_object().unwrap();
        let ground = Ground {
            facts,
            facts_hash: [0; 32],
            prepared: None,
            context: &empty,
            placement: None,
            locale: None,
            inputs: &empty,
            instructions: None,
            opinions: Opinions::Unknown,
            at: jiff::Timestamp::UNIX_EPOCH,
        };
        find(&Text::new(copy), &ground).remove(0).evidence.unwrap().attribute.unwrap()
    };
    assert_eq!(evidence("expandable up to 64 GB"), "Card slot");
    assert_eq!(evidence("with 256 GB of storage"), "Internal");
    assert_eq!(evidence("300 hours of talk time"), "Talk time");
    assert_eq!(evidence("6 hours of stand-by time"), "Stand-by");
}

/// What is left of the steps for a text's figures, and of those for its features and names.
fn left(copy: &str, facts: &Value) -> (usize, usize) {
    let facts = facts.as_object().unwrap();
    let (mut comparing, mut reading) = (Steps::new(MAX_STEPS), Steps::new(MAX_STEPS));
    unsupported_figures(&Text::new(copy), None, || Box::leak(Box::new(Known::of(facts))), &mut comparing);
    stated_otherwise(&Text::new(copy), &Sheet::of(facts), &mut reading);
    (comparing.left(), reading.left())
}

#[test]
fn a_page_of_copy_takes_a_hundredth_of_the_steps() {
    let copy =
        "No NFC, but fast charging and a 5,000 mAh battery for 12 hours. Available in black, from $5. "
            .repeat(8);
    let facts =
        (0..100).map(|n| (format!("feature number {n}"), json!("12 hours, two cameras, black and no NFC")));
    let (comparing, reading) = left(&copy, &Value::Object(facts.collect()));
    for left in [comparing, reading] {
        assert!(left > MAX_STEPS / 10 * 9, "{comparing} {reading}");
    }
}

#[test]
fn no_shape_of_text_or_facts_takes_more_than_its_steps() {
    let long = |part: &str| part.repeat(40_000 / part.len());
    let list = |from: usize| (from..from + 6_000).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let chips = (0..4_000).map(|n| format!("Zq{n}x processor ")).collect::<String>();
    let fans = |answer: bool| json!({"redundant fans": vec![answer; 4_000]});
    let deep = (0..30).fold(json!(vec![5; 20_000]), |below, _| json!({"k".repeat(18): below}));
    for (shape, copy, facts) in [
        (
            "numbers in words",
            long("twenty-one forty two cameras seven "),
            json!({"name": long("two cameras ")}),
        ),
        ("one list of numbers", list(100_000), json!({"name": list(200_000)})),
        ("codes", long("AB12 "), json!({"name": long("AC13 ")})),
        ("names", chips, json!({"name": long("a word ").repeat(8)})),
        ("names of attributes", long("redundant fans "), fans(false)),
        ("names that are denied", long("no redundant fans "), fans(true)),
        ("features", long("no NFC or ").repeat(6), json!({"name": "x"})),
        ("features of the facts", "No NFC.".to_owned(), json!({"name": long("no NFC or ").repeat(8)})),
        ("long evidence", long("NFC "), json!({"NFC": format!("no, {}", long("a word "))})),
        ("long paths", "A lamp.".to_owned(), deep),
    ] {
        let (comparing, reading) = left(&copy, &facts);
        assert!(comparing == 0 || reading == 0, "{shape}: {comparing} {reading}");
    }
}

#[test]
fn facts_without_an_end_are_not_read_to_it() {
    let known = |facts: Value| Known::of(facts.as_object().unwrap());
    // Each of them was held against all that stands before it.
    let version = known(json!({"version": "1.".repeat(20_000) + "1"}));
    assert!(version.figures.len() < 50, "{}", version.figures.len());
    let sizes = "5x".repeat(20_000) + "5";
    let sizes = figures(&sizes, None).figures.len();
    assert_eq!(sizes, 20_001);
    let paths = known(json!({"k".repeat(200): vec![5; 50_000]}));
    assert_eq!((paths.attributes.len(), paths.steps()), (MAX_FACTS / 200, usize::MAX));
}
