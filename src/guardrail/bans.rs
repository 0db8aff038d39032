//! Bans outside the files: phrases that stops name, and wordings that were taken down. They hold over any rule.
//!
//! A phrase is found as rules find theirs: in every reading of a text, ignoring case, between boundaries of words. A
//! wording is known by the hash of its words alone, so that the text itself may be erased.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use aho_corasick::{AhoCorasick, MatchKind};
use unicode_normalization::UnicodeNormalization;

use super::fold::{Space, fold_text};
use super::judge::Finding;
use super::plain::is_boundary;
use super::text::{Text, slice};
use super::{Action, Kind, Level};

/// The longest phrase that can be banned, in characters.
const MAX_PHRASE: usize = 500;
/// From so many words on a wording is found inside longer texts too: what is shorter says too little by itself.
const CONTAINED_FROM: usize = 5;
/// The most places of one text that are told of.
const MOST_FINDINGS: usize = 100;

/// The words of a text as they read, in their order: normalised, in small letters, without punctuation and blanks. The
/// text cannot be told from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Wording {
    hash: [u8; 32],
    words: usize,
}

impl Wording {
    /// How many words it has; 0 for a text of signs alone, which is known by its signs.
    pub fn words(&self) -> usize {
        self.words
    }
}

/// As it is kept: the hash in hexadecimal digits, a colon, the number of words.
impl fmt::Display for Wording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", blake3::Hash::from_bytes(self.hash).to_hex(), self.words)
    }
}

impl FromStr for Wording {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no wording: 64 hexadecimal digits, a colon, a number");
        let (hash, words) = text.split_once(':').ok_or_else(wrong)?;
        let hash = blake3::Hash::from_hex(hash).map_err(|_| wrong())?;
        Ok(Self { hash: *hash.as_bytes(), words: words.parse().map_err(|_| wrong())? })
    }
}

/// The wording of a text.
pub fn wording_of(text: &str) -> Wording {
    let text = Text::new(text);
    // Who copies a disguised text copies what it says.
    let reading = text.readings().last().map_or(text.given(), |reading| reading.text());
    wording(&words(reading), reading)
}

/// Whether a phrase can be banned.
///
/// # Errors
///
/// What is wrong with it, and what to write instead.
pub fn check_phrase(phrase: &str) -> Result<(), String> {
    let length = phrase.chars().count();
    if length > MAX_PHRASE {
        return Err(format!("it has {length} characters; write at most {MAX_PHRASE}: the words that matter"));
    }
    let form = form(&fold_text(phrase, Space::One), Digits::AsGiven);
    if !form.chars().any(char::is_alphanumeric) {
        return Err("it holds no letter and no digit; write the words as they stand in the text".into());
    }
    Ok(())
}

/// What is banned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Banned {
    /// A phrase, wherever it stands: 1 to 500 characters, as [`check_phrase`] takes them.
    Phrase(String),
    /// A wording, and texts that hold it where it has five words or more.
    Wording(Wording),
}

/// One ban.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ban {
    /// Its id: findings are named `stop.` and this.
    pub id: String,
    /// Why.
    pub reason: String,
    /// What.
    pub what: Banned,
}

/// All bans in force on texts, ready to be held against one.
#[derive(Debug, Default)]
pub struct Bans {
    hash: [u8; 32],
    bans: Vec<Ban>,
    phrases: Phrases,
    wordings: Wordings,
}

