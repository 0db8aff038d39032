//! What copy names that a product has or has not, and the words by which facts speak of it. Data, and how it is compiled.
//!
//! Every word here is written in small letters with a space for each hyphen, as texts are read. A phrase that begins
//! with `=` is met only as it is written, capitals included; one that ends in `~` takes German endings. A word of
//! `follows` may ask for another beside it: `wireless@charging`.

use std::ops::Range;
use std::sync::LazyLock;

use crate::guardrail::grounded::statements::small;

/// What becomes of a feature that copy affirms and facts say nothing of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsaid {
    /// It passes: it is vague, or follows from what anybody knows of such products.
    Passes,
    /// It is found where the facts speak of enough of its group, so that they would speak of it too.
    InGroup,
    /// It is found always: nobody may invent such a thing.
    Found,
}

/// Features that facts tend to list together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    None,
    Radio,
    Network,
    Ports,
    Sound,
    Camera,
    Sensors,
    Display,
    Memory,
    Power,
    Care,
}

impl Group {
    /// How many features of the group facts speak of when they can be taken to list them all.
    pub(super) fn enough(self) -> usize {
        match self {
            Self::None => usize::MAX,
            Self::Radio | Self::Ports => 3,
            Self::Network | Self::Camera | Self::Sensors => 2,
            Self::Sound | Self::Display | Self::Memory | Self::Power | Self::Care => 1,
        }
    }
}

/// One thing that a product has or has not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Feature {
    /// How copy and facts name it.
    pub(super) said: &'static [&'static str],
    /// Words from which it follows, in facts alone.
    pub(super) follows: &'static [&'static str],
    /// Names of attributes, besides `said`, that say whether there is one.
    pub(super) asked: &'static [&'static str],
    /// Names of attributes whose `No` denies it, and whose `Yes` says nothing of it.
    pub(super) under: &'static [&'static str],
    /// Names of attributes whose `No` affirms it: sugar, of what is free of it.
    pub(super) opposite: &'static [&'static str],
    /// One of these stands in the same sentence, or in the same attribute.
    pub(super) beside: &'static [&'static str],
    /// Words that make it something else when they stand right before or after it.
    pub(super) unless: &'static [&'static str],
    /// The families of which it is one kind: a product that is of another kind is not of this one.
    pub(super) kinds: &'static [(Family, &'static str)],
    pub(super) group: Group,
    pub(super) unsaid: Unsaid,
}

/// A family of kinds that exclude each other, unless facts name several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Usb,
    Sim,
    Card,
    Panel,
    Lcd,
    Cell,
    Network,
    Status,
    Material,
    Link,
    Print,
    Drive,
    Sleeve,
    Keyboard,
    Bands,
    Current,
    Chip,
    Graphics,
    System,
}

impl Family {
    /// Words of the names of attributes that say the kind.
    pub(super) fn attributes(self) -> &'static [&'static str] {
        match self {
            Self::Usb => &["usb", "charging port", "connector type", "anschluss"],
            Self::Sim => &["sim"],
            Self::Card => &["card", "speicherkarte"],
            Self::Panel | Self::Lcd => &["display", "panel", "screen", "bildschirm"],
            Self::Cell => &["battery", "batteries", "akku", "batterie"],
            Self::Network => &["technology", "network", "cellular", "mobilfunk"],
            Self::Status => &["status", "availability", "verfügbarkeit"],
            Self::Material => &[
                "material",
                "materials",
                "fabric",
                "composition",
                "build",
                "upper",
                "obermaterial",
                "gewebe",
                "shell",
            ],
            Self::Link => &["connectivity technology", "connectivity", "connection", "verbindung"],
            Self::Print => &["print technology", "printing technology", "print type", "drucktechnologie"],
            Self::Drive => &["storage", "hdd", "drive", "drives", "festplatte"],
            Self::Sleeve => &["sleeve", "sleeves", "ärmel"],
            Self::Keyboard => &["keyboard", "tastatur"],
            Self::Bands => &["wlan", "wi fi", "wifi", "band", "bands"],
            Self::Current => &["battery type", "battery", "type"],
            Self::Chip => &["chipset", "processor", "cpu", "soc", "platform", "prozessor"],
            Self::Graphics => &["gpu", "graphics", "platform", "grafik", "grafikkarte"],
            Self::System => &["os", "operating system", "platform", "betriebssystem"],
        }
    }
}

const fn feature(said: &'static [&'static str]) -> Feature {
    Feature {
        said,
        follows: &[],
        asked: &[],
        under: &[],
        opposite: &[],
        beside: &[],
        unless: &[],
        kinds: &[],
        group: Group::None,
        unsaid: Unsaid::Passes,
    }
}

impl Feature {
    /// Whether a product has it or has not, rather than being of one kind or another.
    pub(super) fn is_yes_or_no(&self) -> bool {
        self.kinds.is_empty() || self.group != Group::None
    }

    const fn follows(mut self, words: &'static [&'static str]) -> Self {
        self.follows = words;
        self
    }
    const fn asked(mut self, names: &'static [&'static str]) -> Self {
        self.asked = names;
        self
    }
    const fn under(mut self, names: &'static [&'static str]) -> Self {
        self.under = names;
        self
    }
    const fn opposite(mut self, names: &'static [&'static str]) -> Self {
        self.opposite = names;
        self
    }
    const fn beside(mut self, words: &'static [&'static str]) -> Self {
        self.beside = words;
        self
    }
    const fn unless(mut self, words: &'static [&'static str]) -> Self {
        self.unless = words;
        self
    }
    const fn kinds(mut self, kinds: &'static [(Family, &'static str)]) -> Self {
        self.kinds = kinds;
        self
    }
    /// Listed with others of its group.
    const fn of(mut self, group: Group) -> Self {
        self.group = group;
        self.unsaid = Unsaid::InGroup;
        self
    }
    /// Counts for its group, and passes where facts do not speak of it.
    const fn loosely(mut self) -> Self {
        self.unsaid = Unsaid::Passes;
        self
    }
    /// Never to be invented.
    const fn strictly(mut self) -> Self {
        self.unsaid = Unsaid::Found;
        self
    }
}

/// Free of something: never to be invented, and what an attribute's `No` affirms.
const fn free(said: &'static [&'static str], of: &'static [&'static str]) -> Feature {
    feature(said).opposite(of).strictly()
}

const fn kind(said: &'static [&'static str], kinds: &'static [(Family, &'static str)]) -> Feature {
    feature(said).kinds(kinds)
}

use Family as F;
use Group as G;

