//! Rows in the order of their numbers, which is that of arrival: those of one moment of a table that
//! came after a given one.
//!
//! The chunks of a memtable stand in that order. A segment does not: its rows are put into it, those
//! alone that are wanted, when their turn comes, so that what is open at a time are the segments
//! whose numbers interleave. Those of rows that came in order of time do not.

mod segment;

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arrow_buffer::ScalarBuffer;

use crate::base::batch::Column;
use crate::base::builder::ColumnBuilder;
use crate::base::schema::{DataType, OnConflict};
use crate::db::catalog::TableView;
use crate::db::cells::Cells;
use crate::db::deletes::{is_hidden, memtable_rows_after};
use crate::db::plan::{ScanColumn, result_columns, wanted_columns};
use crate::db::run_part::Wanted;
use crate::db::segment::{Place, Segment};
use crate::error::Result;
use crate::index::Chunk;
use crate::index::merge::{Head, Merge};

use segment::OpenSegment;

/// Rows that are decoded at a time of a run in which they stand in order.
const STRETCH_ROWS: usize = 65_536;
/// Of segments in another order so many are decoded as a whole, and the others again and again.
const MOST_WHOLE: usize = 4;
/// Most bytes of text of a batch.
const MAX_TEXT: usize = 256 << 20;

/// Some rows in the order of arrival.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    /// The time, then the values.
    pub(crate) data: Vec<Column>,
    /// Number of the last of them.
    pub(crate) last: u64,
}

/// The rows of one moment that came after a given one.
#[derive(Debug)]
pub(crate) struct Arrivals {
    pub(crate) table: Arc<TableView>,
    pub(crate) visible: u64,
    pub(crate) columns: Arc<[ScanColumn]>,
    wanted: Wanted,
    after: u64,
    /// Runs whose time has not come, and the least number that each may have; the next one last.
    pending: Vec<(u64, Run)>,
    merge: Merge<Arrived>,
    /// The runs that take part in the merge, by their heads.
    open: Vec<Option<Run>>,
}

/// Rows of a run, decoded.
#[derive(Debug, Default)]
struct Arrived {
    seq: ScalarBuffer<u64>,
    /// The time, then the values.
    columns: Vec<Column>,
}

impl Head for Arrived {
    fn rows(&self) -> usize {
        self.seq.len()
    }

    /// The row number, in the order of signed numbers.
    fn rank(&self, row: usize) -> i64 {
        self.seq[row].cast_signed() ^ i64::MIN
    }

    fn compare(&self, _row: usize, _other: &Self, _other_row: usize) -> Ordering {
        Ordering::Equal
    }

    fn same(&self, _row: usize, _other: &Self, _other_row: usize) -> bool {
        false
    }
}

#[derive(Debug)]
enum Run {
    Chunk(Arc<Chunk<Cells>>, VecDeque<Range<usize>>),
    /// A segment, not yet looked into.
    Closed(Arc<Segment>),
    Segment(OpenSegment),
}

impl Arrivals {
    /// The rows of `table` with numbers above `after`, up to `visible`, that nothing hides.
    pub(crate) fn new(table: Arc<TableView>, visible: u64, after: u64) -> Result<Self> {
        let columns = result_columns(&table, None)?;
        let (wanted, _) = wanted_columns(&table, &columns, None, &None);
        let mut pending = Vec::new();
        for segment in table.segments.numbered_after(after) {
            if !is_hidden(&table, &segment.entry) {
                pending
                    .push((segment.entry.min_seq.max(after + 1), Run::Closed(Arc::clone(segment))));
            }
        }
        for (chunk, rows) in memtable_rows_after(&table, visible, after) {
            let first = rows.first().map_or(0, |range| chunk.seq(range.end)[range.start]);
            pending.push((first, Run::Chunk(chunk, rows.into())));
        }
        pending.sort_by_key(|(first, _)| std::cmp::Reverse(*first));
        let (merge, open) = (Merge::new(Vec::new(), OnConflict::All), Vec::new());
        let columns = columns.into();
        Ok(Self { table, visible, columns, wanted, after, pending, merge, open })
    }

