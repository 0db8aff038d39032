//! The console's door: who is let in by what, for how long, and what a page of somebody else's can bring about.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use copyrail::store::keys::{self, KeyRow, Role};
use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt;

use crate::kept::Hands;
use crate::support::console::{Browser, Page, sign_in};
use crate::support::oidc::{CLIENT, Provider, SECRET, Signer, base64url};
use crate::support::{TestApp, listen_among_others, root};

const START: &str = "2026-11-20T10:00:00Z";
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

/// A service whose clock stands until it is set.
async fn start(variables: &[(&str, &str)]) -> (TestApp, Hands) {
    let (hands, clock) = Hands::new();
    (TestApp::try_start(&[], variables, clock).await.unwrap(), hands)
}

/// Puts a key beside those of the harness: its id, and its token.
async fn add_key(app: &TestApp, name: &str, role: Role, expires: Option<&str>) -> (String, String) {
    let minted = keys::mint(role, &std::array::from_fn(|_| rand::random()));
    let row = KeyRow {
        id: minted.id.clone(),
        name: name.into(),
        role,
        origins: Vec::new(),
        hash: minted.hash,
        created: START.parse().unwrap(),
        expires: expires.map(|at| at.parse().unwrap()),
        revoked: None,
    };
    keys::insert(&app.app().shared.store, &row).await.unwrap();
    app.app().shared.refresh_keys().await;
    (minted.id, minted.token)
}

async fn try_key(browser: &mut Browser, key: &str) -> Page {
    browser.post("/console/login", &[("key", key)]).await
}

fn is_in(page: &Page) -> bool {
    page.status == 200 && page.text.contains("Sign out")
}

#[tokio::test]
async fn a_key_is_exchanged_for_a_session_that_pages_know_the_reader_by() {
    let (app, _) = start(&[]).await;
    let mut browser = Browser::new(&app);
    let page = browser.get("/console/generations?rule=a%2Fb&at=7").await;
    let asked = "/console/login?next=%2Fconsole%2Fgenerations%3Frule%3Da%252Fb%26at%3D7";
    assert_eq!((page.status, page.leads_to()), (303, asked));
    let page = browser.get(asked).await;
    assert!(
        page.text.contains(r#"name="next" value="/console/generations?rule=a%2Fb&#38;at=7""#),
        "{}",
        page.text
    );
    let form = [("key", app.key("review")), ("next", "/console/generations?rule=a%2Fb&at=7")];
    let page = browser.post("/console/login", &form).await;
    assert_eq!((page.status, page.leads_to()), (303, "/console/generations?rule=a%2Fb&at=7"));
    let [set] = page.sets()[..] else { panic!("{page:?}") };
    assert!(set.starts_with("copyrail_session=") && !set.contains(app.key("review")), "{set}");
    assert!(set.ends_with("; Path=/console; HttpOnly; SameSite=Strict; Max-Age=7200"), "{set}");
    assert!(!page.headers.contains_key("strict-transport-security"));
    let page = browser.get("/console/").await;
    assert!(is_in(&page) && page.text.contains("<strong>test review</strong>"), "{}", page.text);
    assert_eq!(browser.get("/console/login").await.leads_to(), "/console/", "signed in already");

    for role in ["serve", "publishable"] {
        let page = try_key(&mut Browser::new(&app), app.key(role)).await;
        assert!(page.status == 403 && page.text.contains("This key is not known") && page.sets().is_empty());
    }
    for role in ["compliance", "admin"] {
        sign_in(&app, role).await;
    }
    for (form, status) in
        [("", 400), ("key=", 400), ("key=%ff%fe", 403), ("next=a", 400), ("key=a&key=b", 400)]
    {
        let mut browser = Browser::new(&app);
        let page = browser.send(browser.request("POST", "/console/login").body(form)).await;
        assert_eq!(page.status, status, "{form}");
    }
}

/// Log lines, with all that they say.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Lines {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        struct Told(String);
        impl tracing::field::Visit for Told {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0 += &format!("{}={value:?} ", field.name());
            }
        }
        let mut told = Told(format!("{} ", event.metadata().level()));
        event.record(&mut told);
        self.0.lock().unwrap().push(told.0);
    }
}

#[tokio::test]
async fn who_signs_in_and_out_is_told_in_the_log_and_no_secret_is() {
    listen_among_others();
    let lines = Lines::default();
    let _listening = tracing::subscriber::set_default(tracing_subscriber::registry().with(lines.clone()));
    let (app, _) = start(&[]).await;
    let mut browser = sign_in(&app, "review").await;
    browser.post("/console/logout", &[]).await;
    let (id, rest) = app.key("serve")[4..].split_once('_').unwrap();
    try_key(&mut browser, app.key("serve")).await;
    let lines = lines.0.lock().unwrap();
    for line in [
        "INFO message=signed in to the console with a key name=test review role=review ".to_owned(),
        "INFO message=signed out of the console name=test review ".to_owned(),
        format!("WARN message=a key was refused at the console key={id:?} "),
    ] {
        assert!(lines.contains(&line), "{line} is not among {lines:#?}");
    }
    let secrets = [rest, app.key("review").rsplit('_').next().unwrap(), &browser.token];
    assert!(!lines.iter().any(|line| secrets.iter().any(|secret| line.contains(secret))), "{lines:#?}");
}

