//! The rows of a merge, put together until they fill a segment.

use arrow_buffer::ScalarBuffer;

use crate::base::batch::{Column, Data};
use crate::base::builder::concat;
use crate::base::schema::{DataType, TableSpec};
use crate::db::new_segments::cut_at;
use crate::error::Result;
use crate::format::rows::{RowNumbers, SortedRows};

/// Bytes put together, at most: a column holds less than 2 GiB of text.
const MOST_BYTES: usize = 1 << 30;

/// Pieces of a merge, put together as they come.
pub(crate) struct Gathered {
    types: Vec<DataType>,
    pieces: Vec<Vec<Column>>,
    most_rows: usize,
    len: usize,
    bytes: usize,
}

impl Gathered {
    /// Nothing yet; the types are those of a piece: the time, the values, the row numbers. A segment
    /// has at most `most_rows` rows.
    pub(crate) fn new(types: Vec<DataType>, most_rows: usize) -> Self {
        Self { pieces: vec![vec![]; types.len()], types, most_rows, len: 0, bytes: 0 }
    }

    pub(crate) fn push(&mut self, piece: Vec<Column>) {
        self.len += piece[0].len(DataType::I64);
        for ((pieces, column), ty) in self.pieces.iter_mut().zip(piece).zip(&self.types) {
            self.bytes += column.byte_size(*ty);
            pieces.push(column);
        }
    }

    /// True if there is more than a segment holds, which shows where it may end.
    pub(crate) fn is_full(&self) -> bool {
        self.len > self.most_rows || self.bytes >= MOST_BYTES
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The rows of the next segment, which do not stand on both sides of the time `border`; what
    /// comes after them is kept.
    pub(crate) fn take_first(
        &mut self,
        spec: &TableSpec,
        border: Option<i64>,
    ) -> Result<SortedRows> {
        let all = self.take()?;
        let before = border.map_or(0, |border| all.ts.partition_point(|ts| *ts < border));
        let end = match before {
            0 => cut_at(&all, 0, self.most_rows),
            before => before.min(cut_at(&all, 0, self.most_rows)),
        };
        if end < all.rows() {
            self.put_back(all.slice(spec, end, all.rows() - end));
        }
        Ok(all.slice(spec, 0, end))
    }

    /// All there is; nothing is left.
    fn take(&mut self) -> Result<SortedRows> {
        let pieces = self.pieces.iter_mut().map(std::mem::take).zip(&self.types);
        let columns =
            pieces.map(|(pieces, &ty)| concat(ty, &pieces)).collect::<Result<Vec<_>>>()?;
        let len = std::mem::take(&mut self.len);
        self.bytes = 0;
        let mut columns = columns.into_iter();
        let fixed = |column: Option<Column>| match column.map(|column| column.data) {
            Some(Data::Fixed(buffer)) => buffer,
            _ => unreachable!("times and row numbers are of fixed width"),
        };
        let ts = ScalarBuffer::new(fixed(columns.next()), 0, len);
        let seq = ScalarBuffer::new(fixed(columns.next_back()), 0, len);
        Ok(SortedRows { ts, seq: RowNumbers::Each(seq), columns: columns.collect() })
    }

    /// Puts rows back that are to come first.
    fn put_back(&mut self, rows: SortedRows) {
        let fixed = |buffer| Column { data: Data::Fixed(buffer), validity: None };
        let numbers = rows.seq.relative(0, 0..rows.rows()).into_inner();
        let first = std::iter::once(fixed(rows.ts.into_inner()));
        self.push(first.chain(rows.columns).chain([fixed(numbers)]).collect());
    }
}
