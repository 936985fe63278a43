//! The base of `chronolite.ChronoMap`: its methods that touch the map itself.

#![allow(unsafe_code)] // the interpreter's lock stands for one of the map's own

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyList, PyString, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use super::access::{CLOSED, LIMITED, READ_ONLY, SWEEP, TOLD, raise};
use super::arguments::{pairs_of, prune_of};
use super::cells::Coder;
use super::copies::{copied, copied_with};
use super::durable::{Durable, options};
use super::handle::{Key, Value, is_plain};
use super::history::{self, Columns, bytes_of};
use super::journal::What;
use super::probe::{self, Probe};
use super::state::{Done, State};
use super::times;
use crate::arrow::stream::Stream;
use crate::chronomap::{Gone, Map, NEVER, Write, moment, seconds};
use crate::db::Mode;
use crate::python::attached::Attached;
use crate::python::capsule;

/// A map from keys to every value that they had.
#[pyclass(subclass, frozen, weakref, name = "_ChronoMapBase", module = "chronolite._core")]
pub(in super::super) struct ChronoMapBase {
    pub(super) state: Attached<State>,
    /// A function that gives seconds; the system's clock if there is none.
    pub(super) clock: OnceLock<Py<PyAny>>,
    pub(super) flags: AtomicU8,
    pub(super) durable: OnceLock<Durable>,
    /// So many versions of a key are kept; zero is all.
    pub(super) most: AtomicU32,
}

fn pair<'py>(py: Python<'py>, row: (i64, Value)) -> PyResult<Bound<'py, PyTuple>> {
    (seconds(row.0), row.1.into_bound(py)).into_pyobject(py)
}

fn rows_of<'py>(py: Python<'py>, rows: Vec<(i64, Value)>) -> PyResult<Bound<'py, PyList>> {
    let pairs = rows.into_iter().map(|row| pair(py, row)).collect::<PyResult<Vec<_>>>()?;
    PyList::new(py, pairs)
}

pub(super) fn key_of<'py>(py: Python<'py>, key: &Key) -> Bound<'py, PyAny> {
    key.get(py).to_owned()
}

fn missing(key: &Bound<'_, PyAny>) -> PyErr {
    raise("ChronoMapKeyError", (key,))
}

