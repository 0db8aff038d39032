//! `markup`: what has no place in plain text. Looks at the text as given: folding would take away what it looks for.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::guardrail::fold::{is_disguised, is_invisible, latin_look_alike};
use crate::guardrail::rule::Hit;
use crate::guardrail::text::slice;

/// HTML tags, comments and entities, Markdown, and placeholders of templates that nobody filled.
const PATTERN: &str = r"(?xm)
    <(?:[A-Za-z/!?][^<>\n]*>?)          # HTML
  | &\#(?:\d{1,7} | [xX][0-9A-Fa-f]{1,6});?     # entities by number, which need no semicolon
  | &(?:amp | lt | gt | quot | apos | nbsp | copy | reg | trade | hellip | bull
    | middot | [mn]dash | [lr][sd]quo | [sb]dquo | sbquo | [lr]aquo | euro | pound | yen | cent | sect | para | deg
    | plusmn | times | divide | micro | frac[13][24] | sup[123] | ordm | ordf | shy | zwn?j | e[nm]sp | thinsp
    | szlig | [ao]elig | AElig | OElig | [A-Za-z](?:acute|grave|circ|uml|cedil|tilde|ring|slash|caron));  # entities by name
  | \{\{[^\n]*?\}\} | \{%[^\n]*?%\} | \{\{ | \{%   # Jinja
  | \*\*\S[^*\n]*\*\* | \b__\S[^\n]*?__\b | ~~\S[^~\n]*~~   # bold, struck out
  | ^\x20{0,3}\#{1,6}\x20+\S[^\n]*        # headings
  | ^\x20{0,3}>+\x20*[^\s\d>=][^\n]*      # quotes
  | ^\x20{0,3}\|[^|\n]*\|[^\n]*           # rows of tables
  | ^\x20{0,3}(?:(?:-[\x20\t]*){3,} | (?:\*[\x20\t]*){3,} | (?:_[\x20\t]*){3,} | ={3,}[\x20\t]*)\r?$   # rules
  | `[^`\n]+` | ```                     # code
  | !?\[[^\]\n]+\]\([^)\n]*\)           # links and images
";
/// Emphasis, if no letter, digit or sign of the same sort stands on its other sides: `4*5*6` and `snake_case_name` have
/// none.
const EMPHASIS: &str = r"\*[^\s*](?:[^*\n]*[^\s*])?\*|_[^\s_](?:[^_\n]*[^\s_])?_";
/// The beginning of a list's item.
const BULLET: &str = r"(?m)^[ \t]*(?:[-*+]|\d{1,2}[.)])[ \t]+\S";

// The patterns are constants, and a test compiles them; a pattern that did not compile would be `None` and found below.
static MARKUP: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(PATTERN).ok());
static EMPHASISED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(EMPHASIS).ok());
static BULLETS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(BULLET).ok());

pub(super) fn find(text: &str) -> Vec<Hit> {
    let (Some(markup), Some(emphasised), Some(bullets)) =
        (MARKUP.as_ref(), EMPHASISED.as_ref(), BULLETS.as_ref())
    else {
        // What cannot be looked for counts as found.
        return vec![Hit::at(0..text.len())];
    };
    let mut ranges: Vec<Range<usize>> = Vec::new();
    if text.bytes().any(|b| b"<{*_#`[&~>|-=".contains(&b)) {
        ranges.extend(markup.find_iter(text).map(|found| found.range()));
        add(&mut ranges, emphasis(text, emphasised));
    }
    if text.contains('\n') {
        add(&mut ranges, bullets.find_iter(text).map(|found| found.range()).collect());
    }
    characters(text, &mut ranges);
    ranges.sort_by_key(|range| (range.start, range.end));
    ranges
        .into_iter()
        .map(|range| Hit { says: vec![visible(slice(text, range.clone()))], ..Hit::at(range) })
        .collect()
}

/// Adds what overlaps nothing that was found before. Each list is in the order of the text.
fn add(ranges: &mut Vec<Range<usize>>, more: Vec<Range<usize>>) {
    let mut known = std::mem::take(ranges);
    known.sort_by_key(|range| range.start);
    let overlaps = |range: &Range<usize>| {
        let next = known.partition_point(|known| known.end <= range.start);
        known.get(next).is_some_and(|known| known.start < range.end)
    };
    *ranges = more.into_iter().filter(|range| !overlaps(range)).collect();
    ranges.append(&mut known);
}

fn emphasis(text: &str, pattern: &Regex) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(range) = pattern.find_at(text, at).map(|found| found.range()) {
        let sign =
            |c: char| matches!((c, text.as_bytes().get(range.start)), ('*', Some(b'*')) | ('_', Some(b'_')));
        let in_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || sign(c));
        let before = slice(text, 0..range.start).chars().next_back();
        let after = slice(text, range.end..text.len()).chars().next();
        if in_word(before) || in_word(after) {
            at = range.start + 1;
        } else {
            at = range.end;
            found.push(range);
        }
    }
    found
}

/// Characters that nobody sees, and words whose letters are not what they seem.
fn characters(text: &str, ranges: &mut Vec<Range<usize>>) {
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        if is_forbidden(c, before) {
            ranges.push(at..at + c.len_utf8());
        }
        before = c;
    }
    if text.is_ascii() {
        return;
    }
    let is_latin_text = is_latin_text(text);
    let mut at = 0;
    for word in text.split_inclusive(|c: char| !c.is_alphanumeric()) {
        let letters = word.trim_end_matches(|c: char| !c.is_alphanumeric());
        if !letters.is_ascii() && (is_disguised(letters.chars()) || (is_latin_text && is_costume(letters))) {
            ranges.push(at..at + letters.len());
        }
        at += word.len();
    }
}

