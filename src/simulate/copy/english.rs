//! English.

use serde_json::Value;

use super::Language;
use super::features::{label, listed, read_as};

pub(super) static LANGUAGE: Language = Language {
    openings: &[
        "Meet the {name}.",
        "Say hello to the {name}.",
        "There is something pleasantly straightforward about the {name}.",
        "With the {name}, the everyday feels a little more considered.",
        "Take a closer look at the {name}.",
        "A good day has room for the {name}.",
        "Understated by design: the {name}.",
        "Consider the {name}.",
        "Plain, useful, to the point: the {name}.",
        "There is much to like about the {name}.",
    ],
    singular_openings: &[
        "The {name} goes about its work without fuss.",
        "Here is the {name}, ready when the day gets going.",
        "The {name} slips easily into everyday life.",
        "The {name} keeps things clear and simple.",
        "The {name} earns its place quietly.",
        "Thoughtful in the details, the {name} is easy to live with.",
        "The {name} brings a calm note to the daily routine.",
        "Some things just fit in, and the {name} is among them.",
        "The {name} lets the work speak for itself.",
    ],
    branded_openings: &[
        "From {brand}: the {name}.",
        "{brand} has put some thought into the {name}.",
        "Meet the {name} by {brand}.",
        "With the {name}, {brand} stays pleasantly down to earth.",
        "There is a good deal of {brand} in the {name}.",
    ],
    with_features: &[
        "It comes with {features}.",
        "It brings {features}.",
        "It relies on {features}.",
        "Look closer and there is {features}.",
        "Among the details: {features}.",
        "Part of the picture: {features}.",
        "The particulars: {features}.",
        "What it brings along: {features}.",
        "It arrives with {features}.",
        "The design settles on {features}.",
        "Worth knowing: {features}.",
        "Its character comes from {features}.",
        "Expect {features}, plainly done.",
    ],
    with_noun: &[
        "Think of it as {noun} with its feet on the ground.",
        "As {noun}, it goes about its task without drama.",
        "It is {noun} that keeps to the essentials.",
        "In short, {noun} that knows what it is for.",
        "It is {noun}, and happy to be just that.",
    ],
    with_both: &[
        "This is {noun} with {features}.",
        "Think of {noun} with {features}.",
        "In short: {noun} with {features}.",
        "As {noun}, it pairs a clear idea with {features}.",
    ],
    closings: &[
        "Simple to choose, easy to keep.",
        "Good to have within reach.",
        "Quietly useful, day after day.",
        "Everything in its place.",
        "Worth a second look.",
        "No fuss, just a good fit.",
        "It feels at home from the start.",
        "Nice to come back to.",
        "Made to be used and enjoyed.",
        "A considered choice that fits right in.",
        "The rest is a matter of taste.",
    ],
    nothing_known: &[
        "A considered choice that fits in with what you already have.",
        "Simple to choose and easy to keep.",
        "A quiet addition that feels at home from the start.",
    ],
    invented: "It comes with {n} extra parts.",
    and: " and ",
    feature,
    noun,
};

/// Features that need other words than "… as its …".
const PHRASES: &[(&str, &str)] = &[
    ("product_colour", "a finish in {}"),
    ("colour", "a finish in {}"),
    ("color", "a finish in {}"),
    ("cable_colour", "a cable in {}"),
    ("material", "{} as the material"),
    ("connectivity_technology", "{} connectivity"),
    ("pattern", "a {} pattern"),
    ("display_type", "a display of the {} type"),
    ("panel_type", "a panel of the {} type"),
    ("case_type", "the form of a {}"),
    ("storage_media", "{} storage"),
    ("device_interface", "a {} interface"),
    ("host_interface", "a {} interface"),
    ("print_technology", "{} as its print technology"),
    ("keyboard_layout", "a {} layout"),
    ("cooling_type", "{} cooling"),
    ("aspect_ratio", "an aspect ratio of {}"),
];

