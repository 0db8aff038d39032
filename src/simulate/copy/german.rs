//! German. Names have no known gender, so no sentence needs one.

use serde_json::Value;

use super::Language;
use super::features::{listed, read_as};

pub(super) static LANGUAGE: Language = Language {
    openings: &[
        "Darf man vorstellen: {name}.",
        "Mit {name} wird der Alltag ein wenig aufgeräumter.",
        "Ein genauer Blick auf {name} lohnt sich.",
        "Klar gedacht und angenehm schlicht: {name}.",
        "Schön, wenn Dinge so selbstverständlich wirken wie {name}.",
        "Zurückhaltend im Auftritt, angenehm im Umgang: {name}.",
        "Zur Wahl steht {name}.",
        "Schlicht, nützlich, auf den Punkt: {name}.",
        "An {name} gefällt die ruhige Art.",
    ],
    singular_openings: &[
        "{name} fügt sich angenehm unaufgeregt in den Alltag ein.",
        "{name} kommt ohne viel Aufhebens aus.",
        "{name} macht einen guten Eindruck, ganz ohne große Worte.",
        "{name} passt gut in einen Tag, der viel vorhat.",
        "Manches passt einfach, und {name} gehört dazu.",
        "{name} bringt Ruhe in die tägliche Routine.",
        "{name} lässt die Arbeit für sich sprechen.",
        "Hier ist {name}, bereit für den Alltag.",
        "{name} konzentriert sich aufs Wesentliche.",
    ],
    branded_openings: &[
        "Von {brand}: {name}.",
        "Angenehm schlicht: {name} von {brand}.",
        "{brand} hat bei {name} auf die Einzelheiten geachtet.",
        "Mit {name} bleibt {brand} auf dem Boden.",
    ],
    with_features: &[
        "Mit dabei: {features}.",
        "Aus den Einzelheiten: {features}.",
        "Das Datenblatt nennt {features}.",
        "Gesetzt wird auf {features}.",
        "Zum Bild gehört {features}.",
        "Die Eckdaten: {features}.",
        "Zu entdecken: {features}.",
        "Kurz notiert: {features}.",
        "Was dazugehört: {features}.",
        "Den Rahmen setzt {features}.",
        "Gut zu wissen: {features}.",
        "Für Charakter sorgt {features}.",
        "Auffällig dabei: {features}.",
    ],
    with_noun: &[
        "Kurz gesagt: {noun} ohne Allüren.",
        "So unkompliziert kann {noun} sein.",
        "Das ist {noun} für den Alltag.",
        "Eben {noun}, und das gern.",
    ],
    with_both: &[
        "Das ist {noun} mit {features}.",
        "Kurz gesagt: {noun} mit {features}.",
        "Wer {noun} mit {features} sucht, schaut hier genauer hin.",
    ],
    closings: &[
        "Einfach gewählt, gern behalten.",
        "Gut, so etwas zur Hand zu haben.",
        "Eine überlegte Wahl, die sich einfügt.",
        "Unaufgeregt nützlich, Tag für Tag.",
        "Alles an seinem Platz.",
        "Ein zweiter Blick lohnt sich.",
        "Kein Aufheben, einfach passend.",
        "Angenehm im Gebrauch.",
        "Man kommt gern darauf zurück.",
        "Der Rest ist Geschmackssache.",
    ],
    nothing_known: &[
        "Eine überlegte Wahl, die sich gut einfügt.",
        "Einfach gewählt und gern behalten.",
        "Eine ruhige Ergänzung, die von Anfang an passt.",
    ],
    invented: "Dazu gehören {n} Zusatzteile.",
    and: " und ",
    feature,
    noun,
};

const PHRASES: &[(&str, &str)] = &[
    ("product_colour", "{} als Farbe"),
    ("colour", "{} als Farbe"),
    ("color", "{} als Farbe"),
    ("cable_colour", "{} als Kabelfarbe"),
    ("material", "{} als Material"),
    ("pattern", "{} als Muster"),
    ("processor_family", "{} als Prozessorfamilie"),
    ("processor_manufacturer", "{} als Prozessorhersteller"),
    ("processor_socket", "{} als Prozessorsockel"),
    ("internal_memory_type", "{} als Speichertyp"),
    ("supported_memory_types", "{} als Speichertyp"),
    ("storage_media", "{} als Speichermedium"),
    ("print_technology", "{} als Druckverfahren"),
    ("connectivity_technology", "{} als Verbindungsart"),
    ("device_interface", "{} als Anschluss"),
    ("host_interface", "{} als Anschluss"),
    ("display_type", "{} als Bildschirmtechnik"),
    ("panel_type", "{} als Bildschirmtechnik"),
    ("keyboard_layout", "{} als Tastenbelegung"),
    ("finish_type", "{} als Oberfläche"),
];

