//! The write-ahead log, open for appending (SPEC 5).
//!
//! Where the file system reserves space, the log is grown by `allocate` and written through a
//! mapping: a row costs no system call, and what was stored survives the process being killed.
//! Elsewhere each record is one plain write, rolled back if it does not go through whole.
//!
//! A reset begins a new epoch in the same file: the records of the old one stay where they are and
//! are told apart by their salt, so that nothing has to be zeroed or allocated again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::bytes::pad_to;
use crate::error::{Error, Result};
use crate::format::PAGE;
use crate::format::frame::{FRAME_ALIGN, FRAME_LEN, Frame, LOG_MAGIC, log_salt};
use crate::format::log::{LOG_START, LogHeader};
use crate::store::health::Health;
use crate::store::storage::{File, OpenMode, Storage, WritableMap, write_all_at};

/// The log is reserved and mapped in pieces of this size, the first one smaller.
const WINDOW: u64 = 16 << 20;
const FIRST_WINDOW: u64 = 1 << 20;

/// Where the log of a database stands.
pub fn log_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

/// The log, open for appending.
#[derive(Debug)]
pub struct LogFile {
    file: Arc<dyn File>,
    path: PathBuf,
    health: Arc<Health>,
    header: LogHeader,
    /// Salt of this epoch's records.
    salt: u64,
    /// Where the next record goes.
    end: u64,
    next_lsn: u64,
    window: Option<(u64, WritableMap)>,
    /// The file system reserves space and maps.
    mappable: bool,
    /// Log number of the last record that is wholly in the file, for whoever syncs.
    written: Arc<AtomicU64>,
    scratch: Vec<u8>,
}

impl LogFile {
    /// Creates the log with `header`, in place of what a crash left under its name, and makes it
    /// durable.
    pub fn create(
        storage: &dyn Storage,
        path: PathBuf,
        health: Arc<Health>,
        header: LogHeader,
    ) -> Result<Self> {
        let io = |doing: &str, e| Error::from_io(doing, &path, e);
        // A new file and not the old one again: a failed sync of the folder may have left that
        // with a name that no later sync makes durable.
        if storage.exists(&path).map_err(|e| io("look for the log", e))? {
            storage.remove(&path).map_err(|e| io("remove an old log", e))?;
        }
        let file = storage.open(&path, OpenMode::CreateNew);
        let file = file.map_err(|e| io("create the log", e))?;
        write_all_at(&*file, &header.to_bytes(), 0).map_err(|e| io("write the log", e))?;
        file.set_len(LOG_START).map_err(|e| io("write the log", e))?;
        file.sync().map_err(|e| io("sync the log", e))?;
        storage.sync_dir_of(&path).map_err(|e| io("sync the folder of the log", e))?;
        Ok(Self::resume(file, path, health, header, LOG_START, header.first_lsn))
    }

    /// Takes over a log of an epoch before: a new header in place of the old one, and records from
    /// `start` on. The header is written over, never cut off: a crash leaves one of the two. What
    /// is behind it goes first: records of the new epoch may have reached the disk though their
    /// header did not, and must not come back once recovery has done without them.
    pub fn restart(
        file: Arc<dyn File>,
        path: PathBuf,
        health: Arc<Health>,
        header: LogHeader,
        start: u64,
    ) -> Result<Self> {
        let io = |doing: &str, e| Error::from_io(doing, &path, e);
        file.set_len(LOG_START).map_err(|e| io("cut the log", e))?;
        file.sync().map_err(|e| io("sync the log", e))?;
        write_all_at(&*file, &header.to_bytes(), 0).map_err(|e| io("write the log", e))?;
        file.set_len(start).map_err(|e| io("write the log", e))?;
        file.sync().map_err(|e| io("sync the log", e))?;
        Ok(Self::resume(file, path, health, header, start, header.first_lsn))
    }

    /// The log as recovery found it: records up to `end`, the next one `next_lsn`. What was behind
    /// them has been cut off.
    pub fn resume(
        file: Arc<dyn File>,
        path: PathBuf,
        health: Arc<Health>,
        header: LogHeader,
        end: u64,
        next_lsn: u64,
    ) -> Self {
        let written = Arc::new(AtomicU64::new(next_lsn - 1));
        let salt = log_salt(header.salt, header.epoch);
        let (window, mappable, scratch) = (None, true, Vec::new());
        Self { file, path, health, header, salt, end, next_lsn, window, mappable, written, scratch }
    }

