//! What deletes hide, by one rule: rows of log records before the delete, in its range and of its
//! key, and nothing that came after.
//!
//! For rows in a memtable that is told by row number: those given before the delete are below its
//! `seq`. For a segment it is told by one log number: deletes up to the one "as of" which it was
//! written are applied to it already, and all of its rows are older than any later delete.

use std::ops::Range;
use std::sync::Arc;

use crate::base::batch::Column;
use crate::base::builder::ColumnBuilder;
use crate::base::bytes::Malformed;
use crate::base::schema::TableSpec;
use crate::db::catalog::TableView;
use crate::db::cells::Cells;
use crate::format::edit::{DeleteEntry, SegmentEntry};
use crate::format::key::{KeyColumns, KeyValue};
use crate::index::{Chunk, Span};

/// A delete, as reads apply it.
#[derive(Debug, Clone)]
pub(crate) struct Delete {
    pub(crate) entry: Arc<DeleteEntry>,
    /// Rows in memtables with numbers below this are older.
    pub(crate) seq: u64,
    pub(crate) key: Option<Arc<KeyValue>>,
}

impl Delete {
    /// A delete made when row `seq` was the next one.
    pub(crate) fn new(entry: DeleteEntry, seq: u64, spec: &TableSpec) -> Result<Self, Malformed> {
        let key = entry.key.as_ref().map(|bytes| KeyColumns::of(spec).decode(bytes));
        let key = key.transpose()?.map(Arc::new);
        Ok(Self { entry: Arc::new(entry), seq, key })
    }

    /// True if it may hide rows of a segment.
    pub(crate) fn concerns(&self, segment: &SegmentEntry) -> bool {
        self.entry.lsn > segment.as_of_lsn
            && self.touches(segment.min_ts, segment.max_ts)
            && self.key.as_ref().is_none_or(|key| may_hold(segment, key))
    }

    /// True if it hides whatever the other one does.
    pub(crate) fn includes(&self, other: &Self) -> bool {
        let ends_later = self.entry.end.is_none_or(|end| other.entry.end.is_some_and(|e| e <= end));
        self.entry.lsn > other.entry.lsn
            && (self.key.is_none() || self.entry.key == other.entry.key)
            && self.entry.start <= other.entry.start
            && ends_later
    }

    /// True if a row that is older than it is in its range and of its key. `columns` are those that
    /// `key` is among.
    fn hides(&self, ts: i64, columns: &[Column], row: usize, key: &KeyColumns) -> bool {
        let of_key = |value| key.compare_with(columns, row, value).is_eq();
        self.covers(ts, ts) && self.key.as_deref().is_none_or(of_key)
    }
}

impl Span for Delete {
    fn start(&self) -> i64 {
        self.entry.start
    }

    fn end(&self) -> Option<i64> {
        self.entry.end
    }
}

/// True if one delete hides all rows of the segment, by what is known without reading it.
pub(crate) fn is_hidden(table: &TableView, segment: &SegmentEntry) -> bool {
    let (least, greatest) = (segment.min_ts, segment.max_ts);
    let mut deletes = table.deletes_of(segment);
    deletes.any(|delete| delete.key.is_none() && delete.covers(least, greatest))
}

/// True unless the segment's key range says that it has no row of that key.
pub(crate) fn may_hold(segment: &SegmentEntry, key: &KeyValue) -> bool {
    let range = segment.key_range.as_ref();
    range.is_none_or(|(least, greatest)| (&least[..]..=&greatest[..]).contains(&key.bytes()))
}

/// Which rows of a decoded stretch are left: those of one key, if one is asked for, that no delete
/// of a key hides. (Deletes of all keys are applied to ranges of rows before anything is decoded.)
#[derive(Debug, Clone, Default)]
pub(crate) struct RowFilter {
    pub(crate) key: Option<Arc<KeyValue>>,
    pub(crate) deletes: Vec<Delete>,
}

impl RowFilter {
    /// True if it keeps every row.
    pub(crate) fn is_empty(&self) -> bool {
        self.key.is_none() && self.deletes.is_empty()
    }

