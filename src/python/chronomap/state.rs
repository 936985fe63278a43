//! The map and what belongs to it: what is done to it while nobody else is attached.

use super::durable::Loaded;
use super::handle::{Key, Value};
use super::journal::{Journal, What};
use super::probe::Probe;
use crate::chronomap::{Entry, Gone, Map, Prune, Write};
use crate::index::trie::Side;

/// A change of many keys, as a context has to know of it.
pub(super) enum Done<'a> {
    /// What another map had at a time was taken in, in the place of what was there or beside it.
    Merged(&'a Map<Key, Value>, bool, i64),
    /// Versions were taken off all keys.
    Pruned(Prune),
    /// Versions were taken off one key.
    PrunedOne(Prune),
    /// The keys are what they are now.
    Became,
}

/// The map, and what belongs to it.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) map: Map<Key, Value>,
    /// There are keys, or were, which it may run code to compare.
    pub(super) exotic: bool,
    pub(super) journal: Journal,
    /// Which keys were read from the file.
    pub(super) loaded: Loaded,
}

impl State {
    /// False if keys have to be compared before anything is done with this one.
    #[inline]
    pub(super) fn knows(&self, probe: &Probe<'_, '_>) -> bool {
        if self.exotic || !probe.plain() {
            self.map.find(probe.hash(), |key| probe.is(key));
        }
        !probe.is_open()
    }

    /// Puts a version: what was there before. None, and nothing is done, if keys are to be compared.
    #[inline]
    pub(super) fn put(
        &mut self,
        probe: &Probe<'_, '_>,
        write: &mut Option<Write<Value>>,
        gone: &mut Gone<Key, Value>,
    ) -> Option<Option<Value>> {
        if !self.knows(probe) {
            return None;
        }
        let write = write.take()?;
        if self.journal.is_open() {
            let what = What::Put(write.time, write.value.clone(), write.end);
            self.journal.note(probe.key(), probe.hash(), what);
        }
        self.exotic |= !probe.plain();
        let (is, key) = (|key: &Key| probe.is(key), || probe.key());
        Some(self.map.put(probe.hash(), is, key, write, gone))
    }

    /// Takes a key out: whether it was there. None, and nothing is done, if keys are to be compared.
    pub(super) fn remove(
        &mut self,
        probe: &Probe<'_, '_>,
        now: i64,
        gone: &mut Gone<Key, Value>,
    ) -> Option<bool> {
        if !self.knows(probe) {
            return None;
        }
        if self.journal.is_open() {
            self.journal.note(probe.key(), probe.hash(), What::Removed);
        }
        Some(self.map.remove(probe.hash(), |key| probe.is(key), now, gone))
    }

    /// Notes what was done to the map since it was another one, if a context is open.
    pub(super) fn note_since(&mut self, before: &Map<Key, Value>, done: &Done<'_>) {
        if !self.journal.is_open() {
            return;
        }
        if let Done::Merged(other, overwrite, now) = done {
            for entry in other.sorted(*now) {
                let what = What::Merged(entry.clone(), *overwrite);
                self.journal.note(entry.key().clone(), entry.hash(), what);
            }
            return;
        }
        if let Done::Pruned(prune) = done {
            // Keys that are not there now may be when a context is undone.
            self.journal.note_pruned(*prune);
        }
        let mut changed = vec![];
        self.map.differ(before, &mut |side, entry| changed.push((side, entry.clone())));
        // A key that is on both sides, or was deleted and put again, is what it is here.
        changed.sort_by_key(|(side, _)| *side == Side::This);
        for (side, entry) in changed {
            let what = match (done, side) {
                // A key that lost all its versions is on the other side alone.
                (Done::Pruned(prune) | Done::PrunedOne(prune), _) => What::Pruned(*prune),
                (_, Side::Other) => What::Removed,
                (_, Side::This) => What::Became(entry.clone()),
            };
            self.journal.note(entry.key().clone(), entry.hash(), what);
        }
    }

    /// Takes in what another map has of a key. None, and nothing is done, if keys are to be compared.
    pub(super) fn take(
        &mut self,
        probe: &Probe<'_, '_>,
        entry: &Entry<Key, Value>,
        overwrite: bool,
        now: i64,
        gone: &mut Gone<Key, Value>,
    ) -> Option<()> {
        if !self.knows(probe) {
            return None;
        }
        let is = |key: &Key| probe.is(key);
        if !self.map.merge(entry, is, overwrite, now, gone) {
            self.exotic |= !probe.plain();
            self.map.merge_new(entry, gone);
        }
        Some(())
    }
}
