//! `GET /v1/blurbs/{placement}`: one blurb for a browser or a CDN, which names a product and says of its user and the
//! moment only what the policy declares public.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, Request as HttpRequest, State};
use axum::http::request::Parts as Head;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::watch::{Plain, Received};
use super::{Pinned, Problem, auth, handed};
use crate::app::Shared;
use crate::guardrail::Approved;
use crate::pipeline::{self, Answer, Priority, ProductRef, Request};
use crate::policy::Policy;
use crate::segment::{Attributes, Declared, put};
use crate::store::keys::{KeyRow, Role, origin_of};
use crate::words::{Locale, PlacementId, Source, Tier};

/// The longest query, in bytes.
const MAX_QUERY: usize = 4 * 1024;
/// The most parameters of a query.
const MAX_PARAMETERS: usize = 40;
/// How long a browser or a CDN may keep generated copy, in seconds.
const KEEP: i64 = 60;
/// How long it may keep what stands in for generated copy, in seconds.
const KEEP_FALLBACK: i64 = 5;
/// How much of a list a problem shows.
const MAX_SHOWN: usize = 40;
/// What answers differ by, beyond the address: who may read them, and whether they may be about the user.
const VARY: HeaderValue = HeaderValue::from_static("authorization, origin, sec-gpc");

const SEC_GPC: HeaderName = HeaderName::from_static("sec-gpc");

/// The answer, of which everybody may know all.
#[derive(Serialize)]
struct Shown<'a> {
    text: &'a str,
    source: Source,
    locale: &'a str,
    placement: &'a PlacementId,
    ai_generated: bool,
    expires_at: Timestamp,
}

/// Who asks, and may.
struct Sender {
    /// The origin of the page, for keys that are bound to some.
    origin: Option<HeaderValue>,
    publishable: bool,
    /// Whether the key is over its limit.
    too_often: bool,
}

pub(super) async fn blurb(
    State(shared): State<Arc<Shared>>,
    Pinned(policy): Pinned,
    placement: Result<Path<String>, PathRejection>,
    request: HttpRequest,
) -> Response {
    let (head, _) = request.into_parts();
    let placement = placement.map(|Path(placement)| placement).unwrap_or_default();
    let mut response = match admit(&shared, &head).await {
        Err(problem) => problem.into_response(),
        Ok((sender, received, parameters)) => {
            let answered = match sender.too_often {
                true => Err(Problem::too_many()),
                false => answer(&shared, &policy, placement, &parameters, &head.headers, received).await,
            };
            let mut response = answered.into_response();
            if let Some(origin) = sender.origin {
                response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            }
            if sender.publishable {
                response.extensions_mut().insert(Plain);
            }
            response
        }
    };
    response.headers_mut().insert(header::VARY, VARY);
    // Nobody keeps a problem.
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// What browsers ask before they send an `authorization` header to another origin: whether any key is bound to theirs.
pub(super) async fn preflight(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let origin = origin(&headers);
    let is_bound = || {
        let now = (shared.parts.now)();
        let may = |key: &KeyRow| origin.as_deref().is_some_and(|origin| key.may_come_from(origin));
        shared.keys.load().values().any(|key| key.role == Role::Publishable && key.holds(now) && may(key))
    };
    if !is_bound() {
        shared.look_for_new_keys().await;
    }
    let mut response = if is_bound() {
        let allowed = [
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.as_deref().unwrap_or_default()),
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET"),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization"),
            (header::ACCESS_CONTROL_MAX_AGE, "600"),
        ];
        (StatusCode::NO_CONTENT, allowed).into_response()
    } else {
        Problem::not_allowed("No publishable key is bound to this origin.").into_response()
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("origin"));
    response
}

/// Whether the request may be answered at all: its size, its key, where it comes from.
async fn admit(shared: &Shared, head: &Head) -> Result<(Sender, Instant, Vec<(String, String)>), Problem> {
    let Received(received) = head.extensions.get().copied().ok_or_else(Problem::internal)?;
    let parameters = parameters(&head.uri)?;
    let in_address = parameters.iter().find(|(name, _)| name == "key").map(|(_, key)| key.as_str());
    let token = match (auth::bearer(&head.headers), in_address) {
        (Some(token), _) => token,
        (None, Some(key)) if key.starts_with("crk_") => {
            let help = "A secret key is never part of an address; send it as `authorization: Bearer crk_…`.";
            return Err(Problem::no_key(help));
        }
        (None, Some(key)) => key,
        (None, None) => {
            let help = "Send `authorization: Bearer crp_…`, or `key=crp_…` in the address; \
                        `copyrail keys new --role publishable` makes a key.";
            return Err(Problem::no_key(help));
        }
    };
    let sender = auth::allow(shared, token, |key| may_send(shared, key, &head.headers, received)).await?;
    Ok((sender, received, parameters))
}

