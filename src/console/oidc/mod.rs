//! OpenID Connect: the authorization code flow with PKCE. What was begun stands in a signed cookie of ten minutes; the secrets
//! that belong to it are made from its id with the key of the console, so that no browser ever has them.

mod token;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use reqwest::{RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use uuid::Uuid;

use self::token::{Expected, Fault, Keys};
use super::seal::Seal;
use super::sign_in::CALLBACK;
use crate::audit::Clock;
use crate::audit::heads::encode_base64;
use crate::config::{ClientSecret, ConsoleSettings, OidcSettings, is_trustworthy};
use crate::store::keys::Role;

/// The cookie of a sign-in that was begun.
pub(super) const STARTED: &str = "copyrail_oidc";
/// How long the provider may take for any answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest answer of it that is read, in bytes.
const MAX_ANSWER: usize = 256 * 1024;
/// For how long is believed what it says of itself, and which keys it signs with.
const BELIEVED: SignedDuration = SignedDuration::from_hours(1);
/// For how long it is not asked again after it did not answer.
const LEFT_ALONE: SignedDuration = SignedDuration::from_secs(5);
/// The longest code that is passed on, in bytes.
const LONGEST_CODE: usize = 4_096;
/// The longest id that it may call somebody by, in bytes; so says the standard.
const LONGEST_SUBJECT: usize = 255;
/// The longest name that is shown, in characters.
const LONGEST_NAME: usize = 80;

/// A provider of OpenID Connect.
#[derive(Debug)]
pub(super) struct Oidc {
    settings: OidcSettings,
    secret: Option<SecretString>,
    /// What it is called on pages: its host.
    called: String,
    /// Where it leads back to.
    redirect: String,
    terms: String,
    client: reqwest::Client,
    known: Mutex<Known>,
}

/// What is known of the provider.
#[derive(Debug, Default)]
struct Known {
    provider: Option<(Timestamp, Arc<Provider>)>,
    keys: Option<(Timestamp, Arc<Keys>)>,
    silent: Option<Timestamp>,
}

/// What the provider says of itself.
#[derive(Debug, Deserialize)]
struct Provider {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// A sign-in that was begun, as its cookie says it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Started {
    pub(super) id: Uuid,
    pub(super) begun: Timestamp,
    pub(super) next: String,
}

impl Started {
    /// From when on it is too late to finish it.
    pub(super) fn until(&self) -> Timestamp {
        self.begun.checked_add(Oidc::PATIENCE).unwrap_or(self.begun)
    }
}

/// What the provider leads back with.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer {
    code: String,
    state: String,
    error: String,
    iss: Option<String>,
}

/// Somebody whom the provider named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) subject: String,
    pub(super) name: String,
}

/// Why somebody cannot sign in through the provider. What is told people is never what the provider wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It was not begun in this browser, was begun too long ago, or was finished.
    Stale,
    /// The provider does not answer, or not as one: why, for the log.
    Silent(String),
    /// The provider refuses.
    Denied,
    /// What the provider says cannot be believed: why, for the log.
    Untrusted(&'static str),
    /// Nothing that it says of them gives a role.
    NoRole,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale => f.write_str("it was not begun in this browser, or not lately"),
            Self::Silent(why) => write!(f, "the provider does not answer: {why}"),
            Self::Denied => f.write_str("the provider refused"),
            Self::Untrusted(why) => f.write_str(why),
            Self::NoRole => f.write_str("no value of the claim gives a role"),
        }
    }
}

