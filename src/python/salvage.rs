//! Salvage.

use std::path::PathBuf;

use pyo3::prelude::*;

use super::interrupt::with_progress;
use super::report;
use crate::db;

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
