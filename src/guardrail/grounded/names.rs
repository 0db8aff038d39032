//! Names in copy that the facts do not know: colours on offer, where a thing is made, the chip that powers it, the
//! system that it runs.
//!
//! Any word may be a name, so this looks only where a sentence announces one, and is silent when in doubt.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::features::{has_word, whole};
use super::sheet::{Answer, Sheet};
use super::statements::{self, Plain};
use super::steps::{SENTENCE, Steps, through};
use crate::guardrail::rule::{Evidence, Hit};
use crate::guardrail::text::slice;

/// Colours, each with the other ways to write it.
const COLOURS: &[&[&str]] = &[
    &["black", "schwarz", "schwarze", "schwarzer", "schwarzes"],
    &["white", "weiß", "weiss", "weiße", "weißer", "weißes", "ivory", "pearl"],
    &["silver", "silber", "silbern"],
    &[
        "gray",
        "grey",
        "grau",
        "graphite",
        "anthracite",
        "anthrazit",
        "charcoal",
        "slate",
        "gunmetal",
        "titanium",
        "steel",
    ],
    &["gold", "golden", "champagne", "rose gold"],
    &[
        "blue",
        "blau",
        "blaue",
        "blauer",
        "blaues",
        "navy",
        "azure",
        "cyan",
        "teal",
        "indigo",
        "aqua",
        "turquoise",
        "türkis",
        "sapphire",
    ],
    &["red", "rot", "rote", "roter", "rotes", "burgundy", "maroon", "crimson", "scarlet", "wine", "ruby"],
    &[
        "green",
        "grün",
        "grüne",
        "grüner",
        "grünes",
        "olive",
        "mint",
        "teal",
        "lime",
        "khaki",
        "emerald",
        "turquoise",
        "türkis",
        "aqua",
    ],
    &["yellow", "gelb", "gelbe", "gelber", "gelbes", "lemon"],
    &["orange", "coral", "amber"],
    &["purple", "violet", "lila", "violett", "lavender", "lilac", "mauve", "plum", "magenta"],
    &["pink", "rosa", "rose", "magenta", "fuchsia", "coral", "peach"],
    &[
        "brown",
        "braun",
        "braune",
        "brauner",
        "braunes",
        "chocolate",
        "tan",
        "bronze",
        "copper",
        "coffee",
        "mocha",
    ],
    &["beige", "cream", "sand", "ivory", "tan", "khaki"],
];

/// What announces the colours on offer.
const OFFERED: &[&str] = &[
    "available in",
    "comes in",
    "come in",
    "came in",
    "offered in",
    "sold in",
    "released in",
    "choose from",
    "choose between",
    "color options",
    "colour options",
    "colors:",
    "colours:",
    "erhältlich in",
    "verfügbar in",
    "gibt es in",
    "in den farben",
];
/// Words with which a list of colours ends.
const LIST_ENDS: &[&str] = &[
    "with", "is", "has", "was", "it", "its", "for", "at", "on", "from", "making", "to", "priced", "which",
    "that", "by", "runs", "weighs", "features", "measures", "mit", "für", "ist", "hat", "zu", "und hat",
];
/// What follows a colour on offer.
const AFTER_COLOURS: &[&str] = &[
    "and", "or", "color", "colour", "colors", "colours", "option", "options", "variant", "variants",
    "finish", "finishes", "version", "versions", "edition", "shade", "shades", "design", "und", "oder",
    "hues", "tones",
];
/// Several colours, not one of them named.
const SEVERAL: &[&str] = &[
    "various colors",
    "various colours",
    "variety of colors",
    "variety of colours",
    "range of colors",
    "range of colours",
    "multiple colors",
    "multiple colours",
    "several colors",
    "several colours",
    "many colors",
    "many colours",
    "verschiedenen farben",
    "vielen farben",
];
/// Names of attributes that say the colour.
const COLOUR_NAMES: &[&str] =
    &["color", "colors", "colour", "colours", "farbe", "farben", "product colour", "finish"];

/// What a name stands before when it is a chip's.
const CHIPS: &[&str] =
    &["chipset", "processor", "cpu", "gpu", "soc", "chip", "graphics", "prozessor", "grafikprozessor"];
