//! `copyrail segments eval`.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::lines::Lines;
use super::super::{Failure, Shell};
use crate::condition::{self, Groups, Scope, Semantics, Truth};
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
    let mut lines = Lines::open(&args.file, shell)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut faulty = false;
    while let Some(line) = lines.next()? {
        let question = line.read::<Question>("an object of `condition` and `attributes`");
        let (id, answer) = match question {
            Ok(question) => (question.id.clone(), answered(question, semantics, now)),
            Err(error) => (None, Err((error, Map::new()))),
        };
        let mut answer = answer.unwrap_or_else(|(error, mut answer)| {
            faulty = true;
            answer.insert("error".into(), error.into());
            answer.insert("line".into(), line.number.into());
            Value::Object(answer)
        });
        if let (Some(id), Value::Object(answer)) = (id, &mut answer) {
            answer.insert("id".into(), id);
        }
        serde_json::to_writer(&mut out, &answer).map_err(std::io::Error::from)?;
        out.write_all(b"\n")?;
        if lines.is_drained() {
            out.flush()?;
        }
    }
    out.flush()?;
    if faulty { Err(Failure::NotInOrder) } else { Ok(()) }
}

/// The answer, or what is wrong with the question and what can be said all the same.
fn answered(
    question: Question,
    semantics: Semantics,
    now: Timestamp,
) -> Result<Value, (String, Map<String, Value>)> {
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
            let condition = condition::compile(&condition, semantics, &groups).map_err(|said| {
                // What cannot be read matches nobody.
                let unread = json!({"match": false, "unknown": []});
                (said.join("; "), unread.as_object().cloned().unwrap_or_default())
            })?;
            let attributes = attributes.unwrap_or_default();
            let scope = Scope::plain(&attributes, at.unwrap_or(now));
            let (outcome, unknown) = condition.unknown(&scope);
            Ok(json!({"match": outcome == Truth::True, "unknown": unknown}))
        }
        Question { hash: Some(Hash { seed, value, version }), .. } => {
            let version = version.as_u64().and_then(|version| u32::try_from(version).ok());
            let place = version.and_then(|version| segment::hash(&plain(&seed), &plain(&value), version));
            match (place, semantics) {
                (None, Semantics::Strict) => {
                    let unknown = json!({"bucket": null}).as_object().cloned().unwrap_or_default();
                    Err(("there is no such version of the hash; write 1 or 2".to_owned(), unknown))
                }
                (place, _) => Ok(json!({ "bucket": place })),
            }
        }
        Question { ranges: Some(Ranges { variations, coverage, weights }), .. } => {
            Ok(json!({"ranges": segment::ranges(variations, coverage.unwrap_or(1.0), weights.as_deref())}))
        }
        Question { choose: Some(Choose { bucket, ranges }), .. } => {
            let variation = segment::choose(bucket, &ranges).and_then(|index| i64::try_from(index).ok());
            Ok(json!({"variation": variation.unwrap_or(-1)}))
        }
        _ => fault("the line asks nothing; give it a `condition`, a `hash`, `ranges` or `choose`"),
    }
}

/// A seed or value as text: a text as it is, anything else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
