//! Folding: what a text reads as, whatever characters it is written with. `gυaranteed`, `g u a r a n t e e d` and
//! `guar\u{ad}anteed` all read `guaranteed`. Every folded character remembers the bytes it came from.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;
use unicode_security::confusable_detection::skeleton;

/// One folded character, and the bytes of the given text that it stands for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Folded {
    pub(super) is: char,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What becomes of the whitespace of a text, and of the `_` that some write for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Space {
    /// Every run of it, lines and `_` included, reads as one space.
    One,
    /// Every run of it reads as one space, or as the line ends that stand in it.
    Lines,
    /// It stays as it is written.
    Written,
}

/// How much of a text there is to fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Survey {
    /// Nothing: it reads as it is written.
    AsWritten,
    /// Nothing but quotes, dashes and spaces, each of which reads as one sign.
    Signs,
    /// Perhaps more.
    Odd,
}

/// Looks over a text once, so that common ones need nothing else. Says [`Survey::Odd`] rather than look closely.
pub(super) fn survey(given: &str) -> Survey {
    let mut survey = Survey::AsWritten;
    // How many words of one character stand in a row, how long the word here is, and what stands between.
    let (mut singles, mut word, mut between) = (0, 0, 0);
    let (mut marked, mut before, mut digits) = (0, ' ', false);
    for given in given.chars() {
        let mut c = given;
        if !c.is_ascii() {
            if let Some(sign) = sign(c) {
                survey = Survey::Signs;
                c = sign;
            } else if !is_plain(c) {
                return Survey::Odd;
            }
        }
        if c.is_ascii_control() || c == '_' || (c == ' ' && before == ' ') {
            return Survey::Odd;
        }
        if c.is_ascii_alphabetic() || (!c.is_ascii() && c.is_alphanumeric()) {
            marked += u8::from(!c.is_ascii());
            // `gu4ranteed`, `gu@ranteed`
            if digits || matches!(before, '@' | '$') || marked > 1 {
                return Survey::Odd;
            }
            word += 1;
            between = 0;
        } else if c.is_ascii_digit() {
            digits |= before.is_alphabetic() || matches!(before, '@' | '$');
            word += 1;
            between = 0;
        } else {
            between += 1;
            if word > 1 || between > 3 {
                singles = 0;
            }
            singles += u8::from(word == 1);
            if singles > 3 {
                return Survey::Odd;
            }
            (word, marked, digits) = (0, 0, false);
        }
        before = c;
    }
    if singles > 2 && word == 1 { Survey::Odd } else { survey }
}

/// Whether folding leaves this character alone: letters with marks of the languages of Europe, and signs of prices.
fn is_plain(c: char) -> bool {
    matches!(c,
        'À'..='ı' | 'Ĵ'..='ľ' | 'Ł'..='ň' | 'Ŋ'..='ž' | '¡'..='§' | '©' | '¬' | '®' | '°'..='³' | '¶' | '·'
        | '¹' | '¼'..='¿' | '€' | '™' | '•')
}

/// The folded characters of a text; `None` when it reads as it is written.
pub(super) fn fold(given: &str, space: Space) -> Option<Vec<Folded>> {
    if survey(given) == Survey::AsWritten {
        return None;
    }
    let folded = finish(characters(given), space);
    (!reads_as(&folded, given)).then_some(folded)
}

/// Whether these characters are those of the text as given.
pub(super) fn reads_as(folded: &[Folded], given: &str) -> bool {
    folded.iter().map(|f| f.is).eq(given.chars())
}

/// Joins and spaces words: the second half of folding, for which `characters` is the first.
pub(super) fn finish(mut folded: Vec<Folded>, space: Space) -> Vec<Folded> {
    if space == Space::One
        && let Some(joined) = join_split_words(&folded, true)
    {
        folded = joined;
    }
    // Letters are joined first, so that `b e s t   p r i c e` keeps its two words.
    folded = join_spaced_letters(folded);
    if space != Space::Written {
        folded = fold_whitespace(folded, space);
        folded = join_spaced_letters(folded);
    }
    folded
}

