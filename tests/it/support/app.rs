//! A service of a test's own, in this process: port 0, a fresh data folder, the shipped shop unless files say otherwise.

use std::collections::BTreeMap;
use std::path::Path;

use copyrail::app::{App, StartError, wall_clock};
use copyrail::audit::Clock;
use copyrail::store::keys::{self, KeyRow, Role};
use copyrail::store::{Access, Store};
use serde_json::{Value, json};

use super::{Upstream, shop};

pub struct TestApp {
    pub app: Option<App>,
    pub folder: tempfile::TempDir,
    keys: BTreeMap<&'static str, String>,
    client: reqwest::Client,
    environment: BTreeMap<String, String>,
    clock: Clock,
}

/// An answer, read.
#[derive(Debug)]
pub struct Answered {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl TestApp {
    /// The shipped shop, written for by this upstream.
    pub async fn start(upstream: &Upstream) -> Self {
        Self::start_with(upstream, &[], &[]).await
    }

    /// With files laid over the shipped shop (an empty text takes a file away) and settings from the environment.
    pub async fn start_with(upstream: &Upstream, files: &[(&str, &str)], variables: &[(&str, &str)]) -> Self {
        let base = upstream.base_url();
        let mut all = vec![("OPENAI_BASE_URL", base.as_str()), ("OPENAI_MODEL", "scripted")];
        all.extend_from_slice(variables);
        Self::try_start(files, &all, wall_clock()).await.unwrap_or_else(|error| panic!("{error:?}"))
    }

    /// With a clock of the test's own, and no upstream but what the variables, or a `config/copyrail.toml` among the files,
    /// say.
    pub async fn try_start(
        files: &[(&str, &str)],
        variables: &[(&str, &str)],
        clock: Clock,
    ) -> Result<Self, StartError> {
        let folder = shop();
        for (path, text) in files {
            write(&folder.path().join(path), text);
        }
        let below = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let mut environment = BTreeMap::from([
            ("COPYRAIL__LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            ("COPYRAIL__DATA__DIR".to_owned(), below("data")),
            ("COPYRAIL__STORE__URL".to_owned(), format!("sqlite:{}", below("data/copyrail.db"))),
            ("COPYRAIL__POLICY__SEGMENTS".to_owned(), below("config/segments.yml")),
            ("COPYRAIL__POLICY__PROMPTS".to_owned(), below("prompts")),
            ("COPYRAIL__POLICY__GUARDRAILS".to_owned(), below("guardrails")),
            // Tests look at the files themselves.
            ("COPYRAIL__POLICY__RELOAD".to_owned(), "30d".to_owned()),
            ("COPYRAIL__LIMITS__DRAIN".to_owned(), "0s".to_owned()),
        ]);
        environment.extend(variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        let keys = make_keys(&environment["COPYRAIL__STORE__URL"], &clock).await;
        let client = super::client();
        let mut test = Self { app: None, folder, keys, client, environment, clock };
        test.restart().await?;
        Ok(test)
    }

    /// Stops the service, when it runs, and starts it anew on the same folder.
    pub async fn restart(&mut self) -> Result<(), StartError> {
        if let Some(app) = self.app.take() {
            app.stop().await;
        }
        let name = "config/copyrail.toml";
        let file = std::fs::read_to_string(self.folder.path().join(name)).ok();
        let file = file.as_deref().map(|text| (name, text));
        let (settings, faults) = copyrail::config::load(file, &self.environment);
        assert_eq!(faults, []);
        self.app = Some(App::start(settings.unwrap(), self.clock.clone()).await?);
        Ok(())
    }

    /// Sets a variable of the environment for when it is next started.
    pub fn set(&mut self, variable: &str, value: &str) {
        self.environment.insert(variable.to_owned(), value.to_owned());
    }

    pub fn app(&self) -> &App {
        self.app.as_ref().unwrap()
    }

    /// The store's address.
    pub fn store_url(&self) -> &str {
        &self.environment["COPYRAIL__STORE__URL"]
    }

    /// Lays a file over the shop, or takes it away, and has the service look.
    pub async fn edit(&self, path: &str, text: &str) {
        write(&self.folder.path().join(path), text);
        self.look().await;
    }

    /// Has the service look at its files as they are.
    pub async fn look(&self) {
        let shared = &self.app().shared;
        let sources = copyrail::policy::Sources::read(shared.desk.settings());
        shared.look_at_files(sources).await;
    }

    /// A key of a role: `serve`, `review`, `compliance`, `admin` or `publishable`.
    pub fn key(&self, role: &str) -> &str {
        &self.keys[role]
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.app().address)
    }

    pub async fn post(&self, path: &str, body: Value) -> Answered {
        self.send(self.client.post(self.url(path)).bearer_auth(self.key("serve")).json(&body)).await
    }

    /// Asks for a blurb, which must be answered with 200.
    pub async fn blurb(&self, body: Value) -> Value {
        let answered = self.post("/v1/blurbs", body).await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        answered.body
    }

    pub async fn get(&self, path: &str, role: &str) -> Answered {
        self.send(self.client.get(self.url(path)).bearer_auth(self.key(role))).await
    }

    /// A request that the test builds itself.
    pub fn client(&self) -> &reqwest::Client {
        &self.client
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answered {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        Answered { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
    }

    /// Every generation in the log, newest first, whole: record and payload.
    pub async fn generations(&self) -> Vec<Value> {
        let page = self.get("/v1/generations?limit=200", "review").await;
        assert_eq!(page.status, 200, "{}", page.body);
        let mut all = Vec::new();
        for item in page.body["items"].as_array().unwrap() {
            let id = item["id"].as_str().or(item["record"]["id"].as_str()).unwrap();
            all.push(self.get(&format!("/v1/generations/{id}"), "review").await.body);
        }
        all
    }
}

/// A request for `why-this` of a product that has a name alone, patient enough for any machine.
pub fn ask(name: &str) -> Value {
    json!({"placement": "why-this", "product": {"name": name}, "deadline_ms": 30_000})
}

fn write(path: &Path, text: &str) {
    if text.is_empty() {
        std::fs::remove_file(path).unwrap();
        return;
    }
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

async fn make_keys(store_url: &str, clock: &Clock) -> BTreeMap<&'static str, String> {
    let store = Store::open(store_url, Access::Beside).await.unwrap();
    let mut tokens = BTreeMap::new();
    for (number, role) in
        (0_u8..).zip([Role::Serve, Role::Review, Role::Compliance, Role::Admin, Role::Publishable])
    {
        let minted =
            keys::mint(role, &std::array::from_fn(|at| number.wrapping_mul(31).wrapping_add(at as u8)));
        let row = KeyRow {
            id: minted.id,
            name: format!("test {role}"),
            role,
            origins: Vec::new(),
            hash: minted.hash,
            created: clock(),
            expires: None,
            revoked: None,
        };
        keys::insert(&store, &row).await.unwrap();
        tokens.insert(role.as_str(), minted.token);
    }
    store.close().await;
    tokens
}
