//! `segments.yml` as JSON Schema.

use serde_json::{Value, json};

use super::load::{CLASSES, KINDS, OUTCOMES, TRUSTS, TYPES};
use crate::condition::{SEMANTICS, Speech, schema as condition};
use crate::document::schema::{
    Key, duration, file, list, map, part, set, text, texts, truth, with_examples, words,
};

/// The schema of `segments.yml`.
pub fn schema() -> Value {
    let root = map(
        "Who gets which copy: the first segment of the list whose condition holds.",
        vec![
            ("semantics", semantics()),
            (
                "attributes",
                json!({
                    "type": "object",
                    "description": "What requests may tell us; what is not declared here is ignored.",
                    "propertyNames": {"pattern": r"^(user|context|product)\..+$"},
                    "additionalProperties": part("attribute"),
                }),
            ),
            (
                "groups",
                json!({
                    "type": "object",
                    "description": "Lists that a condition may ask for by name, with $inGroup.",
                    "additionalProperties": {"type": "array", "items": {"type": ["string", "number", "boolean"]}},
                }),
            ),
            ("segments", list("The segments, the first that matches is chosen.", &part("segment"))),
            ("sets", list("What some of the segments are together.", &part("set"))),
        ],
        &[],
    );
    let mut parts = vec![
        ("attribute", attribute()),
        ("segment", segment()),
        ("point", point()),
        ("example", example()),
        ("set", group_of()),
    ];
    parts.extend(condition(Speech::Everything));
    file("copyrail: segments.yml", root, parts)
}

fn semantics() -> Value {
    words("How conditions read what is missing: strict (it is unknown) or as GrowthBook does.", SEMANTICS)
}

fn attribute() -> Value {
    let keys = vec![
        ("type", words("What its values are.", TYPES)),
        ("class", words("How it may be used; plain where nothing is said.", CLASSES)),
        ("values", texts("The only values it takes.")),
        ("max_age", duration("How old a dated value may be before it counts as missing.")),
        ("trust", words("public: its text comes from the public and supports no claim.", TRUSTS)),
        ("reason", text("The legal ground of an attribute of a special class.")),
        ("description", text("What it is, for those who send it.")),
    ];
    with_examples(
        map("A declared attribute.", keys, &["type"]),
        json!([{"type": "integer", "class": "plain"}]),
    )
}

fn segment() -> Value {
    let keys: Vec<Key> = vec![
        (
            "id",
            json!({
                "type": ["string", "number"],
                "pattern": "^[a-z0-9_-]{1,64}$",
                "not": {"const": "default"},
                "description": "Its id; templates' files are named after it. `default` always exists and is never listed.",
                "examples": ["bargain-hunters"],
            }),
        ),
        ("name", text("What people call it.")),
        ("kind", words("What sort of segment it is.", KINDS)),
        ("description", text("What it is for.")),
        ("semantics", semantics()),
        ("when", part("condition")),
        ("score", list("Parts whose points add up, instead of or beside `when`.", &part("point"))),
        ("at_least", json!({"type": "number", "description": "How many points of the score are enough."})),
        ("examples", list("Requests, and what the segment must make of them.", &part("example"))),
    ];
    let mut schema = map("A named group of visitors.", keys, &["id"]);
    set(&mut schema, "anyOf", json!([{"required": ["when"]}, {"required": ["score"]}]));
    set(&mut schema, "dependentRequired", json!({"score": ["at_least"], "at_least": ["score"]}));
    with_examples(
        schema,
        json!([{"id": "bargain-hunters", "name": "Bargain hunters", "when": {"user.orders_90d": {"$gte": 1}}}]),
    )
}

fn point() -> Value {
    let add = json!({"type": "number", "description": "The points that it adds where its condition holds."});
    map("A part of a score.", vec![("when", part("condition")), ("add", add)], &["when", "add"])
}

fn example() -> Value {
    let given = |what: &str| json!({"type": "object", "description": format!("{what} of the request.")});
    let keys = vec![
        ("user", given("The user's attributes")),
        ("context", given("The attributes of the moment")),
        ("product", given("The product's facts")),
        ("consent", truth("Whether the user agreed to personalisation; yes where nothing is said.")),
        (
            "at",
            json!({"type": "string", "description": "The moment that dates count from.", "examples": ["2026-11-20T10:00:00Z"]}),
        ),
        ("expect", words("What the segment must make of it.", OUTCOMES)),
    ];
    map("A request, and what the segment must make of it.", keys, &["expect"])
}

fn group_of() -> Value {
    let keys = vec![
        ("name", text("What they are together.")),
        (
            "segments",
            json!({"type": "array", "minItems": 2, "items": {"type": ["string", "number"]}, "description": "Their ids."}),
        ),
        ("exhaustive", truth("Whoever's attributes are all known is in one of them.")),
        ("exclusive", truth("Nobody is in two of them.")),
    ];
    map("Segments that belong together.", keys, &["name", "segments"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::schema::testing::{STRANGER, keys, known};
    use crate::segment::load;

    #[test]
    fn the_keys_are_those_that_the_reader_knows() {
        let text = format!(
            "{STRANGER}: 1\nattributes:\n  user.a: {{{STRANGER}: 1, type: boolean}}\nsegments:\n  - id: a\n    {STRANGER}: 1\n    \
             score: [{{when: {{user.a: true}}, add: 1, {STRANGER}: 1}}]\n    at_least: 1\n\
             sets: [{{{STRANGER}: 1, name: x, segments: [a, b]}}]\n"
        );
        let faults = load("s.yml", &text).1;
        let schema = schema();
        assert_eq!(keys(&schema), known(&faults, "the segments file"));
        for (part, what) in [
            ("attribute", "an attribute"),
            ("segment", "a segment"),
            ("point", "a part of a score"),
            ("set", "a set"),
        ] {
            assert_eq!(keys(&schema["$defs"][part]), known(&faults, what), "{part}");
        }
        let text = format!(
            "attributes:\n  user.a: {{type: boolean}}\nsegments:\n  - {{id: a, when: {{user.a: true}}, examples: [{{{STRANGER}: 1, expect: unknown}}]}}\n"
        );
        assert_eq!(keys(&schema["$defs"]["example"]), known(&load("s.yml", &text).1, "an example"));
    }
}