/// The general lexicon.
pub(super) const FEATURES: &[Feature] = &[
    // Radio.
    feature(&["nfc", "near field communication"]).of(G::Radio).strictly(),
    feature(&["bluetooth"]).of(G::Radio),
    feature(&["wi fi", "wifi", "wlan", "wireless lan", "wireless network"])
        .asked(&["wi fi standards", "top wi fi standard", "wlan data transfer rate", "wireless internet"])
        .follows(&["802.11", "802.11a", "802.11b", "802.11g", "802.11n", "802.11ac", "802.11ax", "802.11 a"])
        .of(G::Radio),
    feature(&["gps", "a gps", "gps receiver", "gps navigation"])
        .asked(&["positioning", "gps satellite", "satellite navigation", "navigation"])
        .follows(&["gnss"])
        .of(G::Radio),
    feature(&["glonass"]).under(&["positioning"]).of(G::Radio),
    feature(&["beidou", "bds"]).under(&["positioning"]).of(G::Radio),
    feature(&["galileo"])
        .under(&["positioning"])
        .beside(&["gps", "glonass", "satellite", "navigation", "bds"])
        .of(G::Radio),
    feature(&["qzss"]).under(&["positioning"]).of(G::Radio),
    feature(&["navic"]).under(&["positioning"]).of(G::Radio),
    feature(&["fm radio", "stereo fm radio", "radio", "fm tuner", "fm receiver", "ukw radio", "fm radios"])
        .follows(&["rds"])
        .unless(&[
            "frequency",
            "frequencies",
            "waves",
            "wave",
            "interference",
            "controlled",
            "control",
            "signal",
            "signals",
            "module",
            "access",
            "link",
            "station",
            "stations",
        ])
        .of(G::Radio),
    feature(&["infrared port", "infrared", "infrared blaster", "ir blaster", "irda", "ir port", "infrarot"])
        .asked(&["infrared port", "infrared data port"])
        .follows(&["ir"])
        .of(G::Radio),
    feature(&["usb otg", "otg", "usb on the go"]).follows(&["on the go"]).under(&["usb"]).of(G::Radio),
    feature(&["wi fi direct", "wifi direct"]).under(&["wlan"]).of(G::Radio),
    feature(&["dlna"]).under(&["wlan"]).of(G::Radio),
    feature(&["aptx"]).under(&["bluetooth"]).of(G::Radio),
    // Ports.
    feature(&["usb", "usb port", "usb connectivity", "usb anschluss", "usb connection", "usb interface"])
        .asked(&["usb", "usb port", "usb required"])
        .follows(&["microusb", "miniusb", "type c", "usbc", "thunderbolt", "usb2.0", "usb3.0"])
        .unless(&[
            "cable", "kabel", "stick", "sticks", "adapter", "charger", "drive", "drives", "hub", "powered",
        ])
        .of(G::Radio),
    kind(
        &[
            "usb c",
            "usb type c",
            "type c",
            "usbc",
            "usb typ c",
            "usb c port",
            "usb type c port",
            "type c port",
        ],
        &[(F::Usb, "c")],
    )
    .under(&["usb", "usb port"])
    .follows(&["thunderbolt 3", "thunderbolt 4", "usb4"])
    .of(G::Radio),
    kind(&["micro usb", "microusb", "micro usb port", "microusb port"], &[(F::Usb, "micro")])
        .under(&["usb", "usb port"])
        .of(G::Radio),
    kind(&["mini usb", "miniusb", "mini usb port", "usb mini"], &[(F::Usb, "mini")])
        .under(&["usb", "usb port"])
        .of(G::Radio),
    kind(&["lightning port", "lightning connector", "lightning anschluss"], &[(F::Usb, "lightning")])
        .follows(&["lightning"])
        .of(G::Radio),
    kind(&["proprietary usb", "proprietary connector", "proprietary port"], &[(F::Usb, "proprietary")])
        .follows(&["proprietary"]),
    feature(&["hdmi", "hdmi port", "hdmi output"])
        .asked(&["hdmi ports quantity", "hdmi in", "hdmi out"])
        .follows(&["mhl", "micro hdmi", "mini hdmi"])
        .unless(&["cable", "kabel", "adapter"])
        .of(G::Ports),
    feature(&["displayport", "display port"])
        .asked(&["displayports quantity"])
        .follows(&["thunderbolt", "mini dp", "dp"])
        .of(G::Ports),
    feature(&["thunderbolt"]).of(G::Ports).strictly(),
    feature(&["vga port", "vga output", "vga connector", "d sub"])
        .asked(&["vga"])
        .follows(&["vga"])
        .of(G::Ports),
    feature(&["ethernet port", "lan port", "ethernet", "rj 45", "rj45"])
        .asked(&["ethernet lan", "ethernet lan rj 45 ports"])
        .follows(&["lan", "gigabit", "10 100", "10 100 1000"])
        .of(G::Ports),
    feature(&["firewire", "ieee 1394"]).follows(&["ieee1394", "ieee1394 ports"]).of(G::Ports),
    feature(&["esata"]).of(G::Ports),
    feature(&["serial port"]).asked(&["serial ports"]).follows(&["rs 232", "serial"]).of(G::Ports),
    feature(&["parallel port"]).asked(&["parallel ports"]).follows(&["parallel"]).of(G::Ports),
    feature(&["card reader", "kartenleser"])
        .asked(&["card reader integrated", "memory card slot s"])
        .follows(&["sd card", "memory card", "cardreader", "card slot"])
        .of(G::Ports)
        .loosely(),
    feature(&["optical drive", "dvd drive", "dvd burner", "dvd writer", "cd drive"])
        .asked(&["optical drive type", "built in optical drive"])
        .follows(&["dvd", "blu ray", "cd rw", "supermulti"])
        .of(G::Ports),
    feature(&["tv tuner", "built in tuner"])
        .asked(&["tv tuner integrated", "tv tuner integrated"])
        .follows(&["tuner"]),
    // Sound.
    feature(&[
        "headphone jack",
        "headphone jacks",
        "audio jack",
        "headphone port",
        "headphone socket",
        "headphone output",
        "earphone jack",
        "headset jack",
        "3.5mm jack",
        "3.5 mm jack",
        "3.5mm headphone jack",
        "3.5 mm headphone jack",
        "3.5mm audio jack",
        "3.5 mm audio jack",
        "3.5mm audio port",
        "3.5 mm audio port",
        "3.5mm headphone port",
        "3.5 mm headphone port",
        "3.5mm port",
        "3.5mm audio output",
        "3.5mm stereo jack",
        "3.5 mm stereo jack",
        "3.5mm headset jack",
        "3.5mm earphone jack",
        "3.5mm connector",
        "3.5 millimeter headphone jack",
        "3.5 millimetre headphone jack",
        "3.5 millimeter jack",
        "kopfhöreranschluss",
        "klinkenanschluss",
        "kopfhörerbuchse",
        "klinkenbuchse",
        "3,5 mm klinke",
        "3,5 mm klinkenanschluss",
    ])
    .asked(&[
        "headphone out",
        "headphone outputs",
        "headphone",
        "3.5mm",
        "3.5 mm",
        "combo headphone mic port",
        "headphone connectivity",
        "kopfhörer",
    ])
    .follows(&["3.5mm", "3.5 mm", "combo jack", "klinke", "audio combo"])
    .of(G::Sound)
    .unless(&["adapter", "adaptor"])
    .strictly(),
    feature(&["loudspeaker", "loudspeakers", "lautsprecher", "built in speaker", "built in speakers"])
        .asked(&[
            "built in speaker s",
            "speakers",
            "speaker",
            "number of speakers",
            "number of built in speakers",
        ])
        .follows(&["speaker", "speakers"])
        .of(G::Sound)
        .loosely(),
    feature(&[
        "stereo speakers",
        "stereo speaker",
        "dual speakers",
        "stereolautsprecher",
        "stereo lautsprecher",
    ])
    .follows(&["two speakers", "2 speakers", "2 x", "4 speakers"])
    .under(&["loudspeaker"])
    .asked(&["number of speakers", "number of built in speakers"])
    .of(G::Sound),
    feature(&["microphone", "mikrofon"])
        .asked(&["built in microphone", "microphone in"])
        .follows(&["mic"])
        .of(G::Sound)
        .loosely(),
    feature(&[
        "noise cancelling",
        "noise canceling",
        "noise cancellation",
        "active noise cancellation",
        "noise reduction microphone",
        "geräuschunterdrückung",
    ])
    .asked(&["active noise cancelling"])
    .follows(&["anc", "noise reduction", "noise cancel", "noise isolating"])
    .strictly(),
    feature(&["3d surround sound", "surround sound"]).follows(&["surround", "5.1", "7.1", "dolby"]),
    feature(&["dolby atmos"]).strictly(),
    // Mobile networks.
    kind(&["=5G", "5g connectivity", "5g network", "5g support"], &[(F::Network, "5g")])
        .asked(&["5g bands"])
        .under(&["cellular", "mobile network"])
        .unless(&["of", "ghz"])
        .follows(&["5g"])
        .of(G::Network)
        .strictly(),
    kind(
        &["=4G", "=LTE", "4g lte", "4g connectivity", "lte connectivity", "4g volte", "lte"],
        &[(F::Network, "4g")],
    )
    .asked(&["4g bands", "4g"])
    .under(&["cellular", "mobile network"])
    .follows(&["4g", "lte a"])
    .unless(&["of", "x", "ram", "ddr", "memory", "storage"])
    .of(G::Network)
    .strictly(),
    kind(&["=3G", "hspa", "umts", "hsdpa", "wcdma", "3g connectivity"], &[(F::Network, "3g")])
        .asked(&["3g bands", "3g"])
        .under(&["cellular", "mobile network"])
        .follows(&["3g", "4g", "hsupa", "cdma2000", "evdo", "hspa+"])
        .unless(&["of", "x", "ram", "ddr", "memory", "storage"])
        .of(G::Network),
    kind(&["=2G", "gsm"], &[(F::Network, "2g")])
        .asked(&["2g bands", "2g"])
        .follows(&["2g", "gprs", "edge", "cdma"])
        .under(&["cellular"])
        .unless(&["of"])
        .of(G::Network),
    feature(&["gprs"]).under(&["cellular"]).of(G::Network),
    feature(&["=EDGE"]).asked(&["edge"]).follows(&["edge"]).under(&["cellular"]).of(G::Network),
    feature(&["cdma"]).under(&["cellular"]).follows(&["cdma2000"]).of(G::Network),
    feature(&["cellular connectivity", "cellular network", "mobile data"])
        .asked(&["cellular"])
        .follows(&["gsm", "lte", "umts", "hspa", "cellular", "5g"]),
    feature(&["dual sim", "two sim cards"])
        .follows(&["sim 2", "dualsim"])
        .under(&["sim"])
        .asked(&["sim capability"])
        .of(G::Network),
    feature(&["esim", "e sim"]).under(&["sim"]).strictly(),
    kind(&["nano sim", "nanosim"], &[(F::Sim, "nano")]).under(&["sim"]).of(G::Network),
    kind(&["micro sim", "microsim"], &[(F::Sim, "micro")]).under(&["sim"]).of(G::Network),
    kind(&["mini sim", "minisim"], &[(F::Sim, "mini")]).under(&["sim"]).of(G::Network),
    // Storage.
    kind(
        &[
            "microsd",
            "micro sd",
            "microsd card",
            "micro sd card",
            "microsdhc",
            "microsdxc",
            "micro sdhc",
            "micro sdxc",
            "microsd slot",
            "microsd card slot",
        ],
        &[(F::Card, "microsd")],
    )
    .follows(&["transflash", "t flash", "tf card"])
    .under(&["card slot", "memory card slot", "memory card", "card"])
    .of(G::Memory),
    kind(&["minisd", "mini sd"], &[(F::Card, "minisd")])
        .under(&["card slot", "memory card slot"])
        .of(G::Memory),
    kind(&["=MMC", "micrommc", "rs mmc", "mmc/sd", "mmc card"], &[(F::Card, "mmc")])
        .follows(&["mmc"])
        .under(&["card slot", "memory card slot"])
        .of(G::Memory),
    kind(&["sd card", "sdhc card", "sdxc card", "sd karte"], &[(F::Card, "sd")])
        .follows(&["sd", "sdhc", "sdxc", "microsd", "microsdhc", "microsdxc", "minisd"])
        .under(&["card slot", "memory card slot"])
        .of(G::Memory)
        .loosely(),
    kind(&["memory stick"], &[(F::Card, "stick")]).under(&["card slot", "memory card slot"]).of(G::Memory),
    kind(&["compactflash", "compact flash"], &[(F::Card, "cf")])
        .follows(&["cf"])
        .under(&["card slot", "memory card slot"])
        .of(G::Memory),
    feature(&[
        "expandable storage",
        "expandable memory",
        "expandable",
        "storage can be expanded",
        "memory can be expanded",
        "can be expanded",
        "storage expansion",
        "memory expansion",
        "expansion slot",
        "memory card slot",
        "card slot",
        "speicherkartensteckplatz",
        "erweiterbarer speicher",
        "speicherkarte",
    ])
    .asked(&[
        "card slot",
        "memory card slot",
        "memory card slot s",
        "expandable",
        "card reader integrated",
        "memory card",
    ])
    .follows(&[
        "microsd",
        "microsdhc",
        "microsdxc",
        "micro sd",
        "minisd",
        "micrommc",
        "mmc",
        "sd",
        "sdhc",
        "sdxc",
        "memory stick",
        "expandable",
        "compactflash",
        "card reader",
        "cardreader",
    ])
    .unless(&["sim", "pci", "express", "graphics", "pcie", "waistband", "size"])
    .beside(&["storage", "memory", "card", "gb", "speicher", "microsd", "usb"])
    .of(G::Memory),
    kind(&["ssd", "solid state drive"], &[(F::Drive, "ssd")]).follows(&[
        "nvme",
        "solid state",
        "emmc",
        "pcie",
    ]),
    kind(&["hdd", "hard disk", "hard disk drive", "hard drive", "festplatte"], &[(F::Drive, "hdd")])
        .follows(&["rpm", "hard", "sata", "serial ata"]),
    // Cameras.
    feature(&[
        "front camera",
        "selfie camera",
        "front facing camera",
        "frontkamera",
        "vga front camera",
        "vga front facing camera",
        "selfie shooter",
        "front facing selfie camera",
        "secondary camera",
        "selfie kamera",
        "front shooter",
        "video call camera",
        "videocall camera",
    ])
    .asked(&["selfie camera", "front camera", "secondary camera"])
    .follows(&["videocall camera", "video call", "selfie", "front facing", "infinity o", "webcam"])
    .under(&["camera", "cameras"])
    .of(G::Camera),
    feature(&["rear camera", "main camera", "back camera", "primary camera", "hauptkamera"])
        .asked(&["camera", "cameras"])
        .follows(&["camera", "megapixel", "mp"])
        .under(&["camera"])
        .of(G::Camera)
        .loosely(),
    feature(&["camera", "kamera"])
        .asked(&["built in camera", "webcam", "cameras"])
        .follows(&["megapixel", "webcam", "mp", "cameras", "photo"])
        .of(G::Camera)
        .loosely(),
    feature(&[
        "video recording",
        "record video",
        "records video",
        "record videos",
        "recording video",
        "recording videos",
        "video recorder",
        "video capture",
        "shoot video",
        "videoaufnahme",
        "videoaufnahmen",
        "capture video",
        "capture videos",
    ])
    .asked(&["video", "video recording", "video capture", "video pixels"])
    .follows(&["1080p", "720p", "480p", "fps", "video"])
    .of(G::Camera)
    .loosely(),
    feature(&[
        "led flash",
        "camera flash",
        "dual led flash",
        "led blitz",
        "xenon flash",
        "quad led flash",
        "blitzlicht",
    ])
    .asked(&["flash", "rear camera flash", "front camera flash", "built in flash"])
    .follows(&["flash", "blitz"])
    .of(G::Camera),
    feature(&["autofocus", "auto focus", "autofokus"])
        .follows(&["af", "pdaf", "phase detection", "focus", "dual pixel", "auto"])
        .of(G::Camera),
    feature(&[
        "=OIS",
        "optical image stabilization",
        "optical image stabilisation",
        "optical stabilization",
        "optical stabilisation",
        "optical image stabilizer",
        "optical image stabiliser",
        "optischer bildstabilisator",
    ])
    .asked(&["image stabilizer"])
    .follows(&["ois", "image stabilizer", "image stabilization", "lens shift"])
    .of(G::Camera),
    feature(&["=EIS", "electronic image stabilization", "electronic image stabilisation"])
        .follows(&["eis", "gyro eis", "electronic"])
        .of(G::Camera),
    feature(&["image stabilization", "image stabilisation", "image stabilizer", "bildstabilisator"])
        .follows(&["ois", "eis", "gyro eis", "stabilization", "stabilizer", "steadyshot"])
        .of(G::Camera),
    feature(&["optical zoom", "optischer zoom"]).follows(&["optical", "zoom"]).of(G::Camera),
    feature(&["telephoto", "telephoto lens", "telephoto camera"]).follows(&["tele"]).of(G::Camera),
    feature(&["macro camera", "macro lens", "macro sensor"]).follows(&["macro"]).of(G::Camera),
    feature(&["ultrawide", "ultra wide", "ultra wide angle", "ultrawide angle"])
        .follows(&["wide angle"])
        .beside(&["camera", "lens", "sensor", "mp", "megapixel", "shooter"])
        .of(G::Camera),
    feature(&["depth sensor", "depth camera", "depth sensing", "depth lens"])
        .follows(&["depth", "tof", "bokeh"])
        .of(G::Camera),
    feature(&["laser autofocus", "laser af"]).of(G::Camera),
    feature(&["=HDR"]).follows(&["hdr", "hdr10", "high dynamic range"]).of(G::Camera),
    feature(&["panorama"]).follows(&["panoramic"]).of(G::Camera),
    // Sensors.
    feature(&[
        "fingerprint",
        "fingerprint sensor",
        "fingerprint reader",
        "fingerprint scanner",
        "fingerabdrucksensor",
        "fingerabdruckleser",
    ])
    .asked(&["fingerprint reader"])
    .follows(&["touch id", "biometric"])
    .under(&["sensors"])
    .unless(&["resistant", "resistance", "proof", "free", "magnet", "magnets"])
    .of(G::Sensors)
    .strictly(),
    feature(&["accelerometer", "beschleunigungssensor"])
        .under(&["sensors"])
        .follows(&["acceleration", "g sensor"])
        .of(G::Sensors),
    feature(&["gyroscope", "gyro", "gyro sensor", "gyroskop"]).under(&["sensors"]).of(G::Sensors),
    feature(&["proximity", "proximity sensor", "annäherungssensor"])
        .under(&["sensors"])
        .beside(&["sensor", "sensors", "accelerometer", "gyro", "compass"])
        .of(G::Sensors),
    feature(&["compass", "kompass", "magnetometer"])
        .under(&["sensors"])
        .follows(&["geomagnetic"])
        .beside(&["sensor", "sensors", "accelerometer", "gyro", "gyroscope", "proximity"])
        .of(G::Sensors),
    feature(&["barometer"]).under(&["sensors"]).of(G::Sensors),
    feature(&["heart rate monitor", "heart rate sensor", "heart rate", "herzfrequenzsensor", "pulsmesser"])
        .follows(&["pulse", "hr", "ppg"])
        .under(&["sensors"])
        .of(G::Sensors),
    feature(&["=SpO2", "blood oxygen"]).follows(&["spo2", "oxygen"]).under(&["sensors"]).strictly(),
    feature(&["face recognition", "facial recognition", "face unlock", "face id", "gesichtserkennung"])
        .follows(&["face", "windows hello"])
        .under(&["sensors"])
        .of(G::Sensors),
    feature(&["ambient light sensor", "light sensor"])
        .follows(&["ambient light", "light", "als"])
        .under(&["sensors"])
        .of(G::Sensors),
    feature(&["iris scanner"]).follows(&["iris"]).under(&["sensors"]).strictly(),
    feature(&["pedometer", "step counter", "schrittzähler"])
        .follows(&["steps", "step"])
        .under(&["sensors"])
        .of(G::Sensors),
    // Displays and keyboards.
    feature(&["touchscreen", "touch screen", "touch display"])
        .follows(&["touch", "capacitive", "resistive", "android", "ios"])
        .of(G::Display)
        .loosely(),
    kind(&["amoled", "oled", "super amoled", "poled", "p oled", "dynamic amoled"], &[(F::Panel, "oled")])
        .of(G::Display),
    kind(&["lcd"], &[(F::Panel, "lcd")]).follows(&["tft", "ips", "tn", "va"]).of(G::Display).loosely(),
    kind(&["=IPS"], &[(F::Panel, "lcd"), (F::Lcd, "ips")]).follows(&["ips"]).of(G::Display).loosely(),
    kind(&["=TFT"], &[(F::Panel, "lcd"), (F::Lcd, "tft")]).follows(&["tft", "lcd"]).of(G::Display).loosely(),
    kind(&["e ink", "e paper"], &[(F::Panel, "ink")]).follows(&["eink", "e reader"]).of(G::Display),
    feature(&["gorilla glass"]).of(G::Display).strictly(),
    feature(&["always on display"]).follows(&["always on"]).of(G::Display),
    feature(&["foldable", "faltbar~", "zusammenklappbar~", "folds flat"]).follows(&[
        "fold",
        "folding",
        "unfolded",
        "folds",
        "collapsible",
        "foldable",
        "klappbar",
    ]),
    feature(&[
        "backlit keyboard",
        "keyboard backlight",
        "backlit keys",
        "illuminated keyboard",
        "beleuchtete tastatur",
        "tastaturbeleuchtung",
    ])
    .asked(&["keyboard backlit", "keyboard backlight"])
    .follows(&["backlit", "backlight", "illuminated", "rgb", "backlighting"])
    .strictly(),
    feature(&["numeric keypad", "ziffernblock", "number pad"]).follows(&["numeric", "keypad"]),
    kind(&["qwerty"], &[(F::Keyboard, "qwerty")]).asked(&["keyboard"]),
    kind(&["qwertz"], &[(F::Keyboard, "qwertz")]),
    kind(&["azerty"], &[(F::Keyboard, "azerty")]),
    // Power.
    feature(&[
        "wireless charging",
        "wireless charger",
        "qi charging",
        "charges wirelessly",
        "charge wirelessly",
        "wirelessly charge",
        "kabelloses laden",
        "induktives laden",
        "kabelloses aufladen",
        "wired and wireless charging",
    ])
    .follows(&["qi", "wireless@charging", "wireless@charge", "inductive", "magsafe", "induktiv"])
    .of(G::Power)
    .strictly(),
    feature(&["reverse charging", "reverse wireless charging", "reverse wired charging"])
        .follows(&["reverse", "otg"])
        .of(G::Power)
        .strictly(),
    feature(&[
        "fast charging",
        "quick charging",
        "fast charge",
        "rapid charging",
        "super fast charging",
        "fast wired charging",
        "schnellladefunktion",
        "schnellladen",
        "rapid charge",
        "quick charge",
        "fast charger",
    ])
    .follows(&[
        "quick charge",
        "quick@charging",
        "fast@charging",
        "rapid@charging",
        "turbo@charging",
        "super@charging",
        "pd@charging",
        "qc3",
        "qc4",
        "qc5",
        "power delivery",
        "supervooc",
        "vooc",
        "warp charge",
        "min@charging",
        "adaptive fast",
        "fast",
        "schnell",
    ])
    .of(G::Power)
    .strictly(),
    feature(&[
        "removable",
        "replaceable battery",
        "user replaceable battery",
        "removable battery",
        "wechselakku",
        "austauschbarer akku",
        "wechselbarer akku",
    ])
    .beside(&["battery", "akku", "batterie"])
    .follows(&["replaceable@battery", "replacement battery", "hot swap battery", "swappable"])
    .unless(&[
        "cover", "strap", "straps", "lid", "media", "storage", "keyboard", "pouch", "drives", "back",
        "panel", "case", "stylus", "shell", "frame",
    ])
    .of(G::Power),
    feature(&["built in battery", "integrated battery", "eingebauter akku"])
        .asked(&["built in battery", "batteries included"])
        .follows(&["battery", "mah", "akku", "wh"]),
    kind(&["li ion", "lithium ion", "liion", "lithium ionen"], &[(F::Cell, "ion")])
        .follows(&["lithium"])
        .of(G::Power),
    kind(
        &["li po", "lithium polymer", "li polymer", "lipo", "lithium ion polymer", "li poly"],
        &[(F::Cell, "po")],
    )
    .follows(&["polymer"])
    .of(G::Power),
    kind(&["nimh", "ni mh", "nickel metal hydride"], &[(F::Cell, "nimh")]).of(G::Power),
    kind(&["alkaline"], &[(F::Cell, "alkaline")]).follows(&["alkali"]).of(G::Power).loosely(),
    kind(&["rechargeable", "wiederaufladbar~", "aufladbar~"], &[(F::Current, "again")]).follows(&[
        "li ion",
        "li po",
        "lithium ion",
        "lithium polymer",
        "mah",
        "charging",
        "nimh",
        "ni mh",
        "recharge",
        "charge",
        "charger",
        "akku",
        "ups",
        "lead acid",
    ]),
    kind(&["single use battery", "disposable battery"], &[(F::Current, "once")]).follows(&[
        "single use",
        "disposable",
        "non rechargeable",
    ]),
    feature(&["batteries included", "battery included", "inklusive batterien", "batterien inklusive"])
        .asked(&["batteries included", "battery included"])
        .follows(&["number of batteries included", "included@battery", "included@batteries"])
        .strictly(),
    feature(&["solar powered", "solar panel", "solar charging", "solarbetrieben~"])
        .follows(&["solar"])
        .strictly(),
    // Protection.
    feature(&[
        "waterproof",
        "wasserdicht~",
        "wasserfest~",
        "water proof",
        "submersible",
        "swim proof",
        "swimproof",
    ])
    .follows(&[
        "ip57",
        "ip58",
        "ip65",
        "ip66",
        "ip67",
        "ip68",
        "ip69",
        "ip69k",
        "ipx5",
        "ipx6",
        "ipx7",
        "ipx8",
        "ipx9",
        "atm",
        "waterproofing",
        "underwater",
        "waterproofness",
        "gore tex",
        "goretex",
    ])
    .strictly(),
    feature(&[
        "water resistant",
        "water resistance",
        "water repellent",
        "water repellant",
        "wasserabweisend~",
        "wasserresistent~",
        "resistant to water",
        "water and dust resistant",
        "resists water",
    ])
    .follows(&[
        "waterproof",
        "water",
        "splash",
        "ip52",
        "ip53",
        "ip54",
        "ip55",
        "ip57",
        "ip58",
        "ip64",
        "ip65",
        "ip66",
        "ip67",
        "ip68",
        "ip69",
        "ip69k",
        "ipx2",
        "ipx3",
        "ipx4",
        "ipx5",
        "ipx6",
        "ipx7",
        "ipx8",
        "atm",
        "dwr",
        "rain",
        "weatherproof",
        "weather resistant",
        "waterproofing",
        "resistance@water",
        "wasser",
        "gore tex",
        "goretex",
    ])
    .asked(&["water resistant"])
    .strictly(),
    feature(&[
        "splash resistant",
        "splash proof",
        "splashproof",
        "splash resistance",
        "spritzwassergeschützt~",
    ])
    .follows(&[
        "splash",
        "water resistant",
        "waterproof",
        "ip54",
        "ip67",
        "ip68",
        "ipx4",
        "ipx5",
        "water",
        "ip53",
        "ip55",
        "ip65",
        "ip66",
        "ip69k",
        "ip64",
        "ip52",
    ])
    .strictly(),
    feature(&[
        "dustproof",
        "dust proof",
        "dust resistant",
        "dust resistance",
        "staubdicht~",
        "staubgeschützt~",
        "dust tight",
        "dust and water resistant",
    ])
    .follows(&[
        "dust", "ip5", "ip52", "ip53", "ip54", "ip55", "ip57", "ip58", "ip6", "ip64", "ip65", "ip66", "ip67",
        "ip68", "ip69", "ip69k", "ip6x",
    ])
    .strictly(),
    feature(&[
        "shockproof",
        "shock proof",
        "shock resistant",
        "drop proof",
        "dropproof",
        "drop resistant",
        "stoßfest~",
        "shatterproof",
        "bulletproof",
    ])
    .follows(&["shock", "drop", "mil std", "impact", "rugged", "shatter", "bullet"])
    .strictly(),
    feature(&[
        "fireproof",
        "fire resistant",
        "flame retardant",
        "flame resistant",
        "feuerfest~",
        "schwer entflammbar~",
    ])
    .follows(&["fire", "flame", "fire rating"])
    .strictly(),
    feature(&["scratch resistant", "scratch proof", "scratchproof", "kratzfest~"]).follows(&[
        "scratch",
        "sapphire",
        "gorilla",
        "hard coat",
        "dragontrail",
    ]),
    feature(&["uv resistant", "uv protection", "uv protective", "uv schutz", "blocks uv", "block uv"])
        .follows(&["uv", "ultraviolet", "upf", "spf", "uv400"])
        .strictly(),
    feature(&["windproof", "winddicht~"]).follows(&["wind", "windy", "windbreaker"]),
    feature(&["tamper proof", "tamperproof", "theft proof", "anti theft"])
        .follows(&["tamper", "theft", "security", "lock", "kensington", "lockable"])
        .strictly(),
    // Care and safety in the household.
    feature(&["machine washable", "machine wash", "maschinenwaschbar~", "waschmaschinenfest~"])
        .follows(&["wash", "washing", "washable", "care", "waschbar"])
        .of(G::Care),
    feature(&["hand wash only", "hand wash", "handwäsche"]).follows(&["hand wash"]).of(G::Care),
    feature(&["dry clean only", "dry clean"]).follows(&["dry clean"]).of(G::Care),
    feature(&["tumble dry", "trocknergeeignet~"]).follows(&["tumble"]).of(G::Care),
    feature(&["dishwasher safe", "dishwasher proof", "spülmaschinenfest~", "spülmaschinengeeignet~"])
        .follows(&["dishwasher", "spülmaschine"])
        .strictly(),
    feature(&["microwave safe", "mikrowellengeeignet~", "mikrowellenfest~"])
        .follows(&["microwave", "mikrowelle"])
        .strictly(),
    feature(&["oven safe", "backofenfest~", "ofenfest~"]).follows(&["oven", "ofen"]).strictly(),
    feature(&["freezer safe"]).follows(&["freezer"]).strictly(),
    feature(&["food grade", "food safe", "lebensmittelecht~"]).follows(&["food"]).strictly(),
    feature(&["child safe", "childproof", "child proof", "kindersicher~"])
        .follows(&["child", "kinder"])
        .strictly(),
    free(&["bpa free", "free of bpa", "bpa frei~"], &["bpa", "contains bpa"]),
    free(&["pvc free", "pvc frei~"], &["pvc", "contains pvc"]),
    free(&["lead free", "bleifrei~"], &["lead", "contains lead"]),
    free(&["halogen free", "halogenfrei~"], &["halogen"]).follows(&["low halogen"]),
    free(&["acid free", "säurefrei~"], &["acid"]),
    free(&["latex free", "latexfrei~"], &["latex", "contains latex"]),
    free(&["nickel free", "nickelfrei~"], &["nickel", "contains nickel"]),
    // Food, supplements, cosmetics.
    free(&["gluten free", "glutenfrei~"], &["gluten", "contains gluten"]),
    free(&["lactose free", "laktosefrei~"], &["lactose", "contains lactose", "laktose"])
        .follows(&["dairy free"]),
    free(&["dairy free"], &["dairy", "contains dairy", "milk"]),
    free(
        &["sugar free", "zuckerfrei~", "no added sugar", "ohne zuckerzusatz"],
        &["sugar", "added sugar", "zucker"],
    ),
    free(&["soy free", "sojafrei~"], &["soy", "contains soy", "soja"]),
    free(&["nut free", "nussfrei~"], &["nuts", "contains nuts", "nüsse"]),
    free(&["caffeine free", "koffeinfrei~", "decaffeinated"], &["caffeine", "koffein"]),
    free(&["alcohol free", "alkoholfrei~"], &["alcohol", "alkohol"]),
    free(
        &["fragrance free", "unscented", "parfümfrei~", "duftstofffrei~"],
        &["fragrance", "perfume", "parfüm"],
    ),
    free(&["paraben free", "parabenfrei~"], &["parabens", "paraben"]),
    free(&["silicone free", "silikonfrei~"], &["silicone", "silicones"]),
    free(&["sulfate free", "sulphate free"], &["sulfates", "sulphates"]),
    free(&["gmo free", "non gmo", "gentechnikfrei~", "ohne gentechnik"], &["gmo", "genetically modified"]),
    feature(&["cruelty free", "tierversuchsfrei~", "not tested on animals"]).strictly(),
    feature(&["vegan", "vegan friendly", "vegane", "veganer", "veganes", "plant based"])
        .follows(&["plant based", "plantbased", "pflanzlich"])
        .strictly(),
    feature(&["vegetarian", "vegetarisch~"]).follows(&["vegan", "plant based"]).strictly(),
    feature(&[
        "organic",
        "organically grown",
        "bio baumwolle",
        "biobaumwolle",
        "aus biologischem anbau",
        "bio qualität",
        "certified organic",
    ])
    .follows(&["bio", "gots", "organically", "biologisch"])
    .unless(&["shape", "shapes", "form", "forms", "growth", "search", "light", "photo", "el"])
    .strictly(),
    feature(&["halal"]).strictly(),
    feature(&["kosher", "koscher"]).strictly(),
    feature(&["hypoallergenic", "hypoallergen~"]).follows(&["allergy", "allergenic", "allergen"]).strictly(),
    feature(&["antibacterial", "antimicrobial", "anti microbial", "anti bacterial", "antibakteriell~"])
        .follows(&["microbial", "bacterial", "antimicrobial", "silver ions"])
        .strictly(),
    feature(&["recycled", "recycelt~", "recycled materials"])
        .follows(&["recycling", "recycle", "recyclable"])
        .unless(&["content"])
        .strictly(),
    feature(&["handmade", "hand made", "handcrafted", "hand crafted", "handgefertigt~", "handgemacht~"])
        .follows(&["handmade", "by hand", "handcrafted", "hand made", "hand woven", "hand knitted", "hand"])
        .strictly(),
    feature(&["energy star"]).strictly(),
    feature(&["fsc certified", "fsc zertifiziert~"]).follows(&["fsc"]).strictly(),
    feature(&["oeko tex", "öko tex"]).strictly(),
    feature(&["gots certified", "gots zertifiziert~"]).follows(&["gots"]).strictly(),
    feature(&["=MIL-STD", "military grade", "military standard"])
        .follows(&["mil std", "mil", "military"])
        .strictly(),
    // Materials: what a thing is said to be made of.
    kind(&["cotton", "baumwolle"], &[(F::Material, "cotton")])
        .unless(&["candy", "like", "soft", "feel", "swab"]),
    kind(&["polyester"], &[(F::Material, "polyester")]),
    kind(&["nylon", "polyamide", "polyamid"], &[(F::Material, "nylon")])
        .unless(&["like", "zipper", "webbing"]),
    kind(&["wool", "woollen", "merino", "merino wool", "wolle", "merinowolle"], &[(F::Material, "wool")])
        .unless(&["like", "steel", "glass", "rock", "mineral", "cotton"]),
    kind(&["silk", "seide"], &[(F::Material, "silk")]).unless(&["like", "smooth", "screen", "soft"]),
    kind(&["linen", "leinen"], &[(F::Material, "linen")]).unless(&["like", "look", "bed", "table"]),
    kind(&["cashmere", "kaschmir"], &[(F::Material, "cashmere")]).unless(&["like", "soft"]),
    kind(&["leather", "genuine leather", "real leather", "echtleder", "leder"], &[(F::Material, "leather")])
        .unless(&[
            "like",
            "look",
            "faux",
            "imitation",
            "artificial",
            "vegan",
            "synthetic",
            "pu",
            "eco",
            "free",
            "label",
            "patch",
        ]),
    kind(
        &[
            "faux leather",
            "imitation leather",
            "artificial leather",
            "vegan leather",
            "synthetic leather",
            "pu leather",
            "eco leather",
            "kunstleder",
        ],
        &[(F::Material, "faux leather")],
    ),
    kind(&["viscose", "rayon", "viskose"], &[(F::Material, "viscose")]),
    kind(&["aluminium", "aluminum"], &[(F::Material, "aluminium")]).follows(&["alloy", "metal"]).beside(&[
        "frame",
        "body",
        "case",
        "casing",
        "back",
        "chassis",
        "housing",
        "gehäuse",
        "rahmen",
        "made of",
        "construction",
        "build",
    ]),
    kind(&["titanium", "titan"], &[(F::Material, "titanium")])
        .unless(&["grey", "gray", "black", "silver", "blue", "colour", "color"])
        .beside(&[
            "frame",
            "body",
            "case",
            "casing",
            "back",
            "chassis",
            "housing",
            "gehäuse",
            "rahmen",
            "made of",
            "construction",
            "build",
        ]),
    kind(&["stainless steel", "edelstahl"], &[(F::Material, "steel")]).follows(&["steel", "metal"]).beside(
        &[
            "frame",
            "body",
            "case",
            "casing",
            "back",
            "chassis",
            "housing",
            "gehäuse",
            "rahmen",
            "made of",
            "construction",
            "build",
        ],
    ),
    kind(&["ceramic", "keramik"], &[(F::Material, "ceramic")]).beside(&[
        "frame",
        "body",
        "case",
        "casing",
        "back",
        "chassis",
        "housing",
        "gehäuse",
        "rahmen",
        "made of",
        "construction",
        "build",
    ]),
    // Other kinds.
    kind(&["wireless", "kabellos~", "schnurlos~", "cordless"], &[(F::Link, "wireless")])
        .follows(&[
            "wi fi",
            "wifi",
            "wlan",
            "bluetooth",
            "802.11",
            "802.11n",
            "802.11g",
            "802.11ac",
            "2.4 ghz",
            "rf",
            "dect",
            "cordless",
            "nfc",
            "lte",
            "gsm",
            "5g",
            "infrared",
        ])
        .unless(&["charging", "lan", "router"]),
    kind(&["wired"], &[(F::Link, "wired")])
        .follows(&["usb", "ethernet", "ps/2", "cable", "rj 45"])
        .unless(&["charging", "hard"]),
    kind(
        &["discontinued", "no longer in production", "no longer produced", "eingestellt"],
        &[(F::Status, "ended")],
    ),
    kind(&["cancelled", "canceled"], &[(F::Status, "never")]).unless(&["noise"]),
    kind(&["coming soon", "yet to be released", "not yet released"], &[(F::Status, "soon")]).follows(&[
        "upcoming@status",
        "exp. release",
        "rumored",
    ]),
    kind(&["currently available", "readily available", "available for purchase"], &[(F::Status, "now")])
        .follows(&["available@status", "in stock"]),
    kind(&["laser printer", "laser printing", "laserdrucker"], &[(F::Print, "laser")]).follows(&["laser"]),
    kind(&["inkjet", "ink jet", "tintenstrahl", "tintenstrahldrucker"], &[(F::Print, "ink")]),
    kind(&["long sleeve", "long sleeved", "langarm"], &[(F::Sleeve, "long")]).follows(&["long@sleeve"]),
    kind(&["short sleeve", "short sleeved", "kurzarm"], &[(F::Sleeve, "short")]).follows(&["short@sleeve"]),
    kind(&["tri band"], &[(F::Bands, "tri")]).beside(&["wi fi", "wifi", "wlan", "802.11"]),
    kind(&["dual band"], &[(F::Bands, "dual")]).beside(&["wi fi", "wifi", "wlan", "802.11"]),
    // Makers of what is inside, and what it runs.
    kind(&["qualcomm", "snapdragon"], &[(F::Chip, "qualcomm")]),
    kind(&["mediatek", "=Helio", "=Dimensity"], &[(F::Chip, "mediatek")]).follows(&[
        "mt6571",
        "helio",
        "dimensity",
    ]),
    kind(&["exynos"], &[(F::Chip, "exynos")]),
    kind(&["hisilicon", "=Kirin"], &[(F::Chip, "kirin")]).follows(&["kirin"]),
    kind(&["unisoc", "spreadtrum"], &[(F::Chip, "unisoc")]),
    kind(&["nvidia tegra", "=Tegra"], &[(F::Chip, "tegra")]).follows(&["tegra"]),
    kind(
        &["intel core", "intel celeron", "intel pentium", "intel xeon", "intel atom"],
        &[(F::Chip, "intel")],
    )
    .follows(&["intel"]),
    kind(&["amd ryzen", "amd athlon", "=Ryzen"], &[(F::Chip, "amd")]).follows(&["amd", "ryzen"]),
    kind(&["adreno"], &[(F::Graphics, "adreno")]),
    kind(&["=Mali"], &[(F::Graphics, "mali")]).follows(&["mali"]),
    kind(&["powervr"], &[(F::Graphics, "powervr")]),
    kind(&["geforce", "=Quadro"], &[(F::Graphics, "nvidia")]).follows(&["nvidia", "quadro"]),
    kind(&["radeon"], &[(F::Graphics, "amd")]),
    kind(&["=Android"], &[(F::System, "android")])
        .follows(&["android", "wear os", "one ui", "miui", "emui", "coloros"])
        .unless(&["compatible", "auto"]),
    kind(&["windows phone", "windows mobile", "=Windows"], &[(F::System, "windows")])
        .follows(&["windows", "wince"]),
    kind(&["symbian"], &[(F::System, "symbian")]).follows(&["series 60", "s60"]),
    kind(&["kaios"], &[(F::System, "kaios")]),
    kind(&["=iOS", "=iPadOS"], &[(F::System, "ios")]).follows(&["ios", "ipados"]).unless(&["compatible"]),
    kind(&["=HarmonyOS"], &[(F::System, "harmony")]).follows(&["harmonyos"]),
    kind(&["=Tizen"], &[(F::System, "tizen")]).follows(&["tizen"]),
    kind(&["blackberry os"], &[(F::System, "blackberry")]).follows(&["blackberry"]),
    kind(&["=macOS"], &[(F::System, "macos")]).follows(&["macos", "mac os", "os x"]),
    // Names that lend a product their fame.
    feature(&["=Leica"]).follows(&["leica"]).strictly(),
    feature(&["=Zeiss", "carl zeiss"]).follows(&["zeiss"]).strictly(),
    feature(&["hasselblad"]).strictly(),
    feature(&["harman kardon"]).strictly(),
    feature(&["dolby vision"]).strictly(),
    feature(&["gore tex", "goretex"]).strictly(),
    feature(&["=Vibram"]).follows(&["vibram"]).strictly(),
    feature(&["=YKK"]).follows(&["ykk"]).strictly(),
    feature(&["cordura"]).strictly(),
    feature(&["polartec"]).strictly(),
    feature(&["primaloft"]).strictly(),
    feature(&["thinsulate"]).strictly(),
    feature(&["swarovski"]).strictly(),
    // Software and messaging of simple phones: only what facts deny is found.
    feature(&["=Java", "java support"]).asked(&["java"]).follows(&["java", "midp"]),
    feature(&["browser", "web browser", "web browsing", "internet browsing"])
        .asked(&["browser"])
        .follows(&["html", "wap", "internet"]),
    feature(&["=SMS", "text messaging"]).follows(&["sms", "messaging"]),
    feature(&["=MMS"]).follows(&["mms"]),
    feature(&["games", "gaming features"]).asked(&["games"]).follows(&["gaming", "game"]),
    feature(&["mp3 player", "music player"])
        .asked(&["mp3 playback"])
        .follows(&["mp3", "music", "audio", "media"]),
    feature(&["=Alexa", "amazon alexa", "works with alexa"]).follows(&["alexa"]).strictly(),
    feature(&["google assistant"]).follows(&["android"]).strictly(),
    feature(&["apple carplay", "carplay"]).strictly(),
    feature(&["android auto"]).follows(&["android"]).strictly(),
    feature(&["stylus included", "s pen"]).follows(&["stylus", "pen"]).strictly(),
];

