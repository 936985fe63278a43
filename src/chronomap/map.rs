//! Puts, reads, ends of keys, pruning and merging.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::entry::{Entry, Item, NEVER, Prune};
use crate::index::trie::Side;
use crate::index::{Trie, Versions};

/// What a map has done.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Reads that found a value.
    pub reads: u64,
    /// Versions that were put.
    pub writes: u64,
    /// Keys that were deleted.
    pub deletes: u64,
    /// Snapshots taken.
    pub snapshots: u64,
    /// Puts after which the oldest versions went.
    pub auto_prunes: u64,
    /// Reads of a latest value that had been read since it was put.
    pub hits: u64,
    /// Other reads of a latest value.
    pub misses: u64,
    /// Keys that a sweep took.
    pub swept: u64,
}

/// Which latest values were read since they were put. Reads are no faster by it: it is there to be
/// counted.
#[derive(Debug, Default)]
struct Cache {
    /// Zero if there is none. Another one is a cache that is empty.
    id: u32,
    capacity: usize,
    size: usize,
}

impl Cache {
    fn new(capacity: usize) -> Self {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let next = || LAST.fetch_add(1, Ordering::Relaxed).wrapping_add(1).max(1);
        Self { id: if capacity == 0 { 0 } else { next() }, capacity, size: 0 }
    }

    /// What was read of a key is no more.
    fn forget<K, V>(&mut self, entry: &Entry<K, V>) {
        if self.id != 0 && entry.seen.get() == self.id {
            self.size -= 1;
            entry.seen.set(0);
        }
    }
}

/// Numbers of keys that came when nothing was recorded come after those of keys that were, which are
/// the numbers of changes.
const FRESH: u64 = 1 << 63;

/// A number for a key that begins: maps share keys, so they are counted together.
fn birth() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    FRESH | LAST.fetch_add(1, Ordering::Relaxed)
}

/// What a map has no more. To let go of it may run code.
#[derive(Debug)]
pub struct Gone<K, V> {
    /// Values of versions.
    pub values: Vec<V>,
    /// Keys with all that they were.
    pub entries: Vec<Entry<K, V>>,
    /// All of what a map was.
    pub tries: Vec<Trie<Entry<K, V>>>,
}

impl<K, V> Default for Gone<K, V> {
    fn default() -> Self {
        Self { values: vec![], entries: vec![], tries: vec![] }
    }
}

/// A put: at a time, of a value, until when the key is to stay from now on if that is said.
#[derive(Debug)]
pub struct Write<V> {
    /// The time of the version.
    pub time: i64,
    /// Its value.
    pub value: V,
    /// The key's end; none if the end that it has is to stay.
    pub end: Option<i64>,
    /// The present time.
    pub now: i64,
    /// When it was recorded, if it was.
    pub recorded: Option<u64>,
}

/// See the module's description. `K` and `V` are handles of keys and values.
#[derive(Debug)]
pub struct Map<K, V> {
    entries: Trie<Entry<K, V>>,
    /// So many versions of a key are kept.
    max_history: Option<usize>,
    cache: Cache,
    /// A time that has come: versions up to it are no future ones.
    seen: i64,
    /// The clock goes on only.
    steady: bool,
    /// What it has done.
    pub counts: Counts,
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self {
            entries: Trie::default(),
            max_history: None,
            cache: Cache::default(),
            seen: i64::MIN,
            steady: false,
            counts: Counts::default(),
        }
    }
}

impl<K: Clone, V: Item> Map<K, V> {
    /// An empty one, which keeps so many versions of a key, and counts what is read again.
    /// By a steady clock a time that has come stays so: what is put then is never a future version.
    pub fn new(max_history: Option<usize>, cache: usize, steady: bool) -> Self {
        Self { max_history, cache: Cache::new(cache), steady, ..Self::default() }
    }

    fn see(&mut self, now: i64) {
        if self.steady {
            self.seen = self.seen.max(now);
        }
    }