#[tokio::test]
async fn by_https_cookies_are_secure_and_of_this_host_alone() {
    let (app, _) = start(&[("COPYRAIL__CONSOLE__ADDRESS", "https://copy.example.com")]).await;
    let mut browser = Browser::new(&app);
    let page = try_key(&mut browser, app.key("review")).await;
    let [set] = page.sets()[..] else { panic!("{page:?}") };
    assert!(set.starts_with("__Host-copyrail_session="), "{set}");
    assert!(set.ends_with("; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=7200"), "{set}");
    assert_eq!(page.headers["strict-transport-security"], "max-age=31536000");
    assert!(is_in(&browser.get("/console/").await));
    let page = browser.post("/console/logout", &[]).await;
    let forget = "__Host-copyrail_session=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0";
    assert_eq!((page.leads_to(), &page.sets()[..]), ("/console/login", &[forget][..]));
    // Without the prefix anybody on the domain could have set it.
    let mut browser = sign_in(&app, "review").await;
    let session = browser.cookies.remove("__Host-copyrail_session").unwrap();
    browser.cookies.insert("copyrail_session".into(), session);
    assert_eq!(browser.get("/console/").await.status, 303);
}

#[tokio::test]
async fn a_session_ends_when_it_must() {
    let (app, hands) = start(&[]).await;
    // Unused.
    let mut browser = sign_in(&app, "review").await;
    hands.forward(2 * HOUR - 1);
    assert!(is_in(&browser.get("/console/").await));
    hands.forward(2 * HOUR);
    assert_eq!(browser.get("/console/").await.status, 303);
    // Used all the time: the cookie is made anew now and then, and ends with the session.
    let mut browser = sign_in(&app, "review").await;
    let mut renewed = 0;
    for _ in 0..(12 * HOUR / (5 * MINUTE) - 1) {
        hands.forward(5 * MINUTE);
        let page = browser.get("/console/").await;
        assert!(is_in(&page));
        renewed += page.sets().len();
    }
    assert_eq!(renewed, 47, "each quarter of an hour, as the tenth of two hours is 12 minutes");
    hands.forward(5 * MINUTE);
    assert_eq!(browser.get("/console/").await.status, 303);
    // Signed out in another tab, and for whoever copied the cookie.
    let mut browser = sign_in(&app, "review").await;
    let copied = browser.cookies.clone();
    assert!(is_in(&browser.get("/console/").await));
    assert_eq!(browser.post("/console/logout", &[]).await.status, 303);
    assert_eq!((browser.get("/console/").await.status, browser.cookies.len()), (303, 0));
    browser.cookies = copied;
    assert_eq!(browser.get("/console/").await.status, 303);
    // The key is revoked, expires, or is now one of another role.
    let (revoked, token) = add_key(&app, "Ann", Role::Review, None).await;
    let mut ann = Browser::new(&app);
    try_key(&mut ann, &token).await;
    let (changed, token) = add_key(&app, "Cem", Role::Compliance, None).await;
    let mut cem = Browser::new(&app);
    try_key(&mut cem, &token).await;
    let now = app.app().shared.parts.now.clone()();
    let soon = now.checked_add(jiff::SignedDuration::from_mins(1)).unwrap().to_string();
    let (_, token) = add_key(&app, "Bo", Role::Admin, Some(&soon)).await;
    let mut bo = Browser::new(&app);
    try_key(&mut bo, &token).await;
    for browser in [&mut ann, &mut bo, &mut cem] {
        assert!(is_in(&browser.get("/console/").await));
    }
    assert!(keys::revoke(&app.app().shared.store, &revoked, now).await.unwrap());
    app.app().shared.refresh_keys().await;
    assert_eq!(ann.get("/console/").await.status, 303);
    let mut rows = BTreeMap::clone(&app.app().shared.keys.load());
    rows.get_mut(&changed).unwrap().role = Role::Review;
    app.app().shared.keys.store(Arc::new(rows));
    assert_eq!(cem.get("/console/").await.status, 303);
    hands.forward(MINUTE);
    assert_eq!(bo.get("/console/").await.status, 303);
}

#[tokio::test]
async fn a_session_is_taken_as_it_was_made_among_whatever_else_is_sent() {
    let (app, _) = start(&[]).await;
    let mut browser = sign_in(&app, "review").await;
    let session = browser.cookies["copyrail_session"].clone();
    browser.cookies.clear();
    let ask = |browser: &Browser, cookies: Vec<u8>| {
        let value = reqwest::header::HeaderValue::from_bytes(&cookies).unwrap();
        browser.request("GET", "/console/").header("cookie", value)
    };
    let good = format!("copyrail_session={session}").into_bytes();
    let many: Vec<u8> = (0..200).flat_map(|n| format!("other{n}=\"value\"; ").into_bytes()).collect();
    for before in
        [&b""[..], b"name=Zo\xc3\xab; ", b"\xff\xfe=\xff;", b";;;= =;", b"copyrail_session=; ", &many]
    {
        let page = browser.send(ask(&browser, [before, &good].concat())).await;
        assert_eq!(page.status, 200, "{}", String::from_utf8_lossy(before));
    }
    let twice = browser.request("GET", "/console/").header("cookie", "a=b").header("cookie", good.clone());
    assert_eq!(browser.send(twice).await.status, 200, "in a header of its own");
    for at in [0, 10, session.len() / 2, session.len() - 1] {
        let mut other = session.clone().into_bytes();
        other[at] = if other[at] == b'0' { b'1' } else { b'0' };
        let page = browser.send(ask(&browser, [&b"copyrail_session="[..], &other].concat())).await;
        assert_eq!(page.status, 303);
    }
    for bad in
        [&b"copyrail_session"[..], b"copyrail_session=\xff", b"xcopyrail_session=a.b", b"copyrail_session=."]
    {
        assert_eq!(browser.send(ask(&browser, bad.to_vec())).await.status, 303);
    }
}