/// What a name stands after when it is a system's or a maker's land.
const SYSTEMS: &[&str] = &["runs on", "runs the", "running on", "runs on the", "läuft mit", "läuft unter"];
const LANDS: &[&str] = &[
    "made in",
    "manufactured in",
    "handmade in",
    "handcrafted in",
    "crafted in",
    "produced in",
    "hergestellt in",
    "gefertigt in",
    "assembled in",
];
/// Words in capitals that name nothing.
const COMMON: &[&str] = &[
    "cpu",
    "gpu",
    "soc",
    "arm",
    "octa",
    "quad",
    "dual",
    "hexa",
    "deca",
    "single",
    "core",
    "ghz",
    "mhz",
    "bit",
    "nm",
    "ai",
    "os",
    "mobile",
    "platform",
    "the",
    "a",
    "an",
    "its",
    "this",
    "with",
    "and",
    "powerful",
    "fast",
    "usb",
    "pci",
    "pcie",
    "agp",
    "express",
    "wi",
    "fi",
    "wifi",
    "lte",
    "gsm",
    "gen",
    "system",
    "operating",
    "edition",
    "version",
    "main",
    "edge",
    "risc",
    "dsp",
    "ic",
    "smartphone",
    "phone",
    "device",
    "tablet",
    "hd",
    "led",
    "lcd",
    "ram",
    "gb",
    "mb",
    "ddr",
    "ac",
    "dc",
    "i",
    "we",
    "you",
    "our",
];

/// What a phrase announces.
#[derive(Clone, Copy, Debug)]
enum Cue {
    Colours,
    Several,
    /// It follows the name.
    Chip,
    System,
    Land,
}

/// Every phrase that announces a name, compiled.
static CUES: LazyLock<Option<(AhoCorasick, Vec<Cue>)>> = LazyLock::new(|| {
    let all = [
        (OFFERED, Cue::Colours),
        (SEVERAL, Cue::Several),
        (CHIPS, Cue::Chip),
        (SYSTEMS, Cue::System),
        (LANDS, Cue::Land),
    ];
    let phrases = all.iter().flat_map(|(phrases, cue)| phrases.iter().map(|phrase| (*phrase, *cue)));
    let (phrases, cues): (Vec<&str>, Vec<Cue>) = phrases.unzip();
    Some((AhoCorasick::new(phrases).ok()?, cues))
});

/// Makers, which anybody may know from the name of what they make.
const MAKERS: &[&str] = &[
    "qualcomm",
    "mediatek",
    "samsung",
    "huawei",
    "hisilicon",
    "unisoc",
    "nvidia",
    "intel",
    "amd",
    "apple",
    "google",
    "broadcom",
];

/// Names that the facts do not know. Ranges are of the copy as read.
pub(super) fn find(copy: Plain<'_>, sheet: &Sheet, steps: &mut Steps) -> Vec<Hit> {
    let Some((phrases, cues)) = CUES.as_ref() else { return Vec::new() };
    let mut hits = Vec::new();
    let colours = Colours::of(sheet);
    for matched in phrases.find_overlapping_iter(copy.small) {
        let Some(cue) = cues.get(matched.pattern().as_usize()) else { continue };
        let at = matched.range();
        if whole(copy.small, at.clone(), false).is_none_or(|whole| whole != at && !matches!(cue, Cue::Chip)) {
            continue;
        }
        if !steps.take(CUE) {
            break;
        }
        match cue {
            Cue::Colours => hits.extend(colours.offered(copy, at.end, steps)),
            Cue::Several => hits.extend(colours.several(copy, at, steps)),
            Cue::Chip => hits.extend(unknown_name(copy, sheet, before(copy, at.start), steps)),
            Cue::System | Cue::Land => hits.extend(unknown_name(copy, sheet, after(copy, at.end), steps)),
        }
    }
    hits.sort_by_key(|hit| (hit.range.start, hit.range.end));
    hits.dedup_by(|b, a| b.range.start < a.range.end);
    hits
}

/// The names of chips, systems and lands that stand among the facts, each with the attribute that holds the first word of
/// it that is known. Ranges are of the copy as read.
pub(super) fn supported(copy: Plain<'_>, sheet: &Sheet, steps: &mut Steps) -> Vec<(Range<usize>, Evidence)> {
    let Some((phrases, cues)) = CUES.as_ref() else { return Vec::new() };
    let mut found = Vec::new();
    for matched in phrases.find_overlapping_iter(copy.small) {
        let at = matched.range();
        let cue = cues.get(matched.pattern().as_usize());
        let name = match cue {
            Some(Cue::Chip) => before(copy, at.start),
            Some(Cue::System | Cue::Land) => after(copy, at.end),
            Some(Cue::Colours | Cue::Several) | None => continue,
        };
        let is_cue = whole(copy.small, at.clone(), false)
            .is_some_and(|whole| whole == at || matches!(cue, Some(Cue::Chip)));
        if !is_cue || !steps.take(CUE) {
            continue;
        }
        let mut known: Option<(Range<usize>, usize)> = None;
        for word in words(copy.small, name) {
            let text = slice(copy.small, word.clone());
            if text.chars().count() < 3 || !text.starts_with(char::is_alphabetic) || COMMON.contains(&text) {
                continue;
            }
            if !steps.take(through(sheet.small().len())) {
                return found;
            }
            let there = sheet.small().find(text).and_then(|at| sheet.at(at)).map(|(entry, _)| entry);
            known = match (known, there) {
                (Some((range, entry)), Some(_)) => Some((range.start..word.end, entry)),
                (None, Some(entry)) => Some((word, entry)),
                (known, None) => known,
            };
        }
        found.extend(known.map(|(range, entry)| (range, sheet.evidence(entry, steps))));
    }
    found
}

