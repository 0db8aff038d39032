//! What providers' prices come to.

use super::{Price, Prompt, Usage};
use crate::words::Micros;

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
