//! `action`: what a rule itself makes of its match.

use super::engine::Engine;
use super::patterns::pattern_fault;
use super::syntax;
use crate::document::{Faults, Fields, Node, one_of, texts};

/// How a match is put right.
#[derive(Debug)]
pub(super) enum Correction {
    /// It is taken out.
    Remove,
    /// One of these is written instead; none means what the rule itself offers.
    Replace(Vec<String>),
    /// Something is done to it.
    Edit(Edit),
    /// It is written in small letters, a space for every other sign.
    Simple,
}

/// What is done to a match.
#[derive(Debug)]
pub(super) enum Edit {
    /// What a pattern matches in it becomes something else.
    Regex(Engine, String),
    /// These signs are taken off its ends: the first, the last, or both.
    Trim(String, [bool; 2]),
    /// It ends before this.
    Truncate(String),
    /// It is this part of it, once divided at a sign.
    Split(String, usize),
}

#[derive(Clone, Copy)]
pub(super) enum Name {
    Remove,
    Replace,
    Edit,
    Convert,
    Suggest,
}

pub(super) const NAMES: &[(&str, Name)] = &[
    ("remove", Name::Remove),
    ("replace", Name::Replace),
    ("edit", Name::Edit),
    ("convert", Name::Convert),
    ("suggest", Name::Suggest),
];

/// Reads `action: {name: …, params: […]}`. What only suggests is no correction.
pub(super) fn read(node: &Node, faults: &Faults) -> Option<Correction> {
    let mut fields = Fields::of(node, "`action`", faults)?;
    let name = fields.require("name", "write `action: {name: remove}`", faults);
    let given = fields.take("params");
    let params = given.map(|node| texts(node, faults)).unwrap_or_default();
    fields.finish(faults);
    let name = name?;
    match one_of(name, NAMES, faults)? {
        Name::Suggest => None,
        Name::Remove => Some(Correction::Remove),
        Name::Replace => Some(Correction::Replace(params)),
        Name::Convert if params.first().is_some_and(|param| param == "simple") => Some(Correction::Simple),
        Name::Convert => {
            faults.error_with_help(name.span, "this says not what to convert to", "write `params: [simple]`");
            None
        }
        Name::Edit => edit(node, &params, faults).map(Correction::Edit),
    }
}

fn edit(node: &Node, params: &[String], faults: &Faults) -> Option<Edit> {
    const HELP: &str = "write `params: [trim, \" \"]`, `[trim_left, …]`, `[trim_right, …]`, `[truncate, …]`, \
                        `[split, \" \", 0]` or `[regex, …, …]`";
    let params: Vec<&str> = params.iter().map(String::as_str).collect();
    let read = match params.as_slice() {
        // The older name of the same.
        ["trim" | "remove", signs] => Some(Edit::Trim((*signs).to_owned(), [true, true])),
        ["trim_left", signs] => Some(Edit::Trim((*signs).to_owned(), [true, false])),
        ["trim_right", signs] => Some(Edit::Trim((*signs).to_owned(), [false, true])),
        ["truncate", at] => Some(Edit::Truncate((*at).to_owned())),
        ["split", at, index] => index.parse().ok().map(|index| Edit::Split((*at).to_owned(), index)),
        ["regex", pattern, replacement] => {
            return match Engine::new(&syntax::from_dot_net(pattern)) {
                Ok(engine) => Some(Edit::Regex(engine, (*replacement).to_owned())),
                Err(error) => {
                    pattern_fault(&error, node.span, faults);
                    None
                }
            };
        }
        _ => None,
    };
    if read.is_none() {
        faults.error_with_help(node.span, "this is no edit", HELP);
    }
    read
}

/// Takes the `action` of a rule, where it has one. Public rules run all the same when nothing can be made of it.
pub(super) fn take(fields: &mut Fields<'_>, public: bool, faults: &Faults) -> Option<Correction> {
    let node = fields.take("action")?;
    if public { read(node, &Faults::of(faults.file())) } else { read(node, faults) }
}

