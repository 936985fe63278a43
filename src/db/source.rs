//! Sorted runs of rows that a scan reads: segments, and the memtable as one run.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arrow_buffer::{Buffer, ScalarBuffer};

use crate::base::batch::Column;
use crate::base::builder::take;
use crate::base::schema::ColumnDef;
use crate::db::clustered::Clustered;
use crate::db::deletes::{Delete, Hidden, RowFilter, without};
use crate::db::segment::{Place, Segment};
use crate::error::Result;
use crate::format::Malformed;
use crate::format::edit::{Order, SegmentEntry};
use crate::format::footer::Footer;
use crate::format::key::KeyColumns;
use crate::format::rows::SortedRows;
use crate::format::segment::{read_column, read_seq, read_ts, rows_between};
use crate::index::Cover;
use crate::index::merge::Head;
use crate::store::bus::is_cut;

/// Which columns a scan reads, and the key among them.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// The columns: those of the result, and those of the key behind them if they are not.
    pub(crate) columns: Vec<ColumnDef>,
    /// Positions of the same among the table's columns.
    pub(crate) positions: Vec<usize>,
    /// The table's key among `columns`.
    pub(crate) key: KeyColumns,
}

impl Wanted {
    /// The key's columns and nothing else.
    pub(crate) fn key_alone(&self) -> Self {
        let places: Vec<usize> = self.key.positions().collect();
        Self {
            columns: places.iter().map(|&place| self.columns[place].clone()).collect(),
            positions: places.iter().map(|&place| self.positions[place]).collect(),
            key: self.key.among(&places),
        }
    }
}

/// What of a stretch is decoded besides the wanted columns. A merge needs both.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Besides {
    pub(crate) ts: bool,
    pub(crate) seq: bool,
}

/// A stretch of a sorted run, decoded.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) rows: usize,
    /// Empty if neither the result nor a merge needs times.
    pub(crate) ts: Option<ScalarBuffer<i64>>,
    /// Only where a merge or the result needs them.
    pub(crate) seq: Option<ScalarBuffer<u64>>,
    pub(crate) columns: Vec<Column>,
    key: KeyColumns,
}

impl Part {
    /// Its rows at `rows` alone.
    fn take(&self, rows: &[u32], wanted: &Wanted) -> Self {
        let pick = |row: &u32| *row as usize;
        let columns = self.columns.iter().zip(&wanted.columns);
        Self {
            rows: rows.len(),
            ts: self.ts.as_ref().map(|ts| rows.iter().map(|row| ts[pick(row)]).collect()),
            seq: self.seq.as_ref().map(|seq| rows.iter().map(|row| seq[pick(row)]).collect()),
            columns: columns.map(|(column, def)| take(column, def.ty, rows)).collect(),
            key: self.key.clone(),
        }
    }

    /// The first row at or past `ts`, which is at or past row `from`.
    pub(crate) fn first_at(&self, from: usize, ts: i64) -> usize {
        let times = self.ts.as_ref().map_or(&[][..], |times| &times[from..]);
        from + times.partition_point(|t| *t < ts)
    }
}

impl Head for Part {
    fn rows(&self) -> usize {
        self.rows
    }

    fn compare(&self, row: usize, other: &Self, other_row: usize) -> Ordering {
        let time = |part: &Self, row: usize| part.ts.as_ref().map_or(0, |ts| ts[row]);
        let seq = |part: &Self, row: usize| part.seq.as_ref().map_or(0, |seq| seq[row]);
        time(self, row)
            .cmp(&time(other, other_row))
            .then_with(|| self.key.compare(&self.columns, row, &other.columns, other_row))
            .then_with(|| seq(self, row).cmp(&seq(other, other_row)))
    }

    fn same(&self, row: usize, other: &Self, other_row: usize) -> bool {
        let time = |part: &Self, row: usize| part.ts.as_ref().map_or(0, |ts| ts[row]);
        time(self, row) == time(other, other_row)
            && self.key.compare(&self.columns, row, &other.columns, other_row).is_eq()
    }
}

/// A sorted run.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) min_ts: i64,
    pub(crate) max_ts: i64,
    /// Another run has rows in the same stretch of time.
    pub(crate) overlaps: bool,
    kind: Kind,
    /// The rows that are left, of which `filter` may leave out some when they are decoded.
    rest: VecDeque<Range<usize>>,
    filter: RowFilter,
}

#[derive(Debug)]
enum Kind {
    /// A segment, not yet looked into, of which `[start, end)` is wanted without what the deletes
    /// hide.
    Closed(Arc<Segment>, i64, Option<i64>, Vec<Delete>),
    Segment(Arc<Segment>, Arc<Footer>, Buffer),
    /// Rows that are in memory: of a memtable, or of a segment in key order.
    Memory(SortedRows),
}

