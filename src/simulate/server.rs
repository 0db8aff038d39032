//! The endpoints, in OpenAI's own shapes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

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

use super::action::{Action, Copy, Edit, Filter, Form, Says, Sending, Words};
use super::copy::{self, Turn};
use super::cut::Cut;
use super::script::{Call, Path, Script};
use super::{second, sending};

/// A body, read as far as it may go.
type Taken = Result<Bytes, BytesRejection>;

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

    fn until_stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stopped = self.stopped.clone();
        async move {
            // An error means that the simulator is gone, which is a stop too.
            let _ = stopped.wait_for(|stop| *stop).await;
        }
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

async fn completions(state: Shared<Arc<State>>, cut: ConnectInfo<Cut>, body: Taken) -> Response {
    called(Path::Completions, state, cut, body).await
}

async fn moderations(state: Shared<Arc<State>>, cut: ConnectInfo<Cut>, body: Taken) -> Response {
    called(Path::Moderations, state, cut, body).await
}

async fn called(
    path: Path,
    Shared(state): Shared<Arc<State>>,
    ConnectInfo(connection): ConnectInfo<Cut>,
    body: Taken,
) -> Response {
    let call = state.count();
    let mut response = answer(&state, path, call, &connection, body).await;
    if let Ok(id) = HeaderValue::try_from(format!("req-sim-{call:08}")) {
        response.headers_mut().entry(REQUEST_ID).or_insert(id);
    }
    response
}