/// What a pattern says of a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Said,
    Follows,
    Asked,
    Under,
    Opposite,
}

/// One use of a pattern.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use {
    /// The place in [`FEATURES`].
    pub(super) feature: usize,
    pub(super) role: Role,
    /// A word that must stand beside it, in the same attribute.
    pub(super) beside: Option<&'static str>,
    /// As it must be written in copy.
    pub(super) written: Option<&'static str>,
    /// Whether it takes German endings.
    pub(super) inflects: bool,
}

/// One phrase of the lexicon.
#[derive(Debug)]
struct Phrase {
    text: String,
    uses: Vec<Use>,
}

/// The lexicon, compiled. Phrases begin where words begin, so each word of a text is looked up once, by its first
/// letters; most words are nowhere near any phrase.
#[derive(Debug)]
pub(super) struct Lexicon {
    phrases: Vec<Phrase>,
    /// The phrases that begin with some three letters; and those that have but two.
    long: Vec<Vec<u16>>,
    short: Vec<Vec<u16>>,
    /// Which first letters any phrase has, in little room: most words end here.
    starts: Vec<u64>,
}

const BUCKETS: usize = 2048;

/// More than there are buckets, so that few words of no phrase get past.
const STARTS: usize = 4 * BUCKETS;

fn hash(letters: [u8; 3]) -> usize {
    let [a, b, c] = letters.map(u32::from);
    ((a << 16 | b << 8 | c).wrapping_mul(0x9e37_79b1) >> 16) as usize % STARTS
}

