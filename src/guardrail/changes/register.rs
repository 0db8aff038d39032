//! Claims and their evidence: what may be said, on what.

use super::super::Guardrails;
use super::super::claims::RegisteredEvidence;
use super::super::kinds::Check;
use super::super::rule::Rule;
use super::standing::{both, wrapped};
use super::{Change, Effect, Said, elsewhere, told};
use crate::diagnostic::Span;
use crate::document::{Key, Kind as NodeKind, Node};

/// The words that a claim allows.
pub(super) fn wordings(rule: &Rule) -> Vec<String> {
    match &rule.check {
        Check::Claim(claim) => claim.wordings.iter().map(|wording| wording.given.clone()).collect(),
        _ => Vec::new(),
    }
}

/// On what its wording may be said, before that: `where …, `.
pub(super) fn condition(rule: &Rule) -> String {
    rule.written.get("needs").map(|needs| format!("where `{}` ", told::written(needs))).unwrap_or_default()
}

/// What changes of what a claim needs before it may be said.
pub(super) fn needs(before: &Rule, after: &Rule) -> Option<Said> {
    let (then, now) = (before.written.get("needs"), after.written.get("needs"));
    let (effect, sentence) = match (then, now) {
        (None, None) => return None,
        (Some(then), Some(now)) if then.to_json() == now.to_json() => return None,
        (None, Some(now)) => {
            (Effect::Tightens, format!("may now be said only where `{}`", told::written(now)))
        }
        (Some(then), None) => {
            (Effect::Loosens, format!("needs nothing any more; it needed `{}`", told::written(then)))
        }
        (Some(then), Some(now)) => {
            let (old, new) = (as_condition(then), as_condition(now));
            let effect = match (both(&new, &old), both(&old, &new)) {
                (Some(false), Some(false)) => Effect::Neutral,
                (Some(false), _) => Effect::Tightens,
                (Some(true), _) => Effect::Loosens,
                (None, _) => Effect::Unclear,
            };
            (effect, format!("needs `{}` instead of `{}`", told::written(now), told::written(then)))
        }
    };
    Some(Said::new(effect, sentence))
}

/// What a claim needs as one condition, with each piece of evidence as an attribute of its own that is true or not.
fn as_condition(needs: &Node) -> Node {
    let scalar = |text: &str| Node {
        span: Span::START,
        kind: NodeKind::Scalar { text: text.to_owned(), plain: true },
    };
    let list = |items: Vec<Node>| Node { span: Span::START, kind: NodeKind::List(items) };
    let each = |node: &Node| match &node.kind {
        NodeKind::List(items) => list(items.iter().map(as_condition).collect()),
        _ => list(vec![as_condition(node)]),
    };
    let held = |id: &Node| {
        let id = told::written(id).replace('.', "\u{2024}");
        let key = Key { text: format!("evidence.{id}"), span: Span::START };
        Node { span: Span::START, kind: NodeKind::Map(vec![(key, scalar("true"))]) }
    };
    let NodeKind::Map(entries) = &needs.kind else { return needs.clone() };
    let mut all = Vec::new();
    for (key, value) in entries {
        match key.text.as_str() {
            "all" => all.push(wrapped("$and", each(value))),
            "any" => all.push(wrapped("$or", each(value))),
            "not" => all.push(wrapped("$not", as_condition(value))),
            "evidence" => match &value.kind {
                NodeKind::List(items) => all.extend(items.iter().map(held)),
                _ => all.push(held(value)),
            },
            _ => all.push(wrapped(&key.text, value.clone())),
        }
    }
    wrapped("$and", list(all))
}

/// What changes of the evidence. More of it lets claims pass that rest on it: whoever accepted it stands for that.
pub(super) fn evidence(before: &Guardrails, after: &Guardrails) -> Vec<Change> {
    let mut all = Vec::new();
    let find = |rules: &'_ Guardrails, id: &str| rules.evidence().iter().position(|item| item.id() == id);
    let mut say = |item: &RegisteredEvidence, effect, what: String| {
        let about = format!("evidence {}", item.id());
        let sentence = format!("the evidence `{}` {what}", item.id());
        let change = elsewhere(&about, effect, sentence, item.file(), item.span());
        let word = (effect == Effect::Loosens).then(|| format!("accepted by {}", item.accepted_by()));
        all.push(Change { owner: Some(item.accepted_by().to_owned()), word, ..change });
    };
    let resting = |rules: &Guardrails, id: &str| -> String {
        let claims: Vec<String> = rules.claims_on(id).into_iter().map(|(rule, _)| rule.to_owned()).collect();
        if claims.is_empty() { String::new() } else { format!(" ({} may rest on it)", told::names(&claims)) }
    };
    for now in after.evidence() {
        let rested_on = !after.claims_on(now.id()).is_empty();
        let more = if rested_on { Effect::Loosens } else { Effect::Neutral };
        let Some(then) = find(before, now.id()).and_then(|place| before.evidence().get(place)) else {
            let what = format!(
                "is new: it holds from {} until {} for {}{}",
                told::day(now.from()),
                told::day(now.until()),
                told::counted(now.covers().len(), "product"),
                resting(after, now.id()),
            );
            say(now, more, what);
            continue;
        };
        let rest = resting(after, now.id());
        if now.until() != then.until() {
            let effect = if now.until() > then.until() { more } else { Effect::Tightens };
            let (is, was) = (told::day(now.until()), told::day(then.until()));
            say(now, effect, format!("holds until {is} instead of {was}{rest}"));
        }
        if now.from() != then.from() {
            let effect = if now.from() < then.from() { more } else { Effect::Tightens };
            let (is, was) = (told::day(now.from()), told::day(then.from()));
            say(now, effect, format!("holds from {is} on instead of {was}{rest}"));
        }
        let less = |a: &[String], b: &[String]| -> Vec<String> {
            a.iter().filter(|id| !b.contains(id)).cloned().collect()
        };
        let (added, removed) = (less(now.covers(), then.covers()), less(then.covers(), now.covers()));
        if !added.is_empty() {
            say(now, more, format!("also covers {}{rest}", told::names(&added)));
        }
        if !removed.is_empty() {
            say(now, Effect::Tightens, format!("no longer covers {}", told::names(&removed)));
        }
        if (now.document(), now.sha256(), now.accepted_by())
            != (then.document(), then.sha256(), then.accepted_by())
        {
            say(now, Effect::Neutral, "is another document, or accepted by somebody else".to_owned());
        }
    }
    for then in before.evidence().iter().filter(|then| find(after, then.id()).is_none()) {
        say(then, Effect::Tightens, "is gone".to_owned());
    }
    all
}
