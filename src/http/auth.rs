//! Keys: who sent a request, and whether they may.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts as Head;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Problem;
use crate::app::Shared;
use crate::store::keys::{KeyRow, Role, Token, parse_token};

/// Lets a request through when it carries a key of the role, before anything of its body is read.
pub(super) async fn require(
    State((shared, role)): State<(Arc<Shared>, Role)>,
    request: Request,
    next: Next,
) -> Response {
    let Some(token) = bearer(request.headers()) else {
        let help = "Send `authorization: Bearer crk_…`; `copyrail keys new` makes a key.";
        return Problem::no_key(help).into_response();
    };
    let may = |key: &KeyRow| if key.role.allows(role) { Ok(()) } else { Err(wrong_role(key, role)) };
    match allow(&shared, token, may).await {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// What `may` says of the key that a token stands for, when it holds.
pub(crate) async fn allow<T>(
    shared: &Shared,
    token: &str,
    may: impl Fn(&KeyRow) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let token = parse_token(token).ok_or_else(unknown)?;
    if let Some(allowed) = among_known(shared, &token, &may) {
        return allowed;
    }
    // It may have been made a moment ago.
    shared.look_for_new_keys().await;
    among_known(shared, &token, &may).unwrap_or_else(|| Err(unknown()))
}

fn among_known<T>(
    shared: &Shared,
    token: &Token,
    may: impl Fn(&KeyRow) -> Result<T, Problem>,
) -> Option<Result<T, Problem>> {
    let keys = shared.keys.load();
    let row = keys.get(&token.id).filter(|row| row.matches(token))?;
    Some(if row.holds((shared.parts.now)()) { may(row) } else { Err(unknown()) })
}

/// A key that is not known, expired, revoked or garbled is answered alike: nothing is told to those who guess.
fn unknown() -> Problem {
    Problem::no_key("This key is not known, has expired or was revoked.")
}

pub(super) fn wrong_role(key: &KeyRow, needed: Role) -> Problem {
    Problem::not_allowed(format!(
        "This key has the role `{}`, and this call needs `{needed}`; `copyrail keys new --role {needed}` makes one.",
        key.role
    ))
}

/// The token of the `authorization` header, the empty text where it holds none; `None` without that header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().unwrap_or_default();
    let token = value
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, t)| t.trim());
    Some(token.unwrap_or_default())
}

/// The name of the key that a request was let through with, or `key` and its id where it has none: who signs what is
/// recorded.
pub(super) struct Caller(pub(super) String);

impl FromRequestParts<Arc<Shared>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(head: &mut Head, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let keys = shared.keys.load();
        let row = bearer(&head.headers).and_then(parse_token).and_then(|token| keys.get(&token.id));
        row.map(|row| Self(signs_as(row))).ok_or_else(Problem::internal)
    }
}

/// The name that stands in records under what somebody does with a key.
pub(crate) fn signs_as(row: &KeyRow) -> String {
    match row.name.trim() {
        "" => format!("key {}", row.id),
        _ => row.name.clone(),
    }
}

/// The name of the key that a request was let through with: a person, told from others by their name. A key without one is
/// nobody's.
pub(super) struct Person(pub(super) String);

impl FromRequestParts<Arc<Shared>> for Person {
    type Rejection = Problem;

    async fn from_request_parts(head: &mut Head, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let keys = shared.keys.load();
        let row = bearer(&head.headers).and_then(parse_token).and_then(|token| keys.get(&token.id));
        match row.map(|row| row.name.trim()) {
            None => Err(Problem::internal()),
            Some("") => Err(Problem::not_allowed(
                "This key has no name, and who decides must have one; `copyrail keys new --name` makes a key that has.",
            )),
            Some(name) => Ok(Self(name.to_owned())),
        }
    }
}

/// The id of the key that a request was let through with.
pub(super) struct KeyId(pub(super) String);

impl FromRequestParts<Arc<Shared>> for KeyId {
    type Rejection = Problem;

    async fn from_request_parts(head: &mut Head, _: &Arc<Shared>) -> Result<Self, Problem> {
        let token = bearer(&head.headers).and_then(parse_token);
        token.map(|token| Self(token.id)).ok_or_else(Problem::internal)
    }
}
