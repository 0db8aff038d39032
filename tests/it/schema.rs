//! `copyrail schema`, and the schemas that editors read beside the shipped files.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::commands::done;
use crate::support::root;

const KINDS: &[&str] = &["guardrails", "claims", "cases", "placement", "segments"];
const HINT: &str = "# yaml-language-server: $schema=";

/// What is wrong with a file by a schema; nothing where it is valid.
fn faults(schema: &Value, text: &str) -> Option<String> {
    let faults = copyrail::document::Faults::of("file.yml");
    let content = copyrail::document::parse(text, &faults).unwrap().to_json();
    assert!(faults.into_diagnostics().is_empty(), "{text}");
    check(schema, schema, &content).err()
}

/// JSON Schema as far as our schemas go: a keyword that is not known here fails the test.
fn check(root: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let Some(keywords) = schema.as_object() else {
        return if schema == &Value::Bool(true) {
            Ok(())
        } else {
            Err(format!("nothing may be here, and {value} is"))
        };
    };
    let fails = |why: String| Err(format!("{value}: {why}"));
    let all = |schemas: &Value| -> Vec<bool> {
        schemas.as_array().unwrap().iter().map(|schema| check(root, schema, value).is_ok()).collect()
    };
    let holds =
        |pattern: &Value, text: &str| regex::Regex::new(pattern.as_str().unwrap()).unwrap().is_match(text);
    let object = value.as_object();
    for (keyword, wanted) in keywords {
        let fits = match keyword.as_str() {
            "$schema" | "title" | "description" | "examples" | "$defs" | "then" | "else" => true,
            "$ref" => {
                let pointer = wanted.as_str().unwrap().strip_prefix('#').unwrap();
                check(root, root.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}")), value)?;
                true
            }
            "type" => {
                let kind = match value {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::Number(number) if number.is_i64() => "integer",
                    Value::Number(_) => "number",
                    Value::String(_) => "string",
                    Value::Array(_) => "array",
                    Value::Object(_) => "object",
                };
                let is = |wanted: &Value| wanted == kind || (wanted == "number" && kind == "integer");
                wanted.as_array().map_or_else(|| is(wanted), |wanted| wanted.iter().any(is))
            }
            "enum" => wanted.as_array().unwrap().contains(value),
            "const" => wanted == value,
            "pattern" => value.as_str().is_none_or(|text| holds(wanted, text)),
            "maximum" => value.as_f64().is_none_or(|number| number <= wanted.as_f64().unwrap()),
            "exclusiveMinimum" => value.as_f64().is_none_or(|number| number > wanted.as_f64().unwrap()),
            "minimum" => value.as_f64().is_none_or(|number| number >= wanted.as_f64().unwrap()),
            "minItems" => {
                value.as_array().is_none_or(|items| items.len() >= wanted.as_u64().unwrap() as usize)
            }
            "minProperties" => object.is_none_or(|object| object.len() >= wanted.as_u64().unwrap() as usize),
            "items" => {
                value.as_array().into_iter().flatten().try_for_each(|item| check(root, wanted, item))?;
                true
            }
            "required" => {
                let missing =
                    |key: &&Value| object.is_some_and(|object| !object.contains_key(key.as_str().unwrap()));
                if let Some(key) = wanted.as_array().unwrap().iter().find(missing) {
                    return fails(format!("{key} is missing"));
                }
                true
            }
            "dependentRequired" => wanted.as_object().unwrap().iter().all(|(key, others)| {
                let there = |key: &str| object.is_some_and(|object| object.contains_key(key));
                !there(key) || others.as_array().unwrap().iter().all(|other| there(other.as_str().unwrap()))
            }),
            "properties" => {
                for (key, schema) in wanted.as_object().unwrap() {
                    value.get(key).map_or(Ok(()), |value| check(root, schema, value))?;
                }
                true
            }
            "patternProperties" => {
                for (pattern, schema) in wanted.as_object().unwrap() {
                    let mut named =
                        object.into_iter().flatten().filter(|(key, _)| holds(&pattern.as_str().into(), key));
                    named.try_for_each(|(_, value)| check(root, schema, value))?;
                }
                true
            }
            "additionalProperties" => {
                let patterns = keywords.get("patternProperties").and_then(Value::as_object);
                let known = |key: &str| {
                    keywords.get("properties").is_some_and(|known| known.get(key).is_some())
                        || patterns
                            .into_iter()
                            .flatten()
                            .any(|(pattern, _)| holds(&pattern.as_str().into(), key))
                };
                let mut others = object.into_iter().flatten().filter(|(key, _)| !known(key));
                others.try_for_each(|(_, value)| check(root, wanted, value))?;
                true
            }
            "propertyNames" => {
                let mut names = object.into_iter().flatten().map(|(key, _)| Value::from(key.as_str()));
                names.try_for_each(|name| check(root, wanted, &name))?;
                true
            }
            "allOf" => {
                wanted.as_array().unwrap().iter().try_for_each(|schema| check(root, schema, value))?;
                true
            }
            "anyOf" => all(wanted).contains(&true),
            "not" => check(root, wanted, value).is_err(),
            "if" => {
                let branch = if check(root, wanted, value).is_ok() { "then" } else { "else" };
                keywords.get(branch).map_or(Ok(()), |schema| check(root, schema, value))?;
                true
            }
            unknown => panic!("this test does not know {unknown}"),
        };
        if !fits {
            return fails(format!("{keyword} is {wanted}"));
        }
    }
    Ok(())
}

