//! The promises of the contract, each with a test that fails when it is broken.

use serde_json::json;

use crate::support::{TestApp, Upstream, ask};

#[tokio::test]
async fn a_name_alone_gets_generated_copy_and_then_the_same_from_cache() {
    let upstream = Upstream::saying("A handy companion for the evening.").await;
    let app = TestApp::start(&upstream).await;
    let first = app.blurb(ask("Lumo lamp")).await;
    assert_eq!(first["source"], "generated", "{first}");
    assert_eq!(first["text"], "A handy companion for the evening.");
    assert_eq!(first["reason"], json!(null));
    assert_eq!(first["ai_generated"], true);
    let second = app.blurb(ask("Lumo lamp")).await;
    assert_eq!(second["source"], "cache", "{second}");
    assert_eq!(second["generation_id"], first["generation_id"]);
    assert_ne!(second["serve_id"], first["serve_id"]);
    assert_eq!(upstream.calls(), 1);
}
