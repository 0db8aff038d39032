//! CSV, as RFC 4180 has it: a head, one record a row, times as RFC 3339 in UTC.

use std::io::Write;

use super::ExportError;
use super::table::{Cell, Column};

pub(super) struct Csv<W: Write> {
    out: csv::Writer<W>,
}

impl<W: Write> Csv<W> {
    pub(super) fn new(out: W, columns: &[Column]) -> Result<Self, ExportError> {
        let mut out = csv::Writer::from_writer(out);
        out.write_record(columns.iter().map(|column| column.name)).map_err(fault)?;
        Ok(Self { out })
    }

    pub(super) fn row(&mut self, row: &[Cell]) -> Result<(), ExportError> {
        self.out.write_record(row.iter().map(shown)).map_err(fault)
    }

    pub(super) fn finish(mut self) -> Result<(), ExportError> {
        Ok(self.out.flush()?)
    }
}

/// A small table as a text. No cell is taken for a formula.
///
/// # Errors
///
/// When a row is not as long as the head.
pub fn plain_csv<const N: usize>(head: &[&str; N], rows: Vec<[String; N]>) -> Result<String, ExportError> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(head).map_err(fault)?;
    for row in rows {
        out.write_record(row.map(|cell| harmless(&cell))).map_err(fault)?;
    }
    let bytes = out.into_inner().map_err(|error| ExportError::Table(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| ExportError::Table(error.to_string()))
}

/// A cell as it stands in the file; nothing where there is nothing.
fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.as_deref().map(harmless).unwrap_or_default(),
        Cell::Integer(number) => number.map(|number| number.to_string()).unwrap_or_default(),
        Cell::Real(number) => number.map(|number| number.to_string()).unwrap_or_default(),
        Cell::Yes(yes) => yes.map(|yes| yes.to_string()).unwrap_or_default(),
        Cell::Time(at) => at.map(|at| format!("{at:.6}")).unwrap_or_default(),
    }
}

/// A text that no spreadsheet takes for a formula: those that begin like one get an apostrophe before them.
fn harmless(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

fn fault(error: csv::Error) -> ExportError {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => ExportError::Write(error),
        other => ExportError::Table(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for (text, expected) in [
            ("=HYPERLINK(\"http://x\")", "'=HYPERLINK(\"http://x\")"),
            ("+1", "'+1"),
            ("-1+2", "'-1+2"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            assert_eq!(harmless(text), expected);
        }
        assert_eq!(shown(&Cell::Integer(Some(-3))), "-3", "a number is one");
        let table = plain_csv(&["a", "b"], vec![["=1+1".into(), "x, \"y\"".into()]]).unwrap();
        assert_eq!(table, "a,b\n'=1+1,\"x, \"\"y\"\"\"\n");
    }
}
