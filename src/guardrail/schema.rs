//! Guardrail files as JSON Schema: lists of rules with guardrails.yml, claims.yml, labelled cases.
//!
//! What every rule may say stands in [`rule`]; what is a kind's own, in [`own`].

use serde_json::{Map, Value, json};

use super::kinds::{KINDS, KINDS_TO_COME, Kind};
use super::read::{ACTIONS, ENFORCEMENTS, LEVELS, REACHES};
use super::{MODES, Mode};
use crate::condition::{Speech, schema as condition};
use crate::document::schema::{
    Key, count, day, file, list, map, part, set, text, texts, truth, with_examples, words,
};

/// A language or a region of it, with `*` for any.
const LOCALE_PATTERN: &str = r"^(\*|[A-Za-z0-9]{2,3})(-(\*|[A-Za-z0-9]{1,8}))*$";
/// A rule's own name: letters and digits of any script, `-` and `_`. Written without classes that not every validator knows.
const NAME: &str = r"^[^\s!-,./:-@\[-^`{-~]+$";
/// A rule's whole name.
const RULE: &str = r"^[^.\s]+\.[^\s]+$";

/// The schema of guardrails.yml and of the lists of rules beside it: which of the two a file is shows in `rules`, a list in
/// the one and a map in the other.
pub fn guardrails() -> Value {
    let root = json!({
        "type": "object",
        "description": "A list of rules, or, in guardrails.yml, what is in force of them.",
        "if": {"properties": {"rules": {"type": "array"}}, "required": ["rules"]},
        "then": part("list"),
        "else": part("settings"),
    });
    let mut parts = vec![("list", rules()), ("settings", settings()), ("rule", rule())];
    parts.extend([("override", overriding()), ("ceiling", ceiling()), ("retired", retired())]);
    parts.extend(shared());
    file("copyrail: guardrails", root, parts)
}

/// The schema of labelled cases.
pub fn cases() -> Value {
    let root = map(
        "Copy as it might come, and what the rules must make of it.",
        vec![("cases", list("The texts.", &part("case")))],
        &["cases"],
    );
    let mut keys = sample();
    let caught = json!({"type": "array", "minItems": 1, "items": {"type": "string", "pattern": RULE}});
    keys.push((
        "expect",
        json!({
            "description": "pass, or the rules that must catch it.",
            "anyOf": [{"const": "pass"}, caught],
            "examples": ["pass", ["brand.no-slang"]],
        }),
    ));
    file("copyrail: labelled cases", root, vec![("case", map("A labelled text.", keys, &["text", "expect"]))])
}

/// The schema of claims.yml.
pub fn claims() -> Value {
    let root = map(
        "The register of claims and of their evidence.",
        vec![
            (
                "families",
                json!({
                    "type": "object",
                    "description": "Families of claims: health, environment, price, comparison, superlative, finance, award, …",
                    "additionalProperties": map("A family of claims.", vec![("closed", truth("Any statement of the family that no claim's wording allows is caught."))], &[]),
                }),
            ),
            ("claims", list("The claims.", &part("claim"))),
            ("evidence", list("What proves them, and until when.", &part("evidence"))),
        ],
        &[],
    );
    let claim = map(
        "A claim: how it may be worded, what betrays it, what it needs.",
        vec![
            ("id", identifier("Its name.", "gb-magnesium-tiredness")),
            ("family", text("Its family, of those under `families`.")),
            ("wording", patterns("What may be said, where `needs` holds.")),
            ("triggers", patterns("What betrays the claim in other words.")),
            ("needs", part("needs")),
            (
                "with",
                text("The statement that must stand beside it; {product.…} is filled in from the facts."),
            ),
            ("applies", part("applies")),
            ("owner", text("Whom to ask about it.")),
            ("reference", text("The law, code or register that it comes from.")),
            ("examples", part("examples")),
        ],
        &["id", "family"],
    );
    let evidence = map(
        "A document that proves claims about products.",
        vec![
            ("id", identifier("Its name.", "lab-2026-022")),
            ("covers", texts("The ids of the products that it is about.")),
            ("document", text("What it is.")),
            ("sha256", text("The document's hash.")),
            ("accepted_by", text("Who accepted it.")),
            ("from", day("The first day on which it holds.")),
            ("until", day("The last day on which it holds.")),
        ],
        &["id"],
    );
    let needs = json!({
        "description": "A condition over facts and context, {evidence: id}, or several of these under all or any.",
        "type": "object",
        "properties": {
            "all": {"type": "array", "minItems": 1, "items": part("needs"), "description": "All of these."},
            "any": {"type": "array", "minItems": 1, "items": part("needs"), "description": "At least one of these."},
            "evidence": {"type": ["string", "number"], "description": "The id of a document under `evidence`."},
        },
    });
    let mut parts = vec![("claim", claim), ("evidence", evidence), ("needs", needs)];
    parts.extend(shared());
    file("copyrail: claims.yml", root, parts)
}

