//! Packing: segments that overlap, are small, or hold rows that were deleted, become segments that
//! follow each other in time; those of a table with a key have the rows of each key together.
//!
//! A pack goes group by group. Each group is read as of one moment through the same merge that
//! reads scans, written, read back and compared, and put in place of its segments by one commit, so
//! that a pack can stop after any of them. Nobody waits for it: appends, flushes and reads go on,
//! and what is deleted meanwhile is hidden in the new segments too, being later than they are.

use std::sync::Arc;

use arrow_buffer::ScalarBuffer;

use crate::base::batch::{Column, Data};
use crate::base::builder::concat;
use crate::base::schema::{DataType, StoragePolicy};
use crate::db::batches::TableBatches;
use crate::db::catalog::{TableView, View};
use crate::db::commit::remove_segment;
use crate::db::core::{Core, Writer};
use crate::db::deletes::is_hidden;
use crate::db::new_segments::{SegmentKind, cut_at};
use crate::db::plan::{Plan, ScanSpec};
use crate::db::segment::Segment;
use crate::db::segment_list::SegmentList;
use crate::error::Result;
use crate::format::edit::{Edit, Order, SegmentEntry};
use crate::format::footer::MAX_SEGMENT_ROWS;
use crate::format::rows::{RowNumbers, SortedRows};
use crate::format::spec::TableId;

/// Rows read from a merge at a time.
const READ_ROWS: usize = 65_536;
/// Rows that are encoded together: a segment a core, on two of them.
const GROUP_ROWS: usize = 2 * MAX_SEGMENT_ROWS;

/// Fewer rows than this are not worth another codec.
const COLD_ROWS: usize = 4096;

/// Bytes of them, at most: a column holds less than 2 GiB of text.
const GROUP_BYTES: usize = 1 << 30;

/// Asked now and then by what may take long: true if it is to end before its end.
pub type Stop<'a> = &'a (dyn Fn() -> bool + Sync);

/// What a pack did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PackReport {
    /// Segments that were read and are gone.
    pub segments_before: u64,
    /// Segments in place of them.
    pub segments_after: u64,
    /// Rows that were read.
    pub rows_before: u64,
    /// Rows that were written: without those that were deleted or gave way to others.
    pub rows_after: u64,
    /// Bytes of the segments that are gone.
    pub bytes_before: u64,
    /// Bytes of those in place of them.
    pub bytes_after: u64,
}

impl std::ops::AddAssign for PackReport {
    fn add_assign(&mut self, other: Self) {
        self.segments_before += other.segments_before;
        self.segments_after += other.segments_after;
        self.rows_before += other.rows_before;
        self.rows_after += other.rows_after;
        self.bytes_before += other.bytes_before;
        self.bytes_after += other.bytes_after;
    }
}

impl PackReport {
    fn add(&mut self, before: &[Arc<Segment>], after: &[SegmentEntry]) {
        self.segments_before += before.len() as u64;
        self.segments_after += after.len() as u64;
        self.rows_before += before.iter().map(|s| u64::from(s.entry.rows)).sum::<u64>();
        self.rows_after += after.iter().map(|entry| u64::from(entry.rows)).sum::<u64>();
        self.bytes_before += before.iter().map(|s| s.entry.len).sum::<u64>();
        self.bytes_after += after.iter().map(|entry| entry.len).sum::<u64>();
    }
}

/// A table as of one moment, with some of its segments and nothing else.
struct Moment {
    table: Arc<TableView>,
    lsn: u64,
}

impl Core {
    /// Packs a table: every group of its segments that is worth it, or until `stop`. Segments of
    /// fewer than `least_rows` rows are joined with their neighbours.
    pub(crate) fn pack(
        self: &Arc<Self>,
        table: TableId,
        least_rows: usize,
        stop: Stop<'_>,
    ) -> Result<PackReport> {
        let _alone = self.packing.lock();
        self.flush()?;
        let groups = match self.snapshot().0.table(table) {
            Some(table) => choose(table, least_rows),
            None => return Err(self.no_table(table)),
        };
        let report = self.pack_groups(table, groups, stop)?;
        if let Some(main) = self.main().as_mut() {
            main.reclaim();
        }
        Ok(report)
    }

