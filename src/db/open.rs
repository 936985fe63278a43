//! Opening: the manifest's edits make the catalog, the log's records replay on top of it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::bytes::{Malformed, Reader};
use crate::db::catalog::View;
use crate::db::core::{Core, Main, Parts, Pending, Recovery, Writer};
use crate::db::follower::Follower;
use crate::db::load::Load;
use crate::db::options::{DbOptions, Mode};
use crate::db::segment::{Place, Segment};
use crate::db::syncer::Syncer;
use crate::error::{Error, ErrorKind, Result};
use crate::format::edit::{AddedColumn, DeleteEntry, Edit, SegmentEntry, decode_edits};
use crate::format::log::{LOG_START, LogHeader, kind, read_head, read_row, read_rows};
use crate::format::segment::verify;
use crate::format::slot::{COUNTER_END, Slot};
use crate::format::spec::TableDef;
use crate::store::health::Health;
use crate::store::log_file::{LogFile, log_path};
use crate::store::main_file::MainFile;
use crate::store::recovery::{Found, FoundLog, find};
use crate::store::replay::{LogEnd, Record, replay};
use crate::store::storage::{Storage, write_all_at};

/// Opens the database; of a damaged one it says what can be done.
pub(crate) fn open(
    storage: Arc<dyn Storage>,
    path: &Path,
    options: DbOptions,
) -> Result<Arc<Core>> {
    open_whole(storage, path, options).map_err(|e| match e.kind() {
        ErrorKind::Corruption => {
            e.with_advice("`chronolite salvage FILE NEW` writes what can be read to a new file")
        }
        _ => e,
    })
}

fn open_whole(storage: Arc<dyn Storage>, path: &Path, options: DbOptions) -> Result<Arc<Core>> {
    if options.mode == Mode::Read {
        return open_to_follow(storage, path, options);
    }
    let mut found = find(&*storage, path, true)?;
    let mut rebuilt = Rebuilt::new(&mut found)?;
    let log = found.log.take();
    let end = match &log {
        Some(log) if !log.stale => Some(rebuilt.replay(log, &found)?),
        _ => None,
    };
    let recovery = Recovery {
        records: end.map_or(0, |end| end.records),
        rows: rebuilt.replayed_rows,
        cut_bytes: end.map_or(0, |end| end.cut),
    };
    let health = Arc::new(Health::default());
    let (path, slot) = (found.path.clone(), found.slot);
    let durable = slot.durable_lsn;
    let syncer = Syncer::new(Arc::clone(&found.file), path.clone(), Arc::clone(&health), durable);
    let next_segment = rebuilt.next_segment();
    let mut numbers = Arc::new(AtomicU64::new(next_segment));
    let (next_table, extents) = (rebuilt.committed_tables, rebuilt.extents());
    let Rebuilt { view, mut writer, .. } = rebuilt;
    writer.load = Load::new(options.auto_maintenance);
    writer.next_lsn = end.map_or(slot.next_lsn, |end| end.next_lsn);
    let visible = writer.next_seq - 1;
    let main = match found.lock.take() {
        None => None,
        Some(lock) => {
            let file = Arc::clone(&found.file);
            let file = MainFile::new(file, path.clone(), Arc::clone(&health), slot, extents);
            let file = file.ok_or_else(|| {
                Error::corruption("segments overlap in the file").at(&path, slot.manifest_at)
            })?;
            // What the log names was numbered after the commit; a slot of before may not tell.
            file.next_segment().fetch_max(next_segment, Ordering::Relaxed);
            numbers = Arc::clone(file.next_segment());
            Some((Main::new(file, next_table, lock), writer))
        }
    };
    let opened = Parts {
        options,
        storage,
        path,
        salt: slot.salt,
        file: found.file,
        health: Arc::clone(&health),
        syncer: Arc::new(syncer),
        recovery,
        next_segment: numbers,
        main,
        follower: None,
        view,
        visible,
    };
    let core = Core::new(opened);
    match log {
        Some(log) => resume_log(&core, log, end)?,
        None => remove_leftover_log(&core)?,
    }
    Ok(core)
}