/// What several files have in common.
fn shared() -> Vec<Key> {
    let applies = map(
        "Where the rule applies. What is unknown of a text applies.",
        vec![
            (
                "locale",
                json!({
                    "description": "Locales, with * for any part.",
                    "anyOf": [locale_pattern(), {"type": "array", "items": locale_pattern()}],
                    "examples": [["en-*"]],
                }),
            ),
            ("placement", texts("The placements, by the names of their folders under prompts/.")),
            ("when", part("condition")),
        ],
        &[],
    );
    let effective = map(
        "The days on which the rule is in force, both included, in the time zone of the policy.",
        vec![("from", day("The first day.")), ("until", day("The last day."))],
        &[],
    );
    let examples = map(
        "Texts that are tried whenever the file changes; a rule that gets one of them wrong does not take effect.",
        vec![
            ("fail", example_list("Texts that the rule must catch.", true)),
            ("pass", example_list("Texts that it must leave alone.", false)),
        ],
        &["fail", "pass"],
    );
    let mut parts = vec![("applies", applies), ("effective", effective), ("examples", examples)];
    parts.extend(condition(Speech::Timeless));
    parts
}

fn example_list(description: &str, fails: bool) -> Value {
    let mut keys = sample();
    if fails {
        keys.push(("match", text("The stretch that it must catch.")));
    }
    let example = map("A text, and what it is judged by.", keys, &["text"]);
    json!({"type": "array", "minItems": 1, "description": description, "items": {"anyOf": [{"type": ["string", "number", "boolean"]}, example]}})
}

/// What a text in a file is judged by.
fn sample() -> Vec<Key> {
    let object = |description: &str, example: Value| json!({"type": "object", "description": description, "examples": [example]});
    vec![
        ("text", text("The copy.")),
        (
            "facts",
            object(
                "The product's facts.",
                json!({"name": "Lumo 3 lamp", "features": {"light output": "400 lm"}}),
            ),
        ),
        ("context", object("The attributes of the moment.", json!({"country": "GB"}))),
        ("inputs", object("What the model was told of the user.", json!({"orders_90d": 2}))),
        ("placement", text("The placement that it is for.")),
        ("locale", with_examples(text("The locale that it is in."), json!(["en-GB"]))),
        ("as_of", day("The day that it is judged on; without one, days do not matter.")),
    ]
}

fn locale_pattern() -> Value {
    json!({"type": "string", "pattern": LOCALE_PATTERN})
}

/// A name that may look like a number.
fn identifier(description: &str, example: &str) -> Value {
    json!({"type": ["string", "number", "boolean"], "description": description, "examples": [example]})
}

fn rules() -> Value {
    map("A list of rules.", vec![("rules", list("The rules.", &part("rule")))], &["rules"])
}

/// What guardrails.yml may say.
fn settings() -> Value {
    let nothing = |schema: Value| json!({"anyOf": [{"type": "null"}, schema]});
    let overrides = json!({
        "type": "object",
        "propertyNames": {"pattern": RULE},
        "additionalProperties": part("override"),
        "examples": [{"brand.hype": {"mode": "shadow", "until": "2027-01-31"}}],
    });
    map(
        "What is in force: styles, overrides, ceilings and retired rules.",
        vec![
            (
                "styles",
                nothing(list(
                    "Folders of public rules under styles/ that are in force.",
                    &json!({"type": "string"}),
                )),
            ),
            ("rules", nothing(overrides)),
            (
                "ceilings",
                nothing(list("No placement goes beyond these; the strictest wins.", &part("ceiling"))),
            ),
            ("retired", nothing(list("Rules that were taken out of the files.", &part("retired")))),
        ],
        &[],
    )
}

