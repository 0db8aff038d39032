//! Tests of the room as a whole, from files to what follows. Those of one part stand beside it.

mod approving;
mod claims;
pub(super) mod hostile;
mod judging;
mod linting;
mod loading;
mod matching;
mod public;
mod reader;
mod second;
mod supporting;
mod waiving;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::*;
use crate::diagnostic::Diagnostic;
use crate::document::Files;

pub(super) fn files<const N: usize>(all: [(&str, &str); N]) -> Files {
    all.into_iter().map(|(path, content)| (path.to_owned(), content.to_owned())).collect()
}

pub(super) fn london() -> TimeZone {
    TimeZone::get("Europe/London").unwrap()
}

#[track_caller]
pub(super) fn loaded(files: &Files) -> Guardrails {
    let (guardrails, faults) = load(files, &london());
    guardrails.unwrap_or_else(|| panic!("{}", shown(&faults)))
}

pub(super) fn shown(faults: &[Diagnostic]) -> String {
    faults
        .iter()
        .map(|f| format!("{} {} [{}]\n", f.place(), f.message, f.help.as_deref().unwrap_or("")))
        .collect()
}

/// What a text is judged against, as JSON.
pub(super) struct Scene {
    pub(super) facts: Map<String, Value>,
    pub(super) context: Map<String, Value>,
    pub(super) locale: Option<Locale>,
    pub(super) at: Timestamp,
}

impl Scene {
    pub(super) fn new(facts: Value, context: Value) -> Self {
        let map = |value: Value| value.as_object().cloned().unwrap();
        let at = "2027-01-15T12:00:00Z".parse().unwrap();
        Self { facts: map(facts), context: map(context), locale: None, at }
    }

    pub(super) fn bare() -> Self {
        Self::new(json!({}), json!({}))
    }

    pub(super) fn judge(&self, guardrails: &Guardrails, text: &str) -> Judgement {
        let Self { facts, context, locale, at } = self;
        let (inputs, placement, locale) = (&Map::new(), None, locale.as_ref());
        let instructions = None;
        judge(
            guardrails,
            &Subject {
                text,
                facts,
                context,
                placement,
                locale,
                inputs,
                instructions,
                at: *at,
                opinions: Opinions::Unknown,
            },
        )
    }

    pub(super) fn support(&self, guardrails: &Guardrails, text: &str) -> Vec<Supported> {
        let Self { facts, context, locale, at } = self;
        let inputs = &Map::new();
        let (placement, instructions, opinions) = (None, None, Opinions::Unknown);
        let locale = locale.as_ref();
        support(
            guardrails,
            &Subject { text, facts, context, placement, locale, inputs, instructions, at: *at, opinions },
        )
    }

    pub(super) fn approve(&self, guardrails: &Guardrails, draft: &Draft) -> Result<Approved, Judgement> {
        let Self { facts, context, locale, at } = self;
        let (inputs, placement, locale) = (&Map::new(), None, locale.as_ref());
        let instructions = None;
        let ground = Ground {
            facts,
            facts_hash: facts_hash(facts),
            prepared: None,
            context,
            placement,
            locale,
            inputs,
            instructions,
            at: *at,
            opinions: Opinions::Unknown,
        };
        approve(guardrails, &Bans::default(), draft, &ground)
    }
}

/// Rules of every kind that this version runs.
pub(super) const EVERY_KIND: &str = r#"
rules:
  - id: no-guarantees
    extends: existence
    message: "'%s' promises an outcome; say what the product does instead."
    level: error
    ignorecase: true
    tokens: ["guaranteed", "risk[- ]free", "never fails"]
    exceptions: ["satisfaction guaranteed by law", product.name]
    owner: legal@example.com
    examples:
      fail: ["Guaranteed to last a lifetime.", {text: "A risk-free choice.", match: "risk-free"}]
      pass:
        - "Your satisfaction guaranteed by law for two years."
        - {text: "Meet the Guaranteed Fresh box.", facts: {name: Guaranteed Fresh}}
  - id: plain-words
    extends: substitution
    message: "Use '%s' instead of '%s'."
    level: suggestion
    ignorecase: true
    swap: {"utili[sz]e": use, e-mail: email, iphone: iPhone}
    on_match: fix
    examples: {fail: [{text: "Utilise it.", match: Utilise}], pass: ["Use your iPhone."]}
  - id: calm
    extends: occurrence
    message: "Too many of '%s'."
    level: warning
    token: "!"
    max: 1
    examples: {fail: ["Buy! Now!"], pass: ["Buy!"]}
  - id: short
    extends: limit
    message: "%s are too many."
    level: warning
    characters: {max: 120}
    sentences: {max: 3}
    examples: {fail: ["One. Two. Three. Four."], pass: ["One. Two. Three."]}
  - {id: plain-text, extends: markup, message: "'%s' is markup.", level: error, examples: {fail: ["<b>x</b>"], pass: ["1 < 2"]}}
  - id: true-figures
    extends: grounded
    message: "Nothing supports '%s'."
    level: error
    examples:
      fail: ["A 12 MP camera.", {text: "Weighs 5 kg.", facts: {weight: 7 kg}, match: 5 kg}]
      pass: [{text: "Weighs 7 kg.", facts: {weight_g: 7000}}]
"#;

pub(super) fn every_kind() -> Guardrails {
    loaded(&files([("guardrails/house.yml", EVERY_KIND)]))
}
