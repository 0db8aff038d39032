//! `segments.yml` → [`Segments`] and every fault in it. Examples are run here: one that fails is a fault.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::attribute::{Attributes, Class, Declared, Type, USER_ID};
use super::coverage::{self, Place};
use super::{Segment, SegmentKind, Segments};
use crate::condition::{
    self, Groups, MAX_GROUP, Reader, Rules, SEMANTICS, SLACK, Scope, Semantics, Truth, Unlinked,
};
use crate::diagnostic::{Diagnostic, Span};
use crate::document::{self, Faults, Fields, Kind, Node, did_you_mean, entries, list, one_of};
use crate::words::{DEFAULT_SEGMENT, SegmentId};

/// The most segments of one file.
const MAX_SEGMENTS: usize = 500;
/// The most tests that one segment comes to, with those of the segments that it asks for.
const MAX_TESTS: usize = 10_000;

pub(super) const TYPES: &[(&str, Type)] = &[
    ("string", Type::String),
    ("integer", Type::Integer),
    ("number", Type::Number),
    ("boolean", Type::Boolean),
    ("list", Type::List),
    ("map", Type::Map),
    ("date", Type::Date),
];
pub(super) const CLASSES: &[(&str, Class)] = &[
    ("plain", Class::Plain),
    ("public", Class::Public),
    ("score", Class::Score),
    ("personal", Class::Personal),
    ("special", Class::Special),
];
pub(super) const KINDS: &[(&str, SegmentKind)] = &[
    ("demographic", SegmentKind::Demographic),
    ("lifecycle", SegmentKind::Lifecycle),
    ("engagement", SegmentKind::Engagement),
    ("persona", SegmentKind::Persona),
    ("context", SegmentKind::Context),
    ("predictive", SegmentKind::Predictive),
];
pub(super) const OUTCOMES: &[(&str, Truth)] = &[
    ("match", Truth::True),
    ("no-match", Truth::False),
    ("no_match", Truth::False),
    ("unknown", Truth::Unknown),
];
pub(super) const TRUSTS: &[(&str, bool)] = &[("public", true), ("shop", false)];

/// Reads a segments file. `None` when anything in it is faulty.
pub fn load(file: &str, text: &str) -> (Option<Segments>, Vec<Diagnostic>) {
    let faults = Faults::of(file);
    let segments = document::parse(text, &faults).and_then(|root| read(&root, &faults));
    let segments = segments.filter(|_| faults.errors() == 0);
    (segments, faults.into_diagnostics())
}

/// A segment as it stands in the file.
struct Drafted<'n> {
    segment: Segment,
    rule: Unlinked,
    /// All that is said of it.
    node: &'n Node,
    /// Where its condition stands.
    when: &'n Node,
    examples: &'n [Node],
    /// Whether nothing in it is faulty.
    sound: bool,
}

impl Drafted<'_> {
    fn place(&self) -> Place {
        let refers = self.rule.refers().into_iter().map(str::to_owned).collect();
        Place { id: self.segment.id.clone(), line: self.node.span.start.line, when: self.when.span, refers }
    }
}

