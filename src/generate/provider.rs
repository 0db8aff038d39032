//! One provider as the settings describe it, as a value.

use std::time::Duration;

use secrecy::SecretString;

use super::{Prompt, Usage};
use crate::words::Micros;

/// A server that speaks OpenAI's Chat Completions.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name in the settings, records and metrics.
    pub name: String,
    /// Which dialect of paths and headers it speaks.
    pub kind: ProviderKind,
    /// Where its API begins: with `/v1` for OpenAI, the resource's root for Azure. `http` or `https`.
    pub base_url: String,
    /// The key, for servers that want one.
    pub api_key: Option<SecretString>,
    /// The model's name; for Azure the deployment's.
    pub model: String,
    /// How long opening a connection may take.
    pub connect_timeout: Duration,
    /// How long one call may take, connecting and reading included.
    pub timeout: Duration,
    /// How many times a call is repeated after its first failure.
    pub retries: u32,
    /// The field that caps the tokens written.
    pub token_limit_field: TokenLimitField,
    /// The form answers are asked for in.
    pub output: Output,
    /// What tokens cost. A provider without a price is not metered.
    pub price: Option<Price>,
}

/// The dialect of paths and headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderKind {
    /// `/chat/completions` below the base URL, key as bearer.
    OpenAi,
    /// `/openai/deployments/{model}/chat/completions`, header `api-key`.
    Azure,
}

/// The field that caps the tokens written; older servers know only the older name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenLimitField {
    /// `max_completion_tokens`.
    MaxCompletionTokens,
    /// `max_tokens`.
    MaxTokens,
}

/// The form answers are asked for in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The text itself.
    Text,
    /// `{"text": …}`, held to by the provider through a JSON schema.
    JsonSchema,
    /// `{"text": …}`, asked for in a message and held to be some JSON object by the provider.
    JsonObject,
}

/// What a million tokens cost, in units of the budget's currency. Negative prices count as zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Price {
    /// Tokens read.
    pub input: f64,
    /// Tokens read from the provider's cache.
    pub cached_input: f64,
    /// Tokens written.
    pub output: f64,
}

impl Price {
    /// What that usage costs, rounded up. Cached tokens are charged at their own price and not at the full one too.
    pub fn of(&self, usage: Usage) -> Micros {
        let cached = usage.cached_input.min(usage.input);
        // A price per million tokens is as many millionths per token.
        let micros = self.input.max(0.0) * (usage.input - cached) as f64
            + self.cached_input.max(0.0) * cached as f64
            + self.output.max(0.0) * usage.output as f64;
        Micros(micros.ceil() as u64)
    }

    /// The most that one call with this prompt can cost. No tokenizer makes more tokens of a text than it has bytes,
    /// and a few more mark where each message begins and ends.
    pub fn worst(&self, prompt: &Prompt) -> Micros {
        const PER_MESSAGE: usize = 16;
        // The request's own overhead: the priming of the answer, and the schema or the message that asks for JSON.
        const PER_REQUEST: usize = 256;
        let input =
            prompt.messages.iter().map(|m| m.content.len() + PER_MESSAGE).sum::<usize>() + PER_REQUEST;
        let output = u64::from(prompt.parameters.token_limit());
        self.of(Usage { input: input as u64, cached_input: 0, output })
    }
}