/// Joins what a hyphen at the end of a line splits, with that hyphen or without; `None` when there is no such word.
pub(super) fn join_split_words(folded: &[Folded], keep_hyphen: bool) -> Option<Vec<Folded>> {
    let is_letter = |f: Option<&Folded>| f.is_some_and(|f| f.is.is_alphabetic());
    let mut out: Option<Vec<Folded>> = None;
    let mut at = 0;
    while let Some(current) = folded.get(at) {
        let is_hyphen =
            current.is == '-' && is_letter(at.checked_sub(1).and_then(|before| folded.get(before)));
        let after = folded.get(at + 1..).filter(|_| is_hyphen).unwrap_or_default();
        let space = after.iter().take_while(|f| matches!(f.is, ' ' | '\n')).count();
        let splits =
            is_hyphen && after.iter().take(space).any(|f| f.is == '\n') && is_letter(after.get(space));
        if splits {
            let out = out.get_or_insert_with(|| folded.iter().take(at).copied().collect());
            out.extend(keep_hyphen.then_some(*current));
            at += space;
        } else if let Some(out) = &mut out {
            out.push(*current);
        }
        at += 1;
    }
    out
}

/// Whether the whitespace of a text may read otherwise than it is written.
pub(super) fn has_space_to_fold(given: &str) -> bool {
    let mut before = 'x';
    given.chars().any(|c| {
        let unusual = c == '_' || (c.is_whitespace() && (c != ' ' || before == ' ' || is_invisible(before)));
        before = c;
        unusual
    })
}

fn fold_whitespace(folded: Vec<Folded>, space: Space) -> Vec<Folded> {
    let is_space = |c: char| matches!(c, ' ' | '\n') || (c == '_' && space == Space::One);
    let mut out: Vec<Folded> = Vec::with_capacity(folded.len());
    for run in folded.chunk_by(|a, b| is_space(a.is) && is_space(b.is)) {
        match run {
            [_, _, ..] if space == Space::Lines && run.iter().any(|f| f.is == '\n') => {
                out.extend(run.iter().filter(|f| f.is == '\n'));
            }
            [first, .., last] => out.push(Folded { is: ' ', start: first.start, end: last.end }),
            [one] if is_space(one.is) && space == Space::One => out.push(Folded { is: ' ', ..*one }),
            other => out.extend(other),
        }
    }
    out
}

/// A short text, such as a fact's value, with every run of whitespace as one space.
pub(super) fn fold_text(given: &str, space: Space) -> String {
    fold(given, space).map_or_else(|| given.to_owned(), |folded| folded.iter().map(|f| f.is).collect())
}

/// A pattern that people wrote, folded as texts are, so that what they typed can be met. Only single characters are
/// folded: a pattern has no words yet.
pub(super) fn fold_pattern(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    for folded in single_characters(pattern) {
        // A dash or full-width sign that only folding made special to patterns stays a character.
        let given = pattern.get(folded.start..folded.end).unwrap_or_default();
        let plain = folded.is.is_alphanumeric() || matches!(folded.is, ' ' | '\'' | '"');
        if !given.is_ascii() && folded.is.is_ascii() && !plain {
            out.push('\\');
        }
        out.push(folded.is);
    }
    out
}

/// What the characters of a text read as, one by one and word by word: the first half of folding.
pub(super) fn characters(given: &str) -> Vec<Folded> {
    let mut folded = single_characters(given);
    disguised_letters(&mut folded);
    folded
}

fn single_characters(given: &str) -> Vec<Folded> {
    let mut out = Vec::with_capacity(given.len());
    let mut chars = given.char_indices().peekable();
    while let Some((start, first)) = chars.next() {
        let mut end = start + first.len_utf8();
        if first == '\r' && chars.peek().is_some_and(|(_, next)| *next == '\n') {
            // The two end one line.
            continue;
        }
        if first.is_ascii() && chars.peek().is_none_or(|(_, next)| next.is_ascii()) {
            out.extend(ascii(first).map(|is| Folded { is, start, end }));
            continue;
        }
        while let Some((at, mark)) = chars.next_if(|(_, c)| canonical_combining_class(*c) != 0) {
            end = at + mark.len_utf8();
        }
        let cluster = given.get(start..end).unwrap_or_default();
        if let Some(is) = sign(first).or_else(|| enclosed(first)) {
            out.push(Folded { is, start, end });
        } else if is_invisible(first) {
            continue;
        } else if keeps_its_form(first) {
            out.extend(cluster.chars().map(|is| Folded { is, start, end }));
        } else if first.is_ascii_control() {
            out.extend(ascii(first).map(|is| Folded { is, start, end }));
        } else {
            let mut base = None;
            for is in cluster.nfkc() {
                // What is left of a Latin letter's marks after composition only decorates it: s̶t̶r̶u̶c̶k̶ out.
                let decoration = canonical_combining_class(is) != 0 && base.is_some_and(is_latin);
                if !decoration && !is_invisible(is) {
                    out.push(Folded { is, start, end });
                    base = Some(is);
                }
            }
        }
    }
    out
}

