//! `occurrence` and `limit`: things counted, with a least and a most.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use crate::guardrail::patterns::Pattern;
use crate::guardrail::rule::Hit;
use crate::guardrail::text::{Reach, Text, pieces};

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
    /// Whether there being none is too few.
    pub(in crate::guardrail) fn misses_none(self) -> bool {
        self.missed_by(0)
    }
}

/// A pattern too often or too seldom in a piece of text.
#[derive(Debug)]
pub(in crate::guardrail) struct Occurrence {
    pub(in crate::guardrail) pattern: Pattern,
    pub(in crate::guardrail) reach: Reach,
    pub(in crate::guardrail) bounds: Bounds,
}

impl Occurrence {
    pub(super) fn find(&self, text: &Text<'_>) -> Vec<Hit> {
        let mut hits = Vec::new();
        let find = |piece: &str| self.pattern.find(piece).into_iter().map(|range| (range, ())).collect();
        for piece in text.pieces(self.reach) {
            let found = text.find_in(&piece, find);
            if let Some((first, ())) = self.bounds.exceeded_by(found.len()).and_then(|max| found.get(max)) {
                hits.push(Hit::at(first.clone()));
            } else if self.bounds.missed_by(found.len()) {
                hits.push(Hit::at(piece));
            }
        }
        hits
    }
}

/// Bounds on the length of a text. Characters are Unicode's scalar values of the text as given; words and sentences are
/// those of Unicode's text segmentation (UAX #29).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::guardrail) struct Limit {
    pub(in crate::guardrail) characters: Bounds,
    pub(in crate::guardrail) words: Bounds,
    pub(in crate::guardrail) sentences: Bounds,
    pub(in crate::guardrail) words_per_sentence: Bounds,
}

impl Limit {
    pub(super) fn find(&self, text: &str) -> Vec<Hit> {
        let mut hits = Vec::new();
        let characters = || text.char_indices().map(|(at, _)| at);
        hits.extend(beyond(0..text.len(), characters(), self.characters, "characters"));
        let words = || text.unicode_word_indices().map(|(at, _)| at);
        hits.extend(beyond(0..text.len(), words(), self.words, "words"));
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
    let says = vec![format!("{} {what}", starts.len())];
    Some(Hit { says, ..Hit::at(start..range.end) })
}
