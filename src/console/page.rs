//! The frame of every page, what stands in place of one that cannot be shown, and the headers that all carry.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts as Head;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::session::{self, MAX_FORM, Reader};
use super::{assets, sign_in};
use crate::app::Shared;
use crate::store::StoreError;
use crate::store::keys::Role;

/// What a page may load: its own files and nothing else; no code and no style within it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// What browsers are told of a service that is reached by https: for a year, by nothing else.
const HTTPS_ALONE: &str = "max-age=31536000";
/// How long a form may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest form for signing in, in bytes.
const MAX_SIGN_IN: usize = 8 * 1024;

/// Where a page stands among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Overview,
    Approvals,
    Generations,
    Serves,
    Compliance,
    TryIt,
    Reports,
    Glossary,
    /// None of them.
    Elsewhere,
}

/// What stands around a page.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// The name of the page, as the browser's tab shows it.
    pub(super) title: String,
    /// Which place of the navigation is marked.
    pub(super) place: Place,
    /// Whoever reads it; `None` before they signed in.
    pub(super) reader: Option<Reader>,
}

impl Frame {
    /// For a reader.
    pub(super) fn of(reader: &Reader, place: Place, title: impl Into<String>) -> Self {
        Self { title: title.into(), place, reader: Some(reader.clone()) }
    }

    /// Before anybody signed in.
    pub(super) fn outside(title: impl Into<String>) -> Self {
        Self { title: title.into(), place: Place::Elsewhere, reader: None }
    }

    /// The address of a file that pages load, which changes with its content.
    pub(super) fn asset(&self, name: &str) -> String {
        assets::address(name)
    }

    /// Marks the place of the page in the navigation.
    pub(super) fn current(&self, place: &str) -> &'static str {
        let here = match self.place {
            Place::Overview => "overview",
            Place::Approvals => "approvals",
            Place::Generations => "generations",
            Place::Serves => "serves",
            Place::Compliance => "compliance",
            Place::TryIt => "try",
            Place::Reports => "reports",
            Place::Glossary => "glossary",
            Place::Elsewhere => "",
        };
        if here == place { "page" } else { "false" }
    }

    /// The headers that the page's script sends with each request of its own.
    pub(super) fn headers(&self) -> String {
        let token = self.reader.as_ref().map(|reader| reader.token.as_str());
        json!({ "x-csrf-token": token }).to_string()
    }
}

/// A page from its view.
pub(super) fn show(view: &impl Template) -> Response {
    match view.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page cannot be written");
            (StatusCode::INTERNAL_SERVER_ERROR, "This page cannot be shown.").into_response()
        }
    }
}

/// Says what was done, on the page that it was done from: a part of the page to put in place, and a sentence that its script
/// shows. `undo` is the address that undoes it, where that can be done.
pub(super) fn done(part: Response, said: &str, undo: Option<&str>) -> Response {
    events(part, &json!({"said": {"text": said, "undo": undo}}))
}

/// What was done, as the next page says it to whoever has no script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Said {
    /// A sentence.
    pub(super) text: String,
    /// The address that undoes it, where that can be done.
    pub(super) undo: Option<String>,
    /// The page that says it, where an undo leads back to.
    #[serde(skip)]
    pub(super) here: String,
}

/// The most characters of a sentence that the next page says.
const MOST_SAID: usize = 400;

/// Leads a browser without a script to a page, which says what was done; `undo` as for [`done`].
pub(super) fn led(to: &str, said: &str, undo: Option<&str>) -> Response {
    let mut response = Redirect::to(to).into_response();
    let text = said.chars().take(MOST_SAID).collect();
    // The guard has the browser keep it until then.
    response.extensions_mut().insert(Said { text, undo: undo.map(str::to_owned), here: String::new() });
    response
}

/// Tells the page's script of events: an object of each event's detail by its name.
pub(super) fn events(part: Response, told: &Value) -> Response {
    let told = told.to_string();
    // A header holds plain characters alone; JSON can say all others by their numbers.
    let told: String = told.chars().flat_map(escaped).collect();
    let mut response = part;
    if let Ok(value) = HeaderValue::from_str(&told) {
        response.headers_mut().insert(HeaderName::from_static("hx-trigger"), value);
    }
    response
}

fn escaped(c: char) -> Vec<char> {
    if c.is_ascii() {
        return vec![c];
    }
    let mut units = [0; 2];
    c.encode_utf16(&mut units)
        .iter()
        .flat_map(|unit| format!("\\u{unit:04x}").chars().collect::<Vec<_>>())
        .collect()
}

