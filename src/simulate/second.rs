//! What the stand-in makes of copy when it is asked for an opinion: it looks for words, says so, and knows no better.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::copy::Turn;

/// OpenAI's categories, each with the words by which the stand-in knows it.
const CATEGORIES: [(&str, &[&str]); 13] = [
    ("harassment", &["idiot", "idiots", "loser", "losers"]),
    ("harassment/threatening", &["watch your back"]),
    ("hate", &["subhuman", "vermin"]),
    ("hate/threatening", &["wipe them out"]),
    ("illicit", &["counterfeit", "shoplift"]),
    ("illicit/violent", &["pipe bomb"]),
    ("self-harm", &["suicide", "self-harm"]),
    ("self-harm/intent", &["hurt myself"]),
    ("self-harm/instructions", &["how to hurt yourself"]),
    ("sexual", &["porn", "nude", "nudes"]),
    ("sexual/minors", &["underage"]),
    ("violence", &["kill", "murder", "stab"]),
    ("violence/graphic", &["gore", "dismember"]),
];

/// What it says of copy that it is asked to judge by a rubric: the score is 0 where the copy holds a phrase that the rubric
/// puts in quotation marks, and 1 where it holds none. `None` of prompts that ask for no such thing.
pub(super) fn judged(turns: &[Turn]) -> Option<String> {
    let [.., instructions, data] = turns else { return None };
    let (_, rubric) = instructions.content.split_once("The rubric:")?;
    let rubric = rubric.rsplit_once("Answer with").map_or(rubric, |(rubric, _)| rubric);
    let data: Value = serde_json::from_str(&data.content).ok()?;
    let copy = data.get("copy")?.as_str()?;
    let found = quoted(rubric).into_iter().find(|phrase| says(copy, phrase));
    let (score, reason) = match found {
        Some(phrase) => (0, format!("The simulated judge found '{phrase}', which the rubric quotes.")),
        None => (
            1,
            "The simulated judge found no phrase that the rubric quotes, and looks for nothing else.".into(),
        ),
    };
    Some(json!({"reason": reason, "score": score}).to_string())
}

/// The phrases between quotation marks.
fn quoted(text: &str) -> Vec<&str> {
    const PAIRS: [(char, char); 4] = [('"', '"'), ('“', '”'), ('„', '“'), ('`', '`')];
    let mut found = Vec::new();
    for (open, close) in PAIRS {
        let mut rest = text;
        while let Some((phrase, after)) = rest.split_once(open).and_then(|(_, after)| after.split_once(close))
        {
            found.extend(Some(phrase.trim()).filter(|phrase| !phrase.is_empty()));
            rest = after;
        }
    }
    found
}

/// Whether a text says a phrase, in whole words and whatever its capitals.
fn says(text: &str, phrase: &str) -> bool {
    let words = |text: &str| {
        let word = |c: char| c.is_alphanumeric() || c == '-' || c == '\'';
        let words: Vec<String> =
            text.to_lowercase().split(|c| !word(c)).filter(|w| !w.is_empty()).map(str::to_owned).collect();
        format!(" {} ", words.join(" "))
    };
    words(text).contains(&words(phrase))
}

/// One result of a moderation; `flags` are categories that a script wants flagged, whatever the text says.
pub(super) fn moderated(text: &str, flags: &[String]) -> Value {
    let found = CATEGORIES.iter().map(|(name, phrases)| {
        let on = flags.iter().any(|flag| flag == name) || phrases.iter().any(|phrase| says(text, phrase));
        ((*name).to_owned(), on)
    });
    let others = flags.iter().map(|flag| (flag.clone(), true));
    let categories: BTreeMap<String, bool> = found.chain(others).collect();
    let scores: BTreeMap<&String, f64> =
        categories.iter().map(|(name, on)| (name, if *on { 0.99 } else { 0.01 })).collect();
    json!({"flagged": categories.values().any(|on| *on), "categories": categories, "category_scores": scores})
}
