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
use crate::db::segment::Segment;
use crate::db::segment_list::SegmentList;
use crate::format::edit::Edit;
use crate::format::spec::{TableDef, TableId};
use crate::index::Chunk;

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
    /// Rows of records up to this log number stand in segments.
    pub(crate) flushed_lsn: u64,
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
            flushed_lsn: 0,
        })));
        true
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

    /// Applies an edit of the manifest; `false` if it makes no sense here.
    pub(crate) fn apply(&mut self, edit: &Edit) -> bool {
        match edit {
            Edit::CreateTable(def) => self.add_table(def.clone()),
            Edit::AddSegment(entry) => {
                let table = self.table_mut(entry.table);
                table.map(|table| table.segments.insert(Segment::new(entry.clone()))).is_some()
            }
            Edit::RemoveSegment(id) => (0..self.tables.len() as TableId)
                .any(|table| self.table_mut(table).is_some_and(|table| table.segments.remove(*id))),
            Edit::Flushed(id, lsn) => {
                self.table_mut(*id).map(|table| table.flushed_lsn = *lsn).is_some()
            }
        }
    }

    /// Edits that make this catalog out of nothing.
    pub(crate) fn edits(&self) -> Vec<Edit> {
        let mut edits = Vec::new();
        for table in self.tables() {
            edits.push(Edit::CreateTable((*table.def).clone()));
            edits.extend(table.segments.iter().map(|s| Edit::AddSegment(s.entry.clone())));
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

    /// Rows in the memtable with numbers up to `visible`.
    pub(crate) fn memtable_rows(&self, visible: u64) -> u64 {
        self.chunks.iter().map(|chunk| chunk.visible(visible) as u64).sum()
    }
}
