//! What a text reads as to somebody who looks past disguises that only a reader sees through: words written wholly in
//! letters of another script, digits for letters, marks over most letters, words broken at the end of a line, letters
//! spaced out with whatever comes to hand. A reading of its own beside the others: none of it is certain, and a finding
//! needs a rule's word in it.

use unicode_normalization::UnicodeNormalization;

use super::fold::{Folded, Space, finish, is_latin, join_split_words, latin_look_alike};

/// The characters of the text as it reads unmasked, given those that folding made of it; `None` when nothing is masked.
pub(super) fn unmask(folded: &[Folded]) -> Option<Vec<Folded>> {
    let mut out = folded.to_vec();
    let mut masked = look_alike_words(&mut out);
    masked |= flags(&mut out);
    for word in out.split_mut(|f| !f.is.is_alphanumeric()) {
        masked |= marked_letters(word);
    }
    for word in out.split_mut(|f| !f.is.is_alphanumeric() && !matches!(f.is, '@' | '$')) {
        masked |= digits_for_letters(word);
    }
    let mut out = match join_split_words(&out, false) {
        Some(joined) => {
            masked = true;
            joined
        }
        None => out,
    };
    masked |= join_scattered_letters(&mut out);
    masked.then(|| finish(out, Space::One))
}

/// Words of which every letter is mistaken for a Latin one. Where more letters have no Latin look-alike than there are
/// Latin letters, the text is copy in another script, and none of its words is a disguise.
fn look_alike_words(folded: &mut [Folded]) -> bool {
    let letters = || folded.iter().map(|f| f.is).filter(|c| c.is_alphabetic());
    if letters().all(is_latin) {
        return false;
    }
    let latin = letters().filter(|c| is_latin(*c)).count();
    if letters().filter(|c| !is_latin(*c) && latin_look_alike(*c).is_none()).count() > latin {
        return false;
    }
    let mut masked = false;
    for word in folded.split_mut(|f| !f.is.is_alphanumeric()) {
        let read = |c: char| if c.is_alphabetic() { latin_look_alike(c) } else { Some(c) };
        let foreign = word.iter().any(|f| !f.is.is_ascii() && f.is.is_alphabetic() && !is_latin(f.is));
        if foreign && word.iter().all(|f| read(f.is).is_some()) {
            word.iter_mut().for_each(|f| f.is = read(f.is).unwrap_or(f.is));
            masked = true;
        }
    }
    masked
}

/// Letters of flags, three or more in a row: two are a country's.
fn flags(folded: &mut [Folded]) -> bool {
    let letter = |c: char| {
        let place = u32::from(c).checked_sub(0x1f1e6).filter(|place| *place < 26)?;
        char::from_u32(u32::from('A') + place)
    };
    let mut masked = false;
    for run in folded.chunk_by_mut(|a, b| letter(a.is).is_some() && letter(b.is).is_some()) {
        if run.len() > 2 {
            run.iter_mut().for_each(|f| f.is = letter(f.is).unwrap_or(f.is));
            masked = true;
        }
    }
    masked
}

/// A word of which at least three letters, or half of four and more, have marks is read without them.
fn marked_letters(word: &mut [Folded]) -> bool {
    let marked = word.iter().filter(|f| !f.is.is_ascii() && is_latin(f.is)).count();
    if marked < 2 || (marked < 3 && (word.len() < 4 || marked * 2 < word.len())) {
        return false;
    }
    for f in word.iter_mut().filter(|f| is_latin(f.is)) {
        f.is = std::iter::once(f.is).nfd().next().unwrap_or(f.is);
    }
    true
}

/// Digits and signs that stand between letters for the letters that they look like. What has no letters on one side is
/// a model or a size: `A15`, `128GB`.
fn digits_for_letters(word: &mut [Folded]) -> bool {
    let letter = |c: char| {
        Some(match c {
            '0' => 'o',
            '1' => 'i',
            '3' => 'e',
            '4' | '@' => 'a',
            '5' | '$' => 's',
            '7' => 't',
            '8' => 'b',
            '9' => 'g',
            _ if c.is_alphabetic() => c,
            _ => return None,
        })
    };
    let letters = word.iter().filter(|f| f.is.is_alphabetic()).count();
    let ends_in_letter = word.last().is_some_and(|f| f.is.is_alphabetic());
    let begins = word.first().is_some_and(|f| f.is.is_alphabetic() || matches!(f.is, '@' | '$'));
    let stands_in = letters < word.len() && word.len() >= 4 && letters * 2 > word.len();
    if !stands_in || !ends_in_letter || !begins || word.iter().any(|f| letter(f.is).is_none()) {
        return false;
    }
    word.iter_mut().for_each(|f| f.is = letter(f.is).unwrap_or(f.is));
    true
}

/// The fewest letters that are read as one word though signs of any sort stand between them.
const SCATTERED: usize = 5;
/// The most signs between two such letters.
const BETWEEN: usize = 3;

fn join_scattered_letters(folded: &mut Vec<Folded>) -> bool {
    // The place of every letter that stands alone, or `None` where there is anything longer.
    let mut runs: Vec<Vec<usize>> = vec![Vec::new()];
    let mut at = 0;
    for word in folded.chunk_by(|a, b| is_of_word(a.is) == is_of_word(b.is)) {
        let alone = word.len() == 1 && word.first().is_some_and(|f| f.is.is_alphabetic());
        let between = word.len() <= BETWEEN && word.first().is_some_and(|f| !is_of_word(f.is));
        if alone {
            runs.last_mut().into_iter().for_each(|run| run.push(at));
        } else if !between {
            runs.push(Vec::new());
        }
        at += word.len();
    }
    runs.retain(|run| run.len() >= SCATTERED);
    for run in runs.iter().rev() {
        // The `a` of `a g u a r a n t e e d price` is a word; that it may be a letter is another reading.
        let is_article = |at: &usize| {
            folded.get(*at).is_some_and(|f| matches!(f.is, 'a' | 'A' | 'I'))
                && folded.get(at + 1).is_some_and(|f| f.is == ' ')
        };
        let run = match run.split_first() {
            Some((first, rest)) if is_article(first) => rest,
            _ => run,
        };
        let letters: Vec<Folded> = run.iter().filter_map(|at| folded.get(*at).copied()).collect();
        if let (Some(first), Some(last)) = (run.first(), run.last()) {
            folded.splice(*first..=*last, letters);
        }
    }
    !runs.is_empty()
}

/// The `s` of `it's` is no letter by itself.
fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '\''
}
