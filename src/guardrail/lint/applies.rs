//! What `applies` names, against what there is.

use super::{IMPOSSIBLE, NOTHING_HAS_IT, Site, Surroundings, Warnings, items, scalar};
use crate::condition::Asks;
use crate::diagnostic::Span;
use crate::document::{Kind, Node, did_you_mean};
use crate::guardrail::rule::locale_matches;
use crate::segment::Attributes;

/// Placements, locales and values that nothing has, and conditions that nothing can fulfil.
pub(super) fn rule(site: &Site<'_>, surroundings: &Surroundings<'_>, warnings: &mut Warnings) {
    for node in site.at(&["applies", "placement"]).map(each).unwrap_or_default() {
        if let Some(help) = scalar(node).and_then(|id| no_placement(id, surroundings)) {
            let message = format!(
                "there is no placement `{}`, so the rule finds nothing there",
                scalar(node).unwrap_or_default()
            );
            site.warn(warnings, NOTHING_HAS_IT, node.span, message, help);
        }
    }
    for node in site.at(&["applies", "locale"]).map(each).unwrap_or_default() {
        let Some(pattern) = scalar(node) else { continue };
        let locales = &surroundings.locales;
        if !locales.is_empty() && !locales.iter().any(|locale| locale_matches(pattern, locale)) {
            let message = format!("no copy is written in `{pattern}`, so the rule finds nothing there");
            let help = format!("there is copy in {}", quoted(locales));
            site.warn(warnings, NOTHING_HAS_IT, node.span, message, help);
        }
    }
    for example in ["fail", "pass"]
        .iter()
        .flat_map(|sort| site.at(&["examples"]).map_or(&[][..], |node| items(node, sort)))
    {
        placement_of(example, site.file, Some(surroundings), warnings);
    }
    if let (Some(attributes), Some(node)) = (surroundings.attributes, site.at(&["applies", "when"])) {
        when(site, node, attributes, warnings);
    }
}

/// A labelled case or an example that names a placement that does not exist.
pub(super) fn placement_of(
    case: &Node,
    file: &str,
    surroundings: Option<&Surroundings<'_>>,
    warnings: &mut Warnings,
) {
    let Some((node, surroundings)) = case.get("placement").zip(surroundings) else { return };
    let Some(id) = scalar(node) else { return };
    if let Some(help) = no_placement(id, surroundings) {
        warnings.add(NOTHING_HAS_IT, file, node.span, format!("there is no placement `{id}`"), help);
    }
}

fn when(site: &Site<'_>, node: &Node, attributes: &Attributes, warnings: &mut Warnings) {
    let Some(condition) = &site.rule.applies.when else { return };
    let mut said = false;
    for Asks { path, operator, expected } in condition.asks() {
        let span = key_span(node, path).unwrap_or(node.span);
        match attributes.find(path).filter(|declared| declared.path == path) {
            Some(declared) => {
                if let Some((message, help)) = declared.fault_of(operator, expected) {
                    said = true;
                    let message = format!("{message}: the rule applies only where it is not known");
                    site.warn(warnings, NOTHING_HAS_IT, span, message, help);
                }
            }
            None if path.starts_with("context.") && path != "context.locale" => {
                let message = format!(
                    "`{path}` is not declared, so it is never known and the rule applies whatever it is"
                );
                let known = attributes.iter().map(|declared| declared.path.as_str());
                let near = did_you_mean(
                    path,
                    known.filter(|path| path.starts_with("context.")).collect::<Vec<_>>().into_iter(),
                );
                let help = match near.starts_with("write") {
                    true => near,
                    false => format!("declare it in the segments file: `{path}: {{type: string}}`"),
                };
                said = true;
                site.warn(warnings, NOTHING_HAS_IT, span, message, help);
            }
            None => {}
        }
    }
    if !said && condition.is_impossible(|path| attributes.known(path)) {
        let message =
            "nothing can fulfil this condition: the rule applies only where something of it is not known"
                .to_owned();
        let help = "all of its tests must hold at once; write `$or: [{…}, {…}]` where any of them is enough";
        site.warn(warnings, IMPOSSIBLE, node.span, message, help);
    }
}

/// Where a key stands in a condition.
fn key_span(node: &Node, path: &str) -> Option<Span> {
    match &node.kind {
        Kind::Scalar { .. } => None,
        Kind::List(items) => items.iter().find_map(|item| key_span(item, path)),
        Kind::Map(entries) => entries
            .iter()
            .find_map(|(key, node)| if key.text == path { Some(key.span) } else { key_span(node, path) }),
    }
}

/// What to write instead of a placement that does not exist; `None` where it does.
fn no_placement(id: &str, surroundings: &Surroundings<'_>) -> Option<String> {
    let known = surroundings.placements.iter().map(|spot| spot.id);
    let is_unknown = !surroundings.placements.is_empty() && !known.clone().any(|known| known == id);
    is_unknown.then(|| did_you_mean(id, known))
}

/// One value, or those of a list.
fn each(node: &Node) -> Vec<&Node> {
    match &node.kind {
        Kind::List(items) => items.iter().collect(),
        _ => vec![node],
    }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
