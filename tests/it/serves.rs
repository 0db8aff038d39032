//! What was shown, as reviewers find it: over HTTP and from a terminal.

use serde_json::{Value, json};

use crate::http::{COPY, problem};
use crate::support::{TestApp, Upstream, ask, copyrail, eventually};

/// A request for a user who agreed to personalisation.
fn ask_for(user: &str, name: &str) -> Value {
    let mut body = ask(name);
    body["product"]["id"] = json!(name);
    body["user"] = json!({"id": user, "attributes": {}});
    body["consent"] = json!({"personalisation": true});
    body
}

async fn found(app: &TestApp, query: &str) -> Vec<Value> {
    let answered = app.get(&format!("/v1/serves{query}"), "review").await;
    assert_eq!(answered.status, 200, "{query}: {}", answered.body);
    answered.body["items"].as_array().unwrap().clone()
}

/// The ids of serves that a query finds.
async fn ids(app: &TestApp, query: &str) -> Vec<String> {
    found(app, query).await.iter().map(|serve| serve["id"].as_str().unwrap().to_owned()).collect()
}

async fn recorded(app: &TestApp, serves: usize) {
    eventually("the serves are recorded", || async { found(app, "").await.len() == serves }).await;
}

#[tokio::test]
async fn what_a_customer_saw_is_one_question() {
    let upstream = Upstream::saying(COPY).await;
    let app = TestApp::start(&upstream).await;
    let serve = async |body: Value| {
        let answer = app.blurb(body).await;
        let id = |field: &str| answer[field].as_str().unwrap_or_default().to_owned();
        (id("serve_id"), id("generation_id"))
    };
    let (lamp, written) = serve(ask_for("u-17", "Lumo lamp")).await;
    let (again, _) = serve(ask_for("u-18", "Lumo lamp")).await;
    let (nobody, _) = serve(json!({"placement": "why-this", "product": {"id": "none-such"}})).await;
    let mut refused = ask_for("u-17", "Harbour lamp");
    refused["consent"] = json!({"personalisation": false});
    let (refused, _) = serve(refused).await;
    recorded(&app, 4).await;

    let one = app.get(&format!("/v1/serves/{lamp}"), "review").await;
    assert_eq!(one.status, 200, "{}", one.body);
    let one = one.body;
    assert_eq!(
        (&one["id"], &one["text"], &one["generation_id"]),
        (&json!(lamp), &json!(COPY), &json!(written))
    );
    let at = one["at"].as_str().unwrap();
    let hash = one["user"].as_str().unwrap();
    assert!(!one.to_string().contains("u-17"), "{one}");
    assert!(one["conditions"].is_array() || one["conditions"].is_object(), "{one}");
    let word = COPY.split_whitespace().next().unwrap();
    for (query, expected) in [
        ("?user=u-17".to_owned(), vec![&lamp]),
        ("?user=u-18".to_owned(), vec![&again]),
        ("?user=u-19".to_owned(), vec![]),
        (format!("?user_hash={hash}"), vec![&lamp]),
        (format!("?user=u-17&at={at}"), vec![&lamp]),
        ("?user=u-17&at=2020-01-01T00:00:00Z".to_owned(), vec![]),
        (format!("?generation={written}"), vec![&again, &lamp]),
        (format!("?generation={written}&source=generated"), vec![&lamp]),
        ("?source=cache".to_owned(), vec![&again]),
        (format!("?words={word}&product=Lumo%20lamp"), vec![&again, &lamp]),
        ("?words=no-such-word".to_owned(), vec![]),
        ("?reason=unknown_product".to_owned(), vec![&nobody]),
        ("?tier=prewritten&placement=why-this&product=none-such".to_owned(), vec![&nobody]),
        ("?product=Harbour%20lamp&since=2020-01-01T00:00:00Z".to_owned(), vec![&refused]),
        ("?until=2020-01-01T00:00:00Z".to_owned(), vec![]),
        ("?placement=nowhere".to_owned(), vec![]),
        ("?locale=de".to_owned(), vec![]),
    ] {
        // Whether the index has it yet or not.
        for _ in 0..2 {
            let ids = ids(&app, &query).await;
            assert_eq!(ids.iter().collect::<Vec<_>>(), expected, "{query}");
            copyrail::audit::index::catch_up(&app.app().shared.store).await.unwrap();
        }
    }
    assert!(!found(&app, "?product=none-such").await[0]["text"].as_str().unwrap().is_empty());

    // By pages, while more is shown.
    let page = app.get("/v1/serves?limit=3", "review").await.body;
    let cursor = page["next_cursor"].as_str().unwrap();
    app.blurb(ask("Lumo lamp")).await;
    recorded(&app, 5).await;
    assert_eq!(ids(&app, &format!("?limit=3&cursor={cursor}")).await, std::slice::from_ref(&lamp));

    // What is wrong with a query is said of the parameter that it is of.
    for (call, query, says) in [
        (
            "generations",
            "at=2026-11-20T10:00:00Z",
            "`at` is no parameter of this call; it takes `placement`, `product`, `segment`",
        ),
        ("serves", "rule=grounded", "`rule` is no parameter of this call; it takes `placement`, `product`"),
        ("serves", "generations=x", "`generations` is no parameter of this call; it takes "),
        ("serves", "since=2026-11-20T10:00:00Z&since=2026-11-20T10:00:00Z", "`since`: send it once"),
        ("serves", "at=noon", "`at`: write an instant, such as `2026-11-20T10:00:00Z`"),
        ("generations", "limit=many", "`limit`: write a whole number of 1 to 200"),
        ("serves", "generation=x", "`generation`: write the id of a generation"),
    ] {
        let answered = app.get(&format!("/v1/{call}?{query}"), "review").await;
        let detail = problem(&answered, 400, "urn:copyrail:malformed");
        assert!(detail.contains(says), "{call}?{query}: {detail}");
    }

    let unknown = app.get("/v1/serves/0192f3c1-7a2b-7c3d-8e4f-5a6b7c8d9e0f", "review").await;
    problem(&unknown, 404, "urn:copyrail:no-such-record");
    for role in ["serve", "compliance"] {
        assert_eq!(app.get("/v1/serves", role).await.status, 403, "{role}");
    }

    let (folder, url) = (app.folder.path().to_owned(), app.store_url().to_owned());
    let data = folder.join("data").display().to_string();
    let when = at.to_owned();
    let ran = tokio::task::spawn_blocking(move || {
        let run = |arguments: &[&str]| {
            let variables = [("COPYRAIL__STORE__URL", url.as_str()), ("COPYRAIL__DATA__DIR", data.as_str())];
            copyrail(&folder, arguments, &variables, "")
        };
        let text = run(&["audit", "search", "--user", "u-17", "--at", &when]);
        let json = run(&["audit", "search", "--words", "no-such-word", "--format", "json"]);
        let anew = run(&[
            "audit",
            "search",
            "generations",
            "--rebuild-index",
            "--format",
            "json",
            "--outcome",
            "passed",
        ]);
        let wrong = run(&["audit", "search", "generations", "--tier", "user"]);
        [text, json, anew, wrong]
    });
    let [text, json, anew, wrong] = ran.await.unwrap();
    assert_eq!(text.code, Some(0), "{}", text.err);
    assert!(text.out.contains(COPY) && text.out.contains(&lamp), "{}", text.out);
    assert!(text.err.contains("1 serve; `copyrail audit show ID`"), "{}", text.err);
    assert_eq!((json.out.as_str(), json.err.trim()), ("", "no serve found"));
    let lines: Vec<Value> = anew.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.last().unwrap()["id"], json!(written), "{}", anew.err);
    assert!(anew.err.contains("the indexes were made anew from "), "{}", anew.err);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("generations have no `--tier`"), "{}", wrong.err);
}

#[tokio::test]
async fn a_search_of_serves_that_cannot_be_read_says_what_to_write() {
    let upstream = Upstream::saying(COPY).await;
    let app = TestApp::start(&upstream).await;
    let mut said = Vec::new();
    for query in [
        "?tier=gold",
        "?source=press",
        "?reason=whim",
        "?cursor=zz",
        "?cursor=g0000000000000001",
        "?at=2020-01-01T00:00:00Z&cursor=s0000000000000001",
        "?at=noon",
        "?generation=1",
        "?user=u-1&user_hash=aa",
        "?words=%22%22",
        "?words=*",
        "?outcome=passed",
        "/nothing",
    ] {
        let answered = app.get(&format!("/v1/serves{query}"), "review").await;
        said.push(format!("{query}\n  {}", problem(&answered, 400, "urn:copyrail:malformed")));
    }
    insta::assert_snapshot!(said.join("\n"));
}
