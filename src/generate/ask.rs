//! The kinds of calls that a provider is put: copy to write, a question to answer in JSON, a text to moderate. Each says
//! where it goes, what it sends, what it may cost and how its answer is read; the client does the rest alike for all.

use std::collections::BTreeMap;

use reqwest::Url;
use serde_json::Value;

use super::client::{Fault, Next, one_line, read_completion};
use super::redact::without_key;
use super::wire::{ModerationAnswer, ModerationRequest, Request, ask_for_json, blurb_schema};
use super::{Attempt, FaultKind, GenerateError, Output, Prompt, Provider, ProviderKind, answer};
use crate::words::Micros;

/// The newest that is known to do.
const AZURE_API_VERSION: &str = "2024-10-21";
/// The most categories that are read of a moderation, and the most characters of a category's name.
const MAX_CATEGORIES: usize = 200;
const MAX_CATEGORY: usize = 100;

/// Something that a provider is asked.
pub(super) trait Ask {
    /// What a usable answer comes to.
    type Answer;
    /// What is asked for, in traces.
    const OPERATION: &'static str = "chat";
    /// Whether what is asked for is copy.
    const WRITES: bool = false;
    /// The model that is asked; empty where the server may choose.
    fn model<'a>(&'a self, provider: &'a Provider) -> &'a str;
    /// Where the call goes, or why it cannot be put to this provider.
    fn url(&self, provider: &Provider) -> Result<Url, Fault>;
    /// The body that is sent.
    fn body(&self, provider: &Provider) -> Result<Vec<u8>, serde_json::Error>;
    /// The most that the call can cost.
    fn worst(&self, provider: &Provider) -> Micros;
    /// Reads the body of a `200` into the attempt, and answers what it comes to.
    fn read(&self, body: &[u8], provider: &Provider, attempt: &mut Attempt) -> Result<Self::Answer, Fault>;
}

/// Copy to write.
pub(super) struct Write<'a>(pub(super) &'a Prompt);

impl Ask for Write<'_> {
    type Answer = String;
    const WRITES: bool = true;

    fn model<'a>(&'a self, provider: &'a Provider) -> &'a str {
        &provider.model
    }

    fn url(&self, provider: &Provider) -> Result<Url, Fault> {
        completions_url(provider, &provider.model)
    }

    fn body(&self, provider: &Provider) -> Result<Vec<u8>, serde_json::Error> {
        let reminder = ask_for_json();
        let reminder = (provider.output == Output::JsonObject).then_some(&reminder);
        serde_json::to_vec(&Request::new(provider, &provider.model, self.0, reminder, blurb_schema))
    }

    fn worst(&self, provider: &Provider) -> Micros {
        provider.price.map_or(Micros(0), |price| price.worst(self.0))
    }

    fn read(&self, body: &[u8], provider: &Provider, attempt: &mut Attempt) -> Result<String, Fault> {
        let written = read_completion(body, provider, attempt)?;
        let text = answer::blurb(&written, provider.output)?;
        if without_key(text.clone(), provider) != text {
            return Err(Fault::new(
                FaultKind::WrongForm,
                "the answer holds the provider's key",
                Next::GiveUp,
            ));
        }
        Ok(text)
    }
}

/// A question whose answer is a JSON object of one form.
pub(super) struct Question<'a> {
    pub(super) prompt: &'a Prompt,
    /// The JSON schema of the answer, for providers that hold a model to one.
    pub(super) schema: &'a Value,
    /// The model to ask instead of the provider's.
    pub(super) model: Option<&'a str>,
}

impl Ask for Question<'_> {
    /// What the model wrote, with whatever it put around the object, and without the provider's key.
    type Answer = String;

    fn model<'a>(&'a self, provider: &'a Provider) -> &'a str {
        self.model.unwrap_or(&provider.model)
    }

    fn url(&self, provider: &Provider) -> Result<Url, Fault> {
        completions_url(provider, self.model(provider))
    }

    fn body(&self, provider: &Provider) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&Request::new(provider, self.model(provider), self.prompt, None, || {
            self.schema.clone()
        }))
    }

    fn worst(&self, provider: &Provider) -> Micros {
        provider.price.map_or(Micros(0), |price| price.worst(self.prompt))
    }

    fn read(&self, body: &[u8], provider: &Provider, attempt: &mut Attempt) -> Result<String, Fault> {
        let written = read_completion(body, provider, attempt)?;
        let text = answer::text(&written)?;
        Ok(without_key(text.to_owned(), provider))
    }
}

