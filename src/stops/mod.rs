//! What is banned or dropped outside the files: stops, rejected and taken-down texts, purges. Knows no request and no rule of
//! the files.
//!
//! ```text
//! journal ─┐
//!          ├─ Register ── compiled → Stops, pinned by each request
//! store  ──┘
//! ```

mod book;
mod journal;
mod order;
mod register;
mod snapshot;

pub use book::{Book, Done, Leave, MOST_STOPS, StopError, read_beside, restore, write_beside};
pub use order::{MAX_REASON, Order, check_scope};
pub use register::{Purge, Register, Rejection, Stop, wordings, wordings_text};
pub use snapshot::{About, Halt, Stops};

#[cfg(test)]
mod tests;
