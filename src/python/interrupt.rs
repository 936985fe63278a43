//! What may take long: detached from the interpreter, ended by a signal, telling how far it is.

use parking_lot::Mutex;
use pyo3::prelude::*;

use crate::db::{self, Stop};
use crate::error::{Error, Result};

/// Does what may take long detached from the interpreter. A signal ends it: what its handler raises
/// is raised.
pub(super) fn interruptible<T: Send>(
    py: Python<'_>,
    work: impl FnOnce(Stop<'_>) -> Result<T> + Send,
) -> PyResult<T> {
    let raised = Mutex::new(None);
    let stop = || {
        let mut raised = raised.lock();
        if raised.is_none() {
            *raised = Python::attach(|py| py.check_signals()).err();
        }
        raised.is_some()
    };
    let done = py.detach(|| work(&stop));
    match raised.into_inner() {
        Some(error) => Err(error),
        None => Ok(done?),
    }
}

/// Does what may take long detached from the interpreter. `progress(done, total)` is called as it
/// goes on, a million bytes or more at a time; what it raises ends the work. Signals do too.
pub(super) fn with_progress<T: Send>(
    py: Python<'_>,
    progress: Option<&Py<PyAny>>,
    work: impl FnOnce(db::Progress<'_>) -> Result<T> + Send,
) -> PyResult<T> {
    let mut raised = None;
    let mut told = 0;
    let mut tell = |done: u64, total: u64| {
        if done < total && done - told < STEP {
            return Ok(());
        }
        told = done;
        Python::attach(|py| {
            py.check_signals()?;
            progress.map_or(Ok(()), |call| call.call1(py, (done, total)).map(drop))
        })
        .map_err(|error| {
            raised = Some(error);
            Error::invalid("stopped by its caller")
        })
    };
    let done = py.detach(|| work(&mut tell));
    match raised {
        Some(error) => Err(error),
        None => Ok(done?),
    }
}

/// Bytes between two calls.
const STEP: u64 = 1 << 20;
