//! The state of an open database and its locks.
//!
//! Where it is open for reading only there is neither main file nor writer, but a `follower`.
//!
//! Lock order, outermost first: `main` (the main file: extents and commits), `writer` (the log and
//! the memtables), `view` (what readers see). Whoever holds one takes only those after it. Readers
//! take `view` alone, and for a moment. The lock of `feed` stands between `writer` and `view`. Syncs
//! of the log are waited for under none of them: the syncer has locks of its own, under which none
//! of these is taken.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, RwLock};

use crate::base::schema::OnConflict;
use crate::db::catalog::View;
use crate::db::cells::Cells;
use crate::db::counters::Counters;
use crate::db::feed::{Feed, INHERITED};
use crate::db::follower::Follower;
use crate::db::load::Load;
use crate::db::maintenance::Maintenance;
use crate::db::options::{DbOptions, Durability};
use crate::db::ranked::{Rank, Ranked, RankedGuard};
use crate::db::segment::Segment;
use crate::db::syncer::{Syncer, Ticker};
use crate::db::write_table::WriteTable;
use crate::error::{Error, ErrorKind, Result};
use crate::format::edit::{AddedColumn, DeleteEntry, SegmentEntry, SegmentId};
use crate::format::slot::Slot;
use crate::format::spec::{TableDef, TableId};
use crate::index::Chunk;
use crate::store::fork;
use crate::store::health::Health;
use crate::store::lock::WriterLock;
use crate::store::log_file::LogFile;
use crate::store::main_file::MainFile;
use crate::store::readers::Pin;
use crate::store::storage::{File, Storage};

/// Everything that handles of one open database share.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) options: DbOptions,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) path: PathBuf,
    pub(crate) salt: u64,
    /// The main file, to map segments.
    pub(crate) file: Arc<dyn File>,
    pub(crate) health: Arc<Health>,
    pub(crate) syncer: Arc<Syncer>,
    pub(crate) recovery: Recovery,
    /// Number of the next segment.
    pub(crate) next_segment: Arc<AtomicU64>,
    /// `None` when it is open for reading only, or closed.
    main: Ranked<Option<Main>>,
    /// `None` when it is open for reading only, or closed.
    writer: Ranked<Option<Writer>>,
    view: RwLock<Arc<View>>,
    /// The highest row number that readers may see.
    visible: AtomicU64,
    closed: AtomicBool,
    /// Those who wait for rows.
    pub(crate) feed: Arc<Feed>,
    /// How far it was read, if it is open for reading only and not closed. Outside of `view`.
    follower: Mutex<Option<Follower>>,
    /// What buffers that outlive the database hold, where it is open for writing.
    pub(crate) pin: Option<Arc<Pin>>,
    /// Held while segments are packed: outside of all other locks.
    pub(crate) packing: Mutex<()>,
    pub(crate) counters: Counters,
    pub(crate) maintenance: Maintenance,
    /// Itself: for the thread of maintenance, which does not keep the database open, and for scans
    /// that it makes on its own.
    me: Weak<Self>,
    writable: bool,
    fork_generation: u32,
}

/// The main file and the right to write to it.
#[derive(Debug)]
pub(crate) struct Main {
    pub(crate) file: MainFile,
    /// Tables from this number on are in no commit yet.
    pub(crate) next_table: TableId,
    /// Segments that are in no table any more, and the generation since which.
    retired: Vec<(u64, Arc<Segment>)>,
    /// Bytes of segments retired since the file system last got space back.
    pub(crate) freed: u64,
    /// Ends with the handle; taken last.
    pub(crate) _lock: WriterLock,
}

impl Main {
    /// The main file, with tables from `next_table` on in no commit yet.
    pub(crate) fn new(file: MainFile, next_table: TableId, lock: WriterLock) -> Self {
        Self { file, next_table, retired: Vec::new(), freed: 0, _lock: lock }
    }

    /// Takes segments that the commit just made no longer names.
    pub(crate) fn retire(&mut self, segments: impl Iterator<Item = Arc<Segment>>) {
        let generation = self.file.slot().generation;
        for segment in segments {
            self.freed += segment.entry.len;
            self.retired.push((generation, segment));
        }
        self.reclaim();
    }

