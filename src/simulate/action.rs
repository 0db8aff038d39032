//! What the stand-in is told to do with a call: what it says, what is changed of that, and how it is sent. Read from a
//! script's `do`.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;

use super::draw;

/// What is done with a call; by default it is answered with copy.
#[derive(Clone, Debug, Default)]
pub(super) struct Action {
    pub(super) delay: Option<Delay>,
    pub(super) says: Says,
    pub(super) edits: Vec<Edit>,
    /// Whether the first half of the body stands for all of it.
    pub(super) truncated: bool,
    /// Instead of the status that goes with what is said.
    pub(super) status: Option<StatusCode>,
    pub(super) headers: HeaderMap,
    pub(super) sending: Sending,
}

/// What is said.
#[derive(Clone, Debug)]
pub(super) enum Says {
    /// A completion, or of a moderation what it would be without a script.
    Copy(Copy),
    /// A text that need not be JSON.
    Body(String),
    /// An error object, with a code or without.
    Error(Option<String>),
    /// The error of an account whose money is spent.
    Quota,
    /// A page of HTML.
    Garbage,
    /// The error with which Azure turns away a prompt.
    PromptFiltered,
    /// A completion of so many MiB.
    Big(u64),
    /// A moderation that flags these categories.
    Flag(Vec<String>),
}

impl Default for Says {
    fn default() -> Self {
        Self::Copy(Copy::default())
    }
}

/// A completion and what is odd about it.
#[derive(Clone, Debug, Default)]
pub(super) struct Copy {
    pub(super) words: Words,
    pub(super) finish_reason: Option<String>,
    pub(super) think: Option<String>,
    pub(super) fenced: bool,
    pub(super) form: Form,
    pub(super) filter: Option<Filter>,
}

/// In what words.
#[derive(Clone, Debug, Default)]
pub(super) enum Words {
    /// Those that the stand-in finds by itself.
    #[default]
    Plain,
    Text(String),
    Append(String),
    InventNumber,
    Refusal(String),
    Empty,
    Blank,
}

/// What the content of a message is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Form {
    #[default]
    String,
    /// A list of parts.
    Parts,
    /// A string in so many brackets.
    Nested(usize),
}

/// What Azure's content filter does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Filter {
    Prompt,
    Answer,
    Error,
}

/// A change of the JSON that is answered, by a JSON pointer.
#[derive(Clone, Debug)]
pub(super) enum Edit {
    Set(String, Value),
    Drop(String),
}

/// How the answer goes out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Sending {
    #[default]
    Whole,
    /// Byte by byte, so long between two.
    Drip(Duration),
    /// Never, on a connection that stays open.
    Never,
    /// The first half, likewise.
    Half,
    /// The first half, then the connection is cut.
    CutHalfway,
    /// The connection is cut without a word.
    Reset,
}

/// How long an answer takes to begin, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(untagged, expecting = "expected milliseconds, or two such numbers as [low, high]")]
pub(super) enum Delay {
    Always(u32),
    /// Log-normally distributed: nine in ten lie between, one in twenty below and one above.
    Between(u32, u32),
}

impl Delay {
    /// The delay of that call.
    pub(super) fn of(self, seed: u64, call: u64) -> Duration {
        let (low, high) = match self {
            Self::Always(ms) => return Duration::from_millis(ms.into()),
            Self::Between(low, high) => (f64::from(low).ln(), f64::from(high).ln()),
        };
        // Of a normal distribution nine tenths lie within 1.645 deviations. Box and Muller make it of two even draws;
        // the first is never 0, nor its logarithm endless.
        let (first, second) = (1.0 - draw([seed, call, u64::MAX]), draw([seed, call, u64::MAX - 1]));
        let normal = (-2.0 * first.ln()).sqrt() * (std::f64::consts::TAU * second).cos();
        let ms = ((low + high) / 2.0 + (high - low) / (2.0 * 1.645) * normal).exp();
        Duration::try_from_secs_f64(ms / 1000.0).unwrap_or_default()
    }
}

/// An action as it is written.
#[derive(Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WrittenAction {
    text: Option<String>,
    append: Option<String>,
    invent_number: Option<bool>,
    refusal: Option<String>,
    empty: Option<bool>,
    blank: Option<bool>,
    body: Option<String>,
    garbage: Option<bool>,
    error: Option<String>,
    quota: Option<bool>,
    big_body_mib: Option<u64>,
    flag: Option<Vec<String>>,
    finish_reason: Option<String>,
    think: Option<String>,
    fenced: Option<bool>,
    parts: Option<bool>,
    nested: Option<usize>,
    content_filter: Option<Filter>,
    set: BTreeMap<String, Value>,
    drop: Vec<String>,
    truncate: Option<bool>,
    status: Option<u16>,
    headers: BTreeMap<String, String>,
    content_type: Option<String>,
    #[serde(alias = "stall_ms")]
    delay_ms: Option<Delay>,
    drip_ms: Option<u64>,
    stall: Option<bool>,
    stall_body: Option<bool>,
    cut: Option<bool>,
    reset: Option<bool>,
}

/// The most brackets, and the most MiB, that are made of one answer.
const MAX_NESTED: usize = 10_000_000;
const MAX_BIG: u64 = 1 << 20;
const MORE_THAN_ONE: &str = "`do` says more than one thing to do; write a step for each";

