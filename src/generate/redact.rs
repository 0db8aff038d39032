//! What providers send back is recorded and told without secrets. Pure.

use std::sync::LazyLock;

use regex::Regex;
use secrecy::ExposeSecret;

use super::Provider;

/// What looks like a key, whoever it belongs to.
const KEY: &str = concat!(
    r"(?i)\b(?:bearer|basic)\s+(?:[a-z._~+/=*-]*[0-9][a-z0-9._~+/=*-]*|[a-z._~+/=*-]{20,})",
    r"|\b(?:sk|pk|rk|gsk|xai)[-_][a-z0-9_*.-]{6,}|\bAIza[a-z0-9_-]{10,}",
);
/// What stands behind an address's path: it may hold keys, and nobody needs it.
const QUERY: &str = r#"(?i)(https?://[^\s?#"'<>]*)[?#][^\s"'<>]*"#;

static KEYS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(KEY).ok());
static QUERIES: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(QUERY).ok());

/// The least that a key must have to be looked for in what models write: servers without keys are given `none` or `test`,
/// which are words of copy too.
const LEAST: usize = 8;

/// Takes the provider's own key out of what a model wrote.
pub(super) fn without_key(text: String, provider: &Provider) -> String {
    without(text, provider, LEAST)
}

fn without(text: String, provider: &Provider, least: usize) -> String {
    let key = provider.api_key.as_ref().map(|key| key.expose_secret());
    match key {
        Some(key) if key.len() >= least && text.contains(key) => text.replace(key, "[key]"),
        _ => text,
    }
}

/// Takes out of an error the provider's key, whatever else looks like one, and what stands behind the path of an address.
pub(super) fn without_secrets(text: String, provider: &Provider) -> String {
    let mut text = without(text, provider, 1);
    for (pattern, instead) in [(&QUERIES, "$1?[…]"), (&KEYS, "[key]")] {
        if let Some(pattern) = pattern.as_ref() {
            text = pattern.replace_all(&text, instead).into_owned();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::tests::provider;
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(without_secrets(text.to_owned(), &provider(String::new())), expected);
    }

    #[test]
    fn secrets_go_and_the_rest_stays() {
        check("Incorrect API key: sk-secret-0123456789.", "Incorrect API key: [key].");
        check("\"sk-proj-abc_DEF-123456\" is wrong", "\"[key]\" is wrong");
        check("Incorrect API key provided: sk-abcd****wxyz", "Incorrect API key provided: [key]");
        check("Authorization: Bearer eyJhbGci.eyJ9.x-y_z", "Authorization: [key]");
        check(
            "proxied to https://a.example/v1?key=abc&x=1 in vain",
            "proxied to https://a.example/v1?[…] in vain",
        );
        check("see <a href=\"https://a.example/x#t=1\">", "see <a href=\"https://a.example/x?[…]\">");
        for kept in [
            "429 Too Many Requests (rate_limit_exceeded): slow down",
            "API_KEY_INVALID",
            "Bearer authentication is needed",
            "Is it? https://a.example/v1",
        ] {
            check(kept, kept);
        }
        assert_eq!(
            without_key("sk-other-0123456789".to_owned(), &provider(String::new())),
            "sk-other-0123456789"
        );
        let none = Provider { api_key: Some("none".into()), ..provider(String::new()) };
        assert_eq!(without_key("Second to none.".to_owned(), &none), "Second to none.");
    }
}
