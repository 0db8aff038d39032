//! Literals of patterns: the finitely many texts that a pattern matches, where it has so few, and texts of which every
//! match holds at least one.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind};

/// The most texts that parts of one phrase multiply to, as in `[12][0-9] years?`.
const MAX_PRODUCT: usize = 128;
/// The most characters of a class that is taken apart.
const MAX_CLASS: u32 = 16;
/// The most literals of one pattern.
const MAX_LITERALS: usize = 50_000;
/// The longest literal that is made of parts, in bytes.
const MAX_LENGTH: usize = 512;

/// Whether literals are to be told apart by capitals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    /// As written.
    Kept,
    /// In small letters where they are ASCII; of all other letters in each case.
    Ignored,
}

/// Every text that a pattern matches, the ones that it prefers first; `None` when they are not few, or when more than
/// the characters of a match decides.
pub(super) fn all(pattern: &str, case: Case) -> Option<Vec<String>> {
    literals(&free(pattern)?, case).exact.filter(|all| all.iter().all(|text| !text.is_empty()))
}

/// Whether nothing but the characters of a match decides whether a pattern matches: no anchor, no look at what stands
/// around it, no flag of its own.
pub(super) fn is_free(pattern: &str) -> bool {
    free(pattern).is_some()
}

fn free(pattern: &str) -> Option<Hir> {
    // A flag within the pattern may say otherwise of capitals.
    let flagged = pattern.match_indices("(?").any(|(at, _)| {
        let rest = pattern.get(at + 2..).unwrap_or_default();
        !rest.starts_with(':') && !rest.starts_with('<') && !rest.starts_with("P<")
    });
    parse(pattern).filter(|hir| !flagged && hir.properties().look_set().is_empty())
}

/// Texts of which every match holds at least one, capitals of ASCII letters aside. `None` when there are none that most
/// texts would not hold.
pub(super) fn required(pattern: &str) -> Option<Vec<String>> {
    literals(&parse(pattern)?, Case::Ignored).best().filter(|texts| weight(texts) >= 2)
}

fn parse(pattern: &str) -> Option<Hir> {
    ParserBuilder::new().multi_line(true).build().parse(pattern).ok()
}

/// What is known of the texts that a part of a pattern matches.
#[derive(Debug, Default)]
struct Literals {
    /// All of them, in the pattern's order of preference.
    exact: Option<Vec<String>>,
    /// Each of them holds one of these.
    held: Option<Vec<String>>,
}

impl Literals {
    fn exactly(exact: Vec<String>) -> Self {
        Self { exact: Some(exact), held: None }
    }

    fn best(self) -> Option<Vec<String>> {
        [self.exact, self.held].into_iter().flatten().max_by_key(|texts| worth(texts))
    }
}

/// How rare the commonest of these texts is in prose: its characters, of which a sign counts twice.
fn weight(texts: &[String]) -> usize {
    let weight =
        |text: &String| text.chars().map(|c| 1 + usize::from(!c.is_alphanumeric() && c != ' ')).sum();
    texts.iter().map(weight).min().unwrap_or(0)
}

fn worth(texts: &[String]) -> (usize, std::cmp::Reverse<usize>) {
    (weight(texts).min(8), std::cmp::Reverse(texts.len()))
}

fn literals(hir: &Hir, case: Case) -> Literals {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Literals::exactly(vec![String::new()]),
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(text) => concat(text.chars().map(|c| Literals { exact: character(c, case), held: None })),
            Err(_) => Literals::default(),
        },
        HirKind::Class(class) => Literals { exact: characters(class, case), held: None },
        HirKind::Capture(capture) => literals(&capture.sub, case),
        HirKind::Concat(parts) => concat(parts.iter().map(|part| literals(part, case))),
        HirKind::Alternation(branches) => alternation(branches, case),
        HirKind::Repetition(repetition) => {
            let once = literals(&repetition.sub, case);
            match (repetition.min, repetition.max) {
                (0, Some(1)) => {
                    let exact = once.exact.map(|mut texts| {
                        texts.insert(if repetition.greedy { texts.len() } else { 0 }, String::new());
                        texts
                    });
                    Literals { exact, held: None }
                }
                (0, _) => Literals::default(),
                (min, Some(max)) if min == max && max <= 8 && once.exact.is_some() => {
                    concat((0..max).map(|_| Literals { exact: once.exact.clone(), held: None }))
                }
                _ => Literals { exact: None, held: once.best() },
            }
        }
    }
}