    /// Gives back the space of retired segments that no snapshot, scan or exported buffer holds.
    pub(crate) fn reclaim(&mut self) {
        // Nothing that readers find leads to a retired segment, so nobody new can come to hold it.
        let held = |segment: &Arc<Segment>| Arc::strong_count(segment) > 1;
        for (generation, segment) in self.retired.extract_if(.., |(_, segment)| !held(segment)) {
            self.file.release(generation, segment.entry.offset, segment.entry.len);
        }
    }
}

/// The log and the memtables.
#[derive(Debug)]
pub(crate) struct Writer {
    /// Made at the first write: opening and closing alone writes nothing.
    pub(crate) log: Option<LogFile>,
    /// Number of the next row.
    pub(crate) next_seq: u64,
    /// Number of the next log record while there is no log.
    pub(crate) next_lsn: u64,
    /// Memtables by table number.
    pub(crate) tables: Vec<Option<WriteTable>>,
    /// Where in the log the records begin whose rows are in memtables alone.
    pub(crate) unflushed_from: u64,
    /// Segments that the log names and no commit does yet, with their log numbers.
    pub(crate) pending: Pending,
    /// Deletes that the log has and the manifest does not.
    pub(crate) deletes: Vec<DeleteEntry>,
    /// Columns that the log has and the manifest does not.
    pub(crate) columns: Vec<AddedColumn>,
    /// Tables that the manifest may have and the log has dropped.
    pub(crate) dropped: View,
    /// Syncs the log now and then; started with the log.
    pub(crate) ticker: Option<Ticker>,
    /// How much was written lately.
    pub(crate) load: Load,
}

/// Segments that the log names and no commit does yet, with their log numbers.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    pub(crate) segments: Vec<(u64, SegmentEntry)>,
    /// Bytes of them.
    pub(crate) bytes: u64,
}

impl Pending {
    /// Adds one.
    pub(crate) fn push(&mut self, lsn: u64, entry: SegmentEntry) {
        self.bytes += entry.len;
        self.segments.push((lsn, entry));
    }

    /// Puts back those that came before the ones there are.
    pub(crate) fn put_back(&mut self, before: Self) {
        self.bytes += before.bytes;
        self.segments.splice(0..0, before.segments);
    }
}

/// What opening found.
///
/// ```
/// use std::fs;
/// use chronolite::{DataType, Db, DbOptions, TableSpec};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("plant.chl");
/// let db = Db::open(&path, DbOptions::default())?;
/// let sensor = db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// sensor.append_row(1000, &[20.5.into()])?;
/// // The file and its log as a crash would leave them.
/// let crashed = folder.path().join("crashed.chl");
/// fs::copy(&path, &crashed)?;
/// fs::copy(folder.path().join("plant.chl-wal"), folder.path().join("crashed.chl-wal"))?;
/// let db = Db::open(&crashed, DbOptions::default())?;
/// assert_eq!((db.recovery().rows, db.recovery().cut_bytes), (1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// Log records that were replayed.
    pub records: u64,
    /// Rows in them.
    pub rows: u64,
    /// Bytes of a torn tail of the log that were cut off: writes that were never acknowledged as
    /// durable.
    pub cut_bytes: u64,
}

/// The parts that `open` brings together.
pub(crate) struct Parts {
    pub(crate) options: DbOptions,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) path: PathBuf,
    pub(crate) salt: u64,
    pub(crate) file: Arc<dyn File>,
    pub(crate) health: Arc<Health>,
    pub(crate) syncer: Arc<Syncer>,
    pub(crate) recovery: Recovery,
    pub(crate) next_segment: Arc<AtomicU64>,
    /// Where it is open for writing.
    pub(crate) main: Option<(Main, Writer)>,
    /// Where it is open for reading only.
    pub(crate) follower: Option<Follower>,
    pub(crate) view: View,
    /// The highest row number that readers may see.
    pub(crate) visible: u64,
}