impl Correction {
    /// What may be written instead of a match, the best first; none when the match has nothing to be put right.
    pub(super) fn of(&self, matched: &str) -> Vec<String> {
        match self {
            Self::Remove => vec![String::new()],
            Self::Replace(options) => options.clone(),
            Self::Edit(edit) => edit.of(matched).map(|text| text.trim().to_owned()).into_iter().collect(),
            Self::Simple => vec![simple(matched)],
        }
    }
}

impl Edit {
    fn of(&self, matched: &str) -> Option<String> {
        match self {
            Self::Regex(engine, replacement) => engine.replace_all(matched, replacement).ok(),
            Self::Trim(signs, [first, last]) => {
                let is_sign = |c: char| signs.contains(c);
                let matched = if *first { matched.trim_start_matches(is_sign) } else { matched };
                Some(if *last { matched.trim_end_matches(is_sign) } else { matched }.to_owned())
            }
            Self::Truncate(at) => {
                Some(matched.split_once(at.as_str()).map_or(matched, |(before, _)| before).to_owned())
            }
            Self::Split(at, index) => matched.split(at.as_str()).nth(*index).map(str::to_owned),
        }
    }
}

/// `auto-scale` as `auto scale`.
fn simple(matched: &str) -> String {
    let words = matched.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Words as a person would list them: `'a'`, `'a' or 'b'`, `'a', 'b', or 'c'`.
pub(super) fn listed(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    match quoted.as_slice() {
        [first, second] => format!("{first} or {second}"),
        [first @ .., last] if !first.is_empty() => format!("{}, or {last}", first.join(", ")),
        _ => quoted.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::parse;

    #[track_caller]
    fn check(action: &str, matched: &str, expected: &[&str]) {
        let faults = Faults::of("a.yml");
        let read = read(&parse(action, &faults).unwrap(), &faults);
        assert_eq!(faults.into_diagnostics(), []);
        assert_eq!(read.unwrap().of(matched), expected, "{action}");
    }

    #[test]
    fn matches_are_put_right() {
        check("name: remove", "so", &[""]);
        check("{name: replace, params: [a, b]}", "so", &["a", "b"]);
        check("{name: edit, params: [trim, ' ']}", " – ", &["–"]);
        check("{name: edit, params: [trim_right, ly]}", "firstly", &["first"]);
        check("{name: edit, params: [trim_left, '-']}", "--a-", &["a-"]);
        check("{name: edit, params: [truncate, ' ']}", "the the", &["the"]);
        check("{name: edit, params: [split, ' ', 1]}", "a b c", &["b"]);
        check("{name: edit, params: [split, ' ', 7]}", "a b c", &[]);
        check("{name: edit, params: [regex, '(\\w)-(\\w)', '$1$2']}", "auto-scale", &["autoscale"]);
        check("{name: convert, params: [simple]}", "auto-Scale", &["auto scale"]);
    }

    #[test]
    fn what_is_no_action_is_said() {
        for (action, expected) in [
            ("name: erase", "`erase` is not known here"),
            ("{name: edit, params: [trim]}", "this is no edit"),
            ("{name: edit, params: [split, a, b]}", "this is no edit"),
            (
                "{name: edit, params: [regex, '(', b]}",
                "this pattern goes wrong at its character 1: unclosed group",
            ),
            ("{name: convert}", "this says not what to convert to"),
            ("params: [a]", "`action` needs `name`"),
        ] {
            let faults = Faults::of("a.yml");
            assert!(read(&parse(action, &faults).unwrap(), &faults).is_none());
            assert_eq!(faults.into_diagnostics()[0].message, expected, "{action}");
        }
    }

    #[test]
    fn options_are_listed() {
        let listed =
            |words: &[&str]| super::listed(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>());
        assert_eq!(listed(&["a"]), "'a'");
        assert_eq!(listed(&["a", "b"]), "'a' or 'b'");
        assert_eq!(listed(&["a", "b", "c"]), "'a', 'b', or 'c'");
    }
}