    /// Appends a record of `kind` whose body `put` appends to the buffer it is given; returns its
    /// log number. `durable` is the highest log number known to be synced. After an error the log
    /// is as it was before.
    #[inline]
    pub fn append(
        &mut self,
        kind: u8,
        durable: u64,
        put: impl FnOnce(&mut Vec<u8>),
    ) -> Result<u64> {
        self.health.check()?;
        let lsn = self.next_lsn;
        self.scratch.clear();
        self.scratch.resize(FRAME_LEN, 0);
        put(&mut self.scratch);
        let body = &self.scratch[FRAME_LEN..];
        let header = Frame::new(LOG_MAGIC, kind, lsn, durable, self.salt, body).header();
        self.scratch[..FRAME_LEN].copy_from_slice(&header);
        pad_to(&mut self.scratch, 0, FRAME_ALIGN);
        self.write()?;
        self.next_lsn += 1;
        self.written.store(lsn, Ordering::Release);
        Ok(lsn)
    }

    /// Writes the scratch record at the end.
    #[inline]
    fn write(&mut self) -> Result<()> {
        let len = self.scratch.len() as u64;
        if let Some((base, map)) = &mut self.window {
            let at = self.end - *base;
            if at + len <= map.len() as u64 {
                map.write(at as usize, &self.scratch);
                self.end += len;
                return Ok(());
            }
        }
        self.write_slow(len)
    }

    #[cold]
    fn write_slow(&mut self, len: u64) -> Result<()> {
        if self.mappable && self.map_window(len)? {
            return self.write();
        }
        if let Err(e) = write_all_at(&*self.file, &self.scratch, self.end) {
            let error = self.health.judge(Error::from_io("write the log", &self.path, e));
            if let Err(e) = self.file.set_len(self.end) {
                let path = &self.path;
                self.health.poison(&Error::from_io("roll back a write to the log", path, e));
            }
            return Err(error);
        }
        self.end += len;
        Ok(())
    }

    /// Reserves and maps a window that holds `len` more bytes; `false` where that cannot be had.
    fn map_window(&mut self, len: u64) -> Result<bool> {
        let base = self.end / PAGE * PAGE;
        let first = self.window.is_none() && base == 0;
        let size = if first { FIRST_WINDOW } else { WINDOW };
        let size = size.max((self.end - base + len).next_multiple_of(PAGE));
        let fail = |e| Error::from_io("grow the log", &self.path, e);
        self.file.allocate(base, size).map_err(|e| self.health.judge(fail(e)))?;
        let map = self.file.map_writable(base, size as usize).map_err(fail)?;
        self.mappable = map.is_some();
        if !self.mappable {
            // Plain writes keep the file as long as its records are.
            self.file.set_len(self.end).map_err(|e| self.health.judge(fail(e)))?;
        }
        self.window = map.map(|map| (base, map));
        Ok(self.mappable)
    }

    /// Begins a new epoch. The slot that names it is on disk: records of the old one are not
    /// needed any more. The header need not be synced: until it is, the log counts as empty.
    pub fn reset(&mut self, epoch: u64, generation: u64, next_seq: u64) -> Result<()> {
        let header = LogHeader::new(self.header.salt, epoch, generation, self.next_lsn, next_seq);
        let written = write_all_at(&*self.file, &header.to_bytes(), 0);
        written.map_err(|e| {
            let error = Error::from_io("reset the log", &self.path, e);
            self.health.poison(&error);
            error
        })?;
        (self.header, self.salt) = (header, log_salt(header.salt, epoch));
        self.end = LOG_START;
        if self.window.as_ref().is_some_and(|(base, _)| *base > 0) {
            self.window = None;
        }
        Ok(())
    }

    /// The file, to sync it.
    pub fn file(&self) -> &Arc<dyn File> {
        &self.file
    }

    /// Bytes of records that are appended without asking the system for anything.
    pub fn room(&self) -> u64 {
        let mapped = self.window.as_ref().map(|(base, map)| base + map.len() as u64);
        mapped.map_or(0, |end| end.saturating_sub(self.end))
    }

    /// Log number of the last record that is wholly in the file.
    pub fn written(&self) -> &Arc<AtomicU64> {
        &self.written
    }

    /// Log number that the next record will have.
    pub fn next_lsn(&self) -> u64 {
        self.next_lsn
    }

    /// Epoch of the log.
    pub fn epoch(&self) -> u64 {
        self.header.epoch
    }

    /// Where the next record goes.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Where it stands.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
