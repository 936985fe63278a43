//! Background maintenance: one thread that does rounds at an interval, from the first write until
//! the database is closed.
//!
//! The thread holds the core only during a round, and no lock while it sleeps. Whoever stops it
//! waits for the round to end, which looks whether it is to stop between any two pieces of a merge.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::db::core::Core;
use crate::db::options::AutoMaintenance;
use crate::db::rounds::{Now, Rounds};
use crate::error::{Error, Result};

/// After so many failures in a row the wait for the next round no longer doubles.
const MOST_DOUBLINGS: u32 = 6;

/// What background maintenance did since the database was opened.
///
/// ```
/// use chronolite::{AutoMaintenance, DataType, Db, DbOptions, TableSpec};
///
/// let folder = tempfile::tempdir()?;
/// let options = DbOptions::default().auto_maintenance(Some(AutoMaintenance::default()));
/// let db = Db::open(folder.path().join("plant.chl"), options)?;
/// assert!(!db.stats()?.maintenance.running);
/// db.create_table("sensor", TableSpec::new([("temp", DataType::F64)]))?;
/// let did = db.stats()?.maintenance;
/// assert!(did.running && did.errors == 0 && did.last_error.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct MaintenanceStats {
    /// True while its thread runs: from the first write until the close.
    pub running: bool,
    /// Times that it looked whether there is something to do.
    pub rounds: u64,
    /// Times that it flushed the memtables.
    pub flushes: u64,
    /// Times that it applied the retention.
    pub retention_runs: u64,
    /// Times that it packed a group of segments.
    pub packs: u64,
    /// Segments that it packed or dropped.
    pub segments_before: u64,
    /// Segments in place of them.
    pub segments_after: u64,
    /// Rows that it wrote.
    pub rows_packed: u64,
    /// Bytes of segments that it wrote.
    pub bytes_packed: u64,
    /// Times that it gave back free space to the file system.
    pub trims: u64,
    /// Seconds that its rounds took.
    pub seconds: f64,
    /// Rounds that failed.
    pub errors: u64,
    /// What the last of them failed with.
    pub last_error: Option<String>,
}

/// The thread, and what it has to tell.
#[derive(Debug, Default)]
pub(crate) struct Maintenance {
    signal: Arc<Signal>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// True if there is an error for the next call.
    owed: AtomicBool,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    stats: MaintenanceStats,
    /// The error of the last round.
    failing: Option<String>,
    /// It, for the next call.
    owed: Option<Error>,
}

/// Whether the thread is to stop.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    /// Read within rounds.
    pub(crate) stop: AtomicBool,
    stopped: Mutex<bool>,
    wake: Condvar,
}

impl Signal {
    /// Sleeps that long; `false` if the thread is to stop.
    fn sleep(&self, time: Duration) -> bool {
        let mut stopped = self.stopped.lock();
        if !*stopped {
            self.wake.wait_for(&mut stopped, time);
        }
        !*stopped
    }

    fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        *self.stopped.lock() = true;
        self.wake.notify_all();
    }
}

impl Maintenance {
    /// Starts the thread, unless it runs or was stopped before.
    pub(crate) fn start(&self, core: Weak<Core>, options: AutoMaintenance) -> std::io::Result<()> {
        let mut thread = self.thread.lock();
        if thread.is_some() || *self.signal.stopped.lock() {
            return Ok(());
        }
        let signal = Arc::clone(&self.signal);
        let run = move || run(&core, &signal, options);
        *thread = Some(thread::Builder::new().name("chronolite-tidy".into()).spawn(run)?);
        self.note(|stats| stats.running = true);
        Ok(())
    }

    /// Stops the thread for good and waits for its end.
    pub(crate) fn stop(&self) {
        self.signal.stop();
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
        self.owed.store(false, Ordering::Relaxed);
        self.note(|stats| stats.running = false);
    }

    /// Leaves the thread to the parent process, which it belongs to. No lock is taken: who held one
    /// may be gone.
    pub(crate) fn forget(&mut self) {
        std::mem::forget(self.thread.get_mut().take());
    }

    /// Fails if a round failed and nobody was told yet.
    #[inline]
    pub(crate) fn check(&self) -> Result<()> {
        if self.owed.load(Ordering::Relaxed) { self.raise() } else { Ok(()) }
    }

    #[cold]
    fn raise(&self) -> Result<()> {
        self.owed.store(false, Ordering::Relaxed);
        let Some(error) = self.told.lock().owed.take() else { return Ok(()) };
        let kind = error.kind();
        let message = "background maintenance failed, and this call, which is told so, did nothing; \
                       call it again";
        Err(error.recast(kind, message))
    }

    /// What the last round failed with.
    pub(crate) fn failing(&self) -> Option<String> {
        self.told.lock().failing.clone()
    }

    /// What was done so far.
    pub(crate) fn stats(&self) -> MaintenanceStats {
        self.told.lock().stats.clone()
    }

    /// Counts what was done.
    pub(crate) fn note(&self, count: impl FnOnce(&mut MaintenanceStats)) {
        count(&mut self.told.lock().stats);
    }

    /// Takes down how a round ended. Of the same failure round after round, callers are told once.
    fn note_round(&self, ended: Result<()>, took: Duration) {
        let mut told = self.told.lock();
        told.stats.rounds += 1;
        told.stats.seconds += took.as_secs_f64();
        let Err(error) = ended else {
            told.failing = None;
            return;
        };
        let text = error.to_string();
        told.stats.errors += 1;
        told.stats.last_error = Some(text.clone());
        if told.failing.is_none() {
            told.owed = Some(error);
            self.owed.store(true, Ordering::Relaxed);
        }
        told.failing = Some(text);
    }
}

impl Core {
    /// One round, as of `now`, and the account of it; `false` if it failed.
    pub(crate) fn maintain(self: &Arc<Self>, rounds: &mut Rounds, now: Now) -> bool {
        let began = Instant::now();
        let signal = &self.maintenance.signal;
        let ended = rounds.round(self, &signal.stop, now);
        // What fails because the database is being closed is no failure.
        if signal.stop.load(Ordering::Relaxed) {
            return true;
        }
        let went_well = ended.is_ok();
        self.maintenance.note_round(ended, began.elapsed());
        went_well
    }
}

fn run(core: &Weak<Core>, signal: &Signal, options: AutoMaintenance) {
    let mut rounds = Rounds::new(options, Now::read());
    let interval = Duration::from_millis(options.check_interval_ms.max(1));
    let mut failures = 0;
    while signal.sleep(interval.saturating_mul(1 << failures)) {
        let Some(core) = core.upgrade() else { return };
        let went_well = core.maintain(&mut rounds, Now::read());
        failures = if went_well { 0 } else { (failures + 1).min(MOST_DOUBLINGS) };
    }
}
