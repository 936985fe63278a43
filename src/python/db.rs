//! A database: opening, tables, closing.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use super::create::{self, Rules};
use super::detached::Detached;
use super::errors::{invalid, wrong_type};
use super::interrupt::{interruptible, with_progress};
use super::snapshot::Snapshot;
use super::table::Table;
use super::{describe, nanots, report};
use crate::base::TableSpec;
use crate::db::{self, DbOptions, Durability, Mode, PACKED_ROWS, Stop};

/// A database: one file of typed tables, open for writing in one process at a time.
#[pyclass(frozen, module = "chronolite")]
pub(super) struct Db {
    db: Detached<db::Db>,
}

/// What any database is opened with.
pub(super) fn options(mode: &str, durability: &str, sync_interval_ms: i64) -> PyResult<DbOptions> {
    let levels = [Durability::Sync, Durability::Interval, Durability::None];
    let sync_interval = match u64::try_from(sync_interval_ms) {
        Ok(ms) if ms > 0 => Duration::from_millis(ms),
        _ => return Err(invalid("sync_interval_ms is at least 1")),
    };
    // The environment is read while no other thread of Python's can change it.
    Ok(DbOptions::from_env()?
        .mode(create::one_of("mode", mode, &[Mode::ReadWrite, Mode::Read], mode_name)?)
        .durability(create::one_of("durability", durability, &levels, durability_name)?)
        .sync_interval(sync_interval))
}

impl Db {
    /// The table of that name and schema, made if it is not there.
    pub(super) fn make_table(
        &self,
        py: Python<'_>,
        name: &str,
        spec: TableSpec,
    ) -> PyResult<Table> {
        let table = py.detach(|| self.db.create_table(name, spec))?;
        Ok(Table::new(self.db.clone(), table))
    }
}

