//! A template file: YAML front matter, then a Jinja body with turns. The turns are found before anything is rendered,
//! so no value can add one.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::input::{self, Input};
use super::{Parameters, Role};
use crate::condition::Scope;
use crate::diagnostic::{Diagnostic, Span};
use crate::document::{self, Faults, Fields, Kind, Node};
use crate::segment::{Attributes, put};
use crate::words::{Locale, PlacementId, SegmentId, TemplateId, Tier};

/// The prompt for a placement × segment × locale, with its pre-written copy.
#[derive(Debug)]
pub struct Template {
    /// Its name: placement and file.
    pub id: TemplateId,
    /// The placement it is for.
    pub placement: PlacementId,
    /// The segment it is for.
    pub segment: SegmentId,
    /// The locale that its file names.
    pub locale: Option<Locale>,
    /// The hash of its file's content.
    pub hash: blake3::Hash,
    /// What it may see.
    pub inputs: Vec<Input>,
    /// How the model is asked to write.
    pub parameters: Parameters,
    /// Its file.
    pub file: String,
    /// The languages of its pre-written copy, each with the copy's source and place.
    pub(super) prewritten: BTreeMap<Locale, (String, Span)>,
    pub(super) turns: Vec<Turn>,
    pub(super) sample: Option<(Sample, Span)>,
    reads_user: bool,
}

/// One turn of a template's body.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) role: Role,
    pub(super) source: String,
    /// The line of the file in which the source begins, from 0.
    pub(super) line: u32,
}

/// The example request that a template is tried with when it is loaded.
#[derive(Debug, Default)]
pub(super) struct Sample {
    pub(super) user: Map<String, Value>,
    pub(super) context: Map<String, Value>,
    pub(super) product: Map<String, Value>,
}

/// What a template's file name says.
#[derive(Debug, PartialEq)]
pub(super) struct Name {
    pub(super) segment: String,
    pub(super) locale: Option<Locale>,
    pub(super) user: bool,
}

/// Reads `bargain-hunters.de.user` into its parts.
pub(super) fn name(stem: &str) -> Result<Name, String> {
    let mut parts = stem.split('.');
    let segment = parts.next().unwrap_or_default().to_owned();
    let mut name = Name { segment, locale: None, user: false };
    for part in parts {
        if name.user {
            return Err("`user` stands last in the name".into());
        }
        match part {
            "user" => name.user = true,
            _ if name.locale.is_some() => return Err("the name says two languages".into()),
            _ => match Locale::parse(part) {
                Some(locale) => name.locale = Some(locale),
                None => return Err(format!("`{part}` is no language")),
            },
        }
    }
    Ok(name)
}

impl Template {
    /// The tier of what is generated from it.
    pub fn tier(&self) -> Tier {
        if self.reads_user { Tier::User } else { Tier::Segment }
    }

    /// Whether it sees nothing but the product's facts.
    pub fn reads_product_alone(&self) -> bool {
        self.inputs.iter().all(|input| input.path.starts_with("product."))
    }

    /// The language among those of its pre-written copy that answers a locale best.
    pub fn written_in(&self, locale: &Locale) -> Option<&Locale> {
        locale.candidates().find_map(|candidate| self.prewritten.keys().find(|l| l.as_str() == candidate))
    }

    /// The languages of its pre-written copy.
    pub fn languages(&self) -> impl Iterator<Item = &Locale> {
        self.prewritten.keys()
    }

    /// The declared inputs of a request, shaped; nested as templates see them. What is missing is left out.
    pub fn inputs(&self, scope: &Scope<'_>) -> Map<String, Value> {
        let mut inputs = Map::new();
        for root in ["product", "user", "context"] {
            if self.inputs.iter().any(|input| input.path.starts_with(root)) {
                inputs.insert(root.into(), Value::Object(Map::new()));
            }
        }
        for input in &self.inputs {
            if let Some(value) = input.value(scope) {
                put(&mut inputs, &input.path, value);
            }
        }
        inputs
    }
}

