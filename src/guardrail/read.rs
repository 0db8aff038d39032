//! From a rule's YAML to a compiled [`Rule`], with a diagnostic for everything that could not mean what its writer hoped.

use jiff::tz::TimeZone;

use super::correction;
use super::engine::Engine;
use super::examples::{self, head, start_of_day};
use super::kinds::{
    Bounds, Check, KINDS, KINDS_TO_COME, Kind, Limit, Occurrence, Phrases, Replacement, Swaps, Told, Wanted,
};
use super::patterns::{
    Style, behind_one, check_token, compile, compile_alternatives, exceptions, token, tokens,
};
use super::rule::{Action, Applies, Enforcement, Level, Override, Period, Rule};
use super::syntax;
use super::text::Reach;
use crate::condition::{self, Condition};
use crate::diagnostic::{Diagnostic, Span};
use crate::document::{
    Faults, Fields, Key, Kind as NodeKind, Node, boolean, count, date, did_you_mean, entries, one_of, text,
    texts,
};

pub(super) const LEVELS: &[(&str, Level)] =
    &[("error", Level::Error), ("warning", Level::Warning), ("suggestion", Level::Suggestion)];
pub(super) const ACTIONS: &[(&str, Action)] =
    &[("block", Action::Block), ("repair", Action::Repair), ("fix", Action::Fix), ("note", Action::Note)];
pub(super) const ENFORCEMENTS: &[(&str, Enforcement)] =
    &[("enforce", Enforcement::Enforce), ("shadow", Enforcement::Shadow), ("off", Enforcement::Off)];
pub(super) const REACHES: &[(&str, Reach)] = &[
    ("text", Reach::Text),
    ("sentence", Reach::Sentence),
    ("paragraph", Reach::Paragraph),
    ("raw", Reach::Text),
];

/// What a file that is no list of rules says of each rule in it by being what it is.
pub(super) struct Given<'g> {
    /// What it is called in messages, such as "a claim".
    pub(super) what: &'static str,
    /// Its name, where that does not stand under `id`.
    pub(super) name: Option<&'g Key>,
    pub(super) kind: Kind,
    /// How much it matters when it does not say.
    pub(super) level: Level,
    /// Its message when it has none.
    pub(super) message: String,
    pub(super) needs_examples: bool,
    /// Reads what is the kind's own of it.
    pub(super) check: &'g dyn Fn(&mut Fields<'_>, Style, &Faults) -> Option<Check>,
}

/// Reads one rule of the list in `stem`.yml. `None`, with at least one fault, when it cannot be run.
pub(super) fn rule(node: &Node, stem: &str, timezone: &TimeZone, faults: &Faults) -> Option<Rule> {
    rule_of(node, stem, None, timezone, faults)
}

