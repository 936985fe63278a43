//! Writing to a log and reading it, what is done under pressure, and what is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::index::{Item, Retired, Span, Tree, View};
use crate::store::fork;
use crate::timelog::adaptive::Watch;
use crate::timelog::maintain::Worker;
use crate::timelog::settings::{BusyPolicy, Settings};

/// What came of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Written {
    /// It is in.
    Done,
    /// It is in, and the memtable is full: [`Log::relieve`] is to be called.
    Pressed,
    /// The log is closed: nothing was written.
    Closed,
}

/// What happened since the log was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Memtables that were sealed.
    pub seals: u64,
    /// Of these, for their late rows.
    pub late_seals: u64,
    /// Writes that waited for the worker.
    pub waits: u64,
    /// Runs that L0 got: memtables that were flushed, and batches that came as large.
    pub flushes: u64,
    /// Compactions.
    pub compactions: u64,
    /// Writes under pressure.
    pub busy: u64,
    /// Looks for what to compact.
    pub selects: u64,
    /// Runs of L0 that were found so.
    pub l0_inputs: u64,
    /// Runs of L1 that were rewritten.
    pub l1_inputs: u64,
    /// Looks that found nothing.
    pub no_work: u64,
}

/// What a log holds, and what happened to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stats {
    /// Runs of L0.
    pub l0: usize,
    /// Runs of L1.
    pub l1: usize,
    /// Pages of all runs.
    pub pages: usize,
    /// Rows that are shown.
    pub rows: usize,
    /// The least and the greatest time of rows and of tombstones.
    pub ends: Option<(i64, i64)>,
    /// Tombstones that may hide something.
    pub tombstones: usize,
    /// Rows of the memtable that came in order, and late ones.
    pub taken: (usize, usize),
    /// Sealed memtables.
    pub sealed: usize,
    /// What was counted.
    pub counts: Counts,
    /// What adaptive windows follow.
    pub watch: Watch,
}

/// What the lock guards.
pub(super) struct State<T: Item> {
    pub(super) tree: Tree<T>,
    pub(super) settings: Settings,
    pub(super) open: bool,
    pub(super) counts: Counts,
    pub(super) watch: Watch,
    /// A compaction was asked for.
    pub(super) asked: bool,
    /// There is something for the worker to look at.
    pub(super) work: bool,
    /// Rows of the memtable that came late in a batch, which was sorted first.
    late_in_batches: usize,
}

/// What a log shares with its worker.
pub(super) struct Shared<T: Item> {
    pub(super) state: Mutex<State<T>>,
    /// One flush or compaction at a time.
    pub(super) maintainer: Mutex<()>,
    /// Wakes the worker.
    pub(super) wake: Condvar,
    /// A sealed memtable was flushed.
    pub(super) flushed: Condvar,
    pub(super) retired: Arc<Retired<T>>,
    pub(super) release: fn(Vec<T>),
}

/// A log; see the module's description.
pub struct Log<T: Item> {
    pub(super) shared: Arc<Shared<T>>,
    pub(super) worker: Mutex<Option<Worker>>,
    /// A worker runs.
    pub(super) working: AtomicBool,
    /// The forks there were when it was opened: in a child of a later one it is of no use, as a lock
    /// may be held there by a thread that is gone.
    forks: AtomicU32,
}

/// So many tombstones that a compaction is asked for.
const MANY_TOMBSTONES: usize = 4096;

impl<T: Item> State<T> {
    /// Seals the memtable if it is full and there is room for another sealed one; true if it is
    /// full and there is none.
    fn seal_if_full(&mut self) -> bool {
        let (ordered, late) = self.tree.taken();
        let too_late = late >= self.settings.late_rows;
        if ordered + late < self.settings.memtable_rows && !too_late {
            return false;
        }
        if self.tree.sealed() >= self.settings.sealed_runs {
            return true;
        }
        self.counts.late_seals += u64::from(too_late);
        self.seal();
        self.work = true;
        false
    }

    /// Seals the memtable, if it has rows.
    pub(super) fn seal(&mut self) {
        self.counts.seals += u64::from(self.tree.seal());
        self.late_in_batches = 0;
    }

    /// The same after a write.
    #[inline]
    fn written(&mut self, wake: &Condvar) -> Written {
        let pressed = self.seal_if_full();
        if self.work {
            wake.notify_one();
        }
        self.counts.busy += u64::from(pressed);
        if pressed { Written::Pressed } else { Written::Done }
    }
}

impl<T: Item> Log<T> {
    /// A log that is closed. `release` gets the items that nobody sees any more.
    pub fn new(release: fn(Vec<T>)) -> Self {
        let tree = Tree::default();
        let retired = Arc::clone(tree.retired());
        let state = State {
            tree,
            settings: Settings::default(),
            open: false,
            counts: Counts::default(),
            watch: Watch::default(),
            asked: false,
            work: false,
            late_in_batches: 0,
        };
        let shared = Shared {
            state: Mutex::new(state),
            maintainer: Mutex::default(),
            wake: Condvar::new(),
            flushed: Condvar::new(),
            retired,
            release,
        };
        Self {
            shared: Arc::new(shared),
            worker: Mutex::default(),
            working: AtomicBool::new(false),
            forks: AtomicU32::new(fork::generation()),
        }
    }

