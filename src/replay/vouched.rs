//! What vouches for a text of the log, by the rules of its own day as far as they can still be read, and by the facts as far
//! as they are still known.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::task::spawn_blocking;

use super::ground::{Facts, Text};
use crate::audit::ServeRecord;
use crate::audit::search::Generation;
use crate::casefile::Library;
use crate::catalogue;
use crate::generate::Gate;
use crate::guardrail::{Guardrails, Opinions, Subject, Supported, support};
use crate::policy::Policy;
use crate::store::{Store, StoreError};
use crate::words::{Locale, Revision};

/// Whose rules were asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RulesOf {
    /// Those that judged the text then.
    Then,
    /// Those in force now, as the others are not kept, or this version does not read them.
    Now,
}

/// Which facts it was held against.
#[derive(Clone, Debug, PartialEq)]
pub enum FactsOf {
    /// The catalogue's, as they are now. With those that are other now than what the prompt said: path, then, now.
    Catalogue(Vec<(String, Value, Value)>),
    /// What the prompt said of the product, as the catalogue does not have it.
    Prompt,
    /// None: the product is in no catalogue, and what the prompt said of it is not there any more.
    None,
}

/// What vouches for a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Vouched {
    /// Place by place.
    pub supported: Vec<Supported>,
    /// Whose rules were asked.
    pub rules: RulesOf,
    /// Which facts it was held against.
    pub facts: FactsOf,
    /// Those facts.
    pub of_product: Map<String, Value>,
    /// Whether nothing was looked at, as too much is being judged at the moment.
    pub busy: bool,
}

/// A text of the log, and when it was judged.
#[derive(Clone, Copy, Debug)]
pub struct Told<'t> {
    /// The text.
    pub text: &'t str,
    /// The generation that wrote it; `None` of pre-written copy.
    pub generation: Option<&'t Generation>,
    /// The answer that showed it, where that is what is looked at.
    pub serve: Option<&'t ServeRecord>,
}

/// What vouches for a text of the log.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn vouched(
    store: &Store,
    library: &Library,
    policy: &Arc<Policy>,
    judging: &Gate,
    told: Told<'_>,
) -> Result<Vouched, StoreError> {
    let record = told.generation.map(|generation| &generation.record);
    let product = record.map(|record| &record.product).or(told.serve.map(|serve| &serve.product));
    let facts = match product.and_then(Option::as_ref) {
        Some(id) => catalogue::look_up_many(store, std::slice::from_ref(id)).await?,
        None => Vec::new(),
    };
    let facts = facts.into_iter().next().map(|(_, map)| Arc::new(Facts::of(map, Some(&policy.copy))));
    let text = match (told.generation, told.serve) {
        (Some(generation), _) => of_generation(generation, facts, policy),
        (None, Some(serve)) => of_people(serve, facts),
        (None, None) => None,
    };
    let Some(text) = text else { return Ok(nothing(RulesOf::Now, FactsOf::None)) };
    let used = facts_used(&text);
    let (guardrails, at) = match (record, told.serve) {
        (Some(record), _) => (Some(record.guardrails.clone()), record.finished),
        (None, Some(serve)) => (of_revision(library, &serve.revision).await?, serve.at),
        (None, None) => (None, Timestamp::UNIX_EPOCH),
    };
    let is_ours = guardrails.as_deref() == Some(policy.guardrails.hash().as_str());
    let kept = match guardrails {
        Some(hash) if hash != policy.guardrails.hash().as_str() => library.guardrails(&hash).await?,
        Some(_) | None => None,
    };
    let rules = match kept.as_ref().is_some_and(|kept| kept.rules.is_some()) || is_ours {
        true => RulesOf::Then,
        false => RulesOf::Now,
    };
    let Some(place) = judging.enter() else { return Ok(Vouched { busy: true, ..nothing(rules, used) }) };
    let place = place.wait().await;
    let (said, policy) = (told.text.to_owned(), Arc::clone(policy));
    let of_product = text.facts.map().clone();
    // A long text takes its time, and those who answer pages have none to give.
    let supported = spawn_blocking(move || {
        let _place = place;
        let kept = kept.as_ref().and_then(|kept| kept.rules.as_ref());
        by(kept.unwrap_or(&policy.guardrails), &text, &said, at)
    });
    let supported = supported.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a text could not be held against its facts");
        Vec::new()
    });
    Ok(Vouched { supported, of_product, ..nothing(rules, used) })
}

fn nothing(rules: RulesOf, facts: FactsOf) -> Vouched {
    Vouched { supported: Vec::new(), rules, facts, of_product: Map::new(), busy: false }
}

async fn of_revision(library: &Library, revision: &Revision) -> Result<Option<String>, StoreError> {
    Ok(library.sets_of(revision, None).await?.map(|sets| sets.guardrails))
}

/// The ground of a generation's text; what is left of it where its payload was erased.
fn of_generation(generation: &Generation, facts: Option<Arc<Facts>>, policy: &Policy) -> Option<Text> {
    // Whatever the generation wrote, the text at hand is another's business: that of a blocked one has a ground too.
    let mut payload = generation.payload.clone()?;
    payload.text.get_or_insert_default();
    if !payload.raw_texts.last().is_some_and(Option::is_some) {
        payload.raw_texts.push(Some(String::new()));
    }
    Text::of_generation(&generation.record, payload, facts, &policy.copy)
}

fn of_people(serve: &ServeRecord, facts: Option<Arc<Facts>>) -> Option<Text> {
    let facts_known = facts.is_some();
    Some(Text {
        origin: super::Origin::Given(serve.id.to_string()),
        at: Some(serve.at),
        text: String::new(),
        placement: Some(serve.placement.to_string()),
        locale: Locale::parse(&serve.locale),
        product: serve.product.clone(),
        facts: facts.unwrap_or_default(),
        facts_known,
        context: Map::new(),
        inputs: Map::new(),
        instructions: None,
        prewritten: true,
        used: true,
        serves: 1,
    })
}

/// Which facts a text has for its ground, and which of them are other now than its prompt said.
fn facts_used(text: &Text) -> FactsOf {
    let said = text.inputs.get("product").and_then(Value::as_object);
    match (text.facts_known, text.facts.map().is_empty()) {
        (false, true) => FactsOf::None,
        (false, false) => FactsOf::Prompt,
        (true, _) => {
            let (said, now) = (said.into_iter().flatten(), text.facts.map());
            let other = said.filter_map(|(name, then)| {
                let now = now.get(name)?;
                changed(then, now).then(|| (name.clone(), then.clone(), now.clone()))
            });
            FactsOf::Catalogue(other.collect())
        }
    }
}

/// Whether a fact is certain to be another one now. What goes into a prompt may be cut short or told by a label, so that
/// numbers alone can be compared, and the name.
fn changed(then: &Value, now: &Value) -> bool {
    match (then, now) {
        (Value::Number(then), Value::Number(now)) => then.as_f64() != now.as_f64(),
        (Value::Bool(then), Value::Bool(now)) => then != now,
        (Value::String(then), Value::String(now)) => {
            let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            !words(now).starts_with(words(then).trim_end_matches('…').trim_end())
        }
        _ => false,
    }
}

fn by(guardrails: &Guardrails, text: &Text, said: &str, at: Timestamp) -> Vec<Supported> {
    let none = Opinions::Unknown;
    let subject = Subject {
        text: said,
        facts: text.facts.map(),
        context: &text.context,
        placement: text.placement.as_deref(),
        locale: text.locale.as_ref(),
        inputs: &text.inputs,
        instructions: text.instructions.as_deref(),
        at,
        opinions: none,
    };
    support(guardrails, &subject)
}
