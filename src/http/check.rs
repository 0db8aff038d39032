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
use crate::pipeline::{self, Given, ProductRef};

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
    let place = shared.judging.enter().ok_or_else(Problem::overloaded)?;
    let given = Given {
        text: body.text,
        facts,
        context: body.context.unwrap_or_default(),
        inputs: body.attributes.unwrap_or_default(),
        placement: body.placement,
        locale: body.locale,
    };
    let (at, stops) = ((shared.parts.now)(), shared.parts.stops.pin());
    let checked = pipeline::check(&policy, stops, place, at, given, |_, _| ()).await;
    let (judgement, ()) = checked.ok_or_else(Problem::internal)?;
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
