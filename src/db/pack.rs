//! Packing: segments that overlap, are small, or hold rows that were deleted, become segments that
//! follow each other in time; those of a table with a key have the rows of each key together.
//!
//! A pack goes group by group. Each group is read as of one moment through the same merge that
//! reads scans, written, read back and compared, and put in place of its segments by one commit, so
//! that a pack can stop after any of them. Nobody waits for it: appends, flushes and reads go on,
//! and what is deleted meanwhile is hidden in the new segments too, being later than they are.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::db::batches::TableBatches;
use crate::db::catalog::{TableView, View};
use crate::db::commit::remove_segment;
use crate::db::core::{Core, Writer};
use crate::db::deletes::is_hidden;
use crate::db::gathered::Gathered;
use crate::db::groups::{LINK_ROWS, choose, first_link};
use crate::db::new_segments::{SegmentKind, all_written, most_rows};
use crate::db::parallel;
use crate::db::plan::{Plan, ScanSpec};
use crate::db::segment::Segment;
use crate::db::segment_list::SegmentList;
use crate::error::Result;
use crate::format::edit::{Edit, Order, SegmentEntry, SegmentId};
use crate::format::rows::SortedRows;
use crate::format::spec::TableId;

/// Rows read from a merge at a time.
const READ_ROWS: usize = 65_536;

/// Asked now and then by what may take long: true if it is to end before its end.
///
/// ```
/// use std::time::{Duration, Instant};
/// use chronolite::PACKED_ROWS;
/// # use chronolite::{DataType, Db, DbOptions, TableSpec};
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// for (ts, temp) in [(1000, 20.5), (2000, 21.5), (3000, 22.5)] {
///     sensor.append_row(ts, &[temp.into()])?;
/// }
/// let end = Instant::now() + Duration::from_secs(60);
/// let report = db.pack_until(None, PACKED_ROWS, &|| Instant::now() >= end)?;
/// assert_eq!(report.rows_before, report.rows_after);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type Stop<'a> = &'a (dyn Fn() -> bool + Sync);

