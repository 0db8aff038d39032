//! Who reads a page: a session in a signed cookie, made from a key of the role `review`, `compliance` or `admin` or from what
//! the provider of OpenID Connect said, and looked up anew at each request, so that a key that is revoked signs its reader out.

use std::sync::Arc;

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts as Head;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::page::{self, Failed, Said};
use crate::app::Shared;
use crate::http::auth::signs_as;
use crate::store::keys::{KeyRow, Role};

/// The cookie that holds the session.
const COOKIE: &str = "copyrail_session";
/// The cookie in which a page's script says the reader's time zone.
const ZONE: &str = "copyrail_zone";
/// The longest form, in bytes: room for a long text and what stands around it.
pub(super) const MAX_FORM: usize = 256 * 1024;
/// How many cookies of one name are looked at: other services on the host may set some too.
const MOST_COOKIES: usize = 4;
/// The header in which a page's script sends the token of its forms.
const TOKEN: &str = "x-csrf-token";
/// What tokens are made for.
const SESSION: &str = "session";
const FORMS: &str = "forms";
const SAID: &str = "said";
/// The cookie that holds what the next page says.
const SAID_COOKIE: &str = "copyrail_said";
/// How long a page is waited for that says it.
const SAID_FOR: SignedDuration = SignedDuration::from_secs(60);
/// The longest such cookie, in bytes: what browsers keep.
const LONGEST_SAID: usize = 3_900;

/// A session, as its cookie says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    /// Told from others by this.
    pub(super) id: Uuid,
    /// Who signed in.
    pub(super) who: Who,
    /// What they may do, as of then.
    pub(super) role: Role,
    /// Since when it holds.
    pub(super) begun: Timestamp,
    /// When its reader was last seen, to a tenth of the time that it lasts unused.
    pub(super) seen: Timestamp,
    /// From when on it no longer holds, however much it is used.
    pub(super) until: Timestamp,
}

/// Who signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Who {
    /// Whoever holds the key of this id.
    Key(String),
    /// Somebody whom the provider of OpenID Connect named.
    Person {
        /// What it calls them, for good.
        subject: String,
        /// The name that it says they have.
        name: String,
        /// The settings that this was made of it by, in short: others make other roles.
        terms: String,
    },
}

/// Whoever reads a page.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    /// The name that stands under what they decide: of somebody whom a provider named, with whom it means.
    pub(super) name: String,
    /// The name that pages call them by.
    pub(super) shown: String,
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
    /// What they did last, for a whole page to say.
    pub(super) said: Option<Said>,
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

/// The cookies of a name that a request has, first to last. Others may hold anything, bytes that are no text too.
pub(super) fn cookies<'h>(headers: &'h HeaderMap, name: &str) -> impl Iterator<Item = &'h str> {
    let pairs =
        headers.get_all(header::COOKIE).into_iter().flat_map(|all| all.as_bytes().split(|b| *b == b';'));
    pairs
        .filter_map(move |pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="))
        .filter_map(|value| str::from_utf8(value).ok())
        .take(MOST_COOKIES)
}

/// Whether another page of whatever site can have the browser send a cookie when it leads here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SameSite {
    Strict,
    Lax,
}

/// The name of a cookie: with a prefix that keeps others on the domain from setting it, where TLS is sure.
pub(super) fn cookie_name(shared: &Shared, name: &str) -> String {
    if shared.console.is_https() { format!("__Host-{name}") } else { name.to_owned() }
}

