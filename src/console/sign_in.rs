//! Signing in and out.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::page::{Frame, show};
use super::session::{self, COOKIE, Form, LASTS, is_from_a_page};
use crate::app::Shared;
use crate::http::Problem;
use crate::http::auth::allow;
use crate::store::keys::{KeyRow, Role};

/// The longest key that is read, in bytes.
const LONGEST: usize = 200;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/console/login", get(form).post(sign_in)).route("/console/logout", post(sign_out))
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    frame: Frame,
    next: String,
    wrong: Option<&'static str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    next: String,
}

#[derive(Debug, Deserialize)]
struct Sent {
    key: String,
    #[serde(default)]
    next: String,
}

/// Where to go after signing in: a page of the console, wherever the address was made.
fn next(asked: &str) -> &str {
    let is_ours = asked.starts_with("/console/") && !asked.contains(|c: char| c.is_control() || c == '\\');
    if is_ours && !asked.starts_with("/console/log") { asked } else { "/console/" }
}

async fn form(State(shared): State<Arc<Shared>>, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    if session::read(&shared, &headers).is_some() {
        return Redirect::to(next(&asked.next)).into_response();
    }
    show(&SignIn { frame: Frame::outside("Sign in"), next: next(&asked.next).to_owned(), wrong: None })
}

async fn sign_in(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    axum::extract::RawForm(body): axum::extract::RawForm,
) -> Response {
    let sent: Option<Sent> = serde_urlencoded::from_bytes(&body).ok();
    let sent = sent.filter(|sent| sent.key.len() <= LONGEST && is_from_a_page(&headers));
    let Some(sent) = sent else { return refused("", "Write the key that you were given.") };
    let may = |key: &KeyRow| match key.role.allows(Role::Review) || key.role.allows(Role::Compliance) {
        true => Ok(key.id.clone()),
        false => Err(Problem::not_allowed("a role of the console".to_owned())),
    };
    match allow(&shared, sent.key.trim(), may).await {
        Ok(id) => {
            let session = session::begin(&shared, &id, (shared.parts.now)());
            let cookie = format!(
                "{COOKIE}={session}; Path=/console; HttpOnly; SameSite=Strict; Max-Age={}",
                LASTS.as_secs()
            );
            with_cookie(Redirect::to(next(&sent.next)).into_response(), &cookie)
        }
        Err(_) => refused(
            next(&sent.next),
            "This key is not known, has expired or was revoked, or its role is neither review nor compliance.",
        ),
    }
}

fn refused(next: &str, wrong: &'static str) -> Response {
    let view = SignIn { frame: Frame::outside("Sign in"), next: next.to_owned(), wrong: Some(wrong) };
    (StatusCode::FORBIDDEN, show(&view)).into_response()
}

/// Nothing is asked of the form but that it is the reader's.
#[derive(Debug, Deserialize)]
struct Nothing {}

async fn sign_out(State(shared): State<Arc<Shared>>, Form(reader, Nothing {}): Form<Nothing>) -> Response {
    shared.door.sign_out(&reader.session, (shared.parts.now)());
    let cookie = format!("{COOKIE}=; Path=/console; HttpOnly; SameSite=Strict; Max-Age=0");
    with_cookie(Redirect::to("/console/login").into_response(), &cookie)
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

#[cfg(test)]
mod tests {
    #[test]
    fn signing_in_leads_nowhere_else() {
        for (asked, goes) in [
            ("/console/generations?rule=a%2Fb", "/console/generations?rule=a%2Fb"),
            ("", "/console/"),
            ("https://elsewhere.example/", "/console/"),
            ("//elsewhere.example/console/", "/console/"),
            ("/console/\\elsewhere.example", "/console/"),
            ("/console/login?next=/console/login", "/console/"),
            ("/v1/policy", "/console/"),
        ] {
            assert_eq!(super::next(asked), goes, "{asked}");
        }
    }
}
