//! Changes of a schema: a column is added, a table is dropped. Both are a record of the log and a
//! new view; the manifest learns of them at the next flush.
//!
//! Rows from before a column was added lack it, wherever they stand, and are read as null in it. A
//! table that was dropped is out of the view at once. Until a commit has named that, its segments
//! are kept, as is what a flush under way adds to them: power loss may take the record.

use std::sync::Arc;

use crate::base::codec::Codec;
use crate::base::schema::{ColumnDef, DataType};
use crate::db::core::{Core, Main, Writer};
use crate::db::flush::Sealed;
use crate::db::segment::Segment;
use crate::db::write::Receipt;
use crate::error::Result;
use crate::format::edit::{AddedColumn, Edit};
use crate::format::log::kind;
use crate::format::spec::{TableDef, TableId};

impl Core {
    /// Gives a table a column, in which all rows there are now are null.
    pub(crate) fn add_column(
        &self,
        id: TableId,
        name: &str,
        ty: DataType,
        codec: Option<Codec>,
    ) -> Result<Receipt> {
        let mut guard = self.log_writer()?;
        let Some(writer) = guard.as_mut() else { return Err(self.closed()) };
        let Some(table) = writer.table(id) else { return Err(self.no_table(id)) };
        let next = table.def.spec.columns.iter().map(|column| column.id + 1).max().unwrap_or(0);
        let column = ColumnDef { id: next, name: name.into(), ty, codec };
        let def = Arc::new(table.def.with_column(column.clone())?);
        let added = AddedColumn { table: id, column };
        let durable = self.syncer.durable();
        let log = writer.log.as_mut().ok_or_else(|| self.closed())?;
        let lsn = log.append(kind::ADD_COLUMN, durable, |out| added.encode(out))?;
        self.change_view(|view| {
            view.add_column(&added);
            writer.redefine(def);
        });
        writer.columns.push(added);
        Ok(self.receipt(writer, 0, lsn))
    }

    /// Drops the table of that name; `None` if there is none.
    pub(crate) fn drop_table(&self, name: &str) -> Result<Option<Receipt>> {
        let mut guard = self.log_writer()?;
        let Some(writer) = guard.as_mut() else { return Err(self.closed()) };
        let Some(id) = self.snapshot().0.find(name) else { return Ok(None) };
        let durable = self.syncer.durable();
        let log = writer.log.as_mut().ok_or_else(|| self.closed())?;
        let lsn = log.append(kind::DROP_TABLE, durable, |out| {
            out.extend_from_slice(&id.to_le_bytes());
        })?;
        if let Some(table) = self.change_view(|view| view.take_table(id)) {
            writer.drop_table(id);
            writer.dropped.put_back(table);
            self.feed.wake();
        }
        Ok(Some(self.receipt(writer, 0, lsn)))
    }
}

impl Writer {
    /// A table has that definition from now on.
    pub(crate) fn redefine(&mut self, def: Arc<TableDef>) {
        if let Some(table) = self.table(def.id) {
            table.redefine(def);
        }
    }

    /// Forgets a table and its memtable.
    pub(crate) fn drop_table(&mut self, id: TableId) {
        if let Some(table) = self.tables.get_mut(id as usize) {
            *table = None;
        }
    }
}

impl Sealed {
    /// Edits for what no commit has named yet of tables and columns, by table: a name that a dropped
    /// table had is free when a later one takes it.
    pub(crate) fn schema_edits(&self, main: &Main) -> Vec<Edit> {
        let mut edits = Vec::new();
        for id in 1..self.view.next_table() {
            match self.view.table(id) {
                None if self.dropped.table(id).is_some() => edits.push(Edit::DropTable(id)),
                Some(table) if id >= main.next_table => {
                    edits.push(Edit::CreateTable((*table.def).clone()));
                }
                _ => {}
            }
        }
        let old = |added: &&AddedColumn| added.table < main.next_table && self.has(added.table);
        edits.extend(self.columns.iter().filter(old).cloned().map(Edit::AddColumn));
        edits
    }

    /// True unless the table was dropped before the memtables were sealed.
    pub(crate) fn has(&self, table: TableId) -> bool {
        self.view.table(table).is_some()
    }

    /// Segments of the tables that were dropped, of which nothing else is kept.
    pub(crate) fn into_dropped(self) -> Vec<Arc<Segment>> {
        let segments = self.dropped.tables().flat_map(|table| table.segments.iter());
        segments.cloned().collect()
    }
}
