//! YAML text as values that know where they stand, and readers that note every fault instead of stopping at the first.
//!
//! Scalars stay the text that was written until a reader asks for a number or a truth value, so `no`, `0012345` and
//! `2026-12-01` mean what they say. Knows nothing of what the files are for, and reads none: files come as values.

use std::cell::RefCell;
use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::Value;

use crate::diagnostic::{Diagnostic, Position, Span};

/// The text of files by their path, as one value: what a directory held at one moment.
pub type Files = BTreeMap<String, String>;

/// The longest file that is read, in bytes.
pub const MAX_FILE: usize = 4 * 1024 * 1024;
/// The most values that one file may hold, aliases counted as often as they are used.
const MAX_NODES: usize = 200_000;
/// The deepest nesting.
const MAX_DEPTH: usize = 64;

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
    fn noun(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar { .. } if self.is_null() => "nothing",
            Kind::Scalar { .. } => "a text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
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
            Value::Number(number) => Kind::Scalar { text: number.to_string(), plain: true },
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
    if !starts_like_a_number || leading_zero {
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

/// Reads one YAML document. `None` when it is no YAML, is too large, or holds more than one document; an empty text is
/// an empty map.
pub fn parse(text: &str, faults: &Faults) -> Option<Node> {
    let before = faults.errors();
    if text.len() > MAX_FILE {
        faults.error(Span::START, format!("the file is larger than {} MiB", MAX_FILE / 1024 / 1024));
        return None;
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder::new(text, faults);
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => builder.event(event, convert(span)),
            Err(error) => {
                let at = error.marker();
                faults.error_with_help(
                    Span::at(at.line() as u32, at.col() as u32 + 1),
                    format!("this is no YAML: {}", error.info()),
                    "check the indentation (spaces, no tabs), and put texts that hold `: `, ` #` or begin with a sign in quotes",
                );
                return None;
            }
        }
        if builder.given_up {
            return None;
        }
    }
    if faults.errors() > before && builder.root.is_none() {
        return None;
    }
    Some(builder.root.unwrap_or(Node { span: Span::START, kind: Kind::Map(Vec::new()) }))
}

fn convert(span: saphyr_parser::Span) -> Span {
    let position =
        |at: saphyr_parser::Marker| Position { line: at.line() as u32, column: at.col() as u32 + 1 };
    Span { start: position(span.start), end: position(span.end) }
}

/// A list or map whose end has not come yet.
struct Open {
    span: Span,
    anchor: usize,
    /// The items of a list; a map's keys and values in turn.
    items: Vec<Node>,
    is_map: bool,
    /// How many values stand in it, itself and what aliases stand for included.
    size: usize,
}

struct Builder<'a> {
    lines: Vec<&'a str>,
    faults: &'a Faults,
    open: Vec<Open>,
    anchors: BTreeMap<usize, (Node, usize)>,
    root: Option<Node>,
    nodes: usize,
    documents: usize,
    given_up: bool,
}

impl<'a> Builder<'a> {
    fn new(text: &'a str, faults: &'a Faults) -> Self {
        Self {
            lines: text.split('\n').collect(),
            faults,
            open: Vec::new(),
            anchors: BTreeMap::new(),
            root: None,
            nodes: 0,
            documents: 0,
            given_up: false,
        }
    }