fn ascii(c: char) -> Option<char> {
    match c {
        '\t' | '\u{b}' | '\u{c}' => Some(' '),
        '\n' | '\r' => Some('\n'),
        _ => (!c.is_control()).then_some(c),
    }
}

/// Quotes, dashes and spaces, each in the form that a keyboard has.
pub(super) fn sign(c: char) -> Option<char> {
    match c {
        '‘' | '’' | '‚' | '‛' | 'ʼ' | '′' | '＇' | '‹' | '›' => Some('\''),
        '“' | '”' | '„' | '‟' | '″' | '＂' | '«' | '»' => Some('"'),
        '‐'..='―' | '−' | '﹘' | '﹣' | '－' | '⁃' => Some('-'),
        '\u{2028}' | '\u{2029}' | '\u{85}' => Some('\n'),
        _ if c.is_whitespace() && !c.is_ascii() => Some(' '),
        _ => None,
    }
}

/// The letter of a white one on black, for which Unicode knows no other form.
fn enclosed(c: char) -> Option<char> {
    let place = match c {
        '\u{1f150}'..='\u{1f169}' => u32::from(c) - 0x1f150,
        '\u{1f170}'..='\u{1f189}' => u32::from(c) - 0x1f170,
        _ => return None,
    };
    char::from_u32(u32::from('A') + place)
}

/// Signs whose compatible form would run into the word or number before them: `Acme™`, `guaranteed¹`, `5½`.
fn keeps_its_form(c: char) -> bool {
    matches!(c, '™' | '℠' | '¹' | '²' | '³' | '¼'..='¾' | '\u{2070}' | '\u{2074}'..='\u{208e}' | '\u{2150}'..='\u{215f}' | '\u{2189}')
}

/// Characters that take no room, or show nothing in it: soft hyphens, zero-width characters, bidi controls, variation
/// selectors, tags, the blank of braille, and what is no character at all.
pub(crate) fn is_invisible(c: char) -> bool {
    u32::from(c) & 0xfffe == 0xfffe
        || matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{2800}' | '\u{3164}' | '\u{fdd0}'..='\u{fdef}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

pub(super) fn is_latin(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}')
}

/// The Latin letter that a letter of another script is mistaken for.
pub(super) fn latin_look_alike(c: char) -> Option<char> {
    const TABLE: &[(&str, &str)] = &[
        ("аАеЕоОрРсСхХуУіІјЈѕЅһԁԛԜԝВвЕКкМмНТтгпѵ", "aAeEoOpPcCxXyYiIjJsShdqWwBvEKkMmHTtrnv"),
        ("αΑβΒεΕζΖηΗιΙκΚΜΝνοΟρΡτΤυΥχΧγ", "aAbBeEzZnHiIkKMNvoOpPtTuYxXy"),
        ("ɡɑɩ", "gai"),
        ("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnoprstuvwyz"),
    ];
    let listed = TABLE.iter().find_map(|(from, to)| {
        from.chars().zip(to.chars()).find(|(look_alike, _)| *look_alike == c).map(|(_, latin)| latin)
    });
    if listed.is_some() || c.is_ascii() || is_latin(c) || !c.is_alphabetic() {
        return listed;
    }
    let mut buffer = [0; 4];
    let mut skeleton = skeleton(c.encode_utf8(&mut buffer));
    let first = skeleton.next().filter(char::is_ascii_alphabetic);
    first.filter(|_| skeleton.next().is_none())
}

/// Whether this word mixes Latin letters with letters of other scripts that look like Latin ones.
pub(super) fn is_disguised(mut word: impl Iterator<Item = char> + Clone) -> bool {
    word.clone().any(is_latin) && word.any(|c| !c.is_ascii() && latin_look_alike(c).is_some())
}

fn disguised_letters(folded: &mut [Folded]) {
    for word in folded.split_mut(|f| !f.is.is_alphanumeric()) {
        if word.iter().all(|f| f.is.is_ascii()) || !is_disguised(word.iter().map(|f| f.is)) {
            continue;
        }
        for letter in word.iter_mut().filter(|f| !f.is.is_ascii()) {
            letter.is = latin_look_alike(letter.is).unwrap_or(letter.is);
        }
    }
}

