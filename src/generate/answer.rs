//! From what a model wrote to the text of a blurb: out of its JSON, out of its quotes. Pure.

use serde::Deserialize;

use super::client::{Fault, Next};
use super::{FaultKind, Output};
use crate::prompt::cleaned;

/// The blurb in what a model wrote.
pub(super) fn blurb(written: &str, output: Output) -> Result<String, Fault> {
    let written = text(written)?;
    let text = match output {
        Output::Text if written.starts_with('{') && written.ends_with('}') => {
            return Err(wrong("the answer is an object, and a text was asked for"));
        }
        Output::Text => unquoted(written).to_owned(),
        Output::JsonSchema | Output::JsonObject => text_of_json(written)?.trim().to_owned(),
    };
    // What shows nothing is no text.
    if cleaned(&text, usize::MAX).trim().is_empty() { Err(empty()) } else { Ok(text) }
}

/// The blurb in what a model wrote when nobody knows any more in which form it was asked for one. `None` when there is
/// none.
pub fn blurb_in(written: &str) -> Option<String> {
    blurb(written, Output::JsonObject).or_else(|_| blurb(written, Output::Text)).ok()
}

/// What a model wrote, without the thoughts that some servers leave before it. Thoughts alone are no text, and where they do
/// not end nobody can tell which is which.
pub(super) fn text(written: &str) -> Result<&str, Fault> {
    const THOUGHTS: [(&str, &str); 2] = [("<think>", "</think>"), ("<thinking>", "</thinking>")];
    let mut text = written.trim();
    while let Some((thoughts, end)) =
        THOUGHTS.iter().find_map(|(begin, end)| Some((text.strip_prefix(begin)?, end)))
    {
        let end = thoughts.split_once(end);
        text = end
            .map(|(_, text)| text.trim())
            .ok_or_else(|| wrong("the answer is a thought without an end"))?;
        if text.is_empty() {
            return Err(wrong("the answer is a thought without a text"));
        }
    }
    if text.is_empty() { Err(empty()) } else { Ok(text) }
}

fn empty() -> Fault {
    Fault::new(FaultKind::Empty, "the answer is empty", Next::GiveUp)
}

fn wrong(error: &str) -> Fault {
    Fault::new(FaultKind::WrongForm, error, Next::GiveUp)
}

/// The only object that counts as an answer. What is unknown in it is an error: a model that adds fields did not do
/// as it was told.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Blurb {
    text: String,
}

/// Finds the object leniently (in a code fence, amid prose) and reads it strictly.
fn text_of_json(raw: &str) -> Result<String, Fault> {
    let object = raw.find('{').zip(raw.rfind('}')).and_then(|(start, end)| raw.get(start..=end));
    let object = object.ok_or_else(|| wrong("the answer holds no JSON object"))?;
    let blurb: Blurb = serde_json::from_str(object).map_err(|_| wrong("the answer is not {\"text\": …}"))?;
    Ok(blurb.text)
}

/// The text without the one pair of quotes that a model put around all of it. Quotes that belong to the text stay:
/// `"Soft" and "light"` begins and ends with one too.
fn unquoted(text: &str) -> &str {
    const PAIRS: [(char, char); 7] =
        [('"', '"'), ('\'', '\''), ('“', '”'), ('„', '“'), ('‘', '’'), ('«', '»'), ('»', '«')];
    PAIRS
        .iter()
        .find_map(|&(open, close)| {
            text.strip_prefix(open)?.strip_suffix(close).filter(|t| !t.contains([open, close]))
        })
        .map_or(text, str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(raw: &str, output: Output, expected: Result<&str, &'static str>) {
        let read = blurb(raw, output).map_err(|fault| fault.error);
        assert_eq!(read, expected.map(str::to_owned).map_err(str::to_owned), "{raw}");
    }

    #[test]
    fn one_pair_of_quotes_around_everything_goes() {
        check("  \"Soft and light.\"\n", Output::Text, Ok("Soft and light."));
        check("„Weich und leicht.“", Output::Text, Ok("Weich und leicht."));
        check("“Soft and light.”", Output::Text, Ok("Soft and light."));
        check("\"Soft\" and \"light\"", Output::Text, Ok("\"Soft\" and \"light\""));
        check("5\"", Output::Text, Ok("5\""));
        check("\"", Output::Text, Ok("\""));
        check("\"\"", Output::Text, Err("the answer is empty"));
        check("\u{200b} \u{feff}", Output::Text, Err("the answer is empty"));
        check(" \n", Output::Text, Err("the answer is empty"));
    }

    #[test]
    fn thoughts_before_the_text_go() {
        check("<think>They want soft.</think>\n\nSoft.", Output::Text, Ok("Soft."));
        check(
            " <think></think><thinking>{}</thinking>{\"text\": \"Soft.\"}",
            Output::JsonSchema,
            Ok("Soft."),
        );
        check("<think>Soft.", Output::Text, Err("the answer is a thought without an end"));
        check("<think>Soft.</think> ", Output::Text, Err("the answer is a thought without a text"));
        check("Soft </think>.", Output::Text, Ok("Soft </think>."));
    }

    #[test]
    fn a_blurb_is_found_in_either_form() {
        assert_eq!(blurb_in(" \"Soft.\" ").as_deref(), Some("Soft."));
        assert_eq!(blurb_in(r#"<think>x</think>{"text": "Soft."}"#).as_deref(), Some("Soft."));
        assert_eq!(blurb_in(r#"{"texts": "Soft."}"#), None);
    }

    #[test]
    fn json_is_found_leniently_and_read_strictly() {
        check(r#"{"text": " Soft. "}"#, Output::JsonSchema, Ok("Soft."));
        check("```json\n{\"text\": \"Soft {and} light.\"}\n```", Output::JsonObject, Ok("Soft {and} light."));
        check("Here you are: {\"text\": \"Soft.\"} Enjoy!", Output::JsonObject, Ok("Soft."));
        check("Soft.", Output::JsonSchema, Err("the answer holds no JSON object"));
        check("} {", Output::JsonSchema, Err("the answer holds no JSON object"));
        check(r#"{"text": "Soft.", "note": 1}"#, Output::JsonSchema, Err("the answer is not {\"text\": …}"));
        check(r#"{"text": 1}"#, Output::JsonSchema, Err("the answer is not {\"text\": …}"));
        check(r#"{"text": ""}"#, Output::JsonSchema, Err("the answer is empty"));
    }
}