/// Whether an attribute of this name says the colour.
fn is_colour(name: &str) -> bool {
    ["colo", "farbe", "finish"].iter().any(|part| name.contains(part))
        && COLOUR_NAMES.iter().any(|word| has_word(name, word))
}

/// What the facts say of colours: asked once, however many the copy names.
struct Colours<'s> {
    sheet: &'s Sheet,
    /// The attribute that says the colour in words that are known, if any does.
    attribute: OnceCell<Option<usize>>,
    /// The one attribute of a colour, if it names one alone.
    single: OnceCell<Option<usize>>,
    /// Whether a colour of each family is known.
    families: [OnceCell<bool>; COLOURS.len()],
}

impl<'s> Colours<'s> {
    fn of(sheet: &'s Sheet) -> Self {
        let families = [const { OnceCell::new() }; COLOURS.len()];
        Self { sheet, attribute: OnceCell::new(), single: OnceCell::new(), families }
    }

    fn attribute(&self) -> Option<usize> {
        let small = self.sheet.small();
        let names_one = |range: Range<usize>| {
            words(small, range)
                .any(|word| COLOURS.iter().any(|names| names.contains(&slice(small, word.clone()))))
        };
        let find = || {
            self.sheet.entries().iter().position(|entry| {
                entry.answer == Answer::Words
                    && is_colour(slice(small, entry.name.clone()))
                    && names_one(entry.value.clone())
            })
        };
        *self.attribute.get_or_init(find)
    }

    fn single(&self) -> Option<usize> {
        let small = self.sheet.small();
        let find = || {
            let entries = self.sheet.entries().iter().enumerate();
            let mut named = entries.filter(|(_, entry)| is_colour(slice(small, entry.name.clone())));
            let (index, entry) = named.next()?;
            let value = slice(small, entry.value.clone());
            let many = value.contains([',', '/', ';', '&'])
                || value.contains(" and ")
                || value.contains("multi")
                || named.next().is_some();
            (!many).then_some(index)
        };
        *self.single.get_or_init(find)
    }

    /// Colours on offer: "available in black and gold".
    fn offered(&self, copy: Plain<'_>, start: usize, steps: &mut Steps) -> Vec<Hit> {
        let Some(attribute) = self.attribute() else { return Vec::new() };
        if !steps.take(SENTENCE) {
            return Vec::new();
        }
        let end = end_of_list(copy, start);
        let mut hits = Vec::new();
        for word in words(copy.small, start..end) {
            let text = slice(copy.small, word.clone());
            let mut families =
                COLOURS.iter().zip(&self.families).filter(|(names, _)| names.contains(&text)).peekable();
            let known = |(names, known): (&&[&str], &OnceCell<bool>)| {
                *known.get_or_init(|| names.iter().any(|name| has_word(self.sheet.small(), name)))
            };
            if families.peek().is_some() && !families.any(known) && is_listed(copy, word.end..end) {
                hits.push(Hit { evidence: Some(self.sheet.evidence(attribute, steps)), ..Hit::at(word) });
            }
        }
        hits
    }

    /// Several colours where the facts know one, or none.
    fn several(&self, copy: Plain<'_>, at: Range<usize>, steps: &mut Steps) -> Option<Hit> {
        let single = self.single()?;
        let small = self.sheet.small();
        let said = !steps.take(through(small.len())) || has_word(small, slice(copy.small, at.clone()));
        (!said).then(|| Hit { evidence: Some(self.sheet.evidence(single, steps)), ..Hit::at(at) })
    }
}

