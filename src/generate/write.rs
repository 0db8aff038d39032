//! The providers in their order, each with its retries, within one limit and one budget.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use serde_json::Value;
use thiserror::Error;
use tokio::sync::{SemaphorePermit, watch};
use tokio::time::Instant;

use super::ask::{Ask, Moderate, Question, Write};
use super::breaker::Health;
use super::client::{Called, Client, GivenUp, Held, Next, Pass, Time};
use super::trace::traced;
use super::{
    Attempt, BreakerState, Budget, Failure, FaultKind, Moderation, Prompt, Provider, Reservation, Terms,
    Written,
};

/// The wait before the first retry where the provider names none; it doubles with each, and a random half of it is
/// left out so that many callers do not come back at once.
const FIRST_BACKOFF: Duration = Duration::from_millis(200);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

/// Has prompts answered.
#[derive(Debug)]
pub struct Generator {
    clients: Vec<Client>,
    providers: Vec<Provider>,
    models: String,
    budget: Budget,
    hedge_after: Option<Duration>,
}

/// How a provider stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderStanding {
    /// Its name in the settings.
    pub name: String,
    /// Whether it is asked.
    pub breaker: BreakerState,
    /// How many calls failed in a row in such a way that it must be ill.
    pub failures: u32,
    /// What was wrong with the last of those; it stays when the provider answers again.
    pub fault: Option<FaultKind>,
    /// How many calls to it are under way.
    pub in_flight: usize,
    /// For how long it is left alone still.
    pub open_for: Option<Duration>,
}

/// Whom a question about a text is put to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whom<'a> {
    /// The one provider to ask, by its name; without one all are asked in their order.
    pub provider: Option<&'a str>,
    /// The model to ask there, instead of the provider's own.
    pub model: Option<&'a str>,
}

/// Why a generator cannot be made of its settings.
#[derive(Debug, Error)]
pub enum GenerateError {
    /// The base URL is none.
    #[error("provider `{provider}`: `{url}` is no http or https URL")]
    BaseUrl {
        /// The provider's name.
        provider: String,
        /// The URL as given.
        url: String,
    },
    /// The key cannot be sent.
    #[error("provider `{provider}`: its key holds characters that no HTTP header may")]
    Key {
        /// The provider's name.
        provider: String,
    },
    /// No HTTP client can be made, for want of certificates for instance.
    #[error("provider `{provider}`: no HTTP client: {reason}")]
    Client {
        /// The provider's name.
        provider: String,
        /// What stands in the way.
        reason: String,
    },
}

impl Generator {
    /// Makes ready to ask the providers in that order. Connects to nothing. Without providers every prompt fails.
    pub fn new(providers: Vec<Provider>, budget: Budget) -> Result<Self, GenerateError> {
        let clients = providers.iter().cloned().map(Client::new).collect::<Result<_, _>>()?;
        let models = providers.iter().map(|provider| provider.model.as_str()).collect::<Vec<_>>().join("\n");
        Ok(Self { clients, providers, models, budget, hedge_after: None })
    }

    /// The same, but that the next provider is asked as well when the one asked has not answered after that long.
    pub fn hedged(self, after: Option<Duration>) -> Self {
        Self { hedge_after: after, ..self }
    }

    /// The providers, in the order they are asked.
    pub fn providers(&self) -> &[Provider] {
        &self.providers
    }

    /// The models that may answer, in their order, as one text: part of what copy is kept under.
    pub fn models(&self) -> &str {
        &self.models
    }

    /// The budget that calls are paid from.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Whether anybody may be asked at this moment; `BreakerOpen` when all providers are left alone.
    ///
    /// # Errors
    /// Why nobody would be asked. That somebody would does not promise that they still are a moment later.
    pub fn can_ask(&self) -> Result<(), Failure> {
        let now = Instant::now();
        match self.clients.iter().any(|client| client.circuit().admits(now)) {
            true => Ok(()),
            false if self.clients.is_empty() => Err(Failure::NoProvider),
            false => Err(Failure::BreakerOpen),
        }
    }

    /// How the providers stand, in the order they are asked.
    pub fn standing(&self) -> Vec<ProviderStanding> {
        let now = Instant::now();
        let standing = |client: &Client| {
            let circuit = client.circuit();
            let (breaker, open_for) = circuit.state(now);
            ProviderStanding {
                name: client.provider.name.clone(),
                breaker,
                failures: circuit.failures(),
                fault: circuit.fault(),
                in_flight: client.in_flight(),
                open_for,
            }
        };
        self.clients.iter().map(standing).collect()
    }

    /// Has the prompt answered on those terms.
    ///
    /// Dropping the future abandons the call in flight, which then costs what was reserved for it.
    pub async fn write(&self, prompt: &Prompt, terms: &Terms) -> Written {
        self.ask(&Write(prompt), None, terms).await
    }

    /// Has a prompt answered that asks for a JSON object of this schema, likewise. The answer is what the model wrote, with
    /// whatever it put around the object, and without the provider's key.
    pub async fn answer(&self, prompt: &Prompt, schema: &Value, whom: Whom<'_>, terms: &Terms) -> Written {
        self.ask(&Question { prompt, schema, model: whom.model }, whom.provider, terms).await
    }

