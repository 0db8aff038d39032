//! What words say about the figure beside them: which memory, which camera, which time, which side of a thing.
//!
//! A facet is one question about figures of some dimension, its roles are the possible answers: of gigabytes one asks
//! whether they are RAM, storage or a card's. Each role is a bit.

use std::sync::LazyLock;

use super::quick::QuickMap;
use super::units::Dimension as D;

/// Roles, as a set of bits.
pub(super) type Roles = u128;

/// One question about figures of some dimensions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facet {
    /// All its roles.
    pub(super) roles: Roles,
    pub(super) of: &'static [D],
    /// Whether the words before a figure say it, rather than those after: `released in 2013`.
    pub(super) leads: bool,
    /// Whether each figure of a row has a role of its own: `8 MP and 2 MP macro`.
    pub(super) apart: bool,
    /// Whether an attribute of a role without such a figure means that no figure has that role.
    pub(super) strict: bool,
}

/// Roles with the words that say them. A word stands for itself, its plural in `s`, and with `a b` for two in a row.
type Rows = &'static [&'static [&'static str]];

struct Question {
    of: &'static [D],
    leads: bool,
    strict: bool,
    apart: bool,
    roles: Rows,
}

const fn ask(of: &'static [D], roles: Rows) -> Question {
    Question { of, leads: false, strict: true, apart: false, roles }
}

const QUESTIONS: &[Question] = &[
    ask(
        &[D::Data],
        &[
            &[
                "ram",
                "system memory",
                "working memory",
                "arbeitsspeicher",
                "internal memory",
                "ddr",
                "ddr2",
                "ddr3",
                "ddr4",
                "ddr5",
                "sdram",
                "dimm",
            ],
            &[
                "storage",
                "rom",
                "internal",
                "ssd",
                "hdd",
                "disk",
                "drive",
                "emmc",
                "ufs",
                "flash",
                "onboard",
                "built in",
                "internal memory",
                "expandable storage",
                "festplatte",
                "speicherplatz",
                "interner speicher",
            ],
            &[
                "card",
                "microsd",
                "microsdhc",
                "microsdxc",
                "minisd",
                "sd",
                "sdhc",
                "sdxc",
                "mmc",
                "expandable",
                "expanded",
                "expansion",
                "expand",
                "expanding",
                "extendable",
                "extendible",
                "extended",
                "extend",
                "upgradable",
                "external",
                "micro sd",
                "expandable storage",
                "expandable memory",
                "external storage",
                "external memory",
                "additional storage",
                "speicherkarte",
                "erweiterbar",
                "slot",
            ],
            &["cache", "l2", "l3", "smartcache"],
            &[
                "graphics",
                "vram",
                "video memory",
                "graphics card",
                "graphics memory",
                "gddr5",
                "gddr6",
                "geforce",
                "radeon",
            ],
        ],
    ),
    Question {
        of: &[D::Data],
        leads: false,
        strict: false,
        apart: false,
        roles: &[&["user available", "usable", "accessible"]],
    },
    ask(
        &[D::Megapixels, D::Aperture, D::Lines, D::Frames],
        &[
            &["main", "rear", "back", "primary", "rear facing", "back facing", "hauptkamera", "rückkamera"],
            &["selfie", "front", "front facing", "frontkamera", "video call", "video calling", "facing"],
        ],
    ),
    Question {
        of: &[D::Megapixels, D::Aperture],
        leads: false,
        strict: false,
        apart: true,
        roles: &[
            &["wide", "wide angle", "main", "primary"],
            &["ultrawide", "ultra wide", "superwide"],
            &["macro"],
            &["depth", "bokeh"],
            &["telephoto", "tele", "periscope", "zoom"],
            &["monochrome"],
        ],
    },
    ask(
        &[D::Time],
        &[
            &["talk", "talking", "call", "calling", "talktime", "gesprächszeit", "conversation"],
            &["standby", "stand by", "bereitschaft", "idle"],
            &["music", "audio", "listening"],
            &["video", "movie"],
            &["charge", "charging", "charged", "recharge", "recharged", "recharging", "aufladen", "ladezeit"],
            &["warranty", "guarantee", "garantie", "guaranteed"],
            &["water", "submerged", "submersion", "immersion", "underwater", "waterproof"],
            &["endurance"],
            &["use", "usage", "playtime", "playing"],
        ],
    ),
    Question {
        of: &[D::Time, D::DataRate],
        leads: false,
        strict: false,
        apart: false,
        roles: &[&["2g", "gsm"], &["3g", "umts", "hspa", "hsdpa", "wcdma"], &["4g", "lte"], &["5g"]],
    },
    Question {
        of: &[D::DataRate],
        leads: false,
        strict: false,
        apart: false,
        roles: &[
            &["download", "downlink", "downloading"],
            &["upload", "uplink"],
            &["read", "reading"],
            &["write", "writing"],
        ],
    },
    ask(
        &[D::Length],
        &[
            &["width", "breite", "breit"],
            &["height", "tall", "höhe", "hoch"],
            &["thick", "thickness", "thin", "slim", "dick", "depth", "tiefe"],
            &["depth", "tiefe"],
            &["length", "länge"],
            &[
                "screen",
                "display",
                "touchscreen",
                "diagonal",
                "panel",
                "monitor",
                "lcd",
                "oled",
                "amoled",
                "tft",
                "ips",
                "bildschirm",
                "wide screen",
                "wide display",
                "widescreen",
            ],
            &["jack", "headphone", "earphone", "headset", "audio jack"],
            &["cable", "cord", "kabel"],
            &["water", "submerged", "submersion", "immersion", "underwater", "depths", "waterproof"],
            &["drop", "fall"],
            &["lithography", "process", "chipset", "processor", "nanometer"],
            &["diameter", "durchmesser"],
            &["inseam", "sleeve", "heel", "chest", "waist"],
        ],
    ),
    ask(
        &[D::Mass],
        &[
            &["load", "capacity", "payload", "user weight", "rider"],
            &["shipping weight", "package weight", "gross", "packaging"],
        ],
    ),
    ask(
        &[D::Frequency],
        &[
            &["cpu", "processor", "core", "clocked", "clock", "prozessor", "cortex"],
            &[
                "refresh",
                "display",
                "screen",
                "panel",
                "amoled",
                "oled",
                "lcd",
                "monitor",
                "bildwiederholrate",
            ],
            &["gpu", "graphics"],
            &["ram", "memory", "ddr", "sdram"],
            &["bus", "fsb"],
            &["audio", "sampling", "sound"],
            &["band", "network", "wifi", "wlan", "wi fi"],
        ],
    ),
    Question {
        of: &[D::Power],
        leads: false,
        strict: false,
        apart: false,
        roles: &[&["wired"], &["wireless", "kabellos"], &["reverse", "reverse wired", "reverse wireless"]],
    },
    Question {
        of: &[D::Power],
        leads: false,
        strict: false,
        apart: false,
        roles: &[
            &["charging", "charge", "charger"],
            &["speaker", "rms", "sound", "loudspeaker"],
            &["supply", "psu"],
            &["consumption", "consume", "draw"],
            &["tdp"],
        ],
    },
    Question {
        of: &[D::Luminance],
        leads: false,
        strict: false,
        apart: true,
        roles: &[&["peak", "maximum", "max"], &["typical", "typ"], &["hbm"]],
    },
    Question {
        of: &[D::Temperature, D::Percent],
        leads: false,
        strict: false,
        apart: false,
        roles: &[&["operating", "operation"], &["storage", "stored"]],
    },
    ask(
        &[D::Percent],
        &[
            &["screen to", "body", "body ratio"],
            &["charged", "charge", "charging", "charges"],
            &["humidity"],
            &["off", "discount", "save", "saving", "rabatt"],
            &["brightness"],
            &["colour gamut", "gamut", "srgb", "dci"],
        ],
    ),
    Question {
        of: &[D::Date],
        leads: true,
        strict: true,
        apart: false,
        roles: &[
            &[
                "announced",
                "announcement",
                "introduced",
                "unveiled",
                "announce",
                "launched",
                "launch",
                "presented",
            ],
            &["released", "release", "launched", "launch"],
            &[
                "discontinued",
                "cancelled",
                "canceled",
                "discontinuation",
                "retired",
                "cancellation",
                "discontinue",
            ],
        ],
    },
    Question {
        of: &[D::Money("")],
        leads: true,
        strict: false,
        apart: false,
        roles: &[
            &["shipping", "delivery", "postage", "versand"],
            &["was", "rrp", "msrp", "originally", "formerly", "previously", "uvp", "statt"],
            &["save", "saving", "discount", "sparen"],
            &["month", "monthly", "monat", "monatlich"],
            &["deposit"],
        ],
    },
    Question {
        of: &[D::Voltage, D::Current],
        leads: false,
        strict: false,
        apart: false,
        roles: &[&["input"], &["output"]],
    },
];

/// Adjectives that say which side is measured only right after the figure: `7 mm thin`, `30 cm long`.
const ADJACENT: &[(&str, &str)] = &[
    ("wide", "width"),
    ("high", "height"),
    ("deep", "depth"),
    ("long", "length"),
    ("lang", "length"),
    ("tief", "depth"),
];

struct Lexicon {
    words: QuickMap<Roles>,
    /// Two words in a row, by the second.
    pairs: QuickMap<Vec<(&'static str, Roles)>>,
    facets: Vec<Facet>,
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    let mut lexicon = Lexicon { words: QuickMap::default(), pairs: QuickMap::default(), facets: Vec::new() };
    let mut next: Roles = 1;
    for question in QUESTIONS {
        let mut facet = Facet {
            roles: 0,
            of: question.of,
            leads: question.leads,
            strict: question.strict,
            apart: question.apart,
        };
        for words in question.roles {
            for word in *words {
                match word.split_once(' ') {
                    Some((first, second)) => lexicon.pair(first, second, next),
                    None => *lexicon.words.entry(word).or_default() |= next,
                }
            }
            facet.roles |= next;
            next <<= 1;
        }
        lexicon.facets.push(facet);
    }
    lexicon
});

impl Lexicon {
    fn pair(&mut self, first: &'static str, second: &'static str, role: Roles) {
        let seconds = self.pairs.entry(second).or_default();
        match seconds.iter_mut().find(|(known, _)| *known == first) {
            Some((_, roles)) => *roles |= role,
            None => seconds.push((first, role)),
        }
    }
}

/// What a word in small letters says.
pub(super) fn roles(word: &str) -> Roles {
    let words = &LEXICON.words;
    let found = words.get(word).or_else(|| words.get(word.strip_suffix('s')?));
    found.copied().unwrap_or_default()
}

/// What two words in a row say together; none when that is not known.
pub(super) fn roles_of_pair(first: &str, second: &str) -> Option<Roles> {
    let pairs = &LEXICON.pairs;
    let seconds = pairs.get(second).or_else(|| pairs.get(second.strip_suffix('s')?))?;
    seconds.iter().find(|(known, _)| *known == first).map(|(_, roles)| *roles)
}

/// What a word says right after a figure, besides what it says anywhere.
pub(super) fn roles_beside(word: &str) -> Roles {
    ADJACENT.iter().find(|(known, _)| *known == word).map_or(0, |(_, means)| roles(means))
}

/// Whether a word goes on about a lens: what is wide then is not the thing.
pub(super) fn is_lens(word: &str) -> bool {
    matches!(word, "angle" | "lens" | "lenses" | "camera" | "sensor")
}

/// The questions about figures of a dimension.
pub(super) fn facets(dimension: D) -> impl Iterator<Item = &'static Facet> {
    let dimension = if matches!(dimension, D::Money(_)) { D::Money("") } else { dimension };
    LEXICON.facets.iter().filter(move |facet| facet.of.contains(&dimension))
}

