//! `POST /v1/check`: judges a given text and generates nothing.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::blurbs::product;
use super::body::Body;
use super::{Pinned, Problem};
use crate::app::Shared;
use crate::guardrail::{self, Opinions, Subject};
use crate::pipeline::ProductRef;
use crate::words::Locale;

/// A text to judge, as sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckRequest {
    text: String,
    #[serde(default)]
    product: Option<Map<String, Value>>,
    #[serde(default)]
    facts: Option<Map<String, Value>>,
    #[serde(default)]
    context: Option<Map<String, Value>>,
    #[serde(default)]
    attributes: Option<Map<String, Value>>,
    #[serde(default)]
    locale: Option<String>,
    #[serde(default)]
    placement: Option<String>,
}

pub(super) async fn check(
    State(shared): State<Arc<Shared>>,
    Pinned(policy): Pinned,
    Body(body): Body<CheckRequest>,
) -> Result<Response, Problem> {
    let facts = match (body.facts, body.product) {
        (Some(_), Some(_)) => {
            return Err(Problem::malformed("`facts` and `product` say the same; send one of them"));
        }
        (Some(facts), None) => facts,
        (None, Some(given)) => facts_of(&shared, given).await?,
        (None, None) => Map::new(),
    };
    let place = shared.judging.enter().ok_or_else(Problem::overloaded)?.wait().await;
    let (context, inputs) = (body.context.unwrap_or_default(), body.attributes.unwrap_or_default());
    let (text, placement, asked) = (body.text, body.placement, body.locale);
    let (at, judged_by) = ((shared.parts.now)(), Arc::clone(&policy));
    let stops = shared.parts.stops.pin();
    // A long text takes its time, and those who answer pages have none to give.
    let judging = tokio::task::spawn_blocking(move || {
        // Whoever asked may be gone before the end: the place is taken as long as the work goes on.
        let _place = place;
        // What the public wrote supports no claim here either.
        let facts = judged_by.copy.segments.attributes.trusted(&facts).unwrap_or(facts);
        let locale = asked.as_deref().or_else(|| context.get("locale").and_then(Value::as_str));
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
        guardrail::judge(&judged_by.guardrails, &subject).under(stops.bans(), &text)
    });
    let judgement = judging.await.map_err(|error| {
        tracing::error!(%error, "a text could not be judged");
        Problem::internal()
    })?;
    let mut answer = serde_json::json!({"verdict": judgement.verdict, "findings": judgement.findings, "revision": policy.revision});
    if let Value::Object(answer) = &mut answer {
        let more =
            [("text", judgement.fixed), ("valid_until", judgement.valid_until.map(|at| at.to_string()))];
        answer.extend(more.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.into()))));
        if !judgement.evidence.is_empty() {
            answer.insert("evidence".into(), judgement.evidence.into());
        }
    }
    Ok(Json(answer).into_response())
}

async fn facts_of(shared: &Shared, given: Map<String, Value>) -> Result<Map<String, Value>, Problem> {
    let product = match product(given)? {
        ProductRef::Facts(product) => product,
        ProductRef::Id(id) => {
            let found =
                shared.parts.catalogue.look_up(&id).await.map_err(|_| Problem::store_unavailable())?;
            found.ok_or_else(|| Problem::malformed("`product.id`: the catalogue has no such product"))?
        }
    };
    Ok(product.facts.as_object().cloned().unwrap_or_default())
}
