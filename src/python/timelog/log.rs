//! The base of `chronolite.Timelog`: everything but options, presets, files and arrays.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pyo3::exceptions::{PyOverflowError, PyRuntimeWarning, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList, PySlice, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use super::batch::{Batch, below};
use super::iterator::TimelogIter;
use super::object::Object;
use super::spans::PageSpanIter;
use super::times;
use crate::index::{Cut, View};
use crate::timelog::{Adaptive, BusyPolicy, Log, MEMORY_ROW, RUN_ROW, Settings, Written};

const RECORD: &str = "Record inserted but backpressure occurred. Call flush() or wait for \
    background maintenance to relieve.";
const TOMBSTONE: &str = "Tombstone inserted but backpressure occurred. Call flush() or wait for \
    background maintenance to relieve.";
const BATCH: &str = "Backpressure during batch insert. All records were committed. Call flush() or \
    wait for background maintenance to relieve.";
const BULK: &str = "Backpressure during bulk insert. All records were committed. Call flush() or \
    wait for background maintenance to relieve.";

/// An argument that may be left out, and may be None.
enum Given<'py> {
    Missing,
    Is(Bound<'py, PyAny>),
}

impl<'py> FromPyObject<'_, 'py> for Given<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self::Is(object.to_owned()))
    }
}

/// Options of windows that follow the rows, in the order of [`Adaptive`]'s fields.
type Windows = (u64, i64, i64, u64, i64, f64, u64, u64, u64, u64);

/// An in-memory multimap from time to objects.
#[pyclass(subclass, frozen, weakref, name = "_TimelogBase", module = "chronolite._core")]
pub(in super::super) struct TimelogBase {
    log: Log<Object>,
    /// Nanoseconds of a unit of time.
    unit: AtomicI64,
    /// Rows below it are refused; the least time there is if none are.
    floor: AtomicI64,
    /// There is a floor, which may be that least time.
    has_floor: AtomicBool,
    skipped: AtomicU64,
}

impl Drop for TimelogBase {
    fn drop(&mut self) {
        // The worker may wait for the interpreter.
        let stopped = Python::try_attach(|py| py.detach(|| self.log.stop()));
        if stopped.is_none() {
            self.log.stop();
        }
    }
}

#[cold]
fn exception(name: &str, message: &str) -> PyErr {
    static ERRORS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    Python::attach(|py| {
        let errors = ERRORS.get_or_try_init(py, || {
            py.import("chronolite._errors").map(|module| module.into_any().unbind())
        });
        let raised = errors.and_then(|errors| errors.bind(py).getattr(name)?.call1((message,)));
        raised.map_or_else(|error| error, PyErr::from_value)
    })
}

/// A call that is refused: the log is closed, or of another process.
#[cold]
fn closed(log: &Log<Object>) -> PyErr {
    exception(
        "TimelogError",
        match log.inherited() {
            true => "Timelog is of the parent of this process: after a fork make a new one",
            false => "Timelog is closed",
        },
    )
}

impl TimelogBase {
    pub(super) fn view(&self) -> PyResult<View<Object>> {
        self.log.view().ok_or_else(|| closed(&self.log))
    }

    /// Lets go of what the end of a view has left.
    pub(super) fn release(&self) {
        self.log.release();
    }

    fn opened(&self) -> PyResult<()> {
        if self.log.is_open() { Ok(()) } else { Err(closed(&self.log)) }
    }

    #[inline]
    fn floor(&self) -> Option<i64> {
        let floor = self.floor.load(Ordering::Relaxed);
        self.has_floor.load(Ordering::Relaxed).then_some(floor)
    }

    #[inline]
    fn write(&self, py: Python<'_>, ts: i64, object: &Bound<'_, PyAny>) -> PyResult<()> {
        let floor = self.floor();
        if floor.is_some_and(|floor| ts < floor) {
            return Err(below(ts, floor));
        }
        let object = Object::of(object);
        let written = self.log.push(ts, object);
        if written == Written::Closed {
            Object::release(vec![object]);
        }
        self.after(py, written, RECORD)
    }

