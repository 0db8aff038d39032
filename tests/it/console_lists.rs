//! The console's lists: searches in the address, decisions with and without script, searches kept under a name.

use serde_json::{Value, json};

use crate::ladder::{placement, standing};
use crate::support::console::{Browser, Page, sign_in};
use crate::support::{Reply, TestApp, Upstream, ask, eventually};

const PLACEMENT: &str = "prompts/why-this/placement.yml";
const ODD: &str = "a/b&c=\"d\" <i>é";

/// Writes another text at each call; the third holds what the rules block.
async fn writers() -> Upstream {
    Upstream::with(|call, _| {
        let text = match call {
            1 => "A calm lamp for long evenings at home.",
            2 => "A sturdy kettle that pours without a drip.",
            3 => "This chair cures back pain, guaranteed.",
            _ => "Plain words of another thing.",
        };
        Reply::Text(text.to_owned())
    })
    .await
}

fn ask_for(product: &str, user: &str) -> Value {
    let mut body = ask(product);
    body["product"]["id"] = json!(product);
    body["user"] = json!({"id": user, "attributes": {}});
    body["consent"] = json!({"personalisation": true});
    body
}

/// The ids of the rows that a page lists, in order.
fn rows(page: &Page) -> Vec<String> {
    assert_eq!(page.status, 200, "{}", page.text);
    page.text.split("data-id=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

async fn api(app: &TestApp, path: &str) -> Vec<String> {
    let page = app.get(path, "review").await;
    assert_eq!(page.status, 200, "{path}: {}", page.body);
    page.body["items"].as_array().unwrap().iter().map(|i| i["id"].as_str().unwrap().to_owned()).collect()
}

/// What the page's script sends, and is told.
async fn by_script(browser: &mut Browser, path: &str, form: &[(&str, &str)]) -> (u16, Value, String) {
    let body = serde_urlencoded::to_string(form).unwrap();
    let request = browser
        .request("POST", path)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("hx-request", "true")
        .header("x-csrf-token", browser.token.clone());
    let page = browser.send(request.body(body)).await;
    let told = page.headers.get("hx-trigger").map(|told| serde_json::from_slice(told.as_bytes()).unwrap());
    (page.status, told.unwrap_or(Value::Null), page.text)
}

async fn shop(upstream: &Upstream) -> TestApp {
    let app =
        TestApp::start_with(upstream, &[(PLACEMENT, &placement(PLACEMENT, "approval: true"))], &[]).await;
    for (product, user) in [("lamp-1", "u-17"), (ODD, "o'neil <b>&"), ("chair-3", "u-17")] {
        app.blurb(ask_for(product, user)).await;
    }
    eventually("the serves are recorded", || async { api(&app, "/v1/serves").await.len() == 3 }).await;
    app
}

#[tokio::test]
async fn a_search_in_the_address_finds_what_the_api_finds() {
    let upstream = writers().await;
    let app = shop(&upstream).await;
    let mut ines = sign_in(&app, "review").await;
    let odd = serde_urlencoded::to_string([("product", ODD)]).unwrap();
    let oneil = serde_urlencoded::to_string([("user", "o'neil <b>&")]).unwrap();
    for (query, found) in [
        ("", 3),
        ("words=calm+lamp", 1),
        ("words=%22sturdy+kettle%22", 1),
        ("state=awaiting", 2),
        ("outcome=blocked", 1),
        ("placement=why-this&outcome=passed", 2),
        ("placement=elsewhere", 0),
        ("segment=default", 3),
        ("locale=en", 3),
        ("model=scripted", 3),
        (&odd, 1),
    ] {
        let page = ines.get(&format!("/console/generations?{query}")).await;
        assert_eq!(
            (rows(&page), rows(&page).len()),
            (api(&app, &format!("/v1/generations?{query}")).await, found),
            "{query}"
        );
    }
    for (query, found) in
        [("", 3), ("reason=awaiting_approval", 2), (&odd, 1), (&oneil, 1), ("user=u-17", 2), ("tier=user", 0)]
    {
        let page = ines.get(&format!("/console/serves?{query}")).await;
        assert_eq!(
            (rows(&page), rows(&page).len()),
            (api(&app, &format!("/v1/serves?{query}")).await, found),
            "{query}"
        );
    }
    // What a form sends of fields that nobody filled in does not stay in the address.
    for path in ["generations", "serves"] {
        let page = ines.get(&format!("/console/{path}?words=calm+lamp&product=&from=&at=1")).await;
        assert_eq!(
            (page.status, page.leads_to()),
            (303, format!("/console/{path}?words=calm+lamp&at=1").as_str())
        );
    }
    // Times are the reader's: 13:00 in New York is 18:00 in London.
    let at = app.get("/v1/generations?words=calm", "review").await.body["items"][0]["finished"].clone();
    let at: jiff::Timestamp = at.as_str().unwrap().parse().unwrap();
    ines.cookies.insert("copyrail_zone".into(), "America%2FNew_York".into());
    let written = |at: jiff::Timestamp| {
        at.to_zoned(jiff::tz::TimeZone::get("America/New_York").unwrap())
            .strftime("%Y-%m-%dT%H:%M")
            .to_string()
    };
    let minute = |minutes: i64| written(at + jiff::SignedDuration::from_mins(minutes));
    for (from, until, found) in
        [(minute(-9), minute(9), 3), (minute(9), minute(20), 0), (minute(-20), minute(-9), 0)]
    {
        let page = ines.get(&format!("/console/generations?from={from}&until={until}")).await;
        assert_eq!(rows(&page).len(), found, "{from} to {until}");
    }
    // Somebody asks what a customer saw at a moment: the nearest is shown with the reason.
    let page = ines.get(&format!("/console/serves?user=u-17&moment={}", minute(0))).await;
    assert_eq!(rows(&page).len(), 2);
    assert!(
        page.text.contains("A person had yet to approve the text.")
            || page.text.contains("a person had yet to approve the text."),
        "{}",
        page.text
    );
    assert!(
        page.text.contains("No segment&#39;s condition held") || page.text.contains("the visitor was in"),
        "{}",
        page.text
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_search_is_said_and_nothing_that_is_written_becomes_markup() {
    let upstream = Upstream::saying("<script>alert(1)</script> \u{202e}evil\u{202c} & calm").await;
    let app = TestApp::start(&upstream).await;
    app.blurb(ask_for("<img src=x onerror=alert(1)>", "u-1")).await;
    let mut ines = sign_in(&app, "review").await;
    eventually("it is recorded", || async { !api(&app, "/v1/serves").await.is_empty() }).await;
    for path in ["/console/generations", "/console/serves"] {
        let page = ines.get(path).await;
        assert!(!page.text.contains("<script>alert") && !page.text.contains("<img src=x"), "{}", page.text);
    }
    let page = ines.get("/console/generations").await;
    let id = rows(&page).remove(0);
    assert!(page.text.contains("&lt;script&gt;") || page.text.contains("No text"), "{}", page.text);
    assert!(!page.text.contains('\u{202e}'));
    assert!(page.text.contains("⟨U+202E⟩"));
    let beside = ines.get(&format!("/console/generations/{id}")).await;
    assert!(beside.status == 200 && !beside.text.contains("<script>"), "{}", beside.text);
    for query in [
        "words=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "product=%22+onfocus%3Dalert(1)+autofocus+x%3D%22",
        "words=%00%FF",
        "state=%3Cscript%3E",
        "from=yesterday",
        "until=99999-99-99",
        "cursor=%3Cscript%3E",
        "at=%3Cscript%3E",
        "words=*+%22",
        "words=a&words=b",
        "user=%3Cscript%3E",
    ] {
        for path in ["generations", "serves"] {
            let page = ines.get(&format!("/console/{path}?{query}")).await;
            assert!([200, 400].contains(&page.status), "{query}: {}", page.status);
            assert!(
                !page.text.contains("<script>") && !page.text.contains("\" onfocus"),
                "{query}: {}",
                page.text
            );
        }
    }
    let wrong = ines.get("/console/generations?from=yesterday").await;
    assert!(wrong.text.contains("is no time"), "{}", wrong.text);
    let wrong = ines.get("/console/generations?state=odd").await;
    assert!(wrong.text.contains("Review: write `awaiting`"), "{}", wrong.text);
}

#[tokio::test]
async fn decisions_are_taken_with_and_without_script_and_undone() {
    let upstream = writers().await;
    let app = shop(&upstream).await;
    let mut ines = sign_in(&app, "review").await;
    let waiting = standing(&app, "awaiting").await;
    let (lamp, kettle) = (waiting[1].clone(), waiting[0].clone());
    let post = |id: &str| format!("/console/generations/{id}/reviews");
    // With script: a sentence, an address to undo, and an event that rows listen to.
    let (status, told, _) = by_script(&mut ines, &post(&lamp), &[("action", "approve")]).await;
    assert_eq!((status, &told["said"]["text"]), (204, &json!("Approved.")));
    assert_eq!(told["reviewed"], json!({"id": lamp, "action": "approve"}));
    assert!(told.get(format!("reviewed-{lamp}")).is_some());
    assert_eq!(standing(&app, "approved").await, std::slice::from_ref(&lamp));
    let row = ines.get(&format!("/console/generations/{lamp}/row?state=awaiting&at={lamp}")).await;
    assert!(row.text.starts_with("<tr") && row.text.contains("approved"), "{}", row.text);
    assert!(
        row.text.contains(&format!("state=awaiting&amp;at={lamp}"))
            || row.text.contains(&format!("state=awaiting&#38;at={lamp}")),
        "{}",
        row.text
    );
    let undo = told["said"]["undo"].as_str().unwrap().to_owned();
    let (status, told, _) = by_script(&mut ines, &undo, &[]).await;
    assert_eq!((status, &told["reviewed"]["action"]), (204, &json!("undo")));
    assert_eq!(told["said"]["undo"], Value::Null);
    assert_eq!(standing(&app, "awaiting").await.len(), 2);
    let (status, _, said) = by_script(&mut ines, &undo, &[]).await;
    assert!(status == 409 && said.contains("nothing of yours to undo"), "{status} {said}");
    // Without script: back to where it was sent from.
    let back = format!("/console/generations?state=awaiting&at={kettle}");
    let page = ines.post(&post(&kettle), &[("action", "reject"), ("next", &back)]).await;
    assert_eq!((page.status, page.leads_to()), (303, back.as_str()));
    assert_eq!(standing(&app, "rejected").await, std::slice::from_ref(&kettle));
    let page = ines.post(&post(&kettle), &[("action", "undo"), ("next", "https://elsewhere.example/")]).await;
    assert_eq!((page.status, page.leads_to()), (303, format!("/console/generations/{kettle}").as_str()));
    // A takedown asks first, with how often it was served.
    let page = ines.post(&post(&lamp), &[("action", "takedown"), ("next", "/console/serves")]).await;
    let asks = page.leads_to().to_owned();
    assert!(
        page.status == 303 && asks.starts_with(&format!("/console/generations/{lamp}/takedown?")),
        "{asks}"
    );
    let page = ines.get(&asks).await;
    assert!(
        page.text.contains("Take this text down on every page? It was not served in the last 30 days."),
        "{}",
        page.text
    );
    assert!(standing(&app, "rejected").await.is_empty());
    let page = ines
        .post(&post(&lamp), &[("action", "takedown"), ("sure", "yes"), ("next", "/console/serves")])
        .await;
    assert_eq!((page.status, page.leads_to()), (303, "/console/serves"));
    assert_eq!(standing(&app, "rejected").await, std::slice::from_ref(&lamp));
    assert!(!app.blurb(ask_for("lamp-1", "u-17")).await["text"].as_str().unwrap().contains("calm lamp"));
    assert_eq!(app.app().shared.parts.stops.pin().register().stops.len(), 1);
    let (status, _, said) = by_script(&mut ines, &post(&lamp), &[("action", "undo")]).await;
    assert!(status == 409 && said.contains("A takedown is not undone"), "{status} {said}");
    let (status, _, said) = by_script(&mut ines, &post(&lamp), &[("action", "approve")]).await;
    assert!(status == 409 && said.contains("Lift that stop"), "{status} {said}");
    // What is not there, cannot be meant, or is not of a page of theirs.
    let blocked = api(&app, "/v1/generations?outcome=blocked").await.remove(0);
    let (status, _, said) = by_script(&mut ines, &post(&blocked), &[("action", "approve")]).await;
    assert!(status == 409 && said.contains("The guardrails blocked this one."), "{status} {said}");
    let nobody = "0192f3c1-7a2b-7c3d-8e4f-5a6b7c8d9e0f";
    assert_eq!(by_script(&mut ines, &post(nobody), &[("action", "flag")]).await.0, 404);
    assert_eq!(by_script(&mut ines, &post("x"), &[("action", "flag")]).await.0, 404);
    assert_eq!(by_script(&mut ines, &post(&kettle), &[("action", "burn")]).await.0, 400);
    let long = "x".repeat(2_001);
    assert_eq!(by_script(&mut ines, &post(&kettle), &[("action", "note"), ("note", &long)]).await.0, 400);
    ines.token = "another".into();
    assert_eq!(by_script(&mut ines, &post(&kettle), &[("action", "flag")]).await.0, 403);
    assert_eq!(standing(&app, "flagged").await, Vec::<String>::new());
}

#[tokio::test]
async fn how_often_a_text_was_served_today_is_asked_with() {
    let upstream = writers().await;
    let app = TestApp::start(&upstream).await;
    let first = app.blurb(ask_for("lamp-1", "u-17")).await;
    let id = first["generation_id"].as_str().unwrap();
    app.blurb(ask_for("lamp-1", "u-18")).await;
    eventually("both are recorded", || async { api(&app, "/v1/serves").await.len() == 2 }).await;
    let mut ines = sign_in(&app, "review").await;
    let request =
        ines.request("GET", &format!("/console/generations/{id}/takedown")).header("hx-request", "true");
    let asked = ines.send(request).await.text;
    assert_eq!(asked, "Take this text down on every page? It was served 2 times today.");
}

#[tokio::test]
async fn compliance_reads_and_does_not_review() {
    let upstream = writers().await;
    let app = shop(&upstream).await;
    let mut tom = sign_in(&app, "compliance").await;
    let page = tom.get("/console/generations").await;
    let ids = rows(&page);
    assert_eq!(ids.len(), 3);
    for path in [
        "/console/generations".to_owned(),
        format!("/console/generations?at={}", ids[0]),
        format!("/console/generations/{}/row", ids[0]),
    ] {
        let page = tom.get(&path).await;
        assert!(page.status == 200 && !page.text.contains("value=\"approve\""), "{path}");
    }
    let post = format!("/console/generations/{}/reviews", ids[0]);
    for action in ["approve", "reject", "flag", "note", "takedown", "undo"] {
        assert_eq!(by_script(&mut tom, &post, &[("action", action)]).await.0, 403, "{action}");
        assert_eq!(tom.post(&post, &[("action", action), ("sure", "yes")]).await.status, 403, "{action}");
    }
    assert_eq!(by_script(&mut tom, &format!("{post}/undo"), &[]).await.0, 403);
    assert_eq!(tom.get(&format!("/console/generations/{}/takedown", ids[0])).await.status, 403);
    assert_eq!(rows(&tom.get("/console/serves").await).len(), 3);
    // Nobody at all sees nothing.
    let mut nobody = Browser::new(&app);
    for path in ["/console/generations", "/console/serves", "/console/generations/x/row"] {
        let page = nobody.get(path).await;
        assert!(page.status == 303 && page.leads_to().starts_with("/console/login"), "{path}");
    }
}

#[tokio::test]
async fn searches_that_people_keep_are_their_own() {
    let upstream = writers().await;
    let app = TestApp::start(&upstream).await;
    let (mut ines, mut tom) = (sign_in(&app, "review").await, sign_in(&app, "compliance").await);
    let name = "<b>Odd</b> \"ones\"";
    let keep = [("page", "generations"), ("name", name), ("query", "product=a%2Fb&cursor=g1&at=2&junk=3")];
    let page = ines.post("/console/filters", &keep).await;
    assert_eq!((page.status, page.leads_to()), (303, "/console/generations?product=a%2Fb"));
    let page = ines.get("/console/generations").await;
    assert!(!page.text.contains("<b>Odd") && page.text.contains("&#60;b&#62;Odd"), "{}", page.text);
    assert!(page.text.contains("/console/generations?product=a%2Fb"));
    for always in ["Waiting for approval", "Blocked today", "Flagged"] {
        assert!(page.text.contains(always), "{always}");
    }
    let (_, rest) = page.text.split_once("/console/filters/").unwrap();
    let forget = format!("/console/filters/{}", rest.split('"').next().unwrap());
    assert!(!tom.get("/console/generations").await.text.contains("Odd"));
    assert_eq!(tom.post(&forget, &[]).await.status, 404);
    assert!(ines.get("/console/generations").await.text.contains("Odd"));
    // Saved again under another name it is renamed.
    ines.post("/console/filters", &[("page", "generations"), ("name", "Plain"), ("query", "product=a%2Fb")])
        .await;
    let page = ines.get("/console/generations").await;
    assert!(page.text.contains("Plain") && !page.text.contains("Odd"));
    for (page, name, query) in [
        ("generations", "", "product=a"),
        ("generations", "x", "at=1"),
        ("elsewhere", "x", "product=a"),
        ("generations", &"x".repeat(61), "product=a"),
    ] {
        let sent = ines.post("/console/filters", &[("page", page), ("name", name), ("query", query)]).await;
        assert_eq!(sent.status, 400, "{page} {name} {query}");
    }
    let page = ines.get("/console/generations").await;
    let (_, rest) = page.text.split_once("/console/filters/").unwrap();
    let forget = format!("/console/filters/{}", rest.split('"').next().unwrap());
    assert_eq!(ines.post(&forget, &[]).await.leads_to(), "/console/generations");
    assert!(!ines.get("/console/generations").await.text.contains("Plain"));
}
