//! Rows of a moment, one after the other.

#![allow(unsafe_code)] // uses the tuple of a row again that nobody kept

use std::sync::OnceLock;

use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use super::super::attached::Attached;
use super::log::TimelogBase;
use super::object::Object;
use super::spans::PageSpanIter;
use crate::index::{Cursor, View};

/// Rows that are taken from the cursor at a time: few at first, as most ranges are short.
const FIRST: usize = 32;
const MOST: usize = 512;

/// Rows `(ts, obj)` of a range, as they were when it was made, whatever happens to the log.
#[pyclass(frozen, module = "chronolite")]
pub(in super::super) struct TimelogIter {
    log: Py<TimelogBase>,
    start: i64,
    end: Option<i64>,
    state: Attached<State>,
}

struct State {
    /// None once it has ended.
    open: Option<Open>,
    /// The tuple that was given out last, if it may be used again.
    row: Option<Py<PyTuple>>,
    /// Rows in a row that somebody kept; of one who keeps all none is used again.
    kept: u8,
}

/// So many rows that were kept tell that all are.
const KEEPS: u8 = 8;

/// True where a tuple may be used again: from 3.14 on it remembers its hash.
fn tuples_are_plain(py: Python<'_>) -> bool {
    static PLAIN: OnceLock<bool> = OnceLock::new();
    *PLAIN.get_or_init(|| py.version_info() < (3, 14))
}

struct Open {
    view: View<Object>,
    cursor: Cursor<Object>,
    rows: Vec<(i64, Object)>,
    next: usize,
    given: usize,
    /// How many rows there are, once somebody asked.
    count: Option<usize>,
}

impl Open {
    /// The next row, with a reference of its own.
    #[inline]
    fn next(&mut self) -> Option<(i64, Object)> {
        if self.next == self.rows.len() {
            let most = if self.given == 0 { FIRST } else { MOST };
            self.rows.clear();
            self.next = 0;
            self.cursor.fill(most, &mut self.rows);
        }
        let row = *self.rows.get(self.next)?;
        self.next += 1;
        self.given += 1;
        Some(row)
    }
}

impl TimelogIter {
    pub(super) fn new(
        log: &Bound<'_, TimelogBase>,
        view: View<Object>,
        start: i64,
        end: Option<i64>,
    ) -> PyResult<Self> {
        let cursor = view.cursor(start, end);
        let count = cursor.count();
        let open = Open { view, cursor, rows: vec![], next: 0, given: 0, count };
        let kept = if tuples_are_plain(log.py()) { 0 } else { KEEPS };
        Ok(Self {
            log: log.clone().unbind(),
            start,
            end,
            state: Attached::new(State { open: Some(open), row: None, kept }),
        })
    }

    /// Ends it, and lets go of what only it showed.
    fn end(&self, py: Python<'_>) {
        // SAFETY: what is taken is dropped after.
        let ended = unsafe { self.state.with(py, |state| (state.open.take(), state.row.take())) };
        if ended.0.is_some() || ended.1.is_some() {
            drop(ended);
            self.log.get().release();
        }
    }

    fn remaining(&self, py: Python<'_>) -> usize {
        let count = |state: &mut State| {
            let Some(open) = &mut state.open else { return 0 };
            let count = open.count.unwrap_or_else(|| open.view.count(self.start, self.end));
            open.count = Some(count);
            count - open.given
        };
        // SAFETY: counts only.
        unsafe { self.state.with(py, count) }
    }

    fn is_closed(&self, py: Python<'_>) -> bool {
        // SAFETY: looks only.
        unsafe { self.state.with(py, |state| state.open.is_none()) }
    }
}

/// A tuple of a time and an object, the one that was there if nobody else holds it; whether it was
/// used again.
#[inline]
fn row(
    py: Python<'_>,
    before: Option<Py<PyTuple>>,
    ts: i64,
    object: Bound<'_, PyAny>,
) -> PyResult<(Py<PyTuple>, bool)> {
    // SAFETY: a new reference to an integer, or null with an error set.
    let time = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyLong_FromLongLong(ts)) }?;
    // SAFETY: the tuple is alive; of one reference, which is ours, it is seen by nobody else.
    let before = before.filter(|row| unsafe { ffi::Py_REFCNT(row.as_ptr()) } == 1);
    let again = before.is_some();
    let row = match before {
        Some(row) => row.into_ptr(),
        // SAFETY: a new reference, or null.
        None => unsafe { ffi::PyTuple_New(2) },
    };
    if row.is_null() {
        return Err(PyErr::fetch(py));
    }
    // SAFETY: a tuple of two that nobody else sees; each call takes over a reference. The collector
    // may have stopped looking at one that held nothing that could be part of a cycle.
    unsafe {
        ffi::PyTuple_SetItem(row, 0, time.into_ptr());
        ffi::PyTuple_SetItem(row, 1, object.into_ptr());
        if again && ffi::PyObject_GC_IsTracked(row) == 0 {
            ffi::PyObject_GC_Track(row.cast());
        }
        Ok((Bound::from_owned_ptr(py, row).cast_into_unchecked::<PyTuple>().unbind(), again))
    }
}

