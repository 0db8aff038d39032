//! What a condition may say, as JSON Schema.

use serde_json::{Map, Value, json};

use super::Operator;
use super::operator::{KINDS, OPERATORS, OURS};
use crate::document::schema::{part, set, with_examples};

/// What a condition may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    /// Facts and the moment, and nothing whose outcome changes while they stay the same: for guardrails.
    Timeless,
    /// Whatever is declared, durations, groups and other segments: for segments.
    Everything,
}

/// The schemas of a condition (`condition`) and of what is asked of one attribute (`test`), by their names under `$defs`.
pub fn schema(speech: Speech) -> Vec<(&'static str, Value)> {
    let (roots, example) = match speech {
        Speech::Timeless => {
            ("product|context", json!({"product.category": "supplements", "context.country": "GB"}))
        }
        Speech::Everything => ("user|context|product", json!({"user.orders_90d": {"$gte": 1}})),
    };
    let mut joins = vec![
        ("$and", several("All of these hold.")),
        ("$or", several("At least one of these holds.")),
        ("$nor", several("None of these holds.")),
        ("$not", described(part("condition"), "This does not hold.")),
    ];
    if speech == Speech::Everything {
        joins.push((
            "$segment",
            json!({
                "description": "The condition of this other segment holds, or of all of these.",
                "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
            }),
        ));
    }
    let condition = json!({
        "type": "object",
        "description": "Tests that must all hold: an attribute's path and a value that it equals, or operators such as $gte.",
        "properties": joins.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>(),
        "patternProperties": {format!("^({roots})\\..+$"): part("test")},
        "additionalProperties": false,
    });
    let ours = OURS.iter().filter(|_| speech == Speech::Everything);
    let is_said = |operator: Operator| {
        speech == Speech::Everything || !matches!(operator, Operator::InGroup | Operator::NotInGroup)
    };
    let operators = OPERATORS.iter().chain(ours).filter(|(_, operator)| is_said(*operator));
    let mut asked: Map<String, Value> = operators
        .map(|(name, operator)| ((*name).to_owned(), described(value_of(*operator), meaning(*operator))))
        .collect();
    asked.insert("$not".into(), described(part("test"), "This does not hold of it."));
    let test = json!({
        "description": "A value that it equals, or operators.",
        "if": {"type": "object"},
        "then": {"properties": asked, "additionalProperties": false, "minProperties": 1},
    });
    vec![("condition", with_examples(condition, json!([example]))), ("test", test)]
}

fn several(description: &str) -> Value {
    json!({"type": "array", "minItems": 1, "items": part("condition"), "description": description})
}

fn described(mut schema: Value, description: &str) -> Value {
    set(&mut schema, "description", description);
    schema
}

/// What is written behind an operator.
fn value_of(operator: Operator) -> Value {
    let duration = json!({"type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$"});
    match operator {
        Operator::In | Operator::Nin | Operator::Ini | Operator::Nini | Operator::All | Operator::Alli => {
            json!({"type": "array"})
        }
        Operator::InGroup | Operator::NotInGroup => json!({"type": "string"}),
        Operator::Exists => json!({"type": "boolean"}),
        Operator::Type => json!({"enum": KINDS}),
        Operator::Regex | Operator::Regexi | Operator::NotRegex | Operator::NotRegexi => {
            json!({"type": "string"})
        }
        Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte => {
            json!({"type": ["number", "string", "boolean"]})
        }
        Operator::Within | Operator::OlderThan => duration,
        Operator::Fresh => json!({"anyOf": [{"const": true}, duration]}),
        Operator::Size => json!({"anyOf": [{"type": "number"}, part("test")]}),
        Operator::Veq | Operator::Vne | Operator::Vgt | Operator::Vgte | Operator::Vlt | Operator::Vlte => {
            json!({"type": ["string", "number"]})
        }
        Operator::Is
        | Operator::Eq
        | Operator::Ne
        | Operator::ElemMatch
        | Operator::Not
        | Operator::Unheard => json!({}),
    }
}

fn meaning(operator: Operator) -> &'static str {
    match operator {
        Operator::Is | Operator::Eq => "The same value.",
        Operator::Ne => "Another value.",
        Operator::In => "One of these; for a list, any of its items.",
        Operator::Nin => "None of these.",
        Operator::Ini => "One of these, whatever the case of letters.",
        Operator::Nini => "None of these, whatever the case of letters.",
        Operator::InGroup => "A member of this group.",
        Operator::NotInGroup => "No member of this group.",
        Operator::All => "A list that holds all of these.",
        Operator::Alli => "A list that holds all of these, whatever the case of letters.",
        Operator::ElemMatch => "A list with an item of which this holds.",
        Operator::Size => "A list of this length.",
        Operator::Gt => "Greater than this.",
        Operator::Gte => "This or greater.",
        Operator::Lt => "Less than this.",
        Operator::Lte => "This or less.",
        Operator::Exists => "Whether it is there at all.",
        Operator::Type => "Of this kind.",
        Operator::Regex => "A text with this regular expression in it.",
        Operator::Regexi => "The same, whatever the case of letters.",
        Operator::NotRegex => "A text without this regular expression.",
        Operator::NotRegexi => "The same, whatever the case of letters.",
        Operator::Veq => "The same version.",
        Operator::Vne => "Another version.",
        Operator::Vgt => "A later version.",
        Operator::Vgte => "This version or a later one.",
        Operator::Vlt => "An earlier version.",
        Operator::Vlte => "This version or an earlier one.",
        Operator::Not => "This does not hold of it.",
        Operator::Within => "A date no longer ago than this.",
        Operator::OlderThan => "A date longer ago than this.",
        Operator::Fresh => "Measured no longer ago than this; what is older counts as missing.",
        Operator::Unheard => "",
    }
}