fn committed(kind: &str) -> Value {
    let path = root().join("config/schema").join(format!("{kind}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The YAML files below a folder.
fn yaml_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(yaml_below(&path)),
            false => found.extend(Some(path).filter(|path| path.extension().is_some_and(|e| e == "yml"))),
        }
    }
    found
}

#[test]
fn what_is_printed_is_what_stands_beside_the_files() {
    let folder = tempfile::tempdir().unwrap();
    for kind in KINDS {
        let printed = done(folder.path(), &["schema", kind]);
        let path = format!("config/schema/{kind}.json");
        let kept = std::fs::read_to_string(root().join(&path)).unwrap();
        assert!(printed == kept, "{path} is not what is printed: copyrail schema {kind} > {path}");
        let schema: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    }
}

#[test]
fn every_shipped_file_names_its_schema_and_fits_it() {
    let mut files = yaml_below(&root().join("guardrails"));
    files.extend(yaml_below(&root().join("prompts")));
    files.push(root().join("config/segments.yml"));
    // Public styles keep the form that they came in, and the shop's own copy needs no help.
    files.retain(|path| {
        !path.components().any(|part| part.as_os_str() == "styles") && !path.ends_with("shop.yml")
            || path.ends_with("cases/shop.yml")
    });
    assert!(files.len() >= 7, "{files:?}");
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let hint = text.lines().next().and_then(|line| line.strip_prefix(HINT));
        let hint = hint.unwrap_or_else(|| panic!("{} names no schema in its first line", path.display()));
        let schema = std::fs::read_to_string(path.parent().unwrap().join(hint)).unwrap();
        assert_eq!(faults(&serde_json::from_str(&schema).unwrap(), &text), None, "{}", path.display());
    }
}