    /// Has a text moderated, likewise. It is not metered: such services tell no tokens.
    pub async fn moderate(&self, text: &str, whom: Whom<'_>, terms: &Terms) -> Written<Moderation> {
        self.ask(&Moderate { text, model: whom.model }, whom.provider, terms).await
    }

    /// Asks the providers in their order, one at a time or, hedged, two; the first usable answer counts.
    async fn ask<A: Ask>(&self, ask: &A, provider: Option<&str>, terms: &Terms) -> Written<A::Answer> {
        let asked = |client: &&Client| provider.is_none_or(|name| client.provider.name == name);
        let mut ahead: Vec<&Client> = self.clients.iter().filter(asked).collect();
        let may = |client: &&Client| !A::WRITES || !terms.barred.holds(ask.model(&client.provider));
        ahead.retain(may);
        let mut attempts = Vec::new();
        if ahead.is_empty() && (provider.is_some() || !self.clients.is_empty()) {
            return Written { attempts, result: Err(Failure::NoProvider) };
        }
        let (give_up, given_up) = watch::channel(None);
        let mut lines = Vec::new();
        let line = |leave, whole, ahead: &[&Client]| {
            let now = Instant::now();
            let manner = Manner { whole, alone: !ahead.iter().any(|client| client.circuit().admits(now)) };
            Box::pin(self.line(ask, leave, manner, terms, given_up.clone()))
        };
        let mut hedge_at = None;
        let (last, result) = loop {
            if lines.is_empty() {
                match self.next(ask, &mut ahead, terms).await {
                    Ok(leave) => lines.push(line(leave, attempts.is_empty(), &ahead)),
                    Err(Failure::BreakerOpen | Failure::Budget) if !attempts.is_empty() => {
                        break (Vec::new(), Err(Failure::Upstream));
                    }
                    Err(failure) => break (Vec::new(), Err(failure)),
                }
                hedge_at = self.hedge_after.map(|after| Instant::now() + after);
            }
            let hedge = async {
                match hedge_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                (at, ended) = first(&mut lines) => {
                    drop(lines.remove(at));
                    match ended.result {
                        Some(result) => {
                            give_up.send_replace(Some(if at == 0 { GivenUp::NotNeeded } else { GivenUp::Overtaken }));
                            break (ended.attempts, result);
                        }
                        None => attempts.extend(ended.attempts),
                    }
                    hedge_at = self.hedge_after.map(|after| Instant::now() + after);
                }
                () = terms.closing.begun() => {
                    give_up.send_replace(Some(GivenUp::Closing));
                    break (Vec::new(), Err(Failure::Closed));
                }
                () = hedge => {
                    hedge_at = None;
                    if lines.len() == 1
                        && let Ok(leave) = self.pick(ask, &mut ahead, terms)
                    {
                        lines.push(line(leave, false, &ahead));
                    }
                }
            }
        };
        while !lines.is_empty() {
            let (at, ended) = first(&mut lines).await;
            drop(lines.remove(at));
            attempts.extend(ended.attempts);
        }
        // The attempt that counts is the last.
        attempts.extend(last);
        Written { attempts, result }
    }

    /// One provider with its retries.
    async fn line<A: Ask>(
        &self,
        ask: &A,
        mut leave: Leave<'_>,
        manner: Manner,
        terms: &Terms,
        mut given_up: watch::Receiver<Option<GivenUp>>,
    ) -> Line<A::Answer> {
        let mut attempts = Vec::new();
        let mut retry = 0;
        let result = loop {
            let Leave { client, pass, payment } = leave;
            let time = Time { ends: terms.ends, whole: manner.whole && retry == 0, wall: terms.wall };
            let call = client.call(ask, time, payment.amount(), &mut given_up);
            let model = ask.model(&client.provider);
            let Called { mut attempt, mut next, mut health } =
                traced(&client.provider, A::OPERATION, model, call).await;
            let answering = attempt.model_answering.as_deref();
            if A::WRITES && answering.is_some_and(|model| terms.barred.holds(model)) {
                attempt.error = Some("the model that answered is stopped".into());
                attempt.fault = Some(FaultKind::Rejected);
                next = Next::GiveUp;
            }
            payment.settle(attempt.cost);
            attempts.push(attempt);
            let left = terms.ends.saturating_duration_since(Instant::now());
            // Where others can be asked, nobody waits long for this one.
            let patience = if manner.alone { left } else { left.min(LONGEST_BACKOFF) };
            let mut wait = None;
            if let Next::Retry(named) = next {
                wait = Some(named.unwrap_or_default().max(backoff(retry))).filter(|wait| *wait < patience);
                if let (Some(named), Health::Ill { hold: hold @ None, .. }) = (named, &mut health)
                    && named >= patience
                {
                    *hold = Some(named);
                }
            }
            pass.report(health);
            match next {
                Next::Done(answer) => break Some(Ok(answer)),
                Next::Stop => break Some(Err(Failure::Upstream)),
                Next::GiveUp => break None,
                Next::Retry(_) if retry >= client.provider.retries => break None,
                Next::Retry(_) => {}
            }
            let Some(wait) = wait else { break None };
            retry += 1;
            tokio::select! {
                biased;
                _ = given_up.wait_for(Option::is_some) => break None,
                () = tokio::time::sleep(wait) => {}
            }
            // Others may have found out meanwhile that it is of no use.
            match self.leave(ask, client, None, terms) {
                Ok(again) => leave = again,
                Err(_) => break None,
            }
        };
        Line { attempts, result }
    }

