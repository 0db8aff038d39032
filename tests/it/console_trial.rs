//! The console's page for trying: what a page would get, and what the rules say of any text.

use serde_json::json;

use crate::support::console::sign_in;
use crate::support::{TestApp, Upstream};

/// The shipped shop with the sample catalogue.
async fn shop(upstream: &Upstream) -> TestApp {
    let app = TestApp::start(upstream).await;
    let catalogue = include_bytes!("../../config/sample-catalogue.jsonl").as_slice();
    copyrail::catalogue::import(&app.app().shared.store, catalogue, false, |_| ()).await.unwrap();
    app
}

const ONE: &str = "/console/try?placement=why-this&product=lt-104&locale=en-GB";

#[tokio::test]
async fn a_trial_tells_segment_prompt_and_copy_and_is_no_serve() {
    let upstream = Upstream::saying("Turns its head all the way round.").await;
    let app = shop(&upstream).await;
    let mut reviewer = sign_in(&app, "review").await;
    let page = reviewer.get(&format!("{ONE}&consent=yes&user.orders_90d=2&user.discount_affinity=0.8")).await;
    assert_eq!(page.status, 200, "{}", page.text);
    for told in
        ["Bargain hunters", "why-this/bargain-hunters", "You write short product copy", "Have it written"]
    {
        assert!(page.text.contains(told), "{told}: {}", page.text);
    }
    assert_eq!(upstream.calls(), 0);
    let form = [("about", "placement=why-this&product=lt-104&locale=en-GB")];
    let done = reviewer.post("/console/try/generation", &form).await;
    assert_eq!((done.status, done.leads_to()), (303, ONE), "{}", done.text);
    assert_eq!(upstream.calls(), 1);
    let page = reviewer.get(ONE).await;
    assert!(page.text.contains("Turns its head all the way round."), "{}", page.text);
    let serves = app.get("/v1/serves", "review").await.body;
    assert_eq!(serves["items"], json!([]));
    // A page that asks the same gets what was written, and nothing is paid twice.
    let asked = json!({"placement": "why-this", "product": {"id": "lt-104"}, "context": {"locale": "en-GB"}});
    assert_eq!(app.blurb(asked).await["source"], "cache");
    assert_eq!(upstream.calls(), 1);
}

#[tokio::test]
async fn compliance_has_nothing_written() {
    let upstream = Upstream::saying("Warm.").await;
    let app = shop(&upstream).await;
    let mut reader = sign_in(&app, "compliance").await;
    let page = reader.get(ONE).await;
    assert!(page.status == 200 && !page.text.contains("Have it written"), "{}", page.text);
    // Prompts are for those who review.
    assert!(!page.text.contains("You write short product copy"), "{}", page.text);
    assert!(page.text.contains("What goes into a prompt is shown to reviewers alone."), "{}", page.text);
    let done =
        reader.post("/console/try/generation", &[("about", "placement=why-this&product=lt-104")]).await;
    assert_eq!((done.status, upstream.calls()), (403, 0), "{}", done.text);
}

#[tokio::test]
async fn any_text_is_judged_and_shown_as_it_is() {
    let upstream = Upstream::saying("Warm.").await;
    let app = shop(&upstream).await;
    let mut reader = sign_in(&app, "review").await;
    let about = ("about", "placement=why-this&product=lt-104");
    let text =
        "An amazing lamp <script>alert(1)</script> of 9,000 lumens, \u{202e}with\u{202c} a cable of 1.8 m.";
    let page = reader.post("/console/try", &[about, ("text", text)]).await;
    assert_eq!(page.status, 200, "{}", page.text);
    for told in ["brand.hype", "compliance.figures", "&lt;script&gt;", "features.cable length"] {
        assert!(page.text.contains(told), "{told}: {}", page.text);
    }
    assert!(!page.text.contains("<script>alert"), "{}", page.text);
    let long = "x".repeat(20_001);
    assert_eq!(reader.post("/console/try", &[about, ("text", &long)]).await.status, 400);
}

#[tokio::test]
async fn products_are_found_by_id_and_by_name() {
    let upstream = Upstream::saying("Warm.").await;
    let app = shop(&upstream).await;
    let mut reader = sign_in(&app, "review").await;
    for (typed, found, not) in
        [("lt-1", "lt-131", "kt-020"), ("LANTERN", "lt-131", "lt-104"), ("<new>", "gd-401", "lt-104")]
    {
        let typed = serde_urlencoded::to_string([("product", typed)]).unwrap();
        let page = reader.get(&format!("/console/try/products?{typed}")).await;
        assert!(page.text.contains(found) && !page.text.contains(not), "{typed}: {}", page.text);
        // Without script the page itself asks which one is meant.
        let page = reader.get(&format!("/console/try?placement=why-this&{typed}")).await;
        assert!(page.status == 200 && page.text.contains(found), "{typed}: {}", page.text);
    }
}