/// Every question.
pub(super) fn all_facets() -> &'static [Facet] {
    &LEXICON.facets
}

/// The roles of dates at which a product's life begins: copy calls an announcement a release where nothing else is known.
pub(super) fn beginnings() -> Roles {
    roles("announced") | roles("released")
}

/// The roles of dates at which a product's life ends.
pub(super) fn endings() -> Roles {
    roles("discontinued")
}

/// Whether these are all such.
pub(super) fn is_beginning(of: Roles) -> bool {
    of & !beginnings() == 0
}

/// Words before a number that it is no version of: `in 2013`, `with 2`.
pub(super) fn leads(word: &str) -> bool {
    matches!(
        word,
        "in" | "on"
            | "for"
            | "by"
            | "from"
            | "since"
            | "version"
            | "gen"
            | "generation"
            | "as"
            | "its"
            | "this"
            | "than"
            | "per"
            | "under"
            | "below"
            | "above"
            | "between"
            | "least"
            | "most"
            | "für"
            | "im"
            | "am"
            | "ab"
            | "seit"
            | "all"
            | "these"
            | "any"
            | "via"
            | "gets"
            | "get"
            | "holds"
            | "rated"
            | "includes"
            | "contains"
    )
}

/// Words with which something new begins: what stands behind them is not said of the figure before.
pub(super) fn breaks_off(word: &str) -> bool {
    matches!(
        word,
        "and"
            | "or"
            | "but"
            | "while"
            | "with"
            | "that"
            | "which"
            | "plus"
            | "featuring"
            | "features"
            | "including"
            | "includes"
            | "whereas"
            | "has"
            | "have"
            | "runs"
            | "powered"
            | "und"
            | "oder"
            | "mit"
            | "aber"
            | "sowie"
            | "while,"
            | "also"
            | "along"
            | "paired"
            | "supports"
            | "offers"
            | "thanks"
            | "making"
    )
}