fn read(root: &Node, faults: &Faults) -> Option<Segments> {
    let mut fields = Fields::of(root, "the segments file", faults)?;
    let semantics = fields.take("semantics").and_then(|node| one_of(node, SEMANTICS, faults));
    let attributes = fields.take("attributes").map(|node| attributes(node, faults)).unwrap_or_default();
    let groups = fields.take("groups").map(|node| groups(node, faults)).unwrap_or_default();
    let declared = faults.errors() == 0;
    let check_path = |path: &str| check_path(path, &attributes);
    let reader = Reader::new(&check_path, &groups, faults);
    let nodes = fields.take("segments").map(|node| list(node, faults)).unwrap_or_default();
    if let Some(node) = nodes.get(MAX_SEGMENTS) {
        let help = format!("keep at most {MAX_SEGMENTS}: nobody can oversee more");
        faults.error_with_help(node.span, "there are too many segments", help);
    }
    let mut drafted: Vec<Drafted<'_>> = Vec::new();
    let mut lines: BTreeMap<String, Span> = BTreeMap::new();
    for node in nodes.iter().take(MAX_SEGMENTS) {
        let before = faults.errors();
        let Some(mut draft) = segment(node, semantics.unwrap_or_default(), &reader, faults) else { continue };
        draft.sound = faults.errors() == before;
        if let Some(first) = lines.insert(draft.segment.id.to_string(), node.span) {
            faults.error_with_help(
                node.span,
                format!("there are two segments `{}`", draft.segment.id),
                format!("give one of them another id; the first stands in line {}", first.start.line),
            );
        }
        drafted.push(draft);
    }
    let set_nodes = fields.take("sets").map(|node| list(node, faults)).unwrap_or_default();
    fields.finish(faults);
    let whole = drafted.len() == nodes.len();
    let places: Vec<Place> = drafted.iter().map(Drafted::place).collect();
    let sets = coverage::sets(set_nodes, &places, whole, faults);
    references(&drafted, whole, faults);
    let named = |draft: &Drafted<'_>| (draft.segment.id.to_string(), draft.rule.clone());
    let rules = reader.link(drafted.iter().map(named).collect());
    for (index, draft) in drafted.iter_mut().enumerate() {
        let before = faults.errors();
        asked_of_types(&rules, index, draft, &attributes, faults);
        draft.sound &= faults.errors() == before;
    }
    for (size, place) in rules.sizes().into_iter().zip(&places) {
        if size > MAX_TESTS {
            let help = "ask for the attributes themselves, or for fewer segments that ask for others";
            let message =
                format!("`{}` comes to more than {MAX_TESTS} tests with the segments it asks for", place.id);
            faults.error_with_help(place.when, message, help);
        }
    }
    // An example of what is faulty would fail for a reason that is already said; one of a segment that asks for others is
    // tried when all are sound.
    let all_sound = faults.errors() == 0;
    for (index, draft) in drafted.iter().enumerate() {
        let stands_alone = declared && draft.sound && draft.rule.refers().is_empty();
        for example in draft.examples.iter().filter(|_| all_sound || stands_alone) {
            try_example(example, &rules, index, draft, &attributes, faults);
        }
    }
    if all_sound {
        coverage::check(&rules, &attributes, &places, &sets, faults);
    }
    let sets = sets.into_iter().map(|(set, _)| set).collect();
    let segments = drafted.into_iter().map(|draft| draft.segment).collect();
    Some(Segments::new(attributes, segments, rules, sets))
}

