//! What second models are asked about a text, and what is known of their answers: values alone. Who asks them, and
//! keeps what they said, stands above this room.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::approve::facts_hash;
use super::rule::{Enforcement, Rule};
use super::{Ground, Guardrails};

/// What a rule asks of a second model, whatever the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// What it is asked for.
    pub service: Service,
    /// The provider to ask, by its name in the settings; `None` asks all of them in their order.
    pub provider: Option<String>,
    /// The model to ask; `None` asks each provider's own.
    pub model: Option<String>,
}

/// What a second model is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Service {
    /// How well copy does what a rubric says.
    Judge {
        /// The rubric, in the words of those who wrote the rule.
        rubric: String,
    },
    /// Which categories of harm copy falls into.
    Moderation,
}

/// One question to a second model: what is asked of which text.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// What is asked.
    pub asks: Arc<Ask>,
    /// The text.
    pub text: Arc<str>,
    /// The facts that are shown beside it: those among the declared inputs that may support a claim. None for a
    /// moderation.
    pub facts: Map<String, Value>,
}

/// What tells one question from another: what is asked of whom, the text and the facts shown. A threshold is not part
/// of it: it is held against the answer each time.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct QuestionKey([u8; 32]);

impl fmt::Display for QuestionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for QuestionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QuestionKey({self})")
    }
}

impl Question {
    /// Its key where these providers answer, each a name and a model, in their order.
    pub fn key_among(&self, providers: &[(String, String)]) -> QuestionKey {
        let Ask { service, provider, .. } = &*self.asks;
        match service {
            // The service itself chooses.
            Service::Moderation => self.key(""),
            Service::Judge { .. } => {
                let asked = |(name, _): &&(String, String)| provider.as_ref().is_none_or(|p| p == name);
                let models: Vec<&str> =
                    providers.iter().filter(asked).map(|(_, model)| model.as_str()).collect();
                self.key(&models.join("\n"))
            }
        }
    }

    /// Its key. `models` names the models that answer where the rule names none.
    pub fn key(&self, models: &str) -> QuestionKey {
        let mut hasher = blake3::Hasher::new();
        let mut part = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
        };
        let Ask { service, provider, model } = &*self.asks;
        match service {
            Service::Judge { rubric } => {
                part("judge");
                part(rubric);
            }
            Service::Moderation => part("moderation"),
        }
        part(provider.as_deref().unwrap_or_default());
        part(model.as_deref().unwrap_or(models));
        part(&self.text);
        hasher.update(&facts_hash(&self.facts));
        QuestionKey(*hasher.finalize().as_bytes())
    }
}

/// What a second model said of a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Opinion {
    /// On a rubric. It says a score, whether the copy passes, or both.
    Judge {
        /// How well the copy does what the rubric says, from 0 to 1.
        score: Option<f64>,
        /// Whether it does.
        pass: Option<bool>,
        /// Why, in the model's own words.
        reason: String,
    },
    /// By categories of harm.
    Moderation {
        /// Whether the service objects to the text.
        flagged: bool,
        /// Whether it does for each category that it names.
        categories: BTreeMap<String, bool>,
        /// How sure it is of each category that it gives a score, from 0 to 1.
        scores: BTreeMap<String, f64>,
    },
}

/// What an opinion means to one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The rule has nothing against the text.
    Passes,
    /// It has; this says why.
    Fails(String),
    /// The opinion does not say what the rule asks for, so the rule could not run; this says what is missing.
    Unanswered(String),
}

/// Answers what second models are known to have said.
pub trait Known: fmt::Debug + Sync {
    /// The answer to a question; `None` when it is not known.
    fn opinion(&self, question: &Question) -> Option<Arc<Opinion>>;
}

/// What is known of second models' opinions where a text is judged.
#[derive(Clone, Copy, Debug)]
pub enum Opinions<'a> {
    /// People wrote the text: rules that ask a second model do not apply to it.
    Prewritten,
    /// Nobody can be asked here, so nothing is known.
    Unknown,
    /// What was answered so far.
    Known(&'a dyn Known),
}

impl Opinions<'_> {
    pub(super) fn of(&self, question: &Question) -> Option<Arc<Opinion>> {
        match self {
            Self::Known(known) => known.opinion(question),
            Self::Prewritten | Self::Unknown => None,
        }
    }
}

/// A rule that asks a second model about a text.
#[derive(Clone, Debug)]
pub struct Asking<'g> {
    /// The rule.
    pub rule: &'g Rule,
    /// Whether what it makes of the answer counts.
    pub mode: Enforcement,
    /// What it asks.
    pub question: Question,
}

/// What the rules in force at the ground's moment ask second models about a text. Nothing of pre-written copy.
pub fn questions<'g>(guardrails: &'g Guardrails, text: &str, ground: &Ground<'_>) -> Vec<Asking<'g>> {
    if matches!(ground.opinions, Opinions::Prewritten) {
        return Vec::new();
    }
    let text: Arc<str> = text.into();
    let asking = |rule: &'g Rule| {
        let asks = rule.check.asks()?;
        let mode = rule.settings(Some(ground.at)).mode;
        let in_force = rule.effective.holds(Some(ground.at)) && mode != Enforcement::Off;
        (in_force && rule.applies.holds(ground)).then(|| {
            let question = question(asks, Arc::clone(&text), ground);
            Asking { rule, mode, question }
        })
    };
    guardrails.rules.iter().filter_map(asking).collect()
}

/// What is asked about one text on this ground.
pub(super) fn question(asks: &Arc<Ask>, text: Arc<str>, ground: &Ground<'_>) -> Question {
    let facts = match asks.service {
        Service::Judge { .. } => shown(ground),
        Service::Moderation => Map::new(),
    };
    Question { asks: Arc::clone(asks), text, facts }
}

/// The facts that a second model is shown: what the template declares, so that nothing else leaves, and of that only
/// what is among the facts judged by, so that what the public wrote supports no claim.
fn shown(ground: &Ground<'_>) -> Map<String, Value> {
    fn common(declared: &Map<String, Value>, facts: &Map<String, Value>) -> Map<String, Value> {
        let both = declared.iter().filter_map(|(name, value)| Some((name, value, facts.get(name)?)));
        both.map(|(name, value, fact)| {
            let value = match (value, fact) {
                (Value::Object(value), Value::Object(fact)) => Value::Object(common(value, fact)),
                _ => value.clone(),
            };
            (name.clone(), value)
        })
        .collect()
    }
    let declared = ground.inputs.get("product").and_then(Value::as_object);
    declared.map(|declared| common(declared, ground.facts)).unwrap_or_default()
}
