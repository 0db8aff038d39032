//! Parquet: typed columns in groups of rows, each group held until it is written.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;

use super::ExportError;
use super::table::{Cell, Column, Of};

/// How many rows a group has at most.
const ROWS: usize = 20_000;
/// How many bytes of text a group has at most, about.
const BYTES: usize = 32 * 1024 * 1024;

pub(super) struct Parquet<W: Write + Send> {
    out: SerializedFileWriter<W>,
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
    bytes: usize,
}

impl<W: Write + Send> Parquet<W> {
    pub(super) fn new(out: W, columns: &[Column]) -> Result<Self, ExportError> {
        let fields = columns.iter().map(|Column { name, of, .. }| match of {
            Of::Text => format!("OPTIONAL BYTE_ARRAY {name} (STRING);"),
            Of::Integer => format!("OPTIONAL INT64 {name};"),
            Of::Real => format!("OPTIONAL DOUBLE {name};"),
            Of::Yes => format!("OPTIONAL BOOLEAN {name};"),
            Of::Time => format!("OPTIONAL INT64 {name} (TIMESTAMP(MICROS, true));"),
        });
        let schema = format!("message record {{ {} }}", fields.collect::<Vec<_>>().join(" "));
        let schema = Arc::new(parse_message_type(&schema).map_err(fault)?);
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let out = SerializedFileWriter::new(out, schema, Arc::new(properties)).map_err(fault)?;
        Ok(Self { out, columns: columns.to_vec(), rows: Vec::new(), bytes: 0 })
    }

    pub(super) fn row(&mut self, row: Vec<Cell>) -> Result<(), ExportError> {
        let text = |cell: &Cell| if let Cell::Text(Some(text)) = cell { text.len() } else { 0 };
        self.bytes += row.iter().map(text).sum::<usize>();
        self.rows.push(row);
        if self.rows.len() >= ROWS || self.bytes >= BYTES { self.group() } else { Ok(()) }
    }

    pub(super) fn finish(mut self) -> Result<(), ExportError> {
        self.group()?;
        self.out.close().map_err(fault).map(drop)
    }

    /// Writes what is held as one group of rows.
    fn group(&mut self) -> Result<(), ExportError> {
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        if rows.is_empty() {
            return Ok(());
        }
        let mut group = self.out.next_row_group().map_err(fault)?;
        for (index, column) in self.columns.iter().enumerate() {
            let Some(mut writer) = group.next_column().map_err(fault)? else { break };
            let cells = rows.iter().map(|row| row.get(index));
            match column.of {
                Of::Text => write::<ByteArrayType>(&mut writer, cells, |cell| match cell {
                    Cell::Text(text) => text.as_deref().map(|text| ByteArray::from(text.as_bytes().to_vec())),
                    _ => None,
                }),
                Of::Integer | Of::Time => write::<Int64Type>(&mut writer, cells, |cell| match cell {
                    Cell::Integer(number) => *number,
                    Cell::Time(at) => at.map(|at| at.as_microsecond()),
                    _ => None,
                }),
                Of::Real => write::<DoubleType>(&mut writer, cells, |cell| match cell {
                    Cell::Real(number) => *number,
                    _ => None,
                }),
                Of::Yes => write::<BoolType>(&mut writer, cells, |cell| match cell {
                    Cell::Yes(yes) => *yes,
                    _ => None,
                }),
            }
            .map_err(fault)?;
            writer.close().map_err(fault)?;
        }
        group.close().map_err(fault).map(drop)
    }
}

/// Writes one column of a group: what is there, and where nothing is.
fn write<'c, T: DataType>(
    writer: &mut SerializedColumnWriter<'_>,
    cells: impl Iterator<Item = Option<&'c Cell>>,
    value: impl Fn(&Cell) -> Option<T::T>,
) -> Result<(), ParquetError> {
    let values: Vec<Option<T::T>> = cells.map(|cell| cell.and_then(&value)).collect();
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let values: Vec<T::T> = values.into_iter().flatten().collect();
    writer.typed::<T>().write_batch(&values, Some(&levels), None).map(drop)
}

fn fault(error: ParquetError) -> ExportError {
    ExportError::Table(error.to_string())
}