/// Opens it to read what is committed, whoever writes meanwhile.
fn open_to_follow(storage: Arc<dyn Storage>, path: &Path, options: DbOptions) -> Result<Arc<Core>> {
    let (mut follower, recovery) = Follower::begin(Arc::clone(&storage), path)?;
    let (path, slot) = (follower.path().to_path_buf(), follower.slot());
    let (file, health) = (Arc::clone(follower.file()), Arc::new(Health::default()));
    let syncer = Syncer::new(Arc::clone(&file), path.clone(), Arc::clone(&health), 0);
    let (view, visible) = follower.shown();
    Ok(Core::new(Parts {
        options,
        storage,
        path,
        salt: slot.salt,
        file,
        health,
        syncer: Arc::new(syncer),
        recovery,
        next_segment: Arc::new(AtomicU64::new(1)),
        main: None,
        follower: Some(follower),
        view,
        visible,
    }))
}

/// Removes a log that counts for nothing, left by a writer that failed to close. Before it goes,
/// the slot that does without it must be durable, whatever became of the sync that was to make it
/// so.
fn remove_leftover_log(core: &Core) -> Result<()> {
    let path = log_path(&core.path);
    let io = |e| Error::from_io("remove a log that is not needed", &path, e);
    if !core.storage.exists(&path).map_err(io)? {
        return Ok(());
    }
    if let Some(main) = core.main().as_ref() {
        main.file.write_again(&[])?;
    }
    core.storage.remove(&path).map_err(io)?;
    core.storage.sync_dir_of(&path).map_err(io)
}

/// Cuts a torn tail off the log, or finishes a reset that a crash cut short, and goes on with it.
/// What was found is made durable first: later records lean on it.
fn resume_log(core: &Core, log: FoundLog, end: Option<LogEnd>) -> Result<()> {
    let io = |doing: &str, e| Error::from_io(doing, &log.path, e);
    let mut main = core.main();
    let mut guard = core.writer();
    let (Some(main), Some(writer)) = (main.as_mut(), guard.as_mut()) else { return Ok(()) };
    let slot = *main.file.slot();
    let (lsn, seq) = (writer.next_lsn, writer.next_seq);
    let health = Arc::clone(&core.health);
    let pending: Vec<_> = writer.pending.segments.iter().map(|(_, e)| (e.offset, e.len)).collect();
    main.file.write_again(&pending)?;
    let file = match end {
        Some(end) => {
            if end.dirty {
                log.file.set_len(end.at).map_err(|e| io("cut the log", e))?;
            }
            let known = log.bytes.get(..end.at as usize).unwrap_or(&log.bytes);
            write_all_at(&*log.file, known, 0).map_err(|e| io("write the log", e))?;
            log.file.sync().map_err(|e| io("sync the log", e))?;
            LogFile::resume(log.file, log.path, health, log.header, end.at, lsn)
        }
        None => {
            let header = LogHeader::new(core.salt, slot.epoch, slot.generation, lsn, seq);
            LogFile::restart(log.file, log.path, health, header, slot.log_start)?
        }
    };
    core.syncer.note(lsn - 1);
    core.skip_segment_numbers(main)?;
    core.use_log(writer, file)
}

/// The error for a record that is whole and makes no sense, of a log that was read from byte `from`.
pub(crate) fn damaged(record: &Record<'_>, bad: &Malformed, path: &Path, from: u64) -> Error {
    let message = format!("log record {}: {}", record.frame.seq, bad.what);
    Error::corruption(message).at(path, from + record.at + bad.at as u64)
}