/// What being true of a product means.
const TRUE: &[(&str, &str)] = &[
    ("touchscreen", "a touchscreen"),
    ("ethernet_lan", "Ethernet LAN"),
    ("plug_and_play", "plug and play"),
    ("wi_fi", "Wi-Fi"),
    ("bluetooth", "Bluetooth"),
    ("led_backlight", "an LED backlight"),
    ("mounting_kit", "a mounting kit"),
    ("on_board_graphics_adapter", "an on-board graphics adapter"),
    ("usb_port", "a USB port"),
    ("full_duplex", "full duplex"),
    ("hot_swap_hdd_bays", "hot-swap drive bays"),
    ("built_in_speaker_s", "built-in speakers"),
];

/// Words that are capitalised in data and not in a sentence.
const COMMON: &[&str] = &[
    "Black",
    "White",
    "Grey",
    "Gray",
    "Blue",
    "Red",
    "Green",
    "Yellow",
    "Silver",
    "Purple",
    "Orange",
    "Pink",
    "Beige",
    "Brown",
    "Gold",
    "Transparent",
    "Wool",
    "Polyester",
    "Nylon",
    "Fleece",
    "Rubber",
    "Leather",
    "Cotton",
    "Aluminium",
    "Steel",
    "Plastic",
    "Metal",
    "Wireless",
    "Wired",
    "Matte",
    "Gloss",
    "Solid",
    "Striped",
    "Active",
    "Passive",
    "Cool",
    "Cold",
    "Warm",
    "Hot",
    "Mild",
    "Rainy",
    "Windy",
    "Spring",
    "Indoor",
];

fn feature(key: &str, value: &Value) -> Option<String> {
    if value == &Value::Bool(true) {
        return read_as(TRUE, key).map(str::to_owned);
    }
    let words = |word: &str| {
        let lower = COMMON.contains(&word) || word.split(' ').all(|part| COMMON.contains(&part));
        Some(if lower { word.to_lowercase() } else { word.to_owned() })
    };
    let value = listed(value, " and ", words)?;
    match read_as(PHRASES, key) {
        Some(phrase) => Some(phrase.replace("{}", &value)),
        None => Some(format!("{value} as its {}", label(key)?)),
    }
}

/// Kinds of things that a class or category may end in.
const NOUNS: &[&str] = &[
    "adapter",
    "antenna",
    "backpack",
    "bag",
    "battery",
    "cable",
    "cartridge",
    "notebook case",
    "drum",
    "graphics card",
    "headset",
    "jacket",
    "keyboard",
    "lamp",
    "lock",
    "memory card",
    "module",
    "motherboard",
    "mouse",
    "networking card",
    "paper",
    "power supply",
    "print head",
    "printer",
    "processor",
    "protector",
    "rack accessory",
    "ribbon",
    "router",
    "server barebone",
    "stove",
    "table",
    "tape",
    "tent",
    "top",
];

/// Words of classes that read as noise in small letters.
const ABBREVIATIONS: &[&str] = &["ac", "dvi", "hdmi", "kvm", "lga", "ups", "usb", "vga"];

fn noun(class: &str) -> Option<String> {
    let class = class.to_lowercase();
    let singular = class.strip_suffix('s').filter(|s| NOUNS.iter().any(|noun| s.ends_with(noun)));
    let class = singular.unwrap_or(&class);
    let kind = NOUNS
        .iter()
        .find(|noun| class.strip_suffix(**noun).is_some_and(|h| h.is_empty() || h.ends_with(' ')))?;
    // Where the class holds abbreviations the kind alone reads better.
    let plain = !class.contains('/') && class.split(' ').all(|word| !ABBREVIATIONS.contains(&word));
    let noun = if plain { class } else { kind };
    if noun == "paper" || noun.ends_with(" paper") {
        return Some(noun.to_owned());
    }
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    Some(format!("{article} {noun}"))
}