impl Bans {
    /// Makes bans ready. A phrase that says nothing bans nothing.
    pub fn new(bans: impl IntoIterator<Item = Ban>) -> Self {
        let bans: Vec<Ban> = bans.into_iter().collect();
        let (mut forms, mut wordings) = (Vec::new(), Wordings::default());
        // What is banned twice is banned once: lifting one of the two changes no verdict.
        let mut all = BTreeSet::new();
        for (place, ban) in bans.iter().enumerate() {
            match &ban.what {
                Banned::Phrase(phrase) => {
                    let read = fold_text(phrase, Space::One);
                    let texts = [read.as_str(), phrase.as_str()].into_iter();
                    let forms_of = |text| [form(text, Digits::AsGiven), form(text, Digits::OnTheLine)];
                    for form in texts.flat_map(forms_of).collect::<BTreeSet<_>>() {
                        if form.chars().any(char::is_alphanumeric) {
                            all.insert(format!("phrase\n{form}"));
                            forms.push((form, place));
                        }
                    }
                }
                Banned::Wording(wording) => {
                    all.insert(format!("wording\n{wording}"));
                    wordings.add(*wording, place);
                }
            }
        }
        let mut hash = [0; 32];
        if !all.is_empty() {
            let mut hasher = blake3::Hasher::new();
            for what in &all {
                hasher.update(&(what.len() as u64).to_le_bytes()).update(what.as_bytes());
            }
            hash = *hasher.finalize().as_bytes();
        }
        Self { hash, bans, phrases: Phrases::new(forms), wordings }
    }

    /// The hash of all that is banned; zeros where nothing is. The same bans have the same hash, whatever their ids.
    pub fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// Whether nothing is banned.
    pub fn is_empty(&self) -> bool {
        self.hash == [0; 32]
    }

    /// Where a text is banned, in the order of the text; nothing where it is not.
    pub fn find(&self, text: &str) -> Vec<Finding> {
        if self.is_empty() { Vec::new() } else { self.find_in(&Text::new(text)) }
    }

    /// Whether a text is banned.
    pub fn catch(&self, text: &str) -> bool {
        !self.find(text).is_empty()
    }

    pub(super) fn find_in(&self, text: &Text<'_>) -> Vec<Finding> {
        let mut found: BTreeSet<(usize, usize, usize)> = BTreeSet::new();
        let readings = text.readings().map(|reading| reading.text());
        let given = (!text.reads_as_given()).then(|| text.given());
        for (place, reading) in readings.chain(given).enumerate() {
            // The last of them is the text as given, which needs no way back.
            let origin = |range: Range<usize>| match text.readings().nth(place) {
                Some(reading) => reading.origin(range),
                None => range,
            };
            let phrases = self.phrases.find(reading);
            for (range, ban) in phrases.into_iter().chain(self.wordings.find(reading)) {
                let range = origin(range);
                found.insert((range.start, range.end, ban));
            }
        }
        let mut said: HashMap<usize, usize> = HashMap::new();
        let mut findings = Vec::new();
        for (start, end, ban) in found {
            // What one reading finds, another finds a letter further on.
            if said.get(&ban).is_some_and(|said| start < *said) || findings.len() >= MOST_FINDINGS {
                continue;
            }
            said.insert(ban, end);
            findings.extend(self.bans.get(ban).map(|ban| finding(ban, text, start..end)));
        }
        findings
    }
}

fn finding(ban: &Ban, text: &Text<'_>, range: Range<usize>) -> Finding {
    let matched = slice(text.given(), range.clone()).to_owned();
    let why = ban.reason.trim();
    let message = match &ban.what {
        Banned::Phrase(phrase) => format!("A stop bans '{phrase}': {why}"),
        Banned::Wording(_) => format!("A stop bans this wording, which was taken down: {why}"),
    };
    Finding {
        rule: format!("stop.{}", ban.id),
        kind: Kind::Existence,
        level: Level::Error,
        action: Action::Block,
        family: None,
        start: text.characters_before(range.start),
        end: text.characters_before(range.end),
        matched,
        message,
        evidence: None,
        shadow: false,
        unanswered: false,
        waived: false,
    }
}

/// How raised and lowered digits read: `CO₂` as it is, or as `CO2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Digits {
    AsGiven,
    OnTheLine,
}

/// The letter or sign that a raised or lowered one stands for.
fn on_the_line(c: char) -> Option<char> {
    if !matches!(c, '¹' | '²' | '³' | '\u{2070}'..='\u{209c}') {
        return None;
    }
    let mut same = std::iter::once(c).nfkc();
    same.next().filter(|_| same.next().is_none())
}

