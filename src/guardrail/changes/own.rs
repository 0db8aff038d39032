//! What a rule looks for and lets pass: its own settings, each by what it means.

use std::collections::BTreeMap;

use regex::Regex;

use super::super::examples::Sample;
use super::super::fold::fold_pattern;
use super::super::judge::hits;
use super::super::kinds::{CONFIDENCE, DEFAULT_THRESHOLD, Kind, MIN_WORDS, THRESHOLD};
use super::super::literals::{self, Case};
use super::super::patterns::{Style, anywhere};
use super::super::rule::Rule;
use super::super::text::Text;
use super::{Effect, Said, told};
use crate::document::{Kind as NodeKind, Node};

/// What a setting of a rule says.
enum Means {
    /// Nothing that passes or does not: words for people, what corrections write.
    Nothing,
    /// It is compared elsewhere.
    Elsewhere,
    /// What is looked for: more of it finds more.
    Words,
    /// What is looked for, out of all that there is if nothing is said.
    Some(&'static str),
    /// What is let pass: more of it finds less. With what is said of one of them before and after.
    Passes(&'static str, &'static str),
    /// A number, what it is if not said, and whether a greater one finds more.
    Number { unsaid: f64, more: bool },
    /// A least and a most.
    Bounds,
    /// A truth value, what it is if not said, and whether `true` finds more.
    Truth { unsaid: bool, more: bool },
    /// Pairs of which the first is looked for, and the second stands in for it.
    Swaps,
    /// Competitors.
    Names,
    /// Categories of a moderation service.
    Categories,
    /// Phrases by attribute.
    Allowed,
    /// A map of settings of its own.
    Within,
    /// Something of which nothing can be told by looking at it.
    Other,
}

/// What a key says in a rule of a kind.
fn means(kind: Kind, key: &str, public: bool) -> Means {
    match (kind, key) {
        (
            _,
            "id" | "message" | "owner" | "reference" | "link" | "description" | "examples" | "name" | "tests"
            | "code" | "pos" | "matchcase" | "limit" | "action" | "closed",
        ) => Means::Nothing,
        (_, "extends" | "level" | "on_match" | "mode" | "because" | "applies" | "effective" | "needs") => {
            Means::Elsewhere
        }
        (_, "ignorecase") => Means::Truth { unsaid: matches!(kind, Kind::Require | Kind::Claim), more: true },
        (_, "nonword") => Means::Truth { unsaid: false, more: true },
        (_, "vocab") => Means::Truth { unsaid: public, more: false },
        (_, "exceptions") => Means::Passes("now lets", "pass"),
        (Kind::Repetition, "tokens") => Means::Other,
        (Kind::Existence | Kind::Personal | Kind::Claim, "tokens" | "triggers" | "never")
        | (Kind::Require, "trigger") => Means::Words,
        (Kind::Substitution, "swap") | (Kind::Consistency, "either") => Means::Swaps,
        (Kind::Occurrence, "max") => Means::Number { unsaid: f64::INFINITY, more: false },
        (Kind::Occurrence, "min") => Means::Number { unsaid: 0.0, more: true },
        (Kind::Repetition, "max") => Means::Number { unsaid: 0.0, more: false },
        (Kind::Repetition, "alpha") => Means::Truth { unsaid: false, more: false },
        (Kind::Limit, _) => Means::Bounds,
        (Kind::Capitalization, "threshold") => Means::Number { unsaid: 0.8, more: true },
        (Kind::Readability, "grade") => Means::Number { unsaid: f64::INFINITY, more: false },
        (Kind::Require, "within") => Means::Within,
        (Kind::Require, "sentences") => Means::Number { unsaid: f64::INFINITY, more: false },
        (Kind::Require, "after") => Means::Truth { unsaid: false, more: true },
        (Kind::Claim, "wording") => Means::Passes("may now be said as", ""),
        (Kind::Claim, "with") => Means::Other,
        (Kind::Personal, "allow") => Means::Allowed,
        (Kind::Pii, "entities") => Means::Some("personal data of the sorts"),
        (Kind::Pii, "threshold") => Means::Number { unsaid: THRESHOLD, more: false },
        (Kind::Url, "allow") => Means::Passes("now allows links to", ""),
        (Kind::Language, "min_words") => Means::Number { unsaid: MIN_WORDS as f64, more: false },
        (Kind::Language, "confidence") => Means::Number { unsaid: CONFIDENCE, more: false },
        (Kind::Competitor, "names") => Means::Names,
        (Kind::Judge, "threshold") => Means::Number { unsaid: DEFAULT_THRESHOLD, more: true },
        (Kind::Moderation, "categories") => Means::Categories,
        _ => Means::Other,
    }
}

/// What changes of a rule's own settings.
pub(super) fn changes(before: &Rule, after: &Rule) -> Vec<Said> {
    let (then, now) = (before.kind(), after.kind());
    if then != now {
        let name = |rule: &Rule| rule.written.get("extends").map_or("another kind".to_owned(), told::written);
        let sentence = format!("is a rule of kind `{}` instead of `{}`", name(after), name(before));
        return vec![Said::new(Effect::Unclear, sentence)];
    }
    compared(now, &before.written, &after.written, (before, after))
}

/// Compares two maps of settings, key by key.
fn compared(kind: Kind, then: &Node, now: &Node, rules: (&Rule, &Rule)) -> Vec<Said> {
    let keys = |node: &Node| match &node.kind {
        NodeKind::Map(entries) => entries.iter().map(|(key, _)| key.text.clone()).collect(),
        _ => Vec::new(),
    };
    let mut all: Vec<String> = keys(now);
    all.extend(keys(then).into_iter().filter(|key| now.get(key).is_none()));
    let mut said = Vec::new();
    let mut reworded = Vec::new();
    for key in all {
        let said_of = |node: &Node| node.get(&key).filter(|node| !node.is_null()).cloned();
        let (old, new) = (said_of(then), said_of(now));
        if old.as_ref().map(told::bare) == new.as_ref().map(told::bare) {
            continue;
        }
        let pair = (old.as_ref(), new.as_ref());
        match means(kind, &key, rules.1.public) {
            Means::Nothing => reworded.push(key),
            Means::Elsewhere => {}
            Means::Words => said.extend(words(&texts(pair.0), &texts(pair.1), rules)),
            Means::Some(what) => said.extend(out_of_all(what, &texts(pair.0), &texts(pair.1))),
            Means::Passes(what, behind) => {
                said.extend(passes((what, behind), &texts(pair.0), &texts(pair.1)));
            }
            Means::Number { unsaid, more } => {
                let number = |node| number(node).unwrap_or(unsaid);
                said.extend(moved(&key, number(pair.0), number(pair.1), more));
            }
            Means::Bounds => {
                let bound = |node: Option<&Node>, key: &str| number(node.and_then(|node| node.get(key)));
                let most = |node| bound(node, "max").unwrap_or(f64::INFINITY);
                let least = |node| bound(node, "min").unwrap_or(0.0);
                let key = key.replace('_', " ");
                said.extend(bound_moved("allows up to", &key, most(pair.0), most(pair.1), false));
                said.extend(bound_moved("asks for at least", &key, least(pair.0), least(pair.1), true));
            }
            Means::Truth { unsaid, more } => {
                let truth = |node: Option<&Node>| node.map_or(unsaid, |node| told::written(node) == "true");
                let (was, is) = (truth(pair.0), truth(pair.1));
                if was != is {
                    let effect = if is == more { Effect::Tightens } else { Effect::Loosens };
                    said.push(Said::new(effect, format!("has `{key}: {is}` instead of `{was}`")));
                }
            }
            Means::Swaps => said.extend(swaps(kind, &pairs(pair.0), &pairs(pair.1), rules)),
            Means::Names => said.extend(names(&competitors(pair.0), &competitors(pair.1))),
            Means::Categories => said.extend(categories(pair.0, pair.1)),
            Means::Allowed => {
                said.extend(passes(("now allows", ""), &by_attribute(pair.0), &by_attribute(pair.1)));
            }
            Means::Within => {
                let empty = || told::nothing();
                let (old, new) = (old.unwrap_or_else(empty), new.unwrap_or_else(empty));
                said.extend(compared(kind, &old, &new, rules));
            }
            Means::Other => said.push(other(&key, pair.0, pair.1)),
        }
    }
    if !reworded.is_empty() {
        said.push(Said::new(Effect::Neutral, format!("was edited in {}", told::names(&reworded))));
    }
    said
}

fn other(key: &str, then: Option<&Node>, now: Option<&Node>) -> Said {
    let (effect, sentence) = match (then, now) {
        // What has to stand beside a claim is asked for, or is not.
        (Some(then), None) if key == "with" => {
            (Effect::Loosens, format!("no longer asks for {}", told::quoted(&told::written(then))))
        }
        (None, Some(now)) if key == "with" => {
            (Effect::Tightens, format!("now asks for {}", told::quoted(&told::written(now))))
        }
        (then, now) => {
            let told = |node: Option<&Node>| match node {
                Some(node) => told::quoted(&told::written(node)),
                None => "nothing".to_owned(),
            };
            (Effect::Unclear, format!("has for `{key}` {} instead of {}", told(now), told(then)))
        }
    };
    Said::new(effect, sentence)
}

/// The texts of a list, or one alone.
fn texts(node: Option<&Node>) -> Vec<String> {
    match node.map(|node| (&node.kind, node)) {
        Some((NodeKind::List(items), _)) => items.iter().map(one).collect(),
        Some((_, node)) => vec![one(node)],
        None => Vec::new(),
    }
}

/// A scalar whole; anything else on one line.
fn one(node: &Node) -> String {
    match &node.kind {
        NodeKind::Scalar { text, .. } => text.clone(),
        _ => told::written(node),
    }
}

fn pairs(node: Option<&Node>) -> BTreeMap<String, String> {
    match node.map(|node| &node.kind) {
        Some(NodeKind::Map(entries)) => {
            entries.iter().map(|(key, value)| (key.text.clone(), one(value))).collect()
        }
        // Public rules list single swaps too.
        Some(NodeKind::List(items)) => items.iter().flat_map(|item| pairs(Some(item))).collect(),
        _ => BTreeMap::new(),
    }
}

fn by_attribute(node: Option<&Node>) -> Vec<String> {
    match node.map(|node| &node.kind) {
        Some(NodeKind::Map(entries)) => {
            let each = |path: &str, value: &Node| -> Vec<String> {
                texts(Some(value)).into_iter().map(|phrase| format!("{phrase} ({path})")).collect()
            };
            entries.iter().flat_map(|(path, value)| each(&path.text, value)).collect()
        }
        _ => Vec::new(),
    }
}

fn number(node: Option<&Node>) -> Option<f64> {
    told::written(node?).parse().ok()
}

/// What is in the first and not in the second.
fn less(first: &[String], second: &[String]) -> Vec<String> {
    first.iter().filter(|word| !second.contains(word)).cloned().collect()
}

/// The most texts of one pattern that are told one by one.
const MOST_TOLD: usize = 4;
/// The most texts of one pattern that are tried among other words.
const MOST_TRIED: usize = 64;

/// What becomes of what a pattern found that is no longer listed.
enum Left {
    /// It is still found, wherever it stands.
    Caught,
    /// It is found in all that was tried, and perhaps not everywhere.
    Unclear,
    /// These texts are not found any more.
    Lost(Vec<String>),
}

/// A rule before an edit and after it, on which words are tried that one of its lists no longer names.
struct Trial<'r> {
    before: &'r Rule,
    after: &'r Rule,
    /// What the list finds now whatever stands around it.
    anywhere: Option<Regex>,
}

