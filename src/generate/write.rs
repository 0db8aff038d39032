//! The providers in their order, each with its retries, within one limit and one budget.

use std::time::Duration;

use serde_json::Value;
use thiserror::Error;
use tokio::time::Instant;

use super::ask::{Ask, Moderate, Question, Write};
use super::client::{Client, Next};
use super::{Attempt, Budget, Failure, Moderation, Prompt, Provider, Terms, Written};

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
        Ok(Self { clients, providers, models, budget })
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

    /// Has the prompt answered on those terms.
    ///
    /// Dropping the future abandons the call in flight, which then costs what was reserved for it.
    pub async fn write(&self, prompt: &Prompt, terms: &Terms) -> Written {
        self.ask(&Write(prompt), None, terms).await
    }

    /// Has a prompt answered that asks for a JSON object of this schema, likewise. The answer is what the model wrote, with
    /// whatever it put around the object, and without the provider's key.
    pub async fn answer(&self, prompt: &Prompt, schema: &Value, whom: Whom<'_>, terms: &Terms) -> Written {
        let question = Question { prompt, schema, model: whom.model };
        let Written { attempts, result } = self.ask(&question, whom.provider, terms).await;
        let said = || attempts.last().and_then(|attempt| attempt.text.clone()).unwrap_or_default();
        let result = result.map(|_| said());
        Written { attempts, result }
    }

    /// Has a text moderated, likewise. It is not metered: such services tell no tokens.
    pub async fn moderate(&self, text: &str, whom: Whom<'_>, terms: &Terms) -> Written<Moderation> {
        self.ask(&Moderate { text, model: whom.model }, whom.provider, terms).await
    }

    async fn ask<A: Ask>(&self, ask: &A, provider: Option<&str>, terms: &Terms) -> Written<A::Answer> {
        let left = || terms.ends.saturating_duration_since(Instant::now());
        let mut attempts: Vec<Attempt> = Vec::new();
        let mut refused_by_budget = false;
        let asked = |client: &&Client| provider.is_none_or(|name| client.provider.name == name);
        if provider.is_some() && !self.clients.iter().any(|client| asked(&client)) {
            return Written { attempts, result: Err(Failure::NoProvider) };
        }
        for client in self.clients.iter().filter(asked) {
            let mut retry = 0;
            loop {
                if left().is_zero() {
                    return Written { attempts, result: Err(Failure::TimedOut) };
                }
                let Some(payment) = self.budget.reserve(ask.worst(&client.provider), terms) else {
                    refused_by_budget = true;
                    break;
                };
                let (attempt, next) = client.call(ask, left(), payment.amount()).await;
                payment.settle(attempt.cost);
                attempts.push(attempt);
                let asked_to_wait = match next {
                    Next::Done(answer) => return Written { attempts, result: Ok(answer) },
                    Next::Stop => return Written { attempts, result: Err(Failure::Upstream) },
                    Next::GiveUp => break,
                    Next::Retry(_) if retry == client.provider.retries => break,
                    Next::Retry(asked_to_wait) => asked_to_wait,
                };
                let wait = asked_to_wait.unwrap_or_default().max(backoff(retry));
                if wait >= left() {
                    break;
                }
                retry += 1;
                tokio::time::sleep(wait).await;
            }
        }
        let failure = match (left().is_zero(), refused_by_budget && attempts.is_empty()) {
            (true, _) => Failure::TimedOut,
            (false, true) => Failure::Budget,
            (false, false) => Failure::Upstream,
        };
        Written { attempts, result: Err(failure) }
    }
}

/// The wait before the retry of that number, from 0.
fn backoff(retry: u32) -> Duration {
    let full = FIRST_BACKOFF.saturating_mul(2_u32.saturating_pow(retry)).min(LONGEST_BACKOFF);
    full.mul_f64(rand::random_range(0.5..=1.0))
}
