//! What the words mean. Pages link to a word by its anchor: `/console/glossary#second-model`.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;

use super::page::{Frame, Place, show};
use super::session::Reader;
use crate::app::Shared;
use crate::casefile::words::{CONSOLE, GLOSSARY};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/console/glossary", get(page))
}

/// One meaning, and the words that have it, each with its anchor.
struct Entry {
    words: Vec<(String, &'static str)>,
    meaning: &'static str,
}

#[derive(Template)]
#[template(path = "glossary.html")]
struct Glossary {
    frame: Frame,
    entries: Vec<Entry>,
}

async fn page(reader: Reader) -> Response {
    show(&Glossary { frame: Frame::of(&reader, Place::Glossary, "Glossary"), entries: entries() })
}

fn entries() -> Vec<Entry> {
    let mut all: Vec<&(&str, &str)> = GLOSSARY.iter().chain(CONSOLE).collect();
    all.sort_unstable();
    let entry = |(words, meaning): &(&'static str, &'static str)| Entry {
        words: words.split(", ").map(|word| (anchor(word), word)).collect(),
        meaning,
    };
    all.into_iter().map(entry).collect()
}

/// The anchor of a word: in small letters, with hyphens for what is no letter.
fn anchor(word: &str) -> String {
    word.to_lowercase().split(|c: char| !c.is_alphanumeric()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_has_an_anchor_of_its_own() {
        let anchors: Vec<String> =
            entries().into_iter().flat_map(|entry| entry.words).map(|(anchor, _)| anchor).collect();
        let mut told = anchors.clone();
        told.sort_unstable();
        told.dedup();
        assert_eq!(anchors.len(), told.len());
        for word in ["placement", "segment", "serve", "second-model", "pre-written-copy", "stop", "revision"]
        {
            assert!(anchors.iter().any(|anchor| anchor == word), "{word}");
        }
    }
}
