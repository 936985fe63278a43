//! Rows as a segment takes them: sorted, numbered, by column.

use std::ops::Range;

use arrow_buffer::ScalarBuffer;

use crate::base::batch::Column;
use crate::base::builder::gather;
use crate::base::schema::TableSpec;

/// Rows of one table in the order they are read: by time, key, and arrival (or, for a segment in
/// key order, by key, time, and arrival).
#[derive(Debug, Clone)]
pub struct SortedRows {
    /// Times.
    pub ts: ScalarBuffer<i64>,
    /// Row numbers: the order of arrival.
    pub seq: RowNumbers,
    /// The value columns in the schema's order.
    pub columns: Vec<Column>,
}

impl SortedRows {
    /// How many rows.
    pub fn rows(&self) -> usize {
        self.ts.len()
    }

    /// Bytes of memory that they take.
    pub fn byte_size(&self, spec: &TableSpec) -> usize {
        let columns = self.columns.iter().zip(&spec.columns);
        self.rows() * 16 + columns.map(|(column, def)| column.byte_size(def.ty)).sum::<usize>()
    }

    /// `len` rows from `start` on, sharing the buffers.
    #[must_use]
    pub fn slice(&self, spec: &TableSpec, start: usize, len: usize) -> Self {
        let columns = self.columns.iter().zip(&spec.columns);
        Self {
            ts: self.ts.slice(start, len),
            seq: self.seq.slice(start, len),
            columns: columns.map(|(column, def)| column.slice(def.ty, start, len)).collect(),
        }
    }
}

/// The numbers of rows. Those of a batch that came in order are not worth an array.
#[derive(Debug, Clone)]
pub enum RowNumbers {
    /// The first of them; each of the others is one more than the one before.
    Run(u64),
    /// Any numbers, one a row.
    Each(ScalarBuffer<u64>),
}

impl From<Vec<u64>> for RowNumbers {
    fn from(numbers: Vec<u64>) -> Self {
        Self::Each(numbers.into())
    }
}

impl RowNumbers {
    /// The number of a row.
    pub fn get(&self, row: usize) -> u64 {
        match self {
            Self::Run(first) => first + row as u64,
            Self::Each(numbers) => numbers[row],
        }
    }

    /// Those of `len` rows from `start` on.
    #[must_use]
    pub fn slice(&self, start: usize, len: usize) -> Self {
        match self {
            Self::Run(first) => Self::Run(first + start as u64),
            Self::Each(numbers) => Self::Each(numbers.slice(start, len)),
        }
    }

    /// Those of `rows`, in that order.
    #[must_use]
    pub fn take(&self, rows: &[u32]) -> Self {
        Self::Each(match self {
            Self::Run(first) => rows.iter().map(|&row| first + u64::from(row)).collect(),
            Self::Each(numbers) => gather(numbers, rows).into(),
        })
    }

    /// The least and the greatest of the first `rows`, of which there is at least one.
    pub fn range(&self, rows: usize) -> (u64, u64) {
        match self {
            Self::Run(first) => (*first, first + rows as u64 - 1),
            Self::Each(numbers) => {
                let least = numbers[..rows].iter().copied().min().unwrap_or_default();
                (least, numbers[..rows].iter().copied().max().unwrap_or_default())
            }
        }
    }

    /// Those of a range of rows, less `base`, which none of them is below.
    pub fn relative(&self, base: u64, rows: Range<usize>) -> ScalarBuffer<u64> {
        match self {
            Self::Each(numbers) if base == 0 => numbers.slice(rows.start, rows.len()),
            _ => rows.map(|row| self.get(row) - base).collect::<Vec<u64>>().into(),
        }
    }
}