/// The fewest letters of a word that passes for a Latin one though none of them is: `kΩ`, `α 7` and `π` are what they are.
const COSTUME: usize = 3;

/// Whether a word is written with letters of another script that all look Latin.
fn is_costume(word: &str) -> bool {
    word.chars().count() >= COSTUME && word.chars().all(|c| !c.is_ascii() && latin_look_alike(c).is_some())
}

/// Whether a text has Latin letters, and no others that do not look like them.
fn is_latin_text(text: &str) -> bool {
    let mut latin = false;
    text.chars().filter(|c| c.is_alphabetic()).all(|c| {
        latin |= c.is_ascii();
        c < '\u{370}' || latin_look_alike(c).is_some()
    }) && latin
}

fn is_forbidden(c: char, before: char) -> bool {
    match c {
        '\n' => false,
        // Emoji are joined and coloured by these, words of some scripts are written with them, and German copy may
        // say where a long word breaks.
        '\u{200c}' | '\u{200d}' => before < '\u{600}' || ('\u{2000}'..='\u{206f}').contains(&before),
        '\u{fe00}'..='\u{fe0f}' | '\u{ad}' => false,
        '\u{2028}' | '\u{2029}' | '\u{fff9}'..='\u{fffb}' => true,
        // Controls of musical and of shorthand notation, and what is no character at all.
        '\u{1d173}'..='\u{1d17a}' | '\u{1bca0}'..='\u{1bca3}' | '\u{fdd0}'..='\u{fdef}' => true,
        _ if u32::from(c) & 0xfffe == 0xfffe => true,
        _ => c.is_control() || is_invisible(c),
    }
}

/// The match with what nobody sees written as `U+200B`.
fn visible(found: &str) -> String {
    let show = |c: char| if is_forbidden(c, ' ') { format!("U+{:04X}", u32::from(c)) } else { c.to_string() };
    found.chars().map(show).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> = find(text).into_iter().map(|hit| slice(text, hit.range)).collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn markup_is_found() {
        check("a <b>bold</b> word", &["<b>", "</b>"]);
        check("<!-- x --><script", &["<!-- x -->", "<script"]);
        check("<?php", &["<?php"]);
        check("a **bold** word", &["**bold**"]);
        check("a __bold__ word", &["__bold__"]);
        check("# Title", &["# Title"]);
        check("use `code`", &["`code`"]);
        check("see [this](http://x.y)", &["[this](http://x.y)"]);
        check("Good:\n- one\n2. two", &["- o", "2. t"]);
        check("{{ product.name }} {% if x %}", &["{{ product.name }}", "{% if x %}"]);
        check("a\u{200b}b\u{202e}c\u{7}", &["\u{200b}", "\u{202e}", "\u{7}"]);
        check("a gυaranteed deal", &["gυaranteed"]);
        check("a\u{e0041}", &["\u{e0041}"]);
        check("a\u{1d173}b\u{fffe}c\u{9f}", &["\u{1d173}", "\u{fffe}", "\u{9f}"]);
        check("a &#60script &#x3Cb", &["&#60", "&#x3Cb"]);
        check("so сосо it is", &["сосо"]);
        check("an *easy* and _a light_ tent", &["*easy*", "_a light_"]);
        check("(*easy*), _guaranteed_.", &["*easy*", "_guaranteed_"]);
        check("4*5*6 and *easy*", &["*easy*"]);
        check("no ~~dear~~ tent", &["~~dear~~"]);
        check("> A quote", &["> A quote"]);
        check("So:\n>one", &[">one"]);
        check("|a|b|\n|:-|-|", &["|a|b|", "|:-|-|"]);
        check("Tent\n---\nLight\n* * *\nA\n===", &["---", "* * *", "==="]);
        check("a &lt;b&#62; &amp; &eacute;&#x3E;", &["&lt;", "&#62;", "&amp;", "&eacute;", "&#x3E;"]);
    }

    #[test]
    fn plain_text_is_left_alone() {
        for text in [
            "5 < 6 and a <3 heart",
            "Only 2 * 3 * 4 mm",
            "No. #14",
            "snake_case_name",
            "“it’s” – 5½ £",
            "- one line alone",
            "kΩ, µm, β-carotene",
            "Family 👨‍👩‍👧 ❤️",
            "می‌خواهم",
            "Donau\u{ad}dampfschiff",
            "гарантия",
            "сосо гарантия",
            "сосо",
            "The word сосо of гарантия",
            "Sony α 7 of 5 µF and ΟΣ",
            "one\ntwo",
            "2 for 1 [new]",
            "4 * 5 * 6",
            "4*5*6 mm",
            "M*A*S*H",
            "a snake_case_name and another_one",
            "5* hotel, 4* rating",
            "Only £5*. *Terms apply.",
            "> 90 % cotton",
            "5 > 4",
            "red | green | blue",
            "AT&T; M&Ms; R&D;",
            "Salt & Pepper; so",
            "~5 kg, ~6 kg",
            "one - two - three",
            "well--known --- and so on",
            "a = b == c === d",
        ] {
            check(text, &[]);
        }
    }
}