const TRUE: &[(&str, &str)] = &[
    ("touchscreen", "Touch-Bedienung"),
    ("ethernet_lan", "Ethernet-LAN"),
    ("plug_and_play", "Plug and Play"),
    ("wi_fi", "WLAN"),
    ("bluetooth", "Bluetooth"),
    ("led_backlight", "LED-Hintergrundbeleuchtung"),
    ("full_duplex", "Vollduplex"),
];

const VALUES: &[(&str, &str)] = &[
    ("Black", "Schwarz"),
    ("White", "Weiß"),
    ("Grey", "Grau"),
    ("Gray", "Grau"),
    ("Blue", "Blau"),
    ("Red", "Rot"),
    ("Green", "Grün"),
    ("Yellow", "Gelb"),
    ("Silver", "Silber"),
    ("Purple", "Violett"),
    ("Orange", "Orange"),
    ("Pink", "Rosa"),
    ("Beige", "Beige"),
    ("Brown", "Braun"),
    ("Gold", "Gold"),
    ("Transparent", "Transparent"),
    ("Wool", "Wolle"),
    ("Fleece", "Fleece"),
    ("Nylon", "Nylon"),
    ("Polyester", "Polyester"),
    ("Rubber", "Gummi"),
    ("Leather", "Leder"),
    ("Cotton", "Baumwolle"),
    ("Plastic", "Kunststoff"),
    ("Metal", "Metall"),
    ("Aluminium", "Aluminium"),
    ("Solid", "Einfarbig"),
    ("Striped", "Gestreift"),
    ("Wireless", "Drahtlos"),
    ("Wired", "Kabelgebunden"),
    ("Matte", "Matt"),
    ("Gloss", "Glänzend"),
    ("Laser printing", "Laserdruck"),
    ("Inkjet", "Tintenstrahl"),
    ("Intel", "Intel"),
    ("AMD", "AMD"),
];

fn feature(key: &str, value: &Value) -> Option<String> {
    if value == &Value::Bool(true) {
        return read_as(TRUE, key).map(str::to_owned);
    }
    // What is neither known nor an abbreviation is English.
    let words = |word: &str| {
        let technical = |part: &str| part.chars().all(|c| !c.is_alphabetic() || c.is_uppercase());
        let known = read_as(VALUES, word);
        known.or_else(|| word.split(' ').all(technical).then_some(word)).map(str::to_owned)
    };
    let value = listed(value, " und ", words)?;
    Some(read_as(PHRASES, key)?.replace("{}", &value))
}

/// Kinds of things that a class or category may end in, the longer before the shorter.
const NOUNS: &[(&str, &str)] = &[
    ("sleeping bag", "ein Schlafsack"),
    ("power supply", "ein Netzteil"),
    ("graphics card", "eine Grafikkarte"),
    ("networking card", "eine Netzwerkkarte"),
    ("memory card", "eine Speicherkarte"),
    ("memory module", "ein Speichermodul"),
    ("toner cartridge", "eine Tonerkartusche"),
    ("ink cartridge", "eine Tintenpatrone"),
    ("notebook case", "eine Notebooktasche"),
    ("projector lamp", "eine Projektorlampe"),
    ("print head", "ein Druckkopf"),
    ("printing paper", "ein Druckerpapier"),
    ("adapter", "ein Adapter"),
    ("antenna", "eine Antenne"),
    ("backpack", "ein Rucksack"),
    ("cable", "ein Kabel"),
    ("jacket", "eine Jacke"),
    ("keyboard", "eine Tastatur"),
    ("motherboard", "eine Hauptplatine"),
    ("printer", "ein Drucker"),
    ("processor", "ein Prozessor"),
    ("router", "ein Router"),
    ("tent", "ein Zelt"),
    ("top", "ein Oberteil"),
];

fn noun(class: &str) -> Option<String> {
    let class = class.to_lowercase();
    let class = class.trim_end_matches('s');
    let ends =
        |noun: &str| class.strip_suffix(noun).is_some_and(|head| head.is_empty() || head.ends_with(' '));
    NOUNS.iter().find(|(english, _)| ends(english)).map(|(_, german)| (*german).to_owned())
}
