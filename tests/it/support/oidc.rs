//! A provider of OpenID Connect that does as it is told: it signs whoever the test says, with the keys that the test gives it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use ring::rsa::{KeyPair as RsaKeyPair, PublicKeyComponents};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub const CLIENT: &str = "copyrail";
pub const SECRET: &str = "hush: a+b&c";
/// A key that was made for these tests and protects nothing.
const RSA: &[u8] = include_bytes!("oidc-rsa.der");

/// A key that tokens are signed with.
#[derive(Clone)]
pub struct Signer {
    algorithm: Algorithm,
    key: EncodingKey,
    /// As the provider publishes it.
    pub public: Value,
}

impl Signer {
    pub fn rsa(kid: &str) -> Self {
        let pair = RsaKeyPair::from_der(RSA).unwrap();
        let parts = PublicKeyComponents::<Vec<u8>>::from(pair.public());
        let (n, e) = (base64url(&parts.n), base64url(&parts.e));
        let public = json!({"kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", "n": n, "e": e});
        Self { algorithm: Algorithm::RS256, key: EncodingKey::from_rsa_der(RSA), public }
    }

    /// Another one each time.
    pub fn ec(kid: &str) -> Self {
        let random = ring::rand::SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random).unwrap();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let public = json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": base64url(x), "y": base64url(y)});
        Self { algorithm: Algorithm::ES256, key: EncodingKey::from_ec_der(made.as_ref()), public }
    }

    /// Signs with the secret that everybody knows: the bytes of a public key.
    pub fn hmac(kid: &str, secret: &[u8]) -> Self {
        Self {
            algorithm: Algorithm::HS256,
            key: EncodingKey::from_secret(secret),
            public: json!({"kid": kid}),
        }
    }

    pub fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = self.public["kid"].as_str().map(str::to_owned);
        encode(&header, claims, &self.key).unwrap()
    }
}

type Sign = dyn Fn(&Value) -> String + Send + Sync;

/// What the provider does.
pub struct Script {
    /// What it publishes; `null` of a key leaves it out.
    pub keys: Vec<Value>,
    /// What makes tokens of claims.
    pub sign: Arc<Sign>,
    /// Whether it answers at all.
    pub down: bool,
    /// Laid over what it says of itself.
    pub discovery: Value,
    /// How often its keys were asked for.
    pub keys_asked: usize,
    codes: HashMap<String, (Value, String)>,
}

pub struct Provider {
    pub issuer: String,
    script: Arc<Mutex<Script>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Shared = State<(String, Arc<Mutex<Script>>)>;

impl Provider {
    /// Signs with the RSA key `one`.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let signer = Signer::rsa("one");
        let script = Script {
            keys: vec![signer.public.clone()],
            sign: Arc::new(move |claims| signer.sign(claims)),
            down: false,
            discovery: json!({}),
            keys_asked: 0,
            codes: HashMap::new(),
        };
        let script = Arc::new(Mutex::new(script));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state((issuer.clone(), Arc::clone(&script)));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { issuer, script, task }
    }

    pub fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    /// Signs somebody in who was led here by this address, at this second, and leads back: the path of the service with what
    /// it is told. `over` is laid over the claims; `null` takes one away.
    pub fn authorize(&self, led: &str, now: i64, over: &Value) -> String {
        let url = reqwest::Url::parse(led).unwrap();
        assert_eq!(format!("http://{}:{}", url.host_str().unwrap(), url.port().unwrap()), self.issuer);
        let asked: HashMap<String, String> = url.query_pairs().into_owned().collect();
        let says = |name: &str| asked[name].as_str();
        assert_eq!((says("response_type"), says("client_id")), ("code", CLIENT));
        assert_eq!((says("scope"), says("code_challenge_method")), ("openid profile email", "S256"));
        assert_eq!(says("redirect_uri"), REDIRECT);
        let mut claims = json!({
            "iss": self.issuer, "aud": CLIENT, "sub": "248289761001", "name": "Ines Okafor", "groups": ["reviewers"],
            "nonce": says("nonce"), "iat": now, "exp": now + 300,
        });
        lay_over(&mut claims, over);
        let code = format!("code-{}", self.script().codes.len());
        self.script().codes.insert(code.clone(), (claims, says("code_challenge").to_owned()));
        format!("/console/login/callback?code={code}&state={}", says("state"))
    }
}

/// Where the provider was told to lead back to, and nowhere else.
pub const REDIRECT: &str = "https://copy.example.com/console/login/callback";

fn lay_over(value: &mut Value, over: &Value) {
    for (name, said) in over.as_object().unwrap() {
        match said {
            Value::Null => value.as_object_mut().unwrap().remove(name),
            said => value.as_object_mut().unwrap().insert(name.clone(), said.clone()),
        };
    }
}

async fn discovery(State((issuer, script)): Shared) -> Response {
    let script = script.lock().unwrap();
    if script.down {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let mut said = json!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize?tenant=shop"),
        "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
    });
    lay_over(&mut said, &script.discovery);
    Json(said).into_response()
}

async fn keys(State((_, script)): Shared) -> Response {
    let mut script = script.lock().unwrap();
    script.keys_asked += 1;
    Json(json!({"keys": script.keys})).into_response()
}

async fn token(State((_, script)): Shared, headers: HeaderMap, body: String) -> Response {
    let mut script = script.lock().unwrap();
    if script.down {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let refused = (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response();
    let sent: HashMap<String, String> = serde_urlencoded::from_str(&body).unwrap();
    let by_post = sent.get("client_secret").is_some_and(|secret| secret == SECRET);
    let basic = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
    // The id and the secret are encoded like a form before they are put together.
    let by_header = basic == Some("Basic Y29weXJhaWw6aHVzaCUzQSthJTJCYiUyNmM=".to_owned());
    let wants_post = script.discovery.get("token_endpoint_auth_methods_supported").is_some();
    assert_eq!((by_post, by_header), (wants_post, !wants_post), "{basic:?} {body}");
    assert_eq!(
        (sent["grant_type"].as_str(), sent["redirect_uri"].as_str()),
        ("authorization_code", REDIRECT)
    );
    let Some((claims, challenge)) = script.codes.remove(&sent["code"]) else { return refused };
    if base64url(&Sha256::digest(sent["code_verifier"].as_bytes())) != challenge {
        return refused;
    }
    let token = (script.sign)(&claims);
    Json(json!({"access_token": "none", "token_type": "Bearer", "id_token": token})).into_response()
}

pub fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let digit = |six: &[u8]| {
        let six = format!("{:0<6}", str::from_utf8(six).unwrap());
        char::from(DIGITS[usize::from_str_radix(&six, 2).unwrap()])
    };
    bits.as_bytes().chunks(6).map(digit).collect()
}
