//! An upstream that does as it is told: it counts calls, keeps what was asked, and answers when and what the test says.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// What the upstream says to a prompt.
type Says = dyn Fn(usize, &Value) -> Reply + Send + Sync;

/// One answer.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A finished text.
    Text(String),
    /// Any status and body.
    Raw(u16, String),
    /// The same once the gate lets it through.
    After(Arc<Semaphore>, Box<Reply>),
}

#[derive(Clone)]
struct Shared {
    says: Arc<Says>,
    calls: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<Value>>>,
    gate: Arc<Semaphore>,
}

pub struct Upstream {
    pub address: SocketAddr,
    shared: Shared,
    task: tokio::task::JoinHandle<()>,
}

impl Upstream {
    /// Answers every prompt with this text.
    pub async fn saying(text: &str) -> Self {
        let text = text.to_owned();
        Self::with(move |_, _| Reply::Text(text.clone())).await
    }

    /// Answers with what `says` returns for the number of the call, from 1, and its body.
    pub async fn with(says: impl Fn(usize, &Value) -> Reply + Send + Sync + 'static) -> Self {
        let shared = Shared {
            says: Arc::new(says),
            calls: Arc::default(),
            requests: Arc::default(),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS >> 1)),
        };
        let router = Router::new()
            .route("/v1/chat/completions", post(complete))
            .route("/v1/moderations", post(complete))
            .with_state(shared.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, shared, task }
    }

    /// The address below which completions are asked for.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// How many prompts came in.
    pub fn calls(&self) -> usize {
        self.shared.calls.load(Ordering::SeqCst)
    }

    /// What was asked, as the bodies that came in.
    pub fn requests(&self) -> Vec<Value> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// From now on no prompt is answered until [`Self::release`].
    pub fn hold(&self) {
        self.shared.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// Answers what was held and all that follows.
    pub fn release(&self) {
        self.shared.gate.add_permits(Semaphore::MAX_PERMITS >> 1);
    }

    /// Stops: connections are refused from here on.
    pub async fn stop(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

async fn complete(State(shared): State<Shared>, body: String) -> Response {
    let call = shared.calls.fetch_add(1, Ordering::SeqCst) + 1;
    let body: Value = serde_json::from_str(&body).unwrap();
    shared.requests.lock().unwrap().push(body.clone());
    let _open = shared.gate.acquire().await.unwrap();
    let mut reply = (shared.says)(call, &body);
    while let Reply::After(gate, then) = reply {
        drop(gate.acquire().await.unwrap());
        reply = *then;
    }
    match reply {
        Reply::After(..) => unreachable!("it was waited for"),
        Reply::Raw(status, body) => (StatusCode::from_u16(status).unwrap(), body).into_response(),
        Reply::Text(text) => axum::Json(json!({
            "id": format!("chatcmpl-{call}"), "object": "chat.completion", "created": 0, "model": "scripted",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text, "refusal": null}}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
        }))
        .into_response(),
    }
}
