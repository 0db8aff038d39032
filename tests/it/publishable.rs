//! One blurb for a browser or a CDN: what it may say, what it gets, and what it never gets.

use std::time::Duration;

use copyrail::app::wall_clock;
use copyrail::audit::verify::verify;
use copyrail::store::keys::{self, KeyRow, Role};
use copyrail::store::{Access, Store};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use tokio::time::Instant;

use crate::http::{COPY, problem};
use crate::support::{Answered, Reply, TestApp, Upstream, root};

const SHOP: &str = "https://shop.example";
const LAMP: &str = "/v1/blurbs/why-this?product=l-1";
const PREWRITTEN: &str = "Lumo lamp at a glance: the details on this page show what it is made for.";

/// A service with a catalogue of one lamp.
pub async fn start(upstream: &Upstream, files: &[(&str, &str)]) -> TestApp {
    let app = TestApp::start_with(upstream, files, &[]).await;
    let store = &app.app().shared.store;
    let catalogue = br#"{"id": "l-1", "name": "Lumo lamp"}"#;
    copyrail::catalogue::import(store, &catalogue[..], false, |_| ()).await.unwrap();
    app.app().shared.parts.catalogue.refresh().await.unwrap();
    app
}

/// Makes a publishable key and returns its token.
pub async fn key(app: &TestApp, origins: &[&str]) -> String {
    let minted = keys::mint(Role::Publishable, &std::array::from_fn(|_| rand::random()));
    let row = KeyRow {
        id: minted.id,
        name: "a page".into(),
        role: Role::Publishable,
        origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
        hash: minted.hash,
        created: wall_clock()(),
        expires: None,
        revoked: None,
    };
    keys::insert(&app.app().shared.store, &row).await.unwrap();
    app.app().shared.refresh_keys().await;
    minted.token
}