    /// The next provider that may be asked, once there is one, or why there is none.
    async fn next<'g, A: Ask>(
        &'g self,
        ask: &A,
        ahead: &mut Vec<&'g Client>,
        terms: &Terms,
    ) -> Result<Leave<'g>, Failure> {
        loop {
            if terms.closing.is_now() {
                return Err(Failure::Closed);
            }
            if terms.ends <= Instant::now() {
                return Err(Failure::TimedOut);
            }
            let full = match self.pick(ask, ahead, terms) {
                Ok(leave) => return Ok(leave),
                Err(Blocked { full, .. }) if !full.is_empty() => full,
                Err(Blocked { open: true, .. }) => return Err(Failure::BreakerOpen),
                Err(Blocked { budget: true, .. }) => return Err(Failure::Budget),
                Err(_) => return Err(Failure::Upstream),
            };
            let mut places: Vec<_> = full.iter().map(|client| Box::pin(client.place())).collect();
            let (at, place) = tokio::select! {
                biased;
                () = terms.closing.begun() => return Err(Failure::Closed),
                found = first(&mut places) => found,
                () = tokio::time::sleep_until(terms.ends) => return Err(Failure::TimedOut),
            };
            drop(places);
            if let Some(client) = full.get(at)
                && let Ok(leave) = self.leave(ask, client, place, terms)
            {
                ahead.retain(|other| !std::ptr::eq(*other, *client));
                return Ok(leave);
            }
        }
    }

    /// The first of those ahead that may be asked now, taken out of them; or what stands before them.
    fn pick<'g, A: Ask>(
        &'g self,
        ask: &A,
        ahead: &mut Vec<&'g Client>,
        terms: &Terms,
    ) -> Result<Leave<'g>, Blocked<'g>> {
        let mut blocked = Blocked::default();
        for (at, client) in ahead.iter().enumerate() {
            match self.leave(ask, client, None, terms) {
                Ok(leave) => {
                    ahead.remove(at);
                    return Ok(leave);
                }
                Err(Refused::Budget) => blocked.budget = true,
                Err(Refused::Held(Held::Open)) => blocked.open = true,
                Err(Refused::Held(Held::Full)) => blocked.full.push(client),
            }
        }
        Err(blocked)
    }

    /// Leave to ask that provider now, with the money for it.
    fn leave<'g, A: Ask>(
        &'g self,
        ask: &A,
        client: &'g Client,
        place: Option<SemaphorePermit<'g>>,
        terms: &Terms,
    ) -> Result<Leave<'g>, Refused> {
        // Money first: of a provider that cannot be paid it does not matter whether it is ill.
        let Some(payment) = self.budget.reserve(ask.worst(&client.provider), terms) else {
            return Err(Refused::Budget);
        };
        match client.admit(place) {
            Ok(pass) => Ok(Leave { client, pass, payment }),
            Err(held) => {
                payment.settle(crate::words::Micros(0));
                Err(Refused::Held(held))
            }
        }
    }
}

/// Leave to make one call, and the money for it.
struct Leave<'g> {
    client: &'g Client,
    pass: Pass<'g>,
    payment: Reservation,
}

/// Why one provider is not asked now.
enum Refused {
    Budget,
    Held(Held),
}

/// Why none is.
#[derive(Default)]
struct Blocked<'g> {
    budget: bool,
    /// The breakers of some that could be paid are open.
    open: bool,
    /// These have as many calls as they may.
    full: Vec<&'g Client>,
}

/// How a provider is asked.
#[derive(Clone, Copy)]
struct Manner {
    /// Whether it has all the time that there is.
    whole: bool,
    /// Whether nobody that may be asked comes after it.
    alone: bool,
}

/// What came of one provider.
struct Line<T> {
    attempts: Vec<Attempt>,
    /// The answer, or that no other provider is to be asked either; nothing where another may be.
    result: Option<Result<T, Failure>>,
}

/// The first of these futures to end, by its place among them; it must not be waited for again.
async fn first<F: Future>(futures: &mut [Pin<Box<F>>]) -> (usize, F::Output) {
    poll_fn(|cx| {
        let ended = futures.iter_mut().enumerate().find_map(|(at, future)| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Some((at, output)),
            Poll::Pending => None,
        });
        ended.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

/// The wait before the retry of that number, from 0.
fn backoff(retry: u32) -> Duration {
    let full = FIRST_BACKOFF.saturating_mul(2_u32.saturating_pow(retry)).min(LONGEST_BACKOFF);
    full.mul_f64(rand::random_range(0.5..=1.0))
}