impl Source {
    /// The rows of a segment with times in `[start, end)`, without what `deletes` hide and, if
    /// `filter` says so, those of one key alone.
    pub(crate) fn segment(
        segment: Arc<Segment>,
        start: i64,
        end: Option<i64>,
        deletes: Vec<Delete>,
        filter: RowFilter,
    ) -> Self {
        let entry = &segment.entry;
        let (min_ts, max_ts) = (entry.min_ts, entry.max_ts);
        let kind = Kind::Closed(segment, start, end, deletes);
        Self { min_ts, max_ts, overlaps: false, kind, rest: VecDeque::new(), filter }
    }

    /// The rows of a memtable, of which there is at least one; of the columns, only those wanted.
    pub(crate) fn memtable(rows: SortedRows, filter: RowFilter) -> Self {
        let (min_ts, max_ts) = (rows.ts[0], rows.ts[rows.rows() - 1]);
        let rest = std::iter::once(0..rows.rows()).collect();
        Self { min_ts, max_ts, overlaps: false, kind: Kind::Memory(rows), rest, filter }
    }

    /// Decodes the next rows, at most `most`; `None` at the end.
    pub(crate) fn next(
        &mut self,
        most: usize,
        wanted: &Wanted,
        besides: Besides,
        at: &Place<'_>,
    ) -> Result<Option<Part>> {
        self.open(wanted, at)?;
        while let Some((rows, picked)) = self.next_rows(most) {
            let mut part = match &self.kind {
                Kind::Closed(..) => return Ok(None),
                Kind::Memory(all) => memory_part(all, wanted, rows),
                Kind::Segment(segment, footer, extent) => {
                    let besides = Besides {
                        ts: besides.ts || self.overlaps || !self.filter.is_empty(),
                        seq: besides.seq || self.overlaps,
                    };
                    segment_part(segment, footer, extent, wanted, rows, besides)
                        .map_err(|bad| segment.damage(at.path, bad))?
                }
            };
            if let Some(picked) = picked {
                part = part.take(&picked, wanted);
            }
            let kept = match (&part.ts, self.filter.is_empty()) {
                (Some(ts), false) => self.filter.keep(ts, &part.columns, &wanted.key),
                _ => None,
            };
            match kept {
                None => return Ok(Some(part)),
                Some(rows) if rows.is_empty() => {}
                Some(rows) => return Ok(Some(part.take(&rows, wanted))),
            }
        }
        Ok(None)
    }

    /// How many rows are left, if none has to be decoded to tell. Of a segment of which all is
    /// wanted, its entry says so.
    pub(crate) fn remaining(&mut self, wanted: &Wanted, at: &Place<'_>) -> Result<Option<usize>> {
        if let Kind::Closed(segment, start, end, deletes) = &self.kind
            && deletes.is_empty()
            && self.filter.is_empty()
            && *start <= self.min_ts
            && end.is_none_or(|end| end > self.max_ts)
        {
            return Ok(Some(segment.entry.rows as usize));
        }
        self.open(wanted, at)?;
        let rows = self.rest.iter().map(ExactSizeIterator::len).sum();
        Ok(self.filter.is_empty().then_some(rows))
    }

    /// The rows to decode next: at most `most`, or fewer up to the end of a block, so that none is
    /// checked and decoded twice. Where other rows lie between them, which they are, by their place
    /// among those decoded.
    fn next_rows(&mut self, most: usize) -> Option<(Range<usize>, Option<Vec<u32>>)> {
        let first = self.rest.front_mut()?;
        let block = match &self.kind {
            Kind::Segment(_, footer, _) => footer.block_rows(),
            _ => usize::MAX,
        };
        let mut end = first.end.min(first.start.saturating_add(most));
        if end < first.end {
            let aligned = end / block * block;
            end = if aligned > first.start { aligned } else { end };
        }
        let mut rows = first.start..end;
        first.start = end;
        if first.start < first.end {
            return Some((rows, None));
        }
        self.rest.pop_front();
        // What follows in the same block comes along: the block is checked as a whole.
        let until = rows.start.saturating_add(most).min(end.next_multiple_of(block.max(1)));
        let mut picked: Option<Vec<u32>> = None;
        while block < usize::MAX
            && let Some(next) = self.rest.front_mut().filter(|next| next.start < until)
        {
            let (from, to) = (next.start, next.end.min(until));
            next.start = to;
            if next.start == next.end {
                self.rest.pop_front();
            }
            let so_far = || (0..rows.len() as u32).collect();
            let first = rows.start;
            picked.get_or_insert_with(so_far).extend((from..to).map(|row| (row - first) as u32));
            rows.end = to;
        }
        Some((rows, picked))
    }