impl Refusal {
    /// What a person is told, of a provider that is called so.
    pub(super) fn told(&self, called: &str) -> (StatusCode, String) {
        match self {
            Self::Stale => (
                StatusCode::FORBIDDEN,
                "This sign-in was begun elsewhere or too long ago, or is done already. Begin it again here."
                    .to_owned(),
            ),
            Self::Silent(_) => (
                StatusCode::BAD_GATEWAY,
                format!(
                    "{called} does not answer as it should. Try again in a moment, or sign in with a key."
                ),
            ),
            Self::Denied => (StatusCode::FORBIDDEN, format!("{called} did not sign you in.")),
            Self::Untrusted(_) => (
                StatusCode::FORBIDDEN,
                format!(
                    "What {called} said of you could not be verified, so you are not signed in. Whoever runs copyrail finds the reason in its log."
                ),
            ),
            Self::NoRole => (
                StatusCode::FORBIDDEN,
                format!(
                    "{called} knows you, but nothing that it says of you gives a role here. Whoever runs copyrail says what does."
                ),
            ),
        }
    }
}

impl Oidc {
    /// How long somebody has to sign in at the provider.
    pub(super) const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

    /// The provider of the settings, where they name one. Asks it nothing yet.
    ///
    /// # Errors
    ///
    /// When the secret cannot be read, or no client be made.
    pub(super) fn open(settings: &ConsoleSettings) -> anyhow::Result<Option<Self>> {
        let (Some(oidc), Some(address)) = (&settings.oidc, &settings.address) else { return Ok(None) };
        let secret = match &oidc.client_secret {
            None => None,
            Some(ClientSecret::Given(secret)) => Some(secret.clone()),
            Some(ClientSecret::File(path)) => {
                let read = std::fs::read_to_string(path);
                let read = read.map_err(|error| {
                    anyhow::anyhow!(
                        "`console.oidc.client_secret_file` cannot be read: {}: {error}",
                        path.display()
                    )
                })?;
                anyhow::ensure!(
                    !read.trim().is_empty(),
                    "`console.oidc.client_secret_file` is empty: {}",
                    path.display()
                );
                Some(read.trim().to_owned().into())
            }
        };
        let is_plain = oidc.issuer.starts_with("http://");
        // Another part of the process may have installed a provider of cryptography already; either will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("copyrail/", env!("CARGO_PKG_VERSION")))
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never());
        if is_plain {
            builder = builder.no_proxy().tls_certs_only([]);
        }
        let url = Url::parse(&oidc.issuer)?;
        let host = url.host_str().unwrap_or_default();
        let roles = &oidc.roles;
        // Whatever of the settings decides who somebody is and what they may do.
        let terms =
            format!("{:?}", (&oidc.issuer, &oidc.client_id, &oidc.name_claim, &oidc.role_claim, roles));
        Ok(Some(Self {
            called: url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
            redirect: format!("{address}{CALLBACK}"),
            terms: blake3::hash(terms.as_bytes()).to_hex().chars().take(16).collect(),
            client: builder.build()?,
            settings: oidc.clone(),
            secret,
            known: Mutex::default(),
        }))
    }

    /// What the provider is called on pages: its host.
    pub(super) fn called(&self) -> &str {
        &self.called
    }

    /// Changes with every setting that decides who somebody is and what they may do.
    pub(super) fn terms(&self) -> &str {
        &self.terms
    }

    /// What stands under what somebody decides: their name, and whom the provider means by it.
    pub(super) fn named(&self, name: &str, subject: &str) -> String {
        let issuer =
            self.settings.issuer.split_once("://").map_or("", |(_, rest)| rest).trim_end_matches('/');
        format!("{name} <{subject}@{issuer}>")
    }

    /// Begins a sign-in that is to lead to `next`: where to go at the provider, and the cookie.
    ///
    /// # Errors
    ///
    /// When the provider does not answer.
    pub(super) async fn begin(
        &self,
        seal: &Seal,
        next: &str,
        now: Timestamp,
    ) -> Result<(String, String), Refusal> {
        let provider = self.provider(now).await?;
        let id = uuid::Builder::from_random_bytes(rand::random()).into_uuid();
        let started = Started { id, begun: now, next: next.to_owned() };
        let secrets = Secrets::of(seal, &started);
        let challenge = base64url(&Sha256::digest(secrets.verifier.as_bytes()));
        let mut to = Url::parse(&provider.authorization_endpoint)
            .map_err(|_| Refusal::Silent("its authorization endpoint is no address".to_owned()))?;
        to.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.redirect)
            .append_pair("scope", &self.settings.scopes)
            .append_pair("state", &secrets.state)
            .append_pair("nonce", &secrets.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        Ok((to.into(), seal.seal(STARTED, &started)))
    }

    /// The sign-in that an answer is to, if its cookie says so and it is not too late.
    pub(super) fn started(
        &self,
        seal: &Seal,
        sealed: &str,
        answer: &Answer,
        now: Timestamp,
    ) -> Option<Started> {
        let started: Started = seal.open_token(STARTED, sealed)?;
        let state = Secrets::of(seal, &started).state;
        // Compared by their hashes, which takes the same time wherever they differ.
        let is_same = blake3::hash(state.as_bytes()) == blake3::hash(answer.state.as_bytes());
        (is_same && now < started.until()).then_some(started)
    }

    /// Finishes a sign-in: has the code changed for an ID token, and believes that when it is as it must be.
    ///
    /// # Errors
    ///
    /// Why not.
    pub(super) async fn finish(
        &self,
        seal: &Seal,
        started: &Started,
        answer: &Answer,
        now: &Clock,
    ) -> Result<(Person, Role), Refusal> {
        if answer.iss.as_ref().is_some_and(|issuer| *issuer != self.settings.issuer) {
            return Err(Refusal::Untrusted("the answer is of another issuer"));
        }
        if !answer.error.is_empty() || answer.code.is_empty() || answer.code.len() > LONGEST_CODE {
            return Err(Refusal::Denied);
        }
        let provider = self.provider(now()).await?;
        let secrets = Secrets::of(seal, started);
        let token = self.exchange(&provider, &answer.code, &secrets.verifier).await?;
        let expected = Expected {
            issuer: &self.settings.issuer,
            client_id: &self.settings.client_id,
            nonce: &secrets.nonce,
            now: now(),
        };
        let keys = self.keys(&provider, now(), false).await?;
        let claims = match token::verify(&token, &keys, &expected) {
            // The provider may have begun to sign with another key since.
            Err(Fault::UnknownKey) => {
                let keys = self.keys(&provider, now(), true).await?;
                token::verify(&token, &keys, &expected)
            }
            told => told,
        };
        let claims = claims.map_err(|fault| Refusal::Untrusted(fault.told()))?;
        let role = self.role(&claims).ok_or(Refusal::NoRole)?;
        Ok((self.person(&claims)?, role))
    }

    fn person(&self, claims: &Map<String, Value>) -> Result<Person, Refusal> {
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
        let is_plain = subject.bytes().all(|b| b.is_ascii_graphic() && !b"<>".contains(&b));
        if subject.is_empty() || subject.len() > LONGEST_SUBJECT || !is_plain {
            return Err(Refusal::Untrusted("the token calls nobody by a plain id"));
        }
        let name =
            plain(claim(claims, &self.settings.name_claim).and_then(Value::as_str).unwrap_or_default());
        let name = if name.is_empty() { plain(subject) } else { name };
        Ok(Person { subject: subject.to_owned(), name })
    }

    /// What the values of a claim come to. Who decides on texts and on rules does what `admin` does here.
    fn role(&self, claims: &Map<String, Value>) -> Option<Role> {
        let values: Vec<&str> = match claim(claims, &self.settings.role_claim)? {
            Value::String(one) => vec![one],
            Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
            _ => return None,
        };
        let roles = &self.settings.roles;
        let has = |given: &[String]| given.iter().any(|value| values.contains(&value.as_str()));
        match (has(&roles.admin), has(&roles.review), has(&roles.compliance)) {
            (true, ..) | (_, true, true) => Some(Role::Admin),
            (_, true, false) => Some(Role::Review),
            (_, false, true) => Some(Role::Compliance),
            (false, false, false) => None,
        }
    }

    /// What the provider says of itself, asked at most once an hour.
    async fn provider(&self, now: Timestamp) -> Result<Arc<Provider>, Refusal> {
        let mut known = self.known.lock().await;
        if let Some((asked, provider)) = &known.provider
            && is_fresh(*asked, now, BELIEVED)
        {
            return Ok(Arc::clone(provider));
        }
        let issuer = self.settings.issuer.trim_end_matches('/');
        let request = self.client.get(format!("{issuer}/.well-known/openid-configuration"));
        let provider: Provider = known.ask(request, now).await?;
        if provider.issuer != self.settings.issuer {
            return Err(Refusal::Untrusted("the provider calls itself another issuer than the settings do"));
        }
        let addresses = [&provider.token_endpoint, &provider.jwks_uri];
        let leads = provider.authorization_endpoint.split('?').next().unwrap_or_default();
        if !addresses.into_iter().all(|address| is_trustworthy(address)) || !is_trustworthy(leads) {
            return Err(Refusal::Untrusted("the provider names addresses that are not https"));
        }
        let provider = Arc::new(provider);
        known.provider = Some((now, Arc::clone(&provider)));
        Ok(provider)
    }

    /// Which keys the provider signs with, asked at most once an hour unless `anew`.
    async fn keys(&self, provider: &Provider, now: Timestamp, anew: bool) -> Result<Arc<Keys>, Refusal> {
        let mut known = self.known.lock().await;
        if let Some((asked, keys)) = known.keys.as_ref().filter(|_| !anew)
            && is_fresh(*asked, now, BELIEVED)
        {
            return Ok(Arc::clone(keys));
        }
        let keys: Keys = known.ask(self.client.get(&provider.jwks_uri), now).await?;
        let keys = Arc::new(keys);
        known.keys = Some((now, Arc::clone(&keys)));
        Ok(keys)
    }

    /// Has the provider give an ID token for a code.
    async fn exchange(&self, provider: &Provider, code: &str, verifier: &str) -> Result<String, Refusal> {
        #[derive(Deserialize)]
        struct Tokens {
            id_token: String,
        }
        let id = self.settings.client_id.as_str();
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect),
            ("code_verifier", verifier),
        ];
        let mut request = self.client.post(&provider.token_endpoint);
        // Where a provider does not say how it wants the secret, it wants it in the header.
        let methods = provider.token_endpoint_auth_methods_supported.as_deref();
        let takes = |method: &str| methods.is_none_or(|methods| methods.iter().any(|known| known == method));
        match &self.secret {
            Some(secret) if takes("client_secret_basic") || !takes("client_secret_post") => {
                request = request.basic_auth(encoded(id), Some(encoded(secret.expose_secret())));
            }
            Some(secret) => form.extend([("client_id", id), ("client_secret", secret.expose_secret())]),
            None => form.push(("client_id", id)),
        }
        let form = serde_urlencoded::to_string(form).unwrap_or_default();
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        let (status, body) = fetch(request).await.map_err(Refusal::Silent)?;
        match status {
            200 => serde_json::from_slice(&body)
                .map(|tokens: Tokens| tokens.id_token)
                .map_err(|_| Refusal::Silent("its token endpoint gave no ID token".to_owned())),
            // The code is not good, or was used before.
            400 => Err(Refusal::Denied),
            status => Err(Refusal::Silent(format!("its token endpoint answered with status {status}"))),
        }
    }
}

