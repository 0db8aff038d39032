//! YAML text → [`Node`]s. The parser is a library's; what it would silently cut or drop is said here.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::explain::{Explained, explain, oddly_indented, quoted, value_at};
use super::{Faults, Key, Kind, MAX_FILE, Node};
use crate::diagnostic::{Position, Span};

/// The most values that one file may hold, aliases counted as often as they are used.
const MAX_NODES: usize = 200_000;
/// The deepest nesting.
const MAX_DEPTH: usize = 64;

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
    if let Some(Explained { span, message, help }) = oddly_indented(&builder.lines) {
        faults.error_with_help(span, message, help);
        return None;
    }
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => builder.event(event, convert(span)),
            Err(error) => {
                // Where a text was cut, what comes after it makes no sense, and that is said already.
                if faults.errors() == before {
                    let at = Position {
                        line: error.marker().line() as u32,
                        column: error.marker().col() as u32 + 1,
                    };
                    let Explained { span, message, help } = explain(&builder.lines, at, error.info());
                    faults.error_with_help(span, message, help);
                }
                return None;
            }
        }
        if builder.given_up {
            return None;
        }
    }
    for span in std::mem::take(&mut builder.named).into_values() {
        builder.taken_for_something_else(span, "&", "a name");
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
    /// The line, the character in it and its byte that were found last: values come in the order of the text.
    found: (u32, u32, usize),
    faults: &'a Faults,
    open: Vec<Open>,
    anchors: BTreeMap<usize, (Node, usize)>,
    /// Texts that were given a name, until the name is used.
    named: BTreeMap<usize, Span>,
    root: Option<Node>,
    nodes: usize,
    documents: usize,
    given_up: bool,
}

