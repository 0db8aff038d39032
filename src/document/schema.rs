//! Pieces of JSON Schema (draft 2020-12), for editors. Each room describes its own files with them, from the same tables
//! that its readers go by; its tests hold the keys to those that the reader knows.

use serde_json::{Map, Value, json};

/// The draft that all schemas are written in.
pub const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// One key of a map: its name and the schema of its value.
pub type Key = (&'static str, Value);

/// A map with these keys and no others.
pub fn map(description: &str, keys: Vec<Key>, required: &[&str]) -> Value {
    let mut schema = json!({"type": "object", "description": description, "additionalProperties": false});
    set(
        &mut schema,
        "properties",
        keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>(),
    );
    if !required.is_empty() {
        set(&mut schema, "required", required);
    }
    schema
}

/// Says one thing more in a schema.
pub fn set(schema: &mut Value, keyword: &str, value: impl Into<Value>) {
    if let Some(keywords) = schema.as_object_mut() {
        keywords.insert(keyword.to_owned(), value.into());
    }
}

/// A text. What is written without quotes and looks like a number is a text too.
pub fn text(description: &str) -> Value {
    json!({"type": ["string", "number", "boolean"], "description": description})
}

/// Texts as a list; one alone is a list of one.
pub fn texts(description: &str) -> Value {
    let one = json!({"type": ["string", "number", "boolean"]});
    json!({"description": description, "anyOf": [one, {"type": "array", "items": one}]})
}

/// A list whose items are of a schema.
pub fn list(description: &str, items: &Value) -> Value {
    json!({"type": "array", "description": description, "items": items})
}

/// One of the words of a table.
pub fn words<T>(description: &str, table: &[(&str, T)]) -> Value {
    json!({"description": description, "enum": table.iter().map(|(word, _)| *word).collect::<Vec<_>>()})
}

/// A truth value.
pub fn truth(description: &str) -> Value {
    json!({"type": "boolean", "description": description})
}

/// A whole number from 0.
pub fn count(description: &str) -> Value {
    json!({"type": "integer", "minimum": 0, "description": description})
}

/// A day, such as `2026-12-01`.
pub fn day(description: &str) -> Value {
    json!({"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$", "description": description, "examples": ["2026-12-01"]})
}

/// A duration, such as `7d`.
pub fn duration(description: &str) -> Value {
    json!({"type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$", "description": description, "examples": ["7d"]})
}

/// The same schema with values to begin from.
pub fn with_examples(mut schema: Value, examples: Value) -> Value {
    set(&mut schema, "examples", examples);
    schema
}

/// A part of the same file, by its name under `$defs`.
pub fn part(name: &str) -> Value {
    json!({"$ref": format!("#/$defs/{name}")})
}

/// A whole file's schema, made of the root and its parts.
pub fn file(title: &str, root: Value, parts: Vec<Key>) -> Value {
    let mut schema = Map::new();
    schema.insert("$schema".into(), DRAFT.into());
    schema.insert("title".into(), title.into());
    if let Value::Object(root) = root {
        schema.extend(root);
    }
    let parts: Map<String, Value> = parts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    if !parts.is_empty() {
        schema.insert("$defs".into(), parts.into());
    }
    schema.into()
}

#[cfg(test)]
pub(crate) mod testing {
    //! Holds a schema to what its reader knows.

    use serde_json::Value;

    use crate::diagnostic::Diagnostic;

    /// A key that no reader knows and that is near to none: whoever meets it lists all that it does know.
    pub(crate) const STRANGER: &str = "zzzzzzzzzzzz";

    /// The keys that a reader named when it met the stranger in a map of this name.
    pub(crate) fn known(faults: &[Diagnostic], what: &str) -> Vec<String> {
        let message = format!("{what} has no key `{STRANGER}`");
        let fault = faults.iter().find(|fault| fault.message == message);
        let fault = fault.unwrap_or_else(|| panic!("{what} did not meet the stranger: {faults:#?}"));
        let help = fault.help.as_deref().unwrap_or_default();
        let mut keys: Vec<String> = help.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        keys.sort();
        keys.dedup();
        keys
    }

    /// The keys of a map's schema, sorted.
    pub(crate) fn keys(schema: &Value) -> Vec<String> {
        let properties = schema["properties"].as_object().unwrap_or_else(|| panic!("no map: {schema}"));
        let mut keys: Vec<String> = properties.keys().cloned().collect();
        keys.sort();
        keys
    }
}