/// Reads one rule, of which a file may have said something by being what it is.
pub(super) fn rule_of(
    node: &Node,
    stem: &str,
    given: Option<&Given<'_>>,
    timezone: &TimeZone,
    faults: &Faults,
) -> Option<Rule> {
    let before = faults.errors();
    let mut fields = Fields::of(node, given.map_or("a rule", |given| given.what), faults)?;
    let name = match given.and_then(|given| given.name) {
        Some(key) => named(&key.text, key.span, faults),
        None => {
            let node = fields.require("id", "give it a short name, such as `id: no-guarantees`", faults);
            node.and_then(|node| identifier(node, faults))
        }
    };
    let kind = match given {
        Some(given) => given.kind,
        None => kind(&mut fields, faults)?,
    };
    let message = match given.map(|given| given.message.clone()) {
        Some(message) => fields.text("message", faults).or(Some(message)),
        None => fields.require_text("message", "say what is wrong and what to write: `message: …`", faults),
    };
    let level = fields.take("level").map(|node| one_of(node, LEVELS, faults));
    let on_match = fields.take("on_match");
    let action = on_match.and_then(|node| one_of(node, ACTIONS, faults));
    if level.is_none() && on_match.is_none() && given.is_none() {
        let help = "write `level: error`, `warning` or `suggestion`";
        let fault = Diagnostic::error(faults.file(), head(fields.span()), "a rule needs `level`");
        fields.lacks("level", fault.with_help(help), faults);
    }
    let mode = enforcement(&mut fields, faults).0.unwrap_or(kind.default_mode());
    let owner = fields.text("owner", faults);
    let reference = fields.text("reference", faults);
    let link = fields.text("link", faults);
    let description = fields.text("description", faults);
    let applies = fields.take("applies").and_then(|node| applies(node, faults)).unwrap_or_default();
    let effective =
        fields.take("effective").and_then(|node| effective(node, timezone, faults)).unwrap_or_default();
    let has_examples = fields.take("examples").is_some() || given.is_none_or(|given| given.needs_examples);
    let examples = if has_examples { examples::read(&mut fields, timezone, faults) } else { Vec::new() };
    let style = Style {
        // What asks for a disclosure, or betrays a claim, does so in capitals too.
        ignore_case: fields.boolean("ignorecase", matches!(kind, Kind::Require | Kind::Claim), faults),
        nonword: fields.boolean("nonword", false, faults),
        given: false,
    };
    let exceptions_node = fields.take("exceptions");
    // What is written as it should be is for that kind itself to leave alone.
    let excepted = exceptions_node.filter(|_| kind != Kind::Capitalization);
    let exceptions = excepted.map(|node| exceptions(node, style, faults)).unwrap_or_default();
    let at_most = fields.take("limit").and_then(|node| count(node, faults)).filter(|limit| *limit > 0);
    if let Some(node) = fields.take("vocab").filter(|node| boolean(node, faults) == Some(true)) {
        let message = "the vocabulary is for public rules, and this is a rule of your own";
        faults.error_with_help(node.span, message, "list the words under `exceptions`");
    }
    let correction = correction::take(&mut fields, false, faults);
    let check = match given {
        Some(given) => (given.check)(&mut fields, style, faults),
        None => check(kind, &mut fields, style, faults),
    };
    if let (Some(node), Some(_)) = (exceptions_node, check.as_ref().and_then(Check::asks)) {
        let message = "a second model's opinion is on the whole text, so no phrase can be excepted from it";
        faults.error_with_help(node.span, message, "say it in the `rubric`, or narrow the rule by `applies`");
    }
    if let (Some(node), Some(Action::Fix), Some(check), None) = (on_match, action, &check, &correction)
        && !check.corrects()
    {
        let help = match check.kind() {
            Kind::Claim => "write `on_match: repair`, or what has to stand with the claim under `with`",
            _ => {
                "write `on_match: repair`, or make it a `substitution`, or an `existence` with \
                 `action: {name: remove}`"
            }
        };
        faults.error_with_help(node.span, "this rule has no correction of its own to apply", help);
    }
    let span = fields.span();
    fields.finish(faults);
    if faults.errors() > before {
        return None;
    }
    let level = level.flatten().unwrap_or(match action {
        Some(Action::Block) => Level::Error,
        Some(Action::Note) => Level::Suggestion,
        None => given.map_or(Level::Warning, |given| given.level),
        Some(Action::Repair | Action::Fix) => Level::Warning,
    });
    Some(Rule {
        id: format!("{stem}.{}", name?),
        file: faults.file().to_owned(),
        span,
        level,
        on_match: action,
        mode,
        message: message?,
        owner,
        reference,
        link,
        description,
        check: check?,
        exceptions,
        applies,
        effective,
        overridden: Override::default(),
        examples,
        correction,
        at_most,
        public: false,
        written: node.clone(),
    })
}

fn identifier(node: &Node, faults: &Faults) -> Option<String> {
    named(&text(node, faults)?, node.span, faults)
}

fn named(given: &str, span: Span, faults: &Faults) -> Option<String> {
    let fits = !given.is_empty() && given.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
    if !fits {
        let help = "write letters, digits, `-` and `_` alone; the file's name goes in front by itself";
        faults.error_with_help(span, format!("`{given}` is no name for a rule"), help);
    }
    fits.then(|| given.to_owned())
}