/// A character for whom case is ignored: `ß` and `SS` read alike, and so do both forms of a sigma.
fn small(c: char, digits: Digits) -> impl Iterator<Item = char> {
    let c = on_the_line(c).filter(|_| digits == Digits::OnTheLine).unwrap_or(c);
    let dotted = c == 'İ';
    let ascii = (c.is_ascii() || dotted).then(|| if dotted { 'i' } else { c.to_ascii_lowercase() });
    let other = ascii.is_none().then(|| c.to_uppercase().flat_map(char::to_lowercase));
    ascii.into_iter().chain(other.into_iter().flatten())
}

/// A phrase as it is looked for.
fn form(phrase: &str, digits: Digits) -> String {
    let words: Vec<&str> = phrase.split_whitespace().collect();
    words.join(" ").chars().flat_map(|c| small(c, digits)).collect()
}

/// The range of a text of which a range of that text in small letters was made.
fn as_written(text: &str, small_range: Range<usize>, digits: Digits) -> Range<usize> {
    let (mut at, mut range) = (0, 0..text.len());
    for (start, c) in text.char_indices() {
        let next = at + small(c, digits).map(char::len_utf8).sum::<usize>();
        if at <= small_range.start && small_range.start < next {
            range.start = start;
        }
        if at < small_range.end && small_range.end <= next {
            range.end = start + c.len_utf8();
            break;
        }
        at = next;
    }
    range
}

/// Whether a character is of a script that puts no blanks between words, or none between a word and what is added to it:
/// where its words end nothing tells.
fn runs_on(c: char) -> bool {
    matches!(c,
        // Thai, Lao, Tibetan, Myanmar, Khmer, and their kin to the south and east.
        '\u{e00}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{1950}'..='\u{19ff}' | '\u{1a20}'..='\u{1aaf}'
        | '\u{1b00}'..='\u{1b7f}' | '\u{a980}'..='\u{a9ff}' | '\u{aa60}'..='\u{aadf}'
        // Korean: particles follow a noun without a blank.
        | '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}'
        // Chinese and Japanese.
        | '\u{2e80}'..='\u{312f}' | '\u{3190}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{1b000}'..='\u{1b16f}'
        | '\u{20000}'..='\u{3fffd}')
}

/// Whether a phrase may begin or end here: no word is cut in two, as far as that can be told.
fn may_end(text: &str, at: usize) -> bool {
    let before = || slice(text, 0..at).chars().next_back();
    let after = || slice(text, at..text.len()).chars().next();
    is_boundary(text, at) || before().is_some_and(runs_on) || after().is_some_and(runs_on)
}

/// Phrases, found all at once.
#[derive(Debug, Default)]
struct Phrases {
    /// Each as it is looked for, with the place of its ban.
    forms: Vec<(String, usize)>,
    /// None where there are none, or more than an automaton holds: then they are looked for one by one.
    automaton: Option<AhoCorasick>,
}

impl Phrases {
    fn new(forms: Vec<(String, usize)>) -> Self {
        let texts = forms.iter().map(|(form, _)| form);
        let automaton = AhoCorasick::builder().match_kind(MatchKind::Standard).build(texts).ok();
        Self { automaton: automaton.filter(|_| !forms.is_empty()), forms }
    }

    /// Where they stand in a reading, with the places of their bans.
    fn find(&self, reading: &str) -> Vec<(Range<usize>, usize)> {
        if self.forms.is_empty() {
            return Vec::new();
        }
        let mut found = self.find_with(reading, Digits::AsGiven);
        if !reading.is_ascii() && reading.chars().any(|c| on_the_line(c).is_some()) {
            found.extend(self.find_with(reading, Digits::OnTheLine));
        }
        found
    }

