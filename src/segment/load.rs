//! `segments.yml` → [`Segments`] and every fault in it. Examples are run here: one that fails is a fault.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Map;

use super::attribute::{Attributes, Class, Declared, Type};
use super::{Segment, SegmentKind, Segments};
use crate::condition::{self, Condition, Operator, Scope, Truth};
use crate::diagnostic::{Diagnostic, Span};
use crate::document::{self, Faults, Fields, Node, did_you_mean, entries, list, one_of};
use crate::words::{DEFAULT_SEGMENT, SegmentId};

/// Reads a segments file. `None` when anything in it is faulty.
pub fn load(file: &str, text: &str) -> (Option<Segments>, Vec<Diagnostic>) {
    let faults = Faults::of(file);
    let segments = document::parse(text, &faults).and_then(|root| read(&root, &faults));
    let segments = segments.filter(|_| faults.errors() == 0);
    (segments, faults.into_diagnostics())
}

fn read(root: &Node, faults: &Faults) -> Option<Segments> {
    let mut fields = Fields::of(root, "the segments file", faults)?;
    let attributes = fields.take("attributes").map(|node| attributes(node, faults)).unwrap_or_default();
    let mut segments: Vec<Segment> = Vec::new();
    let mut lines: BTreeMap<String, Span> = BTreeMap::new();
    for node in fields.take("segments").map(|node| list(node, faults)).unwrap_or_default() {
        let Some(segment) = segment(node, &attributes, faults) else { continue };
        if let Some(first) = lines.insert(segment.id.to_string(), node.span) {
            faults.error_with_help(
                node.span,
                format!("there are two segments `{}`", segment.id),
                format!("give one of them another id; the first stands in line {}", first.start.line),
            );
        }
        segments.push(segment);
    }
    fields.finish(faults);
    Some(Segments { attributes, segments })
}

fn attributes(node: &Node, faults: &Faults) -> Attributes {
    Attributes(
        entries(node, faults)
            .iter()
            .filter_map(|(key, node)| {
                if !["user.", "context.", "product."]
                    .iter()
                    .any(|root| key.text.len() > root.len() && key.text.starts_with(root))
                {
                    faults.error_with_help(
                        key.span,
                        format!("`{}` is no attribute's path", key.text),
                        "begin it with `user.`, `context.` or `product.`",
                    );
                }
                declared(key.text.clone(), node, faults)
            })
            .collect(),
    )
}

fn declared(path: String, node: &Node, faults: &Faults) -> Option<Declared> {
    const TYPES: &[(&str, Type)] = &[
        ("string", Type::String),
        ("integer", Type::Integer),
        ("number", Type::Number),
        ("boolean", Type::Boolean),
        ("list", Type::List),
        ("map", Type::Map),
        ("date", Type::Date),
    ];
    const CLASSES: &[(&str, Class)] = &[
        ("plain", Class::Plain),
        ("public", Class::Public),
        ("score", Class::Score),
        ("personal", Class::Personal),
        ("special", Class::Special),
    ];
    let mut fields = Fields::of(node, "an attribute", faults)?;
    let kind =
        fields.require("type", "write `type: string`, or integer, number, boolean, list, map, date", faults);
    // A faulty type is said once; what is compared with a list is not held against it.
    let kind = kind.and_then(|node| one_of(node, TYPES, faults)).unwrap_or(Type::List);
    let class = fields.take("class").and_then(|node| one_of(node, CLASSES, faults)).unwrap_or(Class::Plain);
    let values = fields.texts("values", faults);
    let max_age = fields.take("max_age").and_then(|node| document::duration(node, faults));
    let trust =
        fields.take("trust").and_then(|node| one_of(node, &[("public", true), ("shop", false)], faults));
    let reason = fields.text("reason", faults);
    let _ = fields.text("description", faults);
    if class == Class::Public && values.is_empty() && kind != Type::Boolean {
        faults.error_with_help(
            fields.span(),
            format!("`{path}` is public, so its values must be closed"),
            "list them: `values: [mobile, desktop]`",
        );
    }
    if class == Class::Special && reason.is_none() {
        faults.error_with_help(
            fields.span(),
            format!("`{path}` is of a special class and says no reason"),
            "write `reason:` with the legal ground, or take the attribute out",
        );
    }
    fields.finish(faults);
    Some(Declared { path, kind, class, values, max_age, public_trust: trust.unwrap_or(false) })
}

/// Whether an id can be part of a file's name.
fn is_plain_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 64
        && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
}

