//! One LLM provider, as settings describe it, and how it is read from them.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;

use super::read::section;
use crate::document::{self, Faults, Fields, Node, one_of};

/// A server that speaks OpenAI's Chat Completions.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name in the settings, records and metrics.
    pub name: String,
    /// Which dialect of paths and headers it speaks.
    pub kind: ProviderKind,
    /// Where its API begins: with `/v1` for OpenAI, the resource's root for Azure. `http` or `https`.
    pub base_url: String,
    /// The key, for servers that want one.
    pub api_key: Option<SecretString>,
    /// The model's name; for Azure the deployment's.
    pub model: String,
    /// How long opening a connection may take.
    pub connect_timeout: Duration,
    /// How long one call may take, connecting and reading included.
    pub timeout: Duration,
    /// How many times a call is repeated after its first failure.
    pub retries: u32,
    /// The field that caps the tokens written.
    pub token_limit_field: TokenLimitField,
    /// The form answers are asked for in.
    pub output: Output,
    /// What tokens cost. A provider without a price is not metered.
    pub price: Option<Price>,
    /// How long the head of an answer may take; without one, as long as the whole call may.
    pub first_byte_timeout: Option<Duration>,
    /// How many calls it is put at once; without one, as many as generations run.
    pub concurrency: Option<usize>,
    /// When it is left alone, and for how long.
    pub breaker: BreakerSettings,
    /// The version of the API that Azure is asked for; without one, the newest that is known to do.
    pub api_version: Option<String>,
}

/// When a provider is left alone, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerSettings {
    /// After how many failures in a row, at least 1.
    pub failures: u32,
    /// For how long at first; twice as long each time that a trial call fails.
    pub open_for: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { failures: 5, open_for: Duration::from_secs(10) }
    }
}

/// The dialect of paths and headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderKind {
    /// `/chat/completions` below the base URL, key as bearer.
    OpenAi,
    /// `/openai/deployments/{model}/chat/completions`, header `api-key`.
    Azure,
}

/// The field that caps the tokens written; older servers know only the older name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenLimitField {
    /// `max_completion_tokens`.
    MaxCompletionTokens,
    /// `max_tokens`.
    MaxTokens,
}

/// The form answers are asked for in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The text itself.
    Text,
    /// `{"text": …}`, held to by the provider through a JSON schema.
    JsonSchema,
    /// `{"text": …}`, asked for in a message and held to be some JSON object by the provider.
    JsonObject,
}

/// What a million tokens cost, in units of the budget's currency. Negative prices count as zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Price {
    /// Tokens read.
    pub input: f64,
    /// Tokens read from the provider's cache.
    pub cached_input: f64,
    /// Tokens written.
    pub output: f64,
}