/// Named lists of values.
fn groups(node: &Node, faults: &Faults) -> Groups {
    let mut groups = Groups::new();
    for (key, node) in entries(node, faults) {
        let members = list(node, faults);
        if members.len() > MAX_GROUP {
            let help = "keep at most 100,000; what is known of that many belongs into an attribute";
            faults.error_with_help(key.span, format!("the group `{}` is too long", key.text), help);
        }
        let nested = members.iter().find(|node| !matches!(node.kind, Kind::Scalar { .. }) || node.is_null());
        if let Some(nested) = nested {
            let help = "list texts or numbers alone";
            faults.error_with_help(nested.span, format!("this is no member of `{}`", key.text), help);
        }
        groups.insert(key.text.clone(), members.iter().take(MAX_GROUP).map(Node::to_json).collect());
    }
    groups
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
    let mut fields = Fields::of(node, "an attribute", faults)?;
    let kind =
        fields.require("type", "write `type: string`, or integer, number, boolean, list, map, date", faults);
    // A faulty type is said once; what is compared with a list is not held against it.
    let kind = kind.and_then(|node| one_of(node, TYPES, faults)).unwrap_or(Type::List);
    let class_node = fields.take("class");
    let class = class_node.and_then(|node| one_of(node, CLASSES, faults)).unwrap_or(Class::Plain);
    if let Some(node) = class_node.filter(|_| path.starts_with("product.") && class != Class::Plain) {
        faults.error_with_help(
            node.span,
            format!("`{path}` is what is true of a product, and classes are for what is known of people"),
            "take `class` out; what nobody may read does not belong among the facts that a request sends",
        );
    }
    let values = fields.texts("values", faults);
    let max_age = fields.take("max_age").and_then(|node| document::duration(node, faults));
    let trust = fields.take("trust").and_then(|node| one_of(node, TRUSTS, faults));
    let reason = fields.text("reason", faults).filter(|reason| !reason.trim().is_empty());
    let _ = fields.text("description", faults);
    if class == Class::Public && values.is_empty() && kind != Type::Boolean {
        faults.error_with_help(
            fields.span(),
            format!("`{path}` is public, so its values must be closed"),
            "list them: `values: [mobile, desktop]`",
        );
    }
    if path == USER_ID && class != Class::Personal {
        faults.error_with_help(
            fields.span(),
            format!("`{USER_ID}` says who somebody is"),
            "write `class: personal`: it may decide a segment, and never enters a prompt",
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

fn segment<'n>(
    node: &'n Node,
    semantics: Semantics,
    reader: &Reader<'_>,
    faults: &Faults,
) -> Option<Drafted<'n>> {
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
    let own = fields.take("semantics").and_then(|node| one_of(node, SEMANTICS, faults));
    let semantics = own.unwrap_or(semantics);
    let score = fields.take("score");
    let at_least = fields.take("at_least");
    let when = match score {
        Some(_) => fields.take("when"),
        None => {
            let help = "write the condition, such as `when: {user.orders_90d: {$gte: 1}}`";
            fields.require("when", help, faults)
        }
    };
    let examples = fields.take("examples").map(|node| list(node, faults)).unwrap_or_default();
    let mut rule = when.map(|when| reader.when(when, semantics)).unwrap_or_default();
    match (score, at_least) {
        (Some(score), Some(at_least)) => {
            let nodes = list(score, faults);
            let parts = nodes.iter().filter_map(|part| point(part, semantics, reader, faults));
            let parts: Vec<(Unlinked, f64)> = parts.collect();
            if let Some(at_least) = document::number(at_least, faults).map(|least| (least, at_least.span)) {
                if parts.len() == nodes.len() {
                    reachable(&parts, at_least, faults);
                }
                reader.score(&mut rule, parts, at_least.0);
            }
        }
        (Some(score), None) => {
            let help = "write how many points are enough, such as `at_least: 3`";
            faults.error_with_help(score.span, "a score needs `at_least`", help);
        }
        (None, Some(at_least)) => {
            let help = "write `score: [{when: {…}, add: 1}]` beside it";
            faults.error_with_help(at_least.span, "`at_least` stands here without a `score`", help);
        }
        (None, None) => {}
    }
    fields.finish(faults);
    let part = |node: Option<&Node>| node.map(Node::to_json);
    let content = json!([part(when), part(score), part(at_least), semantics == Semantics::GrowthBook]);
    let hash = blake3::hash(content.to_string().as_bytes()).to_hex();
    let version = format!("b3:{}", hash.get(..12).unwrap_or_default());
    let segment = Segment { id: SegmentId::new(id), name, kind, version };
    Some(Drafted { segment, rule, node, when: when.or(score)?, examples, sound: true })
}

/// One part of a score: the points that it adds where its condition holds.
fn point(node: &Node, semantics: Semantics, reader: &Reader<'_>, faults: &Faults) -> Option<(Unlinked, f64)> {
    let mut fields = Fields::of(node, "a part of a score", faults)?;
    let when =
        fields.require("when", "write the condition, such as `when: {user.visits: {$gte: 3}}`", faults);
    let add = fields.require("add", "write the points, such as `add: 1`", faults);
    fields.finish(faults);
    Some((reader.when(when?, semantics), document::number(add?, faults)?))
}

/// A sum that is always enough, or never, decides nothing.
fn reachable(parts: &[(Unlinked, f64)], (at_least, span): (f64, Span), faults: &Faults) {
    let most: f64 = parts.iter().map(|(_, add)| add.max(0.0)).sum();
    let least: f64 = parts.iter().map(|(_, add)| add.min(0.0)).sum();
    if most < at_least - SLACK {
        let message = format!("all parts together come to {most}, so {at_least} points are never reached");
        faults.error_with_help(span, message, "ask for less, or add points");
    } else if least >= at_least - SLACK {
        let message =
            format!("without any part it comes to {least} already, so everybody has {at_least} points");
        faults.error_with_help(span, message, "ask for more");
    }
}

/// What segments say of one another: each name must be there, and no segment may hang on itself.
fn references(drafted: &[Drafted<'_>], whole: bool, faults: &Faults) {
    let ids: Vec<&str> = drafted.iter().map(|draft| draft.segment.id.as_str()).collect();
    let refers: BTreeMap<&str, Vec<&str>> =
        drafted.iter().map(|draft| (draft.segment.id.as_str(), draft.rule.refers())).collect();
    for draft in drafted {
        for named in mentions(draft.when) {
            let Some(id) = document::text(named, &Faults::of("")) else { continue };
            if !ids.contains(&id.as_str()) {
                // A segment that is itself faulty may be the one that is meant.
                if whole {
                    let help = did_you_mean(&id, ids.iter().copied());
                    faults.error_with_help(named.span, format!("there is no segment `{id}`"), help);
                }
            } else if let Some(circle) = circle(draft.segment.id.as_str(), &id, &refers) {
                let message = format!("`{}` hangs on itself: {}", draft.segment.id, circle.join(" → "));
                faults.error_with_help(
                    named.span,
                    message,
                    "ask for the attributes themselves in one of them",
                );
            }
        }
    }
}

/// The values below every `$segment` of a condition.
fn mentions(node: &Node) -> Vec<&Node> {
    match &node.kind {
        Kind::Scalar { .. } => Vec::new(),
        Kind::List(items) => items.iter().flat_map(mentions).collect(),
        Kind::Map(entries) => {
            let mut found = Vec::new();
            for (key, node) in entries {
                match node {
                    node if key.text != "$segment" => found.extend(mentions(node)),
                    Node { kind: Kind::List(items), .. } => found.extend(items),
                    node => found.push(node),
                }
            }
            found
        }
    }
}

/// The way from a segment by one that it names back to itself.
fn circle<'s>(from: &'s str, by: &str, refers: &BTreeMap<&'s str, Vec<&'s str>>) -> Option<Vec<&'s str>> {
    let (start, _) = refers.get_key_value(by)?;
    let mut ways = vec![vec![from, start]];
    let mut seen = vec![*start];
    while let Some(way) = ways.pop() {
        let last = way.last().copied()?;
        if last == from {
            return Some(way);
        }
        for next in refers.get(last).into_iter().flatten() {
            if *next == from || !seen.contains(next) {
                seen.push(next);
                ways.push(way.iter().copied().chain([*next]).collect());
            }
        }
    }
    None
}

