//! Rows, tables and segments that the log of a damaged database holds.
//!
//! With header and manifest whole, records count from where replay begins. Without, all of the
//! log's epoch are looked at, and rows that stand in segments as well are told by their numbers.
//! Records behind a damaged one count here: each is whole by its own checksums, and says which rows
//! it brings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_buffer::Buffer;

use crate::base::bytes::{Malformed, Reader};
use crate::db::catalog::TableView;
use crate::db::cells::Cells;
use crate::db::deletes::{Delete, memtable_rows};
use crate::db::salvage::Source;
use crate::db::salvage::catalog::Catalog;
use crate::db::salvage::report::Run;
use crate::db::segment_list::SegmentList;
use crate::db::sorted::sort_pieces;
use crate::db::write_table::WriteTable;
use crate::error::{Error, Result};
use crate::format::edit::{AddedColumn, DeleteEntry, Edit, SegmentEntry, decode_edits};
use crate::format::frame::log_salt;
use crate::format::key::KeyColumns;
use crate::format::log::{LOG_START, LogHeader, kind, read_head, read_row, read_rows};
use crate::format::rows::SortedRows;
use crate::format::slot::Slot;
use crate::format::spec::{TableDef, TableId};
use crate::index::{Chunk, Tombstones};
use crate::store::log_file::log_path;
use crate::store::recovery::refuse_unknown_log;
use crate::store::replay::Record;
use crate::store::search::{first_epoch, whole_records};
use crate::store::storage::OpenMode;

/// The rows that the log brings.
pub(super) struct LogRows {
    tables: BTreeMap<TableId, TableRows>,
    /// Least and greatest row number.
    range: Option<(u64, u64)>,
    pub(super) next_lsn: u64,
    pub(super) next_seq: u64,
}

/// Those of a table, in the order they came.
pub(super) struct TableRows {
    table: WriteTable,
    chunks: Vec<Arc<Chunk<Cells>>>,
    deletes: Tombstones<Delete>,
}

/// The part of the log that counts.
struct Part {
    bytes: Buffer,
    path: PathBuf,
    start: u64,
    epoch: u64,
    /// Number of the record at the start, if it is known.
    first_lsn: Option<u64>,
}

impl LogRows {
    /// Reads the log, and enters the tables and segments it tells of in the catalog.
    pub(super) fn find(source: &Source, catalog: &mut Catalog, run: &mut Run<'_>) -> Result<Self> {
        let mut rows = Self {
            tables: BTreeMap::new(),
            range: None,
            next_lsn: catalog.next_lsn,
            next_seq: catalog.next_seq,
        };
        let Some(part) = find_part(source, catalog, run)? else { return Ok(rows) };
        run.expect(part.bytes.len() as u64);
        rows.read(&part, catalog, run)?;
        run.advance(part.bytes.len() as u64)?;
        Ok(rows)
    }

    fn read(&mut self, part: &Part, catalog: &mut Catalog, run: &mut Run<'_>) -> Result<()> {
        let (mut next, mut end) = (part.first_lsn, part.start);
        let mut durable = catalog.slot.map_or(0, |slot| slot.durable_lsn);
        whole_records(&part.bytes, part.start, log_salt(catalog.salt, part.epoch), |record| {
            let lsn = record.frame.seq;
            if next.is_some_and(|next| lsn < next) {
                return Ok(());
            }
            if let Some(missing) = next.filter(|next| *next < lsn) {
                run.problem(&part.path, end, lost_records(missing, lsn - 1));
            }
            if let Err(bad) = self.apply(record, catalog) {
                let message = format!("log record {lsn}: {}", bad.what);
                run.problem(&part.path, record.at + bad.at as u64, message);
            }
            durable = durable.max(record.frame.durable);
            (next, end) = (lsn.checked_add(1), record.at + record.frame.total_len());
            Ok(())
        })?;
        if let Some(next) = next {
            self.next_lsn = self.next_lsn.max(next);
            if durable >= next {
                run.problem(&part.path, end, lost_records(next, durable));
            }
        }
        Ok(())
    }