/// Reads one `[[llm.providers]]`.
pub(super) fn read(node: &Node, environment: &BTreeMap<String, String>, faults: &Faults) -> Option<Provider> {
    let mut fields = Fields::of(node, "a provider", faults)?;
    let name = fields.require_text("name", "write `name = \"primary\"`", faults);
    const KINDS: &[(&str, ProviderKind)] =
        &[("openai", ProviderKind::OpenAi), ("azure", ProviderKind::Azure)];
    let kind = fields.take("kind").and_then(|node| one_of(node, KINDS, faults));
    let url_node = fields.require("base_url", "write `base_url = \"https://api.openai.com/v1\"`", faults);
    let base_url = url_node.and_then(|node| document::text(node, faults));
    if let (Some(node), Some(url)) = (url_node, &base_url)
        && !(url.starts_with("https://") || url.starts_with("http://"))
    {
        faults.error_with_help(
            node.span,
            "a provider's address begins with https:// or http://",
            "write the whole address",
        );
    }
    let key_node = fields.take("api_key_env");
    let key_name = key_node.and_then(|node| document::text(node, faults));
    if let (Some(node), Some(name)) = (key_node, &key_name)
        && environment.get(name).is_none_or(String::is_empty)
    {
        faults.error_with_help(
            node.span,
            format!("the variable {name} is not set"),
            format!("set {name} to the provider's key"),
        );
    }
    let model = fields.require_text("model", "write `model = \"gpt-4.1-mini\"`", faults);
    let mut duration = |key| fields.take(key).and_then(|node| document::duration(node, faults));
    let (connect_timeout, timeout) = (duration("connect_timeout"), duration("timeout"));
    let retries = fields.take("retries").and_then(|node| document::count(node, faults)).unwrap_or(2);
    const FIELDS: &[(&str, TokenLimitField)] = &[
        ("max_completion_tokens", TokenLimitField::MaxCompletionTokens),
        ("max_tokens", TokenLimitField::MaxTokens),
    ];
    let limit_field = fields.take("token_limit_field").and_then(|node| one_of(node, FIELDS, faults));
    const OUTPUTS: &[(&str, Output)] =
        &[("text", Output::Text), ("json_schema", Output::JsonSchema), ("json_object", Output::JsonObject)];
    let output = fields.take("output").and_then(|node| one_of(node, OUTPUTS, faults));
    let price = section(&mut fields, "price_per_million", faults, |fields| {
        let mut price =
            |key| fields.take(key).and_then(|node| document::number(node, faults)).filter(|n| *n >= 0.0);
        let (input, cached, output) = (price("input"), price("cached_input"), price("output"));
        Some(Price { input: input?, cached_input: cached.or(input)?, output: output? })
    });
    if let Some(None) = price {
        faults.error_with_help(
            fields.span(),
            "the prices are not whole",
            "give `input` and `output`, per million tokens",
        );
    }
    let first_byte_timeout =
        fields.take("first_byte_timeout").and_then(|node| document::duration(node, faults));
    let concurrency = fields.take("concurrency").and_then(|node| at_least_one(node, faults));
    let breaker = section(&mut fields, "breaker", faults, |fields| {
        let failures = fields.take("failures").and_then(|node| at_least_one(node, faults));
        let open_for = fields.take("open_for").and_then(|node| document::duration(node, faults));
        let usual = BreakerSettings::default();
        let failures =
            failures.map_or(usual.failures, |failures| u32::try_from(failures).unwrap_or(u32::MAX));
        BreakerSettings { failures, open_for: open_for.unwrap_or(usual.open_for) }
    });
    let api_version = fields.text("api_version", faults);
    fields.finish(faults);
    Some(Provider {
        name: name?,
        kind: kind.unwrap_or(ProviderKind::OpenAi),
        base_url: base_url?,
        api_key: key_name.and_then(|name| environment.get(&name)).map(|key| key.clone().into()),
        model: model?,
        connect_timeout: connect_timeout.unwrap_or(Duration::from_secs(1)),
        timeout: timeout.unwrap_or(Duration::from_secs(8)),
        retries: u32::try_from(retries.min(10)).unwrap_or(10),
        token_limit_field: limit_field.unwrap_or(TokenLimitField::MaxCompletionTokens),
        output: output.unwrap_or(Output::Text),
        price: price.flatten(),
        first_byte_timeout,
        concurrency,
        breaker: breaker.unwrap_or_default(),
        api_version,
    })
}

fn at_least_one(node: &Node, faults: &Faults) -> Option<usize> {
    let count = document::count(node, faults)?;
    if count == 0 {
        faults.error_with_help(node.span, "0 would have nothing asked at all", "write 1 or more");
    }
    Some(count.max(1))
}

/// The provider that the usual variables describe, when any of them is set.
pub(super) fn from_environment(environment: &BTreeMap<String, String>) -> Option<Provider> {
    let get = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    let (base_url, key) = (get("OPENAI_BASE_URL"), get("OPENAI_API_KEY"));
    if base_url.is_none() && key.is_none() {
        return None;
    }
    Some(Provider {
        name: "openai".into(),
        kind: ProviderKind::OpenAi,
        base_url: base_url.map_or("https://api.openai.com/v1", String::as_str).trim_end_matches('/').into(),
        api_key: key.map(|key| key.clone().into()),
        model: get("OPENAI_MODEL").map_or("gpt-4.1-mini", String::as_str).into(),
        connect_timeout: Duration::from_secs(1),
        timeout: Duration::from_secs(8),
        retries: 2,
        token_limit_field: TokenLimitField::MaxCompletionTokens,
        output: Output::Text,
        price: None,
        first_byte_timeout: None,
        concurrency: None,
        breaker: BreakerSettings::default(),
        api_version: None,
    })
}
