//! Errors as RFC 9457 problems with stable types.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::diagnostic::Diagnostic;
use crate::guardrail::Finding;

/// An error that a caller sees.
#[derive(Debug, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    /// What is wrong with files that it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    diagnostics: Vec<Diagnostic>,
    /// What rules find in a text that it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Finding>,
    #[serde(skip)]
    retry_after: Option<u32>,
}

impl Problem {
    fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind,
            title,
            status: status.as_u16(),
            detail: detail.into(),
            diagnostics: Vec::new(),
            findings: Vec::new(),
            retry_after: None,
        }
    }

    /// 400: the request is not built as it should be; `detail` says what to send instead.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "urn:copyrail:malformed", "The request cannot be read", detail)
    }

    /// 401: no key, or none that holds.
    pub fn no_key(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "urn:copyrail:no-key", "A key is needed", detail)
    }

    /// 403: the key is for something else.
    pub fn not_allowed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "urn:copyrail:not-allowed", "This key may not do that", detail)
    }

    /// 404: no such placement.
    pub fn no_such_placement(placement: &str) -> Self {
        let shown: String = placement.chars().filter(|c| !c.is_control()).take(80).collect();
        let detail = format!("No placement `{shown}`; placements are the folders of the prompts directory.");
        Self::new(
            StatusCode::NOT_FOUND,
            "urn:copyrail:no-such-placement",
            "There is no such placement",
            detail,
        )
    }

    /// 404: no such record.
    pub fn no_such_record(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "urn:copyrail:no-such-record", "There is no such record", detail)
    }

    /// 404: no such route.
    pub fn no_such_route() -> Self {
        let detail = "Nothing is served at this address; the API is below /v1.";
        Self::new(StatusCode::NOT_FOUND, "urn:copyrail:no-such-route", "There is nothing here", detail)
    }

    /// 405: the route takes another method.
    pub fn no_such_method() -> Self {
        let detail = "This address takes another method; the `allow` header says which.";
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "urn:copyrail:no-such-method",
            "Another method is needed",
            detail,
        )
    }

    /// 408: the body did not arrive.
    pub fn too_slow() -> Self {
        let detail = "The body did not arrive within ten seconds.";
        Self::new(StatusCode::REQUEST_TIMEOUT, "urn:copyrail:too-slow", "The request came too slowly", detail)
    }

    /// 409: there is no text that could be approved.
    pub fn nothing_to_approve(outcome: &str) -> Self {
        let detail = format!(
            "Only a generation that passed can be approved, and this one is `{outcome}`; its text is never served."
        );
        let kind = "urn:copyrail:nothing-to-approve";
        Self::new(StatusCode::CONFLICT, kind, "There is no text to approve", detail)
    }

    /// 409: the text was taken down, and a stop bans its wording.
    pub fn stopped(stop: uuid::Uuid) -> Self {
        let detail = format!(
            "Stop {stop} bans this wording, since it was taken down, so an approval would change nothing. Lift that stop first: \
             `DELETE /v1/stops/{stop}`, or `copyrail stop lift {stop}`."
        );
        Self::new(StatusCode::CONFLICT, "urn:copyrail:stopped", "A stop bans this text", detail)
    }

    /// 409: there is nothing that this person could undo.
    pub fn nothing_to_undo(why: &str) -> Self {
        let mut detail: String = why.chars().take(1).flat_map(char::to_uppercase).collect();
        detail.extend(why.chars().skip(1).chain(['.']));
        let kind = "urn:copyrail:nothing-to-undo";
        Self::new(StatusCode::CONFLICT, kind, "There is nothing to undo", detail)
    }

    /// 409: as many stops are in force as may be.
    pub fn too_many_stops(detail: &str) -> Self {
        let kind = "urn:copyrail:too-many-stops";
        Self::new(StatusCode::CONFLICT, kind, "Too many stops are in force", format!("{detail}."))
    }

    /// 409: what is asked for cannot be done as things stand.
    pub fn not_now(detail: impl Into<String>) -> Self {
        let kind = "urn:copyrail:not-now";
        Self::new(StatusCode::CONFLICT, kind, "That cannot be done as things stand", detail)
    }

    /// Adds what is wrong with files.
    pub fn with_diagnostics(self, diagnostics: Vec<Diagnostic>) -> Self {
        Self { diagnostics, ..self }
    }

    /// 409: a legal hold covers what was to be erased.
    pub fn held(id: uuid::Uuid, reason: &str) -> Self {
        let detail = format!(
            "Legal hold {id} covers some of it ({reason}), so nothing was erased. `copyrail audit hold lift` ends a hold."
        );
        Self::new(StatusCode::CONFLICT, "urn:copyrail:held", "A legal hold covers this", detail)
    }

    /// 413: the body is too large.
    pub fn too_large(limit: usize) -> Self {
        let detail = format!(
            "A body holds at most {} KiB; send fewer facts, or name a product of the catalogue.",
            limit / 1024
        );
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "urn:copyrail:too-large", "The request is too large", detail)
    }

    /// 422: the `idempotency-key` was used for another question.
    pub fn key_used_otherwise() -> Self {
        let detail = "This `idempotency-key` came with another body before; send each new question under a key of its own. Bodies \
            may differ in `deadline_ms` alone.";
        let kind = "urn:copyrail:idempotency-key-reused";
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            kind,
            "This idempotency key was used for another request",
            detail,
        )
    }

    /// 422: the rules in force do not let a text pass.
    pub fn does_not_pass(findings: Vec<Finding>) -> Self {
        let detail = "The rules in force do not let this text pass, so nothing was changed; `findings` says where and why.";
        let kind = "urn:copyrail:does-not-pass";
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, kind, "The text does not pass", detail);
        Self { findings, ..problem }
    }

    /// 429: a publishable key is over its limit.
    pub fn too_many() -> Self {
        let detail = "This key was sent too often; wait as long as `retry-after` says, in seconds.";
        let kind = "urn:copyrail:rate-limited";
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, kind, "Too many requests", detail);
        Self { retry_after: Some(1), ..problem }
    }

    /// 500: a fault of the service.
    pub fn internal() -> Self {
        let detail = "The service made a mistake; its log says more.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "urn:copyrail:internal", "Something went wrong", detail)
    }

    /// 503: the caller would rather wait than take what is ready.
    pub fn rather_wait(detail: impl Into<String>) -> Self {
        let kind = "urn:copyrail:not-ready";
        let problem =
            Self::new(StatusCode::SERVICE_UNAVAILABLE, kind, "The copy asked for is not ready", detail);
        Self { retry_after: Some(1), ..problem }
    }

    /// 503: as many texts wait to be judged as may.
    pub fn overloaded() -> Self {
        let detail =
            "Too many texts wait to be checked; send this one again after `retry-after`, in seconds.";
        let kind = "urn:copyrail:overloaded";
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, kind, "Too much to check at once", detail);
        Self { retry_after: Some(1), ..problem }
    }

    /// 503: the log cannot be read.
    pub fn store_unavailable() -> Self {
        let detail = "The store cannot be read at the moment; pages are still served.";
        let kind = "urn:copyrail:store-unavailable";
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, kind, "The log cannot be read", detail);
        Self { retry_after: Some(5), ..problem }
    }

    /// 503: the log cannot be written.
    pub fn log_unavailable() -> Self {
        let detail = "The log cannot be written at the moment, so this has no effect; send it again later.";
        let kind = "urn:copyrail:store-unavailable";
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, kind, "The log cannot be written", detail);
        Self { retry_after: Some(5), ..problem }
    }

    /// 503: a stop could be written down nowhere.
    pub fn not_stopped() -> Self {
        let detail = "Neither the store nor the data folder can be written at the moment, so this would not outlast a restart and has no \
            effect; send it again later. The service's log says what is wrong.";
        let kind = "urn:copyrail:store-unavailable";
        let problem =
            Self::new(StatusCode::SERVICE_UNAVAILABLE, kind, "The stop cannot be written down", detail);
        Self { retry_after: Some(1), ..problem }
    }

    /// 503: an erasure did not come to its end.
    pub fn not_erased() -> Self {
        let detail = "The store cannot be written at the moment; send it again later. What was begun is finished then, or when the \
            service starts next.";
        let kind = "urn:copyrail:store-unavailable";
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, kind, "The log cannot be written", detail);
        Self { retry_after: Some(5), ..problem }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