    fn event(&mut self, event: Event<'_>, span: Span) {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.faults.error_with_help(
                        span,
                        "a second document begins here",
                        "keep one document to a file: take out the `---`",
                    );
                    self.given_up = true;
                }
            }
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                if plain {
                    self.warn_of_cut_text(&text, span);
                }
                self.count(1, span);
                self.close(Node { span, kind: Kind::Scalar { text: text.into_owned(), plain } }, anchor, 1);
            }
            Event::SequenceStart(anchor, _) => self.begin(span, anchor, false),
            Event::MappingStart(anchor, _) => self.begin(span, anchor, true),
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    let span = Span { start: open.span.start, end: span.end };
                    let kind = if open.is_map { self.map(open.items) } else { Kind::List(open.items) };
                    self.close(Node { span, kind }, open.anchor, open.size);
                }
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor).map(|(_, size)| *size) {
                Some(size) => {
                    self.count(size, span);
                    let named = self.anchors.get(&anchor).filter(|_| !self.given_up).cloned();
                    if let Some((node, _)) = named {
                        self.close(Node { span, ..node }, 0, size);
                    }
                }
                None => self.faults.error(span, "this alias stands inside what it names"),
            },
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
    }

    fn begin(&mut self, span: Span, anchor: usize, is_map: bool) {
        if self.open.len() >= MAX_DEPTH {
            self.faults.error(span, format!("more than {MAX_DEPTH} levels of nesting"));
            self.given_up = true;
        }
        self.count(1, span);
        self.open.push(Open { span, anchor, items: Vec::new(), is_map, size: 1 });
    }

    fn count(&mut self, values: usize, span: Span) {
        self.nodes += values;
        if self.nodes > MAX_NODES {
            self.faults.error(span, format!("more than {MAX_NODES} values in one file"));
            self.given_up = true;
        }
    }

    fn close(&mut self, node: Node, anchor: usize, size: usize) {
        if self.given_up {
            return;
        }
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.open.last_mut() {
            Some(parent) => {
                parent.size += size;
                parent.items.push(node);
            }
            None => self.root = Some(node),
        }
    }

    fn map(&self, items: Vec<Node>) -> Kind {
        let mut entries: Vec<(Key, Node)> = Vec::with_capacity(items.len() / 2);
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            let Kind::Scalar { text, .. } = key.kind else {
                self.faults.error_with_help(key.span, "a key must be a text", "put this value under a name");
                continue;
            };
            if let Some((first, _)) = entries.iter().find(|(k, _)| k.text == text) {
                let line = first.span.start.line;
                self.faults.error_with_help(
                    key.span,
                    format!("`{text}` stands here a second time"),
                    format!("merge it with the one in line {line}: YAML would silently drop one of them"),
                );
                continue;
            }
            entries.push((Key { text, span: key.span }, value));
        }
        Kind::Map(entries)
    }

    /// `Report #14` without quotes is `Report` to YAML. A comment has a space after its `#`; this has none.
    fn warn_of_cut_text(&self, text: &str, span: Span) {
        let Some(line) = self.lines.get(span.end.line.saturating_sub(1) as usize) else { return };
        let rest: String = line.chars().skip(span.end.column.saturating_sub(1) as usize).collect();
        let comment = rest.trim_start();
        let cut = comment.strip_prefix('#').is_some_and(|c| c.starts_with(|c: char| c.is_alphanumeric()));
        if cut && !text.is_empty() {
            let whole = format!("{text} {}", comment.trim_end());
            self.faults.error_with_help(
                span,
                format!("YAML cuts this text at ` #`: it would read `{text}`"),
                format!(
                    "put it in quotes, \"{}\", or a space after the `#` of a comment",
                    whole.replace('"', "\\\"")
                ),
            );
        }
    }
}

/// The keys of one map, taken one by one; what is left over at the end is a fault.
#[derive(Debug)]
pub struct Fields<'n> {
    node: &'n Node,
    entries: &'n [(Key, Node)],
    known: Vec<&'static str>,
    what: &'static str,
}

impl<'n> Fields<'n> {
    /// Starts reading a map; `what` names it in messages ("a rule"). `None`, with a fault, when it is none.
    pub fn of(node: &'n Node, what: &'static str, faults: &Faults) -> Option<Self> {
        match &node.kind {
            Kind::Map(entries) => Some(Self { node, entries, known: Vec::new(), what }),
            _ => {
                faults.error_with_help(
                    node.span,
                    format!("{what} must be a map, and this is {}", node.noun()),
                    "write `key: value` lines, indented alike",
                );
                None
            }
        }
    }

    /// Where the map stands.
    pub fn span(&self) -> Span {
        self.node.span
    }

