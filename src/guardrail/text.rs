//! A text to be judged, in the two forms that rules read: as given, and folded. Finds the way back from a folded match
//! to the text as given, and counts in characters only when somebody asks.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::fold::{Folded, Space, Survey, characters, finish, has_space_to_fold, reads_as, sign, survey};
use super::sentences;
use super::statement::Plain;
use super::unmask::unmask;

/// One text, ready for every rule. Ranges count bytes of the text as given, or of one reading of it, as each method says.
#[derive(Debug)]
pub(super) struct Text<'a> {
    given: &'a str,
    /// With every run of whitespace as one space.
    spaced: Reading<'a>,
    /// With its whitespace as written, where that differs: some patterns ask for line ends or for two spaces.
    written: Option<Reading<'a>>,
    /// As it reads to somebody who looks past disguises, where it may have any.
    unmasked: Option<Reading<'a>>,
    /// With its lines, where it has some.
    lined: OnceCell<Option<Reading<'a>>>,
    /// As statements are looked for in it.
    plain: OnceCell<Plain>,
    /// Where each character of the given text begins; nothing where each is one byte.
    starts: OnceCell<Option<Vec<usize>>>,
    /// The sentences of the given text, as public rules divide it.
    sentences: OnceCell<Vec<Range<usize>>>,
}

/// One way to read a text, and the way back to the text as given.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    text: Cow<'a, str>,
    /// What it is made of, in order; empty when the text reads as it is written.
    parts: Vec<Part>,
    /// The length of the text as given.
    length: usize,
}

/// A stretch of a reading.
#[derive(Debug)]
struct Part {
    /// Where it begins in the reading.
    at: usize,
    /// The bytes of the text as given that it came from.
    given: Range<usize>,
    /// Whether it is those bytes as they are; otherwise it is one character.
    verbatim: bool,
}

/// How much of a text a rule looks at in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Text,
    Sentence,
    Paragraph,
    /// Places that plain text does not have, such as headings.
    Nowhere,
}

impl<'a> Reading<'a> {
    fn as_written(given: &'a str) -> Self {
        Self { text: given.into(), parts: Vec::new(), length: given.len() }
    }

    fn of(given: &'a str, folded: impl IntoIterator<Item = Folded>) -> Self {
        let mut text = String::with_capacity(given.len());
        let mut parts: Vec<Part> = Vec::new();
        for Folded { is, start, end } in folded {
            let verbatim = given.get(start..end).is_some_and(|given| given.chars().eq([is]));
            match parts.last_mut() {
                Some(last) if verbatim && last.verbatim && last.given.end == start => last.given.end = end,
                _ => parts.push(Part { at: text.len(), given: start..end, verbatim }),
            }
            text.push(is);
        }
        Self { text: text.into(), parts, length: given.len() }
    }

    /// A text of which nothing but signs is to be folded.
    fn of_signs(given: &'a str) -> Self {
        let mut text = String::with_capacity(given.len());
        let mut parts = Vec::new();
        let mut done = 0;
        let signs = given.char_indices().filter(|(_, c)| !c.is_ascii());
        for (start, end, is) in signs.filter_map(|(at, c)| Some((at, at + c.len_utf8(), sign(c)?))) {
            if done < start {
                parts.push(Part { at: text.len(), given: done..start, verbatim: true });
                text.push_str(slice(given, done..start));
            }
            parts.push(Part { at: text.len(), given: start..end, verbatim: false });
            text.push(is);
            done = end;
        }
        if done < given.len() {
            parts.push(Part { at: text.len(), given: done..given.len(), verbatim: true });
            text.push_str(slice(given, done..given.len()));
        }
        Self { text: text.into(), parts, length: given.len() }
    }

    /// The text as it reads.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The bytes as given of a range of this reading that is not empty.
    pub(super) fn origin(&self, folded: Range<usize>) -> Range<usize> {
        let Cow::Owned(_) = self.text else { return folded };
        let part = |places: usize| places.checked_sub(1).and_then(|place| self.parts.get(place));
        let first = part(self.parts.partition_point(|part| part.at <= folded.start));
        let last = part(self.parts.partition_point(|part| part.at < folded.end));
        let start =
            first.map(|part| part.given.start + usize::from(part.verbatim) * (folded.start - part.at));
        let end = last.map(|part| match part.verbatim {
            true => part.given.start + (folded.end - part.at),
            false => part.given.end,
        });
        match (start, end) {
            (Some(start), Some(end)) if start < end && folded.start < self.text.len() => start..end,
            _ => self.length..self.length,
        }
    }

