//! What was written already, and what is being written now: the key of a question, drafts in memory, flights; and how
//! often was asked what nothing is there for.
//!
//! The cache holds drafts, never approved text: each hit is compared with the rules in force, or judged again, by
//! whoever takes it out. Knows no rules, no model, no log.

mod admission;
mod flight;
mod key;
mod looks;
mod memory;

pub use admission::{Admission, Users};
pub use flight::{Flight, Flights};
pub use key::{Key, Keys, Question};
pub use looks::Looks;
pub use memory::{Kept, Memory, Models, Writers};