/// What a byte of a text is: 0 between words, 1 a letter or digit, 2 part of a letter or sign beyond ASCII.
fn class(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => 1,
        128.. => 2,
        _ => 0,
    }
}

impl Lexicon {
    fn of(features: &[Feature]) -> Self {
        let mut lexicon = Self {
            phrases: Vec::new(),
            long: vec![Vec::new(); BUCKETS],
            short: vec![Vec::new(); BUCKETS],
            starts: vec![0; STARTS / 64],
        };
        for (index, feature) in features.iter().enumerate() {
            let roles = [
                (feature.said, Role::Said),
                (feature.follows, Role::Follows),
                (feature.asked, Role::Asked),
                (feature.under, Role::Under),
                (feature.opposite, Role::Opposite),
            ];
            for (words, role) in roles {
                words.iter().for_each(|phrase| lexicon.add(phrase, index, role));
            }
        }
        lexicon
    }

    fn add(&mut self, phrase: &'static str, feature: usize, role: Role) {
        let (phrase, beside) = phrase.split_once('@').map_or((phrase, None), |(word, by)| (word, Some(by)));
        let written = phrase.strip_prefix('=');
        let phrase = written.unwrap_or(phrase);
        let stem = phrase.strip_suffix('~');
        let text = small(stem.unwrap_or(phrase));
        let it = Use { feature, role, beside, written, inflects: stem.is_some() };
        if let Some(known) = self.phrases.iter_mut().find(|known| known.text == text) {
            return known.uses.push(it);
        }
        let Ok(index) = u16::try_from(self.phrases.len()) else { return };
        let letters = text.as_bytes();
        let buckets = if letters.len() > 2 { &mut self.long } else { &mut self.short };
        let first = match *letters {
            [a, b, c, ..] => [a, b, c],
            [a, b] => [a, b, 0],
            _ => return,
        };
        let start = hash(first);
        self.starts.get_mut(start / 64).into_iter().for_each(|bits| *bits |= 1 << (start % 64));
        buckets.get_mut(start % BUCKETS).into_iter().for_each(|bucket| bucket.push(index));
        self.phrases.push(Phrase { text, uses: vec![it] });
    }