/// Publishable keys are bound to origins and to a rate; secret ones that may serve are not.
fn may_send(shared: &Shared, key: &KeyRow, headers: &HeaderMap, now: Instant) -> Result<Sender, Problem> {
    if key.role.allows(Role::Serve) {
        return Ok(Sender { origin: None, publishable: false, too_often: false });
    }
    if key.role != Role::Publishable {
        return Err(auth::wrong_role(key, Role::Publishable));
    }
    if key.origins.is_empty() {
        return Err(Problem::not_allowed(
            "This key is bound to no origin, so no page may send it; \
             `copyrail keys new --role publishable --origin https://shop.example` makes one that a page may send.",
        ));
    }
    let Some(origin) = origin(headers).filter(|origin| key.may_come_from(origin)) else {
        return Err(Problem::not_allowed(
            "This key may not be sent from here: the `origin` header, or without it the `referer`, must be of an \
             origin that the key is bound to.",
        ));
    };
    let too_often = !shared.rates.take(&key.id, now);
    Ok(Sender { origin: HeaderValue::from_str(&origin).ok(), publishable: true, too_often })
}

/// Where a request comes from, as its browser says.
fn origin(headers: &HeaderMap) -> Option<String> {
    let said = headers.get(header::ORIGIN).or_else(|| headers.get(header::REFERER))?;
    origin_of(said.to_str().ok()?)
}

/// The parameters of an address, within bounds.
fn parameters(uri: &Uri) -> Result<Vec<(String, String)>, Problem> {
    let too_much = || {
        Problem::malformed(format!(
            "A query holds at most {} KiB and {MAX_PARAMETERS} parameters.",
            MAX_QUERY / 1024
        ))
    };
    if uri.query().is_some_and(|query| query.len() > MAX_QUERY) {
        return Err(too_much());
    }
    let Query(parameters) = Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|_| Problem::malformed("The query is not of the form `product=…&locale=…`."))?;
    if parameters.len() > MAX_PARAMETERS { Err(too_much()) } else { Ok(parameters) }
}

async fn answer(
    shared: &Shared,
    policy: &Arc<Policy>,
    placement: String,
    parameters: &[(String, String)],
    headers: &HeaderMap,
    received: Instant,
) -> Result<Response, Problem> {
    let asked = Asked::read(parameters, &policy.copy.segments.attributes)?;
    // Global Privacy Control, which the browser speaks for its user, outweighs what the page says.
    let personalisation = asked.consent && headers.get_all(SEC_GPC).iter().all(|said| said == "0");
    let reads_user = personalisation && !asked.user.is_empty();
    let request = Request {
        placement: PlacementId::new(placement.as_str()),
        product: ProductRef::Id(asked.product),
        user_id: None,
        user: asked.user,
        context: asked.context,
        personalisation,
        deadline: None,
        received,
        may_generate: false,
        accept: None,
        best: Tier::Segment,
        priority: Priority::Page,
        trace_id: None,
    };
    let answer = pipeline::answer(&shared.parts, policy, request).await;
    let answer = Arc::new(answer.ok_or_else(|| Problem::no_such_placement(&placement))?);
    shown(&answer, reads_user, headers, (shared.parts.now)())
}

