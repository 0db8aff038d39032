//! Words and expressions of rules, tried with texts made from themselves: those that nothing can match, those that an
//! exception takes away, those that another one finds already.

use std::collections::{BTreeMap, BTreeSet};

use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use super::expand::{Texts, expand};
use super::{EXCEPTED, NEVER_MATCHES, SHADOWED, Site, TWICE, Warnings, items, scalar};
use crate::diagnostic::Span;
use crate::document::{Kind as NodeKind, Node};
use crate::guardrail::examples::Sample;
use crate::guardrail::fold::{Space, fold_pattern, fold_text};
use crate::guardrail::judge::judge_at;
use crate::guardrail::rule::{Action, Enforcement, Hit, Rule};
use crate::guardrail::text::Text;
use crate::guardrail::{Guardrails, Kind};

/// What a word is tried in: by itself, within a sentence, and beside letters, for those that ask for them.
const CARRIERS: [(&str, &str); 6] =
    [("", ""), ("So ", " it is."), ("x", ""), ("", "x"), ("x", "x"), ("So\n", "\nit is")];
/// The most words of one rule that are held against one another by what they find.
const MANY_WORDS: usize = 1_000;
/// The most texts that are tried on the whole set.
const MANY_TEXTS: usize = 20_000;

/// One word or expression of a rule.
struct Word<'s> {
    given: &'s str,
    span: Span,
    /// What it is replaced by.
    replacement: Option<&'s str>,
    /// It alone, anchored at both ends; none where this cannot be told.
    whole: Option<Regex>,
    texts: Option<Texts>,
}

