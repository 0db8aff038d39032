//! Signing in and out: with a key, or through the provider of OpenID Connect.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{FromRequestParts, RawQuery, State};
use axum::http::request::Parts as Head;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use jiff::SignedDuration;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::oidc::{Answer, Oidc, Refusal, STARTED};
use super::page::{Frame, going_on, show};
use super::say::counted;
use super::session::{self, Form, SameSite, Who, cookie_name, cookies, may_read, set_cookie};
use crate::app::Shared;
use crate::http::auth::{allow, signs_as};
use crate::http::{Peer, Problem};
use crate::store::keys::{KeyRow, parse_token};

/// The page for signing in. What is below it is for everybody too.
const LOGIN: &str = "/console/login";
/// Where the provider of OpenID Connect leads back to.
pub(super) const CALLBACK: &str = "/console/login/callback";
/// Longer addresses are not gone back to: they would not fit into a cookie.
const LONGEST_NEXT: usize = 1_500;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/console/login", get(form).post(sign_in))
        .route("/console/login/oidc", get(leave))
        .route("/console/login/callback", get(come_back))
        .route("/console/logout", post(sign_out))
}

/// Whether a path is one of those that nobody needs a session for.
pub(super) fn is_for_all(path: &str) -> bool {
    path.strip_prefix(LOGIN).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The address of the page for signing in, which leads on to `next`.
pub(super) fn address(to: &str) -> String {
    with_next(LOGIN, to)
}

fn with_next(path: &str, to: &str) -> String {
    match next(to) {
        "/console/" => path.to_owned(),
        to => format!("{path}?{}", serde_urlencoded::to_string([("next", to)]).unwrap_or_default()),
    }
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    frame: Frame,
    next: String,
    wrong: Option<String>,
    /// What the provider of OpenID Connect is called, and where one goes to it.
    provider: Option<(String, String)>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    next: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Sent {
    key: String,
    next: String,
}

/// Where to go after signing in: a page of the console, wherever the address was made.
fn next(asked: &str) -> &str {
    let is_plain = asked.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') && asked.len() <= LONGEST_NEXT;
    let path = asked.split(['?', '#']).next().unwrap_or_default();
    let leads_back = is_for_all(path) || path == "/console/logout";
    // Browsers take `/./` and `/../` out of an address, and may end elsewhere.
    let is_straight =
        !path.split('/').any(|part| matches!(part.to_lowercase().replace("%2e", ".").as_str(), "." | ".."));
    if asked.starts_with("/console/") && is_plain && is_straight && !leads_back { asked } else { "/console/" }
}

/// What stands in an address, or nothing where that cannot be read.
fn read_query<T: DeserializeOwned + Default>(query: Option<String>) -> T {
    serde_urlencoded::from_str(&query.unwrap_or_default()).unwrap_or_default()
}

/// Whoever asks, by the address that their connection comes from, or that the proxy says.
struct Asker(IpAddr);

impl FromRequestParts<Arc<Shared>> for Asker {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(head: &mut Head, shared: &Arc<Shared>) -> Result<Self, Self::Rejection> {
        let said = head.headers.get_all("x-forwarded-for").into_iter().next_back();
        let said = said.filter(|_| shared.console.forwarded).and_then(|said| said.to_str().ok());
        // Some proxies write the port behind it.
        let address = |text: &str| text.parse().or_else(|_| text.parse().map(|at: SocketAddr| at.ip())).ok();
        let said = said.and_then(|said| address(said.rsplit(',').next()?.trim()));
        let peer = head.extensions.get::<Peer>().map(|peer| peer.0);
        Ok(Self(said.or(peer).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))))
    }
}

fn page(shared: &Shared, asked: &str, wrong: Option<String>) -> Response {
    let to = next(asked);
    let provider = shared
        .door
        .oidc
        .as_ref()
        .map(|oidc| (oidc.called().to_owned(), with_next("/console/login/oidc", to)));
    show(&SignIn { frame: Frame::outside("Sign in"), next: to.to_owned(), wrong, provider })
}

async fn form(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let asked: Asked = read_query(query);
    if session::read(&shared, &headers).is_some() {
        return Redirect::to(next(&asked.next)).into_response();
    }
    page(&shared, &asked.next, None)
}

async fn sign_in(State(shared): State<Arc<Shared>>, Asker(from): Asker, body: axum::body::Bytes) -> Response {
    let sent: Sent = serde_urlencoded::from_bytes(&body).unwrap_or_default();
    let (token, now) = (sent.key.trim(), (shared.parts.now)());
    if token.is_empty() {
        let wrong = "Write the key that you were given.".to_owned();
        return (StatusCode::BAD_REQUEST, page(&shared, &sent.next, Some(wrong))).into_response();
    }
    let id = parse_token(token).map(|token| token.id);
    if let Err(wait) = shared.door.try_once(from, id.as_deref(), now) {
        return locked_out(&shared, &sent.next, wait);
    }
    let may = |key: &KeyRow| match may_read(key) {
        true => Ok((key.id.clone(), signs_as(key), key.role)),
        false => Err(Problem::not_allowed("a role of the console".to_owned())),
    };
    match allow(&shared, token, may).await {
        Ok((id, name, role)) => {
            shared.door.forgive(from, Some(&id), now);
            tracing::info!(%name, %role, "signed in to the console with a key");
            let mut response = Redirect::to(next(&sent.next)).into_response();
            session::begin(&shared, &mut response, Who::Key(id), role);
            response
        }
        Err(_) => {
            tracing::warn!(key = id.as_deref().unwrap_or("none"), "a key was refused at the console");
            let wrong = "This key is not known, has expired or was revoked, or its role is neither review nor compliance.";
            (StatusCode::FORBIDDEN, page(&shared, &sent.next, Some(wrong.to_owned()))).into_response()
        }
    }
}