/// `mode`, and the reason that `off` needs.
fn mode() -> Vec<Key> {
    vec![
        (
            "mode",
            words(
                "enforce; shadow (judged and recorded, changes nothing); off (needs `because`).",
                ENFORCEMENTS,
            ),
        ),
        ("because", text("Why the rule is off.")),
    ]
}

/// A rule is off only for a reason.
fn off_needs_a_reason() -> Value {
    json!({"if": {"properties": {"mode": {"const": "off"}}, "required": ["mode"]}, "then": {"required": ["because"]}})
}

fn level() -> Key {
    (
        "level",
        words(
            "error blocks, warning sends back once, suggestion notes, unless `on_match` says otherwise.",
            LEVELS,
        ),
    )
}

fn on_match() -> Key {
    (
        "on_match",
        words(
            "What follows from a finding: block, repair (sent back to the model once), fix (the rule's own correction), note.",
            ACTIONS,
        ),
    )
}

fn overriding() -> Value {
    let mut keys = vec![
        level(),
        on_match(),
        ("until", day("The last day; after it the rule is again as its own file says.")),
    ];
    keys.extend(mode());
    let mut schema = map("What holds of a rule instead of what its own file says.", keys, &[]);
    set(&mut schema, "allOf", json!([off_needs_a_reason()]));
    schema
}

fn ceiling() -> Value {
    let modes: Vec<(&str, Mode)> = MODES.to_vec();
    let keys = vec![
        ("when", part("condition")),
        ("placement", texts("The placements that it holds for; all where none is named.")),
        ("mode", words("The furthest that copy may go.", &modes)),
        (
            "approval",
            json!({"const": true, "description": "A person approves each generated text before it is first served."}),
        ),
    ];
    let mut schema = map("How far copy may go, whatever placements say.", keys, &[]);
    set(&mut schema, "anyOf", json!([{"required": ["mode"]}, {"required": ["approval"]}]));
    with_examples(
        schema,
        json!([{"when": {"product.category": "Food supplements"}, "mode": "segment", "approval": true}]),
    )
}

fn retired() -> Value {
    let keys = vec![
        (
            "id",
            json!({"type": "string", "pattern": RULE, "description": "The rule's whole name, such as brand.old-slogan."}),
        ),
        ("reason", text("Why it went.")),
        ("by", text("Who decided that.")),
        ("on", day("When.")),
    ];
    let example = json!([{"id": "brand.old-slogan", "reason": "The campaign is over.", "by": "jo@example.com", "on": "2026-11-01"}]);
    with_examples(map("A rule that was taken out.", keys, &["id", "reason", "by", "on"]), example)
}

/// What every rule may say.
fn common() -> Vec<Key> {
    let kinds: Vec<(&str, Kind)> = running().collect();
    let mut keys = vec![
        (
            "id",
            json!({
                "type": ["string", "number", "boolean"],
                "pattern": NAME,
                "description": "Its name; the file's name goes in front by itself.",
                "examples": ["no-guarantees"],
            }),
        ),
        ("extends", words("What kind of rule it is.", &kinds)),
        (
            "message",
            with_examples(
                text("What is wrong and what to write instead; %s stands for the match."),
                json!(["'%s' promises an outcome; say what the product does instead."]),
            ),
        ),
        level(),
        on_match(),
    ];
    keys.extend(mode());
    keys.extend([
        ("owner", with_examples(text("Whom to ask about it."), json!(["legal@example.com"]))),
        (
            "reference",
            with_examples(text("The law, code or guide that it comes from."), json!(["CAP Code 3.7"])),
        ),
        ("link", text("Where to read more.")),
        ("description", text("What it is for.")),
        ("applies", part("applies")),
        ("effective", part("effective")),
        ("examples", part("examples")),
        ("ignorecase", truth("Capitals and small letters are the same.")),
        ("nonword", truth("Matches may begin and end within words.")),
        (
            "exceptions",
            patterns(
                "Phrases that cover a match, or facts such as product.name; each needs a `pass` example.",
            ),
        ),
    ]);
    keys
}