impl<'r> Trial<'r> {
    fn new((before, after): (&'r Rule, &'r Rule), now: &[String]) -> Self {
        let truth = |key: &str| after.written.get(key).map(|node| told::written(node) == "true");
        let unsaid = matches!(after.kind(), Kind::Require | Kind::Claim);
        let style = Style {
            ignore_case: truth("ignorecase").unwrap_or(unsaid),
            nonword: truth("nonword").unwrap_or(false),
            given: after.public,
        };
        let now: Vec<String> = now.iter().map(|pattern| fold_pattern(pattern)).collect();
        // What lets a match pass may let pass a shorter one in the place of the one that was found.
        let whole = !after.exceptions.is_empty() || !super::register::wordings(after).is_empty();
        let parts = after.written.get("raw").is_some();
        let anywhere = if parts { None } else { anywhere(&now, style, whole) };
        Self { before, after, anywhere }
    }

    fn left(&self, pattern: &str) -> Left {
        let sample = Sample::default();
        let catches =
            |rule: &Rule, text: &str| !hits(rule, &Text::new(text), &sample.ground()).found.is_empty();
        let all = literals::all(&fold_pattern(pattern), Case::Kept).filter(|all| !all.is_empty());
        // What could be anything is not tried.
        let Some(all) = all else { return Left::Lost(vec![pattern.to_owned()]) };
        let told = |lost: Vec<String>| match lost.len() {
            0..=MOST_TOLD => Left::Lost(lost),
            _ => Left::Lost(vec![pattern.to_owned()]),
        };
        let lost: Vec<String> = all.iter().filter(|text| !catches(self.after, text)).cloned().collect();
        if !lost.is_empty() {
            return told(lost);
        }
        let unsure = |text: &&String| !self.anywhere.as_ref().is_some_and(|now| now.is_match(text));
        let unsure: Vec<&String> = all.iter().filter(unsure).collect();
        if unsure.is_empty() {
            return Left::Caught;
        }
        let escapes = |text: &String| catches(self.before, text) && !catches(self.after, text);
        let tried = unsure.into_iter().take(MOST_TRIED);
        let lost: Vec<String> =
            tried.filter_map(|text| among_others(text).into_iter().find(escapes)).collect();
        if lost.is_empty() { Left::Unclear } else { told(lost) }
    }
}

