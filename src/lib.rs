//! copyrail serves personalised product copy, kept on rails.
//!
//! A product page asks for a blurb. copyrail picks the segment's template, has an OpenAI-compatible LLM write the
//! copy, checks it against brand and compliance rules, records it, caches it, and answers with pre-written copy
//! whenever anything is late, down or not allowed.
//!
//! ```text
//! request → facts + attributes → consent → segment → mode → template → declared inputs → key
//!        → cache ── draft → approve (compare stamps, or judge again) → Approved
//!        → generate: one task per key, awaited until the deadline
//!              LLM → guardrails → durable record → cache
//!        → segment-level copy → pre-written copy → empty text
//!        → serve record → response
//! ```
//!
//! [`pipeline`] tells that story in code; start there. The modules below are in its order: each stands on those
//! that come after it, and knows nothing of those before.

pub mod alerts;
pub mod app;
pub mod audit;
pub mod cache;
pub mod casefile;
pub mod catalogue;
pub mod cli;
pub mod condition;
pub mod config;
pub mod console;
pub mod diagnostic;
pub mod document;
pub mod fallback;
pub mod generate;
pub mod guardrail;
pub mod http;
pub mod pipeline;
pub mod policy;
pub mod prompt;
pub mod replay;
pub mod segment;
pub mod simulate;
pub mod stops;
pub mod store;
pub mod telemetry;
pub mod words;