/// What a manifest makes.
pub(crate) fn committed(edits: Vec<Edit>, slot: &Slot, path: &Path) -> Result<View> {
    let mut view = View::default();
    let applied = edits.into_iter().all(|edit| view.apply_owned(edit));
    // Of what is left of them: a segment that is gone may have been where the file was cut.
    let sound = |entry: &SegmentEntry| {
        entry.offset + entry.len <= slot.file_len && entry.max_seq < slot.next_seq
    };
    let sound = view.tables().all(|table| table.segments.iter().all(|s| sound(&s.entry)));
    match applied && sound {
        true => Ok(view),
        false => {
            let message = "the manifest contradicts itself";
            Err(Error::corruption(message).at(path, slot.manifest_at))
        }
    }
}

/// A catalog and memtables in the making.
#[derive(Debug)]
pub(crate) struct Rebuilt {
    pub(crate) view: View,
    pub(crate) writer: Writer,
    pub(crate) replayed_rows: u64,
    committed_tables: u32,
}

impl Rebuilt {
    pub(crate) fn new(found: &mut Found) -> Result<Self> {
        let edits = std::mem::take(&mut found.edits);
        Ok(Self::on(committed(edits, &found.slot, &found.path)?, &found.slot))
    }

    /// What comes before the first record of the log.
    pub(crate) fn on(view: View, slot: &Slot) -> Self {
        let mut writer = Writer {
            log: None,
            next_seq: slot.next_seq,
            next_lsn: slot.next_lsn,
            tables: Vec::new(),
            unflushed_from: slot.log_start.max(LOG_START),
            pending: Pending::default(),
            deletes: Vec::new(),
            columns: Vec::new(),
            dropped: View::default(),
            ticker: None,
            load: Load::new(None),
        };
        for table in view.tables() {
            writer.add_table(Arc::clone(&table.def), table.segments.max_ts());
        }
        let committed_tables = view.next_table();
        Self { view, writer, replayed_rows: 0, committed_tables }
    }

    pub(crate) fn replay(&mut self, log: &FoundLog, found: &Found) -> Result<LogEnd> {
        let slot = &found.slot;
        let at = Place { file: &*found.file, path: &found.path, salt: slot.salt, pin: None };
        replay(&log.bytes, &log.path, &log.header, slot, |record| {
            self.apply(&record, &at).map_err(|bad| damaged(&record, &bad, &log.path, 0))
        })
    }

    /// Applies a record; `Ok(false)` if it names extents that did not reach the disk.
    pub(crate) fn apply(&mut self, record: &Record<'_>, at: &Place<'_>) -> Result<bool, Malformed> {
        let mut r = Reader::new(record.body);
        match record.frame.kind {
            kind::CREATE_TABLE => {
                let def = TableDef::decode(&mut r)?;
                let id = def.id;
                let known = self.view.table(id).is_some_and(|table| *table.def == def);
                if !known && !self.view.add_table(def) {
                    return Err(r.malformed("a table whose name or number is taken"));
                }
                if let Some(table) = self.view.table(id).filter(|_| !known) {
                    self.writer.add_table(Arc::clone(&table.def), None);
                }
                Ok(true)
            }
            kind::ROW | kind::ROWS => self.apply_rows(record, r).map(|()| true),
            kind::SEGMENTS => self.apply_segments(record, at),
            kind::DELETE => {
                let entry = DeleteEntry::decode(&mut r)?;
                r.finish("delete")?;
                let known = entry.lsn == record.frame.seq
                    && self.view.add_delete(&entry, self.writer.next_seq);
                self.writer.deletes.push(entry);
                if known { Ok(true) } else { Err(r.malformed("a delete that does not fit")) }
            }
            kind::ADD_COLUMN => self.add_column(r).map(|()| true),
            kind::DROP_TABLE => self.drop_table(r).map(|()| true),
            _ => Err(r.malformed("kind of record")),
        }
    }

    fn add_column(&mut self, mut r: Reader<'_>) -> Result<(), Malformed> {
        let added = AddedColumn::decode(&mut r)?;
        r.finish("column")?;
        if !self.view.add_column(&added) {
            return Err(r.malformed("a column that does not fit"));
        }
        if let Some(table) = self.view.table(added.table) {
            self.writer.redefine(Arc::clone(&table.def));
        }
        self.writer.columns.push(added);
        Ok(())
    }