    /// Packs groups of a table's segments one after the other, or until `stop`. The lock that packs
    /// hold is held.
    pub(crate) fn pack_groups(
        self: &Arc<Self>,
        table: TableId,
        groups: Vec<Vec<Arc<Segment>>>,
        stop: Stop<'_>,
    ) -> Result<PackReport> {
        let mut report = PackReport::default();
        for group in groups {
            if stop() {
                break;
            }
            self.pack_group(table, &group, stop, &mut report)?;
        }
        Ok(report)
    }

    fn pack_group(
        self: &Arc<Self>,
        table: TableId,
        group: &[Arc<Segment>],
        stop: Stop<'_>,
        report: &mut PackReport,
    ) -> Result<()> {
        let Some(moment) = self.moment_of(table, group)? else { return Ok(()) };
        let mut written = Vec::new();
        let packed = self.write_packed(&moment, group, stop, &mut written);
        let swapped = packed.and_then(|whole| {
            // The deletes that were applied must not be lost to a power loss that the segments
            // survive, nor may a later delete get a number that these call applied.
            self.syncer.wait(moment.lsn)?;
            Ok(whole && self.swap(table, group, &written)?)
        });
        if !matches!(swapped, Ok(true)) {
            self.discard_segments(&written);
        }
        if swapped? {
            report.add(group, &written);
            self.counters.packed(&written);
        }
        Ok(())
    }

    /// The table as it is now, with no segments but those of the group, and the log number as of
    /// which that is. `None` if one of them is gone, or if only the log names it yet, or a column.
    fn moment_of(&self, table: TableId, group: &[Arc<Segment>]) -> Result<Option<Moment>> {
        let guard = self.writer();
        let Some(writer) = guard.as_ref() else { return Err(self.closed()) };
        let (view, _) = self.snapshot();
        let Some(now) = view.table(table) else { return Ok(None) };
        // Segments name their table's columns: a commit must have named those first.
        let redefined = writer.columns.iter().any(|added| added.table == table);
        if redefined || !all_committed(group, now, writer) {
            return Ok(None);
        }
        let mut segments = SegmentList::default();
        group.iter().for_each(|segment| segments.insert(Arc::clone(segment)));
        let table = TableView { segments, chunks: Vec::new(), ..(**now).clone() };
        Ok(Some(Moment { table: Arc::new(table), lsn: writer.last_lsn() }))
    }

    /// Reads the group through a merge and writes it as segments that follow each other; `false` if
    /// it was stopped before the end. What is hidden as a whole is not read.
    fn write_packed(
        self: &Arc<Self>,
        moment: &Moment,
        group: &[Arc<Segment>],
        stop: Stop<'_>,
        written: &mut Vec<SegmentEntry>,
    ) -> Result<bool> {
        if group.iter().all(|segment| is_hidden(&moment.table, &segment.entry)) {
            return Ok(true);
        }
        let def = &moment.table.def;
        let level = group.iter().map(|s| s.entry.level).max().unwrap_or(0).max(1);
        let order = if def.spec.key.is_empty() { Order::Time } else { Order::Key };
        let kind = SegmentKind { as_of_lsn: moment.lsn, level, order };
        let plan = self.numbered(Arc::clone(&moment.table))?;
        let mut rows = Gathered::new(plan.types());
        for piece in TableBatches::new(plan, READ_ROWS)? {
            rows.push(piece?);
            if stop() {
                return Ok(false);
            }
            if rows.is_full() {
                let all = rows.take()?;
                let end = cut_at(&all, cut_at(&all, 0));
                self.write_checked_segments(def, &all.slice(&def.spec, 0, end), kind, written)?;
                rows.put_back(all.slice(&def.spec, end, all.rows() - end));
            }
        }
        if rows.len > 0 {
            self.write_checked_segments(def, &rows.take()?, kind, written)?;
        }
        Ok(true)
    }

