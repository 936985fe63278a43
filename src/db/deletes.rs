//! What deletes hide, by one rule: rows of log records before the delete, in its range and of its
//! key, and nothing that came after.
//!
//! For rows in a memtable that is told by row number: those given before the delete are below its
//! `seq`. For a segment it is told by one log number: deletes up to the one "as of" which it was
//! written are applied to it already, and all of its rows are older than any later delete.

use std::collections::{HashMap, VecDeque};
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
use crate::index::{Chunk, Cover, Span};

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

/// What a list of deletes hides, for questions about many rows: each costs the logarithm of the
/// deletes, however many there are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hidden {
    all: Cover,
    keys: HashMap<Vec<u8>, Cover>,
}

impl Hidden {
    /// Of deletes that hide rows with numbers below what `upto` says of each.
    pub(crate) fn new<'a>(
        deletes: impl Iterator<Item = &'a Delete>,
        upto: impl Fn(&Delete) -> u64,
    ) -> Self {
        let (mut all, mut keys) = (Vec::new(), HashMap::<Vec<u8>, Vec<_>>::new());
        for delete in deletes {
            let range = (delete.entry.start, delete.entry.end, upto(delete));
            match &delete.key {
                None => all.push(range),
                Some(key) => keys.entry(key.bytes().to_vec()).or_default().push(range),
            }
        }
        let keys = keys.into_iter().map(|(key, ranges)| (key, Cover::new(ranges)));
        Self { all: Cover::new(all), keys: keys.collect() }
    }

    /// Of deletes that are later than all rows that will be asked about.
    pub(crate) fn of_older<'a>(deletes: impl Iterator<Item = &'a Delete>) -> Self {
        Self::new(deletes, |_| u64::MAX)
    }

    /// True if nothing is.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty() && self.keys.is_empty()
    }

    /// True if it takes a row's key to tell.
    fn needs_key(&self) -> bool {
        !self.keys.is_empty()
    }

    /// To be asked about rows that have `columns`, among which `key` is.
    fn among<'a>(&'a self, columns: &'a [Column], key: &'a KeyColumns) -> HiddenRows<'a> {
        let (bytes, of_key) = (Vec::new(), None);
        HiddenRows { hidden: self, columns, key, near: 0, key_near: 0, row: None, bytes, of_key }
    }
}

/// [`Hidden`] for rows of some columns. Rows are best asked about in their order: neighbours are
/// mostly close in time, or of one key.
struct HiddenRows<'a> {
    hidden: &'a Hidden,
    columns: &'a [Column],
    key: &'a KeyColumns,
    near: usize,
    key_near: usize,
    /// The row whose key `of_key` is for.
    row: Option<usize>,
    bytes: Vec<u8>,
    of_key: Option<&'a Cover>,
}

impl HiddenRows<'_> {
    /// True if the row of that time and number is hidden; `row` is its place in the columns.
    fn has(&mut self, ts: i64, number: u64, row: usize) -> bool {
        if number < self.hidden.all.at(ts, &mut self.near) {
            return true;
        }
        if !self.hidden.needs_key() {
            return false;
        }
        let same = |before| self.key.compare(self.columns, before, self.columns, row).is_eq();
        if !self.row.is_some_and(same) {
            self.bytes.clear();
            self.key.encode(self.columns, row, &mut self.bytes);
            self.of_key = self.hidden.keys.get(&self.bytes);
        }
        self.row = Some(row);
        self.of_key.is_some_and(|cover| number < cover.at(ts, &mut self.key_near))
    }
}

/// Which rows of a decoded stretch are left: those of one key, if one is asked for, that no delete
/// hides. (Scans apply deletes of all keys to ranges of rows before anything is decoded.)
#[derive(Debug, Clone, Default)]
pub(crate) struct RowFilter {
    pub(crate) key: Option<Arc<KeyValue>>,
    pub(crate) hidden: Arc<Hidden>,
}

impl RowFilter {
    /// True if it keeps every row.
    pub(crate) fn is_empty(&self) -> bool {
        self.key.is_none() && self.hidden.is_empty()
    }