pub(super) fn lint(guardrails: &Guardrails, sites: &[Site<'_>], warnings: &mut Warnings) {
    let mut words: Vec<Vec<Word<'_>>> = sites.iter().map(words).collect();
    for (site, words) in sites.iter().zip(&words) {
        let said = twice(site, words, warnings);
        for (word, _) in words.iter().zip(&said).filter(|(_, said)| !**said) {
            tried(site, word, warnings);
        }
    }
    // What else decides on a finding of the other kinds is not in their words: none of them does another rule's work.
    for (site, words) in sites.iter().zip(&mut words) {
        if !is_of_words(site) {
            words.clear();
        }
    }
    shadowed(guardrails, sites, &words, warnings);
}

/// What one competitor is called.
fn names(node: &Node) -> Vec<&Node> {
    let NodeKind::Map(_) = node.kind else { return vec![node] };
    let aliases = match node.get("aliases").map(|aliases| (aliases, &aliases.kind)) {
        Some((_, NodeKind::List(items))) => items.iter().collect(),
        Some((one, _)) => vec![one],
        None => Vec::new(),
    };
    node.get("name").into_iter().chain(aliases).collect()
}

/// Whether a competitor of this name says what the name means besides.
fn has_other_meanings(site: &Site<'_>, name: &str) -> bool {
    let is_named = |node: &&Node| names(node).into_iter().filter_map(scalar).any(|known| known == name);
    items(site.node, "names").iter().any(|node| is_named(&node) && node.get("unless").is_some())
}

/// Whether capitals and small letters are the same to a rule.
fn ignores_case(site: &Site<'_>) -> bool {
    match (site.rule.kind(), site.at(&["ignorecase"]).and_then(scalar)) {
        (Kind::Personal | Kind::Competitor, _) => true,
        (Kind::Require | Kind::Claim, said) => said != Some("false"),
        (_, said) => said == Some("true"),
    }
}

/// The words of a rule. Those that `raw` stands in front of mean nothing by themselves.
fn words<'s>(site: &Site<'s>) -> Vec<Word<'s>> {
    let ignores_case = ignores_case(site);
    let word_of = |given: &'s str, pattern: &str, span, replacement| {
        let folded = fold_pattern(pattern);
        let whole = RegexBuilder::new(&format!(r"\A(?:{folded})\z"))
            .case_insensitive(ignores_case)
            .multi_line(true)
            .build()
            .ok();
        Word { given, span, replacement, texts: whole.as_ref().and_then(|_| expand(pattern)), whole }
    };
    let word = |given, span, replacement| word_of(given, given, span, replacement);
    let listed = |keys: &[&str]| -> Vec<Word<'s>> {
        let nodes = keys.iter().flat_map(|key| items(site.node, key));
        nodes.filter_map(|node| Some(word(scalar(node)?, node.span, None))).collect()
    };
    match site.rule.kind() {
        Kind::Existence if site.at(&["raw"]).is_none() => listed(&["tokens"]),
        Kind::Require => listed(&["trigger"]),
        Kind::Claim => listed(&["triggers", "tokens"]),
        Kind::Personal => listed(&["tokens", "never"]),
        Kind::Competitor => {
            let names = items(site.node, "names").iter().flat_map(names);
            names
                .filter_map(|node| {
                    Some(word_of(scalar(node)?, &regex::escape(scalar(node)?), node.span, None))
                })
                .collect()
        }
        Kind::Substitution => match site.node.get("swap").map(|node| &node.kind) {
            Some(NodeKind::Map(entries)) => {
                entries.iter().map(|(key, value)| word(&key.text, key.span, scalar(value))).collect()
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// Words that another one of the rule finds already; answers for each whether that was said of it.
fn twice(site: &Site<'_>, words: &[Word<'_>], warnings: &mut Warnings) -> Vec<bool> {
    let mut said = vec![false; words.len()];
    let patterns = || words.iter().map(|word| word.whole.as_ref().map_or(r"[^\s\S]", Regex::as_str));
    let ignores_case = ignores_case(site);
    let set = (words.len() <= MANY_WORDS)
        .then(|| {
            RegexSetBuilder::new(patterns()).case_insensitive(ignores_case).multi_line(true).build().ok()
        })
        .flatten();
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, word) in words.iter().enumerate() {
        let same = first.get(word.given).copied();
        first.entry(word.given).or_insert(index);
        let other = same.or_else(|| {
            let finders = finders(word, set.as_ref()?)?;
            // Of two that find the same, the later one is too many.
            let is_too_many = |other: usize| {
                other < index
                    || !words
                        .get(other)
                        .and_then(|other| finders_of(other, set.as_ref()))
                        .is_some_and(|f| f.contains(&index))
            };
            finders.into_iter().find(|other| *other != index && is_too_many(*other))
        });
        let Some(other) = other.and_then(|other| words.get(other)) else { continue };
        if let Some(said) = said.get_mut(index) {
            *said = true;
        }
        let message = if same.is_some() {
            format!("`{}` stands here a second time", word.given)
        } else {
            format!("`{}` adds nothing: `{}` finds it already", word.given, other.given)
        };
        let help = match word.replacement {
            Some(_) if same.is_none() => format!("take it out, or narrow `{}`", other.given),
            _ => "take it out".to_owned(),
        };
        site.warn(warnings, TWICE, word.span, message, help);
    }
    said
}

fn finders_of(word: &Word<'_>, set: Option<&RegexSet>) -> Option<BTreeSet<usize>> {
    finders(word, set?)
}

/// The words that find all that a word finds, where all of that is known.
fn finders(word: &Word<'_>, set: &RegexSet) -> Option<BTreeSet<usize>> {
    let texts = word.texts.as_ref().filter(|texts| texts.all)?;
    let found = |text: &String| -> BTreeSet<usize> {
        set.matches(&fold_text(text, Space::Written)).into_iter().collect()
    };
    texts.texts.iter().map(found).reduce(|a, b| a.intersection(&b).copied().collect())
}

/// Whether a word can be found at all, and whether anything is left of it after the rule's exceptions.
fn tried(site: &Site<'_>, word: &Word<'_>, warnings: &mut Warnings) {
    let (Some(whole), Some(texts)) = (&word.whole, &word.texts) else { return };
    let ground = Sample::default();
    let ground = ground.ground();
    let loose = Regex::new(whole.as_str().trim_start_matches(r"\A").trim_end_matches(r"\z"));
    let (mut is_met, mut is_found) = (false, false);
    // The exceptions that let every single match pass.
    let mut always: Option<BTreeSet<usize>> = None;
    let carried = CARRIERS.iter().flat_map(|carrier| texts.texts.iter().map(move |made| (carrier, made)));
    for ((before, after), made) in carried {
        // What is found and not excepted somewhere is as it should be.
        if is_found && always.as_ref().is_some_and(BTreeSet::is_empty) {
            return;
        }
        let carried = format!("{before}{made}{after}");
        let range = before.len()..before.len() + made.len();
        // Beside letters, only what asks for letters is told of.
        let asks = !before.starts_with('x') && !after.starts_with('x');
        is_met |= asks
            && loose
                .as_ref()
                .is_ok_and(|loose| loose.find_iter(&carried).any(|found| found.range() == range));
        let text = Text::new(&carried);
        let touches = |hit: &Hit| hit.range.start < range.end && range.start < hit.range.end;
        for hit in site.rule.check.listed(&text, &ground).iter().filter(|hit| touches(hit)) {
            is_found = true;
            let covering = site.rule.exceptions.iter().enumerate();
            let covering = covering.filter(|(_, exception)| exception.covers(&hit.range, &text, &ground));
            let covering: BTreeSet<usize> = covering.map(|(index, _)| index).collect();
            always = Some(match always {
                None => covering,
                Some(always) => always.intersection(&covering).copied().collect(),
            });
        }
    }
    if word.replacement == Some(word.given) && !is_found {
        let message = format!("`{}` is replaced by itself", word.given);
        return site.warn(
            warnings,
            NEVER_MATCHES,
            word.span,
            message,
            "say what to write instead, or take it out",
        );
    }
    if !is_found && site.rule.kind() == Kind::Competitor && has_other_meanings(site, word.given) {
        let message = format!("`unless` lets every `{}` pass", word.given);
        let help = "write what it means besides with the words around it, such as `orange juice` for Orange";
        return site.warn(warnings, EXCEPTED, word.span, message, help);
    }
    if !is_found
        && (is_met || texts.all)
        && word.replacement.is_none_or(|to| !texts.texts.iter().any(|made| made == to))
    {
        let folds = texts.texts.iter().any(|made| fold_text(made, Space::Written) != *made);
        let help = if folds {
            "copy is read with curly quotes, long dashes, look-alike and unseen characters as the plain ones: write those, \
             such as `'`, `-` or a space"
        } else {
            "what stands before or after it asks for what cannot be there; write the words alone"
        };
        let message = format!("no text can match `{}`", word.given);
        return site.warn(warnings, NEVER_MATCHES, word.span, message, help);
    }
    let exception = always.iter().flatten().find_map(|index| site.rule.exceptions.get(*index));
    if let Some(exception) = exception {
        let message = format!("the exception `{}` lets every `{}` pass", exception.given, word.given);
        let help = format!(
            "write the exception with the words around it that make it harmless, or take `{}` out of the rule",
            word.given
        );
        site.warn(warnings, EXCEPTED, exception.span, message, help);
    }
}

/// Rules, and words of rules, that another rule makes needless: it finds the same, is at least as strict, and applies
/// wherever the one does.
fn shadowed(guardrails: &Guardrails, sites: &[Site<'_>], words: &[Vec<Word<'_>>], warnings: &mut Warnings) {
    let covers: Vec<Vec<BTreeSet<usize>>> = {
        let mut left = MANY_TEXTS;
        let by_pattern = by_pattern(sites, words);
        let all = sites.iter().zip(words).enumerate();
        let finders = |(index, (site, words)): (usize, (&Site<'_>, &Vec<Word<'_>>))| {
            let found = |word: &Word<'_>| others(guardrails, sites, index, word, &mut left, &by_pattern);
            match site.rule.settings(None).mode {
                Enforcement::Off => vec![BTreeSet::new(); words.len()],
                _ => words.iter().map(found).collect(),
            }
        };
        all.map(finders).collect()
    };
    let mut needless = BTreeSet::new();
    for (index, site) in sites.iter().enumerate() {
        let Some(found) = covers.get(index) else { continue };
        let wholly = found.iter().cloned().reduce(|a, b| a.intersection(&b).copied().collect());
        // Of two that find the same, the later one is too many.
        let is_left = |other: &usize| {
            let theirs = covers.get(*other).filter(|theirs| !theirs.is_empty());
            let mutual = theirs.is_some_and(|theirs| theirs.iter().all(|found| found.contains(&index)));
            !mutual || *other < index
        };
        let other = wholly.unwrap_or_default().into_iter().find(is_left);
        if let Some(other) = other.and_then(|other| sites.get(other)) {
            needless.insert(index);
            let span = site.at(&["id"]).map_or(site.node.span, |node| node.span);
            let (ours, theirs) = (&site.rule.id, &other.rule.id);
            let message =
                format!("`{ours}` adds nothing: `{theirs}` finds all that it finds{}", and_more(other.rule));
            let help = "take it out and list it under `retired` in guardrails.yml, or say where each of them `applies`";
            site.warn(warnings, SHADOWED, span, message, help);
        }
    }
    for (index, (site, words)) in sites.iter().zip(words).enumerate() {
        let found = covers.get(index).filter(|_| !needless.contains(&index));
        for (word, found) in words.iter().zip(found.into_iter().flatten()) {
            // Each of two rules may find a word of the other's; the later one is told.
            let is_told = |other: &&usize| {
                let theirs = covers.get(**other).into_iter().flatten();
                let mutual = theirs.into_iter().any(|found| found.contains(&index));
                !needless.contains(*other) && (!mutual || **other < index)
            };
            if let Some(other) = found.iter().find(is_told).and_then(|other| sites.get(*other)) {
                let message =
                    format!("`{}` stands in `{}` as well{}", word.given, other.rule.id, and_more(other.rule));
                site.warn(warnings, SHADOWED, word.span, message, "take it out of one of them");
            }
        }
    }
}

/// Whether a rule finds its words and nothing else.
fn is_of_words(site: &Site<'_>) -> bool {
    matches!(site.rule.kind(), Kind::Existence | Kind::Substitution)
}

fn and_more(other: &Rule) -> &'static str {
    match other.settings(None).action {
        Action::Block => ", and blocks the text",
        Action::Repair => ", and sends the text back",
        Action::Fix => ", and corrects it",
        Action::Note => "",
    }
}