    fn open(&mut self, wanted: &Wanted, at: &Place<'_>) -> Result<()> {
        let Kind::Closed(segment, start, end, deletes) = &self.kind else { return Ok(()) };
        let (footer, extent) = segment.map(at)?;
        let of_a_key = deletes.iter().filter(|delete| delete.key.is_some());
        self.filter.hidden = Arc::new(Hidden::of_older(of_a_key));
        let holes = deletes.iter().filter(|delete| delete.key.is_none());
        let holes = Cover::new(holes.map(|d| (d.entry.start, d.entry.end, u64::MAX)).collect());
        if segment.entry.order == Order::Key {
            let key = self.filter.key.take();
            let clustered = Clustered { segment, footer: &footer, extent: &extent };
            let rows = clustered.read(wanted, (*start, *end), key.as_deref(), &holes);
            let rows = rows.and_then(|rows| refuse_cut(&extent).map(|()| rows));
            let rows = rows.map_err(|bad| segment.damage(at.path, bad))?;
            self.rest = Some(0..rows.rows()).filter(|rows| !rows.is_empty()).into_iter().collect();
            self.kind = Kind::Memory(rows);
            return Ok(());
        }
        let rest = rows_left(&segment.entry, &footer, &extent, (*start, *end), &holes);
        self.rest = rest.map_err(|bad| segment.damage(at.path, bad))?;
        self.kind = Kind::Segment(Arc::clone(segment), footer, extent);
        Ok(())
    }
}

/// The rows of a segment in the order of time with times in `[start, end)`, without the holes.
fn rows_left(
    entry: &SegmentEntry,
    footer: &Footer,
    extent: &Buffer,
    (start, end): (i64, Option<i64>),
    holes: &Cover,
) -> Result<VecDeque<Range<usize>>, Malformed> {
    let between = |start, end| rows_between(entry, footer, extent, start, end);
    let rows = between(start, end)?;
    if holes.stretches().nth(footer.blocks()).is_none() {
        return without(rows, holes.stretches().map(|(start, end)| between(start, end)));
    }
    // More holes than blocks: all times are read once.
    let first = rows.start;
    let times = read_ts(footer, extent, rows.clone())?;
    let at = |ts: i64| first + times.partition_point(|t| *t < ts);
    let hole = |(start, end): (i64, Option<i64>)| Ok(at(start)..end.map_or(rows.end, at));
    without(rows.clone(), holes.stretches().map(hole))
}

fn memory_part(all: &SortedRows, wanted: &Wanted, rows: Range<usize>) -> Part {
    let columns = all.columns.iter().zip(&wanted.columns);
    Part {
        rows: rows.len(),
        ts: Some(all.ts.slice(rows.start, rows.len())),
        seq: Some(all.seq.relative(0, rows.clone())),
        columns: columns.map(|(c, def)| c.slice(def.ty, rows.start, rows.len())).collect(),
        key: wanted.key.clone(),
    }
}

fn segment_part(
    segment: &Segment,
    footer: &Footer,
    extent: &Buffer,
    wanted: &Wanted,
    rows: Range<usize>,
    besides: Besides,
) -> Result<Part, Malformed> {
    let ts = match besides.ts {
        true => Some(read_ts(footer, extent, rows.clone())?),
        false => None,
    };
    let seq = match besides.seq {
        true => Some(read_seq(&segment.entry, footer, extent, rows.clone())?),
        false => None,
    };
    let columns = read_wanted(footer, extent, wanted, rows.clone())?;
    refuse_cut(extent)?;
    Ok(Part { rows: rows.len(), ts, seq, columns, key: wanted.key.clone() })
}

/// Fails if somebody cut the file while it was read: what was decoded then may be zeros.
fn refuse_cut(extent: &Buffer) -> Result<(), Malformed> {
    match is_cut(extent) {
        true => Err(Malformed { what: "the file was cut while it was read", at: 0 }),
        false => Ok(()),
    }
}

/// The wanted columns of some rows of a segment.
pub(crate) fn read_wanted(
    footer: &Footer,
    extent: &Buffer,
    wanted: &Wanted,
    rows: Range<usize>,
) -> Result<Vec<Column>, Malformed> {
    let column = |def: &ColumnDef| match footer.column(def.id) {
        Some(column) if column.ty == def.ty => read_column(footer, column, extent, rows.clone()),
        Some(_) => Err(Malformed { what: "type of a column", at: 0 }),
        // The column was added after the segment was written.
        None => Ok(Column::nulls(def.ty, rows.len())),
    };
    wanted.columns.iter().map(column).collect()
}
