//! One call to one provider, and what it means for the calls after it.

use std::time::Duration;

use jiff::fmt::rfc2822;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use secrecy::ExposeSecret;
use tokio::time::Instant;

use super::ask::{Ask, base_url};
use super::wire::{Completion, ErrorBody};
use super::{Attempt, GenerateError, Provider, ProviderKind};
use crate::words::Micros;

/// The most bytes read of any answer: a blurb and its envelope are a few kilobytes.
const MAX_BODY: usize = 1 << 20;
/// The most characters kept of an error, and of the short strings that an upstream names things with.
const MAX_ERROR: usize = 300;

/// A provider and the connections to it.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) provider: Provider,
    http: reqwest::Client,
    authorization: Option<(&'static str, HeaderValue)>,
}

/// What a call means for the calls after it.
#[derive(Debug, PartialEq)]
pub(super) enum Next<T = std::convert::Infallible> {
    /// Here is what was asked for; no more calls.
    Done(T),
    /// The prompt was understood and refused. Asking others until one agrees would defeat the refusal.
    Stop,
    /// The same call may go better, after that wait where the provider names one.
    Retry(Option<Duration>),
    /// This provider is of no more use to this prompt; another may be.
    GiveUp,
}

impl Next {
    fn without_answer<T>(self) -> Next<T> {
        match self {
            Self::Done(never) => match never {},
            Self::Stop => Next::Stop,
            Self::Retry(wait) => Next::Retry(wait),
            Self::GiveUp => Next::GiveUp,
        }
    }
}

/// Why a call gave no answer, for the record and for what follows.
#[derive(Debug)]
pub(super) struct Fault {
    error: String,
    next: Next,
}

impl Fault {
    pub(super) fn new(error: impl Into<String>, next: Next) -> Self {
        Self { error: error.into(), next }
    }
}

impl Client {
    pub(super) fn new(provider: Provider) -> Result<Self, GenerateError> {
        let url = base_url(&provider)?;
        let authorization = authorization(&provider)?;
        // Another part of the process may have installed a provider of cryptography already; either will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("copyrail/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(provider.connect_timeout)
            // A key must go where the settings say and nowhere else: not through a proxy that the environment
            // names, not to where an answer points.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            // One layer alone retries.
            .retry(reqwest::retry::never());
        if url.scheme() == "http" {
            // Then no certificate is ever looked at, and a machine that has none can still be used.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build().map_err(|error| GenerateError::Client {
            provider: provider.name.clone(),
            reason: chain(&error),
        })?;
        Ok(Self { provider, http, authorization })
    }

    /// Asks once, for at most `limit` and the provider's own time-out. `reserved` is what the call costs if nobody
    /// can tell what it used.
    pub(super) async fn call<A: Ask>(
        &self,
        ask: &A,
        limit: Duration,
        reserved: Micros,
    ) -> (Attempt, Next<A::Answer>) {
        let started = Instant::now();
        let mut attempt = self.attempt(ask.model(&self.provider), reserved);
        let limit = limit.min(self.provider.timeout);
        // The exchange fills the attempt in as it learns, so that a call cut off is recorded as far as it got.
        let exchanged = tokio::time::timeout(limit, self.exchange(ask, &mut attempt)).await;
        let next = match exchanged {
            Ok(Ok(answer)) => Next::Done(answer),
            Ok(Err(fault)) => {
                attempt.error = Some(fault.error);
                fault.next.without_answer()
            }
            Err(_) => {
                attempt.error = Some(format!("no whole answer within {} ms", limit.as_millis()));
                Next::GiveUp
            }
        };
        attempt.latency_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.redact(&mut attempt);
        (attempt, next)
    }

    fn attempt(&self, model: &str, cost: Micros) -> Attempt {
        Attempt {
            provider: self.provider.name.clone(),
            model_asked: model.to_owned(),
            model_answering: None,
            finish_reason: None,
            refusal: None,
            text: None,
            usage: None,
            cost,
            latency_ms: 0,
            upstream_request_id: None,
            status: None,
            error: None,
            fault: None,
            repair: false,
            system_fingerprint: None,
        }
    }

    async fn exchange<A: Ask>(&self, ask: &A, attempt: &mut Attempt) -> Result<A::Answer, Fault> {
        let unsent = |attempt: &mut Attempt| attempt.cost = Micros(0);
        let url = ask.url(&self.provider).inspect_err(|_| unsent(attempt))?;
        let body = ask.body(&self.provider).map_err(|error| {
            unsent(attempt);
            Fault::new(error.to_string(), Next::GiveUp)
        })?;
        let mut call = self.http.post(url).header(CONTENT_TYPE, "application/json").body(body);
        if let Some((name, value)) = &self.authorization {
            call = call.header(*name, value.clone());
        }
        let response = call.send().await.map_err(|error| {
            if error.is_connect() {
                // Nothing was asked, so nothing was used.
                attempt.cost = Micros(0);
            }
            Fault::new(chain(&error.without_url()), Next::Retry(None))
        })?;
        let status = response.status();
        let headers = response.headers().clone();
        attempt.status = Some(status.as_u16());
        attempt.upstream_request_id = header(&headers, "x-request-id").map(str::to_owned);
        if status != StatusCode::OK {
            // A call that is turned away is not charged for.
            attempt.cost = Micros(0);
        }
        let body = read(response).await?;
        if status == StatusCode::OK {
            ask.read(&body, &self.provider, attempt)
        } else {
            Err(turned_away(status, &headers, &body))
        }
    }

    /// Takes the key out of whatever an upstream sent back, and bounds what ought to be short.
    fn redact(&self, attempt: &mut Attempt) {
        let key = self.provider.api_key.as_ref().map(|key| key.expose_secret()).filter(|key| !key.is_empty());
        let clean = |field: &mut Option<String>, most: usize| {
            if let (Some(text), Some(key)) = (field.as_mut(), key)
                && text.contains(key)
            {
                *text = text.replace(key, "[key]");
            }
            if let Some(text) = field.as_mut()
                && let Some((end, _)) = text.char_indices().nth(most)
            {
                text.truncate(end);
            }
        };
        clean(&mut attempt.text, MAX_BODY);
        for field in [
            &mut attempt.error,
            &mut attempt.refusal,
            &mut attempt.model_answering,
            &mut attempt.finish_reason,
            &mut attempt.upstream_request_id,
            &mut attempt.system_fingerprint,
        ] {
            clean(field, MAX_ERROR);
        }
    }
}

