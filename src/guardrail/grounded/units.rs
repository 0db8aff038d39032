//! Units: what a number counts, and how units of one dimension convert into each other.

use std::sync::LazyLock;

use super::quick::QuickMap;

/// What a unit measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dimension {
    Length,
    Area,
    Mass,
    Volume,
    Speed,
    Pressure,
    Data,
    DataRate,
    Frequency,
    Charge,
    Power,
    Voltage,
    Current,
    Energy,
    Time,
    Pixels,
    Megapixels,
    /// The lines of a video picture: `1080p`.
    Lines,
    /// Pictures in a second.
    Frames,
    /// Dots or pixels on an inch.
    Density,
    /// How bright a screen is.
    Luminance,
    /// How much light a lamp gives.
    Light,
    /// How far a lens opens: `f/1.8`.
    Aperture,
    /// One side to another: `16:9`.
    Ratio,
    Angle,
    Temperature,
    Percent,
    Turns,
    Noise,
    /// A year, or a day of one.
    Date,
    /// Money in a currency; the empty text is a currency that is not said.
    Money(&'static str),
}

/// A unit, in terms of its dimension's first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Unit {
    pub(super) dimension: Dimension,
    factor: f64,
    /// The factor where thousands are 1,024, as with memory; the same as `factor` elsewhere.
    binary: f64,
}

type Row = (&'static [&'static str], f64);
const K: f64 = 1024.0;

