//! Placements and templates: what may be said to the model, and what people wrote in case it cannot be used.
//!
//! A template sees its declared inputs and nothing else: the context it is rendered in holds nothing else. Pure; knows
//! no model, no rules, no cache.

mod demand;
mod input;
mod ladder;
mod load;
mod placement;
mod render;
mod schema;
mod template;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use demand::{Asked, Counter, Demand, FanOut, Tiers, Tokens};
pub(crate) use input::cleaned;
pub use input::{Bands, Input};
pub use ladder::{ExplainedLadder, Ladder, Lot, Share, Standing, told};
pub use load::{SampleCopy, load};
pub use placement::{Placement, Ttl};
pub use render::RenderError;
pub use schema::schema;
pub use template::Template;

use crate::words::{DEFAULT_SEGMENT, Locale, PlacementId, SegmentId, TemplateId, Tier};

/// Who says a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The house's instructions.
    System,
    /// What is asked.
    User,
    /// What the model said, in a worked example.
    Assistant,
}

/// One message of a prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What they say.
    pub content: String,
}

/// How the model is asked to write; what is not said is left to the server.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Parameters {
    /// From 0 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// From 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// The most tokens of an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// From -2 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f64>,
    /// From -2 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f64>,
}

/// The most tokens of an answer where a template does not say: four times a long blurb.
pub const DEFAULT_MAX_TOKENS: u32 = 400;

impl Parameters {
    /// The most tokens of an answer, said or not.
    pub fn token_limit(&self) -> u32 {
        self.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS)
    }
}

/// What a model is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    /// The messages, in order.
    pub messages: Vec<Message>,
    /// How it is asked to write.
    pub parameters: Parameters,
}

impl Prompt {
    /// The house's instructions.
    pub fn instructions(&self) -> Option<&str> {
        self.messages.iter().find(|message| message.role == Role::System).map(|m| m.content.as_str())
    }
}

/// All placements of a policy with their templates.
#[derive(Debug)]
pub struct Prompts {
    placements: BTreeMap<PlacementId, Placement>,
    templates: Vec<Template>,
    /// The shop's own last-resort copy by language.
    pub shop: BTreeMap<String, String>,
    engine: render::Engine,
}

/// A template chosen for a request, and the language that its copy will be in.
#[derive(Clone, Copy, Debug)]
pub struct Chosen<'p> {
    /// The template.
    pub template: &'p Template,
    /// The locale of its pre-written copy that fits the request best, such as `de`.
    pub locale: &'p Locale,
}

impl Prompts {
    /// A placement by its id.
    pub fn placement(&self, id: &str) -> Option<&Placement> {
        self.placements.get(id)
    }

    /// All placements, by id.
    pub fn placements(&self) -> impl Iterator<Item = &Placement> {
        self.placements.values()
    }

    /// All templates of a placement.
    pub fn templates(&self, placement: &PlacementId) -> impl Iterator<Item = &Template> {
        self.templates.iter().filter(move |template| template.placement == *placement)
    }

    /// The template for a segment and locale: the segment's before the default's; within each, one that reads the user
    /// before one that does not where `tier` allows it; then the exact locale, the language, none. Only templates that
    /// hold pre-written copy in the language are eligible.
    pub fn choose(
        &self,
        placement: &PlacementId,
        segment: &SegmentId,
        locale: &Locale,
        tier: Tier,
    ) -> Option<Chosen<'_>> {
        let segments =
            [Some(segment.as_str()), (segment.as_str() != DEFAULT_SEGMENT).then_some(DEFAULT_SEGMENT)];
        let mut tiers = [Tier::User, Tier::Segment].into_iter().filter(|t| *t <= tier).collect::<Vec<_>>();
        tiers.sort_by(|a, b| b.cmp(a));
        for segment in segments.into_iter().flatten() {
            for tier in &tiers {
                for marked in locale.candidates().map(Some).chain([None]) {
                    let found = self
                        .templates(placement)
                        .filter(|t| t.segment.as_str() == segment && t.tier() == *tier)
                        .filter(|t| t.locale.as_ref().map(Locale::as_str) == marked)
                        .find_map(|template| Some(Chosen { template, locale: template.written_in(locale)? }));
                    if found.is_some() {
                        return found;
                    }
                }
            }
        }
        None
    }

    /// A template by its name, in one of the languages of its pre-written copy.
    pub fn named(&self, placement: &PlacementId, id: &TemplateId, locale: &str) -> Option<Chosen<'_>> {
        let template = self.templates(placement).find(|template| template.id == *id)?;
        let locale = template.languages().find(|language| language.as_str() == locale)?;
        Some(Chosen { template, locale })
    }

    /// The messages of a template for its declared inputs, and nothing else.
    ///
    /// # Errors
    /// When the template needs an input that is not there, or does too much work.
    pub fn render(&self, chosen: Chosen<'_>, inputs: &Map<String, Value>) -> Result<Prompt, RenderError> {
        let messages = self.engine.messages(chosen.template, chosen.locale, inputs)?;
        Ok(Prompt { messages, parameters: chosen.template.parameters.clone() })
    }

    /// A template's pre-written copy for a product.
    ///
    /// # Errors
    /// When the copy needs a fact that is not there.
    pub fn prewritten(&self, chosen: Chosen<'_>, facts: &Map<String, Value>) -> Result<String, RenderError> {
        self.engine.prewritten(chosen.template, chosen.locale, facts)
    }
}
