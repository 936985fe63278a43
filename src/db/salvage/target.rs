//! The new file: written under another name, and given its own when it is whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::db::new_segments::cut;
use crate::db::salvage::report::Run;
use crate::db::salvage::rescue::Opened;
use crate::error::{Error, Result};
use crate::format::edit::{Edit, Order, SegmentEntry};
use crate::format::footer::MAX_SEGMENT_ROWS;
use crate::format::rows::SortedRows;
use crate::format::segment::{NewSegment, build, copy};
use crate::format::slot::ON_CONFLICT;
use crate::format::spec::{TableDef, TableId};
use crate::store::health::Health;
use crate::store::lock::WriterLock;
use crate::store::main_file::{MainFile, NewState};
use crate::store::recovery::{find, temporary_name};
use crate::store::storage::Storage;

/// A database being written.
pub(super) struct Target {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    temporary: PathBuf,
    main: MainFile,
    lock: Option<WriterLock>,
    salt: u64,
    /// Tables by their number in the source.
    tables: BTreeMap<TableId, TableDef>,
    entries: Vec<SegmentEntry>,
    published: bool,
}

impl Target {
    /// An empty database that will be called `path`, with these tables.
    pub(super) fn create<'a>(
        storage: &Arc<dyn Storage>,
        path: &Path,
        tables: impl Iterator<Item = &'a TableDef>,
        run: &mut Run<'_>,
    ) -> Result<Self> {
        let temporary = temporary_name(path);
        let found = find(&**storage, &temporary, true)?;
        let salt = found.slot.salt;
        let health = Arc::new(Health::default());
        let main = MainFile::new(found.file, temporary.clone(), health, found.slot, Vec::new());
        let main =
            main.ok_or_else(|| Error::corruption("a new file is not empty").in_file(path))?;
        // Table numbers have no gap.
        let numbered = tables.zip(1..).map(|(def, id)| (def.id, TableDef { id, ..def.clone() }));
        let tables: BTreeMap<_, _> = numbered.collect();
        for def in tables.values() {
            run.table(&def.name);
        }
        Ok(Self {
            storage: Arc::clone(storage),
            path: path.to_path_buf(),
            temporary,
            main,
            lock: found.lock,
            salt,
            tables,
            entries: Vec::new(),
            published: false,
        })
    }

    /// The table that has that number in the source.
    pub(super) fn table(&self, id: TableId) -> Option<&TableDef> {
        self.tables.get(&id)
    }

    /// Writes a segment that is whole as it is; returns its rows.
    pub(super) fn copy(&mut self, def: &TableDef, opened: &Opened) -> Result<u64> {
        let as_of_lsn = opened.entry.as_of_lsn;
        let (salt, level, order) = (self.salt, opened.entry.level, opened.entry.order);
        let new = NewSegment { id: self.next_id(), def, salt, as_of_lsn, level, order };
        let (mut entry, extent) = copy(new, &opened.entry, &opened.footer, &opened.extent);
        if entry.key_range.is_none() {
            entry.key_range = opened.key_range(def);
        }
        self.put(entry, &extent)
    }

    /// Writes sorted rows as segments; returns how many.
    pub(super) fn write(
        &mut self,
        def: &TableDef,
        rows: &SortedRows,
        as_of_lsn: u64,
    ) -> Result<u64> {
        let (mut written, mut extent) = (0, Vec::new());
        for part in cut(rows, def, MAX_SEGMENT_ROWS) {
            let (salt, level, order) = (self.salt, 0, Order::Time);
            let new = NewSegment { id: self.next_id(), def, salt, as_of_lsn, level, order };
            let entry = build(new, &part, &mut extent);
            written += self.put(entry, &extent)?;
        }
        Ok(written)
    }

    fn next_id(&self) -> u64 {
        self.main.next_segment().fetch_add(1, Ordering::Relaxed)
    }

    fn put(&mut self, mut entry: SegmentEntry, extent: &[u8]) -> Result<u64> {
        entry.offset = self.main.reserve(entry.len);
        self.main.writer().write(extent, entry.offset)?;
        let rows = u64::from(entry.rows);
        self.entries.push(entry);
        Ok(rows)
    }

    /// Commits what was written, as a database that was closed, and gives it its name.
    pub(super) fn publish(mut self, next_lsn: u64, next_seq: u64) -> Result<()> {
        if self.tables.values().any(|def| def.spec.on_conflict.keeps_one()) {
            self.main.need(ON_CONFLICT);
        }
        let last = self.entries.iter().map(|entry| entry.max_seq).max().unwrap_or(0);
        let mut edits: Vec<Edit> = self.tables.values().cloned().map(Edit::CreateTable).collect();
        edits.extend(self.entries.drain(..).map(Edit::AddSegment));
        edits.extend(self.tables.values().map(|def| Edit::Flushed(def.id, next_lsn - 1)));
        let state = NewState {
            epoch: self.main.slot().epoch,
            log_start: 0,
            durable_lsn: next_lsn - 1,
            next_lsn,
            next_seq: next_seq.max(last.saturating_add(1)),
            log_expected: false,
        };
        self.main.commit(&edits, &|| edits.clone(), state)?;
        // Both slots say the same, as after a clean close.
        self.main.commit(&[], &Vec::new, state)?;
        // The note of who writes goes with the lock, while the name is ours.
        self.lock = None;
        let io = |e| Error::from_io("create the salvaged database", &self.path, e);
        self.storage.publish(&self.temporary, &self.path).map_err(io)?;
        self.published = true;
        self.storage.sync_dir_of(&self.path).map_err(io)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.lock = None;
        if !self.published {
            // There is nobody to tell; opening a database of that name removes it too.
            let _ = self.storage.remove(&self.temporary);
        }
    }
}