    /// The next rows, at most `most`; `None` at the end.
    pub(crate) fn next(&mut self, most: usize, at: &Place<'_>) -> Result<Option<Batch>> {
        let types = self.types();
        let (mut out, mut rows, mut last) = (Vec::<ColumnBuilder>::new(), 0, 0);
        while rows < most {
            let Some(bound) = self.open_due(at)? else { break };
            let Some(stretch) = self.merge.next(bound.min(most - rows)) else { break };
            let part = self.merge.head(stretch.head);
            last = part.seq[stretch.start + stretch.len - 1];
            // A large stretch is handed on as it is, small ones are put together.
            let alone = rows == 0 && stretch.len >= most / 4;
            let data = alone.then(|| {
                let columns = part.columns.iter().zip(&types);
                columns.map(|(c, &ty)| c.slice(ty, stretch.start, stretch.len)).collect()
            });
            if data.is_none() {
                let new = || types.iter().map(|&ty| ColumnBuilder::new(ty, 0)).collect();
                out = if out.is_empty() { new() } else { out };
                let columns = out.iter_mut().zip(&part.columns);
                columns.for_each(|(out, column)| out.extend(column, stretch.start, stretch.len));
                rows += stretch.len;
            }
            if self.merge.is_used_up(stretch.head) {
                self.go_on(stretch.head, at)?;
            }
            if let Some(data) = data {
                return Ok(Some(Batch { data, last }));
            }
            if out.iter().map(ColumnBuilder::text_bytes).sum::<usize>() > MAX_TEXT {
                break;
            }
        }
        let data = out.into_iter().map(ColumnBuilder::finish).collect();
        Ok((rows > 0).then_some(Batch { data, last }))
    }

    fn types(&self) -> Vec<DataType> {
        self.columns.iter().map(ScanColumn::stored).collect()
    }

    /// Lets all runs into the merge whose time has come, and says how many rows of the first head
    /// come before the next run; `None` at the end.
    fn open_due(&mut self, at: &Place<'_>) -> Result<Option<usize>> {
        loop {
            let due = self.pending.last().map(|(first, _)| *first);
            let now = self.merge.peek().map(|(part, row)| part.seq[row]);
            match (due, now) {
                (None, None) => return Ok(None),
                (None, Some(_)) => return Ok(Some(usize::MAX)),
                (Some(due), Some(now)) if due > now => {
                    let (part, row) = self.merge.peek().map_or((&[][..], 0), |(p, r)| (&p.seq, r));
                    return Ok(Some(part[row..].partition_point(|seq| *seq < due)));
                }
                (Some(_), now) => {
                    let Some((_, mut run)) = self.pending.pop() else { return Ok(None) };
                    if now.is_none() {
                        self.merge = Merge::new(Vec::new(), OnConflict::All);
                        self.open.clear();
                    }
                    if let Some(part) = self.decode(&mut run, at)? {
                        self.merge.add(part);
                        self.open.push(Some(run));
                    }
                }
            }
        }
    }

    /// Hands the merge the next rows of a run, or lets go of all that it held.
    fn go_on(&mut self, head: usize, at: &Place<'_>) -> Result<()> {
        let mut run = self.open[head].take();
        let next = match &mut run {
            Some(run) => self.decode(run, at)?,
            None => None,
        };
        match next {
            Some(part) => {
                self.merge.refill(head, part);
                self.open[head] = run;
            }
            None => self.merge.end(head, Arrived::default()),
        }
        Ok(())
    }

    /// The next rows of a run.
    fn decode(&self, run: &mut Run, at: &Place<'_>) -> Result<Option<Arrived>> {
        match run {
            Run::Chunk(chunk, rows) => Ok(self.of_chunk(chunk, rows)),
            Run::Closed(segment) => {
                let whole = |run: &&Run| matches!(run, Run::Segment(other) if other.is_whole());
                let wholes = self.open.iter().flatten().filter(whole).count();
                let deletes = self.table.deletes_of(&segment.entry).cloned().collect();
                let mut open = OpenSegment::new(segment, self.after, deletes, at)?;
                if wholes < MOST_WHOLE {
                    open.decode_whole();
                }
                let first = open.next(&self.wanted, at);
                *run = Run::Segment(open);
                first
            }
            Run::Segment(open) => open.next(&self.wanted, at),
        }
    }

    fn of_chunk(
        &self,
        chunk: &Chunk<Cells>,
        ranges: &mut VecDeque<Range<usize>>,
    ) -> Option<Arrived> {
        let (mut taken, mut len) = (Vec::new(), 0);
        while let Some(mut range) = ranges.pop_front().filter(|_| len < STRETCH_ROWS) {
            let end = range.end.min(range.start + STRETCH_ROWS - len);
            taken.push(range.start..end);
            len += end - range.start;
            range.start = end;
            if !range.is_empty() {
                ranges.push_front(range);
                break;
            }
        }
        let end = taken.last()?.end;
        let (ts, seq) = (chunk.ts(end), chunk.seq(end));
        let times: Vec<i64> = taken.iter().flat_map(|range| &ts[range.clone()]).copied().collect();
        let seq: Vec<u64> = taken.iter().flat_map(|range| &seq[range.clone()]).copied().collect();
        let mut columns = vec![Column::from_vec(times)];
        for (def, &position) in self.wanted.columns.iter().zip(&self.wanted.positions) {
            let mut out = ColumnBuilder::new(def.ty, len);
            taken.iter().for_each(|range| chunk.payload().read(position, range.clone(), &mut out));
            columns.push(out.finish());
        }
        Some(Arrived { seq: seq.into(), columns })
    }
}