/// A text as it may stand in copy: among other words, at the beginning and at the end, in capitals and in small letters.
fn among_others(text: &str) -> Vec<String> {
    let (small, capitals) = (text.to_lowercase(), text.to_uppercase());
    let first = text.chars().take(1).flat_map(char::to_uppercase);
    let begun: String = first.chain(text.chars().skip(1)).collect();
    vec![
        format!("Here is {text} for you."),
        format!("Here is {text}."),
        format!("{begun} is here."),
        format!("It is here. {begun}, and more."),
        format!("It is “{text}”, and more."),
        format!("It is here ({text}): look"),
        format!("HERE IS {capitals} FOR YOU."),
        format!("here is {small} for you"),
        format!("Not 1 {text} 2"),
        format!("Here\n{text}\nis"),
        capitals,
        small,
        begun,
    ]
}

fn words(then: &[String], now: &[String], rules: (&Rule, &Rule)) -> Vec<Said> {
    let (mut kept, mut unclear, mut lost) = (Vec::new(), Vec::new(), Vec::new());
    let gone = less(then, now);
    let trial = (!gone.is_empty()).then(|| Trial::new(rules, now));
    for word in gone {
        match trial.as_ref().map(|trial| trial.left(&word)) {
            Some(Left::Caught) => kept.push(word),
            Some(Left::Lost(some)) => lost.extend(some),
            Some(Left::Unclear) | None => unclear.push(word),
        }
    }
    let added = less(now, then);
    let mut said = Vec::new();
    if !lost.is_empty() {
        said.push(Said::new(Effect::Loosens, format!("no longer catches {}", told::list(&lost))));
    }
    let them = |words: &[String]| if words.len() == 1 { "it" } else { "them" };
    if !unclear.is_empty() {
        let (list, them) = (told::list(&unclear), them(&unclear));
        let sentence = format!("no longer lists {list}, and may not catch {them} everywhere");
        said.push(Said::new(Effect::Unclear, sentence));
    }
    if !added.is_empty() {
        said.push(Said::new(Effect::Tightens, format!("also catches {}", told::list(&added))));
    }
    if !kept.is_empty() {
        let sentence = format!("no longer lists {}, and still catches {}", told::list(&kept), them(&kept));
        said.push(Said::new(Effect::Neutral, sentence));
    }
    said
}

