//! The log: what was generated and what was served, chained so that any change shows. Knows not how a text came to
//! be, and decides nothing about it.
//!
//! ```text
//! records → Recorder (one task) → chain entry = sha256(previous hash + "\n" + bytes) → one transaction per flush
//! ```

mod append;
pub mod backup;
pub mod bulk;
mod chain;
pub mod chained;
pub mod counts;
pub mod desk;
pub mod erase;
pub mod export;
pub mod heads;
pub mod hold;
mod holding;
pub mod index;
mod person;
mod queue;
mod records;
pub mod retain;
mod reviews;
pub mod search;
mod spool;
pub mod stops;
pub mod subject;
pub mod tally;
pub mod texts;
mod user;
pub mod verify;
pub mod waiting;
mod writer;

pub use holding::{Holding, NotUndone};
pub use records::{
    Decision, Edited, ErasureRecord, Event, ExportRecord, FORMAT, GapCause, GapRecord, GenerationPayload,
    GenerationRecord, HoldRecord, HoldScope, KeyChange, KeyRecord, Outcome, PolicyRecord, PurgeRecord,
    PurgeScope, Record, Retained, RetentionRecord, ReviewAction, ReviewPayload, ReviewRecord, RuleVerdict,
    Run, ServeRecord, Step, StepRecord, StopKind, StopRecord, StoredGeneration, StoredReview, StoredVerdict,
    Undone, VerdictMode, VerdictPayload, VerdictRecord,
};
pub use reviews::{Rejected, Reviews, write_down_rejections};
pub use user::{UserKey, reference, references, secret_file};
pub use writer::{
    Clock, Condition, LogUnavailable, NotShown, Recorder, SPOOL, Settings, Standing, append_beside,
};

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod writing_tests;