/// Reads the completion of a `200` into the attempt: only a whole, unrefused one has a text.
pub(super) fn read_completion(body: &[u8], provider: &Provider, attempt: &mut Attempt) -> Result<(), Fault> {
    let completion: Completion = serde_json::from_slice(body)
        .map_err(|_| Fault::new(format!("no chat completion: {}", one_line(body)), Next::GiveUp))?;
    attempt.usage = completion.usage();
    if let (Some(usage), Some(price)) = (attempt.usage, &provider.price) {
        attempt.cost = price.of(usage);
    }
    let filter_failed = completion.filter_failed();
    attempt.model_answering = completion.model;
    attempt.system_fingerprint = completion.system_fingerprint;
    let Some(choice) = completion.choices.into_iter().next() else {
        return Err(Fault::new("the answer has no choices", Next::GiveUp));
    };
    attempt.finish_reason = choice.finish_reason;
    attempt.refusal = choice.message.refusal.filter(|refusal| !refusal.is_empty());
    attempt.text = choice.message.content;
    if attempt.refusal.is_some() {
        return Err(Fault::new("the model refused", Next::Stop));
    }
    match attempt.finish_reason.as_deref() {
        Some("stop") => {}
        Some("content_filter") => return Err(Fault::new("the answer was filtered", Next::Stop)),
        Some(other) => return Err(Fault::new(format!("the answer ended with `{other}`"), Next::GiveUp)),
        None => return Err(Fault::new("the answer does not say that it is whole", Next::GiveUp)),
    }
    if filter_failed {
        return Err(Fault::new("the provider's content filter did not run", Next::GiveUp));
    }
    Ok(())
}

fn authorization(provider: &Provider) -> Result<Option<(&'static str, HeaderValue)>, GenerateError> {
    let Some(key) = &provider.api_key else {
        return Ok(None);
    };
    let key = key.expose_secret();
    let (name, value) = match provider.kind {
        ProviderKind::OpenAi => ("authorization", format!("Bearer {key}")),
        ProviderKind::Azure => ("api-key", key.to_owned()),
    };
    let mut value =
        HeaderValue::try_from(value).map_err(|_| GenerateError::Key { provider: provider.name.clone() })?;
    value.set_sensitive(true);
    Ok(Some((name, value)))
}

/// The body, as far as it is allowed to go.
async fn read(mut response: Response) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= MAX_BODY => body.extend_from_slice(&chunk),
            Ok(Some(_)) => return Err(Fault::new("the answer is larger than 1 MiB", Next::GiveUp)),
            Ok(None) => return Ok(body),
            Err(error) => return Err(Fault::new(chain(&error.without_url()), Next::Retry(None))),
        }
    }
}

/// What an answer that is not `200` means.
fn turned_away(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Fault {
    let said = ErrorBody::read(body);
    let next = match status.as_u16() {
        _ if said.out_of_money() => Next::GiveUp,
        _ if said.filtered() => Next::Stop,
        408 | 409 | 429 | 500..=599 => Next::Retry(retry_after(headers)),
        _ => Next::GiveUp,
    };
    let kind = header(headers, CONTENT_TYPE.as_str()).unwrap_or("no content type");
    let message = said.message.unwrap_or_else(|| format!("{kind}: {}", one_line(body)));
    let codes = if said.codes.is_empty() { String::new() } else { format!(" ({})", said.codes.join(", ")) };
    Fault::new(format!("{status}{codes}: {message}"), next)
}

/// How long the provider asks to wait. A date is read against the answer's own `Date`: no clock is needed, and it is
/// the provider's clock that the date was made with.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| header(headers, name)?.trim().parse::<f64>().ok();
    let seconds = number("retry-after-ms").map(|ms| ms / 1000.0).or_else(|| number(RETRY_AFTER.as_str()));
    let seconds = seconds.or_else(|| {
        let date = |name: &str| rfc2822::parse(header(headers, name)?).ok();
        let (now, then) = (date(DATE.as_str())?, date(RETRY_AFTER.as_str())?);
        Some(then.timestamp().duration_since(now.timestamp()).as_secs_f64())
    })?;
    Duration::try_from_secs_f64(seconds.max(0.0)).ok()
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// A body on one line. It is cut only after the key is out of it: half a key would not be found.
pub(super) fn one_line(body: &[u8]) -> String {
    String::from_utf8_lossy(body).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An error and its causes, on one line: reqwest's own words stop at "error sending request".
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