fn passes((what, behind): (&str, &str), then: &[String], now: &[String]) -> Vec<Said> {
    let (added, removed) = (less(now, then), less(then, now));
    let sentence =
        |what: &str, words: &[String]| format!("{what} {} {behind}", told::list(words)).trim_end().to_owned();
    let mut said = Vec::new();
    if !added.is_empty() {
        said.push(Said::new(Effect::Loosens, sentence(what, &added)));
    }
    if !removed.is_empty() {
        let sentence = sentence(&what.replacen("now", "no longer", 1), &removed);
        said.push(Said::new(Effect::Tightens, sentence));
    }
    said
}

/// Of something that is all there is where nothing is said.
fn out_of_all(what: &str, then: &[String], now: &[String]) -> Vec<Said> {
    match (then, now) {
        ([], now) => vec![Said::new(Effect::Loosens, format!("only finds {what} {}", told::names(now)))],
        (then, []) => {
            let sentence = format!("finds {what} that there are, not {} alone", told::names(then));
            vec![Said::new(Effect::Tightens, sentence)]
        }
        (then, now) => {
            let (lost, added) = (less(then, now), less(now, then));
            let mut said = Vec::new();
            if !lost.is_empty() {
                said.push(Said::new(
                    Effect::Loosens,
                    format!("no longer finds {what} {}", told::names(&lost)),
                ));
            }
            if !added.is_empty() {
                said.push(Said::new(Effect::Tightens, format!("also finds {what} {}", told::names(&added))));
            }
            said
        }
    }
}