/// The answer with what a cache needs to know of it; without its text where the caller has that already.
fn shown(
    answer: &Arc<Answer>,
    reads_user: bool,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Response, Problem> {
    let text = answer.text.as_ref().map_or("", Approved::text);
    let hash = blake3::hash(format!("{}\n{text}", answer.locale).as_bytes());
    let etag = format!("\"{}\"", hash.to_hex());
    let is_known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(str::trim))
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == etag);
    let scope = if reads_user { "private" } else { "public" };
    let most = if answer.ai_generated { KEEP } else { KEEP_FALLBACK };
    let seconds = answer.expires_at.duration_since(now).as_secs().clamp(0, most);
    let kept = [(header::ETAG, etag), (header::CACHE_CONTROL, format!("{scope}, max-age={seconds}"))];
    if is_known {
        return Ok((StatusCode::NOT_MODIFIED, kept).into_response());
    }
    let shown = Shown {
        text,
        source: answer.source,
        locale: &answer.locale,
        placement: &answer.placement,
        ai_generated: answer.ai_generated,
        expires_at: answer.expires_at,
    };
    Ok((kept, handed::json(&shown, answer)?).into_response())
}

/// What a query asks for, read and well-formed.
#[derive(Debug, Default)]
struct Asked {
    product: String,
    consent: bool,
    user: Map<String, Value>,
    context: Map<String, Value>,
}

impl Asked {
    fn read(parameters: &[(String, String)], attributes: &Attributes) -> Result<Self, Problem> {
        let refused = |name: &str, wrong: &str| {
            let name: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
            Problem::malformed(format!("`{name}` {wrong}. {}", what_may_be_sent(attributes)))
        };
        let mut asked = Self::default();
        let mut seen = BTreeSet::new();
        for (name, text) in parameters {
            let declared = declared(name, attributes);
            let path = declared.map_or(name.as_str(), |declared| declared.path.as_str());
            if !seen.insert(if path == "locale" { "context.locale" } else { path }) {
                return Err(refused(name, "is sent more than once"));
            }
            let is_read = match (path, declared) {
                // Read already, before anything else.
                ("key", _) => true,
                ("product", _) => {
                    asked.product.clone_from(text);
                    super::blurbs::is_product_id(text)
                }
                ("consent", _) => text.parse().map(|consent| asked.consent = consent).is_ok(),
                ("locale", _) => {
                    asked.context.insert("locale".into(), text.as_str().into());
                    Locale::parse(text).is_some()
                }
                (_, None) => return Err(refused(name, "may not be sent")),
                (path, Some(declared)) => match (declared.parse(text), path.split_once('.')) {
                    (Some(value), Some((root, name))) => {
                        put(if root == "user" { &mut asked.user } else { &mut asked.context }, name, value);
                        true
                    }
                    _ => false,
                },
            };
            if !is_read {
                return Err(refused(name, "cannot have this value"));
            }
        }
        if asked.product.is_empty() {
            return Err(refused("product", "is missing"));
        }
        Ok(asked)
    }
}

/// Parameters that are no attributes, and what they take.
const OWN: [(&str, &str); 4] = [
    ("key", "`crp_…`"),
    ("product", "an id of the catalogue, 1 to 200 characters"),
    ("locale", "such as `de` or `de-AT`"),
    ("consent", "`true` or `false`"),
];

/// The attribute that a parameter names, by its path or, of the moment, by what follows `context.`.
fn declared<'a>(name: &str, attributes: &'a Attributes) -> Option<&'a Declared> {
    sendable(attributes)
        .find(|declared| declared.path == name || bare(declared).is_some_and(|bare| bare == name))
}

fn sendable(attributes: &Attributes) -> impl Iterator<Item = &Declared> {
    attributes.iter().filter(|declared| declared.may_come_from_a_browser())
}

/// The shorter name of an attribute of the moment, unless it is the name of something else.
fn bare(declared: &Declared) -> Option<&str> {
    let bare = declared.path.strip_prefix("context.")?;
    OWN.iter().all(|(own, _)| *own != bare).then_some(bare)
}

fn what_may_be_sent(attributes: &Attributes) -> String {
    let own = OWN.iter().map(|(name, takes)| format!("`{name}` ({takes})"));
    let declared = sendable(attributes).map(|declared| {
        let values: Vec<String> = match declared.values.is_empty() {
            true => vec!["`true`".into(), "`false`".into()],
            false => declared.values.iter().take(MAX_SHOWN).map(|value| format!("`{value}`")).collect(),
        };
        format!("`{}` ({})", bare(declared).unwrap_or(&declared.path), values.join(", "))
    });
    let all: Vec<String> = own.chain(declared.take(MAX_SHOWN)).collect();
    format!("What may be sent, each once: {}.", all.join(", "))
}