/// Words with which another clause begins, which says nothing of the figure that follows.
pub(super) fn begins_clause(word: &str) -> bool {
    matches!(word, "and" | "but" | "while" | "whereas" | "also" | "plus" | "und" | "aber" | "sowie" | "as")
}

/// Words with which a clause behind a comma says more of what stood before it.
pub(super) fn goes_on(word: &str) -> bool {
    matches!(
        word,
        "which"
            | "with"
            | "that"
            | "at"
            | "of"
            | "featuring"
            | "offering"
            | "providing"
            | "boasting"
            | "mit"
            | "die"
            | "der"
            | "das"
            | ""
    )
}

/// Words that only tie a figure to what is said of it: `of`, `is`, `up to`.
pub(super) fn ties(word: &str) -> bool {
    matches!(
        word,
        "of" | "is"
            | "are"
            | "was"
            | "at"
            | "to"
            | "up"
            | "a"
            | "an"
            | "the"
            | "about"
            | "around"
            | "approximately"
            | "roughly"
            | "nearly"
            | "capacity"
            | "size"
            | "total"
            | "von"
            | "bis"
            | "zu"
            | "only"
            | "just"
            | "over"
            | "either"
            | "time"
            | "times"
            | "life"
            | "resolution"
            | "amount"
            | "brightness"
            | "rate"
            | "speed"
            | "price"
            | "weight"
            | "mode"
            | "duration"
            | "maximum"
            | "max"
    )
}

