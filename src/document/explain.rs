//! What a fault of YAML's own most likely comes from, for people who write rules and not YAML. The parser says where it
//! lost its way; the line there, or the one above, mostly shows why.

use crate::diagnostic::{Position, Span};

/// What is wrong, where, and what to write instead.
#[derive(Debug, PartialEq)]
pub(super) struct Explained {
    pub(super) span: Span,
    pub(super) message: String,
    pub(super) help: String,
}

/// One line and the entry in it that the parser stumbled over.
#[derive(Clone, Copy, Debug)]
struct Line<'a> {
    number: u32,
    text: &'a str,
}

/// Explains a fault that the parser met `at` a place; `info` is its own word for it.
pub(super) fn explain(lines: &[&str], at: Position, info: &str) -> Explained {
    let line = |number: u32| {
        let text = lines.get(number.checked_sub(1)? as usize)?;
        Some(Line { number, text: text.trim_end_matches('\r') })
    };
    let here = line(at.line).unwrap_or(Line { number: at.line, text: "" });
    let is_content = |line: &Line<'_>| !matches!(line.text.trim_start().chars().next(), None | Some('#'));
    let above = (1..at.line).rev().filter_map(line).find(is_content);
    let both = || std::iter::once(here).chain(above);
    let below = line(at.line + 1).filter(|_| info.contains("tab"));
    both()
        .chain(below)
        .find_map(indented_by_tab)
        .or_else(|| open_quote(lines, at))
        .or_else(|| here.value_at(at.column).and_then(|(start, value)| here.value_fault(start, value)))
        .or_else(|| open_bracket(lines, at, info))
        .or_else(|| both().find_map(Line::no_space))
        .or_else(|| above.and_then(|above| above.no_colon(info)))
        .or_else(|| here.indentation(above, info))
        .unwrap_or_else(|| Explained {
            span: Span::at(at.line, at.column),
            message: format!("this is no YAML: {info}"),
            help: "check the indentation (spaces, no tabs), and put texts that hold `: `, ` #` or begin with a sign in quotes"
                .into(),
        })
}

/// The first line that is indented by anything but spaces and tabs. YAML would read that as the beginning of a word.
pub(super) fn oddly_indented(lines: &[&str]) -> Option<Explained> {
    let is_odd = |text: &&str| {
        let indent = text.trim_start();
        text.get(..text.len() - indent.len()).is_some_and(|indent| !indent.is_ascii()) && !indent.is_empty()
    };
    let (index, text) = lines.iter().enumerate().find(|(_, text)| is_odd(text))?;
    let odd = text.chars().position(|c| !c.is_ascii())? as u32;
    Some(Explained {
        span: Span::at(index as u32 + 1, odd + 1),
        message: "a space of another kind indents this line, such as word processors make".into(),
        help: "indent it with as many plain spaces as the lines beside it".into(),
    })
}

/// The value of a line that stands at a place, with the column that it begins in.
pub(super) fn value_at(text: &str, at: Position) -> Option<(u32, &str)> {
    let line = Line { number: at.line, text: text.trim_end_matches('\r') };
    line.value_at(at.column).map(|(column, value)| (column as u32, value))
}

/// The text as it can be written so that YAML takes it as it stands.
pub(super) fn quoted(text: &str) -> String {
    match text.contains(['"', '\\']) {
        true => format!("'{}'", text.replace('\'', "''")),
        false => format!("\"{text}\""),
    }
}

/// Tabs do not indent.
fn indented_by_tab(line: Line<'_>) -> Option<Explained> {
    let (index, c) = line.text.chars().enumerate().find(|(_, c)| *c != ' ')?;
    (c == '\t').then(|| Explained {
        span: Span::at(line.number, index as u32 + 1),
        message: "a tab indents this line, and YAML takes none but spaces".into(),
        help: "indent it with as many spaces as the lines beside it; most editors can turn tabs into spaces"
            .into(),
    })
}

