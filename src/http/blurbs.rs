//! `POST /v1/blurbs` and `POST /v1/explain`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequest, Request as HttpRequest, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::body::{Body, object};
use super::idempotency::{Idempotency, replayed};
use super::watch::{Received, traceparent};
use super::{Pinned, Problem, handed};
use crate::app::Shared;
use crate::catalogue::Product;
use crate::pipeline::{self, Answer, Case, Explanation, Priority, ProductRef, Request, Said};
use crate::words::{PlacementId, Tier};

/// A request for one blurb, as sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BlurbRequest {
    placement: String,
    product: Map<String, Value>,
    #[serde(default, deserialize_with = "object")]
    user: Option<User>,
    #[serde(default)]
    context: Option<Map<String, Value>>,
    #[serde(default, deserialize_with = "object")]
    consent: Option<Consent>,
    #[serde(default)]
    deadline_ms: Option<u64>,
    #[serde(default)]
    accept: Option<Accept>,
    #[serde(default)]
    priority: Option<Priority>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct User {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    attributes: Option<Map<String, Value>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Consent {
    #[serde(default)]
    personalisation: bool,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Accept {
    Segment,
    User,
}

impl BlurbRequest {
    fn into_request(self, received: Received, headers: &HeaderMap) -> Result<Request, Problem> {
        let user = self.user.unwrap_or(User { id: None, attributes: None });
        Ok(Request {
            placement: PlacementId::new(self.placement),
            product: product(self.product)?,
            user_id: user.id.filter(|id| !id.is_empty()),
            user: user.attributes.unwrap_or_default(),
            context: self.context.unwrap_or_default(),
            personalisation: self.consent.is_some_and(|consent| consent.personalisation),
            deadline: self.deadline_ms.map(Duration::from_millis),
            received: received.0,
            may_generate: true,
            accept: self.accept.map(|accept| match accept {
                Accept::Segment => Tier::Segment,
                Accept::User => Tier::User,
            }),
            best: Tier::User,
            priority: self.priority.unwrap_or_default(),
            trace_id: traceparent(headers)
                .and_then(|value| value.to_str().ok()?.split('-').nth(1).map(str::to_owned)),
        })
    }
}

/// A product by its id alone, or its facts.
pub(super) fn product(mut given: Map<String, Value>) -> Result<ProductRef, Problem> {
    let by_id = given.len() == 1 && (given.contains_key("id") || given.contains_key("product_id"));
    if !by_id {
        let product = Product::inline(Value::Object(given))
            .map_err(|error| Problem::malformed(format!("`product`: {error}")))?;
        return Ok(ProductRef::Facts(Arc::new(product)));
    }
    let id = match given.remove("id").or_else(|| given.remove("product_id")) {
        Some(Value::String(id)) => id,
        Some(Value::Number(id)) => id.to_string(),
        _ => String::new(),
    };
    if !is_product_id(&id) {
        return Err(Problem::malformed(
            "`product.id`: write the product's id as a text of 1 to 200 characters",
        ));
    }
    Ok(ProductRef::Id(id))
}

/// Whether a text can be a product's id.
pub(super) fn is_product_id(text: &str) -> bool {
    (1..=200).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// A request for one blurb, read and well-formed.
pub(super) struct Asked(Request);

impl FromRequest<Arc<Shared>> for Asked {
    type Rejection = Problem;

    async fn from_request(request: HttpRequest, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let received = request.extensions().get::<Received>().copied().ok_or_else(Problem::internal)?;
        let headers = request.headers().clone();
        let Body(body) = Body::<BlurbRequest>::from_request(request, shared).await?;
        Ok(Self(body.into_request(received, &headers)?))
    }
}

pub(super) async fn blurb(
    State(shared): State<Arc<Shared>>,
    Pinned(policy): Pinned,
    idempotency: Idempotency,
    Asked(request): Asked,
) -> Result<Response, Problem> {
    let (placement, accept) = (request.placement.clone(), request.accept);
    let said = match idempotency.ticket(&request) {
        Some(ticket) => pipeline::answer_once(&shared.parts, &policy, request, ticket).await,
        None => pipeline::answer(&shared.parts, &policy, request).await.map(|a| Said::Anew(Arc::new(a))),
    };
    match said.ok_or_else(|| Problem::no_such_placement(placement.as_str()))? {
        Said::Again(answer, leave) => Ok(replayed(&answer, leave)),
        Said::AskedOtherwise => Err(Problem::key_used_otherwise()),
        Said::Anew(answer) => {
            good_enough(&answer, accept).and_then(|()| handed::json(answer.as_ref(), &answer))
        }
    }
}

/// Whether an answer is of a tier that the caller will take.
fn good_enough(answer: &Answer, accept: Option<Tier>) -> Result<(), Problem> {
    if accept.is_none_or(|accept| answer.tier >= accept) {
        return Ok(());
    }
    let reason = serde_json::to_value(answer.reason).ok().and_then(|r| r.as_str().map(str::to_owned));
    let why = match reason {
        Some(reason) => format!("the reason is `{reason}`"),
        None => "no template of that tier is meant for this request".into(),
    };
    Err(Problem::rather_wait(format!("Nothing of the tier asked for is ready: {why}.")))
}

pub(super) async fn explain(
    State(shared): State<Arc<Shared>>,
    Pinned(policy): Pinned,
    Asked(request): Asked,
) -> Result<Json<Explanation>, Problem> {
    let placement = policy.copy.prompts.placement(request.placement.as_str());
    let placement = placement.ok_or_else(|| Problem::no_such_placement(request.placement.as_str()))?;
    let product = request.facts(&shared.parts.catalogue).await;
    let stops = shared.parts.stops.pin();
    let case = Case::of(&policy, stops, placement, &request, product, (shared.parts.now)());
    Ok(Json(case.explain()))
}