/// An address of a route.
fn filled(route: &str) -> String {
    let part = |part: &str| match part {
        "{*rest}" => "elsewhere".to_owned(),
        part if part.starts_with('{') => NOTHING.to_owned(),
        part => part.to_owned(),
    };
    route.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// Every address of the console, as its modules route it: with the methods.
fn routes() -> Vec<(String, bool)> {
    let mut routes = Vec::new();
    let mut folders = vec![root().join("src/console")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let code = std::fs::read_to_string(&path).unwrap();
                let mut rest = code.as_str();
                while let Some((_, from)) = rest.split_once(".route(") {
                    rest = from;
                    let Some((route, rest)) =
                        from.trim_start().strip_prefix('"').and_then(|r| r.split_once('"'))
                    else {
                        continue;
                    };
                    // All up to the end of the call: the handlers hold no `.route` and no `;`.
                    let handlers = rest.split(".route").next().unwrap().split(';').next().unwrap();
                    let filled = filled(route);
                    for method in ["get", "post"] {
                        if handlers.contains(&format!("{method}(")) {
                            routes.push((filled.clone(), method == "post"));
                        }
                    }
                }
            }
        }
    }
    routes.sort();
    routes
}

/// What can be asked for without a session.
const FOR_ALL: &[&str] = &["/console", "/console/login", "/console/login/oidc", "/console/login/callback"];

#[tokio::test]
async fn nothing_is_reached_without_a_session_and_nothing_sent_but_by_a_page_of_it() {
    let (app, _) = start(&[]).await;
    let routes = routes();
    let paths: BTreeSet<&str> = routes.iter().map(|(path, _)| path.as_str()).collect();
    for known in
        ["/console/", "/console/generations", "/console/approvals", "/console/logout", "/console/login"]
    {
        assert!(paths.contains(known), "{known} is not among {paths:?}");
    }
    let (mut reader, other) = (sign_in(&app, "admin").await, sign_in(&app, "review").await);
    let mut sent = 0;
    for (path, is_post) in &routes {
        if FOR_ALL.contains(&path.as_str()) || path.starts_with("/console/assets/") {
            continue;
        }
        let mut nobody = Browser::new(&app);
        let method = if *is_post { "POST" } else { "GET" };
        let page = nobody.send(nobody.request(method, path)).await;
        assert_eq!(page.status, 303, "{method} {path}");
        assert!(page.leads_to().starts_with("/console/login"), "{method} {path}: {}", page.leads_to());
        let part = nobody.request(method, path).header("hx-request", "true");
        let part = nobody.send(part.header("hx-current-url", "https://x.example/console/serves?q=1")).await;
        assert_eq!((part.status, part.text.as_str()), (401, ""), "{method} {path}");
        assert_eq!(part.headers["hx-redirect"], "/console/login?next=%2Fconsole%2Fserves%3Fq%3D1");
        if !is_post {
            continue;
        }
        sent += 1;
        let form = |token: &str| serde_urlencoded::to_string([("csrf", token)]).unwrap();
        let from = |reader: &Browser, header: (&str, &str)| {
            let request =
                reader.request("POST", path).header("content-type", "application/x-www-form-urlencoded");
            request.header(header.0.to_owned(), header.1.to_owned()).body(form(&reader.token))
        };
        for bad in ["", "csrf=", &form(&other.token), "csrf=a&csrf=b", "\u{0}"] {
            let request = reader.request("POST", path).body(bad.to_owned());
            let page = reader.send(request).await;
            assert!(page.status == 403 && page.text.contains("older than your session"), "{path} {bad}");
            assert!(page.text.contains("<nav"), "in the frame that its reader knows");
            let request = reader.request("POST", path).header("x-csrf-token", other.token.as_str());
            assert_eq!(reader.send(request.body(bad.to_owned())).await.status, 403, "{path} {bad}");
        }
        for elsewhere in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://elsewhere.example"),
            ("origin", "null"),
            ("origin", ""),
        ] {
            let page = reader.send(from(&reader, elsewhere)).await;
            assert!(page.status == 403 && page.text.contains("not sent by a page"), "{path} {elsewhere:?}");
        }
    }
    assert!(sent >= 1);
    assert!(is_in(&reader.get("/console/").await), "nobody was signed out by any of that");
    let mut origin = reader.request("POST", "/console/logout").header("origin", app.url(""));
    origin = origin.header("sec-fetch-site", "same-origin").body(format!("csrf={}", reader.token));
    assert_eq!(reader.send(origin).await.status, 303, "and all of it right is let through");
}