impl Known {
    /// Asks the provider for JSON, unless it has just left a question without an answer.
    async fn ask<T: for<'de> Deserialize<'de>>(
        &mut self,
        request: RequestBuilder,
        now: Timestamp,
    ) -> Result<T, Refusal> {
        if self.silent.is_some_and(|silent| is_fresh(silent, now, LEFT_ALONE)) {
            return Err(Refusal::Silent("it did not a moment ago".to_owned()));
        }
        let told = match fetch(request).await {
            Ok((200, body)) => {
                serde_json::from_slice(&body).map_err(|error| format!("no such JSON: {error}"))
            }
            Ok((status, _)) => Err(format!("status {status}")),
            Err(error) => Err(error),
        };
        self.silent = told.is_err().then_some(now);
        told.map_err(Refusal::Silent)
    }
}

/// Sends a request and reads the answer to its end, unless that is too long.
async fn fetch(request: RequestBuilder) -> Result<(u16, Vec<u8>), String> {
    // What is said of an address may hold what stands in it.
    let told = |error: reqwest::Error| error.without_url().to_string();
    let mut response = request.header("accept", "application/json").send().await.map_err(told)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(told)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err("its answer is too long".to_owned());
        }
        body.extend_from_slice(&chunk);
    }
    Ok((response.status().as_u16(), body))
}