/// Has the browser keep a cookie for so many seconds, or with none of them forget it.
pub(super) fn set_cookie(
    shared: &Shared,
    response: &mut Response,
    (name, value): (&str, &str),
    same_site: SameSite,
    seconds: i64,
) {
    let name = cookie_name(shared, name);
    // A cookie with the prefix is one of the whole host.
    let rest = if shared.console.is_https() { "Path=/; Secure" } else { "Path=/console" };
    let cookie = format!("{name}={value}; {rest}; HttpOnly; SameSite={same_site:?}; Max-Age={seconds}");
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

/// Whether a request brings a session, good or not.
pub(super) fn brings_one(shared: &Shared, headers: &HeaderMap) -> bool {
    cookies(headers, &cookie_name(shared, COOKIE)).next().is_some()
}

/// The token that forms of a session send.
fn token(shared: &Shared, session: &Session) -> String {
    shared.seal.secret_for(FORMS, session.id.as_bytes())
}

/// Signs somebody in with a response.
pub(super) fn begin(shared: &Shared, response: &mut Response, who: Who, role: Role) {
    let now = (shared.parts.now)();
    let until = later(now, shared.console.session);
    let id = crate::words::new_id(now);
    put(shared, response, &Session { id, who, role, begun: now, seen: now, until }, now);
}

/// Ends a session with a response.
pub(super) fn end(shared: &Shared, response: &mut Response, session: &Session) {
    shared.door.end(session.id, session.until, (shared.parts.now)());
    set_cookie(shared, response, (COOKIE, ""), SameSite::Strict, 0);
}

/// Has the browser keep that its reader was seen, unless that was a moment ago.
pub(super) fn renew(shared: &Shared, response: &mut Response, session: &Session) {
    let now = (shared.parts.now)();
    if now >= later(session.seen, shared.console.idle / 10) {
        put(shared, response, &Session { seen: now, ..session.clone() }, now);
    }
}

fn put(shared: &Shared, response: &mut Response, session: &Session, now: Timestamp) {
    let ends = session.until.min(later(session.seen, shared.console.idle));
    let sealed = shared.seal.seal(SESSION, session);
    set_cookie(shared, response, (COOKIE, &sealed), SameSite::Strict, ends.duration_since(now).as_secs());
}

/// Has the browser keep what the next page of a session says, or with nothing forget it.
pub(super) fn say_next(shared: &Shared, response: &mut Response, session: &Session, said: Option<Said>) {
    let until = (shared.parts.now)().saturating_add(SAID_FOR).unwrap_or(Timestamp::MIN);
    let sealed = |said: &Said| shared.seal.seal(SAID, &(session.id, until, said));
    let fits = |sealed: &String| sealed.len() <= LONGEST_SAID;
    // Rather without its undo than not at all.
    let sealed = said.and_then(|said| {
        Some(sealed(&said)).filter(fits).or_else(|| Some(sealed(&Said { undo: None, ..said })).filter(fits))
    });
    let seconds = if sealed.is_some() { SAID_FOR.as_secs() } else { 0 };
    let value = sealed.unwrap_or_default();
    set_cookie(shared, response, (SAID_COOKIE, &value), SameSite::Strict, seconds);
}

/// What a page at this address is to say first.
pub(super) fn said(shared: &Shared, headers: &HeaderMap, session: &Session, here: &str) -> Option<Said> {
    let name = cookie_name(shared, SAID_COOKIE);
    let (of, until, said): (Uuid, Timestamp, Said) =
        cookies(headers, &name).find_map(|sealed| shared.seal.open_token(SAID, sealed))?;
    let holds = of == session.id && (shared.parts.now)() < until;
    holds.then(|| Said { here: here.to_owned(), ..said })
}

fn later(at: Timestamp, by: std::time::Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| at.checked_add(by).ok()).unwrap_or(at)
}

/// Who a request is of, when somebody signed in.
pub(super) fn read(shared: &Shared, headers: &HeaderMap) -> Option<Reader> {
    let name = cookie_name(shared, COOKIE);
    let session =
        cookies(headers, &name).find_map(|sealed| shared.seal.open_token::<Session>(SESSION, sealed))?;
    let now = (shared.parts.now)();
    let is_over = now >= session.until || now >= later(session.seen, shared.console.idle);
    if is_over || shared.door.is_ended(session.id, session.begun) {
        return None;
    }
    let (name, shown) = match &session.who {
        Who::Key(id) => {
            let keys = shared.keys.load();
            let row = keys.get(id).filter(|row| row.holds(now) && row.role == session.role)?;
            (signs_as(row), signs_as(row))
        }
        Who::Person { subject, name, terms } => {
            let oidc = shared.door.oidc.as_ref().filter(|oidc| oidc.terms() == terms)?;
            (oidc.named(name, subject), name.clone())
        }
    };
    let zone = cookies(headers, ZONE).find_map(|zone| TimeZone::get(&zone.replace("%2F", "/")).ok());
    Some(Reader {
        name,
        shown,
        role: session.role,
        zone: zone.unwrap_or_else(|| shared.desk.settings().timezone.clone()),
        token: token(shared, &session),
        session,
        part: headers.contains_key("hx-request"),
        said: None,
    })
}

/// Whether whoever holds this key may see the pages.
pub(super) fn may_read(row: &KeyRow) -> bool {
    row.role.allows(Role::Review) || row.role.allows(Role::Compliance)
}

impl FromRequestParts<Arc<Shared>> for Reader {
    type Rejection = Response;

    /// The reader whom the [guard](page::guard) let in.
    async fn from_request_parts(head: &mut Head, _: &Arc<Shared>) -> Result<Self, Response> {
        head.extensions.get::<Self>().cloned().ok_or_else(|| page::sign_in_first(head))
    }
}

/// A form of a page of this reader. That it was sent by such a page and nothing else the [guard](page::guard) saw to.
pub(super) struct Form<T>(pub(super) Reader, pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Shared>> for Form<T> {
    type Rejection = Response;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, Response> {
        let (mut head, body) = request.into_parts();
        let reader = Reader::from_request_parts(&mut head, shared).await?;
        let bytes = to_bytes(body, MAX_FORM).await.map_err(|_| Failed::TooLarge(MAX_FORM).into_response())?;
        match serde_urlencoded::from_bytes(&bytes) {
            Ok(form) => Ok(Self(reader, form)),
            Err(error) => Err(Failed::Malformed(error.to_string()).into_response()),
        }
    }
}

/// Whether a browser that says where a request comes from says that it is a page of this service.
pub(super) fn is_from_a_page(shared: &Shared, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or_default());
    let is_own = |origin: &str| match &shared.console.address {
        Some(address) => origin == address,
        // Of whatever scheme: a proxy may have taken TLS off.
        None => origin.split_once("://").is_some_and(|(_, host)| text("host") == Some(host)),
    };
    text("sec-fetch-site").is_none_or(|site| site == "same-origin" || site == "none")
        && text("origin").is_none_or(is_own)
}

/// Whether a request carries the token, in its header or as the field `csrf` of its form.
pub(super) fn carries(headers: &HeaderMap, form: &Bytes, token: &str) -> bool {
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