    fn apply(&mut self, record: &Record<'_>, catalog: &mut Catalog) -> Result<(), Malformed> {
        let mut r = Reader::new(record.body);
        match record.frame.kind {
            kind::CREATE_TABLE => {
                catalog.add_table(TableDef::decode(&mut r)?);
                Ok(())
            }
            kind::ROW | kind::ROWS => self.apply_rows(record, r, catalog),
            kind::DELETE => self.apply_delete(DeleteEntry::decode(&mut r)?, catalog),
            kind::ADD_COLUMN => {
                let added = AddedColumn::decode(&mut r)?;
                let id = added.table;
                catalog.add_column(added);
                if let (Some(rows), Some(def)) = (self.tables.get_mut(&id), catalog.tables.get(&id))
                {
                    rows.table.redefine(Arc::new(def.clone()));
                }
                Ok(())
            }
            kind::DROP_TABLE => {
                let id = r.u32("table id")?;
                self.tables.remove(&id);
                catalog.drop_table(id);
                Ok(())
            }
            kind::SEGMENTS => {
                for edit in decode_edits(record.body)? {
                    let Edit::AddSegment(entry) = edit else {
                        return Err(r.malformed("segments that do not fit"));
                    };
                    catalog.name_segment(entry);
                }
                Ok(())
            }
            _ => Err(r.malformed("kind of record")),
        }
    }

    /// Hides the rows that came before, here and in segments.
    fn apply_delete(&mut self, entry: DeleteEntry, catalog: &mut Catalog) -> Result<(), Malformed> {
        if let Some(rows) = self.tables.get_mut(&entry.table) {
            let seq = self.range.map_or(0, |(_, last)| last + 1);
            let delete = Delete::new(entry.clone(), seq, &rows.table.def.spec)?;
            rows.deletes.push(delete);
        }
        catalog.delete(entry);
        Ok(())
    }

    fn apply_rows(
        &mut self,
        record: &Record<'_>,
        mut r: Reader<'_>,
        catalog: &Catalog,
    ) -> Result<(), Malformed> {
        let head = read_head(&mut r)?;
        let flushed = catalog.flushed.get(&head.table).copied().unwrap_or(0);
        if catalog.complete && record.frame.seq <= flushed {
            return Ok(());
        }
        let def = catalog.tables.get(&head.table);
        let def = def.ok_or(r.malformed("rows of a table whose definition is lost"))?;
        let columns = &def.spec.columns;
        if self.range.is_some_and(|(_, last)| head.first_seq <= last) {
            return Err(r.malformed("row numbers that were given before"));
        }
        let table = self.tables.entry(head.table).or_insert_with(|| TableRows {
            table: WriteTable::new(Arc::new(def.clone()), None),
            chunks: Vec::new(),
            deletes: Tombstones::default(),
        });
        let mut seq = head.first_seq;
        let chunks = &mut table.chunks;
        if record.frame.kind == kind::ROW {
            let (ts, values) = read_row(&mut r, columns, head.columns)?;
            table.table.push_row(ts, seq, &values, |_, chunk| chunks.push(chunk));
            seq = seq.saturating_add(1);
        } else {
            for batch in &read_rows(&mut r, columns, head.columns)? {
                table.table.push_batch(batch, &mut seq, |_, chunk| chunks.push(chunk));
            }
        }
        if seq > head.first_seq {
            let first = self.range.map_or(head.first_seq, |(first, _)| first);
            self.range = Some((first, seq - 1));
            self.next_seq = self.next_seq.max(seq);
        }
        Ok(())
    }

    /// Tables with rows in the log.
    pub(super) fn tables(&self) -> impl Iterator<Item = (TableId, &TableRows)> {
        self.tables.iter().map(|(id, rows)| (*id, rows))
    }

    /// Numbers of a table's rows.
    pub(super) fn numbers(&self, table: TableId) -> Vec<u64> {
        let chunks = self.tables.get(&table).map_or(&[][..], |rows| &rows.chunks);
        chunks.iter().flat_map(|chunk| chunk.seq(chunk.visible(u64::MAX)).to_vec()).collect()
    }

    /// True if rows of the segment may be here as well.
    pub(super) fn overlaps(&self, entry: &SegmentEntry) -> bool {
        let apart = |(first, last)| entry.max_seq < first || entry.min_seq > last;
        self.range.is_some_and(|range| !apart(range))
    }
}