    /// Every phrase that begins where a word of a text in small letters begins, with its range and uses. Where it ends
    /// is not looked at.
    pub(super) fn each<'l>(&'l self, text: &str, mut found: impl FnMut(Range<usize>, &'l [Use])) {
        let letters = text.as_bytes();
        let mut before = 0;
        for (at, letter) in letters.iter().enumerate() {
            let class = class(*letter);
            // A sign beyond ASCII may stand before a word or be its beginning.
            let begins = class != 0 && before != class && (before == 0 || class == 1);
            before = class;
            if !begins {
                continue;
            }
            let rest = letters.get(at..).unwrap_or_default();
            let of = |buckets: &'l [Vec<u16>], first: [u8; 3]| {
                let start = hash(first);
                let any = self.starts.get(start / 64).is_some_and(|bits| bits >> (start % 64) & 1 == 1);
                any.then(|| buckets.get(start % BUCKETS))?
            };
            let [a, b, c] = match *rest {
                [a, b, c, ..] => [a, b, c],
                [a, b] => [a, b, 0],
                _ => continue,
            };
            let long = of(&self.long, [a, b, c]).into_iter().flatten();
            let short = of(&self.short, [a, b, 0]).into_iter().flatten();
            for index in long.chain(short) {
                if let Some(phrase) = self.phrases.get(usize::from(*index))
                    && rest.starts_with(phrase.text.as_bytes())
                {
                    found(at..at + phrase.text.len(), &phrase.uses);
                }
            }
        }
    }
}

pub(super) static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::of(FEATURES));
