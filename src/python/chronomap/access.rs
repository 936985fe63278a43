//! The ways to a map: its clock, what it refuses, one key or all of them, and what follows from a put.

#![allow(unsafe_code)] // the interpreter's lock stands for one of the map's own

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use super::base::ChronoMapBase;
use super::durable::Durable;
use super::handle::{Key, Value};
use super::probe::Probe;
use super::state::State;
use super::times;
use crate::chronomap::{Entry, Map, moment, seconds};
use crate::error::{Error, ErrorKind};
use crate::python::attached::Attached;

/// Who is to be told of a put: hooks and subscribers, or a log.
pub(super) const TOLD: u8 = 1;
/// There is a limit to memory.
pub(super) const LIMITED: u8 = 2;
/// The first key with an end is to begin the sweeps.
pub(super) const SWEEP: u8 = 4;
/// It is not to be written to.
pub(super) const READ_ONLY: u8 = 8;
/// Its file was closed.
pub(super) const CLOSED: u8 = 16;

/// An exception of `chronolite._chronomap.errors`.
#[cold]
pub(super) fn raise<'py>(
    name: &str,
    arguments: impl pyo3::call::PyCallArgs<'py> + IntoPyObject<'py, Target = PyTuple>,
) -> PyErr {
    let raised = || -> PyResult<PyErr> {
        // SAFETY: whoever has arguments for a Python object is attached.
        let py = unsafe { Python::assume_attached() };
        let kind = py.import("chronolite._chronomap.errors")?.getattr(name)?;
        Ok(PyErr::from_value(kind.call1(arguments)?))
    };
    raised().unwrap_or_else(|error| error)
}

impl ChronoMapBase {
    /// The present time; an error if the map was closed.
    #[inline]
    pub(super) fn now(&self, py: Python<'_>) -> PyResult<f64> {
        self.check(CLOSED)?;
        match self.clock.get() {
            None => Ok(times::clock()),
            Some(clock) => {
                let now: f64 = clock.call0(py)?.extract(py)?;
                times::check_finite(now)?;
                Ok(now)
            }
        }
    }

    #[inline]
    pub(super) fn has(&self, flags: u8) -> bool {
        self.flags.load(Ordering::Relaxed) & flags != 0
    }

    /// A map in memory, as a new one is, or one that a change is tried on.
    pub(super) fn of(map: Map<Key, Value>) -> Self {
        let state = Attached::new(State { map, ..State::default() });
        let (clock, durable) = (OnceLock::new(), OnceLock::new());
        Self { state, clock, flags: AtomicU8::new(0), durable, most: AtomicU32::new(0) }
    }

    /// What the map's own clock says. None if it is the system's, which anyone may ask.
    #[inline]
    pub(super) fn told(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        self.clock.get().map(|_| self.now(py)).transpose()
    }

    /// An error if it has one of these flags.
    #[inline]
    pub(super) fn check(&self, flags: u8) -> PyResult<()> {
        if self.has(flags) { Err(self.refusal()) } else { Ok(()) }
    }

    #[cold]
    pub(super) fn refusal(&self) -> PyErr {
        let (kind, what) = match self.has(CLOSED) {
            true => (ErrorKind::Closed, "the map was closed"),
            false => (ErrorKind::ReadOnly, "the map was opened to be read"),
        };
        Error::new(kind, what).into()
    }

    /// So many versions of a key are kept, as a file has it.
    pub(super) fn most(&self) -> u32 {
        self.most.load(Ordering::Relaxed)
    }

    #[inline]
    pub(super) fn durable(&self) -> Option<&Durable> {
        self.durable.get()
    }

    /// Looks at the state or changes it.
    #[inline]
    pub(super) fn with<R>(&self, py: Python<'_>, look: impl FnOnce(&mut State) -> R) -> R {
        // SAFETY: the closures of this file call the map alone, whose handles are only copied there.
        // What they take out of it they hand on, to be let go of by their callers. Keys are compared
        // by `Probe::is`, which runs no code of the user's.
        unsafe { self.state.with(py, look) }
    }

    /// Does something with a key, which is compared with others as often as it takes.
    pub(super) fn at<R>(
        &self,
        probe: &mut Probe<'_, '_>,
        py: Python<'_>,
        mut act: impl FnMut(&mut State, &Probe<'_, '_>) -> Option<R>,
    ) -> PyResult<R> {
        loop {
            let probe_now = &*probe;
            if let Some(done) = self.with(py, |state| act(state, probe_now)) {
                return Ok(done);
            }
            probe.settle()?;
        }
    }

    /// Looks at a key that has not ended.
    pub(super) fn look<R>(
        &self,
        key: &Bound<'_, PyAny>,
        look: impl Fn(&Entry<Key, Value>, i64) -> R,
    ) -> PyResult<Option<R>> {
        let py = key.py();
        let now = moment(self.now(py)?);
        let mut probe = Probe::new(key)?;
        self.touch_to_read(py, &probe)?;
        self.at(&mut probe, py, |state, probe| {
            state.knows(probe).then(|| {
                let entry = state.map.find(probe.hash(), |key| probe.is(key));
                entry.filter(|entry| entry.lives(now)).map(|entry| look(entry, now))
            })
        })
    }

    /// Something of each key that has not ended, in the order in which they came.
    pub(super) fn collect<R>(
        &self,
        py: Python<'_>,
        pick: impl Fn(&Entry<Key, Value>, i64) -> Option<R>,
    ) -> PyResult<Vec<R>> {
        let now = moment(self.now(py)?);
        self.read_all(py)?;
        Ok(self.with(py, |state| {
            state.map.sorted(now).into_iter().filter_map(|entry| pick(entry, now)).collect()
        }))
    }

    /// What follows from puts that were made.
    #[cold]
    pub(super) fn after<'py>(
        slf: &Bound<'py, Self>,
        puts: Vec<(Bound<'py, PyAny>, Option<Value>, Bound<'py, PyAny>)>,
        time: i64,
        ttl: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let py = slf.py();
        if ttl.is_some() && slf.get().has(SWEEP) {
            slf.get().flags.fetch_and(!SWEEP, Ordering::Relaxed);
            slf.call_method0(intern!(py, "_begin_sweeps"))?;
        }
        if slf.get().has(TOLD) {
            let told = PyList::empty(py);
            for (key, old, new) in puts {
                let old = old.map_or_else(|| py.None().into_bound(py), |old| old.into_bound(py));
                told.append((key, old, new, seconds(time)))?;
            }
            slf.call_method1(intern!(py, "_tell"), (told, ttl))?;
        }
        Ok(())
    }

    pub(super) fn value_of<'py>(
        &self,
        key: &Bound<'py, PyAny>,
        timestamp: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = key.py();
        let mut probe = Probe::new(key)?;
        self.check(CLOSED)?;
        self.touch_to_read(py, &probe)?;
        let time = timestamp.map(times::finite).transpose()?;
        let told = self.told(py)?;
        let now = || moment(told.unwrap_or_else(times::clock));
        let found = self.at(&mut probe, py, |state, probe| {
            let (hash, is) = (probe.hash(), |key: &Key| probe.is(key));
            state.knows(probe).then(|| match time {
                None => state.map.get(hash, is, now).cloned(),
                Some(time) => state.map.get_at(hash, is, time, now).cloned(),
            })
        })?;
        Ok(found.map(|value| value.into_bound(py)))
    }
}
