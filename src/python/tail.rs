//! The change feed: an iterator of batches that waits for rows.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyBool;

use super::batch::RecordBatch;
use super::detached::Detached;
use super::durations;
use super::errors::{invalid, type_name, wrong_type};
use super::schema::Schema;
use crate::arrow::export;
use crate::base::TimeUnit;
use crate::db;
use crate::error::Result;

/// How long to wait before a signal is looked for.
const SLICE: Duration = Duration::from_millis(50);

/// The rows of a table as they arrive: an iterator that waits for them.
#[pyclass(frozen, module = "chronolite")]
pub(super) struct Tail {
    // The lock is only ever taken by a thread that is detached. Given up by `close`.
    tail: Detached<Mutex<Option<db::Tail>>>,
    interrupt: db::Interrupt,
    timeout: Option<Duration>,
    cursor: AtomicU64,
    closed: AtomicBool,
    /// A wait is to end early.
    woken: AtomicBool,
}

impl Tail {
    pub(super) fn new(tail: db::Tail, timeout: Option<Duration>) -> Self {
        let (interrupt, cursor) = (tail.interrupt(), AtomicU64::new(tail.cursor()));
        let timeout = if tail.waits() { timeout } else { Some(Duration::ZERO) };
        let tail = Detached::new(Mutex::new(Some(tail)));
        let (closed, woken) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { tail, interrupt, timeout, cursor, closed, woken }
    }

    /// The next batch, waited for as long as that; a signal ends it with what its handler raises.
    fn next_within(
        &self,
        py: Python<'_>,
        timeout: Option<Duration>,
    ) -> PyResult<Option<RecordBatch>> {
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        while !self.closed.load(Ordering::Acquire) {
            // In a fork child a thread that is not there may have the lock.
            self.interrupt.check_process()?;
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let slice = left.map_or(SLICE, |left| left.min(SLICE));
            if let Some(batch) = py.detach(|| self.read(slice))? {
                return Ok(Some(batch));
            }
            py.check_signals()?;
            let woken = self.woken.swap(false, Ordering::AcqRel);
            if woken || until.is_some_and(|until| until <= Instant::now()) {
                break;
            }
        }
        Ok(None)
    }

    fn read(&self, wait: Duration) -> Result<Option<RecordBatch>> {
        // Another thread may be waiting with it.
        let Some(mut tail) = self.tail.try_lock_for(wait) else { return Ok(None) };
        let Some(tail) = tail.as_mut() else { return Ok(None) };
        let Some(batch) = tail.next_batch(Some(wait))? else { return Ok(None) };
        let schema = Schema::of_scan(&batch.columns);
        let columns = schema.columns();
        let rows = export::record_batch(&export::schema(columns), columns, batch.data)?;
        self.cursor.store(batch.cursor, Ordering::Release);
        Ok(Some(RecordBatch::new(rows, schema, Some(batch.cursor))))
    }
}

#[pymethods]
impl Tail {
    /// The number of the last row that was handed out, or where the feed began.
    #[getter]
    fn cursor(&self) -> u64 {
        self.cursor.load(Ordering::Acquire)
    }

    /// Ends the feed: iterating is over, also for a thread that waits in it.
    fn close(&self, py: Python<'_>) {
        self.closed.store(true, Ordering::Release);
        self.interrupt.interrupt();
        if self.interrupt.check_process().is_ok() {
            py.detach(|| drop(self.tail.lock().take()));
        }
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<RecordBatch>> {
        self.next_within(py, self.timeout)
    }

    fn __repr__(&self) -> String {
        let closed = if self.closed.load(Ordering::Acquire) { ", closed" } else { "" };
        format!("<chronolite.Tail behind row {}{closed}>", self.cursor())
    }

    /// Seconds to wait, for `chronolite.aio`.
    #[getter]
    fn _timeout(&self) -> Option<f64> {
        self.timeout.map(|timeout| timeout.as_secs_f64())
    }

    /// The next batch, waited for so many seconds; for `chronolite.aio`.
    fn _next(&self, py: Python<'_>, seconds: f64) -> PyResult<Option<RecordBatch>> {
        self.next_within(py, Duration::try_from_secs_f64(seconds).ok())
    }

    /// Ends the wait of another thread, or the next one.
    fn _wake(&self) {
        self.woken.store(true, Ordering::Release);
        self.interrupt.interrupt();
    }
}

/// The argument `timeout`: a number of seconds, or a length of time; `None` is for ever.
pub(super) fn timeout(value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Duration>> {
    let Some(value) = value.filter(|value| !value.is_none()) else { return Ok(None) };
    if durations::is_duration(value)? {
        return durations::age("timeout", value, TimeUnit::Nanosecond).map(Some);
    }
    let seconds = match value.extract::<f64>() {
        Ok(seconds) if !value.is_instance_of::<PyBool>() => seconds,
        _ => {
            let name = type_name(value);
            let takes = "a number of seconds, a timedelta, or text such as \"5m\"";
            return Err(wrong_type(format!("timeout is {takes}, not {name}")));
        }
    };
    if seconds.is_nan() || seconds < 0.0 {
        return Err(invalid(format!("timeout is at least 0 seconds, not {value}")));
    }
    // What is too long for a duration is for ever.
    Ok(Duration::try_from_secs_f64(seconds).ok())
}

/// The argument `cursor`: a row's number; `None` is now.
pub(super) fn cursor(value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<u64>> {
    let Some(value) = value.filter(|value| !value.is_none()) else { return Ok(None) };
    if value.is_instance_of::<PyBool>() {
        return Err(wrong_type("cursor is the number of a row, not a bool"));
    }
    let number: i64 = value.extract()?;
    let cursor = u64::try_from(number);
    cursor.map(Some).map_err(|_| invalid(format!("cursor is at least 0, not {number}")))
}