    /// What follows from a write.
    #[inline]
    fn after(&self, py: Python<'_>, written: Written, message: &str) -> PyResult<()> {
        self.log.release();
        match written {
            Written::Done => Ok(()),
            Written::Closed => Err(closed(&self.log)),
            Written::Pressed => {
                let told = py.detach(|| self.log.relieve());
                self.log.release();
                if told { Err(exception("TimelogBusyError", message)) } else { Ok(()) }
            }
        }
    }

    fn write_batch(&self, py: Python<'_>, batch: &mut Batch, message: &str) -> PyResult<()> {
        let (ts, objects) = batch.take();
        if ts.is_empty() {
            return self.opened();
        }
        match py.detach(|| self.log.push_all(ts, objects)) {
            Ok(written) => self.after(py, written, message),
            Err(objects) => {
                Object::release(objects);
                Err(closed(&self.log))
            }
        }
    }

    fn delete_between(&self, py: Python<'_>, start: i64, end: i64) -> PyResult<()> {
        let written = self.log.delete(start, end);
        self.after(py, written, TOMBSTONE)
    }

    fn delete_at(&self, py: Python<'_>, ts: i64) -> PyResult<()> {
        let end = times::after(ts).ok_or_else(|| {
            PyValueError::new_err(format!(
                "point delete at TL_TS_MAX ({ts}) is not representable with half-open delete ranges"
            ))
        })?;
        self.delete_between(py, ts, end)
    }

    fn objects_at<'py>(&self, py: Python<'py>, ts: i64) -> PyResult<Bound<'py, PyList>> {
        let mut objects = vec![];
        if !self.log.at(ts, |object| objects.push(object.get(py))) {
            return Err(closed(&self.log));
        }
        PyList::new(py, objects)
    }
}

/// The rows of a log in `[start, end)`.
fn rows(slf: &Bound<'_, TimelogBase>, start: i64, end: Option<i64>) -> PyResult<TimelogIter> {
    TimelogIter::new(slf, slf.get().view()?, start, end)
}