    /// The rows it keeps; `None` for all of them.
    pub(crate) fn keep(
        &self,
        ts: &[i64],
        columns: &[Column],
        key: &KeyColumns,
    ) -> Option<Vec<u32>> {
        let is = |row: usize, value: &KeyValue| key.compare_with(columns, row, value).is_eq();
        let mut hidden = self.hidden.among(columns, key);
        let mut keeps = |row: usize| {
            self.key.as_ref().is_none_or(|wanted| is(row, wanted)) && !hidden.has(ts[row], 0, row)
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
    let first = |chunk: &Chunk<Cells>| chunk.seq(chunk.visible(visible)).first().copied();
    let Some(oldest) = table.chunks.iter().find_map(|chunk| first(chunk)) else { return vec![] };
    let later = || table.deletes.touching(start, last).filter(|delete| delete.seq > oldest);
    let hidden = Hidden::new(later(), |delete| delete.seq);
    let newest = later().last().map_or(0, |delete| delete.seq);
    let mut pieces = Vec::new();
    for chunk in &table.chunks {
        let mut ranges = chunk.in_range(chunk.visible(visible), start, end);
        if first(chunk).is_some_and(|first| first < newest) {
            ranges = left(chunk, table, ranges, &hidden);
        }
        pieces.extend(ranges.into_iter().map(|range| (Arc::clone(chunk), range)));
    }
    pieces
}

/// Some rows of a chunk.
pub(crate) type ChunkRows = (Arc<Chunk<Cells>>, Vec<Range<usize>>);

/// Rows of a memtable with numbers above `after` that nothing hides: those of each chunk.
pub(crate) fn memtable_rows_after(table: &TableView, visible: u64, after: u64) -> Vec<ChunkRows> {
    let later = table.deletes.iter().filter(|delete| delete.seq > after);
    let hidden = Hidden::new(later, |delete| delete.seq);
    let new = table.chunks.iter().filter_map(|chunk| {
        let rows = chunk.visible(after)..chunk.visible(visible);
        let rows =
            left(chunk, table, Some(rows).filter(|r| !r.is_empty()).into_iter().collect(), &hidden);
        (!rows.is_empty()).then(|| (Arc::clone(chunk), rows))
    });
    new.collect()
}

/// What is not hidden of ranges of rows, which ascend.
fn left(
    chunk: &Chunk<Cells>,
    table: &TableView,
    ranges: Vec<Range<usize>>,
    hidden: &Hidden,
) -> Vec<Range<usize>> {
    let Some(all) = ranges.first().zip(ranges.last()).map(|(a, b)| a.start..b.end) else {
        return ranges;
    };
    let key = KeyColumns::of(&table.def.spec);
    let positions: Vec<usize> = key.positions().collect();
    let columns = match hidden.needs_key() {
        true => key_columns(chunk, table, all.clone(), &positions),
        false => vec![],
    };
    let key = key.among(&positions);
    let (ts, seq) = (chunk.ts(all.end), chunk.seq(all.end));
    let mut hidden = hidden.among(&columns, &key);
    let mut out: Vec<Range<usize>> = Vec::new();
    for row in ranges.into_iter().flatten() {
        if hidden.has(ts[row], seq[row], row - all.start) {
            continue;
        }
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

/// What is left of `rows` without holes, which ascend and do not overlap.
pub(crate) fn without<E>(
    rows: Range<usize>,
    holes: impl Iterator<Item = Result<Range<usize>, E>>,
) -> Result<VecDeque<Range<usize>>, E> {
    let (mut left, mut from) = (VecDeque::new(), rows.start);
    for hole in holes {
        let hole = hole?;
        left.push_back(from..hole.start.min(rows.end));
        from = from.max(hole.end);
    }
    left.push_back(from..rows.end);
    left.retain(|range| !range.is_empty());
    Ok(left)
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)] // lists of ranges, of which some have one
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::single_range_in_vec_init)] // one range is what is meant
    fn holes_leave_what_is_around_them() {
        let left = |rows: Range<usize>, holes: &[Range<usize>]| {
            let holes = holes.iter().cloned().map(Ok::<_, ()>);
            without(rows, holes).map(Vec::from)
        };
        assert_eq!(left(0..30, &[]), Ok(vec![0..30]));
        assert_eq!(left(0..30, &[3..5, 7..7, 10..20]), Ok(vec![0..3, 5..7, 7..10, 20..30]));
        assert_eq!(left(5..30, &[0..6, 29..40]), Ok(vec![6..29]));
        assert_eq!(left(5..30, &[0..40]), Ok(vec![]));
        assert_eq!(left(10..20, &[0..5, 25..30]), Ok(vec![10..20]));
        assert_eq!(left(7..7, &[3..5]), Ok(vec![]));
    }
}
