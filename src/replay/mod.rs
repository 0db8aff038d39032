//! Texts that were written or could be served, judged again: what other rules would make of them, and what could be shown now.
//! Knows no request and no model.
//!
//! Whatever is said here of a text is said by `approve`, the very function that a text on its way to a page is held against,
//! with all of its ground that the log and the catalogue still hold.

mod backtest;
mod ground;
mod kept;
mod opinions;
mod report;
mod shadow;
mod sweep;
mod vouched;

pub use backtest::{Backtest, Plan, backtest};
pub use ground::{Facts, Origin, Text};
pub use kept::{KeptError, KeptSets};
pub use opinions::KeptOpinions;
pub use report::{Change, Changes, Count, Example, LeftOut, Report, RuleChanges};
pub use shadow::{ShadowCounts, ShadowExample, ShadowReport, ShadowRule, Shadows, ShadowsTold, shadow};
pub use sweep::{Hit, Kind, LastServe, Moments, Node, Standing, Standings, SweepReport, sweep};
pub use vouched::{FactsOf, RulesOf, Told, Vouched, vouched};

#[cfg(test)]
mod tests;