/// A kind that does not run here ends the reading: its other keys are not known, and would only hide this fault.
fn kind(fields: &mut Fields<'_>, faults: &Faults) -> Option<Kind> {
    let node = fields.require("extends", "name the kind of rule, such as `extends: existence`", faults);
    // With its kind under another name, the rest of the rule can still be read, and the wrong name be said.
    let node = node.or_else(|| fields.misspelt("extends").filter(|node| is_text(node)))?;
    let given = text(node, faults)?;
    if KINDS_TO_COME.contains(&given.as_str()) {
        let message = format!("this version does not run `{given}` rules yet");
        let help =
            "take the rule out, or turn it off under `rules` in guardrails.yml: `{mode: off, because: …}`";
        faults.error_with_help(node.span, message, help);
        return None;
    }
    let found = KINDS.iter().find(|(word, _)| *word == given).map(|(_, kind)| *kind);
    if found.is_none() {
        let help = did_you_mean(&given, KINDS.iter().map(|(word, _)| *word));
        faults.error_with_help(node.span, format!("`{given}` is no kind of rule"), help);
    }
    found
}

fn is_text(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Scalar { .. })
}

/// Whether a rule is of a kind that this version does not run.
pub(super) fn is_to_come(rule: &Node) -> bool {
    let kind = rule.get("extends").map(|node| &node.kind);
    matches!(kind, Some(NodeKind::Scalar { text, .. }) if KINDS_TO_COME.contains(&text.as_str()))
}

/// Takes `mode` and the reason that `off` needs, and answers both.
pub(super) fn enforcement(fields: &mut Fields<'_>, faults: &Faults) -> (Option<Enforcement>, Option<String>) {
    let because = fields.text("because", faults).filter(|reason| !reason.trim().is_empty());
    let node = fields.take("mode");
    let mode = node.and_then(|node| Some((node, one_of(node, ENFORCEMENTS, faults)?)));
    if let (Some((node, Enforcement::Off)), None) = (mode, &because) {
        faults.error_with_help(node.span, "a rule is off only for a reason", "add `because: …`");
    }
    (mode.map(|(_, mode)| mode), because)
}

/// Reads a condition over facts and context.
pub(super) fn when(node: &Node, faults: &Faults) -> Option<Condition> {
    let check_path = |path: &str| match path.split_once('.') {
        Some(("product" | "context", rest)) if !rest.is_empty() => Ok(()),
        Some(("user", _)) => Err((
            format!("`{path}` is about the user, and guardrails know no user"),
            "ask about `product.…` or `context.…`".to_owned(),
        )),
        _ => Err((
            format!("`{path}` is no attribute"),
            format!("write `product.{path}` for a fact, `context.{path}` for the moment"),
        )),
    };
    condition::read(node, &check_path, faults)
}

fn applies(node: &Node, faults: &Faults) -> Option<Applies> {
    let mut fields = Fields::of(node, "`applies`", faults)?;
    let locales = match fields.take("locale") {
        Some(Node { kind: NodeKind::List(items), .. }) => {
            items.iter().filter_map(|item| locale_pattern(item, faults)).collect()
        }
        Some(node) => locale_pattern(node, faults).into_iter().collect(),
        None => Vec::new(),
    };
    let placements = fields.texts("placement", faults);
    let when = fields.take("when").and_then(|node| when(node, faults));
    fields.finish(faults);
    Some(Applies { locales, placements, when })
}

