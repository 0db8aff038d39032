//! A text to be judged, in the two forms that rules read: as given, and folded. Finds the way back from a folded match
//! to the text as given, and counts in characters only when somebody asks.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::fold::{Folded, fold};

/// One text, ready for every rule. Ranges count bytes of one form or the other, as each method says.
#[derive(Debug)]
pub(super) struct Text<'a> {
    given: &'a str,
    folded: Cow<'a, str>,
    /// Where each folded character begins, and what it came from; empty when the text reads as it is written.
    origins: Vec<(usize, Range<usize>)>,
    /// Where each character of the given text begins.
    starts: OnceCell<Vec<usize>>,
}

/// How much of a text a rule looks at in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Text,
    Sentence,
    Paragraph,
}

impl<'a> Text<'a> {
    pub(super) fn new(given: &'a str) -> Self {
        let Some(characters) = fold(given) else {
            return Self { given, folded: given.into(), origins: Vec::new(), starts: OnceCell::new() };
        };
        let mut folded = String::with_capacity(given.len());
        let mut origins = Vec::with_capacity(characters.len());
        for Folded { is, start, end } in characters {
            origins.push((folded.len(), start..end));
            folded.push(is);
        }
        Self { given, folded: folded.into(), origins, starts: OnceCell::new() }
    }

    /// The text as given.
    pub(super) fn given(&self) -> &'a str {
        self.given
    }

    /// The text as it reads.
    pub(super) fn folded(&self) -> &str {
        &self.folded
    }

    /// The bytes as given of a range of the folded text that is not empty.
    pub(super) fn origin(&self, folded: Range<usize>) -> Range<usize> {
        let Cow::Owned(_) = self.folded else { return folded };
        let first = self.origins.partition_point(|(at, _)| *at < folded.start);
        let last = self.origins.partition_point(|(at, _)| *at < folded.end).saturating_sub(1);
        match (self.origins.get(first), self.origins.get(last)) {
            (Some((_, first)), Some((_, last))) if first.start < last.end => first.start..last.end,
            _ => self.given.len()..self.given.len(),
        }
    }

    /// How many characters of the given text stand before this byte.
    pub(super) fn characters_before(&self, byte: usize) -> usize {
        if self.given.is_ascii() {
            return byte;
        }
        let starts = self.starts.get_or_init(|| self.given.char_indices().map(|(at, _)| at).collect());
        starts.partition_point(|start| *start < byte)
    }
}

/// The pieces of a text that a rule looks at one by one, each with its range.
pub(super) fn pieces(text: &str, reach: Reach) -> Vec<(Range<usize>, &str)> {
    match reach {
        Reach::Text => vec![(0..text.len(), text)],
        Reach::Paragraph => split(text, text.split_inclusive("\n\n")),
        Reach::Sentence => split(text, text.split_sentence_bounds()),
    }
}

fn split<'t>(text: &'t str, parts: impl Iterator<Item = &'t str>) -> Vec<(Range<usize>, &'t str)> {
    let mut at = 0;
    let mut out = Vec::new();
    for part in parts {
        let trimmed = part.trim();
        let start = at + (part.len() - part.trim_start().len());
        at += part.len();
        if trimmed.chars().any(char::is_alphanumeric) {
            out.push((start..start + trimmed.len(), trimmed));
        }
    }
    debug_assert_eq!(at, text.len(), "the parts make up the text");
    out
}

/// A stretch of a text; nothing when the range does not fit it.
pub(super) fn slice(text: &str, range: Range<usize>) -> &str {
    text.get(range).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_origin(given: &str, word: &str, expected: &str) {
        let text = Text::new(given);
        let start = text.folded().find(word).expect("the word is there");
        assert_eq!(slice(given, text.origin(start..start + word.len())), expected);
    }

    #[test]
    fn matches_lead_back_to_the_text_as_given() {
        check_origin("so guaranteed!", "guaranteed", "guaranteed");
        check_origin("“so” gυar\u{200b}anteed!", "guaranteed", "gυar\u{200b}anteed");
        check_origin("so g u a r a n t e e d!", "guaranteed", "g u a r a n t e e d");
        check_origin("a ﬁne é", "fine", "ﬁne");
    }

    #[track_caller]
    fn check_pieces(text: &str, reach: Reach, expected: &[&str]) {
        let found: Vec<&str> = pieces(text, reach)
            .into_iter()
            .map(|(range, piece)| {
                assert_eq!(slice(text, range), piece);
                piece
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn sentences_and_paragraphs() {
        check_pieces("One. Two 2.5 mm! Three?", Reach::Sentence, &["One.", "Two 2.5 mm!", "Three?"]);
        check_pieces("One.\n\nTwo. Three.", Reach::Paragraph, &["One.", "Two. Three."]);
        check_pieces(" … ", Reach::Sentence, &[]);
    }
}
