//! What readers see: an immutable view of all tables, replaced as a whole when it changes.
//!
//! A view holds the tables, their segments and the chunks of their memtables. Rows that are
//! appended to a chunk do not change the view: how far into the chunks a reader may look is told
//! by the highest row number that was published when it began. Segment lists share their leaves
//! with the lists before them, so that a commit costs the same however many segments there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::schema::DataType;
use crate::db::cells::Cells;
use crate::db::deletes::Delete;
use crate::db::segment::Segment;
use crate::db::segment_list::SegmentList;
use crate::format::edit::{AddedColumn, DeleteEntry, Edit, SegmentEntry};
use crate::format::spec::{TableDef, TableId};
use crate::index::{Chunk, Tombstones};
use crate::store::readers::Pin;

/// All tables at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    names: Arc<BTreeMap<String, TableId>>,
    tables: Vec<Option<Arc<TableView>>>,
}

/// One table at one moment.
#[derive(Debug, Clone)]
pub(crate) struct TableView {
    pub(crate) def: Arc<TableDef>,
    pub(crate) segments: SegmentList,
    /// Chunks of the memtable in the order they were filled.
    pub(crate) chunks: Vec<Arc<Chunk<Cells>>>,
    /// Deletes that hide rows in chunks or segments, the oldest first.
    pub(crate) deletes: Tombstones<Delete>,
    /// Rows of records up to this log number stand in segments.
    pub(crate) flushed_lsn: u64,
    /// What keeps the segments in their place, where somebody else writes.
    pub(crate) pin: Option<Arc<Pin>>,
}

impl View {
    /// Number of the table of that name.
    pub(crate) fn find(&self, name: &str) -> Option<TableId> {
        self.names.get(name).copied()
    }

    /// Names of all tables, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        self.names.keys().cloned().collect()
    }

    /// The table of that number.
    pub(crate) fn table(&self, id: TableId) -> Option<&Arc<TableView>> {
        self.tables.get(id as usize)?.as_ref()
    }

    /// All tables, by number.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &Arc<TableView>> {
        self.tables.iter().flatten()
    }

    /// The number the next table gets.
    pub(crate) fn next_table(&self) -> TableId {
        self.tables.len().max(1) as TableId
    }

    /// Forgets the tables from number `next` on.
    pub(crate) fn truncate(&mut self, next: TableId) {
        self.tables.truncate(next as usize);
        Arc::make_mut(&mut self.names).retain(|_, id| *id < next);
    }

    /// Takes a table out; `None` if there is none of that number. The number stays used.
    pub(crate) fn take_table(&mut self, id: TableId) -> Option<Arc<TableView>> {
        let table = self.tables.get_mut(id as usize)?.take()?;
        Arc::make_mut(&mut self.names).retain(|_, named| *named != id);
        Some(table)
    }

    /// Puts a table in that was taken out.
    pub(crate) fn put_back(&mut self, table: Arc<TableView>) {
        let id = table.def.id as usize;
        self.tables.resize(self.tables.len().max(id + 1), None);
        Arc::make_mut(&mut self.names).insert(table.def.name.clone(), table.def.id);
        self.tables[id] = Some(table);
    }

    /// Gives a table a column; `false` if it makes no sense here.
    pub(crate) fn add_column(&mut self, added: &AddedColumn) -> bool {
        let Some(table) = self.table_mut(added.table) else { return false };
        let def = table.def.with_column(added.column.clone());
        def.map(|def| table.def = Arc::new(def)).is_ok()
    }

    /// Takes a column back that no row has.
    pub(crate) fn forget_column(&mut self, added: &AddedColumn) {
        if let Some(table) = self.table_mut(added.table) {
            table.def = Arc::new(table.def.without_column(added.column.id));
        }
    }

    /// Takes a table out, or marks the next number as used; `false` if it makes no sense here.
    fn drop_table(&mut self, id: TableId) -> bool {
        if id == self.next_table() {
            self.tables.resize(id as usize + 1, None);
            return true;
        }
        self.take_table(id).is_some()
    }

    /// Adds a table. `false` if its number or name is taken, or its number is beyond the next one.
    pub(crate) fn add_table(&mut self, def: TableDef) -> bool {
        let id = def.id;
        if id != self.next_table() || self.names.contains_key(&def.name) {
            return false;
        }
        self.tables.resize(id as usize, None);
        Arc::make_mut(&mut self.names).insert(def.name.clone(), id);
        self.tables.push(Some(Arc::new(TableView {
            def: Arc::new(def),
            segments: SegmentList::default(),
            chunks: Vec::new(),
            deletes: Tombstones::default(),
            flushed_lsn: 0,
            pin: None,
        })));
        true
    }

    /// Whoever holds one of the tables holds the pin from now on.
    pub(crate) fn keep_by(&mut self, pin: &Arc<Pin>) {
        let is_kept = |table: &TableView| table.pin.as_ref().is_some_and(|p| Arc::ptr_eq(p, pin));
        for table in self.tables.iter_mut().flatten().filter(|table| !is_kept(table)) {
            Arc::make_mut(table).pin = Some(Arc::clone(pin));
        }
    }

    /// The table of that number, to change.
    pub(crate) fn table_mut(&mut self, id: TableId) -> Option<&mut TableView> {
        self.tables.get_mut(id as usize)?.as_mut().map(Arc::make_mut)
    }

    /// Adds a chunk to a table's memtable.
    pub(crate) fn add_chunk(&mut self, id: TableId, chunk: Arc<Chunk<Cells>>) {
        if let Some(table) = self.table_mut(id) {
            table.chunks.push(chunk);
        }
    }

    /// Applies an edit that nobody else needs; `false` if it makes no sense here.
    pub(crate) fn apply_owned(&mut self, edit: Edit) -> bool {
        match edit {
            Edit::AddSegment(entry) => {
                let table = self.table_mut(entry.table);
                table.map(|table| table.segments.insert(Segment::new(entry))).is_some()
            }
            other => self.apply(&other),
        }
    }

    /// Applies an edit of the manifest; `false` if it makes no sense here.
    pub(crate) fn apply(&mut self, edit: &Edit) -> bool {
        match edit {
            Edit::CreateTable(def) => self.add_table(def.clone()),
            Edit::AddSegment(entry) => {
                let table = self.table_mut(entry.table);
                table.map(|table| table.segments.insert(Segment::new(entry.clone()))).is_some()
            }
            Edit::RemoveSegment { table, id, min_ts } => {
                let table = self.table_mut(*table);
                table.is_some_and(|table| table.segments.remove(*min_ts, *id).is_some())
            }
            Edit::Flushed(id, lsn) => {
                self.table_mut(*id).map(|table| table.flushed_lsn = *lsn).is_some()
            }
            Edit::AddColumn(added) => self.add_column(added),
            Edit::DropTable(id) => self.drop_table(*id),
            // Whatever it hides stands in segments: there are no older rows in memtables.
            Edit::Delete(entry) => self.add_delete(entry, 0),
            Edit::ForgetDelete(id, lsn) => {
                let table = self.table_mut(*id);
                table.is_some_and(|table| table.deletes.remove(|d| d.entry.lsn.cmp(lsn)))
            }
        }
    }

    /// Applies edits in their order, also those behind one that makes no sense.
    pub(crate) fn apply_all(&mut self, edits: &[Edit]) {
        for edit in edits {
            self.apply(edit);
        }
    }

    /// Adds a delete made when row `seq` was the next one; `false` if it makes no sense here.
    pub(crate) fn add_delete(&mut self, entry: &DeleteEntry, seq: u64) -> bool {
        let Some(table) = self.table_mut(entry.table) else { return false };
        let delete = Delete::new(entry.clone(), seq, &table.def.spec);
        delete.map(|delete| table.deletes.push(delete)).is_ok()
    }

    /// Edits that make this catalog out of nothing.
    pub(crate) fn edits(&self) -> Vec<Edit> {
        let mut edits = Vec::new();
        for (id, table) in (0..).zip(&self.tables).skip(1) {
            let Some(table) = table else {
                edits.push(Edit::DropTable(id));
                continue;
            };
            edits.push(Edit::CreateTable((*table.def).clone()));
            edits.extend(table.segments.iter().map(|s| Edit::AddSegment(s.entry.clone())));
            edits.extend(table.deletes.iter().map(|d| Edit::Delete((*d.entry).clone())));
            edits.push(Edit::Flushed(table.def.id, table.flushed_lsn));
        }
        edits
    }
}