/// Why a page cannot be shown, or something not be done.
#[derive(Clone, Debug)]
pub(super) enum Failed {
    /// There is no such page, or no such record: a sentence.
    Missing(String),
    /// The reader's role does not allow it.
    Role(Role),
    /// What was sent cannot be meant: a sentence.
    Malformed(String),
    /// It is too long, in bytes.
    TooLarge(usize),
    /// It took too long to arrive.
    TooSlow,
    /// It did not come from a page of this reader.
    Forged,
    /// A page of somebody else's had the browser send it.
    CrossSite,
    /// It cannot be done as things are: a sentence.
    NotNow(String),
    /// The store does not answer.
    Store,
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a page cannot read the store");
        Self::Store
    }
}

/// In place of a page.
#[derive(Template)]
#[template(path = "failed.html")]
struct FailedPage {
    frame: Frame,
    said: String,
    help: String,
}

/// In place of a part of one.
#[derive(Template)]
#[template(path = "failed_part.html")]
struct FailedPart {
    said: String,
    help: String,
}

impl Failed {
    /// What is wrong, in a sentence.
    pub(super) fn said(&self) -> String {
        self.told().1
    }

    fn told(&self) -> (StatusCode, String, String) {
        let (status, said, help) = match self {
            Self::Missing(said) => {
                (StatusCode::NOT_FOUND, said.clone(), "The navigation leads to every page.")
            }
            Self::Role(role) => (
                StatusCode::FORBIDDEN,
                format!("This takes a key with the role {role}."),
                "Whoever runs copyrail makes one with `copyrail keys new`.",
            ),
            Self::Malformed(said) => (StatusCode::BAD_REQUEST, said.clone(), "Nothing was changed."),
            Self::TooLarge(most) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("This is longer than {} KiB.", most / 1024),
                "Nothing was changed; send less at once.",
            ),
            Self::TooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                "What you sent took too long to arrive.".to_owned(),
                "Nothing was changed; send it again.",
            ),
            Self::CrossSite => (
                StatusCode::FORBIDDEN,
                "This was not sent by a page of this console.".to_owned(),
                "Nothing was changed. If it was, `[console] address` is not where browsers reach the service.",
            ),
            Self::Forged => (
                StatusCode::FORBIDDEN,
                "This page is older than your session.".to_owned(),
                "Nothing was changed; load the page again and repeat what you did.",
            ),
            Self::NotNow(said) => (StatusCode::CONFLICT, said.clone(), "Nothing was changed."),
            Self::Store => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The store does not answer.".to_owned(),
                "Pages of the shop are answered all the same; load this page again in a moment.",
            ),
        };
        (status, said, help.to_owned())
    }

    /// As a whole page, in the frame that the reader knows.
    pub(super) fn page(&self, reader: &Reader) -> Response {
        let (status, said, help) = self.told();
        let frame = Frame::of(reader, Place::Elsewhere, said.clone());
        (status, show(&FailedPage { frame, said, help })).into_response()
    }
}

impl IntoResponse for Failed {
    /// As a part of a page, which its script shows in place of what was asked for.
    fn into_response(self) -> Response {
        let (status, said, help) = self.told();
        (status, show(&FailedPart { said, help })).into_response()
    }
}

/// What a handler of a whole page answers: the page, or in its place why it cannot be shown.
pub(super) fn page_or(reader: &Reader, made: Result<Response, Failed>) -> Response {
    made.unwrap_or_else(|failed| if reader.part { failed.into_response() } else { failed.page(reader) })
}

/// Leads to the page for signing in, and from there back: to the page that was asked for, or from which something was sent.
pub(super) fn sign_in_first(head: &Head) -> Response {
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_part = head.headers.contains_key("hx-request");
    let here = head.uri.path_and_query().map_or("/console/", |path| path.as_str()).to_owned();
    let back = match (is_part, is_read(&head.method)) {
        (true, _) => path_of(text("hx-current-url")),
        (false, true) => here,
        (false, false) => path_of(text("referer")),
    };
    let to = sign_in::address(&back);
    if is_part {
        // The whole page goes there, not the part that was asked for.
        let mut response = StatusCode::UNAUTHORIZED.into_response();
        if let Ok(value) = HeaderValue::from_str(&to) {
            response.headers_mut().insert(HeaderName::from_static("hx-redirect"), value);
        }
        return response;
    }
    Redirect::to(&to).into_response()
}

/// The path and the query of an address.
fn path_of(address: &str) -> String {
    let url = reqwest::Url::parse(address).ok();
    url.map(|url| match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    })
    .unwrap_or_default()
}

/// In place of a page that a browser must ask for once more.
#[derive(Template)]
#[template(path = "going_on.html")]
struct GoingOn {
    frame: Frame,
    to: String,
}

