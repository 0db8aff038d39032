//! Finds the data in a prompt: blocks such as `<data name="product">{…}</data>`, and what is said outside of them.

use serde_json::{Map, Value};

use super::copy::Turn;

/// What a prompt says of the product.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Facts {
    pub(super) name: Option<String>,
    pub(super) brand: Option<String>,
    /// The kind of thing it is: its category, or its class.
    pub(super) class: Option<String>,
    pub(super) features: Map<String, Value>,
}

impl Facts {
    /// Reads the blocks called `product` and `product.…`; what cannot be read is passed over.
    pub(super) fn of(turns: &[Turn]) -> Self {
        let mut product = Map::new();
        for turn in turns {
            for part in parts(&turn.content) {
                let Part::Data { name, body } = part else { continue };
                let value = serde_json::from_str(body).unwrap_or_else(|_| Value::from(body.trim()));
                match (name.strip_prefix("product."), value) {
                    (Some(field), value) => {
                        product.insert(field.to_owned(), value);
                    }
                    (None, Value::Object(fields)) if name == "product" => product.extend(fields),
                    _ => {}
                }
            }
        }
        let text = |field: &str| product.get(field)?.as_str().and_then(spoken);
        Self {
            name: text("name").map(|name| name.strip_prefix("The ").map(str::to_owned).unwrap_or(name)),
            // A note in brackets is not how anybody says a brand.
            brand: text("brand").and_then(|brand| spoken(brand.split('(').next()?)),
            class: text("category").or_else(|| text("class")),
            features: product.get("features").and_then(Value::as_object).cloned().unwrap_or_default(),
        }
    }

    /// The name up to its class, where a catalogue's title goes on after that: "HP C8562A" of "HP C8562A printer drum
    /// Original". `None` where that is not how the name is made, or would leave a single word.
    pub(super) fn short_name(&self) -> Option<&str> {
        let (name, class) = (self.name.as_deref()?, self.class.as_deref()?);
        let at = name.to_ascii_lowercase().find(&format!(" {class}"))?;
        name.get(..at).map(|short| short.trim_end_matches(PUNCTUATION)).filter(|short| short.contains(' '))
    }
}

/// What a name in a sentence does not end with.
const PUNCTUATION: [char; 8] = ['.', ',', ';', ':', '!', '?', '-', ' '];

/// All that is said outside the data, which is what the prompt asks for.
pub(super) fn instructions(turns: &[Turn]) -> String {
    let outside = |part| match part {
        Part::Said(text) => Some(text),
        Part::Data { .. } => None,
    };
    turns.iter().flat_map(|turn| parts(&turn.content)).filter_map(outside).collect::<Vec<_>>().join("\n")
}

enum Part<'a> {
    Said(&'a str),
    Data { name: &'a str, body: &'a str },
}

/// Takes a text apart. A block that does not end is taken for something said.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, block)) = rest.split_once("<data name=\"") {
        let Some((name, body, after)) = block
            .split_once("\">")
            .and_then(|(name, rest)| rest.split_once("</data>").map(|(body, after)| (name, body, after)))
        else {
            break;
        };
        parts.push(Part::Said(before));
        parts.push(Part::Data { name, body });
        rest = after;
    }
    parts.push(Part::Said(rest));
    parts
}

/// A text fit to stand in a sentence: on one line, without markup, control or direction characters, at most 80
/// characters cut between words. `None` when nothing is left.
fn spoken(text: &str) -> Option<String> {
    let unwanted = |c: char| {
        c.is_control()
            || matches!(c, '<' | '>' | '`' | '*' | '{' | '}' | '\\' | '\u{feff}')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
    };
    // Catalogues hold HTML; a trade mark is nothing that is said.
    let marks = ["&reg;", "&trade;", "&copy;", "®", "™", "©"];
    let text = marks.iter().fold(text.replace("&amp;", "&"), |text, mark| text.replace(mark, ""));
    let clean = text.replace(unwanted, " ");
    let mut spoken = String::new();
    for word in clean.split_whitespace() {
        if spoken.chars().count() + word.chars().count() + 1 > 80 {
            break;
        }
        if !spoken.is_empty() {
            spoken.push(' ');
        }
        spoken.push_str(word);
    }
    let spoken = spoken.trim_end_matches(PUNCTUATION);
    (!spoken.is_empty()).then(|| spoken.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(content: &str) -> Facts {
        Facts::of(&[Turn { role: "user".to_owned(), content: content.to_owned() }])
    }

    #[test]
    fn blocks_are_read_whole_or_by_the_field() {
        let whole = facts(
            r#"Product: <data name="product">{"name": "Chaz \u003cb\u003e Hoodie.", "brand": "Luma (fictional)", "class": "Top",
            "features": {"material": "Wool"}}</data> User: <data name="user">{"name": "Ann"}</data>"#,
        );
        assert_eq!(whole.name.as_deref(), Some("Chaz b Hoodie"));
        assert_eq!((whole.brand.as_deref(), whole.class.as_deref()), (Some("Luma"), Some("Top")));
        assert_eq!(whole.features.len(), 1);
        let fields = facts(
            r#"<data name="product.name">"The Tent"</data><data name="product.features">{"colour": "Red"}</data>"#,
        );
        assert_eq!((fields.name.as_deref(), fields.features.len()), (Some("Tent"), 1));
    }

    #[test]
    fn long_titles_are_shortened_at_the_class() {
        let short = |name: &str, class: &str| {
            let facts =
                Facts { name: Some(name.to_owned()), class: Some(class.to_owned()), ..Facts::default() };
            facts.short_name().map(str::to_owned)
        };
        assert_eq!(short("HP C8562A - Printer drum Original", "printer drum").as_deref(), Some("HP C8562A"));
        assert_eq!(short("HP printer drum", "printer drum"), None);
        assert_eq!(short("Chaz Hoodie", "Top"), None);
    }

    #[test]
    fn what_cannot_be_read_is_passed_over() {
        assert_eq!(facts(r#"<data name="product">{"name": </data>"#), Facts::default());
        assert_eq!(facts(r#"<data name="product">{"name": "x"}"#), Facts::default());
        assert_eq!(facts(r#"<data name="product">{"name": 7, "features": []}</data>"#), Facts::default());
        assert_eq!(
            facts(r#"<data name="product.name">Bare words</data>"#).name.as_deref(),
            Some("Bare words")
        );
    }
}
