//! YAML text → [`Node`]s. The parser is a library's; what it would silently cut or drop is said here.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle};

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
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => builder.event(event, convert(span)),
            // A text that was cut took the rest of its line along.
            Err(_) if builder.has_cut => return None,
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
    for span in builder.unused.values() {
        faults.error_with_help(
            *span,
            "YAML takes the word that begins with `&` before this text for a name, and drops it",
            "put the whole text in quotes",
        );
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
    /// The texts that were given a name which nothing has used yet.
    unused: BTreeMap<usize, Span>,
    /// Whether a text was cut at its ` #`.
    has_cut: bool,
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
            unused: BTreeMap::new(),
            has_cut: false,
            root: None,
            nodes: 0,
            documents: 0,
            given_up: false,
        }
    }

    fn event(&mut self, event: Event<'_>, span: Span) {
        let is_map = matches!(event, Event::MappingStart(..));
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
                if let Some(tag) = tag {
                    self.no_tag(&tag.suffix, &text, span);
                }
                if anchor != 0 {
                    self.unused.insert(anchor, span);
                }
                let plain = style == ScalarStyle::Plain;
                if plain {
                    self.warn_of_cut_text(&text, span);
                }
                self.count(1, span);
                self.close(Node { span, kind: Kind::Scalar { text: text.into_owned(), plain } }, anchor, 1);
            }
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => {
                if let Some(tag) = tag {
                    self.no_tag(&tag.suffix, "", span);
                }
                self.begin(span, anchor, is_map);
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    // A collection without brackets is said to end where the next thing begins, lines below it.
                    let last = open.items.last().filter(|_| span.start == span.end);
                    let end = last.map_or(span.end, |last| last.span.end.max(open.span.start));
                    let span = Span { start: open.span.start, end };
                    let kind = if open.is_map { self.map(open.items) } else { Kind::List(open.items) };
                    self.close(Node { span, kind }, open.anchor, open.size);
                }
            }
            Event::Alias(anchor) => {
                self.unused.remove(&anchor);
                self.alias(anchor, span);
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
    }

    fn alias(&mut self, anchor: usize, span: Span) {
        let Some(size) = self.anchors.get(&anchor).map(|(_, size)| *size) else {
            self.faults.error(span, "this alias stands inside what it names");
            return;
        };
        self.count(size, span);
        let named = self.anchors.get(&anchor).filter(|_| !self.given_up).cloned();
        if let Some((node, _)) = named {
            self.close(Node { span, ..node }, 0, size);
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
        let mut lines: BTreeMap<String, u32> = BTreeMap::new();
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
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

    /// `!Now or never` without quotes is `or never` to YAML.
    fn no_tag(&self, tag: &str, text: &str, span: Span) {
        let whole = format!("!{tag} {text}");
        self.faults.error_with_help(
            span,
            format!("YAML takes `!{tag}` for a tag and drops it"),
            format!(
                "put the whole text in quotes, \"{}\", or take it out",
                whole.trim().replace('"', "\\\"")
            ),
        );
    }

    /// `Report #14` without quotes is `Report` to YAML. A comment has a space after its `#`; this has none.
    fn warn_of_cut_text(&mut self, text: &str, span: Span) {
        let Some(comment) = self.rest_of_line(span.end).map(str::trim_start) else { return };
        let cut = comment.strip_prefix('#').is_some_and(|c| c.starts_with(|c: char| c.is_alphanumeric()));
        if cut && !text.is_empty() {
            self.has_cut = true;
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