impl TableView {
    /// Types of the value columns.
    pub(crate) fn types(&self) -> Vec<DataType> {
        self.def.spec.columns.iter().map(|column| column.ty).collect()
    }

    /// Least and greatest time of all rows with numbers up to `visible`.
    pub(crate) fn time_range(&self, visible: u64) -> Option<(i64, i64)> {
        let mut range = self.segments.min_ts().zip(self.segments.max_ts());
        for chunk in &self.chunks {
            let times = chunk.ts(chunk.visible(visible));
            let ends = match chunk.is_ascending() {
                true => times.first().copied().zip(times.last().copied()),
                false => times.iter().copied().min().zip(times.iter().copied().max()),
            };
            if let Some((least, greatest)) = ends {
                let (min, max) = range.unwrap_or((least, greatest));
                range = Some((min.min(least), max.max(greatest)));
            }
        }
        range
    }

    /// The deletes that may hide rows of a segment.
    pub(crate) fn deletes_of(&self, segment: &SegmentEntry) -> impl Iterator<Item = &Delete> {
        let touching = self.deletes.touching(segment.min_ts, segment.max_ts);
        touching.filter(|delete| delete.concerns(segment))
    }

    /// True if a segment may hold rows that the delete hides.
    pub(crate) fn needs(&self, delete: &Delete) -> bool {
        let last = delete.entry.end.map_or(i64::MAX, |end| end.saturating_sub(1));
        self.segments.any(delete.entry.start, last, |segment| delete.concerns(&segment.entry))
    }

    /// Rows in the memtable with numbers up to `visible`, hidden ones among them.
    pub(crate) fn memtable_rows(&self, visible: u64) -> u64 {
        self.chunks.iter().map(|chunk| chunk.visible(visible) as u64).sum()
    }
}
