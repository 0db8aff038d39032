//! Who reads a page: a session in a signed cookie, made from a key of the role `review`, `compliance` or `admin`, and looked
//! up anew at each request, so that a key that is revoked signs its reader out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts as Head;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::page::{self, Failed};
use crate::app::Shared;
use crate::http::auth::signs_as;
use crate::store::keys::Role;

/// The cookie that holds the session.
pub(super) const COOKIE: &str = "copyrail_session";
/// The cookie in which a page's script says the reader's time zone.
const ZONE: &str = "copyrail_zone";
/// How long a session lasts.
pub(super) const LASTS: SignedDuration = SignedDuration::from_hours(12);
/// The longest form, in bytes: room for a long text and what stands around it.
const MAX_FORM: usize = 256 * 1024;
/// The header in which a page's script sends the token of its forms.
const TOKEN: &str = "x-csrf-token";
/// What tokens are made for.
const SESSION: &str = "session";
const FORMS: &str = "forms";

/// A session, as its cookie says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    /// Told from others by this.
    pub(super) id: Uuid,
    /// The id of the key that signed in.
    pub(super) key: String,
    /// From when on it no longer holds.
    pub(super) until: Timestamp,
}

/// Who signed out before their session's end, and who tried to sign in.
#[derive(Debug, Default)]
pub struct Door {
    signed_out: Mutex<HashMap<Uuid, Timestamp>>,
}

impl Door {
    /// Ends a session for good.
    pub(super) fn sign_out(&self, session: &Session, now: Timestamp) {
        let mut out = self.signed_out.lock().unwrap_or_else(PoisonError::into_inner);
        out.retain(|_, until| *until > now);
        out.insert(session.id, session.until);
    }

    fn is_signed_out(&self, session: Uuid) -> bool {
        self.signed_out.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&session)
    }
}

/// Whoever reads a page.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    /// The name that stands under what they decide.
    pub(super) name: String,
    /// What they may do.
    pub(super) role: Role,
    /// The zone that times are written in.
    pub(super) zone: TimeZone,
    /// What a form must send to be theirs.
    pub(super) token: String,
    /// Their session.
    pub(super) session: Session,
    /// Whether the page's script asks for a part of a page.
    pub(super) part: bool,
}

impl Reader {
    /// Whether they may decide on texts, and see what went into prompts.
    pub(super) fn reviews(&self) -> bool {
        self.role.allows(Role::Review)
    }

    /// Whether they may decide on rules, and set stops.
    pub(super) fn complies(&self) -> bool {
        self.role.allows(Role::Compliance)
    }

    /// Refuses whoever may not decide on texts.
    pub(super) fn must_review(&self) -> Result<(), Failed> {
        if self.reviews() { Ok(()) } else { Err(Failed::Role(Role::Review)) }
    }

    /// Refuses whoever may not decide on rules.
    pub(super) fn must_comply(&self) -> Result<(), Failed> {
        if self.complies() { Ok(()) } else { Err(Failed::Role(Role::Compliance)) }
    }
}

/// A cookie of a request.
pub(super) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find_map(|(named, value)| (named == name).then_some(value))
}

/// The token that forms of a session send.
fn token(shared: &Shared, session: &Session) -> String {
    shared.seal.seal(FORMS, &session.id)
}

/// What the cookie of a new session for this key holds.
pub(super) fn begin(shared: &Shared, key: &str, now: Timestamp) -> String {
    let until = now.checked_add(LASTS).unwrap_or(now);
    shared.seal.seal(SESSION, &Session { id: crate::words::new_id(now), key: key.to_owned(), until })
}

/// Who a request is of, when somebody signed in.
pub(super) fn read(shared: &Shared, headers: &HeaderMap) -> Option<Reader> {
    let session: Session = shared.seal.open_token(SESSION, cookie(headers, COOKIE)?)?;
    let now = (shared.parts.now)();
    if now >= session.until || shared.door.is_signed_out(session.id) {
        return None;
    }
    let keys = shared.keys.load();
    let row = keys.get(&session.key).filter(|row| row.holds(now))?;
    if !row.role.allows(Role::Review) && !row.role.allows(Role::Compliance) {
        return None;
    }
    let zone = cookie(headers, ZONE).and_then(|zone| TimeZone::get(&zone.replace("%2F", "/")).ok());
    Some(Reader {
        name: signs_as(row),
        role: row.role,
        zone: zone.unwrap_or_else(|| shared.desk.settings().timezone.clone()),
        token: token(shared, &session),
        session,
        part: headers.contains_key("hx-request"),
    })
}

impl FromRequestParts<Arc<Shared>> for Reader {
    type Rejection = Response;

    async fn from_request_parts(head: &mut Head, shared: &Arc<Shared>) -> Result<Self, Response> {
        read(shared, &head.headers).ok_or_else(|| page::sign_in_first(&head.uri, &head.headers))
    }
}

/// A form of a page of this reader: sent by such a page and nothing else, which its token proves.
pub(super) struct Form<T>(pub(super) Reader, pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Shared>> for Form<T> {
    type Rejection = Response;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, Response> {
        let (mut head, body) = request.into_parts();
        let reader = Reader::from_request_parts(&mut head, shared).await?;
        let bytes = to_bytes(body, MAX_FORM).await.map_err(|_| Failed::TooLarge(MAX_FORM).into_response())?;
        if !is_from_a_page(&head.headers) || !carries(&head.headers, &bytes, &reader.token) {
            return Err(Failed::Forged.into_response());
        }
        match serde_urlencoded::from_bytes(&bytes) {
            Ok(form) => Ok(Self(reader, form)),
            Err(error) => Err(Failed::Malformed(error.to_string()).into_response()),
        }
    }
}

/// Whether a browser that says where a request comes from says that it is a page of this service.
pub(super) fn is_from_a_page(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin" || site == "none")
}

/// Whether a request carries the token, in its header or as the field `csrf` of its form.
fn carries(headers: &HeaderMap, form: &Bytes, token: &str) -> bool {
    #[derive(Deserialize)]
    struct Field {
        csrf: String,
    }
    let sent = match headers.get(TOKEN).and_then(|sent| sent.to_str().ok()) {
        Some(sent) => sent.to_owned(),
        None => serde_urlencoded::from_bytes(form).map(|field: Field| field.csrf).unwrap_or_default(),
    };
    // Compared by their hashes, which takes the same time wherever they differ.
    blake3::hash(sent.as_bytes()) == blake3::hash(token.as_bytes())
}