/// Whether the first makes the second needless, as far as both find the same.
fn stricter(one: Option<&Site<'_>>, other: Option<&Site<'_>>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return false };
    let (ours, theirs) = (one.rule.settings(None), other.rule.settings(None));
    let narrows = |key: &str| one.at(&[key]).map(Node::to_json);
    let within = |ours: &[String], theirs: &[String]| {
        ours.is_empty() || (!theirs.is_empty() && theirs.iter().all(|one| ours.contains(one)))
    };
    ours.mode == Enforcement::Enforce
        && ours.action >= theirs.action
        && one.rule.overridden.before.is_none()
        && within(&one.rule.applies.locales, &other.rule.applies.locales)
        && within(&one.rule.applies.placements, &other.rule.applies.placements)
        && (one.rule.applies.when.is_none()
            || one.at(&["applies", "when"]).map(Node::to_json)
                == other.at(&["applies", "when"]).map(Node::to_json))
        && (narrows("effective").is_none()
            || narrows("effective") == other.at(&["effective"]).map(Node::to_json))
        && one
            .rule
            .exceptions
            .iter()
            .all(|ours| other.rule.exceptions.iter().any(|theirs| ours.given == theirs.given))
}

/// The rules that have a word in the same writing, by that and by how it is read.
type ByPattern<'s> = BTreeMap<(&'s str, String), BTreeSet<usize>>;

