//! Making what was written durable: at once, now and then, or when asked.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, RwLock};

use crate::error::{Error, Result};
use crate::store::group_sync::GroupSync;
use crate::store::health::Health;
use crate::store::log_file::LogFile;
use crate::store::storage::File;

/// Syncs the log, and before it the main file where the log names extents that were written there.
#[derive(Debug)]
pub(crate) struct Syncer {
    main: (Arc<dyn File>, PathBuf),
    health: Arc<Health>,
    group: GroupSync,
    log: RwLock<Option<Log>>,
    extents_unsynced: AtomicBool,
}

#[derive(Debug)]
struct Log {
    file: Arc<dyn File>,
    path: PathBuf,
    written: Arc<AtomicU64>,
}

impl Syncer {
    pub(crate) fn new(
        main: Arc<dyn File>,
        path: PathBuf,
        health: Arc<Health>,
        durable: u64,
    ) -> Self {
        let group = GroupSync::default();
        group.note(durable);
        let (log, extents_unsynced) = (RwLock::new(None), AtomicBool::new(false));
        Self { main: (main, path), health, group, log, extents_unsynced }
    }

    /// The log to sync from now on.
    pub(crate) fn attach(&self, log: &LogFile) {
        let (file, path) = (Arc::clone(log.file()), log.path().to_path_buf());
        *self.log.write() = Some(Log { file, path, written: Arc::clone(log.written()) });
    }

    /// There is no log any more.
    pub(crate) fn detach(&self) {
        *self.log.write() = None;
    }

    /// Highest log number known to be durable.
    #[inline]
    pub(crate) fn durable(&self) -> u64 {
        self.group.durable()
    }

    /// Notes that a commit made everything up to `lsn` durable.
    pub(crate) fn note(&self, lsn: u64) {
        self.group.note(lsn);
    }

    /// The next record names extents that are not synced yet.
    pub(crate) fn extents_written(&self) {
        self.extents_unsynced.store(true, Ordering::Release);
    }

    /// Returns when the record `lsn` is durable.
    pub(crate) fn wait(&self, lsn: u64) -> Result<()> {
        let log = self.log.read();
        let Some(log) = log.as_ref() else { return Ok(()) };
        self.group.wait(lsn, &log.written, &self.health, || {
            // The data first: a record that is durable must name extents that are.
            if self.extents_unsynced.swap(false, Ordering::AcqRel) {
                self.sync(&*self.main.0, &self.main.1)?;
            }
            self.sync(&*log.file, &log.path)
        })
    }

    /// Returns when everything written so far is durable.
    pub(crate) fn sync_all(&self) -> Result<()> {
        let written = self.log.read().as_ref().map(|log| log.written.load(Ordering::Acquire));
        written.map_or(Ok(()), |lsn| self.wait(lsn))
    }

    fn sync(&self, file: &dyn File, path: &std::path::Path) -> Result<()> {
        file.sync().map_err(|e| {
            let error = Error::from_io("sync", path, e);
            self.health.poison(&error);
            error
        })
    }
}

/// A thread that syncs the log once an interval, if there is something to sync.
#[derive(Debug)]
pub(crate) struct Ticker {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    /// Starts the thread.
    pub(crate) fn start(syncer: Arc<Syncer>, interval: Duration) -> std::io::Result<Self> {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let watched = Arc::clone(&stop);
        let run = move || {
            let (stopped, wake) = &*watched;
            let mut stopped = stopped.lock();
            while !*stopped {
                wake.wait_for(&mut stopped, interval);
                if *stopped {
                    return;
                }
                // A failure poisons the writer, whose next write reports it.
                parking_lot::MutexGuard::unlocked(&mut stopped, || {
                    let _ = syncer.sync_all();
                });
            }
        };
        let thread = std::thread::Builder::new().name("chronolite-sync".into()).spawn(run)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        *self.stop.0.lock() = true;
        self.stop.1.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
