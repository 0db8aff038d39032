//! `placement.yml` as JSON Schema.

use serde_json::{Value, json};

use super::placement::MOST_ADMIT;
use crate::document::schema::{
    Key, count, duration, file, map, part, set, text, truth, with_examples, words,
};
use crate::guardrail::MODES;

/// The schema of `placement.yml`.
pub fn schema() -> Value {
    let language = json!({"type": "string", "pattern": LOCALE, "description": "The language of requests that name none.", "examples": ["en"]});
    let admit = json!({"type": "integer", "minimum": 1, "maximum": MOST_ADMIT, "description": "Copy is written at the request of this number; 1, the first, where nothing is said."});
    let mut keys: Vec<Key> = vec![
        ("name", text("What people call it.")),
        ("description", text("Where on the page it is.")),
        (
            "channel",
            with_examples(text("Where the copy goes; web where nothing is said."), json!(["web", "email"])),
        ),
    ];
    keys.extend(ladder("How far copy may go."));
    keys.extend([
        (
            "segments",
            json!({
                "type": "object",
                "description": "What holds for one segment instead; what is not said there is as above.",
                "additionalProperties": part("segment"),
            }),
        ),
        ("deadline", duration("How long a request waits where it does not say.")),
        ("ttl", part("ttl")),
        ("admit", admit),
        ("language", language),
        ("limits", map("How long a text may be.", vec![("characters", count("The most characters."))], &[])),
        (
            "last_resort",
            json!({
                "type": "object",
                "description": "Literal text by language, shown when nothing better can be.",
                "propertyNames": {"pattern": LOCALE},
                "additionalProperties": {"type": "string"},
                "examples": [{"en": "All details are on this page."}],
            }),
        ),
    ]);
    let root = map("A named spot on a page, and how far copy there may go.", keys, &["mode", "last_resort"]);
    let segment = map("What holds for one segment instead.", ladder("How far copy may go for it."), &[]);
    file("copyrail: placement.yml", root, vec![("segment", segment), ("share", share()), ("ttl", ttl())])
}

/// A language, or a language and what follows it.
const LOCALE: &str = "^[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*$";

fn ladder(mode: &str) -> Vec<Key> {
    let modes =
        "prewritten (people wrote it all), segment (one text per segment and product), live (per user)";
    vec![
        ("mode", words(&format!("{mode} {modes}."), MODES)),
        ("approval", truth("Whether a person approves each generated text before it is first served.")),
        ("rollout", share_of("This share of users gets it, the rest gets the kind below.")),
        ("holdout", share_of("This share gets pre-written copy only, to compare with.")),
    ]
}

fn share_of(description: &str) -> Value {
    let mut schema = part("share");
    set(&mut schema, "description", description);
    schema
}

fn share() -> Value {
    let percentage = json!({"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?\s*%$", "examples": ["10%"]});
    let path =
        |description: &str| json!({"type": "string", "description": description, "examples": ["user.id"]});
    let keys = vec![
        ("share", percentage.clone()),
        ("by", path("What decides who is in it; user.id where nothing is said.")),
        ("fallback", path("What decides where the first is missing.")),
        ("seed", text("Shares of one seed hold the same people.")),
    ];
    json!({"anyOf": [percentage, map("A share, and what it goes by.", keys, &["share"])]})
}

fn ttl() -> Value {
    let keys = vec![
        ("soft", duration("Until then a text is served as it is.")),
        ("hard", duration("Until then it is served while a new one is written; then it is gone.")),
    ];
    map("How long generated copy is kept.", keys, &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::schema::testing::{STRANGER, keys, known};
    use crate::document::{Faults, parse};

    #[test]
    fn the_keys_are_those_that_the_reader_knows() {
        let segments = crate::segment::load("s.yml", "segments: []").0.unwrap();
        let text = format!(
            "{STRANGER}: 1\nmode: live\nrollout: {{share: 1%, {STRANGER}: 1}}\nsegments: {{default: {{{STRANGER}: 1}}}}\n\
             ttl: {{{STRANGER}: 1}}\nlimits: {{{STRANGER}: 1}}\nlast_resort: {{en: x}}\n"
        );
        let faults = Faults::of("p.yml");
        let node = parse(&text, &faults).unwrap();
        crate::prompt::placement::read("p", &node, &segments, &faults);
        let faults = faults.into_diagnostics();
        let schema = schema();
        assert_eq!(keys(&schema), known(&faults, "a placement"));
        assert_eq!(keys(&schema["properties"]["limits"]), known(&faults, "the limits"));
        let parts = &schema["$defs"];
        assert_eq!(keys(&parts["segment"]), known(&faults, "what holds for a segment"));
        assert_eq!(keys(&parts["share"]["anyOf"][1]), known(&faults, "a share"));
        assert_eq!(keys(&parts["ttl"]), known(&faults, "the ttl"));
    }
}