#[pymethods]
impl TimelogIter {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyTuple>>> {
        let next = |state: &mut State| {
            let (ts, object) = state.open.as_mut().and_then(Open::next)?;
            Some((ts, object.get(py), state.row.take(), state.kept < KEEPS))
        };
        // SAFETY: copies rows, and counts a reference up.
        let Some((ts, object, before, reuse)) = (unsafe { self.state.with(py, next) }) else {
            self.end(py);
            return Ok(None);
        };
        let (row, again) = row(py, before, ts, object)?;
        if reuse {
            let keep = |state: &mut State| {
                state.kept = if again { 0 } else { state.kept + 1 };
                state.row.replace(row.clone_ref(py))
            };
            // SAFETY: counts a reference up; what was there is dropped after.
            drop(unsafe { self.state.with(py, keep) });
        }
        Ok(Some(row))
    }

    /// How many rows remain.
    fn __len__(&self, py: Python<'_>) -> usize {
        self.remaining(py)
    }

    /// The next rows, up to `n`, as a list of pairs. At the end it is empty.
    #[pyo3(signature = (n, /))]
    fn next_batch<'py>(&self, py: Python<'py>, n: isize) -> PyResult<Bound<'py, PyList>> {
        let Ok(n) = usize::try_from(n) else {
            return Err(PyValueError::new_err("next_batch size must be >= 0"));
        };
        let mut rows = vec![];
        let take = |state: &mut State| {
            let open = state.open.as_mut()?;
            // What was fetched for single rows comes first.
            let fetched = &open.rows[open.next..];
            rows.extend_from_slice(&fetched[..n.min(fetched.len())]);
            open.next += rows.len();
            open.cursor.fill(n - rows.len(), &mut rows);
            open.given += rows.len();
            // Held while objects are given out: someone may end the iterator meanwhile.
            Some(open.view.clone())
        };
        // SAFETY: copies rows.
        let held = unsafe { self.state.with(py, take) };
        if held.is_none() {
            return Ok(PyList::empty(py));
        }
        let pairs = rows.iter().map(|(ts, object)| (*ts, object.get(py)));
        let list = PyList::new(py, pairs)?;
        drop(held);
        self.log.get().release();
        if rows.is_empty() && n > 0 {
            self.end(py);
        }
        Ok(list)
    }

    /// The spans of its range, at its moment.
    fn view(&self, py: Python<'_>) -> PyResult<PageSpanIter> {
        let view = |state: &mut State| state.open.as_ref().map(|open| open.view.clone());
        // SAFETY: clones what is no Python object.
        let view = unsafe { self.state.with(py, view) };
        let view = view.ok_or_else(|| PyValueError::new_err("iterator is closed"))?;
        PageSpanIter::new(self.log.bind(py), &view, self.start, self.end)
    }

    /// Ends it, and lets go of what only it showed.
    fn close(&self, py: Python<'_>) {
        self.end(py);
    }

    /// True once it has ended or was closed.
    #[getter]
    fn closed(&self, py: Python<'_>) -> bool {
        self.is_closed(py)
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) -> bool {
        self.end(py);
        false
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        if self.is_closed(py) {
            return "<TimelogIter closed>".into();
        }
        let end = self.end.map_or(String::new(), |end| end.to_string());
        let remaining = self.remaining(py);
        format!("<TimelogIter [{}..{end}) remaining={remaining}>", self.start)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.log)?;
        // SAFETY: the collector holds the interpreter's lock, and nobody is within `with` then.
        unsafe { self.state.peek(|state| visit.call(&state.row)) }
    }

    fn __clear__(&self, py: Python<'_>) {
        self.end(py);
    }
}

impl Drop for TimelogIter {
    fn drop(&mut self) {
        // Without an interpreter nothing is left to let go of.
        Python::try_attach(|py| self.end(py));
    }
}