/// The fewest single letters in a row that are read as one word spaced out.
const SPACED_OUT: usize = 4;

fn join_spaced_letters(folded: Vec<Folded>) -> Vec<Folded> {
    let is_letter = |at: usize| folded.get(at).is_some_and(|f: &Folded| f.is.is_alphabetic());
    let in_word = |at: usize| folded.get(at).is_some_and(|f: &Folded| f.is.is_alphanumeric());
    // The `s` of `it's` is no letter by itself.
    let goes_on = |at: usize| in_word(at) || folded.get(at).is_some_and(|f: &Folded| f.is == '\'');
    let separator = |at: usize| {
        folded.get(at).map(|f: &Folded| f.is).filter(|c| matches!(c, ' ' | '.' | '-' | '_' | '*' | '·'))
    };
    let mut out = Vec::with_capacity(folded.len());
    let mut at = 0;
    while let Some(current) = folded.get(at) {
        let first = separator(at + 1).filter(|_| is_letter(at) && (at == 0 || !goes_on(at - 1)));
        let mut letters = usize::from(first.is_some());
        // One separator throughout: `a U.S.A. patent` spaces nothing out.
        while letters > 0 && separator(at + 2 * letters - 1) == first && is_letter(at + 2 * letters) {
            letters += 1;
        }
        // The last letter may be the first of a longer word, which then is not part of the run.
        if letters > 0 && in_word(at + 2 * letters - 1) {
            letters -= 1;
        }
        if letters >= SPACED_OUT {
            out.extend(folded.iter().skip(at).step_by(2).take(letters));
            at += 2 * letters - 1;
        } else {
            out.push(*current);
            at += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(given: &str, expected: &str) {
        assert_eq!(fold_text(given, Space::Written), expected, "{given:?}");
    }

    #[test]
    fn whitespace_reads_as_one_space_or_as_lines() {
        for (given, one, lines) in [
            ("half  price", "half price", "half price"),
            ("best\nprices", "best prices", "best\nprices"),
            ("best \t\r\n prices", "best prices", "best\nprices"),
            ("best\rprices", "best prices", "best\nprices"),
            ("best\u{b}\u{c}prices", "best prices", "best prices"),
            ("best\u{3000}\u{a0}\u{200b} prices", "best prices", "best prices"),
            ("best\u{2029}prices", "best prices", "best\nprices"),
            ("One. \n \nTwo.", "One. Two.", "One.\n\nTwo."),
            ("_best_ snake_case", " best snake case", "_best_ snake_case"),
            ("g  u  a  r  a  n  t  e  e  d  to", "guaranteed to", "guaranteed to"),
            ("g\nu\na\nr\na", "guara", "g\nu\na\nr\na"),
            ("b e s t   p r i c e s", "best prices", "best prices"),
        ] {
            assert_eq!(fold_text(given, Space::One), one, "{given:?}");
            assert_eq!(fold_text(given, Space::Lines), lines, "{given:?}");
            assert!(has_space_to_fold(given), "{given:?}");
        }
        assert!(!has_space_to_fold("half price"));
    }

    #[test]
    fn texts_read_as_they_look() {
        check("plain text, 5 mm", "plain text, 5 mm");
        check("gυaranteed", "guaranteed");
        check("guаrаntееd", "guaranteed");
        check("ｇｕａｒａｎｔｅｅｄ", "guaranteed");
        check("g u a r a n t e e d to", "guaranteed to");
        check("say g-u-a-r-a-n-t-e-e-d!", "say guaranteed!");
        check("guar\u{ad}an\u{200b}teed", "guaranteed");
        check("\u{202e}guaranteed\u{202c}", "guaranteed");
        check("“it’s” – £5", "\"it's\" - £5");
        check("5\u{a0}mm", "5 mm");
        check("cafe\u{301}", "café");
        check("g\u{336}o\u{336}", "go");
        check("e.g. a U.S.A. b", "e.g. a U.S.A. b");
        check("Acme™ 5½ m² guaranteed¹", "Acme™ 5½ m² guaranteed¹");
        check("гарантия", "гарантия");
        check("kΩ β-carotene", "kΩ β-carotene");
        check("", "");
    }

    #[test]
    fn patterns_are_folded_and_stay_patterns() {
        assert_eq!(fold_pattern("it’s [–—]"), "it's [\\-\\-]");
        assert_eq!(fold_pattern(r"a\b(x|y)+"), r"a\b(x|y)+");
        assert_eq!(fold_pattern("（a"), "\\(a");
    }
}
