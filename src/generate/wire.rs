//! What goes over the wire. The request says only what is set; the answer is read leniently, because servers differ
//! in everything but the shape of the one thing that matters.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{Output, Provider, TokenLimitField, Usage};
use crate::prompt::{Message, Parameters, Prompt, Role};

#[derive(Serialize)]
pub(super) struct Request<'a> {
    model: &'a str,
    messages: Vec<&'a Message>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Value>,
}

/// Providers refuse `json_object` unless a message speaks of JSON, and nothing else tells the model the shape.
pub(super) fn ask_for_json() -> Message {
    let content = r#"Answer with one JSON object of the form {"text": "…"} and nothing else."#.to_owned();
    Message { role: Role::System, content }
}

impl<'a> Request<'a> {
    /// The request that puts a prompt to a provider's model; `last` is sent after the prompt. The schema is asked for only
    /// where the provider holds its models to one.
    pub(super) fn new(
        provider: &Provider,
        model: &'a str,
        prompt: &'a Prompt,
        last: Option<&'a Message>,
        schema: impl FnOnce() -> Value,
    ) -> Self {
        let Parameters { temperature, top_p, presence_penalty, frequency_penalty, .. } = prompt.parameters;
        let limit = Some(prompt.parameters.token_limit());
        let (max_completion_tokens, max_tokens) = match provider.token_limit_field {
            TokenLimitField::MaxCompletionTokens => (limit, None),
            TokenLimitField::MaxTokens => (None, limit),
        };
        let messages = prompt.messages.iter().chain(last).collect();
        let response_format = match provider.output {
            Output::Text => None,
            Output::JsonSchema => Some(schema()),
            Output::JsonObject => Some(json!({"type": "json_object"})),
        };
        Self {
            model,
            messages,
            temperature,
            top_p,
            presence_penalty,
            frequency_penalty,
            max_completion_tokens,
            max_tokens,
            response_format,
        }
    }
}

pub(super) fn blurb_schema() -> Value {
    let schema = json!({
        "type": "object",
        "properties": {"text": {"type": "string"}},
        "required": ["text"],
        "additionalProperties": false,
    });
    json!({"type": "json_schema", "json_schema": {"name": "blurb", "strict": true, "schema": schema}})
}

/// An answer. Whatever is missing or of the wrong type reads as absent.
#[derive(Debug, Deserialize)]
pub(super) struct Completion {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) model: Option<String>,
    /// Whatever stands there: only the first is ever looked at.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) choices: Option<Vec<Value>>,
    #[serde(default, deserialize_with = "lenient")]
    usage: Option<UsageBody>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) system_fingerprint: Option<String>,
    #[serde(default)]
    prompt_filter_results: Value,
    #[serde(default)]
    error: Value,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Choice {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) finish_reason: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) message: Option<Answer>,
    /// Some versions of the API say it in the singular.
    #[serde(default, alias = "content_filter_result")]
    content_filter_results: Value,
}

#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    #[serde(default)]
    content: Value,
    #[serde(default)]
    refusal: Value,
}

/// What a refusal says; one in another form than words is a refusal all the same.
fn said(refusal: &Value) -> Option<String> {
    match refusal {
        Value::Null | Value::Bool(false) => None,
        Value::String(words) => Some(words.clone()).filter(|words| !words.is_empty()),
        other => Some(other.to_string()),
    }
}

impl Answer {
    /// The text. Some servers give it in parts, among which only those that say they are text are.
    pub(super) fn text(&self) -> Option<String> {
        let text = |part: &Value| {
            let kind = part.get("type").and_then(Value::as_str).unwrap_or("text");
            let text = part.get("text").and_then(Value::as_str)?;
            ["text", "output_text"].contains(&kind).then(|| text.to_owned())
        };
        match &self.content {
            Value::String(text) => Some(text.clone()),
            Value::Array(parts) => {
                let texts: Vec<_> = parts.iter().filter_map(text).collect();
                (!texts.is_empty()).then(|| texts.concat())
            }
            _ => None,
        }
    }

    /// The model's words where it refused, in the field for that or as a part of what it wrote.
    pub(super) fn refusal(&self) -> Option<String> {
        let parts = self.content.as_array().into_iter().flatten();
        let part = || parts.filter_map(|part| part.get("refusal")).find_map(said);
        said(&self.refusal).or_else(part)
    }
}

#[derive(Debug, Deserialize)]
struct UsageBody {
    prompt_tokens: u64,
    #[serde(default, deserialize_with = "lenient")]
    completion_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    prompt_tokens_details: Option<UsageDetails>,
}