/// Holds what a condition asks of each attribute against its declaration.
fn asked_of_types(
    rules: &Rules,
    index: usize,
    draft: &Drafted<'_>,
    attributes: &Attributes,
    faults: &Faults,
) {
    for ask in rules.asks(index) {
        let declared = attributes.find(ask.path).filter(|declared| declared.path == ask.path);
        if let Some((message, help)) = declared.and_then(|d| d.fault_of(ask.operator, ask.expected)) {
            faults.error_with_help(place_of(draft.when, ask.path, ask.expected), message, help);
        }
    }
}

/// Where a test stands in a condition: the first place where the path is asked for this value.
fn place_of(node: &Node, path: &str, expected: &Value) -> Span {
    fn find(node: &Node, path: &str, expected: &Value, within: bool) -> Option<Span> {
        if within && node.to_json() == *expected {
            return Some(node.span);
        }
        match &node.kind {
            Kind::Scalar { .. } => None,
            Kind::List(items) => items.iter().find_map(|item| find(item, path, expected, within)),
            Kind::Map(entries) => {
                entries.iter().find_map(|(key, node)| find(node, path, expected, within || key.text == path))
            }
        }
    }
    find(node, path, expected, false).unwrap_or(node.span)
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

/// Whether any of these attributes is a date, or was measured at one.
fn has_dates(user: &Map<String, Value>, context: &Map<String, Value>, attributes: &Attributes) -> bool {
    attributes.iter().any(|declared| {
        let given = match declared.path.split_once('.') {
            Some(("user", name)) => condition::look_up(user, name),
            Some(("context", name)) => condition::look_up(context, name),
            _ => None,
        };
        given.is_some_and(|given| declared.kind == Type::Date || given.get("at").is_some())
    })
}

fn try_example(
    node: &Node,
    rules: &Rules,
    index: usize,
    draft: &Drafted<'_>,
    attributes: &Attributes,
    faults: &Faults,
) {
    let Some(mut fields) = Fields::of(node, "an example", faults) else { return };
    let mut given =
        |key| fields.take(key).map(Node::to_json).and_then(|v| v.as_object().cloned()).unwrap_or_default();
    let (user, context, product): (Map<_, _>, Map<_, _>, Map<_, _>) =
        (given("user"), given("context"), given("product"));
    let consent = fields.boolean("consent", true, faults);
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
    let says_when = now.is_some();
    let now = now.unwrap_or(Timestamp::UNIX_EPOCH);
    let mut shaped = attributes.shape(&user, &context, now);
    if !says_when && has_dates(&user, &context, attributes) {
        let help = "add the moment that its dates count from, such as `at: 2026-11-20T10:00:00Z`";
        return faults.error_with_help(node.span, "this example has a date and says no `at`", help);
    }
    if !consent {
        attributes.withhold(&mut shaped);
    }
    if let Some(path) = shaped.ignored.iter().find_map(|why| why.strip_suffix(": not declared")) {
        let known: Vec<&str> = attributes.iter().map(|declared| declared.path.as_str()).collect();
        let message = format!("this example gives `{path}`, which is not declared");
        faults.error_with_help(node.span, message, did_you_mean(path, known.iter().copied()));
    }
    let user = consent.then_some(&shaped.user);
    let scope =
        Scope::new(user, &shaped.context, &product, now).dated(&shaped.dates).withholding(&shaped.withheld);
    let (outcome, steps) = rules.ask(&scope).explain(index);
    if outcome != expect {
        let word = |truth: Truth| OUTCOMES.iter().find(|(_, t)| *t == truth).map_or("", |(word, _)| word);
        let tests: Vec<String> = steps
            .iter()
            .map(|step| {
                let actual = step.actual.as_ref().map_or_else(|| "nothing".into(), ToString::to_string);
                format!("{} {} {} with {actual}", step.path, step.operator, step.expected)
            })
            .collect();
        let id = &draft.segment.id;
        faults.error_with_help(
            expect_node.span,
            format!("this example of `{id}` came out as {}, not {}", word(outcome), word(expect)),
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
        let check_when = |when: &str, fault: Option<(u32, &str)>| {
            let text = format!("{declared}  - {{id: a, when: {when}}}\n");
            let fault = fault.map(|(column, message)| (format!("s.yml:5:{column}"), message));
            let expected: Vec<(&str, &str)> = fault.iter().map(|(place, m)| (place.as_str(), *m)).collect();
            check(&text, &expected);
        };
        check_when("{user.n: {$gte: 1}, context.device: mobile}", None);
        check_when("{context.device: {$in: [mobile, desktop]}, user.n: {$exists: true}}", None);
        // A bare value is read as what stands there.
        check_when("{user.n: \"5\"}", None);
        check_when("{user.n: {$gt: 0.5}}", None);
        check_when("{user.n: five}", Some((28, "`user.n` is a whole number, and \"five\" is not")));
        check_when("{user.n: {$eq: \"5\"}}", Some((34, "`user.n` is a whole number, and \"5\" is not")));
        check_when(
            "{user.n: {$not: {$gt: \"a\"}}}",
            Some((41, "`user.n` is a whole number, and \"a\" is not")),
        );
        check_when(
            "{user.n: {$within: 7d}}",
            Some((38, "`user.n` is a whole number, and only dates lie so long ago")),
        );
        check_when("{user.n: {$size: 2}}", Some((36, "`user.n` is a whole number, and no list")));
        check_when(
            "{user.n: {$fresh: true}}",
            Some((37, "`user.n` says no `max_age`, so nothing tells what is fresh")),
        );
        check_when("{context.device: moblie}", Some((36, "`context.device` is never `moblie`")));
        check_when(
            "{$or: [{context.device: {$in: [mobile, fridge]}}]}",
            Some((49, "`context.device` is never `fridge`")),
        );
    }

    #[test]
    fn what_segments_say_of_one_another_must_be_there_and_end_somewhere() {
        check(
            "segments:\n  - {id: a, when: {$segment: b}}\n  - {id: b, when: {$or: [{$segment: [c, d]}]}}\n  \
             - {id: c, when: {$not: {$segment: a}}}\n  - {id: e, when: {$segment: e}}\n",
            &[
                ("s.yml:2:30", "`a` hangs on itself: a → b → c → a"),
                ("s.yml:3:38", "`b` hangs on itself: b → c → a → b"),
                ("s.yml:3:41", "there is no segment `d`"),
                ("s.yml:4:37", "`c` hangs on itself: c → a → b → c"),
                ("s.yml:5:30", "`e` hangs on itself: e → e"),
            ],
        );
    }

    #[test]
    fn a_score_needs_points_that_can_be_reached() {
        let declared = "attributes: {user.a: {type: boolean}, user.b: {type: boolean}}\nsegments:\n";
        let check_score = |segment: &str, expected: &[(&str, &str)]| {
            check(&format!("{declared}  - {{id: s, {segment}}}\n"), expected);
        };
        let parts = "score: [{when: {user.a: true}, add: 2}, {when: {user.b: true}, add: -1}]";
        check_score(&format!("{parts}, at_least: 1"), &[]);
        // As people add, not as floating point does.
        check_score(
            "score: [{when: {user.a: true}, add: 0.7}, {when: {user.b: true}, add: 0.1}], at_least: 0.8",
            &[],
        );
        check_score(parts, &[("s.yml:3:20", "a score needs `at_least`")]);
        check_score(
            &format!("{parts}, at_least: 3"),
            &[("s.yml:3:97", "all parts together come to 2, so 3 points are never reached")],
        );
        check_score(
            &format!("{parts}, at_least: -1"),
            &[("s.yml:3:97", "without any part it comes to -1 already, so everybody has -1 points")],
        );
        check_score(
            "when: {user.a: true}, at_least: 1",
            &[("s.yml:3:45", "`at_least` stands here without a `score`")],
        );
        check_score(
            "score: [{when: {user.c: true}, add: two}], at_least: 1",
            &[("s.yml:3:29", "`user.c` is not declared"), ("s.yml:3:49", "a number is needed here")],
        );
    }

    #[test]
    fn groups_hold_plain_values_and_are_declared() {
        check(
            "attributes: {user.id: {type: string, class: personal}}\ngroups:\n  staff: [u-1, 17]\n  odd: [[1]]\n\
             segments:\n  - id: staff\n    when: {user.id: {$inGroup: staff}}\n  - id: vip\n    when: {user.id: {$inGroup: vips}}\n",
            &[("s.yml:4:9", "this is no member of `odd`"), ("s.yml:9:32", "there is no group `vips`")],
        );
    }

    #[test]
    fn examples_may_not_give_what_is_not_declared() {
        check(
            "attributes: {user.age: {type: integer}}\nsegments:\n  - id: old\n    when: {user.age: {$gte: 60}}\n    examples:\n\
             \x20     - {user: {aeg: 70}, expect: unknown}\n      - {user: {age: sixty}, expect: unknown}\n\
             \x20     - {user: {age: 70}, consent: false, expect: unknown}\n",
            &[("s.yml:6:9", "this example gives `user.aeg`, which is not declared")],
        );
    }

    #[test]
    fn facts_of_products_have_no_class() {
        check(
            "attributes:\n  product.note: {type: string, class: personal}\n  product.reviews: {type: list, trust: public}\nsegments: []\n",
            &[(
                "s.yml:2:39",
                "`product.note` is what is true of a product, and classes are for what is known of people",
            )],
        );
    }

    #[test]
    fn what_is_personal_of_the_moment_needs_consent() {
        check(
            "attributes: {context.ip: {type: string, class: personal}}\nsegments:\n  - id: office\n    when: {context.ip: {$exists: true}}\n    examples:\n\
             \x20     - {context: {ip: 10.0.0.1}, expect: match}\n      - {context: {ip: 10.0.0.1}, consent: false, expect: unknown}\n\
             \x20     - {consent: false, expect: unknown}\n      - {expect: no-match}\n",
            &[],
        );
    }

    #[test]
    fn an_example_with_a_date_says_when_it_is() {
        check(
            "attributes: {user.d: {type: date}, user.n: {type: integer}}\nsegments:\n  - id: late\n    when: {user.d: {$within: 1d}}\n    examples:\n\
             \x20     - {user: {d: 2026-11-20}, expect: match}\n      - {user: {n: 1}, expect: unknown}\n",
            &[("s.yml:6:9", "this example has a date and says no `at`")],
        );
    }

    #[test]
    fn one_segment_s_fault_hides_no_other_s_example() {
        check(
            "attributes: {user.n: {type: integer}}\nsegments:\n  - name: No id\n    when: {user.n: 1}\n  - just a text\n\
             \x20 - {id: a, when: {user.m: 1}}\n  - {id: b, when: {user.n: 2}, examples: [{user: {n: 1}, expect: match}]}\n",
            &[
                ("s.yml:3:5", "a segment needs `id`"),
                ("s.yml:5:5", "a segment must be a map, and this is a text"),
                ("s.yml:6:20", "`user.m` is not declared"),
                ("s.yml:7:66", "this example of `b` came out as no-match, not match"),
            ],
        );
    }

    #[test]
    fn a_blank_reason_is_none() {
        check(
            "attributes:\n  user.diet: {type: string, class: special, reason: \"  \"}\n  \
             user.faith: {type: string, class: special, reason: Consent of 2026}\nsegments: []\n",
            &[("s.yml:2:14", "`user.diet` is of a special class and says no reason")],
        );
    }

    #[test]
    fn the_users_own_id_is_personal() {
        check(
            "attributes: {user.id: {type: string}}\nsegments: []\n",
            &[("s.yml:1:23", "`user.id` says who somebody is")],
        );
    }

    #[test]
    fn a_rule_has_a_version_of_its_own() {
        let version = |when: &str| {
            let text =
                format!("attributes: {{user.a: {{type: integer}}}}\nsegments: [{{id: a, when: {when}}}]\n");
            load("s.yml", &text).0.unwrap().iter().next().unwrap().version.clone()
        };
        assert_eq!(version("{user.a: 1}"), version("{ user.a:   1 }"));
        assert_ne!(version("{user.a: 1}"), version("{user.a: 2}"));
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