impl WrittenAction {
    /// What is to be done, or why it cannot be.
    pub(super) fn read(self) -> Result<Action, String> {
        if self == Self::default() {
            return Err("`do` says nothing to do".to_owned());
        }
        let sending = self.sending()?;
        let Self { delay_ms: delay, stall, reset, .. } = self;
        let unsaid = Self { delay_ms: delay, stall, reset, ..Self::default() };
        if matches!(sending, Sending::Never | Sending::Reset) && self != unsaid {
            return Err(MORE_THAN_ONE.to_owned());
        }
        if matches!(delay, Some(Delay::Between(low, high)) if low == 0 || low > high) {
            return Err("`delay_ms` goes from 1 or more to no less than that".to_owned());
        }
        let (says, status) = (self.says()?, self.status()?);
        let truncated = flag("truncate", self.truncate)?;
        if matches!(says, Says::Big(_)) && (truncated || !matches!(sending, Sending::Whole)) {
            return Err("`big_body_mib` is sent as it is made, and in no other way".to_owned());
        }
        let set = self.set.into_iter().map(|(place, value)| Edit::Set(place, value));
        let edits: Vec<Edit> = set.chain(self.drop.into_iter().map(Edit::Drop)).collect();
        for Edit::Set(place, _) | Edit::Drop(place) in &edits {
            if !place.starts_with('/') {
                return Err(format!("`{place}` is no place in an answer; write it as `/choices/0/message`"));
            }
        }
        let headers = headers(self.headers, self.content_type)?;
        Ok(Action { delay, says, edits, truncated, status, headers, sending })
    }

    fn status(&self) -> Result<Option<StatusCode>, String> {
        let read = |status| StatusCode::from_u16(status).ok().filter(|status| status.as_u16() >= 200);
        let wrong = || "`status` is a number from 200 to 999".to_owned();
        self.status.map(|status| read(status).ok_or_else(wrong)).transpose()
    }

    fn sending(&self) -> Result<Sending, String> {
        let drip = self.drip_ms.map(|ms| Sending::Drip(Duration::from_millis(ms)));
        let found = [
            drip,
            when("stall", self.stall, Sending::Never)?,
            when("stall_body", self.stall_body, Sending::Half)?,
            when("cut", self.cut, Sending::CutHalfway)?,
            when("reset", self.reset, Sending::Reset)?,
        ];
        Ok(only(found)?.unwrap_or_default())
    }

    fn says(&self) -> Result<Says, String> {
        let words = [
            self.text.clone().map(Words::Text),
            self.append.clone().map(Words::Append),
            self.refusal.clone().map(Words::Refusal),
            when("invent_number", self.invent_number, Words::InventNumber)?,
            when("empty", self.empty, Words::Empty)?,
            when("blank", self.blank, Words::Blank)?,
        ];
        let words = only(words)?;
        let forms = [when("parts", self.parts, Form::Parts)?, self.nested.map(Form::Nested)];
        let form = only(forms)?;
        let filter = self.content_filter.filter(|filter| *filter != Filter::Prompt);
        let fenced = flag("fenced", self.fenced)?;
        let (finish_reason, think) = (self.finish_reason.clone(), self.think.clone());
        let is_copy = words.is_some()
            || form.is_some()
            || filter.is_some()
            || fenced
            || finish_reason.is_some()
            || think.is_some();
        let copy = Copy {
            words: words.unwrap_or_default(),
            form: form.unwrap_or_default(),
            filter,
            fenced,
            finish_reason,
            think,
        };
        if self.error.is_some() && self.status.is_none() {
            return Err("`error` goes with a `status`".to_owned());
        }
        if self.nested.is_some_and(|deep| deep > MAX_NESTED)
            || self.big_body_mib.is_some_and(|big| big > MAX_BIG)
        {
            return Err(format!("`nested` goes to {MAX_NESTED}, `big_body_mib` to {MAX_BIG}"));
        }
        let prompt = self.content_filter.filter(|filter| *filter == Filter::Prompt);
        let found = [
            is_copy.then_some(Says::Copy(copy)),
            self.body.clone().map(Says::Body),
            self.error.clone().map(|code| Says::Error(Some(code))),
            self.big_body_mib.map(Says::Big),
            self.flag.clone().map(Says::Flag),
            prompt.map(|_| Says::PromptFiltered),
            when("garbage", self.garbage, Says::Garbage)?,
            when("quota", self.quota, Says::Quota)?,
        ];
        let alone = if self.status.is_some() { Says::Error(None) } else { Says::default() };
        Ok(only(found)?.unwrap_or(alone))
    }
}

/// The one thing that is there, if any.
fn only<T>(found: impl IntoIterator<Item = Option<T>>) -> Result<Option<T>, String> {
    let mut found = found.into_iter().flatten();
    match (found.next(), found.next()) {
        (_, Some(_)) => Err(MORE_THAN_ONE.to_owned()),
        (found, None) => Ok(found),
    }
}

fn when<T>(key: &str, value: Option<bool>, then: T) -> Result<Option<T>, String> {
    flag(key, value).map(|set| set.then_some(then))
}

fn flag(key: &str, value: Option<bool>) -> Result<bool, String> {
    match value {
        Some(false) => Err(format!("`{key}` is `true`, or left out")),
        value => Ok(value.is_some()),
    }
}

fn headers(written: BTreeMap<String, String>, content_type: Option<String>) -> Result<HeaderMap, String> {
    let header = |(name, value): (String, String)| {
        let pair = HeaderName::try_from(&name).ok().zip(HeaderValue::try_from(&value).ok());
        pair.ok_or_else(|| format!("`{name}: {value}` is no header"))
    };
    let content_type = content_type.map(|kind| (header::CONTENT_TYPE.to_string(), kind));
    written.into_iter().chain(content_type).map(header).collect()
}
