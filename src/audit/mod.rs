//! The log: what was generated and what was served, chained so that any change shows. Knows not how a text came to
//! be, and decides nothing about it.
//!
//! ```text
//! records → Recorder (one task) → chain entry = sha256(previous hash + "\n" + bytes) → one transaction per flush
//! ```

mod append;
mod chain;
mod queue;
mod records;
mod reviews;
pub mod search;
mod user;
pub mod verify;
mod writer;

pub use records::{
    Decision, Event, FORMAT, GapRecord, GenerationPayload, GenerationRecord, KeyChange, KeyRecord, Outcome,
    PolicyRecord, Record, ReviewAction, ReviewPayload, ReviewRecord, RuleVerdict, ServeRecord,
    StoredGeneration, StoredReview, StoredVerdict, VerdictMode, VerdictPayload, VerdictRecord,
};
pub use reviews::{Rejected, Reviews};
pub use user::UserKey;
pub use writer::{Clock, LogUnavailable, Recorder, Settings, append_beside};

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
