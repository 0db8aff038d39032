//! `occurrence` and `limit`: things counted, with a least and a most.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use crate::guardrail::patterns::Pattern;
use crate::guardrail::prefilter::Loose;
use crate::guardrail::rule::Hit;
use crate::guardrail::text::{Reach, Text, pieces, slice};

/// The least and the most of something, both included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::guardrail) struct Bounds {
    pub(in crate::guardrail) min: Option<usize>,
    pub(in crate::guardrail) max: Option<usize>,
}

impl Bounds {
    fn exceeded_by(self, count: usize) -> Option<usize> {
        self.max.filter(|max| count > *max)
    }
    fn missed_by(self, count: usize) -> bool {
        self.min.is_some_and(|min| count < min)
    }
}

/// A pattern too often or too seldom in a piece of text.
#[derive(Debug)]
pub(in crate::guardrail) struct Occurrence {
    pub(in crate::guardrail) pattern: Pattern,
    pub(in crate::guardrail) reach: Reach,
    pub(in crate::guardrail) bounds: Bounds,
    /// Whether findings are told as public rules tell them: at the first match, with the number of all.
    pub(in crate::guardrail) public: bool,
}

impl Occurrence {
    /// What is too seldom may not be there at all.
    pub(super) fn loose(&self) -> Option<Loose<'_>> {
        self.pattern.loose().filter(|_| !self.bounds.missed_by(0))
    }

    pub(super) fn find(&self, text: &Text<'_>) -> Vec<Hit> {
        let mut hits = Vec::new();
        for piece in self.pattern.pieces(text, self.reach) {
            let found = match self.pattern.find(text, &piece) {
                Ok(found) => found,
                Err(gave_up) => {
                    hits.push(gave_up.hit(piece));
                    continue;
                }
            };
            let beyond = self.bounds.exceeded_by(found.len()).and_then(|max| found.get(max));
            let missed = self.bounds.missed_by(found.len());
            if self.public {
                if beyond.is_some() || missed {
                    hits.extend(counted(text, &found));
                }
            } else if let Some(first) = beyond {
                hits.push(Hit::at(first.clone()));
            } else if missed {
                hits.push(Hit::at(piece));
            }
        }
        hits
    }
}

/// The first match that is more than whitespace, `*` and `@`, or the beginning of the text when there is none at all.
fn counted(text: &Text<'_>, found: &[Range<usize>]) -> Option<Hit> {
    let says = vec![found.len().to_string()];
    if found.is_empty() {
        return Some(Hit { says, ..Hit::at(text.beginning()) });
    }
    let is_word = |range: &&Range<usize>| {
        let matched = slice(text.given(), (*range).clone()).trim();
        matched.chars().any(|c| c != '*' && c != '@')
    };
    found.iter().find(is_word).map(|range| Hit { says, ..Hit::at(range.clone()) })
}

/// Bounds on the length of a text. Characters are Unicode's scalar values of the text as given; words and sentences are
/// those of Unicode's text segmentation (UAX #29); bytes are UTF-8's; segments are what a mobile network makes of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::guardrail) struct Limit {
    pub(in crate::guardrail) characters: Bounds,
    pub(in crate::guardrail) words: Bounds,
    pub(in crate::guardrail) sentences: Bounds,
    pub(in crate::guardrail) words_per_sentence: Bounds,
    pub(in crate::guardrail) lines: Bounds,
    pub(in crate::guardrail) bytes: Bounds,
    pub(in crate::guardrail) sms_segments: Bounds,
}

impl Limit {
    pub(super) fn find(&self, text: &str) -> Vec<Hit> {
        let mut hits = Vec::new();
        let characters = || text.char_indices().map(|(at, _)| at);
        hits.extend(beyond(0..text.len(), characters(), self.characters, "characters"));
        let words = || text.unicode_word_indices().map(|(at, _)| at);
        hits.extend(beyond(0..text.len(), words(), self.words, "words"));
        let lines = || {
            let ends = text.match_indices('\n').map(|(at, _)| at + 1).filter(|at| *at < text.len());
            (!text.is_empty()).then_some(0).into_iter().chain(ends)
        };
        hits.extend(beyond(0..text.len(), lines(), self.lines, "lines"));
        // A character is never cut in two: it is too much as a whole.
        let bytes = || text.char_indices().flat_map(|(at, c)| std::iter::repeat_n(at, c.len_utf8()));
        hits.extend(beyond(0..text.len(), bytes(), self.bytes, "bytes"));
        if self.sms_segments != Bounds::default() {
            let segments = segments(text, self.sms_segments.max);
            hits.extend(beyond(0..text.len(), segments.into_iter(), self.sms_segments, "SMS segments"));
        }
        if [self.sentences, self.words_per_sentence] == [Bounds::default(); 2] {
            return hits;
        }
        let sentences = pieces(text, Reach::Sentence);
        let starts = sentences.iter().map(|(range, _)| range.start);
        hits.extend(beyond(0..text.len(), starts, self.sentences, "sentences"));
        for (range, sentence) in &sentences {
            let words = sentence.unicode_word_indices().map(|(at, _)| range.start + at);
            hits.extend(beyond(range.clone(), words, self.words_per_sentence, "words in a sentence"));
        }
        hits
    }
}

/// The characters of GSM 03.38's basic table, which take one place of a message each, and those of its extension, which
/// take two.
const GSM: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const GSM_EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// Where each SMS segment of a text begins. A text in GSM 03.38 takes 160 places in one message or 153 in each of several;
/// one character outside makes the whole of it UCS-2, with 70 or 67. What takes two places is not split. Where `most`
/// is one, the second begins after what a single message holds.
fn segments(text: &str, most: Option<usize>) -> Vec<usize> {
    if text.is_empty() {
        return Vec::new();
    }
    let septets = |c: char| match (GSM.contains(c), GSM_EXTENSION.contains(c)) {
        (true, _) => Some(1),
        (_, true) => Some(2),
        _ => None,
    };
    let gsm = text.chars().all(|c| septets(c).is_some());
    let places = |c: char| if gsm { septets(c).unwrap_or(1) } else { c.len_utf16() };
    let (single, each) = if gsm { (160, 153) } else { (70, 67) };
    if text.chars().map(places).sum::<usize>() <= single {
        return vec![0];
    }
    let mut starts = vec![0];
    let mut used = 0;
    let mut all = 0;
    let mut beyond_single = None;
    for (at, c) in text.char_indices() {
        if used + places(c) > each {
            starts.push(at);
            used = 0;
        }
        used += places(c);
        all += places(c);
        if all > single {
            beyond_single.get_or_insert(at);
        }
    }
    if let (Some(1), Some(beyond), Some(second)) = (most, beyond_single, starts.get_mut(1)) {
        *second = beyond;
    }
    starts
}

/// The part of the range from the first thing that is too many; all of it when there are too few.
fn beyond(
    range: Range<usize>,
    starts: impl Iterator<Item = usize>,
    bounds: Bounds,
    what: &str,
) -> Option<Hit> {
    if bounds == Bounds::default() {
        return None;
    }
    let starts: Vec<usize> = starts.collect();
    let start = match bounds.exceeded_by(starts.len()) {
        Some(max) => *starts.get(max)?,
        None if bounds.missed_by(starts.len()) => range.start,
        None => return None,
    };
    let what = if starts.len() == 1 { what.strip_suffix('s').unwrap_or(what) } else { what };
    let says = vec![format!("{} {what}", starts.len())];
    Some(Hit { says, ..Hit::at(start..range.end) })
}