/// A quote that begins a text and is not closed in its line.
fn open_quote(lines: &[&str], at: Position) -> Option<Explained> {
    let upto = lines.get(..at.line as usize)?;
    // The parser loses its way at the next quote at the latest, most often lines below.
    upto.iter().enumerate().rev().take(40).find_map(|(index, text)| {
        let line = Line { number: index as u32 + 1, text: text.trim_end_matches('\r') };
        line.entries().into_iter().find_map(|(start, value)| {
            let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            let rest: String = line.text.chars().skip(start).collect();
            let is_closed = match quote {
                '"' => rest.replace("\\\\", "").replace("\\\"", "").contains('"'),
                _ => rest.replace("''", "").contains('\''),
            };
            (!is_closed).then(|| Explained {
                span: Span::at(line.number, start as u32),
                message: format!("the quote `{quote}` is never closed"),
                help: format!(
                    "write {}",
                    quoted(ends(line, start, value).trim_start_matches(quote).trim_end())
                ),
            })
        })
    })
}

/// Where a value most likely ends: within brackets, at the next of these.
fn ends<'a>(line: Line<'_>, start: usize, value: &'a str) -> &'a str {
    let in_brackets = line.text.chars().take(start.saturating_sub(1)).any(|c| matches!(c, '[' | '{'));
    if in_brackets { value.split([',', ']', '}']).next().unwrap_or(value) } else { value }
}