    /// The range of this reading that came from these bytes as given.
    fn within(&self, given: &Range<usize>) -> Range<usize> {
        let Cow::Owned(_) = self.text else { return given.clone() };
        let place = |byte: usize| {
            let next = self.parts.partition_point(|part| part.given.start < byte);
            let before = next.checked_sub(1).and_then(|place| self.parts.get(place));
            match before {
                Some(part) if part.verbatim && byte < part.given.end => part.at + (byte - part.given.start),
                _ => self.parts.get(next).map_or(self.text.len(), |part| part.at),
            }
        };
        place(given.start)..place(given.end)
    }
}

impl<'a> Text<'a> {
    pub(super) fn new(given: &'a str) -> Self {
        let (lined, plain) = (OnceCell::new(), OnceCell::new());
        let (starts, sentences) = (OnceCell::new(), OnceCell::new());
        let spaced = match survey(given) {
            Survey::AsWritten => Reading::as_written(given),
            Survey::Signs => Reading::of_signs(given),
            Survey::Odd => return Self::odd(given),
        };
        Self { given, spaced, written: None, unmasked: None, lined, plain, starts, sentences }
    }

    fn odd(given: &'a str) -> Self {
        let (lined, plain) = (OnceCell::new(), OnceCell::new());
        let (starts, sentences) = (OnceCell::new(), OnceCell::new());
        let folded = characters(given);
        let unmasked = unmask(&folded).map(|unmasked| Reading::of(given, unmasked));
        let read = |folded: Vec<Folded>| match reads_as(&folded, given) {
            true => Reading::as_written(given),
            false => Reading::of(given, folded),
        };
        let written = has_space_to_fold(given).then(|| read(finish(folded.clone(), Space::Written)));
        let spaced = read(finish(folded, Space::One));
        let written = written.filter(|written| written.text != spaced.text);
        let unmasked = unmasked.filter(|unmasked| unmasked.text != spaced.text);
        Self { given, spaced, written, unmasked, lined, plain, starts, sentences }
    }