/// A text to moderate.
pub(super) struct Moderate<'a> {
    pub(super) text: &'a str,
    /// The model to ask; without one the server chooses: a provider's own model writes, and moderates nothing.
    pub(super) model: Option<&'a str>,
}

/// What a moderation service says of a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moderation {
    /// Whether it objects.
    pub flagged: bool,
    /// Whether it does for each category that it names.
    pub categories: BTreeMap<String, bool>,
    /// How sure it is of each category that it gives a score, from 0 to 1.
    pub scores: BTreeMap<String, f64>,
}

impl Ask for Moderate<'_> {
    type Answer = Moderation;
    const OPERATION: &'static str = "moderation";

    fn model<'a>(&'a self, _provider: &'a Provider) -> &'a str {
        self.model.unwrap_or_default()
    }

    fn url(&self, provider: &Provider) -> Result<Url, Fault> {
        match provider.kind {
            ProviderKind::OpenAi => below(provider, &["moderations"]),
            ProviderKind::Azure => Err(unsent("Azure offers no /v1/moderations")),
        }
    }

    fn body(&self, _provider: &Provider) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&ModerationRequest { model: self.model, input: self.text })
    }

    fn worst(&self, _provider: &Provider) -> Micros {
        // It tells no tokens, and the prices are those of the provider's own model.
        Micros(0)
    }

    fn read(&self, body: &[u8], _: &Provider, attempt: &mut Attempt) -> Result<Moderation, Fault> {
        let none = || Fault::new(FaultKind::Garbage, "no moderation", Next::GiveUp).saying(one_line(body));
        let answer: ModerationAnswer = serde_json::from_slice(body).map_err(|_| none())?;
        attempt.model_answering = answer.model;
        if answer.results.is_empty() {
            return Err(none());
        }
        let mut all = Moderation::default();
        // One text was sent; should a server cut it into parts, the worst of them counts.
        for result in answer.results {
            // Names go into findings: what shows nothing, or changes what others show, has no place in one.
            let shows = |c: char| c.is_alphanumeric() || c.is_ascii_graphic() || c == ' ';
            let known = |name: &String| name.chars().count() <= MAX_CATEGORY && name.chars().all(shows);
            let categories = result.categories.into_iter().flatten().filter(|(name, _)| known(name));
            let named: Vec<(String, bool)> =
                categories.filter_map(|(name, on)| Some((name, on?))).take(MAX_CATEGORIES).collect();
            let flagged =
                result.flagged.or_else(|| (!named.is_empty()).then(|| named.iter().any(|(_, on)| *on)));
            all.flagged |= flagged.ok_or_else(none)?;
            for (name, on) in named {
                *all.categories.entry(name).or_default() |= on;
            }
            let scores = result.category_scores.into_iter().flatten().filter(|(name, _)| known(name));
            for (name, score) in scores.filter_map(|(name, score)| Some((name, score?))).take(MAX_CATEGORIES)
            {
                let worst = all.scores.entry(name).or_default();
                *worst = worst.max(score.clamp(0.0, 1.0));
            }
        }
        Ok(all)
    }
}

fn unsent(error: impl Into<String>) -> Fault {
    Fault::new(FaultKind::Unsent, error, Next::GiveUp)
}

fn completions_url(provider: &Provider, model: &str) -> Result<Url, Fault> {
    match provider.kind {
        ProviderKind::OpenAi => below(provider, &["chat", "completions"]),
        ProviderKind::Azure => {
            let mut url = below(provider, &["openai", "deployments", model, "chat", "completions"])?;
            let version = provider.api_version.as_deref().unwrap_or(AZURE_API_VERSION);
            url.query_pairs_mut().append_pair("api-version", version);
            Ok(url)
        }
    }
}

fn below(provider: &Provider, path: &[&str]) -> Result<Url, Fault> {
    let mut url = base_url(provider).map_err(|error| unsent(error.to_string()))?;
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    Ok(url)
}

/// Where a provider's API begins.
pub(super) fn base_url(provider: &Provider) -> Result<Url, GenerateError> {
    let wrong = || GenerateError::BaseUrl { provider: provider.name.clone(), url: provider.base_url.clone() };
    let url = Url::parse(&provider.base_url).map_err(|_| wrong())?;
    if ["http", "https"].contains(&url.scheme()) { Ok(url) } else { Err(wrong()) }
}
