//! `copyrail segments eval`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::{Failure, Shell, lines};
use crate::condition::{self, Date, Groups, Scope, Semantics, Truth};
use crate::segment;

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  echo '{\"condition\": {\"age\": {\"$gte\": 18}}, \"attributes\": {}}' | \
    copyrail segments eval",
    after_help = "Each line in is one of these, each line out what follows the arrow:\n  \
    {\"condition\", \"attributes\", \"groups\"?: {id: [members]}, \"at\"?} → {\"match\", \"unknown\"}\n  \
    {\"hash\": {\"seed\", \"value\", \"version\"}} → {\"bucket\"}\n  \
    {\"ranges\": {\"variations\", \"coverage\"?, \"weights\"?}} → {\"ranges\": [[from, to], …]}\n  \
    {\"choose\": {\"bucket\", \"ranges\"}} → {\"variation\"}, -1 for none\n\
    `unknown` names the attributes whose absence left a condition undecided. An `id` is repeated in the answer. A \
    faulty line is answered with {\"error\", \"line\"}, the others all the same, and the exit code is 1."
)]
pub(super) struct Eval {
    /// The lines; `-` reads standard input
    #[arg(value_name = "FILE.jsonl", default_value = "-")]
    file: PathBuf,
    /// What missing data means: unknown, or null as GrowthBook reads it
    #[arg(long, value_enum, default_value_t)]
    semantics: Reading,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Reading {
    #[default]
    Strict,
    Growthbook,
}

/// One line. Other keys are passed over.
#[derive(Deserialize)]
struct Question {
    #[serde(default)]
    id: Option<Value>,
    #[serde(default)]
    condition: Option<Value>,
    #[serde(default)]
    attributes: Option<Value>,
    #[serde(default)]
    groups: Option<Map<String, Value>>,
    #[serde(default)]
    at: Option<Timestamp>,
    #[serde(default)]
    hash: Option<Hash>,
    #[serde(default)]
    ranges: Option<Ranges>,
    #[serde(default)]
    choose: Option<Choose>,
}

#[derive(Deserialize)]
struct Hash {
    seed: Value,
    value: Value,
    version: Value,
}

#[derive(Deserialize)]
struct Ranges {
    variations: usize,
    #[serde(default)]
    coverage: Option<f64>,
    #[serde(default)]
    weights: Option<Vec<f64>>,
}

#[derive(Deserialize)]
struct Choose {
    bucket: f64,
    ranges: Vec<(f64, f64)>,
}

pub(super) fn run(args: Eval, shell: &mut Shell) -> Result<(), Failure> {
    let semantics = match args.semantics {
        Reading::Strict => Semantics::Strict,
        Reading::Growthbook => Semantics::GrowthBook,
    };
    let now = (shell.now)();
    lines::answer(&args.file, shell, |line| {
        let question = line.read::<Question>("an object of `condition` and `attributes`");
        let (id, answer) = match question {
            Ok(question) => (question.id.clone(), answered(question, semantics, now)),
            Err(error) => (None, Err((error, Map::new()))),
        };
        let named = |mut answer: Map<String, Value>| {
            answer.extend(id.clone().map(|id| ("id".to_owned(), id)));
            Value::Object(answer)
        };
        answer.map(named).map_err(|(error, mut answer)| {
            answer.insert("error".into(), error.into());
            answer.insert("line".into(), line.number.into());
            named(answer)
        })
    })
}

/// The answer, or what is wrong with the question and what can be said all the same.
fn answered(
    question: Question,
    semantics: Semantics,
    now: Timestamp,
) -> Result<Map<String, Value>, (String, Map<String, Value>)> {
    let say = |name: &str, value: Value| Map::from_iter([(name.to_owned(), value)]);
    let fault = |error: &str| Err((error.to_owned(), Map::new()));
    match question {
        Question { condition: Some(condition), attributes, groups, at, .. } => {
            if !condition.is_object() {
                return fault("`condition` is no object; write {\"attribute\": …}");
            }
            let groups: Groups = groups
                .unwrap_or_default()
                .into_iter()
                .filter_map(|(id, members)| match members {
                    Value::Array(members) => Some((id, members)),
                    _ => None,
                })
                .collect();
            let told = |matches: bool, unknown: &[&str]| {
                let mut answer = say("match", matches.into());
                answer.insert("unknown".into(), unknown.into());
                answer
            };
            let condition = condition::compile(&condition, semantics, &groups)
                // What cannot be read matches nobody.
                .map_err(|said| (said.join("; "), told(false, &[])))?;
            let mut attributes = attributes.unwrap_or_default();
            let dates = if semantics == Semantics::Strict { dates(&mut attributes) } else { Vec::new() };
            let scope = Scope::plain(&attributes, at.unwrap_or(now)).dated(&dates);
            let (outcome, unknown) = condition.unknown(&scope);
            Ok(told(outcome == Truth::True, &unknown))
        }
        Question { hash: Some(Hash { seed, value, version }), .. } => {
            let version = version.as_u64().and_then(|version| u32::try_from(version).ok());
            let place = version.and_then(|version| segment::hash(&plain(&seed), &plain(&value), version));
            let answer = say("bucket", place.map_or(Value::Null, Value::from));
            if place.is_none() && semantics == Semantics::Strict {
                return Err(("there is no such version of the hash; write 1 or 2".to_owned(), answer));
            }
            Ok(answer)
        }
        Question { ranges: Some(Ranges { variations, coverage, weights }), .. } => {
            if variations > segment::MAX_VARIATIONS {
                return fault(&format!("too many variations; write at most {}", segment::MAX_VARIATIONS));
            }
            let ranges = segment::ranges(variations, coverage.unwrap_or(1.0), weights.as_deref());
            Ok(say("ranges", json!(ranges)))
        }
        Question { choose: Some(Choose { bucket, ranges }), .. } => {
            let variation = segment::choose(bucket, &ranges).and_then(|index| i64::try_from(index).ok());
            Ok(say("variation", variation.unwrap_or(-1).into()))
        }
        _ => fault("the line asks nothing; give it a `condition`, a `hash`, `ranges` or `choose`"),
    }
}

/// Takes the date off every attribute that is given as `{"value": …, "at": …}`.
fn dates(attributes: &mut Value) -> Vec<Date> {
    let mut dates = Vec::new();
    for (name, value) in attributes.as_object_mut().into_iter().flatten() {
        let Value::Object(dated) = value else { continue };
        let at = dated.get("at").and_then(|at| at.as_str()?.parse().ok());
        if let (Some(at), Some(measured), 2) = (at, dated.get("value").cloned(), dated.len()) {
            dates.push((name.clone(), at));
            *value = measured;
        }
    }
    dates
}

/// A seed or value as text: a text as it is, anything else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