/// Words that put figures in a row: what is said of the last is said of all.
pub(super) fn lists(word: &str) -> bool {
    matches!(word, "and" | "or" | "to" | "und" | "oder" | "bis" | "x" | "plus")
}

/// Other names of what a code means, any of which facts may use: 4G is LTE.
pub(super) fn also_called(code: &str) -> &'static [&'static str] {
    match code {
        "2g" => &["gsm", "gprs", "edge", "cdma"],
        "3g" => &["hspa", "umts", "hsdpa", "wcdma", "evdo", "cdma2000"],
        "4g" => &["lte"],
        "8k" => &["4320p"],
        "4k" | "uhd" => &["2160p", "3840x2160", "2160x3840"],
        _ => &[],
    }
}

/// The pixels of a picture by its name, `hd` with the word before it.
pub(super) fn picture(before: &str, word: &str) -> Option<(f64, f64)> {
    let (width, height) = match (before, word) {
        (_, "qvga") => (320.0, 240.0),
        (_, "vga") => (640.0, 480.0),
        (_, "svga") => (800.0, 600.0),
        (_, "xga") => (1024.0, 768.0),
        (_, "wxga") => (1280.0, 800.0),
        (_, "sxga") => (1280.0, 1024.0),
        (_, "wsxga") => (1680.0, 1050.0),
        (_, "wuxga") => (1920.0, 1200.0),
        ("full", "hd") | (_, "fhd" | "fullhd") => (1920.0, 1080.0),
        ("quad", "hd") | (_, "qhd" | "wqhd") => (2560.0, 1440.0),
        ("ultra", "hd") | (_, "uhd" | "4k") => (3840.0, 2160.0),
        (_, "hd") => (1280.0, 720.0),
        _ => return None,
    };
    Some((width, height))
}

/// The dimensions that a word of an attribute's name speaks of, when it says some: those of `width` are lengths, and what
/// counts, such as `number of slots`, has none.
pub(super) fn dimensions(word: &str) -> Option<&'static [D]> {
    let dimensions: &[D] = match word {
        "width" | "height" | "depth" | "length" | "diagonal" | "diameter" | "thickness" | "dimensions"
        | "distance" => &[D::Length],
        "weight" | "mass" | "gewicht" => &[D::Mass],
        "memory" | "ram" | "storage" | "cache" => &[D::Data],
        "bands" => &[D::Frequency],
        "frequency" | "clock" | "fsb" | "bus" => &[D::Frequency, D::DataRate],
        "consumption" | "wattage" | "tdp" => &[D::Power],
        "power" => &[D::Power, D::Energy],
        "voltage" => &[D::Voltage],
        "current" => &[D::Current],
        "temperature" => &[D::Temperature, D::Angle],
        "humidity" | "percent" | "percentage" => &[D::Percent],
        "resolution" => &[D::Pixels, D::Megapixels, D::Density],
        "price" | "cost" => &[D::Money("")],
        "quantity" | "number" | "count" | "ports" | "slots" | "cores" | "threads" | "pieces" | "models"
        | "keys" | "buttons" | "bluetooth" | "wlan" | "usb" | "os" => &[],
        _ => return None,
    };
    Some(dimensions)
}