    /// All rows of a table, with their numbers.
    fn numbered(self: &Arc<Self>, table: Arc<TableView>) -> Result<Arc<Plan>> {
        let plan = Plan::new(table, u64::MAX, Arc::clone(self), &ScanSpec::default())?;
        Ok(Arc::new(plan.with_row_numbers()))
    }

    /// Puts what was written in place of the group, in one commit; `false` if a segment of the group
    /// is gone meanwhile.
    fn swap(
        &self,
        table: TableId,
        group: &[Arc<Segment>],
        written: &[SegmentEntry],
    ) -> Result<bool> {
        self.with_catalog(|main, writer| {
            let (now, _) = self.snapshot();
            let there = now.table(table).is_some_and(|now| all_committed(group, now, writer));
            if !there {
                return Ok(false);
            }
            let mut edits: Vec<Edit> = written.iter().cloned().map(Edit::AddSegment).collect();
            edits.extend(group.iter().map(|segment| remove_segment(&segment.entry)));
            let mut after = (*now).clone();
            after.apply_all(&edits);
            edits.extend(done_deletes(&after, table, writer));
            if !edits.is_empty() {
                self.commit_and_show(main, writer, &edits)?;
                main.retire(group.iter().cloned());
            }
            Ok(true)
        })
    }

    /// Forgets the deletes of a table that hide nothing, or nothing that a later one does not.
    pub(crate) fn forget_superfluous(&self, table: TableId) -> Result<()> {
        self.swap(table, &[], &[]).map(drop)
    }
}

/// True if a commit has named all of these segments, and the table has them still.
fn all_committed(group: &[Arc<Segment>], now: &TableView, writer: &Writer) -> bool {
    let there = |s: &SegmentEntry| now.segments.has(s.min_ts, s.id) && !writer.is_pending(s.id);
    group.iter().all(|segment| there(&segment.entry))
}

/// Forgets the deletes of a table that hide nothing any more. Those that only the log has are
/// forgotten by the flush that would name them.
fn done_deletes(view: &View, table: TableId, writer: &Writer) -> Vec<Edit> {
    let Some(view) = view.table(table) else { return vec![] };
    // Log numbers ascend, so that all of these come behind those that a commit has named.
    let first_in_log = writer.deletes.first().map_or(u64::MAX, |entry| entry.lsn);
    let in_log = |lsn| lsn >= first_in_log;
    // What a later delete hides too: those that retention makes, each covers the ones before it.
    let widest = view.deletes.iter().filter(|d| !in_log(d.entry.lsn) && d.key.is_none()).last();
    let done = view.deletes.iter().filter(|d| {
        !in_log(d.entry.lsn) && (!view.needs(d) || widest.is_some_and(|later| later.includes(d)))
    });
    done.map(|delete| Edit::ForgetDelete(table, delete.entry.lsn)).collect()
}

/// The groups of a table's segments that are worth packing, by time: what overlaps is in one group,
/// and so are neighbours of which one is small.
fn choose(table: &TableView, least_rows: usize) -> Vec<Vec<Arc<Segment>>> {
    let concerned = |segment: &Segment| table.deletes_of(&segment.entry).next().is_some();
    let keyed = !table.def.spec.key.is_empty();
    let rows = |group: &[Arc<Segment>]| group.iter().map(|s| s.entry.rows as usize).sum::<usize>();
    let mut groups: Vec<Vec<Arc<Segment>>> = Vec::new();
    let mut reach = i64::MIN;
    for segment in table.segments.iter() {
        let (first, level) = (segment.entry.min_ts, segment.entry.level);
        let small = |rows| rows < least_rows;
        let joins = groups.last().is_some_and(|group: &Vec<Arc<Segment>>| {
            // Packed segments that share one time were cut there, as its rows fill more than one.
            let packed = level > 0 && group.iter().all(|other| other.entry.level > 0);
            let overlaps = first < reach || (first == reach && !packed);
            let together = rows(group) + segment.entry.rows as usize <= MAX_SEGMENT_ROWS;
            overlaps || (together && (small(rows(group)) || small(segment.entry.rows as usize)))
        });
        match groups.last_mut().filter(|_| joins) {
            Some(group) => group.push(Arc::clone(segment)),
            None => groups.push(vec![Arc::clone(segment)]),
        }
        reach = reach.max(segment.entry.max_ts);
    }
    // The cold codecs come with the first pack.
    let cold = matches!(table.def.spec.storage, StoragePolicy::Balanced | StoragePolicy::Size);
    let warm = |s: &Arc<Segment>| cold && s.entry.level == 0 && s.entry.rows as usize >= COLD_ROWS;
    groups.retain(|group| {
        let unordered = |s: &Arc<Segment>| keyed && s.entry.order == Order::Time;
        group.len() > 1 || group.iter().any(|s| concerned(s) || unordered(s) || warm(s))
    });
    groups
}

