//! A key and its versions.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::index::Versions;
use crate::index::trie::{self, Sums};

/// A value of a version.
pub trait Item: Clone {
    /// True if what it stands for may change without the map being told.
    fn mutable(&self) -> bool;
}

/// Which versions are to stay.
#[derive(Debug, Clone, Copy)]
pub struct Prune {
    /// At most so many.
    pub keep_last: Option<usize>,
    /// Those from this time on.
    pub older_than: Option<i64>,
}

/// The end of a key that has none: it is after every time.
pub const NEVER: i64 = i64::MAX;

/// A key, what it was since it is there, and until when it is.
#[derive(Debug, Clone)]
pub struct Entry<K, V> {
    pub(super) key: K,
    pub(super) hash: u64,
    /// The number of the put that made it: keys are listed in this order.
    pub(super) born: u64,
    pub(super) end: i64,
    mutable: usize,
    versions: Versions<V>,
    pub(super) seen: Seen,
}

/// Which cache has the last version: zero is none.
#[derive(Debug, Default)]
pub(super) struct Seen(AtomicU32);

impl Clone for Seen {
    fn clone(&self) -> Self {
        Self(AtomicU32::new(self.get()))
    }
}

impl Seen {
    pub(super) fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, cache: u32) {
        self.0.store(cache, Ordering::Relaxed);
    }
}

impl<K: Clone, V: Item> trie::Entry for Entry<K, V> {
    fn hash(&self) -> u64 {
        self.hash
    }

    fn sums(&self) -> Sums {
        let (rows, mutable) = (self.versions.len(), self.mutable);
        Sums { entries: 1, rows, mutable, mortal: usize::from(self.end != NEVER) }
    }
}

impl<K: Clone, V: Item> Entry<K, V> {
    /// Of versions, of which there is at least one.
    pub fn new(key: K, hash: u64, versions: Versions<V>, end: i64) -> Self {
        let mutable = versions.iter().filter(|row| row.1.mutable()).count();
        Self { key, hash, born: 0, end, mutable, versions, seen: Seen::default() }
    }

    /// The same, which came when this number was given.
    #[must_use]
    pub fn born_at(mut self, born: u64) -> Self {
        self.born = born;
        self
    }

    /// The key.
    pub fn key(&self) -> &K {
        &self.key
    }

    /// Its hash.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The number of the put that made it.
    pub fn born(&self) -> u64 {
        self.born
    }

    /// From when on it is gone: [`NEVER`] if it stays.
    pub fn end(&self) -> i64 {
        self.end
    }

    /// What it was.
    pub fn versions(&self) -> &Versions<V> {
        &self.versions
    }

    /// True if it is there at this time.
    #[inline]
    pub fn lives(&self, now: i64) -> bool {
        self.end > now
    }

    /// The value at a time.
    #[inline]
    pub fn at(&self, time: i64) -> Option<&V> {
        self.versions.at(time).map(|row| &row.1)
    }

    /// How many versions are to go, and how many stay.
    pub fn prunable(&self, prune: Prune) -> (usize, usize) {
        let len = self.versions.len();
        let many = prune.keep_last.map_or(0, |most| len.saturating_sub(most));
        let old = prune.older_than.map_or(0, |time| self.versions.before(time));
        let count = many.max(old);
        (count, len - count)
    }

    /// Adds a version, and takes the oldest ones off that are too many. True if there were any.
    pub(super) fn add(&mut self, row: (i64, V), most: Option<usize>, gone: &mut Vec<V>) -> bool {
        self.mutable += usize::from(row.1.mutable());
        self.versions.insert(row.0, row.1);
        self.keep_last(most, gone) > 0
    }

    /// Takes the oldest versions off, so that at most so many stay. How many went.
    pub(super) fn keep_last(&mut self, most: Option<usize>, gone: &mut Vec<V>) -> usize {
        most.map_or(0, |most| self.take_first(self.versions.len().saturating_sub(most), gone))
    }

    /// Takes the first versions off. How many there were.
    pub(super) fn take_first(&mut self, count: usize, gone: &mut Vec<V>) -> usize {
        let before = gone.len();
        self.versions.take_first(count, gone);
        let mutable = gone[before..].iter().filter(|value| value.mutable()).count();
        self.mutable -= mutable;
        gone.len() - before
    }

    /// Puts other versions in the place of its own.
    pub(super) fn begin_anew(&mut self, mut versions: Versions<V>, gone: &mut Vec<V>) {
        self.mutable = versions.iter().filter(|row| row.1.mutable()).count();
        std::mem::swap(&mut self.versions, &mut versions);
        let count = versions.len();
        versions.take_first(count, gone);
    }

    /// Puts copies in the place of values that may change.
    pub(super) fn replace(&mut self, with: impl FnMut(&V) -> Option<V>, gone: &mut Vec<V>) {
        self.versions.replace(with, gone);
        self.mutable = self.versions.iter().filter(|row| row.1.mutable()).count();
    }
}