/// Whether a colour is what is offered, going by what follows it, and not that of a box or a ribbon.
fn is_listed(copy: Plain<'_>, rest: Range<usize>) -> bool {
    let Some(next) = words(copy.small, rest.clone()).next() else { return true };
    let gap = slice(copy.written, rest.start..next.start);
    let word = slice(copy.small, next);
    gap.contains([',', '/', '&'])
        || AFTER_COLOURS.contains(&word)
        || COLOURS.iter().any(|names| names.contains(&word))
}

/// Where a list of colours ends: at the end of the sentence, or where something else begins.
fn end_of_list(copy: Plain<'_>, start: usize) -> usize {
    let near = statements::near(copy.written, &(start..copy.written.len()), &(start..start));
    let rest = slice(copy.written, near.clone());
    let sentence = rest.find(['.', ';', '\n', '•', '!', '?', '(']).map_or(near.end, |at| start + at);
    let mut ends = words(copy.small, start..sentence)
        .filter(|word| LIST_ENDS.contains(&slice(copy.small, word.clone())));
    ends.next().map_or(sentence, |word| word.start)
}

/// What it takes to see what a phrase announces.
const CUE: usize = 100;

/// The words that a name has at most, and the bytes that each of them has.
const LONGEST: usize = 8;
const LONGEST_WORD: usize = 200;

/// A name right before "chipset", "processor" and the like.
fn before(copy: Plain<'_>, noun: usize) -> Range<usize> {
    // The words before it, the nearest first, as long as they are names.
    let mut start = noun;
    for _ in 0..LONGEST {
        let before = slice(copy.written, 0..start);
        let trimmed = before.trim_end_matches([' ', '-']);
        if before.len() - trimmed.len() > 1 || trimmed.is_empty() {
            break;
        }
        let is_between = |c: char| !c.is_alphanumeric() && !matches!(c, '+' | '-' | '/' | '_');
        let far = trimmed.len().saturating_sub(LONGEST_WORD);
        let last =
            trimmed.char_indices().rev().take_while(|(at, _)| *at >= far).find(|(_, c)| is_between(*c));
        let Some(word_start) = last.map(|(at, c)| at + c.len_utf8()).or((far == 0).then_some(0)) else {
            break;
        };
        let word = slice(trimmed, word_start..trimmed.len());
        let is_name = word.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit());
        if !is_name || begins_sentence(copy.written, word_start) {
            break;
        }
        start = word_start;
    }
    start..noun
}

/// A name right after a phrase that announces one.
fn after(copy: Plain<'_>, end: usize) -> Range<usize> {
    let start = end + 1;
    let mut range = start..start;
    for word in words(copy.small, start..copy.small.len()).take(LONGEST) {
        let gap = slice(copy.written, range.end..word.start);
        let text = slice(copy.written, word.clone());
        let is_name = text.starts_with(|c: char| c.is_uppercase())
            || (range.end > start && text.starts_with(|c: char| c.is_ascii_digit()));
        if !is_name || !matches!(gap, "" | " " | "-") {
            break;
        }
        range.end = word.end;
    }
    range
}

/// A name of which no word stands among the facts.
fn unknown_name(copy: Plain<'_>, sheet: &Sheet, range: Range<usize>, steps: &mut Steps) -> Option<Hit> {
    let mut unknown: Option<Range<usize>> = None;
    for word in words(copy.small, range) {
        let text = slice(copy.small, word.clone());
        let names =
            text.chars().count() >= 3 && text.starts_with(char::is_alphabetic) && !COMMON.contains(&text);
        if !names {
            continue;
        }
        if !steps.take(through(sheet.small().len())) || sheet.small().contains(text) {
            return None;
        }
        if !MAKERS.contains(&text) {
            unknown = Some(unknown.map_or(word.start, |first| first.start)..word.end);
        }
    }
    let nothing = Evidence { attribute: None, value: None };
    unknown.map(|unknown| Hit { evidence: Some(nothing), ..Hit::at(unknown) })
}

fn begins_sentence(text: &str, at: usize) -> bool {
    let before = slice(text, 0..at).trim_end_matches([' ', '"', '\'', '*', '-']);
    before.is_empty() || before.ends_with(['.', '!', '?', '\n', '•', ':'])
}

/// The words within a range.
fn words(text: &str, range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let start = range.start;
    let mut at = 0;
    let text = slice(text, range);
    std::iter::from_fn(move || {
        let rest = slice(text, at..text.len());
        let from = at + rest.find(char::is_alphanumeric)?;
        let rest = slice(text, from..text.len());
        let to = from + rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        at = to;
        Some(start + from..start + to)
    })
}

#[cfg(test)]
mod tests;