/// Names in small letters by dimension, each with its factor. Names of one letter stand in [`LETTERS`].
const TABLE: &[(Dimension, &[Row])] = &[
    (
        Dimension::Length,
        &[
            (&["mm", "millimeter", "millimeters", "millimetre", "millimetres"], 1.0),
            (&["cm", "centimeter", "centimeters", "centimetre", "centimetres", "zentimeter"], 10.0),
            (&["dm"], 100.0),
            (&["meter", "meters", "metre", "metres", "metern"], 1_000.0),
            (&["km", "kilometer", "kilometers", "kilometre", "kilometres"], 1_000_000.0),
            (&["inch", "inches", "zoll", "\""], 25.4),
            (&["ft", "foot", "feet"], 304.8),
            (&["yd", "yards"], 914.4),
            (&["mile", "miles"], 1_609_344.0),
            (&["nm"], 1e-6),
            (&["µm", "μm"], 1e-3),
        ],
    ),
    (
        Dimension::Area,
        &[
            (&["mm2", "mm²"], 1e-2),
            (&["cm2", "cm²", "sqcm"], 1.0),
            (&["m2", "m²", "sqm", "qm"], 1e4),
            (&["sqft"], 929.030_4),
        ],
    ),
    (Dimension::Speed, &[(&["km/h", "kmh", "kph"], 1.0), (&["mph"], 1.609_344), (&["m/s"], 3.6)]),
    (Dimension::Pressure, &[(&["bar", "bars"], 1.0), (&["psi"], 0.068_947_6), (&["hpa", "mbar"], 1e-3)]),
    (
        Dimension::Mass,
        &[
            (&["mg"], 1e-3),
            (&["gram", "grams", "gramm", "gr"], 1.0),
            (&["kg", "kilo", "kilos", "kilogram", "kilograms", "kilogramm"], 1_000.0),
            (&["oz", "ounce", "ounces"], 28.349_523_125),
            (&["lb", "lbs", "pound", "pounds"], 453.592_37),
        ],
    ),
    (
        Dimension::Volume,
        &[
            (&["ml", "milliliter", "milliliters", "millilitre", "millilitres"], 1.0),
            (&["cl"], 10.0),
            (&["dl"], 100.0),
            (&["liter", "liters", "litre", "litres", "litern"], 1_000.0),
            (&["gallon", "gallons"], 3_785.411_784),
            (&["floz"], 29.573_529_562),
        ],
    ),
    (
        Dimension::Data,
        &[
            (&["kb", "kib"], 1.0),
            (&["mb", "mib", "megabyte", "megabytes"], 1e3),
            (&["gb", "gib", "gigabyte", "gigabytes"], 1e6),
            (&["tb", "tib", "terabyte", "terabytes"], 1e9),
        ],
    ),
    (
        Dimension::DataRate,
        &[
            (&["kbps", "kbit/s", "kb/s"], 1.0),
            (&["mbps", "mbit/s", "mb/s"], 1e3),
            (&["gbps", "gbit/s", "gb/s"], 1e6),
        ],
    ),
    (Dimension::Frequency, &[(&["hz", "hertz"], 1.0), (&["khz"], 1e3), (&["mhz"], 1e6), (&["ghz"], 1e9)]),
    (Dimension::Charge, &[(&["mah"], 1.0), (&["ah"], 1e3)]),
    (Dimension::Power, &[(&["mw"], 1e-3), (&["watt", "watts"], 1.0), (&["kw"], 1e3)]),
    (Dimension::Energy, &[(&["wh"], 1.0), (&["kwh"], 1e3)]),
    (Dimension::Voltage, &[(&["mv"], 1e-3), (&["volt", "volts", "vac", "vdc"], 1.0), (&["kv"], 1e3)]),
    (Dimension::Current, &[(&["ma"], 1e-3), (&["amp", "amps"], 1.0)]),
    (
        Dimension::Time,
        &[
            (&["ms"], 1e-3),
            (&["sec", "secs", "second", "seconds", "sekunde", "sekunden"], 1.0),
            (&["min", "mins", "minute", "minutes", "minuten"], 60.0),
            (&["hr", "hrs", "hour", "hours", "stunde", "stunden"], 3_600.0),
            (&["day", "days", "tag", "tage", "tagen"], 86_400.0),
            (&["week", "weeks", "woche", "wochen"], 604_800.0),
            (&["month", "months", "monat", "monate", "monaten"], 2_629_800.0),
            (&["year", "years", "yr", "yrs", "jahr", "jahre", "jahren"], 31_557_600.0),
        ],
    ),
    (Dimension::Pixels, &[(&["px", "pixel", "pixels"], 1.0)]),
    (Dimension::Megapixels, &[(&["mp", "mpx", "mpix", "megapixel", "megapixels"], 1.0)]),
    (Dimension::Lines, &[(&["p"], 1.0)]),
    (Dimension::Frames, &[(&["fps"], 1.0)]),
    (Dimension::Density, &[(&["ppi", "dpi"], 1.0)]),
    (Dimension::Luminance, &[(&["nit", "nits", "cd/m2", "cd/m²"], 1.0)]),
    (Dimension::Light, &[(&["lm", "lumen", "lumens"], 1.0)]),
    (Dimension::Aperture, &[(&["f/"], 1.0)]),
    (Dimension::Ratio, &[(&[":"], 1.0)]),
    (Dimension::Angle, &[(&["°", "˚", "degree", "degrees"], 1.0)]),
    (Dimension::Temperature, &[(&["celsius", "°c"], 1.0)]),
    (Dimension::Percent, &[(&["%", "percent", "prozent"], 1.0)]),
    (Dimension::Turns, &[(&["rpm"], 1.0)]),
    (Dimension::Noise, &[(&["db", "dba"], 1.0)]),
    (Dimension::Money(""), &[(&["cents", "cent", "pence"], 0.01)]),
    (Dimension::Money("USD"), &[(&["$", "usd", "dollar", "dollars"], 1.0)]),
    (Dimension::Money("EUR"), &[(&["€", "eur", "euro", "euros"], 1.0)]),
    (Dimension::Money("GBP"), &[(&["£", "gbp"], 1.0)]),
    (Dimension::Money("INR"), &[(&["₹", "inr", "rupees"], 1.0)]),
    (Dimension::Money("JPY"), &[(&["¥", "jpy", "yen"], 1.0)]),
    (Dimension::Money("CHF"), &[(&["chf"], 1.0)]),
];