#[pymethods]
impl TimelogBase {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self {
            log: Log::new(Object::release),
            unit: AtomicI64::new(1),
            floor: AtomicI64::new(i64::MIN),
            has_floor: AtomicBool::new(false),
            skipped: AtomicU64::new(0),
        }
    }

    /// Opens it with options that were checked; False if it is open.
    #[allow(clippy::too_many_arguments)]
    #[pyo3(signature = (*, unit, floor, background, busy_policy, memtable_max_bytes,
        target_page_bytes, sealed_max_runs, drain_batch_limit, ooo_budget_bytes, sealed_wait_ms,
        maintenance_wakeup_ms, max_delta_segments, window_size, window_origin,
        delete_debt_threshold, compaction_target_bytes, max_compaction_inputs,
        max_compaction_windows, adaptive))]
    fn _open(
        &self,
        unit: i64,
        floor: Option<&Bound<'_, PyAny>>,
        background: bool,
        busy_policy: &str,
        memtable_max_bytes: usize,
        target_page_bytes: usize,
        sealed_max_runs: usize,
        drain_batch_limit: usize,
        ooo_budget_bytes: usize,
        sealed_wait_ms: u64,
        maintenance_wakeup_ms: u64,
        max_delta_segments: usize,
        window_size: i64,
        window_origin: i64,
        delete_debt_threshold: f64,
        compaction_target_bytes: usize,
        max_compaction_inputs: usize,
        max_compaction_windows: usize,
        adaptive: Option<Windows>,
    ) -> PyResult<bool> {
        let floor = floor.map(times::time).transpose()?;
        let mut settings = Settings::default();
        // Of nothing at all the engine chooses.
        let set = |to: &mut usize, given: usize| {
            if given > 0 {
                *to = given;
            }
        };
        let rows =
            |bytes: usize, of_row: usize| if bytes == 0 { 0 } else { (bytes / of_row).max(1) };
        set(&mut settings.memtable_rows, rows(memtable_max_bytes, MEMORY_ROW));
        settings.late_rows = (settings.memtable_rows / 8).max(1);
        set(&mut settings.late_rows, rows(ooo_budget_bytes, MEMORY_ROW));
        set(&mut settings.sealed_runs, sealed_max_runs);
        set(&mut settings.delta_runs, max_delta_segments);
        set(&mut settings.inputs, max_compaction_inputs);
        set(&mut settings.page_rows, rows(target_page_bytes, RUN_ROW));
        set(&mut settings.most_windows, max_compaction_windows);
        settings.window_origin = window_origin;
        if window_size > 0 {
            let most = settings.most_windows;
            settings.cut = Cut::Windows { size: window_size, origin: window_origin, most };
        } else if compaction_target_bytes > 0 {
            settings.cut = Cut::Rows(rows(compaction_target_bytes, RUN_ROW));
        }
        if maintenance_wakeup_ms > 0 {
            settings.wakeup = Duration::from_millis(maintenance_wakeup_ms);
        }
        let settings = Settings {
            background,
            busy: match busy_policy {
                "silent" => BusyPolicy::Silent,
                "flush" => BusyPolicy::Flush,
                _ => BusyPolicy::Raise,
            },
            wait: Duration::from_millis(sealed_wait_ms),
            drain: drain_batch_limit,
            delete_debt: delete_debt_threshold,
            adaptive: adaptive.map(|adaptive| Adaptive {
                target_records: adaptive.0,
                min_window: adaptive.1,
                max_window: adaptive.2,
                hysteresis_pct: adaptive.3,
                window_quantum: adaptive.4,
                alpha: adaptive.5,
                warmup_flushes: adaptive.6,
                stale_flushes: adaptive.7,
                failure_backoff_threshold: adaptive.8,
                failure_backoff_pct: adaptive.9,
            }),
            ..settings
        };
        if !self.log.open(settings) {
            return Ok(false);
        }
        self.unit.store(unit, Ordering::Relaxed);
        self.floor.store(floor.unwrap_or(i64::MIN), Ordering::Relaxed);
        self.has_floor.store(floor.is_some(), Ordering::Relaxed);
        self.skipped.store(0, Ordering::Relaxed);
        Ok(true)
    }

    /// Adds an object: `append(ts, obj)`, `append(obj, ts=ts)`, or `append(obj)` at the present moment.
    #[pyo3(signature = (obj_or_ts=Given::Missing, obj_or_none=Given::Missing, *rest, ts=None))]
    fn append(
        &self,
        py: Python<'_>,
        obj_or_ts: Given<'_>,
        obj_or_none: Given<'_>,
        rest: &Bound<'_, PyTuple>,
        ts: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        if !rest.is_empty() {
            return Err(PyTypeError::new_err(format!(
                "append() takes 1 or 2 positional arguments but {} were given",
                rest.len() + 2
            )));
        }
        match (obj_or_ts, obj_or_none) {
            (Given::Is(time), Given::Is(object)) => self.write(py, times::time(&time)?, &object),
            (Given::Is(object), Given::Missing) => {
                let ts = match ts {
                    Some(ts) => times::time(ts)?,
                    None => self.now()?,
                };
                self.write(py, ts, &object)
            }
            _ => Err(PyTypeError::new_err("append() missing required argument: 'obj_or_ts'")),
        }
    }

    fn __setitem__(
        &self,
        py: Python<'_>,
        ts: &Bound<'_, PyAny>,
        obj: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        self.write(py, times::time(ts)?, obj)
    }

    /// Adds many rows: an iterable of `(ts, obj)` pairs, or times and, beside them, objects.
    #[pyo3(signature = (ts_or_iterable, objects=None, *, mostly_ordered=None, insert_on_error=true))]
    fn extend(
        &self,
        py: Python<'_>,
        ts_or_iterable: &Bound<'_, PyAny>,
        objects: Option<&Bound<'_, PyAny>>,
        mostly_ordered: Option<&Bound<'_, PyAny>>,
        insert_on_error: bool,
    ) -> PyResult<()> {
        // A hint that is not needed: whether rows come in order is seen.
        let _ = mostly_ordered;
        self.opened()?;
        let mut batch = Batch::new(insert_on_error, self.floor());
        match objects {
            None if !insert_on_error && ts_or_iterable.len().is_err() => {
                return Err(PyTypeError::new_err(
                    "insert_on_error=False requires a sequence, not a generator: rows are checked \
                     before any is inserted",
                ));
            }
            None => batch.pairs(ts_or_iterable)?,
            Some(objects) => {
                let sized = || ts_or_iterable.len().is_ok() && objects.len().is_ok();
                if !insert_on_error && !sized() {
                    return Err(PyTypeError::new_err(
                        "insert_on_error=False requires sized sequences for keys/values",
                    ));
                }
                batch.columns(ts_or_iterable, objects)?;
            }
        }
        let skipped = batch.skipped;
        self.write_batch(py, &mut batch, BATCH)?;
        if skipped > 0 {
            self.skipped.fetch_add(skipped as u64, Ordering::Relaxed);
            let message = std::ffi::CString::new(format!(
                "extend() skipped {skipped} record(s) with invalid timestamps \
                 (insert_on_error=True); pass insert_on_error=False to validate the whole batch \
                 instead"
            ))?;
            PyErr::warn(py, &py.get_type::<PyRuntimeWarning>(), &message, 1)?;
        }
        Ok(())
    }

    /// Adds rows of an int64 buffer of times and a sequence of objects, all or none.
    #[pyo3(signature = (timestamps, objects, *, mostly_ordered=None))]
    fn bulk_append(
        &self,
        py: Python<'_>,
        timestamps: &Bound<'_, PyAny>,
        objects: &Bound<'_, PyAny>,
        mostly_ordered: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let _ = mostly_ordered;
        self.opened()?;
        let mut batch = Batch::new(false, self.floor());
        batch.bulk(timestamps, objects)?;
        self.write_batch(py, &mut batch, BULK)
    }

    /// Deletes the rows at a time, or those in `[t1, t2)`; what is written later is there.
    #[pyo3(signature = (t1, t2=None))]
    fn delete(
        &self,
        py: Python<'_>,
        t1: &Bound<'_, PyAny>,
        t2: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        match t2 {
            None => self.delete_at(py, times::time(t1)?),
            Some(t2) => {
                let (start, end) = times::ends(t1, t2)?;
                self.delete_between(py, start, end)
            }
        }
    }

    /// Deletes the rows in `[t1, t2)`.
    #[pyo3(signature = (t1, t2, /))]
    fn delete_range(
        &self,
        py: Python<'_>,
        t1: &Bound<'_, PyAny>,
        t2: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let (start, end) = times::ends(t1, t2)?;
        self.delete_between(py, start, end)
    }

    /// Deletes the rows before a time.
    #[pyo3(signature = (ts, /))]
    fn delete_before(&self, py: Python<'_>, ts: &Bound<'_, PyAny>) -> PyResult<()> {
        self.delete_between(py, i64::MIN, times::time(ts)?)
    }

    /// Deletes the rows before a time.
    fn cutoff(&self, py: Python<'_>, ts: &Bound<'_, PyAny>) -> PyResult<()> {
        self.delete_between(py, i64::MIN, times::time(ts)?)
    }

    fn __delitem__(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<()> {
        let Ok(slice) = key.cast::<PySlice>() else { return self.delete_at(py, times::time(key)?) };
        let (start, end) = times::slice(slice)?;
        let (start, end) = (start.unwrap_or(i64::MIN), end.unwrap_or(i64::MAX));
        if start > end {
            return Err(PyValueError::new_err(format!("t1 ({start}) must be <= t2 ({end})")));
        }
        self.delete_between(py, start, end)
    }

    fn __getitem__<'py>(
        slf: &Bound<'py, Self>,
        key: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let Ok(slice) = key.cast::<PySlice>() else {
            return Ok(slf.get().objects_at(py, times::time(key)?)?.into_any());
        };
        let (start, end) = times::slice(slice)?;
        let rows = rows(slf, start.unwrap_or(i64::MIN), end)?;
        Ok(Bound::new(py, rows)?.into_any())
    }

    /// The objects at a time, in the order of arrival; `log[ts]` is the same.
    #[pyo3(signature = (ts, /))]
    fn at<'py>(&self, py: Python<'py>, ts: &Bound<'_, PyAny>) -> PyResult<Bound<'py, PyList>> {
        self.objects_at(py, times::time(ts)?)
    }

    /// The rows in `[t1, t2)`, in order.
    #[pyo3(signature = (t1, t2, /))]
    fn range(
        slf: &Bound<'_, Self>,
        t1: &Bound<'_, PyAny>,
        t2: &Bound<'_, PyAny>,
    ) -> PyResult<TimelogIter> {
        let (start, end) = times::ends(t1, t2)?;
        rows(slf, start, Some(end))
    }

    /// The rows from a time on.
    #[pyo3(signature = (ts, /))]
    fn since(slf: &Bound<'_, Self>, ts: &Bound<'_, PyAny>) -> PyResult<TimelogIter> {
        rows(slf, times::time(ts)?, None)
    }

    /// The rows before a time.
    #[pyo3(signature = (ts, /))]
    fn until(slf: &Bound<'_, Self>, ts: &Bound<'_, PyAny>) -> PyResult<TimelogIter> {
        rows(slf, i64::MIN, Some(times::time(ts)?))
    }

    /// All rows.
    fn all(slf: &Bound<'_, Self>) -> PyResult<TimelogIter> {
        rows(slf, i64::MIN, None)
    }

    /// The rows at a time.
    #[pyo3(signature = (ts, /))]
    fn equal(slf: &Bound<'_, Self>, ts: &Bound<'_, PyAny>) -> PyResult<TimelogIter> {
        let ts = times::time(ts)?;
        rows(slf, ts, times::after(ts))
    }

    /// The rows at a time.
    #[pyo3(signature = (ts, /))]
    fn point(slf: &Bound<'_, Self>, ts: &Bound<'_, PyAny>) -> PyResult<TimelogIter> {
        Self::equal(slf, ts)
    }

    fn __iter__(slf: &Bound<'_, Self>) -> PyResult<TimelogIter> {
        Self::all(slf)
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        py.detach(|| self.log.count()).ok_or_else(|| closed(&self.log))
    }

    fn __contains__(&self, ts: &Bound<'_, PyAny>) -> PyResult<bool> {
        let ts = times::time(ts)?;
        let mut found = false;
        if self.log.at(ts, |_| found = true) { Ok(found) } else { Err(closed(&self.log)) }
    }

    /// The first time; None if there is none.
    fn min_ts(&self) -> PyResult<Option<i64>> {
        Ok(self.view()?.first_from(i64::MIN))
    }

    /// The last time; None if there is none.
    fn max_ts(&self) -> PyResult<Option<i64>> {
        Ok(self.view()?.last_before(None))
    }

    /// The first time after this one; None if there is none.
    #[pyo3(signature = (ts, /))]
    fn next_ts(&self, ts: &Bound<'_, PyAny>) -> PyResult<Option<i64>> {
        let after = times::after(times::time(ts)?);
        let view = self.view()?;
        Ok(after.and_then(|after| view.first_from(after)))
    }

    /// The last time before this one; None if there is none.
    #[pyo3(signature = (ts, /))]
    fn prev_ts(&self, ts: &Bound<'_, PyAny>) -> PyResult<Option<i64>> {
        let ts = times::time(ts)?;
        Ok(self.view()?.last_before(Some(ts)))
    }

    /// Spans of flushed rows in `[t1, t2)`, or of all, deleted ones among them until they are compacted.
    #[pyo3(signature = (t1=None, t2=None, *, kind="segment"))]
    fn views(
        slf: &Bound<'_, Self>,
        t1: Option<&Bound<'_, PyAny>>,
        t2: Option<&Bound<'_, PyAny>>,
        kind: &str,
    ) -> PyResult<PageSpanIter> {
        let (start, end) = match (t1, t2) {
            (None, None) => (i64::MIN, None),
            (Some(t1), Some(t2)) => {
                let (start, end) = times::ends(t1, t2)?;
                (start, Some(end))
            }
            _ => {
                return Err(PyValueError::new_err("views() requires both t1 and t2, or neither"));
            }
        };
        if kind != "segment" {
            return Err(PyValueError::new_err(format!(
                "page_spans: kind must be 'segment', got '{kind}'"
            )));
        }
        PageSpanIter::new(slf, &slf.get().view()?, start, end)
    }

    /// Spans of flushed rows in `[t1, t2)`.
    #[pyo3(signature = (t1, t2, *, kind="segment"))]
    fn page_spans(
        slf: &Bound<'_, Self>,
        t1: &Bound<'_, PyAny>,
        t2: &Bound<'_, PyAny>,
        kind: &str,
    ) -> PyResult<PageSpanIter> {
        Self::views(slf, Some(t1), Some(t2), kind)
    }

    /// A dict from time to object; of equal times the last one.
    #[pyo3(signature = (t1=None, t2=None))]
    fn to_dict<'py>(
        &self,
        py: Python<'py>,
        t1: Option<&Bound<'_, PyAny>>,
        t2: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let start = t1.map(times::time).transpose()?.unwrap_or(i64::MIN);
        let end = t2.map(times::time).transpose()?;
        let view = self.view()?;
        let mut rows = vec![];
        view.cursor(start, end).fill(usize::MAX, &mut rows);
        let dict = PyDict::new(py);
        for (ts, object) in rows {
            dict.set_item(ts, object.get(py))?;
        }
        drop(view);
        self.release();
        Ok(dict)
    }

    /// Times as bytes of int64, and the objects beside them.
    #[pyo3(signature = (t1=None, t2=None))]
    fn _columns<'py>(
        &self,
        py: Python<'py>,
        t1: Option<&Bound<'_, PyAny>>,
        t2: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyList>)> {
        let start = t1.map(times::time).transpose()?.unwrap_or(i64::MIN);
        let end = t2.map(times::time).transpose()?;
        let view = self.view()?;
        let mut rows = vec![];
        py.detach(|| view.cursor(start, end).fill(usize::MAX, &mut rows));
        let bytes = PyBytes::new_with(py, rows.len() * 8, |bytes| {
            for (to, (ts, _)) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(&rows) {
                *to = ts.to_ne_bytes();
            }
            Ok(())
        })?;
        let objects = PyList::new(py, rows.iter().map(|(_, object)| object.get(py)))?;
        drop(view);
        self.release();
        Ok((bytes, objects))
    }

    /// Flushes everything that is in memtables to segments.
    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        self.opened()?;
        py.detach(|| self.log.flush());
        self.log.release();
        Ok(())
    }

    /// Asks for a compaction: the worker does it, or the next `maint_step`.
    fn compact(&self) -> PyResult<()> {
        self.opened()?;
        self.log.compact();
        Ok(())
    }

    /// One step of maintenance.
    fn _step(&self, py: Python<'_>) -> PyResult<bool> {
        self.opened()?;
        let done = py.detach(|| self.log.step());
        self.log.release();
        Ok(done)
    }

    fn _start(&self) -> PyResult<()> {
        self.opened()?;
        self.log.start();
        Ok(())
    }

    /// From now on no log starts a worker.
    #[staticmethod]
    fn _no_more_workers() {
        crate::timelog::no_more_workers();
    }

    fn _stop(&self, py: Python<'_>) {
        py.detach(|| self.log.stop());
    }

    /// Raises nothing if the layers are as they have to be.
    fn validate(&self, py: Python<'_>) -> PyResult<()> {
        let view = self.view()?;
        let wrong = py.detach(|| view.wrong());
        match wrong {
            None => Ok(()),
            Some(what) => Err(exception("TimelogError", &what)),
        }
    }

    /// Numbers for `stats()`, group by group.
    fn _stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = py.detach(|| self.log.stats()).ok_or_else(|| closed(&self.log))?;
        let (counts, watch) = (stats.counts, stats.watch);
        let storage = PyDict::new(py);
        storage.set_item("segments_l0", stats.l0)?;
        storage.set_item("segments_l1", stats.l1)?;
        storage.set_item("pages_total", stats.pages)?;
        storage.set_item("records_estimate", stats.rows)?;
        storage.set_item("min_ts", stats.ends.map(|ends| ends.0))?;
        storage.set_item("max_ts", stats.ends.map(|ends| ends.1))?;
        storage.set_item("tombstone_count", stats.tombstones)?;
        let memtable = PyDict::new(py);
        memtable.set_item("active_records", stats.taken.0)?;
        memtable.set_item("ooo_records", stats.taken.1)?;
        memtable.set_item("sealed_runs", stats.sealed)?;
        let operational = PyDict::new(py);
        operational.set_item("seals_total", counts.seals)?;
        operational.set_item("ooo_budget_hits", counts.late_seals)?;
        operational.set_item("backpressure_waits", counts.waits)?;
        operational.set_item("flushes_total", counts.flushes)?;
        operational.set_item("compactions_total", counts.compactions)?;
        operational.set_item("compaction_retries", 0)?;
        operational.set_item("compaction_publish_ebusy", 0)?;
        operational.set_item("busy_events", counts.busy)?;
        operational.set_item("extend_skipped", self.extend_skipped())?;
        let selection = PyDict::new(py);
        selection.set_item("select_calls", counts.selects)?;
        selection.set_item("select_l0_inputs", counts.l0_inputs)?;
        selection.set_item("select_l1_inputs", counts.l1_inputs)?;
        selection.set_item("select_no_work", counts.no_work)?;
        let adaptive = PyDict::new(py);
        adaptive.set_item("window", watch.window)?;
        adaptive.set_item("ewma_density", watch.density)?;
        adaptive.set_item("flush_count", watch.flushes)?;
        adaptive.set_item("failures", watch.failures)?;
        let all = PyDict::new(py);
        all.set_item("storage", storage)?;
        all.set_item("memtable", memtable)?;
        all.set_item("operational", operational)?;
        all.set_item("compaction_selection", selection)?;
        all.set_item("adaptive", adaptive)?;
        Ok(all)
    }

    /// Closes it; iterators and views that are open go on showing what they show.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.log.close());
    }

    /// True until it is opened again.
    #[getter]
    fn closed(&self) -> bool {
        !self.log.is_open()
    }

    /// Writes under pressure.
    #[getter]
    fn busy_events(&self) -> u64 {
        self.log.counts().busy
    }

    /// Rows that `extend` left out.
    #[getter]
    fn extend_skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    /// Rows below it are refused; None if none are.
    #[getter]
    fn min_ts_floor(&self) -> Option<i64> {
        self.floor()
    }

    /// Always 0: without memory the process ends.
    #[getter]
    fn alloc_failures(&self) -> u64 {
        0
    }

    /// Objects that nobody sees any more and that are not let go yet.
    #[getter]
    fn retired_queue_len(&self) -> usize {
        self.log.retired()
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.log.items(|object| visit.call(object.as_py()))
    }

    fn __clear__(&self) {
        self.log.clear();
        self.log.release_all();
    }
}

impl TimelogBase {
    /// The present moment in the log's unit.
    fn now(&self) -> PyResult<i64> {
        let unit = self.unit.load(Ordering::Relaxed).max(1);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
        let units = now / u128::from(unit.unsigned_abs());
        i64::try_from(units).map_err(|_| PyOverflowError::new_err("the clock is past int64"))
    }

    pub(super) fn page_rows(&self) -> usize {
        self.log.page_rows()
    }
}