/// A bracket that is not closed in its line, where the parser was within brackets.
fn open_bracket(lines: &[&str], at: Position, info: &str) -> Option<Explained> {
    if !(info.contains("flow") || info.contains("illegal placement")) {
        return None;
    }
    let mut open: Vec<(char, u32, u32)> = Vec::new();
    for (index, text) in lines.iter().enumerate().take(at.line as usize) {
        let mut quote = None;
        for (column, c) in text.chars().enumerate() {
            let place = (index as u32 + 1, column as u32 + 1);
            if place.0 == at.line && place.1 > at.column {
                break;
            }
            let before = column.checked_sub(1).and_then(|before| text.chars().nth(before));
            match (quote, c) {
                (Some(open), c) if open == c => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') if before.is_none_or(|b| matches!(b, ' ' | '[' | '{' | ',')) => {
                    quote = Some(c)
                }
                (None, '#') if before.is_none_or(|before| before == ' ') => break,
                (None, '[' | '{') if !open.is_empty() || before.is_none_or(|before| before == ' ') => {
                    open.push((c, place.0, place.1));
                }
                (None, ']' | '}') if !open.is_empty() => {
                    let closes = if c == ']' { '[' } else { '{' };
                    if open.pop().is_none_or(|(open, _, _)| open != closes) {
                        return Some(stray(c, place));
                    }
                }
                _ => {}
            }
        }
    }
    let (bracket, line, column) = open.pop()?;
    let closing = if bracket == '[' { ']' } else { '}' };
    Some(Explained {
        span: Span::at(line, column),
        message: format!("the bracket `{bracket}` is never closed"),
        help: format!(
            "write `{closing}` where it ends, or put a text that begins with `{bracket}` in quotes"
        ),
    })
}

fn stray(bracket: char, (line, column): (u32, u32)) -> Explained {
    Explained {
        span: Span::at(line, column),
        message: format!("the bracket `{bracket}` closes nothing here"),
        help: "close the brackets in the order in which they were opened, or put the text in quotes".into(),
    }
}

impl<'a> Line<'a> {
    /// The values of this line, each with the column that it begins in: what stands behind `- ` and behind `key: `, and
    /// within brackets each item.
    fn entries(self) -> Vec<(usize, &'a str)> {
        let mut found = Vec::new();
        let mut start = 0;
        let indent = self.text.len() - self.text.trim_start().len();
        let mut rest = self.text.get(indent..).unwrap_or_default();
        start += indent;
        while let Some(item) = rest.strip_prefix("- ") {
            let spaces = item.len() - item.trim_start().len();
            start += 2 + spaces;
            rest = item.trim_start();
        }
        if let Some((key, value)) = key_of(rest) {
            start += rest.len() - value.len();
            rest = value;
            let _ = key;
        }
        self.pieces(start, rest, &mut found);
        found
    }

    /// A value, and the pieces of it where it stands in brackets.
    fn pieces(self, start: usize, value: &'a str, into: &mut Vec<(usize, &'a str)>) {
        let column = |byte: usize| self.text.get(..byte).map_or(0, |before| before.chars().count()) + 1;
        let is_open = value.starts_with(['[', '{']);
        let closes = value.trim_end().ends_with([']', '}']);
        if !is_open || !closes {
            into.push((column(start), without_comment(value)));
            return;
        }
        let (mut depth, mut quote, mut from) = (0_usize, None, start + 1);
        let mut piece = |from: usize, to: usize| {
            let text = self.text.get(from..to).unwrap_or_default();
            let lead = text.len() - text.trim_start().len();
            let (mut at, mut inner) = (from + lead, text.trim());
            while let Some(rest) = inner.strip_prefix(['[', '{']) {
                at += 1 + rest.len() - rest.trim_start().len();
                inner = rest.trim_start();
            }
            if let Some((_, value)) = key_of(inner) {
                at += inner.len() - value.len();
                inner = value;
            }
            while let Some(rest) = inner.strip_prefix(['[', '{']) {
                at += 1 + rest.len() - rest.trim_start().len();
                inner = rest.trim_start();
                if let Some((_, value)) = key_of(inner) {
                    at += inner.len() - value.len();
                    inner = value;
                }
            }
            into.push((column(at), inner));
        };
        for (offset, c) in value.char_indices() {
            let at = start + offset;
            let before = self.text.get(..at).and_then(|before| before.chars().next_back());
            match (quote, c) {
                (Some(open), c) if open == c => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') if before.is_none_or(|b| matches!(b, ' ' | '[' | '{' | ',')) => {
                    quote = Some(c)
                }
                (None, '[' | '{') => depth += 1,
                (None, ']' | '}') => {
                    if from <= at && from > 0 {
                        piece(from, at);
                    }
                    from = at + 1;
                    depth = depth.saturating_sub(1);
                }
                (None, ',') if depth > 0 => {
                    if from <= at {
                        piece(from, at);
                    }
                    from = at + 1;
                }
                _ => {}
            }
        }
        if from < start + value.trim_end().len() {
            piece(from, start + value.trim_end().len());
        }
        into.retain(|(_, text)| !text.is_empty());
    }

    /// The value that a column is in, or that stands nearest before it.
    fn value_at(self, column: u32) -> Option<(usize, &'a str)> {
        let entries = self.entries();
        let before = entries.iter().rev().find(|(start, _)| *start <= column as usize);
        before.copied()
    }

    /// What is wrong with a value that stands without quotes, or behind them.
    fn value_fault(self, start: usize, value: &str) -> Option<Explained> {
        let value = value.trim_end();
        let say = |column: usize, message: String| {
            let help = format!("put it in quotes: {}", quoted(value));
            Some(Explained { span: Span::at(self.number, column as u32), message, help })
        };
        let first = value.chars().next()?;
        match first {
            '"' | '\'' => {
                let mut chars = value.char_indices().skip(1);
                let (end, _) = chars.find(|(_, c)| *c == first)?;
                let behind = value.get(end + 1..).unwrap_or_default();
                if behind.trim().is_empty() {
                    return None;
                }
                let column = start + value.get(..=end).map_or(0, |before| before.chars().count());
                // `"say "this" now"` holds quotes; `"this" and "that"` begins with one text and goes on.
                let nested = behind.starts_with(char::is_alphanumeric)
                    || value.get(..end).is_some_and(|before| before.ends_with(' '));
                let inner = value.strip_suffix(first).and_then(|value| value.strip_prefix(first));
                let inner = inner.filter(|_| nested);
                let other = if first == '"' { '\'' } else { '"' };
                let help = match inner.filter(|inner| !inner.contains(other)) {
                    Some(inner) => format!("use the other quotes around it: {other}{inner}{other}"),
                    None => format!("put all of it in quotes: {}", quoted(value)),
                };
                let message =
                    format!("the text in quotes ends here, and `{}` stands behind it", behind.trim());
                Some(Explained { span: Span::at(self.number, column as u32), message, help })
            }
            '@' | '`' | '%' => say(start, format!("YAML lets no text begin with `{first}`")),
            '*' | '&' | '!' | '|' | '>' => {
                let is_block =
                    matches!(first, '|' | '>') && value.chars().skip(1).all(|c| "+-0123456789".contains(c));
                (!is_block)
                    .then(|| {
                        say(start, format!("YAML takes a text that begins with `{first}` for something else"))
                    })
                    .flatten()
            }
            '-' | '?' if value.starts_with("- ") || value.starts_with("? ") => {
                say(start, format!("YAML takes `{first} ` at the beginning of a text for something else"))
            }
            '[' | '{' => {
                let closing = if first == '[' { ']' } else { '}' };
                let (_, behind) = value.split_once(closing)?;
                (!behind.trim().is_empty() && !behind.contains([']', '}']))
                    .then(|| {
                        say(start, format!("YAML takes a text that begins with `{first}` for something else"))
                    })
                    .flatten()
            }
            _ => {
                let colon = value.find(": ").or_else(|| value.ends_with(':').then_some(value.len() - 1))?;
                let column = start + value.get(..colon).map_or(0, |before| before.chars().count());
                say(column, "YAML takes this `:` for the end of a key".to_owned())
            }
        }
    }

    /// `-item` and `key:value`, which YAML reads as one word each.
    fn no_space(self) -> Option<Explained> {
        let trimmed = self.text.trim_start();
        let indent = self.text.chars().count() - trimmed.chars().count();
        let span = Span::at(self.number, indent as u32 + 1);
        let item = trimmed
            .strip_prefix('-')
            .filter(|rest| rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '"' | '\'' | '{')));
        if let Some(item) = item {
            let message = "a space is missing behind the `-`".to_owned();
            return Some(Explained { span, message, help: format!("write `- {}`", item.trim_end()) });
        }
        let inner = trimmed.trim_start_matches("- ").trim_start();
        let (key, value) = inner.split_once(':')?;
        let is_key =
            !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
        let runs_on = value.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '"' | '\'' | '[' | '{'));
        (is_key && runs_on && !inner.contains(": ")).then(|| Explained {
            span: Span::at(self.number, (self.text.chars().count() - inner.chars().count()) as u32 + 1),
            message: "a space is missing behind the `:`".to_owned(),
            help: format!("write `{key}: {}`", value.trim_end()),
        })
    }

    /// A line between `key: value` lines that is none.
    fn no_colon(self, info: &str) -> Option<Explained> {
        let trimmed = self.text.trim_start();
        let inner = trimmed.trim_start_matches("- ").trim_end();
        let (key, value) = inner.split_once(' ').unwrap_or((inner, "…"));
        let is_key =
            !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
        (info.contains("simple key") && is_key && !inner.contains(": ") && !inner.ends_with(':')).then(|| {
            Explained {
                span: Span::at(self.number, (self.text.chars().count() - trimmed.chars().count()) as u32 + 1),
                message: "this line has no `:`".to_owned(),
                help: format!("write `{key}: {value}`"),
            }
        })
    }

    /// A line that is sound by itself and stands too far right or left.
    fn indentation(self, above: Option<Self>, info: &str) -> Option<Explained> {
        let is_about = ["mapping values", "did not find expected", "block sequence entries", "simple key"];
        let inner = self.text.trim_start().trim_start_matches("- ");
        if !is_about.iter().any(|about| info.contains(about)) || key_of(inner).is_none() {
            return None;
        }
        let indent = |line: &Self| line.text.chars().take_while(|c| *c == ' ').count();
        let beside = above.map(|above| {
            let text = above.text.trim_start();
            indent(&above)
                + (text.chars().count() - text.trim_start_matches("- ").trim_start().chars().count())
        });
        let column = indent(&self);
        let help = match beside {
            Some(beside) if beside != column => {
                format!(
                    "put as many spaces before it as before the lines that it belongs to; the line above begins after {beside}"
                )
            }
            _ => "put as many spaces before it as before the lines that it belongs to".to_owned(),
        };
        Some(Explained {
            span: Span::at(self.number, column as u32 + 1),
            message: format!(
                "this line is indented by {column} spaces, which fits none of the lines above it"
            ),
            help,
        })
    }
}

