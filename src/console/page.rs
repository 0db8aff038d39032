//! The frame of every page, what stands in place of one that cannot be shown, and the headers that all carry.

use askama::Template;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde_json::json;

use super::assets;
use super::session::Reader;
use crate::store::StoreError;
use crate::store::keys::Role;

/// What a page may load: its own files and nothing else; no code and no style within it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

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
    let told = json!({"said": {"text": said, "undo": undo}}).to_string();
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
    /// It did not come from a page of this reader.
    Forged,
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

/// Leads to the page for signing in, and from there back.
pub(super) fn sign_in_first(uri: &Uri, headers: &HeaderMap) -> Response {
    let back = uri.path_and_query().map_or("/console/", |path| path.as_str());
    let back = serde_urlencoded::to_string([("next", back)]).unwrap_or_default();
    let to = format!("/console/login?{back}");
    if headers.contains_key("hx-request") {
        // The whole page goes there, not the part that was asked for.
        let mut response = StatusCode::UNAUTHORIZED.into_response();
        if let Ok(value) = HeaderValue::from_str("/console/login") {
            response.headers_mut().insert(HeaderName::from_static("hx-redirect"), value);
        }
        return response;
    }
    Redirect::to(&to).into_response()
}

pub(super) async fn no_such_page(reader: Reader) -> Response {
    Failed::Missing("There is no such page.".to_owned()).page(&reader)
}

/// Around every page: what a browser may do with it.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    let is_read = request.method() == Method::GET || request.method() == Method::HEAD;
    let mut response = next.run(request).await;
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
    // What a reviewer sees stays in no cache; files that never change say otherwise themselves.
    if !(is_read && headers.contains_key(header::CACHE_CONTROL)) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}