    fn find_with(&self, reading: &str, digits: Digits) -> Vec<(Range<usize>, usize)> {
        let small: String = reading.chars().flat_map(|c| small(c, digits)).collect();
        let whole = |range: &Range<usize>| may_end(&small, range.start) && may_end(&small, range.end);
        let found: Vec<(Range<usize>, usize)> = match &self.automaton {
            Some(automaton) => {
                let found = automaton.find_overlapping_iter(&small);
                found.map(|found| (found.range(), found.pattern().as_usize())).collect()
            }
            None => {
                let each = |(listed, (form, _)): (usize, &(String, usize))| {
                    let found = small.match_indices(form.as_str());
                    found.map(|(at, form)| (at..at + form.len(), listed)).collect::<Vec<_>>()
                };
                self.forms.iter().enumerate().flat_map(each).collect()
            }
        };
        let found = found.into_iter().filter(|(range, _)| whole(range)).take(MOST_FINDINGS * 10);
        let ban = |listed: usize| Some(self.forms.get(listed)?.1);
        found.filter_map(|(range, listed)| Some((as_written(reading, range, digits), ban(listed)?))).collect()
    }
}

/// Wordings, found by the hashes of words in a row.
#[derive(Clone, Debug, Default)]
pub struct Wordings {
    known: HashMap<Wording, usize>,
    /// How many words those have that are found inside longer texts.
    lengths: BTreeSet<usize>,
}

impl Wordings {
    /// Adds one, with the place of its ban; the first to be added stays.
    fn add(&mut self, wording: Wording, ban: usize) {
        self.known.entry(wording).or_insert(ban);
        if wording.words >= CONTAINED_FROM {
            self.lengths.insert(wording.words);
        }
    }

    /// Whether a text is one of them, or holds one.
    pub fn catch(&self, text: &str) -> bool {
        let text = Text::new(text);
        text.readings().any(|reading| !self.find(reading.text()).is_empty())
    }

    /// Where they stand in a reading, with the places of their bans.
    fn find(&self, reading: &str) -> Vec<(Range<usize>, usize)> {
        if self.known.is_empty() {
            return Vec::new();
        }
        let words = words(reading);
        let mut found: Vec<(Range<usize>, usize)> = Vec::new();
        found.extend(self.known.get(&wording(&words, reading)).map(|ban| (0..reading.len(), *ban)));
        let Some(longest) = self.lengths.last() else { return found };
        for first in 0..words.len() {
            let mut hasher = blake3::Hasher::new();
            for (index, (word, range)) in words.iter().enumerate().skip(first).take(*longest) {
                add_word(&mut hasher, word);
                let count = index + 1 - first;
                if count == words.len() || !self.lengths.contains(&count) {
                    continue;
                }
                let here = Wording { hash: *hasher.finalize().as_bytes(), words: count };
                let start = words.get(first).map_or(0, |(_, range)| range.start);
                found.extend(self.known.get(&here).map(|ban| (start..range.end, *ban)));
            }
        }
        found
    }
}

impl FromIterator<Wording> for Wordings {
    fn from_iter<I: IntoIterator<Item = Wording>>(wordings: I) -> Self {
        let mut all = Self::default();
        wordings.into_iter().for_each(|wording| all.add(wording, 0));
        all
    }
}

/// The words of a reading in small letters, with where each stands. An apostrophe within a word is no part of it.
fn words(reading: &str) -> Vec<(String, Range<usize>)> {
    let is_word = |c: char| c != '_' && (c.is_alphanumeric() || regex_syntax::is_word_character(c));
    let mut words: Vec<(String, Range<usize>)> = Vec::new();
    let mut chars = reading.char_indices().peekable();
    let mut inside = false;
    while let Some((at, c)) = chars.next() {
        let end = at + c.len_utf8();
        if is_word(c) {
            match words.last_mut().filter(|_| inside) {
                Some((word, range)) => {
                    word.extend(small(c, Digits::OnTheLine));
                    range.end = end;
                }
                None => words.push((small(c, Digits::OnTheLine).collect(), at..end)),
            }
            inside = true;
        } else if !(inside && c == '\'' && chars.peek().is_some_and(|(_, next)| is_word(*next))) {
            inside = false;
        }
    }
    words
}

/// Lengths go in before words, so that no two rows of words run together into one.
fn add_word(hasher: &mut blake3::Hasher, word: &str) {
    hasher.update(&(word.len() as u64).to_le_bytes()).update(word.as_bytes());
}

