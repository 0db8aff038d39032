//! One LLM provider, as settings describe it, and how it is read from them.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;

use super::read::{section, some_time, table};
use crate::document::{self, Faults, Node, one_of};

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
    /// For how long at first, more than 0 and up to 5 minutes; twice as long each time that a trial call fails.
    pub open_for: Duration,
}

impl BreakerSettings {
    /// The longest that a provider is left alone, whatever it asks for and however often it failed. A tenth of the time
    /// may come on top, so that many services do not come back at once.
    pub const LONGEST_OPEN: Duration = Duration::from_secs(5 * 60);
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
    let help = "write its settings under a heading `[[llm.providers]]`";
    let mut fields = table(node, "a provider", help, faults)?;
    let name = fields.require_text("name", "write `name = \"primary\"`", faults);
    const KINDS: &[(&str, ProviderKind)] =
        &[("openai", ProviderKind::OpenAi), ("azure", ProviderKind::Azure)];
    let kind = fields.take("kind").and_then(|node| one_of(node, KINDS, faults));
    let url_node = fields.require("base_url", "write `base_url = \"https://api.openai.com/v1\"`", faults);
    let base_url = url_node.and_then(|node| document::text(node, faults));
    if let (Some(node), Some(url)) = (url_node, &base_url)
        && let Some((message, help)) = wrong_address(url, kind.unwrap_or(ProviderKind::OpenAi))
    {
        faults.error_with_help(node.span, message, help);
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
    let mut duration = |key| fields.take(key).and_then(|node| some_time(node, faults));
    let (connect_timeout, timeout) = (duration("connect_timeout"), duration("timeout"));
    let first_byte_timeout = duration("first_byte_timeout");
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
        let input = fields.require("input", "write what a million tokens read cost: `input = 0.40`", faults);
        let cached = fields.take("cached_input");
        let output =
            fields.require("output", "write what a million tokens written cost: `output = 1.60`", faults);
        let amount = |node: &Node| {
            let amount = document::number(node, faults)?;
            if amount < 0.0 {
                faults.error_with_help(node.span, "a price cannot be below nothing", "write 0 or more");
            }
            Some(amount)
        };
        let (input, cached) = (input.and_then(amount), cached.and_then(amount));
        let output = output.and_then(amount);
        Some(Price { input: input?, cached_input: cached.or(input)?, output: output? })
    });
    let concurrency = fields.take("concurrency").and_then(|node| at_least_one(node, faults));
    let breaker = section(&mut fields, "breaker", faults, |fields| {
        let failures = fields.take("failures").and_then(|node| at_least_one(node, faults));
        let open_for = fields.take("open_for").and_then(|node| {
            let time = some_time(node, faults)?;
            if time > BreakerSettings::LONGEST_OPEN {
                let message = "no provider is left alone for longer than five minutes";
                faults.error_with_help(node.span, message, "write `5m` or less, such as `10s`");
            }
            Some(time)
        });
        let usual = BreakerSettings::default();
        let failures =
            failures.map_or(usual.failures, |failures| u32::try_from(failures).unwrap_or(u32::MAX));
        BreakerSettings { failures, open_for: open_for.unwrap_or(usual.open_for) }
    });
    let api_version = fields.take("api_version").and_then(|node| {
        let version = document::text(node, faults)?;
        if version.is_empty() {
            let help = "write it as `2024-10-21`, or leave it out";
            faults.error_with_help(node.span, "this names no version", help);
        }
        Some(version)
    });
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

/// What is wrong with a provider's address, and what to write instead. The address is not repeated: it may hold a
/// password.
fn wrong_address(text: &str, kind: ProviderKind) -> Option<(&'static str, &'static str)> {
    let Some(url) = Url::parse(text).ok().filter(|url| ["http", "https"].contains(&url.scheme())) else {
        return Some(("a provider's address begins with https:// or http://", "write the whole address"));
    };
    if !url.username().is_empty() || url.password().is_some() {
        let help = "leave out what stands before the `@`; name the key's variable as `api_key_env`";
        return Some(("a provider's address holds no user and no password", help));
    }
    if url.query().is_some() || url.fragment().is_some() {
        let help = "leave out what stands from the `?` or `#` on; Azure's version is `api_version`";
        return Some(("a provider's address ends with its path", help));
    }
    let is_too_long = kind == ProviderKind::Azure && url.path() != "/";
    is_too_long.then_some((
        "the address of an Azure resource has no path",
        "write it as `https://name.openai.azure.com`; `model` names the deployment",
    ))
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