/// Sends a GET with these headers and no key but what they or the path hold.
pub async fn get(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> Answered {
    let request = app.client().get(app.url(path));
    app.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

/// A page of a shop, which has a key.
struct Page<'a> {
    app: &'a TestApp,
    key: String,
}

impl<'a> Page<'a> {
    async fn of(app: &'a TestApp) -> Self {
        Self { app, key: key(app, &[SHOP]).await }
    }

    /// Asks for the lamp's `why-this`, with more parameters and headers.
    async fn ask(&self, more: &str, headers: &[(&str, &str)]) -> Answered {
        let path = format!("{LAMP}&key={}{more}", self.key);
        get(self.app, &path, &[&[("origin", SHOP)], headers].concat()).await
    }
}

/// What the shop's own server asks of the lamp, waiting for it to be written.
async fn from_the_server(app: &TestApp, context: Value, user: Value) -> Value {
    let body = json!({
        "placement": "why-this", "product": {"id": "l-1"}, "context": context, "user": {"attributes": user},
        "consent": {"personalisation": true}, "deadline_ms": 30_000,
    });
    app.blurb(body).await
}

#[track_caller]
fn max_age(answered: &Answered, scope: &str) -> u64 {
    let said = answered.headers["cache-control"].to_str().unwrap();
    let seconds = said.strip_prefix(scope).and_then(|rest| rest.strip_prefix(", max-age="));
    seconds.unwrap_or_else(|| panic!("{said}")).parse().unwrap()
}

#[tokio::test]
async fn a_page_gets_what_is_there_and_never_has_anything_written() {
    let upstream = Upstream::saying(COPY).await;
    let app = start(&upstream, &[]).await;
    let page = Page::of(&app).await;
    for _ in 0..10 {
        let answered = page.ask("", &[]).await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        assert_eq!(
            (&answered.body["text"], &answered.body["source"]),
            (&json!(PREWRITTEN), &json!("prewritten"))
        );
        assert!(max_age(&answered, "public") <= 5);
    }
    assert_eq!(upstream.calls(), 0);

    assert_eq!(from_the_server(&app, json!({}), json!({})).await["source"], "generated");
    let mut answered = page.ask("", &[]).await;
    let expires: jiff::Timestamp = answered.body["expires_at"].take().as_str().unwrap().parse().unwrap();
    let kept = max_age(&answered, "public");
    assert!((1..=60).contains(&kept) && expires >= wall_clock()(), "{kept} {expires}");
    assert_eq!(
        answered.body,
        json!({
            "text": COPY, "source": "cache", "locale": "en", "placement": "why-this", "ai_generated": true,
            "expires_at": null,
        })
    );
    assert_eq!(answered.headers["vary"], "authorization, origin, sec-gpc");
    assert_eq!(answered.headers["access-control-allow-origin"], SHOP);
    assert_eq!(answered.headers["content-type"], "application/json");
    for secret in ["x-request-id", "server-timing"] {
        assert!(!answered.headers.contains_key(secret), "{secret}");
    }
    assert_eq!(upstream.calls(), 1);

    // A product that nobody knows, and a language that nobody wrote in, are answered as in the shop's own requests.
    let unknown = format!("/v1/blurbs/why-this?product=nobody&key={}", page.key);
    let answered = get(&app, &unknown, &[("origin", SHOP)]).await;
    assert_eq!((answered.status, &answered.body["source"]), (200, &json!("prewritten")), "{}", answered.body);
    let answered = page.ask("&locale=fr", &[]).await;
    assert_eq!((&answered.body["text"], &answered.body["source"]), (&json!(""), &json!("none")));
    assert!(max_age(&answered, "public") <= 5);
    assert_eq!(page.ask("&locale=de-AT", &[]).await.body["locale"], "de");
    assert_eq!(upstream.calls(), 1);
    let nowhere = format!("/v1/blurbs/why-that?product=l-1&key={}", page.key);
    let answered = get(&app, &nowhere, &[("origin", SHOP)]).await;
    problem(&answered, 404, "urn:copyrail:no-such-placement");
    assert_eq!(answered.headers["access-control-allow-origin"], SHOP, "a page may read its problems too");
    assert_eq!(answered.headers["cache-control"], "no-store");
}

#[tokio::test]
async fn copy_that_ends_soon_is_kept_no_longer() {
    let upstream = Upstream::saying(COPY).await;
    let placement = std::fs::read_to_string(root().join("prompts/why-this/placement.yml")).unwrap();
    let short = placement.replace("ttl: {soft: 24h, hard: 7d}", "ttl: {soft: 30s, hard: 30s}");
    assert_ne!(short, placement);
    let app = start(&upstream, &[("prompts/why-this/placement.yml", &short)]).await;
    let page = Page::of(&app).await;
    from_the_server(&app, json!({}), json!({})).await;
    let answered = page.ask("", &[]).await;
    assert_eq!(answered.body["source"], "cache");
    assert!(max_age(&answered, "public") <= 30);
}

#[tokio::test]
async fn a_page_says_what_is_public_and_nothing_else() {
    let upstream = Upstream::with(|_, body| {
        let phone = body["messages"].to_string().contains("This is read on a phone");
        Reply::Text(if phone { "A lamp for the road." } else { COPY }.into())
    })
    .await;
    let app = start(&upstream, &[]).await;
    let page = Page::of(&app).await;
    from_the_server(&app, json!({}), json!({})).await;
    from_the_server(&app, json!({"device": "mobile"}), json!({})).await;
    for (more, text) in [
        ("", COPY),
        ("&device=mobile", "A lamp for the road."),
        ("&context.device=mobile&locale=en-GB&consent=false", "A lamp for the road."),
        ("&device=desktop&entry=search&consent=true", COPY),
    ] {
        let answered = page.ask(more, &[]).await;
        assert_eq!(
            (answered.status, &answered.body["text"]),
            (200, &json!(text)),
            "{more}: {}",
            answered.body
        );
    }
    let padding = format!("&device={}", "x".repeat(4 * 1024));
    let many: String = (0..40).map(|number| format!("&p{number}=1")).collect();
    let mut said = Vec::new();
    for more in [
        "&colour=green",
        "&country=GB",
        "&context.country=GB",
        "&context.colour=green",
        "&user.visits=1",
        "&visits=1",
        "&product.name=jo@example.com",
        "&name=jo@example.com",
        "&product.reviews=jo@example.com",
        "&user.id=jo@example.com",
        "&deadline_ms=0",
        "&%1B%5B31m=1",
        "&=1",
        "&device",
        "&device=",
        "&device=Mobile",
        "&device=jo@example.com",
        "&consent=yes",
        "&consent=1",
        "&locale=",
        "&locale=jo@example.com",
        "&device=mobile&device=mobile",
        "&device=mobile&context.device=desktop",
        "&locale=de&locale=en",
        "&product=l-1",
        "&key=again",
        &padding,
        &many,
    ] {
        let detail = problem(&page.ask(more, &[]).await, 400, "urn:copyrail:malformed");
        assert!(!detail.contains("jo@example.com"), "a value that was sent is said again: {detail}");
        let shown: String = more.chars().take(60).collect();
        said.push(format!("{shown}\n  {detail}"));
    }
    for product in ["", "?product=", "?product=a%0Ab", &format!("?product={}", "x".repeat(201))] {
        let bearer = format!("Bearer {}", page.key);
        let headers = [("origin", SHOP), ("authorization", &bearer)];
        let answered = get(&app, &format!("/v1/blurbs/why-this{product}"), &headers).await;
        let shown: String = product.chars().take(60).collect();
        said.push(format!("{shown}\n  {}", problem(&answered, 400, "urn:copyrail:malformed")));
    }
    // The list is the same each time; once is enough to read.
    let list = said[0].split_once("What may be sent").unwrap().1;
    insta::assert_snapshot!(format!("What may be sent{list}\n\n{}", said.join("\n").replace(list, " …")));
    assert_eq!(upstream.calls(), 2);
}

#[tokio::test]
async fn a_key_opens_this_route_from_its_origins_alone() {
    let upstream = Upstream::saying(COPY).await;
    let app = start(&upstream, &[]).await;
    let page = Page::of(&app).await;
    let (with_key, bearer) = (format!("{LAMP}&key={}", page.key), format!("Bearer {}", page.key));
    for (headers, allowed) in [
        (vec![("origin", SHOP)], true),
        (vec![("referer", "https://shop.example/lamps?page=2")], true),
        (vec![("origin", SHOP), ("referer", "https://evil.example/")], true),
        (vec![], false),
        (vec![("origin", "https://evil.example")], false),
        (vec![("origin", "http://shop.example")], false),
        (vec![("origin", "https://shop.example:8443")], false),
        (vec![("origin", "null")], false),
        (vec![("origin", "")], false),
        (vec![("origin", "null"), ("referer", SHOP)], false),
        (vec![("referer", "https://shop.example.evil.example/")], false),
    ] {
        let in_header = [&headers[..], &[("authorization", bearer.as_str())]].concat();
        for answered in [get(&app, &with_key, &headers).await, get(&app, LAMP, &in_header).await] {
            let origin = answered.headers.get("access-control-allow-origin");
            assert_eq!(origin.map(|origin| origin.to_str().unwrap()), allowed.then_some(SHOP), "{headers:?}");
            if allowed {
                assert_eq!(answered.status, 200, "{headers:?}: {}", answered.body);
            } else {
                let detail = problem(&answered, 403, "urn:copyrail:not-allowed");
                assert!(detail.starts_with("This key may not be sent from here"), "{detail}");
            }
        }
    }
    let unbound = key(&app, &[]).await;
    let detail = problem(
        &get(&app, &format!("{LAMP}&key={unbound}"), &[("origin", SHOP)]).await,
        403,
        "urn:copyrail:not-allowed",
    );
    assert!(detail.starts_with("This key is bound to no origin"), "{detail}");

    // It opens nothing else.
    for (method, path) in [
        (Method::POST, "/v1/blurbs"),
        (Method::POST, "/v1/explain"),
        (Method::POST, "/v1/check"),
        (Method::GET, "/v1/generations"),
        (Method::GET, "/v1/policy"),
    ] {
        let request = app.client().request(method.clone(), app.url(path)).bearer_auth(&page.key);
        problem(&app.send(request.header("origin", SHOP)).await, 403, "urn:copyrail:not-allowed");
        let in_address = format!("{path}?key={}", page.key);
        let request = app.client().request(method, app.url(&in_address)).header("origin", SHOP);
        problem(&app.send(request).await, 401, "urn:copyrail:no-key");
    }
}

#[tokio::test]
async fn without_a_key_that_holds_there_is_no_answer() {
    let upstream = Upstream::saying(COPY).await;
    let app = start(&upstream, &[]).await;
    let asked = async |parameter: &str, authorization: &str| {
        let headers = [("origin", SHOP), ("authorization", authorization)];
        let headers = if authorization.is_empty() { &headers[..1] } else { &headers[..] };
        get(&app, &format!("{LAMP}{parameter}"), headers).await
    };
    let unknown = keys::mint(Role::Publishable, &[7; keys::RANDOM_BYTES]).token;
    let good = key(&app, &[SHOP]).await;
    let secret = app.key("serve");
    let not_known = "This key is not known, has expired or was revoked.";
    for (parameter, authorization, detail) in [
        (
            String::new(),
            String::new(),
            "Send `authorization: Bearer crp_…`, or `key=crp_…` in the address; \
            `copyrail keys new --role publishable` makes a key.",
        ),
        (format!("&key={unknown}"), String::new(), not_known),
        ("&key=".into(), String::new(), not_known),
        ("&key=crp_".into(), String::new(), not_known),
        (String::new(), format!("Bearer {unknown}"), not_known),
        (format!("&key={good}"), format!("Bearer {unknown}"), not_known),
        (
            format!("&key={secret}"),
            String::new(),
            "A secret key is never part of an address; \
            send it as `authorization: Bearer crk_…`.",
        ),
    ] {
        let answered = asked(&parameter, &authorization).await;
        assert_eq!(problem(&answered, 401, "urn:copyrail:no-key"), detail);
        assert_eq!(answered.headers["cache-control"], "no-store");
        assert_eq!(answered.headers["vary"], "authorization, origin, sec-gpc");
    }
    // A shop's own server may ask here too, from anywhere, and hears how long it took.
    for (role, status) in [("serve", 200), ("admin", 200), ("review", 403), ("compliance", 403)] {
        let answered = app.get(LAMP, role).await;
        assert_eq!(answered.status, status, "{role}: {}", answered.body);
        assert!(
            answered.headers.contains_key("x-request-id") && answered.headers.contains_key("server-timing")
        );
        assert!(!answered.headers.contains_key("access-control-allow-origin"));
    }
    assert_eq!(upstream.calls(), 0, "nor is anything written for it here");
}

#[tokio::test]
async fn a_browser_may_ask_first_whether_its_origin_is_known() {
    let upstream = Upstream::saying(COPY).await;
    let app = start(&upstream, &[]).await;
    let preflight = async |origin: &str| {
        let request = app.client().request(Method::OPTIONS, app.url("/v1/blurbs/why-this"));
        let request = request.header("access-control-request-method", "GET");
        app.send(request.header("access-control-request-headers", "authorization").header("origin", origin))
            .await
    };
    problem(&preflight(SHOP).await, 403, "urn:copyrail:not-allowed");
    key(&app, &[SHOP]).await;
    let answered = preflight(SHOP).await;
    assert_eq!((answered.status, &answered.body), (204, &json!("")));
    for (name, value) in [
        ("access-control-allow-origin", SHOP),
        ("access-control-allow-methods", "GET"),
        ("access-control-allow-headers", "authorization"),
        ("vary", "origin"),
    ] {
        assert_eq!(answered.headers[name], value);
    }
    for origin in ["https://evil.example", "null"] {
        let answered = preflight(origin).await;
        problem(&answered, 403, "urn:copyrail:not-allowed");
        assert!(!answered.headers.contains_key("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn text_that_a_browser_has_already_is_not_sent_again() {
    let upstream = Upstream::saying(COPY).await;
    let app = start(&upstream, &[]).await;
    let page = Page::of(&app).await;
    let first = page.ask("", &[]).await;
    let etag = first.headers["etag"].to_str().unwrap().to_owned();
    assert!(etag.len() > 10 && etag.starts_with('"') && etag.ends_with('"'), "{etag}");
    for known in [etag.clone(), format!("W/{etag}"), format!("\"other\", {etag}"), "*".into()] {
        let again = page.ask("", &[("if-none-match", &known)]).await;
        assert_eq!((again.status, &again.body), (304, &json!("")), "{known}");
        for name in ["etag", "vary", "access-control-allow-origin"] {
            assert_eq!(again.headers[name], first.headers[name]);
        }
        assert!(max_age(&again, "public") <= 5);
    }
    for other in ["\"other\"", "", etag.trim_matches('"')] {
        assert_eq!(page.ask("", &[("if-none-match", other)]).await.status, 200, "{other}");
    }
    // Another language, and another text, are another answer.
    assert_eq!(page.ask("&locale=de", &[("if-none-match", &etag)]).await.status, 200);
    from_the_server(&app, json!({}), json!({})).await;
    let written = page.ask("", &[("if-none-match", &etag)]).await;
    assert_eq!((written.status, &written.body["text"]), (200, &json!(COPY)));
}

/// The shipped shop with a public attribute of the user, a segment that goes by it, and a template for that segment,
/// whose file and inputs are given.
fn members(template: &str, inputs: &str) -> [(String, String); 2] {
    let shipped = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let segments = shipped("config/segments.yml")
        .replacen("\nattributes:\n", "\nattributes:\n  user.member: {type: boolean, class: public}\n", 1)
        .replacen("\nsegments:\n", "\nsegments:\n  - id: members\n    when: {user.member: true}\n", 1);
    let prompt = shipped("prompts/why-this/default.prompty")
        .replacen("Write the copy", "Write the copy for members", 1)
        .replacen("inputs:\n", &format!("inputs:\n{inputs}"), 1);
    [("config/segments.yml".into(), segments), (format!("prompts/why-this/{template}"), prompt)]
}

const FOR_MEMBERS: &str = "A lamp that members know.";

async fn start_with_members(template: &str, inputs: &str) -> (Upstream, TestApp) {
    let upstream = Upstream::with(|_, body| {
        let members = body["messages"].to_string().contains("for members");
        Reply::Text(if members { FOR_MEMBERS } else { COPY }.into())
    })
    .await;
    let files = members(template, inputs);
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let app = start(&upstream, &files).await;
    (upstream, app)
}

#[tokio::test]
async fn the_user_is_read_with_consent_and_without_a_word_against_it() {
    let (upstream, app) = start_with_members("members.prompty", "").await;
    let page = Page::of(&app).await;
    let answer = from_the_server(&app, json!({}), json!({"member": true})).await;
    assert_eq!((&answer["segment"], &answer["text"]), (&json!("members"), &json!(FOR_MEMBERS)), "{answer}");
    from_the_server(&app, json!({}), json!({})).await;
    for (more, gpc, text, scope) in [
        ("&user.member=true&consent=true", None, FOR_MEMBERS, "private"),
        ("&user.member=true&consent=true", Some("0"), FOR_MEMBERS, "private"),
        ("&user.member=true&consent=true", Some("1"), COPY, "public"),
        ("&user.member=true&consent=false", None, COPY, "public"),
        ("&user.member=true", None, COPY, "public"),
        ("&user.member=false&consent=true", None, COPY, "private"),
        ("&consent=true", None, COPY, "public"),
    ] {
        let headers: Vec<(&str, &str)> = gpc.map(|said| ("sec-gpc", said)).into_iter().collect();
        let answered = page.ask(more, &headers).await;
        assert_eq!(answered.body["text"], text, "{more} {gpc:?}: {}", answered.body);
        assert!(max_age(&answered, scope) <= 60);
    }
    // What is not read must be well-formed all the same, and the user's attributes have no shorter name.
    for more in ["&user.member=perhaps", "&member=true&consent=true"] {
        let detail = problem(&page.ask(more, &[]).await, 400, "urn:copyrail:malformed");
        assert!(detail.contains("`user.member` (`true`, `false`)"), "{detail}");
    }
    assert_eq!(upstream.calls(), 2);
}

#[tokio::test]
async fn copy_for_one_user_is_never_served_to_a_page() {
    let (upstream, app) = start_with_members("members.user.prompty", "  user.member:\n").await;
    let page = Page::of(&app).await;
    let answer = from_the_server(&app, json!({}), json!({"member": true})).await;
    assert_eq!((&answer["tier"], &answer["text"]), (&json!("user"), &json!(FOR_MEMBERS)), "{answer}");
    let same = "&user.member=true&consent=true";
    assert_eq!(page.ask(same, &[]).await.body["text"], PREWRITTEN);
    // The default's copy, written for whole segments, is for a page too.
    from_the_server(&app, json!({}), json!({})).await;
    assert_eq!(page.ask(same, &[]).await.body["text"], COPY);
    assert_eq!(upstream.calls(), 2);
}

#[tokio::test]
async fn a_key_that_is_sent_too_often_waits_and_no_other_does() {
    let upstream = Upstream::saying(COPY).await;
    let app = start(&upstream, &[]).await;
    let (often, seldom) = (Page::of(&app).await, Page::of(&app).await);
    assert_eq!(often.ask("", &[]).await.status, 200);
    // What lies ahead is taken already, so it does not matter how fast this test is.
    let id = keys::parse_token(&often.key).unwrap().id;
    let ahead = Instant::now() + Duration::from_secs(3_600);
    let rates = &app.app().shared.rates;
    assert_eq!((0..1_000).filter(|_| rates.take(&id, ahead)).count(), 100);
    let answered = often.ask("", &[]).await;
    problem(&answered, 429, "urn:copyrail:rate-limited");
    assert_eq!(answered.headers["retry-after"], "1");
    assert_eq!(answered.headers["cache-control"], "no-store");
    assert_eq!(answered.headers["access-control-allow-origin"], SHOP);
    assert_eq!(seldom.ask("", &[]).await.status, 200);
    assert_eq!(app.get(LAMP, "serve").await.status, 200);
}

#[tokio::test]
async fn what_a_page_was_shown_is_recorded() {
    let upstream = Upstream::saying(COPY).await;
    let mut app = start(&upstream, &[]).await;
    let page = Page::of(&app).await;
    assert_eq!(page.ask("&device=mobile", &[]).await.status, 200);
    assert_eq!(page.ask("&device=nothing", &[]).await.status, 400);
    app.app.take().unwrap().stop().await;
    let store = Store::open(app.store_url(), Access::ReadOnly).await.unwrap();
    let report = verify(&store, None, |_, _| ()).await.unwrap();
    store.close().await;
    assert_eq!((report.serves, report.generations, report.fault), (1, 0, None));
    let mut beside = SqliteConnection::connect(app.store_url()).await.unwrap();
    let block: Vec<u8> = sqlx::query_scalar("SELECT bytes FROM chain WHERE kind = 'serves'")
        .fetch_one(&mut beside)
        .await
        .unwrap();
    let serve: Value = serde_json::from_slice(&block).unwrap();
    let expected = json!({"placement": "why-this", "product": "l-1", "segment": "on-the-go", "user": null,
        "source": "prewritten", "reason": "not_admitted"});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&serve[name], value, "{name}: {serve}");
    }
}

#[tokio::test]
async fn what_is_stopped_is_not_shown_and_not_said_to_be_there_still() {
    let upstream = Upstream::saying(COPY).await;
    let app = start(&upstream, &[]).await;
    let page = Page::of(&app).await;
    from_the_server(&app, json!({}), json!({})).await;
    let before = page.ask("", &[]).await;
    assert_eq!(before.body["text"], COPY);
    let etag = before.headers["etag"].to_str().unwrap().to_owned();
    let stop = async |body: Value| {
        let request = app.client().post(app.url("/v1/stops")).bearer_auth(app.key("compliance"));
        let answered = app.send(request.json(&body)).await;
        assert_eq!(answered.status, 201, "{}", answered.body);
    };
    stop(json!({"phrase": "handy companion", "reason": "Letter of 3 November"})).await;
    for headers in [vec![], vec![("if-none-match", etag.as_str())]] {
        let answered = page.ask("", &headers).await;
        assert_eq!((answered.status, &answered.body["text"]), (200, &json!(PREWRITTEN)), "{headers:?}");
        assert!(max_age(&answered, "public") <= 5, "it comes back soon after the stop is lifted");
    }
    stop(json!({"product": "l-1", "prewritten": true, "reason": "Recalled."})).await;
    let answered = page.ask("", &[("if-none-match", etag.as_str())]).await;
    assert_eq!(
        (answered.status, &answered.body["text"], &answered.body["source"]),
        (200, &json!(""), &json!("none"))
    );
    assert_eq!(upstream.calls(), 1);
}