impl<'a> Builder<'a> {
    fn new(text: &'a str, faults: &'a Faults) -> Self {
        Self {
            lines: text.split('\n').collect(),
            found: (0, 0, 0),
            faults,
            open: Vec::new(),
            anchors: BTreeMap::new(),
            named: BTreeMap::new(),
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
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                if plain {
                    self.warn_of_cut_text(&text, span);
                    self.warn_of_curly_quotes(&text, span);
                    if anchor != 0 {
                        self.named.insert(anchor, span);
                    }
                }
                if tag.is_some() {
                    self.taken_for_something_else(span, "!", "a type");
                }
                self.count(1, span);
                // What YAML drops is said already, and is no missing value as well.
                let plain = plain && tag.is_none();
                self.close(Node { span, kind: Kind::Scalar { text: text.into_owned(), plain } }, anchor, 1);
            }
            Event::SequenceStart(anchor, tag) => self.begin(span, anchor, tag.is_some(), false),
            Event::MappingStart(anchor, tag) => self.begin(span, anchor, tag.is_some(), true),
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    // A collection without brackets is said to end where the next thing begins, lines below it.
                    let last = open.items.last().filter(|_| span.start == span.end);
                    let end = last.map_or(span.end, |last| last.span.end.max(open.span.start));
                    let span = Span { start: open.span.start, end };
                    let kind =
                        if open.is_map { self.map(open.items) } else { Kind::List(self.list(open.items)) };
                    self.close(Node { span, kind }, open.anchor, open.size);
                }
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor).map(|(_, size)| *size) {
                Some(size) => {
                    self.named.remove(&anchor);
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

    fn begin(&mut self, span: Span, anchor: usize, is_typed: bool, is_map: bool) {
        if is_typed {
            self.taken_for_something_else(span, "!", "a type");
        }
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
        let mut lines: BTreeMap<String, u32> = BTreeMap::new();
        let mut items = items.into_iter();
        while let (Some(key), Some(mut value)) = (items.next(), items.next()) {
            let Kind::Scalar { text, .. } = key.kind else {
                self.faults.error_with_help(key.span, "a key must be a text", "put this value under a name");
                continue;
            };
            if let Some(line) = lines.get(&text) {
                self.faults.error_with_help(
                    key.span,
                    format!("`{text}` stands here a second time"),
                    format!("merge it with the one in line {line}: YAML would silently drop one of them"),
                );
                continue;
            }
            lines.insert(text.clone(), key.span.start.line);
            if value.is_null()
                && let Some(meant) = self.warn_of_comment(&format!("`{text}`"), key.span)
            {
                value.kind = Kind::Scalar { text: meant, plain: false };
            }
            entries.push((Key { text, span: key.span }, value));
        }
        Kind::Map(entries)
    }

    /// What follows a position in its line.
    fn rest_of_line(&mut self, at: Position) -> Option<&'a str> {
        let line = self.lines.get(at.line.saturating_sub(1) as usize).copied()?;
        let (mut column, mut byte) = match self.found {
            (found, column, byte) if found == at.line && column <= at.column => (column, byte),
            _ => (1, 0),
        };
        for c in line.get(byte..)?.chars().take(at.column.saturating_sub(column) as usize) {
            column += 1;
            byte += c.len_utf8();
        }
        self.found = (at.line, column, byte);
        line.get(byte..)
    }

    /// `Report #14` without quotes is `Report` to YAML. A comment has a space after its `#`; this has none.
    fn warn_of_cut_text(&mut self, text: &str, span: Span) {
        let Some(comment) =
            self.rest_of_line(span.end).map(str::trim_start).filter(|rest| is_no_comment(rest))
        else {
            return;
        };
        if text.is_empty() {
            return;
        }
        // Within brackets the text would have ended at the next of these.
        let line = self.lines.get(span.start.line.saturating_sub(1) as usize).copied().unwrap_or_default();
        let before: String = line.chars().take(span.start.column.saturating_sub(1) as usize).collect();
        let depth = before.matches(['[', '{']).count().saturating_sub(before.matches([']', '}']).count());
        let comment =
            if depth == 0 { comment } else { comment.split([',', ']', '}']).next().unwrap_or(comment) };
        self.faults.error_with_help(
            span,
            format!("YAML cuts this text at ` #`: it would read `{text}`"),
            format!(
                "put it in quotes, {}, or a space after the `#` of a comment",
                quoted(&format!("{text} {}", comment.trim_end()))
            ),
        );
    }

    /// The items of a list, with those that YAML takes for comments said.
    fn list(&self, items: Vec<Node>) -> Vec<Node> {
        let meant = |mut node: Node| {
            let is_item = |line: &u32| {
                let text = self.lines.get(line.saturating_sub(1) as usize).copied().unwrap_or_default();
                text.trim_start().strip_prefix("- ").is_some_and(is_no_comment)
            };
            // What holds nothing is said to stand where the next thing begins.
            let line =
                [node.span.start.line, node.span.start.line.saturating_sub(1)].into_iter().find(is_item);
            if let Some(line) = line.filter(|_| node.is_null()) {
                let text = self.lines.get(line.saturating_sub(1) as usize).copied().unwrap_or_default();
                let column = text.chars().take_while(|c| *c == ' ').count() as u32 + 3;
                let value = text.trim_start().trim_start_matches("- ").trim_end();
                self.taken_for_comment(value, "this item", Span::at(line, column));
                node.kind = Kind::Scalar { text: value.to_owned(), plain: false };
            }
            node
        };
        items.into_iter().map(meant).collect()
    }

    /// `key: #14` without quotes is nothing to YAML. Answers what was meant.
    fn warn_of_comment(&self, what: &str, span: Span) -> Option<String> {
        let line = self.lines.get(span.end.line.saturating_sub(1) as usize).copied().unwrap_or_default();
        let rest: String = line.chars().skip(span.end.column.saturating_sub(1) as usize).collect();
        let value = rest.trim_start_matches(['"', '\'']).trim_start().strip_prefix(':').map(str::trim);
        let value = value.filter(|value| is_no_comment(value))?;
        self.taken_for_comment(value, what, span);
        Some(value.to_owned())
    }

    fn taken_for_comment(&self, value: &str, what: &str, span: Span) {
        self.faults.error_with_help(
            span,
            format!("YAML takes `{value}` for a comment, so {what} would hold nothing"),
            format!("put it in quotes, {}, or a space after the `#` of a comment", quoted(value)),
        );
    }

    /// Curly quotes, as word processors make them, are letters like any other to YAML.
    fn warn_of_curly_quotes(&self, text: &str, span: Span) {
        const PAIRS: &[(char, &[char])] =
            &[('“', &['”', '“']), ('„', &['“', '”']), ('‘', &['’']), ('‚', &['‘', '’'])];
        let Some(first) = text.chars().next() else { return };
        let Some((_, closing)) = PAIRS.iter().find(|(opening, _)| *opening == first) else { return };
        let rest = text.get(first.len_utf8()..).unwrap_or_default();
        if !rest.is_empty() && rest.contains(*closing) && !rest.ends_with(*closing) {
            return;
        }
        let inner = rest.trim_end_matches(*closing);
        let (straight, kept) = (quoted(inner), format!("\"{text}\""));
        self.faults.error_with_help(
            span,
            "these quotes are curly, and YAML takes them for part of the text",
            format!("write straight ones, {straight}; or, if they belong to the text, straight ones around them, {kept}"),
        );
    }

    /// A text that YAML takes apart because of the sign that it begins with.
    fn taken_for_something_else(&self, span: Span, sign: &str, what: &str) {
        let line = self.lines.get(span.start.line.saturating_sub(1) as usize).copied().unwrap_or_default();
        let (at, value) = match value_at(line, span.start) {
            Some((column, value)) if value.starts_with(sign) => (Span::at(span.start.line, column), value),
            _ => (span, ""),
        };
        let word = value.split(' ').next().filter(|word| !word.is_empty()).unwrap_or(sign);
        let help = if value.is_empty() {
            "put the text in quotes".to_owned()
        } else {
            format!("put it in quotes: {}", quoted(value))
        };
        self.faults.error_with_help(at, format!("YAML takes `{word}` for {what}, and would drop it"), help);
    }
}

/// A comment has a space after its `#`; this is a text that somebody forgot to quote.
fn is_no_comment(rest: &str) -> bool {
    rest.strip_prefix('#').is_some_and(|rest| rest.starts_with(|c: char| c.is_alphanumeric()))
}
