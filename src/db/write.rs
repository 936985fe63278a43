//! A row's and a batch's way in: validated, into the log, into the memtable, then visible.
//!
//! A batch of many bytes does not go through the log: it is sorted and encoded, its segments are
//! written to free space of the main file, and one log record names them. It is written once.

use std::sync::Arc;

use crate::base::batch::Batch;
use crate::base::schema::DataType;
use crate::base::value::Value;
use crate::db::core::{Core, Writer};
use crate::db::deletes::Delete;
use crate::db::new_segments::SegmentKind;
use crate::db::options::Durability;
use crate::db::ranked::RankedGuard;
use crate::db::sorted::sort_batch;
use crate::db::syncer::Ticker;
use crate::db::unique::Newcomers;
use crate::db::validate::{check_batches, check_row_size, fit_row};
use crate::error::{Error, ErrorKind, Result};
use crate::format::edit::{DeleteEntry, Edit, SegmentEntry, encode_edits};
use crate::format::log::{LOG_START, LogHeader, kind, put_row, put_rows};
use crate::format::segment::{NUMBERED_LEN, number};
use crate::format::spec::{TableDef, TableId};
use crate::store::log_file::{LogFile, log_path};
use crate::store::main_file::NewState;
use crate::store::storage::{read_exact_at, write_all_at};

/// What an append did, and what is left to be done for it without any lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "hand it to `Db::settle`, which waits for durability and flushes what is full"]
pub struct Receipt {
    /// Rows that were appended.
    pub rows: u64,
    /// Number of the last of them: rows are numbered 1, 2, 3 over all tables.
    pub last_seq: u64,
    pub(crate) lsn: u64,
    pub(crate) sync: bool,
    pub(crate) flush: bool,
}

impl Receipt {
    /// True if [`crate::Db::settle`] would have something to do, which may take long.
    #[inline]
    pub fn pending(&self) -> bool {
        self.sync || self.flush
    }
}

/// A record of a row takes less but for its texts: a table has at most 4,096 columns.
const ROW_ROOM: u64 = 64 << 10;