    /// A map of its own with the same in it.
    pub fn copy(&self) -> Self {
        let (entries, max_history) = (self.entries.clone(), self.max_history);
        Self { entries, max_history, steady: self.steady, seen: self.seen, ..Self::default() }
    }

    /// Takes on what another map is.
    pub fn become_copy_of(&mut self, other: &Self, gone: &mut Gone<K, V>) {
        gone.tries.push(std::mem::replace(&mut self.entries, other.entries.clone()));
        self.forget_reads();
    }

    /// True if both are copies of one another in which nothing was changed.
    pub fn same(&self, other: &Self) -> bool {
        self.entries.same(&other.entries)
    }

    /// All counts are zero again, and nothing was read yet.
    pub fn reset_counts(&mut self) {
        self.counts = Counts::default();
        self.forget_reads();
    }

    fn forget_reads(&mut self) {
        self.cache = Cache::new(self.cache.capacity);
    }

    /// How many latest values were read since they were put; none if that is not counted.
    pub fn cached(&self) -> Option<usize> {
        (self.cache.id != 0).then_some(self.cache.size)
    }

    /// How many keys and versions there are, with those that ended and were not swept.
    pub fn sizes(&self) -> (usize, usize) {
        let sums = self.entries.sums();
        (sums.entries, sums.rows)
    }

    /// How many keys ended and were not swept.
    pub fn ended(&self, now: i64) -> usize {
        self.entries.pick(|sums| sums.mortal > 0).filter(|entry| !entry.lives(now)).count()
    }

    /// The entry of a key, also of one that has ended.
    #[inline]
    pub fn find(&self, hash: u64, mut is: impl FnMut(&K) -> bool) -> Option<&Entry<K, V>> {
        self.entries.find(hash, |entry| is(&entry.key))
    }

    /// The value of a key now, counted. What time it is, is asked only if that matters: if the key has
    /// an end, or a version that was later than all times seen.
    #[inline]
    pub fn get(
        &mut self,
        hash: u64,
        is: impl FnMut(&K) -> bool,
        now: impl FnOnce() -> i64,
    ) -> Option<&V> {
        let mut is = is;
        let entry = self.entries.find(hash, |entry| is(&entry.key));
        let value = entry.and_then(|entry| {
            let last = entry.versions().last()?;
            if entry.end == NEVER && last.0 <= self.seen {
                return Some(&last.1);
            }
            let now = now();
            if self.steady {
                self.seen = self.seen.max(now);
            }
            if entry.lives(now) { entry.at(now) } else { None }
        });
        if self.cache.id != 0 {
            match entry.filter(|_| value.is_some()) {
                Some(entry) if entry.seen.get() == self.cache.id => self.counts.hits += 1,
                Some(entry) if self.cache.size < self.cache.capacity => {
                    self.counts.misses += 1;
                    entry.seen.set(self.cache.id);
                    self.cache.size += 1;
                }
                _ => self.counts.misses += 1,
            }
        }
        self.counts.reads += u64::from(value.is_some());
        value
    }

    /// The value of a key at a time, counted. `now` is asked for if the key has an end.
    #[inline]
    pub fn get_at(
        &mut self,
        hash: u64,
        is: impl FnMut(&K) -> bool,
        time: i64,
        now: impl FnOnce() -> i64,
    ) -> Option<&V> {
        let mut is = is;
        let entry = self.entries.find(hash, |entry| is(&entry.key))?;
        if entry.end != NEVER && !entry.lives(now()) {
            return None;
        }
        let value = entry.at(time);
        self.counts.reads += u64::from(value.is_some());
        value
    }

