//! From memtables to segments, and from there to a commit.
//!
//! A flush seals the memtables, encodes, writes and commits their rows while others go on appending.
//! If nothing was appended up to the commit, that begins a new epoch of the log and the log starts
//! over; otherwise replay begins where the memtables were sealed.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::db::catalog::{TableView, View};
use crate::db::core::{Core, Main, Pending, Writer};
use crate::db::deletes::memtable_rows;
use crate::db::new_segments::SegmentKind;
use crate::db::ranked::RankedGuard;
use crate::db::sorted::sort_pieces;
use crate::error::Result;
use crate::format::edit::{AddedColumn, DeleteEntry, Edit, SegmentEntry};
use crate::format::key::KeyColumns;
use crate::format::log::LOG_START;
use crate::format::spec::TableId;
use crate::store::main_file::NewState;

/// How many flushes' worth of log there may be before a flush keeps others from appending.
const MAX_LOG_FLUSHES: u64 = 4;

/// Where everything stood when the memtables were sealed.
pub(crate) struct Sealed {
    pub(crate) view: Arc<View>,
    /// Tables with rows in memtables, and how many chunks of theirs are sealed.
    chunks: Vec<(TableId, usize)>,
    pending: Pending,
    /// Deletes that no commit has named yet.
    deletes: Vec<DeleteEntry>,
    /// Columns and dropped tables that no commit has named yet.
    pub(crate) columns: Vec<AddedColumn>,
    pub(crate) dropped: View,
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
        let committed =
            flushed.and_then(|()| self.commit_sealed(main, &mut guard, &sealed, &written));
        let writer = guard.as_mut().ok_or_else(|| self.closed())?;
        match committed {
            Ok(()) => main.retire(sealed.into_dropped().into_iter()),
            // Nothing is lost: the rows are in the sealed chunks and in the log.
            Err(_) => {
                main.discard(&written);
                sealed.put_back(writer);
            }
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
        let deletes = std::mem::take(&mut writer.deletes);
        let columns = std::mem::take(&mut writer.columns);
        let dropped = std::mem::take(&mut writer.dropped);
        Ok(Some(Sealed {
            view,
            chunks,
            pending,
            deletes,
            columns,
            dropped,
            log_end,
            next_lsn,
            next_seq,
        }))
    }

    fn write_sealed(
        &self,
        main: &mut Main,
        sealed: &Sealed,
        written: &mut Vec<SegmentEntry>,
    ) -> Result<()> {
        for table in sealed.view.tables() {
            // What deletes hide in memtables ends here.
            let pieces = memtable_rows(table, u64::MAX, i64::MIN, None);
            if pieces.is_empty() {
                continue;
            }
            let positions: Vec<usize> = (0..table.def.spec.columns.len()).collect();
            let key = KeyColumns::of(&table.def.spec);
            let rule = table.def.spec.on_conflict;
            let rows = sort_pieces(&pieces, &table.types(), &positions, &key, rule);
            let space = Mutex::new(&mut main.file);
            let reserve = |len| {
                let mut file = space.lock();
                Ok((file.reserve(len), file.writer()))
            };
            let kind = SegmentKind::flushed(sealed.next_lsn - 1);
            self.write_parts(&table.def, &rows, kind, written, reserve)?;
        }
        Ok(())
    }