    /// True in a child of a process that opened it.
    #[inline]
    pub fn inherited(&self) -> bool {
        self.forks.load(Ordering::Relaxed) != fork::generation()
    }

    /// The state, unless it is of another process.
    #[inline]
    fn state(&self) -> Option<MutexGuard<'_, State<T>>> {
        (!self.inherited()).then(|| self.shared.state.lock())
    }

    /// The state of a log that is open.
    #[inline]
    fn opened(&self) -> Option<MutexGuard<'_, State<T>>> {
        self.state().filter(|state| state.open)
    }

    /// Opens it, empty; false if it is open.
    pub fn open(&self, settings: Settings) -> bool {
        let background = settings.background;
        fork::count_from_now();
        {
            let Some(mut state) = self.state() else { return false };
            if state.open {
                return false;
            }
            state.settings = settings;
            (state.counts, state.watch) = (Counts::default(), Watch::default());
            (state.open, state.asked, state.work) = (true, false, false);
        }
        if background {
            self.start();
        }
        true
    }

    /// Closes it and lets go of what nobody looks at.
    pub fn close(&self) {
        self.stop();
        self.clear();
        self.release_all();
    }

    /// Closes it without waiting for the worker: for a collector, which may not wait.
    pub fn clear(&self) {
        let Some(mut state) = self.state() else { return };
        state.open = false;
        state.tree.clear();
        state.late_in_batches = 0;
    }

    /// True between `open` and `close`.
    pub fn is_open(&self) -> bool {
        self.opened().is_some()
    }

    /// Adds a row, whose item the log owns unless it is closed.
    #[inline]
    pub fn push(&self, ts: i64, item: T) -> Written {
        let Some(mut state) = self.opened() else { return Written::Closed };
        state.tree.push(ts, item);
        state.written(&self.shared.wake)
    }

    /// Adds rows, those of one time in the order in which they stand. Items are given back if the
    /// log is closed.
    pub fn push_all(&self, mut ts: Vec<i64>, mut items: Vec<T>) -> Result<Written, Vec<T>> {
        let late = in_order(&mut ts, &mut items);
        let Some(mut state) = self.opened() else { return Err(items) };
        if ts.len() < state.settings.memtable_rows {
            state.tree.push_sorted(&ts, &items);
            state.late_in_batches += late;
        } else {
            // It is a run already.
            let (first, last) = (ts[0], ts[ts.len() - 1]);
            state.seal();
            state.flushed(ts.len(), first, last);
            state.tree.push_run(ts, items);
            state.work = true;
        }
        Ok(state.written(&self.shared.wake))
    }

    /// Hides the rows with times in `[start, end)`, if that is not empty.
    pub fn delete(&self, start: i64, end: i64) -> Written {
        let Some(mut state) = self.opened() else { return Written::Closed };
        if start >= end {
            return Written::Done;
        }
        state.tree.delete(start, Some(end));
        if state.tree.layers().tombstones.len() % MANY_TOMBSTONES == MANY_TOMBSTONES - 1 {
            // Rows of a memtable that is never full would keep them for ever.
            if state.tree.sealed() < state.settings.sealed_runs {
                state.seal();
            }
            (state.asked, state.work) = (true, true);
        }
        state.written(&self.shared.wake)
    }

    /// Does what is to be done under pressure; true if the caller is to be told of it.
    pub fn relieve(&self) -> bool {
        let (policy, wait) = {
            let state = self.shared.state.lock();
            (state.settings.busy, state.settings.wait)
        };
        if policy == BusyPolicy::Flush {
            self.flush_sealed();
            let mut state = self.shared.state.lock();
            let _ = state.seal_if_full();
            return false;
        }
        let mut state = self.shared.state.lock();
        if self.working.load(Ordering::Relaxed) && !wait.is_zero() {
            state.counts.waits += 1;
            state.work = true;
            self.shared.wake.notify_one();
            let full = |state: &mut State<T>| {
                state.open && state.tree.sealed() >= state.settings.sealed_runs
            };
            self.shared.flushed.wait_while_for(&mut state, full, wait);
        }
        state.seal_if_full() && policy == BusyPolicy::Raise
    }

    /// What is there now; none if it is closed.
    #[inline]
    pub fn view(&self) -> Option<View<T>> {
        self.opened().map(|state| state.tree.view())
    }

    /// Calls `each` for the items at a time, in the order of arrival, under the log's lock; false if
    /// it is closed.
    #[inline]
    pub fn at(&self, ts: i64, each: impl FnMut(T)) -> bool {
        self.opened().map(|state| state.tree.at(ts, each)).is_some()
    }

    /// How many rows are shown; none if it is closed.
    pub fn count(&self) -> Option<usize> {
        let view = {
            let state = self.opened()?;
            if let Some(count) = state.tree.known_count() {
                return Some(count);
            }
            state.tree.view()
        };
        // It may take a while: whoever writes does not wait for it.
        let count = view.count(i64::MIN, None);
        self.opened()?.tree.counted(&view, count);
        Some(count)
    }

    /// Rows that a page has at most.
    pub fn page_rows(&self) -> usize {
        self.state().map_or(usize::MAX, |state| state.settings.page_rows)
    }

    /// What was counted since it was opened.
    pub fn counts(&self) -> Counts {
        self.state().map(|state| state.counts).unwrap_or_default()
    }

    /// What it holds, and what happened to it; none if it is closed.
    pub fn stats(&self) -> Option<Stats> {
        let rows = self.count()?;
        let state = self.opened()?;
        let (state, layers) = (&*state, state.tree.layers());
        let (ordered, late) = state.tree.taken();
        let sorted = state.late_in_batches.min(ordered);
        let runs = || layers.l0.iter().chain(&*layers.l1);
        let pages = runs().map(|run| run.len().div_ceil(state.settings.page_rows)).sum();
        let of_runs = runs().filter_map(|run| run.ends());
        let chunks = layers.memory.iter().flat_map(|memory| memory.chunks());
        let of_chunks = chunks.filter_map(|chunk| chunk.ends());
        let deleted = layers.tombstones.iter();
        let of_tombstones =
            deleted.map(|d| (d.start(), d.end().map_or(i64::MAX, |end| end.saturating_sub(1))));
        let ends = of_runs.chain(of_chunks).chain(of_tombstones);
        Some(Stats {
            l0: layers.l0.len(),
            l1: layers.l1.len(),
            pages,
            rows,
            ends: ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))),
            tombstones: layers.tombstones.len(),
            taken: (ordered - sorted, late + sorted),
            sealed: state.tree.sealed(),
            counts: state.counts,
            watch: state.watch,
        })
    }

    /// Calls `each` for every item that the log owns. A collector asks twice, and has to be told the
    /// same: so it waits for the lock, of which no holder waits for an interpreter.
    pub fn items<E>(&self, each: impl FnMut(&T) -> Result<(), E>) -> Result<(), E> {
        self.state().map_or(Ok(()), |state| state.tree.items(each))
    }

    /// Lets go of items that nobody sees any more, as many as one call may.
    #[inline]
    pub fn release(&self) {
        if !self.shared.retired.is_empty() && !self.inherited() {
            self.shared.release_some();
        }
    }

    /// Lets go of all of them.
    pub fn release_all(&self) {
        while !self.shared.retired.is_empty() && !self.inherited() {
            (self.shared.release)(self.shared.retired.take(usize::MAX));
        }
    }

    /// How many wait to be let go.
    pub fn retired(&self) -> usize {
        self.shared.retired.len()
    }
}