    /// Takes a key's value; `None` when the key is not there or holds nothing.
    pub fn take(&mut self, key: &'static str) -> Option<&'n Node> {
        self.known.push(key);
        self.entries.iter().find(|(k, _)| k.text == key).map(|(_, node)| node).filter(|node| !node.is_null())
    }

    /// Takes a key's value; a fault when it is not there, with `help` for what to write.
    pub fn require(&mut self, key: &'static str, help: &str, faults: &Faults) -> Option<&'n Node> {
        let found = self.take(key);
        if found.is_none() {
            let span = Span { start: self.node.span.start, end: self.node.span.start };
            faults.error_with_help(span, format!("{} needs `{key}`", self.what), help);
        }
        found
    }

    /// A required text.
    pub fn require_text(&mut self, key: &'static str, help: &str, faults: &Faults) -> Option<String> {
        self.require(key, help, faults).and_then(|node| text(node, faults))
    }

    /// An optional text.
    pub fn text(&mut self, key: &'static str, faults: &Faults) -> Option<String> {
        self.take(key).and_then(|node| text(node, faults))
    }

    /// An optional truth value; `default` when it is not there.
    pub fn boolean(&mut self, key: &'static str, default: bool, faults: &Faults) -> bool {
        self.take(key).and_then(|node| boolean(node, faults)).unwrap_or(default)
    }

    /// An optional list of texts; one text alone is a list of one.
    pub fn texts(&mut self, key: &'static str, faults: &Faults) -> Vec<String> {
        self.take(key).map(|node| texts(node, faults)).unwrap_or_default()
    }

    /// Ends the reading: every key that was not taken is a fault, with the likely name.
    pub fn finish(self, faults: &Faults) {
        for (key, _) in self.entries.iter().filter(|(key, _)| !self.known.contains(&key.text.as_str())) {
            let message = format!("{} has no key `{}`", self.what, key.text);
            faults.error_with_help(key.span, message, did_you_mean(&key.text, self.known.iter().copied()));
        }
    }
}

/// "write `x`" when one of the known words is close to the one given, else all that are known.
pub fn did_you_mean<'k>(word: &str, known: impl Iterator<Item = &'k str> + Clone) -> String {
    let close = known
        .clone()
        .map(|candidate| (strsim::damerau_levenshtein(&word.to_lowercase(), candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4);
    match close {
        Some((_, candidate)) => format!("write `{candidate}`"),
        None => format!("known here: {}", known.map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ")),
    }
}

/// The text of a scalar, however YAML would read it.
pub fn text(node: &Node, faults: &Faults) -> Option<String> {
    match &node.kind {
        Kind::Scalar { text, .. } => Some(text.clone()),
        _ => {
            faults.error(node.span, format!("a text is needed here, and this is {}", node.noun()));
            None
        }
    }
}

/// `true` or `false`.
pub fn boolean(node: &Node, faults: &Faults) -> Option<bool> {
    match &node.kind {
        Kind::Scalar { text, .. } if text == "true" => Some(true),
        Kind::Scalar { text, .. } if text == "false" => Some(false),
        _ => {
            faults.error_with_help(node.span, "a truth value is needed here", "write `true` or `false`");
            None
        }
    }
}

/// A whole number from 0.
pub fn count(node: &Node, faults: &Faults) -> Option<usize> {
    match &node.kind {
        Kind::Scalar { text, .. } if text.parse::<usize>().is_ok() => text.parse().ok(),
        _ => {
            faults.error_with_help(
                node.span,
                "a whole number is needed here",
                "write digits alone, such as `280`",
            );
            None
        }
    }
}

/// A number.
pub fn number(node: &Node, faults: &Faults) -> Option<f64> {
    match &node.kind {
        Kind::Scalar { text, .. } if text.parse::<f64>().is_ok_and(f64::is_finite) => text.parse().ok(),
        _ => {
            faults.error_with_help(
                node.span,
                "a number is needed here",
                "write digits with a point, such as `0.6`",
            );
            None
        }
    }
}

/// A list of texts; one text alone is a list of one.
pub fn texts(node: &Node, faults: &Faults) -> Vec<String> {
    match &node.kind {
        Kind::List(items) => items.iter().filter_map(|item| text(item, faults)).collect(),
        _ => text(node, faults).into_iter().collect(),
    }
}

/// The items of a list; a fault when it is none.
pub fn list<'n>(node: &'n Node, faults: &Faults) -> &'n [Node] {
    match &node.kind {
        Kind::List(items) => items,
        _ => {
            faults.error_with_help(
                node.span,
                format!("a list is needed here, and this is {}", node.noun()),
                "begin each item with `- `",
            );
            &[]
        }
    }
}

/// The entries of a map; a fault when it is none.
pub fn entries<'n>(node: &'n Node, faults: &Faults) -> &'n [(Key, Node)] {
    match &node.kind {
        Kind::Map(entries) => entries,
        _ => {
            faults.error_with_help(
                node.span,
                format!("a map is needed here, and this is {}", node.noun()),
                "write `key: value` lines, indented alike",
            );
            &[]
        }
    }
}