#[inline]
fn text_bytes(values: &[Value<'_>]) -> u64 {
    let bytes = values.iter().map(|value| match value {
        Value::Str(text) => text.len() as u64,
        Value::Bytes(bytes) => bytes.len() as u64,
        _ => 0,
    });
    bytes.sum()
}

/// Most text of one group of rows that is encoded together.
const GROUP_TEXT: usize = 1 << 30;
/// Most rows of such a group.
const GROUP_ROWS: usize = 16 << 20;

impl Core {
    /// The writer, locked, with a log to append to.
    #[inline]
    pub(crate) fn log_writer(&self) -> Result<RankedGuard<'_, Option<Writer>>> {
        self.check_writable()?;
        let guard = self.writer();
        match guard.as_ref() {
            Some(writer) if writer.log.is_some() => Ok(guard),
            _ => {
                drop(guard);
                self.start_log()
            }
        }
    }

    /// Makes the log, at the first write: an empty log of the next epoch, then a slot that calls
    /// for it. A crash between the two leaves an empty log that counts for nothing.
    #[cold]
    fn start_log(&self) -> Result<RankedGuard<'_, Option<Writer>>> {
        let mut main = self.main();
        let mut guard = self.writer();
        let (Some(main), Some(writer)) = (main.as_mut(), guard.as_mut()) else {
            return Err(self.closed());
        };
        if writer.log.is_none() {
            let slot = *main.file.slot();
            let (lsn, seq) = (writer.next_lsn, writer.next_seq);
            let header = LogHeader::new(self.salt, slot.epoch + 1, slot.generation + 1, lsn, seq);
            let health = Arc::clone(&self.health);
            let log = LogFile::create(&*self.storage, log_path(&self.path), health, header)?;
            let state = NewState {
                epoch: header.epoch,
                log_start: LOG_START,
                durable_lsn: lsn - 1,
                next_lsn: lsn,
                next_seq: seq,
                log_expected: true,
            };
            main.file.commit(&[], &Vec::new, state)?;
            self.use_log(writer, log)?;
        }
        Ok(guard)
    }

    /// Appends to `log` from now on, and syncs it as the options say.
    pub(crate) fn use_log(&self, writer: &mut Writer, log: LogFile) -> Result<()> {
        self.syncer.attach(&log);
        if self.options.durability == Durability::Interval {
            let ticker = Ticker::start(self.syncer.clone(), self.options.sync_interval);
            let ticker = ticker.map_err(|e| Error::from_io("start a thread", &self.path, e))?;
            writer.ticker = Some(ticker);
        }
        self.start_maintenance()?;
        writer.log = Some(log);
        Ok(())
    }

    /// Creates a table; `None` if the name is taken.
    pub(crate) fn create_table(&self, mut def: TableDef) -> Result<Option<Receipt>> {
        let mut guard = self.log_writer()?;
        let Some(writer) = guard.as_mut() else { return Err(self.closed()) };
        let (view, _) = self.snapshot();
        if view.find(&def.name).is_some() {
            return Ok(None);
        }
        def.id = view.next_table();
        // Held on to, it would have to be copied for the change below.
        drop(view);
        let durable = self.syncer.durable();
        let log = writer.log.as_mut().ok_or_else(|| self.closed())?;
        let lsn = log.append(kind::CREATE_TABLE, durable, |out| def.encode(out))?;
        self.change_view(|view| {
            view.add_table(def.clone());
            if let Some(table) = view.table(def.id) {
                writer.add_table(table.def.clone(), None);
            }
        });
        Ok(Some(self.receipt(writer, 0, lsn)))
    }

    /// Appends one row.
    pub(crate) fn append_row(&self, id: TableId, ts: i64, values: &[Value<'_>]) -> Result<Receipt> {
        let mut guard = self.log_writer()?;
        let Some(writer) = guard.as_mut() else { return Err(self.closed()) };
        self.put_row(writer, id, ts, values)
    }

    /// Appends one row if that can be done at once: `None` where the log has to be made or to grow,
    /// somebody has it, who may be waiting for a disk, or segments may have to be looked into.
    #[inline]
    pub(crate) fn try_append_row(
        &self,
        id: TableId,
        ts: i64,
        values: &[Value<'_>],
    ) -> Result<Option<Receipt>> {
        self.check_writable()?;
        let Some(mut guard) = self.try_writer() else { return Ok(None) };
        let has_room = |log: &LogFile| log.room() >= ROW_ROOM + text_bytes(values);
        match guard.as_mut().filter(|writer| writer.log.as_ref().is_some_and(has_room)) {
            Some(writer) if writer.takes_at_once(id, ts) => {
                self.put_row(writer, id, ts, values).map(Some)
            }
            Some(_) => Ok(None),
            None => Ok(None),
        }
    }

    #[inline]
    fn put_row(
        &self,
        writer: &mut Writer,
        id: TableId,
        ts: i64,
        values: &[Value<'_>],
    ) -> Result<Receipt> {
        let (seq, durable) = (writer.next_seq, self.syncer.durable());
        let Some(Some(table)) = writer.tables.get_mut(id as usize) else {
            return Err(self.no_table(id));
        };
        let fitted = fit_row(&table.def.spec, values, self.options.max_record_size)?;
        check_row_size(&fitted, self.options.max_record_size)?;
        self.check_row(table, ts, &fitted)?;
        let columns = &table.def.spec.columns;
        let log = writer.log.as_mut().ok_or_else(|| self.closed())?;
        let lsn = log.append(kind::ROW, durable, |out| {
            put_row(out, id, columns, seq, ts, &fitted);
        })?;
        table.push_row(ts, seq, &fitted, |id, chunk| self.show_chunk(id, chunk));
        writer.next_seq += 1;
        self.publish(seq);
        Ok(self.receipt(writer, 1, lsn))
    }

    /// Deletes what is there now of a range and, if one is given, of a key. Rows that come later
    /// live.
    pub(crate) fn delete(
        &self,
        id: TableId,
        start: i64,
        end: Option<i64>,
        key: Option<Vec<u8>>,
    ) -> Result<Option<Receipt>> {
        if end.is_some_and(|end| end <= start) {
            self.check_writable()?;
            return Ok(None);
        }
        let mut guard = self.log_writer()?;
        let Some(writer) = guard.as_mut() else { return Err(self.closed()) };
        let Some(def) = writer.table(id).map(|table| Arc::clone(&table.def)) else {
            return Err(self.no_table(id));
        };
        let durable = self.syncer.durable();
        let seq = writer.next_seq;
        let log = writer.log.as_mut().ok_or_else(|| self.closed())?;
        let entry = DeleteEntry { table: id, lsn: log.next_lsn(), start, end, key };
        Delete::new(entry.clone(), seq, &def.spec)
            .map_err(|_| Error::invalid("the key is of another table"))?;
        let lsn = log.append(kind::DELETE, durable, |out| entry.encode(out))?;
        self.change_view(|view| view.add_delete(&entry, seq));
        writer.deletes.push(entry);
        Ok(Some(self.receipt(writer, 0, lsn)))
    }

    /// Appends the rows of all batches, or none.
    pub(crate) fn append(&self, def: &TableDef, mut batches: Vec<Batch>) -> Result<Receipt> {
        self.check_writable()?;
        check_batches(&def.spec, &batches, self.options.max_record_size)?;
        batches.retain(|batch| batch.rows() > 0);
        let rows: usize = batches.iter().map(Batch::rows).sum();
        if rows == 0 {
            let mut guard = self.writer();
            let Some(writer) = guard.as_mut() else { return Err(self.closed()) };
            return Ok(self.receipt(writer, 0, 0));
        }
        let types: Vec<DataType> = def.spec.columns.iter().map(|column| column.ty).collect();
        let size = |batch: &Batch| {
            let columns = batch.columns.iter().zip(&types);
            batch.rows() * 8 + columns.map(|(column, ty)| column.byte_size(*ty)).sum::<usize>()
        };
        let new = self.newcomers(def, &batches)?;
        if batches.iter().map(size).sum::<usize>() >= self.options.direct_bytes {
            return self.append_segments(def, &types, batches, new.as_ref());
        }
        self.append_logged(def, &batches, new.as_ref(), rows)
    }

    fn append_logged(
        &self,
        def: &TableDef,
        batches: &[Batch],
        new: Option<&Newcomers>,
        rows: usize,
    ) -> Result<Receipt> {
        let id = def.id;
        let mut guard = self.log_writer()?;
        let Some(writer) = guard.as_mut() else { return Err(self.closed()) };
        let (first_seq, durable) = (writer.next_seq, self.syncer.durable());
        let Some(Some(table)) = writer.tables.get_mut(id as usize) else {
            return Err(self.no_table(id));
        };
        new.map_or(Ok(()), |new| self.check_newcomers(table, new))?;
        // Those that the batches have: one that was added meanwhile is null in them.
        let columns = &def.spec.columns;
        let log = writer.log.as_mut().ok_or_else(|| self.closed())?;
        let lsn = log.append(kind::ROWS, durable, |out| {
            put_rows(out, id, columns, first_seq, batches);
        })?;
        let mut seq = first_seq;
        for batch in batches {
            table.push_batch(batch, &mut seq, |id, chunk| self.show_chunk(id, chunk));
        }
        writer.next_seq = seq;
        self.publish(seq - 1);
        Ok(self.receipt(writer, rows as u64, lsn))
    }

    /// Writes the rows as segments and names them in the log.
    fn append_segments(
        &self,
        def: &TableDef,
        types: &[DataType],
        batches: Vec<Batch>,
        new: Option<&Newcomers>,
    ) -> Result<Receipt> {
        let rows: usize = batches.iter().map(Batch::rows).sum();
        // The log must be there before extents are, so that their place is not lost to a commit.
        drop(self.log_writer()?);
        let mut written = Vec::new();
        let mut first = 0;
        let mut fail = Ok(());
        for group in groups(batches, types) {
            // Numbers relative to the batch: the writer may be numbering other rows meanwhile.
            let sorted = sort_batch(&group, &def.spec, first);
            first += group.iter().map(Batch::rows).sum::<usize>() as u64;
            fail = self.write_segments(def, &sorted, SegmentKind::flushed(0), &mut written);
            if fail.is_err() {
                break;
            }
        }
        let named = fail.and_then(|()| self.name_segments(def.id, new, rows as u64, &mut written));
        if named.is_err() {
            self.discard_segments(&written);
        }
        named
    }

    /// Numbers the rows of written segments, names them in the log, and shows them to readers.
    fn name_segments(
        &self,
        id: TableId,
        new: Option<&Newcomers>,
        rows: u64,
        written: &mut [SegmentEntry],
    ) -> Result<Receipt> {
        let mut guard = self.log_writer()?;
        let Some(writer) = guard.as_mut() else { return Err(self.closed()) };
        let Some(table) = writer.table(id) else { return Err(self.no_table(id)) };
        new.map_or(Ok(()), |new| self.check_newcomers(table, new))?;
        let (first_seq, durable) = (writer.next_seq, self.syncer.durable());
        let log = writer.log.as_mut().ok_or_else(|| self.closed())?;
        for entry in written.iter_mut() {
            self.number_segment(entry, first_seq, log.next_lsn())?;
        }
        if let Some(last) = written.iter_mut().max_by_key(|entry| entry.max_seq) {
            // Also if the last row gave way to another: its number was given.
            last.max_seq = writer.next_seq + rows - 1;
        }
        let edits: Vec<Edit> = written.iter().cloned().map(Edit::AddSegment).collect();
        self.syncer.extents_written();
        let lsn = log.append(kind::SEGMENTS, durable, |out| encode_edits(&edits, out))?;
        written.iter().for_each(|entry| writer.pending.push(lsn, entry.clone()));
        writer.next_seq += rows;
        if let (Some(table), Some(newest)) =
            (writer.table(id), written.iter().map(|entry| entry.max_ts).max())
        {
            table.note_time(newest);
        }
        self.change_view_upto(writer.next_seq - 1, |view| {
            view.apply_all(&edits);
        });
        Ok(self.receipt(writer, rows, lsn))
    }

    /// Numbers the rows of a written segment: in its entry, and in its footer, where they are found
    /// if the manifest is lost.
    fn number_segment(&self, entry: &mut SegmentEntry, first_seq: u64, lsn: u64) -> Result<()> {
        let at = entry.offset + entry.footer_at;
        let mut record = vec![0; entry.footer_len as usize];
        read_exact_at(&*self.file, &mut record, at)
            .map_err(|e| Error::from_io("read", &self.path, e))?;
        number(entry, &mut record, first_seq, lsn)
            .map_err(|bad| Error::corruption(bad.what).at(&self.path, at + bad.at as u64))?;
        self.health.check()?;
        write_all_at(&*self.file, &record[..NUMBERED_LEN], at)
            .map_err(|e| self.health.judge(Error::from_io("write", &self.path, e)))
    }

    pub(crate) fn receipt(&self, writer: &mut Writer, rows: u64, lsn: u64) -> Receipt {
        if rows > 0 {
            writer.load.note(rows);
        }
        let log = writer.log.as_ref();
        let unflushed = log.map_or(0, |log| log.end().saturating_sub(writer.unflushed_from));
        Receipt {
            rows,
            last_seq: writer.next_seq - 1,
            lsn,
            sync: self.syncs_each_write() && lsn > 0,
            flush: unflushed.max(writer.pending.bytes / 4) >= self.options.flush_bytes,
        }
    }

    /// Waits until what `receipt` stands for is durable, if the options ask for it, and flushes
    /// memtables that are full.
    pub(crate) fn settle(&self, receipt: Receipt) -> Result<()> {
        if receipt.sync {
            self.syncer.wait(receipt.lsn).map_err(|e| {
                let message = "the rows were written, but syncing them failed, so they may or may \
                               not survive a power loss";
                e.recast(ErrorKind::Indeterminate, message)
            })?;
        }
        if receipt.flush {
            // Whether this goes through or not, the rows are applied, and an error would say that
            // they are not. A failure has poisoned the writer, and the next write says so; on a
            // full disk the next write tries again.
            let _ = self.flush();
        }
        Ok(())
    }

    #[cold]
    pub(crate) fn no_table(&self, id: TableId) -> Error {
        Error::new(ErrorKind::TableNotFound, format!("table number {id} was dropped"))
            .in_file(&self.path)
    }
}

/// Cuts a list of batches into groups that are encoded together.
fn groups(batches: Vec<Batch>, types: &[DataType]) -> Vec<Vec<Batch>> {
    let mut groups: Vec<Vec<Batch>> = Vec::new();
    let (mut rows, mut text) = (0, 0);
    for batch in batches {
        let columns = batch.columns.iter().zip(types).filter(|(_, ty)| ty.is_bytes());
        let more: usize = columns.map(|(column, ty)| column.byte_size(*ty)).sum();
        let full = rows + batch.rows() > GROUP_ROWS || text + more > GROUP_TEXT;
        if groups.is_empty() || full {
            groups.push(Vec::new());
            (rows, text) = (0, 0);
        }
        rows += batch.rows();
        text += more;
        if let Some(group) = groups.last_mut() {
            group.push(batch);
        }
    }
    groups
}
