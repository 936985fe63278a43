//! A table as the writer knows it: its definition and the memtable that its rows go to.

#![allow(unsafe_code)] // `&mut WriteTable` is what `Chunk` and `Cells` ask for: one writer

use std::sync::Arc;

use crate::base::batch::{Batch, Column};
use crate::base::value::Value;
use crate::db::cells::Cells;
use crate::db::recent::Recent;
use crate::format::spec::{TableDef, TableId};
use crate::index::memtable::MAX_CHUNK_ROWS;
use crate::index::{Chunk, Memtable};

/// A table, for whoever holds the writer's lock.
#[derive(Debug)]
pub(crate) struct WriteTable {
    pub(crate) def: Arc<TableDef>,
    memtable: Memtable<Cells>,
    /// No row has a greater time, wherever it is.
    newest: Option<i64>,
    /// What the memtable has, where it was asked for.
    pub(crate) recent: Recent,
}

impl WriteTable {
    /// A table with an empty memtable, of whose rows in segments the newest has that time.
    pub(crate) fn new(def: Arc<TableDef>, newest: Option<i64>) -> Self {
        let types = def.spec.columns.iter().map(|column| column.ty).collect();
        Self { def, memtable: Memtable::new(types), newest, recent: Recent::default() }
    }

    /// True if no row there is has that time or a later one.
    #[inline]
    pub(crate) fn is_newer(&self, ts: i64) -> bool {
        Some(ts) > self.newest
    }

    /// Rows with times up to this one are there from now on.
    #[inline]
    pub(crate) fn note_time(&mut self, ts: i64) {
        self.newest = self.newest.max(Some(ts));
    }

    /// The table has that definition from now on: the next row begins a chunk that is made by it.
    pub(crate) fn redefine(&mut self, def: Arc<TableDef>) {
        *self = Self::new(def, self.newest);
    }

    /// Appends a row that fits the table. A new chunk is handed to `show` before the row is in it.
    #[inline]
    pub(crate) fn push_row(
        &mut self,
        ts: i64,
        seq: u64,
        values: &[Value<'_>],
        show: impl FnOnce(TableId, Arc<Chunk<Cells>>),
    ) {
        self.note_time(ts);
        if self.memtable.current().is_none_or(|chunk| chunk.room() == 0) {
            show(self.def.id, self.memtable.start_chunk(1));
        }
        if let Some(chunk) = self.memtable.current() {
            // SAFETY: only the memtable that started a chunk appends to it, and `self` is borrowed
            // mutably: no other thread is here.
            unsafe {
                chunk.payload().push_row(values);
                chunk.publish(&[ts], seq);
            }
        }
    }

    /// Appends a batch that fits the table, numbering its rows from `seq` on. New chunks are handed
    /// to `show` before rows are in them. Columns that the batch lacks are null.
    pub(crate) fn push_batch(
        &mut self,
        batch: &Batch,
        seq: &mut u64,
        mut show: impl FnMut(TableId, Arc<Chunk<Cells>>),
    ) {
        let missing = self.def.spec.columns.iter().skip(batch.columns.len());
        let nulls = missing.map(|column| Column::nulls(column.ty, batch.rows()));
        let columns: Vec<Column> = batch.columns.iter().cloned().chain(nulls).collect();
        if let Some(newest) = batch.ts.iter().max() {
            self.note_time(*newest);
        }
        let mut start = 0;
        while start < batch.rows() {
            let rest = batch.rows() - start;
            if self.memtable.current().is_none_or(|chunk| chunk.room() == 0) {
                show(self.def.id, self.memtable.start_chunk(rest.min(MAX_CHUNK_ROWS)));
            }
            let Some(chunk) = self.memtable.current() else { return };
            let len = rest.min(chunk.room());
            // SAFETY: as in `push_row`.
            unsafe {
                chunk.payload().push_columns(&columns, start, len);
                chunk.publish(&batch.ts[start..start + len], *seq);
            }
            *seq += len as u64;
            start += len;
        }
    }

    /// Seals the current chunk: the next row begins a new one.
    pub(crate) fn seal(&mut self) {
        self.recent = Recent::default();
        self.memtable.seal();
    }
}