    /// The rows it keeps; `None` for all of them.
    pub(crate) fn keep(
        &self,
        ts: &[i64],
        columns: &[Column],
        key: &KeyColumns,
    ) -> Option<Vec<u32>> {
        let is = |row: usize, value: &KeyValue| key.compare_with(columns, row, value).is_eq();
        let keeps = |row: usize| {
            self.key.as_ref().is_none_or(|wanted| is(row, wanted))
                && !self.deletes.iter().any(|delete| delete.hides(ts[row], columns, row, key))
        };
        let rows = ts.len();
        let kept: Vec<u32> = (0..rows).filter(|&row| keeps(row)).map(|row| row as u32).collect();
        (kept.len() < rows).then_some(kept)
    }
}

/// Rows of a memtable with times in `[start, end)` that nothing hides: of each chunk, in the order
/// of arrival.
pub(crate) fn memtable_rows(
    table: &TableView,
    visible: u64,
    start: i64,
    end: Option<i64>,
) -> Vec<(Arc<Chunk<Cells>>, Range<usize>)> {
    let last = end.map_or(i64::MAX, |end| end.saturating_sub(1));
    let deletes: Vec<&Delete> = table.deletes.touching(start, last).collect();
    let mut pieces = Vec::new();
    for chunk in &table.chunks {
        let rows = chunk.visible(visible);
        let Some(&first) = chunk.seq(rows).first() else { continue };
        let later: Vec<&Delete> = deletes.iter().copied().filter(|d| d.seq > first).collect();
        for range in chunk.in_range(rows, start, end) {
            let ranges =
                if later.is_empty() { vec![range] } else { left(chunk, table, range, &later) };
            pieces.extend(ranges.into_iter().map(|range| (Arc::clone(chunk), range)));
        }
    }
    pieces
}

/// What the deletes leave of a range of rows.
fn left(
    chunk: &Chunk<Cells>,
    table: &TableView,
    rows: Range<usize>,
    deletes: &[&Delete],
) -> Vec<Range<usize>> {
    let key = KeyColumns::of(&table.def.spec);
    let positions: Vec<usize> = key.positions().collect();
    let columns = match deletes.iter().any(|delete| delete.key.is_some()) {
        true => key_columns(chunk, table, rows.clone(), &positions),
        false => vec![],
    };
    let key = key.among(&positions);
    let (ts, seq) = (chunk.ts(rows.end), chunk.seq(rows.end));
    let hidden = |row: usize| {
        let hides = |d: &&Delete| d.hides(ts[row], &columns, row - rows.start, &key);
        deletes.iter().any(|delete| seq[row] < delete.seq && hides(delete))
    };
    let mut out: Vec<Range<usize>> = Vec::new();
    for row in rows.clone().filter(|&row| !hidden(row)) {
        match out.last_mut() {
            Some(last) if last.end == row => last.end += 1,
            _ => out.push(row..row + 1),
        }
    }
    out
}

/// The columns at `positions` of some rows of a chunk.
pub(crate) fn key_columns(
    chunk: &Chunk<Cells>,
    table: &TableView,
    rows: Range<usize>,
    positions: &[usize],
) -> Vec<Column> {
    let column = |&position: &usize| {
        let ty = table.def.spec.columns[position].ty;
        let mut out = ColumnBuilder::new(ty, rows.len());
        chunk.payload().read(position, rows.clone(), &mut out);
        out.finish()
    };
    positions.iter().map(column).collect()
}

/// What is left of `rows` without `hole`.
pub(crate) fn subtract(rows: Vec<Range<usize>>, hole: &Range<usize>) -> Vec<Range<usize>> {
    let halves = rows.into_iter().flat_map(|range| {
        let before = range.start..range.end.min(hole.start);
        let after = range.start.max(hole.end)..range.end;
        [before, after]
    });
    halves.filter(|range| !range.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_leaves_what_is_around_it() {
        let rows = || vec![0..10, 20..30];
        assert_eq!(subtract(rows(), &(3..5)), [0..3, 5..10, 20..30]);
        assert_eq!(subtract(rows(), &(5..25)), [0..5, 25..30]);
        assert_eq!(subtract(rows(), &(0..30)), []);
        assert_eq!(subtract(rows(), &(10..20)), rows());
        assert_eq!(subtract(rows(), &(7..7)), [0..7, 7..10, 20..30], "nothing is lost");
    }
}