#[test]
fn faulty_files_do_not_fit() {
    let rule = |lines: &str| {
        format!(
            "rules:\n  - {{id: a, extends: existence, message: m, level: error, tokens: [a], {lines}examples: {{fail: [a], pass: [b]}}}}\n"
        )
    };
    let good: &[(&str, String)] = &[
        ("guardrails", rule("")),
        ("guardrails", rule("mode: off, because: Too loud., ")),
        ("guardrails", rule("applies: {when: {product.price: {$gte: 5}, $or: [{context.country: GB}]}}, ")),
        ("guardrails", "rules:\nceilings:\n  - {when: {context.country: DE}, mode: segment}\n".into()),
        ("guardrails", "rules: {brand.a: {mode: shadow, until: 2027-01-31}}\n".into()),
        ("cases", "cases: [{text: 12, expect: pass}, {text: a, as_of: 2026-12-01, expect: [brand.a]}]\n".into()),
        ("segments", "segments: [{id: a, when: {user.a: {$within: 7d}}}]\n".into()),
        ("placement", "mode: live\nrollout: {share: 10%, by: user.id}\nlast_resort: {en: A.}\n".into()),
        (
            "claims",
"families: {health: {closed: true}, other: }\nclaims: [{id: a, family: health, wording: [b], needs: {all: [{product.x: {$gte: 15}}, {evidence: e}]}, examples: {fail: [c], pass: [b]}}]\nevidence: [{id: e, covers: [\"0012345\"], document: Assay, accepted_by: jo, from: 2026-11-01, until: 2027-03-31}]\n".into(),
        ),
    ];
    for (kind, text) in good {
        assert_eq!(faults(&committed(kind), text), None, "{kind}: {text}");
    }
    let claim = |lines: &str| {
        format!(
            "families: {{f: }}\nclaims: [{{id: a, family: f, {lines}examples: {{fail: [c], pass: [b]}}}}]\n"
        )
    };
    let of_kind = |kind: &str, lines: &str| {
        format!(
            "rules: [{{id: a, extends: {kind}, message: m, level: error, {lines} examples: {{fail: [a], pass: [b]}}}}]\n"
        )
    };
    for (kind, lines) in [
        ("require", "trigger: [on credit], text: Subject to status., within: {sentences: 1},"),
        ("judge", "rubric: It is calm., threshold: 0.7, model: m, provider: p,"),
        ("moderation", "categories: [hate, {violence: 0.3}],"),
        ("pii", "entities: [email, card], threshold: 0.4,"),
        ("url", "allow: [https://example.com],"),
        ("echo", ""),
        ("personal", "allow: {user.orders_90d: [your last order]},"),
        ("competitor", "names: [Acme, {name: Orange, aliases: Orange SA, unless: [orange juice]}],"),
        ("readability", "metrics: [Flesch-Kincaid], grade: 8,"),
        ("limit", "sms_segments: {max: 1},"),
        ("claim", "tokens: [best], needs: {not: {$or: [{product.a: 1}]}},"),
    ] {
        assert_eq!(faults(&committed("guardrails"), &of_kind(kind, lines)), None, "{kind}: {lines}");
    }
    for (kind, lines) in [
        ("require", "trigger: [on credit],"),
        ("require", "trigger: [on credit], text: Subject to status., within: {sentences: 0},"),
        ("judge", "threshold: 0.7,"),
        ("judge", "rubric: It is calm., threshold: 0,"),
        ("moderation", "categories: [{violence: 3}],"),
        ("pii", "entities: [emial],"),
        ("pii", "threshold: 40,"),
        ("echo", "allow: [a],"),
        ("personal", "allow: {product.name: [your last order]},"),
        ("competitor", "names: [{aliases: [Orange SA]}],"),
        ("readability", "metrics: [Flesch], grade: 8,"),
        ("limit", "sms_segment: {max: 1},"),
        ("claim", "tokens: [best], needs: {user.age: 1},"),
        ("existence", "tokens: [a], vocab: true,"),
        ("existence", "tokens: [a], action: {name: delete},"),
    ] {
        assert!(faults(&committed("guardrails"), &of_kind(kind, lines)).is_some(), "{kind}: {lines}");
    }
    let bad: &[(&str, String)] = &[
        ("claims", claim("")),
        ("claims", claim("triggers: [c], extends: claim, ")),
        ("claims", claim("triggers: [c], needs: {}, ")),
        ("claims", "families: {f: {owner: jo@example.com}}\n".into()),
        ("claims", "families: {f: {closed: true, triggers: [a]}}\n".into()),
        (
            "claims",
            "evidence: [{id: e, covers: [a], document: b, accepted_by: jo, from: 2026-11-01}]\n".into(),
        ),
        ("guardrails", rule("levle: error, ")),
        ("guardrails", rule("mode: off, ")),
        ("guardrails", rule("effective: {from: 1 December 2026}, ")),
        ("guardrails", rule("applies: {locale: english}, ")),
        ("guardrails", rule("applies: {when: {user.age: 5}}, ")),
        ("guardrails", rule("applies: {when: {product.age: {$near: 5}}}, ")),
        // A key of another kind.
        ("guardrails", rule("swap: {a: b}, ")),
        ("guardrails", rule("").replace("existence", "existance")),
        ("guardrails", rule("").replace("level: error", "level: fatal")),
        ("guardrails", rule("").replace("level: error, ", "")),
        ("guardrails", rule("").replace(", pass: [b]", "")),
        ("guardrails", "rules: {brand.a: {mode: off}}\n".into()),
        ("guardrails", "ceilings: [{approval: false}]\n".into()),
        ("guardrails", "retired: [{id: brand.a}]\n".into()),
        ("guardrails", "rulez: []\n".into()),
        ("cases", "cases: [{text: a}]\n".into()),
        ("cases", "cases: [{text: a, expect: fail}]\n".into()),
        ("segments", "segments: [{id: default, when: {user.a: 1}}]\n".into()),
        ("segments", "attributes: {user.a: {type: integr}}\n".into()),
        ("segments", "segments: [{id: a}]\n".into()),
        ("placement", "mode: live\n".into()),
        ("placement", "mode: live\nholdout: 5\nlast_resort: {en: A.}\n".into()),
        ("claims", "claims: [{id: a, famly: health}]\n".into()),
    ];
    for (kind, text) in bad {
        assert!(faults(&committed(kind), text).is_some(), "{kind}: {text}");
    }
}
