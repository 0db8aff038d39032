//! One call to one provider: whether it may be made, how it goes, and what it means for the calls after it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use secrecy::ExposeSecret;
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::Instant;

use super::ask::{Ask, base_url};
use super::breaker::{Change, Circuit, Health, Ticket};
use super::redact::{without_key, without_secrets};
use super::wire::{Completion, ErrorBody};
use super::{Attempt, FaultKind, GenerateError, Provider, ProviderKind, Wall};
use crate::words::Micros;

/// How many times its worst case a call may cost and be believed: some servers do not keep to the limit of tokens.
const MOST_BEYOND_WORST: u64 = 10;
/// The most bytes read of any answer: a blurb and its envelope are a few kilobytes.
const MAX_BODY: usize = 1 << 20;
/// The most bytes read of an error: what is behind them says nothing that is kept.
const MAX_ERROR_BODY: usize = 1 << 16;
/// The most characters kept of an error, and of the short strings that an upstream names things with.
const MAX_ERROR: usize = 300;
/// For how long at least a provider is left alone whose account has no money.
const NO_MONEY: Duration = Duration::from_secs(60);

/// A provider, the connections to it, and what keeps calls from it.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) provider: Provider,
    http: reqwest::Client,
    authorization: Option<(&'static str, HeaderValue)>,
    circuit: Mutex<Circuit>,
    places: Semaphore,
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
    kind: FaultKind,
    pub(super) error: String,
    said: Option<String>,
    next: Next,
    health: Health,
}

impl Fault {
    pub(super) fn new(kind: FaultKind, error: impl Into<String>, next: Next) -> Self {
        let ill = |hold| Health::Ill { fault: kind, hold };
        let health = match kind {
            FaultKind::Unsent | FaultKind::Abandoned => Health::Unknown,
            FaultKind::Connect
            | FaultKind::Broken
            | FaultKind::Timeout
            | FaultKind::Redirect
            | FaultKind::RateLimited
            | FaultKind::Server
            | FaultKind::TooLarge
            | FaultKind::Garbage => ill(None),
            FaultKind::Quota => ill(Some(NO_MONEY)),
            FaultKind::Rejected
            | FaultKind::Unfinished
            | FaultKind::Refused
            | FaultKind::Filtered
            | FaultKind::Empty
            | FaultKind::WrongForm => Health::Well,
        };
        Self { kind, error: error.into(), said: None, next, health }
    }

    /// With what the upstream said.
    pub(super) fn saying(self, said: String) -> Self {
        Self { said: Some(said).filter(|said| !said.is_empty()), ..self }
    }
}

/// Why a call is given up before it has ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum GivenUp {
    /// A provider asked earlier has answered.
    NotNeeded,
    /// A provider asked later has answered.
    Overtaken,
    /// The service closes.
    Closing,
}

/// How long a call may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time {
    /// No later than this, and no longer than the provider's own time-out.
    pub(super) ends: Instant,
    /// Whether that is all the time that there ever was: a provider that lets it pass is slow. One that was left a rest
    /// need not be.
    pub(super) whole: bool,
    /// Wall time.
    pub(super) wall: Wall,
}

/// A call that ended.
pub(super) struct Called<T> {
    pub(super) attempt: Attempt,
    pub(super) next: Next<T>,
    pub(super) health: Health,
}

/// Why a provider is not asked now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// Its breaker is open.
    Open,
    /// It is put as many calls as it may be.
    Full,
}

/// Leave to make one call, and a place among those under way. Dropping it says nothing of the provider.
#[derive(Debug)]
pub(super) struct Pass<'c> {
    client: &'c Client,
    ticket: Option<Ticket>,
    _place: SemaphorePermit<'c>,
}