    fn drop_table(&mut self, mut r: Reader<'_>) -> Result<(), Malformed> {
        let id = r.u32("table id")?;
        r.finish("dropped table")?;
        let table = self.view.take_table(id).ok_or(r.malformed("a table that is not there"))?;
        self.writer.drop_table(id);
        self.writer.dropped.put_back(table);
        Ok(())
    }

    fn apply_rows(&mut self, record: &Record<'_>, mut r: Reader<'_>) -> Result<(), Malformed> {
        let head = read_head(&mut r)?;
        let lsn = record.frame.seq;
        let flushed = self.view.table(head.table).map(|table| table.flushed_lsn);
        let Some(flushed) = flushed else { return Err(r.malformed("rows of an unknown table")) };
        let Some(table) = self.writer.table(head.table) else {
            return Err(r.malformed("rows of an unknown table"));
        };
        let columns = &table.def.spec.columns;
        let rows;
        if record.frame.kind == kind::ROW {
            let (ts, values) = read_row(&mut r, columns, head.columns)?;
            rows = 1;
            if lsn > flushed {
                table.push_row(ts, head.first_seq, &values, |id, chunk| {
                    self.view.add_chunk(id, chunk);
                });
            }
        } else {
            let batches = read_rows(&mut r, columns, head.columns)?;
            rows = batches.iter().map(|batch| batch.rows() as u64).sum();
            let mut seq = head.first_seq;
            for batch in batches.iter().filter(|_| lsn > flushed) {
                table.push_batch(batch, &mut seq, |id, chunk| self.view.add_chunk(id, chunk));
            }
        }
        if lsn > flushed {
            self.replayed_rows += rows;
        }
        let next = head.first_seq.checked_add(rows).filter(|next| *next < COUNTER_END);
        let next = next.ok_or(r.malformed("row number"))?;
        if lsn > flushed && head.first_seq < self.writer.next_seq {
            return Err(r.malformed("row numbers that were given before"));
        }
        self.writer.next_seq = self.writer.next_seq.max(next);
        Ok(())
    }

    fn apply_segments(&mut self, record: &Record<'_>, at: &Place<'_>) -> Result<bool, Malformed> {
        let edits = decode_edits(record.body)?;
        let bad = Malformed { what: "segments that do not fit", at: 0 };
        let mut segments = Vec::new();
        for edit in edits {
            let Edit::AddSegment(entry) = edit else { return Err(bad) };
            let segment = Segment::new(entry);
            let whole =
                segment.map(at).is_ok_and(|(footer, extent)| verify(&footer, &extent).is_ok());
            if !whole {
                return Ok(false);
            }
            segments.push(segment.entry.clone());
        }
        for entry in segments {
            self.writer.next_seq = self.writer.next_seq.max(entry.max_seq + 1);
            self.replayed_rows += u64::from(entry.rows);
            if let Some(table) = self.writer.table(entry.table) {
                table.note_time(entry.max_ts);
            }
            self.writer.pending.push(record.frame.seq, entry.clone());
            if !self.view.apply(&Edit::AddSegment(entry)) {
                return Err(bad);
            }
        }
        Ok(true)
    }

    fn next_segment(&self) -> u64 {
        let ids = self.entries().map(|entry| entry.id);
        ids.max().map_or(1, |id| id + 1)
    }

    fn extents(&self) -> Vec<(u64, u64)> {
        self.entries().map(|entry| (entry.offset, entry.len)).collect()
    }

    /// All segments that the slot in force or the log names.
    fn entries(&self) -> impl Iterator<Item = &SegmentEntry> {
        let tables = self.view.tables().chain(self.writer.dropped.tables());
        tables.flat_map(|table| table.segments.iter().map(|segment| &segment.entry))
    }
}
