//! What is told about a table and a database under NanoTS's names, as dicts.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::db::{Diagnosis, TableStats};
use crate::nanots::Space;

/// Adds what a table takes on disk. NanoTS's `rows` and `segments` are there already.
pub(in crate::python) fn space(out: &Bound<'_, PyDict>, stats: &TableStats) -> PyResult<()> {
    let space = Space::of(stats);
    for (name, count) in space.counts() {
        out.set_item(name, count)?;
    }
    for (name, ratio) in space.ratios() {
        out.set_item(name, ratio)?;
    }
    Ok(())
}

/// How much waits to be flushed, and how much was written lately.
pub(in crate::python) fn diagnosis<'py>(
    py: Python<'py>,
    diagnosis: &Diagnosis,
) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    out.set_item("wal_bytes", diagnosis.wal_bytes)?;
    out.set_item("total_table_segment_bytes", diagnosis.total_table_segment_bytes)?;
    out.set_item("wal_ratio", diagnosis.wal_ratio)?;
    out.set_item("pending_rows", diagnosis.pending_rows)?;
    out.set_item("pending_tables", diagnosis.pending_tables)?;
    out.set_item("writes_per_sec", diagnosis.writes_per_sec)?;
    out.set_item("last_write_age_ms", diagnosis.last_write_age_ms)?;
    out.set_item("maintenance_error", diagnosis.maintenance_error.as_deref())?;
    Ok(out)
}