fn wording(words: &[(String, Range<usize>)], reading: &str) -> Wording {
    let mut hasher = blake3::Hasher::new();
    for (word, _) in words {
        add_word(&mut hasher, word);
    }
    if words.is_empty() {
        for signs in reading.split_whitespace() {
            hasher.update(signs.as_bytes());
        }
    }
    Wording { hash: *hasher.finalize().as_bytes(), words: words.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phrases(phrases: &[&str]) -> Bans {
        let ban = |phrase: &&str| Ban {
            id: (*phrase).to_owned(),
            reason: "the regulator's letter".into(),
            what: Banned::Phrase((*phrase).to_owned()),
        };
        Bans::new(phrases.iter().map(ban))
    }

    #[track_caller]
    fn finds(phrase: &str, text: &str, expected: &[&str]) {
        let found: Vec<String> = phrases(&[phrase]).find(text).into_iter().map(|f| f.matched).collect();
        assert_eq!(found, expected, "{phrase:?} in {text:?}");
    }

    #[test]
    fn phrases_are_found_as_rules_find_theirs() {
        finds("risk free", "A RISK FREE choice, risk\u{a0}free.", &["RISK FREE", "risk\u{a0}free"]);
        finds("risk free", "risk\n  free", &["risk\n  free"]);
        finds("risk free", "risk-free, brisk free, risk freely", &[]);
        finds("guaranteed", "gυaranteed g u a r a n t e e d", &["gυaranteed", "g u a r a n t e e d"]);
        finds("guaranteed", "guar\u{ad}an\u{200b}teed", &["guar\u{ad}an\u{200b}teed"]);
        finds("guaranteed", "gu4ranteed", &["gu4ranteed"]);
        finds("Größe", "in GRÖSSE und größe", &["GRÖSSE", "größe"]);
        finds("café", "Cafe\u{301} CAFÉ cafés", &["Cafe\u{301}", "CAFÉ"]);
        finds("£5 off", "Only £5 off, not £15 off nor £5 offer", &["£5 off"]);
        finds("5 off", "£5 off and 15 off", &["5 off"]);
        finds("it's free", "it’s free", &["it’s free"]);
        finds("it’s free", "it's FREE", &["it's FREE"]);
        finds("kelvin", "\u{212a}elvin", &["\u{212a}elvin"]);
        finds("σίσυφος", "ΣΊΣΥΦΟΣ", &["ΣΊΣΥΦΟΣ"]);
        finds("istanbul", "İstanbul", &["İstanbul"]);
        // Letters and digits that folding would join or read otherwise are met as they stand, too.
        finds("a b c", "x a b c", &["a b c"]);
        finds("mp3s", "all MP3s", &["MP3s"]);
        finds("free", "", &[]);
        finds("(a+)", "(a+) but not aa", &["(a+)"]);
        finds("two  words ", "two words", &["two words"]);
    }

    #[test]
    fn scripts_without_blanks_have_no_words_to_cut() {
        finds("環境にやさしい", "これは環境にやさしい製品です", &["環境にやさしい"]);
        finds("保証", "この製品は品質を保証します。", &["保証"]);
        finds("ﾎｼｮｳ", "ホショウ付きです", &["ホショウ"]);
        finds("最好", "这是最好的产品", &["最好"]);
        finds("ปลอดสารพิษ", "ผลิตภัณฑ์ปลอดสารพิษแท้", &["ปลอดสารพิษ"]);
        finds("환경친화적", "환경친화적인 제품, 환경친화적 제품", &["환경친화적", "환경친화적"]);
        finds("eco", "これはeco製品です, 이것은 eco는", &["eco", "eco"]);
        finds("eco", "decor, économie, ecosystem", &[]);
        finds("эко", "экология", &[]);
    }

    #[test]
    fn raised_and_lowered_digits_read_as_digits_too() {
        for phrase in ["CO2 neutral", "CO₂ neutral", "co² NEUTRAL"] {
            finds(phrase, "CO₂ neutral, CO2 neutral; XCO2 neutral", &["CO₂ neutral", "CO2 neutral"]);
        }
        finds("10 m2", "10 m², 10 m2, 10 m²x", &["10 m²", "10 m2"]);
        finds("guaranteed", "guaranteed¹ and Guaranteed₂", &["guaranteed", "Guaranteed"]);
        assert_eq!(wording_of("CO₂ neutral, by 2030."), wording_of("co2 neutral by 2030"));
    }

    #[test]
    fn a_finding_says_which_stop_and_why() {
        let found = phrases(&["free", "risk free"]).find("é risk free");
        let told: Vec<_> = found.iter().map(|f| (f.rule.as_str(), f.start, f.end)).collect();
        assert_eq!(told, [("stop.risk free", 2, 11), ("stop.free", 7, 11)]);
        assert_eq!(found[0].message, "A stop bans 'risk free': the regulator's letter");
        assert_eq!(found[0].action, Action::Block);
        let crowd = phrases(&["free"]).find(&"free ".repeat(1_000));
        assert_eq!(crowd.len(), MOST_FINDINGS);
    }

    #[test]
    fn phrases_that_say_nothing_are_refused() {
        for (phrase, wrong) in [
            ("", "it holds no letter and no digit"),
            (" £ — ", "it holds no letter and no digit"),
            ("\u{ad}", "it holds no letter and no digit"),
        ] {
            assert!(check_phrase(phrase).unwrap_err().starts_with(wrong), "{phrase:?}");
        }
        assert!(check_phrase(&"a".repeat(501)).unwrap_err().starts_with("it has 501 characters"));
        for phrase in ["5", "é", "無料", "a".repeat(500).as_str()] {
            assert_eq!(check_phrase(phrase), Ok(()));
        }
        assert!(phrases(&["—"]).is_empty());
    }

    #[track_caller]
    fn taken_down(given: &str, text: &str, expected: Option<&str>) {
        let what = Banned::Wording(wording_of(given).to_string().parse().unwrap());
        let bans = Bans::new([Ban { id: "1".into(), reason: "a complaint".into(), what }]);
        let found: Vec<String> = bans.find(text).into_iter().map(|f| f.matched).collect();
        assert_eq!(found, Vec::from_iter(expected), "{given:?} in {text:?}");
        assert!(bans.find(text).iter().all(|f| !f.message.contains(given)));
    }

    #[test]
    fn wordings_are_found_by_their_words() {
        let text = "Cures a cold — in two days!";
        taken_down(text, text, Some(text));
        taken_down(text, "cures a cold in \"two\" days", Some("cures a cold in \"two\" days"));
        taken_down(text, "Cures a cold\nin two dаys", Some("Cures a cold\nin two dаys"));
        taken_down(text, "It cures a cold in two days. Ask.", Some("cures a cold in two days"));
        taken_down(text, "Cures a cold in three days", None);
        taken_down(text, "Cures two days in a cold", None);
        taken_down(text, "Cures a cold in two", None);
        taken_down("It’s a well-known tent.", "its a well known tent", Some("its a well known tent"));
        // Too little to be looked for inside others.
        taken_down("A fine tent.", "a FINE tent", Some("a FINE tent"));
        taken_down("A fine tent.", "A fine tent for two.", None);
        taken_down("£15", "£1.5", None);
        taken_down("★ ★", "★★", Some("★★"));
        taken_down("★ ★", "★", None);
        taken_down("★", "", None);
        taken_down("gu4ranteed to last", "Guaranteed to last.", Some("Guaranteed to last."));
    }

    #[test]
    fn what_is_banned_twice_is_banned_once() {
        let ban = |id: &str, phrase: &str| Ban {
            id: id.into(),
            reason: String::new(),
            what: Banned::Phrase(phrase.into()),
        };
        let one = Bans::new([ban("1", "Free")]);
        assert_eq!(one.hash(), Bans::new([ban("2", "free"), ban("3", "FREE")]).hash());
        assert_ne!(one.hash(), Bans::new([ban("1", "free"), ban("2", "gift")]).hash());
        assert_eq!(Bans::default().hash(), Bans::new([]).hash());
        assert!(!one.catch("A gift.") && one.catch("It is free."));
    }
}