async fn answer(state: &State, path: Path, number: u64, connection: &Cut, body: Taken) -> Response {
    let request = match read(body) {
        Ok(request) => request,
        Err((status, message)) => return error(status, &message),
    };
    state.remember(request.clone());
    let asked = match Asked::of(path, &request) {
        Ok(asked) => asked,
        Err(message) => return error(StatusCode::BAD_REQUEST, message),
    };
    let model = request.get("model").and_then(Value::as_str).unwrap_or_default();
    let action = state.script.next(state.seed, &Call { number, path, model, texts: &asked.texts() });
    if let Some(delay) = action.delay {
        tokio::select! {
            () = tokio::time::sleep(delay.of(state.seed, number)) => {}
            () = state.until_stopped() => {
                return error(StatusCode::SERVICE_UNAVAILABLE, "The simulation was stopped.");
            }
        }
    }
    if matches!(action.sending, Sending::Never | Sending::Reset) {
        if matches!(action.sending, Sending::Never) {
            state.until_stopped().await;
        }
        connection.cut();
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let (usual, content) = said(&asked, &action, state.seed, number);
    let stopped = state.until_stopped();
    let (kind, body, length) = match content {
        Content::Text(kind, text) => {
            let (body, length) = sending::body(action.sending, text, stopped);
            (kind, body, length)
        }
        Content::Json(mut value, filling) => {
            action.edits.iter().for_each(|edit| edited(&mut value, edit));
            let text = value.to_string();
            let (before, after) = text.split_once(&json!(HERE).to_string()).unwrap_or((&text, ""));
            let (body, length) = match filling {
                Filling::Big(mib) => {
                    (sending::big(format!("{before}\""), mib, format!("\"{after}"), stopped), None)
                }
                Filling::Nested(deep, said) => {
                    let (open, said, close) = ("[".repeat(deep), json!(said), "]".repeat(deep));
                    let text = format!("{before}{open}{said}{close}{after}");
                    sending::body(action.sending, cut_short(text, action.truncated), stopped)
                }
                Filling::Nothing => sending::body(action.sending, cut_short(text, action.truncated), stopped),
            };
            ("application/json", body, length)
        }
    };
    let mut response = (action.status.unwrap_or(usual), body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().extend(length.map(|length| (header::CONTENT_LENGTH, HeaderValue::from(length))));
    response.headers_mut().extend(action.headers);
    response
}

fn cut_short(mut text: String, truncated: bool) -> String {
    if truncated {
        text.truncate(text.floor_char_boundary(text.len() / 2));
    }
    text
}

/// What a call asks for.
enum Asked<'a> {
    Copy { request: &'a Value, turns: Vec<Turn> },
    Moderation(Vec<&'a str>),
}

impl<'a> Asked<'a> {
    /// Reads it, or says what is wrong with it.
    fn of(path: Path, request: &'a Value) -> Result<Self, &'static str> {
        if path == Path::Moderations {
            return match request.get("input") {
                Some(Value::String(text)) => Ok(Self::Moderation(vec![text])),
                Some(Value::Array(inputs)) => Ok(Self::Moderation(
                    inputs.iter().map(|text| text.as_str().unwrap_or_default()).collect(),
                )),
                _ => Err("`input` must be a string or a list."),
            };
        }
        let turns = turns(request);
        if turns.is_empty() {
            return Err("`messages` must be a list with at least one message.");
        }
        if request.get("stream") == Some(&Value::Bool(true)) {
            return Err("`stream` is not simulated; ask for the whole answer.");
        }
        Ok(Self::Copy { request, turns })
    }

    fn texts(&self) -> Vec<&str> {
        match self {
            Self::Copy { turns, .. } => turns.iter().map(|turn| turn.content.as_str()).collect(),
            Self::Moderation(inputs) => inputs.clone(),
        }
    }
}

/// What an answer holds.
enum Content {
    /// A text of that type.
    Text(&'static str, String),
    /// JSON, with [`HERE`] where there is something to fill in.
    Json(Value, Filling),
}

/// What is put into JSON once it is written: what no value could hold.
enum Filling {
    Nothing,
    /// A text in so many brackets.
    Nested(usize, String),
    /// So many MiB of words.
    Big(u64),
}

/// Stands where something is to be filled in.
const HERE: &str = "\u{1}here\u{1}";

/// What is said, and the status that goes with it.
fn said(asked: &Asked<'_>, action: &Action, seed: u64, call: u64) -> (StatusCode, Content) {
    let json = |value| Content::Json(value, Filling::Nothing);
    let failure = || action.status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match (&action.says, asked) {
        (Says::Body(text), _) => (StatusCode::OK, Content::Text("text/plain; charset=utf-8", text.clone())),
        (Says::Garbage, _) => {
            let page = "<!doctype html><title>Simulated</title><p>This is no completion.";
            (StatusCode::OK, Content::Text("text/html", page.to_owned()))
        }
        (Says::Error(code), _) => {
            (failure(), json(error_body(failure(), "A simulated fault.", code.as_deref())))
        }
        (Says::Quota, _) => {
            let (status, code) = (StatusCode::TOO_MANY_REQUESTS, "insufficient_quota");
            (status, json(error_body(status, "The simulated account has no money left.", Some(code))))
        }
        (Says::PromptFiltered, _) => (StatusCode::BAD_REQUEST, json(prompt_filtered())),
        (says, Asked::Moderation(inputs)) => {
            let flags = if let Says::Flag(flags) = says { flags.as_slice() } else { &[] };
            let nothing = matches!(says, Says::Copy(Copy { words: Words::Empty, .. }));
            let results = inputs.iter().filter(|_| !nothing).map(|text| second::moderated(text, flags));
            let results: Vec<Value> = results.collect();
            let id = format!("modr-sim-{call:08}");
            (StatusCode::OK, json(json!({"id": id, "model": "simulated", "results": results})))
        }
        (Says::Big(mib), Asked::Copy { request, turns }) => {
            let copy = Copy { words: Words::Text(HERE.to_owned()), ..Copy::default() };
            (
                StatusCode::OK,
                Content::Json(completion(seed, call, request, turns, &copy).0, Filling::Big(*mib)),
            )
        }
        (Says::Copy(copy), Asked::Copy { request, turns }) => {
            let (value, filling) = completion(seed, call, request, turns, copy);
            (StatusCode::OK, Content::Json(value, filling))
        }
        (Says::Flag(_), Asked::Copy { request, turns }) => {
            (StatusCode::OK, json(completion(seed, call, request, turns, &Copy::default()).0))
        }
    }
}

/// A completion in OpenAI's shape, copy in JSON where the request asks for it, cut where it says so.
fn completion(seed: u64, call: u64, request: &Value, turns: &[Turn], copy: &Copy) -> (Value, Filling) {
    // A judge's answer has a form of its own.
    let judged = second::judged(turns);
    let form = request.pointer("/response_format/type").and_then(Value::as_str);
    let in_json = judged.is_none() && matches!(form, Some("json_schema" | "json_object"));
    let plain = || judged.unwrap_or_else(|| copy::write(seed, turns));
    let words = match &copy.words {
        Words::Plain => Some(plain()),
        Words::Text(text) => Some(text.clone()),
        Words::Append(text) => Some(format!("{} {text}", plain())),
        Words::InventNumber => Some(format!("{} {}", plain(), copy::invented(turns))),
        Words::Empty => Some(String::new()),
        Words::Blank => Some(" \n ".to_owned()),
        Words::Refusal(_) => None,
    };
    let refusal = if let Words::Refusal(refusal) = &copy.words { Some(refusal.as_str()) } else { None };
    let mut finish_reason = "stop".to_owned();
    let content = words.map(|mut text| {
        if in_json && !text.is_empty() {
            text = json!({"text": text}).to_string();
        }
        if copy.fenced {
            text = format!("```{}\n{text}\n```", if in_json { "json" } else { "" });
        }
        if let Some(thought) = &copy.think {
            text = format!("<think>{thought}</think>\n\n{text}");
        }
        let limit = ["max_completion_tokens", "max_tokens"].iter().find_map(|key| request.get(key)?.as_u64());
        let limit = limit.map_or(usize::MAX, |tokens| tokens as usize).saturating_mul(CHARACTERS_PER_TOKEN);
        let length = text.chars().count();
        if length > limit {
            finish_reason = "length".to_owned();
        }
        let half = if copy.finish_reason.as_deref() == Some("length") { length / 2 } else { length };
        text.chars().take(limit.min(half)).collect::<String>()
    });
    if let Some(reason) = &copy.finish_reason {
        finish_reason.clone_from(reason);
    }
    let tokens = |text: &str| text.chars().count().div_ceil(CHARACTERS_PER_TOKEN) as u64;
    let read: u64 = turns.iter().map(|turn| tokens(&turn.content) + 4).sum();
    let written = tokens(content.as_deref().or(refusal).unwrap_or_default());
    // Providers cache long prompts only, and by the 128 tokens; half of one is a template's share.
    let cached = if read < 1024 { 0 } else { read / 2 / 128 * 128 };
    let mut filling = Filling::Nothing;
    let content = match (content, copy.form) {
        (Some(text), Form::Parts) => json!([{"type": "text", "text": text}]),
        (Some(text), Form::Nested(deep)) => {
            filling = Filling::Nested(deep, text);
            json!(HERE)
        }
        (content, _) => json!(content),
    };
    let message = json!({"role": "assistant", "content": content, "refusal": refusal, "annotations": []});
    let mut choice =
        json!({"index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason});
    match copy.filter {
        Some(Filter::Answer) => {
            edited(&mut choice, &Edit::Set("/message/content".to_owned(), Value::Null));
            edited(&mut choice, &Edit::Set("/finish_reason".to_owned(), json!("content_filter")));
            let results = json!({"hate": {"filtered": true, "severity": "high"}});
            edited(&mut choice, &Edit::Set("/content_filter_results".to_owned(), results));
        }
        Some(Filter::Error) => {
            let failed =
                json!({"code": "content_filter_error", "message": "The simulated filter did not run."});
            edited(&mut choice, &Edit::Set("/content_filter_results/error".to_owned(), failed));
        }
        Some(Filter::Prompt) | None => {}
    }
    let usage = json!({
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    });
    let completion = json!({
        "id": format!("chatcmpl-sim-{call:08}"),
        "object": "chat.completion",
        "created": 0,
        "model": "simulated",
        "choices": [choice],
        "usage": usage,
        "service_tier": "default",
        "system_fingerprint": "simulated",
    });
    (completion, filling)
}

/// Makes a change. Objects that lead to a new value are made where they are missing; a place that cannot be is left.
fn edited(whole: &mut Value, edit: &Edit) {
    match edit {
        Edit::Set(path, new) => {
            let mut place = whole;
            for token in path.split('/').skip(1) {
                let token = token.replace("~1", "/").replace("~0", "~");
                let inner = match place {
                    Value::Array(items) => token.parse::<usize>().ok().and_then(|at| items.get_mut(at)),
                    Value::Object(fields) => Some(fields.entry(token).or_insert_with(|| json!({}))),
                    _ => None,
                };
                let Some(inner) = inner else { return };
                place = inner;
            }
            *place = new.clone();
        }
        Edit::Drop(path) => {
            let Some((above, token)) = path.rsplit_once('/') else { return };
            let token = token.replace("~1", "/").replace("~0", "~");
            match whole.pointer_mut(above) {
                Some(Value::Object(fields)) => drop(fields.remove(&token)),
                Some(Value::Array(items)) => {
                    if let Some(at) = token.parse::<usize>().ok().filter(|at| *at < items.len()) {
                        drop(items.remove(at));
                    }
                }
                _ => {}
            }
        }
    }
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
fn read(body: Taken) -> Result<Value, (StatusCode, String)> {
    let body = body.map_err(|rejection| (rejection.status(), rejection.body_text()))?;
    serde_json::from_slice(&body)
        .map_err(|fault| (StatusCode::BAD_REQUEST, format!("The body is not JSON: {fault}.")))
}

/// An error in OpenAI's shape.
fn error(status: StatusCode, message: &str) -> Response {
    (status, Json(error_body(status, message, None))).into_response()
}

fn error_body(status: StatusCode, message: &str, code: Option<&str>) -> Value {
    let kind = if status.is_server_error() { "server_error" } else { "invalid_request_error" };
    json!({"error": {"message": message, "type": code.unwrap_or(kind), "param": null, "code": code}})
}

/// What Azure says of a prompt that its filter held back.
fn prompt_filtered() -> Value {
    let result = json!({"jailbreak": {"filtered": true, "detected": true}});
    json!({"error": {
        "message": "The simulated filter held the prompt back.",
        "type": null,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": result},
    }})
}
