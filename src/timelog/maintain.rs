//! Flushes and compactions, one step after the other: by whoever asks, or by a worker.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use crate::index::{Cut, Item};
use crate::timelog::log::{Log, Shared, State};

/// Set when the interpreter ends: a worker that waits for it would wait for ever.
static NO_MORE_WORKERS: AtomicBool = AtomicBool::new(false);

/// From now on no log starts a worker.
pub fn no_more_workers() {
    NO_MORE_WORKERS.store(true, Ordering::Relaxed);
}

/// A thread that does what there is to do.
#[derive(Debug)]
pub(super) struct Worker {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
    /// A child of a fork has no such thread.
    process: u32,
}

impl<T: Item> State<T> {
    /// L0 got a run.
    pub(super) fn flushed(&mut self, rows: usize, first: i64, last: i64) {
        self.counts.flushes += 1;
        if let Some(by) = self.settings.adaptive {
            self.watch.flushed(&by, rows, first, last);
        }
    }

    /// A compaction was asked for or due, and had something to merge or not.
    fn attempted(&mut self, merged: bool) {
        self.counts.selects += 1;
        self.counts.no_work += u64::from(!merged);
        if let Some(by) = self.settings.adaptive {
            self.watch.compacted(&by, merged);
        }
    }

    /// Where runs of L1 are cut now.
    fn cut(&self) -> Cut {
        match (self.settings.cut, self.watch.window) {
            (cut, 0) => cut,
            (_, size) => {
                let (origin, most) = (self.settings.window_origin, self.settings.most_windows);
                Cut::Windows { size, origin, most }
            }
        }
    }
}

impl<T: Item> Shared<T> {
    /// Flushes the oldest sealed memtable; false if there is none.
    fn flush_one(&self) -> bool {
        let Some(flush) = self.state.lock().tree.plan_flush() else { return false };
        let rows = flush.rows();
        let ends = rows.ts.first().copied().zip(rows.ts.last().copied());
        let count = rows.ts.len();
        let mut state = self.state.lock();
        state.tree.flushed(&flush, rows);
        if let Some((first, last)) = ends {
            state.flushed(count, first, last);
        }
        drop(state);
        self.flushed.notify_all();
        true
    }

    /// Compacts, if it was asked for or is due; false if nothing was to be done.
    fn compact_once(&self) -> bool {
        let (plan, cut, asked, wanted, debt) = {
            let mut state = self.state.lock();
            if !state.open {
                return false;
            }
            let (settings, layers) = (&state.settings, state.tree.layers());
            let plan = state.tree.plan_compaction(settings.inputs);
            let (runs, deleted) = (plan.runs() > 0, !layers.tombstones.is_empty());
            let due = runs && layers.l0.len() >= settings.delta_runs;
            let wanted = due || state.asked && (runs || deleted);
            let debt = settings.delete_debt;
            let indebted = deleted && debt > 0.0;
            if !wanted && !indebted {
                // A look that nobody asked for is no attempt.
                if std::mem::take(&mut state.asked) {
                    state.attempted(false);
                }
                return false;
            }
            (plan, state.cut(), state.asked, wanted, debt)
        };
        if !wanted && plan.deleted_share(cut) < debt {
            return false;
        }
        let made = plan.make(cut);
        let mut state = self.state.lock();
        state.counts.compactions += 1;
        state.counts.l0_inputs += plan.runs() as u64;
        state.counts.l1_inputs += made.rewritten as u64;
        state.tree.compacted(&plan, made);
        if asked {
            state.asked = state.tree.plan_compaction(usize::MAX).runs() > 0;
        }
        state.attempted(plan.runs() > 0);
        true
    }

    /// One flush, or else one compaction; false if there is nothing to do.
    fn step(&self) -> bool {
        let _maintainer = self.maintainer.lock();
        self.flush_one() || self.compact_once()
    }

    /// What the worker does until it is stopped.
    fn work(&self, stop: &AtomicBool) {
        while !stop.load(Ordering::Acquire) {
            if self.step() {
                continue;
            }
            if !self.retired.is_empty() {
                self.release_some();
                continue;
            }
            let mut state = self.state.lock();
            if !state.work && !stop.load(Ordering::Acquire) {
                let wakeup = state.settings.wakeup;
                self.wake.wait_for(&mut state, wakeup);
            }
            state.work = false;
        }
    }
}

impl<T: Item> Log<T> {
    /// Flushes everything that is in memtables.
    pub fn flush(&self) {
        self.shared.state.lock().seal();
        self.flush_sealed();
    }

    /// Flushes what is sealed now.
    pub(super) fn flush_sealed(&self) {
        let _maintainer = self.shared.maintainer.lock();
        while self.shared.flush_one() {}
    }

    /// Asks for a compaction, which the worker does, or the next steps.
    pub fn compact(&self) {
        let mut state = self.shared.state.lock();
        (state.asked, state.work) = (true, true);
        self.shared.wake.notify_one();
    }

    /// One flush of a sealed memtable, or else one compaction; false if there is nothing to do.
    pub fn step(&self) -> bool {
        self.shared.step()
    }

    /// Starts the worker, if none runs.
    pub fn start(&self) {
        if NO_MORE_WORKERS.load(Ordering::Relaxed) {
            return;
        }
        let mut worker = self.worker.lock();
        if worker.as_ref().is_some_and(|worker| worker.process == process::id()) {
            return;
        }
        let (stop, shared) = (Arc::new(AtomicBool::new(false)), Arc::clone(&self.shared));
        let told = Arc::clone(&stop);
        let thread = thread::Builder::new().name("timelog".into());
        // Without a thread (there are too many) the log works as one without a worker.
        if let Ok(thread) = thread.spawn(move || shared.work(&told)) {
            self.working.store(true, Ordering::Relaxed);
            *worker = Some(Worker { stop, thread, process: process::id() });
        }
    }

    /// Stops the worker and waits until it has ended. The caller holds no lock that letting go of
    /// items takes.
    pub fn stop(&self) {
        let worker = {
            let mut worker = self.worker.lock();
            let Some(worker) = worker.take() else { return };
            self.working.store(false, Ordering::Relaxed);
            worker.stop.store(true, Ordering::Release);
            worker
        };
        if worker.process != process::id() {
            // The thread is one of the parent, and its locks may be held for ever.
            std::mem::forget(worker.thread);
            return;
        }
        {
            let mut state = self.shared.state.lock();
            state.work = true;
            self.shared.wake.notify_all();
            self.shared.flushed.notify_all();
        }
        // An item that is let go by the worker may be the last to hold the log.
        if worker.thread.thread().id() != thread::current().id() {
            // The work of a worker that panicked is undone: nothing was put in.
            let _ = worker.thread.join();
        }
    }
}