/// The kinds that run.
fn running() -> impl Iterator<Item = (&'static str, Kind)> {
    KINDS.iter().copied().filter(|(word, _)| !KINDS_TO_COME.contains(word))
}

fn patterns(description: &str) -> Value {
    json!({"type": "array", "items": {"type": ["string", "number", "boolean"]}, "description": description})
}

/// A least and a most.
fn bounds() -> Vec<Key> {
    vec![("min", count("The least.")), ("max", count("The most."))]
}

/// What is a kind's own of a rule, and what of it must be there.
fn own(kind: Kind) -> (Vec<Key>, &'static [&'static str]) {
    let scope = || ("scope", words("What is looked at in one piece.", REACHES));
    let action = |name: &str| {
        let keys = vec![("name", json!({"const": name}))];
        ("action", map("How a match is corrected.", keys, &["name"]))
    };
    match kind {
        Kind::Existence => (
            vec![
                scope(),
                action("remove"),
                ("append", truth("`raw` stands behind the tokens, not in front.")),
                ("raw", texts("An expression that stands in front of every token.")),
                ("tokens", patterns("The words or regular expressions to find.")),
            ],
            &[],
        ),
        Kind::Substitution => {
            let swap = json!({
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {"type": ["string", "number", "boolean"]},
                "description": "What to replace by what; several ways are separated by |.",
                "examples": [{"utilize": "use"}],
            });
            (vec![scope(), action("replace"), ("swap", swap)], &["swap"])
        }
        Kind::Occurrence => {
            let mut keys = vec![scope(), ("token", text("The expression to count."))];
            keys.extend(bounds());
            (keys, &["token"])
        }
        Kind::Limit => {
            let bound = |what: &str| {
                let mut schema = map(&format!("How many {what}."), bounds(), &[]);
                set(&mut schema, "minProperties", 1);
                with_examples(schema, json!([{"max": 280}]))
            };
            let keys = vec![
                ("characters", bound("characters")),
                ("words", bound("words")),
                ("sentences", bound("sentences")),
                ("words_per_sentence", bound("words in a sentence")),
            ];
            (keys, &[])
        }
        // Kinds that do not run yet, and those that need no more than every rule.
        _ => (Vec::new(), &[]),
    }
}