/// Units of one letter, in which capitals matter.
const LETTERS: &[(char, Dimension, f64)] = &[
    ('m', Dimension::Length, 1_000.0),
    ('g', Dimension::Mass, 1.0),
    ('l', Dimension::Volume, 1_000.0),
    ('L', Dimension::Volume, 1_000.0),
    ('W', Dimension::Power, 1.0),
    ('V', Dimension::Voltage, 1.0),
    ('A', Dimension::Current, 1.0),
    ('h', Dimension::Time, 3_600.0),
    ('s', Dimension::Time, 1.0),
];

/// Every name that is not one letter, to its unit.
static NAMES: LazyLock<QuickMap<Unit>> = LazyLock::new(|| {
    let rows = TABLE.iter().flat_map(|(dimension, rows)| rows.iter().map(|row| (*dimension, row)));
    let units = rows.flat_map(|(dimension, (names, factor))| {
        let binary = match dimension {
            Dimension::Data => K.powi((factor.log10() / 3.0).round() as i32),
            _ => *factor,
        };
        names.iter().map(move |name| (*name, Unit { dimension, factor: *factor, binary }))
    });
    units.collect()
});

/// The longest name in [`TABLE`], in bytes.
const LONGEST: usize = 14;

impl Unit {
    /// The unit of a name or sign. Not of `in`, which is a word as often as it is an inch.
    pub(super) fn named(name: &str) -> Option<Self> {
        let mut chars = name.chars();
        if let (Some(letter), None) = (chars.next(), chars.next())
            && let Some((_, dimension, factor)) = LETTERS.iter().find(|(l, ..)| *l == letter)
        {
            return Some(Self { dimension: *dimension, factor: *factor, binary: *factor });
        }
        if name.len() > LONGEST {
            return None;
        }
        if name.chars().any(char::is_uppercase) {
            return NAMES.get(name.to_lowercase().as_str()).copied();
        }
        NAMES.get(name).copied()
    }

    /// An inch.
    pub(super) fn inch() -> Option<Self> {
        Self::named("inch")
    }

    pub(super) fn is_money(self) -> bool {
        matches!(self.dimension, Dimension::Money(_))
    }

    /// Whether both measure the same thing; an unknown currency may be any.
    pub(super) fn measures_like(self, other: Self) -> bool {
        match (self.dimension, other.dimension) {
            (Dimension::Money(a), Dimension::Money(b)) => a == b || a.is_empty() || b.is_empty(),
            (a, b) => a == b,
        }
    }

    /// Whether it measures this.
    pub(super) fn measures(self, dimension: Dimension) -> bool {
        match (self.dimension, dimension) {
            (Dimension::Money(_), Dimension::Money(_)) => true,
            (a, b) => a == b,
        }
    }

    /// A value of the other unit in this one, in each way that it may be meant.
    pub(super) fn convert(self, value: f64, from: Self) -> impl Iterator<Item = f64> {
        let decimal = value * from.factor / self.factor;
        let binary = value * from.binary / self.binary;
        std::iter::once(decimal).chain((binary != decimal).then_some(binary))
    }

    /// The units that a number without one is likely to be in, when it measures what this unit measures.
    pub(super) fn likely(self) -> impl Iterator<Item = Self> {
        let names: &[&str] = match self.dimension {
            Dimension::Length => &["mm", "cm", "m", "inch"],
            Dimension::Mass => &["g", "kg"],
            Dimension::Data => &["mb", "gb", "tb"],
            Dimension::Frequency => &["hz", "mhz", "ghz"],
            Dimension::DataRate => &["mbps"],
            Dimension::Power => &["W"],
            Dimension::Time => &["seconds", "minutes", "hours", "months", "years"],
            _ => &[],
        };
        names.iter().filter_map(|name| Self::named(name)).chain(std::iter::once(self))
    }
}