impl<T: Item> Shared<T> {
    pub(super) fn release_some(&self) {
        let limit = self.state.lock().settings.drain;
        let items = self.retired.take(if limit == 0 { usize::MAX } else { limit });
        (self.release)(items);
    }
}

impl<T: Item> Drop for Log<T> {
    fn drop(&mut self) {
        self.close();
    }
}

/// Sorts rows by time, those of one time in the order in which they stand, and says how many came
/// after a later one.
fn in_order<T: Copy>(ts: &mut [i64], items: &mut [T]) -> usize {
    if ts.is_sorted() {
        return 0;
    }
    // Most are in order, as a rule: they are left alone, and the others are sorted apart.
    let mut late: Vec<(i64, T)> = vec![];
    let (mut kept, mut greatest) = (0, i64::MIN);
    for row in 0..ts.len() {
        if ts[row] >= greatest {
            greatest = ts[row];
            (ts[kept], items[kept]) = (ts[row], items[row]);
            kept += 1;
        } else {
            late.push((ts[row], items[row]));
        }
    }
    late.sort_by_key(|row| row.0);
    // From the end on, so that nothing is written over that is yet to be read. A late row stands
    // behind those of its time that were in order: they came before it.
    let mut left = late.len();
    for place in (0..ts.len()).rev() {
        if left == 0 {
            break;
        }
        let (time, item) = late[left - 1];
        if kept > 0 && ts[kept - 1] > time {
            kept -= 1;
            (ts[place], items[place]) = (ts[kept], items[kept]);
        } else {
            left -= 1;
            (ts[place], items[place]) = (time, item);
        }
    }
    late.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_are_sorted_and_those_of_one_time_stay_in_order(
            times in prop::collection::vec(0i64..12, 0..60),
        ) {
            let mut ts = times.clone();
            let mut items: Vec<usize> = (0..ts.len()).collect();
            let late = in_order(&mut ts, &mut items);
            let mut expected: Vec<_> = times.iter().copied().zip(0..).collect();
            expected.sort_by_key(|row| row.0);
            prop_assert_eq!(ts.into_iter().zip(items).collect::<Vec<_>>(), expected);
            let before = |row: &usize| times[..*row].iter().any(|t| *t > times[*row]);
            prop_assert_eq!(late, (0..times.len()).filter(before).count());
        }
    }
}