impl Pass<'_> {
    /// Says what the call came to, and tells those who run the service when that changes whether the provider is asked.
    pub(super) fn report(mut self, health: Health) {
        let change = self.ticket.take().and_then(|ticket| self.client.report(ticket, health));
        let provider = self.client.provider.name.as_str();
        match (change, health) {
            (Some(Change::Opened(time)), Health::Ill { fault: FaultKind::Quota, .. }) => tracing::error!(
                provider,
                seconds = time.as_secs(),
                "the provider's account has no money or quota left; it is left alone"
            ),
            (Some(Change::Opened(time)), Health::Ill { fault, .. }) => tracing::warn!(
                provider,
                seconds = time.as_secs(),
                fault = fault.as_str(),
                "the provider fails; it is left alone"
            ),
            (Some(Change::Closed), _) => tracing::info!(provider, "the provider answers again"),
            _ => {}
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.client.report(ticket, Health::Unknown);
        }
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
        let circuit = Mutex::new(Circuit::new(provider.breaker));
        let places = Semaphore::new(capacity(&provider));
        Ok(Self { provider, http, authorization, circuit, places })
    }

    /// Leave to make one call now: in that place where there is one already.
    pub(super) fn admit<'c>(&'c self, place: Option<SemaphorePermit<'c>>) -> Result<Pass<'c>, Held> {
        let (mut circuit, now) = (self.circuit(), Instant::now());
        if !circuit.admits(now) {
            return Err(Held::Open);
        }
        let place = place.or_else(|| self.places.try_acquire().ok()).ok_or(Held::Full)?;
        let ticket = circuit.admit(now);
        Ok(Pass { client: self, ticket, _place: place })
    }

    /// A place among the calls under way, once there is one. None only when there never will be.
    pub(super) async fn place(&self) -> Option<SemaphorePermit<'_>> {
        self.places.acquire().await.ok()
    }

    /// How many calls are under way.
    pub(super) fn in_flight(&self) -> usize {
        capacity(&self.provider).saturating_sub(self.places.available_permits())
    }

    /// The breaker, whatever became of the thread that held it before: each of its changes is whole.
    pub(super) fn circuit(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self, ticket: Ticket, health: Health) -> Option<Change> {
        self.circuit().report(ticket, health, Instant::now(), rand::random_range(0..=1000))
    }

    /// Asks once, unless it is given up meanwhile. `reserved` is what the call costs if nobody can tell what it used.
    pub(super) async fn call<A: Ask>(
        &self,
        ask: &A,
        time: Time,
        reserved: Micros,
        given_up: &mut watch::Receiver<Option<GivenUp>>,
    ) -> Called<A::Answer> {
        let started = Instant::now();
        let mut attempt = self.attempt(ask.model(&self.provider), reserved);
        let left = time.ends.saturating_duration_since(started);
        let limit = left.min(self.provider.timeout);
        // The exchange fills the attempt in as it learns, so that a call cut off is recorded as far as it got.
        let exchanged = tokio::select! {
            biased;
            why = given_up_for(given_up) => Err(abandoned(why)),
            exchanged = tokio::time::timeout(limit, self.exchange(ask, time.wall, &mut attempt)) => {
                exchanged.unwrap_or_else(|_| {
                    let mut fault = late(format!("no whole answer within {} ms", limit.as_millis()));
                    if !time.whole && left < self.provider.timeout {
                        fault.health = Health::Unknown;
                    }
                    Err(fault)
                })
            }
        };
        let (next, health) = match exchanged {
            Ok(answer) => (Next::Done(answer), Health::Well),
            Err(fault) => {
                attempt.error = Some(fault.error);
                attempt.said = fault.said;
                attempt.fault = Some(fault.kind);
                (fault.next.without_answer(), fault.health)
            }
        };
        attempt.latency_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.redact(&mut attempt);
        Called { attempt, next, health }
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
            said: None,
            fault: None,
            repair: false,
            system_fingerprint: None,
        }
    }

    async fn exchange<A: Ask>(&self, ask: &A, wall: Wall, attempt: &mut Attempt) -> Result<A::Answer, Fault> {
        let unsent = |attempt: &mut Attempt| attempt.cost = Micros(0);
        let url = ask.url(&self.provider).inspect_err(|_| unsent(attempt))?;
        let body = ask.body(&self.provider).map_err(|error| {
            unsent(attempt);
            Fault::new(FaultKind::Unsent, error.to_string(), Next::GiveUp)
        })?;
        let mut call = self.http.post(url).header(CONTENT_TYPE, "application/json").body(body);
        if let Some((name, value)) = &self.authorization {
            call = call.header(*name, value.clone());
        }
        let head = async { call.send().await.map_err(|error| self.unanswered(error, attempt)) };
        let response = match self.provider.first_byte_timeout {
            Some(limit) => tokio::time::timeout(limit, head).await.unwrap_or_else(|_| {
                Err(late(format!("the answer had not begun within {} ms", limit.as_millis())))
            })?,
            None => head.await?,
        };
        let status = response.status();
        let headers = response.headers().clone();
        let asked_to_wait = retry_after(&headers, wall.now());
        attempt.status = Some(status.as_u16());
        attempt.upstream_request_id = header(&headers, "x-request-id").map(str::to_owned);
        if status.is_success() {
            let (body, end) = read(response, MAX_BODY).await;
            end?;
            return ask.read(&body, &self.provider, attempt);
        }
        // A call that is turned away is not charged for; and however its error ends, the status says what it is.
        attempt.cost = Micros(0);
        let (body, _) = read(response, MAX_ERROR_BODY).await;
        let said = ErrorBody::read(&body);
        let kind = header(&headers, CONTENT_TYPE.as_str()).unwrap_or("no content type");
        let message = said.message.clone().unwrap_or_else(|| format!("{kind}: {}", one_line(&body)));
        Err(turned_away(status, &headers, asked_to_wait, &said).saying(message))
    }

    /// What it means that no head of an answer came.
    fn unanswered(&self, error: reqwest::Error, attempt: &mut Attempt) -> Fault {
        if error.is_connect() || error.is_builder() {
            // Nothing was asked, so nothing was used.
            attempt.cost = Micros(0);
        }
        if error.is_builder() {
            return Fault::new(FaultKind::Unsent, chain(&error.without_url()), Next::GiveUp);
        }
        if error.is_connect() {
            let limit = self.provider.connect_timeout.as_millis();
            let error = match error.is_timeout() {
                true => format!("no connection within {limit} ms"),
                false => chain(&error.without_url()),
            };
            return Fault::new(FaultKind::Connect, error, Next::Retry(None));
        }
        Fault::new(FaultKind::Broken, chain(&error.without_url()), Next::Retry(None))
    }

    /// Takes secrets out of whatever an upstream sent back, and bounds what ought to be short.
    fn redact(&self, attempt: &mut Attempt) {
        let bound = |mut text: String, most: usize| {
            if let Some((end, _)) = text.char_indices().nth(most) {
                text.truncate(end);
            }
            text
        };
        attempt.text = attempt.text.take().map(|text| bound(without_key(text, &self.provider), MAX_BODY));
        for field in [
            &mut attempt.error,
            &mut attempt.said,
            &mut attempt.refusal,
            &mut attempt.model_answering,
            &mut attempt.finish_reason,
            &mut attempt.upstream_request_id,
            &mut attempt.system_fingerprint,
        ] {
            *field = field.take().map(|text| bound(without_secrets(text, &self.provider), MAX_ERROR));
        }
    }
}