    /// Puts a version. What the key's last version was, if it is there and has not ended.
    #[inline]
    pub fn put(
        &mut self,
        hash: u64,
        is: impl FnMut(&K) -> bool,
        key: impl FnOnce() -> K,
        write: Write<V>,
        gone: &mut Gone<K, V>,
    ) -> Option<V> {
        let mut is = is;
        self.see(write.now);
        let (most, cache) = (self.max_history, &mut self.cache);
        let mut pruned = false;
        // One of the two takes it.
        let write = Cell::new(Some(write));
        let change = |entry: &mut Entry<K, V>| {
            let Write { time, value, end, now, recorded } = write.take()?;
            cache.forget(entry);
            if entry.lives(now) {
                let old = entry.versions().last().map(|row| row.1.clone());
                pruned = entry.add((time, value), most, &mut gone.values);
                entry.end = end.unwrap_or(entry.end);
                return old;
            }
            entry.begin_anew(Versions::new(time, value), &mut gone.values);
            entry.end = end.unwrap_or(NEVER);
            entry.born = recorded.unwrap_or_else(birth);
            None
        };
        let make = || {
            let Write { time, value, end, recorded, .. } = write.take().expect("nobody took it");
            let versions = Versions::new(time, value);
            let entry = Entry::new(key(), hash, versions, end.unwrap_or(NEVER));
            entry.born_at(recorded.unwrap_or_else(birth))
        };
        let is = |entry: &Entry<K, V>| is(&entry.key);
        let old = self.entries.change_or_insert(hash, is, change, make);
        self.counts.writes += 1;
        self.counts.auto_prunes += u64::from(pruned);
        old.flatten()
    }

    /// Adds a key with all that it was, which is not there.
    pub fn add(&mut self, mut entry: Entry<K, V>) {
        entry.born = birth();
        entry.seen = Default::default();
        self.entries.insert(entry);
    }

    /// Puts a key back as it was, which is not there.
    pub fn restore(&mut self, entry: Entry<K, V>) {
        entry.seen.set(0);
        self.entries.insert(entry);
    }

    /// Gives a key, which came as this number, another one.
    pub fn renumber(&mut self, hash: u64, born: u64, other: u64) {
        self.entries.change(hash, |entry| entry.born == born, |entry| entry.born = other);
    }

    /// Takes in what another map has of a key, which is the one here, if it is here. Its versions go
    /// in between those that are here, or take their place. True if it was here.
    pub fn merge(
        &mut self,
        other: &Entry<K, V>,
        is: impl FnMut(&K) -> bool,
        overwrite: bool,
        now: i64,
        gone: &mut Gone<K, V>,
    ) -> bool {
        let mut is = is;
        let (most, cache) = (self.max_history, &mut self.cache);
        let merge = |entry: &mut Entry<K, V>| {
            cache.forget(entry);
            let lived = entry.lives(now);
            if overwrite || !lived {
                entry.begin_anew(other.versions().clone(), &mut gone.values);
                entry.keep_last(most, &mut gone.values);
            } else {
                for (time, value) in other.versions().iter() {
                    entry.add((*time, value.clone()), most, &mut gone.values);
                }
            }
            if !lived {
                entry.born = birth();
                entry.end = other.end;
            } else if other.end != NEVER
                && (overwrite || entry.end == NEVER || other.end > entry.end)
            {
                entry.end = other.end;
            }
        };
        self.entries.change(other.hash, |entry| is(&entry.key), merge).is_some()
    }

    /// Takes in a key of another map that is not here.
    pub fn merge_new(&mut self, other: &Entry<K, V>, gone: &mut Gone<K, V>) {
        let mut entry = other.clone();
        entry.keep_last(self.max_history, &mut gone.values);
        self.add(entry);
    }

    /// Takes a key out. True if it had not ended.
    pub fn remove(
        &mut self,
        hash: u64,
        is: impl FnMut(&K) -> bool,
        now: i64,
        gone: &mut Gone<K, V>,
    ) -> bool {
        let mut is = is;
        let Some(entry) = self.entries.remove(hash, |entry| is(&entry.key)) else { return false };
        self.cache.forget(&entry);
        let lived = entry.lives(now);
        gone.entries.push(entry);
        lived
    }

    /// Takes all keys out.
    pub fn clear(&mut self, gone: &mut Gone<K, V>) {
        gone.tries.push(std::mem::take(&mut self.entries));
        self.forget_reads();
    }