/// Reads one template file. `default_language` is that of copy whose language nothing names.
pub(super) fn read(
    file: &str,
    text: &str,
    placement: &PlacementId,
    stem: &str,
    default_language: &Locale,
    attributes: &Attributes,
) -> (Option<Template>, Vec<Diagnostic>) {
    let faults = Faults::of(file);
    let name = match name(stem) {
        Ok(name) => name,
        Err(message) => {
            faults.error_with_help(
                Span::START,
                format!("the file's name cannot be read: {message}"),
                "name it `<segment>[.<language>][.user].prompty`",
            );
            return (None, faults.into_diagnostics());
        }
    };
    let Some((front, body, body_line)) = split(text) else {
        faults.error_with_help(
            Span::START,
            "a template begins with its front matter",
            "begin the file with a line `---`, then `name:` and so on, then another line `---`",
        );
        return (None, faults.into_diagnostics());
    };
    // The front matter begins in the second line; a line break before it keeps the positions true.
    let front = format!("\n{front}");
    let Some(root) = document::parse(&front, &faults) else { return (None, faults.into_diagnostics()) };
    let template = front_matter(&root, placement, stem, name, default_language, attributes, text, &faults);
    let turns = turns(body, body_line, &faults);
    let template = template.map(|template| Template { turns, ..template });
    (template, faults.into_diagnostics())
}

#[expect(clippy::too_many_arguments, reason = "what one file says, gathered where it is read")]
fn front_matter(
    root: &Node,
    placement: &PlacementId,
    stem: &str,
    name: Name,
    default_language: &Locale,
    attributes: &Attributes,
    text: &str,
    faults: &Faults,
) -> Option<Template> {
    let mut fields = Fields::of(root, "the front matter", faults)?;
    let _ = (fields.text("name", faults), fields.text("description", faults));
    let _ = (fields.texts("authors", faults), fields.texts("tags", faults), fields.text("version", faults));
    let parameters = fields.take("model").and_then(|node| model(node, faults)).unwrap_or_default();
    let inputs_node =
        fields.require("inputs", "list what the template may see, such as `product.name:`", faults);
    let inputs = inputs_node.map(|node| input::read(node, attributes, faults)).unwrap_or_default();
    let reads_user = inputs.iter().any(|input| input.path.starts_with("user."));
    if reads_user != name.user
        && let Some(node) = inputs_node
    {
        let (message, help) = if reads_user {
            (
                "this template reads the user, and its name does not say so",
                format!("name it `{stem}.user.prompty`"),
            )
        } else {
            (
                "this template is named `.user` and reads nothing of the user",
                "take `.user` out of its name".into(),
            )
        };
        faults.error_with_help(node.span, message, help);
    }
    let language = name.locale.as_ref().unwrap_or(default_language);
    let prewritten =
        fields.require("prewritten", "write the copy that is shown when no other can be", faults);
    let prewritten =
        prewritten.map(|node| prewritten_by_language(node, language, faults)).unwrap_or_default();
    let sample = fields.take("sample").and_then(|node| Some((sample(node, faults)?, node.span)));
    fields.finish(faults);
    Some(Template {
        id: TemplateId::new(format!("{placement}/{stem}")),
        placement: placement.clone(),
        segment: SegmentId::new(name.segment),
        locale: name.locale,
        hash: blake3::hash(text.as_bytes()),
        inputs,
        parameters,
        file: faults.file().to_owned(),
        prewritten,
        turns: Vec::new(),
        sample,
        reads_user,
    })
}

fn prewritten_by_language(
    node: &Node,
    language: &Locale,
    faults: &Faults,
) -> BTreeMap<Locale, (String, Span)> {
    match &node.kind {
        Kind::Map(_) => super::placement::texts_by_language(node, faults)
            .into_iter()
            .filter_map(|(language, text)| Some((Locale::parse(&language)?, text)))
            .collect(),
        _ => {
            let text = document::text(node, faults).map(|text| (text, node.span));
            text.map(|text| (language.clone(), text)).into_iter().collect()
        }
    }
}