fn is_fresh(asked: Timestamp, now: Timestamp, lasts: SignedDuration) -> bool {
    now.duration_since(asked).abs() < lasts
}

/// What belongs to a sign-in that was begun, and stays here until it is sent to whom it is for.
struct Secrets {
    state: String,
    nonce: String,
    verifier: String,
}

impl Secrets {
    fn of(seal: &Seal, started: &Started) -> Self {
        let secret = |purpose| seal.secret_for(purpose, started.id.as_bytes());
        Self { state: secret("oidc state"), nonce: secret("oidc nonce"), verifier: secret("oidc verifier") }
    }
}

/// A claim by its name, or by a path of names that are parted by full stops.
fn claim<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c Value> {
    claims.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        claim(claims.get(first)?.as_object()?, rest)
    })
}

/// A name as one line of characters that can be seen, none of which frame what stands behind it.
fn plain(name: &str) -> String {
    let is_hidden = |c: char| {
        matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
    };
    let seen = name.chars().take(10 * LONGEST_NAME).filter(|c| !is_hidden(*c) && !"<>".contains(*c));
    let seen: String = seen.map(|c| if c.is_control() { ' ' } else { c }).collect();
    let one_line = seen.split_whitespace().collect::<Vec<_>>().join(" ");
    one_line.chars().take(LONGEST_NAME).collect()
}