/// How many calls a provider is put at once.
fn capacity(provider: &Provider) -> usize {
    provider.concurrency.unwrap_or(Semaphore::MAX_PERMITS).clamp(1, Semaphore::MAX_PERMITS)
}

/// Ends once the call is given up, and says why.
async fn given_up_for(given_up: &mut watch::Receiver<Option<GivenUp>>) -> GivenUp {
    let why = given_up.wait_for(Option::is_some).await.ok().and_then(|why| *why);
    match why {
        Some(why) => why,
        // Nobody is left who could give it up.
        None => std::future::pending().await,
    }
}

fn abandoned(why: GivenUp) -> Fault {
    let error = match why {
        GivenUp::NotNeeded | GivenUp::Overtaken => "given up: another provider answered first",
        GivenUp::Closing => "given up: the service closes",
    };
    let mut fault = Fault::new(FaultKind::Abandoned, error, Next::GiveUp);
    if matches!(why, GivenUp::Overtaken) {
        // Otherwise a provider that never answers would be asked, waited for and paid for again and again.
        fault.health = Health::Ill { fault: FaultKind::Abandoned, hold: None };
    }
    fault
}

fn late(error: String) -> Fault {
    Fault::new(FaultKind::Timeout, error, Next::GiveUp)
}

/// Reads the completion of a `200` into the attempt, and answers what the model wrote: only a whole, unrefused one has a
/// text.
pub(super) fn read_completion(
    body: &[u8],
    provider: &Provider,
    attempt: &mut Attempt,
) -> Result<String, Fault> {
    let none = || Fault::new(FaultKind::Garbage, "no chat completion", Next::GiveUp).saying(one_line(body));
    let completion: Completion = serde_json::from_slice(body).map_err(|_| none())?;
    attempt.usage = completion.usage();
    if let (Some(usage), Some(price)) = (attempt.usage, &provider.price) {
        // What was reserved is the worst case. Usage that costs many times that is no usage, and believing it would spend
        // a day's budget at once.
        let believable = attempt.cost.0.saturating_mul(MOST_BEYOND_WORST);
        let cost = price.of(usage);
        attempt.cost = if cost.0 <= believable { cost } else { attempt.cost };
    }
    attempt.model_answering.clone_from(&completion.model);
    attempt.system_fingerprint.clone_from(&completion.system_fingerprint);
    if let Some(said) = completion.error() {
        let message = said.message.clone().unwrap_or_else(|| one_line(body));
        return Err(turned_away(said.status(), &HeaderMap::new(), None, &said).saying(message));
    }
    let Some(choice) = completion.choice() else {
        let empty = || Fault::new(FaultKind::Garbage, "the answer has no choices", Next::GiveUp);
        return Err(if completion.choices.is_some() { empty() } else { none() });
    };
    let filter_failed = completion.filter_failed(&choice);
    attempt.finish_reason = choice.finish_reason;
    let message = choice.message.ok_or_else(none)?;
    attempt.refusal = message.refusal();
    attempt.text = message.text();
    if attempt.refusal.is_some() {
        return Err(Fault::new(FaultKind::Refused, "the model refused", Next::Stop));
    }
    let unfinished = |error: String| Fault::new(FaultKind::Unfinished, error, Next::GiveUp);
    match attempt.finish_reason.as_deref() {
        Some("stop") => {}
        Some("content_filter") => {
            return Err(Fault::new(FaultKind::Filtered, "the answer was filtered", Next::Stop));
        }
        Some(other) => return Err(unfinished(format!("the answer ended with `{other}`"))),
        None => return Err(unfinished("the answer does not say that it is whole".to_owned())),
    }
    if filter_failed {
        let error = "the provider's content filter did not run";
        return Err(Fault::new(FaultKind::Filtered, error, Next::GiveUp));
    }
    Ok(attempt.text.clone().unwrap_or_default())
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

/// The body as far as it came and was allowed to, and how it ended.
async fn read(mut response: Response, most: usize) -> (Vec<u8>, Result<(), Fault>) {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= most => body.extend_from_slice(&chunk),
            Ok(Some(_)) => {
                let fault = Fault::new(FaultKind::TooLarge, "the answer is larger than 1 MiB", Next::GiveUp);
                return (body, Err(fault));
            }
            Ok(None) => return (body, Ok(())),
            Err(error) => {
                let error = chain(&error.without_url());
                return (body, Err(Fault::new(FaultKind::Broken, error, Next::Retry(None))));
            }
        }
    }
}

