//! Rows into the order they are read: by time, key, and arrival; of those with equal times and keys,
//! the ones that the table's rule keeps.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use arrow_buffer::ScalarBuffer;

use crate::base::batch::{Batch, Column};
use crate::base::builder::{ColumnBuilder, take};
use crate::base::schema::{DataType, OnConflict, TableSpec};
use crate::db::cells::Cells;
use crate::format::key::KeyColumns;
use crate::format::rows::{RowNumbers, SortedRows};
use crate::index::Chunk;
use crate::index::conflict::survivors;

/// Rows of a memtable: chunks in arrival order, and which of their rows.
pub(crate) type Pieces = Vec<(Arc<Chunk<Cells>>, Range<usize>)>;

/// The rows of `pieces`, sorted. Only the columns at `positions` are read, in that order; `key` is
/// the table's key among them.
pub(crate) fn sort_pieces(
    pieces: &Pieces,
    types: &[DataType],
    positions: &[usize],
    key: &KeyColumns,
    rule: OnConflict,
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
    sort(SortedRows { ts: ts.into(), seq, columns }, &types, key, rule)
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
    sort(SortedRows { ts, seq, columns }, &types, &KeyColumns::of(spec), spec.on_conflict)
}

/// Sorts rows that stand in arrival order, and leaves out those that the rule does not keep.
pub(crate) fn sort(
    rows: SortedRows,
    types: &[DataType],
    key: &KeyColumns,
    rule: OnConflict,
) -> SortedRows {
    let in_order = |a: usize, b: usize| {
        let by_key = || key.compare(&rows.columns, a, &rows.columns, b);
        rows.ts[a].cmp(&rows.ts[b]).then_with(by_key)
    };
    let order = sorted_order(&rows.ts, key, in_order);
    let at = |place: usize| order.as_ref().map_or(place, |order| order[place] as usize);
    let left = survivors(rows.rows(), rule, |place| in_order(at(place), at(place + 1)).is_eq());
    let order = match (left, order) {
        (Some(left), Some(order)) => left.into_iter().map(|place| order[place as usize]).collect(),
        (Some(order), None) | (None, Some(order)) => order,
        (None, None) => return rows,
    };
    let columns: Vec<Column> =
        rows.columns.iter().zip(types).map(|(column, ty)| take(column, *ty, &order)).collect();
    let ts: Vec<i64> = order.iter().map(|&row| rows.ts[row as usize]).collect();
    let seq: Vec<u64> = order.iter().map(|&row| rows.seq.get(row as usize)).collect();
    SortedRows { ts: ts.into(), seq: RowNumbers::Each(seq.into()), columns }
}

/// The order that sorts rows; `None` if they are sorted. Equals stay in the order of arrival.
fn sorted_order(
    ts: &[i64],
    key: &KeyColumns,
    in_order: impl Fn(usize, usize) -> Ordering,
) -> Option<Vec<u32>> {
    let sorted = match key.is_empty() {
        true => ts.is_sorted(),
        false => (1..ts.len()).all(|row| in_order(row - 1, row).is_le()),
    };
    if sorted {
        return None;
    }
    let mut order: Vec<u32> = (0..ts.len() as u32).collect();
    match key.is_empty() {
        true => order.sort_by_key(|&row| ts[row as usize]),
        false => order.sort_by(|&a, &b| in_order(a as usize, b as usize)),
    }
    Some(order)
}
