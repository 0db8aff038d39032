//! Keys: who may ask what, and what those hear who may not.

use copyrail::app::wall_clock;
use copyrail::store::keys::{self, KeyRow, Role};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::http::{COPY, problem};
use crate::support::{Answered, TestApp, Upstream, ask, copyrail};

/// Every route that needs a key, with the role it needs.
const ROUTES: &[(&str, &str, &str)] = &[
    ("POST", "/v1/blurbs", "serve"),
    ("POST", "/v1/explain", "serve"),
    ("POST", "/v1/check", "serve"),
    ("GET", "/v1/generations", "review"),
    ("GET", "/v1/generations/0192f3c1-7a2b-7c3d-8e4f-5a6b7c8d9e0f", "review"),
    ("POST", "/v1/generations/0192f3c1-7a2b-7c3d-8e4f-5a6b7c8d9e0f/reviews", "review"),
    ("GET", "/v1/policy", "compliance"),
];

async fn call(app: &TestApp, method: &str, path: &str, authorization: Option<&str>) -> Answered {
    let mut request = app.client().request(method.parse().unwrap(), app.url(path));
    if method == "POST" {
        request = request.json(&match path {
            "/v1/check" => json!({"text": "Sturdy."}),
            path if path.ends_with("/reviews") => json!({"action": "flag"}),
            _ => ask("Lumo lamp"),
        });
    }
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    app.send(request).await
}

#[tokio::test]
async fn each_role_opens_its_own_routes_and_no_others() {
    let upstream = Upstream::saying(COPY).await;
    let app = TestApp::start(&upstream).await;
    for (method, path, needed) in ROUTES {
        for role in ["serve", "review", "compliance", "admin", "publishable"] {
            let bearer = format!("Bearer {}", app.key(role));
            let answered = call(&app, method, path, Some(&bearer)).await;
            if role == *needed || role == "admin" {
                let expected = if path.contains("e0f") { 404 } else { 200 };
                assert_eq!(answered.status, expected, "{role} at {path}: {}", answered.body);
                continue;
            }
            let detail = problem(&answered, 403, "urn:copyrail:not-allowed");
            assert_eq!(
                detail,
                format!(
                    "This key has the role `{role}`, and this call needs `{needed}`; \
                     `copyrail keys new --role {needed}` makes one."
                ),
                "{path}"
            );
        }
    }
}

/// Puts a key into the store beside the service and returns its token.
async fn insert(app: &TestApp, expires: Option<&str>, revoked: Option<&str>) -> String {
    let instant = |text: Option<&str>| text.map(|text| text.parse::<Timestamp>().unwrap());
    let minted = keys::mint(Role::Serve, &std::array::from_fn(|_| rand::random()));
    let row = KeyRow {
        id: minted.id,
        name: "of a test".into(),
        role: Role::Serve,
        origins: Vec::new(),
        hash: minted.hash,
        created: wall_clock()(),
        expires: instant(expires),
        revoked: instant(revoked),
    };
    keys::insert(&app.app().shared.store, &row).await.unwrap();
    minted.token
}

/// Puts a key beside those of the harness, lets the service know it, and returns its token.
async fn add(app: &TestApp, expires: Option<&str>, revoked: Option<&str>) -> String {
    let token = insert(app, expires, revoked).await;
    app.app().shared.refresh_keys().await;
    token
}

