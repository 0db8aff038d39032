//! A segment's condition in words, for people who read no YAML.

use std::collections::BTreeMap;

use crate::document::{Faults, Kind, Node, parse};

/// The most words of a condition that are told: what is longer is read in its file.
const MOST: usize = 64;

/// What a segment asks for, and where it stands in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// One line for each of which all must hold.
    pub said: Vec<String>,
    /// Its first line and its last, from 1.
    pub lines: [u32; 2],
}

/// The conditions of a file's segments, by their ids. What cannot be read has none.
pub fn told(file: &str, text: &str) -> BTreeMap<String, Conditions> {
    let root = parse(text, &Faults::of(file));
    let Some(Kind::List(segments)) =
        root.as_ref().and_then(|root| root.get("segments")).map(|node| &node.kind)
    else {
        return BTreeMap::new();
    };
    segments.iter().filter_map(segment).collect()
}

fn segment(node: &Node) -> Option<(String, Conditions)> {
    let Kind::Scalar { text: id, .. } = &node.get("id")?.kind else { return None };
    let mut said = Vec::new();
    if let Some(when) = node.get("when") {
        said.extend(conditions(when));
    }
    if let (Some(Kind::List(parts)), Some(least)) =
        (node.get("score").map(|node| &node.kind), node.get("at_least"))
    {
        let part =
            |part: &Node| Some(format!("{} where {}", value(part.get("add")?), joined(part.get("when")?)));
        let parts: Vec<String> = parts.iter().filter_map(part).collect();
        said.push(format!("has at least {} points: {}", value(least), parts.join("; ")));
    }
    said.truncate(MOST);
    Some((id.clone(), Conditions { said, lines: [node.span.start.line, node.span.end.line] }))
}

/// Each line must hold.
fn conditions(node: &Node) -> Vec<String> {
    let Kind::Map(entries) = &node.kind else { return vec![value(node)] };
    let mut all = Vec::new();
    for (key, node) in entries {
        match (key.text.as_str(), &node.kind) {
            ("$and", Kind::List(items)) => all.extend(items.iter().flat_map(conditions)),
            ("$or", Kind::List(items)) => {
                all.push(format!("either {}", items.iter().map(joined).collect::<Vec<_>>().join(", or ")))
            }
            ("$nor", Kind::List(items)) => {
                all.push(format!("neither {}", items.iter().map(joined).collect::<Vec<_>>().join(", nor ")))
            }
            ("$not", _) => all.push(not(joined(node))),
            ("$segment", Kind::List(ids)) => {
                all.extend(ids.iter().map(|id| format!("is in the segment {}", value(id))))
            }
            ("$segment", _) => all.push(format!("is in the segment {}", value(node))),
            (path, _) => all.extend(tests(path, node)),
        }
    }
    all
}

fn not(said: String) -> String {
    match said.strip_prefix("is in the segment ") {
        Some(id) if !id.contains(' ') => format!("is not in the segment {id}"),
        _ => format!("not: {said}"),
    }
}

fn joined(node: &Node) -> String {
    conditions(node).join(" and ")
}

/// What is asked of one path.
fn tests(path: &str, node: &Node) -> Vec<String> {
    let Kind::Map(entries) = &node.kind else { return vec![format!("{path} is {}", value(node))] };
    let test = |(key, node): &(crate::document::Key, Node)| {
        let given = value(node);
        let said = match key.text.as_str() {
            "$eq" | "$veq" => format!("is {given}"),
            "$ne" | "$vne" => format!("is not {given}"),
            "$in" | "$ini" => format!("is one of {given}"),
            "$nin" | "$nini" => format!("is none of {given}"),
            "$gt" | "$vgt" => format!("is greater than {given}"),
            "$gte" | "$vgte" => format!("is at least {given}"),
            "$lt" | "$vlt" => format!("is less than {given}"),
            "$lte" | "$vlte" => format!("is at most {given}"),
            "$exists" if given == "false" => "is not known".to_owned(),
            "$exists" => "is known".to_owned(),
            "$regex" | "$regexi" => format!("fits the pattern {given}"),
            "$notRegex" | "$notRegexi" => format!("does not fit the pattern {given}"),
            "$within" => format!("is no longer ago than {given}"),
            "$olderThan" => format!("is longer ago than {given}"),
            "$fresh" => format!("was measured within {given}"),
            "$all" | "$alli" => format!("holds all of {given}"),
            "$inGroup" => format!("is in the group {given}"),
            "$notInGroup" => format!("is not in the group {given}"),
            "$size" => format!("has {given} items"),
            "$not" => return format!("not: {}", tests(path, node).join(" and ")),
            other => format!("{other} {given}"),
        };
        format!("{path} {said}")
    };
    entries.iter().map(test).collect()
}

/// A value as a person would write it.
fn value(node: &Node) -> String {
    match &node.kind {
        Kind::Scalar { text, .. } => text.clone(),
        Kind::List(items) => items.iter().map(value).collect::<Vec<_>>().join(", "),
        Kind::Map(entries) => {
            let entries = entries.iter().map(|(key, node)| format!("{}: {}", key.text, value(node)));
            entries.collect::<Vec<_>>().join("; ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_read_as_sentences() {
        let file = "segments:
  - id: a
    when: {user.orders_90d: {$gte: 1, $lt: 5}, context.device: mobile, $or: [{user.x: {$in: [b, c]}}, {user.y: {$exists: false}}]}
  - id: s
    score: [{when: {user.x: {$gte: 1}}, add: 2}, {when: {$not: {$segment: b}}, add: 1}]
    at_least: 2
  - id: b
    when:
      $not: {user.x: {$not: {$eq: d}}}
";
        let all = told("segments.yml", file);
        let Conditions { said, lines } = &all["a"];
        assert_eq!(
            *said,
            [
                "user.orders_90d is at least 1",
                "user.orders_90d is less than 5",
                "context.device is mobile",
                "either user.x is one of b, c, or user.y is not known",
            ]
        );
        assert_eq!(*lines, [2, 3]);
        let points = "has at least 2 points: 2 where user.x is at least 1; 1 where is not in the segment b";
        assert_eq!(all["s"].said, [points]);
        assert_eq!(all["b"].said, ["not: not: user.x is d"]);
        assert!(told("segments.yml", "segments: {a: b}").is_empty());
    }
}
