//! A span around each call to a provider, by the names that OpenTelemetry has for calls to models. It says what was
//! asked of whom and what became of it; never what a prompt or an answer says.

use std::future::Future;

use reqwest::Url;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::client::Called;
use super::{Attempt, Provider, ProviderKind};
use crate::telemetry::{list, names, word};

/// Makes a call inside a span of its own.
pub(super) async fn traced<T>(
    provider: &Provider,
    operation: &'static str,
    model: &str,
    call: impl Future<Output = Called<T>>,
) -> Called<T> {
    let span = tracing::debug_span!(
        "chat",
        { names::SPAN_NAME } = Empty,
        { names::SPAN_KIND } = "client",
        { names::SPAN_STATUS } = Empty,
        { names::OPERATION } = operation,
        { names::PROVIDER } = match provider.kind {
            ProviderKind::OpenAi => "openai",
            ProviderKind::Azure => "azure.ai.openai",
        },
        { names::COPYRAIL_PROVIDER } = provider.name,
        { names::REQUEST_MODEL } = model,
        { names::RESPONSE_MODEL } = Empty,
        { names::FINISH_REASONS } = Empty,
        { names::INPUT_TOKENS } = Empty,
        { names::CACHED_INPUT_TOKENS } = Empty,
        { names::OUTPUT_TOKENS } = Empty,
        { names::SERVER_ADDRESS } = Empty,
        { names::SERVER_PORT } = Empty,
        { names::HTTP_STATUS } = Empty,
        { names::ERROR_TYPE } = Empty,
    );
    if span.is_disabled() {
        return call.await;
    }
    span.record(names::SPAN_NAME, format!("{operation} {model}").trim_end());
    if let Ok(url) = Url::parse(&provider.base_url) {
        span.record(names::SERVER_ADDRESS, url.host_str());
        span.record(names::SERVER_PORT, url.port_or_known_default());
    }
    let called = call.instrument(span.clone()).await;
    tell(&span, &called.attempt);
    called
}

fn tell(span: &Span, attempt: &Attempt) {
    span.record(names::RESPONSE_MODEL, attempt.model_answering.as_deref());
    if let Some(reason) = attempt.finish_reason.as_deref() {
        list(span, names::FINISH_REASONS, &[reason]);
    }
    if let Some(usage) = attempt.usage {
        span.record(names::INPUT_TOKENS, usage.input);
        span.record(names::CACHED_INPUT_TOKENS, usage.cached_input);
        span.record(names::OUTPUT_TOKENS, usage.output);
    }
    span.record(names::HTTP_STATUS, attempt.status);
    if attempt.error.is_some() {
        span.record(names::SPAN_STATUS, "ERROR");
        span.record(names::ERROR_TYPE, attempt.fault.as_ref().map_or(names::OTHER_ERROR, word));
    }
}
