//! Reads whether a sentence affirms what it names or denies it: "no WLAN or radio", "lacks", "NFC (absent)", "while
//! NFC is not included".

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use crate::guardrail::text::slice;

/// What a sentence says of something that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Polarity {
    Affirmed,
    Denied,
    /// It may be meant either way, or is only wished, conditional or sold apart.
    Unclear,
}

/// A text prepared for reading: as written, and of the same length in small letters with a space for each hyphen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plain<'t> {
    pub(super) written: &'t str,
    pub(super) small: &'t str,
}

/// Small letters, as far as European languages have them, and a space for each hyphen, `_` and line end. Every byte
/// keeps its place.
pub(super) fn small(text: &str) -> String {
    let mut lead = 0;
    let fold = |byte: u8| {
        let folded = match (lead, byte) {
            (_, b'-' | b'_' | b'\n' | b'\t') => b' ',
            // The capitals of Latin-1, but for the multiplication sign.
            (0xc3, 0x80..=0x96 | 0x98..=0x9e) => byte + 0x20,
            _ => byte.to_ascii_lowercase(),
        };
        lead = byte;
        folded
    };
    let bytes: Vec<u8> = text.bytes().map(fold).collect();
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// How many words of a list are followed on either side.
const REACH: usize = 48;

/// Words that begin another statement.
const TURNS: &[&str] = &[
    "but", "however", "although", "though", "while", "whereas", "yet", "aber", "sondern", "jedoch", "obwohl",
    "während",
];
/// Words after which a list ends and reasons, purposes or conditions begin.
const BREAKS: &[&str] = &[
    "which", "that", "who", "making", "so", "because", "since", "thanks", "due", "allowing", "ensuring",
    "letting", "giving", "when", "where", "until", "instead", "rather", "damit", "sodass", "weil", "dass",
];
const CONDITIONS: &[&str] = &["if", "whether", "unlike", "wenn", "ob", "anders"];
/// Verbs that say that something is there, unless they are negated themselves.
const HAVING: &[&str] = &[
    "has",
    "have",
    "had",
    "having",
    "supports",
    "support",
    "supported",
    "supporting",
    "features",
    "featuring",
    "featured",
    "feature",
    "includes",
    "include",
    "included",
    "including",
    "offers",
    "offer",
    "offered",
    "offering",
    "boasts",
    "boasting",
    "provides",
    "provide",
    "provided",
    "providing",
    "with",
    "equipped",
    "packs",
    "uses",
    "use",
    "using",
    "runs",
    "gets",
    "get",
    "contains",
    "contain",
    "adds",
    "carries",
    "houses",
    "sports",
    "enables",
    "comes",
    "come",
    "came",
    "need",
    "needs",
    "require",
    "requires",
    "hat",
    "haben",
    "bietet",
    "besitzt",
    "unterstützt",
    "mit",
    "verfügt",
    "enthält",
    "made",
    "aus",
];
/// Words that may stand between a negation and its verb.
const AUXILIARY: &[&str] = &[
    "does",
    "do",
    "did",
    "is",
    "are",
    "was",
    "were",
    "be",
    "been",
    "being",
    "come",
    "comes",
    "came",
    "equipped",
    "also",
    "currently",
    "yet",
    "even",
    "it",
    "to",
    "will",
    "would",
    "can",
    "could",
    "any",
    "have",
    "has",
    "had",
    "provided",
    "support",
    "able",
    "über",
];
const NOT: &[&str] = &["not", "never", "cannot", "nor", "neither", "unable", "nicht"];

/// How far a negation reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// "no": a list with "or".
    No,
    /// "without": up to the next comma, or a list with "or".
    Without,
    /// "does not have", "lacks": a list with "or" or "and".
    Verb,
}

/// What the sentence says of the thing named at `at`. Nothing outside `scope` is looked at.
pub(super) fn polarity(text: Plain<'_>, scope: &Range<usize>, at: &Range<usize>) -> Polarity {
    let scope = &near(text.written, scope, at);
    let sentence = sentence(text.written, scope, at);
    if let Some(answer) = answered(text, &sentence, scope) {
        return answer;
    }
    if !turns(text, &sentence) {
        return Polarity::Affirmed;
    }
    match said_after(text, at.end..scope.end) {
        Some(polarity) => polarity,
        None => said_before(text, scope.start..at.start),
    }
}