fn segment(node: &Node, attributes: &Attributes, faults: &Faults) -> Option<Segment> {
    const KINDS: &[(&str, SegmentKind)] = &[
        ("demographic", SegmentKind::Demographic),
        ("lifecycle", SegmentKind::Lifecycle),
        ("engagement", SegmentKind::Engagement),
        ("persona", SegmentKind::Persona),
        ("context", SegmentKind::Context),
        ("predictive", SegmentKind::Predictive),
    ];
    let mut fields = Fields::of(node, "a segment", faults)?;
    let id_node = fields.require("id", "write `id: bargain-hunters`", faults);
    let id = id_node.and_then(|node| document::text(node, faults)).unwrap_or_default();
    if let Some(node) = id_node {
        if id == DEFAULT_SEGMENT {
            faults.error_with_help(
                node.span,
                "`default` always exists and is never listed",
                "take this segment out",
            );
        } else if !is_plain_id(&id) {
            faults.error_with_help(
                node.span,
                format!("`{id}` cannot be a segment's id"),
                "use small letters, digits, `-` and `_`: templates' files are named after it",
            );
        }
    }
    let name = fields.text("name", faults).unwrap_or_else(|| id.clone());
    let kind =
        fields.take("kind").and_then(|node| one_of(node, KINDS, faults)).unwrap_or(SegmentKind::Persona);
    let _ = fields.text("description", faults);
    let when =
        fields.require("when", "write the condition, such as `when: {user.orders_90d: {$gte: 1}}`", faults);
    let when_at = when.map_or(node.span, |node| node.span);
    let when = when.and_then(|node| condition::read(node, &|path| check_path(path, attributes), faults));
    for (path, operator, value) in when.iter().flat_map(Condition::asked) {
        let declared =
            attributes.find(path).filter(|declared| declared.path == path && operator != Operator::Exists);
        if let Some((message, help)) = declared.and_then(|declared| declared.fault_of(value)) {
            faults.error_with_help(when_at, message, help);
        }
    }
    let examples = fields.take("examples").map(|node| list(node, faults)).unwrap_or_default();
    fields.finish(faults);
    let segment = Segment { id: SegmentId::new(id), name, kind, when: when? };
    // An example of a faulty declaration would fail for a reason that is already said.
    for example in examples.iter().filter(|_| faults.errors() == 0) {
        try_example(example, &segment, attributes, faults);
    }
    Some(segment)
}

fn check_path(path: &str, attributes: &Attributes) -> Result<(), (String, String)> {
    let root = path.split_once('.').map(|(root, _)| root);
    match root {
        Some("product") => Ok(()),
        Some("user" | "context") if attributes.find(path).is_some() || path == "context.locale" => Ok(()),
        Some("user" | "context") => {
            let known: Vec<&str> = attributes.iter().map(|d| d.path.as_str()).collect();
            let near = did_you_mean(path, known.iter().copied());
            let help = if near.starts_with("write") {
                near
            } else {
                format!("declare it: `attributes:` … `{path}: {{type: string}}`")
            };
            Err((format!("`{path}` is not declared"), help))
        }
        _ => Err((
            format!("`{path}` is no attribute's path"),
            "begin it with `user.`, `context.` or `product.`".into(),
        )),
    }
}