/// A number that is another. Infinite is not limited.
fn moved(key: &str, then: f64, now: f64, more: bool) -> Option<Said> {
    if then == now {
        return None;
    }
    let told = |number: f64| if number.is_finite() { number.to_string() } else { "no limit".to_owned() };
    let effect = if (now > then) == more { Effect::Tightens } else { Effect::Loosens };
    Some(Said::new(effect, format!("has for `{key}` {} instead of {}", told(now), told(then))))
}

/// A least or a most of something that is counted.
fn bound_moved(what: &str, of: &str, then: f64, now: f64, more: bool) -> Option<Said> {
    let told = |number: f64| if number.is_finite() { number.to_string() } else { "any number of".to_owned() };
    let said = moved(of, then, now, more)?;
    Some(Said { sentence: format!("{what} {} {of} instead of {}", told(now), told(then)), ..said })
}

fn swaps(
    kind: Kind,
    then: &BTreeMap<String, String>,
    now: &BTreeMap<String, String>,
    rules: (&Rule, &Rule),
) -> Vec<Said> {
    // What is to be consistent is caught by no word alone.
    let alone = kind == Kind::Substitution;
    let named = |swaps: &BTreeMap<String, String>| -> Vec<String> {
        swaps.iter().map(|(word, with)| if alone { word.clone() } else { format!("{word}/{with}") }).collect()
    };
    let (old, new) = (named(then), named(now));
    let mut said = words(&old, &new, rules);
    for (word, with) in then.iter().filter(|_| alone) {
        let Some(other) = now.get(word).filter(|other| *other != with) else { continue };
        let (other, was) = (told::quoted(other), told::quoted(with));
        let sentence = format!("wants {other} instead of {was} for {}", told::quoted(word));
        let caught = matches!(Trial::new(rules, &new).left(word), Left::Caught);
        let effect = if caught { Effect::Neutral } else { Effect::Unclear };
        said.push(Said::new(effect, sentence));
    }
    said
}

