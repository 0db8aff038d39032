//! Texts that a pattern describes, made from the pattern itself: all of them where they are few.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind};

/// The most texts that are made of one pattern.
const MOST: usize = 24;
/// The most characters of a class that are tried one by one.
const FEW: usize = 6;
/// The longest text that is made, in bytes.
const LONGEST: usize = 400;

/// Texts that a pattern describes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Texts {
    pub(super) texts: Vec<String>,
    /// Whether there are no others.
    pub(super) all: bool,
}

/// What a pattern describes; `None` when this cannot be told, as with look-around.
pub(super) fn expand(pattern: &str) -> Option<Texts> {
    let hir = ParserBuilder::new().nest_limit(64).build().parse(pattern).ok()?;
    let mut texts = texts(&hir);
    texts.texts.retain(|text| !text.is_empty());
    texts.texts.dedup();
    (!texts.texts.is_empty()).then_some(texts)
}

fn texts(hir: &Hir) -> Texts {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Texts { texts: vec![String::new()], all: true },
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(text) => Texts { texts: vec![text.to_owned()], all: true },
            Err(_) => Texts { texts: Vec::new(), all: false },
        },
        HirKind::Class(Class::Unicode(class)) => characters(class),
        HirKind::Class(Class::Bytes(_)) => Texts { texts: Vec::new(), all: false },
        HirKind::Capture(capture) => texts(&capture.sub),
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(u32::MAX);
            let last = most.min(repetition.min.saturating_add(1));
            let once = texts(&repetition.sub);
            let mut out = Texts { texts: Vec::new(), all: last == most };
            for times in repetition.min..=last {
                let mut repeated = Texts { texts: vec![String::new()], all: true };
                for _ in 0..times.min(LONGEST as u32) {
                    repeated = joined(repeated, &once);
                }
                out = either(out, repeated);
            }
            out
        }
        HirKind::Concat(parts) => {
            let start = Texts { texts: vec![String::new()], all: true };
            parts.iter().fold(start, |before, part| joined(before, &texts(part)))
        }
        HirKind::Alternation(parts) => {
            let start = Texts { texts: Vec::new(), all: true };
            parts.iter().fold(start, |before, part| either(before, texts(part)))
        }
    }
}

/// The characters of a class: all of a small one, and of a large one those that stand for many.
fn characters(class: &ClassUnicode) -> Texts {
    const LIKELY: &str = "a1 Zé-ß£\u{2019}\u{201c}\u{2013}я漢🏕.,!_☀";
    let size: usize = class.ranges().iter().map(|range| range.len()).fold(0, usize::saturating_add);
    let spans = || class.ranges().iter().map(|range| range.start()..=range.end());
    if size <= FEW {
        return Texts { texts: spans().flatten().map(String::from).collect(), all: true };
    }
    let likely = LIKELY.chars().filter(|c| spans().any(|span| span.contains(c)));
    let ends = spans().flat_map(|span| [*span.start(), *span.end()]);
    let mut texts: Vec<String> = Vec::new();
    for text in likely.chain(ends).map(String::from) {
        if texts.len() < MOST && !texts.contains(&text) {
            texts.push(text);
        }
    }
    Texts { texts, all: false }
}

/// One after the other. Of more than are made, each side's are all there, though not each beside each.
fn joined(first: Texts, then: &Texts) -> Texts {
    let whole = first.texts.len() * then.texts.len();
    let pairs = first.texts.iter().flat_map(|a| then.texts.iter().map(move |b| (a, b)));
    let along = first.texts.len().max(then.texts.len());
    let each =
        first.texts.iter().cycle().zip(then.texts.iter().cycle()).take(if whole == 0 { 0 } else { along });
    let pairs: Vec<(&String, &String)> = if whole <= MOST { pairs.collect() } else { each.collect() };
    let texts: Vec<String> = pairs
        .into_iter()
        .filter(|(a, b)| a.len() + b.len() <= LONGEST)
        .map(|(a, b)| format!("{a}{b}"))
        .collect();
    let all = first.all && then.all && texts.len() == whole;
    Texts { texts, all }
}

fn either(mut one: Texts, other: Texts) -> Texts {
    one.texts.extend(other.texts);
    one.all &= other.all && one.texts.len() <= MOST;
    one.texts.truncate(MOST);
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, expected: &[&str], all: bool) {
        let found = expand(pattern).unwrap();
        assert_eq!(
            (found.texts.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), found.all),
            (expected, all)
        );
    }

    #[test]
    fn few_texts_are_all_there() {
        check("risk[- ]free", &["risk free", "risk-free"], true);
        check("amazing(?:ly)?", &["amazing", "amazingly"], true);
        check("(?:we|i) guarantee", &["we guarantee", "i guarantee"], true);
        check("a{2,3}", &["aa", "aaa"], true);
        check(r"\bcut\b", &["cut"], true);
        check(r"off\.", &["off."], true);
        check("go+", &["go", "goo"], false);
    }

    #[test]
    fn many_are_stood_for_by_some() {
        let found = expand(r"save \w+ (?:a|b|c|d|e|f|g)").unwrap();
        assert!(!found.all && found.texts.len() <= MOST);
        assert!(found.texts.iter().any(|text| text == "save a a"), "{found:?}");
        assert!(found.texts.iter().any(|text| text.ends_with('g')), "{found:?}");
        // Nothing is said of what the engine does not know.
        assert_eq!(expand("(?<!a)b"), None);
        for pattern in ["(a{500}){500}", "((((a|b)*)*)*)*", "[^a]{9}", "(?s:.)*", ""] {
            assert!(expand(pattern).is_none_or(|found| found.texts.len() <= MOST), "{pattern}");
        }
    }
}