/// Says that nothing is looked at for a while; whether the key was right stays unsaid.
fn locked_out(shared: &Shared, next: &str, wait: SignedDuration) -> Response {
    let minutes = wait.as_secs().saturating_add(59) / 60;
    tracing::warn!(minutes, "too many sign-ins to the console failed, so none is looked at for a while");
    let said = counted(u64::try_from(minutes.max(1)).unwrap_or(1), "minute");
    let wrong =
        format!("Too many sign-ins from here failed, so this one was not looked at. Try again in {said}.");
    let after = HeaderValue::from(wait.as_secs().max(1));
    let page = page(shared, next, Some(wrong));
    (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, after)], page).into_response()
}

/// Leads to the provider of OpenID Connect.
async fn leave(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    let asked: Asked = read_query(query);
    let Some(oidc) = &shared.door.oidc else { return page(&shared, &asked.next, None) };
    match oidc.begin(&shared.seal, next(&asked.next), (shared.parts.now)()).await {
        Ok((to, started)) => {
            let mut response = Redirect::to(&to).into_response();
            // The provider leads back here, and the browser must send it then.
            set_cookie(&shared, &mut response, (STARTED, &started), SameSite::Lax, Oidc::PATIENCE.as_secs());
            response
        }
        Err(refusal) => refused(&shared, oidc, &asked.next, &refusal),
    }
}

/// Takes what the provider of OpenID Connect answers with.
async fn come_back(
    State(shared): State<Arc<Shared>>,
    Asker(from): Asker,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let Some(oidc) = &shared.door.oidc else { return page(&shared, "", None) };
    let now = (shared.parts.now)();
    if let Err(wait) = shared.door.try_once(from, None, now) {
        return locked_out(&shared, "", wait);
    }
    let answer: Answer = read_query(query);
    let name = cookie_name(&shared, STARTED);
    let started =
        cookies(&headers, &name).find_map(|sealed| oidc.started(&shared.seal, sealed, &answer, now));
    let started = started.filter(|started| !shared.door.is_ended(started.id, started.begun));
    let Some(started) = started else { return refused(&shared, oidc, "", &Refusal::Stale) };
    // It is good once, whatever comes of it.
    shared.door.end(started.id, started.until(), now);
    let mut response = match oidc.finish(&shared.seal, &started, &answer, &shared.parts.now).await {
        Ok((person, role)) => {
            shared.door.forgive(from, None, now);
            let name = oidc.named(&person.name, &person.subject);
            tracing::info!(%name, %role, "signed in to the console through OpenID Connect");
            let who =
                Who::Person { subject: person.subject, name: person.name, terms: oidc.terms().to_owned() };
            let mut response = going_on(next(&started.next));
            session::begin(&shared, &mut response, who, role);
            response
        }
        Err(refusal) => refused(&shared, oidc, &started.next, &refusal),
    };
    set_cookie(&shared, &mut response, (STARTED, ""), SameSite::Lax, 0);
    response
}

/// Says why somebody cannot sign in through the provider, beside the form for keys.
fn refused(shared: &Shared, oidc: &Oidc, next: &str, refusal: &Refusal) -> Response {
    tracing::warn!(%refusal, "a sign-in to the console through OpenID Connect failed");
    let (status, wrong) = refusal.told(oidc.called());
    (status, page(shared, next, Some(wrong))).into_response()
}

/// Nothing is asked of the form but that it is the reader's.
#[derive(Debug, Deserialize)]
struct Nothing {}

async fn sign_out(State(shared): State<Arc<Shared>>, Form(reader, Nothing {}): Form<Nothing>) -> Response {
    tracing::info!(name = %reader.name, "signed out of the console");
    let mut response = Redirect::to(LOGIN).into_response();
    session::end(&shared, &mut response, &reader.session);
    response
}

#[cfg(test)]
mod tests {
    #[test]
    fn signing_in_leads_nowhere_else() {
        for (asked, goes) in [
            ("/console/generations?rule=a%2Fb", "/console/generations?rule=a%2Fb"),
            (
                "/console/serves?next=https://elsewhere.example/..",
                "/console/serves?next=https://elsewhere.example/..",
            ),
            ("", "/console/"),
            ("https://elsewhere.example/", "/console/"),
            ("//elsewhere.example/console/", "/console/"),
            ("/console/\\elsewhere.example", "/console/"),
            ("/console//elsewhere.example", "/console//elsewhere.example"),
            ("/console/..//elsewhere.example", "/console/"),
            ("/console/%2e%2E//elsewhere.example", "/console/"),
            ("/console/./../\u{2f}elsewhere.example", "/console/"),
            ("/console/\telsewhere", "/console/"),
            ("/console/\r\nset-cookie: a=b", "/console/"),
            ("/console/login?next=/console/login", "/console/"),
            ("/console/login/oidc", "/console/"),
            ("/console/logout", "/console/"),
            ("/v1/policy", "/console/"),
            ("javascript:alert(1)", "/console/"),
        ] {
            assert_eq!(super::next(asked), goes, "{asked}");
        }
        assert_eq!(super::next(&format!("/console/{}", "a".repeat(2_000))), "/console/");
        assert_eq!(super::address("/console/"), "/console/login");
        assert_eq!(super::address("/console/a?b=c&d"), "/console/login?next=%2Fconsole%2Fa%3Fb%3Dc%26d");
    }
}
