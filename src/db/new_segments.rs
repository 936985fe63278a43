//! Sorted rows become segments in free space, several at a time. Nothing names them yet: that is
//! for a commit or a record of the log to do.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::base::schema::{DataType, TableSpec};
use crate::codec::MAX_BLOCK_ROWS;
use crate::db::clustered::cluster;
use crate::db::core::{Core, Main};
use crate::db::parallel;
use crate::error::Result;
use crate::format::edit::{Order, SegmentEntry, SegmentId};
use crate::format::footer::MAX_SEGMENT_ROWS;
use crate::format::key::KeyColumns;
use crate::format::rows::SortedRows;
use crate::format::segment::{NewSegment, build};
use crate::format::spec::TableDef;
use crate::store::main_file::ExtentWriter;

/// What all segments of one writing have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SegmentKind {
    /// Deletes up to this log number are applied to the rows.
    pub(crate) as_of_lsn: u64,
    /// 0 as flushed; higher as packed.
    pub(crate) level: u8,
    /// In which order the rows are written; they come in that of time.
    pub(crate) order: Order,
}

impl SegmentKind {
    /// Rows that were never in a segment before.
    pub(crate) fn flushed(as_of_lsn: u64) -> Self {
        Self { as_of_lsn, level: 0, order: Order::Time }
    }
}

/// A segment that has its place, and whether all of it is there.
pub(crate) type Written = (Option<SegmentEntry>, Result<()>);

/// Adds the places of all segments to `written`; the first error is that of the whole.
pub(crate) fn all_written(
    done: impl IntoIterator<Item = Written>,
    written: &mut Vec<SegmentEntry>,
) -> Result<()> {
    let mut outcome = Ok(());
    for (entry, result) in done {
        written.extend(entry);
        outcome = outcome.and(result);
    }
    outcome
}

impl Core {
    /// The numbers of so many new segments: the first of them.
    pub(crate) fn new_segment_ids(&self, count: usize) -> SegmentId {
        self.next_segment.fetch_add(count as u64, Ordering::Relaxed)
    }

    /// Writes sorted rows as segments to free space; what was written is added to `written`. The
    /// main file is locked for a moment, to find a place for each.
    pub(crate) fn write_segments(
        &self,
        def: &TableDef,
        rows: &SortedRows,
        kind: SegmentKind,
        written: &mut Vec<SegmentEntry>,
    ) -> Result<()> {
        self.write_parts(def, rows, kind, written, |len| self.place_for(len))
    }

    /// Writes sorted rows as one segment to free space, reads it back and compares it. `extent` is
    /// room for its bytes.
    pub(crate) fn write_checked_segment(
        &self,
        def: &TableDef,
        rows: &SortedRows,
        kind: SegmentKind,
        id: SegmentId,
        extent: &mut Vec<u8>,
    ) -> Written {
        let reserve = |len| self.place_for(len);
        let check =
            |entry: &SegmentEntry, rows: &SortedRows| self.compare_written(def, entry, rows);
        self.write_part(def, rows, kind, id, extent, &reserve, &check)
    }

    fn place_for(&self, len: u64) -> Result<(u64, ExtentWriter)> {
        match self.main().as_mut() {
            Some(main) => Ok((main.file.reserve(len), main.file.writer())),
            None => Err(self.closed()),
        }
    }

    /// Encodes sorted rows as segments, several at a time, and writes each to the place that
    /// `reserve` finds for it. All places are added to `written`, also where a write failed.
    pub(crate) fn write_parts(
        &self,
        def: &TableDef,
        rows: &SortedRows,
        kind: SegmentKind,
        written: &mut Vec<SegmentEntry>,
        reserve: impl Fn(u64) -> Result<(u64, ExtentWriter)> + Sync,
    ) -> Result<()> {
        let parts = match kind.level {
            0 => cut(rows, def, rows_for_each(rows.rows(), parallel::cores())),
            _ => cut(rows, def, MAX_SEGMENT_ROWS),
        };
        let first_id = self.new_segment_ids(parts.len());
        let failed = AtomicBool::new(false);
        // Each thread has one buffer: fresh memory for each segment would cost as much as encoding.
        let write = |extent: &mut Vec<u8>, index: usize| {
            if failed.load(Ordering::Relaxed) {
                return None;
            }
            let id = first_id + index as u64;
            let done =
                self.write_part(def, &parts[index], kind, id, extent, &reserve, &|_, _| Ok(()));
            failed.fetch_or(done.1.is_err(), Ordering::Relaxed);
            Some(done)
        };
        let done = parallel::map(parts.len(), Vec::new, write).into_iter().flatten();
        all_written(done, written)
    }

