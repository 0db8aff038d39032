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
pub mod search;
mod user;
pub mod verify;
mod writer;

pub use records::{
    Event, FORMAT, GapRecord, GenerationPayload, GenerationRecord, KeyChange, KeyRecord, Outcome,
    PolicyRecord, Record, ServeRecord, StoredGeneration,
};
pub use user::UserKey;
pub use writer::{Clock, LogUnavailable, Recorder, Settings, append_beside};

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