/// Pieces of a merge, put together as they come.
struct Gathered {
    types: Vec<DataType>,
    pieces: Vec<Vec<Column>>,
    len: usize,
    bytes: usize,
}

impl Gathered {
    /// Nothing yet; the types are those of a piece: the time, the values, the row numbers.
    fn new(types: Vec<DataType>) -> Self {
        Self { pieces: vec![vec![]; types.len()], types, len: 0, bytes: 0 }
    }

    fn push(&mut self, piece: Vec<Column>) {
        self.len += piece[0].len(DataType::I64);
        for ((pieces, column), ty) in self.pieces.iter_mut().zip(piece).zip(&self.types) {
            self.bytes += column.byte_size(*ty);
            pieces.push(column);
        }
    }

    fn is_full(&self) -> bool {
        self.len >= GROUP_ROWS || self.bytes >= GROUP_BYTES
    }

    /// All there is; nothing is left.
    fn take(&mut self) -> Result<SortedRows> {
        let pieces = self.pieces.iter_mut().map(std::mem::take).zip(&self.types);
        let columns =
            pieces.map(|(pieces, &ty)| concat(ty, &pieces)).collect::<Result<Vec<_>>>()?;
        let len = std::mem::take(&mut self.len);
        self.bytes = 0;
        let mut columns = columns.into_iter();
        let fixed = |column: Option<Column>| match column.map(|column| column.data) {
            Some(Data::Fixed(buffer)) => buffer,
            _ => unreachable!("times and row numbers are of fixed width"),
        };
        let ts = ScalarBuffer::new(fixed(columns.next()), 0, len);
        let seq = ScalarBuffer::new(fixed(columns.next_back()), 0, len);
        Ok(SortedRows { ts, seq: RowNumbers::Each(seq), columns: columns.collect() })
    }

    /// Puts rows back that are to come first.
    fn put_back(&mut self, rows: SortedRows) {
        let fixed = |buffer| Column { data: Data::Fixed(buffer), validity: None };
        let numbers = rows.seq.relative(0, 0..rows.rows()).into_inner();
        let first = std::iter::once(fixed(rows.ts.into_inner()));
        self.push(first.chain(rows.columns).chain([fixed(numbers)]).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::schema::TableSpec;
    use crate::db::{Db, DbOptions, Durability};

    #[test]
    fn deletes_that_a_pack_applies_are_durable_before_it_is_committed() {
        let folder = tempfile::tempdir().unwrap();
        let options = DbOptions { durability: Durability::None, ..DbOptions::default() };
        let db = Db::open(folder.path().join("t.chl"), options).unwrap();
        let table = db.create_table("t", TableSpec::new([("v", DataType::F64)])).unwrap();
        for ts in [1, 2] {
            table.append_row(ts, &[0.5.into()]).unwrap();
            db.flush().unwrap();
        }
        // As if it came after the flush that a pack begins with.
        table.delete(Some(1), Some(2), None).unwrap();
        let core = &db.core;
        let (view, _) = core.snapshot();
        let group: Vec<_> = view.table(1).unwrap().segments.iter().cloned().collect();
        let lsn = core.writer().as_ref().unwrap().last_lsn();
        assert!(core.syncer.durable() < lsn);
        let mut report = PackReport::default();
        core.pack_group(1, &group, &|| false, &mut report).unwrap();
        assert_eq!((report.rows_before, report.rows_after), (2, 1));
        assert!(core.syncer.durable() >= lsn);
    }
}
