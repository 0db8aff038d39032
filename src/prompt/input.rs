//! Declared inputs: what of a request a template may see, shaped before it enters prompt or cache key.

use serde_json::{Map, Value};

use crate::condition::Scope;
use crate::diagnostic::Span;
use crate::document::{self, Faults, Fields, Node, list};
use crate::guardrail::is_invisible;
use crate::segment::{Attributes, Type};

/// The longest text that enters a prompt unless the template says less, in characters.
const MAX_TEXT: usize = 2_000;
/// The most items of a list or map that enter a prompt unless the template says less.
const MAX_ITEMS: usize = 60;
/// The deepest nesting that enters a prompt.
const MAX_DEPTH: usize = 6;

/// One input that a template declares.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Its path, such as `product.features`.
    pub path: String,
    /// Numbers become one of these labels.
    pub bands: Option<Bands>,
    /// The most characters of a text, or items of a list or map.
    pub max: Option<usize>,
    /// These keys of a map, in this order.
    pub pick: Vec<String>,
    /// Where it is declared.
    pub(super) span: Span,
}

/// Where a number falls: below the first bound, from one to the next, from the last up.
#[derive(Clone, Debug, PartialEq)]
pub struct Bands {
    bounds: Vec<f64>,
    labels: Vec<String>,
}

impl Bands {
    fn label(&self, number: f64) -> &str {
        let band = self.bounds.iter().take_while(|bound| number >= **bound).count();
        self.labels.get(band).map_or("", String::as_str)
    }
}

impl Input {
    /// The value of this input for a request; `None` when it is missing.
    pub(super) fn value(&self, scope: &Scope<'_>) -> Option<Value> {
        let value = scope.look_up(&self.path)?;
        if let Some(bands) = &self.bands {
            // A value that is no number falls into no band, so nothing of it is seen.
            return value.as_f64().map(|number| bands.label(number).into());
        }
        let value = match value {
            Value::Object(map) if !self.pick.is_empty() => {
                // A list of pairs would change what templates see; picking keeps a map, in the map's own order.
                Value::Object(
                    self.pick.iter().filter_map(|k| Some((k.clone(), map.get(k)?.clone()))).collect(),
                )
            }
            other => other.clone(),
        };
        Some(bounded(&value, self.max, 0))
    }
}

/// Values as data for a prompt: texts cut and stripped of control and bidi characters, lists and maps cut.
fn bounded(value: &Value, max: Option<usize>, depth: usize) -> Value {
    let items = max.unwrap_or(MAX_ITEMS);
    match value {
        Value::String(text) => cleaned(text, max.unwrap_or(MAX_TEXT)).into(),
        Value::Array(_) | Value::Object(_) if depth >= MAX_DEPTH => Value::Null,
        Value::Array(list) => list.iter().take(items).map(|v| bounded(v, None, depth + 1)).collect(),
        Value::Object(map) => Value::Object(
            map.iter()
                .take(items)
                .map(|(k, v)| (cleaned(k, 200), bounded(v, None, depth + 1)))
                .collect::<Map<_, _>>(),
        ),
        other => other.clone(),
    }
}

/// A text without control, bidi, zero-width and other invisible characters, of at most `max` characters. Tabs stay, and so
/// do line ends, each as `\n`.
pub(crate) fn cleaned(text: &str, max: usize) -> String {
    // Most texts are plain and short, and need no second look at each character.
    let plain = |b: u8| matches!(b, b'\n' | b'\t' | b' '..=b'~');
    if text.len() <= max && text.bytes().all(plain) {
        return text.trim_end().to_owned();
    }
    let keeps = |c: &char| matches!(c, '\n' | '\t') || !(c.is_control() || is_invisible(*c));
    let one_form = |c: char| match c {
        '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
        other => other,
    };
    let mut cleaned: String = text.chars().map(one_form).filter(keeps).take(max).collect();
    cleaned.truncate(cleaned.trim_end().len());
    cleaned
}