/// Stands for the id of anything that is not there.
const NOTHING: &str = "01980000-0000-7000-8000-000000000000";

/// The fields of a form.
type Fields = &'static [(&'static str, &'static str)];

/// What can be sent, the role that may beside `admin`, and a form that is well made.
const SENT: &[(&str, Role, Fields)] = &[
    ("/console/approvals/decide", Role::Review, &[("id", NOTHING), ("action", "approve")]),
    ("/console/approvals/look", Role::Review, &[("id", NOTHING), ("action", "approve")]),
    ("/console/approvals/undo/{id}", Role::Review, &[]),
    (
        "/console/compliance/editions/{hash}/rollback",
        Role::Compliance,
        &[("set", "guardrails"), ("reason", "r")],
    ),
    ("/console/compliance/proposals/{hash}", Role::Compliance, &[("action", "approve")]),
    ("/console/compliance/shadow", Role::Compliance, &[("days", "7")]),
    ("/console/compliance/stops", Role::Compliance, &[("kind", "phrase"), ("value", ""), ("reason", "r")]),
    ("/console/compliance/stops/purge", Role::Compliance, &[("kind", "product"), ("value", "")]),
    ("/console/compliance/stops/{id}/lift", Role::Compliance, &[("reason", "r")]),
    ("/console/compliance/sweep", Role::Compliance, &[]),
    ("/console/generations/{id}/edit", Role::Review, &[("text", "Words.")]),
    ("/console/generations/{id}/edit/check", Role::Review, &[("text", "Words.")]),
    ("/console/generations/{id}/reviews", Role::Review, &[("action", "approve")]),
    ("/console/generations/{id}/reviews/undo", Role::Review, &[]),
    ("/console/try/generation", Role::Review, &[("about", "")]),
];
/// What whoever is signed in may send.
const SENT_BY_ALL: &[&str] = &[
    "/console/approvals/assign",
    "/console/filters",
    "/console/filters/{id}/delete",
    "/console/login",
    "/console/logout",
    "/console/try",
];

#[tokio::test]
async fn what_a_role_may_not_do_is_refused_when_it_is_sent() {
    let (app, _) = start(&[]).await;
    let mut readers = BTreeMap::new();
    for role in ["review", "compliance"] {
        readers.insert(role, sign_in(&app, role).await);
    }
    for (path, _) in routes()
        .iter()
        .filter(|(path, is_post)| *is_post && !SENT_BY_ALL.iter().any(|sent| filled(sent) == *path))
    {
        let known = SENT.iter().find(|(sent, ..)| filled(sent) == *path);
        let (_, may, form) =
            known.unwrap_or_else(|| panic!("SENT or SENT_BY_ALL has to say who may send to {path}"));
        for (role, reader) in &mut readers {
            let page = reader.post(path, form).await;
            assert_eq!(
                page.status == 403,
                *role != may.as_str(),
                "{role} {path}: {} {}",
                page.status,
                page.text
            );
        }
    }
}

#[tokio::test]
async fn what_is_no_page_and_no_form_is_refused() {
    let (app, _) = start(&[]).await;
    let mut reader = sign_in(&app, "review").await;
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
        for path in ["/console/", "/console/logout", "/console/assets/x", "/console/elsewhere"] {
            let page =
                reader.send(reader.request(method, path).header("origin", "https://elsewhere.example")).await;
            assert_eq!((page.status, page.headers.contains_key("allow")), (405, true), "{method} {path}");
            assert!(!page.headers.contains_key("access-control-allow-origin"));
        }
    }
    let head = reader.send(reader.request("HEAD", "/console/")).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    let nobody = Browser::new(&app);
    for path in
        ["/console/login/../generations", "/console//generations", "/console/generations/", "/console/LOGIN"]
    {
        let page = Browser::new(&app).send(nobody.request("GET", path)).await;
        assert_eq!(page.status, 303, "{path}");
    }
    let long = "a".repeat(300 * 1024);
    for (path, status) in [("/console/login", 413), ("/console/logout", 413), ("/console/elsewhere", 405)] {
        let page = reader.send(reader.request("POST", path).body(long.clone())).await;
        assert_eq!(page.status, status, "{path}");
    }
    let page = reader.get("/console/elsewhere").await;
    assert!(page.status == 404 && page.text.contains("There is no such page."));
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(page.headers["cache-control"], "no-store");
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
    ] {
        assert_eq!(page.headers[name], value);
    }
    let page = reader.get("/console/").await;
    let files = page.text.split('"').filter(|text| text.starts_with("/console/assets/"));
    for file in files.collect::<BTreeSet<_>>() {
        let file = Browser::new(&app).get(file).await;
        assert_eq!((file.status, file.headers["x-content-type-options"].to_str().unwrap()), (200, "nosniff"));
        assert!(file.headers["cache-control"].to_str().unwrap().ends_with("immutable"));
    }
}