/// Text as it stands in the header that names a client.
fn encoded(text: &str) -> String {
    let pair = serde_urlencoded::to_string([("", text)]).unwrap_or_default();
    pair.trim_start_matches('=').to_owned()
}

fn base64url(bytes: &[u8]) -> String {
    encode_base64(bytes).trim_end_matches('=').replace('+', "-").replace('/', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_plainly() {
        for (name, shown) in [
            ("Ines Okafor", "Ines Okafor"),
            ("  Ines\n\tOkafor ", "Ines Okafor"),
            ("Zoë Łęcka-Ōta", "Zoë Łęcka-Ōta"),
            ("Ann <7@login.example>", "Ann 7@login.example"),
            ("\u{202e}nnA\u{200b}\u{feff}", "nnA"),
            ("<script>", "script"),
            ("\u{0}\u{1b}[31m", "[31m"),
            ("", ""),
        ] {
            assert_eq!(plain(name), shown, "{name:?}");
        }
        assert_eq!(plain(&"x".repeat(100_000)).len(), LONGEST_NAME);
    }

    #[test]
    fn claims_are_found_by_name_or_by_path() {
        let claims =
            serde_json::json!({"groups": ["a"], "https://x.example/roles": "b", "realm": {"roles": ["c"]}});
        let claims = claims.as_object().unwrap();
        for (name, found) in [
            ("groups", Some(serde_json::json!(["a"]))),
            ("https://x.example/roles", Some("b".into())),
            ("realm.roles", Some(serde_json::json!(["c"]))),
            ("realm.roles.c", None),
            ("groups.a", None),
            ("", None),
            (".", None),
        ] {
            assert_eq!(claim(claims, name), found.as_ref(), "{name}");
        }
    }

    #[test]
    fn what_goes_into_addresses_is_encoded() {
        assert_eq!(base64url(&[0xfb, 0xff, 0xfe, 0x01]), "-__-AQ");
        assert_eq!(encoded("a b:c=d&é"), "a+b%3Ac%3Dd%26%C3%A9");
        assert_eq!(encoded("=="), "%3D%3D");
        // The example of RFC 7636.
        let verifier = b"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(base64url(&Sha256::digest(verifier)), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
