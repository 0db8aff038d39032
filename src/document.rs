//! YAML text as values that know where they stand, and readers that note every fault instead of stopping at the first.
//!
//! Scalars stay the text that was written until a reader asks for a number or a truth value, so `no`, `0012345` and
//! `2026-12-01` mean what they say. Knows nothing of what the files are for, and reads none: files come as values.

mod explain;
mod parse;
mod read;
pub mod schema;

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::Value;

pub use parse::parse;
pub use read::{
    Fields, boolean, close_to, count, date, did_you_mean, duration, entries, list, not_quoted, number,
    one_of, parse_duration, text, texts,
};

use crate::diagnostic::{Diagnostic, Span};

/// The text of files by their path, as one value: what a directory held at one moment.
pub type Files = BTreeMap<String, String>;

/// The longest file that is read, in bytes.
pub const MAX_FILE: usize = 4 * 1024 * 1024;

/// One value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A text, number, truth value or nothing, as written. `plain` when it stood without quotes.
    Scalar {
        /// The text.
        text: String,
        /// Whether it stood without quotes.
        plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// A map, in the order written.
    Map(Vec<(Key, Node)>),
}

/// A key of a map.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// The text of it.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

impl Node {
    /// What a reader of the file would call it.
    pub(crate) fn noun(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar { .. } if self.is_null() => "nothing",
            Kind::Scalar { .. } => "a text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }

    /// The text that somebody most likely meant who wrote `New: a lamp` without quotes, which is a map to YAML.
    pub fn cut_at_colon(&self) -> Option<String> {
        let Kind::Map(entries) = &self.kind else { return None };
        let [(key, Node { kind: Kind::Scalar { text, plain: true }, span })] = entries.as_slice() else {
            return None;
        };
        (key.span.start.line == span.end.line && !text.is_empty()).then(|| format!("{}: {text}", key.text))
    }

    /// Whether it is YAML's null: nothing, `~` or `null`, without quotes.
    pub fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The value under a key, when this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|(k, _)| k.text == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The value as JSON. Scalars without quotes become null, a truth value or a number when they are one to YAML's
    /// core schema and nothing would be lost by it: `0012345` and dates stay text.
    pub fn to_json(&self) -> Value {
        match &self.kind {
            Kind::List(items) => items.iter().map(Node::to_json).collect(),
            Kind::Map(entries) => {
                Value::Object(entries.iter().map(|(key, node)| (key.text.clone(), node.to_json())).collect())
            }
            Kind::Scalar { .. } if self.is_null() => Value::Null,
            Kind::Scalar { text, plain } => {
                plain.then(|| scalar(text)).flatten().unwrap_or_else(|| text.as_str().into())
            }
        }
    }

    /// A JSON value as a node that stands at the beginning of its file.
    pub fn from_json(value: &Value) -> Node {
        let kind = match value {
            Value::Null => Kind::Scalar { text: String::new(), plain: true },
            Value::Bool(truth) => Kind::Scalar { text: truth.to_string(), plain: true },
            Value::Number(number) => Kind::Scalar { text: number_text(number), plain: true },
            Value::String(text) => Kind::Scalar { text: text.clone(), plain: false },
            Value::Array(items) => Kind::List(items.iter().map(Node::from_json).collect()),
            Value::Object(map) => Kind::Map(
                map.iter()
                    .map(|(key, v)| (Key { text: key.clone(), span: Span::START }, Node::from_json(v)))
                    .collect(),
            ),
        };
        Node { span: Span::START, kind }
    }
}

/// A JSON number as it reads back: with an exponent only behind a point, since `1e3` in a file is text.
fn number_text(number: &serde_json::Number) -> String {
    let text = number.to_string();
    match text.split_once('e') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0e{exponent}"),
        _ => text,
    }
}