fn model(node: &Node, faults: &Faults) -> Option<Parameters> {
    let mut fields = Fields::of(node, "the model", faults)?;
    let _ = fields.text("api", faults);
    let parameters = fields.take("parameters").and_then(|node| {
        let mut fields = Fields::of(node, "the parameters", faults)?;
        let mut number = |key, from: f64, to: f64| {
            let node = fields.take(key)?;
            let number = document::number(node, faults)?;
            if !(from..=to).contains(&number) {
                faults.error_with_help(
                    node.span,
                    format!("`{key}` is out of range"),
                    format!("write {from} to {to}"),
                );
            }
            Some(number)
        };
        let parameters = Parameters {
            temperature: number("temperature", 0.0, 2.0),
            top_p: number("top_p", 0.0, 1.0),
            presence_penalty: number("presence_penalty", -2.0, 2.0),
            frequency_penalty: number("frequency_penalty", -2.0, 2.0),
            max_tokens: number("max_tokens", 1.0, 16_384.0).map(|tokens| tokens as u32),
        };
        fields.finish(faults);
        Some(parameters)
    });
    fields.finish(faults);
    parameters
}

fn sample(node: &Node, faults: &Faults) -> Option<Sample> {
    let mut fields = Fields::of(node, "the sample", faults)?;
    let mut map = |key| match fields.take(key).map(Node::to_json) {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    };
    let sample = Sample { user: map("user"), context: map("context"), product: map("product") };
    fields.finish(faults);
    Some(sample)
}

/// Front matter, body, and the line in which the body begins, from 0.
fn split(text: &str) -> Option<(&str, &str, u32)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (first, rest) = text.split_once('\n')?;
    if first.trim_end() != "---" {
        return None;
    }
    let mut offset = 0;
    for (index, line) in rest.split_inclusive('\n').enumerate() {
        if line.trim_end() == "---" {
            let (front, body) = (rest.get(..offset)?, rest.get(offset + line.len()..)?);
            return Some((front, body, u32::try_from(index).ok()? + 2));
        }
        offset += line.len();
    }
    None
}

/// Splits a body at its lines `system:`, `user:` and `assistant:`.
fn turns(body: &str, first_line: u32, faults: &Faults) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    for (index, line) in body.split_inclusive('\n').enumerate() {
        let number = first_line + u32::try_from(index).unwrap_or(0);
        let role = match line.trim_end() {
            "system:" => Some(Role::System),
            "user:" => Some(Role::User),
            "assistant:" => Some(Role::Assistant),
            _ => None,
        };
        match (role, turns.last_mut()) {
            (Some(role), _) => turns.push(Turn { role, source: String::new(), line: number + 1 }),
            (None, Some(turn)) => turn.source.push_str(line),
            (None, None) if line.trim().is_empty() => {}
            (None, None) => {
                let help = "begin the body with a line `system:` or `user:`";
                faults.error_with_help(Span::at(number + 1, 1), "this text stands in no turn", help);
                return turns;
            }
        }
    }
    if !turns.iter().any(|turn| turn.role == Role::User) {
        let span = Span::at(first_line + 1, 1);
        faults.error_with_help(
            span,
            "the body asks nothing",
            "add a line `user:` and what is asked below it",
        );
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_segment_language_and_tier() {
        let check = |stem: &str, segment: &str, locale: Option<&str>, user: bool| {
            let locale = locale.and_then(Locale::parse);
            assert_eq!(name(stem), Ok(Name { segment: segment.into(), locale, user }));
        };
        check("default", "default", None, false);
        check("bargain-hunters.de", "bargain-hunters", Some("de"), false);
        check("bargain-hunters.de-AT.user", "bargain-hunters", Some("de-AT"), true);
        assert!(name("a.user.de").is_err());
        assert!(name("a.de.en").is_err());
        assert!(name("a.").is_err());
    }

    #[test]
    fn front_matter_ends_at_its_line() {
        assert_eq!(split("---\na: 1\n---\nsystem:\n"), Some(("a: 1\n", "system:\n", 3)));
        assert_eq!(split("a: 1\n"), None);
        assert_eq!(split("---\na: 1\n"), None);
    }
}