/// Reads `inputs:` of a template: a map of path to its shaping.
pub(super) fn read(node: &Node, attributes: &Attributes, faults: &Faults) -> Vec<Input> {
    let mut inputs = Vec::new();
    for (key, node) in document::entries(node, faults) {
        match key.text.split_once('.') {
            Some(("product", _)) => {}
            Some(("user" | "context", _)) => match attributes.find(&key.text) {
                _ if attributes.personal(&key.text).is_some() => faults.error_with_help(
                    key.span,
                    match attributes.personal(&key.text) {
                        Some(d) if d.path != key.text => {
                            format!(
                                "`{}` brings `{}`, which is personal and can never enter a prompt",
                                key.text, d.path
                            )
                        }
                        _ => format!("`{}` is personal and can never enter a prompt", key.text),
                    },
                    "take this input out, or prompt with a segment instead",
                ),
                Some(_) => {}
                None if key.text == "context.locale" => {}
                None => faults.error_with_help(
                    key.span,
                    format!("`{}` is not declared in the segments file", key.text),
                    "declare it under `attributes:` there, or take this input out",
                ),
            },
            _ => faults.error_with_help(
                key.span,
                format!("`{}` is no input's path", key.text),
                "begin it with `product.`, `user.` or `context.`",
            ),
        }
        if node.is_null() {
            inputs.push(Input {
                path: key.text.clone(),
                bands: None,
                max: None,
                pick: Vec::new(),
                span: key.span,
            });
            continue;
        }
        let Some(mut fields) = Fields::of(node, "an input", faults) else { continue };
        let _ = fields.text("description", faults);
        let _ = fields.text("type", faults);
        let bounds = fields.take("bands");
        let labels = fields.texts("labels", faults);
        let max = fields.take("max").and_then(|node| document::count(node, faults));
        let pick = fields.texts("pick", faults);
        let kind = attributes.find(&key.text).filter(|declared| declared.path == key.text).map(|d| d.kind);
        unfit(kind, bounds, fields_of("pick", node), fields_of("max", node), faults);
        let bands = bounds.and_then(|node| bands(node, labels, faults));
        fields.finish(faults);
        inputs.push(Input { path: key.text.clone(), bands, max, pick, span: key.span });
    }
    inputs
}

fn fields_of<'n>(key: &str, node: &'n Node) -> Option<&'n Node> {
    node.get(key).filter(|node| !node.is_null())
}

/// What can shape nothing: bands of what is no number, keys of what is no map, a maximum of nothing.
fn unfit(kind: Option<Type>, bands: Option<&Node>, pick: Option<&Node>, max: Option<&Node>, faults: &Faults) {
    let number = matches!(kind, None | Some(Type::Integer | Type::Number));
    if let Some(node) = bands.filter(|_| !number) {
        let help = "take `bands` out, or declare the attribute as a number";
        faults.error_with_help(node.span, "bands are for numbers, and this input is none", help);
    }
    if let Some(node) = pick.filter(|_| !matches!(kind, None | Some(Type::Map))) {
        let help = "take `pick` out, or declare the attribute as a map";
        faults.error_with_help(node.span, "`pick` is for maps, and this input is none", help);
    }
    if let Some(node) = max.filter(|node| document::count(node, &Faults::of("")) == Some(0)) {
        faults.error_with_help(
            node.span,
            "nothing would be left of this input",
            "write at least 1, or take it out",
        );
    }
}

fn bands(node: &Node, labels: Vec<String>, faults: &Faults) -> Option<Bands> {
    let bounds: Vec<f64> =
        list(node, faults).iter().filter_map(|item| document::number(item, faults)).collect();
    if bounds.is_empty() || !bounds.is_sorted_by(|a, b| a < b) {
        faults.error_with_help(node.span, "bands need bounds that rise", "write `bands: [0.3, 0.7]`");
        return None;
    }
    let labels = match labels.len() {
        0 => {
            let between =
                bounds.iter().zip(bounds.iter().skip(1)).map(|(from, to)| format!("{from} to {to}"));
            let first = bounds.first().map(|bound| format!("below {bound}"));
            let last = bounds.last().map(|bound| format!("{bound} and up"));
            first.into_iter().chain(between).chain(last).collect()
        }
        n if n == bounds.len() + 1 => labels,
        n => {
            faults.error_with_help(
                node.span,
                format!("{} bounds make {} bands, and there are {n} labels", bounds.len(), bounds.len() + 1),
                "give one label for each band",
            );
            return None;
        }
    };
    Some(Bands { bounds, labels })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_enter_as_bands() {
        let bands =
            Bands { bounds: vec![0.3, 0.7], labels: vec!["low".into(), "some".into(), "high".into()] };
        for (number, label) in
            [(-1.0, "low"), (0.29, "low"), (0.3, "some"), (0.69, "some"), (0.7, "high"), (9.0, "high")]
        {
            assert_eq!(bands.label(number), label, "{number}");
        }
    }

    #[test]
    fn texts_are_cut_and_cleaned() {
        assert_eq!(cleaned("a\u{202e}b\u{0}c\u{200b}\nd  ", 100), "abc\nd");
        assert_eq!(cleaned("a\u{2800}b\u{1bca0}c\u{fdd0}d\u{1fffe}e\u{13430}f\u{fff8}", 100), "abcdef");
        assert_eq!(cleaned("a\u{2028}b\r\nc\u{e0141}\u{fe0f}\u{61c}\u{3164}d", 100), "a\nb\ncd");
        let keys = json!({"a\u{202e}b": {"c\u{0}": [{"\u{e0041}d": "e"}]}});
        assert_eq!(bounded(&keys, None, 0), json!({"ab": {"c": [{"d": "e"}]}}));
        let deep = (0..100).fold(json!("deep"), |value, _| json!([value]));
        assert_eq!(bounded(&deep, None, 0), json!([[[[[[null]]]]]]));
        assert_eq!(bounded(&json!("äöü"), Some(2), 0), json!("äö"));
        assert_eq!(bounded(&json!({"a": 1, "b": 2}), Some(1), 0), json!({"a": 1}));
    }
}
