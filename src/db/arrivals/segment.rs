//! The rows of a segment in the order of arrival, in which they do not stand: their numbers are read
//! first, and then the blocks that the next of them are in.

use std::ops::Range;
use std::sync::Arc;

use arrow_buffer::Buffer;

use super::{Arrived, STRETCH_ROWS};
use crate::base::batch::Column;
use crate::base::builder::{concat, take};
use crate::base::schema::DataType;
use crate::db::deletes::{Delete, Hidden, RowFilter};
use crate::db::run_part::Wanted;
use crate::db::segment::{Place, Segment};
use crate::db::source::read_wanted;
use crate::error::Result;
use crate::format::Malformed;
use crate::format::footer::Footer;
use crate::format::segment::{read_seq, read_ts};

/// A segment that was looked into.
#[derive(Debug)]
pub(super) struct OpenSegment {
    segment: Arc<Segment>,
    footer: Arc<Footer>,
    extent: Buffer,
    filter: RowFilter,
    /// Its wanted rows in the order of arrival, and how many of them were decoded.
    order: Vec<u32>,
    done: usize,
    /// They stand in that order.
    ascending: bool,
    /// How many to decode at a time.
    most: usize,
}

/// What was decoded of some spans: the numbers, and pieces of the time and of each value column.
type Pieces = (Vec<u64>, Vec<Vec<Column>>);

impl OpenSegment {
    /// The rows with numbers above `after` that none of `deletes` hides.
    pub(super) fn new(
        segment: &Arc<Segment>,
        after: u64,
        deletes: Vec<Delete>,
        at: &Place<'_>,
    ) -> Result<Self> {
        let (footer, extent) = segment.map(at)?;
        let seq = read_seq(&segment.entry, &footer, &extent, 0..footer.rows as usize);
        let seq = seq.map_err(|bad| segment.damage(at.path, bad))?;
        let rows = (0..footer.rows).filter(|&row| seq[row as usize] > after);
        let mut order: Vec<u32> = rows.collect();
        let ascending = order.is_sorted_by_key(|&row| seq[row as usize]);
        if !ascending {
            order.sort_unstable_by_key(|&row| seq[row as usize]);
        }
        let hidden = Arc::new(Hidden::of_older(deletes.iter()));
        let filter = RowFilter { key: None, hidden };
        let (segment, most) = (Arc::clone(segment), STRETCH_ROWS);
        Ok(Self { segment, footer, extent, filter, order, done: 0, ascending, most })
    }

    /// Decodes all rows at once, unless they stand in the order of arrival: else a block would be
    /// decoded again for every stretch that has rows in it.
    pub(super) fn decode_whole(&mut self) {
        self.most = if self.ascending { STRETCH_ROWS } else { self.order.len() };
    }

    /// True if all rows are decoded at once.
    pub(super) fn is_whole(&self) -> bool {
        self.most > STRETCH_ROWS
    }

    /// Decodes the next rows that nothing hides; `None` at the end.
    pub(super) fn next(&mut self, wanted: &Wanted, at: &Place<'_>) -> Result<Option<Arrived>> {
        loop {
            let rows = self.next_rows();
            if rows.is_empty() {
                return Ok(None);
            }
            let part = self.decode(&self.order[rows], wanted, at)?;
            let kept = match part.columns.split_first() {
                Some((ts, columns)) if !self.filter.is_empty() => {
                    self.filter.keep(ts.values(), columns, &wanted.key)
                }
                _ => None,
            };
            match kept {
                None => return Ok(Some(part)),
                Some(kept) if kept.is_empty() => {}
                Some(kept) => return Ok(Some(pick(part, &kept, wanted))),
            }
        }
    }

    /// Which of `order` to decode next: where that is possible up to the end of a block, so that
    /// none is decoded twice.
    fn next_rows(&mut self) -> Range<usize> {
        let start = self.done;
        let mut end = self.order.len().min(start.saturating_add(self.most));
        if let Some(next) = self.order.get(end).filter(|_| self.ascending) {
            let block = self.footer.block_rows() as u32;
            let aligned = self.order[start..end].partition_point(|row| row / block < next / block);
            end = if aligned > 0 { start + aligned } else { end };
        }
        self.done = end;
        start..end
    }

    /// The rows at these places, in that order.
    fn decode(&self, rows: &[u32], wanted: &Wanted, at: &Place<'_>) -> Result<Arrived> {
        let spans = self.spans(rows);
        let pieces = self.read(&spans, wanted);
        let (seq, pieces) = pieces.map_err(|bad| self.segment.damage(at.path, bad))?;
        let types = types(wanted);
        let columns = pieces.iter().zip(types).map(|(pieces, ty)| concat(ty, pieces));
        let part = Arrived { columns: columns.collect::<Result<_>>()?, seq: seq.into() };
        if self.ascending && part.seq.len() == rows.len() {
            return Ok(part);
        }
        // Where each span begins among what was decoded.
        let before = spans.iter().scan(0, |before, span| {
            let here = *before;
            *before += span.len();
            Some(here)
        });
        let before: Vec<usize> = before.collect();
        let place = |&row: &u32| {
            let span = spans.partition_point(|span| span.end <= row as usize);
            (before[span] + row as usize - spans[span].start) as u32
        };
        let places: Vec<u32> = rows.iter().map(place).collect();
        Ok(pick(part, &places, wanted))
    }

    /// The spans to decode for these rows: from the first to the last of those in neighbouring
    /// blocks.
    fn spans(&self, rows: &[u32]) -> Vec<Range<usize>> {
        let mut sorted = rows.to_vec();
        sorted.sort_unstable();
        let block = self.footer.block_rows();
        let mut spans: Vec<Range<usize>> = Vec::new();
        for row in sorted.into_iter().map(|row| row as usize) {
            match spans.last_mut() {
                Some(last) if row / block <= (last.end - 1) / block + 1 => last.end = row + 1,
                _ => spans.push(row..row + 1),
            }
        }
        spans
    }

    fn read(&self, spans: &[Range<usize>], wanted: &Wanted) -> Result<Pieces, Malformed> {
        let (entry, footer, extent) = (&self.segment.entry, &self.footer, &self.extent);
        let (mut seq, mut pieces) = (Vec::new(), vec![vec![]; 1 + wanted.columns.len()]);
        for span in spans {
            seq.extend_from_slice(&read_seq(entry, footer, extent, span.clone())?);
            let ts = read_ts(footer, extent, span.clone())?.into_inner();
            let values = read_wanted(footer, extent, wanted, span.clone())?;
            let all = std::iter::once(Column::from_buffer(ts)).chain(values);
            pieces.iter_mut().zip(all).for_each(|(pieces, column)| pieces.push(column));
        }
        Ok((seq, pieces))
    }
}

/// The rows of a part at these places, in that order.
fn pick(part: Arrived, rows: &[u32], wanted: &Wanted) -> Arrived {
    let columns = part.columns.iter().zip(types(wanted));
    Arrived {
        seq: rows.iter().map(|&row| part.seq[row as usize]).collect(),
        columns: columns.map(|(column, ty)| take(column, ty, rows)).collect(),
    }
}

/// The types of the time and the value columns.
fn types(wanted: &Wanted) -> impl Iterator<Item = DataType> + '_ {
    std::iter::once(DataType::I64).chain(wanted.columns.iter().map(|column| column.ty))
}