/// What a pack did.
///
/// ```
/// use chronolite::PACKED_ROWS;
/// # use chronolite::{DataType, Db, DbOptions, TableSpec};
/// # let folder = tempfile::tempdir()?;
/// # let db = Db::open(folder.path().join("plant.chl"), DbOptions::default())?;
/// # let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// for ts in [1000, 2000] {
///     sensor.append_row(ts, &[20.5.into()])?;
///     db.flush()?;
/// }
/// let report = sensor.pack(PACKED_ROWS)?;
/// assert_eq!((report.segments_before, report.segments_after), (2, 1));
/// assert_eq!(report.rows_after, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
        self.pack_links(table, groups, LINK_ROWS, stop)
    }

    /// The same, with a commit after so many rows, where a group can be cut.
    fn pack_links(
        self: &Arc<Self>,
        table: TableId,
        groups: Vec<Vec<Arc<Segment>>>,
        link_rows: u64,
        stop: Stop<'_>,
    ) -> Result<PackReport> {
        let mut report = PackReport::default();
        for mut group in groups {
            while !group.is_empty() {
                // As what reaches into the rest comes before it, each link has some of that.
                group.sort_by_key(|segment| segment.entry.min_ts);
                let rest = group.split_off(first_link(&group, link_rows));
                if stop() {
                    return Ok(report);
                }
                // What reaches into the rest has segments of its own.
                let border = rest.first().map(|next| next.entry.min_ts);
                let packed = self.pack_group(table, &group, border, stop, &mut report)?;
                let Some(packed) = packed else { break };
                group = self.reaching(table, &packed, &rest);
                group.extend(rest);
            }
        }
        Ok(report)
    }

    /// Those of the packed segments that reach into the time of what comes after them.
    fn reaching(
        &self,
        table: TableId,
        packed: &[SegmentEntry],
        rest: &[Arc<Segment>],
    ) -> Vec<Arc<Segment>> {
        let (view, _) = self.snapshot();
        let (Some(next), Some(table)) = (rest.first(), view.table(table)) else { return vec![] };
        let reach = packed.iter().filter(|entry| entry.max_ts >= next.entry.min_ts);
        reach.filter_map(|entry| table.segments.get(entry.min_ts, entry.id)).collect()
    }

    /// Packs a group and returns what it has become, no segment with rows on both sides of `border`.
    /// `None` if it is left as it was: where it was stopped, or something of it is gone or not
    /// committed.
    fn pack_group(
        self: &Arc<Self>,
        table: TableId,
        group: &[Arc<Segment>],
        border: Option<i64>,
        stop: Stop<'_>,
        report: &mut PackReport,
    ) -> Result<Option<Vec<SegmentEntry>>> {
        let Some(moment) = self.moment_of(table, group)? else { return Ok(None) };
        let mut written = Vec::new();
        let packed = self.write_packed(&moment, group, border, stop, &mut written);
        let swapped = packed.and_then(|whole| {
            // The deletes that were applied must not be lost to a power loss that the segments
            // survive, nor may a later delete get a number that these call applied.
            self.syncer.wait(moment.lsn)?;
            Ok(whole && self.swap(table, group, &written)?)
        });
        if !matches!(swapped, Ok(true)) {
            self.discard_segments(&written);
        }
        if !swapped? {
            return Ok(None);
        }
        report.add(group, &written);
        self.counters.packed(&written);
        Ok(Some(written))
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
        border: Option<i64>,
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
        let mut rows = Gathered::new(plan.types(), most_rows(&def.spec));
        let pieces = TableBatches::new(plan, READ_ROWS)?;
        let failed = AtomicBool::new(false);
        // Each thread has one buffer: fresh memory for each segment would cost as much as encoding.
        let write = |extent: &mut Vec<u8>, (id, rows): (SegmentId, SortedRows)| {
            let done = self.write_checked_segment(def, &rows, kind, id, extent);
            failed.fetch_or(done.1.is_err(), Ordering::Relaxed);
            done
        };
        // Those of one time come in the order of their numbers.
        let next = |rows: &mut Gathered| {
            rows.take_first(&def.spec, border).map(|rows| (self.new_segment_ids(1), rows))
        };
        let read = |hand_over: &mut dyn FnMut((SegmentId, SortedRows))| {
            for piece in pieces {
                rows.push(piece?);
                if stop() || failed.load(Ordering::Relaxed) {
                    return Ok(false);
                }
                if rows.is_full() {
                    hand_over(next(&mut rows)?);
                }
            }
            while !rows.is_empty() {
                hand_over(next(&mut rows)?);
            }
            Ok(true)
        };
        let size = |(_, rows): &(SegmentId, SortedRows)| rows.byte_size(&def.spec);
        let (whole, done) = parallel::feed(size, Vec::new, write, read);
        all_written(done, written)?;
        whole
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    use crate::base::batch::{Batch, Column};
    use crate::base::schema::{DataType, TableSpec};
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
        core.pack_group(1, &group, None, &|| false, &mut report).unwrap();
        assert_eq!((report.rows_before, report.rows_after), (2, 1));
        assert!(core.syncer.durable() >= lsn);
    }

    /// Segments of which each reaches into the next: what was packed stays so when the pack is ended.
    #[test]
    fn a_chain_is_packed_link_by_link() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(folder.path().join("t.chl"), DbOptions::default()).unwrap();
        let table = db.create_table("t", TableSpec::new([("v", DataType::I64)])).unwrap();
        let links = 40;
        for link in 0..links {
            let ts: Vec<i64> = (0..20).map(|row| link * 18 + row).collect();
            let columns = vec![Column::from_vec(ts.clone())];
            table.append(vec![Batch { ts: ts.into(), columns }]).unwrap();
            db.flush().unwrap();
        }
        let all = (0..links).flat_map(|link| (0..20).map(move |row| link * 18 + row));
        let mut expected: Vec<i64> = all.collect();
        expected.sort_unstable();
        let read = || {
            let scan = table.scan(ScanSpec::default()).unwrap();
            let pieces = scan.batches(65_536).unwrap().map(|piece| piece.unwrap());
            pieces.flat_map(|piece| piece[1].values::<i64>().to_vec()).collect::<Vec<i64>>()
        };
        let pack = |stop: Stop<'_>| {
            let (view, _) = db.core.snapshot();
            let groups = choose(view.table(1).unwrap(), 1);
            assert!(groups.len() <= 1, "one chain");
            db.core.pack_links(1, groups, 64, stop).unwrap()
        };
        let asked = AtomicUsize::new(0);
        let some = pack(&|| asked.fetch_add(1, Ordering::Relaxed) >= 8);
        assert!(some.segments_before > 4 && some.segments_before < 30, "{some:?}");
        assert_eq!(read(), expected);
        // What is packed is not packed anew, but for what reaches into the next link.
        let rest = pack(&|| false);
        assert!(some.rows_before + rest.rows_before < 20 * links as u64 * 5 / 4, "{rest:?}");
        assert_eq!(read(), expected);
        assert_eq!(pack(&|| false), PackReport::default());
    }
    #[test]
    fn the_greatest_time_is_packed_with_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(folder.path().join("t.chl"), DbOptions::default()).unwrap();
        let table = db.create_table("t", TableSpec::new([("v", DataType::F64)])).unwrap();
        for ts in [1, i64::MAX] {
            table.append_row(ts, &[0.5.into()]).unwrap();
            db.flush().unwrap();
        }
        let report = table.pack(1 << 18).unwrap();
        assert_eq!((report.segments_before, report.segments_after), (2, 1));
        assert_eq!(table.pack(1 << 18).unwrap(), PackReport::default());
    }
}
