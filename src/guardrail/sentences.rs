//! Sentences as public rules divide a text: at the words that end one, not at the lines.
//!
//! A word ends a sentence when it ends in `.`, `?` or `!`, quotes and brackets behind it included, unless it is an
//! abbreviation, an initial, a numbered item or an ellipsis in the middle of one.

use std::ops::Range;

/// Words that are written with a full stop of their own, without it and in small letters.
const ABBREVIATIONS: &[&str] = &[
    "adm", "apr", "aug", "ave", "bros", "capt", "cie", "cmdr", "co", "col", "corp", "cos", "ct", "dec",
    "dept", "dr", "e.g", "feb", "fig", "fr", "ft", "gen", "gov", "i.e", "inc", "jan", "jr", "lt", "ltd",
    "maj", "mar", "messrs", "mg", "mr", "mrs", "ms", "mt", "no", "nov", "oct", "ph.d", "phd", "prof", "rep",
    "reps", "rev", "sen", "sens", "sep", "sept", "sgt", "sr", "st", "vs", "v", "va", "wash", "calif", "conn",
    "fla", "ga", "ill", "ind", "kan", "ky", "la", "mass", "md", "mich", "minn", "mo", "neb", "nev", "okla",
    "ore", "pa", "penn", "tenn", "tex", "vt", "wis",
];

/// Words that a sentence often begins with, in small letters.
const STARTERS: &[&str] = &[
    "a",
    "about",
    "according",
    "after",
    "again",
    "all",
    "also",
    "although",
    "an",
    "and",
    "another",
    "any",
    "as",
    "at",
    "available",
    "because",
    "before",
    "both",
    "but",
    "by",
    "can",
    "choose",
    "compared",
    "despite",
    "do",
    "does",
    "during",
    "each",
    "even",
    "every",
    "everything",
    "features",
    "for",
    "from",
    "get",
    "has",
    "have",
    "he",
    "her",
    "here",
    "his",
    "how",
    "however",
    "i",
    "if",
    "in",
    "instead",
    "is",
    "it",
    "it's",
    "its",
    "just",
    "like",
    "made",
    "many",
    "more",
    "moreover",
    "most",
    "my",
    "no",
    "not",
    "now",
    "of",
    "on",
    "once",
    "one",
    "only",
    "or",
    "other",
    "our",
    "out",
    "over",
    "perfect",
    "please",
    "provides",
    "she",
    "since",
    "so",
    "some",
    "such",
    "take",
    "that",
    "the",
    "their",
    "then",
    "there",
    "these",
    "they",
    "this",
    "those",
    "though",
    "to",
    "two",
    "under",
    "unlike",
    "until",
    "up",
    "use",
    "we",
    "wear",
    "what",
    "when",
    "where",
    "whether",
    "which",
    "while",
    "who",
    "why",
    "with",
    "without",
    "yet",
    "you",
    "your",
];

/// The sentences of a text, each without the whitespace around it.
pub(super) fn of(text: &str) -> Vec<Range<usize>> {
    let mut sentences = Vec::new();
    let mut words = words(text).peekable();
    let mut begun = None;
    let mut previous = None;
    while let Some(word) = words.next() {
        let start = *begun.get_or_insert(word.start);
        let next = words.peek().and_then(|next| text.get(next.clone()));
        let this = text.get(word.clone()).unwrap_or_default();
        if next.is_none() || ends(this, previous, next.unwrap_or_default()) {
            sentences.push(start..word.end);
            begun = None;
        }
        previous = Some(this);
    }
    sentences
}

/// The stretches between whitespace.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..)?;
        let start = at + rest.find(|c: char| !c.is_whitespace())?;
        let rest = text.get(start..)?;
        let end = start + rest.find(char::is_whitespace).unwrap_or(rest.len());
        at = end;
        Some(start..end)
    })
}

/// Whether a sentence ends with this word.
fn ends(word: &str, previous: Option<&str>, next: &str) -> bool {
    let closers = [')', '\'', '"', '’', '”'];
    let bare = word.trim_end_matches(closers);
    let closed = bare.len() < word.len();
    let next_word = next.trim_matches(|c: char| !c.is_alphanumeric() && c != '\'').to_lowercase();
    let starter = STARTERS.binary_search(&next_word.as_str()).is_ok();
    let capital = next.chars().find(|c| c.is_alphanumeric()).is_some_and(char::is_uppercase);
    let small = next.starts_with(char::is_lowercase);
    if word.ends_with('.') && next == "." || word == "." && previous.is_some_and(|word| word.ends_with('.')) {
        return false;
    }
    if bare.ends_with("..") {
        return capital;
    }
    let opens = [".[", ".(", ".\"", "?[", "?(", "![", "!("].iter().any(|sign| word.contains(sign));
    if bare.ends_with(['?', '!']) || opens || closed && bare.ends_with('.') && !word.ends_with('\'') {
        return !(closed && small);
    }
    let Some(stem) = word.strip_suffix('.') else { return false };
    let lower = stem.to_lowercase();
    let last = lower.rsplit('-').next().unwrap_or_default();
    let known = ABBREVIATIONS.contains(&lower.as_str()) || ABBREVIATIONS.contains(&last);
    let dotted =
        stem.contains('.') && stem.split('.').all(|part| part.chars().count() == 1 && is_letters(part));
    if known || dotted {
        return capital && starter;
    }
    let initial = stem.chars().count() == 1 && is_letters(stem);
    let number = !stem.is_empty() && stem.chars().all(|c| c.is_ascii_digit() || ",.-".contains(c));
    if initial {
        return capital && starter;
    }
    !(number && small)
}

fn is_letters(text: &str) -> bool {
    text.chars().all(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> = of(text).into_iter().map(|range| text.get(range).unwrap()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn sentences_end_where_their_last_word_does() {
        check("One. Two 2.5 mm! Three?", &["One.", "Two 2.5 mm!", "Three?"]);
        check("It has 5 in. and 3.\nThe end", &["It has 5 in.", "and 3.", "The end"]);
        check("Dr. Watt of Acme Inc. sells. He", &["Dr. Watt of Acme Inc. sells.", "He"]);
        check("Made in the U.S. The rest.", &["Made in the U.S.", "The rest."]);
        check("So ... dim lamps ... But", &["So ... dim lamps ...", "But"]);
        check("Say \"Stop!\" and go. (Or not.) Yes", &["Say \"Stop!\" and go.", "(Or not.)", "Yes"]);
        check("J. Smith", &["J. Smith"]);
        check("", &[]);
        check(" \n ", &[]);
    }

    #[test]
    fn the_lists_are_in_order() {
        assert!(STARTERS.is_sorted());
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,60}|[a-cA-C .!?\"')\n…]{0,60}") {
            of(&text);
        }
    }
}