#[pymethods]
impl ChronoMapBase {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self::of(Map::default())
    }

    /// Sets the options, which were checked. The map is empty then.
    #[pyo3(signature = (*, max_history, cache_size, limited, sweep, clock))]
    fn _open(
        &self,
        py: Python<'_>,
        max_history: Option<usize>,
        cache_size: usize,
        limited: bool,
        sweep: bool,
        clock: Option<Py<PyAny>>,
    ) {
        if let Some(clock) = clock {
            let _ = self.clock.set(clock);
        }
        let flags = if limited { LIMITED } else { 0 } | if sweep { SWEEP } else { 0 };
        self.flags.store(flags, Ordering::Relaxed);
        let most = max_history.map_or(0, |most| u32::try_from(most).unwrap_or(u32::MAX));
        self.most.store(most, Ordering::Relaxed);
        let map = Map::new(max_history, cache_size, self.clock.get().is_none());
        let old = self.with(py, |state| std::mem::replace(&mut state.map, map));
        drop(old);
    }

    /// Whether `_tell` is to be called after each put.
    fn _set_told(&self, told: bool) {
        if told {
            self.flags.fetch_or(TOLD, Ordering::Relaxed);
        } else {
            self.flags.fetch_and(!TOLD, Ordering::Relaxed);
        }
    }

    /// The present time in seconds, by the map's clock.
    fn _now(&self, py: Python<'_>) -> PyResult<f64> {
        self.now(py)
    }

    /// The seconds of a time in any of its forms.
    #[staticmethod]
    fn _seconds(timestamp: &Bound<'_, PyAny>) -> PyResult<f64> {
        times::finite(timestamp).map(seconds)
    }

    /// Adds a version of a key.
    #[pyo3(signature = (key, value, timestamp=None, ttl=None))]
    fn put<'py>(
        slf: &Bound<'py, Self>,
        key: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
        timestamp: Option<&Bound<'py, PyAny>>,
        ttl: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        this.check(READ_ONLY | CLOSED)?;
        let mut probe = Probe::new(key)?;
        let now = this.now(py)?;
        let time = timestamp.map_or_else(|| Ok(moment(now)), times::finite)?;
        let end = ttl.map(|ttl| times::end(ttl, now)).transpose()?;
        if this.has(LIMITED) {
            slf.call_method1(intern!(py, "_admit"), (PyList::new(py, [(key, value)])?,))?;
        }
        let item = Value::new(value)?;
        let mut gone = Gone::default();
        let fact = this.fact(py, &probe, &item)?;
        let receipt = this.write(py, &probe, fact, (time, end), now)?;
        let recorded = this.recorded_at(0);
        let mut write = Some(Write { time, value: item, end, now: moment(now), recorded });
        let old =
            this.at(&mut probe, py, |state, probe| state.put(probe, &mut write, &mut gone))?;
        this.settle_written(py, receipt)?;
        if end.is_some() || this.has(TOLD) {
            Self::after(slf, vec![(key.clone(), old, value.clone())], time, ttl)?;
        }
        Ok(())
    }

    /// Adds a version of each key of a dict, all at one time.
    #[pyo3(signature = (items, timestamp=None, ttl=None))]
    fn put_many<'py>(
        slf: &Bound<'py, Self>,
        items: &Bound<'py, PyAny>,
        timestamp: Option<&Bound<'py, PyAny>>,
        ttl: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        this.check(READ_ONLY | CLOSED)?;
        let items = pairs_of(items)?;
        let mut hashes = Vec::with_capacity(items.len());
        let mut values = Vec::with_capacity(items.len());
        let mut plain = true;
        for (key, value) in &items {
            hashes.push(probe::hash(key)?);
            values.push(Value::new(value)?);
            plain &= is_plain(key);
        }
        let now = this.now(py)?;
        let time = timestamp.map_or_else(|| Ok(moment(now)), times::finite)?;
        let end = ttl.map(|ttl| times::end(ttl, now)).transpose()?;
        if this.has(LIMITED) {
            slf.call_method1(intern!(py, "_admit"), (PyList::new(py, &items)?,))?;
        }
        let probe_of = |place: usize| Probe::hashed(&items[place].0, hashes[place]);
        if !plain || this.with(py, |state| state.exotic) {
            // Keys are compared with those that are here first, so that what follows is done at once.
            this.settle(py, &mut (0..items.len()).map(probe_of).collect::<Vec<_>>())?;
        }
        let receipt = this.write_items(py, &probe_of, &values, (time, end), now)?;
        let mut gone = Gone::default();
        let told = this.has(TOLD);
        let mut olds = vec![];
        for (place, value) in values.into_iter().enumerate() {
            // So many were written after it.
            let recorded = this.recorded_at(items.len() - 1 - place);
            let mut write = Some(Write { time, value, end, now: moment(now), recorded });
            let mut probe = probe_of(place);
            let old =
                this.at(&mut probe, py, |state, probe| state.put(probe, &mut write, &mut gone))?;
            if told {
                olds.push(old);
            }
        }
        drop(gone);
        this.settle_written(py, receipt)?;
        if end.is_some() || told {
            olds.resize(items.len(), None);
            let puts = items.into_iter().zip(olds).map(|((key, new), old)| (key, old, new));
            Self::after(slf, puts.collect(), time, ttl)?;
        }
        Ok(())
    }

    /// The value of a key, now or at a time.
    #[pyo3(signature = (key, timestamp=None, default=None, *, strict=false))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        key: &Bound<'py, PyAny>,
        timestamp: Option<&Bound<'py, PyAny>>,
        default: Option<Bound<'py, PyAny>>,
        strict: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        match self.value_of(key, timestamp)? {
            Some(value) => Ok(value),
            None if strict => Err(missing(key)),
            None => Ok(default.unwrap_or_else(|| py.None().into_bound(py))),
        }
    }

    /// The value of a key now; if it has none, what the function gives, which is put.
    fn _get_or_put<'py>(
        slf: &Bound<'py, Self>,
        key: &Bound<'py, PyAny>,
        factory: &Bound<'py, PyAny>,
        ttl: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        this.check(READ_ONLY | CLOSED)?;
        ttl.map(|ttl| times::end(ttl, 0.0)).transpose()?;
        if let Some(value) = this.value_of(key, None)? {
            return Ok(value);
        }
        let value = factory.call0()?;
        if this.has(LIMITED) {
            slf.call_method1(intern!(py, "_admit"), (PyList::new(py, [(key, &value)])?,))?;
        }
        let seconds = ttl.map(|ttl| ttl.extract::<f64>()).transpose()?;
        let told = this.told(py)?;
        let item = Value::new(&value)?;
        let mut gone = Gone::default();
        let mut time = 0;
        let mut probe = Probe::new(key)?;
        let fact = this.fact(py, &probe, &item)?;
        this.wait_for_turn(py);
        // Another thread may have put one meanwhile: that is the value then. It did so before now.
        let there = this.at(&mut probe, py, |state, probe| {
            if !state.knows(probe) {
                return None;
            }
            let now = told.unwrap_or_else(times::clock);
            time = moment(now);
            let entry = state.map.find(probe.hash(), |key| probe.is(key));
            let there = entry.filter(|entry| entry.lives(time)).and_then(|entry| entry.at(time));
            if let Some(value) = there {
                return Some(Ok(value.clone()));
            }
            let end = seconds.map(|seconds| times::end_of(seconds, now));
            let live = entry.is_some_and(|entry| entry.lives(time));
            let receipt = match this.write_fact(fact.clone(), live, (time, end), now) {
                Ok(receipt) => receipt,
                Err(error) => return Some(Err(Err(error))),
            };
            let recorded = this.recorded_at(0);
            let mut write = Some(Write { time, value: item.clone(), end, now: time, recorded });
            state.put(probe, &mut write, &mut gone).map(|old| Err(Ok((old, receipt))))
        })?;
        match there {
            Ok(there) => Ok(there.into_bound(py)),
            Err(Err(error)) => Err(error.into()),
            Err(Ok((old, receipt))) => {
                this.settle_written(py, receipt)?;
                if ttl.is_some() || this.has(TOLD) {
                    Self::after(slf, vec![(key.clone(), old, value.clone())], time, ttl)?;
                }
                Ok(value)
            }
        }
    }

    fn __getitem__<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.value_of(key, None)?.ok_or_else(|| missing(key))
    }

    fn __setitem__<'py>(
        slf: &Bound<'py, Self>,
        key: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        // A class of the user's may have a `put` of its own; it is not called, as of a dict.
        Self::put(slf, key, value, None, None)
    }

    fn __delitem__(&self, key: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.delete(key)? { Ok(()) } else { Err(missing(key)) }
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.look(key, |_, _| ())?.is_some())
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        let now = moment(self.now(py)?);
        self.read_all(py)?;
        Ok(self.with(py, |state| state.map.sizes().0 - state.map.ended(now)))
    }

    /// Takes a key out, with all that it was.
    fn delete(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = key.py();
        self.check(READ_ONLY | CLOSED)?;
        let now = self.now(py)?;
        let mut gone = Gone::default();
        let mut probe = Probe::new(key)?;
        let receipt = self.write_removals(py, std::slice::from_ref(&probe), now)?;
        let lived = self.at(&mut probe, py, |state, probe| {
            let lived = state.remove(probe, moment(now), &mut gone)?;
            state.map.counts.deletes += u64::from(lived);
            Some(lived)
        })?;
        self.settle_written(py, receipt)?;
        Ok(lived)
    }

    /// Takes keys out. How many were there.
    fn delete_many(&self, keys: &Bound<'_, PyAny>) -> PyResult<usize> {
        let py = keys.py();
        self.check(READ_ONLY | CLOSED)?;
        let keys = keys.try_iter()?.collect::<PyResult<Vec<_>>>()?;
        let mut probes = keys.iter().map(Probe::new).collect::<PyResult<Vec<_>>>()?;
        let now = self.now(py)?;
        self.settle(py, &mut probes)?;
        let mut gone = Gone::default();
        let receipt = self.write_removals(py, &probes, now)?;
        let mut count = 0;
        for probe in &mut probes {
            let ended = moment(now);
            let lived = self.at(probe, py, |state, probe| state.remove(probe, ended, &mut gone))?;
            count += usize::from(lived);
        }
        self.settle_written(py, receipt)?;
        self.with(py, |state| state.map.counts.deletes += count as u64);
        Ok(count)
    }

    /// Takes all keys out.
    fn clear(&self, py: Python<'_>) -> PyResult<()> {
        self.check(READ_ONLY | CLOSED)?;
        let mut gone = Gone::default();
        self.recorded(py, &Done::Became, |on| {
            on.with(py, |state| state.map.clear(&mut gone));
            Ok(())
        })
    }

    /// Takes the keys out that have ended. How many there were.
    fn clean_expired_keys(&self, py: Python<'_>) -> PyResult<usize> {
        let now = moment(self.now(py)?);
        self.read_all(py)?;
        if self.has(READ_ONLY) || self.with(py, |state| state.map.ended(now)) == 0 {
            return Ok(0);
        }
        let mut gone = Gone::default();
        self.recorded(py, &Done::Became, |on| {
            Ok(on.with(py, |state| state.map.sweep(now, &mut gone)))
        })
    }

    /// A sweep's own `clean_expired_keys`, of keys that are in memory, which is counted.
    fn _sweep(&self, py: Python<'_>) -> PyResult<usize> {
        let now = moment(self.now(py)?);
        let mut gone = Gone::default();
        let count = self.with(py, |state| {
            let count = state.map.sweep(now, &mut gone);
            state.map.counts.swept += count as u64;
            count
        });
        Ok(count)
    }

    /// Takes old versions off a key. How many.
    #[pyo3(signature = (key, keep_last=None, older_than=None))]
    fn prune_history(
        &self,
        key: &Bound<'_, PyAny>,
        keep_last: Option<&Bound<'_, PyAny>>,
        older_than: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<usize> {
        let py = key.py();
        self.check(READ_ONLY | CLOSED)?;
        let prune = prune_of(keep_last, older_than)?;
        let seconds = self.now(py)?;
        let now = moment(seconds);
        let mut probe = Probe::new(key)?;
        let text = self.touch_to_read(py, &probe)?;
        self.wait_for_turn(py);
        let (count, left) = self.at(&mut probe, py, |state, probe| {
            state.knows(probe).then(|| {
                let entry = state.map.find(probe.hash(), |key| probe.is(key));
                entry.filter(|entry| entry.lives(now)).map_or((0, 0), |entry| entry.prunable(prune))
            })
        })?;
        if count == 0 {
            return Ok(0);
        }
        let receipt = self.write_pruned(text, left, seconds)?;
        let mut gone = Gone::default();
        // No Python runs in between if there is a file; if there is none, it may be more by now.
        let count = self.noted(py, &Done::PrunedOne(prune), || {
            self.at(&mut probe, py, |state, probe| {
                let is = |key: &Key| probe.is(key);
                state.knows(probe).then(|| state.map.prune(probe.hash(), is, prune, &mut gone))
            })
        })?;
        self.settle_written(py, receipt)?;
        Ok(count)
    }

    /// Takes old versions off all keys. How many.
    #[pyo3(signature = (keep_last=None, older_than=None))]
    fn prune_all_history(
        &self,
        py: Python<'_>,
        keep_last: Option<&Bound<'_, PyAny>>,
        older_than: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<usize> {
        self.check(READ_ONLY | CLOSED)?;
        let prune = prune_of(keep_last, older_than)?;
        let now = moment(self.now(py)?);
        let mut gone = Gone::default();
        self.recorded(py, &Done::Pruned(prune), |on| {
            Ok(on.with(py, |state| state.map.prune_all(prune, now, &mut gone)))
        })
    }

    /// All versions of a key, oldest first.
    fn history<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        let py = key.py();
        let rows = self.look(key, |entry, _| entry.versions().iter().cloned().collect())?;
        rows_of(py, rows.unwrap_or_default())
    }

    /// The versions of a key with times in a closed range.
    #[pyo3(signature = (key, start_ts=None, end_ts=None))]
    fn get_range<'py>(
        &self,
        key: &Bound<'py, PyAny>,
        start_ts: Option<&Bound<'py, PyAny>>,
        end_ts: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyList>> {
        let py = key.py();
        let start = start_ts.map(times::bound).transpose()?.unwrap_or(i64::MIN);
        let end = end_ts.map(times::bound).transpose()?;
        let rows = self.look(key, |entry, now| {
            let versions = entry.versions();
            // No time of a version is the last integer.
            let range =
                versions.before(start)..versions.before(end.unwrap_or(now).saturating_add(1));
            versions.slice(range).cloned().collect()
        })?;
        rows_of(py, rows.unwrap_or_default())
    }

    /// The keys.
    fn _keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let keys = self.collect(py, |entry, _| Some(entry.key().clone()))?;
        PyList::new(py, keys.iter().map(|key| key.get(py)))
    }

    /// Key, time and value of each key's last version.
    fn _last<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let last = self.collect(py, |entry, _| {
            let (time, value) = entry.versions().last()?;
            Some((entry.key().clone(), *time, value.clone()))
        })?;
        let rows = last.into_iter().map(|(key, time, value)| {
            (key_of(py, &key), seconds(time), value.into_bound(py)).into_pyobject(py)
        });
        PyList::new(py, rows.collect::<PyResult<Vec<_>>>()?)
    }

    /// Each key's last value.
    fn latest<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for row in self.collect(py, |entry, _| {
            Some((entry.key().clone(), entry.versions().last()?.1.clone()))
        })? {
            dict.set_item(row.0.get(py), row.1.into_bound(py))?;
        }
        Ok(dict)
    }

    /// Key and value of each key that has one, now or at a time. Each is a read.
    #[pyo3(signature = (timestamp=None))]
    fn _items_at<'py>(
        &self,
        py: Python<'py>,
        timestamp: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyList>> {
        let time = timestamp.map(times::finite).transpose()?;
        let items = self.collect(py, |entry, now| {
            Some((entry.key().clone(), entry.at(time.unwrap_or(now))?.clone()))
        })?;
        self.with(py, |state| state.map.counts.reads += items.len() as u64);
        let rows = items
            .into_iter()
            .map(|(key, value)| (key_of(py, &key), value.into_bound(py)).into_pyobject(py));
        PyList::new(py, rows.collect::<PyResult<Vec<_>>>()?)
    }

    /// About how many keys there are, without looking at them; of a file that was not read, changes.
    fn _size_hint(&self, py: Python<'_>) -> PyResult<usize> {
        self.check(CLOSED)?;
        let (all, size) = self.with(py, |state| (state.loaded.is_all(), state.map.sizes().0));
        match self.durable() {
            Some(durable) if !all => Ok(size.max(durable.changes()?)),
            _ => Ok(size),
        }
    }

    /// How many versions each key has.
    fn keys_with_history_count<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (key, count) in
            self.collect(py, |entry, _| Some((entry.key().clone(), entry.versions().len())))?
        {
            dict.set_item(key.get(py), count)?;
        }
        Ok(dict)
    }

    /// Key, versions and end (None if there is none) of each key: all that a file has to hold.
    fn _store<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let keys = self.collect(py, |entry, _| {
            Some((entry.key().clone(), entry.versions().clone(), entry.end()))
        })?;
        let rows = keys.into_iter().map(|(key, versions, end)| {
            let rows = rows_of(py, versions.iter().cloned().collect())?;
            let end = (end != NEVER).then(|| seconds(end));
            (key_of(py, &key), rows, end).into_pyobject(py)
        });
        PyList::new(py, rows.collect::<PyResult<Vec<_>>>()?)
    }

    /// Takes in what [`_store`] of a map gave, beside the keys that are here.
    fn _load(&self, store: &Bound<'_, PyAny>) -> PyResult<()> {
        self.check(READ_ONLY | CLOSED)?;
        let now = moment(self.now(store.py())?);
        self.recorded(store.py(), &Done::Became, |on| on.take_in(store, now))
    }

    /// The history for a frame: keys and how many versions each has (int64), the values as
    /// [`history::values`] has them, and times in seconds (float64), all numbers as bytes.
    fn _columns<'py>(&self, py: Python<'py>) -> PyResult<Columns<'py>> {
        let history = self.history_of(py)?;
        let counts = bytes_of(py, history.counts.iter().map(|count| count.to_ne_bytes()));
        let times = bytes_of(py, history.times.iter().map(|time| time.to_ne_bytes()));
        let (kind, values) = history::values(py, &history.values)?;
        Ok((PyList::new(py, &history.names)?, counts, kind, values, times))
    }

    /// The history as a stream of Arrow batches: key, value, timestamp (float64 seconds), version.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let requested = capsule::requested_schema(requested_schema)?;
        let history = self.history_of(py)?;
        let (columns, pieces) = history.columns()?;
        let pieces = Box::new(pieces.into_iter().map(Ok));
        capsule::stream(py, Stream::new(columns, pieces, requested.as_ref()))
    }

    /// Makes `other`, which is new, a snapshot of this map.
    #[pyo3(signature = (other, memo=None))]
    fn _snapshot_into(
        &self,
        py: Python<'_>,
        other: &Self,
        memo: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        self.check(CLOSED)?;
        self.read_all(py)?;
        let (map, exotic) = self.with(py, |state| {
            state.map.counts.snapshots += 1;
            (state.map.copy(), state.exotic)
        });
        let map = match memo {
            Some(memo) => copied_with(py, map, memo)?,
            None => copied(py, map)?,
        };
        other.become_copy(py, &map, exotic);
        Ok(())
    }

    /// Makes `other`, which is new, a map that shows what this one has, of the same objects.
    fn _view_into(&self, py: Python<'_>, other: &Self) -> PyResult<()> {
        self.read_all(py)?;
        let (map, exotic) = self.with(py, |state| (state.map.copy(), state.exotic));
        other.become_copy(py, &map, exotic);
        Ok(())
    }

    /// Makes `other`, which is new, what this map's file said up to a time in seconds, and read-only.
    fn _known_into(&self, py: Python<'_>, time: f64, other: &Self) -> PyResult<()> {
        self.check(CLOSED)?;
        let Some(durable) = self.durable() else {
            let message = "only a map with a path keeps what was known at a time";
            return Err(raise("ChronoMapValueError", (message,)));
        };
        let entries = durable.known(py, time)?;
        other.with(py, |state| entries.into_iter().for_each(|entry| state.map.restore(entry)));
        other.flags.fetch_or(READ_ONLY, Ordering::Relaxed);
        Ok(())
    }

    /// Keeps what is done from now on in a file, and has what is in it.
    #[allow(clippy::too_many_arguments)]
    fn _keep(
        &self,
        py: Python<'_>,
        path: PathBuf,
        mode: &str,
        durability: &str,
        sync_interval_ms: i64,
        encoder: Option<Py<PyAny>>,
        decoder: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        let options = options(mode, durability, sync_interval_ms)?;
        let read_only = options.mode == Mode::Read;
        let durable = Durable::open(py, path, options, Coder { encoder, decoder })?;
        let unread = durable.unread(0)?;
        let before = self.with(py, |state| std::mem::replace(&mut state.loaded, unread));
        drop(before);
        let _ = self.durable.set(durable);
        if read_only {
            self.flags.fetch_or(READ_ONLY, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Closes the file; a map in memory has none.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let Some(durable) = self.durable() else { return Ok(()) };
        self.flags.fetch_or(CLOSED, Ordering::Relaxed);
        durable.close(py)?;
        let mut gone = Gone::default();
        self.with(py, |state| state.map.clear(&mut gone));
        Ok(())
    }

    /// Writes a durable map out: what was put survives power loss then.
    #[pyo3(name = "flush")]
    fn flush_now(&self, py: Python<'_>) -> PyResult<()> {
        self.check(CLOSED)?;
        self.flush(py)
    }

    /// Makes the file as small as what the map is now: what was known before is forgotten.
    fn compact(&self, py: Python<'_>) -> PyResult<()> {
        self.check(READ_ONLY | CLOSED)?;
        self.forget(py)
    }

    /// Moves a map that was opened to be read on to what was written by now.
    fn refresh(&self, py: Python<'_>) -> PyResult<()> {
        self.check(CLOSED)?;
        let Some(durable) = self.durable().filter(|_| self.has(READ_ONLY)) else { return Ok(()) };
        durable.refresh(py)?;
        let next = self.with(py, |state| state.loaded.next_moment());
        let unread = durable.unread(next)?;
        let mut gone = Gone::default();
        let before = self.with(py, |state| {
            state.map.clear(&mut gone);
            std::mem::replace(&mut state.loaded, unread)
        });
        drop(before);
        Ok(())
    }

    /// Makes this map what another one is.
    fn _rollback(&self, py: Python<'_>, other: &Self) -> PyResult<()> {
        self.check(READ_ONLY | CLOSED)?;
        other.check(CLOSED)?;
        other.read_all(py)?;
        let (map, exotic) = other.with(py, |state| (state.map.copy(), state.exotic));
        let map = copied(py, map)?;
        self.recorded(py, &Done::Became, |on| {
            on.become_copy(py, &map, exotic);
            Ok(())
        })
    }

    /// Takes in what another map has: its versions go between those here, or take their place.
    fn _merge(&self, py: Python<'_>, other: &Self, overwrite: bool) -> PyResult<()> {
        self.check(READ_ONLY | CLOSED)?;
        other.check(CLOSED)?;
        other.read_all(py)?;
        let map = copied(py, other.with(py, |state| state.map.copy()))?;
        let now = moment(self.now(py)?);
        let mut gone = Gone::default();
        self.recorded(py, &Done::Merged(&map, overwrite, now), |on| {
            for entry in map.sorted(now) {
                let key = key_of(py, entry.key());
                let mut probe = Probe::new(&key)?;
                on.at(&mut probe, py, |state, probe| {
                    state.take(probe, entry, overwrite, now, &mut gone)
                })?;
            }
            Ok(())
        })
    }

    /// Makes `other`, which is new, a snapshot of this map, and notes what is done from then on. The
    /// place of the next change.
    fn _begin_into(&self, py: Python<'_>, other: &Self) -> PyResult<usize> {
        self.check(CLOSED)?;
        self.read_all(py)?;
        let (map, exotic, place) = self.with(py, |state| {
            state.map.counts.snapshots += 1;
            (state.map.copy(), state.exotic, state.journal.begin())
        });
        match copied(py, map) {
            Ok(map) => other.become_copy(py, &map, exotic),
            Err(error) => {
                self._end(py);
                return Err(error);
            }
        }
        Ok(place)
    }

    /// Ends what `_begin_into` began.
    fn _end(&self, py: Python<'_>) {
        let noted = self.with(py, |state| state.journal.end());
        drop(noted);
    }

    /// Undoes what this thread did since a place: the keys are what they were in `snapshot`, but for
    /// what other threads did to them.
    fn _undo(&self, py: Python<'_>, place: usize, snapshot: &Self) -> PyResult<()> {
        self.check(READ_ONLY | CLOSED)?;
        let before = copied(py, snapshot.with(py, |state| state.map.copy()))?;
        let changes = self.with(py, |state| state.journal.since(place));
        let now = moment(self.now(py)?);
        self.recorded(py, &Done::Became, |on| on.undo(py, &changes, &before, now))
    }

    /// What was done and what is there.
    fn _stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let now = moment(self.now(py)?);
        self.read_all(py)?;
        let (counts, cached, sizes, ended) = self.with(py, |state| {
            let map = &state.map;
            (map.counts, map.cached(), map.sizes(), map.ended(now))
        });
        let dict = PyDict::new(py);
        let set = |name: &str, value: u64| dict.set_item(PyString::intern(py, name), value);
        set("reads", counts.reads)?;
        set("writes", counts.writes)?;
        set("deletes", counts.deletes)?;
        set("snapshots", counts.snapshots)?;
        set("auto_prunes", counts.auto_prunes)?;
        set("cache_hits", counts.hits)?;
        set("cache_misses", counts.misses)?;
        if let Some(size) = cached {
            set("cache_size", size as u64)?;
            let asked = counts.hits + counts.misses;
            let rate = if asked == 0 { 0.0 } else { 100.0 * counts.hits as f64 / asked as f64 };
            dict.set_item("cache_hit_rate", (rate * 100.0).round() / 100.0)?;
        }
        set("ttl_cleanup_count", counts.swept)?;
        set("total_keys", (sizes.0 - ended) as u64)?;
        set("total_versions", sizes.1 as u64)?;
        set("expired_keys", ended as u64)?;
        Ok(dict)
    }

    /// Sets the counts of what was done to zero.
    fn reset_stats(&self, py: Python<'_>) {
        self.with(py, |state| state.map.reset_counts());
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let coder = self.durable().map(|durable| &durable.coder);
        let coder = coder.into_iter().flat_map(|coder| [&coder.encoder, &coder.decoder]);
        for held in coder.flatten().chain(self.clock.get()) {
            visit.call(held)?;
        }
        // SAFETY: a collector is attached, and visiting runs nothing else.
        unsafe {
            self.state.peek(|state| {
                for change in state.journal.changes() {
                    if let Some((key, _)) = &change.key {
                        key.visit(|key| visit.call(key))?;
                    }
                    match &change.what {
                        What::Put(_, value, _) => value.visit(|value| visit.call(value))?,
                        What::Removed | What::Pruned(_) => {}
                        What::Became(entry) | What::Merged(entry, _) => {
                            entry.key().visit(|key| visit.call(key))?;
                            let mut each = |value: &Value| value.visit(|value| visit.call(value));
                            entry.versions().visit_own(&mut each)?;
                        }
                    }
                }
                state.map.visit_own(&mut |entry| {
                    entry.key().visit(|key| visit.call(key))?;
                    entry.versions().visit_own(&mut |value| value.visit(|value| visit.call(value)))
                })
            })
        }
    }

    fn __clear__(&self) {
        let gone = Python::attach(|py| self.with(py, std::mem::take));
        drop(gone);
    }
}
