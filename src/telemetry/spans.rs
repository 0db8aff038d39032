//! What spans need beyond what `tracing` has: parents from elsewhere, and lists. Spans of this service are made at the
//! level `debug`, so that they cost nothing where nobody asks for them, and hold words, names and numbers alone.

use tracing::Span;

/// Makes a span part of the trace that a caller named; `traceparent` is well-formed. Without a place that traces are
/// exported to there is nothing to be part of.
#[cfg_attr(not(feature = "otlp"), expect(unused_variables, reason = "nothing is exported"))]
pub fn adopt(span: &Span, traceparent: &str) {
    #[cfg(feature = "otlp")]
    super::otlp::adopt(span, traceparent);
}

/// Records a list of words.
pub fn list(span: &Span, name: &'static str, words: &[&str]) {
    #[cfg(feature = "otlp")]
    super::otlp::list(span, name, words);
    #[cfg(not(feature = "otlp"))]
    span.record(name, words.join(","));
}
