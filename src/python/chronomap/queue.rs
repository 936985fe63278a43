//! Whose turn it is to change a map that is kept in a file.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{ArcMutexGuard, Mutex, RawMutex};
use pyo3::prelude::*;

use super::journal::this_writer;

/// Who changes many keys goes first when it had no chance: the others let it pass.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waits: AtomicBool,
    turn: Arc<Mutex<()>>,
    holder: AtomicU64,
}

/// The turn of one that others let pass.
pub(super) struct Turn<'a> {
    queue: &'a Queue,
    held: Option<ArcMutexGuard<RawMutex, ()>>,
}

impl Queue {
    pub(super) fn enter(&self, py: Python<'_>) -> Turn<'_> {
        let held = self.lock(py);
        self.holder.store(this_writer(), Ordering::Relaxed);
        self.waits.store(true, Ordering::Relaxed);
        Turn { queue: self, held }
    }

    /// None if this thread has it.
    fn lock(&self, py: Python<'_>) -> Option<ArcMutexGuard<RawMutex, ()>> {
        if self.turn.is_locked() && self.holder.load(Ordering::Relaxed) == this_writer() {
            return None;
        }
        loop {
            // Asked for again and again: a guard may not cross from where the thread is detached.
            if let Some(held) = self.turn.try_lock_arc() {
                return Some(held);
            }
            py.detach(|| drop(self.turn.lock()));
        }
    }

    #[inline]
    pub(super) fn pass(&self, py: Python<'_>) {
        if self.waits.load(Ordering::Relaxed) {
            drop(self.lock(py));
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.held.is_some() {
            self.queue.waits.store(false, Ordering::Relaxed);
            self.queue.holder.store(0, Ordering::Relaxed);
        }
    }
}