/// A page that leads on by itself. What a browser asks for because this one says so is asked for by the service's own page:
/// it then sends the session, which it does not where a page of others leads here.
pub(super) fn going_on(to: &str) -> Response {
    show(&GoingOn { frame: Frame::outside("One moment"), to: to.to_owned() })
}

pub(super) async fn no_such_page(reader: Reader) -> Response {
    Failed::Missing("There is no such page.".to_owned()).page(&reader)
}

/// Around every page: who may see it, that what is sent comes from a page of theirs, and what a browser may do with the answer.
pub(super) async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let is_read = is_read(request.method());
    let mut response = admit(&shared, request, next).await;
    let headers = response.headers_mut();
    let set = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ];
    headers.extend(set.map(|(name, value)| (name, HeaderValue::from_static(value))));
    if shared.console.is_https() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HTTPS_ALONE));
    }
    // What a reviewer sees stays in no cache; files that never change say otherwise themselves.
    if !(is_read && headers.contains_key(header::CACHE_CONTROL)) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Nothing but the pages for signing in, and the files that all pages load, is reached without a session; and nothing is sent
/// but by a page of this service, with the token of the session. Handlers find both seen to.
async fn admit(shared: &Arc<Shared>, request: Request, next: Next) -> Response {
    let (mut head, body) = request.into_parts();
    let path = head.uri.path();
    let is_read = is_read(&head.method);
    if is_read && (path.starts_with(assets::BELOW) || path == "/console") {
        return next.run(Request::from_parts(head, body)).await;
    }
    let is_for_all = sign_in::is_for_all(path);
    let mut reader = session::read(shared, &head.headers);
    if is_read && path != sign_in::CALLBACK && is_led_here(shared, &head.headers) {
        return going_on(head.uri.path_and_query().map_or("/console/", |path| path.as_str()));
    }
    if !is_read && !session::is_from_a_page(shared, &head.headers) {
        return refuse(reader.as_ref(), Failed::CrossSite);
    }
    if reader.is_none() && !is_for_all {
        return sign_in_first(&head);
    }
    let body = match is_read {
        true => body,
        false => match sent(body, if is_for_all { MAX_SIGN_IN } else { MAX_FORM }).await {
            Err(failed) => return refuse(reader.as_ref(), failed),
            Ok(form) => {
                if let Some(reader) = reader.as_ref().filter(|_| !is_for_all)
                    && !session::carries(&head.headers, &form, &reader.token)
                {
                    return refuse(Some(reader), Failed::Forged);
                }
                Body::from(form)
            }
        },
    };
    if let Some(reader) = &mut reader {
        if is_read && !reader.part {
            let here = head.uri.path_and_query().map_or("", |path| path.as_str());
            reader.said = session::said(shared, &head.headers, &reader.session, here);
        }
        head.extensions.insert(reader.clone());
    }
    let mut response = next.run(Request::from_parts(head, body)).await;
    // Who signs in or out says themselves what is kept.
    if let Some(reader) = reader.filter(|_| !response.headers().contains_key(header::SET_COOKIE)) {
        session::renew(shared, &mut response, &reader.session);
        let told = response.extensions_mut().remove::<Said>();
        let is_heard = reader.said.is_some() && response.status().is_success();
        if told.is_some() || is_heard {
            session::say_next(shared, &mut response, &reader.session, told);
        }
    }
    response
}

fn refuse(reader: Option<&Reader>, failed: Failed) -> Response {
    match reader {
        Some(reader) => page_or(reader, Err(failed)),
        None => failed.into_response(),
    }
}

fn is_read(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

/// Whether a page of somebody else's leads a person here, for which browsers leave out the cookie of the session: it is only
/// sent when the service's own pages ask.
fn is_led_here(shared: &Shared, headers: &HeaderMap) -> bool {
    let says = |name: &str, values: &[&str]| {
        headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| values.contains(&value))
    };
    says("sec-fetch-site", &["cross-site", "same-site"])
        && says("sec-fetch-mode", &["navigate"])
        && says("sec-fetch-dest", &["document"])
        && !session::brings_one(shared, headers)
}

/// What was sent, read to its end within ten seconds.
async fn sent(body: Body, most: usize) -> Result<Bytes, Failed> {
    match tokio::time::timeout(PATIENCE, to_bytes(body, most)).await {
        Err(_elapsed) => Err(Failed::TooSlow),
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if crate::http::is_too_large(&error) => Err(Failed::TooLarge(most)),
        Ok(Err(_)) => Err(Failed::Malformed("What you sent broke off.".to_owned())),
    }
}