impl Core {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let writable = parts.main.is_some();
        let (main, writer) = parts.main.unzip();
        let pin = writable.then(|| Pin::without_place(Arc::clone(&parts.file)));
        Arc::new_cyclic(|me| Self {
            options: parts.options,
            storage: parts.storage,
            path: parts.path,
            salt: parts.salt,
            file: parts.file,
            health: parts.health,
            syncer: parts.syncer,
            recovery: parts.recovery,
            next_segment: parts.next_segment,
            main: Ranked::new(Rank::Main, main),
            visible: AtomicU64::new(parts.visible),
            writer: Ranked::new(Rank::Writer, writer),
            view: RwLock::new(Arc::new(parts.view)),
            closed: AtomicBool::new(false),
            feed: Arc::default(),
            follower: Mutex::new(parts.follower),
            pin,
            packing: Mutex::new(()),
            counters: Counters::default(),
            maintenance: Maintenance::default(),
            me: Weak::clone(me),
            writable,
            fork_generation: fork::generation(),
        })
    }

    /// Starts background maintenance, if the options ask for it and it does not run yet.
    pub(crate) fn start_maintenance(&self) -> Result<()> {
        let Some(options) = self.options.auto_maintenance else { return Ok(()) };
        let started = self.maintenance.start(Weak::clone(&self.me), options);
        started.map_err(|e| Error::from_io("start a thread", &self.path, e))
    }

    /// Itself, for what outlives the call.
    pub(crate) fn arc(&self) -> Result<Arc<Self>> {
        self.me.upgrade().ok_or_else(|| self.closed())
    }

    /// Fails if the handle was closed or belongs to the parent of this process.
    #[inline]
    pub(crate) fn check_open(&self) -> Result<()> {
        if self.fork_generation != fork::generation() || self.closed.load(Ordering::Acquire) {
            return Err(self.closed());
        }
        Ok(())
    }

    /// The same, or if maintenance failed in the background and nobody was told yet.
    #[inline]
    pub(crate) fn check_tended(&self) -> Result<()> {
        self.check_open()?;
        self.maintenance.check()
    }

    /// The error for a handle that was closed or inherited.
    #[cold]
    pub(crate) fn closed(&self) -> Error {
        let message =
            if self.is_inherited() { INHERITED } else { "the database is closed; open it again" };
        Error::new(ErrorKind::Closed, message).in_file(&self.path)
    }

    /// True in a fork child of the process that opened the database.
    pub(crate) fn is_inherited(&self) -> bool {
        self.fork_generation != fork::generation()
    }

    /// True once it was closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Marks it as closed.
    pub(crate) fn mark_closed(&self) {
        self.closed.store(true, Ordering::Release);
        self.feed.wake();
    }

    /// The writer, for whoever has the core for itself.
    pub(crate) fn writer_mut(&mut self) -> &mut Option<Writer> {
        self.writer.get_mut()
    }

    /// True if it is open for writing.
    pub(crate) fn is_writable(&self) -> bool {
        self.writable
    }

    /// Fails unless it can be written to.
    #[inline]
    pub(crate) fn check_writable(&self) -> Result<()> {
        self.check_open()?;
        if !self.writable {
            let message =
                "the database is open for reading only; open it with mode \"rw\" to write";
            return Err(Error::new(ErrorKind::ReadOnly, message).in_file(&self.path));
        }
        self.health.check()
    }

    /// The main file, locked.
    pub(crate) fn main(&self) -> RankedGuard<'_, Option<Main>> {
        self.main.lock()
    }

    /// The writer, locked.
    #[inline]
    pub(crate) fn writer(&self) -> RankedGuard<'_, Option<Writer>> {
        self.writer.lock()
    }

    /// The writer, locked, unless somebody else has it.
    #[inline]
    pub(crate) fn try_writer(&self) -> Option<RankedGuard<'_, Option<Writer>>> {
        self.writer.try_lock()
    }

    /// What is committed by now, where somebody else may write, and otherwise what readers see: one
    /// moment of the whole database, by the highest row number in it.
    #[inline]
    pub(crate) fn now(&self) -> Result<(Arc<View>, u64)> {
        self.refresh()?;
        Ok(self.snapshot())
    }

    /// Moves on to what is committed by now, if it is open for reading only.
    #[inline]
    pub(crate) fn refresh(&self) -> Result<()> {
        self.check_open()?;
        if self.writable { Ok(()) } else { self.follow() }
    }

    fn follow(&self) -> Result<()> {
        let mut guard = self.follower.lock();
        let follower = guard.as_mut().ok_or_else(|| self.closed())?;
        if follower.advance()? {
            let (view, visible) = follower.shown();
            let mut shown = self.view.write();
            *shown = Arc::new(view);
            self.visible.store(visible, Ordering::Release);
        }
        Ok(())
    }

    /// The slot of what was read last, where it is open for reading only.
    pub(crate) fn followed_slot(&self) -> Option<Slot> {
        self.follower.lock().as_ref().map(Follower::slot)
    }

    /// Lets go of all that is read, but for what buffers hold.
    pub(crate) fn stop_following(&self) {
        let follower = self.follower.lock().take();
        *self.view.write() = Arc::default();
        if let Some(follower) = follower {
            follower.close();
        }
    }

    /// What readers see now, and up to which row number: one moment of the whole database.
    pub(crate) fn snapshot(&self) -> (Arc<View>, u64) {
        let view = self.view.read();
        // Rows go into chunks that this view has: a new chunk needs a new view, and so this lock.
        (Arc::clone(&view), self.visible.load(Ordering::Acquire))
    }

    /// The highest row number that readers may see.
    pub(crate) fn visible(&self) -> u64 {
        self.visible.load(Ordering::Acquire)
    }

    /// The definition of a table as it is now; `None` if it was dropped. In a fork child too, where
    /// a thread of the parent may have had the view's lock, which nobody gives back.
    #[inline]
    pub(crate) fn definition(&self, id: TableId) -> Option<Arc<TableDef>> {
        if self.is_inherited() {
            return None;
        }
        self.view.read().table(id).map(|table| Arc::clone(&table.def))
    }

    /// Changes the view. The change must not fail half done.
    pub(crate) fn change_view<R>(&self, change: impl FnOnce(&mut View) -> R) -> R {
        let mut view = self.view.write();
        change(Arc::make_mut(&mut view))
    }

    /// Changes the view and the highest visible row number as one. The writer's lock is held.
    pub(crate) fn change_view_upto<R>(&self, seq: u64, change: impl FnOnce(&mut View) -> R) -> R {
        let mut view = self.view.write();
        let result = change(Arc::make_mut(&mut view));
        self.visible.store(seq, Ordering::Release);
        drop(view);
        self.feed.published();
        result
    }

    /// Puts a chunk where readers find it.
    pub(crate) fn show_chunk(&self, id: TableId, chunk: Arc<Chunk<Cells>>) {
        self.change_view(|view| view.add_chunk(id, chunk));
    }

    /// Lets readers see rows up to `seq`, which are all in chunks of the view. The writer's lock is
    /// held.
    #[inline]
    pub(crate) fn publish(&self, seq: u64) {
        self.visible.store(seq, Ordering::Release);
        self.feed.published();
    }

    /// True if writes wait for a sync of theirs.
    pub(crate) fn syncs_each_write(&self) -> bool {
        self.options.durability == Durability::Sync
    }

    /// Where the database is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Writer {
    /// The table of that number.
    #[inline]
    pub(crate) fn table(&mut self, id: TableId) -> Option<&mut WriteTable> {
        self.tables.get_mut(id as usize)?.as_mut()
    }

    /// True unless it takes a look at what is there to tell whether the table takes a row of that time.
    #[inline]
    pub(crate) fn takes_at_once(&self, id: TableId, ts: i64) -> bool {
        let table = self.tables.get(id as usize).and_then(Option::as_ref);
        table.is_none_or(|table| {
            table.def.spec.on_conflict != OnConflict::Error || table.is_newer(ts)
        })
    }

    /// True if the log names that segment and no commit does yet.
    pub(crate) fn is_pending(&self, segment: SegmentId) -> bool {
        self.pending.segments.iter().any(|(_, entry)| entry.id == segment)
    }

    /// Makes room for a table, of whose rows the newest has that time.
    pub(crate) fn add_table(&mut self, def: Arc<TableDef>, newest: Option<i64>) {
        let id = def.id as usize;
        self.tables.resize_with(self.tables.len().max(id + 1), || None);
        self.tables[id] = Some(WriteTable::new(def, newest));
    }

    /// Log number of the last record.
    pub(crate) fn last_lsn(&self) -> u64 {
        self.log.as_ref().map_or(self.next_lsn, LogFile::next_lsn) - 1
    }
}