    /// Encodes sorted rows as a segment, writes it to the place that `reserve` finds, and hands it to
    /// `check` with its rows as they stand in it.
    #[expect(clippy::too_many_arguments)]
    fn write_part(
        &self,
        def: &TableDef,
        rows: &SortedRows,
        SegmentKind { as_of_lsn, level, order }: SegmentKind,
        id: SegmentId,
        extent: &mut Vec<u8>,
        reserve: &dyn Fn(u64) -> Result<(u64, ExtentWriter)>,
        check: &dyn Fn(&SegmentEntry, &SortedRows) -> Result<()>,
    ) -> Written {
        let new = NewSegment { id, def, salt: self.salt, as_of_lsn, level, order };
        let clustered;
        let rows = match order {
            Order::Time => rows,
            Order::Key => {
                let types: Vec<DataType> = def.spec.columns.iter().map(|c| c.ty).collect();
                clustered = cluster(rows, &types, &KeyColumns::of(&def.spec));
                &clustered
            }
        };
        let mut entry = build(new, rows, extent);
        match reserve(entry.len) {
            Ok((offset, writer)) => {
                entry.offset = offset;
                let done = writer.write(extent, offset).and_then(|()| check(&entry, rows));
                (Some(entry), done)
            }
            Err(error) => (None, Err(error)),
        }
    }

    /// Gives back the place of segments that nothing names.
    pub(crate) fn discard_segments(&self, written: &[SegmentEntry]) {
        if let Some(main) = self.main().as_mut() {
            main.discard(written);
        }
    }
}

impl Main {
    /// Gives back the place of segments that nothing names.
    pub(crate) fn discard(&mut self, written: &[SegmentEntry]) {
        for entry in written {
            self.file.discard(entry.offset, entry.len);
        }
    }
}

/// Bytes of a segment in key order, which is put into the order of time as a whole when it is read.
const CLUSTERED_BYTES: usize = 48 << 20;
/// Rows that such a segment may have however wide they are.
const CLUSTERED_ROWS: usize = 16_384;
/// What is taken for a text.
const TEXT_BYTES: usize = 32;

/// Most rows of a segment of a table.
pub(crate) fn most_rows(spec: &TableSpec) -> usize {
    if spec.key.is_empty() {
        return MAX_SEGMENT_ROWS;
    }
    let width = |ty: DataType| match ty {
        DataType::Bool => 1,
        _ => ty.width().unwrap_or(TEXT_BYTES),
    };
    // With its time and its number.
    let row = 16 + spec.columns.iter().map(|column| width(column.ty)).sum::<usize>();
    (CLUSTERED_BYTES / row).clamp(CLUSTERED_ROWS, MAX_SEGMENT_ROWS)
}

/// Rows of a segment so that each core has one, if that is worth it: packing makes them larger.
fn rows_for_each(rows: usize, cores: usize) -> usize {
    rows.div_ceil(cores).next_multiple_of(MAX_BLOCK_ROWS).max(2 * MAX_BLOCK_ROWS)
}

/// Cuts sorted rows into segments of at most so many rows, where it can between two times, so that
/// they do not touch.
pub(crate) fn cut(rows: &SortedRows, def: &TableDef, most: usize) -> Vec<SortedRows> {
    let (mut parts, mut start, most) = (Vec::new(), 0, most.min(most_rows(&def.spec)));
    while start < rows.rows() {
        let end = cut_at(rows, start, most);
        parts.push(rows.slice(&def.spec, start, end - start));
        start = end;
    }
    parts
}

/// Where a segment of at most `most` rows that begins at `start` ends.
pub(crate) fn cut_at(rows: &SortedRows, start: usize, most: usize) -> usize {
    let end = (start + most).min(rows.rows());
    if end == rows.rows() {
        return end;
    }
    let earliest = end - most / 16;
    let apart = (earliest..end).rev().find(|&row| rows.ts[row] < rows.ts[row + 1]);
    apart.map_or(end, |row| row + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_core_has_a_segment_if_that_is_worth_it() {
        let least = 2 * MAX_BLOCK_ROWS;
        assert_eq!([1, least, 2 * least].map(|rows| rows_for_each(rows, 2)), [least; 3]);
        assert_eq!(rows_for_each(10 * least + 1, 2), 5 * least + MAX_BLOCK_ROWS);
        assert!(rows_for_each(3 << 20, 1) > MAX_SEGMENT_ROWS);
    }
}
