//! What the kernel reports, as dicts.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::nanots;
use crate::db::{
    ColumnStats, DbStats, MaintenanceStats, PackReport, Problem, SalvageReport, TableStats,
    VerifyReport,
};

/// What a pack did.
pub(super) fn packed<'py>(py: Python<'py>, report: &PackReport) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    out.set_item("segments_before", report.segments_before)?;
    out.set_item("segments_after", report.segments_after)?;
    out.set_item("rows_before", report.rows_before)?;
    out.set_item("rows_after", report.rows_after)?;
    out.set_item("bytes_before", report.bytes_before)?;
    out.set_item("bytes_after", report.bytes_after)?;
    Ok(out)
}

/// The statistics of the whole database.
pub(super) fn stats<'py>(py: Python<'py>, stats: &DbStats) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    out.set_item("path", stats.path.as_os_str())?;
    out.set_item("file_bytes", stats.file_bytes)?;
    out.set_item("log_bytes", stats.log_bytes)?;
    out.set_item("generation", stats.generation)?;
    out.set_item("epoch", stats.epoch)?;
    out.set_item("next_seq", stats.next_seq)?;
    out.set_item("readers", stats.readers)?;
    out.set_item("kept_for_readers", stats.kept_for_readers)?;
    out.set_item("write_amplification", stats.write_amplification)?;
    out.set_item("maintenance", maintenance(py, &stats.maintenance)?)?;
    let tables = PyDict::new(py);
    for of in &stats.tables {
        tables.set_item(&of.name, table(py, of)?)?;
    }
    out.set_item("tables", tables)?;
    Ok(out)
}

fn maintenance<'py>(py: Python<'py>, stats: &MaintenanceStats) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    out.set_item("running", stats.running)?;
    out.set_item("rounds", stats.rounds)?;
    out.set_item("flushes", stats.flushes)?;
    out.set_item("retention_runs", stats.retention_runs)?;
    out.set_item("packs", stats.packs)?;
    out.set_item("segments_before", stats.segments_before)?;
    out.set_item("segments_after", stats.segments_after)?;
    out.set_item("rows_packed", stats.rows_packed)?;
    out.set_item("bytes_packed", stats.bytes_packed)?;
    out.set_item("trims", stats.trims)?;
    out.set_item("seconds", stats.seconds)?;
    out.set_item("errors", stats.errors)?;
    out.set_item("last_error", stats.last_error.as_deref())?;
    Ok(out)
}

/// The statistics of a table.
pub(super) fn table<'py>(py: Python<'py>, stats: &TableStats) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    out.set_item("name", &stats.name)?;
    out.set_item("rows", stats.rows)?;
    out.set_item("memtable_rows", stats.memtable_rows)?;
    out.set_item("segments", stats.segments)?;
    out.set_item("disk_bytes", stats.disk_bytes)?;
    out.set_item("min_ts", stats.min_ts)?;
    out.set_item("max_ts", stats.max_ts)?;
    let columns = PyDict::new(py);
    for of in &stats.columns {
        columns.set_item(&of.name, column(py, of)?)?;
    }
    out.set_item("by_column", columns)?;
    out.set_item("row_numbers", column(py, &stats.row_numbers)?)?;
    nanots::space(&out, stats)?;
    Ok(out)
}

fn column<'py>(py: Python<'py>, stats: &ColumnStats) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    out.set_item("type", &stats.ty)?;
    out.set_item("values", stats.values)?;
    out.set_item("nulls", stats.nulls)?;
    out.set_item("bytes", stats.bytes)?;
    out.set_item("bits_per_value", stats.bits_per_value())?;
    let codecs = PyDict::new(py);
    for (name, blocks) in &stats.codecs {
        codecs.set_item(name, blocks)?;
    }
    out.set_item("codecs", codecs)?;
    Ok(out)
}

/// What a check of the whole file found, as a `VerifyReport`.
pub(super) fn verified<'py>(py: Python<'py>, report: &VerifyReport) -> PyResult<Bound<'py, PyAny>> {
    let out = PyDict::new(py);
    out.set_item("ok", report.ok())?;
    out.set_item("segments", report.segments)?;
    out.set_item("blocks", report.blocks)?;
    out.set_item("rows", report.rows)?;
    out.set_item("bytes", report.bytes)?;
    out.set_item("log_records", report.log_records)?;
    out.set_item("log_bytes", report.log_bytes)?;
    out.set_item("manifest_bytes", report.manifest_bytes)?;
    out.set_item("free_bytes", report.free_bytes)?;
    out.set_item("problems", problems(py, &report.problems)?)?;
    py.import("chronolite._report")?.getattr("VerifyReport")?.call1((out,))
}

/// What a salvage kept and lost, as a `SalvageReport`.
pub(super) fn salvaged<'py>(
    py: Python<'py>,
    report: &SalvageReport,
) -> PyResult<Bound<'py, PyAny>> {
    let tables = PyDict::new(py);
    for (name, of) in &report.tables {
        let table = PyDict::new(py);
        table.set_item("rows", of.rows)?;
        table.set_item("segments", of.segments)?;
        table.set_item("lost_segments", of.lost_segments)?;
        table.set_item("lost_rows", of.lost_rows)?;
        table.set_item("log_rows", of.log_rows)?;
        let lost = PyDict::new(py);
        for (column, values) in &of.lost_values {
            lost.set_item(column, values)?;
        }
        table.set_item("lost_values", lost)?;
        tables.set_item(name, table)?;
    }
    let out = PyDict::new(py);
    out.set_item("ok", report.ok())?;
    out.set_item("tables", tables)?;
    out.set_item("problems", problems(py, &report.problems)?)?;
    out.set_item("bytes_scanned", report.bytes_scanned)?;
    py.import("chronolite._report")?.getattr("SalvageReport")?.call1((out,))
}

fn problems<'py>(py: Python<'py>, found: &[Problem]) -> PyResult<Bound<'py, PyList>> {
    let problems = PyList::empty(py);
    for problem in found {
        let out = PyDict::new(py);
        out.set_item("file", problem.file.as_os_str())?;
        out.set_item("offset", problem.offset)?;
        out.set_item("message", &problem.message)?;
        problems.append(out)?;
    }
    Ok(problems)
}
