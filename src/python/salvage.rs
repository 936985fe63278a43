//! Salvage, and telling Python how far something is.

use std::path::PathBuf;

use pyo3::prelude::*;

use super::report;
use crate::db;
use crate::error::{Error, Result};

/// Writes what can be read of a damaged database to a new file, and says what was lost.
#[pyfunction]
#[pyo3(signature = (source, target, *, progress=None))]
pub(super) fn salvage<'py>(
    py: Python<'py>,
    source: PathBuf,
    target: PathBuf,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let report = with_progress(py, progress.as_ref(), |tell| db::salvage(source, target, tell))?;
    report::salvaged(py, &report)
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
