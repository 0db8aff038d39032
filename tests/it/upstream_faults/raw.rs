//! An upstream below HTTP: it says the bytes it is given, whatever they are.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// To which product's calls these bytes are said, and how often; then it writes copy.
pub type Says = (String, Vec<u8>, usize);

pub async fn start(says: Vec<Says>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let says = Arc::new(Mutex::new(says));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, Arc::clone(&says)));
        }
    });
    address
}

/// An answer whose body says how long it is.
pub fn completion(text: &str) -> Vec<u8> {
    let message = json!({"role": "assistant", "content": text});
    let body =
        json!({"model": "raw", "choices": [{"finish_reason": "stop", "message": message}]}).to_string();
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").into_bytes()
}

async fn answer(mut stream: TcpStream, says: Arc<Mutex<Vec<Says>>>) {
    let mut asked = Vec::new();
    while !is_whole(&asked) {
        if matches!(stream.read_buf(&mut asked).await, Ok(0) | Err(_)) {
            return;
        }
    }
    let asked = String::from_utf8_lossy(&asked).into_owned();
    let mut bytes = completion("A handy companion for the evening.");
    if let Some((_, said, times)) =
        says.lock().unwrap().iter_mut().find(|(product, _, times)| *times > 0 && asked.contains(product))
    {
        *times -= 1;
        bytes.clone_from(said);
    }
    // The client may have gone before it read all.
    let _ = stream.write_all(&bytes).await;
    let _ = stream.shutdown().await;
    // What the client still sends is read, or it would be told of a reset instead of an end.
    while matches!(stream.read(&mut [0; 1024]).await, Ok(1..)) {}
}

/// Whether a request came with all of its body.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    body.len() >= length.unwrap_or_default()
}