impl TableRows {
    /// The rows in the order they are read.
    pub(super) fn sorted(&self) -> SortedRows {
        let spec = &self.table.def.spec;
        let table = TableView {
            def: Arc::clone(&self.table.def),
            segments: SegmentList::default(),
            chunks: self.chunks.clone(),
            deletes: self.deletes.clone(),
            flushed_lsn: 0,
            pin: None,
        };
        let pieces = memtable_rows(&table, u64::MAX, i64::MIN, None);
        let types: Vec<_> = spec.columns.iter().map(|column| column.ty).collect();
        let positions: Vec<usize> = (0..types.len()).collect();
        sort_pieces(&pieces, &types, &positions, &KeyColumns::of(spec), spec.on_conflict)
    }
}

fn lost_records(first: u64, last: u64) -> String {
    match first == last {
        true => format!("log record {first} is damaged or missing"),
        false => format!("log records {first} to {last} are damaged or missing"),
    }
}

/// The part of the log that counts; `None` if nothing does.
fn find_part(source: &Source, catalog: &Catalog, run: &mut Run<'_>) -> Result<Option<Part>> {
    let path = log_path(&source.path);
    let io = |e| Error::from_io("read the log", &path, e);
    let slot = catalog.slot.as_ref();
    let expected = slot.is_some_and(|slot| slot.log_expected);
    if !source.storage.exists(&path).map_err(io)? {
        if expected {
            let message = "the database was not closed and its log is missing";
            run.problem(&path, 0, message);
        }
        return Ok(None);
    }
    let bytes = log_bytes(source, &path)?;
    let header = LogHeader::parse(&bytes);
    if let Ok(header) = &header {
        refuse_unknown_log(header, &path)?;
    }
    let header = header.map(|header| (header.salt == catalog.salt).then_some(header));
    let (epoch, first_lsn) = match header {
        Ok(Some(header)) => (header.epoch, Some(header.first_lsn)),
        Ok(None) => {
            if expected {
                run.problem(&path, 16, "the log is another database's");
            }
            return Ok(None);
        }
        Err(_) if catalog.complete && !expected => return Ok(None),
        Err(bad) => {
            run.problem(&path, bad.at as u64, format!("log: {}", bad.what));
            match first_epoch(&bytes, LOG_START, catalog.salt) {
                Some(epoch) => (epoch, None),
                None => return Ok(None),
            }
        }
    };
    let part = Part { bytes, path, start: LOG_START, epoch, first_lsn };
    Ok(slot.map_or(Some(()), |slot| counts(&part, slot, run)).map(|()| narrowed(part, catalog)))
}

/// `Some` if a log of that epoch holds what the slot's segments may not.
fn counts(part: &Part, slot: &Slot, run: &mut Run<'_>) -> Option<()> {
    if part.epoch > slot.epoch || (slot.log_expected && part.epoch == slot.epoch) {
        return Some(());
    }
    // The headers of resets may not have reached the disk: then there is nothing behind them.
    if slot.log_expected && slot.durable_lsn >= slot.next_lsn {
        let (epoch, slot) = (part.epoch, slot.epoch);
        run.problem(&part.path, 24, format!("the log is of epoch {epoch}, the database of {slot}"));
    }
    None
}

/// With header and manifest whole, only what they do not hold counts.
fn narrowed(part: Part, catalog: &Catalog) -> Part {
    match catalog.slot.filter(|slot| catalog.complete && slot.epoch == part.epoch) {
        Some(slot) => Part { start: slot.log_start, first_lsn: Some(slot.next_lsn), ..part },
        None => part,
    }
}

fn log_bytes(source: &Source, path: &Path) -> Result<Buffer> {
    let io = |e| Error::from_io("read the log", path, e);
    let file = source.storage.open(path, OpenMode::Read).map_err(io)?;
    match usize::try_from(file.len().map_err(io)?) {
        Ok(0) => Ok(Buffer::from_vec(Vec::<u8>::new())),
        Ok(len) => file.map(0, len).map_err(io),
        Err(_) => Err(io(std::io::ErrorKind::OutOfMemory.into())),
    }
}

/// The salt of the database that the log says it belongs to.
pub(super) fn salt_of_log(source: &Source) -> Result<Option<u64>> {
    let path = log_path(&source.path);
    let there = source.storage.exists(&path);
    if !there.map_err(|e| Error::from_io("read the log", &path, e))? {
        return Ok(None);
    }
    Ok(LogHeader::parse(&log_bytes(source, &path)?).ok().map(|header| header.salt))
}
