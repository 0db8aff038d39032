//! The product's own client takes the stand-in for a provider.

use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::generate::*;
use crate::words::{Micros, utc_day};

const NOW: Timestamp = Timestamp::constant(1_795_428_000, 0);

async fn write(script: &str, kind: ProviderKind, output: Output) -> Written {
    let simulator = simulator(script).await;
    let base_url = match kind {
        ProviderKind::OpenAi => simulator.base_url(),
        ProviderKind::Azure => format!("http://{}", simulator.address),
    };
    let provider = Provider {
        name: "simulated".to_owned(),
        kind,
        base_url,
        api_key: None,
        model: "any".to_owned(),
        connect_timeout: Duration::from_secs(5),
        timeout: Duration::from_secs(30),
        retries: 1,
        token_limit_field: TokenLimitField::MaxTokens,
        output,
        concurrency: None,
        first_byte_timeout: None,
        breaker: BreakerSettings::default(),
        api_version: None,
        price: None,
    };
    let message = Message { role: Role::User, content: HOODIE.to_owned() };
    let prompt = Prompt { messages: vec![message], parameters: Parameters::default() };
    let generator = Generator::new(vec![provider], Budget::new(None, Micros(0), utc_day(NOW))).unwrap();
    let terms = Terms::until(tokio::time::Instant::now() + Duration::from_secs(60), NOW);
    generator.write(&prompt, &terms).await
}

#[tokio::test]
async fn in_every_dialect_and_form() {
    for kind in [ProviderKind::OpenAi, ProviderKind::Azure] {
        for output in [Output::Text, Output::JsonSchema, Output::JsonObject] {
            let written = write("[]", kind, output).await;
            assert!(written.result.unwrap().contains("Chaz Hoodie"));
            assert_eq!(written.attempts[0].model_answering.as_deref(), Some("simulated"));
        }
    }
}

#[tokio::test]
async fn with_its_faults() {
    let check = async |action: &str, calls: usize, result: Option<Failure>| {
        let script = format!(r#"[{{"times": 1, "do": {action}}}]"#);
        let written = write(&script, ProviderKind::OpenAi, Output::Text).await;
        assert_eq!((written.attempts.len(), written.result.err()), (calls, result), "{action}");
    };
    check(r#"{"reset": true}"#, 2, None).await;
    check(r#"{"status": 503, "headers": {"retry-after-ms": "1"}}"#, 2, None).await;
    check(r#"{"quota": true}"#, 1, Some(Failure::Upstream)).await;
    check(r#"{"garbage": true}"#, 1, Some(Failure::Upstream)).await;
    check(r#"{"empty": true}"#, 1, Some(Failure::Upstream)).await;
    check(r#"{"refusal": "No."}"#, 1, Some(Failure::Upstream)).await;
    check(r#"{"finish_reason": "length"}"#, 1, Some(Failure::Upstream)).await;
}