#[tokio::test]
async fn keys_that_do_not_hold_are_all_answered_alike() {
    let upstream = Upstream::saying(COPY).await;
    let app = TestApp::start(&upstream).await;
    let (past, future) = (Some("2020-01-01T00:00:00Z"), Some("2999-01-01T00:00:00Z"));
    let good = add(&app, future, None).await;
    for form in ["Bearer ", "bearer ", "BEARER  "] {
        let answered = call(&app, "POST", "/v1/check", Some(&format!("{form}{good}"))).await;
        assert_eq!(answered.status, 200, "{form}: {}", answered.body);
    }
    let expired = add(&app, past, None).await;
    let revoked = add(&app, None, past).await;
    let unknown = keys::mint(Role::Serve, &[7; keys::RANDOM_BYTES]).token;
    let last = if good.ends_with('a') { "b" } else { "a" };
    let wrong_secret = format!("{}{last}", &good[..good.len() - 1]);
    let other_kind = good.replacen("crk_", "crp_", 1);
    let published = app.key("publishable").replacen("crp_", "crk_", 1);
    let garbled = ["", "x", "crk_", "crk_a_b", "null", &good[..20], &good.to_uppercase()].map(str::to_owned);
    let tokens = [expired, revoked, unknown, wrong_secret, other_kind, published].into_iter().chain(garbled);
    let mut headers: Vec<String> = tokens.map(|token| format!("Bearer {token}")).collect();
    headers.extend(["Basic am86am8=".into(), "Bearer".into(), good.clone(), format!("Bearer {good} {good}")]);
    for (method, path, _) in ROUTES {
        for header in &headers {
            let answered = call(&app, method, path, Some(header)).await;
            let detail = problem(&answered, 401, "urn:copyrail:no-key");
            assert_eq!(detail, "This key is not known, has expired or was revoked.", "{header}");
            assert_eq!(answered.headers["www-authenticate"], "Bearer");
        }
        let answered = call(&app, method, path, None).await;
        let detail = problem(&answered, 401, "urn:copyrail:no-key");
        assert_eq!(detail, "Send `authorization: Bearer crk_…`; `copyrail keys new` makes a key.");
        assert_eq!(answered.headers["www-authenticate"], "Bearer");
    }
    assert_eq!(upstream.calls(), 0);
}

#[tokio::test]
async fn a_new_key_holds_for_all_who_bring_it_at_once() {
    let upstream = Upstream::saying(COPY).await;
    let app = TestApp::start(&upstream).await;
    let url = app.url("/v1/check");
    let bearer = insert(&app, None, None).await;
    let asking: Vec<_> = (0..50)
        .map(|_| app.client().post(&url).bearer_auth(&bearer).json(&json!({"text": "Sturdy."})))
        .map(|request| tokio::spawn(async move { request.send().await.unwrap().status().as_u16() }))
        .collect();
    for asked in asking {
        assert_eq!(asked.await.unwrap(), 200);
    }
}

/// Runs a `keys` command on a running service's store.
async fn keys_command(app: &TestApp, arguments: &[&str]) -> String {
    let folder = app.folder.path().to_owned();
    let store = app.store_url().to_owned();
    let arguments: Vec<String> = ["keys"].iter().chain(arguments).map(|a| (*a).to_owned()).collect();
    let ran = tokio::task::spawn_blocking(move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        copyrail(&folder, &arguments, &[("COPYRAIL__STORE__URL", &store)], "")
    });
    let ran = ran.await.unwrap();
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    ran.out.trim_end().to_owned()
}

#[tokio::test]
async fn keys_made_and_revoked_beside_a_running_service_are_known_to_it() {
    let upstream = Upstream::saying(COPY).await;
    let app = TestApp::start(&upstream).await;
    let token = keys_command(&app, &["new", "--role", "compliance", "--name", "Jo"]).await;
    let bearer = format!("Bearer {token}");
    assert_eq!(call(&app, "GET", "/v1/policy", Some(&bearer)).await.status, 200);
    let list: Value = serde_json::from_str(&keys_command(&app, &["list", "--format", "json"]).await).unwrap();
    let row = list["keys"].as_array().unwrap().iter().find(|row| row["name"] == "Jo").unwrap();
    keys_command(&app, &["revoke", row["id"].as_str().unwrap()]).await;
    app.app().shared.refresh_keys().await;
    problem(&call(&app, "GET", "/v1/policy", Some(&bearer)).await, 401, "urn:copyrail:no-key");
}