/// Parts of the words without which nothing is denied and nothing unclear.
static TURNING: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let parts = [
        "no",
        "n't",
        "without",
        "lack",
        "excl",
        "except",
        "minus",
        "omit",
        "absen",
        "neither",
        "never",
        "cannot",
        "unable",
        "kein",
        "nicht",
        "ohne",
        "fehl",
        "nein",
        "zero",
        "optional",
        "missing",
        "free",
        "frei",
        "false",
        "unavailable",
        "unsupported",
        "removed",
        "separate",
        "sold",
        "if",
        "whether",
        "unlike",
        "wenn",
        "ob",
        "anders",
        "instead",
        "rather",
        "skip",
        "forgo",
        "forego",
        "ditch",
        "eschew",
        "sans",
        "devoid",
    ];
    AhoCorasick::new(parts).ok()
});

/// What is answered to a sentence that is a question; a question itself says nothing.
fn answered(text: Plain<'_>, sentence: &Range<usize>, scope: &Range<usize>) -> Option<Polarity> {
    let rest = slice(text.written, sentence.end..scope.end);
    if !rest.starts_with('?') {
        return None;
    }
    let answer = slice(text.small, sentence.end + 1..scope.end).trim_start();
    let answer = answer.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    match answer {
        "yes" | "ja" => Some(Polarity::Affirmed),
        "no" | "nein" => Some(Polarity::Denied),
        _ => Some(Polarity::Unclear),
    }
}

/// Whether a sentence may deny anything, or leave it unclear.
pub(super) fn turns(text: Plain<'_>, sentence: &Range<usize>) -> bool {
    let asks = slice(text.written, sentence.end..text.written.len()).starts_with('?');
    asks || TURNING.as_ref().is_none_or(|parts| parts.is_match(slice(text.small, sentence.clone())))
}

/// How far from a place anything said of it may stand, in bytes.
const FAR: usize = 800;

/// The part of a scope that is near a place: what keeps reading linear, however long a text goes on without an end.
pub(super) fn near(text: &str, scope: &Range<usize>, at: &Range<usize>) -> Range<usize> {
    let start = text.ceil_char_boundary(at.start.saturating_sub(FAR)).min(at.start);
    let end = text.floor_char_boundary(at.end.saturating_add(FAR)).max(at.end);
    scope.start.max(start)..scope.end.min(end)
}

/// The sentence around a place, as far as it lies within the scope.
pub(super) fn sentence(written: &str, scope: &Range<usize>, at: &Range<usize>) -> Range<usize> {
    let scope = near(written, scope, at);
    let bytes = written.as_bytes();
    let ends = |at: &usize| match bytes.get(*at) {
        Some(b'\n' | b';' | b'!' | b'?' | 1 | b'|') => true,
        Some(b'.') => bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace),
        _ => false,
    };
    let start = (scope.start..at.start).rev().find(ends).unwrap_or(scope.start);
    let end = (at.end..scope.end).find(ends).unwrap_or(scope.end);
    start..end
}

/// Whether a character ends what a negation can reach. `next` is the text after it.
fn is_stop(c: char, next: &str) -> bool {
    match c {
        '\n' | ';' | '•' | '!' | '?' | '\u{1}' | '|' => true,
        '.' => next.chars().next().is_none_or(char::is_whitespace),
        _ => false,
    }
}

/// The last word of a text, with where it begins and what stands between it and the end; `None` at the beginning of a
/// statement. What stands in parentheses is passed over.
fn last_word<'t>(text: Plain<'t>, start: usize, end: usize) -> Option<(&'t str, usize, &'t str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '\'';
    let written = slice(text.written, start..end);
    let mut word_end = None;
    let mut word_start = start;
    let mut inside = 0_usize;
    for (at, c) in written.char_indices().rev() {
        let at = start + at;
        let after = slice(text.written, at + c.len_utf8()..text.written.len());
        if word_end.is_none() && is_stop(c, after) {
            return None;
        }
        match c {
            ')' => inside += 1,
            '(' => inside = inside.saturating_sub(1),
            _ => {}
        }
        if is_word(c) && inside == 0 {
            word_end.get_or_insert(at + c.len_utf8());
            word_start = at;
        } else if word_end.is_some() {
            break;
        }
    }
    let word_end = word_end?;
    Some((slice(text.small, word_start..word_end), word_start, slice(text.written, word_end..end)))
}