#[pymethods]
impl Db {
    #[new]
    #[pyo3(signature = (path, retention_ms=None, auto_maintenance=None, *, mode="rw",
        durability="interval", sync_interval_ms=100))]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        retention_ms: Option<&Bound<'_, PyAny>>,
        auto_maintenance: Option<&Bound<'_, PyAny>>,
        mode: &str,
        durability: &str,
        sync_interval_ms: i64,
    ) -> PyResult<Self> {
        let options = options(mode, durability, sync_interval_ms)?
            .retention(nanots::retention(retention_ms)?)
            .auto_maintenance(nanots::maintenance(auto_maintenance)?);
        let db = py.detach(|| db::Db::open(path, options))?;
        Ok(Self { db: Detached::new(db) })
    }

    /// The path that the database was opened with.
    #[getter]
    fn path(&self) -> &OsStr {
        self.db.path().as_os_str()
    }

    /// This moment of the whole database, to be read for as long as it is held.
    fn snapshot(&self, py: Python<'_>) -> PyResult<Snapshot> {
        let moment = py.detach(|| self.db.snapshot())?;
        Ok(Snapshot::new((*self.db).clone(), moment))
    }

    /// Packs a table, or all of them, and says what that did.
    #[pyo3(signature = (table=None))]
    fn pack<'py>(&self, py: Python<'py>, table: Option<&str>) -> PyResult<Bound<'py, PyDict>> {
        let pack = |stop: Stop<'_>| self.db.pack_until(table, PACKED_ROWS, stop);
        report::packed(py, &interruptible(py, pack)?)
    }

    /// Packs a table into segments of at least so many rows, where it has them.
    fn pack_table<'py>(
        &self,
        py: Python<'py>,
        table: &str,
        target_segment_points: usize,
    ) -> PyResult<Bound<'py, PyDict>> {
        let pack = |stop: Stop<'_>| self.db.pack_table_until(table, target_segment_points, stop);
        report::packed(py, &interruptible(py, pack)?)
    }

    /// Packs all tables and gives back the space that nothing needs any more.
    fn compact(&self, py: Python<'_>) -> PyResult<()> {
        interruptible(py, |stop| self.db.compact_until(stop))
    }

    /// Deletes the rows that are older than `retention_ms` and gives their space back.
    fn compact_retention_now<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        report::packed(py, &py.detach(|| self.db.compact_retention_now())?)
    }

    /// Moves a database of mode "r" on to what is committed by now.
    fn refresh(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| self.db.refresh())?)
    }

    /// Writes everything out and closes the file. Closing twice does nothing.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| self.db.close())?)
    }

    /// Moves all rows from the log into the compressed file; when it returns they survive power
    /// loss, at every level of durability.
    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| self.db.flush())?)
    }

    /// The names of all tables, sorted.
    fn tables(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        Ok(py.detach(|| self.db.tables())?)
    }

    /// The table of that name; `db[name]` is the same.
    fn table(&self, py: Python<'_>, name: &str) -> PyResult<Table> {
        let table = py.detach(|| self.db.table(name))?;
        Ok(Table::new(self.db.clone(), table))
    }

    /// Makes a table, or returns the one that is there with this very schema.
    #[pyo3(signature = (name, columns, *, time_unit=None, time_column="ts", key=None,
        on_conflict="all", storage="balanced", codecs=None))]
    #[allow(clippy::too_many_arguments, reason = "the keywords of the Python signature")]
    fn create_table(
        &self,
        py: Python<'_>,
        name: &str,
        columns: &Bound<'_, PyAny>,
        time_unit: Option<&str>,
        time_column: &str,
        key: Option<&Bound<'_, PyAny>>,
        on_conflict: &str,
        storage: &str,
        codecs: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Table> {
        let key = key.map(key_names).transpose()?.unwrap_or_default();
        let codecs = codecs.map(create::codecs).transpose()?.unwrap_or_default();
        let rules = Rules { time_unit, time_column, key, on_conflict, storage, codecs };
        self.make_table(py, name, create::spec(columns, &rules)?)
    }

    /// Drops a table with all its rows. Its name is free at once.
    fn drop_table(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        Ok(py.detach(|| self.db.drop_table(name))?)
    }

    /// Makes a table with columns of these types, or returns the one that is there.
    fn create_table_typed(
        &self,
        py: Python<'_>,
        table: &str,
        columns: &Bound<'_, PyAny>,
    ) -> PyResult<Table> {
        let table = nanots::create_typed(py, &self.db, table, columns)?;
        Ok(Table::new(self.db.clone(), table))
    }

    /// Appends a value to a series and returns its sequence number: 1, 2, 3 and so on, counting the
    /// rows of all tables.
    fn append(
        &self,
        py: Python<'_>,
        series: &str,
        ts_ms: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<u64> {
        nanots::append(py, &self.db, series, ts_ms, value)
    }

    /// Appends a row to a table and returns its sequence number.
    fn append_row(
        &self,
        py: Python<'_>,
        table: &str,
        ts_ms: &Bound<'_, PyAny>,
        values: &Bound<'_, PyAny>,
    ) -> PyResult<u64> {
        nanots::append_row(py, &self.db, table, ts_ms, values)
    }

    /// Appends a row of values of any type to a table and returns its sequence number.
    fn append_row_typed(
        &self,
        py: Python<'_>,
        table: &str,
        ts_ms: &Bound<'_, PyAny>,
        values: &Bound<'_, PyAny>,
    ) -> PyResult<u64> {
        nanots::append_row_typed(py, &self.db, table, ts_ms, values)
    }

    /// Appends the rows of an Arrow record batch, all of them or none, and returns how many.
    fn append_rows_arrow_capsules(
        &self,
        py: Python<'_>,
        table: &str,
        schema_capsule: &Bound<'_, PyAny>,
        array_capsule: &Bound<'_, PyAny>,
    ) -> PyResult<u64> {
        nanots::append_capsules(py, &self.db, table, schema_capsule, array_capsule)
    }

    /// Times and values of a series with `start_ms <= time <= end_ms`, in the order of time.
    fn query_range<'py>(
        &self,
        py: Python<'py>,
        series: &str,
        start_ms: &Bound<'py, PyAny>,
        end_ms: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyList>> {
        nanots::range_pairs(py, &self.db, series, start_ms, end_ms)
    }

    /// Times and columns of the rows with `start_ms <= time <= end_ms`, in the order of time.
    fn query_table_range_columns<'py>(
        &self,
        py: Python<'py>,
        table: &str,
        start_ms: &Bound<'py, PyAny>,
        end_ms: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyList>, Bound<'py, PyList>)> {
        nanots::range_columns(py, &self.db, table, start_ms, end_ms)
    }

    /// The same as `query_table_range_columns`, which reads columns of every type.
    fn query_table_range_typed<'py>(
        &self,
        py: Python<'py>,
        table: &str,
        start_ms: &Bound<'py, PyAny>,
        end_ms: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyList>, Bound<'py, PyList>)> {
        nanots::range_columns(py, &self.db, table, start_ms, end_ms)
    }

    /// The rows with `start_ms <= time <= end_ms` as one Arrow record batch, in two capsules.
    fn query_table_range_arrow_capsules<'py>(
        &self,
        py: Python<'py>,
        table: &str,
        start_ms: &Bound<'py, PyAny>,
        end_ms: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        nanots::range_capsules(py, &self.db, table, start_ms, end_ms)
    }

    /// The least and the greatest time of a table's rows, in its unit; None if it has none.
    fn table_time_range(&self, py: Python<'_>, table: &str) -> PyResult<Option<(i64, i64)>> {
        Ok(py.detach(|| self.db.table_time_range(table))?)
    }

    /// Carries out one SQL statement and returns how many rows it inserted. It is a `CREATE TABLE` or
    /// an `INSERT INTO ... VALUES`.
    fn execute(&self, py: Python<'_>, sql: &str) -> PyResult<u64> {
        Ok(py.detach(|| self.db.execute(sql))?)
    }

    /// How much waits to be flushed, and how much was written lately.
    fn diagnose<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let diagnosis = py.detach(|| self.db.diagnose())?;
        nanots::diagnosis(py, &diagnosis)
    }

    /// Counts and sizes, in rows and bytes, of the whole database or of one table.
    #[pyo3(signature = (table=None))]
    fn stats<'py>(&self, py: Python<'py>, table: Option<&str>) -> PyResult<Bound<'py, PyDict>> {
        match table {
            Some(name) => {
                let stats = py.detach(|| self.db.table(name)?.stats())?;
                report::table(py, &stats)
            }
            None => report::stats(py, &py.detach(|| self.db.stats())?),
        }
    }

    /// Reads the whole file and its log, and checks all of it.
    #[pyo3(signature = (*, progress=None))]
    fn verify<'py>(
        &self,
        py: Python<'py>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let db = &self.db;
        let verified = with_progress(py, progress.as_ref(), |tell| db.verify_with(tell))?;
        report::verified(py, &verified)
    }

    fn __getitem__(&self, py: Python<'_>, name: &str) -> PyResult<Table> {
        self.table(py, name)
    }

    fn __contains__(&self, py: Python<'_>, name: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Ok(name) = name.extract::<&str>() else { return Ok(false) };
        Ok(py.detach(|| self.db.find_table(name))?.is_some())
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.close(py)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        py.detach(|| describe::database(&self.db))
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("chronolite._html")?.call_method1("database", (slf,))
    }
}

fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::ReadWrite => "rw",
        Mode::Read => "r",
    }
}

fn durability_name(durability: Durability) -> &'static str {
    match durability {
        Durability::Sync => "sync",
        Durability::Interval => "interval",
        Durability::None => "none",
    }
}

/// The key's columns: a list of names, or the name of a single one.
fn key_names(key: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    if let Ok(name) = key.cast::<PyString>() {
        return Ok(vec![name.to_str()?.to_owned()]);
    }
    let names = key.try_iter().map_err(|_| wrong_type("key is a list of column names"))?;
    names.map(|name| name?.extract()).collect()
}