/// A competitor: its names, and what its name means besides.
#[derive(Default)]
struct Named {
    aliases: Vec<String>,
    unless: Vec<String>,
    case: String,
}

fn competitors(node: Option<&Node>) -> BTreeMap<String, Named> {
    let Some(NodeKind::List(items)) = node.map(|node| &node.kind) else { return BTreeMap::new() };
    let each = items.iter().map(|item| match item.get("name") {
        Some(name) => {
            let of = |key| texts(item.get(key));
            let case = item.get("case").map(one).unwrap_or_default();
            (one(name), Named { aliases: of("aliases"), unless: of("unless"), case })
        }
        None => (one(item), Named::default()),
    });
    each.collect()
}

fn names(then: &BTreeMap<String, Named>, now: &BTreeMap<String, Named>) -> Vec<Said> {
    let all = |named: &BTreeMap<String, Named>| -> Vec<String> {
        named
            .iter()
            .flat_map(|(name, named)| std::iter::once(name.clone()).chain(named.aliases.clone()))
            .collect()
    };
    let (lost, added) = (less(&all(then), &all(now)), less(&all(now), &all(then)));
    let mut said = Vec::new();
    if !lost.is_empty() {
        said.push(Said::new(Effect::Loosens, format!("no longer knows {}", told::list(&lost))));
    }
    if !added.is_empty() {
        said.push(Said::new(Effect::Tightens, format!("also knows {}", told::list(&added))));
    }
    for (name, old) in then {
        let Some(new) = now.get(name) else { continue };
        let of = format!("now takes {} for something else in", told::quoted(name));
        said.extend(passes((&of, ""), &old.unless, &new.unless));
        if old.case != new.case {
            let sentence = format!("minds the capitals of {} otherwise", told::quoted(name));
            let effect = match new.case.as_str() {
                "insensitive" => Effect::Tightens,
                _ => Effect::Unclear,
            };
            said.push(Said::new(effect, sentence));
        }
    }
    said
}

fn categories(then: Option<&Node>, now: Option<&Node>) -> Vec<Said> {
    let read = |node: Option<&Node>| -> BTreeMap<String, Option<f64>> {
        let items = match node.map(|node| (&node.kind, node)) {
            Some((NodeKind::List(items), _)) => items.iter().collect(),
            Some((_, node)) => vec![node],
            None => Vec::new(),
        };
        let each = |item: &Node| -> Vec<(String, Option<f64>)> {
            match &item.kind {
                NodeKind::Map(entries) => {
                    entries.iter().map(|(key, value)| (key.text.clone(), number(Some(value)))).collect()
                }
                _ => vec![(one(item), None)],
            }
        };
        items.into_iter().flat_map(each).collect()
    };
    let (then, now) = (read(then), read(now));
    let keys = |all: &BTreeMap<String, Option<f64>>| all.keys().cloned().collect::<Vec<_>>();
    let mut said = out_of_all("what is flagged as", &keys(&then), &keys(&now));
    for (name, was) in &then {
        match (was, now.get(name)) {
            (Some(was), Some(Some(is))) => said.extend(moved(name, *was, *is, false)),
            (None, Some(Some(_))) | (Some(_), Some(None)) => {
                let sentence = format!("goes by another measure for `{name}`");
                said.push(Said::new(Effect::Unclear, sentence));
            }
            _ => {}
        }
    }
    said
}
