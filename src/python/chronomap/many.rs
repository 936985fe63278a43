//! What is asked of many keys, or done to them.

use std::collections::HashMap;

use pyo3::prelude::*;

use super::base::{ChronoMapBase, key_of};
use super::handle::{Key, Value};
use super::history::History;
use super::journal::{Change, What, this_writer};
use super::probe::Probe;
use super::state::Done;
use crate::chronomap::{Entry, Gone, Map, NEVER, Write, moment, seconds};
use crate::index::Versions;

impl ChronoMapBase {
    /// Makes a change of keys, and notes it if a context is open.
    pub(super) fn noted<R>(
        &self,
        py: Python<'_>,
        done: &Done<'_>,
        change: impl FnOnce() -> PyResult<R>,
    ) -> PyResult<R> {
        if !self.with(py, |state| state.journal.is_open()) {
            return change();
        }
        let before = self.with(py, |state| state.map.copy());
        let result = change()?;
        self.with(py, |state| state.note_since(&before, done));
        Ok(result)
    }

    /// Compares keys with those that are here, so that what follows is done at once.
    pub(super) fn settle(&self, py: Python<'_>, probes: &mut [Probe<'_, '_>]) -> PyResult<()> {
        for probe in probes {
            self.at(probe, py, |state, probe| state.knows(probe).then_some(()))?;
        }
        Ok(())
    }

    pub(super) fn undo(
        &self,
        py: Python<'_>,
        changes: &[Change],
        before: &Map<Key, Value>,
        now: i64,
    ) -> PyResult<()> {
        let me = this_writer();
        let mut gone = Gone::default();
        // Where the changes of keys of a hash are, and those of all keys.
        let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
        let mut of_all = vec![];
        for (place, change) in changes.iter().enumerate() {
            match &change.key {
                Some((_, hash)) => places.entry(*hash).or_default().push(place),
                None => of_all.push(place),
            }
        }
        let mut undone: HashMap<u64, Vec<Key>> = HashMap::new();
        let mine = changes.iter().filter(|change| change.who == me);
        for (of, hash) in mine.filter_map(|change| change.key.as_ref()) {
            let key = key_of(py, of);
            let mut probe = Probe::new(&key)?;
            let mut again = false;
            for other in undone.get(hash).into_iter().flatten() {
                again |= other.get(py).eq(&key)?;
            }
            if again {
                continue;
            }
            undone.entry(*hash).or_default().push(of.clone());
            self.at(&mut probe, py, |state, probe| {
                // It is known in both, as each has the keys that it may be equal to.
                before.find(probe.hash(), |key| probe.is(key));
                state.remove(probe, now, &mut gone)
            })?;
            self.at(&mut probe, py, |state, probe| {
                let entry = before.find(probe.hash(), |key| probe.is(key));
                if probe.is_open() {
                    return None;
                }
                if let Some(entry) = entry {
                    state.map.restore(entry.clone());
                }
                Some(())
            })?;
            let mut others = [places[hash].as_slice(), of_all.as_slice()].concat();
            others.sort_unstable();
            for other in others.into_iter().map(|place| &changes[place]) {
                let its_own = match &other.key {
                    Some((other, _)) => other.get(py).eq(&key)?,
                    None => true,
                };
                if other.who == me || !its_own {
                    continue;
                }
                match &other.what {
                    What::Put(time, value, end) => {
                        let value = value.clone();
                        let (time, end) = (*time, *end);
                        let mut write = Some(Write { time, value, end, now, recorded: None });
                        self.at(&mut probe, py, |state, probe| {
                            state.put(probe, &mut write, &mut gone)?;
                            // It was counted when it was made.
                            state.map.counts.writes -= 1;
                            Some(())
                        })?;
                    }
                    What::Merged(entry, overwrite) => {
                        self.at(&mut probe, py, |state, probe| {
                            state.take(probe, entry, *overwrite, now, &mut gone)
                        })?;
                    }
                    What::Pruned(prune) => {
                        self.at(&mut probe, py, |state, probe| {
                            let is = |key: &Key| probe.is(key);
                            let knows = state.knows(probe);
                            knows.then(|| state.map.prune(probe.hash(), is, *prune, &mut gone))
                        })?;
                    }
                    What::Removed => {
                        self.at(&mut probe, py, |state, probe| {
                            state.remove(probe, now, &mut gone)
                        })?;
                    }
                    What::Became(entry) => {
                        self.at(&mut probe, py, |state, probe| {
                            state.remove(probe, now, &mut gone)?;
                            state.map.restore(entry.clone());
                            Some(())
                        })?;
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn take_in(&self, store: &Bound<'_, PyAny>, now: i64) -> PyResult<()> {
        let py = store.py();
        let mut gone = Gone::default();
        for item in store.try_iter()? {
            type Item<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Option<f64>);
            let (key, versions, end): Item<'_> = item?.extract()?;
            let mut rows = vec![];
            for row in versions.try_iter()? {
                let (time, value): (f64, Bound<'_, PyAny>) = row?.extract()?;
                rows.push((moment(time), Value::new(&value)?));
            }
            rows.sort_by_key(|row| row.0);
            if rows.is_empty() {
                continue;
            }
            let mut probe = Probe::new(&key)?;
            let end = end.map_or(NEVER, moment);
            let entry = Entry::new(probe.key(), probe.hash(), Versions::of(rows), end);
            self.at(&mut probe, py, |state, probe| {
                state.take(probe, &entry, true, now, &mut gone)
            })?;
        }
        Ok(())
    }

    /// All versions of the keys that have not ended.
    pub(super) fn history_of<'py>(&self, py: Python<'py>) -> PyResult<History<'py>> {
        let keys =
            self.collect(py, |entry, _| Some((entry.key().clone(), entry.versions().clone())))?;
        let mut history = History::default();
        for (key, versions) in &keys {
            history.names.push(key_of(py, key));
            history.counts.push(versions.len() as i64);
            for (time, value) in versions.iter() {
                history.values.push(value.get(py).to_owned());
                history.times.push(seconds(*time));
            }
        }
        Ok(history)
    }

    pub(super) fn become_copy(&self, py: Python<'_>, map: &Map<Key, Value>, exotic: bool) {
        let mut gone = Gone::default();
        self.with(py, |state| {
            state.map.become_copy_of(map, &mut gone);
            state.exotic |= exotic;
        });
    }
}
