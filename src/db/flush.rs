//! From memtables to segments, and from there to a commit.
//!
//! A flush seals the memtables, encodes and writes their rows while others go on appending, and
//! commits while they wait. If nothing was appended meanwhile the commit begins a new epoch of the log and the log
//! starts over; otherwise replay begins where the memtables were sealed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::db::catalog::View;
use crate::db::core::{Core, Main, Writer};
use crate::db::parallel;
use crate::db::sorted::{Pieces, sort_pieces};
use crate::error::Result;
use crate::format::edit::{Edit, SegmentEntry};
use crate::format::footer::MAX_SEGMENT_ROWS;
use crate::format::key::KeyColumns;
use crate::format::log::LOG_START;
use crate::format::rows::SortedRows;
use crate::format::segment::{NewSegment, build};
use crate::format::spec::{TableDef, TableId};
use crate::store::main_file::{ExtentWriter, NewState};

/// How many flushes' worth of log there may be before a flush keeps others from appending.
const MAX_LOG_FLUSHES: u64 = 4;

/// Where everything stood when the memtables were sealed.
struct Sealed {
    view: Arc<View>,
    /// Tables with rows in memtables, and how many chunks of theirs are sealed.
    chunks: Vec<(TableId, usize)>,
    pending: Vec<(u64, SegmentEntry)>,
    log_end: u64,
    next_lsn: u64,
    next_seq: u64,
}

impl Core {
    /// Writes all rows of the memtables as segments and commits. After it, whatever was written
    /// before it survives power loss.
    pub(crate) fn flush(&self) -> Result<()> {
        self.check_writable()?;
        let mut main = self.main();
        match main.as_mut() {
            Some(main) => self.flush_with(main),
            None => Err(self.closed()),
        }
    }

    /// The same, with the main file locked.
    pub(crate) fn flush_with(&self, main: &mut Main) -> Result<()> {
        let mut guard = self.writer();
        let Some(sealed) = self.seal(guard.as_mut())? else { return Ok(()) };
        let mut written = Vec::new();
        let mut write = || self.write_sealed(main, &sealed, &mut written);
        // Others go on appending meanwhile, unless the log has not begun anew for so long that it
        // has to: it begins anew when nothing was appended during a flush.
        let flushed = match sealed.log_end >= MAX_LOG_FLUSHES * self.options.flush_bytes {
            true => write(),
            false => guard.unlocked(write),
        };
        let writer = guard.as_mut().ok_or_else(|| self.closed())?;
        let committed = flushed.and_then(|()| self.commit_sealed(main, writer, &sealed, &written));
        if committed.is_err() {
            // Nothing is lost: the rows are in the sealed chunks and in the log.
            main.discard(&written);
            let newer = std::mem::take(&mut writer.pending);
            writer.pending = sealed.pending.into_iter().chain(newer).collect();
        }
        committed
    }

    /// Seals the memtables; `None` if there is nothing that the log alone holds.
    fn seal(&self, writer: Option<&mut Writer>) -> Result<Option<Sealed>> {
        let Some(writer) = writer else { return Err(self.closed()) };
        let Some(log) = &writer.log else { return Ok(None) };
        if log.end() == LOG_START {
            return Ok(None);
        }
        let (log_end, next_lsn, next_seq) = (log.end(), log.next_lsn(), writer.next_seq);
        for table in writer.tables.iter_mut().flatten() {
            table.seal();
        }
        let (view, _) = self.snapshot();
        let with_rows = view.tables().filter(|table| !table.chunks.is_empty());
        let chunks = with_rows.map(|table| (table.def.id, table.chunks.len())).collect();
        let pending = std::mem::take(&mut writer.pending);
        Ok(Some(Sealed { view, chunks, pending, log_end, next_lsn, next_seq }))
    }

    fn write_sealed(
        &self,
        main: &mut Main,
        sealed: &Sealed,
        written: &mut Vec<SegmentEntry>,
    ) -> Result<()> {
        for table in sealed.view.tables() {
            let pieces: Pieces = table
                .chunks
                .iter()
                .map(|chunk| (Arc::clone(chunk), 0..chunk.visible(u64::MAX)))
                .filter(|(_, rows)| !rows.is_empty())
                .collect();
            if pieces.is_empty() {
                continue;
            }
            let positions: Vec<usize> = (0..table.def.spec.columns.len()).collect();
            let key = KeyColumns::of(&table.def.spec);
            let rows = sort_pieces(&pieces, &table.types(), &positions, &key);
            let as_of = sealed.next_lsn - 1;
            let (writer, space) = (main.file.writer(), Mutex::new(&mut main.file));
            let reserve = |len| Ok((space.lock().reserve(len), writer.clone()));
            self.write_parts(&table.def, &rows, as_of, written, reserve)?;
        }
        Ok(())
    }

