//! What copy says that a product has or has not, held against what its facts say or do not say.
//!
//! ```text
//! copy ─ mentions ─┐
//!                  ├─ judge each mention → hits
//! facts ─ known ───┘
//! ```
//!
//! Facts affirm a feature by an attribute that is named like it (`nfc: true`), by words in any value (`IP68 dust/water
//! resistant`) or by words from which it follows (a microSD slot is expandable storage). They deny it by such an
//! attribute whose value is `No`. Whatever anything among the facts affirms passes.

mod lexicon;

use std::cmp::Reverse;
use std::ops::Range;

use self::lexicon::{FEATURES, Family, Feature, LEXICON, Lexicon, Role, Unsaid, Use};
use super::sheet::{Answer, Entry, Sheet};
use super::statements::{self, Plain, Polarity, polarity};
use super::steps::{SENTENCE, Steps, through};
use crate::guardrail::rule::{Evidence, Hit};
use crate::guardrail::text::slice;

/// A feature named in copy.
#[derive(Clone, Debug)]
struct Mention {
    range: Range<usize>,
    feature: usize,
}

/// What facts say of one feature.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// The attribute that affirms it, if it is more than something from which it follows.
    affirmed: Option<usize>,
    /// Whether anything supports it at all.
    supported: bool,
    denied: Option<usize>,
    /// Whether the facts speak of it, in whatever way.
    listed: bool,
}

/// How closely facts are read for one feature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Interest {
    #[default]
    None,
    /// Whether they speak of it: a feature of the same group is named in copy.
    Listed,
    /// All: it is named in copy, or is of another kind of the same family.
    Full,
}

/// What a text makes worth knowing about each feature.
fn interests(mentions: &[Mention]) -> Vec<Interest> {
    let named = || mentions.iter().filter_map(|mention| FEATURES.get(mention.feature));
    let bit = |family: Family| 1_u64 << family as u32;
    let families = named().flat_map(|f| f.kinds).fold(0, |bits, (family, _)| bits | bit(*family));
    let listing = named().filter(|f| f.unsaid == Unsaid::InGroup);
    let groups = listing.fold(0_u64, |bits, f| bits | 1 << f.group as u32);
    let interest = |feature: &Feature| {
        if feature.kinds.iter().any(|(family, _)| families & bit(*family) != 0) {
            Interest::Full
        } else if groups & 1 << feature.group as u32 != 0 {
            Interest::Listed
        } else {
            Interest::None
        }
    };
    let mut interests: Vec<Interest> = FEATURES.iter().map(interest).collect();
    for mention in mentions {
        interests.get_mut(mention.feature).into_iter().for_each(|interest| *interest = Interest::Full);
    }
    interests
}

/// What the facts deny or do not support among the features that copy affirms, and what they affirm among those that it
/// denies. Ranges are of the copy as read.
pub(super) fn find(copy: Plain<'_>, sheet: &Sheet, steps: &mut Steps) -> Vec<Hit> {
    let lexicon = &*LEXICON;
    let mentions = mentions(lexicon, copy);
    let mut hits = Vec::new();
    if !mentions.is_empty() {
        let facts = Facts::of(sheet, &mentions, steps);
        let all = 0..copy.small.len();
        // Most sentences only affirm, and name several things.
        let mut affirming = 0..0;
        for mention in &mentions {
            let known = affirming.start <= mention.range.start && mention.range.end <= affirming.end;
            let mut said = Polarity::Affirmed;
            if !steps.take(if known { JUDGING } else { SENTENCE }) {
                break;
            }
            if !known {
                let sentence = statements::sentence(copy.written, &all, &mention.range);
                if statements::turns(copy, &sentence) {
                    said = polarity(copy, &all, &mention.range);
                } else {
                    affirming = sentence;
                }
            }
            if let Some(evidence) = facts.judge(mention.feature, said, steps) {
                hits.push(Hit { evidence: Some(evidence), ..Hit::at(mention.range.clone()) });
            }
        }
    }
    hits.extend(by_name(copy, sheet, &mentions, steps));
    hits.extend(by_content(copy, sheet, &mentions, steps));
    hits
}