fn try_example(node: &Node, segment: &Segment, attributes: &Attributes, faults: &Faults) {
    const OUTCOMES: &[(&str, Truth)] = &[
        ("match", Truth::True),
        ("no-match", Truth::False),
        ("no_match", Truth::False),
        ("unknown", Truth::Unknown),
    ];
    let Some(mut fields) = Fields::of(node, "an example", faults) else { return };
    let mut given =
        |key| fields.take(key).map(Node::to_json).and_then(|v| v.as_object().cloned()).unwrap_or_default();
    let (user, context, product) = (given("user"), given("context"), given("product"));
    let now = fields.take("at").and_then(|node| {
        let at = document::text(node, faults)?.parse::<Timestamp>().ok();
        if at.is_none() {
            faults.error_with_help(node.span, "this is no instant", "write it as `2026-11-20T10:00:00Z`");
        }
        at
    });
    let expect = fields.require("expect", "write `expect: match`, `no-match` or `unknown`", faults);
    let expect_node = expect;
    let expect = expect.and_then(|node| one_of(node, OUTCOMES, faults));
    fields.finish(faults);
    let (Some(expect), Some(expect_node)) = (expect, expect_node) else { return };
    let shaped = attributes.shape(&user, &context, now.unwrap_or(Timestamp::UNIX_EPOCH));
    let empty = Map::new();
    let scope = Scope {
        user: Some(&shaped.user),
        context: &shaped.context,
        product: if product.is_empty() { &empty } else { &product },
    };
    let (outcome, steps) = segment.when.explain(&scope);
    if outcome != expect {
        let word = |truth: Truth| OUTCOMES.iter().find(|(_, t)| *t == truth).map_or("", |(word, _)| word);
        let tests: Vec<String> = steps
            .iter()
            .map(|step| {
                let actual = step.actual.as_ref().map_or_else(|| "nothing".into(), ToString::to_string);
                format!("{} {} {} with {actual}", step.path, step.operator, step.expected)
            })
            .collect();
        faults.error_with_help(
            expect_node.span,
            format!("this example of `{}` came out as {}, not {}", segment.id, word(outcome), word(expect)),
            format!("mend the condition or the example; it was asked: {}", tests.join("; ")),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let (_, faults) = load("s.yml", text);
        let found: Vec<(String, String)> = faults.into_iter().map(|d| (d.place(), d.message)).collect();
        let found: Vec<(&str, &str)> = found.iter().map(|(p, m)| (p.as_str(), m.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_good_file_loads() {
        check(
            "attributes:\n  user.orders_90d: {type: integer}\n  user.discount_affinity: {type: number, class: score, max_age: 7d}\n\
             segments:\n  - id: bargain-hunters\n    kind: predictive\n\
             \x20   when: {user.discount_affinity: {$gte: 0.6}, user.orders_90d: {$gte: 1}}\n    examples:\n\
             \x20     - {user: {discount_affinity: 0.8, orders_90d: 2}, expect: match}\n\
             \x20     - {user: {discount_affinity: 0.8}, expect: unknown}\n\
             \x20     - {user: {discount_affinity: {value: 0.8, at: \"2026-11-01T00:00:00Z\"}, orders_90d: 2}, at: 2026-11-20T00:00:00Z, expect: unknown}\n",
            &[],
        );
    }

    #[test]
    fn a_failing_example_is_a_fault() {
        check(
            "attributes: {user.age: {type: integer}}\nsegments:\n  - {id: old, when: {user.age: {$gte: 60}}, \
             examples: [{user: {age: 20}, expect: match}]}\n",
            &[("s.yml:3:82", "this example of `old` came out as no-match, not match")],
        );
    }

    #[test]
    fn a_test_that_could_never_hold_is_a_fault() {
        let declared = "attributes:\n  user.n: {type: integer}\n  context.device: {type: string, values: [mobile, desktop]}\nsegments:\n";
        let check_when = |when: &str, message: Option<&str>| {
            let text = format!("{declared}  - {{id: a, when: {when}}}\n");
            let expected: Vec<(&str, &str)> =
                message.into_iter().map(|message| ("s.yml:5:19", message)).collect();
            check(&text, &expected);
        };
        check_when("{user.n: {$gte: 1}, context.device: mobile}", None);
        check_when("{context.device: {$in: [mobile, desktop]}, user.n: {$exists: true}}", None);
        check_when("{user.n: \"5\"}", Some("`user.n` is a whole number, and \"5\" is not"));
        check_when("{user.n: {$not: {$gt: \"a\"}}}", Some("`user.n` is a whole number, and \"a\" is not"));
        check_when("{context.device: moblie}", Some("`context.device` is never `moblie`"));
        check_when(
            "{$or: [{context.device: {$in: [mobile, fridge]}}]}",
            Some("`context.device` is never `fridge`"),
        );
    }

    #[test]
    fn every_fault_is_found_in_one_go() {
        check(
            "attributes:\n  user.age: {type: integr}\n  user.faith: {type: string, class: special}\n  device: {type: string}\n\
             segments:\n  - id: Young\n    when: {user.agee: {$lt: 30}}\n  - id: default\n    when: {}\n  - id: old\n    when: {user.age: {$gte: 60}}\n\
             \x20   examples: [{user: {age: 20}, expect: match}]\n",
            &[
                ("s.yml:2:20", "`integr` is not known here"),
                ("s.yml:3:15", "`user.faith` is of a special class and says no reason"),
                ("s.yml:4:3", "`device` is no attribute's path"),
                ("s.yml:6:9", "`Young` cannot be a segment's id"),
                ("s.yml:7:12", "`user.agee` is not declared"),
                ("s.yml:8:9", "`default` always exists and is never listed"),
            ],
        );
    }
}
