//! Sorted runs of rows that a scan reads: segments, and the memtable as one run.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use arrow_buffer::{Buffer, ScalarBuffer};

use crate::base::batch::Column;
use crate::base::schema::ColumnDef;
use crate::db::segment::{Place, Segment};
use crate::error::Result;
use crate::format::footer::Footer;
use crate::format::key::KeyColumns;
use crate::format::rows::SortedRows;
use crate::format::segment::{read_column, read_seq, read_ts, rows_between};
use crate::index::merge::Head;

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

/// A stretch of a sorted run, decoded.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) rows: usize,
    /// Empty if neither the result nor a merge needs times.
    pub(crate) ts: Option<ScalarBuffer<i64>>,
    /// Only where a merge needs them.
    seq: Option<ScalarBuffer<u64>>,
    pub(crate) columns: Vec<Column>,
    key: KeyColumns,
}

impl Part {
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
}

/// A sorted run.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) min_ts: i64,
    pub(crate) max_ts: i64,
    /// Another run has rows in the same stretch of time.
    pub(crate) overlaps: bool,
    kind: Kind,
    rest: Range<usize>,
}

#[derive(Debug)]
enum Kind {
    /// A segment, not yet looked into, of which `[start, end)` is wanted.
    Closed(Arc<Segment>, i64, Option<i64>),
    Segment(Arc<Segment>, Arc<Footer>, Buffer),
    Memtable(SortedRows),
}

impl Source {
    /// The rows of a segment with times in `[start, end)`.
    pub(crate) fn segment(segment: Arc<Segment>, start: i64, end: Option<i64>) -> Self {
        let entry = &segment.entry;
        let (min_ts, max_ts) = (entry.min_ts, entry.max_ts);
        let kind = Kind::Closed(segment, start, end);
        Self { min_ts, max_ts, overlaps: false, kind, rest: 0..0 }
    }

    /// The rows of a memtable, of which there is at least one; of the columns, only those wanted.
    pub(crate) fn memtable(rows: SortedRows) -> Self {
        let (min_ts, max_ts) = (rows.ts[0], rows.ts[rows.rows() - 1]);
        let rest = 0..rows.rows();
        Self { min_ts, max_ts, overlaps: false, kind: Kind::Memtable(rows), rest }
    }

    /// Decodes the next rows, at most `most`; `None` at the end. `with_ts` asks for times even if
    /// nothing overlaps.
    pub(crate) fn next(
        &mut self,
        most: usize,
        wanted: &Wanted,
        with_ts: bool,
        at: &Place<'_>,
    ) -> Result<Option<Part>> {
        self.open(at)?;
        if self.rest.is_empty() {
            return Ok(None);
        }
        let rows = self.rest.start..self.stop(most);
        self.rest.start = rows.end;
        let part = match &self.kind {
            Kind::Closed(..) => return Ok(None),
            Kind::Memtable(all) => memtable_part(all, wanted, rows),
            Kind::Segment(segment, footer, extent) => {
                segment_part(segment, footer, extent, wanted, rows, (with_ts, self.overlaps))
                    .map_err(|bad| segment.damage(at.path, bad))?
            }
        };
        Ok(Some(part))
    }

    /// How many rows are left.
    pub(crate) fn remaining(&mut self, at: &Place<'_>) -> Result<usize> {
        self.open(at)?;
        Ok(self.rest.len())
    }

    /// Where to stop: after `most` rows, or before that at the end of a block, so that none is
    /// checked and decoded twice.
    fn stop(&self, most: usize) -> usize {
        let end = self.rest.end.min(self.rest.start.saturating_add(most));
        match &self.kind {
            Kind::Segment(_, footer, _) if end < self.rest.end => {
                let block = footer.block_rows();
                let aligned = end / block * block;
                if aligned > self.rest.start { aligned } else { end }
            }
            _ => end,
        }
    }

    fn open(&mut self, at: &Place<'_>) -> Result<()> {
        if let Kind::Closed(segment, start, end) = &self.kind {
            let (footer, extent) = segment.map(at)?;
            self.rest = rows_between(&segment.entry, &footer, &extent, *start, *end)
                .map_err(|bad| segment.damage(at.path, bad))?;
            self.kind = Kind::Segment(Arc::clone(segment), footer, extent);
        }
        Ok(())
    }
}

fn memtable_part(all: &SortedRows, wanted: &Wanted, rows: Range<usize>) -> Part {
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
    (with_ts, overlaps): (bool, bool),
) -> Result<Part, crate::format::Malformed> {
    let ts = match with_ts || overlaps {
        true => Some(read_ts(footer, extent, rows.clone())?),
        false => None,
    };
    let seq = match overlaps {
        true => Some(read_seq(&segment.entry, footer, extent, rows.clone())?),
        false => None,
    };
    let mut columns = Vec::with_capacity(wanted.columns.len());
    for def in &wanted.columns {
        columns.push(match footer.column(def.id) {
            Some(column) if column.ty == def.ty => {
                read_column(footer, column, extent, rows.clone())?
            }
            Some(_) => return Err(crate::format::Malformed { what: "type of a column", at: 0 }),
            // The column was added after the segment was written.
            None => Column::nulls(def.ty, rows.len()),
        });
    }
    Ok(Part { rows: rows.len(), ts, seq, columns, key: wanted.key.clone() })
}
