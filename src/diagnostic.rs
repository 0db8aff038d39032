//! A fault in a file that people edit, as a value: where, what is wrong, what to write instead. The terminal, JSON and
//! later the console each show it their own way. Knows nothing of what the files mean.

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// A place in a file. Lines and columns count from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The character within the line, from 1.
    pub column: u32,
}

impl Position {
    /// The first character of a file.
    pub const START: Position = Position { line: 1, column: 1 };
}

/// A stretch of a file; `end` is the first position after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The first position in it.
    pub start: Position,
    /// The first position after it.
    pub end: Position,
}

/// As `line`, `column`, `end_line`, `end_column`, which programs find more easily than nested positions.
impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Span", 4)?;
        fields.serialize_field("line", &self.start.line)?;
        fields.serialize_field("column", &self.start.column)?;
        fields.serialize_field("end_line", &self.end.line)?;
        fields.serialize_field("end_column", &self.end.column)?;
        fields.end()
    }
}

impl Span {
    /// The beginning of a file, for faults of the file as a whole.
    pub const START: Span = Span { start: Position::START, end: Position::START };

    /// A span of one position.
    pub fn at(line: u32, column: u32) -> Self {
        let position = Position { line, column };
        Self { start: position, end: position }
    }

    /// The same span in a file in which `lines` lines stand before this text.
    pub fn moved_down(self, lines: u32) -> Self {
        let down = |p: Position| Position { line: p.line + lines, column: p.column };
        Self { start: down(self.start), end: down(self.end) }
    }
}

/// How much a diagnostic matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Holds the edit back.
    Error,
    /// Is said and holds nothing back.
    Warning,
}

/// One fault of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Whether it holds the edit back.
    pub severity: Severity,
    /// The file, as a path that a person would type.
    pub file: String,
    /// Where it stands in the file.
    #[serde(flatten)]
    pub span: Span,
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
    /// What to write instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Whom to tell, where the file names an owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What sort of fault it is, for programs; only those sorts have one that somebody may want to tell apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
}

impl Diagnostic {
    /// An error.
    pub fn error(file: impl Into<String>, span: Span, message: impl Into<String>) -> Self {
        let (file, message) = (file.into(), message.into());
        Self { severity: Severity::Error, file, span, message, help: None, owner: None, code: None }
    }

    /// A warning.
    pub fn warning(file: impl Into<String>, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(file, span, message) }
    }

    /// Adds what to write instead.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds what sort of fault it is.
    pub fn with_code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// Whether it holds the edit back.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Where it stands, as `file:line:column`.
    pub fn place(&self) -> String {
        format!("{}:{}:{}", self.file, self.span.start.line, self.span.start.column)
    }
}

/// Whether any of them holds the edit back.
pub fn any_error(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(Diagnostic::is_error)
}

/// Renders one diagnostic for a terminal: severity, message, `file:line:column`, the line itself with a caret, and
/// what to write instead. `source` is the file's text, empty where there is none to show; `colour` adds ANSI colours.
pub fn render(diagnostic: &Diagnostic, source: &str, colour: bool) -> String {
    render_within(diagnostic, source, colour, None)
}

/// The same for a terminal so many characters wide: long lines are cut around what they are shown for, sentences go on in
/// the next line.
pub fn render_within(diagnostic: &Diagnostic, source: &str, colour: bool, columns: Option<usize>) -> String {
    /// What stands before a message at most: `   = help: `.
    const BEFORE: usize = 12;
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let renderer = columns.map_or(renderer.clone(), |columns| renderer.term_width(columns.max(40)));
    let within = |text: &str| match columns {
        Some(columns) => folded(text, columns.max(40) - BEFORE),
        None => text.to_owned(),
    };
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let start = byte_offset(source, diagnostic.span.start);
    let end = byte_offset(source, diagnostic.span.end).max(start);
    let snippet = Snippet::source(source)
        .path(diagnostic.file.as_str())
        .line_start(1)
        .annotation(AnnotationKind::Primary.span(start..end));
    let title = level.primary_title(within(&diagnostic.message));
    // A file that is not there, or a folder, has no line to show.
    let mut group = match source.is_empty() {
        true => title.element(Origin::path(diagnostic.file.as_str())),
        false => title.element(snippet),
    };
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(within(help)));
    }
    renderer.render(&[group])
}

/// A text in lines of at most so many characters, where its words allow.
fn folded(text: &str, width: usize) -> String {
    let (mut out, mut column) = (String::with_capacity(text.len()), 0);
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

/// The byte at which a position stands; the text's end when it stands beyond it.
fn byte_offset(source: &str, position: Position) -> usize {
    let mut line_start = 0;
    for _ in 1..position.line {
        match source.get(line_start..).and_then(|rest| rest.find('\n')) {
            Some(newline) => line_start += newline + 1,
            None => return source.len(),
        }
    }
    let rest = source.get(line_start..).unwrap_or_default();
    let line = rest.split('\n').next().unwrap_or_default();
    let column = position.column.saturating_sub(1) as usize;
    line_start + line.char_indices().nth(column).map_or(line.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_shown_where_it_stands() {
        let span = Span { start: Position { line: 2, column: 7 }, end: Position { line: 2, column: 11 } };
        let diagnostic = Diagnostic::error("guardrails/brand.yml", span, "`£ban` is no level")
            .with_help("write `level: error`, `warning` or `suggestion`");
        insta::assert_snapshot!(render(&diagnostic, "rules:\nlevel: £ban # comment\n", false));
    }

    #[test]
    fn a_file_without_text_is_named_alone() {
        let diagnostic = Diagnostic::error("guardrails", Span::START, "the folder cannot be read")
            .with_help("check that it is there");
        insta::assert_snapshot!(render(&diagnostic, "", false));
    }

    #[test]
    fn a_position_beyond_the_text_is_shown_at_its_end() {
        let diagnostic = Diagnostic::error("a.yml", Span::at(9, 9), "too short");
        insta::assert_snapshot!(render(&diagnostic, "x: 1\n", false));
    }
}