/// `key: value`, where a line begins with one.
fn key_of(text: &str) -> Option<(&str, &str)> {
    if text.starts_with(['[', '{', '#']) {
        return None;
    }
    if let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let end = text.char_indices().skip(1).find(|(_, c)| *c == quote).map(|(end, _)| end)?;
        let rest = text.get(end + 1..)?.strip_prefix(':')?;
        return (rest.is_empty() || rest.starts_with(' ')).then(|| (text, rest.trim_start()));
    }
    let (key, value) =
        text.split_once(": ").or_else(|| text.trim_end().strip_suffix(':').map(|key| (key, "")))?;
    Some((key, value.trim_start()))
}

/// A value without the comment behind it.
fn without_comment(value: &str) -> &str {
    match value.starts_with(['"', '\'']) {
        true => value,
        false => value.split_once(" # ").map_or(value, |(value, _)| value),
    }
    .trim_end()
}

#[cfg(test)]
mod tests {
    use crate::document::{Faults, parse};

    /// What is said of a file, with what to write instead.
    fn said(text: &str) -> Vec<String> {
        let faults = Faults::of("a.yml");
        parse(text, &faults);
        let found = faults.into_diagnostics();
        found
            .iter()
            .map(|d| {
                format!(
                    "{}:{} {} → {}",
                    d.span.start.line,
                    d.span.start.column,
                    d.message,
                    d.help.as_deref().unwrap_or("")
                )
            })
            .collect()
    }

