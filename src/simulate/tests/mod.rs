//! The stand-in as its clients see it.

mod client;
mod raw;
mod wire;
mod written;

use serde_json::{Value, json};

use super::*;

const HOODIE: &str = r#"<data name="product">{"name": "Chaz Hoodie", "brand": "Luma", "class": "Top", "features": {"material": "Wool", "pattern": "Solid"}}</data>"#;

async fn simulator(script: &str) -> Simulator {
    start(([127, 0, 0, 1], 0).into(), Script::parse(script).unwrap(), 7).await.unwrap()
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap()
}

fn request(content: &str) -> Value {
    json!({"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": content}]})
}

async fn post(simulator: &Simulator, body: &Value) -> reqwest::Result<reqwest::Response> {
    client().post(format!("{}/chat/completions", simulator.base_url())).json(body).send().await
}

/// Status and body of the answer to that body.
async fn ask(simulator: &Simulator, body: &Value) -> (u16, Value) {
    let response = post(simulator, body).await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// The first choice in the answer to a prompt about a hoodie.
async fn choice(simulator: &Simulator) -> Value {
    ask(simulator, &request(HOODIE)).await.1["choices"][0].take()
}
