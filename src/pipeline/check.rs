//! Any text held against the rules, off the way of pages; nothing is generated and nothing recorded.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::generate::Place;
use crate::guardrail::{Judgement, Opinions, Subject, judge};
use crate::policy::Policy;
use crate::stops::Stops;
use crate::words::Locale;

/// A text, and what is known of what it is about.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// The text.
    pub text: String,
    /// The product's facts.
    pub facts: Map<String, Value>,
    /// What is known of the moment.
    pub context: Map<String, Value>,
    /// The inputs that its prompt would have had.
    pub inputs: Map<String, Value>,
    /// For which placement it is.
    pub placement: Option<String>,
    /// In which locale it is; that of the moment when it does not say.
    pub locale: Option<String>,
}

/// What the policy and the stops say of a text, and what `more` makes of the same rules and text. A long text takes its
/// time, and those who answer pages have none to give: `place` is taken as long as the work goes on, whether or not somebody
/// still waits for it. `None` when the work broke off.
pub async fn check<T: Send + 'static>(
    policy: &Arc<Policy>,
    stops: Arc<Stops>,
    place: Place,
    at: Timestamp,
    given: Given,
    more: impl FnOnce(&Policy, &Subject<'_>) -> T + Send + 'static,
) -> Option<(Judgement, T)> {
    let place = place.wait().await;
    let policy = Arc::clone(policy);
    let judging = tokio::task::spawn_blocking(move || {
        let _place = place;
        let Given { text, facts, context, inputs, placement, locale } = given;
        // What the public wrote supports no claim here either.
        let facts = policy.copy.segments.attributes.trusted(&facts).unwrap_or(facts);
        let locale = locale.as_deref().or_else(|| context.get("locale").and_then(Value::as_str));
        let locale = locale.and_then(Locale::parse);
        let subject = Subject {
            text: &text,
            facts: &facts,
            context: &context,
            placement: placement.as_deref(),
            locale: locale.as_ref(),
            inputs: &inputs,
            instructions: None,
            at,
            opinions: Opinions::Unknown,
        };
        let judgement = judge(&policy.guardrails, &subject).under(stops.bans(), &text);
        (judgement, more(&policy, &subject))
    });
    judging.await.inspect_err(|error| tracing::error!(%error, "a text could not be judged")).ok()
}
