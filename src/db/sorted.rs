//! Rows into the order they are read: by time, key, and arrival.

use std::ops::Range;
use std::sync::Arc;

use arrow_buffer::ScalarBuffer;

use crate::base::batch::{Batch, Column};
use crate::base::builder::{ColumnBuilder, take};
use crate::base::schema::{DataType, TableSpec};
use crate::db::cells::Cells;
use crate::format::key::KeyColumns;
use crate::format::rows::{RowNumbers, SortedRows};
use crate::index::Chunk;

/// Rows of a memtable: chunks in arrival order, and which of their rows.
pub(crate) type Pieces = Vec<(Arc<Chunk<Cells>>, Range<usize>)>;

/// The rows of `pieces`, sorted. Only the columns at `positions` are read, in that order; `key` is
/// the table's key among them.
pub(crate) fn sort_pieces(
    pieces: &Pieces,
    types: &[DataType],
    positions: &[usize],
    key: &KeyColumns,
) -> SortedRows {
    let rows = pieces.iter().map(|(_, range)| range.len()).sum();
    let (mut ts, mut seq) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    for (chunk, range) in pieces {
        ts.extend_from_slice(&chunk.ts(range.end)[range.clone()]);
        seq.extend_from_slice(&chunk.seq(range.end)[range.clone()]);
    }
    let columns = positions.iter().map(|&position| {
        let mut out = ColumnBuilder::new(types[position], rows);
        for (chunk, range) in pieces {
            chunk.payload().read(position, range.clone(), &mut out);
        }
        out.finish()
    });
    let columns = columns.collect();
    let types: Vec<DataType> = positions.iter().map(|&position| types[position]).collect();
    let seq = RowNumbers::Each(seq.into());
    sort(SortedRows { ts: ts.into(), seq, columns }, &types, key)
}

/// The rows of a batch, sorted, numbered from `first_seq` in the order they stand.
pub(crate) fn sort_batch(batches: &[Batch], spec: &TableSpec, first_seq: u64) -> SortedRows {
    let types: Vec<DataType> = spec.columns.iter().map(|column| column.ty).collect();
    let rows = batches.iter().map(Batch::rows).sum::<usize>();
    let (ts, columns) = match batches {
        [one] => (one.ts.clone(), one.columns.clone()),
        many => {
            let ts: Vec<i64> = many.iter().flat_map(|batch| batch.ts.iter().copied()).collect();
            let column = |position: usize| {
                let mut out = ColumnBuilder::new(types[position], rows);
                for batch in many {
                    out.extend(&batch.columns[position], 0, batch.rows());
                }
                out.finish()
            };
            (ScalarBuffer::from(ts), (0..types.len()).map(column).collect())
        }
    };
    let seq = RowNumbers::Run(first_seq);
    sort(SortedRows { ts, seq, columns }, &types, &KeyColumns::of(spec))
}

/// Sorts rows that stand in arrival order.
pub(crate) fn sort(rows: SortedRows, types: &[DataType], key: &KeyColumns) -> SortedRows {
    let in_order = |a: usize, b: usize| {
        let by_key = || key.compare(&rows.columns, a, &rows.columns, b);
        rows.ts[a].cmp(&rows.ts[b]).then_with(by_key)
    };
    let sorted = if key.is_empty() {
        rows.ts.is_sorted()
    } else {
        (1..rows.rows()).all(|row| in_order(row - 1, row).is_le())
    };
    if sorted {
        return rows;
    }
    // A stable sort keeps arrival order among equals.
    let mut order: Vec<u32> = (0..rows.rows() as u32).collect();
    if key.is_empty() {
        order.sort_by_key(|&row| rows.ts[row as usize]);
    } else {
        order.sort_by(|&a, &b| in_order(a as usize, b as usize));
    }
    let columns: Vec<Column> =
        rows.columns.iter().zip(types).map(|(column, ty)| take(column, *ty, &order)).collect();
    let ts: Vec<i64> = order.iter().map(|&row| rows.ts[row as usize]).collect();
    let seq: Vec<u64> = order.iter().map(|&row| rows.seq.get(row as usize)).collect();
    SortedRows { ts: ts.into(), seq: RowNumbers::Each(seq.into()), columns }
}
