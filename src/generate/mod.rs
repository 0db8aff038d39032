//! OpenAI wire types, client, retries, budget, gate: a prompt goes in, an answer comes out. Knows no rules, no cache
//! and no log: the answer it hands back is raw text that nobody has judged yet.
//!
//! [`Generator::write`] asks the providers in their order. Every call it makes is an [`Attempt`], whatever became of
//! it, so that the record can say what was asked, what came back and what it cost. Only a whole answer counts: one
//! that ended with `stop`, is no refusal and holds text.
//!
//! Questions about a text go the same way: [`Generator::answer`] for one in JSON, [`Generator::moderate`] for a moderation.

mod answer;
mod ask;
mod attempt;
mod breaker;
mod budget;
mod client;
mod gate;
mod provider;
mod redact;
mod terms;
mod trace;
mod wire;
mod write;

#[cfg(test)]
mod tests;

pub use crate::config::{BreakerSettings, Output, Price, Provider, ProviderKind, TokenLimitField};
pub use crate::prompt::{DEFAULT_MAX_TOKENS, Message, Parameters, Prompt, Role};
pub use crate::words::Purpose;
pub use answer::blurb_in;
pub use ask::Moderation;
pub use attempt::{Attempt, Failure, FaultKind, Usage, Written};
pub use breaker::BreakerState;
pub use budget::{Budget, Purse, Reservation, Spent};
pub use gate::{Fullness, Gate, Permit, Place};
pub use terms::{Barred, Closing, Terms, Wall};
pub use write::{GenerateError, Generator, ProviderStanding, Whom};
