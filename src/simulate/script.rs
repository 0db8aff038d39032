//! Which calls the stand-in is told to do something else with than write copy.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use thiserror::Error;

use super::action::{Action, WrittenAction};
use super::draw;

/// How to write a script, for `--script-help`.
pub const SCRIPT: &str = r#"A script is a JSON list of steps. For each call the first step that matches and has times left
is done; without one the call is answered with copy.

  [{"when": {"contains": "Hoodie", "from": 3, "share": 0.5}, "times": 9, "do": {"status": 500}},
   {"do": {"delay_ms": [200, 900]}}]

when   contains  a text that some message holds
       call      only this call, counted from 1 over all of them
       every     only each so-many-th call
       from, to  only calls of these numbers, both included
       share     only this part of the calls, from 0 to 1, by their numbers and `--seed`
       model     only calls that ask for this model
       path      only "completions" or "moderations"
       All that is given must hold; without `when` every call matches.
times  how often the step is done at most; without it, always.
do     Something must be told to do.
       What is said, at most one of these; without one, copy is written:
       {"text": "…"}                  exactly this
       {"append": "…"}                copy, then this
       {"invent_number": true}        copy with a figure that no fact supports
       {"refusal": "…"}               a refusal, in these words
       {"empty": true}                an answer without text
       {"blank": true}                an answer of spaces
       {"body": "…"}                  this instead of JSON
       {"garbage": true}              a page of HTML
       {"error": "server_error", "status": 500}
                                      an error object with this code; the status may be 200 too
       {"quota": true}                429 insufficient_quota
       {"big_body_mib": 40}           a completion with a text so long, sent as it is made
       {"flag": ["hate"]}             a moderation that flags these categories
       What is changed of copy and texts, any of these together, except `parts` with `nested`:
       {"finish_reason": "length"}    it ends for this reason (`length` cuts it in half)
       {"think": "…"}                 before it, in tags, what a model thought
       {"fenced": true}               it stands in a code fence
       {"parts": true}                it is a list of parts
       {"nested": 100000}             it stands in so many brackets
       {"content_filter": "answer"}   what Azure's filter does: it holds back the "answer", or says
                                      "error", which means that it did not run; where it holds back
                                      the "prompt" nothing is written, nor anything changed of it
       What is changed of the JSON, whatever it says:
       {"set": {"/choices/0/message/content": null}}
                                      another value in this place
       {"drop": ["/usage"]}           nothing there
       {"truncate": true}             the first half of it, as if that were all
       Of the head:
       {"status": 503, "headers": {"retry-after": "1"}}
                                      this status and these headers; a status alone says an error
       {"content_type": "text/x"}     this type, whatever the body is
       How it is sent, the first with any of those that follow:
       {"delay_ms": 500}              after so long; of [200, 900] nine in ten calls lie between,
                                      by `--seed` (`stall_ms` means the same)
       {"drip_ms": 10}                byte by byte, with so long between two
       {"stall": true}                never
       {"stall_body": true}           half of it and no more, on a connection that stays open
       {"cut": true}                  half of it, then the connection is cut
       {"reset": true}                not at all: the connection is cut
Copy that is to be judged by a rubric is a completion like any other: `text` is then the judge's
whole answer. Of a moderation, what would be done to copy is not done.
"#;

/// An ordered list of steps; [`SCRIPT`] says how they are written.
#[derive(Debug, Default)]
pub struct Script {
    steps: Vec<Step>,
    done: Mutex<Vec<u64>>,
}

/// Why a text is no script.
#[derive(Debug, Error)]
pub enum ScriptError {
    /// Not JSON of the right form.
    #[error("script: {path}: {reason}")]
    Form {
        /// Where in the script, such as `[0].do.status`; `.` for the whole.
        path: String,
        /// What is wrong, with what is allowed in its place.
        reason: String,
    },
    /// A step that cannot be done.
    #[error("script: [{step}]: {reason}")]
    Step {
        /// The step, counted from 0 as in the path of the other error.
        step: usize,
        /// What is wrong.
        reason: String,
    },
}

#[derive(Debug)]
struct Step {
    when: When,
    times: Option<u64>,
    action: Action,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct When {
    contains: Option<String>,
    call: Option<u64>,
    every: Option<u64>,
    from: Option<u64>,
    to: Option<u64>,
    share: Option<f64>,
    model: Option<String>,
    path: Option<Path>,
}

/// Which endpoint is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Path {
    Completions,
    Moderations,
}

/// What a script may look at of a call.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    /// Counted from 1.
    pub(super) number: u64,
    pub(super) path: Path,
    pub(super) model: &'a str,
    /// The messages, or the texts to moderate.
    pub(super) texts: &'a [&'a str],
}

impl Script {
    /// A script without steps: every call is answered with copy.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Reads a script.
    ///
    /// # Errors
    /// On the first key that is unknown, naming it and those that are allowed, and on the first step that cannot be
    /// done.
    pub fn parse(json: &str) -> Result<Self, ScriptError> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let form =
            |path: String, error: &dyn fmt::Display| ScriptError::Form { path, reason: error.to_string() };
        let steps: Vec<WrittenStep> = serde_path_to_error::deserialize(&mut deserializer)
            .map_err(|error| form(error.path().to_string(), error.inner()))?;
        deserializer.end().map_err(|error| form(".".to_owned(), &error))?;
        let steps: Vec<Step> = steps
            .into_iter()
            .enumerate()
            .map(|(step, written)| written.read().map_err(|reason| ScriptError::Step { step, reason }))
            .collect::<Result<_, _>>()?;
        Ok(Self { done: Mutex::new(vec![0; steps.len()]), steps })
    }

    /// What to do with that call; counts it against the step's times.
    pub(super) fn next(&self, seed: u64, call: &Call<'_>) -> Action {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let found = (0..).zip(&self.steps).zip(done.iter_mut()).find(|((number, step), done)| {
            step.times.is_none_or(|times| **done < times) && step.when.holds(seed, *number, call)
        });
        let Some(((_, step), done)) = found else { return Action::default() };
        *done += 1;
        step.action.clone()
    }
}

impl When {
    /// Whether that call is meant by the step of that number. Each step draws its share for itself.
    fn holds(&self, seed: u64, step: u64, call: &Call<'_>) -> bool {
        let number = call.number;
        self.call.is_none_or(|only| number == only)
            && self.every.is_none_or(|every| number.is_multiple_of(every))
            && self.from.is_none_or(|from| number >= from)
            && self.to.is_none_or(|to| number <= to)
            && self.share.is_none_or(|share| draw([seed, number, step]) < share)
            && self.path.is_none_or(|path| call.path == path)
            && self.model.as_ref().is_none_or(|model| call.model == model)
            && self.contains.as_ref().is_none_or(|text| call.texts.iter().any(|said| said.contains(text)))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenStep {
    #[serde(default)]
    when: When,
    times: Option<u64>,
    r#do: WrittenAction,
}

impl WrittenStep {
    fn read(self) -> Result<Step, String> {
        let When { call, every, from, to, share, .. } = self.when;
        let counted = [("when.call", call), ("when.every", every), ("when.from", from), ("when.to", to)];
        for (key, value) in counted.into_iter().chain([("times", self.times)]) {
            if value == Some(0) {
                return Err(format!("`{key}` counts from 1"));
            }
        }
        if share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            return Err("`when.share` is a number from 0 to 1".to_owned());
        }
        Ok(Step { when: self.when, times: self.times, action: self.r#do.read()? })
    }
}