#[tokio::test]
async fn a_link_on_a_page_of_somebody_elses_leads_to_where_it_says() {
    let (app, _) = start(&[]).await;
    let mut browser = Browser::new(&app);
    let to = |browser: &Browser, site: &str, dest: &str, path: &str| {
        let request = browser.request("GET", path).header("sec-fetch-site", site.to_owned());
        request.header("sec-fetch-mode", "navigate").header("sec-fetch-dest", dest.to_owned())
    };
    let led = |browser: &Browser, site: &str, path: &str| to(browser, site, "document", path);
    for site in ["cross-site", "same-site"] {
        let page = browser.send(led(&browser, site, "/console/generations?q=%22%3E%3Cscript%3E&at=7")).await;
        let again = r#"<meta http-equiv="refresh" content="0; url=/console/generations?q=%22%3E%3Cscript%3E&#38;at=7">"#;
        assert!(page.status == 200 && page.text.contains(again) && page.sets().is_empty(), "{}", page.text);
    }
    // Then the browser asks by itself, and whoever has no session signs in.
    for site in ["same-origin", "none"] {
        assert_eq!(browser.send(led(&browser, site, "/console/generations")).await.status, 303);
    }
    let framed = to(&browser, "cross-site", "iframe", "/console/generations");
    assert_eq!(browser.send(framed).await.status, 303);
    let mut reader = sign_in(&app, "review").await;
    assert_eq!(reader.send(led(&reader, "cross-site", "/console/generations")).await.status, 200);
    reader.cookies.insert("copyrail_session".into(), "over".into());
    assert_eq!(
        reader.send(led(&reader, "cross-site", "/console/generations")).await.status,
        303,
        "one that is over"
    );
}

#[tokio::test]
async fn whoever_guesses_is_not_listened_to() {
    let proxy = ("COPYRAIL__CONSOLE__FORWARDED", "true");
    let (app, hands) = start(&[proxy]).await;
    let from = |address: &str| {
        let mut browser = Browser::new(&app);
        browser.says.push(("x-forwarded-for", format!("198.51.100.9, {address}")));
        browser
    };
    let right = app.key("review").to_owned();
    let (id, secret) = right.split_at(4 + 12);
    let wrong = format!("{id}{}", secret.replace(['a', 'b', 'c', 'd'], "e"));
    assert_ne!(wrong, right);
    let mut guesser = from("192.0.2.1");
    for n in 0..5 {
        let page = try_key(&mut guesser, &wrong).await;
        assert!(page.status == 403 && page.text.contains("This key is not known"), "{n}");
        hands.forward(MINUTE);
    }
    for key in [&wrong, &right] {
        let page = try_key(&mut guesser, key).await;
        assert!(page.status == 429 && page.sets().is_empty(), "{}", page.status);
        assert!(page.text.contains("Try again in 10 minutes."), "{}", page.text);
        assert_eq!(page.headers["retry-after"], "600");
    }
    assert_eq!(try_key(&mut guesser, app.key("compliance")).await.status, 303, "another key from there");
    assert_eq!(try_key(&mut from("192.0.2.2"), &right).await.status, 303, "that key from elsewhere");
    hands.forward(10 * MINUTE);
    assert_eq!(try_key(&mut guesser, &right).await.status, 303, "the first counts no more");
    // Anything from one address.
    for n in 0..30 {
        let key = if n % 2 == 0 {
            "nonsense".to_owned()
        } else {
            keys::mint(Role::Review, &[n; keys::RANDOM_BYTES]).token
        };
        assert_eq!(try_key(&mut from("2001:db8::1"), &key).await.status, 403, "{n}");
    }
    assert_eq!(try_key(&mut from("2001:db8::2"), &right).await.status, 429);
    assert_eq!(try_key(&mut from("2001:db8:0:1::1"), &right).await.status, 303);

    // Without a proxy nobody can say that they are somebody else.
    let (app, _) = start(&[]).await;
    for n in 0..6 {
        let mut browser = Browser::new(&app);
        browser.says.push(("x-forwarded-for", format!("192.0.2.{n}")));
        let wrong = format!("{}{}", &app.key("review")[..16], &wrong[16..]);
        assert_eq!(try_key(&mut browser, &wrong).await.status, if n < 5 { 403 } else { 429 });
    }
}

const OIDC: &[(&str, &str)] = &[
    ("COPYRAIL__CONSOLE__ADDRESS", "https://copy.example.com"),
    ("COPYRAIL__CONSOLE__OIDC__CLIENT_ID", CLIENT),
    ("COPYRAIL__CONSOLE__OIDC__CLIENT_SECRET_ENV", "COPYRAIL_OIDC_SECRET"),
    ("COPYRAIL__CONSOLE__OIDC__ROLES__REVIEW", "reviewers"),
    ("COPYRAIL__CONSOLE__OIDC__ROLES__COMPLIANCE", "legal"),
    ("COPYRAIL__CONSOLE__OIDC__ROLES__ADMIN", "owners"),
    ("COPYRAIL_OIDC_SECRET", SECRET),
];

async fn start_oidc(provider: &Provider) -> (TestApp, Hands) {
    let issuer = ("COPYRAIL__CONSOLE__OIDC__ISSUER", provider.issuer.as_str());
    start(&[OIDC, &[issuer]].concat()).await
}

fn now(app: &TestApp) -> i64 {
    (app.app().shared.parts.now)().as_second()
}