fn said_before(text: Plain<'_>, scope: Range<usize>) -> Polarity {
    let mut end = scope.end;
    let mut next = "";
    let (mut comma, mut or, mut and, mut apart, mut broken) = (false, false, false, false, false);
    for distance in 0..REACH {
        let Some((word, start, between)) = last_word(text, scope.start, end) else { break };
        comma |= between.contains(',') && distance > 0;
        let negates = |reach: Reach| {
            let unclear = broken
                || match reach {
                    Reach::No => and && !or,
                    Reach::Without => (comma && !or) || (and && apart),
                    Reach::Verb => and && apart,
                };
            // "no camera, and a battery": the battery is there.
            match (unclear, reach) {
                (true, Reach::No) if and && apart && !broken => Polarity::Affirmed,
                (true, _) => Polarity::Unclear,
                (false, _) => Polarity::Denied,
            }
        };
        match word {
            "or" | "oder" => or = true,
            "and" | "und" | "plus" | "&" => {
                and = true;
                let article = ["a", "an", "the", "its", "it", "ein", "eine", "einen", "der", "die", "das"];
                apart |= article.contains(&next) || next.starts_with(|c: char| c.is_ascii_digit());
            }
            "no" if [
                "longer", "matter", "need", "other", "doubt", "wonder", "less", "more", "nonsense",
                "problem", "hassle",
            ]
            .contains(&next) =>
            {
                return Polarity::Unclear;
            }
            "no" if between.starts_with('.') => {}
            "no" | "kein" | "keine" | "keinen" | "keinem" | "keiner" | "zero" => return negates(Reach::No),
            "not" if ["only", "just", "merely", "to"].contains(&next) => return Polarity::Affirmed,
            "nicht" if next == "nur" => return Polarity::Affirmed,
            "without" | "ohne" if next.ends_with("ing") => return Polarity::Unclear,
            "without" | "ohne" | "excluding" | "except" | "minus" => return negates(Reach::Without),
            "lacks" | "lack" | "lacking" | "lacked" | "omits" | "excludes" | "absence" | "neither"
            | "nor" | "never" | "cannot" | "nicht" | "not" | "fehlt" | "fehlen" => {
                return negates(Reach::Verb);
            }
            // "USB-C instead of a jack".
            "instead" | "rather" if distance <= 3 && matches!(next, "of" | "than") => {
                return Polarity::Denied;
            }
            "skips" | "skip" | "forgoes" | "foregoes" | "forgo" | "ditches" | "eschews" | "sans"
            | "devoid" => {
                return negates(Reach::Verb);
            }
            "free" | "frei" if matches!(next, "from" | "of" | "von") => return negates(Reach::Without),
            "non" if distance == 0 => return Polarity::Denied,
            "optional" | "optionally" | "optionale" | "optionaler" | "optionales" if distance == 0 => {
                return Polarity::Unclear;
            }
            "missing" if distance <= 1 => return negates(Reach::Verb),
            "support" if next == "for" => {}
            "as" => {
                let well = last_word(text, scope.start, start).is_some_and(|(word, ..)| word == "well");
                broken |= !well && next != "well";
            }
            // Somebody's: another subject.
            _ if word.ends_with("'s") => broken = true,
            _ if word.ends_with("n't") => return negates(Reach::Verb),
            _ if HAVING.contains(&word) => {
                return match before_verb(text, scope.start, start) {
                    Some(Polarity::Denied) => negates(Reach::Verb),
                    Some(other) => other,
                    None => Polarity::Affirmed,
                };
            }
            _ if TURNS.contains(&word) => return Polarity::Affirmed,
            _ if CONDITIONS.contains(&word) => return Polarity::Unclear,
            _ if BREAKS.contains(&word) => broken = true,
            _ => {}
        }
        (end, next) = (start, word);
    }
    Polarity::Affirmed
}

/// Whether a negation or a condition stands before a verb that begins at `end`.
fn before_verb(text: Plain<'_>, start: usize, mut end: usize) -> Option<Polarity> {
    let mut negates = true;
    for _ in 0..4 {
        let (word, at, between) = last_word(text, start, end)?;
        if between.contains(',') {
            return None;
        }
        if CONDITIONS.contains(&word) || word == "no" {
            return Some(Polarity::Unclear);
        }
        if negates && (NOT.contains(&word) || word.ends_with("n't")) {
            return Some(Polarity::Denied);
        }
        negates &= AUXILIARY.contains(&word);
        end = at;
    }
    None
}

