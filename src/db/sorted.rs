//! Rows into the order they are read: by time, key, and arrival; of those with equal times and keys,
//! the ones that the table's rule keeps.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use arrow_buffer::ScalarBuffer;

use crate::base::batch::{Batch, Column};
use crate::base::builder::{ColumnBuilder, gather, take};
use crate::base::schema::{DataType, OnConflict, TableSpec};
use crate::db::cells::Cells;
use crate::format::key::KeyColumns;
use crate::format::rows::{RowNumbers, SortedRows};
use crate::index::Chunk;
use crate::index::conflict::survivors;
use crate::index::merge::gallop;

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
    SortedRows { ts: gather(&rows.ts, &order).into(), seq: rows.seq.take(&order), columns }
}

/// The order that sorts rows; `None` if they are sorted. Equals stay in the order of arrival.
fn sorted_order(
    ts: &[i64],
    key: &KeyColumns,
    in_order: impl Fn(usize, usize) -> Ordering,
) -> Option<Vec<u32>> {
    match key.is_empty() {
        true if ts.is_sorted() => None,
        true => Some(order_of(ts.len(), |a, b| ts[a].cmp(&ts[b]))),
        false if (1..ts.len()).all(|row| in_order(row - 1, row).is_le()) => None,
        false => Some(order_of(ts.len(), in_order)),
    }
}

/// The order that sorts `rows` rows. Most rows of a series come in order: those that come late are
/// sorted apart and merged with the others.
fn order_of(rows: usize, compare: impl Fn(usize, usize) -> Ordering) -> Vec<u32> {
    let (mut on_time, mut late): (Vec<u32>, Vec<u32>) = (Vec::with_capacity(rows), Vec::new());
    for row in 0..rows as u32 {
        match on_time.last() {
            Some(&last) if compare(last as usize, row as usize).is_gt() => late.push(row),
            _ => on_time.push(row),
        }
    }
    late.sort_by(|&a, &b| compare(a as usize, b as usize));
    let (mut order, mut next) = (Vec::with_capacity(rows), 0);
    for row in late {
        // Of equals the row on time came first: what comes on time after a late row is above it.
        let before = |on_time: &u32| compare(*on_time as usize, row as usize).is_le();
        let len = gallop(on_time.len() - next, |place| before(&on_time[next + place]));
        order.extend_from_slice(&on_time[next..next + len]);
        order.push(row);
        next += len;
    }
    order.extend_from_slice(&on_time[next..]);
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn late_rows_find_their_places(
            steps in prop::collection::vec((0i64..3, prop::option::weighted(0.2, 0i64..50)), 0..200),
        ) {
            let mut now = 0;
            let ts: Vec<i64> = steps.into_iter().map(|(step, late)| {
                now += step;
                late.map_or(now, |late| now - late)
            }).collect();
            let mut expected: Vec<u32> = (0..ts.len() as u32).collect();
            expected.sort_by_key(|&row| ts[row as usize]);
            prop_assert_eq!(order_of(ts.len(), |a, b| ts[a].cmp(&ts[b])), expected);
        }
    }
}