/// What a plain scalar is besides text; `None` when it is text.
fn scalar(text: &str) -> Option<Value> {
    match text {
        "true" | "True" | "TRUE" => return Some(true.into()),
        "false" | "False" | "FALSE" => return Some(false.into()),
        _ => {}
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    let starts_like_a_number = digits.starts_with(|c: char| c.is_ascii_digit());
    let leading_zero = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    // `1e3` is an article's number more often than a thousand.
    let bare_exponent = !digits.contains('.') && digits.contains(['e', 'E']);
    if !starts_like_a_number || leading_zero || bare_exponent {
        return None;
    }
    if let Ok(integer) = text.parse::<i64>() {
        return Some(integer.into());
    }
    let number = text.parse::<f64>().ok().filter(|n| n.is_finite())?;
    serde_json::Number::from_f64(number).map(Value::Number)
}

/// The faults found in one file so far.
#[derive(Debug)]
pub struct Faults {
    file: String,
    found: RefCell<Vec<Diagnostic>>,
}

impl Faults {
    /// None yet, in the file of this name.
    pub fn of(file: impl Into<String>) -> Self {
        Self { file: file.into(), found: RefCell::default() }
    }

    /// The file's name.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Notes an error.
    pub fn error(&self, span: Span, message: impl Into<String>) {
        self.push(Diagnostic::error(&self.file, span, message));
    }

    /// Notes an error and what to write instead.
    pub fn error_with_help(&self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.push(Diagnostic::error(&self.file, span, message).with_help(help));
    }

    /// Notes a warning.
    pub fn warning(&self, span: Span, message: impl Into<String>) {
        self.push(Diagnostic::warning(&self.file, span, message));
    }

    /// Notes a diagnostic made elsewhere.
    pub fn push(&self, diagnostic: Diagnostic) {
        self.found.borrow_mut().push(diagnostic);
    }

    /// How many errors were noted.
    pub fn errors(&self) -> usize {
        self.found.borrow().iter().filter(|diagnostic| diagnostic.is_error()).count()
    }

    /// All of them, in the order of the file.
    pub fn into_diagnostics(self) -> Vec<Diagnostic> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|diagnostic| diagnostic.span);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: &str) -> (Option<Node>, Vec<Diagnostic>) {
        let faults = Faults::of("a.yml");
        let node = parse(text, &faults);
        (node, faults.into_diagnostics())
    }

    #[track_caller]
    fn check_json(text: &str, expected: Value) {
        let (node, faults) = read(text);
        assert_eq!(faults, []);
        assert_eq!(node.unwrap().to_json(), expected);
    }

    #[track_caller]
    fn check_fault(text: &str, place: &str, message: &str) {
        let (_, faults) = read(text);
        let first = faults.first().expect("a fault");
        assert_eq!((first.place().as_str(), first.message.as_str()), (place, message));
    }

    #[test]
    fn scalars_keep_what_conversion_would_lose() {
        check_json(
            "{a: 1, b: 1.5, c: true, d: , e: 'true'}",
            json!({"a": 1, "b": 1.5, "c": true, "d": null, "e": "true"}),
        );
        check_json(
            "[no, off, 0012345, 2026-12-01, 1e999, .inf, 0x10, -0.5, 1e3, 12:30, 1.5e3]",
            json!([
                "no",
                "off",
                "0012345",
                "2026-12-01",
                "1e999",
                ".inf",
                "0x10",
                -0.5,
                "1e3",
                "12:30",
                1500.0
            ]),
        );
        check_json("a: &x [1]\nb: *x", json!({"a": [1], "b": [1]}));
        check_json("", json!({}));
        check_json("\u{feff}a: 1", json!({"a": 1}));
    }

    #[test]
    fn what_yaml_would_cut_is_said() {
        check_fault("a: Report #14", "a.yml:1:4", "YAML cuts this text at ` #`: it would read `Report`");
        check_fault("a: [Report #14, b]", "a.yml:1:5", "YAML cuts this text at ` #`: it would read `Report`");
        // What the cut breaks further down is no fault of its own.
        assert_eq!(read("a: [Report #14, b]").1.len(), 1);
        check_fault("a: !Now or never", "a.yml:1:4", "YAML takes `!Now` for a type, and would drop it");
        check_fault("a: !now [b]", "a.yml:1:4", "YAML takes `!now` for a type, and would drop it");
        check_fault("a: &co kg", "a.yml:1:4", "YAML takes `&co` for a name, and would drop it");
        check_json("a: &x kg\nb: *x", json!({"a": "kg", "b": "kg"}));
        check_json("a: Report # fourteen\nb: 'Report #14'", json!({"a": "Report", "b": "Report #14"}));
    }

    #[test]
    fn what_yaml_would_drop_is_said() {
        check_fault("a: 1\nb: 2\na: 3", "a.yml:3:1", "`a` stands here a second time");
        check_fault("a: 1\n---\nb: 1", "a.yml:2:1", "a second document begins here");
        check_fault("a: [1", "a.yml:1:4", "the bracket `[` is never closed");
    }

    #[test]
    fn a_billion_laughs_stay_few() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..9 {
            let uses = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{uses}]\n"));
        }
        let (node, faults) = read(&text);
        assert!(node.is_none());
        assert!(faults.iter().any(|f| f.message.contains("values in one file")), "{faults:?}");
    }

    #[test]
    fn unknown_keys_name_the_likely_one() {
        let faults = Faults::of("a.yml");
        let node = parse("levle: error\nmessage: x", &faults).unwrap();
        let mut fields = Fields::of(&node, "a rule", &faults).unwrap();
        fields.take("level");
        fields.take("message");
        fields.finish(&faults);
        let found = faults.into_diagnostics();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].message, "a rule has no key `levle`");
        assert_eq!(found[0].help.as_deref(), Some("write `level`"));
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("250ms"), Some(std::time::Duration::from_millis(250)));
        assert_eq!(parse_duration("7d"), Some(std::time::Duration::from_secs(7 * 86_400)));
        for bad in ["", "s", "1", "-1s", "1.5s", "1 s", "99999999999999999999d", "1y"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,60}|[-:#&*!|>'\"\\[\\]{}a \n]{0,60}") {
            read(&text);
        }
    }
}