fn style(site: &Site<'_>) -> String {
    let of = |key: &str| site.at(&[key]).and_then(scalar).unwrap_or_default();
    format!("{} {} {}", of("ignorecase"), of("nonword"), of("scope"))
}

fn by_pattern<'s>(sites: &[Site<'s>], words: &[Vec<Word<'s>>]) -> ByPattern<'s> {
    let mut found = ByPattern::new();
    for (index, (site, words)) in sites.iter().zip(words).enumerate() {
        for word in words {
            found.entry((word.given, style(site))).or_default().insert(index);
        }
    }
    found
}

/// The rules besides its own that find all that a word finds and make it needless.
fn others(
    guardrails: &Guardrails,
    sites: &[Site<'_>],
    index: usize,
    word: &Word<'_>,
    left: &mut usize,
    by_pattern: &ByPattern<'_>,
) -> BTreeSet<usize> {
    let Some(site) = sites.get(index) else { return BTreeSet::new() };
    let same = by_pattern.get(&(word.given, style(site))).cloned().unwrap_or_default();
    let may_cover = |other: &usize| {
        let other_site = sites.get(*other);
        let is_text = other_site.is_some_and(is_of_words);
        *other != index && is_text && stricter(other_site, Some(site))
    };
    let mut found: BTreeSet<usize> = same.into_iter().filter(may_cover).collect();
    let Some(texts) = word.texts.as_ref().filter(|texts| texts.all && texts.texts.len() <= *left) else {
        return found;
    };
    let mut all: Option<BTreeSet<usize>> = None;
    for made in &texts.texts {
        *left -= 1;
        let text = format!("So {made} it is.");
        let (start, end) = (3, 3 + made.chars().count());
        let judgement = judge_at(guardrails, &text, &Sample::default().ground(), None);
        let covering =
            judgement.findings.iter().filter(|finding| finding.start <= start && end <= finding.end);
        let finders =
            covering.filter_map(|finding| sites.iter().position(|site| site.rule.id == finding.rule));
        let finders: BTreeSet<usize> = finders.filter(may_cover).collect();
        let both = match all {
            None => finders,
            Some(before) => before.intersection(&finders).copied().collect(),
        };
        if both.is_empty() {
            return found;
        }
        all = Some(both);
    }
    found.extend(all.unwrap_or_default());
    found
}
