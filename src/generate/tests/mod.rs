//! Calls over real sockets to an upstream that answers as it is told.

mod calls;
mod faults;
mod order;
mod second;
mod standing;
mod upstream;

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{Date, date};

use super::*;
use crate::words::Micros;

const TODAY: Date = date(2026, 11, 23);
/// Ten o'clock of that day.
const NOW: Timestamp = Timestamp::constant(1_795_428_000, 0);
const KEY: &str = "sk-secret-0123456789";

pub(super) fn provider(base_url: String) -> Provider {
    Provider {
        name: "primary".to_owned(),
        kind: ProviderKind::OpenAi,
        base_url,
        api_key: Some(KEY.into()),
        model: "gpt-4.1-mini".to_owned(),
        connect_timeout: Duration::from_secs(5),
        timeout: Duration::from_secs(30),
        retries: 2,
        token_limit_field: TokenLimitField::MaxCompletionTokens,
        output: Output::Text,
        concurrency: None,
        first_byte_timeout: None,
        breaker: BreakerSettings::default(),
        api_version: None,
        price: Some(Price { input: 0.4, cached_input: 0.1, output: 1.6 }),
    }
}

/// That long from now.
fn within(limit: Duration) -> Terms {
    Terms::until(tokio::time::Instant::now() + limit, NOW)
}

fn prompt() -> Prompt {
    let message = |role, content: &str| Message { role, content: content.to_owned() };
    Prompt {
        messages: vec![message(Role::System, "Write one sentence."), message(Role::User, "Chaz Hoodie")],
        parameters: Parameters { temperature: Some(0.7), ..Parameters::default() },
    }
}

/// Those providers, with no limit to the budget.
fn generator(providers: Vec<Provider>) -> Generator {
    Generator::new(providers, Budget::new(None, Micros(0), TODAY)).unwrap()
}

/// What comes of the prompt with those providers, no limit to the budget, and plenty of time.
async fn write(providers: Vec<Provider>) -> Written {
    generator(providers).write(&prompt(), &within(Duration::from_secs(60))).await
}

#[track_caller]
fn error(written: &Written) -> String {
    let last = written.attempts.last().unwrap();
    let error = last.error.clone().expect("the last attempt failed");
    last.said.iter().fold(error, |error, said| format!("{error}: {said}"))
}
