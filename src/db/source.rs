//! Sorted runs of rows that a scan reads: segments, and the memtable as one run.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arrow_buffer::Buffer;

use crate::base::batch::Column;
use crate::base::schema::ColumnDef;
use crate::db::clustered::Clustered;
use crate::db::decode::Mapped;
use crate::db::deletes::{Delete, Hidden, RowFilter, without};
use crate::db::digest::{Ask, Digest, Stretch, Vectors, divide};
use crate::db::parallel;
use crate::db::run_part::{Besides, Part, Wanted};
use crate::db::segment::{Place, Segment};
use crate::db::tally::count;
use crate::error::Result;
use crate::format::Malformed;
use crate::format::edit::{Order, SegmentEntry};
use crate::format::footer::Footer;
use crate::format::gather::Rows;
use crate::format::rows::SortedRows;
use crate::format::segment::{read_column, read_ts, rows_between};
use crate::index::Cover;
use crate::store::bus::is_cut;

/// Rows looked at in one go where only their number is wanted.
const COUNT_ROWS: usize = 1 << 20;
/// Rows that are decoded in one go for aggregates, at least.
const DIGEST_ROWS: usize = 1 << 16;
/// Values that may be.
const DIGEST_VALUES: usize = 1 << 23;

/// A sorted run.
#[derive(Debug)]
pub(crate) struct Source {
    /// Where in the order of reading it begins and ends: its least and greatest time or, backwards,
    /// what stands for these.
    pub(crate) begin: i64,
    pub(crate) end: i64,
    reverse: bool,
    /// Another run has rows in the same stretch of time.
    pub(crate) overlaps: bool,
    kind: Kind,
    /// The rows that are left, of which `filter` may leave out some when they are decoded.
    rest: VecDeque<Range<usize>>,
    filter: RowFilter,
    /// The block that was decoded last: it may be decoded in parts, and counts once.
    counted: Option<usize>,
    /// What statistics tell of a segment's vectors, once that was asked; `None` in it for not enough.
    known: Option<Option<Arc<Vectors>>>,
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
        let (begin, last) = (entry.min_ts, entry.max_ts);
        let kind = Kind::Closed(segment, start, end, deletes);
        Self::new((begin, last), kind, VecDeque::new(), filter)
    }

    /// The rows of a memtable, of which there is at least one; of the columns, only those wanted.
    pub(crate) fn memtable(rows: SortedRows, filter: RowFilter) -> Self {
        let (begin, end) = (rows.ts[0], rows.ts[rows.rows() - 1]);
        let rest = std::iter::once(0..rows.rows()).collect();
        let kind = Kind::Memory(rows);
        Self::new((begin, end), kind, rest, filter)
    }

    fn new(
        (begin, end): (i64, i64),
        kind: Kind,
        rest: VecDeque<Range<usize>>,
        filter: RowFilter,
    ) -> Self {
        let (reverse, overlaps, counted, known) = (false, false, None, None);
        Self { begin, end, reverse, overlaps, kind, rest, filter, counted, known }
    }

    /// The same, read from its end.
    pub(crate) fn backwards(self) -> Self {
        Self { begin: !self.end, end: !self.begin, reverse: true, ..self }
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
        while let Some(rows) = self.next_rows(most) {
            let part = match &self.kind {
                Kind::Closed(..) => return Ok(None),
                Kind::Memory(all) => memory_part(all, wanted, span(&rows)),
                Kind::Segment(segment, footer, extent) => {
                    let filtered = !self.filter.is_empty();
                    let besides = Besides {
                        ts: besides.ts || self.overlaps || filtered,
                        seq: besides.seq || self.overlaps,
                    };
                    // The key is there for those who compare by it.
                    let columns =
                        if self.overlaps || filtered { wanted.keyed } else { wanted.shown };
                    let mapped = Mapped { entry: &segment.entry, footer, extent };
                    segment_part(mapped, wanted, columns, &rows, besides, &mut self.counted)
                        .map_err(|bad| segment.damage(at.path, bad))?
                }
            };
            if let Some(part) = self.kept(part, wanted) {
                return Ok(Some(if self.reverse { part.reversed(wanted) } else { part }));
            }
        }
        Ok(None)
    }

    /// True if statistics may answer for its rows: they stand in one segment, in order, and nothing
    /// but the filter of the scan leaves any out.
    pub(crate) fn may_be_digested(&mut self, wanted: &Wanted, at: &Place<'_>) -> Result<bool> {
        if self.overlaps || self.reverse {
            return Ok(false);
        }
        self.open(wanted, at)?;
        Ok(self.filter.is_empty() && matches!(self.kind, Kind::Segment(..)))
    }

    /// The next rows, as far as statistics do not answer for them; `None` at the end.
    pub(crate) fn digest(
        &mut self,
        wanted: &Wanted,
        ts: bool,
        ask: &Ask,
        same: &mut dyn FnMut(i64, i64) -> bool,
        at: &Place<'_>,
    ) -> Result<Option<(Digest, Part)>> {
        // Where statistics do not answer, all of it is decoded: by all threads as much as they share
        // out well, by this one alone as much as its cache holds.
        let most = match parallel::is_inside() {
            true => DIGEST_ROWS,
            false => (DIGEST_VALUES / wanted.shown.max(1)).clamp(DIGEST_ROWS, COUNT_ROWS),
        };
        let Some(rows) = self.next_rows(most) else { return Ok(None) };
        let Kind::Segment(segment, footer, extent) = &self.kind else { return Ok(None) };
        let known = match &self.known {
            Some(known) => known.clone(),
            None => {
                let known = ask.known(footer).map_err(|bad| segment.damage(at.path, bad))?;
                self.known.insert(known.map(Arc::new)).clone()
            }
        };
        let mapped = Mapped { entry: &segment.entry, footer, extent };
        let asked = (ask, same);
        digested(mapped, wanted, ts, &rows, known.as_ref(), asked, &mut self.counted)
            .map(Some)
            .map_err(|bad| segment.damage(at.path, bad))
    }

    /// True once all rows were read.
    pub(crate) fn is_used_up(&self) -> bool {
        self.rest.is_empty() && !matches!(self.kind, Kind::Closed(..))
    }

    /// What the filters leave of a part; `None` if that is nothing.
    fn kept(&self, part: Part, wanted: &Wanted) -> Option<Part> {
        // Of what was decoded of a segment it keeps all: the rest was not decoded.
        let picked = match self.kind {
            Kind::Segment(..) => None,
            _ => wanted.picked(&part),
        };
        let part = match picked {
            None => part,
            Some(rows) if rows.is_empty() => return None,
            Some(rows) => part.take(&rows, wanted),
        };
        let kept = match (&part.ts, self.filter.is_empty()) {
            (Some(ts), false) => self.filter.keep(ts, &part.columns, &wanted.key),
            _ => None,
        };
        match kept {
            Some(rows) if rows.is_empty() => None,
            Some(rows) => Some(part.take(&rows, wanted)),
            None => Some(part).filter(|part| part.rows > 0),
        }
    }

    /// How many rows are left. Of a segment, no more than the columns of the filters are decoded; of
    /// one of which all is wanted, its entry says so.
    pub(crate) fn count(&mut self, wanted: &Wanted, at: &Place<'_>) -> Result<u64> {
        if let Kind::Closed(segment, start, end, deletes) = &self.kind
            && deletes.is_empty()
            && self.filter.is_empty()
            && wanted.picker.is_none()
            && *start <= segment.entry.min_ts
            && end.is_none_or(|end| end > segment.entry.max_ts)
        {
            return Ok(u64::from(segment.entry.rows));
        }
        self.open(wanted, at)?;
        if self.filter.is_empty() && wanted.picker.is_none() {
            return Ok(self.rest.iter().map(|rows| rows.len() as u64).sum());
        }
        let mut count = 0;
        loop {
            match (&self.kind, &wanted.picker) {
                (Kind::Segment(segment, footer, extent), Some(picker))
                    if self.filter.is_empty() =>
                {
                    let (segment, footer) = (Arc::clone(segment), Arc::clone(footer));
                    let extent = extent.clone();
                    let Some(rows) = self.next_rows(COUNT_ROWS) else { return Ok(count) };
                    let mapped = Mapped { entry: &segment.entry, footer: &footer, extent: &extent };
                    let picked = picker.rows(mapped, &rows, &wanted.tally);
                    let picked = picked.and_then(|rows| refuse_cut(&extent).map(|()| rows));
                    let picked = picked.map_err(|bad| segment.damage(at.path, bad))?;
                    count += picked.iter().map(|rows| rows.len() as u64).sum::<u64>();
                }
                _ => match self.next(COUNT_ROWS, wanted, Besides::default(), at)? {
                    Some(part) => count += part.rows as u64,
                    None => return Ok(count),
                },
            }
        }
    }

    /// The rows to decode next, which ascend: at most `most`, or fewer up to the end of a block, so
    /// that none is checked and decoded twice. What is left of a block in pieces comes together.
    fn next_rows(&mut self, most: usize) -> Option<Vec<Range<usize>>> {
        let block = match &self.kind {
            Kind::Segment(_, footer, _) => Some(footer.block_rows()),
            _ => None,
        };
        let next = if self.reverse { Self::last_range } else { Self::first_range };
        let first = next(self, most, block.unwrap_or(1))?;
        let Some(block) = block else { return Some(vec![first]) };
        let mut rows = vec![first.clone()];
        if self.reverse {
            let from = first.end.saturating_sub(most).max(first.start / block * block);
            while let Some(last) = self.rest.back_mut().filter(|last| last.end > from) {
                let start = last.start.max(from);
                rows.push(start..last.end);
                last.end = start;
                self.rest.pop_back_if(|last| Range::is_empty(last));
            }
            rows.reverse();
        } else {
            let to = first.start.saturating_add(most).min(first.end.next_multiple_of(block));
            while let Some(next) = self.rest.front_mut().filter(|next| next.start < to) {
                let end = next.end.min(to);
                rows.push(next.start..end);
                next.start = end;
                self.rest.pop_front_if(|next| Range::is_empty(next));
            }
        }
        Some(rows)
    }

    fn first_range(&mut self, most: usize, block: usize) -> Option<Range<usize>> {
        let first = self.rest.front_mut()?;
        let mut end = first.end.min(first.start.saturating_add(most));
        let aligned = end / block * block;
        end = if end < first.end && aligned > first.start { aligned } else { end };
        let rows = first.start..end;
        first.start = end;
        self.rest.pop_front_if(|first| Range::is_empty(first));
        Some(rows)
    }

    fn last_range(&mut self, most: usize, block: usize) -> Option<Range<usize>> {
        let last = self.rest.back_mut()?;
        let mut start = last.start.max(last.end.saturating_sub(most));
        let aligned = start.next_multiple_of(block);
        start = if start > last.start && aligned < last.end { aligned } else { start };
        let rows = start..last.end;
        last.end = start;
        self.rest.pop_back_if(|last| Range::is_empty(last));
        Some(rows)
    }

    fn open(&mut self, wanted: &Wanted, at: &Place<'_>) -> Result<()> {
        let Kind::Closed(segment, start, end, deletes) = &self.kind else { return Ok(()) };
        let (footer, extent) = segment.map(at)?;
        if wanted.picker.as_ref().is_some_and(|picker| picker.outcomes(&footer).none()) {
            self.kind = Kind::Segment(Arc::clone(segment), footer, extent);
            return Ok(());
        }
        count(&wanted.tally, |tally| {
            tally.segments_opened.add(1);
            tally.blocks.add(footer.blocks());
        });
        let of_a_key = deletes.iter().filter(|delete| delete.key.is_some());
        self.filter.hidden = Arc::new(Hidden::of_older(of_a_key));
        let holes = deletes.iter().filter(|delete| delete.key.is_none());
        let holes = Cover::new(holes.map(|d| (d.entry.start, d.entry.end, u64::MAX)).collect());
        if segment.entry.order == Order::Key {
            let key = self.filter.key.take();
            let mapped = Mapped { entry: &segment.entry, footer: &footer, extent: &extent };
            let clustered = Clustered { mapped, landmarks: &segment.landmarks };
            let rows = clustered.read(wanted, (*start, *end), key.as_deref(), &holes);
            let rows = rows.and_then(|rows| refuse_cut(&extent).map(|()| rows));
            let rows = rows.map_err(|bad| segment.damage(at.path, bad))?;
            self.rest = Some(0..rows.rows()).filter(|rows| !rows.is_empty()).into_iter().collect();
            self.kind = Kind::Memory(rows);
            return Ok(());
        }
        let rest = rows_left(&segment.entry, &footer, &extent, (*start, *end), &holes);
        let rest = rest.and_then(|rest| refuse_cut(&extent).map(|()| rest));
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

/// From the first of some ranges to the last.
fn span(rows: &[Range<usize>]) -> Range<usize> {
    rows.first().zip(rows.last()).map_or(0..0, |(first, last)| first.start..last.end)
}

fn memory_part(all: &SortedRows, wanted: &Wanted, rows: Range<usize>) -> Part {
    let columns = all.columns.iter().zip(&wanted.columns);
    Part {
        rows: rows.len(),
        ts: Some(all.ts.slice(rows.start, rows.len())),
        seq: Some(all.seq.relative(0, rows.clone())),
        columns: columns.map(|(c, def)| c.slice(def.ty, rows.start, rows.len())).collect(),
        key: wanted.key.clone(),
        reverse: false,
        kept: None,
    }
}

fn digested(
    segment: Mapped<'_>,
    wanted: &Wanted,
    ts: bool,
    rows: &[Range<usize>],
    known: Option<&Arc<Vectors>>,
    (ask, same): (&Ask, &mut dyn FnMut(i64, i64) -> bool),
    counted: &mut Option<usize>,
) -> Result<(Digest, Part), Malformed> {
    let tally = &wanted.tally;
    let picked = match &wanted.picker {
        Some(picker) => picker.rows(segment, rows, tally)?,
        None => Rows::of_ranges(segment.footer, rows),
    };
    let (stretches, rows) = match known {
        Some(known) => divide(segment.footer, &picked, known, ask.ends, same),
        None => (vec![Stretch::Rows(0..picked.iter().map(Rows::len).sum())], picked.clone()),
    };
    count(tally, |tally| {
        tally.blocks_decoded.add(new_blocks(segment.footer, &rows, counted));
        tally.blocks_answered.add(picked.len().saturating_sub(rows.len()));
        tally.segments_answered.add(usize::from(rows.is_empty() && !picked.is_empty()));
    });
    let len = rows.iter().map(Rows::len).sum();
    let ts = ts.then(|| segment.times(&rows, tally)).transpose()?;
    let columns = segment.columns(wanted.columns[..wanted.shown].iter(), &rows, tally)?;
    let (key, seq) = (wanted.key.clone(), None);
    refuse_cut(segment.extent)?;
    let part = Part { rows: len, ts, seq, columns, key, reverse: false, kept: None };
    Ok((Digest { stretches, vectors: known.cloned(), columns: vec![] }, part))
}

/// How many blocks these rows are of, without the one that was counted last.
fn new_blocks(footer: &Footer, rows: &[Rows], counted: &mut Option<usize>) -> usize {
    let block = |rows: &Rows| rows.span().start / footer.block_rows();
    rows.iter().filter(|rows| counted.replace(block(rows)) != Some(block(rows))).count()
}

/// The first `columns` of those wanted, of the rows that the filter keeps.
fn segment_part(
    segment: Mapped<'_>,
    wanted: &Wanted,
    columns: usize,
    rows: &[Range<usize>],
    besides: Besides,
    counted: &mut Option<usize>,
) -> Result<Part, Malformed> {
    let tally = &wanted.tally;
    let rows = match &wanted.picker {
        Some(picker) => picker.rows(segment, rows, tally)?,
        None => Rows::of_ranges(segment.footer, rows),
    };
    let len = rows.iter().map(Rows::len).sum();
    count(tally, |tally| {
        tally.blocks_decoded.add(new_blocks(segment.footer, &rows, counted));
        let picked = rows.iter().filter(|rows| matches!(rows, Rows::Some(_)));
        let width = wanted.columns[..columns].iter().map(|def| def.ty.width().unwrap_or(8));
        let width = width.sum::<usize>();
        tally.bytes_copied.add(picked.map(Rows::len).sum::<usize>() * width);
    });
    let ts = besides.ts.then(|| segment.times(&rows, tally)).transpose()?;
    let seq = besides.seq.then(|| segment.numbers(&rows, tally)).transpose()?;
    let columns = segment.columns(wanted.columns[..columns].iter(), &rows, tally)?;
    refuse_cut(segment.extent)?;
    let key = wanted.key.clone();
    Ok(Part { rows: len, ts, seq, columns, key, reverse: false, kept: None })
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
