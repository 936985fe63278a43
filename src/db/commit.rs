//! Commits that change what is committed and leave the log as it is: those of packing and of giving
//! space back. (A flush makes its own, with which the log may begin anew.)

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::db::catalog::View;
use crate::db::core::{Core, Main, Writer};
use crate::error::Result;
use crate::format::edit::{Edit, SegmentEntry};
use crate::format::spec::TableId;
use crate::store::main_file::NewState;

/// More segments than are ever written between two commits.
const SKIPPED: u64 = 1 << 32;

impl Core {
    /// Runs `change` with the main file and the writer locked, so that nobody else commits or logs.
    pub(crate) fn with_catalog<R>(
        &self,
        change: impl FnOnce(&mut Main, &Writer) -> Result<R>,
    ) -> Result<R> {
        let (mut main, writer) = (self.main(), self.writer());
        match (main.as_mut(), writer.as_ref()) {
            (Some(main), Some(writer)) => change(main, writer),
            _ => Err(self.closed()),
        }
    }

    /// Commits edits of what is committed, and shows them to readers.
    pub(crate) fn commit_and_show(
        &self,
        main: &mut Main,
        writer: &Writer,
        edits: &[Edit],
    ) -> Result<()> {
        self.commit_view(main, writer, edits)?;
        self.change_view(|view| view.apply_all(edits));
        Ok(())
    }

    /// Commits edits of what is committed, with the log as it is.
    pub(crate) fn commit_view(
        &self,
        main: &mut Main,
        writer: &Writer,
        edits: &[Edit],
    ) -> Result<()> {
        let (state, base) = (self.unchanged(main), self.base_with(main.next_table, writer, edits));
        main.file.commit(edits, &base, state)
    }

    /// Commits that the file has a feature which older versions of the library would misread, before
    /// anything that has it is written.
    pub(crate) fn need_feature(&self, feature: u64) -> Result<()> {
        self.check_writable()?;
        let mut main = self.main();
        let Some(main) = main.as_mut() else { return Err(self.closed()) };
        if main.file.need(feature) {
            let state = self.unchanged(main);
            // Nothing is added to the manifest, so it is not folded.
            main.file.commit(&[], &Vec::new, state)?;
        }
        Ok(())
    }

    /// Moves the manifest to a free place before the one it has; `false` if there is none.
    pub(crate) fn move_manifest(&self, main: &mut Main, writer: &Writer) -> Result<bool> {
        let (state, base) = (self.unchanged(main), self.base_with(main.next_table, writer, &[]));
        main.file.move_manifest(&base, state)
    }

    /// Goes on with numbers of segments that nobody has given yet, once a writer before has failed to
    /// close: what it wrote since its last commit, without naming it, has numbers that nothing tells.
    pub(crate) fn skip_segment_numbers(&self, main: &mut Main) -> Result<()> {
        let next = main.file.next_segment();
        next.store(next.load(Ordering::Relaxed).saturating_add(SKIPPED), Ordering::Release);
        let state = self.unchanged(main);
        main.file.commit(&[], &Vec::new, state)
    }

    /// The state in force, with the log as it is.
    fn unchanged(&self, main: &Main) -> NewState {
        let slot = *main.file.slot();
        NewState {
            epoch: slot.epoch,
            log_start: slot.log_start,
            durable_lsn: slot.durable_lsn.max(self.syncer.durable()),
            next_lsn: slot.next_lsn,
            next_seq: slot.next_seq,
            log_expected: slot.log_expected,
        }
    }

    /// What makes the whole catalog that is committed, with `edits` applied.
    fn base_with(
        &self,
        next_table: TableId,
        writer: &Writer,
        edits: &[Edit],
    ) -> impl Fn() -> Vec<Edit> {
        move || {
            let (view, _) = self.snapshot();
            let mut view = committed(&view, next_table, writer);
            view.apply_all(edits);
            view.edits()
        }
    }
}

/// What a commit has named of a view: without what only the log names.
fn committed(view: &View, next_table: TableId, writer: &Writer) -> View {
    let mut view = view.clone();
    for table in writer.dropped.tables() {
        view.put_back(Arc::clone(table));
    }
    for (_, entry) in &writer.pending.segments {
        view.apply(&remove_segment(entry));
    }
    for entry in &writer.deletes {
        view.apply(&Edit::ForgetDelete(entry.table, entry.lsn));
    }
    for added in &writer.columns {
        view.forget_column(added);
    }
    view.truncate(next_table);
    view
}

/// The edit that takes a segment out of its table.
pub(crate) fn remove_segment(entry: &SegmentEntry) -> Edit {
    Edit::RemoveSegment { table: entry.table, id: entry.id, min_ts: entry.min_ts }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::schema::{DataType, TableSpec};
    use crate::db::{Db, DbOptions, PACKED_ROWS};

    fn next(db: &Db) -> u64 {
        db.core.next_segment.load(Ordering::Relaxed)
    }

    #[test]
    fn a_number_of_a_segment_is_given_once_in_the_life_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let (path, copy) = (folder.path().join("t.chl"), folder.path().join("copy.chl"));
        let db = Db::open(&path, DbOptions::default()).unwrap();
        let table = db.create_table("t", TableSpec::new([("v", DataType::F64)])).unwrap();
        for ts in 0..3 {
            table.append_row(ts, &[0.5.into()]).unwrap();
            db.flush().unwrap();
        }
        // The last ones go: nothing that is named has their numbers.
        table.pack(PACKED_ROWS).unwrap();
        table.delete(None, None, None).unwrap();
        table.pack(PACKED_ROWS).unwrap();
        let used = next(&db);
        assert_eq!((used, table.len().unwrap()), (5, 0));
        // As a writer leaves it that is killed after it wrote segments which nothing names yet.
        db.core.next_segment.fetch_add(7, Ordering::Relaxed);
        let log = |path: &std::path::Path| crate::store::log_file::log_path(path);
        std::fs::copy(&path, &copy).unwrap();
        std::fs::copy(log(&path), log(&copy)).unwrap();
        drop(table);
        db.close().unwrap();
        let closed = Db::open(&path, DbOptions::default()).unwrap();
        assert_eq!(next(&closed), used + 7);
        // Again and again: what the one before wrote is behind what the slot tells.
        for killed in 1..4 {
            let again = Db::open(&copy, DbOptions::default()).unwrap();
            assert_eq!(next(&again), used + killed * SKIPPED);
            let other = folder.path().join(format!("copy-{killed}.chl"));
            std::fs::copy(&copy, &other).unwrap();
            std::fs::copy(log(&copy), log(&other)).unwrap();
            drop(again);
            std::fs::rename(&other, &copy).unwrap();
            std::fs::rename(log(&other), log(&copy)).unwrap();
        }
    }
}
