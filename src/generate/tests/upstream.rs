//! An upstream that gives the answers it was told to give, in order, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

pub(super) enum Reply {
    /// These bytes, then the connection ends.
    Bytes(String),
    /// Nothing, ever.
    Stall,
    /// The head of an answer, then nothing, ever.
    StallMidway,
    /// The connection is reset.
    Reset,
    /// These bytes once the gate lets them through, then the connection ends.
    After(Arc<Semaphore>, Box<Reply>),
}

/// One request as it came in.
pub(super) struct Asked {
    pub(super) head: String,
    pub(super) body: serde_json::Value,
}

pub(super) struct Upstream {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Upstream {
    /// Gives the replies in order; the last one again and again.
    pub(super) async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut held = Vec::new();
            for turn in 0.. {
                let (mut socket, _) = listener.accept().await.unwrap();
                let asked = receive(&mut socket).await;
                log.lock().unwrap().push(asked);
                let mut reply = &replies[turn.min(replies.len() - 1)];
                if let Reply::After(gate, then) = reply {
                    gate.acquire().await.unwrap().forget();
                    reply = then;
                }
                match reply {
                    Reply::After(..) => unreachable!("it was waited for"),
                    Reply::Reset => socket.set_zero_linger().unwrap(),
                    Reply::Bytes(bytes) => {
                        // The client may have hung up on an answer that is too long.
                        let _ = socket.write_all(bytes.as_bytes()).await;
                        let _ = socket.shutdown().await;
                    }
                    Reply::Stall => held.push(socket),
                    Reply::StallMidway => {
                        let head = "HTTP/1.1 200 OK\r\nx-request-id: req_half\r\ncontent-length: 99\r\n\r\n{";
                        socket.write_all(head.as_bytes()).await.unwrap();
                        held.push(socket);
                    }
                }
            }
        });
        Self { url, asked }
    }

    /// Answers whatever comes in with plain text; its address.
    pub(super) async fn speaking_no_tls() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let _ = socket.read(&mut [0; 4096]).await;
                let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
            }
        });
        url
    }

    pub(super) fn calls(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// Returns once it was asked so often.
    pub(super) async fn asked(&self, calls: usize) {
        while self.calls() < calls {
            tokio::task::yield_now().await;
        }
    }

    pub(super) fn first(&self) -> Asked {
        self.asked.lock().unwrap().remove(0)
    }
}

async fn receive(socket: &mut TcpStream) -> Asked {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let read = socket.read(&mut chunk).await.unwrap();
        assert_ne!(read, 0, "the client hung up in the middle of its request");
        bytes.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() >= length.parse().unwrap() {
            return Asked { body: serde_json::from_str(body).unwrap(), head: head.clone() };
        }
    }
}

pub(super) fn reply(status: &str, headers: &str, body: &str) -> Reply {
    let length = body.len();
    Reply::Bytes(format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    ))
}

/// A whole answer as OpenAI gives it, with those fields in the place of its own.
pub(super) fn completion(message: serde_json::Value, finish_reason: &str) -> Reply {
    let body = serde_json::json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": "gpt-4.1-mini-2025-04-14",
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason, "logprobs": null}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120,
                  "prompt_tokens_details": {"cached_tokens": 60}},
        "system_fingerprint": "fp_1",
    });
    reply("200 OK", "content-type: application/json\r\nx-request-id: req_1\r\n", &body.to_string())
}

pub(super) fn text(text: &str) -> Reply {
    completion(serde_json::json!({"role": "assistant", "content": text, "refusal": null}), "stop")
}