fn locale_pattern(node: &Node, faults: &Faults) -> Option<String> {
    let given = text(node, faults)?;
    let fits = given.split('-').enumerate().all(|(index, part)| {
        let lengths = if index == 0 { 2..=3 } else { 1..=8 };
        part == "*" || (lengths.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
    });
    if !fits {
        faults.error_with_help(node.span, format!("`{given}` is no locale"), "write `en`, `en-GB` or `en-*`");
    }
    fits.then_some(given)
}

fn effective(node: &Node, timezone: &TimeZone, faults: &Faults) -> Option<Period> {
    let mut fields = Fields::of(node, "`effective`", faults)?;
    let from = fields.take("from").and_then(|node| date(node, faults));
    let until_node = fields.take("until");
    let until = until_node.and_then(|node| date(node, faults));
    fields.finish(faults);
    if let (Some(from), Some(until), Some(node)) = (from, until, until_node)
        && until < from
    {
        let help = "give a day on or after `from`; `until` is the last day in force";
        faults.error_with_help(
            node.span,
            format!("the rule would end on {until}, before it begins on {from}"),
            help,
        );
    }
    let before = until.and_then(|day| day.tomorrow().ok());
    Some(Period {
        from: from.and_then(|day| start_of_day(day, timezone)),
        before: before.and_then(|day| start_of_day(day, timezone)),
    })
}

fn check(kind: Kind, fields: &mut Fields<'_>, style: Style, faults: &Faults) -> Option<Check> {
    match kind {
        Kind::Existence => existence(fields, style, faults).map(Check::Existence),
        Kind::Substitution => substitution(fields, style, faults).map(Check::Substitution),
        Kind::Occurrence => occurrence(fields, style, faults).map(Check::Occurrence),
        Kind::Limit => limit(fields, faults).map(Check::Limit),
        Kind::Markup => Some(Check::Markup),
        Kind::Grounded => Some(Check::Grounded),
        _ => Check::read(kind, fields, style, faults),
    }
}

/// Takes `scope`. A public rule's own scopes are read with the rest of its file.
pub(super) fn reach(fields: &mut Fields<'_>, style: Style, faults: &Faults) -> Reach {
    let node = fields.take("scope").filter(|_| !style.given);
    node.and_then(|node| one_of(node, REACHES, faults)).unwrap_or(Reach::Text)
}

fn existence(fields: &mut Fields<'_>, style: Style, faults: &Faults) -> Option<Phrases> {
    let reach = reach(fields, style, faults);
    let append = fields.boolean("append", false, faults);
    let raw_node = fields.take("raw");
    let raw = raw_node.map(|node| texts(node, faults).concat()).unwrap_or_default();
    let tokens_node = fields.take("tokens");
    if tokens_node.or(raw_node).is_none() {
        let help = "list the words to find: `tokens: [\"guaranteed\"]`";
        let fault =
            Diagnostic::error(faults.file(), head(fields.span()), "an `existence` rule needs `tokens`");
        fields.lacks("tokens", fault.with_help(help), faults);
    }
    let is_list = |node: &&Node| matches!(node.kind, NodeKind::List(_));
    let tokens_node = tokens_node.or_else(|| fields.misspelt("tokens").filter(is_list));
    let words = match tokens_node {
        Some(node) => tokens(node, faults)?.into_iter().map(|(token, _)| format!("(?:{token})")).collect(),
        None => Vec::new(),
    };
    let node = tokens_node.or(raw_node)?;
    if let (Some(raw_node), true) = (raw_node, words.is_empty()) {
        check_token(&raw, raw_node.span, faults).then_some(())?;
    }
    // As in Vale, `raw` stands in front of the tokens, or behind them with `append`.
    let (raw, words) = (super::fold::fold_pattern(&raw), words.join("|"));
    let expression = match (words.is_empty(), append) {
        (true, _) => raw,
        (false, false) => format!("{raw}(?:{words})"),
        (false, true) => format!("(?:{words}){raw}"),
    };
    let pattern = compile(&expression, style, raw_node.unwrap_or(node).span, faults)?;
    Some(Phrases { pattern, reach })
}

fn substitution(fields: &mut Fields<'_>, style: Style, faults: &Faults) -> Option<Swaps> {
    let reach = reach(fields, style, faults);
    let help = "list what to replace by what: `swap: {utilize: use}`";
    let is_map = |node: &&Node| matches!(node.kind, NodeKind::Map(_));
    let node = fields.require("swap", help, faults);
    let node = node.or_else(|| fields.misspelt("swap").filter(is_map))?;
    let before = faults.errors();
    let mut swaps = Vec::new();
    for (key, value) in entries(node, faults) {
        let pattern = check_token(&key.text, key.span, faults)
            .then(|| super::fold::fold_pattern(&key.text))
            .and_then(|pattern| Some((behind_one(&pattern, style, key.span, faults)?, pattern)));
        if let (Some((alone, pattern)), Some(replacement)) = (pattern, text(value, faults)) {
            swaps.push((pattern, alone, replacement, value.span));
        }
    }
    if faults.errors() > before {
        return None;
    }
    if swaps.is_empty() {
        faults.error_with_help(node.span, "this map is empty", help);
        return None;
    }
    // Of two that begin at the same place the longer one is meant.
    swaps.sort_by_key(|(pattern, ..)| std::cmp::Reverse(pattern.chars().count()));
    let mut replacements = Vec::with_capacity(swaps.len());
    // What looks around must be told by where it matched; all else by its own pattern, which costs less.
    let grouped = swaps.iter().any(|(pattern, ..)| syntax::needs_backtracking(pattern));
    // The whole pattern then has a group for each swap, and within it the swap's own.
    let mut group = 1;
    for (_, alone, replacement, span) in &swaps {
        let told = match grouped {
            true => Told::Group(group),
            false => Told::Behind(alone.clone()),
        };
        match Wanted::read(replacement, alone) {
            Ok(wanted) => replacements.push(Replacement { told, wanted }),
            Err(name) => no_group(&name, alone, *span, faults),
        }
        group += alone.group_count();
    }
    if faults.errors() > before {
        return None;
    }
    let open = if grouped { "(" } else { "(?:" };
    let alternatives: Vec<String> = swaps.iter().map(|(pattern, ..)| format!("{open}{pattern})")).collect();
    let alternatives: Vec<&str> = alternatives.iter().map(String::as_str).collect();
    let pattern = match grouped {
        true => compile(&alternatives.join("|"), style, node.span, faults)?,
        false => compile_alternatives(&alternatives, style, node.span, faults)?,
    };
    Some(Swaps { pattern, reach, replacements, corrects: true })
}

/// Says that a replacement names a group that its pattern does not have. `$1z` is meant as `${1}z`.
fn no_group(name: &str, pattern: &Engine, span: Span, faults: &Faults) {
    let digits = name.len() - name.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, rest) = name.split_at(digits);
    let is_group = number.parse::<usize>().is_ok_and(|number| number < pattern.group_count());
    let help = match (is_group, pattern.group_count() - 1) {
        (true, _) => format!("write `${{{number}}}{rest}`"),
        (false, 1) => "its only group is `$1`; the sign itself is `$$`".to_owned(),
        (false, last) => format!("its groups are `$1` to `${last}`; the sign itself is `$$`"),
    };
    faults.error_with_help(span, format!("the pattern has no group `{name}`"), help);
}

