//! What became of a prompt: each call as it went, and the text or the failure in the end.

use serde::{Deserialize, Serialize};

use crate::words::Micros;

/// One call to one provider, as it goes into the record. No field ever holds the provider's key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// The provider's name in the settings.
    pub provider: String,
    /// The model that was asked for.
    pub model_asked: String,
    /// The model that says it answered.
    pub model_answering: Option<String>,
    /// Why the model stopped writing; only `stop` may be used.
    pub finish_reason: Option<String>,
    /// The model's own words when it refused.
    pub refusal: Option<String>,
    /// The text as the model gave it, usable or not: untrimmed, with any JSON around it, at most 1 MiB.
    pub text: Option<String>,
    /// The tokens used, where the answer says.
    pub usage: Option<Usage>,
    /// What the call cost: from its usage, or the whole reservation where the answer does not say. Nothing for calls
    /// that never reached the provider or were turned away, and for providers without a price.
    pub cost: Micros,
    /// From sending to the last byte read, in milliseconds.
    pub latency_ms: u64,
    /// The `x-request-id` the provider gave the call.
    pub upstream_request_id: Option<String>,
    /// The HTTP status, once there was one.
    pub status: Option<u16>,
    /// What went wrong, in our own words; `None` when the text can be used.
    pub error: Option<String>,
    /// What an upstream said of it, or sent instead of an answer, in at most 300 characters. It may say the prompt back.
    #[serde(default)]
    pub said: Option<String>,
    /// The same as one of few words; absent in older records.
    #[serde(default)]
    pub fault: Option<FaultKind>,
    /// Whether it asked to mend a text that rules had found wanting.
    #[serde(default)]
    pub repair: bool,
    /// The provider's name for what it ran; recorded, never relied on.
    pub system_fingerprint: Option<String>,
}

impl Attempt {
    /// Whether it failed in a way that is the prompt's own: asked again, it would most likely fail again.
    pub fn is_of_the_prompt(&self) -> bool {
        match self.fault {
            Some(
                FaultKind::Unfinished
                | FaultKind::Refused
                | FaultKind::Filtered
                | FaultKind::Empty
                | FaultKind::WrongForm,
            ) => true,
            // The others that are rejected say something of the key, or of the moment.
            Some(FaultKind::Rejected) => !matches!(self.status, Some(401 | 403 | 408 | 409)),
            _ => false,
        }
    }
}

/// What went wrong with a call, as one of few words: what metrics count by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Nothing could be sent: settings, or a prompt that this provider cannot be put.
    Unsent,
    /// No connection: refused, no such host, no TLS.
    Connect,
    /// The connection broke off.
    Broken,
    /// It took too long.
    Timeout,
    /// It was given up: another provider answered first, or the service went down.
    Abandoned,
    /// The answer points elsewhere, where nobody goes.
    Redirect,
    /// Turned away for now: 429 without a word of money.
    RateLimited,
    /// The account's money is spent.
    Quota,
    /// Turned away: any other 4xx.
    Rejected,
    /// The provider failed: 5xx.
    Server,
    /// More than is read of any answer.
    TooLarge,
    /// Not an answer of the protocol.
    Garbage,
    /// The answer was cut off, or does not say that it is whole.
    Unfinished,
    /// The model refused.
    Refused,
    /// A filter held the prompt or the answer back, or did not run.
    Filtered,
    /// The answer holds no text.
    Empty,
    /// The answer is not of the form asked for.
    WrongForm,
}

impl FaultKind {
    /// The word for it, as records have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unsent => "unsent",
            Self::Connect => "connect",
            Self::Broken => "broken",
            Self::Timeout => "timeout",
            Self::Abandoned => "abandoned",
            Self::Redirect => "redirect",
            Self::RateLimited => "rate_limited",
            Self::Quota => "quota",
            Self::Rejected => "rejected",
            Self::Server => "server",
            Self::TooLarge => "too_large",
            Self::Garbage => "garbage",
            Self::Unfinished => "unfinished",
            Self::Refused => "refused",
            Self::Filtered => "filtered",
            Self::Empty => "empty",
            Self::WrongForm => "wrong_form",
        }
    }
}

/// Tokens, as the provider counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt, those read from the provider's cache included.
    pub input: u64,
    /// Those of `input` that were read from the provider's cache.
    pub cached_input: u64,
    /// Tokens written, reasoning included.
    pub output: u64,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No provider gave an answer that can be used.
    Upstream,
    /// The day's budget did not allow a single call.
    Budget,
    /// The time given ran out.
    TimedOut,
    /// The service went down.
    Closed,
    /// Every provider's circuit breaker is open.
    BreakerOpen,
    /// No provider has the name that was asked for.
    NoProvider,
}

/// Everything that came of one prompt, or of one text put to a moderation.
#[derive(Clone, Debug, PartialEq)]
pub struct Written<T = String> {
    /// Every call made, in order.
    pub attempts: Vec<Attempt>,
    /// The answer, or why there is none. Of copy: trimmed and without quotes around it.
    pub result: Result<T, Failure>,
}

impl<T> Written<T> {
    /// What all the calls cost together.
    pub fn cost(&self) -> Micros {
        Micros(self.attempts.iter().fold(0, |sum, attempt| sum.saturating_add(attempt.cost.0)))
    }
}