    /// The text as given.
    pub(super) fn given(&self) -> &'a str {
        self.given
    }

    /// Whether one of its readings is the text as given.
    pub(super) fn reads_as_given(&self) -> bool {
        self.readings().any(|reading| matches!(reading.text, Cow::Borrowed(_)))
    }

    /// The text as it reads, with every run of whitespace as one space.
    pub(super) fn spaced(&self) -> &Reading<'a> {
        &self.spaced
    }

    /// The text as it reads, with its whitespace and `_` as written.
    pub(super) fn written(&self) -> &Reading<'a> {
        self.written.as_ref().unwrap_or(&self.spaced)
    }

    /// Every reading of the text that patterns are held against: with one space for each run of whitespace first, then
    /// with the whitespace as written where that differs, then unmasked where it may be disguised.
    pub(super) fn readings(&self) -> impl Iterator<Item = &Reading<'a>> {
        std::iter::once(&self.spaced).chain(&self.written).chain(&self.unmasked)
    }

    /// The text as it reads line by line, with one space for each run of whitespace within a line.
    pub(super) fn lined(&self) -> &Reading<'a> {
        let lined = || {
            let folded = self.written.is_some().then(|| finish(characters(self.given), Space::Lines))?;
            Some(match reads_as(&folded, self.given) {
                true => Reading::as_written(self.given),
                false => Reading::of(self.given, folded),
            })
        };
        self.lined.get_or_init(lined).as_ref().unwrap_or(&self.spaced)
    }

    /// The text as statements are looked for in it.
    pub(super) fn plain(&self) -> &Plain {
        self.plain.get_or_init(|| Plain::of(&self.spaced))
    }

    /// The bytes as given of the pieces that a rule looks at one by one. A sentence goes on in the next line when that
    /// begins with a small letter; a paragraph ends at an empty line.
    pub(super) fn pieces(&self, reach: Reach) -> Vec<Range<usize>> {
        match reach {
            Reach::Text => return std::iter::once(0..self.given.len()).collect(),
            Reach::Nowhere => return Vec::new(),
            Reach::Sentence | Reach::Paragraph => {}
        }
        let lined = self.lined();
        let text = match reach {
            Reach::Sentence => unwrapped(lined.text()),
            _ => lined.text().into(),
        };
        pieces(&text, reach).into_iter().map(|(range, _)| lined.origin(range)).collect()
    }

    /// The bytes of the pieces that a public rule looks at one by one.
    pub(super) fn pieces_given(&self, reach: Reach) -> Vec<Range<usize>> {
        match reach {
            Reach::Text => std::iter::once(0..self.given.len()).collect(),
            Reach::Sentence => self.sentences().to_vec(),
            Reach::Paragraph => {
                let mut at = 0;
                let paragraphs = self.given.split_inclusive("\n\n").map(|paragraph| {
                    at += paragraph.len();
                    at - paragraph.len()..at
                });
                paragraphs.collect()
            }
            Reach::Nowhere => Vec::new(),
        }
    }

    /// The sentences of the given text, as public rules divide it.
    pub(super) fn sentences(&self) -> &[Range<usize>] {
        self.sentences.get_or_init(|| sentences::of(self.given))
    }

    /// Its first character, where findings stand that are about all of it.
    pub(super) fn beginning(&self) -> Range<usize> {
        0..self.given.chars().next().map_or(0, char::len_utf8)
    }

    /// What `find` finds in a piece, in the order of the text: in each reading, but nothing twice. `find` answers ranges
    /// of the stretch that it is given, with what belongs to each.
    pub(super) fn find_in<T>(
        &self,
        piece: &Range<usize>,
        find: impl Fn(&str) -> Vec<(Range<usize>, T)>,
    ) -> Vec<(Range<usize>, T)> {
        let mut all: Vec<(Range<usize>, T)> = Vec::new();
        for reading in self.readings() {
            let within = reading.within(piece);
            let before = all.len();
            for (range, found) in find(slice(reading.text(), within.clone())) {
                let range = reading.origin(within.start + range.start..within.start + range.end);
                let earlier = all.get(..before).unwrap_or_default();
                let next = earlier.partition_point(|(known, _)| known.end <= range.start);
                if earlier.get(next).is_none_or(|(known, _)| range.end <= known.start) {
                    all.push((range, found));
                }
            }
            all.sort_by_key(|(range, _)| (range.start, range.end));
        }
        all
    }

    /// How many characters of the given text stand before this byte.
    pub(super) fn characters_before(&self, byte: usize) -> usize {
        // Asked once: a text may hold as many findings as words.
        let starts = self.starts.get_or_init(|| {
            (!self.given.is_ascii()).then(|| self.given.char_indices().map(|(at, _)| at).collect())
        });
        starts.as_ref().map_or(byte, |starts| starts.partition_point(|start| *start < byte))
    }
}

/// The text with a space for each single line end before a small letter.
fn unwrapped(lined: &str) -> Cow<'_, str> {
    if !lined.contains('\n') {
        return lined.into();
    }
    let mut out = String::with_capacity(lined.len());
    let mut chars = lined.chars().peekable();
    while let Some(c) = chars.next() {
        let goes_on =
            c == '\n' && !out.ends_with('\n') && chars.peek().is_some_and(|next| next.is_lowercase());
        out.push(if goes_on { ' ' } else { c });
    }
    out.into()
}

/// The pieces of a text that a rule looks at one by one, each with its range.
pub(super) fn pieces(text: &str, reach: Reach) -> Vec<(Range<usize>, &str)> {
    match reach {
        Reach::Text => vec![(0..text.len(), text)],
        Reach::Paragraph => split(text, text.split_inclusive("\n\n")),
        Reach::Sentence => whole_sentences(text, split(text, text.split_sentence_bounds())),
        Reach::Nowhere => Vec::new(),
    }
}

/// Words with a point behind them that ends no sentence, in small letters.
const SHORT: &[&str] = &[
    "mr", "mrs", "ms", "dr", "prof", "st", "vs", "no", "nos", "e.g", "i.e", "approx", "incl", "excl", "fig",
    "z.b", "z. b", "bzw", "ca", "nr", "inkl", "zzgl", "d.h", "d. h", "u.a", "u. a", "med", "ggf", "evtl",
    "max", "min", "tel", "art", "str",
];

