//! TOML text as [`Node`]s, so that settings are read like every other file: positions, likely names, all faults.

use toml::de::{DeTable, DeValue};

use crate::diagnostic::{Position, Span};
use crate::document::{Faults, Key, Kind, Node};

/// Reads a TOML file; `None`, with a fault, when it is none.
pub(super) fn parse(text: &str, faults: &Faults) -> Option<Node> {
    match DeTable::parse(text) {
        Ok(table) => Some(Node { span: Span::START, kind: map(table.get_ref(), text) }),
        Err(error) => {
            let span = error.span().map_or(Span::START, |range| span(text, range));
            faults.error_with_help(
                span,
                format!("this is no TOML: {}", error.message()),
                "write `name = value` lines under `[section]` headings; texts stand in quotes",
            );
            None
        }
    }
}

fn map(table: &DeTable<'_>, text: &str) -> Kind {
    Kind::Map(
        table
            .iter()
            .map(|(key, value)| {
                let key_node = Key { text: key.get_ref().to_string(), span: span(text, key.span()) };
                (key_node, Node { span: span(text, value.span()), kind: kind(value.get_ref(), text) })
            })
            .collect(),
    )
}

fn kind(value: &DeValue<'_>, text: &str) -> Kind {
    let scalar = |text: String, plain| Kind::Scalar { text, plain };
    match value {
        DeValue::String(content) => scalar(content.to_string(), false),
        DeValue::Integer(number) => scalar(number.to_string().replace('_', ""), true),
        DeValue::Float(number) => scalar(number.to_string().replace('_', ""), true),
        DeValue::Boolean(truth) => scalar(truth.to_string(), true),
        DeValue::Datetime(datetime) => scalar(datetime.to_string(), true),
        DeValue::Array(items) => Kind::List(
            items
                .iter()
                .map(|item| Node { span: span(text, item.span()), kind: kind(item.get_ref(), text) })
                .collect(),
        ),
        DeValue::Table(table) => map(table, text),
    }
}

fn span(text: &str, range: std::ops::Range<usize>) -> Span {
    let position = |byte: usize| {
        let before = text.get(..byte).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Position {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    };
    Span { start: position(range.start), end: position(range.end) }
}
