//! What was written already, and what is being written now: the key of a question, drafts in memory, flights.
//!
//! The cache holds drafts, never approved text: each hit is compared with the rules in force, or judged again, by
//! whoever takes it out. Knows no rules, no model, no log.

mod flight;
mod key;
mod memory;

pub use flight::{Flight, Flights};
pub use key::{Key, Keys, Question};
pub use memory::{Kept, Memory};