    /// Commits what was written, with the log beginning anew if it can, and shows it to readers.
    /// The writer's lock is held: nobody may append between the slot that drops the log's records
    /// and the reset.
    fn commit_sealed(
        &self,
        main: &mut Main,
        writer: &mut Writer,
        sealed: &Sealed,
        written: &[SegmentEntry],
    ) -> Result<()> {
        let mut edits = self.new_tables(main, sealed);
        edits.extend(sealed.pending.iter().map(|(_, entry)| Edit::AddSegment(entry.clone())));
        edits.extend(written.iter().cloned().map(Edit::AddSegment));
        let flushed = sealed.next_lsn - 1;
        edits.extend(sealed.chunks.iter().map(|(table, _)| Edit::Flushed(*table, flushed)));
        let base = || catalog_after(sealed, written);
        let quiet = writer.last_lsn() == flushed;
        let state = NewState {
            epoch: main.file.slot().epoch + u64::from(quiet),
            log_start: if quiet { LOG_START } else { sealed.log_end },
            durable_lsn: flushed.max(self.syncer.durable()),
            next_lsn: sealed.next_lsn,
            next_seq: sealed.next_seq,
            log_expected: true,
        };
        main.file.commit(&edits, &base, state)?;
        writer.unflushed_from = state.log_start;
        if quiet {
            self.reset_log(writer, main)?;
        }
        main.next_table = sealed.view.next_table();
        self.syncer.note(flushed);
        self.change_view(|view| show_flushed(view, sealed, written));
        Ok(())
    }

    fn reset_log(&self, writer: &mut Writer, main: &Main) -> Result<()> {
        let slot = main.file.slot();
        match &mut writer.log {
            Some(log) => log.reset(slot.epoch, slot.generation, writer.next_seq),
            None => Ok(()),
        }
    }

    /// Edits for the tables that no commit has named yet.
    fn new_tables(&self, main: &Main, sealed: &Sealed) -> Vec<Edit> {
        let new = sealed.view.tables().filter(|table| table.def.id >= main.next_table);
        new.map(|table| Edit::CreateTable((*table.def).clone())).collect()
    }

    /// Writes sorted rows as segments to free space; what was written is added to `written`. The
    /// main file is locked for a moment, to find a place for each.
    pub(crate) fn write_segments(
        &self,
        def: &TableDef,
        rows: &SortedRows,
        as_of_lsn: u64,
        written: &mut Vec<SegmentEntry>,
    ) -> Result<()> {
        self.write_parts(def, rows, as_of_lsn, written, |len| match self.main().as_mut() {
            Some(main) => Ok((main.file.reserve(len), main.file.writer())),
            None => Err(self.closed()),
        })
    }

    /// Encodes sorted rows as segments, several at a time, and writes each to the place that
    /// `reserve` finds for it. All places are added to `written`, also where a write failed.
    fn write_parts(
        &self,
        def: &TableDef,
        rows: &SortedRows,
        as_of_lsn: u64,
        written: &mut Vec<SegmentEntry>,
        reserve: impl Fn(u64) -> Result<(u64, ExtentWriter)> + Sync,
    ) -> Result<()> {
        let parts = cut(rows, def);
        let first_id = self.next_segment.fetch_add(parts.len() as u64, Ordering::Relaxed);
        let failed = AtomicBool::new(false);
        // Each thread has one buffer: fresh memory for each segment would cost as much as encoding.
        let write = |extent: &mut Vec<u8>, index: usize| {
            if failed.load(Ordering::Relaxed) {
                return None;
            }
            let id = first_id + index as u64;
            let new = NewSegment { id, def, salt: self.salt, as_of_lsn };
            let mut entry = build(new, &parts[index], extent);
            let done = match reserve(entry.len) {
                Ok((offset, writer)) => {
                    entry.offset = offset;
                    (Some(entry), writer.write(extent, offset))
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
    fn discard(&mut self, written: &[SegmentEntry]) {
        for entry in written {
            self.file.discard(entry.offset, entry.len);
        }
    }
}

/// Cuts sorted rows into segments, where it can between two times, so that they do not touch.
pub(crate) fn cut(rows: &SortedRows, def: &TableDef) -> Vec<SortedRows> {
    let (mut parts, mut start) = (Vec::new(), 0);
    while start < rows.rows() {
        let mut end = (start + MAX_SEGMENT_ROWS).min(rows.rows());
        if end < rows.rows() {
            let earliest = end - MAX_SEGMENT_ROWS / 16;
            let apart = (earliest..end).rev().find(|&row| rows.ts[row] < rows.ts[row + 1]);
            end = apart.map_or(end, |row| row + 1);
        }
        parts.push(rows.slice(&def.spec, start, end - start));
        start = end;
    }
    parts
}

/// The whole catalog as it will be. What was pending when the memtables were sealed is in the view
/// of that moment; what was named in the log since then is in no commit yet.
fn catalog_after(sealed: &Sealed, written: &[SegmentEntry]) -> Vec<Edit> {
    let mut after = (*sealed.view).clone();
    for entry in written {
        after.apply(&Edit::AddSegment(entry.clone()));
    }
    for (table, _) in &sealed.chunks {
        after.apply(&Edit::Flushed(*table, sealed.next_lsn - 1));
    }
    after.edits()
}

/// Replaces the sealed chunks by the segments made of them.
fn show_flushed(view: &mut View, sealed: &Sealed, written: &[SegmentEntry]) {
    for entry in written {
        view.apply(&Edit::AddSegment(entry.clone()));
    }
    for (table, chunks) in &sealed.chunks {
        if let Some(table) = view.table_mut(*table) {
            table.chunks.drain(..*chunks);
            table.flushed_lsn = sealed.next_lsn - 1;
        }
    }
}