    /// Commits what was written, with the log beginning anew if it can, and shows it to readers.
    /// Where it can, the writer's lock is held over the commit: nobody may append between the slot
    /// that drops the log's records and the reset. Elsewhere others go on: what they append stands
    /// behind the place where replay begins then.
    fn commit_sealed(
        &self,
        main: &mut Main,
        guard: &mut RankedGuard<'_, Option<Writer>>,
        sealed: &Sealed,
        written: &[SegmentEntry],
    ) -> Result<()> {
        let mut edits = sealed.schema_edits(main);
        let pending = sealed.pending.segments.iter().filter(|(_, entry)| sealed.has(entry.table));
        edits.extend(pending.map(|(_, entry)| Edit::AddSegment(entry.clone())));
        edits.extend(written.iter().cloned().map(Edit::AddSegment));
        let flushed = sealed.next_lsn - 1;
        edits.extend(sealed.chunks.iter().map(|(table, _)| Edit::Flushed(*table, flushed)));
        let done = sealed.done_deletes();
        let needed = |entry: &&DeleteEntry| !done.contains(&entry.lsn) && sealed.has(entry.table);
        let needed = sealed.deletes.iter().filter(needed);
        edits.extend(needed.cloned().map(Edit::Delete));
        let base = || catalog_after(sealed, written, &done);
        let quiet = guard.as_ref().is_none_or(|writer| writer.last_lsn() == flushed);
        let state = NewState {
            epoch: main.file.slot().epoch + u64::from(quiet),
            log_start: if quiet { LOG_START } else { sealed.log_end },
            durable_lsn: flushed.max(self.syncer.durable()),
            next_lsn: sealed.next_lsn,
            next_seq: sealed.next_seq,
            log_expected: true,
        };
        let mut commit = || main.file.commit(&edits, &base, state);
        if quiet { commit() } else { guard.unlocked(&mut commit) }?;
        let writer = guard.as_mut().ok_or_else(|| self.closed())?;
        writer.unflushed_from = state.log_start;
        if quiet {
            self.reset_log(writer, main)?;
        }
        main.next_table = sealed.view.next_table();
        main.reclaim();
        self.counters.flushed(written);
        self.syncer.note(flushed);
        self.change_view(|view| show_flushed(view, sealed, written, &done));
        // What was dropped meanwhile is kept as the manifest has it now.
        show_flushed(&mut writer.dropped, sealed, written, &done);
        Ok(())
    }

    fn reset_log(&self, writer: &mut Writer, main: &Main) -> Result<()> {
        let slot = main.file.slot();
        match &mut writer.log {
            Some(log) => log.reset(slot.epoch, slot.generation, writer.next_seq),
            None => Ok(()),
        }
    }
}

impl Sealed {
    /// Gives back what a commit that failed did not name.
    fn put_back(self, writer: &mut Writer) {
        writer.pending.put_back(self.pending);
        writer.deletes.splice(0..0, self.deletes);
        writer.columns.splice(0..0, self.columns);
        for table in self.dropped.tables() {
            writer.dropped.put_back(Arc::clone(table));
        }
    }

    /// Log numbers of the deletes that hid rows of memtables alone: what is written now is without
    /// those, and nothing else needs them.
    fn done_deletes(&self) -> BTreeSet<u64> {
        let new: BTreeSet<u64> = self.deletes.iter().map(|entry| entry.lsn).collect();
        let of = |table: &Arc<TableView>| -> Vec<u64> {
            let named = table.deletes.iter().filter(|delete| new.contains(&delete.entry.lsn));
            named.filter(|delete| !table.needs(delete)).map(|delete| delete.entry.lsn).collect()
        };
        if new.is_empty() { new } else { self.view.tables().flat_map(of).collect() }
    }
}

/// The whole catalog as it will be. What was pending when the memtables were sealed is in the view
/// of that moment; what was named in the log since then is in no commit yet.
fn catalog_after(sealed: &Sealed, written: &[SegmentEntry], done: &BTreeSet<u64>) -> Vec<Edit> {
    let mut after = (*sealed.view).clone();
    for entry in written {
        after.apply(&Edit::AddSegment(entry.clone()));
    }
    for (table, _) in &sealed.chunks {
        after.apply(&Edit::Flushed(*table, sealed.next_lsn - 1));
    }
    forget_deletes(&mut after, sealed, done);
    after.edits()
}

/// Forgets the deletes whose rows were all in memtables that are flushed now.
fn forget_deletes(view: &mut View, sealed: &Sealed, done: &BTreeSet<u64>) {
    for entry in sealed.deletes.iter().filter(|entry| done.contains(&entry.lsn)) {
        view.apply(&Edit::ForgetDelete(entry.table, entry.lsn));
    }
}

/// Replaces the sealed chunks by the segments made of them.
fn show_flushed(view: &mut View, sealed: &Sealed, written: &[SegmentEntry], done: &BTreeSet<u64>) {
    for entry in written {
        view.apply(&Edit::AddSegment(entry.clone()));
    }
    for (table, chunks) in &sealed.chunks {
        if let Some(table) = view.table_mut(*table) {
            table.chunks.drain(..*chunks);
            table.flushed_lsn = sealed.next_lsn - 1;
        }
    }
    forget_deletes(view, sealed, done);
}
