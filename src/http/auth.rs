//! Keys: who sent a request, and whether they may.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Problem;
use crate::app::Shared;
use crate::store::keys::{Role, parse_token};

/// Lets a request through when it carries a key of the role, before anything of its body is read.
pub(super) async fn require(
    State((shared, role)): State<(Arc<Shared>, Role)>,
    request: Request,
    next: Next,
) -> Response {
    let mut allowed = check(&shared, request.headers(), role);
    if matches!(allowed, Err(Refused::Unknown)) {
        // It may have been made a moment ago.
        shared.look_for_new_keys().await;
        allowed = check(&shared, request.headers(), role);
    }
    match allowed {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

/// Why a request is not let through.
enum Refused {
    /// Its key is not among those known.
    Unknown,
    /// Anything else.
    For(Problem),
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            // A key that is not known, expired, revoked or garbled is answered alike: nothing is told to those who guess.
            Self::Unknown => {
                Problem::no_key("This key is not known, has expired or was revoked.").into_response()
            }
            Self::For(problem) => problem.into_response(),
        }
    }
}

fn check(shared: &Shared, headers: &HeaderMap, needed: Role) -> Result<(), Refused> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        let help = "Send `authorization: Bearer crk_…`; `copyrail keys new` makes a key.";
        return Err(Refused::For(Problem::no_key(help)));
    };
    let garbled = || Refused::For(Problem::no_key("This key is not known, has expired or was revoked."));
    let token = value.to_str().ok().and_then(bearer).and_then(parse_token).ok_or_else(garbled)?;
    let keys = shared.keys.load();
    let row = keys.get(&token.id).filter(|row| row.matches(&token)).ok_or(Refused::Unknown)?;
    if !row.holds((shared.parts.now)()) {
        return Err(garbled());
    }
    if !row.role.allows(needed) {
        return Err(Refused::For(Problem::not_allowed(format!(
            "This key has the role `{}`, and this call needs `{needed}`; `copyrail keys new --role {needed}` makes one.",
            row.role
        ))));
    }
    Ok(())
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