/// One of the words that are known here.
pub fn one_of<T: Copy>(node: &Node, words: &[(&str, T)], faults: &Faults) -> Option<T> {
    let given = text(node, faults)?;
    let found = words.iter().find(|(word, _)| *word == given).map(|(_, value)| *value);
    if found.is_none() {
        let help = did_you_mean(&given, words.iter().map(|(word, _)| *word));
        faults.error_with_help(node.span, format!("`{given}` is not known here"), help);
    }
    found
}

/// A day, as `2026-12-01`.
pub fn date(node: &Node, faults: &Faults) -> Option<jiff::civil::Date> {
    let given = text(node, faults)?;
    // The parser would also take a whole timestamp; a rule begins and ends with days.
    let parsed = (given.len() == 10).then(|| given.parse().ok()).flatten();
    if parsed.is_none() {
        let help = "write year-month-day, such as `2026-12-01`";
        faults.error_with_help(node.span, format!("`{given}` is no date"), help);
    }
    parsed
}

/// A duration such as `250ms`, `8s`, `10m`, `24h`, `7d`.
pub fn duration(node: &Node, faults: &Faults) -> Option<std::time::Duration> {
    let given = text(node, faults)?;
    let parsed = parse_duration(&given);
    if parsed.is_none() {
        let help = "write a number and one of `ms`, `s`, `m`, `h`, `d`, such as `30s`";
        faults.error_with_help(node.span, format!("`{given}` is no duration"), help);
    }
    parsed
}

/// Reads `250ms`, `8s`, `10m`, `24h`, `7d`: a whole number and its unit, up to a hundred years.
pub fn parse_duration(text: &str) -> Option<std::time::Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let millis_each = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let millis = number.parse::<u64>().ok()?.checked_mul(millis_each)?;
    (millis <= 100 * 366 * 86_400_000).then(|| std::time::Duration::from_millis(millis))
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
            "[no, off, 0012345, 2026-12-01, 1e999, .inf, 0x10, -0.5]",
            json!(["no", "off", "0012345", "2026-12-01", "1e999", ".inf", "0x10", -0.5]),
        );
        check_json("a: &x [1]\nb: *x", json!({"a": [1], "b": [1]}));
        check_json("", json!({}));
        check_json("\u{feff}a: 1", json!({"a": 1}));
    }

    #[test]
    fn what_yaml_would_cut_is_said() {
        check_fault("a: Report #14", "a.yml:1:4", "YAML cuts this text at ` #`: it would read `Report`");
        check_json("a: Report # fourteen\nb: 'Report #14'", json!({"a": "Report", "b": "Report #14"}));
    }

    #[test]
    fn what_yaml_would_drop_is_said() {
        check_fault("a: 1\nb: 2\na: 3", "a.yml:3:1", "`a` stands here a second time");
        check_fault("a: 1\n---\nb: 1", "a.yml:2:1", "a second document begins here");
        check_fault(
            "a: [1",
            "a.yml:2:1",
            "this is no YAML: while parsing a flow sequence, expected ',' or ']'",
        );
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
