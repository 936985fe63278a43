//! What was done while a context is open, so that it can be undone: what one thread did, and what
//! others did to the same keys meanwhile, which is to stay.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::prelude::*;

use super::handle::{Key, Value};
use crate::chronomap::{Entry, Prune};

/// A change of a key.
#[derive(Debug, Clone)]
pub(super) struct Change {
    /// Who made it.
    pub(super) who: u64,
    /// The key with its hash; none if it was done to all keys.
    pub(super) key: Option<(Key, u64)>,
    pub(super) what: What,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    /// A version at a time, and the end that the key has from then on, if one was given.
    Put(i64, Value, Option<i64>),
    /// It is gone.
    Removed,
    /// What another map had of it was taken in, in the place of what it was or beside it.
    Merged(Entry<Key, Value>, bool),
    /// Versions were taken off.
    Pruned(Prune),
    /// It is what another change of many keys made of it.
    Became(Entry<Key, Value>),
}

/// The changes since the first of the contexts that are open.
#[derive(Debug, Default)]
pub(super) struct Journal {
    open: usize,
    changes: Vec<Change>,
}

impl Journal {
    /// True if changes are noted.
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.open > 0
    }

    /// Notes a change by this writer.
    pub(super) fn note(&mut self, key: Key, hash: u64, what: What) {
        self.changes.push(Change { who: this_writer(), key: Some((key, hash)), what });
    }

    /// Notes that this writer took versions off all keys, beside what that was for each of them.
    pub(super) fn note_pruned(&mut self, prune: Prune) {
        self.changes.push(Change { who: this_writer(), key: None, what: What::Pruned(prune) });
    }

    /// Opens it once more. The place of the next change.
    pub(super) fn begin(&mut self) -> usize {
        self.open += 1;
        self.changes.len()
    }

    /// The changes from a place on.
    pub(super) fn since(&self, place: usize) -> Vec<Change> {
        self.changes[place.min(self.changes.len())..].to_vec()
    }

    /// Closes it once. What is noted is given to whoever lets go of it when nobody needs it.
    pub(super) fn end(&mut self) -> Vec<Change> {
        self.open = self.open.saturating_sub(1);
        if self.open == 0 { std::mem::take(&mut self.changes) } else { vec![] }
    }

    /// For the collector.
    pub(super) fn changes(&self) -> &[Change] {
        &self.changes
    }
}

thread_local! {
    static NUMBER: Cell<u64> = const { Cell::new(0) };
}

/// The number of whoever writes in this thread: the thread itself, or a task of an event loop.
pub(super) fn this_writer() -> u64 {
    if NUMBER.get() == 0 {
        NUMBER.set(fresh());
    }
    NUMBER.get()
}

fn fresh() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

/// Makes this thread write as the writer of a number, or as a new one. The number that it had.
#[pyfunction]
#[pyo3(signature = (number=None))]
pub(in crate::python) fn _chronomap_writer(number: Option<u64>) -> u64 {
    let before = this_writer();
    NUMBER.set(number.unwrap_or_else(fresh));
    before
}
