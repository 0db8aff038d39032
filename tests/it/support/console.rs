//! A browser, as far as the console's pages without script need one: it keeps cookies, sends forms with the token of the
//! page that it read last, and follows no redirects by itself.

use std::collections::BTreeMap;

use reqwest::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE};

use super::TestApp;

pub struct Browser {
    client: reqwest::Client,
    base: String,
    /// By name.
    pub cookies: BTreeMap<String, String>,
    /// The token of the forms of the page that was read last.
    pub token: String,
    /// What it says with every request beside.
    pub says: Vec<(&'static str, String)>,
}

/// What a browser was answered.
#[derive(Debug)]
pub struct Page {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Page {
    /// Where it leads, or nothing.
    pub fn leads_to(&self) -> &str {
        self.headers.get(LOCATION).map_or("", |to| to.to_str().unwrap())
    }

    /// What it has the browser keep, whole.
    pub fn sets(&self) -> Vec<&str> {
        self.headers.get_all(SET_COOKIE).iter().map(|set| set.to_str().unwrap()).collect()
    }
}

impl Browser {
    /// Nobody signed in yet.
    pub fn new(app: &TestApp) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let (cookies, token, says) = (BTreeMap::new(), String::new(), Vec::new());
        Self { client: client.build().unwrap(), base: app.url(""), cookies, token, says }
    }

    pub async fn get(&mut self, path: &str) -> Page {
        let request = self.client.get(format!("{}{path}", self.base));
        self.send(request).await
    }

    /// Sends a form, with the token of the page that was read last.
    pub async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Page {
        let form = [form, &[("csrf", self.token.as_str())]].concat();
        let request = self.request("POST", path).header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(serde_urlencoded::to_string(form).unwrap())).await
    }

    /// A request that is built by hand, for [`Browser::send`].
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method.parse().unwrap(), format!("{}{path}", self.base))
    }

    pub async fn send(&mut self, mut request: reqwest::RequestBuilder) -> Page {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies.join("; "));
        }
        for (name, value) in &self.says {
            request = request.header(*name, value);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let page = Page { status, headers, text: response.text().await.unwrap() };
        for set in page.sets() {
            let (name, rest) = set.split_once('=').unwrap();
            match rest.contains("Max-Age=0") {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), rest.split(';').next().unwrap().to_owned()),
            };
        }
        if let Some((_, rest)) = page.text.split_once("name=\"csrf\" value=\"") {
            self.token = rest.split('"').next().unwrap().to_owned();
        }
        page
    }
}

/// Signs in with the key of a role, and reads the overview.
pub async fn sign_in(app: &TestApp, role: &str) -> Browser {
    let mut browser = Browser::new(app);
    let page = browser.post("/console/login", &[("key", app.key(role))]).await;
    assert_eq!((page.status, page.leads_to()), (303, "/console/"), "{}", page.text);
    let page = browser.get("/console/").await;
    assert_eq!(page.status, 200, "{}", page.text);
    browser
}