fn alternation(branches: &[Hir], case: Case) -> Literals {
    let (mut exact, mut held) = (Some(Vec::new()), Some(Vec::new()));
    for branch in branches {
        let branch = literals(branch, case);
        exact = exact.zip(branch.exact.as_ref()).map(|(mut all, more)| {
            all.extend_from_slice(more);
            all
        });
        held = held.zip(branch.best()).map(|(mut all, more)| {
            all.extend(more);
            all
        });
    }
    let few = |texts: &Vec<String>| texts.len() <= MAX_LITERALS;
    Literals { exact: exact.filter(few), held: held.filter(few) }
}

fn concat(parts: impl Iterator<Item = Literals>) -> Literals {
    let mut run = vec![String::new()];
    let mut whole = true;
    let mut held: Option<Vec<String>> = None;
    let mut keep = |texts: Vec<String>| {
        if held.as_ref().is_none_or(|held| worth(&texts) > worth(held)) {
            held = Some(texts);
        }
    };
    for part in parts {
        let Literals { exact, held } = part;
        held.into_iter().for_each(&mut keep);
        let next = exact.unwrap_or_else(|| {
            whole = false;
            keep(std::mem::take(&mut run));
            vec![String::new()]
        });
        let few = run.len() * next.len() <= MAX_PRODUCT || run.len() == 1 || next.len() == 1;
        if run.is_empty() {
            run = next;
        } else if few && longest(&run) + longest(&next) <= MAX_LENGTH {
            run = run.iter().flat_map(|a| next.iter().map(move |b| format!("{a}{b}"))).collect();
        } else {
            whole = false;
            keep(std::mem::replace(&mut run, next));
        }
    }
    if whole {
        return Literals { exact: Some(run), held };
    }
    keep(run);
    Literals { exact: None, held }
}

fn longest(texts: &[String]) -> usize {
    texts.iter().map(String::len).max().unwrap_or(0)
}

fn character(c: char, case: Case) -> Option<Vec<String>> {
    match case {
        Case::Kept => Some(vec![c.to_string()]),
        Case::Ignored if c.is_ascii() => Some(vec![c.to_ascii_lowercase().to_string()]),
        Case::Ignored => {
            let mut class = ClassUnicode::new([ClassUnicodeRange::new(c, c)]);
            class.try_case_fold_simple().ok()?;
            Some(
                class
                    .ranges()
                    .iter()
                    .flat_map(|range| range.start()..=range.end())
                    .map(String::from)
                    .collect(),
            )
        }
    }
}

fn characters(class: &Class, case: Case) -> Option<Vec<String>> {
    let Class::Unicode(class) = class else { return None };
    let count = |range: &ClassUnicodeRange| u32::from(range.end()) - u32::from(range.start()) + 1;
    if class.ranges().iter().map(count).fold(0, u32::saturating_add) > MAX_CLASS {
        return None;
    }
    let mut all = Vec::new();
    for c in class.ranges().iter().flat_map(|range| range.start()..=range.end()) {
        all.extend(character(c, case)?);
    }
    all.sort_unstable();
    all.dedup();
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, exact: Option<&[&str]>, held: Option<&[&str]>) {
        assert_eq!(all(pattern, Case::Kept).as_deref(), exact.map(|e| e.map_owned()).as_deref(), "{pattern}");
        assert_eq!(required(pattern).as_deref(), held.map(|e| e.map_owned()).as_deref(), "{pattern}");
    }

    trait MapOwned {
        fn map_owned(&self) -> Vec<String>;
    }
    impl MapOwned for [&str] {
        fn map_owned(&self) -> Vec<String> {
            self.iter().map(|text| (*text).to_owned()).collect()
        }
    }

    #[test]
    fn what_patterns_match_and_what_they_need() {
        check("Risk-free", Some(&["Risk-free"]), Some(&["risk-free"]));
        check("(?:colou?r)", Some(&["colour", "color"]), Some(&["colour", "color"]));
        check("colou??r", Some(&["color", "colour"]), Some(&["color", "colour"]));
        check("a[xy]b|c", Some(&["axb", "ayb", "c"]), None);
        check(
            "(?:guarantee|guaranteed)",
            Some(&["guarantee", "guaranteed"]),
            Some(&["guarantee", "guaranteed"]),
        );
        check(r"\d+ ?%", None, Some(&[" %", "%"]));
        check(r"\d+", None, None);
        check(r"\bnever\b", None, Some(&["never"]));
        check(r"up \d+ times", None, Some(&[" times"]));
        check(r"(?:very )+good", None, Some(&["very "]));
        check(r"(?i)Good", None, Some(&["good"]));
        check("best.*ever", None, Some(&["best"]));
        check("Öl", Some(&["Öl"]), Some(&["Öl", "öl"]));
        check("(?:(?:(?:a{8}){8}){8}){8}", None, Some(&[&"a".repeat(512)]));
    }
}
