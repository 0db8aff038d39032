//! What the stand-in is told to do instead of writing copy.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use thiserror::Error;

/// How to write a script, for `--help`.
pub const SCRIPT: &str = r#"A script is a JSON list of steps. For each call the first step that matches and has times left
is done; without one the call is answered with copy.

  [{"when": {"contains": "Hoodie", "call": 3, "every": 2}, "times": 1, "do": {"status": 500}}]

when   contains  a text that some message holds
       call      only this call, counted from 1 over all of them
       every     only each so-many-th call
       All that is given must hold; without `when` every call matches.
times  how often the step is done at most; without it, always.
do     exactly one of
       {"text": "…"}                say exactly this
       {"append": "…"}              write copy, then add this
       {"invent_number": true}      write copy with a figure that no fact supports
       {"stall_ms": 500}            wait, then write copy
       {"stall": true}              never answer
       {"status": 503, "body": "…", "headers": {"retry-after": "1"}}
                                    fail; body and headers may be left out
       {"finish_reason": "length"}  write copy that ends for this reason (`length` cuts it in half)
       {"refusal": "…"}             refuse, in these words
       {"empty": true}              an answer without text
       {"garbage": true}            200 with a page of HTML
       {"reset": true}              close the connection without an answer
       {"quota": true}              429 insufficient_quota
       {"flag": ["hate"]}           flag these categories of a moderation
Copy that is to be judged by a rubric is a completion like any other: `text` is then the judge's whole answer. Of a
moderation, what would be done to copy is not done.
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
}

/// What is done with a call.
#[derive(Clone, Debug)]
pub(super) enum Action {
    Text(String),
    Append(String),
    InventNumber,
    Wait(Duration),
    Stall,
    Status { status: StatusCode, body: Option<String>, headers: HeaderMap },
    FinishReason(String),
    Refusal(String),
    Empty,
    Garbage,
    Reset,
    Quota,
    Flag(Vec<String>),
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
            |path: String, error: serde_json::Error| ScriptError::Form { path, reason: error.to_string() };
        let steps: Vec<WrittenStep> = serde_path_to_error::deserialize(&mut deserializer)
            .map_err(|error| form(error.path().to_string(), error.into_inner()))?;
        deserializer.end().map_err(|error| form(".".to_owned(), error))?;
        let steps: Vec<Step> = steps
            .into_iter()
            .enumerate()
            .map(|(step, written)| written.read().map_err(|reason| ScriptError::Step { step, reason }))
            .collect::<Result<_, _>>()?;
        Ok(Self { done: Mutex::new(vec![0; steps.len()]), steps })
    }

    /// What to do with that call, the `call`-th from 1; counts it against the step's times.
    pub(super) fn next<'a>(
        &self,
        call: u64,
        messages: impl Iterator<Item = &'a str> + Clone,
    ) -> Option<Action> {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let (step, done) = self.steps.iter().zip(done.iter_mut()).find(|(step, done)| {
            step.times.is_none_or(|times| **done < times) && step.when.holds(call, messages.clone())
        })?;
        *done += 1;
        Some(step.action.clone())
    }
}

impl When {
    fn holds<'a>(&self, call: u64, mut messages: impl Iterator<Item = &'a str>) -> bool {
        self.call.is_none_or(|only| call == only)
            && self.every.is_none_or(|every| call.is_multiple_of(every))
            && self.contains.as_ref().is_none_or(|text| messages.any(|message| message.contains(text)))
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAction {
    text: Option<String>,
    append: Option<String>,
    invent_number: Option<bool>,
    stall_ms: Option<u64>,
    stall: Option<bool>,
    status: Option<u16>,
    body: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    finish_reason: Option<String>,
    refusal: Option<String>,
    empty: Option<bool>,
    garbage: Option<bool>,
    reset: Option<bool>,
    quota: Option<bool>,
    flag: Option<Vec<String>>,
}

impl WrittenStep {
    fn read(self) -> Result<Step, String> {
        for (key, value) in
            [("when.call", self.when.call), ("when.every", self.when.every), ("times", self.times)]
        {
            if value == Some(0) {
                return Err(format!("`{key}` counts from 1"));
            }
        }
        Ok(Step { when: self.when, times: self.times, action: self.r#do.read()? })
    }
}

impl WrittenAction {
    fn read(self) -> Result<Action, String> {
        if self.status.is_none() && (self.body.is_some() || !self.headers.is_empty()) {
            return Err("`body` and `headers` go with `status`".to_owned());
        }
        let (body, written) = (self.body, self.headers);
        let failure = |status| -> Result<Action, String> {
            let status = StatusCode::from_u16(status).ok().filter(|status| status.as_u16() >= 200);
            let status = status.ok_or("`status` is a number from 200 to 999")?;
            Ok(Action::Status { status, body, headers: headers(written)? })
        };
        let flag = |key: &str, value: Option<bool>, action: Action| match value {
            None => Ok(None),
            Some(true) => Ok(Some(action)),
            Some(false) => Err(format!("`{key}` is `true`, or left out")),
        };
        let actions = [
            self.text.map(Action::Text),
            self.append.map(Action::Append),
            self.stall_ms.map(|ms| Action::Wait(Duration::from_millis(ms))),
            self.status.map(failure).transpose()?,
            self.finish_reason.map(Action::FinishReason),
            self.refusal.map(Action::Refusal),
            flag("invent_number", self.invent_number, Action::InventNumber)?,
            flag("stall", self.stall, Action::Stall)?,
            flag("empty", self.empty, Action::Empty)?,
            flag("garbage", self.garbage, Action::Garbage)?,
            flag("reset", self.reset, Action::Reset)?,
            flag("quota", self.quota, Action::Quota)?,
            self.flag.map(Action::Flag),
        ];
        let mut actions = actions.into_iter().flatten();
        match (actions.next(), actions.next()) {
            (Some(action), None) => Ok(action),
            (None, _) => Err("`do` says nothing to do".to_owned()),
            (Some(_), Some(_)) => {
                Err("`do` says more than one thing to do; write a step for each".to_owned())
            }
        }
    }
}

fn headers(written: BTreeMap<String, String>) -> Result<HeaderMap, String> {
    let header = |(name, value): (String, String)| {
        let pair = HeaderName::try_from(&name).ok().zip(HeaderValue::try_from(&value).ok());
        pair.ok_or_else(|| format!("`{name}: {value}` is no header"))
    };
    written.into_iter().map(header).collect()
}
