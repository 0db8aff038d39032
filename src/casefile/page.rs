//! A case as one page that needs nothing else: no script, no font, no picture from elsewhere. What it proves can be checked
//! from the page itself.

use minijinja::value::{Serde, Value as Jinja};
use minijinja::{AutoEscape, Environment, HtmlEscape, UndefinedBehavior, context};

use super::why::moment;
use super::{Case, words};
use crate::words::Micros;

/// The page's template. Every value in it is escaped.
const PAGE: &str = include_str!("page.html");
/// The script that checks a page; a test runs it.
pub const CHECK_CASE: &str = include_str!("check_case.py");
/// The script that checks an export of the chain; a test runs it.
pub const CHECK_CHAIN: &str = include_str!("check_chain.py");

/// The page.
///
/// # Errors
///
/// When the page's own template is faulty.
pub fn page(case: &Case) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_filter("shown", |text: &str| shown(text));
    environment.add_filter("marked", marked);
    environment.add_filter("money", |micros: u64| format!("{}", Micros(micros).units()));
    environment.add_filter("pretty", |value: Jinja| {
        serde_json::to_string_pretty(&value).map(|text| shown(&text)).unwrap_or_default()
    });
    environment.add_filter("moment", |text: &str| text.parse().map_or_else(|_| text.to_owned(), moment));
    environment.add_filter("signed", |name: &str| words::by(name).to_owned());
    environment.add_filter("review_said", |action: &str| {
        serde_json::from_value(serde_json::Value::from(action))
            .map_or(action.to_owned(), |action| words::review(action).to_owned())
    });
    // Exactly: a line more or less at either end would be another text to whoever hashes it.
    environment.add_filter("exactly", |text: &str| Jinja::from_safe_string(HtmlEscape(text).to_string()));
    let context = context! {
        id => case.asked.id().to_string(),
        glossary => Jinja::from(Serde(words::GLOSSARY)),
        check_case => CHECK_CASE.trim(),
        check_chain => CHECK_CHAIN.trim(),
        case => Jinja::from(Serde(case)),
    };
    environment.render_str(PAGE, context)
}

/// A text as it may be shown: what turns the direction of writing or moves a cursor becomes a visible stand-in; lines stay.
fn shown(text: &str) -> String {
    let unseen = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().map(|c| if unseen(c) { '\u{fffd}' } else { c }).collect()
}

/// A sentence of ours, what stands between its backquotes shown as code. What it quotes is escaped.
fn marked(sentence: &str) -> Jinja {
    let parts = sentence.split('`').enumerate().map(|(index, part)| {
        let part = HtmlEscape(&shown(part)).to_string();
        if index % 2 == 1 { format!("<code>{part}</code>") } else { part }
    });
    Jinja::from_safe_string(parts.collect())
}
