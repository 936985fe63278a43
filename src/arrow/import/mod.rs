//! Arrow arrays as batches of a table: matched by name, converted only where nothing is lost.
//!
//! The buffers of an array whose layout is ours already are shared, not copied, so a batch may be
//! a view of memory that belongs to the caller (a NumPy array, say). It is only good until the
//! append returns: what the kernel keeps beyond that it copies.

mod bytes;
mod decimal;
mod indexed;
mod matching;
mod number;
mod time;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType as ArrowType;

pub use matching::{Matching, places};
pub use number::always_widens;
pub use time::{time, times};

use crate::base::{Batch, Column, Data, DataType, TableSpec};
use crate::error::{Error, Result};

/// No column of a batch holds this much text or more, so that 32-bit offsets reach all of it.
const MAX_TEXT: u64 = 1 << 31;

/// Where a value stands, for messages.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The column's name.
    pub column: &'a str,
    /// The row, within all that is appended at once, at which the array starts.
    pub first_row: usize,
}

impl Place<'_> {
    /// An error about value `row` of the array.
    #[cold]
    pub fn at(&self, row: usize, what: impl std::fmt::Display) -> Error {
        let row = self.first_row + row;
        Error::schema(format!("column {:?}, row {row}: {what}", self.column))
    }

    /// An error about the whole column.
    #[cold]
    pub fn error(&self, what: impl std::fmt::Display) -> Error {
        Error::schema(format!("column {:?}: {what}", self.column))
    }
}

/// The first row that is null.
pub fn first_null(nulls: &NullBuffer) -> usize {
    (0..nulls.len()).find(|&row| nulls.is_null(row)).unwrap_or(0)
}

/// The rows of `chunks` (arrays in the order of `names`, of one length within a chunk) as batches
/// of a table. Everything is checked before the first batch is returned.
pub fn batches(
    spec: &TableSpec,
    names: &[impl AsRef<str>],
    chunks: &[Vec<ArrayRef>],
) -> Result<Vec<Batch>> {
    let matching = Matching::new(spec, names)?;
    let (mut out, mut first_row) = (Vec::with_capacity(chunks.len()), 0);
    for chunk in chunks {
        let rows = chunk.first().map_or(0, |array| array.len());
        cut(spec, &matching, chunk, first_row, MAX_TEXT, &mut out)?;
        first_row += rows;
    }
    Ok(out)
}

/// Converts a chunk, in halves while one of its columns holds `limit` bytes of text or more.
fn cut(
    spec: &TableSpec,
    matching: &Matching,
    chunk: &[ArrayRef],
    first_row: usize,
    limit: u64,
    out: &mut Vec<Batch>,
) -> Result<()> {
    let rows = chunk.first().map_or(0, |array| array.len());
    let mut fat = false;
    for (def, &position) in spec.columns.iter().zip(&matching.values) {
        let place = Place { column: &def.name, first_row };
        fat |= bytes::text_size(&chunk[position], &place)? >= limit;
        if fat && rows <= 1 {
            return Err(place.at(0, format!("a value of {limit} bytes or more is too long")));
        }
    }
    if fat {
        let half = rows / 2;
        for (start, len) in [(0, half), (half, rows - half)] {
            let part: Vec<_> = chunk.iter().map(|array| array.slice(start, len)).collect();
            cut(spec, matching, &part, first_row + start, limit, out)?;
        }
        return Ok(());
    }
    let place = Place { column: &spec.time_column, first_row };
    let ts = time(&chunk[matching.time], spec.unit, &place)?;
    let values = spec.columns.iter().zip(&matching.values);
    let columns = values.map(|(def, &position)| {
        column(&chunk[position], def.ty, &Place { column: &def.name, first_row })
    });
    out.push(Batch { ts, columns: columns.collect::<Result<_>>()? });
    Ok(())
}

/// The values of an array as a column of type `to`.
pub fn column(array: &ArrayRef, to: DataType, place: &Place<'_>) -> Result<Column> {
    let column = match array.data_type() {
        ArrowType::Null => return Ok(Column::nulls(to, array.len())),
        _ if indexed::is_indexed(array) => {
            return indexed::column(array, to, place, |array, place| column(array, to, place));
        }
        ArrowType::Boolean if to == DataType::Bool => {
            Some(Column { data: Data::Bool(array.as_boolean().values().clone()), validity: None })
        }
        _ if to.is_bytes() => bytes::column(array, to, place)?,
        ty if ty.is_decimal() => decimal::column(array, to, place)?,
        _ => number::column(array, to, place)?,
    };
    let column = column.ok_or_else(|| unfit(array.data_type(), to, place))?;
    Ok(column.with_validity(array.nulls().cloned()))
}

#[cold]
fn unfit(from: &ArrowType, to: DataType, place: &Place<'_>) -> Error {
    let why = match from {
        from if from.is_temporal() => {
            "only the time column holds times; cast it to an integer first if its number is meant"
        }
        from if from.is_nested() => "a value is a number, a bool, text or bytes",
        from if from.is_numeric() && to.width().is_some() => {
            "that could lose digits: convert it first if that is meant"
        }
        _ => "convert it first",
    };
    place.error(format!("the table has {to}, the data {from}; {why}"))
}

#[cfg(test)]
mod tests;