/// What follows the thing named: "(absent)", ": No", "is not included", "-free".
fn said_after(text: Plain<'_>, scope: Range<usize>) -> Option<Polarity> {
    let rest = slice(text.written, scope.clone());
    let small = slice(text.small, scope);
    let next = rest.trim_start_matches([' ', '*', ':', '(', '-', '=', '[', '"']);
    let gap = rest.len() - next.len();
    let (gap, next) = (slice(rest, 0..gap), slice(small, gap..small.len()));
    let word_end = next.find(|c: char| !c.is_alphanumeric()).unwrap_or(next.len());
    let (word, after) = next.split_at_checked(word_end).unwrap_or_default();
    let ends = after
        .trim_start_matches('*')
        .chars()
        .next()
        .is_none_or(|c| !c.is_alphanumeric() && !matches!(c, ' ' | '-' | '\''))
        || rest.get(gap.len() + word_end..).is_some_and(|rest| rest.starts_with('\n'));
    if word == "free" && matches!(gap, " " | "-") && !after.starts_with(" of") {
        return Some(Polarity::Denied);
    }
    if gap.contains([':', '(', '=', '-']) && !gap.starts_with('-') {
        match word {
            "no" | "none" | "absent" | "missing" | "unavailable" | "nein" | "false" | "keine" | "nicht"
                if ends =>
            {
                return Some(Polarity::Denied);
            }
            "not"
                if after.starts_with(" included")
                    || after.starts_with(" supported")
                    || after.starts_with(" available")
                    || after.starts_with(" present") =>
            {
                return Some(Polarity::Denied);
            }
            "nicht" => return Some(Polarity::Denied),
            "optional" | "sold" => return Some(Polarity::Unclear),
            _ => {}
        }
    }
    if gap.contains('(') && TURNS.contains(&word) {
        let aside = next.split(')').next().unwrap_or_default();
        // "NFC (although NFC is not included)": said and taken back.
        if turns(Plain { written: aside, small: aside }, &(0..aside.len())) {
            return Some(Polarity::Unclear);
        }
    }
    let mut words = Words { text: Plain { written: rest, small }, at: 0 };
    for _ in 0..14 {
        let (word, _) = words.next()?;
        match word {
            "not" => return denied(&mut words),
            "nicht" => return Some(Polarity::Denied),
            "isn't" | "aren't" | "wasn't" => return denied(&mut words),
            "is" | "are" | "was" | "were" | "ist" | "sind" => {
                let (mut word, _) = words.next()?;
                while ["also", "sadly", "unfortunately", "currently", "yet", "leider"].contains(&word) {
                    word = words.next()?.0;
                }
                return match word {
                    "not" => denied(&mut words),
                    "nicht" | "absent" | "missing" | "unavailable" | "lacking" | "omitted"
                    | "unsupported" => Some(Polarity::Denied),
                    "optional" => Some(Polarity::Unclear),
                    "sold" => Some(Polarity::Unclear),
                    _ => None,
                };
            }
            "optional" | "separately" => return Some(Polarity::Unclear),
            "support" | "feature" | "features" => {}
            _ if HAVING.contains(&word) || TURNS.contains(&word) || BREAKS.contains(&word) => return None,
            _ => {}
        }
    }
    None
}

/// What a "not" denies, by the words that follow: being there at all, or something else.
fn denied(words: &mut Words<'_>) -> Option<Polarity> {
    let fillers = ["being", "been", "currently", "officially", "yet", "be"];
    let Some((word, _)) = words.find(|(word, _)| !fillers.contains(word)) else {
        return Some(Polarity::Denied);
    };
    match word {
        "included" | "available" | "supported" | "present" | "offered" | "provided" | "there"
        | "featured" | "possible" | "built" | "part" | "integrated" => Some(Polarity::Denied),
        "specified" | "mentioned" | "listed" | "confirmed" | "known" | "stated" | "disclosed" | "needed"
        | "required" => Some(Polarity::Unclear),
        _ => None,
    }
}

/// The words of a statement, up to its end.
struct Words<'t> {
    text: Plain<'t>,
    at: usize,
}

impl<'t> Iterator for Words<'t> {
    type Item = (&'t str, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let is_word = |c: char| c.is_alphanumeric() || c == '\'';
        let mut start = None;
        let mut end = self.text.written.len();
        for (offset, c) in slice(self.text.written, self.at..end).char_indices() {
            let at = self.at + offset;
            if start.is_none()
                && is_stop(c, slice(self.text.written, at + c.len_utf8()..self.text.written.len()))
            {
                return None;
            }
            if is_word(c) {
                start.get_or_insert(at);
            } else if start.is_some() {
                end = at;
                break;
            }
        }
        let start = start?;
        self.at = end;
        Some((slice(self.text.small, start..end), start))
    }
}

#[cfg(test)]
mod tests;
