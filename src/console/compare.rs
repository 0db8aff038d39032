//! Two texts compared word by word.

use super::say::{Safe, letter};

/// The most pairs of words that are compared; of texts that differ in more, all is told as taken out and put in.
const MOST: usize = 1 << 20;

/// A stretch that both texts have, that is only in the first, or only in the second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stretch {
    Same(String),
    Out(String),
    In(String),
}

/// The words of a text, and what stands between them.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = first.is_alphanumeric();
        let end = match is_word {
            true => rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len()),
            false => first.len_utf8(),
        };
        let (piece, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// How the second text comes from the first.
pub(super) fn compare(first: &str, second: &str) -> Vec<Stretch> {
    let (a, b) = (pieces(first), pieces(second));
    let before = a.iter().zip(&b).take_while(|(one, other)| one == other).count();
    let most = a.len().min(b.len()) - before;
    let after = a.iter().rev().zip(b.iter().rev()).take(most).take_while(|(one, other)| one == other).count();
    let middle = |all: &[&str]| -> Vec<String> {
        all.get(before..all.len() - after)
            .unwrap_or_default()
            .iter()
            .map(|piece| (*piece).to_owned())
            .collect()
    };
    let mut told = Told(Vec::new());
    a.iter().take(before).for_each(|piece| told.same(piece));
    between(&middle(&a), &middle(&b), &mut told);
    a.iter().skip(a.len() - after).for_each(|piece| told.same(piece));
    let told = joined(told.0);
    if is_another(&told, first, second) {
        return vec![Stretch::Out(first.to_owned()), Stretch::In(second.to_owned())];
    }
    told
}

/// The same, with what differs on both sides of a blank told as one: words are read together.
fn joined(told: Vec<Stretch>) -> Vec<Stretch> {
    let (mut joined, mut out, mut put_in) = (Vec::new(), String::new(), String::new());
    let mut told = told.into_iter().peekable();
    while let Some(stretch) = told.next() {
        match stretch {
            Stretch::Out(text) => out.push_str(&text),
            Stretch::In(text) => put_in.push_str(&text),
            Stretch::Same(text)
                if text.trim().is_empty()
                    && !(out.is_empty() || put_in.is_empty())
                    && told.peek().is_some() =>
            {
                out.push_str(&text);
                put_in.push_str(&text);
            }
            Stretch::Same(text) => {
                joined.extend(differing(&mut out, &mut put_in));
                joined.push(Stretch::Same(text));
            }
        }
    }
    joined.extend(differing(&mut out, &mut put_in));
    joined
}

fn differing(out: &mut String, put_in: &mut String) -> impl Iterator<Item = Stretch> + use<> {
    let out = Some(std::mem::take(out)).filter(|text| !text.is_empty()).map(Stretch::Out);
    let put_in = Some(std::mem::take(put_in)).filter(|text| !text.is_empty()).map(Stretch::In);
    out.into_iter().chain(put_in)
}

/// Whether the second text is another one altogether: of many words fewer than a third are the same.
fn is_another(told: &[Stretch], first: &str, second: &str) -> bool {
    let words = |text: &str| text.split_whitespace().count();
    let same = |stretch: &Stretch| match stretch {
        Stretch::Same(text) => words(text),
        Stretch::Out(_) | Stretch::In(_) => 0,
    };
    let most = words(first).max(words(second));
    most > 8 && told.iter().map(same).sum::<usize>() * 3 < most
}

/// The longest common subsequence decides what is the same.
fn between(a: &[String], b: &[String], told: &mut Told) {
    if a.is_empty() || b.is_empty() || a.len().saturating_mul(b.len()) > MOST {
        a.iter().for_each(|piece| told.out(piece));
        b.iter().for_each(|piece| told.put_in(piece));
        return;
    }
    // The length of the common subsequence of what follows each pair of places, the last row first.
    let mut rows: Vec<Vec<u32>> = vec![vec![0; b.len() + 1]];
    for one in a.iter().rev() {
        let below = rows.last().map(Vec::as_slice).unwrap_or_default();
        let mut row = vec![0; b.len() + 1];
        let mut right = 0;
        for (at, other) in b.iter().enumerate().rev() {
            let value = match one == other {
                true => below.get(at + 1).copied().unwrap_or(0) + 1,
                false => below.get(at).copied().unwrap_or(0).max(right),
            };
            if let Some(cell) = row.get_mut(at) {
                *cell = value;
            }
            right = value;
        }
        rows.push(row);
    }
    let length = |i: usize, j: usize| {
        let row = rows.get(a.len().saturating_sub(i));
        row.and_then(|row| row.get(j)).copied().unwrap_or(0)
    };
    let (mut i, mut j) = (0, 0);
    while let (Some(one), Some(other)) = (a.get(i), b.get(j)) {
        if one == other {
            told.same(one);
            (i, j) = (i + 1, j + 1);
        } else if length(i + 1, j) >= length(i, j + 1) {
            told.out(one);
            i += 1;
        } else {
            told.put_in(other);
            j += 1;
        }
    }
    a.iter().skip(i).for_each(|piece| told.out(piece));
    b.iter().skip(j).for_each(|piece| told.put_in(piece));
}

/// Stretches as they come; what is taken out comes before what is put in its place.
struct Told(Vec<Stretch>);

impl Told {
    fn same(&mut self, piece: &str) {
        match self.0.last_mut() {
            Some(Stretch::Same(text)) => text.push_str(piece),
            _ => self.0.push(Stretch::Same(piece.to_owned())),
        }
    }

    fn out(&mut self, piece: &str) {
        let last = self.0.len().saturating_sub(1);
        match self.0.get_mut(last.saturating_sub(1)..).unwrap_or_default() {
            [.., Stretch::Out(text)] | [Stretch::Out(text), Stretch::In(_)] => text.push_str(piece),
            [.., Stretch::In(_)] => self.0.insert(last, Stretch::Out(piece.to_owned())),
            _ => self.0.push(Stretch::Out(piece.to_owned())),
        }
    }

    fn put_in(&mut self, piece: &str) {
        match self.0.last_mut() {
            Some(Stretch::In(text)) => text.push_str(piece),
            _ => self.0.push(Stretch::In(piece.to_owned())),
        }
    }
}

/// The second text as HTML, with what was taken out of the first and what was put in.
pub(super) fn changes(first: &str, second: &str) -> Safe {
    let mut html = String::with_capacity(first.len() + second.len());
    let mut before = None;
    for stretch in compare(first, second) {
        let (tag, text) = match &stretch {
            Stretch::Same(text) => (None, text),
            Stretch::Out(text) => (Some("del"), text),
            Stretch::In(text) => (Some("ins"), text),
        };
        html.extend(tag.map(|tag| format!("<{tag}>")));
        for c in text.chars() {
            letter(&mut html, before, c);
            before = Some(c);
        }
        html.extend(tag.map(|tag| format!("</{tag}>")));
    }
    Safe(html)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(first: &str, second: &str, expected: &str) {
        assert_eq!(changes(first, second).0, expected);
        let (mut one, mut other) = (String::new(), String::new());
        for stretch in compare(first, second) {
            match stretch {
                Stretch::Same(text) => {
                    one.push_str(&text);
                    other.push_str(&text);
                }
                Stretch::Out(text) => one.push_str(&text),
                Stretch::In(text) => other.push_str(&text),
            }
        }
        assert_eq!((one.as_str(), other.as_str()), (first, second), "nothing is lost");
    }

    #[test]
    fn texts_are_compared_word_by_word() {
        check("the best phone", "the best phone", "the best phone");
        check("", "new", "<ins>new</ins>");
        check("old", "", "<del>old</del>");
        check("the best phone", "the good phone", "the <del>best</del><ins>good</ins> phone");
        check("the very best phone here", "the phone here", "the <del>very best </del>phone here");
        check("a b c d", "a x c y", "a <del>b</del><ins>x</ins> c <del>d</del><ins>y</ins>");
        check("5 GB, größer", "6 GB, größer!", "<del>5</del><ins>6</ins> GB, größer<ins>!</ins>");
        check("a lamp of steel", "a table of steel", "a <del>lamp</del><ins>table</ins> of steel");
        check("big red lamp", "small blue lamp", "<del>big red</del><ins>small blue</ins> lamp");
        let (one, other) = ("one two three four five six seven eight nine", "a b c d e f g h nine");
        check(one, other, &format!("<del>{one}</del><ins>{other}</ins>"));
        check("<b>", "<i>", "&lt;<del>b</del><ins>i</ins>&gt;");
    }

    #[test]
    fn long_texts_take_no_time() {
        let (first, second) = ("one two ".repeat(20_000), "three four ".repeat(20_000));
        assert!(compare(&first, &second).len() <= 4);
    }
}