    #[test]
    fn what_yaml_would_cut_or_take_for_something_else_is_said_with_the_quoted_form() {
        let quoted = |column: u32, message: &str, help: &str| {
            vec![format!("2:{column} {message} → put it in quotes: {help}")]
        };
        for (value, expected) in [
            ("plain words, 5 % off (today)", vec![]),
            ("it's fine", vec![]),
            ("a # comment", vec![]),
            ("10:30", vec![]),
            ("https://example.com/#top", vec![]),
            ("|\n  a text", vec![]),
            (">-\n  a text", vec![]),
            ("“So”, she said", vec![]),
            ("Say this: not that", quoted(12, "YAML takes this `:` for the end of a key", "\"Say this: not that\"")),
            ("Ends so:", quoted(11, "YAML takes this `:` for the end of a key", "\"Ends so:\"")),
            ("%s is wrong", quoted(4, "YAML lets no text begin with `%`", "\"%s is wrong\"")),
            ("@home", quoted(4, "YAML lets no text begin with `@`", "\"@home\"")),
            ("`x` y", quoted(4, "YAML lets no text begin with ```", "\"`x` y\"")),
            ("*bold* move", quoted(4, "YAML takes a text that begins with `*` for something else", "\"*bold* move\"")),
            ("> 5 kg", quoted(4, "YAML takes a text that begins with `>` for something else", "\"> 5 kg\"")),
            ("[insert] this", quoted(4, "YAML takes a text that begins with `[` for something else", "\"[insert] this\"")),
            ("{name} is", quoted(4, "YAML takes a text that begins with `{` for something else", "\"{name} is\"")),
            ("- dash", quoted(4, "YAML takes `- ` at the beginning of a text for something else", "\"- dash\"")),
            ("? why", quoted(4, "YAML takes `? ` at the beginning of a text for something else", "\"? why\"")),
            ("&amp is", quoted(4, "YAML takes `&amp` for a name, and would drop it", "\"&amp is\"")),
            ("!important", quoted(4, "YAML takes `!important` for a type, and would drop it", "\"!important\"")),
            ("Report #14", vec!["2:4 YAML cuts this text at ` #`: it would read `Report` → put it in quotes, \"Report #14\", or a space after the `#` of a comment".into()]),
            ("{a: Report #14, c: d}", vec!["2:8 YAML cuts this text at ` #`: it would read `Report` → put it in quotes, \"Report #14\", or a space after the `#` of a comment".into()]),
            ("#14", vec!["2:1 YAML takes `#14` for a comment, so `b` would hold nothing → put it in quotes, \"#14\", or a space after the `#` of a comment".into()]),
            ("\n  - #1 choice", vec!["3:5 YAML takes `#1 choice` for a comment, so this item would hold nothing → put it in quotes, \"#1 choice\", or a space after the `#` of a comment".into()]),
            ("'it's so'", vec!["2:8 the text in quotes ends here, and `s so'` stands behind it → use the other quotes around it: \"it's so\"".into()]),
            ("\"a \"b\" c\"", vec!["2:8 the text in quotes ends here, and `b\" c\"` stands behind it → use the other quotes around it: 'a \"b\" c'".into()]),
            ("\"a\" and \"b\"", vec!["2:7 the text in quotes ends here, and `and \"b\"` stands behind it → put all of it in quotes: '\"a\" and \"b\"'".into()]),
            ("\"open", vec!["2:4 the quote `\"` is never closed → write \"open\"".into()]),
            ("“curly”", vec!["2:4 these quotes are curly, and YAML takes them for part of the text → write straight ones, \"curly\"; or, if they belong to the text, straight ones around them, \"“curly”\"".into()]),
            ("[“a, b”]", vec!["2:5 these quotes are curly, and YAML takes them for part of the text → write straight ones, \"a\"; or, if they belong to the text, straight ones around them, \"“a\"".into()]),
            ("[a, b", vec!["2:4 the bracket `[` is never closed → write `]` where it ends, or put a text that begins with `[` in quotes".into()]),
            ("{x: [a]]}", vec!["2:11 the bracket `]` closes nothing here → close the brackets in the order in which they were opened, or put the text in quotes".into()]),
            ("{x: a: b, y: c}", quoted(9, "YAML takes this `:` for the end of a key", "\"a: b\"")),
        ] {
            assert_eq!(said(&format!("a: 1\nb: {value}\nc: 3\n")), expected, "{value}");
        }
    }

