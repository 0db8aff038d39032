//! The endpoints, in OpenAI's own shapes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State as Shared};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::copy::{self, Turn};
use super::cut::Cut;
use super::script::{Action, Script};
use super::second;

const MAX_BODY: usize = 1 << 20;
const KEPT: usize = 1000;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SIMULATED: HeaderName = HeaderName::from_static("x-simulated");
/// Roughly what a token is to a tokenizer, in characters.
const CHARACTERS_PER_TOKEN: usize = 4;

#[derive(Debug)]
pub(super) struct State {
    script: Script,
    seed: u64,
    calls: AtomicU64,
    requests: Mutex<VecDeque<Value>>,
    stopped: watch::Receiver<bool>,
}

impl State {
    pub(super) fn new(script: Script, seed: u64, stopped: watch::Receiver<bool>) -> Self {
        Self { script, seed, calls: AtomicU64::new(0), requests: Mutex::default(), stopped }
    }

    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    pub(super) fn requests(&self) -> Vec<Value> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn remember(&self, request: Value) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if requests.len() == KEPT {
            requests.pop_front();
        }
        requests.push_back(request);
    }

    fn count(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Answers after a while, unless the simulation is stopped first.
    async fn after(&self, wait: Duration, say: impl FnOnce() -> Response) -> Response {
        tokio::select! {
            () = tokio::time::sleep(wait) => say(),
            () = self.until_stopped() => error(StatusCode::SERVICE_UNAVAILABLE, "The simulation was stopped."),
        }
    }

    /// Does what a script says of a call, whatever it asks for; what concerns copy alone is handed back.
    async fn fault(&self, connection: &Cut, action: Action) -> Result<Response, Action> {
        Ok(match action {
            Action::Stall => {
                self.until_stopped().await;
                connection.cut();
                StatusCode::SERVICE_UNAVAILABLE.into_response()
            }
            Action::Status { status, body, headers } => {
                let body = body.map(IntoResponse::into_response);
                let mut response = body.unwrap_or_else(|| error(status, "A simulated fault."));
                *response.status_mut() = status;
                response.headers_mut().extend(headers);
                response
            }
            Action::Garbage => {
                let page = "<!doctype html><title>Simulated</title><p>This is no completion.";
                ([(header::CONTENT_TYPE, "text/html")], page).into_response()
            }
            Action::Reset => {
                connection.cut();
                StatusCode::OK.into_response()
            }
            Action::Quota => quota(),
            other => return Err(other),
        })
    }

    async fn until_stopped(&self) {
        // An error means that the simulator is gone, which is a stop too.
        let _ = self.stopped.clone().wait_for(|stop| *stop).await;
    }
}

pub(super) fn router(state: Arc<State>) -> Router {
    let completions = post(completions);
    Router::new()
        .route("/v1/chat/completions", completions.clone())
        .route("/openai/deployments/{deployment}/chat/completions", completions)
        .route("/v1/models", get(models))
        .route("/v1/moderations", post(moderations))
        .fallback(async || error(StatusCode::NOT_FOUND, "There is no such path in the simulation."))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(map_response(async |mut response: Response| {
            response.headers_mut().insert(SIMULATED, HeaderValue::from_static("true"));
            response
        }))
        .with_state(state)
}

async fn models() -> Response {
    let model = json!({"id": "simulated", "object": "model", "created": 0, "owned_by": "simulated"});
    Json(json!({"object": "list", "data": [model]})).into_response()
}

async fn moderations(
    Shared(state): Shared<Arc<State>>,
    ConnectInfo(connection): ConnectInfo<Cut>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let call = state.count();
    with_id(call, moderation(&state, call, &connection, body).await)
}

async fn moderation(
    state: &State,
    call: u64,
    connection: &Cut,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let request = match read(body) {
        Ok(request) => request,
        Err((status, message)) => return error(status, &message),
    };
    state.remember(request.clone());
    let inputs: Vec<&str> = match request.get("input") {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(inputs)) => inputs.iter().map(|input| input.as_str().unwrap_or_default()).collect(),
        _ => return error(StatusCode::BAD_REQUEST, "`input` must be a string or a list."),
    };
    let say = |flags: &[String]| {
        let results: Vec<Value> = inputs.iter().map(|text| second::moderated(text, flags)).collect();
        Json(json!({"id": format!("modr-sim-{call:08}"), "model": "simulated", "results": results}))
            .into_response()
    };
    match state.script.next(call, inputs.iter().copied()) {
        Some(Action::Flag(flags)) => say(&flags),
        Some(Action::Empty) => {
            Json(json!({"id": "modr-sim", "model": "simulated", "results": []})).into_response()
        }
        Some(Action::Wait(wait)) => state.after(wait, || say(&[])).await,
        Some(action) => state.fault(connection, action).await.unwrap_or_else(|_copy| say(&[])),
        None => say(&[]),
    }
}

async fn completions(
    Shared(state): Shared<Arc<State>>,
    ConnectInfo(connection): ConnectInfo<Cut>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let call = state.count();
    with_id(call, answer(&state, call, &connection, body).await)
}

fn with_id(call: u64, mut response: Response) -> Response {
    if let Ok(id) = HeaderValue::try_from(format!("req-sim-{call:08}")) {
        response.headers_mut().entry(REQUEST_ID).or_insert(id);
    }
    response
}

