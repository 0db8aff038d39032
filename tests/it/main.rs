//! The service as its users meet it: the real server on port 0, a scripted upstream over real HTTP, real SQLite files.
//!
//! A test first proves that what it relies on bites, then that the exception passes. Nothing here asserts a time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(unreachable_pub, clippy::print_stderr, clippy::string_slice)]

mod support;

mod alerts;
mod approval;
mod audit;
mod backtest;
mod backup;
mod blurbs;
mod casefile;
mod changes;
mod check;
mod claims;
mod commands;
mod conditions;
mod console_compliance;
mod console_door;
mod console_figures;
mod console_lists;
mod console_queue;
mod console_trial;
mod crash;
mod declared;
mod demo;
mod desk;
mod edits;
mod erasure;
mod explain;
mod export;
mod faults;
mod flights;
mod grounded;
mod heads;
mod http;
mod idempotency;
mod kept;
mod keys;
mod ladder;
mod letter;
mod life;
mod lifecycle;
mod log;
mod metrics;
mod mistakes;
mod mutations;
mod naughty;
#[cfg(feature = "otlp")]
mod otlp;
mod presets;
mod promises;
mod prompts;
mod publishable;
mod purity;
mod recorded;
mod scan;
mod schema;
mod second;
mod segments_report;
mod serves;
mod soak;
mod spans;
mod spool;
mod stops;
mod store_faults;
mod stores;
mod sweep;
mod tampering;
mod undo;
mod upstream_faults;
mod usage;
mod vale;
mod warm;