    /// Takes the keys out that have ended. How many.
    pub fn sweep(&mut self, now: i64, gone: &mut Gone<K, V>) -> usize {
        let ended = self.entries.pick(|sums| sums.mortal > 0).filter(|entry| !entry.lives(now));
        let ended: Vec<_> = ended.map(|entry| (entry.hash, entry.born)).collect();
        for &(hash, born) in &ended {
            let entry = self.entries.remove(hash, |entry| entry.born == born);
            entry.iter().for_each(|entry| self.cache.forget(entry));
            gone.entries.extend(entry);
        }
        ended.len()
    }

    /// Takes versions off a key; the key goes with its last one. How many versions.
    pub fn prune(
        &mut self,
        hash: u64,
        is: impl FnMut(&K) -> bool,
        prune: Prune,
        gone: &mut Gone<K, V>,
    ) -> usize {
        let mut is = is;
        match self.entries.find(hash, |entry| is(&entry.key)) {
            Some(entry) => self.prune_born(hash, entry.born, prune, gone),
            None => 0,
        }
    }

    /// Takes versions off all keys that have not ended. How many.
    pub fn prune_all(&mut self, prune: Prune, now: i64, gone: &mut Gone<K, V>) -> usize {
        let lives = |entry: &&Entry<K, V>| entry.lives(now);
        let all: Vec<_> = self.entries.iter().filter(lives).map(|e| (e.hash, e.born)).collect();
        all.into_iter().map(|(hash, born)| self.prune_born(hash, born, prune, gone)).sum()
    }

    fn prune_born(&mut self, hash: u64, born: u64, prune: Prune, gone: &mut Gone<K, V>) -> usize {
        // The number stands for the key, which nobody has to be asked about.
        let Some(entry) = self.entries.find(hash, |entry| entry.born == born) else { return 0 };
        let (count, left) = entry.prunable(prune);
        if left == 0 {
            let entry = self.entries.remove(hash, |entry| entry.born == born);
            entry.iter().for_each(|entry| self.cache.forget(entry));
            gone.entries.extend(entry);
        } else if count > 0 {
            let pruned = |entry: &mut Entry<K, V>| entry.take_first(count, &mut gone.values);
            self.entries.change(hash, |entry| entry.born == born, pruned);
        }
        count
    }

    /// The keys that have not ended, in the order in which they came.
    pub fn sorted(&self, now: i64) -> Vec<&Entry<K, V>> {
        let lives = |entry: &&Entry<K, V>| entry.lives(now);
        let mut entries: Vec<_> = self.entries.iter().filter(lives).collect();
        entries.sort_unstable_by_key(|entry| entry.born);
        entries
    }

    /// The keys that have values which may change from outside, in the order in which they came.
    pub fn mutable(&self) -> Vec<&Entry<K, V>> {
        let mut entries: Vec<_> = self
            .entries
            .pick(|sums| sums.mutable > 0)
            .filter(|entry| entry_is_mutable(entry))
            .collect();
        entries.sort_unstable_by_key(|entry| entry.born);
        entries
    }

    /// Puts copies in the place of the values that may change from outside.
    pub fn replace_mutable(
        &mut self,
        mut with: impl FnMut(&V) -> Option<V>,
        gone: &mut Gone<K, V>,
    ) {
        self.entries.change_mutable(|entry| entry.replace(&mut with, &mut gone.values));
    }

    /// Calls `each` with the keys that no copy of the map has.
    pub fn visit_own<X>(
        &self,
        each: &mut impl FnMut(&Entry<K, V>) -> Result<(), X>,
    ) -> Result<(), X> {
        self.entries.visit_own(each)
    }

    /// Calls `each` for the keys that may differ in both, for each side that has them.
    pub fn differ(&self, other: &Self, each: &mut impl FnMut(Side, &Entry<K, V>)) {
        self.entries.differ(&other.entries, each);
    }
}

fn entry_is_mutable<K: Clone, V: Item>(entry: &Entry<K, V>) -> bool {
    crate::index::trie::Entry::sums(entry).mutable > 0
}