async fn answer(state: &State, call: u64, connection: &Cut, body: Result<Bytes, BytesRejection>) -> Response {
    let request = match read(body) {
        Ok(request) => request,
        Err((status, message)) => return error(status, &message),
    };
    let turns = turns(&request);
    state.remember(request.clone());
    if turns.is_empty() {
        return error(StatusCode::BAD_REQUEST, "`messages` must be a list with at least one message.");
    }
    if request.get("stream") == Some(&Value::Bool(true)) {
        return error(StatusCode::BAD_REQUEST, "`stream` is not simulated; ask for the whole answer.");
    }
    // A judge's answer has a form of its own.
    let judged = second::judged(&turns);
    let form = request.pointer("/response_format/type").and_then(Value::as_str);
    let in_json = judged.is_none() && matches!(form, Some("json_schema" | "json_object"));
    let copy = || judged.clone().unwrap_or_else(|| copy::write(state.seed, &turns));
    let complete = |said: Said| completion(call, &request, &turns, in_json, said);
    let say = |text: String| complete(Said::text(text));
    match state.script.next(call, turns.iter().map(|turn| turn.content.as_str())) {
        None | Some(Action::Flag(_)) => say(copy()),
        Some(Action::Text(text)) => say(text),
        Some(Action::Append(text)) => say(format!("{} {text}", copy())),
        Some(Action::InventNumber) => say(format!("{} {}", copy(), copy::invented(&turns))),
        Some(Action::Wait(wait)) => state.after(wait, || say(copy())).await,
        Some(Action::FinishReason(reason)) => {
            let whole = copy();
            let kept = if reason == "length" { whole.chars().count() / 2 } else { usize::MAX };
            let text = whole.chars().take(kept).collect();
            complete(Said { finish_reason: reason, ..Said::text(text) })
        }
        Some(Action::Refusal(refusal)) => {
            complete(Said { content: None, refusal: Some(refusal), finish_reason: "stop".to_owned() })
        }
        Some(Action::Empty) => say(String::new()),
        Some(action) => state.fault(connection, action).await.unwrap_or_else(|_copy| say(copy())),
    }
}

/// What a completion says, and why it ends.
struct Said {
    content: Option<String>,
    refusal: Option<String>,
    finish_reason: String,
}

impl Said {
    fn text(text: String) -> Self {
        Self { content: Some(text), refusal: None, finish_reason: "stop".to_owned() }
    }
}

/// A completion in OpenAI's shape, copy in JSON where the request asks for it, cut where it says so.
fn completion(call: u64, request: &Value, turns: &[Turn], in_json: bool, mut said: Said) -> Response {
    if let Some(content) = &mut said.content {
        if in_json && !content.is_empty() {
            *content = json!({"text": content}).to_string();
        }
        let limit = ["max_completion_tokens", "max_tokens"].iter().find_map(|key| request.get(key)?.as_u64());
        let limit = limit.map_or(usize::MAX, |tokens| tokens as usize).saturating_mul(CHARACTERS_PER_TOKEN);
        if content.chars().count() > limit {
            *content = content.chars().take(limit).collect();
            said.finish_reason = "length".to_owned();
        }
    }
    let tokens = |text: &str| text.chars().count().div_ceil(CHARACTERS_PER_TOKEN) as u64;
    let read: u64 = turns.iter().map(|turn| tokens(&turn.content) + 4).sum();
    let written = tokens(said.content.as_deref().or(said.refusal.as_deref()).unwrap_or_default());
    // Providers cache long prompts only, and by the 128 tokens; half of one is a template's share.
    let cached = if read < 1024 { 0 } else { read / 2 / 128 * 128 };
    let message =
        json!({"role": "assistant", "content": said.content, "refusal": said.refusal, "annotations": []});
    let choice =
        json!({"index": 0, "message": message, "logprobs": null, "finish_reason": said.finish_reason});
    let usage = json!({
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    });
    Json(json!({
        "id": format!("chatcmpl-sim-{call:08}"),
        "object": "chat.completion",
        "created": 0,
        "model": "simulated",
        "choices": [choice],
        "usage": usage,
        "service_tier": "default",
        "system_fingerprint": "simulated",
    }))
    .into_response()
}

/// The turns of a request, their parts joined. Empty where there are none or they are no messages.
fn turns(request: &Value) -> Vec<Turn> {
    let content = |message: &Value| match message.get("content") {
        Some(Value::Array(parts)) => {
            parts.iter().filter_map(|part| part.get("text")?.as_str()).collect::<Vec<_>>().join("\n")
        }
        other => other.and_then(Value::as_str).unwrap_or_default().to_owned(),
    };
    let turn = |message: &Value| {
        Some(Turn { role: message.get("role")?.as_str()?.to_owned(), content: content(message) })
    };
    let messages = request.get("messages").and_then(Value::as_array);
    messages.and_then(|messages| messages.iter().map(turn).collect::<Option<_>>()).unwrap_or_default()
}

/// The body as JSON, or the status and the words to turn it away with.
fn read(body: Result<Bytes, BytesRejection>) -> Result<Value, (StatusCode, String)> {
    let body = body.map_err(|rejection| (rejection.status(), rejection.body_text()))?;
    serde_json::from_slice(&body)
        .map_err(|fault| (StatusCode::BAD_REQUEST, format!("The body is not JSON: {fault}.")))
}

/// An error in OpenAI's shape.
fn error(status: StatusCode, message: &str) -> Response {
    let kind = if status.is_server_error() { "server_error" } else { "invalid_request_error" };
    let body = json!({"error": {"message": message, "type": kind, "param": null, "code": null}});
    (status, Json(body)).into_response()
}

fn quota() -> Response {
    let message = "You exceeded your current quota, please check your plan and billing details.";
    let (kind, code) = ("insufficient_quota", "insufficient_quota");
    let body = json!({"error": {"message": message, "type": kind, "param": null, "code": code}});
    (StatusCode::TOO_MANY_REQUESTS, Json(body)).into_response()
}