/// The numbers below twenty from two on, and the tens, in English and German.
const NUMBERS: &[(&str, &str, u32)] = &[
    ("two", "zwei", 2),
    ("three", "drei", 3),
    ("four", "vier", 4),
    ("five", "fünf", 5),
    ("six", "sechs", 6),
    ("seven", "sieben", 7),
    ("eight", "acht", 8),
    ("nine", "neun", 9),
    ("ten", "zehn", 10),
    ("eleven", "elf", 11),
    ("twelve", "zwölf", 12),
    ("thirteen", "dreizehn", 13),
    ("fourteen", "vierzehn", 14),
    ("fifteen", "fünfzehn", 15),
    ("sixteen", "sechzehn", 16),
    ("seventeen", "siebzehn", 17),
    ("eighteen", "achtzehn", 18),
    ("nineteen", "neunzehn", 19),
    ("twenty", "zwanzig", 20),
    ("thirty", "dreißig", 30),
    ("forty", "vierzig", 40),
    ("fifty", "fünfzig", 50),
    ("sixty", "sechzig", 60),
    ("seventy", "siebzig", 70),
    ("eighty", "achtzig", 80),
    ("ninety", "neunzig", 90),
];

/// The longest number in one word, in bytes.
const LONGEST_NUMBER: usize = 36;

/// Number words that count as figures when a unit follows. `one` and `ein` are articles as often as numbers.
pub(super) fn number_word(word: &str) -> Option<f64> {
    if word.len() > LONGEST_NUMBER {
        return None;
    }
    let word = word.to_lowercase();
    match word.as_str() {
        "hundred" => Some(100.0),
        "thousand" | "tausend" => Some(1_000.0),
        "dozen" | "dutzend" => Some(12.0),
        word => german(word).or_else(|| simple(word)).map(f64::from),
    }
}

/// What follows a number word in the same number, and what it makes of it: `four` of `twenty-four`, `hundred` of `two
/// hundred`, `twenty` of `hundred and twenty`.
pub(super) fn goes_on(number: f64, next: &str) -> Option<f64> {
    match next {
        "hundred" if number < 20.0 => return Some(number * 100.0),
        "thousand" | "tausend" if number < 1_000.0 => return Some(number * 1_000.0),
        "dozen" | "dutzend" if number < 12.0 => return Some(number * 12.0),
        _ => {}
    }
    let more = if next == "one" { 1.0 } else { f64::from(simple(next)?) };
    let room = if number % 100.0 == 0.0 {
        100.0
    } else if number % 10.0 == 0.0 && number % 100.0 >= 20.0 {
        10.0
    } else {
        return None;
    };
    (more < room).then_some(number + more)
}

fn simple(word: &str) -> Option<u32> {
    NUMBERS.iter().find(|(english, german, _)| word == *english || word == *german).map(|(.., value)| *value)
}

/// `vierundzwanzig`, `zweihundert`, `hundertzwanzig`.
fn german(word: &str) -> Option<u32> {
    let small = |word: &str| if word == "ein" { Some(1) } else { simple(word) };
    let below = |word: &str| match word.split_once("und") {
        Some((ones, tens)) => {
            let ones = small(ones).filter(|ones| *ones < 10)?;
            Some(ones + simple(tens).filter(|tens| *tens >= 20)?)
        }
        None => small(word),
    };
    match word.split_once("hundert") {
        Some((hundreds, rest)) => {
            let hundreds =
                if hundreds.is_empty() { 1 } else { small(hundreds).filter(|count| *count < 20)? };
            let rest = rest.strip_prefix("und").unwrap_or(rest);
            Some(hundreds * 100 + if rest.is_empty() { 0 } else { below(rest)? })
        }
        None => below(word).filter(|value| *value > 1),
    }
}
