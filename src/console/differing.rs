//! What differs between two texts, word by word.

use super::say::{Safe, escape};

/// How many words of a text are compared one by one; beyond that the rest counts as one.
const MOST: usize = 1_000;

/// A stretch of two texts.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part<'t> {
    Both(&'t str),
    Gone(&'t str),
    New(&'t str),
}

/// A text with what was put in and what was taken out since another one: `ins` and `del`.
pub(super) fn words(before: &str, now: &str) -> Safe {
    let mut html = String::with_capacity(before.len() + now.len() + 64);
    let mut open = "";
    for part in parts(before, now) {
        let (tag, text) = match part {
            Part::Both(text) => ("", text),
            Part::Gone(text) => ("del", text),
            Part::New(text) => ("ins", text),
        };
        if tag != open {
            if !open.is_empty() {
                html += &format!("</{open}>");
            }
            if !tag.is_empty() {
                html += &format!("<{tag}>");
            }
            open = tag;
        }
        html += &escape(text);
    }
    if !open.is_empty() {
        html += &format!("</{open}>");
    }
    Safe(html)
}

fn parts<'t>(before: &'t str, now: &'t str) -> Vec<Part<'t>> {
    let (old, new) = (tokens(before), tokens(now));
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = old.iter().zip(&new).take_while(same).count();
    let (old, new) = (old.get(head..).unwrap_or_default(), new.get(head..).unwrap_or_default());
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(same).count();
    let (old, kept) = old.split_at_checked(old.len() - tail).unwrap_or((old, &[]));
    let new = new.get(..new.len() - tail).unwrap_or_default();
    let begins = tokens(now).into_iter().take(head).map(Part::Both);
    let mut parts: Vec<Part<'t>> = begins.collect();
    parts.extend(middle(old, new));
    parts.extend(kept.iter().map(|word| Part::Both(word)));
    parts
}

/// The longest sequence of words that both have, and what stands around it.
fn middle<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<Part<'t>> {
    // longest[i][j]: how many words from i on in the one and from j on in the other are in both.
    let width = new.len() + 1;
    let mut longest = vec![0_u16; (old.len() + 1) * width];
    let at = |longest: &[u16], i: usize, j: usize| longest.get(i * width + j).copied().unwrap_or(0);
    for (i, gone) in old.iter().enumerate().rev() {
        for (j, put) in new.iter().enumerate().rev() {
            let here = if gone == put {
                at(&longest, i + 1, j + 1).saturating_add(1)
            } else {
                at(&longest, i + 1, j).max(at(&longest, i, j + 1))
            };
            if let Some(cell) = longest.get_mut(i * width + j) {
                *cell = here;
            }
        }
    }
    let (mut i, mut j, mut parts) = (0, 0, Vec::new());
    loop {
        match (old.get(i), new.get(j)) {
            (Some(gone), Some(put)) if gone == put => {
                parts.push(Part::Both(put));
                (i, j) = (i + 1, j + 1);
            }
            (Some(gone), put) if put.is_none() || at(&longest, i + 1, j) >= at(&longest, i, j + 1) => {
                parts.push(Part::Gone(gone));
                i += 1;
            }
            (_, Some(put)) => {
                parts.push(Part::New(put));
                j += 1;
            }
            (_, None) => return parts,
        }
    }
}

/// Words, each run of blanks, and each other character by itself; at most [`MOST`], the last of which is the rest.
fn tokens(text: &str) -> Vec<&str> {
    let kind = |c: char| match c {
        c if c.is_whitespace() => 1,
        c if c.is_alphanumeric() || c == '\'' || c == '’' => 2,
        _ => 0,
    };
    let (mut tokens, mut from, mut last) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        let this = kind(c);
        if at > from && (this != last || this == 0) {
            if tokens.len() + 1 >= MOST {
                break;
            }
            tokens.extend(text.get(from..at));
            from = at;
        }
        last = this;
    }
    tokens.extend(text.get(from..).filter(|rest| !rest.is_empty()));
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: &str, now: &str, expected: &str) {
        assert_eq!(words(before, now).0, expected);
        // Without what is new it is the one text, without what is gone the other.
        let told = parts(before, now);
        let but = |skip: fn(&Part<'_>) -> bool| {
            let kept = told.iter().filter(|part| !skip(part));
            kept.map(|part| match part {
                Part::Both(text) | Part::Gone(text) | Part::New(text) => *text,
            })
            .collect::<String>()
        };
        assert_eq!(but(|part| matches!(part, Part::Gone(_))), now);
        assert_eq!(but(|part| matches!(part, Part::New(_))), before);
    }

    #[test]
    fn words_that_differ_are_marked() {
        check("", "", "");
        check("A warm lamp.", "A warm lamp.", "A warm lamp.");
        check("A warm lamp.", "A bright lamp.", "A <del>warm</del><ins>bright</ins> lamp.");
        check("A lamp.", "A lamp, made to last.", "A lamp<ins>, made to last</ins>.");
        check("One two three", "three two One", "<del>One two </del>three<ins> two One</ins>");
        check("", "New.", "<ins>New.</ins>");
        check("Old.", "", "<del>Old.</del>");
        check("<b>", "<i>", "&lt;<del>b</del><ins>i</ins>&gt;");
        check("12 W", "14 W", "<del>12</del><ins>14</ins> W");
    }

    #[test]
    fn long_texts_are_compared_as_far_as_that_takes_no_time() {
        let long = "word ".repeat(5_000);
        assert!(words(&long, &format!("Another {long}")).0.starts_with("<ins>Another </ins>word"));
        assert_eq!(tokens(&long).len(), MOST);
        assert_eq!(tokens(&long).concat(), long);
    }
}