    #[test]
    fn what_is_indented_or_spaced_wrongly_is_said_where_it_is() {
        for (text, expected) in [
            ("a:\n\t- b\n", "2:1 a tab indents this line, and YAML takes none but spaces"),
            ("a:\n  - b: 1\n\tc: 2\n", "3:1 a tab indents this line, and YAML takes none but spaces"),
            (
                "a:\n\u{a0} - b\n",
                "2:1 a space of another kind indents this line, such as word processors make",
            ),
            (
                "a:\n  - b: 1\n     c: 2\n",
                "3:6 this line is indented by 5 spaces, which fits none of the lines above it",
            ),
            (
                "a:\n  - b: 1\n   c: 2\n",
                "3:4 this line is indented by 3 spaces, which fits none of the lines above it",
            ),
            ("a:\n  b: 1\n  c 2\n  d: 3\n", "3:3 this line has no `:`"),
            ("a:\n  -b: 1\n    c: 2\n", "2:3 a space is missing behind the `-`"),
            ("a:\n  - b:1\n    c: 2\n", "2:5 a space is missing behind the `:`"),
            ("---\na: 1\n---\nb: 2\n", "3:1 a second document begins here"),
            ("a: 1\nb: 2\na: 3\n", "3:1 `a` stands here a second time"),
        ] {
            let said = said(text);
            assert_eq!(said.len(), 1, "{text}: {said:?}");
            assert!(said[0].starts_with(&format!("{expected} → ")), "{text}: {said:?}");
        }
    }
}