#[derive(Debug, Deserialize)]
struct UsageDetails {
    #[serde(default, deserialize_with = "lenient")]
    cached_tokens: Option<u64>,
}

impl Completion {
    /// The tokens used, where the answer says how many were read and written. A server that says "none" does not count.
    pub(super) fn usage(&self) -> Option<Usage> {
        let body = self.usage.as_ref()?;
        let cached_input = body.prompt_tokens_details.as_ref().and_then(|d| d.cached_tokens).unwrap_or(0);
        let usage = Usage { input: body.prompt_tokens, cached_input, output: body.completion_tokens? };
        (usage.input > 0 || usage.output > 0).then_some(usage)
    }

    /// The first choice; nothing where there is none. Of one that is no object, nothing can be read.
    pub(super) fn choice(&self) -> Option<Choice> {
        let first = self.choices.as_ref()?.first()?;
        Some(Choice::deserialize(first).unwrap_or_default())
    }

    /// Whether Azure says that its content filter did not run. Such an answer is unscanned, which is not safe.
    pub(super) fn filter_failed(&self, choice: &Choice) -> bool {
        let said = |results: &Value| results.to_string().contains("content_filter_error");
        said(&self.prompt_filter_results) || said(&choice.content_filter_results)
    }

    /// The error that some proxies wrap into a `200`.
    pub(super) fn error(&self) -> Option<ErrorBody> {
        let is_one = match &self.error {
            Value::Object(fields) => !fields.is_empty(),
            Value::String(text) => !text.is_empty(),
            _ => false,
        };
        is_one.then(|| ErrorBody::of(&self.error))
    }
}

/// A text to moderate.
#[derive(Serialize)]
pub(super) struct ModerationRequest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<&'a str>,
    pub(super) input: &'a str,
}

/// A moderation's answer, one result for each text sent. Whatever is missing or of the wrong type reads as absent.
#[derive(Debug, Deserialize)]
pub(super) struct ModerationAnswer {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) model: Option<String>,
    pub(super) results: Vec<ModerationResult>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ModerationResult {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) flagged: Option<bool>,
    /// Some categories are null where a model does not know them.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) categories: Option<BTreeMap<String, Option<bool>>>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) category_scores: Option<BTreeMap<String, Option<f64>>>,
}

/// What an error body says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ErrorBody {
    /// For people.
    pub(super) message: Option<String>,
    /// For programs: `code` and `type`, whichever are there, in small letters.
    pub(super) codes: Vec<String>,
}

impl ErrorBody {
    /// Reads an error body of whatever shape.
    pub(super) fn read(body: &[u8]) -> Self {
        let Ok(value) = serde_json::from_slice::<Value>(body) else {
            return Self::default();
        };
        // Some servers put it in a list, some give the error object itself, some a bare string.
        let value = value.get(0).unwrap_or(&value);
        Self::of(value.get("error").unwrap_or(value))
    }

    fn of(error: &Value) -> Self {
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let message = error.get("message").unwrap_or(error);
        let inner = error.get("innererror").and_then(|inner| inner.get("code"));
        let codes = ["code", "type"].iter().filter_map(|key| error.get(key)).chain(inner).filter_map(text);
        Self { message: text(message), codes: codes.map(|code| code.to_lowercase()).collect() }
    }

    /// Whether the account has run out of money: asking again cannot help.
    pub(super) fn out_of_money(&self) -> bool {
        const WORDS: [&str; 6] = ["quota", "billing", "spend", "budget", "balance", "credits"];
        self.codes.iter().any(|code| WORDS.iter().any(|word| code.contains(word)))
    }

    /// Whether the provider's filter turned the prompt away.
    pub(super) fn filtered(&self) -> bool {
        let filter = |code: &String| code == "content_filter" || code == "responsibleaipolicyviolation";
        self.codes.iter().any(filter)
    }

    /// The status that the error ought to have come with, where it came with `200`.
    pub(super) fn status(&self) -> StatusCode {
        let said = |code: &String| {
            let number = code.parse().ok().filter(|code| (400..600).contains(code))?;
            StatusCode::from_u16(number).ok()
        };
        let named = |word: &str| self.codes.iter().any(|code| code.contains(word));
        self.codes.iter().find_map(said).unwrap_or_else(|| match () {
            () if named("rate_limit") => StatusCode::TOO_MANY_REQUESTS,
            () if named("invalid_request") => StatusCode::BAD_REQUEST,
            () => StatusCode::BAD_GATEWAY,
        })
    }
}

/// Reads a value, or nothing where it is of another type.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
}