/// What an answer means that is no success.
fn turned_away(
    status: StatusCode,
    headers: &HeaderMap,
    asked_to_wait: Option<Duration>,
    said: &ErrorBody,
) -> Fault {
    let codes: Vec<&str> = said.codes.iter().map(String::as_str).filter(|code| is_code(code)).collect();
    let error =
        if codes.is_empty() { status.to_string() } else { format!("{status} ({})", codes.join(", ")) };
    let code = status.as_u16();
    if said.out_of_money() || code == 402 {
        return Fault::new(FaultKind::Quota, error, Next::GiveUp);
    }
    if said.filtered() {
        return Fault::new(FaultKind::Filtered, error, Next::Stop);
    }
    let kind = match code {
        300..=399 => return Fault::new(FaultKind::Redirect, error, Next::GiveUp),
        429 => FaultKind::RateLimited,
        500.. => FaultKind::Server,
        _ => FaultKind::Rejected,
    };
    let may_pass = matches!(code, 408 | 409 | 429 | 500..);
    // Some servers know better than their status says.
    let may_pass = match header(headers, "x-should-retry") {
        Some("true") => true,
        Some("false") => false,
        _ => may_pass,
    };
    let next = if may_pass { Next::Retry(asked_to_wait) } else { Next::GiveUp };
    let mut fault = Fault::new(kind, error, next);
    // Other prompts may fare better with the rest of what turns prompts away.
    if matches!(code, 401 | 403 | 408 | 409) {
        fault.health = Health::Ill { fault: kind, hold: None };
    }
    fault
}

/// Whether that is a word for programs, and not a sentence that may say anything.
fn is_code(code: &str) -> bool {
    (1..=60).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// How long the provider asks to wait. A date is read against the answer's own `Date`, as it was made with the provider's
/// clock; where the answer has none, against wall time.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let number = |name: &str| header(headers, name)?.trim().parse::<f64>().ok();
    let seconds = number("retry-after-ms").map(|ms| ms / 1000.0).or_else(|| number(RETRY_AFTER.as_str()));
    let seconds = seconds.or_else(|| {
        let date = |name: &str| Some(rfc2822::parse(header(headers, name)?).ok()?.timestamp());
        let then = date(RETRY_AFTER.as_str())?;
        Some(then.duration_since(date(DATE.as_str()).unwrap_or(now)).as_secs_f64())
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