/// The pieces without the divisions behind shortened words: `Mr. Smith`, `z. B. hier`.
fn whole_sentences<'t>(text: &'t str, pieces: Vec<(Range<usize>, &'t str)>) -> Vec<(Range<usize>, &'t str)> {
    let mut out: Vec<(Range<usize>, &str)> = Vec::with_capacity(pieces.len());
    for (range, piece) in pieces {
        match out.last_mut() {
            Some((last, said)) if ends_shortened(said) => {
                last.end = range.end;
                *said = slice(text, last.clone());
            }
            _ => out.push((range, piece)),
        }
    }
    out
}

fn ends_shortened(piece: &str) -> bool {
    let Some(rest) = piece.strip_suffix('.') else { return false };
    // `z. B.`, and the initials of a name.
    let mut last = rest.chars().rev();
    if last.next().is_some_and(char::is_alphabetic) && last.next().is_none_or(|c| !c.is_alphanumeric()) {
        return true;
    }
    SHORT.iter().any(|short| {
        let Some(start) = rest.len().checked_sub(short.len()) else { return false };
        let is_it = rest.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(short));
        is_it && !slice(rest, 0..start).ends_with(char::is_alphanumeric)
    })
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
        let found = text.find_in(&(0..given.len()), |read| {
            read.match_indices(word).map(|(at, word)| (at..at + word.len(), ())).collect()
        });
        let found: Vec<&str> = found.into_iter().map(|(range, ())| slice(given, range)).collect();
        assert_eq!(found, [expected], "{given:?}");
    }

    #[test]
    fn matches_lead_back_to_the_text_as_given() {
        check_origin("so guaranteed!", "guaranteed", "guaranteed");
        check_origin("“so” gυar\u{200b}anteed!", "guaranteed", "gυar\u{200b}anteed");
        check_origin("so g u a r a n t e e d!", "guaranteed", "g u a r a n t e e d");
        check_origin("a ﬁne é", "fine", "ﬁne");
        check_origin("the best \r\n prices, here", "best prices", "best \r\n prices");
        check_origin("two  here", "  ", "  ");
        check_origin("one\n\ntwo", "\n\n", "\n\n");
        check_origin("snake_case", "_", "_");
        check_origin("_half__price_", "half price", "half__price");
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(5_000))]

        /// What need not be looked at closely reads as it would if it were.
        #[test]
        fn the_quick_look_is_right(given in "[a-zA-C '’–“£éèü°²14@$.\u{a0}]{0,24}|[a-c ’.é4@-]{0,12}") {
            let folded = finish(characters(&given), Space::One);
            let text = Text::new(&given);
            let slow: String = folded.iter().map(|f| f.is).collect();
            proptest::prop_assert_eq!(text.spaced.text(), &slow);
            let unmasked = unmask(&characters(&given)).map(|unmasked| unmasked.iter().map(|f| f.is).collect::<String>());
            let unmasked = unmasked.filter(|unmasked| *unmasked != slow);
            proptest::prop_assert_eq!(text.unmasked.as_ref().map(Reading::text), unmasked.as_deref());
            let by_parts = Reading::of(&given, folded.iter().copied());
            for (at, f) in slow.char_indices().map(|(at, _)| at).zip(&folded) {
                let to = at + f.is.len_utf8();
                proptest::prop_assert_eq!(text.spaced.origin(at..to), f.start..f.end);
                proptest::prop_assert_eq!(by_parts.origin(at..to), f.start..f.end);
                proptest::prop_assert_eq!(text.spaced.within(&(f.start..f.end)).start, at);
            }
        }
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
        check_pieces(
            "Mr. Smith met Dr. Lee. Es gilt, z. B. hier.",
            Reach::Sentence,
            &["Mr. Smith met Dr. Lee.", "Es gilt, z. B. hier."],
        );
        check_pieces(" … ", Reach::Sentence, &[]);
        let pieces = |given: &'static str, reach| -> Vec<&str> {
            Text::new(given).pieces(reach).into_iter().map(|range| slice(given, range)).collect()
        };
        let given = "One “a”\nTwo two\ntwo. \n \n three  three";
        assert_eq!(pieces(given, Reach::Sentence), ["One “a”", "Two two\ntwo.", "three  three"]);
        assert_eq!(pieces(given, Reach::Paragraph), ["One “a”\nTwo two\ntwo.", "three  three"]);
        assert_eq!(pieces(given, Reach::Text), [given]);
    }
}