/// One rule: what every rule may say, and by its kind what is the kind's own.
fn rule() -> Value {
    let common = common();
    let names: Vec<&str> = common.iter().map(|(key, _)| *key).collect();
    let mut all = Map::new();
    let mut by_kind = vec![off_needs_a_reason()];
    for (word, kind) in running() {
        let (keys, required) = own(kind);
        let mut known = names.clone();
        known.extend(keys.iter().map(|(key, _)| *key));
        for (key, schema) in &keys {
            // An editor offers a key before it knows of which kind the rule is.
            let description = schema.get("description").cloned().unwrap_or_default();
            all.entry(*key).or_insert_with(|| json!({"description": description}));
        }
        let properties: Map<String, Value> =
            keys.into_iter().map(|(key, schema)| (key.to_owned(), schema)).collect();
        by_kind.push(json!({
            "if": {"properties": {"extends": {"const": word}}, "required": ["extends"]},
            "then": {"properties": properties, "propertyNames": {"enum": known}, "required": required},
        }));
    }
    let mut schema = map("A rule.", common, &["id", "extends", "message", "examples"]);
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        all.into_iter().for_each(|(key, schema)| {
            properties.entry(key).or_insert(schema);
        });
    }
    set(&mut schema, "anyOf", json!([{"required": ["level"]}, {"required": ["on_match"]}]));
    set(&mut schema, "allOf", by_kind);
    with_examples(
        schema,
        json!([{
            "id": "no-guarantees",
            "extends": "existence",
            "message": "'%s' promises an outcome; say what the product does instead.",
            "level": "error",
            "ignorecase": true,
            "tokens": ["guaranteed"],
            "owner": "legal@example.com",
            "examples": {"fail": ["Guaranteed to last."], "pass": ["Made of steel."]},
        }]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::schema::testing::{STRANGER, keys, known};
    use crate::guardrail::tests::{files, london};

    fn faults(path: &str, text: &str) -> Vec<crate::diagnostic::Diagnostic> {
        crate::guardrail::load(&files([(path, text)]), &london()).1
    }

    #[test]
    fn every_kind_has_the_keys_that_its_reader_knows() {
        let schema = guardrails();
        let by_kind = schema["$defs"]["rule"]["allOf"].as_array().unwrap();
        assert!(running().count() > 4);
        for (word, _) in running() {
            // Whatever a kind needs is there, so that its reader gets to the end.
            let text = format!(
                "rules:\n  - {{id: a, extends: {word}, message: m, level: error, {STRANGER}: 1, tokens: [a], swap: {{a: b}}, token: a, max: 1}}\n"
            );
            let found =
                by_kind.iter().find(|rule| rule["if"]["properties"]["extends"]["const"] == word).unwrap();
            let names = found["then"]["propertyNames"]["enum"].as_array().unwrap();
            let mut names: Vec<String> = names.iter().map(|name| name.as_str().unwrap().to_owned()).collect();
            names.sort();
            assert_eq!(names, known(&faults("g/a.yml", &text), "a rule"), "{word}");
        }
    }

    #[test]
    fn other_maps_have_the_keys_that_their_readers_know() {
        let schema = guardrails();
        let parts = &schema["$defs"];
        let settings = format!(
            "{STRANGER}: 1\nrules: {{a.b: {{{STRANGER}: 1}}}}\nceilings: [{{{STRANGER}: 1, approval: true}}]\nretired: [{{{STRANGER}: 1}}]\n"
        );
        let found = faults("g/guardrails.yml", &settings);
        assert_eq!(keys(&parts["settings"]), known(&found, "`guardrails.yml`"));
        assert_eq!(keys(&parts["override"]), known(&found, "what is said of a rule"));
        assert_eq!(keys(&parts["ceiling"]), known(&found, "a ceiling"));
        assert_eq!(keys(&parts["retired"]), known(&found, "a retired rule"));
        let list = format!(
            "{STRANGER}: 1\nrules:\n  - {{id: a, extends: existence, message: m, level: error, tokens: [a], action: {{{STRANGER}: 1}}, \
             applies: {{{STRANGER}: 1}}, effective: {{{STRANGER}: 1}}, examples: {{{STRANGER}: 1}}}}\n  \
             - {{id: b, extends: limit, message: m, level: error, words: {{{STRANGER}: 1}}, examples: {{fail: [{{{STRANGER}: 1, text: x}}]}}}}\n"
        );
        let found = faults("g/a.yml", &list);
        assert_eq!(keys(&parts["list"]), known(&found, "a list of rules"));
        assert_eq!(keys(&parts["applies"]), known(&found, "`applies`"));
        assert_eq!(keys(&parts["effective"]), known(&found, "`effective`"));
        assert_eq!(keys(&parts["examples"]), known(&found, "`examples`"));
        assert_eq!(
            keys(&parts["examples"]["properties"]["fail"]["items"]["anyOf"][1]),
            known(&found, "an example")
        );
        let limit = own(Kind::Limit).0;
        assert_eq!(keys(&limit[0].1), known(&found, "a limit"));
        assert_eq!(keys(&own(Kind::Existence).0[1].1), known(&found, "`action`"));
        let file = format!("{STRANGER}: 1\ncases: [{{{STRANGER}: 1}}]\n");
        let (found, schema) = (faults("g/cases/a.yml", &file), cases());
        assert_eq!(keys(&schema), known(&found, "a file of cases"));
        assert_eq!(keys(&schema["$defs"]["case"]), known(&found, "a case"));
    }
}
