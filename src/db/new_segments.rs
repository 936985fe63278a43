//! Sorted rows become segments in free space, several at a time. Nothing names them yet: that is
//! for a commit or a record of the log to do.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::base::schema::DataType;
use crate::db::clustered::cluster;
use crate::db::core::{Core, Main};
use crate::db::parallel;
use crate::error::Result;
use crate::format::edit::{Order, SegmentEntry};
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

impl Core {
    /// Writes sorted rows as segments to free space; what was written is added to `written`. The
    /// main file is locked for a moment, to find a place for each.
    pub(crate) fn write_segments(
        &self,
        def: &TableDef,
        rows: &SortedRows,
        kind: SegmentKind,
        written: &mut Vec<SegmentEntry>,
    ) -> Result<()> {
        self.write_parts(def, rows, kind, written, |len| self.place_for(len), |_, _| Ok(()))
    }

    /// The same, with every segment read back and compared as soon as it is written.
    pub(crate) fn write_checked_segments(
        &self,
        def: &TableDef,
        rows: &SortedRows,
        kind: SegmentKind,
        written: &mut Vec<SegmentEntry>,
    ) -> Result<()> {
        let check =
            |entry: &SegmentEntry, rows: &SortedRows| self.compare_written(def, entry, rows);
        self.write_parts(def, rows, kind, written, |len| self.place_for(len), check)
    }

    fn place_for(&self, len: u64) -> Result<(u64, ExtentWriter)> {
        match self.main().as_mut() {
            Some(main) => Ok((main.file.reserve(len), main.file.writer())),
            None => Err(self.closed()),
        }
    }

    /// Encodes sorted rows as segments, several at a time, writes each to the place that `reserve`
    /// finds for it, and hands it to `check` with its rows as they stand in it. All places are added
    /// to `written`, also where a write failed.
    pub(crate) fn write_parts(
        &self,
        def: &TableDef,
        rows: &SortedRows,
        kind: SegmentKind,
        written: &mut Vec<SegmentEntry>,
        reserve: impl Fn(u64) -> Result<(u64, ExtentWriter)> + Sync,
        check: impl Fn(&SegmentEntry, &SortedRows) -> Result<()> + Sync,
    ) -> Result<()> {
        let parts = cut(rows, def);
        let types: Vec<DataType> = def.spec.columns.iter().map(|column| column.ty).collect();
        let key = KeyColumns::of(&def.spec);
        let first_id = self.next_segment.fetch_add(parts.len() as u64, Ordering::Relaxed);
        let failed = AtomicBool::new(false);
        // Each thread has one buffer: fresh memory for each segment would cost as much as encoding.
        let write = |extent: &mut Vec<u8>, index: usize| {
            if failed.load(Ordering::Relaxed) {
                return None;
            }
            let (id, SegmentKind { as_of_lsn, level, order }) = (first_id + index as u64, kind);
            let new = NewSegment { id, def, salt: self.salt, as_of_lsn, level, order };
            let rows = match order {
                Order::Time => parts[index].clone(),
                Order::Key => cluster(&parts[index], &types, &key),
            };
            let mut entry = build(new, &rows, extent);
            let done = match reserve(entry.len) {
                Ok((offset, writer)) => {
                    entry.offset = offset;
                    let done = writer.write(extent, offset).and_then(|()| check(&entry, &rows));
                    (Some(entry), done)
                }
                Err(error) => (None, Err(error)),
            };
            failed.fetch_or(done.1.is_err(), Ordering::Relaxed);
            Some(done)
        };
        let mut outcome = Ok(());
        for (entry, result) in parallel::map(parts.len(), Vec::new, write).into_iter().flatten() {
            written.extend(entry);
            outcome = outcome.and(result);
        }
        outcome
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

/// Cuts sorted rows into segments, where it can between two times, so that they do not touch.
pub(crate) fn cut(rows: &SortedRows, def: &TableDef) -> Vec<SortedRows> {
    let (mut parts, mut start) = (Vec::new(), 0);
    while start < rows.rows() {
        let end = cut_at(rows, start);
        parts.push(rows.slice(&def.spec, start, end - start));
        start = end;
    }
    parts
}

/// Where a segment that begins at `start` ends.
pub(crate) fn cut_at(rows: &SortedRows, start: usize) -> usize {
    let end = (start + MAX_SEGMENT_ROWS).min(rows.rows());
    if end == rows.rows() {
        return end;
    }
    let earliest = end - MAX_SEGMENT_ROWS / 16;
    let apart = (earliest..end).rev().find(|&row| rows.ts[row] < rows.ts[row + 1]);
    apart.map_or(end, |row| row + 1)
}