/// Signs in as the provider says, with what is laid over the claims: what the callback answers.
async fn come_back(app: &TestApp, browser: &mut Browser, provider: &Provider, over: &Value) -> Page {
    let page = browser.get("/console/login/oidc?next=/console/serves?q=1").await;
    assert_eq!(page.status, 303, "{}", page.text);
    let back = provider.authorize(page.leads_to(), now(app), over);
    let request = browser.request("GET", &back).header("sec-fetch-site", "cross-site");
    browser.send(request.header("sec-fetch-mode", "navigate").header("sec-fetch-dest", "document")).await
}

fn is_refused(page: &Page, why: &str) -> bool {
    let sets = page.sets();
    page.text.contains(why)
        && page.text.contains("Or with a key")
        && !sets.iter().any(|set| set.contains("_session="))
}

#[tokio::test]
async fn somebody_signs_in_through_the_provider() {
    let provider = Provider::start().await;
    let (app, hands) = start_oidc(&provider).await;
    let mut browser = Browser::new(&app);
    let page = browser.get("/console/login?next=/console/serves?q=1").await;
    assert!(
        page.text.contains(r#"href="/console/login/oidc?next=%2Fconsole%2Fserves%3Fq%3D1""#),
        "{}",
        page.text
    );
    let page = browser.get("/console/login/oidc?next=/console/serves?q=1").await;
    let [set] = page.sets()[..] else { panic!("{page:?}") };
    assert!(set.starts_with("__Host-copyrail_oidc="), "{set}");
    assert!(set.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600"), "{set}");
    let page = come_back(&app, &mut browser, &provider, &json!({})).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains(r#"content="0; url=/console/serves?q=1""#), "{}", page.text);
    let [session, forget] = page.sets()[..] else { panic!("{page:?}") };
    assert!(session.contains("__Host-copyrail_session=") && session.contains("SameSite=Strict"), "{session}");
    assert!(forget.starts_with("__Host-copyrail_oidc=;") && forget.ends_with("Max-Age=0"), "{forget}");
    let page = browser.get("/console/").await;
    assert!(is_in(&page) && page.text.contains("<strong>Ines Okafor</strong>"), "{}", page.text);
    assert!(page.text.contains("review</span>"));
    hands.forward(13 * HOUR);
    assert_eq!(browser.get("/console/").await.status, 303);

    for (groups, role) in [
        (json!("legal"), "compliance"),
        (json!(["staff", "owners"]), "admin"),
        (json!(["legal", "reviewers"]), "admin"),
    ] {
        let mut browser = Browser::new(&app);
        let page = come_back(&app, &mut browser, &provider, &json!({"groups": groups})).await;
        assert_eq!(page.status, 200, "{groups} {}", page.text);
        assert!(browser.get("/console/").await.text.contains(&format!("{role}</span>")), "{groups}");
    }
    // Keys that are signed with otherwise, clocks a little apart, several audiences, a hostile name, none.
    let signer = Signer::ec("two");
    provider.script().keys.push(signer.public.clone());
    provider.script().sign = Arc::new(move |claims| signer.sign(claims));
    let now = now(&app);
    for (over, name) in [
        (json!({"iat": now + 59, "nbf": now + 59}), "Ines Okafor"),
        (json!({"exp": now - 59}), "Ines Okafor"),
        (json!({"aud": [CLIENT, "other"], "azp": CLIENT}), "Ines Okafor"),
        (json!({"name": "\u{202e}<b onload=x>\u{0}Ann"}), "b onload=x Ann"),
        (json!({"name": null}), "248289761001"),
    ] {
        let mut browser = Browser::new(&app);
        let page = come_back(&app, &mut browser, &provider, &over).await;
        assert_eq!(page.status, 200, "{over} {}", page.text);
        let page = browser.get("/console/").await;
        assert!(page.text.contains(&format!("<strong>{name}</strong>")), "{over} {}", page.text);
    }
}

#[tokio::test]
async fn what_the_provider_says_is_believed_only_as_it_must_be() {
    let provider = Provider::start().await;
    let (app, _) = start_oidc(&provider).await;
    let now = now(&app);
    let unverified = "said of you could not be verified";
    // Each from an address of its own would be held up by nothing; together they are fewer than a lock-out.
    for over in [
        json!({"iss": "https://elsewhere.example"}),
        json!({"iss": null}),
        json!({"aud": "other"}),
        json!({"aud": ["other"]}),
        json!({"aud": [CLIENT, "other"]}),
        json!({"aud": CLIENT, "azp": "other"}),
        json!({"aud": null}),
        json!({"nonce": "another"}),
        json!({"nonce": null}),
        json!({"exp": now - 60}),
        json!({"exp": null}),
        json!({"exp": "never"}),
        json!({"iat": now + 61}),
        json!({"iat": now - 601}),
        json!({"iat": null}),
        json!({"nbf": now + 61}),
        json!({"sub": ""}),
        json!({"sub": "a".repeat(256)}),
        json!({"sub": "7@login.example> <8"}),
    ] {
        let page = come_back(&app, &mut Browser::new(&app), &provider, &over).await;
        assert!(page.status == 403 && is_refused(&page, unverified), "{over} {} {}", page.status, page.text);
    }
    for groups in [json!(["staff"]), json!([]), json!(null), json!("reviewer"), json!({"review": true})] {
        let page = come_back(&app, &mut Browser::new(&app), &provider, &json!({"groups": groups})).await;
        assert!(page.status == 403 && is_refused(&page, "gives a role here"), "{groups} {}", page.text);
    }
    assert_eq!(come_back(&app, &mut Browser::new(&app), &provider, &json!({})).await.status, 200);
}

#[tokio::test]
async fn tokens_are_the_providers_own() {
    let provider = Provider::start().await;
    let (app, _) = start_oidc(&provider).await;
    assert_eq!(come_back(&app, &mut Browser::new(&app), &provider, &json!({})).await.status, 200);
    let unverified = "said of you could not be verified";
    let public = Signer::rsa("one").public;
    let part = |value: Value| base64url(value.to_string().as_bytes());
    type Sign = Arc<dyn Fn(&Value) -> String + Send + Sync>;
    let unsigned = move |header: Value| -> Sign {
        Arc::new(move |claims| {
            format!("{}.{}.", part(header.clone()), base64url(claims.to_string().as_bytes()))
        })
    };
    let hmac = |secret: &[u8]| -> Sign {
        let signer = Signer::hmac("one", secret);
        Arc::new(move |claims| signer.sign(claims))
    };
    let other = Signer::ec("one");
    let other: Sign = Arc::new(move |claims| other.sign(claims));
    let garbled: Sign = Arc::new(|claims| {
        let token = Signer::rsa("one").sign(claims);
        let (rest, signature) = token.rsplit_once('.').unwrap();
        format!("{rest}.{}", signature.chars().rev().collect::<String>())
    });
    let changed: Sign = Arc::new(|claims| {
        let token = Signer::rsa("one").sign(claims);
        let parts: Vec<&str> = token.split('.').collect();
        let mut claims = claims.clone();
        claims["groups"] = json!(["owners"]);
        format!("{}.{}.{}", parts[0], base64url(claims.to_string().as_bytes()), parts[2])
    });
    let nonsense: Sign = Arc::new(|_| "<script>".into());
    for (what, sign) in [
        ("unsigned", unsigned(json!({"alg": "none"}))),
        ("unsigned, as known", unsigned(json!({"alg": "none", "kid": "one"}))),
        ("no algorithm", unsigned(json!({"alg": "NONE", "kid": "one"}))),
        ("without a signature", unsigned(json!({"alg": "RS256", "kid": "one"}))),
        ("with the public key as a secret", hmac(public["n"].as_str().unwrap().as_bytes())),
        ("with the published key as a secret", hmac(public.to_string().as_bytes())),
        ("with the client's secret", hmac(SECRET.as_bytes())),
        ("by another's key of the same name", other),
        ("with another signature", garbled),
        ("with other claims", changed),
        ("nonsense", nonsense),
    ] {
        provider.script().sign = sign;
        let page = come_back(&app, &mut Browser::new(&app), &provider, &json!({})).await;
        assert!(page.status == 403 && is_refused(&page, unverified), "{what} {} {}", page.status, page.text);
    }
}

#[tokio::test]
async fn a_provider_may_change_its_keys() {
    let provider = Provider::start().await;
    let (app, hands) = start_oidc(&provider).await;
    assert_eq!(come_back(&app, &mut Browser::new(&app), &provider, &json!({})).await.status, 200);
    assert_eq!(come_back(&app, &mut Browser::new(&app), &provider, &json!({})).await.status, 200);
    assert_eq!(provider.script().keys_asked, 1, "they are kept");
    let second = Signer::ec("two");
    let public = second.public.clone();
    provider.script().sign = Arc::new(move |claims| second.sign(claims));
    let page = come_back(&app, &mut Browser::new(&app), &provider, &json!({})).await;
    assert!(is_refused(&page, "could not be verified"), "nobody published that key: {}", page.text);
    assert_eq!(provider.script().keys_asked, 2, "asked for once more, and once alone");
    provider.script().keys = vec![json!({"kty": "of tomorrow"}), public];
    assert_eq!(come_back(&app, &mut Browser::new(&app), &provider, &json!({})).await.status, 200);
    assert_eq!(provider.script().keys_asked, 3);
    // The one that is no longer published is no longer believed.
    let first = Signer::rsa("one");
    provider.script().sign = Arc::new(move |claims| first.sign(claims));
    let page = come_back(&app, &mut Browser::new(&app), &provider, &json!({})).await;
    assert!(is_refused(&page, "could not be verified"));
    hands.forward(HOUR);
    let third = Signer::ec("two");
    provider.script().keys = vec![third.public.clone()];
    provider.script().sign = Arc::new(move |claims| third.sign(claims));
    assert_eq!(
        come_back(&app, &mut Browser::new(&app), &provider, &json!({})).await.status,
        200,
        "asked anew after an hour"
    );
}

#[tokio::test]
async fn an_answer_is_good_once_in_the_browser_that_asked() {
    let provider = Provider::start().await;
    let (app, hands) = start_oidc(&provider).await;
    let stale = "begun elsewhere or too long ago";
    let leave = async |browser: &mut Browser| {
        let page = browser.get("/console/login/oidc").await;
        provider.authorize(page.leads_to(), now(&app), &json!({}))
    };
    // In another browser, in one that asked something else, with another's state, too late, twice.
    let mut browser = Browser::new(&app);
    let back = leave(&mut browser).await;
    assert!(is_refused(&Browser::new(&app).get(&back).await, stale));
    let mut other = Browser::new(&app);
    let others = leave(&mut other).await;
    assert!(is_refused(&other.get(&back).await, stale));
    let (code, _) = back.split_once("&state=").unwrap();
    for state in ["", "&state=", "&state=0", "&state=%00", "&state=a&state=b"] {
        assert!(is_refused(&browser.get(&format!("{code}{state}")).await, stale), "{state}");
    }
    let started = browser.cookies.clone();
    let page = browser.get(&back).await;
    assert_eq!(page.status, 200, "{}", page.text);
    browser.cookies = started;
    assert!(is_refused(&browser.get(&back).await, stale), "the cookie was kept");
    hands.forward(10 * MINUTE);
    assert!(is_refused(&other.get(&others).await, stale));
    // A code of somebody else's, put into an answer to this browser: the provider asks for what this browser began with.
    let mut victim = Browser::new(&app);
    let page = victim.get("/console/login/oidc").await;
    let mine = provider.authorize(page.leads_to(), now(&app), &json!({}));
    let attacker = leave(&mut Browser::new(&app)).await;
    let (code, _) = attacker.split_once("&state=").unwrap();
    let (_, state) = mine.split_once("&state=").unwrap();
    let page = victim.get(&format!("{code}&state={state}")).await;
    assert!(page.status == 403 && is_refused(&page, "did not sign you in"), "{}", page.text);
}

#[tokio::test]
async fn what_a_provider_refuses_or_leaves_out_is_told_plainly() {
    let provider = Provider::start().await;
    let (app, hands) = start_oidc(&provider).await;
    let answer = async |over: &str| {
        let mut browser = Browser::new(&app);
        let page = browser.get("/console/login/oidc?next=https://elsewhere.example/").await;
        let back = provider.authorize(page.leads_to(), now(&app), &json!({}));
        let (path, state) = back.split_once("&state=").unwrap();
        let path = if over.contains("error=") { "/console/login/callback?" } else { path };
        browser.get(&format!("{path}&state={state}&{over}")).await
    };
    let page = answer("error=access_denied&error_description=<script>alert(1)</script>").await;
    assert!(page.status == 403 && is_refused(&page, "did not sign you in"), "{}", page.text);
    assert!(!page.text.contains("alert(1)") && !page.text.contains("access_denied"));
    assert!(is_refused(&answer("error=%3Cb%3E").await, "did not sign you in"));
    assert!(is_refused(&answer("iss=https://elsewhere.example").await, "could not be verified"));
    let page = answer("session_state=7").await;
    assert!(page.text.contains(r#"content="0; url=/console/""#), "no open redirect: {}", page.text);

    provider.script().down = true;
    let page = answer("").await;
    assert!(page.status == 502 && is_refused(&page, "does not answer as it should"), "{}", page.text);
    hands.forward(HOUR);
    let page = Browser::new(&app).get("/console/login/oidc").await;
    assert!(page.status == 502 && is_refused(&page, "does not answer as it should"), "{}", page.text);
    assert!(is_in(&sign_in(&app, "review").await.get("/console/").await), "keys work all the same");
    provider.script().down = false;
    assert_eq!(
        Browser::new(&app).get("/console/login/oidc").await.status,
        502,
        "it is left alone for a moment"
    );
    for (name, value, message) in [
        ("issuer", json!("https://elsewhere.example"), "could not be verified"),
        ("token_endpoint", json!("http://elsewhere.example/token"), "could not be verified"),
        ("authorization_endpoint", json!("javascript:alert(1)"), "could not be verified"),
        ("jwks_uri", json!("file:///etc/passwd"), "could not be verified"),
        ("jwks_uri", json!(null), "does not answer as it should"),
        ("padding", json!("x".repeat(300_000)), "does not answer as it should"),
    ] {
        hands.forward(MINUTE);
        provider.script().discovery = json!({ name: value });
        let page = Browser::new(&app).get("/console/login/oidc").await;
        assert!(is_refused(&page, message), "{name} {}", page.text);
    }
    hands.forward(MINUTE);
    provider.script().discovery = json!({"token_endpoint_auth_methods_supported": ["client_secret_post"]});
    assert_eq!(come_back(&app, &mut Browser::new(&app), &provider, &json!({})).await.status, 200);
}

#[tokio::test]
async fn who_a_provider_named_is_somebody_else_once_the_settings_are_others() {
    let provider = Provider::start().await;
    let (mut app, _) = start_oidc(&provider).await;
    let mut browser = Browser::new(&app);
    come_back(&app, &mut browser, &provider, &json!({})).await;
    assert!(is_in(&browser.get("/console/").await));
    app.restart().await.unwrap();
    let again = |app: &TestApp, cookies: &BTreeMap<String, String>| {
        let mut browser = Browser::new(app);
        browser.cookies = cookies.clone();
        browser
    };
    assert!(is_in(&again(&app, &browser.cookies).get("/console/").await), "a restart signs nobody out");
    app.set("COPYRAIL__CONSOLE__OIDC__ROLES__REVIEW", "others");
    app.restart().await.unwrap();
    assert_eq!(again(&app, &browser.cookies).get("/console/").await.status, 303);
}