fn occurrence(fields: &mut Fields<'_>, style: Style, faults: &Faults) -> Option<Occurrence> {
    let reach = reach(fields, style, faults);
    let node = fields.require("token", "write the expression to count: `token: \"!\"`", faults);
    let bounds = bounds(fields, faults);
    if bounds == Bounds::default() {
        let help = "write how often at most: `max: 1`";
        faults.error_with_help(head(fields.span()), "an `occurrence` rule needs `max` or `min`", help);
    }
    let (expression, span) = token(node?, faults)?;
    // Vale counts the token as it stands, without word boundaries of its own.
    let style = Style { nonword: true, ..style };
    let pattern = compile(&expression, style, span, faults)?;
    Some(Occurrence { pattern, reach, bounds, public: false })
}

fn bounds(fields: &mut Fields<'_>, faults: &Faults) -> Bounds {
    let min = fields.take("min");
    let max = fields.take("max").and_then(|node| count(node, faults));
    let bounds = Bounds { min: min.and_then(|node| count(node, faults)), max };
    if let (Some(least), Some(most), Some(node)) = (bounds.min, bounds.max, min)
        && least > most
    {
        faults.error_with_help(node.span, "the least is more than the most", "write a `min` up to `max`");
    }
    bounds
}

fn limit(fields: &mut Fields<'_>, faults: &Faults) -> Option<Limit> {
    let mut measure = |key: &'static str| {
        let read = |node: &Node| {
            let mut fields = Fields::of(node, "a limit", faults)?;
            let bounds = bounds(&mut fields, faults);
            if node.get("max").or(node.get("min")).is_none() {
                faults.error_with_help(node.span, "a limit needs `max` or `min`", "write `{max: 280}`");
            }
            fields.finish(faults);
            Some(bounds)
        };
        fields.take(key).and_then(read)
    };
    let measures = [
        measure("characters"),
        measure("words"),
        measure("sentences"),
        measure("words_per_sentence"),
        measure("lines"),
        measure("bytes"),
        measure("sms_segments"),
    ];
    if measures.iter().all(Option::is_none) {
        let help = "say what is limited: `characters: {max: 280}`, `words`, `sentences`, `words_per_sentence`, \
                    `lines`, `bytes`, `sms_segments`";
        faults.error_with_help(head(fields.span()), "a `limit` rule needs a limit", help);
    }
    let measures = measures.map(Option::unwrap_or_default);
    let [characters, words, sentences, words_per_sentence, lines, bytes, sms_segments] = measures;
    Some(Limit { characters, words, sentences, words_per_sentence, lines, bytes, sms_segments })
}