/// The features that copy affirms and an attribute affirms too, or that both deny, each with what the attribute says.
/// Ranges are of the copy as read.
pub(super) fn supported(copy: Plain<'_>, sheet: &Sheet, steps: &mut Steps) -> Vec<(Range<usize>, Evidence)> {
    let mentions = mentions(&LEXICON, copy);
    if mentions.is_empty() {
        return Vec::new();
    }
    let facts = Facts::of(sheet, &mentions, steps);
    let all = 0..copy.small.len();
    let mut found = Vec::new();
    for mention in mentions {
        if !steps.take(SENTENCE) {
            break;
        }
        let Some(known) = facts.known.get(mention.feature) else { continue };
        let attribute = match polarity(copy, &all, &mention.range) {
            Polarity::Affirmed => known.affirmed,
            Polarity::Denied => known.denied,
            Polarity::Unclear => None,
        };
        found.extend(attribute.map(|attribute| (mention.range, sheet.evidence(attribute, steps))));
    }
    found
}

/// What it takes to hold a feature that is named against what is known of it.
const JUDGING: usize = 50;

/// Every phrase of the lexicon in a text, with its uses.
#[derive(Debug)]
pub(super) struct Phrases(Vec<(Range<usize>, &'static [Use])>);

impl Phrases {
    pub(super) fn of(text: &str) -> Self {
        let mut found = Vec::new();
        LEXICON.each(text, |at, uses| found.push((at, uses)));
        Self(found)
    }
}

/// Every feature named in copy, the longest name where several overlap.
fn mentions(lexicon: &Lexicon, copy: Plain<'_>) -> Vec<Mention> {
    let mut found: Vec<Mention> = Vec::new();
    lexicon.each(copy.small, |at, uses| {
        for said in uses.iter().filter(|it| it.role == Role::Said) {
            let Some(feature) = FEATURES.get(said.feature) else { continue };
            let Some(range) = whole(copy.small, at.clone(), said.inflects) else { continue };
            let written = said.written.is_none_or(|written| slice(copy.written, at.clone()) == written);
            if written && fits(copy.small, &range, feature) {
                found.push(Mention { range, feature: said.feature });
            }
        }
    });
    // The longest of those that begin together comes first, so what another covers lies before its end.
    found.sort_by_key(|mention| (mention.range.start, Reverse(mention.range.end), mention.feature));
    let mut longest = 0..0;
    found.retain(|mention| {
        let covered = mention.range.end <= longest.end && mention.range != longest;
        if mention.range.end > longest.end {
            longest = mention.range.clone();
        }
        !covered
    });
    found.dedup_by_key(|mention| (mention.range.start, mention.feature));
    found
}

/// The range of a match if it is whole words; with the ending that it takes.
pub(super) fn whole(text: &str, range: Range<usize>, inflects: bool) -> Option<Range<usize>> {
    let mut before = slice(text, 0..range.start).chars().rev();
    match before.next() {
        Some(c) if c.is_alphanumeric() => return None,
        Some('.' | ',') if before.next().is_some_and(|c| c.is_ascii_digit()) => return None,
        _ => {}
    }
    let after = slice(text, range.end..text.len());
    let endings: &[&str] = if inflects { &["e", "en", "er", "es", "em", "s"] } else { &["s", "es"] };
    let ends = |rest: &str| !rest.starts_with(char::is_alphanumeric);
    if ends(after) {
        return Some(range);
    }
    let ending = endings.iter().find(|ending| after.strip_prefix(**ending).is_some_and(ends))?;
    Some(range.start..range.end + ending.len())
}

/// Whether what stands around a name leaves it the name of this feature.
fn fits(text: &str, range: &Range<usize>, feature: &Feature) -> bool {
    !is_other(text, range, feature)
        && (feature.beside.is_empty() || {
            let sentence = slice(text, statements::sentence(text, &(0..text.len()), range));
            feature.beside.iter().any(|word| has_word(sentence, word))
        })
}

/// Whether the word before or after a name makes it another thing's: a removable cover.
fn is_other(text: &str, range: &Range<usize>, feature: &Feature) -> bool {
    if feature.unless.is_empty() {
        return false;
    }
    let before = slice(text, 0..range.start).trim_end();
    let rest = slice(text, range.end..text.len());
    let after = rest.trim_start_matches(['-', ' ', '/']);
    let last = before.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let first = after.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    (before.len() + 1 >= range.start && feature.unless.contains(&last))
        || (rest.starts_with([' ', '-']) && feature.unless.contains(&first))
}

/// Whether a text in small letters holds a word or phrase.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    text.contains(word)
        && text.match_indices(word).any(|(at, found)| whole(text, at..at + found.len(), false).is_some())
}

/// What the facts say of the features that matter for one text.
struct Facts<'s> {
    sheet: &'s Sheet,
    known: Vec<Known>,
    /// The kinds that attributes name, each with the attribute.
    kinds: Vec<(Family, &'static str, usize)>,
}

impl<'s> Facts<'s> {
    fn of(sheet: &'s Sheet, mentions: &[Mention], steps: &mut Steps) -> Self {
        let interests = interests(mentions);
        let mut facts = Self { sheet, known: vec![Known::default(); FEATURES.len()], kinds: Vec::new() };
        for (at, uses) in &sheet.phrases().0 {
            for it in *uses {
                let interest = interests.get(it.feature).copied().unwrap_or_default();
                if interest == Interest::None {
                    continue;
                }
                if !steps.take(if interest == Interest::Full { SENTENCE } else { JUDGING }) {
                    return facts;
                }
                let Some(range) = whole(sheet.small(), at.clone(), it.inflects) else { continue };
                if interest == Interest::Full {
                    facts.take(it, &range);
                } else if matches!(it.role, Role::Said | Role::Asked) {
                    facts.list(it, &range);
                }
            }
        }
        if mentions.iter().any(|m| FEATURES.get(m.feature).is_some_and(|f| f.said.contains(&"fast charging")))
        {
            facts.charges_fast();
        }
        facts
    }

    /// Notes that the facts speak of a feature.
    fn list(&mut self, it: &Use, range: &Range<usize>) {
        let Some((_, entry)) = self.sheet.at(range.start) else { return };
        let asks = range.start < entry.value.start
            && entry.answer != Answer::Unknown
            && entry.is_named(self.sheet.small(), range);
        let says = range.start >= entry.value.start && it.role == Role::Said;
        if let Some(known) = self.known.get_mut(it.feature) {
            known.listed |= asks || says;
        }
    }

    /// Takes in one phrase that stands in the facts.
    fn take(&mut self, it: &Use, range: &Range<usize>) {
        let Some((index, entry)) = self.sheet.at(range.start) else { return };
        let Some(feature) = FEATURES.get(it.feature) else { return };
        let small = self.sheet.small();
        let name = slice(small, entry.name.clone());
        let around = slice(small, statements::near(small, &entry.value, range));
        let besides = it.beside.is_none_or(|word| name.contains(word) || around.contains(word));
        let beside = |word: &&str| has_word(name, word) || has_word(around, word);
        if !besides || !(feature.beside.is_empty() || feature.beside.iter().any(beside)) {
            return;
        }
        // What is not free of gluten is no gluten that is not there.
        if it.role == Role::Opposite && slice(small, range.end..entry.name.end).starts_with(" free") {
            return;
        }
        let Some(known) = self.known.get_mut(it.feature) else { return };
        if range.start < entry.value.start {
            let direct = entry.is_named(small, range);
            match (it.role, entry.answer) {
                (_, Answer::Unknown) => {}
                (Role::Opposite, Answer::No) => known.affirmed = known.affirmed.or(Some(index)),
                (Role::Opposite, Answer::Yes) if direct => known.denied = known.denied.or(Some(index)),
                (Role::Opposite, _) => {}
                (Role::Said | Role::Asked | Role::Under, Answer::No) if direct => {
                    known.denied = known.denied.or(Some(index))
                }
                // There is one, of no matter what kind.
                (Role::Under, Answer::Yes) if direct && !feature.kinds.is_empty() => {
                    known.supported = true;
                }
                (_, Answer::No) | (Role::Under, _) => {}
                (Role::Follows, _) => known.supported = true,
                (Role::Said | Role::Asked, _) => {
                    known.supported = true;
                    if direct {
                        known.affirmed = known.affirmed.or(Some(index));
                    }
                }
            }
            return;
        }
        if matches!(it.role, Role::Asked | Role::Under | Role::Opposite) {
            return;
        }
        // What stands beside a name in copy makes it something else in facts too.
        if it.role == Role::Said && is_other(small, range, feature) {
            known.supported = true;
            return;
        }
        match polarity(self.sheet.plain(), &entry.value, range) {
            Polarity::Denied if it.role == Role::Said => known.denied = known.denied.or(Some(index)),
            Polarity::Denied => {}
            Polarity::Unclear => known.supported = true,
            Polarity::Affirmed => {
                known.supported = true;
                if it.role == Role::Said {
                    known.affirmed = known.affirmed.or(Some(index));
                }
                if it.role == Role::Said || it.beside.is_some() {
                    let name = slice(small, entry.name.clone());
                    let says = |family: Family| family.attributes().iter().any(|word| has_word(name, word));
                    for (family, kind) in feature.kinds.iter().filter(|(family, _)| says(*family)) {
                        // The first attribute that says so is enough.
                        if !self.kinds.iter().any(|(other, named, _)| (other, named) == (family, kind)) {
                            self.kinds.push((*family, *kind, index));
                        }
                    }
                }
            }
        }
    }

    /// What 15 W or more make is fast, whether it is called so or not.
    fn charges_fast(&mut self) {
        let small = self.sheet.small();
        let fast = |entry: &Entry| {
            slice(small, entry.name.clone()).contains("charg")
                && slice(small, entry.value.clone())
                    .split(|c: char| !c.is_ascii_alphanumeric() && c != '.')
                    .any(|word| {
                        word.strip_suffix('w')
                            .and_then(|watts| watts.parse::<f64>().ok())
                            .is_some_and(|watts| watts >= 15.0)
                    })
        };
        if self.sheet.entries().iter().any(fast) {
            for (known, feature) in self.known.iter_mut().zip(FEATURES) {
                known.supported |= feature.said.contains(&"fast charging");
            }
        }
    }

    /// The evidence against a statement; nothing where it passes.
    fn judge(&self, index: usize, said: Polarity, steps: &mut Steps) -> Option<Evidence> {
        let (feature, known) = (FEATURES.get(index)?, self.known.get(index)?);
        match said {
            Polarity::Unclear => None,
            // A kind is named for many reasons: "not upgradable to a later Android".
            Polarity::Denied if known.denied.is_some() || !feature.is_yes_or_no() => None,
            Polarity::Denied => Some(self.sheet.evidence(known.affirmed?, steps)),
            Polarity::Affirmed if known.supported || known.affirmed.is_some() => None,
            Polarity::Affirmed => {
                if let Some(entry) = known.denied.or_else(|| self.other_kind(feature)) {
                    return Some(self.sheet.evidence(entry, steps));
                }
                let nothing = Evidence { attribute: None, value: None };
                match feature.unsaid {
                    Unsaid::Found => Some(nothing),
                    Unsaid::InGroup if self.lists(index, feature) => Some(nothing),
                    Unsaid::InGroup | Unsaid::Passes => None,
                }
            }
        }
    }

    /// The attribute that says of which other kind the product is.
    fn other_kind(&self, feature: &Feature) -> Option<usize> {
        feature.kinds.iter().find_map(|(family, kind)| {
            let mut named = self.kinds.iter().filter(|(other, ..)| other == family);
            let first = named.clone().next()?;
            (!named.any(|(_, named, _)| named == kind)).then_some(first.2)
        })
    }

    /// Whether the facts speak of enough features of the group to list them all.
    fn lists(&self, index: usize, feature: &Feature) -> bool {
        let said = |(at, other): &(usize, &Feature)| {
            *at != index
                && other.group == feature.group
                && self
                    .known
                    .get(*at)
                    .is_some_and(|known| known.listed || known.affirmed.is_some() || known.denied.is_some())
        };
        FEATURES.iter().enumerate().filter(said).take(feature.group.enough()).count()
            == feature.group.enough()
    }
}

/// After so many findings of one kind a text needs no more.
const ENOUGH: usize = 64;

/// Names that attributes deny and copy affirms all the same, or the other way round:
/// `redundant_fans: false`. Shops name more than any lexicon knows.
fn by_name(copy: Plain<'_>, sheet: &Sheet, mentions: &[Mention], steps: &mut Steps) -> Vec<Hit> {
    let mut hits = Vec::new();
    let mut spoken = None;
    let negates = ["no ", "non ", "not ", "n't ", "lack", "without", "kein", "ohne", "nicht"]
        .iter()
        .any(|word| copy.small.contains(word));
    for (index, entry) in sheet.entries().iter().enumerate() {
        if hits.len() > ENOUGH {
            break;
        }
        let wrong = match entry.answer {
            Answer::No if !entry.is_number() => Polarity::Affirmed,
            Answer::Yes | Answer::Words if negates => Polarity::Denied,
            _ => continue,
        };
        let name = entry.core(sheet.small());
        if !name.contains(' ') {
            if entry.is_plain(sheet.small()) && asks(name) {
                hits.extend(by_word(copy, sheet, mentions, (index, name, wrong), steps));
            }
            continue;
        }
        if name.len() < 6 || !spoken.get_or_insert_with(|| Spoken::of(copy.small)).may_hold(name) {
            continue;
        }
        if !steps.take(through(copy.small.len())) {
            break;
        }
        for (at, found) in copy.small.match_indices(name) {
            let Some(range) = whole(copy.small, at..at + found.len(), false) else { continue };
            if is_known(mentions, &range) {
                continue;
            }
            if !steps.take(SENTENCE) {
                break;
            }
            let said = polarity(copy, &(0..copy.small.len()), &range);
            if said == wrong && !sheet.says(name, wrong, index, steps) {
                hits.push(Hit { evidence: Some(sheet.evidence(index, steps)), ..Hit::at(range) });
            }
        }
    }
    hits
}

/// Whether a feature of the lexicon is named there. Mentions stand in the order of their beginnings, and none within
/// another, so that they stand in that of their ends too.
fn is_known(mentions: &[Mention], range: &Range<usize>) -> bool {
    let next = mentions.partition_point(|mention| mention.range.end <= range.start);
    mentions.get(next).is_some_and(|mention| mention.range.start < range.end)
}

/// Whether an attribute's name of one word asks about a thing that copy names by the same word.
fn asks(name: &str) -> bool {
    // What the lexicon knows it judges by more than the word: `EDGE` is no edge.
    let mut known = false;
    LEXICON.each(name, |at, uses| {
        known |= at == (0..name.len()) && uses.iter().any(|it| it.role == Role::Said);
    });
    !known && name.len() >= 4 && name.chars().all(char::is_alphabetic) && !ORDINARY.contains(&name)
}

/// Names of one word that copy uses for many things, and names of what concerns the shop alone.
const ORDINARY: &[&str] = &[
    "active",
    "adult",
    "archived",
    "audio",
    "available",
    "back",
    "base",
    "body",
    "brand",
    "bundle",
    "care",
    "case",
    "charge",
    "classic",
    "clean",
    "clearance",
    "color",
    "colour",
    "cool",
    "count",
    "cover",
    "custom",
    "default",
    "delivery",
    "design",
    "discount",
    "display",
    "draft",
    "enabled",
    "exclusive",
    "extra",
    "face",
    "featured",
    "fits",
    "form",
    "free",
    "front",
    "from",
    "full",
    "gift",
    "half",
    "hand",
    "handle",
    "heat",
    "help",
    "hidden",
    "hold",
    "home",
    "included",
    "internal",
    "item",
    "keep",
    "kitchen",
    "life",
    "light",
    "limited",
    "line",
    "list",
    "lock",
    "main",
    "mode",
    "model",
    "name",
    "offer",
    "online",
    "original",
    "other",
    "pack",
    "pair",
    "part",
    "photo",
    "play",
    "popular",
    "port",
    "power",
    "premium",
    "present",
    "published",
    "ready",
    "required",
    "room",
    "sale",
    "screen",
    "seal",
    "seat",
    "series",
    "shipping",
    "side",
    "size",
    "smart",
    "sound",
    "space",
    "special",
    "speed",
    "stand",
    "standard",
    "stock",
    "store",
    "style",
    "support",
    "taxable",
    "test",
    "this",
    "time",
    "touch",
    "type",
    "used",
    "value",
    "version",
    "video",
    "view",
    "visible",
    "warranty",
    "wash",
    "watch",
    "water",
    "weight",
    "wide",
    "with",
    "work",
    "farbe",
    "größe",
    "lager",
    "licht",
    "neue",
    "name",
    "typ",
    "zeit",
    "artikel",
    "aktiv",
    "verfügbar",
];

/// Endings of German adjectives, which take endings of their own.
const ADJECTIVES: &[&str] = &["bar", "lich", "isch", "ig", "los", "frei", "fest", "dicht", "abel"];

/// Where copy says a word that an attribute denies, `dimmable: false`, or the other way round. A denial must stand right
/// before the word: what is not machine washable may be washable.
fn by_word(
    copy: Plain<'_>,
    sheet: &Sheet,
    mentions: &[Mention],
    (index, name, wrong): (usize, &str, Polarity),
    steps: &mut Steps,
) -> Vec<Hit> {
    if !steps.take(through(copy.small.len())) {
        return Vec::new();
    }
    let inflects = ADJECTIVES.iter().any(|ending| name.ends_with(ending));
    let mut hits = Vec::new();
    for (at, found) in copy.small.match_indices(name).take(ENOUGH) {
        let end = at + found.len();
        let rest = slice(copy.small, end..copy.small.len());
        let ed = if name.ends_with('e') { "d" } else { "ed" };
        let longer = if rest.starts_with(ed) { end + ed.len() } else { end };
        let Some(range) = whole(copy.small, at..longer, inflects) else { continue };
        let before = words(slice(copy.small, 0..at)).next_back().unwrap_or_default();
        let negated =
            ["no", "not", "non", "nicht", "ohne", "without"].contains(&before) || before.starts_with("kein");
        if (wrong == Polarity::Denied && !negated) || is_known(mentions, &range) {
            continue;
        }
        if !steps.take(SENTENCE) {
            break;
        }
        let said = polarity(copy, &(0..copy.small.len()), &range);
        if said == wrong && !sheet.says(name, wrong, index, steps) {
            hits.push(Hit { evidence: Some(sheet.evidence(index, steps)), ..Hit::at(range) });
        }
    }
    hits
}

/// What copy says that a product contains, of what it is free of by the facts; and what copy denies of what the facts list
/// as allergens.
fn by_content(copy: Plain<'_>, sheet: &Sheet, mentions: &[Mention], steps: &mut Steps) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (index, entry) in sheet.entries().iter().enumerate() {
        let name = entry.core(sheet.small());
        let free = name.strip_suffix(" free").filter(|_| entry.answer == Answer::Yes);
        let listed = entry.answer == Answer::Words
            && ["allergens", "allergen", "allergene", "contains"].contains(&name);
        let (items, wrong) = match free {
            Some(content) => (content, Polarity::Affirmed),
            None if listed => (slice(sheet.small(), entry.value.clone()), Polarity::Denied),
            None => continue,
        };
        for item in items
            .split([',', ';', '\n'])
            .map(str::trim)
            .filter(|item| (3..=40).contains(&item.len()))
            .take(ENOUGH)
        {
            if !steps.take(through(copy.small.len())) {
                return hits;
            }
            for (at, found) in copy.small.match_indices(item).take(ENOUGH) {
                let Some(range) = whole(copy.small, at..at + found.len(), false) else { continue };
                let before = words(slice(copy.small, 0..at)).next_back().unwrap_or_default();
                let contains = ["contains", "contain", "containing", "enthält"].contains(&before);
                if is_known(mentions, &range) || !(contains || wrong == Polarity::Denied) {
                    continue;
                }
                if hits.len() >= ENOUGH || !steps.take(SENTENCE) {
                    return hits;
                }
                if polarity(copy, &(0..copy.small.len()), &range) == wrong {
                    hits.push(Hit { evidence: Some(sheet.evidence(index, steps)), ..Hit::at(range) });
                }
            }
        }
    }
    hits
}

/// The words of a text, roughly: a set that may take a word for one of them, and never misses one.
struct Spoken([u64; 16]);

impl Spoken {
    fn of(text: &str) -> Self {
        let mut set = [0; 16];
        for word in words(text) {
            let (block, bit) = Self::place(word);
            set.get_mut(block).into_iter().for_each(|block: &mut u64| *block |= 1 << bit);
        }
        Self(set)
    }

    fn may_hold(&self, name: &str) -> bool {
        words(name).all(|word| {
            let (block, bit) = Self::place(word);
            self.0.get(block).is_some_and(|block| block >> bit & 1 == 1)
        })
    }

    fn place(word: &str) -> (usize, u32) {
        let hash = word.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let hash = (hash >> 32) as u32;
        ((hash >> 6) as usize & 15, hash & 63)
    }
}

fn words(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests;
